// SPDX-License-Identifier: MIT
#include "app/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "app/fleet.h"
#include "app/inbox.h"
#include "app/log.h"
#include "app/pace.h"
#include "app/platform_client.h"
#include "net/pool.h"
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

static int64_t milliseconds(const struct timeval *time)
{
	return (int64_t)time->tv_sec * 1000 + time->tv_usec / 1000;
}

/* What the system has counted for this process. */
static void add_process(struct text *text, const struct rt_counters *c)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_SELF, &usage);
	text_format(text,
		    LOG_PREFIX "  process: wake-ups %ld, and %ld times set "
			       "aside by the system; system calls %" PRIu64
			       "; CPU %" PRId64 " ms\n",
		    usage.ru_nvcsw, usage.ru_nivcsw, c->enters,
		    milliseconds(&usage.ru_utime) +
			    milliseconds(&usage.ru_stime));
}

static void add_runtime(struct text *text, const struct rt_counters *c)
{
	text_format(text,
		    LOG_PREFIX "  runtime: turns %" PRIu64 ", waits %" PRIu64
			       ", operations %" PRIu64 ", cancelled %" PRIu64
			       ", switches %" PRIu64 ", tasks started %" PRIu64
			       ", timers %" PRIu64 "\n",
		    c->turns, c->waits, c->ops, c->cancels, c->switches,
		    c->spawns, c->timers);
}

static void add_requests(struct text *text,
			 const struct platform_client *client)
{
	const struct platform_counters *r = &client->counters;
	const struct pool_counters *p = pool_counters(client->pool);

	text_format(text,
		    LOG_PREFIX "  requests: %" PRIu64 " sent, %" PRIu64
			       " without an answer, %" PRIu64
			       " answered 4xx or 5xx, %" PRIu64
			       " of them 429; %" PRIu64 " not sent\n",
		    r->sent, r->failed, r->refused, r->limited, r->not_sent);
	text_format(text,
		    LOG_PREFIX "  connections: %" PRIu64 " opened, %" PRIu64
			       " times one was used again, %" PRIu64
			       " answers came behind another's, %" PRIu64
			       " closed by the other side while idle, %" PRIu64
			       " idle for too long; TLS handshakes %" PRIu64
			       "\n",
		    p->opened, p->reused, client->lanes.shared, p->dropped,
		    p->expired, p->handshakes);
}

/* Of all workspaces together. */
struct sums {
	uint64_t received, kept;
	uint64_t beats, beats_failed;
	int64_t latest_ns, longest_gap_ns;
	uint64_t streams, opened, events;
};

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static struct sums sum_up(const struct fleet *fleet)
{
	struct sums sums = { 0 };

	for (size_t i = 0; i < fleet->count; i++) {
		const struct workspace *w = &fleet->members[i].workspace;
		const struct receiver *r = &fleet->members[i].receiver;

		sums.received += r->received;
		sums.kept += r->kept;
		sums.beats += w->beats;
		sums.beats_failed += w->beats_failed;
		sums.latest_ns = larger(sums.latest_ns, w->latest_ns);
		sums.longest_gap_ns =
			larger(sums.longest_gap_ns, w->longest_gap_ns);
		sums.streams += r->follower.open;
		sums.opened += r->follower.opened;
		sums.events += r->follower.events;
	}
	return sums;
}

static double seconds(int64_t ns)
{
	return (double)ns / (double)CLOCK_NS_PER_S;
}

static void add_sums(struct text *text, const struct fleet *fleet)
{
	const struct inbox *inbox = fleet->inbox;
	struct sums sums = sum_up(fleet);

	text_format(text,
		    LOG_PREFIX "  heartbeats: %" PRIu64 " got through, %" PRIu64
			       " did not; the latest was %.3f s late, the "
			       "longest gap %.3f s\n",
		    sums.beats, sums.beats_failed, seconds(sums.latest_ns),
		    seconds(sums.longest_gap_ns));
	text_format(text,
		    LOG_PREFIX "  event streams: %" PRIu64 " open, %" PRIu64
			       " opened so far, %" PRIu64 " events\n",
		    sums.streams, sums.opened, sums.events);
	if (inbox != NULL)
		text_format(text,
			    LOG_PREFIX
			    "  messages: %" PRIu64 " received, %" PRIu64
			    " found in the journal, %" PRIu64
			    " popped, %" PRIu64 " given up, %u waiting\n",
			    sums.received, sums.kept, inbox_popped(inbox),
			    inbox_given_up(inbox), inbox_count(inbox));
}

/* What the limits of the platforms allow, where there are some. */
static void add_paces(struct text *text, const struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->pace_count; i++) {
		const struct pace *pace = &fleet->paces[i].pace;

		if (pace->limit > 0)
			text_format(text,
				    LOG_PREFIX
				    "  limit: %s allows %u requests a minute; "
				    "%u of %u workspaces beat every %.1f s\n",
				    fleet->paces[i].origin, pace->limit,
				    pace_fitting(pace), pace->members,
				    pace_beat_ms(pace) / 1000.0);
	}
}

static void add_counters(struct text *text, struct rt *rt,
			 const struct fleet *fleet)
{
	const struct rt_counters *c = rt_counters(rt);

	text_add(text, LOG_PREFIX "counters since the start:\n");
	add_process(text, c);
	add_runtime(text, c);
	add_requests(text, fleet->deps.client);
	add_sums(text, fleet);
	add_paces(text, fleet);
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

	add_counters(&text, rt, fleet);
	add_members(&text, fleet);
	add_tasks(&text, rt);
	all = text_take(&text);
	if (all != NULL)
		log_plain(log, all);
	free(all);
}
