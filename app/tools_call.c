// SPDX-License-Identifier: MIT
#include "app/tools_call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"

bool tools_call_string(struct tool_call *call, const char *name,
		       const char **out)
{
	const json_t *value = json_object_get(call->arguments, name);

	*out = "";
	if (!value || json_is_null(value))
		return true;
	if (!json_is_string(value)) {
		tools_call_fail(call, "Error: %s must be a string", name);
		return false;
	}
	*out = json_string_value(value);
	return true;
}

void tools_call_take(struct tool_call *call, char *text)
{
	if (call->text) {
		free(text);
		return;
	}
	call->text = text;
	call->text_len = text ? strlen(text) : 0;
}

static void leave(struct tool_call *call, const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	tools_call_take(call, text);
}

void tools_call_answer(struct tool_call *call, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	leave(call, format, args);
	va_end(args);
}

void tools_call_fail(struct tool_call *call, const char *format, ...)
{
	va_list args;

	call->is_error = true;
	va_start(args, format);
	leave(call, format, args);
	va_end(args);
}

void tools_call_json(struct tool_call *call, json_t *value, unsigned indent)
{
	tools_call_take(call, json_dump_text(value, indent));
	json_decref(value);
}
