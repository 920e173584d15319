// SPDX-License-Identifier: MIT
#include "proto/tools.h"

#include <string.h>

int tools_find(const char *name)
{
	for (size_t i = 0; name && i < tools_count; i++) {
		if (strcmp(tools_table[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}
