// SPDX-License-Identifier: MIT
/*
 * defect - mistakes that are planted in a test build, one at a time, to show
 * that the simulation finds them.
 *
 *	if (!DEFECT(CURSOR_EARLY))
 *		err = journal_sync(journal, DEADLINE_NEVER);
 *
 * Only a build with MOLECULE_DEFECTS has them, and only when its main program
 * says which; everywhere else DEFECT is a constant 0 and leaves no trace.
 */
#ifndef RUNTIME_DEFECT_H
#define RUNTIME_DEFECT_H

enum defect {
	DEFECT_NONE,
	DEFECT_CURSOR_EARLY,	/* the cursor is saved before the journal */
	DEFECT_NO_FSYNC,	/* journal records are not synced */
	DEFECT_NO_DIR_SYNC,	/* nor is the directory after a rename */
	DEFECT_BUFFER_REUSED,	/* a call that is cancelled does not wait for
				 * its operation */
	DEFECT_LOST_WAKEUP,	/* a message does not wake who waits for it */
	DEFECT_HALF_LINE,	/* what is left of a line is dropped */
	DEFECT_POP_EARLY,	/* a pop is answered before it is on disk */
	DEFECT_BEAT_SKIPPED,	/* no beat after a suspend until the next */
	DEFECT_ANSWER_TWICE,	/* a call that is not alone */
	DEFECT_LEAK_DESCRIPTOR, /* of an attempt to connect that failed */
	DEFECT_TOKEN_LOGGED,	/* with what was refused */
	DEFECT_LEAK_BYTES,	/* of a request that failed */
	DEFECT_SHORT_WRITE,	/* what a short write left is not written */
	DEFECT_ANSWER_ASTRAY, /* a connection is used again with one to come */
	DEFECT_COUNT
};

/* There only where MOLECULE_DEFECTS is. */
extern enum defect defect_planted;

#ifdef MOLECULE_DEFECTS
#define DEFECT(name) (defect_planted == DEFECT_##name)
#else
#define DEFECT(name) 0
#endif

#endif
