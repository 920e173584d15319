// SPDX-License-Identifier: MIT
/*
 * proxy - the way to https origins through an HTTP proxy.
 *
 *	proxy_read(&options, env, NULL);
 *	proxy = proxy_for(&options, &url);	// NULL: connect directly
 *	fd = proxy_connect(rt, resolver, proxy, url.host, url.port, &error,
 *			   deadline);
 *	…TLS over fd, with the origin…
 *
 * The variables mean what they mean to Python's httpx 0.28, which asks
 * urllib's getproxies: HTTPS_PROXY, else ALL_PROXY, names the proxy for https
 * origins; the lower-case form of a name counts before the upper-case one, and
 * when it is set but blank, the variable is unset. (Names in mixed case are not
 * looked at.) Where REQUEST_METHOD is set, as web servers do for CGI scripts,
 * HTTP_PROXY may be a client's doing and does not count; http_proxy does. Only
 * http:// proxies, and HOST:PORT for short, are supported, without a path; the
 * port is 80 unless told. User name and password may be percent-encoded.
 *
 * NO_PROXY is a list, separated by commas, of who is reached directly:
 *  - a star: everybody;
 *  - `example.org`: itself and all names under it; with a dot before it, only
 *    the names under it;
 *  - an IPv4 or IPv6 literal;
 *  - these with a scheme, `https://example.org` or `all://example.org`: only
 *    itself; with a star and a dot before the name, only the names under it,
 *    with a star alone both; without a name, all of that scheme;
 *  - `:8443`: everybody on that port.
 * A port may follow behind a colon. What follows behind a slash is left out.
 * Entries that make no sense are passed over.
 *
 * Where httpx passes an entry over, or does not even start, although there is
 * only one thing that it can mean, it has that meaning here: ADDRESS/BITS is a
 * network (compared with literals alone: names are not looked up for it); stars
 * may stand before names without a scheme; an address matches however it is
 * spelt, also in brackets, and a host with a dot at its end as without it;
 * `localhost` is also what is under it; a port that is the scheme's own means
 * that one; white space separates as well.
 *
 * http origins never go through a proxy: the token could be read there. Which
 * variable is passed over for that reason, proxy_unused tells.
 */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include <stddef.h>
#include <stdint.h>

#include "net/url.h"
#include "runtime/clock.h"

struct resolver;
struct rt;

#define PROXY_CREDENTIALS_MAX 1024 /* bytes, decoded, with the colon */
#define PROXY_NO_PROXY_MAX 16384   /* what is longer is cut there */
#define PROXY_ANSWER_MAX 16384	   /* bytes of the answer to CONNECT */
#define PROXY_ANSWER_MS 30000	   /* the proxy itself has to connect */

struct proxy {
	const char *variable; /* its name; static. NULL: there is no proxy */
	const char *fault;    /* why it cannot be used; static. Or NULL */
	char host[URL_HOST_MAX + 1];
	uint16_t port;
	char *authorization; /* "Basic …", secret; NULL without credentials */
};

/* All zero: no proxies. */
struct proxy_options {
	struct proxy https;
	const char *http; /* the variable that names one for http; or NULL */
	char *direct;	  /* NO_PROXY, or NULL */
};

/* Like getenv: NULL when unset. The result is borrowed until the next call. */
typedef const char *(*proxy_env_fn)(void *arg, const char *name);

/* Reads the variables. 0, or -ENOMEM; either way the caller owns *options
 * (proxy_options_free). Does not park. */
int proxy_read(struct proxy_options *options, proxy_env_fn env, void *arg);
/* Wipes and frees; harmless when all zero, and twice. */
void proxy_options_free(struct proxy_options *options);

/* Which proxy leads to the origin of `url`, borrowed from the options; NULL:
 * it is reached directly. Look at its `fault` before use. */
const struct proxy *proxy_for(const struct proxy_options *options,
			      const struct url *url);

/* The name of the variable whose proxy is not used for the origin of `url`
 * because that is an http one; NULL when there is none. For this machine's
 * own loopback addresses it is NULL too: nobody misses a proxy there. */
const char *proxy_unused(const struct proxy_options *options,
			 const struct url *url);

/* Why a proxy did not connect. */
enum proxy_fault {
	PROXY_OK,
	PROXY_UNUSABLE,		 /* proxy->fault says why */
	PROXY_UNREACHABLE,	 /* `code` is what dial gave */
	PROXY_WANTS_CREDENTIALS, /* 407, and none were sent */
	PROXY_BAD_CREDENTIALS,	 /* 407 (or 401) nevertheless */
	PROXY_OTHER_SCHEME,	 /* 407, and Basic is not offered */
	PROXY_REFUSED,		 /* `code` is the status */
	PROXY_CUT,		 /* closed before the answer was whole */
	PROXY_GARBAGE,		 /* not HTTP, or beyond PROXY_ANSWER_MAX */
	PROXY_EXCESS,		 /* more came than the answer */
	PROXY_TIMEOUT,
};

struct proxy_error {
	enum proxy_fault fault;
	int code;
	const struct proxy *proxy;	/* borrowed */
	char target[URL_HOST_MAX + 10]; /* host:port that was asked for */
};

/* A descriptor that is connected, through the proxy, with `port` of `host` (a
 * name or literal without brackets): CONNECT, RFC 9110 section 9.3.6. Nothing
 * of the tunnel's bytes has been read. The proxy itself is dialled as dial
 * does it; `host` is not looked up here. Returns a negative errno as dial; or
 * -ENOKEY (credentials), -EREMOTEIO (it would not or could not connect),
 * -ECONNRESET (closed before the answer was whole), -EBADMSG (garbage, or bytes
 * beyond the answer: the origin cannot have spoken before it was spoken to),
 * -ETIMEDOUT, -EINVAL (proxy->fault), -ENOMEM, or the cancellation's reason.
 * *error is filled in always; its fault is PROXY_OK also for the last two.
 * The answer is awaited until `deadline`, at most PROXY_ANSWER_MS. Parks. */
int proxy_connect(struct rt *rt, struct resolver *resolver,
		  const struct proxy *proxy, const char *host, uint16_t port,
		  struct proxy_error *error, struct deadline deadline);

/* One sentence without a full stop and without credentials, in buf, which it
 * returns; "" for PROXY_OK. 1024 bytes hold all of it. */
const char *proxy_error_text(const struct proxy_error *error, char *buf,
			     size_t cap);

#endif
