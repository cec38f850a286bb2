/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What drivers from outside may call. DRIVER_EXPORT(f) stands in the file that defines f, and the
 * version script lists baton_kit_f in a node BATON_DRIVER_*, which is all that the library exports
 * beside its public functions. The prefix keeps an application's own function of that name out of
 * the way. The installed headers have the names without it (lib/kit/headers.py).
 */
#ifndef BATON_BASE_EXPORT_H
#define BATON_BASE_EXPORT_H

#if defined(__GNUC__) && !defined(__clang__)
#define EXPORT_ATTRIBUTES(name) , copy(name)
#else
#define EXPORT_ATTRIBUTES(name)
#endif

#define DRIVER_EXPORT(name)                                                                        \
	extern __typeof__(name) baton_kit_##name                                                   \
		__attribute__((alias(#name), visibility("default") EXPORT_ATTRIBUTES(name)))

#endif
