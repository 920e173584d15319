// SPDX-License-Identifier: MIT
/*
 * libFuzzer: roles_read on any bytes. Whatever the file is, what comes out is
 * complete: rights that exist, names, and a reason exactly when it is broken.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/roles.h"

#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct roles roles;
	char *why;
	int err = roles_read(&roles, (const char *)data, size, &why);

	CHECK(err == 0 || err == -EBADMSG);
	CHECK((err == 0) == (why == NULL));
	CHECK((roles.rights & ~(unsigned)ROLES_ALL) == 0);
	CHECK(roles.names != NULL);
	CHECK(!roles.unknown || *roles.names);
	if (err)
		CHECK(roles.rights == ROLES_ALL &&
		      strcmp(roles.names, ROLES_DEFAULT) == 0);
	roles_free(&roles);
	free(why);
	return 0;
}
