// SPDX-License-Identifier: MIT
#include "harness_pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LONG_AGO "20190101000000Z"
#define FAR_AHEAD "20490101000000Z"

/* A certificate to be made. */
struct wanted {
	const char *name;	/* of its file, without .pem */
	const char *request;	/* NAME.csr: whose key and name it is for */
	const char *signer;	/* NAME.pem and NAME.key; NULL: itself */
	const char *extensions; /* section of the configuration */
	const char *from, *to;	/* NULL: long ago, far ahead */
	const char *digest;	/* NULL: sha256 */
};

static const char config[] =
	"[req]\nprompt = no\ndistinguished_name = $ENV::WHO\n"
	"[ec-root]\nCN = Test ec root\n"
	"[ec-inter]\nCN = Test ec intermediate\n"
	"[ec-leaf]\nCN = Test ec leaf\n"
	"[rsa-root]\nCN = Test rsa root\n"
	"[rsa-inter]\nCN = Test rsa intermediate\n"
	"[rsa-leaf]\nCN = Test rsa leaf\n"
	"[ca]\ndefault_ca = all\n"
	"[all]\ndatabase = $ENV::PKI/index\nnew_certs_dir = $ENV::PKI/new\n"
	"unique_subject = no\nrand_serial = yes\npolicy = any\n"
	"email_in_dn = no\n"
	"default_md = $ENV::DIGEST\nx509_extensions = $ENV::EXTENSIONS\n"
	"default_startdate = $ENV::FROM\ndefault_enddate = $ENV::TO\n"
	"certificate = $ENV::PKI/$ENV::SIGNER.pem\n"
	"private_key = $ENV::PKI/$ENV::SIGNER.key\n"
	"[any]\ncommonName = supplied\n"
	"[issuer]\nbasicConstraints = critical, CA:TRUE\n"
	"keyUsage = critical, keyCertSign, cRLSign\n"
	"[server]\nbasicConstraints = CA:FALSE\n"
	"extendedKeyUsage = serverAuth\n"
	"subjectAltName = DNS:localhost, IP:127.0.0.1\n"
	"[elsewhere]\nbasicConstraints = CA:FALSE\n"
	"extendedKeyUsage = serverAuth\n"
	"subjectAltName = DNS:elsewhere.example, IP:192.0.2.7\n";

static void run(const char *const *args, char *const *env)
{
	struct child_how how = { .exe = OPENSSL,
				 .args = args,
				 .in = STDIO_NULL,
				 .text_stdout = true };
	struct child *c = child_spawn(&how, env);

	if (child_wait(c, BOUND_MS) != 0)
		child_fail(c, "openssl %s failed", args[0]);
	child_free(c);
}

void pki_openssl(const char *const *args)
{
	char path[] = "PATH=/usr/bin:/bin";
	char *const env[] = { path, NULL };

	run(args, env);
}

/* The same with the configuration, whose variables are these. */
static void run_for(const char *dir, const struct wanted *w,
		    const char *const *args)
{
	const char *signer = w->signer ? w->signer : w->request;
	char *env[] = {
		text_new("PKI=%s", dir),
		text_new("WHO=%s", w->request),
		text_new("SIGNER=%s", signer),
		text_new("EXTENSIONS=%s", w->extensions),
		text_new("FROM=%s", w->from ? w->from : LONG_AGO),
		text_new("TO=%s", w->to ? w->to : FAR_AHEAD),
		text_new("DIGEST=%s", w->digest ? w->digest : "sha256"),
		NULL,
	};

	run(args, env);
	for (char **e = env; *e; e++)
		free(*e);
}

/* A key and a request that says whose it is. */
static void make_key(const char *dir, const char *kind, const char *role)
{
	char *who = text_new("%s-%s", kind, role);
	char *conf = text_new("%s/config", dir);
	char *key = text_new("%s/%s.key", dir, who);
	char *csr = text_new("%s/%s.csr", dir, who);
	bool ec = !strcmp(kind, "ec");
	const char *const args[] = {
		"req",
		"-new",
		"-config",
		conf,
		"-newkey",
		ec ? "ec" : "rsa:2048",
		"-nodes",
		"-keyout",
		key,
		"-out",
		csr,
		ec ? "-pkeyopt" : NULL,
		ec ? "ec_paramgen_curve:prime256v1" : NULL,
		NULL,
	};

	run_for(dir, &(struct wanted){ .request = who, .extensions = "issuer" },
		args);
	free(who);
	free(conf);
	free(key);
	free(csr);
}

static void make_cert(const char *dir, const struct wanted *w)
{
	char *conf = text_new("%s/config", dir);
	char *csr = text_new("%s/%s.csr", dir, w->request);
	char *out = text_new("%s/%s.pem", dir, w->name);
	const char *const args[] = {
		"ca",	   "-batch",
		"-notext", "-config",
		conf,	   "-in",
		csr,	   "-out",
		out,	   w->signer ? NULL : "-selfsign",
		NULL,
	};

	run_for(dir, w, args);
	free(conf);
	free(csr);
	free(out);
}

/* Writes a.pem and b.pem, one after the other, as name.pem. */
static void join(const char *dir, const char *name, const char *a,
		 const char *b)
{
	char *paths[] = { text_new("%s/%s.pem", dir, a),
			  text_new("%s/%s.pem", dir, b),
			  text_new("%s/%s.pem", dir, name) };
	char *texts[] = { file_read(paths[0]), file_read(paths[1]) };
	char *both = text_new("%s%s", texts[0], texts[1]);

	file_write(paths[2], both, 0600);
	for (int i = 0; i < 3; i++)
		free(paths[i]);
	free(texts[0]);
	free(texts[1]);
	free(both);
}

static void make_kind(const char *dir, const char *kind)
{
	char *root = text_new("%s-root", kind);
	char *inter = text_new("%s-inter", kind);
	char *leaf = text_new("%s-leaf", kind);
	char *chain = text_new("%s-chain", kind);

	make_key(dir, kind, "root");
	make_key(dir, kind, "inter");
	make_key(dir, kind, "leaf");
	make_cert(dir, &(struct wanted){ root, root, NULL, "issuer", NULL, NULL,
					 NULL });
	make_cert(dir, &(struct wanted){ inter, inter, root, "issuer", NULL,
					 NULL, NULL });
	make_cert(dir, &(struct wanted){ leaf, leaf, inter, "server", NULL,
					 NULL, NULL });
	join(dir, chain, leaf, inter);
	free(root);
	free(inter);
	free(leaf);
	free(chain);
}

static void make_wrong(const char *dir)
{
	static const struct wanted wrong[] = {
		{ "expired", "ec-leaf", "ec-inter", "server", LONG_AGO,
		  "20200102000000Z", NULL },
		{ "future", "ec-leaf", "ec-inter", "server", "20400101000000Z",
		  FAR_AHEAD, NULL },
		{ "elsewhere", "ec-leaf", "ec-inter", "elsewhere", NULL, NULL,
		  NULL },
		{ "sha1", "ec-leaf", "ec-inter", "server", NULL, NULL, "sha1" },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		make_cert(dir, &wrong[i]);
		join(dir, wrong[i].name, wrong[i].name, "ec-inter");
	}
	make_cert(dir, &(struct wanted){ "selfsigned", "ec-leaf", NULL,
					 "server", NULL, NULL, NULL });
}

int pki_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = text_new("%s/mcp-pki-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	char *path;

	if (!mkdtemp(dir))
		abort();
	*state = dir;
	path = text_new("%s/config", dir);
	file_write(path, config, 0600);
	free(path);
	path = text_new("%s/index", dir);
	file_write(path, "", 0600);
	free(path);
	path = text_new("%s/new", dir);
	if (mkdir(path, 0700))
		abort();
	free(path);
	make_kind(dir, "ec");
	make_kind(dir, "rsa");
	make_wrong(dir);
	return 0;
}

int pki_teardown(void **state)
{
	dir_remove(*state);
	free(*state);
	return 0;
}
