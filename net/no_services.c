// SPDX-License-Identifier: MIT
/*
 * The C library's service database, empty.
 *
 * c-ares can turn the name of a service into a port and back, which nothing
 * here asks for. These stand in for what it would call in glibc: a static
 * program cannot load the modules behind it, and it could block.
 */
#include <errno.h>
#include <netdb.h>
#include <stddef.h>

struct servent *getservbyname(const char *name, const char *proto)
{
	(void)name;
	(void)proto;
	return NULL;
}

int getservbyport_r(int port, const char *proto, struct servent *result_buf,
		    char *buf, size_t buflen, struct servent **result)
{
	(void)port;
	(void)proto;
	(void)result_buf;
	(void)buf;
	(void)buflen;
	*result = NULL;
	return ENOENT;
}
