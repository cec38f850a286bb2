/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forwards 64-byte packets in full bursts between the rings of an in-process device, for counting
 * instructions:
 *
 *   valgrind --tool=callgrind --toggle-collect='virtq_rx_burst*' --toggle-collect='virtq_tx_burst*'
 * insn_forward [ARGS]
 *
 * collects inside the driver's bursts alone; divide by the packets printed. Idle polls and the
 * device do not count.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rig.h"

#define BURST  32u
#define ROUNDS 2000u

int
main(int argc, char **argv)
{
	struct rig_config c = { .args = argc > 1 ? argv[1] : "", .timeout_ms = 20000 };
	uint8_t frame[64], back[RIG_FRAME_MAX];
	struct baton_token t[BURST];
	struct wire_net_header header;
	struct rig r;

	rig_up(&r, &c);
	rig_frame(frame, sizeof(frame), 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < BURST; i++)
			if (fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame)) != 1)
				return 1;
		if (baton_rx_burst(r.rx, t, BURST) != (int)BURST ||
		    baton_tx_burst(r.tx, t, BURST) != (int)BURST)
			return 1;
		for (unsigned i = 0; i < BURST; i++) {
			size_t len = sizeof(back);
			int head = fakedev_tx_collect(r.fakedev, FAKEDEV_TX, &header, back, &len);

			if (head < 0 || len != sizeof(frame))
				return 1;
			fakedev_complete(r.fakedev, FAKEDEV_TX, (uint32_t)head, 0);
		}
	}
	rig_down(&r);
	printf("%u packets\n", BURST * ROUNDS);
	return 0;
}
