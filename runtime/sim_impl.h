// SPDX-License-Identifier: MIT
/*
 * sim_impl - what the files of the simulated world share.
 *
 * Descriptors lead to open files (struct sim_file), which are of some kind
 * (struct sim_file_ops) and belong to one process. An operation is a record
 * (struct sim_op) of the world's, so that a process can vanish with all of its
 * memory while its operations are under way. A record is begun, at once or
 * later; it is attempted, and if that gives SIM_AGAIN it waits in its file
 * until the file is poked; when it has a result it goes to its process, which
 * is then ready.
 *
 * Whoever changes a file so that an attempt on it may fare better pokes it.
 * Poked files are looked at by the world between two steps, never at once, so
 * that nothing here is entered twice.
 */
#ifndef RUNTIME_SIM_IMPL_H
#define RUNTIME_SIM_IMPL_H

#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "runtime/backend.h"
#include "runtime/sim_world.h"

#define SIM_AGAIN INT_MIN /* an attempt's: not now */

/* Descriptors of a process. */
#define SIM_FDS_MAX 1024
/* Bytes of a failure's text. */
#define SIM_FAILURE_MAX 512

struct sim_file;
struct sim_inode;
struct sim_sock;

struct sim_file_ops {
	const char *name;
	/* Attempts: a count, a negative errno, or SIM_AGAIN. */
	int (*read)(struct sim_file *file, void *buf, uint32_t len);
	int (*write)(struct sim_file *file, const void *buf, uint32_t len);
	/* The poll events that hold. */
	int (*ready)(const struct sim_file *file);
	/* Its descriptor is gone: lets go of everything and frees it. */
	void (*close)(struct sim_file *file);
	bool on_disk; /* operations take time and are counted */
};

struct sim_file {
	const struct sim_file_ops *ops;
	struct sim_world *world;
	struct sim_process *process; /* NULL: it has no descriptor yet */
	struct sim_op *first, *last; /* waiting */
	struct sim_file *next_poked;
	int fd;
	bool poked;
	bool whole; /* nothing is done in part */
};

enum sim_stage {
	SIM_BEGINNING, /* its event will attempt it */
	SIM_WAITING,   /* in its file's list */
	SIM_ENDING,    /* it has a result; its event will report it */
	SIM_DONE,      /* in the list of its process */
};

struct sim_op {
	struct sim_event event;
	struct sim_process *process; /* NULL: the record is free */
	struct op *op;
	struct sim_op *next, *prev; /* of the list for its stage */
	struct sim_op *all_next, *all_prev;
	struct sim_file *file; /* SIM_WAITING */
	uint32_t index;
	int fd, res;
	enum op_code code;
	enum sim_stage stage;
};

enum sim_state { SIM_READY, SIM_RUNNING, SIM_ASLEEP };

struct sim_process {
	struct backend backend; /* first */
	struct sim_world *world;
	struct sim_machine *machine;
	struct sim_program program;
	struct rt *rt;
	struct sim_process *next, *prev; /* of the world's */
	unsigned owner;
	enum sim_state state;
	uint32_t ready_place;
	struct sim_random random; /* io_random */
	struct sim_event wake;
	struct sim_file *fds[SIM_FDS_MAX];
	int fd_end;	    /* no descriptor from here on */
	struct sim_op *all; /* its operations */
	struct sim_op *done_first, *done_last;
	uint32_t inflight;
	uint64_t file_count, end_at; /* operations on files; 0: never */
	enum sim_end end;
	enum sim_loss loss;
};

/* MONOTONIC is the world's time less what the machine was suspended for. */
struct sim_machine {
	struct sim_world *world;
	struct sim_machine *next;
	const char *name;
	unsigned number;
	char address[32];
	int64_t mono_base, boot_base, wall_base;
	struct sim_event thaw; /* armed: it is suspended */
	struct sim_disk *disk;
};

struct sim_op_pool {
	struct sim_op **chunks;
	uint32_t chunk_count;
	struct sim_op *free;
};

struct sim_world {
	struct sim_random lot;
	struct sim_options options;
	struct sim_faults faults;
	int64_t time;
	struct sim_events events;
	struct sim_machine *machines;
	struct sim_process *processes;
	struct sim_process **ready;
	uint32_t ready_count, ready_cap;
	struct sim_file *poked_first, *poked_last;
	struct sim_op_pool ops;
	struct sim_sock *listeners;
	struct sim_pidfd *pidfds;
	uint16_t next_port;
	unsigned owner; /* of what is allocated now, 0: the world */
	unsigned last_owner, machine_count;
	struct sim_process *doomed; /* by its end_at */
	uint32_t still_steps;	    /* since an event last advanced time */
	uint64_t digest;
	bool stop;
	char failure[SIM_FAILURE_MAX];
};

/* --- sim_world.c --- */

void *sim_alloc(size_t size); /* zeroed; never NULL */
void *sim_realloc(void *data, size_t size);
/* What is allocated from now on belongs to `owner`, 0: the world. Returns to
 * whom it belonged before. */
unsigned sim_own(struct sim_world *world, unsigned owner);
/* It has something to do; not while its machine is suspended. */
void sim_make_ready(struct sim_process *process);
/* Counts a step; true when there have been too many, or all is over anyhow. */
bool sim_spins(struct sim_world *world);
void sim_make_unready(struct sim_process *process);
void sim_mix(struct sim_world *world, uint64_t value);
static inline bool sim_luck(struct sim_world *world, uint32_t ppm)
{
	return sim_random_chance(&world->lot, ppm);
}
static inline int64_t sim_between(struct sim_world *world, int64_t low,
				  int64_t high)
{
	return sim_random_between(&world->lot, low, high);
}

/* --- backend_sim.c --- */

/* For struct rt_options; `arg` is the process. */
int backend_sim_new(struct backend **out, struct rt *rt, void *arg);

/* --- sim_time.c --- */

int64_t sim_machine_now(const struct sim_machine *machine, enum clock_id clock);
/* Puts a process that waits to sleep until one of these. */
void sim_sleep(struct sim_process *process,
	       const int64_t latest[CLOCK_ID_COUNT]);
bool sim_frozen(const struct sim_machine *machine);

/* --- sim_ops.c: the life of operations --- */

void sim_op_submit(struct sim_process *process, struct op *op);
void sim_op_cancel(struct sim_process *process, struct op *op);
/* Tells the process of what is done. Runs as the process. */
void sim_op_deliver(struct sim_process *process);
/* Attempts what waits in poked files. */
void sim_settle(struct sim_world *world);
void sim_ops_drop(struct sim_process *process);
void sim_ops_free(struct sim_world *world);

/* --- sim_file.c: descriptors --- */

void sim_poke(struct sim_file *file);
/* The file, or NULL. */
struct sim_file *sim_file_at(const struct sim_process *process, int fd);
/* Gives the file the lowest free descriptor from `fd` on: it, or -EMFILE. */
int sim_file_install(struct sim_process *process, struct sim_file *file,
		     int fd);
int sim_file_close(struct sim_process *process, int fd);
void sim_files_close(struct sim_process *process);
int sim_sys(struct sim_process *process, struct sys_call *call);

/* --- sim_net.c --- */

int sim_sock_new(struct sim_process *process, int domain, int type);
struct sim_sock *sim_sock_at(const struct sim_process *process, int fd);
int sim_sock_sys(struct sim_sock *sock, struct sys_call *call);
/* Attempts. */
int sim_sock_connect(struct sim_sock *sock, const struct sockaddr *addr,
		     socklen_t len);
int sim_sock_accept(struct sim_sock *sock, struct op *op);
/* The connections of a machine that lost its power hang. */
void sim_net_power_cut(struct sim_machine *machine);

/* --- sim_disk.c, sim_path.c --- */

struct sim_disk *sim_disk_new(struct sim_world *world);
void sim_disk_free(struct sim_disk *disk);
void sim_disk_cut(struct sim_disk *disk, enum sim_loss loss);
/* Performs an operation on a path, or fsync. */
int sim_path_perform(struct sim_process *process, struct op *op);
int sim_path_sys(struct sim_process *process, struct sys_call *call);
bool sim_is_file_op(const struct sim_process *process, const struct op *op);

#endif
