# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Every queue has a part of the flows, each of which stays in order.
busy_queues() { grep -cE 'rx_q[0-3]_?packets: [1-9]' "$app_log"; }
scenario()
{
	local nic
	hugepages "$PAGES"
	provoke
	nic=$(nics | head -n 1)
	to_vfio "$nic"
	OPTIONS="$OPTIONS -i --auto-start"
	app_start macswap "$nic"
	must probe 0 && must exchange 0 "$FRAMES" && note "$answer"
	echo "show port xstats 0" >/tmp/stdin
	wait_until 5 grep -q 'rx_q3_*packets' "$app_log"
	sleep 0.1
	note "$(busy_queues) queues had packets"
	check "all queues had packets" [ "$(busy_queues)" = 4 ]
	app_stop
	no_fault
}
