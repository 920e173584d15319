// SPDX-License-Identifier: MIT
/*
 * demo - the demonstration behind `make run`: a platform in this process, a
 * molecule-mcp started as an agent host would start it, and everything that
 * passes between a user, the agent and another agent, told step by step. They
 * talk https, with a certificate that is made for the occasion.
 *
 * The demonstration plays the user (at the platform), the agent host (on the
 * pipes) and the other agent (as a client of the platform). Without a terminal
 * on stdin it ends by itself; with one the person may then write messages,
 * until the end of input.
 */
#ifndef APP_PLATFORM_DEMO_H
#define APP_PLATFORM_DEMO_H

struct rt;

struct demo_options {
	const char *mcp;     /* the program; NULL: beside this one */
	const char *scratch; /* a private directory for its state */
	int signal_fd;	     /* readable after SIGTERM and SIGINT */
};

/* Runs it, from a runtime's main task: 0, or 1 when a step failed, which has
 * then been said. Parks. */
int demo_run(struct rt *rt, const struct demo_options *options);

#endif
