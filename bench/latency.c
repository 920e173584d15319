// SPDX-License-Identifier: MIT
/*
 * latency - from a row that is committed on the platform to the line that tells
 * of it: molecule-mcp's notification on stdout, beside the line of
 * latency_curl, which follows the same kind of stream and then polls with
 * libcurl. Each has a workspace of its own on one platform, and they get
 * messages in turn.
 *
 * BENCH_SAMPLES (1000) messages each, one at a time and with pauses, over http
 * and over https to nginx; and for BENCH_SECONDS (60) messages all the time
 * while the stream is refused. The begin is the row's created_at, which the
 * platform takes just before it adds the row, so that it is on the same clock.
 * With BENCH_CASES (of "http https polls") only those are measured.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/console.h"
#include "bench/nginx.h"
#include "bench/util.h"
#include "bench/world.h"

#define MESSAGES_MOST 20000
#define WARM_UP 20     /* messages each that do not count, … */
#define WARM_UP_S 10   /* … or for how long */
#define SETTLE_MS 3000 /* both have registered, polled, and follow */
#define PAUSE_MIN_MS 5 /* between messages, so that both sleep */
#define PAUSE_MAX_MS 25
#define RARE_MIN_MS 100 /* between messages while there is no stream */
#define RARE_MAX_MS 400
#define PATIENCE_MS 15000 /* for one message */
#define MARK "bench-message-"

enum side { OURS, CURL, SIDES };

static const char *const side_names[SIDES] = { "molecule-mcp", "libcurl" };

struct message {
	enum side side;
	char id[40];	   /* of its row, "" while the answer is not there */
	int64_t asked;	   /* bench_now() before the request */
	int64_t committed; /* microseconds of the wall clock */
	int64_t told;	   /* the same, when the line came; 0: not yet */
	double ms;	   /* from the request */
};

/* A case: what is between the platform and the two. */
struct mode {
	const char *word, *name;
	bool https, stream;
	double bar_median, bar_p99; /* milliseconds */
};

static struct {
	struct world world;
	struct nginx nginx;
	struct console console;
	struct child children[SIDES];
	char ids[SIDES][40], token[128];
	struct message messages[MESSAGES_MOST];
	size_t count;
	size_t asked;	/* the message whose answer is due; count: none */
	size_t open;	/* messages that were not told yet */
	long pops_open; /* calls of inbox_pop without an answer */
	long pops;
} run;

static int64_t wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* "2026-05-01T09:30:00.000001Z" as microseconds. */
static int64_t stamp_us(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t us = 0, unit = 100000;

	if (!rest || *rest != '.')
		bench_die("not a time: %s", text);
	for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
		us += unit * (*rest - '0');
	return (int64_t)timegm(&tm) * 1000000 + us;
}

static void pop(const struct message *message)
{
	char call[256];

	snprintf(call, sizeof(call),
		 "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"method\":\"tools/call\","
		 "\"params\":{\"name\":\"inbox_pop\",\"arguments\":{"
		 "\"activity_id\":\"%s\"}}}\n",
		 100 + run.pops++, message->id);
	child_write(&run.children[OURS], call);
	run.pops_open++;
}

/* What is known of a message is known now: it was told and its row's id is
 * here. */
static void complete(const struct message *message)
{
	if (!message->told || !*message->id)
		return;
	run.open--;
	if (message->side == OURS)
		pop(message);
}

static void take_line(enum side side, const char *line)
{
	const char *mark = strstr(line, MARK);
	size_t n;

	if (!mark) {
		run.pops_open -= side == OURS && strstr(line, "\"removed\"");
		return;
	}
	n = strtoul(mark + strlen(MARK), NULL, 10);
	if (n >= run.count || run.messages[n].side != side)
		bench_die("a message that nobody wrote: %.200s", line);
	if (run.messages[n].told)
		return;
	run.messages[n].told = wall_us();
	run.messages[n].ms =
		(double)(bench_now() - run.messages[n].asked) / 1e6;
	complete(&run.messages[n]);
}

static void take_lines(enum side side)
{
	struct child *child = &run.children[side];
	char *newline;
	ssize_t n = read(child->out, child->buf + child->len,
			 sizeof(child->buf) - child->len);

	if (n <= 0)
		bench_die("%s ended early", side_names[side]);
	child->len += (size_t)n;
	while ((newline = memchr(child->buf, '\n', child->len)) != NULL) {
		size_t len = (size_t)(newline - child->buf) + 1;

		*newline = '\0';
		take_line(side, child->buf);
		child->len -= len;
		memmove(child->buf, child->buf + len, child->len);
	}
	if (child->len == sizeof(child->buf))
		bench_die("%s: its line is too long", side_names[side]);
}

static void take_answer(void)
{
	json_t *answer = console_take(&run.console);
	struct message *message = &run.messages[run.asked];

	if (!answer)
		return;
	const char *id =
		json_string_value(json_object_get(answer, "activity_id"));
	const char *at =
		json_string_value(json_object_get(answer, "created_at"));
	if (!id || !at)
		bench_die("the platform does not say which row it made");
	snprintf(message->id, sizeof(message->id), "%s", id);
	message->committed = stamp_us(at);
	json_decref(answer);
	run.asked = run.count;
	complete(message);
}

static bool all_told(void)
{
	return run.open == 0 && run.pops_open == 0;
}

static bool answered(void)
{
	return run.asked == run.count;
}

/* Lets things happen until done(), for `ms` at most: whether it is. NULL is
 * never done. */
static bool go_on(bool (*done)(void), int64_t ms)
{
	int64_t end = bench_now() + ms * 1000000, left;

	while (!(done && done()) && (left = end - bench_now()) > 0) {
		struct pollfd fds[] = {
			{ .fd = run.children[OURS].out, .events = POLLIN },
			{ .fd = run.children[CURL].out, .events = POLLIN },
			{ .fd = run.console.fd, .events = POLLIN },
		};
		struct timespec wait = { .tv_sec = left / 1000000000,
					 .tv_nsec = left % 1000000000 };

		if (ppoll(fds, 3, &wait, NULL) < 0)
			bench_die("poll: %s", strerror(errno));
		if (fds[0].revents)
			take_lines(OURS);
		if (fds[1].revents)
			take_lines(CURL);
		if (fds[2].revents)
			take_answer();
	}
	return done && done();
}

/* The user writes to that side's workspace. */
static void say(enum side side)
{
	struct message *message = &run.messages[run.count];
	char path[96], body[64];

	if (run.count == MESSAGES_MOST)
		bench_die("too many messages");
	snprintf(path, sizeof(path), "/demo/workspaces/%s/messages",
		 run.ids[side]);
	snprintf(body, sizeof(body), "{\"text\":\"" MARK "%zu\"}", run.count);
	run.asked = run.count++;
	run.open++;
	*message = (struct message){ .side = side, .asked = bench_now() };
	console_send(&run.console, "POST", path, body);
}

/* One message to one side, from begin to end. */
static void one(enum side side)
{
	say(side);
	if (!go_on(all_told, PATIENCE_MS))
		bench_die("%s does not tell of a message", side_names[side]);
	go_on(NULL, PAUSE_MIN_MS + random() % (PAUSE_MAX_MS - PAUSE_MIN_MS));
}

/* So many for each side in turn, or as many as there is time for. */
static void take_turns(long samples, long seconds)
{
	int64_t end = bench_now() + seconds * 1000000000;

	for (long i = 0; i < samples && bench_now() < end; i++)
		for (int side = 0; side < SIDES; side++)
			one((enum side)side);
}

static void one_by_one(long samples, long seconds)
{
	take_turns(WARM_UP, WARM_UP_S);
	run.count = run.asked = 0;
	take_turns(samples, seconds);
}

static void all_the_time(long seconds)
{
	int64_t end = bench_now() + seconds * 1000000000;

	while (bench_now() < end) {
		for (int side = 0; side < SIDES; side++) {
			say((enum side)side);
			if (!go_on(answered, PATIENCE_MS))
				bench_die("the platform does not answer");
		}
		go_on(NULL,
		      RARE_MIN_MS + random() % (RARE_MAX_MS - RARE_MIN_MS));
	}
	go_on(all_told, PATIENCE_MS);
}

/* The second workspace, which --workspaces-file names. */
static void read_second(const char *path)
{
	json_t *list = json_load_file(path, 0, NULL);
	json_t *second = json_array_get(list, 1);
	const char *id = json_string_value(json_object_get(second, "id"));
	const char *token = json_string_value(json_object_get(second, "token"));

	if (!id || !token)
		bench_die("%s names no second workspace", path);
	snprintf(run.ids[OURS], sizeof(run.ids[OURS]), "%s", WORLD_WORKSPACE);
	snprintf(run.ids[CURL], sizeof(run.ids[CURL]), "%s", id);
	snprintf(run.token, sizeof(run.token), "BENCH_TOKEN=%s", token);
	json_decref(list);
}

static void start_ours(void)
{
	static char path[PATH_MAX], line[16384];
	struct child *child = &run.children[OURS];

	bench_beside(path, sizeof(path), 1, "molecule-mcp");
	child_start(child, (char *[]){ path, NULL }, run.world.env, 0);
	child_write(child, WORLD_INITIALIZE);
	child_line(child, line, sizeof(line));
	child_write(child, WORLD_INITIALIZED);
}

static void start_curl(const struct mode *mode)
{
	static char path[PATH_MAX];
	char *url = strchr(run.world.url, '=') + 1;

	bench_beside(path, sizeof(path), 0, "latency_curl");
	child_start(&run.children[CURL],
		    (char *[]){ path, url, run.ids[CURL],
				(char *)(mode->stream ? "1" : "0"),
				mode->https ? run.nginx.roots : NULL, NULL },
		    (char *[]){ run.token, NULL }, 0);
}

static void begin(const struct mode *mode)
{
	char list[64];

	snprintf(list, sizeof(list), "/tmp/bench-list-%d", (int)getpid());
	world_open_with(&run.world,
			(const char *[]){
				"--workspaces", "1", "--workspaces-file", list,
				mode->stream ? NULL : "--no-stream", NULL });
	read_second(list);
	unlink(list);
	if (mode->https) {
		nginx_open(&run.nginx, run.world.port);
		world_set_https(&run.world, run.nginx.ports[NGINX_ECDSA],
				run.nginx.roots);
	}
	console_open(&run.console, run.world.port);
	run.count = run.asked = run.open = 0;
	start_ours();
	start_curl(mode);
	go_on(NULL, SETTLE_MS);
}

static void end(const struct mode *mode)
{
	kill(run.children[CURL].pid, SIGTERM);
	for (int side = 0; side < SIDES; side++)
		child_end(&run.children[side]);
	console_close(&run.console);
	if (mode->https)
		nginx_close(&run.nginx);
	world_close(&run.world);
}

static void report_side(const struct mode *mode, enum side side)
{
	static double committed[MESSAGES_MOST], asked[MESSAGES_MOST];
	size_t n = 0, lost = 0;

	for (size_t i = 0; i < run.count; i++) {
		const struct message *message = &run.messages[i];

		if (message->side != side)
			continue;
		lost += !message->told;
		if (!message->told)
			continue;
		committed[n] =
			(double)(message->told - message->committed) / 1000;
		asked[n++] = message->ms;
	}
	if (n == 0)
		bench_die("no message came to %s", side_names[side]);
	struct spread from_row = bench_spread(committed, n);
	struct spread from_request = bench_spread(asked, n);
	printf("  %-14s %6zu %9.3f %9.3f %9.3f %9.3f %12.3f", side_names[side],
	       n, from_row.median, from_row.p90, from_row.p99, from_row.max,
	       from_request.median);
	if (side == OURS)
		printf("  bar %g, p99 %g: %s", mode->bar_median, mode->bar_p99,
		       from_row.median < mode->bar_median &&
				       from_row.p99 < mode->bar_p99
			       ? "holds"
			       : "MISSED");
	if (lost > 0)
		printf("  %zu LOST", lost);
	printf("\n");
}

static void measure(const struct mode *mode, long samples, long seconds)
{
	begin(mode);
	if (mode->stream)
		one_by_one(samples, seconds);
	else
		all_the_time(seconds);
	printf("%s\n", mode->name);
	printf("  %-14s %6s %9s %9s %9s %9s %12s\n", "ms from the row", "n",
	       "median", "p90", "p99", "max", "from request");
	for (int side = 0; side < SIDES; side++)
		report_side(mode, (enum side)side);
	fflush(stdout);
	end(mode);
}

int main(void)
{
	static const struct mode modes[] = {
		{ "http", "http, with the event stream", false, true, 1, 5 },
		{ "https", "https, with the event stream", true, true, 2, 8 },
		/* Half an interval and a whole one, and the time to ask. */
		{ "polls", "polls: the event stream is refused", false, false,
		  2700, 5100 },
	};
	long samples = bench_setting("BENCH_SAMPLES", 1000);
	long seconds = bench_setting("BENCH_SECONDS", 60);

	srandom((unsigned)bench_now());
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (bench_chosen(modes[i].word))
			measure(&modes[i], samples, seconds);
	return 0;
}
