// SPDX-License-Identifier: MIT
/*
 * tls_server - the server's side of TLS, for the local platform.
 *
 *	err = tls_server_load(&server, rt, "chain.pem", "key.pem", deadline,
 *			      &why);
 *	stream = tls_serve(server, stream_plain(rt, fd));
 *
 * One certificate chain (its own certificate first) and its RSA or EC key; the
 * algorithms of tls_profile.h; sessions can be resumed. Streams behave as
 * tls_stream.h says. The handshake is done by the first read or write, so a
 * task of its own does it for each connection.
 */
#ifndef NET_TLS_SERVER_H
#define NET_TLS_SERVER_H

#include <stddef.h>

#include "net/stream.h"
#include "runtime/clock.h"

struct rt;
struct tls_server;

#define TLS_SERVER_CHAIN_MAX 8
#define TLS_SERVER_FILE_MAX (128u * 1024)
/* Bytes of sessions to resume: some 300 of them. */
#define TLS_SERVER_SESSIONS (32u * 1024)

/* Makes a server from two PEM texts, which may be the same. Returns 0 with
 * *out set; -EINVAL when something is wrong with them: *why (static text) then
 * continues "the certificate or key cannot be used: …"; or -ENOMEM. Does not
 * park. */
int tls_server_new(struct tls_server **out, struct rt *rt, const char *chain,
		   size_t chain_len, const char *key, size_t key_len,
		   const char **why);

/* The same from two files. *why is set too when one cannot be read (and the
 * errno of that is returned). Parks. */
int tls_server_load(struct tls_server **out, struct rt *rt,
		    const char *chain_path, const char *key_path,
		    struct deadline deadline, const char **why);

/* Wipes and frees it. No stream of it may be left. */
void tls_server_free(struct tls_server *server);

/* A stream to the client at the other end of `lower`, which it takes, also
 * when this fails (NULL: out of memory). Parks only then. */
struct stream *tls_serve(struct tls_server *server, struct stream *lower);

#endif
