/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queues of the PCI transport: memory, start and stop (virtio 1.2, sections 2.6, 4.1.4.3,
 * 4.1.5).
 */
#include <time.h>

#include "base/validate.h"
#include "virtio/pci/pci.h"

#define RESET_MS 1000
#define PAUSE_NS 100000

/* Wait until a register of 8 or 16 bits reads 0, an answer. Return: what it reads in the end. */
static uint16_t
wait_zero(const struct virtio_pci *vp, uint32_t off, unsigned bits)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	const uint64_t deadline = ctx_now_ns() + RESET_MS * 1000000ull;
	uint16_t v;

	while ((v = bits == 8 ? pci_read8(&vp->common, off) : pci_read16(&vp->common, off)) != 0) {
		if ((v == 0xff && pci_is_dead(vp->pci.dev)) || ctx_now_ns() > deadline)
			break;
		nanosleep(&pause, NULL);
	}
	return v;
}

/* ---- one queue ---- */

static void
write_address(const struct virtio_pci *vp, uint32_t field, const void *at)
{
	const struct nic_dev *dev = &vp->virtio.nic;

	pci_write64(&vp->common, field,
		    dev->ring_iova + (uint64_t)((const uint8_t *)at - dev->ring_base));
}

/* Map the doorbell of the selected queue: 4.1.4.4. */
static int
find_doorbell(struct virtio_pci *vp, struct virtq *vq)
{
	const struct pci_reg *n = &vp->notify;
	uint64_t off =
		(uint64_t)pci_read16(&vp->common, COMMON(queue_notify_off)) * vp->notify_multiplier;

	if (!MUST(pci_doorbell, off + 2 <= n->len) || off % 2)
		return baton_err(EPROTO,
				 "%s: the doorbell of queue %u is at byte %llu of a structure of "
				 "%u: it is broken or lies",
				 vp->virtio.where, vq->vring, (unsigned long long)off, n->len);
	vq->bell = pci_reg_part(n, off, 2);
	return 0;
}

static int
set_vector(struct virtio_pci *vp, struct virtq *vq)
{
	const uint16_t vector = vq->nq.vector ? vq->nq.vector : VIRTIO_PCI_NO_VECTOR;
	uint16_t is;

	pci_write16(&vp->common, COMMON(queue_msix_vector), vector);
	is = pci_read16(&vp->common, COMMON(queue_msix_vector));
	if (is == vector)
		return 0;
	return baton_err(EIO, "%s: queue %u does not take interrupt vector %u, it reads %u",
			 vp->virtio.where, vq->vring, vector, is);
}

static int
check_size(struct virtio_pci *vp, const struct virtq *vq)
{
	uint16_t most = pci_read16(&vp->common, COMMON(queue_size));

	if (!most)
		return baton_err(EPROTO,
				 "%s has no queue %u, though it says it has %llu queue pairs",
				 vp->virtio.where, vq->vring,
				 (unsigned long long)vp->virtio.max_pairs);
	if (vq->nq.q.descs > most)
		return baton_err(EINVAL, "%s: queue %u takes %u descriptors at most, not %u",
				 vp->virtio.where, vq->vring, most, vq->nq.q.descs);
	if (pci_read16(&vp->common, COMMON(queue_enable)))
		return baton_err(EIO, "%s: queue %u is enabled after a reset: it is broken or lies",
				 vp->virtio.where, vq->vring);
	return 0;
}

int
virtio_pci_ring_start(struct nic_dev *dev, struct nic_queue *nq)
{
	struct virtio_pci *vp = virtio_pci_of(dev);
	struct virtq *vq = virtq_of_nic(nq);
	int ret;

	pci_write16(&vp->common, COMMON(queue_select), vq->vring);
	if ((ret = check_size(vp, vq)) < 0)
		return ret;
	pci_write16(&vp->common, COMMON(queue_size), (uint16_t)vq->nq.q.descs);
	if ((ret = set_vector(vp, vq)) < 0 || (ret = find_doorbell(vp, vq)) < 0)
		return ret;
	write_address(vp, COMMON(queue_desc), vq->desc);
	write_address(vp, COMMON(queue_driver), vq->avail);
	write_address(vp, COMMON(queue_device), vq->used);
	pci_write16(&vp->common, COMMON(queue_enable), 1);
	if (pci_read16(&vp->common, COMMON(queue_enable)) == 1)
		return 0;
	return baton_err(EIO, "%s: queue %u does not get enabled", vp->virtio.where, vq->vring);
}

int
virtio_pci_ring_can_stop(const struct nic_dev *dev)
{
	const struct virtio_dev *vd = virtio_of_nic_const(dev);

	if (vd->features & VIRTIO_F_RING_RESET)
		return 0;
	return baton_err(ENOTSUP,
			 "%s does not offer VIRTIO_F_RING_RESET, so one queue cannot be stopped "
			 "alone: stop the port",
			 vd->where);
}

/* 2.6.1: the device may use the queue until this reads 0. */
int
virtio_pci_ring_stop(struct nic_dev *dev, struct nic_queue *nq)
{
	struct virtio_pci *vp = virtio_pci_of(dev);
	struct virtq *vq = virtq_of_nic(nq);
	uint16_t v;

	/* This one has no buffers, and the device is reset before the ring is freed. */
	if (vq == &vp->virtio.ctrl.vq)
		return 0;
	pci_write16(&vp->common, COMMON(queue_select), vq->vring);
	pci_write16(&vp->common, COMMON(queue_reset), 1);
	v = wait_zero(vp, COMMON(queue_reset), 16);
	if (v)
		return baton_err(ETIMEDOUT, "%s: queue %u is not reset within %u ms (it reads %#x)",
				 vp->virtio.where, vq->vring, RESET_MS, v);
	if (pci_read16(&vp->common, COMMON(queue_enable)))
		return baton_err(EIO, "%s: queue %u is still enabled after its reset",
				 vp->virtio.where, vq->vring);
	vq->bell.len = 0;
	return 0;
}

/* ---- all of them ---- */

static int
set_change_vector(struct virtio_pci *vp)
{
	if (vp->pci.change.fd < 0)
		return 0;
	pci_write16(&vp->common, COMMON(config_msix_vector), 0);
	if (pci_read16(&vp->common, COMMON(config_msix_vector)) == 0)
		return 0;
	return baton_err(EIO,
			 "%s does not take an interrupt vector for changes of its configuration",
			 vp->virtio.where);
}

/* Packets for queues that are not set up would be lost. */
static int
check_pairs(const struct virtio_pci *vp)
{
	const struct baton_port_info *info = &vp->virtio.nic.port.info;

	if (info->tx_queues <= info->rx_queues)
		return 0;
	return baton_err(ENOTSUP,
			 "%s: %u RX and %u TX queues: over PCI a virtio device receives on as many "
			 "queues as it sends from; configure at least as many RX queues",
			 vp->virtio.where, info->rx_queues, info->tx_queues);
}

/* Features come before the rings, and the rings before the device is live: 3.1.1. */
int
virtio_pci_prepare(struct nic_dev *dev)
{
	struct virtio_pci *vp = virtio_pci_of(dev);
	int ret;

	if ((ret = check_pairs(vp)) < 0 || (ret = virtio_pci_agree(vp, vp->virtio.features)) < 0)
		return ret;
	return set_change_vector(vp);
}

int
virtio_pci_start(struct nic_dev *dev)
{
	struct virtio_pci *vp = virtio_pci_of(dev);
	int ret;

	if ((vp->virtio.features & VIRTIO_NET_F_CTRL_VQ) &&
	    (ret = virtio_ctrl_start(&vp->virtio)) < 0)
		return ret;
	pci_write8(&vp->common, COMMON(device_status),
		   VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK |
			   VIRTIO_STATUS_DRIVER_OK);
	return vp->virtio.features & VIRTIO_NET_F_MQ
		       ? virtio_ctrl_pairs(&vp->virtio, dev->port.info.rx_queues)
		       : 0;
}

/* Write 0 to the status of the device, and wait until it reads 0: it has let go of all memory. */
static int
reset(struct virtio_pci *vp)
{
	uint16_t status;

	pci_write8(&vp->common, COMMON(device_status), 0);
	status = wait_zero(vp, COMMON(device_status), 8);
	if (!status)
		return 0;
	if (status == 0xff && pci_is_dead(vp->pci.dev))
		return baton_err(ENODEV,
				 "%s reads as all ones: it was removed, or has no power or no link",
				 vp->pci.dev->info.bdf);
	return baton_err(ETIMEDOUT, "%s: its status reads %#x, not 0, %u ms after it was reset",
			 vp->pci.dev->info.bdf, status, RESET_MS);
}

/* The doorbells go with the reset. */
int
virtio_pci_quiesce(struct nic_dev *dev)
{
	struct virtio_pci *vp = virtio_pci_of(dev);
	struct nic_queue *nq;

	for (unsigned i = 0; (nq = nic_queue(dev, i)); i++)
		virtq_of_nic(nq)->bell.len = 0;
	vp->virtio.ctrl.vq.bell.len = 0;
	return reset(vp);
}
