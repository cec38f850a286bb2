/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture that is received over and over is kept in memory, where that is wise: a large one, or
 * one that memory is short for, is read from its file again each time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/page.h"
#include "mem/supply.h"
#include "pcap_port.h"

#define MAX_STORE ((size_t)1 << 30)
/* A frame's entry is larger than its header in the file, and is copied when the list grows. */
#define MAX_COST  4

/* Addresses the process may still use. */
static uint64_t
addresses_left(void)
{
	unsigned long long pages = 0;
	struct rlimit limit;
	FILE *f;

	if (getrlimit(RLIMIT_AS, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	f = fopen("/proc/self/statm", "re");
	if (!f || fscanf(f, "%llu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	pages *= page_bytes();
	return limit.rlim_cur > pages ? limit.rlim_cur - pages : 0;
}

static bool
is_wise(const struct pcap_port *pp, size_t bytes)
{
	const struct baton_ctx *ctx = pp->port.ctx;
	struct text why = { 0 };

	if (bytes > MAX_STORE || bytes * MAX_COST > addresses_left() / 2)
		return false;
	return !mem_small_missing(ctx->mem_os ? ctx->mem_os : &mem_os_host, bytes * MAX_COST,
				  BATON_NODE_ANY, &why);
}

static bool
store_frame(struct pcap_store *s, size_t room, const struct capture_record *rec)
{
	const uint32_t len = rec->data ? rec->caplen : 0;

	if (len > room - s->n_bytes)
		return false; /* the file has grown */
	if (s->n_frames == s->cap_frames) {
		size_t cap = s->cap_frames ? 2 * s->cap_frames : 1024;
		void *p = reallocarray(s->frames, cap, sizeof(*s->frames));

		if (!p)
			return false;
		s->frames = p;
		s->cap_frames = cap;
	}
	if (len)
		memcpy(s->bytes + s->n_bytes, rec->data, len);
	s->frames[s->n_frames++] = (struct pcap_frame){ s->n_bytes, rec->caplen, rec->link };
	s->n_bytes += len;
	return true;
}

/* Read all records. Return: what pcap_rx_next() said last; 1: they do not fit. */
static int
read_all(struct pcap_port *pp, size_t room)
{
	struct capture_record rec;
	int ret;

	while ((ret = pcap_rx_next(pp, &rec)) >= 0) {
		if (ret && rec.caplen < rec.len)
			pcap_rx_note_truncated(pp, &rec);
		if (ret && !store_frame(&pp->store, room, &rec))
			return 1;
	}
	return ret;
}

/* Go back to the beginning of the file. */
static void
again(struct pcap_port *pp)
{
	pcap_store_free(&pp->store);
	pcap_source_rewind(&pp->in);
	capture_begin(pp->reader);
	pp->truncated = 0;
}

/* One record is enough to know that there is something to receive for ever. */
static int
check_any(struct pcap_port *pp)
{
	struct capture_record rec;
	int ret;

	pp->in.blocks = true;
	ret = pcap_rx_next(pp, &rec);
	pp->in.blocks = false;
	if (ret == PCAP_END || (ret < 0 && !pp->reader->number))
		return baton_err(EBADMSG, "%s has no packet to receive for ever", pp->in.end.path);
	again(pp);
	return 0;
}

int
pcap_store_load(struct pcap_port *pp)
{
	const off_t size = pp->in.end.st.st_size - pp->in.base;
	const size_t room = size > 0 ? (size_t)size : 0;
	int ret;

	if (!is_wise(pp, room))
		return check_any(pp);
	pp->store.bytes = malloc(room ? room : 1);
	if (!pp->store.bytes)
		return check_any(pp);
	pp->in.blocks = true; /* this thread may wait */
	ret = read_all(pp, room);
	pp->in.blocks = false;
	if (ret > 0) {
		again(pp);
		return 0;
	}
	if (!pp->store.n_frames)
		return baton_err(EBADMSG, "%s has no packet to receive for ever", pp->in.end.path);
	if (ret != PCAP_END) {
		pcap_rx_log_damage(pp);
		pp->damaged = true;
	}
	return 0;
}

void
pcap_store_free(struct pcap_store *s)
{
	free(s->bytes);
	free(s->frames);
	*s = (struct pcap_store){ 0 };
}
