// SPDX-License-Identifier: MIT
/*
 * The agenda under whatever is asked of it, against what was asked last of each
 * item: it runs then, once, neither early nor late, and not at all when it was
 * dropped.
 */
#include "tests/sim/agenda_fixture.h"

#define SEEDS SIM_SEEDS(60)
#define STEPS 1500
#define NONE INT64_MAX

/* An item, and what was asked of it. */
struct asked {
	struct agenda_item item; /* first */
	struct crowd *crowd;
	int64_t due, latest; /* NONE: nothing, or it has been done */
	bool running;
	bool again;  /* it was asked for while it ran */
	bool begins; /* its task was made when it was last asked for */
	int runs;
};

struct crowd {
	struct hall *h;
	struct sim_random lot;
	struct asked *items;
	uint32_t count;
	uint32_t stay_ms; /* runs take up to so long; 0: no time */
	bool may_be_late; /* there is not always room for AGENDA_LATER */
	bool rearming;	  /* some ask for themselves */
	uint64_t runs, at_once;
};

static uint32_t lot(struct crowd *c, uint32_t below)
{
	return sim_random_below(&c->lot, below);
}

static int64_t now_of(struct crowd *c)
{
	return clock_now(c->h->rt, CLOCK_ID_BOOTTIME);
}

/* When its task has been made and has not come to run it, it runs, whatever is
 * asked now. */
static void changed(struct asked *a)
{
	a->again = false;
	a->begins = a->item.running && !a->running;
}

/* Any time: past, now, soon, or not in this test. */
static void ask(struct asked *a)
{
	struct crowd *c = a->crowd;
	uint32_t slack_ms = lot(c, 3) ? 0 : lot(c, 20);
	int64_t due = now_of(c) + lot(c, 40) * CLOCK_NS_PER_MS;

	switch (lot(c, 8)) {
	case 0:
		due = now_of(c);
		break;
	case 1:
		due = 1 + lot(c, 3);
		break;
	case 2:
		due += 3600 * CLOCK_NS_PER_S;
		break;
	default:
		break;
	}
	CHECK_EQ(agenda_at(c->h->agenda, &a->item, due, slack_ms), 0);
	a->due = due;
	a->latest = due + slack_ms * CLOCK_NS_PER_MS;
	if (a->latest < now_of(c))
		a->latest = now_of(c);
	changed(a);
	a->again = a->item.running;
}

static void check_time(const struct asked *a)
{
	int64_t now = now_of(a->crowd);

	CHECK(a->due != NONE);
	CHECK(now >= a->due);
	if (!a->again &&
	    !(a->crowd->may_be_late && a->item.class == AGENDA_LATER))
		CHECK(now - a->latest < CLOCK_NS_PER_MS);
}

static void run_asked(struct agenda_item *item)
{
	struct asked *a = (struct asked *)item;
	struct crowd *c = a->crowd;

	CHECK(!a->running);
	if (!a->begins) {
		check_time(a);
		a->due = NONE;
		a->again = false;
	}
	a->begins = false;
	a->running = true;
	a->runs++;
	c->runs++;
	c->at_once++;
	CHECK(c->at_once <= AGENDA_RUNNING_MAX);
	CHECK_EQ(agenda_due(item), a->due);
	if (c->stay_ms && lot(c, 4))
		(void)task_sleep(c->h->rt,
				 deadline_in_ms(c->h->rt, lot(c, c->stay_ms)));
	c->at_once--;
	/* As its last act, mostly. */
	if (c->rearming && lot(c, 3) == 0)
		ask(a);
	a->running = false;
}

static void crowd_open(struct crowd *c, struct hall *h, uint32_t count)
{
	*c = (struct crowd){ .h = h, .count = count, .rearming = true };
	c->lot.state = h->seed;
	c->items = calloc(count, sizeof(*c->items));
	for (uint32_t i = 0; i < count; i++)
		c->items[i] = (struct asked){
			.item = { .run = run_asked,
				  .name = "asked",
				  .class = i % 10 ? AGENDA_LATER
						  : AGENDA_FIRST },
			.crowd = c,
			.due = NONE,
		};
}

static void step(struct crowd *c)
{
	struct asked *a = &c->items[lot(c, c->count)];
	bool begins;

	switch (lot(c, 10)) {
	case 0:
		hall_wait(c->h, lot(c, 6));
		break;
	case 1:
		task_yield(c->h->rt);
		break;
	case 2:
	case 3:
		agenda_drop(&a->item);
		a->due = NONE;
		changed(a);
		break;
	default:
		ask(a);
	}
	a = &c->items[lot(c, c->count)];
	begins = a->item.running && !a->running && !a->begins;
	CHECK_EQ(agenda_due(&a->item), begins ? NONE : a->due);
}

/* All that is due before long has run; the rest stands where it was. */
static void settle(struct crowd *c)
{
	c->rearming = false;
	hall_wait(c->h, 10000);
	for (uint32_t i = 0; i < c->count; i++) {
		const struct asked *a = &c->items[i];

		CHECK(!a->running);
		CHECK_EQ(agenda_due(&a->item), a->due);
		CHECK(a->due == NONE ||
		      a->due > now_of(c) + 1000 * CLOCK_NS_PER_S);
	}
	hall_wait(c->h, 2 * 3600 * 1000);
	for (uint32_t i = 0; i < c->count; i++) {
		CHECK_EQ(c->items[i].due, NONE);
		CHECK_EQ(agenda_due(&c->items[i].item), NONE);
	}
	CHECK(c->runs > 0);
}

static void with_room(struct hall *h)
{
	struct crowd c;

	crowd_open(&c, h, 3 + (uint32_t)h->seed % 40);
	for (int i = 0; i < STEPS && check_failures == 0; i++)
		step(&c);
	settle(&c);
	free(c.items);
}

static void that_take_time(struct hall *h)
{
	struct crowd c;

	crowd_open(&c, h, 3 + (uint32_t)h->seed % 40);
	c.stay_ms = 10;
	for (int i = 0; i < STEPS && check_failures == 0; i++)
		step(&c);
	settle(&c);
	free(c.items);
}

/* More than may run, and slow. */
static void too_many(struct hall *h)
{
	struct crowd c;

	crowd_open(&c, h, 300);
	c.stay_ms = 500;
	c.may_be_late = true;
	for (int i = 0; i < 2 * STEPS && check_failures == 0; i++)
		step(&c);
	settle(&c);
	free(c.items);
}

/* Freed in the middle of it. */
static void given_up(struct hall *h)
{
	struct crowd c;

	crowd_open(&c, h, 300);
	c.stay_ms = 500;
	c.may_be_late = true;
	for (int i = 0; i < STEPS && check_failures == 0; i++)
		step(&c);
	c.rearming = false;
	agenda_free(h->agenda);
	h->agenda = NULL;
	for (uint32_t i = 0; i < c.count; i++) {
		CHECK_EQ(c.items[i].item.place, 0);
		CHECK(!c.items[i].item.ready);
	}
	free(c.items);
}

static void in_worlds(void (*body)(struct hall *h))
{
	check_failures = 0;
	for (int seed = 1; seed <= SEEDS && check_failures == 0; seed++)
		hall_in_world(body, (uint64_t)seed);
	assert_int_equal(check_failures, 0);
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_worlds(name);                                               \
	}

TEST(with_room)
TEST(that_take_time)
TEST(too_many)
TEST(given_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_with_room),
		cmocka_unit_test(test_that_take_time),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
