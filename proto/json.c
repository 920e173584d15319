// SPDX-License-Identifier: MIT
#include "proto/json.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "proto/json_clean.h"
#include "proto/json_load.h"
#include "proto/text.h"
#include "proto/utf8.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"
#define INDENT_MAX 8
/* Digits that identify any double, and those that are tried before. */
#define REAL_DIGITS_MAX 17
#define REAL_DIGITS_MIN 15

void json_seed(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t seed = 0;

	if (!random)
		return;
	/* The same bytes guard the C library's stack frames: let nobody read
	 * them off the order in a hash table. */
	memcpy(&seed, random, sizeof(seed));
	seed = (seed ^ (seed >> 31)) * 0x9E3779B97F4A7C15u;
	seed = (seed ^ (seed >> 29)) * 0xBF58476D1CE4E5B9u;
	seed = (seed >> 32) | 1; /* 0 would mean /dev/urandom */
	json_object_seed((size_t)seed);
}

static int parse(json_t **out, const char *text, size_t len)
{
	char *clean;
	size_t clean_len;
	int err;

	if (len >= strlen(BYTE_ORDER_MARK) &&
	    memcmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
		text += strlen(BYTE_ORDER_MARK);
		len -= strlen(BYTE_ORDER_MARK);
	}
	err = json_clean(text, len, &clean, &clean_len);
	if (err < 0)
		return err;
	if (!clean)
		return json_load(out, text, len);
	err = json_load(out, clean, clean_len);
	free(clean);
	return err;
}

json_t *json_parse_bounded(const char *text, size_t len, int *err)
{
	json_t *root = NULL;
	int result = text && len > 0 ? parse(&root, text, len) : -EBADMSG;

	if (err)
		*err = result;
	return root;
}

static int dump_append(const char *piece, size_t len, void *arg)
{
	struct text *text = arg;

	text_add_bytes(text, piece, len);
	return text->failed ? -1 : 0;
}

static bool round_trips(double value, int digits)
{
	char text[32];

	snprintf(text, sizeof(text), "%.*g", digits, value);
	return strtod(text, NULL) == value;
}

/* How many digits the reals of a tree need, at least `digits`: with more, 0.1
 * would be written as 0.10000000000000001. */
static int real_digits(const json_t *value, int digits)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_real(value)) {
		while (digits < REAL_DIGITS_MAX &&
		       json_real_value(value) != 0 &&
		       !round_trips(json_real_value(value), digits))
			digits++;
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, member)
			digits = real_digits(member, digits);
	} else if (json_is_object(value)) {
		/* Iterating changes nothing; Jansson's macro is not const. */
		json_object_foreach((json_t *)value, key, member)
			digits = real_digits(member, digits);
	}
	return digits;
}

static char *dump_with(const json_t *value, size_t flags, size_t *len)
{
	struct text text = { 0 };
	int digits = real_digits(value, REAL_DIGITS_MIN);

	if (!value)
		return NULL;
	flags |= JSON_ENCODE_ANY | JSON_REAL_PRECISION((size_t)digits);
	if (json_dump_callback(value, dump_append, &text, flags) < 0) {
		text_free(&text);
		return NULL;
	}
	return text_take_len(&text, len);
}

char *json_dump_line(const json_t *value, size_t *len)
{
	return dump_with(value, JSON_COMPACT | JSON_ENSURE_ASCII, len);
}

char *json_dump_text(const json_t *value, unsigned indent)
{
	if (indent > INDENT_MAX)
		indent = INDENT_MAX;
	return dump_with(value, JSON_INDENT((size_t)indent), NULL);
}

/* What stands in JSON as it is. */
static bool is_plain(char c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

void json_add_text(struct text *text, const char *string)
{
	size_t len = 0;
	json_t *value;
	char *line;

	while (is_plain(string[len]))
		len++;
	if (string[len] == '\0') {
		text_add_bytes(text, "\"", 1);
		text_add_bytes(text, string, len);
		text_add_bytes(text, "\"", 1);
		return;
	}
	value = json_string_clean_z(string);
	line = json_dump_line(value, &len);
	json_decref(value);
	if (line)
		text_add_bytes(text, line, len);
	else
		text->failed = true;
	free(line);
}

json_t *json_string_clean(const char *text, size_t len)
{
	json_t *string;
	char *clean;

	if (!text)
		return NULL;
	clean = utf8_clean(text, len, &len);
	if (!clean)
		return NULL;
	string = json_stringn_nocheck(clean, len);
	free(clean);
	return string;
}

json_t *json_string_clean_z(const char *text)
{
	return text ? json_string_clean(text, strlen(text)) : NULL;
}

int json_set_text(json_t *object, const char *key, const char *text)
{
	if (!text)
		return 0;
	return json_object_set_new(object, key, json_string_clean_z(text)) < 0
		       ? -ENOMEM
		       : 0;
}

const char *json_get_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

const char *json_get_text_or(const json_t *object, const char *key,
			     const char *otherwise)
{
	const char *text = json_get_text(object, key);

	return text ? text : otherwise;
}

const char *json_get_scalar(const json_t *object, const char *key, char *buf,
			    size_t cap)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_true(value))
		return "true";
	if (json_is_false(value))
		return "false";
	if (json_is_integer(value))
		snprintf(buf, cap, "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
	else if (json_is_real(value))
		snprintf(buf, cap, "%.*g", real_digits(value, REAL_DIGITS_MIN),
			 json_real_value(value));
	else
		return NULL;
	return buf;
}

/* Reads a decimal number that is the whole of `text` but for white space. */
static bool read_decimal(const char *text, double *out)
{
	static const char space[] = " \t\r\n\v\f";
	size_t len;
	char *end;
	double value;

	text += strspn(text, space);
	len = strspn(text, "0123456789+-.eE");
	if (len == 0 || text[len + strspn(text + len, space)] != '\0')
		return false;
	value = strtod(text, &end);
	if (end != text + len || !isfinite(value))
		return false;
	*out = value;
	return true;
}

bool json_get_number(const json_t *object, const char *key, double *out)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_number(value)) {
		*out = json_number_value(value);
		return true;
	}
	return json_is_string(value) &&
	       read_decimal(json_string_value(value), out);
}

bool json_get_integer(const json_t *object, const char *key, json_int_t *out)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);
	double real;

	if (json_is_integer(value)) {
		*out = json_integer_value(value);
		return true;
	}
	if (text && strpbrk(text, ".eE"))
		return false;
	/* 2^63 is the first double beyond; 2^53 bounds what digits of a
	 * string, read as a double, mean exactly. */
	if (!json_get_number(object, key, &real) ||
	    fabs(real) >= (text ? 0x1p53 : 0x1p63) ||
	    real != (double)(json_int_t)real)
		return false;
	*out = (json_int_t)real;
	return true;
}

bool json_get_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}
