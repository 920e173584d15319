// SPDX-License-Identifier: MIT
#include "net/tls_profile.h"

#include <stdbool.h>
#include <string.h>

#include "net/p256.h"
#include "runtime/io.h"

#define SEED_BYTES 48

/* What this processor runs of AES-GCM. */
struct aes_gcm {
	const br_block_ctr_class *ctr;
	br_ghash ghash;
	bool in_hardware;
};

/* Asks the processor once: in a virtual machine each question is a matter of
 * tens of microseconds, and BearSSL asks for every engine anew. */
static const struct aes_gcm *aes_gcm(void)
{
	static struct aes_gcm chosen;
	if (chosen.ctr)
		return &chosen;
	const br_block_ctr_class *ctr = br_aes_x86ni_ctr_get_vtable();
	br_ghash ghash = br_ghash_pclmul_get();
	chosen.in_hardware = ctr != NULL;
	chosen.ctr = ctr ? ctr : &br_aes_ct64_ctr_vtable;
	chosen.ghash = ghash ? ghash : br_ghash_ctmul64;
	return &chosen;
}

static void set_aes_gcm(br_ssl_engine_context *engine)
{
	br_ssl_engine_set_aes_ctr(engine, aes_gcm()->ctr);
	br_ssl_engine_set_ghash(engine, aes_gcm()->ghash);
	br_ssl_engine_set_gcm(engine, &br_sslrec_in_gcm_vtable,
			      &br_sslrec_out_gcm_vtable);
}

/* With AES in hardware, AES-128-GCM is the fastest; without, it is many times
 * slower than ChaCha20, since it must not look up tables. */
static void set_suites(br_ssl_engine_context *engine)
{
	static const uint16_t aes_first[] = {
		BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	};
	static const uint16_t chacha_first[] = {
		BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	};
	size_t count = sizeof(aes_first) / sizeof(aes_first[0]);
	br_ssl_engine_set_suites(
		engine, aes_gcm()->in_hardware ? aes_first : chacha_first,
		count);
}

void tls_profile_set(struct rt *rt, br_ssl_engine_context *engine)
{
	/* BearSSL keeps the pointer and changes nothing behind it. */
	static const char *protocols[] = { "http/1.1" };
	uint8_t seed[SEED_BYTES];
	br_ssl_engine_set_versions(engine, BR_TLS12, BR_TLS12);
	set_suites(engine);
	br_ssl_engine_set_default_rsavrfy(engine);
	br_ssl_engine_set_default_ecdsa(engine);
	br_ssl_engine_set_ecdsa(engine, p256_vrfy);
	br_ssl_engine_set_hash(engine, br_sha256_ID, &br_sha256_vtable);
	br_ssl_engine_set_hash(engine, br_sha384_ID, &br_sha384_vtable);
	br_ssl_engine_set_hash(engine, br_sha512_ID, &br_sha512_vtable);
	br_ssl_engine_set_prf_sha256(engine, br_tls12_sha256_prf);
	br_ssl_engine_set_prf_sha384(engine, br_tls12_sha384_prf);
	set_aes_gcm(engine);
	br_ssl_engine_set_default_chapol(engine);
	br_ssl_engine_set_protocol_names(engine, protocols, 1);
	br_ssl_engine_add_flags(engine, BR_OPT_NO_RENEGOTIATION |
						BR_OPT_FAIL_ON_ALPN_MISMATCH);
	io_random(rt, seed, sizeof(seed));
	br_ssl_engine_inject_entropy(engine, seed, sizeof(seed));
	explicit_bzero(seed, sizeof(seed));
}

void tls_profile_prefer_x25519(br_ssl_engine_context *engine)
{
	/* The extension supported_groups: its type and its two lengths, then
	 * P-256, P-384, P-521, X25519. */
	static const uint8_t made[] = { 0,  10, 0,  10, 0,  8, 0,
					23, 0,	24, 0,	25, 0, 29 };
	static const uint8_t wanted[] = { 0,  10, 0,  10, 0,  8, 0,
					  29, 0,  23, 0,  24, 0, 25 };
	size_t len, header = 5;
	uint8_t *record = br_ssl_engine_sendrec_buf(engine, &len);
	uint8_t *at = record ? memmem(record, len, made, sizeof(made)) : NULL;
	if (!at)
		return;
	memcpy(at, wanted, sizeof(wanted));
	/* It is the first message, and all that has been hashed so far. */
	br_multihash_init(&engine->mhash);
	br_multihash_update(&engine->mhash, record + header, len - header);
}
