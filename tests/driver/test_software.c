/* SPDX-License-Identifier: BSD-3-Clause */
/* The conformance suite in front of the drivers that have no device: net_null and net_pcap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model.h"

/* ---- net_null: packets of one size come, and what is sent ends there ---- */

static void *
null_start(struct baton_ctx *ctx, char *spec, size_t room)
{
	snprintf(spec, room, "net_null0,copy=1,size=3000");
	return spec;
}

static void
null_stop(void *dev)
{
}

static const struct model null_model = {
	.name = "null",
	.list = "drivers/null/features.txt",
	.start = null_start,
	.stop = null_stop,
};

/* ---- net_pcap: this end of a FIFO, and the file that it writes ---- */

struct capture {
	char dir[64], in[96], out[96];
	int in_fd, out_fd;
};

/* Of a pcap file: magic, version, zone, accuracy, snap length, Ethernet. */
static const uint32_t file_header[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1 };

static void *
pcap_start(struct baton_ctx *ctx, char *spec, size_t room)
{
	struct capture *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	snprintf(c->dir, sizeof(c->dir), "/tmp/conform.XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	snprintf(c->in, sizeof(c->in), "%s/in", c->dir);
	snprintf(c->out, sizeof(c->out), "%s/out", c->dir);
	assert_int_equal(mkfifo(c->in, 0600), 0);
	c->in_fd = c->out_fd = -1;
	snprintf(spec, room, "net_pcap0,rx_pcap=%s,tx_pcap=%s", c->in, c->out);
	return c;
}

static void
end(int *fd)
{
	if (*fd >= 0)
		assert_int_equal(close(*fd), 0);
	*fd = -1;
}

static void
pcap_stop(void *dev)
{
	struct capture *c = dev;

	end(&c->in_fd);
	end(&c->out_fd);
	unlink(c->in);
	unlink(c->out);
	assert_int_equal(rmdir(c->dir), 0);
	free(c);
}

/* The port reads a new capture, and will write one. */
static void
pcap_opened(void *dev, struct baton_port *port)
{
	struct capture *c = dev;

	end(&c->in_fd);
	end(&c->out_fd);
	c->in_fd = open(c->in, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(c->in_fd >= 0);
	assert_int_equal(write(c->in_fd, file_header, sizeof(file_header)), sizeof(file_header));
	c->out_fd = open(c->out, O_RDONLY | O_CLOEXEC);
	assert_true(c->out_fd >= 0);
}

static bool
pcap_receive(void *dev, unsigned queue, const void *frame, uint32_t len)
{
	const struct capture *c = dev;
	uint8_t record[16 + MODEL_FRAME_MAX] = { 0 };

	memcpy(record + 8, &len, 4);
	memcpy(record + 12, &len, 4);
	memcpy(record + 16, frame, len);
	return write(c->in_fd, record, 16 + len) == (ssize_t)(16 + len);
}

static int
pcap_send(void *dev, unsigned queue, void *frame)
{
	const struct capture *c = dev;
	uint32_t head[6];

	if (lseek(c->out_fd, 0, SEEK_CUR) == 0) {
		if (read(c->out_fd, head, sizeof(head)) != sizeof(head))
			return 0;
		assert_int_equal(head[0], file_header[0]);
		assert_int_equal(head[5], 1);
	}
	if (read(c->out_fd, head, 16) != 16)
		return 0;
	assert_true(head[2] <= MODEL_FRAME_MAX && head[2] == head[3]);
	assert_int_equal(read(c->out_fd, frame, head[2]), head[2]);
	return (int)head[2];
}

static const struct model pcap_model = {
	.name = "pcap",
	.list = "drivers/pcap/features.txt",
	.start = pcap_start,
	.stop = pcap_stop,
	.opened = pcap_opened,
	.receive = pcap_receive,
	.send = pcap_send,
};

const struct model *const rig_models[] = { &null_model, &pcap_model, NULL };
