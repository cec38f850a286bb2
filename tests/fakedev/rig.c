/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A test that fails leaves its functions by longjmp: its directory goes with the process. */
static char dirs[8][sizeof("/tmp/baton-fakedev-XXXXXX")];

static void
remove_dirs(void)
{
	for (unsigned i = 0; i < 8; i++) {
		char path[sizeof(dirs[0]) + 2];

		if (!dirs[i][0])
			continue;
		snprintf(path, sizeof(path), "%.22s/s", dirs[i]);
		unlink(path);
		rmdir(dirs[i]);
	}
}

static void
make_dir(struct rig *r)
{
	static bool registered;

	if (!registered)
		atexit(remove_dirs);
	registered = true;
	snprintf(r->dir, sizeof(r->dir), "/tmp/baton-fakedev-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	for (unsigned i = 0; i < 8; i++) {
		if (!dirs[i][0]) {
			memcpy(dirs[i], r->dir, sizeof(dirs[i]));
			break;
		}
	}
	snprintf(r->path, sizeof(r->path), "%s/s", r->dir);
}

static void
drop_dir(const struct rig *r)
{
	rmdir(r->dir);
	for (unsigned i = 0; i < 8; i++)
		if (!strcmp(dirs[i], r->dir))
			dirs[i][0] = '\0';
}

static void
on_log(void *arg, enum baton_log_level level, const char *line)
{
	struct rig *r = arg;

	size_t used = strlen(r->logged);

	if (level <= BATON_LOG_WARN && used < sizeof(r->logged) - 1)
		snprintf(r->logged + used, sizeof(r->logged) - used, "%s\n", line);
	if (getenv("FAKEDEV_LOG"))
		fprintf(stderr, "log %d: %s\n", level, line);
}

static void
on_violation(void *arg, const struct baton_violation *v)
{
	struct rig *r = arg;

	r->violations++;
	if (getenv("FAKEDEV_LOG"))
		fprintf(stderr, "%s\n", v->text);
}

static void
make_pool(struct rig *r)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	struct baton_pool_config p;

	baton_pool_config_init(&p);
	p.name = "rig";
	p.count = r->count;
	if (r->config.data_len)
		p.data_len = r->config.data_len;
	if (r->config.headroom)
		p.headroom = r->config.headroom;
	p.page_size = BATON_PAGE_BASE;
	assert_int_equal(baton_pool_create(r->ctx, &p, &r->pool), 0);
	assert_int_equal(baton_worker_create(r->ctx, &w, &r->worker), 0);
}

void
rig_prepare(struct rig *r, const struct rig_config *config)
{
	struct baton_ctx_config c = { .size = sizeof(c),
				      .log = on_log,
				      .log_arg = r,
				      .on_violation = on_violation,
				      .violation_arg = r };

	memset(r, 0, sizeof(*r));
	r->config = *config;
	r->count = config->pool_count ? config->pool_count : 1024;
	make_dir(r);
	r->config.fakedev.path = r->path;
	if (getenv("BATON_RIG_FEATURES"))
		r->config.fakedev.features =
			(config->fakedev.features ? config->fakedev.features : FAKEDEV_FEATURES) |
			strtoull(getenv("BATON_RIG_FEATURES"), NULL, 0);
	if (config->pairs > 1) {
		r->config.fakedev.features =
			(r->config.fakedev.features ? r->config.fakedev.features
						    : FAKEDEV_FEATURES) |
			FAKEDEV_F_MQ;
		r->config.fakedev.max_queues =
			config->fakedev.max_queues ? config->fakedev.max_queues : config->pairs;
	}
	r->config.fakedev.connect = config->server;
	r->fakedev = fakedev_start(&r->config.fakedev);
	assert_non_null(r->fakedev);
	assert_int_equal(baton_ctx_create(&c, &r->ctx), 0);
	make_pool(r);
}

static void
on_event(void *arg, struct baton_port *port, enum baton_port_event event)
{
	struct rig *r = arg;

	r->events[event]++;
}

int
rig_open(struct rig *r)
{
	unsigned timeout =
		r->config.timeout_ms ? r->config.timeout_ms : 20000; /* on a busy machine */
	const char *more = getenv("BATON_RIG_ARGS");
	char args[256];
	int ret;

	snprintf(args, sizeof(args), "net_virtio_user%u,path=%s,timeout=%u%s%s%s", r->config.number,
		 r->path, timeout, r->config.server ? ",server=1,wait=5000" : "",
		 r->config.args ? r->config.args : "", more ? more : "");
	ret = baton_port_open(r->ctx, args, &r->port);
	if (ret < 0)
		r->port = NULL;
	else
		baton_port_on_event(r->port, on_event, r);
	return ret;
}

bool
rig_wait_event(struct rig *r, enum baton_port_event event, unsigned n, unsigned ms)
{
	uint64_t end = rig_now_ms() + ms;

	while (r->events[event] < n && rig_now_ms() < end)
		baton_ctx_poll(r->ctx, 10);
	return r->events[event] >= n;
}

void
rig_poll(struct rig *r, unsigned ms)
{
	uint64_t end = rig_now_ms() + ms;

	while (rig_now_ms() < end)
		baton_ctx_poll(r->ctx, 5);
}

int
rig_start(struct rig *r)
{
	uint16_t pairs = r->config.pairs ? r->config.pairs : 1;
	struct baton_port_config c = { .size = sizeof(c),
				       .rx_queues = pairs,
				       .tx_queues = pairs,
				       .mtu = r->config.mtu,
				       .stop_timeout_ms = r->config.stop_timeout_ms
								  ? r->config.stop_timeout_ms
								  : 50,
				       .offloads = r->config.offloads };
	struct baton_queue_config q = { .size = sizeof(q),
					.descs = r->config.descs ? r->config.descs : 256,
					.worker = r->worker,
					.pool = r->pool };
	int ret = baton_port_configure(r->port, &c);

	for (uint16_t i = 0; i < pairs && ret == 0; i++) {
		q.pool = r->pool;
		ret = baton_rxq_setup(r->port, i, &q, &r->rxq[i]);
		q.pool = NULL;
		if (ret == 0)
			ret = baton_txq_setup(r->port, i, &q, &r->txq[i]);
	}
	r->rx = r->rxq[0];
	r->tx = r->txq[0];
	if (ret == 0)
		ret = baton_port_start(r->port);
	return ret;
}

static void
must(int ret, const char *what)
{
	if (ret < 0)
		fail_msg("%s: %s: %s", what, strerror(-ret), baton_last_error());
}

void
rig_up(struct rig *r, const struct rig_config *config)
{
	rig_prepare(r, config);
	must(rig_open(r), "open");
	must(rig_start(r), "start");
	assert_true(fakedev_ready(r->fakedev, FAKEDEV_RX));
	assert_true(fakedev_ready(r->fakedev, FAKEDEV_TX));
	assert_string_equal(fakedev_driver_error(r->fakedev), "");
	rig_check_sum(r);
}

static void
take_down(struct rig *r)
{
	if (r->port) {
		struct baton_reach_summary reach;
		int ret = baton_port_stop(r->port), closed;

		baton_port_reach_summary(r->port, &reach);
		closed = baton_port_close(r->port);
		rig_check_sum(r);
		r->quarantined = rig_held(r, BATON_HOLDER_QUARANTINE) + reach.quarantined_slots;
		if (!r->quarantined)
			assert_int_equal(ret, 0);
		assert_int_equal(closed, 0);
	}
	if (r->quarantined) { /* never reused: pool and context stay for good */
		fakedev_stop(r->fakedev);
		drop_dir(r);
		return;
	}
	rig_check_home(r);
	assert_int_equal(baton_worker_destroy(r->worker), 0);
	assert_int_equal(baton_pool_destroy(r->pool), 0);
	assert_int_equal(baton_ctx_destroy(r->ctx), 0);
	assert_int_equal(r->violations, 0);
	assert_true(fakedev_wait_disconnected(r->fakedev));
	fakedev_stop(r->fakedev);
	drop_dir(r);
}

void
rig_down(struct rig *r)
{
	must(baton_port_stop(r->port), "stop");
	rig_check_home(r);
	assert_string_equal(fakedev_driver_error(r->fakedev), "");
	take_down(r);
}

void
rig_discard(struct rig *r)
{
	rig_check_sum(r);
	take_down(r);
}

uint32_t
rig_held(const struct rig *r, enum baton_holder_kind kind)
{
	struct baton_holder h[32];
	unsigned n = baton_pool_holders(r->pool, h, 32);
	uint32_t sum = 0;

	assert_in_range(n, 0, 32);
	for (unsigned i = 0; i < n; i++) {
		if (h[i].kind == kind)
			sum += h[i].count;
	}
	return sum;
}

void
rig_check_sum(const struct rig *r)
{
	uint32_t sum = 0;

	for (int kind = BATON_HOLDER_FREE; kind <= BATON_HOLDER_QUARANTINE; kind++)
		sum += rig_held(r, (enum baton_holder_kind)kind);
	assert_int_equal(sum, r->count);
}

void
rig_check_home(const struct rig *r)
{
	rig_check_sum(r);
	assert_int_equal(rig_held(r, BATON_HOLDER_FREE) + rig_held(r, BATON_HOLDER_CACHE),
			 r->count);
}

struct baton_stats
rig_stats(const struct rig *r)
{
	struct baton_stats s;

	baton_port_stats(r->port, &s);
	return s;
}

uint64_t
rig_xstat(const struct rig *r, const char *name)
{
	struct baton_xstat x[1024];
	unsigned n = baton_port_xstats(r->port, x, 1024);

	assert_in_range(n, 1, 1024);
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(x[i].name, name))
			return x[i].value;
	fail_msg("no counter %s", name);
	return 0;
}

void
rig_frame(uint8_t *frame, size_t len, uint32_t seed)
{
	uint32_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		frame[i] = (uint8_t)(x >> 24);
	}
	if (len >= 14)
		memcpy(frame, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0", 14);
	if (len >= 18)
		memcpy(frame + 14, &seed, 4);
}

size_t
rig_gather(const struct rig *r, const struct baton_token *tokens, unsigned n, uint8_t *out)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		const void *bytes = baton_data(r->worker, tokens[i]);

		assert_non_null(bytes);
		assert_true(len + tokens[i].len <= RIG_FRAME_MAX);
		memcpy(out + len, bytes, tokens[i].len);
		len += tokens[i].len;
	}
	return len;
}

unsigned
rig_expect_rx(struct rig *r, const uint8_t *frame, size_t len)
{
	struct baton_token t[RIG_BURST];
	uint8_t got[RIG_FRAME_MAX];
	int n = baton_rx_burst(r->rx, t, RIG_BURST);

	must(n, "rx_burst");
	assert_true(n > 0);
	assert_int_equal(baton_packet_segs(t, (unsigned)n), n);
	assert_false(t[n - 1].flags & BATON_TOKEN_CONT);
	assert_int_equal(rig_gather(r, t, (unsigned)n, got), len);
	assert_memory_equal(got, frame, len);
	assert_int_equal(baton_free(r->worker, t, (unsigned)n), 0);
	return (unsigned)n;
}

void
rig_roundtrip_rx(struct rig *r, size_t len, uint32_t seed)
{
	uint8_t frame[RIG_FRAME_MAX];

	rig_frame(frame, len, seed);
	assert_true(fakedev_rx_inject(r->fakedev, FAKEDEV_RX, frame, len) > 0);
	rig_expect_rx(r, frame, len);
}

unsigned
rig_packet(struct rig *r, const uint8_t *frame, size_t len, size_t seg, struct baton_token *tokens)
{
	struct baton_pool_info info;
	size_t done = 0;
	unsigned n = 0;

	baton_pool_info(r->pool, &info);
	if (seg == 0)
		seg = info.data_len - info.headroom;
	while (done < len) {
		struct baton_token *t = &tokens[n++];

		assert_int_equal(baton_alloc(r->worker, r->pool, t, 1), 1);
		t->len = (uint16_t)(len - done < seg ? len - done : seg);
		memcpy(baton_data(r->worker, *t), frame + done, t->len);
		done += t->len;
		if (done < len)
			t->flags |= BATON_TOKEN_CONT;
	}
	return n;
}

unsigned
rig_expect_tx(struct rig *r, const uint8_t *frame, size_t len)
{
	static const struct wire_net_header zero;
	struct wire_net_header header;
	uint8_t got[RIG_FRAME_MAX];
	size_t n = sizeof(got);
	int head = fakedev_tx_collect(r->fakedev, FAKEDEV_TX, &header, got, &n);

	assert_true(head >= 0);
	assert_int_equal(n, len);
	assert_memory_equal(got, frame, len);
	assert_memory_equal(&header, &zero, sizeof(zero));
	return (unsigned)head;
}

void
rig_roundtrip_tx(struct rig *r, size_t len, uint32_t seed)
{
	struct baton_token t[RIG_BURST];
	uint8_t frame[RIG_FRAME_MAX];
	unsigned n, head;

	rig_frame(frame, len, seed);
	n = rig_packet(r, frame, len, 0, t);
	assert_int_equal(baton_tx_burst(r->tx, t, n), n);
	head = rig_expect_tx(r, frame, len);
	fakedev_complete(r->fakedev, FAKEDEV_TX, head, 0);
	rig_clean(r, RIG_BURST, n);
}

bool
rig_bounced(const struct rig *r)
{
	struct baton_reach_summary s;

	baton_port_reach_summary(r->port, &s);
	return s.tx_slots;
}

void
rig_clean(struct rig *r, unsigned budget, unsigned n)
{
	assert_int_equal(baton_tx_clean(r->tx, budget), rig_bounced(r) ? 0 : n);
}

unsigned
rig_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

uint64_t
rig_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

unsigned
rig_count(const char *text, const char *part)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, part)); at++)
		n++;
	return n;
}
