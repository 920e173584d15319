// SPDX-License-Identifier: MIT
/*
 * MCP over HTTP for a server that speaks stdio, as far as the conformance
 * suite needs it. What is HTTP's own is done here: sessions, status codes,
 * the header that must agree with the body; every message is the server's.
 *
 * In the handshake revisions a session is one process, from initialize to
 * DELETE. From 2026-07-28 on a request has nothing to do with any other, so
 * each gets a process to itself.
 */
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { randomUUID } from 'node:crypto';
import { mcpProgram } from './world.mjs';

const MODERN_FROM = '2026-07-28';
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
const HEADER_MISMATCH = -32020;
const STATUS = new Map([
	[-32700, 400], [-32600, 400], [-32601, 404], [-32602, 400],
	[-32020, 400], [-32021, 400], [-32022, 400],
]);

/* A server process; messages(id) goes on until the answer to that request. */
function start(env) {
	const server = spawn(mcpProgram, [],
		{ env, stdio: ['pipe', 'pipe', 'inherit'] });
	const listeners = new Set();

	server.stdin.on('error', () => {});
	createInterface({ input: server.stdout }).on('line', (line) => {
		for (const listener of listeners)
			listener(JSON.parse(line));
	});
	return {
		send: (message) =>
			server.stdin.write(`${JSON.stringify(message)}\n`),
		listen: (listener) => {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		end: () => server.stdin.end(),
	};
}

function readJson(request) {
	return new Promise((done, fail) => {
		let text = '';
		request.setEncoding('utf8');
		request.on('data', (chunk) => { text += chunk; });
		request.on('end', () => done(JSON.parse(text)));
		request.on('error', fail);
	});
}

function answer(response, status, message, headers = {}) {
	response.writeHead(status,
		{ 'content-type': 'application/json', ...headers });
	response.end(message && JSON.stringify(message));
}

/* Sends a request on and gives back what comes of it: one answer as JSON, or
 * an event stream if something comes before it. */
function relay(server, message, response, { modern, headers }) {
	return new Promise((done) => {
		const stop = server.listen((from) => {
			const last = from.id === message.id;
			const code = modern && STATUS.get(from.error?.code);

			if (last && !response.headersSent) {
				answer(response, code || 200, from, headers);
			} else {
				if (!response.headersSent)
					response.writeHead(200, { ...headers,
						'content-type':
							'text/event-stream' });
				response.write(
					`data: ${JSON.stringify(from)}\n\n`);
				if (last)
					response.end();
			}
		});
		response.on('close', () => {
			stop();
			done();
		});
		server.send(message);
	});
}

async function postModern(env, message, request, response) {
	const version = message.params?._meta?.[VERSION_KEY];
	const header = request.headers['mcp-protocol-version'];

	if (version !== undefined && version !== header)
		return answer(response, 400, { jsonrpc: '2.0', id: message.id,
			error: { code: HEADER_MISMATCH,
				message: 'Header mismatch' } });
	const server = start(env);
	await relay(server, message, response, { modern: true });
	server.end();
}

async function postLegacy(env, sessions, message, request, response) {
	let id = request.headers['mcp-session-id'];

	if (message.method === 'initialize') {
		id = randomUUID();
		sessions.set(id, start(env));
	}
	const server = sessions.get(id);
	if (!server)
		return answer(response, 404);
	if (message.id !== undefined)
		return relay(server, message, response,
			{ headers: { 'mcp-session-id': id } });
	server.send(message);
	answer(response, 202);
}

/* Serves on a port of its own until close(). */
export async function openBridge(env) {
	const sessions = new Map();

	function remove(id) {
		const server = sessions.get(id);
		server?.end();
		return sessions.delete(id);
	}

	async function handle(request, response) {
		if (request.method === 'DELETE')
			return answer(response, remove(
				request.headers['mcp-session-id']) ? 200 : 404);
		if (request.method !== 'POST')
			return answer(response, 405);
		const message = await readJson(request);
		const version = request.headers['mcp-protocol-version'] ?? '';
		if (version >= MODERN_FROM)
			return postModern(env, message, request, response);
		return postLegacy(env, sessions, message, request, response);
	}

	const server = createServer((request, response) => {
		handle(request, response).catch((error) =>
			answer(response, 500, { error: String(error) }));
	});
	await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
	return {
		url: `http://127.0.0.1:${server.address().port}/mcp`,
		close: async () => {
			for (const id of [...sessions.keys()])
				remove(id);
			server.closeAllConnections();
			await new Promise((done) => server.close(done));
		},
	};
}
