// SPDX-License-Identifier: MIT
/*
 * chan - bounded channels: values of one size, any number of senders and
 * receivers, first come first served.
 *
 * A send copies the value straight into a waiting receiver, else into the
 * buffer, else it parks: a full channel is back-pressure. With capacity 0
 * the sender parks until a receiver takes the value. After chan_close sends
 * fail with -EPIPE; receives drain what is buffered and then give -EPIPE.
 */
#ifndef RUNTIME_CHAN_H
#define RUNTIME_CHAN_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/clock.h"

struct rt;
struct chan;

/* The largest value that a channel carries; larger things go by pointer. */
#define CHAN_VALUE_MAX 256

/* A channel for values of `size` bytes (1 to CHAN_VALUE_MAX) that buffers
 * `capacity` of them. The caller owns it: chan_free. NULL when out of memory.
 */
struct chan *chan_new(struct rt *rt, size_t size, uint32_t capacity);

/* Frees the channel. Nobody may be parked in it. Values still buffered are
 * dropped: receive them first if they own anything. */
void chan_free(struct chan *chan);

/* Sends a copy of *value. Parks while there is no room. Returns 0, -EPIPE
 * when closed, -ETIMEDOUT past the deadline, or the cancellation's reason;
 * on failure the value was not sent. */
int chan_send(struct chan *chan, const void *value, struct deadline deadline);

/* Receives into *value. Parks while empty. Returns as chan_send; on failure
 * nothing was taken. */
int chan_recv(struct chan *chan, void *value, struct deadline deadline);

/* Closes the channel and wakes everybody in it. Idempotent, does not park. */
void chan_close(struct chan *chan);

/* Values buffered now. */
uint32_t chan_len(const struct chan *chan);

#endif
