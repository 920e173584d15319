// SPDX-License-Identifier: MIT
#include "harness_nginx.h"
#include "harness_tap.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS 5 /* at a port that somebody else may take first */

static const char *server_config(struct rig *rig, const struct nginx_how *how)
{
	if (!how->cert)
		return "";
	return rig_text(rig,
			"ssl_certificate %s;\nssl_certificate_key %s;\n"
			"ssl_protocols %s;\n",
			how->cert, how->key,
			how->protocols ? how->protocols : "TLSv1.2 TLSv1.3");
}

static void write_config(const struct nginx *n, const struct nginx_how *how)
{
	struct rig *rig = n->rig;
	const char *dir = rig->dir;
	const char *text = rig_text(
		rig,
		"daemon off; master_process off; pid %s/nginx.pid;\n"
		"error_log stderr info;\n"
		"events {}\n"
		"http {\n"
		"log_format tls 'connection=$connection "
		"reused=$ssl_session_reused protocol=$ssl_protocol "
		"cipher=$ssl_cipher status=$status $request_method $uri';\n"
		"access_log %s/nginx.log tls;\n"
		"client_body_temp_path %s/t1; proxy_temp_path %s/t2;\n"
		"fastcgi_temp_path %s/t3; uwsgi_temp_path %s/t4;\n"
		"scgi_temp_path %s/t5;\n"
		"ssl_session_cache shared:sessions:1m;\n"
		"server { listen 127.0.0.1:%d%s;\n%s%s\n"
		"location / { proxy_http_version 1.1;\n"
		"proxy_pass http://127.0.0.1:%d; } } }\n",
		dir, dir, dir, dir, dir, dir, dir, n->port,
		how->cert ? " ssl" : "", server_config(rig, how),
		how->extra ? how->extra : "", fake_port(rig->fake));

	file_write(rig_text(rig, "%s/nginx.conf", dir), text, 0600);
}

static bool open_or_over(void *arg)
{
	struct nginx *n = arg;

	return tap_can_dial(n->port) || !child_running(n->child);
}

void nginx_start(struct nginx *n, struct rig *rig, const struct nginx_how *how)
{
	const char *path = rig_text(rig, "%s/nginx.conf", rig->dir);
	const char *const args[] = { "-q", "-p", rig->dir, "-c", path, NULL };

	*n = (struct nginx){ .rig = rig };
	for (int i = 0; i < ATTEMPTS; i++) {
		n->port = tap_free_port();
		write_config(n, how);
		n->child = rig_spawn(rig,
				     (struct child_how){ .exe = NGINX,
							 .args = args,
							 .in = STDIO_NULL,
							 .text_stdout = true });
		if (wait_until(open_or_over, n, BOUND_MS) &&
		    child_running(n->child))
			return;
	}
	child_fail(n->child, "nginx does not start");
}

void nginx_restart(struct nginx *n, const struct nginx_how *how)
{
	child_signal(n->child, SIGKILL);
	child_wait(n->child, BOUND_MS);
	nginx_start(n, n->rig, how);
}

const char *nginx_log(const struct nginx *n)
{
	char *text = file_read(rig_text(n->rig, "%s/nginx.log", n->rig->dir));
	const char *kept = rig_text(n->rig, "%s", text ? text : "");

	free(text);
	return kept;
}
