/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_pcap: a port that receives from a capture and sends into another: files, FIFOs, pipes,
 * sockets and devices.
 *
 * No burst waits for the other side of a pipe: what is not there yet is received by a later burst,
 * and what cannot be written yet is refused as by a full ring.
 */
#ifndef BATON_PCAP_PORT_H
#define BATON_PCAP_PORT_H

#include <sys/stat.h>

#include "base/err.h"
#include "dma/pool.h"
#include "port/driver.h"
#include "reader.h"

#define PCAP_MAX_FRAME CAPTURE_MAX_RECORD
#define PCAP_MIN_FRAME 14
#define PCAP_MAX_SEGS  256

enum pcap_kind {
	PCAP_FILE,   /* a regular file */
	PCAP_STREAM, /* a FIFO, a pipe or a character device that we have opened: O_NONBLOCK */
	PCAP_SHARED, /* the same, opened by somebody else: its flags are not ours to change */
	PCAP_SOCKET,
};

/* What a port reads from, or writes to. */
struct pcap_end {
	char *path;       /* as given; NULL: the port has none */
	const char *name; /* for messages: the path, "standard input" or "standard output" */
	int number;       /* of the descriptor that the path names, such as 0 for "-"; else -1 */
	int fd;           /* -1: not open; a FIFO to write to: has no reader yet */
	enum pcap_kind kind;
	struct stat st; /* of the open file */
	bool created;   /* we have created the file */
};

/* Bytes of a capture as they come, with a window for the reader. */
struct pcap_source {
	struct pcap_end end;
	uint8_t *buf;      /* SOURCE_BYTES of them */
	size_t at, filled; /* the window is buf[at] to buf[filled - 1] */
	off_t base, pos;   /* PCAP_FILE: where the capture begins, and the next read */
	off_t advised;     /* PCAP_FILE: end of what the kernel was asked to read ahead */
	uint64_t since;    /* PCAP_FILE: time in ns since when no byte was there; 0: there was */
	bool blocks;       /* the file system cannot say whether a read would wait */
	bool ended;
};

/* Bytes to be written. */
struct pcap_sink {
	struct pcap_end end;
	uint8_t *buf;      /* SINK_BYTES of them */
	size_t at, filled; /* buf[at] to buf[filled - 1] are to be written */
	size_t part;       /* bytes at the front that belong to what was begun to be written */
	bool part_is_record;
	uint32_t part_len; /* bytes of that packet */
	unsigned records;  /* packets in buf, the one begun included */
	off_t written;     /* bytes that were written */
	off_t good;        /* of these, those up to the end of the last complete packet */
	bool began;        /* the capture's header was put into buf */
	bool broken;
};

struct pcap_frame {
	size_t at; /* offset in pcap_store.bytes */
	uint32_t len;
	uint32_t link;
};

/* A whole file in memory, to be received over and over at the speed of memory. */
struct pcap_store {
	uint8_t *bytes;
	struct pcap_frame *frames;
	size_t n_bytes, n_frames, cap_frames;
	size_t next; /* the next frame to receive */
};

struct pcap_port {
	struct baton_port port;
	uint8_t infinite;
	uint8_t used; /* the port was started before: a further start reads from the beginning */

	/* RX: used by the worker of the queue while the port is started. */
	struct pcap_source in;
	struct capture_reader *reader;
	struct pcap_store store; /* frames NULL: the capture is read as it is received */
	const uint8_t *frame;    /* a packet that waits for room or buffers; NULL: none */
	uint32_t frame_len;
	uint32_t reported;  /* a bit for each enum rx_error: logged once a port */
	uint64_t truncated; /* packets that the capture has in part only; relaxed */
	bool ended;
	bool damaged; /* the capture in memory is damaged behind its last packet: to be counted */

	/* TX: used by the worker of the queue while the port is started. */
	struct pcap_sink out;
};

extern const struct baton_driver pcap_driver;

#define PCAP_END (-ENODATA) /* the end of a source */

/* files.c: opening without harm; control thread */
/** Open what is received from. end->path is set. */
int pcap_end_open_rx(struct pcap_port *pp);
/** Open what is sent to. Nothing of it is changed yet. */
int pcap_end_open_tx(struct pcap_port *pp);
/**
 * Connect to the reader of a FIFO. The queue's thread, too. Return: 0; -EAGAIN: there is none yet;
 * another negative errno.
 */
int pcap_end_connect(struct pcap_end *end);
void pcap_end_close(struct pcap_end *end);

/* source.c */
int pcap_source_open(struct pcap_source *s);
void pcap_source_close(struct pcap_source *s);
/** Go back to the beginning of a file. */
void pcap_source_rewind(struct pcap_source *s);
/** Leave out @n bytes of a file that are not in the window. Return: false: it is no file. */
bool pcap_source_skip(struct pcap_source *s, uint64_t n);
/**
 * Get more bytes into the window, without waiting for them. Return: their number; 0: none are there
 * yet; PCAP_END; another negative errno.
 */
ssize_t pcap_source_fill(struct pcap_source *s);

/* sink.c */
int pcap_sink_open(struct pcap_sink *s);
void pcap_sink_close(struct pcap_sink *s);
/** Is there room for a packet of @len bytes? */
bool pcap_sink_room(struct pcap_sink *s, uint32_t len);
/** Append a packet's header. Return: where its @len bytes go. There is room. */
uint8_t *pcap_sink_append(struct pcap_sink *s, uint32_t len, const struct timespec *ts);
/** The port starts for the first time: empty the file, and begin a capture. */
int pcap_sink_begin(struct pcap_sink *s);
/**
 * Write what can be written without waiting. Return: 0; a negative errno: nothing can be written
 * any more, s->broken is set, and what was not written is still in s->buf.
 */
int pcap_sink_flush(struct pcap_sink *s);
/** Wait for the sink to take all, at most until @deadline_ns. */
int pcap_sink_drain(struct pcap_sink *s, uint64_t deadline_ns);
/** Drop the packets that were not written; one begun stays unless @all. Return: their number, and
 * the bytes of the last @last of them. */
unsigned pcap_sink_drop(struct pcap_sink *s, bool all, unsigned last, uint64_t *bytes);

/* store.c */
/** Read the whole capture into memory if that is wise. Return: 0, also if it is not. */
int pcap_store_load(struct pcap_port *pp);
void pcap_store_free(struct pcap_store *s);

/* rx.c */
int pcap_rx_open(struct pcap_port *pp);
int pcap_rx_start(struct pcap_port *pp);
void pcap_rx_close(struct pcap_port *pp);
int pcap_rx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n);
/** Get the next record of the capture; control thread or the queue's. Return: 1; 0: not there yet;
 * PCAP_END: no more; -EINVAL: it cannot be read on, and reader->why says why. */
int pcap_rx_next(struct pcap_port *pp, struct capture_record *record);
/** Log that the capture cannot be read on. */
void pcap_rx_log_damage(struct pcap_port *pp);
/** Count a packet that the capture has in part only; log the first. */
void pcap_rx_note_truncated(struct pcap_port *pp, const struct capture_record *record);

/* tx.c */
int pcap_tx_open(struct pcap_port *pp);
int pcap_tx_start(struct pcap_port *pp);
int pcap_tx_stop(struct pcap_port *pp);
void pcap_tx_close(struct pcap_port *pp);
int pcap_tx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n);
int pcap_tx_nowhere(struct baton_queue *q, struct baton_token *tokens, unsigned n);

#endif
