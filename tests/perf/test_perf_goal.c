/* SPDX-License-Identifier: BSD-3-Clause */
/* Goals as they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "goal.h"

static void
expect(const char *text, double initial, double trial, double sum, double loss, double exceed,
       double width)
{
	struct goal g;
	char why[WHY] = "";

	if (!goal_parse(text, &g, why))
		fail_msg("%s: %s", text, why);
	if (g.initial != initial || g.trial != trial || g.sum != sum || g.loss != loss ||
	    g.exceed != exceed || g.width != width)
		fail_msg("%s: %g/%g/%g/%g/%g/%g", text, g.initial, g.trial, g.sum, g.loss, g.exceed,
			 g.width);
}

static void
goals_are_read(void **state)
{
	expect("rfc2544", 1, 60, 60, 0, 0, 0.005);
	expect("tst009", 1, 60, 120, 0, 0.5, 0.005);
	expect("ndr", 1, 1, 21, 0, 0.5, 0.005);
	expect("PDR", 1, 1, 21, 0.005, 0.5, 0.005);
	expect("ci", 0.1, 0.1, 1.1, 0.005, 0.5, 0.005);
	expect("ndr:trial=100ms,sum=2s", 0.1, 0.1, 2, 0, 0.5, 0.005);
	expect("gold:loss=0.25%,trial=2min,exceed=0.25,width=1%", 1, 120, 120, 0.0025, 0.25, 0.01);
}

static void
wrong_goals_are_refused(void **state)
{
	static const struct {
		const char *text, *say;
	} wrong[] = {
		{ "", "a name has 1 to 31 letters" },
		{ "n d r", "a name has" },
		{ "a_name_of_more_than_thirty_one_bytes:loss=1%", "a name has" },
		{ "nbr", "there is no goal \"nbr\"; there are rfc2544, tst009, ndr, pdr and ci" },
		{ "gold:trial=1s", "goal gold: a goal of a new name needs loss" },
		{ "gold:", "there is no \"\"" },
		{ "ndr:lose=0", "there is no \"lose\"" },
		{ "ndr:loss", "loss wants a value" },
		{ "ndr:loss=", "does not begin with a number" },
		{ "ndr:loss=1,trial=1s", "loss=1 is out of range" },
		{ "ndr:loss=-1%", "loss=-1% is out of range" },
		{ "ndr:loss=1x", "loss=1x: \"x\" behind the number is not %" },
		{ "ndr:loss=nan", "loss=nan" },
		{ "ndr:loss=0,loss=0", "loss is given twice" },
		{ "ndr:trial=1h", "trial=1h: there is no unit \"h\"" },
		{ "ndr:trial=0s", "trial=0s is out of range" },
		{ "ndr:exceed=100%", "exceed=100% is out of range" },
		{ "ndr:width=0", "a width of 0 is never reached" },
		{ "ndr:initial=2s", "initial=2s) are longer than the final ones (trial=1s)" },
		{ "ndr:sum=0.5s", "the duration sum (sum=0.5s) is shorter" },
		{ "ndr:sum=1000000s", "1000000 trials" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct goal g;
		char why[WHY] = "";

		if (goal_parse(wrong[i].text, &g, why))
			fail_msg("\"%s\" is taken", wrong[i].text);
		if (!strstr(why, wrong[i].say))
			fail_msg("\"%s\": %s", wrong[i].text, why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goals_are_read),
		cmocka_unit_test(wrong_goals_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
