// SPDX-License-Identifier: MIT
/*
 * molecule-platform: a local platform for agents on one machine.
 *
 * Exit codes: 0 ended as asked, 1 could not run, 2 wrong usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/platform/certificate.h"
#include "app/platform/demo.h"
#include "app/platform/options.h"
#include "app/platform/platform.h"
#include "app/platform/populate.h"
#include "app/platform/scratch.h"
#include "app/platform/seed.h"
#include "net/tls_server.h"
#include "proto/json.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/task.h"

#define EXIT_RUNTIME 1
#define READ_STEP ((size_t)65536)
#define PORT_WAIT_MS 1000
#define PORT_RETRY_MS 20

/* A run, and what only the program has. */
struct run {
	struct options options;
	int signal_fd;
	struct scratch scratch; /* none unless it is needed */
};

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
		options_complain("--seed %s: %s", path, strerror(-err));
		return err;
	}
	err = seed_read(platform, text, len, fault);
	if (err < 0)
		options_complain("--seed %s: %s", path, fault);
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
	options_complain("cannot listen on %s:%u: %s", options->host,
			 options->platform.port, why);
}

/* In one write, so that a reader that sees the second line has the first. */
static int say_ready(struct rt *rt, const struct options *options,
		     const struct platform *platform, const char *certificate)
{
	bool six = strchr(options->host, ':') != NULL;
	char line[CERTIFICATE_PATH_MAX + OPTIONS_HOST_MAX + 64];
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

/* The workspaces to begin with. */
static int settle(struct rt *rt, const struct options *options,
		  struct platform *platform)
{
	const char *file = options->workspaces_file;
	int err = 0;

	if (options->seed)
		err = read_seed(rt, platform, options->seed);
	if (err < 0)
		return err;
	err = populate(platform, options->workspaces);
	if (err < 0)
		options_complain("--workspaces: %s",
				 err == -ENOSPC ? "too many" : strerror(-err));
	if (err < 0 || !file)
		return err;
	err = populate_write(platform, file);
	if (err < 0)
		options_complain("--workspaces-file %s: %s", file,
				 strerror(-err));
	return err;
}

/* Serves until a signal comes. */
static int serve(struct rt *rt, const struct run *run,
		 struct platform *platform, const char *certificate)
{
	const struct options *options = &run->options;
	int err;

	if (settle(rt, options, platform) < 0)
		return EXIT_RUNTIME;
	err = start(rt, platform);
	if (err < 0) {
		explain_start(options, err);
		return EXIT_RUNTIME;
	}
	/* A reader that is not interested has no say in whether we serve. */
	(void)say_ready(rt, options, platform, certificate);
	/* Polled, since a read of it would occupy a thread of the kernel's. */
	err = io_poll(rt, run->signal_fd, POLLIN, DEADLINE_NEVER);
	platform_stop(platform);
	if (err < 0)
		options_complain("waiting for signals: %s", strerror(-err));
	return err < 0 ? EXIT_RUNTIME : 0;
}

/* Prepares https, when that is asked for; `path` becomes the file of a
 * certificate made here. */
static int open_tls(struct rt *rt, struct run *run,
		    char path[CERTIFICATE_PATH_MAX])
{
	struct options *options = &run->options;
	struct tls_server **tls = &options->platform.tls;
	const char *dir = *options->dir ? options->dir : run->scratch.path;
	char fault[CERTIFICATE_FAULT_MAX];
	int err;

	if (options->chain) {
		err = certificate_load(tls, rt, options->chain, options->key,
				       fault);
		if (err < 0)
			options_complain("--tls-cert %s, --tls-key %s: %s",
					 options->chain, options->key, fault);
		return err;
	}
	if (!options->own)
		return 0;
	err = certificate_own(tls, rt, dir, path, fault);
	if (err < 0)
		options_complain("--tls: %s: %s", dir, fault);
	else if (!certificate_suits(options->host))
		options_complain(
			"the certificate is for localhost, 127.0.0.1 and ::1, "
			"so clients will refuse it for %s; give one for that "
			"with --tls-cert and --tls-key",
			options->host);
	return err;
}

static int main_task(struct rt *rt, void *arg)
{
	struct run *run = arg;
	struct options *options = &run->options;
	char certificate[CERTIFICATE_PATH_MAX] = "";
	struct platform *platform;
	int code = EXIT_RUNTIME;

	if (options->demo)
		return demo_run(rt, &(struct demo_options){
					    .mcp = options->mcp,
					    .scratch = run->scratch.path,
					    .signal_fd = run->signal_fd,
				    });
	if (open_tls(rt, run, certificate) < 0)
		return EXIT_RUNTIME;
	options->platform.host = options->host;
	platform = platform_new(rt, &options->platform);
	if (platform)
		code = serve(rt, run, platform, certificate);
	else
		options_complain("out of memory");
	platform_free(platform);
	tls_server_free(options->platform.tls);
	return code;
}

/* A directory for what shall not outlive the program, if there is such. */
static int make_scratch(struct run *run)
{
	const struct options *options = &run->options;
	bool needed = options->demo || (options->own && !*options->dir);
	int err = needed ? scratch_make(&run->scratch) : 0;

	if (err < 0)
		options_complain(
			"no private directory can be made in XDG_RUNTIME_DIR, "
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

/* As many descriptors as may be: each event stream takes one. */
static void raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
	struct run run = { .options = { .host = "127.0.0.1",
					.platform = { .port = 8787 } } };
	char refusal[256];
	struct rt *rt;
	int code, err;

	code = options_read(&run.options, argc, argv);
	if (code != OPTIONS_GO_ON)
		return code;
	json_seed();
	raise_files();
	run.signal_fd = signals_open();
	if (run.signal_fd < 0) {
		options_complain("signalfd: %s", strerror(-run.signal_fd));
		return EXIT_RUNTIME;
	}
	err = rt_new(&rt, &(struct rt_options){ 0 });
	if (err < 0) {
		options_complain("%s",
				 rt_refusal(err, refusal, sizeof(refusal)));
		return EXIT_RUNTIME;
	}
	err = make_scratch(&run);
	code = err < 0 ? EXIT_RUNTIME : rt_run(rt, "main", main_task, &run);
	if (code < 0) { /* not even the main task */
		options_complain("cannot start: %s",
				 *rt_limit_message(rt) != '\0'
					 ? rt_limit_message(rt)
					 : strerror(-code));
		code = EXIT_RUNTIME;
	}
	scratch_remove(&run.scratch);
	rt_free(rt);
	(void)close(run.signal_fd);
	return code;
}
