// SPDX-License-Identifier: MIT
/*
 * Lanes: whose answer is whose, whatever the other side does in the middle of
 * one; who goes alone, and when nobody shares.
 */
#include "tests/unit/lane_fixture.h"

#include "net/http_server.h"

#define ROUNDS 60

static int answers_in_order(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ SEND, ANSWER("a") ANSWER("b") ANSWER("c") },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ SEND, OK "Transfer-Encoding: chunked\r\n\r\n"
			   "1\r\na\r\n0\r\n\r\n" },
		{ SEND,
		  "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nb" },
		{ DRIBBLE, ANSWER("c") },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ DRIBBLE, ANSWER("a") ANSWER("b") ANSWER("c") },
		{ END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, 3);
	(void)arg;

	crowd_run(c);
	CHECK_EQ(c->right, 3);
	crowd_run(c);
	CHECK_EQ(c->right, 3);
	CHECK_EQ(c->askers[1].result, 404);
	crowd_run(c);
	CHECK_EQ(c->right, 3);
	CHECK_EQ(p->accepted, 1);
	CHECK_EQ(p->requests, 9);
	CHECK_EQ(c->lanes.shared, 6);
	CHECK_EQ(c->lanes.alone_until, 0);
	CHECK(!c->lanes.forming);
	crowd_close(c, p);
	return 0;
}

/* What ends a lane after its first answer, and then two that go alone. */
static void ends_after_first(struct rt *rt, const struct step *steps)
{
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, 3);

	crowd_run(c);
	CHECK_EQ(c->right, 3);
	CHECK_EQ(p->accepted, 3);
	CHECK_EQ(c->lanes.shared, 0);
	CHECK(!c->lanes.forming);
	/* That has been learnt. */
	c->count = 2;
	crowd_run(c);
	CHECK_EQ(c->right, 2);
	CHECK_EQ(p->accepted, 5);
	crowd_trust(c);
	crowd_run(c);
	CHECK_EQ(c->right, 2);
	CHECK_EQ(c->lanes.shared, 1);
	CHECK_EQ(p->accepted, 6);
	crowd_close(c, p);
}

#define THEN                                                                   \
	ALONE, ALONE, ALONE, ALONE, { ACCEPT, NULL }, { REQUEST, NULL },       \
		{ REQUEST, NULL }, { SEND, ANSWER("a") ANSWER("b") },          \
	{                                                                      \
		END, NULL                                                      \
	}

static int is_closed(struct rt *rt, void *arg)
{
	static const struct step steps[] = { { ACCEPT, NULL },
					     { REQUEST, NULL },
					     { REQUEST, NULL },
					     { REQUEST, NULL },
					     { SEND, ANSWER("a") },
					     { CLOSE, NULL },
					     THEN };
	(void)arg;
	ends_after_first(rt, steps);
	return 0;
}

static int is_said_to_close(struct rt *rt, void *arg)
{
	/* What comes behind that is not believed. */
	static const struct step steps[] = { { ACCEPT, NULL },
					     { REQUEST, NULL },
					     { REQUEST, NULL },
					     { REQUEST, NULL },
					     { SEND, LAST("a") ANSWER("x") },
					     THEN };
	(void)arg;
	ends_after_first(rt, steps);
	return 0;
}

/* The second answer is bad: that one's error, and the third goes alone. */
static int is_spoilt(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ SEND, ANSWER("a") "nonsense\r\n\r\n" ANSWER("c") },
		ALONE,
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ SEND, ANSWER("a") OK "Content-Length: 2\r\n\r\nb" },
		{ CLOSE, NULL },
		ALONE,
		{ END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, 3);
	(void)arg;

	crowd_run(c);
	CHECK_EQ(c->right, 2);
	CHECK_EQ(c->askers[1].result, -EBADMSG);
	crowd_trust(c);
	crowd_run(c);
	CHECK_EQ(c->right, 2);
	CHECK_EQ(c->askers[1].result, -EPROTO);
	CHECK_EQ(p->accepted, 4);
	crowd_close(c, p);
	return 0;
}

/* The connection was closed while it was idle: nobody is worse off. */
static int was_stale(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ SEND, ANSWER("a") },
		{ WAIT, NULL },
		{ CLOSE, NULL },
		ALONE,
		ALONE,
		{ END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, 1);
	(void)arg;

	crowd_run(c);
	CHECK_EQ(c->right, 1);
	c->count = 2;
	event_set(&p->go);
	/* Not known here yet when they begin. */
	crowd_run(c);
	CHECK_EQ(c->right, 2);
	CHECK_EQ(p->accepted, 3);
	crowd_close(c, p);
	return 0;
}

static int is_refused(struct rt *rt, void *arg)
{
	static const struct step steps[] = { { END, NULL } };
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, 3);
	(void)arg;

	shutdown(p->listener, SHUT_RDWR);
	crowd_run(c);
	for (uint32_t i = 0; i < c->count; i++)
		CHECK_EQ(c->askers[i].result, -ECONNREFUSED);
	crowd_close(c, p);
	return 0;
}

/* One answer does not come: those behind do not wait for it. */
static int is_slow(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },      { REQUEST, NULL }, { REQUEST, NULL },
		{ REQUEST, NULL },     { WAIT, NULL },	  { SEND, ANSWER("a") },
		{ SEND, ANSWER("b") }, { HOLD, NULL },	  { END, NULL },
	};
	static const struct step others[] = { ALONE, ALONE, { END, NULL } };
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, 3);
	(void)arg;

	crowd_start(c);
	CHECK(until(rt, &p->requests, 3));
	/* Somebody else takes those who go alone. */
	struct peer second = {
		.rt = rt, .listener = p->listener, .fd = -1, .steps = others
	};
	CHECK_EQ(task_spawn(&p->scope, "second", TASK_STACK_NORMAL, play,
			    &second),
		 0);
	CHECK(until(rt, &c->ended, 2));
	CHECK_EQ(c->right, 2);
	CHECK_EQ(second.accepted, 2);
	event_set(&p->go);
	CHECK_EQ(scope_join(&c->scope), 0);
	CHECK_EQ(c->right, 3);
	/* Nobody is there for the other answers. */
	CHECK(until(rt, &p->held, 1));
	crowd_trust(c);
	hang_up(&second, false);
	crowd_close(c, p);
	return 0;
}

/* Cancelled in any place and at any time: nothing hangs, nothing leaks. */
static int is_cancelled(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },  { REQUEST, NULL },	  { REQUEST, NULL },
		{ REQUEST, NULL }, { SEND, ANSWER("a") }, { HOLD, NULL },
		{ END, NULL },
	};
	for (uint64_t after = 0; after <= 3; after++) {
		struct peer *p = peer_open(rt, steps);
		struct crowd *c = crowd_open(p, 3);

		crowd_start(c);
		CHECK(until(rt, &p->requests, after));
		if (after == 3)
			CHECK(until(rt, &c->ended, 1));
		scope_close(&c->scope);
		CHECK_EQ(c->ended, 3);
		CHECK(after == 3 ? c->right == 1 : c->right <= 1);
		CHECK_EQ(c->askers[2].result, -ECANCELED);
		CHECK(!c->lanes.forming);
		crowd_close(c, p);
	}
	(void)arg;
	return 0;
}

/* One of them ends early, and the one behind it goes alone. */
static int has_a_gap(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ REQUEST, NULL },
		{ WAIT, NULL },
		{ SEND, ANSWER("a") ANSWER("b") ANSWER("c") },
		ALONE,
		{ END, NULL },
	};
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, 1);
	struct scope middle;
	(void)arg;

	crowd_start(c);
	c->askers[1] = (struct asker){ .crowd = c, .target = "/b" };
	c->askers[2] = (struct asker){ .crowd = c, .target = "/c" };
	scope_open(rt, &middle, DEADLINE_NEVER);
	CHECK_EQ(
		task_spawn(&middle, "b", TASK_STACK_NORMAL, ask, &c->askers[1]),
		0);
	CHECK_EQ(task_spawn(&c->scope, "c", TASK_STACK_NORMAL, ask,
			    &c->askers[2]),
		 0);
	CHECK(until(rt, &p->requests, 3));
	scope_close(&middle);
	CHECK_EQ(c->askers[1].result, -ECANCELED);
	event_set(&p->go);
	CHECK_EQ(scope_join(&c->scope), 0);
	CHECK_EQ(c->right, 2);
	CHECK_EQ(p->accepted, 2);
	crowd_close(c, p);
	return 0;
}

static int shares_only_if_patient(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		ALONE, ALONE, ALONE, ALONE, { END, NULL }
	};
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, 2);
	(void)arg;

	c->hasty = true;
	crowd_run(c);
	CHECK_EQ(c->right, 2);
	CHECK_EQ(p->accepted, 2);
	c->hasty = false;
	c->lanes.off = true;
	crowd_run(c);
	CHECK_EQ(c->right, 2);
	CHECK_EQ(p->accepted, 4);
	CHECK_EQ(c->lanes.shared, 0);
	crowd_close(c, p);
	return 0;
}

/* A connection to a server that is not what it should be. */
static void play_badly(struct rt *rt, void *arg)
{
	struct peer *p = arg;
	uint64_t seen = 0;

	for (;;) {
		p->log_len = 0;
		read_request(p, false);
		if (p->requests == seen)
			break;
		seen = p->requests;
		p->log[p->log_len] = '\0';
		const char *end = strstr(p->log, " HTTP/");
		char answer[128], letter = end ? end[-1] : '?';
		long luck = random() % 40;

		if (luck < 3)
			task_sleep(rt, deadline_in_ms(rt, 1 + luck));
		if (luck == 3)
			break;
		if (luck < 8)
			(void)snprintf(answer, sizeof(answer),
				       OK "Transfer-Encoding: chunked\r\n\r\n"
					  "1\r\n%c\r\n0\r\n\r\n",
				       letter);
		else
			(void)snprintf(answer, sizeof(answer),
				       OK "%sContent-Length: 1\r\n\r\n%c",
				       luck == 8 ? "Connection: close\r\n" : "",
				       letter);
		if (luck == 9) /* cut anywhere */
			answer[random() % (long)strlen(answer)] = '\0';
		if (send_text(p, answer, luck < 38 ? SIZE_MAX / 2 : 40) ||
		    luck == 8 || luck == 9)
			break;
	}
	hang_up(p, random() % 2 == 0);
	free(p);
}

static void serve_badly(struct rt *rt, void *arg)
{
	struct peer *p = arg;
	int fd;

	while ((fd = io_accept(rt, p->listener, NULL, DEADLINE_NEVER)) >= 0) {
		struct peer *conn = calloc(1, sizeof(*conn));

		conn->rt = rt;
		conn->fd = fd;
		CHECK_EQ(task_spawn(&p->scope, "bad", TASK_STACK_NORMAL,
				    play_badly, conn),
			 0);
	}
}

/* Whatever happens, nobody gets what another asked for. */
static int bears_anything(struct rt *rt, void *arg)
{
	static const struct step steps[] = { { END, NULL } };
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, HTTP_LANE_MAX);
	uint32_t right = 0;
	(void)arg;

	srandom(1);
	c->hurried = true;
	CHECK_EQ(task_spawn(&p->scope, "server", TASK_STACK_NORMAL, serve_badly,
			    p),
		 0);
	for (int round = 0; round < ROUNDS; round++) {
		c->lanes.alone_until = 0;
		c->lanes.most = 0;
		crowd_run(c);
		right += c->right;
		CHECK_EQ(c->wrong, 0);
		CHECK(!c->lanes.forming);
	}
	/* Most go well, and together. */
	CHECK(right > ROUNDS * HTTP_LANE_MAX / 2);
	CHECK(c->lanes.shared > ROUNDS);
	crowd_close(c, p);
	return 0;
}

static void letter(void *arg, struct http_incoming *in)
{
	(void)arg;
	(void)http_reply(in->conn, 200, NULL, "text/plain",
			 in->head->target + 1, 1);
}

/* More than one lane takes, against a true server. */
static int fills_lanes(struct rt *rt, void *arg)
{
	static const struct step steps[] = { { END, NULL } };
	struct peer *p = peer_open(rt, steps);
	struct crowd *c = crowd_open(p, ASKERS_MAX);
	struct http_server server;
	struct scope scope;
	struct url url;
	char text[64];
	(void)arg;

	CHECK_EQ(http_server_start(
			 &server, rt,
			 &(struct http_server_options){ .host = "localhost",
							.handler = letter }),
		 0);
	(void)snprintf(text, sizeof(text), "http://127.0.0.1:%u", server.port);
	CHECK_EQ(url_parse(&url, text, NULL), 0);
	c->url = &url;
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&scope, "server", TASK_STACK_NORMAL,
			    http_server_task, &server),
		 0);
	for (int i = 0; i < 3; i++) {
		c->lanes.most = 0;
		crowd_run(c);
		CHECK_EQ(c->right, ASKERS_MAX);
	}
	uint64_t lanes = (ASKERS_MAX + HTTP_LANE_MAX - 1) / HTTP_LANE_MAX;
	CHECK_EQ(c->lanes.shared, 3 * (ASKERS_MAX - lanes));
	CHECK_EQ(pool_counters(c->pool)->opened, lanes);
	CHECK_EQ(c->lanes.alone_until, 0);
	crowd_close(c, p);
	scope_close(&scope);
	http_server_stop(&server);
	return 0;
}

RUN(answers_in_order)
RUN(is_closed)
RUN(is_said_to_close)
RUN(is_spoilt)
RUN(was_stale)
RUN(is_refused)
RUN(is_slow)
RUN(is_cancelled)
RUN(has_a_gap)
RUN(shares_only_if_patient)
RUN(bears_anything)
RUN(fills_lanes)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_in_order),
		cmocka_unit_test(test_is_closed),
		cmocka_unit_test(test_is_said_to_close),
		cmocka_unit_test(test_is_spoilt),
		cmocka_unit_test(test_was_stale),
		cmocka_unit_test(test_is_refused),
		cmocka_unit_test(test_is_slow),
		cmocka_unit_test(test_is_cancelled),
		cmocka_unit_test(test_has_a_gap),
		cmocka_unit_test(test_shares_only_if_patient),
		cmocka_unit_test(test_bears_anything),
		cmocka_unit_test(test_fills_lanes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
