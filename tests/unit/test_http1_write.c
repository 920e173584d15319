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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_request),
		cmocka_unit_test(writes_status),
		cmocka_unit_test(writes_chunks),
		cmocka_unit_test(writer_refuses),
		cmocka_unit_test(writer_bounds),
		cmocka_unit_test(reasons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
