// SPDX-License-Identifier: MIT
#include "app/tools.h"

#include <string.h>

#include "app/fleet.h"
#include "app/policy.h"
#include "app/tools_call.h"
#include "proto/tools.h"

/* The function of each tool in proto/tools.json. */
static const struct {
	const char *name;
	void (*run)(struct tool_call *call);
} functions[] = {
	{ "delegate_task", tools_delegate_task },
	{ "delegate_task_async", tools_delegate_task_async },
	{ "check_task_status", tools_check_task_status },
	{ "list_peers", tools_list_peers },
	{ "get_workspace_info", tools_get_workspace_info },
	{ "get_runtime_identity", tools_get_runtime_identity },
	{ "update_agent_card", tools_update_agent_card },
	{ "broadcast_message", tools_broadcast_message },
	{ "send_message_to_user", tools_send_message_to_user },
	{ "wait_for_message", tools_wait_for_message },
	{ "inbox_peek", tools_inbox_peek },
	{ "inbox_pop", tools_inbox_pop },
	{ "chat_history", tools_chat_history },
	{ "commit_memory", tools_commit_memory },
	{ "recall_memory", tools_recall_memory },
};

/* Whether the workspace's roles let it; else the refusal is left. */
static bool allowed(struct tool_call *call, const char *name)
{
	struct policy *policy = call->tools->policy;
	char *refusal;

	if (!policy || policy_allows(policy, name, &refusal))
		return true;
	call->is_error = true;
	tools_call_take(call, refusal);
	return false;
}

void tools_run(struct tool_call *call, int index)
{
	const char *name = tools_table[index].name;

	call->source = &call->tools->fleet->members[0];
	if (!allowed(call, name))
		return;
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		if (strcmp(functions[i].name, name) == 0) {
			functions[i].run(call);
			return;
		}
	}
	tools_call_fail(call, "Error: %s is not available", name);
}

void tools_settle(struct tool_call *call, bool sent)
{
	if (call->settle)
		call->settle(call, sent);
	call->settle = NULL;
}

bool tools_is_wait(int index)
{
	return strcmp(tools_table[index].name, "wait_for_message") == 0;
}
