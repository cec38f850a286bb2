/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PCI transport of modern virtio devices (virtio 1.2, sections 3.1.1, 4.1): opening the device,
 * features, configuration space, events. Its queues: pci_queue.c.
 */
#include <sys/epoll.h>

#include "base/limits.h"
#include "base/validate.h"
#include "ctrl.h"
#include "ioas/ioas.h"

#define GENERATIONS 16 /* attempts to read a configuration that changes meanwhile */
#define TIMEOUT_MS  1000
#define CALM_NS     1000000000ull /* a device that fails again sooner is restarted with a delay */

/* ---- configuration space ---- */

static bool
has_field(const struct virtio_pci *vp, size_t end)
{
	return vp->config.len >= end;
}

static void
read_fields(const struct virtio_dev *vd, struct virtio_net_config *c)
{
	const struct pci_reg *r = &vd->vp.config;

	for (uint32_t i = 0; i < 6; i++)
		c->mac[i] = pci_read8(r, i);
	if (vd->offered & VIRTIO_NET_F_STATUS)
		c->status = pci_read16(r, offsetof(struct virtio_net_config, status));
	if (vd->offered & VIRTIO_NET_F_MQ)
		c->max_virtqueue_pairs =
			pci_read16(r, offsetof(struct virtio_net_config, max_virtqueue_pairs));
	if (vd->offered & VIRTIO_NET_F_MTU)
		c->mtu = pci_read16(r, offsetof(struct virtio_net_config, mtu));
}

/* Read all fields consistently (4.1.4.3.1), in host byte order. */
static int
read_config(const struct virtio_dev *vd, struct virtio_net_config *c)
{
	const struct virtio_pci *vp = &vd->vp;

	memset(c, 0, sizeof(*c));
	for (int i = 0; i < GENERATIONS; i++) {
		uint8_t before = COMMON_READ8(vp, config_generation);

		read_fields(vd, c);
		if (COMMON_READ8(vp, config_generation) == before)
			return 0;
	}
	return baton_err(EPROTO,
			 "%s changed its configuration %u times while it was read: it is broken or "
			 "lies",
			 vd->where, GENERATIONS);
}

/* Check that the device has the fields of the features it offers. */
static int
check_config_len(const struct virtio_dev *vd)
{
	static const struct {
		uint64_t feature;
		size_t end;
		const char *name;
	} fields[] = {
		{ VIRTIO_NET_F_STATUS, offsetof(struct virtio_net_config, max_virtqueue_pairs),
		  "STATUS" },
		{ VIRTIO_NET_F_MQ, offsetof(struct virtio_net_config, mtu), "MQ" },
		{ VIRTIO_NET_F_MTU, sizeof(struct virtio_net_config), "MTU" },
	};

	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if ((vd->offered & fields[i].feature) && !has_field(&vd->vp, fields[i].end))
			return baton_err(EPROTO,
					 "%s offers VIRTIO_NET_F_%s, but its configuration space "
					 "of %u bytes ends before "
					 "that field: it is broken or lies",
					 vd->where, fields[i].name, vd->vp.config.len);
	return 0;
}

static int
take_config(struct virtio_dev *vd)
{
	struct baton_port_info *info = &vd->port.info;
	struct virtio_net_config c;
	int ret = check_config_len(vd);

	if (ret < 0 || (ret = read_config(vd, &c)) < 0)
		return ret;
	vd->config_features = VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU | VIRTIO_NET_F_STATUS;
	vd->link = !(vd->offered & VIRTIO_NET_F_STATUS) || (c.status & VIRTIO_NET_S_LINK_UP);
	vd->max_pairs = vd->offered & VIRTIO_NET_F_MQ ? c.max_virtqueue_pairs : 1;
	if (!MUST(pci_pairs, vd->max_pairs >= 1 && vd->max_pairs <= 0x8000))
		return baton_err(EPROTO,
				 "%s says it has %llu queue pairs; 1 to 32,768 are possible",
				 vd->where, (unsigned long long)vd->max_pairs);
	if ((vd->offered & VIRTIO_NET_F_MAC) && MUST(pci_mac, !(c.mac[0] & 1)))
		memcpy(info->mac, c.mac, 6);
	if (!(vd->offered & VIRTIO_NET_F_MTU))
		return 0;
	if (!MUST(pci_mtu, c.mtu >= BATON_MIN_MTU))
		return baton_err(EPROTO, "%s says its MTU is %u; at least %u is possible",
				 vd->where, c.mtu, BATON_MIN_MTU);
	info->max_mtu = c.mtu < BATON_MAX_MTU ? c.mtu : BATON_MAX_MTU;
	if (!vd->port.mtu_set)
		info->mtu = info->max_mtu;
	return 0;
}

/* ---- features ---- */

static uint64_t
read_features(const struct virtio_pci *vp)
{
	uint64_t features;

	COMMON_WRITE32(vp, device_feature_select, 1);
	features = (uint64_t)COMMON_READ32(vp, device_feature) << 32;
	COMMON_WRITE32(vp, device_feature_select, 0);
	return features | COMMON_READ32(vp, device_feature);
}

static int
check_features(struct virtio_dev *vd)
{
	if (!(vd->offered & VIRTIO_F_VERSION_1))
		return baton_err(ENOTSUP,
				 "%s offers features %#llx, without VIRTIO_F_VERSION_1 (bit 32): "
				 "legacy virtio is not "
				 "supported",
				 vd->where, (unsigned long long)vd->offered);
	if (vd->vp.behind_iommu && !(vd->offered & VIRTIO_F_ACCESS_PLATFORM))
		return baton_err(ENOTSUP,
				 "%s does not offer VIRTIO_F_ACCESS_PLATFORM (bit 33): it would "
				 "bypass the IOMMU, and reach "
				 "all of memory at addresses that are not those it is told; with "
				 "QEMU, give it iommu_platform=on",
				 vd->where);
	/*
	 * MQ needs a command to switch it on (5.1.3.1); a queue is reset through a field that
	 * virtio 1.1 did not have.
	 */
	if (!(vd->offered & VIRTIO_NET_F_CTRL_VQ))
		vd->offered &= ~VIRTIO_NET_F_MQ;
	if (vd->vp.common.len < sizeof(struct virtio_pci_common))
		vd->offered &= ~VIRTIO_F_RING_RESET;
	return 0;
}

int
virtio_pci_agree(struct virtio_dev *vd, uint64_t features)
{
	const struct virtio_pci *vp = &vd->vp;
	uint8_t status = VIRTIO_STATUS_ACKNOWLEDGE;

	COMMON_WRITE8(vp, device_status, status);
	status |= VIRTIO_STATUS_DRIVER;
	COMMON_WRITE8(vp, device_status, status);
	COMMON_WRITE32(vp, driver_feature_select, 0);
	COMMON_WRITE32(vp, driver_feature, (uint32_t)features);
	COMMON_WRITE32(vp, driver_feature_select, 1);
	COMMON_WRITE32(vp, driver_feature, (uint32_t)(features >> 32));
	COMMON_WRITE8(vp, device_status, status | VIRTIO_STATUS_FEATURES_OK);
	status = COMMON_READ8(vp, device_status);
	if (status & VIRTIO_STATUS_FEATURES_OK)
		return 0;
	return baton_err(ENOTSUP,
			 "%s does not accept features %#llx of the %#llx it offered (status %#x)",
			 vd->where, (unsigned long long)features, (unsigned long long)vd->offered,
			 status);
}

/* ---- having the device, and giving it back ---- */

void
virtio_pci_give_back(struct virtio_dev *vd)
{
	struct virtio_pci *vp = &vd->vp;

	if (vp->change.fd >= 0) {
		ctx_source_del(vd->port.ctx, &vp->change);
		close(vp->change.fd);
		vp->change.fd = -1;
	}
	pci_close(vp->dev);
	vp->dev = NULL;
	vp->common = vp->notify = vp->config = (struct pci_reg){ 0 };
	/*
	 * A device in no address space cannot access memory, whatever addresses it still has.
	 * Without an IOMMU, that is not known.
	 */
	if (vp->behind_iommu)
		dma_quarantine_release(&vd->port.reach.quarantines, "the device is in no address "
								    "space any more");
}

/* The workers have left the queues, or there are none. */
static void
on_device(void *arg, enum pci_event event)
{
	struct virtio_dev *vd = arg;
	struct baton_port *port = &vd->port;

	if (event == PCI_EVENT_ERROR)
		baton_log(port->ctx, BATON_LOG_ERR,
			  "%s: the device reports a PCI error it does not recover from",
			  port->name);
	else
		baton_log(port->ctx, BATON_LOG_WARN,
			  "%s: the kernel wants the device back: it is unplugged, or bound to "
			  "another "
			  "driver",
			  port->name);
	vd->vp.leaving = 1;
	port_lost(port, true);
	if (!port->started || port_is_empty(port)) /* else once its queues are empty */
		virtio_pci_give_back(vd);
}

static void
on_failed(struct virtio_dev *vd)
{
	struct virtio_pci *vp = &vd->vp;
	uint64_t now = ctx_now_ns();

	baton_log(vd->port.ctx, BATON_LOG_ERR, "%s: the device says that it needs a reset",
		  vd->port.name);
	port_lost(&vd->port, false);
	if (vd->port.away)
		ctx_timer_set(vd->port.ctx, &vp->tick, now - vp->failed_ns < CALM_NS ? 1000 : 1);
	vp->failed_ns = now;
}

/* Handle a change of the configuration. */
static void
poll_device(struct virtio_dev *vd)
{
	const struct virtio_pci *vp = &vd->vp;
	uint8_t status = COMMON_READ8(vp, device_status);
	struct virtio_net_config c;

	if (status == 0xff && pci_is_dead(vp->dev)) {
		baton_log(vd->port.ctx, BATON_LOG_ERR,
			  "%s: the device reads as all ones: it was removed, or has no power or no "
			  "link",
			  vd->port.name);
		vd->vp.leaving = 1;
		port_lost(&vd->port, true);
		return;
	}
	if (status & VIRTIO_STATUS_NEEDS_RESET) {
		on_failed(vd);
		return;
	}
	if (!(vd->offered & VIRTIO_NET_F_STATUS) || read_config(vd, &c) < 0)
		return;
	vd->link = !!(c.status & VIRTIO_NET_S_LINK_UP);
	port_link(&vd->port, vd->link);
}

static void
on_change(struct ctx_source *src, uint32_t events)
{
	struct virtio_dev *vd =
		(struct virtio_dev *)(void *)((char *)src - offsetof(struct virtio_dev, vp.change));
	uint64_t n;

	(void)!read(src->fd, &n, sizeof(n));
	if (vd->vp.dev && !vd->port.away)
		poll_device(vd);
}

/* Start a device that failed again, once its queues are empty. */
static void
on_tick(struct ctx_timer *tick)
{
	struct virtio_dev *vd =
		(struct virtio_dev *)(void *)((char *)tick - offsetof(struct virtio_dev, vp.tick));
	struct baton_port *port = &vd->port;

	if (!port->away || port->leaving || vd->vp.leaving)
		return;
	if (!port_is_empty(port)) {
		ctx_timer_set(port->ctx, tick, 1);
		return;
	}
	if (vd->tp->ready(vd) < 0 || virtio_bring_up(vd) < 0) {
		baton_log(port->ctx, BATON_LOG_ERR, "%s: it does not come back: %s", port->name,
			  baton_last_error());
		port_lost(port, true);
		return;
	}
	vd->vp.recoveries++;
	baton_log(port->ctx, BATON_LOG_INFO, "%s: the device is back after a reset", port->name);
	port_link(port, vd->link);
	port_back(port);
}

static int
watch_changes(struct virtio_dev *vd)
{
	struct virtio_pci *vp = &vd->vp;
	int fd, ret;

	if (!vp->dev->n_vectors)
		return 0;
	fd = vp->dev->os->eventfd(vp->dev->os);
	if (fd < 0)
		return limits_no_file("no eventfd", vd->where, -fd);
	vp->change = (struct ctx_source){ .ready = on_change, .fd = fd };
	ret = ctx_source_add(vd->port.ctx, &vp->change, EPOLLIN);
	if (ret < 0) {
		close(fd);
		vp->change.fd = -1;
	}
	return ret;
}

/*
 * Open the device and read what it offers. The device is then in reset, with a driver that knows
 * it.
 */
static int
handshake(struct virtio_dev *vd)
{
	struct virtio_pci *vp = &vd->vp;
	int ret = virtio_pci_find(vp);

	if (ret < 0 || (ret = virtio_pci_reset(vp)) < 0)
		return ret;
	dma_quarantine_release(&vd->port.reach.quarantines, "the device has confirmed a reset");
	COMMON_WRITE8(vp, device_status, VIRTIO_STATUS_ACKNOWLEDGE);
	COMMON_WRITE8(vp, device_status, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	vd->offered = read_features(vp);
	if ((ret = check_features(vd)) < 0 || (ret = take_config(vd)) < 0)
		return ret;
	ret = watch_changes(vd);
	return ret < 0 ? ret : pci_watch(vp->dev, on_device, vd);
}

/* Check that a device that is opened again offers at least what it offered before. */
static int
check_fit(const struct virtio_dev *vd, uint64_t first_offered, uint64_t first_pairs)
{
	if ((first_offered & ~vd->offered) || vd->max_pairs < first_pairs)
		return baton_err(ENOTSUP,
				 "%s offers features %#llx and %llu queue pairs, before it was "
				 "%#llx and %llu: close the "
				 "port and open it anew",
				 vd->where, (unsigned long long)vd->offered,
				 (unsigned long long)vd->max_pairs,
				 (unsigned long long)first_offered,
				 (unsigned long long)first_pairs);
	return 0;
}

static int
acquire(struct virtio_dev *vd)
{
	struct virtio_pci *vp = &vd->vp;
	uint64_t offered = vd->offered, pairs = vd->max_pairs;
	int ret;

	if (vp->dev)
		return 0;
	if (vd->port.reach.confine && (ret = pci_check_alone(pci_os_of(vd->port.ctx), vp->bdf)) < 0)
		return baton_err_prefix(ret, "confine=on");
	ret = pci_open(vd->port.ctx, vp->ioas, vp->bdf, &vp->dev);
	if (ret < 0)
		return ret;
	vp->leaving = 0;
	ret = handshake(vd);
	if (!ret && offered)
		ret = check_fit(vd, offered, pairs);
	if (ret < 0)
		virtio_pci_give_back(vd);
	return ret;
}

/*
 * The rings may need the buffers that the device did not let go of before, so reset it before they
 * are filled.
 */
static int
vp_ready(struct virtio_dev *vd)
{
	int ret = acquire(vd);

	if (ret < 0 || !vd->port.reach.quarantines)
		return ret;
	ret = virtio_pci_reset(&vd->vp);
	if (!ret)
		dma_quarantine_release(&vd->port.reach.quarantines, "the device has confirmed a "
								    "reset");
	return ret;
}

/* ---- the address space ---- */

static int
own_ioas(struct virtio_dev *vd, struct baton_ioas_config *config)
{
	const struct dma_reach *reach = &vd->port.reach;

	config->name = vd->port.name;
	config->windows = reach->windows;
	config->n_windows = reach->n_windows;
	vd->vp.owns_ioas = 1;
	return baton_ioas_create(vd->port.ctx, config, &vd->vp.ioas);
}

/*
 * Choose the address space: the one that the context's devices share, or one of the port's own for
 * another backend, for windows, and to be confined.
 */
static int
choose_ioas(struct virtio_dev *vd)
{
	struct baton_ctx *ctx = vd->port.ctx;
	struct baton_ioas_config config;
	struct baton_ioas_info info;
	struct baton_ioas *own, *shared;
	int ret;

	baton_ioas_config_init(&config);
	if ((ret = baton_ioas_backend_by_name(vd->vp.ioas_name, &config.backend)) < 0)
		return ret;
	if (dma_reach_own_space(&vd->port.reach))
		return own_ioas(vd, &config);
	if (config.backend == BATON_IOAS_AUTO)
		return baton_ctx_ioas(ctx, &vd->vp.ioas);
	if ((ret = own_ioas(vd, &config)) < 0)
		return ret;
	own = vd->vp.ioas;
	vd->vp.owns_ioas = 0;
	if (baton_ctx_set_ioas(ctx, own) == 0)
		return 0;
	if ((ret = baton_ctx_ioas(ctx, &shared)) < 0) {
		baton_ioas_destroy(own);
		return ret;
	}
	baton_ioas_info(shared, &info);
	if (info.backend != config.backend) {
		vd->vp.owns_ioas = 1;
		return 0;
	}
	vd->vp.ioas = shared;
	return baton_ioas_destroy(own);
}

static void
drop_ioas(struct virtio_dev *vd)
{
	if (vd->vp.owns_ioas && vd->vp.ioas && baton_ioas_destroy(vd->vp.ioas) < 0)
		baton_log(vd->port.ctx, BATON_LOG_WARN, "%s: %s", vd->port.name,
			  baton_last_error());
	vd->vp.owns_ioas = 0;
	vd->vp.ioas = vd->port.reach.ioas = NULL;
}

/* Set the limits that are known only once the device is open. */
static void
probe_limits(struct virtio_dev *vd)
{
	struct virtio_pci *vp = &vd->vp;
	struct baton_port_info *info = &vd->port.info;
	uint32_t size = VRING_MAX_SIZE;

	for (uint16_t i = 0; i < 2; i++) {
		uint16_t most;

		COMMON_WRITE16(vp, queue_select, i);
		most = COMMON_READ16(vp, queue_size);
		if (most >= 2 && most < size)
			size = most;
	}
	while (size & (size - 1)) /* the largest power of two in it */
		size &= size - 1;
	info->max_descs = (uint16_t)size;
	if (info->default_descs > size)
		info->default_descs = (uint16_t)size;
	vd->port.reach.node = info->node = (int16_t)vp->dev->info.node;
}

/*
 * Warn if interrupts are not isolated. An interrupt is a write: without remapping, a device can
 * raise any.
 */
static void
warn_interrupts(const struct virtio_dev *vd, const struct baton_ioas_info *info)
{
	if (vd->port.reach.confine && info->unsafe_interrupts)
		baton_log(vd->port.ctx, BATON_LOG_WARN,
			  "%s: confined, but interrupts not isolated: allow_unsafe_interrupts is "
			  "set, and without "
			  "interrupt remapping the device can raise any of the machine",
			  vd->port.name);
}

/* Get an address space, and open the device in it. */
static int
enter_space(struct virtio_dev *vd)
{
	struct virtio_pci *vp = &vd->vp;
	struct baton_ioas_info info;
	int ret = choose_ioas(vd);

	if (ret < 0) {
		drop_ioas(vd);
		return ret;
	}
	/* FLAT is for tests and emulators, which decide what is behind it. */
	baton_ioas_info(vp->ioas, &info);
	vp->behind_iommu = info.backend != BATON_IOAS_NOIOMMU && info.backend != BATON_IOAS_FLAT;
	if (vd->port.reach.confine && !vp->behind_iommu) {
		ret = baton_err(ENOTSUP,
				"confine=on: nothing keeps %s from other memory in an address "
				"space of kind %s: use an IOMMU, or leave confine out",
				vd->where, info.backend_name);
		drop_ioas(vd);
		return ret;
	}
	/* One run of physical addresses. */
	vd->port.reach.page = info.backend == BATON_IOAS_NOIOMMU ? BATON_PAGE_2M : 0;
	vd->port.reach.ioas = vp->ioas;
	ret = acquire(vd);
	if (ret < 0) {
		drop_ioas(vd);
		return ret;
	}
	baton_ioas_info(vp->ioas, &info);
	snprintf(vp->space, sizeof(vp->space), "%s", info.backend_name);
	warn_interrupts(vd, &info);
	return 0;
}

static int
vp_renew_space(struct virtio_dev *vd)
{
	virtio_pci_give_back(vd);
	drop_ioas(vd);
	return enter_space(vd);
}

static int
vp_check(struct virtio_dev *vd, const struct port_arg *args, unsigned n)
{
	const char *name = port_arg(args, n, "ioas");
	enum baton_ioas_backend backend;

	return name ? baton_ioas_backend_by_name(name, &backend) : 0;
}

static int
vp_open(struct virtio_dev *vd, const struct port_arg *args, unsigned n)
{
	struct virtio_pci *vp = &vd->vp;
	const char *name = port_arg(args, n, "ioas");
	int ret;

	snprintf(vp->ioas_name, sizeof(vp->ioas_name), "%s", name ? name : "auto");
	snprintf(vp->bdf, sizeof(vp->bdf), "%.12s", vd->port.name);
	snprintf(vd->where, sizeof(vd->where), "device %s", vp->bdf);
	vp->change.fd = -1;
	vp->tick.due = on_tick;
	vd->timeout_ms = TIMEOUT_MS;
	vd->transport_features =
		VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_ORDER_PLATFORM | VIRTIO_F_RING_RESET;
	ret = enter_space(vd);
	if (ret < 0)
		return ret;
	probe_limits(vd);
	port_link(&vd->port, vd->link);
	return 0;
}

static void
vp_close(struct virtio_dev *vd)
{
	ctx_timer_cancel(vd->port.ctx, &vd->vp.tick);
	virtio_pci_give_back(vd);
	drop_ioas(vd);
}

static int
vp_reset(struct virtio_dev *vd)
{
	virtio_pci_give_back(vd);
	return acquire(vd);
}

static struct mem_holder *
vp_holder(const struct virtio_dev *vd)
{
	return NULL;
}

const struct virtio_transport virtio_pci_transport = {
	.open = vp_open,
	.check = vp_check,
	.close = vp_close,
	.ready = vp_ready,
	.renew_space = vp_renew_space,
	.start = virtio_pci_start,
	.stop = virtio_pci_stop,
	.ring_start = virtio_pci_ring_start,
	.ring_stop = virtio_pci_ring_stop,
	.lost = virtio_pci_stop,
	.holder = vp_holder,
	.reset = vp_reset,
};
