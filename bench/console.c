// SPDX-License-Identifier: MIT
#include "bench/console.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/util.h"

#define PATIENCE_MS 30000

static int dial(int port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		bench_die("the operator cannot reach the platform: %s",
			  strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

void console_open(struct console *console, int port)
{
	*console = (struct console){ .fd = dial(port),
				     .port = port,
				     .cap = 1 << 16 };
	console->buf = malloc(console->cap);
	if (!console->buf)
		bench_die("out of memory");
}

/* Connects again if the platform has not waited for so long. */
static void stay(struct console *console)
{
	char byte;

	if (recv(console->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
		return;
	close(console->fd);
	console->fd = dial(console->port);
}

void console_close(struct console *console)
{
	close(console->fd);
	free(console->buf);
}

void console_send(struct console *console, const char *method, const char *path,
		  const char *body)
{
	char request[2048];
	int len = snprintf(request, sizeof(request),
			   "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
			   "Content-Length: %zu\r\n\r\n%s",
			   method, path, body ? strlen(body) : 0,
			   body ? body : "");

	stay(console);
	if (len < 0 || (size_t)len >= sizeof(request) ||
	    send(console->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		bench_die("the operator cannot ask for %s", path);
}

/* The whole length of the answer, head and body; 0: not known yet. */
static size_t answer_len(const struct console *console)
{
	char *end = memmem(console->buf, console->len, "\r\n\r\n", 4);
	const char *length;

	if (!end)
		return 0;
	*end = '\0';
	length = strcasestr(console->buf, "\r\nContent-Length:");
	*end = '\r';
	if (!length)
		bench_die("the operator's answer has no length");
	return (size_t)(end + 4 - console->buf) +
	       strtoul(length + 17, NULL, 10);
}

json_t *console_take(struct console *console)
{
	if (console->cap - console->len < 2) {
		console->cap *= 2;
		console->buf = realloc(console->buf, console->cap);
		if (!console->buf)
			bench_die("out of memory");
	}
	ssize_t n = recv(console->fd, console->buf + console->len,
			 console->cap - console->len - 1, 0);
	if (n <= 0)
		bench_die("the platform has left its operator");
	console->len += (size_t)n;
	console->buf[console->len] = '\0';
	size_t whole = answer_len(console);
	if (whole == 0 || console->len < whole)
		return NULL;
	char *body = strstr(console->buf, "\r\n\r\n") + 4;
	json_t *answer = json_loadb(body, whole - (size_t)(body - console->buf),
				    0, NULL);
	if (strncmp(console->buf, "HTTP/1.1 200 ", 13) != 0 || !answer)
		bench_die("the operator is told: %.300s", console->buf);
	console->len = 0;
	return answer;
}

json_t *console_ask(struct console *console, const char *method,
		    const char *path, const char *body)
{
	json_t *answer;

	console_send(console, method, path, body);
	do {
		struct pollfd fd = { .fd = console->fd, .events = POLLIN };

		if (poll(&fd, 1, PATIENCE_MS) == 0)
			bench_die("the platform does not answer its operator");
		answer = console_take(console);
	} while (!answer);
	return answer;
}

double console_number(const json_t *answer, const char *path)
{
	char name[64];

	while (*path) {
		size_t len = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		answer = json_object_get(answer, name);
		path += len + (path[len] == '.');
	}
	return json_is_number(answer) ? json_number_value(answer) : -1;
}
