/* SPDX-License-Identifier: BSD-3-Clause */
/* net_e1000e on an 82574L that does not do its part. */
#include "e1000e_bench.h"

/* ---- devices that do not do their part ---- */

static bool
spoil_nvm(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	const uint16_t *words = r->arg;
	uint32_t word;

	if (off != RIG_EERD || write)
		return false;
	*v = e1000e_rig_get(r, off);
	word = *v >> 2 & 0x3fff;
	if (word < 3)
		*v = (*v & 0xffff) | (uint32_t)words[word] << 16;
	else if (word == 63) /* what the sum asks for with these */
		*v = (*v & 0xffff) | (uint32_t)words[3] << 16;
	return true;
}

static void
bad_nvm(void **state)
{
	uint16_t words[4], sum = 0;
	struct bench b;

	begin(&b);
	b.rig->arg = words;
	b.rig->on_access = spoil_nvm;
	memset(words, 0, sizeof(words));
	refused(&b, -EPROTO, "its NVM add up to");
	for (uint32_t i = 3; i < 63; i++) {
		e1000e_rig_put(b.rig, RIG_EERD, i << 2 | 1);
		sum = (uint16_t)(sum + (e1000e_rig_get(b.rig, RIG_EERD) >> 16));
	}
	words[3] = (uint16_t)(0xbaba - sum);
	refused(&b, -EPROTO, "which is none");
	words[0] = 0x0001;
	words[3]--;
	refused(&b, -EPROTO, "a multicast address");
	b.rig->on_access = NULL;
	start(&b);
	end(&b);
}

static bool
never_done(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	const uint32_t *which = r->arg;

	if (off != *which || write)
		return false;
	*v = 0;
	return true;
}

static bool
phy_error(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	if (off != RIG_MDIC || write)
		return false;
	*v = 1u << 28 | 1u << 30 | 0x141; /* ready, and an error */
	return true;
}

static void
no_answer(void **state)
{
	uint32_t which = RIG_MDIC;
	struct bench b;

	begin(&b);
	b.rig->arg = &which;
	b.rig->on_access = never_done;
	refused(&b, -ETIMEDOUT, "an access to the PHY does not end within 10 ms");
	which = RIG_EERD;
	refused(&b, -ETIMEDOUT, "reading the NVM does not end within 20 ms");
	which = 0x0f00; /* EXTCNF_CTRL */
	refused(&b, -ETIMEDOUT, "the firmware's use of the PHY");
	b.rig->on_access = phy_error;
	refused(&b, -EIO, "the PHY does not answer");
	b.rig->on_access = NULL;
	start(&b);
	end(&b);
}

/* The reset bit stays, or accesses to memory do. */
static bool
reset_stays(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	bool *asked = r->arg;

	if (off != RIG_CTRL)
		return false;
	if (write)
		*asked |= *v >> 26 & 1;
	else
		*v = e1000e_rig_get(r, off) | 1u << 26;
	return !write && *asked;
}

static void
no_reset(void **state)
{
	bool asked = false;
	struct bench b;

	begin(&b);
	b.rig->arg = &asked;
	b.rig->on_access = reset_stays;
	refused(&b, -ETIMEDOUT, "the reset does not end within 100 ms");
	b.rig->on_access = NULL;
	b.rig->keeps = true;
	refused(&b, -ETIMEDOUT, "an access to memory that is under way does not end within 80 ms");
	b.rig->keeps = false;
	start(&b);
	/* Failing that, the function is reset. */
	b.rig->keeps = true;
	must(baton_port_stop(b.port));
	b.rig->keeps = false;
	must(baton_port_start(b.port));
	assert_true(passes(&b, own));
	end(&b);
}

/* All registers read as all ones from one access on, wherever that is. */
static bool
goes(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	unsigned *left = r->arg;

	if (!*left)
		return false;
	if (!--*left)
		r->q->pci.dead = true;
	if (r->q->pci.dead)
		*v = UINT32_MAX;
	return r->q->pci.dead;
}

static void
gone(void **state)
{
	unsigned left = 0;

	for (unsigned after = 1; after < 400; after += 23) {
		struct baton_port *port = NULL;
		struct bench b;
		int ret;

		begin(&b);
		left = after;
		b.rig->arg = &left;
		b.rig->on_access = goes;
		ret = baton_port_open(b.ctx, QTEST_BDF, &port);
		if (ret < 0) {
			assert_true(ret == -ENODEV || ret == -EPROTO || ret == -EIO);
			assert_int_equal(b.rig->q->pci.attached, 0);
		} else {
			b.port = port;
		}
		end(&b);
	}
}

/* Removed in the middle of traffic: bursts end, and counters stay what they were. */
static void
gone_in_traffic(void **state)
{
	struct frame f = frame_tcp(100);
	struct baton_token t[64];
	struct baton_port_info info;
	uint64_t packets;
	struct bench b;

	begin(&b);
	start(&b);
	assert_true(arrives(&b, &f));
	packets = counter(&b, "rx_total_packets");
	must(baton_alloc(b.worker, b.pool, t, 8));
	for (unsigned i = 0; i < 8; i++)
		t[i].len = 100;
	assert_int_equal(baton_tx_burst(b.tx[0], t, 4), 4);
	b.rig->q->pci.dead = true;
	assert_int_equal(counter(&b, "rx_total_packets"), packets);
	assert_int_equal(baton_tx_burst(b.tx[0], t + 4, 4), 4);
	pci_model_signal(b.rig->q->pci.irq[0]);
	do {
		must(baton_ctx_poll(b.ctx, 100));
		(void)baton_rx_burst(b.rx[0], t, 64);
		(void)baton_tx_burst(b.tx[0], t, 0);
		baton_port_info(b.port, &info);
	} while (info.state != BATON_PORT_REMOVED);
	assert_int_equal(counter(&b, "rx_total_packets"), packets);
	(void)baton_port_stop(b.port);
	end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_nvm),         cmocka_unit_test(no_answer),
		cmocka_unit_test(no_reset),        cmocka_unit_test(gone),
		cmocka_unit_test(gone_in_traffic),
	};

	return bench_run(tests);
}
