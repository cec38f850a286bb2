/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * baton-testpmd with a NIC model of QEMU as its device QTEST_BDF.
 *
 * The program's own objects are linked with this file, which makes the PCI devices of its context
 * come from QEMU (qtest.h). The environment has QTEST_DEVICE, as after -device, and QTEST_SOCKET:
 * the number of a UNIX socket that receives the socket of the frames, by SCM_RIGHTS.
 */
#include "qtest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct baton_ctx *device_of;
static struct qtest *model;

int __real_baton_ctx_create(const struct baton_ctx_config *config, struct baton_ctx **out);
int __real_baton_ctx_destroy(struct baton_ctx *ctx);
int __wrap_baton_ctx_create(const struct baton_ctx_config *config, struct baton_ctx **out);
int __wrap_baton_ctx_destroy(struct baton_ctx *ctx);

static const char *
setting(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		fprintf(stderr, "qtest_testpmd: %s is not set\n", name);
	return value;
}

static bool
hand_over(int to, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	struct iovec byte = { .iov_base = (char[]){ 'f' }, .iov_len = 1 };
	const struct msghdr msg = { .msg_iov = &byte,
				    .msg_iovlen = 1,
				    .msg_control = control.room,
				    .msg_controllen = sizeof(control.room) };

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(to, &msg, MSG_NOSIGNAL) == 1;
}

int
__wrap_baton_ctx_create(const struct baton_ctx_config *config, struct baton_ctx **out)
{
	const char *device = setting("QTEST_DEVICE"), *fd = setting("QTEST_SOCKET");
	int ret = __real_baton_ctx_create(config, out);

	if (ret < 0 || model || !device || !fd)
		return ret;
	if (qtest_missing()) {
		fprintf(stderr, "skipped: %s\n", qtest_missing());
		exit(77);
	}
	device_of = *out;
	model = qtest_start(*out, device, false);
	if (!hand_over(atoi(fd), model->frames)) {
		perror("qtest_testpmd: the socket of the frames");
		exit(1);
	}
	return ret;
}

int
__wrap_baton_ctx_destroy(struct baton_ctx *ctx)
{
	int ret = __real_baton_ctx_destroy(ctx);

	if (model && ctx == device_of && ret == 0) {
		if (qtest_strays(model))
			fprintf(stderr, "qtest_testpmd: the device was where nothing is mapped\n");
		qtest_stop(model);
		model = NULL;
	}
	return ret;
}
