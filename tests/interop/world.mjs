// SPDX-License-Identifier: MIT
/*
 * What a test takes place in: a molecule-platform on a port of its own, with
 * the agent that molecule-mcp runs for, and those whom it may talk to.
 *
 * The programs are those that MOLECULE_MCP and MOLECULE_PLATFORM name.
 */
import { randomUUID } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const LISTENING = /^listening on (http:\S+)$/;

export const mcpProgram = program('MOLECULE_MCP');

function program(variable) {
	const path = process.env[variable];
	if (!path)
		throw new Error(`set ${variable} to the program's path`);
	return path;
}

/* What it says on stdout before it serves; its stderr is ours. */
async function listening(platform) {
	await once(platform, 'spawn');
	for await (const line of createInterface({ input: platform.stdout })) {
		const match = LISTENING.exec(line);
		if (match)
			return match[1];
	}
	throw new Error('molecule-platform ended early');
}

/* A platform and its family of workspaces: the agent, its parent, and two that
 * are next to it, one answered for by the platform, one that nobody runs. */
export async function openFamily() {
	const dir = await mkdtemp(join(tmpdir(), 'interop-'));
	const platform = spawn(program('MOLECULE_PLATFORM'),
		['--listen', '127.0.0.1:0'],
		{ stdio: ['ignore', 'pipe', 'inherit'], env: {} });
	let closing = false;
	const ended = new Promise((done) => {
		platform.once('exit', (code, signal) => {
			if (!closing)
				console.log('molecule-platform has ended:',
					signal ?? code);
			done();
		});
	});
	const url = await listening(platform);

	/* Acts as the user or the operator: POST, PATCH, … under /demo. */
	async function operate(method, path, body) {
		const answer = await fetch(`${url}/demo${path}`, {
			method,
			body: body && JSON.stringify(body),
		});
		const text = await answer.text();
		if (!answer.ok)
			throw new Error(`${method} /demo${path}: ` +
				`${answer.status} ${text}`);
		return text ? JSON.parse(text) : null;
	}

	/* Does as that workspace. */
	async function post(path, { id, token }, body) {
		const answer = await fetch(`${url}${path}`, {
			method: 'POST',
			headers: { 'authorization': `Bearer ${token}`,
				'content-type': 'application/json',
				'x-workspace-id': id },
			body: JSON.stringify(body),
		});
		if (!answer.ok)
			throw new Error(`${path}: ${await answer.text()}`);
	}

	function create(about) {
		return operate('POST', '/workspaces', about);
	}

	const { id: parent_id } = await create({ name: 'Home',
		delivery_mode: 'push', answer: 'Home answers' });
	const agent = await create({ name: 'Agent', role: 'tester', parent_id,
		broadcast: true });
	const echo = await create({ name: 'Echo', role: 'echo', parent_id,
		delivery_mode: 'push', answer: 'Echo answers' });
	const quiet = await create({ name: 'Quiet', parent_id });

	/* What molecule-mcp needs to run for that workspace. */
	function environment({ id, name, token }) {
		return {
			HOME: dir,
			CONFIGS_DIR: join(dir, name),
			PLATFORM_URL: url,
			WORKSPACE_ID: id,
			MOLECULE_WORKSPACE_TOKEN: token,
		};
	}

	return {
		...agent, echo, dir, operate,
		quiet: { ...quiet, env: environment(quiet) },
		env: environment(agent),
		/* The user writes to the agent: the message's id. */
		say: async (text) => (await operate('POST',
			`/workspaces/${agent.id}/messages`,
			{ text })).activity_id,
		/* Another workspace writes to the agent. */
		answer: (from, text) => post(`/workspaces/${agent.id}/a2a`,
			from, { jsonrpc: '2.0', id: randomUUID(),
				method: 'message/send', params: { message: {
					role: 'user', messageId: randomUUID(),
					parts: [{ kind: 'text', text }],
				} } }),
		close: async () => {
			closing = true;
			platform.kill('SIGTERM');
			await ended;
			await rm(dir, { recursive: true, force: true });
		},
	};
}
