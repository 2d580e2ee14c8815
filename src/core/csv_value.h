/* What a cell says: amounts, counts and dates as exports print them.
 *
 * A cell alone does not always tell: "1,234" is a thousand or a little more than one, "03/04/2026"
 * is in March or in April. So there are two steps: `look` at every cell of a column, then `read`
 * with what the looks have settled. No value ("", "--", "n/a") is never 0.
 *
 * Everything here is pure; texts are borrowed for the call. */
#ifndef WN_CORE_CSV_VALUE_H
#define WN_CORE_CSV_VALUE_H

#include "core/date.h"
#include "core/str.h"

typedef enum wn_value_state {
    WN_VALUE_GOOD,
    WN_VALUE_ABSENT, /* the cell says: no value */
    WN_VALUE_BAD     /* not a number, not a date, or out of range */
} wn_value_state;

/* True for "", "-", "--", " --", an en or em dash, "n/a", "na", "null", "none", "nan", without
 * regard to case and white space. */
bool wn_value_is_absent(struct wn_str s);

/* ---- numbers ---------------------------------------------------------------------------------- */

/* What the cells seen so far say about the decimal sign. */
struct wn_decimal_look {
    uint64_t n_point; /* cells in which '.' can only be the decimal sign (or ',' only thousands) */
    uint64_t n_comma; /* the other way round */
    uint64_t n_open;  /* cells such as "1,234" or "1.234" that read either way */
};
void wn_decimal_look(struct wn_decimal_look *look, struct wn_str s);
/* True when looking at s could tell something: it has a comma, an apostrophe or two points. A
 * column without such a cell needs no look: '.' is its decimal sign. */
bool wn_decimal_matters(struct wn_str s);
/* '.' or ',': what the column says, else what the whole file says, else '.'. file may be NULL. */
char wn_decimal_choose(const struct wn_decimal_look *column, const struct wn_decimal_look *file);

struct wn_number {
    int64_t micros;
    bool is_percent;  /* the number is as printed: 12.5 for "12.5%" */
    bool is_bound;    /* "< 10%", "> 90": not exact */
    bool is_plain;    /* digits with at most one point: reads the same whatever the column says */
    char currency[4]; /* "USD" where a sign or code says so beyond doubt, else "" */
};
/* Reads an amount or a count, rounded half away from zero to millionths: plain decimals, thousands
 * separators (comma or point, blank, no-break space, apostrophe), currency signs and codes before
 * or behind, percent, parentheses and leading or trailing minus as negative. decimal: '.' or ','. A
 * separator in a place that contradicts decimal makes it BAD: nothing is guessed. *out is set when
 * GOOD. */
wn_value_state wn_number_read(struct wn_str s, char decimal, struct wn_number *out);

/* micros * ratio (or * (1 + ratio)), exact, then rounded half away from zero to micros. ratio: a
 * plain decimal; digits beyond the 20th decimal are dropped. False: no decimal, or out of range. */
WN_MUST_USE bool wn_micros_times_decimal(int64_t micros, struct wn_str ratio, bool plus_one,
                                         int64_t *out_micros);

/* ---- dates ------------------------------------------------------------------------------------ */

typedef enum wn_date_kind {
    WN_DATE_DAY,     /* one reading */
    WN_DATE_OPEN,    /* two readings: day_first, month_first */
    WN_DATE_WEEKDAY, /* "Sunday": no date, weekday is set */
} wn_date_kind;

struct wn_date_text {
    wn_date_kind kind;
    int32_t day;         /* of DAY */
    int32_t day_first;   /* of OPEN */
    int32_t month_first; /* of OPEN */
    int weekday;         /* of WEEKDAY: 0 = Monday */
    int8_t hour;         /* of a time behind the date; -1 = none */
    bool is_midnight;    /* the time is 00:00[:00] */
    bool is_month;       /* "2026-01", "January 2026": day is the first of it */
    int8_t order;   /* of numeric dates: 1 = day first for sure, 2 = month first for sure, else 0 */
    char separator; /* of numeric dates: '/', '-'; else 0 */
};
/* YYYY-MM-DD, YYYY/MM/DD, YYYYMMDD, YYYY-MM; DD-MM-YYYY and MM/DD/YYYY (open where both are
 * dates), D.M.YYYY (always day first); "Thu, 5 Feb 2026", "January 27, 2026", "27 January 2026",
 * "Feb 5, 2026", "27-Jan-2026"; years of two digits are 20xx; each may be followed by a time
 * ("10:00", "T10:00:00.000", "10:00 PM"). */
wn_value_state wn_date_read(struct wn_str s, struct wn_date_text *out);
/* "00", "7", "07:00", "7 AM", "7:00 - 8:00": the hour 0..23. */
wn_value_state wn_hour_read(struct wn_str s, int *out_hour);
/* "March 27, 2026 - April 23, 2026", "2026.02.05-2026.02.10", "... to ...": both days, from <= to.
 * Sides must be unambiguous. */
bool wn_date_range_read(struct wn_str s, int32_t *from, int32_t *to);

/* What the dates seen so far say about the order of day and month. Zero-initialise. */
struct wn_date_look {
    uint64_t n_day_first; /* numeric dates that can only be read so */
    uint64_t n_month_first;
    uint64_t n_sure; /* dates of any form with one reading */
    int32_t sure_from, sure_to;
    uint64_t n_open;
    int32_t day_first_from, day_first_to; /* of the open ones, if read so */
    int32_t month_first_from, month_first_to;
    uint64_t n_slash; /* open ones written with '/' */
};
void wn_date_look(struct wn_date_look *look, const struct wn_date_text *d);
/* The reading of an open date: by the order of the file's sure dates; where the file holds both
 * orders, the reading that lies nearest to the range of the sure dates, the same month first. False
 * when both readings are equally likely. Where no date is sure: the order which makes the file's
 * range shorter, else '/' month first, '-' day first; *guessed tells of that last resort. */
WN_MUST_USE bool wn_date_settle(const struct wn_date_look *look, const struct wn_date_text *d,
                                int32_t *out_day, bool *guessed);

#endif
