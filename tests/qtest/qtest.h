/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A NIC model of a stock QEMU as a PCI device in front of Baton's drivers, without a guest.
 *
 * QEMU runs with a processor that only halts. Its qtest socket reads and writes what a processor
 * would: configuration space and registers. Its memory is a file of the test. A struct pci_os
 * (lib/pci) hands the function to a driver, and a kernel's iommufd that is not there
 * (tests/unit/fake_vfio.h) the address space: what is mapped in it becomes part of QEMU's memory at
 * that IOVA, and what is unmapped is taken out of it again. Frames enter and leave through a
 * socket. The message of an MSI-X vector is a word of QEMU's memory, which a thread turns into the
 * eventfd of the driver.
 *
 * A QEMU that ends, hangs, or answers what it should not fails the test with a sentence. None
 * outlives the test's process. There is one at a time in a process.
 *
 * All calls are of the test's thread, except that registers may be accessed from any thread.
 */
#ifndef QTEST_QTEST_H
#define QTEST_QTEST_H

#include "fake_vfio.h" /* first: fake_pci.h has one of its names for something else */

#include <pthread.h>
#include <sys/types.h>

#include "../driver/pci_model.h"

#define QTEST_BDF  "0000:01:00.0"
#define QTEST_TAPS 2
#define QTEST_LINE 65536 /* bytes of a line that QEMU answers, at most */

/* Configuration space of the root bus, and of the function: PCI Express 4.0, 7.2.2. */
#define QTEST_ECAM   0xb0000000u
#define QTEST_CONFIG (QTEST_ECAM | 1u << 20)

/*
 * QEMU's memory: what a device may be given is from 1 MiB to 2 GiB, and from 4 GiB to 5 GiB. Below
 * 1 MiB there are holes, and the words of MSI-X.
 */
#define QTEST_LOW_END  (2 * GIB)
#define QTEST_HIGH     (4 * GIB)
#define QTEST_HIGH_END (5 * GIB)
#define QTEST_RAM      (QTEST_LOW_END + QTEST_HIGH_END - QTEST_HIGH)
#define QTEST_WORDS_AT 0x1000u

struct qtest_map {
	uint8_t *va;    /* NULL: an empty slot */
	uint8_t *saved; /* the owner's own pages, while QEMU's are in their place */
	uint64_t iova, bytes;
};

struct qtest_lines {
	int fd;
	size_t len, taken; /* bytes read; those of them that were lines before */
	char text[QTEST_LINE];
};

struct qtest {
	struct pci_model pci; /* first; `dead` and `keeps_config` work here, too */
	struct pci_model_device device;
	struct pci_os model; /* what the model does of struct pci_os; qtest_pci.c does the rest */
	struct fake *vfio;
	/* Called at the beginning of each access to a register, before QEMU has it; or NULL. A
	 * write that it returns true for, and a read that it answers, end there. */
	bool (*on_access)(struct qtest *q, unsigned bar, uint32_t off, bool write, uint32_t *v);
	void *arg; /* of the test */

	pid_t pid;
	pthread_t owner;
	pthread_mutex_t lock; /* of the qtest socket */
	struct qtest_lines qtest, qmp;
	int frames, ram, err, tap[QTEST_TAPS];
	unsigned taps;
	int patience_ms;  /* how long QEMU may take for an answer */
	char broken[640]; /* why QEMU cannot be asked any more; "" */

	struct qtest_map map[FAKE_MAPS];
	uint64_t quiet; /* bytes of its memory that QEMU itself has used when nothing was mapped */

	uint32_t bar_at[PCI_BARS], bar_bytes[PCI_BARS]; /* 0: not there */
	unsigned msix_cap;
	uint64_t msix_table;
	pthread_mutex_t irq_lock;
	pthread_t irq_thread;
	bool irq_end;
	int vector[PCI_MODEL_VECTORS]; /* duplicates of the driver's eventfds; -1: none */
	volatile uint32_t *words;      /* of the vectors */
};

/** Why the tests of this folder cannot run; NULL: they can. */
const char *qtest_missing(void);

/**
 * Start a QEMU with one NIC, and make the context's PCI devices and address space come from it.
 *
 * @device: as after -device, such as "virtio-net-pci,disable-legacy=on".
 * @tap: frames go by a TAP with QTEST_TAPS queues, which takes root, and begin with a struct
 * virtio_net_hdr; else by a socket of datagrams.
 */
struct qtest *qtest_start(struct baton_ctx *ctx, const char *device, bool tap);

/** Assert that nothing is attached and mapped any more, and end QEMU. The context is destroyed. */
void qtest_stop(struct qtest *q);

/** Read or write @n (1, 2, 4) bytes of the machine's physical addresses. Any thread. */
uint32_t qtest_read(struct qtest *q, uint64_t at, unsigned n);
void qtest_write(struct qtest *q, uint64_t at, unsigned n, uint32_t v);

/** Wait until QEMU's main loop went round: what it was asked for before is done. */
void qtest_sync(struct qtest *q);

/** Give a QMP command, a JSON object and a newline. Return: its answer, until the next one. */
const char *qtest_qmp(struct qtest *q, const char *command);

/** Send a frame to the NIC, and wait until QEMU has read it. */
void qtest_send(struct qtest *q, const void *frame, size_t len);
/** Get the next frame that the NIC has sent. Return: its length; 0: there is none. */
int qtest_receive(struct qtest *q, void *frame, size_t room);

/** Raise the eventfds of the vectors whose messages are there, at once. */
void qtest_interrupts(struct qtest *q);

/** Where a mapped IOVA is for the test; NULL: not all of the bytes are mapped. */
void *qtest_memory(const struct qtest *q, uint64_t iova, uint64_t bytes);

/**
 * Bytes of QEMU's memory that were read or written and are not mapped: whole pages, so that a
 * device that strays once is seen.
 */
uint64_t qtest_strays(const struct qtest *q);

/* ---- between the files of the client ---- */

/** QEMU is not to be asked any more. Fails the test, in its thread. */
void qtest_lost(struct qtest *q, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t qtest_now_ms(void);
void qtest_open_tap(struct qtest *q);
void qtest_open_memory(struct qtest *q);
void qtest_close_memory(struct qtest *q);
void qtest_open_pci(struct qtest *q, struct baton_ctx *ctx);
void qtest_close_pci(struct qtest *q);

#endif
