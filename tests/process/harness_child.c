// SPDX-License-Identifier: MIT
#include "harness_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_STEP ((size_t)65536)

/* Bytes that came out of one stream. */
struct bytes {
	char *data;
	size_t len, room;
};

struct child {
	pid_t pid;
	int in;	      /* our end of its stdin, or -1 */
	int out, err; /* our ends, non-blocking, or -1 */
	int wake[2];  /* a byte here makes the reader look again */
	pthread_t reader;
	pthread_mutex_t lock; /* over all below */
	bool hold, hold_err, text, arrays, quit, close_out;
	struct bytes from_out, from_err;
	size_t parsed;	/* bytes of from_out already made messages */
	size_t scanned; /* bytes of it looked at for the end of a line */
	json_t **messages;
	int message_count;
	char *bad;   /* the first thing wrong on stdout */
	int code;    /* -1 while it runs */
	bool killed; /* by us */
	int64_t mark, ended;
	char **copies; /* texts given out */
	size_t copy_count;
	json_t **values; /* JSON given out */
	size_t value_count;
};

/* Makes room for n bytes more, and a NUL. */
static char *room_for(struct bytes *b, size_t n)
{
	if (b->room - b->len <= n) {
		b->room = 2 * b->room + n + 1;
		b->data = realloc(b->data, b->room);
		if (!b->data)
			abort();
	}
	return b->data + b->len;
}

static char *keep(struct child *c, char *text)
{
	c->copies = realloc(c->copies, (c->copy_count + 1) * sizeof(char *));
	if (!c->copies)
		abort();
	c->copies[c->copy_count++] = text;
	return text;
}

/* Is m a request, a notification or a response, and nothing else? */
static bool is_message(const json_t *m)
{
	const json_t *version = json_object_get(m, "jsonrpc");
	const json_t *id = json_object_get(m, "id");
	bool result = json_is_object(json_object_get(m, "result"));
	const json_t *error = json_object_get(m, "error");

	if (!json_is_object(m) || !json_is_string(version) ||
	    strcmp(json_string_value(version), "2.0"))
		return false;
	if (json_is_string(json_object_get(m, "method")))
		return !result && !error;
	if (!json_is_string(id) && !json_is_integer(id) && !json_is_real(id))
		return false;
	if (error)
		return !result &&
		       json_is_integer(json_object_get(error, "code")) &&
		       json_is_string(json_object_get(error, "message"));
	return result;
}

static void add_message(struct child *c, json_t *m)
{
	c->messages = realloc(c->messages, (size_t)(c->message_count + 1) *
						   sizeof(json_t *));
	if (!c->messages)
		abort();
	c->messages[c->message_count++] = m;
}

static void complain(struct child *c, const char *what, const char *line,
		     size_t len)
{
	if (!c->bad)
		c->bad = text_new("%s: %.*s", what, len > 300 ? 300 : (int)len,
				  line);
}

static void take_line(struct child *c, const char *line, size_t len)
{
	json_t *value = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);

	if (c->arrays && json_is_array(value)) {
		size_t i;
		json_t *one;

		json_array_foreach(value, i, one)
		{
			if (!is_message(one))
				complain(c, "no message", line, len);
			add_message(c, json_incref(one));
		}
		json_decref(value);
		return;
	}
	if (!is_message(value)) {
		complain(c, "not one JSON-RPC message", line, len);
		json_decref(value);
		return;
	}
	add_message(c, value);
}

static void take_lines(struct child *c)
{
	const struct bytes *b = &c->from_out;
	const char *end;

	while (c->scanned < b->len && (end = memchr(b->data + c->scanned, '\n',
						    b->len - c->scanned))) {
		const char *line = b->data + c->parsed;

		take_line(c, line, (size_t)(end - line));
		c->parsed = c->scanned = (size_t)(end + 1 - b->data);
	}
	c->scanned = b->len;
}

/* Reads what is there; closes the end and sets it to -1 at its end. */
static void drain(struct child *c, int *fd, struct bytes *into)
{
	ssize_t n;

	pthread_mutex_lock(&c->lock);
	n = read(*fd, room_for(into, READ_STEP), READ_STEP);
	if (n > 0) {
		into->len += (size_t)n;
		into->data[into->len] = '\0';
		if (into == &c->from_out && !c->text)
			take_lines(c);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(*fd);
		*fd = -1;
	}
	pthread_mutex_unlock(&c->lock);
}

static void *reader_main(void *arg)
{
	struct child *c = arg;
	char waste[64];

	for (;;) {
		struct pollfd p[3] = { { .fd = c->wake[0], .events = POLLIN },
				       { .fd = c->err, .events = POLLIN },
				       { .fd = c->out, .events = POLLIN } };

		pthread_mutex_lock(&c->lock);
		if (c->quit) {
			pthread_mutex_unlock(&c->lock);
			return NULL;
		}
		if (c->close_out && c->out >= 0) {
			close(c->out);
			c->out = -1;
		}
		if (c->hold || c->out < 0)
			p[2].fd = -1;
		if (c->hold_err)
			p[1].fd = -1;
		pthread_mutex_unlock(&c->lock);
		if (poll(p, 3, -1) < 0)
			continue;
		if (p[0].revents && read(c->wake[0], waste, sizeof waste) < 0)
			continue;
		if (p[1].revents)
			drain(c, &c->err, &c->from_err);
		if (p[2].revents)
			drain(c, &c->out, &c->from_out);
	}
}

static void wake_reader(struct child *c)
{
	while (write(c->wake[1], "", 1) < 0 && errno == EINTR)
		;
}

struct child *child_spawn(const struct child_how *how, char *const *env)
{
	struct child *c = calloc(1, sizeof *c);
	int ours[3];

	if (!c || pipe2(c->wake, O_CLOEXEC))
		abort();
	signal(SIGPIPE, SIG_IGN);
	pthread_mutex_init(&c->lock, NULL);
	c->code = -1;
	c->hold = how->hold_stdout;
	c->hold_err = how->hold_stderr;
	c->text = how->text_stdout;
	c->arrays = how->arrays;
	c->pid = spawn_with_streams(how, env, ours);
	c->in = ours[0];
	c->out = ours[1];
	c->err = ours[2];
	c->mark = now_ms();
	if (pthread_create(&c->reader, NULL, reader_main, c))
		abort();
	return c;
}

void child_free(struct child *c)
{
	if (!c)
		return;
	if (child_running(c)) {
		c->killed = true;
		kill(c->pid, SIGKILL);
		child_wait(c, BOUND_MS);
	}
	pthread_mutex_lock(&c->lock);
	c->quit = true;
	pthread_mutex_unlock(&c->lock);
	wake_reader(c);
	pthread_join(c->reader, NULL);
	child_close_stdin(c);
	if (c->out >= 0)
		close(c->out);
	if (c->err >= 0)
		close(c->err);
	close(c->wake[0]);
	close(c->wake[1]);
	for (int i = 0; i < c->message_count; i++)
		json_decref(c->messages[i]);
	for (size_t i = 0; i < c->copy_count; i++)
		free(c->copies[i]);
	for (size_t i = 0; i < c->value_count; i++)
		json_decref(c->values[i]);
	free(c->messages);
	free(c->copies);
	free(c->values);
	free(c->from_out.data);
	free(c->from_err.data);
	free(c->bad);
	free(c);
}

pid_t child_pid(const struct child *c)
{
	return c->pid;
}

bool child_send_bytes(struct child *c, const void *bytes, size_t len)
{
	int64_t end = now_ms() + 2 * BOUND_MS;
	const char *p = bytes;

	while (len) {
		ssize_t n = write(c->in, p, len);
		struct pollfd w = { .fd = c->in, .events = POLLOUT };

		if (n > 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (now_ms() > end)
			child_fail(c, "the child does not read its stdin");
		poll(&w, 1, 100);
	}
	return true;
}

bool child_send(struct child *c, const char *fmt, ...)
{
	va_list ap;
	char *text, *line;
	bool ok;

	va_start(ap, fmt);
	text = quoted_new(fmt, ap);
	va_end(ap);
	line = text_new("%s\n", text);
	ok = child_send_bytes(c, line, strlen(line));
	free(text);
	free(line);
	return ok;
}

bool child_send_json(struct child *c, const char *json)
{
	char *line = text_new("%s\n", json);
	bool ok;

	for (char *p = line; *p; p++)
		if (*p == '\'')
			*p = '"';
	ok = child_send_bytes(c, line, strlen(line));
	free(line);
	return ok;
}

void child_close_stdin(struct child *c)
{
	if (c->in >= 0)
		close(c->in);
	c->in = -1;
}

void child_close_stdout(struct child *c)
{
	pthread_mutex_lock(&c->lock);
	c->close_out = true;
	pthread_mutex_unlock(&c->lock);
	wake_reader(c);
	for (int i = 0; i < 1000; i++) {
		bool closed;

		pthread_mutex_lock(&c->lock);
		closed = c->out < 0;
		pthread_mutex_unlock(&c->lock);
		if (closed)
			return;
		pause_ms(2);
	}
}

void child_unhold(struct child *c)
{
	pthread_mutex_lock(&c->lock);
	c->hold = c->hold_err = false;
	pthread_mutex_unlock(&c->lock);
	wake_reader(c);
}

int child_messages(struct child *c)
{
	int n;

	pthread_mutex_lock(&c->lock);
	n = c->message_count;
	pthread_mutex_unlock(&c->lock);
	return n;
}

json_t *child_message(struct child *c, int n)
{
	json_t *m = NULL;

	pthread_mutex_lock(&c->lock);
	if (n < c->message_count)
		m = c->messages[n];
	pthread_mutex_unlock(&c->lock);
	return m;
}

static const char *copy_of(struct child *c, const struct bytes *b)
{
	char *text;

	pthread_mutex_lock(&c->lock);
	text = strdup(b->len ? b->data : "");
	pthread_mutex_unlock(&c->lock);
	if (!text)
		abort();
	return keep(c, text);
}

const char *child_stdout(struct child *c)
{
	return copy_of(c, &c->from_out);
}

const char *child_stderr(struct child *c)
{
	return copy_of(c, &c->from_err);
}

/* Waits up to timeout_ms; keeps the code and the time of the end. */
int child_wait(struct child *c, int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;
	int status;

	while (c->code < 0) {
		pid_t got = waitpid(c->pid, &status, WNOHANG);

		if (got == c->pid) {
			c->ended = now_ms();
			c->code = WIFEXITED(status) ? WEXITSTATUS(status)
						    : 128 + WTERMSIG(status);
			break;
		}
		if (now_ms() >= end)
			return -1;
		pause_ms(1);
	}
	/* What it wrote last may still be in the pipes. */
	for (int i = 0; i < 500; i++) {
		bool done;

		pthread_mutex_lock(&c->lock);
		done = (c->out < 0 || c->hold) && (c->err < 0 || c->hold_err);
		pthread_mutex_unlock(&c->lock);
		if (done)
			break;
		pause_ms(2);
	}
	return c->code;
}

bool child_running(struct child *c)
{
	return c->code < 0 && child_wait(c, 0) < 0;
}

void child_signal(struct child *c, int sig)
{
	if (child_running(c))
		kill(c->pid, sig);
	if (sig == SIGKILL)
		c->killed = true;
}

void child_mark(struct child *c)
{
	c->mark = now_ms();
}

int64_t child_stop_ms(const struct child *c)
{
	return c->ended - c->mark;
}

const char *child_complaint(struct child *c, const char *secret)
{
	const char *err = child_stderr(c);
	const char *out = child_stdout(c);

	if (c->bad)
		return c->bad;
	if (!c->text && !c->killed && !c->hold && c->code >= 0 &&
	    c->parsed < c->from_out.len)
		return "an unfinished line on stdout";
	if (strstr(err, "AddressSanitizer") || strstr(err, "runtime error:") ||
	    strstr(err, "LeakSanitizer"))
		return keep(c, text_new("a sanitizer complains:\n%s", err));
	if (secret && (strstr(err, secret) || strstr(out, secret)))
		return "the token was written to stdout or stderr";
	return NULL;
}

void child_fail(struct child *c, const char *fmt, ...)
{
	char *what = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		abort();
	va_end(ap);
	keep(c, what);
	print_error("--- stderr of the child (%s %d):\n%s---\n",
		    child_running(c) ? "running, pid" : "ended, code",
		    c->code < 0 ? (int)c->pid : c->code, child_stderr(c));
	if (c->bad)
		print_error("--- stdout: %s\n", c->bad);
	fail_msg("%s", what);
}

struct text_wait {
	struct child *c;
	const char *part;
};

static bool stderr_has(void *arg)
{
	struct text_wait *w = arg;
	bool has;

	pthread_mutex_lock(&w->c->lock);
	has = w->c->from_err.len && strstr(w->c->from_err.data, w->part);
	pthread_mutex_unlock(&w->c->lock);
	return has;
}

void child_expect_stderr(struct child *c, const char *part)
{
	struct text_wait w = { c, part };

	if (!wait_until(stderr_has, &w, BOUND_MS))
		child_fail(c, "stderr never said \"%s\"", part);
}

json_t *child_keep_json(struct child *c, json_t *value)
{
	c->values = realloc(c->values, (c->value_count + 1) * sizeof(json_t *));
	if (!c->values)
		abort();
	c->values[c->value_count++] = value;
	return value;
}
