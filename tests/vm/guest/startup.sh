# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# A frame a millisecond from the moment a program starts; milliseconds until the first one is back.
rounds=3
# first_packet APP BDF: sets `answer`.
first_packet()
{
	APP=$1
	app_start macswap "$2"
	must probe 0
	kill -INT "$app_pid"
	app_wait
	cat "$app_log"
	check "$1: exit status $app_rc" [ "$app_rc" = 0 ]
}
scenario()
{
	local nic i baton=0 dpdk=0
	hugepages "$PAGES"
	provoke
	nic=$(nics | head -n 1)
	to_vfio "$nic"
	for i in $(seq $rounds); do
		first_packet baton "$nic"
		note "Baton $answer ms"
		baton=$((baton + ${answer%% *}))
		first_packet dpdk "$nic"
		note "DPDK $answer ms"
		dpdk=$((dpdk + ${answer%% *}))
	done
	note "in all: Baton $baton ms, DPDK $dpdk ms"
	no_fault
}
