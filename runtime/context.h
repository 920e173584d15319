// SPDX-License-Identifier: MIT
/*
 * context - the register switch under tasks.
 *
 * A context that does not run is a stack pointer: everything else it needs is
 * on its stack. Only the registers that a called function must preserve are
 * saved (System V AMD64 psABI 3.2.1; AAPCS64 6.1); the floating-point control
 * words are taken to be the same everywhere and are left alone. The switch
 * ends in `ret`, so that the processor's return predictor stays in step when
 * all contexts suspend in one place (task.c: sched_suspend).
 */
#ifndef RUNTIME_CONTEXT_H
#define RUNTIME_CONTEXT_H

/* Saves the running context in *save and goes on with `load`, a value that
 * context_make or an earlier switch produced. Returns when something switches
 * back to *save. */
void context_switch(void **save, void *load);

/* Prepares a context on the stack that ends at `top` (any alignment; at least
 * 256 bytes are used): the first switch to it calls entry(arg), which must not
 * return. */
void *context_make(void *top, void (*entry)(void *arg), void *arg);

#endif
