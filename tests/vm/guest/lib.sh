# shellcheck shell=dash
# SPDX-License-Identifier: BSD-3-Clause
# For the scenarios' scripts in the guest: the control line to the host, VFIO, faults, the application.
# shellcheck disable=SC2154,SC2034 # variables of /scenario

# ---- the control line ----

say() { echo "$*" >&3; }
note() { say "@note $*"; }
# check NAME COMMAND...: one thing that must be so.
check()
{
	local name=$1
	shift
	if "$@"; then
		say "@ok $name"
	else
		say "@not $name"
	fi
}
fail() { say "@not $*"; }
# host VERB...: ask the host; the answer's words are in $answer.
host()
{
	say "@host $*"
	read -r answer <&3
	case $answer in
	ok*) answer=${answer#ok} answer=${answer# } ;;
	*) answer=${answer#error } return 1 ;;
	esac
}
# must VERB...: that the host does it is a check.
must()
{
	if host "$@"; then say "@ok $*"; else say "@not $*: $answer"; return 1; fi
}

# wait_until SECONDS COMMAND...
wait_until()
{
	local n=$(($1 * 20 * SLOW))
	shift
	until "$@"; do
		[ $n -gt 0 ] || return 1
		n=$((n - 1))
		sleep 0.05
	done
}

# ---- devices ----

pci=/sys/bus/pci/devices
# nics: PCI addresses of the network controllers.
nics()
{
	local d
	for d in "$pci"/*; do
		case $(cat "$d/class") in 0x0200*) basename "$d" ;; esac
	done
}
edu_bdf() { basename "$(dirname "$(grep -l 0x11e8 "$pci"/*/device)")"; }

# to_vfio BDF: unbind its driver, bind vfio-pci.
to_vfio()
{
	local d=$pci/$1 driver
	echo vfio-pci >"$d/driver_override"
	[ ! -e "$d/driver" ] || echo "$1" >"$d/driver/unbind"
	echo "$1" >/sys/bus/pci/drivers_probe
	driver=$(readlink "$d/driver")
	echo "$1: driver ${driver##*/}, group $(group_of "$1"), cdev $(ls "$d/vfio-dev" 2>/dev/null)"
	[ "${driver##*/}" = vfio-pci ]
}
group_of() { basename "$(readlink "$pci/$1/iommu_group" 2>/dev/null)"; }
cdev_of() { ls "$pci/$1/vfio-dev"; }

# hugepages SIZE:COUNT or none. 1G pages are reserved on the kernel's command line.
hugepages()
{
	local kb
	case $1 in
	none) return ;;
	1G*) kb=1048576 ;;
	*) kb=2048 ;;
	esac
	echo "${1#*:}" >/sys/kernel/mm/hugepages/hugepages-${kb}kB/nr_hugepages
	mkdir -p /dev/hugepages
	mount -t hugetlbfs -o "pagesize=${1%:*}" h /dev/hugepages
	echo "hugepages of $kb kB: $(cat /sys/kernel/mm/hugepages/hugepages-${kb}kB/nr_hugepages)"
}

# ---- faults ----

fault_lines() { dmesg | grep -E 'DMAR:.*\[DMA |fault from EP|AMD-Vi: Event|IO_PAGE_FAULT'; }
faults() { fault_lines | wc -l; }
more_faults_than() { [ "$(faults)" -gt "$1" ]; }

edu_ioas() { if [ "$IOAS" = iommufd ] && [ -e /dev/iommu ]; then echo iommufd; else echo type1; fi; }
# provoke [full]: let edu write where it may not. The IOMMU is there and says so.
provoke()
{
	local bdf before
	seen_faults=0
	[ "$FAULT" != none ] || return 0
	bdf=$(edu_bdf)
	to_vfio "$bdf" || fail "edu $bdf cannot be bound to vfio-pci"
	before=$(faults)
	check "edu: blocked" edu "$bdf" "$(edu_ioas)" "${1:-fault}"
	[ "$FAULT" = data ] || check "edu: fault logged" wait_until 3 more_faults_than "$((before + ${2:-0}))"
	sleep 0.05
	fault_lines
	seen_faults=$(faults)
}
# no_fault: none since provoke.
no_fault() { check "no other fault" [ "$(faults)" = "$seen_faults" ]; }

# ---- the application ----

# app_command BDF...: sets the arguments of the application as `command`.
app_command()
{
	local bdf
	command="$APP-testpmd -l 0,1 $ENV"
	for bdf in "$@"; do
		if [ "$APP" = baton ]; then
			command="$command -a $bdf${IOAS:+,ioas=$IOAS}$DEVARGS"
		else
			command="$command -a $bdf"
		fi
	done
	if [ "$APP" = dpdk ]; then
		command="$command --no-telemetry"
		case $PAGES in
		none) command="$command --no-huge --no-shconf -m 192" ;;
		*) command="$command --in-memory" ;;
		esac
		command="$command -- --total-num-mbufs=16384"
	else
		command="$command --"
	fi
}

# app_start MODE BDF...: in the background; its output is in "$app_log".
app_log=/tmp/app.log
app_start()
{
	local mode=$1
	shift
	app_command "$@"
	command="$command --forward-mode=$mode $OPTIONS"
	echo "+ $command"
	[ -p /tmp/stdin ] || mkfifo /tmp/stdin
	# shellcheck disable=SC2086
	$app_as $command <>/tmp/stdin >"$app_log" 2>&1 &
	app_pid=$!
	# The host stops waiting for frames when it hears that.
	{ wait_until 60 app_gone && say @gone; } &
	watcher=$!
}
app_as=

# app_stop [STATUS]: by SIGINT; it must end with that status, 0: with all buffers at home.
app_stop()
{
	kill -INT "$app_pid"
	app_wait
	cat "$app_log"
	check "exit status $app_rc" [ "$app_rc" = "${1:-0}" ]
}
app_gone() { ! kill -0 "$app_pid" 2>/dev/null || grep -q '^State:.Z' "/proc/$app_pid/status" 2>/dev/null; }
# unwatch: what the watcher had to say is said, so that the host does not take it for the next program's.
unwatch()
{
	kill "$watcher" 2>/dev/null
	wait "$watcher"
}
app_wait()
{
	wait_until 15 app_gone || { fail "the application does not end"; kill -9 "$app_pid"; }
	app_rc=0
	unwatch
	wait "$app_pid" || app_rc=$?
}
# refused NAME PATTERN BDF: the application ends with an error that matches.
refused()
{
	app_start macswap "$3"
	app_wait
	cat "$app_log"
	check "$1: ends" [ "$app_rc" != 0 ]
	check "$1: names what stands in the way" grep -qiE "$2" "$app_log"
}
