// SPDX-License-Identifier: MIT
#include "tests/world/ledger.h"

#include <stdio.h>
#include <string.h>

#include "proto/uuid.h"
#include "tests/world/life.h"
#include "tests/world/server.h"
#include "tests/world/town.h"

#define CURSOR ".mcp_inbox_cursor"
#define JOURNAL ".mcp_journal_"

/* Whose cursor it is, -1: it is none. */
static int workspace_of(const struct life *life, const char *name)
{
	size_t len = strlen(CURSOR);

	if (strncmp(name, CURSOR, len) != 0)
		return -1;
	if (name[len] == '\0')
		return 0;
	for (int i = 0; i < life->plan.workspaces; i++)
		if (name[len] == '_' &&
		    strncmp(name + len + 1, town_id(i), 8) == 0)
			return i;
	return -1;
}

static void check(struct life *life, int workspace, const struct letter *last)
{
	const struct letters *letters = &life->letters;
	uint64_t given_up = letters->given_up + server_given_up(life);
	const char *journal = "";
	char path[256];
	int64_t size;

	snprintf(path, sizeof(path), SERVER_STATE "/" JOURNAL "%s",
		 town_id(workspace));
	size = sim_disk_get(life->laptop, path, true, &journal);
	for (const struct letter *letter = last; letter >= letters->all;
	     letter--) {
		if (letter->workspace != workspace || letter->pop_asked ||
		    letter->answered)
			continue;
		if (size > 0 && memmem(journal, (size_t)size, letter->id,
				       strlen(letter->id)))
			continue;
		if (letters_excused(life, letter))
			continue;
		/* Those given up are forgotten after a while. */
		if (letter->got == 0 || given_up == 0)
			sim_fail(life->world,
				 "the cursor has passed letter %u, which is "
				 "not on disk in the journal",
				 (unsigned)(letter - letters->all));
		given_up -= given_up > 0;
	}
}

void ledger_renamed(struct sim_process *process, const char *to)
{
	struct life *life = life_of(sim_world_of_process(process));
	int workspace = workspace_of(life, to);
	char path[256], id[UUID_LEN + 1] = "";
	const struct letter *last;
	const char *data;
	int64_t size;

	if (workspace < 0)
		return;
	snprintf(path, sizeof(path), SERVER_STATE "/%s", to);
	size = sim_disk_get(life->laptop, path, false, &data);
	if (size != UUID_LEN)
		return;
	memcpy(id, data, UUID_LEN);
	last = letters_find(life, id);
	letters_kept(life, workspace);
	if (last)
		check(life, workspace, last);
}
