# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Packets sent first go round between two NICs on a hub. Baton and DPDK in turn, on the same NICs.
pairs=5
seconds=1
# packets: of the last run, from its accumulated statistics.
packets() { sed -n '/Accumulated/,$ s/.*RX-total: *\([0-9]*\).*/\1/p' "$app_log" | head -n 1; }
hundredths() { printf %d.%02d $(($1 / 100)) $(($1 % 100)); }
centiseconds() { cut -d' ' -f1 /proc/uptime | tr -d .; }
# at_work: more to be said of a program that forwards.
at_work() { :; }
# go_round APP BDF...: sets `count`, packets, and `rate`, those a second.
go_round()
{
	local begin
	APP=$1
	shift
	app_start io "$@"
	wait_until 15 grep -q 'io packet forwarding' "$app_log" || fail "$APP does not forward"
	begin=$(centiseconds)
	at_work
	sleep $seconds
	kill -INT "$app_pid"
	begin=$(($(centiseconds) - begin))
	app_wait
	cat "$app_log"
	check "$APP: exit status $app_rc" [ "$app_rc" = 0 ]
	count=$(packets)
	rate=$((${count:-0} * 100 / begin))
	echo "$APP: $rate packets/s"
}
scenario()
{
	local n i baton ratios=''
	hugepages "$PAGES"
	provoke
	for n in $(nics); do to_vfio "$n"; done
	OPTIONS="--tx-first"
	for i in $(seq $pairs); do
		# shellcheck disable=SC2046
		go_round baton $(nics)
		baton=$rate
		# shellcheck disable=SC2046
		go_round dpdk $(nics)
		[ "$rate" != 0 ] || rate=1
		ratios="$ratios $((baton * 100 / rate))"
		echo "pair $i: $baton to $rate packets/s"
	done
	# The machine sets the pace and its noise; what holds it is the row's history.
	# shellcheck disable=SC2046,SC2086
	set -- $(printf '%s\n' $ratios | sort -n)
	note "$SCENARIO: $(hundredths "$3") of DPDK, median of $# pairs from $(hundredths "$1") to $(hundredths "$5")"
	no_fault
}
