// SPDX-License-Identifier: MIT
/*
 * The token: one order of sources for everybody, read anew, and clear words
 * about what is wrong with it, which never hold any of it.
 */
#include "tests/unit/net_fixture.h"

#include <fcntl.h>
#include <stdlib.h>

#include "app/log.h"
#include "app/state_dir.h"
#include "app/token.h"

struct place {
	char dir[64];
	char file[128];
	struct log log;
	struct state_dir state;
	struct token_source source;
};

static void put(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, len), len);
	close(fd);
}

static void put_state(const struct place *p, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/.auth_token", p->dir);
	put(path, text, strlen(text));
}

static void place_open(struct place *p, struct rt *rt)
{
	*p = (struct place){ 0 };
	snprintf(p->dir, sizeof(p->dir), "/tmp/molecule-test-XXXXXX");
	CHECK(mkdtemp(p->dir) != NULL);
	snprintf(p->file, sizeof(p->file), "%s/token", p->dir);
	log_init(&p->log, -1, LOG_ERROR);
	state_dir_init(&p->state, rt, &p->log, p->dir, NULL);
	p->source.state = &p->state;
}

static void place_close(struct place *p, struct rt *rt)
{
	char path[128];

	state_dir_stop(&p->state, patience(rt));
	snprintf(path, sizeof(path), "%s/.auth_token", p->dir);
	unlink(path);
	unlink(p->file);
	rmdir(p->dir);
}

/* Checks what token_get gives: a bearer, or (NULL) an error. */
static void expect(const struct place *p, const char *bearer, int err)
{
	struct token token;

	CHECK_EQ(token_get(&p->source, &token), err);
	if (bearer != NULL)
		CHECK(token.bearer && strcmp(token.bearer, bearer) == 0);
	else
		CHECK(token.bearer == NULL);
	token_release(&token);
}

static int order(struct rt *rt, void *arg)
{
	struct place p;
	char name[TOKEN_NAME_MAX];

	(void)arg;
	place_open(&p, rt);
	put(p.file, "from-file", 9);
	put_state(&p, "from-state");
	expect(&p, "Bearer from-state", 0);
	CHECK(strstr(token_source_name(&p.source, name, sizeof(name)),
		     "/.auth_token") != NULL);
	p.source.file = p.file;
	expect(&p, "Bearer from-file", 0);
	CHECK(strstr(token_source_name(&p.source, name, sizeof(name)),
		     "MOLECULE_WORKSPACE_TOKEN_FILE") != NULL);
	CHECK(strstr(name, p.file) != NULL);
	p.source.value = "inline";
	expect(&p, "Bearer inline", 0);
	CHECK(strcmp(token_source_name(&p.source, name, sizeof(name)),
		     "MOLECULE_WORKSPACE_TOKEN") == 0);
	/* What is configured and unusable is not passed over. */
	p.source.value = NULL;
	unlink(p.file);
	expect(&p, NULL, -ENOENT);
	place_close(&p, rt);
	return 0;
}

/* F-12: a token that was replaced is used from the next request on. */
static int f12_rotation(struct rt *rt, void *arg)
{
	struct place p;

	(void)arg;
	place_open(&p, rt);
	put_state(&p, "old\n");
	expect(&p, "Bearer old", 0);
	put_state(&p, "  new\r\n");
	expect(&p, "Bearer new", 0);
	put_state(&p, "");
	expect(&p, NULL, -EINVAL); /* not sent as an empty token */
	place_close(&p, rt);
	return 0;
}

static int contents(struct rt *rt, void *arg)
{
	struct place p;
	char text[TOKEN_MAX + 300];
	char problem[512];

	(void)arg;
	place_open(&p, rt);
	p.source.file = p.file;
	put(p.file, " \n\t", 3);
	expect(&p, NULL, -EINVAL);
	put(p.file, "hush hush", 9);
	expect(&p, NULL, -EINVAL);
	token_problem(&p.source, -EINVAL, problem, sizeof(problem));
	CHECK(strstr(problem, p.file) != NULL);
	CHECK(strstr(problem, "hush") == NULL);
	put(p.file, "a\0b", 3);
	expect(&p, NULL, -EINVAL);
	put(p.file, "a\x7f", 2);
	expect(&p, NULL, -EINVAL);
	put(p.file, "gr\xc3\xbc\xc3\x9f", 6);
	expect(&p, NULL, -EINVAL);
	memset(text, 'x', sizeof(text));
	put(p.file, text, sizeof(text));
	expect(&p, NULL, -EMSGSIZE);
	put(p.file, text, TOKEN_MAX + 1);
	expect(&p, NULL, -EMSGSIZE);
	put(p.file, text, TOKEN_MAX);
	text[TOKEN_MAX] = '\0';
	{
		struct token token;

		CHECK_EQ(token_get(&p.source, &token), 0);
		CHECK(strcmp(token.bearer + 7, text) == 0);
		token_release(&token);
		CHECK(token.bearer == NULL);
	}
	p.source.file = p.dir;
	expect(&p, NULL, -ENOTSUP);
	place_close(&p, rt);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(order)
TEST(f12_rotation)
TEST(contents)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_f12_rotation),
		cmocka_unit_test(test_contents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
