// SPDX-License-Identifier: MIT
/*
 * molecule-mcp: what has to be done before there is a runtime, and after.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/app.h"
#include "app/doctor.h"
#include "proto/json.h"
#include "runtime/rt.h"
#include "runtime/san.h"

#ifndef MOLECULE_VERSION
#define MOLECULE_VERSION "unknown"
#endif

static const char help_text[] =
	"molecule-mcp " MOLECULE_VERSION "\n"
	"Keeps a Molecule workspace online and gives its agent the platform's "
	"tools,\n"
	"as an MCP server on stdin and stdout. An agent host starts it.\n"
	"\n"
	"Usage: molecule-mcp\n"
	"       molecule-mcp doctor\n"
	"       molecule-mcp --help | --version\n"
	"\n"
	"doctor looks whether all is well here (environment, directory, "
	"platform, tokens)\n"
	"and says what to do where it is not; a heartbeat shows the token to "
	"the platform.\n"
	"\n"
	"Required environment:\n"
	"  WORKSPACE_ID                   id of the workspace\n"
	"  PLATFORM_URL                   address of the platform\n"
	"  MOLECULE_WORKSPACE_TOKEN       the workspace's token, from the "
	"canvas Tokens\n"
	"                                 tab; or one of these, in this "
	"order:\n"
	"  MOLECULE_WORKSPACE_TOKEN_FILE  a file that holds it\n"
	"  (CONFIGS_DIR/.auth_token)      the same, found by itself\n"
	"Token files are read again for each request, so a token can be "
	"replaced\n"
	"while the program runs.\n"
	"\n"
	"Instead of the id and the token, for several workspaces at once:\n"
	"  MOLECULE_WORKSPACES            [{\"id\": ..., \"token\": ..., "
	"\"platform_url\":\n"
	"                                 ...}, ...]; without platform_url it "
	"is on\n"
	"                                 PLATFORM_URL, which stays required\n"
	"  MOLECULE_WORKSPACES_FILE       a file with the same, mode 0600\n"
	"\n"
	"Optional environment:\n"
	"  CONFIGS_DIR                    directory for the files below; else "
	"/configs if\n"
	"                                 that can be written, else\n"
	"                                 $HOME/.molecule-workspace\n"
	"  MOLECULE_AGENT_NAME            name on the agent card (preset: "
	"molecule-mcp-\n"
	"                                 and the beginning of the id)\n"
	"  MOLECULE_AGENT_DESCRIPTION     description on the agent card\n"
	"  MOLECULE_AGENT_SKILLS          its skills, separated by commas\n"
	"  MOLECULE_MCP_VERBOSE           log what goes well, too\n"
	"  MOLECULE_MCP_DISABLE_HEARTBEAT do not register, do not heartbeat\n"
	"  MOLECULE_MCP_DISABLE_INBOX     do not receive messages\n"
	"  MOLECULE_MCP_DISABLE_PIPELINING\n"
	"                                 each poll has a connection to "
	"itself\n"
	"  MOLECULE_MCP_POLL_TIMEOUT_SECS how long the agent is told to wait "
	"for a message\n"
	"                                 at the start of a turn: 0 to 60 "
	"(preset 2; 0: not)\n"
	"  MOLECULE_MCP_HEARTBEAT_INTERVAL_SECS\n"
	"                                 0.1 to 3600 (preset 20)\n"
	"  MOLECULE_MCP_POLL_INTERVAL_SECS\n"
	"                                 0.1 to 3600 (preset 5)\n"
	"  MOLECULE_MCP_STREAMS_MAX       event streams kept open at most: 0 "
	"to 1000\n"
	"                                 (preset 100); workspaces beyond "
	"it poll\n"
	"  MOLECULE_IO_BACKEND            auto, uring or epoll (preset auto: "
	"io_uring\n"
	"                                 where the system lets it)\n"
	"  MOLECULE_ORG_ID, else MOLECULE_ORGANIZATION_ID\n"
	"                                 sent as X-Molecule-Org-Id to "
	"PLATFORM_URL\n"
	"  DELEGATION_SYNC_VIA_INBOX      1: delegate_task goes through the "
	"platform's\n"
	"                                 delegations\n"
	"  DELEGATION_POLL_BUDGET_S, else DELEGATION_TIMEOUT, else\n"
	"  A2A_DELEGATE_TOTAL_BUDGET      seconds that delegate_task may take "
	"(preset 300,\n"
	"                                 or 50 with a host that asks for no "
	"progress)\n"
	"  WORKSPACE_CONFIG_PATH          directory of config.yaml, with the "
	"roles that say\n"
	"                                 which tools may be used (preset "
	"/configs)\n"
	"  MODEL, MODEL_PROVIDER, MOLECULE_MODEL, ANTHROPIC_BASE_URL, TIER,\n"
	"  ADAPTER_MODULE                 told by get_runtime_identity\n"
	"  SSL_CERT_FILE, SSL_CERT_DIR    the roots to trust for https "
	"(preset: "
	"the system's)\n"
	"  HTTPS_PROXY, else ALL_PROXY    http://[USER:PASSWORD@]HOST:PORT, "
	"the proxy for\n"
	"                                 an https platform\n"
	"  NO_PROXY                       hosts that are reached without it, "
	"separated by\n"
	"                                 commas\n"
	"The switches are off when blank, 0, false, no or off.\n"
	"\n"
	"Files, in CONFIGS_DIR:\n"
	"  .auth_token                    the token\n"
	"  .platform_inbound_secret       a secret that the platform hands "
	"out\n"
	"  .mcp_inbox_cursor              the last activity seen\n"
	"  .mcp_broadcast_cursor          the last broadcast seen\n"
	"  .mcp_journal_ID                messages that wait for inbox_pop, "
	"and "
	"the ids of\n"
	"                                 those popped lately\n"
	"  chat-uploads                   files that came with messages, where "
	"/workspace\n"
	"                                 cannot be written\n"
	"  .mcp_lock_ID                   held by the process that receives "
	"for "
	"the\n"
	"                                 workspace ID; others wait for its "
	"end\n"
	"Those of several workspaces end in _ and the beginning of the id.\n"
	"\n"
	"SIGUSR1 writes to stderr what the process is doing, and its "
	"counters.\n"
	"\n"
	"Exit codes:\n"
	"  0  stdin ended, or SIGTERM or SIGINT came\n"
	"  1  the system refuses what the program needs (stderr says what), "
	"or doctor\n"
	"     found a failure\n"
	"  2  the environment is incomplete or not usable\n"
	"  3  the platform refused the token at registration (of every "
	"workspace)\n"
	"\n"
	"Use with Claude Code:\n"
	"  claude mcp add --transport stdio \\\n"
	"    --env WORKSPACE_ID=... --env PLATFORM_URL=https://... \\\n"
	"    --env MOLECULE_WORKSPACE_TOKEN=... -s user molecule -- "
	"molecule-mcp\n"
	"Other hosts, in their mcpServers:\n"
	"  \"molecule\": { \"command\": \"molecule-mcp\", \"env\": {\n"
	"    \"WORKSPACE_ID\": \"...\", \"PLATFORM_URL\": \"https://...\",\n"
	"    \"MOLECULE_WORKSPACE_TOKEN\": \"...\" } }\n";

/* A descriptor that is closed would be given to the first thing opened. */
static void open_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", O_RDWR) != fd)
			_exit(APP_EXIT_RUNTIME);
}

/* Blocks the signals that ask for a stop, or for a report, and makes them
 * readable. */
static int open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static const char *from_environment(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}

static int print(const char *text)
{
	fputs(text, stdout);
	return fflush(stdout) == 0 ? APP_EXIT_OK : APP_EXIT_RUNTIME;
}

/* Runs a main task. */
static int run(struct app *app, int (*task)(struct rt *rt, void *arg))
{
	struct rt_options options = { 0 };
	struct rt *rt;
	char why[256];
	char *report;
	int code;
	int err = rt_new(&rt, &options);

	if (err == 0) {
		if (*rt_backend_reason(rt, why, sizeof(why)) != '\0')
			log_info(&app->log,
				 "molecule-mcp: epoll does the I/O, because %s",
				 why);
		code = rt_run(rt, "main", task, app);
		if (code < 0) { /* not even the main task */
			log_error(&app->log, "molecule-mcp: cannot start: %s",
				  *rt_limit_message(rt) != '\0'
					  ? rt_limit_message(rt)
					  : strerrordesc_np(-code));
			code = APP_EXIT_RUNTIME;
		}
		rt_free(rt);
		return code;
	}
	if (config_usable(&app->config)) {
		log_error(&app->log, "molecule-mcp: %s",
			  rt_refusal(err, why, sizeof(why)));
		return APP_EXIT_RUNTIME;
	}
	report = config_report(&app->config);
	if (report != NULL)
		log_plain(&app->log, report);
	free(report);
	return APP_EXIT_CONFIG;
}

static bool read_environment(struct app *app)
{
	if (config_read(&app->config, from_environment, NULL) == 0)
		return true;
	log_error(&app->log, "molecule-mcp: out of memory");
	return false;
}

static int examine(struct app *app)
{
	if (read_environment(app) && run(app, doctor_run) == APP_EXIT_OK)
		return APP_EXIT_OK;
	return APP_EXIT_RUNTIME;
}

static int serve(struct app *app, char *const *extra)
{
	if (!read_environment(app))
		return APP_EXIT_RUNTIME;
	if (app->config.verbose)
		app->log.level = LOG_INFO;
	for (; *extra != NULL; extra++)
		log_warning(&app->log,
			    "molecule-mcp: argument \"%s\" is ignored; see "
			    "molecule-mcp --help",
			    *extra);
	app->signal_fd = open_signals();
	app->alone = true;
	return run(app, app_run);
}

int main(int argc, char **argv)
{
	bool doctor = false;
	struct app *app;
	int code;

	open_standard_fds();
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "help") == 0)
			return print(help_text);
		if (strcmp(argv[i], "--version") == 0)
			return print("molecule-mcp " MOLECULE_VERSION "\n");
		doctor = doctor || strcmp(argv[i], "doctor") == 0 ||
			 strcmp(argv[i], "--doctor") == 0;
	}
#ifndef SAN_ADDRESS /* its leak checker attaches to the process */
	prctl(PR_SET_DUMPABLE, 0); /* no core file with the token in it */
#endif
	json_seed();
	app = calloc(1, sizeof(*app));
	if (app == NULL)
		return APP_EXIT_RUNTIME;
	log_init(&app->log, STDERR_FILENO, LOG_WARNING);
	code = doctor ? examine(app) : serve(app, argv + (argc > 0));
	config_free(&app->config);
	free(app);
	return code;
}
