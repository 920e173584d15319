// SPDX-License-Identifier: MIT
#include "app/platform/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/cert.h"
#include "net/pem.h"
#include "net/selfsign.h"
#include "net/tls_server.h"
#include "runtime/io.h"
#include "runtime/task.h"

#define CERTIFICATE_FILE "molecule-platform.pem"
#define KEY_FILE "molecule-platform-key.pem"
#define DAY_SECONDS 86400
#define LOCK_RETRY_MS 10
/* What is made here is no larger as PEM. */
#define TEXT_MAX ((size_t)SELFSIGN_MAX * 2)

int certificate_load(struct tls_server **out, struct rt *rt,
		     const char *chain_path, const char *key_path,
		     char fault[CERTIFICATE_FAULT_MAX])
{
	const char *why = "";
	int err = tls_server_load(out, rt, chain_path, key_path, DEADLINE_NEVER,
				  &why);

	if (err < 0 && err != -EINVAL && err != -ENOMEM)
		(void)snprintf(fault, CERTIFICATE_FAULT_MAX, "%s: %s", why,
			       strerror(-err));
	else if (err < 0)
		(void)snprintf(fault, CERTIFICATE_FAULT_MAX, "%s", why);
	return err;
}

/* The length of what is in the file, cut at cap; or a negative errno. */
static ssize_t read_text(struct rt *rt, const char *path, char *text,
			 size_t cap)
{
	int fd = io_openat(rt, AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0,
			   DEADLINE_NEVER);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return fd;
	while (n > 0 && len < cap) {
		n = io_read(rt, fd, text + len, cap - len, DEADLINE_NEVER);
		len += n > 0 ? (size_t)n : 0;
	}
	io_close(rt, fd);
	return n < 0 ? n : (ssize_t)len;
}

/* Whether the text begins with a certificate as selfsign_files makes it, that
 * lasts. */
static bool is_good(struct rt *rt, const char *text, size_t len, uint8_t *der)
{
	static const uint8_t loopback[] = { 127, 0, 0, 1 };
	int64_t now = clock_wall(rt) / CLOCK_NS_PER_S;
	struct cert cert;
	struct pem pem;

	pem_init(&pem, der, SELFSIGN_MAX);
	while (len > 0 && !pem.ready) {
		size_t used = pem_feed(&pem, text, len);

		text += used;
		len -= used;
	}
	return pem.ready &&
	       cert_parse(&cert, (struct der){ der, pem.len }) == 0 &&
	       cert_self_issued(&cert) &&
	       cert_has_address(&cert, loopback, sizeof(loopback)) &&
	       cert.not_before <= now &&
	       cert.not_after >= now + CERTIFICATE_RENEW_DAYS * DAY_SECONDS;
}

/* Takes what is in the directory already; false when that cannot be used. */
static bool load_kept(struct tls_server **out, struct rt *rt, const char *path,
		      const char *key_path)
{
	char *text = malloc(TEXT_MAX);
	uint8_t *der = malloc(SELFSIGN_MAX);
	const char *why;
	ssize_t len = -ENOMEM;
	bool good;

	if (text && der)
		len = read_text(rt, path, text, TEXT_MAX);
	good = len > 0 && is_good(rt, text, (size_t)len, der);
	free(text);
	free(der);
	return good && tls_server_load(out, rt, path, key_path, DEADLINE_NEVER,
				       &why) == 0;
}

/* Makes the directory, unless it is there. */
static int make_dir(struct rt *rt, const char *dir,
		    char fault[CERTIFICATE_FAULT_MAX])
{
	int err = io_mkdirat(rt, AT_FDCWD, dir, 0700, DEADLINE_NEVER);
	const char *why = NULL;
	struct stat st = { 0 };

	if (err == 0)
		return 0;
	if (err == -EEXIST)
		err = io_fstatat(rt, AT_FDCWD, dir, &st, 0);
	if (err < 0)
		why = strerror(-err);
	else if (!S_ISDIR(st.st_mode))
		why = "it is not a directory";
	else if (st.st_uid != geteuid())
		why = "it belongs to another user, who could replace the key";
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		why = "others can write to it and could replace the key; "
		      "name a directory of your own";
	if (!why)
		return 0;
	(void)snprintf(fault, CERTIFICATE_FAULT_MAX, "%s", why);
	return err < 0 ? err : -EPERM;
}

/* Holds the directory against others who want to make a pair in it at the same
 * time: a descriptor to be closed, -1 where there are no locks, or -ETIMEDOUT.
 */
static int lock_dir(struct rt *rt, const char *dir)
{
	struct deadline until = deadline_in_ms(rt, CERTIFICATE_LOCK_MS);
	int fd = io_openat(rt, AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0,
			   DEADLINE_NEVER);

	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		bool held = errno == EWOULDBLOCK;

		if (held && deadline_left_ns(rt, until) > 0 &&
		    task_sleep(rt, deadline_in_ms(rt, LOCK_RETRY_MS)) == 0)
			continue;
		io_close(rt, fd);
		return held ? -ETIMEDOUT : -1;
	}
	return fd < 0 ? -1 : fd;
}

/* Takes the pair that is there, or makes one. The directory must be ours. */
static int take_or_make(struct tls_server **out, struct rt *rt,
			const char *path, const char *key_path,
			char fault[CERTIFICATE_FAULT_MAX])
{
	int err;

	if (load_kept(out, rt, path, key_path))
		return 0;
	err = selfsign_files(rt, path, key_path, DEADLINE_NEVER);
	if (err == 0)
		return certificate_load(out, rt, path, key_path, fault);
	(void)snprintf(fault, CERTIFICATE_FAULT_MAX,
		       "a certificate cannot be written there: %s",
		       strerror(-err));
	return err;
}

int certificate_own(struct tls_server **out, struct rt *rt, const char *dir,
		    char path[CERTIFICATE_PATH_MAX],
		    char fault[CERTIFICATE_FAULT_MAX])
{
	char key_path[CERTIFICATE_PATH_MAX];
	int n = snprintf(path, CERTIFICATE_PATH_MAX, "%s/" CERTIFICATE_FILE,
			 dir);
	int m = snprintf(key_path, CERTIFICATE_PATH_MAX, "%s/" KEY_FILE, dir);
	int err, lock;

	if (n >= CERTIFICATE_PATH_MAX || m >= CERTIFICATE_PATH_MAX) {
		(void)snprintf(fault, CERTIFICATE_FAULT_MAX,
			       "its name is too long");
		return -ENAMETOOLONG;
	}
	err = make_dir(rt, dir, fault);
	if (err < 0)
		return err;
	lock = lock_dir(rt, dir);
	if (lock == -ETIMEDOUT) {
		(void)snprintf(fault, CERTIFICATE_FAULT_MAX,
			       "another program holds it locked");
		return lock;
	}
	err = take_or_make(out, rt, path, key_path, fault);
	if (lock >= 0)
		io_close(rt, lock);
	return err;
}

bool certificate_suits(const char *host)
{
	static const char *const good[] = { "localhost", "127.0.0.1", "::1",
					    "0.0.0.0", "::" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (strcmp(host, good[i]) == 0)
			return true;
	}
	return false;
}
