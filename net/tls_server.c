// SPDX-License-Identifier: MIT
#include "net/tls_server.h"

#include <bearssl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "net/cert.h"
#include "net/pem.h"
#include "net/tls_profile.h"
#include "net/tls_stream.h"
#include "runtime/io.h"

/* The largest certificate or key. */
#define DER_MAX (16u * 1024)

struct tls_server {
	struct rt *rt;
	br_x509_certificate chain[TLS_SERVER_CHAIN_MAX];
	size_t chain_len;
	br_skey_decoder_context key;
	br_ssl_session_cache_lru sessions;
	unsigned char store[TLS_SERVER_SESSIONS];
};

struct tls_peer {
	struct tls_stream tls; /* first */
	br_ssl_server_context server;
	uint8_t in[BR_SSL_BUFSIZE_INPUT];
	uint8_t out[BR_SSL_BUFSIZE_OUTPUT];
};

/* --- Certificate and key --- */

static int add_certificate(struct tls_server *server, const struct pem *pem)
{
	if (strcmp(pem->label, "CERTIFICATE") != 0)
		return 0;
	if (server->chain_len == TLS_SERVER_CHAIN_MAX)
		return -EINVAL;
	unsigned char *copy = malloc(pem->len);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, pem->buf, pem->len);
	server->chain[server->chain_len].data = copy;
	server->chain[server->chain_len++].data_len = pem->len;
	return 0;
}

static int add_key(struct tls_server *server, const struct pem *pem)
{
	br_skey_decoder_context *key = &server->key;
	if (br_skey_decoder_key_type(key) ||
	    (strcmp(pem->label, BR_ENCODE_PEM_PKCS8) != 0 &&
	     strcmp(pem->label, BR_ENCODE_PEM_EC_RAW) != 0 &&
	     strcmp(pem->label, BR_ENCODE_PEM_RSA_RAW) != 0))
		return 0;
	br_skey_decoder_init(key);
	br_skey_decoder_push(key, pem->buf, pem->len);
	return 0;
}

/* Calls add for each block of the text. */
static int each_block(struct tls_server *server, const char *text, size_t len,
		      int (*add)(struct tls_server *, const struct pem *))
{
	uint8_t *buf = malloc(DER_MAX);
	struct pem pem;
	int err = 0;
	if (!buf)
		return -ENOMEM;
	pem_init(&pem, buf, DER_MAX);
	while (len > 0 && !err) {
		size_t used = pem_feed(&pem, text, len);
		if (pem.ready)
			err = add(server, &pem);
		text += used;
		len -= used;
	}
	explicit_bzero(buf, DER_MAX);
	explicit_bzero(&pem, sizeof(pem));
	free(buf);
	return err;
}

static bool same_number(const unsigned char *a, size_t a_len,
			const unsigned char *b, size_t b_len)
{
	while (a_len && *a == 0) {
		a++;
		a_len--;
	}
	while (b_len && *b == 0) {
		b++;
		b_len--;
	}
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static bool rsa_fits(const br_rsa_private_key *key, const br_rsa_public_key *pk)
{
	size_t len = br_rsa_compute_modulus_get_default()(NULL, key);
	unsigned char *n = malloc(len ? len : 1);
	bool fits = n && len &&
		    br_rsa_compute_modulus_get_default()(n, key) == len &&
		    same_number(n, len, pk->n, pk->nlen);
	free(n);
	return fits;
}

static bool ec_fits(const br_ec_private_key *key, const br_ec_public_key *pk)
{
	unsigned char q[BR_EC_KBUF_PUB_MAX_SIZE];
	br_ec_public_key made;
	return key->curve == pk->curve &&
	       br_ec_compute_pub(br_ec_get_default(), &made, q, key) &&
	       made.qlen == pk->qlen && memcmp(q, pk->q, pk->qlen) == 0;
}

/* Whether the key is that of the first certificate. */
static bool key_fits(const struct tls_server *server)
{
	struct cert cert;
	struct der der = { server->chain[0].data, server->chain[0].data_len };
	const br_rsa_private_key *rsa = br_skey_decoder_get_rsa(&server->key);
	const br_ec_private_key *ec = br_skey_decoder_get_ec(&server->key);
	br_x509_pkey pk;
	if (cert_parse(&cert, der) || !cert_key(&cert, &pk))
		return false;
	if (rsa)
		return pk.key_type == BR_KEYTYPE_RSA &&
		       rsa_fits(rsa, &pk.key.rsa);
	return ec && pk.key_type == BR_KEYTYPE_EC && ec_fits(ec, &pk.key.ec);
}

static const char *check(const struct tls_server *server)
{
	if (server->chain_len == 0)
		return "there is no CERTIFICATE block in the certificate file";
	if (!br_skey_decoder_key_type(&server->key))
		return "there is no RSA or EC PRIVATE KEY block, not "
		       "encrypted, in the key file";
	if (!key_fits(server))
		return "the key is not that of the first certificate";
	return NULL;
}

int tls_server_new(struct tls_server **out, struct rt *rt, const char *chain,
		   size_t chain_len, const char *key, size_t key_len,
		   const char **why)
{
	struct tls_server *server = calloc(1, sizeof(*server));
	*why = "out of memory";
	if (!server)
		return -ENOMEM;
	server->rt = rt;
	br_ssl_session_cache_lru_init(&server->sessions, server->store,
				      sizeof(server->store));
	int err = each_block(server, chain, chain_len, add_certificate);
	if (err == -EINVAL)
		*why = "there are too many certificates in the chain";
	if (!err)
		err = each_block(server, key, key_len, add_key);
	if (!err) {
		*why = check(server);
		err = *why ? -EINVAL : 0;
	}
	if (err)
		tls_server_free(server);
	else
		*out = server;
	return err;
}

/* The whole file, to be wiped and freed: 0 or an error. */
static int read_file(struct rt *rt, const char *path, char **text, size_t *len,
		     struct deadline deadline)
{
	int fd =
		io_openat(rt, AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0, deadline);
	ssize_t n = fd;
	*len = 0;
	*text = NULL;
	if (fd < 0)
		return fd;
	*text = malloc(TLS_SERVER_FILE_MAX);
	while (*text && *len < TLS_SERVER_FILE_MAX) {
		n = io_read(rt, fd, *text + *len, TLS_SERVER_FILE_MAX - *len,
			    deadline);
		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	io_close(rt, fd);
	if (!*text)
		return -ENOMEM;
	return n > 0 ? -EFBIG : (int)n;
}

static void wipe(char *text, size_t len)
{
	if (text)
		explicit_bzero(text, len);
	free(text);
}

int tls_server_load(struct tls_server **out, struct rt *rt,
		    const char *chain_path, const char *key_path,
		    struct deadline deadline, const char **why)
{
	char *chain = NULL, *key = NULL;
	size_t chain_len = 0, key_len = 0;
	*why = "the certificate file cannot be read";
	int err = read_file(rt, chain_path, &chain, &chain_len, deadline);
	if (!err) {
		*why = "the key file cannot be read";
		err = read_file(rt, key_path, &key, &key_len, deadline);
	}
	if (!err)
		err = tls_server_new(out, rt, chain, chain_len, key, key_len,
				     why);
	wipe(chain, chain_len);
	wipe(key, key_len);
	return err;
}

void tls_server_free(struct tls_server *server)
{
	if (!server)
		return;
	for (size_t i = 0; i < server->chain_len; i++)
		free(server->chain[i].data);
	explicit_bzero(server, sizeof(*server));
	free(server);
}

/* --- Connections --- */

static void peer_free(struct tls_stream *tls)
{
	explicit_bzero(tls, sizeof(struct tls_peer));
	free(tls);
}

static void set_key(struct tls_server *server, br_ssl_server_context *context)
{
	const br_rsa_private_key *rsa = br_skey_decoder_get_rsa(&server->key);
	const br_ec_private_key *ec = br_skey_decoder_get_ec(&server->key);
	if (rsa)
		br_ssl_server_set_single_rsa(
			context, server->chain, server->chain_len, rsa,
			BR_KEYTYPE_SIGN, br_rsa_private_get_default(),
			br_rsa_pkcs1_sign_get_default());
	else
		br_ssl_server_set_single_ec(
			context, server->chain, server->chain_len, ec,
			BR_KEYTYPE_SIGN, 0, br_ec_get_default(),
			br_ecdsa_sign_asn1_get_default());
}

struct stream *tls_serve(struct tls_server *server, struct stream *lower)
{
	struct tls_peer *peer = malloc(sizeof(*peer));
	if (!peer) {
		stream_close(lower);
		return NULL;
	}
	br_ssl_engine_context *engine = &peer->server.eng;
	br_ssl_server_zero(&peer->server);
	tls_profile_set(server->rt, engine);
	set_key(server, &peer->server);
	br_ssl_server_set_cache(&peer->server, &server->sessions.vtable);
	br_ssl_engine_set_buffers_bidi(engine, peer->in, sizeof(peer->in),
				       peer->out, sizeof(peer->out));
	tls_stream_init(&peer->tls, lower, engine, peer->in, sizeof(peer->in),
			peer_free);
	/* A failure shows in the engine's state, to the handshake. */
	(void)br_ssl_server_reset(&peer->server);
	return &peer->tls.stream;
}
