// SPDX-License-Identifier: MIT
#include "proto/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INITIAL_CAP 128

static bool grow(struct text *text, size_t more)
{
	size_t cap = text->cap ? text->cap : INITIAL_CAP;
	char *data;

	if (text->failed)
		return false;
	while (cap - text->len <= more)
		cap *= 2;
	data = realloc(text->data, cap);
	if (!data) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->cap = cap;
	return true;
}

/* Makes room for `more` bytes and the NUL. */
static inline bool reserve(struct text *text, size_t more)
{
	return text->cap - text->len > more || grow(text, more);
}

void text_add_bytes(struct text *text, const char *bytes, size_t len)
{
	if (!reserve(text, len))
		return;
	memcpy(text->data + text->len, bytes, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

void text_add_number(struct text *text, uint64_t number)
{
	char digits[20]; /* of UINT64_MAX */
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	text_add_bytes(text, digits + at, sizeof(digits) - at);
}

void text_format(struct text *text, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || !reserve(text, (size_t)len)) {
		text->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf(text->data + text->len, (size_t)len + 1, format, args);
	va_end(args);
	text->len += (size_t)len;
}

char *text_take_len(struct text *text, size_t *len)
{
	char *data;

	text_add_bytes(text, "", 0);
	if (text->failed) {
		text_free(text);
		return NULL;
	}
	data = text->data;
	if (len)
		*len = text->len;
	*text = (struct text){ 0 };
	return data;
}

char *text_take(struct text *text)
{
	return text_take_len(text, NULL);
}

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){ 0 };
}

/* FNV-1a, 32 bits. */
uint32_t text_mark(const char *string)
{
	uint32_t hash = 2166136261u;

	for (; *string; string++)
		hash = (hash ^ (unsigned char)*string) * 16777619u;
	return hash ? hash : 1;
}
