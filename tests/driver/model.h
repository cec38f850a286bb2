/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device in the test's own process, as the conformance suite sees it: a model and names. No
 * scenario asks which device it is. What its driver can is said by the driver's list of features,
 * which the suite holds against what happens; what a model has not is NULL.
 */
#ifndef DRIVER_MODEL_H
#define DRIVER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <baton/baton.h>

#include "feature_list.h"

#define MODEL_FRAME_MAX 9200

/* What a device must not do. */
enum model_lie {
	LIE_LONG,    /* more bytes than the buffer has */
	LIE_KEY,     /* a completion of a key that there is not */
	LIE_TWICE,   /* one completed twice */
	LIE_AHEAD,   /* more completions than were posted */
	LIE_ENDLESS, /* a packet that has no end */
	LIE_ONES,    /* a completion of all ones */
	LIE_TURN,    /* a buffer of a ring before the one whose turn it is */
	LIE_RING,    /* a packet that begins in a ring of further buffers */
	LIES
};

/* Settings of a device. */
struct model_settings {
	uint64_t which; /* F_BIT() of the settings that count */
	bool promisc, allmulti;
	uint8_t mac[6];
	uint8_t more[6];                /* a further address */
	uint16_t vid;                   /* a VLAN that passes */
	uint32_t speeds;                /* BATON_SPEED_* that it may have, */
	bool fixed;                     /* without autonegotiation */
	struct baton_flow_control flow; /* without what is in use */
};

struct gso;

struct model {
	const char *name;
	const char *list; /* of features: its path in the tree */
	uint64_t lacks;   /* F_BIT() of features that the list has "partly", and this device not */
	uint64_t elsewhere; /* F_BIT() of features that are "partly", and other rigs show */
	bool brief;        /* direct and bounced, and no other ways: another model of the driver has
			    all */
	uint32_t shortest; /* frame that it passes on as it is, in bytes; 0: any */
	/* Make the device and whatever it is in. @spec: what baton_port_open() gets. */
	void *(*start)(struct baton_ctx *ctx, char *spec, size_t room);
	void (*stop)(void *dev);
	/* What it has in the test's context ends. NULL: it has nothing there. */
	void (*leave)(void *dev);
	/* The port is open, for the first time or again. Or NULL. */
	void (*opened)(void *dev, struct baton_port *port);

	/* The device receives a frame. Return: false: no room. NULL: it receives nothing. */
	bool (*receive)(void *dev, unsigned queue, const void *frame, uint32_t len);
	/* The same, and it says that the frame's L4 checksum is right. */
	bool (*receive_good)(void *dev, unsigned queue, const void *frame, uint32_t len);
	/* It receives a packet whole that is longer than the MTU: segment_made.h has what it is.
	 * NULL: it cannot. */
	bool (*receive_whole)(void *dev, unsigned queue, const struct gso *packet);
	/* It writes @len bytes of a packet whose end is not there, and then its end of @more bytes.
	 * NULL: it cannot. */
	bool (*begin)(void *dev, uint32_t len);
	bool (*end)(void *dev, uint32_t more);
	/* From now on, a rule gives packets this mark; 0: none. NULL: it has no rules. */
	void (*mark)(void *dev, uint32_t mark);
	/* A packet that the device says is damaged. NULL: it has no word for that. */
	bool (*damaged)(void *dev);
	/* It sends the next packet. Return: its length; 0: none; -1: it cannot reach it. NULL: what
	 * is sent ends there. */
	int (*send)(void *dev, unsigned queue, void *frame);
	/* Checksums that it has filled in, so far. */
	unsigned (*csums)(const void *dev);
	/* Packets that it has cut into segments, so far; send() gets these one by one. NULL: it
	 * does not. */
	unsigned (*cuts)(const void *dev);
	uint8_t forgets; /* TCP flags of the last segment that it drops, against the rules */
	/* Packets that it has said a hash of, so far; receive() says it. NULL: it does not. */
	unsigned (*hashes)(const void *dev);
	/* Return: whether it could; false also if it has no such lie. */
	bool (*lie)(void *dev, enum model_lie lie);
	/* The same of packets that it is to send, of which there are two at least. NULL: it has no
	 * lie. */
	bool (*lie_tx)(void *dev, enum model_lie lie);

	/* From now on it confirms nothing; and does again. */
	void (*keep)(void *dev, bool on);
	const char *impatient; /* arguments for a port that need not wait long for an answer; or
				  NULL */
	/* It goes away: for good (removed), or to come back by itself (lost). NULL: it does not. */
	void (*remove)(void *dev);
	void (*lose)(void *dev);
	/* Its link. NULL: it has none that changes. */
	void (*link)(void *dev, bool up);
	/* Accesses to what is not mapped for it, so far. NULL: it accesses nothing. */
	unsigned (*strays)(const void *dev);
	/* Whether it has these settings. NULL: nobody can see that. */
	bool (*has)(const void *dev, const struct model_settings *s);
};

/** The models of a rig, NULL at the end. */
extern const struct model *const rig_models[];

/** The suite. @models: NULL at the end. Return: as cmocka. */
int conform(const struct model *const *models);

#endif
