// SPDX-License-Identifier: MIT
/*
 * log - one line on stderr for each thing a person should know.
 *
 *	struct log log;
 *	log_init(&log, STDERR_FILENO, LOG_WARNING);
 *	log_start(&log, rt);		// from here on nothing blocks
 *	log_warning(&log, "register failed: %s", why);
 *	log_stop(&log, deadline_in_ms(rt, 100));
 *
 * A line is `[molecule-mcp] ` and the message. Control characters in it
 * become spaces, so that nothing received can forge a line or reach the
 * terminal. Lines longer than LOG_LINE_MAX are cut.
 *
 * Between log_start and log_stop lines go into a bounded queue which a task
 * of the log's own empties; it exists only while there is something to write.
 * When the reader of stderr is so slow that the queue is full, lines are
 * dropped, counted, and the count is said once there is room. Before and
 * after, lines are written directly, and given up if stderr takes nothing for
 * LOG_DIRECT_MS.
 *
 * Nobody may hand a token or secret to these functions.
 */
#ifndef APP_LOG_H
#define APP_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/clock.h"
#include "runtime/scope.h"

struct rt;

#define LOG_PREFIX "[molecule-mcp] "
#define LOG_LINE_MAX 1024u   /* prefix and newline included; < PIPE_BUF */
#define LOG_QUEUE_MAX 32768u /* bytes */
#define LOG_DIRECT_MS 100

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO };

struct log {
	int fd;
	enum log_level level; /* messages above it are not written */
	struct rt *rt;	      /* NULL: lines are written directly */
	struct scope scope;   /* of the writing task */
	bool writing;	      /* the task lives */
	char *queue;	      /* lines not yet handed to the writer */
	size_t len, cap;
	uint32_t dropped; /* lines lost and not yet said to be */
};

/* A log that writes to `fd` directly. Allocates nothing. */
void log_init(struct log *log, int fd, enum log_level level);

/* Hands the writing over to the runtime. To be called in a task. */
void log_start(struct log *log, struct rt *rt);

/* Waits until everything is written or `deadline` has come, then goes back to
 * writing directly and frees the queue. Parks; harmless when not started. */
void log_stop(struct log *log, struct deadline deadline);

/* One line each. None parks. */
void log_error(struct log *log, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void log_warning(struct log *log, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void log_info(struct log *log, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Text as it is: no prefix, several lines if it has newlines; for what a
 * person is told before the program ends. Does not park. */
void log_plain(struct log *log, const char *text);

/*
 * Keeps a repeated warning from filling the log. All zero is ready.
 */
struct log_limit {
	int64_t next_ns;   /* not before this */
	uint32_t withheld; /* since the last one that was let through */
};

/* Whether to say it again now (`now_ns` of any one clock). True the first
 * time, then once for each `every_ms`; *withheld (may be NULL) then tells how
 * many were kept back in between. */
bool log_limit_pass(struct log_limit *limit, int64_t now_ns, int64_t every_ms,
		    uint32_t *withheld);

#endif
