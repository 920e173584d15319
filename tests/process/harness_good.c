// SPDX-License-Identifier: MIT
#include "harness_fake.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 100
#define PAGE_MAX 500

const char *row_id(int n, char out[40])
{
	snprintf(out, 40, "00000000-0000-4000-8000-%012d", n);
	return out;
}

void fake_row(struct fake *f, const char *fmt, ...)
{
	json_t *row;
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = quoted_new(fmt, ap);
	va_end(ap);
	row = json_loads(text, JSON_DECODE_ANY, NULL);
	if (!row)
		fail_msg("the test's row is no JSON: %s", text);
	free(text);
	pthread_mutex_lock(&f->lock);
	json_array_append_new(f->rows, row);
	pthread_mutex_unlock(&f->lock);
}

void fake_message(struct fake *f, int n, const char *source, const char *text)
{
	char id[40];
	char *from = source ? text_new("\"%s\"", source) : text_new("null");

	fake_row(f,
		 "{'id':'%s','workspace_id':'" WS_ID "',"
		 "'activity_type':'a2a_receive','source_id':%s,"
		 "'target_id':'" WS_ID "','method':'message/send',"
		 "'summary':'summary %d','duration_ms':null,'status':'ok',"
		 "'error_detail':null,"
		 "'created_at':'2026-05-01T10:00:00.%06dZ',"
		 "'request_body':{'jsonrpc':'2.0','id':'x',"
		 "'method':'message/send','params':{'message':{"
		 "'role':'user','messageId':'m-%d',"
		 "'parts':[{'kind':'text','text':'%s'}]}}}}",
		 row_id(n, id), from, n, n, n, text);
	free(from);
}

/* Value of a query parameter, in buf; NULL if not there. */
static const char *query_value(const char *query, const char *name, char *buf,
			       size_t size)
{
	size_t len = strlen(name);

	for (const char *p = query; p; p = strchr(p, '&')) {
		if (*p == '&')
			p++;
		if (!strncmp(p, name, len) && p[len] == '=') {
			p += len + 1;
			snprintf(buf, size, "%.*s", (int)strcspn(p, "&"), p);
			return buf;
		}
	}
	return NULL;
}

static bool is_uuid(const char *s)
{
	return strlen(s) == 36 && strspn(s, "0123456789abcdefABCDEF-") == 36;
}

static int index_of(const json_t *rows, const char *id)
{
	size_t n = json_array_size(rows);

	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(rows, i);
		const char *is = json_string_value(json_object_get(row, "id"));

		if (is && !strcmp(is, id))
			return (int)i;
	}
	return -1;
}

/* Rows in a page, as the query asks for. */
static int page_asked(const char *query)
{
	char text[32];
	int n = 0;

	if (query_value(query, "limit", text, sizeof text))
		n = atoi(text);
	if (n <= 0)
		return PAGE;
	return n > PAGE_MAX ? PAGE_MAX : n;
}

/* The rows of the list that the request is for. */
static json_t *rows_of(struct fake *f, const struct request *r)
{
	bool broadcasts = strstr(r->query, BROADCAST_TYPE) != NULL;
	json_t *rows = json_array();
	size_t i;
	json_t *row;

	json_array_foreach(f->rows, i, row)
	{
		const char *type = json_string_value(
			json_object_get(row, "activity_type"));

		if ((type && !strcmp(type, "broadcast_receive")) == broadcasts)
			json_array_append(rows, row);
	}
	return rows;
}

/* The rows that a poll gets: the contract's order and page size. */
static struct answer good_activity(struct fake *f, const struct request *r)
{
	json_t *rows = rows_of(f, r);
	int count = (int)json_array_size(rows);
	int page_size = page_asked(r->query);
	struct answer a = { .status = 200 };
	json_t *page = json_array();
	char id[256];
	int at;

	if (!query_value(r->query, "since_id", id, sizeof id)) {
		for (int i = count; i-- > 0 && count - i <= page_size;)
			json_array_append(page,
					  json_array_get(rows, (size_t)i));
	} else if (!is_uuid(id)) {
		a.status = 500;
		a.body = strdup("{\"error\":\"cursor lookup failed\"}");
	} else if ((at = index_of(rows, id)) < 0) {
		a.status = 410;
		a.body = strdup("{\"error\":\"cursor is gone\"}");
	} else {
		for (int i = at + 1; i < count && i - at <= page_size; i++)
			json_array_append(page,
					  json_array_get(rows, (size_t)i));
	}
	if (!a.body)
		a.body = json_dumps(page, JSON_COMPACT);
	json_decref(page);
	json_decref(rows);
	return a;
}

/* One entry for each file part of the form. */
static struct answer good_upload(const struct request *r)
{
	json_t *files = json_array();
	struct answer a = { .status = 200 };
	const char *end = r->body + r->body_len;
	const char *p = r->body;
	json_t *whole;
	int n = 0;

	while ((p = memmem(p, (size_t)(end - p), "name=\"files\"", 12))) {
		const char *name = strstr(p, "filename=\"");
		char file[256] = "?";

		if (name)
			snprintf(file, sizeof file, "%.*s",
				 (int)strcspn(name + 10, "\""), name + 10);
		json_array_append_new(
			files, json_pack("{s:o,s:s,s:s,s:i}", "uri",
					 json_sprintf("platform-pending:" WS_ID
						      "/file-%d",
						      ++n),
					 "name", file, "mimeType", "text/plain",
					 "size", 5));
		p += 12;
	}
	whole = json_pack("{s:o}", "files", files);
	a.body = json_dumps(whole, JSON_COMPACT);
	json_decref(whole);
	return a;
}

struct good {
	const char *method, *pattern;
	int status;
	const char *body;
};

static const struct good goods[] = {
	{ "POST", REGISTER, 200,
	  "{'status':'registered','delivery_mode':'poll'}" },
	{ "POST", HEARTBEAT, 200, "{'status':'ok'}" },
	{ "POST", "/workspaces/*/activity", 200, "{'status':'logged'}" },
	{ "GET", "/health", 200, "{'status':'ok'}" },
	{ "POST", "/workspaces/*/notify", 200, "{'status':'sent'}" },
	{ "GET", "/registry/discover/*", 200,
	  "{'id':'" PEER_ID "','url':'http://peer.invalid','name':'Peer'}" },
	{ "GET", "/registry/*/peers", 200,
	  "[{'id':'" PEER_ID "','name':'Peer','role':'tester','tier':1,"
	  "'status':'online','url':'','parent_id':null,'active_tasks':0,"
	  "'agent_card':null}]" },
	{ "GET", "/workspaces/*", 200,
	  "{'id':'" WS_ID "','name':'Mine','status':'online'}" },
	{ "POST", "/workspaces/*/a2a", 200,
	  "{'jsonrpc':'2.0','id':'x','result':{'role':'agent','parts':["
	  "{'kind':'text','text':'the peer answers'}]}}" },
	{ "POST", "/workspaces/*/delegate", 202,
	  "{'delegation_id':'d-1','status':'delegated',"
	  "'target_id':'" PEER_ID "'}" },
	{ "GET", "/workspaces/*/delegations", 200, "[]" },
	{ "POST", "/workspaces/*/memories", 201,
	  "{'id':'mem-1','scope':'LOCAL','namespace':'n'}" },
	{ "GET", "/workspaces/*/memories", 200, "[]" },
};

struct answer fake_good_answer(struct fake *f, const struct request *r)
{
	struct answer a = { .status = 404 };

	if (!strcmp(r->method, "GET") &&
	    (!fnmatch("/workspaces/*/activity", r->path, FNM_PATHNAME) ||
	     !fnmatch("/workspaces/*/activity/" BROADCAST_TYPE, r->path,
		      FNM_PATHNAME)))
		return good_activity(f, r);
	if (!strcmp(r->method, "POST") &&
	    !fnmatch("/workspaces/*/chat/uploads", r->path, FNM_PATHNAME))
		return good_upload(r);
	a.body = strdup("{\"error\":\"not found\"}");
	for (size_t i = 0; i < sizeof goods / sizeof *goods; i++) {
		const struct good *g = &goods[i];

		if (strcmp(r->method, g->method) ||
		    fnmatch(g->pattern, r->path, FNM_PATHNAME))
			continue;
		free((void *)a.body);
		a.status = g->status;
		a.body = strdup(g->body);
		for (char *p = (char *)a.body; *p; p++)
			if (*p == '\'')
				*p = '"';
		break;
	}
	return a;
}
