// SPDX-License-Identifier: MIT
#include "app/platform/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/platform/events.h"
#include "app/platform/members.h"

#define RATE_MAX 1000000000L
#define STALE_MAX_S 86400.0
#define ORG_MAX 128

static const char usage[] =
	"molecule-platform: a local Molecule platform, in memory\n"
	"\n"
	"usage: molecule-platform [options]\n"
	"\n"
	"  --listen HOST:PORT    where to serve (default 127.0.0.1:8787; port "
	"0\n"
	"                        lets the system choose; [::1]:8787 for IPv6)\n"
	"  --tls                 serve https, with a certificate that it "
	"makes\n"
	"                        for localhost, 127.0.0.1 and ::1; clients\n"
	"                        trust it with SSL_CERT_FILE=PATH\n"
	"  --tls-dir DIR         the same, keeping the certificate in DIR for\n"
	"                        the next start (default: a private directory\n"
	"                        that is removed at the end)\n"
	"  --tls-cert FILE       serve https with this certificate chain, and\n"
	"  --tls-key FILE        this key, both PEM; the key not encrypted\n"
	"\n"
	"workspaces:\n"
	"  --seed FILE           workspaces to begin with, as JSON:\n"
	"                        "
	"{\"workspaces\":[{\"id\":UUID,\"token\":TEXT,\n"
	"                        "
	"\"name\",\"role\",\"tier\",\"parent_id\",…}]},\n"
	"                        or what MOLECULE_WORKSPACES holds\n"
	"  --workspaces N        makes N more, with tokens\n"
	"  --workspaces-file F   writes those that have a token to F, as\n"
	"                        MOLECULE_WORKSPACES takes them\n"
	"  --allow-broadcast     workspaces may broadcast unless the seed "
	"says\n"
	"                        otherwise (default: they may not)\n"
	"  --track-delegations   a delegation to a poll-mode workspace is "
	"open\n"
	"                        until that sends its answer (default: as on\n"
	"                        the true platform it is completed at once, "
	"by\n"
	"                        the word that it is queued)\n"
	"  --push-results        the end of a delegation is left in the inbox "
	"of\n"
	"                        who gave it (DELEGATION_RESULT_INBOX_PUSH)\n"
	"\n"
	"what stands in the way:\n"
	"  --rate-limit N        at most N requests a minute from one address\n"
	"                        (default: any number)\n"
	"  --org-id ID           requests need X-Molecule-Org-Id: ID\n"
	"  --require-origin      requests without an Origin get an empty 404, "
	"as\n"
	"                        behind an edge\n"
	"  --no-stream           event streams are refused with 404\n"
	"  --silent-stream       event streams are open and say nothing\n"
	"  --cut-streams SECS    event streams are cut, each after a random "
	"time\n"
	"                        of SECS on average\n"
	"  --stale-after SECS    a workspace without a heartbeat for so long\n"
	"                        awaits its agent (default 90)\n"
	"\n"
	"  --demo                show molecule-mcp at work, step by step, "
	"over\n"
	"                        https\n"
	"  --mcp PATH            the molecule-mcp that --demo starts "
	"(default:\n"
	"                        the one beside this program)\n"
	"  --help, --version\n"
	"\n"
	"It prints \"listening on http://HOST:PORT\" (or https://…) when it "
	"is\n"
	"ready, after \"certificate PATH\" if it made one, and serves until\n"
	"SIGTERM or SIGINT. Under /demo anyone on this machine may act as the\n"
	"user and the operator:\n"
	"\n"
	"  POST   /demo/workspaces               a new workspace\n"
	"  DELETE /demo/workspaces/ID            removes it\n"
	"  PATCH  /workspaces/ID/abilities       {\"broadcast_enabled\"?,\n"
	"                                        \"talk_to_user_enabled\"?,\n"
	"                                        \"can_delegate\"?}\n"
	"  POST   /demo/workspaces/ID/messages   {\"text\", \"files\"?: "
	"[{\"name\",\n"
	"                                        \"text\"}], \"count\"?, …}\n"
	"  PATCH  /demo/workspaces/ID/delegations/ID  {\"status\", \"text\"?}\n"
	"  POST   /demo/faults                   {\"endpoint\", \"status\", "
	"\"body\"?,\n"
	"                                        \"times\"?, \"delay_ms\"?, "
	"\"cut\"?,\n"
	"                                        …}: the next answers; DELETE\n"
	"  PATCH  /demo/streams                  {\"refused\"?, \"silent\"?,\n"
	"                                        \"cut_mean_seconds\"?}; "
	"DELETE\n"
	"                                        cuts all\n"
	"  GET    /demo/state, /demo/requests, /demo/counters; DELETE of the\n"
	"                                        last begins to count anew\n";

void options_complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fputs("molecule-platform: ", stderr);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
}

static int wrong(const char *option, const char *value, const char *expected)
{
	options_complain("%s%s%s: %s; see --help", option, *value ? " " : "",
			 value, expected);
	return OPTIONS_EXIT_USAGE;
}

/* Splits "HOST:PORT" or "[HOST6]:PORT". */
static bool read_listen(struct options *options, const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	char *end;
	unsigned long port;

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (!colon || len == 0 || len >= OPTIONS_HOST_MAX || colon[1] < '0' ||
	    colon[1] > '9')
		return false;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > 65535)
		return false;
	memcpy(options->host, text, len);
	options->host[len] = '\0';
	options->platform.port = (uint16_t)port;
	return true;
}

static bool read_count(uint32_t *count, const char *text, long max)
{
	char *end;
	long value = strtol(text, &end, 10);

	*count = (uint32_t)value;
	return end != text && !*end && value >= 0 && value <= max;
}

static bool read_seconds(uint32_t *ms, const char *text, double max)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0.01) || !(seconds <= max))
		return false;
	*ms = (uint32_t)(seconds * 1000);
	return true;
}

static bool read_org(struct platform_options *platform, const char *text)
{
	platform->org_id = text;
	for (; *text; text++) {
		if (*text < 0x21 || *text > 0x7e)
			return false;
	}
	return text != platform->org_id && text - platform->org_id <= ORG_MAX;
}

/* A directory as clients can name it too, from wherever they run. */
static bool read_dir(struct options *options, const char *text)
{
	char here[OPTIONS_DIR_MAX] = "";
	int n;

	if (*text != '/' && !getcwd(here, sizeof(here)))
		return false;
	n = snprintf(options->dir, OPTIONS_DIR_MAX, "%s%s%s", here,
		     *here ? "/" : "", text);
	options->own = true;
	return *text && n < OPTIONS_DIR_MAX;
}

/* The options that are given in words. */
static void read_word(struct options *options, int option, const char *value)
{
	struct platform_options *platform = &options->platform;

	switch (option) {
	case 't':
		options->own = true;
		break;
	case 'c':
		options->chain = value;
		break;
	case 'k':
		options->key = value;
		break;
	case 's':
		options->seed = value;
		break;
	case 'W':
		options->workspaces_file = value;
		break;
	case 'b':
		platform->allow_broadcast = true;
		break;
	case 'T':
		platform->track_delegations = true;
		break;
	case 'p':
		platform->push_results = true;
		break;
	case 'O':
		platform->require_origin = true;
		break;
	case 'N':
		platform->events.refused = true;
		break;
	case 'S':
		platform->events.silent = true;
		break;
	case 'd':
		options->demo = true;
		break;
	default: /* 'm' */
		options->mcp = value;
	}
}

/* The options whose values can be wrong. */
static int read_option(struct options *options, int option, const char *value)
{
	struct platform_options *platform = &options->platform;

	switch (option) {
	case 'l':
		if (!read_listen(options, value))
			return wrong("--listen", value, "expected HOST:PORT");
		break;
	case 'D':
		if (!read_dir(options, value))
			return wrong("--tls-dir", value,
				     "expected a directory");
		break;
	case 'w':
		if (!read_count(&options->workspaces, value, MEMBERS_MAX))
			return wrong("--workspaces", value,
				     "expected a number up to 16384");
		break;
	case 'r':
		if (!read_count(&platform->rate_limit, value, RATE_MAX))
			return wrong("--rate-limit", value,
				     "expected a number of requests");
		break;
	case 'o':
		if (!read_org(platform, value))
			return wrong("--org-id", value,
				     "expected 1 to 128 visible ASCII "
				     "characters");
		break;
	case 'C':
		if (!read_seconds(&platform->events.cut_mean_ms, value,
				  EVENTS_CUT_MAX_MS / 1000.0))
			return wrong("--cut-streams", value,
				     "expected 0.01 to 86400 seconds");
		break;
	case 'a':
		if (!read_seconds(&platform->stale_after_ms, value,
				  STALE_MAX_S))
			return wrong("--stale-after", value,
				     "expected 0.01 to 86400 seconds");
		break;
	default:
		read_word(options, option, value);
	}
	return OPTIONS_GO_ON;
}

/* What options say together. */
static int check(const struct options *options)
{
	bool given = options->chain || options->key;

	if (given && !options->key)
		return wrong("--tls-cert", "", "needs --tls-key too");
	if (given && !options->chain)
		return wrong("--tls-key", "", "needs --tls-cert too");
	if (given && options->own)
		return wrong("--tls-cert", "",
			     "not with --tls or --tls-dir, which make a "
			     "certificate");
	if (options->demo && (given || *options->dir))
		return wrong("--demo", "",
			     "it makes a certificate of its own; leave out "
			     "--tls-cert, --tls-key and --tls-dir");
	return OPTIONS_GO_ON;
}

int options_read(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "tls", no_argument, NULL, 't' },
		{ "tls-dir", required_argument, NULL, 'D' },
		{ "tls-cert", required_argument, NULL, 'c' },
		{ "tls-key", required_argument, NULL, 'k' },
		{ "seed", required_argument, NULL, 's' },
		{ "workspaces", required_argument, NULL, 'w' },
		{ "workspaces-file", required_argument, NULL, 'W' },
		{ "allow-broadcast", no_argument, NULL, 'b' },
		{ "track-delegations", no_argument, NULL, 'T' },
		{ "push-results", no_argument, NULL, 'p' },
		{ "rate-limit", required_argument, NULL, 'r' },
		{ "org-id", required_argument, NULL, 'o' },
		{ "require-origin", no_argument, NULL, 'O' },
		{ "no-stream", no_argument, NULL, 'N' },
		{ "silent-stream", no_argument, NULL, 'S' },
		{ "cut-streams", required_argument, NULL, 'C' },
		{ "stale-after", required_argument, NULL, 'a' },
		{ "demo", no_argument, NULL, 'd' },
		{ "mcp", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	int option, code = OPTIONS_GO_ON;

	opterr = 0;
	while (code == OPTIONS_GO_ON &&
	       (option = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
		switch (option) {
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		case 'v':
			(void)puts("molecule-platform " MOLECULE_VERSION);
			return 0;
		case ':':
			return wrong(argv[optind - 1], "", "needs a value");
		case '?':
			return wrong(argv[optind - 1], "", "unknown option");
		default:
			code = read_option(options, option, optarg);
		}
	}
	if (code == OPTIONS_GO_ON && optind < argc)
		code = wrong(argv[optind], "", "unexpected argument");
	return code == OPTIONS_GO_ON ? check(options) : code;
}
