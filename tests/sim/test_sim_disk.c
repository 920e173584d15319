// SPDX-License-Identifier: MIT
/* The simulated disk: files, what a power cut leaves of them, and faults. */
#include "tests/sim/sim_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#define AT AT_FDCWD
#define NEVER DEADLINE_NEVER

/* A body that runs as the only process, on machine a. */
struct job {
	struct stage s;
	int (*body)(struct rt *rt, struct job *job);
	bool done; /* it has run to its end */
	int result, failures;
	uint64_t files; /* operations that it took */
	char text[4096];
};

static int job_main(struct rt *rt, void *arg)
{
	struct job *job = arg;

	job->result = job->body(rt, job);
	job->done = true;
	job->files = sim_file_count(sim_process_of(rt));
	return 0;
}

static void job_run(struct job *job, uint64_t seed)
{
	stage_open(&job->s, seed);
	stage_start(&job->s, job->s.a, "job", job_main, job);
	stage_run(&job->s);
}

/* What the file holds now, or after the worst that a power cut does. */
static const char *holds(struct job *job, const char *path, bool synced)
{
	const char *data;
	int64_t len = sim_disk_get(job->s.a, path, synced, &data);

	if (len < 0)
		return "(absent)";
	snprintf(job->text, sizeof(job->text), "%.*s", (int)len, data);
	return job->text;
}

static int put(struct rt *rt, const char *path, const char *text, int flags)
{
	int fd = io_openat(rt, AT, path, O_WRONLY | O_CREAT | flags, 0600,
			   NEVER);

	if (fd < 0)
		return fd;
	CHECK_EQ(io_write_all(rt, fd, text, strlen(text), NULL, NEVER), 0);
	return fd;
}

/* --- Files --- */

static int uses_files(struct rt *rt, struct job *job)
{
	char buf[64] = "";
	struct stat st;
	int fd, dir, again;

	(void)job;
	CHECK_EQ(io_openat(rt, AT, "/d/f", O_RDONLY, 0, NEVER), -ENOENT);
	CHECK_EQ(io_mkdirat(rt, AT, "/d", 0700, NEVER), 0);
	CHECK_EQ(io_mkdirat(rt, AT, "/d", 0700, NEVER), -EEXIST);
	dir = io_openat(rt, AT, "/d", O_RDONLY | O_DIRECTORY, 0, NEVER);
	CHECK(dir >= 0);
	fd = io_openat(rt, dir, "f", O_RDWR | O_CREAT | O_EXCL, 0640, NEVER);
	CHECK(fd >= 0 && fd != dir);
	CHECK_EQ(
		io_openat(rt, dir, "f", O_RDWR | O_CREAT | O_EXCL, 0640, NEVER),
		-EEXIST);
	CHECK_EQ(io_openat(rt, dir, "f/g", O_RDONLY, 0, NEVER), -ENOTDIR);
	CHECK_EQ(io_openat(rt, dir, "f", O_RDONLY | O_DIRECTORY, 0, NEVER),
		 -ENOTDIR);
	CHECK_EQ(io_openat(rt, AT, "/d", O_WRONLY, 0, NEVER), -EISDIR);
	CHECK_EQ(io_write(rt, fd, "hello", 5, NEVER), 5);
	CHECK_EQ(io_read(rt, fd, buf, 10, NEVER), 0);
	again = io_openat(rt, AT, "/d/f", O_RDONLY, 0, NEVER);
	CHECK_EQ(io_read(rt, again, buf, 3, NEVER), 3);
	CHECK_EQ(io_read(rt, again, buf + 3, 10, NEVER), 2);
	CHECK(strcmp(buf, "hello") == 0);
	CHECK_EQ(io_write(rt, again, "x", 1, NEVER), -EBADF);
	CHECK_EQ(io_fstat(rt, fd, &st), 0);
	CHECK_EQ(st.st_size, 5);
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	CHECK_EQ(st.st_mtime, clock_wall(rt) / SIM_S);
	CHECK_EQ(io_fchmod(rt, fd, 0400), 0);
	CHECK_EQ(io_openat(rt, AT, "/d/f", O_WRONLY, 0, NEVER), -EACCES);
	CHECK_EQ(io_unlinkat(rt, AT, "/d", AT_REMOVEDIR, NEVER), -ENOTEMPTY);
	CHECK_EQ(io_unlinkat(rt, AT, "/d", 0, NEVER), -EISDIR);
	CHECK_EQ(io_renameat(rt, dir, "f", dir, "g", NEVER), 0);
	CHECK_EQ(io_fstatat(rt, dir, "f", &st, 0), -ENOENT);
	CHECK_EQ(io_unlinkat(rt, dir, "g", 0, NEVER), 0);
	/* Open files outlive their names. */
	CHECK_EQ(io_write(rt, fd, "!", 1, NEVER), 1);
	CHECK_EQ(io_read(rt, again, buf, 10, NEVER), 1);
	io_close(rt, again);
	io_close(rt, fd);
	fd = io_openat(rt, AT, "/d", O_TMPFILE | O_RDWR, 0600, NEVER);
	CHECK(fd >= 0);
	CHECK_EQ(io_write(rt, fd, "x", 1, NEVER), 1);
	io_close(rt, fd);
	CHECK_EQ(io_unlinkat(rt, AT, "/d", AT_REMOVEDIR, NEVER), 0);
	io_close(rt, dir);
	return 0;
}

static void files_are_files(void)
{
	struct job job = { .body = uses_files };
	uint32_t left;

	job_run(&job, 1);
	CHECK(job.done);
	sim_power_cut(job.s.a, SIM_LOSS_ALL);
	CHECK_EQ(sim_disk_used(job.s.a, &left), 0);
	CHECK_EQ(left, 0);
	stage_close(&job.s);
}
SIM_TEST(files_are_files)

static int appends(struct rt *rt, struct job *job)
{
	int one = put(rt, "/log", "one", O_APPEND);
	int two = put(rt, "/log", "two", O_APPEND);

	(void)job;
	CHECK_EQ(io_write(rt, one, "three", 5, NEVER), 5);
	io_close(rt, one);
	io_close(rt, two);
	one = put(rt, "/cut", "a long text", 0);
	io_close(rt, one);
	one = put(rt, "/cut", "short", O_TRUNC);
	io_close(rt, one);
	one = put(rt, "/over", "abcdef", 0);
	io_close(rt, one);
	one = put(rt, "/over", "XY", 0);
	io_close(rt, one);
	return 0;
}

static void writes_go_where_they_are_told(void)
{
	struct job job = { .body = appends };

	job_run(&job, 1);
	CHECK(strcmp(holds(&job, "/log", false), "onetwothree") == 0);
	CHECK(strcmp(holds(&job, "/cut", false), "short") == 0);
	CHECK(strcmp(holds(&job, "/over", false), "XYcdef") == 0);
	stage_close(&job.s);
}
SIM_TEST(writes_go_where_they_are_told)

static void note_name(void *arg, const char *name)
{
	struct job *job = arg;

	snprintf(job->text + strlen(job->text), 16, "%s ", name);
}

static int lists(struct rt *rt, struct job *job)
{
	int dir;

	io_close(rt, put(rt, "/one", "", 0));
	io_close(rt, put(rt, "/two", "", 0));
	dir = io_openat(rt, AT, "/", O_RDONLY | O_DIRECTORY, 0, NEVER);
	CHECK_EQ(io_list(rt, dir, note_name, job), 0);
	io_close(rt, dir);
	return 0;
}

static void a_directory_can_be_listed(void)
{
	struct job job = { .body = lists };

	job_run(&job, 1);
	CHECK(strcmp(job.text, "one two ") == 0);
	stage_close(&job.s);
}
SIM_TEST(a_directory_can_be_listed)

/* --- What a power cut leaves --- */

static int syncs_some(struct rt *rt, struct job *job)
{
	int dir = io_openat(rt, AT, "/", O_RDONLY | O_DIRECTORY, 0, NEVER);
	int fd = put(rt, "/synced", "first", O_APPEND);

	(void)job;
	CHECK_EQ(io_fsync(rt, fd, NEVER), 0);
	CHECK_EQ(io_fsync(rt, dir, NEVER), 0);
	CHECK_EQ(io_write(rt, fd, "second", 6, NEVER), 6);
	io_close(rt, fd);
	fd = put(rt, "/nameless", "its name is not synced", 0);
	CHECK_EQ(io_fsync(rt, fd, NEVER), 0);
	io_close(rt, fd);
	io_close(rt, dir);
	return 0;
}

static void only_what_is_synced_is_safe(void)
{
	struct job job = { .body = syncs_some };

	job_run(&job, 1);
	CHECK(strcmp(holds(&job, "/synced", false), "firstsecond") == 0);
	CHECK(strcmp(holds(&job, "/synced", true), "first") == 0);
	CHECK(strcmp(holds(&job, "/nameless", true), "(absent)") == 0);
	sim_power_cut(job.s.a, SIM_LOSS_ALL);
	CHECK(strcmp(holds(&job, "/synced", false), "first") == 0);
	CHECK(strcmp(holds(&job, "/nameless", false), "(absent)") == 0);
	stage_close(&job.s);
}
SIM_TEST(only_what_is_synced_is_safe)

static int syncs_nothing(struct rt *rt, struct job *job)
{
	(void)job;
	for (int i = 0; i < 6; i++) {
		char name[16], text[2000];

		snprintf(name, sizeof(name), "/%d", i);
		memset(text, 'a' + i, sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		io_close(rt, put(rt, name, text, 0));
	}
	return 0;
}

/* A bit for each file that is still there. */
static unsigned names_left(struct job *job)
{
	unsigned left = 0;

	for (int i = 0; i < 6; i++) {
		char name[16];

		snprintf(name, sizeof(name), "/%d", i);
		left |= (unsigned)(strcmp(holds(job, name, false),
					  "(absent)") != 0)
			<< i;
	}
	return left;
}

static void of_names_a_beginning_or_some_remain(void)
{
	unsigned seen[SIM_LOSS_COUNT] = { 0 };

	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct job job = { .body = syncs_nothing };
		enum sim_loss loss = (enum sim_loss)(seed % SIM_LOSS_COUNT);
		unsigned left;

		job_run(&job, seed);
		sim_power_cut(job.s.a, loss);
		left = names_left(&job);
		if (loss == SIM_LOSS_ALL)
			CHECK_EQ(left, 0);
		if (loss == SIM_LOSS_LATER)
			CHECK_EQ(left & (left + 1), 0);
		seen[loss] |= 1u << (left == 0 ? 0 : left == 63 ? 1 : 2);
		stage_close(&job.s);
	}
	CHECK_EQ(seen[SIM_LOSS_ALL], 1);
	CHECK_EQ(seen[SIM_LOSS_LATER], 7);
	CHECK(seen[SIM_LOSS_RANDOM] & 4);
}
SIM_TEST(of_names_a_beginning_or_some_remain)

static int overwrites(struct rt *rt, struct job *job)
{
	char text[3000];
	int dir = io_openat(rt, AT, "/", O_RDONLY | O_DIRECTORY, 0, NEVER);
	int fd;

	(void)job;
	memset(text, 'o', sizeof(text));
	text[2048] = '\0';
	fd = put(rt, "/f", text, 0);
	io_fsync(rt, fd, NEVER);
	io_fsync(rt, dir, NEVER);
	io_close(rt, fd);
	memset(text, 'n', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	fd = put(rt, "/f", text, 0);
	io_close(rt, fd);
	io_close(rt, dir);
	return 0;
}

static void of_bytes_some_blocks_remain(void)
{
	bool torn = false, longer = false, old = false;

	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct job job = { .body = overwrites };
		const char *text;

		job_run(&job, seed);
		sim_power_cut(job.s.a, SIM_LOSS_RANDOM);
		text = holds(&job, "/f", false);
		for (size_t i = 0; i < strlen(text); i += 512)
			CHECK(strspn(text + i, "o") >= 512 ||
			      strspn(text + i, "n") >= 439);
		torn = torn || (strchr(text, 'o') && strchr(text, 'n'));
		longer = longer || strlen(text) > 2048;
		old = old || text[0] == 'o';
		stage_close(&job.s);
	}
	CHECK(torn && longer && old);
}
SIM_TEST(of_bytes_some_blocks_remain)

/* --- An end at each operation --- */

/* The way to replace a file, with one step left out. */
struct replacing {
	bool no_sync, no_dir_sync, in_place;
};
static struct replacing replacing;

static void replace(struct rt *rt, const char *text)
{
	int dir = io_openat(rt, AT, "/", O_RDONLY | O_DIRECTORY, 0, NEVER);
	int fd = put(rt, replacing.in_place ? "/f" : "/f.tmp", text, O_TRUNC);

	if (!replacing.no_sync)
		CHECK_EQ(io_fsync(rt, fd, NEVER), 0);
	io_close(rt, fd);
	if (!replacing.in_place)
		CHECK_EQ(io_renameat(rt, dir, "f.tmp", dir, "f", NEVER), 0);
	if (!replacing.no_dir_sync)
		CHECK_EQ(io_fsync(rt, dir, NEVER), 0);
	io_close(rt, dir);
}

static int replaces(struct rt *rt, struct job *job)
{
	replace(rt, "one");
	job->result = 1;
	replace(rt, "two");
	job->result = 2;
	task_sleep(rt, deadline_in_ms(rt, 1));
	return 2;
}

/* Whether the file is what it was said to be, or what was under way. */
static bool is_right(struct job *job)
{
	static const char *const texts[] = { "(absent)", "one", "two" };
	const char *text = holds(job, "/f", false);
	int at = job->result;

	return strcmp(text, texts[at]) == 0 ||
	       (at < 2 && strcmp(text, texts[at + 1]) == 0);
}

/* Ends the job at each of its operations, by each loss: how often the file was
 * wrong. */
static int ends_everywhere(enum sim_end end)
{
	int wrong = 0;

	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct job job = { .body = replaces };
		struct sim_process *process;

		stage_open(&job.s, seed);
		process = stage_start(&job.s, job.s.a, "job", job_main, &job);
		sim_end_at_file(process, seed % 16, end,
				(enum sim_loss)(seed / 16 % SIM_LOSS_COUNT));
		stage_run(&job.s);
		if (job.done)
			sim_power_cut(job.s.a, SIM_LOSS_ALL);
		wrong += !is_right(&job);
		stage_close(&job.s);
	}
	return wrong;
}

static void the_right_way_survives_and_others_are_found_out(void)
{
	replacing = (struct replacing){ 0 };
	CHECK_EQ(ends_everywhere(SIM_END_POWER), 0);
	CHECK_EQ(ends_everywhere(SIM_END_KILL), 0);
	replacing = (struct replacing){ .no_sync = true };
	CHECK(ends_everywhere(SIM_END_POWER) > 0);
	replacing = (struct replacing){ .no_dir_sync = true };
	CHECK(ends_everywhere(SIM_END_POWER) > 0);
	replacing = (struct replacing){ .in_place = true };
	CHECK(ends_everywhere(SIM_END_KILL) > 0);
}
SIM_TEST(the_right_way_survives_and_others_are_found_out)

/* --- Faults --- */

static int meets_faults(struct rt *rt, struct job *job)
{
	struct sim_faults *faults = sim_faults(sim_world_of(rt));
	const struct sim_faults none = *faults;
	int fd = put(rt, "/f", "some text", O_APPEND);
	int in = io_openat(rt, AT, "/f", O_RDONLY, 0, NEVER);
	char buf[100];
	size_t done;

	(void)job;
	faults->disk_full = true;
	CHECK_EQ(io_write_all(rt, fd, "and more of it", 14, &done, NEVER),
		 -ENOSPC);
	CHECK(done < 14);
	CHECK_EQ(io_openat(rt, AT, "/g", O_CREAT | O_WRONLY, 0600, NEVER),
		 -ENOSPC);
	CHECK_EQ(io_mkdirat(rt, AT, "/d", 0700, NEVER), -ENOSPC);
	*faults = none;
	faults->disk_readonly = true;
	CHECK_EQ(io_openat(rt, AT, "/f", O_WRONLY, 0, NEVER), -EROFS);
	CHECK_EQ(io_unlinkat(rt, AT, "/f", 0, NEVER), -EROFS);
	*faults = none;
	faults->read_error = faults->write_error = SIM_ALWAYS;
	CHECK_EQ(io_write(rt, fd, "x", 1, NEVER), -EIO);
	CHECK_EQ(io_read(rt, in, buf, 10, NEVER), -EIO);
	*faults = none;
	faults->open_error = SIM_ALWAYS;
	CHECK_EQ(io_openat(rt, AT, "/f", O_RDONLY, 0, NEVER), -EIO);
	*faults = none;
	faults->no_descriptor = SIM_ALWAYS;
	CHECK_EQ(io_openat(rt, AT, "/f", O_RDONLY, 0, NEVER), -EMFILE);
	*faults = none;
	faults->short_file = SIM_ALWAYS;
	CHECK_EQ(io_write_all(rt, fd, "whole", 5, NULL, NEVER), 0);
	*faults = none;
	io_close(rt, fd);
	io_close(rt, in);
	return 0;
}

static void faults_are_answered_as_the_kernel_does(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct job job = { .body = meets_faults };

		job_run(&job, seed);
		CHECK(job.done);
		CHECK(strncmp(holds(&job, "/f", false), "some text", 9) == 0);
		CHECK(strstr(holds(&job, "/f", false), "whole") != NULL);
		stage_close(&job.s);
	}
}
SIM_TEST(faults_are_answered_as_the_kernel_does)

static int syncs_in_vain(struct rt *rt, struct job *job)
{
	struct sim_faults *faults = sim_faults(sim_world_of(rt));
	int dir = io_openat(rt, AT, "/", O_RDONLY | O_DIRECTORY, 0, NEVER);
	int fd = put(rt, "/f", "text", 0);

	(void)job;
	CHECK_EQ(io_fsync(rt, dir, NEVER), 0);
	faults->sync_error = SIM_ALWAYS;
	CHECK_EQ(io_fsync(rt, fd, NEVER), -EIO);
	faults->sync_error = 0;
	CHECK_EQ(io_fsync(rt, fd, NEVER), 0);
	io_close(rt, fd);
	io_close(rt, dir);
	return 0;
}

/* After a failed fsync the next may say that all is well while it is not. */
static void a_failed_sync_may_be_forgotten(void)
{
	bool lost = false, safe = false;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct job job = { .body = syncs_in_vain };

		job_run(&job, seed);
		if (strcmp(holds(&job, "/f", true), "text") == 0)
			safe = true;
		else
			lost = true;
		stage_close(&job.s);
	}
	CHECK(lost && safe);
}
SIM_TEST(a_failed_sync_may_be_forgotten)

static int is_cancelled(struct rt *rt, struct job *job)
{
	struct sim_faults *faults = sim_faults(sim_world_of(rt));
	int fd = put(rt, "/f", "", O_APPEND);

	faults->file_min = faults->file_max = 50 * SIM_MS;
	for (int i = 0; i < 20; i++) {
		int n = (int)io_write(rt, fd, "x", 1, deadline_in_ms(rt, 10));

		CHECK(n == 1 || n == -ETIMEDOUT);
		job->result += n == 1;
	}
	io_close(rt, fd);
	return job->result;
}

/* An operation that was cancelled has either not happened or says so. */
static void a_cancelled_write_is_done_or_not(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct job job = { .body = is_cancelled };

		stage_open(&job.s, seed);
		sim_faults(job.s.world)->late_cancel = SIM_ALWAYS / 2;
		stage_start(&job.s, job.s.a, "job", job_main, &job);
		stage_run(&job.s);
		CHECK_EQ(strlen(holds(&job, "/f", false)), job.result);
		CHECK(job.result > 0 && job.result < 20);
		stage_close(&job.s);
	}
}
SIM_TEST(a_cancelled_write_is_done_or_not)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_are_files),
		cmocka_unit_test(test_writes_go_where_they_are_told),
		cmocka_unit_test(test_a_directory_can_be_listed),
		cmocka_unit_test(test_only_what_is_synced_is_safe),
		cmocka_unit_test(test_of_names_a_beginning_or_some_remain),
		cmocka_unit_test(test_of_bytes_some_blocks_remain),
		cmocka_unit_test(
			test_the_right_way_survives_and_others_are_found_out),
		cmocka_unit_test(test_faults_are_answered_as_the_kernel_does),
		cmocka_unit_test(test_a_failed_sync_may_be_forgotten),
		cmocka_unit_test(test_a_cancelled_write_is_done_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
