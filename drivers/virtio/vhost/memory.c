/* SPDX-License-Identifier: BSD-3-Clause */
/* What a backend is told of memory: the table of all that is mapped, and the addresses of rings. */
#include "virtio/vhost/msg.h"

#define USER_ALIAS (1ull << 56)
#define RING_NAME  (1ull << 57)

void
vhost_drop_space(struct vhost_dev *vd)
{
	struct baton_ioas **ioas = &vd->virtio.nic.port.reach.ioas;

	ioas_given_end(&vd->vu.given);
	if (*ioas && baton_ioas_destroy(*ioas) < 0)
		port_log(&vd->virtio.nic.port, BATON_LOG_WARN, "%s", baton_last_error());
	*ioas = NULL;
}

int
vhost_renew_space(struct nic_dev *dev)
{
	struct vhost_dev *vd = vhost_of(dev);
	struct dma_reach *reach = &dev->port.reach;
	struct baton_ioas_config config;
	int ret;

	vhost_drop_space(vd);
	reach->local = true;
	baton_ioas_config_init(&config);
	config.name = dev->port.name;
	config.backend = BATON_IOAS_VHOST;
	config.windows = reach->windows;
	config.n_windows = reach->n_windows;
	ret = baton_ioas_create(dev->port.ctx, &config, &reach->ioas);
	if (!ret)
		ioas_on_unmap(reach->ioas, vhost_iotlb_forget, vd);
	return ret;
}

static void
close_all(const int *fds, uint32_t n)
{
	while (n)
		close(fds[--n]);
}

/*
 * All that is mapped. User addresses are but names; that of the rings' memory is the same in every
 * table, see vhost_publish().
 *
 * @rings: its number.
 */
static uint32_t
list_regions(struct vhost_dev *vd, struct vhost_region *out, uint32_t *rings)
{
	const struct baton_mapping *m = NULL;
	struct ioas_entry e;
	uint32_t n = 0;

	*rings = VHOST_MAX_REGIONS;
	while ((m = ioas_next(vd->virtio.nic.port.reach.ioas, m, &e)) && n < VHOST_MAX_REGIONS) {
		const uint8_t *va = e.va;

		out[n] = (struct vhost_region){ e.iova, e.bytes, (uintptr_t)va, e.fd_offset };
		if (vd->virtio.nic.ring_base &&
		    (uint64_t)(vd->virtio.nic.ring_base - va) < e.bytes) {
			out[n].user_addr = RING_NAME;
			vd->vu.ring_va = va;
			*rings = n;
		}
		n++;
	}
	return n;
}

/* @fds: those of list_regions(), to be closed by the caller; there is none when this fails. */
static int
open_regions(struct vhost_dev *vd, int *fds, uint32_t n)
{
	const struct baton_mapping *m = NULL;
	struct ioas_entry e;

	for (uint32_t i = 0; i < n && (m = ioas_next(vd->virtio.nic.port.reach.ioas, m, &e)); i++) {
		int ret = nic_peer_give(&vd->virtio.nic, e.va, e.fd, &fds[i]);

		if (ret < 0) {
			close_all(fds, i);
			return ret;
		}
	}
	return 0;
}

/* Has the backend heard of rings that lie beyond the new ones' memory? Then it gets the table on a
 * connection of its own. */
static int
begin_anew(struct vhost_dev *vd, uint64_t ring_bytes)
{
	struct vhost_user *vu = &vd->vu;
	int ret = 0;

	if (vu->n_regions && ring_bytes < vu->ring_bytes) {
		vhost_disconnect(vd);
		ret = vhost_connect(vd);
	}
	vu->ring_bytes = ring_bytes;
	return ret;
}

/*
 * The memory table: all that is mapped.
 *
 * A backend that compares tables by their numbers alone (DPDK 22.11's does) would keep its mapping
 * of memory that is gone when new memory has the old one's place. So no table has the numbers of
 * the one before it: user addresses get a bit that no address has. A backend that keeps the
 * addresses of stopped rings (QEMU's libvhost-user and passt do) looks them up in the new table,
 * and ends when they are not in it: the rings' memory has one name for good.
 */
int
vhost_publish(struct nic_dev *dev)
{
	struct vhost_dev *vd = vhost_of(dev);
	struct vhost_msg msg = { .request = VHOST_SET_MEM_TABLE };
	struct vhost_region region[VHOST_MAX_REGIONS];
	struct vhost_user *vu = &vd->vu;
	int fds[VHOST_MAX_REGIONS];
	uint32_t rings, n = list_regions(vd, region, &rings);
	int ret = begin_anew(vd, rings < n ? region[rings].size : 0);

	if (!ret)
		ret = vhost_check_connected(vd);
	if (!ret)
		ret = open_regions(vd, fds, n);
	if (ret < 0)
		return ret;
	nic_peer_adopt(dev);
	vu->alias = n == vu->n_regions && !memcmp(region, vu->region, n * sizeof(*region))
			    ? USER_ALIAS
			    : 0;
	for (uint32_t i = 0; i < n; i++)
		region[i].user_addr += i == rings ? 0 : vu->alias;
	vhost_iotlb_renew(vd);
	memcpy(vu->region, region, n * sizeof(*region));
	memcpy(msg.p.memory.regions, region, n * sizeof(*region));
	vu->n_regions = n;
	msg.p.memory.count = n;
	msg.size = (uint32_t)(8 + n * sizeof(struct vhost_region));
	ret = vhost_send(vd, &msg, fds, n);
	close_all(fds, n);
	if (ret < 0)
		return vhost_next_time(vd, ret);
	ioas_given(&vu->given, dev->port.reach.ioas, dev->port.name, vd->virtio.where);
	nic_peer_log(dev);
	return 0;
}

uint64_t
vhost_ring_address(const struct vhost_dev *vd, const void *at)
{
	if (vhost_iotlb_on(vd))
		return vd->virtio.nic.ring_iova +
		       (uint64_t)((const uint8_t *)at - vd->virtio.nic.ring_base);
	return RING_NAME + (uint64_t)((const uint8_t *)at - vd->vu.ring_va);
}
