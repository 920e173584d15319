// SPDX-License-Identifier: MIT
/*
 * The official clients, each in every way in which it can reach a server over
 * stdio, behind one interface:
 *
 *	const session = await open(t, way, agent);
 *	await session.list();
 *	await session.call('inbox_peek', { limit: 3 }, options);
 *	await session.request('ping');
 *
 * `options` are the client's own: signal, timeout, onprogress and so on. A
 * session ends with its test, and then the client must have complained of
 * nothing and the server must have ended by itself, with 0.
 */
import assert from 'node:assert/strict';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Stdio1 }
	from '@modelcontextprotocol/sdk/client/stdio.js';
import { ResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { Client as Client2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio2 }
	from '@modelcontextprotocol/client/stdio';
import { mcpProgram } from './world.mjs';

export const MODERN = '2026-07-28';
export const LEGACY = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];

const clientInfo = { name: 'interop', version: '1' };

/* A result of any shape, in the form that the 2.x client asks for. */
const anyResult = {
	'~standard': {
		version: 1,
		vendor: 'interop',
		validate: (value) => ({ value }),
	},
};

/* Keeps all that passes: seen from the server, sent to it. `change` may alter
 * what is sent. */
function tap(transport, change = (message) => message) {
	const seen = [], sent = [];
	const send = transport.send.bind(transport);
	let handler;

	transport.send = (message, ...rest) => {
		const changed = change(message);
		sent.push(changed);
		return send(changed, ...rest);
	};
	Object.defineProperty(transport, 'onmessage', {
		get: () => handler,
		set: (fn) => {
			handler = fn && ((message, ...rest) => {
				seen.push(message);
				fn(message, ...rest);
			});
		},
	});
	return { seen, sent };
}

/* The 1.x client offers its newest revision always; this one offers another. */
function offering(revision) {
	return (message) => message.method === 'initialize' ? {
		...message,
		params: { ...message.params, protocolVersion: revision },
	} : message;
}

function sdk1(transport, revision) {
	const client = new Client1(clientInfo);
	const { seen, sent } = tap(transport, offering(revision));

	return {
		client, seen, sent,
		connect: () => client.connect(transport),
		request: (method, params, options) =>
			client.request({ method, params }, ResultSchema,
				options),
		call: (name, args, options) =>
			client.callTool({ name, arguments: args }, undefined,
				options),
		revision: () => seen.find((m) => m.result?.protocolVersion)
			?.result.protocolVersion,
	};
}

function sdk2(transport, options) {
	const client = new Client2(clientInfo, options);
	const { seen, sent } = tap(transport);

	return {
		client, seen, sent,
		connect: () => client.connect(transport),
		request: (method, params, how) =>
			client.request({ method, params }, anyResult, how),
		call: (name, args, how) =>
			client.callTool({ name, arguments: args }, how),
		revision: () => client.getNegotiatedProtocolVersion(),
	};
}

function way(name, revision, Stdio, start) {
	return { name, revision, Stdio, start };
}

export const ways = [
	...LEGACY.map((revision) => way(`sdk_1_at_${revision}`, revision,
		Stdio1, (transport) => sdk1(transport, revision))),
	...LEGACY.map((revision) => way(`client_2_at_${revision}`, revision,
		Stdio2, (transport) => sdk2(transport,
			{ supportedProtocolVersions: [revision] }))),
	way('client_2_default', LEGACY.at(-1), Stdio2, (transport) =>
		sdk2(transport, {})),
	way('client_2_auto', MODERN, Stdio2, (transport) =>
		sdk2(transport, { versionNegotiation: { mode: 'auto' } })),
	way(`client_2_pinned_to_${MODERN}`, MODERN, Stdio2, (transport) =>
		sdk2(transport,
			{ versionNegotiation: { mode: { pin: MODERN } } })),
].map((each) => ({ ...each, name: each.name.replaceAll(/\W/g, '_') }));

/* The way in which most hosts come, and the newest. */
export const common = [
	ways.find(({ name }) => name === 'sdk_1_at_2025_11_25'),
	ways.find(({ name }) => name.startsWith('client_2_pinned')),
];

/* Starts the server and connects. `Stdio` may be a transport derived from
 * the way's own. */
export async function open(t, { name, revision, Stdio, start }, agent) {
	const transport = new Stdio({ command: mcpProgram, env: agent.env,
		stderr: 'inherit' });
	const session = start(transport);
	const { client } = session;
	const complaints = [];

	client.onerror = (error) => complaints.push(error);
	t.after(() => client.close());
	await session.connect();
	const server = transport._process;
	t.after(async () => {
		await client.close();
		assert.equal(server.exitCode, 0,
			`${name}: the server ended with ${server.signalCode}`);
		assert.deepEqual(complaints, [], `${name} complains`);
	});
	assert.equal(session.revision(), revision);
	return {
		...session, complaints,
		revision,
		modern: revision === MODERN,
		instructions: client.getInstructions(),
		list: async () => (await client.listTools()).tools,
	};
}
