// SPDX-License-Identifier: MIT
/*
 * Outside a block, lines are gathered to be looked at; inside one, characters
 * are decoded as they come. A block ends with the first dash of its last line:
 * the rest of that line is then a line outside, and begins nothing.
 */
#include "net/pem.h"

#include <stdio.h>
#include <string.h>

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { VALUE_SPACE = 64, VALUE_PAD, VALUE_DASH, VALUE_BAD };

void pem_init(struct pem *pem, uint8_t *buf, size_t cap)
{
	memset(pem, 0, sizeof(*pem));
	pem->buf = buf;
	pem->cap = cap;
	memset(pem->values, VALUE_BAD, sizeof(pem->values));
	for (uint8_t i = 0; i < 64; i++)
		pem->values[(uint8_t)alphabet[i]] = i;
	pem->values[' '] = pem->values['\t'] = VALUE_SPACE;
	pem->values['\r'] = pem->values['\n'] = VALUE_SPACE;
	pem->values['='] = VALUE_PAD;
	pem->values['-'] = VALUE_DASH;
}

/* Looks at the line gathered: does it begin a block? */
static void end_line(struct pem *pem)
{
	static const char begin[] = "-----BEGIN ";
	size_t len = pem->line_len;
	const char *line = pem->line;
	while (len && (line[len - 1] == '\r' || line[len - 1] == ' '))
		len--;
	pem->line_len = 0;
	if (len < sizeof(begin) + 5 || len >= sizeof(pem->line) ||
	    memcmp(line, begin, sizeof(begin) - 1) != 0 ||
	    memcmp(line + len - 5, "-----", 5) != 0)
		return;
	len -= sizeof(begin) - 1 + 5;
	memcpy(pem->label, line + sizeof(begin) - 1, len);
	pem->label[len] = '\0';
	pem->inside = true;
	pem->broken = false;
	pem->len = 0;
	pem->bits = pem->bit_count = pem->padding = 0;
}

static size_t feed_outside(struct pem *pem, const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);
	size_t n = end ? (size_t)(end - text) : len;
	size_t room = sizeof(pem->line) - pem->line_len;
	memcpy(pem->line + pem->line_len, text, n < room ? n : room);
	pem->line_len += n < room ? n : room;
	if (!end)
		return len;
	end_line(pem);
	return n + 1;
}

/* Takes groups of four digits, as long as there is nothing else and what they
 * stand for fits: nearly all of any block, and many times as fast as digit by
 * digit. Returns how many characters it took. */
static size_t take_groups(struct pem *pem, const uint8_t *in, size_t len)
{
	const uint8_t *values = pem->values;
	size_t groups = (pem->cap - pem->len) / 3, i = 0;
	uint8_t *out = pem->buf + pem->len;
	if (pem->bit_count || pem->padding)
		return 0;
	groups = groups < len / 4 ? groups : len / 4;
	for (; groups > 0; groups--, i += 4) {
		uint32_t a = values[in[i]], b = values[in[i + 1]];
		uint32_t c = values[in[i + 2]], d = values[in[i + 3]];
		if ((a | b | c | d) >= 64)
			break;
		uint32_t bits = a << 18 | b << 12 | c << 6 | d;
		*out++ = (uint8_t)(bits >> 16);
		*out++ = (uint8_t)(bits >> 8);
		*out++ = (uint8_t)bits;
	}
	pem->len = (size_t)(out - pem->buf);
	return i;
}

static size_t feed_inside(struct pem *pem, const char *text, size_t len)
{
	const uint8_t *in = (const uint8_t *)text;
	size_t i = 0;
	for (; i < len; i++) {
		i += take_groups(pem, in + i, len - i);
		if (i == len)
			break;
		uint8_t v = pem->values[in[i]];
		if (v < 64) {
			pem->bits = pem->bits << 6 | v;
			pem->bit_count += 6;
			if (pem->bit_count < 8)
				continue;
			pem->bit_count -= 8;
			if (pem->len < pem->cap)
				pem->buf[pem->len++] =
					(uint8_t)(pem->bits >> pem->bit_count);
			else
				pem->broken = true;
			pem->broken = pem->broken || pem->padding;
		} else if (v == VALUE_DASH) {
			break;
		} else if (v == VALUE_PAD) {
			pem->padding++;
		} else if (v == VALUE_BAD) {
			pem->broken = true;
		}
	}
	if (i == len)
		return len;
	/* The digits, with their padding, come in fours. */
	if (pem->bit_count != pem->padding * 2 || pem->padding > 2)
		pem->broken = true;
	pem->inside = false;
	pem->ready = !pem->broken && pem->len > 0;
	return i + 1;
}

size_t pem_feed(struct pem *pem, const char *text, size_t len)
{
	size_t used = 0;
	pem->ready = false;
	while (used < len && !pem->ready)
		used += pem->inside
				? feed_inside(pem, text + used, len - used)
				: feed_outside(pem, text + used, len - used);
	return used;
}

static char *encode_group(char *out, const uint8_t *in, size_t len)
{
	uint32_t bits = (uint32_t)in[0] << 16;
	bits |= len > 1 ? (uint32_t)in[1] << 8 : 0;
	bits |= len > 2 ? in[2] : 0;
	out[0] = alphabet[bits >> 18];
	out[1] = alphabet[bits >> 12 & 63];
	out[2] = '=';
	out[3] = '=';
	if (len > 1)
		out[2] = alphabet[bits >> 6 & 63];
	if (len > 2)
		out[3] = alphabet[bits & 63];
	return out + 4;
}

size_t pem_write(char *text, size_t cap, const char *label, const void *data,
		 size_t len)
{
	const uint8_t *in = data;
	size_t groups = (len + 2) / 3;
	/* 48 bytes make a line of 64 characters. */
	size_t need = groups * 4 + (len + 47) / 48 + 2 * strlen(label) + 34;
	if (need > cap)
		return 0;
	char *out = text + snprintf(text, cap, "-----BEGIN %s-----\n", label);
	for (size_t i = 0; i < len; i += 3) {
		out = encode_group(out, in + i, len - i);
		if (i % 48 == 45 || i + 3 >= len)
			*out++ = '\n';
	}
	out += snprintf(out, cap - (size_t)(out - text), "-----END %s-----\n",
			label);
	return (size_t)(out - text);
}
