// SPDX-License-Identifier: MIT
/*
 * doctor - tells a person whether molecule-mcp can do its work here, and if
 * not, what to do about it: `molecule-mcp doctor`.
 *
 * It looks at what a host would start, at the environment, at the configs
 * directory, asks each platform whether it is there, and shows it the token of
 * each workspace. Each check is one line on stdout:
 *
 *	[OK] platform: https://platform.example answers
 *	[FAIL] token: … next: make a new one in the canvas Tokens tab
 *
 * Nothing is registered, received or locked. What the platforms see is a GET of
 * /health and one heartbeat for each workspace: the only request that every
 * platform answers truly and that changes little. Like any other it has the
 * workspace count as online, until the platform misses the next one.
 */
#ifndef APP_DOCTOR_H
#define APP_DOCTOR_H

struct rt;

#define DOCTOR_HEALTH_MS 5000
#define DOCTOR_BEAT_MS 8000

/* The main task; `arg` is a struct app whose config and log are filled in and
 * the rest zero. Writes to stdout. Returns 0, or 1 when a check failed. */
int doctor_run(struct rt *rt, void *arg);

#endif
