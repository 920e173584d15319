// SPDX-License-Identifier: MIT
#include "app/platform/stamp.h"

#include <stddef.h>
#include <stdio.h>

#define US_PER_S INT64_C(1000000)
#define S_PER_DAY INT64_C(86400)

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar. The year
 * is taken to begin in March, so that the leap day is its last. */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day;
	int64_t leap = of_era / 4 - of_era / 100;

	return era * 146097 + of_era * 365 + leap + of_year - 1 - 719468;
}

static void date_of(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

void stamp_format(char *out, int64_t us)
{
	int64_t seconds = us / US_PER_S, fraction = us % US_PER_S;
	int64_t days;
	int year, month, day, left;

	if (fraction < 0) {
		fraction += US_PER_S;
		seconds--;
	}
	days = seconds / S_PER_DAY;
	left = (int)(seconds % S_PER_DAY);
	if (left < 0) {
		left += (int)S_PER_DAY;
		days--;
	}
	date_of(days, &year, &month, &day);
	(void)snprintf(out, STAMP_TEXT_MAX,
		       "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", year % 10000,
		       month, day, left / 3600, left / 60 % 60, left % 60,
		       (int)fraction);
}

/* Reads exactly `width` digits and steps over them; -1 when they are not. */
static int digits(const char **at, int width)
{
	int value = 0;

	while (width-- > 0) {
		if (**at < '0' || **at > '9')
			return -1;
		value = value * 10 + (**at - '0');
		(*at)++;
	}
	return value;
}

static bool take(const char **at, const char *any_of)
{
	for (; *any_of; any_of++) {
		if (**at == *any_of) {
			(*at)++;
			return true;
		}
	}
	return false;
}

/* The fraction after the seconds, in microseconds; 0 when there is none. */
static bool fraction_of(const char **at, int64_t *us)
{
	int64_t unit = US_PER_S / 10;

	*us = 0;
	if (!take(at, "."))
		return true;
	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
		*us += (**at - '0') * unit;
	return true;
}

/* "Z" or "+hh:mm" or "-hh:mm", in seconds east of UTC. */
static bool offset_of(const char **at, int64_t *seconds)
{
	bool west = **at == '-';
	int hours, minutes;

	*seconds = 0;
	if (take(at, "Zz"))
		return true;
	if (!take(at, "+- "))
		return false;
	hours = digits(at, 2);
	if (hours < 0 || hours > 23 || !take(at, ":"))
		return false;
	minutes = digits(at, 2);
	if (minutes < 0 || minutes > 59)
		return false;
	*seconds = (hours * 60 + minutes) * (west ? -60 : 60);
	return true;
}

static bool in(int value, int low, int high)
{
	return value >= low && value <= high;
}

bool stamp_parse(int64_t *us, const char *text)
{
	const char *at = text;
	int part[6]; /* year, month, day, hour, minute, second */
	static const char *const separators[] = { "-", "-", "Tt ", ":", ":" };
	int64_t fraction, offset;

	for (size_t i = 0; i < 6; i++) {
		part[i] = digits(&at, i == 0 ? 4 : 2);
		if (part[i] < 0 || (i < 5 && !take(&at, separators[i])))
			return false;
	}
	if (!in(part[1], 1, 12) || !in(part[2], 1, 31) || !in(part[3], 0, 23) ||
	    !in(part[4], 0, 59) || !in(part[5], 0, 60))
		return false;
	if (!fraction_of(&at, &fraction) || !offset_of(&at, &offset) || *at)
		return false;
	*us = (days_of(part[0], part[1], part[2]) * S_PER_DAY + part[3] * 3600 +
	       part[4] * 60 + part[5] - offset) *
		      US_PER_S +
	      fraction;
	return true;
}
