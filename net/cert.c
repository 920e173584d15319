// SPDX-License-Identifier: MIT
#include "net/cert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OID_MD5_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"
#define OID_SHA1_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"
#define OID_SHA256_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"
#define OID_SHA384_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"
#define OID_SHA512_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"
#define OID_SHA1_ECDSA "\x2a\x86\x48\xce\x3d\x04\x01"
#define OID_SHA256_ECDSA "\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define OID_SHA384_ECDSA "\x2a\x86\x48\xce\x3d\x04\x03\x03"
#define OID_SHA512_ECDSA "\x2a\x86\x48\xce\x3d\x04\x03\x04"
#define OID_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define OID_EC "\x2a\x86\x48\xce\x3d\x02\x01"
#define OID_P256 "\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define OID_P384 "\x2b\x81\x04\x00\x22"
#define OID_P521 "\x2b\x81\x04\x00\x23"
#define OID_KEY_USAGE "\x55\x1d\x0f"
#define OID_BASIC_CONSTRAINTS "\x55\x1d\x13"
#define OID_NAME_CONSTRAINTS "\x55\x1d\x1e"
#define OID_ALT_NAME "\x55\x1d\x11"
#define OID_EXTENDED_USAGE "\x55\x1d\x25"
#define OID_ANY_USAGE "\x55\x1d\x25\x00"
#define OID_SERVER_AUTH "\x2b\x06\x01\x05\x05\x07\x03\x01"

#define USAGE_CERT_SIGN 0x04 /* in the first byte of KeyUsage */
#define PATH_MANY 1000	     /* more intermediates than any chain has */

static enum cert_hash signature_hash(struct der oid)
{
	if (DER_IS(oid, OID_SHA256_RSA) || DER_IS(oid, OID_SHA256_ECDSA))
		return CERT_HASH_SHA256;
	if (DER_IS(oid, OID_SHA384_RSA) || DER_IS(oid, OID_SHA384_ECDSA))
		return CERT_HASH_SHA384;
	if (DER_IS(oid, OID_SHA512_RSA) || DER_IS(oid, OID_SHA512_ECDSA))
		return CERT_HASH_SHA512;
	if (DER_IS(oid, OID_SHA1_RSA) || DER_IS(oid, OID_SHA1_ECDSA))
		return CERT_HASH_SHA1;
	if (DER_IS(oid, OID_MD5_RSA))
		return CERT_HASH_MD5;
	return CERT_HASH_UNKNOWN;
}

/* Days from 1970-01-01 to that day of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	/* Years that begin in March have their leap day at the end. */
	year -= month <= 2;
	int64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
	int64_t leaps = year / 4 - year / 100 + year / 400;
	return year * 365 + leaps + of_year - 719468;
}

void cert_time_text(int64_t seconds, char text[CERT_TIME_SIZE])
{
	/* Roomier than any time, for compilers that doubt the numbers. */
	char wide[80];
	if (seconds < 0)
		seconds = 0;
	int64_t day = seconds / 86400;
	int clock = (int)(seconds - day * 86400);
	int64_t year = day / 366 + 1970, month = 12;
	while (days_of(year + 1, 1, 1) <= day)
		year++;
	while (days_of(year, month, 1) > day)
		month--;
	(void)snprintf(wide, sizeof(wide), "%04d%02d%02d%02d%02d%02dZ",
		       (int)year, (int)month,
		       (int)(day - days_of(year, month, 1)) + 1, clock / 3600,
		       clock / 60 % 60, clock % 60);
	memcpy(text, wide, CERT_TIME_SIZE);
}

/* Two digits, or -1. */
static int two_digits(const uint8_t *text)
{
	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return -1;
	return (text[0] - '0') * 10 + text[1] - '0';
}

/* UTCTime YYMMDDhhmmssZ, or GeneralizedTime with the century before it. */
static bool take_time(struct der *in, int64_t *out)
{
	struct der text;
	int tag = der_tag(in);
	int field[7] = { 0 }; /* century, year, …, second */
	size_t first = tag == DER_TIME ? 0 : 1;
	if ((tag != DER_TIME && tag != DER_UTC_TIME) ||
	    !der_take(in, tag, &text) || text.len != (7 - first) * 2 + 1 ||
	    text.data[text.len - 1] != 'Z')
		return false;
	for (size_t i = first; i < 7; i++) {
		field[i] = two_digits(text.data + (i - first) * 2);
		if (field[i] < 0)
			return false;
	}
	if (first == 1)
		field[0] = field[1] < 50 ? 20 : 19;
	if (field[2] < 1 || field[2] > 12)
		return false;
	*out = days_of(field[0] * 100 + field[1], field[2], field[3]) * 86400 +
	       field[4] * 3600 + field[5] * 60 + field[6];
	return true;
}

static bool parse_usage(struct cert *cert, struct der value)
{
	struct der usages, usage;
	if (!der_take(&value, DER_SEQUENCE, &usages))
		return false;
	cert->server = false;
	while (usages.len) {
		if (!der_take(&usages, DER_OID, &usage))
			return false;
		cert->server = cert->server || DER_IS(usage, OID_SERVER_AUTH) ||
			       DER_IS(usage, OID_ANY_USAGE);
	}
	return true;
}

static bool parse_constraints(struct cert *cert, struct der value)
{
	struct der inner, flag = { 0 }, number = { 0 };
	if (!der_take(&value, DER_SEQUENCE, &inner) ||
	    !der_take_optional(&inner, DER_BOOLEAN, &flag) ||
	    !der_take_optional(&inner, DER_INTEGER, &number))
		return false;
	cert->ca = flag.len == 1 && flag.data[0];
	if (number.len && number.data[0] & 0x80)
		return false;
	cert->path_max = number.len ? 0 : -1;
	for (size_t i = 0; i < number.len; i++)
		if (cert->path_max < PATH_MANY)
			cert->path_max = cert->path_max << 8 | number.data[i];
	return true;
}

/* Sets *issues if certificates may be signed with the key. */
static bool parse_key_usage(struct der value, bool *issues)
{
	struct der bits;
	if (!der_take(&value, DER_BIT_STRING, &bits) || bits.len == 0)
		return false;
	*issues = bits.len > 1 && (bits.data[1] & USAGE_CERT_SIGN);
	return true;
}

/* What extensions say that only counts together. */
struct extensions {
	bool issues;   /* KeyUsage, if any, allows it */
	unsigned seen; /* bits: each may be there once */
};

/* The extensions that are looked at. */
enum { ALT_NAME, EXTENDED_USAGE, BASIC, KEY_USAGE, NAME_LIMITS, OTHER };

static int extension_of(struct der oid)
{
	if (DER_IS(oid, OID_ALT_NAME))
		return ALT_NAME;
	if (DER_IS(oid, OID_EXTENDED_USAGE))
		return EXTENDED_USAGE;
	if (DER_IS(oid, OID_BASIC_CONSTRAINTS))
		return BASIC;
	if (DER_IS(oid, OID_KEY_USAGE))
		return KEY_USAGE;
	return DER_IS(oid, OID_NAME_CONSTRAINTS) ? NAME_LIMITS : OTHER;
}

static bool parse_extension(struct cert *cert, struct extensions *all,
			    struct der extension)
{
	struct der oid, critical = { 0 }, value;
	if (!der_take(&extension, DER_OID, &oid) ||
	    !der_take_optional(&extension, DER_BOOLEAN, &critical) ||
	    !der_take(&extension, DER_OCTET_STRING, &value))
		return false;
	int which = extension_of(oid);
	if (which != OTHER && (all->seen & 1u << which))
		return false;
	all->seen |= 1u << which;
	if (critical.len && critical.data[0] && which != ALT_NAME &&
	    which != BASIC && which != KEY_USAGE)
		cert->strange = true;
	switch (which) {
	case ALT_NAME:
		return der_take(&value, DER_SEQUENCE, &cert->names);
	case EXTENDED_USAGE:
		return parse_usage(cert, value);
	case BASIC:
		return parse_constraints(cert, value);
	case KEY_USAGE:
		return parse_key_usage(value, &all->issues);
	case NAME_LIMITS:
		cert->constraints = value;
		return value.len > 0;
	default:
		return true;
	}
}

static bool parse_extensions(struct cert *cert, struct der *in)
{
	struct der outer, list, extension;
	struct extensions all = { .issues = true };
	if (!der_take_optional(in, 0x81, NULL) ||
	    !der_take_optional(in, DER_CONTEXT_OPEN(1), NULL) ||
	    !der_take_optional(in, 0x82, NULL) ||
	    !der_take_optional(in, DER_CONTEXT_OPEN(2), NULL))
		return false;
	if (der_tag(in) != DER_CONTEXT_OPEN(3))
		return in->len == 0;
	if (!der_take(in, DER_CONTEXT_OPEN(3), &outer) ||
	    !der_take(&outer, DER_SEQUENCE, &list))
		return false;
	while (list.len)
		if (!der_take(&list, DER_SEQUENCE, &extension) ||
		    !parse_extension(cert, &all, extension))
			return false;
	cert->ca = cert->ca && all.issues;
	return true;
}

static bool take_name(struct der *in, struct der *whole)
{
	return der_tag(in) == DER_SEQUENCE &&
	       der_take_any(in, NULL, NULL, whole);
}

static bool parse(struct cert *cert, struct der der)
{
	struct der outer, body, version = { 0 }, validity, algorithm, oid;
	if (!der_take_any(&der, NULL, &outer, &cert->whole) || der.len ||
	    !der_take(&outer, DER_SEQUENCE, &body) ||
	    !der_take(&outer, DER_SEQUENCE, &algorithm) ||
	    !der_take(&algorithm, DER_OID, &oid))
		return false;
	cert->hash = signature_hash(oid);
	if (!der_take_optional(&body, DER_CONTEXT_OPEN(0), &version) ||
	    !der_take(&body, DER_INTEGER, NULL) ||
	    !der_take(&body, DER_SEQUENCE, NULL) ||
	    !take_name(&body, &cert->issuer) ||
	    !der_take(&body, DER_SEQUENCE, &validity) ||
	    !take_time(&validity, &cert->not_before) ||
	    !take_time(&validity, &cert->not_after) ||
	    !take_name(&body, &cert->subject) ||
	    !der_take(&body, DER_SEQUENCE, &cert->key))
		return false;
	/* Before version 3 nothing in a certificate says what it is for. */
	cert->ca = version.len == 0 && cert_self_issued(cert);
	return parse_extensions(cert, &body);
}

int cert_parse(struct cert *cert, struct der der)
{
	*cert = (struct cert){ .server = true, .path_max = -1 };
	return parse(cert, der) ? 0 : -EBADMSG;
}

bool cert_self_issued(const struct cert *cert)
{
	return der_equal(cert->issuer, cert->subject);
}

static bool take_number(struct der *in, struct der *number)
{
	if (!der_take(in, DER_INTEGER, number))
		return false;
	while (number->len && number->data[0] == 0) {
		number->data++;
		number->len--;
	}
	return number->len > 0;
}

static bool rsa_key(struct der bits, br_rsa_public_key *key)
{
	struct der pair, n, e;
	if (!der_take(&bits, DER_SEQUENCE, &pair) || !take_number(&pair, &n) ||
	    !take_number(&pair, &e))
		return false;
	/* BearSSL's public keys point to what it does not change. */
	key->n = (unsigned char *)n.data;
	key->nlen = n.len;
	key->e = (unsigned char *)e.data;
	key->elen = e.len;
	return true;
}

static bool ec_key(struct der curve, struct der bits, br_ec_public_key *key)
{
	if (DER_IS(curve, OID_P256))
		key->curve = BR_EC_secp256r1;
	else if (DER_IS(curve, OID_P384))
		key->curve = BR_EC_secp384r1;
	else if (DER_IS(curve, OID_P521))
		key->curve = BR_EC_secp521r1;
	else
		return false;
	key->q = (unsigned char *)bits.data;
	key->qlen = bits.len;
	return bits.len > 0;
}

bool cert_key(const struct cert *cert, br_x509_pkey *key)
{
	struct der in = cert->key, algorithm, oid, curve, bits;
	if (!der_take(&in, DER_SEQUENCE, &algorithm) ||
	    !der_take(&algorithm, DER_OID, &oid) ||
	    !der_take(&in, DER_BIT_STRING, &bits) || bits.len < 2 ||
	    bits.data[0] != 0)
		return false;
	bits.data++;
	bits.len--;
	if (DER_IS(oid, OID_RSA)) {
		key->key_type = BR_KEYTYPE_RSA;
		return rsa_key(bits, &key->key.rsa);
	}
	key->key_type = BR_KEYTYPE_EC;
	return DER_IS(oid, OID_EC) && der_take(&algorithm, DER_OID, &curve) &&
	       ec_key(curve, bits, &key->key.ec);
}
