// SPDX-License-Identifier: MIT
#include "runtime/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/san.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define STACK_PAGES_LEAST 4u /* guard included */
#define CHUNK_FIRST 8u	     /* slots of the first mapping of a pool */
#define CHUNK_MOST 1024u     /* and of the largest */
#define STAGGER_STEPS 16u    /* different beginnings of stacks */
#define STAGGER_BYTES 128u

struct stack_chunk {
	struct stack_chunk *next;
	char *base;
	size_t size;
	uint32_t slots;
	unsigned valgrind_ids[];
};

void stack_pool_init(struct stack_pool *pool, size_t slot_size, uint32_t limit,
		     bool mprotect_guards)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	while (slot_size < STACK_PAGES_LEAST * page)
		slot_size *= 2;
	*pool = (struct stack_pool){
		.slot_size = slot_size,
		.page = page,
		.limit = limit,
		.mprotect_guards = mprotect_guards || san_wants_mprotect(),
	};
}

void stack_pool_fini(struct stack_pool *pool)
{
	struct stack_chunk *chunk;

	while ((chunk = pool->chunks) != NULL) {
		pool->chunks = chunk->next;
		for (uint32_t i = 0; i < chunk->slots; i++)
			san_stack_forget(chunk->valgrind_ids[i]);
		munmap(chunk->base, chunk->size);
		free(chunk);
	}
	pool->free = NULL;
	pool->fresh = pool->fresh_end = NULL;
	pool->made = pool->dirty = 0;
}

/* The slot that holds `addr`; slots are aligned to their size. */
static char *slot_of(const struct stack_pool *pool, const void *addr)
{
	return (char *)((uintptr_t)addr & ~(uintptr_t)(pool->slot_size - 1));
}

void *stack_bottom(const struct stack_pool *pool, const void *top)
{
	return slot_of(pool, (const char *)top - 1) + pool->page;
}

bool stack_in_guard(const struct stack_pool *pool, const void *top,
		    const void *addr)
{
	char *slot = slot_of(pool, (const char *)top - 1);

	return (const char *)addr >= slot &&
	       (const char *)addr < slot + pool->page;
}

/* Maps address space for the next slots, aligned to the slot size. */
static int grow(struct stack_pool *pool)
{
	uint32_t slots = pool->made < CHUNK_FIRST ? CHUNK_FIRST : pool->made;
	if (slots > CHUNK_MOST)
		slots = CHUNK_MOST;
	if (slots > pool->limit - pool->made)
		slots = pool->limit - pool->made;
	if (slots == 0)
		return -EAGAIN;

	size_t size = (size_t)slots * pool->slot_size + pool->slot_size;
	struct stack_chunk *chunk =
		malloc(sizeof(*chunk) + slots * sizeof(chunk->valgrind_ids[0]));
	if (!chunk)
		return -ENOMEM;
	char *base = mmap(
		NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (base == MAP_FAILED) {
		free(chunk);
		return -ENOMEM;
	}
	/* Huge pages would make every stack two megabytes of memory. Kernels
	 * built without them refuse the advice, which is as good. */
	(void)madvise(base, size, MADV_NOHUGEPAGE);

	chunk->next = pool->chunks;
	chunk->base = base;
	chunk->size = size;
	chunk->slots = 0;
	pool->chunks = chunk;
	pool->fresh = slot_of(pool, base + pool->slot_size - 1);
	pool->fresh_end = pool->fresh + (size_t)slots * pool->slot_size;
	return 0;
}

/* Whether reading `addr` faults, found out by letting the kernel read it as a
 * path. Emulators accept any advice and do nothing about it. */
static bool faults(const char *addr)
{
	return access(addr, F_OK) < 0 && errno == EFAULT;
}

static int guard(struct stack_pool *pool, char *slot)
{
	if (!pool->mprotect_guards) {
		bool first = pool->made == 0;
		if (madvise(slot, pool->page, MADV_GUARD_INSTALL) == 0 &&
		    (!first || faults(slot)))
			return 0;
		if (!first)
			return -ENOMEM;
		pool->mprotect_guards = true;
	}
	return mprotect(slot, pool->page, PROT_NONE) == 0 ? 0 : -ENOBUFS;
}

/* Carves a new slot. */
static int carve(struct stack_pool *pool, char **slot)
{
	if (pool->fresh == pool->fresh_end) {
		int err = grow(pool);
		if (err)
			return err;
	}
	int err = guard(pool, pool->fresh);
	if (err)
		return err;
	*slot = pool->fresh;
	pool->fresh += pool->slot_size;
	pool->made++;

	struct stack_chunk *chunk = pool->chunks;
	chunk->valgrind_ids[chunk->slots++] =
		san_stack_register(*slot + pool->page, *slot + pool->slot_size);
	return 0;
}

int stack_take(struct stack_pool *pool, size_t block, void **top)
{
	struct stack_free *spare = pool->free;
	char *slot;

	if (spare) {
		pool->free = spare->next;
		/* Of many tasks that are started one after the other each
		 * would wait for this. */
		__builtin_prefetch(spare->next);
		if (!spare->clean)
			pool->dirty--;
		if (pool->dirty < pool->least)
			pool->least = pool->dirty;
		slot = slot_of(pool, spare);
	} else {
		int err = carve(pool, &slot);
		if (err)
			return err;
	}
	/* Also a fresh one: an earlier runtime may have lived here. */
	san_stack_reuse(slot + pool->page, pool->slot_size - pool->page);
	pool->used++;
	size_t index = (uintptr_t)slot / pool->slot_size;
	size_t stagger = index % STAGGER_STEPS * STAGGER_BYTES;
	uintptr_t end = (uintptr_t)slot + pool->slot_size - stagger - block;
	*top = (void *)(end & ~(uintptr_t)63);
	return 0;
}

void stack_give(struct stack_pool *pool, void *top)
{
	struct stack_free *spare = top;

	spare->next = pool->free;
	spare->clean = false;
	pool->free = spare;
	pool->dirty++;
	pool->used--;
}

/* The list is newest first, so what has been warm lately is kept. The first
 * page from the top holds the list itself and stays. */
void stack_pool_trim(struct stack_pool *pool)
{
	uint32_t most = pool->dirty, seen = 0, idle = pool->least;

	pool->least = most;
	if (idle <= STACK_KEEP)
		return;
	uint32_t keep = most - (idle - STACK_KEEP);
	for (struct stack_free *spare = pool->free; seen < most;
	     spare = spare->next) {
		if (spare->clean || ++seen <= keep)
			continue;
		char *slot = slot_of(pool, spare);
		char *last = (char *)((uintptr_t)spare &
				      ~(uintptr_t)(pool->page - 1));
		/* Locked memory stays, and there is no use in asking again. */
		(void)madvise(slot + pool->page,
			      (size_t)(last - slot) - pool->page,
			      MADV_DONTNEED);
		spare->clean = true;
		pool->dirty--;
	}
	pool->least = pool->dirty;
}
