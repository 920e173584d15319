// SPDX-License-Identifier: MIT
/*
 * A molecule-platform on a port of its own, and families of workspaces on it.
 * Each test takes a family: the agent that molecule-mcp runs for, and those
 * whom it may talk to. Nobody outside the family can see it.
 *
 * The programs are those that MOLECULE_MCP and MOLECULE_PLATFORM name.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
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
	for await (const line of createInterface({ input: platform.stdout })) {
		const match = LISTENING.exec(line);
		if (match)
			return match[1];
	}
	throw new Error('molecule-platform ended early');
}

export async function openWorld() {
	const dir = await mkdtemp(join(tmpdir(), 'interop-'));
	const platform = spawn(program('MOLECULE_PLATFORM'),
		['--listen', '127.0.0.1:0'],
		{ stdio: ['ignore', 'pipe', 'inherit'], env: {} });
	const ended = new Promise((done) => platform.once('exit', done));
	const url = await listening(platform);
	let agents = 0;

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

	function create(about) {
		return operate('POST', '/workspaces', about);
	}

	/* A family: the agent's parent, the agent, and two that are next to
	 * it, one answered for by the platform, one that nobody runs. */
	async function agent() {
		const own = join(dir, String(++agents));
		await mkdir(own);
		const home = await create({ name: 'Home', answer: 'Home answers',
			delivery_mode: 'push' });
		const parent_id = home.id;
		const me = await create({ name: 'Agent', role: 'tester',
			parent_id, broadcast: true });
		const echo = await create({ name: 'Echo', role: 'echo',
			parent_id, answer: 'Echo answers',
			delivery_mode: 'push' });
		const quiet = await create({ name: 'Quiet', parent_id });
		return {
			...me, url, echo, quiet, dir: own,
			env: {
				HOME: own,
				CONFIGS_DIR: join(own, 'configs'),
				PLATFORM_URL: url,
				WORKSPACE_ID: me.id,
				MOLECULE_WORKSPACE_TOKEN: me.token,
			},
			/* The user writes to the agent: the message's id. */
			say: async (text) => (await operate('POST',
				`/workspaces/${me.id}/messages`,
				{ text })).activity_id,
			operate,
			close: async () => {
				for (const { id } of [quiet, echo, me, home])
					await operate('DELETE',
						`/workspaces/${id}`);
			},
		};
	}

	async function close() {
		platform.kill('SIGTERM');
		await ended;
		await rm(dir, { recursive: true, force: true });
	}

	return { url, dir, agent, operate, close };
}
