// SPDX-License-Identifier: MIT
#include "app/token.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/state_dir.h"

#define BEARER "Bearer "

enum token_kind token_source_kind(const struct token_source *source)
{
	if (source->value != NULL)
		return TOKEN_INLINE;
	return source->file != NULL ? TOKEN_FILE : TOKEN_STATE;
}

const char *token_source_name(const struct token_source *source, char *buf,
			      size_t cap)
{
	const char *dir;

	switch (token_source_kind(source)) {
	case TOKEN_INLINE:
		if (source->list != NULL)
			snprintf(buf, cap, "%s[%zu]", source->list,
				 source->index);
		else
			snprintf(buf, cap, "MOLECULE_WORKSPACE_TOKEN");
		break;
	case TOKEN_FILE:
		snprintf(buf, cap,
			 "the file %s (MOLECULE_WORKSPACE_TOKEN_FILE)",
			 source->file);
		break;
	case TOKEN_STATE:
		dir = state_dir_path(source->state);
		snprintf(buf, cap, "the file %s/%s",
			 dir != NULL ? dir : "CONFIGS_DIR", STATE_DIR_TOKEN);
		break;
	}
	return buf;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *token_check(const char *text)
{
	if (*text == '\0')
		return "is empty";
	if (strlen(text) > TOKEN_MAX)
		return "is too long";
	for (; *text != '\0'; text++) {
		if (is_space(*text))
			return "has white space inside";
		if (*text < 0x21 || *text > 0x7e)
			return "has characters that no HTTP header can carry";
	}
	return NULL;
}

static int token_set(struct token *token, const char *text, size_t len)
{
	size_t prefix = sizeof(BEARER) - 1;

	token->bearer = prefix + len < sizeof(token->space)
				? token->space
				: malloc(prefix + len + 1);
	if (token->bearer == NULL)
		return -ENOMEM;
	memcpy(token->bearer, BEARER, prefix);
	memcpy(token->bearer + prefix, text, len);
	token->bearer[prefix + len] = '\0';
	return 0;
}

/* Trims what a file held and takes it over. */
static int token_take(struct token *token, char *text, size_t len)
{
	if (memchr(text, '\0', len) != NULL)
		return -EINVAL;
	while (len > 0 && is_space(text[len - 1]))
		text[--len] = '\0';
	while (len > 0 && is_space(*text)) {
		text++;
		len--;
	}
	if (len > TOKEN_MAX)
		return -EMSGSIZE;
	if (token_check(text) != NULL)
		return -EINVAL;
	return token_set(token, text, len);
}

int token_get(const struct token_source *source, struct token *token)
{
	size_t cap = TOKEN_MAX + 256; /* room for white space around it */
	ssize_t n;
	char *buf;

	token->bearer = NULL;
	token->kind = token_source_kind(source);
	if (token->kind == TOKEN_INLINE)
		return token_set(token, source->value, strlen(source->value));
	buf = malloc(cap);
	if (buf == NULL)
		return -ENOMEM;
	if (token->kind == TOKEN_FILE)
		n = state_dir_read_path(source->state->rt, source->file, buf,
					cap);
	else
		n = state_dir_read(source->state, STATE_DIR_TOKEN, buf, cap);
	if (n >= 0)
		n = token_take(token, buf, (size_t)n);
	explicit_bzero(buf, cap);
	free(buf);
	return (int)n;
}

void token_release(struct token *token)
{
	if (token->bearer != NULL) {
		explicit_bzero(token->bearer, strlen(token->bearer));
		if (token->bearer != token->space)
			free(token->bearer);
		token->bearer = NULL;
	}
}

const char *token_problem(const struct token_source *source, int err, char *buf,
			  size_t cap)
{
	char name[TOKEN_NAME_MAX];

	token_source_name(source, name, sizeof(name));
	if (err == -EINVAL)
		snprintf(buf, cap,
			 "%s does not hold a usable token: it is empty, or has "
			 "white space or other unusable characters inside",
			 name);
	else if (err == -EMSGSIZE)
		snprintf(buf, cap, "%s is too large to be a token", name);
	else if (err == -ENOENT)
		snprintf(buf, cap, "%s does not exist", name);
	else
		snprintf(buf, cap, "%s cannot be read: %s", name,
			 err == -ENOTSUP ? "it is not a regular file"
					 : strerrordesc_np(-err));
	return buf;
}
