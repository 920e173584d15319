// SPDX-License-Identifier: MIT
/* Guarded stacks. A plain program: it also runs under an emulator. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/stack.h"

#define SLOT ((size_t)64 * 1024)
#define BLOCK 200

#define CHECK(what)                                                            \
	do {                                                                   \
		if (!(what)) {                                                 \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,     \
				#what);                                        \
			exit(1);                                               \
		}                                                              \
	} while (0)

static void on_fault(int signal)
{
	_exit(signal);
}

/* The signal that a child gets when it writes to `addr`, 0 if none. */
static int fault_at(volatile char *addr)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		signal(SIGSEGV, on_fault);
		*addr = 1;
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void take_and_give(bool mprotect_guards)
{
	struct stack_pool pool;
	void *tops[40];

	stack_pool_init(&pool, SLOT, 40, mprotect_guards);
	for (int i = 0; i < 40; i++) {
		CHECK(stack_take(&pool, BLOCK, &tops[i]) == 0);
		CHECK((uintptr_t)tops[i] % 64 == 0);
		char *bottom = stack_bottom(&pool, tops[i]);
		memset(bottom, 1, (size_t)((char *)tops[i] - bottom) + BLOCK);
	}
	CHECK(pool.used == 40);
	void *one_more;
	CHECK(stack_take(&pool, BLOCK, &one_more) == -EAGAIN);

	/* Last in, first out: the warm one comes back. */
	stack_give(&pool, tops[7]);
	stack_give(&pool, tops[3]);
	void *again;
	CHECK(stack_take(&pool, BLOCK, &again) == 0 && again == tops[3]);
	CHECK(stack_take(&pool, BLOCK, &again) == 0 && again == tops[7]);

	/* One byte below the stack is a fault, the lowest byte is not. */
	for (int i = 0; i < 40; i += 13) {
		char *bottom = stack_bottom(&pool, tops[i]);
		CHECK(fault_at(bottom - 1) == SIGSEGV);
		CHECK(fault_at(bottom) == 0);
		CHECK(stack_in_guard(&pool, tops[i], bottom - 1));
		CHECK(!stack_in_guard(&pool, tops[i], bottom));
	}
	for (int i = 0; i < 40; i++)
		stack_give(&pool, tops[i]);
	CHECK(pool.used == 0);
	stack_pool_fini(&pool);
}

static size_t resident(const struct stack_pool *pool, void *const tops[],
		       int count)
{
	size_t pages = 0;

	for (int i = 0; i < count; i++) {
		unsigned char in[SLOT / 1024] = { 0 };
		char *bottom = stack_bottom(pool, tops[i]);
		CHECK(mincore(bottom, SLOT - pool->page, in) == 0);
		for (size_t p = 0; p < SLOT / pool->page - 1; p++)
			pages += in[p] & 1;
	}
	return pages;
}

/* Memory of free stacks beyond those kept goes back, and their guards stay. */
static void trim(void)
{
	enum { COUNT = STACK_KEEP + 16 };
	struct stack_pool pool;
	void *tops[COUNT], *again[10];

	stack_pool_init(&pool, SLOT, COUNT, false);
	for (int i = 0; i < COUNT; i++) {
		CHECK(stack_take(&pool, BLOCK, &tops[i]) == 0);
		char *bottom = stack_bottom(&pool, tops[i]);
		memset(bottom, 1, (size_t)((char *)tops[i] - bottom));
	}
	size_t before = resident(&pool, tops, COUNT);
	for (int i = 0; i < COUNT; i++)
		stack_give(&pool, tops[i]);
	/* They have been in use since the last time. */
	stack_pool_trim(&pool);
	CHECK(pool.dirty == COUNT);
	for (int i = 0; i < 10; i++)
		CHECK(stack_take(&pool, BLOCK, &again[i]) == 0);
	for (int i = 10; i > 0; i--)
		stack_give(&pool, again[i - 1]);
	/* Ten were, again. */
	stack_pool_trim(&pool);
	CHECK(pool.dirty == STACK_KEEP + 10);
	stack_pool_trim(&pool);
	CHECK(pool.dirty == STACK_KEEP);
	size_t after = resident(&pool, tops, COUNT);
	CHECK(after + 16 * (SLOT / pool.page - 4) <= before);
	for (int i = 0; i < COUNT; i++) {
		CHECK(stack_take(&pool, BLOCK, &tops[i]) == 0);
		CHECK(fault_at((char *)stack_bottom(&pool, tops[i]) - 1) ==
		      SIGSEGV);
	}
	CHECK(pool.made == COUNT);
	for (int i = 0; i < COUNT; i++)
		stack_give(&pool, tops[i]);
	stack_pool_fini(&pool);
}

int main(void)
{
	take_and_give(false);
	take_and_give(true);
	trim();
	return 0;
}
