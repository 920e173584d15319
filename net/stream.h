// SPDX-License-Identifier: MIT
/*
 * stream - a byte stream with two directions, whatever carries it: a plain
 * socket (stream_plain), TLS over another stream, or memory in a test.
 *
 * The structure is the first member of its carrier and is owned by whoever
 * made it; stream_close releases it. One task may read while another writes;
 * two must not do the same at once. After any error other than -ETIMEDOUT on
 * a read the stream is good only for closing. A cancelled or timed-out write
 * leaves an unknown part written: close it.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "runtime/clock.h"

struct rt;
struct stream;

struct stream_ops {
	ssize_t (*read)(struct stream *stream, void *buf, size_t len,
			struct deadline deadline);
	int (*write)(struct stream *stream, const void *buf, size_t len,
		     struct deadline deadline);
	ssize_t (*exchange)(struct stream *stream, const void *out,
			    size_t out_len, void *in, size_t in_len, bool *sent,
			    struct deadline deadline);
	void (*close)(struct stream *stream);
	int (*fd)(const struct stream *stream);
};

struct stream {
	const struct stream_ops *ops;
	struct rt *rt;
};

/* Reads once: 1 to len bytes, 0 at the end, or a negative errno. Parks. */
static inline ssize_t stream_read(struct stream *stream, void *buf, size_t len,
				  struct deadline deadline)
{
	return stream->ops->read(stream, buf, len, deadline);
}

/* Writes all of buf: 0 or a negative errno. Parks. */
static inline int stream_write(struct stream *stream, const void *buf,
			       size_t len, struct deadline deadline)
{
	return stream->ops->write(stream, buf, len, deadline);
}

/* Writes all of `out`, then reads once into `in`, at the price of one wake-up.
 * Returns as stream_read; *sent says whether all of `out` went out. Parks. */
static inline ssize_t stream_exchange(struct stream *stream, const void *out,
				      size_t out_len, void *in, size_t in_len,
				      bool *sent, struct deadline deadline)
{
	return stream->ops->exchange(stream, out, out_len, in, in_len, sent,
				     deadline);
}

/* Closes and frees; always completes. Nobody may be parked in the stream. */
static inline void stream_close(struct stream *stream)
{
	stream->ops->close(stream);
}

/* The descriptor underneath, for a watch; -1 when there is none. */
static inline int stream_fd(const struct stream *stream)
{
	return stream->ops->fd(stream);
}

/* A stream over the connected socket `fd`, which it takes and closes at the
 * end, also when this fails (NULL: out of memory). Does not park on success. */
struct stream *stream_plain(struct rt *rt, int fd);

#endif
