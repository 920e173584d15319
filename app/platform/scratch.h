// SPDX-License-Identifier: MIT
/*
 * scratch - a private directory for as long as the program runs: for the
 * demonstration's state, and for a certificate that need not be kept.
 *
 * A program that is killed cannot remove its own, so the next one does. To
 * know whether one is still in use each has a file that its program holds
 * locked, which the kernel ends together with the program; directories of
 * that name without such a file, or of other users, are left alone.
 *
 * Uses ordinary file calls, so it belongs before and after a runtime runs.
 */
#ifndef APP_PLATFORM_SCRATCH_H
#define APP_PLATFORM_SCRATCH_H

#define SCRATCH_PATH_MAX 256
/* Directories of killed programs that one start removes at most. */
#define SCRATCH_SWEEP_MAX 64

/* All zero: there is none. */
struct scratch {
	char path[SCRATCH_PATH_MAX];
	int lock; /* a descriptor, open while there is a path */
};

/* Makes an empty directory (but for the file it is locked by) of mode 0700
 * under XDG_RUNTIME_DIR, TMPDIR or /tmp, whichever is set and can be written
 * to first; and removes there what killed programs have left. 0 or a negative
 * errno, that of the last one. */
int scratch_make(struct scratch *scratch);

/* Removes it and all that is in it. Harmless when there is none. */
void scratch_remove(struct scratch *scratch);

#endif
