// SPDX-License-Identifier: MIT
/*
 * identity - who a request speaks for: one workspace on one platform.
 *
 * Several identities can live in one process; whatever makes a request is
 * handed one. Nothing in it changes after start.
 */
#ifndef APP_IDENTITY_H
#define APP_IDENTITY_H

#include "app/token.h"
#include "net/url.h"

/* Strings are borrowed for the structure's life. */
struct identity {
	const char *workspace_id; /* may stand in a path as it is */
	const char *origin;	  /* the platform's address as text */
	struct url url;		  /* the same, taken apart */
	struct token_source token;
};

#endif
