// SPDX-License-Identifier: MIT
/* The names in a certificate: for people, for IP addresses, for OpenSSL's
 * directories. */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "net/cert.h"

#define OID_COMMON_NAME "\x55\x04\x03"
#define OID_ORGANISATION "\x55\x04\x0a"

/* GeneralName (RFC 5280 section 4.2.1.6). */
#define NAME_DNS DER_CONTEXT(2)
#define NAME_ADDRESS DER_CONTEXT(7)

/* Larger names exist only to annoy. */
#define CANONICAL_MAX 1024

bool cert_has_address(const struct cert *cert, const uint8_t *addr, size_t len)
{
	struct der names = cert->names, value;
	int tag = 0;
	while (names.len && der_take_any(&names, &tag, &value, NULL))
		if (tag == NAME_ADDRESS && der_is(value, addr, len))
			return true;
	return false;
}

static bool host_matches(struct der name, const char *host)
{
	const char *text = (const char *)name.data;
	size_t len = strlen(host), skip = 0;
	if (name.len > 2 && text[0] == '*' && text[1] == '.') {
		if (!memchr(text + 2, '.', name.len - 2))
			return false;
		skip = strcspn(host, ".");
		text++;
		name.len--;
		if (skip == 0)
			return false;
	}
	return len - skip == name.len &&
	       strncasecmp(host + skip, text, name.len) == 0;
}

bool cert_has_host(const struct cert *cert, const char *host)
{
	struct der names = cert->names, value;
	int tag = 0;
	while (names.len && der_take_any(&names, &tag, &value, NULL))
		if (tag == NAME_DNS && host_matches(value, host))
			return true;
	return false;
}

/* Text that grows to the end of its room and stays a string. */
struct text {
	char *buf;
	size_t len, cap;
};

static void append(struct text *text, const void *bytes, size_t len)
{
	const uint8_t *in = bytes;
	for (size_t i = 0; i < len && text->len + 1 < text->cap; i++) {
		bool plain = in[i] >= 0x20 && in[i] < 0x7f && in[i] != '"';
		text->buf[text->len++] = (char)(plain ? in[i] : '?');
	}
	text->buf[text->len] = '\0';
}

/* One more of a list; what does not fit whole is "…" in ASCII. */
static void append_host(struct text *text, const void *bytes, size_t len)
{
	if (text->len + len + 8 > text->cap) {
		if (text->len + 6 <= text->cap &&
		    (text->len < 3 || text->buf[text->len - 1] != '.'))
			append(text, ", ...", 5);
		return;
	}
	if (text->len)
		append(text, ", ", 2);
	append(text, bytes, len);
}

/* Calls fn for each attribute of a name. */
typedef void (*attribute_fn)(void *arg, struct der oid, int tag,
			     struct der value);

static bool each_attribute(struct der set, attribute_fn fn, void *arg)
{
	struct der pair, oid, value;
	int tag = 0;
	while (set.len) {
		if (!der_take(&set, DER_SEQUENCE, &pair) ||
		    !der_take(&pair, DER_OID, &oid) ||
		    !der_take_any(&pair, &tag, &value, NULL))
			return false;
		fn(arg, oid, tag, value);
	}
	return true;
}

struct name_text {
	struct der common, organisation;
};

static void note_attribute(void *arg, struct der oid, int tag, struct der value)
{
	struct name_text *name = arg;
	(void)tag;
	if (DER_IS(oid, OID_COMMON_NAME))
		name->common = value;
	else if (DER_IS(oid, OID_ORGANISATION))
		name->organisation = value;
}

void cert_name_text(struct der name, char *text, size_t cap)
{
	struct text out = { .buf = text, .cap = cap };
	struct name_text found = { 0 };
	struct der sets, set;
	text[0] = '\0';
	if (!der_take(&name, DER_SEQUENCE, &sets))
		return;
	while (der_take(&sets, DER_SET, &set))
		(void)each_attribute(set, note_attribute, &found);
	if (found.common.len)
		append(&out, found.common.data, found.common.len);
	else if (found.organisation.len)
		append(&out, found.organisation.data, found.organisation.len);
}

void cert_hosts_text(const struct cert *cert, char *text, size_t cap)
{
	struct text out = { .buf = text, .cap = cap };
	struct der names = cert->names, value;
	char address[INET6_ADDRSTRLEN];
	int tag = 0;
	text[0] = '\0';
	while (names.len && der_take_any(&names, &tag, &value, NULL)) {
		int family = value.len == 4 ? AF_INET : AF_INET6;
		if (tag == NAME_DNS)
			append_host(&out, value.data, value.len);
		else if (tag == NAME_ADDRESS &&
			 (value.len == 4 || value.len == 16) &&
			 inet_ntop(family, value.data, address,
				   sizeof(address)))
			append_host(&out, address, strlen(address));
	}
	if (cert->names.len == 0)
		cert_name_text(cert->subject, text, cap);
}

/*
 * OpenSSL's canonical form of a name: the RDNs alone, every string as a
 * UTF8String with its ASCII letters in lower case, without white space at its
 * ends and with single spaces inside.
 */

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Code points below 0x10000 as UTF-8. */
static size_t put_utf8(uint8_t *out, unsigned int c)
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	out[0] = (uint8_t)(0xe0 | c >> 12);
	out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c & 0x3f));
	return 3;
}

/* The string as UTF-8; its length, or 0 when it is too long. `out` has room
 * for CANONICAL_MAX. */
static size_t to_utf8(uint8_t *out, int tag, struct der value)
{
	size_t step = tag == DER_BMP ? 2 : 1, len = 0;
	if (value.len / step * 3 > CANONICAL_MAX)
		return 0;
	if (tag != DER_BMP && tag != DER_T61) {
		memcpy(out, value.data, value.len);
		return value.len;
	}
	for (size_t i = 0; i + step <= value.len; i += step) {
		unsigned int c = value.data[i];
		if (step == 2)
			c = c << 8 | value.data[i + 1];
		len += put_utf8(out + len, c);
	}
	return len;
}

/* Folds case and white space in place; the new length. */
static size_t fold(uint8_t *text, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = text[i];
		if (!is_space(c))
			text[n++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20)
							 : c;
		else if (n > 0 && text[n - 1] != ' ')
			text[n++] = ' ';
	}
	return n > 0 && text[n - 1] == ' ' ? n - 1 : n;
}

static bool is_text(int tag)
{
	return tag == DER_UTF8 || tag == DER_PRINTABLE || tag == DER_T61 ||
	       tag == DER_IA5 || tag == DER_VISIBLE || tag == DER_BMP;
}

/* A set is hashed as it was written, attribute by attribute; DER_SET around
 * several of them needs the order of the writer. */
struct canonical {
	uint8_t set[CANONICAL_MAX];
	size_t len;
	uint8_t text[CANONICAL_MAX];
	uint8_t scratch[CANONICAL_MAX];
	bool full;
};

static void canonical_attribute(void *arg, struct der oid, int tag,
				struct der value)
{
	struct canonical *c = arg;
	struct der_out out;
	der_out_init(&out, c->scratch, sizeof(c->scratch));
	if (is_text(tag)) {
		size_t len = to_utf8(c->text, tag, value);
		c->full = c->full || (len == 0 && value.len > 0);
		der_put_element(&out, DER_UTF8, c->text, fold(c->text, len));
	} else {
		der_put_element(&out, tag, value.data, value.len);
	}
	der_put_element(&out, DER_OID, oid.data, oid.len);
	der_wrap(&out, DER_SEQUENCE, out.cap);
	size_t len = out.cap - out.at;
	if (out.full || c->full || c->len + len > sizeof(c->set)) {
		c->full = true;
		return;
	}
	memcpy(c->set + c->len, out.buf + out.at, len);
	c->len += len;
}

bool cert_name_hash(struct der name, uint32_t *hash)
{
	struct canonical c;
	struct der sets, set;
	br_sha1_context sha1;
	uint8_t digest[br_sha1_SIZE];
	c.full = false;
	br_sha1_init(&sha1);
	if (!der_take(&name, DER_SEQUENCE, &sets))
		return false;
	while (sets.len) {
		struct der_out out;
		c.len = 0;
		if (!der_take(&sets, DER_SET, &set) ||
		    !each_attribute(set, canonical_attribute, &c) || c.full)
			return false;
		der_out_init(&out, c.scratch, sizeof(c.scratch));
		der_put_element(&out, DER_SET, c.set, c.len);
		if (out.full)
			return false;
		br_sha1_update(&sha1, out.buf + out.at, out.cap - out.at);
	}
	br_sha1_out(&sha1, digest);
	*hash = (uint32_t)digest[3] << 24 | (uint32_t)digest[2] << 16 |
		(uint32_t)digest[1] << 8 | digest[0];
	return true;
}

/* A digest of the next set of a name, however its text is written. */
static bool digest_set(struct der *sets, uint8_t digest[br_sha256_SIZE])
{
	struct canonical c;
	struct der set;
	br_sha256_context sha256;
	c.len = 0;
	c.full = false;
	if (!der_take(sets, DER_SET, &set) || set.len == 0 ||
	    !each_attribute(set, canonical_attribute, &c) || c.full)
		return false;
	br_sha256_init(&sha256);
	br_sha256_update(&sha256, c.set, c.len);
	br_sha256_out(&sha256, digest);
	return true;
}

bool cert_name_begins(struct der name, struct der base, bool *begins)
{
	uint8_t wanted[br_sha256_SIZE], got[br_sha256_SIZE];
	*begins = true;
	while (base.len && *begins) {
		*begins = name.len > 0;
		if (!digest_set(&base, wanted) ||
		    (*begins && !digest_set(&name, got)))
			return false;
		*begins = *begins && memcmp(wanted, got, sizeof(got)) == 0;
	}
	return true;
}
