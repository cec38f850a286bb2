# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Frames of the host come back swapped, byte for byte; then everything is given back.
scenario()
{
	local nic
	hugepages "$PAGES"
	provoke
	nic=$(nics | head -n 1)
	to_vfio "$nic" || fail "$nic cannot be bound to vfio-pci"
	app_start macswap "$nic"
	if must probe 0; then
		note "first packet $answer ms"
		must exchange 0 "$FRAMES" && note "$answer"
	fi
	app_stop
	no_fault
}
