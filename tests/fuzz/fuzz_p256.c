// SPDX-License-Identifier: MIT
/*
 * libFuzzer: p256_vrfy beside BearSSL's own, which must agree.
 *
 * The first byte says what the rest is: a signature by a fixed key over a
 * fixed hash, with the rest laid over it from some place on; or everything,
 * the key, the hash and the signature, made of the rest; or the two factors
 * and the key's secret, of which a good signature is made, so that sums come
 * to points that no fuzzer would find otherwise.
 */
#include <bearssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/p256.h"
#include "net/p256_num.h"

#define NUMBER 32
#define KEY (1 + 2 * NUMBER)
#define SIG_MOST 160

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct ask {
	uint8_t key[KEY], hash[64], sig[SIG_MOST];
	size_t hash_len, sig_len;
};

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* BearSSL's muladd cannot multiply by 0, and so refuses even what is signed
 * properly when the hash is 0 modulo the order. */
static bool is_null_hash(const struct ask *a)
{
#ifdef P256_HERE
	struct p256_num e = p256_num_of(
		a->hash, a->hash_len < NUMBER ? a->hash_len : NUMBER);
	return p256_num_is_zero(&e) || p256_num_equal(&e, &p256_n);
#else
	(void)a;
	return false;
#endif
}

/* Each part is given in memory of just its size. */
static uint32_t compare(const struct ask *a)
{
	uint8_t *key = malloc(KEY), *hash = malloc(a->hash_len + 1);
	uint8_t *sig = malloc(a->sig_len + 1);
	br_ec_public_key pk = { .curve = BR_EC_secp256r1,
				.q = key,
				.qlen = KEY };
	require(key && hash && sig);
	memcpy(key, a->key, KEY);
	memcpy(hash + 1, a->hash, a->hash_len);
	memcpy(sig + 1, a->sig, a->sig_len);
	uint32_t ours = p256_vrfy(br_ec_get_default(), hash + 1, a->hash_len,
				  &pk, sig + 1, a->sig_len);
	uint32_t theirs = br_ecdsa_i31_vrfy_asn1(br_ec_get_default(), hash + 1,
						 a->hash_len, &pk, sig + 1,
						 a->sig_len);
	require(ours <= 1 && (ours == theirs || is_null_hash(a)));
	free(key);
	free(hash);
	free(sig);
	return ours;
}

/* The next `len` bytes, or as many as there are and zeros. */
static void take(uint8_t *out, size_t len, const uint8_t **data, size_t *size)
{
	size_t n = len < *size ? len : *size;
	memset(out, 0, len);
	memcpy(out, *data, n);
	*data += n;
	*size -= n;
}

static void lay_over_good(const uint8_t *data, size_t size)
{
	static uint8_t secret[NUMBER] = "any number below the order, so";
	br_ec_private_key key = { .curve = BR_EC_secp256r1,
				  .x = secret,
				  .xlen = NUMBER };
	const br_ec_impl *ec = br_ec_get_default();
	struct ask a = { .hash_len = NUMBER };
	uint8_t at;
	take(&at, 1, &data, &size);
	memset(a.hash, at, NUMBER);
	br_ec_compute_pub(ec, NULL, a.key, &key);
	a.sig_len = br_ecdsa_i31_sign_asn1(ec, &br_sha256_vtable, a.hash, &key,
					   a.sig);
	if (size > SIG_MOST - (size_t)at % SIG_MOST)
		size = SIG_MOST - (size_t)at % SIG_MOST;
	if (a.sig_len < at % SIG_MOST + size)
		a.sig_len = at % SIG_MOST + size;
	memcpy(a.sig + at % SIG_MOST, data, size);
	(void)compare(&a);
}

static void take_all(const uint8_t *data, size_t size)
{
	struct ask a;
	uint8_t len;
	take(&len, 1, &data, &size);
	a.hash_len = len % (sizeof(a.hash) + 1);
	take(a.key, KEY, &data, &size);
	take(a.hash, sizeof(a.hash), &data, &size);
	a.sig_len = size < SIG_MOST ? size : SIG_MOST;
	memcpy(a.sig, data, a.sig_len);
	(void)compare(&a);
}

#ifdef P256_HERE

static void put_number(uint8_t out[NUMBER], const struct p256_num *a)
{
	for (size_t i = 0; i < NUMBER; i++)
		out[NUMBER - 1 - i] = (uint8_t)(a->w[i / 8] >> i % 8 * 8);
}

/* A number below the order, not 0, often a small one. */
static struct p256_num take_factor(const uint8_t **data, size_t *size)
{
	uint8_t len, bytes[NUMBER];
	take(&len, 1, data, size);
	take(bytes, len % (NUMBER + 1), data, size);
	struct p256_num a = p256_num_of(bytes, len % (NUMBER + 1));
	if (!p256_num_less(&a, &p256_n))
		p256_num_sub(&a, &a, &p256_n);
	if (p256_num_is_zero(&a))
		a.w[0] = 1;
	/* Half of them from the other end. */
	if (len & 0x80)
		p256_num_sub(&a, &p256_n, &a);
	return a;
}

/* a * b modulo n. */
static struct p256_num times(const struct p256_num *a, const struct p256_num *b)
{
	struct p256_num r;
	const struct p256_num one = { { 1 } };
	p256_order_invert(&r, b);
	p256_order_mul(&r, &r, &one);
	p256_order_invert(&r, &r);
	p256_order_mul(&r, &r, a);
	return r;
}

/* A signature that leads to g·G + q·Q, as BearSSL finds that point. Whether
 * there is one: not when it is infinity. */
static bool make(struct ask *a, const struct p256_num *g,
		 const struct p256_num *q)
{
	uint8_t point[KEY], g_bytes[NUMBER], q_bytes[NUMBER];
	struct p256_num r, s;
	put_number(g_bytes, g);
	put_number(q_bytes, q);
	memcpy(point, a->key, KEY);
	if (!br_ec_get_default()->muladd(point, NULL, KEY, q_bytes, NUMBER,
					 g_bytes, NUMBER, BR_EC_secp256r1))
		memset(point, 1, KEY);
	r = p256_num_of(point + 1, NUMBER);
	if (!p256_num_less(&r, &p256_n))
		p256_num_sub(&r, &r, &p256_n);
	p256_order_invert(&s, q);
	p256_order_mul(&s, &s, &r);
	struct p256_num e = times(g, &s);
	put_number(a->hash, &e);
	put_number(a->sig, &r);
	put_number(a->sig + NUMBER, &s);
	a->hash_len = NUMBER;
	a->sig_len = br_ecdsa_raw_to_asn1(a->sig, (size_t)2 * NUMBER);
	return point[0] == 4;
}

static void choose_factors(const uint8_t *data, size_t size)
{
	struct ask a;
	uint8_t bytes[NUMBER];
	struct p256_num secret = take_factor(&data, &size);
	struct p256_num g = take_factor(&data, &size);
	struct p256_num q = take_factor(&data, &size);
	put_number(bytes, &secret);
	br_ec_get_default()->mulgen(a.key, bytes, NUMBER, BR_EC_secp256r1);
	bool good = make(&a, &g, &q);
	require(compare(&a) == good);
}

#else

static void choose_factors(const uint8_t *data, size_t size)
{
	take_all(data, size);
}

#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t kind;
	if (size < 2)
		return 0;
	take(&kind, 1, &data, &size);
	if (kind % 3 == 0)
		lay_over_good(data, size);
	else if (kind % 3 == 1)
		take_all(data, size);
	else
		choose_factors(data, size);
	return 0;
}
