// SPDX-License-Identifier: MIT
/* Base addresses: what is accepted and into what, what is refused and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/url.h"

static void accepts(void **state)
{
	static const struct {
		const char *text;
		bool https;
		const char *host;
		uint16_t port;
		bool literal6;
		const char *authority, *path;
	} good[] = {
		{ "http://platform.example", false, "platform.example", 80,
		  false, "platform.example", "" },
		{ "http://platform.example/", false, "platform.example", 80,
		  false, "platform.example", "" },
		{ "https://Platform.Example", true, "platform.example", 443,
		  false, "platform.example", "" },
		{ "HTTPS://a:443", true, "a", 443, false, "a", "" },
		{ "https://a:80", true, "a", 80, false, "a:80", "" },
		{ "http://a:443", false, "a", 443, false, "a:443", "" },
		{ "http://localhost:8080///", false, "localhost", 8080, false,
		  "localhost:8080", "" },
		{ "http://localhost:/", false, "localhost", 80, false,
		  "localhost", "" },
		{ "http://127.0.0.1:65535/a/b/", false, "127.0.0.1", 65535,
		  false, "127.0.0.1:65535", "/a/b" },
		{ "http://[::1]", false, "::1", 80, true, "[::1]", "" },
		{ "http://[2001:DB8::A]:81/x%2Fy", false, "2001:db8::a", 81,
		  true, "[2001:db8::a]:81", "/x%2Fy" },
		{ "http://a_b.c-d.example./~u;v=1", false, "a_b.c-d.example.",
		  80, false, "a_b.c-d.example.", "/~u;v=1" },
		{ "http://10.example", false, "10.example", 80, false,
		  "10.example", "" },
		{ "http://xn--nxasmq6b.4you", false, "xn--nxasmq6b.4you", 80,
		  false, "xn--nxasmq6b.4you", "" },
		{ "http://a:00080/.well-known/..x", false, "a", 80, false, "a",
		  "/.well-known/..x" },
		{ "http://a/b//c", false, "a", 80, false, "a", "/b//c" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct url url;
		const char *why = "unset";
		print_message("%s\n", good[i].text);
		assert_int_equal(url_parse(&url, good[i].text, &why), 0);
		assert_null(why);
		assert_int_equal(url.https, good[i].https);
		assert_string_equal(url.host, good[i].host);
		assert_int_equal(url.port, good[i].port);
		assert_int_equal(url.literal6, good[i].literal6);
		assert_string_equal(url.authority, good[i].authority);
		assert_string_equal(url.path, good[i].path);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "must begin" },
		{ "platform.example", "must begin" },
		{ "ftp://a", "must begin" },
		{ "http:/a", "must begin" },
		{ "http:", "must begin" },
		{ "httpss://a", "must begin" },
		{ " http://a", "space" },
		{ "http://a b", "space" },
		{ "http://a\t", "space" },
		{ "http://a/\r\nX: y", "space" },
		{ "http://a/\x7f", "%XX" },
		{ "http://b\xc3\xbc"
		  "cher.example",
		  "xn--" },
		{ "http://", "no host" },
		{ "http:///path", "no host" },
		{ "http://:80", "no host" },
		{ "http://[]", "no host" },
		{ "http://u@a", "user name" },
		{ "http://u:p@a", "user name" },
		{ "http://a@b@c:1", "user name" },
		{ "http://a?q", "query" },
		{ "http://a/p?q=1", "query" },
		{ "http://a#f", "fragment" },
		{ "http://a/p#f", "fragment" },
		{ "http://a\\b", "%XX" },
		{ "http://a:b", "not a number" },
		{ "http://a:-1", "not a number" },
		{ "http://a:80x", "not a number" },
		{ "http://a:+80", "not a number" },
		{ "http://a:0", "port is 0" },
		{ "http://a:65536", "65535" },
		{ "http://a:99999999999999999999", "65535" },
		{ "http://[::1]:65536", "65535" },
		{ "http://a:1:2", "brackets" },
		{ "http://::1", "brackets" },
		{ "http://[::1", "not closed" },
		{ "http://[::1]x", "after its host" },
		{ "http://[::1]80", "after its host" },
		{ "http://[127.0.0.1]", "not an IPv6" },
		{ "http://[fe80::1%25eth0]", "zones" },
		{ "http://[:::]", "not an IPv6" },
		{ "http://a..b", "empty part" },
		{ "http://.a", "empty part" },
		{ "http://.", "empty part" },
		{ "http://a$b", "host names do not have" },
		{ "http://a%41", "host names do not have" },
		{ "http://a,b", "host names do not have" },
		{ "http://127.1", "IPv4" },
		{ "http://256.0.0.1", "IPv4" },
		{ "http://1.2.3.4.5", "IPv4" },
		{ "http://0x7f000001", "IPv4" },
		{ "http://2130706433", "IPv4" },
		{ "http://a/%", "hex digits" },
		{ "http://a/%4", "hex digits" },
		{ "http://a/%4g", "hex digits" },
		{ "http://a/..", ". or .." },
		{ "http://a/b/../c", ". or .." },
		{ "http://a/./c", ". or .." },
		{ "http://a/b|c", "%XX" },
		{ "http://a/\"", "%XX" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct url url;
		const char *why = NULL;
		print_message("%s\n", bad[i].text);
		assert_int_equal(url_parse(&url, bad[i].text, &why), -EINVAL);
		assert_non_null(why);
		assert_non_null(strstr(why, bad[i].why));
		assert_int_equal(url_parse(&url, bad[i].text, NULL), -EINVAL);
	}
}

/* An address of `len` characters: a host of one letter, then a path. */
static char *long_path(size_t len)
{
	char *text = malloc(len + 1);
	assert_non_null(text);
	memset(text, 'p', len);
	memcpy(text, "http://a/", 9);
	text[len] = '\0';
	return text;
}

static void bounds(void **state)
{
	struct url url;
	const char *why;
	char text[400] = "http://";
	(void)state;

	char *fits = long_path(URL_MAX - 1);
	assert_int_equal(url_parse(&url, fits, &why), 0);
	assert_int_equal(strlen(url.path), URL_MAX - 1 - 8);
	free(fits);
	char *over = long_path(URL_MAX);
	assert_int_equal(url_parse(&url, over, &why), -EINVAL);
	assert_non_null(strstr(why, "2047"));
	free(over);

	for (size_t i = 0; i < URL_HOST_MAX; i++)
		text[7 + i] = i % 50 == 49 ? '.' : 'h';
	memcpy(text + 7 + URL_HOST_MAX, ":65535", 7);
	assert_int_equal(url_parse(&url, text, &why), 0);
	assert_int_equal(strlen(url.host), URL_HOST_MAX);
	assert_int_equal(strlen(url.authority), URL_HOST_MAX + 6);
	memcpy(text + 7 + URL_HOST_MAX, "x:65535", 8);
	assert_int_equal(url_parse(&url, text, &why), -EINVAL);
	assert_non_null(strstr(why, "255"));

	memset(text + 7, 'h', 63);
	strcpy(text + 70, ".example");
	assert_int_equal(url_parse(&url, text, &why), 0);
	memset(text + 7, 'h', 64);
	strcpy(text + 71, ".example");
	assert_int_equal(url_parse(&url, text, &why), -EINVAL);
	assert_non_null(strstr(why, "63"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),
		cmocka_unit_test(refuses),
		cmocka_unit_test(bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
