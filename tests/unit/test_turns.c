// SPDX-License-Identifier: MIT
/* turns: which message answers which task, and what becomes of it. */
#include "tests/unit/mcp_fixture.h"

#include "app/turns.h"

#define PEER "22222222-2222-4222-8222-222222222222"
#define OTHER "33333333-3333-4333-8333-333333333333"
#define SECOND_ID "44444444-4444-4444-8444-444444444444"

struct table {
	struct host host;
	struct inbox *inbox;
	struct turns *turns;
	struct member *me;
	uint64_t told; /* calls of the inbox's hook */
};

static void count(void *arg)
{
	((struct table *)arg)->told++;
}

static void table_open(struct table *t, struct rt *rt)
{
	*t = (struct table){ 0 };
	host_tools(&t->host, rt, 0);
	t->inbox = t->host.tools.inbox;
	t->turns = turns_new(rt, t->inbox);
	t->me = &t->host.member;
	inbox_on_put(t->inbox, count, t);
}

static void table_close(struct table *t)
{
	turns_free(t->turns);
	host_tools_free(&t->host);
}

/* A message comes. */
static void comes(struct table *t, const char *id, const char *peer,
		  const char *kind, const char *method, const char *arrival)
{
	CHECK_EQ(inbox_put(t->inbox, NULL,
			   &(struct activity_message){
				   .activity_id = id,
				   .text = id,
				   .peer_id = peer,
				   .kind = kind,
				   .method = method,
				   .created_at = "2026-01-01T00:00:00Z",
				   .arrival_workspace_id = arrival }),
		 0);
}

static void says(struct table *t, const char *id, const char *peer)
{
	comes(t, id, peer, "peer_agent", "message/send", NULL);
}

static bool answer_is(const struct turn *turn, const char *id)
{
	const struct activity_message *m = turns_answer(turn);

	return m && strcmp(m->activity_id, id) == 0 && strcmp(m->text, id) == 0;
}

static bool first_is(const struct table *t, const char *id)
{
	const struct activity_message *m = inbox_first(t->inbox);

	return m && strcmp(m->activity_id, id) == 0;
}

/* A task, its answer, and nothing of it in anybody's inbox. */
static int answer_body(struct rt *rt, void *arg)
{
	struct table t;
	struct turn turn;

	(void)arg;
	table_open(&t, rt);
	CHECK_EQ(turns_begin(t.turns, &turn, t.me, PEER), TURN_TASK);
	CHECK_EQ(turns_wait(&turn, DEADLINE_NOW), -ETIMEDOUT);
	turns_expect(&turn);
	says(&t, "other", OTHER);
	comes(&t, "user", "", "canvas_user", "message/send", NULL);
	comes(&t, "all", PEER, "peer_agent", "broadcast", NULL);
	comes(&t, "own", PEER, "delegation_result", "delegate_result", NULL);
	CHECK_EQ(t.told, 4);
	CHECK(turns_answer(&turn) == NULL);
	says(&t, "answer", "22222222-2222-4222-8222-222222222222");
	CHECK_EQ(t.told, 4);
	CHECK_EQ(turns_wait(&turn, DEADLINE_NOW), 0);
	CHECK(answer_is(&turn, "answer"));
	/* A second message is none of it. */
	says(&t, "more", PEER);
	CHECK_EQ(t.told, 5);
	turns_end(&turn, true);
	CHECK_EQ(inbox_count(t.inbox), 6);
	CHECK(first_is(&t, "other"));
	for (const struct activity_message *m = inbox_first(t.inbox); m;
	     m = inbox_next(m))
		CHECK(strcmp(m->activity_id, "answer") != 0);
	for (const struct activity_message *m; (m = inbox_announce(t.inbox));)
		CHECK(strcmp(m->activity_id, "answer") != 0);
	CHECK_EQ(inbox_pop(t.inbox, "answer"), 1);
	table_close(&t);
	return 0;
}

static void a_task_is_answered(void **state)
{
	(void)state;
	in_runtime(answer_body, NULL);
}

/* What nobody gets as an answer, everybody gets as a message. */
static int given_back_body(struct rt *rt, void *arg)
{
	struct table t;
	struct turn turn;

	(void)arg;
	table_open(&t, rt);
	for (int taken = 0; taken < 2; taken++) {
		char id[16];

		snprintf(id, sizeof(id), "m%d", taken);
		turns_begin(t.turns, &turn, t.me, PEER);
		turns_expect(&turn);
		says(&t, id, PEER);
		CHECK(inbox_first(t.inbox) == NULL);
		CHECK_EQ(inbox_wait(t.inbox, DEADLINE_NOW), -ETIMEDOUT);
		turns_end(&turn, taken == 1);
		if (taken)
			turns_give_back(t.turns, id);
		CHECK(first_is(&t, id));
		CHECK_EQ(t.told, taken + 1);
		CHECK(inbox_announce(t.inbox) != NULL);
		/* It is an unanswered message, like any other. */
		CHECK_EQ(turns_begin(t.turns, &turn, t.me, PEER), TURN_REPLY);
		CHECK(strcmp(turn.replies_to, id) == 0);
		turns_end(&turn, false);
		CHECK_EQ(inbox_pop(t.inbox, id), 1);
	}
	CHECK(inbox_announce(t.inbox) == NULL);
	turns_give_back(t.turns, "unknown");
	table_close(&t);
	return 0;
}

static void an_answer_that_reached_nobody_is_a_message(void **state)
{
	(void)state;
	in_runtime(given_back_body, NULL);
}

/* The answer may be there before it is known that the peer polls. */
static int early_body(struct rt *rt, void *arg)
{
	struct table t;
	struct turn turn;

	(void)arg;
	table_open(&t, rt);
	turns_begin(t.turns, &turn, t.me, PEER);
	says(&t, "early", PEER);
	CHECK(first_is(&t, "early"));
	turns_expect(&turn);
	CHECK_EQ(turns_wait(&turn, DEADLINE_NOW), 0);
	CHECK(answer_is(&turn, "early"));
	CHECK(inbox_first(t.inbox) == NULL);
	turns_end(&turn, true);
	CHECK_EQ(inbox_pop(t.inbox, "early"), 1);

	/* One that came before the task does not answer it: it is answered. */
	says(&t, "before", PEER);
	CHECK_EQ(turns_begin(t.turns, &turn, t.me, PEER), TURN_REPLY);
	turns_end(&turn, false);
	CHECK_EQ(turns_begin(t.turns, &turn, t.me, PEER), TURN_TASK);
	turns_expect(&turn);
	CHECK_EQ(turns_wait(&turn, DEADLINE_NOW), -ETIMEDOUT);
	turns_end(&turn, false);
	table_close(&t);
	return 0;
}

static void an_answer_may_come_early(void **state)
{
	(void)state;
	in_runtime(early_body, NULL);
}

/* Tasks are answered in their order, those that were given up too. */
static int order_body(struct rt *rt, void *arg)
{
	struct table t;
	struct turn a, b, c;

	(void)arg;
	table_open(&t, rt);
	turns_begin(t.turns, &a, t.me, PEER);
	turns_begin(t.turns, &b, t.me, PEER);
	turns_begin(t.turns, &c, t.me, PEER);
	turns_expect(&c);
	turns_expect(&a);
	turns_expect(&b);
	says(&t, "1", PEER);
	CHECK(answer_is(&a, "1"));
	turns_end(&a, true);
	turns_end(&b, false); /* nobody waits any more */
	says(&t, "2", PEER);
	CHECK(turns_answer(&c) == NULL);
	CHECK(first_is(&t, "2"));
	says(&t, "3", PEER);
	CHECK(answer_is(&c, "3"));
	turns_end(&c, true);
	/* The late one was an answer: what is sent now is a task. */
	CHECK_EQ(turns_begin(t.turns, &a, t.me, PEER), TURN_TASK);
	/* One whose answer came in another way is owed none. */
	turns_expect(&a);
	turns_expect_none(&a);
	turns_end(&a, false);
	turns_begin(t.turns, &a, t.me, PEER);
	turns_expect(&a);
	says(&t, "4", PEER);
	CHECK(answer_is(&a, "4"));
	turns_end(&a, true);
	table_close(&t);
	return 0;
}

static void tasks_are_answered_in_order(void **state)
{
	(void)state;
	in_runtime(order_body, NULL);
}

/* What is sent while a message stands unanswered is the reply to it. */
static int reply_body(struct rt *rt, void *arg)
{
	struct table t;
	struct turn turn;

	(void)arg;
	table_open(&t, rt);
	says(&t, "m1", PEER);
	says(&t, "m2", PEER);
	comes(&t, "all", OTHER, "peer_agent", "broadcast", NULL);
	CHECK_EQ(turns_begin(t.turns, &turn, t.me, OTHER), TURN_TASK);
	turns_end(&turn, false);
	/* In any case of letters. */
	CHECK_EQ(turns_begin(t.turns, &turn, t.me,
			     "22222222-2222-4222-8222-222222222222"),
		 TURN_REPLY);
	CHECK(strcmp(turn.replies_to, "m1") == 0);
	/* It was not sent after all. */
	turns_unsaid(&turn);
	turns_end(&turn, false);
	CHECK_EQ(turns_begin(t.turns, &turn, t.me, PEER), TURN_REPLY);
	CHECK(strcmp(turn.replies_to, "m1") == 0);
	turns_end(&turn, false);
	/* Answered and popped, it is done with; … */
	inbox_pop(t.inbox, "m1");
	/* … popped and not answered, it is not. */
	inbox_pop(t.inbox, "m2");
	CHECK_EQ(turns_begin(t.turns, &turn, t.me, PEER), TURN_REPLY);
	CHECK(strcmp(turn.replies_to, "m2") == 0);
	turns_end(&turn, false);
	CHECK_EQ(turns_begin(t.turns, &turn, t.me, PEER), TURN_TASK);
	turns_end(&turn, false);
	/* One that was there before this process looked. */
	turns_free(t.turns);
	says(&t, "old", PEER);
	t.turns = turns_new(rt, t.inbox);
	CHECK_EQ(turns_begin(t.turns, &turn, t.me, PEER), TURN_REPLY);
	turns_end(&turn, false);
	CHECK_EQ(turns_begin(t.turns, &turn, t.me, PEER), TURN_TASK);
	turns_end(&turn, false);
	inbox_pop(t.inbox, "old");
	/* Many of them: the oldest are forgotten, nothing else is. */
	for (int i = 0; i < TURNS_REMEMBERED + 10; i++) {
		char id[16];

		snprintf(id, sizeof(id), "n%d", i);
		says(&t, id, PEER);
		inbox_pop(t.inbox, id);
	}
	CHECK_EQ(turns_begin(t.turns, &turn, t.me, PEER), TURN_REPLY);
	CHECK(strcmp(turn.replies_to, "n10") == 0);
	turns_end(&turn, false);
	table_close(&t);
	return 0;
}

static void a_reply_is_known_as_one(void **state)
{
	(void)state;
	in_runtime(reply_body, NULL);
}

/* With several workspaces each has conversations of its own. */
static int several_body(struct rt *rt, void *arg)
{
	struct member second = { 0 };
	struct table t;
	struct turn mine, theirs;

	(void)arg;
	table_open(&t, rt);
	second.who.workspace_id = SECOND_ID;
	turns_begin(t.turns, &mine, t.me, PEER);
	turns_expect(&mine);
	turns_begin(t.turns, &theirs, &second, PEER);
	turns_expect(&theirs);
	comes(&t, "to-second", PEER, "peer_agent", "message/send", SECOND_ID);
	CHECK(turns_answer(&mine) == NULL);
	CHECK(answer_is(&theirs, "to-second"));
	comes(&t, "to-me", PEER, "peer_agent", "message/send", OWN_ID);
	CHECK(answer_is(&mine, "to-me"));
	turns_end(&mine, true);
	turns_end(&theirs, true);
	comes(&t, "more", PEER, "peer_agent", "message/send", SECOND_ID);
	CHECK_EQ(turns_begin(t.turns, &mine, t.me, PEER), TURN_TASK);
	turns_end(&mine, false);
	CHECK_EQ(turns_begin(t.turns, &mine, &second, PEER), TURN_REPLY);
	turns_end(&mine, false);
	table_close(&t);
	return 0;
}

static void workspaces_do_not_mix(void **state)
{
	(void)state;
	in_runtime(several_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_task_is_answered),
		cmocka_unit_test(an_answer_that_reached_nobody_is_a_message),
		cmocka_unit_test(an_answer_may_come_early),
		cmocka_unit_test(tasks_are_answered_in_order),
		cmocka_unit_test(a_reply_is_known_as_one),
		cmocka_unit_test(workspaces_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
