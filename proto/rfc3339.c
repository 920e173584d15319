// SPDX-License-Identifier: MIT
#include "proto/rfc3339.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

/* Reads `digits` digits into *out and moves on. */
static bool number(const char **at, int digits, int *out)
{
	*out = 0;
	for (int i = 0; i < digits; i++) {
		char c = (*at)[i];

		if (c < '0' || c > '9')
			return false;
		*out = *out * 10 + (c - '0');
	}
	*at += digits;
	return true;
}

static bool one_of(const char **at, const char *set)
{
	if (**at == '\0' || strchr(set, **at) == NULL)
		return false;
	++*at;
	return true;
}

static bool fraction(const char **at)
{
	int digit;

	if (**at != '.')
		return true;
	++*at;
	if (!number(at, 1, &digit))
		return false;
	while (**at >= '0' && **at <= '9')
		++*at;
	return true;
}

/* Z or ±hh:mm, in seconds. */
static bool offset(const char **at, int *out)
{
	char sign = **at;
	int hours, minutes;

	*out = 0;
	if (one_of(at, "Zz"))
		return true;
	if (!one_of(at, "+-") || !number(at, 2, &hours) || !one_of(at, ":") ||
	    !number(at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*out = (hours * 60 + minutes) * 60;
	if (sign == '-')
		*out = -*out;
	return true;
}

bool rfc3339_seconds(const char *text, int64_t *out)
{
	struct tm tm = { 0 };
	int zone;

	if (!number(&text, 4, &tm.tm_year) || !one_of(&text, "-") ||
	    !number(&text, 2, &tm.tm_mon) || !one_of(&text, "-") ||
	    !number(&text, 2, &tm.tm_mday) || !one_of(&text, "Tt ") ||
	    !number(&text, 2, &tm.tm_hour) || !one_of(&text, ":") ||
	    !number(&text, 2, &tm.tm_min) || !one_of(&text, ":") ||
	    !number(&text, 2, &tm.tm_sec) || !fraction(&text) ||
	    !offset(&text, &zone) || *text != '\0')
		return false;
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
	    tm.tm_sec > 60)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	*out = (int64_t)timegm(&tm) - zone;
	return true;
}
