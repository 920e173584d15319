// SPDX-License-Identifier: MIT
/*
 * nginx, started by a test on a port of 127.0.0.1 with a configuration and
 * files of its own in the rig's directory, in front of the fake platform.
 */
#ifndef PROCESS_HARNESS_NGINX_H
#define PROCESS_HARNESS_NGINX_H

#include "harness.h"

#define NGINX "/usr/sbin/nginx"

struct nginx_how {
	const char *cert, *key; /* paths; NULL: plain HTTP */
	const char *protocols;	/* NULL: TLSv1.2 TLSv1.3, its default */
	const char *extra;	/* more for its server block; or NULL */
};

struct nginx {
	struct rig *rig;
	struct child *child;
	int port;
};

/* Starts it and waits until it listens. The rig ends it. */
void nginx_start(struct nginx *n, struct rig *rig, const struct nginx_how *how);
/* Ends it at once and starts it with another configuration, on another port. */
void nginx_restart(struct nginx *n, const struct nginx_how *how);
/* Its access log so far, kept as long as the rig. A line for each request:
 * "connection=N reused=r|. protocol=… cipher=… status=N METHOD path". */
const char *nginx_log(const struct nginx *n);

#endif
