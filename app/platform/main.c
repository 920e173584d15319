// SPDX-License-Identifier: MIT
/*
 * molecule-platform: a local platform for agents on one machine.
 *
 * Exit codes: 0 ended as asked, 1 could not run, 2 wrong usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/platform/certificate.h"
#include "app/platform/demo.h"
#include "app/platform/platform.h"
#include "app/platform/scratch.h"
#include "app/platform/seed.h"
#include "net/tls_server.h"
#include "proto/json.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/task.h"

#define EXIT_RUNTIME 1
#define EXIT_USAGE 2
#define HOST_MAX 64
#define DIR_MAX 512
#define RATE_MAX 1000000000L
#define STALE_MAX_S 86400.0
#define READ_STEP ((size_t)65536)
#define PORT_WAIT_MS 1000
#define PORT_RETRY_MS 20

static const char usage[] =
	"molecule-platform: a local Molecule platform, in memory\n"
	"\n"
	"usage: molecule-platform [options]\n"
	"\n"
	"  --listen HOST:PORT    where to serve (default 127.0.0.1:8787; port "
	"0\n"
	"                        lets the system choose; [::1]:8787 for IPv6)\n"
	"  --tls                 serve https, with a certificate that it "
	"makes\n"
	"                        for localhost, 127.0.0.1 and ::1; clients\n"
	"                        trust it with SSL_CERT_FILE=PATH\n"
	"  --tls-dir DIR         the same, keeping the certificate in DIR for\n"
	"                        the next start (default: a private directory\n"
	"                        that is removed at the end)\n"
	"  --tls-cert FILE       serve https with this certificate chain, and\n"
	"  --tls-key FILE        this key, both PEM; the key not encrypted\n"
	"  --seed FILE           workspaces to begin with, as JSON:\n"
	"                        "
	"{\"workspaces\":[{\"id\":UUID,\"token\":TEXT,\n"
	"                        "
	"\"name\",\"role\",\"tier\",\"parent_id\",…}]}\n"
	"  --rate-limit N        at most N requests a minute from one address\n"
	"                        (default: any number)\n"
	"  --stale-after SECS    a workspace without a heartbeat for so long\n"
	"                        awaits its agent (default 90)\n"
	"  --demo                show molecule-mcp at work, step by step, "
	"over\n"
	"                        https\n"
	"  --mcp PATH            the molecule-mcp that --demo starts "
	"(default:\n"
	"                        the one beside this program)\n"
	"  --help, --version\n"
	"\n"
	"It prints \"listening on http://HOST:PORT\" (or https://…) when it "
	"is\n"
	"ready, after \"certificate PATH\" if it made one, and serves until\n"
	"SIGTERM or SIGINT. Under /demo anyone on this machine may act as the\n"
	"user: POST /demo/workspaces, POST /demo/workspaces/ID/messages\n"
	"{\"text\":…}, GET /demo/state, GET /demo/counters.\n";

struct options {
	char host[HOST_MAX];
	struct platform_options platform;
	const char *seed, *mcp;
	const char *chain, *key; /* files; NULL: none given */
	bool own;		 /* https with a certificate made here … */
	char dir[DIR_MAX];	 /* … and kept there; "": in scratch */
	bool demo;
	int signal_fd;
	char scratch[SCRATCH_PATH_MAX]; /* "" when none is needed */
};

static void complain(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fputs("molecule-platform: ", stderr);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
}

/* Splits "HOST:PORT" or "[HOST6]:PORT". */
static bool read_listen(struct options *options, const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	char *end;
	unsigned long port;

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (!colon || len == 0 || len >= HOST_MAX || colon[1] < '0' ||
	    colon[1] > '9')
		return false;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > 65535)
		return false;
	memcpy(options->host, text, len);
	options->host[len] = '\0';
	options->platform.port = (uint16_t)port;
	return true;
}

static bool read_rate(struct options *options, const char *text)
{
	char *end;
	long rate = strtol(text, &end, 10);

	options->platform.rate_limit = (uint32_t)rate;
	return end != text && !*end && rate >= 0 && rate <= RATE_MAX;
}

static bool read_stale(struct options *options, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0.01) ||
	    !(seconds <= STALE_MAX_S))
		return false;
	options->platform.stale_after_ms = (uint32_t)(seconds * 1000);
	return true;
}

/* What a program gives back that has said all it had to say. */
enum { GO_ON = -1 };

static int wrong(const char *option, const char *value, const char *expected)
{
	complain("%s%s%s: %s; see --help", option, *value ? " " : "", value,
		 expected);
	return EXIT_USAGE;
}

/* A directory as clients can name it too, from wherever they run. */
static bool read_dir(struct options *options, const char *text)
{
	char here[DIR_MAX] = "";
	int n;

	if (*text != '/' && !getcwd(here, sizeof(here)))
		return false;
	n = snprintf(options->dir, DIR_MAX, "%s%s%s", here, *here ? "/" : "",
		     text);
	options->own = true;
	return *text && n < DIR_MAX;
}

static int read_option(struct options *options, int option)
{
	switch (option) {
	case 'l':
		if (!read_listen(options, optarg))
			return wrong("--listen", optarg, "expected HOST:PORT");
		break;
	case 't':
		options->own = true;
		break;
	case 'D':
		if (!read_dir(options, optarg))
			return wrong("--tls-dir", optarg,
				     "expected a directory");
		break;
	case 'c':
		options->chain = optarg;
		break;
	case 'k':
		options->key = optarg;
		break;
	case 's':
		options->seed = optarg;
		break;
	case 'r':
		if (!read_rate(options, optarg))
			return wrong("--rate-limit", optarg,
				     "expected a number of requests");
		break;
	case 'a':
		if (!read_stale(options, optarg))
			return wrong("--stale-after", optarg,
				     "expected 0.01 to 86400 seconds");
		break;
	case 'd':
		options->demo = true;
		break;
	default: /* 'm' */
		options->mcp = optarg;
	}
	return GO_ON;
}

/* What options say together. */
static int check_options(const struct options *options)
{
	bool given = options->chain || options->key;

	if (given && !options->key)
		return wrong("--tls-cert", "", "needs --tls-key too");
	if (given && !options->chain)
		return wrong("--tls-key", "", "needs --tls-cert too");
	if (given && options->own)
		return wrong("--tls-cert", "",
			     "not with --tls or --tls-dir, which make a "
			     "certificate");
	if (options->demo && (given || *options->dir))
		return wrong("--demo", "",
			     "it makes a certificate of its own; leave out "
			     "--tls-cert, --tls-key and --tls-dir");
	return GO_ON;
}

static int read_options(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "tls", no_argument, NULL, 't' },
		{ "tls-dir", required_argument, NULL, 'D' },
		{ "tls-cert", required_argument, NULL, 'c' },
		{ "tls-key", required_argument, NULL, 'k' },
		{ "seed", required_argument, NULL, 's' },
		{ "rate-limit", required_argument, NULL, 'r' },
		{ "stale-after", required_argument, NULL, 'a' },
		{ "demo", no_argument, NULL, 'd' },
		{ "mcp", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	int option, code = GO_ON;

	opterr = 0;
	while (code == GO_ON &&
	       (option = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
		switch (option) {
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		case 'v':
			(void)puts("molecule-platform " MOLECULE_VERSION);
			return 0;
		case ':':
			return wrong(argv[optind - 1], "", "needs a value");
		case '?':
			return wrong(argv[optind - 1], "", "unknown option");
		default:
			code = read_option(options, option);
		}
	}
	if (code == GO_ON && optind < argc)
		code = wrong(argv[optind], "", "unexpected argument");
	return code == GO_ON ? check_options(options) : code;
}

/* The whole file, owned by the caller; a negative errno in *err else. */
static char *read_file(struct rt *rt, const char *path, size_t *len, int *err)
{
	int fd = io_openat(rt, AT_FDCWD, path, O_RDONLY, 0, DEADLINE_NEVER);
	char *data = NULL;
	ssize_t n = 1;

	*len = 0;
	*err = fd < 0 ? fd : 0;
	while (*err == 0 && n > 0) {
		char *more = realloc(data, *len + READ_STEP);

		*err = more ? 0 : -ENOMEM;
		if (!more)
			break;
		data = more;
		n = io_read(rt, fd, data + *len, READ_STEP, DEADLINE_NEVER);
		if (n < 0)
			*err = (int)n;
		else
			*len += (size_t)n;
		if (*len > SEED_SIZE_MAX)
			*err = -EFBIG;
	}
	if (fd >= 0)
		io_close(rt, fd);
	if (*err == 0)
		return data;
	free(data);
	return NULL;
}

static int read_seed(struct rt *rt, struct platform *platform, const char *path)
{
	char fault[SEED_FAULT_MAX];
	size_t len;
	int err;
	char *text = read_file(rt, path, &len, &err);

	if (!text) {
		complain("--seed %s: %s", path, strerror(-err));
		return err;
	}
	err = seed_read(platform, text, len, fault);
	if (err < 0)
		complain("--seed %s: %s", path, fault);
	/* It held tokens. */
	explicit_bzero(text, len);
	free(text);
	return err;
}

static void explain_start(const struct options *options, int err)
{
	const char *why = strerror(-err);

	if (err == -EADDRINUSE)
		why = "the port is in use; choose another with --listen";
	else if (err == -EINVAL)
		why = "not an address of this machine; give a literal one or "
		      "localhost with --listen";
	complain("cannot listen on %s:%u: %s", options->host,
		 options->platform.port, why);
}

/* In one write, so that a reader that sees the second line has the first. */
static int say_ready(struct rt *rt, const struct options *options,
		     const struct platform *platform, const char *certificate)
{
	bool six = strchr(options->host, ':') != NULL;
	char line[CERTIFICATE_PATH_MAX + HOST_MAX + 64];
	int len = snprintf(line, sizeof(line),
			   "%s%s%slistening on %s://%s%s%s:%u\n",
			   *certificate ? "certificate " : "", certificate,
			   *certificate ? "\n" : "", platform_scheme(platform),
			   six ? "[" : "", options->host, six ? "]" : "",
			   platform_port(platform));

	return io_write_all(rt, STDOUT_FILENO, line, (size_t)len, NULL,
			    DEADLINE_NEVER);
}

/* A predecessor that was killed lets go of its port a moment after it is gone,
 * when the kernel has wound up its ring; so a port in use is asked for again
 * for a while. */
static int start(struct rt *rt, struct platform *platform)
{
	struct deadline until = deadline_in_ms(rt, PORT_WAIT_MS);
	int err = platform_start(platform);

	while (err == -EADDRINUSE && deadline_left_ns(rt, until) > 0 &&
	       task_sleep(rt, deadline_in_ms(rt, PORT_RETRY_MS)) == 0)
		err = platform_start(platform);
	return err;
}

/* Serves until a signal comes. */
static int serve(struct rt *rt, struct options *options,
		 struct platform *platform, const char *certificate)
{
	int err;

	if (options->seed && read_seed(rt, platform, options->seed) < 0)
		return EXIT_RUNTIME;
	err = start(rt, platform);
	if (err < 0) {
		explain_start(options, err);
		return EXIT_RUNTIME;
	}
	/* A reader that is not interested has no say in whether we serve. */
	(void)say_ready(rt, options, platform, certificate);
	/* Polled, since a read of it would occupy a thread of the kernel's. */
	err = io_poll(rt, options->signal_fd, POLLIN, DEADLINE_NEVER);
	platform_stop(platform);
	if (err < 0)
		complain("waiting for signals: %s", strerror(-err));
	return err < 0 ? EXIT_RUNTIME : 0;
}

/* Prepares https, when that is asked for; `path` becomes the file of a
 * certificate made here. */
static int open_tls(struct rt *rt, struct options *options,
		    char path[CERTIFICATE_PATH_MAX])
{
	struct tls_server **tls = &options->platform.tls;
	const char *dir = *options->dir ? options->dir : options->scratch;
	char fault[CERTIFICATE_FAULT_MAX];
	int err;

	if (options->chain) {
		err = certificate_load(tls, rt, options->chain, options->key,
				       fault);
		if (err < 0)
			complain("--tls-cert %s, --tls-key %s: %s",
				 options->chain, options->key, fault);
		return err;
	}
	if (!options->own)
		return 0;
	err = certificate_own(tls, rt, dir, path, fault);
	if (err < 0)
		complain("--tls: %s: %s", dir, fault);
	else if (!certificate_suits(options->host))
		complain("the certificate is for localhost, 127.0.0.1 and ::1, "
			 "so clients will refuse it for %s; give one for that "
			 "with --tls-cert and --tls-key",
			 options->host);
	return err;
}

static int main_task(struct rt *rt, void *arg)
{
	struct options *options = arg;
	char certificate[CERTIFICATE_PATH_MAX] = "";
	struct platform *platform;
	int code = EXIT_RUNTIME;

	if (options->demo)
		return demo_run(rt, &(struct demo_options){
					    .mcp = options->mcp,
					    .scratch = options->scratch,
					    .signal_fd = options->signal_fd,
				    });
	if (open_tls(rt, options, certificate) < 0)
		return EXIT_RUNTIME;
	options->platform.host = options->host;
	platform = platform_new(rt, &options->platform);
	if (platform)
		code = serve(rt, options, platform, certificate);
	else
		complain("out of memory");
	platform_free(platform);
	tls_server_free(options->platform.tls);
	return code;
}

/* A directory for what shall not outlive the program, if there is such. */
static int make_scratch(struct options *options)
{
	bool needed = options->demo || (options->own && !*options->dir);
	int err = needed ? scratch_make(options->scratch) : 0;

	if (err < 0)
		complain("no private directory can be made in XDG_RUNTIME_DIR, "
			 "TMPDIR or /tmp: %s",
			 strerror(-err));
	return err;
}

/* A descriptor that is readable after SIGTERM or SIGINT, which no longer
 * interrupt. Or a negative errno. */
static int signals_open(void)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	int fd = signalfd(-1, &set, SFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int main(int argc, char **argv)
{
	struct options options = { .host = "127.0.0.1",
				   .platform = { .port = 8787 } };
	char refusal[256];
	struct rt *rt;
	int code, err;

	code = read_options(&options, argc, argv);
	if (code != GO_ON)
		return code;
	json_seed();
	options.signal_fd = signals_open();
	if (options.signal_fd < 0) {
		complain("signalfd: %s", strerror(-options.signal_fd));
		return EXIT_RUNTIME;
	}
	err = rt_new(&rt, &(struct rt_options){ 0 });
	if (err < 0) {
		complain("%s", rt_refusal(err, refusal, sizeof(refusal)));
		return EXIT_RUNTIME;
	}
	err = make_scratch(&options);
	code = err < 0 ? EXIT_RUNTIME : rt_run(rt, "main", main_task, &options);
	if (code < 0) { /* not even the main task */
		complain("cannot start: %s", *rt_limit_message(rt) != '\0'
						     ? rt_limit_message(rt)
						     : strerror(-code));
		code = EXIT_RUNTIME;
	}
	scratch_remove(options.scratch);
	rt_free(rt);
	(void)close(options.signal_fd);
	return code;
}
