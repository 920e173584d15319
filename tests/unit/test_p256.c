// SPDX-License-Identifier: MIT
/* p256: signatures whose worth is known, the edges of every check, and many
 * made by BearSSL, whole and spoilt, beside BearSSL's own judgement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/p256.h"
#include "net/p256_num.h"
#include "tests/unit/p256_vectors.h"

#define NUMBER 32
#define KEY (1 + 2 * NUMBER)
#define SIG_ROOM 300
#define RANDOM_KEYS 150

/* One question to p256_vrfy. */
struct ask {
	uint8_t key[KEY + 1], hash[64], sig[SIG_ROOM];
	size_t key_len, hash_len, sig_len;
};

static size_t unhex(uint8_t *out, const char *hex)
{
	size_t len = strlen(hex) / 2;
	for (size_t i = 0; i < len; i++) {
		unsigned int byte;
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return len;
}

/* An INTEGER: without needless zeros, or with `zeros` more than are needed.
 * Returns its end. */
static uint8_t *put_integer(uint8_t *out, const uint8_t *bytes, size_t zeros)
{
	size_t len = NUMBER;
	while (len > 1 && bytes[0] == 0)
		bytes++, len--;
	zeros += bytes[0] >> 7;
	*out++ = 2;
	*out++ = (uint8_t)(zeros + len);
	memset(out, 0, zeros);
	memcpy(out + zeros, bytes, len);
	return out + zeros + len;
}

static void sign(struct ask *a, const char *r, const char *s)
{
	uint8_t bytes[NUMBER], *end = a->sig + 2;
	assert_int_equal(unhex(bytes, r), NUMBER);
	end = put_integer(end, bytes, 0);
	assert_int_equal(unhex(bytes, s), NUMBER);
	end = put_integer(end, bytes, 0);
	a->sig_len = (size_t)(end - a->sig);
	a->sig[0] = 0x30;
	a->sig[1] = (uint8_t)(a->sig_len - 2);
}

/* The answers; memory ends where the parts do, for the sanitizer. */
static uint32_t ask_with(const struct ask *a, br_ecdsa_vrfy verify, int curve)
{
	uint8_t *key = malloc(a->key_len + 1), *sig = malloc(a->sig_len + 1);
	uint8_t *hash = malloc(a->hash_len + 1);
	br_ec_public_key pk = { .curve = curve,
				.q = key + 1,
				.qlen = a->key_len };
	memcpy(key + 1, a->key, a->key_len);
	memcpy(sig + 1, a->sig, a->sig_len);
	memcpy(hash + 1, a->hash, a->hash_len);
	uint32_t answer = verify(br_ec_get_default(), hash + 1, a->hash_len,
				 &pk, sig + 1, a->sig_len);
	free(key);
	free(sig);
	free(hash);
	return answer;
}

static uint32_t ours(const struct ask *a)
{
	return ask_with(a, p256_vrfy, BR_EC_secp256r1);
}

static uint32_t bearssl(const struct ask *a)
{
	return ask_with(a, br_ecdsa_i31_vrfy_asn1, BR_EC_secp256r1);
}

/* A vector of the RFC, to be spoilt. */
static struct ask rfc_ask(const struct rfc_vector *v)
{
	struct ask a = { 0 };
	br_hash_compat_context hash;
	a.key_len = unhex(a.key, rfc_key);
	v->hash->init(&hash.vtable);
	v->hash->update(&hash.vtable, v->message, strlen(v->message));
	v->hash->out(&hash.vtable, a.hash);
	a.hash_len = v->hash->desc >> BR_HASHDESC_OUT_OFF & 0x7f;
	sign(&a, v->r, v->s);
	return a;
}

#define RFC_SHA256 (&rfc_vectors[4])

/* Of hashes longer than the order the beginning counts, shorter ones count as
 * they are. */
static void known_signatures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rfc_vectors) / sizeof(rfc_vectors[0]);
	     i++) {
		struct ask a = rfc_ask(&rfc_vectors[i]);
		assert_int_equal(ours(&a), 1);
		for (size_t bit = 0; bit < 8 * a.hash_len; bit++) {
			a.hash[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(ours(&a), bit / 8 >= NUMBER);
			a.hash[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		a.hash_len = a.hash_len > NUMBER ? NUMBER : a.hash_len - 1;
		assert_int_equal(ours(&a), a.hash_len == NUMBER);
	}
}

static void corners_of_arithmetic(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(corners) / sizeof(corners[0]); i++) {
		const struct corner *c = &corners[i];
		struct ask a = { 0 };
#ifndef P256_HERE
		/* BearSSL's own cannot multiply by 0, nor by n. */
		if (strcmp(c->name, "the hash is 0") == 0 ||
		    strcmp(c->name, "the hash is n") == 0)
			continue;
#endif
		a.key_len = unhex(a.key, c->key);
		a.hash_len = unhex(a.hash, c->hash);
		sign(&a, c->r, c->s);
		if (ours(&a) != c->good)
			fail_msg("%s: not %d", c->name, c->good);
		a.hash[NUMBER - 1] ^= 1;
		if (ours(&a))
			fail_msg("%s: good for another hash", c->name);
	}
}

/* r and s must be from 1 to n - 1, whatever else would come of them. */
static void ranges(void **state)
{
	static const char *const outside[] = {
		"00000000000000000000000000000000000000000000000000000000000000"
		"00",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc6325"
		"51",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc6325"
		"52",
		"ffffffff00000001000000000000000000000000ffffffffffffffffffffff"
		"ff",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ff",
	};
	const struct rfc_vector *v = RFC_SHA256;
	(void)state;
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		struct ask a = rfc_ask(v);
		sign(&a, outside[i], v->s);
		assert_int_equal(ours(&a), 0);
		sign(&a, v->r, outside[i]);
		assert_int_equal(ours(&a), 0);
		sign(&a, outside[i], outside[i]);
		assert_int_equal(ours(&a), 0);
		memset(a.hash, 0, sizeof(a.hash));
		assert_int_equal(ours(&a), 0);
	}
}

static void keys(void **state)
{
	struct ask good = rfc_ask(RFC_SHA256), a = good;
	(void)state;
	for (size_t bit = 0; bit < 8 * KEY; bit++) {
		a.key[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(ours(&a), 0);
		a.key[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len <= KEY + 1; len++) {
		a.key_len = len;
		assert_int_equal(ours(&a), len == KEY);
	}
	/* Compressed and hybrid forms, infinity. */
	a = good;
	for (uint8_t form = 0; form < 8; form++) {
		a.key[0] = form;
		a.key_len = KEY;
		assert_int_equal(ours(&a), form == 4);
		a.key_len = 1 + NUMBER;
		assert_int_equal(ours(&a), 0);
		a.key_len = 1;
		assert_int_equal(ours(&a), 0);
	}
	a = good;
	memset(a.key + 1, 0, KEY - 1);
	assert_int_equal(ours(&a), 0);
}

/* What is taken for DER is what BearSSL takes; nothing is read beyond it. */
static void same(const struct ask *a, uint32_t want)
{
	uint32_t answer = ours(a);
	assert_int_equal(answer, bearssl(a));
	assert_int_equal(answer, want);
}

static void der_headers(void **state)
{
	struct ask good = rfc_ask(RFC_SHA256), a = good;
	size_t s_at = 4 + (size_t)a.sig[3];
	const size_t headers[] = { 0, 1, 2, 3, s_at, s_at + 1 };
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		for (unsigned int byte = 0; byte < 256; byte++) {
			a = good;
			a.sig[headers[i]] = (uint8_t)byte;
			same(&a, byte == good.sig[headers[i]]);
		}
	for (size_t len = 0; len < SIG_ROOM; len++) {
		a = good;
		a.sig_len = len;
		same(&a, len == good.sig_len);
		if (len < 2)
			continue;
		a.sig[1] = (uint8_t)(len - 2);
		same(&a, len == good.sig_len);
	}
	/* A length of two bytes, none, and one of three. */
	a = good;
	memmove(a.sig + 3, a.sig + 2, a.sig_len - 2);
	a.sig[1] = 0x81;
	a.sig[2] = (uint8_t)(a.sig_len++ - 2);
	same(&a, 1);
	a.sig[1] = 0x80;
	same(&a, 0);
	a.sig[1] = 0x82;
	same(&a, 0);
}

/* Integers with needless zeros, and without needed ones. */
static void der_integers(void **state)
{
	const struct rfc_vector *v = RFC_SHA256; /* the top bits are set */
	struct ask a = rfc_ask(v);
	uint8_t r[NUMBER], s[NUMBER];
	(void)state;
	unhex(r, v->r);
	unhex(s, v->s);
	for (size_t zeros = 0; zeros <= 2 * 94; zeros++) {
		size_t for_r = zeros > 94 ? 94 : zeros;
		uint8_t *end = put_integer(a.sig + 3, r, for_r);
		end = put_integer(end, s, zeros - for_r);
		a.sig[1] = 0x81;
		a.sig[2] = (uint8_t)(end - a.sig - 3);
		a.sig_len = (size_t)(end - a.sig);
		same(&a, a.sig_len <= 144);
	}
	a.sig[1] = 2 * (2 + NUMBER);
	a.sig[2] = a.sig[4 + NUMBER] = 2;
	a.sig[3] = a.sig[5 + NUMBER] = NUMBER;
	memcpy(a.sig + 4, r, NUMBER);
	memcpy(a.sig + 6 + NUMBER, s, NUMBER);
	a.sig_len = 6 + 2 * NUMBER;
	same(&a, 1);
	a.sig[3] = a.sig[5] = 0;
	a.sig[1] = 4;
	a.sig[4] = 2;
	a.sig_len = 6;
	same(&a, 0);
}

static br_hmac_drbg_context random_source(const char *seed)
{
	br_hmac_drbg_context random;
	br_hmac_drbg_init(&random, &br_sha256_vtable, seed, strlen(seed));
	return random;
}

static void other_curves(void **state)
{
	static const int curves[] = { BR_EC_secp384r1, BR_EC_secp521r1 };
	br_hmac_drbg_context random = random_source("other curves");
	const br_ec_impl *ec = br_ec_get_default();
	uint8_t secret[BR_EC_KBUF_PRIV_MAX_SIZE];
	uint8_t public[BR_EC_KBUF_PUB_MAX_SIZE], sig[160], hash[48];
	br_ec_private_key key;
	br_ec_public_key pk;
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		br_hmac_drbg_generate(&random, hash, sizeof(hash));
		br_ec_keygen(&random.vtable, ec, &key, secret, curves[i]);
		br_ec_compute_pub(ec, &pk, public, &key);
		size_t len = br_ecdsa_sign_asn1_get_default()(
			ec, &br_sha384_vtable, hash, &key, sig);
		assert_true(len > 0);
		assert_int_equal(p256_vrfy(ec, hash, 48, &pk, sig, len), 1);
		/* An implementation without that curve. */
		assert_int_equal(
			p256_vrfy(&br_ec_c25519_m31, hash, 48, &pk, sig, len),
			0);
		hash[0] ^= 1;
		assert_int_equal(p256_vrfy(ec, hash, 48, &pk, sig, len), 0);
		hash[0] ^= 1;
		pk.curve = BR_EC_secp256r1;
		assert_int_equal(p256_vrfy(ec, hash, 48, &pk, sig, len), 0);
		pk.curve = BR_EC_curve25519;
		assert_int_equal(p256_vrfy(ec, hash, 48, &pk, sig, len), 0);
	}
}

/* A random number below `limit`. */
static size_t below(br_hmac_drbg_context *random, size_t limit)
{
	uint32_t number;
	br_hmac_drbg_generate(random, &number, sizeof(number));
	return number % limit;
}

static void flip(br_hmac_drbg_context *random, uint8_t *bytes, size_t len)
{
	size_t bit = below(random, 8 * len);
	bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

static void beside_bearssl(void **state)
{
	static const br_hash_class *const hashes[] = {
		&br_sha1_vtable, &br_sha224_vtable, &br_sha256_vtable,
		&br_sha384_vtable, &br_sha512_vtable
	};
	br_hmac_drbg_context random = random_source("beside BearSSL");
	const br_ec_impl *ec = br_ec_get_default();
	uint8_t secret[BR_EC_KBUF_PRIV_MAX_SIZE];
	(void)state;
	for (int i = 0; i < RANDOM_KEYS; i++) {
		const br_hash_class *hash = hashes[below(&random, 5)];
		struct ask a = { 0 }, spoilt;
		br_ec_private_key key;
		br_ec_keygen(&random.vtable, ec, &key, secret, BR_EC_secp256r1);
		a.key_len = br_ec_compute_pub(ec, NULL, a.key, &key);
		a.hash_len = hash->desc >> BR_HASHDESC_OUT_OFF & 0x7f;
		br_hmac_drbg_generate(&random, a.hash, a.hash_len);
		a.sig_len =
			br_ecdsa_i31_sign_asn1(ec, hash, a.hash, &key, a.sig);
		assert_true(a.sig_len > 0);
		same(&a, 1);
		spoilt = a;
		flip(&random, spoilt.sig, a.sig_len);
		assert_int_equal(ours(&spoilt), bearssl(&spoilt));
		spoilt = a;
		flip(&random, spoilt.hash, a.hash_len);
		assert_int_equal(ours(&spoilt), bearssl(&spoilt));
		spoilt = a;
		flip(&random, spoilt.key, a.key_len);
		assert_int_equal(ours(&spoilt), bearssl(&spoilt));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_signatures),
		cmocka_unit_test(corners_of_arithmetic),
		cmocka_unit_test(ranges),
		cmocka_unit_test(keys),
		cmocka_unit_test(der_headers),
		cmocka_unit_test(der_integers),
		cmocka_unit_test(other_curves),
		cmocka_unit_test(beside_bearssl),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
