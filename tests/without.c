// SPDX-License-Identifier: MIT
/*
 * without WHAT COMMAND...: becomes COMMAND in a system that refuses WHAT
 * (refuse.h). Exit code 77 when this system cannot be made to.
 */
#include <stdio.h>
#include <unistd.h>

#include "tests/refuse.h"

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: without WHAT COMMAND...\n", stderr);
		return 2;
	}
	if (refuse(argv[1])) {
		perror(argv[1]);
		return 77;
	}
	if (access(".", R_OK | X_OK) != 0 || access(argv[2], X_OK) != 0) {
		perror(argv[2]);
		return 77;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 78;
}
