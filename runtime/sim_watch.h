// SPDX-License-Identifier: MIT
/*
 * sim_watch - descriptors that tell of things: that a file was closed by
 * somebody who could write it (inotify), that a process has ended (pidfd).
 */
#ifndef RUNTIME_SIM_WATCH_H
#define RUNTIME_SIM_WATCH_H

#include <stdbool.h>

struct sim_inode;
struct sim_process;
struct sim_world;
struct sys_call;

/* An open file of the inode is closed. */
void sim_watch_closed(const struct sim_inode *inode, bool writable);
/* A process is over. */
void sim_watch_ended(struct sim_world *world, unsigned number);
/* The calls about them; `inode` is what the path of SYS_INOTIFY_ADD leads to.
 */
int sim_watch_sys(struct sim_process *process, struct sys_call *call,
		  struct sim_inode *inode);

#endif
