// SPDX-License-Identifier: MIT
#include "net/http_date.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DAY_S 86400
#define LAST_S INT64_C(253402300799) /* the end of 9999 */

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int month, int year)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31 };
	return days[month] + (month == 1 && is_leap(year));
}

void http_date(char out[HTTP_DATE_SIZE], int64_t seconds)
{
	static const char weekdays[] = "ThuFriSatSunMonTueWed";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	if (seconds < 0)
		seconds = 0;
	if (seconds > LAST_S)
		seconds = LAST_S;
	int time = (int)(seconds % DAY_S);
	int day = (int)(seconds / DAY_S);
	int weekday = day % 7;
	int year = 1970, month = 0;
	while (day >= 365 + is_leap(year))
		day -= 365 + is_leap(year++);
	while (day >= month_days(month, year))
		day -= month_days(month++, year);
	/* Roomier than any date, for compilers that doubt the numbers. */
	char text[80];
	(void)snprintf(text, sizeof(text),
		       "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		       weekdays + 3 * (size_t)weekday, day + 1,
		       months + 3 * (size_t)month, year, time / 3600,
		       time / 60 % 60, time % 60);
	memcpy(out, text, HTTP_DATE_SIZE);
}
