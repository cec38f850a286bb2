# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# Without hugepages there is one warning, and frames come back.
scenario()
{
	local nic
	provoke
	nic=$(nics | head -n 1)
	to_vfio "$nic"
	app_start macswap "$nic"
	must probe 0 && must exchange 0 "$FRAMES"
	app_stop
	[ "$APP" != baton ] || check "one warning" [ "$(grep -c 'warning.*page' "$app_log")" = 1 ]
	no_fault
}
