#include "learn/cause.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One element of a dimension while it is being summed. */
struct element {
    uint32_t id;
    double f, a;   /* forecast and actual (of a ratio: the numerators) */
    double fd, ad; /* denominators */
    double power, surprise;
};

/* Which rows count: all, or those of one element of one dimension. */
struct inside {
    bool is_set;
    uint32_t dimension, id;
};

struct total {
    double f, a, fd, ad;
};

static bool is_ratio(const struct wn_cause_input *in)
{
    return in->forecast_below != NULL;
}

static bool row_is_good(const struct wn_cause_input *in, size_t i)
{
    const double limit = 1e150;
    bool good = fabs(in->forecast[i]) < limit && fabs(in->actual[i]) < limit;
    if (good && is_ratio(in))
        good = fabs(in->forecast_below[i]) < limit && fabs(in->actual_below[i]) < limit;
    return good;
}

static wn_rc check(const struct wn_cause_input *in, struct wn_why *why)
{
    if (in->n_dimensions < 1 || in->n_dimensions > WN_CAUSE_DIMENSIONS_MAX)
        return wn_fail(why, WN_INVALID, "dimensions", "there must be 1 to %d dimensions",
                       WN_CAUSE_DIMENSIONS_MAX);
    if (is_ratio(in) != (in->actual_below != NULL))
        return wn_fail(why, WN_INVALID, "denominators", "a ratio needs both denominators");
    for (size_t i = 0; i < in->n_rows; i++)
        for (size_t d = 0; d < in->n_dimensions; d++)
            if (in->ids[i * in->n_dimensions + d] >= in->n_elements[d])
                return wn_fail(why, WN_INVALID, "ids",
                               "row %zu: the id of dimension %zu is out of range", i + 1, d + 1);
    return WN_OK;
}

static bool row_counts(const struct wn_cause_input *in, size_t i, struct inside inside)
{
    if (inside.is_set && in->ids[i * in->n_dimensions + inside.dimension] != inside.id)
        return false;
    return row_is_good(in, i);
}

static struct total sum_all(const struct wn_cause_input *in, struct inside inside)
{
    struct total t = {0};
    for (size_t i = 0; i < in->n_rows; i++) {
        if (!row_counts(in, i, inside))
            continue;
        t.f += in->forecast[i];
        t.a += in->actual[i];
        if (is_ratio(in)) {
            t.fd += in->forecast_below[i];
            t.ad += in->actual_below[i];
        }
    }
    return t;
}

static double value_of(const struct wn_cause_input *in, double n, double d)
{
    if (!is_ratio(in))
        return n;
    return fabs(d) > 1e-300 ? n / d : 0;
}

/* How far the share of an element moved: half the Jensen-Shannon terms of p and q. */
static double share_surprise(double p, double q)
{
    double s = 0;
    p = p > 0 ? p : 0;
    q = q > 0 ? q : 0;
    if (p > 0)
        s += p * log(2 * p / (p + q));
    if (q > 0)
        s += q * log(2 * q / (p + q));
    return s > 0 ? s / 2 : 0;
}

static double share(double part, double whole)
{
    return whole > 0 && part > 0 ? part / whole : 0;
}

/* Power of an element, before it is normalised. */
static double raw_power(const struct wn_cause_input *in, const struct element *e,
                        const struct total *t)
{
    if (!is_ratio(in))
        return e->a - e->f;
    double below = t->fd * (t->fd + e->ad - e->fd);
    if (fabs(below) < 1e-300)
        return 0;
    return ((e->a - e->f) * t->fd - (e->ad - e->fd) * t->f) / below;
}

static int by_surprise(const void *x, const void *y)
{
    const struct element *a = x, *b = y;
    if (a->surprise < b->surprise || a->surprise > b->surprise)
        return a->surprise < b->surprise ? 1 : -1;
    return (a->id > b->id) - (a->id < b->id);
}

/* Sums the elements of dimension d, with power and surprise, by surprise. scratch [n_elements]. */
static void sum_elements(const struct wn_cause_input *in, size_t d, struct inside inside,
                         const struct total *t, struct element *scratch)
{
    uint32_t n = in->n_elements[d];
    double powers = 0;
    for (uint32_t j = 0; j < n; j++)
        scratch[j] = (struct element){.id = j};
    for (size_t i = 0; i < in->n_rows; i++) {
        if (!row_counts(in, i, inside))
            continue;
        struct element *e = &scratch[in->ids[i * in->n_dimensions + d]];
        e->f += in->forecast[i];
        e->a += in->actual[i];
        if (is_ratio(in)) {
            e->fd += in->forecast_below[i];
            e->ad += in->actual_below[i];
        }
    }
    for (uint32_t j = 0; j < n; j++) {
        struct element *e = &scratch[j];
        e->power = raw_power(in, e, t);
        powers += e->power;
        e->surprise = share_surprise(share(e->f, t->f), share(e->a, t->a));
        if (is_ratio(in))
            e->surprise += share_surprise(share(e->fd, t->fd), share(e->ad, t->ad));
    }
    for (uint32_t j = 0; j < n; j++) {
        double p = fabs(powers) > 1e-300 ? scratch[j].power / powers : 0;
        scratch[j].power = isfinite(p) ? p : 0;
    }
    qsort(scratch, n, sizeof *scratch, by_surprise);
}

/* The set of a dimension; false when its elements do not explain enough. */
static bool find_set(const struct wn_cause_input *in, const struct element *sorted, uint32_t n,
                     const struct wn_cause_options *options, struct wn_cause *out)
{
    for (uint32_t j = 0; j < n && out->n_elements < WN_CAUSE_ELEMENTS_MAX; j++) {
        const struct element *e = &sorted[j];
        if (e->power <= options->power_min)
            continue;
        out->elements[out->n_elements++] = (struct wn_cause_element){
            e->id, e->power, e->surprise, value_of(in, e->f, e->fd), value_of(in, e->a, e->ad)};
        out->power += e->power;
        out->surprise += e->surprise;
        if (out->power > options->power_total)
            return true;
    }
    return false;
}

static int by_rank(const void *x, const void *y)
{
    const struct wn_cause *a = x, *b = y;
    if (a->surprise < b->surprise || a->surprise > b->surprise)
        return a->surprise < b->surprise ? 1 : -1;
    if (a->n_elements != b->n_elements)
        return a->n_elements < b->n_elements ? -1 : 1;
    return (a->dimension > b->dimension) - (a->dimension < b->dimension);
}

static double relative_change(double f, double a)
{
    return fabs(f) > 1e-300 ? (a - f) / fabs(f) : (a > f ? 1e300 : 0);
}

/* Looks for a narrower cause inside the element that won. */
static void look_inside(const struct wn_cause_input *in, const struct wn_cause_options *options,
                        struct element *scratch, struct wn_cause_report *out)
{
    const struct wn_cause first = out->causes[0];
    if (first.n_elements != 1)
        return;
    struct inside inside = {true, first.dimension, first.elements[0].id};
    struct total t = sum_all(in, inside);
    double parent = relative_change(first.elements[0].forecast, first.elements[0].actual);
    for (uint32_t d = 0; d < in->n_dimensions; d++) {
        struct wn_cause c = {.dimension = d,
                             .has_inside = true,
                             .inside = inside.dimension,
                             .inside_id = inside.id,
                             .p_value = 1};
        if (d == first.dimension)
            continue;
        sum_elements(in, d, inside, &t, scratch);
        if (!find_set(in, scratch, in->n_elements[d], options, &c))
            continue;
        double change = 0;
        for (uint32_t k = 0; k < c.n_elements; k++)
            change += relative_change(c.elements[k].forecast, c.elements[k].actual) / c.n_elements;
        if (change * (parent < 0 ? -1 : 1) <= 1.25 * fabs(parent))
            continue;
        out->causes[out->n_causes++] = c;
    }
    qsort(out->causes + 1, out->n_causes - 1, sizeof *out->causes, by_rank);
}

wn_rc wn_cause_explain(const struct wn_cause_input *in, const struct wn_cause_options *options,
                       struct wn_arena *a, struct wn_cause_report *out, size_t *n_skipped,
                       struct wn_why *why)
{
    wn_rc rc = check(in, why);
    if (rc)
        return rc;
    size_t n_largest = 1, skipped = 0;
    for (size_t d = 0; d < in->n_dimensions; d++)
        n_largest = in->n_elements[d] > n_largest ? in->n_elements[d] : n_largest;
    struct element *scratch = WN_ARENA_ARRAY(a, n_largest, struct element);
    struct wn_cause_report report = {0};
    report.causes = WN_ARENA_ARRAY(a, 2 * in->n_dimensions, struct wn_cause);
    if (!scratch || !report.causes)
        return wn_fail(why, WN_MEMORY, NULL, "no memory to explain %zu rows", in->n_rows);
    for (size_t i = 0; i < in->n_rows; i++)
        skipped += !row_is_good(in, i);
    struct inside all = {0};
    struct total t = sum_all(in, all);
    report.forecast = value_of(in, t.f, t.fd);
    report.actual = value_of(in, t.a, t.ad);
    if (!isfinite(report.forecast) || !isfinite(report.actual))
        return wn_fail(why, WN_INVALID, "actual", "the totals are too large");
    double size = fabs(report.forecast) + fabs(report.actual);
    bool moved = fabs(report.actual - report.forecast) > 1e-12 * size;
    for (uint32_t d = 0; moved && d < in->n_dimensions; d++) {
        struct wn_cause c = {.dimension = d, .p_value = 1};
        sum_elements(in, d, all, &t, scratch);
        if (find_set(in, scratch, in->n_elements[d], options, &c) &&
            c.surprise > options->null_limit)
            report.causes[report.n_causes++] = c;
    }
    qsort(report.causes, report.n_causes, sizeof *report.causes, by_rank);
    if (report.n_causes)
        look_inside(in, options, scratch, &report);
    *out = report;
    if (n_skipped)
        *n_skipped = skipped;
    return WN_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

wn_rc wn_cause_explain_against(const struct wn_cause_input *in, const struct wn_cause_input *days,
                               size_t n_days, const struct wn_cause_options *options,
                               struct wn_arena *a, struct wn_cause_report *out, struct wn_why *why)
{
    struct wn_cause_options all = *options, limited = *options;
    double *null = WN_ARENA_ARRAY(a, n_days + 1, double);
    if (!null)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu normal days", n_days);
    all.null_limit = 0;
    for (size_t i = 0; i < n_days; i++) {
        struct wn_cause_report day = {0};
        wn_rc rc = wn_cause_explain(&days[i], &all, a, &day, NULL, why);
        if (rc)
            return rc;
        null[i] = day.n_causes ? day.causes[0].surprise : 0;
    }
    qsort(null, n_days, sizeof *null, by_value);
    if (n_days) {
        double at = 0.95 * (double)(n_days - 1);
        size_t i = (size_t)at, j = i + 1 < n_days ? i + 1 : i;
        double limit = null[i] + (null[j] - null[i]) * (at - (double)i);
        limited.null_limit = limit > options->null_limit ? limit : options->null_limit;
    }
    struct wn_cause_report report = {0};
    wn_rc rc = wn_cause_explain(in, &limited, a, &report, NULL, why);
    if (rc)
        return rc;
    for (size_t c = 0; c < report.n_causes && n_days; c++) {
        size_t n_as_large = 0;
        for (size_t i = 0; i < n_days; i++)
            n_as_large += null[i] >= report.causes[c].surprise;
        report.causes[c].p_value = (double)(1 + n_as_large) / (double)(n_days + 1);
    }
    *out = report;
    return WN_OK;
}

/* ---- ROAS ---- */

struct rates {
    double share, clicks_per_spend, cvr, value;
    bool has[4];
};

static bool part_is_good(const struct wn_roas_part *p)
{
    const double limit = 1e100;
    return p->spend >= 0 && p->clicks >= 0 && p->conversions >= 0 && p->revenue >= 0 &&
           p->spend < limit && p->clicks < limit && p->conversions < limit && p->revenue < limit;
}

/* A link that is missing in the chain spend -> clicks -> conversions -> revenue while the next one
 * is there (revenue without a counted conversion) is bridged by a rate of 1. */
static struct rates rates_of(const struct wn_roas_part *p, double spend)
{
    struct rates r = {0};
    double revenue = p->revenue;
    double conversions = p->conversions > 0 ? p->conversions : (revenue > 0 ? 1 : 0);
    double clicks = p->clicks > 0 ? p->clicks : (conversions > 0 ? conversions : 0);
    r.share = p->spend / spend;
    if (p->spend > 0) {
        r.clicks_per_spend = clicks / p->spend;
        r.has[1] = true;
        r.has[2] = clicks > 0;
        r.cvr = clicks > 0 ? conversions / clicks : 0;
        r.has[3] = conversions > 0;
        r.value = conversions > 0 ? revenue / conversions : 0;
    }
    return r;
}

static double pick(double mine, bool has_mine, double other, bool has_other)
{
    return has_mine ? mine : (has_other ? other : 0);
}

/* ROAS with the factors of mask (bit = factor) as after, the others as before. */
static double roas_with(unsigned mask, const struct wn_roas_part *before,
                        const struct wn_roas_part *after, size_t n, const double spend[2])
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        struct rates r[2] = {rates_of(&before[i], spend[0]), rates_of(&after[i], spend[1])};
        int m = mask & 1u ? 1 : 0, c = mask & 2u ? 1 : 0, v = mask & 4u ? 1 : 0;
        int w = mask & 8u ? 1 : 0;
        sum += r[m].share *
               pick(r[c].clicks_per_spend, r[c].has[1], r[!c].clicks_per_spend, r[!c].has[1]) *
               pick(r[v].cvr, r[v].has[2], r[!v].cvr, r[!v].has[2]) *
               pick(r[w].value, r[w].has[3], r[!w].value, r[!w].has[3]);
    }
    return sum;
}

wn_rc wn_roas_explain(const struct wn_roas_part *before, const struct wn_roas_part *after,
                      size_t n_parts, struct wn_roas_split *out, struct wn_why *why)
{
    double spend[2] = {0, 0}, v[16];
    for (size_t i = 0; i < n_parts; i++) {
        if (!part_is_good(&before[i]) || !part_is_good(&after[i]))
            return wn_fail(why, WN_INVALID, "parts", "part %zu: a number is negative or not finite",
                           i + 1);
        spend[0] += before[i].spend;
        spend[1] += after[i].spend;
    }
    if (!(spend[0] > 0) || !(spend[1] > 0))
        return wn_fail(why, WN_INVALID, "spend", "there is no spend in one of the periods");
    for (unsigned mask = 0; mask < 16; mask++) {
        v[mask] = roas_with(mask, before, after, n_parts, spend);
        if (!isfinite(v[mask]))
            return wn_fail(why, WN_INVALID, "parts", "the rates are too large");
    }
    struct wn_roas_split s = {.before = v[0], .after = v[15]};
    /* Weight of a coalition of size k among four: k! (3-k)! / 4!. */
    static const double weight[4] = {6.0 / 24, 2.0 / 24, 2.0 / 24, 6.0 / 24};
    for (unsigned f = 0; f < WN_ROAS_FACTORS; f++)
        for (unsigned mask = 0; mask < 16; mask++)
            if (!(mask & (1u << f))) {
                unsigned k = (mask & 1) + (mask >> 1 & 1) + (mask >> 2 & 1) + (mask >> 3 & 1);
                s.effect[f] += weight[k] * (v[mask | (1u << f)] - v[mask]);
            }
    *out = s;
    return WN_OK;
}
