// SPDX-License-Identifier: MIT
/*
 * policy - which tools this workspace's roles let its agent use.
 *
 * The roles stand in config.yaml of the workspace's configuration directory
 * (proto/roles.h); without that file the agent may do everything. The file is
 * read when the first tool is called that needs a right, so that a process
 * which needs none never looks for it, and then not again. One that cannot be
 * read or is broken is told in the log, with what to do, and counts as absent.
 *
 * What the platform decides itself (GLOBAL memory, who may reach whom) is not
 * anticipated here.
 */
#ifndef APP_POLICY_H
#define APP_POLICY_H

#include <stdbool.h>

#include "proto/roles.h"

struct log;
struct policy;
struct rt;

#define POLICY_FILE "config.yaml"
#define POLICY_DIR "/configs"
#define POLICY_FILE_MAX (256u * 1024) /* bytes */

/* `dir` is the directory of the file, borrowed; NULL: POLICY_DIR. Touches no
 * file. NULL when out of memory. */
struct policy *policy_new(struct rt *rt, struct log *log, const char *dir);
/* NULL is harmless. Nobody may be parked in it. */
void policy_free(struct policy *policy);

/* Whether the roles give the right that the tool of this name needs. When not,
 * *refusal is what to tell the agent, owned by the caller: free (NULL: out of
 * memory). Parks the first time. */
bool policy_allows(struct policy *policy, const char *tool, char **refusal);

#endif
