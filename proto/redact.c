// SPDX-License-Identifier: MIT
#include "proto/redact.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "proto/text.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define WORD LETTERS DIGITS "_"

#define VALUE_MIN 40

/* A key with a known beginning. */
struct pattern {
	const char *prefix;
	const char *alphabet;
	size_t min, max; /* characters after the prefix; max 0: any number */
};

static const struct pattern patterns[] = {
	{ "sk-", WORD "-", 20, 0 },	     { "ghp_", LETTERS DIGITS, 36, 36 },
	{ "ghs_", LETTERS DIGITS, 36, 36 },  { "github_pat_", WORD, 82, 82 },
	{ "AKIA", CAPITALS DIGITS, 16, 16 },
};

static bool is_word(char c)
{
	return c != '\0' && strchr(WORD, c);
}

/* How many bytes at `at` are such a key, as a whole word; 0 when none. */
static size_t match(const struct pattern *pattern, const char *at)
{
	size_t prefix_len = strlen(pattern->prefix);
	size_t len;

	if (strncmp(at, pattern->prefix, prefix_len) != 0)
		return 0;
	at += prefix_len;
	len = strspn(at, pattern->alphabet);
	/* A word does not end in a hyphen. */
	while (len > 0 && at[len - 1] == '-')
		len--;
	if (len < pattern->min || (pattern->max && len > pattern->max) ||
	    is_word(at[len]))
		return 0;
	return prefix_len + len;
}

static size_t match_key(const char *text, const char *at)
{
	if (at > text && is_word(at[-1]))
		return 0;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		size_t len = match(&patterns[i], at);

		if (len > 0)
			return len;
	}
	return 0;
}

/* How many bytes at `at` are the value of an assignment to a telling name;
 * 0 when they are not. */
static size_t match_value(const char *text, const char *at)
{
	/* "key" ends "api_key" too. */
	static const char *const names[] = { "key", "token", "secret",
					     "password" };
	size_t before = (size_t)(at - text);

	if (before == 0 || at[-1] != '=')
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t name_len = strlen(names[i]);
		size_t len;

		if (before <= name_len ||
		    strncasecmp(at - 1 - name_len, names[i], name_len) != 0)
			continue;
		len = strspn(at, LETTERS DIGITS "+/");
		len += strspn(at + len, "=");
		return len >= VALUE_MIN ? len : 0;
	}
	return 0;
}

char *redact_secrets(const char *text)
{
	struct text out = { 0 };
	const char *at = text, *kept = text;

	while (*at) {
		size_t len = match_key(text, at);

		if (len == 0)
			len = match_value(text, at);
		if (len == 0) {
			at++;
			continue;
		}
		text_add_bytes(&out, kept, (size_t)(at - kept));
		text_add(&out, REDACT_MARK);
		at += len;
		kept = at;
	}
	text_add_bytes(&out, kept, (size_t)(at - kept));
	return text_take(&out);
}
