// SPDX-License-Identifier: MIT
/*
 * molecule-mcp and a platform behind nginx, which does TLS: certificates that
 * are right are accepted, each that is wrong is refused in words of its own,
 * and then nothing but a handshake has left. A tap between the two sees that.
 */
#include "harness.h"
#include "harness_pki.h"
#include "harness_tls.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WORDS 4

/* ---- accepted --------------------------------------------------------- */

static struct child *expect_accepted(struct tls_world *w)
{
	struct rig *rig = w->rig;
	int registered = fake_count(rig->fake, "POST", REGISTER);
	int beats = fake_count(rig->fake, "POST", HEARTBEAT);
	struct child *mcp = rig_start(rig);
	const struct request *r;
	char value[256];

	mcp_hello(mcp);
	r = fake_expect(rig->fake, "POST", REGISTER, registered);
	assert_non_null(
		request_header(r, "authorization", value, sizeof value));
	assert_string_equal(value, "Bearer " TOKEN);
	fake_expect(rig->fake, "POST", HEARTBEAT, beats + 2);
	assert_int_equal(lines_with(child_stderr(mcp), "failed"), 0);
	return mcp;
}

static void accept_chain(struct tls_world *w, const char *kind)
{
	struct rig *rig = w->rig;
	struct child *mcp;
	struct nginx_how how = tls_cert(w, rig_text(rig, "%s-chain.pem", kind),
					rig_text(rig, "%s-leaf.key", kind));

	tls_start(w, &how, rig_text(rig, "%s-root.pem", kind));
	mcp = expect_accepted(w);
	child_signal(mcp, SIGKILL);
	child_wait(mcp, BOUND_MS);
	/* By an address that the certificate is for as well. */
	rig_env(rig, "PLATFORM_URL",
		rig_text(rig, "https://127.0.0.1:%d", w->nginx.port));
	expect_accepted(w);
}

static void ecdsa_chain_is_accepted(void **state)
{
	struct tls_world *w = *state;

	accept_chain(w, "ec");
	assert_true(lines_with(nginx_log(&w->nginx),
			       "protocol=TLSv1.2 cipher=ECDHE-ECDSA-") > 0);
}

static void rsa_chain_is_accepted(void **state)
{
	struct tls_world *w = *state;

	accept_chain(w, "rsa");
	assert_true(lines_with(nginx_log(&w->nginx),
			       "protocol=TLSv1.2 cipher=ECDHE-RSA-") > 0);
}

/* Among many roots, in any order, with text and broken ones between them. */
static void root_is_found_in_a_bundle(void **state)
{
	struct tls_world *w = *state;
	struct nginx_how how = tls_cert(w, "ec-chain.pem", "ec-leaf.key");
	char *rsa = file_read(tls_pem(w, "rsa-root.pem"));
	char *ec = file_read(tls_pem(w, "ec-root.pem"));
	const char *bundle = rig_text(w->rig, "%s/bundle.pem", w->rig->dir);

	file_write(bundle,
		   rig_text(w->rig,
			    "# comment\n-----BEGIN CERTIFICATE-----\nAAAA\n"
			    "-----END CERTIFICATE-----\n%s\nword\n%s%s",
			    rsa, ec, rsa),
		   0600);
	free(rsa);
	free(ec);
	tls_start(w, &how, NULL);
	rig_env(w->rig, "SSL_CERT_FILE", bundle);
	expect_accepted(w);
}

/* As `openssl rehash` makes it. */
static void root_is_found_in_a_directory(void **state)
{
	struct tls_world *w = *state;
	struct nginx_how how = tls_cert(w, "rsa-chain.pem", "rsa-leaf.key");
	const char *dir = rig_text(w->rig, "%s/roots", w->rig->dir);
	const char *const args[] = { "rehash", dir, NULL };

	assert_int_equal(mkdir(dir, 0700), 0);
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "rsa-root.pem" : "ec-root.pem";
		char *text = file_read(tls_pem(w, name));

		file_write(rig_text(w->rig, "%s/%s", dir, name), text, 0600);
		free(text);
	}
	pki_openssl(args);
	tls_start(w, &how, NULL);
	rig_env(w->rig, "SSL_CERT_DIR",
		rig_text(w->rig, "%s/none:%s", w->rig->dir, dir));
	expect_accepted(w);
}

/* The second connection resumes what the first began. */
static void session_is_resumed(void **state)
{
	struct tls_world *w = *state;
	struct nginx_how how = tls_cert(w, "ec-chain.pem", "ec-leaf.key");
	const char *log;
	int beats;

	tls_start(w, &how, "ec-root.pem");
	expect_accepted(w);
	tap_set(w->tap, &(struct tap_how){ .to = w->nginx.port });
	beats = fake_count(w->rig->fake, "POST", HEARTBEAT);
	fake_expect(w->rig->fake, "POST", HEARTBEAT, beats + 2);
	log = nginx_log(&w->nginx);
	assert_true(lines_with(log, " reused=. ") > 0);
	assert_true(lines_with(log, " reused=r ") > 0);
}

/* ---- refused ---------------------------------------------------------- */

struct refusal {
	struct nginx_how how;
	const char *root;	  /* NULL: what the test has set */
	const char *host;	  /* NULL: localhost */
	const char *words[WORDS]; /* in the same line */
};

/* Whether one line has all of the words. */
static bool has_line(const char *text, const char *const words[WORDS])
{
	while (*text) {
		char *line = text_new("%.*s", (int)strcspn(text, "\n"), text);
		bool all = true;

		for (int i = 0; i < WORDS && words[i]; i++)
			all = all && strstr(line, words[i]);
		text += strlen(line);
		text += *text == '\n';
		free(line);
		if (all)
			return true;
	}
	return false;
}

struct line_wait {
	struct child *mcp;
	const char *const *words;
};

static bool has_said(void *arg)
{
	struct line_wait *l = arg;

	return has_line(child_stderr(l->mcp), l->words);
}

/* The log says why, again and again it is tried, nothing is sent. */
static struct child *expect_refused(struct tls_world *w,
				    const char *const words[WORDS])
{
	struct child *mcp = rig_start(w->rig);
	struct line_wait l = { mcp, words };

	mcp_hello(mcp);
	child_expect_stderr(mcp, "molecule-mcp: registration failed: ");
	if (!wait_until(has_said, &l, BOUND_MS))
		child_fail(mcp, "the log does not say: %s", words[0]);
	tap_expect_connections(w->tap, 3);
	assert_true(tap_only_handshakes(w->tap));
	assert_int_equal(fake_connections(w->rig->fake), 0);
	assert_int_equal(lines_with(nginx_log(&w->nginx), "reused="), 0);
	assert_true(child_running(mcp));
	return mcp;
}

static struct child *refuse(struct tls_world *w, const struct refusal *r)
{
	tls_start(w, &r->how, r->root);
	if (r->host)
		rig_env(w->rig, "PLATFORM_URL",
			rig_text(w->rig, "https://%s:%d", r->host,
				 tap_port(w->tap)));
	return expect_refused(w, r->words);
}

static void expired(void **state)
{
	struct tls_world *w = *state;
	struct child *mcp = refuse(
		w,
		&(struct refusal){
			.how = tls_cert(w, "expired.pem", "ec-leaf.key"),
			.root = "ec-root.pem",
			.words = { "the certificate of localhost",
				   "Test ec leaf",
				   "expired on Thu, 02 Jan 2020 00:00:00 GMT",
				   "must be renewed" } });

	/* A tool says it to the model. */
	mcp_call(mcp, 7, "list_peers", NULL);
	assert_non_null(strstr(mcp_text(mcp, 7, NULL), "expired on Thu, 02"));
}

static void not_yet_valid(void **state)
{
	struct tls_world *w = *state;

	refuse(w, &(struct refusal){
			  .how = tls_cert(w, "future.pem", "ec-leaf.key"),
			  .root = "ec-root.pem",
			  .words = { "valid only from Sun, 01 Jan 2040",
				     "this machine's clock says",
				     "set the clock" } });
}

static void self_signed(void **state)
{
	struct tls_world *w = *state;

	refuse(w, &(struct refusal){
			  .how = tls_cert(w, "selfsigned.pem", "ec-leaf.key"),
			  .root = "ec-root.pem",
			  .words = { "localhost has a self-signed certificate "
				     "(\"Test ec leaf\")",
				     tls_pem(w, "ec-root.pem"),
				     "set SSL_CERT_FILE" } });
}

static void wrong_host(void **state)
{
	struct tls_world *w = *state;

	refuse(w, &(struct refusal){
			  .how = tls_cert(w, "elsewhere.pem", "ec-leaf.key"),
			  .root = "ec-root.pem",
			  .words = { "that localhost has is not for that name "
				     "but for: ",
				     "elsewhere.example", "192.0.2.7" } });
}

static void wrong_address(void **state)
{
	struct tls_world *w = *state;

	refuse(w, &(struct refusal){
			  .how = tls_cert(w, "elsewhere.pem", "ec-leaf.key"),
			  .root = "ec-root.pem",
			  .host = "127.0.0.1",
			  .words = { "that 127.0.0.1 has is not for that name "
				     "but for: ",
				     "elsewhere.example", "192.0.2.7" } });
}

static void unknown_root(void **state)
{
	struct tls_world *w = *state;

	refuse(w, &(struct refusal){
			  .how = tls_cert(w, "rsa-chain.pem", "rsa-leaf.key"),
			  .root = "ec-root.pem",
			  .words = { "leads to \"Test rsa root\", which is not "
				     "among the roots in",
				     tls_pem(w, "ec-root.pem"),
				     "it must be added (SSL_CERT_FILE)" } });
}

static void missing_intermediate(void **state)
{
	struct tls_world *w = *state;

	refuse(w, &(struct refusal){
			  .how = tls_cert(w, "rsa-leaf.pem", "rsa-leaf.key"),
			  .root = "rsa-root.pem",
			  .words = { "localhost does not send the certificate "
				     "of \"Test rsa intermediate\", which "
				     "issued its own",
				     "must be given its intermediate "
				     "certificates",
				     tls_pem(w, "rsa-root.pem") } });
}

static void sha1_signature(void **state)
{
	struct tls_world *w = *state;
	struct nginx_how how = tls_cert(w, "sha1.pem", "ec-leaf.key");

	/* OpenSSL does not serve it any more unless told to. */
	file_write(rig_text(w->rig, "%s/openssl.cnf", w->rig->dir),
		   "openssl_conf = all\n[all]\nssl_conf = ssl\n"
		   "[ssl]\nsystem_default = weak\n"
		   "[weak]\nCipherString = DEFAULT:@SECLEVEL=0\n",
		   0600);
	rig_env(w->rig, "OPENSSL_CONF",
		rig_text(w->rig, "%s/openssl.cnf", w->rig->dir));
	refuse(w,
	       &(struct refusal){ .how = how,
				  .root = "ec-root.pem",
				  .words = { "\"Test ec leaf\" is signed with "
					     "SHA-1 or MD5",
					     "it must be issued anew" } });
}

static void tls13_only(void **state)
{
	struct tls_world *w = *state;
	struct nginx_how how = tls_cert(w, "ec-chain.pem", "ec-leaf.key");

	how.protocols = "TLSv1.3";
	refuse(w, &(struct refusal){ .how = how,
				     .root = "ec-root.pem",
				     .words = { "does not want TLS 1.2",
						"insists on TLS 1.3",
						"allow TLS 1.2" } });
}

static void no_common_suite(void **state)
{
	struct tls_world *w = *state;
	struct nginx_how how = tls_cert(w, "rsa-chain.pem", "rsa-leaf.key");

	how.protocols = "TLSv1.2";
	how.extra = "ssl_ciphers AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA;";
	refuse(w, &(struct refusal){ .how = how,
				     .root = "rsa-root.pem",
				     .words = { "has no cipher suite in common",
						"ECDHE and AES-GCM" } });
}

/* nginx without TLS: it answers, as plain servers do. */
static void plain_http(void **state)
{
	struct tls_world *w = *state;
	struct child *mcp;

	tls_start(w, &(struct nginx_how){ 0 }, "ec-root.pem");
	mcp = rig_start(w->rig);
	mcp_hello(mcp);
	child_expect_stderr(mcp, "answers in plain HTTP on that port: use "
				 "http://");
	tap_expect_connections(w->tap, 3);
	assert_true(tap_only_handshakes(w->tap));
	assert_int_equal(fake_connections(w->rig->fake), 0);
}

/* ---- this machine's roots --------------------------------------------- */

/* Also heals when the bundle comes. */
static void no_bundle_is_found(void **state)
{
	struct tls_world *w = *state;
	struct rig *rig = w->rig;
	const char *path = rig_text(rig, "%s/none.pem", rig->dir);
	char *root = file_read(tls_pem(w, "ec-root.pem"));
	struct child *mcp;

	rig_env(rig, "SSL_CERT_FILE", path);
	mcp = refuse(w,
		     &(struct refusal){
			     .how = tls_cert(w, "ec-chain.pem", "ec-leaf.key"),
			     .words = { "there are no root certificates to "
					"check localhost with",
					path,
					"install the package "
					"ca-certificates" } });
	file_write(path, root, 0600);
	free(root);
	fake_expect(rig->fake, "POST", REGISTER, 0);
	child_expect_stderr(mcp, "registration works again");
}

static void bundle_is_empty(void **state)
{
	struct tls_world *w = *state;
	const char *path = rig_text(w->rig, "%s/empty.pem", w->rig->dir);

	file_write(path, "no certificate\n", 0600);
	rig_env(w->rig, "SSL_CERT_FILE", path);
	refuse(w, &(struct refusal){
			  .how = tls_cert(w, "ec-chain.pem", "ec-leaf.key"),
			  .words = { "there are no root certificates", path,
				     "set SSL_CERT_FILE" } });
}

/* A directory instead of a file. */
static void bundle_cannot_be_read(void **state)
{
	struct tls_world *w = *state;

	rig_env(w->rig, "SSL_CERT_FILE", w->rig->home);
	refuse(w, &(struct refusal){
			  .how = tls_cert(w, "ec-chain.pem", "ec-leaf.key"),
			  .words = { "the root certificates in", w->rig->home,
				     "cannot be read", "directory" } });
}

/* ---- healing ---------------------------------------------------------- */

/* The server gets another certificate; molecule-mcp just goes on. */
static void better_certificate_heals(void **state)
{
	struct tls_world *w = *state;
	struct nginx_how good = tls_cert(w, "ec-chain.pem", "ec-leaf.key");
	struct child *mcp =
		refuse(w, &(struct refusal){ .how = tls_cert(w, "expired.pem",
							     "ec-leaf.key"),
					     .root = "ec-root.pem",
					     .words = { "expired on" } });

	tls_change(w, &good);
	fake_expect(w->rig->fake, "POST", REGISTER, 0);
	fake_expect(w->rig->fake, "POST", HEARTBEAT, 1);
	child_expect_stderr(mcp, "molecule-mcp: registration works again");
	mcp_call(mcp, 9, "list_peers", NULL);
	mcp_ok(mcp, 9);
	/* The same warning is not repeated with each attempt. */
	assert_int_equal(lines_with(child_stderr(mcp),
				    "registration failed: the certificate"),
			 1);
}

/* Another refusal is news, although it comes right after one. */
static void another_refusal_is_said_at_once(void **state)
{
	struct tls_world *w = *state;
	struct nginx_how other = tls_cert(w, "elsewhere.pem", "ec-leaf.key");
	struct child *mcp =
		refuse(w, &(struct refusal){ .how = tls_cert(w, "expired.pem",
							     "ec-leaf.key"),
					     .root = "ec-root.pem",
					     .words = { "expired on" } });

	child_expect_stderr(mcp, "heartbeat failed");
	tls_change(w, &other);
	child_expect_stderr(mcp, "in a row): the certificate that localhost "
				 "has is not for that name but for: "
				 "elsewhere.example");
}

/* A certificate that goes bad later: a running one notices, and says so. */
static void worse_certificate_is_refused(void **state)
{
	struct tls_world *w = *state;
	struct nginx_how good = tls_cert(w, "ec-chain.pem", "ec-leaf.key");
	struct nginx_how bad = tls_cert(w, "elsewhere.pem", "ec-leaf.key");
	int reached, connections;
	struct child *mcp;

	tls_start(w, &good, "ec-root.pem");
	mcp = expect_accepted(w);
	tls_change(w, &bad);
	child_expect_stderr(mcp, "but for: elsewhere.example");
	reached = fake_connections(w->rig->fake);
	connections = tap_connections(w->tap);
	tap_expect_connections(w->tap, connections + 3);
	assert_int_equal(fake_connections(w->rig->fake), reached);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_TEST(ecdsa_chain_is_accepted),
		TLS_TEST(rsa_chain_is_accepted),
		TLS_TEST(root_is_found_in_a_bundle),
		TLS_TEST(root_is_found_in_a_directory),
		TLS_TEST(session_is_resumed),
		TLS_TEST(expired),
		TLS_TEST(not_yet_valid),
		TLS_TEST(self_signed),
		TLS_TEST(wrong_host),
		TLS_TEST(wrong_address),
		TLS_TEST(unknown_root),
		TLS_TEST(missing_intermediate),
		TLS_TEST(sha1_signature),
		TLS_TEST(tls13_only),
		TLS_TEST(no_common_suite),
		TLS_TEST(plain_http),
		TLS_TEST(no_bundle_is_found),
		TLS_TEST(bundle_is_empty),
		TLS_TEST(bundle_cannot_be_read),
		TLS_TEST(better_certificate_heals),
		TLS_TEST(another_refusal_is_said_at_once),
		TLS_TEST(worse_certificate_is_refused),
	};
	if (!tls_world_possible())
		return TLS_WORLD_SKIP;
	return cmocka_run_group_tests(tests, pki_setup, pki_teardown);
}
