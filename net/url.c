// SPDX-License-Identifier: MIT
#include "net/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* RFC 1035 section 2.3.4. */
#define LABEL_MAX 63

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_hex(char c)
{
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
}

static bool is_alnum(char c)
{
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* Whether text begins with `prefix` (in lower case), whatever its case. */
static bool begins(const char *text, const char *prefix)
{
	for (; *prefix; text++, prefix++)
		if (lower(*text) != *prefix)
			return false;
	return true;
}

/* Things that are wrong wherever they stand. */
static const char *check_text(const char *text)
{
	if (strlen(text) >= URL_MAX)
		return "it is longer than 2047 characters";
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c <= ' ')
			return "it has a space or a control character in it";
		if (c >= 0x7f)
			return "it has characters that must be written as %XX,"
			       " or a host name that must be written in its"
			       " xn-- form";
	}
	return NULL;
}

/* After "http": sets the scheme, *rest is what follows "://". */
static const char *parse_scheme(struct url *url, const char *text,
				const char **rest)
{
	url->https = begins(text, "https://");
	if (!url->https && !begins(text, "http://"))
		return "it must begin with http:// or https://";
	*rest = strchr(text, '/') + 2;
	url->port = url->https ? 443 : 80;
	return NULL;
}

/* ":port" up to the end of the authority; an empty port is the default one. */
static const char *parse_port(struct url *url, const char *text, size_t len)
{
	uint32_t port = 0;
	if (len == 0)
		return NULL;
	if (text[0] != ':')
		return "there is something other than a port after its host";
	if (len == 1)
		return NULL;
	for (size_t i = 1; i < len; i++) {
		if (!is_digit(text[i]))
			return "its port is not a number";
		port = port * 10 + (uint32_t)(text[i] - '0');
		if (port > UINT16_MAX)
			return "its port is above 65535";
	}
	if (port == 0)
		return "its port is 0";
	url->port = (uint16_t)port;
	return NULL;
}

/* Labels of letters, digits, '-' and '_'; a trailing dot is fine. */
static const char *check_name(const char *host)
{
	const char *label = host;
	while (*label) {
		size_t len = strcspn(label, ".");
		if (len == 0)
			return "its host name has an empty part";
		if (len > LABEL_MAX)
			return "a part of its host name is longer than 63";
		for (size_t i = 0; i < len; i++)
			if (!is_alnum(label[i]) && label[i] != '-' &&
			    label[i] != '_')
				return "its host name has a character that"
				       " host names do not have";
		label += len;
		if (*label == '.')
			label++;
	}
	return NULL;
}

/* A name whose last label is a number is an IPv4 literal or a mistake: left
 * to itself the C library would read 127.1 or 0x7f000001 as an address. */
static const char *check_literal4(const char *host)
{
	struct in_addr addr;
	const char *last = strrchr(host, '.');
	last = last ? last + 1 : host;
	if (!is_digit(*last))
		return NULL;
	bool hex = last[0] == '0' && lower(last[1]) == 'x';
	if (!hex && last[strspn(last, "0123456789")] != '\0')
		return NULL;
	if (inet_pton(AF_INET, host, &addr) != 1)
		return "its host looks like an IPv4 address but is none";
	return NULL;
}

static const char *parse_host6(struct url *url)
{
	struct in6_addr addr;
	url->literal6 = true;
	if (strchr(url->host, '%'))
		return "IPv6 zones (%eth0) are not supported";
	if (inet_pton(AF_INET6, url->host, &addr) != 1)
		return "the text in brackets is not an IPv6 address";
	return NULL;
}

static const char *copy_host(struct url *url, const char *text, size_t len)
{
	if (len == 0)
		return "it has no host";
	if (len > URL_HOST_MAX)
		return "its host name is longer than 255";
	for (size_t i = 0; i < len; i++)
		url->host[i] = lower(text[i]);
	url->host[len] = '\0';
	return NULL;
}

static const char *parse_authority(struct url *url, const char *text,
				   size_t len)
{
	const char *why;
	if (memchr(text, '@', len))
		return "it has a user name or password in it (remove all up"
		       " to the @)";
	if (text[0] == '[') {
		const char *end = memchr(text, ']', len);
		if (!end)
			return "the bracket of its IPv6 address is not closed";
		size_t host_len = (size_t)(end - text) - 1;
		why = copy_host(url, text + 1, host_len);
		why = why ? why : parse_host6(url);
		return why ? why : parse_port(url, end + 1, len - host_len - 2);
	}
	const char *colon = memchr(text, ':', len);
	size_t host_len = colon ? (size_t)(colon - text) : len;
	if (colon && memchr(colon + 1, ':', len - host_len - 1))
		return "an IPv6 address must stand in brackets";
	why = copy_host(url, text, host_len);
	why = why ? why : check_name(url->host);
	why = why ? why : check_literal4(url->host);
	return why ? why : parse_port(url, text + host_len, len - host_len);
}

static bool is_dots(const char *segment, size_t len)
{
	return (len == 1 && segment[0] == '.') ||
	       (len == 2 && segment[0] == '.' && segment[1] == '.');
}

/* pchar and '/' (RFC 3986 section 3.3). */
static const char *check_path(const char *path)
{
	for (const char *c = path; *c; c++) {
		if (*c == '%' && !(is_hex(c[1]) && is_hex(c[2])))
			return "its path has a % without two hex digits";
		if (*c == '/' && is_dots(c + 1, strcspn(c + 1, "/")))
			return "its path has . or .. in it";
		if (!is_alnum(*c) && !strchr("/%-._~!$&'()*+,;=:@", *c))
			return "its path has a character that must be written"
			       " as %XX";
	}
	return NULL;
}

static const char *parse_path(struct url *url, const char *text)
{
	size_t len = strlen(text);
	if (strchr(text, '?'))
		return "it has a query (remove the ? and what follows)";
	if (strchr(text, '#'))
		return "it has a fragment (remove the # and what follows)";
	while (len && text[len - 1] == '/')
		len--;
	memcpy(url->path, text, len);
	url->path[len] = '\0';
	return check_path(url->path);
}

static void write_authority(struct url *url)
{
	const char *open = url->literal6 ? "[" : "";
	const char *close = url->literal6 ? "]" : "";
	if (url->port == (url->https ? 443 : 80))
		(void)snprintf(url->authority, sizeof(url->authority), "%s%s%s",
			       open, url->host, close);
	else
		(void)snprintf(url->authority, sizeof(url->authority),
			       "%s%s%s:%u", open, url->host, close, url->port);
}

int url_parse(struct url *url, const char *text, const char **why)
{
	const char *rest = "";
	*url = (struct url){ 0 };
	const char *wrong = check_text(text);
	wrong = wrong ? wrong : parse_scheme(url, text, &rest);
	size_t len = strcspn(rest, "/?#\\");
	wrong = wrong ? wrong : parse_authority(url, rest, len);
	wrong = wrong ? wrong : parse_path(url, rest + len);
	if (why)
		*why = wrong;
	if (wrong)
		return -EINVAL;
	write_authority(url);
	return 0;
}
