/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver in a file of its own, which baton_driver_load() loads: docs/driver-guide.md.
 *
 * One source file of such a driver ends with BATON_DRIVER_FILE(&my_driver), with all of its struct
 * baton_driver. That exports the one symbol that the library looks for, and writes into a note of
 * the file what the driver was built with, which is read and compared before any of its code runs.
 * A driver that is built into the library is named by its folder's meson.build, and
 * BATON_DRIVER_FILE() does nothing there.
 */
#ifndef BATON_PORT_DRIVER_FILE_H
#define BATON_PORT_DRIVER_FILE_H

#include "port/driver.h"

#define BATON_DRIVER_VERSION 1u /* what a driver's author has to know has changed so often */

#define DRIVER_FILE_SYMBOL "baton_driver_file"
#define DRIVER_NOTE_NAME   "Baton" /* of the ELF note, with its NUL */
#define DRIVER_NOTE_TYPE   1u
#define DRIVER_NOTE_SIZES  6

/* What a driver was built with. */
struct baton_driver_build {
	uint32_t version;                  /* BATON_DRIVER_VERSION; first, for ever */
	uint32_t digest[2];                /* of the headers, low half first */
	uint32_t ownership;                /* 0: off; 1: on; 2: strict */
	uint32_t asan;                     /* AddressSanitizer: buffers are poisoned */
	uint32_t sizes[DRIVER_NOTE_SIZES]; /* bytes of some structs: flags that change layouts */
};

#ifdef BATON_OWNERSHIP_OFF
#define DRIVER_OWNERSHIP 0
#elif defined(BATON_OWNERSHIP_STRICT)
#define DRIVER_OWNERSHIP 2
#else
#define DRIVER_OWNERSHIP 1
#endif

#ifdef DMA_ASAN
#define DRIVER_ASAN 1
#else
#define DRIVER_ASAN 0
#endif

#define DRIVER_BUILD                                                                               \
	{                                                                                          \
		BATON_DRIVER_VERSION,                                                              \
			{ (uint32_t)BATON_DRIVER_DIGEST, (uint32_t)(BATON_DRIVER_DIGEST >> 32) },  \
			DRIVER_OWNERSHIP, DRIVER_ASAN,                                             \
		{                                                                                  \
			sizeof(struct baton_port), sizeof(struct baton_queue),                     \
				sizeof(struct port_ops), sizeof(struct baton_driver),              \
				sizeof(struct baton_pool_view), sizeof(struct dma_cache)           \
		}                                                                                  \
	}

/* An ELF note, of type Elf32_Nhdr and Elf64_Nhdr alike. */
struct baton_driver_note {
	uint32_t name_bytes, build_bytes, type;
	char name[8];
	struct baton_driver_build build;
};

_Static_assert(sizeof(struct baton_driver_note) == 20 + sizeof(struct baton_driver_build) &&
		       _Alignof(struct baton_driver_note) == 4,
	       "as a note is laid out");

/* The one symbol of a driver's file. */
struct baton_driver_file {
	uint32_t size;                                 /* of this struct, in bytes */
	uint32_t reserved;                             /* 0 */
	int (*library)(int err, const char *fmt, ...); /* baton_err() of the library that the file
							  is bound to */
	const struct baton_driver *const *drivers;     /* NULL at the end */
};

#ifdef BATON_DRIVER_OUTSIDE
#define BATON_DRIVER_FILE(...)                                                                     \
	static const struct baton_driver_note baton_driver_note_                                   \
		__attribute__((section(".note.baton.driver"), used, aligned(4))) = {               \
			sizeof(DRIVER_NOTE_NAME), sizeof(struct baton_driver_build),               \
			DRIVER_NOTE_TYPE, DRIVER_NOTE_NAME, DRIVER_BUILD                           \
		};                                                                                 \
	static const struct baton_driver *const baton_driver_list_[] = { __VA_ARGS__, NULL };      \
	extern const struct baton_driver_file baton_driver_file;                                   \
	BATON_API const struct baton_driver_file baton_driver_file = {                             \
		sizeof(struct baton_driver_file), 0, baton_err, baton_driver_list_                 \
	}
#else
#define BATON_DRIVER_FILE(...) _Static_assert(1, "the registry has it")
#endif

#endif
