// SPDX-License-Identifier: MIT
#include "app/platform/populate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/members.h"
#include "app/platform/state.h"
#include "proto/json.h"
#include "runtime/io.h"

#define NAME_MAX_LEN 32

int populate(struct platform *platform, uint32_t count)
{
	char name[NAME_MAX_LEN];
	struct member_draft draft = {
		.name = name,
		.tier = 1,
		.broadcast = platform->options.allow_broadcast,
	};
	int err = 0;

	for (uint32_t i = 1; err == 0 && i <= count; i++) {
		struct member *member;

		(void)snprintf(name, sizeof(name), "Workspace %u", i);
		ident_random(platform->rt, &draft.id);
		err = members_add(platform, &draft, &member);
		if (err == 0 && !member_token_mint(platform, member))
			err = -ENOMEM;
	}
	return err;
}

/* The list as text, owned by the caller; it holds tokens. */
static char *list_text(const struct platform *platform, size_t *len)
{
	const struct member *member = platform->members.first;
	json_t *list = json_array();
	char *text;

	for (; member; member = member->next) {
		if (member->tokens[0])
			json_array_append_new(
				list,
				json_pack("{s:s, s:s}", "id", member->id.text,
					  "token", member->tokens[0]));
	}
	text = list ? json_dump_line(list, len) : NULL;
	json_decref(list);
	return text;
}

static int file_write(struct rt *rt, const char *path, const char *text,
		      size_t len)
{
	int fd = io_openat(rt, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC,
			   0600, DEADLINE_NEVER);
	int err = fd < 0 ? fd : io_fchmod(rt, fd, 0600);

	if (err == 0)
		err = io_write_all(rt, fd, text, len, NULL, DEADLINE_NEVER);
	if (fd >= 0)
		io_close(rt, fd);
	return err;
}

int populate_write(const struct platform *platform, const char *path)
{
	size_t len = 0;
	char *text = list_text(platform, &len);
	int err;

	if (!text)
		return -ENOMEM;
	err = file_write(platform->rt, path, text, len);
	explicit_bzero(text, len);
	free(text);
	return err;
}
