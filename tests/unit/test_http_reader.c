// SPDX-License-Identifier: MIT
/*
 * What a reader leaves behind: nothing of what came, however it came and
 * however it ended. The stream is a list of pieces in memory, so that it is
 * known what each read gives.
 */
#include "tests/unit/http1_fixture.h"

#include "net/http_reader.h"

#define UNUSED 0x01 /* no message here has it */
#define FULL HTTP_READER_BUFFER

/* What the reads of a stream give. */
struct memory {
	struct stream stream;
	const char *const *pieces; /* one a read, NULL at the end */
	int err;		   /* what comes then; 0: the end */
	const char *spill;	   /* what that leaves in the buffer, or NULL */
};

static ssize_t memory_read(struct stream *stream, void *buf, size_t len,
			   struct deadline deadline)
{
	struct memory *m = (struct memory *)stream;
	const char *piece = *m->pieces;

	(void)deadline;
	if (piece == NULL) {
		if (m->spill)
			memcpy(buf, m->spill, strlen(m->spill));
		return m->err;
	}
	assert_true(strlen(piece) <= len);
	memcpy(buf, piece, strlen(piece));
	m->pieces++;
	return (ssize_t)strlen(piece);
}

static const struct stream_ops memory_ops = { .read = memory_read };
static const struct http_pace unhurried = { .total = DEADLINE_NEVER };

static void memory_open(struct memory *m, struct http_reader *r,
			const char *const *pieces)
{
	*m = (struct memory){ .stream.ops = &memory_ops, .pieces = pieces };
	memset(r->buf, UNUSED, sizeof(r->buf));
	http_reader_init(r, &m->stream);
	http_reader_begin(r, RES,
			  &(struct http1_limits){ .body_max = 1 << 20 });
}

/* Reads a message: the length of its body, or the error. */
static ssize_t read_all(struct http_reader *r)
{
	char *body;
	size_t len;
	int err = http_reader_head(r, unhurried);

	if (!err)
		err = http_reader_collect(r, &body, &len, unhurried);
	if (err)
		return err;
	free(body);
	return (ssize_t)len;
}

static void assert_nothing_left(struct http_reader *r)
{
	http_reader_free(r);
	for (size_t i = 0; i < sizeof(r->buf); i++)
		if (r->buf[i] != 0 && r->buf[i] != UNUSED)
			fail_msg("'%c' is left at %zu", r->buf[i], i);
}

static void expect(const char *const *pieces, ssize_t result)
{
	struct http_reader r;
	struct memory m;

	memory_open(&m, &r, pieces);
	assert_int_equal(read_all(&r), result);
	assert_nothing_left(&r);
}

#define EXPECT(result, ...)                                                    \
	expect((const char *const[]){ __VA_ARGS__, NULL }, result)

#define LENGTH_5 OK "Content-Length: 5\r\n\r\n"
#define IN_CHUNKS OK "Transfer-Encoding: chunked\r\n\r\n"

static void whole_answers(void **state)
{
	static const char half[] = OK "Content-";
	static const char chunk[] =
		"5a\r\n"
		"aaaaaaaaabbbbbbbbbcccccccccdddddddddeeeeeeeee"
		"fffffffffggggggggghhhhhhhhhiiiiiiiiijjjjjjjjj\r\n";

	(void)state;
	EXPECT(5, LENGTH_5 "hello");
	EXPECT(5, LENGTH_5, "hello");
	EXPECT(5, half, "Length: 5\r\n\r\nhe", "ll", "o");
	EXPECT(0, OK "Content-Length: 0\r\n\r\n");
	EXPECT(0, "HTTP/1.1 204 No Content\r\n\r\n");
	EXPECT(5, IN_CHUNKS "5\r\nhello\r\n0\r\n\r\n");
	/* A later read gives more than those before, or less. */
	EXPECT(20, IN_CHUNKS, "14\r\nhello hello hello he\r\n", "0\r\n\r\n");
	EXPECT(90, "H", "TTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	       chunk, "0\r\n", "\r\n");
	/* Up to the end of the stream. */
	EXPECT(5, OK "\r\nhe", "llo");
}

/* What lies beyond a message is wiped with it. */
static void more_than_one_answer(void **state)
{
	static const char *const pieces[] = {
		LENGTH_5 "helloHTTP/1.1 200 OK\r\nX: secret", NULL
	};
	struct http_reader r;
	struct memory m;

	(void)state;
	EXPECT(5, LENGTH_5 "helloHTTP/1.1 200 OK\r\nX: secret");
	/* When the next was begun, too. */
	memory_open(&m, &r, pieces);
	assert_int_equal(read_all(&r), 5);
	http_reader_begin(&r, RES, &(struct http1_limits){ 0 });
	assert_nothing_left(&r);
}

/* An answer of `len` bytes, in all; the caller frees it. */
static char *answer_of(size_t len)
{
	char *text = malloc(len + 1);
	int head;

	assert_non_null(text);
	head = snprintf(text, len + 1, OK "Content-Length: %7zu\r\n\r\n",
			len - strlen(OK "Content-Length: 1234567\r\n\r\n"));
	memset(text + head, 'x', len - (size_t)head);
	text[len] = '\0';
	return text;
}

static void full_buffers(void **state)
{
	(void)state;
	for (size_t len = FULL - 2; len <= FULL; len++) {
		char *text = answer_of(len);

		EXPECT((ssize_t)len - (strstr(text, "xx") - text), text);
		free(text);
	}
	/* Here what is beyond goes straight to the body. */
	for (size_t more = 1; more <= 3000; more += 2999) {
		char *text = answer_of(FULL + more);
		char *first = strndup(text, FULL);

		EXPECT((ssize_t)(FULL + more) - (strstr(text, "xx") - text),
		       first, text + FULL);
		free(first);
		free(text);
	}
}

static void cut_answers(void **state)
{
	char *full = answer_of(FULL + 1), *first = strndup(full, FULL);

	(void)state;
	EXPECT(-EPROTO, LENGTH_5 "hell");
	EXPECT(-EPROTO, LENGTH_5);
	EXPECT(-EPROTO, "HTTP/1.1 200 OK\r\nX: secret");
	EXPECT(-EPROTO, IN_CHUNKS "5\r\nhello\r\n", "0\r\nX: y");
	EXPECT(-EBADMSG, "HTTP/1.1 200 OK\r\nsecret\r\n\r\nmore of that");
	EXPECT(-EPROTO, first);
	free(first);
	free(full);
	expect((const char *const[]){ NULL }, -ENODATA);
}

/* A read that fails may have put something where it should have read to. */
static void failed_reads(void **state)
{
	static const char *const heads[][2] = {
		{ NULL, NULL },
		{ "HTTP/1.1 2", NULL },
		{ IN_CHUNKS "5\r\nhe", NULL },
	};
	char *spill = answer_of(FULL);

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		struct http_reader r;
		struct memory m;

		memory_open(&m, &r, heads[i]);
		m.err = -ECONNRESET;
		m.spill = spill;
		assert_int_equal(read_all(&r), -ECONNRESET);
		assert_nothing_left(&r);
	}
	free(spill);
}

/* As after an exchange: the first bytes are there before the reader reads. */
static void filled_by_the_caller(void **state)
{
	static const char text[] = LENGTH_5 "hello";
	static const char *const nothing[] = { NULL };
	struct http_reader r;
	struct memory m;

	(void)state;
	memory_open(&m, &r, nothing);
	memcpy(r.buf, text, sizeof(text) - 1);
	http_reader_filled(&r, sizeof(text) - 1);
	assert_true(r.received);
	assert_int_equal(read_all(&r), 5);
	assert_nothing_left(&r);
}

/* A reader that serves again, on another stream, knows nothing of the last
 * time. */
static void used_again(void **state)
{
	char *text = answer_of(FULL);
	const char *const longer[] = { text, NULL };
	static const char *const shorter[] = { LENGTH_5 "hello", NULL };
	struct http_reader r;
	struct memory m;

	(void)state;
	memory_open(&m, &r, longer);
	assert_true(read_all(&r) > 5);
	assert_nothing_left(&r);
	assert_int_equal(r.filled, FULL);
	memory_open(&m, &r, shorter);
	assert_false(r.received);
	assert_int_equal(r.filled, 0);
	assert_int_equal(read_all(&r), 5);
	assert_nothing_left(&r);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_answers),
		cmocka_unit_test(more_than_one_answer),
		cmocka_unit_test(full_buffers),
		cmocka_unit_test(cut_answers),
		cmocka_unit_test(failed_reads),
		cmocka_unit_test(filled_by_the_caller),
		cmocka_unit_test(used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
