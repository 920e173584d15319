// SPDX-License-Identifier: MIT
#include "app/agenda.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/rt.h"
#include "runtime/scope.h"
#include "runtime/task.h"

struct agenda {
	struct rt *rt;
	struct scope scope; /* of everything here */
	struct cond changed;
	bool keeper_lives;
	bool keeper_asleep;
	int64_t keeper_until;		 /* when it wakes, while it is asleep */
	uint32_t running, running_later; /* those of AGENDA_LATER among them */
	uint64_t turns;

	/* Those that wait, in no order: there are few wake-ups, and each looks
	 * at all of them. */
	struct agenda_item **items;
	struct agenda_item **due; /* room to sort as many */
	uint32_t count, cap;
};

struct agenda *agenda_new(struct rt *rt)
{
	struct agenda *agenda = calloc(1, sizeof(*agenda));

	if (!agenda)
		return NULL;
	agenda->rt = rt;
	cond_init(rt, &agenda->changed);
	scope_open(rt, &agenda->scope, DEADLINE_NEVER);
	return agenda;
}

void agenda_free(struct agenda *agenda)
{
	if (!agenda)
		return;
	scope_close(&agenda->scope);
	for (uint32_t i = 0; i < agenda->count; i++)
		agenda->items[i]->place = 0;
	free(agenda->items);
	free(agenda->due);
	free(agenda);
}

static int64_t now_of(const struct agenda *agenda)
{
	return clock_now(agenda->rt, CLOCK_ID_BOOTTIME);
}

static void take_out(struct agenda_item *item)
{
	struct agenda *agenda = item->agenda;
	struct agenda_item *last = agenda->items[--agenda->count];

	agenda->items[item->place - 1] = last;
	last->place = item->place;
	item->place = 0;
}

static int put_in(struct agenda *agenda, struct agenda_item *item)
{
	/* One that runs keeps its place: it must not be lost. */
	if (agenda->count + agenda->running >= agenda->cap) {
		uint32_t cap = agenda->cap ? 2 * agenda->cap : 8;
		struct agenda_item **items =
			realloc(agenda->items, cap * sizeof(*items));

		if (!items)
			return -ENOMEM;
		agenda->items = items;
		items = realloc(agenda->due, cap * sizeof(*items));
		if (!items)
			return -ENOMEM;
		agenda->due = items;
		agenda->cap = cap;
	}
	agenda->items[agenda->count++] = item;
	item->turn = agenda->turns++;
	item->place = agenda->count;
	item->agenda = agenda;
	return 0;
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

/* By who goes first. */
static int by_turn(const void *a, const void *b)
{
	const struct agenda_item *one = *(struct agenda_item *const *)a;
	const struct agenda_item *other = *(struct agenda_item *const *)b;

	if (one->class != other->class)
		return one->class < other->class ? -1 : 1;
	if (one->due != other->due)
		return one->due < other->due ? -1 : 1;
	return one->turn < other->turn ? -1 : 1;
}

/* Moves what is due to the end of the items, in order with the first last: how
 * many there are. */
static uint32_t gather_due(struct agenda *agenda)
{
	int64_t now = now_of(agenda);
	uint32_t left = 0, due = 0;

	for (uint32_t i = 0; i < agenda->count; i++) {
		struct agenda_item *item = agenda->items[i];

		if (item->due <= now) {
			agenda->due[due++] = item;
			continue;
		}
		agenda->items[left++] = item;
		item->place = left;
	}
	qsort(agenda->due, due, sizeof(*agenda->due), by_turn);
	for (uint32_t i = due; i > 0; i--) {
		agenda->items[left++] = agenda->due[i - 1];
		agenda->due[i - 1]->place = left;
	}
	return due;
}

/* Starts what is due, as far as there is room. False: out of memory. */
static bool start_due(struct agenda *agenda)
{
	uint32_t due = has_room(agenda, AGENDA_FIRST) ? gather_due(agenda) : 0;

	for (; due > 0; due--) {
		struct agenda_item *item = agenda->items[agenda->count - 1];

		if (!has_room(agenda, item->class))
			break;
		take_out(item);
		count_in(item);
		if (task_spawn(&agenda->scope, item->name, TASK_STACK_NORMAL,
			       run_item, item) == 0)
			continue;
		count_out(item);
		put_in(agenda, item); /* its place is still there */
		return false;
	}
	return true;
}

/* The item whose slack is used up first, among those that could run; NULL when
 * there is none. */
static const struct agenda_item *most_urgent(const struct agenda *agenda)
{
	const struct agenda_item *first = NULL;

	for (uint32_t i = 0; i < agenda->count; i++) {
		const struct agenda_item *item = agenda->items[i];

		if (has_room(agenda, item->class) &&
		    (!first || item->latest < first->latest))
			first = item;
	}
	return first;
}

/* Until then the keeper sleeps; a process that is awake anyway between `due`
 * and `latest` does not wait for the latter. */
static struct deadline wake_time(struct agenda *agenda)
{
	const struct agenda_item *first = most_urgent(agenda);
	int64_t slack;

	agenda->keeper_until = first ? first->latest : INT64_MAX;
	if (!first)
		return DEADLINE_NEVER;
	slack = (first->latest - first->due) / CLOCK_NS_PER_MS;
	return deadline_cadence(first->due, (uint32_t)slack);
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
	int err = 0;

	item->due = due;
	if (__builtin_add_overflow(due, slack_ms * CLOCK_NS_PER_MS,
				   &item->latest))
		item->latest = INT64_MAX;
	item->agenda = agenda;
	if (item->running) {
		item->again = true;
		return 0;
	}
	if (item->place == 0)
		err = put_in(agenda, item);
	return err ? err : wake_keeper(agenda, item);
}

int agenda_now(struct agenda *agenda, struct agenda_item *item)
{
	return agenda_at(agenda, item, now_of(agenda), 0);
}

int64_t agenda_due(const struct agenda_item *item)
{
	return item->place != 0 || item->again ? item->due : INT64_MAX;
}

void agenda_drop(struct agenda_item *item)
{
	item->again = false;
	if (item->place != 0)
		take_out(item);
}
