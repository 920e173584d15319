// SPDX-License-Identifier: MIT
/*
 * Which bytes may stand in a head. What looks at eight of them at once is held
 * against what looks at one, for every byte in every place, and every two
 * beside each other: a borrow goes from one to the next.
 */
#include "tests/unit/http1_fixture.h"

#include "proto/http1_chars.h"

#define LEN_MAX 20

static bool is_text(unsigned c)
{
	return c == 9 || (c >= 32 && c <= 126) || c >= 128;
}

static bool is_target(unsigned c)
{
	return c >= 33 && c <= 126 && c != 35;
}

/* The lower case of a tchar, else 0. */
static unsigned lower_tchar(unsigned c)
{
	if (c >= 'A' && c <= 'Z')
		return c + 32;
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
		return c;
	return c != 0 && strchr("!#$%&'*+-.^_`|~", (int)c) ? c : 0;
}

/* Holds both against the reference; `bytes` ends where its memory does. */
static void compare(const unsigned char *bytes, size_t len)
{
	bool text = true, target = len > 0;

	for (size_t i = 0; i < len; i++) {
		text = text && is_text(bytes[i]);
		target = target && is_target(bytes[i]);
	}
	if (http1_text((const char *)bytes, len) == text &&
	    http1_target((const char *)bytes, len) == target)
		return;
	for (size_t i = 0; i < len; i++)
		print_message("%02x ", bytes[i]);
	fail_msg("text is %d, target is %d", text, target);
}

static void names(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		assert_int_equal(http1_tchars[c], lower_tchar(c));
		assert_int_equal(http1_is_tchar((unsigned char)c),
				 lower_tchar(c) != 0);
	}
}

static void nothing(void **state)
{
	(void)state;
	assert_true(http1_text("\n", 0));
	assert_false(http1_target("/", 0));
}

static void each_byte_in_each_place(void **state)
{
	/* Good for both, for a text only, and for neither. */
	static const unsigned char around[] = { '!',  '/',  '~', ' ',
						0x80, 0xff, 0x01 };

	(void)state;
	for (size_t len = 1; len <= LEN_MAX; len++) {
		unsigned char *bytes = malloc(len);

		for (size_t a = 0; a < sizeof(around); a++)
			for (size_t at = 0; at < len; at++)
				for (unsigned c = 0; c < 256; c++) {
					memset(bytes, around[a], len);
					bytes[at] = (unsigned char)c;
					compare(bytes, len);
				}
		free(bytes);
	}
}

static void each_two_in_each_place(void **state)
{
	const size_t len = 17; /* two words and a rest */
	unsigned char *bytes = malloc(len);

	(void)state;
	memset(bytes, 'a', len);
	for (size_t at = 0; at + 1 < len; at++) {
		for (unsigned two = 0; two < 0x10000; two++) {
			bytes[at] = (unsigned char)(two >> 8);
			bytes[at + 1] = (unsigned char)two;
			compare(bytes, len);
		}
		bytes[at] = 'a';
	}
	free(bytes);
}

/* Bytes near the edges, in every mixture that is likely to go wrong. */
static void mixtures(void **state)
{
	static const unsigned char edges[] = {
		0x00, 0x08, '\t', '\n', '\r', 0x1f, ' ',  '!',	'"',  '#',
		'$',  'a',  '~',  0x7f, 0x80, 0x9f, 0xa0, 0xa3, 0xfe, 0xff,
	};
	uint64_t seed = 3;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		size_t len = (size_t)i % (LEN_MAX + 1);
		unsigned char *bytes = malloc(len + 1);

		for (size_t k = 0; k < len; k++) {
			seed = seed * 6364136223846793005u +
			       1442695040888963407u;
			/* Most are good, else a whole word never is. */
			bytes[k] =
				seed >> 61
					? 'b'
					: edges[(seed >> 32) % sizeof(edges)];
		}
		compare(bytes, len);
		free(bytes);
	}
}

/* Where in a head a byte stands that is read. */
struct place {
	const char *before, *after;
	enum http1_kind kind;
	bool (*fits)(unsigned c);
};

static bool is_name(unsigned c)
{
	return lower_tchar(c) != 0;
}

/* Or it ends the name. */
static bool is_name_or_colon(unsigned c)
{
	return c == ':' || is_name(c);
}

static const struct place places[] = {
	{ "G", "T / HTTP/1.1\r\n" HOST "\r\n", REQ, is_name },
	{ "GET /", " HTTP/1.1\r\n" HOST "\r\n", REQ, is_target },
	{ "GET /234567", "/ HTTP/1.1\r\n" HOST "\r\n", REQ, is_target },
	{ "GET /2345678", " HTTP/1.1\r\n" HOST "\r\n", REQ, is_target },
	{ "HTTP/1.1 200 ", "b\r\n\r\n", RES, is_text },
	{ "HTTP/1.1 200 01234567", "9\r\n\r\n", RES, is_text },
	{ "HTTP/1.1 200 0123456", "89\r\n\r\n", RES, is_text },
	{ OK "Name:", "b\r\n\r\n", RES, is_text },
	{ OK "Name:0123456", "8\r\n\r\n", RES, is_text },
	{ OK "Name:01234567", "9\r\n\r\n", RES, is_text },
	{ OK "Name: a", "\r\n\r\n", RES, is_text },
	{ OK "", "ame: x\r\n\r\n", RES, is_name },
	{ OK "N", "me: x\r\n\r\n", RES, is_name_or_colon },
	{ OK "Nam", ": x\r\n\r\n", RES, is_name_or_colon },
};

static int read_with(const struct place *place, unsigned c)
{
	struct http1_parser p;
	struct result r = { 0 };
	char head[96];
	size_t at = strlen(place->before);
	int err;

	(void)snprintf(head, sizeof(head), "%s_%s", place->before,
		       place->after);
	head[at] = (char)c;
	http1_parser_init(&p, place->kind, &(struct http1_limits){ 0 });
	err = feed(&p, &r, head, at + 1 + strlen(place->after));
	http1_parser_free(&p);
	return err;
}

static void reads_each_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		for (unsigned c = 0; c < 256; c++) {
			int err = places[i].fits(c) ? 0 : -EBADMSG;

			if (read_with(&places[i], c) != err)
				fail_msg("%s<%02x>%s is not %d",
					 places[i].before, c, places[i].after,
					 err);
		}
}

/* Names are read in lower case, whatever stands between the letters. */
static void reads_names(void **state)
{
	char head[512] = OK, want[256];
	struct http1_parser p;
	struct result r = { 0 };
	size_t at = strlen(head), len = 0;

	(void)state;
	for (unsigned c = 1; c < 256; c++)
		if (lower_tchar(c)) {
			head[at++] = (char)c;
			want[len++] = (char)lower_tchar(c);
		}
	want[len] = '\0';
	(void)snprintf(head + at, sizeof(head) - at, ":Value\r\n\r\n");
	http1_parser_init(&p, RES, &(struct http1_limits){ .body_max = 1 });
	assert_int_equal(feed(&p, &r, head, strlen(head)), 0);
	assert_string_equal(http1_field(&p, want), "Value");
	assert_null(http1_field(&p, want + 1));
	http1_parser_free(&p);
}

/* What is written of one part that is `text`: 0 or the error. */
static int write_name(struct http1_writer *w, const char *text)
{
	http1_write_field(w, text, "v");
	return w->err;
}

static int write_value(struct http1_writer *w, const char *text)
{
	http1_write_field(w, "N", text);
	return w->err;
}

static int write_method(struct http1_writer *w, const char *text)
{
	http1_write_request(w, text, "/");
	return w->err;
}

static int write_target(struct http1_writer *w, const char *text)
{
	http1_write_request(w, "GET", text);
	return w->err;
}

static int write_reason(struct http1_writer *w, const char *text)
{
	http1_write_status(w, 200, text);
	return w->err;
}

static void writes_each_byte(void **state)
{
	static const struct {
		int (*write)(struct http1_writer *w, const char *text);
		bool (*fits)(unsigned c);
	} parts[] = {
		{ write_name, is_name },   { write_value, is_text },
		{ write_method, is_name }, { write_target, is_target },
		{ write_reason, is_text },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		for (size_t at = 0; at < 18; at++)
			for (unsigned c = 1; c < 256; c++) {
				char text[] = "ABCDEFGHIJKLMNOPQR";
				struct http1_writer w = { 0 };
				int want = parts[i].fits(c) ? 0 : -EINVAL;

				text[at] = (char)c;
				if (parts[i].write(&w, text) != want)
					fail_msg("part %zu: %02x at %zu", i, c,
						 at);
				http1_writer_free(&w);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(nothing),
		cmocka_unit_test(each_byte_in_each_place),
		cmocka_unit_test(each_two_in_each_place),
		cmocka_unit_test(mixtures),
		cmocka_unit_test(reads_each_byte),
		cmocka_unit_test(reads_names),
		cmocka_unit_test(writes_each_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
