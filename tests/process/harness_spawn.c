// SPDX-License-Identifier: MIT
#include "harness_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static void non_blocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Makes the two ends of a stream; *theirs is -1 when it is to be closed. */
static void make_stream(enum stdio_kind kind, bool input, const char *path,
			int *ours, int *theirs)
{
	int fds[2] = { -1, -1 };
	struct termios t;

	*ours = *theirs = -1;
	switch (kind) {
	case STDIO_PIPE:
		if (pipe2(fds, O_CLOEXEC))
			abort();
		*ours = fds[input ? 1 : 0];
		*theirs = fds[input ? 0 : 1];
		break;
	case STDIO_SOCKET:
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
			abort();
		*ours = fds[0];
		*theirs = fds[1];
		break;
	case STDIO_PTY:
		if (openpty(&fds[0], &fds[1], NULL, NULL, NULL))
			abort();
		tcgetattr(fds[1], &t);
		cfmakeraw(&t);
		tcsetattr(fds[1], TCSANOW, &t);
		fcntl(fds[0], F_SETFD, FD_CLOEXEC);
		fcntl(fds[1], F_SETFD, FD_CLOEXEC);
		*ours = fds[0];
		*theirs = fds[1];
		break;
	case STDIO_FILE:
		*theirs =
			open(path,
			     O_CLOEXEC | (input ? O_RDONLY
						: O_WRONLY | O_CREAT | O_TRUNC),
			     0600);
		break;
	case STDIO_NULL:
		*theirs = open("/dev/null", O_RDWR | O_CLOEXEC);
		break;
	case STDIO_CLOSED:
		break;
	}
	if (*ours >= 0)
		non_blocking(*ours);
}

static void place(posix_spawn_file_actions_t *fa, int theirs, int number)
{
	if (theirs >= 0)
		posix_spawn_file_actions_adddup2(fa, theirs, number);
	else
		posix_spawn_file_actions_addclose(fa, number);
}

const char *harness_program(const char *variable)
{
	const char *exe = getenv(variable);

	if (!exe || !*exe)
		fail_msg("set %s to the path of the program", variable);
	return exe;
}

static pid_t spawn_it(const struct child_how *how, const int theirs[3],
		      char *const *env)
{
	const char *exe = how->exe ? how->exe : harness_program("MOLECULE_MCP");
	const char *argv[16] = { exe };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t all, none;
	pid_t pid = -1;
	int err;

	for (int i = 0; how->args && how->args[i] && i < 14; i++)
		argv[i + 1] = how->args[i];
	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&fa);
	for (int i = 0; i < 3; i++)
		place(&fa, theirs[i], i);
	err = posix_spawn(&pid, exe, &fa, &attr, (char *const *)argv, env);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	if (err)
		fail_msg("cannot start %s: %s", exe, strerror(err));
	return pid;
}

pid_t spawn_with_streams(const struct child_how *how, char *const *env,
			 int ours[3])
{
	int theirs[3];
	pid_t pid;

	make_stream(how->in, true, how->in_path, &ours[0], &theirs[0]);
	make_stream(how->out, false, how->out_path, &ours[1], &theirs[1]);
	make_stream(how->err, false, NULL, &ours[2], &theirs[2]);
	for (int i = 0; i < 3; i++)
		if (how->non_blocking && theirs[i] >= 0)
			non_blocking(theirs[i]);
	pid = spawn_it(how, theirs, env);
	for (int i = 0; i < 3; i++)
		if (theirs[i] >= 0)
			close(theirs[i]);
	return pid;
}
