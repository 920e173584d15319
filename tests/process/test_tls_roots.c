// SPDX-License-Identifier: MIT
/*
 * Where molecule-mcp finds roots when nobody says where they are, and what it
 * says when there are none or they cannot be found. It runs in a mount
 * namespace where a directory of the test is /etc.
 */
#include "harness.h"
#include "harness_pki.h"
#include "harness_space.h"
#include "harness_tls.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int mount_etc(const char *dir)
{
	char *etc = text_new("%s/etc", dir);
	int err = space_bind(etc, "/etc");

	free(etc);
	return err;
}

/* Puts a copy of a file of the PKI at `path` in the /etc of the test, which is
 * made; returns where it is. */
static const char *put(struct tls_world *w, const char *pem, const char *path)
{
	const char *to = rig_text(w->rig, "%s%s", w->rig->dir, path);
	char *text = file_read(tls_pem(w, pem));
	char *part = text_new("%s", to);

	for (char *at = part + strlen(w->rig->dir) + 1;
	     (at = strchr(at, '/')) != NULL; *at++ = '/') {
		*at = '\0';
		mkdir(part, 0700);
	}
	file_write(to, text, 0600);
	free(part);
	free(text);
	return to;
}

/* molecule-mcp with an /etc of the test's, as yet empty. */
static struct child *start_there(struct tls_world *w)
{
	struct rig *rig = w->rig;
	const char *args[] = { rig->dir, harness_program("MOLECULE_MCP"),
			       NULL };
	struct child *mcp;

	mkdir(rig_text(rig, "%s/etc", rig->dir), 0700);
	space_need(mount_etc, rig->dir);
	mcp = rig_spawn(rig, (struct child_how){ .exe = "/proc/self/exe",
						 .args = args });
	mcp_hello(mcp);
	return mcp;
}

static void serve(struct tls_world *w)
{
	struct nginx_how how = tls_cert(w, "ec-chain.pem", "ec-leaf.key");

	tls_start(w, &how, NULL);
}

static void expect_nothing_sent(struct tls_world *w)
{
	tap_expect_connections(w->tap, 3);
	assert_true(tap_only_handshakes(w->tap));
	assert_int_equal(fake_connections(w->rig->fake), 0);
}

/* Neither a variable nor a bundle; installing one is enough. */
static void none_is_found(void **state)
{
	struct tls_world *w = *state;
	struct child *mcp;

	serve(w);
	mcp = start_there(w);
	child_expect_stderr(
		mcp, "registration failed: there are no root certificates to "
		     "check localhost with (looked for /etc/ssl/certs/"
		     "ca-certificates.crt or the like): install the package "
		     "ca-certificates or set SSL_CERT_FILE");
	expect_nothing_sent(w);
	put(w, "ec-root.pem", "/etc/ssl/certs/ca-certificates.crt");
	fake_expect(w->rig->fake, "POST", REGISTER, 0);
	child_expect_stderr(mcp, "registration works again");
}

/* Debian, Fedora (new and old), SUSE and Alpine. */
static void each_distribution_has_its_place(void **state)
{
	static const char *const places[] = {
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/ssl/cert.pem",
	};
	struct tls_world *w = *state;

	serve(w);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const char *path = put(w, "ec-root.pem", places[i]);
		int seen = fake_count(w->rig->fake, "POST", REGISTER);
		struct child *mcp = start_there(w);

		fake_expect(w->rig->fake, "POST", REGISTER, seen);
		child_signal(mcp, SIGKILL);
		child_wait(mcp, BOUND_MS);
		unlink(path);
	}
}

/* The bundle in use is named also when it was not chosen by a variable. */
static void the_bundle_of_the_system_is_named(void **state)
{
	struct tls_world *w = *state;
	struct child *mcp;

	serve(w);
	put(w, "rsa-root.pem", "/etc/ssl/ca-bundle.pem");
	mcp = start_there(w);
	child_expect_stderr(mcp, "which is not among the roots in "
				 "/etc/ssl/ca-bundle.pem: ");
	expect_nothing_sent(w);
}

/* SSL_CERT_DIR with certificates under names of their own. */
static void a_directory_wants_hashes(void **state)
{
	struct tls_world *w = *state;
	const char *pem = put(w, "ec-root.pem", "/roots/mine.pem");
	const char *dir =
		rig_text(w->rig, "%.*s", (int)(strrchr(pem, '/') - pem), pem);
	const char *const args[] = { "rehash", dir, NULL };
	struct child *mcp;

	serve(w);
	rig_env(w->rig, "SSL_CERT_DIR", dir);
	mcp = rig_start(w->rig);
	mcp_hello(mcp);
	child_expect_stderr(mcp,
			    rig_text(w->rig, "run `openssl rehash %s`", dir));
	expect_nothing_sent(w);
	pki_openssl(args);
	fake_expect(w->rig->fake, "POST", REGISTER, 0);
	child_expect_stderr(mcp, "registration works again");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TLS_TEST(none_is_found),
		TLS_TEST(each_distribution_has_its_place),
		TLS_TEST(the_bundle_of_the_system_is_named),
		TLS_TEST(a_directory_wants_hashes),
	};

	if (argc > 2)
		return space_become(mount_etc, argv[1], argv + 2);
	/* Or one that starts itself wrongly would do so without end. */
	if (argc > 1)
		return 2;
	if (!tls_world_possible())
		return TLS_WORLD_SKIP;
	return cmocka_run_group_tests(tests, pki_setup, pki_teardown);
}
