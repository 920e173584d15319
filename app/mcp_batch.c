// SPDX-License-Identifier: MIT
#include "app/mcp_batch.h"

#include <stdlib.h>

#include "app/mcp_writer.h"

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

int mcp_batch_release(struct mcp_batch *batch)
{
	struct jsonrpc_line line = { 0 };
	int err = 0;

	if (--batch->holders)
		return 0;
	if (batch->count) {
		err = jsonrpc_batch(&line, batch->answers, batch->count);
		for (size_t i = 0; i < batch->count; i++)
			free(batch->answers[i].data);
		if (!err)
			err = mcp_writer_put(batch->writer, line,
					     DEADLINE_NEVER);
	}
	free(batch);
	return err;
}
