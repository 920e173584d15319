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
void tools_get_runtime_identity(struct tool_call *call);
void tools_update_agent_card(struct tool_call *call);
void tools_broadcast_message(struct tool_call *call);
void tools_send_message_to_user(struct tool_call *call);
void tools_wait_for_message(struct tool_call *call);
void tools_inbox_peek(struct tool_call *call);
void tools_inbox_pop(struct tool_call *call);
void tools_chat_history(struct tool_call *call);
void tools_commit_memory(struct tool_call *call);
void tools_recall_memory(struct tool_call *call);

/* Reads a string into *out, borrowed from the arguments; "" when absent. False
 * when it is no string: the error is left. */
bool tools_call_string(struct tool_call *call, const char *name,
		       const char **out);

/* Settles in whose name the call acts (call->source, until now the primary):
 * the workspace that the argument `name` ("source_workspace_id") names; when
 * that is absent or empty, the one through which the peer was seen last
 * (peers.h; `peer_id` may be NULL or ""), else the primary. False when the
 * argument is no string, or names a workspace that this process does not
 * serve: the error is left, with the ids that it could have named. */
bool tools_call_source(struct tool_call *call, const char *name,
		       const char *peer_id);

/* Leaves a text as the answer, or as an error. The first one left stays. */
void tools_call_answer(struct tool_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void tools_call_fail(struct tool_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Leaves a text that is taken (malloc'd; NULL: out of memory). */
void tools_call_take(struct tool_call *call, char *text);

/* Leaves a value, which is taken, as JSON (json_dump_text); an object is the
 * structured answer too, unless the call failed. */
void tools_call_json(struct tool_call *call, json_t *value, unsigned indent);

/* Leaves an object, which is taken (NULL is harmless), as the structured
 * answer beside a text of another form. The first one left stays. A tool whose
 * entry in tools.json has an outputSchema leaves one with every success. */
void tools_call_structured(struct tool_call *call, json_t *object);

#endif
