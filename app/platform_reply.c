// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform_request.h"
#include "proto/json.h"
#include "proto/text.h"
#include "runtime/defect.h"

void platform_reply_free(struct platform_reply *reply)
{
	json_decref(reply->json);
	if (reply->body != NULL)
		explicit_bzero(reply->body, reply->body_len);
	free(reply->body);
	if (!DEFECT(LEAK_BYTES))
		free(reply->detail);
	*reply = (struct platform_reply){ 0 };
}

json_t *platform_reply_json(struct platform_reply *reply)
{
	if (reply->json == NULL && reply->body_len > 0)
		reply->json = json_parse_bounded(reply->body, reply->body_len,
						 &reply->json_err);
	return reply->json;
}

void platform_reply_refuse(struct platform_reply *reply, int err,
			   const char *detail)
{
	*reply = (struct platform_reply){
		.err = err,
		.phase = HTTP_PHASE_CONNECT,
		.date_s = -1,
		.retry_after_ms = -1,
		.rate_limit = -1,
		.rate_remaining = -1,
		.rate_reset_s = -1,
		.detail = detail != NULL ? strdup(detail) : NULL,
		.mark = detail != NULL ? text_mark(detail) : 0,
	};
}

const char *platform_reply_error(const struct platform_reply *reply)
{
	return json_string_value(json_object_get(reply->json, "error"));
}

/* What a status means, whatever was asked for; NULL: nothing in particular. */
static const char *status_meaning(int status)
{
	switch (status) {
	case 401:
		return "the token is not accepted";
	case 402:
		return "the workspace's budget is used up; a person has to "
		       "raise it";
	case 403:
		return "this workspace is not allowed to do that";
	case 409:
		return "that is in conflict with the workspace's state; it may "
		       "be paused, or just being changed";
	case 410:
		return "the workspace has been removed from the platform";
	case 413:
		return "larger than the platform takes";
	case 429:
		return "too many requests; wait before the next one";
	default:
		return NULL;
	}
}

const char *platform_reply_words(const struct platform_reply *reply, char *buf,
				 size_t cap)
{
	const char *words = platform_reply_error(reply);
	const char *hint =
		json_string_value(json_object_get(reply->json, "hint"));
	const char *meaning = status_meaning(reply->status);

	if ((words || hint) && platform_unauthorised(reply))
		meaning = NULL; /* they say more */
	snprintf(buf, cap, "%s%s%s%s%s%s%s", words || hint ? ": " : "",
		 words ? words : "", words && hint ? ". " : "",
		 hint ? hint : "", meaning ? " (" : "", meaning ? meaning : "",
		 meaning ? ")" : "");
	return buf;
}

const char *platform_reply_meaning(const struct platform_reply *reply,
				   char *buf, size_t cap)
{
	const char *meaning = reply->err == 0 ? status_meaning(reply->status)
					      : NULL;

	*buf = '\0';
	if (meaning)
		snprintf(buf, cap, " (%s)", meaning);
	return buf;
}

const char *platform_reply_doubt(const struct platform_reply *reply)
{
	return reply->phase == HTTP_PHASE_RECEIVE
		       ? " (it may have been delivered all the same)"
		       : "";
}

/* The length of the first `max` characters of UTF-8 text. */
static size_t characters(const char *text, size_t len, size_t max)
{
	size_t i = 0;

	while (i < len && max > 0) {
		i++;
		while (i < len && ((unsigned char)text[i] & 0xc0) == 0x80)
			i++;
		max--;
	}
	return i;
}

const char *platform_reply_excerpt(const struct platform_reply *reply,
				   char *buf, size_t cap)
{
	size_t len = 0;

	if (reply->body != NULL)
		len = characters(reply->body, reply->body_len,
				 PLATFORM_EXCERPT_MAX);
	snprintf(buf, cap, "%.*s", (int)len, len > 0 ? reply->body : "");
	return buf;
}

const char *platform_reply_text(const struct platform_reply *reply, char *buf,
				size_t cap)
{
	char excerpt[PLATFORM_EXCERPT_MAX * 4 + 1];

	if (reply->err != 0) {
		snprintf(buf, cap, "%s",
			 reply->detail != NULL ? reply->detail
					       : http_error_text(reply->err));
	} else {
		platform_reply_excerpt(reply, excerpt, sizeof(excerpt));
		snprintf(buf, cap, "the platform answered %d%s%s%s%s%s",
			 reply->status, *excerpt != '\0' ? ": " : "", excerpt,
			 reply->detail != NULL ? " (" : "",
			 reply->detail != NULL ? reply->detail : "",
			 reply->detail != NULL ? ")" : "");
	}
	return buf;
}

static int month_number(const char *name)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
		if (strncmp(months + 3L * i, name, 3) == 0)
			return i;
	return -1;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted
 * from March, so that the leap day is the last of its year. (timegm(3) would
 * read time zone files.) */
static int64_t days_since_1970(int year, int month, int day)
{
	int64_t y = month < 2 ? year - 1 : year;
	int64_t m = (month + 10) % 12; /* March is 0 */

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day -
	       719469;
}

/* The number in `count` digits at `text`. */
static int digits(const char *text, int count)
{
	int value = 0;

	while (count-- > 0)
		value = value * 10 + (*text++ - '0');
	return value;
}

int64_t platform_date_s(const char *value)
{
	static const char shape[] = "aaa, 00 aaa 0000 00:00:00 GMT";
	int64_t days;
	int month;

	if (value == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(shape); i++)
		if (shape[i] == '0'   ? value[i] < '0' || value[i] > '9'
		    : shape[i] == 'a' ? value[i] < 'A' || value[i] > 'z'
				      : value[i] != shape[i])
			return -1;
	month = month_number(value + 8);
	if (month < 0 || digits(value + 12, 4) < 1970)
		return -1;
	days = days_since_1970(digits(value + 12, 4), month,
			       digits(value + 5, 2));
	return ((days * 24 + digits(value + 17, 2)) * 60 +
		digits(value + 20, 2)) *
		       60 +
	       digits(value + 23, 2);
}

int64_t platform_retry_after_ms(const char *value, int64_t wall_ns)
{
	int64_t seconds = 0;

	if (value == NULL || *value == '\0')
		return -1;
	if (*value >= '0' && *value <= '9') {
		for (; *value >= '0' && *value <= '9'; value++)
			if (seconds < PLATFORM_RETRY_MAX_MS)
				seconds = seconds * 10 + (*value - '0');
		if (*value != '\0')
			return -1;
	} else {
		seconds = platform_date_s(value);
		if (seconds < 0)
			return -1;
		seconds -= wall_ns / CLOCK_NS_PER_S;
		if (seconds < 0)
			seconds = 0;
	}
	return seconds < PLATFORM_RETRY_MAX_MS / 1000 ? seconds * 1000
						      : PLATFORM_RETRY_MAX_MS;
}
