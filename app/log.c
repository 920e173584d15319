// SPDX-License-Identifier: MIT
#include "app/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/task.h"

/* What a pipe that is ready takes without blocking. */
#define DIRECT_PIECE 4096u
#define QUEUE_MIN 1024u

void log_init(struct log *log, int fd, enum log_level level)
{
	*log = (struct log){ .fd = fd, .level = level };
}

void log_start(struct log *log, struct rt *rt)
{
	log->rt = rt;
	scope_open(rt, &log->scope, DEADLINE_NEVER);
}

static void write_directly(const struct log *log, const char *text, size_t len)
{
	while (len > 0) {
		struct pollfd pfd = { .fd = log->fd, .events = POLLOUT };
		ssize_t n;

		if (poll(&pfd, 1, LOG_DIRECT_MS) != 1)
			return;
		n = write(log->fd, text,
			  len < DIRECT_PIECE ? len : DIRECT_PIECE);
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static bool reserve(struct log *log, size_t more)
{
	size_t cap = log->cap > 0 ? log->cap : QUEUE_MIN;
	char *queue;

	if (log->len + more > LOG_QUEUE_MAX)
		return false;
	while (cap < log->len + more)
		cap *= 2;
	if (cap == log->cap)
		return true;
	queue = realloc(log->queue, cap);
	if (queue == NULL)
		return false;
	log->queue = queue;
	log->cap = cap;
	return true;
}

static bool append(struct log *log, const char *text, size_t len)
{
	if (!reserve(log, len))
		return false;
	memcpy(log->queue + log->len, text, len);
	log->len += len;
	return true;
}

/* Says how many lines were lost, now that there is room again. */
static void append_dropped(struct log *log)
{
	char line[80];
	int n = snprintf(line, sizeof(line),
			 LOG_PREFIX "%u log lines were lost here\n",
			 log->dropped);

	if (append(log, line, (size_t)n))
		log->dropped = 0;
}

static void writer_task(struct rt *rt, void *arg)
{
	struct log *log = arg;
	int err = 0;

	while (err == 0 && (log->len > 0 || log->dropped > 0)) {
		char *text;
		size_t len;

		if (log->dropped > 0)
			append_dropped(log);
		text = log->queue;
		len = log->len;
		log->queue = NULL;
		log->len = log->cap = 0;
		err = io_write_all(rt, log->fd, text, len, NULL,
				   DEADLINE_NEVER);
		free(text);
		if (text == NULL)
			break;
	}
	log->writing = false;
}

static void put(struct log *log, const char *text, size_t len)
{
	if (log->rt == NULL) {
		write_directly(log, text, len);
		return;
	}
	if (!append(log, text, len)) {
		log->dropped++;
		return;
	}
	if (!log->writing)
		log->writing = task_spawn(&log->scope, "log", TASK_STACK_SMALL,
					  writer_task, log) == 0;
}

void log_stop(struct log *log, struct deadline deadline)
{
	if (log->rt == NULL)
		return;
	scope_wait(&log->scope, deadline);
	scope_close(&log->scope);
	log->rt = NULL;
	free(log->queue);
	log->queue = NULL;
	log->len = log->cap = 0;
}

/* Control characters, also the two-byte ones of UTF-8, become spaces. */
static void make_printable(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		unsigned char next = i + 1 < len ? (unsigned char)text[i + 1]
						 : 0;

		if (c < 0x20 || c == 0x7f)
			text[i] = ' ';
		else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
			text[i] = text[i + 1] = ' ';
	}
}

static void vlog(struct log *log, enum log_level level, const char *format,
		 va_list args)
{
	char line[LOG_LINE_MAX];
	size_t len = sizeof(LOG_PREFIX) - 1;
	int n;

	if (level > log->level)
		return;
	memcpy(line, LOG_PREFIX, len);
	n = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	if (n < 0)
		return;
	if ((size_t)n > sizeof(line) - len - 2)
		n = (int)(sizeof(line) - len - 2);
	make_printable(line + len, (size_t)n);
	len += (size_t)n;
	line[len++] = '\n';
	put(log, line, len);
}

void log_error(struct log *log, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vlog(log, LOG_ERROR, format, args);
	va_end(args);
}

void log_warning(struct log *log, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vlog(log, LOG_WARNING, format, args);
	va_end(args);
}

void log_info(struct log *log, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vlog(log, LOG_INFO, format, args);
	va_end(args);
}

void log_plain(struct log *log, const char *text)
{
	put(log, text, strlen(text));
}

bool log_limit_pass(struct log_limit *limit, int64_t now_ns, int64_t every_ms,
		    uint32_t *withheld)
{
	if (limit->next_ns != 0 && now_ns < limit->next_ns) {
		limit->withheld++;
		return false;
	}
	limit->next_ns = now_ns + every_ms * CLOCK_NS_PER_MS;
	if (withheld != NULL)
		*withheld = limit->withheld;
	limit->withheld = 0;
	return true;
}
