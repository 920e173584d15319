// SPDX-License-Identifier: MIT
/*
 * sse - events out of a text/event-stream body (WHATWG HTML, section 9.2.6
 * "Interpreting an event stream"), whatever pieces it comes in.
 *
 *	struct sse sse = { 0 };
 *	while ((n = read(…)) > 0)
 *		for (at = 0; at < n; at += used)
 *			switch (sse_feed(&sse, buf + at, n - at, &used)) …
 *	sse_free(&sse);
 *
 * Only the type and the data of an event are kept: whoever follows the stream
 * here reconnects by its own rules and has no use for id and retry. Memory is
 * bounded by SSE_EVENT_MAX, and given back when an event that took much of it
 * has been dealt with.
 */
#ifndef PROTO_SSE_H
#define PROTO_SSE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of an event's lines; of a larger one only the fact is reported. */
#define SSE_EVENT_MAX (64u * 1024)
#define SSE_TYPE_MAX 64u /* a longer type is cut */
/* A buffer up to this size is kept from one event to the next. */
#define SSE_KEPT_MAX 1024u

/* All zero is the beginning of a stream. */
struct sse {
	char type[SSE_TYPE_MAX + 1]; /* of the event; "" is "message" */
	char *data;		     /* of the event, NUL-terminated; or NULL */
	size_t len;
	/* Private: a line that is not whole, and where in the text we are. */
	char *line;
	size_t line_len;
	size_t line_cap, data_cap;
	bool has_data;	/* the event so far has a data line */
	bool large;	/* it is over the limit */
	bool given;	/* the event above has been given out */
	bool after_cr;	/* a line feed now belongs to the last line's end */
	bool line_over; /* the rest of this line is passed over */
	bool begun;	/* past the first line, where a BOM may stand */
};

enum sse_found {
	SSE_NOTHING, /* all bytes were used: there is no whole event */
	SSE_EVENT,   /* type, data and len, valid until the next call */
	SSE_LARGE,   /* an event beyond SSE_EVENT_MAX; there is only its type */
	SSE_NO_MEMORY,
};

/* Reads on in the stream. *used is how many of the `len` bytes were consumed;
 * call again with the rest. */
enum sse_found sse_feed(struct sse *sse, const char *bytes, size_t len,
			size_t *used);

/* Frees the buffers; what is left is as new. An event without its blank line
 * at the end of the stream is none. */
void sse_free(struct sse *sse);

#endif
