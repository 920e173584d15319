// SPDX-License-Identifier: MIT
/*
 * What the platform client makes of answers as they are on the wire: their
 * Dates, of which it remembers the last, and the bodies that it leaves alone
 * until somebody asks.
 */
#include "tests/unit/http_peer.h"

#include "app/identity.h"
#include "app/platform_client.h"
#include "proto/json.h"

/* A client, and the platform that plays a script for it. */
struct side {
	struct peer *peer;
	struct identity who;
	struct platform_client client;
};

static void side_open(struct side *s, struct rt *rt, const struct step *steps)
{
	*s = (struct side){ .peer = peer_open(rt, steps) };
	s->who = (struct identity){
		.workspace_id = "11111111-1111-4111-8111-111111111111",
		.origin = "http://127.0.0.1",
		.url = &s->peer->url,
		.token.value = "token",
	};
	platform_client_init(&s->client, rt, s->peer->pool);
}

static void side_close(struct side *s)
{
	platform_client_fini(&s->client);
	peer_free(s->peer);
}

#define FIRST_DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define FIRST_S 784111777
#define SECOND_DATE "Sun, 06 Nov 1994 08:49:38 GMT"
#define ANSWER(fields) OK fields "Content-Length: 2\r\n\r\n{}"
#define DATED(date) ANSWER("Date: " date "\r\n")

/* The Date of the next answer, which comes by its own request. */
static int64_t next_date(struct side *s)
{
	struct platform_reply reply;
	int64_t date_s;

	platform_peers(&s->client, &s->who, &reply);
	CHECK(platform_ok(&reply));
	date_s = reply.date_s;
	platform_reply_free(&reply);
	return date_s;
}

static int dates(struct rt *rt, void *arg)
{
	static const struct {
		const char *answer;
		int64_t date_s;
	} cases[] = {
		/* Nothing is remembered yet. */
		{ ANSWER(""), -1 },
		{ DATED(FIRST_DATE), FIRST_S },
		{ DATED(FIRST_DATE), FIRST_S },
		{ DATED(SECOND_DATE), FIRST_S + 1 },
		{ DATED(FIRST_DATE), FIRST_S },
		/* What is no Date takes nothing from those around it. */
		{ ANSWER(""), -1 },
		{ DATED(""), -1 },
		{ DATED(FIRST_DATE), FIRST_S },
		{ DATED("Sun, 06 Nov 1994"), -1 },
		{ DATED("Sun, 06 Nov 1994"), -1 },
		{ DATED(FIRST_DATE), FIRST_S },
		{ DATED(FIRST_DATE "!"), -1 },
		{ DATED(FIRST_DATE "!!"), -1 },
		{ DATED(FIRST_DATE "!!!"), -1 },
		{ DATED(FIRST_DATE "!!!!!!!!!!!!!!!!!!!!!!!!!!!"), -1 },
		{ DATED(FIRST_DATE), FIRST_S },
		{ DATED("Sun, 06 Nov 1994 08:49:37 XYZ"), -1 },
		{ DATED(SECOND_DATE), FIRST_S + 1 },
	};
	enum { COUNT = sizeof(cases) / sizeof(*cases) };
	struct step steps[2 + 2 * COUNT] = { { ACCEPT, NULL } };
	struct side s;

	(void)arg;
	for (size_t i = 0; i < COUNT; i++) {
		steps[1 + 2 * i] = (struct step){ REQUEST, NULL };
		steps[2 + 2 * i] = (struct step){ SEND, cases[i].answer };
	}
	side_open(&s, rt, steps);
	for (size_t i = 0; i < COUNT; i++) {
		int64_t date_s = next_date(&s);

		if (!CHECK(date_s == cases[i].date_s))
			fprintf(stderr, "%zu: %lld\n", i, (long long)date_s);
	}
	side_close(&s);
	return 0;
}

/* Each client remembers for itself. */
static int two_clients(struct rt *rt, void *arg)
{
	static const struct step one[] = { { ACCEPT, NULL },
					   { REQUEST, NULL },
					   { SEND, DATED(FIRST_DATE) },
					   { REQUEST, NULL },
					   { SEND, DATED(FIRST_DATE) },
					   { END, NULL } };
	static const struct step other[] = { { ACCEPT, NULL },
					     { REQUEST, NULL },
					     { SEND, DATED(SECOND_DATE) },
					     { END, NULL } };
	struct side a, b;

	(void)arg;
	side_open(&a, rt, one);
	side_open(&b, rt, other);
	CHECK_EQ(next_date(&a), FIRST_S);
	CHECK_EQ(next_date(&b), FIRST_S + 1);
	CHECK_EQ(next_date(&a), FIRST_S);
	side_close(&a);
	side_close(&b);
	return 0;
}

/* A Retry-After that is a date is by the answer's own. */
static int retry_after_by_the_date(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },
		{ REQUEST, NULL },
		{ SEND, DATED(SECOND_DATE) },
		{ REQUEST, NULL },
		{ SEND, "HTTP/1.1 429 Slow\r\nDate: " FIRST_DATE
			"\r\nRetry-After: " SECOND_DATE
			"\r\nContent-Length: 2\r\n\r\n{}" },
		{ END, NULL }
	};
	struct platform_reply reply;
	struct side s;

	(void)arg;
	side_open(&s, rt, steps);
	CHECK_EQ(next_date(&s), FIRST_S + 1);
	platform_peers(&s.client, &s.who, &reply);
	CHECK_EQ(reply.status, 429);
	CHECK_EQ(reply.date_s, FIRST_S);
	CHECK_EQ(reply.retry_after_ms, 1000);
	platform_reply_free(&reply);
	side_close(&s);
	return 0;
}

static void beat(struct side *s, struct platform_reply *reply)
{
	platform_heartbeat(&s->client, &s->who,
			   &(struct payload_heartbeat){ .uptime_secs = 1 },
			   PATIENCE_MS, reply);
}

static void ask_activity(struct side *s, bool poll,
			 struct platform_reply *reply)
{
	platform_activity(&s->client, &s->who,
			  &(struct platform_activity_query){ .poll = poll },
			  reply);
}

static void check_unparsed(struct platform_reply *reply)
{
	json_t *json;

	CHECK(platform_ok(reply));
	CHECK(reply->json == NULL);
	CHECK_EQ(reply->json_err, 0);
	CHECK(strcmp(reply->body, "[1]") == 0);
	json = platform_reply_json(reply);
	CHECK_EQ(json_array_size(json), 1);
	CHECK(reply->json == json);
	CHECK(platform_reply_json(reply) == json);
	platform_reply_free(reply);
}

#define ONE_ROW OK "Content-Length: 3\r\n\r\n[1]"

static int unparsed_successes(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },  { REQUEST, NULL }, { SEND, ONE_ROW },
		{ REQUEST, NULL }, { SEND, ONE_ROW }, { REQUEST, NULL },
		{ SEND, ONE_ROW }, { REQUEST, NULL }, { SEND, ANSWER("") },
		{ END, NULL }
	};
	struct platform_reply reply;
	struct side s;

	(void)arg;
	side_open(&s, rt, steps);
	beat(&s, &reply);
	check_unparsed(&reply);
	ask_activity(&s, true, &reply);
	check_unparsed(&reply);
	/* All others are there at once. */
	ask_activity(&s, false, &reply);
	CHECK_EQ(json_array_size(reply.json), 1);
	platform_reply_free(&reply);
	platform_peers(&s.client, &s.who, &reply);
	CHECK(json_is_object(reply.json));
	platform_reply_free(&reply);
	side_close(&s);
	return 0;
}

#define REFUSED                                                                \
	"HTTP/1.1 503 No\r\nContent-Length: 17\r\n\r\n{\"error\":\"later\"}"
#define NO_JSON OK "Content-Length: 3\r\n\r\n[1}"

/* What a refusal says is asked for at once, by platform_reply_error. */
static int parsed_refusals(struct rt *rt, void *arg)
{
	static const struct step steps[] = {
		{ ACCEPT, NULL },  { REQUEST, NULL }, { SEND, REFUSED },
		{ REQUEST, NULL }, { SEND, REFUSED }, { REQUEST, NULL },
		{ SEND, NO_JSON }, { END, NULL }
	};
	struct platform_reply reply;
	const char *error;
	struct side s;

	(void)arg;
	side_open(&s, rt, steps);
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			beat(&s, &reply);
		else
			ask_activity(&s, true, &reply);
		CHECK_EQ(reply.status, 503);
		error = platform_reply_error(&reply);
		CHECK(error && strcmp(error, "later") == 0);
		platform_reply_free(&reply);
	}
	beat(&s, &reply);
	CHECK(platform_ok(&reply));
	CHECK_EQ(reply.json_err, 0);
	CHECK(platform_reply_json(&reply) == NULL);
	CHECK_EQ(reply.json_err, -EBADMSG);
	platform_reply_free(&reply);
	side_close(&s);
	return 0;
}

RUN(dates)
RUN(two_clients)
RUN(retry_after_by_the_date)
RUN(unparsed_successes)
RUN(parsed_refusals)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_two_clients),
		cmocka_unit_test(test_retry_after_by_the_date),
		cmocka_unit_test(test_unparsed_successes),
		cmocka_unit_test(test_parsed_refusals),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
