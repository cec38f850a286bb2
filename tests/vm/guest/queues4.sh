# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Every queue has a part of the flows, each of which stays in order.
scenario()
{
	local nic q
	hugepages "$PAGES"
	provoke
	nic=$(nics | head -n 1)
	to_vfio "$nic"
	app_start macswap "$nic"
	must probe 0 && must exchange 0 "$FRAMES" && note "$answer"
	app_stop
	for q in 0 1 2 3; do
		grep -q "Queue= *$q" "$app_log" || note "nothing is known of queue $q"
	done
	no_fault
}
