// SPDX-License-Identifier: MIT
/*
 * cert - what an X.509 certificate (RFC 5280) says, as slices of its DER.
 *
 * This is for finding roots and for telling a person what is wrong; whether a
 * signature holds is BearSSL's business. No allocation, no I/O: a struct cert
 * points into the bytes it was parsed from.
 */
#ifndef NET_CERT_H
#define NET_CERT_H

#include <bearssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/der.h"

/* The hash in a certificate's signature. */
enum cert_hash {
	CERT_HASH_UNKNOWN, /* another kind of signature: Ed25519, RSA-PSS … */
	CERT_HASH_MD5,
	CERT_HASH_SHA1,
	CERT_HASH_SHA256,
	CERT_HASH_SHA384,
	CERT_HASH_SHA512,
};

struct cert {
	struct der whole;
	struct der issuer, subject;    /* names, headers included */
	struct der key;		       /* contents of SubjectPublicKeyInfo */
	struct der names;	       /* of SubjectAltName; empty when none */
	struct der constraints;	       /* NameConstraints, whole; or empty */
	int64_t not_before, not_after; /* seconds since 1970 */
	enum cert_hash hash;
	int path_max; /* how many may come between it and a server's; or -1 */
	bool ca;      /* it may issue; so may self-issued ones of version 1 */
	bool server;  /* its extended key usage, if any, allows servers */
	bool strange; /* it has critical extensions besides the usual three */
};

/* Parses `der`, which must be one whole certificate. 0 or -EBADMSG. */
int cert_parse(struct cert *cert, struct der der);

/* Issuer and subject are the same. */
bool cert_self_issued(const struct cert *cert);

/* The public key for BearSSL, pointing into the certificate. false for kinds
 * that are not RSA or EC on P-256, P-384, P-521. */
bool cert_key(const struct cert *cert, br_x509_pkey *key);

/* Whether SubjectAltName has the IP address of `len` (4 or 16) bytes. */
bool cert_has_address(const struct cert *cert, const uint8_t *addr, size_t len);

/* Whether SubjectAltName has this DNS name, whatever the case of its letters,
 * or stands for it with a star. A star is all of the first label, and at least
 * two labels follow: "*.example.org", not "*.org". What the subject is called
 * does not count. */
bool cert_has_host(const struct cert *cert, const char *host);

/* Whether the sets of a name (its contents) begin with those of `base`, in
 * whatever way their text is written. False when either cannot be read. */
bool cert_name_begins(struct der name, struct der base, bool *begins);

/* Writes what to call a name: its common name, else organisation, else "".
 * Printable ASCII, '?' for the rest; cut to fit `cap`. */
void cert_name_text(struct der name, char *text, size_t cap);

/* Writes the hosts the certificate is for, "a, b, …"; "" when there are none.
 * As above. */
void cert_hosts_text(const struct cert *cert, char *text, size_t cap);

#define CERT_TIME_SIZE 16

/* Writes a point in time as certificates have it, "YYYYMMDDhhmmssZ"; from
 * 1970 to 9999. */
void cert_time_text(int64_t seconds, char text[CERT_TIME_SIZE]);

/* The hash under which OpenSSL files a certificate with that subject in a
 * directory (c_rehash; the name of the file begins with it, as 8 hexadecimal
 * digits). false for names too long to care about. */
bool cert_name_hash(struct der name, uint32_t *hash);

#endif
