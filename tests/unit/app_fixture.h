// SPDX-License-Identifier: MIT
/*
 * app_fixture - a platform that answers what a test tells it to, and an
 * identity, client, state directory and log that talk to it, in one runtime.
 *
 *	struct world w;
 *	world_open(&w, rt, answer, arg);
 *	... w.client, w.who, w.state, w.log, w.config ...
 *	world_close(&w);
 *
 * `answer` is called for each request, with its number from 0 on, after it
 * has been noted in w.seen. The log goes to a file that world_log reads.
 */
#ifndef TESTS_UNIT_APP_FIXTURE_H
#define TESTS_UNIT_APP_FIXTURE_H

#include "tests/unit/net_fixture.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "app/config.h"
#include "app/identity.h"
#include "app/log.h"
#include "app/platform_client.h"
#include "app/state_dir.h"
#include "net/http_server.h"
#include "net/pool.h"

#define WORLD_SEEN_MAX 64
#define WORLD_ID "11111111-1111-4111-8111-111111111111"
#define WORLD_TOKEN "secret-token-1"

struct world;

typedef void (*world_answer_fn)(struct world *w, int number,
				struct http_incoming *request);

/* What a request was, as far as tests ask. */
struct world_request {
	char line[512]; /* method and target */
	char token[64];
	char origin[128];
	char type[128];
	char own_id[64]; /* X-Workspace-ID */
	char org_id[64]; /* X-Molecule-Org-Id */
	char *body;
	size_t body_len;
	int64_t boot_ns; /* when it came */
};

struct world {
	struct rt *rt;
	struct scope scope;
	struct http_server server;
	world_answer_fn answer;
	void *arg;
	struct world_request seen[WORLD_SEEN_MAX];
	uint64_t count;

	char dir[64];
	char origin[64];
	struct url url;
	int log_fd;
	struct log log;
	struct config config;
	struct state_dir state;
	struct identity who;
	struct pool *pool;
	struct platform_client client;
};

static inline void world_copy(char *out, size_t cap,
			      const struct http_incoming *request,
			      const char *name)
{
	const char *value = http1_field(request->head, name);

	snprintf(out, cap, "%s", value ? value : "");
}

static inline void world_handler(void *arg, struct http_incoming *request)
{
	struct world *w = arg;
	struct world_request *seen = &w->seen[w->count % WORLD_SEEN_MAX];
	int number = (int)w->count++;

	snprintf(seen->line, sizeof(seen->line), "%s %s", request->head->method,
		 request->head->target);
	world_copy(seen->token, sizeof(seen->token), request, "authorization");
	world_copy(seen->origin, sizeof(seen->origin), request, "origin");
	world_copy(seen->type, sizeof(seen->type), request, "content-type");
	world_copy(seen->own_id, sizeof(seen->own_id), request,
		   "x-workspace-id");
	world_copy(seen->org_id, sizeof(seen->org_id), request,
		   "x-molecule-org-id");
	free(seen->body);
	seen->body = malloc(request->body_len + 1);
	memcpy(seen->body, request->body_len ? request->body : "",
	       request->body_len);
	seen->body[request->body_len] = '\0';
	seen->body_len = request->body_len;
	seen->boot_ns = clock_now(w->rt, CLOCK_ID_BOOTTIME);
	w->answer(w, number, request);
}

/* Answers with JSON text. */
static inline void world_json(struct http_incoming *request, int status,
			      const char *json)
{
	http_reply(request->conn, status, NULL, "application/json", json,
		   strlen(json));
}

static inline void world_open(struct world *w, struct rt *rt,
			      world_answer_fn answer, void *arg)
{
	struct http_server_options options = { .host = "127.0.0.1",
					       .handler = world_handler,
					       .arg = w };

	*w = (struct world){ .rt = rt, .answer = answer, .arg = arg };
	scope_open(rt, &w->scope, DEADLINE_NEVER);
	CHECK_EQ(http_server_start(&w->server, rt, &options), 0);
	CHECK_EQ(task_spawn(&w->scope, "platform", TASK_STACK_NORMAL,
			    http_server_task, &w->server),
		 0);
	snprintf(w->dir, sizeof(w->dir), "/tmp/molecule-test-XXXXXX");
	CHECK(mkdtemp(w->dir) != NULL);
	w->log_fd = memfd_create("log", MFD_CLOEXEC);
	log_init(&w->log, w->log_fd, LOG_INFO);
	log_start(&w->log, rt);
	state_dir_init(&w->state, rt, &w->log, w->dir, NULL);
	snprintf(w->origin, sizeof(w->origin), "http://127.0.0.1:%u",
		 w->server.port);
	w->who = (struct identity){ .workspace_id = WORLD_ID,
				    .origin = w->origin };
	CHECK_EQ(url_parse(&w->url, w->origin, NULL), 0);
	w->who.url = &w->url;
	w->who.token.value = WORLD_TOKEN;
	w->who.token.state = &w->state;
	w->pool = pool_new(rt, NULL);
	platform_client_init(&w->client, rt, w->pool);
	w->config.agent_name = strdup("agent");
	w->config.heartbeat_ms = 100;
	w->config.poll_ms = 100;
}

/* What has been logged; the caller frees it. */
static inline char *world_log(struct world *w)
{
	struct stat st;
	char *text;

	for (int i = 0; w->log.writing && i < 1000; i++)
		task_sleep(w->rt, deadline_in_ms(w->rt, 1));
	fstat(w->log_fd, &st);
	text = calloc(1, (size_t)st.st_size + 1);
	CHECK_EQ(pread(w->log_fd, text, (size_t)st.st_size, 0), st.st_size);
	return text;
}

/* How often `what` is in the log. */
static inline int world_logged(struct world *w, const char *what)
{
	char *text = world_log(w);
	int count = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		count++;
	free(text);
	return count;
}

/* Waits until a file of the state directory holds `want` (NULL: is gone). */
static inline bool world_file(struct world *w, const char *name,
			      const char *want)
{
	struct deadline limit = patience(w->rt);
	char buf[256];

	do {
		ssize_t n = state_dir_read(&w->state, name, buf, sizeof(buf));

		if (want ? n >= 0 && strcmp(buf, want) == 0 : n == -ENOENT)
			return true;
		task_sleep(w->rt, deadline_in_ms(w->rt, 1));
	} while (deadline_left_ns(w->rt, limit) > 0);
	return false;
}

/* Lets tasks run until `count` requests have come. */
static inline bool world_until(struct world *w, uint64_t count)
{
	return until(w->rt, &w->count, count);
}

static inline void world_close(struct world *w)
{
	char path[512];
	DIR *dir;

	pool_free(w->pool);
	platform_client_fini(&w->client);
	scope_close(&w->scope);
	http_server_stop(&w->server);
	state_dir_stop(&w->state, patience(w->rt));
	log_stop(&w->log, patience(w->rt));
	close(w->log_fd);
	config_free(&w->config);
	for (int i = 0; i < WORLD_SEEN_MAX; i++)
		free(w->seen[i].body);
	dir = opendir(w->dir);
	for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, e->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(w->dir);
}

#endif
