// SPDX-License-Identifier: MIT
#include "app/journal_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "app/journal.h"
#include "app/state_dir.h"
#include "proto/activity.h"
#include "runtime/io.h"
#include "runtime/rt.h"

/* A message may be written twice when a file was written anew. */
static bool is_live(const struct journal_load *load, const char *id)
{
	for (size_t i = 0; i < load->count; i++)
		if (strcmp(load->live[i].message->activity_id, id) == 0)
			return true;
	return false;
}

static void drop_live(struct journal_load *load, const char *id)
{
	for (size_t i = 0; i < load->count; i++) {
		struct activity_message *message = load->live[i].message;

		if (strcmp(message->activity_id, id) != 0)
			continue;
		free(message);
		load->count--;
		memmove(load->live + i, load->live + i + 1,
			(load->count - i) * sizeof(*load->live));
		return;
	}
}

static int add_live(struct journal_load *load,
		    const struct journal_record *record)
{
	struct journal_found found = { .doubtful = record->doubtful };

	if (load->count == load->cap) {
		size_t cap = load->cap ? 2 * load->cap : 64;
		struct journal_found *more =
			realloc(load->live, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		load->live = more;
		load->cap = cap;
	}
	found.message = activity_message_new(&record->message);
	if (!found.message)
		return -ENOMEM;
	load->live[load->count++] = found;
	return 0;
}

static int set_seen(struct journal_load *load, const char *id, const char *at)
{
	free(load->seen_id);
	free(load->seen_at);
	load->seen_id = strdup(id);
	load->seen_at = strdup(at);
	return load->seen_id && load->seen_at ? 0 : -ENOMEM;
}

static void on_record(void *arg, const struct journal_record *record)
{
	struct journal_load *load = arg;
	int err = 0;

	switch (record->kind) {
	case JOURNAL_MESSAGE:
		if (!journal_ids_have(&load->popped,
				      record->message.activity_id) &&
		    !is_live(load, record->message.activity_id))
			err = add_live(load, record);
		break;
	case JOURNAL_POPPED:
		drop_live(load, record->id);
		if (!journal_ids_have(&load->popped, record->id))
			err = journal_ids_add(&load->popped, record->id,
					      load->now_s);
		break;
	case JOURNAL_SEEN:
		if (!record->doubtful)
			err = set_seen(load, record->id, record->at);
		break;
	}
	if (err && !load->err)
		load->err = err;
}

/* The whole file in memory: NULL and *err when that cannot be. */
static char *read_file(struct rt *rt, struct state_dir *state, const char *name,
		       size_t *len, int *err)
{
	char *data = NULL;
	struct stat st;
	int fd = state_dir_open(state, name, O_RDONLY | O_NONBLOCK);

	if (fd < 0) {
		*err = fd;
		return NULL;
	}
	*err = io_fstat(rt, fd, &st);
	if (!*err && !S_ISREG(st.st_mode))
		*err = -ENOTSUP;
	if (!*err && st.st_size > (off_t)JOURNAL_FILE_MAX)
		*err = -EFBIG;
	if (!*err) {
		data = malloc((size_t)st.st_size + 1);
		*err = data ? 0 : -ENOMEM;
	}
	for (*len = 0; !*err && *len < (size_t)st.st_size;) {
		ssize_t n = io_read(rt, fd, data + *len,
				    (size_t)st.st_size - *len, DEADLINE_NEVER);

		if (n < 0)
			*err = (int)n;
		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	io_close(rt, fd);
	if (*err) {
		free(data);
		data = NULL;
	}
	return data;
}

int journal_load(struct journal_load *load, struct rt *rt,
		 struct state_dir *state, const char *name)
{
	int err;
	char *data;

	*load = (struct journal_load){
		.now_s = clock_now(rt, CLOCK_ID_BOOTTIME) / CLOCK_NS_PER_S,
		.whole = true,
	};
	data = read_file(rt, state, name, &load->size, &err);
	if (!data)
		return err;
	load->damaged = journal_file_parse(data, load->size, on_record, load,
					   &load->whole);
	free(data);
	return load->damaged < 0 ? load->damaged : load->err;
}

void journal_load_free(struct journal_load *load)
{
	for (size_t i = 0; i < load->count; i++)
		free(load->live[i].message);
	free(load->live);
	journal_ids_free(&load->popped);
	free(load->seen_id);
	free(load->seen_at);
	*load = (struct journal_load){ 0 };
}
