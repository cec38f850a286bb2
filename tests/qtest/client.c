/* SPDX-License-Identifier: BSD-3-Clause */
/* The client itself: what it says when QEMU does not do its part, and NICs without a driver on it.
 */
#include "qtest.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Registers of the 82574L (datasheet 6.9, chapter 10) and of the 82576, which has them in common.
 */
#define CTRL         0x0000
#define CTRL_SLU     (1u << 6)
#define CTRL_RST     (1u << 26)
#define STATUS       0x0008
#define STATUS_LU    (1u << 1)
#define EERD         0x0014
#define EERD_START   1u
#define EERD_DONE    (1u << 1)
#define ICS          0x00c8
#define TCTL         0x0400
#define TCTL_EN      (1u << 1)
#define RAL          0x5400
#define RAH          0x5404
#define TDBAL        0
#define TDLEN        8
#define TDT          0x18
#define TXDCTL       0x28
#define QUEUE_ENABLE (1u << 25)

struct nic {
	const char *name;
	uint16_t device;
	unsigned vectors;
	uint32_t tx; /* registers of the first TX queue */
};

static const struct nic nics[] = {
	{ .name = "e1000e", .device = 0x10d3, .vectors = 5, .tx = 0x3800 },
	{ .name = "igb", .device = 0x10c9, .vectors = 10, .tx = 0xe000 },
};

struct bench {
	struct baton_ctx *ctx;
	struct qtest *q;
	struct baton_ioas *ioas;
	struct pci_device *dev;
	struct pci_reg bar;
	struct baton_arena *arena;
	struct baton_arena_info memory;
	struct baton_mapping *mapping;
	struct baton_mapping_info at;
};

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

static void
begin(struct bench *b, const char *device)
{
	struct baton_ctx_config c = { .size = sizeof(c) };

	memset(b, 0, sizeof(*b));
	must(baton_ctx_create(&c, &b->ctx));
	b->q = qtest_start(b->ctx, device, false);
}

static void
end(struct bench *b)
{
	must(baton_ctx_destroy(b->ctx));
	qtest_stop(b->q);
}

/* Open the function as a driver does, and map some memory for it. */
static void
open_nic(struct bench *b, uint32_t bar_bytes)
{
	struct baton_mem_config m;

	must(baton_ctx_ioas(b->ctx, &b->ioas));
	must(pci_open(b->ctx, b->ioas, QTEST_BDF, &b->dev));
	must(pci_reg(b->dev, 0, 0, bar_bytes, &b->bar));
	must(pci_bus_master(b->dev, true));
	baton_mem_config_init(&m);
	m.bytes = 1 << 16;
	m.page_size = BATON_PAGE_BASE;
	must(baton_arena_create(b->ctx, &m, &b->arena));
	baton_arena_info(b->arena, &b->memory);
	memset(b->memory.base, 0x55, 4096); /* what is there before comes along */
	must(baton_ioas_map_arena(b->ioas, b->arena, 0, &b->mapping));
	baton_mapping_info(b->mapping, &b->at);
}

static void
close_nic(struct bench *b)
{
	if (b->mapping)
		must(baton_ioas_unmap(b->mapping));
	pci_close(b->dev);
	baton_arena_destroy(b->arena);
}

static uint32_t
get(const struct bench *b, uint32_t reg)
{
	return pci_read32(&b->bar, reg);
}

static void
set(const struct bench *b, uint32_t reg, uint32_t v)
{
	pci_write32(&b->bar, reg, v);
}

/* ---- NICs ---- */

static uint16_t
eeprom(const struct bench *b, uint32_t word)
{
	uint32_t v = 0;

	set(b, EERD, word << 2 | EERD_START);
	for (unsigned k = 0; k < 100 && !((v = get(b, EERD)) & EERD_DONE); k++)
		qtest_sync(b->q);
	assert_true(v & EERD_DONE);
	return (uint16_t)(v >> 16);
}

/* 82574L 6.1: the first 64 words add up to 0xbaba; the first three are the address, which RAL has.
 */
static void
check_eeprom(const struct bench *b)
{
	uint16_t sum = 0;
	uint8_t mac[6];

	for (uint32_t i = 0; i < 64; i++)
		sum = (uint16_t)(sum + eeprom(b, i));
	assert_int_equal(sum, 0xbaba);
	for (uint32_t i = 0; i < 3; i++) {
		mac[2 * i] = (uint8_t)eeprom(b, i);
		mac[2 * i + 1] = (uint8_t)(eeprom(b, i) >> 8);
	}
	assert_int_equal(get(b, RAL), (uint32_t)mac[0] | (uint32_t)mac[1] << 8 |
					      (uint32_t)mac[2] << 16 | (uint32_t)mac[3] << 24);
	assert_int_equal(get(b, RAH) & 0xffff, mac[4] | mac[5] << 8);
	assert_int_equal(mac[0], 0x52); /* QEMU's own */
}

/* One legacy descriptor (82574L 7.2.10.1) at @iova sends 60 bytes behind it. */
static void
send_one(struct bench *b, const struct nic *n, uint64_t iova, uint8_t *descriptor)
{
	const uint64_t packet = iova + 64;

	memset(descriptor, 0, 16);
	memcpy(descriptor, &packet, 8);
	descriptor[8] = 60;
	descriptor[11] = 0x0b; /* RS, IFCS, EOP */
	set(b, CTRL, get(b, CTRL) | CTRL_SLU);
	set(b, n->tx + TDBAL, (uint32_t)iova);
	set(b, n->tx + TDBAL + 4, (uint32_t)(iova >> 32));
	set(b, n->tx + TDLEN, 128);
	set(b, n->tx + TXDCTL, get(b, n->tx + TXDCTL) | QUEUE_ENABLE);
	set(b, TCTL, TCTL_EN);
	set(b, n->tx + TDT, 1);
}

static void
sends(struct bench *b, const struct nic *n)
{
	uint8_t *packet = (uint8_t *)b->memory.base + 64, got[128];

	for (unsigned i = 0; i < 60; i++)
		packet[i] = (uint8_t)(i * 3);
	send_one(b, n, b->at.iova, b->memory.base);
	assert_int_equal(qtest_receive(b->q, got, sizeof(got)), 60);
	assert_memory_equal(got, packet, 60);
	assert_true(((volatile uint8_t *)b->memory.base)[12] & 1); /* DD */
	assert_int_equal(qtest_receive(b->q, got, sizeof(got)), 0);
	assert_int_equal(qtest_strays(b->q), 0);
}

static void
nic(void **state)
{
	const struct nic *n = *state;
	struct pci_info info;
	struct bench b;

	begin(&b, n->name);
	must(pci_find(&b.q->pci.os, QTEST_BDF, &info));
	assert_int_equal(info.vendor, 0x8086);
	assert_int_equal(info.device, n->device);
	open_nic(&b, 0x20000);
	assert_int_equal(b.dev->n_vectors, n->vectors);
	assert_true(b.dev->can_reset);
	set(&b, CTRL, get(&b, CTRL) | CTRL_RST);
	qtest_sync(b.q);
	assert_int_equal(get(&b, CTRL) & CTRL_RST, 0);
	check_eeprom(&b);
	sends(&b, n);
	/* A reset by VFIO: registers are as after power-on, and BARs where they were. */
	set(&b, RAL, 0x12345678);
	must(pci_reset(b.dev));
	check_eeprom(&b);
	must(pci_bus_master(b.dev, true));
	sends(&b, n);
	close_nic(&b);
	end(&b);
}

/* What is unmapped is out of the device's reach, and that it tried is seen. */
static void
strays(void **state)
{
	uint8_t *page;
	struct bench b;
	uint64_t iova;
	uint8_t got[128];

	begin(&b, "e1000e");
	open_nic(&b, 0x20000);
	sends(&b, &nics[0]);
	page = b.memory.base;
	assert_int_equal(page[4095], 0x55);
	iova = b.at.iova;
	must(baton_ioas_unmap(b.mapping));
	b.mapping = NULL;
	assert_int_equal(page[4095], 0x55); /* what was there comes back */
	assert_true(page[12] & 1);
	assert_null(qtest_memory(b.q, iova, 1));
	assert_int_equal(qtest_strays(b.q), 0);
	memset(page, 0, 16);
	set(&b, nics[0].tx + TDT, 0);
	set(&b, nics[0].tx + TDT, 1);
	while (qtest_receive(b.q, got, sizeof(got)))
		;
	assert_true(qtest_strays(b.q) >= 4096);
	assert_int_equal(page[12], 0);
	close_nic(&b);
	end(&b);
}

static bool
rings(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t n;

	return poll(&p, 1, ms) == 1 && read(fd, &n, sizeof(n)) == sizeof(n);
}

/* The third vector of the 82574L, by a cause that is set by hand: 82574L 7.4, 10.2.4. */
static void
interrupts(void **state)
{
	int fds[3] = { -1, -1, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	struct bench b;

	begin(&b, "e1000e");
	open_nic(&b, 0x20000);
	must(pci_msix_enable(b.dev, fds, 3));
	set(&b, 0x00e4, 0x80000 | 2 << 8 | 1u << 11); /* IVAR: TX queue 0 to vector 2 */
	set(&b, 0x00d0, 1u << 22);                    /* IMS: TXQ0 */
	assert_false(rings(fds[2], 0));
	set(&b, ICS, 1u << 22);
	assert_true(rings(fds[2], 20000));
	must(pci_msix_disable(b.dev));
	set(&b, 0x00d0, 1u << 22);
	set(&b, ICS, 1u << 22);
	qtest_sync(b.q);
	qtest_interrupts(b.q);
	assert_false(rings(fds[2], 0));
	close(fds[2]);
	close_nic(&b);
	end(&b);
}

/* ---- a QEMU that does not do its part ---- */

/* In a process of its own, in which one test fails. Return: what it printed. */
static void
fails_with(void (*fn)(void **state), const char *sentence)
{
	int out = memfd_create("out", MFD_CLOEXEC), status;
	char text[4096] = "";
	pid_t pid = fork();

	if (!pid) {
		const struct CMUnitTest tests[] = { cmocka_unit_test(fn) };

		dup2(out, 1);
		dup2(out, 2);
		exit(cmocka_run_group_tests(tests, NULL, NULL));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(pread(out, text, sizeof(text) - 1, 0) > 0);
	close(out);
	if (WEXITSTATUS(status) != 1 || !strstr(text, sentence))
		fail_msg("no '%s' in: %s", sentence, text);
}

static void
with_unknown_device(void **state)
{
	struct bench b;

	begin(&b, "e1000z");
}

/* With nothing in the file system that the failure would leave there. */
static void
begin_to_fail(struct bench *b)
{
	begin(b, "e1000e");
	pci_model_drop_sys(&b->q->pci);
}

static void
with_killed(void **state)
{
	struct bench b;

	begin_to_fail(&b);
	assert_int_equal(kill(b.q->pid, SIGKILL), 0);
	qtest_sync(b.q);
}

static void
with_stopped(void **state)
{
	struct bench b;

	begin_to_fail(&b);
	b.q->patience_ms = 300;
	kill(b.q->pid, SIGSTOP);
	qtest_sync(b.q);
}

static void
with_unread_frame(void **state)
{
	struct bench b;

	begin_to_fail(&b);
	b.q->patience_ms = 300;
	for (unsigned i = 0; i < 2; i++) /* it does not receive yet, and QEMU keeps one */
		qtest_send(b.q, "0123456789abcdef", 16);
}

static void
with_bad_command(void **state)
{
	struct bench b;

	begin_to_fail(&b);
	qtest_qmp(b.q, "{\"execute\": \"no-such\"}\n");
}

static void
no_answer(void **state)
{
	fails_with(with_unknown_device, "'e1000z' is not a valid device model name");
	fails_with(with_killed, "QEMU closed its socket: inl 0xcf8");
	fails_with(with_stopped, "QEMU did not answer in time: inl 0xcf8");
	fails_with(with_unread_frame, "QEMU did not read a frame of 16 bytes in time");
	fails_with(with_bad_command, "The command no-such has not been found");
}

static void
no_program(void **state)
{
	assert_null(qtest_missing());
	setenv("BATON_QEMU", "/nowhere", 1);
	assert_string_equal(qtest_missing(), "there is no QEMU at $BATON_QEMU");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		{ "e1000e", nic, NULL, NULL, (void *)(uintptr_t)&nics[0] },
		{ "igb", nic, NULL, NULL, (void *)(uintptr_t)&nics[1] },
		cmocka_unit_test(strays),
		cmocka_unit_test(interrupts),
		cmocka_unit_test(no_answer),
		cmocka_unit_test(no_program), /* the last: it spoils the environment */
	};
	const char *why = qtest_missing();

	if (!why)
		return cmocka_run_group_tests(tests, NULL, NULL);
	printf("skipped: %s\n", why);
	return 77;
}
