/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port of net_e1000e or net_igb on QEMU's model, by commands: nic_util.py gives them, and
 * compares frames with those of scapy. A command is a line of words, frames are in hexadecimal; its
 * answer is any number of lines, then "ok" or "error NUMBER SENTENCE".
 */
#include "e1000e_bench.h"

#include <poll.h>

#define WORDS   160
#define TOKENS  64
#define LINK_MS 3000
#define WAKE_MS 1000

struct words {
	unsigned n, at;
	char *word[WORDS];
};

static const char *
next(struct words *w)
{
	if (w->at == w->n)
		fail_msg("%s: a word is missing", w->word[0]);
	return w->word[w->at++];
}

static uint32_t
number(struct words *w)
{
	return (uint32_t)strtoul(next(w), NULL, 0);
}

/* Return: bytes. */
static uint32_t
bytes(struct words *w, void *to, size_t room)
{
	const char *hex = next(w);
	const size_t n = strlen(hex) / 2;
	uint8_t *b = to;
	unsigned v;

	assert_true(n <= room);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		b[i] = (uint8_t)v;
	}
	return (uint32_t)n;
}

static void
print_hex(const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", b[i]);
	putchar('\n');
}

/* ---- the port ---- */

static int
open_port(struct bench *b, struct words *w)
{
	begin_with(b, number(w));
	b->queues = number(w);
	b->offloads = number(w);
	start(b);
	return 0;
}

static int
close_port(struct bench *b, struct words *w)
{
	end(b);
	return 0;
}

static int
restart(struct bench *b, struct words *w)
{
	must(baton_port_stop(b->port));
	b->queues = number(w);
	b->offloads = number(w);
	start(b);
	return 0;
}

/* promisc, allmulti: ON; vlan: VID ON; mac: one, macs: any number of addresses. */
static int
set(struct bench *b, struct words *w)
{
	const char *what = next(w);
	uint8_t macs[TOKENS][6];
	uint16_t vid;
	unsigned n;

	if (!strcmp(what, "promisc"))
		return baton_port_set_promisc(b->port, (int)number(w));
	if (!strcmp(what, "allmulti"))
		return baton_port_set_allmulti(b->port, (int)number(w));
	if (!strcmp(what, "vlan")) {
		vid = (uint16_t)number(w);
		return baton_port_set_vlan(b->port, vid, (int)number(w));
	}
	for (n = 0; n < TOKENS && w->at < w->n; n++)
		assert_int_equal(bytes(w, macs[n], 6), 6);
	if (!strcmp(what, "mac"))
		return baton_port_set_mac(b->port, macs[0]);
	return baton_port_set_macs(b->port, (const uint8_t(*)[6])macs, n);
}

/* KEY TYPES, and the queues of the table, if it is not the device's. */
static int
rss(struct bench *b, struct words *w)
{
	struct baton_rss_config c;
	uint16_t table[128];
	uint8_t key[64];
	int ret;

	baton_rss_config_init(&c);
	c.key = key;
	c.key_len = bytes(w, key, sizeof(key));
	c.types = number(w);
	while (w->at < w->n && c.table_len < 128)
		table[c.table_len++] = (uint16_t)number(w);
	c.table = c.table_len ? table : NULL;
	must(baton_port_stop(b->port));
	ret = baton_port_set_rss(b->port, &c);
	must(baton_port_start(b->port));
	return ret;
}

/* SPEEDS AUTONEG */
static int
speeds(struct bench *b, struct words *w)
{
	const uint32_t speeds = number(w);

	return baton_port_set_speeds(b->port, speeds, (int)number(w));
}

/* MODE AUTONEG TIME HIGH LOW XON */
static int
pauses(struct bench *b, struct words *w)
{
	struct baton_flow_control c;

	must(baton_port_flow_control(b->port, &c));
	c.mode = (uint8_t)number(w);
	c.autoneg = (uint8_t)number(w);
	c.pause_time = (uint16_t)number(w);
	c.high_water = number(w);
	c.low_water = number(w);
	c.send_xon = (uint8_t)number(w);
	return baton_port_set_flow_control(b->port, &c);
}

/* ---- packets ---- */

/* "rx QUEUE FLAGS HASH VALID VLAN_TYPE VLAN_TCI BUFFERS FRAME" */
static void
print_packet(struct bench *b, unsigned queue, const struct baton_token *t, unsigned n)
{
	const struct baton_side none = { 0 }, *side = t->flags & BATON_TOKEN_SIDE
							      ? baton_side(b->worker, *t)
							      : &none;
	struct frame f = { .len = 0 };

	for (unsigned i = 0; i < n; i++) {
		memcpy(f.b + f.len, baton_data(b->worker, t[i]), t[i].len);
		f.len += t[i].len;
	}
	printf("rx %u %#x %#x %#x %#x %#x %u ", queue, t->flags, t->hash, side->valid,
	       side->vlan_type, side->vlan_tci, n);
	print_hex(f.b, f.len);
}

static void
print_received(struct bench *b, unsigned queue)
{
	struct baton_token t[TOKENS];
	const int n = baton_rx_burst(b->rx[queue], t, TOKENS);
	unsigned first = 0;

	must(n);
	for (unsigned i = 0; i < (unsigned)n; i++) {
		if (t[i].flags & BATON_TOKEN_CONT)
			continue;
		print_packet(b, queue, t + first, i + 1 - first);
		first = i + 1;
	}
	must(baton_free(b->worker, t, (unsigned)n));
}

/* FRAME: from outside; what is received then. */
static int
in(struct bench *b, struct words *w)
{
	struct frame f;

	f.len = bytes(w, f.b, sizeof(f.b));
	outside(b, &f);
	for (unsigned i = 0; i < b->queues; i++)
		print_received(b, i);
	return 0;
}

/* The buffers of a packet, of @part bytes at most; @t: room for TOKENS. Return: how many. */
static unsigned
fill(struct bench *b, const struct frame *f, uint32_t part, struct baton_token *t)
{
	unsigned n = 0;

	for (uint32_t at = 0; at < f->len; n++) {
		const uint32_t len = f->len - at < part ? f->len - at : part;

		assert_true(n < TOKENS);
		must(baton_alloc(b->worker, b->pool, &t[n], 1));
		memcpy(baton_data(b->worker, t[n]), f->b + at, len);
		t[n].len = (uint16_t)len;
		at += len;
		t[n].flags = at < f->len ? BATON_TOKEN_CONT : 0;
	}
	return n;
}

/* QUEUE PART FLAGS VALID L2 L3 L4 SIZE OFFSET VLAN_TYPE VLAN_TCI FRAME: "tx FRAME" for each that
 * leaves. */
static int
out(struct bench *b, struct words *w)
{
	const unsigned queue = number(w);
	const uint32_t part = number(w), flags = number(w);
	struct baton_side side = { .valid = number(w) };
	struct baton_token t[TOKENS];
	static struct frame f;
	unsigned n;
	int ret;

	side.l2_len = (uint16_t)number(w);
	side.l3_len = (uint16_t)number(w);
	side.l4_len = (uint16_t)number(w);
	side.seg_size = (uint16_t)number(w);
	side.csum_offset = (uint16_t)number(w);
	side.vlan_type = (uint16_t)number(w);
	side.vlan_tci = (uint16_t)number(w);
	f.len = bytes(w, f.b, sizeof(f.b));
	n = fill(b, &f, part, t);
	t[0].flags |= (uint8_t)flags;
	if (side.valid) {
		t[0].flags |= BATON_TOKEN_SIDE;
		*baton_side(b->worker, t[0]) = side;
	}
	ret = baton_tx_burst(b->tx[queue], t, n);
	if (ret <= 0)
		return ret ? ret : -EAGAIN;
	while ((ret = e1000e_rig_send(b->rig, queue, f.b, sizeof(f.b))) > 0) {
		printf("tx ");
		print_hex(f.b, (size_t)ret);
	}
	must(baton_tx_clean(b->tx[queue], 1000));
	printf("left %u\n", baton_txq_in_flight(b->tx[queue]));
	return 0;
}

/* ---- what the device says ---- */

static int
xstats(struct bench *b, struct words *w)
{
	struct baton_xstat x[160];
	const unsigned n = baton_port_xstats(b->port, x, 160);

	for (unsigned i = 0; i < n && i < 160; i++)
		printf("%s %llu\n", x[i].name, (unsigned long long)x[i].value);
	return 0;
}

static int
reg(struct bench *b, struct words *w)
{
	printf("%#x\n", e1000e_rig_get(b->rig, number(w)));
	return 0;
}

static int
phy(struct bench *b, struct words *w)
{
	printf("%#x\n", e1000e_rig_phy(b->rig, number(w)));
	return 0;
}

/* Counters of the test's: each is read once, and then 0, as the device's are. */
static struct {
	uint32_t at, value;
} lies[WORDS];

static bool
lie_once(struct e1000e_rig *r, uint32_t off, bool write, uint32_t *v)
{
	for (unsigned i = 0; !write && i < WORDS; i++) {
		if (!lies[i].at || lies[i].at != off)
			continue;
		*v = lies[i].value;
		lies[i].value = 0;
		return true;
	}
	return false;
}

/* Pairs of a register and what it reads, once. */
static int
lie(struct bench *b, struct words *w)
{
	memset(lies, 0, sizeof(lies));
	for (unsigned i = 0; w->at < w->n; i++) {
		lies[i].at = number(w);
		lies[i].value = number(w);
	}
	b->rig->on_access = lie_once;
	return 0;
}

/* UP: plug or unplug the cable; "link UP SPEED FULL_DUPLEX" when that is known, or is not for too
 * long. */
static int
cable(struct bench *b, struct words *w)
{
	const bool up = number(w);
	const int64_t until = qtest_now_ms() + LINK_MS;
	struct baton_link l;

	e1000e_rig_link(b->rig, up);
	do {
		must(baton_ctx_poll(b->ctx, 50));
		baton_port_link(b->port, &l);
	} while (l.up != up && qtest_now_ms() < until);
	printf("link %u %u %u\n", l.up, l.speed_mbps, l.full_duplex);
	return 0;
}

/* ---- sleep ---- */

static bool
wakes(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	must(fd);
	return poll(&p, 1, ms) == 1;
}

/* QUEUE FRAME: "slept", if the queue is quiet before, then "woke", if the frame wakes it. */
static int
rx_wake(struct bench *b, struct words *w)
{
	struct baton_rxq *rx = b->rx[number(w)];
	struct frame f;
	int fd;

	f.len = bytes(w, f.b, sizeof(f.b));
	must(baton_rxq_arm(rx));
	baton_rxq_disarm(rx); /* whatever was new until here */
	fd = baton_rxq_arm(rx);
	if (!wakes(fd, 0))
		puts("slept");
	outside(b, &f);
	if (wakes(fd, WAKE_MS))
		puts("woke");
	baton_rxq_disarm(rx);
	return 0;
}

/* QUEUE FRAME: the same of a TX ring that is full of the frame, and of which one leaves. */
static int
tx_wake(struct bench *b, struct words *w)
{
	const unsigned queue = number(w);
	struct baton_txq *tx = b->tx[queue];
	struct baton_token t;
	static struct frame f;
	unsigned given = 0;
	int fd, ret;

	f.len = bytes(w, f.b, sizeof(f.b));
	for (;; given++) {
		assert_int_equal(fill(b, &f, f.len, &t), 1);
		ret = baton_tx_burst(tx, &t, 1);
		must(ret);
		if (!ret)
			break;
	}
	must(baton_free(b->worker, &t, 1));
	fd = baton_txq_arm(tx);
	if (!wakes(fd, 0))
		puts("slept");
	while (given && e1000e_rig_send(b->rig, queue, f.b, sizeof(f.b)) > 0)
		given--;
	if (wakes(fd, WAKE_MS))
		puts("woke");
	baton_txq_disarm(tx);
	must(baton_tx_clean(tx, 1000));
	return 0;
}

/* ---- commands ---- */

static const struct {
	const char *name;
	int (*run)(struct bench *b, struct words *w);
} commands[] = {
	{ "open", open_port },  { "close", close_port }, { "restart", restart },
	{ "set", set },         { "rss", rss },          { "in", in },
	{ "out", out },         { "xstats", xstats },    { "reg", reg },
	{ "phy", phy },         { "speeds", speeds },    { "pauses", pauses },
	{ "lie", lie },         { "cable", cable },      { "rx_wake", rx_wake },
	{ "tx_wake", tx_wake },
};

static int
run(struct bench *b, char *line)
{
	struct words w = { .at = 1 };
	char *save = NULL;

	for (char *p = strtok_r(line, " \n", &save); p; p = strtok_r(NULL, " \n", &save)) {
		assert_true(w.n < WORDS);
		w.word[w.n++] = p;
	}
	for (unsigned i = 0; w.n && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(w.word[0], commands[i].name))
			return commands[i].run(b, &w);
	fail_msg("there is no command %s", w.n ? w.word[0] : "");
	return -EINVAL;
}

int
main(void)
{
	const char *why = qtest_missing();
	static struct bench b;
	size_t room = 0;
	char *line = NULL;
	int ret;

	if (why) {
		printf("skipped: %s\n", why);
		return 77;
	}
	while (getline(&line, &room, stdin) > 0) {
		ret = run(&b, line);
		if (ret < 0)
			printf("error %d %s\n", -ret, baton_last_error());
		else
			puts("ok");
		fflush(stdout);
	}
	free(line);
	return 0;
}
