/* SPDX-License-Identifier: BSD-3-Clause */
/* The files that a command line names: no two of its words may harm each other. */
#ifndef TESTPMD_FILES_H
#define TESTPMD_FILES_H

#include <stdbool.h>

struct options;

/**
 * Compare all files of the command line, before any of them is opened or created: by device and
 * inode, so that links do not hide that two are one. Sets opt->stdin_taken, and sends the tables to
 * standard error if a port writes to standard output. Return: false, and a sentence on stderr.
 */
bool files_check(struct options *opt);

/** The same for a port that comes later: the library compares it with the other ports. */
bool files_check_port(struct options *opt, const char *devargs);

#endif
