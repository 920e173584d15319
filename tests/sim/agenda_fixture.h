// SPDX-License-Identifier: MIT
/*
 * agenda_fixture - an agenda in a simulated world, where it is known to the
 * nanosecond when something runs, and jobs that note it.
 *
 *	static void it_works(struct hall *h) { ... }
 *	AGENDA_TEST(it_works)
 */
#ifndef TESTS_SIM_AGENDA_FIXTURE_H
#define TESTS_SIM_AGENDA_FIXTURE_H

#include "tests/sim/sim_fixture.h"

#include "app/agenda.h"
#include "runtime/event.h"

struct hall;

struct job {
	struct agenda_item item; /* first: the item is the job */
	struct hall *hall;
	struct event *gate; /* it stays until this is set; NULL: it does not */
	int runs;
	int64_t ran_at; /* ms since the hall was opened */
	int order;	/* among all */
};

/* An agenda, and those that take all the room in it. */
struct hall {
	struct rt *rt;
	struct agenda *agenda;
	int64_t opened; /* BOOTTIME */
	int order;
	struct event gate;
	struct job takers[AGENDA_RUNNING_MAX];
	uint32_t taken;
	uint64_t seed;
	void (*body)(struct hall *h);
};

/* Whole milliseconds: a turn takes less than one. */
static inline int64_t hall_ms(const struct hall *h)
{
	return (clock_now(h->rt, CLOCK_ID_BOOTTIME) - h->opened) /
	       CLOCK_NS_PER_MS;
}

static inline void job_run(struct agenda_item *item)
{
	struct job *job = (struct job *)item;

	job->ran_at = hall_ms(job->hall);
	job->order = ++job->hall->order;
	if (job->gate)
		(void)event_wait(job->gate, DEADLINE_NEVER);
	job->runs++;
}

static inline struct job job_of(struct hall *h, enum agenda_class class)
{
	return (struct job){
		.item = { .run = job_run, .name = "job", .class = class },
		.hall = h
	};
}

static inline void job_at(struct job *job, int64_t ms, uint32_t slack_ms)
{
	struct hall *h = job->hall;

	CHECK_EQ(agenda_at(h->agenda, &job->item,
			   h->opened + ms * CLOCK_NS_PER_MS, slack_ms),
		 0);
}

static inline void hall_wait(struct hall *h, uint32_t ms)
{
	CHECK_EQ(task_sleep(h->rt, deadline_in_ms(h->rt, ms)), 0);
}

/* Has `count` of a class run until hall_open_gate. */
static inline void hall_take(struct hall *h, enum agenda_class class,
			     uint32_t count)
{
	for (; count > 0; count--) {
		struct job *taker = &h->takers[h->taken++];

		*taker = job_of(h, class);
		taker->gate = &h->gate;
		CHECK_EQ(agenda_now(h->agenda, &taker->item), 0);
	}
	hall_wait(h, 1);
	for (uint32_t i = 0; i < h->taken; i++)
		CHECK(h->takers[i].order > 0 && h->takers[i].runs == 0);
}

static inline void hall_open_gate(struct hall *h)
{
	event_set(&h->gate);
	hall_wait(h, 1);
}

static inline int hall_main(struct rt *rt, void *arg)
{
	struct hall *h = arg;

	h->rt = rt;
	h->agenda = agenda_new(rt);
	h->opened = clock_now(rt, CLOCK_ID_BOOTTIME);
	event_init(rt, &h->gate);
	h->body(h);
	agenda_free(h->agenda);
	return 0;
}

/* With so many tasks at once, 0: as many as there are otherwise. */
static inline void hall_in_small_world(void (*body)(struct hall *h),
				       uint64_t seed, uint32_t max_tasks)
{
	struct hall *h = calloc(1, sizeof(*h));
	struct stage s;

	assert_non_null(h);
	h->body = body;
	h->seed = seed;
	stage_open(&s, seed);
	s.running++;
	sim_process_start(s.a, &(struct sim_program){ .name = "agenda",
						      .main = hall_main,
						      .arg = h,
						      .ended = stage_ended,
						      .max_tasks = max_tasks });
	stage_run(&s);
	stage_close(&s);
	free(h);
}

static inline void hall_in_world(void (*body)(struct hall *h), uint64_t seed)
{
	hall_in_small_world(body, seed, 0);
}

#define AGENDA_TEST(fn)                                                        \
	static void test_##fn(void **state)                                    \
	{                                                                      \
		(void)state;                                                   \
		check_failures = 0;                                            \
		hall_in_world(fn, 1);                                          \
		assert_int_equal(check_failures, 0);                           \
	}

#endif
