// SPDX-License-Identifier: MIT
/*
 * idle_curl TRACE WINDOW-MS URL ROOTS [STREAM] - the peer of `idle`: a libcurl
 * multi client that sends the requests of a trace (relay.h says how it is
 * written) with their own headers and bodies at their own times, over kept
 * connections, and does so again every WINDOW-MS. ROOTS is a file of root
 * certificates, or "-". STREAM is the path of an event stream that it follows
 * all the time, with the headers of the trace's last GET.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define REQUESTS_MOST 256

struct request {
	int64_t at_ms;
	CURL *easy;
	bool busy;
};

static struct request requests[REQUESTS_MOST];
static size_t count;
static const char *roots; /* NULL: libcurl's own choice */
static struct curl_slist *get_headers;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "idle_curl: %s\n", what);
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static size_t ignore(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

/* Headers that libcurl makes itself. */
static bool its_own(const char *line)
{
	return strncasecmp(line, "Host:", 5) == 0 ||
	       strncasecmp(line, "Content-Length:", 15) == 0 ||
	       strncasecmp(line, "Connection:", 11) == 0;
}

/* An easy handle for the request in `text`; its body follows the head. */
static CURL *prepare(char *text, size_t head, size_t body, const char *base)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	CURL *easy = curl_easy_init();
	char url[2048];

	text[head - 2] = '\0';
	char *save;
	char *line = strtok_r(text, "\r\n", &save);
	char *method = line;
	char *target = line ? strchr(line, ' ') : NULL;
	char *version = target ? strrchr(target, ' ') : NULL;
	if (!easy || !version || version == target)
		die("the trace holds something else than requests");
	*target++ = '\0';
	*version = '\0';
	snprintf(url, sizeof(url), "%s%s", base, target);
	while ((line = strtok_r(NULL, "\r\n", &save)) != NULL)
		if (!its_own(line))
			headers = curl_slist_append(headers, line);

	if (strcmp(method, "GET") == 0)
		get_headers = headers;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	if (roots)
		curl_easy_setopt(easy, CURLOPT_CAINFO, roots);
	if (body > 0) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)body);
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, text + head);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	return easy;
}

/* The next of the trace; false at its end. */
static bool load_one(FILE *file, const char *base)
{
	char line[64], *end;

	if (!fgets(line, sizeof(line), file))
		return false;
	int64_t at = strtoll(line, &end, 10);
	size_t head = strtoul(end, &end, 10);
	size_t body = strtoul(end, &end, 10);
	char *text = malloc(head + body + 1);
	if (*end != '\n' || head < 4 || count == REQUESTS_MOST || !text ||
	    fread(text, 1, head + body, file) != head + body)
		die("the trace is damaged or too long");
	text[head + body] = '\0';
	requests[count].at_ms = at;
	requests[count++].easy = prepare(text, head, body, base);
	free(text);
	return true;
}

static void load(const char *path, const char *base)
{
	FILE *file = fopen(path, "re");

	if (!file)
		die("the trace cannot be opened");
	while (load_one(file, base))
		;
	fclose(file);
	if (count == 0)
		die("the trace is empty");
}

static void reap(CURLM *multi)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(multi, &left)) != NULL) {
		CURL *easy = msg->easy_handle;

		curl_multi_remove_handle(multi, easy);
		for (size_t i = 0; i < count; i++)
			if (requests[i].easy == easy)
				requests[i].busy = false;
	}
}

/* Begins to follow the event stream there. */
static void follow(CURLM *multi, const char *base, const char *path)
{
	CURL *easy = curl_easy_init();
	char url[2048];

	snprintf(url, sizeof(url), "%s%s", base, path);
	if (!easy)
		die("no handle for the stream");
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, get_headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	if (roots)
		curl_easy_setopt(easy, CURLOPT_CAINFO, roots);
	curl_multi_add_handle(multi, easy);
}

int main(int argc, char **argv)
{
	if (argc != 5 && argc != 6)
		die("usage: idle_curl TRACE WINDOW-MS URL ROOTS [STREAM]");
	int64_t window = strtoll(argv[2], NULL, 10);
	roots = strcmp(argv[4], "-") == 0 ? NULL : argv[4];
	curl_global_init(CURL_GLOBAL_DEFAULT);
	load(argv[1], argv[3]);

	CURLM *multi = curl_multi_init();
	if (!multi)
		die("no multi handle");
	if (argc == 6)
		follow(multi, argv[3], argv[5]);
	int64_t base = now_ms();
	for (size_t next = 0;;) {
		struct request *request = &requests[next];
		int64_t due = base + request->at_ms - now_ms();
		int running;

		if (due <= 0) {
			if (!request->busy) {
				request->busy = true;
				curl_multi_add_handle(multi, request->easy);
			}
			if (++next == count) {
				next = 0;
				base += window;
			}
			continue;
		}
		curl_multi_perform(multi, &running);
		reap(multi);
		curl_multi_poll(multi, NULL, 0,
				(int)(due < INT32_MAX ? due : INT32_MAX), NULL);
	}
}
