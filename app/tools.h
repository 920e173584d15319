// SPDX-License-Identifier: MIT
/*
 * tools - what the agent can do: the tools of proto/tools.json, one function
 * each.
 *
 * A tool reads its arguments, which came from a model and may be anything,
 * does its work against the platform or the inbox, and leaves one text: the
 * answer, or what went wrong and what to do about it. Bad arguments and
 * failures of the platform are answers of this kind too (isError), so that
 * the model can read them. A tool runs in a task of its own and may park; when
 * it is cancelled it returns early, and what it left does not matter.
 */
#ifndef APP_TOOLS_H
#define APP_TOOLS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct config;
struct fleet;
struct inbox;
struct log;
struct member;
struct peers;
struct platform_client;
struct policy;
struct rt;
struct turns;
struct uploads;

#define TOOLS_DOING_MAX 128

/* What tools work with; borrowed, one for all calls. */
struct tools {
	struct rt *rt;
	struct log *log;
	const struct config *config;
	struct fleet *fleet; /* in whose names they can act */
	struct inbox *inbox; /* NULL: receiving is switched off */
	struct platform_client *client;
	struct peers *peers;	 /* NULL: nothing is remembered */
	struct turns *turns;	 /* NULL: no answer comes by the inbox */
	struct uploads *uploads; /* NULL: none are fetched */
	struct policy *policy;	 /* NULL: everything is allowed */
};

/* One call. */
struct tool_call {
	const struct tools *tools;
	const json_t *arguments; /* an object, or NULL for none */
	struct member *source;	 /* in whose name it acts (tools_call.h) */
	char *text;		 /* the answer; NULL until there is one */
	size_t text_len;	 /* it may hold NUL bytes of a message */
	json_t *structured;	 /* the same as an object; NULL: none; owned */
	bool is_error;
	bool untrusted; /* the text is what another agent or a person wrote */
	/* What it waits for, in a few words: for progress notifications. */
	char doing[TOOLS_DOING_MAX];
	/* The request had a progressToken: its host goes on waiting while
	 * progress comes. Without one many give up after a minute. */
	bool progress;
	/* When not NULL: called by tools_settle. */
	void (*settle)(struct tool_call *call, bool sent);
	void *settle_arg;
};

/* Runs tool number `index` of proto/tools.h. Afterwards call->text is set and
 * owned by the caller (free), or NULL when memory ran out or the task was
 * cancelled. Parks. */
void tools_run(struct tool_call *call, int index);

/* Must follow tools_run, once the answer has been handed to the host (`sent`)
 * or it is certain that it never will be: a tool may have put off what cannot
 * be undone until then. May park. */
void tools_settle(struct tool_call *call, bool sent);

/* True for a tool that only waits (wait_for_message): a stopping process does
 * not let it finish. */
bool tools_is_wait(int index);

#endif
