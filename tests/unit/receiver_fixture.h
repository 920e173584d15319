// SPDX-License-Identifier: MIT
/*
 * receiver_fixture - a receiver, what it works with, and a platform with a list
 * of messages, one of broadcasts and an event stream.
 *
 *	struct post p;
 *	post_open(&p, rt, 5);		// rows 0 … 4
 *	p.w.config.poll_ms = …
 *	post_begin(&p);			// a process begins
 *	receiver_begin(&p.receiver);	// or post_poll(&p)
 *	post_end(&p);			// and ends; post_begin again, or
 *	post_close(&p);
 */
#ifndef TESTS_UNIT_RECEIVER_FIXTURE_H
#define TESTS_UNIT_RECEIVER_FIXTURE_H

#include "tests/unit/rows_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "app/agenda.h"
#include "app/inbox.h"
#include "app/journal.h"
#include "app/receiver.h"
#include "proto/activity.h"
#include "runtime/event.h"

#define POST_JOURNAL JOURNAL_NAME WORLD_ID
#define POST_BEAT "data: {\"type\":\"WORKSPACE_HEARTBEAT\",\"data\":{}}\n\n"
#define POST_NEWS                                                              \
	"data: {\"type\":\"ACTIVITY_LOGGED\",\"data\":{\"activity_type\":"     \
	"\"a2a_receive\"}}\n\n"

struct post {
	struct world w;
	struct rows rows;
	const char *broadcasts; /* the list, as JSON */
	int broadcasts_status;
	uint64_t polls, fetches; /* that have been answered */
	uint64_t begun;		 /* polls that have come */
	struct event gate;	 /* polls wait for it; it is open */
	/* The event stream: what is to be said on it next, and whether it is to
	 * end. */
	const char *say;
	bool hang_up;
	bool no_stream;
	uint64_t streams;

	bool follow; /* before post_begin */
	struct workspace_deps deps;
	struct inbox *inbox;
	struct agenda *agenda;
	struct scope scope;
	struct receiver receiver;
};

static inline void post_stream(struct post *p, struct http_incoming *request)
{
	struct rt *rt = p->w.rt;

	p->streams++;
	if (p->no_stream) {
		world_json(request, 404, "{}");
		return;
	}
	if (http_reply_start(request->conn, 200, NULL, "text/event-stream",
			     false) != 0)
		return;
	while (!p->hang_up && task_sleep(rt, deadline_in_ms(rt, 1)) == 0) {
		const char *say = p->say;

		p->say = NULL;
		if (say &&
		    http_reply_write(request->conn, say, strlen(say)) != 0)
			return;
	}
}

static inline void post_answer(struct world *w, int number,
			       struct http_incoming *request)
{
	struct post *p = w->arg;
	const char *target = request->head->target;

	(void)number;
	if (strstr(target, "/events/stream")) {
		post_stream(p, request);
	} else if (strstr(target, "type=broadcast_receive")) {
		world_json(request, p->broadcasts_status, p->broadcasts);
		p->fetches++;
	} else {
		p->begun++;
		event_wait(&p->gate, DEADLINE_NEVER);
		rows_answer(&p->rows, request);
		p->polls++;
	}
}

static inline void post_open(struct post *p, struct rt *rt, int rows)
{
	*p = (struct post){ .rows = { .end = rows, .when = rows_each_second },
			    .broadcasts = "[]",
			    .broadcasts_status = 200 };
	event_init(rt, &p->gate);
	event_set(&p->gate);
	world_open(&p->w, rt, post_answer, p);
	/* Nothing happens by itself, unless the test says so. */
	p->w.config.poll_ms = 3600000;
	p->deps = (struct workspace_deps){
		.rt = rt,
		.log = &p->w.log,
		.config = &p->w.config,
		.who = &p->w.who,
		.client = &p->w.client,
		.state = &p->w.state,
	};
}

static inline void post_begin(struct post *p)
{
	struct rt *rt = p->w.rt;

	p->inbox = inbox_new(rt, &p->w.log);
	p->agenda = agenda_new(rt);
	scope_open(rt, &p->scope, DEADLINE_NEVER);
	receiver_init(&p->receiver, &p->deps,
		      &(struct receiver_options){
			      .inbox = p->inbox,
			      .agenda = p->agenda,
			      .started_ns = clock_now(rt, CLOCK_ID_BOOTTIME),
			      .follow = p->follow });
	receiver_start(&p->receiver, &p->scope);
}

static inline void post_end(struct post *p)
{
	receiver_rest(&p->receiver);
	agenda_free(p->agenda);
	scope_close(&p->scope);
	receiver_fini(&p->receiver);
	inbox_free(p->inbox);
}

static inline void post_close(struct post *p)
{
	post_end(p);
	world_close(&p->w);
}

/* One look at the messages. */
static inline bool post_poll(struct post *p)
{
	int64_t retry_ms;

	return receiver_poll(&p->receiver, &p->receiver.messages, &retry_ms);
}

/* Until there is nothing more. */
static inline void post_drain(struct post *p)
{
	int left = 100;

	while (post_poll(p) && CHECK(left > 0))
		left--;
}

static inline int post_pop(struct post *p, int n)
{
	return inbox_pop(p->inbox, row_id(n));
}

static inline void post_show(struct post *p, int n)
{
	const struct activity_message *m = inbox_find(p->inbox, row_id(n));

	if (CHECK(m != NULL))
		inbox_show(p->inbox, m);
}

/* The messages in the inbox, in order: "0 2 3". */
static inline void expect_inbox(struct post *p, const char *want)
{
	char got[2000] = "";
	size_t len = 0;

	for (const struct activity_message *m = inbox_first(p->inbox);
	     m && len < sizeof(got); m = inbox_next(m))
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%d",
					len > 0 ? " " : "",
					row_number(m->activity_id));
	if (!CHECK(strcmp(got, want) == 0))
		fprintf(stderr, "%s\nnot %s\n", got, want);
}

/* The messages are the rows from `from` up to `to`, in order. */
static inline void expect_run(struct post *p, int from, int to)
{
	const struct activity_message *m = inbox_first(p->inbox);
	int n = from;

	for (; m && row_number(m->activity_id) == n; m = inbox_next(m))
		n++;
	CHECK_EQ(m ? row_number(m->activity_id) : n, to);
	CHECK_EQ(n, to);
}

/* Whether the journal's file holds `text`, read behind the runtime's back: for
 * hooks, which must not park. */
static inline bool post_in_file(struct post *p, const char *text)
{
	static char buf[1 << 20];
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", p->w.dir, POST_JOURNAL);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return strstr(buf, text) != NULL;
}

static inline off_t post_file_size(struct post *p)
{
	struct stat st = { 0 };
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", p->w.dir, POST_JOURNAL);
	CHECK_EQ(stat(path, &st), 0);
	return st.st_size;
}

/* A disk that is full: no file may be longer. */
static inline void post_limit_files(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
