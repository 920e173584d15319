// SPDX-License-Identifier: MIT
/* The variables and what follows from them; CONNECT is in proxy_connect.c. */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SPACES " \t\r\n\v\f"
#define ENTRY_SIZE (URL_HOST_MAX + 32) /* of NO_PROXY, the NUL included */

/* --- Reading --- */

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

/* A variable under its two names; `upper` may be NULL. */
struct names {
	const char *lower, *upper;
};

/* A trimmed copy of the variable, NULL when unset or blank; *name is which of
 * the two names it came from. */
static char *take(struct names names, proxy_env_fn env, void *arg,
		  const char **name, int *err)
{
	const char *value = env(arg, names.lower);
	*name = names.lower;
	if (!value && names.upper) {
		value = env(arg, names.upper);
		*name = names.upper;
	}
	if (!value)
		return NULL;
	value += strspn(value, SPACES);
	size_t len = strnlen(value, PROXY_NO_PROXY_MAX);
	while (len && strchr(SPACES, value[len - 1]))
		len--;
	if (!len)
		return NULL;
	char *copy = strndup(value, len);
	if (!copy)
		*err = -ENOMEM;
	return copy;
}

/* --- Credentials --- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes up to `end` in place of `out`; a % without two digits stands for
 * itself. Returns the end of what was written. */
static char *decode(char *out, const char *text, const char *end)
{
	while (text < end) {
		bool coded = *text == '%' && end - text > 2 &&
			     hex(text[1]) >= 0 && hex(text[2]) >= 0;
		*out++ = coded ? (char)(hex(text[1]) * 16 + hex(text[2]))
			       : *text;
		text += coded ? 3 : 1;
	}
	return out;
}

/* RFC 4648 section 4. Returns the end of what was written. */
static char *base64(char *out, const char *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789+/";
	for (size_t i = 0; i < len; i += 3) {
		uint32_t bits = 0;
		for (size_t j = i; j < i + 3; j++)
			bits = bits << 8 |
			       (j < len ? (unsigned char)data[j] : 0);
		*out++ = digits[bits >> 18];
		*out++ = digits[bits >> 12 & 63];
		*out++ = i + 1 < len ? digits[bits >> 6 & 63] : '=';
		*out++ = i + 2 < len ? digits[bits & 63] : '=';
	}
	return out;
}

/* What Basic cannot carry (RFC 7617 section 2). */
static const char *check_plain(const char *plain, const char *colon,
			       const char *end)
{
	if (end - plain > PROXY_CREDENTIALS_MAX)
		return "its user name and password are too long";
	if (memchr(plain, ':', (size_t)(colon - plain)))
		return "its user name has a colon in it";
	for (; plain < end; plain++)
		if ((unsigned char)*plain < ' ' || *plain == 0x7f)
			return "its user name or password has a control"
			       " character in it";
	return NULL;
}

/* Makes the Authorization of `len` bytes "user" or "user:password". */
static int set_credentials(struct proxy *proxy, const char *text, size_t len)
{
	static const char scheme[] = "Basic ";
	const char *colon = memchr(text, ':', len);
	const char *end = text + len;
	size_t room = (len + 3) / 3 * 4 + sizeof(scheme);
	char *plain = malloc(len + 1);
	char *coded = malloc(room);
	if (!plain || !coded) {
		free(plain);
		free(coded);
		return -ENOMEM;
	}
	char *middle = decode(plain, text, colon ? colon : end);
	char *last = middle;
	*last++ = ':';
	if (colon)
		last = decode(last, colon + 1, end);
	proxy->fault = check_plain(plain, middle, last);
	memcpy(coded, scheme, sizeof(scheme) - 1);
	*base64(coded + sizeof(scheme) - 1, plain, (size_t)(last - plain)) =
		'\0';
	proxy->authorization = coded;
	explicit_bzero(plain, len + 1);
	free(plain);
	return 0;
}

/* --- One proxy --- */

/* Sets *rest to what follows "http://", or says what is wrong. */
static const char *check_scheme(const char *text, const char **rest)
{
	const char *mark = strstr(text, "://");
	*rest = mark ? mark + 3 : text;
	if (!mark || strncasecmp(text, "http://", 7) == 0)
		return NULL;
	if (strncasecmp(text, "socks", 5) == 0)
		return "it is a SOCKS proxy, and only http:// ones are"
		       " supported";
	if (strncasecmp(text, "https://", 8) == 0)
		return "it is to be spoken to by TLS, and only http:// proxies"
		       " are supported (TLS with the platform goes through"
		       " those unread)";
	return "it is not an http:// proxy, and only those are supported";
}

/* What taking an address apart needs; too much for a stack. */
struct scratch {
	struct url url;
	char text[URL_MAX];
};

/* Takes host[:port][/] apart. */
static const char *set_address(struct proxy *proxy, struct scratch *scratch,
			       const char *text)
{
	const char *why;
	int len = snprintf(scratch->text, sizeof(scratch->text), "http://%s",
			   text);
	if (len < 0 || (size_t)len >= sizeof(scratch->text))
		return "it is too long";
	if (url_parse(&scratch->url, scratch->text, &why) < 0)
		return why;
	if (*scratch->url.path)
		return "it has a path";
	memcpy(proxy->host, scratch->url.host, sizeof(proxy->host));
	proxy->port = scratch->url.port;
	return NULL;
}

static int parse(struct proxy *proxy, const char *text)
{
	const char *rest;
	proxy->fault = check_scheme(text, &rest);
	if (proxy->fault)
		return 0;
	/* A password may have an @ in it that nobody has encoded. */
	const char *at = memrchr(rest, '@', strcspn(rest, "/?#"));
	if (at && at - rest > URL_MAX)
		proxy->fault = "it is too long";
	else if (at && at > rest &&
		 set_credentials(proxy, rest, (size_t)(at - rest)) < 0)
		return -ENOMEM;
	if (proxy->fault)
		return 0;
	struct scratch *scratch = malloc(sizeof(*scratch));
	if (!scratch)
		return -ENOMEM;
	proxy->fault = set_address(proxy, scratch, at ? at + 1 : rest);
	/* With a slash in a password, part of it may have got there. */
	explicit_bzero(scratch, sizeof(*scratch));
	free(scratch);
	return 0;
}

int proxy_read(struct proxy_options *options, proxy_env_fn env, void *arg)
{
	static const struct names https = { "https_proxy", "HTTPS_PROXY" };
	static const struct names http = { "http_proxy", "HTTP_PROXY" };
	static const struct names http_cgi = { "http_proxy", NULL };
	static const struct names all = { "all_proxy", "ALL_PROXY" };
	static const struct names none = { "no_proxy", "NO_PROXY" };
	const char *name, *all_name;
	int err = 0;
	*options = (struct proxy_options){ 0 };
	char *any = take(all, env, arg, &all_name, &err);
	bool cgi = env(arg, "REQUEST_METHOD") != NULL;
	char *value = take(cgi ? http_cgi : http, env, arg, &name, &err);
	if (value || any)
		options->http = value ? name : all_name;
	wipe(value);
	options->direct = take(none, env, arg, &name, &err);
	value = take(https, env, arg, &name, &err);
	if (value || any) {
		options->https.variable = value ? name : all_name;
		int failed = parse(&options->https, value ? value : any);
		err = failed ? failed : err;
	}
	wipe(value);
	wipe(any);
	return err;
}

void proxy_options_free(struct proxy_options *options)
{
	wipe(options->https.authorization);
	free(options->direct);
	*options = (struct proxy_options){ 0 };
}

/* --- Deciding --- */

struct address {
	int family; /* 0: not a literal */
	unsigned char bytes[16];
	int bits;
};

static struct address literal(const char *text)
{
	struct address a = { 0 };
	if (inet_pton(AF_INET, text, a.bytes) == 1) {
		a.family = AF_INET;
		a.bits = 32;
	} else if (inet_pton(AF_INET6, text, a.bytes) == 1) {
		a.family = AF_INET6;
		a.bits = 128;
	}
	return a;
}

/* Whether the host is a literal in the network, of which `bits` count. */
static bool in_network(const char *host, const struct address *network,
		       int bits)
{
	struct address a = literal(host);
	size_t whole = (size_t)bits / 8;
	unsigned int rest = (unsigned int)bits % 8;
	if (a.family != network->family)
		return false;
	if (memcmp(a.bytes, network->bytes, whole) != 0)
		return false;
	return rest == 0 ||
	       (a.bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0;
}

/* A decimal number up to `max` and nothing else; -1 else. */
static int number(const char *text, int max)
{
	int value = 0;
	if (!*text)
		return -1;
	for (; *text >= '0' && *text <= '9' && value <= max; text++)
		value = value * 10 + (*text - '0');
	return *text || value > max ? -1 : value;
}

/* Cuts ":port" and brackets off an entry, in place. Returns its host, NULL
 * when it is none; *port is 0 without one. */
static char *split_port(char *entry, int *port)
{
	char *colon = strchr(entry, ':');
	*port = 0;
	if (*entry == '[') {
		char *end = strchr(entry++, ']');
		if (!end || (end[1] && end[1] != ':'))
			return NULL;
		colon = end[1] ? end + 1 : NULL;
		*end = '\0';
	} else if (colon && strchr(colon + 1, ':')) {
		return entry; /* an IPv6 literal as it is */
	}
	if (!colon)
		return entry;
	*port = colon[1] ? number(colon + 1, UINT16_MAX) : 0;
	bool bad = colon[1] && *port <= 0;
	*colon = '\0';
	return bad ? NULL : entry;
}

/* Whether the host has this name or (unless `exact`) one under it; under it
 * only, if the name begins with a dot. A star before it takes `exact` away. */
static bool name_matches(const char *name, const char *host, bool exact)
{
	size_t host_len = strlen(host);
	size_t len;
	if (*name == '*') {
		name++;
		exact = false;
	}
	len = strlen(name);
	if (host_len && host[host_len - 1] == '.')
		host_len--; /* the root's */
	if (len == 0 || len > host_len)
		return false;
	if (strncasecmp(host + host_len - len, name, len) != 0)
		return false;
	if (*name == '.')
		return host_len > len;
	return host_len == len || (!exact && host[host_len - len - 1] == '.');
}

/* Whether an entry that begins with "SCHEME://" is for such a URL. */
static bool scheme_matches(const char *scheme, const struct url *url)
{
	return !*scheme || strcasecmp(scheme, "all") == 0 ||
	       strcasecmp(scheme, url->https ? "https" : "http") == 0;
}

static bool entry_matches(char *entry, const struct url *url)
{
	char *mark = strstr(entry, "://");
	if (mark) {
		*mark = '\0';
		if (!scheme_matches(entry, url))
			return false;
		entry = mark + 3;
	}
	/* A network, or a path that means nothing. */
	char *slash = strchr(entry, '/');
	int bits = slash ? number(slash + 1, 128) : -1;
	if (slash)
		*slash = '\0';
	int port;
	entry = split_port(entry, &port);
	if (!entry || (port && port != url->port))
		return false;
	if ((mark || port) && (!*entry || strcmp(entry, "*") == 0))
		return true;
	struct address address = literal(entry);
	if (address.family)
		return in_network(
			url->host, &address,
			bits >= 0 && bits < address.bits ? bits : address.bits);
	return name_matches(entry, url->host, mark != NULL);
}

static bool goes_direct(const struct proxy_options *options,
			const struct url *url)
{
	static const char separators[] = "," SPACES;
	const char *list = options->direct ? options->direct : "";
	char entry[ENTRY_SIZE];
	size_t len;
	for (; *list; list += len) {
		list += strspn(list, separators);
		len = strcspn(list, separators);
		if (len == 0 || len >= sizeof(entry))
			continue;
		memcpy(entry, list, len);
		entry[len] = '\0';
		if (strcmp(entry, "*") == 0 || entry_matches(entry, url))
			return true;
	}
	return false;
}

const struct proxy *proxy_for(const struct proxy_options *options,
			      const struct url *url)
{
	if (!url->https || !options->https.variable ||
	    goes_direct(options, url))
		return NULL;
	return &options->https;
}

static bool is_loopback(const char *host)
{
	static const struct address four = { AF_INET, { 127 }, 8 };
	static const struct address six = { AF_INET6, { [15] = 1 }, 128 };
	return name_matches("localhost", host, false) ||
	       in_network(host, &four, four.bits) ||
	       in_network(host, &six, six.bits);
}

const char *proxy_unused(const struct proxy_options *options,
			 const struct url *url)
{
	if (url->https || is_loopback(url->host) || goes_direct(options, url))
		return NULL;
	return options->http;
}
