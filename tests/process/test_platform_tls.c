// SPDX-License-Identifier: MIT
/*
 * molecule-platform serving https, and molecule-mcp against it: with the
 * certificate that it makes for itself, and with a chain that openssl made.
 * The user is played by openssl's client, which judges the certificate too.
 */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPENSSL "/usr/bin/openssl"
#define CHANNEL "notifications/claude/channel"
#define PEER_TOKEN "tok-peer-9876543210"
#define CERTIFICATE "certificate "
#define LISTENING "listening on https://"
#define STARTERS 4

/* A platform that is listening. */
struct served {
	struct rig *rig;
	struct child *child;
	const char *made; /* the file of its own certificate, or NULL */
	const char *url;
	int port;
	/* For the user's client. */
	const char *roots, *name; /* whom it verifies; NULL: whoever it is */
	int asked;
};

static const char *program(const char *variable)
{
	const char *exe = getenv(variable);

	if (!exe || !*exe)
		fail_msg("set %s", variable);
	return exe;
}

static const char *field(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "(absent)";
}

struct line_wait {
	struct child *c;
	const char *part;
};

static bool stdout_has_or_end(void *arg)
{
	struct line_wait *w = arg;
	const char *hit = strstr(child_stdout(w->c), w->part);

	return (hit && strchr(hit, '\n')) || !child_running(w->c);
}

/* What stands behind `label` on its line of stdout; NULL: no such line. */
static const char *line_of(struct rig *rig, struct child *c, const char *label)
{
	const char *hit = strstr(child_stdout(c), label);

	if (!hit)
		return NULL;
	hit += strlen(label);
	return rig_text(rig, "%.*s", (int)strcspn(hit, "\n"), hit);
}

static const char *new_seed(struct rig *rig)
{
	const char *path = rig_text(rig, "%s/seed.json", rig->dir);

	file_write(path,
		   rig_quoted(rig, "{'workspaces':[{'id':'" WS_ID
				   "','name':'Alpha','token':'" TOKEN "'},"
				   "{'id':'" PEER_ID
				   "','name':'Beta','role':'tester',"
				   "'token':'" PEER_TOKEN "'}]}"),
		   0600);
	return path;
}

static struct served spawned(struct rig *rig, const char *host,
			     const char *const *args)
{
	struct child_how how = { .exe = program("MOLECULE_PLATFORM"),
				 .args = args,
				 .text_stdout = true };

	return (struct served){ .rig = rig,
				.name = host,
				.child = rig_spawn(rig, how) };
}

/* Waits until it listens. */
static void await(struct served *s)
{
	struct line_wait w = { .c = s->child, .part = LISTENING };

	wait_until(stdout_has_or_end, &w, BOUND_MS);
	s->made = line_of(s->rig, s->child, CERTIFICATE);
	s->url = line_of(s->rig, s->child, "listening on ");
	if (!s->url || strncmp(s->url, "https://", 8) != 0)
		child_fail(s->child, "it is not listening: %s", s->url);
	s->port = atoi(strrchr(s->url, ':') + 1);
	s->roots = s->made;
}

/* Starts it with up to four more arguments; port 0: it chooses. */
static struct served platform(struct rig *rig, const char *host, int port,
			      const char *const *more)
{
	const char *args[12] = { "--listen", rig_text(rig, "%s:%d", host, port),
				 "--seed", new_seed(rig) };
	struct served s;

	for (int i = 0; i < 4 && more[i]; i++)
		args[4 + i] = more[i];
	s = spawned(rig, host, args);
	await(&s);
	return s;
}

static void stop(struct served *s)
{
	child_signal(s->child, SIGTERM);
	assert_int_equal(child_wait(s->child, BOUND_MS), 0);
}

/* A request of the user's, on a connection of its own: the body of the answer,
 * or NULL when there is none. */
static const char *ask(struct served *s, const char *method, const char *path,
		       const char *body)
{
	bool literal = s->name &&
		       strspn(s->name, "0123456789.:[]") == strlen(s->name);
	const char *args[16] = { "s_client",
				 "-quiet",
				 "-connect",
				 rig_text(s->rig, "127.0.0.1:%d", s->port),
				 "-CAfile",
				 s->roots,
				 "-verify_return_error",
				 !s->name  ? NULL
				 : literal ? "-verify_ip"
					   : "-verify_hostname",
				 s->name };
	const char *json = rig_quoted(s->rig, body ? body : "");
	const char *request =
		rig_text(s->rig,
			 "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
			 "Content-Type: application/json\r\n"
			 "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
			 method, path, s->port, strlen(json), json);
	struct child *c = child_spawn(
		&(struct child_how){
			.exe = OPENSSL, .args = args, .text_stdout = true },
		s->rig->env);
	const char *answer = NULL, *all, *split;

	s->asked++;
	child_send_bytes(c, request, strlen(request));
	if (child_wait(c, BOUND_MS) == 0) {
		all = rig_text(s->rig, "%s", child_stdout(c));
		split = strstr(all, "\r\n\r\n");
		if (split && !strncmp(all, "HTTP/1.1 200", 12))
			answer = split + 4;
	}
	if (!answer)
		print_error("openssl: %s%s\n", child_stdout(c),
			    child_stderr(c));
	child_free(c);
	return answer;
}

static json_t *see(struct served *s, const char *path)
{
	const char *answer = ask(s, "GET", path, NULL);
	json_t *json = answer ? json_loads(answer, 0, NULL) : NULL;

	if (!json)
		child_fail(s->child, "no answer for %s", path);
	return child_keep_json(s->child, json);
}

static void user_says(struct served *s, const char *text)
{
	assert_non_null(ask(s, "POST", "/demo/workspaces/" WS_ID "/messages",
			    rig_text(s->rig, "{'text':'%s'}", text)));
}

/* molecule-mcp for Alpha (WS_ID) or Beta, that trusts the roots in the file. */
static struct child *agent(struct rig *rig, const char *url, const char *roots,
			   bool beta)
{
	struct child *mcp;

	rig_env(rig, "PLATFORM_URL", url);
	rig_env(rig, "SSL_CERT_FILE", roots);
	rig_env(rig, "WORKSPACE_ID", beta ? PEER_ID : WS_ID);
	rig_env(rig, "MOLECULE_WORKSPACE_TOKEN", beta ? PEER_TOKEN : TOKEN);
	rig_env(rig, "CONFIGS_DIR",
		rig_text(rig, "%s/%s", rig->dir, beta ? "beta" : "alpha"));
	mcp = rig_start(rig);
	mcp_hello(mcp);
	return mcp;
}

static bool is_online(void *arg)
{
	struct served *s = arg;
	json_t *alpha = json_array_get(
		json_object_get(see(s, "/demo/state"), "workspaces"), 0);

	return !strcmp(field(alpha, "status"), "online") &&
	       json_integer_value(json_object_get(alpha, "registrations")) +
			       json_integer_value(
				       json_object_get(alpha, "heartbeats")) >=
		       3;
}

static void assert_online(struct served *s, struct child *mcp)
{
	if (!wait_until(is_online, s, BOUND_MS))
		child_fail(mcp, "the workspace is not online");
}

/* What was written, behind the two lines that frame it. */
static const char *content_of(struct child *mcp, int n)
{
	const char *text = field(
		json_object_get(child_notification(mcp, CHANNEL, n), "params"),
		"content");

	for (int i = 0; i < 2 && strchr(text, '\n'); i++)
		text = strchr(text, '\n') + 1;
	return text;
}

/* A user's message and its reply; a delegation of the peer's. */
static void talk(struct served *s, struct child *alpha, struct child *beta)
{
	user_says(s, "what is the time?");
	assert_string_equal(content_of(alpha, 0), "what is the time?");
	mcp_call(alpha, 2, "send_message_to_user", "{'message':'late'}");
	assert_string_equal(mcp_ok(alpha, 2), "Message sent to user");
	mcp_call(beta, 2, "delegate_task_async",
		 "{'workspace_id':'" WS_ID "','task':'count to three'}");
	mcp_ok(beta, 2);
	assert_string_equal(content_of(alpha, 1), "count to three");
	mcp_call(alpha, 3, "delegate_task",
		 "{'workspace_id':'" PEER_ID "','task':'one two three'}");
	mcp_ok(alpha, 3);
	assert_string_equal(content_of(beta, 0), "one two three");
}

static void with_its_own_certificate(void **state)
{
	static const char *const args[] = { "--tls", NULL };
	struct rig *rig = *state;
	const char *run = rig_text(rig, "%s/run", rig->dir), *dir;
	struct child *alpha, *beta;
	struct served s;

	mkdir(run, 0700);
	rig_env(rig, "XDG_RUNTIME_DIR", run);
	s = platform(rig, "127.0.0.1", 0, args);
	if (!s.made)
		child_fail(s.child, "it names no certificate");
	assert_true(strncmp(s.made, run, strlen(run)) == 0);
	assert_int_equal(dir_count(run, "molecule-platform"), 1);
	dir = rig_text(rig, "%.*s", (int)(strrchr(s.made, '/') - s.made),
		       s.made);
	assert_int_equal(file_mode(dir), 0700);
	alpha = agent(rig, s.url, s.made, false);
	beta = agent(rig, rig_text(rig, "https://localhost:%d", s.port), s.made,
		     true);
	assert_online(&s, alpha);
	talk(&s, alpha, beta);
	child_close_stdin(alpha);
	assert_int_equal(child_wait(alpha, BOUND_MS), 0);
	assert_string_equal(child_stderr(alpha), "");
	stop(&s);
	assert_string_equal(child_stderr(s.child), "");
	/* It leaves nothing behind. */
	assert_int_equal(dir_count(run, "molecule"), 0);
}

static void an_unusable_runtime_directory_is_passed_over(void **state)
{
	static const char *const args[] = { "--tls", NULL };
	struct rig *rig = *state;
	struct served s;

	rig_env(rig, "XDG_RUNTIME_DIR", "/no/such/directory");
	rig_env(rig, "TMPDIR", rig->dir);
	s = platform(rig, "localhost", 0, args);
	assert_non_null(s.made);
	assert_true(strncmp(s.made, rig->dir, strlen(rig->dir)) == 0);
	see(&s, "/demo/state");
	stop(&s);
	assert_int_equal(dir_count(rig->dir, "molecule"), 0);
}

/* An agent goes on with a platform that comes back, since it trusts it. */
static void a_kept_certificate_lasts(void **state)
{
	struct rig *rig = *state;
	const char *dir = rig_text(rig, "%s/kept", rig->dir);
	const char *const args[] = { "--tls-dir", dir, NULL };
	struct served s = platform(rig, "127.0.0.1", 0, args);
	char *first = file_read(s.made), *second;
	struct child *mcp = agent(rig, s.url, s.made, false);

	assert_int_equal(file_mode(dir), 0700);
	assert_int_equal(
		file_mode(rig_text(rig, "%s/molecule-platform-key.pem", dir)),
		0600);
	assert_online(&s, mcp);
	child_signal(s.child, SIGKILL);
	child_wait(s.child, BOUND_MS);
	s = platform(rig, "127.0.0.1", s.port, args);
	second = file_read(s.made);
	assert_string_equal(first, second);
	free(first);
	free(second);
	assert_online(&s, mcp);
	user_says(&s, "welcome back");
	assert_string_equal(content_of(mcp, 0), "welcome back");
}

static void those_that_start_at_once_share_a_certificate(void **state)
{
	struct rig *rig = *state;
	const char *dir = rig_text(rig, "%s/shared", rig->dir);
	const char *args[] = { "--listen", "127.0.0.1:0", "--tls-dir", dir,
			       NULL };
	struct served s[STARTERS];

	for (int i = 0; i < STARTERS; i++)
		s[i] = spawned(rig, "127.0.0.1", args);
	for (int i = 0; i < STARTERS; i++) {
		await(&s[i]);
		assert_string_equal(s[i].made, s[0].made);
	}
	for (int i = 0; i < STARTERS; i++) {
		see(&s[i], "/demo/state");
		stop(&s[i]);
		assert_string_equal(child_stderr(s[i].child), "");
	}
}

/* One that is killed leaves its directory behind; the next one removes it, and
 * nothing else. */
static void what_a_killed_one_left_is_removed(void **state)
{
	static const char *const args[] = { "--tls", NULL };
	struct rig *rig = *state;
	const char *run = rig_text(rig, "%s/run", rig->dir);
	const char *other = rig_text(rig, "%s/molecule-platform-backup", run);
	const char *more = rig_text(rig, "%s/file", other);
	struct served killed, alive, next;

	mkdir(run, 0700);
	mkdir(other, 0700);
	file_write(more, "mine", 0600);
	rig_env(rig, "XDG_RUNTIME_DIR", run);
	killed = platform(rig, "127.0.0.1", 0, args);
	alive = platform(rig, "127.0.0.1", 0, args);
	child_signal(killed.child, SIGKILL);
	child_wait(killed.child, BOUND_MS);
	assert_int_equal(access(killed.made, F_OK), 0);
	next = platform(rig, "127.0.0.1", 0, args);
	assert_int_equal(access(killed.made, F_OK), -1);
	assert_int_equal(dir_count(run, "molecule-platform-"), 3);
	see(&alive, "/demo/state");
	see(&next, "/demo/state");
	assert_int_equal(access(more, F_OK), 0);
	stop(&alive);
	stop(&next);
	assert_int_equal(dir_count(run, "molecule-platform-"), 1);
}

/* Makes a root, an intermediate and a leaf for `names`, in dir/NAME.pem and
 * .key; the chain to be served in chain.pem; another root in other.pem. */
static const char *make_chain(struct rig *rig, const char *names)
{
	static const char script[] =
		"set -e; cd \"$1\"; names=$2\n"
		"new() { openssl req -x509 -nodes -days 2 -keyout $1.key "
		"-out $1.pem -subj \"/CN=Test $1\" \"${@:2}\"; }\n"
		"ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256'\n"
		"new root $ec; new other $ec\n"
		"new middle -CA root.pem -CAkey root.key $ec\n"
		"new leaf -CA middle.pem -CAkey middle.key -newkey rsa:2048 "
		"-addext basicConstraints=critical,CA:FALSE "
		"-addext extendedKeyUsage=serverAuth "
		"-addext \"subjectAltName=$names\"\n"
		"cat leaf.pem middle.pem > chain.pem\n";
	const char *dir = rig_text(rig, "%s/chain", rig->dir);
	const char *args[] = { "-c", script, "make", dir, names, NULL };
	struct child *c;

	mkdir(dir, 0700);
	c = rig_spawn(rig, (struct child_how){ .exe = "/bin/bash",
					       .args = args,
					       .text_stdout = true });
	if (child_wait(c, BOUND_MS) != 0)
		child_fail(c, "openssl made no chain");
	return dir;
}

static struct served chain_served(struct rig *rig, const char *dir,
				  const char *host)
{
	const char *const args[] = { "--tls-cert",
				     rig_text(rig, "%s/chain.pem", dir),
				     "--tls-key",
				     rig_text(rig, "%s/leaf.key", dir) };
	struct served s = platform(rig, host, 0, args);

	s.roots = rig_text(rig, "%s/root.pem", dir);
	assert_null(s.made);
	return s;
}

static void with_a_chain_that_is_given(void **state)
{
	struct rig *rig = *state;
	const char *dir = make_chain(rig, "DNS:localhost");
	struct served s = chain_served(rig, dir, "localhost");
	struct child *alpha = agent(rig, s.url, s.roots, false);
	struct child *beta = agent(rig, s.url, s.roots, true);

	assert_online(&s, alpha);
	talk(&s, alpha, beta);
	stop(&s);
	assert_string_equal(child_stderr(s.child), "");
}

struct attempts {
	struct served *s;
	int want;
	json_t *counters;
};

static bool has_tried(void *arg)
{
	struct attempts *a = arg;

	a->counters = see(a->s, "/demo/counters");
	return json_integer_value(
		       json_object_get(a->counters, "connections_accepted")) -
		       a->s->asked >=
	       a->want;
}

/* It goes on trying, and never sends a byte of a request; MCP is served. */
static void assert_nothing_sent(struct served *s, struct child *mcp)
{
	struct attempts a = { .s = s, .want = 4 };
	const char *name;
	json_t *count;

	if (!wait_until(has_tried, &a, BOUND_MS))
		child_fail(mcp, "it does not try again");
	json_object_foreach(json_object_get(a.counters, "endpoints"), name,
			    count) if (!strstr(name, "/demo/"))
		child_fail(mcp, "it has sent %s", name);
	child_send(mcp, "{'jsonrpc':'2.0','id':90,'method':'ping'}");
	child_result(mcp, 90);
	mcp_call(mcp, 91, "list_peers", NULL);
	mcp_failed(mcp, 91);
	assert_true(child_running(mcp));
}

static void a_wrong_host_is_refused(void **state)
{
	struct rig *rig = *state;
	const char *dir = make_chain(rig, "DNS:one.example,DNS:two.example");
	struct served s = chain_served(rig, dir, "127.0.0.1");
	struct child *mcp;

	s.name = "two.example";
	mcp = agent(rig, s.url, s.roots, false);
	child_expect_stderr(mcp, "one.example, two.example");
	assert_nothing_sent(&s, mcp);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
}

/* The message names the bundle; once that has the root, the agent is online,
 * without a restart. */
static void an_unknown_root_is_refused(void **state)
{
	struct rig *rig = *state;
	const char *dir = make_chain(rig, "IP:127.0.0.1");
	const char *bundle = rig_text(rig, "%s/bundle.pem", rig->dir);
	const char *fresh = rig_text(rig, "%s/fresh.pem", rig->dir);
	struct served s = chain_served(rig, dir, "127.0.0.1");
	char *other = file_read(rig_text(rig, "%s/other.pem", dir));
	char *root = file_read(s.roots);
	struct child *mcp;

	file_write(bundle, other, 0600);
	mcp = agent(rig, s.url, bundle, false);
	child_expect_stderr(mcp, bundle);
	child_expect_stderr(mcp, "Test root");
	assert_nothing_sent(&s, mcp);
	file_write(fresh, root, 0600);
	assert_int_equal(rename(fresh, bundle), 0);
	assert_online(&s, mcp);
	child_close_stdin(mcp);
	assert_int_equal(child_wait(mcp, BOUND_MS), 0);
	free(other);
	free(root);
}

/* What ends it at once: the exit code, and a word of what it says. */
struct use {
	const char *args[6];
	int code;
	const char *said;
};

static void use_it(struct rig *rig, const struct use *use)
{
	struct child *p = rig_spawn(
		rig, (struct child_how){ .exe = program("MOLECULE_PLATFORM"),
					 .args = use->args,
					 .text_stdout = true });

	if (child_wait(p, BOUND_MS) != use->code)
		child_fail(p, "%s should exit with %d", use->args[0],
			   use->code);
	assert_int_equal(lines_with(child_stderr(p), "molecule-platform: "), 1);
	if (!strstr(child_stderr(p), use->said))
		child_fail(p, "it does not say \"%s\"", use->said);
	assert_string_equal(child_stdout(p), "");
}

static void wrong_usage_is_said(void **state)
{
	static const struct use uses[] = {
		{ { "--tls-cert", "a" }, 2, "--tls-key too" },
		{ { "--tls-key", "a" }, 2, "--tls-cert too" },
		{ { "--tls", "--tls-cert", "a", "--tls-key", "b" },
		  2,
		  "--tls" },
		{ { "--tls-dir", "" }, 2, "expected a directory" },
		{ { "--tls-dir" }, 2, "needs a value" },
		{ { "--demo", "--tls-dir", "/tmp/x" }, 2, "of its own" },
		{ { "--tls-cert", "/no/a", "--tls-key", "/no/b" },
		  1,
		  "certificate file cannot be read" },
		{ { "--tls-cert", "/etc/passwd", "--tls-key", "/etc/passwd" },
		  1,
		  "no CERTIFICATE block" },
		{ { "--tls-dir", "/no/such/directory" }, 1, "No such file" },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
		use_it(rig, &uses[i]);
}

/* A certificate for the loopback is of no use elsewhere. */
static void an_address_it_is_not_for_is_said(void **state)
{
	static const char *const args[] = { "--tls", NULL };
	struct rig *rig = *state;
	struct served s = platform(rig, "127.0.0.2", 0, args);

	child_expect_stderr(s.child, "refuse it for 127.0.0.2");
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(with_its_own_certificate),
		TEST(an_unusable_runtime_directory_is_passed_over),
		TEST(a_kept_certificate_lasts),
		TEST(those_that_start_at_once_share_a_certificate),
		TEST(what_a_killed_one_left_is_removed),
		TEST(with_a_chain_that_is_given),
		TEST(a_wrong_host_is_refused),
		TEST(an_unknown_root_is_refused),
		TEST(wrong_usage_is_said),
		TEST(an_address_it_is_not_for_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
