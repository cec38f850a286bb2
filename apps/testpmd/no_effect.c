/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of DPDK's environment that change nothing here, or not with every argument: what may be.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "option.h"

bool
check_text(struct options *opt, const char *what, const char *text)
{
	if (text && *text)
		return true;
	complain("%s wants an argument", what);
	return false;
}

bool
check_number(struct options *opt, const char *what, const char *text)
{
	unsigned ignored;

	return set_uint(what, text, 0, UINT32_MAX, &ignored);
}

bool
check_hex(struct options *opt, const char *what, const char *text)
{
	uint64_t ignored;

	return parse_hex(what, text, &ignored);
}

bool
check_memory(struct options *opt, const char *what, const char *text)
{
	unsigned megabytes;

	return set_uint(what, text, 1, 1u << 30, &megabytes);
}

bool
check_channels(struct options *opt, const char *what, const char *text)
{
	unsigned channels;

	return set_uint(what, text, 1, 32, &channels);
}

/* Numbers of megabytes with commas between them, one a NUMA node. */
static bool
megabytes(const char *what, const char *text, uint64_t *sum)
{
	char word[16];

	*sum = 0;
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, ",");
		uint64_t one;

		if (!len || len >= sizeof(word)) {
			complain("%s=%s: megabytes are needed, such as 1024 or 512,512", what,
				 text);
			return false;
		}
		snprintf(word, sizeof(word), "%.*s", (int)len, p);
		if (!parse_uint(what, word, 0, 1u << 30, &one))
			return false;
		*sum += one;
		p += len;
		if (!*p)
			return true;
	}
}

bool
check_socket_memory(struct options *opt, const char *what, const char *text)
{
	uint64_t sum;

	return megabytes(what, text, &sum);
}

bool
check_socket_limit(struct options *opt, const char *what, const char *text)
{
	uint64_t sum;

	if (!megabytes(what, text, &sum))
		return false;
	if (!sum)
		return true;
	complain("%s=%s: memory has no limit by node here; --total-num-mbufs says how much is "
		 "taken",
		 what, text);
	return false;
}

static bool
one_of(const char *what, const char *text, const char *const *words)
{
	return choose(what, text, words) >= 0;
}

bool
check_unlink(struct options *opt, const char *what, const char *text)
{
	static const char *const words[] = { "existing", "always", "never", NULL };

	return !text || one_of(what, text, words);
}

bool
check_iova_mode(struct options *opt, const char *what, const char *text)
{
	static const char *const words[] = { "pa", "va", NULL };

	return one_of(what, text, words);
}

bool
check_stack_size(struct options *opt, const char *what, const char *text)
{
	return !text || check_number(opt, what, text);
}

bool
check_simd(struct options *opt, const char *what, const char *text)
{
	unsigned bits;

	if (!set_uint(what, text, 0, 1u << 16, &bits))
		return false;
	if (!(bits & (bits - 1)) && bits != 1)
		return true;
	complain("%s=%s is not a power of two", what, text);
	return false;
}

bool
set_proc_type(struct options *opt, const char *what, const char *text)
{
	static const char *const words[] = { "primary", "auto", "secondary", NULL };
	int i = choose(what, text, words);

	if (i == 2)
		complain("%s=secondary: there is one process; another with ports of its own is "
			 "started like the first",
			 what);
	return i == 0 || i == 1;
}

/* What is asked of VFIO is no matter for ports without it: check_environment() looks at these. */
bool
set_vfio_intr(struct options *opt, const char *what, const char *text)
{
	static const char *const words[] = { "msix", "msi", "legacy", NULL };
	int i = choose(what, text, words);

	opt->vfio_intr = i > 0 ? words[i] : NULL;
	return i >= 0;
}

bool
set_vf_token(struct options *opt, const char *what, const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	bool ok = strlen(text) == sizeof(form) - 1;

	for (size_t i = 0; ok && form[i]; i++)
		ok = form[i] == 'x' ? isxdigit((unsigned char)text[i]) : text[i] == '-';
	if (!ok)
		complain("%s=%s is no UUID, such as 14d63f20-8445-11ea-8900-1f9ce7d5650d", what,
			 text);
	opt->vf_token = text;
	return ok;
}

bool
set_block(struct options *opt, const char *what, const char *text)
{
	if (opt->n_blocked == BATON_MAX_PORTS) {
		complain("%s: at most %u devices", what, BATON_MAX_PORTS);
		return false;
	}
	if (!check_text(opt, what, text))
		return false;
	opt->blocked[opt->n_blocked++] = text;
	return true;
}

/* The last 7 bytes of an address, BUS:SLOT.F: the domain may be left out. */
static const char *
short_address(const char *text, size_t *len)
{
	size_t n = strcspn(text, ",");

	*len = n > 7 ? 7 : n;
	return text + n - *len;
}

static bool
is_blocked(const struct options *opt, const char *address)
{
	size_t n, m;
	const char *a = short_address(address, &n);

	for (unsigned i = 0; i < opt->n_blocked; i++) {
		const char *b = short_address(opt->blocked[i], &m);

		if (n == m && !strncasecmp(a, b, n))
			return true;
	}
	return false;
}

bool
check_environment(const struct options *opt)
{
	for (unsigned i = 0; i < opt->n_vdevs; i++) {
		const char *port = opt->vdevs[i];

		if (!opt->is_pci[i])
			continue;
		if (opt->no_pci)
			complain("--no-pci and -a %s contradict each other", port);
		else if (is_blocked(opt, port))
			complain("-a %s and -b contradict each other", port);
		else if (opt->vfio_intr)
			complain("--vfio-intr=%s: a device wakes cores by MSI-X only; leave it out",
				 opt->vfio_intr);
		else if (opt->vf_token)
			complain("--vfio-vf-token: no token is handed to VFIO; a VF whose PF wants "
				 "one cannot be used");
		else
			continue;
		return false;
	}
	return true;
}
