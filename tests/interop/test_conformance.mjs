// SPDX-License-Identifier: MIT
/* The official conformance suite's scenarios that ask nothing of a server but
 * tools, through the bridge, once for each revision that has them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openBridge } from './bridge.mjs';
import { run, test } from './harness.mjs';

const SUITE = 'node_modules/@modelcontextprotocol/conformance/dist/index.js';

const scenarios = {
	'2025-06-18': ['server-initialize', 'ping', 'tools-list'],
	'2025-11-25': ['server-initialize', 'ping', 'tools-list'],
	'2026-07-28': ['server-stateless', 'tools-list', 'caching'],
};

const FINE = ['SUCCESS', 'INFO', 'SKIPPED'];

/* Checks that ask for what a server has only to be tested (tools by a certain
 * name), or for prompts and resources, which this one does not have. */
const foreign = new Set([
	'sep-2575-server-rejects-undeclared-capability',
	'sep-2575-missing-capability-http-400',
	'sep-2575-http-server-no-independent-requests-on-stream',
	'sep-2575-server-no-log-without-loglevel',
	'sep-2549-prompts-list-caching-hints',
	'sep-2549-resources-list-caching-hints',
	'sep-2549-resources-templates-list-caching-hints',
]);

/* What the suite found: it says so by its exit code, too, but counts foreign
 * checks there. */
function conformance(args) {
	return new Promise((done) => {
		execFile(process.execPath, [SUITE, 'server', ...args],
			{ encoding: 'utf8' }, (error, stdout, stderr) =>
				done(stdout + stderr));
	});
}

async function checksIn(dir) {
	const names = await readdir(dir, { recursive: true });
	const files = names.filter((name) => name.endsWith('checks.json'));

	assert.equal(files.length, 1, names.join());
	return JSON.parse(await readFile(join(dir, files[0]), 'utf8'));
}

for (const [revision, list] of Object.entries(scenarios))
	for (const scenario of list) {
		const name = `${scenario}_at_${revision}`;

		test(`conformance_${name.replaceAll('-', '_')}`, async (t) => {
			const agent = await t.agent();
			const bridge = await openBridge(agent.env);
			t.after(() => bridge.close());
			const dir = join(agent.dir, 'checks');
			const said = await conformance(['--url', bridge.url,
				'--scenario', scenario,
				'--spec-version', revision, '-o', dir]);
			const checks = await checksIn(dir);
			const ours = checks.filter(({ id }) =>
				!foreign.has(id));
			const wrong = ours.filter(({ status }) =>
				!FINE.includes(status));

			assert.ok(ours.some(({ status }) =>
				status === 'SUCCESS'), said);
			assert.equal(wrong.length, 0, wrong.map((check) =>
				`${check.id}: ${check.errorMessage}\n` +
				JSON.stringify(check.details))
				.join('\n'));
		});
	}

await run();
