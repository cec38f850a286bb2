/* SPDX-License-Identifier: BSD-3-Clause */
/* What a driver's file says of itself: read, and never run. */
#include <elf.h>
#include <unistd.h>

#include "kit/digest.h"
#include "port/load.h"

#define MAX_SEGMENTS 128u
#define MAX_NOTES    16384u /* bytes of a segment of notes; the driver's is in one of these */

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__s390x__)
#define MACHINE EM_S390
#elif defined(__powerpc64__)
#define MACHINE EM_PPC64
#elif defined(__riscv)
#define MACHINE EM_RISCV
#else
#define MACHINE EM_NONE /* dlopen() compares */
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DATA ELFDATA2LSB
#else
#define DATA ELFDATA2MSB
#endif

static const struct baton_driver_build own = DRIVER_BUILD;

static const char *
machine_name(unsigned machine, char number[32])
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{ EM_386, "32-bit x86" },  { EM_X86_64, "x86-64" }, { EM_ARM, "32-bit Arm" },
		{ EM_AARCH64, "aarch64" }, { EM_S390, "s390" },     { EM_PPC64, "ppc64" },
		{ EM_RISCV, "RISC-V" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == machine)
			return names[i].name;
	snprintf(number, 32, "ELF machine %u", machine);
	return number;
}

/* Return: 0; -ENOEXEC if the file ends before; an error. */
static int
read_at(int fd, const char *file, void *to, size_t n, uint64_t at)
{
	ssize_t got;

	if (at > INT64_MAX - n)
		return baton_err(ENOEXEC, "driver file %s is cut off, or damaged", file);
	got = pread(fd, to, n, (off_t)at);
	if (got < 0)
		return baton_err(errno, "driver file %s cannot be read: %s", file, strerror(errno));
	if ((size_t)got < n)
		return baton_err(ENOEXEC, "driver file %s is cut off, or damaged", file);
	return 0;
}

static int
check_header(int fd, const char *file, Elf64_Ehdr *e)
{
	unsigned char id[EI_NIDENT] = { 0 };
	char theirs[32], ours[32];
	int ret;

	if (pread(fd, id, sizeof(id), 0) < 0)
		return baton_err(errno, "driver file %s cannot be read: %s", file, strerror(errno));
	if (memcmp(id, ELFMAG, SELFMAG) != 0)
		return baton_err(ENOEXEC,
				 "driver file %s is no ELF file: a driver is a shared object, made "
				 "with -shared",
				 file);
	ret = read_at(fd, file, e, sizeof(*e), 0);
	if (ret < 0)
		return ret;
	if (id[EI_CLASS] != ELFCLASS64 || id[EI_DATA] != DATA ||
	    (MACHINE != EM_NONE && e->e_machine != MACHINE))
		return baton_err(ENOEXEC,
				 "driver file %s is for another machine (%s%s): this one is %s; "
				 "compile the "
				 "driver for it",
				 file, machine_name(e->e_machine, theirs),
				 id[EI_CLASS] == ELFCLASS64 ? "" : ", 32 bits",
				 machine_name(MACHINE, ours));
	if (e->e_type != ET_DYN)
		return baton_err(ENOEXEC,
				 "driver file %s is %s: a driver is a shared object, made with "
				 "-shared",
				 file,
				 e->e_type == ET_REL    ? "an object file"
				 : e->e_type == ET_EXEC ? "a program"
							: "no shared object");
	if (!e->e_phnum || e->e_phnum > MAX_SEGMENTS || e->e_phentsize != sizeof(Elf64_Phdr))
		return baton_err(ENOEXEC,
				 "driver file %s is damaged: %u program headers of %u bytes", file,
				 e->e_phnum, e->e_phentsize);
	return 0;
}

/* Find the driver's note in @n bytes of notes. Return: its build, of @bytes bytes; or NULL. */
static const uint8_t *
find_build(const uint8_t *notes, size_t n, size_t align, uint32_t *bytes)
{
	size_t at = 0;

	while (n - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr h;
		uint64_t name = at + sizeof(h), desc, end;

		memcpy(&h, notes + at, sizeof(h));
		desc = (name + h.n_namesz + align - 1) & ~(uint64_t)(align - 1);
		end = (desc + h.n_descsz + align - 1) & ~(uint64_t)(align - 1);
		if (desc > n || h.n_descsz > n - desc)
			return NULL;
		if (h.n_type == DRIVER_NOTE_TYPE && h.n_namesz == sizeof(DRIVER_NOTE_NAME) &&
		    !memcmp(notes + name, DRIVER_NOTE_NAME, sizeof(DRIVER_NOTE_NAME))) {
			*bytes = h.n_descsz;
			return notes + desc;
		}
		if (end > n)
			return NULL;
		at = end;
	}
	return NULL;
}

/* Return: the bytes of the build that are in the file; 0: it has none; an error. */
static int
read_build(int fd, const char *file, const Elf64_Ehdr *e, struct baton_driver_build *out)
{
	uint8_t notes[MAX_NOTES];

	for (unsigned i = 0; i < e->e_phnum; i++) {
		const uint8_t *build;
		uint32_t bytes;
		Elf64_Phdr p;
		int ret = read_at(fd, file, &p, sizeof(p), e->e_phoff + i * sizeof(p));

		if (ret < 0)
			return ret;
		if (p.p_type != PT_NOTE || p.p_filesz > sizeof(notes))
			continue;
		ret = read_at(fd, file, notes, p.p_filesz, p.p_offset);
		if (ret < 0)
			return ret;
		build = find_build(notes, p.p_filesz, p.p_align == 8 ? 8 : 4, &bytes);
		if (!build)
			continue;
		if (bytes > sizeof(*out))
			bytes = sizeof(*out);
		memcpy(out, build, bytes);
		return (int)bytes;
	}
	return 0;
}

static int
check_build(const char *file, const struct baton_driver_build *b, int bytes)
{
	static const char *const modes[] = { "off", "on", "strict" };

	if (bytes < (int)sizeof(b->version))
		return baton_err(ENOEXEC,
				 "file %s is no driver of Baton's: none of its sources has "
				 "BATON_DRIVER_FILE() (docs/driver-guide.md)",
				 file);
	if (b->version != own.version)
		return baton_err(EPROTONOSUPPORT,
				 "driver file %s was built for version %u of the driver interface, "
				 "and this library (%s) has version %u: build it with this "
				 "library's headers",
				 file, b->version, baton_version(), own.version);
	if (bytes != (int)sizeof(*b) || memcmp(b->digest, own.digest, sizeof(b->digest)) != 0)
		return baton_err(EPROTONOSUPPORT,
				 "driver file %s was built with other headers (%08x%08x) of "
				 "version %u of the driver interface than this library (%s, "
				 "%08x%08x), and has their inline functions in it: build it again",
				 file, b->digest[1], b->digest[0], b->version, baton_version(),
				 own.digest[1], own.digest[0]);
	if (b->ownership != own.ownership)
		return baton_err(EPROTONOSUPPORT,
				 "driver file %s was built for -Downership=%s, and this library is "
				 "built with -Downership=%s: build it with this library's "
				 "<baton/config.h>",
				 file, b->ownership < 3 ? modes[b->ownership] : "?",
				 modes[own.ownership]);
	if (b->asan != own.asan)
		return baton_err(EPROTONOSUPPORT,
				 "driver file %s was built %s AddressSanitizer, and this library "
				 "%s "
				 "it: build both alike",
				 file, b->asan ? "with" : "without", own.asan ? "with" : "without");
	if (memcmp(b->sizes, own.sizes, sizeof(b->sizes)) != 0)
		return baton_err(EPROTONOSUPPORT,
				 "driver file %s has structs of other sizes than this library "
				 "(struct baton_port: %u and %u bytes): build it without flags "
				 "that change layouts, such as -fpack-struct and -fshort-enums",
				 file, b->sizes[0], own.sizes[0]);
	return 0;
}

int
driver_note_check(int fd, const char *file)
{
	struct baton_driver_build build = { 0 };
	Elf64_Ehdr e;
	int ret = check_header(fd, file, &e);

	if (!ret)
		ret = read_build(fd, file, &e, &build);
	return ret < 0 ? ret : check_build(file, &build, ret);
}
