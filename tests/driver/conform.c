/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every driver must do: one table of scenarios, for each model, direct, bounced, confined,
 * with shared slots, and below address limits, as far as the driver's list of features says that it
 * has these; and each line of the list is held against what happens.
 */
#include "bench.h"

static struct way ways[] = {
	/* The first two are enough for models that are brief. */
	{ "direct", "", F_DIRECT, false },
	{ "bounced", ",bounce=always", F_BOUNCE, true },
	{ "confined", ",confine=on", F_CONFINED, true },
	{ "shared slots", NULL /* bench_shared_args() */, F_SHARED_SLOTS, true },
	{ "34 and 33 bits", ",dma-limit=34,ring-limit=33", F_LIMITS, false },
};
static const struct way copied = { "no device", "", F_DMA, false };

#define WAYS     (sizeof(ways) / sizeof(ways[0]))
#define MAX_RUNS 1024

struct run {
	const struct model *m;
	const struct way *way;
	void (*run)(struct bench *b);
	uint64_t needs;
	char name[96];
};

static struct run runs[MAX_RUNS];
static struct CMUnitTest tests[MAX_RUNS];
static size_t n_runs;

static bool
has_all(const struct bench *b, uint64_t needs)
{
	for (enum feature f = 0; f < FEATURES; f++)
		if ((needs & F_BIT(f)) && !has(b, f))
			return false;
	return true;
}

static void
run(void **state)
{
	const struct run *r = *state;
	struct baton_port_info info;
	struct bench b;

	bench_up(&b, r->m, r->way);
	if (has_all(&b, r->needs))
		r->run(&b);
	(void)baton_tx_clean(b.tx, 1000);
	baton_port_info(b.port, &info);
	if (info.state == BATON_PORT_REMOVED)
		(void)baton_port_stop(b.port);
	else
		must(baton_port_stop(b.port));
	bench_down(&b);
}

/* $CONFORM_ONLY: those whose name has it. */
static void
add(const struct model *m, const struct way *way, const char *what, const char *name,
    void (*fn)(struct bench *b), uint32_t needs)
{
	const char *only = getenv("CONFORM_ONLY");
	struct run *r = &runs[n_runs];

	assert_true(n_runs < MAX_RUNS);
	*r = (struct run){ m, way, fn, needs, "" };
	snprintf(r->name, sizeof(r->name), "%s, %s: %s%s", m->name, way->name, what, name);
	if (only && !strstr(r->name, only))
		return;
	tests[n_runs++] = (struct CMUnitTest){ r->name, run, NULL, NULL, r };
}

static void
add_way(const struct model *m, const struct way *way)
{
	for (const struct scenario *s = data_scenarios; s->run; s++)
		add(m, way, "", s->name, s->run, s->needs);
	for (const struct scenario *s = life_scenarios; s->run; s++)
		add(m, way, "", s->name, s->run, s->needs);
	for (const struct scenario *s = offload_scenarios; s->run; s++)
		add(m, way, "", s->name, s->run, s->needs);
	for (const struct scenario *s = sleep_scenarios; s->run; s++)
		add(m, way, "", s->name, s->run, s->needs);
	for (enum feature f = 0; f < FEATURES; f++) {
		assert_true(!packet_checks[f] != !control_checks[f]);
		add(m, way, "feature ", feature_names[f],
		    packet_checks[f] ? packet_checks[f] : control_checks[f], 0);
	}
}

/* What a driver has "partly", one of its models has and another lacks. */
static void
check_partly(void **state)
{
	const struct model *const *models = *state;

	for (const struct model *const *m = models; *m; m++) {
		const uint64_t partly = features_load((*m)->list).partly & ~(*m)->elsewhere;
		uint64_t some = 0, all = partly;

		for (const struct model *const *o = models; *o; o++) {
			if (strcmp((*o)->list, (*m)->list) != 0)
				continue;
			some |= (*o)->lacks;
			all &= (*o)->lacks;
		}
		if ((partly & ~some) || all)
			fail_msg("%s: of what it has \"partly\", no model lacks %#llx, "
				 "and all lack %#llx",
				 (*m)->list, (unsigned long long)(partly & ~some),
				 (unsigned long long)all);
	}
}

int
conform(const struct model *const *models)
{
	for (const struct model *const *m = models; *m; m++) {
		const struct features list = features_load((*m)->list);
		const uint64_t has = list.yes | (list.partly & ~(*m)->lacks);

		if (getenv("CONFORM_LISTS"))
			printf("list %s %s\n", (*m)->name, (*m)->list);
		if (!(has & F_BIT(F_DMA)))
			add_way(*m, &copied);
		else if (!(has & (F_BIT(F_DIRECT) | F_BIT(F_BOUNCE))))
			fail_msg("%s: a device that reads memory, and neither packets nor slots",
				 (*m)->list);
		for (size_t w = 0; w < ((*m)->brief ? 2 : WAYS); w++) {
			if (ways[w].needs == F_SHARED_SLOTS)
				ways[w].args = bench_shared_args();
			if ((has & F_BIT(F_DMA)) && (has & F_BIT(ways[w].needs)))
				add_way(*m, &ways[w]);
		}
	}
	if (getenv("CONFORM_LISTS"))
		return 0;
	tests[n_runs++] = (struct CMUnitTest){ "what is partly so", check_partly, NULL, NULL,
					       (void *)(uintptr_t)models };
	return _cmocka_run_group_tests("conformance", tests, n_runs, NULL, NULL);
}
