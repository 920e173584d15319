// SPDX-License-Identifier: MIT
/*
 * libFuzzer: http1_feed on any bytes, in pieces of any size.
 *
 * The first byte chooses kind and limits, the second the size of the pieces.
 * The same bytes are then parsed once more in one piece: how they come must
 * make no difference. A head that was accepted is written again and must be
 * accepted again, with the same fields.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/http1.h"

#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	int err, eof;
	size_t used;
	uint64_t sum; /* of the body, sensitive to order */
};

static void add_piece(struct outcome *out, const struct http1_parser *p,
		      const char *copy, size_t used)
{
	if (p->piece.len == 0)
		return;
	CHECK(p->piece.data >= copy);
	CHECK(p->piece.data + p->piece.len <= copy + used);
	for (size_t i = 0; i < p->piece.len; i++)
		out->sum = out->sum * 31 + (unsigned char)p->piece.data[i];
}

/* Feeds everything, at most `step` bytes at a time, each time from memory of
 * just that size. */
static struct outcome run(struct http1_parser *p, const char *text, size_t len,
			  size_t step)
{
	struct outcome out = { 0 };
	while (out.used < len && p->stage != HTTP1_DONE) {
		size_t n = len - out.used < step ? len - out.used : step;
		char *copy = malloc(n);
		CHECK(copy);
		memcpy(copy, text + out.used, n);
		ssize_t used = http1_feed(p, copy, n);
		CHECK(used != 0 && used <= (ssize_t)n);
		if (used > 0)
			add_piece(&out, p, copy, (size_t)used);
		free(copy);
		if (used < 0) {
			out.err = (int)used;
			break;
		}
		out.used += (size_t)used;
	}
	CHECK(p->limits.body_max >= p->body_len);
	CHECK(p->head_len <= p->limits.head_max);
	CHECK(p->field_count <= HTTP1_FIELDS_MAX);
	if (out.err)
		CHECK(p->stage != HTTP1_DONE);
	out.eof = http1_eof(p);
	CHECK(!out.err || out.eof == out.err);
	return out;
}

static void write_again(const struct http1_parser *p)
{
	struct http1_writer w = { 0 };
	struct http1_parser again;
	if (p->kind == HTTP1_REQUEST)
		http1_write_request(&w, p->method, p->target);
	else
		http1_write_status(&w, p->status, p->reason);
	for (size_t i = 0; i < p->field_count; i++)
		http1_write_field(&w, p->fields[i].name, p->fields[i].value);
	http1_write_end(&w, NULL, 0);
	if (w.err == 0 && p->version_minor == 1) {
		http1_parser_init(&again, p->kind, &p->limits);
		again.limits.head_max = 2 * p->limits.head_max;
		again.bodiless = p->bodiless;
		ssize_t n = http1_feed(&again, w.data, w.len);
		CHECK(n == (ssize_t)w.len);
		CHECK(again.field_count == p->field_count);
		CHECK(again.framing == p->framing);
		CHECK(again.keep_alive == p->keep_alive);
		for (size_t i = 0; i < p->field_count; i++)
			CHECK(strcmp(again.fields[i].value,
				     p->fields[i].value) == 0);
		http1_parser_free(&again);
	} else {
		CHECK(w.err == 0 || w.err == -EMSGSIZE);
	}
	http1_writer_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http1_parser p, whole;
	if (size < 2)
		return 0;
	enum http1_kind kind = data[0] & 1 ? HTTP1_RESPONSE : HTTP1_REQUEST;
	struct http1_limits limits = {
		.head_max = data[0] & 2 ? 256 : 0,
		.body_max = data[0] & 4 ? 64 : SIZE_MAX,
	};
	const char *text = (const char *)data + 2;
	size_t step = (size_t)data[1] + 1;

	http1_parser_init(&p, kind, &limits);
	http1_parser_init(&whole, kind, &limits);
	p.bodiless = whole.bodiless = (data[0] & 8) != 0;
	struct outcome a = run(&p, text, size - 2, step);
	struct outcome b = run(&whole, text, size - 2, size);

	/* Only which of two faults is met first may differ. */
	CHECK((a.err == 0) == (b.err == 0));
	if (a.err == 0) {
		CHECK(a.used == b.used && a.eof == b.eof && a.sum == b.sum);
		CHECK(p.body_len == whole.body_len && p.stage == whole.stage);
		if (p.stage != HTTP1_HEAD)
			write_again(&p);
	}
	http1_parser_free(&p);
	http1_parser_free(&whole);
	return 0;
}
