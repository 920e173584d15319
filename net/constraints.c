// SPDX-License-Identifier: MIT
#include "net/constraints.h"

#include <string.h>
#include <strings.h>

/* GeneralName (RFC 5280 section 4.2.1.6). */
#define NAME_DNS DER_CONTEXT(2)
#define NAME_DIRECTORY DER_CONTEXT_OPEN(4)
#define NAME_ADDRESS DER_CONTEXT(7)

/* A name and, for subjects, the contents of its SEQUENCE. */
struct name {
	int tag;
	struct der value;
};

struct subtrees {
	struct der permitted, excluded;
};

enum fit { FIT_NO, FIT_YES, FIT_UNSURE };

/* Itself and what is under it; under it alone behind a dot; "" is all. */
static enum fit fits_dns(struct der name, struct der base)
{
	if (name.len < base.len ||
	    (base.len &&
	     strncasecmp((const char *)name.data + name.len - base.len,
			 (const char *)base.data, base.len) != 0))
		return FIT_NO;
	if (base.len == 0 || base.data[0] == '.')
		return name.len > base.len ? FIT_YES : FIT_NO;
	return name.len == base.len || name.data[name.len - base.len - 1] == '.'
		       ? FIT_YES
		       : FIT_NO;
}

/* The base is an address and then a mask. */
static enum fit fits_address(struct der name, struct der base)
{
	if (base.len != 8 && base.len != 32)
		return FIT_UNSURE;
	if (name.len * 2 != base.len)
		return FIT_NO;
	for (size_t i = 0; i < name.len; i++)
		if ((name.data[i] ^ base.data[i]) & base.data[name.len + i])
			return FIT_NO;
	return FIT_YES;
}

/* Whether the subject begins with the base. */
static enum fit fits_directory(struct der name, struct der base)
{
	struct der sets;
	bool begins;
	if (!der_take(&base, DER_SEQUENCE, &sets) ||
	    !cert_name_begins(name, sets, &begins))
		return FIT_UNSURE;
	return begins ? FIT_YES : FIT_NO;
}

static enum fit fits(const struct name *name, struct der base)
{
	switch (name->tag) {
	case NAME_DNS:
		return fits_dns(name->value, base);
	case NAME_ADDRESS:
		return fits_address(name->value, base);
	case NAME_DIRECTORY:
		return fits_directory(name->value, base);
	default:
		return FIT_UNSURE;
	}
}

/* Takes the next subtree's base. Bounds on its depth, which nobody may use,
 * are not understood. */
static bool take_base(struct der *list, int *tag, struct der *base)
{
	struct der subtree;
	return der_take(list, DER_SEQUENCE, &subtree) &&
	       der_take_any(&subtree, tag, base, NULL) && subtree.len == 0;
}

static bool is_allowed(const struct subtrees *trees, const struct name *name)
{
	struct der list = trees->excluded, base;
	bool bound = false, within = false;
	int tag = 0;
	while (list.len) {
		if (!take_base(&list, &tag, &base))
			return false;
		if (tag == name->tag && fits(name, base) != FIT_NO)
			return false;
	}
	for (list = trees->permitted; list.len;) {
		if (!take_base(&list, &tag, &base))
			return false;
		bound = bound || tag == name->tag;
		within = within ||
			 (tag == name->tag && fits(name, base) == FIT_YES);
	}
	return within || !bound;
}

static bool parse(struct der constraints, struct subtrees *trees)
{
	struct der inner;
	*trees = (struct subtrees){ 0 };
	return der_take(&constraints, DER_SEQUENCE, &inner) &&
	       der_take_optional(&inner, DER_CONTEXT_OPEN(0),
				 &trees->permitted) &&
	       der_take_optional(&inner, DER_CONTEXT_OPEN(1),
				 &trees->excluded) &&
	       inner.len == 0;
}

bool constraints_allow(struct der constraints, const struct cert *cert,
		       const char *host)
{
	struct subtrees trees;
	struct der names = cert->names, subject = cert->subject;
	struct name name = { .tag = NAME_DIRECTORY };
	if (constraints.len == 0)
		return true;
	if (!parse(constraints, &trees) ||
	    !der_take(&subject, DER_SEQUENCE, &name.value) ||
	    (name.value.len && !is_allowed(&trees, &name)))
		return false;
	while (names.len)
		if (!der_take_any(&names, &name.tag, &name.value, NULL) ||
		    !is_allowed(&trees, &name))
			return false;
	if (!host)
		return true;
	name = (struct name){ NAME_DNS,
			      { (const uint8_t *)host, strlen(host) } };
	return is_allowed(&trees, &name);
}
