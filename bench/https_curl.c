// SPDX-License-Identifier: MIT
/*
 * https_curl - the peer in `https`: libcurl's multi interface, driven by epoll
 * through curl_multi_socket_action, which costs it least. See https.h.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "bench/https.h"

struct transfer {
	CURL *easy;
	size_t len;
	char answer[HTTPS_JSON_BYTES + 1];
};

static struct {
	const char *mode, *url, *roots, *tls;
	CURLM *multi;
	int epoll;
	long timeout_ms; /* as libcurl wants it; -1: none */
	long left;	 /* requests not begun */
	long running;
	bool what; /* the target, else json */
	struct transfer transfers[HTTPS_CONNECTIONS];
	struct curl_slist *headers;
	struct https_result result;
} run;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "https_curl: %s\n", what);
	exit(1);
}

static size_t keep(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *transfer = arg;
	size_t len = size * n;

	if (len > HTTPS_JSON_BYTES - transfer->len)
		return 0;
	memcpy(transfer->answer + transfer->len, data, len);
	transfer->len += len;
	return len;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
		     void *known)
{
	struct epoll_event event = { .data.fd = fd };

	(void)easy;
	(void)arg;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(run.epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) |
		       (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	epoll_ctl(run.epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
	if (!known)
		curl_multi_assign(run.multi, fd, &run);
	return 0;
}

static int on_timeout(CURLM *multi, long ms, void *arg)
{
	(void)multi;
	(void)arg;
	run.timeout_ms = ms;
	return 0;
}

static void prepare(struct transfer *transfer)
{
	CURL *easy = curl_easy_init();
	char url[256];

	snprintf(url, sizeof(url), "%s%s", run.url, run.what ? "what" : "json");
	transfer->easy = easy;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, run.headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "bench/1");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
			 (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(easy, CURLOPT_CAINFO, run.roots);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	if (strcmp(run.tls, "1.2") == 0)
		curl_easy_setopt(easy, CURLOPT_SSLVERSION,
				 (long)CURL_SSLVERSION_TLSv1_2 |
					 (long)CURL_SSLVERSION_MAX_TLSv1_2);
	if (run.what)
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}

static void begin(struct transfer *transfer)
{
	if (run.left == 0)
		return;
	run.left--;
	run.running++;
	transfer->len = 0;
	curl_multi_add_handle(run.multi, transfer->easy);
}

/* Takes what has ended, and begins the next in its place. */
static void reap(void)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(run.multi, &left)) != NULL) {
		struct transfer *transfer;

		if (msg->msg != CURLMSG_DONE)
			continue;
		if (msg->data.result != CURLE_OK)
			die(curl_easy_strerror(msg->data.result));
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
				  (char **)&transfer);
		curl_multi_remove_handle(run.multi, transfer->easy);
		run.running--;
		transfer->answer[transfer->len] = '\0';
		if (run.what)
			https_note(&run.result, transfer->answer);
		else if (transfer->len != HTTPS_JSON_BYTES)
			die("the answer has another length");
		begin(transfer);
	}
}

/* One call into libcurl; `watched` notes how long it took. */
static void act(curl_socket_t fd, int events, bool watched)
{
	int running;
	int64_t before = watched ? https_clock(CLOCK_THREAD_CPUTIME_ID) : 0;

	curl_multi_socket_action(run.multi, fd, events, &running);
	if (!watched)
		return;
	double us =
		(double)(https_clock(CLOCK_THREAD_CPUTIME_ID) - before) / 1000;
	if (us > run.result.gap_us)
		run.result.gap_us = us;
}

static void fetch_all(long count, size_t at_once, bool watched)
{
	struct epoll_event events[HTTPS_CONNECTIONS];

	run.left = count;
	for (size_t i = 0; i < at_once; i++)
		begin(&run.transfers[i]);
	while (run.running > 0) {
		int n = run.timeout_ms == 0 ? 0
					    : epoll_wait(run.epoll, events,
							 HTTPS_CONNECTIONS,
							 (int)run.timeout_ms);
		for (int i = 0; i < n; i++) {
			uint32_t got = events[i].events;

			act(events[i].data.fd,
			    (got & EPOLLIN ? CURL_CSELECT_IN : 0) |
				    (got & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
				    (got & (EPOLLERR | EPOLLHUP)
					     ? CURL_CSELECT_ERR
					     : 0),
			    watched);
		}
		if (n == 0) {
			run.timeout_ms = -1;
			act(CURL_SOCKET_TIMEOUT, 0, watched);
		}
		reap();
	}
}

static void measure(long count)
{
	bool load = strcmp(run.mode, "load") == 0;
	size_t at_once = load ? HTTPS_CONNECTIONS : 1;

	run.what = !load;
	for (size_t i = 0; i < at_once; i++)
		prepare(&run.transfers[i]);
	fetch_all(load ? HTTPS_CONNECTIONS * 17L : 1, at_once, false);
	run.result.resumed = 0;
	https_begin(&run.result);
	fetch_all(count, at_once, !load && strcmp(run.mode, "turn") != 0);
	https_end(&run.result, count);
}

int main(int argc, char **argv)
{
	if (argc != 6)
		die("usage: https_curl MODE URL ROOTS COUNT TLS");
	run.mode = argv[1];
	run.url = argv[2];
	run.roots = argv[3];
	run.tls = argv[5];
	curl_global_init(CURL_GLOBAL_DEFAULT);
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	run.multi = curl_multi_init();
	run.headers = curl_slist_append(NULL, "Authorization: " HTTPS_TOKEN);
	if (run.epoll < 0 || !run.multi || !run.headers)
		die("it does not start");
	run.timeout_ms = -1;
	curl_multi_setopt(run.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(run.multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl_multi_setopt(run.multi, CURLMOPT_MAXCONNECTS,
			  (long)HTTPS_CONNECTIONS);
	measure(strtol(argv[4], NULL, 10));
	https_print(&run.result);
	return 0;
}
