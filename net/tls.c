// SPDX-License-Identifier: MIT
#include "net/tls.h"

#include <bearssl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls_profile.h"
#include "net/tls_session.h"
#include "net/tls_stream.h"
#include "net/tls_verify.h"
#include "runtime/task.h"

#define HOST_MAX 255

struct tls_client {
	struct rt *rt;
	struct trust *trust;
	struct tls_sessions sessions;
	struct slots slots; /* of handshakes that compute */
};

/* A connection: all the memory it has. */
struct tls_conn {
	struct tls_stream tls; /* first */
	bool resumed;
	br_ssl_client_context client;
	uint8_t out[TLS_OUTPUT(TLS_RECORD)];
	uint8_t in[TLS_INPUT];
};

/* A handshake: scratch that is given back after it. */
struct hello {
	char host[HOST_MAX + 1]; /* without a dot at its end */
	uint16_t port;
	bool literal;
	br_ssl_session_parameters offered;
	bool offers;
	struct tls_verify verify;
};

struct tls_client *tls_client_new(struct rt *rt,
				  const struct trust_options *roots)
{
	struct tls_client *client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	client->rt = rt;
	client->sessions.rt = rt;
	slots_init(rt, &client->slots, TLS_HANDSHAKES_MAX);
	client->trust = trust_new(rt, roots);
	if (!client->trust) {
		free(client);
		return NULL;
	}
	return client;
}

void tls_client_free(struct tls_client *client)
{
	if (!client)
		return;
	tls_sessions_clear(&client->sessions);
	trust_free(client->trust);
	free(client);
}

struct slots *tls_client_slots(struct tls_client *client)
{
	return &client->slots;
}

static void conn_free(struct tls_stream *tls)
{
	explicit_bzero(tls, sizeof(struct tls_conn));
	free(tls);
}

/* A connection whose engine has everything but its handshake. Takes lower. */
static struct tls_conn *conn_new(struct stream *lower)
{
	struct tls_conn *conn = malloc(sizeof(*conn));
	if (!conn) {
		stream_close(lower);
		return NULL;
	}
	br_ssl_engine_context *engine = &conn->client.eng;
	conn->resumed = false;
	br_ssl_client_zero(&conn->client);
	tls_profile_set(lower->rt, engine);
	br_ssl_engine_set_buffers_bidi(engine, conn->in, sizeof(conn->in),
				       conn->out, sizeof(conn->out));
	tls_stream_init(&conn->tls, lower, engine, conn->in, sizeof(conn->in),
			conn_free);
	return conn;
}

static int hello_init(struct hello *hello, const char *host, uint16_t port)
{
	uint8_t addr[16];
	size_t len = strlen(host);
	memset(hello, 0, sizeof(*hello));
	if (len && host[len - 1] == '.')
		len--;
	if (len == 0 || len > HOST_MAX)
		return -EINVAL;
	memcpy(hello->host, host, len);
	hello->port = port;
	hello->literal = tls_verify_is_address(hello->host, addr, &len);
	return 0;
}

/* The first step of the engine: it makes the ClientHello. */
static int begin(struct tls_client *client, struct tls_conn *conn,
		 struct hello *hello)
{
	br_ssl_engine_context *engine = &conn->client.eng;
	hello->offers = tls_session_get(&client->sessions, hello->host,
					hello->port, &hello->offered);
	if (hello->offers)
		br_ssl_engine_set_session_parameters(engine, &hello->offered);
	br_ssl_engine_set_x509(engine, &hello->verify.vtable);
	conn->tls.small_steps = &hello->verify.done;
	if (!br_ssl_client_reset(&conn->client,
				 hello->literal ? NULL : hello->host,
				 hello->offers))
		return -EPROTO;
	tls_profile_prefer_x25519(engine);
	return 0;
}

/* After a good handshake. */
static void settle(struct tls_client *client, struct tls_conn *conn,
		   struct hello *hello)
{
	br_ssl_session_parameters session;
	br_ssl_engine_get_session_parameters(&conn->client.eng, &session);
	conn->resumed = !hello->verify.done;
	tls_session_put(&client->sessions, hello->host, hello->port, &session);
	explicit_bzero(&session, sizeof(session));
	br_ssl_engine_set_x509(&conn->client.eng, NULL);
	conn->tls.small_steps = NULL;
	conn->tls.slots = NULL;
}

/* What came, when the engine could make nothing of it. */
static void explain_garbage(const struct tls_stream *tls,
			    struct tls_error *error)
{
	if (tls->first_len == 0)
		return;
	if (tls->first_len == 5 && memcmp(tls->first, "HTTP/", 5) == 0)
		error->fault = TLS_PLAIN_HTTP;
	else if (tls->first[0] < 20 || tls->first[0] > 23 ||
		 (tls->first_len > 1 && tls->first[1] != 3))
		error->fault = TLS_GARBAGE;
}

/* Fills in the error of a failed handshake; what to return for it. */
static int explain(struct tls_conn *conn, const struct hello *hello, int err,
		   struct tls_error *error)
{
	int engine = br_ssl_engine_last_error(&conn->client.eng);
	if (hello->verify.err) {
		/* Only of roots that take too long is there more to say. */
		if (hello->verify.err != -ETIMEDOUT ||
		    error->fault != TLS_BAD_ROOTS)
			error->fault = TLS_OK;
		return hello->verify.err;
	}
	if (err == -ETIMEDOUT) {
		error->fault = conn->tls.no_slot ? TLS_BUSY : TLS_TIMEOUT;
		return err;
	}
	if (err == -ECONNRESET || err == -EPIPE) {
		error->fault = TLS_CLOSED;
		return -ECONNRESET;
	}
	if (err != -EPROTO)
		return err;
	/* The judgement on the certificate says more than the engine. */
	if (error->fault == TLS_OK) {
		tls_error_from_engine(error, engine);
		if (engine == BR_ERR_UNSUPPORTED_VERSION &&
		    conn->tls.first_len > 1 && conn->tls.first[0] == 22 &&
		    conn->tls.first[1] == 3)
			error->fault = TLS_VERSION;
		else
			explain_garbage(&conn->tls, error);
	}
	return -EKEYREJECTED;
}

static int handshake(struct tls_client *client, struct tls_conn *conn,
		     struct hello *hello, struct deadline deadline,
		     struct tls_error *error)
{
	struct rt *rt = client->rt;
	deadline = deadline_earlier(rt, deadline,
				    deadline_in_ms(rt, TLS_HANDSHAKE_MS));
	(void)snprintf(error->host, sizeof(error->host), "%s", hello->host);
	tls_verify_init(&hello->verify, rt, client->trust, hello->host,
			deadline, error);
	conn->tls.slots = &client->slots;
	int err = tls_stream_take_slot(&conn->tls, deadline);
	if (!err)
		err = begin(client, conn, hello);
	if (!err)
		err = task_breathe(rt);
	if (!err)
		err = tls_stream_handshake(&conn->tls, deadline);
	tls_stream_give_slot(&conn->tls);
	if (!err) {
		settle(client, conn, hello);
	} else {
		tls_session_forget(&client->sessions, hello->host, hello->port);
		err = explain(conn, hello, err, error);
	}
	tls_verify_fini(&hello->verify);
	return err;
}

int tls_connect(struct tls_client *client, struct stream *lower,
		const char *host, uint16_t port, struct deadline deadline,
		struct stream **out, struct tls_error *error)
{
	struct tls_conn *conn = conn_new(lower);
	struct hello *hello = malloc(sizeof(*hello));
	int err = conn && hello ? 0 : -ENOMEM;
	*error = (struct tls_error){ 0 };
	if (!err)
		err = hello_init(hello, host, port);
	if (!err)
		err = handshake(client, conn, hello, deadline, error);
	if (hello)
		explicit_bzero(hello, sizeof(*hello));
	free(hello);
	if (err && conn)
		stream_close(&conn->tls.stream);
	else if (conn)
		*out = &conn->tls.stream;
	return err;
}

bool tls_resumed(const struct stream *stream)
{
	return ((const struct tls_conn *)stream)->resumed;
}
