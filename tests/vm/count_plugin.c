/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A plugin of QEMU's emulation that counts how often each translated block of the guest's programs
 * runs: -plugin file=...,out=FILE. Whenever the guest runs the program `mark` (guest/mark.c), the
 * counts since the last time are added to FILE, after a line "mark": address, instructions, times.
 *
 * What is declared here is of QEMU's interface of plugins, version 4 (10.0), whose header
 * distributions do not have.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "guest/mark.h"

#define EXPORT   __attribute__((visibility("default")))
#define BLOCKS   (1u << 18) /* a power of two; those that find no place are counted as none */
#define USER_END (1ull << 47)

struct qemu_plugin_tb;
struct qemu_plugin_scoreboard;
struct counter {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
};

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*cb)(unsigned cpu, void *arg), int flags,
					  void *arg);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, int op,
						       struct counter entry, uint64_t imm);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size);
uint64_t qemu_plugin_u64_sum(struct counter entry);

EXPORT int qemu_plugin_version = 4;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *out;
static struct qemu_plugin_scoreboard *score; /* of each processor, a counter for each block */
static struct {
	uint64_t at, insns; /* insns 0: free */
	uint64_t seen;      /* times it had run at the last mark */
} blocks[BLOCKS];

static struct counter
counter(unsigned i)
{
	return (struct counter){ .score = score, .offset = i * sizeof(uint64_t) };
}

static void
mark(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	pthread_mutex_lock(&lock);
	fprintf(out, "mark\n");
	for (unsigned i = 0; i < BLOCKS; i++) {
		uint64_t now;

		if (!blocks[i].insns)
			continue;
		now = qemu_plugin_u64_sum(counter(i));
		if (now != blocks[i].seen)
			fprintf(out, "%llx %llu %llu\n", (unsigned long long)blocks[i].at,
				(unsigned long long)blocks[i].insns,
				(unsigned long long)(now - blocks[i].seen));
		blocks[i].seen = now;
	}
	fflush(out);
	pthread_mutex_unlock(&lock);
}

/* The place of a block, which is translated again now and then; BLOCKS: there is none. */
static unsigned
place(uint64_t at, uint64_t insns)
{
	unsigned i = (unsigned)((at * 0x9e3779b97f4a7c15u) >> 40), n;

	for (n = 0; n < BLOCKS; n++, i++) {
		i &= BLOCKS - 1;
		if (!blocks[i].insns) {
			blocks[i].at = at;
			blocks[i].insns = insns;
		}
		if (blocks[i].at == at && blocks[i].insns == insns)
			return i;
	}
	return BLOCKS;
}

static void
translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	const uint64_t at = qemu_plugin_tb_vaddr(tb);
	unsigned i;

	(void)id;
	if (at >= USER_END)
		return;
	if (at == MARK_AT)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, mark, 0, NULL);
	pthread_mutex_lock(&lock);
	i = place(at, qemu_plugin_tb_n_insns(tb));
	pthread_mutex_unlock(&lock);
	if (i < BLOCKS)
		qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, 0, counter(i), 1);
}

int
qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc == 1 && !strncmp(argv[0], "out=", 4))
		out = fopen(argv[0] + 4, "w");
	if (!out) {
		fprintf(stderr, "count_plugin: out=FILE, a file that can be written, is missing\n");
		return 1;
	}
	score = qemu_plugin_scoreboard_new(BLOCKS * sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
