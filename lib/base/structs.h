/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Structs of the public interface, of whatever version the application was built with. A later
 * version has more members at the end; none changes its place.
 */
#ifndef BATON_BASE_STRUCTS_H
#define BATON_BASE_STRUCTS_H

#include <stddef.h>
#include <stdint.h>

/*
 * A struct of more bytes is a mistake, such as a size that was never set: what is behind the struct
 * is not looked at.
 */
#define STRUCT_MOST (16u << 20)

/**
 * Take a configuration that an application filled in: what it lacks keeps the default, and what it
 * has beyond ours must be zero, so that nothing is asked for that would be ignored (the rule of the
 * kernel's copy_struct_from_user()).
 *
 * @to:    the defaults; receives the configuration, but not its size.
 * @known: size of the struct in this library.
 * @from:  the application's, which begins with its size; NULL: all defaults.
 * @what:  its type, for the error message.
 *
 * Return: 0; -EINVAL for a size that cannot be; -E2BIG if it asks for what this library lacks.
 */
int struct_take(void *to, size_t known, const void *from, const char *what);

/**
 * Refuse a configuration whose reserved members are not zero: a later version has a meaning for
 * them, by the same rule as for what struct_take() does not know.
 *
 * @reserved: all of them, combined by OR.
 * @what:     the type of the configuration, for the error message.
 *
 * Return: 0; -E2BIG.
 */
int struct_check_reserved(uint64_t reserved, const char *what);

/** Set the configuration of an application to the defaults, its size included. NULL: nothing. */
void struct_init(void *to, size_t size, const void *defaults, size_t known);

/**
 * Give an application the first bytes of a struct, as many as its version has; what this library
 * does not know is 0 there.
 */
void struct_give(void *to, size_t size, const void *from, size_t known);

/** Entry @i of an array whose entries have @size bytes. */
static inline void *
struct_at(void *array, unsigned i, size_t size)
{
	return (unsigned char *)array + i * size;
}

#endif
