// SPDX-License-Identifier: MIT
#include "app/platform/demo.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/platform/demo_state.h"
#include "app/platform/members.h"
#include "app/platform/platform.h"
#include "app/platform/scratch.h"
#include "app/platform/state.h"
#include "net/tls_server.h"
#include "proto/json.h"
#include "proto/mcp.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/task.h"

#define ENVIRONMENT_MAX 16

/* What the platform publishes; does not park. */
static void observe(void *arg, const char *workspace, const char *type,
		    const json_t *data)
{
	struct demo *demo = arg;
	bool own = demo->agent && strcmp(workspace, demo->agent->id.text) == 0;

	if (own && strcmp(type, "WORKSPACE_ONLINE") == 0)
		demo->online_ns = demo_now(demo);
	else if (own && strcmp(type, "WORKSPACE_HEARTBEAT") == 0)
		demo->beat_ns = demo_now(demo);
	else if (!own && strcmp(type, "DELEGATION_COMPLETE") == 0)
		demo->completed_ns = demo_now(demo);
	else if (!own || strcmp(type, "AGENT_MESSAGE") != 0)
		return;
	else {
		demo->answered_ns = demo_now(demo);
		(void)snprintf(demo->answer, sizeof(demo->answer), "%s",
			       json_get_text_or(data, "message", ""));
	}
	cond_broadcast(&demo->change);
}

/* What was written: it follows a line that says by whom, and one that says how
 * to reply. */
static const char *words_of(const char *content)
{
	for (int i = 0; i < 2 && strchr(content, '\n'); i++)
		content = strchr(content, '\n') + 1;
	return content;
}

/* What the server says by itself; does not park. */
static void listen_to(void *arg, const char *method, const json_t *params)
{
	struct demo *demo = arg;
	struct demo_arrival *arrival = &demo->arrival;
	const json_t *meta = json_object_get(params, "meta");

	if (method && strcmp(method, MCP_CHANNEL) == 0) {
		arrival->at_ns = demo_now(demo);
		(void)snprintf(
			arrival->text, sizeof(arrival->text), "%s",
			words_of(json_get_text_or(params, "content", "")));
		(void)snprintf(arrival->kind, sizeof(arrival->kind), "%s",
			       json_get_text_or(meta, "kind", ""));
		(void)snprintf(arrival->activity_id,
			       sizeof(arrival->activity_id), "%s",
			       json_get_text_or(meta, "activity_id", ""));
		(void)snprintf(arrival->peer_id, sizeof(arrival->peer_id), "%s",
			       json_get_text_or(meta, "peer_id", ""));
		demo->arrivals++;
	}
	cond_broadcast(&demo->change);
}

static void watch_signals(struct rt *rt, void *arg)
{
	struct demo *demo = arg;

	if (io_poll(rt, demo->options.signal_fd, POLLIN, DEADLINE_NEVER) < 0)
		return;
	demo->interrupted = true;
	cond_broadcast(&demo->change);
}

int demo_wait(struct demo *demo, bool (*holds)(const struct demo *demo))
{
	struct deadline deadline = deadline_in_ms(demo->rt, DEMO_STEP_MS);
	int err = 0;

	while (err == 0 && !holds(demo)) {
		if (demo->interrupted)
			return -EINTR;
		if (demo->host.gone)
			return -EPIPE;
		err = cond_wait(&demo->change, deadline);
	}
	return err;
}

int demo_failed(struct demo *demo, const char *step, int err)
{
	const char *why = strerror(-err);

	if (err == -EPIPE)
		why = "molecule-mcp has ended";
	else if (err == -ETIMEDOUT)
		why = "nothing happened within ten seconds";
	else if (err == -EINTR)
		why = "a signal asked it to end";
	narrate_failure(&demo->narrator, "%s: %s", step, why);
	return -1;
}

int demo_tool(struct demo *demo, const char *name, json_t *arguments,
	      char **text)
{
	json_t *result, *content;
	const char *said;
	int err;

	if (text)
		*text = NULL;
	err = agent_host_call(
		&demo->host, MCP_TOOLS_CALL,
		json_pack("{s:s, s:o}", "name", name, "arguments", arguments),
		&result, deadline_in_ms(demo->rt, DEMO_STEP_MS));
	content = json_array_get(json_object_get(result, "content"), 0);
	said = json_get_text_or(content, "text", "");
	if (err == -EPROTO)
		said = json_get_text_or(result, "message", "");
	if (err == -EPROTO || json_get_true(result, "isError")) {
		narrate_failure(&demo->narrator, "the tool %s: %s", name, said);
		err = -1;
	} else if (err < 0) {
		err = demo_failed(demo, name, err);
	} else if (text) {
		*text = strdup(said);
	}
	json_decref(result);
	return err;
}

/* molecule-mcp: the one that was named, or the one beside this program. */
static int find_program(struct demo *demo)
{
	static const char beside[] = "molecule-mcp";
	char *slash;
	ssize_t n;

	if (demo->options.mcp) {
		(void)snprintf(demo->program, sizeof(demo->program), "%s",
			       demo->options.mcp);
	} else {
		n = readlink("/proc/self/exe", demo->program,
			     sizeof(demo->program) - 32);
		demo->program[n > 0 ? n : 0] = '\0';
		slash = strrchr(demo->program, '/');
		memcpy(slash ? slash + 1 : demo->program, beside,
		       sizeof(beside));
	}
	if (access(demo->program, X_OK) == 0)
		return 0;
	narrate_failure(&demo->narrator,
			"%s: %s. Build it with make, or name it with --mcp "
			"PATH.",
			demo->program, strerror(errno));
	return -1;
}

static int add_workspace(struct demo *demo, const char *name, const char *role,
			 struct member **out)
{
	struct member_draft draft = { .name = name, .role = role, .tier = 1 };

	ident_random(demo->rt, &draft.id);
	if (members_add(demo->platform, &draft, out) < 0 ||
	    !member_token_mint(demo->platform, *out))
		return -1;
	return 0;
}

static int make_certificate(struct demo *demo)
{
	char dir[SCRATCH_PATH_MAX + 8], fault[CERTIFICATE_FAULT_MAX];

	(void)snprintf(dir, sizeof(dir), "%s/tls", demo->options.scratch);
	if (certificate_own(&demo->tls, demo->rt, dir, demo->certificate,
			    fault) == 0)
		return 0;
	narrate_failure(&demo->narrator, "making a certificate in %s: %s", dir,
			fault);
	return -1;
}

static int start_platform(struct demo *demo)
{
	struct platform_options options = { .tls = demo->tls,
					    .track_delegations = true,
					    .observer = observe,
					    .observer_arg = demo };
	int err;

	demo->platform = platform_new(demo->rt, &options);
	if (!demo->platform ||
	    add_workspace(demo, DEMO_AGENT, "assistant", &demo->agent) < 0 ||
	    add_workspace(demo, DEMO_PEER, "astronomer", &demo->peer) < 0)
		return demo_failed(demo, "starting the platform", -ENOMEM);
	err = platform_start(demo->platform);
	if (err < 0)
		return demo_failed(demo, "starting the platform", err);
	(void)snprintf(demo->url, sizeof(demo->url), "%s://127.0.0.1:%u",
		       platform_scheme(demo->platform),
		       platform_port(demo->platform));
	narrate_step(&demo->narrator, 0, "platform",
		     "listens on %s, with a certificate that it has made",
		     demo->url);
	narrate_step(&demo->narrator, 0, "platform",
		     "has two workspaces: " DEMO_AGENT " (%.8s) and " DEMO_PEER
		     " (%.8s)",
		     demo->agent->id.text, demo->peer->id.text);
	return 0;
}

/* name=value on the heap. */
static char *variable(const char *name, const char *value)
{
	char *text;

	return asprintf(&text, "%s=%s", name, value) < 0 ? NULL : text;
}

static void environment_free(char **environment)
{
	for (size_t i = 0; environment[i]; i++) {
		explicit_bzero(environment[i], strlen(environment[i]));
		free(environment[i]);
	}
}

/* What a host's configuration names, and the little that hosts pass on. */
static int environment_fill(const struct demo *demo,
			    char *environment[ENVIRONMENT_MAX])
{
	static const char *const passed_on[] = {
		"PATH",		"HOME",		 "LANG",	"TMPDIR",
		"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"
	};
	const char *const own[][2] = {
		{ "WORKSPACE_ID", demo->agent->id.text },
		{ "PLATFORM_URL", demo->url },
		{ "SSL_CERT_FILE", demo->certificate },
		{ "MOLECULE_WORKSPACE_TOKEN", demo->agent->tokens[0] },
		{ "MOLECULE_DEMO_AGENT", DEMO_AGENT },
		{ "CONFIGS_DIR", demo->options.scratch },
		{ "MOLECULE_MCP_POLL_INTERVAL_SECS", DEMO_POLL_SECS },
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		environment[n] = variable(own[i][0], own[i][1]);
		if (!environment[n++])
			return -ENOMEM;
	}
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++) {
		const char *value = getenv(passed_on[i]);

		if (!value)
			continue;
		environment[n] = variable(passed_on[i], value);
		if (!environment[n++])
			return -ENOMEM;
	}
	return 0;
}

static int start_server(struct demo *demo)
{
	char *environment[ENVIRONMENT_MAX] = { NULL };
	int err = environment_fill(demo, environment);

	demo->host.listener = listen_to;
	demo->host.listener_arg = demo;
	if (err == 0)
		err = agent_host_start(&demo->host, demo->rt, demo->program,
				       environment);
	environment_free(environment);
	if (err < 0)
		return demo_failed(demo, "starting molecule-mcp", err);
	narrate_step(&demo->narrator, 0, "host",
		     "starts molecule-mcp for " DEMO_AGENT ", process %d",
		     (int)demo->host.pid);
	narrate_step(&demo->narrator, 0, "host",
		     "lets it trust that certificate: SSL_CERT_FILE=%s",
		     demo->certificate);
	return 0;
}

static int handshake(struct demo *demo)
{
	struct deadline deadline = deadline_in_ms(demo->rt, DEMO_STEP_MS);
	int64_t began = demo_now(demo);
	json_t *result, *server;
	int err = agent_host_call(&demo->host, MCP_INITIALIZE,
				  json_pack("{s:s, s:{}, s:{s:s, s:s}}",
					    "protocolVersion", MCP_LATEST,
					    "capabilities", "clientInfo",
					    "name", "molecule-platform demo",
					    "version", MOLECULE_VERSION),
				  &result, deadline);

	if (err < 0) {
		json_decref(result);
		return demo_failed(demo, "initialize", err);
	}
	server = json_object_get(result, "serverInfo");
	narrate_step(&demo->narrator, began, "host → mcp", "initialize");
	narrate_step(&demo->narrator, 0, "host ← mcp",
		     "%s %s, protocol %s (%.1f ms)",
		     json_get_text_or(server, "name", "?"),
		     json_get_text_or(server, "version", "?"),
		     json_get_text_or(result, "protocolVersion", "?"),
		     demo_ms(began, demo_now(demo)));
	json_decref(result);
	err = agent_host_notify(&demo->host, MCP_INITIALIZED, deadline);
	if (err == 0)
		err = agent_host_call(&demo->host, MCP_TOOLS_LIST, NULL,
				      &result, deadline);
	if (err < 0)
		return demo_failed(demo, "tools/list", err);
	narrate_step(&demo->narrator, 0, "host ← mcp", "offers %zu tools",
		     json_array_size(json_object_get(result, "tools")));
	json_decref(result);
	return 0;
}

static bool is_alive(const struct demo *demo)
{
	return demo->online_ns && demo->beat_ns;
}

static int come_online(struct demo *demo)
{
	int err = demo_wait(demo, is_alive);

	if (err < 0)
		return demo_failed(demo,
				   "waiting for the registration and "
				   "the first heartbeat",
				   err);
	narrate_step(&demo->narrator, demo->online_ns, "mcp → platform",
		     "registers: " DEMO_AGENT " is online");
	narrate_step(&demo->narrator, demo->beat_ns, "mcp → platform",
		     "first heartbeat; one follows every 20 s");
	return 0;
}

/* After a failure: nothing may be left running. */
static void abandon_server(struct demo *demo)
{
	int status;

	(void)agent_host_stop(&demo->host, &status);
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		narrate_text(&demo->narrator,
			     "molecule-mcp ended with exit code %d.",
			     WEXITSTATUS(status));
}

static int stop_server(struct demo *demo)
{
	int64_t began = demo_now(demo);
	int status, err = agent_host_stop(&demo->host, &status);

	if (err < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		narrate_failure(&demo->narrator,
				"molecule-mcp did not end cleanly: %s %d",
				WIFSIGNALED(status) ? "signal" : "exit code",
				WIFSIGNALED(status) ? WTERMSIG(status)
						    : WEXITSTATUS(status));
		return -1;
	}
	narrate_step(&demo->narrator, 0, "host",
		     "stops it by closing its stdin: exit code %d, after "
		     "%.1f ms",
		     WEXITSTATUS(status), demo_ms(began, demo_now(demo)));
	return 0;
}

static void show_log(struct demo *demo)
{
	if (!demo->host.log || demo->host.log_len == 0)
		return;
	narrate_heading(&demo->narrator, "molecule-mcp said on stderr:");
	(void)io_write_all(demo->rt, STDOUT_FILENO, demo->host.log,
			   demo->host.log_len, NULL, DEADLINE_NEVER);
}

static void how_to_go_on(struct demo *demo)
{
	struct narrator *narrator = &demo->narrator;

	narrate_heading(
		narrator,
		"With a real platform and Claude Code, in three lines:");
	narrate_blank(narrator);
	narrate_text(narrator, "export WORKSPACE_ID=<workspace id> "
			       "PLATFORM_URL=https://<platform>");
	narrate_text(narrator, "export MOLECULE_WORKSPACE_TOKEN=<token, from "
			       "the canvas: Tokens tab>");
	narrate_text(narrator,
		     "claude mcp add --transport stdio "
		     "--env WORKSPACE_ID=$WORKSPACE_ID "
		     "--env PLATFORM_URL=$PLATFORM_URL "
		     "--env MOLECULE_WORKSPACE_TOKEN="
		     "$MOLECULE_WORKSPACE_TOKEN "
		     "-s user molecule -- %s",
		     demo->program);
	narrate_blank(narrator);
}

static int perform(struct demo *demo)
{
	if (find_program(demo) < 0)
		return -1;
	narrate_heading(&demo->narrator, "An agent comes online");
	narrate_hold(&demo->narrator);
	if (make_certificate(demo) < 0 || start_platform(demo) < 0 ||
	    start_server(demo) < 0 || handshake(demo) < 0 ||
	    come_online(demo) < 0)
		return -1;
	narrate_release(&demo->narrator);
	narrate_heading(&demo->narrator,
			"The user writes a message, the agent answers");
	narrate_text(&demo->narrator,
		     "(molecule-mcp looks for messages every " DEMO_POLL_SECS
		     " s here; by default every 5 s)");
	if (demo_first_words(demo) < 0)
		return -1;
	narrate_heading(&demo->narrator, "Another agent delegates a task");
	if (demo_peer_asks(demo) < 0)
		return -1;
	if (isatty(STDIN_FILENO) && demo_talk(demo) < 0)
		return -1;
	narrate_heading(&demo->narrator, "The host ends");
	return stop_server(demo);
}

static int demo_main(struct demo *demo)
{
	int err;

	narrate_blank(&demo->narrator);
	narrate_text(&demo->narrator,
		     "molecule-mcp beside a local platform, step by step. "
		     "All on this machine, and over https.");
	err = perform(demo);
	if (err < 0) {
		abandon_server(demo);
		show_log(demo);
	} else {
		how_to_go_on(demo);
	}
	if (demo->platform)
		platform_stop(demo->platform);
	return err < 0 ? 1 : 0;
}

int demo_run(struct rt *rt, const struct demo_options *options)
{
	struct demo *demo = calloc(1, sizeof(*demo));
	struct scope scope;
	int code = 1;

	if (!demo)
		return code;
	demo->rt = rt;
	demo->options = *options;
	narrate_begin(&demo->narrator, rt);
	cond_init(rt, &demo->change);
	scope_open(rt, &scope, DEADLINE_NEVER);
	if (task_spawn(&scope, "signals", TASK_STACK_NORMAL, watch_signals,
		       demo) == 0)
		code = demo_main(demo);
	scope_close(&scope);
	platform_free(demo->platform);
	tls_server_free(demo->tls);
	agent_host_free(&demo->host);
	free(demo);
	return code;
}
