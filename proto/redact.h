// SPDX-License-Identifier: MIT
/*
 * redact - takes secrets out of text before it becomes a memory.
 *
 * What looks like a key is replaced by REDACT_MARK, as whole words only:
 * sk-… (20 or more of letters, digits, _ and -), ghp_… and ghs_… (36
 * alphanumerics), github_pat_… (82 of letters, digits and _), AKIA… (16 of
 * capitals and digits). And the value in api_key=…, key=…, token=…, secret=…,
 * password=… (any case), if it is 40 or more characters of base64; the name
 * before it stays.
 */
#ifndef PROTO_REDACT_H
#define PROTO_REDACT_H

#define REDACT_MARK "[REDACTED]"

/* A copy of text without secrets. Owned by the caller: free. NULL when out of
 * memory. */
char *redact_secrets(const char *text);

#endif
