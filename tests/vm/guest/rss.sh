# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# QEMU's virtio-net hashes and spreads packets by the key and the table that it is given.
table() { seq 0 127 | sed "s/.*/(&,$1)/" | tr '\n' ','; }
packets_of() { grep -oE "rx_q${1}_?packets: [0-9]+" "$app_log" | tail -n 1 | grep -oE '[0-9]+$'; }
shown() { [ "$(grep -c "rx_q3_*packets" "$app_log")" -ge "$1" ]; }
scenario()
{
	local nic q
	hugepages "$PAGES"
	provoke
	nic=$(nics | head -n 1)
	to_vfio "$nic"
	OPTIONS="$OPTIONS -i"
	app_start macswap "$nic"
	{
		echo "port stop all"
		echo "port config all rss all"
		echo "port config 0 rss reta $(table 2)"
		echo "port start all"
		echo "show port 0 rss-hash key"
		echo "show port 0 rss reta 128 (0x3,0x0)"
		echo "set verbose 1"
		echo "start"
	} >/tmp/commands
	echo "load /tmp/commands" >/tmp/stdin
	must probe 0
	echo "set verbose 0" >/tmp/stdin
	# What came before there was a table was spread by the device's own choice.
	echo "clear port xstats 0" >/tmp/stdin
	must exchange 0 "$FRAMES" && note "$answer"
	echo "show port xstats 0" >/tmp/stdin
	wait_until 5 shown 1
	sleep 0.1
	check "the table is shown" grep -q 'hash index=1, queue=2' "$app_log"
	check "the types are the device's" grep -q '^ *ipv4 *ipv4-tcp *ipv4-udp *ipv6 *ipv6-tcp *ipv6-udp *$' "$app_log"
	check "queue 2 had all packets" [ "$(packets_of 2)" -gt 0 ]
	for q in 0 1 3; do
		check "queue $q had none" [ "$(packets_of $q)" = 0 ]
	done
	check "packets have the device's hash" grep -q 'RSS hash=0x.* - RSS queue=0x2' "$app_log"
	check "and none another queue" [ "$(grep -c 'RSS queue=0x[013]' "$app_log")" = 0 ]
	app_stop
	no_fault
}
