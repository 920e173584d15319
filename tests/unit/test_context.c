// SPDX-License-Identifier: MIT
/* The register switch. A plain program, so that it runs on any architecture
 * for which there is a compiler and an emulator. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/context.h"

#define STACK_SIZE 65536
#define ROUNDS 1000

#define CHECK(what)                                                            \
	do {                                                                   \
		if (!(what)) {                                                 \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,     \
				#what);                                        \
			exit(1);                                               \
		}                                                              \
	} while (0)

static void *main_sp, *other_sp;
static int rounds_seen;
static uintptr_t frame_seen;
static void *arg_seen;

/* Enough live values that the compiler must keep some in registers that a
 * call preserves, integers and floating point both. */
static uint64_t churn(void **save, void *load, uint64_t seed)
{
	uint64_t v[8];
	double d[8];

	for (unsigned i = 0; i < 8; i++) {
		v[i] = seed * (i + 3);
		d[i] = (double)(seed + i) * 1.5;
	}
	context_switch(save, load);
	uint64_t sum = 0;
	for (unsigned i = 0; i < 8; i++) {
		sum += v[i] == seed * (i + 3);
		sum += d[i] == (double)(seed + i) * 1.5;
	}
	return sum;
}

static _Noreturn void other(void *arg)
{
	arg_seen = arg;
	frame_seen = (uintptr_t)__builtin_frame_address(0);
	for (;;) {
		rounds_seen++;
		CHECK(churn(&other_sp, main_sp, (uint64_t)rounds_seen) == 16);
	}
}

int main(void)
{
	char *stack = malloc(STACK_SIZE);
	int arg;

	CHECK(stack);
	/* Odd on purpose: context_make aligns. */
	other_sp = context_make(stack + STACK_SIZE - 7, other, &arg);
	for (int i = 1; i <= ROUNDS; i++) {
		CHECK(churn(&main_sp, other_sp, (uint64_t)i * 77) == 16);
		CHECK(rounds_seen == i);
	}
	CHECK(arg_seen == &arg);
	CHECK(frame_seen % 16 == 0);
	CHECK(frame_seen > (uintptr_t)stack &&
	      frame_seen < (uintptr_t)stack + STACK_SIZE);
	free(stack);
	return 0;
}
