// SPDX-License-Identifier: MIT
#include "app/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/log.h"
#include "app/state_dir.h"
#include "runtime/event.h"
#include "runtime/task.h"

/* The tools that need a right; the others are free for all. */
static const struct {
	const char *tool;
	enum roles_right right;
} needed[] = {
	{ "delegate_task", ROLES_DELEGATE },
	{ "delegate_task_async", ROLES_DELEGATE },
	{ "check_task_status", ROLES_DELEGATE },
	{ "send_message_to_user", ROLES_APPROVE },
	{ "commit_memory", ROLES_MEMORY_WRITE },
	{ "update_agent_card", ROLES_MEMORY_WRITE },
	{ "recall_memory", ROLES_MEMORY_READ },
};

struct policy {
	struct rt *rt;
	struct log *log;
	const char *dir;
	bool read;    /* what is below holds */
	bool reading; /* a task is at it */
	struct cond done;
	struct roles roles;
};

struct policy *policy_new(struct rt *rt, struct log *log, const char *dir)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return NULL;
	policy->rt = rt;
	policy->log = log;
	policy->dir = dir ? dir : POLICY_DIR;
	cond_init(rt, &policy->done);
	return policy;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	roles_free(&policy->roles);
	free(policy);
}

static void by_default(struct policy *policy)
{
	policy->roles = (struct roles){ .rights = ROLES_ALL };
}

static void warn(const struct policy *policy, const char *what)
{
	log_warning(policy->log,
		    "molecule-mcp: %s/" POLICY_FILE
		    ": %s: the role " ROLES_DEFAULT
		    " (everything allowed) is assumed; correct the file and "
		    "start molecule-mcp again",
		    policy->dir, what);
}

/* What the bytes of the file say. */
static void take(struct policy *policy, const char *text, size_t len)
{
	char *why;
	int err = roles_read(&policy->roles, text, len, &why);

	if (err)
		warn(policy, why ? why : strerrordesc_np(-err));
	if (err && err != -EBADMSG) {
		roles_free(&policy->roles);
		by_default(policy);
	}
	if (policy->roles.unknown)
		log_warning(policy->log,
			    "molecule-mcp: %s/" POLICY_FILE
			    ": nobody knows the role %s, so it gives no "
			    "rights; known are admin, operator, no-delegation, "
			    "no-approval, read-only, memory-readonly and those "
			    "of rbac.allowed_actions",
			    policy->dir, policy->roles.unknown);
	free(why);
}

/* Reads the file. When cancelled, nothing is known yet. */
static void read_file(struct policy *policy)
{
	char *text = malloc(POLICY_FILE_MAX + 1);
	char *path = NULL;
	ssize_t n = -ENOMEM;

	if (asprintf(&path, "%s/" POLICY_FILE, policy->dir) < 0)
		path = NULL;
	if (text && path)
		n = state_dir_read_path(policy->rt, path, text,
					POLICY_FILE_MAX + 1);
	if (!task_cancelled(policy->rt)) {
		policy->read = true;
		by_default(policy);
		if (n >= 0)
			take(policy, text, (size_t)n);
		else if (n != -ENOENT && n != -ENOTDIR)
			warn(policy, n == -EMSGSIZE
					     ? "it is larger than 256 KiB"
					     : strerrordesc_np((int)-n));
	}
	free(path);
	free(text);
}

/* False when the task was cancelled before the roles were known. */
static bool know(struct policy *policy)
{
	while (policy->reading)
		if (cond_wait(&policy->done, DEADLINE_NEVER) != 0)
			return false;
	if (policy->read)
		return true;
	policy->reading = true;
	read_file(policy);
	policy->reading = false;
	cond_broadcast(&policy->done);
	return policy->read;
}

static unsigned right_for(const char *tool)
{
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (strcmp(needed[i].tool, tool) == 0)
			return needed[i].right;
	return 0;
}

bool policy_allows(struct policy *policy, const char *tool, char **refusal)
{
	unsigned right = right_for(tool);
	const char *names;

	*refusal = NULL;
	if (!right)
		return true;
	if (!know(policy))
		return false;
	if (policy->roles.rights & right)
		return true;
	names = policy->roles.names;
	if (asprintf(refusal,
		     "PERMISSION DENIED: %s needs the right %s, which this "
		     "workspace does not have (roles: %s; rbac.roles in "
		     "%s/" POLICY_FILE "). Go on without this tool, or tell "
		     "the user that the workspace's roles forbid it.",
		     tool, roles_right_name((enum roles_right)right),
		     names && *names ? names : "none", policy->dir) < 0)
		*refusal = NULL;
	return false;
}
