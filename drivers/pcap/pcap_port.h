/* SPDX-License-Identifier: BSD-3-Clause */
/* net_pcap: a port that receives from a capture file and sends into another. */
#ifndef BATON_PCAP_PORT_H
#define BATON_PCAP_PORT_H

#include <pcap/pcap.h>

#include "base/err.h"
#include "dma/pool.h"
#include "port/driver.h"

#define PCAP_MAX_FRAME (BATON_MAX_MTU + 18) /* Ethernet header, one VLAN tag */
#define PCAP_MIN_FRAME 14
#define PCAP_MAX_SEGS  16

struct pcap_frame {
	size_t at; /* offset in pcap_store.bytes */
	uint32_t len;
};

/* A whole file in memory, to be received over and over at the speed of memory. */
struct pcap_store {
	uint8_t *bytes;
	struct pcap_frame *frames;
	size_t n_bytes, n_frames, cap_bytes, cap_frames;
	size_t next; /* the next frame to receive */
};

struct pcap_port {
	struct baton_port port;
	char *rx_path, *tx_path; /* NULL: the port receives nothing, or drops what it is given */
	uint8_t infinite;
	uint8_t used; /* the port was started before: a further start reads from the beginning */

	/* RX: used by the worker of the queue while the port is started. */
	pcap_t *in;
	struct pcap_store store;
	uint64_t number;      /* number of the packet read last, from 1 */
	const uint8_t *frame; /* a packet that was read and waits for room or buffers; NULL: none */
	uint32_t frame_len;
	uint8_t ended;

	/* TX: used by the worker of the queue while the port is started. */
	pcap_t *dead; /* has the link type of the file, as libpcap needs it */
	pcap_dumper_t *out;
	long good; /* length of the file at the end of the last burst that was written completely */
	uint8_t broken;
	uint8_t *scratch; /* PCAP_MAX_FRAME bytes: a packet of several buffers in one piece */
};

/* rx.c */
int pcap_rx_open(struct pcap_port *pp);
void pcap_rx_close(struct pcap_port *pp);
int pcap_rx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n);

/* tx.c */
int pcap_tx_open(struct pcap_port *pp);
void pcap_tx_flush(struct pcap_port *pp);
void pcap_tx_close(struct pcap_port *pp);
int pcap_tx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n);

#endif
