/* SPDX-License-Identifier: BSD-3-Clause */
/* --stats-json: the final statistics for programs to read. */
#include <stdio.h>
#include <stdlib.h>

#include "testpmd.h"

#ifdef TESTPMD_HAVE_JANSSON

#include <jansson.h>

static void
set(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *
rx_counters(const struct baton_stats *s)
{
	json_t *o = json_object();

	set(o, "rx_packets", s->rx_packets);
	set(o, "rx_bytes", s->rx_bytes);
	set(o, "rx_errors", s->rx_errors);
	set(o, "rx_missed", s->rx_missed);
	set(o, "rx_nobuf", s->rx_nobuf);
	set(o, "rx_discarded", s->rx_discarded);
	set(o, "violations", s->violations);
	return o;
}

static json_t *
tx_counters(const struct baton_stats *s)
{
	json_t *o = json_object();

	set(o, "tx_packets", s->tx_packets);
	set(o, "tx_bytes", s->tx_bytes);
	set(o, "tx_errors", s->tx_errors);
	set(o, "tx_lost", s->tx_lost);
	set(o, "tx_full", s->tx_full);
	set(o, "tx_discarded", s->tx_discarded);
	set(o, "violations", s->violations);
	return o;
}

static json_t *
counters(const struct forward_counts *c)
{
	json_t *o = rx_counters(&c->stats);

	json_object_update_new(o, tx_counters(&c->stats));
	set(o, "tx_dropped", c->stream.dropped);
	set(o, "bad_ipcsum", c->stream.bad_ip);
	set(o, "bad_l4csum", c->stream.bad_l4);
	return o;
}

static json_t *
queues(struct app_queue *list, unsigned n, bool tx)
{
	json_t *array = json_array();

	/* Also those that are no more, if they counted something. */
	for (unsigned i = n; list && i < BATON_MAX_QUEUES; i++) {
		struct baton_stats s;

		counts_of_queue(&list[i], &s);
		if (s.rx_packets || s.tx_packets || s.rx_errors || s.tx_errors)
			n = i + 1;
	}
	for (unsigned i = 0; list && i < n; i++) {
		struct baton_stats s;

		counts_of_queue(&list[i], &s);
		json_array_append_new(array, tx ? tx_counters(&s) : rx_counters(&s));
	}
	return array;
}

static json_t *
streams(struct app *app)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < app->n_streams; i++) {
		const struct stream *s = &app->streams[i];
		struct forward_counts c;
		json_t *o = json_object();

		counts_of_stream(app, s, &c);
		set(o, "rx_port", s->rx_port);
		set(o, "tx_port", s->tx_port);
		set(o, "queue", s->queue);
		json_object_update_new(o, counters(&c));
		json_array_append_new(array, o);
	}
	return array;
}

/* As decided at the last start; null for a port without a device. */
static json_t *
reach(const struct baton_reach_summary *r)
{
	json_t *o;

	if (!r->device_data_bits)
		return json_null();
	o = json_object();
	json_object_set_new(o, "bounce", json_string(bounce_names[r->bounce]));
	json_object_set_new(o, "confined", json_boolean(r->confined));
	json_object_set_new(o, "bounced", json_boolean(r->rx_slots || r->tx_slots));
	set(o, "data_bits", r->data_bits);
	set(o, "ring_bits", r->ring_bits);
	set(o, "rx_slots", r->rx_slots);
	set(o, "tx_slots", r->tx_slots);
	set(o, "slot_bytes", r->slot_bytes);
	json_object_set_new(o, "shared_slots", json_boolean(r->shared_slots));
	set(o, "quarantined_slots", r->quarantined_slots);
	return o;
}

static json_t *
ports(struct app *app)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < app->n_ports; i++) {
		struct app_port *p = &app->ports[i];
		const uint8_t *m = p->info.mac;
		struct forward_counts c;
		json_t *o;

		if (!p->devargs)
			continue;
		o = json_object();
		counts_of_port(app, i, &c);
		set(o, "port", i);
		json_object_set_new(o, "device", json_string(p->devargs));
		json_object_set_new(o, "mac",
				    json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
						 m[3], m[4], m[5]));
		set(o, "mtu", p->info.mtu);
		set(o, "times_lost", p->lost);
		json_object_set_new(o, "reach", reach(&p->reach));
		json_object_update_new(o, counters(&c));
		json_object_set_new(o, "rx_queues", queues(p->rx, app->opt.rxq, false));
		json_object_set_new(o, "tx_queues", queues(p->tx, app->opt.txq, true));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
errors(const struct app *app)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < app->n_streams; i++) {
		const struct stream *s = &app->streams[i];

		if (s->failed)
			json_array_append_new(list, json_pack("{sisisiss*ss}", "rx_port",
							      s->rx_port, "tx_port", s->tx_port,
							      "queue", s->queue, "operation",
							      s->failed, "error", s->error_text));
	}
	return list;
}

static json_t *
holders(const struct app *app)
{
	struct baton_holder list[MAX_HOLDERS];
	unsigned n = baton_pool_holders(app->pool, list, MAX_HOLDERS);
	json_t *o = json_object();

	for (unsigned i = 0; i < n && i < MAX_HOLDERS; i++)
		set(o, list[i].name, list[i].count);
	return o;
}

bool
json_write(struct app *app)
{
	json_t *root = json_object();
	struct forward_counts total;
	uint64_t cycles = 0, sleeps = 0;
	char *text;
	bool ok;

	for (unsigned i = 0; i < app->n_lcores; i++) {
		cycles += app->lcores[i].cycles;
		sleeps += app->lcores[i].sleeps;
	}
	json_object_set_new(root, "version", json_string(baton_version()));
	json_object_set_new(root, "forward_mode", json_string(fwd_mode_name(app->opt.mode)));
	set(root, "cores", app->n_lcores);
	set(root, "burst", app->opt.burst);
	json_object_set_new(root, "seconds", json_real((double)app->forwarded_ns / 1e9));
	counts_total(app, &total);
	json_object_set_new(root, "ports", ports(app));
	json_object_set_new(root, "streams", streams(app));
	json_object_set_new(root, "total", counters(&total));
	if (app->opt.record_cycles) {
		set(root, "cycles", cycles);
		json_object_set_new(root, "cycles_mhz", json_real(stats_mhz(app)));
	}
	if (app->opt.sleep_idle)
		set(root, "sleeps", sleeps);
	json_object_set_new(root, "errors", errors(app));
	json_object_set_new(root, "buffers", holders(app));
	text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	if (!text) {
		complain("--stats-json=%s: no memory", app->opt.stats_json);
		return false;
	}
	ok = json_store(app->opt.stats_json, text);
	free(text);
	return ok;
}

#else

bool
json_write(struct app *app)
{
	return true;
}

#endif
