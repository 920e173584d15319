// SPDX-License-Identifier: MIT
/*
 * libFuzzer: sse_feed on any bytes. The first byte is the size of the pieces;
 * the events must be the same as when everything comes at once.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/sse.h"

#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t mix(uint64_t sum, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum = sum * 31 + (unsigned char)bytes[i];
	return sum * 31 + len;
}

/* A sum over all events, sensitive to order. */
static uint64_t run(const char *bytes, size_t len, size_t piece)
{
	struct sse sse = { 0 };
	uint64_t sum = 0;

	for (size_t at = 0; at < len;) {
		size_t n = len - at < piece ? len - at : piece;
		char *copy = malloc(n);
		size_t used;
		enum sse_found found;

		CHECK(copy);
		memcpy(copy, bytes + at, n);
		found = sse_feed(&sse, copy, n, &used);
		CHECK(used > 0 && used <= n);
		CHECK(found != SSE_NOTHING || used == n);
		CHECK(found != SSE_NO_MEMORY);
		if (found == SSE_EVENT) {
			CHECK(sse.len <= SSE_EVENT_MAX);
			CHECK(sse.data[sse.len] == '\0');
			sum = mix(sum, sse.data, sse.len);
		}
		if (found != SSE_NOTHING)
			sum = mix(sum, sse.type, strlen(sse.type)) +
			      (uint64_t)found;
		free(copy);
		at += used;
	}
	sse_free(&sse);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	CHECK(run((const char *)data + 1, size - 1, data[0] % 16 + 1u) ==
	      run((const char *)data + 1, size - 1, size));
	return 0;
}
