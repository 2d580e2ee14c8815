/* Histories of single entities: checks, rows to steps, and what the entities of a group share. */
#include "learn/curve_fit_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEASON_DAYS_MIN = 21 };
#define SEASON_DAYS 4. /* pseudo-days that pull a weekday's factor to 1 */

static double sq(double x)
{
    return x * x;
}

/* ---- checks ------------------------------------------------------------------------------------
 */

static wn_rc bad(struct wn_why *why, size_t entity, const char *field, size_t i, const char *text)
{
    char name[64];
    snprintf(name, sizeof name, "%s[%zu]", field, i);
    if (why && !why->text[0])
        why->line = entity + 1;
    return wn_fail(why, WN_INVALID, name, "entity %zu: %s %s", entity + 1, name, text);
}

static bool is_money(double x)
{
    return x >= 0 && x <= WN_MONEY_MAX; /* false for NaN */
}

wn_rc curve_check_history(const struct wn_history *h, size_t entity, struct wn_why *why)
{
    if (h->n && (!h->days || !h->spend || !h->revenue))
        return bad(why, entity, "days", 0, "is missing");
    for (size_t i = 0; i < h->n; i++) {
        if (!is_money(h->spend[i]))
            return bad(why, entity, "spend", i, "must be from 0 to 9.2e12");
        if (!isnan(h->revenue[i]) && !is_money(h->revenue[i]))
            return bad(why, entity, "revenue", i, "must be from 0 to 9.2e12, or NaN for unknown");
        if (h->arrived && !(h->arrived[i] > 0 && h->arrived[i] <= 1))
            return bad(why, entity, "arrived", i, "must be above 0 and at most 1");
    }
    for (size_t i = 0; i < h->n_experiments; i++) {
        const struct wn_experiment *e = &h->experiments[i];
        if (!is_money(e->spend_from) || !is_money(e->spend_to) || e->spend_from == e->spend_to)
            return bad(why, entity, "experiments", i, "needs two different spends");
        if (!(fabs(e->effect) <= WN_MONEY_MAX) ||
            !(e->effect_se > 0 && e->effect_se <= WN_MONEY_MAX))
            return bad(why, entity, "experiments", i, "needs an effect and an error above 0");
    }
    return WN_OK;
}

wn_rc curve_check_options(const struct wn_curve_options *o, struct wn_why *why)
{
    if (!(o->decay_ratio >= 0 && o->decay_ratio <= 1))
        return wn_fail(why, WN_INVALID, "decay_ratio", "decay_ratio must be from 0 to 1");
    if (!(o->reported_factor >= 0 && o->reported_factor <= 100))
        return wn_fail(why, WN_INVALID, "reported_factor", "reported_factor must be from 0 to 100");
    if (!(o->reported_log_sd >= 0 && o->reported_log_sd <= 2))
        return wn_fail(why, WN_INVALID, "reported_log_sd", "reported_log_sd must be from 0 to 2");
    return WN_OK;
}

/* ---- history to steps ---------------------------------------------------------------------------
 */

static int by_day(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    /* Sums of doubles depend on their order: equal days are added in the order of their values, so
     * that shuffled rows give the same bytes. */
    if (x->spend != y->spend)
        return x->spend < y->spend ? -1 : 1;
    return x->revenue < y->revenue ? -1 : x->revenue > y->revenue;
}

/* Sorted rows with one row a day. Returns how many. */
static size_t gather_rows(const struct wn_history *h, struct row *rows)
{
    for (size_t i = 0; i < h->n; i++)
        rows[i] =
            (struct row){h->days[i], h->spend[i], h->revenue[i], h->arrived ? h->arrived[i] : 1};
    qsort(rows, h->n, sizeof *rows, by_day);
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++) {
        if (n && rows[n - 1].day == rows[i].day) {
            struct row *r = &rows[n - 1];
            r->spend += rows[i].spend;
            r->arrived = fmin(r->arrived, rows[i].arrived);
            r->revenue = isnan(r->revenue)        ? rows[i].revenue
                         : isnan(rows[i].revenue) ? r->revenue
                                                  : r->revenue + rows[i].revenue;
        } else {
            rows[n++] = rows[i];
        }
    }
    return n;
}

/* The step of a series: its smallest distance of two days. */
static int64_t step_days(const struct row *rows, size_t n)
{
    int64_t step = INT64_MAX;
    for (size_t i = 1; i < n; i++) {
        int64_t d = (int64_t)rows[i].day - rows[i - 1].day;
        step = d < step ? d : step;
    }
    return step == INT64_MAX ? 1 : step;
}

struct totals {
    double spend, revenue, n;
};

/* Spend and (mature) revenue of the steps whose revenue is known. */
static struct totals totals_of(const struct row *rows, size_t n)
{
    struct totals t = {0};
    for (size_t i = 0; i < n; i++)
        if (!isnan(rows[i].revenue)) {
            t.spend += rows[i].spend;
            t.revenue += rows[i].revenue / rows[i].arrived;
            t.n++;
        }
    return t;
}

static int weekday(int32_t day)
{
    int d = (int)(day % 7);
    return d < 0 ? d + 7 : d;
}

void curve_make_steps(struct fit *f, const struct wn_history *h, struct entity_fit *e,
                      struct wn_curve *c)
{
    size_t n = gather_rows(h, f->rows);
    struct totals t = totals_of(f->rows, n);
    int64_t step = step_days(f->rows, n);
    double spend = 0, square = 0;
    c->spend_min = n ? INFINITY : 0;
    for (size_t i = 0; i < n; i++) {
        spend += f->rows[i].spend;
        c->spend_min = fmin(c->spend_min, f->rows[i].spend);
        c->spend_max = fmax(c->spend_max, f->rows[i].spend);
    }
    e->n = n;
    e->spend_scale = n ? spend / (double)n : 0;
    e->n_known = (size_t)t.n;
    e->revenue_scale = t.n > 0 && t.revenue > 0 ? t.revenue / t.n : e->spend_scale;
    e->own_roas = t.spend > 0 ? t.revenue / t.spend : 0;
    if (!(e->spend_scale > 0))
        return;
    size_t recent = n < CURVE_RECENT_STEPS ? n : CURVE_RECENT_STEPS;
    for (size_t i = 0; i < n; i++) {
        const struct row *r = &f->rows[i];
        double u = r->spend / e->spend_scale;
        square += sq(u - 1);
        if (i + recent >= n)
            c->spend_now += r->spend / (double)recent;
        f->steps[i] = (struct step){
            .spend = u,
            .revenue = r->revenue / r->arrived / e->revenue_scale,
            /* Revenue of larger days varies more: variance between constant and proportional. */
            .weight = r->arrived / (.25 + .75 * fmin(u, 4)),
            .season = step == 1 ? f->season[h->group][weekday(r->day)] : 1,
            .age = floor((double)((int64_t)f->rows[n - 1].day - r->day) / (double)step),
            .gap = i ? (int32_t)(((int64_t)r->day - f->rows[i - 1].day + step / 2) / step) : 1};
    }
    c->spend_mean = e->spend_scale;
    c->spend_cv = sqrt(square / (double)n);
    c->n_observed = (uint32_t)(e->n_known > UINT32_MAX ? UINT32_MAX : e->n_known);
}

/* ---- groups: pooled ROAS and weekday profile -----------------------------------------------------
 */

wn_rc curve_pool_groups(struct fit *f, const struct wn_history *h, size_t n)
{
    struct totals *all = WN_ARENA_ARRAY(&f->scratch, f->n_groups, struct totals);
    struct totals(*days)[7] = wn_arena_array(&f->scratch, f->n_groups, sizeof *days);
    if (!all || !days)
        return WN_MEMORY;
    for (size_t i = 0; i < n; i++) {
        size_t m = gather_rows(&h[i], f->rows);
        struct totals t = totals_of(f->rows, m), *sum = &all[h[i].group];
        sum->spend += t.spend;
        sum->revenue += t.revenue;
        sum->n += t.n;
        if (f->options->no_season || m < SEASON_DAYS_MIN || step_days(f->rows, m) != 1 ||
            !(t.revenue > 0) || !(t.spend > 0))
            continue;
        for (size_t k = 0; k < m; k++) {
            const struct row *r = &f->rows[k];
            struct totals *d = &days[h[i].group][weekday(r->day)];
            if (isnan(r->revenue) || !(r->spend > 0))
                continue;
            /* Each entity counts as one, whatever its size and currency. */
            d->spend += r->spend / t.spend;
            d->revenue += r->revenue / r->arrived / t.revenue;
            d->n++;
        }
    }
    for (uint32_t g = 0; g < f->n_groups; g++) {
        f->group_roas[g] = all[g].spend > 0 ? all[g].revenue / all[g].spend : 0;
        for (int d = 0; d < 7; d++) {
            const struct totals *t = &days[g][d];
            double factor = t->spend > 0 ? t->revenue / t->spend : 1;
            f->season[g][d] =
                fmin(fmax((t->n * factor + SEASON_DAYS) / (t->n + SEASON_DAYS), .2), 5);
        }
    }
    return WN_OK;
}