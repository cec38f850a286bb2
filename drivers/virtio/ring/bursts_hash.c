/* SPDX-License-Identifier: BSD-3-Clause */
/* The kit's bursts for split rings whose headers have a hash (VIRTIO_NET_F_HASH_REPORT). */
#include "virtio/ring/split.h"

#define NIC_RX      split_rx_hash
#define NIC_TX      split_tx_hash
#define NIC_NAME(x) virtq_hash_##x
#define NIC_INFO
#include "nic/bursts.h"
