// SPDX-License-Identifier: MIT
#include "runtime/sim_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sim_impl.h"

/* What a disk writes as one; a torn write ends at such a boundary. */
#define BLOCK 512u
#define BYTES_MIN 256u
#define WRITE_BACK (30 * SIM_S)

/* A name that is, or is no longer, in a directory, and not safe yet. */
struct change {
	struct change *next;
	uint64_t group;
	int64_t at;
	struct sim_inode *dir;
	struct sim_inode *inode; /* NULL: taken away */
	char *name;
};

struct sim_disk {
	struct sim_world *world;
	struct sim_inode *root, *inodes;
	struct change *first, **last;
	uint64_t groups, numbers;
};

/* --- Inodes --- */

struct sim_inode *sim_inode_new(struct sim_disk *disk, mode_t mode)
{
	struct sim_inode *inode = sim_alloc(sizeof(*inode));

	inode->disk = disk;
	inode->mode = mode;
	inode->refs = 1;
	inode->number = ++disk->numbers;
	inode->next = disk->inodes;
	if (inode->next)
		inode->next->prev = inode;
	disk->inodes = inode;
	return inode;
}

struct sim_inode *sim_inode_hold(struct sim_inode *inode)
{
	inode->refs++;
	return inode;
}

static void drop_names(struct sim_names *names);

void sim_inode_release(struct sim_inode *inode)
{
	if (--inode->refs > 0)
		return;
	drop_names(&inode->names);
	drop_names(&inode->safe_names);
	if (inode->prev)
		inode->prev->next = inode->next;
	else
		inode->disk->inodes = inode->next;
	if (inode->next)
		inode->next->prev = inode->prev;
	free(inode->now.data);
	free(inode->safe.data);
	free(inode);
}

/* --- Bytes --- */

static void resize(struct sim_bytes *bytes, size_t size)
{
	size_t cap = bytes->cap ? bytes->cap : BYTES_MIN;

	while (cap < size)
		cap *= 2;
	if (cap > bytes->cap) {
		bytes->data = sim_realloc(bytes->data, cap);
		bytes->cap = cap;
	}
	if (size > bytes->size)
		memset(bytes->data + bytes->size, 0, size - bytes->size);
	bytes->size = size;
}

static void mark_dirty(struct sim_inode *inode, size_t from, size_t to)
{
	bool clean = inode->dirty_from == inode->dirty_to;

	if (clean || from < inode->dirty_from)
		inode->dirty_from = from;
	if (clean || to > inode->dirty_to)
		inode->dirty_to = to;
}

void sim_inode_write(struct sim_inode *inode, size_t at, const void *data,
		     size_t len)
{
	size_t from = at < inode->now.size ? at : inode->now.size;

	if (len == 0)
		return;
	if (at + len > inode->now.size)
		resize(&inode->now, at + len);
	memcpy(inode->now.data + at, data, len);
	mark_dirty(inode, from, at + len);
}

size_t sim_inode_read(const struct sim_inode *inode, size_t at, void *data,
		      size_t len)
{
	if (at >= inode->now.size)
		return 0;
	if (len > inode->now.size - at)
		len = inode->now.size - at;
	memcpy(data, inode->now.data + at, len);
	return len;
}

void sim_inode_truncate(struct sim_inode *inode)
{
	if (inode->now.size > 0)
		mark_dirty(inode, 0, inode->now.size);
	inode->now.size = 0;
}

/* Makes bytes [from, to) of a file safe, as far as there are any now. */
static void save(struct sim_inode *inode, size_t from, size_t to)
{
	if (to > inode->now.size)
		to = inode->now.size;
	if (from >= to)
		return;
	if (to > inode->safe.size)
		resize(&inode->safe, to);
	memcpy(inode->safe.data + from, inode->now.data + from, to - from);
}

static void sync_bytes(struct sim_inode *inode)
{
	save(inode, inode->dirty_from, inode->dirty_to);
	resize(&inode->safe, inode->now.size);
	inode->dirty_from = inode->dirty_to = 0;
}

void sim_inode_sync_failed(struct sim_inode *inode)
{
	inode->dirty_from = inode->dirty_to = 0;
}

/* --- Names --- */

static struct sim_name *find_name(const struct sim_names *names,
				  const char *name, size_t len)
{
	for (uint32_t i = 0; i < names->count; i++)
		if (strncmp(names->list[i].name, name, len) == 0 &&
		    names->list[i].name[len] == '\0')
			return &names->list[i];
	return NULL;
}

/* Puts a name in, over another, or takes it out. */
static void set_name(struct sim_names *names, const char *name,
		     struct sim_inode *inode)
{
	struct sim_name *found = find_name(names, name, strlen(name));

	if (inode)
		sim_inode_hold(inode);
	if (found) {
		sim_inode_release(found->inode);
		found->inode = inode;
		if (!inode) {
			free(found->name);
			*found = names->list[--names->count];
		}
		return;
	}
	if (!inode)
		return;
	if (names->count == names->cap) {
		names->cap = names->cap ? names->cap * 2 : 4;
		names->list = sim_realloc(names->list,
					  names->cap * sizeof(*names->list));
	}
	found = &names->list[names->count++];
	found->name = sim_alloc(strlen(name) + 1);
	memcpy(found->name, name, strlen(name));
	found->inode = inode;
}

static void drop_names(struct sim_names *names)
{
	for (uint32_t i = 0; i < names->count; i++) {
		free(names->list[i].name);
		sim_inode_release(names->list[i].inode);
	}
	free(names->list);
	*names = (struct sim_names){ 0 };
}

struct sim_inode *sim_dir_find(const struct sim_inode *dir, const char *name,
			       size_t len)
{
	const struct sim_name *found = find_name(&dir->names, name, len);

	return found ? found->inode : NULL;
}

uint64_t sim_disk_group(struct sim_disk *disk)
{
	return ++disk->groups;
}

static void drop_change(struct change *change)
{
	sim_inode_release(change->dir);
	if (change->inode)
		sim_inode_release(change->inode);
	free(change->name);
	free(change);
}

/* The change that happens together with this one, which is the first. */
static struct change *companion(const struct change *change)
{
	struct change *next = change->next;

	return next && next->group == change->group ? next : NULL;
}

static void make_safe(const struct change *change)
{
	set_name(&change->dir->safe_names, change->name, change->inode);
}

/* Takes out the changes that concern the directory (NULL: all), and makes those
 * safe that are chosen (NULL: all). */
static void
settle_changes(struct sim_disk *disk, const struct sim_inode *dir,
	       bool (*chosen)(void *arg, const struct change *first), void *arg)
{
	struct change **link = &disk->first, *first;

	while ((first = *link) != NULL) {
		struct change *second = companion(first);

		if (dir && first->dir != dir &&
		    (!second || second->dir != dir)) {
			link = second ? &second->next : &first->next;
			continue;
		}
		*link = second ? second->next : first->next;
		if (!chosen || chosen(arg, first)) {
			make_safe(first);
			if (second)
				make_safe(second);
		}
		if (second)
			drop_change(second);
		drop_change(first);
	}
	disk->last = link;
}

/* The kernel writes by itself what has waited for long. */
static void write_back(struct sim_disk *disk)
{
	struct change *first;

	while ((first = disk->first) != NULL &&
	       first->at + WRITE_BACK < disk->world->time) {
		struct change *second = companion(first);

		make_safe(first);
		disk->first = first->next;
		if (second) {
			make_safe(second);
			disk->first = second->next;
			drop_change(second);
		}
		drop_change(first);
	}
	if (!disk->first)
		disk->last = &disk->first;
}

void sim_dir_set(struct sim_inode *dir, const char *name, size_t len,
		 struct sim_inode *inode, uint64_t group)
{
	struct sim_disk *disk = dir->disk;
	struct change *change = sim_alloc(sizeof(*change));

	if (disk->first && disk->first->group != group)
		write_back(disk);
	change->group = group;
	change->at = disk->world->time;
	change->dir = sim_inode_hold(dir);
	change->inode = inode ? sim_inode_hold(inode) : NULL;
	change->name = sim_alloc(len + 1);
	memcpy(change->name, name, len);
	*disk->last = change;
	disk->last = &change->next;
	set_name(&dir->names, change->name, inode);
}

void sim_inode_sync(struct sim_inode *inode)
{
	if (S_ISDIR(inode->mode))
		settle_changes(inode->disk, inode, NULL, NULL);
	else
		sync_bytes(inode);
}

/* --- The power fails --- */

struct survival {
	struct sim_random *lot;
	enum sim_loss loss;
	uint64_t until; /* SIM_LOSS_LATER: groups up to this */
};

static bool survives(void *arg, const struct change *first)
{
	const struct survival *s = arg;

	if (s->loss == SIM_LOSS_RANDOM)
		return sim_random_next(s->lot) & 1;
	return s->loss == SIM_LOSS_LATER && first->group <= s->until;
}

static void cut_bytes(struct sim_inode *inode, struct survival *s)
{
	size_t from = inode->dirty_from, to = inode->dirty_to;

	if (from < to && s->loss == SIM_LOSS_LATER) {
		uint32_t span = (uint32_t)(to - from) + 1;

		save(inode, from, from + sim_random_below(s->lot, span));
	} else if (from < to && s->loss == SIM_LOSS_RANDOM) {
		for (size_t at = from - from % BLOCK; at < to; at += BLOCK)
			if (sim_random_next(s->lot) & 1)
				save(inode, at < from ? from : at,
				     at + BLOCK < to ? at + BLOCK : to);
		if (inode->now.size < inode->safe.size &&
		    (sim_random_next(s->lot) & 1))
			inode->safe.size = inode->now.size;
	}
	resize(&inode->now, inode->safe.size);
	if (inode->safe.size > 0)
		memcpy(inode->now.data, inode->safe.data, inode->safe.size);
	inode->dirty_from = inode->dirty_to = 0;
}

static void cut_names(struct sim_inode *dir)
{
	drop_names(&dir->names);
	for (uint32_t i = 0; i < dir->safe_names.count; i++)
		set_name(&dir->names, dir->safe_names.list[i].name,
			 dir->safe_names.list[i].inode);
}

void sim_disk_cut(struct sim_disk *disk, enum sim_loss loss)
{
	struct survival s = { .lot = &disk->world->lot, .loss = loss };
	uint64_t before = disk->first ? disk->first->group - 1 : disk->groups;
	struct sim_inode *next;

	s.until =
		before +
		sim_random_below(s.lot, (uint32_t)(disk->groups - before) + 1);
	/* None goes while there are any to look at. */
	for (struct sim_inode *i = disk->inodes; i; i = i->next)
		sim_inode_hold(i);
	settle_changes(disk, NULL, survives, &s);
	for (struct sim_inode *i = disk->inodes; i; i = i->next)
		if (S_ISDIR(i->mode))
			cut_names(i);
		else
			cut_bytes(i, &s);
	for (struct sim_inode *i = disk->inodes; i; i = next) {
		next = i->next;
		sim_inode_release(i);
	}
}

/* --- The disk --- */

struct sim_disk *sim_disk_new(struct sim_world *world)
{
	struct sim_disk *disk = sim_alloc(sizeof(*disk));

	disk->world = world;
	disk->last = &disk->first;
	disk->root = sim_inode_new(disk, S_IFDIR | 0755);
	return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
	settle_changes(disk, NULL, NULL, NULL);
	sim_inode_release(disk->root);
	free(disk);
}

struct sim_inode *sim_disk_root(const struct sim_disk *disk)
{
	return disk->root;
}

struct sim_inode *sim_disk_look(const struct sim_disk *disk, const char *path,
				bool safe)
{
	struct sim_inode *inode = disk->root;

	for (path += strspn(path, "/"); inode && *path;
	     path += strspn(path, "/")) {
		size_t len = strcspn(path, "/");
		const struct sim_name *found = find_name(
			safe ? &inode->safe_names : &inode->names, path, len);

		inode = found ? found->inode : NULL;
		path += len;
	}
	return inode;
}

size_t sim_disk_used(const struct sim_machine *machine, uint32_t *files)
{
	size_t bytes = 0;

	*files = 0;
	for (const struct sim_inode *inode = machine->disk->inodes; inode;
	     inode = inode->next) {
		if (S_ISDIR(inode->mode))
			continue;
		bytes += inode->now.size;
		++*files;
	}
	return bytes;
}
