// SPDX-License-Identifier: MIT
/* Everything is written backwards: see der.h. */
#include "net/selfsign.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/cert.h"
#include "net/pem.h"
#include "runtime/io.h"

#define OID_COMMON_NAME "\x55\x04\x03"
#define OID_SHA1_ECDSA "\x2a\x86\x48\xce\x3d\x04\x01"
#define OID_SHA256_ECDSA "\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define OID_EC "\x2a\x86\x48\xce\x3d\x02\x01"
#define OID_P256 "\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define OID_KEY_USAGE "\x55\x1d\x0f"
#define OID_ALT_NAME "\x55\x1d\x11"
#define OID_BASIC_CONSTRAINTS "\x55\x1d\x13"
#define OID_EXTENDED_USAGE "\x55\x1d\x25"
#define OID_SERVER_AUTH "\x2b\x06\x01\x05\x05\x07\x03\x01"
#define OID_CLIENT_AUTH "\x2b\x06\x01\x05\x05\x07\x03\x02"
#define PUT_OID(out, oid) der_put_element(out, DER_OID, oid, sizeof(oid) - 1)

#define SEED_BYTES 48
#define SERIAL_BYTES 16
#define PEM_MAX (SELFSIGN_MAX * 2)
#define KEY_PEM_MAX 512

void selfsign_key_make(struct rt *rt, struct selfsign_key *key)
{
	br_hmac_drbg_context rng;
	uint8_t seed[SEED_BYTES];
	io_random(rt, seed, sizeof(seed));
	br_hmac_drbg_init(&rng, &br_sha256_vtable, seed, sizeof(seed));
	(void)br_ec_keygen(&rng.vtable, br_ec_get_default(), &key->secret,
			   key->x, BR_EC_secp256r1);
	(void)br_ec_compute_pub(br_ec_get_default(), &key->public, key->q,
				&key->secret);
	explicit_bzero(seed, sizeof(seed));
	explicit_bzero(&rng, sizeof(rng));
}

static void put_name(struct der_out *out, const char *name)
{
	size_t end = out->at;
	der_put_element(out, DER_UTF8, name, strlen(name));
	PUT_OID(out, OID_COMMON_NAME);
	der_wrap(out, DER_SEQUENCE, end);
	der_wrap(out, DER_SET, end);
	der_wrap(out, DER_SEQUENCE, end);
}

static void put_algorithm(struct der_out *out, bool sha1)
{
	size_t end = out->at;
	if (sha1)
		PUT_OID(out, OID_SHA1_ECDSA);
	else
		PUT_OID(out, OID_SHA256_ECDSA);
	der_wrap(out, DER_SEQUENCE, end);
}

/* An extension whose value is what stands from out->at to `end`. */
static void wrap_extension(struct der_out *out, const void *oid, size_t len,
			   bool critical, size_t end)
{
	der_wrap(out, DER_OCTET_STRING, end);
	if (critical)
		der_put_element(out, DER_BOOLEAN, "\xff", 1);
	der_put_element(out, DER_OID, oid, len);
	der_wrap(out, DER_SEQUENCE, end);
}

static void put_hosts(struct der_out *out, const char *const *hosts)
{
	size_t end = out->at, count = 0;
	while (hosts && hosts[count])
		count++;
	if (count == 0)
		return;
	while (count > 0) {
		uint8_t addr[16];
		const char *host = hosts[--count];
		if (inet_pton(AF_INET, host, addr) == 1)
			der_put_element(out, DER_CONTEXT(7), addr, 4);
		else if (inet_pton(AF_INET6, host, addr) == 1)
			der_put_element(out, DER_CONTEXT(7), addr, 16);
		else
			der_put_element(out, DER_CONTEXT(2), host,
					strlen(host));
	}
	der_wrap(out, DER_SEQUENCE, end);
	wrap_extension(out, OID_ALT_NAME, sizeof(OID_ALT_NAME) - 1, false, end);
}

/* Key usages as bits, then how many of the last byte's are not used. */
static void put_usages(struct der_out *out, const struct selfsign_spec *spec)
{
	size_t end = out->at;
	/* keyCertSign and cRLSign, or digitalSignature. */
	der_put_element(out, DER_BIT_STRING, spec->ca ? "\x01\x06" : "\x07\x80",
			2);
	wrap_extension(out, OID_KEY_USAGE, sizeof(OID_KEY_USAGE) - 1, true,
		       end);
	if (spec->ca)
		return;
	end = out->at;
	if (spec->client_only)
		PUT_OID(out, OID_CLIENT_AUTH);
	else
		PUT_OID(out, OID_SERVER_AUTH);
	der_wrap(out, DER_SEQUENCE, end);
	wrap_extension(out, OID_EXTENDED_USAGE, sizeof(OID_EXTENDED_USAGE) - 1,
		       false, end);
}

/* What it is for and whether it may issue. */
static void put_purpose(struct der_out *out, const struct selfsign_spec *spec)
{
	put_usages(out, spec);
	size_t inner = out->at;
	if (spec->ca)
		der_put_element(out, DER_BOOLEAN, "\xff", 1);
	der_wrap(out, DER_SEQUENCE, inner);
	wrap_extension(out, OID_BASIC_CONSTRAINTS,
		       sizeof(OID_BASIC_CONSTRAINTS) - 1, true, inner);
}

static void put_extensions(struct der_out *out,
			   const struct selfsign_spec *spec)
{
	size_t end = out->at;
	put_hosts(out, spec->hosts);
	if (spec->extensions.len)
		der_put(out, spec->extensions.data, spec->extensions.len);
	else
		put_purpose(out, spec);
	der_wrap(out, DER_SEQUENCE, end);
	der_wrap(out, DER_CONTEXT_OPEN(3), end);
}

static void put_key(struct der_out *out, const br_ec_public_key *key)
{
	size_t end = out->at, inner;
	der_put(out, key->q, key->qlen);
	der_put(out, "", 1); /* no unused bits */
	der_wrap(out, DER_BIT_STRING, end);
	inner = out->at;
	PUT_OID(out, OID_P256);
	PUT_OID(out, OID_EC);
	der_wrap(out, DER_SEQUENCE, inner);
	der_wrap(out, DER_SEQUENCE, end);
}

/* Years before 2050 have two digits, the others four. */
static void put_time(struct der_out *out, int64_t seconds)
{
	char text[CERT_TIME_SIZE];
	cert_time_text(seconds, text);
	if (memcmp(text, "2050", 4) < 0 && memcmp(text, "1950", 4) >= 0)
		der_put_element(out, DER_UTC_TIME, text + 2, 13);
	else
		der_put_element(out, DER_TIME, text, 15);
}

/* The part that is signed. */
static void put_body(struct rt *rt, struct der_out *out,
		     const struct selfsign_spec *spec)
{
	uint8_t serial[SERIAL_BYTES];
	size_t end = out->at, inner;
	put_extensions(out, spec);
	put_key(out, &spec->key->public);
	put_name(out, spec->subject);
	inner = out->at;
	put_time(out, spec->to);
	put_time(out, spec->from);
	der_wrap(out, DER_SEQUENCE, inner);
	put_name(out, spec->issuer ? spec->issuer : spec->subject);
	put_algorithm(out, spec->sha1);
	io_random(rt, serial, sizeof(serial));
	serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
	der_put_element(out, DER_INTEGER, serial, sizeof(serial));
	inner = out->at;
	der_put_element(out, DER_INTEGER, "\x02", 1); /* version 3 */
	der_wrap(out, DER_CONTEXT_OPEN(0), inner);
	der_wrap(out, DER_SEQUENCE, end);
}

static size_t sign(const struct selfsign_spec *spec, const uint8_t *body,
		   size_t len, uint8_t *signature)
{
	const struct selfsign_key *key = spec->signer ? spec->signer
						      : spec->key;
	const br_hash_class *class = spec->sha1 ? &br_sha1_vtable
						: &br_sha256_vtable;
	br_hash_compat_context hash;
	uint8_t digest[64];
	class->init(&hash.vtable);
	class->update(&hash.vtable, body, len);
	class->out(&hash.vtable, digest);
	return br_ecdsa_sign_asn1_get_default()(
		br_ec_get_default(), class, digest, &key->secret, signature);
}

ssize_t selfsign_make(struct rt *rt, const struct selfsign_spec *spec,
		      uint8_t *der, size_t cap)
{
	uint8_t body[SELFSIGN_MAX];
	uint8_t signature[80];
	struct der_out tbs, out;
	der_out_init(&tbs, body, sizeof(body));
	put_body(rt, &tbs, spec);
	if (tbs.full)
		return -EMSGSIZE;
	size_t len = sign(spec, body + tbs.at, tbs.cap - tbs.at, signature);
	der_out_init(&out, der, cap);
	der_put(&out, signature, len);
	der_put(&out, "", 1); /* no unused bits */
	der_wrap(&out, DER_BIT_STRING, out.cap);
	put_algorithm(&out, spec->sha1);
	der_put(&out, body + tbs.at, tbs.cap - tbs.at);
	der_wrap(&out, DER_SEQUENCE, out.cap);
	if (out.full)
		return -EMSGSIZE;
	memmove(der, der + out.at, out.cap - out.at);
	return (ssize_t)(out.cap - out.at);
}

size_t selfsign_key_pem(const struct selfsign_key *key, char *text, size_t cap)
{
	uint8_t der[256];
	size_t need = br_encode_ec_raw_der(NULL, &key->secret, &key->public);
	if (need == 0 || need > sizeof(der))
		return 0;
	size_t len = br_encode_ec_raw_der(der, &key->secret, &key->public);
	size_t n = pem_write(text, cap, BR_ENCODE_PEM_EC_RAW, der, len);
	explicit_bzero(der, sizeof(der));
	return n;
}

/* Puts the file in place of what is at `path`, by way of "path.new". */
static int write_file(struct rt *rt, const char *path, mode_t mode,
		      const char *text, size_t len, struct deadline deadline)
{
	char temporary[1024];
	int n = snprintf(temporary, sizeof(temporary), "%s.new", path);
	if (n < 0 || n >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	(void)io_unlinkat(rt, AT_FDCWD, temporary, 0, deadline);
	int fd = io_openat(rt, AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_EXCL,
			   mode, deadline);
	if (fd < 0)
		return fd;
	int err = io_write_all(rt, fd, text, len, NULL, deadline);
	io_close(rt, fd);
	if (!err)
		err = io_renameat(rt, AT_FDCWD, temporary, AT_FDCWD, path,
				  deadline);
	if (err)
		(void)io_unlinkat(rt, AT_FDCWD, temporary, 0, deadline);
	return err;
}

static int write_cert(struct rt *rt, const struct selfsign_key *key,
		      const char *path, struct deadline deadline)
{
	static const char *const hosts[] = { "localhost", "127.0.0.1", "::1",
					     NULL };
	int64_t now = clock_wall(rt) / CLOCK_NS_PER_S;
	/* Clocks differ a little: it has been good for an hour. */
	struct selfsign_spec spec = { .subject = "molecule-platform",
				      .hosts = hosts,
				      .from = now - 3600,
				      .to = now + SELFSIGN_DAYS * 86400,
				      .key = key };
	uint8_t *der = malloc(SELFSIGN_MAX);
	char *pem = malloc(PEM_MAX);
	ssize_t len = -ENOMEM;
	if (der && pem)
		len = selfsign_make(rt, &spec, der, SELFSIGN_MAX);
	if (len > 0) {
		size_t n = pem_write(pem, PEM_MAX, "CERTIFICATE", der,
				     (size_t)len);
		len = write_file(rt, path, 0644, pem, n, deadline);
	}
	free(der);
	free(pem);
	return (int)len;
}

int selfsign_files(struct rt *rt, const char *cert_path, const char *key_path,
		   struct deadline deadline)
{
	struct selfsign_key key;
	char pem[KEY_PEM_MAX];
	selfsign_key_make(rt, &key);
	size_t len = selfsign_key_pem(&key, pem, sizeof(pem));
	int err = write_file(rt, key_path, 0600, pem, len, deadline);
	if (!err)
		err = write_cert(rt, &key, cert_path, deadline);
	explicit_bzero(pem, sizeof(pem));
	explicit_bzero(&key, sizeof(key));
	return err;
}
