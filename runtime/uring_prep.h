// SPDX-License-Identifier: MIT
/*
 * uring_prep - the submission entry of an operation that is a single entry:
 * every one but OP_EXCHANGE.
 */
#ifndef RUNTIME_URING_PREP_H
#define RUNTIME_URING_PREP_H

#include <liburing.h>

#include "runtime/backend.h"

/* Fills `sqe` in for `op`, but for its user_data. */
void uring_prep(struct io_uring_sqe *sqe, struct op *op);

/* The operation is done: checkers see system calls, not what a ring does to
 * memory. */
void uring_tell_checkers(const struct op *op);

#endif
