// SPDX-License-Identifier: MIT
/* Every tool, by every client, in every revision. */
import assert from 'node:assert/strict';
import { open, ways } from './clients.mjs';
import { run, test } from './harness.mjs';
import { cases, checked, names } from './tools.mjs';

let count = 0;

for (const way of ways)
	test(`every_tool_by_${way.name}`, async (t) => {
		const agent = await t.agent();
		const session = await open(t, way, agent);
		const tools = await session.list();
		const call = checked(session, tools);

		assert.deepEqual(tools.map(({ name }) => name), names);
		for (const { name } of tools) {
			assert.ok(cases[name], `no case for the tool ${name}`);
			try {
				await cases[name]({ agent, call,
					unique: `word${++count}` });
			} catch (error) {
				error.message = `${name}: ${error.message}`;
				throw error;
			}
		}
	});

await run();
