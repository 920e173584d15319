// SPDX-License-Identifier: MIT
/*
 * The state directory: which one it is, whole writes, what a failing disk
 * and a cancelled caller do, and what a killed process left.
 */
#include "tests/unit/net_fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <utime.h>

#include "app/log.h"
#include "app/state_dir.h"

struct place {
	struct rt *rt;
	char root[64];
	char dir[128];
	int log_fd;
	struct log log;
	struct state_dir state;
};

static void place_open(struct place *p, struct rt *rt, const char *below)
{
	*p = (struct place){ .rt = rt };
	snprintf(p->root, sizeof(p->root), "/tmp/molecule-test-XXXXXX");
	CHECK(mkdtemp(p->root) != NULL);
	snprintf(p->dir, sizeof(p->dir), "%s%s", p->root, below);
	p->log_fd = open(p->root, O_TMPFILE | O_RDWR, 0600);
	log_init(&p->log, p->log_fd, LOG_INFO);
	state_dir_init(&p->state, rt, &p->log, p->dir, NULL);
}

static void place_close(struct place *p)
{
	char command[128];

	state_dir_stop(&p->state, patience(p->rt));
	close(p->log_fd);
	snprintf(command, sizeof(command), "rm -rf %s", p->root);
	CHECK_EQ(system(command), 0); // NOLINT(cert-env33-c)
}

static int log_lines(struct place *p)
{
	char buf[8192];
	ssize_t n = pread(p->log_fd, buf, sizeof(buf), 0);
	int lines = 0;

	for (ssize_t i = 0; i < n; i++)
		lines += buf[i] == '\n';
	return lines;
}

static mode_t mode_of(const char *dir, const char *name)
{
	char path[256];
	struct stat st = { 0 };

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	CHECK_EQ(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* How many names there are in the directory. */
static int names(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	for (struct dirent *e; dir && (e = readdir(dir)) != NULL;)
		count += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	if (dir)
		closedir(dir);
	return count;
}

static int write_and_read(struct rt *rt, void *arg)
{
	struct place p;
	char buf[64];

	(void)arg;
	place_open(&p, rt, "/made/with/parents");
	CHECK_EQ(state_dir_read(&p.state, "x", buf, sizeof(buf)), -ENOENT);
	CHECK_EQ(state_dir_remove(&p.state, "x"), 0);
	CHECK_EQ(state_dir_write(&p.state, "x", "hello", 5), 0);
	CHECK_EQ(state_dir_read(&p.state, "x", buf, sizeof(buf)), 5);
	CHECK(strcmp(buf, "hello") == 0);
	CHECK_EQ(mode_of(p.dir, "x"), 0600);
	CHECK_EQ(mode_of(p.dir, "."), 0700);
	CHECK_EQ(mode_of(p.root, "made"), 0700);
	CHECK_EQ(state_dir_write(&p.state, "x", "", 0), 0);
	CHECK_EQ(state_dir_read(&p.state, "x", buf, sizeof(buf)), 0);
	CHECK_EQ(state_dir_write(&p.state, "x", "longer than that", 16), 0);
	CHECK_EQ(state_dir_read(&p.state, "x", buf, 16), -EMSGSIZE);
	CHECK_EQ(state_dir_read(&p.state, "x", buf, 17), 16);
	CHECK_EQ(names(p.dir), 1);
	CHECK_EQ(state_dir_remove(&p.state, "x"), 0);
	CHECK_EQ(names(p.dir), 0);
	CHECK_EQ(state_dir_write(&p.state, "x", "", STATE_DIR_FILE_MAX + 1),
		 -EINVAL);
	CHECK_EQ(log_lines(&p), 0);
	place_close(&p);
	return 0;
}

static int only_regular_files(struct rt *rt, void *arg)
{
	struct place p;
	char buf[64];
	char path[256];

	(void)arg;
	place_open(&p, rt, "");
	CHECK_EQ(state_dir_read(&p.state, ".", buf, sizeof(buf)), -ENOTSUP);
	snprintf(path, sizeof(path), "%s/fifo", p.dir);
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_EQ(state_dir_read(&p.state, "fifo", buf, sizeof(buf)), -ENOTSUP);
	place_close(&p);
	return 0;
}

static int tiers(struct rt *rt, void *arg)
{
	struct place p;
	struct state_dir s;
	char system_dir[256], home_dir[256];

	(void)arg;
	place_open(&p, rt, "");
	snprintf(system_dir, sizeof(system_dir), "%s/system", p.root);
	snprintf(home_dir, sizeof(home_dir), "%s/.molecule-workspace", p.root);
	state_dir_init(&s, rt, &p.log, NULL, p.root);
	s.system = system_dir;
	CHECK(strcmp(state_dir_path(&s), home_dir) == 0);
	state_dir_stop(&s, DEADLINE_NOW);
	CHECK_EQ(mkdir(system_dir, 0700), 0);
	state_dir_init(&s, rt, &p.log, NULL, p.root);
	s.system = system_dir;
	CHECK(strcmp(state_dir_path(&s), system_dir) == 0);
	CHECK_EQ(names(system_dir), 0);
	state_dir_stop(&s, DEADLINE_NOW);
	if (geteuid() != 0) {
		CHECK_EQ(chmod(system_dir, 0500), 0);
		state_dir_init(&s, rt, &p.log, NULL, p.root);
		s.system = system_dir;
		CHECK(strcmp(state_dir_path(&s), home_dir) == 0);
		state_dir_stop(&s, DEADLINE_NOW);
	}
	state_dir_init(&s, rt, &p.log, NULL, NULL);
	s.system = "/nonexistent";
	CHECK(state_dir_path(&s) == NULL);
	CHECK_EQ(state_dir_write(&s, "x", "y", 1), -ENOENT);
	CHECK_EQ(state_dir_write(&s, "x", "y", 1), -ENOENT);
	CHECK_EQ(log_lines(&p), 1);
	state_dir_stop(&s, DEADLINE_NOW);
	place_close(&p);
	return 0;
}

/* A path that runs through a file cannot be made, whoever asks. */
static int failing_disk(struct rt *rt, void *arg)
{
	struct place p;
	char path[256];
	int fd;

	(void)arg;
	place_open(&p, rt, "/in-the-way");
	fd = open(p.dir, O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(state_dir_write(&p.state, "x", "1", 1), -ENOTDIR);
	CHECK_EQ(state_dir_write(&p.state, "x", "2", 1), -ENOTDIR);
	CHECK_EQ(log_lines(&p), 1);
	/* It is repaired, works, breaks again: said again. */
	CHECK_EQ(unlink(p.dir), 0);
	CHECK_EQ(state_dir_write(&p.state, "x", "3", 1), 0);
	CHECK_EQ(log_lines(&p), 1);
	snprintf(path, sizeof(path), "%s/d", p.dir);
	CHECK_EQ(mkdir(path, 0700), 0);
	CHECK_EQ(state_dir_write(&p.state, "d", "4", 1), -EISDIR);
	CHECK_EQ(names(p.dir), 2); /* no temporary file */
	CHECK_EQ(log_lines(&p), 2);
	place_close(&p);
	return 0;
}

static void write_task(struct rt *rt, void *arg)
{
	struct place *p = arg;

	(void)rt;
	CHECK_EQ(state_dir_write(&p->state, "x", "whole", 5), -ECANCELED);
}

static int cancelled_caller(struct rt *rt, void *arg)
{
	struct place p;
	struct scope scope;
	char buf[16];

	(void)arg;
	place_open(&p, rt, "/d");
	scope_open(rt, &scope, DEADLINE_NEVER);
	CHECK_EQ(task_spawn(&scope, "w", TASK_STACK_SMALL, write_task, &p), 0);
	task_yield(rt); /* it has begun */
	scope_close(&scope);
	state_dir_stop(&p.state, patience(rt));
	state_dir_init(&p.state, rt, &p.log, p.dir, NULL);
	CHECK_EQ(state_dir_read(&p.state, "x", buf, sizeof(buf)), 5);
	CHECK_EQ(names(p.dir), 1);
	place_close(&p);
	return 0;
}

static void make_file(const struct place *p, const char *name, int age_s)
{
	char path[256];
	struct utimbuf times;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0);
	close(fd);
	times.actime = times.modtime = time(NULL) - age_s;
	CHECK_EQ(utime(path, &times), 0);
}

static int leftovers(struct rt *rt, void *arg)
{
	struct place p;
	char buf[16];

	(void)arg;
	place_open(&p, rt, "");
	make_file(&p, ".mcp_inbox_cursor.tmp", 3600);
	make_file(&p, ".mcp_inbox_cursor.tmp2", 0); /* another's, at work */
	make_file(&p, ".platform_inbound_secret.tmp3", 3600);
	make_file(&p, "somebody-elses.tmp", 3600);
	state_dir_clean(&p.state);
	CHECK_EQ(names(p.dir), 2);
	/* A name in use is left alone, an abandoned one taken over. */
	make_file(&p, ".mcp_inbox_cursor.tmp", 0);
	CHECK_EQ(state_dir_write(&p.state, STATE_DIR_CURSOR, "c", 1), 0);
	CHECK_EQ(names(p.dir), 4);
	make_file(&p, ".mcp_inbox_cursor.tmp3", 0);
	CHECK_EQ(state_dir_write(&p.state, STATE_DIR_CURSOR, "d", 1), -EBUSY);
	make_file(&p, ".mcp_inbox_cursor.tmp3", 3600);
	CHECK_EQ(state_dir_write(&p.state, STATE_DIR_CURSOR, "e", 1), 0);
	CHECK_EQ(state_dir_read(&p.state, STATE_DIR_CURSOR, buf, sizeof(buf)),
		 1);
	CHECK_EQ(buf[0], 'e');
	place_close(&p);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(write_and_read)
TEST(only_regular_files)
TEST(tiers)
TEST(failing_disk)
TEST(cancelled_caller)
TEST(leftovers)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_and_read),
		cmocka_unit_test(test_only_regular_files),
		cmocka_unit_test(test_tiers),
		cmocka_unit_test(test_failing_disk),
		cmocka_unit_test(test_cancelled_caller),
		cmocka_unit_test(test_leftovers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
