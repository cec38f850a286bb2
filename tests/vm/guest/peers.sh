# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Linux's ends of two networks that Baton joins: a NIC each, in a namespace each, 10.9.0.1 on the left and
# 10.9.0.2 on the right; with tag 7, 10.9.7.1 and 10.9.7.2.

# nic SLOT: the PCI address of the device below a root port.
nic() { basename "$pci/0000:00:$1.0"/0000:??:??.?; }
virtio_nic() { basename "$(dirname "$(grep -l 0x1af4 "$pci"/*/vendor | head -n 1)")"; }

# to_linux BDF: back to the kernel's own driver.
to_linux()
{
	echo >"$pci/$1/driver_override"
	echo "$1" >"$pci/$1/driver/unbind"
	echo "$1" >/sys/bus/pci/drivers_probe
	wait_until 10 [ -e "$pci/$1/net" ] || fail "$1: Linux does not drive it any more"
}

# in_peer SIDE COMMAND...
in_peer()
{
	local pid
	eval "pid=\$peer_$1"
	shift
	nsenter -n"/proc/$pid/ns/net" "$@"
}

# peers LEFT RIGHT: slots of the NICs.
peers()
{
	unshare -n sleep 100000 &
	peer_left=$!
	unshare -n sleep 100000 &
	peer_right=$!
	wait_until 5 apart
	peer left 1 "$1" 2
	peer right 2 "$2" 1
}
apart()
{
	[ "$(readlink /proc/"$peer_left"/ns/net)" != "$(readlink /proc/self/ns/net)" ] &&
		[ "$(readlink /proc/"$peer_right"/ns/net)" != "$(readlink /proc/self/ns/net)" ]
}
# peer SIDE NUMBER SLOT OTHER
peer()
{
	local name pid
	name=$(ls "$pci/$(nic "$3")/net")
	eval "pid=\$peer_$1"
	ip link set dev "$name" netns "$pid"
	in_peer "$1" sh -e -c "
		echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
		echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
		ip link set dev $name mtu 9000 up
		vconfig add $name 7 >/dev/null
		ip link set dev $name.7 mtu 1500 up
		ip addr add 10.9.0.$2/24 dev $name
		ip addr add 10.9.7.$2/24 dev $name.7
		echo $1 is $name" || fail "$1: Linux's NIC in slot $3 is not set up"
}
# peers_end: their NICs come back to the first namespace.
peers_end()
{
	kill "$peer_left" "$peer_right"
	wait "$peer_left" "$peer_right"
	sleep 0.2
}

# ping_right COUNT SIZE: all are answered.
ping_right() { in_peer left ping -c "$1" -s "$2" -W 5 10.9.0.2 | tee /dev/console | grep -q ' 0% packet loss'; }
one_ping() { in_peer left ping -q -c 1 -W 1 10.9.0.2 >/dev/null; }
# reachable SECONDS: the right from the left.
reachable()
{
	local end
	end=$(($(uptime_s) + $1 * SLOW))
	until one_ping; do
		[ "$(uptime_s)" -lt $end ] || return 1
	done
}
uptime_s() { cut -d. -f1 /proc/uptime; }

# transfer MIB ADDRESS: random bytes by TCP from left to right; are the sums of both ends equal?
transfer()
{
	local receiver
	dd if=/dev/urandom of=/tmp/sent bs=1M count="$1" 2>/dev/null
	# What nc reads never ends: at an end it would say so, and the other nc would end early.
	[ -p /tmp/silence ] || mkfifo /tmp/silence
	in_peer right timeout $((100 * SLOW)) nc -l -p 5001 <>/tmp/silence | sha256sum >/tmp/sum.right &
	receiver=$!
	wait_until 5 in_peer right sh -c "netstat -ltn | grep -q :5001"
	in_peer left timeout $((100 * SLOW)) nc "$2" 5001 </tmp/sent
	sha256sum </tmp/sent >/tmp/sum.left
	wait $receiver
	echo "$1 MiB: $(head -c 16 /tmp/sum.left)... $(head -c 16 /tmp/sum.right)..."
	cmp /tmp/sum.left /tmp/sum.right
}

# connect PORT: from this port of the left to where nobody listens on the right.
connect()
{
	in_peer left sh -c "cd /proc/sys/net/ipv4
		echo $1 $1 >ip_local_port_range
		timeout 5 nc 10.9.0.2 7
		echo 32768 60999 >ip_local_port_range" 2>/dev/null
}

# flood_start, flood_stop: pings of several sizes, faster than they are answered.
flood_start()
{
	local size
	flooding=
	for size in 56 500 1400 4000; do
		nsenter -n"/proc/$peer_left/ns/net" ping -q -s $size -i 0.002 10.9.0.2 >/dev/null &
		flooding="$flooding $!"
	done
}
flood_stop()
{
	# shellcheck disable=SC2086
	kill $flooding
	# shellcheck disable=SC2086
	wait $flooding
}
