// SPDX-License-Identifier: MIT
/*
 * canned_lines ANSWER - the least that a C program can do as an MCP server:
 * answers each line with the same line, and lines that come together with one
 * write. `mcp` compares.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOGETHER 64

static size_t count_lines(const char *text, size_t len)
{
	size_t lines = 0;
	const char *newline;

	while ((newline = memchr(text, '\n', len))) {
		lines++;
		len -= (size_t)(newline + 1 - text);
		text = newline + 1;
	}
	return lines;
}

static int put(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(1, data, len);

		if (n <= 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static char buf[65536];
	char *answers;
	size_t len;
	ssize_t n;

	if (argc != 2)
		return 2;
	len = strlen(argv[1]) + 1;
	answers = malloc(len * TOGETHER);
	if (!answers)
		return 1;
	for (size_t i = 0; i < TOGETHER; i++) {
		memcpy(answers + i * len, argv[1], len - 1);
		answers[i * len + len - 1] = '\n';
	}
	while ((n = read(0, buf, sizeof(buf))) > 0) {
		size_t lines = count_lines(buf, (size_t)n);

		while (lines > 0) {
			size_t now = lines < TOGETHER ? lines : TOGETHER;

			if (put(answers, now * len) < 0)
				_exit(1);
			lines -= now;
		}
	}
	free(answers);
	return 0;
}
