# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Shared by the scripts beside it: packages, hugepages, builds, processes, output.
# A script sources it after `set -euo pipefail`.

SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD_ROOT=${BATON_BUILD_DIR:-$SRC/build}
export LC_ALL=C.UTF-8

section() { printf '\n== %s\n' "$*"; }
note() { printf '   %s\n' "$*"; }
die()
{
	printf 'error: %s\n' "$*" >&2
	exit 1
}

need_root() { [ "$(id -u)" = 0 ] || die "$(basename "$0") must run as root"; }

# quietly LOG COMMAND...: the output goes to LOG and is shown only when the command fails.
quietly()
{
	local log=$1 rc=0
	shift
	mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1 || rc=$?
	if [ "$rc" != 0 ]; then
		printf '   failed (%s): %s\n' "$rc" "$*" >&2
		tail -n "${QUIET_TAIL:-60}" "$log" | sed 's/^/   | /' >&2
	fi
	return "$rc"
}

# ---- packages ----

# shellcheck disable=SC2034 # used by the scripts
PKGS_BUILD=(meson ninja-build pkg-config gcc libc6-dev dpkg-dev libnuma-dev libhugetlbfs-dev
	libedit-dev libjansson-dev)
# shellcheck disable=SC2034
PKGS_PEER=(dpdk-dev python3 iproute2 ethtool procps)
# shellcheck disable=SC2034
PKGS_TEST=(libcmocka-dev libpcap-dev tcpdump tcpreplay iproute2 g++ clang clang-format libclang-rt-14-dev binutils libdpdk-dev valgrind doxygen man-db mandoc
	cmake make abigail-tools iputils-ping python3-scapy python3-jsonschema nodejs
	gcc-s390x-linux-gnu libc6-dev-s390x-cross)
# shellcheck disable=SC2034
PKGS_BENCH=(libcmocka-dev g++ libdpdk-dev libbenchmark-dev libck-dev valgrind)

# shellcheck disable=SC2034 # the last ones build the kernel
PKGS_VM=(python3 qemu-system-x86 seabios ipxe-qemu busybox-static kmod xz-utils lz4 make flex bison bc libelf-dev
	dpdk-dev)

# install_packages PACKAGE...: by apt-get, only what is missing.
install_packages()
{
	local p missing=()

	for p in "$@"; do
		if [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" != installed ]; then
			missing+=("$p")
		fi
	done
	if [ ${#missing[@]} = 0 ]; then
		note "packages: all $# are there"
		return
	fi
	need_root
	note "packages: installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	quietly "$BUILD_ROOT/log/apt-update.log" apt-get update ||
		die "apt-get update failed"
	quietly "$BUILD_ROOT/log/apt-install.log" \
		apt-get install -y --no-install-recommends "${missing[@]}" ||
		die "the packages could not be installed"
}

# ---- hugepages ----

# need_hugepages N: have at least N free 2 MiB pages.
need_hugepages()
{
	local want=$1 dir=/sys/kernel/mm/hugepages/hugepages-2048kB free total

	if ! [ -r $dir/free_hugepages ]; then
		note "hugepages: this kernel has none of 2 MiB; 4 KiB pages are used"
		return 1
	fi
	free=$(<$dir/free_hugepages)
	total=$(<$dir/nr_hugepages)
	if [ "$free" -ge "$want" ]; then
		note "hugepages: $free of 2 MiB are free, $want are needed"
		return
	fi
	if ! { echo $((total + want - free)) >$dir/nr_hugepages; } 2>/dev/null &&
	   ! { echo $((total + want - free)) >/proc/sys/vm/nr_hugepages; } 2>/dev/null; then
		note "hugepages: $free of 2 MiB are free, $want are needed, and the number cannot be set"
		return 1
	fi
	free=$(<$dir/free_hugepages)
	note "hugepages: raised from $total to $(<$dir/nr_hugepages) of 2 MiB; $free are free now"
	if [ "$free" -lt "$want" ]; then
		note "hugepages: the kernel did not find $want free ones; memory is short or fragmented"
		return 1
	fi
}

# ---- builds ----

# configure NAME OPTION...: $BUILD_ROOT/NAME, set up or brought up to these options. NAME "" is the release build. A folder that is there keeps
# the options that are not named.
configure()
{
	local name=$1 dir log
	shift
	dir=$BUILD_ROOT${name:+/$name}
	log=$BUILD_ROOT/log/meson-${name:-release}.log
	if [ -f "$dir/build.ninja" ]; then
		quietly "$log" meson setup --reconfigure "$dir" "$SRC" "$@"
	else
		quietly "$log" meson setup "$dir" "$SRC" "$@"
	fi
}

# compile NAME [TARGET...]
compile()
{
	local name=$1
	shift
	quietly "$BUILD_ROOT/log/build-${name:-release}.log" \
		ninja -C "$BUILD_ROOT${name:+/$name}" "$@"
}

# ---- processes ----

# beside COMMAND...: in the background, as a process group of its own; $! is its leader. With `wait $!` it is in the foreground,
# but a signal to the script ends the wait at once.
beside()
{
	set -m
	"$@" </dev/null &
	set +m
}

# end_groups: what `beside` began and is still there; ask, wait, insist.
end_groups()
{
	local pid pids i

	pids=$(jobs -rp)
	for pid in $pids; do
		kill -TERM -- "-$pid" 2>/dev/null || true
	done
	for pid in $pids; do
		for ((i = 0; i < 100; i++)); do
			kill -0 -- "-$pid" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL -- "-$pid" 2>/dev/null || true
	done
}

# each COMMAND NAME...: with each of the names, as many at a time as there are processors. Without jobs beside it.
each()
{
	local name command=$1

	shift
	for name in "$@"; do
		while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
			wait -n || true
		done
		"$command" "$name" &
	done
	wait
}

# idle COMMAND...: gets what processors have left.
idle()
{
	if chrt --idle 0 true 2>/dev/null; then
		chrt --idle 0 "$@"
	else
		nice -n 19 "$@"
	fi
}

# stop_process PID: ask, wait, insist.
stop_process()
{
	local pid=$1 i

	kill -INT "$pid" 2>/dev/null || return 0
	for ((i = 0; i < 50; i++)); do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -KILL "$pid" 2>/dev/null || true
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for()
{
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.1
	done
}

# ---- the peer: dpdk-testpmd serving the device side of a vhost-user socket ----

# Memory for DPDK: no files left behind, one region; without hugepages plain pages do for the device side.
peer_memory()
{
	if [ "$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 2>/dev/null || echo 0)" -ge 128 ]; then
		echo --in-memory --single-file-segments -m 256
	else
		echo --no-huge --no-shconf -m 256
	fi
}

# peer_start LOG OPTION...: testpmd on core 0, commanded through fd 9. Sets PEER_PID. It has two forwarding
# threads there, for --nb-cores=2: with one for both directions, a full ring each way is a deadlock.
peer_start()
{
	local log=$1 fifo
	shift
	fifo=$(mktemp -u)
	mkfifo "$fifo"
	# shellcheck disable=SC2046
	stdbuf -oL dpdk-testpmd --lcores '0@0,1@0,2@0' --no-pci --no-telemetry $(peer_memory) "$@" <"$fifo" >"$log" 2>&1 &
	PEER_PID=$!
	exec 9>"$fifo"
	rm -f "$fifo"
	PEER_LOG=$log
	PEER_SEEN=1
	peer_says 'testpmd>' || die "the peer did not start; its log ends with
$(tail -n 20 "$log")"
}

# peer_says PATTERN [SECONDS]: since the last command.
peer_says() { wait_for "${2:-20}" peer_said_or_gone "$1" && peer_said "$1"; }
peer_said_or_gone() { peer_said "$1" || peer_gone; }
peer_said() { tail -n "+$PEER_SEEN" "$PEER_LOG" | grep -q "$1"; }

# peer COMMAND [PATTERN]: and wait for the answer.
peer()
{
	PEER_SEEN=$(($(wc -l <"$PEER_LOG") + 1))
	echo "$1" >&9
	[ -z "${2:-}" ] || peer_says "$2" || die "the peer did not answer '$1' with '$2'"
}

# peer_count PORT NAME: a counter of `show port stats`, as RX-packets.
peer_count()
{
	peer "show port stats $1" Tx-pps
	tail -n "+$PEER_SEEN" "$PEER_LOG" | grep -o "$2: *[0-9]*" | tail -n 1 | grep -o '[0-9]*$'
}

# peer_stop: tell it to quit; it flushes its capture.
peer_stop()
{
	[ -n "${PEER_PID:-}" ] || return 0
	echo quit >&9 2>/dev/null || true
	exec 9>&-
	wait_for 5 peer_gone || kill -KILL "$PEER_PID" 2>/dev/null || true
	wait "$PEER_PID" 2>/dev/null || true
	PEER_PID=
}
peer_gone() { ! kill -0 "$PEER_PID" 2>/dev/null; }
