// SPDX-License-Identifier: MIT
/*
 * ledger - what the server has on disk: the cursor's file never names a row
 * while a letter up to it is not in the journal, on the disk.
 */
#ifndef TESTS_WORLD_LEDGER_H
#define TESTS_WORLD_LEDGER_H

struct sim_process;

/* For struct sim_options: looks when a cursor has been written. */
void ledger_renamed(struct sim_process *process, const char *to);

#endif
