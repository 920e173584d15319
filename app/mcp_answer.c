// SPDX-License-Identifier: MIT
#include "app/mcp_answer.h"

#include <stdlib.h>
#include <string.h>

#include "app/log.h"
#include "app/mcp_batch.h"
#include "app/mcp_writer.h"
#include "app/tools.h"
#include "proto/mcp.h"
#include "proto/mcp_result.h"

/* Progress that could not be told is tried again so soon. */
#define AGAIN_MS 1000

bool mcp_answer_line(const struct mcp_answer *to, int err,
		     struct jsonrpc_line line)
{
	if (err) {
		log_error(to->log, "mcp: out of memory: an answer is lost");
		return false;
	}
	if (!to->batch)
		return mcp_writer_put(to->writer, line, DEADLINE_NEVER) == 0;
	mcp_batch_add(to->batch, line);
	return true;
}

void mcp_answer_free(struct tool_call *done)
{
	free(done->text);
	json_decref(done->structured);
	done->text = NULL;
	done->structured = NULL;
}

/* A call without text is one that ran out of memory. */
static int build(struct jsonrpc_line *line, const struct mcp_answer *to,
		 const struct tool_call *done)
{
	const struct mcp_result result = {
		.text = done->text,
		.len = done->text_len,
		.structured = done->structured,
		.is_error = done->is_error,
		.untrusted = done->untrusted,
		.modern = to->modern,
	};

	if (!done->text)
		return jsonrpc_error(line, to->id, JSONRPC_INTERNAL_ERROR,
				     "out of memory", NULL);
	return mcp_result_line(line, to->id, &result);
}

bool mcp_answer_call(const struct mcp_answer *to, const struct tool_call *done)
{
	struct jsonrpc_line line;
	int err = build(&line, to, done);

	return mcp_answer_line(to, err, line);
}

void mcp_answer_refusal(const struct mcp_answer *to, const char *text)
{
	const struct mcp_result result = { .text = text,
					   .len = strlen(text),
					   .is_error = true,
					   .modern = to->modern };
	struct jsonrpc_line line;
	int err = mcp_result_line(&line, to->id, &result);

	mcp_answer_line(to, err, line);
}

int64_t mcp_answer_progress(struct mcp_writer *writer, const char *token,
			    int64_t elapsed_ns, double total_secs,
			    const char *doing, int64_t every_ms)
{
	int64_t ms = elapsed_ns / CLOCK_NS_PER_MS;
	struct jsonrpc_line line;

	if (mcp_progress_line(&line, token, (double)ms / 1000, total_secs,
			      doing) == 0 &&
	    mcp_writer_offer(writer, line))
		return every_ms;
	return every_ms < AGAIN_MS ? every_ms : AGAIN_MS;
}
