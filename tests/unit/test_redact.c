// SPDX-License-Identifier: MIT
/* Secrets that are taken out of memories, and what must stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "proto/redact.h"

#define TEN "aB3dE6gH9j"
#define CAPS "ABCDEFGH12345678"
#define TWENTY TEN TEN
#define FORTY TWENTY TWENTY

static void check(const char *text, const char *expected)
{
	char *got = redact_secrets(text);

	print_message("%s\n", text);
	assert_string_equal(got, expected);
	free(got);
}

static void keys(void **state)
{
	(void)state;
	check("sk-" TWENTY, "[REDACTED]");
	check("a sk-" TWENTY "_-x b", "a [REDACTED] b");
	check("(sk-" TWENTY "--)", "([REDACTED]--)");
	check("sk-" TEN "aB3dE6gH9", "sk-" TEN "aB3dE6gH9");
	check("xsk-" TWENTY, "xsk-" TWENTY);
	check("ghp_" TWENTY TEN "abcdef.", "[REDACTED].");
	check("ghs_" TWENTY TEN "abcdef", "[REDACTED]");
	check("ghp_" TWENTY TEN "abcde", "ghp_" TWENTY TEN "abcde");
	check("ghp_" TWENTY TEN "abcdefg", "ghp_" TWENTY TEN "abcdefg");
	check("gho_" TWENTY TEN "abcdef", "gho_" TWENTY TEN "abcdef");
	check("github_pat_" FORTY FORTY "_z,", "[REDACTED],");
	check("github_pat_" FORTY FORTY "_", "github_pat_" FORTY FORTY "_");
	check("AKIA" CAPS, "[REDACTED]");
	check("AKIA" CAPS "9", "AKIA" CAPS "9");
	check("AKIA" CAPS "x", "AKIA" CAPS "x");
	check("AKIAabcdEFGH12345678", "AKIAabcdEFGH12345678");
	check("sk-" TWENTY " AKIA" CAPS, "[REDACTED] [REDACTED]");
}

static void values(void **state)
{
	(void)state;
	check("api_key=" FORTY, "api_key=[REDACTED]");
	check("API_KEY=" FORTY "+/== x", "API_KEY=[REDACTED] x");
	check("my_token=" FORTY ";", "my_token=[REDACTED];");
	check("secret=" FORTY, "secret=[REDACTED]");
	check("password=" FORTY, "password=[REDACTED]");
	check("password=" TWENTY TEN "aB3dE6gH9",
	      "password=" TWENTY TEN "aB3dE6gH9");
	check("password: " FORTY, "password: " FORTY);
	check("hash=" FORTY, "hash=" FORTY);
	check("key= " FORTY, "key= " FORTY);
	check("=" FORTY, "=" FORTY);
	check("token=sk-" TWENTY, "token=[REDACTED]");
}

static void ordinary_text(void **state)
{
	(void)state;
	check("", "");
	check("the key=value form; sk- alone; AKIA",
	      "the key=value form; sk- alone; AKIA");
	check("caf\xC3\xA9 sk-" TWENTY "\xC3\xA9",
	      "caf\xC3\xA9 [REDACTED]\xC3\xA9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(values),
		cmocka_unit_test(ordinary_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
