// SPDX-License-Identifier: MIT
/*
 * How each tool is called, and what must come of it: one function by the name
 * of each. A function gets
 *
 *	agent	the family (world.mjs)
 *	call	call(name, arguments, options): the result, checked
 *	unique	a word that no other call has used
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './harness.mjs';
import { check } from './schemas.mjs';

/* All tools, in the order in which they must be listed. */
export const names = [
	'delegate_task', 'delegate_task_async', 'check_task_status',
	'list_peers', 'get_workspace_info', 'get_runtime_identity',
	'update_agent_card', 'broadcast_message', 'send_message_to_user',
	'wait_for_message', 'inbox_peek', 'inbox_pop', 'chat_history',
	'commit_memory', 'recall_memory',
];

export function textOf(result) {
	return result.content.map((block) => block.text).join('\n');
}

export function jsonOf(result) {
	return JSON.parse(textOf(result));
}

/* A call whose result is what the protocol and the tool's entry promise, and
 * a success. */
export function checked(session, tools) {
	return async (name, args, options) => {
		const tool = tools.find((each) => each.name === name);
		const result = await session.call(name, args, options);

		assert.ok(!result.isError, `${name}: ${textOf(result)}`);
		assert.ok(result.content.length > 0, `${name}: no content`);
		for (const block of result.content)
			assert.equal(block.type, 'text');
		assert.equal(result.structuredContent !== undefined,
			tool.outputSchema !== undefined,
			`${name}: structuredContent where there is a schema`);
		if (tool.outputSchema)
			check(tool.outputSchema, result.structuredContent,
				`${name}'s structuredContent`);
		return result;
	};
}

/* The user's message, once it is in the inbox: its id. */
async function arrived({ agent, call, unique }) {
	const id = await agent.say(`about ${unique}`);
	const { activity_id } = jsonOf(await call('wait_for_message',
		{ timeout_secs: 30 }));

	assert.equal(activity_id, id);
	return id;
}

async function delegated({ agent, call, unique }) {
	const result = await call('delegate_task_async', {
		workspace_id: agent.echo.id, task: `Think of ${unique}`,
	});
	return jsonOf(result).delegation_id;
}

export const cases = {
	delegate_task: async ({ agent, call, unique }) => {
		const result = await call('delegate_task', {
			workspace_id: agent.echo.id, task: `Say ${unique}`,
		});
		assert.match(textOf(result), /Echo answers/);
	},

	delegate_task_async: async (t) => {
		assert.match(await delegated(t), /^[0-9a-f-]{36}$/);
	},

	check_task_status: async (t) => {
		const task_id = await delegated(t);
		const args = { workspace_id: t.agent.echo.id, task_id };
		const { result, status } = await until(async () => {
			const result = await t.call('check_task_status', args);
			const { status } = jsonOf(result);
			return status === 'completed' && { result, status };
		}, 'the end of the task');
		assert.equal(status, 'completed');
		assert.match(textOf(result), /Echo answers/);
		const all = await t.call('check_task_status',
			{ ...args, task_id: '' });
		assert.ok(jsonOf(all).delegations.some(
			({ delegation_id }) => delegation_id === task_id));
	},

	list_peers: async ({ agent, call }) => {
		const text = textOf(await call('list_peers', {}));
		for (const { id, name } of [agent.echo, agent.quiet]) {
			assert.ok(text.includes(id), text);
			assert.ok(text.includes(name), text);
		}
		assert.ok(!text.includes(agent.id), text);
	},

	get_workspace_info: async ({ agent, call }) => {
		const info = jsonOf(await call('get_workspace_info', {}));
		assert.equal(info.id, agent.id);
		assert.equal(info.name, 'Agent');
	},

	get_runtime_identity: async ({ agent, call }) => {
		const result = await call('get_runtime_identity', {});
		assert.equal(jsonOf(result).workspace_id, agent.id);
	},

	update_agent_card: async ({ agent, call, unique }) => {
		const card = { name: unique, skills: [{ name: 'testing' }] };
		const result = await call('update_agent_card', { card });
		assert.equal(jsonOf(result).success, true);
		const { workspaces } = await agent.operate('GET', '/state');
		const { agent_card } = workspaces.find(
			({ id }) => id === agent.id);
		assert.equal(agent_card.name, unique);
	},

	broadcast_message: async ({ call, unique }) => {
		const result = await call('broadcast_message',
			{ message: `All: ${unique}` });
		assert.match(textOf(result), /\b[1-9]\d* workspace/);
	},

	send_message_to_user: async ({ agent, call, unique }) => {
		await call('send_message_to_user',
			{ message: `Hello ${unique}` });
		const path = join(agent.dir, `${unique}.txt`);
		await writeFile(path, 'A report.\n');
		const result = await call('send_message_to_user',
			{ message: 'A file', attachments: [path] });
		assert.match(textOf(result), /1 attachment/);
	},

	wait_for_message: async (t) => {
		const waiting = t.call('wait_for_message',
			{ timeout_secs: 30 });
		const id = await t.agent.say(`wait for ${t.unique}`);
		const message = jsonOf(await waiting);
		assert.equal(message.activity_id, id);
		assert.equal(message.text, `wait for ${t.unique}`);
		assert.equal(message.kind, 'canvas_user');
		await t.call('inbox_pop', { activity_id: id });
		const nothing = await t.call('wait_for_message',
			{ timeout_secs: 0 });
		assert.equal(jsonOf(nothing).timeout, true);
	},

	inbox_peek: async (t) => {
		const id = await arrived(t);
		const result = await t.call('inbox_peek', { limit: 5 });
		const messages = jsonOf(result);
		assert.deepEqual(messages.map((m) => m.activity_id), [id]);
		assert.deepEqual(result.structuredContent.messages,
			messages.map((m) => ({ ...m, untrusted: true })));
		await t.call('inbox_pop', { activity_id: id });
	},

	inbox_pop: async (t) => {
		const activity_id = await arrived(t);
		const first = await t.call('inbox_pop', { activity_id });
		assert.deepEqual(jsonOf(first), { removed: true, activity_id });
		const again = await t.call('inbox_pop', { activity_id });
		assert.deepEqual(jsonOf(again),
			{ removed: false, activity_id });
	},

	chat_history: async ({ agent, call, unique }) => {
		const peer_id = agent.echo.id;
		await call('delegate_task',
			{ workspace_id: peer_id, task: `Recall ${unique}` });
		const rows = jsonOf(await call('chat_history', { peer_id }));
		assert.ok(JSON.stringify(rows).includes(unique),
			JSON.stringify(rows));
	},

	commit_memory: async ({ call, unique }) => {
		const result = await call('commit_memory',
			{ content: `Remember ${unique}`, scope: 'TEAM' });
		assert.equal(jsonOf(result).success, true);
	},

	recall_memory: async ({ call, unique }) => {
		await call('commit_memory', { content: `Recall ${unique}` });
		const result = await call('recall_memory', { query: unique });
		assert.match(textOf(result),
			new RegExp(`^\\[LOCAL\\] Recall ${unique}$`, 'm'));
	},
};
