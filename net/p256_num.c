// SPDX-License-Identifier: MIT
/*
 * A product of 512 bits is made first. Its lower half is then brought to zero
 * word by word, from below, by adding multiples of the modulus; each time the
 * lowest word, now zero, is dropped. What is left of it is at most the modulus
 * and is added to the upper half, which is below the modulus.
 *
 * Loops are written out: compilers would not, at -O2.
 */
#include "net/p256_num.h"

#ifdef P256_HERE

#ifdef __x86_64__
#include <immintrin.h>
#endif

/* clang-format off */
const struct p256_num p256_p = { { 0xffffffffffffffff, 0x00000000ffffffff,
				   0x0000000000000000, 0xffffffff00000001 } };
const struct p256_num p256_n = { { 0xf3b9cac2fc632551, 0xbce6faada7179e84,
				   0xffffffffffffffff, 0xffffffff00000000 } };
const struct p256_num p256_one = { { 0x0000000000000001, 0xffffffff00000000,
				     0xffffffffffffffff, 0x00000000fffffffe } };
/* 2^512 modulo each, which brings into Montgomery form. */
static const struct p256_num p_enter = { { 0x0000000000000003, 0xfffffffbffffffff,
					   0xfffffffffffffffe, 0x00000004fffffffd } };
static const struct p256_num n_enter = { { 0x83244c95be79eea2, 0x4699799c49bd6fa6,
					   0x2845b2392b6bec59, 0x66e12d94f3d95620 } };
/* clang-format on */
/* -1/n modulo 2^64. */
#define N_NEGATED_INVERSE 0xccd1c8aaee00bc4f

typedef unsigned __int128 wide;

/* a + b + *carry; *carry (0 or 1) becomes what is carried on. */
static inline uint64_t add(uint64_t a, uint64_t b, uint64_t *carry)
{
#ifdef __x86_64__
	/* GCC before 14 does not see that the other way is this. */
	unsigned long long sum;
	*carry = _addcarry_u64((unsigned char)*carry, a, b, &sum);
	return sum;
#else
	wide sum = (wide)a + b + *carry;
	*carry = (uint64_t)(sum >> 64);
	return (uint64_t)sum;
#endif
}

/* a - b - *borrow; *borrow (0 or 1) becomes what is borrowed on. */
static inline uint64_t sub(uint64_t a, uint64_t b, uint64_t *borrow)
{
#ifdef __x86_64__
	unsigned long long difference;
	*borrow = _subborrow_u64((unsigned char)*borrow, a, b, &difference);
	return difference;
#else
	wide difference = (wide)a - b - *borrow;
	*borrow = (uint64_t)(difference >> 64) & 1;
	return (uint64_t)difference;
#endif
}

/* a + b * c + *carry; *carry becomes the upper word. */
static inline uint64_t mul_add(uint64_t a, uint64_t b, uint64_t c,
			       uint64_t *carry)
{
	wide sum = (wide)b * c + a + *carry;
	*carry = (uint64_t)(sum >> 64);
	return (uint64_t)sum;
}

struct p256_num p256_num_of(const uint8_t *bytes, size_t len)
{
	struct p256_num r = { { 0 } };
	for (size_t i = 0; i < len; i++) {
		size_t place = len - 1 - i;
		r.w[place / 8] |= (uint64_t)bytes[i] << place % 8 * 8;
	}
	return r;
}

bool p256_num_is_zero(const struct p256_num *a)
{
	return (a->w[0] | a->w[1] | a->w[2] | a->w[3]) == 0;
}

bool p256_num_equal(const struct p256_num *a, const struct p256_num *b)
{
	return ((a->w[0] ^ b->w[0]) | (a->w[1] ^ b->w[1]) |
		(a->w[2] ^ b->w[2]) | (a->w[3] ^ b->w[3])) == 0;
}

bool p256_num_less(const struct p256_num *a, const struct p256_num *b)
{
	struct p256_num r;
	return p256_num_sub(&r, a, b) != 0;
}

uint64_t p256_num_add(struct p256_num *r, const struct p256_num *a,
		      const struct p256_num *b)
{
	uint64_t carry = 0;
	r->w[0] = add(a->w[0], b->w[0], &carry);
	r->w[1] = add(a->w[1], b->w[1], &carry);
	r->w[2] = add(a->w[2], b->w[2], &carry);
	r->w[3] = add(a->w[3], b->w[3], &carry);
	return carry;
}

uint64_t p256_num_sub(struct p256_num *r, const struct p256_num *a,
		      const struct p256_num *b)
{
	uint64_t borrow = 0;
	r->w[0] = sub(a->w[0], b->w[0], &borrow);
	r->w[1] = sub(a->w[1], b->w[1], &borrow);
	r->w[2] = sub(a->w[2], b->w[2], &borrow);
	r->w[3] = sub(a->w[3], b->w[3], &borrow);
	return borrow;
}

/* *r = a (with `carry` above it) modulo m, for less than two times m. */
static inline void bring_below(struct p256_num *r, const struct p256_num *a,
			       uint64_t carry, const struct p256_num *m)
{
	struct p256_num less;
	/* All bits set if a stays as it is: a jump would often be foretold
	 * wrongly. */
	uint64_t keep = 0 - (uint64_t)(p256_num_sub(&less, a, m) > carry);
	r->w[0] = less.w[0] ^ ((less.w[0] ^ a->w[0]) & keep);
	r->w[1] = less.w[1] ^ ((less.w[1] ^ a->w[1]) & keep);
	r->w[2] = less.w[2] ^ ((less.w[2] ^ a->w[2]) & keep);
	r->w[3] = less.w[3] ^ ((less.w[3] ^ a->w[3]) & keep);
}

/* t = a * b. */
static inline void multiply(uint64_t t[8], const struct p256_num *a,
			    const struct p256_num *b)
{
	uint64_t carry = 0, x = a->w[0];
	t[0] = mul_add(0, x, b->w[0], &carry);
	t[1] = mul_add(0, x, b->w[1], &carry);
	t[2] = mul_add(0, x, b->w[2], &carry);
	t[3] = mul_add(0, x, b->w[3], &carry);
	t[4] = carry;
	x = a->w[1], carry = 0;
	t[1] = mul_add(t[1], x, b->w[0], &carry);
	t[2] = mul_add(t[2], x, b->w[1], &carry);
	t[3] = mul_add(t[3], x, b->w[2], &carry);
	t[4] = mul_add(t[4], x, b->w[3], &carry);
	t[5] = carry;
	x = a->w[2], carry = 0;
	t[2] = mul_add(t[2], x, b->w[0], &carry);
	t[3] = mul_add(t[3], x, b->w[1], &carry);
	t[4] = mul_add(t[4], x, b->w[2], &carry);
	t[5] = mul_add(t[5], x, b->w[3], &carry);
	t[6] = carry;
	x = a->w[3], carry = 0;
	t[3] = mul_add(t[3], x, b->w[0], &carry);
	t[4] = mul_add(t[4], x, b->w[1], &carry);
	t[5] = mul_add(t[5], x, b->w[2], &carry);
	t[6] = mul_add(t[6], x, b->w[3], &carry);
	t[7] = carry;
}

/* t = a * a: the products of different words once, doubled, and the squares.
 */
static inline void square(uint64_t t[8], const struct p256_num *a)
{
	const uint64_t *w = a->w;
	uint64_t carry = 0;
	t[1] = mul_add(0, w[0], w[1], &carry);
	t[2] = mul_add(0, w[0], w[2], &carry);
	t[3] = mul_add(0, w[0], w[3], &carry);
	t[4] = carry, carry = 0;
	t[3] = mul_add(t[3], w[1], w[2], &carry);
	t[4] = mul_add(t[4], w[1], w[3], &carry);
	t[5] = carry, carry = 0;
	t[5] = mul_add(t[5], w[2], w[3], &carry);
	t[6] = carry;

	t[7] = t[6] >> 63;
	t[6] = t[6] << 1 | t[5] >> 63;
	t[5] = t[5] << 1 | t[4] >> 63;
	t[4] = t[4] << 1 | t[3] >> 63;
	t[3] = t[3] << 1 | t[2] >> 63;
	t[2] = t[2] << 1 | t[1] >> 63;
	t[1] = t[1] << 1;

	wide s0 = (wide)w[0] * w[0], s1 = (wide)w[1] * w[1];
	wide s2 = (wide)w[2] * w[2], s3 = (wide)w[3] * w[3];
	carry = 0;
	t[0] = (uint64_t)s0;
	t[1] = add(t[1], (uint64_t)(s0 >> 64), &carry);
	t[2] = add(t[2], (uint64_t)s1, &carry);
	t[3] = add(t[3], (uint64_t)(s1 >> 64), &carry);
	t[4] = add(t[4], (uint64_t)s2, &carry);
	t[5] = add(t[5], (uint64_t)(s2 >> 64), &carry);
	t[6] = add(t[6], (uint64_t)s3, &carry);
	t[7] = add(t[7], (uint64_t)(s3 >> 64), &carry);
}

/* s = (s + s[0] * p) / 2^64. As p is -1 modulo 2^96, the product's words are
 * mostly shifts. */
static inline void drop_word_p(uint64_t s[4])
{
	uint64_t m = s[0], carry = 0;
	wide top = (wide)m * 0xffffffff00000001;
	s[0] = add(s[1], m << 32, &carry);
	s[1] = add(s[2], m >> 32, &carry);
	s[2] = add(s[3], (uint64_t)top, &carry);
	s[3] = (uint64_t)(top >> 64) + carry;
}

/* The same for n. */
static inline void drop_word_n(uint64_t s[4])
{
	uint64_t m = s[0] * N_NEGATED_INVERSE, carry = 0;
	(void)mul_add(s[0], m, p256_n.w[0], &carry);
	s[0] = mul_add(s[1], m, p256_n.w[1], &carry);
	s[1] = mul_add(s[2], m, p256_n.w[2], &carry);
	s[2] = mul_add(s[3], m, p256_n.w[3], &carry);
	s[3] = carry;
}

/* *r = t / 2^256 modulo p. */
static inline void reduce_p(struct p256_num *r, uint64_t t[8])
{
	struct p256_num sum;
	uint64_t carry = 0;
	drop_word_p(t);
	drop_word_p(t);
	drop_word_p(t);
	drop_word_p(t);
	sum.w[0] = add(t[0], t[4], &carry);
	sum.w[1] = add(t[1], t[5], &carry);
	sum.w[2] = add(t[2], t[6], &carry);
	sum.w[3] = add(t[3], t[7], &carry);
	bring_below(r, &sum, carry, &p256_p);
}

void p256_add(struct p256_num *r, const struct p256_num *a,
	      const struct p256_num *b)
{
	struct p256_num sum;
	uint64_t carry = p256_num_add(&sum, a, b);
	bring_below(r, &sum, carry, &p256_p);
}

void p256_sub(struct p256_num *r, const struct p256_num *a,
	      const struct p256_num *b)
{
	struct p256_num less;
	uint64_t wrapped = 0 - p256_num_sub(&less, a, b), carry = 0;
	r->w[0] = add(less.w[0], p256_p.w[0] & wrapped, &carry);
	r->w[1] = add(less.w[1], p256_p.w[1] & wrapped, &carry);
	r->w[2] = add(less.w[2], p256_p.w[2] & wrapped, &carry);
	r->w[3] = add(less.w[3], p256_p.w[3] & wrapped, &carry);
}

void p256_mul(struct p256_num *r, const struct p256_num *a,
	      const struct p256_num *b)
{
	uint64_t t[8];
	multiply(t, a, b);
	reduce_p(r, t);
}

void p256_sqr(struct p256_num *r, const struct p256_num *a)
{
	uint64_t t[8];
	square(t, a);
	reduce_p(r, t);
}

void p256_enter(struct p256_num *r, const struct p256_num *a)
{
	p256_mul(r, a, &p_enter);
}

void p256_order_mul(struct p256_num *r, const struct p256_num *a,
		    const struct p256_num *b)
{
	struct p256_num sum;
	uint64_t t[8], carry = 0;
	multiply(t, a, b);
	drop_word_n(t);
	drop_word_n(t);
	drop_word_n(t);
	drop_word_n(t);
	sum.w[0] = add(t[0], t[4], &carry);
	sum.w[1] = add(t[1], t[5], &carry);
	sum.w[2] = add(t[2], t[6], &carry);
	sum.w[3] = add(t[3], t[7], &carry);
	bring_below(r, &sum, carry, &p256_n);
}

/* a to the power of n - 2 (Fermat), four bits of it at a time. */
void p256_order_invert(struct p256_num *r, const struct p256_num *a)
{
	struct p256_num powers[16], power, exponent = p256_n;
	exponent.w[0] -= 2;
	p256_order_mul(&powers[1], a, &n_enter);
	for (size_t i = 2; i < 16; i++)
		p256_order_mul(&powers[i], &powers[i - 1], &powers[1]);
	/* The first four bits are all set. */
	power = powers[15];
	for (unsigned int at = 252; at > 0;) {
		at -= 4;
		for (int i = 0; i < 4; i++)
			p256_order_mul(&power, &power, &power);
		unsigned int digit = exponent.w[at / 64] >> at % 64 & 15;
		if (digit)
			p256_order_mul(&power, &power, &powers[digit]);
	}
	*r = power;
}

#endif
