# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# The page of 1 GiB is taken, frames come back.
free_1g() { cat /sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages; }
scenario()
{
	local nic
	hugepages "$PAGES"
	check "a page of 1 GiB" [ "$(free_1g)" = 1 ]
	provoke
	nic=$(nics | head -n 1)
	to_vfio "$nic"
	app_start macswap "$nic"
	must probe 0 && must exchange 0 "$FRAMES"
	check "it is taken" [ "$(free_1g)" = 0 ]
	app_stop
	check "it is given back" [ "$(free_1g)" = 1 ]
	no_fault
}
