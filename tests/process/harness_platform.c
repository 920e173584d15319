// SPDX-License-Identifier: MIT
#include "harness_platform.h"

#include <stdlib.h>
#include <string.h>

#define LISTENING "listening on http://127.0.0.1:"

static bool is_listening(void *arg)
{
	const struct platform *p = arg;
	const char *hit = strstr(child_stdout(p->child), LISTENING);

	return hit && strchr(hit, '\n');
}

static const char *new_seed(struct rig *rig)
{
	const char *path = rig_text(rig, "%s/seed.json", rig->dir);

	file_write(path,
		   rig_quoted(rig,
			      "{'workspaces':[{'id':'" WS_ID
			      "','name':'Alpha','token':'" TOKEN "'},"
			      "{'id':'" PEER_ID
			      "','name':'Beta','token':'" BETA_TOKEN "'}]}"),
		   0600);
	return path;
}

void local_platform_start(struct platform *p, struct rig *rig,
			  const char *const *flags)
{
	const char *args[PLATFORM_FLAGS_MAX + 5] = { "--listen", "127.0.0.1:0",
						     "--seed", new_seed(rig) };
	const char *exe = harness_program("MOLECULE_PLATFORM");

	for (size_t i = 0; i < PLATFORM_FLAGS_MAX && flags[i]; i++)
		args[4 + i] = flags[i];
	*p = (struct platform){ .rig = rig };
	p->child = rig_spawn(rig, (struct child_how){ .exe = exe,
						      .args = args,
						      .text_stdout = true });
	if (!wait_until(is_listening, p, BOUND_MS))
		child_fail(p->child, "molecule-platform is not listening");
	p->port = atoi(strstr(child_stdout(p->child), LISTENING) +
		       strlen(LISTENING));
	rig_env(rig, "PLATFORM_URL",
		rig_text(rig, "http://127.0.0.1:%d", p->port));
}

json_t *platform_ask(struct platform *p, const char *method, const char *path,
		     const char *token, const char *body)
{
	const char *answer;
	int status =
		http_ask(p->rig, p->port, method, path, token, body, &answer);
	json_t *json = json_loads(answer, 0, NULL);

	if ((status != 200 && status != 201) || !json)
		child_fail(p->child, "%s %s: %d %.300s", method, path, status,
			   answer);
	return child_keep_json(p->child, json);
}

json_int_t platform_count(struct platform *p, const char *group,
			  const char *name)
{
	json_t *all = platform_ask(p, "GET", "/demo/counters", NULL, NULL);

	return json_integer_value(
		json_object_get(json_object_get(all, group), name));
}

const char *platform_say(struct platform *p, const char *workspace,
			 const char *text, int count)
{
	const char *path =
		rig_text(p->rig, "/demo/workspaces/%s/messages", workspace);
	const char *more = count > 0 ? rig_text(p->rig, ",'count':%d", count)
				     : "";
	json_t *row =
		platform_ask(p, "POST", path, NULL,
			     rig_text(p->rig, "{'text':'%s'%s}", text, more));

	return json_string_value(json_object_get(row, "activity_id"));
}
