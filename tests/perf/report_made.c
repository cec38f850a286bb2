/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A report of simulated measurements, in all its forms: what baton-perf would have written.
 *
 * usage: report_made FOLDER KIND     writes FOLDER/report.{json,html,txt}
 *
 * KIND: small (two sizes), large (20 sizes, thousands of trials and streams), early (interrupted),
 * hostile (names that are markup), rate (trials of no search).
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

struct device {
	double capacity;
	unsigned trials, void_at, stop_at;
};

static uint64_t state = 42;

static double
uniform(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (double)(state >> 11) / 9007199254740992.0;
}

static int
trial(void *ctx, const struct trial_request *q, struct trial_result *r)
{
	struct device *d = ctx;
	double sent = round(q->load * q->seconds);
	double lost = fmax(0, sent - floor(d->capacity * (1 + uniform() * 0.004) * q->seconds));

	if (++d->trials == d->stop_at)
		return -EINTR;
	r->seconds = q->seconds;
	r->took = q->seconds + 0.01;
	r->rate = q->load * 0.99998;
	r->total = (struct trial_accounts){ .sent = (uint64_t)sent, .lost = (uint64_t)lost };
	r->total.unique = r->total.sent - r->total.lost;
	r->total.duplicate = 2;
	r->total.received = r->total.unique + 2;
	r->total.reordered = r->total.unique / 1000;
	if (d->trials == d->void_at) {
		r->voided = TRIAL_VOID_GAP | TRIAL_VOID_TX_FULL;
		strcpy(r->reason, "worker 1 stood still for 312 us & its ring of 512 was full");
	}
	return 0;
}

static void
hist(struct report *r, enum report_hist_kind kind, const char *label, double load,
     const char *direction, const char *stream, double middle, double spread)
{
	struct hist *h = hist_new();
	struct report_hist in = { kind, label, load, direction, stream, false, h };

	if (!h)
		exit(1);
	for (unsigned i = 0; i < 20000; i++) {
		double v = middle + spread * (uniform() + uniform() + uniform() - 1.5);

		hist_record(h, (uint64_t)fmax(1, uniform() < 0.002 ? v * 20 * uniform() : v));
	}
	report_hist(r, &in);
	hist_free(h);
}

static void
measure(struct report *r, const char *size, double link, bool large, struct device *d,
	const char *stream)
{
	struct search_config c = { .n_goals = 2, .min_load = 1000 };
	struct size_mix mix;
	char why[WHY], label[40];
	struct search *s;

	if (!mix_parse(size, &mix, why) || !goal_parse("ndr", &c.goals[0], why) ||
	    !goal_parse("pdr", &c.goals[1], why))
		exit(1);
	if (large)
		c.goals[0].sum = c.goals[1].sum = 1000;
	c.max_load = link / mix_wire_bits(&mix);
	d->capacity = fmin(c.max_load * 1.5, 6.2e6 * (1 + uniform() * 0.1));
	report_run(r, &mix, link);
	s = search_new(&c, why);
	if (!s)
		exit(1);
	search_run(s, trial, d, NULL, NULL);
	report_search(r, s);
	for (unsigned i = 0; i < 4; i++) {
		static const unsigned parts[] = { 0, 10, 50, 90 };

		snprintf(label, sizeof(label), "%u %% of PDR", parts[i]);
		hist(r, REPORT_LATENCY, label, 6e4 * parts[i] + 1000, "0 -> 1", NULL,
		     4000 + 40.0 * parts[i], 900 + 30 * parts[i]);
		hist(r, REPORT_LATENCY, label, 6e4 * parts[i] + 1000, "1 -> 0", NULL,
		     4100 + 44.0 * parts[i], 900 + 35 * parts[i]);
	}
	for (unsigned i = 0; stream && i < (large ? 300 : 1); i++)
		hist(r, REPORT_LATENCY, "50 % of PDR", 3e6, "0 -> 1", stream, 6000, 2000);
	hist(r, REPORT_JITTER, "50 % of PDR", 3e6, "0 -> 1", NULL, 200, 200);
	hist(r, REPORT_GAPS, NULL, 1e6, "0 -> 1", NULL, 1000, 60);
	search_free(s);
}

static void
rate(struct report *r)
{
	static const struct trial_stream streams[] = {
		{ "web", 0, { .sent = 600, .unique = 590, .lost = 10, .received = 590 }, NULL },
		{ "voice", 0, { .sent = 400, .unique = 400, .received = 400 }, NULL },
	};
	struct trial_result t = { .asked = { 1e6, 10, false },
				  .seconds = 10,
				  .took = 10.2,
				  .rate = 999990,
				  .n_directions = 1,
				  .n_streams = 2,
				  .streams = streams };
	struct size_mix mix;
	char why[WHY];

	t.total = (struct trial_accounts){ .sent = 1000,
					   .received = 1003,
					   .unique = 990,
					   .lost = 10,
					   .duplicate = 5,
					   .late = 1,
					   .damaged = 4,
					   .foreign = 3,
					   .reordered = 9 };
	t.direction[0].name = "0 -> 1";
	t.direction[0].accounts = t.total;
	t.direction[0].rate = 999990;
	if (!mix_parse("imix", &mix, why))
		exit(1);
	report_run(r, &mix, 0);
	report_trial(r, &t, 0);
}

static void
measure_all(struct report *r, const char *kind, struct device *d)
{
	static const char *const more[] = { "128",  "256", "512", "570",  "1024", "1280",
					    "1518", "70",  "80",  "90",   "100",  "110",
					    "120",  "130", "140", "2112", "9216", "genome:abc" };
	bool large = !strcmp(kind, "large");

	if (!strcmp(kind, "rate")) {
		rate(r);
		return;
	}
	measure(r, "64", 10e9, large, d,
		!strcmp(kind, "hostile") ? "<script>alert(1)</script>\x01" : "voice");
	if (!strcmp(kind, "early"))
		return;
	measure(r, "imix", 10e9, large, d, large ? "voice" : NULL);
	for (unsigned i = 0; large && i < sizeof(more) / sizeof(more[0]); i++)
		measure(r, more[i], 10e9, true, d, NULL);
}

static void
store(const char *folder, const char *name, const char *text)
{
	char path[4096], why[WHY];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (report_file_check("--json", path, why) && report_file_write("--json", path, text, why))
		return;
	fprintf(stderr, "%s\n", why);
	exit(1);
}

static void
assertions(json_t *doc)
{
	static const char *const texts[] = { "64:ndr>=5Mpps", "pdr>=9.9Gbps", "latency.p99<=1s",
					     "loss<=0.5%" };

	for (unsigned i = 0; i < 4; i++) {
		struct report_assert a;
		char why[WHY];

		if (!report_assert_parse(texts[i], &a, why))
			exit(1);
		report_assert_check(doc, &a, why);
	}
}

int
main(int argc, char **argv)
{
	static const struct report_port ports[] = {
		{ "0000:01:00.0", "net_e1000e", { 2, 0, 0, 0, 0, 1 }, 10e9 },
		{ "0000:01:00.1", "net_e1000e", { 2, 0, 0, 0, 0, 2 }, 0 },
	};
	struct device d = { .void_at = 7 };
	struct report_head head = {
		"throughput", argc, argv, 1795000000, "0.2.0", 2.1e9, 2, ports
	};
	struct report *r;
	json_t *doc;
	char *text, *html;
	size_t size;
	FILE *f;

	if (argc != 3)
		return 2;
	d.stop_at = !strcmp(argv[2], "early") ? 30 : 0;
	head.command = !strcmp(argv[2], "rate") ? "rate" : "throughput";
	r = report_new(&head);
	if (!r)
		return 1;
	measure_all(r, argv[2], &d);
	report_end(r, d.stop_at ? "interrupted" : "complete", d.stop_at ? "by the user" : "");
	doc = report_document(r);
	if (!doc)
		return 1;
	assertions(doc);
	text = json_dumps(doc, JSON_INDENT(1));
	store(argv[1], "report.json", text);
	free(text);
	f = open_memstream(&html, &size);
	report_html(f, doc);
	fclose(f);
	store(argv[1], "report.html", html);
	free(html);
	f = open_memstream(&html, &size);
	report_text(f, doc);
	fclose(f);
	store(argv[1], "report.txt", html);
	free(html);
	report_free(r);
	return 0;
}
