# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# edu in the port's own address space. Each word of DEVARGS is a run, confined where it says confine=on; frames come back all the while.
program_gone() { grep -q '^done' "$app_log" || app_gone; }
attack()
{
	local how=direct
	case $DEVARGS in *confine=on*) how=confined ;; esac
	[ -p /tmp/stdin ] || mkfifo /tmp/stdin
	intruder "$1,ioas=$IOAS$DEVARGS" "$2" $how <>/tmp/stdin >"$app_log" 2>&1 &
	app_pid=$!
	{ wait_until 60 app_gone && say @gone; } &
	watcher=$!
	if must probe 0 && must stream 0; then
		echo go >/tmp/stdin
		wait_until 30 program_gone
		must quiet 0 && note "$how: frames meanwhile: $answer"
		must exchange 0 "$FRAMES"
	fi
	app_stop
	check "$how: all was tried" grep -q '^done, 0 wrong' "$app_log"
	grep '^intruder:.*WRONG' "$app_log" | while read -r line; do fail "$line"; done
}
# Nobody else had a fault; how many edu's are, the program has looked at one by one.
others() { fault_lines | grep -cv "Request device \[${1#0000:}\]"; }
scenario()
{
	local nic edu all=$DEVARGS
	hugepages "$PAGES"
	provoke
	edu=$(edu_bdf)
	nic=$(nics | head -n 1)
	to_vfio "$nic"
	for DEVARGS in $all; do
		attack "$nic" "$edu"
	done
	check "no fault of another device" [ "$(others "$edu")" = 0 ]
}
