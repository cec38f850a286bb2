/* SPDX-License-Identifier: BSD-3-Clause */
/* -d: drivers from files. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "option.h"

/* DPDK's plug-ins are on its users' command lines; what they drive, Baton drives by itself. */
static bool
is_dpdks(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !strncmp(slash ? slash + 1 : path, "librte_", 7);
}

static bool
add_file(struct options *opt, const char *what, const char *path)
{
	if (is_dpdks(path))
		return true;
	if (opt->n_driver_files == MAX_DRIVER_FILES) {
		complain("%s %s: at most %u files of drivers", what, path, MAX_DRIVER_FILES);
		return false;
	}
	opt->driver_files[opt->n_driver_files++] = path;
	return true;
}

static int
is_library(const struct dirent *e)
{
	const size_t len = strlen(e->d_name);

	return len > 3 && !strcmp(e->d_name + len - 3, ".so");
}

/* In the order of their names, since a driver that is loaded first has its devices first. */
static bool
add_folder(struct options *opt, const char *what, const char *path)
{
	struct dirent **list;
	bool fine = true;
	int n = scandir(path, &list, is_library, alphasort);

	if (n < 0) {
		complain("%s %s: %s", what, path, strerror(errno));
		return false;
	}
	if (!n)
		complain("%s %s: there is no .so file in this folder", what, path);
	for (int i = 0; i < n; i++) {
		char *file = NULL;

		if (fine && !is_dpdks(list[i]->d_name) &&
		    asprintf(&file, "%s/%s", path, list[i]->d_name) < 0) {
			complain_memory(what);
			file = NULL;
			fine = false;
		}
		if (fine && file)
			fine = add_file(opt, what, file); /* kept: options stay for ever */
		if (!fine)
			free(file);
		free(list[i]);
	}
	free(list);
	return fine;
}

bool
set_driver_path(struct options *opt, const char *what, const char *text)
{
	struct stat st;

	if (!stat(text, &st) && S_ISDIR(st.st_mode))
		return add_folder(opt, what, text);
	return add_file(opt, what, text);
}

bool
drivers_load(const struct options *opt, struct baton_ctx *ctx)
{
	for (unsigned i = 0; i < opt->n_driver_files; i++)
		if (baton_driver_load(ctx, opt->driver_files[i]) < 0) {
			complain("-d %s: %s", opt->driver_files[i], baton_last_error());
			return false;
		}
	return true;
}

/* The context that ports are opened in logs the same. */
static void
log_nothing(void *arg, enum baton_log_level level, const char *line)
{
}

struct baton_ctx *
drivers_try(const struct options *opt, bool *failed)
{
	const struct baton_ctx_config config = { .size = sizeof(config), .log = log_nothing };
	struct baton_ctx *ctx = NULL;

	if (!opt->n_driver_files)
		return NULL;
	if (baton_ctx_create(&config, &ctx) < 0) {
		complain("%s", baton_last_error());
		*failed = true;
	} else {
		*failed = !drivers_load(opt, ctx);
	}
	return ctx;
}
