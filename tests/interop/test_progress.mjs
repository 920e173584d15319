// SPDX-License-Identifier: MIT
/* Progress of calls that wait, by every client in every revision, all at the
 * same time: the first comes after 10 to 15 seconds. */
import assert from 'node:assert/strict';
import { open, ways } from './clients.mjs';
import { run, test } from './harness.mjs';
import { jsonOf } from './tools.mjs';

const SOONEST_MS = 9000; /* a little less than promised: clocks differ */
const REQUEST_MS = 15000; /* with progress the client's patience begins anew */
const WAIT_SECS = 17; /* above that patience */

async function waitWithProgress(t, way) {
	const agent = await t.agent();
	const session = await open(t, way, agent);
	const start = Date.now();
	const told = [];
	const quiet = session.call('wait_for_message',
		{ timeout_secs: WAIT_SECS }, { timeout: 2 * REQUEST_MS });
	const result = await session.call('wait_for_message',
		{ timeout_secs: WAIT_SECS }, {
			timeout: REQUEST_MS,
			resetTimeoutOnProgress: true,
			onprogress: (progress) =>
				told.push({ ...progress, at: Date.now() }),
		});

	assert.equal(jsonOf(result).timeout, true);
	assert.equal(jsonOf(await quiet).timeout, true);
	assert.ok(told.length >= 1, `${way.name}: no progress`);
	for (const [i, { at, progress }] of told.entries()) {
		const { at: before, progress: less } = told[i - 1] ??
			{ at: start, progress: -Infinity };
		assert.ok(at - before > SOONEST_MS, `${way.name}: too soon`);
		assert.ok(progress > less, `${way.name}: it does not rise`);
	}
	/* None for the call that did not ask for it, none after the end. */
	const notes = session.seen.filter(
		(m) => m.method === 'notifications/progress');
	assert.equal(notes.length, told.length);
	const [token] = session.sent.filter((m) => m.params?._meta
		?.progressToken !== undefined).map((m) =>
		m.params._meta.progressToken);
	for (const { params } of notes)
		assert.strictEqual(params.progressToken, token);
}

test('progress_keeps_long_calls_alive', async (t) => {
	const all = await Promise.allSettled(
		ways.map((way) => waitWithProgress(t, way)));
	const reasons = all.flatMap(({ reason }) => reason ?? []);
	assert.equal(reasons.length, 0,
		reasons.map((reason) => reason.stack).join('\n'));
});

await run();
