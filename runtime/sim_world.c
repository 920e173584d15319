// SPDX-License-Identifier: MIT
#include "runtime/sim_world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt.h"
#include "runtime/sim_impl.h"
#include "runtime/sim_watch.h"

/* What a step of a process takes: so that a loop that waits for the clock
 * without sleeping sees it go on. */
#define STEP_NS 700
/* Steps without an event that advances time: something spins. */
#define STEPS_MAX 200000u

const struct sim_faults sim_faults_none = {
	.latency_min = 100 * SIM_US,
	.latency_max = 2 * SIM_MS,
	.file_min = 5 * SIM_US,
	.file_max = 200 * SIM_US,
};

void *sim_realloc(void *data, size_t size)
{
	void *more = realloc(data, size);

	if (!more) {
		fputs("sim: out of memory\n", stderr);
		abort();
	}
	return more;
}

void *sim_alloc(size_t size)
{
	return memset(sim_realloc(NULL, size), 0, size);
}

unsigned sim_own(struct sim_world *world, unsigned owner)
{
	unsigned before = world->owner;

	world->owner = owner;
	if (world->options.own && owner != before)
		world->options.own(owner);
	return before;
}

struct sim_world *sim_world_new(uint64_t seed,
				const struct sim_options *options)
{
	struct sim_world *world = sim_alloc(sizeof(*world));

	world->lot.state = seed;
	world->options = *options;
	world->faults = sim_faults_none;
	world->next_port = 32768;
	return world;
}

void sim_world_free(struct sim_world *world)
{
	struct sim_machine *machine;
	struct sim_process *next;

	for (struct sim_process *p = world->processes; p; p = next) {
		next = p->next;
		p->program.ended = NULL;
		sim_kill(p);
	}
	while ((machine = world->machines) != NULL) {
		world->machines = machine->next;
		sim_at_cancel(world, &machine->thaw);
		sim_disk_free(machine->disk);
		free(machine);
	}
	sim_ops_free(world);
	sim_events_free(&world->events);
	free(world->ready);
	free(world);
}

struct sim_faults *sim_faults(struct sim_world *world)
{
	return &world->faults;
}

void *sim_user(struct sim_world *world)
{
	return world->options.user;
}

struct sim_random *sim_lot(struct sim_world *world)
{
	return &world->lot;
}

int64_t sim_time(const struct sim_world *world)
{
	return world->time;
}

void sim_at_cancel(struct sim_world *world, struct sim_event *event)
{
	sim_events_remove(&world->events, event);
}

void sim_at(struct sim_world *world, struct sim_event *event, int64_t at,
	    void (*fire)(struct sim_event *event))
{
	unsigned owner = sim_own(world, 0);

	sim_at_cancel(world, event);
	event->at = at;
	event->order = sim_random_next(&world->lot);
	event->fire = fire;
	sim_events_add(&world->events, event);
	sim_own(world, owner);
}

/* --- What was found, and what happened --- */

void sim_stop(struct sim_world *world)
{
	world->stop = true;
}

void sim_fail(struct sim_world *world, const char *format, ...)
{
	va_list args;
	int len;

	sim_stop(world);
	if (*world->failure)
		return;
	len = snprintf(world->failure, sizeof(world->failure),
		       "at %.6f s: ", (double)world->time / 1e9);
	va_start(args, format);
	vsnprintf(world->failure + len, sizeof(world->failure) - (size_t)len,
		  format, args);
	va_end(args);
	sim_trace(world, "world", "FAILED: %s", world->failure);
}

const char *sim_failure(const struct sim_world *world)
{
	return world->failure;
}

void sim_trace(struct sim_world *world, const char *who, const char *format,
	       ...)
{
	FILE *out = world->options.trace;
	va_list args;

	if (!out)
		return;
	fprintf(out, "%14.6f %-10s ", (double)world->time / 1e9, who);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fputc('\n', out);
}

void sim_mix(struct sim_world *world, uint64_t value)
{
	world->digest = (world->digest ^ value) * UINT64_C(0x100000001b3) +
			(uint64_t)world->time;
}

uint64_t sim_digest(const struct sim_world *world)
{
	return world->digest;
}

/* --- Machines --- */

struct sim_machine *sim_machine_new(struct sim_world *world, const char *name,
				    int64_t wall_ns)
{
	struct sim_machine *machine = sim_alloc(sizeof(*machine));
	int64_t day = 86400 * SIM_S;

	machine->world = world;
	machine->name = name;
	machine->number = ++world->machine_count;
	snprintf(machine->address, sizeof(machine->address), "10.0.0.%u",
		 machine->number);
	/* It has been up for a while, and slept for some of it. */
	machine->mono_base = sim_between(world, SIM_S, day) - world->time;
	machine->boot_base =
		machine->mono_base + sim_between(world, 0, 10 * day);
	machine->wall_base = wall_ns - world->time;
	machine->disk = sim_disk_new(world);
	machine->next = world->machines;
	world->machines = machine;
	return machine;
}

const char *sim_machine_address(const struct sim_machine *machine)
{
	return machine->address;
}

void sim_power_cut(struct sim_machine *machine, enum sim_loss loss)
{
	struct sim_process *next;

	sim_trace(machine->world, machine->name, "power cut");
	sim_net_power_cut(machine);
	for (struct sim_process *p = machine->world->processes; p; p = next) {
		next = p->next;
		if (p->machine == machine)
			sim_kill(p);
	}
	sim_disk_cut(machine->disk, loss);
}

/* --- Processes --- */

void sim_make_ready(struct sim_process *process)
{
	struct sim_world *world = process->world;

	if (process->state != SIM_ASLEEP || sim_frozen(process->machine))
		return;
	if (world->ready_count == world->ready_cap) {
		world->ready_cap = world->ready_cap ? world->ready_cap * 2 : 8;
		world->ready = sim_realloc(
			world->ready,
			world->ready_cap * sizeof(struct sim_process *));
	}
	sim_at_cancel(world, &process->wake);
	process->state = SIM_READY;
	process->ready_place = world->ready_count;
	world->ready[world->ready_count++] = process;
}

void sim_make_unready(struct sim_process *process)
{
	struct sim_world *world = process->world;
	struct sim_process *last;

	if (process->state != SIM_READY)
		return;
	last = world->ready[--world->ready_count];
	world->ready[process->ready_place] = last;
	last->ready_place = process->ready_place;
	process->state = SIM_ASLEEP;
}

static void forget(struct sim_process *process)
{
	struct sim_world *world = process->world;

	sim_make_unready(process);
	sim_at_cancel(world, &process->wake);
	if (process->prev)
		process->prev->next = process->next;
	else
		world->processes = process->next;
	if (process->next)
		process->next->prev = process->prev;
}

/* The process is over: all that the kernel has of it goes. */
static void finish(struct sim_process *process, int result, bool killed)
{
	struct sim_world *world = process->world;

	sim_trace(world, process->program.name, "%s, result %d",
		  killed ? "killed" : "ended", result);
	sim_ops_drop(process);
	sim_files_close(process);
	forget(process);
	sim_watch_ended(world, process->owner);
	/* What it has allocated of it is its own. */
	sim_own(world, process->owner);
	rt_free(process->rt);
	sim_own(world, 0);
	if (process->program.ended)
		process->program.ended(process, process->program.arg, result,
				       killed);
	free(process);
}

void sim_kill(struct sim_process *process)
{
	finish(process, -1, true);
}

static void run_step(struct sim_process *process)
{
	struct sim_world *world = process->world;
	int result;
	bool ended;

	sim_make_unready(process);
	process->state = SIM_RUNNING;
	world->time += STEP_NS;
	sim_own(world, process->owner);
	ended = rt_step(process->rt, &result);
	sim_own(world, 0);
	if (!ended)
		return;
	if (process->inflight > 0)
		sim_fail(world, "%s ended with %u operations under way",
			 process->program.name, process->inflight);
	finish(process, result, false);
}

struct sim_process *sim_process_start(struct sim_machine *machine,
				      const struct sim_program *program)
{
	struct sim_world *world = machine->world;
	struct sim_process *process = sim_alloc(sizeof(*process));
	struct rt_options options = { .max_tasks = program->max_tasks,
				      .make_backend = backend_sim_new,
				      .make_arg = process };
	int err;

	process->world = world;
	process->machine = machine;
	process->program = *program;
	process->owner = ++world->last_owner;
	process->random.state = sim_random_next(&world->lot);
	process->state = SIM_ASLEEP;
	process->next = world->processes;
	if (process->next)
		process->next->prev = process;
	world->processes = process;
	sim_trace(world, program->name, "begins, number %u", process->owner);
	sim_own(world, process->owner);
	err = rt_new(&process->rt, &options);
	if (err == 0)
		err = rt_start(process->rt, "main", program->main,
			       program->arg);
	sim_own(world, 0);
	if (err < 0) {
		fprintf(stderr, "sim: no runtime: %s\n", strerror(-err));
		abort();
	}
	sim_make_ready(process);
	return process;
}

unsigned sim_process_owner(const struct sim_process *process)
{
	return process->owner;
}

struct sim_machine *sim_machine_of(const struct sim_process *process)
{
	return process->machine;
}

struct sim_world *sim_world_of_process(const struct sim_process *process)
{
	return process->world;
}

struct sim_world *sim_world_of(struct rt *rt)
{
	return sim_process_of(rt)->world;
}

uint32_t sim_inflight(const struct sim_process *process)
{
	return process->inflight;
}

void sim_end_at_file(struct sim_process *process, uint64_t count,
		     enum sim_end end, enum sim_loss loss)
{
	process->end_at = count > 0 ? process->file_count + count : 0;
	process->end = end;
	process->loss = loss;
}

uint64_t sim_file_count(const struct sim_process *process)
{
	return process->file_count;
}

/* --- The run --- */

/* Whoever met its end in the middle of something: now nothing is under way. */
static void take_doomed(struct sim_world *world)
{
	struct sim_process *process = world->doomed;

	if (!process)
		return;
	world->doomed = NULL;
	if (process->end == SIM_END_POWER)
		sim_power_cut(process->machine, process->loss);
	else
		sim_kill(process);
}

static void fire(struct sim_world *world, struct sim_event *event)
{
	if (event->at > world->time) {
		world->time = event->at;
		world->still_steps = 0;
	}
	sim_at_cancel(world, event);
	event->fire(event);
	take_doomed(world);
}

bool sim_spins(struct sim_world *world)
{
	if (++world->still_steps >= STEPS_MAX)
		sim_fail(world,
			 "something spins: %u steps while nothing happens",
			 STEPS_MAX);
	return *world->failure != '\0';
}

void sim_run(struct sim_world *world)
{
	world->stop = false;
	while (!world->stop && !sim_spins(world)) {
		struct sim_event *event;
		uint32_t count;

		sim_settle(world);
		event = sim_events_first(&world->events);
		count = world->ready_count;
		if (event && count > 0 && event->at <= world->time &&
		    (sim_random_next(&world->lot) & 1))
			fire(world, event);
		else if (count > 0)
			run_step(world->ready[sim_random_below(&world->lot,
							       count)]);
		else if (event)
			fire(world, event);
		else
			break;
	}
}
