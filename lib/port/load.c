/* SPDX-License-Identifier: BSD-3-Clause */
/* Drivers from files, for one context. */
#include <ctype.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/load.h"

#define MAX_DRIVERS 32 /* of a file */

struct driver_so {
	struct driver_so *next;
	void *handle;
	dev_t dev;
	ino_t ino;
	char *path;
};

/*
 * The tables of a context. Each file makes them anew; the former ones stay until the context is
 * destroyed, for threads that go through them.
 */
struct driver_table {
	struct driver_table *former;
	struct driver_so *files; /* of all, in the newest table */
	const struct baton_driver **drivers;
	const char **names;
};

const struct baton_driver *const *
drivers_of(const struct baton_ctx *ctx)
{
	const struct driver_table *t =
		ctx ? __atomic_load_n(&ctx->drivers, __ATOMIC_ACQUIRE) : NULL;

	return t ? t->drivers : baton_driver_table;
}

const char *const *
baton_drivers(const struct baton_ctx *ctx)
{
	const struct driver_table *t;

	if (!ctx)
		return baton_driver_names;
	if (handle_check(ctx, HANDLE_CTX, "drivers") < 0)
		return NULL;
	t = __atomic_load_n(&ctx->drivers, __ATOMIC_ACQUIRE);
	return t ? t->names : baton_driver_names;
}

static void
close_file(struct driver_so *so)
{
	if (so->handle)
		dlclose(so->handle);
	free(so->path);
	free(so);
}

static void
free_table(struct driver_table *t)
{
	free(t->drivers);
	free(t->names);
	free(t);
}

void
drivers_fini(struct baton_ctx *ctx)
{
	struct driver_table *t = ctx->drivers, *former;
	struct driver_so *so = t ? t->files : NULL, *next;

	for (; t; t = former) {
		former = t->former;
		free_table(t);
	}
	for (; so; so = next) {
		next = so->next;
		close_file(so);
	}
}

/* ---- the file ---- */

static int
open_file(const struct baton_ctx *ctx, const char *file, struct stat *st)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return baton_err(errno, "driver file %s cannot be opened: %s", file,
				 strerror(errno));
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode)) {
		close(fd);
		return baton_err(ENOEXEC, "driver file %s is %s: the driver's .so file is needed",
				 file, S_ISDIR(st->st_mode) ? "a folder" : "no file");
	}
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) && !geteuid())
		baton_log(ctx, BATON_LOG_WARN,
			  "driver file %s may be written by others (mode %03o, owner %u), and what "
			  "they write runs as root: chmod go-w",
			  file, st->st_mode & 0777u, st->st_uid);
	return fd;
}

static int
check_new(const struct baton_ctx *ctx, const char *file, const struct stat *st)
{
	const struct driver_so *so = ctx->drivers ? ctx->drivers->files : NULL;

	while (so && (so->dev != st->st_dev || so->ino != st->st_ino))
		so = so->next;
	return so ? baton_err(EEXIST, "driver file %s is loaded already, as %s", file, so->path)
		  : 0;
}

/*
 * A driver finds the library's functions among those that the whole process may use. A library that
 * was itself loaded for somebody alone, by a plug-in or a language's bindings, is not among them.
 */
static void
offer_library(void)
{
	Dl_info self;

	if (dladdr((const void *)baton_driver_names, &self) && self.dli_fname)
		(void)dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
}

/* Somebody may have replaced the file since it was examined. */
static bool
is_that_file(void *handle, const struct driver_so *so)
{
	const struct link_map *map = NULL;
	struct stat st;

	return !dlinfo(handle, RTLD_DI_LINKMAP, &map) && map && !stat(map->l_name, &st) &&
	       st.st_dev == so->dev && st.st_ino == so->ino;
}

/* ---- its drivers ---- */

static bool
is_name(const char *name)
{
	size_t len = name ? strnlen(name, PORT_NAME_MAX) : 0;

	if (len < 2 || len > PORT_NAME_MAX - 8 || !isalpha((unsigned char)*name) ||
	    isdigit((unsigned char)name[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return false;
	return true;
}

static int
check_ops(const char *file, const struct baton_driver *d)
{
	const struct port_ops *ops = d->ops;

	if (!ops)
		return baton_err(EINVAL, "driver file %s: driver %s has no struct port_ops", file,
				 d->name);
	if (ops->port_size < sizeof(struct baton_port) ||
	    ops->rxq_size < sizeof(struct baton_queue) ||
	    ops->txq_size < sizeof(struct baton_queue))
		return baton_err(EINVAL,
				 "driver file %s: driver %s has ports of %zu and queues of %zu and "
				 "%zu bytes, which do not begin with struct baton_port (%zu) and "
				 "struct baton_queue (%zu)",
				 file, d->name, ops->port_size, ops->rxq_size, ops->txq_size,
				 sizeof(struct baton_port), sizeof(struct baton_queue));
	if (!ops->open || !ops->close || !ops->queue_setup || !ops->queue_release || !ops->start ||
	    !ops->stop)
		return baton_err(EINVAL,
				 "driver file %s: driver %s lacks one of open, close, queue_setup, "
				 "queue_release, start and stop",
				 file, d->name);
	return 0;
}

static bool
same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* A driver of the same name, or of the same device. */
static int
check_others(const struct baton_ctx *ctx, const char *file, const struct baton_driver *d,
	     const struct baton_driver *other)
{
	if (same(d->name, other->name) || same(d->name, other->other_name) ||
	    same(d->other_name, other->name) || same(d->other_name, other->other_name))
		return baton_err(EEXIST,
				 "driver file %s: there is a driver %s already: give this one "
				 "another name",
				 file, d->name);
	for (const struct pci_id *id = d->pci_ids; id && id->vendor; id++)
		for (const struct pci_id *o = other->pci_ids; o && o->vendor; o++)
			if (id->vendor == o->vendor && id->device == o->device)
				baton_log(ctx, BATON_LOG_WARN,
					  "driver file %s: PCI devices %04x:%04x of driver %s are "
					  "opened by driver %s, which was there before",
					  file, id->vendor, id->device, d->name, other->name);
	return 0;
}

static int
check_driver(const struct baton_ctx *ctx, const char *file, const struct baton_driver *const *list,
	     unsigned i)
{
	const struct baton_driver *d = list[i];
	int ret;

	if (!is_name(d->name) || (d->other_name && !is_name(d->other_name)))
		return baton_err(EINVAL,
				 "driver file %s: the name of driver %u cannot be one: letters, "
				 "digits and _ are needed, 2 to %u of them, and no digit at the "
				 "end",
				 file, i, PORT_NAME_MAX - 8);
	ret = check_ops(file, d);
	for (const struct baton_driver *const *o = drivers_of(ctx); !ret && *o; o++)
		ret = check_others(ctx, file, d, *o);
	for (unsigned k = 0; !ret && k < i; k++)
		ret = check_others(ctx, file, d, list[k]);
	return ret;
}

/* Return: the number of drivers; -EINVAL, -EEXIST. */
static int
check_drivers(const struct baton_ctx *ctx, const char *file, const struct baton_driver_file *f)
{
	unsigned n = 0;

	if (!f)
		return baton_err(ENOEXEC,
				 "driver file %s does not export %s: a version script or "
				 "-fvisibility keeps it back",
				 file, DRIVER_FILE_SYMBOL);
	if (f->library != baton_err)
		return baton_err(ELIBBAD,
				 "driver file %s is bound to another copy of Baton in this "
				 "process: do not link drivers with the library, and let a program "
				 "that links it statically export its functions "
				 "(docs/driver-guide.md)",
				 file);
	for (; f->drivers && n <= MAX_DRIVERS && f->drivers[n]; n++) {
		int ret = check_driver(ctx, file, f->drivers, n);

		if (ret < 0)
			return ret;
	}
	if (!n || n > MAX_DRIVERS)
		return baton_err(EINVAL, "driver file %s has %s: it may have 1 to %u", file,
				 n ? "too many drivers" : "no drivers", MAX_DRIVERS);
	return (int)n;
}

static int
append(struct baton_ctx *ctx, struct driver_so *so, const struct baton_driver *const *list,
       unsigned n)
{
	const struct baton_driver *const *before = drivers_of(ctx);
	struct driver_table *t = calloc(1, sizeof(*t));
	unsigned have = 0;

	while (before[have])
		have++;
	if (t) {
		t->drivers = calloc(have + n + 1, sizeof(*t->drivers));
		t->names = calloc(have + n + 1, sizeof(*t->names));
	}
	if (!t || !t->drivers || !t->names) {
		if (t)
			free_table(t);
		return baton_err(ENOMEM, "driver file %s: out of memory", so->path);
	}
	for (unsigned i = 0; i < have + n; i++) {
		t->drivers[i] = i < have ? before[i] : list[i - have];
		t->names[i] = t->drivers[i]->name;
		if (i >= have)
			baton_log(ctx, BATON_LOG_INFO, "driver %s is loaded from %s", t->names[i],
				  so->path);
	}
	so->next = ctx->drivers ? ctx->drivers->files : NULL;
	t->files = so;
	t->former = ctx->drivers;
	__atomic_store_n(&ctx->drivers, t, __ATOMIC_RELEASE);
	return 0;
}

/* ---- load ---- */

static int
load(struct baton_ctx *ctx, const char *file, struct driver_so *so)
{
	const struct baton_driver_file *f;
	int n, ret = driver_trial(so->path);

	if (ret == -EAGAIN)
		baton_log(ctx, BATON_LOG_WARN, "%s; it is loaded without", baton_last_error());
	else if (ret < 0)
		return ret;
	so->handle = dlopen(so->path, RTLD_NOW | RTLD_LOCAL);
	if (!so->handle)
		return baton_err(ELIBBAD, "driver file %s cannot be loaded: %s", file, dlerror());
	if (!is_that_file(so->handle, so))
		return baton_err(ELIBBAD,
				 "driver file %s was replaced by another while it was loaded: "
				 "load it again",
				 file);
	f = dlsym(so->handle, DRIVER_FILE_SYMBOL);
	n = check_drivers(ctx, file, f);
	return n < 0 ? n : append(ctx, so, f->drivers, (unsigned)n);
}

static int
examine(struct baton_ctx *ctx, const char *file, struct driver_so *so)
{
	struct stat st;
	int fd = open_file(ctx, file, &st), ret;

	if (fd < 0)
		return fd;
	so->dev = st.st_dev;
	so->ino = st.st_ino;
	ret = check_new(ctx, file, &st);
	if (!ret)
		ret = driver_note_check(fd, file);
	close(fd);
	if (ret)
		return ret;
	so->path = realpath(file, NULL);
	return so->path ? 0
			: baton_err(errno, "driver file %s cannot be found: %s", file,
				    strerror(errno));
}

int
baton_driver_load(struct baton_ctx *ctx, const char *file)
{
	struct driver_so *so;
	int ret = ctx_enter(ctx, "driver_load");

	if (ret < 0)
		return ret;
	if (ctx->in_event)
		return baton_err(EBUSY, "driver_load: it was called from inside an event callback: "
					"let the callback return first");
	if (!file || !*file)
		return baton_err(EINVAL, "driver_load: the name of a driver's file is needed");
	so = calloc(1, sizeof(*so));
	if (!so)
		return baton_err(ENOMEM, "driver file %s: out of memory", file);
	ret = examine(ctx, file, so);
	if (!ret) {
		offer_library();
		ret = load(ctx, file, so);
	}
	if (ret < 0)
		close_file(so);
	return ret;
}
