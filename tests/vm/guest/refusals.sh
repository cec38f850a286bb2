# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# What cannot be had is refused in words, and what can be had afterwards still can.

# stale_nodes BDF: a node that is missing, is another device, or is none.
stale_nodes()
{
	local node number
	if [ "$IOAS" = iommufd ]; then
		node=/dev/vfio/devices/$(cdev_of "$1")
		number=$(cat "/sys/bus/pci/devices/$1/vfio-dev/$(cdev_of "$1")/dev")
	else
		node=/dev/vfio/$(group_of "$1")
		number=$(cat "/sys/class/vfio/$(group_of "$1")/dev")
	fi
	rm "$node"
	refused "a missing node" "mknod -m 600 $node c ${number%:*} ${number#*:}" "$1"
	mknod "$node" c 1 3
	refused "a node of another device" "$node is the device 1:3.*kernel's number is $number" "$1"
	rm "$node"
	: >"$node"
	refused "a file for a node" "$node is a regular file.*$number" "$1"
	rm "$node"
	mknod -m 600 "$node" c "${number%:*}" "${number#*:}"
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
	check "3.0 and 3.1 share a group" [ "$(group_of 0000:00:03.0)" = "$(group_of 0000:00:03.1)" ]
	refused "its group holds another" '0000:00:03\.1' 0000:00:03.0
	to_vfio 0000:00:03.1
	DEVARGS=,confine=on
	refused "confined beside another" 'shares its IOMMU group [0-9]+ with 0000:00:03\.1 \(vfio-pci\).*03\.1/remove' 0000:00:03.0
	DEVARGS=
	to_vfio 0000:00:04.0
	stale_nodes 0000:00:04.0
	refused "would bypass the IOMMU" 'ACCESS_PLATFORM|iommu_platform' 0000:00:04.0
	app_start macswap 0000:00:03.0
	must probe 0
	first=$app_pid
	app_log=/tmp/second.log
	refused "open elsewhere" 'busy|another|elsewhere|in use|already' 0000:00:03.0
	app_log=/tmp/app.log app_pid=$first
	must exchange 0 "$FRAMES"
	app_stop
	# What the sentence says to do.
	echo 1 >/sys/bus/pci/devices/0000:00:03.1/remove
	DEVARGS=,confine=on
	app_start macswap 0000:00:03.0
	must probe 0
	app_stop
	no_fault
}
