// SPDX-License-Identifier: MIT
#include "harness_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness_pki.h"

int tls_world_setup(void **state)
{
	struct tls_world *w = calloc(1, sizeof *w);
	void *rig = NULL;

	if (!w)
		abort();
	w->pki = *state;
	*state = w;
	if (rig_setup(&rig))
		return -1;
	w->rig = rig;
	return 0;
}

int tls_world_teardown(void **state)
{
	struct tls_world *w = *state;
	void *rig = w->rig;
	int bad;

	tap_free(w->tap);
	bad = rig_teardown(&rig);
	free(w);
	return bad;
}

bool tls_world_possible(void)
{
	if (!access(NGINX, X_OK) && !access(OPENSSL, X_OK))
		return true;
	printf("there is no " NGINX " or no " OPENSSL "\n");
	return false;
}

const char *tls_pem(struct tls_world *w, const char *name)
{
	return rig_text(w->rig, "%s/%s", w->pki, name);
}

struct nginx_how tls_cert(struct tls_world *w, const char *chain,
			  const char *key)
{
	return (struct nginx_how){ .cert = tls_pem(w, chain),
				   .key = tls_pem(w, key) };
}

void tls_start(struct tls_world *w, const struct nginx_how *how,
	       const char *root)
{
	nginx_start(&w->nginx, w->rig, how);
	w->tap = tap_new(&(struct tap_how){ .to = w->nginx.port });
	rig_env(w->rig, "PLATFORM_URL",
		rig_text(w->rig, "https://localhost:%d", tap_port(w->tap)));
	if (root)
		rig_env(w->rig, "SSL_CERT_FILE", tls_pem(w, root));
}

void tls_change(struct tls_world *w, const struct nginx_how *how)
{
	nginx_restart(&w->nginx, how);
	tap_set(w->tap, &(struct tap_how){ .to = w->nginx.port });
}
