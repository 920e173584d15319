// SPDX-License-Identifier: MIT
/*
 * The cases of one program, run a few at a time, since most of them wait, and
 * told in cmocka's words, which tests/run counts.
 *
 *	test('ping_is_answered', async (t) => {
 *		const agent = await t.agent();
 *		…
 *	});
 *	await run();
 *
 * Each case gets an agent of its own (world.mjs), on a platform of its own, if
 * it asks for one, and t.after(fn) to clean up, last in first out. A case that
 * takes CASE_MS has failed.
 */
import { openFamily } from './world.mjs';

const CASE_MS = 45000;
const AT_ONCE = 6;

const cases = [];

export function test(name, body) {
	cases.push({ name, body });
}

function sleep(ms) {
	return new Promise((done) => setTimeout(done, ms));
}

/* Polls until holds() gives something that is true; that. */
export async function until(holds, what, ms = 20000) {
	const end = Date.now() + ms;
	for (;;) {
		const value = await holds();
		if (value)
			return value;
		if (Date.now() > end)
			throw new Error(`not within ${ms} ms: ${what}`);
		await sleep(10);
	}
}

function limited(promise, ms) {
	let timer;
	const late = new Promise((_, fail) => {
		timer = setTimeout(
			() => fail(new Error(`not done in ${ms} ms`)), ms);
	});
	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function runCase(body) {
	const undo = [];
	const t = {
		after: (fn) => undo.push(fn),
		agent: async () => {
			const agent = await openFamily();
			t.after(() => agent.close());
			return agent;
		},
	};
	const faults = [];
	const attempt = (fn) => limited(fn(), CASE_MS).catch(
		(error) => faults.push(error));

	await attempt(() => body(t));
	while (undo.length > 0)
		await attempt(undo.pop());
	if (faults.length > 0)
		throw faults[0];
}

async function runNamed({ name, body }, failed) {
	console.log(`[ RUN      ] ${name}`);
	try {
		await runCase(body);
		console.log(`[       OK ] ${name}`);
	} catch (error) {
		console.log(error?.stack ?? String(error));
		console.log(`[  FAILED  ] ${name}`);
		failed.push(name);
	}
}

/* Runs what test() has collected and ends the process. */
export async function run() {
	const failed = [];
	const left = [...cases];

	async function work() {
		while (left.length > 0)
			await runNamed(left.shift(), failed);
	}

	console.log(`[==========] Running ${cases.length} test(s).`);
	await Promise.all(Array.from({ length: AT_ONCE }, work));
	console.log(`[==========] ${cases.length} test(s) run.`);
	console.log(`[  PASSED  ] ${cases.length - failed.length} test(s).`);
	if (failed.length > 0)
		console.log(`[  FAILED  ] ${failed.length} test(s), ` +
			`listed below:\n${failed.join('\n')}`);
	process.exit(failed.length > 0 ? 1 : 0);
}
