// SPDX-License-Identifier: MIT
/* The Inspector's command line: it lists the tools with --strict, which
 * refuses what some host could not read, and calls each. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { run, test } from './harness.mjs';
import { cases, checked, names } from './tools.mjs';
import { mcpProgram } from './world.mjs';

const INSPECTOR = 'node_modules/@modelcontextprotocol/inspector/clients/' +
	'launcher/build/index.js';
const TOOL_FAILED = 5;

/* Its exit code, and what it printed. */
function inspect(agent, args) {
	const variables = Object.entries(agent.env).flatMap(([name, value]) =>
		['-e', `${name}=${value}`]);

	return new Promise((done) => {
		execFile(process.execPath, [INSPECTOR, '--cli', ...variables,
			...args, '--format', 'json', mcpProgram],
		{ encoding: 'utf8', env: { ...process.env, HOME: agent.dir } },
		(error, stdout, stderr) => done({ code: error?.code ?? 0,
			stdout, stderr }));
	});
}

async function inspected(agent, args) {
	const { code, stdout, stderr } = await inspect(agent, args);

	assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
	return JSON.parse(stdout).result;
}

function calling(name, args) {
	return ['--method', 'tools/call', '--tool-name', name,
		'--tool-args-json', JSON.stringify(args)];
}

for (const era of ['legacy', 'auto', 'modern'])
	test(`the_inspector_lists_strictly_${era}`, async (t) => {
		const { tools } = await inspected(await t.agent(),
			['--method', 'tools/list', '--strict',
				'--protocol-era', era]);
		assert.deepEqual(tools.map(({ name }) => name), names);
	});

/* Each call is a server of its own, so what is in the inbox outlives it. */
let listed;

for (const name of names)
	test(`the_inspector_calls_${name}`, async (t) => {
		const agent = await t.agent();
		listed ??= inspected(agent, ['--method', 'tools/list']);
		const { tools } = await listed;
		const call = checked({ call: (tool, args) =>
			inspected(agent, calling(tool, args)) }, tools);
		await cases[name]({ agent, call, unique: `word${name}` });
	});

test('the_inspector_sees_failures', async (t) => {
	const agent = await t.agent();
	for (const [name, args] of [['inbox_pop', {}], ['no_such_tool', {}]]) {
		const { code } = await inspect(agent, calling(name, args));
		assert.equal(code, TOOL_FAILED, name);
	}
});

await run();
