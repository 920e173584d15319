// SPDX-License-Identifier: MIT
/* Writing HTTP/1.1 heads: what comes out, and what is refused. */
#include "tests/unit/http1_fixture.h"

static void writes_request(void **state)
{
	struct http1_writer w = { 0 };
	(void)state;
	http1_write_request(&w, "POST", "/a?b=1");
	http1_write_field(&w, "Host", "h:1");
	http1_write_field(&w, "X-Empty", "");
	http1_write_field_u64(&w, "Content-Length", 4);
	http1_write_end(&w, "a\r\n\0", 4);
	static const char expected[] = "POST /a?b=1 HTTP/1.1\r\nHost: h:1\r\n"
				       "X-Empty: \r\nContent-Length: 4\r\n\r\n"
				       "a\r\n";
	assert_int_equal(w.err, 0);
	assert_int_equal(w.len, sizeof(expected));
	assert_memory_equal(w.data, expected, w.len);

	struct http1_parser p;
	struct result r = { 0 };
	http1_parser_init(&p, REQ, &(struct http1_limits){ .body_max = 4 });
	assert_int_equal(feed(&p, &r, w.data, w.len), 0);
	assert_int_equal(p.stage, HTTP1_DONE);
	assert_string_equal(http1_field(&p, "x-empty"), "");
	http1_parser_free(&p);
	http1_writer_free(&w);
	assert_null(w.data);
	http1_writer_free(&w);
}

static void writes_status(void **state)
{
	static const char *const expected[] = {
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 299 Unknown\r\n\r\n",
		"HTTP/1.1 404 gone fishing\r\n\r\n",
		"HTTP/1.1 999 \r\n\r\n",
	};
	static const struct {
		int status;
		const char *reason;
	} in[] = { { 200, NULL },
		   { 299, NULL },
		   { 404, "gone fishing" },
		   { 999, "" } };
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct http1_writer w = { 0 };
		http1_write_status(&w, in[i].status, in[i].reason);
		http1_write_end(&w, NULL, 0);
		assert_int_equal(w.err, 0);
		assert_int_equal(w.len, strlen(expected[i]));
		assert_memory_equal(w.data, expected[i], w.len);
		http1_writer_free(&w);
	}
}

static void writes_chunks(void **state)
{
	struct http1_writer w = { 0 };
	static const char expected[] = "5\r\nhello\r\n1f\r\n"
				       "0123456789012345678901234567890\r\n";
	(void)state;
	http1_write_chunk(&w, "hello", 5);
	http1_write_chunk(&w, "0123456789012345678901234567890", 31);
	assert_int_equal(w.err, 0);
	assert_int_equal(w.len, sizeof(expected) - 1);
	assert_memory_equal(w.data, expected, w.len);
	/* An empty one would be the last. */
	http1_write_chunk(&w, "", 0);
	assert_int_equal(w.err, -EINVAL);
	http1_writer_free(&w);
}

static int write_field(const char *name, const char *value)
{
	struct http1_writer w = { 0 };
	http1_write_status(&w, 200, NULL);
	http1_write_field(&w, name, value);
	http1_write_field(&w, "X", "y");
	http1_write_end(&w, NULL, 0);
	int err = w.err;
	http1_writer_free(&w);
	return err;
}

static int write_request(const char *method, const char *target)
{
	struct http1_writer w = { 0 };
	http1_write_request(&w, method, target);
	http1_write_end(&w, NULL, 0);
	int err = w.err;
	http1_writer_free(&w);
	return err;
}

static void writer_refuses(void **state)
{
	struct http1_writer w = { 0 };
	(void)state;
	assert_int_equal(write_field("Name", "va\tlue \xc3\xa4"), 0);
	assert_int_equal(write_field("", "v"), -EINVAL);
	assert_int_equal(write_field("a b", "v"), -EINVAL);
	assert_int_equal(write_field("a:", "v"), -EINVAL);
	assert_int_equal(write_field("a\r\nb", "v"), -EINVAL);
	assert_int_equal(write_field("a", "v\r\nX: y"), -EINVAL);
	assert_int_equal(write_field("a", "v\n"), -EINVAL);
	assert_int_equal(write_field("a", "\r"), -EINVAL);
	assert_int_equal(write_field("a", "\x7f"), -EINVAL);
	assert_int_equal(write_request("GET", "/"), 0);
	assert_int_equal(write_request("", "/"), -EINVAL);
	assert_int_equal(write_request("GET /", "/"), -EINVAL);
	assert_int_equal(write_request("GET", ""), -EINVAL);
	assert_int_equal(write_request("GET", "/a b"), -EINVAL);
	assert_int_equal(write_request("GET", "/ HTTP/1.1\r\nX:y"), -EINVAL);
	assert_int_equal(write_request("GET", "/#f"), -EINVAL);
	http1_write_status(&w, 99, NULL);
	assert_int_equal(w.err, -EINVAL);
	http1_writer_free(&w);
	http1_write_status(&w, 1000, NULL);
	assert_int_equal(w.err, -EINVAL);
	http1_writer_free(&w);
	http1_write_status(&w, 200, "O\r\nK");
	assert_int_equal(w.err, -EINVAL);
	http1_writer_free(&w);
}

static void writer_bounds(void **state)
{
	struct http1_writer w = { 0 };
	size_t body_len = 1 << 20;
	char *body = calloc(1, body_len);
	(void)state;
	assert_non_null(body);
	http1_write_status(&w, 200, NULL);
	while (w.len + 6 <= HTTP1_HEAD_MAX)
		http1_write_field(&w, "a", "b");
	assert_int_equal(w.err, 0);
	http1_write_field(&w, "a", "b");
	assert_int_equal(w.err, -EMSGSIZE);
	http1_write_end(&w, body, body_len);
	assert_int_equal(w.err, -EMSGSIZE);
	assert_in_range(w.len, 1, HTTP1_HEAD_MAX);
	http1_writer_free(&w);

	http1_write_status(&w, 200, NULL);
	http1_write_end(&w, body, body_len);
	assert_int_equal(w.err, 0);
	assert_int_equal(w.len, strlen("HTTP/1.1 200 OK\r\n\r\n") + body_len);
	http1_writer_free(&w);
	free(body);
}

static void reasons(void **state)
{
	(void)state;
	assert_string_equal(http1_reason(200), "OK");
	assert_string_equal(http1_reason(431),
			    "Request Header Fields Too Large");
	assert_string_equal(http1_reason(999), "Unknown");
}

#define LENT 64

/* What a lent memory is surrounded by, to see that nothing else is written. */
struct lent {
	char before[8], data[LENT], after[8];
};

static struct lent lent_memory(void)
{
	struct lent lent;

	memset(&lent, '#', sizeof(lent));
	return lent;
}

/* Whether nothing of what was written is left in it. */
static void assert_wiped(const struct lent *lent, size_t written)
{
	for (size_t i = 0; i < LENT; i++)
		assert_int_equal(lent->data[i], i < written ? 0 : '#');
	for (size_t i = 0; i < sizeof(lent->before); i++) {
		assert_int_equal(lent->before[i], '#');
		assert_int_equal(lent->after[i], '#');
	}
}

static const char lent_head[] = "GET /abc HTTP/1.1\r\n"
				"Authorization: 0123456789abcdef0123456\r\n";

static void write_lent_head(struct http1_writer *w)
{
	http1_write_request(w, "GET", "/abc");
	http1_write_field(w, "Authorization", "0123456789abcdef0123456");
	assert_int_equal(w->err, 0);
	assert_int_equal(w->len, sizeof(lent_head) - 1);
	assert_memory_equal(w->data, lent_head, w->len);
}

/* Filled to the last byte, it still serves. */
static void stays_in_lent_memory(void **state)
{
	struct lent lent = lent_memory();
	struct http1_writer w;

	(void)state;
	http1_writer_on(&w, lent.data, LENT);
	assert_int_equal(w.err, 0);
	assert_int_equal(w.len, 0);
	write_lent_head(&w);
	http1_write_end(&w, "end", 3);
	assert_int_equal(w.len, LENT);
	assert_ptr_equal(w.data, lent.data);
	assert_memory_equal(lent.data + LENT - 5, "\r\nend", 5);
	http1_writer_free(&w);
	assert_null(w.data);
	assert_wiped(&lent, LENT);
	http1_writer_free(&w);
}

static void grows_out_of_lent_memory(void **state)
{
	struct lent lent = lent_memory();
	struct http1_writer w;
	char body[1000];

	(void)state;
	memset(body, 'x', sizeof(body));
	http1_writer_on(&w, lent.data, LENT);
	write_lent_head(&w);
	http1_write_end(&w, body, LENT - sizeof(lent_head));
	assert_ptr_not_equal(w.data, lent.data);
	assert_memory_equal(w.data, lent_head, sizeof(lent_head) - 1);
	assert_wiped(&lent, sizeof(lent_head) - 1 + 2);
	/* And once more, out of its own. */
	for (int i = 0; i < 8; i++)
		http1_write_chunk(&w, body, sizeof(body));
	assert_int_equal(w.err, 0);
	assert_memory_equal(w.data, lent_head, sizeof(lent_head) - 1);
	http1_writer_free(&w);
	assert_null(w.data);
	assert_wiped(&lent, sizeof(lent_head) - 1 + 2);
}

/* Memory of no use is as none. */
static void lent_nothing(void **state)
{
	struct lent lent = lent_memory();
	struct http1_writer w;

	(void)state;
	http1_writer_on(&w, lent.data, 0);
	write_lent_head(&w);
	assert_ptr_not_equal(w.data, lent.data);
	http1_writer_free(&w);
	assert_wiped(&lent, 0);
}

/* A head that is too large is refused before and after it has grown. */
static void lent_bounds(void **state)
{
	struct lent lent = lent_memory();
	char *value = malloc(HTTP1_HEAD_MAX + 1);
	struct http1_writer w;

	(void)state;
	assert_non_null(value);
	memset(value, 'v', HTTP1_HEAD_MAX);
	value[HTTP1_HEAD_MAX] = '\0';
	http1_writer_on(&w, lent.data, LENT);
	write_lent_head(&w);
	http1_write_field(&w, "N", value);
	assert_int_equal(w.err, -EMSGSIZE);
	assert_ptr_equal(w.data, lent.data);
	http1_write_end(&w, "x", 1);
	assert_int_equal(w.err, -EMSGSIZE);
	http1_writer_free(&w);
	assert_wiped(&lent, sizeof(lent_head) - 1);

	http1_writer_on(&w, lent.data, LENT);
	write_lent_head(&w);
	http1_write_field(&w, "N", value + 100);
	assert_int_equal(w.err, 0);
	http1_write_field(&w, "N", value + HTTP1_HEAD_MAX - 100);
	assert_int_equal(w.err, -EMSGSIZE);
	http1_writer_free(&w);
	assert_null(w.data);
	free(value);
}

static void lent_and_refused(void **state)
{
	struct lent lent = lent_memory();
	struct http1_writer w;

	(void)state;
	http1_writer_on(&w, lent.data, LENT);
	write_lent_head(&w);
	http1_write_field(&w, "N", "a\nb");
	assert_int_equal(w.err, -EINVAL);
	assert_int_equal(w.len, sizeof(lent_head) - 1);
	http1_writer_free(&w);
	assert_wiped(&lent, sizeof(lent_head) - 1);
}

/* To the byte. */
static void head_max(void **state)
{
	char *value = malloc(HTTP1_HEAD_MAX);
	struct http1_writer w = { 0 };
	size_t room;

	(void)state;
	assert_non_null(value);
	memset(value, 'v', HTTP1_HEAD_MAX);
	http1_write_status(&w, 200, NULL);
	room = HTTP1_HEAD_MAX - w.len - strlen("N: \r\n\r\n");
	value[room] = '\0';
	http1_write_field(&w, "N", value);
	http1_write_end(&w, NULL, 0);
	assert_int_equal(w.err, 0);
	assert_int_equal(w.len, HTTP1_HEAD_MAX);
	http1_writer_free(&w);

	value[room] = 'v';
	value[room + 1] = '\0';
	http1_write_status(&w, 200, NULL);
	http1_write_field(&w, "N", value);
	assert_int_equal(w.err, 0);
	http1_write_end(&w, NULL, 0);
	assert_int_equal(w.err, -EMSGSIZE);
	http1_writer_free(&w);
	free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_request),
		cmocka_unit_test(writes_status),
		cmocka_unit_test(writes_chunks),
		cmocka_unit_test(writer_refuses),
		cmocka_unit_test(writer_bounds),
		cmocka_unit_test(stays_in_lent_memory),
		cmocka_unit_test(grows_out_of_lent_memory),
		cmocka_unit_test(lent_nothing),
		cmocka_unit_test(lent_bounds),
		cmocka_unit_test(lent_and_refused),
		cmocka_unit_test(head_max),
		cmocka_unit_test(reasons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
