// SPDX-License-Identifier: MIT
/*
 * nginx - the server behind the benches of https: Debian's nginx with one
 * worker on CPU 0, a configuration of its own, and certificates that openssl
 * makes for it (root, intermediate, leaf for 127.0.0.1 and localhost).
 *
 * Every door serves "/json" (HTTPS_JSON_BYTES of JSON), "/what" (see
 * https_note) and passes everything else on to `upstream`.
 */
#ifndef BENCH_NGINX_H
#define BENCH_NGINX_H

#include <sys/types.h>

enum nginx_door {
	NGINX_HTTP,
	NGINX_ECDSA,	  /* P-256; sessions can be resumed */
	NGINX_ECDSA_FULL, /* always a full handshake */
	NGINX_RSA,	  /* 2048 bits */
	NGINX_RSA_FULL,
	NGINX_DOORS
};

struct nginx {
	pid_t pid;
	int ports[NGINX_DOORS];
	char dir[64];	 /* temporary */
	char roots[96];	 /* a file with both roots */
	char bundle[96]; /* the system's roots and, after them, these two */
};

/* Starts it and waits until it serves. `upstream`: a port of 127.0.0.1, or 0
 * when nothing is passed on. */
void nginx_open(struct nginx *nginx, int upstream);
void nginx_close(struct nginx *nginx);

#endif
