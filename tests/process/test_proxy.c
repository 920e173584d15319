// SPDX-License-Identifier: MIT
/*
 * molecule-mcp behind a real proxy: tinyproxy, started here on a port of its
 * own, before nginx, which does TLS for the fake platform. Between
 * molecule-mcp and tinyproxy stands a relay that keeps every byte: whatever a
 * proxy could read must not have the token in it.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TUNNELS_MAX 32
#define ATTEMPTS 5 /* at a port that somebody else may take first */
#define TINYPROXY "/usr/bin/tinyproxy"
#define NGINX "/usr/sbin/nginx"
#define OPENSSL "/usr/bin/openssl"

/* ---- sockets ---------------------------------------------------------- */

static struct sockaddr_in at_port(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				     .sin_port = htons((uint16_t)port) };
}

static int listen_somewhere(int *port)
{
	struct sockaddr_in a = at_port(0);
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* A port where nobody listens, as far as one can tell. */
static int free_port(void)
{
	int port;

	close(listen_somewhere(&port));
	return port;
}

static int dial(int port)
{
	struct sockaddr_in a = at_port(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- the relay -------------------------------------------------------- */

struct relay {
	pthread_t thread;
	pthread_mutex_t lock;
	int listener, port, to;
	int stop[2];
	int fds[2 * TUNNELS_MAX]; /* pairs; -1: none */
	char *seen;
	size_t len;
};

static void relay_see(struct relay *r, const char *data, size_t len)
{
	pthread_mutex_lock(&r->lock);
	r->seen = realloc(r->seen, r->len + len + 1);
	if (!r->seen)
		abort();
	memcpy(r->seen + r->len, data, len);
	r->len += len;
	r->seen[r->len] = '\0';
	pthread_mutex_unlock(&r->lock);
}

static void relay_accept(struct relay *r)
{
	int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
	int other = dial(r->to);

	for (int i = 0; i < 2 * TUNNELS_MAX && fd >= 0 && other >= 0; i += 2)
		if (r->fds[i] < 0) {
			r->fds[i] = fd;
			r->fds[i + 1] = other;
			return;
		}
	if (fd >= 0)
		close(fd);
	if (other >= 0)
		close(other);
}

/* Moves what the i-th descriptor has to its pair; ends the pair at its end. */
static void relay_move(struct relay *r, int i)
{
	char buf[4096];
	ssize_t n = read(r->fds[i], buf, sizeof buf);

	if (n > 0) {
		relay_see(r, buf, (size_t)n);
		if (send(r->fds[i ^ 1], buf, (size_t)n, MSG_NOSIGNAL) == n)
			return;
	}
	close(r->fds[i]);
	close(r->fds[i ^ 1]);
	r->fds[i] = r->fds[i ^ 1] = -1;
}

static void *relay_run(void *arg)
{
	struct relay *r = arg;
	struct pollfd p[2 * TUNNELS_MAX + 2];

	for (;;) {
		for (int i = 0; i < 2 * TUNNELS_MAX; i++)
			p[i] = (struct pollfd){ r->fds[i], POLLIN, 0 };
		p[2 * TUNNELS_MAX] = (struct pollfd){ r->listener, POLLIN, 0 };
		p[2 * TUNNELS_MAX + 1] =
			(struct pollfd){ r->stop[0], POLLIN, 0 };
		if (poll(p, 2 * TUNNELS_MAX + 2, -1) < 0)
			continue;
		if (p[2 * TUNNELS_MAX + 1].revents)
			return NULL;
		for (int i = 0; i < 2 * TUNNELS_MAX; i++)
			if (p[i].revents && r->fds[i] >= 0)
				relay_move(r, i);
		if (p[2 * TUNNELS_MAX].revents)
			relay_accept(r);
	}
}

static void relay_start(struct relay *r, int to)
{
	*r = (struct relay){ .to = to };
	pthread_mutex_init(&r->lock, NULL);
	memset(r->fds, -1, sizeof r->fds);
	r->listener = listen_somewhere(&r->port);
	assert_int_equal(pipe2(r->stop, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&r->thread, NULL, relay_run, r), 0);
}

static void relay_end(struct relay *r)
{
	close(r->stop[1]);
	pthread_join(r->thread, NULL);
	close(r->stop[0]);
	close(r->listener);
	for (int i = 0; i < 2 * TUNNELS_MAX; i++)
		if (r->fds[i] >= 0)
			close(r->fds[i]);
	free(r->seen);
}

/* How often it has seen the text; binary bytes do not disturb. */
static int relay_count(struct relay *r, const char *text)
{
	size_t len = strlen(text);
	int count = 0;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i + len <= r->len; i++)
		count += memcmp(r->seen + i, text, len) == 0;
	pthread_mutex_unlock(&r->lock);
	return count;
}

static bool relay_idle(struct relay *r)
{
	bool idle;

	pthread_mutex_lock(&r->lock);
	idle = r->len == 0;
	pthread_mutex_unlock(&r->lock);
	return idle;
}

/* ---- the programs ----------------------------------------------------- */

/* What a test has around it, besides the rig. */
struct world {
	struct rig *rig;
	struct relay relay;
	int tls_port, proxy_port;
	const char *log; /* tinyproxy's */
	struct child *tinyproxy;
};

struct opening {
	struct child *child;
	int port;
};

static bool open_or_over(void *arg)
{
	struct opening *o = arg;
	int fd = dial(o->port);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || !child_running(o->child);
}

/* Starts a server whose configuration is a format for its port. */
static struct child *start_server(struct rig *rig, const char *exe,
				  const char *option, const char *name,
				  const char *(*config)(struct world *, int),
				  struct world *w, int *port)
{
	const char *path = rig_text(rig, "%s/%s.conf", rig->dir, name);
	const char *const args[] = { option, "-c", path, NULL };
	struct opening o = { 0 };

	for (int i = 0; i < ATTEMPTS; i++) {
		o.port = free_port();
		file_write(path, config(w, o.port), 0600);
		o.child = rig_spawn(rig,
				    (struct child_how){ .exe = exe,
							.args = args,
							.in = STDIO_NULL,
							.text_stdout = true });
		if (wait_until(open_or_over, &o, BOUND_MS) &&
		    child_running(o.child)) {
			*port = o.port;
			return o.child;
		}
	}
	child_fail(o.child, "%s does not start", name);
	return NULL;
}

static const char *nginx_config(struct world *w, int port)
{
	const char *dir = w->rig->dir;

	return rig_text(w->rig,
			"daemon off; master_process off; pid %s/nginx.pid;\n"
			"error_log %s/nginx.log;\n"
			"events {}\n"
			"http { access_log off;\n"
			"client_body_temp_path %s/t1; proxy_temp_path %s/t2;\n"
			"fastcgi_temp_path %s/t3; uwsgi_temp_path %s/t4;\n"
			"scgi_temp_path %s/t5;\n"
			"server { listen 127.0.0.1:%d ssl;\n"
			"ssl_certificate %s/cert.pem;\n"
			"ssl_certificate_key %s/key.pem;\n"
			"location / { proxy_http_version 1.1;\n"
			"proxy_pass http://127.0.0.1:%d; } } }\n",
			dir, dir, dir, dir, dir, dir, dir, port, dir, dir,
			fake_port(w->rig->fake));
}

static void start_platform(struct world *w)
{
	struct rig *rig = w->rig;
	const char *cert = rig_text(rig, "%s/cert.pem", rig->dir);
	const char *config = rig_text(rig, "%s/cert.conf", rig->dir);
	const char *const args[] = {
		"req",	   "-x509", "-config",	config,
		"-newkey", "ec",    "-pkeyopt", "ec_paramgen_curve:prime256v1",
		"-nodes",  "-out",  cert,	NULL,
	};

	file_write(config,
		   rig_text(rig,
			    "[req]\nprompt = no\ndistinguished_name = dn\n"
			    "x509_extensions = ext\n"
			    "default_keyfile = %s/key.pem\n"
			    "[dn]\nCN = platform\n"
			    "[ext]\nsubjectAltName = IP:127.0.0.1\n"
			    "basicConstraints = CA:TRUE\n",
			    rig->dir),
		   0600);
	struct child *openssl =
		rig_spawn(rig, (struct child_how){ .exe = OPENSSL,
						   .args = args,
						   .in = STDIO_NULL,
						   .text_stdout = true });

	assert_int_equal(child_wait(openssl, BOUND_MS), 0);
	start_server(rig, NGINX, "-q", "nginx", nginx_config, w, &w->tls_port);
	rig_env(rig, "SSL_CERT_FILE", cert);
	rig_env(rig, "PLATFORM_URL",
		rig_text(rig, "https://127.0.0.1:%d", w->tls_port));
}

static const char *tinyproxy_config(struct world *w, int port)
{
	return rig_text(w->rig,
			"Port %d\nListen 127.0.0.1\nTimeout 600\n"
			"Allow 127.0.0.1\nLogLevel Info\nLogFile \"%s\"\n"
			"ConnectPort %d\n",
			port, w->log, w->tls_port);
}

static const char *with_login(struct world *w, int port)
{
	return rig_text(w->rig, "%sBasicAuth user secretword\n",
			tinyproxy_config(w, port));
}

/* Allows tunnels to another port only. */
static const char *elsewhere(struct world *w, int port)
{
	return rig_text(w->rig,
			"Port %d\nListen 127.0.0.1\nAllow 127.0.0.1\n"
			"ConnectPort 1\n",
			port);
}

/* The platform, tinyproxy and the relay before it. */
static void world_start(struct world *w, struct rig *rig,
			const char *(*config)(struct world *, int))
{
	*w = (struct world){ .rig = rig };
	w->log = rig_text(rig, "%s/tinyproxy.log", rig->dir);
	start_platform(w);
	w->tinyproxy = start_server(rig, TINYPROXY, "-d", "tinyproxy", config,
				    w, &w->proxy_port);
	relay_start(&w->relay, w->proxy_port);
}

static void use_proxy(struct world *w, const char *credentials)
{
	rig_env(w->rig, "HTTPS_PROXY",
		rig_text(w->rig, "http://%s127.0.0.1:%d", credentials,
			 w->relay.port));
}

/* ---- tests ------------------------------------------------------------ */

/* The platform got everything; the proxy read nothing but CONNECT. */
static void expect_tunnel(struct world *w, struct child *mcp)
{
	struct rig *rig = w->rig;
	char auth[256];
	char *log;
	const struct request *r;

	mcp_hello(mcp);
	r = fake_expect(rig->fake, "POST", REGISTER, 0);
	assert_string_equal(
		request_header(r, "authorization", auth, sizeof auth),
		"Bearer " TOKEN);
	fake_expect(rig->fake, "POST", HEARTBEAT, 3);
	assert_true(
		relay_count(&w->relay,
			    rig_text(rig, "CONNECT 127.0.0.1:%d HTTP/1.1\r\n",
				     w->tls_port)) > 0);
	assert_int_equal(relay_count(&w->relay, TOKEN), 0);
	assert_int_equal(relay_count(&w->relay, "Bearer"), 0);
	assert_int_equal(relay_count(&w->relay, "/registry/"), 0);
	log = file_read(w->log);
	assert_non_null(log);
	assert_true(lines_with(log, "CONNECT 127.0.0.1:") > 0);
	assert_int_equal(lines_with(log, TOKEN), 0);
	free(log);
	assert_int_equal(lines_with(child_stderr(mcp), "failed"), 0);
}

static void https_goes_through_it(void **state)
{
	struct rig *rig = *state;
	struct world w;
	int tunnels;
	int beats;

	world_start(&w, rig, tinyproxy_config);
	use_proxy(&w, "");
	expect_tunnel(&w, rig_start(rig));
	assert_int_equal(relay_count(&w.relay, "Proxy-Authorization"), 0);
	/* The tunnel is kept. */
	tunnels = relay_count(&w.relay, "CONNECT ");
	beats = fake_count(rig->fake, "POST", HEARTBEAT);
	fake_expect(rig->fake, "POST", HEARTBEAT, beats + 5);
	assert_int_equal(relay_count(&w.relay, "CONNECT "), tunnels);
	relay_end(&w.relay);
}

static void credentials_are_sent(void **state)
{
	struct rig *rig = *state;
	struct world w;
	struct child *mcp;

	world_start(&w, rig, with_login);
	use_proxy(&w, "user:%73ecretword@");
	mcp = rig_start(rig);
	expect_tunnel(&w, mcp);
	assert_true(relay_count(&w.relay, "\r\nProxy-Authorization: Basic "
					  "dXNlcjpzZWNyZXR3b3Jk\r\n") > 0);
	assert_int_equal(lines_with(child_stderr(mcp), "secret"), 0);
	relay_end(&w.relay);
}

/* The log says why, nothing reaches the platform, MCP is answered. */
static void expect_refusal(struct world *w, const char *words)
{
	struct child *mcp = rig_start(w->rig);

	mcp_hello(mcp);
	child_expect_stderr(mcp, words);
	assert_int_equal(lines_with(child_stderr(mcp), "secret"), 0);
	assert_int_equal(fake_connections(w->rig->fake), 0);
	assert_int_equal(relay_count(&w->relay, TOKEN), 0);
	assert_true(child_running(mcp));
}

static void wanted_credentials(void **state)
{
	struct rig *rig = *state;
	struct world w;

	world_start(&w, rig, with_login);
	use_proxy(&w, "");
	expect_refusal(&w, "wants credentials: write them into HTTPS_PROXY");
	use_proxy(&w, "user:other-secret@");
	expect_refusal(&w, "does not accept the credentials in HTTPS_PROXY");
	relay_end(&w.relay);
}

static void refusals(void **state)
{
	struct rig *rig = *state;
	struct world w;

	world_start(&w, rig, elsewhere);
	use_proxy(&w, "");
	expect_refusal(&w, rig_text(rig,
				    "refused to connect to 127.0.0.1:%d (it "
				    "answered 403",
				    w.tls_port));
	child_signal(w.tinyproxy, SIGKILL);
	child_wait(w.tinyproxy, BOUND_MS);
	rig_env(rig, "HTTPS_PROXY",
		rig_text(rig, "http://user:secret@127.0.0.1:%d", w.proxy_port));
	expect_refusal(&w, rig_text(rig,
				    "the proxy 127.0.0.1:%d (HTTPS_PROXY) "
				    "cannot be reached: connection refused",
				    w.proxy_port));
	relay_end(&w.relay);
}

/* The proxy comes back, and so does everything. */
static void proxy_comes_back(void **state)
{
	struct rig *rig = *state;
	struct world w;
	struct child *mcp;
	int beats;

	world_start(&w, rig, tinyproxy_config);
	use_proxy(&w, "");
	mcp = rig_start(rig);
	expect_tunnel(&w, mcp);
	child_signal(w.tinyproxy, SIGKILL);
	child_wait(w.tinyproxy, BOUND_MS);
	child_expect_stderr(mcp, "heartbeat failed: the proxy 127.0.0.1:");
	start_server(rig, TINYPROXY, "-d", "tinyproxy", tinyproxy_config, &w,
		     &w.relay.to);
	child_expect_stderr(mcp, "heartbeat works again");
	beats = fake_count(rig->fake, "POST", HEARTBEAT);
	fake_expect(rig->fake, "POST", HEARTBEAT, beats + 1);
	relay_end(&w.relay);
}

static void no_proxy_is_honoured(void **state)
{
	struct rig *rig = *state;
	struct world w;

	world_start(&w, rig, tinyproxy_config);
	use_proxy(&w, "");
	rig_env(rig, "no_proxy", "example.org, 127.0.0.0/8");
	mcp_hello(rig_start(rig));
	fake_expect(rig->fake, "POST", HEARTBEAT, 1);
	assert_true(relay_idle(&w.relay));
	relay_end(&w.relay);
}

/* An http platform is never reached through a proxy. */
static void http_goes_directly(void **state)
{
	struct rig *rig = *state;
	struct relay relay;

	relay_start(&relay, fake_port(rig->fake));
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = { "HTTP_PROXY", "ALL_PROXY",
						     "HTTPS_PROXY",
						     "http_proxy" };

		rig_env(rig, names[i],
			rig_text(rig, "http://127.0.0.1:%d", relay.port));
	}
	mcp_hello(rig_start(rig));
	fake_expect(rig->fake, "POST", HEARTBEAT, 1);
	assert_true(relay_idle(&relay));
	relay_end(&relay);
	/* Away from this machine one is told; nothing listens there. */
	rig_env(rig, "PLATFORM_URL", "http://192.0.2.1");
	child_expect_stderr(rig_start(rig),
			    "http_proxy is not used for an http:// "
			    "PLATFORM_URL");
}

static void unusable_proxy_is_told(void **state)
{
	struct rig *rig = *state;
	struct child *mcp;

	rig_env(rig, "PLATFORM_URL", "https://platform.invalid");
	rig_env(rig, "ALL_PROXY", "socks5://user:secret@127.0.0.1:1080");
	mcp = rig_start(rig);
	assert_int_equal(child_wait(mcp, BOUND_MS), 2);
	child_expect_stderr(mcp, "ALL_PROXY: the proxy's address is not "
				 "usable: it is a SOCKS proxy");
	assert_int_equal(lines_with(child_stderr(mcp), "secret"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(https_goes_through_it), TEST(credentials_are_sent),
		TEST(wanted_credentials),    TEST(refusals),
		TEST(proxy_comes_back),	     TEST(no_proxy_is_honoured),
		TEST(http_goes_directly),    TEST(unusable_proxy_is_told),
	};
	static const char *const needed[] = { TINYPROXY, NGINX, OPENSSL };

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (access(needed[i], X_OK)) {
			printf("there is no %s\n", needed[i]);
			return 77;
		}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
