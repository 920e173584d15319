// SPDX-License-Identifier: MIT
/* CONNECT, and words for what can come of it: see net/proxy.h. */
#include "net/proxy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "net/dial.h"
#include "net/http_client.h"
#include "proto/http1.h"
#include "runtime/io.h"
#include "runtime/task.h"

#define STATUS_WANTS_LOGIN 407
#define STATUS_UNAUTHORIZED 401 /* tinyproxy, for a wrong password */

/* A CONNECT under way. Lives on the stack of the task that connects. */
struct tunnel {
	struct rt *rt;
	int fd;
	struct proxy_error *error;
	struct http1_parser parser;
	struct deadline deadline;
};

static int fail(struct tunnel *t, enum proxy_fault fault, int code, int err)
{
	t->error->fault = fault;
	t->error->code = code;
	return err;
}

/* What sending or receiving failed with. */
static int fail_io(struct tunnel *t, int err)
{
	if (task_cancelled(t->rt) || err == -ENOMEM)
		return err;
	if (err == -ETIMEDOUT)
		return fail(t, PROXY_TIMEOUT, 0, err);
	return fail(t, PROXY_CUT, 0, -ECONNRESET);
}

static int write_request(struct http1_writer *writer,
			 const struct proxy_error *error)
{
	const struct proxy *proxy = error->proxy;

	http1_write_request(writer, "CONNECT", error->target);
	http1_write_field(writer, "Host", error->target);
	http1_write_field(writer, "User-Agent", HTTP_USER_AGENT);
	if (proxy->authorization)
		http1_write_field(writer, "Proxy-Authorization",
				  proxy->authorization);
	http1_write_end(writer, NULL, 0);
	return writer->err;
}

/* Feeds what came. The answer has no body as far as we are concerned: after a
 * 2xx one the tunnel begins, after another the connection is closed. */
static int take(struct tunnel *t, const char *buf, size_t len)
{
	struct http1_parser *parser = &t->parser;

	while (len > 0 && parser->stage != HTTP1_DONE) {
		ssize_t n = http1_feed(parser, buf, len);

		if (n == -ENOMEM)
			return -ENOMEM;
		if (n < 0)
			return fail(t, PROXY_GARBAGE, 0, -EBADMSG);
		buf += n;
		len -= (size_t)n;
	}
	if (len > 0 && parser->status / 100 == 2)
		return fail(t, PROXY_EXCESS, 0, -EBADMSG);
	return 0;
}

/* Sends the request and reads the answer's head. */
static int exchange(struct tunnel *t)
{
	struct http1_writer writer = { 0 };
	char buf[1024];
	bool sent;
	ssize_t n;
	int err = write_request(&writer, t->error);

	if (err == 0) {
		n = io_exchange(t->rt, t->fd, writer.data, writer.len, buf,
				sizeof(buf), &sent, t->deadline);
		while (n > 0 && (err = take(t, buf, (size_t)n)) == 0 &&
		       t->parser.stage != HTTP1_DONE)
			n = io_recv(t->rt, t->fd, buf, sizeof(buf),
				    t->deadline);
		if (n <= 0)
			err = fail_io(t, (int)n);
	}
	http1_writer_free(&writer);
	return err;
}

/* Whether the proxy takes a user name and password, as far as it says. */
static bool offers_basic(const struct http1_parser *parser)
{
	bool offers = false;

	for (size_t i = 0; i < parser->field_count; i++) {
		const struct http1_field *field = &parser->fields[i];

		if (strcmp(field->name, "proxy-authenticate") != 0)
			continue;
		if (strcasestr(field->value, "basic"))
			return true;
		offers = true;
	}
	return !offers;
}

static int judge(struct tunnel *t)
{
	int status = t->parser.status;

	if (status / 100 == 2)
		return 0;
	if (status == STATUS_UNAUTHORIZED && t->error->proxy->authorization)
		return fail(t, PROXY_BAD_CREDENTIALS, status, -ENOKEY);
	if (status != STATUS_WANTS_LOGIN)
		return fail(t, PROXY_REFUSED, status, -EREMOTEIO);
	if (!offers_basic(&t->parser))
		return fail(t, PROXY_OTHER_SCHEME, status, -ENOKEY);
	if (t->error->proxy->authorization)
		return fail(t, PROXY_BAD_CREDENTIALS, status, -ENOKEY);
	return fail(t, PROXY_WANTS_CREDENTIALS, status, -ENOKEY);
}

static int open_tunnel(struct tunnel *t)
{
	struct http1_limits limits = { .head_max = PROXY_ANSWER_MAX };
	int err;

	http1_parser_init(&t->parser, HTTP1_RESPONSE, &limits);
	t->parser.bodiless = true;
	err = exchange(t);
	if (err == 0)
		err = judge(t);
	http1_parser_free(&t->parser);
	return err;
}

int proxy_connect(struct rt *rt, struct resolver *resolver,
		  const struct proxy *proxy, const char *host, uint16_t port,
		  struct proxy_error *error, struct deadline deadline)
{
	bool six = strchr(host, ':') != NULL;
	struct tunnel t = { .rt = rt, .error = error };
	int err;

	*error = (struct proxy_error){ .proxy = proxy };
	(void)snprintf(error->target, sizeof(error->target), "%s%s%s:%u",
		       six ? "[" : "", host, six ? "]" : "", port);
	if (proxy->fault)
		return fail(&t, PROXY_UNUSABLE, 0, -EINVAL);
	t.fd = dial(rt, resolver, proxy->host, proxy->port, deadline);
	if (t.fd < 0 && (task_cancelled(rt) || t.fd == -ENOMEM))
		return t.fd;
	if (t.fd < 0)
		return fail(&t, PROXY_UNREACHABLE, t.fd, t.fd);
	t.deadline = deadline_earlier(rt, deadline,
				      deadline_in_ms(rt, PROXY_ANSWER_MS));
	err = open_tunnel(&t);
	if (err == 0)
		return t.fd;
	io_close(rt, t.fd);
	return err;
}

static void login_text(const struct proxy_error *e, char *buf, size_t cap)
{
	const char *variable = e->proxy->variable;

	if (e->fault == PROXY_WANTS_CREDENTIALS)
		(void)snprintf(buf, cap,
			       "wants credentials: write them into %s, as "
			       "http://USER:PASSWORD@HOST:PORT",
			       variable);
	else if (e->fault == PROXY_BAD_CREDENTIALS)
		(void)snprintf(buf, cap,
			       "does not accept the credentials in %s",
			       variable);
	else
		(void)snprintf(buf, cap,
			       "wants a way of authentication that this "
			       "program does not have (it has Basic)");
}

static void answer_text(const struct proxy_error *e, char *buf, size_t cap)
{
	switch (e->fault) {
	case PROXY_UNREACHABLE:
		(void)snprintf(buf, cap, "cannot be reached: %s",
			       http_error_text(e->code));
		break;
	case PROXY_REFUSED:
		(void)snprintf(buf, cap,
			       "%s to connect to %s (it answered %d %s); a "
			       "host that can be reached without it belongs "
			       "in NO_PROXY",
			       e->code >= 500 ? "was not able" : "refused",
			       e->target, e->code, http1_reason(e->code));
		break;
	case PROXY_CUT:
		(void)snprintf(buf, cap,
			       "closed the connection before it had answered");
		break;
	case PROXY_GARBAGE:
		(void)snprintf(buf, cap,
			       "does not answer as an HTTP proxy does");
		break;
	case PROXY_EXCESS:
		(void)snprintf(buf, cap,
			       "sent more than an answer, which %s cannot "
			       "have said",
			       e->target);
		break;
	case PROXY_TIMEOUT:
		(void)snprintf(buf, cap, "did not connect to %s in time",
			       e->target);
		break;
	default:
		login_text(e, buf, cap);
	}
}

const char *proxy_error_text(const struct proxy_error *error, char *buf,
			     size_t cap)
{
	const struct proxy *proxy = error->proxy;
	char what[512];
	bool six;

	if (error->fault == PROXY_OK) {
		buf[0] = '\0';
		return buf;
	}
	if (error->fault == PROXY_UNUSABLE) {
		(void)snprintf(buf, cap, "the proxy in %s is not usable: %s",
			       proxy->variable, proxy->fault);
		return buf;
	}
	six = strchr(proxy->host, ':') != NULL;
	answer_text(error, what, sizeof(what));
	(void)snprintf(buf, cap, "the proxy %s%s%s:%u (%s) %s", six ? "[" : "",
		       proxy->host, six ? "]" : "", proxy->port,
		       proxy->variable, what);
	return buf;
}
