/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Access to device registers: little-endian loads and stores of a fixed size, done exactly once,
 * and the barriers between registers and memory that the device reads or writes.
 *
 * x86 keeps stores in order, also stores to memory before stores to registers. Later loads do not
 * pass the load of a register. So only the compiler needs a barrier.
 */
#ifndef BATON_BASE_IO_H
#define BATON_BASE_IO_H

#include <endian.h>
#include <stdint.h>

#if defined(__x86_64__) || defined(__i386__)
#define IO_BARRIER(arm, ppc) __asm__ __volatile__("" ::: "memory")
#elif defined(__aarch64__)
#define IO_BARRIER(arm, ppc) __asm__ __volatile__(arm ::: "memory")
#elif defined(__powerpc64__)
#define IO_BARRIER(arm, ppc) __asm__ __volatile__(ppc ::: "memory")
#else
#define IO_BARRIER(arm, ppc) __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/** All loads and stores before this are done before those after it, as other CPUs see them. */
static inline void
smp_mb(void)
{
#ifdef __SANITIZE_THREAD__
	uint32_t dummy = 0;

	__atomic_fetch_add(&dummy, 1, __ATOMIC_SEQ_CST); /* TSan does not support fences */
#elif defined(__x86_64__)
	__asm__ __volatile__("lock; addl $0, -128(%%rsp)" ::
				     : "memory", "cc"); /* cheaper than mfence */
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/** Stores to memory before this are visible before the next store to a register. */
static inline void
io_wmb(void)
{
	IO_BARRIER("dmb oshst", "sync");
}

/** The load of a register before this is done before the next load from memory. */
static inline void
io_rmb(void)
{
	IO_BARRIER("dmb oshld", "sync");
}

/** Order two stores to memory that a cache-coherent device reads. */
static inline void
dma_wmb(void)
{
	IO_BARRIER("dmb oshst", "lwsync");
}

/** Order two loads from memory that a cache-coherent device writes. */
static inline void
dma_rmb(void)
{
	IO_BARRIER("dmb oshld", "lwsync");
}

static inline uint8_t
io_read8(const volatile void *at)
{
	uint8_t v = *(const volatile uint8_t *)at;

	io_rmb();
	return v;
}

static inline uint16_t
io_read16(const volatile void *at)
{
	uint16_t v = le16toh(*(const volatile uint16_t *)at);

	io_rmb();
	return v;
}

static inline uint32_t
io_read32(const volatile void *at)
{
	uint32_t v = le32toh(*(const volatile uint32_t *)at);

	io_rmb();
	return v;
}

static inline void
io_write8(volatile void *at, uint8_t v)
{
	io_wmb();
	*(volatile uint8_t *)at = v;
}

static inline void
io_write16(volatile void *at, uint16_t v)
{
	io_wmb();
	*(volatile uint16_t *)at = htole16(v);
}

static inline void
io_write32(volatile void *at, uint32_t v)
{
	io_wmb();
	*(volatile uint32_t *)at = htole32(v);
}

#endif
