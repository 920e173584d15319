// SPDX-License-Identifier: MIT
#include "tests/world/letters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sim_random.h"
#include "tests/world/life.h"
#include "tests/world/server.h"

#define PREFIX "letter "
/* A letter comes within so long when everything works: by a poll, and by an
 * event. */
#define POLLED (75 * SIM_S)
#define STREAMED (8 * SIM_S)

void letters_init(struct letters *letters)
{
	*letters = (struct letters){ 0 };
	letters->all = calloc(LETTERS_MAX, sizeof(*letters->all));
	if (!letters->all)
		abort();
}

void letters_free(struct letters *letters)
{
	free(letters->all);
}

/* --- Texts --- */

void letters_text(char text[LETTER_TEXT_MAX], unsigned number)
{
	static const char *const words[] = {
		"and",	   "\"so\"", "\\on\\", "é",	"日本", "🦊",
		"\nnew\n", "</x>",   "{}",     "tab\t", "%s",	"…",
	};
	struct sim_random lot = { number };
	unsigned most = sim_random_below(&lot, 40) == 0 ? 300 : 12;
	unsigned count = sim_random_below(&lot, most);
	int len = snprintf(text, LETTER_TEXT_MAX, PREFIX "%u:", number);

	for (unsigned i = 0; i < count; i++)
		len += snprintf(text + len, LETTER_TEXT_MAX - (size_t)len,
				" %s", words[sim_random_below(&lot, 12)]);
	snprintf(text + len, LETTER_TEXT_MAX - (size_t)len, ".");
}

/* The letter whose number begins the text, or stands in it, NULL when it is
 * none. */
static struct letter *by_text(struct letters *letters, const char *text)
{
	unsigned number;

	if (sscanf(text, PREFIX "%u:", &number) != 1 ||
	    number >= letters->count)
		return NULL;
	return &letters->all[number];
}

static unsigned number_of(const struct life *life, const struct letter *letter)
{
	return (unsigned)(letter - life->letters.all);
}

/* --- Writing --- */

int letters_next(const struct life *life)
{
	return life->letters.count < LETTERS_MAX ? (int)life->letters.count
						 : -1;
}

void letters_written(struct life *life, int workspace, const char *id,
		     bool by_peer, bool streamed)
{
	struct letters *letters = &life->letters;
	struct letter *letter = &letters->all[letters->count];

	sim_trace(life->world, "town", "letter %u to workspace %d, row %s",
		  letters->count, workspace, id);
	letters->count++;
	*letter = (struct letter){ .workspace = (uint8_t)workspace,
				   .by_peer = by_peer,
				   .streamed = streamed,
				   .session = life->sessions,
				   .written = sim_time(life->world) };
	memcpy(letter->id, id, sizeof(letter->id));
}

struct letter *letters_find(const struct life *life, const char *id)
{
	for (unsigned i = life->letters.count; i-- > 0;)
		if (strcmp(life->letters.all[i].id, id) == 0)
			return &life->letters.all[i];
	return NULL;
}

/* --- Getting --- */

static void check_text(const struct life *life, const struct letter *letter,
		       const char *text)
{
	char want[LETTER_TEXT_MAX];

	letters_text(want, number_of(life, letter));
	if (strcmp(text, want) != 0)
		sim_fail(life->world,
			 "letter %u is not what was written: \"%.200s\"",
			 number_of(life, letter), text);
}

void letters_kept(struct life *life, int workspace)
{
	struct letters *letters = &life->letters;

	if (letters->kept[workspace] != 0)
		return;
	letters->kept[workspace] = sim_time(life->world);
	letters->kept_in[workspace] = life->sessions;
}

bool letters_excused(const struct life *life, const struct letter *letter)
{
	const struct letters *letters = &life->letters;
	int64_t kept = letters->kept[letter->workspace];
	unsigned session = kept ? letters->kept_in[letter->workspace]
				: life->sessions;

	return letter->session < session &&
	       (kept == 0 || letter->written < kept) &&
	       (letter->got == 0 || letter->fleeting);
}

/* Those before it must have come before. */
static void check_order(struct life *life, const struct letter *letter)
{
	struct letters *letters = &life->letters;
	unsigned *first = &letters->first[letter->workspace];
	unsigned number = number_of(life, letter);
	bool missing = false;

	if (letter->by_peer)
		return;
	for (unsigned i = *first; i < number; i++) {
		const struct letter *before = &letters->all[i];

		if (before->workspace != letter->workspace || before->by_peer ||
		    before->got != 0 || before->popped ||
		    letters_excused(life, before))
			continue;
		if (!missing)
			*first = i;
		missing = true;
		sim_fail(life->world,
			 "letter %u came before letter %u of its workspace",
			 number, i);
	}
	if (!missing)
		*first = number;
}

/* It has waited while everything worked. */
static void check_time(const struct life *life, const struct letter *letter,
		       int64_t waiting_ns)
{
	int64_t now = sim_time(life->world);
	int64_t took = now - letter->written;
	int64_t most = letter->streamed ? STREAMED : POLLED;

	if (waiting_ns < took)
		took = waiting_ns;
	if (took > most && life_healthy(life, took + 180 * SIM_S))
		sim_fail(life->world,
			 "letter %u has kept the agent waiting for %.1f s",
			 number_of(life, letter), (double)took / 1e9);
}

struct letter *letters_got(struct life *life, enum letters_way way,
			   const char *id, const char *text, int64_t waiting_ns)
{
	struct letter *letter = by_text(&life->letters, text);
	unsigned server = life->server_number;
	static const char *const ways[] = { "got", "was told of",
					    "was answered by" };

	if (!letter)
		return NULL;
	sim_trace(life->world, "agent", "%s letter %u", ways[way],
		  number_of(life, letter));
	check_text(life, letter, text);
	if (way != LETTERS_ANSWER && strcmp(id, letter->id) != 0)
		sim_fail(life->world, "letter %u has come as row %s, not %s",
			 number_of(life, letter), id, letter->id);
	if (letter->popped)
		sim_fail(life->world,
			 "letter %u has come after its pop was "
			 "answered",
			 number_of(life, letter));
	if (way == LETTERS_PUSHED && letter->told_by == server)
		sim_fail(life->world, "letter %u has been announced twice",
			 number_of(life, letter));
	if (way == LETTERS_PUSHED)
		letter->told_by = server;
	if (way == LETTERS_WAIT)
		letter->shown_by = server;
	if (way == LETTERS_ANSWER)
		letter->answered = true;
	if (letter->got != 0)
		return letter;
	/* For want of memory an announcement may be left out. */
	if (way != LETTERS_PUSHED || (life->server && !life->server->weak))
		check_order(life, letter);
	if (way == LETTERS_WAIT)
		check_time(life, letter, waiting_ns);
	letter->got = sim_time(life->world);
	letter->fleeting = life->weather.disk;
	return letter;
}

/* --- Popping --- */

const char *letters_some(const struct life *life)
{
	for (unsigned i = life->letters.count; i-- > 0;) {
		const struct letter *letter = &life->letters.all[i];

		if (letter->shown_by == life->server_number &&
		    !letter->pop_asked)
			return letter->id;
	}
	return NULL;
}

void letters_pop_asked(struct life *life, const char *id)
{
	struct letter *letter = letters_find(life, id);

	if (letter)
		letter->pop_asked = true;
}

void letters_pop_answered(struct life *life, const char *id, bool removed)
{
	struct letter *letter = letters_find(life, id);

	if (!letter)
		return;
	sim_trace(life->world, "agent", "popped letter %u: %s",
		  number_of(life, letter), removed ? "removed" : "none");
	if (removed)
		letter->popped = true;
}

void letters_unheard(struct life *life)
{
	for (unsigned i = 0; i < life->letters.count; i++) {
		struct letter *letter = &life->letters.all[i];

		if (letter->by_peer && letter->got == 0)
			letter->answered = true;
	}
}

void letters_none(struct life *life)
{
	const struct letters *letters = &life->letters;
	const struct server *server = life->server;

	if (!server || server_given_up(life) > 0)
		return;
	for (unsigned i = 0; i < letters->count; i++) {
		const struct letter *letter = &letters->all[i];

		if (letter->popped || letter->pop_asked || letter->by_peer)
			continue;
		if (letter->shown_by == server->owner)
			sim_fail(life->world,
				 "the agent is told that there is no message, "
				 "but letter %u is there",
				 i);
	}
}

/* --- The end --- */

void letters_settle(struct life *life)
{
	const struct letters *letters = &life->letters;
	uint64_t missing = 0;

	for (unsigned i = 0; i < letters->count; i++) {
		const struct letter *letter = &letters->all[i];

		if (letter->popped || letter->pop_asked || letter->answered ||
		    letters_excused(life, letter))
			continue;
		if (letter->got == 0)
			sim_fail(life->world, "letter %u has never come", i);
		sim_trace(life->world, "letters", "letter %u is missing", i);
		missing++;
	}
	if (missing > letters->given_up)
		sim_fail(life->world,
			 "%llu letters have been lost, %llu given up",
			 (unsigned long long)missing,
			 (unsigned long long)letters->given_up);
}
