// SPDX-License-Identifier: MIT
/*
 * certificate - what the platform shows that it is itself with, for https.
 *
 * Either two files that a person has (certificate_load), or a certificate of
 * its own for localhost, 127.0.0.1 and ::1, which it signs itself and keeps in
 * a directory (certificate_own). A client on this machine trusts that one when
 * SSL_CERT_FILE names its file.
 */
#ifndef APP_PLATFORM_CERTIFICATE_H
#define APP_PLATFORM_CERTIFICATE_H

#include <stdbool.h>

struct rt;
struct tls_server;

#define CERTIFICATE_PATH_MAX 768
#define CERTIFICATE_FAULT_MAX 1024
/* One that would not last so long is replaced at the start. */
#define CERTIFICATE_RENEW_DAYS 30
/* How long another program may take over making one. */
#define CERTIFICATE_LOCK_MS 10000

/* Loads a chain and its key, both PEM. 0 with *out set, the caller's (to
 * tls_server_free); or a negative errno, and then *fault says why. Parks. */
int certificate_load(struct tls_server **out, struct rt *rt,
		     const char *chain_path, const char *key_path,
		     char fault[CERTIFICATE_FAULT_MAX]);

/* Makes a key and a certificate in the directory `dir`, or takes those that an
 * earlier call made there as long as they are good. Makes `dir` too, with mode
 * 0700; one that is there must belong to this user and nobody else may be able
 * to write to it. Several at once on one directory end up with the same pair:
 * it is locked (flock) meanwhile. 0 with *out as above and the certificate's
 * file in `path`; or a negative errno, and then *fault says why. Parks. */
int certificate_own(struct tls_server **out, struct rt *rt, const char *dir,
		    char path[CERTIFICATE_PATH_MAX],
		    char fault[CERTIFICATE_FAULT_MAX]);

/* Whether a client that connects to `host` (as the platform listens on it)
 * finds it in the platform's own certificate, or can use another host that it
 * finds: localhost, the loopback addresses and "any address". */
bool certificate_suits(const char *host);

#endif
