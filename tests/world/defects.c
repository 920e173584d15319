// SPDX-License-Identifier: MIT
#include "tests/world/defects.h"

const struct defect_known defects_known[DEFECT_COUNT] = {
	[DEFECT_NONE] = { "none", 1 },
	[DEFECT_CURSOR_EARLY] = { "the cursor is saved too early", 1 },
	[DEFECT_NO_FSYNC] = { "the journal is not synced", 1 },
	[DEFECT_NO_DIR_SYNC] = { "names are not synced", 1 },
	[DEFECT_BUFFER_REUSED] = { "a cancelled buffer is used again", 1 },
	[DEFECT_LOST_WAKEUP] = { "a wake-up is lost", 5 },
	[DEFECT_HALF_LINE] = { "half a line is dropped", 1 },
	[DEFECT_POP_EARLY] = { "a pop is answered too early", 2 },
	[DEFECT_BEAT_SKIPPED] = { "no beat after a suspend", 8 },
	[DEFECT_ANSWER_TWICE] = { "an answer comes twice", 3 },
	[DEFECT_LEAK_DESCRIPTOR] = { "a descriptor leaks", 1 },
	[DEFECT_TOKEN_LOGGED] = { "a token is logged", 3 },
	[DEFECT_LEAK_BYTES] = { "memory leaks", 4 },
	[DEFECT_SHORT_WRITE] = { "a short write is taken for a whole one", 1 },
	[DEFECT_ANSWER_ASTRAY] = { "an answer goes to another", 8 },
};

enum defect defect_planted;
