# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# device_del under traffic: the program hears of it, lives on, ends by itself when told; the device goes.
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
	must qmp device_del '{"id":"nic0"}'
	check "the event is told" wait_until 10 grep -q 'removal event' "$app_log"
	check "the device is gone" wait_until 10 gone "$nic"
	check "the program lives" kill -0 "$app_pid"
	must quiet 0 && note "frames until then: $answer"
	app_stop
	no_fault
}
gone() { [ ! -e "$pci/$1" ]; }
