// SPDX-License-Identifier: MIT
#include "proto/uuid.h"

static bool is_dash(unsigned at)
{
	return at == 8 || at == 13 || at == 18 || at == 23;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	       (c >= 'A' && c <= 'F');
}

/* Whether a UUID stands at text; what follows it is not looked at. */
static bool starts_with_uuid(const char *text)
{
	for (unsigned i = 0; i < UUID_LEN; i++) {
		if (is_dash(i) ? text[i] != '-' : !is_hex(text[i]))
			return false;
	}
	return true;
}

void uuid_v4(char out[UUID_LEN + 1], const uint8_t random[16])
{
	static const char digits[] = "0123456789abcdef";
	unsigned nibble = 0;

	for (unsigned i = 0; i < UUID_LEN; i++) {
		unsigned value;

		if (is_dash(i)) {
			out[i] = '-';
			continue;
		}
		value = random[nibble / 2];
		value = nibble % 2 ? value & 15u : value >> 4;
		if (nibble == 12)
			value = 4;
		else if (nibble == 16)
			value = 8u | (value & 3u);
		out[i] = digits[value];
		nibble++;
	}
	out[UUID_LEN] = '\0';
}

bool uuid_valid(const char *text)
{
	return text && starts_with_uuid(text) && text[UUID_LEN] == '\0';
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool uuid_normalise(char out[UUID_LEN + 1], const char *text)
{
	const char *end;

	out[0] = '\0';
	if (!text)
		return false;
	while (is_space(*text))
		text++;
	if (!starts_with_uuid(text))
		return false;
	for (end = text + UUID_LEN; is_space(*end); end++)
		;
	if (*end != '\0')
		return false;
	for (unsigned i = 0; i < UUID_LEN; i++)
		out[i] = (char)(text[i] >= 'A' && text[i] <= 'F'
					? text[i] - 'A' + 'a'
					: text[i]);
	out[UUID_LEN] = '\0';
	return true;
}
