// SPDX-License-Identifier: MIT
/* Progress of calls that wait, by every client in every revision, all at the
 * same time: the first comes after 10 to 15 seconds. */
import assert from 'node:assert/strict';
import { open, ways } from './clients.mjs';
import { run, test } from './harness.mjs';
import { jsonOf, textOf } from './tools.mjs';

const SOONEST_MS = 9000; /* a little less than promised: clocks differ */
const REQUEST_MS = 18000; /* with progress the client's patience begins anew */
const WAIT_SECS = 20; /* above that patience */

/* Options of a call that is to be told of its progress, in `told`. */
function telling(told) {
	return {
		timeout: REQUEST_MS,
		resetTimeoutOnProgress: true,
		onprogress: (progress) =>
			told.push({ ...progress, at: Date.now() }),
	};
}

function checkTold(start, told) {
	assert.ok(told.length >= 1, 'no progress');
	for (const [i, { at, progress }] of told.entries()) {
		const { at: before, progress: less } = told[i - 1] ??
			{ at: start, progress: -Infinity };
		assert.ok(at - before > SOONEST_MS, 'too soon');
		assert.ok(progress > less, 'it does not rise');
	}
}

/* Some for each call that asked for it, in its own token, none for others. */
function checkTokens({ seen, sent }, told) {
	const asked = sent.flatMap((m) => m.params?._meta?.progressToken ?? []);
	const notes = seen.filter((m) => m.method === 'notifications/progress');

	assert.equal(notes.length, told);
	for (const { params } of notes)
		assert.ok(asked.includes(params.progressToken));
}

async function waitLong(t, way) {
	const agent = await t.agent();
	const session = await open(t, way, agent);
	const start = Date.now();
	const message = [], task = [];
	const quiet = session.call('wait_for_message',
		{ timeout_secs: WAIT_SECS }, { timeout: 2 * REQUEST_MS });
	const answer = session.call('delegate_task',
		{ workspace_id: agent.quiet.id, task: 'Think.' },
		telling(task));

	quiet.catch(() => {});
	answer.catch(() => {});
	const nothing = await session.call('wait_for_message',
		{ timeout_secs: WAIT_SECS }, telling(message));
	assert.equal(jsonOf(nothing).timeout, true);
	assert.equal(jsonOf(await quiet).timeout, true);
	await agent.answer(agent.quiet, 'Thought.');
	assert.equal(textOf(await answer), 'Thought.');
	checkTold(start, message);
	checkTold(start, task);
	checkTokens(session, message.length + task.length);
}

test('progress_keeps_long_calls_alive', async (t) => {
	const all = await Promise.allSettled(
		ways.map((way) => waitLong(t, way)));
	const faults = all.flatMap(({ reason }, i) =>
		reason ? `${ways[i].name}: ${reason.stack}` : []);
	assert.equal(faults.length, 0, faults.join('\n'));
});

await run();
