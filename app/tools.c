// SPDX-License-Identifier: MIT
#include "app/tools.h"

#include <string.h>

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
	{ "send_message_to_user", tools_send_message_to_user },
	{ "wait_for_message", tools_wait_for_message },
	{ "inbox_peek", tools_inbox_peek },
	{ "inbox_pop", tools_inbox_pop },
	{ "commit_memory", tools_commit_memory },
	{ "recall_memory", tools_recall_memory },
};

void tools_run(struct tool_call *call, int index)
{
	const char *name = tools_table[index].name;

	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		if (strcmp(functions[i].name, name) == 0) {
			functions[i].run(call);
			return;
		}
	}
	tools_call_fail(call, "Error: %s is not available", name);
}

bool tools_is_wait(int index)
{
	return strcmp(tools_table[index].name, "wait_for_message") == 0;
}
