# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# A user who owns the nodes: refused with numbers under a small RLIMIT_MEMLOCK, served under one that is enough.
nodes()
{
	if [ "$IOAS" = iommufd ]; then
		echo /dev/iommu "/dev/vfio/devices/$(cdev_of "$1")"
	else
		echo /dev/vfio/vfio "/dev/vfio/$(group_of "$1")"
	fi
}
# limited KIB: the next application runs as the user under this limit.
limited()
{
	printf '#!/bin/sh\nulimit -l %s\nexec su -s /bin/sh user -c "exec $*"\n' "$1" >/tmp/as-user
	chmod 755 /tmp/as-user
	app_as=/tmp/as-user
}
scenario()
{
	local nic n
	hugepages "$PAGES"
	provoke
	nic=$(nics | head -n 1)
	to_vfio "$nic"
	limited 8192
	app_start macswap "$nic"
	app_wait
	cat "$app_log"
	check "no permission is refused" [ "$app_rc" != 0 ]
	check "the refusal names the node" grep -q "/dev/\(vfio\|iommu\)" "$app_log"
	for n in $(nodes "$nic"); do
		chown user "$n"
		chmod 600 "$n"
	done
	app_start macswap "$nic"
	app_wait
	cat "$app_log"
	check "8 MiB are refused" [ "$app_rc" != 0 ]
	check "the refusal names the limit" grep -qE 'RLIMIT_MEMLOCK|memlock|ulimit -l' "$app_log"
	check "the refusal names 8 MiB" grep -qE '(^|[^0-9])(8 MiB|8192 KiB|8388608)' "$app_log"
	limited 524288
	app_start macswap "$nic"
	must probe 0 && must exchange 0 "$FRAMES"
	check "it runs as the user" grep -q '^Uid:.1000' "/proc/$app_pid/status"
	app_stop
	no_fault
}
