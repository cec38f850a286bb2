/* SPDX-License-Identifier: BSD-3-Clause */
/* --log-level in DPDK's forms: LEVEL, PATTERN:LEVEL with a shell's pattern, REGEX,LEVEL. */
#include <fnmatch.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "option.h"

/* DPDK's names and numbers of levels, and ours. */
static const struct {
	const char *name;
	enum baton_log_level level;
} levels[] = {
	{ "emergency", BATON_LOG_ERR }, { "alert", BATON_LOG_ERR },
	{ "critical", BATON_LOG_ERR },  { "error", BATON_LOG_ERR },
	{ "warning", BATON_LOG_WARN },  { "notice", BATON_LOG_INFO },
	{ "info", BATON_LOG_INFO },     { "debug", BATON_LOG_DEBUG },
};
#define N_LEVELS (sizeof(levels) / sizeof(levels[0]))

/* What is logged here has these names in DPDK. A pattern that matches none sets nothing here. */
static const char *const components[] = {
	"baton",
	"testpmd",
	"user1",
	"lib.eal",
	"lib.ethdev",
	"lib.mempool",
	"bus.pci",
	"bus.vdev",
	"pmd.net.virtio",
	"pmd.net.virtio.init",
	"pmd.net.virtio.driver",
	"pmd.net.pcap",
	"pmd.net.null",
};

static bool
parse_level(const char *what, const char *text, enum baton_log_level *level)
{
	const char *names[N_LEVELS + 1] = { NULL };
	unsigned number;
	int i;

	if (*text >= '0' && *text <= '9') {
		if (!set_uint(what, text, 1, N_LEVELS, &number))
			return false;
		*level = levels[number - 1].level;
		return true;
	}
	for (unsigned k = 0; k < N_LEVELS; k++)
		names[k] = levels[k].name;
	i = choose(what, text, names);
	if (i >= 0)
		*level = levels[i].level;
	return i >= 0;
}

static bool
matches(const char *pattern, const regex_t *regex)
{
	for (unsigned i = 0; i < sizeof(components) / sizeof(components[0]); i++)
		if (regex ? !regexec(regex, components[i], 0, NULL, 0)
			  : !fnmatch(pattern, components[i], 0))
			return true;
	return false;
}

static bool
print_levels(struct options *opt)
{
	printf("Levels:");
	for (unsigned i = 0; i < N_LEVELS; i++)
		printf(" %s", levels[i].name);
	printf(", or 1 to %u\nComponents:", (unsigned)N_LEVELS);
	for (unsigned i = 0; i < sizeof(components) / sizeof(components[0]); i++)
		printf(" %s", components[i]);
	printf("\n");
	opt->printed = true;
	return true;
}

bool
set_log_level(struct options *opt, const char *what, const char *text)
{
	const char *colon = strrchr(text, ':'), *comma = strrchr(text, ',');
	const char *end = colon ? colon : comma;
	enum baton_log_level level = opt->log_level;
	char pattern[128];
	regex_t regex;
	bool ours;

	if (!strcmp(text, "help"))
		return print_levels(opt);
	if (!parse_level(what, end ? end + 1 : text, &level))
		return false;
	if (!end) {
		opt->log_level = level;
		return true;
	}
	if ((size_t)(end - text) >= sizeof(pattern)) {
		complain("%s=%s: the pattern has more than %u bytes", what, text,
			 (unsigned)sizeof(pattern) - 1);
		return false;
	}
	snprintf(pattern, sizeof(pattern), "%.*s", (int)(end - text), text);
	if (!colon && regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB)) {
		complain("%s=%s: \"%s\" is no regular expression", what, text, pattern);
		return false;
	}
	ours = matches(pattern, colon ? NULL : &regex);
	if (!colon)
		regfree(&regex);
	if (ours)
		opt->log_level = level;
	else
		complain("%s=%s: nothing that is logged here is called \"%s\"", what, text,
			 pattern);
	return true;
}
