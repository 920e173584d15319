// SPDX-License-Identifier: MIT
/*
 * The proxy variables: which of them counts, what is taken from it, whom
 * NO_PROXY excepts, and what the configuration says of an unusable one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "net/proxy.h"

/* Pairs of name and value, ending with NULL. The result is good only until
 * the next call, as the interface has it. */
static const char *lookup(void *arg, const char *name)
{
	static char value[32768];
	const char *const *pairs = arg;

	memset(value, '?', sizeof(value) - 1);
	for (; *pairs; pairs += 2)
		if (strcmp(pairs[0], name) == 0)
			return strcpy(value, pairs[1]);
	return NULL;
}

#define READ(options, ...)                                                     \
	assert_int_equal(                                                      \
		proxy_read(options, lookup,                                    \
			   (const char *[]){ __VA_ARGS__, NULL, NULL }),       \
		0)

static struct url parsed(const char *text)
{
	struct url url;

	assert_int_equal(url_parse(&url, text, NULL), 0);
	return url;
}

static const struct proxy *for_text(const struct proxy_options *options,
				    const char *text)
{
	struct url url = parsed(text);

	return proxy_for(options, &url);
}

static void nothing_set(void **state)
{
	struct proxy_options o;
	struct url url = parsed("http://example.org");

	(void)state;
	assert_int_equal(proxy_read(&o, lookup, (const char *[]){ NULL }), 0);
	assert_null(for_text(&o, "https://example.org"));
	assert_null(proxy_unused(&o, &url));
	proxy_options_free(&o);
	proxy_options_free(&o);
}

/* The variable that counts, "-" for none. */
static void chosen(const char *variable, const char *host, const char *const *e)
{
	struct proxy_options o;
	const struct proxy *p;

	assert_int_equal(proxy_read(&o, lookup, (void *)e), 0);
	p = for_text(&o, "https://example.org");
	assert_string_equal(p ? p->variable : "-", variable);
	if (p) {
		assert_null(p->fault);
		assert_string_equal(p->host, host);
	}
	proxy_options_free(&o);
}

#define ENV(...) ((const char *const[]){ __VA_ARGS__, NULL, NULL })

static void precedence(void **state)
{
	(void)state;
	chosen("HTTPS_PROXY", "a", ENV("HTTPS_PROXY", "http://a:1"));
	chosen("https_proxy", "b",
	       ENV("HTTPS_PROXY", "http://a:1", "https_proxy", "http://b:1"));
	chosen("-", "", ENV("HTTPS_PROXY", "http://a:1", "https_proxy", ""));
	chosen("-", "", ENV("HTTPS_PROXY", "http://a:1", "https_proxy", " "));
	chosen("HTTPS_PROXY", "a",
	       ENV("HTTPS_PROXY", "a:1", "ALL_PROXY", "b:1", "all_proxy",
		   "c:1"));
	chosen("ALL_PROXY", "b", ENV("ALL_PROXY", "b:1"));
	chosen("all_proxy", "c", ENV("ALL_PROXY", "b:1", "all_proxy", "c:1"));
	chosen("ALL_PROXY", "b",
	       ENV("HTTPS_PROXY", "a:1", "https_proxy", "", "ALL_PROXY",
		   "b:1"));
	chosen("https_proxy", "b",
	       ENV("HTTPS_PROXY", "", "https_proxy", "b:1"));
	chosen("ALL_PROXY", "b", ENV("HTTPS_PROXY", "", "ALL_PROXY", "b:1"));
	chosen("-", "", ENV("ALL_PROXY", "b:1", "all_proxy", ""));
	chosen("-", "", ENV("HTTP_PROXY", "http://a:1", "http_proxy", "b:1"));
	chosen("HTTPS_PROXY", "a",
	       ENV("HTTPS_PROXY", "a:1", "REQUEST_METHOD", "GET"));
}

/* What becomes of a value: host, port, authorization (NULL: none). */
static void address(const char *value, const char *host, int port,
		    const char *authorization)
{
	struct proxy_options o;

	READ(&o, "HTTPS_PROXY", value);
	if (o.https.fault)
		print_error("%s: %s\n", value, o.https.fault);
	assert_null(o.https.fault);
	assert_string_equal(o.https.host, host);
	assert_int_equal(o.https.port, port);
	if (authorization) {
		assert_non_null(o.https.authorization);
		assert_string_equal(o.https.authorization, authorization);
	} else {
		assert_null(o.https.authorization);
	}
	proxy_options_free(&o);
}

static void addresses(void **state)
{
	(void)state;
	address("http://proxy.example:3128", "proxy.example", 3128, NULL);
	address(" HTTP://Proxy.Example:3128/ \n", "proxy.example", 3128, NULL);
	address("proxy:8080", "proxy", 8080, NULL);
	address("proxy", "proxy", 80, NULL);
	address("http://10.0.0.1", "10.0.0.1", 80, NULL);
	address("http://[::1]:3128", "::1", 3128, NULL);
	address("[fe80::1]:3128", "fe80::1", 3128, NULL);
	address("http://@proxy:1", "proxy", 1, NULL);
	/* The vectors of RFC 7617 and RFC 4648. */
	address("http://Aladdin:open%20sesame@proxy:1", "proxy", 1,
		"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	address("http://test:123%C2%a3@proxy:1", "proxy", 1,
		"Basic dGVzdDoxMjPCow==");
	address("http://fo:ba@proxy", "proxy", 80, "Basic Zm86YmE=");
	address("http://fo:bar@proxy", "proxy", 80, "Basic Zm86YmFy");
	/* Only a user; no user; colons and a bare @ or % in the password. */
	address("user@proxy:1", "proxy", 1, "Basic dXNlcjo=");
	address("http://:pw@proxy:1", "proxy", 1, "Basic OnB3");
	address("http://u:a:b@proxy:1", "proxy", 1, "Basic dTphOmI=");
	address("http://u:a@b@proxy:1", "proxy", 1, "Basic dTphQGI=");
	address("http://u:a%40b@proxy:1", "proxy", 1, "Basic dTphQGI=");
	address("http://u:%zz%@proxy:1", "proxy", 1, "Basic dTolenol");
}

/* A value that cannot be used, and a word of the reason. */
static void unusable(const char *value, const char *why)
{
	struct proxy_options o;

	READ(&o, "HTTPS_PROXY", value);
	assert_non_null(o.https.fault);
	if (!strstr(o.https.fault, why))
		fail_msg("%s: %s", value, o.https.fault);
	assert_null(strstr(o.https.fault, "secret"));
	/* It does not mean: directly. */
	assert_non_null(for_text(&o, "https://example.org"));
	proxy_options_free(&o);
}

static void bad_addresses(void **state)
{
	char *big = calloc(1, 4001);

	(void)state;
	unusable("socks5://proxy:1080", "SOCKS");
	unusable("SOCKS5h://user:secret@proxy:1080", "SOCKS");
	unusable("https://user:secret@proxy:443", "TLS");
	unusable("ftp://proxy", "only those");
	unusable("://proxy", "only those");
	unusable("http://", "no host");
	unusable("http://user:secret@", "no host");
	unusable("http://user:secret@proxy:0", "port is 0");
	unusable("http://user:sec/ret@proxy:1", "port is not a number");
	unusable("http://proxy:99999", "65535");
	unusable("http://proxy:1/wpad.dat", "path");
	unusable("http://proxy:1?x", "query");
	unusable("http://pro xy:1", "space");
	unusable("http://us%3Aer:secret@proxy:1", "colon");
	unusable("http://user:secret%0d%0aX:1@proxy:1", "control");
	unusable("http://user:secret%00@proxy:1", "control");
	unusable("http://%7f@proxy:1", "control");
	memset(big, 'u', 4000);
	memcpy(big, "http://", 7);
	strcpy(big + 3990, "@proxy:1");
	unusable(big, "too long");
	strcpy(big + 1200, "@proxy:1");
	unusable(big, "too long");
	memset(big, 'h', 4000);
	unusable(big, "too long");
	free(big);
}

static void direct(const char *list, const char *url, bool expected)
{
	struct proxy_options o;

	READ(&o, "HTTPS_PROXY", "p:1", "NO_PROXY", list);
	if (!for_text(&o, url) != expected)
		fail_msg("NO_PROXY=%s, %s: %s", list, url,
			 expected ? "goes through it" : "goes directly");
	proxy_options_free(&o);
}

static void excepted_names(void **state)
{
	(void)state;
	direct("*", "https://example.org", true);
	direct("a, * ,b", "https://example.org", true);
	direct("example.org", "https://example.org", true);
	direct("EXAMPLE.org", "https://example.ORG", true);
	direct("example.org", "https://example.org.", true);
	direct("example.org", "https://a.b.example.org", true);
	direct("example.org", "https://badexample.org", false);
	direct("example.org", "https://example.org.evil", false);
	direct("a.example.org", "https://example.org", false);
	direct(".example.org", "https://example.org", false);
	direct(".example.org", "https://a.example.org", true);
	direct("*.example.org", "https://a.example.org", true);
	direct("*.example.org", "https://example.org", false);
	direct("x,y ,example.org", "https://example.org", true);
	direct("x y\texample.org", "https://example.org", true);
	direct(",,. ,", "https://example.org", false);
	direct("*example.org", "https://example.org", true);
	direct("*example.org", "https://badexample.org", false);
	direct("..example.org", "https://a.example.org", false);
	direct("org", "https://example.org", true);
	direct("example", "https://example.org", false);
	direct("a;example.org", "https://example.org", false);
	direct("b*c.org", "https://bxc.org", false);
	direct("LOCALHOST", "https://localhost", true);
	direct("localhost", "https://a.localhost", true);
	direct("localhost", "https://localhost:8443", true);
	direct("localhost", "https://127.0.0.1", false);
	direct("", "https://localhost", false);
}

static void excepted_ports(void **state)
{
	(void)state;
	direct("example.org:8443", "https://example.org:8443", true);
	direct("example.org:8443", "https://a.example.org:8443", true);
	direct("example.org:8443", "https://example.org", false);
	direct("example.org:443", "https://example.org", true);
	direct("example.org:", "https://example.org", true);
	direct("[::1]:", "https://[::1]", true);
	direct("example.org:0", "https://example.org", false);
	direct(":8443", "https://example.org:8443", true);
	direct(":8443", "https://example.org", false);
	direct(":", "https://example.org", false);
	direct("https://example.org:443", "https://example.org:8443", false);
	direct(".example.org:8443", "https://a.example.org:8443", true);
	direct("localhost:8443", "https://localhost:8443", true);
	direct("example.org:80", "https://example.org", false);
	direct("example.org:x", "https://example.org", false);
	direct("127.0.0.1:8443", "https://127.0.0.1:8443", true);
	direct("127.0.0.1:8443", "https://127.0.0.1:8444", false);
	direct("[::1]:8443", "https://[::1]:8443", true);
	direct("[::1]:8443", "https://[::1]", false);
	direct("[::1", "https://[::1]", false);
}

static void excepted_literals(void **state)
{
	(void)state;
	direct("127.0.0.1", "https://127.0.0.1", true);
	direct("127.0.0.1", "https://127.0.0.2", false);
	direct("::1", "https://[::1]", true);
	direct("[::1]", "https://[::1]:9", true);
	direct("0:0:0::1", "https://[::1]", true);
	direct("::2", "https://[::1]", false);
	direct("10.0.0.0/8", "https://10.255.1.2", true);
	direct("10.0.0.0/8", "https://11.0.0.1", false);
	direct("10.1.2.0/23", "https://10.1.3.4", true);
	direct("10.1.2.0/23", "https://10.1.4.4", false);
	direct("0.0.0.0/0", "https://10.1.4.4", true);
	direct("0.0.0.0/0", "https://[::1]", false);
	direct("0.0.0.0/0", "https://example.org", false);
	direct("10.1.4.4/32", "https://10.1.4.4", true);
	direct("fd00::/8", "https://[fdab::1]", true);
	direct("fd00::/8", "https://[fe80::1]", false);
	direct("10/8", "https://10.0.0.0", false);
	/* No networks: only what stands before the slash. */
	direct("10.0.0.0/33", "https://10.0.0.0", true);
	direct("10.0.0.0/33", "https://10.0.0.1", false);
	direct("10.0.0.0/", "https://10.0.0.0", true);
	direct("10.0.0.0/", "https://10.0.0.1", false);
	direct("10.0.0.0/8x", "https://10.0.0.0", true);
	direct("10.0.0.0/8x", "https://10.0.0.1", false);
	direct("fd00::/129", "https://[fd00::]", true);
	direct("fd00::/129", "https://[fd00::1]", false);
	direct("example.org/8", "https://example.org", true);
	direct("example.org/a/b", "https://a.example.org", true);
}

static void excepted_schemes(void **state)
{
	(void)state;
	direct("https://example.org", "https://example.org", true);
	direct("all://example.org:8443", "https://example.org:8443", true);
	direct("https://example.org", "https://a.example.org", false);
	direct("http://example.org", "https://example.org", false);
	direct("al://example.org", "https://example.org", false);
	direct("://example.org", "https://example.org", true);
	direct("HTTPS://example.org", "https://example.org", true);
	direct("https://example.org:443", "https://example.org", true);
	direct("https://example.org/path", "https://example.org", true);
	direct("https://*.example.org", "https://a.example.org", true);
	direct("https://*.example.org", "https://example.org", false);
	direct("https://*example.org", "https://example.org", true);
	direct("https://*example.org", "https://a.example.org", true);
	direct("https://*example.org", "https://badexample.org", false);
	direct("https://", "https://example.org", true);
	direct("http://", "https://example.org", false);
	direct("http://*", "https://example.org", false);
	direct("https://:8443", "https://example.org", false);
}

/* Long lists and entries neither overflow nor match. */
static void excepted_long(void **state)
{
	char *list = calloc(1, 32001);

	(void)state;
	memset(list, 'a', 32000);
	list[1000] = '\0';
	direct(list, "https://aaaa", false);
	strcpy(list + 1000, ",example.org");
	direct(list, "https://example.org", true);
	memset(list, 'a', 32000);
	strcpy(list + 20000, ",example.org");
	direct(list, "https://example.org", false);
	free(list);
}

static void no_proxy_names(void **state)
{
	struct proxy_options o;

	(void)state;
	READ(&o, "HTTPS_PROXY", "p:1", "NO_PROXY", "a.org", "no_proxy",
	     "b.org");
	assert_null(for_text(&o, "https://b.org"));
	assert_non_null(for_text(&o, "https://a.org"));
	proxy_options_free(&o);
	READ(&o, "HTTPS_PROXY", "p:1", "NO_PROXY", "*", "no_proxy", "");
	assert_non_null(for_text(&o, "https://a.org"));
	proxy_options_free(&o);
}

static void unused(const char *variable, const char *text, const char *const *e)
{
	struct proxy_options o;
	struct url url = parsed(text);
	const char *name;

	assert_int_equal(proxy_read(&o, lookup, (void *)e), 0);
	name = proxy_unused(&o, &url);
	assert_string_equal(name ? name : "-", variable);
	if (!url.https)
		assert_null(proxy_for(&o, &url));
	proxy_options_free(&o);
}

/* Whatever is set, http goes directly, and one is told so. */
static void http_is_direct(void **state)
{
	const char *const *all = ENV("HTTP_PROXY", "p:1", "HTTPS_PROXY", "p:1",
				     "ALL_PROXY", "p:1");

	(void)state;
	unused("HTTP_PROXY", "http://example.org", all);
	unused("-", "https://example.org", all);
	unused("-", "http://localhost", all);
	unused("-", "http://a.localhost", all);
	unused("-", "http://127.1.2.3:80", all);
	unused("-", "http://[::1]", all);
	unused("HTTP_PROXY", "http://[::2]", all);
	unused("ALL_PROXY", "http://example.org", ENV("ALL_PROXY", "p:1"));
	unused("http_proxy", "http://example.org",
	       ENV("http_proxy", "socks5://p", "ALL_PROXY", "p:1"));
	unused("-", "http://example.org", ENV("HTTPS_PROXY", "p:1"));
	unused("-", "http://example.org",
	       ENV("HTTP_PROXY", "p:1", "REQUEST_METHOD", "GET"));
	unused("ALL_PROXY", "http://example.org",
	       ENV("HTTP_PROXY", "p:1", "REQUEST_METHOD", "GET", "ALL_PROXY",
		   "q:1"));
	unused("http_proxy", "http://example.org",
	       ENV("http_proxy", "p:1", "REQUEST_METHOD", "GET"));
	unused("-", "http://example.org",
	       ENV("HTTP_PROXY", "p:1", "NO_PROXY", "example.org"));
}

/* --- The configuration --- */

#define WITH(url)                                                              \
	"WORKSPACE_ID", "ws-1", "MOLECULE_WORKSPACE_TOKEN", "tok",             \
		"PLATFORM_URL", url

/* What the report on this environment is about; NULL: it is usable. */
static void judged(const char *variable, const char *const *e)
{
	struct config c;
	char *report;

	assert_int_equal(config_read(&c, lookup, (void *)e), 0);
	assert_int_equal(config_usable(&c), variable == NULL);
	report = config_report(&c);
	assert_non_null(report);
	if (variable && !strstr(report, variable))
		fail_msg("%s not in: %s", variable, report);
	assert_null(strstr(report, "secret"));
	free(report);
	config_free(&c);
}

static void config_refuses(void **state)
{
	(void)state;
	judged(NULL, ENV(WITH("https://e.org"), "HTTPS_PROXY", "http://p:1"));
	judged("  - HTTPS_PROXY: the proxy's address is not usable: it is a "
	       "SOCKS proxy",
	       ENV(WITH("https://e.org"), "HTTPS_PROXY",
		   "socks5://u:secret@p:1"));
	judged("  - all_proxy: ",
	       ENV(WITH("https://e.org"), "all_proxy", "socks5://p:1"));
	judged("HTTPS_PROXY is a reference",
	       ENV(WITH("https://e.org"), "HTTPS_PROXY", "${MY_PROXY}"));
	/* One that is not used does not matter. */
	judged(NULL, ENV(WITH("https://e.org"), "HTTPS_PROXY", "p:1",
			 "ALL_PROXY", "socks5://p:1"));
	judged(NULL, ENV(WITH("https://e.org"), "HTTPS_PROXY", "socks5://p:1",
			 "NO_PROXY", "e.org"));
	judged(NULL, ENV(WITH("http://e.org"), "HTTPS_PROXY", "socks5://p:1"));
	judged("PLATFORM_URL", ENV(WITH("nonsense"), "HTTPS_PROXY", "p:1"));
}

static void config_warns(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(
		config_read(&c, lookup,
			    (void *)ENV(WITH("http://e.org"), "HTTP_PROXY",
					"http://u:secret@p:1")),
		0);
	assert_true(config_usable(&c));
	assert_int_equal(c.warning_count, 1);
	assert_non_null(strstr(c.warnings[0], "HTTP_PROXY is not used"));
	assert_null(strstr(c.warnings[0], "secret"));
	config_free(&c);
	assert_int_equal(
		config_read(&c, lookup,
			    (void *)ENV(WITH("https://e.org"), "HTTP_PROXY",
					"p:1", "HTTPS_PROXY", "p:1")),
		0);
	assert_int_equal(c.warning_count, 0);
	assert_string_equal(c.proxies.https.host, "p");
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_set),
		cmocka_unit_test(precedence),
		cmocka_unit_test(addresses),
		cmocka_unit_test(bad_addresses),
		cmocka_unit_test(excepted_names),
		cmocka_unit_test(excepted_ports),
		cmocka_unit_test(excepted_literals),
		cmocka_unit_test(excepted_schemes),
		cmocka_unit_test(excepted_long),
		cmocka_unit_test(no_proxy_names),
		cmocka_unit_test(http_is_direct),
		cmocka_unit_test(config_refuses),
		cmocka_unit_test(config_warns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
