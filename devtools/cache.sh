# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Shared by vm-setup and peers-setup: Debian packages that are unpacked into a folder outside the tree and
# not installed. A script sources it after lib.sh and calls cache_open.

note() { printf '   %s\n' "$*" >&2; }

# cache_open NAME: sets cache_name, cache (${XDG_CACHE_HOME:-~/.cache}/baton/NAME), logs and work, a folder of
# this run's own. Several runs at a time are fine: each thing is made under work, and published when it is whole.
cache_open()
{
	cache_name=$1
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/baton/$1
	logs=$BUILD_ROOT/log
	mkdir -p "$cache" "$logs"
	find "$cache" -maxdepth 1 -name 'work.*' -mmin +120 -exec rm -rf {} +
	work=$(mktemp -d "$cache/work.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM HUP
}

# suites [SUITE]...: the lines of a sources.list: this machine's suites, their backports, and the suites named.
suites()
{
	local uri release suite keys=/usr/share/keyrings/debian-archive-keyring.gpg opts=

	[ ! -f "$keys" ] || opts="[signed-by=$keys] "
	# shellcheck disable=SC2016 # apt's own placeholders
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' | sort -u |
		while read -r uri release; do
			case $release in
			*[!a-z-]*) ;;
			*-updates | *-security) echo "deb $opts$uri $release main" ;;
			*-*) ;;
			*)
				for suite in "$release" "$release-backports" "$@"; do
					echo "deb $opts$uri $suite main"
				done
				;;
			esac
		done | sort -u
}

apt_ready=
# apt_private [SUITE]...: lists of packages beside the machine's own, as suites() has them. Once a run.
apt_private()
{
	[ -z "$apt_ready" ] || return 0
	note "$cache_name: fetching lists of packages"
	mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/apt/parts"
	: >"$work/apt/status"
	suites "$@" >"$work/apt/sources.list"
	[ -s "$work/apt/sources.list" ] || die "$cache_name: apt names no Debian suite on this machine"
	cat >"$work/apt/apt.conf" <<-END
		Dir::State "$work/apt";
		Dir::State::lists "$work/apt/lists";
		Dir::State::status "$work/apt/status";
		Dir::Cache "$work/apt/cache";
		Dir::Etc::sourcelist "$work/apt/sources.list";
		Dir::Etc::sourceparts "$work/apt/parts";
		APT::Sandbox::User "root";
	END
	export APT_CONFIG=$work/apt/apt.conf
	quietly "$logs/$cache_name-apt.log" apt-get update ||
		die "$cache_name: the lists of packages cannot be fetched"
	apt_ready=1
}

# newest PATTERN: the newest version of the packages whose whole name matches, as `name version`.
newest()
{
	apt-cache search --names-only "$1" | cut -d' ' -f1 | while read -r name; do
		apt-cache madison "$name" | sed -n '1s/ *| */ /gp'
	done | sed 's/^ *//' | sort -k2,2V | tail -n 1 | cut -d' ' -f1,2
}

# closure PACKAGE...: what these need of all that is not essential or on any machine (libc and the like), as
# name=version lines, themselves included.
closure()
{
	apt-get install -s --no-install-recommends "$@" | sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1=\2/p' |
		grep -Ev '^(libc6|libc-bin|libgcc-s1|gcc-[0-9]*-base|perl.*|dpkg|debconf|tar|bash|passwd|adduser|init.*|systemd.*)='
}

# unpack FOLDER PACKAGE[=VERSION]...
unpack()
{
	local into=$1 deb
	shift
	mkdir -p "$work/debs" "$into"
	(cd "$work/debs" && quietly "$logs/$cache_name-download.log" apt-get download "$@") ||
		die "$cache_name: cannot download $*"
	for deb in "$work"/debs/*.deb; do
		dpkg-deb -x "$deb" "$into"
		rm -f "$deb"
	done
}

# publish FOLDER NAME: put it in its place, unless another run was faster.
publish() { mv -T "$1" "$cache/$2" 2>/dev/null || [ -d "$cache/$2" ] || die "$cache_name: cannot write to $cache"; }

# cached PATTERN: the newest such folder.
cached() { find "$cache" -mindepth 1 -maxdepth 1 -type d -name "$1" ! -name 'work.*' | sort -V | tail -n 1; }
