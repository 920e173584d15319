// SPDX-License-Identifier: MIT
/*
 * der - reading and writing DER (ITU-T X.690), as little as certificates need.
 *
 * Reading is a walk over slices that point into the caller's bytes: der_take
 * cuts the next element off the front of one. Nothing is copied and nothing
 * outlives the bytes. Whatever does not fit its enclosing length is refused.
 *
 * Writing goes backwards, from the end of a buffer to its beginning, because
 * then a length is known when it has to be written:
 *
 *	size_t end = out.at;		// a SEQUENCE of two things
 *	der_put(&out, second, n);
 *	der_put(&out, first, m);
 *	der_wrap(&out, DER_SEQUENCE, end);
 */
#ifndef NET_DER_H
#define NET_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DER_BOOLEAN 0x01
#define DER_INTEGER 0x02
#define DER_BIT_STRING 0x03
#define DER_OCTET_STRING 0x04
#define DER_OID 0x06
#define DER_UTF8 0x0c
#define DER_PRINTABLE 0x13
#define DER_T61 0x14
#define DER_IA5 0x16
#define DER_UTC_TIME 0x17
#define DER_TIME 0x18
#define DER_VISIBLE 0x1a
#define DER_BMP 0x1e
#define DER_SEQUENCE 0x30
#define DER_SET 0x31
/* Context-specific tags: primitive and constructed. */
#define DER_CONTEXT(n) (0x80 | (n))
#define DER_CONTEXT_OPEN(n) (0xa0 | (n))

struct der {
	const uint8_t *data;
	size_t len;
};

/* The tag of the next element; -1 at the end. */
int der_tag(const struct der *in);

/* Cuts the next element off `in` if it has `tag`; *value (may be NULL) is its
 * contents. false, with `in` as it was, for another tag or what is no DER. */
bool der_take(struct der *in, int tag, struct der *value);

/* The same for any tag of one byte; *whole (may be NULL) includes the header.
 */
bool der_take_any(struct der *in, int *tag, struct der *value,
		  struct der *whole);

/* Takes the next element if it has `tag`; one that is not there is no error.
 */
bool der_take_optional(struct der *in, int tag, struct der *value);

/* Same length and bytes. */
bool der_equal(struct der a, struct der b);

/* Whether it is the object identifier whose encoding (without header) is the
 * `len` bytes at `oid`. */
bool der_is(struct der value, const void *oid, size_t len);
#define DER_IS(value, literal) der_is(value, literal, sizeof(literal) - 1)

/* A buffer being filled from its end. What has been written is the bytes from
 * `at` to `cap`. `full` is set, and stays, when something did not fit. */
struct der_out {
	uint8_t *buf;
	size_t cap, at;
	bool full;
};

void der_out_init(struct der_out *out, uint8_t *buf, size_t cap);
/* Puts bytes in front of what is there. */
void der_put(struct der_out *out, const void *bytes, size_t len);
/* Puts a header in front, for the contents from `at` to `end`. */
void der_wrap(struct der_out *out, int tag, size_t end);
/* A whole element with those contents. */
void der_put_element(struct der_out *out, int tag, const void *bytes,
		     size_t len);

#endif
