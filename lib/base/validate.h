/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Validations of what a device wrote, by name, so that a test can take them out one by one.
 *
 *	if (baton_unlikely(!MUST(rx_id, id <= vq->mask)))
 *		return queue_violation(...);
 *
 * MUST is the condition itself. A build with -Dwithout=rx_id takes it for true wherever the name
 *stands, and the fuzzer has to notice (tests/fuzz/without). So a name stands at every place that
 *enforces the same rule, and each rule has one of its own.
 */
#ifndef BATON_BASE_VALIDATE_H
#define BATON_BASE_VALIDATE_H

/* Is BATON_WITHOUT_name defined as 1? As the kernel's IS_ENABLED() does it: only then is there a
 * second argument more. */
#define MUST_WITHOUT_1             0,
#define MUST_SECOND(first, x, ...) x
#define MUST_IS(marker)            MUST_SECOND(marker 1, 0, 0)
#define MUST_EXPAND(x)             MUST_IS(MUST_WITHOUT_##x)
#define MUST_PASTE(x)              MUST_EXPAND(x)
#define MUST_IS_OUT(name)          MUST_PASTE(BATON_WITHOUT_##name)

#define MUST(name, condition) (MUST_IS_OUT(name) || (condition))

/* The same for bits that shall all be zero, and are returned. */
#define MUST_ZERO(name, bits) (MUST_IS_OUT(name) ? 0 : (bits))

/* For eight lanes: all ones where the condition holds. */
#define MUST8(name, lanes) (MUST_IS_OUT(name) ? d8_set(UINT32_MAX) : (lanes))

#endif
