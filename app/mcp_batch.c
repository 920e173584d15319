// SPDX-License-Identifier: MIT
#include "app/mcp_batch.h"

#include <stdlib.h>

#include "app/mcp_writer.h"
#include "proto/mcp.h"

struct mcp_batch {
	struct mcp_writer *writer;
	size_t holders;
	size_t count, max;
	struct jsonrpc_line answers[];
};

struct mcp_batch *mcp_batch_new(struct mcp_writer *writer, size_t max)
{
	struct mcp_batch *batch =
		malloc(sizeof(*batch) + max * sizeof(struct jsonrpc_line));

	if (batch)
		*batch = (struct mcp_batch){ .writer = writer,
					     .holders = 1,
					     .max = max };
	return batch;
}

void mcp_batch_hold(struct mcp_batch *batch)
{
	batch->holders++;
}

void mcp_batch_add(struct mcp_batch *batch, struct jsonrpc_line line)
{
	if (batch->count < batch->max)
		batch->answers[batch->count++] = line;
	else
		free(line.data);
}

/* Writes the answers from `first` on, as many as one line takes. Returns the
 * first that is left. */
static size_t write_some(struct mcp_batch *batch, size_t first,
			 struct deadline deadline, int *err)
{
	struct jsonrpc_line line;
	size_t last = first, size = 2;

	while (last < batch->count &&
	       (last == first ||
		size + batch->answers[last].len <= MCP_LINE_MAX)) {
		size += batch->answers[last].len;
		last++;
	}
	*err = jsonrpc_batch(&line, batch->answers + first, last - first);
	if (!*err)
		*err = mcp_writer_put(batch->writer, line, deadline);
	return last;
}

int mcp_batch_release(struct mcp_batch *batch, struct deadline deadline)
{
	size_t done = 0;
	int err = 0;

	if (!batch || --batch->holders)
		return 0;
	while (done < batch->count && !err)
		done = write_some(batch, done, deadline, &err);
	for (size_t i = 0; i < batch->count; i++)
		free(batch->answers[i].data);
	free(batch);
	return err;
}
