# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# A pool of 1 GiB on pages of 2 MiB is one mapping.
large() { awk '/^map: / && $2 >= 1024 * 1024 * 1024 && $4 == 0 { n++ } END { print n + 0 }' "$app_log"; }
calls() { grep -c '^map: ' "$app_log"; }
scenario()
{
	local nic
	hugepages "$PAGES"
	provoke
	nic=$(nics | head -n 1)
	to_vfio "$nic"
	app_as="env LD_PRELOAD=/lib/maps.so"
	app_start macswap "$nic"
	must probe 0 && must exchange 0 "$FRAMES"
	app_stop
	note "$(calls) calls to map"
	check "one mapping of 1 GiB" [ "$(large)" = 1 ]
	check "few others" [ "$(calls)" -le 4 ]
	no_fault
}
