// SPDX-License-Identifier: MIT
/*
 * selfsign - makes certificates (RFC 5280) for ECDSA keys on P-256: the one
 * that the local platform signs for itself, and chains for tests.
 *
 *	struct selfsign_key key;
 *	selfsign_key_make(rt, &key);
 *	ssize_t len = selfsign_make(rt, &(struct selfsign_spec){
 *		.subject = "molecule-platform", .hosts = hosts, .key = &key,
 *		.from = now - 3600, .to = now + 365 * 86400 }, der,
 * sizeof(der));
 */
#ifndef NET_SELFSIGN_H
#define NET_SELFSIGN_H

#include <bearssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/der.h"
#include "runtime/clock.h"

struct rt;

/* No certificate made here is larger. */
#define SELFSIGN_MAX 2048
#define SELFSIGN_DAYS 365

/* A key pair; keep it where it is (it points into itself), wipe it. */
struct selfsign_key {
	br_ec_private_key secret;
	br_ec_public_key public;
	uint8_t x[BR_EC_KBUF_PRIV_MAX_SIZE];
	uint8_t q[BR_EC_KBUF_PUB_MAX_SIZE];
};

/* All that pointers point to is borrowed for the call. */
struct selfsign_spec {
	const char *subject;	  /* common names */
	const char *issuer;	  /* NULL: the subject */
	const char *const *hosts; /* names and IP literals, then NULL */
	int64_t from, to;	  /* validity, seconds since 1970 */
	const struct selfsign_key *key;
	const struct selfsign_key *signer; /* NULL: the key */
	bool ca;			   /* it may issue others */
	bool client_only;		   /* it is not for servers */
	bool sha1;			   /* sign as one must not any more */
	/* Whole extensions in place of all but the hosts; empty: the usual. */
	struct der extensions;
};

/* Makes a key from io_random. Does not park. */
void selfsign_key_make(struct rt *rt, struct selfsign_key *key);

/* Makes a certificate in DER: its length, or -EMSGSIZE when it does not fit,
 * -EINVAL for a host that is too long. Some milliseconds of work; does not
 * park. */
ssize_t selfsign_make(struct rt *rt, const struct selfsign_spec *spec,
		      uint8_t *der, size_t cap);

/* Writes a key as PEM ("EC PRIVATE KEY"): the length of the text, or 0 if it
 * does not fit (512 bytes are enough). */
size_t selfsign_key_pem(const struct selfsign_key *key, char *text, size_t cap);

/* Makes a key and a certificate for localhost, 127.0.0.1 and ::1 that is good
 * for SELFSIGN_DAYS, and writes them to two files in place of what is there,
 * the key's with mode 0600. 0 or a negative errno. Parks. */
int selfsign_files(struct rt *rt, const char *cert_path, const char *key_path,
		   struct deadline deadline);

#endif
