// SPDX-License-Identifier: MIT
#include "app/agenda.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/rt.h"
#include "runtime/scope.h"
#include "runtime/task.h"

#define CLASSES 2

/* One that waits. What a look at all of them needs is here, since the items
 * are all over the memory. */
struct slot {
	int64_t due, latest;
	struct agenda_item *item;
	enum agenda_class class;
};

/* Of the items of one class that wait. */
struct first {
	int64_t due;		    /* the first that is due */
	int64_t latest, latest_due; /* whose slack is used up first */
};

static const struct first none = { INT64_MAX, INT64_MAX, INT64_MAX };

struct agenda {
	struct rt *rt;
	struct scope scope; /* of everything here */
	struct cond changed;
	bool keeper_lives;
	bool keeper_asleep;
	int64_t keeper_until;		 /* when it wakes, while it is asleep */
	uint32_t running, running_later; /* those of AGENDA_LATER among them */
	uint64_t turns;

	/* Those that wait, in no order: there are few wake-ups, and few of them
	 * have to look at all. */
	struct slot *waiting;
	struct agenda_item **due; /* room to sort as many */
	uint32_t count, cap;
	struct first first[CLASSES];
	bool outdated; /* `first` may be of one that waits no more */

	/* Those that are due, who goes first in front. */
	struct {
		struct agenda_item *head, *tail;
	} ready[CLASSES];
	uint32_t ready_count;
};

struct agenda *agenda_new(struct rt *rt)
{
	struct agenda *agenda = calloc(1, sizeof(*agenda));

	if (!agenda)
		return NULL;
	agenda->rt = rt;
	agenda->first[AGENDA_FIRST] = agenda->first[AGENDA_LATER] = none;
	cond_init(rt, &agenda->changed);
	scope_open(rt, &agenda->scope, DEADLINE_NEVER);
	return agenda;
}

static int64_t now_of(const struct agenda *agenda)
{
	return clock_now(agenda->rt, CLOCK_ID_BOOTTIME);
}

static void note_first(struct agenda *agenda, const struct slot *slot)
{
	struct first *first = &agenda->first[slot->class];

	if (slot->due < first->due)
		first->due = slot->due;
	if (slot->latest < first->latest) {
		first->latest = slot->latest;
		first->latest_due = slot->due;
	}
}

/* Puts the last one in the place of one that waits no more. */
static void fill_gap(struct agenda *agenda, struct slot *slot)
{
	uint32_t place = slot->item->place;

	slot->item->place = 0;
	agenda->count--;
	if (place > agenda->count)
		return;
	*slot = agenda->waiting[agenda->count];
	slot->item->place = place;
}

/* Off the items that wait. */
static void take_out(struct agenda_item *item)
{
	struct agenda *agenda = item->agenda;
	const struct first *first = &agenda->first[item->class];
	struct slot *slot = &agenda->waiting[item->place - 1];

	if (slot->due == first->due || slot->latest == first->latest)
		agenda->outdated = true;
	fill_gap(agenda, slot);
}

/* To the items that wait. */
static int put_in(struct agenda *agenda, struct agenda_item *item)
{
	/* One that is ready or runs keeps its place: it must not be lost. */
	if (agenda->count + agenda->ready_count + agenda->running >=
	    agenda->cap) {
		uint32_t cap = agenda->cap ? 2 * agenda->cap : 8;
		struct slot *waiting =
			realloc(agenda->waiting, cap * sizeof(*waiting));
		struct agenda_item **due;

		if (!waiting)
			return -ENOMEM;
		agenda->waiting = waiting;
		due = realloc(agenda->due, cap * sizeof(*due));
		if (!due)
			return -ENOMEM;
		agenda->due = due;
		agenda->cap = cap;
	}
	agenda->waiting[agenda->count++] = (struct slot){
		.due = item->due,
		.latest = item->latest,
		.item = item,
		.class = item->class,
	};
	note_first(agenda, &agenda->waiting[agenda->count - 1]);
	item->turn = agenda->turns++;
	item->place = agenda->count;
	item->agenda = agenda;
	return 0;
}

static void ready_in(struct agenda_item *item)
{
	struct agenda *agenda = item->agenda;
	struct agenda_item *last = agenda->ready[item->class].tail;

	item->ready = true;
	item->before = last;
	item->after = NULL;
	if (last)
		last->after = item;
	else
		agenda->ready[item->class].head = item;
	agenda->ready[item->class].tail = item;
	agenda->ready_count++;
}

static void ready_out(struct agenda_item *item)
{
	struct agenda *agenda = item->agenda;

	if (item->before)
		item->before->after = item->after;
	else
		agenda->ready[item->class].head = item->after;
	if (item->after)
		item->after->before = item->before;
	else
		agenda->ready[item->class].tail = item->before;
	item->ready = false;
	agenda->ready_count--;
}

static void forget(struct agenda_item *item)
{
	if (item->place != 0)
		take_out(item);
	else if (item->ready)
		ready_out(item);
}

void agenda_free(struct agenda *agenda)
{
	if (!agenda)
		return;
	scope_close(&agenda->scope);
	while (agenda->count > 0)
		take_out(agenda->waiting[agenda->count - 1].item);
	for (int i = 0; i < CLASSES; i++)
		while (agenda->ready[i].head)
			ready_out(agenda->ready[i].head);
	free(agenda->waiting);
	free(agenda->due);
	free(agenda);
}

static void run_item(struct rt *rt, void *arg);

static void count_in(struct agenda_item *item)
{
	item->running = true;
	item->agenda->running++;
	item->agenda->running_later += item->class == AGENDA_LATER;
}

static void count_out(struct agenda_item *item)
{
	item->running = false;
	item->agenda->running--;
	item->agenda->running_later -= item->class == AGENDA_LATER;
}

/* Whether one more of this class may run. */
static bool has_room(const struct agenda *agenda, enum agenda_class class)
{
	return agenda->running < AGENDA_RUNNING_MAX &&
	       (class == AGENDA_FIRST ||
		agenda->running_later < AGENDA_LATER_MAX);
}

static int by_turn(const void *a, const void *b)
{
	const struct agenda_item *one = *(struct agenda_item *const *)a;
	const struct agenda_item *other = *(struct agenda_item *const *)b;

	if (one->due != other->due)
		return one->due < other->due ? -1 : 1;
	return one->turn < other->turn ? -1 : 1;
}

/* Looks at all that wait, and has those that are due by `now` ready. */
static void look(struct agenda *agenda, int64_t now)
{
	uint32_t due = 0;

	agenda->first[AGENDA_FIRST] = agenda->first[AGENDA_LATER] = none;
	agenda->outdated = false;
	for (uint32_t i = 0; i < agenda->count;) {
		struct slot *slot = &agenda->waiting[i];

		if (slot->due > now) {
			note_first(agenda, slot);
			i++;
			continue;
		}
		agenda->due[due++] = slot->item;
		fill_gap(agenda, slot);
	}
	qsort(agenda->due, due, sizeof(*agenda->due), by_turn);
	for (uint32_t i = 0; i < due; i++)
		ready_in(agenda->due[i]);
}

static void gather_due(struct agenda *agenda)
{
	int64_t now = now_of(agenda);

	if (agenda->first[AGENDA_FIRST].due <= now ||
	    agenda->first[AGENDA_LATER].due <= now)
		look(agenda, now);
}

/* Starts who is ready of one class, as far as there is room. False: out of
 * memory. */
static bool start_ready(struct agenda *agenda, enum agenda_class class)
{
	struct agenda_item *item;

	while ((item = agenda->ready[class].head) && has_room(agenda, class)) {
		if (task_spawn(&agenda->scope, item->name, TASK_STACK_NORMAL,
			       run_item, item) != 0)
			return false;
		ready_out(item);
		count_in(item);
	}
	return true;
}

/* Starts what is due, as far as there is room. False: out of memory. */
static bool start_due(struct agenda *agenda)
{
	gather_due(agenda);
	return start_ready(agenda, AGENDA_FIRST) &&
	       start_ready(agenda, AGENDA_LATER);
}

/* Until then the keeper sleeps: until the first slack of those that could run
 * is used up. A process that is awake anyway between `due` and `latest` does
 * not wait for the latter. */
static struct deadline wake_time(struct agenda *agenda)
{
	struct first first = none;
	int64_t slack;

	if (agenda->outdated)
		look(agenda, INT64_MIN);
	for (int i = 0; i < CLASSES; i++)
		if (has_room(agenda, (enum agenda_class)i) &&
		    agenda->first[i].latest < first.latest)
			first = agenda->first[i];
	agenda->keeper_until = first.latest;
	if (first.latest == INT64_MAX)
		return DEADLINE_NEVER;
	slack = (first.latest - first.latest_due) / CLOCK_NS_PER_MS;
	return deadline_cadence(first.latest_due, (uint32_t)slack);
}

#define RETRY_MS 100 /* after a lack of memory */

static void keeper(struct rt *rt, void *arg)
{
	struct agenda *agenda = arg;
	int err = 0;

	while (!err || err == -ETIMEDOUT) {
		if (!start_due(agenda)) {
			err = task_sleep(rt, deadline_in_ms(rt, RETRY_MS));
			continue;
		}
		agenda->keeper_asleep = true;
		err = cond_wait(&agenda->changed, wake_time(agenda));
		agenda->keeper_asleep = false;
		if (task_cancelled(rt))
			err = -ECANCELED;
	}
	agenda->keeper_lives = false;
}

static int wake_keeper(struct agenda *agenda, const struct agenda_item *item)
{
	int err;

	if (!agenda->keeper_lives) {
		err = task_spawn(&agenda->scope, "agenda", TASK_STACK_SMALL,
				 keeper, agenda);
		agenda->keeper_lives = err == 0;
		return err;
	}
	if (agenda->keeper_asleep && item->latest < agenda->keeper_until)
		cond_signal(&agenda->changed);
	return 0;
}

/* The keeper looks at everything, so it is woken only when that is of use. */
static void run_item(struct rt *rt, void *arg)
{
	struct agenda_item *item = arg;
	struct agenda *agenda = item->agenda;
	bool full;

	item->run(item);
	full = !has_room(agenda, item->class);
	count_out(item);
	if (task_cancelled(rt))
		return;
	if (item->again) {
		item->again = false;
		put_in(agenda, item);
		wake_keeper(agenda, item);
	}
	if (full)
		cond_signal(&agenda->changed);
}

int agenda_at(struct agenda *agenda, struct agenda_item *item, int64_t due,
	      uint32_t slack_ms)
{
	int err;

	item->due = due;
	if (__builtin_add_overflow(due, slack_ms * CLOCK_NS_PER_MS,
				   &item->latest))
		item->latest = INT64_MAX;
	item->agenda = agenda;
	if (item->running) {
		item->again = true;
		return 0;
	}
	forget(item);
	err = put_in(agenda, item);
	return err ? err : wake_keeper(agenda, item);
}

int agenda_now(struct agenda *agenda, struct agenda_item *item)
{
	return agenda_at(agenda, item, now_of(agenda), 0);
}

int64_t agenda_due(const struct agenda_item *item)
{
	return item->place != 0 || item->ready || item->again ? item->due
							      : INT64_MAX;
}

void agenda_drop(struct agenda_item *item)
{
	item->again = false;
	forget(item);
}
