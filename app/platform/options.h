// SPDX-License-Identifier: MIT
/*
 * options - the command line of molecule-platform.
 */
#ifndef APP_PLATFORM_OPTIONS_H
#define APP_PLATFORM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "app/platform/platform.h"

#define OPTIONS_HOST_MAX 64
#define OPTIONS_DIR_MAX 512
#define OPTIONS_GO_ON (-1) /* no exit code: nothing stands against it */
#define OPTIONS_EXIT_USAGE 2

/* What was asked for; texts are those of argv. `platform` lacks host and
 * tls. */
struct options {
	char host[OPTIONS_HOST_MAX];
	struct platform_options platform;
	const char *seed, *mcp;	     /* NULL: not given */
	uint32_t workspaces;	     /* to be made */
	const char *workspaces_file; /* to be written; NULL: none */
	const char *chain, *key;     /* of a certificate; NULL: none given */
	bool own;		   /* https with a certificate made here … */
	char dir[OPTIONS_DIR_MAX]; /* … and kept there; "": not kept */
	bool demo;
};

/* Fills in what is asked for, and says what is wrong on stderr. Returns
 * OPTIONS_GO_ON, or the code to exit with: after --help and --version, which
 * have printed what they should, or for a mistake. */
int options_read(struct options *options, int argc, char **argv);

/* Says a line on stderr, after the program's name. */
void options_complain(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

#endif
