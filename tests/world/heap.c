// SPDX-License-Identifier: MIT
/*
 * Pieces are carved from chunks, each of which belongs to one heap; sizes are
 * powers of two and half-way between, and free pieces of a size are kept in a
 * list of their heap. A piece begins with a head that says to which heap it
 * belongs. Chunks of a heap that was dropped are used again.
 */
#include "tests/world/heap.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sim_random.h"

#define CHUNK ((size_t)256 * 1024)
#define LARGE (CHUNK / 4) /* larger ones have a chunk each */
#define CLASSES 32
#define USED UINT16_C(0xa110)
#define FREE UINT16_C(0xf4ee)
#define SPOIL 64

void *__libc_malloc(size_t size);
void __libc_free(void *data);

struct head {
	const void *caller;
	uint32_t size; /* that was asked for */
	uint8_t heap, class;
	uint16_t mark;
};
_Static_assert(sizeof(struct head) == 16, "pieces are aligned");

struct chunk {
	struct chunk *next;
	size_t size, used; /* bytes behind this head */
	char *data;
	size_t padding;
};

struct piece {
	struct piece *next;
};

struct heap {
	unsigned owner;
	bool taken;
	struct chunk *chunks;
	struct piece *free[CLASSES];
	size_t count, bytes;
	uint32_t fail_ppm;
	struct sim_random lot;
};

/* heaps[0] is the world's. */
static struct heap heaps[HEAPS_MAX];
static struct heap *current = &heaps[0];
static struct chunk *spare;

static void misused(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

/* --- Owners --- */

static struct heap *heap_of(unsigned owner, bool make)
{
	struct heap *heap = NULL;

	if (owner == 0)
		return &heaps[0];
	for (size_t i = 1; i < HEAPS_MAX; i++) {
		if (heaps[i].taken && heaps[i].owner == owner)
			return &heaps[i];
		if (!heaps[i].taken && !heap)
			heap = &heaps[i];
	}
	if (!make)
		return NULL;
	if (!heap)
		abort();
	*heap = (struct heap){ .owner = owner, .taken = true };
	return heap;
}

void heap_own(unsigned owner)
{
	if (owner == 0)
		current = &heaps[0];
	else if (current->owner != owner || current == &heaps[0])
		current = heap_of(owner, true);
}

size_t heap_count(unsigned owner, size_t *bytes)
{
	const struct heap *heap = heap_of(owner, false);

	*bytes = heap ? heap->bytes : 0;
	return heap ? heap->count : 0;
}

void heap_fail(unsigned owner, uint32_t ppm, uint64_t seed)
{
	struct heap *heap = heap_of(owner, ppm > 0);

	if (!heap)
		return;
	heap->fail_ppm = ppm;
	heap->lot.state = seed;
}

void heap_drop(unsigned owner)
{
	struct heap *heap = heap_of(owner, false);
	struct chunk *chunk, *next;

	if (!heap || owner == 0)
		return;
	for (chunk = heap->chunks; chunk; chunk = next) {
		next = chunk->next;
		if (chunk->size == CHUNK) {
			chunk->next = spare;
			spare = chunk;
		} else {
			__libc_free(chunk);
		}
	}
	*heap = (struct heap){ 0 };
	if (current == heap)
		current = &heaps[0];
}

void heap_drop_all(void)
{
	for (size_t i = 1; i < HEAPS_MAX; i++)
		if (heaps[i].taken)
			heap_drop(heaps[i].owner);
}

/* --- Sizes --- */

/* 16, 24, 32, 48, 64, … bytes. */
static size_t class_size(unsigned class)
{
	size_t size = (size_t)16 << (class / 2);

	return class % 2 ? size + size / 2 : size;
}

static unsigned class_of(size_t size)
{
	unsigned class = 0;

	if (size > 16)
		class = 2 * (59 - (unsigned)__builtin_clzl(size - 1));
	if (class_size(class) < size)
		class ++;
	if (class_size(class) < size)
		class ++;
	return class;
}

/* Heads are 16 bytes, and so is what pieces are aligned to. */
static size_t piece_size(unsigned class)
{
	return (sizeof(struct head) + class_size(class) + 15) & ~(size_t)15;
}

/* --- Pieces --- */

static struct chunk *chunk_new(struct heap *heap, size_t size)
{
	struct chunk *chunk = spare;

	if (size == CHUNK && chunk) {
		spare = chunk->next;
	} else {
		chunk = __libc_malloc(sizeof(*chunk) + size);
		if (!chunk)
			abort();
		chunk->size = size;
		chunk->data = (char *)(chunk + 1);
	}
	chunk->used = 0;
	chunk->next = heap->chunks;
	heap->chunks = chunk;
	return chunk;
}

static struct head *carve(struct heap *heap, unsigned class)
{
	size_t size = piece_size(class);
	struct chunk *chunk = heap->chunks;
	struct head *head;

	if (!chunk || chunk->size - chunk->used < size)
		chunk = chunk_new(heap, CHUNK);
	head = (struct head *)(chunk->data + chunk->used);
	chunk->used += size;
	return head;
}

/* Behind the first chunk, which is being filled. */
static struct head *carve_large(struct heap *heap, unsigned class)
{
	struct chunk *first = heap->chunks;
	struct chunk *chunk;

	if (!first)
		first = chunk_new(heap, CHUNK);
	chunk = chunk_new(heap, piece_size(class));
	heap->chunks = first;
	chunk->next = first->next;
	first->next = chunk;
	chunk->used = chunk->size;
	return (struct head *)chunk->data;
}

static void *take(size_t size, const void *caller)
{
	struct heap *heap = current;
	unsigned class = class_of(size);
	struct head *head;

	if (size > UINT32_MAX ||
	    sim_random_chance(&heap->lot, heap->fail_ppm)) {
		errno = ENOMEM;
		return NULL;
	}
	if (class < CLASSES && heap->free[class]) {
		head = (struct head *)heap->free[class] - 1;
		heap->free[class] = heap->free[class]->next;
	} else if (class_size(class) <= LARGE) {
		head = carve(heap, class);
	} else {
		head = carve_large(heap, class);
	}
	*head = (struct head){ .caller = caller,
			       .size = (uint32_t)size,
			       .heap = (uint8_t)(heap - heaps),
			       .class = (uint8_t) class,
			       .mark = USED };
	heap->count++;
	heap->bytes += size;
	return head + 1;
}

static void unlink_large(struct heap *heap, const struct head *head)
{
	struct chunk **link = &heap->chunks, *chunk;

	while ((*link)->data != (const char *)head)
		link = &(*link)->next;
	chunk = *link;
	*link = chunk->next;
	__libc_free(chunk);
}

static void give(void *data)
{
	struct head *head = (struct head *)data - 1;
	struct piece *piece = data;
	struct heap *heap;

	if (head->mark != USED || head->heap >= HEAPS_MAX) {
		misused(head->mark == FREE ? "memory was freed twice"
					   : "what was freed is no memory");
		return;
	}
	heap = &heaps[head->heap];
	heap->count--;
	heap->bytes -= head->size;
	head->mark = FREE;
	if (class_size(head->class) > LARGE) {
		unlink_large(heap, head);
		return;
	}
	memset(data, 0xdd, head->size < SPOIL ? head->size : SPOIL);
	piece->next = heap->free[head->class];
	heap->free[head->class] = piece;
}

/* The function at an address, as far as its library tells. */
static const char *name_of(const void *code)
{
	Dl_info info;

	if (!dladdr(code, &info))
		return "?";
	return info.dli_sname ? info.dli_sname : info.dli_fname;
}

void heap_describe(unsigned owner, char *text, size_t cap)
{
	const struct heap *heap = heap_of(owner, false);
	size_t len = 0;

	*text = '\0';
	for (const struct chunk *c = heap ? heap->chunks : NULL; c;
	     c = c->next) {
		for (size_t at = 0; at < c->used;) {
			const struct head *head =
				(const struct head *)(c->data + at);

			at += piece_size(head->class);
			if (head->mark == USED && len < cap)
				len += (size_t)snprintf(
					text + len, cap - len, "%s%u by %s %p",
					len ? ", " : "", head->size,
					name_of(head->caller), head->caller);
		}
	}
}

/* --- In the place of the C library's --- */

static void *heap_malloc(size_t size)
{
	return take(size, __builtin_return_address(0));
}

static void *heap_calloc(size_t count, size_t size)
{
	size_t bytes;
	void *data;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	data = take(bytes, __builtin_return_address(0));
	return data ? memset(data, 0, bytes) : NULL;
}

static void heap_free(void *data)
{
	int err = errno;

	if (data)
		give(data);
	errno = err;
}

static void *heap_realloc(void *data, size_t size)
{
	const struct head *head;
	void *more;

	if (data && size == 0) {
		heap_free(data);
		return NULL;
	}
	more = take(size, __builtin_return_address(0));
	if (!data || !more)
		return more;
	head = (const struct head *)data - 1;
	memcpy(more, data, head->size < size ? head->size : size);
	heap_free(data);
	return more;
}

static void *heap_aligned_alloc(size_t alignment, size_t size)
{
	if (alignment > sizeof(struct head)) {
		errno = ENOMEM;
		return NULL;
	}
	return take(size, __builtin_return_address(0));
}

static int heap_posix_memalign(void **out, size_t alignment, size_t size)
{
	*out = heap_aligned_alloc(alignment, size);
	return *out ? 0 : ENOMEM;
}

static size_t heap_malloc_usable_size(void *data)
{
	return data ? ((struct head *)data - 1)->size : 0;
}

#define IN_PLACE(name) __attribute__((alias("heap_" #name)))
void *malloc(size_t) IN_PLACE(malloc);
void *calloc(size_t, size_t) IN_PLACE(calloc);
void *realloc(void *, size_t) IN_PLACE(realloc);
void free(void *) IN_PLACE(free);
void *aligned_alloc(size_t, size_t) IN_PLACE(aligned_alloc);
int posix_memalign(void **, size_t, size_t) IN_PLACE(posix_memalign);
size_t malloc_usable_size(void *) IN_PLACE(malloc_usable_size);
