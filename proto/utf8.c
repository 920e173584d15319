// SPDX-License-Identifier: MIT
#include "proto/utf8.h"

#include <stdlib.h>
#include <string.h>

/* How many bytes follow a lead byte, and the range of the first of them: it
 * excludes overlong forms, surrogates and what lies beyond U+10FFFF. */
static size_t lead_needs(unsigned char lead, unsigned char *low,
			 unsigned char *high)
{
	*low = 0x80;
	*high = 0xBF;
	if (lead >= 0xC2 && lead <= 0xDF)
		return 1;
	if (lead >= 0xE0 && lead <= 0xEF) {
		if (lead == 0xE0)
			*low = 0xA0;
		else if (lead == 0xED)
			*high = 0x9F;
		return 2;
	}
	if (lead >= 0xF0 && lead <= 0xF4) {
		if (lead == 0xF0)
			*low = 0x90;
		else if (lead == 0xF4)
			*high = 0x8F;
		return 3;
	}
	return 0;
}

size_t utf8_step(const char *text, size_t len, bool *valid)
{
	unsigned char lead = (unsigned char)text[0];
	unsigned char low, high;
	size_t needs, i;

	if (lead < 0x80) {
		*valid = true;
		return 1;
	}
	*valid = false;
	needs = lead_needs(lead, &low, &high);
	for (i = 1; i <= needs; i++) {
		unsigned char byte;

		if (i == len)
			return i;
		byte = (unsigned char)text[i];
		if (byte < low || byte > high)
			return i;
		low = 0x80;
		high = 0xBF;
	}
	*valid = needs > 0;
	return needs + 1;
}

bool utf8_valid(const char *text, size_t len)
{
	size_t at = 0;
	bool valid;

	while (at < len) {
		at += utf8_step(text + at, len - at, &valid);
		if (!valid)
			return false;
	}
	return true;
}

/* Writes the clean form to out, unless that is NULL; returns its length. */
static size_t write_clean(char *out, const char *text, size_t len)
{
	size_t at = 0, out_len = 0;

	while (at < len) {
		bool valid;
		size_t step = utf8_step(text + at, len - at, &valid);
		const char *from = text + at;
		size_t count = step;

		if (!valid || text[at] == '\0') {
			from = UTF8_REPLACEMENT;
			count = UTF8_REPLACEMENT_LEN;
		}
		if (out)
			memcpy(out + out_len, from, count);
		out_len += count;
		at += step;
	}
	return out_len;
}

char *utf8_clean(const char *text, size_t len, size_t *out_len)
{
	size_t need = write_clean(NULL, text, len);
	char *out = malloc(need + 1);

	if (!out)
		return NULL;
	write_clean(out, text, len);
	out[need] = '\0';
	if (out_len)
		*out_len = need;
	return out;
}

size_t utf8_prefix(const char *text, size_t len, size_t chars)
{
	size_t at = 0;
	bool valid;

	while (at < len && chars > 0) {
		at += utf8_step(text + at, len - at, &valid);
		chars--;
	}
	return at;
}

size_t utf8_count(const char *text, size_t len)
{
	size_t at = 0, count = 0;
	bool valid;

	while (at < len) {
		at += utf8_step(text + at, len - at, &valid);
		count++;
	}
	return count;
}
