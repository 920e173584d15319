// SPDX-License-Identifier: MIT
/*
 * backend_kernel - what backends on a real kernel have in common: the clocks,
 * the immediate calls and random bytes. The functions have the signatures of
 * struct backend_ops.
 */
#ifndef RUNTIME_BACKEND_KERNEL_H
#define RUNTIME_BACKEND_KERNEL_H

#include <time.h>

#include "runtime/backend.h"

/* clock_gettime(2) in nanoseconds. */
int64_t kernel_clock(clockid_t id);

int64_t kernel_now(struct backend *backend, enum clock_id clock);
int64_t kernel_wall(struct backend *backend);
int kernel_sys(struct backend *backend, struct sys_call *call);
/* getrandom(2); aborts where the kernel has no random bytes to give. */
void kernel_random(struct backend *backend, void *buf, size_t len);

#endif
