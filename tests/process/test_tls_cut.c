// SPDX-License-Identifier: MIT
/*
 * molecule-mcp and a TLS server that does not do its part: the connection is
 * cut, in the handshake or in an answer, or what is there speaks no TLS. No
 * answer that was cut is believed, nothing leaves before the
 * handshake is over, and when all is well again so is molecule-mcp.
 */
#include "harness.h"
#include "harness_pki.h"
#include "harness_tls.h"

#include <stdlib.h>
#include <string.h>

#define SECRET_FILE ".platform_inbound_secret"
#define SECRET "inbound-secret-0123456789"
#define BODY "{'status':'registered','platform_inbound_secret':'" SECRET "'}"

/* A good server behind a tap that does as told. */
static void start(struct tls_world *w, struct tap_how how, const char *extra)
{
	struct nginx_how nginx = tls_cert(w, "ec-chain.pem", "ec-leaf.key");

	nginx.extra = extra;
	tls_start(w, &nginx, "ec-root.pem");
	if (!how.say && !how.close && how.cut != TAP_WHOLE)
		how.to = w->nginx.port;
	tap_set(w->tap, &how);
}

static void expect_healed(struct tls_world *w, struct child *mcp)
{
	tap_set(w->tap, &(struct tap_how){ .to = w->nginx.port });
	fake_expect(w->rig->fake, "POST", REGISTER, 0);
	child_expect_stderr(mcp, "molecule-mcp: registration works again");
	assert_true(tap_records(w->tap, RECORD_DATA) > 0);
}

/* Nothing but handshakes, and in words what is wrong. */
static struct child *expect_refused(struct tls_world *w, const char *words)
{
	struct child *mcp = rig_start(w->rig);

	mcp_hello(mcp);
	child_expect_stderr(mcp, rig_text(w->rig,
					  "molecule-mcp: registration failed: "
					  "localhost %s",
					  words));
	tap_expect_connections(w->tap, 3);
	assert_true(tap_only_handshakes(w->tap));
	assert_int_equal(fake_connections(w->rig->fake), 0);
	return mcp;
}

static void expect_no_handshake(struct tls_world *w, const char *words)
{
	expect_healed(w, expect_refused(w, words));
}

/* ---- no TLS ----------------------------------------------------------- */

static void garbage(void **state)
{
	struct tls_world *w = *state;

	start(w, (struct tap_how){ .say = "SSH-2.0-OpenSSH_9.2p1 Debian\r\n" },
	      NULL);
	expect_no_handshake(w, "does not speak TLS on that port");
}

/* As if it were a record, of a type and a version there are not. */
static void garbage_as_record(void **state)
{
	struct tls_world *w = *state;

	start(w,
	      (struct tap_how){ .say = "\x16\x09\x01\x01\x05hello",
				.close = true },
	      NULL);
	expect_no_handshake(w, "does not speak TLS on that port");
}

/* A record of a handshake, with something in it that is none. */
static void garbage_in_record(void **state)
{
	struct tls_world *w = *state;

	start(w,
	      (struct tap_how){ .say = "\x16\x03\x03\x01\x05\xff\xff\xff\xff"
				       "this is not a message of TLS at all, "
				       "and it is too long as well" },
	      NULL);
	expect_no_handshake(w, "broke the TLS protocol");
}

static void plain_answer(void **state)
{
	struct tls_world *w = *state;

	start(w,
	      (struct tap_how){ .say = "HTTP/1.0 400 Bad Request\r\n\r\n",
				.close = true },
	      NULL);
	expect_no_handshake(w, "answers in plain HTTP on that port: use "
			       "http://, or its port for https");
}

/* As a server that wants no such client says so: fatal, access_denied. */
static void alert(void **state)
{
	struct tls_world *w = *state;

	start(w,
	      (struct tap_how){ .say = "\x15\x03\x03\x00\x02\x02\x31",
				.say_len = 7,
				.close = true },
	      NULL);
	expect_no_handshake(w, "refused the TLS handshake (alert 49, ");
}

/* ---- cut in the handshake --------------------------------------------- */

static void cut_handshake(struct tls_world *w, size_t at)
{
	struct child *mcp;

	start(w, (struct tap_how){ .cut = TAP_CUT_BYTES, .at = at }, NULL);
	mcp = expect_refused(w, "closed the connection during the TLS "
				"handshake");
	tap_expect_cuts(w->tap, 3);
	expect_healed(w, mcp);
}

static void closed_at_once(void **state)
{
	struct tls_world *w = *state;

	start(w, (struct tap_how){ .close = true }, NULL);
	expect_no_handshake(w, "closed the connection during the TLS "
			       "handshake");
}

static void cut_in_a_header(void **state)
{
	cut_handshake(*state, 3);
}

static void cut_in_the_hello(void **state)
{
	cut_handshake(*state, 40);
}

static void cut_in_the_certificate(void **state)
{
	cut_handshake(*state, 700);
}

/* ---- cut in an answer ------------------------------------------------- */

static void answer_with_secret(struct tls_world *w)
{
	fake_always(w->rig->fake, "POST", REGISTER,
		    (struct answer){ .body = BODY });
}

/* The request has been sent; the answer, of which half came, is no answer. */
static void cut_in_an_answer(void **state)
{
	struct tls_world *w = *state;
	struct rig *rig = w->rig;
	struct child *mcp;

	answer_with_secret(w);
	start(w, (struct tap_how){ .cut = TAP_CUT_DATA }, NULL);
	mcp = rig_start(rig);
	mcp_hello(mcp);
	child_expect_stderr(mcp, "molecule-mcp: registration failed: the "
				 "answer was cut short");
	tap_expect_cuts(w->tap, 3);
	assert_int_equal(lines_with(child_stderr(mcp), "works again"), 0);
	assert_null(rig_state(rig, SECRET_FILE));
	expect_healed(w, mcp);
	rig_expect_state(rig, SECRET_FILE, SECRET);
}

/*
 * An answer that lasts until the connection ends, all of which came, but not
 * the alert that says it was all: whoever cuts connections could have cut it
 * anywhere. With the alert the same answer is good.
 */
static void cut_behind_an_answer(void **state)
{
	struct tls_world *w = *state;
	struct rig *rig = w->rig;
	const char *raw = rig_text(rig, "%s%s",
				   "HTTP/1.1 200 OK\r\n"
				   "Content-Type: application/json\r\n\r\n",
				   rig_quoted(rig, BODY));
	struct child *mcp;

	fake_always(rig->fake, "POST", REGISTER,
		    (struct answer){ .kind = ANSWER_RAW, .body = raw });
	start(w, (struct tap_how){ .cut = TAP_CUT_BEHIND },
	      "chunked_transfer_encoding off;");
	mcp = rig_start(rig);
	mcp_hello(mcp);
	child_expect_stderr(mcp, "molecule-mcp: registration failed: the "
				 "answer was cut short");
	assert_true(tap_cuts(w->tap) >= 1);
	assert_int_equal(
		lines_with(child_stderr(mcp), "registration works again"), 0);
	assert_null(rig_state(rig, SECRET_FILE));
	expect_healed(w, mcp);
	rig_expect_state(rig, SECRET_FILE, SECRET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_TEST(garbage),
		TLS_TEST(garbage_as_record),
		TLS_TEST(garbage_in_record),
		TLS_TEST(plain_answer),
		TLS_TEST(alert),
		TLS_TEST(closed_at_once),
		TLS_TEST(cut_in_a_header),
		TLS_TEST(cut_in_the_hello),
		TLS_TEST(cut_in_the_certificate),
		TLS_TEST(cut_in_an_answer),
		TLS_TEST(cut_behind_an_answer),
	};

	if (!tls_world_possible())
		return TLS_WORLD_SKIP;
	return cmocka_run_group_tests(tests, pki_setup, pki_teardown);
}
