// SPDX-License-Identifier: MIT
/* What is asked of the protocol itself, by every client in every revision:
 * errors, calls side by side, calls taken back, messages pushed. */
import assert from 'node:assert/strict';
import { StdioClientTransport as Stdio1 }
	from '@modelcontextprotocol/sdk/client/stdio.js';
import { LEGACY, MODERN, common, open, ways } from './clients.mjs';
import { run, test, until } from './harness.mjs';
import { jsonOf, textOf } from './tools.mjs';

const METHOD_NOT_FOUND = -32601, INVALID_PARAMS = -32602;
const META = 'io.modelcontextprotocol';
const CHANNEL = 'notifications/claude/channel';
const WAITS = 50, CALLS = 200, CANCELLED = 20;
const TEXT_MAX = 2048; /* of instructions and descriptions, to be read whole */

function testEach(name, body) {
	for (const way of ways)
		test(`${name}_by_${way.name}`, async (t) => {
			const agent = await t.agent();
			await body(t, await open(t, way, agent), agent);
		});
}

/* Waits that are on their way; each must be caught, since a test may end
 * before it. */
function waits(session, count, options) {
	return Array.from({ length: count }, () => {
		const wait = session.call('wait_for_message',
			{ timeout_secs: 40 }, options?.());
		wait.catch(() => {});
		return wait;
	});
}

testEach('who_it_is_is_said', async (t, session) => {
	const { client, instructions } = session;
	assert.equal(client.getServerVersion().name, 'molecule');
	assert.ok(client.getServerCapabilities().tools);
	assert.match(instructions, /inbox_pop/);
	assert.ok(Buffer.byteLength(instructions) < TEXT_MAX);
	if (!session.modern)
		assert.deepEqual(await session.request('ping'), {});
	else
		assert.ok(client.getDiscoverResult().supportedVersions
			.includes(MODERN));
});

testEach('what_is_unknown_is_refused', async (t, session) => {
	await assert.rejects(session.request('no/such', {}),
		{ code: METHOD_NOT_FOUND });
	await assert.rejects(session.call('no_such_tool', {}),
		{ code: INVALID_PARAMS });
	assert.ok((await session.list()).length > 0);
});

testEach('bad_arguments_are_results', async (t, session, agent) => {
	await session.list(); /* so that the client knows the schemas */
	for (const [tool, args, named] of [
		['inbox_pop', {}, 'activity_id'],
		['inbox_pop', { activity_id: 7 }, 'activity_id'],
		['delegate_task', { workspace_id: agent.echo.id }, 'task'],
		['send_message_to_user', { message: '' }, 'message'],
		['send_message_to_user', { message: 'x',
			attachments: ['/no/such/file'] }, '/no/such/file'],
	]) {
		const result = await session.call(tool, args);
		assert.equal(result.isError, true, tool);
		assert.ok(textOf(result).includes(named), textOf(result));
	}
	const unknown = '11111111-2222-4333-8444-555555555555';
	const result = await session.call('delegate_task',
		{ workspace_id: unknown, task: 'x' });
	assert.equal(result.isError, true);
});

testEach('calls_run_side_by_side', async (t, session, agent) => {
	const waiting = waits(session, WAITS);
	const calls = Array.from({ length: CALLS }, (_, i) =>
		i % 2 ? session.call('list_peers', {})
			: session.call('inbox_peek', {}));

	for (const result of await Promise.all(calls))
		assert.ok(!result.isError, textOf(result));
	const activity_id = await agent.say('for all');
	for (const wait of waiting)
		assert.equal(jsonOf(await wait).activity_id, activity_id);
	assert.deepEqual(jsonOf(await session.call('inbox_pop',
		{ activity_id })), { removed: true, activity_id });
});

testEach('cancelled_calls_get_no_answer', async (t, session, agent) => {
	const { client, seen, sent } = session;
	const abort = new AbortController();
	const taken = [
		...waits(session, CANCELLED, () => ({ signal: abort.signal })),
		...waits(session, CANCELLED, () => ({ timeout: 100 })),
	];
	const asked = () => sent.filter((m) => m.method === 'tools/call')
		.map(({ id }) => id);
	await until(() => asked().length === taken.length, 'the requests');
	const ids = new Set(asked());
	const [kept] = waits(session, 1);

	abort.abort('no longer wanted');
	for (const { status } of await Promise.allSettled(taken))
		assert.equal(status, 'rejected');
	assert.equal(sent.filter((m) =>
		m.method === 'notifications/cancelled').length, 2 * CANCELLED);
	/* Taken back twice, and what was never asked. */
	for (const requestId of [...ids, 4711, 'never'])
		await client.notification({ method: 'notifications/cancelled',
			params: { requestId } });
	const activity_id = await agent.say('for who still waits');
	assert.equal(jsonOf(await kept).activity_id, activity_id);
	await session.call('inbox_pop', { activity_id });
	assert.deepEqual(seen.filter((m) => ids.has(m.id)), []);
});

testEach('messages_are_pushed_in_handshake_revisions',
	async (t, session, agent) => {
		const pushed = () => session.seen.filter(
			(m) => m.method === CHANNEL);

		await session.call('inbox_peek', {});
		const activity_id = await agent.say('look up');
		await until(async () => session.modern ?
			jsonOf(await session.call('inbox_peek', {})).length :
			pushed().length, 'the message');
		assert.equal(pushed().length, session.modern ? 0 : 1);
		if (session.modern)
			return;
		const [{ params: { content, meta } }] = pushed();
		assert.ok(content.includes('look up'), content);
		assert.equal(meta.activity_id, activity_id);
		assert.equal(meta.kind, 'canvas_user');
		for (const [key, value] of Object.entries(meta)) {
			assert.match(key, /^\w+$/);
			assert.equal(typeof value, 'string');
		}
	});

/* Either side may end a subscription, although there is nothing to tell. */
for (const way of ways.filter(({ revision }) => revision === MODERN))
	test(`subscriptions_end_from_either_side_by_${way.name}`, async (t) => {
		const session = await open(t, way, await t.agent());
		const { client } = session;
		const filter = { toolsListChanged: true };

		const first = await client.listen(filter);
		assert.deepEqual(first.honoredFilter, {});
		await first.close();
		const second = await client.listen(filter);
		assert.ok((await session.list()).length > 0);
		process.kill(client.transport.pid, 'SIGTERM');
		assert.equal(await second.closed, 'graceful');
	});

/* Two agents, each by a client of its own: a task, and its answer. */
test('two_agents_talk_to_each_other', async (t) => {
	const agent = await t.agent();
	const [asking, answering] = await Promise.all([
		open(t, common[0], agent), open(t, common[1], agent.quiet)]);
	const answer = asking.call('delegate_task',
		{ workspace_id: agent.quiet.id, task: 'How many moons?' });
	answer.catch(() => {});
	const [wait] = waits(answering, 1);
	const task = jsonOf(await wait);

	assert.equal(task.text, 'How many moons?');
	assert.equal(task.kind, 'peer_agent');
	assert.equal(task.peer_id, agent.id);
	const reply = await answering.call('delegate_task',
		{ workspace_id: task.peer_id, task: 'Two.' });
	assert.ok(!reply.isError, textOf(reply));
	await answering.call('inbox_pop', { activity_id: task.activity_id });
	assert.equal(textOf(await answer), 'Two.');
});

/* A process that lives only for the probe takes nothing away. */
test('what_came_before_the_probe_is_not_lost', async (t) => {
	const agent = await t.agent();
	const activity_id = await agent.say('early');
	const session = await open(t, ways.find(
		({ name }) => name === 'client_2_auto'), agent);
	const [wait] = waits(session, 1);
	assert.equal(jsonOf(await wait).activity_id, activity_id);
});

/* Asks for server/discover in the process that then gets initialize. */
class Probing extends Stdio1 {
	async start() {
		const { onmessage } = this;
		await super.start();
		this.probed = await new Promise((answered) => {
			this.onmessage = answered;
			this.send({ jsonrpc: '2.0', id: 'probe',
				method: 'server/discover',
				params: { _meta: {
					[`${META}/protocolVersion`]: MODERN,
					[`${META}/clientCapabilities`]: {},
				} } });
		});
		this.onmessage = onmessage;
	}
}

for (const way of ways.filter(({ Stdio }) => Stdio === Stdio1))
	test(`a_probe_may_come_before_the_handshake_by_${way.name}`,
		async (t) => {
			const agent = await t.agent();
			const session = await open(t,
				{ ...way, Stdio: Probing }, agent);
			const { id, result } = session.client.transport.probed;

			assert.equal(id, 'probe');
			assert.ok(result.supportedVersions.includes(MODERN));
			assert.equal(result.resultType, 'complete');
			assert.ok(LEGACY.includes(session.revision));
			const [wait] = waits(session, 1);
			const activity_id = await agent.say('after the probe');
			assert.equal(jsonOf(await wait).activity_id,
				activity_id);
		});

await run();
