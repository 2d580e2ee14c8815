/* winnow detect: the cells of a row, as a moment and as a value. */
#ifndef WN_CLI_DETECT_CELL_H
#define WN_CLI_DETECT_CELL_H

#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>

/* A moment as ms since the epoch, UTC: ISO dates with or without a time and an offset, seconds or
 * milliseconds since the epoch, and dates of other forms that can be read in one way only. False,
 * *out_ms untouched, for anything else. */
bool wn_detect_read_moment(struct wn_str s, int64_t *out_ms);

/* A value: a plain number, or one as people write it ("1,000"; a point before the fraction). NaN
 * for a cell that says "no value". False for anything else. */
bool wn_detect_read_value(struct wn_str s, double *out);

#endif
