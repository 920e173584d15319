// SPDX-License-Identifier: MIT
/*
 * The library of the process tests: it drives the real programs from outside,
 * over pipes, sockets, terminals and files, and plays the platform for them.
 * It uses nothing of the program's own code, so that it is an independent
 * judge: posix_spawn, poll, threads, and Jansson for JSON.
 *
 *   struct rig      one test's world: a directory, a fake platform, an
 *                   environment, the children. rig_setup and rig_teardown are
 *                   the fixtures of every test.
 *   struct child    a running program. A thread of ours reads its stdout and
 *                   stderr all the time, so a child is never stuck on us
 *                   unless a test asks for it.
 *   struct fake     an HTTP server on 127.0.0.1 that records every request and
 *                   answers as the test says.
 *
 * How to add a test: write a function in the test_*.c it belongs to (or a new
 * file: every tests/process/test_*.c is one program, linked with the
 * harness_*.c), and add it to the table with TEST(name):
 *
 *   static void ping_is_answered(void **state)
 *   {
 *           struct rig *rig = *state;
 *           struct child *mcp = rig_start(rig);
 *
 *           mcp_hello(mcp);
 *           child_send(mcp, "{'jsonrpc':'2.0','id':7,'method':'ping'}");
 *           assert_true(json_is_object(child_result(mcp, 7)));
 *   }
 *
 * In every format string that stands for JSON an apostrophe means a quotation
 * mark. What the harness returns (messages, requests, texts) is borrowed and
 * lives until the end of the test. A wait that fails fails the test and shows
 * the child's stderr. HARNESS_VERBOSE=1 shows the stderr of every child.
 *
 * At the end of each test, teardown checks what must hold for every child:
 * each line on stdout was one whole JSON-RPC message, no token was written to
 * stdout or stderr, no sanitizer complained.
 *
 * Never use a fixed port, never sleep to let something happen (wait for it),
 * never assert that something was fast unless the bound is many times what
 * was promised.
 */
#ifndef PROCESS_HARNESS_H
#define PROCESS_HARNESS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <jansson.h>
#include <sys/types.h>

/* How long a right program may take for anything: a noisy machine is slow. */
#define BOUND_MS 15000
/* Within this a stop must be over; 1.5 s are promised, the rest is noise. */
#define STOP_BOUND_MS 6000

#define WS_ID "8dad3e29-c32a-4ec7-9ea7-94fe2d2d98ec"
#define PEER_ID "5b1c0e77-7d0e-4f3c-8a51-3a6f0c2d4e02"
#define TOKEN "tok-inline-0123456789abcdef"

#define PRINTF(a, b) __attribute__((format(printf, a, b)))

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

/* ---- texts, time, files (harness_util.c) ------------------------------ */

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t now_ms(void);
void pause_ms(int ms);
/* Polls until holds(arg) or the time is over; the last answer of holds. */
bool wait_until(bool (*holds)(void *), void *arg, int timeout_ms);
/* A new text, the caller's. quoted_*: ' in the format becomes ". */
char *text_new(const char *fmt, ...) PRINTF(1, 2);
char *quoted_new(const char *fmt, va_list ap) PRINTF(1, 0);
/* The whole file, NUL-terminated, the caller's; NULL if it is not there. */
char *file_read(const char *path);
void file_write(const char *path, const char *text, mode_t mode);
/* Permission bits of a file, or -1. */
int file_mode(const char *path);
/* Number of names in dir that contain part; 0 if there is no dir. */
int dir_count(const char *dir, const char *part);
void dir_remove(const char *dir);
/* Lines of text that contain part (case as given). */
int lines_with(const char *text, const char *part);
/* Does text contain part, whatever the case of letters? */
bool has_word(const char *text, const char *part);

/* ---- a running program (harness_child.c) ------------------------------ */

enum stdio_kind {
	STDIO_PIPE,
	STDIO_SOCKET,
	STDIO_PTY,
	STDIO_FILE,
	STDIO_NULL,
	STDIO_CLOSED,
};

struct child_how {
	const char *exe;	 /* NULL: the program of MOLECULE_MCP */
	const char *const *args; /* after argv[0], NULL-terminated; or NULL */
	enum stdio_kind in, out, err;
	const char *in_path;  /* for STDIO_FILE; it is read */
	const char *out_path; /* for STDIO_FILE; it is created and written */
	bool hold_stdout;     /* do not read stdout until child_unhold */
	bool hold_stderr;     /* the same for stderr */
	bool non_blocking;    /* its ends of the streams have O_NONBLOCK */
	bool text_stdout;     /* stdout is for people, no JSON-RPC lines */
	bool arrays;	      /* answers to a batch may be an array */
};

struct child;

/* The path of a program, out of the variable that names it; fails without. */
const char *harness_program(const char *variable);

struct child *child_spawn(const struct child_how *how, char *const *env);
/* Kills it if it still runs, and frees all it gave out. */
void child_free(struct child *c);
pid_t child_pid(const struct child *c);

/* Sends one line; ' stands for ". The newline is added. False: EPIPE. */
bool child_send(struct child *c, const char *fmt, ...) PRINTF(2, 3);
/* The same for a text without conversions. */
bool child_send_json(struct child *c, const char *json);
bool child_send_bytes(struct child *c, const void *bytes, size_t len);
void child_close_stdin(struct child *c);
/* Closes our reading end: the child's next write there fails. */
void child_close_stdout(struct child *c);
void child_unhold(struct child *c);

/* The response with this integer id; waits for it, fails without it. */
json_t *child_response(struct child *c, json_int_t id);
/* The same for a JSON id as text, e.g. "\"x\"". */
json_t *child_response_text(struct child *c, const char *id);
/* Its result (fails on an error), its error (fails on a result). */
json_t *child_result(struct child *c, json_int_t id);
json_t *child_error(struct child *c, json_int_t id);
/* Is there a response with this id already? How many? */
int child_responses(struct child *c, json_int_t id);
/* The n-th (from 0) notification of this method; waits for it. */
json_t *child_notification(struct child *c, const char *method, int n);
int child_notifications(struct child *c, const char *method);
/* Messages so far, and the n-th; NULL when there is none. */
int child_messages(struct child *c);
json_t *child_message(struct child *c, int n);

/* Copies of what came out so far, kept until the child is freed. */
const char *child_stdout(struct child *c);
const char *child_stderr(struct child *c);
/* Waits until stderr has this text; fails without it. */
void child_expect_stderr(struct child *c, const char *part);

/* Waits for the end. The exit code, 128 + signal, or -1: still running. */
int child_wait(struct child *c, int timeout_ms);
void child_signal(struct child *c, int sig);
bool child_running(struct child *c);
/* From the last child_mark to the end of the child, in ms. */
void child_mark(struct child *c);
int64_t child_stop_ms(const struct child *c);
/* What was wrong with its streams; NULL: nothing. secret may be NULL. */
const char *child_complaint(struct child *c, const char *secret);
/* Keeps a value until the child is freed. */
json_t *child_keep_json(struct child *c, json_t *value);
/* Fails the test with this message, and shows the child's stderr. */
void child_fail(struct child *c, const char *fmt, ...) PRINTF(2, 3);

/* VmRSS and its peak in KiB, threads, open descriptors of a process; -1: not to
 * be had. */
long proc_rss_kib(pid_t pid);
long proc_peak_kib(pid_t pid);
long proc_threads(pid_t pid);
int proc_fds(pid_t pid);

/* ---- MCP over a child ------------------------------------------------- */

/* The handshake, to the end: initialize, its answer, initialized. */
void mcp_hello(struct child *c);
/* Only the request, id 1. */
void mcp_initialize(struct child *c, const char *version);
void mcp_initialized(struct child *c);
/* Sends tools/call; args is JSON (' for "), NULL for none. */
void mcp_call(struct child *c, json_int_t id, const char *tool,
	      const char *args, ...) PRINTF(4, 5);
/* The text of the answer to a call; *is_error if not NULL. Waits. */
const char *mcp_text(struct child *c, json_int_t id, bool *is_error);
/* The answer must be a success / a failure; its text. */
const char *mcp_ok(struct child *c, json_int_t id);
const char *mcp_failed(struct child *c, json_int_t id);
/* The text of a success as JSON, borrowed. */
json_t *mcp_json(struct child *c, json_int_t id);

/* ---- the fake platform (harness_fake.c) ------------------------------- */

enum answer_kind {
	ANSWER_PLAIN,	  /* status, headers, body */
	ANSWER_RAW,	  /* body as it is, then the connection is closed */
	ANSWER_RESET,	  /* RST */
	ANSWER_CLOSE,	  /* FIN without a byte */
	ANSWER_HANG,	  /* nothing, until fake_release or the end */
	ANSWER_TRUNCATED, /* Content-Length says more than comes */
};

struct answer {
	int status;	     /* 0: 200 */
	const char *body;    /* JSON with ' for "; NULL: none */
	const char *headers; /* whole lines with \r\n, or NULL */
	int delay_ms;
	enum answer_kind kind;
};

struct request {
	int64_t at_ms;	/* when it had arrived whole */
	int connection; /* 1, 2, … in order of accept */
	int order;	/* 0, 1, … over all requests */
	const char *method;
	const char *path;  /* without the query; see BROADCASTS */
	const char *query; /* "" when there is none */
	const char *head;  /* the header lines */
	const char *body;  /* NUL-terminated */
	size_t body_len;
	json_t *json; /* the body, or NULL if it is no JSON */
};

struct fake;

/* Answers r; runs on a thread of the fake. Texts are the handler's own. */
typedef struct answer (*fake_handler_fn)(const struct request *r, void *arg);

/*
 * A new platform that knows any workspace and is content with everything:
 * register, heartbeat, activity (rows of fake_row), notify, peers and so on
 * have a plain good answer until a test says otherwise.
 */
struct fake *fake_new(void);
void fake_free(struct fake *f);
const char *fake_url(const struct fake *f);
int fake_port(const struct fake *f);
/* Stops listening and cuts all connections; comes back on the same port. */
void fake_down(struct fake *f);
void fake_up(struct fake *f);
/* Goes to another address of this machine (a static text), the same port. */
void fake_move(struct fake *f, const char *host);
/* Cuts the connections that are open, and keeps listening. */
void fake_cut(struct fake *f);

/*
 * What to answer to a method and a path (fnmatch pattern, * within a
 * segment). fake_once answers are used first, in order, one request each;
 * then a handler or the fake_always answer; then the plain good one.
 */
void fake_once(struct fake *f, const char *method, const char *pattern,
	       struct answer a);
void fake_always(struct fake *f, const char *method, const char *pattern,
		 struct answer a);
void fake_handle(struct fake *f, const char *method, const char *pattern,
		 fake_handler_fn fn, void *arg);
/* Back to the plain good answers for that method and pattern. */
void fake_forget(struct fake *f, const char *method, const char *pattern);
/* Lets all hanging answers go: they get the plain good answer. */
void fake_release(struct fake *f);

/* Adds an activity row (JSON). The newest is the last added. */
void fake_row(struct fake *f, const char *fmt, ...) PRINTF(2, 3);
/* A user's (source NULL) or a peer's message/send row with number n. */
void fake_message(struct fake *f, int n, const char *source, const char *text);
/* The id of the row that fake_message(n) adds; borrowed, thread-unsafe. */
const char *row_id(int n, char out[40]);

int fake_count(struct fake *f, const char *method, const char *pattern);
/* The n-th (from 0) such request so far, or NULL. */
const struct request *fake_seen(struct fake *f, const char *method,
				const char *pattern, int n);
/* The same, waiting for it; fails the test without it. */
const struct request *fake_expect(struct fake *f, const char *method,
				  const char *pattern, int n);
int fake_connections(struct fake *f);
/* Value of a header (any case of the name), in buf; NULL if not there. */
const char *request_header(const struct request *r, const char *name, char *buf,
			   size_t size);

/* Paths, for patterns. */
#define REGISTER "/registry/register"
#define HEARTBEAT "/registry/heartbeat"
#define ACTIVITY "/workspaces/" WS_ID "/activity"
#define NOTIFY "/workspaces/" WS_ID "/notify"
/* Polls for broadcasts count as another path than those for messages. */
#define BROADCAST_TYPE "type=broadcast_receive"
#define BROADCASTS ACTIVITY "/" BROADCAST_TYPE

/* ---- one test's world (harness_rig.c) --------------------------------- */

struct rig {
	struct fake *fake;
	char *dir;     /* removed at the end */
	char *configs; /* CONFIGS_DIR, inside dir; not created yet */
	char *home;    /* HOME, inside dir */
	char **env;
	size_t env_count;
	struct child *children[64];
	int child_count;
	char **texts;
	size_t text_count;
	bool may_complain; /* do not check the streams of the children */
};

int rig_setup(void **state);
int rig_teardown(void **state);
/* Sets a variable for the next child; NULL removes it. */
void rig_env(struct rig *rig, const char *name, const char *value);
/* molecule-mcp with pipes. */
struct child *rig_start(struct rig *rig);
struct child *rig_spawn(struct rig *rig, struct child_how how);
/* Ends a child early, with the checks of the teardown, and frees it: for tests
 * that start very many. */
void rig_drop(struct rig *rig, struct child *c);
/* A text that lives as long as the rig. */
const char *rig_text(struct rig *rig, const char *fmt, ...) PRINTF(2, 3);
/* JSON with ' for " as real JSON, for %s; lives as long as the rig. */
const char *rig_quoted(struct rig *rig, const char *json);
/*
 * One request to a server on 127.0.0.1 (harness_http.c), on a connection of
 * its own. body (' for ") and token may be NULL. The status, and the body in
 * *answer unless NULL; -1 when there was no answer.
 */
int http_ask(struct rig *rig, int port, const char *method, const char *path,
	     const char *token, const char *body, const char **answer);
/* Content of <configs>/name, or NULL. */
const char *rig_state(struct rig *rig, const char *name);
/* Waits until <configs>/name has this content; fails without it. */
void rig_expect_state(struct rig *rig, const char *name, const char *content);

#endif
