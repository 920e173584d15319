// SPDX-License-Identifier: MIT
/*
 * token - where the workspace's bearer token comes from.
 *
 * One order for every consumer: the inline value (MOLECULE_WORKSPACE_TOKEN),
 * else the file that MOLECULE_WORKSPACE_TOKEN_FILE names, else `.auth_token`
 * in the state directory. The first that is configured is used, alone: if it
 * cannot be, that is an error, not a reason to try the next. Files are read
 * anew for each request, so a rotated token works from the next one on; an
 * inline token costs no system call. A token from a list of workspaces
 * (MOLECULE_WORKSPACES) is an inline one.
 */
#ifndef APP_TOKEN_H
#define APP_TOKEN_H

#include <stddef.h>

struct rt;
struct state_dir;

#define TOKEN_MAX 4096	   /* bytes */
#define TOKEN_NAME_MAX 320 /* token_source_name, NUL included */

enum token_kind { TOKEN_INLINE, TOKEN_FILE, TOKEN_STATE };

/* All borrowed for the structure's life. */
struct token_source {
	const char *value;	 /* or NULL; valid by token_check */
	const char *list;	 /* the list it stands in; NULL: none */
	size_t index;		 /* of its entry there */
	const char *file;	 /* or NULL */
	struct state_dir *state; /* for .auth_token, and for reading files */
};

#define TOKEN_SHORT 128 /* bytes of "Bearer …" that need no allocation */

/* A token in use. It stays where it is. */
struct token {
	char *bearer; /* "Bearer …", in `space` or owned: token_release */
	enum token_kind kind;
	char space[TOKEN_SHORT];
};

enum token_kind token_source_kind(const struct token_source *source);

/* Names the source in use, for a person: a variable, or a path and why it is
 * that. `cap` at least TOKEN_NAME_MAX. Returns buf. Parks at most once in a
 * process's life (state_dir_path). */
const char *token_source_name(const struct token_source *source, char *buf,
			      size_t cap);

/* Reads the token. 0 with *token to be released; -ENOENT (no such file);
 * -EINVAL (empty, white space inside, bytes that no header may carry);
 * -EMSGSIZE; -ENOMEM; or what the system gave. Parks, unless inline. */
int token_get(const struct token_source *source, struct token *token);

/* Wipes and frees. Harmless on all zero. */
void token_release(struct token *token);

/* What is wrong with the token in `text` (trimmed already): NULL when nothing
 * is, else words that continue "the token …"; never any part of it. */
const char *token_check(const char *text);

/* Why token_get failed with `err`, as a sentence without full stop that names
 * the source. Returns buf. */
const char *token_problem(const struct token_source *source, int err, char *buf,
			  size_t cap);

#endif
