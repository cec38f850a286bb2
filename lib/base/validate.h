/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Validations of what a device wrote, each with a name, so that a test can remove one at a time.
 *
 *	if (baton_unlikely(!MUST(rx_id, id <= vq->mask)))
 *		return queue_violation(...);
 *
 * MUST() is the condition itself. A build with -Dwithout=rx_id replaces it by true wherever that
 * name stands, and the fuzzer must notice (tests/fuzz/without). Every place that enforces the same
 * rule has the same name, and each rule has its own.
 */
#ifndef BATON_BASE_VALIDATE_H
#define BATON_BASE_VALIDATE_H

/*
 * Whether BATON_WITHOUT_name is defined as 1, as in the kernel's IS_ENABLED(): only then there is
 * one more argument.
 */
#define MUST_WITHOUT_1             0,
#define MUST_SECOND(first, x, ...) x
#define MUST_IS(marker)            MUST_SECOND(marker 1, 0, 0)
#define MUST_EXPAND(x)             MUST_IS(MUST_WITHOUT_##x)
#define MUST_PASTE(x)              MUST_EXPAND(x)
#define MUST_IS_OUT(name)          MUST_PASTE(BATON_WITHOUT_##name)

#define MUST(name, condition) (MUST_IS_OUT(name) || (condition))

/*
 * Whether a driver's feature is there: a build with -Dwithout=name has no code of it, and exactly
 * the tests of that feature must notice (tests/qtest/without).
 */
#define FEATURE(name) (!MUST_IS_OUT(name))

/* As MUST(), for bits that must all be zero; the result is the bits. */
#define MUST_ZERO(name, bits) (MUST_IS_OUT(name) ? 0 : (bits))

/* The same for eight lanes: all ones where the condition holds. */
#define MUST8(name, lanes) (MUST_IS_OUT(name) ? d8_set(UINT32_MAX) : (lanes))

#endif
