// SPDX-License-Identifier: MIT
/* tls, where a chain's signatures all hold but issuers have gone beyond what
 * they may, or names do not count: what tls_verify adds to BearSSL. */
#include "tests/unit/tls_world.h"

#include "net/cert.h"
#include "net/constraints.h"

#define OID_KEY_USAGE "\x55\x1d\x0f"
#define OID_BASIC "\x55\x1d\x13"
#define OID_NAME_LIMITS "\x55\x1d\x1e"
#define OID_EXTENDED "\x55\x1d\x25"
#define OID_STRANGER "\x55\x1d\x7f"
#define SERVER_AUTH "\x2b\x06\x01\x05\x05\x07\x03\x01"
#define CLIENT_AUTH "\x2b\x06\x01\x05\x05\x07\x03\x02"
#define DNS DER_CONTEXT(2)
#define ADDRESS DER_CONTEXT(7)
#define CERT_SIGN "\x02\x04"
#define KEY_AGREEMENT "\x03\x08"

/* Extensions, the last one first, since DER is written backwards. */
struct made_extensions {
	uint8_t buf[512];
	struct der_out out;
};

static struct made_extensions *begin(struct made_extensions *e)
{
	der_out_init(&e->out, e->buf, sizeof(e->buf));
	return e;
}

static struct der made_of(const struct made_extensions *e)
{
	CHECK(!e->out.full);
	return (struct der){ e->buf + e->out.at, e->out.cap - e->out.at };
}

/* Makes an extension of what stands from out->at to `end`. */
static void end_extension(struct made_extensions *e, const char *oid,
			  bool critical, size_t end)
{
	der_wrap(&e->out, DER_OCTET_STRING, end);
	if (critical)
		der_put_element(&e->out, DER_BOOLEAN, "\xff", 1);
	der_put_element(&e->out, DER_OID, oid, strlen(oid));
	der_wrap(&e->out, DER_SEQUENCE, end);
}

/* An issuer; below it as many others as `path` says, or -1. */
static void add_issuer(struct made_extensions *e, int path)
{
	size_t end = e->out.at;
	uint8_t number = (uint8_t)path;
	if (path >= 0)
		der_put_element(&e->out, DER_INTEGER, &number, 1);
	der_put_element(&e->out, DER_BOOLEAN, "\xff", 1);
	der_wrap(&e->out, DER_SEQUENCE, end);
	end_extension(e, OID_BASIC, true, end);
}

static void add_key_usage(struct made_extensions *e, const char *bits)
{
	size_t end = e->out.at;
	der_put_element(&e->out, DER_BIT_STRING, bits, 2);
	end_extension(e, OID_KEY_USAGE, true, end);
}

static void add_purpose(struct made_extensions *e, const char *oid,
			bool critical)
{
	size_t end = e->out.at;
	der_put_element(&e->out, DER_OID, oid, strlen(oid));
	der_wrap(&e->out, DER_SEQUENCE, end);
	end_extension(e, OID_EXTENDED, critical, end);
}

/* A constraint on names: `which` is 0 for permitted, 1 for excluded. */
struct limit {
	int which, tag;
	const char *base;
	size_t len; /* 0: of a string */
};

static void add_limits(struct made_extensions *e, bool critical,
		       const struct limit *limits, size_t count)
{
	size_t end = e->out.at;
	for (int which = 1; which >= 0; which--) {
		size_t tail = e->out.at;
		for (size_t i = 0; i < count; i++) {
			size_t at = e->out.at;
			if (limits[i].which != which)
				continue;
			der_put_element(&e->out, limits[i].tag, limits[i].base,
					limits[i].len ? limits[i].len
						      : strlen(limits[i].base));
			der_wrap(&e->out, DER_SEQUENCE, at);
		}
		if (e->out.at != tail)
			der_wrap(&e->out, DER_CONTEXT_OPEN(which), tail);
	}
	der_wrap(&e->out, DER_SEQUENCE, end);
	end_extension(e, OID_NAME_LIMITS, critical, end);
}

/* TLS_OK, or what it is refused for. */
static void expect(struct rt *rt, const struct chain_wish *wish,
		   const char *host, enum tls_fault fault, const char *words,
		   int line)
{
	struct world w;
	struct stream *s = NULL;
	char text[1024];

	world_open(rt, &w, wish);
	int err = try_connect(&w, echo, host, &s);
	tls_error_text(&w.error, text, sizeof(text));
	if (!CHECK(w.error.fault == fault) ||
	    !CHECK(err == (fault ? -EKEYREJECTED : 0)) ||
	    !CHECK(!fault || strstr(text, words)))
		fprintf(stderr, "line %d: %d, %s\n", line, err, text);
	if (s)
		stream_close(s);
	world_close(&w);
}

#define EXPECT(host, fault, words, ...)                                        \
	expect(rt, &(struct chain_wish){ __VA_ARGS__ }, host, fault, words,    \
	       __LINE__)

/* --- Issuers --- */

static int issuers(struct rt *rt, void *arg)
{
	struct made_extensions e;

	(void)arg;
	add_issuer(begin(&e), 0);
	EXPECT("test.example", TLS_OK, "", .middle_extensions = made_of(&e));
	EXPECT("test.example", TLS_NOT_AN_ISSUER, "may not issue",
	       .root_extensions = made_of(&e));
	add_issuer(begin(&e), 1);
	EXPECT("test.example", TLS_OK, "", .root_extensions = made_of(&e));
	add_key_usage(begin(&e), KEY_AGREEMENT);
	add_issuer(&e, -1);
	EXPECT("test.example", TLS_NOT_AN_ISSUER, "may not issue",
	       .middle_extensions = made_of(&e));
	EXPECT("test.example", TLS_NOT_AN_ISSUER, "may not issue",
	       .root_extensions = made_of(&e));
	add_key_usage(begin(&e), CERT_SIGN);
	add_issuer(&e, -1);
	EXPECT("test.example", TLS_OK, "", .middle_extensions = made_of(&e),
	       .root_extensions = made_of(&e));
	EXPECT("test.example", TLS_EXPIRED, "(\"Test Intermediate\") expired",
	       .middle_to = -60);
	return 0;
}

static int purposes(struct rt *rt, void *arg)
{
	struct made_extensions e;

	(void)arg;
	add_purpose(begin(&e), CLIENT_AUTH, false);
	add_issuer(&e, -1);
	EXPECT("test.example", TLS_WRONG_PURPOSE,
	       "\"Test Intermediate\" is not meant for",
	       .middle_extensions = made_of(&e));
	EXPECT("test.example", TLS_WRONG_PURPOSE,
	       "\"Test Root\" is not meant for servers",
	       .root_extensions = made_of(&e));
	add_purpose(begin(&e), SERVER_AUTH, false);
	add_issuer(&e, -1);
	EXPECT("test.example", TLS_OK, "", .middle_extensions = made_of(&e),
	       .root_extensions = made_of(&e));
	/* BearSSL does not know that one, and says so if it must. */
	add_purpose(begin(&e), SERVER_AUTH, true);
	EXPECT("test.example", TLS_CRITICAL,
	       "\"Test Leaf\" has name constraints or the like",
	       .leaf_extensions = made_of(&e));
	/* A key that may not sign cannot do ECDHE. */
	add_key_usage(begin(&e), KEY_AGREEMENT);
	EXPECT("test.example", TLS_WRONG_USE, "digitalSignature",
	       .leaf_extensions = made_of(&e));
	size_t end = begin(&e)->out.at;
	end_extension(&e, OID_STRANGER, true, end);
	EXPECT("test.example", TLS_CRITICAL, "marked critical",
	       .leaf_extensions = made_of(&e));
	end = begin(&e)->out.at;
	end_extension(&e, OID_STRANGER, false, end);
	EXPECT("test.example", TLS_OK, "", .leaf_extensions = made_of(&e));
	return 0;
}

/* Twice the same: nobody knows which one counts. */
static int doubled(struct rt *rt, void *arg)
{
	struct made_extensions e;
	struct cert cert;

	(void)arg;
	for (int twice = 0; twice < 2; twice++) {
		add_purpose(begin(&e), SERVER_AUTH, false);
		if (twice)
			add_purpose(&e, CLIENT_AUTH, false);
		struct chain *c = chain_new(
			rt,
			&(struct chain_wish){ .leaf_extensions = made_of(&e) });
		CHECK_EQ(
			cert_parse(&cert, (struct der){ c->leaf, c->leaf_len }),
			twice ? -EBADMSG : 0);
		chain_free(c);
	}
	return 0;
}

/* --- Names --- */

static const char *const one_host[] = { "test.example", NULL };
static const char *const address[] = { "127.0.0.1", NULL };
static const char *const wild[] = { "*.test.example", NULL };
static const struct {
	struct limit limit;
	const char *const *hosts;
	const char *host;
	bool good;
} constraint_cases[] = {
	{ { 0, DNS, "example", 0 }, one_host, "test.example", true },
	{ { 0, DNS, "EXAMPLE", 0 }, one_host, "test.example", true },
	{ { 0, DNS, ".example", 0 }, one_host, "test.example", true },
	{ { 0, DNS, "test.example", 0 }, one_host, "test.example", true },
	{ { 0, DNS, ".test.example", 0 }, one_host, "test.example", false },
	{ { 0, DNS, "st.example", 0 }, one_host, "test.example", false },
	{ { 0, DNS, "other.example", 0 }, one_host, "test.example", false },
	{ { 1, DNS, "other.example", 0 }, one_host, "test.example", true },
	{ { 1, DNS, "example", 0 }, one_host, "test.example", false },
	/* The star stands for what is excluded. */
	{ { 1, DNS, "a.test.example", 0 }, wild, "a.test.example", false },
	{ { 1, DNS, "a.test.example", 0 }, wild, "b.test.example", true },
	{ { 0, DNS, "a.test.example", 0 }, wild, "a.test.example", false },
	{ { 0, ADDRESS, "\x7f\0\0\0\xff\0\0\0", 8 },
	  address,
	  "127.0.0.1",
	  true },
	{ { 0, ADDRESS, "\x0a\0\0\0\xff\0\0\0", 8 },
	  address,
	  "127.0.0.1",
	  false },
	{ { 1, ADDRESS, "\x7f\0\0\0\xff\0\0\0", 8 },
	  address,
	  "127.0.0.1",
	  false },
	/* On names of another kind than those that there are. */
	{ { 0, ADDRESS, "\x0a\0\0\0\xff\0\0\0", 8 },
	  one_host,
	  "test.example",
	  true },
	{ { 0, DER_CONTEXT(6), "example", 0 }, one_host, "test.example", true },
	/* A subject that cannot be compared. */
	{ { 1, DER_CONTEXT_OPEN(4), "\x30\x02\x31\0", 4 },
	  one_host,
	  "test.example",
	  false },
	{ { 0, DER_CONTEXT_OPEN(4), "\x30\0", 2 },
	  one_host,
	  "test.example",
	  true },
};

static int constrained(struct rt *rt, void *arg)
{
	size_t count = sizeof(constraint_cases) / sizeof(constraint_cases[0]);
	struct made_extensions e;

	(void)arg;
	for (size_t i = 0; i < count; i++) {
		for (int root = 0; root < 2; root++) {
			struct chain_wish wish = {
				.hosts = constraint_cases[i].hosts
			};
			begin(&e);
			/* Of a root it counts as well, critical or not. */
			add_limits(&e, root, &constraint_cases[i].limit, 1);
			add_issuer(&e, -1);
			if (root)
				wish.root_extensions = made_of(&e);
			else
				wish.middle_extensions = made_of(&e);
			expect(rt, &wish, constraint_cases[i].host,
			       constraint_cases[i].good ? TLS_OK
							: TLS_CONSTRAINED,
			       "its name constraints", (int)i);
		}
	}
	/* BearSSL passes over what is not critical only. */
	begin(&e);
	add_limits(&e, true, &constraint_cases[0].limit, 1);
	add_issuer(&e, -1);
	EXPECT("test.example", TLS_CRITICAL,
	       "\"Test Intermediate\" has name constraints",
	       .middle_extensions = made_of(&e));
	return 0;
}

static int names(struct rt *rt, void *arg)
{
	static const char *const wide[] = { "*.example", NULL };
	static const char *const part[] = { "t*.w.example", NULL };
	static const char *const common[] = { "test.example", NULL };

	(void)arg;
	EXPECT("test.example", TLS_NO_NAMES,
	       "must be issued anew, with the name", .hosts = common,
	       .no_names = true);
	EXPECT("test.example", TLS_WRONG_HOST, "but for: *.example",
	       .hosts = wide);
	EXPECT("test.w.example", TLS_WRONG_HOST, "but for: t*.w.example",
	       .hosts = part);
	EXPECT("xtest.example", TLS_WRONG_HOST, "", .hosts = common);
	/* A name that is an address by looks only. */
	static const char *const looks[] = { "10.0.0.1.example", NULL };
	EXPECT("10.0.0.1", TLS_WRONG_HOST, "", .hosts = looks);
	return 0;
}

/* Names as they stand in certificates, whatever may be in them. */
static void test_hosts(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		const char *host;
		bool good;
	} cases[] = {
		{ "a.example", 9, "a.example", true },
		{ "A.EXAMPLE", 9, "a.example", true },
		{ "a.example\0.b.example", 20, "a.example", false },
		{ "a.example\0", 10, "a.example", false },
		{ "a.example", 9, "a.example.b", false },
		{ "*.b.example", 11, "a.b.example", true },
		{ "*.b.example", 11, "b.example", false },
		{ "*.b.example", 11, ".b.example", false },
		{ "*.b.example", 11, "x.a.b.example", false },
		{ "*.example", 9, "a.example", false },
		{ "*.", 2, "a.", false },
		{ "*", 1, "a", false },
		{ "**.example.b", 12, "a.example.b", false },
		{ "", 0, "", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t buf[64];
		struct der_out out;
		der_out_init(&out, buf, sizeof(buf));
		der_put_element(&out, DNS, cases[i].name, cases[i].len);
		struct cert cert = { .names = { buf + out.at,
						out.cap - out.at } };
		if (cert_has_host(&cert, cases[i].host) != cases[i].good)
			fail_msg("%s for %s", cases[i].name, cases[i].host);
	}
}

/* What is no proper extension allows nothing. */
static void test_broken(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool good;
	} cases[] = {
		{ "", 0, true },
		{ "\x30\0", 2, true },
		{ "\x30\x01", 2, false },
		{ "\x31\0", 2, false },
		{ "\x30\x02\xa2\0", 4, false },
		/* A base with a depth. */
		{ "\x30\x0b\xa1\x09\x30\x07\x82\x02xy\x80\x01\x01", 13, false },
		{ "\x30\x08\xa1\x06\x30\x04\x82\x02xy", 10, true },
		{ "\x30\x08\xa1\x06\x30\x05\x82\x02xy", 10, false },
	};
	static const uint8_t subject[] = { 0x30, 0 };
	const struct cert cert = { .subject = { subject, sizeof(subject) } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct der der = { (const uint8_t *)cases[i].bytes,
				   cases[i].len };
		if (constraints_allow(der, &cert, "a.example") != cases[i].good)
			fail_msg("case %zu", i);
	}
}

/* Sets of one attribute each, O and then CN. */
#define SET(oid, tag, text)                                                    \
	"\x31\x0c\x30\x0a\x06\x03\x55\x04" oid tag "\x03" text
#define O "\x0a"
#define CN "\x03"
#define PRINTABLE "\x13"
#define UTF8 "\x0c"

/* The same name may be written in more than one way. */
static void test_directories(void **state)
{
	static const struct {
		const char *name, *base;
		bool good;
	} cases[] = {
		{ SET(O, PRINTABLE, "Org") SET(CN, UTF8, "Abc"),
		  SET(O, UTF8, "oRG"), true },
		{ SET(O, PRINTABLE, "Org"), SET(O, UTF8, "Orh"), false },
		{ SET(O, PRINTABLE, "Org"), SET(CN, PRINTABLE, "Org"), false },
		{ SET(O, PRINTABLE, "Org"),
		  SET(O, PRINTABLE, "Org") SET(CN, UTF8, "Sub"), false },
		{ SET(O, PRINTABLE, "Org"), "", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct der name = { (const uint8_t *)cases[i].name,
				    strlen(cases[i].name) };
		struct der base = { (const uint8_t *)cases[i].base,
				    strlen(cases[i].base) };
		bool begins;
		assert_true(cert_name_begins(name, base, &begins));
		if (begins != cases[i].good)
			fail_msg("case %zu", i);
	}
}

WORLD_TEST(issuers)
WORLD_TEST(purposes)
WORLD_TEST(doubled)
WORLD_TEST(constrained)
WORLD_TEST(names)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_issuers),
		cmocka_unit_test(test_purposes),
		cmocka_unit_test(test_doubled),
		cmocka_unit_test(test_constrained),
		cmocka_unit_test(test_directories),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
