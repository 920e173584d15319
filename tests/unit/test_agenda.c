// SPDX-License-Identifier: MIT
/* What is due is run, together where that is possible, and in order. */
#include "tests/unit/net_fixture.h"

#include <string.h>

#include "app/agenda.h"

#define MANY 400

struct job {
	struct agenda_item item; /* first: the item is the job */
	struct rt *rt;
	uint64_t runs;
	int64_t ran_at;
	int order; /* among all */
	uint32_t sleep_ms;
	bool once_more; /* asks for itself while it runs */
};

static int order;
static uint32_t at_once, most_at_once;

static void run_job(struct agenda_item *item)
{
	struct job *job = (struct job *)item;

	job->ran_at = clock_now(job->rt, CLOCK_ID_BOOTTIME);
	job->order = ++order;
	at_once++;
	if (at_once > most_at_once)
		most_at_once = at_once;
	if (job->sleep_ms > 0)
		task_sleep(job->rt, deadline_in_ms(job->rt, job->sleep_ms));
	at_once--;
	job->runs++;
	if (job->once_more) {
		job->once_more = false;
		CHECK_EQ(agenda_now(item->agenda, item), 0);
	}
}

static struct job job_of(struct rt *rt)
{
	return (struct job){ .item = { .run = run_job,
				       .name = "job",
				       .class = AGENDA_LATER },
			     .rt = rt };
}

static int64_t in_ms(struct rt *rt, int64_t ms)
{
	return clock_now(rt, CLOCK_ID_BOOTTIME) + ms * CLOCK_NS_PER_MS;
}

static int when_due(struct rt *rt, void *arg)
{
	struct agenda *agenda = agenda_new(rt);
	struct job late = job_of(rt), soon = job_of(rt), past = job_of(rt);
	int64_t due = in_ms(rt, 30);

	(void)arg;
	CHECK_EQ(agenda_due(&late.item), INT64_MAX);
	CHECK_EQ(agenda_at(agenda, &late.item, in_ms(rt, 60000), 0), 0);
	CHECK_EQ(agenda_at(agenda, &soon.item, due, 0), 0);
	CHECK_EQ(agenda_at(agenda, &past.item, 1, 0), 0);
	CHECK(until(rt, &past.runs, 1));
	CHECK_EQ(soon.runs, 0);
	CHECK_EQ(agenda_due(&soon.item), due);
	CHECK(until(rt, &soon.runs, 1));
	CHECK(soon.ran_at >= due);
	CHECK_EQ(agenda_due(&soon.item), INT64_MAX);
	CHECK_EQ(late.runs, 0);
	/* Moved forward, while the keeper sleeps for longer. */
	CHECK_EQ(agenda_at(agenda, &late.item, in_ms(rt, 5), 0), 0);
	CHECK(until(rt, &late.runs, 1));
	agenda_free(agenda);
	return 0;
}

/* One wake-up serves all whose slack allows it. */
static int together(struct rt *rt, void *arg)
{
	struct agenda *agenda = agenda_new(rt);
	struct job a = job_of(rt), b = job_of(rt), c = job_of(rt);
	int64_t due = in_ms(rt, 20);

	(void)arg;
	CHECK_EQ(agenda_at(agenda, &a.item, due, 10000), 0);
	CHECK_EQ(agenda_at(agenda, &b.item, due + 1, 40), 0);
	CHECK_EQ(agenda_at(agenda, &c.item, due + 60000 * CLOCK_NS_PER_MS, 0),
		 0);
	CHECK(until(rt, &b.runs, 1));
	CHECK(until(rt, &a.runs, 1));
	CHECK_EQ(a.ran_at, b.ran_at);	/* the same turn's clock */
	CHECK_EQ(a.order + 1, b.order); /* due first, run first */
	CHECK_EQ(c.runs, 0);
	agenda_free(agenda);
	return 0;
}

static int asked_for_while_it_runs(struct rt *rt, void *arg)
{
	struct agenda *agenda = agenda_new(rt);
	struct job job = job_of(rt);

	(void)arg;
	job.sleep_ms = 5;
	job.once_more = true;
	CHECK_EQ(agenda_now(agenda, &job.item), 0);
	CHECK(until(rt, &job.runs, 2));
	CHECK_EQ(task_sleep(rt, deadline_in_ms(rt, 20)), 0);
	CHECK_EQ(job.runs, 2);
	/* From outside, and taken back. */
	CHECK_EQ(agenda_now(agenda, &job.item), 0);
	CHECK_EQ(task_sleep(rt, deadline_in_ms(rt, 1)), 0);
	CHECK_EQ(agenda_now(agenda, &job.item), 0);
	CHECK(agenda_due(&job.item) != INT64_MAX);
	agenda_drop(&job.item);
	CHECK(until(rt, &job.runs, 3));
	CHECK_EQ(task_sleep(rt, deadline_in_ms(rt, 20)), 0);
	CHECK_EQ(job.runs, 3);
	CHECK_EQ(agenda_at(agenda, &job.item, in_ms(rt, 5), 0), 0);
	agenda_drop(&job.item);
	CHECK_EQ(task_sleep(rt, deadline_in_ms(rt, 20)), 0);
	CHECK_EQ(job.runs, 3);
	agenda_free(agenda);
	return 0;
}

static int bounded(struct rt *rt, void *arg)
{
	static struct job jobs[MANY];
	static struct job first;
	struct agenda *agenda = agenda_new(rt);
	int after = 0;

	(void)arg;
	at_once = most_at_once = 0;
	first = job_of(rt);
	first.item.class = AGENDA_FIRST;
	for (int i = 0; i < MANY; i++) {
		jobs[i] = job_of(rt);
		jobs[i].sleep_ms = 10;
		CHECK_EQ(agenda_at(agenda, &jobs[i].item, i + 1, 0), 0);
	}
	CHECK_EQ(task_sleep(rt, deadline_in_ms(rt, 1)), 0);
	CHECK_EQ(agenda_now(agenda, &first.item), 0);
	for (int i = 0; i < MANY; i++)
		CHECK(until(rt, &jobs[i].runs, 1));
	/* And perhaps `first` beside them. */
	CHECK(most_at_once >= AGENDA_LATER_MAX);
	CHECK(most_at_once <= AGENDA_LATER_MAX + 1);
	CHECK_EQ(first.runs, 1);
	/* It came last and did not wait for all. */
	for (int i = 0; i < MANY; i++) {
		CHECK(i == 0 || jobs[i].order > jobs[i - 1].order);
		after += jobs[i].order > first.order;
	}
	CHECK(after >= MANY - 2 * (int)AGENDA_LATER_MAX);
	agenda_free(agenda);
	return 0;
}

/* However many of those that may wait do not come to an end. */
static int slow_ones_hold_up_nobody(struct rt *rt, void *arg)
{
	struct agenda *agenda = agenda_new(rt);
	static struct job slow[MANY];
	struct job first = job_of(rt);

	(void)arg;
	first.item.class = AGENDA_FIRST;
	for (int i = 0; i < MANY; i++) {
		slow[i] = job_of(rt);
		slow[i].sleep_ms = 3600000;
		CHECK_EQ(agenda_now(agenda, &slow[i].item), 0);
	}
	for (uint64_t i = 1; i <= 3; i++) {
		CHECK_EQ(agenda_at(agenda, &first.item, in_ms(rt, 2), 0), 0);
		CHECK(until(rt, &first.runs, i));
	}
	CHECK_EQ(slow[MANY - 1].order, 0);
	agenda_free(agenda);
	return 0;
}

/* What runs is cancelled and waited for. */
static int freed_early(struct rt *rt, void *arg)
{
	struct agenda *agenda = agenda_new(rt);
	struct job runs = job_of(rt), waits = job_of(rt);

	(void)arg;
	runs.sleep_ms = 600000;
	runs.once_more = true;
	CHECK_EQ(agenda_now(agenda, &runs.item), 0);
	CHECK_EQ(agenda_at(agenda, &waits.item, in_ms(rt, 60000), 0), 0);
	CHECK_EQ(task_sleep(rt, deadline_in_ms(rt, 5)), 0);
	agenda_free(agenda);
	CHECK_EQ(runs.runs, 1);
	CHECK_EQ(waits.runs, 0);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(when_due)
TEST(together)
TEST(asked_for_while_it_runs)
TEST(bounded)
TEST(slow_ones_hold_up_nobody)
TEST(freed_early)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_when_due),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_asked_for_while_it_runs),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_slow_ones_hold_up_nobody),
		cmocka_unit_test(test_freed_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
