/* SPDX-License-Identifier: BSD-3-Clause */
/* The conformance suite of a rig, which names its models. */
#include "model.h"

int
main(void)
{
	return conform(rig_models);
}
