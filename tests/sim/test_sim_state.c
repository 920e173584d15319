// SPDX-License-Identifier: MIT
/* Files of state on a simulated disk: what is there after a power cut. */
#include "tests/sim/sim_fixture.h"

#include <fcntl.h>

#include "app/journal.h"
#include "app/log.h"
#include "app/state_dir.h"
#include "proto/activity.h"

#define DIR "/home/agent/.molecule"
#define ID "11111111-1111-4111-8111-111111111111"
#define FILE_NAME JOURNAL_NAME ID

struct keeper {
	struct log log;
	struct state_dir state;
	struct journal *journal;
	int messages;
};

static void on_message(void *arg, const struct activity_message *message)
{
	struct keeper *keeper = arg;

	(void)message;
	keeper->messages++;
}

static void keeper_open(struct keeper *keeper, struct rt *rt)
{
	*keeper = (struct keeper){ 0 };
	log_init(&keeper->log, 2, LOG_ERROR);
	state_dir_init(&keeper->state, rt, &keeper->log, DIR, NULL);
	keeper->journal =
		journal_new(&(struct journal_options){ .rt = rt,
						       .log = &keeper->log,
						       .state = &keeper->state,
						       .workspace_id = ID,
						       .arg = keeper });
	CHECK_EQ(journal_open(keeper->journal, on_message, keeper), 0);
}

static void keeper_close(struct keeper *keeper, struct rt *rt)
{
	journal_free(keeper->journal, deadline_in_ms(rt, 1000));
	state_dir_stop(&keeper->state, deadline_in_ms(rt, 1000));
}

static void put(struct keeper *keeper, const char *id)
{
	CHECK_EQ(journal_put(keeper->journal,
			     &(struct activity_message){ .activity_id = id,
							 .text = "text" }),
		 0);
}

static int writes_a_file(struct rt *rt, void *arg)
{
	struct keeper keeper;

	(void)arg;
	keeper_open(&keeper, rt);
	CHECK_EQ(state_dir_write(&keeper.state, "name", "data", 4), 0);
	keeper_close(&keeper, rt);
	return 0;
}

/* With the directories above it, which were made for it. */
static void a_file_that_was_written_is_there(void)
{
	const char *data;
	struct stage s;

	stage_open(&s, 1);
	stage_start(&s, s.a, "keeper", writes_a_file, NULL);
	stage_run(&s);
	sim_power_cut(s.a, SIM_LOSS_ALL);
	CHECK_EQ(sim_disk_get(s.a, DIR "/name", false, &data), 4);
	stage_close(&s);
}
SIM_TEST(a_file_that_was_written_is_there)

static int leaves_unsynced(struct rt *rt, void *arg)
{
	struct keeper keeper;

	(void)arg;
	keeper_open(&keeper, rt);
	put(&keeper, "first");
	CHECK_EQ(journal_sync(keeper.journal, DEADLINE_NEVER), 0);
	put(&keeper, "second");
	CHECK_EQ(journal_write(keeper.journal, DEADLINE_NEVER), 0);
	keeper_close(&keeper, rt);
	return 0;
}

static int syncs_what_it_finds(struct rt *rt, void *arg)
{
	struct keeper keeper;

	(void)arg;
	keeper_open(&keeper, rt);
	CHECK_EQ(keeper.messages, 2);
	CHECK_EQ(journal_sync(keeper.journal, DEADLINE_NEVER), 0);
	keeper_close(&keeper, rt);
	return 0;
}

static void what_another_process_wrote_is_synced(void)
{
	const char *data;
	int64_t size;
	struct stage s;

	stage_open(&s, 1);
	stage_start(&s, s.a, "one", leaves_unsynced, NULL);
	stage_run(&s);
	size = sim_disk_get(s.a, DIR "/" FILE_NAME, true, &data);
	CHECK(size > 0 && !memmem(data, (size_t)size, "second", 6));
	stage_start(&s, s.a, "other", syncs_what_it_finds, NULL);
	stage_run(&s);
	size = sim_disk_get(s.a, DIR "/" FILE_NAME, true, &data);
	CHECK(size > 0 && memmem(data, (size_t)size, "second", 6));
	stage_close(&s);
}
SIM_TEST(what_another_process_wrote_is_synced)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_that_was_written_is_there),
		cmocka_unit_test(test_what_another_process_wrote_is_synced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
