// SPDX-License-Identifier: MIT
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void pause_ms(int ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

bool wait_until(bool (*holds)(void *), void *arg, int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;

	while (!holds(arg)) {
		if (now_ms() >= end)
			return holds(arg);
		pause_ms(3);
	}
	return true;
}

char *text_new(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	return text;
}

char *quoted_new(const char *fmt, va_list ap)
{
	char *quoted = strdup(fmt);
	char *text = NULL;

	if (!quoted)
		abort();
	for (char *p = quoted; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (vasprintf(&text, quoted, ap) < 0)
		abort();
	free(quoted);
	return text;
}

char *file_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0, cap = 0;
	char *text = NULL;
	ssize_t n;

	if (fd < 0)
		return NULL;
	for (;;) {
		if (cap - len < 4096) {
			cap += 65536;
			text = realloc(text, cap);
			if (!text)
				abort();
		}
		n = read(fd, text + len, cap - len - 1);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	close(fd);
	return text;
}

void file_write(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	size_t len = strlen(text);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		fail_msg("cannot write %s: %s", path, strerror(errno));
	fchmod(fd, mode);
	close(fd);
}

int file_mode(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return -1;
	return (int)(st.st_mode & 07777);
}

int dir_count(const char *dir, const char *part)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	if (!d)
		return 0;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
		    strstr(e->d_name, part))
			n++;
	closedir(d);
	return n;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void dir_remove(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int lines_with(const char *text, const char *part)
{
	size_t len = strlen(part);
	int n = 0;

	while (*text) {
		const char *end = strchrnul(text, '\n');
		const char *hit = memmem(text, (size_t)(end - text), part, len);

		if (hit)
			n++;
		text = *end ? end + 1 : end;
	}
	return n;
}

bool has_word(const char *text, const char *part)
{
	return strcasestr(text, part) != NULL;
}

static long proc_status_field(pid_t pid, const char *name)
{
	char *path = text_new("/proc/%d/status", (int)pid);
	char *text = file_read(path);
	char *hit = text ? strstr(text, name) : NULL;
	long value = hit ? strtol(hit + strlen(name), NULL, 10) : -1;

	free(path);
	free(text);
	return value;
}

long proc_rss_kib(pid_t pid)
{
	return proc_status_field(pid, "\nVmRSS:");
}

long proc_peak_kib(pid_t pid)
{
	return proc_status_field(pid, "\nVmHWM:");
}

long proc_threads(pid_t pid)
{
	return proc_status_field(pid, "\nThreads:");
}

int proc_fds(pid_t pid)
{
	char *path = text_new("/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	free(path);
	if (!d)
		return -1;
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}
