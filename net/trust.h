// SPDX-License-Identifier: MIT
/*
 * trust - the root certificates that this machine trusts.
 *
 * They are in one file of PEM certificates (SSL_CERT_FILE, or the bundle of
 * the distribution), or in a directory where OpenSSL's hash of a name finds a
 * file (SSL_CERT_DIR, as `openssl rehash` makes them), or both. A bundle has
 * some 150 roots and a chain leads to one of them, so a bundle is not loaded:
 * trust_find is given the names that a presented chain can lead to, reads the
 * bundle through a small buffer, looks at each certificate's subject, and
 * keeps only what was asked for. What it found stays at hand (TRUST_KEEP
 * roots) until a file or directory changes; what it read with is freed.
 *
 * Certificates that cannot be parsed are skipped. Nothing is read before the
 * first trust_find.
 */
#ifndef NET_TRUST_H
#define NET_TRUST_H

#include <bearssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/der.h"
#include "runtime/clock.h"

struct rt;
struct trust;
struct trust_anchor;

#define TRUST_SET_MAX 16	    /* roots that one chain can lead to */
#define TRUST_KEEP 16		    /* roots kept at hand */
#define TRUST_CERT_MAX (16u * 1024) /* larger certificates are skipped */
#define TRUST_BUNDLE_MAX (16u * 1024 * 1024)
#define TRUST_RSA_BITS 2048 /* shorter keys can be found out */

/* Where to look; NULL or "" is not set. When neither is, the first bundle of
 * a distribution that is there. Borrowed for the trust's life. */
struct trust_options {
	const char *file; /* SSL_CERT_FILE */
	const char *dir;  /* SSL_CERT_DIR: directories, ':' between them */
};

/* What trust_find found; trust_release gives it back. */
struct trust_set {
	br_x509_trust_anchor anchors[TRUST_SET_MAX]; /* point into `held` */
	struct trust_anchor *held[TRUST_SET_MAX];
	size_t count;
	bool kept; /* from what was at hand: there may be more to find */
	/* Among what was asked for, but out of its time, with an RSA key
	 * shorter than TRUST_RSA_BITS, or an issuer, but not for servers: not
	 * in `anchors`. */
	bool stale, weak, unfit;
	int64_t stale_from, stale_to; /* seconds since 1970 */
};

/* What a root says of those it issues for. */
struct trust_limits {
	int path_max;		/* intermediates below it; -1: any number */
	struct der constraints; /* as in struct cert; borrowed from the set */
};

/* NULL when out of memory. Does not park. */
struct trust *trust_new(struct rt *rt, const struct trust_options *options);
/* No set may be held. Does not park. */
void trust_free(struct trust *trust);

/* Finds the roots whose subject is one of `names` (whole DER Names, borrowed).
 * `fresh` looks into the files even if some are at hand. Returns 0 (perhaps
 * with none), -ENOENT when there is no bundle, -ENODATA when the bundle has no
 * certificate in it, another errno when it cannot be read, -ENOMEM, or the
 * cancellation's reason; on failure the set is empty. Parks; one task at a
 * time reads, others wait for it. */
int trust_find(struct trust *trust, const struct der *names, size_t count,
	       bool fresh, struct trust_set *set, struct deadline deadline);
/* Gives a set back, once. Does not park. */
void trust_release(struct trust_set *set);
/* The limits of the root at `i`. */
struct trust_limits trust_limits_of(const struct trust_set *set, size_t i);
/* Takes the root at `i` out; the last one takes its place. Does not park. */
void trust_drop(struct trust_set *set, size_t i);

/* Why nothing may have been found in the directories. */
enum trust_dirs {
	TRUST_DIRS_FINE,
	/* One has certificates, but none under a name that is a hash: it has
	 * not seen `openssl rehash`. */
	TRUST_DIRS_UNHASHED,
	/* There are no certificates in any, and no file is set. */
	TRUST_DIRS_EMPTY,
};

/* Looks into the directories, for the sake of a message. Writes the unhashed
 * one to `dir`, cut to fit. Parks to open them, and blocks while their names
 * are read. */
enum trust_dirs trust_check_dirs(const struct trust *trust, char *dir,
				 size_t cap, struct deadline deadline);

/* Names the file or directory for a message: "/etc/ssl/…", or what was looked
 * for when there was none. Cut to fit. */
void trust_describe(const struct trust *trust, char *text, size_t cap);

#endif
