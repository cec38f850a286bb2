/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Searches over simulated devices, one line of JSON each: the device, the goals with their results,
 * and every trial. test_search_sim.py judges them.
 *
 * usage: search_sim SEEDS
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search.h"

/* A device's parameters, drawn by the seed. */
struct device {
	const char *kind;
	uint64_t random;
	double capacity; /* packets a second */
	double sigma;    /* of the capacity, relative, from trial to trial */
	double slope;    /* slow: loss ratio = slope * (load / capacity - 1)^2 above the capacity */
	double low;      /* bimodal: capacity of the other mode, relative */
	double chance;   /* bimodal: that of the other mode */
	double tau;      /* warming: seconds until 63 % warm */
	double cold;     /* warming: the part of the capacity that is missing at first */
	double time;     /* seconds of trials so far */
};

/* splitmix64 */
static uint64_t
next(struct device *d)
{
	uint64_t z = d->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static double
uniform(struct device *d, double from, double to)
{
	return from + (to - from) * (double)(next(d) >> 11) / 9007199254740992.0;
}

static double
normal(struct device *d)
{
	double u = uniform(d, 1e-18, 1), v = uniform(d, 0, 1);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static double
poisson(struct device *d, double mean)
{
	double p = exp(-mean), sum = p, u = uniform(d, 0, 1);
	unsigned k = 0;

	if (mean > 50)
		return fmax(0, round(mean + sqrt(mean) * normal(d)));
	while (u > sum && k < 1000) {
		p *= mean / ++k;
		sum += p;
	}
	return k;
}

static void
make(struct device *d, const char *kind, unsigned seed)
{
	*d = (struct device){ .kind = kind, .random = seed * 1000003u };
	d->capacity = uniform(d, 1e6, 14e6);
	if (!strcmp(kind, "sharp"))
		d->sigma = seed % 2 ? 0 : uniform(d, 0, 0.0009);
	if (!strcmp(kind, "slow"))
		d->slope = exp(uniform(d, log(0.001), log(10)));
	if (!strcmp(kind, "bimodal")) {
		d->low = uniform(d, 0.6, 0.999);
		d->chance = uniform(d, 0.02, 0.98);
	}
	if (!strcmp(kind, "warming")) {
		d->sigma = uniform(d, 0, 0.005);
		d->tau = uniform(d, 0.5, 20);
		d->cold = uniform(d, 0.01, 0.3);
	}
}

static int
trial(void *ctx, const struct trial_request *q, struct trial_result *r)
{
	struct device *d = ctx;
	double sent = round(q->load * q->seconds), capacity = d->capacity, lost;

	if (d->sigma > 0)
		capacity *= 1 + d->sigma * normal(d);
	if (d->chance > 0 && uniform(d, 0, 1) < d->chance)
		capacity *= d->low;
	if (d->tau > 0)
		capacity *= 1 - d->cold * exp(-d->time / d->tau);
	if (d->slope > 0) {
		double above = fmax(0, q->load / capacity - 1);

		lost = fmin(sent, poisson(d, sent * fmin(1, d->slope * above * above)));
	} else {
		lost = fmax(0, sent - floor(capacity * q->seconds));
	}
	d->time += q->seconds;
	r->seconds = r->took = q->seconds;
	r->rate = q->load;
	r->total.sent = (uint64_t)sent;
	r->total.lost = (uint64_t)lost;
	r->total.unique = r->total.received = (uint64_t)(sent - lost);
	return 0;
}

static void
print(const struct device *d, unsigned seed, const struct search *s)
{
	const struct search_config *c = search_config(s);
	unsigned n;
	const struct search_trial *t = search_trials(s, &n);

	printf("{\"device\":\"%s\",\"seed\":%u,\"capacity\":%.17g,\"sigma\":%.17g,\"slope\":%.17g,"
	       "\"low\":%.17g,\"chance\":%.17g,\"tau\":%.17g,\"end\":\"%s\",\"seconds\":%.17g,"
	       "\"goals\":[",
	       d->kind, seed, d->capacity, d->sigma, d->slope, d->low, d->chance, d->tau,
	       search_end_name(search_ended(s)), search_seconds(s));
	for (unsigned i = 0; i < c->n_goals; i++) {
		const struct goal *g = &c->goals[i];
		struct goal_result r;

		if (search_result(s, i, &r))
			exit(1);
		printf("%s{\"name\":\"%s\",\"trial\":%.17g,\"sum\":%.17g,\"loss\":%.17g,"
		       "\"exceed\":%.17g,\"width\":%.17g,\"end\":\"%s\",\"lower\":%.17g,"
		       "\"upper\":%.17g,\"throughput\":%.17g}",
		       i ? "," : "", g->name, g->trial, g->sum, g->loss, g->exceed, g->width,
		       goal_end_name(r.end), r.lower, r.upper, r.throughput);
	}
	printf("],\"trials\":[");
	for (unsigned i = 0; i < n; i++)
		printf("%s[%.17g,%.17g,%llu,%llu,%d]", i ? "," : "", t[i].request.load,
		       t[i].request.seconds, (unsigned long long)t[i].total.sent,
		       (unsigned long long)t[i].total.lost, t[i].request.warm_up);
	printf("]}\n");
}

/* NDR and PDR together; each tenth seed also what takes whole minutes. */
static void
goals(struct search_config *c, unsigned seed)
{
	static const char *const names[] = { "ndr", "pdr", "tst009", "rfc2544", "ci" };
	char why[WHY];

	c->n_goals = seed % 10 == 9 ? 5 : 2;
	for (unsigned i = 0; i < c->n_goals; i++)
		if (!goal_parse(names[i], &c->goals[i], why))
			exit(1);
}

int
main(int argc, char **argv)
{
	static const char *const kinds[] = { "sharp", "slow", "bimodal", "warming" };
	unsigned seeds = argc > 1 ? (unsigned)atoi(argv[1]) : 10;

	for (unsigned k = 0; k < 4; k++) {
		for (unsigned seed = 0; seed < seeds; seed++) {
			struct search_config config = { .min_load = 10e3, .max_load = 14880952 };
			struct device device;
			char why[WHY];
			struct search *s;

			goals(&config, seed);
			make(&device, kinds[k], seed);
			s = search_new(&config, why);
			if (!s)
				return 1;
			search_run(s, trial, &device, NULL, NULL);
			print(&device, seed, s);
			search_free(s);
		}
	}
	return 0;
}
