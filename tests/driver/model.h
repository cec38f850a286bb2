/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device in the test's own process, as the conformance suite sees it: a model and names. No
 * scenario asks which device it is. What a model has not is NULL, and what its driver declares it
 * cannot is a bit of `cannot`, for which the suite asserts -ENOTSUP.
 */
#ifndef DRIVER_MODEL_H
#define DRIVER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <baton/baton.h>

#define MODEL_FRAME_MAX 9200

enum model_cannot {
	CANNOT_STOP_QUEUE = 1, /* one queue alone */
	CANNOT_WAKE_RX = 2,
	CANNOT_WAKE_TX = 4,
	CANNOT_SET = 8, /* MAC, modes, tables */
};

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

struct model {
	const char *name;
	unsigned cannot;
	/* Make the device and whatever it is in. @spec: what baton_port_open() gets. */
	void *(*start)(struct baton_ctx *ctx, char *spec, size_t room);
	void (*stop)(void *dev);
	/* The port is open. Or NULL. */
	void (*opened)(void *dev, struct baton_port *port);

	/* The device receives a frame. Return: false: no room. */
	bool (*receive)(void *dev, const void *frame, uint32_t len);
	/* It writes @len bytes of a packet whose end is not there, and then its end of @more bytes.
	 * NULL: it cannot. */
	bool (*begin)(void *dev, uint32_t len);
	bool (*end)(void *dev, uint32_t more);
	/* A packet that the device says is damaged. NULL: it has no word for that. */
	bool (*damaged)(void *dev);
	/* It sends the next packet. Return: its length; 0: none; -1: it cannot reach it. */
	int (*send)(void *dev, void *frame);
	/* Return: whether it could; false also if it has no such lie. */
	bool (*lie)(void *dev, enum model_lie lie);

	/* From now on it confirms nothing; and does again. */
	void (*keep)(void *dev, bool on);
	/* The same for one queue. NULL: as `keep`. */
	void (*keep_queue)(void *dev, bool on);
	/* It goes away: for good (removed), or to come back by itself (lost). NULL: it does not. */
	void (*remove)(void *dev);
	void (*lose)(void *dev);
	/* Accesses to what is not mapped for it, so far. */
	unsigned (*strays)(const void *dev);
	/* Whether it has this MAC, these modes (bit 0 all packets, 1 all multicast), this further
	 * address and this VLAN. */
	bool (*has)(const void *dev, const uint8_t mac[6], unsigned modes, const uint8_t more[6],
		    uint16_t vid);
};

extern const struct model example_model, virtio_model;

/** The models of a rig, NULL at the end. */
extern const struct model *const rig_models[];

/** The suite. @models: NULL at the end. Return: as cmocka. */
int conform(const struct model *const *models);

#endif
