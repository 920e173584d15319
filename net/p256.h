// SPDX-License-Identifier: MIT
/*
 * p256 - checks ECDSA signatures (FIPS 186-4) on the curve P-256, some ten
 * times as fast as BearSSL 0.6, which multiplies 31 bits at a time. Most
 * certificates that servers present today take two or three such checks.
 *
 * Only for checking: how long it takes depends on the signature, the key and
 * the hash, all of which anybody may know. It must never see a private key or
 * the secret number that a signature is made with.
 */
#ifndef NET_P256_H
#define NET_P256_H

#include <bearssl.h>
#include <stddef.h>
#include <stdint.h>

/* A br_ecdsa_vrfy for all of BearSSL's curves: 1 if `sig`, of `sig_len` bytes
 * of DER, is the key's signature over the hash, else 0. Of a hash longer than
 * 32 bytes P-256 uses the first 32. Everything is borrowed for the call.
 *
 * Keys on P-256 are handled here and `ec` is not asked; all others are left
 * to BearSSL with `ec`, and so is P-256 if the compiler has no 128-bit
 * integers. What is taken for DER is what BearSSL's own functions take. Uses
 * 3 KiB of stack at most. Does not park. */
uint32_t p256_vrfy(const br_ec_impl *ec, const void *hash, size_t hash_len,
		   const br_ec_public_key *key, const void *sig,
		   size_t sig_len);

#endif
