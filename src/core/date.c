#include "core/date.h"

#include <stdio.h>

/* Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": civil from days and back, with
 * years that start in March so that the leap day is the last one. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

struct wn_date wn_date_of_day(int32_t day)
{
    int64_t z = (int64_t)day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    struct wn_date d;
    d.day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    d.month = (int)(month < 10 ? month + 3 : month - 9);
    d.year = (int)(year_of_era + era * 400 + (d.month <= 2));
    return d;
}

bool wn_day_of_date(struct wn_date date, int32_t *out_day)
{
    if (date.year < 1970 || date.year > 2199 || date.month < 1 || date.month > 12 || date.day < 1 ||
        date.day > 31)
        return false;
    int64_t day = days_from_civil(date.year, date.month, date.day);
    struct wn_date back = wn_date_of_day((int32_t)day);
    if (back.month != date.month || back.day != date.day)
        return false;
    *out_day = (int32_t)day;
    return true;
}

int wn_weekday_of_day(int32_t day)
{
    int64_t w = ((int64_t)day + 3) % 7; /* 1970-01-01 was a Thursday */
    return (int)(w < 0 ? w + 7 : w);
}

int32_t wn_month_start(int32_t day)
{
    return day - wn_date_of_day(day).day + 1;
}

int32_t wn_week_start(int32_t day)
{
    return day - wn_weekday_of_day(day);
}

static bool digits(struct wn_str s, size_t from, size_t n, int *out)
{
    int value = 0;
    for (size_t i = from; i < from + n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        value = value * 10 + (s.p[i] - '0');
    }
    *out = value;
    return true;
}

bool wn_parse_day(struct wn_str s, int32_t *out_day)
{
    struct wn_date d;
    if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-')
        return false;
    return digits(s, 0, 4, &d.year) && digits(s, 5, 2, &d.month) && digits(s, 8, 2, &d.day) &&
           wn_day_of_date(d, out_day);
}

size_t wn_print_day(int32_t day, char out[WN_DAY_TEXT_MAX])
{
    struct wn_date d = wn_date_of_day(day);
    return (size_t)snprintf(out, WN_DAY_TEXT_MAX, "%04d-%02d-%02d", d.year % 10000, d.month, d.day);
}

size_t wn_print_time(int64_t moment_ms, char out[WN_TIME_TEXT_MAX])
{
    int64_t day = moment_ms / WN_DAY_MS, ms = moment_ms % WN_DAY_MS;
    if (ms < 0) {
        ms += WN_DAY_MS;
        day -= 1;
    }
    struct wn_date d = wn_date_of_day((int32_t)day);
    int t = (int)ms;
    return (size_t)snprintf(out, WN_TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                            d.year % 10000, d.month, d.day, t / 3600000, t / 60000 % 60,
                            t / 1000 % 60, t % 1000);
}
