// SPDX-License-Identifier: MIT
/*
 * The head is gathered line by line in one buffer. Each line is checked when
 * it is whole and taken apart where it stands: separators become NULs, the LF
 * stays as the mark between lines. Pointers into the buffer are made only at
 * the end of the head, since until then it may move.
 *
 * The body is not gathered. Chunk lines and trailers go through a state
 * machine a byte at a time; body bytes go by as whole pieces.
 */
#include "proto/http1.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/http1_chars.h"

/* Most heads of the platform fit. */
#define HEAD_CAP_FIRST 512

/* What the next byte belongs to. */
enum {
	S_START_LINE,
	S_FIELDS,
	S_COUNTED, /* body by Content-Length */
	S_TO_CLOSE,
	S_SIZE_FIRST, /* chunk size: the digit that must be there */
	S_SIZE,
	S_SIZE_SPACE, /* white space, an extension must follow */
	S_EXTENSION,
	S_SIZE_LF,
	S_CHUNK,
	S_CHUNK_CR,
	S_CHUNK_LF,
	S_TRAILER,
	S_TRAILER_NAME,
	S_TRAILER_VALUE,
	S_TRAILER_LF,
	S_END_LF,
};

/* What the fields say that matters for framing. */
struct facts {
	bool has_length, has_coding;
	uint64_t length;
	bool close, keep_alive, expect_continue;
	unsigned hosts;
};

void http1_parser_init(struct http1_parser *parser, enum http1_kind kind,
		       const struct http1_limits *limits)
{
	*parser = (struct http1_parser){ .kind = kind, .limits = *limits };
	if (parser->limits.head_max == 0)
		parser->limits.head_max = HTTP1_HEAD_MAX;
}

static void head_free(struct http1_parser *p)
{
	if (p->head)
		explicit_bzero(p->head, p->head_len);
	free(p->head);
	p->head = NULL;
	p->head_len = p->head_cap = 0;
}

void http1_parser_free(struct http1_parser *parser)
{
	head_free(parser);
	free(parser->fields);
	parser->fields = NULL;
	parser->field_count = 0;
	parser->method = parser->target = parser->reason = NULL;
}

/* Most names differ in their first character. */
static inline bool same_name(const char *a, const char *b)
{
	return *a == *b && strcmp(a, b) == 0;
}

const char *http1_field(const struct http1_parser *parser, const char *name)
{
	if (!parser->fields)
		return NULL;
	for (size_t i = 0; i < parser->field_count; i++)
		if (same_name(parser->fields[i].name, name))
			return parser->fields[i].value;
	return NULL;
}

/* Whether text[0..len) is `token` but for case. */
static bool same_token(const char *text, size_t len, const char *token)
{
	if (strlen(token) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (http1_lower(text[i]) != token[i])
			return false;
	return true;
}

bool http1_has_token(const char *list, const char *token)
{
	while (*list) {
		list += strspn(list, " \t,");
		size_t len = strcspn(list, ",");
		size_t trimmed = len;
		while (trimmed &&
		       (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
			trimmed--;
		if (trimmed && same_token(list, trimmed, token))
			return true;
		list += len;
	}
	return false;
}

/* Appends to the head. What the buffer held is wiped when it moves. */
static int head_append(struct http1_parser *p, const char *buf, size_t len)
{
	if (len > p->limits.head_max - p->overhead)
		return -EMSGSIZE;
	if (len > p->head_cap - p->head_len) {
		size_t cap = p->head_cap ? p->head_cap : HEAD_CAP_FIRST;
		while (cap - p->head_len < len)
			cap *= 2;
		char *head = malloc(cap);
		if (!head)
			return -ENOMEM;
		size_t held = p->head_len;
		if (held)
			memcpy(head, p->head, held);
		head_free(p);
		p->head = head;
		p->head_len = held;
		p->head_cap = cap;
	}
	memcpy(p->head + p->head_len, buf, len);
	p->head_len += len;
	p->overhead += len;
	return 0;
}

/* "HTTP/1.x", at the beginning of text that is at least 8 long. */
static bool parse_version(struct http1_parser *p, const char *text)
{
	if (memcmp(text, "HTTP/1.", 7) != 0 || text[7] < '0' || text[7] > '9')
		return false;
	p->version_minor = text[7] - '0';
	return true;
}

/* method SP target SP version (RFC 9112 section 3). */
static int request_line(struct http1_parser *p, char *line, size_t len)
{
	char *target = memchr(line, ' ', len);
	if (!target)
		return -EBADMSG;
	size_t method_len = (size_t)(target - line);
	*target++ = '\0';
	size_t rest = len - method_len - 1;
	char *version = memchr(target, ' ', rest);
	if (!version)
		return -EBADMSG;
	size_t target_len = (size_t)(version - target);
	*version++ = '\0';
	if (rest - target_len - 1 != 8 || !parse_version(p, version) ||
	    !http1_all(line, method_len, http1_is_tchar) ||
	    !http1_target(target, target_len))
		return -EBADMSG;
	return 0;
}

/* version SP status [SP reason] (RFC 9112 section 4). The space before an
 * empty reason is required there but often left out, which does no harm. */
static int status_line(struct http1_parser *p, const char *line, size_t len)
{
	if (len < 12 || !parse_version(p, line) || line[8] != ' ' ||
	    (len > 12 && line[12] != ' '))
		return -EBADMSG;
	int status = 0;
	for (int i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return -EBADMSG;
		status = status * 10 + (line[i] - '0');
	}
	if (status < 100 || (len > 13 && !http1_text(line + 13, len - 13)))
		return -EBADMSG;
	p->status = status;
	return 0;
}

/* name ":" OWS value OWS (RFC 9112 section 5). A line that begins with white
 * space (obs-fold) has no valid name. */
static int field_line(struct http1_parser *p, char *line, size_t len)
{
	if (p->field_count >= HTTP1_FIELDS_MAX)
		return -EMSGSIZE;
	char *colon = line;
	for (unsigned char c; (c = http1_tchars[(unsigned char)*colon]) != 0;)
		*colon++ = (char)c;
	if (colon == line || *colon != ':')
		return -EBADMSG;
	*colon = '\0';
	char *end = line + len;
	if (!http1_text(colon + 1, (size_t)(end - colon) - 1))
		return -EBADMSG;
	while (end > colon + 1 && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	p->field_count++;
	return 0;
}

/* Makes the pointers into the head, which moves no more. */
static int point_into_head(struct http1_parser *p)
{
	if (p->kind == HTTP1_REQUEST) {
		p->method = p->head;
		p->target = p->head + strlen(p->head) + 1;
	} else {
		p->reason = p->head + (p->head[12] ? 13 : 12);
	}
	if (p->field_count == 0)
		return 0;
	p->fields = malloc(p->field_count * sizeof(*p->fields));
	if (!p->fields)
		return -ENOMEM;
	const char *end = p->head + p->head_len;
	const char *line = p->head;
	for (size_t i = 0; i < p->field_count; i++) {
		line = (const char *)memchr(line, '\n', (size_t)(end - line)) +
		       1;
		const char *value = line + strlen(line) + 1;
		p->fields[i].name = line;
		p->fields[i].value = value + strspn(value, " \t");
	}
	return 0;
}

/* Content-Length (RFC 9110 section 8.6): digits alone, no list. A number that
 * does not fit is over any limit. */
static int read_length(struct facts *f, const char *value)
{
	uint64_t length = 0;
	if (*value == '\0')
		return -EBADMSG;
	for (; *value; value++) {
		if (*value < '0' || *value > '9')
			return -EBADMSG;
		if (__builtin_mul_overflow(length, (uint64_t)10, &length) ||
		    __builtin_add_overflow(length, (uint64_t)(*value - '0'),
					   &length))
			return -EMSGSIZE;
	}
	if (f->has_length && f->length != length)
		return -EBADMSG;
	f->has_length = true;
	f->length = length;
	return 0;
}

/* RFC 9110 section 7.2, coarsely: nothing that ends an authority early. */
static bool host_is_valid(const char *value)
{
	return strpbrk(value, " \t/?#@\\,\"<>") == NULL;
}

static int read_fact(const struct http1_parser *p, struct facts *f,
		     const struct http1_field *field)
{
	const char *name = field->name;
	const char *value = field->value;
	if (same_name(name, "content-length"))
		return read_length(f, value);
	if (same_name(name, "transfer-encoding")) {
		/* One coding, once: what else there is cannot be decoded. */
		if (f->has_coding || p->version_minor == 0 ||
		    !same_token(value, strlen(value), "chunked"))
			return -EBADMSG;
		f->has_coding = true;
	} else if (same_name(name, "connection")) {
		f->close = f->close || http1_has_token(value, "close");
		f->keep_alive = f->keep_alive ||
				http1_has_token(value, "keep-alive");
	} else if (same_name(name, "expect")) {
		f->expect_continue =
			same_token(value, strlen(value), "100-continue");
	} else if (same_name(name, "host")) {
		f->hosts++;
		if (p->kind == HTTP1_REQUEST && !host_is_valid(value))
			return -EBADMSG;
	}
	return 0;
}

static bool has_no_body(const struct http1_parser *p, const struct facts *f)
{
	if (p->kind == HTTP1_REQUEST)
		return !f->has_length && !f->has_coding;
	return p->bodiless || p->status == 101 || p->status == 204 ||
	       p->status == 304;
}

/* How long the body is (RFC 9112 section 6.3). */
static void decide_framing(struct http1_parser *p, const struct facts *f)
{
	if (has_no_body(p, f)) {
		p->framing = HTTP1_NO_BODY;
	} else if (f->has_coding) {
		p->framing = HTTP1_CHUNKED;
		p->state = S_SIZE_FIRST;
	} else if (f->has_length) {
		p->framing = HTTP1_LENGTH;
		p->content_length = p->left = f->length;
		p->state = S_COUNTED;
	} else {
		p->framing = HTTP1_CLOSE;
		p->state = S_TO_CLOSE;
	}
}

static int head_end(struct http1_parser *p)
{
	struct facts f = { 0 };
	int err = point_into_head(p);
	for (size_t i = 0; !err && i < p->field_count; i++)
		err = read_fact(p, &f, &p->fields[i]);
	if (err)
		return err;
	if (f.has_length && f.has_coding)
		return -EBADMSG;
	if (p->kind == HTTP1_REQUEST &&
	    (f.hosts > 1 || (f.hosts == 0 && p->version_minor > 0)))
		return -EBADMSG;
	decide_framing(p, &f);
	p->stage = HTTP1_BODY;
	p->overhead = 0;
	p->keep_alive = !f.close && (p->version_minor > 0 || f.keep_alive) &&
			p->framing != HTTP1_CLOSE && p->status != 101;
	if (p->framing == HTTP1_NO_BODY ||
	    (p->framing == HTTP1_LENGTH && p->content_length == 0))
		p->stage = HTTP1_DONE;
	else if (p->framing == HTTP1_LENGTH &&
		 p->content_length > p->limits.body_max)
		return -EMSGSIZE;
	p->expect_continue = p->kind == HTTP1_REQUEST && f.expect_continue &&
			     p->version_minor > 0 && p->stage == HTTP1_BODY;
	return 0;
}

/* Forgets an interim response: the final one is still to come. */
static void skip_interim(struct http1_parser *p)
{
	explicit_bzero(p->head, p->head_len);
	p->head_len = 0;
	p->line_start = 0;
	p->field_count = 0;
	p->status = 0;
	p->state = S_START_LINE;
}

/* An empty line: the end of the head, or the one before a request line that
 * RFC 9112 section 2.2 wants ignored. */
static int empty_line(struct http1_parser *p)
{
	if (p->state == S_START_LINE) {
		p->head_len = 0;
		return p->kind == HTTP1_REQUEST ? 0 : -EBADMSG;
	}
	if (p->kind == HTTP1_RESPONSE && p->status < 200 && p->status != 101) {
		skip_interim(p);
		return 0;
	}
	return head_end(p);
}

/* The line from line_start to the LF at the end of the head is whole. */
static int head_line(struct http1_parser *p)
{
	char *line = p->head + p->line_start;
	size_t len = p->head_len - p->line_start;
	if (len < 2 || line[len - 2] != '\r')
		return -EBADMSG;
	len -= 2;
	if (len == 0)
		return empty_line(p);
	line[len] = '\0';
	p->line_start = p->head_len;
	if (p->state == S_FIELDS)
		return field_line(p, line, len);
	p->state = S_FIELDS;
	return p->kind == HTTP1_REQUEST ? request_line(p, line, len)
					: status_line(p, line, len);
}

/* Something that does not speak HTTP may never send a line. */
static bool may_be_http(const struct http1_parser *p)
{
	if (p->kind == HTTP1_REQUEST || p->state != S_START_LINE)
		return true;
	size_t len = p->head_len < 5 ? p->head_len : 5;
	return len == 0 || memcmp(p->head, "HTTP/", len) == 0;
}

static ssize_t feed_head(struct http1_parser *p, const char *buf, size_t len)
{
	size_t used = 0;
	while (used < len && p->stage == HTTP1_HEAD) {
		const char *from = buf + used;
		const char *lf = memchr(from, '\n', len - used);
		size_t n = lf ? (size_t)(lf - from) + 1 : len - used;
		int err = head_append(p, from, n);
		if (!err && !may_be_http(p))
			err = -EBADMSG;
		if (!err && lf)
			err = head_line(p);
		if (err)
			return err;
		used += n;
	}
	return (ssize_t)used;
}

static int hex_value(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int size_digit(struct http1_parser *p, int digit)
{
	if (p->left > UINT64_MAX >> 4)
		return -EMSGSIZE;
	p->left = p->left << 4 | (uint64_t)digit;
	p->state = S_SIZE;
	return 0;
}

/* The size line is whole. */
static int size_end(struct http1_parser *p)
{
	p->line_len = 0;
	p->state = p->left ? S_CHUNK : S_TRAILER;
	return p->left > p->limits.body_max - p->body_len ? -EMSGSIZE : 0;
}

/* chunk-size [chunk-ext] CRLF (RFC 9112 section 7.1). */
static int size_byte(struct http1_parser *p, unsigned char c)
{
	if (++p->line_len > HTTP1_CHUNK_LINE_MAX)
		return -EMSGSIZE;
	int digit = hex_value(c);
	switch (p->state) {
	case S_SIZE_FIRST:
		p->left = 0;
		return digit < 0 ? -EBADMSG : size_digit(p, digit);
	case S_SIZE:
		if (digit >= 0)
			return size_digit(p, digit);
		if (c == '\r') {
			p->state = S_SIZE_LF;
			return 0;
		}
		/* fall through */
	case S_SIZE_SPACE:
		p->state = c == ';' ? S_EXTENSION : S_SIZE_SPACE;
		return c == ';' || c == ' ' || c == '\t' ? 0 : -EBADMSG;
	case S_EXTENSION:
		if (c == '\r')
			p->state = S_SIZE_LF;
		return c == '\r' || http1_is_text(c) ? 0 : -EBADMSG;
	default: /* S_SIZE_LF */
		return c == '\n' ? size_end(p) : -EBADMSG;
	}
}

/* The trailer section and the empty line after it. */
static int trailer_byte(struct http1_parser *p, unsigned char c)
{
	if (++p->overhead > p->limits.head_max)
		return -EMSGSIZE;
	switch (p->state) {
	case S_TRAILER:
		p->state = c == '\r' ? S_END_LF : S_TRAILER_NAME;
		return c == '\r' || http1_is_tchar(c) ? 0 : -EBADMSG;
	case S_TRAILER_NAME:
		if (c == ':')
			p->state = S_TRAILER_VALUE;
		return c == ':' || http1_is_tchar(c) ? 0 : -EBADMSG;
	case S_TRAILER_VALUE:
		if (c == '\r')
			p->state = S_TRAILER_LF;
		return c == '\r' || http1_is_text(c) ? 0 : -EBADMSG;
	case S_TRAILER_LF:
		p->state = S_TRAILER;
		return c == '\n' ? 0 : -EBADMSG;
	default: /* S_END_LF */
		if (c != '\n')
			return -EBADMSG;
		p->stage = HTTP1_DONE;
		return 0;
	}
}

static int chunk_frame_byte(struct http1_parser *p, unsigned char c)
{
	switch (p->state) {
	case S_CHUNK_CR:
		p->state = S_CHUNK_LF;
		return c == '\r' ? 0 : -EBADMSG;
	case S_CHUNK_LF:
		p->state = S_SIZE_FIRST;
		return c == '\n' ? 0 : -EBADMSG;
	default:
		return p->state < S_CHUNK ? size_byte(p, c)
					  : trailer_byte(p, c);
	}
}

/* Gives as much of buf as belongs to the body or chunk as the piece. */
static size_t take_piece(struct http1_parser *p, const char *buf, size_t len)
{
	if (len > p->left)
		len = (size_t)p->left;
	p->piece = (struct http1_span){ buf, len };
	p->body_len += len;
	p->left -= len;
	return len;
}

static ssize_t feed_chunked(struct http1_parser *p, const char *buf, size_t len)
{
	size_t used = 0;
	while (used < len && p->stage == HTTP1_BODY) {
		if (p->state == S_CHUNK) {
			used += take_piece(p, buf + used, len - used);
			if (p->left == 0)
				p->state = S_CHUNK_CR;
			break;
		}
		int err = chunk_frame_byte(p, (unsigned char)buf[used++]);
		if (err)
			return err;
	}
	return (ssize_t)used;
}

static ssize_t feed_body(struct http1_parser *p, const char *buf, size_t len)
{
	size_t used;
	switch (p->framing) {
	case HTTP1_LENGTH:
		used = take_piece(p, buf, len);
		if (p->left == 0)
			p->stage = HTTP1_DONE;
		return (ssize_t)used;
	case HTTP1_CLOSE:
		if (len > p->limits.body_max - p->body_len)
			return -EMSGSIZE;
		p->left = len;
		return (ssize_t)take_piece(p, buf, len);
	default:
		return feed_chunked(p, buf, len);
	}
}

ssize_t http1_feed(struct http1_parser *parser, const char *buf, size_t len)
{
	parser->piece = (struct http1_span){ 0 };
	if (parser->err)
		return parser->err;
	if (parser->stage == HTTP1_DONE || len == 0)
		return 0;
	ssize_t used = parser->stage == HTTP1_HEAD
			       ? feed_head(parser, buf, len)
			       : feed_body(parser, buf, len);
	if (used < 0)
		parser->err = (int)used;
	return used;
}

int http1_eof(struct http1_parser *parser)
{
	parser->piece = (struct http1_span){ 0 };
	if (parser->err)
		return parser->err;
	if (parser->stage == HTTP1_DONE)
		return 0;
	if (parser->stage == HTTP1_HEAD)
		return parser->overhead ? -EPROTO : -ENODATA;
	if (parser->framing != HTTP1_CLOSE)
		return -EPROTO;
	parser->stage = HTTP1_DONE;
	return 0;
}
