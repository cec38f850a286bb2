# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Memory of a port lies on its device's node, though the threads run on the other.
free_on() { cat "/sys/devices/system/node/node$1/hugepages/hugepages-2048kB/free_hugepages"; }
scenario()
{
	local nic free0 free1
	hugepages "$PAGES"
	provoke
	nic=$(nics | head -n 1)
	check "the NIC is on node 1" [ "$(cat "$pci/$nic/numa_node")" = 1 ]
	to_vfio "$nic"
	free0=$(free_on 0) free1=$(free_on 1)
	app_start macswap "$nic"
	must probe 0 && must exchange 0 "$FRAMES"
	grep huge "/proc/$app_pid/numa_maps"
	note "pages taken: $((free0 - $(free_on 0))) of node 0, $((free1 - $(free_on 1))) of node 1"
	check "no page of node 0" [ "$(free_on 0)" = "$free0" ]
	check "pages of node 1" [ "$(free_on 1)" -lt "$free1" ]
	app_stop
	no_fault
}
