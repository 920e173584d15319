// SPDX-License-Identifier: MIT
/*
 * constraints - whom an issuer may issue certificates for.
 *
 * A NameConstraints extension (RFC 5280 section 4.2.1.10) in the certificate
 * of an issuer bounds the names in all certificates that it leads to. BearSSL
 * passes over it (and refuses an intermediate where it is critical); roots it
 * does not look into at all. DNS names, IP addresses and the names of subjects,
 * in whatever way their text is written, are understood here. A name of any
 * other kind is refused if there is a constraint on its kind.
 *
 * No allocation, no I/O.
 */
#ifndef NET_CONSTRAINTS_H
#define NET_CONSTRAINTS_H

#include <stdbool.h>

#include "net/cert.h"

/* Whether a certificate has no names but those that `constraints`
 * (cert.constraints of an issuer; empty: anything) allow. `host`, if not NULL,
 * is one of its DNS names, for which a star may stand in it. */
bool constraints_allow(struct der constraints, const struct cert *cert,
		       const char *host);

#endif
