/* SPDX-License-Identifier: BSD-3-Clause */
/* Loads and sizes as they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "load.h"

static double
pps(const char *text, const char *size, double link)
{
	struct size_mix mix;
	struct load load;
	char why[WHY] = "";
	double value = 0;

	if (!mix_parse(size, &mix, why) || !load_parse("--rate", text, &load, why) ||
	    !load_pps("--rate", &load, &mix, link, &value, why))
		fail_msg("%s of %s: %s", text, size, why);
	return value;
}

#define CLOSE(a, b) assert_true(fabs((a) - (b)) <= 1e-9 * (b))

static void
loads_are_packets_a_second(void **state)
{
	CLOSE(pps("1.488Mpps", "64", 0), 1.488e6);
	CLOSE(pps("12kpps", "1518", 0), 12e3);
	CLOSE(pps("7pps", "64", 0), 7);
	/* 64 + 20 bytes are 672 bits. */
	CLOSE(pps("10Gbps", "64", 0), 10e9 / 672);
	CLOSE(pps("10gbps", "64", 10e9), 10e9 / 672);
	CLOSE(pps("100%", "1518", 1e9), 1e9 / (1538 * 8));
	CLOSE(pps("35%", "64", 10e9), 0.35 * 10e9 / 672);
	CLOSE(pps("10Gbps", "64,1518", 0), 10e9 / ((791 + 20) * 8));
	/* What users round up is not more than the link carries. */
	CLOSE(pps("14.88096Mpps", "64", 10e9), 14.88096e6);
	/* CSIT: the mean of its IMIX is 353.83 bytes. */
	CLOSE(pps("10Gbps", "imix", 0), 10e9 / ((16984.0 / 48 + 20) * 8));
}

static void
mixes_are_read(void **state)
{
	struct size_mix m;
	char why[WHY];
	unsigned n[3] = { 0 };

	assert_true(mix_parse("imix", &m, why));
	assert_int_equal(m.n, 48);
	for (unsigned i = 0; i < m.n; i++)
		n[m.size[i] == 64 ? 0 : m.size[i] == 570 ? 1 : 2]++;
	assert_true(n[0] == 28 && n[1] == 16 && n[2] == 4);
	/* Large ones are spread: four of 48 are never closer than ten. */
	for (unsigned i = 0, last = 0, seen = 0; i < m.n; i++)
		if (m.size[i] == 1518) {
			assert_true(!seen++ || i - last >= 10);
			last = i;
		}
	assert_true(mix_parse("genome:aaafgijz", &m, why));
	assert_int_equal(m.n, 8);
	assert_true(m.size[0] == 64 && m.size[3] == 1280 && m.size[4] == 1518 &&
		    m.size[5] == 9216 && m.size[6] == 16000 && m.size[7] == 1518);
}

static void
wrong_loads_are_refused(void **state)
{
	static const struct {
		const char *text, *size;
		double link;
		const char *say;
	} wrong[] = {
		{ "", "64", 0, "does not begin with a number" },
		{ "fast", "64", 0, "--rate=fast does not begin with a number" },
		{ "nanMpps", "64", 0, "does not begin with a number" },
		{ "1e999pps", "64", 0, "does not begin with a number" },
		{ "0Mpps", "64", 0, "0 is not above 0" },
		{ "-1Mpps", "64", 0, "-1 is not above 0" },
		{ "5", "64", 0, "--rate=5 has no unit; write 5pps" },
		{ "5Mp", "64", 0, "there is no unit \"Mp\"" },
		{ "5 Mpps", "64", 0, "there is no unit \" Mpps\"" },
		{ "35%", "64", 0, "give it as --link-speed=10Gbps" },
		{ "101%", "64", 10e9, "a link of 10 Gb/s carries at most 14.88 Mpps" },
		{ "15Mpps", "64", 10e9, "--rate=15Mpps are 15 Mpps of 64 bytes" },
		{ "1Mpps", "63", 0, "63 is out of range; 64 to 16000" },
		{ "1Mpps", "16001", 0, "16001 is out of range" },
		{ "1Mpps", "99999999999999999999", 0, "is out of range" },
		{ "1Mpps", "64,,64", 0, "\"\" is no size" },
		{ "1Mpps", "64,big", 0, "\"big\" is no size" },
		{ "1Mpps", "genome:", 0, "one letter or more" },
		{ "1Mpps", "genome:abk", 0, "\"k\" is no letter of a genome word" },
		{ "1Mpps", "genome:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0,
		  "at most 48 packets" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct size_mix mix;
		struct load load;
		char why[WHY] = "";
		double value;

		if (mix_parse(wrong[i].size, &mix, why) &&
		    load_parse("--rate", wrong[i].text, &load, why) &&
		    load_pps("--rate", &load, &mix, wrong[i].link, &value, why))
			fail_msg("%s of %s is taken", wrong[i].text, wrong[i].size);
		if (!strstr(why, wrong[i].say))
			fail_msg("%s of %s: %s", wrong[i].text, wrong[i].size, why);
	}
}

static void
speeds_are_bits(void **state)
{
	char why[WHY];
	double bps;

	assert_true(link_speed_parse("--link-speed", "2.5Gbps", &bps, why) && bps == 2.5e9);
	assert_false(link_speed_parse("--link-speed", "2.5Mpps", &bps, why));
	assert_non_null(strstr(why, "--link-speed=2.5Mpps is no speed of a link"));
}

static void
numbers_are_short(void **state)
{
	char buf[32];

	assert_string_equal(pps_text(14880952, buf, sizeof(buf)), "14.88 Mpps");
	assert_string_equal(pps_text(999.99, buf, sizeof(buf)), "1 kpps");
	assert_string_equal(pps_text(0, buf, sizeof(buf)), "0 pps");
	assert_string_equal(bps_text(1e11, buf, sizeof(buf)), "100 Gb/s");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_are_packets_a_second), cmocka_unit_test(mixes_are_read),
		cmocka_unit_test(wrong_loads_are_refused),    cmocka_unit_test(speeds_are_bits),
		cmocka_unit_test(numbers_are_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
