# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# kill -9 under traffic leaves nothing behind that a second start would stumble over.
scenario()
{
	local nic
	hugepages "$PAGES"
	provoke
	nic=$(nics | head -n 1)
	to_vfio "$nic"
	app_start macswap "$nic"
	must probe 0
	must stream 0
	sleep 0.5
	unwatch
	kill -9 "$app_pid"
	wait "$app_pid"
	must quiet 0 && note "frames until then: $answer"
	cat "$app_log"
	app_start macswap "$nic"
	must probe 0 && must exchange 0 "$FRAMES"
	app_stop
	no_fault
}
