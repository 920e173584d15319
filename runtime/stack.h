// SPDX-License-Identifier: MIT
/*
 * stack - guarded stacks from a slab.
 *
 *	slot:  [ guard page | ............ stack ............ | user block ]
 *	       low addresses                                  ^ top
 *
 * Slots of one size are carved from large private mappings that reserve no
 * memory, so a stack costs what it touches. The lowest page of each slot is a
 * guard: running over the end is a fault, never silent damage. Guards are
 * made with MADV_GUARD_INSTALL (Linux 6.13), which needs no map of its own; on
 * older kernels with mprotect, which splits the mapping, so that the number of
 * stacks is bounded by vm.max_map_count. Slots are kept in last-in-first-out
 * order, warm; memory of those unused for long goes back by stack_pool_trim.
 *
 * The beginnings of neighbouring stacks are staggered by a few cache lines;
 * otherwise all of them would compete for the same sets of the cache.
 */
#ifndef RUNTIME_STACK_H
#define RUNTIME_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Free slots whose memory a trim leaves alone. */
#define STACK_KEEP 32

struct stack_chunk;

/* A stack that is not in use; stored in the slot's own top. */
struct stack_free {
	struct stack_free *next;
	bool clean; /* its memory was given back */
};

struct stack_pool {
	size_t slot_size; /* bytes of address space for each, power of two */
	size_t page;	  /* the system's page size */
	uint32_t limit;	  /* slots at most */
	uint32_t made;	  /* slots carved so far */
	uint32_t used;	  /* slots handed out */
	uint32_t dirty;	  /* free slots that hold memory */
	uint32_t least;	  /* the fewest of them since the last trim */
	bool mprotect_guards;
	struct stack_free *free;
	struct stack_chunk *chunks; /* newest first */
	char *fresh, *fresh_end;    /* the newest chunk's uncarved rest */
};

/* Prepares a pool of slots of `slot_size` bytes (a power of two, raised where
 * pages are large), `limit` at most. Maps nothing yet. `mprotect_guards` forces
 * that kind of guard. */
void stack_pool_init(struct stack_pool *pool, size_t slot_size, uint32_t limit,
		     bool mprotect_guards);

/* Unmaps everything; no slot may be in use. */
void stack_pool_fini(struct stack_pool *pool);

/* Hands out a slot: *top is the highest address of its stack plus one, with
 * `block` bytes above it (up to the slot's end) for the user. Returns 0;
 * -EAGAIN past the pool's limit; -ENOBUFS when the kernel refused the map for
 * a guard (vm.max_map_count); -ENOMEM when there is no memory. */
int stack_take(struct stack_pool *pool, size_t block, void **top);

/* Takes a slot back; `top` as stack_take gave it. The caller may go on
 * running on it until it next takes a stack. */
void stack_give(struct stack_pool *pool, void *top);

/* The lowest usable address of the stack that ends at `top`. */
void *stack_bottom(const struct stack_pool *pool, const void *top);

/* Whether `addr` lies in the guard of the stack that ends at `top`. */
bool stack_in_guard(const struct stack_pool *pool, const void *top,
		    const void *addr);

/* Gives the memory of free slots that have not been used since the last call,
 * beyond STACK_KEEP, back to the system; a system call for each such slot, none
 * when there is nothing to give. Bursts that come more often than calls find
 * their stacks warm. */
void stack_pool_trim(struct stack_pool *pool);

#endif
