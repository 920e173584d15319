// SPDX-License-Identifier: MIT
#include "proto/roles.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "proto/json.h"
#include "proto/text.h"

static const struct {
	const char *name;
	enum roles_right right;
} rights[] = {
	{ "delegate", ROLES_DELEGATE },
	{ "approve", ROLES_APPROVE },
	{ "memory.read", ROLES_MEMORY_READ },
	{ "memory.write", ROLES_MEMORY_WRITE },
};

static const struct {
	const char *name;
	unsigned rights;
} built_in[] = {
	{ "admin", ROLES_ALL },
	{ "operator", ROLES_ALL },
	{ "no-delegation", ROLES_ALL & ~ROLES_DELEGATE },
	{ "no-approval", ROLES_ALL & ~ROLES_APPROVE },
	{ "read-only", ROLES_MEMORY_READ },
	{ "memory-readonly", ROLES_MEMORY_READ },
};

/* A file on its way to a tree. */
struct reader {
	yaml_parser_t yaml;
	unsigned depth, values;
	char *why; /* what is wrong, NULL: nothing, or out of memory */
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void
refuse(struct reader *reader, const char *format, ...)
{
	va_list args;

	if (reader->failed)
		return;
	reader->failed = true;
	va_start(args, format);
	if (vasprintf(&reader->why, format, args) < 0)
		reader->why = NULL;
	va_end(args);
}

/* The next event; false at an error, which is then told. */
static bool next(struct reader *reader, yaml_event_t *event)
{
	const yaml_parser_t *yaml = &reader->yaml;

	if (yaml_parser_parse(&reader->yaml, event))
		return true;
	if (yaml->error == YAML_MEMORY_ERROR)
		reader->failed = true;
	else
		refuse(reader, "line %zu: %s", yaml->problem_mark.line + 1,
		       yaml->problem ? yaml->problem : "not YAML");
	return false;
}

static json_t *read_value(struct reader *reader, yaml_event_t *event);

static json_t *read_list(struct reader *reader)
{
	json_t *list = json_array();
	yaml_event_t event;

	while (list && next(reader, &event)) {
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			return list;
		}
		if (json_array_append_new(list, read_value(reader, &event)) !=
		    0)
			break;
	}
	json_decref(list);
	return NULL;
}

/* The name of a member; "" for what cannot be one here. NULL: failed. */
static json_t *read_key(struct reader *reader, yaml_event_t *event)
{
	json_t *key = read_value(reader, event);

	if (key && !json_is_string(key)) {
		json_decref(key);
		key = json_string("");
	}
	return key;
}

static json_t *read_mapping(struct reader *reader)
{
	json_t *mapping = json_object();
	yaml_event_t event;

	while (mapping && next(reader, &event)) {
		json_t *key;
		int err = -1;

		if (event.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&event);
			return mapping;
		}
		key = read_key(reader, &event);
		if (key && next(reader, &event))
			err = json_object_set_new(mapping,
						  json_string_value(key),
						  read_value(reader, &event));
		json_decref(key);
		if (err)
			break;
	}
	json_decref(mapping);
	return NULL;
}

static json_t *read_scalar(const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;

	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (len == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0))
		return json_null();
	return json_string_clean(text, len);
}

/* The value that an event begins; takes the event. NULL: failed. An alias is
 * a name that no role has, so that it gives nothing. */
static json_t *read_value(struct reader *reader, yaml_event_t *event)
{
	yaml_event_type_t type = event->type;
	json_t *value = NULL;

	if (++reader->values > ROLES_VALUES_MAX ||
	    reader->depth == ROLES_DEPTH_MAX) {
		refuse(reader, "line %zu: it is too deep or too large",
		       event->start_mark.line + 1);
		yaml_event_delete(event);
		return NULL;
	}
	if (type == YAML_SCALAR_EVENT)
		value = read_scalar(event);
	else if (type == YAML_ALIAS_EVENT)
		value = json_string("*alias");
	yaml_event_delete(event);
	reader->depth++;
	if (type == YAML_SEQUENCE_START_EVENT)
		value = read_list(reader);
	else if (type == YAML_MAPPING_START_EVENT)
		value = read_mapping(reader);
	reader->depth--;
	reader->failed |= value == NULL;
	return value;
}

/* The first document; json_null when there is none; NULL: failed. */
static json_t *read_document(struct reader *reader)
{
	yaml_event_t event;

	while (next(reader, &event)) {
		yaml_event_type_t type = event.type;

		if (type == YAML_STREAM_END_EVENT) {
			yaml_event_delete(&event);
			return json_null();
		}
		if (type != YAML_STREAM_START_EVENT &&
		    type != YAML_DOCUMENT_START_EVENT)
			return read_value(reader, &event);
		yaml_event_delete(&event);
	}
	return NULL;
}

const char *roles_right_name(enum roles_right right)
{
	for (size_t i = 0; i < sizeof(rights) / sizeof(*rights); i++)
		if (rights[i].right == right)
			return rights[i].name;
	return "?";
}

static unsigned right_named(const char *name)
{
	for (size_t i = 0; i < sizeof(rights) / sizeof(*rights); i++)
		if (strcmp(rights[i].name, name) == 0)
			return rights[i].right;
	return 0;
}

/* What a role of the file's own gives: names of rights, one or a list. */
static unsigned rights_listed(const json_t *actions)
{
	const json_t *action;
	unsigned given = 0;
	size_t i;

	if (json_is_string(actions))
		return right_named(json_string_value(actions));
	json_array_foreach(actions, i, action)
	{
		if (json_is_string(action))
			given |= right_named(json_string_value(action));
	}
	return given;
}

static bool find_role(const json_t *own, const char *name, unsigned *given)
{
	const json_t *actions = json_object_get(own, name);

	*given = 0;
	if (actions) {
		*given = rights_listed(actions);
		return true;
	}
	for (size_t i = 0; i < sizeof(built_in) / sizeof(*built_in); i++) {
		if (strcmp(built_in[i].name, name) == 0) {
			*given = built_in[i].rights;
			return true;
		}
	}
	return false;
}

static void add_name(struct text *to, const char *name)
{
	text_add(to, to->len > 0 ? ", " : "");
	text_add(to, name);
}

/* Fills in *out from a list of names (borrowed). 0 or -ENOMEM. */
static int take_roles(struct roles *out, const json_t *names, const json_t *own)
{
	struct text all = { 0 }, unknown = { 0 };
	const json_t *name;
	unsigned given;
	size_t i;

	*out = (struct roles){ 0 };
	json_array_foreach(names, i, name)
	{
		const char *text = json_string_value(name);

		if (!find_role(own, text, &given))
			add_name(&unknown, text);
		add_name(&all, text);
		out->rights |= given;
	}
	out->names = text_take(&all);
	if (unknown.len > 0 || unknown.failed) {
		out->unknown = text_take(&unknown);
		if (!out->unknown)
			return -ENOMEM;
	}
	return out->names ? 0 : -ENOMEM;
}

static bool all_strings(const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (!json_is_string(item))
			return false;
	}
	return json_is_array(list);
}

/* What the file says; *why when its shape is wrong. The list is a new
 * reference. */
static json_t *role_names(const json_t *rbac, const char **why)
{
	json_t *roles = json_object_get(rbac, "roles");

	if (json_is_string(roles))
		return json_pack("[O]", roles);
	if (all_strings(roles))
		return json_incref(roles);
	if (roles && !json_is_null(roles))
		*why = "rbac.roles must be a list of names";
	return json_pack("[s]", ROLES_DEFAULT);
}

static int decide(struct roles *out, const json_t *file, const char **why)
{
	const json_t *rbac = json_object_get(file, "rbac");
	const json_t *own = json_object_get(rbac, "allowed_actions");
	json_t *names;
	int err;

	if (!json_is_object(file) && !json_is_null(file))
		*why = "the file must be a mapping";
	else if (rbac && !json_is_object(rbac) && !json_is_null(rbac))
		*why = "rbac must be a mapping";
	else if (own && !json_is_object(own) && !json_is_null(own))
		*why = "rbac.allowed_actions must be a mapping";
	names = role_names(*why ? NULL : rbac, why);
	if (!names)
		return -ENOMEM;
	err = take_roles(out, names, own);
	json_decref(names);
	return err;
}

int roles_read(struct roles *out, const char *text, size_t len, char **why)
{
	struct reader reader = { .depth = 0 };
	const char *fault = NULL;
	json_t *file;
	int err;

	*out = (struct roles){ 0 };
	*why = NULL;
	if (!yaml_parser_initialize(&reader.yaml))
		return -ENOMEM;
	yaml_parser_set_input_string(&reader.yaml, (const unsigned char *)text,
				     len);
	file = read_document(&reader);
	yaml_parser_delete(&reader.yaml);
	if (!file && !reader.why)
		return -ENOMEM;
	err = decide(out, file, &fault);
	json_decref(file);
	*why = reader.why;
	if (err == 0 && fault && !*why)
		*why = strdup(fault);
	if (err == 0 && (fault || reader.why))
		err = *why ? -EBADMSG : -ENOMEM;
	return err;
}

void roles_free(struct roles *roles)
{
	free(roles->names);
	free(roles->unknown);
	*roles = (struct roles){ 0 };
}
