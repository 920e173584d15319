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

struct identity;
struct inbox;
struct log;
struct platform_client;
struct rt;
struct workspace;

/* What tools work with; borrowed, one for all calls of a workspace. */
struct tools {
	struct rt *rt;
	struct log *log;
	struct inbox *inbox; /* NULL: receiving is switched off */
	struct platform_client *client;
	const struct identity *identity;
	struct workspace *workspace; /* told of delegations; may be NULL */
};

/* One call. */
struct tool_call {
	const struct tools *tools;
	const json_t *arguments; /* an object, or NULL for none */
	char *text;		 /* the answer; NULL until there is one */
	size_t text_len;	 /* it may hold NUL bytes of a message */
	bool is_error;
};

/* Runs tool number `index` of proto/tools.h. Afterwards call->text is set and
 * owned by the caller (free), or NULL when memory ran out or the task was
 * cancelled. Parks. */
void tools_run(struct tool_call *call, int index);

/* True for a tool that only waits (wait_for_message): a stopping process does
 * not let it finish. */
bool tools_is_wait(int index);

#endif
