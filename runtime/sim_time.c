// SPDX-License-Identifier: MIT
/*
 * Clocks of machines, sleep of processes, and what happens to both when a
 * machine is suspended. A machine's clocks are the world's time plus a base
 * each, so that none of them has to be advanced.
 */
#include "runtime/sim_impl.h"

int64_t sim_machine_now(const struct sim_machine *machine, enum clock_id clock)
{
	return machine->world->time + (clock == CLOCK_ID_BOOTTIME
					       ? machine->boot_base
					       : machine->mono_base);
}

int64_t sim_wall(const struct sim_machine *machine)
{
	return machine->world->time + machine->wall_base;
}

void sim_set_wall(struct sim_machine *machine, int64_t by_ns)
{
	machine->wall_base += by_ns;
	sim_trace(machine->world, machine->name, "clock set by %.3f s",
		  (double)by_ns / 1e9);
}

bool sim_frozen(const struct sim_machine *machine)
{
	return machine->thaw.place != 0;
}

static void woken(struct sim_event *event)
{
	sim_make_ready(
		(struct sim_process *)((char *)event -
				       offsetof(struct sim_process, wake)));
}

/* A time on a clock that began at `base`, on the world's: the end of time where
 * that is past it. */
static int64_t world_time(int64_t latest, int64_t base)
{
	int64_t at;

	if (latest == INT64_MAX)
		return INT64_MAX;
	if (__builtin_sub_overflow(latest, base, &at))
		return latest < 0 ? INT64_MIN : INT64_MAX;
	return at;
}

void sim_sleep(struct sim_process *process,
	       const int64_t latest[CLOCK_ID_COUNT])
{
	struct sim_world *world = process->world;
	const struct sim_machine *machine = process->machine;
	int64_t at = INT64_MAX;

	for (int i = 0; i < CLOCK_ID_COUNT; i++) {
		int64_t base = i == CLOCK_ID_BOOTTIME ? machine->boot_base
						      : machine->mono_base;

		int64_t on_world = world_time(latest[i], base);

		if (on_world < at)
			at = on_world;
	}
	process->state = SIM_ASLEEP;
	if (process->done_first || at <= world->time)
		sim_make_ready(process);
	else if (at < INT64_MAX - world->faults.late_max)
		sim_at(world, &process->wake,
		       at + sim_between(world, 0, world->faults.late_max),
		       woken);
}

/* Whoever sleeps looks at the clock: it may have been due for long. */
static void thawed(struct sim_event *event)
{
	struct sim_machine *machine =
		(struct sim_machine *)((char *)event -
				       offsetof(struct sim_machine, thaw));
	struct sim_world *world = machine->world;

	sim_trace(world, machine->name, "awake");
	for (struct sim_process *p = world->processes; p; p = p->next)
		if (p->machine == machine)
			sim_make_ready(p);
}

void sim_suspend(struct sim_machine *machine, int64_t ns)
{
	struct sim_world *world = machine->world;
	int64_t from = sim_frozen(machine) ? machine->thaw.at : world->time;

	sim_trace(world, machine->name, "suspended for %.3f s",
		  (double)ns / 1e9);
	machine->mono_base -= ns;
	sim_at(world, &machine->thaw, from + ns, thawed);
	for (struct sim_process *p = world->processes; p; p = p->next)
		if (p->machine == machine)
			sim_make_unready(p);
}
