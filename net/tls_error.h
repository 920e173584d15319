// SPDX-License-Identifier: MIT
/*
 * tls_error - why TLS did not come about, as a value and in words.
 *
 * A failed handshake fills one in; tls_error_text makes a sentence of it that
 * says what is wrong and what to do. It holds nothing secret.
 */
#ifndef NET_TLS_ERROR_H
#define NET_TLS_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tls_fault {
	TLS_OK,
	/* The certificate. */
	TLS_EXPIRED,	     /* `from`, `to`, `now`, `name` */
	TLS_NOT_YET_VALID,   /* the same */
	TLS_SELF_SIGNED,     /* `name`; `roots` */
	TLS_NO_INTERMEDIATE, /* `name` issued the server's own certificate, but
			      * is neither sent nor in `roots` */
	TLS_UNKNOWN_ROOT,    /* `name`, whom the chain leads to, is not in
			      * `roots`; `root`: it is a root, since it is sent
			      * and issued itself. Else it may be another
			      * intermediate that is not sent. */
	TLS_OTHER_ROOT,	     /* the one `name` of `roots` has another key */
	TLS_UNHASHED_ROOTS,  /* `name` was not found in `roots`, but what is in
			      * `dir` cannot be found */
	TLS_WRONG_HOST,	     /* `name` lists those it is for */
	TLS_NO_NAMES,	     /* it is for nobody; its subject is `name` */
	TLS_WEAK_SIGNATURE,  /* SHA-1 or MD5; `name` */
	TLS_OTHER_SIGNATURE, /* RSA-PSS, Ed25519 or the like; `name` */
	TLS_WEAK_KEY,
	TLS_WRONG_PURPOSE, /* not for servers; `name` */
	TLS_WRONG_USE,	   /* the server's key may not sign */
	TLS_NOT_AN_ISSUER, /* a certificate in the chain may not issue */
	TLS_CONSTRAINED,   /* `name` may not issue for such names */
	TLS_CRITICAL,	   /* something critical in `name` is not understood */
	TLS_BAD_SIGNATURE, /* in the chain, or the server's */
	TLS_BAD_CERTIFICATE, /* cannot be understood; `code` */
	/* This machine. */
	TLS_NO_ROOTS,  /* `roots` names where they were looked for */
	TLS_BAD_ROOTS, /* `roots` cannot be read: `code` is the errno */
	/* The protocol. */
	TLS_VERSION,   /* the other side does not want TLS 1.2 */
	TLS_NO_COMMON, /* no cipher suite in common */
	TLS_ALERT,     /* the other side refused: `code` is the alert */
	TLS_PLAIN_HTTP,
	TLS_GARBAGE, /* not TLS at all */
	TLS_CLOSED,  /* the connection ended */
	TLS_TIMEOUT,
	TLS_BUSY,     /* this machine did not get round to it in time */
	TLS_PROTOCOL, /* `code` is BearSSL's */
};

struct tls_error {
	enum tls_fault fault;
	int code;
	int64_t from, to; /* a certificate's validity, seconds since 1970 */
	int64_t now;	  /* this machine's clock, likewise */
	bool root;	  /* it is about a root: one on this machine, if it
			   * is out of its time */
	char host[256];	  /* whom one wanted to talk to */
	char name[256];	  /* printable */
	char roots[160];
	char dir[128];
};

/* One sentence without a full stop, in buf, which it returns: "the certificate
 * of HOST expired on …". 1024 bytes hold all of it. */
const char *tls_error_text(const struct tls_error *error, char *buf,
			   size_t cap);

/* A number for that sentence, which stays the same as long as nothing but this
 * machine's clock changes; never 0. */
uint32_t tls_error_mark(const struct tls_error *error);

/* Fills in fault and code from BearSSL's error, for what no more is known of.
 */
void tls_error_from_engine(struct tls_error *error, int engine);

#endif
