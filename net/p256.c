// SPDX-License-Identifier: MIT
/*
 * With the hash e and the signature (r, s), the point R = (e/s)·G + (r/s)·Q is
 * computed, G being the curve's generator and Q the key; the signature is good
 * if R's x is r modulo n (p256_num.h).
 *
 * Both factors are written with signed digits, few of which are not zero, and
 * go through one run of doublings, from above: whenever a digit of one is due,
 * that multiple of G or Q is added from a table. G's table is constant; Q's is
 * made for each check.
 *
 * Points are in Jacobian coordinates: (x, y, z) is the point (x/z², y/z³), and
 * with z = 0 the point at infinity. So nothing is divided, not even in the
 * end, where x is compared with r·z². All coordinates are in Montgomery form.
 */
#include "net/p256.h"

#include <string.h>

#include "net/p256_num.h"

#ifdef P256_HERE

/* Digits of G and Q lie between -2^(width - 1) and 2^(width - 1) and are odd
 * or zero: so many are the multiples in a table. */
#define G_WIDTH 6
#define Q_WIDTH 5
#define G_MULTIPLES (1 << (G_WIDTH - 2))
#define Q_MULTIPLES (1 << (Q_WIDTH - 2))
/* One for each bit, and what is carried out of the last. */
#define DIGITS 257
/* A key: 4, then x and y. */
#define KEY_BYTES (1 + 2 * P256_BYTES)
/* The longest signature that BearSSL takes, and what its two numbers are at
 * most when they have been made equally long. */
#define SIGNATURE_MAX 144
#define SIGNATURE_ROOM 288

struct affine {
	struct p256_num x, y;
};

struct point {
	struct p256_num x, y, z;
};

static const struct point infinity; /* all zero */

/* The curve: y² = x³ - 3x + b. */
static const struct p256_num curve_b = {
	{ 0xd89cdf6229c4bddf, 0xacf005cd78843090, 0xe5a220abf7212ed6,
	  0xdc30061d04874834 }
};

/* G, 3G, 5G … */
static const struct affine g_table[G_MULTIPLES] = {
	{ { { 0x79e730d418a9143c, 0x75ba95fc5fedb601, 0x79fb732b77622510,
	      0x18905f76a53755c6 } },
	  { { 0xddf25357ce95560a, 0x8b4ab8e4ba19e45c, 0xd2e88688dd21f325,
	      0x8571ff1825885d85 } } },
	{ { { 0xffac3f904eebc127, 0xb027f84a087d81fb, 0x66ad77dd87cbbc98,
	      0x26936a3fb6ff747e } },
	  { { 0xb04c5c1fc983a7eb, 0x583e47ad0861fe1a, 0x788208311a2ee98e,
	      0xd5f06a29e587cc07 } } },
	{ { { 0xbe1b8aaec45c61f5, 0x90ec649a94b9537d, 0x941cb5aad076c20c,
	      0xc9079605890523c8 } },
	  { { 0xeb309b4ae7ba4f10, 0x73c568efe5eb882b, 0x3540a9877e7a1f68,
	      0x73a076bb2dd1e916 } } },
	{ { { 0x0746354ea0173b4f, 0x2bd20213d23c00f7, 0xf43eaab50c23bb08,
	      0x13ba5119c3123e03 } },
	  { { 0x2847d0303f5b9d4d, 0x6742f2f25da67bdd, 0xef933bdc77c94195,
	      0xeaedd9156e240867 } } },
	{ { { 0x75c96e8f264e20e8, 0xabe6bfed59a7a841, 0x2cc09c0444c8eb00,
	      0xe05b3080f0c4e16b } },
	  { { 0x1eb7777aa45f3314, 0x56af7bedce5d45e3, 0x2b6e019a88b12f1a,
	      0x086659cdfd835f9b } } },
	{ { { 0xea7d260a6245e404, 0x9de407956e7fdfe0, 0x1ff3a4158dac1ab5,
	      0x3e7090f1649c9073 } },
	  { { 0x1a7685612b944e88, 0x250f939ee57f61c8, 0x0c0daa891ead643d,
	      0x68930023e125b88e } } },
	{ { { 0xccc425634b2ed709, 0x0e356769856fd30d, 0xbcbcd43f559e9811,
	      0x738477ac5395b759 } },
	  { { 0x35752b90c00ee17f, 0x68748390742ed2e3, 0x7cd06422bd1f5bc1,
	      0xfbc08769c9e7b797 } } },
	{ { { 0x72bcd8b7bc60055b, 0x03cc23ee56e27e4b, 0xee337424e4819370,
	      0xe2aa0e430ad3da09 } },
	  { { 0x40b8524f6383c45d, 0xd766355442a41b25, 0x64efa6de778a4797,
	      0x2042170a7079adf4 } } },
	{ { { 0x97091dcbd53c5c9d, 0xf17624b6ac0a177b, 0xb0f139752cfe2dff,
	      0xc1a35c0a6c7a574e } },
	  { { 0x227d314693e79987, 0x0575bf30e89cb80e, 0x2f4e247f0d1883bb,
	      0xebd512263274c3d0 } } },
	{ { { 0xfea912baa5659ae8, 0x68363aba25e1a16e, 0xb8842277752c41ac,
	      0xfe545c282897c3fc } },
	  { { 0x2d36e9e7dc4c696b, 0x5806244afba977c5, 0x85665e9be39508c1,
	      0xf720ee256d12597b } } },
	{ { { 0x562e4cecc135b208, 0x74e1b2654783f47d, 0x6d2a506c5a3f3b30,
	      0xecead9f4c16762fc } },
	  { { 0xf29dd4b2e286e5b9, 0x1b0fadc083bb3c61, 0x7a75023e7fac29a4,
	      0xc086d5f1c9477fa3 } } },
	{ { { 0xf4f876532de45068, 0x37c7a7e89e2e1f6e, 0xd0825fa2a3584069,
	      0xaf2cea7c1727bf42 } },
	  { { 0x0360a4fb9e4785a9, 0xe5fda49c27299f4a, 0x48068e1371ac2f71,
	      0x83d0687b9077666f } } },
	{ { { 0xa4a319acd837879f, 0x6fc1b49eed6b67b0, 0xe395993332f1f3af,
	      0x966742eb65432a2e } },
	  { { 0x4b8dc9feb4966228, 0x96cc631243f43950, 0x12068859c9b731ee,
	      0x7b948dc356f79968 } } },
	{ { { 0x042c2af497e2feb4, 0xd36a42d7aebf7313, 0x49d2c9eb084ffdd7,
	      0x9f8aa54b2ef7c76a } },
	  { { 0x9200b7ba09895e70, 0x3bd0c66fddb7fb58, 0x2d97d10878eb4cbb,
	      0x2d431068d84bde31 } } },
	{ { { 0x5e5db46acb66e132, 0xf1be963a0d925880, 0x944a70270317b9e2,
	      0xe266f95948603d48 } },
	  { { 0x98db66735c208899, 0x90472447a2fb18a3, 0x8a966939777c619f,
	      0x3798142a2a3be21b } } },
	{ { { 0xe2f73c696755ff89, 0xdd3cf7e7473017e6, 0x8ef5689d3cf7600d,
	      0x948dc4f8b1fc87b4 } },
	  { { 0xd9e9fe814ea53299, 0x2d921ca298eb6028, 0xfaecedfd0c9803fc,
	      0xf38ae8914d7b4745 } } },
};

/* *r = 2a. Infinity stays infinity. */
static void point_double(struct point *r, const struct point *a)
{
	struct p256_num slope, yy, zz, xyy, t;
	/* With slope = 3x² - 3z⁴ = 3(x - z²)(x + z²): */
	p256_sqr(&zz, &a->z);
	p256_sub(&slope, &a->x, &zz);
	p256_add(&t, &a->x, &zz);
	p256_mul(&slope, &slope, &t);
	p256_add(&t, &slope, &slope);
	p256_add(&slope, &slope, &t);
	/* z' = 2yz */
	p256_mul(&r->z, &a->y, &a->z);
	p256_add(&r->z, &r->z, &r->z);
	/* x' = slope² - 8xy² */
	p256_sqr(&yy, &a->y);
	p256_add(&yy, &yy, &yy);
	p256_mul(&xyy, &a->x, &yy);
	p256_add(&xyy, &xyy, &xyy);
	p256_add(&t, &xyy, &xyy);
	p256_sqr(&r->x, &slope);
	p256_sub(&r->x, &r->x, &t);
	/* y' = slope (4xy² - x') - 8y⁴ */
	p256_sqr(&yy, &yy);
	p256_add(&yy, &yy, &yy);
	p256_sub(&t, &xyy, &r->x);
	p256_mul(&t, &t, &slope);
	p256_sub(&r->y, &t, &yy);
}

/* *a = a + (x, y, z), which is not infinity; z may be NULL for 1. */
static void point_add(struct point *a, const struct p256_num *x,
		      const struct p256_num *y, const struct p256_num *z)
{
	struct p256_num u = a->x, v = a->y, dx, dy, t;
	if (p256_num_is_zero(&a->z)) {
		*a = (struct point){ *x, *y, z ? *z : p256_one };
		return;
	}
	/* Both brought to the same z, the product: (u, v) is the first, from
	 * which the second is (dx, dy) away. */
	p256_sqr(&t, &a->z);
	p256_mul(&dx, x, &t);
	p256_mul(&t, &t, &a->z);
	p256_mul(&dy, y, &t);
	if (z) {
		p256_sqr(&t, z);
		p256_mul(&u, &u, &t);
		p256_mul(&t, &t, z);
		p256_mul(&v, &v, &t);
	}
	p256_sub(&dx, &dx, &u);
	p256_sub(&dy, &dy, &v);
	if (p256_num_is_zero(&dx)) {
		if (p256_num_is_zero(&dy))
			point_double(a, a);
		else
			*a = infinity;
		return;
	}
	/* z' = z1 z2 dx */
	if (z)
		p256_mul(&a->z, &a->z, z);
	p256_mul(&a->z, &a->z, &dx);
	/* x' = dy² - dx³ - 2u dx² */
	p256_sqr(&t, &dx);
	p256_mul(&u, &u, &t);
	p256_mul(&t, &t, &dx);
	p256_sqr(&a->x, &dy);
	p256_sub(&a->x, &a->x, &t);
	p256_sub(&a->x, &a->x, &u);
	p256_sub(&a->x, &a->x, &u);
	/* y' = dy (u dx² - x') - v dx³ */
	p256_mul(&v, &v, &t);
	p256_sub(&u, &u, &a->x);
	p256_mul(&u, &u, &dy);
	p256_sub(&a->y, &u, &v);
}

/* The same for (x, -y, z) if `negative`. */
static void add_signed(struct point *a, const struct p256_num *x,
		       const struct p256_num *y, const struct p256_num *z,
		       bool negative)
{
	struct p256_num minus_y = { { 0 } };
	if (negative)
		p256_sub(&minus_y, &minus_y, y);
	point_add(a, x, negative ? &minus_y : y, z);
}

/* Where a digit's multiple is in a table. */
static size_t place(int digit)
{
	return (size_t)(digit < 0 ? -digit : digit) / 2;
}

/* `width` bits of k, from `at` up. */
static unsigned int bits_at(const struct p256_num *k, size_t at,
			    unsigned int width)
{
	size_t word = at / 64, shift = at % 64;
	uint64_t bits = k->w[word] >> shift;
	if (shift + width > 64 && word < 3)
		bits |= k->w[word + 1] << (64 - shift);
	return (unsigned int)bits & ((1u << width) - 1);
}

/* Writes k as a sum of digit[i]·2^i. From a digit above half of 2^width that
 * much is taken off, and the next one gets it as a 1. */
static void write_digits(int8_t digit[DIGITS], const struct p256_num *k,
			 unsigned int width)
{
	unsigned int carry = 0;
	memset(digit, 0, DIGITS);
	for (size_t at = 0; at < DIGITS - 1;) {
		if (bits_at(k, at, 1) == carry) {
			at++;
			continue;
		}
		unsigned int bits = bits_at(k, at, width) + carry;
		carry = bits >> (width - 1);
		digit[at] = (int8_t)((int)bits - (int)(carry << width));
		at += width;
	}
	/* Only from a digit that ends with the last bit. */
	digit[DIGITS - 1] = (int8_t)carry;
}

static void make_table(struct point table[Q_MULTIPLES], const struct affine *q)
{
	struct point twice;
	table[0] = (struct point){ q->x, q->y, p256_one };
	point_double(&twice, &table[0]);
	for (size_t i = 1; i < Q_MULTIPLES; i++) {
		table[i] = table[i - 1];
		point_add(&table[i], &twice.x, &twice.y, &twice.z);
	}
}

/* *r = g·G + q·Q. */
static void multiply_add(struct point *r, const struct p256_num *g,
			 const struct p256_num *q, const struct affine *key)
{
	int8_t g_digit[DIGITS], q_digit[DIGITS];
	struct point table[Q_MULTIPLES];
	write_digits(g_digit, g, G_WIDTH);
	write_digits(q_digit, q, Q_WIDTH);
	make_table(table, key);
	*r = infinity;
	for (size_t i = DIGITS; i-- > 0;) {
		point_double(r, r);
		if (q_digit[i]) {
			const struct point *at = &table[place(q_digit[i])];
			add_signed(r, &at->x, &at->y, &at->z, q_digit[i] < 0);
		}
		if (g_digit[i]) {
			const struct affine *at = &g_table[place(g_digit[i])];
			add_signed(r, &at->x, &at->y, NULL, g_digit[i] < 0);
		}
	}
}

/* A coordinate, into Montgomery form; false if it is not below p. */
static bool take_coordinate(struct p256_num *r, const uint8_t *bytes)
{
	struct p256_num plain = p256_num_of(bytes, P256_BYTES);
	if (!p256_num_less(&plain, &p256_p))
		return false;
	p256_enter(r, &plain);
	return true;
}

static bool is_on_curve(const struct affine *a)
{
	struct p256_num left, right;
	p256_sqr(&right, &a->x);
	p256_mul(&right, &right, &a->x);
	for (int i = 0; i < 3; i++)
		p256_sub(&right, &right, &a->x);
	p256_add(&right, &right, &curve_b);
	p256_sqr(&left, &a->y);
	return p256_num_equal(&left, &right);
}

/* Every point of the curve but infinity, which cannot be written like this, is
 * as good a key as any other: their number is prime. */
static bool take_key(struct affine *q, const br_ec_public_key *key)
{
	return key->qlen == KEY_BYTES && key->q[0] == 4 &&
	       take_coordinate(&q->x, key->q + 1) &&
	       take_coordinate(&q->y, key->q + 1 + P256_BYTES) &&
	       is_on_curve(q);
}

/* Whether it can be r or s: from 1 to n - 1. */
static bool is_factor(const struct p256_num *a)
{
	return !p256_num_is_zero(a) && p256_num_less(a, &p256_n);
}

static bool take_signature(struct p256_num *r, struct p256_num *s,
			   const void *sig, size_t len)
{
	uint8_t raw[SIGNATURE_ROOM];
	if (len > SIGNATURE_MAX)
		return false;
	memcpy(raw, sig, len);
	/* Leaves as many bytes for each as the longer one needs. */
	len = br_ecdsa_asn1_to_raw(raw, len) / 2;
	if (len == 0 || len > P256_BYTES)
		return false;
	*r = p256_num_of(raw, len);
	*s = p256_num_of(raw + len, len);
	return is_factor(r) && is_factor(s);
}

static struct p256_num take_hash(const uint8_t *hash, size_t len)
{
	struct p256_num e =
		p256_num_of(hash, len < P256_BYTES ? len : P256_BYTES);
	if (!p256_num_less(&e, &p256_n))
		p256_num_sub(&e, &e, &p256_n);
	return e;
}

/* Whether x/z² is that number, below p. */
static bool is_x(const struct point *a, const struct p256_num *number)
{
	struct p256_num x, zz;
	p256_enter(&x, number);
	p256_sqr(&zz, &a->z);
	p256_mul(&x, &x, &zz);
	return p256_num_equal(&x, &a->x);
}

/* The same modulo n: x, being below p, may be r or r + n. */
static bool is_x_modulo_n(const struct point *a, const struct p256_num *r)
{
	struct p256_num other;
	if (p256_num_is_zero(&a->z))
		return false;
	if (is_x(a, r))
		return true;
	return !p256_num_add(&other, r, &p256_n) &&
	       p256_num_less(&other, &p256_p) && is_x(a, &other);
}

static bool check(const struct p256_num *e, const br_ec_public_key *key,
		  const void *sig, size_t sig_len)
{
	struct p256_num r, s, over_s, g, q;
	struct affine key_point;
	struct point found;
	if (!take_signature(&r, &s, sig, sig_len) || !take_key(&key_point, key))
		return false;
	p256_order_invert(&over_s, &s);
	p256_order_mul(&g, e, &over_s);
	p256_order_mul(&q, &r, &over_s);
	multiply_add(&found, &g, &q, &key_point);
	return is_x_modulo_n(&found, &r);
}

#endif

uint32_t p256_vrfy(const br_ec_impl *ec, const void *hash, size_t hash_len,
		   const br_ec_public_key *key, const void *sig, size_t sig_len)
{
#ifdef P256_HERE
	if (key->curve == BR_EC_secp256r1) {
		struct p256_num e = take_hash(hash, hash_len);
		return check(&e, key, sig, sig_len);
	}
#endif
	return br_ecdsa_vrfy_asn1_get_default()(ec, hash, hash_len, key, sig,
						sig_len);
}
