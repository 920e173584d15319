// SPDX-License-Identifier: MIT
#include "app/platform/ratelimit.h"

#include <netinet/in.h>
#include <string.h>

/* An address as 16 bytes; false for what is neither IPv4 nor IPv6. */
static bool address_of(const struct sockaddr_storage *peer, uint8_t out[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memset(out, 0, 16);
	if (peer->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)peer;

		memcpy(out, mapped, sizeof(mapped));
		memcpy(out + sizeof(mapped), &in->sin_addr, 4);
		return true;
	}
	if (peer->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)peer;

		memcpy(out, &in6->sin6_addr, 16);
		return true;
	}
	return false;
}

bool ratelimit_is_loopback(const struct sockaddr_storage *peer)
{
	static const uint8_t loopback6[16] = { [15] = 1 };
	static const uint8_t loopback4[13] = {
		[10] = 0xff, [11] = 0xff, [12] = 127
	};
	uint8_t address[16];

	return address_of(peer, address) &&
	       (memcmp(address, loopback6, sizeof(loopback6)) == 0 ||
		memcmp(address, loopback4, sizeof(loopback4)) == 0);
}

/* The client's place: its own, a free one, or that of the oldest window. */
static struct ratelimit_client *client_of(struct ratelimit *ratelimit,
					  const uint8_t address[16])
{
	struct ratelimit_client *oldest = &ratelimit->clients[0];

	for (size_t i = 0; i < RATELIMIT_CLIENTS_MAX; i++) {
		struct ratelimit_client *client = &ratelimit->clients[i];

		if (client->began_ns &&
		    memcmp(client->address, address, 16) == 0)
			return client;
		if (client->began_ns < oldest->began_ns)
			oldest = client;
	}
	*oldest = (struct ratelimit_client){ 0 };
	memcpy(oldest->address, address, 16);
	return oldest;
}

struct ratelimit_state ratelimit_take(struct ratelimit *ratelimit,
				      const struct sockaddr_storage *peer,
				      int64_t now_ns)
{
	struct ratelimit_state state = { .allowed = true,
					 .limit = ratelimit->limit };
	struct ratelimit_client *client;
	uint8_t address[16];

	if (ratelimit->limit == 0)
		return state;
	(void)address_of(peer, address);
	client = client_of(ratelimit, address);
	if (client->began_ns == 0 ||
	    now_ns - client->began_ns >= RATELIMIT_WINDOW_NS) {
		client->began_ns = now_ns;
		client->used = 0;
	}
	state.allowed = client->used < ratelimit->limit;
	if (state.allowed)
		client->used++;
	state.remaining = ratelimit->limit - client->used;
	state.reset_s =
		(uint32_t)((client->began_ns + RATELIMIT_WINDOW_NS - now_ns) /
			   1000000000);
	return state;
}
