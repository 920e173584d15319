// SPDX-License-Identifier: MIT
/*
 * latency_curl URL WORKSPACE STREAM [ROOTS] - the peer in `latency`: a libcurl
 * multi client that receives a workspace's messages and prints each row as a
 * line. STREAM 1: it follows the event stream, polls when that says that
 * something came, and every POLL_RARE_MS; 0: it polls every POLL_MS. The token
 * is in BENCH_TOKEN. ROOTS is a file of root certificates.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 5000
#define POLL_RARE_MS 60000

struct buffer {
	size_t len, cap;
	char *data;
};

static struct {
	const char *url, *workspace, *roots;
	CURLM *multi;
	CURL *poll, *stream;
	struct curl_slist *headers;
	struct buffer page;   /* of the poll under way */
	struct buffer line;   /* of the stream */
	char cursor[64];      /* the last row's id, "" none yet */
	bool polling, wanted; /* a poll is under way; another is to follow */
	int64_t next_ms;      /* when the next one is due by itself */
	int64_t every_ms;
} run;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "latency_curl: %s\n", what);
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void add(struct buffer *buffer, const char *data, size_t len)
{
	if (buffer->cap - buffer->len < len) {
		buffer->cap = 2 * buffer->cap + len + 4096;
		buffer->data = realloc(buffer->data, buffer->cap);
		if (!buffer->data)
			die("out of memory");
	}
	memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
}

static size_t take_page(char *data, size_t size, size_t n, void *arg)
{
	(void)arg;
	add(&run.page, data, size * n);
	return size * n;
}

/* A row of the inbox has come. */
static bool is_news(const char *line, size_t len)
{
	static const char logged[] = "\"ACTIVITY_LOGGED\"";
	static const char receive[] = "\"a2a_receive\"";

	return memmem(line, len, logged, sizeof(logged) - 1) &&
	       memmem(line, len, receive, sizeof(receive) - 1);
}

static size_t take_events(char *data, size_t size, size_t n, void *arg)
{
	const char *newline;

	(void)arg;
	add(&run.line, data, size * n);
	while (run.line.len > 0 &&
	       (newline = memchr(run.line.data, '\n', run.line.len)) != NULL) {
		size_t len = (size_t)(newline - run.line.data) + 1;

		run.wanted |= is_news(run.line.data, len);
		run.line.len -= len;
		memmove(run.line.data, newline + 1, run.line.len);
	}
	return size * n;
}

static CURL *prepare(size_t (*take)(char *, size_t, size_t, void *))
{
	CURL *easy = curl_easy_init();

	if (!easy)
		die("no handle");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, run.headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	if (run.roots)
		curl_easy_setopt(easy, CURLOPT_CAINFO, run.roots);
	return easy;
}

static void begin_stream(void)
{
	char url[512];

	snprintf(url, sizeof(url), "%s/workspaces/%s/events/stream", run.url,
		 run.workspace);
	run.stream = prepare(take_events);
	curl_easy_setopt(run.stream, CURLOPT_URL, url);
	curl_multi_add_handle(run.multi, run.stream);
}

static void begin_poll(void)
{
	char url[512];

	snprintf(url, sizeof(url),
		 "%s/workspaces/%s/activity?type=a2a_receive&%s%s"
		 "&include=peer_info",
		 run.url, run.workspace,
		 *run.cursor ? "since_id=" : "since_secs=600", run.cursor);
	curl_easy_setopt(run.poll, CURLOPT_URL, url);
	run.page.len = 0;
	run.polling = true;
	run.wanted = false;
	run.next_ms = now_ms() + run.every_ms;
	curl_multi_add_handle(run.multi, run.poll);
}

/* Prints a row, as a server says a notification: with one write. */
static void tell(json_t *row)
{
	char *text = json_dumps(row, JSON_COMPACT);
	size_t len;

	if (!text)
		die("out of memory");
	len = strlen(text);
	text[len] = '\n';
	if (write(STDOUT_FILENO, text, len + 1) != (ssize_t)len + 1)
		exit(0);
	free(text);
}

/* Without a cursor the newest comes first. */
static void end_poll(void)
{
	json_t *rows = json_loadb(run.page.data, run.page.len, 0, NULL);
	size_t count = json_array_size(rows);
	bool newest_first = !*run.cursor;

	if (!json_is_array(rows))
		die("the platform's answer is not a list");
	for (size_t i = 0; i < count; i++) {
		json_t *row =
			json_array_get(rows, newest_first ? count - 1 - i : i);
		const char *id = json_string_value(json_object_get(row, "id"));

		snprintf(run.cursor, sizeof(run.cursor), "%s", id ? id : "");
		tell(row);
	}
	json_decref(rows);
	run.polling = false;
}

static void reap(void)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(run.multi, &left)) != NULL) {
		if (msg->easy_handle != run.poll)
			die("the stream has ended");
		if (msg->data.result != CURLE_OK)
			die(curl_easy_strerror(msg->data.result));
		curl_multi_remove_handle(run.multi, run.poll);
		end_poll();
	}
}

static void prepare_headers(void)
{
	const char *token = getenv("BENCH_TOKEN");
	char field[512];

	snprintf(field, sizeof(field), "Authorization: Bearer %s",
		 token ? token : "");
	run.headers = curl_slist_append(run.headers, field);
	snprintf(field, sizeof(field), "Origin: %s", run.url);
	run.headers = curl_slist_append(run.headers, field);
}

int main(int argc, char **argv)
{
	if (argc != 4 && argc != 5)
		die("usage: latency_curl URL WORKSPACE STREAM [ROOTS]");
	run.url = argv[1];
	run.workspace = argv[2];
	run.roots = argv[4];
	curl_global_init(CURL_GLOBAL_DEFAULT);
	run.multi = curl_multi_init();
	prepare_headers();
	run.poll = prepare(take_page);
	run.every_ms = POLL_MS;
	if (strcmp(argv[3], "1") == 0) {
		run.every_ms = POLL_RARE_MS;
		begin_stream();
	}
	for (;;) {
		int running;
		int64_t wait;

		if (!run.polling && (run.wanted || now_ms() >= run.next_ms))
			begin_poll();
		curl_multi_perform(run.multi, &running);
		reap();
		if (!run.polling && run.wanted)
			continue;
		wait = run.polling ? INT_MAX : run.next_ms - now_ms();
		curl_multi_poll(run.multi, NULL, 0, wait > 0 ? (int)wait : 0,
				NULL);
	}
}
