// SPDX-License-Identifier: MIT
/* What tools/list says, by every client in every revision: it is the same
 * each time, and portable to every host. */
import assert from 'node:assert/strict';
import { open, ways } from './clients.mjs';
import { run, test } from './harness.mjs';
import { checkSchema } from './schemas.mjs';
import { names } from './tools.mjs';

const HINTS = ['readOnlyHint', 'destructiveHint', 'idempotentHint',
	'openWorldHint'];
/* Model APIs refuse these at the root. */
const FOREIGN = ['anyOf', 'oneOf', 'allOf', 'not', 'if', '$ref', '$schema'];
const DESCRIPTION_MAX = 2048;

function checkObjectSchema(schema, what) {
	checkSchema(schema, what);
	assert.equal(schema.type, 'object', what);
	for (const keyword of FOREIGN)
		assert.ok(!(keyword in schema), `${what}: ${keyword}`);
}

function checkTool(tool) {
	const { name, title, description, annotations } = tool;

	assert.match(name, /^[a-zA-Z0-9_-]{1,64}$/);
	assert.ok(title, `${name} has a title`);
	assert.ok(description, `${name} has a description`);
	assert.ok(Buffer.byteLength(description) < DESCRIPTION_MAX, name);
	for (const [hint, value] of Object.entries(annotations)) {
		assert.ok(HINTS.includes(hint), `${name}: ${hint}`);
		assert.equal(typeof value, 'boolean', `${name}: ${hint}`);
	}
	assert.ok('readOnlyHint' in annotations, name);
	checkObjectSchema(tool.inputSchema, `${name}'s inputSchema`);
	if (tool.outputSchema)
		checkObjectSchema(tool.outputSchema, `${name}'s outputSchema`);
	for (const [argument, about] of
		Object.entries(tool.inputSchema.properties ?? {}))
		assert.ok(about.description, `${name}: ${argument}`);
	for (const argument of tool.inputSchema.required ?? [])
		assert.ok(tool.inputSchema.properties[argument],
			`${name}: ${argument}`);
}

let first;

for (const way of ways)
	test(`the_list_is_portable_by_${way.name}`, async (t) => {
		const session = await open(t, way, await t.agent());
		const tools = await session.list();

		assert.deepEqual(tools.map(({ name }) => name), names);
		tools.forEach(checkTool);
		first ??= tools;
		assert.deepEqual(tools, first);
	});

await run();
