// SPDX-License-Identifier: MIT
/*
 * san - what the checkers must be told about stacks.
 *
 * AddressSanitizer follows switches by a call before and a call after each
 * one; Valgrind wants every stack registered. Without them all of this is
 * nothing. See sanitizer/common_interface_defs.h and valgrind/valgrind.h.
 */
#ifndef RUNTIME_SAN_H
#define RUNTIME_SAN_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define SAN_ADDRESS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SAN_ADDRESS 1
#endif
#endif

#ifdef SAN_ADDRESS
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define SAN_STACK_FACTOR 4
#else
#define SAN_STACK_FACTOR 1
#endif

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#define SAN_VALGRIND 1
#endif

/* What AddressSanitizer keeps for a context that does not run. */
struct san_stack {
#ifdef SAN_ADDRESS
	void *fake;
	const void *bottom;
	size_t size;
#else
	char unused;
#endif
};

static inline void san_stack_set(struct san_stack *san, const void *bottom,
				 size_t size)
{
#ifdef SAN_ADDRESS
	san->fake = NULL;
	san->bottom = bottom;
	san->size = size;
#else
	(void)san;
	(void)bottom;
	(void)size;
#endif
}

/* Just before leaving `from` for `to`; from NULL: for good. */
static inline void san_switch_begin(struct san_stack *from,
				    const struct san_stack *to)
{
#ifdef SAN_ADDRESS
	__sanitizer_start_switch_fiber(from ? &from->fake : NULL, to->bottom,
				       to->size);
#else
	(void)from;
	(void)to;
#endif
}

/* Just after arriving on `self`; `came_from`, when given, learns the bounds
 * of the stack that was left (the thread's own, which nobody told us). */
static inline void san_switch_end(struct san_stack *self,
				  struct san_stack *came_from)
{
#ifdef SAN_ADDRESS
	const void *bottom = NULL;
	size_t size = 0;

	__sanitizer_finish_switch_fiber(self->fake, &bottom, &size);
	if (came_from) {
		came_from->bottom = bottom;
		came_from->size = size;
	}
#else
	(void)self;
	(void)came_from;
#endif
}

/* A stack is taken into use again: what its last user poisoned is forgotten. */
static inline void san_stack_reuse(void *bottom, size_t size)
{
#ifdef SAN_ADDRESS
	__asan_unpoison_memory_region(bottom, size);
#else
	(void)bottom;
	(void)size;
#endif
}

/* Valgrind reads wherever its map says there is memory: guards must be known
 * to it, as those of mprotect are. */
static inline bool san_wants_mprotect(void)
{
#ifdef SAN_VALGRIND
	return RUNNING_ON_VALGRIND != 0;
#else
	return false;
#endif
}

/* Valgrind lets one thread run at a time, and does not know that one in
 * io_uring_enter sleeps: another would never get its turn. */
static inline bool san_wants_one_thread(void)
{
	return san_wants_mprotect();
}

/* The kernel filled `len` bytes at `buf` behind Valgrind's back. */
static inline void san_filled(const void *buf, size_t len)
{
#ifdef SAN_VALGRIND
	VALGRIND_MAKE_MEM_DEFINED(buf, len);
#else
	(void)buf;
	(void)len;
#endif
}

/* Registers [bottom, top) as a stack; returns what san_stack_forget takes. */
static inline unsigned san_stack_register(void *bottom, void *top)
{
#ifdef SAN_VALGRIND
	return VALGRIND_STACK_REGISTER(bottom, top);
#else
	(void)bottom;
	(void)top;
	return 0;
#endif
}

static inline void san_stack_forget(unsigned id)
{
#ifdef SAN_VALGRIND
	VALGRIND_STACK_DEREGISTER(id);
#else
	(void)id;
#endif
}

#endif
