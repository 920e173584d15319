// SPDX-License-Identifier: MIT
/* outcome: what the platform's lists say of a delegated task. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/outcome.h"

#define PEER "22222222-2222-4222-8222-222222222222"
#define QUEUED "{\\'status\\':\\'queued\\',\\'delivery_mode\\':\\'poll\\'}"

/* JSON with ' for "; the caller's. */
static json_t *tree(const char *text)
{
	char *copy = strdup(text);
	json_t *json;

	for (char *at = copy; *at; at++)
		if (*at == '\'')
			*at = '"';
	json = json_loads(copy, 0, NULL);
	assert_non_null(json);
	free(copy);
	return json;
}

static void rows(void **state)
{
	static const struct {
		const char *rows;
		enum outcome_kind kind;
		const char *status, *text;
	} cases[] = {
		{ "[]", OUTCOME_UNKNOWN, "", "" },
		{ "{}", OUTCOME_UNKNOWN, "", "" },
		{ "[7,{},{'delegation_id':'other','status':'failed'}]",
		  OUTCOME_UNKNOWN, "", "" },
		{ "[{'delegation_id':'d'}]", OUTCOME_OPEN, "", "" },
		{ "[{'delegation_id':'d','status':'stuck'}]", OUTCOME_OPEN,
		  "stuck", "" },
		/* The newest of those under way. */
		{ "[{'delegation_id':'d','status':'in_progress'},"
		  "{'delegation_id':'d','status':'pending'}]",
		  OUTCOME_OPEN, "in_progress", "" },
		/* What has ended counts before what has not, whatever is newer;
		 * and what has something to say before what has not. */
		{ "[{'delegation_id':'d','status':'dispatched'},"
		  "{'delegation_id':'d','status':'completed'},"
		  "{'delegation_id':'d','status':'completed',"
		  "'response_preview':'42'}]",
		  OUTCOME_ANSWERED, "completed", "42" },
		{ "[{'delegation_id':'d','status':'failed','error':'e',"
		  "'error_detail':'f'}]",
		  OUTCOME_FAILED, "failed", "e" },
		/* F-24: the other name of the reason. */
		{ "[{'delegation_id':'d','status':'failed',"
		  "'error_detail':'f'}]",
		  OUTCOME_FAILED, "failed", "f" },
		/* F-23: queueing is not answering. */
		{ "[{'delegation_id':'d','status':'completed',"
		  "'response_preview':'" QUEUED "'}]",
		  OUTCOME_QUEUED, "completed", "" },
		/* The row of the task itself ends with that of its result. */
		{ "[{'delegation_id':'d','status':'completed'},"
		  "{'delegation_id':'d','status':'completed',"
		  "'response_preview':'" QUEUED "'},"
		  "{'delegation_id':'d','status':'completed'}]",
		  OUTCOME_QUEUED, "completed", "" },
		{ "[{'delegation_id':'d','status':'completed'}]",
		  OUTCOME_ANSWERED, "completed", "" },
		{ "[{'delegation_id':'d','status':'completed',"
		  "'response_preview':'{\\'delegation_id\\':\\'d\\'}'},"
		  "{'delegation_id':'d','status':'completed',"
		  "'response_preview':'" QUEUED "'}]",
		  OUTCOME_QUEUED, "completed", "" },
		{ "[{'delegation_id':'d','status':'completed',"
		  "'response_preview':'{\\'x\\':1}'}]",
		  OUTCOME_ANSWERED, "completed", "{\"x\":1}" },
		{ "[{'delegation_id':'d','status':'completed',"
		  "'response_preview':'" QUEUED "'},"
		  "{'delegation_id':'d','status':'completed',"
		  "'response_preview':'real'}]",
		  OUTCOME_ANSWERED, "completed", "real" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *json = tree(cases[i].rows);
		struct outcome out;

		outcome_read(&out, json, "d");
		assert_int_equal(out.kind, cases[i].kind);
		assert_string_equal(out.status, cases[i].status);
		assert_string_equal(out.text, cases[i].text);
		assert_false(out.cut);
		assert_int_equal(out.row == NULL,
				 cases[i].kind == OUTCOME_UNKNOWN);
		json_decref(json);
	}
	outcome_read(&(struct outcome){ 0 }, NULL, "d");
}

/* F-24: a preview may be a part. */
static void previews(void **state)
{
	static const struct {
		size_t len;
		bool cut;
	} cases[] = { { 0, false },
		      { 296, false },
		      { 297, true },
		      { 300, true },
		      { 303, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[400] = "";
		struct outcome out;
		json_t *json;

		memset(text, 'x', cases[i].len);
		json = json_pack("[{s:s, s:s, s:s}]", "delegation_id", "d",
				 "status", "completed", "response_preview",
				 text);
		outcome_read(&out, json, "d");
		assert_int_equal(out.cut, cases[i].cut);
		json_decref(json);
	}
}

static void expect_whole(const char *list, const char *preview,
			 const char *text, bool is_message)
{
	json_t *json = tree(list);
	struct outcome_text got = outcome_text(json, "d", PEER, preview);

	if (text) {
		assert_non_null(got.text);
		assert_string_equal(got.text, text);
	} else {
		assert_null(got.text);
	}
	assert_int_equal(got.is_message, is_message);
	free(got.text);
	json_decref(json);
}

#define MESSAGE(source, text)                                                  \
	"{'activity_type':'a2a_receive','source_id':'" source                  \
	"','request_body':{'params':{'message':{'parts':[{'kind':'text',"      \
	"'text':'" text "'}]}}}}"
#define RESULT(body) "{'activity_type':'delegation','response_body':" body "}"

static void whole_answers(void **state)
{
	(void)state;
	/* The delegation's own result, in any shape. */
	expect_whole(
		"[7,{}," RESULT("{'text':'no','delegation_id':'e'}") "," RESULT(
			"{'text':'yes','delegation_id':'d'}") "]",
		"", "yes", false);
	expect_whole("[" RESULT("{'delegation_id':'d','result':{'parts':["
				"{'kind':'text','text':'yes'}]}}") "]",
		     NULL, "yes", false);
	/* F-23: not the confirmation of its queueing. */
	expect_whole(
		"[" RESULT("{'text':'" QUEUED "','delegation_id':'d'}") "]",
		NULL, NULL, false);
	expect_whole(
		"[" RESULT("{'delegation_id':'d','error':{'code':1}}") "," RESULT(
			"{'delegation_id':'d'}") "," RESULT("'d'") "]",
		NULL, NULL, false);
	/* A message of the peer that goes on where the preview ends. */
	expect_whole(
		"[" MESSAGE("x", "begin and end") "," MESSAGE(
			PEER, "else") "," MESSAGE(PEER, "begin and end") "]",
		"begin", "begin and end", true);
	expect_whole("[" MESSAGE(PEER, "begin and end") "]", "bad", NULL,
		     false);
	/* Without a preview any message could be meant. */
	expect_whole("[" MESSAGE(PEER, "begin and end") "]", "", NULL, false);
	expect_whole("{}", "begin", NULL, false);
}

/* What stands at the end of a preview where the platform cut it. */
static void ends_of_previews(void **state)
{
	char preview[320], list[1000], whole[600];

	(void)state;
	memset(whole, 'x', 299);
	strcpy(whole + 299, "\xC3\xBC and so on");
	snprintf(list, sizeof(list), "[" MESSAGE(PEER, "%s") "]", whole);
	/* Half a character, and three dots. */
	snprintf(preview, sizeof(preview), "%.299s\xEF\xBF\xBD...", whole);
	expect_whole(list, preview, whole, true);
	snprintf(preview, sizeof(preview), "%.299s", whole);
	expect_whole(list, preview, whole, true);
	preview[100] = 'y';
	expect_whole(list, preview, NULL, false);
}

static void messages(void **state)
{
	json_t *list = tree("[" MESSAGE("x", "no") "," MESSAGE(
		PEER, "first") "," MESSAGE(PEER, "second") "]");
	char *text = outcome_message(list, PEER, false);

	(void)state;
	assert_string_equal(text, "first");
	free(text);
	text = outcome_message(list, PEER, true);
	assert_string_equal(text, "second");
	free(text);
	assert_null(outcome_message(list, "nobody", false));
	assert_null(outcome_message(NULL, PEER, false));
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(previews),
		cmocka_unit_test(whole_answers),
		cmocka_unit_test(ends_of_previews),
		cmocka_unit_test(messages),
	};

	json_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
