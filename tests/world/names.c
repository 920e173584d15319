// SPDX-License-Identifier: MIT
#include "tests/world/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "net/resolve_query.h"
#include "runtime/task.h"
#include "tests/world/life.h"

#define ANSWER_MS 300
#define GIVE_UP_MS (3 * RESOLVE_TRY_MS)

static int wait_for(struct rt *rt, struct life *life, uint32_t ms)
{
	return task_sleep(
		rt, deadline_in_ms(rt, 1 + sim_random_below(
						   sim_lot(life->world), ms)));
}

static void add(struct resolve_answer *answer, const char *address)
{
	union resolve_addr *addr = &answer->addrs[answer->count++];

	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, address, &addr->four.sin_addr) == 1)
		addr->any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, address, &addr->six.sin6_addr) == 1)
		addr->any.sa_family = AF_INET6;
}

int names_ask(struct rt *rt, void *arg, const char *host,
	      struct resolve_answer *answer)
{
	struct life *life = arg;
	struct sim_random *lot = sim_lot(life->world);
	enum weather_names weather = life->weather.names;
	int err = wait_for(rt, life, ANSWER_MS);

	if (err == 0 && weather == WEATHER_NAMES_SILENT)
		err = wait_for(rt, life, GIVE_UP_MS);
	if (err < 0)
		return err;
	if (weather == WEATHER_NAMES_SILENT)
		return -ETIMEDOUT;
	if (weather == WEATHER_NAMES_FAIL)
		return -EAGAIN;
	if (weather == WEATHER_NAMES_ABSENT ||
	    strcmp(host, NAMES_PLATFORM) != 0)
		return -ENOENT;
	*answer = (struct resolve_answer){
		.ttl_s = sim_random_below(lot, 600),
	};
	/* Nobody listens at the first one. */
	if (sim_random_below(lot, 3) == 0)
		add(answer, "fd00::2");
	add(answer, sim_machine_address(life->cloud));
	return 0;
}
