// SPDX-License-Identifier: MIT
#include "proto/json_clean.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/utf8.h"

/* Numbers whose first digit stands for this power of ten or a higher one
 * become the largest double. */
#define LAST_POWER 308
#define LARGEST "1.7976931348623157e308"
/* Exponents are not counted beyond it; longer than any literal. */
#define EXPONENT_STOP 1000000000L

/* The text is gone through twice: first with out NULL, to check and measure,
 * and again to write if anything changed. */
struct cleaner {
	const char *text;
	size_t len;
	size_t at;
	char *out;
	size_t out_len;
	bool changed;
};

static void emit(struct cleaner *c, const char *from, size_t count)
{
	if (c->out)
		memcpy(c->out + c->out_len, from, count);
	c->out_len += count;
}

/* Passes on `count` bytes as they are. */
static void keep(struct cleaner *c, size_t count)
{
	emit(c, c->text + c->at, count);
	c->at += count;
}

/* Writes `with` in place of `count` bytes. */
static void replace(struct cleaner *c, size_t count, const char *with)
{
	emit(c, with, strlen(with));
	c->at += count;
	c->changed = true;
}

static bool is_digit(char ch)
{
	return ch >= '0' && ch <= '9';
}

/* The value of \uXXXX at `at`, -1 when no such escape is there. */
static long escape_at(const struct cleaner *c, size_t at)
{
	long value = 0;

	if (c->len - at < 6 || c->text[at] != '\\' || c->text[at + 1] != 'u')
		return -1;
	for (size_t i = at + 2; i < at + 6; i++) {
		char ch = c->text[i];

		value <<= 4;
		if (is_digit(ch))
			value += ch - '0';
		else if (ch >= 'a' && ch <= 'f')
			value += ch - 'a' + 10;
		else if (ch >= 'A' && ch <= 'F')
			value += ch - 'A' + 10;
		else
			return -1;
	}
	return value;
}

static void clean_escape(struct cleaner *c)
{
	long value = escape_at(c, c->at);

	if (value < 0) {
		bool pair = c->at + 1 < c->len &&
			    (unsigned char)c->text[c->at + 1] < 0x80;

		keep(c, pair ? 2 : 1);
	} else if (value >= 0xD800 && value <= 0xDBFF) {
		long second = escape_at(c, c->at + 6);

		if (second >= 0xDC00 && second <= 0xDFFF)
			keep(c, 12);
		else
			replace(c, 6, "\\uFFFD");
	} else if (value == 0 || (value >= 0xDC00 && value <= 0xDFFF)) {
		replace(c, 6, "\\uFFFD");
	} else {
		keep(c, 6);
	}
}

/* How many bytes of a string stand for themselves, from `at` on. */
static size_t plain_run(const struct cleaner *c)
{
	size_t end = c->at;

	while (end < c->len && c->text[end] != '"' && c->text[end] != '\\' &&
	       (unsigned char)c->text[end] < 0x80)
		end++;
	return end - c->at;
}

static void clean_string(struct cleaner *c)
{
	keep(c, 1);
	while (c->at < c->len) {
		size_t run = plain_run(c);
		bool valid;

		if (run > 0) {
			keep(c, run);
		} else if (c->text[c->at] == '"') {
			keep(c, 1);
			return;
		} else if (c->text[c->at] == '\\') {
			clean_escape(c);
		} else {
			run = utf8_step(c->text + c->at, c->len - c->at,
					&valid);
			if (valid)
				keep(c, run);
			else
				replace(c, run, UTF8_REPLACEMENT);
		}
	}
}

/* A number literal taken apart. */
struct number {
	const char *digits; /* before the point, without sign */
	size_t digit_count;
	const char *fraction;
	size_t fraction_count;
	long exponent;
	bool negative, integer;
};

static size_t count_digits(const char *text, size_t len)
{
	size_t count = 0;

	while (count < len && is_digit(text[count]))
		count++;
	return count;
}

/* False when the literal is malformed. */
static bool read_number(struct number *n, const char *text, size_t len)
{
	const char *end = text + len;
	bool negative;
	size_t count;

	*n = (struct number){ .integer = true, .negative = *text == '-' };
	n->digits = text + n->negative;
	n->digit_count = count_digits(n->digits, (size_t)(end - n->digits));
	if (n->digit_count == 0 || (n->digit_count > 1 && *n->digits == '0'))
		return false;
	text = n->digits + n->digit_count;
	if (text < end && *text == '.') {
		n->integer = false;
		n->fraction = text + 1;
		n->fraction_count =
			count_digits(text + 1, (size_t)(end - text) - 1);
		if (n->fraction_count == 0)
			return false;
		text = n->fraction + n->fraction_count;
	}
	if (text == end)
		return true;
	if (*text != 'e' && *text != 'E')
		return false;
	n->integer = false;
	text++;
	negative = text < end && *text == '-';
	if (text < end && (*text == '-' || *text == '+'))
		text++;
	count = count_digits(text, (size_t)(end - text));
	if (count == 0 || text + count != end)
		return false;
	for (; text < end; text++) {
		if (n->exponent < EXPONENT_STOP)
			n->exponent = n->exponent * 10 + (*text - '0');
	}
	if (negative)
		n->exponent = -n->exponent;
	return true;
}

/* Whether an integer literal is one of 64 bits with sign. */
static bool fits_64_bits(const struct number *n)
{
	static const char most[] = "9223372036854775807";
	static const char least[] = "9223372036854775808";
	size_t width = sizeof(most) - 1;

	if (n->digit_count != width)
		return n->digit_count < width;
	return memcmp(n->digits, n->negative ? least : most, width) <= 0;
}

/* Whether the number is 1e308 or more, either sign. */
static bool is_huge(const struct number *n)
{
	size_t zeros = 0;

	if (*n->digits != '0')
		return (long)n->digit_count - 1 + n->exponent >= LAST_POWER;
	while (zeros < n->fraction_count && n->fraction[zeros] == '0')
		zeros++;
	return zeros < n->fraction_count &&
	       n->exponent - (long)zeros - 1 >= LAST_POWER;
}

static void clean_number(struct cleaner *c)
{
	size_t end = c->at;
	struct number n;

	while (end < c->len && c->text[end] != '\0' &&
	       strchr("0123456789+-.eE", c->text[end]))
		end++;
	if (!read_number(&n, c->text + c->at, end - c->at) ||
	    (n.integer && fits_64_bits(&n))) {
		keep(c, end - c->at);
	} else if (is_huge(&n)) {
		replace(c, end - c->at, n.negative ? "-" LARGEST : LARGEST);
	} else {
		keep(c, end - c->at);
		if (n.integer)
			replace(c, 0, "e0");
	}
}

static int clean(struct cleaner *c)
{
	size_t depth = 0, values = 1;

	while (c->at < c->len) {
		char ch = c->text[c->at];

		if (ch == '"') {
			clean_string(c);
			continue;
		}
		if (ch == '-' || is_digit(ch)) {
			clean_number(c);
			continue;
		}
		if (ch == '{' || ch == '[')
			depth++;
		else if ((ch == '}' || ch == ']') && depth > 0)
			depth--;
		/* Each value and key but the first follows one of these. */
		if (ch == '{' || ch == '[' || ch == ',' || ch == ':')
			values++;
		if (depth > JSON_DEPTH_MAX || values > JSON_VALUES_MAX)
			return -E2BIG;
		keep(c, 1);
	}
	return 0;
}

int json_clean(const char *text, size_t len, char **out, size_t *out_len)
{
	struct cleaner c = { .text = text, .len = len };
	int err = clean(&c);

	*out = NULL;
	*out_len = 0;
	if (err < 0 || !c.changed)
		return err;
	*out = malloc(c.out_len);
	if (!*out)
		return -ENOMEM;
	c = (struct cleaner){ .text = text, .len = len, .out = *out };
	clean(&c);
	*out_len = c.out_len;
	return 0;
}
