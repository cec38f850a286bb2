/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inputs again, without libFuzzer, so that any compiler's build can: each FILE is one, or, named
 * NAME.pack, many, each behind its length in four bytes, little-endian.
 *
 * usage: replay FILE...
 */
#include <stdio.h>

#include "fuzz.h"

static uint8_t *
read_all(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	long n = -1;

	if (f && !fseek(f, 0, SEEK_END))
		n = ftell(f);
	if (n >= 0 && !fseek(f, 0, SEEK_SET))
		data = malloc((size_t)n + 1);
	if (!data || fread(data, 1, (size_t)n, f) != (size_t)n) {
		fprintf(stderr, "%s cannot be read\n", path);
		exit(2);
	}
	fclose(f);
	*size = (size_t)n;
	return data;
}

/* From memory of its own size, so that a read past its end is seen. */
static void
run_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		exit(2);
	memcpy(copy, data, size);
	fuzz_run(copy, size);
	free(copy);
}

static unsigned
run_pack(const char *path, const uint8_t *data, size_t size)
{
	unsigned n = 0;
	size_t at = 0;

	while (at + 4 <= size) {
		const size_t len = data[at] | data[at + 1] << 8 | data[at + 2] << 16 |
				   (size_t)data[at + 3] << 24;

		at += 4;
		if (len > size - at) {
			fprintf(stderr, "%s ends within an input\n", path);
			exit(2);
		}
		run_copy(data + at, len);
		at += len;
		n++;
	}
	return n;
}

int
main(int argc, char **argv)
{
	unsigned n = 0;

	for (int i = 1; i < argc; i++) {
		const size_t len = strlen(argv[i]);
		size_t size;
		uint8_t *data = read_all(argv[i], &size);

		if (len > 5 && !strcmp(argv[i] + len - 5, ".pack")) {
			n += run_pack(argv[i], data, size);
		} else {
			run_copy(data, size);
			n++;
		}
		free(data);
	}
	fuzz_rig_drop_all();
	printf("%u inputs\n", n);
	return !n;
}
