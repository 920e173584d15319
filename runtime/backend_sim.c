// SPDX-License-Identifier: MIT
/*
 * The seam of a simulated world: one backend for each process, which hands
 * operations to the world and, where it would sleep, goes back to the world's
 * own context, so that others can run.
 */
#include <stddef.h>

#include "runtime/sched.h"
#include "runtime/sim_impl.h"

/* A look at what has come, in the midst of work, takes time, too. */
#define FLUSH_NS 300
/* Tasks that run at most before a shuffled order is drawn again, tasks that are
 * shuffled at once, and piles in which that is done. */
#define SHUFFLED_RUN 8u
#define SHUFFLED_MOST 64u
#define SHUFFLED_PILES 8u

static struct sim_process *process_of(struct backend *backend)
{
	return (struct sim_process *)backend;
}

static void sim_submit(struct backend *backend, struct op *op)
{
	struct sim_process *process = process_of(backend);

	backend->counters->ops++;
	sim_own(process->world, 0);
	sim_op_submit(process, op);
	sim_own(process->world, process->owner);
}

static void sim_cancel(struct backend *backend, struct op *op)
{
	struct sim_process *process = process_of(backend);

	if (op->state != OP_INFLIGHT)
		return;
	op->state = OP_CANCELLING;
	backend->counters->cancels++;
	sim_own(process->world, 0);
	sim_op_cancel(process, op);
	sim_own(process->world, process->owner);
}

/* Deals those that are ready out into piles, and puts these together. */
static void shuffle(struct sim_process *process)
{
	struct rt *rt = process->rt;
	struct sim_random *lot = &process->world->lot;
	struct task *rest = rt->ready_first, *first[SHUFFLED_PILES] = { 0 };
	struct task **last[SHUFFLED_PILES], **end = &rt->ready_first;

	rt->spell = SCHED_BUDGET;
	if (!sim_luck(process->world, process->world->faults.shuffled))
		return;
	rt->budget = rt->spell = 1 + sim_random_below(lot, SHUFFLED_RUN);
	for (uint32_t i = 0; i < SHUFFLED_PILES; i++)
		last[i] = &first[i];
	for (uint32_t n = 0; n < SHUFFLED_MOST && rest; n++) {
		uint32_t pile = sim_random_below(lot, SHUFFLED_PILES);

		*last[pile] = rest;
		last[pile] = &rest->next;
		rest = rest->next;
	}
	for (uint32_t i = 0; i < SHUFFLED_PILES; i++) {
		if (last[i] == &first[i])
			continue;
		*end = first[i];
		end = last[i];
	}
	*end = rest;
	if (!rest && rt->ready_first)
		rt->ready_last = (struct task *)((char *)end -
						 offsetof(struct task, next));
}

static void sim_wait(struct backend *backend,
		     const int64_t latest[CLOCK_ID_COUNT])
{
	struct sim_process *process = process_of(backend);

	backend->counters->enters++;
	backend->counters->waits++;
	sim_own(process->world, 0);
	sim_sleep(process, latest);
	sched_pause(process->rt); /* whoever goes on here is the owner again */
	sim_op_deliver(process);
	shuffle(process);
}

static void sim_flush(struct backend *backend)
{
	struct sim_process *process = process_of(backend);

	backend->counters->enters++;
	process->world->time += FLUSH_NS;
	if (sim_spins(process->world))
		sched_pause(process->rt); /* for good */
	sim_op_deliver(process);
	shuffle(process);
}

static int64_t sim_now(struct backend *backend, enum clock_id clock)
{
	return sim_machine_now(process_of(backend)->machine, clock);
}

static int64_t sim_wall_now(struct backend *backend)
{
	return sim_wall(process_of(backend)->machine);
}

static int sim_immediate(struct backend *backend, struct sys_call *call)
{
	struct sim_process *process = process_of(backend);
	int res;

	sim_own(process->world, 0);
	res = sim_sys(process, call);
	sim_own(process->world, process->owner);
	return res;
}

static void sim_fill(struct backend *backend, void *buf, size_t len)
{
	struct sim_random *random = &process_of(backend)->random;
	unsigned char *out = buf;
	uint64_t bits = 0;

	for (size_t i = 0; i < len; i++) {
		if (i % sizeof(bits) == 0)
			bits = sim_random_next(random);
		out[i] = (unsigned char)bits;
		bits >>= 8;
	}
}

static uint32_t sim_under_way(const struct backend *backend)
{
	return ((const struct sim_process *)backend)->inflight;
}

/* The world frees it with the process. */
static void sim_free(struct backend *backend)
{
	(void)backend;
}

static const struct backend_ops sim_ops = {
	.name = "simulation",
	.submit = sim_submit,
	.cancel = sim_cancel,
	.wait = sim_wait,
	.flush = sim_flush,
	.now = sim_now,
	.wall = sim_wall_now,
	.sys = sim_immediate,
	.random = sim_fill,
	.inflight = sim_under_way,
	.free = sim_free,
};

int backend_sim_new(struct backend **out, struct rt *rt, void *arg)
{
	struct sim_process *process = arg;

	process->backend.ops = &sim_ops;
	process->backend.counters = &rt->counters;
	if (process->world->faults.shuffled)
		rt->spell = 1;
	*out = &process->backend;
	return 0;
}

struct sim_process *sim_process_of(struct rt *rt)
{
	return process_of(rt->backend);
}
