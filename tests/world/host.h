// SPDX-License-Identifier: MIT
/*
 * host - an agent host for one session: a process on the laptop which speaks
 * MCP with one server over pipes, in the place of an agent.
 *
 *	host.c		its life, from the handshake to the end
 *	host_agent.c	what its agent does: waits for messages, deals with
 *			them, pops them, and has other ideas
 *	host_mouth.c	requests, and who waits for their answers
 *	host_ear.c	what the server says
 */
#ifndef TESTS_WORLD_HOST_H
#define TESTS_WORLD_HOST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/event.h"
#include "runtime/scope.h"
#include "runtime/sim_world.h"
#include "tests/world/plan.h"

struct life;

#define HOST_IDS 65536 /* requests of a session, many more than there are */
#define HOST_CANCELLED 64

/* What has become of a request. */
enum host_id { HOST_ID_FREE, HOST_ID_ASKED, HOST_ID_ANSWERED };

struct host {
	struct life *life;
	struct sim_process *process;
	unsigned owner;
	struct rt *rt;
	int to, from, log, signals; /* descriptors; -1: closed */
	enum plan_end end;
	int64_t lasts; /* ns, until its end */
	bool modern;
	const char *protocol;
	struct scope agents; /* its tasks that talk */
	struct event over;   /* the session is to end */
	bool leaving;	     /* it has closed stdin, or is about to */
	bool gone;	     /* the server's stdout has ended */
	unsigned delegates;  /* calls of delegate_task under way */

	/* The mouth. */
	bool writing;
	struct cond quiet; /* nobody writes */
	struct ask *asks;  /* that wait */
	unsigned ids;
	uint8_t id[HOST_IDS];
	struct {
		unsigned id;
		int64_t at;
	} cancelled[HOST_CANCELLED];
	unsigned cancels;

	/* The ear. */
	bool deaf;
	int64_t heard; /* when it was deaf last */
};

/* A request on its way; on the asker's stack. */
struct ask {
	struct ask *next;
	unsigned id;
	const char *tool;
	int64_t sent; /* sim_time */
	struct event answered;
	json_t *answer; /* the whole message; NULL: none came */
};

/* Starts it, with pipes to the server. Not from tasks. */
void host_start(struct life *life);

/* --- host_mouth.c --- */

/* Sends bytes as they are, in pieces. 0 or an error. Parks. */
int host_send(struct host *host, const char *text, size_t len);

/* Sends a request with these params ("" or the members of an object), for whose
 * answer host_await waits, once. Parks. */
int host_ask(struct host *host, struct ask *ask, const char *method,
	     const char *params);
/* The same for a tool with these arguments (members of an object). */
int host_call(struct host *host, struct ask *ask, const char *tool,
	      const char *arguments);
/* A notification. */
int host_notify(struct host *host, const char *method, const char *params);
/* Says that the answer is not wanted any more; it may come all the same. */
void host_cancel(struct host *host, struct ask *ask);

/* Parks until the answer is there, the session is over, or the answer should
 * have come long ago, `secs` after it was asked for: that is a failure. Returns
 * ask->answer, which is borrowed until host_forget. */
json_t *host_await(struct host *host, struct ask *ask, int secs);
/* The asker waits no longer; the answer is released. */
void host_forget(struct host *host, struct ask *ask);

/* Rests for `ns`, or less. 0 or a cancellation. */
int host_rest(struct host *host, int64_t ns);
uint32_t host_lot(const struct host *host, uint32_t below);

/* --- host_ear.c --- */

/* What a tool left, of an answer that may be NULL, as JSON: a new reference;
 * NULL when there is none, or it is an error. */
json_t *host_result(const json_t *answer);
/* The messages of inbox_peek's result, borrowed; NULL when it has none. */
json_t *host_messages(json_t *result);

void host_ear_task(struct rt *rt, void *arg);
void host_log_task(struct rt *rt, void *arg);

/* --- host_agent.c --- */

void host_agent_task(struct rt *rt, void *arg);
void host_fidget_task(struct rt *rt, void *arg);

#endif
