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

static bool all_zero(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

/* A bearer of `len` bytes: where it is, what it says, and that it is wiped. */
static void check_bearer(struct place *p, const char *text, size_t len)
{
	const size_t prefix = strlen("Bearer ");
	struct token token;

	memset(&token, '#', sizeof(token));
	CHECK_EQ(token_get(&p->source, &token), 0);
	CHECK_EQ(token.kind, token_source_kind(&p->source));
	CHECK_EQ(strlen(token.bearer), len);
	CHECK(memcmp(token.bearer, "Bearer ", prefix) == 0);
	CHECK(memcmp(token.bearer + prefix, text, len - prefix) == 0);
	if (len < TOKEN_SHORT) {
		CHECK(token.bearer == token.space);
		/* And nothing beyond it. */
		for (size_t i = len + 1; i < TOKEN_SHORT; i++)
			CHECK_EQ(token.space[i], '#');
	} else {
		CHECK(token.bearer != token.space);
		CHECK(!memmem(token.space, TOKEN_SHORT, text, 8));
	}
	token_release(&token);
	CHECK(token.bearer == NULL);
	if (len < TOKEN_SHORT)
		CHECK(all_zero(token.space, len + 1));
	token_release(&token);
}

/* With its NUL it fits into what is there for it, or just not. */
static int around_short(struct rt *rt, void *arg)
{
	static const size_t lens[] = {
		8,	     TOKEN_SHORT - 2, TOKEN_SHORT - 1,
		TOKEN_SHORT, TOKEN_SHORT + 1, TOKEN_SHORT + 500
	};
	char text[TOKEN_SHORT + 500];
	struct place p;

	(void)arg;
	place_open(&p, rt);
	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		size_t len = lens[i] - strlen("Bearer ");

		memset(text, 'x', len);
		text[len] = '\0';
		p.source.value = text;
		check_bearer(&p, text, lens[i]);
		p.source.value = NULL;
		p.source.file = p.file;
		put(p.file, text, len);
		check_bearer(&p, text, lens[i]);
		p.source.file = NULL;
		put_state(&p, text);
		check_bearer(&p, text, lens[i]);
	}
	place_close(&p, rt);
	return 0;
}

/* What could not be had leaves nothing to release. */
static int nothing_to_release(struct rt *rt, void *arg)
{
	struct token token;
	struct place p;

	(void)arg;
	place_open(&p, rt);
	memset(&token, '#', sizeof(token));
	CHECK_EQ(token_get(&p.source, &token), -ENOENT);
	CHECK(token.bearer == NULL);
	token_release(&token);
	token = (struct token){ 0 };
	token_release(&token);
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
TEST(around_short)
TEST(nothing_to_release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_f12_rotation),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_around_short),
		cmocka_unit_test(test_nothing_to_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
