// SPDX-License-Identifier: MIT
#include "net/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/cert.h"
#include "net/pem.h"
#include "runtime/event.h"
#include "runtime/io.h"
#include "runtime/task.h"

#define READ_PIECE (16u * 1024)
/* Files of a directory that share the hash of a name. */
#define SAME_HASH_MAX 16
#define DIR_PATH_MAX 1024

/* Debian and Ubuntu; Fedora and its kin, new and old; SUSE; Alpine, BSD. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};
#define BUNDLES (sizeof(bundles) / sizeof(bundles[0]))

/* A root, or a certificate that is trusted by itself. Each set that has it and
 * the list of what is at hand count in `refs`. */
struct trust_anchor {
	struct trust_anchor *next;
	uint32_t refs;
	int64_t not_before, not_after;
	br_x509_trust_anchor br; /* points into data */
	struct der key;
	struct trust_limits limits; /* likewise */
	uint8_t data[];		    /* subject, key, constraints */
};

/* A file as it was when it was read. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct trust {
	struct rt *rt;
	const char *file, *dir;	   /* NULL: not set */
	const char *bundle;	   /* the file in use; NULL: none found */
	struct stamp stamps[2];	   /* of the file and the first directory */
	struct trust_anchor *kept; /* last found first */
	bool reading;
	struct cond read; /* signalled when a reading task is through */
};

/* One reading of files. */
struct scan {
	struct trust *trust;
	struct trust_set *set;
	const struct der *names;
	size_t count;
	size_t seen, bytes;
	struct deadline deadline;
	struct pem pem;
	char text[READ_PIECE];
	uint8_t der[TRUST_CERT_MAX];
};

static const char *set_or_null(const char *text)
{
	return text && *text ? text : NULL;
}

struct trust *trust_new(struct rt *rt, const struct trust_options *options)
{
	struct trust *trust = calloc(1, sizeof(*trust));
	if (!trust)
		return NULL;
	trust->rt = rt;
	trust->file = set_or_null(options->file);
	trust->dir = set_or_null(options->dir);
	cond_init(rt, &trust->read);
	return trust;
}

static void anchor_drop(struct trust_anchor *anchor)
{
	if (--anchor->refs == 0)
		free(anchor);
}

/* Drops from one of those at hand to the last. */
static void kept_drop(struct trust_anchor **from)
{
	while (*from) {
		struct trust_anchor *anchor = *from;
		*from = anchor->next;
		anchor_drop(anchor);
	}
}

void trust_free(struct trust *trust)
{
	if (!trust)
		return;
	kept_drop(&trust->kept);
	free(trust);
}

void trust_release(struct trust_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		anchor_drop(set->held[i]);
	set->count = 0;
}

struct trust_limits trust_limits_of(const struct trust_set *set, size_t i)
{
	return set->held[i]->limits;
}

void trust_drop(struct trust_set *set, size_t i)
{
	anchor_drop(set->held[i]);
	set->count--;
	set->held[i] = set->held[set->count];
	set->anchors[i] = set->anchors[set->count];
}

/* --- Anchors --- */

static struct trust_anchor *anchor_new(const struct cert *cert)
{
	size_t subject = cert->subject.len, key = cert->key.len;
	struct der constraints = cert->constraints;
	struct trust_anchor *anchor =
		malloc(sizeof(*anchor) + subject + key + constraints.len);
	if (!anchor)
		return NULL;
	memcpy(anchor->data, cert->subject.data, subject);
	memcpy(anchor->data + subject, cert->key.data, key);
	if (constraints.len)
		memcpy(anchor->data + subject + key, constraints.data,
		       constraints.len);
	anchor->limits = (struct trust_limits){ cert->path_max,
						{ anchor->data + subject + key,
						  constraints.len } };
	anchor->refs = 0;
	anchor->not_before = cert->not_before;
	anchor->not_after = cert->not_after;
	anchor->key = (struct der){ anchor->data + subject, key };
	anchor->br.dn = (br_x500_name){ anchor->data, subject };
	anchor->br.flags = cert->ca ? BR_X509_TA_CA : 0;
	struct cert copy = { .key = anchor->key };
	if (!cert_key(&copy, &anchor->br.pkey)) {
		free(anchor);
		return NULL;
	}
	return anchor;
}

static bool is_weak(const br_x509_pkey *key)
{
	return key->key_type == BR_KEYTYPE_RSA &&
	       key->key.rsa.nlen < TRUST_RSA_BITS / 8;
}

/* Adds a root to a set, unless it is there, or its time is not now. */
static void set_add(struct trust *trust, struct trust_set *set,
		    struct trust_anchor *anchor)
{
	int64_t now = clock_wall(trust->rt) / CLOCK_NS_PER_S;
	if (now < anchor->not_before || now > anchor->not_after) {
		set->stale = true;
		set->stale_from = anchor->not_before;
		set->stale_to = anchor->not_after;
		return;
	}
	if (is_weak(&anchor->br.pkey)) {
		set->weak = true;
		return;
	}
	if (set->count == TRUST_SET_MAX)
		return;
	for (size_t i = 0; i < set->count; i++)
		if (set->held[i] == anchor)
			return;
	anchor->refs++;
	set->held[set->count] = anchor;
	set->anchors[set->count++] = anchor->br;
}

static bool is_wanted(struct der subject, const struct der *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (der_equal(subject, names[i]))
			return true;
	return false;
}

static struct der anchor_subject(const struct trust_anchor *anchor)
{
	return (struct der){ anchor->br.dn.data, anchor->br.dn.len };
}

/* Adds what is at hand. */
static void set_add_kept(struct trust *trust, const struct der *names,
			 size_t count, struct trust_set *set)
{
	for (struct trust_anchor *a = trust->kept; a; a = a->next)
		if (is_wanted(anchor_subject(a), names, count))
			set_add(trust, set, a);
	set->kept = set->count > 0;
}

/* The same root among those at hand. */
static struct trust_anchor *kept_find(struct trust *trust,
				      const struct cert *cert)
{
	for (struct trust_anchor *a = trust->kept; a; a = a->next)
		if (der_equal(anchor_subject(a), cert->subject) &&
		    der_equal(a->key, cert->key) &&
		    der_equal(a->limits.constraints, cert->constraints) &&
		    a->limits.path_max == cert->path_max &&
		    a->not_after == cert->not_after)
			return a;
	return NULL;
}

/* Puts it at hand; the oldest go. */
static void kept_push(struct trust *trust, struct trust_anchor *anchor)
{
	struct trust_anchor **link = &trust->kept;
	anchor->refs++;
	anchor->next = trust->kept;
	trust->kept = anchor;
	for (size_t i = 0; *link && i < TRUST_KEEP; i++)
		link = &(*link)->next;
	kept_drop(link);
}

/* --- Reading --- */

/* A certificate that was read. -ENOMEM is the only failure. */
static int consider(struct scan *scan)
{
	struct trust *trust = scan->trust;
	struct cert cert;
	br_x509_pkey key;
	if (strcmp(scan->pem.label, "CERTIFICATE") != 0 &&
	    strcmp(scan->pem.label, "X509 CERTIFICATE") != 0)
		return 0;
	if (cert_parse(&cert, (struct der){ scan->pem.buf, scan->pem.len }))
		return 0;
	scan->seen++;
	if (!is_wanted(cert.subject, scan->names, scan->count) ||
	    !cert_key(&cert, &key))
		return 0;
	if (cert.ca && !cert.server) {
		scan->set->unfit = true;
		return 0;
	}
	struct trust_anchor *anchor = kept_find(trust, &cert);
	if (!anchor) {
		anchor = anchor_new(&cert);
		if (!anchor)
			return -ENOMEM;
		kept_push(trust, anchor);
	}
	set_add(trust, scan->set, anchor);
	return 0;
}

static int feed(struct scan *scan, size_t len)
{
	const char *text = scan->text;
	scan->bytes += len;
	if (scan->bytes > TRUST_BUNDLE_MAX)
		return -EFBIG;
	while (len > 0) {
		size_t used = pem_feed(&scan->pem, text, len);
		int err = scan->pem.ready ? consider(scan) : 0;
		if (err)
			return err;
		text += used;
		len -= used;
	}
	return 0;
}

/* Reads one file of certificates. Each read lets other tasks run. */
static int scan_file(struct scan *scan, const char *path)
{
	struct rt *rt = scan->trust->rt;
	int fd = io_openat(rt, AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0,
			   scan->deadline);
	ssize_t n = 0;
	if (fd < 0)
		return fd;
	pem_init(&scan->pem, scan->der, sizeof(scan->der));
	do {
		n = io_read(rt, fd, scan->text, sizeof(scan->text),
			    scan->deadline);
		if (n > 0) {
			int err = feed(scan, (size_t)n);
			n = err ? err : n;
		}
	} while (n > 0);
	io_close(rt, fd);
	return (int)n;
}

/* Reads the files of a directory that OpenSSL would look into for `name`. */
static int scan_hashed(struct scan *scan, const char *dir, size_t len,
		       struct der name)
{
	char path[DIR_PATH_MAX];
	uint32_t hash;
	int err = 0;
	if (!cert_name_hash(name, &hash))
		return 0;
	for (unsigned int i = 0; i < SAME_HASH_MAX && !err; i++) {
		int n = snprintf(path, sizeof(path), "%.*s/%08x.%u", (int)len,
				 dir, hash, i);
		if (n >= (int)sizeof(path))
			return -ENAMETOOLONG;
		err = scan_file(scan, path);
	}
	return err == -ENOENT ? 0 : err;
}

static int scan_dirs(struct scan *scan)
{
	int err = 0;
	for (const char *dir = scan->trust->dir; *dir && !err;) {
		size_t len = strcspn(dir, ":");
		for (size_t i = 0; i < scan->count && len && !err; i++)
			err = scan_hashed(scan, dir, len, scan->names[i]);
		dir += len + (dir[len] == ':');
	}
	return err;
}

/* Reads all there is to read, into the set. */
static int scan_all(struct trust *trust, const struct der *names, size_t count,
		    struct trust_set *set, struct deadline deadline)
{
	struct scan *scan = malloc(sizeof(*scan));
	int err = 0;
	if (!scan)
		return -ENOMEM;
	scan->trust = trust;
	scan->set = set;
	scan->names = names;
	scan->count = count;
	scan->seen = scan->bytes = 0;
	scan->deadline = deadline;
	if (!trust->bundle && !trust->dir)
		err = -ENOENT;
	if (trust->bundle) {
		err = scan_file(scan, trust->bundle);
		if (!err && scan->seen == 0)
			err = -ENODATA;
	}
	if (!err && trust->dir)
		err = scan_dirs(scan);
	free(scan);
	return err;
}

/* --- What is in use, and whether it changed --- */

static struct stamp stamp_of(struct rt *rt, const char *path)
{
	struct stamp stamp = { 0 };
	struct stat st;
	if (path && io_fstatat(rt, AT_FDCWD, path, &st, 0) == 0)
		stamp = (struct stamp){ st.st_dev, st.st_ino, st.st_size,
					st.st_mtim };
	return stamp;
}

static bool stamp_equal(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

static const char *choose_bundle(const struct trust *trust)
{
	struct stat st;
	if (trust->file || trust->dir)
		return trust->file;
	for (size_t i = 0; i < BUNDLES; i++)
		if (io_fstatat(trust->rt, AT_FDCWD, bundles[i], &st, 0) == 0)
			return bundles[i];
	return NULL;
}

/* Finds out what is in use now; forgets what came from something else. */
static void look_around(struct trust *trust)
{
	trust->bundle = choose_bundle(trust);
	struct stamp now[2] = { stamp_of(trust->rt, trust->bundle),
				stamp_of(trust->rt, trust->dir) };
	if (stamp_equal(&now[0], &trust->stamps[0]) &&
	    stamp_equal(&now[1], &trust->stamps[1]))
		return;
	kept_drop(&trust->kept);
	trust->stamps[0] = now[0];
	trust->stamps[1] = now[1];
}

int trust_find(struct trust *trust, const struct der *names, size_t count,
	       bool fresh, struct trust_set *set, struct deadline deadline)
{
	*set = (struct trust_set){ 0 };
	while (trust->reading) {
		int err = cond_wait(&trust->read, deadline);
		if (err)
			return err;
	}
	look_around(trust);
	if (!fresh)
		set_add_kept(trust, names, count, set);
	if (set->count)
		return 0;
	trust->reading = true;
	int err = scan_all(trust, names, count, set, deadline);
	trust->reading = false;
	cond_broadcast(&trust->read);
	if (err)
		trust_release(set);
	return err;
}

/* --- What is wrong with a directory --- */

/* Eight hexadecimal digits, a dot and a number. */
static bool is_hashed_name(const char *name)
{
	if (strspn(name, "0123456789abcdefABCDEF") != 8 || name[8] != '.')
		return false;
	name += 9;
	return *name && name[strspn(name, "0123456789")] == '\0';
}

/* What `openssl rehash` would take for certificates. */
static bool is_certificate_name(const char *name)
{
	static const char *const ends[] = { ".pem", ".crt", ".cer" };
	size_t len = strlen(name);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (len > 4 && strcasecmp(name + len - 4, ends[i]) == 0)
			return true;
	return false;
}

/* Takes `fd`. */
static enum trust_dirs check_names(int fd)
{
	enum trust_dirs found = TRUST_DIRS_EMPTY;
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;
	if (!dir) {
		close(fd);
		return TRUST_DIRS_EMPTY;
	}
	while ((entry = readdir(dir)) && found != TRUST_DIRS_FINE) {
		if (is_hashed_name(entry->d_name))
			found = TRUST_DIRS_FINE;
		else if (is_certificate_name(entry->d_name))
			found = TRUST_DIRS_UNHASHED;
	}
	closedir(dir);
	return found;
}

enum trust_dirs trust_check_dirs(const struct trust *trust, char *dir,
				 size_t cap, struct deadline deadline)
{
	enum trust_dirs all = trust->dir && !trust->file ? TRUST_DIRS_EMPTY
							 : TRUST_DIRS_FINE;
	const char *at = trust->dir ? trust->dir : "";
	char path[DIR_PATH_MAX];
	for (size_t len; *at; at += len + (at[len] == ':')) {
		len = strcspn(at, ":");
		if (len == 0 || len >= sizeof(path))
			continue;
		(void)snprintf(path, sizeof(path), "%.*s", (int)len, at);
		int fd = io_openat(trust->rt, AT_FDCWD, path,
				   O_RDONLY | O_DIRECTORY, 0, deadline);
		enum trust_dirs one = fd < 0 ? TRUST_DIRS_EMPTY
					     : check_names(fd);
		if (one == TRUST_DIRS_UNHASHED) {
			(void)snprintf(dir, cap, "%s", path);
			return one;
		}
		if (one == TRUST_DIRS_FINE)
			all = one;
	}
	return all;
}

void trust_describe(const struct trust *trust, char *text, size_t cap)
{
	if (trust->file && trust->dir)
		(void)snprintf(text, cap, "%s and %s", trust->file, trust->dir);
	else if (trust->dir)
		(void)snprintf(text, cap, "%s", trust->dir);
	else if (trust->bundle || trust->file)
		(void)snprintf(text, cap, "%s",
			       trust->bundle ? trust->bundle : trust->file);
	else
		(void)snprintf(text, cap, "%s or the like", bundles[0]);
}
