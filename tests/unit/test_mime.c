// SPDX-License-Identifier: MIT
/* MIME types by name: the system's tables, and without them. */
#include "tests/unit/net_fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "app/mime.h"

static char dir[64];

static const char *table(const char *name, const char *text)
{
	static char paths[8][128];
	static unsigned int next;
	char *path = paths[next++ % 8];
	int fd;

	snprintf(path, 128, "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static void expect(struct rt *rt, const struct mime_tables *tables,
		   const char *name, const char *type)
{
	struct mime_file file = { .name = name };

	mime_guess(rt, tables, &file, 1);
	if (!CHECK(strcmp(file.type, type) == 0))
		fprintf(stderr, "%s: %s, not %s\n", name, file.type, type);
}

static int without_tables(struct rt *rt, void *arg)
{
	const struct mime_tables none = { "/nowhere/types", dir };

	(void)arg;
	expect(rt, &none, "a.PDF", "application/pdf");
	expect(rt, &none, "a.b.csv", "text/csv");
	expect(rt, &none, "Makefile", MIME_DEFAULT);
	expect(rt, &none, ".png", MIME_DEFAULT);
	expect(rt, &none, "x.", MIME_DEFAULT);
	expect(rt, &none, "", MIME_DEFAULT);
	return 0;
}

static int tables_count(struct rt *rt, void *arg)
{
	const struct mime_tables tables = {
		table("types", "# comment\n#text/x-no one\n"
			       "text/x-one\tone  uno\n"
			       "text/x-two one two\r\n"
			       "no-type bad\ntext/ bad\n/x bad\n"
			       "text/x-b\"ad bad\na/b/c bad\n"
			       "application/x-pdf pdf\n"
			       "text/x-last last"),
		table("globs", "# comment\n60:text/x-glob:*.glob\n"
			       "50:text/x-late:*.glob\n50:text/x-g:*.one\n"
			       "50:text/x-name:makefile\n50:bad:*.bad\n"
			       "50:text/x-flag:*.flag:cs\nrubbish\n:::\n"),
	};

	(void)arg;
	expect(rt, &tables, "a.one", "text/x-one");
	expect(rt, &tables, "a.UNO", "text/x-one");
	expect(rt, &tables, "a.two", "text/x-two");
	expect(rt, &tables, "a.pdf", "application/x-pdf");
	expect(rt, &tables, "a.last", "text/x-last");
	expect(rt, &tables, "a.glob", "text/x-glob");
	expect(rt, &tables, "a.flag", "text/x-flag");
	expect(rt, &tables, "a.bad", MIME_DEFAULT);
	expect(rt, &tables, "makefile", MIME_DEFAULT);
	expect(rt, &tables, "a.png", "image/png");
	return 0;
}

static int several_at_once(struct rt *rt, void *arg)
{
	const struct mime_tables tables = {
		table("types", "text/x-one one\n"),
		table("globs", "50:text/x-two:*.two\n"),
	};
	struct mime_file files[] = {
		{ .name = "1.one" }, { .name = "none" },  { .name = "2.two" },
		{ .name = "3.one" }, { .name = "4.zip" },
	};

	(void)arg;
	mime_guess(rt, &tables, files, 5);
	CHECK(strcmp(files[0].type, "text/x-one") == 0);
	CHECK(strcmp(files[1].type, MIME_DEFAULT) == 0);
	CHECK(strcmp(files[2].type, "text/x-two") == 0);
	CHECK(strcmp(files[3].type, "text/x-one") == 0);
	CHECK(strcmp(files[4].type, "application/zip") == 0);
	return 0;
}

/* A table of many pieces, one without lines, one that is endless, a pipe. */
static int strange_tables(struct rt *rt, void *arg)
{
	size_t size = 300000;
	char *text = malloc(size + 64);
	char fifo[128];
	size_t len = 0;

	(void)arg;
	while (len < size)
		len += (size_t)sprintf(text + len, "text/x-%zu e%zu\n", len,
				       len);
	strcpy(text + len, "text/x-end end\n");
	expect(rt,
	       &(struct mime_tables){ table("types", text), "/nowhere/globs" },
	       "a.end", "text/x-end");
	memset(text, 'x', size);
	text[size] = '\0';
	expect(rt,
	       &(struct mime_tables){ table("types", text), "/nowhere/globs" },
	       "a.end", MIME_DEFAULT);
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	CHECK_EQ(mkfifo(fifo, 0600), 0);
	expect(rt, &(struct mime_tables){ fifo, "/dev/zero" }, "a.end",
	       MIME_DEFAULT);
	unlink(fifo);
	free(text);
	return 0;
}

/* Whatever this system has, the common types are right. */
static int on_this_system(struct rt *rt, void *arg)
{
	(void)arg;
	expect(rt, &mime_system_tables, "a.png", "image/png");
	expect(rt, &mime_system_tables, "a.JPG", "image/jpeg");
	expect(rt, &mime_system_tables, "a.txt", "text/plain");
	return 0;
}

#define TEST(name)                                                             \
	static void test_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		in_runtime(name, NULL);                                        \
	}

TEST(without_tables)
TEST(tables_count)
TEST(several_at_once)
TEST(strange_tables)
TEST(on_this_system)

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/molecule-mime-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/types", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/globs", dir);
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_tables),
		cmocka_unit_test(test_tables_count),
		cmocka_unit_test(test_several_at_once),
		cmocka_unit_test(test_strange_tables),
		cmocka_unit_test(test_on_this_system),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
