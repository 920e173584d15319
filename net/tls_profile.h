// SPDX-License-Identifier: MIT
/*
 * tls_profile - the one set of algorithms that both sides of TLS use here.
 *
 * TLS 1.2 only; ECDHE (so that a key stolen later opens nothing) with
 * AES-GCM or ChaCha20-Poly1305; SHA-256 and up; no renegotiation; "http/1.1"
 * by ALPN. Implementations are BearSSL's constant-time ones, the fastest that
 * this processor runs; only signatures on P-256 are checked by p256.h, which
 * sees nothing secret.
 */
#ifndef NET_TLS_PROFILE_H
#define NET_TLS_PROFILE_H

#include <bearssl.h>

struct rt;

/* Sets up a zeroed engine: all but buffers, certificates and the handshake.
 * Random bytes come from io_random. Does not park. */
void tls_profile_set(struct rt *rt, br_ssl_engine_context *engine);

/* For a client, between br_ssl_client_reset and the first record sent: offers
 * X25519 before P-256. Servers take the first group that they have, and on
 * P-256 a key exchange is three times the work; BearSSL 0.6 offers groups by
 * number. So the ClientHello is changed where it lies, and hashed again. Does
 * nothing if it does not look as 0.6 makes it. */
void tls_profile_prefer_x25519(br_ssl_engine_context *engine);

#endif
