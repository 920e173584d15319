// SPDX-License-Identifier: MIT
/*
 * Who receives for a workspace. Two processes are two sets of holders with a
 * state directory each, which are the same directory; where only a process
 * will do, a child is forked.
 */
#include "tests/unit/app_fixture.h"

#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "app/holder.h"

#define SIGN_OTHER "4711 elsewhere\n"

/* What would be a process. */
struct process {
	struct world *w;
	struct state_dir state;
	struct scope scope;
	struct holders holders;
	struct holder holder[3];
	uint64_t here; /* calls of the hook, by state */
	uint64_t elsewhere;
};

static void changed(void *arg, struct holder *holder)
{
	struct process *p = arg;

	if (holder->state == HOLDER_HERE)
		p->here++;
	else
		p->elsewhere++;
}

static void answer(struct world *w, int number, struct http_incoming *request)
{
	(void)w;
	(void)number;
	world_json(request, 404, "{}");
}

static void process_open(struct process *p, struct world *w, int count)
{
	static const char *const ids[] = { WORLD_ID, "two", "Three" };

	*p = (struct process){ .w = w };
	state_dir_init(&p->state, w->rt, &w->log, w->dir, NULL);
	scope_open(w->rt, &p->scope, DEADLINE_NEVER);
	holders_init(&p->holders, w->rt, &w->log, &p->state, changed, p);
	for (int i = 0; i < count; i++) {
		holder_init(&p->holder[i], ids[i]);
		holders_add(&p->holders, &p->holder[i]);
	}
}

/* Begins, and waits until it is known who holds what. */
static void process_begin(struct process *p)
{
	CHECK_EQ(holders_begin(&p->holders, &p->scope), 0);
	CHECK_EQ(event_wait(&p->holders.known, patience(p->w->rt)), 0);
}

static void process_end(struct process *p)
{
	scope_close(&p->scope);
	holders_fini(&p->holders);
	state_dir_stop(&p->state, patience(p->w->rt));
}

static bool lock_file(struct world *w, char *text, size_t cap)
{
	char path[256];
	struct stat st;
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/" HOLDER_NAME WORLD_ID, w->dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	CHECK_EQ(st.st_mode & 0777, 0600);
	n = read(fd, text, cap - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	return true;
}

/* F-41: the first one holds it, the second one says who does and takes over
 * when that one ends. */
static int f41_one_at_a_time(struct rt *rt, void *arg)
{
	struct world w;
	struct process one, two;
	char text[256], want[HOLDER_TEXT_MAX], got[HOLDER_TEXT_MAX];

	(void)arg;
	world_open(&w, rt, answer, NULL);
	process_open(&one, &w, 1);
	process_open(&two, &w, 1);
	CHECK(!lock_file(&w, text, sizeof(text)));
	process_begin(&one);
	CHECK_EQ(one.holder[0].state, HOLDER_HERE);
	CHECK_EQ(one.here, 1);
	CHECK(lock_file(&w, text, sizeof(text)));
	CHECK_EQ(atoi(text), getpid());
	process_begin(&two);
	CHECK_EQ(two.holder[0].state, HOLDER_ELSEWHERE);
	CHECK_EQ(two.elsewhere, 1);
	CHECK_EQ(two.here, 0);
	snprintf(want, sizeof(want), "process %d on the host ", (int)getpid());
	holder_text(&two.holder[0], got, sizeof(got));
	CHECK(strncmp(got, want, strlen(want)) == 0);
	CHECK_EQ(world_logged(&w, want), 1);
	CHECK_EQ(world_logged(
			 &w, "receives and heartbeats for workspace " WORLD_ID),
		 1);
	process_end(&one);
	CHECK(until(rt, &two.here, 1));
	CHECK_EQ(two.holder[0].state, HOLDER_HERE);
	CHECK_EQ(world_logged(&w, "has ended; this one does from now on"), 1);
	process_end(&two);
	world_close(&w);
	return 0;
}

/* Of several that wait one takes over, and the others learn who. */
static int f41_one_of_many_takes_over(struct rt *rt, void *arg)
{
	struct world w;
	struct process one, rest[3];

	(void)arg;
	world_open(&w, rt, answer, NULL);
	process_open(&one, &w, 1);
	process_begin(&one);
	for (int i = 0; i < 3; i++) {
		process_open(&rest[i], &w, 1);
		process_begin(&rest[i]);
		CHECK_EQ(rest[i].holder[0].state, HOLDER_ELSEWHERE);
	}
	process_end(&one);
	for (int left = 3; left > 0; left--) {
		struct deadline limit = patience(rt);
		int here = -1;

		while (here < 0 && deadline_left_ns(rt, limit) > 0) {
			for (int i = 0; i < left; i++)
				if (rest[i].here > 0)
					here = i;
			task_sleep(rt, deadline_in_ms(rt, 1));
		}
		if (!CHECK(here >= 0))
			break;
		task_sleep(rt, deadline_in_ms(rt, 20));
		for (int i = 0; i < left; i++)
			CHECK_EQ(rest[i].here, i == here);
		process_end(&rest[here]);
		/* The structures stay where they are: end the highest. */
		if (here != left - 1) {
			process_end(&rest[left - 1]);
			process_open(&rest[here], &w, 1);
			process_begin(&rest[here]);
		}
	}
	world_close(&w);
	return 0;
}

/* The event of an end comes a moment before the lock goes: here the lock hangs
 * on a descriptor whose end makes no event at all. */
static int the_lock_goes_a_moment_later(struct rt *rt, void *arg)
{
	char path[256], host[65] = "", sign[80];
	struct process one;
	struct world w;
	int lock, other;

	(void)arg;
	world_open(&w, rt, answer, NULL);
	snprintf(path, sizeof(path), "%s/" HOLDER_NAME WORLD_ID, w.dir);
	other = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	lock = open(path, O_RDONLY | O_CLOEXEC);
	/* Of this host: nothing is tried without an event. */
	gethostname(host, sizeof(host) - 1);
	snprintf(sign, sizeof(sign), "1 %s\n", host);
	CHECK(write(other, sign, strlen(sign)) > 0);
	CHECK_EQ(flock(lock, LOCK_EX | LOCK_NB), 0);
	process_open(&one, &w, 1);
	process_begin(&one);
	CHECK_EQ(one.here, 0);
	close(other);
	task_sleep(rt, deadline_in_ms(rt, 20));
	CHECK_EQ(one.here, 0);
	close(lock);
	CHECK(until(rt, &one.here, 1));
	process_end(&one);
	world_close(&w);
	return 0;
}

/* Several workspaces: what is the same for them is said once. */
static int told_once(struct rt *rt, void *arg)
{
	struct world w;
	struct process one, two;

	(void)arg;
	world_open(&w, rt, answer, NULL);
	process_open(&one, &w, 3);
	process_open(&two, &w, 3);
	process_begin(&one);
	CHECK(until(rt, &one.here, 3));
	process_begin(&two);
	CHECK_EQ(two.elsewhere, 3);
	CHECK_EQ(world_logged(&w, WORLD_ID " (and 2 more); this one serves"),
		 1);
	CHECK_EQ(world_logged(&w, "\n"), 1);
	process_end(&one);
	CHECK(until(rt, &two.here, 3));
	CHECK(world_file(&w, HOLDER_NAME "nobody", NULL));
	process_end(&two);
	world_close(&w);
	return 0;
}

/* A file that somebody removes is made anew; then there are two holders, and
 * whoever waits goes on to wait for the one of the new file. */
static int a_removed_file(struct rt *rt, void *arg)
{
	struct world w;
	struct process one, two, three;
	char path[256], text[256];

	(void)arg;
	world_open(&w, rt, answer, NULL);
	process_open(&one, &w, 1);
	process_open(&two, &w, 1);
	process_open(&three, &w, 1);
	process_begin(&one);
	process_begin(&two);
	snprintf(path, sizeof(path), "%s/" HOLDER_NAME WORLD_ID, w.dir);
	CHECK_EQ(unlink(path), 0);
	process_begin(&three);
	CHECK_EQ(three.here, 1);
	CHECK(lock_file(&w, text, sizeof(text)));
	process_end(&one);
	task_sleep(rt, deadline_in_ms(rt, 100));
	CHECK_EQ(two.here, 0);
	process_end(&three);
	CHECK(until(rt, &two.here, 1));
	process_end(&two);
	world_close(&w);
	return 0;
}

/* No directory to lock in: one warning, and everybody goes on. */
static int no_locks(struct rt *rt, void *arg)
{
	struct world w;
	struct process one;
	char dir[128];

	(void)arg;
	world_open(&w, rt, answer, NULL);
	CHECK_EQ(state_dir_write(&w.state, "plain", "x", 1), 0);
	process_open(&one, &w, 3);
	snprintf(dir, sizeof(dir), "%s/plain/sub", w.dir);
	one.state.configs_dir = dir;
	process_begin(&one);
	CHECK(until(rt, &one.here, 3));
	CHECK_EQ(world_logged(&w, "going on without"), 1);
	CHECK_EQ(world_logged(&w, "\n"), 1);
	process_end(&one);
	world_close(&w);
	return 0;
}

/* A child that holds the lock; `sign` is what it has written, NULL: what a
 * process writes. Its own end ends it, and so does ours. */
static pid_t spawn_holder(struct world *w, const char *sign)
{
	char path[256], line[128];
	int ready[2];
	char byte;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/" HOLDER_NAME WORLD_ID, w->dir);
	CHECK_EQ(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		int len;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		gethostname(line + 32, 64);
		line[95] = '\0';
		len = snprintf(line, 32, "%d ", (int)getpid());
		memmove(line + len, line + 32, strlen(line + 32) + 1);
		if (sign == NULL)
			sign = line;
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ||
		    write(fd, sign, strlen(sign)) < 0 ||
		    write(ready[1], "x", 1) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void kill_holder(pid_t pid)
{
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* F-41: one that is killed lets go, too, whatever it has written. */
static int f41_after_a_kill(struct rt *rt, void *arg)
{
	static const char *const signs[] = { NULL,    SIGN_OTHER,  "\n",
					     "x y z", "-1 host\n", "1  \n" };
	struct world w;
	struct process one;

	(void)arg;
	world_open(&w, rt, answer, NULL);
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		pid_t pid = spawn_holder(&w, signs[i]);

		process_open(&one, &w, 1);
		process_begin(&one);
		CHECK_EQ(one.here, 0);
		kill_holder(pid);
		CHECK(until(rt, &one.here, 1));
		process_end(&one);
	}
	CHECK_EQ(world_logged(&w, "process 4711 on the host elsewhere"), 1);
	CHECK_EQ(world_logged(&w, "another process receives"), 4);
	world_close(&w);
	return 0;
}

/* Without events of files the end of the holder's process tells. */
static int f41_without_inotify(struct rt *rt, void *arg)
{
	struct world w;
	struct process one;
	pid_t pid;

	(void)arg;
	world_open(&w, rt, answer, NULL);
	pid = spawn_holder(&w, NULL);
	process_open(&one, &w, 1);
	one.holders.no_events = true;
	process_begin(&one);
	CHECK_EQ(one.here, 0);
	CHECK_EQ(one.holders.events, -1);
	kill_holder(pid);
	CHECK(until(rt, &one.here, 1));
	process_end(&one);
	world_close(&w);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(f41_one_at_a_time)
TEST(f41_one_of_many_takes_over)
TEST(the_lock_goes_a_moment_later)
TEST(told_once)
TEST(a_removed_file)
TEST(no_locks)
TEST(f41_after_a_kill)
TEST(f41_without_inotify)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f41_one_at_a_time),
		cmocka_unit_test(test_f41_one_of_many_takes_over),
		cmocka_unit_test(test_the_lock_goes_a_moment_later),
		cmocka_unit_test(test_told_once),
		cmocka_unit_test(test_a_removed_file),
		cmocka_unit_test(test_no_locks),
		cmocka_unit_test(test_f41_after_a_kill),
		cmocka_unit_test(test_f41_without_inotify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
