/* SPDX-License-Identifier: BSD-3-Clause */
#include "files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "out.h"
#include "testpmd.h"

#define MAX_FILES (2 * BATON_MAX_PORTS + MAX_CMDLINE_FILES + 1)
#define MAX_LINKS 40

/* A file as a word of the command line names it. */
struct named {
	char word[160]; /* "rx_pcap=a.pcap of net_pcap0" */
	int number;     /* of the descriptor it names; else -1 */
	bool written,
		there; /* there: st is the file's; else its folder's, and last its name there */
	struct stat st;
	char last[NAME_MAX + 1];
};

struct list {
	struct named *files;
	unsigned n;
};

/* The descriptor that a path names, or -1. */
static int
number_of(const char *path, bool written)
{
	int n = -1, end = 0;

	if (!strcmp(path, "-"))
		return written ? STDOUT_FILENO : STDIN_FILENO;
	if (!strcmp(path, "/dev/stdin"))
		return STDIN_FILENO;
	if (!strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	if (!strcmp(path, "/dev/stderr"))
		return STDERR_FILENO;
	if ((sscanf(path, "/dev/fd/%d%n", &n, &end) == 1 ||
	     sscanf(path, "/proc/self/fd/%d%n", &n, &end) == 1) &&
	    !path[end])
		return n;
	return -1;
}

/* A file that is not there: its folder and its name, behind links that lead nowhere. */
static void
find_place(struct named *f, const char *path)
{
	char here[PATH_MAX], link[PATH_MAX], folder[PATH_MAX];
	const char *last;

	snprintf(here, sizeof(here), "%s", path);
	for (unsigned i = 0; i < MAX_LINKS; i++) {
		const char *slash = strrchr(here, '/');
		ssize_t n = readlink(here, link, sizeof(link) - 1);

		if (n < 0)
			break;
		link[n] = '\0';
		if (*link == '/' || !slash)
			snprintf(here, sizeof(here), "%s", link);
		else if ((size_t)(slash - here) + 1 + (size_t)n < sizeof(here))
			memcpy(here + (slash - here) + 1, link, (size_t)n + 1);
	}
	last = strrchr(here, '/');
	last = last ? last + 1 : here;
	snprintf(folder, sizeof(folder), "%.*s", (int)(last - here), here);
	snprintf(f->last, sizeof(f->last), "%.255s", last);
	if (stat(*folder ? folder : ".", &f->st) < 0)
		f->last[0] = '\0';
}

static struct named *
add(struct list *l, const char *path, bool written)
{
	struct named *f = &l->files[l->n++];

	memset(f, 0, sizeof(*f));
	f->written = written;
	f->number = number_of(path, written);
	f->there = (f->number >= 0 ? fstat(f->number, &f->st) : stat(path, &f->st)) == 0;
	if (!f->there && f->number < 0)
		find_place(f, path);
	return f;
}

static void
add_vdev(struct list *l, const char *devargs)
{
	char *copy = strdup(devargs), *rest = copy;
	const char *name = strsep(&rest, ",");

	while (copy && rest) {
		char *word = strsep(&rest, ",");
		bool tx = !strncmp(word, "tx_pcap=", 8);
		struct named *f;

		if ((!tx && strncmp(word, "rx_pcap=", 8) != 0) || !word[8] || l->n == MAX_FILES)
			continue;
		f = add(l, word + 8, tx);
		snprintf(f->word, sizeof(f->word), "%.100s of %.40s", word, name);
	}
	free(copy);
}

static void
add_option(struct list *l, const char *option, const char *path, bool written)
{
	if (path && *path && l->n < MAX_FILES)
		snprintf(add(l, path, written)->word, sizeof(l->files->word), "%s=%.100s", option,
			 path);
}

static bool
same(const struct named *a, const struct named *b)
{
	if (a->there != b->there || a->st.st_dev != b->st.st_dev || a->st.st_ino != b->st.st_ino)
		return false;
	return a->there || (*a->last && !strcmp(a->last, b->last));
}

/* What goes wrong when both are one file; NULL: nothing does. */
static const char *
harm(const struct named *a, const struct named *b)
{
	const mode_t mode = a->there ? a->st.st_mode : S_IFREG;

	if (!same(a, b) || S_ISCHR(mode) || S_ISDIR(mode) || S_ISBLK(mode))
		return NULL;
	if (a->written && b->written)
		return "each would write over the other";
	if (a->written || b->written)
		return S_ISSOCK(mode) ? NULL : "it would be written while it is read";
	return S_ISREG(mode) ? NULL : "each packet would get to one of them only";
}

static bool
check_pairs(const struct list *l)
{
	for (unsigned i = 0; i < l->n; i++)
		for (unsigned k = i + 1; k < l->n; k++) {
			const char *why = harm(&l->files[i], &l->files[k]);

			if (!why)
				continue;
			complain("%s and %s are the same file, and %s: name another",
				 l->files[i].word, l->files[k].word, why);
			return false;
		}
	return true;
}

static bool
use_standard(struct options *opt, const struct list *l)
{
	struct stat in;
	const bool known = fstat(STDIN_FILENO, &in) == 0 && !S_ISCHR(in.st_mode);

	for (unsigned i = 0; i < l->n; i++) {
		const struct named *f = &l->files[i];
		const bool file = f->there && !S_ISCHR(f->st.st_mode);

		if (f->written && f->number < 0 && file && out_is_stdout(&f->st) &&
		    S_ISREG(f->st.st_mode)) {
			complain("%s is what standard output is written to: name another, or use "
				 "tx_pcap=-",
				 f->word);
			return false;
		}
		if (f->written && (f->number == STDOUT_FILENO || (file && out_is_stdout(&f->st)))) {
			out_tables_to_stderr();
			printf("%s takes standard output: everything else is printed to standard "
			       "error\n",
			       f->word);
		}
		if (f->written ||
		    !(f->number == STDIN_FILENO ||
		      (known && file && f->st.st_dev == in.st_dev && f->st.st_ino == in.st_ino)))
			continue;
		if (!opt->interactive) {
			opt->stdin_taken = true;
			continue;
		}
		complain("%s takes standard input, and -i reads commands from there: name a FIFO "
			 "or a file for the capture",
			 f->word);
		return false;
	}
	return true;
}

/* Compare these ports' files with each other and with the options'. */
static bool
check_files(struct options *opt, const char *const *devargs, unsigned n)
{
	struct list l = { calloc(MAX_FILES, sizeof(*l.files)), 0 };
	bool ok;

	if (!l.files) {
		complain("out of memory");
		return false;
	}
	for (unsigned i = 0; i < n; i++)
		add_vdev(&l, devargs[i]);
	add_option(&l, "--stats-json", opt->stats_json, true);
	for (unsigned i = 0; i < opt->n_cmdline_files; i++)
		add_option(&l, "--cmdline-file", opt->cmdline_files[i].name, false);
	ok = check_pairs(&l) && use_standard(opt, &l);
	free(l.files);
	return ok;
}

bool
files_check(struct options *opt)
{
	return check_files(opt, opt->vdevs, opt->n_vdevs);
}

bool
files_check_port(struct options *opt, const char *devargs)
{
	return check_files(opt, &devargs, 1);
}
