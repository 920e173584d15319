// SPDX-License-Identifier: MIT
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int dial(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons((uint16_t)port) };
	struct timeval limit = { BOUND_MS / 1000, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&a, sizeof a)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* All that comes until the end of the connection. */
static char *read_all(int fd)
{
	size_t len = 0, cap = 65536;
	char *text = malloc(cap);
	ssize_t n;

	while (text && (n = read(fd, text + len, cap - len - 1)) > 0) {
		len += (size_t)n;
		if (cap - len < 4096)
			text = realloc(text, cap *= 2);
	}
	if (!text)
		abort();
	text[len] = '\0';
	return text;
}

int http_ask(struct rig *rig, int port, const char *method, const char *path,
	     const char *token, const char *body, const char **answer)
{
	const char *json = rig_quoted(rig, body ? body : "");
	const char *auth =
		token ? rig_text(rig, "Authorization: Bearer %s\r\n", token)
		      : "";
	const char *request = rig_text(
		rig,
		"%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n"
		"Connection: close\r\n\r\n%s",
		method, path, port, auth, strlen(json), json);
	int fd = dial(port);
	char *all, *split;
	int status = -1;

	if (answer)
		*answer = "";
	if (fd < 0)
		return -1;
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) ==
	    (ssize_t)strlen(request)) {
		all = read_all(fd);
		if (!strncmp(all, "HTTP/1.1 ", 9))
			status = atoi(all + 9);
		split = strstr(all, "\r\n\r\n");
		if (split && answer)
			*answer = rig_text(rig, "%s", split + 4);
		free(all);
	}
	close(fd);
	return status;
}
