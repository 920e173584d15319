// SPDX-License-Identifier: MIT
/*
 * page - the rows of one answer to an inbox poll.
 *
 * Usually they are the elements of the answer's tree. When the answer is too
 * much for one tree (too deep, or of too many values, and then it is one row's
 * fault) the rows are found in the text and read one by one. Of a row that is
 * too much by itself the short members remain: its id, so that the cursor can
 * move past it, and its summary, so that the agent learns of it.
 */
#ifndef APP_PAGE_H
#define APP_PAGE_H

#include <jansson.h>
#include <stddef.h>

struct jsonrpc_raw;
struct platform_reply;

/* Rows that are read from text at most; the platform gives 500. */
#define PAGE_ROWS_MAX 1000u
#define PAGE_MEMBER_MAX 65536u /* bytes of a member that remains */

struct page {
	const json_t *tree;	 /* borrowed from the reply, or NULL */
	struct jsonrpc_raw *raw; /* else the rows' texts */
	size_t count;
};

/* Finds the rows in the body of a successful reply, which must outlive the
 * page. 0; -EBADMSG when that is not a list; -E2BIG when there are more than
 * PAGE_ROWS_MAX; -ENOMEM. Does not park. */
int page_read(struct page *page, struct platform_reply *reply);
void page_free(struct page *page);

/* Row `i`, a new reference; an empty object when nothing of it could be read;
 * NULL when out of memory. Does not park. */
json_t *page_row(const struct page *page, size_t i);

#endif
