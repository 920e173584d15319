// SPDX-License-Identifier: MIT
/* p256_num: its arithmetic beside sums and differences of 16 bits at a time,
 * for every pair of numbers at which a carry may be lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/p256_num.h"

#ifdef P256_HERE

#define EDGES_MOST 700
#define RANDOM_PAIRS 2000

/* --- The other arithmetic --- */

#define PIECES 17 /* one more than a number has */

struct slow {
	uint32_t piece[PIECES]; /* of 16 bits, the lowest first */
};

static struct slow slow_of(const struct p256_num *a)
{
	struct slow r = { { 0 } };
	for (size_t i = 0; i < PIECES - 1; i++)
		r.piece[i] = a->w[i / 4] >> i % 4 * 16 & 0xffff;
	return r;
}

static struct p256_num fast_of(const struct slow *a)
{
	struct p256_num r = { { 0 } };
	for (size_t i = 0; i < PIECES - 1; i++)
		r.w[i / 4] |= (uint64_t)a->piece[i] << i % 4 * 16;
	return r;
}

static int slow_compare(const struct slow *a, const struct slow *b)
{
	for (size_t i = PIECES; i-- > 0;)
		if (a->piece[i] != b->piece[i])
			return a->piece[i] < b->piece[i] ? -1 : 1;
	return 0;
}

static void slow_sub(struct slow *a, const struct slow *b)
{
	uint32_t borrow = 0;
	for (size_t i = 0; i < PIECES; i++) {
		uint32_t less = 0x10000 + a->piece[i] - b->piece[i] - borrow;
		a->piece[i] = less & 0xffff;
		borrow = 1 - (less >> 16);
	}
	assert_int_equal(borrow, 0);
}

/* a + b modulo m, for both below m. */
static void slow_add(struct slow *a, const struct slow *b, const struct slow *m)
{
	uint32_t carry = 0;
	for (size_t i = 0; i < PIECES; i++) {
		carry += a->piece[i] + b->piece[i];
		a->piece[i] = carry & 0xffff;
		carry >>= 16;
	}
	if (slow_compare(a, m) >= 0)
		slow_sub(a, m);
}

/* a * b modulo m, bit by bit. */
static struct slow slow_mul(const struct slow *a, const struct slow *b,
			    const struct slow *m)
{
	struct slow r = { { 0 } };
	for (size_t bit = 256; bit-- > 0;) {
		slow_add(&r, &r, m);
		if (b->piece[bit / 16] >> bit % 16 & 1)
			slow_add(&r, a, m);
	}
	return r;
}

/* a * 2^256 modulo m. */
static struct slow slow_shift(const struct slow *a, const struct slow *m)
{
	struct slow r = *a;
	for (int bit = 0; bit < 256; bit++)
		slow_add(&r, &r, m);
	return r;
}

static void equal(const struct p256_num *a, const struct slow *b)
{
	struct p256_num wanted = fast_of(b);
	assert_memory_equal(a, &wanted, sizeof(wanted));
}

/* --- The numbers --- */

struct edges {
	struct p256_num of[EDGES_MOST];
	size_t count;
};

static void edge(struct edges *edges, struct p256_num a,
		 const struct p256_num *m)
{
	struct slow slow = slow_of(&a), limit = slow_of(m);
	if (slow_compare(&slow, &limit) >= 0)
		slow_sub(&slow, &limit);
	a = fast_of(&slow);
	for (size_t i = 0; i < edges->count; i++)
		if (memcmp(&edges->of[i], &a, sizeof(a)) == 0)
			return;
	assert_true(edges->count < EDGES_MOST);
	edges->of[edges->count++] = a;
}

/* Zero, the modulus and their neighbours; words of zeros and of ones in every
 * order; single bits. All below the modulus. */
static struct edges edges_of(const struct p256_num *m)
{
	static const uint64_t words[] = { 0, 1, UINT64_MAX, UINT64_MAX - 1,
					  UINT64_MAX << 32 };
	struct edges edges = { .count = 0 };
	struct p256_num a;
	for (uint64_t i = 1; i <= 3; i++) {
		edge(&edges, (struct p256_num){ { i } }, m);
		a = *m;
		a.w[0] -= i;
		edge(&edges, a, m);
	}
	for (unsigned int i = 0; i < 625; i++) {
		a = (struct p256_num){ { words[i % 5], words[i / 5 % 5],
					 words[i / 25 % 5], words[i / 125] } };
		edge(&edges, a, m);
	}
	for (size_t bit = 0; bit < 256; bit += 31) {
		a = (struct p256_num){ { 0 } };
		a.w[bit / 64] = UINT64_C(1) << bit % 64;
		edge(&edges, a, m);
	}
	return edges;
}

static struct p256_num random_below(uint64_t *state, const struct p256_num *m)
{
	struct edges one = { .count = 0 };
	struct p256_num a;
	for (size_t i = 0; i < 4; i++) {
		*state = *state * 6364136223846793005 + 1442695040888963407;
		a.w[i] = *state ^ *state >> 29;
	}
	edge(&one, a, m);
	return one.of[0];
}

/* --- The cases --- */

static void check_plain(const struct p256_num *a, const struct p256_num *b)
{
	struct slow x = slow_of(a), y = slow_of(b), sum = x;
	struct slow limit = { { 0 } };
	struct p256_num r;
	limit.piece[PIECES - 1] = 1; /* 2^256 */
	slow_add(&sum, &y, &limit);
	uint64_t carry = p256_num_add(&r, a, b);
	equal(&r, &sum);
	assert_int_equal(carry, slow_compare(&sum, &x) < 0);
	bool less = slow_compare(&x, &y) < 0;
	assert_int_equal(p256_num_less(a, b), less);
	assert_int_equal(p256_num_equal(a, b), slow_compare(&x, &y) == 0);
	assert_int_equal(p256_num_sub(&r, a, b), less);
	(void)p256_num_add(&r, &r, b);
	equal(&r, &x);
}

static void check_modulo_p(const struct p256_num *a, const struct p256_num *b)
{
	struct slow x = slow_of(a), y = slow_of(b), p = slow_of(&p256_p);
	struct slow sum = x, product = slow_mul(&x, &y, &p);
	struct p256_num r, form;
	slow_add(&sum, &y, &p);
	p256_add(&r, a, b);
	equal(&r, &sum);
	p256_sub(&r, &r, b);
	equal(&r, &x);
	p256_sub(&r, a, b);
	p256_add(&r, &r, b);
	equal(&r, &x);

	p256_mul(&r, a, b);
	assert_true(p256_num_less(&r, &p256_p));
	struct slow shifted = slow_of(&r);
	shifted = slow_shift(&shifted, &p);
	assert_int_equal(slow_compare(&shifted, &product), 0);
	/* With one operand in Montgomery form it is the plain product. */
	p256_enter(&form, a);
	p256_mul(&r, &form, b);
	equal(&r, &product);
}

static void check_modulo_n(const struct p256_num *a, const struct p256_num *b)
{
	struct slow x = slow_of(a), y = slow_of(b), n = slow_of(&p256_n);
	struct slow product = slow_mul(&x, &y, &n);
	struct p256_num r;
	p256_order_mul(&r, a, b);
	assert_true(p256_num_less(&r, &p256_n));
	struct slow shifted = slow_of(&r);
	shifted = slow_shift(&shifted, &n);
	assert_int_equal(slow_compare(&shifted, &product), 0);
}

typedef void (*check_fn)(const struct p256_num *a, const struct p256_num *b);

/* Every edge with a good part of the others, and random ones. */
static void check_pairs(const struct p256_num *m, check_fn check)
{
	static struct edges edges;
	uint64_t state = 256;
	edges = edges_of(m);
	for (size_t i = 0; i < edges.count; i++) {
		check(&edges.of[i], &edges.of[i]);
		for (size_t j = i % 17; j < edges.count; j += 17)
			check(&edges.of[i], &edges.of[j]);
		for (size_t j = 0; j < 6; j++)
			check(&edges.of[i], &edges.of[j]);
	}
	for (int i = 0; i < RANDOM_PAIRS; i++) {
		struct p256_num a = random_below(&state, m);
		struct p256_num b = random_below(&state, m);
		check(&a, &b);
	}
}

static void plain(void **state)
{
	static const struct p256_num most = { { UINT64_MAX, UINT64_MAX,
						UINT64_MAX, UINT64_MAX } };
	(void)state;
	check_pairs(&most, check_plain);
	check_plain(&most, &most);
	check_plain(&most, &(struct p256_num){ { 1 } });
	check_plain(&(struct p256_num){ { 0 } }, &most);
	for (size_t bit = 0; bit < 256; bit++) {
		struct p256_num a = { { 0 } };
		assert_true(p256_num_is_zero(&a));
		a.w[bit / 64] = UINT64_C(1) << bit % 64;
		assert_false(p256_num_is_zero(&a));
	}
}

static void modulo_p(void **state)
{
	(void)state;
	check_pairs(&p256_p, check_modulo_p);
}

static void modulo_n(void **state)
{
	(void)state;
	check_pairs(&p256_n, check_modulo_n);
}

/* A square is the product with itself, and results may be where operands
 * are. */
static void squares_and_places(void **state)
{
	static struct edges edges;
	(void)state;
	edges = edges_of(&p256_p);
	for (size_t i = 0; i < edges.count; i++) {
		struct p256_num a = edges.of[i], product, r = a;
		p256_mul(&product, &a, &a);
		p256_sqr(&r, &r);
		assert_memory_equal(&r, &product, sizeof(r));
		r = a;
		p256_mul(&r, &r, &r);
		assert_memory_equal(&r, &product, sizeof(r));
		r = a;
		p256_sub(&r, &r, &r);
		assert_true(p256_num_is_zero(&r));
	}
}

static void constants(void **state)
{
	struct slow one = { { 1 } }, p = slow_of(&p256_p);
	struct p256_num r;
	(void)state;
	one = slow_shift(&one, &p);
	equal(&p256_one, &one);
	p256_enter(&r, &(struct p256_num){ { 1 } });
	assert_memory_equal(&r, &p256_one, sizeof(r));
}

static void inverses(void **state)
{
	static struct edges edges;
	(void)state;
	edges = edges_of(&p256_n);
	for (size_t i = 0; i < edges.count; i++) {
		struct p256_num a = edges.of[i], r;
		if (p256_num_is_zero(&a))
			continue;
		p256_order_invert(&r, &a);
		p256_order_mul(&r, &r, &a);
		assert_true(p256_num_equal(&r, &(struct p256_num){ { 1 } }));
	}
}

static void bytes(void **state)
{
	uint8_t text[P256_BYTES];
	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(0xe0 + i);
	for (size_t len = 0; len <= sizeof(text); len++) {
		uint8_t *copy = malloc(len + 1);
		memcpy(copy + 1, text, len);
		struct p256_num a = p256_num_of(copy + 1, len);
		for (size_t i = 0; i < P256_BYTES; i++)
			assert_int_equal(a.w[i / 8] >> i % 8 * 8 & 0xff,
					 i < len ? text[len - 1 - i] : 0);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(modulo_p),
		cmocka_unit_test(modulo_n),
		cmocka_unit_test(squares_and_places),
		cmocka_unit_test(constants),
		cmocka_unit_test(inverses),
		cmocka_unit_test(bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

/* 77: skipped. */
int main(void)
{
	return 77;
}

#endif
