# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Every word of DEVARGS is a run: frames come back byte for byte, and what the kernel was told to map is what was asked for.
# Packets are bounced in each run but those with bounce=never.

# mapped: START-LAST and rw or r, a line for each mapping. Rings come first.
mapped() { sed -n 's/^map: .* bytes: 0 at //p' "$app_log"; }
# inside START-LAST+...: is each range of standard input in one of these, and is there any?
inside()
{
	local range window n=0
	while read -r range _; do
		n=$((n + 1))
		for window in $(echo "$1" | tr + ' '); do
			if [ $((${range%-*})) -ge $((${window%-*})) ] && [ $((${range#*-})) -le $((${window#*-})) ]; then
				continue 2
			fi
		done
		echo "$range is outside of $1"
		return 1
	done
	[ $n != 0 ]
}
below() { inside "0-$(((1 << $1) - 1))"; }
# argument NAME: of the port, or nothing.
argument() { echo "$DEVARGS" | tr , '\n' | sed -n "s/^$1=//p"; }

check_limits()
{
	local windows data rings
	windows=$(argument window) data=$(argument dma-limit) rings=$(argument ring-limit)
	[ -z "$windows" ] || mapped | check "$DEVARGS: all in the windows" inside "$windows"
	[ -z "$data" ] || mapped | tail -n +2 | check "$DEVARGS: packets below 2^$data" below "$data"
	[ -z "$rings" ] || mapped | head -n 1 | check "$DEVARGS: rings below 2^$rings" below "$rings"
	# Each limit is its own: rings below, packets where there is room.
	[ -z "$rings" ] || [ -n "$data" ] ||
		mapped | tail -n +2 | check "$DEVARGS: packets above 2^$rings" inside "$((1 << rings))-0x7fffffffffffffff"
	# With iommufd the kernel is held to the windows, too.
	[ -z "$windows" ] || [ "$IOAS" != iommufd ] ||
		check "$DEVARGS: allowed" [ "$(sed -n 's/^allow: \(.*\): 0$/\1/p' "$app_log" | tr '\n' +)" = "$windows+" ]
}
told()
{
	local range
	for range in $(mapped | cut -d' ' -f1); do
		grep -q "^baton: .*$range" "$app_log" || return 1
	done
}
check_bounce()
{
	case $DEVARGS in
	*bounce=never*) check "$DEVARGS: rings and pool are mapped" [ "$(mapped | grep -c ' rw$') $(mapped | wc -l)" = '2 2' ] ;;
	*)
		check "$DEVARGS: bounced" grep -q ': pool mb_pool_0 is bounced: ' "$app_log"
		check "$DEVARGS: nothing but rings, RX slots, and TX slots to read" \
			[ "$(mapped | cut -d' ' -f2 | tr '\n' ' ')" = 'rw rw r ' ]
		check "$DEVARGS: the log tells where" told
		;;
	esac
}
check_interrupts()
{
	local n=0
	[ "$(argument confine)" != on ] || [ "$IOMMU" != virtio ] || n=1
	check "interrupts not isolated: $n" [ "$(grep -c 'confined, but interrupts not isolated' "$app_log")" = $n ]
}

scenario()
{
	local nic all=$DEVARGS
	hugepages "$PAGES"
	provoke
	nic=$(nics | head -n 1)
	to_vfio "$nic"
	app_as="env LD_PRELOAD=/lib/maps.so"
	for DEVARGS in $all; do
		app_start macswap "$nic"
		must probe 0 && must exchange 0 "$FRAMES" && note "${DEVARGS#,} $answer"
		app_stop
		check_limits
		check_bounce
		check_interrupts
	done
	no_fault
}
