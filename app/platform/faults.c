// SPDX-License-Identifier: MIT
/*
 * A fault is held by the list while it is left, and by each request that has
 * met it and waits, for which it must outlive its place in the list.
 */
#include "app/platform/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/platform/exchange.h"
#include "app/platform/members.h"
#include "app/platform/router.h"
#include "app/platform/state.h"
#include "net/http_server.h"
#include "proto/json.h"
#include "runtime/io.h"
#include "runtime/task.h"

#define ANY_ENDPOINT SIZE_MAX
#define TEXT_MAX 256 /* of a header, a content type */

_Static_assert(FAULT_HEADERS_MAX <= EXCHANGE_EXTRA_MAX,
	       "an answer has room for them");

enum cut { CUT_NOT, CUT_BEFORE, CUT_AFTER };

struct fault {
	struct fault *newer;
	uint32_t holders;
	size_t endpoint;
	struct ident workspace; /* none: any */
	uint32_t left;		/* 0: no end */
	uint32_t chance;	/* of 2^32 */
	uint32_t delay_ms;
	int status; /* 0: none */
	enum cut cut;
	json_t *how; /* as it was asked for: owns what follows */
	const char *mime;
	char *body;
	size_t len;
	const char *headers[2 * FAULT_HEADERS_MAX + 1];
};

static void fault_drop(struct fault *fault)
{
	if (--fault->holders > 0)
		return;
	json_decref(fault->how);
	free(fault->body);
	free(fault);
}

/* Takes it out of the list, whose hold on it is the caller's then. */
static struct fault *unlink_fault(struct fault_list *list, struct fault **at)
{
	struct fault *fault = *at;

	*at = fault->newer;
	list->count--;
	return fault;
}

/* The workspace that a request is about. */
static struct ident subject_of(const struct exchange *x)
{
	struct ident id = x->id;
	json_t *body;

	if (!ident_none(&id))
		return id;
	body = exchange_body(x);
	if (!ident_parse(&id, json_get_text(body, "workspace_id")))
		(void)ident_parse(&id, json_get_text(body, "id"));
	json_decref(body);
	return id;
}

static bool strikes(struct rt *rt, const struct fault *fault)
{
	uint32_t dice;

	if (fault->chance == UINT32_MAX)
		return true;
	io_random(rt, &dice, sizeof(dice));
	return dice < fault->chance;
}

static bool fits(const struct exchange *x, const struct fault *fault,
		 size_t endpoint)
{
	struct ident subject;

	if (fault->endpoint != ANY_ENDPOINT && fault->endpoint != endpoint)
		return false;
	if (!ident_none(&fault->workspace)) {
		subject = subject_of(x);
		if (!ident_equal(&subject, &fault->workspace))
			return false;
	}
	return strikes(x->platform->rt, fault);
}

/* The fault that a request meets, which holds it; NULL when there is none. */
static struct fault *pick(struct exchange *x, size_t endpoint)
{
	struct fault_list *list = &x->platform->faults;
	struct fault **at = &list->oldest, *fault;

	while (*at && !fits(x, *at, endpoint))
		at = &(*at)->newer;
	fault = *at;
	if (!fault)
		return NULL;
	list->met++;
	if (fault->left == 1)
		return unlink_fault(list, at);
	if (fault->left > 1)
		fault->left--;
	fault->holders++;
	return fault;
}

static bool effect(struct exchange *x, const struct fault *fault)
{
	struct rt *rt = x->platform->rt;

	if (fault->delay_ms &&
	    task_sleep(rt, deadline_in_ms(rt, fault->delay_ms)) != 0)
		return true; /* the platform ends */
	if (fault->cut == CUT_BEFORE) {
		exchange_cut(x);
		return true;
	}
	x->lost = fault->cut == CUT_AFTER;
	if (fault->status)
		exchange_raw(x, fault->status, fault->headers, fault->mime,
			     fault->body, fault->len);
	return fault->status != 0;
}

bool faults_meet(struct exchange *x, size_t endpoint)
{
	struct fault *fault = pick(x, endpoint);
	bool answered;

	if (!fault)
		return false;
	answered = effect(x, fault);
	fault_drop(fault);
	return answered;
}

/* The number of an endpoint by its name, "METHOD /path". */
static bool endpoint_read(size_t *endpoint, const char *name)
{
	const char *method, *path;
	char full[TEXT_MAX];

	*endpoint = ANY_ENDPOINT;
	if (!name)
		return true;
	for (size_t i = 0; (path = router_endpoint(i, &method)); i++) {
		(void)snprintf(full, sizeof(full), "%s%s%s", method,
			       *method ? " " : "", path);
		if (strcmp(full, name) == 0) {
			*endpoint = i;
			return true;
		}
	}
	return false;
}

/* An integer between the bounds; `absent` when it is not there. */
static bool number_read(const json_t *how, const char *name, json_int_t min,
			json_int_t max, json_int_t absent, json_int_t *out)
{
	const json_t *value = json_object_get(how, name);

	*out = absent;
	if (!value)
		return true;
	*out = json_integer_value(value);
	return json_is_integer(value) && *out >= min && *out <= max;
}

static const char *numbers_read(struct fault *fault)
{
	const json_t *chance = json_object_get(fault->how, "chance");
	json_int_t times, delay, status;
	double share = chance ? json_number_value(chance) : 1;

	if (!number_read(fault->how, "times", 0, FAULT_TIMES_MAX, 1, &times))
		return "times must be 0 to 1000000000";
	if (!number_read(fault->how, "delay_ms", 0, FAULT_DELAY_MAX_MS, 0,
			 &delay))
		return "delay_ms must be 0 to 600000";
	if (!number_read(fault->how, "status", 200, 599, 0, &status))
		return "status must be 200 to 599";
	if ((chance && !json_is_number(chance)) || !(share >= 0 && share <= 1))
		return "chance must be 0 to 1";
	fault->left = (uint32_t)times;
	fault->delay_ms = (uint32_t)delay;
	fault->status = (int)status;
	fault->chance = (uint32_t)(share * UINT32_MAX);
	return NULL;
}

/* Whether it can stand in a header line. */
static bool is_line(const char *text)
{
	size_t len = 0;

	for (; text && text[len]; len++) {
		if ((unsigned char)text[len] < 0x20 || text[len] == 0x7f)
			return false;
	}
	return len > 0 && len < TEXT_MAX;
}

static const char *headers_read(struct fault *fault)
{
	const json_t *headers = json_object_get(fault->how, "headers");
	const char *name;
	json_t *value;
	size_t n = 0;

	if ((headers && !json_is_object(headers)) ||
	    json_object_size(headers) > FAULT_HEADERS_MAX)
		return "headers must be an object of at most 4 members";
	json_object_foreach((json_t *)headers, name, value)
	{
		if (!is_line(name) || strpbrk(name, " :") ||
		    !is_line(json_string_value(value)))
			return "a header needs a name and a text of one line";
		fault->headers[n++] = name;
		fault->headers[n++] = json_string_value(value);
	}
	return NULL;
}

static const char *answer_read(struct fault *fault)
{
	static const char preset[] = "{\"error\":\"a fault of /demo/faults\"}";
	const json_t *body = json_object_get(fault->how, "body");
	const json_t *mime = json_object_get(fault->how, "content_type");

	fault->mime = mime ? json_string_value(mime) : "application/json";
	if (!is_line(fault->mime))
		return "content_type must be a text of one line";
	if (!body)
		fault->body = strdup(preset);
	else if (json_is_string(body))
		fault->body = strdup(json_string_value(body));
	else
		fault->body = json_dump_line(body, &fault->len);
	if (!fault->body)
		return "out of memory";
	fault->len = strlen(fault->body);
	return headers_read(fault);
}

static const char *cut_read(struct fault *fault)
{
	const char *cut = json_get_text_or(fault->how, "cut", "");

	if (strcmp(cut, "before") == 0)
		fault->cut = CUT_BEFORE;
	else if (strcmp(cut, "after") == 0)
		fault->cut = CUT_AFTER;
	else if (json_object_get(fault->how, "cut"))
		return "cut must be before or after";
	if (!fault->cut && !fault->status && !fault->delay_ms)
		return "one of status, cut and delay_ms is required";
	return NULL;
}

static bool is_known(const char *name)
{
	static const char *const known[] = {
		"endpoint", "workspace_id", "times", "chance",
		"delay_ms", "status",	    "body",  "content_type",
		"headers",  "cut",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i], name) == 0)
			return true;
	}
	return false;
}

/* Reads what was asked for; what is wrong with it, NULL when nothing. */
static const char *fault_read(struct fault *fault)
{
	const char *workspace = json_get_text(fault->how, "workspace_id");
	const char *name, *wrong;
	json_t *value;

	json_object_foreach(fault->how, name, value)
	{
		if (!is_known(name))
			return "unknown member; see faults.h";
	}
	if (!endpoint_read(&fault->endpoint,
			   json_get_text(fault->how, "endpoint")))
		return "no such endpoint; GET /demo/counters names them";
	if (json_object_get(fault->how, "workspace_id") &&
	    !ident_parse(&fault->workspace, workspace))
		return "workspace_id must be a UUID";
	wrong = numbers_read(fault);
	if (!wrong)
		wrong = answer_read(fault);
	return wrong ? wrong : cut_read(fault);
}

static void append(struct fault_list *list, struct fault *fault)
{
	struct fault **at = &list->oldest;

	while (*at)
		at = &(*at)->newer;
	*at = fault;
	list->count++;
}

const char *faults_add(struct fault_list *list, json_t *how)
{
	struct fault *fault = calloc(1, sizeof(*fault));
	const char *wrong = "the body is not a JSON object";

	if (!fault) {
		json_decref(how);
		return "out of memory";
	}
	fault->holders = 1;
	fault->how = how;
	if (how)
		wrong = list->count < FAULTS_MAX ? fault_read(fault)
						 : "there are 64 already";
	if (wrong)
		fault_drop(fault);
	else
		append(list, fault);
	return wrong;
}

void faults_post(struct exchange *x)
{
	struct fault_list *list = &x->platform->faults;
	const char *wrong = faults_add(list, exchange_body(x));

	if (wrong)
		exchange_error(x, 400, wrong);
	else
		exchange_json(x, 201,
			      json_pack("{s:i}", "faults", (int)list->count));
}

void faults_get(struct exchange *x)
{
	const struct fault *fault = x->platform->faults.oldest;
	json_t *list = json_array();

	for (; fault; fault = fault->newer) {
		json_t *json = json_copy(fault->how);

		json_object_set_new(json, "times", json_integer(fault->left));
		json_array_append_new(list, json);
	}
	exchange_json(x, 200,
		      json_pack("{s:o, s:I}", "faults", list, "met",
				(json_int_t)x->platform->faults.met));
}

void faults_delete(struct exchange *x)
{
	faults_free(&x->platform->faults);
	exchange_json(x, 200, json_pack("{s:s}", "status", "taken away"));
}

void faults_free(struct fault_list *list)
{
	while (list->oldest)
		fault_drop(unlink_fault(list, &list->oldest));
}
