// SPDX-License-Identifier: MIT
/*
 * mcp_server TOOLS PACKAGES - an MCP server made with the official SDK, as
 * lean as that allows: it lists the tools of the file TOOLS and answers each
 * call as molecule-mcp does for an empty inbox. PACKAGES is the directory whose
 * node_modules holds the SDK. `mcp` compares.
 */
'use strict';

const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { resolve } = require('node:path');

const [toolsPath, packages] = process.argv.slice(2);
const sdk = createRequire(`${resolve(packages)}/`);
const { Server } = sdk('@modelcontextprotocol/sdk/server/index.js');
const { StdioServerTransport } =
	sdk('@modelcontextprotocol/sdk/server/stdio.js');
const { CallToolRequestSchema, ListToolsRequestSchema } =
	sdk('@modelcontextprotocol/sdk/types.js');

const { tools } = JSON.parse(readFileSync(toolsPath, 'utf8'));
const server = new Server({ name: 'node', version: '1' },
	{ capabilities: { tools: {} } });

server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }));
server.setRequestHandler(CallToolRequestSchema, () => ({
	content: [{ type: 'text', text: '[]' }],
	structuredContent: { messages: [] },
}));
server.connect(new StdioServerTransport());
