// SPDX-License-Identifier: MIT
#include "net/tls_error.h"

#include <bearssl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/http_date.h"
#include "proto/text.h"

#define TEXT_MAX 1024

#define ALERT_HANDSHAKE_FAILURE 40
#define ALERT_PROTOCOL_VERSION 70
#define ALERT_INSUFFICIENT_SECURITY 71

struct date_text {
	char text[HTTP_DATE_SIZE];
};

static struct date_text date(int64_t seconds)
{
	struct date_text out = { "" };
	http_date(out.text, seconds);
	return out;
}

static const char *alert_name(int alert)
{
	static const struct {
		int alert;
		const char *name;
	} names[] = {
		{ 10, "unexpected message" },
		{ 20, "bad record" },
		{ 22, "record too large" },
		{ 40, "handshake failure" },
		{ 42, "bad certificate" },
		{ 46, "certificate unknown" },
		{ 47, "illegal parameter" },
		{ 50, "decode error" },
		{ 51, "decrypt error" },
		{ 70, "protocol version" },
		{ 71, "insufficient security" },
		{ 80, "internal error" },
		{ 86, "inappropriate fallback" },
		{ 100, "no renegotiation" },
		{ 112, "unrecognized name" },
		{ 120, "no application protocol" },
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].alert == alert)
			return names[i].name;
	return "unknown";
}

static void validity_text(const struct tls_error *e, char *buf, size_t cap)
{
	const char *whose = e->root ? "the root certificate for "
				    : "the certificate of ";
	if (e->fault == TLS_EXPIRED)
		(void)snprintf(buf, cap,
			       "%s%s (\"%s\") expired on %s; this machine's "
			       "clock says %s: the certificate must be renewed "
			       "or the clock set",
			       whose, e->host, e->name, date(e->to).text,
			       date(e->now).text);
	else
		(void)snprintf(buf, cap,
			       "%s%s (\"%s\") is valid only from %s on, but "
			       "this machine's clock says %s: set the clock, "
			       "or wait",
			       whose, e->host, e->name, date(e->from).text,
			       date(e->now).text);
}

static void issuer_text(const struct tls_error *e, char *buf, size_t cap)
{
	switch (e->fault) {
	case TLS_SELF_SIGNED:
		(void)snprintf(buf, cap,
			       "%s has a self-signed certificate (\"%s\") that "
			       "is not among those in %s: if you trust it, set "
			       "SSL_CERT_FILE to a file that has it",
			       e->host, e->name, e->roots);
		break;
	case TLS_NO_INTERMEDIATE:
		(void)snprintf(buf, cap,
			       "%s does not send the certificate of \"%s\", "
			       "which issued its own, nor is that in %s: the "
			       "server must be given its intermediate "
			       "certificates too; only if that is a root, add "
			       "it (SSL_CERT_FILE)",
			       e->host, e->name, e->roots);
		break;
	case TLS_OTHER_ROOT:
		(void)snprintf(buf, cap,
			       "the certificate chain of %s names \"%s\", but "
			       "is not signed with the key that the root of "
			       "that name in %s has: either has been replaced, "
			       "or somebody is in between",
			       e->host, e->name, e->roots);
		break;
	case TLS_UNHASHED_ROOTS:
		(void)snprintf(buf, cap,
			       "the certificate chain of %s leads to \"%s\", "
			       "which is not found in %s: run `openssl rehash "
			       "%s`, since the certificates there are not "
			       "filed under the hashes of their names",
			       e->host, e->name, e->roots, e->dir);
		break;
	default:
		(void)snprintf(buf, cap,
			       "the certificate chain of %s leads to %s\"%s\", "
			       "which is not among the roots in %s: if you "
			       "trust it, it must be added (SSL_CERT_FILE)%s",
			       e->host, e->root ? "the root " : "", e->name,
			       e->roots,
			       e->root ? ""
				       : "; if it is no root, the server must "
					 "send it as well");
	}
}

static void certificate_text(const struct tls_error *e, char *buf, size_t cap)
{
	switch (e->fault) {
	case TLS_WRONG_HOST:
		(void)snprintf(buf, cap,
			       "the certificate that %s has is not for that "
			       "name but for: %s",
			       e->host, *e->name ? e->name : "nothing");
		break;
	case TLS_NO_NAMES:
		(void)snprintf(buf, cap,
			       "the certificate of %s has no host names: it "
			       "must be issued anew, with the name as a "
			       "subjectAltName (that its subject is called "
			       "\"%s\" does not count)",
			       e->host, e->name);
		break;
	case TLS_WEAK_SIGNATURE:
		(void)snprintf(buf, cap,
			       "in the certificate chain of %s \"%s\" is "
			       "signed with SHA-1 or MD5, which can be forged: "
			       "it must be issued anew",
			       e->host, e->name);
		break;
	case TLS_OTHER_SIGNATURE:
		(void)snprintf(buf, cap,
			       "in the certificate chain of %s \"%s\" has a "
			       "key or a signature that this program does not "
			       "know: it must be issued anew, with RSA (not "
			       "PSS) or ECDSA and SHA-256, 384 or 512",
			       e->host, e->name);
		break;
	case TLS_WEAK_KEY:
		(void)snprintf(buf, cap,
			       "in the certificate chain of %s an RSA key is "
			       "shorter than 2048 bits: it must be issued anew",
			       e->host);
		break;
	case TLS_WRONG_PURPOSE:
		(void)snprintf(buf, cap,
			       "in the certificate chain of %s \"%s\" is not "
			       "meant for servers",
			       e->host, e->name);
		break;
	case TLS_WRONG_USE:
		(void)snprintf(buf, cap,
			       "the key in the certificate of %s may not be "
			       "used for signatures, as forward secrecy needs: "
			       "it must be issued anew, with the key usage "
			       "digitalSignature",
			       e->host);
		break;
	case TLS_CONSTRAINED:
		(void)snprintf(buf, cap,
			       "the certificate chain of %s is not good: "
			       "\"%s\" may not issue certificates for names "
			       "that are in it (its name constraints)",
			       e->host, e->name);
		break;
	case TLS_CRITICAL:
		(void)snprintf(buf, cap,
			       "in the certificate chain of %s \"%s\" has "
			       "name constraints or the like that are marked "
			       "critical and that this program cannot check: "
			       "use another issuer",
			       e->host, e->name);
		break;
	case TLS_NOT_AN_ISSUER:
		(void)snprintf(buf, cap,
			       "in the certificate chain of %s something was "
			       "issued by a certificate that may not issue",
			       e->host);
		break;
	case TLS_BAD_SIGNATURE:
		(void)snprintf(buf, cap,
			       "a signature of %s or in its certificate chain "
			       "is wrong: somebody may be in between",
			       e->host);
		break;
	default:
		(void)snprintf(buf, cap,
			       "the certificate of %s cannot be understood "
			       "(BearSSL error %d)",
			       e->host, e->code);
	}
}

static void protocol_text(const struct tls_error *e, char *buf, size_t cap)
{
	const char *host = e->host;
	switch (e->fault) {
	case TLS_VERSION:
		(void)snprintf(buf, cap,
			       "%s does not want TLS 1.2, the version this "
			       "program speaks: it insists on TLS 1.3 or on "
			       "something old; allow TLS 1.2 on the server or "
			       "put a proxy before it",
			       host);
		break;
	case TLS_NO_COMMON:
		(void)snprintf(buf, cap,
			       "%s has no cipher suite in common with this "
			       "program (TLS 1.2 with ECDHE and AES-GCM or "
			       "ChaCha20-Poly1305, and a certificate for an "
			       "RSA or ECDSA key)",
			       host);
		break;
	case TLS_ALERT:
		(void)snprintf(buf, cap,
			       "%s refused the TLS handshake (alert %d, %s)",
			       host, e->code, alert_name(e->code));
		break;
	case TLS_PLAIN_HTTP:
		(void)snprintf(buf, cap,
			       "%s answers in plain HTTP on that port: use "
			       "http://, or its port for https",
			       host);
		break;
	case TLS_GARBAGE:
		(void)snprintf(buf, cap, "%s does not speak TLS on that port",
			       host);
		break;
	case TLS_CLOSED:
		(void)snprintf(buf, cap,
			       "%s closed the connection during the TLS "
			       "handshake",
			       host);
		break;
	case TLS_TIMEOUT:
		(void)snprintf(buf, cap,
			       "%s accepted the connection, but did not "
			       "finish the TLS handshake in time",
			       host);
		break;
	case TLS_BUSY:
		(void)snprintf(buf, cap,
			       "there was no time for the TLS handshake with "
			       "%s: this machine is busy with those of other "
			       "connections",
			       host);
		break;
	default:
		(void)snprintf(buf, cap,
			       "%s broke the TLS protocol (BearSSL error %d)",
			       host, e->code);
	}
}

const char *tls_error_text(const struct tls_error *error, char *buf, size_t cap)
{
	switch (error->fault) {
	case TLS_OK:
		(void)snprintf(buf, cap, "no error");
		break;
	case TLS_EXPIRED:
	case TLS_NOT_YET_VALID:
		validity_text(error, buf, cap);
		break;
	case TLS_SELF_SIGNED:
	case TLS_NO_INTERMEDIATE:
	case TLS_UNKNOWN_ROOT:
	case TLS_OTHER_ROOT:
	case TLS_UNHASHED_ROOTS:
		issuer_text(error, buf, cap);
		break;
	case TLS_NO_ROOTS:
		(void)snprintf(buf, cap,
			       "there are no root certificates to check %s "
			       "with (looked for %s): install the package "
			       "ca-certificates or set SSL_CERT_FILE",
			       error->host, error->roots);
		break;
	case TLS_BAD_ROOTS:
		(void)snprintf(buf, cap,
			       "the root certificates in %s cannot be read "
			       "(%s)",
			       error->roots, strerrordesc_np(error->code));
		break;
	case TLS_VERSION:
	case TLS_NO_COMMON:
	case TLS_ALERT:
	case TLS_PLAIN_HTTP:
	case TLS_GARBAGE:
	case TLS_CLOSED:
	case TLS_TIMEOUT:
	case TLS_BUSY:
	case TLS_PROTOCOL:
		protocol_text(error, buf, cap);
		break;
	default:
		certificate_text(error, buf, cap);
	}
	return buf;
}

uint32_t tls_error_mark(const struct tls_error *error)
{
	struct tls_error timeless = *error;
	char text[TEXT_MAX];
	timeless.now = 0;
	return text_mark(tls_error_text(&timeless, text, sizeof(text)));
}

static void from_alert(struct tls_error *error, int alert)
{
	error->code = alert;
	if (alert == ALERT_PROTOCOL_VERSION)
		error->fault = TLS_VERSION;
	else if (alert == ALERT_HANDSHAKE_FAILURE ||
		 alert == ALERT_INSUFFICIENT_SECURITY)
		error->fault = TLS_NO_COMMON;
	else
		error->fault = TLS_ALERT;
}

void tls_error_from_engine(struct tls_error *error, int engine)
{
	error->code = engine;
	error->fault = TLS_PROTOCOL;
	if (engine >= BR_ERR_SEND_FATAL_ALERT)
		return;
	if (engine >= BR_ERR_RECV_FATAL_ALERT) {
		from_alert(error, engine - BR_ERR_RECV_FATAL_ALERT);
		return;
	}
	switch (engine) {
	case BR_ERR_BAD_SIGNATURE:
	case BR_ERR_X509_BAD_SIGNATURE:
		error->fault = TLS_BAD_SIGNATURE;
		break;
	case BR_ERR_WRONG_KEY_USAGE:
		error->fault = TLS_WRONG_USE;
		break;
	case BR_ERR_X509_NOT_CA:
	case BR_ERR_X509_FORBIDDEN_KEY_USAGE:
		error->fault = TLS_NOT_AN_ISSUER;
		break;
	case BR_ERR_X509_WEAK_PUBLIC_KEY:
		error->fault = TLS_WEAK_KEY;
		break;
	default:
		if (engine > BR_ERR_X509_OK && engine < 64)
			error->fault = TLS_BAD_CERTIFICATE;
	}
}
