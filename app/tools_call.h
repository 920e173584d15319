// SPDX-License-Identifier: MIT
/*
 * tools_call - what the tools share: reading arguments, leaving an answer.
 *
 * An argument that is absent or null has its default; one of the wrong type is
 * answered with an error that names it, and the tool returns. Nothing here
 * parks. When memory runs out call->text stays NULL, which the server tells.
 */
#ifndef APP_TOOLS_CALL_H
#define APP_TOOLS_CALL_H

#include <jansson.h>
#include <stdbool.h>

#include "app/tools.h"

struct platform_reply;

/* The tools, each in the file that its name suggests. All park, but for those
 * that only look into the inbox. */
void tools_delegate_task(struct tool_call *call);
void tools_delegate_task_async(struct tool_call *call);
void tools_check_task_status(struct tool_call *call);
void tools_list_peers(struct tool_call *call);
void tools_get_workspace_info(struct tool_call *call);
void tools_send_message_to_user(struct tool_call *call);
void tools_wait_for_message(struct tool_call *call);
void tools_inbox_peek(struct tool_call *call);
void tools_inbox_pop(struct tool_call *call);
void tools_commit_memory(struct tool_call *call);
void tools_recall_memory(struct tool_call *call);

/* Reads a string into *out, borrowed from the arguments; "" when absent. False
 * when it is no string: the error is left. */
bool tools_call_string(struct tool_call *call, const char *name,
		       const char **out);

/* Leaves a text as the answer, or as an error. The first one left stays. */
void tools_call_answer(struct tool_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void tools_call_fail(struct tool_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Leaves a text that is taken (malloc'd; NULL: out of memory). */
void tools_call_take(struct tool_call *call, char *text);

/* Leaves a value, which is taken, as JSON (json_dump_text). */
void tools_call_json(struct tool_call *call, json_t *value, unsigned indent);

#endif
