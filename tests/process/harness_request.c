// SPDX-License-Identifier: MIT
#include "harness_fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads more into the connection's buffer; false at its end. */
static bool more(struct conn *k)
{
	ssize_t n;

	if (k->cap - k->len < 65536) {
		k->cap = k->cap * 2 + 131072;
		k->buf = realloc(k->buf, k->cap);
		if (!k->buf)
			abort();
	}
	do {
		n = read(k->fd, k->buf + k->len, k->cap - k->len - 1);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	k->len += (size_t)n;
	k->buf[k->len] = '\0';
	return true;
}

const char *request_header(const struct request *r, const char *name, char *buf,
			   size_t size)
{
	size_t len = strlen(name);
	const char *p = r->head;

	while (*p) {
		const char *end = strstr(p, "\r\n");

		if (!end)
			end = p + strlen(p);
		if (!strncasecmp(p, name, len) && p[len] == ':') {
			p += len + 1;
			while (*p == ' ')
				p++;
			snprintf(buf, size, "%.*s", (int)(end - p), p);
			return buf;
		}
		p = *end ? end + 2 : end;
	}
	return NULL;
}

/* Takes n bytes off the front of the buffer, as a NUL-terminated copy. */
static char *take(struct conn *k, size_t n)
{
	char *copy = malloc(n + 1);

	if (!copy)
		abort();
	memcpy(copy, k->buf, n);
	copy[n] = '\0';
	k->len -= n;
	memmove(k->buf, k->buf + n, k->len);
	k->buf[k->len] = '\0';
	return copy;
}

static char *take_line(struct conn *k)
{
	char *end;
	char *line;

	while (!k->len || !(end = strstr(k->buf, "\r\n")))
		if (!more(k))
			return NULL;
	line = take(k, (size_t)(end - k->buf) + 2);
	line[strlen(line) - 2] = '\0';
	return line;
}

static char *take_sized(struct conn *k, size_t size)
{
	while (k->len < size)
		if (!more(k))
			return NULL;
	return take(k, size);
}

static char *take_chunked(struct conn *k, size_t *total)
{
	char *body = calloc(1, 1);
	char *line, *data;
	size_t size;

	*total = 0;
	while (body && (line = take_line(k))) {
		size = strtoul(line, NULL, 16);
		free(line);
		data = take_sized(k, size + 2);
		if (!data)
			break;
		body = realloc(body, *total + size + 1);
		if (!body)
			abort();
		memcpy(body + *total, data, size);
		*total += size;
		body[*total] = '\0';
		free(data);
		if (!size)
			return body;
	}
	free(body);
	return NULL;
}

static bool take_body(struct conn *k, struct request *r)
{
	char value[64];

	if (request_header(r, "Expect", value, sizeof value))
		send(k->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL);
	if (request_header(r, "Transfer-Encoding", value, sizeof value)) {
		r->body = take_chunked(k, &r->body_len);
	} else if (request_header(r, "Content-Length", value, sizeof value)) {
		r->body_len = strtoul(value, NULL, 10);
		r->body = take_sized(k, r->body_len);
	} else {
		r->body = strdup("");
	}
	return r->body != NULL;
}

/* Splits "METHOD target HTTP/1.1" into the request. */
static bool split_line(struct request *r, char *line)
{
	char *target = strchr(line, ' ');
	char *end = target ? strchr(target + 1, ' ') : NULL;
	char *query;

	if (!end)
		return false;
	*target++ = '\0';
	*end = '\0';
	query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	r->method = strdup(line);
	r->path = query && strstr(query, BROADCAST_TYPE)
			  ? text_new("%s/" BROADCAST_TYPE, target)
			  : strdup(target);
	r->query = strdup(query ? query : "");
	return true;
}

void fake_request_free(struct request *r)
{
	if (!r)
		return;
	free((void *)r->method);
	free((void *)r->path);
	free((void *)r->query);
	free((void *)r->head);
	free((void *)r->body);
	json_decref(r->json);
	free(r);
}

struct request *fake_read_request(struct conn *k)
{
	struct request *r = calloc(1, sizeof *r);
	char *line = take_line(k);
	char *head_end;
	bool ok;

	if (!r)
		abort();
	ok = line && split_line(r, line);
	free(line);
	while (ok && strncmp(k->len ? k->buf : "", "\r\n", 2) &&
	       !(k->len && strstr(k->buf, "\r\n\r\n")))
		ok = more(k);
	if (ok) {
		head_end = strstr(k->buf, "\r\n\r\n");
		if (!strncmp(k->buf, "\r\n", 2))
			r->head = take(k, 2);
		else
			r->head = take(k, (size_t)(head_end - k->buf) + 4);
		ok = take_body(k, r);
	}
	if (!ok) {
		fake_request_free(r);
		return NULL;
	}
	r->json = json_loadb(r->body, r->body_len, JSON_DECODE_ANY, NULL);
	r->connection = k->number;
	r->at_ms = now_ms();
	return r;
}
