// SPDX-License-Identifier: MIT
/* A file from the platform, piece by piece into a descriptor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform_request.h"
#include "proto/json.h"
#include "runtime/io.h"

#define PIECE_MAX (64u * 1024)
/* Of an answer that is no file: enough to say what it is. */
#define REFUSAL_MAX 4096u

/* By when the next byte must have come. */
static struct deadline next_byte(struct rt *rt, struct deadline total)
{
	return deadline_earlier(rt, total,
				deadline_in_ms(rt, PLATFORM_SILENCE_MS));
}

static int copy(struct rt *rt, struct http_stream *stream, int fd,
		uint64_t *size, int *write_err)
{
	struct deadline total = deadline_in_ms(rt, PLATFORM_DOWNLOAD_MS);
	char *piece = malloc(PIECE_MAX);
	ssize_t n;

	if (piece == NULL)
		return -ENOMEM;
	while ((n = http_read(stream, piece, PIECE_MAX, next_byte(rt, total))) >
	       0) {
		*size += (uint64_t)n;
		if (*size > PLATFORM_UPLOAD_FILE_MAX) {
			n = -EFBIG;
			break;
		}
		n = io_write_all(rt, fd, piece, (size_t)n, NULL, total);
		if (n < 0) {
			*write_err = (int)n;
			break;
		}
	}
	free(piece);
	return (int)n;
}

/* The body of an answer that is no file, as far as it is wanted. */
static void take_refusal(struct rt *rt, struct http_stream *stream,
			 struct platform_reply *reply)
{
	struct deadline total = deadline_in_ms(rt, PLATFORM_TIMEOUT_MS);
	ssize_t n;

	reply->body = malloc(REFUSAL_MAX + 1);
	if (reply->body == NULL)
		return;
	while (reply->body_len < REFUSAL_MAX &&
	       (n = http_read(stream, reply->body + reply->body_len,
			      REFUSAL_MAX - reply->body_len, total)) > 0)
		reply->body_len += (size_t)n;
	reply->body[reply->body_len] = '\0';
	if (reply->body_len > 0)
		reply->json = json_parse_bounded(reply->body, reply->body_len,
						 &reply->json_err);
}

void platform_download(struct platform_client *client,
		       const struct identity *who, char *target, int fd,
		       uint64_t *size, int *write_err,
		       struct platform_reply *reply)
{
	struct platform_request request = {
		.client = client,
		.who = who,
		.method = "GET",
		.target = target,
		.idempotent = true,
		.timeout_ms = PLATFORM_SILENCE_MS,
	};
	struct http_stream *stream;

	if (!platform_request_open(&request, reply, &stream))
		return;
	if (platform_ok(reply)) {
		reply->err = copy(client->rt, stream, fd, size, write_err);
		reply->phase = HTTP_PHASE_RECEIVE;
	} else {
		take_refusal(client->rt, stream, reply);
	}
	http_close(stream);
}
