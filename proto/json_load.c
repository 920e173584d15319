// SPDX-License-Identifier: MIT
#include "proto/json_load.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* Jansson's buffer for a string begins with 16 bytes and doubles. */
#define BUFFER_MIN 32u
/* All the sizes that it has had add up to less than four times the string. */
#define RESERVE(len) (4 * (len) + 4 * BUFFER_MIN)

/* What is set aside while a text is read. */
static _Thread_local struct {
	char *data; /* NULL: nothing is read now */
	size_t size, used;
	bool lacking; /* memory has run out */
} reserve;

static bool may_be_buffer(size_t size)
{
	return size >= BUFFER_MIN && (size & (size - 1)) == 0;
}

static void *take(size_t size)
{
	void *data = malloc(size);

	if (data || !reserve.data)
		return data;
	reserve.lacking = true;
	if (!may_be_buffer(size) || size > reserve.size - reserve.used)
		return NULL; /* of which Jansson makes the best */
	data = reserve.data + reserve.used;
	reserve.used += size;
	return data;
}

static void give(void *data)
{
	uintptr_t at = (uintptr_t)data - (uintptr_t)reserve.data;

	if (!reserve.data || at >= reserve.size)
		free(data);
}

int json_load(json_t **out, const char *text, size_t len)
{
	json_error_t error;
	bool lacking;

	*out = NULL;
	reserve.size = RESERVE(len);
	reserve.data = malloc(reserve.size);
	reserve.used = 0;
	reserve.lacking = !reserve.data;
	if (!reserve.data)
		return -ENOMEM;
	json_set_alloc_funcs(take, give);
	*out = json_loadb(text, len, JSON_DECODE_ANY, &error);
	lacking = reserve.lacking;
	if (lacking) {
		json_decref(*out);
		*out = NULL;
	}
	free(reserve.data);
	reserve.data = NULL;
	if (lacking)
		return -ENOMEM;
	return *out ? 0 : -EBADMSG;
}
