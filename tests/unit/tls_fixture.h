// SPDX-License-Identifier: MIT
/*
 * tls_fixture - certificates for tests, made with selfsign: a root, an
 * intermediate and a leaf, each to be bent as a test wants, and a file with
 * the root for the client to trust.
 */
#ifndef TESTS_TLS_FIXTURE_H
#define TESTS_TLS_FIXTURE_H

#include <stdlib.h>
#include <sys/stat.h>

#include "net/pem.h"
#include "net/selfsign.h"
#include "tests/unit/net_fixture.h"

#define DAY_SECONDS 86400
#define PEM_ROOM 16384

/* What a test wants otherwise than good. */
struct chain_wish {
	const char *const *hosts; /* NULL: "test.example" and 127.0.0.1 */
	int64_t from, to;	  /* of the leaf, relative to now; 0: good */
	int64_t root_to;	  /* of the root */
	bool self_signed;	  /* the leaf by itself */
	bool other_root;	  /* the file has another root of that name */
	bool strange_root;	  /* the file has a root of another name */
	bool no_intermediate;	  /* it is not sent */
	bool with_root;		  /* the root is sent too */
	bool shuffled;		  /* the intermediate comes last */
	bool sha1;		  /* in the leaf */
	bool sha224;		  /* likewise: nobody knows it here */
	bool client_only;
	bool leaf_issues;  /* issued by one that may not */
	bool spoilt;	   /* a byte of the leaf's signature is wrong */
	bool trust_leaf;   /* the file has the leaf */
	bool no_names;	   /* only a common name: the first host */
	int64_t middle_to; /* of the intermediate, relative to now; 0: good */
	/* In place of the usual ones (selfsign.h). */
	struct der leaf_extensions, middle_extensions, root_extensions;
};

struct chain {
	struct selfsign_key root_key, middle_key, leaf_key, other_key;
	uint8_t root[SELFSIGN_MAX], middle[SELFSIGN_MAX], leaf[SELFSIGN_MAX];
	size_t root_len, middle_len, leaf_len;
	char pem[PEM_ROOM]; /* what the server sends */
	char key[512];
	size_t pem_len, key_len;
	char dir[64], roots[80]; /* a directory, the file of roots in it */
};

static inline void pem_add(struct chain *c, const uint8_t *der, size_t len)
{
	c->pem_len += pem_write(c->pem + c->pem_len, PEM_ROOM - c->pem_len,
				"CERTIFICATE", der, len);
}

static inline void write_text(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "we");

	CHECK(file != NULL);
	if (!file)
		return;
	CHECK(fwrite(text, 1, len, file) == len);
	fclose(file);
}

static inline void write_pem(const char *path, const uint8_t *der, size_t len)
{
	char *text = malloc(PEM_ROOM);
	size_t n = pem_write(text, PEM_ROOM, "CERTIFICATE", der, len);

	CHECK(n > 0);
	write_text(path, text, n);
	free(text);
}

static inline size_t made(ssize_t len)
{
	CHECK(len > 0);
	return len > 0 ? (size_t)len : 0;
}

/* Says of ECDSA with SHA-256 that it is with SHA-224. */
static inline void say_sha224(uint8_t *der, size_t len)
{
	static const uint8_t oid[] = { 0x2a, 0x86, 0x48, 0xce,
				       0x3d, 0x04, 0x03, 0x02 };
	uint8_t *at;

	while ((at = memmem(der, len, oid, sizeof(oid))))
		at[sizeof(oid) - 1] = 1;
}

static inline struct chain *chain_new(struct rt *rt, const struct chain_wish *w)
{
	static const char *const usual[] = { "test.example", "*.wild.example",
					     "127.0.0.1", "::1", NULL };
	struct chain *c = calloc(1, sizeof(*c));
	int64_t now = clock_wall(rt) / CLOCK_NS_PER_S;
	const char *const *hosts = w->hosts ? w->hosts : usual;

	selfsign_key_make(rt, &c->root_key);
	selfsign_key_make(rt, &c->middle_key);
	selfsign_key_make(rt, &c->leaf_key);
	selfsign_key_make(rt, &c->other_key);
	struct selfsign_spec root = {
		.subject = "Test Root",
		.from = now - 30 * DAY_SECONDS,
		.to = now + (w->root_to ? w->root_to : 30 * DAY_SECONDS),
		.key = w->other_root ? &c->other_key : &c->root_key,
		.ca = true,
		.extensions = w->root_extensions
	};
	struct selfsign_spec middle = {
		.subject = "Test Intermediate",
		.issuer = "Test Root",
		.from = now - 20 * DAY_SECONDS,
		.to = now + (w->middle_to ? w->middle_to : 20 * DAY_SECONDS),
		.key = &c->middle_key,
		.signer = &c->root_key,
		.ca = !w->leaf_issues,
		.extensions = w->middle_extensions
	};
	struct selfsign_spec leaf = {
		.subject = w->no_names ? hosts[0] : "Test Leaf",
		.issuer = w->self_signed ? NULL : "Test Intermediate",
		.hosts = w->no_names ? NULL : hosts,
		.from = now + (w->from ? w->from : -DAY_SECONDS),
		.to = now + (w->to ? w->to : 10 * DAY_SECONDS),
		.key = &c->leaf_key,
		.signer = w->self_signed ? NULL : &c->middle_key,
		.client_only = w->client_only,
		.sha1 = w->sha1,
		.extensions = w->leaf_extensions
	};
	c->root_len = made(selfsign_make(rt, &root, c->root, SELFSIGN_MAX));
	c->middle_len =
		made(selfsign_make(rt, &middle, c->middle, SELFSIGN_MAX));
	c->leaf_len = made(selfsign_make(rt, &leaf, c->leaf, SELFSIGN_MAX));
	if (w->sha224)
		say_sha224(c->leaf, c->leaf_len);
	if (w->spoilt)
		c->leaf[c->leaf_len - 3] ^= 1;
	pem_add(c, c->leaf, c->leaf_len);
	if (w->shuffled)
		pem_add(c, c->root, c->root_len);
	if (!w->self_signed && !w->no_intermediate)
		pem_add(c, c->middle, c->middle_len);
	if (w->with_root)
		pem_add(c, c->root, c->root_len);
	c->key_len = selfsign_key_pem(&c->leaf_key, c->key, sizeof(c->key));
	CHECK(c->key_len > 0);

	snprintf(c->dir, sizeof(c->dir), "/tmp/test_tls.XXXXXX");
	CHECK(mkdtemp(c->dir) != NULL);
	snprintf(c->roots, sizeof(c->roots), "%s/roots.pem", c->dir);
	root.subject = "Strange Root";
	if (w->strange_root)
		c->root_len =
			made(selfsign_make(rt, &root, c->root, SELFSIGN_MAX));
	if (w->trust_leaf)
		write_pem(c->roots, c->leaf, c->leaf_len);
	else
		write_pem(c->roots, c->root, c->root_len);
	return c;
}

static inline void chain_free(struct chain *c)
{
	unlink(c->roots);
	rmdir(c->dir);
	free(c);
}

#endif
