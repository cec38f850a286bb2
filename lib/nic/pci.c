/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic/pci.h"

#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/event.h"
#include "base/export.h"
#include "base/limits.h"
#include "ioas/ioas.h"

#define CALM_NS 1000000000ull /* a device that fails again sooner is restarted with a delay */

DEFINE_CONTAINER(dev_of, struct nic_pci_dev, nic)
DEFINE_CONTAINER(of_change, struct nic_pci, change)
DEFINE_CONTAINER(of_tick, struct nic_pci, tick)
DEFINE_CONTAINER(of_retry, struct nic_pci, retry)

int
nic_pci_wait(const struct pci_reg *r, uint32_t off, uint32_t mask, uint32_t value, unsigned ms,
	     const char *what)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	const uint64_t deadline = ctx_now_ns() + ms * 1000000ull;
	uint32_t v;

	while (((v = pci_read32(r, off)) & mask) != value || v == UINT32_MAX) {
		if (v == UINT32_MAX && pci_is_dead(r->dev))
			return baton_err(ENODEV, "%s: the device reads as all ones", what);
		if (ctx_now_ns() > deadline)
			return baton_err(ETIMEDOUT, "%s does not end within %u ms (%#x reads %#x)",
					 what, ms, off, v);
		nanosleep(&pause, NULL);
	}
	return 0;
}

const struct baton_arg nic_pci_args[] = {
	{ "ioas", "auto|iommufd|type1|compat|noiommu|flat",
	  "the kernel's interface for the device's addresses (auto)" },
	{ 0 },
};

int
nic_pci_check(const struct baton_driver *driver, const struct port_arg *args, unsigned n)
{
	const char *name = port_arg(args, n, "ioas");
	enum baton_ioas_backend backend;

	return name ? baton_ioas_backend_by_name(name, &backend) : 0;
}

void
nic_pci_xstats(const struct baton_port *port, struct port_xstats *list)
{
	port_xstat(list, nic_of_const(port)->pci->recoveries, "reconnects");
}

/* ---- having the device, and giving it back ---- */

static void
give_back(struct nic_dev *dev)
{
	struct nic_pci *p = dev->pci;

	ctx_timer_cancel(dev->port.ctx, &p->tick);
	if (p->change.fd >= 0) {
		ctx_source_del(dev->port.ctx, &p->change);
		close(p->change.fd);
		p->change.fd = -1;
	}
	if (p->ops->forget)
		p->ops->forget(dev);
	p->regs = (struct pci_reg){ 0 };
	pci_close(p->dev);
	p->dev = NULL;
	/*
	 * A device in no address space cannot access memory, whatever addresses it still has.
	 * Without an IOMMU, that is not known.
	 */
	if (p->behind_iommu)
		dma_quarantine_release(&dev->port.reach.quarantines, "the device is in no address "
								     "space any more");
}

/* The device will not be back. The workers have left the queues, or there are none. */
static void
leave(struct nic_dev *dev)
{
	struct baton_port *port = &dev->port;

	dev->pci->leaving = 1;
	port_lost(port, true);
	if (!port->started || port_is_empty(port)) /* else once its queues are empty */
		give_back(dev);
}

static void
on_device(void *arg, enum pci_event event)
{
	struct nic_dev *dev = arg;

	if (event == PCI_EVENT_ERROR)
		port_log(&dev->port, BATON_LOG_ERR,
			 "the device reports a PCI error it does not recover from");
	else
		port_log(&dev->port, BATON_LOG_WARN,
			 "the kernel wants the device back: it is unplugged, or bound to another "
			 "driver");
	leave(dev);
}

static void
on_failed(struct nic_dev *dev)
{
	struct nic_pci *p = dev->pci;
	uint64_t now = ctx_now_ns();

	port_log(&dev->port, BATON_LOG_ERR, "the device says that it needs a reset");
	port_lost(&dev->port, false);
	if (dev->port.away)
		ctx_timer_set(dev->port.ctx, &p->retry, now - p->failed_ns < CALM_NS ? 1000 : 1);
	p->failed_ns = now;
}

static void
look(struct nic_dev *dev)
{
	struct nic_pci *p = dev->pci;

	if (!p->dev || dev->port.away)
		return;
	if (pci_is_dead(p->dev)) {
		port_log(&dev->port, BATON_LOG_ERR,
			 "the device reads as all ones: it was removed, or has no power or no "
			 "link");
		p->leaving = 1;
		port_lost(&dev->port, true);
	} else if (p->ops->poll(dev)) {
		on_failed(dev);
	} else {
		port_link(&dev->port, dev->link);
	}
}

static void
on_change(struct ctx_source *src, uint32_t events)
{
	struct nic_pci *p = of_change(src);

	event_drain(src->fd);
	look(p->nic);
}

static void
on_tick(struct ctx_timer *timer)
{
	struct nic_pci *p = of_tick(timer);

	ctx_timer_set(p->nic->port.ctx, timer, p->ops->tick_ms);
	look(p->nic);
}

/* Start a device that failed again, once its queues are empty. */
static void
on_retry(struct ctx_timer *timer)
{
	struct nic_pci *p = of_retry(timer);
	struct nic_dev *dev = p->nic;
	struct baton_port *port = &dev->port;

	if (!port->away || port->leaving || p->leaving)
		return;
	if (!port_is_empty(port)) {
		ctx_timer_set(port->ctx, timer, 1);
		return;
	}
	if (dev->ops->ready(dev) < 0 || nic_bring_up(dev) < 0) {
		port_log(port, BATON_LOG_ERR, "it does not come back: %s", baton_last_error());
		port_lost(port, true);
		return;
	}
	p->recoveries++;
	port_log(port, BATON_LOG_INFO, "the device is back after a reset");
	port_link(port, dev->link);
	port_back(port);
}

static int
watch(struct nic_dev *dev)
{
	struct nic_pci *p = dev->pci;
	int fd, ret;

	if (p->ops->tick_ms)
		ctx_timer_set(dev->port.ctx, &p->tick, p->ops->tick_ms);
	if (!p->dev->n_vectors)
		return 0;
	fd = p->dev->os->eventfd(p->dev->os);
	if (fd < 0)
		return limits_no_file("no eventfd", p->bdf, -fd);
	p->change = (struct ctx_source){ .ready = on_change, .fd = fd };
	ret = ctx_source_add(dev->port.ctx, &p->change, EPOLLIN);
	if (ret < 0) {
		close(fd);
		p->change.fd = -1;
	}
	return ret;
}

/* Reset by registers, and what was in quarantine is free. */
static int
reset_confirmed(struct nic_dev *dev)
{
	int ret = dev->pci->ops->quiesce(dev);

	if (!ret)
		dma_quarantine_release(&dev->port.reach.quarantines, "the device has confirmed a "
								     "reset");
	return ret;
}

/* Map the registers, and see whose they are. */
static int
find(struct nic_dev *dev)
{
	struct nic_pci *p = dev->pci;
	const struct nic_pci_ops *ops = p->ops;
	int ret = ops->bar_bytes ? pci_reg(p->dev, ops->bar, 0, ops->bar_bytes, &p->regs) : 0;

	if (!ret && ops->id && nic_get32(dev, ops->id_reg) != ops->id)
		ret = baton_err(EPROTO,
				"%s reads %#x at %#x of BAR %u, a %s reads %#x: it is another "
				"device, or broken",
				p->bdf, nic_get32(dev, ops->id_reg), ops->id_reg, ops->bar,
				dev->port.driver->name, ops->id);
	return ret || !ops->find ? ret : ops->find(dev);
}

static void
tell_failed(struct nic_dev *dev)
{
	if (dev->pci->ops->failed)
		dev->pci->ops->failed(dev);
}

static int
acquire(struct nic_dev *dev)
{
	struct nic_pci *p = dev->pci;
	int ret;

	if (p->dev)
		return 0;
	if (dev->port.reach.confine &&
	    (ret = pci_check_alone(pci_os_of(dev->port.ctx), p->bdf)) < 0)
		return baton_err_prefix(ret, "confine=on");
	ret = pci_open(dev->port.ctx, p->ioas, p->bdf, &p->dev);
	if (ret < 0)
		return ret;
	p->leaving = 0;
	ret = find(dev);
	if (!ret)
		ret = reset_confirmed(dev);
	if (!ret && (ret = p->ops->identify(dev)) < 0)
		tell_failed(dev);
	if (!ret)
		ret = watch(dev);
	if (!ret)
		ret = pci_watch(p->dev, on_device, dev);
	if (ret < 0)
		give_back(dev);
	return ret;
}

/*
 * The rings may need the buffers that the device did not let go of before, so reset it before they
 * are filled.
 */
int
nic_pci_ready(struct nic_dev *dev)
{
	int ret = acquire(dev);

	return ret < 0 || !dev->port.reach.quarantines ? ret : reset_confirmed(dev);
}

/* ---- the address space ---- */

static int
own_ioas(struct nic_dev *dev, struct baton_ioas_config *config)
{
	const struct dma_reach *reach = &dev->port.reach;

	config->name = dev->port.name;
	config->windows = reach->windows;
	config->n_windows = reach->n_windows;
	dev->pci->owns_ioas = 1;
	return baton_ioas_create(dev->port.ctx, config, &dev->pci->ioas);
}

/*
 * Choose the address space: the one that the context's devices share, or one of the port's own for
 * another backend, for windows, and to be confined.
 */
static int
choose_ioas(struct nic_dev *dev)
{
	struct baton_ctx *ctx = dev->port.ctx;
	struct baton_ioas_config config;
	struct baton_ioas_info info;
	struct baton_ioas *own, *shared;
	int ret;

	baton_ioas_config_init(&config);
	if ((ret = baton_ioas_backend_by_name(dev->pci->ioas_name, &config.backend)) < 0)
		return ret;
	if (dma_reach_own_space(&dev->port.reach))
		return own_ioas(dev, &config);
	if (config.backend == BATON_IOAS_AUTO)
		return baton_ctx_ioas(ctx, &dev->pci->ioas);
	if ((ret = own_ioas(dev, &config)) < 0)
		return ret;
	own = dev->pci->ioas;
	dev->pci->owns_ioas = 0;
	if (baton_ctx_set_ioas(ctx, own) == 0)
		return 0;
	if ((ret = baton_ctx_ioas(ctx, &shared)) < 0) {
		baton_ioas_destroy(own);
		return ret;
	}
	baton_ioas_info(shared, &info);
	if (info.backend != config.backend) {
		dev->pci->owns_ioas = 1;
		return 0;
	}
	dev->pci->ioas = shared;
	return baton_ioas_destroy(own);
}

static void
drop_ioas(struct nic_dev *dev)
{
	if (dev->pci->owns_ioas && dev->pci->ioas && baton_ioas_destroy(dev->pci->ioas) < 0)
		port_log(&dev->port, BATON_LOG_WARN, "%s", baton_last_error());
	dev->pci->owns_ioas = 0;
	dev->pci->ioas = dev->port.reach.ioas = NULL;
}

/*
 * Warn if interrupts are not isolated. An interrupt is a write: without remapping, a device can
 * raise any.
 */
static void
warn_interrupts(const struct nic_dev *dev, const struct baton_ioas_info *info)
{
	if (dev->port.reach.confine && info->unsafe_interrupts)
		port_log(&dev->port, BATON_LOG_WARN,
			 "confined, but interrupts not isolated: allow_unsafe_interrupts is set, "
			 "and without interrupt remapping the device can raise any of the machine");
}

/* Get an address space, and open the device in it. */
static int
enter_space(struct nic_dev *dev)
{
	struct nic_pci *p = dev->pci;
	struct baton_ioas_info info;
	int ret = choose_ioas(dev);

	if (ret < 0) {
		drop_ioas(dev);
		return ret;
	}
	/* FLAT is for tests and emulators, which decide what is behind it. */
	baton_ioas_info(p->ioas, &info);
	p->behind_iommu = info.backend != BATON_IOAS_NOIOMMU && info.backend != BATON_IOAS_FLAT;
	if (dev->port.reach.confine && !p->behind_iommu) {
		ret = baton_err(ENOTSUP,
				"confine=on: nothing keeps device %s from other memory in an "
				"address space of kind %s: use an IOMMU, or leave confine out",
				p->bdf, info.backend_name);
		drop_ioas(dev);
		return ret;
	}
	/* One run of physical addresses. */
	dev->port.reach.page = info.backend == BATON_IOAS_NOIOMMU ? BATON_PAGE_2M : 0;
	dev->port.reach.ioas = p->ioas;
	ret = acquire(dev);
	if (ret < 0) {
		drop_ioas(dev);
		return ret;
	}
	baton_ioas_info(p->ioas, &info);
	snprintf(p->space, sizeof(p->space), "%s", info.backend_name);
	warn_interrupts(dev, &info);
	return 0;
}

int
nic_pci_renew_space(struct nic_dev *dev)
{
	give_back(dev);
	drop_ioas(dev);
	return enter_space(dev);
}

int
nic_pci_open(struct nic_dev *dev, struct nic_pci *pci, const struct port_arg *args, unsigned n)
{
	const char *ioas = port_arg(args, n, "ioas");
	int ret;

	*pci = (struct nic_pci){ .ops = dev->ops->pci, .nic = dev, .change.fd = -1 };
	snprintf(pci->ioas_name, sizeof(pci->ioas_name), "%s", ioas ? ioas : "auto");
	snprintf(pci->bdf, sizeof(pci->bdf), "%.12s", dev->port.name);
	pci->retry.due = on_retry;
	pci->tick.due = on_tick;
	dev->pci = pci;
	ret = enter_space(dev);
	if (ret < 0)
		return ret;
	dev->port.reach.node = dev->port.info.node = (int16_t)pci->dev->info.node;
	port_link(&dev->port, dev->link);
	return 0;
}

int
nic_pci_dev_open(struct nic_dev *dev, const struct port_arg *args, unsigned n)
{
	return nic_pci_open(dev, &dev_of(dev)->pci, args, n);
}

void
nic_pci_close(struct nic_dev *dev)
{
	ctx_timer_cancel(dev->port.ctx, &dev->pci->retry);
	give_back(dev);
	drop_ioas(dev);
}

int
nic_pci_reset(struct nic_dev *dev)
{
	give_back(dev);
	return acquire(dev);
}

/* ---- start and stop ---- */

/*
 * The first vector is for changes of the device, then RX and TX queues have one each, as far as
 * there are enough.
 */
static int
enable_vectors(struct nic_dev *dev)
{
	const struct nic_pci *p = dev->pci;
	const unsigned vectors = p->change.fd < 0 ? 0 : p->dev->n_vectors;
	int fds[1 + 2 * BATON_MAX_QUEUES] = { p->change.fd };
	struct nic_queue *nq;
	unsigned n = 1;

	for (unsigned i = 0; (nq = nic_queue(dev, i)); i++) {
		nq->vector = n < vectors && !(nq->q.tx && p->ops->only_rx_wakes) ? (uint16_t)n : 0;
		if (nq->vector)
			fds[n++] = nq->q.wake_fd;
	}
	return vectors ? pci_msix_enable(p->dev, fds, n) : 0;
}

static int
start_rings(struct nic_dev *dev)
{
	struct nic_queue *nq;
	int ret;

	for (unsigned i = 0; dev->ops->ring_start && (nq = nic_queue(dev, i)); i++)
		if (!nq->q.stopped && (ret = dev->ops->ring_start(dev, nq)) < 0)
			return baton_err_prefix(ret, "%s %u", nq->q.tx ? "txq" : "rxq",
						nq->q.index);
	return 0;
}

static int
bring_up(struct nic_dev *dev)
{
	struct nic_pci *p = dev->pci;
	int ret;

	/* With the reset the device let go of all memory. */
	if ((ret = reset_confirmed(dev)) < 0 || (ret = pci_bus_master(p->dev, true)) < 0 ||
	    (ret = enable_vectors(dev)) < 0)
		return ret;
	if ((p->ops->prepare && (ret = p->ops->prepare(dev)) < 0) || (ret = start_rings(dev)) < 0 ||
	    (ret = p->ops->start(dev)) < 0)
		tell_failed(dev);
	return ret;
}

int
nic_pci_start(struct nic_dev *dev)
{
	int ret = bring_up(dev);
	char why[512];

	if (ret == 0)
		return 0;
	snprintf(why, sizeof(why), "%s", baton_last_error());
	dev->unconfirmed = nic_pci_stop(dev) < 0;
	return baton_err(-ret, "%s", why);
}

/*
 * Make the device let go of all memory. That is confirmed if it says so itself, or its function was
 * reset, or it cannot write to memory any more (a read afterwards confirms that, since it pushes
 * earlier writes).
 */
static int
let_go(struct nic_dev *dev)
{
	struct pci_device *pci = dev->pci->dev;
	int ret = dev->pci->ops->quiesce(dev), off;
	char why[512];

	if (ret < 0)
		snprintf(why, sizeof(why), "%s", baton_last_error());
	off = pci_bus_master(pci, false);
	if (ret < 0 && pci_reset(pci) == 0)
		ret = 0;
	if (ret < 0 && off == 0)
		ret = 0;
	return ret < 0 ? baton_err(-ret, "%s", why) : 0;
}

int
nic_pci_stop(struct nic_dev *dev)
{
	struct nic_pci *p = dev->pci;
	int ret;

	if (!p->dev)
		return 0;
	ret = let_go(dev);
	pci_msix_disable(p->dev);
	if (p->leaving || (ret < 0 && pci_is_dead(p->dev)))
		give_back(dev);
	/*
	 * A device that was removed from the bus writes nothing. If it is still there, the IOMMU
	 * stops it, since it is in no address space now.
	 */
	return !p->dev && p->behind_iommu ? 0 : ret;
}

DRIVER_EXPORT(nic_pci_wait);
DRIVER_EXPORT(nic_pci_args);
DRIVER_EXPORT(nic_pci_check);
DRIVER_EXPORT(nic_pci_xstats);
DRIVER_EXPORT(nic_pci_ready);
DRIVER_EXPORT(nic_pci_renew_space);
DRIVER_EXPORT(nic_pci_open);
DRIVER_EXPORT(nic_pci_dev_open);
DRIVER_EXPORT(nic_pci_close);
DRIVER_EXPORT(nic_pci_reset);
DRIVER_EXPORT(nic_pci_start);
DRIVER_EXPORT(nic_pci_stop);
