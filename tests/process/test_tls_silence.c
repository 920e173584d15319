// SPDX-License-Identifier: MIT
/*
 * molecule-mcp and servers that accept connections and then stay silent, from
 * the beginning or in the middle of the handshake. It gives up in time (hence
 * the ten seconds of this test), holds nothing up meanwhile, and heals.
 */
#include "harness.h"
#include "harness_pki.h"
#include "harness_tls.h"

static void expect_ping(struct child *mcp)
{
	mcp_hello(mcp);
	child_send(mcp, "{'jsonrpc':'2.0','id':7,'method':'ping'}");
	assert_true(json_is_object(child_result(mcp, 7)));
}

static void expect_given_up(struct child *mcp, struct tap *tap)
{
	child_expect_stderr(mcp, "molecule-mcp: registration failed: localhost "
				 "accepted the connection, but did not finish "
				 "the TLS handshake in time");
	assert_true(tap_only_handshakes(tap));
}

static void silence(void **state)
{
	struct tls_world *w = *state;
	struct rig *rig = w->rig;
	struct nginx_how how = tls_cert(w, "ec-chain.pem", "ec-leaf.key");
	struct child *silent, *stalled;
	struct tap *stall;

	tls_start(w, &how, "ec-root.pem");
	tap_set(w->tap, &(struct tap_how){ 0 });
	silent = rig_start(rig);
	stall = tap_new(&(struct tap_how){
		.to = w->nginx.port, .cut = TAP_STALL, .at = 500 });
	rig_env(rig, "CONFIGS_DIR", rig_text(rig, "%s/other", rig->dir));
	rig_env(rig, "PLATFORM_URL",
		rig_text(rig, "https://localhost:%d", tap_port(stall)));
	stalled = rig_start(rig);
	expect_ping(silent);
	expect_ping(stalled);
	tap_expect_connections(w->tap, 1);
	tap_expect_connections(stall, 1);
	expect_given_up(silent, w->tap);
	expect_given_up(stalled, stall);
	assert_int_equal(fake_connections(rig->fake), 0);
	/* The server wakes up. */
	tap_set(w->tap, &(struct tap_how){ .to = w->nginx.port });
	fake_expect(rig->fake, "POST", REGISTER, 0);
	child_expect_stderr(silent, "molecule-mcp: registration works again");
	tap_free(stall);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TLS_TEST(silence) };

	if (!tls_world_possible())
		return TLS_WORLD_SKIP;
	return cmocka_run_group_tests(tests, pki_setup, pki_teardown);
}
