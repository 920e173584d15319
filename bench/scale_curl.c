// SPDX-License-Identifier: MIT
/*
 * scale_curl URL LIST - the peer in `scale`: a libcurl multi client that sends
 * for each workspace of LIST (as MOLECULE_WORKSPACES has it) a heartbeat every
 * BEAT_MS and a poll every POLL_MS, over kept connections. Workspaces are
 * spread evenly over the beat's interval, in steps of STEP_MS, and their polls
 * that are due with a beat go out with it.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BEAT_MS 20000
#define POLL_MS 5000
#define STEP_MS 250
#define BEAT_STEPS (BEAT_MS / STEP_MS)
#define POLL_STEPS (POLL_MS / STEP_MS)
/* As many as a patient program would open to one server. */
#define CONNECTIONS_MOST 64L

struct workspace {
	CURL *beat, *poll;
	bool beating, polling;
	int step; /* of its beat */
	char body[192];
};

static struct workspace *workspaces;
static size_t count;
static long late; /* requests left out, since the one before was under way */

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "scale_curl: %s\n", what);
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

static CURL *prepare(const char *url, struct curl_slist *headers, bool *busy)
{
	CURL *easy = curl_easy_init();

	if (!easy)
		die("no handle");
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, busy);
	return easy;
}

static void prepare_workspace(struct workspace *workspace, const char *base,
			      const char *id, const char *token)
{
	char url[512], bearer[256], origin[256];

	snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", token);
	snprintf(origin, sizeof(origin), "Origin: %s", base);
	struct curl_slist *headers = curl_slist_append(NULL, bearer);
	headers = curl_slist_append(headers, origin);
	snprintf(url, sizeof(url),
		 "%s/workspaces/%s/activity?type=a2a_receive&since_secs=600"
		 "&include=peer_info&limit=500",
		 base, id);
	workspace->poll = prepare(url, headers, &workspace->polling);

	headers = curl_slist_append(NULL, bearer);
	headers = curl_slist_append(headers, origin);
	headers = curl_slist_append(headers, "Content-Type: application/json");
	snprintf(url, sizeof(url), "%s/registry/heartbeat", base);
	workspace->beat = prepare(url, headers, &workspace->beating);
	snprintf(workspace->body, sizeof(workspace->body),
		 "{\"workspace_id\":\"%s\",\"error_rate\":0.0,"
		 "\"sample_error\":\"\",\"active_tasks\":0,"
		 "\"uptime_seconds\":1234}",
		 id);
	curl_easy_setopt(workspace->beat, CURLOPT_POSTFIELDS, workspace->body);
}

static void load(const char *path, const char *base)
{
	json_t *list = json_load_file(path, 0, NULL);

	count = json_array_size(list);
	workspaces = calloc(count ? count : 1, sizeof(*workspaces));
	if (count == 0 || !workspaces)
		die("the list holds no workspace");
	for (size_t i = 0; i < count; i++) {
		json_t *entry = json_array_get(list, i);
		const char *id =
			json_string_value(json_object_get(entry, "id"));
		const char *token =
			json_string_value(json_object_get(entry, "token"));

		if (!id || !token)
			die("the list holds something else than workspaces");
		workspaces[i].step = (int)(i * BEAT_STEPS / count);
		prepare_workspace(&workspaces[i], base, id, token);
	}
	json_decref(list);
}

static void send_one(CURLM *multi, CURL *easy, bool *busy)
{
	late += *busy;
	if (*busy)
		return;
	*busy = true;
	curl_multi_add_handle(multi, easy);
}

static void send_due(CURLM *multi, int64_t step)
{
	for (size_t i = 0; i < count; i++) {
		struct workspace *workspace = &workspaces[i];
		int64_t since = step - workspace->step;

		if (since >= 0 && since % BEAT_STEPS == 0)
			send_one(multi, workspace->beat, &workspace->beating);
		if (since >= 0 && since % POLL_STEPS == 0)
			send_one(multi, workspace->poll, &workspace->polling);
	}
}

static void reap(CURLM *multi)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(multi, &left)) != NULL) {
		bool *busy;

		if (msg->data.result != CURLE_OK)
			die(curl_easy_strerror(msg->data.result));
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
				  (char **)&busy);
		*busy = false;
		curl_multi_remove_handle(multi, msg->easy_handle);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		die("usage: scale_curl URL LIST");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	CURLM *multi = curl_multi_init();
	if (!multi)
		die("no multi handle");
	curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
			  CONNECTIONS_MOST);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MOST);
	load(argv[2], argv[1]);
	int64_t base = now_ms();
	for (int64_t step = 0;;) {
		int64_t due = base + step * STEP_MS - now_ms();
		int running;

		if (due <= 0)
			send_due(multi, step++);
		curl_multi_perform(multi, &running);
		reap(multi);
		due = base + step * STEP_MS - now_ms();
		if (due > 0)
			curl_multi_poll(multi, NULL, 0, (int)due, NULL);
	}
}
