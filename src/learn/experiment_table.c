#include "learn/experiment_table.h"

#include "core/hash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- columns ----------------------------------------------------------------------------------
 */

static const char *const column_words[] = {
    [WN_ABTEST_C_VARIANT] = "variant|arm|variation|bucket|group",
    [WN_ABTEST_C_METRIC] = "metric",
    [WN_ABTEST_C_UNIT] = "unit|user|user_id|unit_id|visitor_id|customer_id|id",
    [WN_ABTEST_C_DAY] = "date|day|ds",
    [WN_ABTEST_C_N] = "n|units|users|visitors|sessions|exposures",
    [WN_ABTEST_C_CONVERSIONS] = "conversions|converted|successes|events|orders",
    [WN_ABTEST_C_SUM] = "sum|revenue|total|value",
    [WN_ABTEST_C_SUM_SQ] = "sum_sq|sum_squares",
    [WN_ABTEST_C_VALUE] = "value|y|outcome|revenue",
    [WN_ABTEST_C_DENOMINATOR] = "denominator",
    [WN_ABTEST_C_PRE] = "pre",
    [WN_ABTEST_C_DIMENSION] = "segment|device|country|platform|browser|os",
};

static bool is_word(struct wn_str s, wn_abtest_column column)
{
    struct wn_str rest = wn_str_of(column_words[column]), word;
    while (wn_str_cut(&rest, '|', &word))
        if (wn_str_eq_nocase(s, word))
            return true;
    return false;
}

static wn_abtest_column column_of(struct wn_str name, bool has_units)
{
    if (wn_str_starts(name, WN_STR("pre_")))
        return WN_ABTEST_C_PRE;
    for (int c = 0; c < WN_ABTEST_C_NONE; c++) {
        bool is_of_totals = c >= WN_ABTEST_C_N && c <= WN_ABTEST_C_SUM_SQ;
        bool is_of_units =
            c == WN_ABTEST_C_UNIT || (c >= WN_ABTEST_C_VALUE && c <= WN_ABTEST_C_PRE);
        if (!(has_units ? is_of_totals : is_of_units) && is_word(name, (wn_abtest_column)c))
            return (wn_abtest_column)c;
    }
    return WN_ABTEST_C_NONE;
}

static wn_rc check_columns(const struct wn_abtest_columns *c, const bool *seen, struct wn_why *why)
{
    if (!seen[WN_ABTEST_C_VARIANT])
        return wn_fail(why, WN_INVALID, "variant",
                       "there is no column 'variant'; give variant,n,conversions (totals), "
                       "variant,date,n,conversions (daily) or variant,unit,value (units)");
    if (c->has_units && !seen[WN_ABTEST_C_VALUE])
        return wn_fail(why, WN_INVALID, "value",
                       "there is neither a column 'n' (totals) nor 'value' (units)");
    if (c->has_units)
        return WN_OK;
    if (seen[WN_ABTEST_C_SUM] != seen[WN_ABTEST_C_SUM_SQ])
        return wn_fail(why, WN_INVALID, seen[WN_ABTEST_C_SUM] ? "sum_sq" : "sum",
                       "a mean needs both columns, 'sum' and 'sum_sq' (the sum of the squared "
                       "values)");
    if (!c->has_conversions && !c->has_sum)
        return wn_fail(why, WN_INVALID, "conversions",
                       "there is neither a column 'conversions' nor 'sum' with 'sum_sq'");
    return WN_OK;
}

wn_rc wn_abtest_columns_find(const struct wn_str *names, size_t n,
                             struct wn_abtest_columns *columns, wn_abtest_column *kinds, size_t *at,
                             struct wn_why *why)
{
    struct wn_abtest_columns c = {.has_units = true};
    bool seen[WN_ABTEST_C_NONE + 1] = {false};
    for (size_t i = 0; i < n; i++)
        c.has_units = c.has_units && !is_word(wn_str_trim(names[i]), WN_ABTEST_C_N);
    for (size_t i = 0; i < n; i++) {
        struct wn_str name = wn_str_trim(names[i]);
        wn_abtest_column kind = kinds[i] = column_of(name, c.has_units);
        bool is_many = kind == WN_ABTEST_C_PRE || kind == WN_ABTEST_C_DIMENSION;
        at[i] = 0;
        if (seen[kind] && !is_many && kind != WN_ABTEST_C_NONE)
            return wn_fail(why, WN_INVALID, "header",
                           "column '%.*s' says what another column says already: keep one",
                           WN_STR_ARG(name));
        seen[kind] = true;
        if ((kind == WN_ABTEST_C_PRE && c.n_pre == WN_ABTEST_PRE_MAX) ||
            (kind == WN_ABTEST_C_DIMENSION && c.n_dimensions == WN_ABTEST_DIMENSIONS_MAX))
            return wn_fail(why, WN_LIMIT, "header", "more than %d columns of one kind",
                           WN_ABTEST_PRE_MAX);
        if (kind == WN_ABTEST_C_PRE)
            at[i] = c.n_pre++;
        if (kind == WN_ABTEST_C_DIMENSION)
            c.dimensions[at[i] = c.n_dimensions++] = name;
        if (kind == WN_ABTEST_C_VALUE || kind == WN_ABTEST_C_SUM)
            c.value_name = name;
    }
    c.has_unit = seen[WN_ABTEST_C_UNIT];
    c.has_denominator = seen[WN_ABTEST_C_DENOMINATOR];
    c.has_day = seen[WN_ABTEST_C_DAY];
    c.has_metric = seen[WN_ABTEST_C_METRIC] && !c.has_units;
    c.has_conversions = seen[WN_ABTEST_C_CONVERSIONS];
    c.has_sum = seen[WN_ABTEST_C_SUM];
    wn_rc rc = check_columns(&c, seen, why);
    if (!rc)
        *columns = c;
    return rc;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

struct total { /* a row of totals */
    uint32_t arm, metric;
    int32_t day;
    double n, conversions, sum, sum_sq;
    uint64_t line;
};

struct wn_abtest_table {
    struct wn_abtest_columns columns;
    struct wn_map arms, metrics, units, segments; /* text -> place */
    char (*names)[64];                            /* of the dimensions: kept, columns borrow */
    char value_name[64];
    struct total *totals; /* malloc'd, all of them */
    uint32_t *arm;        /* [n_units] CROSSED: seen in two variants */
    int32_t *day;
    double *value, *denominator, *pre;
    double *counts;                /* [segments][WN_ABTEST_ARMS_MAX] */
    size_t n, n_max, n_counts_max; /* totals or units */
    uint64_t n_rows, n_repeated, n_crossed;
};
#define CROSSED UINT32_MAX

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the rows");
}

static struct wn_str keep(char *to, size_t size, struct wn_str s)
{
    size_t n = s.n < size ? s.n : size - 1;
    memcpy(to, s.p, n);
    to[n] = 0;
    return (struct wn_str){to, n};
}

wn_rc wn_abtest_table_new(const struct wn_abtest_columns *columns, struct wn_abtest_table **out,
                          struct wn_why *why)
{
    struct wn_abtest_table *t = calloc(1, sizeof *t);
    char(*names)[64] = calloc(WN_ABTEST_DIMENSIONS_MAX, sizeof *names);
    if (!t || !names) {
        free(t);
        free(names);
        return no_memory(why);
    }
    t->columns = *columns;
    t->names = names;
    for (size_t i = 0; i < columns->n_dimensions; i++)
        t->columns.dimensions[i] = keep(names[i], sizeof names[i], columns->dimensions[i]);
    t->columns.value_name = columns->value_name.p
                                ? keep(t->value_name, sizeof t->value_name, columns->value_name)
                                : WN_STR("value");
    wn_map_init(&t->arms, WN_ABTEST_ARMS_MAX);
    wn_map_init(&t->metrics, WN_ABTEST_METRICS_MAX);
    wn_map_init(&t->units, WN_ABTEST_ROWS_MAX);
    wn_map_init(&t->segments, WN_ABTEST_SEGMENTS_MAX);
    *out = t;
    return WN_OK;
}

void wn_abtest_table_free(struct wn_abtest_table *t)
{
    if (!t)
        return;
    wn_map_deinit(&t->arms);
    wn_map_deinit(&t->metrics);
    wn_map_deinit(&t->units);
    wn_map_deinit(&t->segments);
    free(t->names);
    free(t->totals);
    free(t->arm);
    free(t->day);
    free(t->value);
    free(t->denominator);
    free(t->pre);
    free(t->counts);
    free(t);
}

static bool resize(void **p, size_t n, size_t size)
{
    void *bigger = n <= SIZE_MAX / size ? realloc(*p, n * size) : NULL;
    if (bigger)
        *p = bigger;
    return bigger != NULL;
}

static wn_rc make_room(struct wn_abtest_table *t, struct wn_why *why)
{
    const struct wn_abtest_columns *c = &t->columns;
    if (t->n < t->n_max)
        return WN_OK;
    if (t->n >= WN_ABTEST_ROWS_MAX)
        return wn_fail(why, WN_LIMIT, NULL, "more than %d rows", WN_ABTEST_ROWS_MAX);
    size_t more = t->n_max ? t->n_max * 2 : 256;
    bool ok = c->has_units ? resize((void **)&t->arm, more, sizeof *t->arm) &&
                                 resize((void **)&t->value, more, sizeof *t->value)
                           : resize((void **)&t->totals, more, sizeof *t->totals);
    if (ok && c->has_units && c->has_day)
        ok = resize((void **)&t->day, more, sizeof *t->day);
    if (ok && c->has_units && c->has_denominator)
        ok = resize((void **)&t->denominator, more, sizeof *t->denominator);
    if (ok && c->has_units && c->n_pre)
        ok = resize((void **)&t->pre, more, c->n_pre * sizeof *t->pre);
    if (!ok)
        return no_memory(why);
    t->n_max = more;
    return WN_OK;
}

static wn_rc bad_row(const struct wn_abtest_row *row, const char *field, const char *what,
                     struct wn_why *why)
{
    if (why && !why->text[0])
        why->line = row->line;
    return wn_fail(why, WN_INVALID, field, "%s %s", field, what);
}

static wn_rc place_of(struct wn_map *m, const struct wn_abtest_row *row, struct wn_str name,
                      const char *field, uint32_t *out, struct wn_why *why)
{
    uint32_t *value = NULL;
    wn_rc rc = name.n ? wn_map_put(m, name, (uint32_t)m->n, &value, NULL)
                      : bad_row(row, field, "is empty", why);
    if (rc == WN_LIMIT) {
        if (why && !why->text[0])
            why->line = row->line;
        return wn_fail(why, rc, field, "more than %zu different values of %s", m->n_max, field);
    }
    if (!rc && value)
        *out = *value;
    return rc == WN_MEMORY ? no_memory(why) : rc;
}

static bool is_amount(double x)
{
    return fabs(x) <= 1e300;
}

static wn_rc add_total(struct wn_abtest_table *t, const struct wn_abtest_row *row, uint32_t arm,
                       struct wn_why *why)
{
    uint32_t metric = 0;
    bool has_rate = t->columns.has_conversions && !isnan(row->conversions);
    bool has_sum = t->columns.has_sum && !isnan(row->sum);
    wn_rc rc = WN_OK;
    if (!(row->n >= 0 && row->n <= WN_ABTEST_N_MAX))
        return bad_row(row, "n", "must be a number from 0 to 1e15", why);
    if (!has_rate && !has_sum)
        return bad_row(row, "conversions", "is missing, and there is no sum", why);
    if (has_rate && !(row->conversions >= 0 && row->conversions <= row->n))
        return bad_row(row, "conversions", "must lie between 0 and n", why);
    if (has_sum && (!is_amount(row->sum) || !is_amount(row->sum_sq) || row->sum_sq < 0))
        return bad_row(row, "sum_sq", "must be a number of at least 0, beside a sum", why);
    if (t->columns.has_metric)
        rc = place_of(&t->metrics, row, row->metric, "metric", &metric, why);
    if (!rc)
        rc = make_room(t, why);
    if (rc)
        return rc;
    t->totals[t->n++] = (struct total){.arm = arm,
                                       .metric = metric,
                                       .day = t->columns.has_day ? row->day : 0,
                                       .n = row->n,
                                       .conversions = has_rate ? row->conversions : NAN,
                                       .sum = has_sum ? row->sum : NAN,
                                       .sum_sq = has_sum ? row->sum_sq : NAN,
                                       .line = row->line};
    return WN_OK;
}

/* Another row of a unit: what it did is added, its past and its first day stay. */
static void repeat_unit(struct wn_abtest_table *t, const struct wn_abtest_row *row, size_t i,
                        uint32_t arm)
{
    t->n_repeated++;
    if (t->arm[i] != arm && t->arm[i] != CROSSED) {
        t->arm[i] = CROSSED;
        t->n_crossed++;
    }
    t->value[i] += row->value;
    if (t->columns.has_denominator)
        t->denominator[i] += row->denominator;
    if (t->columns.has_day && row->day < t->day[i])
        t->day[i] = row->day;
    for (size_t j = 0; j < t->columns.n_pre; j++) {
        double *x = &t->pre[i * t->columns.n_pre + j];
        *x = isnan(*x) ? row->pre[j] : *x;
    }
}

static wn_rc add_unit(struct wn_abtest_table *t, const struct wn_abtest_row *row, uint32_t arm,
                      bool *is_new, struct wn_why *why)
{
    const struct wn_abtest_columns *c = &t->columns;
    uint32_t at = 0;
    *is_new = false;
    if (!(fabs(row->value) <= WN_ABTEST_VALUE_MAX))
        return bad_row(row, "value", "must be a number within 1e50", why);
    if (c->has_denominator && !(row->denominator >= 0 && row->denominator <= WN_ABTEST_VALUE_MAX))
        return bad_row(row, "denominator", "must be a number of at least 0", why);
    for (size_t j = 0; j < c->n_pre; j++)
        if (!(fabs(row->pre[j]) <= WN_ABTEST_VALUE_MAX) && !isnan(row->pre[j]))
            return bad_row(row, "pre", "must be a number within 1e50, or empty", why);
    wn_rc rc = make_room(t, why);
    if (!rc && c->has_unit)
        rc = place_of(&t->units, row, row->unit, "unit", &at, why);
    if (rc)
        return rc;
    if (c->has_unit && at < t->n) {
        repeat_unit(t, row, at, arm);
        return WN_OK;
    }
    size_t i = t->n++;
    t->arm[i] = arm;
    t->value[i] = row->value;
    if (c->has_day)
        t->day[i] = row->day;
    if (c->has_denominator)
        t->denominator[i] = row->denominator;
    for (size_t j = 0; j < c->n_pre; j++)
        t->pre[i * c->n_pre + j] = row->pre[j];
    *is_new = true;
    return WN_OK;
}

static wn_rc count_segments(struct wn_abtest_table *t, const struct wn_abtest_row *row,
                            uint32_t arm, double n, struct wn_why *why)
{
    for (size_t d = 0; d < t->columns.n_dimensions; d++) {
        char text[256];
        uint32_t at = 0;
        if (!row->segments[d].n)
            continue; /* not known: belongs to no segment */
        int length = snprintf(text, sizeof text, "%.*s=%.*s", WN_STR_ARG(t->columns.dimensions[d]),
                              (int)(row->segments[d].n < 128 ? row->segments[d].n : 128),
                              row->segments[d].p);
        wn_rc rc =
            place_of(&t->segments, row, (struct wn_str){text, (size_t)length}, "segment", &at, why);
        if (rc)
            return rc;
        if (at >= t->n_counts_max) {
            size_t more = t->n_counts_max ? t->n_counts_max * 2 : 16;
            if (!resize((void **)&t->counts, more, WN_ABTEST_ARMS_MAX * sizeof *t->counts))
                return no_memory(why);
            memset(t->counts + t->n_counts_max * WN_ABTEST_ARMS_MAX, 0,
                   (more - t->n_counts_max) * WN_ABTEST_ARMS_MAX * sizeof *t->counts);
            t->n_counts_max = more;
        }
        t->counts[at * WN_ABTEST_ARMS_MAX + arm] += n;
    }
    return WN_OK;
}

wn_rc wn_abtest_table_add(struct wn_abtest_table *t, const struct wn_abtest_row *row,
                          struct wn_why *why)
{
    uint32_t arm = 0;
    bool counts = true;
    wn_rc rc = place_of(&t->arms, row, row->variant, "variant", &arm, why);
    if (rc)
        return rc;
    t->n_rows++;
    if (t->columns.has_units) {
        rc = add_unit(t, row, arm, &counts, why);
        return !rc && counts ? count_segments(t, row, arm, 1, why) : rc;
    }
    rc = add_total(t, row, arm, why);
    /* The same units stand behind every metric: they are counted once, with the first. */
    counts = !rc && t->totals[t->n - 1].metric == 0;
    return counts ? count_segments(t, row, arm, row->n, why) : rc;
}

/* ---- the test ---------------------------------------------------------------------------------
 */

struct finish {
    struct wn_abtest_table *t;
    const struct wn_abtest_finish *how;
    struct wn_arena *a;
    struct wn_abtest_input *out;
    int32_t *days; /* arena: [n_looks] */
    size_t n_looks, n_arms;
    struct wn_abtest_metric *metrics; /* arena */
    size_t n_metrics;
};

static wn_rc name_all(const struct wn_map *m, struct wn_arena *a, struct wn_str **out)
{
    struct wn_str *names = WN_ARENA_ARRAY(a, m->n, struct wn_str);
    if (!names)
        return WN_MEMORY;
    for (size_t i = 0; i < m->n_slots; i++)
        if (m->slots[i].hash) {
            names[m->slots[i].value] = wn_arena_dup(a, m->slots[i].key);
            if (!names[m->slots[i].value].p)
                return WN_MEMORY;
        }
    *out = names;
    return WN_OK;
}

static int by_day(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static int32_t day_at(const struct wn_abtest_table *t, size_t i)
{
    return t->columns.has_units ? t->day[i] : t->totals[i].day;
}

/* The days there are, rising. */
static wn_rc find_days(struct finish *f, struct wn_why *why)
{
    const struct wn_abtest_table *t = f->t;
    f->n_looks = 1;
    if (!t->columns.has_day)
        return WN_OK;
    f->days = WN_ARENA_ARRAY(f->a, WN_ABTEST_LOOKS_MAX + 1, int32_t);
    if (!f->days)
        return WN_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        int32_t day = day_at(t, i);
        if (n > 0 && bsearch(&day, f->days, n, sizeof day, by_day))
            continue;
        if (n == WN_ABTEST_LOOKS_MAX)
            return wn_fail(why, WN_LIMIT, "date", "more than %d days", WN_ABTEST_LOOKS_MAX);
        f->days[n++] = day;
        qsort(f->days, n, sizeof day, by_day);
    }
    f->n_looks = n;
    return WN_OK;
}

static size_t look_of(const struct finish *f, size_t i)
{
    int32_t day;
    if (!f->days)
        return 0;
    day = day_at(f->t, i);
    const int32_t *found = bsearch(&day, f->days, f->n_looks, sizeof day, by_day);
    return (size_t)(found - f->days);
}

static wn_rc find_control(const struct finish *f, const struct wn_str *arms, size_t *out,
                          struct wn_why *why)
{
    static const char *const usual[] = {"control", "baseline", "a"};
    for (size_t k = 0; k < f->n_arms; k++)
        if (f->how->control.n && wn_str_eq(arms[k], f->how->control)) {
            *out = k;
            return WN_OK;
        }
    if (f->how->control.n)
        return wn_fail(why, WN_INVALID, "control", "there is no variant '%.*s'",
                       WN_STR_ARG(f->how->control));
    for (size_t u = WN_COUNT(usual); u-- > 0;)
        for (size_t k = 0; k < f->n_arms; k++)
            if (wn_str_eq_nocase(arms[k], wn_str_of(usual[u])))
                *out = k;
    return WN_OK;
}

static wn_rc find_weights(const struct finish *f, const struct wn_str *arms, const double **out,
                          struct wn_why *why)
{
    const struct wn_abtest_finish *how = f->how;
    if (!how->n_shares)
        return WN_OK;
    double *weights = WN_ARENA_ARRAY(f->a, f->n_arms, double);
    if (!weights)
        return WN_MEMORY;
    for (size_t i = 0; i < how->n_shares; i++) {
        size_t k = 0;
        while (k < f->n_arms && !wn_str_eq(arms[k], how->shares[i].variant))
            k++;
        if (k == f->n_arms)
            return wn_fail(why, WN_INVALID, "split", "there is no variant '%.*s'",
                           WN_STR_ARG(how->shares[i].variant));
        if (!(how->shares[i].weight > 0 && how->shares[i].weight <= WN_ABTEST_VALUE_MAX))
            return wn_fail(why, WN_INVALID, "split", "the share of '%.*s' must be above 0",
                           WN_STR_ARG(arms[k]));
        weights[k] = how->shares[i].weight;
    }
    for (size_t k = 0; k < f->n_arms; k++)
        if (!(weights[k] > 0))
            return wn_fail(why, WN_INVALID, "split", "the split does not say the share of '%.*s'",
                           WN_STR_ARG(arms[k]));
    *out = weights;
    return WN_OK;
}

/* Sums of one metric by look and variant, out of totals. */
struct sums {
    double n, conversions, sum, sum_sq;
    bool has_rate, has_sum;
    uint64_t line;
};

static wn_rc add_sums(const struct finish *f, size_t metric, struct sums *cells, struct wn_why *why)
{
    const struct wn_abtest_table *t = f->t;
    for (size_t i = 0; i < t->n; i++) {
        const struct total *row = &t->totals[i];
        if (row->metric != metric)
            continue;
        struct sums *c = &cells[look_of(f, i) * f->n_arms + row->arm];
        bool has_rate = !isnan(row->conversions), has_sum = !isnan(row->sum);
        if (c->line && !t->columns.n_dimensions) {
            if (why && !why->text[0])
                why->line = row->line;
            return wn_fail(why, WN_INVALID, "variant", "this variant%s stands in line %llu already",
                           t->columns.has_day ? " and day" : "", (unsigned long long)c->line);
        }
        if (c->line && (c->has_rate != has_rate || c->has_sum != has_sum)) {
            if (why && !why->text[0])
                why->line = row->line;
            return wn_fail(why, WN_INVALID, "conversions",
                           "some rows of this variant have conversions or sums, others have not");
        }
        c->line = row->line;
        c->has_rate = has_rate;
        c->has_sum = has_sum;
        c->n += row->n;
        c->conversions += has_rate ? row->conversions : 0;
        c->sum += has_sum ? row->sum : 0;
        c->sum_sq += has_sum ? row->sum_sq : 0;
    }
    return WN_OK;
}

static wn_rc make_metric(struct finish *f, const struct sums *cells, wn_abtest_kind kind,
                         struct wn_str name, struct wn_why *why)
{
    size_t n = f->n_looks * f->n_arms;
    struct wn_abtest_stat *fresh = WN_ARENA_ARRAY(f->a, n, struct wn_abtest_stat);
    struct wn_abtest_stat *all = WN_ARENA_ARRAY(f->a, n, struct wn_abtest_stat);
    if (!fresh || !all)
        return WN_MEMORY;
    for (size_t i = 0; i < n; i++) {
        const struct sums *c = &cells[i];
        wn_rc rc = kind == WN_ABTEST_RATE
                       ? wn_abtest_rate(c->n, c->conversions, &fresh[i], why)
                       : wn_abtest_mean(c->n, c->sum, c->sum_sq, c->has_rate ? c->conversions : NAN,
                                        &fresh[i], why);
        if (rc) {
            if (why)
                why->line = c->line;
            return rc;
        }
    }
    wn_abtest_accumulate(fresh, kind, f->n_looks, f->n_arms, all);
    f->metrics[f->n_metrics++] =
        (struct wn_abtest_metric){.name = name,
                                  .kind = kind,
                                  .cumulative = all,
                                  .fresh = fresh,
                                  .is_lower_better = f->how->is_lower_better};
    return WN_OK;
}

/* Metrics of one name of the column, or the one or two of a file without it. */
static wn_rc make_metrics_of(struct finish *f, size_t metric, struct wn_str name,
                             struct wn_why *why)
{
    size_t n = f->n_looks * f->n_arms;
    struct sums *cells = WN_ARENA_ARRAY(f->a, n, struct sums);
    if (!cells)
        return WN_MEMORY;
    wn_rc rc = add_sums(f, metric, cells, why);
    bool has_rate = false, has_sum = false;
    for (size_t i = 0; i < n; i++) {
        has_rate = has_rate || cells[i].has_rate;
        has_sum = has_sum || cells[i].has_sum;
    }
    for (size_t i = 0; i < n && !rc; i++)
        if (cells[i].line && (cells[i].has_rate != has_rate || cells[i].has_sum != has_sum)) {
            if (why && !why->text[0])
                why->line = cells[i].line;
            rc = wn_fail(why, WN_INVALID, "conversions",
                         "some rows of this metric have conversions or sums, others have not");
        }
    /* With a name of its own a metric is one thing: the sum, if there is one. */
    if (!rc && has_rate && !(has_sum && name.n))
        rc = make_metric(f, cells, WN_ABTEST_RATE, name.n ? name : WN_STR("conversion rate"), why);
    if (!rc && has_sum) {
        struct wn_str value = wn_arena_dup(f->a, f->t->columns.value_name);
        rc =
            value.p ? make_metric(f, cells, WN_ABTEST_MEAN, name.n ? name : value, why) : WN_MEMORY;
    }
    return rc;
}

static wn_rc make_totals(struct finish *f, struct wn_why *why)
{
    struct wn_str *names = NULL;
    size_t n = f->t->columns.has_metric ? f->t->metrics.n : 1;
    f->metrics = WN_ARENA_ARRAY(f->a, 2 * n, struct wn_abtest_metric);
    wn_rc rc = f->metrics ? name_all(&f->t->metrics, f->a, &names) : WN_MEMORY;
    for (size_t m = 0; m < n && !rc; m++)
        rc = make_metrics_of(f, m, f->t->columns.has_metric ? names[m] : WN_STR(""), why);
    return rc;
}

/* Leaves out the units that were seen in two variants. */
static void drop_crossed(struct wn_abtest_table *t)
{
    size_t n = 0, n_pre = t->columns.n_pre;
    if (!t->n_crossed)
        return;
    for (size_t i = 0; i < t->n; i++) {
        if (t->arm[i] == CROSSED)
            continue;
        t->arm[n] = t->arm[i];
        t->value[n] = t->value[i];
        if (t->day)
            t->day[n] = t->day[i];
        if (t->denominator)
            t->denominator[n] = t->denominator[i];
        if (n_pre)
            memmove(&t->pre[n * n_pre], &t->pre[i * n_pre], n_pre * sizeof *t->pre);
        n++;
    }
    t->n = n;
}

static wn_rc make_units(struct finish *f, struct wn_why *why)
{
    struct wn_abtest_table *t = f->t;
    struct wn_abtest_units u = {.arm = t->arm,
                                .value = t->value,
                                .denominator = t->denominator,
                                .pre = t->pre,
                                .n = t->n,
                                .n_arms = f->n_arms,
                                .n_looks = f->n_looks,
                                .n_pre = t->columns.n_pre,
                                .winsor_ratio = f->how->winsor_ratio};
    uint32_t *look = NULL;
    struct wn_abtest_stat *all, *fresh;
    struct wn_str name = wn_arena_dup(f->a, t->columns.value_name);
    f->metrics = WN_ARENA_ARRAY(f->a, 1, struct wn_abtest_metric);
    if (f->days) {
        look = malloc((t->n ? t->n : 1) * sizeof *look);
        for (size_t i = 0; i < t->n && look; i++)
            look[i] = (uint32_t)look_of(f, i);
        u.look = look;
    }
    wn_rc rc = name.p && f->metrics && (look || !f->days) ? WN_OK : WN_MEMORY;
    if (!rc)
        rc = wn_abtest_sum(f->a, &u, &all, &fresh, &f->out->adjustment, why);
    free(look);
    if (rc)
        return rc;
    f->metrics[0] = (struct wn_abtest_metric){.name = name,
                                              .kind = f->out->adjustment.kind,
                                              .cumulative = all,
                                              .fresh = fresh,
                                              .is_lower_better = f->how->is_lower_better};
    f->n_metrics = 1;
    return WN_OK;
}

static wn_rc make_segments(struct finish *f)
{
    const struct wn_abtest_table *t = f->t;
    struct wn_str *names;
    wn_rc rc = name_all(&t->segments, f->a, &names);
    struct wn_abtest_segment *segments =
        WN_ARENA_ARRAY(f->a, t->segments.n, struct wn_abtest_segment);
    if (rc || !segments)
        return WN_MEMORY;
    for (size_t i = 0; i < t->segments.n; i++) {
        double *counts = WN_ARENA_ARRAY(f->a, f->n_arms, double);
        if (!counts)
            return WN_MEMORY;
        memcpy(counts, &t->counts[i * WN_ABTEST_ARMS_MAX], f->n_arms * sizeof *counts);
        segments[i] = (struct wn_abtest_segment){names[i], counts};
    }
    f->out->test.segments = segments;
    f->out->test.n_segments = t->segments.n;
    return WN_OK;
}

static wn_rc finish(struct finish *f, struct wn_why *why)
{
    struct wn_abtest_table *t = f->t;
    struct wn_abtest *test = &f->out->test;
    struct wn_str *arms;
    if (!t->n)
        return wn_fail(why, WN_INVALID, NULL, "there are no rows");
    if (f->n_arms < 2)
        return wn_fail(why, WN_INVALID, "variant",
                       "a test needs at least two variants; there is "
                       "only one");
    drop_crossed(t);
    wn_rc rc = name_all(&t->arms, f->a, &arms);
    if (!rc)
        rc = find_control(f, arms, &test->control, why);
    if (!rc)
        rc = find_weights(f, arms, &test->weights, why);
    if (!rc)
        rc = find_days(f, why);
    if (!rc)
        rc = t->columns.has_units ? make_units(f, why) : make_totals(f, why);
    if (!rc)
        rc = make_segments(f);
    if (rc)
        return rc;
    test->arms = arms;
    test->n_arms = f->n_arms;
    test->days = f->days;
    test->n_looks = f->n_looks;
    test->metrics = f->metrics;
    test->n_metrics = f->n_metrics;
    return WN_OK;
}

wn_rc wn_abtest_table_finish(struct wn_abtest_table *t, const struct wn_abtest_finish *how,
                             struct wn_arena *a, struct wn_abtest_input *out, struct wn_why *why)
{
    struct wn_abtest_input made = {.has_units = t->columns.has_units,
                                   .n_rows = t->n_rows,
                                   .n_repeated = t->n_repeated,
                                   .n_crossed = t->n_crossed};
    struct finish f = {.t = t, .how = how, .a = a, .out = &made, .n_arms = t->arms.n};
    wn_rc rc = finish(&f, why);
    if (rc == WN_MEMORY)
        return no_memory(why);
    if (!rc)
        *out = made;
    return rc;
}
