/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pinned memory. The kernel charges it against RLIMIT_MEMLOCK. type1 charges the process, together
 * with its other locked memory (VmLck). iommufd charges the user, for what all processes of the
 * user have pinned (VmPin). The kernel reports only ENOMEM, so Baton compares before it maps.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/capability.h>

#include "base/err.h"
#include "ctx/ctx.h"
#include "ioas/space.h"

/* Read the number of kB after @key in a /proc/PID/status. */
static uint64_t
field(const char *status, const char *key)
{
	const char *at = strstr(status, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

struct sum {
	const struct ioas_os *os;
	unsigned uid;
	uint64_t kb;
};

/* Whether a process is exempt: what it pins counts in its VmPin, but is not charged to its user. */
static bool
exempt(const char *status)
{
	const char *at = strstr(status, "\nCapEff:");

	return at && strtoull(at + strlen("\nCapEff:"), NULL, 16) >> CAP_IPC_LOCK & 1;
}

static int
one_process(void *arg, const char *name)
{
	struct sum *sum = arg;
	char path[IOAS_ROOM + 16], status[4096];

	if (!isdigit((unsigned char)name[0]))
		return 0;
	snprintf(path, sizeof(path), "/proc/%s/status", name);
	if (sum->os->read(sum->os, path, status, sizeof(status)) > 0 &&
	    field(status, "\nUid:") == sum->uid && !exempt(status))
		sum->kb += field(status, "\nVmPin:");
	return 0;
}

/*
 * Count the bytes that this process mapped while it was exempt, for example before it dropped
 * root's rights.
 */
static uint64_t
uncharged(const struct baton_ctx *ctx)
{
	uint64_t bytes = 0;

	for (const struct baton_ioas *ioas = ctx->ioases; ioas; ioas = ioas->next)
		for (const struct baton_mapping *m = ioas->mappings; m; m = m->next)
			if (ioas->accounting == BATON_IOAS_ACCOUNT_USER && !m->charged)
				bytes += m->info.bytes;
	return bytes;
}

static uint64_t
used_bytes(const struct baton_ioas *ioas)
{
	struct sum sum = { .os = ioas->os };
	uint64_t own = 0;
	char status[4096];

	if (ioas->accounting == BATON_IOAS_ACCOUNT_PROCESS) {
		if (ioas->os->read(ioas->os, "/proc/self/status", status, sizeof(status)) > 0)
			sum.kb = field(status, "\nVmLck:");
	} else {
		sum.uid = ioas->os->uid(ioas->os);
		ioas->os->list(ioas->os, "/proc", one_process, &sum);
		own = uncharged(ioas->ctx);
	}
	return sum.kb * 1024 > own ? sum.kb * 1024 - own : 0;
}

static const char *
whose(const struct baton_ioas *ioas, char to[64])
{
	if (ioas->accounting == BATON_IOAS_ACCOUNT_PROCESS)
		return "this process";
	snprintf(to, 64, "all processes of user %u together", ioas->os->uid(ioas->os));
	return to;
}

/* Get the limit. Return: whether there is one for this process. */
static bool
limit_of(const struct baton_ioas *ioas, uint64_t *soft, uint64_t *hard)
{
	return ioas->accounting != BATON_IOAS_ACCOUNT_NONE && !ioas->os->ipc_lock(ioas->os) &&
	       !ioas->os->memlock(ioas->os, soft, hard) && *soft != UINT64_MAX;
}

void
ioas_text_memlock(const struct baton_ioas *ioas, struct text *to)
{
	char limit[32], used[32], who[64];
	uint64_t soft, hard;

	if (!limit_of(ioas, &soft, &hard)) {
		text_add(to, "no RLIMIT_MEMLOCK applies, so memory itself, or the control group's, "
			     "is short");
		return;
	}
	text_add(to,
		 "RLIMIT_MEMLOCK is %s, of which %s is seen in use by %s; raise it, say with "
		 "ulimit -l, or free memory",
		 text_size(limit, soft), text_size(used, used_bytes(ioas)), whose(ioas, who));
}

int
ioas_check_memlock(const struct baton_ioas *ioas, const char *name, uint64_t bytes)
{
	char needed[32], limit[32], used[32], who[64];
	struct text how = { 0 };
	uint64_t soft, hard, in_use, want;

	if (!limit_of(ioas, &soft, &hard))
		return 0;
	in_use = used_bytes(ioas);
	soft -= soft % ioas->page;
	if (bytes <= soft && in_use <= soft - bytes)
		return 0;
	want = (in_use + bytes + 1023) / 1024;
	if (hard / 1024 < want)
		text_add(&how, "raise it: LimitMEMLOCK=infinity in the systemd unit, \"* - memlock "
			       "unlimited\" in /etc/security/limits.conf and log in again, docker "
			       "run --ulimit memlock=-1, or CAP_IPC_LOCK");
	else
		text_add(&how, "raise it: ulimit -l %" PRIu64, want);
	return baton_err(ENOMEM,
			 "%s: mapping pins its memory: needed %s, limit %s (RLIMIT_MEMLOCK), used "
			 "%s, counted for %s, as %s does it; %s",
			 name, text_size(needed, bytes), text_size(limit, soft),
			 text_size(used, in_use), whose(ioas, who), ioas->ops->name, how.text);
}
