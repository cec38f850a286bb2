# shellcheck shell=dash disable=SC2154,SC2034
# SPDX-License-Identifier: BSD-3-Clause
# The edu device alone.
scenario()
{
	provoke full 1
}
