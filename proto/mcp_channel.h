// SPDX-License-Identifier: MIT
/*
 * mcp_channel - an inbound message as a notification that a host puts before
 * its model by itself.
 *
 * It is no part of the protocol: Claude Code asks for it by the capability
 * "claude/channel", some other hosts have a method of their own, and whoever
 * knows none of them ignores it. Only clients with a handshake get it.
 *
 * The params are {"content": string, "meta": {string: string}}. The content is
 * a line that says who sent the message, a line that says how to reply, and
 * then the text, unaltered and to the end, so that nothing in it can pass for
 * one of those lines. Meta entries become attributes of a tag before the
 * model: their keys are lower case letters and '_', and each value is of a
 * form that cannot break out of it, or "".
 *
 *	source		     "molecule"
 *	kind		     one of those of proto/activity.h
 *	peer_id		     a UUID in lower case
 *	method		     one that the platform is known to have
 *	activity_id	     [A-Za-z0-9._:-]+
 *	ts		     a time of RFC 3339
 *	peer_name, peer_role [A-Za-z0-9 _.\-/+:@()]+, cut at
 *			     MCP_CHANNEL_NAME_MAX characters; only if known
 *	agent_card_url	     only if known
 *	arrival_workspace_id only if known
 *	attachments	     how many files came with it; only if any
 */
#ifndef PROTO_MCP_CHANNEL_H
#define PROTO_MCP_CHANNEL_H

#include "proto/jsonrpc.h"

struct activity_message;

#define MCP_CHANNEL_NAME_MAX 64

/* The host that runs this process, as far as it can be told. */
enum mcp_channel_host {
	MCP_CHANNEL_ANY,
	MCP_CHANNEL_OPENCLAW,
	MCP_CHANNEL_CURSOR,
	MCP_CHANNEL_HERMES,
};

/* The methods to use for that host, one notification each, ended by NULL: that
 * of Claude Code always, and its own. Static. */
const char *const *mcp_channel_methods(enum mcp_channel_host host);

/* Makes the notification. A text that no host could take is cut, and says so.
 * Returns as the builders of jsonrpc.h. */
int mcp_channel_line(struct jsonrpc_line *out, const char *method,
		     const struct activity_message *message);

#endif
