// SPDX-License-Identifier: MIT
/*
 * identity - who a request speaks for: one workspace on one platform.
 *
 * Several identities can live in one process; whatever makes a request is
 * handed one. Nothing in it changes after start.
 */
#ifndef APP_IDENTITY_H
#define APP_IDENTITY_H

#include "app/pace.h"
#include "app/token.h"
#include "net/url.h"

/* Strings are borrowed for the structure's life. */
struct identity {
	const char *workspace_id; /* may stand in a path as it is */
	const char *origin;	  /* the platform's address as text */
	const struct url *url;	  /* the same, taken apart */
	/* How much its platform may be asked, shared by all on the same one;
	 * NULL: as much as there is to ask. */
	struct pace *pace;
	const char *org_id; /* for X-Molecule-Org-Id; NULL: not sent */
	/* What follows the names of its state files: "" with one workspace,
	 * else "_" and enough of the id to tell it from the others. */
	const char *suffix;
	struct token_source token;
};

#endif
