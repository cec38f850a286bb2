/* SPDX-License-Identifier: BSD-3-Clause */
/* Load drivers' files into one context, and print what becomes of each, and the drivers. */
#include <baton/baton.h>

#include <stdio.h>

#ifdef INTERPOSE
#include <stdlib.h>
/* An application's own functions, of names that the library has inside. */
#define OWN(name)                                                                                  \
	void name(void);                                                                           \
	void name(void)                                                                            \
	{                                                                                          \
		abort();                                                                           \
	}
OWN(baton_err)
OWN(baton_log)
OWN(dma_cache_create)
OWN(dma_cache_refill)
OWN(nic_open)
OWN(nic_start)
OWN(port_link)
OWN(queue_full)
#endif

int
main(int argc, char **argv)
{
	struct baton_ctx *ctx, *other;
	unsigned library = 0, also = 0;
	int loaded = 0;

	if (baton_ctx_create(NULL, &ctx) < 0 || baton_ctx_create(NULL, &other) < 0)
		return 2;
	for (int i = 1; i < argc; i++) {
		int ret = baton_driver_load(ctx, argv[i]);

		printf("%d %s\n", ret, ret < 0 ? baton_last_error() : "loaded");
		loaded += !ret;
	}
	for (const char *const *d = baton_drivers(ctx); *d; d++)
		printf("driver %s\n", *d);
	while (baton_drivers(NULL)[library])
		library++;
	while (baton_drivers(other)[also])
		also++;
	if (library != also) {
		printf("another context has them as well\n");
		return 1;
	}
	/* Again, when they were unloaded. */
	if (baton_ctx_destroy(ctx) < 0 || baton_ctx_destroy(other) < 0 ||
	    baton_ctx_create(NULL, &ctx) < 0)
		return 2;
	for (int i = 1; i < argc && loaded == argc - 1; i++)
		if (baton_driver_load(ctx, argv[i]) < 0)
			return 3;
	return baton_ctx_destroy(ctx) < 0 ? 2 : 0;
}
