// SPDX-License-Identifier: MIT
/* The plain socket body of stream.h: every call is one operation of io.h. */
#include "net/stream.h"

#include <stdlib.h>

#include "runtime/io.h"

struct plain {
	struct stream stream; /* first: a stream is cast back to its carrier */
	int fd;
};

static struct plain *plain_of(struct stream *stream)
{
	return (struct plain *)stream;
}

static ssize_t plain_read(struct stream *stream, void *buf, size_t len,
			  struct deadline deadline)
{
	return io_recv(stream->rt, plain_of(stream)->fd, buf, len, deadline);
}

static int plain_write(struct stream *stream, const void *buf, size_t len,
		       struct deadline deadline)
{
	return io_send_all(stream->rt, plain_of(stream)->fd, buf, len, NULL,
			   deadline);
}

static ssize_t plain_exchange(struct stream *stream, const void *out,
			      size_t out_len, void *in, size_t in_len,
			      bool *sent, struct deadline deadline)
{
	return io_exchange(stream->rt, plain_of(stream)->fd, out, out_len, in,
			   in_len, sent, deadline);
}

static void plain_close(struct stream *stream)
{
	struct plain *plain = plain_of(stream);

	io_close(stream->rt, plain->fd);
	free(plain);
}

static int plain_fd(const struct stream *stream)
{
	return ((const struct plain *)stream)->fd;
}

static const struct stream_ops plain_ops = {
	.read = plain_read,
	.write = plain_write,
	.exchange = plain_exchange,
	.close = plain_close,
	.fd = plain_fd,
};

struct stream *stream_plain(struct rt *rt, int fd)
{
	struct plain *plain = malloc(sizeof(*plain));

	if (!plain) {
		io_close(rt, fd);
		return NULL;
	}
	plain->stream = (struct stream){ .ops = &plain_ops, .rt = rt };
	plain->fd = fd;
	return &plain->stream;
}
