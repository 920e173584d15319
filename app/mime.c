// SPDX-License-Identifier: MIT
#include "app/mime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "runtime/io.h"

/* A longer line says nothing. */
#define PIECE_MAX 8192u

const struct mime_tables mime_system_tables = {
	.types = "/etc/mime.types",
	.globs = "/usr/share/mime/globs2",
};

/* For systems without tables. */
static const struct {
	const char *ending, *type;
} common[] = {
	{ "csv", "text/csv" },
	{ "css", "text/css" },
	{ "gif", "image/gif" },
	{ "gz", "application/gzip" },
	{ "htm", "text/html" },
	{ "html", "text/html" },
	{ "jpeg", "image/jpeg" },
	{ "jpg", "image/jpeg" },
	{ "js", "text/javascript" },
	{ "json", "application/json" },
	{ "m4a", "audio/mp4" },
	{ "md", "text/markdown" },
	{ "mov", "video/quicktime" },
	{ "mp3", "audio/mpeg" },
	{ "mp4", "video/mp4" },
	{ "ogg", "audio/ogg" },
	{ "pdf", "application/pdf" },
	{ "png", "image/png" },
	{ "svg", "image/svg+xml" },
	{ "tar", "application/x-tar" },
	{ "tif", "image/tiff" },
	{ "tiff", "image/tiff" },
	{ "txt", "text/plain" },
	{ "wav", "audio/x-wav" },
	{ "webm", "video/webm" },
	{ "webp", "image/webp" },
	{ "xml", "text/xml" },
	{ "zip", "application/zip" },
	{ "docx",
	  "application/vnd.openxmlformats-officedocument.wordprocessingml."
	  "document" },
	{ "pptx",
	  "application/vnd.openxmlformats-officedocument.presentationml."
	  "presentation" },
	{ "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml."
		  "sheet" },
};

/* What is still to be found out. */
struct search {
	struct mime_file *files;
	size_t count;
	size_t open; /* files without a type that have an extension */
};

typedef void (*line_fn)(struct search *search, char *line);

/* The extension of a name; NULL when it has none. */
static const char *extension(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && dot[1] != '\0' ? dot + 1 : NULL;
}

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || strchr("!#$&-^_.+", c);
}

/* "type/subtype" and nothing else: it becomes part of a header. */
static bool is_type(const char *text)
{
	size_t slashes = 0;
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '/')
			slashes++;
		else if (!is_token(text[i]))
			return false;
	}
	return slashes == 1 && *text != '/' && text[len - 1] != '/' &&
	       len <= MIME_TYPE_MAX;
}

/* Files with this ending that have no type get this one. */
static void found(struct search *search, const char *ending, const char *type)
{
	for (size_t i = 0; i < search->count; i++) {
		struct mime_file *file = &search->files[i];
		const char *own = extension(file->name);

		if (file->type[0] != '\0' || !own ||
		    strcasecmp(own, ending) != 0)
			continue;
		snprintf(file->type, sizeof(file->type), "%s", type);
		search->open--;
	}
}

/* text/plain	txt asc */
static void types_line(struct search *search, char *line)
{
	static const char space[] = " \t\r";
	char *rest;
	const char *type = strtok_r(line, space, &rest);
	const char *ending;

	if (!type || !is_type(type))
		return;
	while ((ending = strtok_r(NULL, space, &rest)) != NULL)
		found(search, ending, type);
}

/* 50:text/plain:*.txt, maybe with a further field of flags. */
static void globs_line(struct search *search, char *line)
{
	char *rest;
	const char *weight = strtok_r(line, ":", &rest);
	const char *type = strtok_r(NULL, ":", &rest);
	const char *glob = strtok_r(NULL, ":\r", &rest);

	if (weight && type && glob && is_type(type) &&
	    strncmp(glob, "*.", 2) == 0)
		found(search, glob + 2, type);
}

/* Goes through the whole lines in buf; returns how many bytes they take. */
static size_t whole_lines(struct search *search, line_fn line, char *buf,
			  size_t len)
{
	char *at = buf;
	char *end;

	while (search->open > 0 &&
	       (end = memchr(at, '\n', len - (size_t)(at - buf))) != NULL) {
		*end = '\0';
		if (*at != '#')
			line(search, at);
		at = end + 1;
	}
	return (size_t)(at - buf);
}

static void read_lines(struct rt *rt, int fd, struct search *search,
		       line_fn line, char *buf)
{
	size_t kept = 0;
	ssize_t n;

	for (size_t total = 0; search->open > 0 && total < MIME_TABLE_MAX;
	     total += (size_t)n) {
		size_t used;

		n = io_read(rt, fd, buf + kept, PIECE_MAX - kept,
			    DEADLINE_NEVER);
		if (n == 0) {
			buf[kept] = '\n'; /* the last line may have none */
			whole_lines(search, line, buf, kept + 1);
		}
		if (n <= 0)
			return;
		used = whole_lines(search, line, buf, kept + (size_t)n);
		kept = kept + (size_t)n - used;
		if (kept == PIECE_MAX)
			return; /* this is no such table */
		memmove(buf, buf + used, kept);
	}
}

static void search_table(struct rt *rt, const char *path, struct search *search,
			 line_fn line)
{
	struct stat st;
	char *buf;
	int fd;

	if (search->open == 0)
		return;
	fd = io_openat(rt, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
		       DEADLINE_NEVER);
	if (fd < 0)
		return;
	buf = malloc(PIECE_MAX + 1);
	if (buf && io_fstat(rt, fd, &st) == 0 && S_ISREG(st.st_mode))
		read_lines(rt, fd, search, line, buf);
	free(buf);
	io_close(rt, fd);
}

void mime_guess(struct rt *rt, const struct mime_tables *tables,
		struct mime_file *files, size_t count)
{
	struct search search = { .files = files, .count = count };

	for (size_t i = 0; i < count; i++) {
		files[i].type[0] = '\0';
		search.open += extension(files[i].name) != NULL;
	}
	search_table(rt, tables->types, &search, types_line);
	search_table(rt, tables->globs, &search, globs_line);
	for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++)
		found(&search, common[i].ending, common[i].type);
	for (size_t i = 0; i < count; i++)
		if (files[i].type[0] == '\0')
			memcpy(files[i].type, MIME_DEFAULT,
			       sizeof(MIME_DEFAULT));
}
