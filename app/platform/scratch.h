// SPDX-License-Identifier: MIT
/*
 * scratch - a private directory for the length of a demonstration.
 *
 * Uses ordinary file calls, so it belongs before and after a runtime runs.
 */
#ifndef APP_PLATFORM_SCRATCH_H
#define APP_PLATFORM_SCRATCH_H

#define SCRATCH_PATH_MAX 256

/* Makes an empty directory of mode 0700 under TMPDIR or /tmp. 0 or a negative
 * errno. */
int scratch_make(char path[SCRATCH_PATH_MAX]);

/* Removes it and all that is in it. Harmless when path is "". */
void scratch_remove(const char *path);

#endif
