// SPDX-License-Identifier: MIT
/*
 * sim_world - a world in which programs of this runtime run as they would over
 * the kernel, but in virtual time, on a simulated network and simulated disks,
 * and with everything that is left to chance decided by one seed.
 *
 *	struct sim_world *world = sim_world_new(seed, &options);
 *	struct sim_machine *laptop = sim_machine_new(world, "laptop");
 *	sim_process_start(laptop, &(struct sim_program){
 *		.name = "client", .main = client_main, .ended = client_ended });
 *	sim_run(world);
 *	if (*sim_fault_found(world)) ...
 *	sim_world_free(world);
 *
 * A world has machines; each has clocks, a disk and addresses of its own. On
 * them run processes; each is a struct rt with descriptors of its own. All of
 * it is one thread: a process runs until every task of it waits, then the world
 * goes on with another that is ready or, when there is none, with the next
 * event, to whose time the clocks jump. So a day costs what happens in it.
 *
 * The same program with the same seed does the same, to the byte. What is
 * drawn by lot: the order of what happens at one time, how long everything
 * takes, how much of a read or write is done, numbers that programs ask for
 * (io_random), and which of the faults in struct sim_faults happen.
 *
 * A process can be killed, and a machine can lose its power, between any two
 * things that happen. What was written but not synced, names in directories as
 * well as bytes, is lost with the power, or some of it. Memory of a killed
 * process is the business of whoever started it: `own` tells to whom what is
 * allocated belongs.
 *
 * Functions here are for the world's owner. None parks. Those that change who
 * and what there is are called between runs and from events only; what tasks of
 * processes may call, too, says so. The world ends the program when it is out
 * of memory.
 */
#ifndef RUNTIME_SIM_WORLD_H
#define RUNTIME_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/sim_event.h"
#include "runtime/sim_random.h"

struct rt;
struct sim_machine;
struct sim_process;
struct sim_world;

#define SIM_US INT64_C(1000)
#define SIM_MS INT64_C(1000000)
#define SIM_S INT64_C(1000000000)

/* All zero is a world of one thread in a fixed order. */
struct sim_options {
	/* A line for everything that happens goes there; NULL: nowhere. */
	FILE *trace;
	/* Called when memory allocated from now on belongs to another: the
	 * number of a process, or 0 for the world and its owner. */
	void (*own)(unsigned owner);
	/* Called when a process has given a file another name. */
	void (*renamed)(struct sim_process *process, const char *to);
	void *user; /* sim_user */
};

/* What may go wrong, and how long things take. Chances are in parts per
 * million of occasions (SIM_ALWAYS). To be changed at any time. */
struct sim_faults {
	int64_t latency_min, latency_max; /* of what is sent, one way */
	int64_t late_max;	    /* sleepers are woken up to so much late */
	int64_t file_min, file_max; /* what an operation on files takes */
	int64_t stall_max;	    /* how long a stalled connection stands */

	/* Any operation. */
	uint32_t slow;		/* begun, or reported, up to SIM_SLOW late */
	uint32_t interrupted;	/* -EINTR, with nothing done */
	uint32_t late_cancel;	/* a cancellation takes effect too late */
	uint32_t short_io;	/* pipes and sockets: less than asked for */
	uint32_t no_descriptor; /* -EMFILE */

	/* Of the looks that a process takes at what has come: its tasks that
	 * are ready go on in any order, and after few of them it looks again.
	 * Without, they go on in the order in which they became ready. */
	uint32_t shuffled;

	/* Of attempts to connect. */
	uint32_t refused, unreachable, lost;
	/* Of pieces sent. */
	uint32_t reset; /* the connection is reset, for one end or both */
	uint32_t stall; /* it stands still for a while, or for ever */
	uint32_t cut;	/* it is ended in the middle, as if all were well */
	bool net_down;	/* nothing passes */

	/* Of operations on files. */
	uint32_t read_error, write_error, sync_error, open_error; /* -EIO */
	uint32_t short_file; /* reads and writes do less than asked for */
	bool disk_full, disk_readonly;
};

#define SIM_SLOW (500 * SIM_US)

/* A world without faults, and with short delays. */
extern const struct sim_faults sim_faults_none;

struct sim_world *sim_world_new(uint64_t seed,
				const struct sim_options *options);
/* Kills what still runs, of which nobody is told, and releases everything. Not
 * from events. */
void sim_world_free(struct sim_world *world);

/* The following are for tasks, too. */
struct sim_faults *sim_faults(struct sim_world *world);
void *sim_user(struct sim_world *world);
struct sim_random *sim_lot(struct sim_world *world);

/* Runs until sim_stop, or until nothing will ever happen again. Not from
 * events.
 */
void sim_run(struct sim_world *world);
void sim_stop(struct sim_world *world); /* for tasks, too */

/* --- Time; for tasks, too --- */

/* Nanoseconds since the world began. No machine has this clock. */
int64_t sim_time(const struct sim_world *world);

/* Arranges for `fire` to be called at that time; an event that was armed is
 * moved. */
void sim_at(struct sim_world *world, struct sim_event *event, int64_t at,
	    void (*fire)(struct sim_event *event));
void sim_at_cancel(struct sim_world *world, struct sim_event *event);

/* --- What was found, and what happened; for tasks, too --- */

/* Something is not as it must be: the world stops. The first one counts. */
void sim_fail(struct sim_world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* What it was, with its time; "" when all is well. */
const char *sim_failure(const struct sim_world *world);

/* A line of the trace. `who` is a name. */
void sim_trace(struct sim_world *world, const char *who, const char *format,
	       ...) __attribute__((format(printf, 3, 4)));

/* Adds up everything that has happened: two runs that did the same have the
 * same. */
uint64_t sim_digest(const struct sim_world *world);

/* --- Machines --- */

/* How much of what was not synced is lost when a machine loses its power. */
enum sim_loss {
	SIM_LOSS_ALL,	 /* all of it */
	SIM_LOSS_LATER,	 /* of names, all that was done after some moment */
	SIM_LOSS_RANDOM, /* whatever; bytes by blocks */
	SIM_LOSS_COUNT
};

/* `name` is borrowed for the world's life. The clocks begin at values of their
 * own; the wall clock at `wall_ns` since 1970. */
struct sim_machine *sim_machine_new(struct sim_world *world, const char *name,
				    int64_t wall_ns);
const char *sim_machine_address(const struct sim_machine *machine);
/* Nothing runs on it for so long, and MONOTONIC stands still. */
void sim_suspend(struct sim_machine *machine, int64_t ns);
/* Sets its wall clock, forward or back; for tasks, too. */
void sim_set_wall(struct sim_machine *machine, int64_t by_ns);
int64_t sim_wall(const struct sim_machine *machine);
/* The power fails: its processes are killed, connections are left hanging, and
 * the disk is what it was synced to be. It is back at once. */
void sim_power_cut(struct sim_machine *machine, enum sim_loss loss);

/* Makes a directory with its parents, or a file with what is in it, on the
 * machine's disk, synced. */
void sim_disk_mkdir(struct sim_machine *machine, const char *path);
void sim_disk_put(struct sim_machine *machine, const char *path,
		  const void *data, size_t len);
/* What a file holds, or (`synced`) would hold if the power failed now and all
 * that is not synced were lost: its size, or -ENOENT. *data is borrowed until
 * the next thing happens. */
int64_t sim_disk_get(const struct sim_machine *machine, const char *path,
		     bool synced, const char **data);
/* Bytes in files, and how many there are, orphans included. */
size_t sim_disk_used(const struct sim_machine *machine, uint32_t *files);

/* --- Processes --- */

struct sim_program {
	const char *name; /* borrowed */
	int (*main)(struct rt *rt, void *arg);
	void *arg;
	/* Called when it has ended, or was killed; its runtime and descriptors
	 * are gone, the process itself goes when this returns. */
	void (*ended)(struct sim_process *process, void *arg, int result,
		      bool killed);
	uint32_t max_tasks; /* 0: the runtime's default */
};

/* A process that begins to run now. */
struct sim_process *sim_process_start(struct sim_machine *machine,
				      const struct sim_program *program);
/* Its number, which no other process of the world gets: its pid too. */
unsigned sim_process_owner(const struct sim_process *process);
struct sim_process *sim_process_of(struct rt *rt);
struct sim_world *sim_world_of(struct rt *rt);
struct sim_machine *sim_machine_of(const struct sim_process *process);
struct sim_world *sim_world_of_process(const struct sim_process *process);

/* Ends it here and now, as SIGKILL does. */
void sim_kill(struct sim_process *process);

/* What comes of a process in the middle of an operation on files. */
enum sim_end { SIM_END_KILL, SIM_END_POWER };
/* Ends it at its operation on files number `count` from now on (1: the next):
 * before it, after it, or with part of it done. 0: not. */
void sim_end_at_file(struct sim_process *process, uint64_t count,
		     enum sim_end end, enum sim_loss loss);
/* Operations on files that it has done. */
uint64_t sim_file_count(const struct sim_process *process);

/* Operations under way, and descriptors open. */
uint32_t sim_inflight(const struct sim_process *process);
int sim_descriptors(const struct sim_process *process);

/* A pipe for `capacity` bytes between two processes of any machines (or one):
 * reading from `*reader_fd` in one, writing to `*writer_fd` in the other. A
 * descriptor that is -1 is chosen. Not short of descriptors. */
void sim_pipe(struct sim_process *reader, int *reader_fd,
	      struct sim_process *writer, int *writer_fd, uint32_t capacity);
/* From now on nothing is read from this descriptor, or written to it, in part:
 * as with one that gives records. */
void sim_records(struct sim_process *process, int fd);

#endif
