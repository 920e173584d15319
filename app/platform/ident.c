// SPDX-License-Identifier: MIT
#include "app/platform/ident.h"

#include <assert.h>
#include <stdint.h>

#include "proto/uuid.h"
#include "runtime/io.h"

static const char hex[] = "0123456789abcdef";

bool ident_parse(struct ident *out, const char *text)
{
	*out = (struct ident){ 0 };
	return uuid_valid(text) && uuid_normalise(out->text, text);
}

void ident_random(struct rt *rt, struct ident *out)
{
	uint8_t random[16];

	io_random(rt, random, sizeof(random));
	uuid_v4(out->text, random);
}

void ident_secret(struct rt *rt, char *out, size_t len)
{
	uint8_t raw[64];

	assert(len <= sizeof(raw));
	io_random(rt, raw, len);
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = hex[raw[i] >> 4];
		out[2 * i + 1] = hex[raw[i] & 15];
	}
	out[2 * len] = '\0';
	explicit_bzero(raw, sizeof(raw));
}
