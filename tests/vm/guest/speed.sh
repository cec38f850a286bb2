# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Packets sent first go round between two NICs on a hub. Baton and DPDK in turn, on the same NICs.
pairs=3
# total: packets of the last run, from its accumulated statistics.
total() { sed -n '/Accumulated/,$ s/.*RX-total: *\([0-9]*\).*/\1/p' "$app_log" | head -n 1; }
# go_round APP BDF...: kpps.
go_round()
{
	APP=$1
	shift
	app_start io "$@"
	wait_until 10 grep -q 'Press enter\|forwarding - ports=\|io packet forwarding' "$app_log"
	sleep 2
	kill -INT "$app_pid"
	app_wait
	cat "$app_log"
	check "$APP: exit status $app_rc" [ "$app_rc" = 0 ]
	rate=$(total)
	rate=$((${rate:-0} / 2000))
	echo "$APP: $rate kpps"
}
scenario()
{
	local n i
	hugepages "$PAGES"
	provoke
	for n in $(nics); do to_vfio "$n"; done
	OPTIONS="--tx-first --auto-start"
	for i in $(seq $pairs); do
		# shellcheck disable=SC2046
		go_round baton $(nics); baton=$rate
		# shellcheck disable=SC2046
		go_round dpdk $(nics)
		note "Baton $baton kpps, DPDK $rate kpps"
	done
	no_fault
}
