/* Numbers: checked integer arithmetic, exact decimal text, and the shortest text of a double.
 *
 * Micros: every amount and count that is stored is an int64 in millionths (1.50 USD = 1500000,
 * 3 clicks = 3000000), because platforms report fractions of clicks and conversions as well as of
 * money, and sums must be exact. */
#ifndef WN_CORE_NUM_H
#define WN_CORE_NUM_H

#include "core/error.h"
#include "core/str.h"

#define WN_MICROS INT64_C(1000000)

/* False on overflow; *out is then untouched. */
WN_MUST_USE bool wn_add_i64(int64_t a, int64_t b, int64_t *out);
WN_MUST_USE bool wn_sub_i64(int64_t a, int64_t b, int64_t *out);
WN_MUST_USE bool wn_mul_i64(int64_t a, int64_t b, int64_t *out);
/* a * b / c with a 128-bit product, rounded half away from zero. False on overflow or c == 0. */
WN_MUST_USE bool wn_mul_div_i64(int64_t a, int64_t b, int64_t c, int64_t *out);

/* Plain decimal integers: [+-]?[0-9]+, the whole of s. */
WN_MUST_USE bool wn_parse_i64(struct wn_str s, int64_t *out);
WN_MUST_USE bool wn_parse_u64(struct wn_str s, uint64_t *out);
/* Plain decimals: [+-]?digits[.digits][e[+-]digits], the whole of s, finite. Correctly rounded. */
WN_MUST_USE bool wn_parse_f64(struct wn_str s, double *out);
/* A plain decimal ("12.5", "-0.000001", "1e3") as micros, exact; digits beyond the sixth decimal
 * round half away from zero. False when it is no number or does not fit. */
WN_MUST_USE bool wn_parse_micros(struct wn_str s, int64_t *out_micros);
/* value * 1e6 rounded half away from zero; false when not finite or too large. */
WN_MUST_USE bool wn_micros_from_f64(double value, int64_t *out_micros);

#define WN_NUM_TEXT_MAX 32
/* "12.5", "-0.000001", "3": the shortest exact decimal. Writes a NUL; returns the length. */
size_t wn_print_micros(int64_t micros, char out[WN_NUM_TEXT_MAX]);
/* The shortest decimal that reads back as the same double; "null" when it is not finite. */
size_t wn_print_f64(double value, char out[WN_NUM_TEXT_MAX]);

/* Shares total over n weights in proportion, exactly: the parts sum to total, each is within one
 * unit of its exact share (largest remainder; ties go to the lower index). Weights must be finite
 * and >= 0 with a positive sum; INVALID otherwise. out [n]. scratch [n], overwritten. */
WN_MUST_USE wn_rc wn_share_i64(int64_t total, const double *weights, size_t n, double *scratch,
                               int64_t *out, struct wn_why *why);

#endif
