// SPDX-License-Identifier: MIT
/*
 * canned - the least that a static C program can do as an MCP server: read a
 * line, answer with a fixed one, read on until the end. `start` compares.
 */
#include <string.h>
#include <unistd.h>

static const char answer[] =
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{"
	"\"protocolVersion\":\"2025-06-18\",\"capabilities\":{\"tools\":{}},"
	"\"serverInfo\":{\"name\":\"canned\",\"version\":\"1\"}}}\n";

int main(void)
{
	char buf[2048];
	size_t len = 0;

	while (len < sizeof(buf)) {
		ssize_t n = read(0, buf + len, sizeof(buf) - len);
		if (n <= 0)
			return 1;
		len += (size_t)n;
		if (memchr(buf, '\n', len))
			break;
	}
	if (write(1, answer, sizeof(answer) - 1) != sizeof(answer) - 1)
		return 1;
	while (read(0, buf, sizeof(buf)) > 0)
		;
	return 0;
}
