// SPDX-License-Identifier: MIT
#include "proto/upload_name.h"

#include <bearssl.h>
#include <stdio.h>
#include <string.h>

#define EXTENSION_MAX 16 /* characters, with the dot */

static bool is_safe(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static const char *base_of(const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *other = strrchr(name, '\\');

	if (slash)
		name = slash + 1;
	return other && other >= name ? other + 1 : name;
}

/* How many characters from `name` on there are until its end. */
static size_t characters(const char *name)
{
	size_t count = 0;

	for (; *name; name++)
		count += !continues(*name);
	return count;
}

/* Copies `count` characters of the name, each as one byte. */
static char *copy(char *out, const char *name, size_t count)
{
	for (; *name && count > 0; name++) {
		if (continues(*name))
			continue;
		*out++ = is_safe(*name) ? *name : '_';
		count--;
	}
	return out;
}

void upload_name_safe(char out[UPLOAD_NAME_SAFE + 1], const char *name)
{
	const char *base = base_of(name);
	const char *dot = strrchr(base, '.');
	size_t kept = dot ? characters(dot) : 0;
	char *end;

	if (characters(base) <= UPLOAD_NAME_SAFE || kept > EXTENSION_MAX)
		kept = 0;
	end = copy(out, base, UPLOAD_NAME_SAFE - kept);
	if (kept > 0)
		end = copy(end, dot, kept);
	*end = '\0';
	if (*out == '\0' || strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
		memcpy(out, "file", sizeof("file"));
}

void upload_name_make(char out[UPLOAD_NAME_MAX + 1], const char *workspace_id,
		      const char *file_id, const char *name)
{
	unsigned char digest[br_sha256_SIZE];
	char safe[UPLOAD_NAME_SAFE + 1];
	br_sha256_context hash;

	br_sha256_init(&hash);
	br_sha256_update(&hash, workspace_id, strlen(workspace_id));
	br_sha256_update(&hash, "/", 1);
	br_sha256_update(&hash, file_id, strlen(file_id));
	br_sha256_out(&hash, digest);
	for (size_t i = 0; i < UPLOAD_NAME_ID / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", (unsigned int)digest[i]);
	upload_name_safe(safe, name);
	snprintf(out + UPLOAD_NAME_ID, UPLOAD_NAME_MAX + 1 - UPLOAD_NAME_ID,
		 "-%s", safe);
}
