// SPDX-License-Identifier: MIT
/*
 * tls_verify - decides whether a server's certificate chain is good.
 *
 * It is an X.509 engine for BearSSL that first gathers the chain, then puts it
 * in order, finds the roots it can lead to (trust.h), and runs BearSSL's own
 * "minimal" engine over it: signatures, names, times, constraints. What that
 * engine does not do is done here: IP addresses as hosts, names that do not
 * count although it takes them, extended key usage, what issuers may issue for
 * (constraints.h), the limits of roots, chains out of order, and finding out
 * what was wrong for the person who has to put it right.
 *
 * Checking a signature takes up to milliseconds, so the task yields between
 * them, inside BearSSL's call. It is scratch: it lives as long as a handshake.
 */
#ifndef NET_TLS_VERIFY_H
#define NET_TLS_VERIFY_H

#include <bearssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/tls_error.h"
#include "runtime/clock.h"

struct rt;
struct trust;

#define TLS_VERIFY_CERTS 10
#define TLS_VERIFY_BYTES (64u * 1024)
#define TLS_VERIFY_RSA_BITS 2048 /* the shortest key, but of a root */

struct tls_verify {
	const br_x509_class *vtable; /* for br_ssl_engine_set_x509 */
	struct rt *rt;
	struct trust *trust;
	const char *host;
	struct deadline deadline;
	struct tls_error *error;
	int err;     /* why it was given up, if it was: -errno */
	bool done;   /* the chain has been judged */
	size_t used; /* of the path, up to the one that a root issued */
	enum tls_fault limited; /* why a root was left out, if one was */
	/* The certificates, one after the other, and where each ends. */
	uint8_t *chain;
	size_t len, cap;
	size_t ends[TLS_VERIFY_CERTS];
	size_t count;
	bool too_large;
	br_x509_minimal_context minimal;
};

/* Prepares for one handshake with `host` (name or IP literal, without a dot at
 * its end). Everything is borrowed until tls_verify_fini; *error is written
 * when the chain is refused. Does not park. */
void tls_verify_init(struct tls_verify *verify, struct rt *rt,
		     struct trust *trust, const char *host,
		     struct deadline deadline, struct tls_error *error);
/* Frees what it gathered. Does not park. */
void tls_verify_fini(struct tls_verify *verify);

/* Whether the host is an IP address; if so its bytes and *len (4 or 16). */
bool tls_verify_is_address(const char *host, uint8_t addr[16], size_t *len);

#endif
