// SPDX-License-Identifier: MIT
/*
 * tls - the client's side of TLS: a connection to a server that has proved to
 * be the one that was meant.
 *
 *	struct tls_client *client = tls_client_new(rt, &roots);
 *	…dial…
 *	err = tls_connect(client, stream_plain(rt, fd), host, port, deadline,
 *			  &stream, &error);
 *
 * What is spoken is in tls_profile.h, how a certificate is judged in
 * tls_verify.h, how the stream behaves in tls_stream.h, why one failed in
 * tls_error.h. There is no way to switch validation off.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdint.h>

#include "net/stream.h"
#include "net/tls_error.h"
#include "net/trust.h"

struct rt;
struct slots;
struct tls_client;

/* How long a handshake may take; a full one is some milliseconds of work and
 * two round trips. */
#define TLS_HANDSHAKE_MS 10000
/* Handshakes of a client that compute at once; others whose turn it is to
 * compute wait, first come first served, and the wait counts against their
 * deadline. Those that wait for their server do not count, so a silent server
 * holds nobody up. A step of a handshake is up to a millisecond of work: this
 * is how many steps any other task may have to wait for, whether ten
 * connections are being made or a thousand. More than one, because a
 * handshake may have to wait for the files of the roots. */
#define TLS_HANDSHAKES_MAX 4
/* The largest record sent. Small, since requests are; larger ones take
 * several records but not several operations. Servers that know RFC 6066 are
 * asked not to send larger ones either. */
#define TLS_RECORD 2048

/* What connections share: roots and sessions. `roots` as for trust_new. NULL
 * when out of memory. Does not park. */
struct tls_client *tls_client_new(struct rt *rt,
				  const struct trust_options *roots);
/* Forgets its sessions. Connections may outlive it; handshakes must not. */
void tls_client_free(struct tls_client *client);

/* Does a handshake with `host` (name or IP literal; for the certificate) over
 * `lower`, which it takes in any case (closing it on failure); `port` tells
 * sessions apart. Returns 0 with *out set, the caller's to close; else
 * -EKEYREJECTED (TLS was refused, by either side), -ECONNRESET (closed),
 * -ETIMEDOUT, another errno of the stream below, -ENOMEM or the cancellation's
 * reason. *error is then filled in for the first three. Wants
 * TASK_STACK_NORMAL or more. Parks. */
int tls_connect(struct tls_client *client, struct stream *lower,
		const char *host, uint16_t port, struct deadline deadline,
		struct stream **out, struct tls_error *error);

/* Whether that stream of tls_connect resumed a session. */
bool tls_resumed(const struct stream *stream);

/* The client's TLS_HANDSHAKES_MAX slots: for whoever wants to see how busy it
 * is, or to hold its handshakes up. */
struct slots *tls_client_slots(struct tls_client *client);

#endif
