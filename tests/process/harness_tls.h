// SPDX-License-Identifier: MIT
/*
 * One test's world with TLS: the rig, and an https platform in it, which is
 * nginx with a tap before it and the fake platform behind it. The group's
 * fixtures are pki_setup and pki_teardown, a test is added with TLS_TEST.
 */
#ifndef PROCESS_HARNESS_TLS_H
#define PROCESS_HARNESS_TLS_H

#include "harness.h"
#include "harness_nginx.h"
#include "harness_tap.h"

#define TLS_WORLD_SKIP 77

#define TLS_TEST(fn)                                                           \
	cmocka_unit_test_setup_teardown(fn, tls_world_setup, tls_world_teardown)

struct tls_world {
	struct rig *rig;
	const char *pki; /* directory, of the whole program */
	struct nginx nginx;
	struct tap *tap;
};

int tls_world_setup(void **state);
int tls_world_teardown(void **state);
/* Whether this machine has nginx and openssl; says so if not. */
bool tls_world_possible(void);

/* The path of a file of the PKI; lives as long as the rig. */
const char *tls_pem(struct tls_world *w, const char *name);
/* A server with this chain and key of the PKI. */
struct nginx_how tls_cert(struct tls_world *w, const char *chain,
			  const char *key);

/* Starts nginx and the tap before it, and sets PLATFORM_URL; if a root of the
 * PKI is named, SSL_CERT_FILE too. */
void tls_start(struct tls_world *w, const struct nginx_how *how,
	       const char *root);
/* Another server in its place. */
void tls_change(struct tls_world *w, const struct nginx_how *how);

#endif
