/* SPDX-License-Identifier: BSD-3-Clause */
/* The document, while measuring. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "report.h"

struct report {
	json_t *doc, *run; /* the run that was begun last; borrowed */
	bool failed;       /* memory was short once */
};

/* Numbers that are whole stay whole: counters are exact. */
static void
set_count(json_t *o, const char *key, uint64_t value)
{
	json_object_set_new(o, key,
			    json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

/* JSON has no infinity. */
static void
set_real(json_t *o, const char *key, double value)
{
	json_object_set_new(o, key, isfinite(value) ? json_real(value) : json_null());
}

static void
set_if(json_t *o, const char *key, bool known, double value)
{
	json_object_set_new(o, key, known && isfinite(value) ? json_real(value) : json_null());
}

/* Whatever bytes a text has: what is no UTF-8 is shown as question marks. */
static json_t *
text_json(const char *text)
{
	json_t *j = text ? json_string(text) : json_null();
	char *copy;

	if (j)
		return j;
	copy = strdup(text);
	if (!copy)
		return NULL;
	for (char *p = copy; *p; p++)
		if (*p & 0x80)
			*p = '?';
	j = json_string(copy);
	free(copy);
	return j;
}

static void
set_text(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, text_json(text));
}

static json_t *
machine(const struct report_head *head)
{
	json_t *o = json_object();
	struct utsname u = { 0 };
	char line[256], cpu[200] = "";
	FILE *f = fopen("/proc/cpuinfo", "re");

	while (f && !cpu[0] && fgets(line, sizeof(line), f))
		if (!strncmp(line, "model name", 10) && strchr(line, ':'))
			snprintf(cpu, sizeof(cpu), "%.*s",
				 (int)strcspn(strchr(line, ':') + 2, "\n"), strchr(line, ':') + 2);
	if (f)
		fclose(f);
	(void)uname(&u);
	set_text(o, "host", u.nodename);
	set_text(o, "kernel", u.release);
	set_text(o, "cpu", cpu[0] ? cpu : u.machine);
	set_if(o, "tsc_hz", head->tsc_hz > 0, head->tsc_hz);
	return o;
}

static json_t *
ports(const struct report_head *head)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < head->n_ports; i++) {
		const struct report_port *p = &head->ports[i];
		const uint8_t *m = p->mac;
		json_t *o = json_object();

		set_text(o, "name", p->name);
		set_text(o, "driver", p->driver);
		json_object_set_new(o, "mac",
				    json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
						 m[3], m[4], m[5]));
		set_if(o, "link_bps", p->link_bps > 0, p->link_bps);
		json_array_append_new(list, o);
	}
	return list;
}

struct report *
report_new(const struct report_head *head)
{
	struct report *r = calloc(1, sizeof(*r));
	json_t *arguments;
	struct tm tm;
	char when[40];

	if (!r)
		return NULL;
	r->doc = json_object();
	arguments = json_array();
	for (int i = 0; i < head->argc; i++)
		json_array_append_new(arguments, text_json(head->argv[i]));
	gmtime_r(&head->started, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	set_text(r->doc, "format", REPORT_FORMAT);
	set_count(r->doc, "format_version", REPORT_VERSION);
	set_text(r->doc, "baton", head->baton);
	set_text(r->doc, "command", head->command);
	json_object_set_new(r->doc, "arguments", arguments);
	set_text(r->doc, "started", when);
	set_text(r->doc, "end", "running");
	set_text(r->doc, "end_text", "");
	json_object_set_new(r->doc, "machine", machine(head));
	json_object_set_new(r->doc, "ports", ports(head));
	json_object_set_new(r->doc, "asserts", json_array());
	if (json_object_set_new(r->doc, "runs", json_array())) {
		report_free(r);
		return NULL;
	}
	return r;
}

void
report_free(struct report *r)
{
	if (!r)
		return;
	json_decref(r->doc);
	free(r);
}

void
report_run(struct report *r, const struct size_mix *mix, double link_bps)
{
	json_t *o = json_object();

	set_text(o, "size", mix->name);
	set_real(o, "mean_bytes", mix_bytes(mix));
	set_real(o, "wire_bits", mix_wire_bits(mix));
	set_if(o, "link_bps", link_bps > 0, link_bps);
	set_if(o, "line_rate_pps", link_bps > 0, link_bps / mix_wire_bits(mix));
	json_object_set_new(o, "search", json_null());
	json_object_set_new(o, "trials", json_array());
	json_object_set_new(o, "latency", json_array());
	json_object_set_new(o, "jitter", json_array());
	json_object_set_new(o, "gaps", json_array());
	r->failed |= json_array_append_new(json_object_get(r->doc, "runs"), o) != 0;
	r->run = r->failed ? NULL : o;
}

/* ---- trials ---- */

static json_t *
accounts(const struct trial_accounts *a)
{
	json_t *o = json_object();

	set_count(o, "sent", a->sent);
	set_count(o, "received", a->received);
	set_count(o, "unique", a->unique);
	set_count(o, "lost", a->lost);
	set_count(o, "duplicate", a->duplicate);
	set_count(o, "late", a->late);
	set_count(o, "damaged", a->damaged);
	set_count(o, "foreign", a->foreign);
	set_count(o, "reordered", a->reordered);
	return o;
}

static json_t *
void_reasons(unsigned voided)
{
	static const char *const names[] = { "gap",  "tx full", "rx full", "no buffer",
					     "rate", "link",    "clock" };
	json_t *list = json_array();

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (voided & 1u << i)
			json_array_append_new(list, json_string(names[i]));
	return list;
}

static json_t *
trial_json(const struct trial_request *q, double start, double took, double rate, unsigned voided,
	   const char *reason, const struct trial_accounts *total)
{
	json_t *o = json_object();

	set_real(o, "start_s", start);
	set_real(o, "load_pps", q->load);
	set_real(o, "duration_s", q->seconds);
	set_real(o, "took_s", took);
	set_real(o, "rate_pps", rate);
	set_real(o, "loss_ratio", trial_loss_ratio(total));
	json_object_set_new(o, "warm_up", json_boolean(q->warm_up));
	json_object_set_new(o, "void", void_reasons(voided));
	set_text(o, "reason", reason);
	json_object_set_new(o, "accounts", accounts(total));
	return o;
}

void
report_trial(struct report *r, const struct trial_result *t, double start)
{
	json_t *o, *list = json_array();

	if (!r->run)
		return;
	o = trial_json(&t->asked, start, t->took, t->rate, t->voided, t->reason, &t->total);
	for (unsigned i = 0; i < t->n_directions; i++) {
		json_t *d = json_object();

		set_text(d, "direction", t->direction[i].name);
		set_real(d, "rate_pps", t->direction[i].rate);
		json_object_set_new(d, "accounts", accounts(&t->direction[i].accounts));
		json_array_append_new(list, d);
	}
	json_object_set_new(o, "directions", list);
	list = json_array();
	for (unsigned i = 0; i < t->n_streams && t->streams; i++) {
		const struct trial_stream *s = &t->streams[i];
		json_t *d = json_object();

		set_text(d, "stream", s->name);
		set_text(d, "direction",
			 s->direction < t->n_directions ? t->direction[s->direction].name : "");
		json_object_set_new(d, "accounts", accounts(&s->accounts));
		json_array_append_new(list, d);
	}
	json_object_set_new(o, "streams", list);
	r->failed |= json_array_append_new(json_object_get(r->run, "trials"), o) != 0;
}

/* ---- searches ---- */

static json_t *
goal_json(const struct search *s, unsigned i, double wire_bits)
{
	const struct goal *g = &search_config(s)->goals[i];
	json_t *o = json_object();
	struct goal_result res;

	if (search_result(s, i, &res)) {
		json_decref(o);
		return NULL;
	}
	set_text(o, "name", g->name);
	set_real(o, "initial_s", g->initial);
	set_real(o, "trial_s", g->trial);
	set_real(o, "sum_s", g->sum);
	set_real(o, "loss_ratio", g->loss);
	set_real(o, "exceed_ratio", g->exceed);
	set_real(o, "width", g->width);
	set_text(o, "result", goal_end_name(res.end));
	set_text(o, "text", res.text);
	set_if(o, "lower_pps", res.has_lower, res.lower);
	set_if(o, "upper_pps", res.has_upper, res.upper);
	set_if(o, "throughput_pps", res.has_lower, res.throughput);
	set_if(o, "throughput_bps", res.has_lower, res.throughput * wire_bits);
	set_if(o, "throughput_loss_ratio", res.has_lower, res.loss);
	return o;
}

void
report_search(struct report *r, const struct search *s)
{
	const struct search_config *c = search_config(s);
	json_t *o = json_object(), *goals = json_array(), *list = json_array();
	double wire_bits;
	unsigned n;
	const struct search_trial *t = search_trials(s, &n);

	if (!r->run)
		return;
	wire_bits = json_number_value(json_object_get(r->run, "wire_bits"));
	for (unsigned i = 0; i < c->n_goals; i++)
		r->failed |= json_array_append_new(goals, goal_json(s, i, wire_bits)) != 0;
	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list,
				      trial_json(&t[i].request, t[i].start, t[i].took, t[i].rate,
						 t[i].voided, t[i].reason, &t[i].total));
	set_text(o, "method", c->method == SEARCH_BINARY ? "binary" : "mlrsearch");
	set_real(o, "min_load_pps", c->min_load);
	set_real(o, "max_load_pps", c->max_load);
	set_text(o, "end", search_end_name(search_ended(s)));
	set_text(o, "end_text", search_text(s));
	set_real(o, "seconds", search_seconds(s));
	set_count(o, "voided", search_voided(s));
	json_object_set_new(o, "goals", goals);
	json_object_set_new(r->run, "search", o);
	r->failed |= json_object_set_new(r->run, "trials", list) != 0;
}

/* ---- histograms ---- */

#define BINS 60

/* Equal bins up to the 99th percentile, and one for what is above; [from, to, count]. */
static json_t *
bins(const struct hist *h)
{
	uint64_t from = h->min, to = hist_percentile(h, 99), count[BINS + 1] = { 0 };
	double width = fmax(1, (double)(to - from + 1) / BINS);
	json_t *list = json_array();

	for (unsigned i = 0; i < HIST_COUNTERS; i++) {
		uint64_t at = hist_lowest(i) > from ? hist_lowest(i) : from;
		double bin = (double)(at - from) / width;

		if (h->count[i])
			count[at > to || bin >= BINS ? BINS : (unsigned)bin] += h->count[i];
	}
	for (unsigned i = 0; i <= BINS; i++) {
		double low = (double)from + width * i;

		if (i < BINS && low > (double)to)
			continue;
		if (i < BINS || count[i])
			json_array_append_new(list,
					      json_pack("[ffI]", low,
							i < BINS ? low + width : (double)h->max,
							(json_int_t)count[i]));
	}
	return list;
}

void
report_hist(struct report *r, const struct report_hist *in)
{
	static const char *const keys[] = { "latency", "jitter", "gaps" };
	struct hist_summary s;
	json_t *o = json_object();

	if (!r->run)
		return;
	hist_summarize(in->hist, &s);
	set_text(o, "label", in->label);
	set_real(o, "load_pps", in->load);
	set_text(o, "direction", in->direction ? in->direction : "");
	set_text(o, "stream", in->stream);
	json_object_set_new(o, "instrument", json_boolean(in->own));
	set_count(o, "count", s.n);
	set_count(o, "out_of_range", s.over);
	set_count(o, "min_ns", s.min);
	set_count(o, "p50_ns", s.p50);
	set_count(o, "p90_ns", s.p90);
	set_count(o, "p99_ns", s.p99);
	set_count(o, "p99.9_ns", s.p999);
	set_count(o, "p99.99_ns", s.p9999);
	set_count(o, "max_ns", s.max);
	set_real(o, "mean_ns", s.mean);
	if (in->kind == REPORT_GAPS)
		json_object_set_new(o, "bins", in->hist && s.n ? bins(in->hist) : json_array());
	r->failed |= json_array_append_new(json_object_get(r->run, keys[in->kind]), o) != 0;
}

void
report_end(struct report *r, const char *end, const char *text)
{
	set_text(r->doc, "end", end);
	set_text(r->doc, "end_text", text);
}

json_t *
report_document(struct report *r)
{
	return r->failed ? NULL : r->doc;
}
