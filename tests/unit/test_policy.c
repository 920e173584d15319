// SPDX-License-Identifier: MIT
/* policy: which tools a workspace's roles allow, and what is told. */
#include "tests/unit/tools_fixture.h"

#include <sys/stat.h>

#include "app/policy.h"

struct place {
	struct fake fake;
	char dir[64];
	char file[128];
};

static void place_open(struct place *p, struct rt *rt, const char *text)
{
	memset(p, 0, sizeof(*p));
	fake_open(&p->fake, rt);
	strcpy(p->dir, "/tmp/test_policy.XXXXXX");
	CHECK(mkdtemp(p->dir) != NULL);
	snprintf(p->file, sizeof(p->file), "%s/config.yaml", p->dir);
	if (text) {
		FILE *out = fopen(p->file, "w");

		CHECK(out && fputs(text, out) >= 0);
		CHECK(out && fclose(out) == 0);
	}
	p->fake.host.tools.policy = policy_new(rt, &p->fake.host.log, p->dir);
}

static void place_close(struct place *p)
{
	policy_free(p->fake.host.tools.policy);
	fake_close(&p->fake);
	unlink(p->file);
	rmdir(p->file);
	rmdir(p->dir);
}

/* Whether the tool is refused, and nothing was sent then. */
static bool denied(struct place *p, const char *tool)
{
	struct tool_call call = fake_run(&p->fake, tool, "{}");
	static const char start[] = "PERMISSION DENIED: ";
	bool refused = call.text &&
		       strncmp(call.text, start, sizeof(start) - 1) == 0;

	CHECK_EQ(call.is_error && refused, refused);
	CHECK(!refused || strstr(call.text, tool));
	fake_done(&call);
	return refused;
}

static int roles_body(struct rt *rt, void *arg)
{
	static const char *const tools[] = {
		"delegate_task", "delegate_task_async",	 "check_task_status",
		"commit_memory", "send_message_to_user", "recall_memory",
		"inbox_peek",
	};
	static const struct {
		const char *text;
		const char *denied; /* one for each of the tools */
	} cases[] = {
		{ NULL, "......." },
		{ "rbac: {roles: [operator]}", "......." },
		{ "rbac: {roles: [read-only]}", "XXXXX.." },
		{ "rbac: {roles: [no-delegation]}", "XXX...." },
		{ "rbac: {roles: [no-approval]}", "....X.." },
		{ "rbac: {roles: []}", "XXXXXX." },
	};
	struct place p;

	(void)arg;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		place_open(&p, rt, cases[i].text);
		for (size_t k = 0; k < sizeof(tools) / sizeof(*tools); k++) {
			bool want_it = cases[i].denied[k] == 'X';

			if (!CHECK(denied(&p, tools[k]) == want_it))
				fprintf(stderr, "%s, %s\n", cases[i].text,
					tools[k]);
		}
		CHECK_EQ(host_logged(&p.fake.host, "config.yaml"), 0);
		place_close(&p);
	}
	return 0;
}

static void roles_decide(void **state)
{
	(void)state;
	in_runtime(roles_body, NULL);
}

static int refusal_body(struct rt *rt, void *arg)
{
	struct place p;
	char text[512];

	(void)arg;
	place_open(&p, rt, "rbac: {roles: [read-only, boss]}");
	RULES(&p.fake, { "POST ", 500, "{}", 0, 0 });
	snprintf(text, sizeof(text),
		 "PERMISSION DENIED: commit_memory needs the right "
		 "memory.write, which this workspace does not have (roles: "
		 "read-only, boss; rbac.roles in %s/config.yaml). ",
		 p.dir);
	want_part(&p.fake, "commit_memory", "{'content':'c'}", true, text);
	CHECK_EQ(p.fake.seen_len, 0);
	/* F-34: that is all that is decided here. */
	CHECK_EQ(host_logged(&p.fake.host, "nobody knows the role boss"), 1);
	/* It is read once. */
	unlink(p.file);
	want_part(&p.fake, "commit_memory", "{'content':'c'}", true,
		  "PERMISSION DENIED");
	CHECK_EQ(host_logged(&p.fake.host, "boss"), 1);
	place_close(&p);
	return 0;
}

static void a_refusal_says_why(void **state)
{
	(void)state;
	in_runtime(refusal_body, NULL);
}

/* What is wrong with the file is told once, and forbids nothing. */
static int broken_body(struct rt *rt, void *arg)
{
	struct place p;
	FILE *out;

	(void)arg;
	place_open(&p, rt, "rbac: roles: x\n");
	CHECK(!denied(&p, "commit_memory"));
	CHECK(!denied(&p, "commit_memory"));
	CHECK_EQ(host_logged(&p.fake.host, "config.yaml: line 1: "), 1);
	CHECK_EQ(host_logged(&p.fake.host, "correct the file"), 1);
	place_close(&p);

	place_open(&p, rt, "x");
	out = fopen(p.file, "w");
	for (unsigned i = 0; i < POLICY_FILE_MAX; i++)
		fputs("# ", out);
	fclose(out);
	CHECK(!denied(&p, "commit_memory"));
	CHECK_EQ(host_logged(&p.fake.host, "larger than 256 KiB"), 1);
	place_close(&p);

	place_open(&p, rt, NULL);
	CHECK(mkdir(p.file, 0700) == 0);
	CHECK(!denied(&p, "commit_memory"));
	CHECK_EQ(host_logged(&p.fake.host, "config.yaml: "), 1);
	place_close(&p);
	return 0;
}

static void a_broken_file_forbids_nothing(void **state)
{
	(void)state;
	in_runtime(broken_body, NULL);
}

/* Calls that come together wait for one reading. */
static void deny_one(struct rt *rt, void *arg)
{
	struct place *p = arg;

	(void)rt;
	CHECK(denied(p, "commit_memory"));
}

static int together_body(struct rt *rt, void *arg)
{
	struct scope scope;
	struct place p;

	(void)arg;
	place_open(&p, rt, "rbac: {roles: [nobody]}");
	scope_open(rt, &scope, DEADLINE_NEVER);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(task_spawn(&scope, "call", TASK_STACK_LARGE, deny_one,
				    &p),
			 0);
	scope_join(&scope);
	CHECK_EQ(host_logged(&p.fake.host, "nobody knows"), 1);
	place_close(&p);
	return 0;
}

static void calls_share_one_reading(void **state)
{
	(void)state;
	in_runtime(together_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_decide),
		cmocka_unit_test(a_refusal_says_why),
		cmocka_unit_test(a_broken_file_forbids_nothing),
		cmocka_unit_test(calls_share_one_reading),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
