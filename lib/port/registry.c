/* SPDX-License-Identifier: BSD-3-Clause */
/* The drivers, as plain data. */
#include "port/driver.h"

extern const struct baton_driver null_driver;
extern const struct baton_driver pcap_driver;
extern const struct baton_driver virtio_driver;
extern const struct baton_driver virtio_user_driver;

const struct baton_driver *const baton_driver_table[] = {
	&null_driver, &pcap_driver, &virtio_driver, &virtio_user_driver, NULL,
};

const char *const baton_driver_names[] = {
	"net_null", "net_pcap", "net_virtio", "net_virtio_user", NULL,
};
