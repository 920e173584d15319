// SPDX-License-Identifier: MIT
#include "app/platform/platform.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/registry.h"
#include "app/platform/router.h"
#include "app/platform/state.h"
#include "runtime/task.h"

struct platform *platform_new(struct rt *rt,
			      const struct platform_options *options)
{
	struct platform *platform = calloc(1, sizeof(*platform));

	if (!platform)
		return NULL;
	platform->rt = rt;
	platform->options = *options;
	if (!platform->options.host)
		platform->options.host = "127.0.0.1";
	if (platform->options.stale_after_ms == 0)
		platform->options.stale_after_ms = PLATFORM_STALE_AFTER_MS;
	platform->ratelimit.limit = options->rate_limit;
	return platform;
}

int platform_start(struct platform *platform)
{
	int err = http_server_start(&platform->server, platform->rt,
				    &(struct http_server_options){
					    .host = platform->options.host,
					    .port = platform->options.port,
					    .tls = platform->options.tls,
					    .handler = router_handle,
					    .arg = platform,
				    });

	if (err < 0)
		return err;
	scope_open(platform->rt, &platform->scope, DEADLINE_NEVER);
	platform->started = true;
	err = task_spawn(&platform->scope, "platform accept", TASK_STACK_NORMAL,
			 http_server_task, &platform->server);
	if (err == 0)
		err = task_spawn(&platform->scope, "platform sweep",
				 TASK_STACK_NORMAL, registry_sweep_task,
				 platform);
	if (err < 0)
		platform_stop(platform);
	return err;
}

const char *platform_scheme(const struct platform *platform)
{
	return platform->options.tls ? "https" : "http";
}

uint16_t platform_port(const struct platform *platform)
{
	return platform->server.port;
}

void platform_stop(struct platform *platform)
{
	if (!platform->started)
		return;
	scope_close(&platform->scope);
	http_server_stop(&platform->server);
	platform->started = false;
}

void platform_free(struct platform *platform)
{
	if (!platform)
		return;
	members_free(platform);
	requests_free(&platform->requests);
	faults_free(&platform->faults);
	free(platform);
}

int64_t platform_stamp(struct platform *platform)
{
	int64_t now = clock_wall(platform->rt) / CLOCK_NS_PER_US;

	if (now <= platform->last_us)
		now = platform->last_us + 1;
	platform->last_us = now;
	return now;
}
