// SPDX-License-Identifier: MIT
/*
 * sim_disk - the files of a machine, as its processes see them and as they
 * would be after the power failed.
 *
 * A file has its bytes twice: now, and on the platter (safe), to where fsync
 * brings them. A directory has its names twice, too; what was changed since its
 * last fsync stands in a list of changes, in groups that happen together or not
 * at all (a rename). When the power fails, all, some or none of what is not
 * safe becomes so, and then only that is left.
 *
 * Inodes are counted by who knows them: names, changes, open files.
 */
#ifndef RUNTIME_SIM_DISK_H
#define RUNTIME_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/sim_world.h"

struct sim_disk;
struct sim_file;
struct sim_inode;
struct sim_watch;

struct sim_bytes {
	char *data;
	size_t size, cap;
};

struct sim_name {
	char *name;
	struct sim_inode *inode;
};

struct sim_names {
	struct sim_name *list;
	uint32_t count, cap;
};

struct sim_inode {
	struct sim_disk *disk;
	struct sim_inode *next, *prev; /* all of the disk's */
	uint64_t number;
	mode_t mode;
	uint32_t refs;
	int64_t changed;		    /* by the machine's wall clock */
	struct sim_bytes now, safe;	    /* of a file */
	size_t dirty_from, dirty_to;	    /* where they differ */
	struct sim_names names, safe_names; /* of a directory */
	struct sim_file *locker;	    /* flock */
	int64_t locked_until;		    /* by one that is closed already */
	struct sim_watch *watches;
};

struct sim_inode *sim_disk_root(const struct sim_disk *disk);

/* What an absolute path leads to, now or (`safe`) after a power cut; NULL:
 * nothing. */
struct sim_inode *sim_disk_look(const struct sim_disk *disk, const char *path,
				bool safe);

/* A new one, with one reference for the caller. */
struct sim_inode *sim_inode_new(struct sim_disk *disk, mode_t mode);
struct sim_inode *sim_inode_hold(struct sim_inode *inode);
void sim_inode_release(struct sim_inode *inode);

/* Copies bytes at `at` in or out; the file is as long as it must be for that.
 */
void sim_inode_write(struct sim_inode *inode, size_t at, const void *data,
		     size_t len);
size_t sim_inode_read(const struct sim_inode *inode, size_t at, void *data,
		      size_t len);
void sim_inode_truncate(struct sim_inode *inode);
/* Bytes, or names, are safe from now on. */
void sim_inode_sync(struct sim_inode *inode);
/* They were not written, and will never be, unless they change again. */
void sim_inode_sync_failed(struct sim_inode *inode);

/* Names of a directory; `len` bytes of `name`. */
struct sim_inode *sim_dir_find(const struct sim_inode *dir, const char *name,
			       size_t len);
/* Changes one, in a group of changes; `inode` NULL: takes it away. */
uint64_t sim_disk_group(struct sim_disk *disk);
void sim_dir_set(struct sim_inode *dir, const char *name, size_t len,
		 struct sim_inode *inode, uint64_t group);

#endif
