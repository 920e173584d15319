// SPDX-License-Identifier: MIT
/*
 * text - a string that grows at its end.
 *
 *	struct text text = { 0 };
 *	text_add(&text, "one ");
 *	text_format(&text, "%d", 2);
 *	char *result = text_take(&text);	// NULL: out of memory
 *
 * Running out of memory sticks and shows once, in text_take.
 */
#ifndef PROTO_TEXT_H
#define PROTO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is empty and ready. */
struct text {
	char *data; /* NUL-terminated beyond len, unless NULL */
	size_t len, cap;
	bool failed;
};

/* Adds `len` bytes, or a string. Borrowed. */
void text_add_bytes(struct text *text, const char *bytes, size_t len);
void text_add(struct text *text, const char *string);
/* A number in decimal. */
void text_add_number(struct text *text, uint64_t number);
void text_format(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Hands over the string, "" if nothing was added: free it. NULL when memory
 * ran out on the way. The text is empty again. *len may be NULL. */
char *text_take_len(struct text *text, size_t *len);
char *text_take(struct text *text);

/* Drops it. */
void text_free(struct text *text);

/* A number for a string, another one (as good as always) for another string;
 * never 0. For telling whether a message is the same as the one before. */
uint32_t text_mark(const char *string);

#endif
