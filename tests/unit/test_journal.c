// SPDX-License-Identifier: MIT
/*
 * The journal: what is found again after a restart, a crash in the middle of a
 * record, damage, and a disk that is full.
 */
#include "tests/unit/net_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "app/journal.h"
#include "app/log.h"
#include "app/state_dir.h"
#include "proto/activity.h"

#define ID "11111111-1111-4111-8111-111111111111"
#define FILE_NAME ".mcp_journal_" ID
#define KEPT_MAX 300

struct place {
	struct rt *rt;
	char dir[64];
	int log_fd;
	struct log log;
	struct state_dir state;
	struct journal *journal;
	char *live[KEPT_MAX]; /* activity ids, as an inbox would hold them */
	int count;
	char text[64];	   /* of the last message that was read */
	char doubtful[64]; /* ids of those behind damage, if asked for */
	bool tell_doubtful;
};

static void keep_live(void *arg, struct journal *journal)
{
	struct place *p = arg;

	for (int i = 0; i < p->count; i++)
		journal_keep(journal, &(struct activity_message){
					      .activity_id = p->live[i],
					      .text = "kept" });
}

static void on_message(void *arg, const struct activity_message *message)
{
	struct place *p = arg;

	CHECK(p->count < KEPT_MAX);
	p->live[p->count++] = strdup(message->activity_id);
	snprintf(p->text, sizeof(p->text), "%s", message->text);
}

static void on_doubtful(void *arg, const struct activity_message *message)
{
	struct place *p = arg;
	size_t len = strlen(p->doubtful);

	snprintf(p->doubtful + len, sizeof(p->doubtful) - len, "%s ",
		 message->activity_id);
}

/* As a process that begins. */
static int begin(struct place *p)
{
	p->count = 0;
	p->journal = journal_new(&(struct journal_options){
		.rt = p->rt,
		.log = &p->log,
		.state = &p->state,
		.workspace_id = ID,
		.live = keep_live,
		.doubtful = p->tell_doubtful ? on_doubtful : NULL,
		.arg = p });
	CHECK(p->journal != NULL);
	return journal_open(p->journal, on_message, p);
}

static void end(struct place *p)
{
	journal_free(p->journal, patience(p->rt));
	p->journal = NULL;
	for (int i = 0; i < p->count; i++)
		free(p->live[i]);
	p->count = 0;
}

static void place_open(struct place *p, struct rt *rt)
{
	*p = (struct place){ .rt = rt };
	snprintf(p->dir, sizeof(p->dir), "/tmp/molecule-test-XXXXXX");
	CHECK(mkdtemp(p->dir) != NULL);
	p->log_fd = open(p->dir, O_TMPFILE | O_RDWR, 0600);
	log_init(&p->log, p->log_fd, LOG_INFO);
	state_dir_init(&p->state, rt, &p->log, p->dir, NULL);
	CHECK_EQ(begin(p), 0);
}

static void place_close(struct place *p)
{
	char command[128];

	end(p);
	state_dir_stop(&p->state, patience(p->rt));
	close(p->log_fd);
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	CHECK_EQ(system(command), 0); // NOLINT(cert-env33-c)
}

static bool logged(struct place *p, const char *words)
{
	char buf[8192];
	ssize_t n = pread(p->log_fd, buf, sizeof(buf) - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	return strstr(buf, words) != NULL;
}

/* A message comes, as far as the inbox. */
static void receive(struct place *p, const char *id, const char *text)
{
	CHECK_EQ(journal_put(p->journal,
			     &(struct activity_message){ .activity_id = id,
							 .text = text }),
		 0);
	p->live[p->count++] = strdup(id);
}

static void pop(struct place *p, const char *id)
{
	CHECK_EQ(journal_pop(p->journal, id), 0);
	for (int i = 0; i < p->count; i++) {
		if (strcmp(p->live[i], id) != 0)
			continue;
		free(p->live[i]);
		memmove(p->live + i, p->live + i + 1,
			(size_t)(--p->count - i) * sizeof(*p->live));
		return;
	}
}

/* What is alive, as "a b c". */
static const char *alive(const struct place *p)
{
	static char text[4096];
	size_t len = 0;

	text[0] = '\0';
	for (int i = 0; i < p->count && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
					i ? " " : "", p->live[i]);
	return text;
}

static int file_fd(struct place *p, int flags)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", p->dir, FILE_NAME);
	fd = open(path, flags);
	CHECK(fd >= 0);
	return fd;
}

static off_t file_size(struct place *p)
{
	struct stat st;
	int fd = file_fd(p, O_RDONLY);

	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	close(fd);
	return st.st_size;
}

static int found_again(struct rt *rt, void *arg)
{
	struct place p;

	(void)arg;
	place_open(&p, rt);
	receive(&p, "a", "one");
	receive(&p, "b", "two");
	CHECK_EQ(journal_write(p.journal, patience(rt)), 0);
	receive(&p, "c", "line\nbreak \"quoted\" caf\xC3\xA9");
	pop(&p, "b");
	CHECK_EQ(journal_seen(p.journal, "c", "2026-05-01T00:00:00Z"), 0);
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	end(&p);
	CHECK_EQ(begin(&p), 0);
	CHECK(strcmp(alive(&p), "a c") == 0);
	CHECK(strcmp(p.text, "line\nbreak \"quoted\" caf\xC3\xA9") == 0);
	CHECK(journal_popped(p.journal, "b"));
	CHECK(!journal_popped(p.journal, "a"));
	CHECK(strcmp(journal_seen_id(p.journal), "c") == 0);
	CHECK(strcmp(journal_seen_at(p.journal), "2026-05-01T00:00:00Z") == 0);
	/* And on it goes in the same file. */
	receive(&p, "d", "four");
	pop(&p, "a");
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	end(&p);
	CHECK_EQ(begin(&p), 0);
	CHECK(strcmp(alive(&p), "c d") == 0);
	CHECK(!logged(&p, "journal"));
	place_close(&p);
	return 0;
}

static int nothing_added(struct rt *rt, void *arg)
{
	struct place p;
	char path[256];

	(void)arg;
	place_open(&p, rt);
	CHECK(strcmp(journal_seen_id(p.journal), "") == 0);
	CHECK(strcmp(journal_seen_at(p.journal), "") == 0);
	CHECK_EQ(journal_sync(p.journal, DEADLINE_NOW), 0);
	snprintf(path, sizeof(path), "%s/%s", p.dir, FILE_NAME);
	CHECK(access(path, F_OK) != 0);
	place_close(&p);
	return 0;
}

static int half_a_record(struct rt *rt, void *arg)
{
	struct place p;
	int fd;

	(void)arg;
	place_open(&p, rt);
	receive(&p, "a", "one");
	receive(&p, "b", "two");
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	end(&p);
	fd = file_fd(&p, O_WRONLY);
	CHECK_EQ(ftruncate(fd, file_size(&p) - 5), 0);
	close(fd);
	CHECK_EQ(begin(&p), 0);
	CHECK(strcmp(alive(&p), "a") == 0);
	CHECK(!logged(&p, "damaged"));
	receive(&p, "c", "three");
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	end(&p);
	CHECK_EQ(begin(&p), 0);
	CHECK(strcmp(alive(&p), "a c") == 0);
	place_close(&p);
	return 0;
}

static int damage(struct rt *rt, void *arg)
{
	struct place p;
	off_t second;
	int fd;

	(void)arg;
	place_open(&p, rt);
	receive(&p, "a", "one");
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	second = file_size(&p);
	receive(&p, "b", "two");
	receive(&p, "c", "three");
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	end(&p);
	fd = file_fd(&p, O_WRONLY);
	CHECK_EQ(pwrite(fd, "\0\xFF", 2, second + 20), 2);
	close(fd);
	CHECK_EQ(begin(&p), 0);
	CHECK(strcmp(alive(&p), "a c") == 0);
	CHECK(logged(&p, "1 record could not be read, 2 waiting messages"));
	receive(&p, "d", "four");
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	end(&p);
	CHECK_EQ(ftruncate(p.log_fd, 0), 0);
	CHECK_EQ(begin(&p), 0);
	CHECK(strcmp(alive(&p), "a c d") == 0);
	CHECK(!logged(&p, "damaged")); /* it was mended */
	place_close(&p);
	return 0;
}

/* What stands behind damage says nothing of what came before it. */
static int behind_damage(struct rt *rt, void *arg)
{
	struct place p;
	off_t second;
	int fd;

	(void)arg;
	place_open(&p, rt);
	receive(&p, "a", "one");
	CHECK_EQ(journal_seen(p.journal, "a", "early"), 0);
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	second = file_size(&p);
	receive(&p, "b", "two");
	receive(&p, "c", "three");
	CHECK_EQ(journal_seen(p.journal, "c", "late"), 0);
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	end(&p);
	fd = file_fd(&p, O_WRONLY);
	CHECK_EQ(pwrite(fd, "\0\xFF", 2, second + 20), 2);
	close(fd);
	p.tell_doubtful = true;
	CHECK_EQ(begin(&p), 0);
	CHECK(strcmp(alive(&p), "a") == 0);
	CHECK(strcmp(p.doubtful, "c ") == 0);
	CHECK(strcmp(journal_seen_id(p.journal), "a") == 0);
	CHECK(strcmp(journal_seen_at(p.journal), "early") == 0);
	place_close(&p);
	return 0;
}

static int not_a_file(struct rt *rt, void *arg)
{
	struct place p;
	char path[256];

	(void)arg;
	place_open(&p, rt);
	end(&p);
	snprintf(path, sizeof(path), "%s/%s", p.dir, FILE_NAME);
	CHECK_EQ(mkdir(path, 0700), 0);
	CHECK_EQ(begin(&p), 0);
	CHECK(logged(&p, ".damaged"));
	receive(&p, "a", "one");
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	end(&p);
	CHECK_EQ(begin(&p), 0);
	CHECK(strcmp(alive(&p), "a") == 0);
	place_close(&p);
	return 0;
}

/* A lack of descriptors passes: the file is read when it has. */
static int no_descriptor(struct rt *rt, void *arg)
{
	struct rlimit before, none;
	struct place p;

	(void)arg;
	place_open(&p, rt);
	receive(&p, "a", "one");
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	end(&p);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	CHECK_EQ(begin(&p), -EMFILE);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	end(&p);
	CHECK_EQ(begin(&p), 0);
	CHECK(strcmp(alive(&p), "a") == 0);
	CHECK(!logged(&p, "damaged"));
	place_close(&p);
	return 0;
}

/* The file stays small while much goes through it, and order is kept. */
static int written_anew(struct rt *rt, void *arg)
{
	static char large[2000];
	struct place p;
	char id[32];

	(void)arg;
	memset(large, 'x', sizeof(large) - 1);
	place_open(&p, rt);
	receive(&p, "first", "x");
	for (int i = 0; i < 3000; i++) {
		snprintf(id, sizeof(id), "m%d", i);
		receive(&p, id, large);
		if (i >= 5) {
			snprintf(id, sizeof(id), "m%d", i - 5);
			pop(&p, id);
		}
		if (i % 7 == 0)
			CHECK_EQ(journal_write(p.journal, patience(rt)), 0);
	}
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	CHECK(file_size(&p) < 1024 * 1024);
	end(&p);
	CHECK_EQ(begin(&p), 0);
	CHECK(strcmp(alive(&p), "first m2995 m2996 m2997 m2998 m2999") == 0);
	CHECK(journal_popped(p.journal, "m2994"));
	CHECK(journal_popped(p.journal, "m0"));
	place_close(&p);
	return 0;
}

/* Nor does it grow from one process to the next, each of which adds little. */
static int small_in_the_end(struct rt *rt, void *arg)
{
	static char large[2000];
	struct place p;
	char id[32];

	(void)arg;
	memset(large, 'x', sizeof(large) - 1);
	place_open(&p, rt);
	receive(&p, "first", "x");
	for (int session = 0; session < 20; session++) {
		for (int i = 0; i < 50; i++) {
			snprintf(id, sizeof(id), "m%d-%d", session, i);
			receive(&p, id, large);
			pop(&p, id);
		}
		CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
		end(&p);
		CHECK_EQ(begin(&p), 0);
	}
	CHECK(strcmp(alive(&p), "first") == 0);
	CHECK(journal_popped(p.journal, "m0-0"));
	CHECK(file_size(&p) < 512 * 1024);
	place_close(&p);
	return 0;
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	CHECK_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A write that stops half way leaves nothing lost and nothing broken. */
static int disk_full(struct rt *rt, void *arg)
{
	struct place p;
	int err;

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	place_open(&p, rt);
	receive(&p, "a", "one");
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	limit_files((rlim_t)file_size(&p) + 10);
	receive(&p, "b", "two");
	err = journal_sync(p.journal, patience(rt));
	CHECK_EQ(err, -EFBIG);
	receive(&p, "c", "three");
	CHECK_EQ(journal_write(p.journal, patience(rt)), -EFBIG);
	CHECK(logged(&p, "cannot write the journal"));
	limit_files(RLIM_INFINITY);
	pop(&p, "a");
	CHECK_EQ(journal_sync(p.journal, patience(rt)), 0);
	CHECK(logged(&p, "can be written again"));
	end(&p);
	CHECK_EQ(begin(&p), 0);
	CHECK(strcmp(alive(&p), "b c") == 0);
	CHECK(!logged(&p, "damaged"));
	place_close(&p);
	return 0;
}

struct waiter {
	struct place *p;
	int *left;
};

static void wait_sync(struct rt *rt, void *arg)
{
	struct waiter *w = arg;

	CHECK_EQ(journal_sync(w->p->journal, patience(rt)), 0);
	--*w->left;
}

static void wait_in_vain(struct rt *rt, void *arg)
{
	struct waiter *w = arg;

	*w->left = journal_sync(w->p->journal, patience(rt));
}

/* Many wait at once; the one that set the work off is cancelled, and harms
 * nobody. */
static int together(struct rt *rt, void *arg)
{
	struct place p;
	struct scope scope, cancelled;
	int left = 20, first = 1;
	struct waiter waiter = { &p, &left }, lost = { &p, &first };
	char id[16];

	(void)arg;
	place_open(&p, rt);
	scope_open(rt, &scope, DEADLINE_NEVER);
	scope_open(rt, &cancelled, DEADLINE_NEVER);
	receive(&p, "first", "x");
	CHECK_EQ(task_spawn(&cancelled, "first", TASK_STACK_NORMAL,
			    wait_in_vain, &lost),
		 0);
	CHECK_EQ(task_yield(rt), 0);
	CHECK_EQ(task_yield(rt), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "m%d", i);
		receive(&p, id, "x");
		CHECK_EQ(task_spawn(&scope, "waiter", TASK_STACK_NORMAL,
				    wait_sync, &waiter),
			 0);
	}
	scope_close(&cancelled);
	CHECK_EQ(first, -ECANCELED);
	CHECK_EQ(scope_wait(&scope, patience(rt)), 0);
	CHECK_EQ(left, 0);
	scope_close(&scope);
	end(&p);
	CHECK_EQ(begin(&p), 0);
	CHECK_EQ(p.count, 21);
	place_close(&p);
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(found_again)
TEST(nothing_added)
TEST(half_a_record)
TEST(damage)
TEST(behind_damage)
TEST(not_a_file)
TEST(no_descriptor)
TEST(written_anew)
TEST(small_in_the_end)
TEST(disk_full)
TEST(together)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_again),
		cmocka_unit_test(test_nothing_added),
		cmocka_unit_test(test_half_a_record),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_behind_damage),
		cmocka_unit_test(test_not_a_file),
		cmocka_unit_test(test_no_descriptor),
		cmocka_unit_test(test_written_anew),
		cmocka_unit_test(test_small_in_the_end),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
