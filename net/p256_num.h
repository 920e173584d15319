// SPDX-License-Identifier: MIT
/*
 * p256_num - numbers for P-256: 256 bits in four words, and arithmetic modulo
 * the curve's two primes,
 *
 *	p = 2^256 - 2^224 + 2^192 + 2^96 - 1	coordinates of points
 *	n = p - about 2^128			how often a point is added
 *
 * A residue is always below its modulus, so equal residues have equal words.
 * Products are Montgomery's: a times b comes out as a·b/2^256, which takes no
 * division. Coordinates are kept as a·2^256 mod p ("in Montgomery form"), so
 * that their products are in that form again.
 *
 * How long a call takes depends on the numbers. Nothing secret may come here.
 * Needs a compiler with 128-bit integers; without them there is nothing in
 * this file. Results may be where operands are.
 */
#ifndef NET_P256_NUM_H
#define NET_P256_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SIZEOF_INT128__
#define P256_HERE 1

#define P256_BYTES 32

struct p256_num {
	uint64_t w[4]; /* the lowest first */
};

extern const struct p256_num p256_p, p256_n;
extern const struct p256_num p256_one; /* 1, in Montgomery form */

/* The number that `len` bytes (0 to P256_BYTES) are, the highest first. */
struct p256_num p256_num_of(const uint8_t *bytes, size_t len);
bool p256_num_is_zero(const struct p256_num *a);
bool p256_num_equal(const struct p256_num *a, const struct p256_num *b);
bool p256_num_less(const struct p256_num *a, const struct p256_num *b);
/* *r = a + b modulo 2^256; what is carried out of it, 0 or 1. */
uint64_t p256_num_add(struct p256_num *r, const struct p256_num *a,
		      const struct p256_num *b);
/* *r = a - b modulo 2^256; 1 if a was less than b, else 0. */
uint64_t p256_num_sub(struct p256_num *r, const struct p256_num *a,
		      const struct p256_num *b);

/* Modulo p, in Montgomery form or not, as the operands are. */
void p256_add(struct p256_num *r, const struct p256_num *a,
	      const struct p256_num *b);
void p256_sub(struct p256_num *r, const struct p256_num *a,
	      const struct p256_num *b);
/* Modulo p: Montgomery's product and square. */
void p256_mul(struct p256_num *r, const struct p256_num *a,
	      const struct p256_num *b);
void p256_sqr(struct p256_num *r, const struct p256_num *a);
/* Brings a residue modulo p into Montgomery form. */
void p256_enter(struct p256_num *r, const struct p256_num *a);

/* Modulo n: Montgomery's product. */
void p256_order_mul(struct p256_num *r, const struct p256_num *a,
		    const struct p256_num *b);
/* Modulo n: the inverse of a, which is not 0, in Montgomery form: with it as
 * one operand p256_order_mul divides the other by a. */
void p256_order_invert(struct p256_num *r, const struct p256_num *a);

#endif
#endif
