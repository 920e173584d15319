// SPDX-License-Identifier: MIT
/*
 * What processes do with files: paths, open files, and the calls on both.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "runtime/sim_disk.h"
#include "runtime/sim_impl.h"
#include "runtime/sim_watch.h"

/* An open file or directory. */
struct disk_file {
	struct sim_file file; /* first */
	struct sim_inode *inode;
	int flags;
	size_t at;
};

/* Where a path leads. */
struct place {
	struct sim_inode *dir; /* NULL: it is the root */
	const char *name;      /* in it, `len` bytes */
	size_t len;
	struct sim_inode *inode; /* NULL: there is none */
};

static const struct sim_file_ops disk_ops;

static struct disk_file *disk_file_of(const struct sim_file *file)
{
	return (struct disk_file *)(uintptr_t)file;
}

static struct disk_file *disk_file_at(const struct sim_process *process, int fd)
{
	struct sim_file *file = sim_file_at(process, fd);

	return file && file->ops == &disk_ops ? disk_file_of(file) : NULL;
}

/* --- Paths --- */

static int walk(struct sim_inode *from, const char *path, struct place *place)
{
	*place = (struct place){ .inode = from };
	for (;;) {
		path += strspn(path, "/");
		if (*path == '\0')
			return 0;
		if (!place->inode)
			return -ENOENT;
		if (!S_ISDIR(place->inode->mode))
			return -ENOTDIR;
		place->dir = place->inode;
		place->name = path;
		place->len = strcspn(path, "/");
		place->inode = sim_dir_find(place->dir, path, place->len);
		path += place->len;
	}
}

static int find(const struct sim_process *process, int dirfd, const char *path,
		struct place *place)
{
	const struct disk_file *dir;

	if (*path == '\0')
		return -ENOENT;
	if (*path == '/' || dirfd == AT_FDCWD)
		return walk(sim_disk_root(process->machine->disk), path, place);
	dir = disk_file_at(process, dirfd);
	if (!dir) {
		sim_fail(process->world,
			 "%s: looks for %s in %d, which is no directory",
			 process->program.name, path, dirfd);
		return -EBADF;
	}
	return walk(dir->inode, path, place);
}

static int64_t stamp(const struct sim_process *process)
{
	return sim_wall(process->machine);
}

/* --- Open files --- */

static int disk_read(struct sim_file *file, void *buf, uint32_t len)
{
	struct disk_file *open = disk_file_of(file);
	struct sim_world *world = file->world;
	size_t n;

	if ((open->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (S_ISDIR(open->inode->mode))
		return -EISDIR;
	if (sim_luck(world, world->faults.read_error))
		return -EIO;
	n = sim_inode_read(open->inode, open->at, buf, len);
	open->at += n;
	return (int)n;
}

/* Of len bytes, how many a full disk still takes. */
static uint32_t fits(struct sim_world *world, const struct sim_inode *inode,
		     size_t at, uint32_t len)
{
	size_t old = at < inode->now.size ? inode->now.size - at : 0;

	if (!world->faults.disk_full || len <= old)
		return len;
	return (uint32_t)old +
	       sim_random_below(&world->lot, len - (uint32_t)old);
}

static int disk_write(struct sim_file *file, const void *buf, uint32_t len)
{
	struct disk_file *open = disk_file_of(file);
	struct sim_world *world = file->world;
	bool append = open->flags & O_APPEND;
	size_t at = append ? open->inode->now.size : open->at;
	uint32_t n;

	if ((open->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (sim_luck(world, world->faults.write_error))
		return -EIO;
	n = fits(world, open->inode, at, len);
	if (n == 0 && len > 0)
		return -ENOSPC;
	sim_inode_write(open->inode, at, buf, n);
	open->inode->changed = stamp(file->process);
	/* After a short write the kernel may leave the position as it was. */
	if (n == len || append || (sim_random_next(&world->lot) & 1))
		open->at = at + n;
	return (int)n;
}

static int disk_ready(const struct sim_file *file)
{
	(void)file;
	return POLLIN | POLLOUT;
}

static void disk_close(struct sim_file *file)
{
	struct disk_file *open = disk_file_of(file);

	sim_watch_closed(open->inode, (open->flags & O_ACCMODE) != O_RDONLY);
	if (open->inode->locker == file) {
		open->inode->locker = NULL;
		/* It is gone an instant after the close can be seen. */
		open->inode->locked_until =
			file->world->time +
			sim_between(file->world, 0, 50 * SIM_US);
	}
	sim_inode_release(open->inode);
	free(open);
}

static const struct sim_file_ops disk_ops = {
	.name = "file",
	.read = disk_read,
	.write = disk_write,
	.ready = disk_ready,
	.close = disk_close,
	.on_disk = true,
};

/* --- Operations --- */

static int open_inode(struct sim_process *process, struct sim_inode *inode,
		      int flags)
{
	struct disk_file *open = sim_alloc(sizeof(*open));
	int fd;

	open->file.ops = &disk_ops;
	open->file.world = process->world;
	open->inode = inode;
	open->flags = flags;
	fd = sim_file_install(process, &open->file, 0);
	if (fd < 0)
		free(open);
	else
		sim_inode_hold(inode);
	return fd;
}

/* Makes a file, in a directory or (no name) in none, and opens it. */
static int create(struct sim_process *process, const struct op *op,
		  const struct place *place)
{
	struct sim_disk *disk = process->machine->disk;
	struct sim_inode *inode;
	int fd;

	if (process->world->faults.disk_full)
		return -ENOSPC;
	inode = sim_inode_new(disk, S_IFREG | (op->u.file.mode & 07777));
	inode->changed = stamp(process);
	fd = open_inode(process, inode, op->u.file.flags);
	if (fd >= 0 && place)
		sim_dir_set(place->dir, place->name, place->len, inode,
			    sim_disk_group(disk));
	sim_inode_release(inode);
	return fd;
}

static int open_existing(struct sim_process *process, const struct op *op,
			 struct sim_inode *inode)
{
	int flags = op->u.file.flags;
	int way = flags & O_ACCMODE;

	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if (S_ISDIR(inode->mode) && way != O_RDONLY)
		return -EISDIR;
	if (!S_ISDIR(inode->mode) && (flags & O_DIRECTORY))
		return -ENOTDIR;
	if ((way != O_WRONLY && !(inode->mode & S_IRUSR)) ||
	    (way != O_RDONLY && !(inode->mode & S_IWUSR)))
		return -EACCES;
	if (flags & O_TRUNC)
		sim_inode_truncate(inode);
	return open_inode(process, inode, flags);
}

static int do_open(struct sim_process *process, const struct op *op)
{
	const struct sim_faults *faults = &process->world->faults;
	int flags = op->u.file.flags;
	bool writes = (flags & O_ACCMODE) != O_RDONLY;
	struct place place;
	int err = find(process, op->fd, op->u.file.path, &place);

	if (err < 0)
		return err;
	if (sim_luck(process->world, faults->no_descriptor))
		return -EMFILE;
	if (sim_luck(process->world, faults->open_error))
		return -EIO;
	if (faults->disk_readonly && (writes || (flags & O_CREAT)))
		return -EROFS;
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return place.inode ? create(process, op, NULL) : -ENOENT;
	if (place.inode)
		return open_existing(process, op, place.inode);
	return flags & O_CREAT ? create(process, op, &place) : -ENOENT;
}

static int do_fsync(struct sim_process *process, const struct op *op)
{
	struct sim_world *world = process->world;
	const struct disk_file *open = disk_file_at(process, op->fd);

	if (!open)
		return -EINVAL;
	if (sim_luck(world, world->faults.sync_error)) {
		/* The kernel may take what it could not write for written. */
		if (sim_random_next(&world->lot) & 1)
			sim_inode_sync_failed(open->inode);
		return -EIO;
	}
	sim_inode_sync(open->inode);
	return 0;
}

static int do_unlink(const struct op *op, const struct place *place,
		     struct sim_disk *disk)
{
	bool dir = place->inode && S_ISDIR(place->inode->mode);

	if (!place->inode)
		return -ENOENT;
	if (dir != ((op->u.file.flags & AT_REMOVEDIR) != 0))
		return dir ? -EISDIR : -ENOTDIR;
	if (dir && place->inode->names.count > 0)
		return -ENOTEMPTY;
	sim_dir_set(place->dir, place->name, place->len, NULL,
		    sim_disk_group(disk));
	return 0;
}

static int do_rename(struct sim_process *process, const struct op *op,
		     const struct place *from)
{
	struct sim_disk *disk = process->machine->disk;
	struct place to;
	uint64_t group;
	int err = find(process, op->u.file.new_dirfd, op->u.file.new_path, &to);

	if (err < 0)
		return err;
	if (!from->inode)
		return -ENOENT;
	if (!to.dir || (to.inode && S_ISDIR(to.inode->mode)))
		return -EISDIR;
	if (from->inode == to.inode)
		return 0;
	group = sim_disk_group(disk);
	sim_dir_set(to.dir, to.name, to.len, from->inode, group);
	sim_dir_set(from->dir, from->name, from->len, NULL, group);
	if (process->world->options.renamed)
		process->world->options.renamed(process, op->u.file.new_path);
	return 0;
}

static int do_mkdir(struct sim_process *process, const struct op *op,
		    const struct place *place)
{
	struct sim_disk *disk = process->machine->disk;
	struct sim_inode *inode;

	if (place->inode)
		return -EEXIST;
	if (process->world->faults.disk_full)
		return -ENOSPC;
	inode = sim_inode_new(disk, S_IFDIR | (op->u.file.mode & 07777));
	sim_dir_set(place->dir, place->name, place->len, inode,
		    sim_disk_group(disk));
	sim_inode_release(inode);
	return 0;
}

int sim_path_perform(struct sim_process *process, struct op *op)
{
	struct place place;
	int err;

	if (op->code == OP_FSYNC)
		return do_fsync(process, op);
	if (op->code == OP_OPENAT)
		return do_open(process, op);
	err = find(process, op->fd, op->u.file.path, &place);
	if (err < 0)
		return err;
	if (process->world->faults.disk_readonly)
		return -EROFS;
	switch (op->code) {
	case OP_RENAMEAT:
		return do_rename(process, op, &place);
	case OP_UNLINKAT:
		return do_unlink(op, &place, process->machine->disk);
	default:
		return do_mkdir(process, op, &place);
	}
}

bool sim_is_file_op(const struct sim_process *process, const struct op *op)
{
	const struct sim_file *file;

	if (op->code >= OP_OPENAT)
		return true;
	if (op->code != OP_READ && op->code != OP_WRITE)
		return false;
	file = sim_file_at(process, op->fd);
	return file && file->ops->on_disk;
}

/* --- Calls that do not wait --- */

static int fill_stat(const struct sim_process *process,
		     const struct sim_inode *inode, struct stat *st)
{
	*st = (struct stat){
		.st_dev = process->machine->number,
		.st_ino = inode->number,
		.st_mode = inode->mode,
		.st_nlink = 1,
		.st_size = (off_t)inode->now.size,
		.st_mtim = { .tv_sec = inode->changed / SIM_S,
			     .tv_nsec = inode->changed % SIM_S },
	};
	return 0;
}

static int do_lock(const struct disk_file *open, int how)
{
	struct sim_inode *inode = open->inode;

	if (how & LOCK_UN) {
		if (inode->locker == &open->file)
			inode->locker = NULL;
		return 0;
	}
	if ((inode->locker && inode->locker != &open->file) ||
	    open->file.world->time < inode->locked_until)
		return -EWOULDBLOCK;
	inode->locker = (struct sim_file *)(uintptr_t)&open->file;
	return 0;
}

static int do_list(const struct disk_file *open, const struct sys_call *call)
{
	const struct sim_names *names = &open->inode->names;

	if (!S_ISDIR(open->inode->mode))
		return -ENOTDIR;
	for (uint32_t i = 0; i < names->count; i++)
		call->each(call->arg, names->list[i].name);
	return 0;
}

static int on_open_file(struct sim_process *process, struct sys_call *call)
{
	const struct disk_file *open = disk_file_at(process, call->fd);

	if (!open && call->code == SYS_FSTAT &&
	    sim_file_at(process, call->fd)) {
		*call->st = (struct stat){ .st_mode = S_IFIFO | 0600 };
		return 0;
	}
	if (!open)
		return -EBADF;
	switch (call->code) {
	case SYS_FSTAT:
		return fill_stat(process, open->inode, call->st);
	case SYS_FCHMOD:
		open->inode->mode = (open->inode->mode & S_IFMT) |
				    ((mode_t)call->a & 07777);
		return 0;
	case SYS_FLOCK:
		return do_lock(open, call->a);
	default:
		return do_list(open, call);
	}
}

int sim_path_sys(struct sim_process *process, struct sys_call *call)
{
	struct place place;
	int err;

	if (call->code == SYS_FSTAT || call->code == SYS_FCHMOD ||
	    call->code == SYS_FLOCK || call->code == SYS_LIST)
		return on_open_file(process, call);
	if (call->code != SYS_FSTATAT && call->code != SYS_INOTIFY_ADD)
		return sim_watch_sys(process, call, NULL);
	err = find(process, call->code == SYS_FSTATAT ? call->fd : AT_FDCWD,
		   call->path, &place);
	if (err < 0)
		return err;
	if (!place.inode)
		return -ENOENT;
	return call->code == SYS_FSTATAT
		       ? fill_stat(process, place.inode, call->st)
		       : sim_watch_sys(process, call, place.inode);
}

/* --- For the world's owner --- */

static struct sim_inode *put(struct sim_machine *machine, const char *path,
			     mode_t mode)
{
	struct sim_disk *disk = machine->disk;
	struct place place;
	struct sim_inode *inode;

	if (walk(sim_disk_root(disk), path, &place) < 0)
		abort();
	if (place.inode)
		return place.inode;
	inode = sim_inode_new(disk, mode);
	inode->changed = sim_wall(machine);
	sim_dir_set(place.dir, place.name, place.len, inode,
		    sim_disk_group(disk));
	sim_inode_sync(place.dir);
	sim_inode_release(inode);
	return inode;
}

void sim_disk_mkdir(struct sim_machine *machine, const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		abort();
	for (char *end = copy + 1; (end = strchr(end, '/')) != NULL; end++) {
		*end = '\0';
		put(machine, copy, S_IFDIR | 0755);
		*end = '/';
	}
	put(machine, path, S_IFDIR | 0755);
	free(copy);
}

void sim_disk_put(struct sim_machine *machine, const char *path,
		  const void *data, size_t len)
{
	struct sim_inode *inode = put(machine, path, S_IFREG | 0600);

	sim_inode_truncate(inode);
	sim_inode_write(inode, 0, data, len);
	sim_inode_sync(inode);
}

int64_t sim_disk_get(const struct sim_machine *machine, const char *path,
		     bool synced, const char **data)
{
	const struct sim_inode *inode =
		sim_disk_look(machine->disk, path, synced);
	const struct sim_bytes *bytes;

	if (!inode || S_ISDIR(inode->mode))
		return -ENOENT;
	bytes = synced ? &inode->safe : &inode->now;
	*data = bytes->size > 0 ? bytes->data : "";
	return (int64_t)bytes->size;
}
