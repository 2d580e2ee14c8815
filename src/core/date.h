/* Days and moments. A day is the number of days since 1970-01-01 (proleptic Gregorian), in the
 * zone of the account; a moment is milliseconds since the epoch, UTC. No clock is read here. */
#ifndef WN_CORE_DATE_H
#define WN_CORE_DATE_H

#include "core/str.h"

#define WN_DAY_MS INT64_C(86400000)
/* The days that can be stored and asked for: 1970-01-01 .. 2199-12-31. */
#define WN_DAY_MIN 0
#define WN_DAY_MAX 84005

struct wn_date {
    int year;
    int month; /* 1..12 */
    int day;   /* 1..31 */
};

/* False when there is no such date (30 February, month 13, outside WN_DAY_MIN..WN_DAY_MAX). */
WN_MUST_USE bool wn_day_of_date(struct wn_date date, int32_t *out_day);
struct wn_date wn_date_of_day(int32_t day);
/* 0 = Monday ... 6 = Sunday. */
int wn_weekday_of_day(int32_t day);
/* First day of the month, and of the ISO week (Monday), that holds the day. */
int32_t wn_month_start(int32_t day);
int32_t wn_week_start(int32_t day);

/* Exactly YYYY-MM-DD. */
WN_MUST_USE bool wn_parse_day(struct wn_str s, int32_t *out_day);
#define WN_DAY_TEXT_MAX 16
/* YYYY-MM-DD and a NUL; returns 10. */
size_t wn_print_day(int32_t day, char out[WN_DAY_TEXT_MAX]);
#define WN_TIME_TEXT_MAX 32
/* RFC 3339, UTC: 2026-11-20T08:15:30.123Z, and a NUL; returns the length. */
size_t wn_print_time(int64_t moment_ms, char out[WN_TIME_TEXT_MAX]);

#endif
