// SPDX-License-Identifier: MIT
/* trust, and pem, der and cert under it: bundles whole and broken, hashed
 * directories, what stays at hand. The machine's own bundle is used where
 * there is one. */
#include "tests/unit/tls_fixture.h"

#include <malloc.h>

#include "net/cert.h"
#include "net/trust.h"

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"
#define SYSTEM_DIR "/etc/ssl/certs"
#define BUNDLE_ROOM (4u * 1024 * 1024)

static char *slurp(const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	char *text = malloc(BUNDLE_ROOM);

	*len = 0;
	if (file) {
		*len = fread(text, 1, BUNDLE_ROOM, file);
		fclose(file);
	}
	return text;
}

/* Finds by the names of certificates: how many roots, or the error. */
static int found(struct rt *rt, struct trust *trust, const struct cert *certs,
		 size_t count, bool fresh, struct trust_set *set)
{
	struct der names[4];

	for (size_t i = 0; i < count; i++)
		names[i] = certs[i].subject;
	int err = trust_find(trust, names, count, fresh, set, patience(rt));
	return err ? err : (int)set->count;
}

static int find_one(struct rt *rt, struct trust *trust, const uint8_t *der,
		    size_t len)
{
	struct trust_set set;
	struct cert cert;

	CHECK_EQ(cert_parse(&cert, (struct der){ der, len }), 0);
	int result = found(rt, trust, &cert, 1, false, &set);
	trust_release(&set);
	return result;
}

/* --- Formats --- */

static int pem_pieces(struct rt *rt, void *arg)
{
	static const char text[] =
		"# a comment, longer than any line that could begin a block: "
		"----------------------------------------------------------\n"
		"-----BEGIN ONE-----\r\nAAEC\r\nAw==\r\n-----END ONE-----\r\n"
		"-----BEGIN BROKEN-----\nAA!C\n-----END BROKEN-----\n"
		"-----BEGIN BROKEN-----\nAAA\n-----END BROKEN-----\n"
		"-----BEGIN BROKEN-----\nAA==AA==\n-----END BROKEN-----\n"
		"-----BEGIN EMPTY-----\n-----END EMPTY-----\n"
		"-----BEGIN TOO LARGE-----\nAAAAAAAAAAAAAAAA\n"
		"-----END TOO LARGE-----\n"
		"-----BEGIN TWO-----\nBAU=\n-----END TWO-----\n"
		"-----BEGIN CUT OFF-----\nAAEC\n";
	uint8_t buf[8];
	struct pem pem;

	(void)rt;
	(void)arg;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		size_t at = 0, blocks = 0;
		pem_init(&pem, buf, sizeof(buf));
		while (at < sizeof(text) - 1) {
			size_t len = sizeof(text) - 1 - at;
			at += pem_feed(&pem, text + at,
				       len < piece ? len : piece);
			if (!pem.ready)
				continue;
			const char *want = blocks ? "TWO" : "ONE";
			CHECK(strcmp(pem.label, want) == 0);
			CHECK(memcmp(buf, blocks ? "\4\5" : "\0\1\2\3",
				     blocks ? 2 : 4) == 0);
			CHECK_EQ(pem.len, blocks ? 2 : 4);
			blocks++;
		}
		CHECK_EQ(blocks, 2);
	}
	return 0;
}

static int pem_round(struct rt *rt, void *arg)
{
	uint8_t data[200], back[200];
	char text[400];
	struct pem pem;

	(void)rt;
	(void)arg;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37);
	for (size_t len = 1; len <= sizeof(data); len++) {
		size_t n = pem_write(text, sizeof(text), "X", data, len);
		CHECK(n > 0 && n == strlen(text));
		CHECK_EQ(pem_write(text, n, "X", data, len), 0);
		n = pem_write(text, sizeof(text), "X", data, len);
		pem_init(&pem, back, sizeof(back));
		(void)pem_feed(&pem, text, n);
		CHECK(pem.ready && pem.len == len);
		CHECK(memcmp(back, data, len) == 0);
	}
	return 0;
}

/* A certificate cut short or with any byte changed is parsed or refused, but
 * nothing is read beyond it (the sanitizer looks on). */
static int broken_certificates(struct rt *rt, void *arg)
{
	struct chain *c = chain_new(rt, &(struct chain_wish){ 0 });
	struct cert cert;
	char text[64];
	br_x509_pkey key;
	uint32_t hash;

	(void)arg;
	for (size_t len = 0; len < c->leaf_len; len++) {
		uint8_t *cut = malloc(len ? len : 1);
		memcpy(cut, c->leaf, len);
		CHECK(cert_parse(&cert, (struct der){ cut, len }) != 0);
		free(cut);
	}
	for (size_t i = 0; i < c->leaf_len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			uint8_t *bent = malloc(c->leaf_len);
			memcpy(bent, c->leaf, c->leaf_len);
			bent[i] ^= (uint8_t)(1 << bit);
			if (cert_parse(&cert,
				       (struct der){ bent, c->leaf_len }) ==
			    0) {
				cert_hosts_text(&cert, text, sizeof(text));
				cert_name_text(cert.subject, text,
					       sizeof(text));
				(void)cert_key(&cert, &key);
				(void)cert_name_hash(cert.subject, &hash);
			}
			free(bent);
		}
	}
	chain_free(c);
	return 0;
}

static int times(struct rt *rt, void *arg)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "19700101000000Z" },
		{ 951782399, "20000228235959Z" },
		{ 951782400, "20000229000000Z" },
		{ 1735689599, "20241231235959Z" },
		{ 2524607999, "20491231235959Z" },
		{ 4107542400, "21000301000000Z" },
	};
	struct chain *c = chain_new(rt, &(struct chain_wish){ 0 });
	char text[CERT_TIME_SIZE];

	(void)arg;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t der[SELFSIGN_MAX];
		struct cert cert;
		struct selfsign_spec spec = { .subject = "x",
					      .from = cases[i].seconds,
					      .to = cases[i].seconds + 1,
					      .key = &c->leaf_key };
		cert_time_text(cases[i].seconds, text);
		CHECK(strcmp(text, cases[i].text) == 0);
		ssize_t len = selfsign_make(rt, &spec, der, sizeof(der));
		CHECK_EQ(cert_parse(&cert, (struct der){ der, made(len) }), 0);
		CHECK_EQ(cert.not_before, cases[i].seconds);
		CHECK_EQ(cert.not_after, cases[i].seconds + 1);
	}
	chain_free(c);
	return 0;
}

/* --- Finding --- */

static int finds(struct rt *rt, void *arg)
{
	struct chain *c = chain_new(rt, &(struct chain_wish){ 0 });
	struct trust_options options = { .file = c->roots };
	struct trust *trust = trust_new(rt, &options);
	struct trust_set set;
	struct cert certs[2];
	char text[128];

	(void)arg;
	cert_parse(&certs[0], (struct der){ c->leaf, c->leaf_len });
	cert_parse(&certs[1], (struct der){ c->root, c->root_len });
	CHECK_EQ(found(rt, trust, certs, 2, false, &set), 1);
	CHECK(!set.kept && !set.stale);
	CHECK(set.anchors[0].flags == BR_X509_TA_CA);
	CHECK_EQ(set.anchors[0].dn.len, certs[1].subject.len);
	trust_release(&set);
	/* Now it is at hand: no operation is needed. */
	uint64_t ops = rt_counters(rt)->ops;
	CHECK_EQ(found(rt, trust, certs, 2, false, &set), 1);
	CHECK(set.kept);
	CHECK_EQ(rt_counters(rt)->ops, ops);
	trust_release(&set);
	CHECK_EQ(found(rt, trust, certs, 2, true, &set), 1);
	CHECK(!set.kept && rt_counters(rt)->ops > ops);
	/* A set outlives what is at hand. */
	unlink(c->roots);
	write_pem(c->roots, c->leaf, c->leaf_len);
	struct trust_set other;
	CHECK_EQ(found(rt, trust, &certs[1], 1, false, &other), 0);
	CHECK(set.held[0] && set.anchors[0].dn.data[0] == DER_SEQUENCE);
	trust_release(&set);
	/* The leaf is trusted, but not to issue. */
	CHECK_EQ(found(rt, trust, certs, 1, false, &set), 1);
	CHECK_EQ(set.anchors[0].flags, 0);
	trust_release(&set);
	trust_describe(trust, text, sizeof(text));
	CHECK(strcmp(text, c->roots) == 0);
	trust_free(trust);
	chain_free(c);
	return 0;
}

/* Broken certificates around a good one are skipped. */
static int broken_bundle(struct rt *rt, void *arg)
{
	struct chain *c = chain_new(rt, &(struct chain_wish){ 0 });
	struct trust_options options = { .file = c->roots };
	struct trust *trust = trust_new(rt, &options);
	char *text = malloc(PEM_ROOM);
	size_t n = 0;

	(void)arg;
	n += pem_write(text + n, PEM_ROOM - n, "CERTIFICATE", c->root,
		       c->root_len - 7);
	n += pem_write(text + n, PEM_ROOM - n, "CERTIFICATE", "\x30\x84", 2);
	n += pem_write(text + n, PEM_ROOM - n, "PRIVATE KEY", c->root,
		       c->root_len);
	n += (size_t)sprintf(text + n, "-----BEGIN CERTIFICATE-----\n?\n");
	n += (size_t)sprintf(text + n, "-----END CERTIFICATE-----\n");
	write_text(c->roots, text, n);
	CHECK_EQ(find_one(rt, trust, c->root, c->root_len), -ENODATA);
	n += pem_write(text + n, PEM_ROOM - n, "CERTIFICATE", c->root,
		       c->root_len);
	/* Twice is once. */
	n += pem_write(text + n, PEM_ROOM - n, "CERTIFICATE", c->root,
		       c->root_len);
	n += (size_t)sprintf(text + n, "-----BEGIN CERTIFICATE-----\nAAAA");
	write_text(c->roots, text, n);
	CHECK_EQ(find_one(rt, trust, c->root, c->root_len), 1);
	trust_free(trust);
	free(text);
	chain_free(c);
	return 0;
}

/* A root with an RSA key of 1024 bits, good for half a century: it is found,
 * but not used. */
static int weak_root(struct rt *rt, void *arg)
{
	static const char text[] =
		"-----BEGIN CERTIFICATE-----\n"
		"MIIB/DCCAWWgAwIBAgIUAqNK4PFuB/fU/"
		"5qcxPX296oqQG0wDQYJKoZIhvcNAQEL\n"
		"BQAwDzENMAsGA1UEAwwEV2VhazAgFw0yNjExMzAxNjE4MjBaGA8yMDgxMDkwMj"
		"E2\n"
		"MTgyMFowDzENMAsGA1UEAwwEV2VhazCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgY"
		"kC\n"
		"gYEAtTStknZFHPYQS4KnTcGw1CpTlGeS5RWF6Q81QpadjbNH7IOxMMQebqFvAc"
		"R+\n"
		"mxdXAOS2wUKLWuUMzijj5ffubgdpV5ECgGoSktScOMSRLwEC5eIr0SGB5GbVy9"
		"B2\n"
		"OrxpsjdTcPw36yR/C72Dakeu0FVkcBTmWltMAvxk/"
		"VA3qtECAwEAAaNTMFEwHQYD\n"
		"VR0OBBYEFOiJrp5Xru40Gn/"
		"4UpE6v8Po73YwMB8GA1UdIwQYMBaAFOiJrp5Xru40\n"
		"Gn/4UpE6v8Po73YwMA8GA1UdEwEB/"
		"wQFMAMBAf8wDQYJKoZIhvcNAQELBQADgYEA\n"
		"ZzTX6af0ZdYWdyHDXXPvRGa7cYN6W94jc8/"
		"Fz78jbLIS1KR2EA+drmGoViYhUfp+\n"
		"FoekD38E2/i7IFWRBIvfSxuDWiRWVkOU+dqAmigvsG/"
		"vNbJHWFfzcP4IlGTpXg8H\n"
		"P2NQCHBRB6Soj6/AJ6dx1U4tPBzt65BYkWLaq1aPO34=\n"
		"-----END CERTIFICATE-----\n";
	struct chain *c = chain_new(rt, &(struct chain_wish){ 0 });
	struct trust_options options = { .file = c->roots };
	struct trust *trust = trust_new(rt, &options);
	struct trust_set set;
	struct cert cert;
	struct pem pem;
	uint8_t der[1024];

	(void)arg;
	write_text(c->roots, text, sizeof(text) - 1);
	pem_init(&pem, der, sizeof(der));
	(void)pem_feed(&pem, text, sizeof(text) - 1);
	CHECK(pem.ready);
	CHECK_EQ(cert_parse(&cert, (struct der){ der, pem.len }), 0);
	CHECK_EQ(found(rt, trust, &cert, 1, false, &set), 0);
	CHECK(set.weak && !set.stale);
	trust_free(trust);
	chain_free(c);
	return 0;
}

static int no_bundle(struct rt *rt, void *arg)
{
	struct chain *c = chain_new(rt, &(struct chain_wish){ 0 });
	struct trust_options options = { .file = c->roots };
	struct trust *trust = trust_new(rt, &options);

	(void)arg;
	unlink(c->roots);
	CHECK_EQ(find_one(rt, trust, c->root, c->root_len), -ENOENT);
	trust_free(trust);
	options = (struct trust_options){ .dir = "/nonexistent:/tmp/none" };
	trust = trust_new(rt, &options);
	CHECK_EQ(find_one(rt, trust, c->root, c->root_len), 0);
	trust_free(trust);
	chain_free(c);
	return 0;
}

/* A directory as `openssl rehash` makes it, by our own hash. */
static int directory(struct rt *rt, void *arg)
{
	struct chain *c = chain_new(rt, &(struct chain_wish){ 0 });
	char dirs[160], path[128];
	struct trust_options options = { .dir = dirs };
	struct cert cert;
	uint32_t hash = 0;

	(void)arg;
	cert_parse(&cert, (struct der){ c->root, c->root_len });
	CHECK(cert_name_hash(cert.subject, &hash));
	snprintf(dirs, sizeof(dirs), "/nonexistent::%s", c->dir);
	snprintf(path, sizeof(path), "%s/%08x.0", c->dir, hash);
	write_pem(path, c->leaf, c->leaf_len);
	struct trust *trust = trust_new(rt, &options);
	CHECK_EQ(find_one(rt, trust, c->root, c->root_len), 0);
	/* The next of that hash is the right one. */
	snprintf(path, sizeof(path), "%s/%08x.1", c->dir, hash);
	write_pem(path, c->root, c->root_len);
	CHECK_EQ(find_one(rt, trust, c->root, c->root_len), 1);
	trust_free(trust);
	unlink(path);
	path[strlen(path) - 1] = '0';
	unlink(path);
	chain_free(c);
	return 0;
}

/* What is said of directories, by the names in them. */
static int checked_dirs(struct rt *rt, void *arg)
{
	static const struct {
		const char *name;
		enum trust_dirs alone, with_file;
	} cases[] = {
		{ NULL, TRUST_DIRS_EMPTY, TRUST_DIRS_FINE },
		{ "notes.txt", TRUST_DIRS_EMPTY, TRUST_DIRS_FINE },
		{ "root.pem", TRUST_DIRS_UNHASHED, TRUST_DIRS_UNHASHED },
		{ "Root.CRT", TRUST_DIRS_UNHASHED, TRUST_DIRS_UNHASHED },
		{ "1234567.0", TRUST_DIRS_EMPTY, TRUST_DIRS_FINE },
		{ "1234567g.0", TRUST_DIRS_EMPTY, TRUST_DIRS_FINE },
		{ "12345678.", TRUST_DIRS_EMPTY, TRUST_DIRS_FINE },
		{ "12345678.r0", TRUST_DIRS_EMPTY, TRUST_DIRS_FINE },
		{ "12345678", TRUST_DIRS_EMPTY, TRUST_DIRS_FINE },
		{ "1234abcd.0", TRUST_DIRS_FINE, TRUST_DIRS_FINE },
		{ "1234ABCD.15", TRUST_DIRS_FINE, TRUST_DIRS_FINE },
	};
	char dir[] = "/tmp/test_trust.XXXXXX", path[64], list[64], said[64];
	struct trust *trusts[2];

	(void)arg;
	CHECK(mkdtemp(dir) != NULL);
	snprintf(list, sizeof(list), ":/nonexistent:%s", dir);
	trusts[0] = trust_new(rt, &(struct trust_options){ .dir = list });
	trusts[1] = trust_new(
		rt, &(struct trust_options){ .dir = list, .file = "x" });
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir,
			 cases[i].name ? cases[i].name : "");
		if (cases[i].name)
			write_text(path, "x", 1);
		for (int file = 0; file < 2; file++) {
			enum trust_dirs want = file ? cases[i].with_file
						    : cases[i].alone;
			*said = '\0';
			CHECK_EQ(trust_check_dirs(trusts[file], said,
						  sizeof(said), patience(rt)),
				 want);
			CHECK((want == TRUST_DIRS_UNHASHED) ==
			      (strcmp(said, dir) == 0));
		}
		if (cases[i].name)
			unlink(path);
	}
	trust_free(trusts[0]);
	trust_free(trusts[1]);
	CHECK_EQ(rmdir(dir), 0);
	return 0;
}

struct seeker {
	struct trust *trust;
	struct chain *chain;
	int found;
};

static void seek(struct rt *rt, void *arg)
{
	struct seeker *s = arg;
	s->found = find_one(rt, s->trust, s->chain->root, s->chain->root_len);
}

/* Many at once: one reads, the others wait for it; one is cancelled. */
static int together(struct rt *rt, void *arg)
{
	struct chain *c = chain_new(rt, &(struct chain_wish){ 0 });
	struct trust_options options = { .file = c->roots };
	struct seeker seekers[8], victim;
	struct scope scope, doomed;

	(void)arg;
	victim.trust = trust_new(rt, &options);
	victim.chain = c;
	scope_open(rt, &scope, DEADLINE_NEVER);
	scope_open(rt, &doomed, DEADLINE_NEVER);
	task_spawn(&doomed, "victim", TASK_STACK_NORMAL, seek, &victim);
	for (int i = 0; i < 8; i++) {
		seekers[i] = (struct seeker){ victim.trust, c, -1 };
		task_spawn(&scope, "seeker", TASK_STACK_NORMAL, seek,
			   &seekers[i]);
	}
	task_yield(rt);
	scope_close(&doomed);
	scope_join(&scope);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(seekers[i].found, 1);
	CHECK_EQ(victim.found, -ECANCELED);
	trust_free(victim.trust);
	chain_free(c);
	return 0;
}

/* --- The machine's own --- */

/* Calls fn for each certificate of the bundle. */
static size_t each_root(void (*fn)(void *arg, const struct cert *cert),
			void *arg)
{
	uint8_t *der = malloc(TRUST_CERT_MAX);
	size_t len, count = 0;
	char *text = slurp(SYSTEM_BUNDLE, &len);
	const char *at = text;
	struct pem pem;
	struct cert cert;

	pem_init(&pem, der, TRUST_CERT_MAX);
	while (len > 0) {
		size_t used = pem_feed(&pem, at, len);
		at += used;
		len -= used;
		if (!pem.ready)
			continue;
		CHECK_EQ(cert_parse(&cert, (struct der){ der, pem.len }), 0);
		fn(arg, &cert);
		count++;
	}
	free(text);
	free(der);
	return count;
}

struct search {
	struct rt *rt;
	struct trust *file, *dir;
	size_t kinds[3];
};

static void search_root(void *arg, const struct cert *cert)
{
	struct search *search = arg;
	struct trust_set set;
	br_x509_pkey key = { 0 };
	char text[128];

	CHECK(cert_key(cert, &key));
	CHECK(cert->ca);
	cert_name_text(cert->subject, text, sizeof(text));
	CHECK(*text || cert->subject.len < 80);
	if (search->file) {
		int n = found(search->rt, search->file, cert, 1, false, &set);
		if (!CHECK(n >= 1 || set.stale))
			fprintf(stderr, "not in the file: %s\n", text);
		trust_release(&set);
	}
	if (search->dir) {
		int n = found(search->rt, search->dir, cert, 1, false, &set);
		if (!CHECK(n >= 1 || set.stale))
			fprintf(stderr, "not in the directory: %s\n", text);
		trust_release(&set);
	}
	search->kinds[key.key_type]++;
}

static int system_bundle(struct rt *rt, void *arg)
{
	struct trust_options none = { 0 };
	struct trust_options dir = { .dir = SYSTEM_DIR };
	struct search search = { .rt = rt };
	size_t count;

	(void)arg;
	if (access(SYSTEM_BUNDLE, R_OK) != 0)
		return 0;
	search.file = trust_new(rt, &none);
	if (access(SYSTEM_DIR "/ca-certificates.crt", R_OK) == 0)
		search.dir = trust_new(rt, &dir);
	struct mallinfo2 before = mallinfo2();
	count = each_root(search_root, &search);
	struct mallinfo2 after = mallinfo2();
	printf("%zu roots: %zu RSA, %zu EC; %zu bytes at hand for %d\n", count,
	       search.kinds[BR_KEYTYPE_RSA], search.kinds[BR_KEYTYPE_EC],
	       after.uordblks - before.uordblks, 2 * TRUST_KEEP);
	CHECK(count > 20);
	trust_free(search.file);
	trust_free(search.dir);
	return 0;
}

static void run(int (*body)(struct rt *rt, void *arg))
{
	int before = fd_count();

	in_runtime(body, NULL);
	assert_int_equal(fd_count(), before);
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		run(name);                                                     \
	}

TEST(pem_pieces)
TEST(pem_round)
TEST(broken_certificates)
TEST(times)
TEST(finds)
TEST(broken_bundle)
TEST(weak_root)
TEST(no_bundle)
TEST(directory)
TEST(checked_dirs)
TEST(together)
TEST(system_bundle)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pem_pieces),
		cmocka_unit_test(test_pem_round),
		cmocka_unit_test(test_broken_certificates),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_finds),
		cmocka_unit_test(test_broken_bundle),
		cmocka_unit_test(test_weak_root),
		cmocka_unit_test(test_no_bundle),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_checked_dirs),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_system_bundle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
