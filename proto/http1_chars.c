// SPDX-License-Identifier: MIT
#include "proto/http1_chars.h"

#define SAME(c) [c] = (c)
#define LETTER(c) [c] = (c), [(c) - 'a' + 'A'] = (c)

/* RFC 9110 section 5.6.2. */
const unsigned char http1_tchars[256] = {
	SAME('!'),   SAME('#'),	  SAME('$'),   SAME('%'),   SAME('&'),
	SAME('\''),  SAME('*'),	  SAME('+'),   SAME('-'),   SAME('.'),
	SAME('^'),   SAME('_'),	  SAME('`'),   SAME('|'),   SAME('~'),
	SAME('0'),   SAME('1'),	  SAME('2'),   SAME('3'),   SAME('4'),
	SAME('5'),   SAME('6'),	  SAME('7'),   SAME('8'),   SAME('9'),
	LETTER('a'), LETTER('b'), LETTER('c'), LETTER('d'), LETTER('e'),
	LETTER('f'), LETTER('g'), LETTER('h'), LETTER('i'), LETTER('j'),
	LETTER('k'), LETTER('l'), LETTER('m'), LETTER('n'), LETTER('o'),
	LETTER('p'), LETTER('q'), LETTER('r'), LETTER('s'), LETTER('t'),
	LETTER('u'), LETTER('v'), LETTER('w'), LETTER('x'), LETTER('y'),
	LETTER('z'),
};
