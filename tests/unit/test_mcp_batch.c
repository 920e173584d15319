// SPDX-License-Identifier: MIT
/* mcp_batch: the answers go out when the last holder lets go, in lines that no
 * host chokes on. */
#include "tests/unit/net_fixture.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "app/mcp_batch.h"
#include "app/mcp_writer.h"
#include "proto/mcp.h"

#define LARGE ((size_t)3 << 20)

/* An answer of `size` bytes. */
static struct jsonrpc_line answer(size_t size)
{
	struct jsonrpc_line line = { malloc(size + 1), size };

	memset(line.data, ' ', size);
	line.data[0] = '{';
	line.data[size - 2] = '}';
	line.data[size - 1] = '\n';
	line.data[size] = '\0';
	return line;
}

/* The bytes of the file, NUL-terminated. */
static char *contents(int fd, size_t *len)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = malloc((size_t)size + 1);
	size_t got = 0;

	while (got < (size_t)size) {
		ssize_t n =
			pread(fd, text + got, (size_t)size - got, (off_t)got);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	text[got] = '\0';
	*len = got;
	return text;
}

static int batch_body(struct rt *rt, void *arg)
{
	static const size_t ends[] = { 2, 2, 1 }; /* answers in each line */
	int fd = memfd_create("out", MFD_CLOEXEC);
	struct mcp_writer *writer = mcp_writer_new(rt, fd, NULL, NULL);
	struct mcp_batch *batch = mcp_batch_new(writer, 6);
	char *text, *at;
	size_t len;

	(void)arg;
	CHECK_EQ(mcp_batch_release(NULL, DEADLINE_NOW), 0);
	mcp_batch_hold(batch);
	for (int i = 0; i < 5; i++)
		mcp_batch_add(batch, answer(LARGE));
	CHECK_EQ(mcp_batch_release(batch, DEADLINE_NEVER), 0);
	CHECK_EQ(mcp_writer_pending(writer), 0);
	CHECK_EQ(mcp_batch_release(batch, DEADLINE_NEVER), 0);
	/* One that had no answers says nothing. */
	CHECK_EQ(mcp_batch_release(mcp_batch_new(writer, 1), DEADLINE_NEVER),
		 0);
	CHECK_EQ(mcp_writer_flush(writer, PATIENCE_MS, patience(rt)), 0);
	at = text = contents(fd, &len);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		char *end = strchr(at, '\n');

		if (!CHECK(end != NULL))
			break;
		CHECK_EQ(end + 1 - at, ends[i] * LARGE + 2);
		CHECK((size_t)(end + 1 - at) <= MCP_LINE_MAX);
		CHECK(*at == '[' && end[-1] == ']');
		at = end + 1;
	}
	CHECK(at == text + len);
	free(text);
	mcp_writer_close(writer);
	mcp_writer_free(writer);
	close(fd);
	return 0;
}

static void long_batches_are_cut(void **state)
{
	(void)state;
	in_runtime(batch_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_batches_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
