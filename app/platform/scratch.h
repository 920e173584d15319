// SPDX-License-Identifier: MIT
/*
 * scratch - a private directory for as long as the program runs: for the
 * demonstration's state, and for a certificate that need not be kept.
 *
 * Uses ordinary file calls, so it belongs before and after a runtime runs.
 */
#ifndef APP_PLATFORM_SCRATCH_H
#define APP_PLATFORM_SCRATCH_H

#define SCRATCH_PATH_MAX 256

/* Makes an empty directory of mode 0700 under XDG_RUNTIME_DIR, TMPDIR or /tmp,
 * whichever is set and can be written to first. 0 or a negative errno, that of
 * the last one. */
int scratch_make(char path[SCRATCH_PATH_MAX]);

/* Removes it and all that is in it. Harmless when path is "". */
void scratch_remove(const char *path);

#endif
