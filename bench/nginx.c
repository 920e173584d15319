// SPDX-License-Identifier: MIT
#include "bench/nginx.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/https.h"
#include "bench/util.h"

#define START_MS 5000

/* Run in the new directory: a chain of each kind, the roots, the bundle. */
static const char certificates[] =
	"set -e\n"
	"bundle=/etc/ssl/certs/ca-certificates.crt\n"
	"for other in /etc/pki/tls/certs/ca-bundle.crt "
	"/etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do\n"
	"	[ -e $bundle ] || bundle=$other\n"
	"done\n"
	"cat > ext <<'END'\n"
	"[req]\ndistinguished_name=dn\n[dn]\n"
	"[ca]\nbasicConstraints=critical,CA:TRUE\n"
	"keyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
	"[leaf]\nbasicConstraints=critical,CA:FALSE\n"
	"keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
	"subjectAltName=DNS:localhost,IP:127.0.0.1\n"
	"END\n"
	"new() {\n"
	"	name=$1; shift\n"
	"	openssl req -config ext -nodes -newkey $how -keyout "
	"$kind-$name.key -subj \"/CN=bench $kind $name\" \"$@\"\n"
	"}\n"
	"sign() {\n"
	"	openssl x509 -req -in request -CA $kind-$1.pem -CAkey "
	"$kind-$1.key -CAcreateserial -days 30 -sha256 -extfile ext "
	"-extensions $3 -out $kind-$2.pem\n"
	"}\n"
	"chain() {\n"
	"	kind=$1 how=$2\n"
	"	new root -x509 -days 30 -extensions ca -out $kind-root.pem\n"
	"	new middle -out request; sign root middle ca\n"
	"	new leaf -out request; sign middle leaf leaf\n"
	"	cat $kind-leaf.pem $kind-middle.pem > $kind-chain.pem\n"
	"}\n"
	"chain rsa rsa:2048\n"
	"openssl ecparam -name prime256v1 -out p256\n"
	"chain ecdsa ec:p256\n"
	"cat rsa-root.pem ecdsa-root.pem > roots.pem\n"
	"cat $bundle roots.pem > bundle.pem\n";

static void make_certificates(const char *dir)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int log = open("/dev/null", O_WRONLY);
		if (chdir(dir) == 0 && log >= 0 && dup2(log, 2) >= 0 &&
		    dup2(log, 1) >= 0)
			execl("/bin/sh", "sh", "-c", certificates,
			      (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		bench_die("openssl made no certificates in %s", dir);
}

/* Ports that are free now, all different. */
static void find_ports(int *ports, size_t count)
{
	int fds[NGINX_DOORS];

	for (size_t i = 0; i < count; i++) {
		struct sockaddr_in addr = {
			.sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		};
		socklen_t len = sizeof(addr);

		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fds[i] < 0 ||
		    bind(fds[i], (struct sockaddr *)&addr, len) != 0 ||
		    getsockname(fds[i], (struct sockaddr *)&addr, &len) != 0)
			bench_die("no free port: %s", strerror(errno));
		ports[i] = ntohs(addr.sin_port);
	}
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static void write_door(FILE *file, const struct nginx *nginx,
		       enum nginx_door door)
{
	bool rsa = door == NGINX_RSA || door == NGINX_RSA_FULL;
	bool full = door == NGINX_ECDSA_FULL || door == NGINX_RSA_FULL;
	const char *kind = rsa ? "rsa" : "ecdsa";

	fprintf(file, "server {\nlisten 127.0.0.1:%d%s;\n", nginx->ports[door],
		door == NGINX_HTTP ? "" : " ssl");
	if (door != NGINX_HTTP)
		fprintf(file,
			"ssl_certificate %s/%s-chain.pem;\n"
			"ssl_certificate_key %s/%s-leaf.key;\n"
			"ssl_protocols TLSv1.2 TLSv1.3;\n",
			nginx->dir, kind, nginx->dir, kind);
	if (full)
		fprintf(file, "ssl_session_cache off;\n"
			      "ssl_session_tickets off;\n");
	else if (door != NGINX_HTTP)
		fprintf(file, "ssl_session_cache shared:%s:1m;\n", kind);
	fprintf(file, "include doors;\n}\n");
}

/* What all doors serve. */
static void write_doors(const struct nginx *nginx)
{
	char path[96], json[HTTPS_JSON_BYTES + 1];
	int used = snprintf(json, sizeof(json), "{\"items\":[\"");

	snprintf(path, sizeof(path), "%s/doors", nginx->dir);
	FILE *file = fopen(path, "we");
	if (!file)
		bench_die("%s: %s", path, strerror(errno));
	memset(json + used, 'x', sizeof(json) - (size_t)used);
	memcpy(json + HTTPS_JSON_BYTES - 3, "\"]}", 4);
	fprintf(file,
		"location = /json { default_type application/json;\n"
		"	return 200 '%s'; }\n"
		"location = /what { return 200 '$ssl_session_reused "
		"$ssl_protocol $ssl_cipher $ssl_curve'; }\n"
		"location / {\n"
		"	proxy_pass http://behind;\n"
		"	proxy_http_version 1.1;\n"
		"	proxy_set_header Connection '';\n"
		"	proxy_set_header Host $http_host;\n"
		"	proxy_buffering off;\n"
		"	proxy_read_timeout 300s; }\n",
		json);
	if (fclose(file) != 0)
		bench_die("%s: %s", path, strerror(errno));
}

static void write_config(const struct nginx *nginx, int upstream)
{
	char path[96];

	write_doors(nginx);
	snprintf(path, sizeof(path), "%s/nginx.conf", nginx->dir);
	FILE *file = fopen(path, "we");
	if (!file)
		bench_die("%s: %s", path, strerror(errno));
	fprintf(file,
		"daemon off;\nworker_processes 1;\nworker_cpu_affinity 01;\n"
		"%spid %s/pid;\nerror_log stderr crit;\n"
		"events { worker_connections 1024; }\n"
		"http {\naccess_log off;\n"
		"keepalive_requests 1000000000;\nkeepalive_timeout 300s;\n",
		geteuid() == 0 ? "user root;\n" : "", nginx->dir);
	static const char *const temps[] = { "client_body", "proxy", "fastcgi",
					     "uwsgi", "scgi" };
	for (size_t i = 0; i < sizeof(temps) / sizeof(temps[0]); i++)
		fprintf(file, "%s_temp_path %s/%s;\n", temps[i], nginx->dir,
			temps[i]);
	fprintf(file,
		"upstream behind { server 127.0.0.1:%d; keepalive 16;\n"
		"keepalive_requests 1000000000; keepalive_timeout 300s; }\n",
		upstream ? upstream : 1);
	for (int door = 0; door < NGINX_DOORS; door++)
		write_door(file, nginx, (enum nginx_door)door);
	fprintf(file, "}\n");
	if (fclose(file) != 0)
		bench_die("%s: %s", path, strerror(errno));
}

static bool serves(int port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 &&
		   connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;

	close(fd);
	return yes;
}

static void start(struct nginx *nginx)
{
	char path[96];
	pid_t parent = getpid();

	snprintf(path, sizeof(path), "%s/nginx.conf", nginx->dir);
	nginx->pid = fork();
	if (nginx->pid == 0) {
		/* A bench that dies leaves no server behind. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() == parent) {
			execlp("nginx", "nginx", "-e", "stderr", "-p",
			       nginx->dir, "-c", path, (char *)NULL);
			execl("/usr/sbin/nginx", "nginx", "-e", "stderr", "-p",
			      nginx->dir, "-c", path, (char *)NULL);
		}
		_exit(127);
	}
	for (int waited = 0; !serves(nginx->ports[NGINX_DOORS - 1]); waited++) {
		if (waited == START_MS || waitpid(nginx->pid, NULL, WNOHANG))
			bench_die("nginx did not start");
		usleep(1000);
	}
}

void nginx_open(struct nginx *nginx, int upstream)
{
	snprintf(nginx->dir, sizeof(nginx->dir), "/tmp/bench-XXXXXX");
	if (!mkdtemp(nginx->dir))
		bench_die("%s: %s", nginx->dir, strerror(errno));
	snprintf(nginx->roots, sizeof(nginx->roots), "%s/roots.pem",
		 nginx->dir);
	snprintf(nginx->bundle, sizeof(nginx->bundle), "%s/bundle.pem",
		 nginx->dir);
	find_ports(nginx->ports, NGINX_DOORS);
	make_certificates(nginx->dir);
	write_config(nginx, upstream);
	start(nginx);
}

void nginx_close(struct nginx *nginx)
{
	kill(nginx->pid, SIGTERM);
	waitpid(nginx->pid, NULL, 0);
	bench_remove(nginx->dir);
}
