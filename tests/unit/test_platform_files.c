// SPDX-License-Identifier: MIT
/* Files on their way to and from the platform, and how own ones are known. */
#include "tests/unit/app_fixture.h"

#include <fcntl.h>

#define PEER "22222222-2222-4222-8222-222222222222"

/* What the platform answers next. */
struct script {
	int status;
	const char *body;
	const char *const *fields;
};

static void scripted(struct world *w, int number, struct http_incoming *request)
{
	struct script *s = w->arg;

	(void)number;
	http_reply(request->conn, s->status, s->fields, "application/json",
		   s->body, strlen(s->body));
}

static const struct world_request *last(struct world *w)
{
	return &w->seen[(w->count - 1) % WORLD_SEEN_MAX];
}

static void expect_text(const struct platform_reply *r, const char *needle)
{
	char text[PLATFORM_TEXT_MAX];

	platform_reply_text(r, text, sizeof(text));
	if (!CHECK(strstr(text, needle) != NULL))
		fprintf(stderr, "no \"%s\" in \"%s\"\n", needle, text);
	CHECK(strstr(text, WORLD_TOKEN) == NULL);
}

static int make_file(struct world *w, const char *name, const char *text,
		     size_t len)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
	CHECK_EQ(write(fd, text, len), len);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int upload(struct rt *rt, void *arg)
{
	struct script s = { 200,
			    "{\"files\":[{\"uri\":\"p:1\"},{\"uri\":\"p:2\"}]}",
			    NULL };
	size_t big_len = 3 * 1024 * 1024 + 7;
	char *big = malloc(big_len);
	struct platform_file files[2];
	const struct world_request *seen;
	struct platform_reply r;
	struct world w;
	char expected[512];
	const char *boundary;
	size_t head, tail;

	(void)arg;
	for (size_t i = 0; i < big_len; i++)
		big[i] = (char)(i * 7 >> 3);
	world_open(&w, rt, scripted, &s);
	files[0] = (struct platform_file){ "a\"b\n.txt", "text/plain",
					   make_file(&w, "a", "", 0), 0 };
	files[1] = (struct platform_file){ "big.PNG", "image/png",
					   make_file(&w, "b", big, big_len),
					   big_len };
	CHECK(!platform_own_upload(&w.client, "p:2", ""));
	platform_upload(&w.client, &w.who, files, 2, &r);
	CHECK_EQ(r.err, 0);
	CHECK(platform_ok(&r));
	platform_reply_free(&r);
	CHECK(platform_own_upload(&w.client, "p:1", ""));
	CHECK(platform_own_upload(&w.client, "p:2", ""));
	CHECK(!platform_own_upload(&w.client, "p:3", ""));

	seen = last(&w);
	CHECK(strcmp(seen->line,
		     "POST /workspaces/" WORLD_ID "/chat/uploads") == 0);
	CHECK(strncmp(seen->type, "multipart/form-data; boundary=", 30) == 0);
	boundary = seen->type + 30;
	head = (size_t)snprintf(
		expected, sizeof(expected),
		"--%s\r\nContent-Disposition: form-data; name=\"files\"; "
		"filename=\"a%%22b%%0A.txt\"\r\nContent-Type: text/plain"
		"\r\n\r\n\r\n--%s\r\nContent-Disposition: form-data; "
		"name=\"files\"; filename=\"big.PNG\"\r\nContent-Type: "
		"image/png\r\n\r\n",
		boundary, boundary);
	CHECK(memcmp(seen->body, expected, head) == 0);
	CHECK(memcmp(seen->body + head, big, big_len) == 0);
	tail = (size_t)snprintf(expected, sizeof(expected), "\r\n--%s--\r\n",
				boundary);
	CHECK_EQ(seen->body_len, head + big_len + tail);
	CHECK(memcmp(seen->body + head + big_len, expected, tail) == 0);

	/* A file that is shorter than it was. */
	CHECK_EQ(lseek(files[1].fd, 5, SEEK_SET), 5);
	platform_upload(&w.client, &w.who, files, 2, &r);
	CHECK_EQ(r.err, -EIO);
	expect_text(&r, "shorter");
	platform_reply_free(&r);
	/* Limits. */
	files[1].size = PLATFORM_UPLOAD_FILE_MAX + 1;
	platform_upload(&w.client, &w.who, files, 2, &r);
	CHECK_EQ(r.err, -EFBIG);
	platform_reply_free(&r);
	platform_upload(&w.client, &w.who, files, 0, &r);
	CHECK_EQ(r.err, -EINVAL);
	platform_reply_free(&r);
	close(files[0].fd);
	close(files[1].fd);
	world_close(&w);
	free(big);
	return 0;
}

/* A body of which only the length is in memory, in the end one byte each. */
static void big_answer(struct world *w, int number,
		       struct http_incoming *request)
{
	size_t len = *(size_t *)w->arg;
	char *body = malloc(len + 1);

	(void)number;
	memset(body, 'b', len);
	http_reply(request->conn, 200, NULL, "application/octet-stream", body,
		   len);
	free(body);
}

static int downloads(struct rt *rt, void *arg)
{
	size_t len = PLATFORM_UPLOAD_FILE_MAX;
	struct script s = { 410, "{\"error\":\"was here\"}", NULL };
	struct platform_reply r;
	struct stat st;
	struct world w;
	uint64_t size;
	int write_err;
	int fd = memfd_create("file", MFD_CLOEXEC);

	(void)arg;
	world_open(&w, rt, big_answer, &len);
	platform_upload_content(&w.client, &w.who, PEER, fd, &size, &write_err,
				&r);
	CHECK(strcmp(last(&w)->line, "GET /workspaces/" WORLD_ID
				     "/pending-uploads/" PEER "/content") == 0);
	CHECK(strcmp(last(&w)->token, "Bearer " WORLD_TOKEN) == 0);
	CHECK(platform_ok(&r));
	CHECK(r.body == NULL && r.json == NULL);
	CHECK_EQ(size, len);
	CHECK_EQ(write_err, 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, len);
	platform_reply_free(&r);
	/* The connection is good for the next one. */
	len = 0;
	platform_upload_content(&w.client, &w.who, PEER, fd, &size, &write_err,
				&r);
	CHECK(platform_ok(&r));
	CHECK_EQ(size, 0);
	platform_reply_free(&r);
	CHECK_EQ(pool_counters(w.pool)->opened, 1);
	/* Too large. */
	len = PLATFORM_UPLOAD_FILE_MAX + 1;
	platform_upload_content(&w.client, &w.who, PEER, fd, &size, &write_err,
				&r);
	CHECK_EQ(r.err, -EFBIG);
	CHECK(!platform_ok(&r));
	CHECK_EQ(write_err, 0);
	platform_reply_free(&r);
	/* A disk that takes nothing. */
	close(fd);
	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	platform_upload_content(&w.client, &w.who, PEER, fd, &size, &write_err,
				&r);
	CHECK_EQ(write_err, -ENOSPC);
	CHECK_EQ(r.err, -ENOSPC);
	platform_reply_free(&r);
	close(fd);
	/* What the platform says instead. */
	w.answer = scripted;
	w.arg = &s;
	platform_upload_content(&w.client, &w.who, PEER, -1, &size, &write_err,
				&r);
	CHECK_EQ(r.err, 0);
	CHECK_EQ(r.status, 410);
	CHECK(strcmp(platform_reply_error(&r), "was here") == 0);
	platform_reply_free(&r);
	/* Nobody there. */
	http_server_stop(&w.server);
	w.url.port = 1;
	platform_upload_content(&w.client, &w.who, PEER, -1, &size, &write_err,
				&r);
	CHECK_EQ(r.err, -ECONNREFUSED);
	expect_text(&r, "refused");
	platform_reply_free(&r);
	world_close(&w);
	return 0;
}

struct waiter {
	struct world *w;
	uint64_t done;
	bool own;
};

static void wait_task(struct rt *rt, void *arg)
{
	struct waiter *waiter = arg;

	(void)rt;
	waiter->own = platform_own_upload(&waiter->w->client, "p:1", "f");
	waiter->done = 1;
}

/* The row of an upload may be read before the upload is answered. */
static void answer_upload_late(struct world *w, int number,
			       struct http_incoming *request)
{
	struct waiter *waiter = w->arg;

	(void)number;
	CHECK_EQ(task_spawn(&w->scope, "reader", TASK_STACK_SMALL, wait_task,
			    waiter),
		 0);
	for (int i = 0; i < 20; i++)
		task_yield(w->rt);
	CHECK_EQ(waiter->done, 0);
	world_json(request, 200, "{\"files\":[{\"uri\":\"p:1\"}]}");
}

static int f29_own_upload_row_comes_first(struct rt *rt, void *arg)
{
	struct waiter waiter = { 0 };
	struct platform_file file;
	struct platform_reply r;
	struct world w;

	(void)arg;
	world_open(&w, rt, answer_upload_late, &waiter);
	waiter.w = &w;
	file = (struct platform_file){ "f", "a/b", make_file(&w, "f", "x", 1),
				       1 };
	platform_upload(&w.client, &w.who, &file, 1, &r);
	platform_reply_free(&r);
	CHECK(until(rt, &waiter.done, 1));
	CHECK(waiter.own);
	close(file.fd);
	world_close(&w);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(upload)
TEST(downloads)
TEST(f29_own_upload_row_comes_first)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_upload),
		cmocka_unit_test(test_downloads),
		cmocka_unit_test(test_f29_own_upload_row_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
