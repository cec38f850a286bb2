# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Two networks, a hub each, with one NIC of each kind. Baton has those of one kind and joins the networks;
# Linux has the others, each in a namespace of its own, so that its packets go through both of Baton's ports.
# shellcheck disable=SC1091
. /guest/reach.sh
. /guest/peers.sh

# ---- the application ----

# tell COMMAND...: lines to the prompt, until it has done them.
tell()
{
	local line
	told=$(answers)
	for line; do echo "$line" >/tmp/stdin; done
	echo "show config txpkts" >/tmp/stdin
	wait_until 30 more_answers_than "$told" || { fail "$kind: no answer to $*" && tail -n 20 "$app_log"; }
}
answers() { grep -c '^Split packet: off' "$app_log"; }
more_answers_than() { [ "$(answers)" -gt "$1" ]; }

# run OPTIONS BDF...: ports that forward, with a prompt.
run()
{
	OPTIONS="$all_options -i --auto-start $1"
	shift
	app_start io "$@"
	wait_until 20 grep -q 'io packet forwarding' "$app_log" || { fail "$kind: it does not forward" && cat "$app_log"; }
	reachable 10 || {
		fail "$kind$DEVARGS: the peers do not reach each other"
		tell "show port xstats all" "show port summary all"
		cat "$app_log"
	}
}
stopped() { app_stop >/tmp/stopped && sed -n '/^+++/,$p' /tmp/stopped; }

# ---- what is shown ----

check_pings()
{
	check "$kind$DEVARGS: ping" ping_right 3 56
	check "$kind$DEVARGS: jumbo frames" ping_right 2 8900
	check "$kind$DEVARGS: VLAN" in_peer left ping -q -c 2 -W 5 10.9.7.2
}
# check_sum MIB ADDRESS: a file by TCP from the left to the right.
check_sum()
{
	local begin
	begin=$(centiseconds)
	check "$kind$DEVARGS: $1 MiB of TCP to $2, equal sums" transfer "$1" "$2"
	note "$kind$DEVARGS $1 MiB in $(($(centiseconds) - begin))0 ms"
}
centiseconds() { cut -d' ' -f1 /proc/uptime | tr -d .; }

key=6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa
flows=12
table() { seq 0 127 | while read -r n; do printf '(%d,%d),' "$n" $((n % queues)); done; }
# check_rss: a SYN of each flow comes to port 0. Each has the hash that the host computes, in the queue that the table says.
check_rss()
{
	local n q hash
	tell "port stop all" "port config all rss tcp" "port config 0 rss-hash-key ipv4-tcp $key" \
		"port config 0 rss reta $(table)" "port start all"
	reachable 10
	tell "set verbose 1"
	: >/tmp/wanted
	for n in $(seq $flows); do
		host hash $key 10.9.0.1 10.9.0.2 $((20000 + 7 * n)) 7 || fail "$kind: hash: $answer"
		echo "RSS hash=$answer - RSS queue=$(printf '0x%x' $(((answer & 127) % queues)))" >>/tmp/wanted
		connect $((20000 + 7 * n))
	done
	tell "set verbose 0"
	grep -o 'RSS hash=.* - RSS queue=0x[0-9a-f]*' "$app_log" | sort -u >/tmp/seen
	sort -u /tmp/wanted >/tmp/expected
	# The other port has the answers, with hashes of a key of its own.
	check "$kind: each of $flows flows has its hash and its queue" [ "$(grep -cxFf /tmp/seen /tmp/expected)" = $flows ]
	[ "$(grep -cxFf /tmp/seen /tmp/expected)" = $flows ] || cat /tmp/seen /tmp/expected
	for q in $(seq 0 $((queues - 1))); do
		check "$kind: queue $q has flows" grep -q "queue=0x$q" /tmp/expected
	done
}

links() { grep -c "link state change event: link is $1" "$app_log"; }
# link_told STATE BEFORE: once more than before.
link_told() { [ "$(links "$1")" -gt "$2" ]; }
# check_link NUMBER: of the NIC of port 0.
check_link()
{
	local state up=false before
	for state in down up; do
		before=$(links $state)
		must qmp set_link "{\"name\":\"nic$1\",\"up\":$up}"
		check "$kind: link $state is told" wait_until 10 link_told $state "$before"
		up=true
	done
	check "$kind: ping, as the link is up" reachable 10
}

# check_resets COUNT: of port 0, while packets come to both.
check_resets()
{
	local begin
	begin=$(centiseconds)
	flood_start
	for n in $(seq "$1"); do
		printf 'port stop 0\nport reset 0\nport start 0\n'
	done >/tmp/commands
	tell "load /tmp/commands"
	flood_stop
	check "$kind: $1 resets in traffic" [ "$(grep -c 'Port 0 is reset' "$app_log")" = "$1" ]
	note "$kind $1 resets in $(($(centiseconds) - begin))0 ms"
	check "$kind: ping after $1 resets" reachable 10
}

# check_unplug NUMBER DRIVER: the NIC of port 0 goes and comes back while packets come.
check_unplug()
{
	local bdf new
	bdf=$(nic "$1")
	flood_start
	must qmp device_del "{\"id\":\"nic$1\"}"
	check "$kind: removal is told" wait_until 10 grep -q 'device removal event' "$app_log"
	check "$kind: the device is gone" wait_until 10 gone "$bdf"
	tell "port close 0" "port detach 0"
	new="{\"driver\":\"$2\",\"id\":\"nic$1\",\"netdev\":\"net$1\",\"mac\":\"52:54:00:00:01:$1\""
	must qmp device_add "$new,\"bus\":\"port$1\",\"romfile\":\"\"}"
	check "$kind: a device is there again" wait_until 10 [ -e "$pci/$bdf/net" ]
	flood_stop
	to_vfio "$bdf"
	tell "stop" "port attach $bdf${IOAS:+,ioas=$IOAS}" "port start 0" "start"
	check "$kind: ping by the new device" reachable 10
}
gone() { [ ! -e "$pci/$1" ]; }

# check_segments MAC HUB NIC: 64 KiB from the virtio port's large receive leave in segments.
check_segments()
{
	local nic
	nic=$(virtio_nic)
	to_vfio "$nic"
	OPTIONS="$all_options -i"
	app_start io "$nic" "$2"
	tell "port stop all" "port config 0 rx_offload tcp_lro on" "port config 1 tx_offload tcp_tso on" "port start all" start
	if host segments 0 1 65000 "$1"; then
		say "@ok $kind: 65000 bytes leave in segments"
		note "$kind $answer"
	else
		case $answer in
		*/dev/net/tun*) note "skipped: $answer" ;;
		*) fail "$kind: 65000 bytes leave in segments: $answer" ;;
		esac
	fi
	stopped
}

# check_reach: two ports of a queue each have what DEVARGS says, and the device may read and write nothing else.
check_reach()
{
	case $DEVARGS in
	*limit=31*) mapped | check "$kind$DEVARGS: everything is mapped below 2^31" inside 0-0x7fffffff ;;
	*)
		check "$kind$DEVARGS: both ports bounce" [ "$(grep -c ': pool mb_pool_0 is bounced: ' "$app_log")" = 2 ]
		check "$kind$DEVARGS: the slots of TX are there to be read only" [ "$(mapped | grep -c ' r$')" = 2 ]
		;;
	esac
}

# ---- a kind ----

# Addresses of the right: in frames of 9000 bytes, and in frames of 1500 with a tag.
untagged=10.9.0.2 tagged=10.9.7.2
# whole LEFT RIGHT DRIVER MIB RESETS
whole()
{
	local left right
	left=$(nic "$1") right=$(nic "$2") DEVARGS=
	run "--mtu=9000 --rxq=$queues --txq=$queues" "$left" "$right"
	check_pings
	check_sum "$4" $untagged
	check_rss
	check_link "$1"
	check_resets "$5"
	check_unplug "$1" "$3"
	check_sum 2 $tagged
	stopped
	check_segments 52:54:00:00:01:99 "$right"
	app_as="env LD_PRELOAD=/lib/maps.so"
	for DEVARGS in ,dma-limit=31,ring-limit=31 ,bounce=always ,confine=on; do
		run --mtu=9000 "$left" "$right"
		check_pings
		check_sum 2 $tagged
		stopped
		check_reach
	done
	DEVARGS='' app_as=''
}

scenario()
{
	all_options=$OPTIONS
	# The long ones once: what they try does not depend on how addresses are mapped.
	if [ "$IOAS" = iommufd ]; then mib=100 resets=100; else mib=8 resets=10; fi
	hugepages "$PAGES"
	provoke
	to_vfio "$(nic 16)" && to_vfio "$(nic 17)"
	must qmp set_link '{"name":"wire0","up":false}'
	must qmp set_link '{"name":"wire1","up":false}'
	peers 18 19
	kind=e1000e queues=2
	whole 16 17 e1000e $mib $resets
	# The kinds change places: what Baton had, Linux drives.
	to_linux "$(nic 16)" && to_linux "$(nic 17)"
	peers_end
	to_vfio "$(nic 18)" && to_vfio "$(nic 19)"
	peers 16 17
	kind=igb queues=4
	whole 18 19 igb $((mib / 8)) $resets
	no_fault
}
