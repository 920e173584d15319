// SPDX-License-Identifier: MIT
#include "net/tls_session.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"

struct tls_session {
	struct tls_session *next;
	int64_t expires; /* on CLOCK_BOOTTIME */
	br_ssl_session_parameters session;
	uint16_t port;
	char host[];
};

/* Where the link to it is; of the last link when there is none. */
static struct tls_session **find(struct tls_sessions *sessions,
				 const char *host, uint16_t port)
{
	struct tls_session **link = &sessions->first;
	while (*link &&
	       ((*link)->port != port || strcmp((*link)->host, host) != 0))
		link = &(*link)->next;
	return link;
}

static void drop(struct tls_session **link)
{
	struct tls_session *session = *link;
	*link = session->next;
	explicit_bzero(&session->session, sizeof(session->session));
	free(session);
}

bool tls_session_get(struct tls_sessions *sessions, const char *host,
		     uint16_t port, br_ssl_session_parameters *out)
{
	struct tls_session **link = find(sessions, host, port);
	struct tls_session *found = *link;
	if (!found)
		return false;
	if (clock_now(sessions->rt, CLOCK_ID_BOOTTIME) >= found->expires) {
		drop(link);
		return false;
	}
	*link = found->next;
	found->next = sessions->first;
	sessions->first = found;
	*out = found->session;
	return true;
}

static void trim(struct tls_sessions *sessions)
{
	struct tls_session **link = &sessions->first;
	for (size_t i = 0; *link && i < TLS_SESSIONS_MAX; i++)
		link = &(*link)->next;
	while (*link)
		drop(link);
}

void tls_session_put(struct tls_sessions *sessions, const char *host,
		     uint16_t port, const br_ssl_session_parameters *session)
{
	size_t size = strlen(host) + 1;
	struct tls_session **link = find(sessions, host, port);
	int64_t expires = clock_now(sessions->rt, CLOCK_ID_BOOTTIME) +
			  TLS_SESSION_S * CLOCK_NS_PER_S;
	/* The master secret's age counts from its own handshake. */
	if (*link && session->session_id_len &&
	    memcmp((*link)->session.master_secret, session->master_secret,
		   sizeof(session->master_secret)) == 0)
		expires = (*link)->expires;
	if (*link)
		drop(link);
	if (session->session_id_len == 0)
		return;
	struct tls_session *made = malloc(sizeof(*made) + size);
	if (!made)
		return;
	made->expires = expires;
	made->session = *session;
	made->port = port;
	memcpy(made->host, host, size);
	made->next = sessions->first;
	sessions->first = made;
	trim(sessions);
}

void tls_session_forget(struct tls_sessions *sessions, const char *host,
			uint16_t port)
{
	struct tls_session **link = find(sessions, host, port);
	if (*link)
		drop(link);
}

void tls_sessions_clear(struct tls_sessions *sessions)
{
	while (sessions->first)
		drop(&sessions->first);
}
