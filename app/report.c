// SPDX-License-Identifier: MIT
#include "app/report.h"

#include <inttypes.h>
#include <stdlib.h>

#include "app/fleet.h"
#include "app/log.h"
#include "proto/text.h"
#include "runtime/rt.h"

struct list {
	struct text *text;
	unsigned count;
};

static void add_task(const char *line, void *arg)
{
	struct list *list = arg;

	if (list->count++ < REPORT_TASKS_MAX)
		text_format(list->text, LOG_PREFIX "  %s\n", line);
}

static void add_tasks(struct text *text, struct rt *rt)
{
	struct list list = { .text = text };

	text_add(text, LOG_PREFIX "tasks:\n");
	rt_each_task(rt, add_task, &list);
	if (list.count > REPORT_TASKS_MAX)
		text_format(text, LOG_PREFIX "  and %u more\n",
			    list.count - REPORT_TASKS_MAX);
}

static void add_counters(struct text *text, struct rt *rt)
{
	const struct rt_counters *c = rt_counters(rt);

	text_format(text,
		    LOG_PREFIX "counters: turns %" PRIu64 ", waits %" PRIu64
			       ", system calls %" PRIu64 ", operations %" PRIu64
			       ", cancelled %" PRIu64 ", switches %" PRIu64
			       ", tasks started %" PRIu64 ", timers %" PRIu64
			       "\n",
		    c->turns, c->waits, c->enters, c->ops, c->cancels,
		    c->switches, c->spawns, c->timers);
}

static void add_member(struct text *text, const struct member *member)
{
	char holder[HOLDER_TEXT_MAX];

	text_format(text, LOG_PREFIX "  %s: %s, ", member->who.workspace_id,
		    member->rejected		   ? "refused"
		    : member->workspace.registered ? "registered"
						   : "not registered yet");
	switch (member->holder.state) {
	case HOLDER_HERE:
		text_add(text, "receives\n");
		break;
	case HOLDER_ELSEWHERE:
		text_format(
			text, "%s receives\n",
			holder_text(&member->holder, holder, sizeof(holder)));
		break;
	case HOLDER_UNKNOWN:
		text_add(text, "does not receive\n");
		break;
	}
}

static void add_members(struct text *text, const struct fleet *fleet)
{
	size_t count = fleet->count;

	text_add(text, LOG_PREFIX "workspaces:\n");
	for (size_t i = 0; i < count && i < REPORT_MEMBERS_MAX; i++)
		add_member(text, &fleet->members[i]);
	if (count > REPORT_MEMBERS_MAX)
		text_format(text, LOG_PREFIX "  and %zu more\n",
			    count - REPORT_MEMBERS_MAX);
}

void report_tell(struct rt *rt, struct log *log, const struct fleet *fleet)
{
	struct text text = { 0 };
	char *all;

	add_counters(&text, rt);
	add_members(&text, fleet);
	add_tasks(&text, rt);
	all = text_take(&text);
	if (all != NULL)
		log_plain(log, all);
	free(all);
}
