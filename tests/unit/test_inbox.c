// SPDX-License-Identifier: MIT
/* inbox: order, duplicates, popping, back-pressure, waiters, announcing. */
#include "tests/unit/net_fixture.h"

#include <stdlib.h>

#include <sys/mman.h>

#include "app/inbox.h"
#include "app/log.h"
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

static int put(struct inbox *inbox, struct inbox_source *source, const char *id)
{
	char own[32];
	struct activity_message m;
	int err;

	snprintf(own, sizeof(own), "%s", id);
	m = message(own);
	err = inbox_put(inbox, source, &m);
	memset(own, 'x', sizeof(own) - 1); /* it was borrowed */
	return err;
}

static int put_number(struct inbox *inbox, struct inbox_source *source,
		      unsigned int n)
{
	char id[32];

	snprintf(id, sizeof(id), "id-%u", n);
	return put(inbox, source, id);
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
	struct inbox *inbox = inbox_new(rt, NULL);
	const struct activity_message *m;

	(void)arg;
	CHECK(inbox_first(inbox) == NULL);
	CHECK_EQ(inbox_pop(inbox, "a"), 0);
	CHECK_EQ(put(inbox, NULL, ""), -EINVAL);
	CHECK_EQ(put(inbox, NULL, "a"), 0);
	CHECK_EQ(put(inbox, NULL, "b"), 0);
	CHECK_EQ(put(inbox, NULL, "c"), 0);
	CHECK_EQ(put(inbox, NULL, "b"), -EEXIST);
	CHECK_EQ(inbox_count(inbox), 3);
	m = inbox_first(inbox);
	CHECK(is(m, "a"));
	CHECK(m && strcmp(m->created_at, "2026-01-01T00:00:00Z") == 0);
	CHECK(m && is(m = inbox_next(m), "b"));
	CHECK(m && is(m = inbox_next(m), "c"));
	CHECK(m && inbox_next(m) == NULL);

	CHECK_EQ(inbox_pop(inbox, "c"), 1);
	CHECK_EQ(put(inbox, NULL, "d"), 0);
	CHECK_EQ(inbox_pop(inbox, "b"), 1);
	CHECK_EQ(inbox_pop(inbox, "b"), 0);
	CHECK(is(inbox_first(inbox), "a"));
	CHECK(is(inbox_next(inbox_first(inbox)), "d"));
	CHECK_EQ(inbox_pop(inbox, "a"), 1);
	CHECK_EQ(inbox_pop(inbox, "d"), 1);
	CHECK_EQ(inbox_count(inbox), 0);
	CHECK_EQ(put(inbox, NULL, "e"), 0);
	CHECK(is(inbox_first(inbox), "e"));
	inbox_free(inbox);
	return 0;
}

static void order(void **state)
{
	(void)state;
	in_runtime(order_body, NULL);
}

static void note_room(void *arg)
{
	++*(uint64_t *)arg;
}

/* F-4: a full inbox says so, drops nothing, and tells when there is room. */
static int full_body(struct rt *rt, void *arg)
{
	struct inbox *inbox = inbox_new(rt, NULL);
	uint64_t told = 0;
	struct inbox_source source = { .room = note_room, .arg = &told };
	struct inbox_source other = { .room = note_room, .arg = &told };

	(void)arg;
	CHECK_EQ(inbox_room(inbox, &source), INBOX_CAPACITY);
	for (unsigned int i = 0; i < INBOX_CAPACITY; i++)
		CHECK_EQ(put_number(inbox, &source, i), 0);
	CHECK(!inbox_full(inbox));
	CHECK_EQ(inbox_room(inbox, &source), 0);
	CHECK_EQ(inbox_room(inbox, &source), 0);
	CHECK(inbox_full(inbox));
	CHECK_EQ(put(inbox, &source, "late"), -ENOSPC);
	CHECK_EQ(inbox_count(inbox), INBOX_CAPACITY);
	/* Another workspace has room of its own. */
	CHECK_EQ(inbox_room(inbox, &other), INBOX_CAPACITY);
	CHECK_EQ(put(inbox, &other, "other"), 0);
	CHECK_EQ(told, 0);
	CHECK_EQ(pop_number(inbox, 7), 1);
	CHECK_EQ(told, 1);
	CHECK(!inbox_full(inbox));
	CHECK_EQ(inbox_room(inbox, &source), 1);
	CHECK_EQ(put(inbox, &source, "late"), 0);
	CHECK_EQ(pop_number(inbox, 8), 1);
	CHECK_EQ(told, 1); /* nobody waited */
	inbox_free(inbox);
	return 0;
}

static void full_drops_nothing(void **state)
{
	(void)state;
	in_runtime(full_body, NULL);
}

/* F-4: only what somebody was given may be given up, oldest first, and it is
 * counted. */
static int given_up_body(struct rt *rt, void *arg)
{
	int log_fd = memfd_create("log", MFD_CLOEXEC);
	uint64_t told = 0;
	struct inbox_source source = { .room = note_room, .arg = &told };
	struct inbox *inbox;
	char text[512] = "";
	struct log log;

	(void)arg;
	log_init(&log, log_fd, LOG_WARNING);
	inbox = inbox_new(rt, &log);
	for (unsigned int i = 0; i < INBOX_CAPACITY; i++)
		CHECK_EQ(put_number(inbox, &source, i), 0);
	inbox_set_grace(inbox, 0);
	CHECK_EQ(inbox_room(inbox, &source), 0);
	inbox_show(inbox, inbox_find(inbox, "id-3"));
	inbox_show(inbox, inbox_find(inbox, "id-5"));
	inbox_show(inbox, inbox_find(inbox, "id-5"));
	CHECK_EQ(told, 1);
	CHECK_EQ(inbox_room(inbox, &source), 2);
	CHECK_EQ(put(inbox, &source, "a"), 0);
	CHECK(inbox_find(inbox, "id-3") == NULL);
	CHECK(inbox_find(inbox, "id-5") != NULL);
	CHECK_EQ(put(inbox, &source, "b"), 0);
	CHECK(inbox_find(inbox, "id-5") == NULL);
	CHECK_EQ(put(inbox, &source, "c"), -ENOSPC);
	CHECK_EQ(inbox_given_up(inbox), 2);
	CHECK_EQ(inbox_count(inbox), INBOX_CAPACITY);
	CHECK(pread(log_fd, text, sizeof(text) - 1, 0) > 0);
	CHECK(strstr(text, "gave up") != NULL);
	inbox_free(inbox);
	close(log_fd);
	return 0;
}

static void shown_messages_are_given_up(void **state)
{
	(void)state;
	in_runtime(given_up_body, NULL);
}

static int bytes_body(struct rt *rt, void *arg)
{
	int log_fd = memfd_create("log", MFD_CLOEXEC);
	struct log log;
	struct inbox *inbox = inbox_new(rt, &log);
	uint64_t told = 0;
	struct inbox_source source = { .room = note_room, .arg = &told };
	char *text = malloc(INBOX_BYTES_MAX + 1);
	struct activity_message m = message("large");

	(void)arg;
	inbox_set_grace(inbox, 0);
	log_init(&log, log_fd, LOG_WARNING);
	memset(text, 't', INBOX_BYTES_MAX);
	text[INBOX_BYTES_MAX] = '\0';
	m.text = text;
	CHECK_EQ(inbox_put(inbox, &source, &m), 0);
	CHECK_EQ(inbox_room(inbox, &source), 0);
	/* What had been fetched before anybody asked is not turned away. */
	CHECK_EQ(put(inbox, &source, "small"), 0);
	CHECK_EQ(inbox_room(inbox, &source), 0);
	CHECK_EQ(told, 0);
	CHECK_EQ(inbox_pop(inbox, "large"), 1);
	CHECK_EQ(told, 1);
	CHECK_EQ(inbox_room(inbox, &source), INBOX_CAPACITY - 1);
	/* Of what was shown, others' messages make room, too. */
	m.activity_id = "larger";
	CHECK_EQ(inbox_put(inbox, NULL, &m), 0);
	CHECK_EQ(inbox_room(inbox, &source), 0);
	inbox_show(inbox, inbox_find(inbox, "larger"));
	CHECK_EQ(inbox_room(inbox, &source), INBOX_CAPACITY - 1);
	CHECK_EQ(put(inbox, &source, "smaller"), 0);
	CHECK(inbox_find(inbox, "larger") == NULL);
	free(text);
	inbox_free(inbox);
	close(log_fd);
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
	struct inbox *inbox = inbox_new(rt, NULL);
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
	CHECK_EQ(put(inbox, NULL, "m"), 0);
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
	struct inbox *inbox = inbox_new(rt, NULL);
	int hooked = 0;

	(void)arg;
	inbox_on_put(inbox, count_one, &hooked);
	CHECK(inbox_announce(inbox) == NULL);
	CHECK_EQ(put(inbox, NULL, "a"), 0);
	CHECK_EQ(put(inbox, NULL, "a"), -EEXIST);
	CHECK_EQ(put(inbox, NULL, "b"), 0);
	CHECK_EQ(put(inbox, NULL, "c"), 0);
	CHECK_EQ(hooked, 3);
	CHECK(is(inbox_announce(inbox), "a"));
	CHECK_EQ(inbox_pop(inbox, "b"), 1); /* needs no announcement now */
	CHECK_EQ(inbox_pop(inbox, "a"), 1);
	CHECK(is(inbox_announce(inbox), "c"));
	CHECK(inbox_announce(inbox) == NULL);
	inbox_on_put(inbox, NULL, NULL);
	CHECK_EQ(put(inbox, NULL, "d"), 0);
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
		cmocka_unit_test(full_drops_nothing),
		cmocka_unit_test(shown_messages_are_given_up),
		cmocka_unit_test(bytes_are_bounded),
		cmocka_unit_test(waiters_all_see_the_head),
		cmocka_unit_test(announced_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
