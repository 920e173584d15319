// SPDX-License-Identifier: MIT
/*
 * heap - memory that knows to which simulated process it belongs.
 *
 * The program's malloc and its kin are replaced. What is allocated goes to the
 * heap of whoever runs (heap_own, which the world calls), so that the memory of
 * a process that was killed can be dropped, what a process that ended has not
 * freed is known, and its allocations can be made to fail.
 *
 * Owner 0 is the world; others are numbers of processes. Freed memory is
 * spoiled, so that what is read after it was freed is nonsense; what is freed
 * twice, or is no memory, ends the program.
 */
#ifndef TESTS_WORLD_HEAP_H
#define TESTS_WORLD_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Processes with memory at one time. */
#define HEAPS_MAX 64

/* From now on memory is allocated for `owner`. */
void heap_own(unsigned owner);

/* What is allocated for `owner` and not freed: how many pieces, and *bytes of
 * them. */
size_t heap_count(unsigned owner, size_t *bytes);

/* Describes some of these pieces, by size and who asked for it. */
void heap_describe(unsigned owner, char *text, size_t cap);

/* Takes back all of an owner's memory; that of all but the world. */
void heap_drop(unsigned owner);
void heap_drop_all(void);

/* Allocations of `owner` fail so often in a million times, decided by `seed`;
 * 0: never. */
void heap_fail(unsigned owner, uint32_t ppm, uint64_t seed);

#endif
