// SPDX-License-Identifier: MIT
#include "runtime/context.h"

#include <stdint.h>
#include <string.h>

/* In context_<arch>.S: calls the entry kept in a saved register. */
void context_start(void);

/* The frame that context_switch pops, lowest address first. */
#if defined(__x86_64__)
struct frame {
	uint64_t r15, r14, r13, r12, rbx, rbp;
	uint64_t ret;
	uint64_t end[2]; /* keeps the stack aligned; a zero return address */
};
#elif defined(__aarch64__)
struct frame {
	uint64_t d8_d15[8];
	uint64_t x19, x20, x21_x28[8], x29, x30;
};
#else
#error "context: this architecture has no register switch"
#endif

void *context_make(void *top, void (*entry)(void *arg), void *arg)
{
	uintptr_t end = (uintptr_t)top & ~(uintptr_t)15;
	struct frame *frame = (struct frame *)(end - sizeof(struct frame));

	memset(frame, 0, sizeof(*frame));
#if defined(__x86_64__)
	frame->r12 = (uint64_t)(uintptr_t)entry;
	frame->r13 = (uint64_t)(uintptr_t)arg;
	frame->ret = (uint64_t)(uintptr_t)context_start;
#else
	frame->x19 = (uint64_t)(uintptr_t)entry;
	frame->x20 = (uint64_t)(uintptr_t)arg;
	frame->x30 = (uint64_t)(uintptr_t)context_start;
#endif
	return frame;
}

_Static_assert(sizeof(struct frame) <= 256, "context.h promises 256 bytes");
