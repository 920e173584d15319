// SPDX-License-Identifier: MIT
#include "tests/sim/rt_worlds.h"

#include <errno.h>
#include <unistd.h>

#include "runtime/chan.h"
#include "runtime/event.h"
#include "runtime/io.h"
#include "runtime/scope.h"

struct probe {
	int result; /* of the parking call */
	int again;  /* of the next one */
	int fd;
	int ended; /* order of ending */
	struct event *event;
	struct chan *chan;
	int *clock;
};

static void end(struct rt *rt, struct probe *probe)
{
	probe->again = task_sleep(rt, DEADLINE_NEVER);
	if (probe->clock)
		probe->ended = ++*probe->clock;
}

static void sleeper(struct rt *rt, void *arg)
{
	struct probe *probe = arg;

	probe->result = task_sleep(rt, DEADLINE_NEVER);
	end(rt, probe);
}

static void receiver(struct rt *rt, void *arg)
{
	struct probe *probe = arg;
	char byte;

	probe->result = (int)io_read(rt, probe->fd, &byte, 1, DEADLINE_NEVER);
	end(rt, probe);
}

static void waiter(struct rt *rt, void *arg)
{
	struct probe *probe = arg;

	probe->result = event_wait(probe->event, DEADLINE_NEVER);
	end(rt, probe);
}

static void taker(struct rt *rt, void *arg)
{
	struct probe *probe = arg;
	int value;

	probe->result = chan_recv(probe->chan, &value, DEADLINE_NEVER);
	end(rt, probe);
}

static void make_pipe(struct rt *rt, int ends[2])
{
	ends[0] = ends[1] = -1;
	if (!rt_simulated())
		assert_int_equal(pipe(ends), 0);
	else
		sim_pipe(sim_process_of(rt), &ends[0], sim_process_of(rt),
			 &ends[1], 4096);
}

/* Whatever a task is parked in, cancelling its scope ends it, and everything
 * it tries to park in afterwards ends at once. */
static void everywhere(struct rt *rt, struct deadline deadline, int reason)
{
	struct probe probes[4] = { 0 };
	struct event event;
	struct scope scope;
	int pair[2];

	make_pipe(rt, pair);
	event_init(rt, &event);
	probes[1].fd = pair[0];
	probes[2].event = &event;
	probes[3].chan = chan_new(rt, sizeof(int), 0);
	scope_open(rt, &scope, deadline);
	task_spawn(&scope, "sleep", TASK_STACK_SMALL, sleeper, &probes[0]);
	task_spawn(&scope, "recv", TASK_STACK_SMALL, receiver, &probes[1]);
	task_spawn(&scope, "event", TASK_STACK_SMALL, waiter, &probes[2]);
	task_spawn(&scope, "chan", TASK_STACK_SMALL, taker, &probes[3]);
	rt_settle(rt);
	if (deadline_is_never(deadline))
		scope_cancel(&scope, reason);
	assert_int_equal(scope_join(&scope), reason);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(probes[i].result, reason);
		assert_int_equal(probes[i].again, reason);
	}
	chan_free(probes[3].chan);
	io_close(rt, pair[0]);
	io_close(rt, pair[1]);
}

static void cancelling_reaches_everything(struct rt *rt)
{
	everywhere(rt, DEADLINE_NEVER, -ECANCELED);
}
RT_WORLDS_TEST(cancelling_reaches_everything)

static void a_deadline_cancels_with_its_own_reason(struct rt *rt)
{
	everywhere(rt, deadline_in_ms(rt, 5), -ETIMEDOUT);
}
RT_WORLDS_TEST(a_deadline_cancels_with_its_own_reason)

static void a_cancelled_scope_takes_no_tasks(struct rt *rt)
{
	struct probe probe = { 0 };
	struct scope scope;

	scope_open(rt, &scope, DEADLINE_NEVER);
	scope_cancel(&scope, -ECANCELED);
	assert_int_equal(
		task_spawn(&scope, "late", TASK_STACK_SMALL, sleeper, &probe),
		-ECANCELED);
	scope_close(&scope);
}
RT_WORLDS_TEST(a_cancelled_scope_takes_no_tasks)

/* A task cancelled before it first runs still runs, and sees it. */
static void a_task_cancelled_before_it_ran_sees_it(struct rt *rt)
{
	struct probe probe = { 0 };
	struct scope scope;

	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "early", TASK_STACK_SMALL, sleeper, &probe);
	scope_close(&scope);
	assert_int_equal(probe.result, -ECANCELED);
}
RT_WORLDS_TEST(a_task_cancelled_before_it_ran_sees_it)

static void family(struct rt *rt, void *arg)
{
	struct probe *parent = arg;
	struct probe child = { .clock = parent->clock };
	struct scope scope;

	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "child", TASK_STACK_SMALL, sleeper, &child);
	parent->result = scope_join(&scope);
	assert_int_equal(child.result, -ECANCELED);
	parent->ended = ++*parent->clock;
	assert_true(child.ended < parent->ended);
}

/* Cancelling a task that joins its children cancels them, and it still ends
 * after them. */
static void cancelling_goes_down_the_tree(struct rt *rt)
{
	int clock = 0;
	struct probe parent = { .clock = &clock };
	struct scope scope;

	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "parent", TASK_STACK_SMALL, family, &parent);
	rt_settle(rt);
	scope_close(&scope);
	assert_int_equal(parent.result, -ECANCELED);
	assert_int_equal(clock, 2);
}
RT_WORLDS_TEST(cancelling_goes_down_the_tree)

static void waiting_for_a_scope_can_time_out(struct rt *rt)
{
	struct probe probe = { 0 };
	struct scope scope;

	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "sleep", TASK_STACK_SMALL, sleeper, &probe);
	assert_int_equal(scope_wait(&scope, deadline_in_ms(rt, 2)), -ETIMEDOUT);
	assert_int_equal(scope.count, 1);
	scope_close(&scope);
	assert_int_equal(scope.count, 0);
}
RT_WORLDS_TEST(waiting_for_a_scope_can_time_out)

/* The first reason stays. */
static void the_first_reason_stays(struct rt *rt)
{
	struct probe probe = { 0 };
	struct scope scope;

	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "sleep", TASK_STACK_SMALL, sleeper, &probe);
	rt_settle(rt);
	scope_cancel(&scope, -ETIMEDOUT);
	scope_cancel(&scope, -ECANCELED);
	assert_int_equal(scope_join(&scope), -ETIMEDOUT);
	assert_int_equal(probe.result, -ETIMEDOUT);
}
RT_WORLDS_TEST(the_first_reason_stays)

struct late {
	struct scope *scope;
	struct cond *go;
	bool done;
};

static void late_child(struct rt *rt, void *arg)
{
	struct late *late = arg;

	task_sleep(rt, deadline_in_ms(rt, 2));
	late->done = true;
}

static void spawns_last(struct rt *rt, void *arg)
{
	struct late *late = arg;

	(void)rt;
	cond_wait(late->go, DEADLINE_NEVER);
	/* The scope has just become empty, its owner has not run yet. */
	task_spawn(late->scope, "late", TASK_STACK_SMALL, late_child, late);
}

static void lets_go(struct rt *rt, void *arg)
{
	(void)rt;
	cond_signal(arg);
}

/* Who joins is woken by an empty scope, but returns only from one that is
 * empty when it looks. */
static void joining_leaves_no_task_behind(struct rt *rt)
{
	struct scope scope, other;
	struct cond go;
	struct late late = { .scope = &scope, .go = &go };

	cond_init(rt, &go);
	scope_open(rt, &scope, DEADLINE_NEVER);
	scope_open(rt, &other, DEADLINE_NEVER);
	task_spawn(&other, "spawner", TASK_STACK_SMALL, spawns_last, &late);
	rt_settle(rt);
	task_spawn(&scope, "last", TASK_STACK_SMALL, lets_go, &go);
	assert_int_equal(scope_join(&scope), 0);
	assert_true(late.done);
	assert_int_equal(scope.count, 0);
	scope_close(&other);
}
RT_ORDER_TEST(joining_leaves_no_task_behind)

static void open_late(struct rt *rt, void *arg)
{
	int *fd = arg;

	*fd = io_openat(rt, -100, "/dev/null", 0, 0, DEADLINE_NEVER);
}

/* A descriptor that a cancelled call still produced does not leak. */
static void a_cancelled_open_leaks_nothing(struct rt *rt)
{
	struct scope scope;
	int before = dup(0);
	int fd = -1;

	close(before);
	for (int i = 0; i < 50; i++) {
		scope_open(rt, &scope, DEADLINE_NEVER);
		task_spawn(&scope, "open", TASK_STACK_SMALL, open_late, &fd);
		task_yield(rt);
		scope_close(&scope);
		assert_int_equal(fd, -ECANCELED);
	}
	int after = dup(0);
	close(after);
	assert_int_equal(after, before);
}
RT_TEST(a_cancelled_open_leaks_nothing)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cancelling_reaches_everything),
		cmocka_unit_test(test_a_deadline_cancels_with_its_own_reason),
		cmocka_unit_test(test_a_cancelled_scope_takes_no_tasks),
		cmocka_unit_test(test_a_task_cancelled_before_it_ran_sees_it),
		cmocka_unit_test(test_cancelling_goes_down_the_tree),
		cmocka_unit_test(test_waiting_for_a_scope_can_time_out),
		cmocka_unit_test(test_the_first_reason_stays),
		cmocka_unit_test(test_joining_leaves_no_task_behind),
		cmocka_unit_test(test_a_cancelled_open_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
