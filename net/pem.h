// SPDX-License-Identifier: MIT
/*
 * pem - the blocks of a PEM text (RFC 7468), decoded piece by piece.
 *
 *	struct pem pem;
 *	pem_init(&pem, buf, sizeof(buf));
 *	while (len > 0) {
 *		size_t used = pem_feed(&pem, text, len);
 *		if (pem.ready) …	// pem.label, pem.buf, pem.len
 *		text += used, len -= used;
 *	}
 *
 * Whatever stands between blocks is skipped, and so is a block that is broken:
 * not base64, larger than the buffer, or without an end.
 */
#ifndef NET_PEM_H
#define NET_PEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest line that can begin a block, its NUL included. */
#define PEM_LINE 80

struct pem {
	uint8_t *buf; /* the caller's, for what is decoded */
	size_t cap, len;
	bool ready;	      /* the last feed ended with a whole block */
	char label[PEM_LINE]; /* "CERTIFICATE", "EC PRIVATE KEY", … */
	/* The rest is pem.c's own. */
	bool inside, broken;
	char line[PEM_LINE];
	size_t line_len;
	uint32_t bits; /* base64 digits that are not a whole byte yet */
	unsigned int bit_count;
	unsigned int padding;
	uint8_t values[256]; /* of the base64 alphabet */
};

/* Begins a text; `buf` is borrowed as long as it is fed. */
void pem_init(struct pem *pem, uint8_t *buf, size_t cap);

/* Takes text up to the end of the next whole block, or all there is. Returns
 * how many bytes it took (1 to len; len > 0). The block in pem->buf is there
 * until the next call. */
size_t pem_feed(struct pem *pem, const char *text, size_t len);

/* Writes `len` bytes as a block with that label: the length of the text, or 0
 * if it and a NUL do not fit into `cap`. */
size_t pem_write(char *text, size_t cap, const char *label, const void *data,
		 size_t len);

#endif
