// SPDX-License-Identifier: MIT
/*
 * One task may read while another writes, and reading can make the engine say
 * something (an alert). So the engine's output belongs to one task at a time:
 * who sends takes it, and whatever the engine has to say meanwhile is sent by
 * that task in the end. Records leave in the order in which they were sealed.
 */
#include "net/tls_stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/task.h"

/* Plaintext sealed and sent at once. */
#define GATHER (16u * 1024)
/* What a record adds, at most, and the least that fits into one. */
#define RECORD_EXTRA 64
#define RECORD_LEAST 512
/* Records of a handshake that go out together. */
#define FLIGHT 512
/* ServerKeyExchange has a signature to check and ServerHelloDone, the four
 * bytes behind it, begins the key exchange: never both in one piece. */
#define SMALL_STEP 4

static struct tls_stream *tls_of(struct stream *stream)
{
	return (struct tls_stream *)stream;
}

static bool is_passing(int err)
{
	return err == -ETIMEDOUT || err == -ECANCELED;
}

/* Errors that stay. */
static int fail(struct tls_stream *tls, int err)
{
	tls->err = err;
	return err;
}

static int fail_write(struct tls_stream *tls, int err)
{
	tls->write_err = err;
	return err;
}

/* The engine has closed: 0 for a proper end, else why. */
static int engine_end(struct tls_stream *tls)
{
	int err = br_ssl_engine_last_error(tls->engine);
	if (err == BR_ERR_OK)
		return 0;
	bool alert = err >= BR_ERR_RECV_FATAL_ALERT &&
		     err < BR_ERR_SEND_FATAL_ALERT;
	return fail(tls, alert ? -ECONNRESET : -EPROTO);
}

/* --- Receiving --- */

/* Where the engine wants received bytes, and how many fit there. NULL: it
 * wants none now. */
static uint8_t *place(const struct tls_stream *tls, size_t *cap)
{
	size_t len;
	uint8_t *at = br_ssl_engine_recvrec_buf(tls->engine, &len);
	if (at)
		*cap = tls->in_cap - (size_t)(at - tls->in);
	return at;
}

/* Gives the engine up to `most` of the bytes received: how many it took. */
static size_t give(struct tls_stream *tls, size_t most)
{
	size_t n = tls->raw_end - tls->raw, len;
	uint8_t *at = br_ssl_engine_recvrec_buf(tls->engine, &len);
	if (!at || n == 0)
		return 0;
	n = n < len ? n : len;
	n = n < most ? n : most;
	assert(at <= tls->in + tls->raw);
	if (at != tls->in + tls->raw)
		memmove(at, tls->in + tls->raw, n);
	tls->raw += n;
	br_ssl_engine_recvrec_ack(tls->engine, n);
	return n;
}

/* Takes note of what a read into `at` gave: 0 or an error. */
static int received(struct tls_stream *tls, const uint8_t *at, ssize_t n)
{
	if (n < 0)
		return is_passing((int)n) ? (int)n : fail(tls, (int)n);
	if (n == 0) {
		bool cut = tls->answered || at != tls->in;
		return fail(tls, cut ? -EPROTO : -ECONNRESET);
	}
	tls->raw = (size_t)(at - tls->in);
	tls->raw_end = tls->raw + (size_t)n;
	for (size_t i = 0; i < (size_t)n; i++) {
		if (tls->first_len == sizeof(tls->first))
			break;
		tls->first[tls->first_len++] = at[i];
	}
	return 0;
}

/* --- Sending --- */

static int take_output(struct tls_stream *tls, struct deadline deadline)
{
	while (tls->sending) {
		int err = cond_wait(&tls->sent, deadline);
		if (err)
			return err;
	}
	if (tls->err || tls->write_err)
		return tls->err ? tls->err : tls->write_err;
	tls->sending = true;
	return 0;
}

static void leave_output(struct tls_stream *tls)
{
	tls->sending = false;
	cond_broadcast(&tls->sent);
}

/* Sends what the engine has ready. The output must be ours. */
static int send_ready(struct tls_stream *tls, struct deadline deadline)
{
	size_t len;
	const uint8_t *record;
	while ((record = br_ssl_engine_sendrec_buf(tls->engine, &len))) {
		int err = stream_write(tls->lower, record, len, deadline);
		if (err)
			return fail_write(tls, err);
		br_ssl_engine_sendrec_ack(tls->engine, len);
	}
	return 0;
}

/* Sealed records: one, still in the engine, or several, in own memory. */
struct parcel {
	const uint8_t *data;
	size_t len;
	uint8_t *own;
};

/* Puts up to a record's worth into the engine and seals it: how much. */
static size_t seal_one(struct tls_stream *tls, const uint8_t *data, size_t len,
		       struct parcel *out)
{
	size_t room;
	uint8_t *at = br_ssl_engine_sendapp_buf(tls->engine, &room);
	if (!at)
		return 0;
	room = room < len ? room : len;
	memcpy(at, data, room);
	br_ssl_engine_sendapp_ack(tls->engine, room);
	br_ssl_engine_flush(tls->engine, 0);
	out->data = br_ssl_engine_sendrec_buf(tls->engine, &out->len);
	return room;
}

/* Seals up to GATHER bytes as records in memory of their own. */
static ssize_t seal_many(struct tls_stream *tls, const uint8_t *data,
			 size_t len, struct parcel *out)
{
	size_t take = len < GATHER ? len : GATHER, done = 0;
	size_t cap = take + (take / RECORD_LEAST + 1) * RECORD_EXTRA;
	struct parcel one = { 0 };
	uint8_t *own = malloc(cap);
	if (!own)
		return -ENOMEM;
	*out = (struct parcel){ .data = own, .own = own };
	while (done < take) {
		size_t n = seal_one(tls, data + done, take - done, &one);
		if (n == 0 || one.len > cap - out->len) {
			free(own);
			return -EPIPE;
		}
		memcpy(own + out->len, one.data, one.len);
		out->len += one.len;
		br_ssl_engine_sendrec_ack(tls->engine, one.len);
		done += n;
	}
	return (ssize_t)done;
}

/* Seals the beginning of the data: how much of it, or an error. */
static ssize_t seal(struct tls_stream *tls, const uint8_t *data, size_t len,
		    struct parcel *out)
{
	size_t room;
	*out = (struct parcel){ 0 };
	if (!br_ssl_engine_sendapp_buf(tls->engine, &room))
		return -EPIPE;
	if (len > room)
		return seal_many(tls, data, len, out);
	return (ssize_t)seal_one(tls, data, len, out);
}

/* The parcel has been sent (or never will be). */
static void parcel_done(struct tls_stream *tls, struct parcel *parcel)
{
	if (parcel->own)
		free(parcel->own);
	else if (!tls->write_err)
		br_ssl_engine_sendrec_ack(tls->engine, parcel->len);
}

/* Sends all but what the last parcel takes, which is left sealed in *last: 0
 * or an error. The output must be ours. */
static int send_but_last(struct tls_stream *tls, const uint8_t *data,
			 size_t len, struct parcel *last,
			 struct deadline deadline)
{
	int err = send_ready(tls, deadline);
	while (!err) {
		ssize_t n = seal(tls, data, len, last);
		if (n < 0)
			return (int)n;
		data += n;
		len -= (size_t)n;
		if (len == 0)
			return 0;
		err = stream_write(tls->lower, last->data, last->len, deadline);
		if (err)
			fail_write(tls, err);
		parcel_done(tls, last);
	}
	return err;
}

/* --- The handshake --- */

/* Sends what the engine has to say, but for what fits into `flight`, which
 * gathers small records. Writes to *len how much is there. */
static int gather_flight(struct tls_stream *tls, uint8_t flight[FLIGHT],
			 size_t *len, struct deadline deadline)
{
	size_t n;
	const uint8_t *record;
	int err = 0;
	*len = 0;
	while ((record = br_ssl_engine_sendrec_buf(tls->engine, &n)) && !err) {
		if (n <= FLIGHT - *len) {
			memcpy(flight + *len, record, n);
			*len += n;
		} else {
			if (*len)
				err = stream_write(tls->lower, flight, *len,
						   deadline);
			*len = 0;
			if (!err)
				err = stream_write(tls->lower, record, n,
						   deadline);
		}
		br_ssl_engine_sendrec_ack(tls->engine, n);
	}
	return err;
}

/* One round: what there is to send goes out, and if the engine then waits for
 * something it is read, in one exchange. */
static int handshake_round(struct tls_stream *tls, struct deadline deadline)
{
	uint8_t flight[FLIGHT];
	size_t len, cap;
	bool sent;
	int err = gather_flight(tls, flight, &len, deadline);
	if (err)
		return err;
	unsigned state = br_ssl_engine_current_state(tls->engine);
	uint8_t *at = place(tls, &cap);
	if (!at || tls->raw < tls->raw_end || (state & BR_SSL_SENDAPP)) {
		/* An engine that wants nothing and has nothing is lost. */
		if (len == 0 && !(state & (BR_SSL_SENDAPP | BR_SSL_CLOSED)))
			return -EPROTO;
		return len ? stream_write(tls->lower, flight, len, deadline)
			   : 0;
	}
	ssize_t n = len ? stream_exchange(tls->lower, flight, len, at, cap,
					  &sent, deadline)
			: stream_read(tls->lower, at, cap, deadline);
	return n == 0 ? -ECONNRESET : received(tls, at, n);
}

int tls_stream_take_slot(struct tls_stream *tls, struct deadline deadline)
{
	if (!tls->slots || tls->has_slot)
		return 0;
	int err = slots_take(tls->slots, deadline);
	tls->has_slot = err == 0;
	tls->no_slot = err == -ETIMEDOUT;
	return err;
}

void tls_stream_give_slot(struct tls_stream *tls)
{
	if (tls->has_slot)
		slots_give(tls->slots);
	tls->has_slot = false;
}

/* The engine's next step: over what has been received, or, when that is used
 * up, a round with the other side. */
static int handshake_step(struct tls_stream *tls, struct deadline deadline)
{
	bool small = tls->small_steps && *tls->small_steps;
	int err = tls->raw < tls->raw_end ? tls_stream_take_slot(tls, deadline)
					  : 0;
	if (err)
		return err;
	if (give(tls, small ? SMALL_STEP : SIZE_MAX))
		return task_breathe(tls->stream.rt);
	tls_stream_give_slot(tls);
	return handshake_round(tls, deadline);
}

static int handshake(struct tls_stream *tls, struct deadline deadline)
{
	for (;;) {
		unsigned state = br_ssl_engine_current_state(tls->engine);
		if (state & BR_SSL_CLOSED) {
			int err = engine_end(tls);
			return fail(tls, err == 0 ? -ECONNRESET : -EPROTO);
		}
		if (state & (BR_SSL_SENDAPP | BR_SSL_RECVAPP)) {
			tls->established = true;
			return 0;
		}
		int err = handshake_step(tls, deadline);
		if (err)
			return fail(tls, err);
	}
}

int tls_stream_handshake(struct tls_stream *tls, struct deadline deadline)
{
	int err = take_output(tls, deadline);
	if (err)
		return err;
	if (!tls->established)
		err = handshake(tls, deadline);
	leave_output(tls);
	return err;
}

static int ready(struct tls_stream *tls, struct deadline deadline)
{
	if (tls->err || tls->established)
		return tls->err;
	return tls_stream_handshake(tls, deadline);
}

/* --- The stream --- */

/* Lets the engine say what it has to before it reads on. */
static int speak(struct tls_stream *tls, struct deadline deadline)
{
	int err = take_output(tls, deadline);
	if (err)
		return err;
	err = send_ready(tls, deadline);
	leave_output(tls);
	return err;
}

/* Reads received data if there is any: how much, or 0. */
static size_t take_data(struct tls_stream *tls, void *buf, size_t len)
{
	size_t n;
	const uint8_t *data = br_ssl_engine_recvapp_buf(tls->engine, &n);
	if (!data)
		return 0;
	n = n < len ? n : len;
	memcpy(buf, data, n);
	br_ssl_engine_recvapp_ack(tls->engine, n);
	tls->answered = true;
	return n;
}

static ssize_t read_data(struct tls_stream *tls, void *buf, size_t len,
			 struct deadline deadline)
{
	size_t cap = 0;
	for (;;) {
		size_t n = take_data(tls, buf, len);
		if (n)
			return (ssize_t)n;
		unsigned state = br_ssl_engine_current_state(tls->engine);
		if (state & BR_SSL_CLOSED)
			return engine_end(tls);
		if (give(tls, SIZE_MAX))
			continue;
		uint8_t *at = place(tls, &cap);
		if (!at || (state & BR_SSL_SENDREC && !tls->sending &&
			    !tls->write_err)) {
			int err = speak(tls, deadline);
			/* A peer that has said its farewell need not wait for
			 * ours. */
			if (err && !is_passing(err) &&
			    tls->engine->shutdown_recv)
				return 0;
			if (err)
				return err;
			continue;
		}
		int err = received(tls, at,
				   stream_read(tls->lower, at, cap, deadline));
		if (err)
			return err;
	}
}

static ssize_t tls_read(struct stream *stream, void *buf, size_t len,
			struct deadline deadline)
{
	struct tls_stream *tls = tls_of(stream);
	int err = ready(tls, deadline);
	return err ? err : read_data(tls, buf, len, deadline);
}

static int tls_write(struct stream *stream, const void *buf, size_t len,
		     struct deadline deadline)
{
	struct tls_stream *tls = tls_of(stream);
	struct parcel last;
	int err = ready(tls, deadline);
	if (!err && len > 0)
		err = take_output(tls, deadline);
	if (err || len == 0)
		return err;
	tls->answered = false;
	err = send_but_last(tls, buf, len, &last, deadline);
	if (!err) {
		err = stream_write(tls->lower, last.data, last.len, deadline);
		if (err)
			fail_write(tls, err);
		parcel_done(tls, &last);
	}
	if (!err)
		err = send_ready(tls, deadline);
	leave_output(tls);
	return err;
}

/* Sends the last parcel and reads: 0 or an error, with something received if
 * there was nothing before. */
static int exchange_last(struct tls_stream *tls, struct parcel *last,
			 bool *sent, struct deadline deadline)
{
	size_t cap = 0, waiting;
	uint8_t *at = place(tls, &cap);
	int err;
	if (!at || tls->raw < tls->raw_end ||
	    br_ssl_engine_recvapp_buf(tls->engine, &waiting)) {
		err = stream_write(tls->lower, last->data, last->len, deadline);
		*sent = err == 0;
	} else {
		ssize_t n = stream_exchange(tls->lower, last->data, last->len,
					    at, cap, sent, deadline);
		err = n > 0 || *sent ? received(tls, at, n) : (int)n;
	}
	if (!*sent) {
		/* Reading goes on: it may have answered before it closed. */
		err = fail_write(tls, err < 0 ? err : -ECONNRESET);
	}
	parcel_done(tls, last);
	return err;
}

static ssize_t tls_exchange(struct stream *stream, const void *out,
			    size_t out_len, void *in, size_t in_len, bool *sent,
			    struct deadline deadline)
{
	struct tls_stream *tls = tls_of(stream);
	struct parcel last;
	*sent = out_len == 0;
	int err = ready(tls, deadline);
	if (err || out_len == 0)
		return err ? err : tls_read(stream, in, in_len, deadline);
	err = take_output(tls, deadline);
	if (err)
		return err;
	tls->answered = false;
	err = send_but_last(tls, out, out_len, &last, deadline);
	if (!err)
		err = exchange_last(tls, &last, sent, deadline);
	if (!err)
		err = send_ready(tls, deadline);
	leave_output(tls);
	return err ? err : read_data(tls, in, in_len, deadline);
}

int tls_stream_finish(struct stream *stream, struct deadline deadline)
{
	struct tls_stream *tls = tls_of(stream);
	if (!tls->established)
		return -EPIPE;
	int err = take_output(tls, deadline);
	if (err)
		return err;
	br_ssl_engine_close(tls->engine);
	err = send_ready(tls, deadline);
	leave_output(tls);
	return err;
}

static void tls_close(struct stream *stream)
{
	struct tls_stream *tls = tls_of(stream);
	assert(!tls->sending);
	if (tls->established && !tls->err && !tls->write_err)
		(void)tls_stream_finish(
			stream, deadline_in_ms(stream->rt, TLS_CLOSE_MS));
	stream_close(tls->lower);
	tls->free(tls);
}

static int tls_fd(const struct stream *stream)
{
	return stream_fd(((const struct tls_stream *)stream)->lower);
}

static const struct stream_ops tls_ops = {
	.read = tls_read,
	.write = tls_write,
	.exchange = tls_exchange,
	.close = tls_close,
	.fd = tls_fd,
};

void tls_stream_init(struct tls_stream *tls, struct stream *lower,
		     br_ssl_engine_context *engine, uint8_t *in, size_t in_cap,
		     void (*free)(struct tls_stream *tls))
{
	*tls = (struct tls_stream){
		.stream = { .ops = &tls_ops, .rt = lower->rt },
		.lower = lower,
		.engine = engine,
		.in = in,
		.in_cap = in_cap,
		.free = free,
	};
	cond_init(lower->rt, &tls->sent);
}
