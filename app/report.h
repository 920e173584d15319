// SPDX-License-Identifier: MIT
/*
 * report - what the process is doing, on stderr when somebody asks with
 * SIGUSR1: its counters, who receives for its workspaces, and its tasks with
 * what they wait for.
 */
#ifndef APP_REPORT_H
#define APP_REPORT_H

struct fleet;
struct log;
struct rt;

#define REPORT_TASKS_MAX 120 /* lines; the rest is counted */
#define REPORT_MEMBERS_MAX 50

/* Writes it to the log, whatever its level is. `fleet` has been initialised.
 * Does not park. */
void report_tell(struct rt *rt, struct log *log, const struct fleet *fleet);

#endif
