// SPDX-License-Identifier: MIT
/*
 * roles - what a workspace's config.yaml lets its agent do.
 *
 *	rbac:
 *	  roles: [operator]		# or one name
 *	  allowed_actions:		# roles of one's own; they go first
 *	    analyst: [memory.read, memory.write]
 *
 * Everything else in the file belongs to others and is passed over. A right is
 * given when any of the roles gives it; a role that nobody knows gives nothing.
 *
 *	admin, operator			everything
 *	no-delegation			all but delegate
 *	no-approval			all but approve
 *	read-only, memory-readonly	memory.read
 */
#ifndef PROTO_ROLES_H
#define PROTO_ROLES_H

#include <stddef.h>

#define ROLES_DEPTH_MAX 32     /* of the file */
#define ROLES_VALUES_MAX 65536 /* scalars, lists and mappings in it */
#define ROLES_DEFAULT "operator"

enum roles_right {
	ROLES_DELEGATE = 1,
	ROLES_APPROVE = 2,
	ROLES_MEMORY_READ = 4,
	ROLES_MEMORY_WRITE = 8,
	ROLES_ALL = 15,
};

struct roles {
	unsigned rights; /* of enum roles_right */
	char *names;	 /* "read-only, analyst"; "" with an empty list */
	char *unknown;	 /* those among them that give nothing, or NULL */
};

/* Reads a file's text, which need not end in NUL. Fills in *out, to be freed
 * with roles_free. Returns 0; -ENOMEM; or -EBADMSG: the file is broken, *out
 * is what ROLES_DEFAULT gives, and *why says what is wrong, with its line where
 * there is one ("line 3: mapping values are not allowed in this context");
 * owned by the caller: free. */
int roles_read(struct roles *out, const char *text, size_t len, char **why);
void roles_free(struct roles *roles);

/* The name of a right as the file has it: "memory.write". Static text. */
const char *roles_right_name(enum roles_right right);

#endif
