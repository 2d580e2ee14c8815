/* The metric and condition language: `roas = revenue / spend`.
 *
 * Values are numbers or *no value*. Names are the base sums (domain/stat.h: impressions, reach,
 * clicks, engagements, video_views, conversions, spend, revenue; in whole units, money in the
 * tenant's currency) and other metrics. Operators by precedence: or; and; not; = != < <= > >=;
 * + -; * /; unary -; parentheses. Functions: min(a,b,..), max(a,b,..), abs(a), coalesce(a,b,..),
 * if(condition,a,b). Division by zero is no value, and no value in any operand gives no value
 * (coalesce and if excepted). A condition yields true, false, or no value; stored as 1, 0, none.
 *
 * One compiler, two targets: SQL over sums, and evaluation in memory. Both give the same numbers.
 */
#ifndef WN_METRIC_FORMULA_H
#define WN_METRIC_FORMULA_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "domain/stat.h"

#define WN_FORMULA_BYTES_MAX 4096
#define WN_FORMULA_DEPTH_MAX 64
#define WN_METRIC_NAME_MAX 64

struct wn_formula; /* arena; immutable; any thread */

typedef enum wn_metric_unit {
    WN_UNIT_COUNT,
    WN_UNIT_MONEY,
    WN_UNIT_RATIO, /* shown as percent: ctr, roi, cvr */
    WN_UNIT_FACTOR /* shown as 1.23: roas, frequency */
} wn_metric_unit;

struct wn_metric {
    struct wn_str name;  /* [a-z][a-z0-9_]*, at most WN_METRIC_NAME_MAX */
    struct wn_str label; /* "ROAS" */
    struct wn_str text;  /* the formula, or the base sum's name */
    struct wn_str help;  /* one sentence: what it means */
    wn_metric_unit unit;
    int8_t better; /* +1 higher is better, -1 lower is better, 0 neither */
    bool is_user_defined;
    const struct wn_formula *formula;
};

/* A set of metrics: the built-in ones and a tenant's own. */
struct wn_metrics;

/* The built-in set, compiled into a. Fails: MEMORY. */
WN_MUST_USE wn_rc wn_metrics_new(struct wn_arena *a, struct wn_metrics **out, struct wn_why *why);
/* Adds a user-defined metric whose formula may name any metric of the set. Fails: INVALID (bad
 * name, syntax with why->column, unknown name, a cycle), CONFLICT (name is taken), LIMIT. */
WN_MUST_USE wn_rc wn_metrics_add(struct wn_metrics *m, struct wn_str name, struct wn_str formula,
                                 struct wn_str label, struct wn_why *why);
const struct wn_metric *wn_metrics_get(const struct wn_metrics *m, struct wn_str name);
size_t wn_metrics_count(const struct wn_metrics *m);
const struct wn_metric *wn_metrics_at(const struct wn_metrics *m, size_t i);

/* Parses text with the names of m (NULL: base sums only). Names of metrics are replaced by their
 * formulas. Fails: INVALID with why->column (1-based byte), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_formula_parse(struct wn_arena *a, const struct wn_metrics *m,
                                   struct wn_str text, struct wn_formula **out, struct wn_why *why);
/* Appends the formula's canonical text; parsing it gives the same formula. */
void wn_formula_print(const struct wn_formula *f, struct wn_buf *out);

/* The sums that a formula is evaluated on; has[i] false = no value (no row at all). */
struct wn_sums {
    double values[WN_MEASURE_N]; /* whole units: micros / 1e6 */
    bool has[WN_MEASURE_N];
};
/* False = no value. The result is finite. Pure. */
bool wn_formula_eval(const struct wn_formula *f, const struct wn_sums *sums, double *out);
/* Appends an SQL expression over the aggregates of ad_stats (sum(spend_micros) ...), typed DOUBLE.
 * Contains no user text: numbers are printed, names come from the fixed list. */
void wn_formula_sql(const struct wn_formula *f, struct wn_buf *out);

#endif
