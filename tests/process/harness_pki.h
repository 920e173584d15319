// SPDX-License-Identifier: MIT
/*
 * Certificates for the tests of TLS, made by openssl(1) in a directory of
 * their own: for each of "ec" (P-256) and "rsa" (2048 bits) a root, an
 * intermediate and a leaf, and next to them leaves with something wrong.
 * Making them takes a moment, so a program does it once, as the fixture of
 * its group.
 *
 *   NAME-root.pem   NAME-inter.pem   NAME-leaf.pem   NAME-leaf.key
 *   NAME-chain.pem  the leaf and the intermediate: what a server sends
 *
 * and, for the key ec-leaf.key and as whole chains of "ec":
 *
 *   expired.pem  future.pem  elsewhere.pem (for another host)  sha1.pem
 *   selfsigned.pem
 *
 * What is right is for localhost and 127.0.0.1.
 */
#ifndef PROCESS_HARNESS_PKI_H
#define PROCESS_HARNESS_PKI_H

#include "harness.h"

#define OPENSSL "/usr/bin/openssl"

/* Fixtures of a group; *state is the path of the directory. */
int pki_setup(void **state);
int pki_teardown(void **state);

/* Runs openssl(1) with these arguments (up to a NULL); it must succeed. */
void pki_openssl(const char *const *args);

#endif
