/* Series out of CSV text, and onto an even grid of time.
 *
 * Long form: `series,ts,value` or `ts,value`, with a header (any order; also id, unique_id;
 * timestamp, time, date, day, ds, week, month; y; of three columns those left over are the name of
 * the series, then the value) or, without one, in just this order. Wide form,
 * as in the M4 competition: an identifier, then the values, oldest first; rows of unequal length;
 * an optional header. The form is told from the first record.
 *
 * A timestamp is YYYY-MM-DD with or without a time and an offset from UTC (none = UTC), another
 * date that can be read in one way only, YYYY-MM, Unix seconds (from 1e9) or milliseconds (from
 * 1e12), or a plain number of a step. A value is a plain number; an empty cell, "NA" and the like
 * are missing. Rows may come in any order; two values for one moment are an error. */
#ifndef WN_LEARN_FORECAST_CSV_H
#define WN_LEARN_FORECAST_CSV_H

#include "core/arena.h"
#include "winnow/forecast.h"

#define WN_SERIES_CSV_POINTS_MAX (UINT64_C(1) << 26) /* of all series, gaps included */
/* Gaps may be so much longer than what is known, so that one wrong year cannot fill the memory. */
#define WN_SERIES_CSV_GAP_FACTOR 1000

typedef enum wn_series_grid {
    WN_GRID_NONE,  /* wide form: no timestamps */
    WN_GRID_STEP,  /* plain numbers, step apart */
    WN_GRID_MS,    /* milliseconds since the epoch, step apart */
    WN_GRID_MONTHS /* months since 1970-01, step apart, on day (and time) `phase_ms` of the month */
} wn_series_grid;

struct wn_series_csv_series {
    struct wn_str name; /* "" when the text names none; arena */
    double *values;     /* [n], NaN = missing; arena */
    size_t n;
    int64_t origin;   /* the time of values[0]: ms, months or number */
    int64_t phase_ms; /* MONTHS: from the start of the month */
    uint64_t line;    /* where it first appears */
};

struct wn_series_csv {
    struct wn_series_csv_series *series; /* arena: in order of appearance */
    size_t n_series;
    bool is_named; /* the text has names of series */
    wn_series_grid grid;
    int64_t step;   /* ms, months or numbers; > 0 */
    bool has_hours; /* some timestamp is not at midnight */
    wn_forecast_frequency frequency;
};

/* A timestamp as above: *out is milliseconds since the epoch, or the plain number when *is_number.
 * s without white space at its ends. */
WN_MUST_USE bool wn_time_read(struct wn_str s, int64_t *out, bool *is_number);

struct wn_series_csv_reader;
WN_MUST_USE wn_rc wn_series_csv_new(struct wn_series_csv_reader **out, struct wn_why *why);
void wn_series_csv_free(struct wn_series_csv_reader *r); /* accepts NULL */
/* Fails: INVALID (why names line and column), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_series_csv_push(struct wn_series_csv_reader *r, struct wn_str bytes,
                                     struct wn_why *why);
/* Ends the text. frequency: told, or WN_FREQUENCY_N to find it from the median step of the
 * timestamps (the wide form has none: OTHER). Everything in *out lives in a. Fails: INVALID (a
 * moment twice, or off the grid; no rows), LIMIT (points), MEMORY. */
WN_MUST_USE wn_rc wn_series_csv_finish(struct wn_series_csv_reader *r,
                                       wn_forecast_frequency frequency, struct wn_arena *a,
                                       struct wn_series_csv *out, struct wn_why *why);

#define WN_SERIES_TS_MAX 48
/* The timestamp of the point `position` of a series, which may lie behind its end, as text: "2026-01-31", "2026-01-31T05:00:00Z", a number;
 * "" without a grid or beyond the years that have a date. Writes a NUL; returns the length. */
size_t wn_series_csv_print_ts(const struct wn_series_csv *csv,
                              const struct wn_series_csv_series *series, size_t position,
                              char out[WN_SERIES_TS_MAX]);

#endif
