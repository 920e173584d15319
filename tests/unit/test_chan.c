// SPDX-License-Identifier: MIT
#include "tests/sim/rt_worlds.h"

#include <errno.h>
#include <string.h>

#include "runtime/chan.h"
#include "runtime/event.h"
#include "runtime/scope.h"

struct end {
	struct chan *chan;
	int from, count; /* values to send */
	int got[64], len;
	int result;
	int *turn;
};

static void send_some(struct rt *rt, void *arg)
{
	struct end *end = arg;

	(void)rt;
	for (int i = 0; i < end->count && end->result == 0; i++) {
		int value = end->from + i;
		end->result = chan_send(end->chan, &value, DEADLINE_NEVER);
	}
}

static void recv_all(struct rt *rt, void *arg)
{
	struct end *end = arg;
	int value;

	(void)rt;
	while ((end->result = chan_recv(end->chan, &value, DEADLINE_NEVER)) ==
	       0)
		end->got[end->len++] = value;
}

static void stream(struct rt *rt, uint32_t capacity)
{
	struct chan *chan = chan_new(rt, sizeof(int), capacity);
	struct end sender = { .chan = chan, .from = 100, .count = 50 };
	struct end receiver = { .chan = chan };
	struct scope scope;

	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "receiver", TASK_STACK_SMALL, recv_all, &receiver);
	task_spawn(&scope, "sender", TASK_STACK_SMALL, send_some, &sender);
	while (receiver.len < 50)
		task_yield(rt);
	chan_close(chan);
	assert_int_equal(scope_join(&scope), 0);
	assert_int_equal(sender.result, 0);
	assert_int_equal(receiver.result, -EPIPE);
	for (int i = 0; i < 50; i++)
		assert_int_equal(receiver.got[i], 100 + i);
	chan_free(chan);
}

static void values_arrive_in_order(struct rt *rt)
{
	stream(rt, 0);
	stream(rt, 1);
	stream(rt, 7);
	stream(rt, 64);
}
RT_WORLDS_TEST(values_arrive_in_order)

static void a_full_channel_holds_senders_back(struct rt *rt)
{
	struct chan *chan = chan_new(rt, sizeof(int), 2);
	struct end sender = { .chan = chan, .from = 0, .count = 5 };
	struct scope scope;
	int value = 9;

	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "sender", TASK_STACK_SMALL, send_some, &sender);
	rt_settle(rt);
	assert_int_equal(chan_len(chan), 2);
	assert_int_equal(chan_send(chan, &value, DEADLINE_NOW), -ETIMEDOUT);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(chan_recv(chan, &value, DEADLINE_NEVER), 0);
		assert_int_equal(value, i);
	}
	assert_int_equal(chan_recv(chan, &value, DEADLINE_NOW), -ETIMEDOUT);
	scope_join(&scope);
	chan_free(chan);
}
RT_WORLDS_TEST(a_full_channel_holds_senders_back)

static void recv_one(struct rt *rt, void *arg)
{
	struct end *end = arg;

	(void)rt;
	end->result = chan_recv(end->chan, &end->got[0], DEADLINE_NEVER);
	end->len = ++*end->turn;
}

static void receivers_are_served_in_the_order_they_came(struct rt *rt)
{
	struct chan *chan = chan_new(rt, sizeof(int), 0);
	struct end ends[5];
	struct scope scope;
	int turn = 0;

	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < 5; i++) {
		ends[i] = (struct end){ .chan = chan, .turn = &turn };
		task_spawn(&scope, "receiver", TASK_STACK_SMALL, recv_one,
			   &ends[i]);
		rt_settle(rt);
	}
	for (int i = 0; i < 5; i++)
		assert_int_equal(chan_send(chan, &i, DEADLINE_NEVER), 0);
	scope_join(&scope);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ends[i].got[0], i);
		if (rt_in_order(rt))
			assert_int_equal(ends[i].len, i + 1);
	}
	chan_free(chan);
}
RT_WORLDS_TEST(receivers_are_served_in_the_order_they_came)

/* Each waits with one value, the first ones in the buffer if there is one. */
static void senders_stand_in_line(struct rt *rt, uint32_t capacity)
{
	struct chan *chan = chan_new(rt, sizeof(int), capacity);
	struct end ends[5];
	struct scope scope;
	int value;

	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < 5; i++) {
		ends[i] = (struct end){ .chan = chan, .from = i, .count = 1 };
		task_spawn(&scope, "sender", TASK_STACK_SMALL, send_some,
			   &ends[i]);
		rt_settle(rt);
	}
	for (int i = 0; i < 5; i++) {
		assert_int_equal(chan_recv(chan, &value, DEADLINE_NEVER), 0);
		assert_int_equal(value, i);
	}
	scope_join(&scope);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ends[i].result, 0);
	chan_free(chan);
}

static void senders_are_heard_in_the_order_they_came(struct rt *rt)
{
	senders_stand_in_line(rt, 0);
	senders_stand_in_line(rt, 2);
}
RT_WORLDS_TEST(senders_are_heard_in_the_order_they_came)

/* A receiver that gave up takes nothing with it. */
static void a_timed_out_receiver_loses_no_value(struct rt *rt)
{
	struct chan *chan = chan_new(rt, sizeof(int), 1);
	int value = 0;

	assert_int_equal(chan_recv(chan, &value, deadline_in_ms(rt, 1)),
			 -ETIMEDOUT);
	value = 7;
	assert_int_equal(chan_send(chan, &value, DEADLINE_NEVER), 0);
	value = 0;
	assert_int_equal(chan_recv(chan, &value, DEADLINE_NEVER), 0);
	assert_int_equal(value, 7);
	chan_free(chan);
}
RT_WORLDS_TEST(a_timed_out_receiver_loses_no_value)

static void closing_lets_receivers_drain(struct rt *rt)
{
	struct chan *chan = chan_new(rt, sizeof(int), 4);
	struct end blocked = { .chan = chan, .from = 2, .count = 9 };
	struct scope scope;
	int value = 0;

	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "blocked", TASK_STACK_SMALL, send_some, &blocked);
	rt_settle(rt);
	chan_close(chan);
	chan_close(chan);
	assert_int_equal(chan_send(chan, &value, DEADLINE_NEVER), -EPIPE);
	for (int i = 2; i < 6; i++) {
		assert_int_equal(chan_recv(chan, &value, DEADLINE_NEVER), 0);
		assert_int_equal(value, i);
	}
	assert_int_equal(chan_recv(chan, &value, DEADLINE_NEVER), -EPIPE);
	scope_join(&scope);
	assert_int_equal(blocked.result, -EPIPE);
	chan_free(chan);
}
RT_WORLDS_TEST(closing_lets_receivers_drain)

static void wide_values_and_bad_sizes(struct rt *rt)
{
	char in[CHAN_VALUE_MAX], out[CHAN_VALUE_MAX];
	struct chan *chan = chan_new(rt, sizeof(in), 2);

	assert_null(chan_new(rt, 0, 1));
	assert_null(chan_new(rt, CHAN_VALUE_MAX + 1, 1));
	memset(in, 'x', sizeof(in));
	assert_int_equal(chan_send(chan, in, DEADLINE_NEVER), 0);
	assert_int_equal(chan_recv(chan, out, DEADLINE_NEVER), 0);
	assert_memory_equal(in, out, sizeof(in));
	chan_free(chan);
}
RT_WORLDS_TEST(wide_values_and_bad_sizes)

struct count {
	struct event event;
	struct cond cond;
	int woken;
};

static void await_event(struct rt *rt, void *arg)
{
	struct count *count = arg;

	(void)rt;
	if (event_wait(&count->event, DEADLINE_NEVER) == 0)
		count->woken++;
}

static void await_cond(struct rt *rt, void *arg)
{
	struct count *count = arg;

	(void)rt;
	if (cond_wait(&count->cond, DEADLINE_NEVER) == 0)
		count->woken++;
}

static void events_stay_set(struct rt *rt)
{
	struct count count = { .woken = 0 };
	struct scope scope;

	event_init(rt, &count.event);
	assert_int_equal(event_wait(&count.event, DEADLINE_NOW), -ETIMEDOUT);
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < 3; i++)
		task_spawn(&scope, "w", TASK_STACK_SMALL, await_event, &count);
	rt_settle(rt);
	event_set(&count.event);
	scope_join(&scope);
	assert_int_equal(count.woken, 3);
	assert_int_equal(event_wait(&count.event, DEADLINE_NEVER), 0);
	event_clear(&count.event);
	assert_int_equal(event_wait(&count.event, deadline_in_ms(rt, 1)),
			 -ETIMEDOUT);
}
RT_WORLDS_TEST(events_stay_set)

static void conditions_wake_one_or_all(struct rt *rt)
{
	struct count count = { .woken = 0 };
	struct scope scope;

	cond_init(rt, &count.cond);
	cond_signal(&count.cond); /* has no memory */
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < 4; i++)
		task_spawn(&scope, "w", TASK_STACK_SMALL, await_cond, &count);
	rt_settle(rt);
	cond_signal(&count.cond);
	rt_settle(rt);
	assert_int_equal(count.woken, 1);
	cond_broadcast(&count.cond);
	scope_join(&scope);
	assert_int_equal(count.woken, 4);
}
RT_WORLDS_TEST(conditions_wake_one_or_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_arrive_in_order),
		cmocka_unit_test(test_a_full_channel_holds_senders_back),
		cmocka_unit_test(
			test_receivers_are_served_in_the_order_they_came),
		cmocka_unit_test(test_senders_are_heard_in_the_order_they_came),
		cmocka_unit_test(test_a_timed_out_receiver_loses_no_value),
		cmocka_unit_test(test_closing_lets_receivers_drain),
		cmocka_unit_test(test_wide_values_and_bad_sizes),
		cmocka_unit_test(test_events_stay_set),
		cmocka_unit_test(test_conditions_wake_one_or_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
