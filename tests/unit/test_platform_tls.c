// SPDX-License-Identifier: MIT
/* The platform over https, and the certificate that it makes for itself. */
#include "tests/unit/platform_fixture.h"
#include "tests/unit/tls_fixture.h"

#include <fcntl.h>

#include "app/platform/certificate.h"
#include "net/tls.h"
#include "net/tls_server.h"
#include "net/trust.h"

/* A place for a certificate: a directory that is not there yet. */
struct place {
	char parent[64], dir[80];
	char path[CERTIFICATE_PATH_MAX]; /* of the certificate */
	char key[CERTIFICATE_PATH_MAX];
	char fault[CERTIFICATE_FAULT_MAX];
	char kept[PEM_ROOM]; /* what the last `own` found in the file */
};

static void read_text(const char *path, char text[PEM_ROOM])
{
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(text, 1, PEM_ROOM - 1, file) : 0;

	text[n] = '\0';
	if (file)
		fclose(file);
}

static struct place *place_new(void)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->parent, sizeof(p->parent), "/tmp/test_platform_tls.XXXXXX");
	CHECK(mkdtemp(p->parent) != NULL);
	snprintf(p->dir, sizeof(p->dir), "%s/tls", p->parent);
	snprintf(p->path, sizeof(p->path), "%s/molecule-platform.pem", p->dir);
	snprintf(p->key, sizeof(p->key), "%s/molecule-platform-key.pem",
		 p->dir);
	return p;
}

static void place_free(struct place *p)
{
	unlink(p->path);
	unlink(p->key);
	/* Nothing else is left there. */
	CHECK(rmdir(p->dir) == 0 || errno == ENOENT || errno == ENOTDIR);
	unlink(p->dir);
	CHECK_EQ(rmdir(p->parent), 0);
	free(p);
}

/* certificate_own, once; whether the file is another one than before. */
static int own(struct rt *rt, struct place *p, bool *new)
{
	char path[CERTIFICATE_PATH_MAX], before[PEM_ROOM];
	struct tls_server *server = NULL;
	int err;

	memcpy(before, p->kept, sizeof(before));
	err = certificate_own(&server, rt, p->dir, path, p->fault);
	if (err == 0)
		CHECK_TEXT(path, p->path);
	read_text(p->path, p->kept);
	*new = strcmp(p->kept, before) != 0;
	CHECK((err == 0) == (server != NULL));
	tls_server_free(server);
	return err;
}

static unsigned int mode_of(const char *path)
{
	struct stat st = { 0 };

	CHECK_EQ(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* Puts a certificate that one asks for, and its key, in place. */
static void put(struct rt *rt, struct place *p, int64_t from, int64_t to,
		const char *host)
{
	const char *const hosts[] = { host, NULL };
	int64_t now = clock_wall(rt) / CLOCK_NS_PER_S;
	uint8_t der[SELFSIGN_MAX];
	struct selfsign_key key;
	char text[512];
	size_t len;

	selfsign_key_make(rt, &key);
	write_pem(p->path, der,
		  made(selfsign_make(rt,
				     &(struct selfsign_spec){
					     .subject = "molecule-platform",
					     .hosts = hosts,
					     .from = now + from,
					     .to = now + to,
					     .key = &key },
				     der, sizeof(der))));
	len = selfsign_key_pem(&key, text, sizeof(text));
	write_text(p->key, text, len);
	read_text(p->path, p->kept);
}

static int kept(struct rt *rt, void *arg)
{
	struct place *p = place_new();
	bool new;

	(void)arg;
	CHECK_EQ(own(rt, p, &new), 0);
	CHECK(new);
	CHECK_EQ(mode_of(p->dir), 0700);
	CHECK_EQ(mode_of(p->key), 0600);
	CHECK(strstr(p->kept, "PRIVATE") == NULL);
	CHECK_EQ(own(rt, p, &new), 0);
	CHECK(!new);
	put(rt, p, -100, (CERTIFICATE_RENEW_DAYS + 1) * DAY_SECONDS,
	    "127.0.0.1");
	CHECK_EQ(own(rt, p, &new), 0);
	CHECK(!new);
	place_free(p);
	return 0;
}

/* What cannot be used is replaced. */
static int replaced(struct rt *rt, void *arg)
{
	static const struct {
		int64_t from, to;
		const char *host;
	} bad[] = {
		{ -2 * DAY_SECONDS, -DAY_SECONDS, "127.0.0.1" },
		{ -100, (CERTIFICATE_RENEW_DAYS - 1) * DAY_SECONDS,
		  "127.0.0.1" },
		{ DAY_SECONDS, 300 * DAY_SECONDS, "127.0.0.1" },
		{ -100, 300 * DAY_SECONDS, "other.example" },
	};
	struct place *p = place_new();
	char first[PEM_ROOM];
	bool new;

	(void)arg;
	CHECK_EQ(own(rt, p, &new), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(rt, p, bad[i].from, bad[i].to, bad[i].host);
		CHECK_EQ(own(rt, p, &new), 0);
		CHECK(new);
		CHECK_EQ(mode_of(p->key), 0600);
	}
	/* Not a certificate; none; no key; another's key. */
	write_text(p->path, "hello", 5);
	CHECK_EQ(own(rt, p, &new), 0);
	CHECK(strstr(p->kept, "BEGIN CERTIFICATE") != NULL);
	unlink(p->path);
	CHECK_EQ(own(rt, p, &new), 0);
	CHECK(new);
	unlink(p->key);
	CHECK_EQ(own(rt, p, &new), 0);
	CHECK(new);
	snprintf(first, sizeof(first), "%s", p->kept);
	put(rt, p, -100, 300 * DAY_SECONDS, "127.0.0.1");
	write_text(p->path, first, strlen(first));
	read_text(p->path, p->kept);
	CHECK_EQ(own(rt, p, &new), 0);
	CHECK(new);
	place_free(p);
	return 0;
}

#define STARTERS 6

struct starter {
	struct place *place;
	struct tls_server *server;
	int err;
};

static void start_one(struct rt *rt, void *arg)
{
	struct starter *s = arg;
	char path[CERTIFICATE_PATH_MAX], fault[CERTIFICATE_FAULT_MAX];

	s->err = certificate_own(&s->server, rt, s->place->dir, path, fault);
}

static void serve_one(struct rt *rt, void *arg)
{
	struct stream *s = arg;
	char byte;

	while (stream_read(s, &byte, 1, patience(rt)) > 0)
		continue;
	stream_close(s);
}

/* Whether a client that trusts the certificate in the file accepts it. */
static bool is_trusted(struct rt *rt, struct tls_server *server,
		       const char *path)
{
	struct trust_options roots = { .file = path };
	struct tls_client *client = tls_client_new(rt, &roots);
	struct stream *peer, *s = NULL;
	struct tls_error error;
	struct scope scope;
	int fds[2] = { -1, -1 };
	int err;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	peer = tls_serve(server, stream_plain(rt, fds[1]));
	scope_open(rt, &scope, DEADLINE_NEVER);
	task_spawn(&scope, "peer", TASK_STACK_LARGE, serve_one, peer);
	err = tls_connect(client, stream_plain(rt, fds[0]), "localhost", 443,
			  patience(rt), &s, &error);
	if (err == 0)
		stream_close(s);
	scope_join(&scope);
	tls_client_free(client);
	return err == 0;
}

/* Several at once, first where there is nothing and then where there is
 * something useless, all have the pair whose certificate is in the file. */
static int together(struct rt *rt, void *arg)
{
	struct place *p = place_new();
	struct starter starters[STARTERS];
	struct scope scope;

	(void)arg;
	for (int round = 0; round < 2; round++) {
		if (round)
			put(rt, p, -2 * DAY_SECONDS, -DAY_SECONDS, "127.0.0.1");
		scope_open(rt, &scope, DEADLINE_NEVER);
		for (int i = 0; i < STARTERS; i++) {
			starters[i] = (struct starter){ .place = p };
			task_spawn(&scope, "starter", TASK_STACK_LARGE,
				   start_one, &starters[i]);
		}
		scope_join(&scope);
		for (int i = 0; i < STARTERS; i++) {
			CHECK_EQ(starters[i].err, 0);
			if (starters[i].err)
				continue;
			CHECK(is_trusted(rt, starters[i].server, p->path));
			tls_server_free(starters[i].server);
		}
	}
	place_free(p);
	return 0;
}

/* A directory that others have a say in, or none, is refused. */
static int refused(struct rt *rt, void *arg)
{
	struct place *p = place_new();
	char long_name[CERTIFICATE_PATH_MAX], path[CERTIFICATE_PATH_MAX];
	struct tls_server *server = NULL;
	bool new;

	(void)arg;
	CHECK_EQ(mkdir(p->dir, 0700), 0);
	CHECK_EQ(chmod(p->dir, 0770), 0);
	CHECK_EQ(own(rt, p, &new), -EPERM);
	CHECK(strstr(p->fault, "others can write") != NULL);
	CHECK_EQ(chmod(p->dir, 0707), 0);
	CHECK_EQ(own(rt, p, &new), -EPERM);
	CHECK_EQ(access(p->key, F_OK), -1);
	CHECK_EQ(rmdir(p->dir), 0);
	write_text(p->dir, "", 0);
	CHECK_EQ(own(rt, p, &new), -EPERM);
	CHECK(strstr(p->fault, "not a directory") != NULL);
	unlink(p->dir);
	snprintf(p->dir, sizeof(p->dir), "%s/no/such", p->parent);
	CHECK_EQ(own(rt, p, &new), -ENOENT);
	CHECK(*p->fault != '\0');
	memset(long_name, 'x', sizeof(long_name) - 8);
	long_name[sizeof(long_name) - 8] = '\0';
	CHECK_EQ(certificate_own(&server, rt, long_name, path, p->fault),
		 -ENAMETOOLONG);
	place_free(p);
	return 0;
}

static int loaded(struct rt *rt, void *arg)
{
	struct place *p = place_new();
	struct tls_server *server = NULL;
	char other[CERTIFICATE_PATH_MAX];
	bool new;

	(void)arg;
	snprintf(other, sizeof(other), "%s/other.pem", p->parent);
	CHECK_EQ(own(rt, p, &new), 0);
	CHECK_EQ(certificate_load(&server, rt, p->path, p->key, p->fault), 0);
	tls_server_free(server);
	CHECK_EQ(certificate_load(&server, rt, other, p->key, p->fault),
		 -ENOENT);
	CHECK_TEXT(p->fault, "the certificate file cannot be read: No such "
			     "file or directory");
	CHECK_EQ(certificate_load(&server, rt, p->path, p->dir, p->fault),
		 -EISDIR);
	CHECK_TEXT(p->fault, "the key file cannot be read: Is a directory");
	CHECK_EQ(certificate_load(&server, rt, p->path, p->path, p->fault),
		 -EINVAL);
	CHECK(strstr(p->fault, "PRIVATE KEY") != NULL);
	CHECK_EQ(certificate_load(&server, rt, p->key, p->key, p->fault),
		 -EINVAL);
	CHECK(strstr(p->fault, "no CERTIFICATE") != NULL);
	CHECK_EQ(rename(p->path, other), 0);
	put(rt, p, 0, DAY_SECONDS, "127.0.0.1");
	CHECK_EQ(certificate_load(&server, rt, other, p->key, p->fault),
		 -EINVAL);
	CHECK_TEXT(p->fault, "the key is not that of the first certificate");
	unlink(other);
	place_free(p);
	return 0;
}

/* Agents are served over https, and are told https addresses. */
static int served(struct rt *rt, void *arg)
{
	static const char registration[] =
		"{'id':'" ANN "','url':'','agent_card':{'name':'x'},"
		"'delivery_mode':'poll'}";
	struct place *p = place_new();
	struct platform_options options = { 0 };
	struct trust_options roots = { .file = p->path };
	char url[160];
	struct bed b;

	(void)arg;
	CHECK_EQ(certificate_own(&options.tls, rt, p->dir, p->path, p->fault),
		 0);
	bed_open(&b, rt, &options);
	pool_set_roots(b.pool, &roots);
	CHECK(strncmp(b.origin, "https://", 8) == 0);
	CHECK_EQ(ask(&b, "POST", "/registry/register", ANN_TOKEN, registration),
		 200);
	user_says(&b, ANN, "hello", NULL);
	CHECK_EQ(
		ask(&b, "GET", "/workspaces/" ANN "/activity", ANN_TOKEN, NULL),
		200);
	CHECK_EQ(rows(&b), 1);
	with(&b, "X-Workspace-ID", BOB);
	CHECK_EQ(ask(&b, "GET", "/registry/discover/" ANN, BOB_TOKEN, NULL),
		 200);
	snprintf(url, sizeof(url), "%s/workspaces/" ANN "/a2a", b.origin);
	CHECK_TEXT(got(&b, "url"), url);
	CHECK_EQ(pool_counters(b.pool)->opened, 1);
	bed_close(&b);
	tls_server_free(options.tls);
	place_free(p);
	return 0;
}

static void suits(void **state)
{
	(void)state;
	assert_true(certificate_suits("localhost"));
	assert_true(certificate_suits("::1"));
	assert_true(certificate_suits("0.0.0.0"));
	assert_false(certificate_suits("127.0.0.2"));
	assert_false(certificate_suits("192.0.2.1"));
}

CASE(kept)
CASE(replaced)
CASE(together)
CASE(refused)
CASE(loaded)
CASE(served)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_test),
		cmocka_unit_test(replaced_test),
		cmocka_unit_test(together_test),
		cmocka_unit_test(refused_test),
		cmocka_unit_test(loaded_test),
		cmocka_unit_test(served_test),
		cmocka_unit_test(suits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
