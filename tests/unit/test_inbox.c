// SPDX-License-Identifier: MIT
/* inbox: order, duplicates, popping, back-pressure, waiters, announcing. */
#include "tests/unit/net_fixture.h"

#include <stdlib.h>

#include "app/inbox.h"
#include "proto/activity.h"

static struct activity_message message(const char *id)
{
	return (struct activity_message){ .activity_id = id,
					  .text = "text",
					  .peer_id = "",
					  .kind = "canvas_user",
					  .method = "message/send",
					  .created_at =
						  "2026-01-01T00:00:00Z" };
}

static int put(struct inbox *inbox, const char *id, struct deadline deadline)
{
	char own[32];
	struct activity_message m;
	int err;

	snprintf(own, sizeof(own), "%s", id);
	m = message(own);
	err = inbox_put(inbox, &m, deadline);
	memset(own, 'x', sizeof(own) - 1); /* it was borrowed */
	return err;
}

static int put_number(struct inbox *inbox, unsigned int n, struct deadline d)
{
	char id[32];

	snprintf(id, sizeof(id), "id-%u", n);
	return put(inbox, id, d);
}

static int pop_number(struct inbox *inbox, unsigned int n)
{
	char id[32];

	snprintf(id, sizeof(id), "id-%u", n);
	return inbox_pop(inbox, id);
}

static bool is(const struct activity_message *m, const char *id)
{
	return m && strcmp(m->activity_id, id) == 0;
}

static int order_body(struct rt *rt, void *arg)
{
	struct inbox *inbox = inbox_new(rt);
	const struct activity_message *m;

	(void)arg;
	CHECK(inbox_first(inbox) == NULL);
	CHECK_EQ(inbox_pop(inbox, "a"), 0);
	CHECK_EQ(put(inbox, "", DEADLINE_NOW), -EINVAL);
	CHECK_EQ(put(inbox, "a", DEADLINE_NOW), 0);
	CHECK_EQ(put(inbox, "b", DEADLINE_NOW), 0);
	CHECK_EQ(put(inbox, "c", DEADLINE_NOW), 0);
	CHECK_EQ(put(inbox, "b", DEADLINE_NOW), -EEXIST);
	CHECK_EQ(inbox_count(inbox), 3);
	m = inbox_first(inbox);
	CHECK(is(m, "a"));
	CHECK(m && strcmp(m->created_at, "2026-01-01T00:00:00Z") == 0);
	CHECK(m && is(m = inbox_next(m), "b"));
	CHECK(m && is(m = inbox_next(m), "c"));
	CHECK(m && inbox_next(m) == NULL);

	CHECK_EQ(inbox_pop(inbox, "c"), 1);
	CHECK_EQ(put(inbox, "d", DEADLINE_NOW), 0);
	CHECK_EQ(inbox_pop(inbox, "b"), 1);
	CHECK_EQ(inbox_pop(inbox, "b"), 0);
	CHECK(is(inbox_first(inbox), "a"));
	CHECK(is(inbox_next(inbox_first(inbox)), "d"));
	CHECK_EQ(inbox_pop(inbox, "a"), 1);
	CHECK_EQ(inbox_pop(inbox, "d"), 1);
	CHECK_EQ(inbox_count(inbox), 0);
	CHECK_EQ(put(inbox, "e", DEADLINE_NOW), 0);
	CHECK(is(inbox_first(inbox), "e"));
	inbox_free(inbox);
	return 0;
}

static void order(void **state)
{
	(void)state;
	in_runtime(order_body, NULL);
}

/* F-5: what was popped does not come back. */
static int popped_body(struct rt *rt, void *arg)
{
	struct inbox *inbox = inbox_new(rt);

	(void)arg;
	for (unsigned int i = 0; i <= INBOX_REMEMBERED; i++) {
		CHECK_EQ(put_number(inbox, i, DEADLINE_NOW), 0);
		CHECK_EQ(pop_number(inbox, i), 1);
		CHECK_EQ(put_number(inbox, i, DEADLINE_NOW), -EEXIST);
	}
	CHECK_EQ(put_number(inbox, 1, DEADLINE_NOW), -EEXIST);
	CHECK_EQ(put_number(inbox, INBOX_REMEMBERED, DEADLINE_NOW), -EEXIST);
	/* The oldest is forgotten: memory is bounded. */
	CHECK_EQ(put_number(inbox, 0, DEADLINE_NOW), 0);
	inbox_free(inbox);
	return 0;
}

static void popped_stays_away(void **state)
{
	(void)state;
	in_runtime(popped_body, NULL);
}

struct sender {
	struct inbox *inbox;
	unsigned int from, to;
	uint64_t sent;
	int err;
};

static void send_all(struct rt *rt, void *arg)
{
	struct sender *sender = arg;

	(void)rt;
	for (unsigned int i = sender->from; i < sender->to; i++) {
		sender->err = put_number(sender->inbox, i, DEADLINE_NEVER);
		if (sender->err)
			return;
		sender->sent++;
	}
}

/* F-4: a full inbox holds the sender up and drops nothing. */
static int full_body(struct rt *rt, void *arg)
{
	struct sender sender = { .inbox = inbox_new(rt),
				 .to = INBOX_CAPACITY + 50 };
	struct inbox *inbox = sender.inbox;
	struct scope scope;

	(void)arg;
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&scope, "sender", TASK_STACK_NORMAL, send_all,
			    &sender),
		 0);
	CHECK(until(rt, &sender.sent, INBOX_CAPACITY));
	for (int i = 0; i < 10; i++)
		task_yield(rt);
	CHECK_EQ(inbox_count(inbox), INBOX_CAPACITY);
	CHECK_EQ(put(inbox, "late", DEADLINE_NOW), -ETIMEDOUT);
	for (unsigned int i = 0; i < INBOX_CAPACITY + 50; i++) {
		CHECK(until(rt, &sender.sent, i + 1));
		CHECK_EQ(pop_number(inbox, i), 1);
	}
	CHECK_EQ(scope_join(&scope), 0);
	CHECK_EQ(sender.err, 0);
	CHECK_EQ(inbox_count(inbox), 0);

	/* And a cancelled sender goes. */
	sender.from = 10000;
	sender.to = 20000;
	sender.sent = 0;
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&scope, "sender", TASK_STACK_NORMAL, send_all,
			    &sender),
		 0);
	CHECK(until(rt, &sender.sent, INBOX_CAPACITY));
	scope_close(&scope);
	CHECK_EQ(sender.err, -ECANCELED);
	CHECK_EQ(inbox_count(inbox), INBOX_CAPACITY);
	inbox_free(inbox);
	return 0;
}

static void full_holds_up(void **state)
{
	(void)state;
	in_runtime(full_body, NULL);
}

static int bytes_body(struct rt *rt, void *arg)
{
	struct inbox *inbox = inbox_new(rt);
	char *text = malloc(INBOX_BYTES_MAX + 1);
	struct activity_message m = message("large");

	(void)arg;
	memset(text, 't', INBOX_BYTES_MAX);
	text[INBOX_BYTES_MAX] = '\0';
	m.text = text;
	/* One message is let in however large it is. */
	CHECK_EQ(inbox_put(inbox, &m, DEADLINE_NOW), 0);
	CHECK_EQ(put(inbox, "small", DEADLINE_NOW), -ETIMEDOUT);
	CHECK_EQ(inbox_pop(inbox, "large"), 1);
	CHECK_EQ(put(inbox, "small", DEADLINE_NOW), 0);
	free(text);
	inbox_free(inbox);
	return 0;
}

static void bytes_are_bounded(void **state)
{
	(void)state;
	in_runtime(bytes_body, NULL);
}

struct waiter {
	struct inbox *inbox;
	uint64_t *woken;
	int err;
	bool right;
};

static void wait_one(struct rt *rt, void *arg)
{
	struct waiter *waiter = arg;

	(void)rt;
	waiter->err = inbox_wait(waiter->inbox, DEADLINE_NEVER);
	waiter->right = is(inbox_first(waiter->inbox), "m");
	(*waiter->woken)++;
}

static int waiters_body(struct rt *rt, void *arg)
{
	struct inbox *inbox = inbox_new(rt);
	struct waiter waiters[5];
	uint64_t woken = 0;
	struct scope scope;

	(void)arg;
	CHECK_EQ(inbox_wait(inbox, DEADLINE_NOW), -ETIMEDOUT);
	CHECK_EQ(inbox_wait(inbox, deadline_in_ms(rt, 5)), -ETIMEDOUT);
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < 5; i++) {
		waiters[i] = (struct waiter){ .inbox = inbox, .woken = &woken };
		CHECK_EQ(task_spawn(&scope, "waiter", TASK_STACK_NORMAL,
				    wait_one, &waiters[i]),
			 0);
	}
	for (int i = 0; i < 10; i++)
		task_yield(rt);
	CHECK_EQ(woken, 0);
	CHECK_EQ(put(inbox, "m", DEADLINE_NOW), 0);
	CHECK(until(rt, &woken, 5));
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(waiters[i].err, 0);
		CHECK(waiters[i].right);
	}
	CHECK_EQ(inbox_wait(inbox, DEADLINE_NOW), 0);
	scope_close(&scope);

	/* A cancelled wait. */
	CHECK_EQ(inbox_pop(inbox, "m"), 1);
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&scope, "waiter", TASK_STACK_NORMAL, wait_one,
			    &waiters[0]),
		 0);
	task_yield(rt);
	scope_close(&scope);
	CHECK_EQ(waiters[0].err, -ECANCELED);
	inbox_free(inbox);
	return 0;
}

static void waiters_all_see_the_head(void **state)
{
	(void)state;
	in_runtime(waiters_body, NULL);
}

static void count_one(void *arg)
{
	++*(int *)arg;
}

static int announce_body(struct rt *rt, void *arg)
{
	struct inbox *inbox = inbox_new(rt);
	int hooked = 0;

	(void)arg;
	inbox_on_put(inbox, count_one, &hooked);
	CHECK(inbox_announce(inbox) == NULL);
	CHECK_EQ(put(inbox, "a", DEADLINE_NOW), 0);
	CHECK_EQ(put(inbox, "a", DEADLINE_NOW), -EEXIST);
	CHECK_EQ(put(inbox, "b", DEADLINE_NOW), 0);
	CHECK_EQ(put(inbox, "c", DEADLINE_NOW), 0);
	CHECK_EQ(hooked, 3);
	CHECK(is(inbox_announce(inbox), "a"));
	CHECK_EQ(inbox_pop(inbox, "b"), 1); /* needs no announcement now */
	CHECK_EQ(inbox_pop(inbox, "a"), 1);
	CHECK(is(inbox_announce(inbox), "c"));
	CHECK(inbox_announce(inbox) == NULL);
	inbox_on_put(inbox, NULL, NULL);
	CHECK_EQ(put(inbox, "d", DEADLINE_NOW), 0);
	CHECK_EQ(hooked, 3);
	CHECK(is(inbox_announce(inbox), "d"));
	inbox_free(inbox);
	return 0;
}

static void announced_once(void **state)
{
	(void)state;
	in_runtime(announce_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(popped_stays_away),
		cmocka_unit_test(full_holds_up),
		cmocka_unit_test(bytes_are_bounded),
		cmocka_unit_test(waiters_all_see_the_head),
		cmocka_unit_test(announced_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
