// SPDX-License-Identifier: MIT
/*
 * tls_session - sessions to resume, by origin.
 *
 * A resumed handshake costs neither signatures nor key exchange (RFC 5246
 * section 7.3), nor is the certificate looked at again: a session is kept for
 * a day at most, under the very host and port whose certificate was good.
 * Only server-side session identifiers exist here; BearSSL has no tickets.
 */
#ifndef NET_TLS_SESSION_H
#define NET_TLS_SESSION_H

#include <bearssl.h>
#include <stdbool.h>
#include <stdint.h>

struct rt;
struct tls_session;

#define TLS_SESSIONS_MAX 16 /* the one not used for longest goes */
#define TLS_SESSION_S 86400

/* Storage is the owner's; zero with `rt` set is ready. */
struct tls_sessions {
	struct rt *rt;
	struct tls_session *first; /* used last */
};

/* Copies the session for that origin to *out, if there is one. */
bool tls_session_get(struct tls_sessions *sessions, const char *host,
		     uint16_t port, br_ssl_session_parameters *out);
/* Keeps a session, in place of the one there was. One that the server gave no
 * identifier to is of no use, nor kept; neither is one there is no memory for.
 */
void tls_session_put(struct tls_sessions *sessions, const char *host,
		     uint16_t port, const br_ssl_session_parameters *session);
/* Forgets it, and wipes it. */
void tls_session_forget(struct tls_sessions *sessions, const char *host,
			uint16_t port);
/* Forgets all. */
void tls_sessions_clear(struct tls_sessions *sessions);

#endif
