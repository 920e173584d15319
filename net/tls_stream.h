// SPDX-License-Identifier: MIT
/*
 * tls_stream - a BearSSL engine pumped over a stream; itself a stream. What
 * the client (tls.h) and the server (tls_server.h) have in common.
 *
 * Received bytes go straight into the engine's input buffer, as many as come:
 * usually one read of the stream below brings a whole record. They stay where
 * they are, or move to its front, when the engine asks for them. Records to be
 * sent leave from the engine's output buffer, or are gathered first if there
 * are several. So stream_exchange on TLS is one exchange below.
 *
 * For those who read and write, on top of what stream.h says:
 *  - 0 is the other side's close_notify, the proper end;
 *  - an end without it is -EPROTO (cut short) if part of an answer has come
 *    since the last write, else -ECONNRESET (an idle connection given up);
 *  - so is a fatal alert -ECONNRESET, and any other breach -EPROTO;
 *  - errors stay: but for a read's -ETIMEDOUT, only closing is left.
 */
#ifndef NET_TLS_STREAM_H
#define NET_TLS_STREAM_H

#include <bearssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/stream.h"
#include "runtime/event.h"
#include "runtime/slots.h"

/* An input buffer for the largest record that the suites of tls_profile can
 * make: 16384 bytes, header, nonce and tag. */
#define TLS_INPUT (16384 + 5 + 8 + 16)
/* An output buffer for records of `n` bytes (BearSSL reckons with what other
 * suites would add). */
#define TLS_OUTPUT(n) ((n) + 85)
/* How long closing may wait to say that it closes. */
#define TLS_CLOSE_MS 250

struct tls_stream {
	struct stream stream; /* first: a stream is cast back to its carrier */
	struct stream *lower; /* owned */
	br_ssl_engine_context *engine;
	/* The engine's input buffer. Bytes from `raw` to `raw_end` have been
	 * received; the engine has not seen them. */
	uint8_t *in;
	size_t in_cap, raw, raw_end;
	int err;	  /* sticky, of reading and of all */
	int write_err;	  /* sticky, of writing */
	bool established; /* the handshake is over */
	bool sending;	  /* a task has the engine's output */
	struct cond sent; /* signalled when it has not any more */
	bool answered;	  /* something was read since the last write */
	uint8_t first[5]; /* the first bytes that came */
	uint8_t first_len;
	/* Feed the engine in pieces so small that no two expensive steps are
	 * in one, once this is true; may be NULL. */
	const bool *small_steps;
	/* For the arithmetic of a handshake: it has one of these while it
	 * works, none while it waits for the other side. May be NULL. */
	struct slots *slots;
	bool has_slot;
	bool no_slot; /* the deadline came while it waited for one */
	void (*free)(struct tls_stream *tls); /* wipes and frees the carrier */
};

/* Over `lower`, which it takes. `in` is the buffer that `engine` has been
 * given for input. The engine is ready for its handshake. Does not park. */
void tls_stream_init(struct tls_stream *tls, struct stream *lower,
		     br_ssl_engine_context *engine, uint8_t *in, size_t in_cap,
		     void (*free)(struct tls_stream *tls));

/* Takes a slot, unless it has one or needs none, for work that is done before
 * the handshake. 0; or as slots_take. Parks. */
int tls_stream_take_slot(struct tls_stream *tls, struct deadline deadline);
/* Gives it back, if it has one. Does not park. */
void tls_stream_give_slot(struct tls_stream *tls);

/* Does the handshake: 0, or what the stream below gave (an end is
 * -ECONNRESET), or -EPROTO when the engine refused (br_ssl_engine_last_error
 * tells why). Yields between the engine's steps. It may come back with a slot,
 * which the caller gives back. If nobody calls it the first read or write
 * does. Parks. */
int tls_stream_handshake(struct tls_stream *tls, struct deadline deadline);

/* Sends close_notify: nothing can be written any more; what still comes is
 * dropped by reads up to the other side's close_notify. 0 or the error. The
 * connection stays open. Parks. */
int tls_stream_finish(struct stream *stream, struct deadline deadline);

#endif
