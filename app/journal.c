// SPDX-License-Identifier: MIT
#include "app/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/journal_file.h"
#include "app/journal_ids.h"
#include "app/journal_load.h"
#include "app/log.h"
#include "app/state_dir.h"
#include "proto/activity.h"
#include "runtime/defect.h"
#include "runtime/event.h"
#include "runtime/io.h"
#include "runtime/rt.h"
#include "runtime/scope.h"
#include "runtime/task.h"

/* The file is written anew when it has grown to so many times what it was the
 * last time. */
#define GROWTH 4u

struct journal {
	struct journal_options options;
	struct rt *rt;
	char *name; /* of the file */
	struct scope scope;
	bool flushing;	  /* its task lives */
	struct cond done; /* something was written, or could not be */

	int fd;	     /* -1: not open */
	bool mend;   /* the file is not there, or not as it should be */
	bool fresh;  /* it never was: all there is is in `pending` */
	bool found;  /* a process before this one left it, and may not have
		      * synced what is in it, nor its name */
	size_t size; /* of the file */
	size_t base; /* its size when all in it was alive, about */

	/* Records that are not in the file, and how far records have come. */
	struct journal_bytes pending;
	uint64_t added, written, synced;
	uint64_t sync_wanted;
	uint64_t failures;
	int err;      /* of the last failure */
	int keep_err; /* of journal_keep, while all is collected */
	bool warned;

	struct journal_ids popped;
	char *seen_id, *seen_at; /* NULL: "" */
};

struct journal *journal_new(const struct journal_options *options)
{
	struct journal *journal = calloc(1, sizeof(*journal));

	if (!journal)
		return NULL;
	if (asprintf(&journal->name, JOURNAL_NAME "%s", options->workspace_id) <
	    0) {
		free(journal);
		return NULL;
	}
	journal->options = *options;
	journal->options.workspace_id = NULL;
	journal->rt = options->rt;
	journal->fd = -1;
	journal->mend = true;
	cond_init(journal->rt, &journal->done);
	scope_open(journal->rt, &journal->scope, DEADLINE_NEVER);
	return journal;
}

void journal_free(struct journal *journal, struct deadline deadline)
{
	if (!journal)
		return;
	scope_wait(&journal->scope, deadline);
	scope_close(&journal->scope);
	if (journal->fd >= 0)
		io_close(journal->rt, journal->fd);
	journal_bytes_free(&journal->pending);
	journal_ids_free(&journal->popped);
	free(journal->seen_id);
	free(journal->seen_at);
	free(journal->name);
	free(journal);
}

static int remember_seen(struct journal *journal, const char *id,
			 const char *at)
{
	char *new_id = strdup(id);
	char *new_at = strdup(at);

	if (!new_id || !new_at) {
		free(new_id);
		free(new_at);
		return -ENOMEM;
	}
	free(journal->seen_id);
	free(journal->seen_at);
	journal->seen_id = new_id;
	journal->seen_at = new_at;
	return 0;
}

static int remember_popped(struct journal *journal, const char *id)
{
	return journal_ids_add(&journal->popped, id,
			       clock_now(journal->rt, CLOCK_ID_BOOTTIME) /
				       CLOCK_NS_PER_S);
}

static void tell_damage(const struct journal *journal, int damaged, size_t kept)
{
	log_warning(journal->options.log,
		    "inbox: the journal %s was damaged: %d %s could not be "
		    "read, %zu waiting %s kept; it is being mended",
		    journal->name, damaged, damaged == 1 ? "record" : "records",
		    kept, kept == 1 ? "message was" : "messages were");
}

/* Trying again would not help. */
static bool is_final(int err)
{
	return err == -ENOTSUP || err == -EFBIG || err == -ELOOP ||
	       err == -EACCES || err == -EPERM;
}

/* The file is there and cannot be read: it is not written over. */
static int unreadable(struct journal *journal, int err)
{
	if (!is_final(err))
		return err;
	log_warning(journal->options.log,
		    "inbox: the journal %s cannot be read: %s; it is kept as "
		    "%s.damaged, and the messages in it are missing",
		    journal->name, strerrordesc_np(-err), journal->name);
	return state_dir_set_aside(journal->options.state, journal->name);
}

/* Everything that is alive, for a new file. */
static int collect(struct journal *journal, struct journal_bytes *all)
{
	struct journal_bytes waiting = journal->pending;
	const char *id;
	int err = 0;

	for (size_t i = 0;
	     !err && (id = journal_ids_at(&journal->popped, i)) != NULL; i++)
		err = journal_file_add(
			all, &(struct journal_record){ .kind = JOURNAL_POPPED,
						       .id = id });
	if (!err && *journal_seen_id(journal))
		err = journal_file_add(
			all, &(struct journal_record){
				     .kind = JOURNAL_SEEN,
				     .id = journal_seen_id(journal),
				     .at = journal_seen_at(journal) });
	if (err)
		return err;
	/* What is kept goes through the same buffer as what is added. */
	journal->pending = *all;
	journal->keep_err = 0;
	if (journal->options.live)
		journal->options.live(journal->options.arg, journal);
	*all = journal->pending;
	journal->pending = waiting;
	return journal->keep_err
		       ? journal->keep_err
		       : journal_bytes_add(all, waiting.data, waiting.len);
}

void journal_keep(struct journal *journal,
		  const struct activity_message *message)
{
	int err = journal_file_add(
		&journal->pending,
		&(struct journal_record){ .kind = JOURNAL_MESSAGE,
					  .message = *message });

	if (err)
		journal->keep_err = err;
}

/* What the file would have if it were written anew. Else one that grows a
 * little each time would do so for ever. */
static void measure(struct journal *journal)
{
	struct journal_bytes all = { 0 };

	if (collect(journal, &all) == 0)
		journal->base = all.len;
	journal_bytes_free(&all);
}

/* Hands on what is alive. */
static void
tell_live(const struct journal *journal, const struct journal_load *load,
	  void (*message)(void *arg, const struct activity_message *message),
	  void *arg)
{
	const struct journal_options *options = &journal->options;

	for (size_t i = 0; i < load->count; i++) {
		const struct journal_found *found = &load->live[i];

		if (found->doubtful && options->doubtful)
			options->doubtful(options->arg, found->message);
		else
			message(arg, found->message);
	}
}

int journal_open(struct journal *journal,
		 void (*message)(void *arg,
				 const struct activity_message *message),
		 void *arg)
{
	struct journal_load load;
	int err = journal_load(&load, journal->rt, journal->options.state,
			       journal->name);

	journal->fresh = err == -ENOENT || err == -ENOTDIR;
	if (err) {
		journal_load_free(&load);
		return journal->fresh ? 0 : unreadable(journal, err);
	}
	journal->size = journal->base = load.size;
	journal->found = true;
	journal->added = journal->written = 1;
	journal->mend = load.damaged > 0 || !load.whole;
	journal->popped = load.popped;
	journal->seen_id = load.seen_id;
	journal->seen_at = load.seen_at;
	load.popped = (struct journal_ids){ 0 };
	load.seen_id = load.seen_at = NULL;
	if (load.damaged > 0)
		tell_damage(journal, load.damaged, load.count);
	tell_live(journal, &load, message, arg);
	journal_load_free(&load);
	if (journal->size > JOURNAL_SMALL)
		measure(journal);
	return 0;
}

static int add(struct journal *journal, const struct journal_record *record)
{
	int err = journal_file_add(&journal->pending, record);

	if (!err)
		journal->added++;
	return err;
}

int journal_put(struct journal *journal, const struct activity_message *message)
{
	return add(journal, &(struct journal_record){ .kind = JOURNAL_MESSAGE,
						      .message = *message });
}

int journal_pop(struct journal *journal, const char *activity_id)
{
	int err;

	if (journal_ids_have(&journal->popped, activity_id))
		return 0;
	/* First the record: an id that is remembered has one. */
	err = add(journal, &(struct journal_record){ .kind = JOURNAL_POPPED,
						     .id = activity_id });
	return err ? err : remember_popped(journal, activity_id);
}

bool journal_popped(const struct journal *journal, const char *activity_id)
{
	return journal_ids_have(&journal->popped, activity_id);
}

int journal_seen(struct journal *journal, const char *row_id,
		 const char *created_at)
{
	int err;

	if (strcmp(journal_seen_id(journal), row_id) == 0)
		return 0;
	err = remember_seen(journal, row_id, created_at);
	return err ? err
		   : add(journal,
			 &(struct journal_record){ .kind = JOURNAL_SEEN,
						   .id = row_id,
						   .at = created_at });
}

const char *journal_seen_id(const struct journal *journal)
{
	return journal->seen_id ? journal->seen_id : "";
}

const char *journal_seen_at(const struct journal *journal)
{
	return journal->seen_at ? journal->seen_at : "";
}

/* Says once that writing does not succeed, and once that it does again. */
static void say(struct journal *journal, int err)
{
	const char *dir = state_dir_path(journal->options.state);

	if (!err && journal->warned)
		log_warning(journal->options.log,
			    "inbox: the journal %s can be written again",
			    journal->name);
	else if (err && !journal->warned)
		log_warning(journal->options.log,
			    "inbox: cannot write the journal %s/%s: %s. "
			    "Messages still come, but after a restart they "
			    "come again. Make room there, or set CONFIGS_DIR "
			    "to a directory that can be written",
			    dir ? dir : "(no directory)", journal->name,
			    strerrordesc_np(-err));
	journal->warned = err != 0;
}

/* While nothing can be written, what is dead does not pile up. */
static void condense(struct journal *journal)
{
	struct journal_bytes waiting = journal->pending, all = { 0 };

	if (waiting.len <= JOURNAL_SMALL ||
	    waiting.len / GROWTH <= journal->base)
		return;
	journal->pending = (struct journal_bytes){ 0 };
	if (collect(journal, &all) == 0) {
		journal->pending = all;
		journal->base = all.len;
		journal_bytes_free(&waiting);
	} else {
		journal->pending = waiting;
		journal_bytes_free(&all);
	}
}

/* Puts a new file in the place of the old one. */
static int rewrite(struct journal *journal)
{
	struct journal_bytes all = { 0 };
	size_t covered = journal->pending.len;
	uint64_t added = journal->added;
	int fd = -1;
	int err = journal->fresh
			  ? journal_bytes_add(&all, journal->pending.data,
					      journal->pending.len)
			  : collect(journal, &all);

	if (!err)
		fd = state_dir_replace(journal->options.state, journal->name,
				       all.data, all.len);
	if (!err && fd >= 0) {
		if (journal->fd >= 0)
			io_close(journal->rt, journal->fd);
		journal->fd = fd;
		journal->size = journal->base = all.len;
		journal->mend = journal->fresh = journal->found = false;
		journal->written = journal->synced = added;
		journal_bytes_cut(&journal->pending, covered);
	}
	journal_bytes_free(&all);
	if (!err && fd < 0)
		err = fd;
	if (err)
		condense(journal);
	return err;
}

static int append(struct journal *journal)
{
	struct journal_bytes data = journal->pending;
	uint64_t added = journal->added;
	int err;

	journal->pending = (struct journal_bytes){ 0 };
	err = io_write_all(journal->rt, journal->fd, data.data, data.len, NULL,
			   DEADLINE_NEVER);
	if (!err) {
		journal->size += data.len;
		journal->written = added;
		journal_bytes_free(&data);
		return 0;
	}
	/* Half a record may stand in the file: a new one is needed, with what
	 * did not get into this one. */
	journal->mend = true;
	if (journal_bytes_add(&data, journal->pending.data,
			      journal->pending.len) == 0) {
		journal_bytes_free(&journal->pending);
		journal->pending = data;
	} else {
		journal_bytes_free(&data);
	}
	return err;
}

static bool too_large(const struct journal *journal)
{
	return journal->size > JOURNAL_SMALL &&
	       journal->size / GROWTH > journal->base;
}

/* Opens the file that was read. */
static int reopen(struct journal *journal)
{
	int fd = state_dir_open(journal->options.state, journal->name,
				O_WRONLY | O_APPEND);

	if (fd < 0) {
		journal->mend = true;
		return 0;
	}
	journal->fd = fd;
	return 0;
}

/* Puts what is in the file on the disk. */
static int put_on_disk(struct journal *journal)
{
	uint64_t written = journal->written;
	int err = DEFECT(NO_FSYNC)
			  ? 0
			  : io_fsync(journal->rt, journal->fd, DEADLINE_NEVER);

	if (err) {
		journal->mend = true; /* what was lost is not known */
		return err;
	}
	if (journal->found)
		err = state_dir_sync(journal->options.state);
	if (err)
		return err;
	journal->found = false;
	journal->synced = written;
	return 0;
}

static int flush(struct journal *journal)
{
	int err = 0;

	if (!journal->mend && journal->fd < 0)
		err = reopen(journal);
	if (!err && (journal->mend || too_large(journal)))
		return rewrite(journal);
	if (!err && journal->pending.len > 0)
		err = append(journal);
	if (err || journal->sync_wanted <= journal->synced)
		return err;
	cond_broadcast(&journal->done); /* who only waits for the file */
	return put_on_disk(journal);
}

static bool work_left(const struct journal *journal)
{
	return journal->written < journal->added ||
	       journal->synced < journal->sync_wanted;
}

static void flush_task(struct rt *rt, void *arg)
{
	struct journal *journal = arg;
	int err = 0;

	while (!err && work_left(journal) && !task_cancelled(rt)) {
		err = flush(journal);
		if (err) {
			journal->err = err;
			journal->failures++;
		}
		if (err != -ECANCELED)
			say(journal, err);
		cond_broadcast(&journal->done);
	}
	journal->flushing = false;
	cond_broadcast(&journal->done);
}

/* Parks until *reached is at least `target`. */
static int await(struct journal *journal, const uint64_t *reached,
		 uint64_t target, struct deadline deadline)
{
	uint64_t failures = journal->failures;

	while (*reached < target) {
		int err = 0;

		if (journal->failures != failures)
			return journal->err;
		if (!journal->flushing) {
			err = task_spawn(&journal->scope, "journal",
					 TASK_STACK_NORMAL, flush_task,
					 journal);
			journal->flushing = err == 0;
		}
		if (!err)
			err = cond_wait(&journal->done, deadline);
		if (err)
			return err;
	}
	return 0;
}

int journal_write(struct journal *journal, struct deadline deadline)
{
	return await(journal, &journal->written, journal->added, deadline);
}

int journal_sync(struct journal *journal, struct deadline deadline)
{
	if (journal->sync_wanted < journal->added)
		journal->sync_wanted = journal->added;
	return await(journal, &journal->synced, journal->added, deadline);
}
