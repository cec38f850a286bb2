# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Packets sent first go round between two NICs on a hub: the next burst is there when the last is sent. Baton and DPDK
# in turn, each for a short and a long time, between marks for count_plugin.c: what is beside the bursts is the same in both.
# shellcheck disable=SC1091
. /guest/speed.sh
at_work() { sed -n 's/^\([0-9a-f-]*\) r-xp .*\/\(.*\)/map \2 \1/p' "/proc/$app_pid/maps"; }
scenario()
{
	local n app
	echo 0 >/proc/sys/kernel/randomize_va_space
	hugepages "$PAGES"
	provoke
	for n in $(nics); do to_vfio "$n"; done
	OPTIONS="--tx-first"
	for app in baton dpdk; do
		for seconds in 1 4; do
			mark
			# shellcheck disable=SC2046
			go_round "$app" $(nics)
			mark
			echo "counted $app: $count packets"
		done
	done
	no_fault
}
