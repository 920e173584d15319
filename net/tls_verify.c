// SPDX-License-Identifier: MIT
#include "net/tls_verify.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/cert.h"
#include "net/constraints.h"
#include "net/p256.h"
#include "net/trust.h"
#include "runtime/task.h"

/* Days from the year 0, where BearSSL begins to count, to 1970. */
#define EPOCH_DAYS 719528

/* The chain as it is judged: from the server's certificate towards the root,
 * each issued by the next. */
struct path {
	struct cert certs[TLS_VERIFY_CERTS];
	size_t count;
};

static struct tls_verify *verify_of(const br_x509_class **ctx)
{
	return (struct tls_verify *)(void *)ctx;
}

bool tls_verify_is_address(const char *host, uint8_t addr[16], size_t *len)
{
	*len = strchr(host, ':') ? 16 : 4;
	return inet_pton(*len == 16 ? AF_INET6 : AF_INET, host, addr) == 1;
}

/* --- Gathering --- */

static void start_chain(const br_x509_class **ctx, const char *server_name)
{
	struct tls_verify *v = verify_of(ctx);
	(void)server_name;
	v->len = v->count = 0;
	v->too_large = false;
}

static void start_cert(const br_x509_class **ctx, uint32_t length)
{
	struct tls_verify *v = verify_of(ctx);
	if (v->count == TLS_VERIFY_CERTS || length > TLS_VERIFY_BYTES ||
	    v->len + length > TLS_VERIFY_BYTES)
		v->too_large = true;
	if (v->too_large || v->len + length <= v->cap)
		return;
	uint8_t *chain = realloc(v->chain, v->len + length);
	if (!chain) {
		v->err = -ENOMEM;
		return;
	}
	v->chain = chain;
	v->cap = v->len + length;
}

static void append(const br_x509_class **ctx, const unsigned char *buf,
		   size_t len)
{
	struct tls_verify *v = verify_of(ctx);
	if (v->too_large || v->err || len > v->cap - v->len)
		return;
	memcpy(v->chain + v->len, buf, len);
	v->len += len;
}

static void end_cert(const br_x509_class **ctx)
{
	struct tls_verify *v = verify_of(ctx);
	if (!v->too_large && !v->err)
		v->ends[v->count++] = v->len;
}

/* --- Judging --- */

static struct der cert_at(const struct tls_verify *v, size_t i)
{
	size_t begin = i ? v->ends[i - 1] : 0;
	return (struct der){ v->chain + begin, v->ends[i] - begin };
}

/* Puts the chain in order: servers send what belongs together, but not always
 * in sequence, and some send more. Self-issued ones at the end are left out:
 * they are roots, and those come from this machine alone. */
static bool make_path(const struct tls_verify *v, struct path *path)
{
	bool used[TLS_VERIFY_CERTS] = { true };
	path->count = 1;
	if (v->count == 0 || cert_parse(&path->certs[0], cert_at(v, 0)))
		return false;
	for (size_t i = 1; i < v->count; i++) {
		const struct cert *last = &path->certs[path->count - 1];
		struct cert *next = &path->certs[path->count];
		if (used[i] || cert_self_issued(last) ||
		    cert_parse(next, cert_at(v, i)) || cert_self_issued(next) ||
		    !der_equal(next->subject, last->issuer))
			continue;
		used[i] = true;
		path->count++;
		i = 0; /* any of the others may be the next */
	}
	return true;
}

static void set_algorithms(br_x509_minimal_context *x, const struct path *path)
{
	bool used[CERT_HASH_SHA512 + 1] = { false };
	for (size_t i = 0; i < path->count; i++)
		used[path->certs[i].hash] = true;
	/* Every hash that is set is computed over every byte. SHA-1 and MD5
	 * never are. */
	if (used[CERT_HASH_SHA256])
		br_x509_minimal_set_hash(x, br_sha256_ID, &br_sha256_vtable);
	if (used[CERT_HASH_SHA384])
		br_x509_minimal_set_hash(x, br_sha384_ID, &br_sha384_vtable);
	if (used[CERT_HASH_SHA512])
		br_x509_minimal_set_hash(x, br_sha512_ID, &br_sha512_vtable);
	br_x509_minimal_set_rsa(x, br_rsa_pkcs1_vrfy_get_default());
	br_x509_minimal_set_ecdsa(x, br_ec_get_default(), p256_vrfy);
	br_x509_minimal_set_minrsa(x, TLS_VERIFY_RSA_BITS / 8);
}

/* Runs BearSSL's engine over the path: 0 or its error. The signature of the
 * certificate before is checked in the middle of each; at its last byte a root
 * is tried. The task yields between the two. */
static unsigned run_minimal(struct tls_verify *v, const struct path *path,
			    const struct trust_set *set)
{
	br_x509_minimal_context *x = &v->minimal;
	const br_x509_class *minimal = &br_x509_minimal_vtable;
	uint8_t addr[16];
	size_t len;
	br_x509_minimal_init(x, &br_sha256_vtable, set->anchors, set->count);
	set_algorithms(x, path);
	br_x509_minimal_set_time(x,
				 (uint32_t)(v->error->now / 86400 + EPOCH_DAYS),
				 (uint32_t)(v->error->now % 86400));
	minimal->start_chain(
		&x->vtable,
		tls_verify_is_address(v->host, addr, &len) ? NULL : v->host);
	v->used = 0;
	while (v->used < path->count && x->err == 0 && !v->err) {
		struct der der = path->certs[v->used++].whole;
		minimal->start_cert(&x->vtable, (uint32_t)der.len);
		minimal->append(&x->vtable, der.data, der.len - 1);
		v->err = task_breathe(v->rt);
		minimal->append(&x->vtable, der.data + der.len - 1, 1);
		minimal->end_cert(&x->vtable);
		v->err = v->err ? v->err : task_breathe(v->rt);
	}
	return minimal->end_chain(&x->vtable);
}

/* Looks for the roots that the path can lead to: those that issued one of its
 * certificates, or the first of them itself. */
static int find_roots(struct tls_verify *v, const struct path *path, bool fresh,
		      struct trust_set *set)
{
	struct der names[TLS_VERIFY_CERTS + 1];
	names[0] = path->certs[0].subject;
	for (size_t i = 0; i < path->count; i++)
		names[i + 1] = path->certs[i].issuer;
	int err = trust_find(v->trust, names, path->count + 1, fresh, set,
			     v->deadline);
	trust_describe(v->trust, v->error->roots, sizeof(v->error->roots));
	return err;
}

/* --- What BearSSL does not look at --- */

/* Whether an issuer with these constraints may have issued, directly or not,
 * the first `count` of the path. */
static bool may_issue(const struct tls_verify *v, const struct path *path,
		      size_t count, struct der constraints)
{
	uint8_t addr[16];
	size_t len;
	bool literal = tls_verify_is_address(v->host, addr, &len);
	for (size_t i = 0; i < count; i++)
		if (!constraints_allow(constraints, &path->certs[i],
				       i == 0 && !literal ? v->host : NULL))
			return false;
	return true;
}

/* Leaves out the roots that may not issue what they would have issued. */
static void drop_limited(struct tls_verify *v, const struct path *path,
			 struct trust_set *set)
{
	v->limited = TLS_OK;
	for (size_t i = set->count; i-- > 0;) {
		struct trust_limits limits = trust_limits_of(set, i);
		struct der dn = { set->anchors[i].dn.data,
				  set->anchors[i].dn.len };
		size_t below = 0;
		while (below < path->count &&
		       !der_equal(path->certs[below].issuer, dn))
			below++;
		if (below == path->count ||
		    !(set->anchors[i].flags & BR_X509_TA_CA))
			continue;
		bool deep = limits.path_max >= 0 &&
			    below > (size_t)limits.path_max;
		if (!deep && may_issue(v, path, below + 1, limits.constraints))
			continue;
		v->limited = deep ? TLS_NOT_AN_ISSUER : TLS_CONSTRAINED;
		trust_drop(set, i);
	}
}

static bool is_for_host(const struct tls_verify *v, const struct cert *cert)
{
	uint8_t addr[16];
	size_t len;
	if (tls_verify_is_address(v->host, addr, &len))
		return cert_has_address(cert, addr, len);
	return cert_has_host(cert, v->host);
}

/* --- Saying what is wrong --- */

/* The first certificate whose time is not now. */
static void explain_time(struct tls_verify *v, const struct path *path)
{
	struct tls_error *e = v->error;
	for (size_t i = 0; i < path->count; i++) {
		const struct cert *cert = &path->certs[i];
		if (e->now >= cert->not_before && e->now <= cert->not_after)
			continue;
		e->fault = e->now < cert->not_before ? TLS_NOT_YET_VALID
						     : TLS_EXPIRED;
		e->from = cert->not_before;
		e->to = cert->not_after;
		cert_name_text(cert->subject, e->name, sizeof(e->name));
		return;
	}
}

/* The root of that name among those that were tried: one that may issue, if
 * there is one. */
static const br_x509_trust_anchor *tried(const struct trust_set *set,
					 struct der name)
{
	const br_x509_trust_anchor *found = NULL;
	for (size_t i = 0; i < set->count; i++) {
		const br_x509_trust_anchor *root = &set->anchors[i];
		struct der dn = { root->dn.data, root->dn.len };
		if (der_equal(dn, name) &&
		    (!found || (root->flags & BR_X509_TA_CA)))
			found = root;
	}
	return found;
}

/* Whether the server sends a root of that name. */
static bool is_sent_root(const struct tls_verify *v, struct der name)
{
	for (size_t i = 1; i < v->count; i++) {
		struct cert cert;
		if (!cert_parse(&cert, cert_at(v, i)) &&
		    cert_self_issued(&cert) && der_equal(cert.subject, name))
			return true;
	}
	return false;
}

/* Roots that were not found since nobody can find them where they are. */
static void explain_dirs(struct tls_verify *v)
{
	struct tls_error *e = v->error;
	switch (trust_check_dirs(v->trust, e->dir, sizeof(e->dir),
				 v->deadline)) {
	case TRUST_DIRS_UNHASHED:
		e->fault = TLS_UNHASHED_ROOTS;
		break;
	case TRUST_DIRS_EMPTY:
		e->fault = TLS_NO_ROOTS;
		break;
	case TRUST_DIRS_FINE:
		break;
	}
}

static void explain_trust(struct tls_verify *v, const struct path *path,
			  const struct trust_set *set)
{
	struct tls_error *e = v->error;
	const struct cert *last = &path->certs[path->count - 1];
	cert_name_text(last->issuer, e->name, sizeof(e->name));
	e->root = is_sent_root(v, last->issuer);
	if (set->stale) {
		e->fault = e->now < set->stale_from ? TLS_NOT_YET_VALID
						    : TLS_EXPIRED;
		e->from = set->stale_from;
		e->to = set->stale_to;
		e->root = true;
		return;
	}
	if (set->weak || set->unfit || v->limited) {
		e->fault = set->weak	? TLS_WEAK_KEY
			   : set->unfit ? TLS_WRONG_PURPOSE
					: v->limited;
		return;
	}
	const br_x509_trust_anchor *root = tried(set, last->issuer);
	if (cert_self_issued(&path->certs[0]))
		e->fault = TLS_SELF_SIGNED;
	else if (root)
		e->fault = root->flags & BR_X509_TA_CA ? TLS_OTHER_ROOT
						       : TLS_NOT_AN_ISSUER;
	else if (path->count == 1 && !e->root)
		e->fault = TLS_NO_INTERMEDIATE;
	else
		e->fault = TLS_UNKNOWN_ROOT;
	if (!root)
		explain_dirs(v);
}

/* A signature or key that is not supported: an old one, or one that BearSSL
 * has not. */
static void explain_unsupported(struct tls_verify *v, const struct path *path)
{
	struct tls_error *e = v->error;
	br_x509_pkey key;
	for (size_t i = 0; i < path->count; i++) {
		const struct cert *cert = &path->certs[i];
		if (cert->hash == CERT_HASH_SHA1 || cert->hash == CERT_HASH_MD5)
			e->fault = TLS_WEAK_SIGNATURE;
		else if (cert->hash == CERT_HASH_UNKNOWN ||
			 !cert_key(cert, &key))
			e->fault = TLS_OTHER_SIGNATURE;
		else
			continue;
		cert_name_text(cert->subject, e->name, sizeof(e->name));
		return;
	}
}

/* It is for others, or (but for its subject, where hosts are not looked for)
 * for nobody. */
static void explain_host(struct tls_verify *v, const struct cert *cert)
{
	struct tls_error *e = v->error;
	e->fault = cert->names.len ? TLS_WRONG_HOST : TLS_NO_NAMES;
	cert_hosts_text(cert, e->name, sizeof(e->name));
}

/* Something in it that must be understood and is not. */
static void explain_critical(struct tls_verify *v, const struct path *path)
{
	struct tls_error *e = v->error;
	e->fault = TLS_CRITICAL;
	for (size_t i = 0; i < path->count; i++) {
		cert_name_text(path->certs[i].subject, e->name,
			       sizeof(e->name));
		if (path->certs[i].strange)
			return;
	}
}

static void explain(struct tls_verify *v, const struct path *path,
		    const struct trust_set *set, unsigned err)
{
	struct tls_error *e = v->error;
	tls_error_from_engine(e, (int)err);
	e->root = false;
	switch (err) {
	case BR_ERR_X509_EXPIRED:
		explain_time(v, path);
		break;
	case BR_ERR_X509_NOT_TRUSTED:
		explain_trust(v, path, set);
		break;
	case BR_ERR_X509_UNSUPPORTED:
		explain_unsupported(v, path);
		break;
	case BR_ERR_X509_BAD_SERVER_NAME:
		explain_host(v, &path->certs[0]);
		break;
	case BR_ERR_X509_CRITICAL_EXTENSION:
		explain_critical(v, path);
		break;
	default:
		break;
	}
}

/* A fault of that certificate. */
static bool refuse(struct tls_verify *v, const struct cert *cert,
		   enum tls_fault fault)
{
	v->error->fault = fault;
	cert_name_text(cert->subject, v->error->name, sizeof(v->error->name));
	return false;
}

/* Whether the path, which leads to a root, may do so and is for the host; says
 * so if not. */
static bool check_meaning(struct tls_verify *v, const struct path *path)
{
	const struct cert *first = &path->certs[0];
	if (!is_for_host(v, first)) {
		explain_host(v, first);
		return false;
	}
	for (size_t i = 0; i < v->used; i++) {
		const struct cert *cert = &path->certs[i];
		if (!cert->server)
			return refuse(v, cert, TLS_WRONG_PURPOSE);
		if (i > 0 && !may_issue(v, path, i, cert->constraints))
			return refuse(v, cert, TLS_CONSTRAINED);
	}
	return true;
}

static void explain_roots(struct tls_verify *v, int err)
{
	if (err == -ENOMEM || err == -ECANCELED || err == -ETIMEDOUT)
		v->err = err;
	v->error->fault = err == -ENOENT || err == -ENODATA ? TLS_NO_ROOTS
							    : TLS_BAD_ROOTS;
	v->error->code = -err;
}

/* 0 if the chain is good, else BearSSL's error, with v->error filled in or
 * v->err set. */
static unsigned judge(struct tls_verify *v, const struct path *path)
{
	struct trust_set set;
	unsigned result;
	bool again = false;
	do {
		int err = find_roots(v, path, again, &set);
		if (err) {
			explain_roots(v, err);
			return BR_ERR_X509_NOT_TRUSTED;
		}
		drop_limited(v, path, &set);
		result = run_minimal(v, path, &set);
		/* Another root of that name may not have been at hand. */
		again = result == BR_ERR_X509_NOT_TRUSTED && set.kept &&
			!v->err;
		if (result && !v->err)
			explain(v, path, &set, result);
		trust_release(&set);
	} while (again);
	if (!result && !v->err && !check_meaning(v, path))
		result = BR_ERR_X509_NOT_TRUSTED;
	return v->err ? BR_ERR_X509_NOT_TRUSTED : result;
}

static unsigned end_chain(const br_x509_class **ctx)
{
	struct tls_verify *v = verify_of(ctx);
	struct path *path;
	unsigned result = BR_ERR_X509_LIMIT_EXCEEDED;
	v->done = true;
	v->error->now = clock_wall(v->rt) / CLOCK_NS_PER_S;
	if (v->err)
		return BR_ERR_X509_LIMIT_EXCEEDED;
	tls_error_from_engine(v->error, BR_ERR_X509_LIMIT_EXCEEDED);
	path = v->too_large ? NULL : malloc(sizeof(*path));
	if (!path) {
		v->err = v->too_large ? 0 : -ENOMEM;
		return result;
	}
	if (make_path(v, path)) {
		result = judge(v, path);
	} else {
		result = BR_ERR_X509_INVALID_VALUE;
		tls_error_from_engine(v->error, (int)result);
	}
	if (!result)
		v->error->fault = TLS_OK;
	free(path);
	return result;
}

static const br_x509_pkey *get_pkey(const br_x509_class *const *ctx,
				    unsigned *usages)
{
	const struct tls_verify *v = (const void *)ctx;
	return br_x509_minimal_vtable.get_pkey(&v->minimal.vtable, usages);
}

static const br_x509_class verify_class = {
	.context_size = sizeof(struct tls_verify),
	.start_chain = start_chain,
	.start_cert = start_cert,
	.append = append,
	.end_cert = end_cert,
	.end_chain = end_chain,
	.get_pkey = get_pkey,
};

void tls_verify_init(struct tls_verify *verify, struct rt *rt,
		     struct trust *trust, const char *host,
		     struct deadline deadline, struct tls_error *error)
{
	memset(verify, 0, sizeof(*verify));
	verify->vtable = &verify_class;
	verify->rt = rt;
	verify->trust = trust;
	verify->host = host;
	verify->deadline = deadline;
	verify->error = error;
}

void tls_verify_fini(struct tls_verify *verify)
{
	free(verify->chain);
	verify->chain = NULL;
}
