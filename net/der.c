// SPDX-License-Identifier: MIT
#include "net/der.h"

#include <string.h>

int der_tag(const struct der *in)
{
	return in->len ? in->data[0] : -1;
}

/* The header's length and the contents' length, or 0 if it is not one. */
static size_t parse_header(const struct der *in, size_t *len)
{
	if (in->len < 2 || (in->data[0] & 0x1f) == 0x1f)
		return 0;
	size_t head = 2;
	size_t n = in->data[1];
	if (n & 0x80) {
		size_t count = n & 0x7f;
		if (count == 0 || count > 3 || in->len < 2 + count)
			return 0;
		n = 0;
		for (size_t i = 0; i < count; i++)
			n = n << 8 | in->data[2 + i];
		head += count;
	}
	if (n > in->len - head)
		return 0;
	*len = n;
	return head;
}

bool der_take_any(struct der *in, int *tag, struct der *value,
		  struct der *whole)
{
	size_t len = 0;
	size_t head = parse_header(in, &len);
	if (head == 0)
		return false;
	if (tag)
		*tag = in->data[0];
	if (value)
		*value = (struct der){ in->data + head, len };
	if (whole)
		*whole = (struct der){ in->data, head + len };
	in->data += head + len;
	in->len -= head + len;
	return true;
}

bool der_take(struct der *in, int tag, struct der *value)
{
	return der_tag(in) == tag && der_take_any(in, NULL, value, NULL);
}

bool der_take_optional(struct der *in, int tag, struct der *value)
{
	return der_tag(in) != tag || der_take_any(in, NULL, value, NULL);
}

bool der_equal(struct der a, struct der b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.data, b.data, a.len));
}

bool der_is(struct der value, const void *oid, size_t len)
{
	return value.len == len && memcmp(value.data, oid, len) == 0;
}

void der_out_init(struct der_out *out, uint8_t *buf, size_t cap)
{
	*out = (struct der_out){ .buf = buf, .cap = cap, .at = cap };
}

void der_put(struct der_out *out, const void *bytes, size_t len)
{
	if (out->full || len > out->at) {
		out->full = true;
		return;
	}
	out->at -= len;
	if (len)
		memcpy(out->buf + out->at, bytes, len);
}

void der_wrap(struct der_out *out, int tag, size_t end)
{
	size_t len = end - out->at;
	uint8_t head[4] = { (uint8_t)tag, (uint8_t)len };
	size_t n = 2;
	if (len >= 0x80 && len <= 0xff) {
		head[1] = 0x81;
		head[n++] = (uint8_t)len;
	} else if (len > 0xff) {
		out->full = out->full || len > 0xffff;
		head[1] = 0x82;
		head[n++] = (uint8_t)(len >> 8);
		head[n++] = (uint8_t)len;
	}
	der_put(out, head, n);
}

void der_put_element(struct der_out *out, int tag, const void *bytes,
		     size_t len)
{
	size_t end = out->at;
	der_put(out, bytes, len);
	der_wrap(out, tag, end);
}
