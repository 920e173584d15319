// SPDX-License-Identifier: MIT
/*
 * A tap: a server on 127.0.0.1 that stands where a TLS server should be. It
 * passes connections on to the real one and looks at the records that clients
 * send (their types are not encrypted), or cuts what the server says; or it
 * is no TLS server at all.
 *
 * RFC 5246: 20 change_cipher_spec, 21 alert, 22 handshake, 23 data.
 */
#ifndef PROCESS_HARNESS_TAP_H
#define PROCESS_HARNESS_TAP_H

#include "harness.h"

#define RECORD_ALERT 21
#define RECORD_HANDSHAKE 22
#define RECORD_DATA 23

enum tap_cut {
	TAP_WHOLE,
	TAP_CUT_BYTES,	/* the connection ends after `at` of its bytes */
	TAP_STALL,	/* it stays, but nothing comes after `at` bytes */
	TAP_CUT_DATA,	/* in the middle of its first record of data */
	TAP_CUT_BEHIND, /* before the alert that ends its data */
};

struct tap_how {
	int to;		  /* port to pass connections on to; 0: none */
	enum tap_cut cut; /* what to do with what comes from there */
	size_t at;
	/* Without `to`: what to say once something has come; NULL: nothing. */
	const char *say;
	size_t say_len; /* 0: it is a text */
	bool close;	/* end the connection then */
};

struct tap;

struct tap *tap_new(const struct tap_how *how);
void tap_free(struct tap *t);
int tap_port(const struct tap *t);
/* For the connections to come; those that are open are cut. */
void tap_set(struct tap *t, const struct tap_how *how);

/* Connections so far, and those that were cut as told. */
int tap_connections(struct tap *t);
int tap_cuts(struct tap *t);
/* Records of this type that clients have begun to send. */
int tap_records(struct tap *t, int type);
/* Whether clients have sent nothing but what a handshake needs. */
bool tap_only_handshakes(struct tap *t);
/* Waits until there were that many connections (cuts); fails without. */
void tap_expect_connections(struct tap *t, int count);
void tap_expect_cuts(struct tap *t, int count);

/* A port of 127.0.0.1 where nobody listens, as far as one can tell. */
int tap_free_port(void);
/* Whether somebody listens there. */
bool tap_can_dial(int port);

#endif
