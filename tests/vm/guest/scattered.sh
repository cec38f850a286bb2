# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Physical addresses: buffers on several hugepages, which do not follow one another, are bounced by themselves; nothing can be confined.
scenario()
{
	local nic i
	hugepages "$PAGES"
	# By chance they may follow one another: of all that there are, every other one is held.
	for i in $(seq "${PAGES#*:}"); do
		fallocate -l 2097152 "/dev/hugepages/$i"
	done
	for i in $(seq 1 2 "${PAGES#*:}"); do
		rm "/dev/hugepages/$i"
	done
	nic=$(nics | head -n 1)
	to_vfio "$nic"
	DEVARGS=,confine=on
	refused "confined" "confine=on: nothing keeps device $nic from other memory .* noiommu: use an IOMMU" "$nic"
	DEVARGS=,bounce=never
	refused "bounce=never" 'bounce=never: .*mb_pool_0.* do not follow one another in physical memory' "$nic"
	DEVARGS=
	app_start macswap "$nic"
	must probe 0 && must exchange 0 "$FRAMES" && note "$answer"
	app_stop
	check "nothing is said to be read only, which nobody would enforce" [ "$(grep -c 'read only' "$app_log")" = 0 ]
	check "bounced by itself" grep -q 'pool mb_pool_0 is bounced: .*physical memory' "$app_log"
}
