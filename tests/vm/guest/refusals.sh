# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# What cannot be had is refused in words, and what can be had afterwards still can.
# refused NAME PATTERN BDF: the application ends with an error that matches.
refused()
{
	app_start macswap "$3"
	app_wait
	cat "$app_log"
	check "$1: ends" [ "$app_rc" != 0 ]
	check "$1: names what stands in the way" grep -qiE "$2" "$app_log"
}
scenario()
{
	local first
	hugepages "$PAGES"
	provoke
	ls -d /sys/kernel/iommu_groups/*/devices/0000:00:0[34]*
	refused "no such device" 'no PCI device 0000:00:1e.0' 0000:00:1e.0
	refused "not an address" '00:zz' 00:zz.0
	refused "another driver" 'virtio-pci.*(driver_override|driverctl|dpdk-devbind|vfio-pci)' 0000:00:03.0
	to_vfio 0000:00:03.0
	[ "$(group_of 0000:00:03.0)" != "$(group_of 0000:00:03.1)" ] ||
		refused "its group holds another" '0000:00:03\.1' 0000:00:03.0
	to_vfio 0000:00:03.1
	to_vfio 0000:00:04.0
	refused "would bypass the IOMMU" 'ACCESS_PLATFORM|iommu_platform' 0000:00:04.0
	app_start macswap 0000:00:03.0
	must probe 0
	first=$app_pid
	app_log=/tmp/second.log
	refused "open elsewhere" 'busy|another|elsewhere|in use|already' 0000:00:03.0
	app_log=/tmp/app.log app_pid=$first
	must exchange 0 "$FRAMES"
	app_stop
	no_fault
}
