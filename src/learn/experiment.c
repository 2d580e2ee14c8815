/* The whole test: the split first, then effects with intervals that may be watched, beliefs, and
 * what to do. */
#include "core/date.h"
#include "learn/experiment_int.h"
#include "learn/fdr.h"

#include <math.h>

const char *wn_abtest_kind_name(wn_abtest_kind kind)
{
    static const char *const names[] = {"rate", "mean", "ratio"};
    return names[kind];
}

const char *wn_abtest_verdict_name(wn_abtest_verdict v)
{
    static const char *const names[] = {
#define X(name, text) text,
        WN_ABTEST_VERDICT_MAP(X)
#undef X
    };
    return names[v];
}

const char *wn_abtest_method_name(wn_abtest_method m)
{
    static const char *const names[] = {"none", "exact", "normal"};
    return names[m];
}

struct job {
    struct wn_arena *a;
    struct wn_arena scratch;
    const struct wn_abtest *test;
    struct wn_abtest_options options; /* every 0 replaced, but tau and units_per_day */
    struct wn_abtest_result out;
    struct wn_abtest_outcome *metrics; /* [n_metrics], arena; arms of all metrics in one array */
    struct wn_abtest_arm *arms;        /* [n_metrics][n_arms] */
};

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the analysis");
}

/* ---- what is asked ----------------------------------------------------------------------------
 */

static wn_rc take_option(double *value, double fallback, double most, const char *field,
                         struct wn_why *why)
{
    if (!(*value >= 0 && *value <= most))
        return wn_fail(why, WN_INVALID, field, "%s must lie between 0 and %g", field, most);
    if (*value == 0)
        *value = fallback;
    return WN_OK;
}

static wn_rc take_options(const struct wn_abtest_options *given, struct job *job,
                          struct wn_why *why)
{
    struct wn_abtest_options *o = &job->options;
    if (given)
        *o = *given;
    wn_rc rc = take_option(&o->alpha, .05, .5, "alpha", why);
    if (!rc)
        rc = take_option(&o->tau, 0, WN_ABTEST_VALUE_MAX, "tau", why);
    if (!rc)
        rc = take_option(&o->tau_ratio, 0, 1e6, "tau_ratio", why);
    if (!rc)
        rc = take_option(&o->minimum_ratio, 0, 1e6, "minimum", why);
    if (!rc)
        rc = take_option(&o->prior_ratio, .05, 1e6, "prior", why);
    if (!rc)
        rc = take_option(&o->loss_ratio, .001, 1e6, "loss", why);
    if (!rc)
        rc = take_option(&o->ship_probability, .9, 1, "ship_probability", why);
    if (!rc)
        rc = take_option(&o->futile_probability, .05, .25, "futile_probability", why);
    if (!rc)
        rc = take_option(&o->units_per_day, 0, WN_ABTEST_N_MAX, "per_day", why);
    if (!rc)
        rc = take_option(&o->events_min, 100, WN_ABTEST_N_MAX, "events_min", why);
    return rc;
}

static bool is_stat(const struct wn_abtest_stat *s)
{
    return s->n >= 0 && s->n <= WN_ABTEST_N_MAX && fabs(s->mean) <= WN_ABTEST_VALUE_MAX &&
           s->variance >= 0 && s->variance <= WN_ABTEST_VALUE_MAX * WN_ABTEST_VALUE_MAX &&
           s->n_events >= 0 && s->n_events <= WN_ABTEST_N_MAX;
}

static wn_rc check_metric(const struct wn_abtest *t, const struct wn_abtest_metric *m,
                          struct wn_why *why)
{
    for (size_t i = 0; i < t->n_looks * t->n_arms; i++) {
        bool is_rate = m->kind == WN_ABTEST_RATE;
        const struct wn_abtest_stat *s = &m->cumulative[i];
        if (!is_stat(s) || (is_rate && s->n_events > s->n) || (m->fresh && !is_stat(&m->fresh[i])))
            return wn_fail(why, WN_INVALID, "metrics",
                           "metric '%.*s', variant '%.*s', look %zu: numbers out of range",
                           WN_STR_ARG(m->name), WN_STR_ARG(t->arms[i % t->n_arms]),
                           i / t->n_arms + 1);
    }
    return WN_OK;
}

static wn_rc check_test(const struct wn_abtest *t, struct wn_why *why)
{
    if (t->n_arms < 2)
        return wn_fail(why, WN_INVALID, "variant",
                       "a test needs at least two variants, this one has %zu", t->n_arms);
    if (t->n_arms > WN_ABTEST_ARMS_MAX)
        return wn_fail(why, WN_LIMIT, "variant", "more than %d variants", WN_ABTEST_ARMS_MAX);
    if (t->control >= t->n_arms)
        return wn_fail(why, WN_INVALID, "control", "there is no variant %zu", t->control + 1);
    if (t->n_looks < 1 || t->n_metrics < 1)
        return wn_fail(why, WN_INVALID, NULL, "the test has no data");
    if (t->n_looks > WN_ABTEST_LOOKS_MAX || t->n_metrics > WN_ABTEST_METRICS_MAX ||
        t->n_segments > WN_ABTEST_SEGMENTS_MAX)
        return wn_fail(why, WN_LIMIT, NULL, "more than %d looks, %d metrics or %d segments",
                       WN_ABTEST_LOOKS_MAX, WN_ABTEST_METRICS_MAX, WN_ABTEST_SEGMENTS_MAX);
    for (size_t m = 0; m < t->n_metrics; m++) {
        wn_rc rc = check_metric(t, &t->metrics[m], why);
        if (rc)
            return rc;
    }
    return WN_OK;
}

/* ---- the split --------------------------------------------------------------------------------
 */

/* Adjusts the p-values of parts [n], and sorts them worst first. */
static wn_rc adjust_parts(struct job *job, struct wn_abtest_part *parts, size_t n)
{
    double *p = WN_ARENA_ARRAY(&job->scratch, 2 * n, double);
    size_t *order = WN_ARENA_ARRAY(&job->scratch, n, size_t);
    if (!p || !order)
        return WN_MEMORY;
    for (size_t i = 0; i < n; i++)
        p[i] = parts[i].srm.p;
    wn_fdr_adjust(p, n, order, p + n);
    for (size_t i = 0; i < n; i++) {
        parts[i].p_adjusted = p[n + i];
        if (p[n + i] < WN_ABTEST_SRM_P)
            job->out.is_split_good = false;
    }
    for (size_t i = 1; i < n; i++) {
        struct wn_abtest_part part = parts[i];
        size_t j = i;
        for (; j > 0 && parts[j - 1].srm.p > part.srm.p; j--)
            parts[j] = parts[j - 1];
        parts[j] = part;
    }
    return WN_OK;
}

static wn_rc split_of_day(struct job *job, size_t look, struct wn_abtest_part *out,
                          struct wn_why *why)
{
    const struct wn_abtest *t = job->test;
    double counts[WN_ABTEST_ARMS_MAX];
    char text[WN_DAY_TEXT_MAX];
    for (size_t k = 0; k < t->n_arms; k++)
        counts[k] = t->metrics[0].fresh[look * t->n_arms + k].n;
    if (t->days) {
        (void)wn_print_day(t->days[look], text);
        out->name = wn_arena_dup(job->a, wn_str_of(text));
    } else {
        out->name = wn_arena_printf(job->a, "look %zu", look + 1);
    }
    return out->name.p ? wn_abtest_split(counts, t->weights, t->n_arms, &out->srm, why) : WN_MEMORY;
}

static wn_rc check_split(struct job *job, struct wn_why *why)
{
    const struct wn_abtest *t = job->test;
    double counts[WN_ABTEST_ARMS_MAX];
    size_t n_days = t->metrics[0].fresh && t->n_looks > 1 ? t->n_looks : 0;
    const struct wn_abtest_stat *last = &t->metrics[0].cumulative[(t->n_looks - 1) * t->n_arms];
    for (size_t k = 0; k < t->n_arms; k++)
        counts[k] = last[k].n;
    wn_rc rc = wn_abtest_split(counts, t->weights, t->n_arms, &job->out.srm, why);
    struct wn_abtest_part *parts =
        WN_ARENA_ARRAY(job->a, n_days + t->n_segments, struct wn_abtest_part);
    if (!rc && !parts)
        rc = WN_MEMORY;
    for (size_t i = 0; i < n_days && !rc; i++)
        rc = split_of_day(job, i, &parts[i], why);
    for (size_t i = 0; i < t->n_segments && !rc; i++) {
        parts[n_days + i].name = t->segments[i].name;
        rc = wn_abtest_split(t->segments[i].counts, t->weights, t->n_arms, &parts[n_days + i].srm,
                             why);
    }
    job->out.is_split_good = !rc && job->out.srm.p >= WN_ABTEST_SRM_P;
    if (!rc)
        rc = adjust_parts(job, parts, n_days);
    if (!rc)
        rc = adjust_parts(job, parts + n_days, t->n_segments);
    job->out.parts = parts;
    job->out.n_parts = n_days + t->n_segments;
    return rc;
}

/* ---- effects ----------------------------------------------------------------------------------
 */

/* Enough for the central limit theorem: events, and for a rate as many units without one. */
static bool has_enough(const struct job *job, wn_abtest_kind kind, const struct wn_abtest_stat *s)
{
    double others = kind == WN_ABTEST_RATE ? s->n - s->n_events : s->n_events;
    return fmin(s->n_events, others) >= job->options.events_min;
}

/* The first look at which every variant has enough, else the last. */
static size_t first_full_look(const struct job *job, const struct wn_abtest_metric *m)
{
    const struct wn_abtest *t = job->test;
    for (size_t look = 0; look < t->n_looks; look++) {
        bool enough = true;
        for (size_t k = 0; k < t->n_arms; k++)
            enough = enough && has_enough(job, m->kind, &m->cumulative[look * t->n_arms + k]);
        if (enough)
            return look;
    }
    return t->n_looks - 1;
}

/* What "large" means for a metric: the control's mean; where that is 0, what the units differ by.
 * Taken when the normal sequence begins and kept, so that its mixture does not follow the data. */
static double size_of(const struct job *job, const struct wn_abtest_metric *m, size_t look)
{
    const struct wn_abtest *t = job->test;
    const struct wn_abtest_stat *s = &m->cumulative[look * t->n_arms];
    double size = fabs(s[t->control].mean);
    for (size_t k = 0; k < t->n_arms && !(size > 0); k++)
        size = m->kind == WN_ABTEST_RATE ? s[k].mean : sqrt(s[k].variance);
    return size;
}

static void set_scales(const struct job *job, const struct wn_abtest_metric *m,
                       struct wn_abtest_outcome *out)
{
    const struct wn_abtest_options *o = &job->options;
    double usual = m->kind == WN_ABTEST_RATE ? .10 : .05;
    double minimum_ratio = o->minimum_ratio > 0 ? o->minimum_ratio
                           : o->tau_ratio > 0   ? o->tau_ratio
                                                : usual;
    double tau_ratio = o->tau_ratio > 0 ? o->tau_ratio : minimum_ratio;
    double before = size_of(job, m, first_full_look(job, m));
    double now = size_of(job, m, job->test->n_looks - 1);
    bool is_first = m == job->test->metrics;
    out->tau = is_first && o->tau > 0 ? o->tau : tau_ratio * before;
    out->minimum = is_first && o->tau > 0 && !(o->minimum_ratio > 0) ? o->tau : minimum_ratio * now;
    out->prior = o->prior_ratio * now;
    out->size = now;
}

/* Always-valid interval of one look at level alpha; false when there is none yet. */
static wn_rc interval_of(const struct job *job, const struct wn_abtest_metric *m, double tau,
                         const struct wn_abtest_stat *control, const struct wn_abtest_stat *arm,
                         double alpha, struct wn_abtest_interval *out, wn_abtest_method *method,
                         struct wn_why *why)
{
    *method = WN_ABTEST_NONE;
    if (!(control->n > 0) || !(arm->n > 0))
        return WN_OK;
    double variance = control->variance / control->n + arm->variance / arm->n;
    if (has_enough(job, m->kind, control) && has_enough(job, m->kind, arm) && tau > 0 &&
        variance > 0) {
        *method = WN_ABTEST_NORMAL;
        return wn_abtest_normal(arm->mean - control->mean, variance, tau, alpha, out, why);
    }
    if (m->kind != WN_ABTEST_RATE)
        return WN_OK;
    *method = WN_ABTEST_EXACT;
    return wn_abtest_exact(control->n_events, control->n, arm->n_events, arm->n, alpha, out, why);
}

static void take_fresh(const struct wn_abtest_metric *m, const struct wn_abtest *t, size_t look,
                       size_t k, struct wn_abtest_look *out)
{
    if (!m->fresh)
        return;
    const struct wn_abtest_stat *row = &m->fresh[look * t->n_arms];
    const struct wn_abtest_stat *a = &row[t->control], *b = &row[k];
    if (!(a->n > 0) || !(b->n > 0))
        return;
    out->has_fresh = true;
    out->fresh_effect = b->mean - a->mean;
    out->fresh_se = sqrt(a->variance / a->n + b->variance / b->n);
}

static wn_rc follow_arm(struct job *job, const struct wn_abtest_metric *m, double tau, size_t k,
                        struct wn_abtest_arm *out, struct wn_why *why)
{
    const struct wn_abtest *t = job->test;
    struct wn_abtest_look *looks = WN_ARENA_ARRAY(job->a, t->n_looks, struct wn_abtest_look);
    double p = 1;
    wn_rc rc = looks ? WN_OK : WN_MEMORY;
    for (size_t look = 0; look < t->n_looks && !rc; look++) {
        const struct wn_abtest_stat *row = &m->cumulative[look * t->n_arms];
        struct wn_abtest_interval interval = {.p = 1};
        struct wn_abtest_look *l = &looks[look];
        rc = interval_of(job, m, tau, &row[t->control], &row[k], job->options.alpha, &interval,
                         &l->method, why);
        bool has_both = row[t->control].n > 0 && row[k].n > 0;
        l->effect = has_both ? row[k].mean - row[t->control].mean : 0;
        l->low = l->method ? interval.low : 0;
        l->high = l->method ? interval.high : 0;
        l->p = p = fmin(p, interval.p);
        take_fresh(m, t, look, k, l);
    }
    if (rc)
        return rc;
    const struct wn_abtest_look *last = &looks[t->n_looks - 1];
    out->looks = looks;
    out->effect = last->effect;
    out->method = last->method;
    out->low = last->low;
    out->high = last->high;
    out->p = last->p;
    return WN_OK;
}

static void set_relative(const struct wn_abtest_arm *control, struct wn_abtest_arm *arm)
{
    double base = fabs(control->stat.mean);
    if (!(control->stat.n > 0) || !(base > 1e-200) || fabs(arm->effect) > 1e100 * base)
        return;
    arm->has_relative = true;
    arm->relative = arm->effect / base;
    arm->relative_low = fmax(arm->low / base, -1e300);
    arm->relative_high = fmin(arm->high / base, 1e300);
}

/* Variance of a mean, for beliefs: a rate of 0 of 20 is not known to be 0. */
static double variance_of_mean(const struct wn_abtest_metric *m, const struct wn_abtest_stat *s)
{
    if (m->kind != WN_ABTEST_RATE || s->n_events >= 100)
        return s->variance / s->n;
    double p = (s->n_events + .5) / (s->n + 1);
    return fmax(p * (1 - p), s->variance) / s->n;
}

static wn_rc believe(struct job *job, const struct wn_abtest_metric *m,
                     const struct wn_abtest_outcome *o, struct wn_abtest_arm *arms,
                     struct wn_why *why)
{
    const struct wn_abtest *t = job->test;
    double mean[WN_ABTEST_ARMS_MAX], variance[WN_ABTEST_ARMS_MAX];
    struct wn_abtest_belief beliefs[WN_ABTEST_ARMS_MAX];
    double sign = m->is_lower_better ? -1 : 1, wide = 0;
    for (size_t k = 0; k < t->n_arms; k++)
        if (arms[k].stat.n > 0)
            wide = fmax(wide, variance_of_mean(m, &arms[k].stat) * arms[k].stat.n);
    for (size_t k = 0; k < t->n_arms; k++) {
        const struct wn_abtest_stat *s = &arms[k].stat;
        /* Of a variant without units nothing is known: as the control, and wide. */
        mean[k] = sign * (s->n > 0 ? s->mean : arms[t->control].stat.mean);
        variance[k] = s->n > 0 ? variance_of_mean(m, s) : fmax(wide, o->prior * o->prior);
    }
    wn_rc rc = wn_abtest_believe(mean, variance, t->n_arms, t->control, o->prior, o->minimum,
                                 beliefs, why);
    for (size_t k = 0; k < t->n_arms && !rc; k++) {
        arms[k].belief = beliefs[k];
        arms[k].loss_ratio = o->size > 0 ? fmin(beliefs[k].loss / o->size, 1e300) : 0;
        if (m->is_lower_better) { /* effects are said as they are, not as they are wished */
            arms[k].belief.effect = 0 - beliefs[k].effect;
            arms[k].belief.low = 0 - beliefs[k].high;
            arms[k].belief.high = 0 - beliefs[k].low;
        }
    }
    return rc;
}

/* ---- what to do -------------------------------------------------------------------------------
 */

/* True when the always-valid interval at twice the futility level has no room for an effect that
 * matters: one-sided, so the level is doubled. */
static wn_rc excludes_minimum(const struct job *job, const struct wn_abtest_metric *m,
                              const struct wn_abtest_outcome *o, const struct wn_abtest_arm *arm,
                              bool *out, struct wn_why *why)
{
    struct wn_abtest_interval interval = {0};
    wn_abtest_method method;
    wn_rc rc = interval_of(job, m, o->tau, &o->arms[job->test->control].stat, &arm->stat,
                           2 * job->options.futile_probability, &interval, &method, why);
    *out = !rc && method &&
           (m->is_lower_better ? interval.low > -o->minimum : interval.high < o->minimum);
    return rc;
}

static wn_rc judge(const struct job *job, const struct wn_abtest_metric *m,
                   const struct wn_abtest_outcome *o, struct wn_abtest_arm *arm, struct wn_why *why)
{
    const struct wn_abtest_options *opt = &job->options;
    double gain = m->is_lower_better ? -arm->effect : arm->effect;
    bool is_small_loss = arm->belief.loss <= opt->loss_ratio * o->size &&
                         arm->belief.p_above > opt->ship_probability;
    bool is_hopeless = false;
    wn_rc rc = WN_OK;
    if (arm->belief.p_minimum < opt->futile_probability)
        rc = excludes_minimum(job, m, o, arm, &is_hopeless, why);
    if (!job->out.is_split_good)
        arm->verdict = WN_ABTEST_BLOCKED;
    else if (arm->is_proven && gain > 0 && is_small_loss)
        arm->verdict = WN_ABTEST_SHIP;
    else if (arm->is_proven && gain < 0)
        arm->verdict = WN_ABTEST_WORSE;
    else if (is_hopeless)
        arm->verdict = WN_ABTEST_FUTILE;
    else if (!arm->method)
        arm->verdict = WN_ABTEST_TOO_EARLY;
    else
        arm->verdict = is_small_loss ? WN_ABTEST_LOW_RISK : WN_ABTEST_KEEP_GOING;
    return rc;
}

/* How many times the units of now are needed until no interval is wider than the minimum. */
static double growth_needed(const struct job *job, const struct wn_abtest_outcome *o)
{
    const struct wn_abtest *t = job->test;
    const struct wn_abtest_stat *a = &o->arms[t->control].stat;
    double worst = 1;
    for (size_t k = 0; k < t->n_arms; k++) {
        const struct wn_abtest_stat *b = &o->arms[k].stat;
        double variance = a->variance / fmax(a->n, 1) + b->variance / fmax(b->n, 1);
        double low = 0, high = log(1e15); /* ln of the growth */
        if (k == t->control || !(variance > 0) || !(o->tau > 0))
            continue;
        if (wn_abtest_half_width(variance, o->tau, job->options.alpha) <= o->minimum)
            continue;
        for (int i = 0; i < 60; i++) {
            double middle = (low + high) / 2;
            if (wn_abtest_half_width(variance / exp(middle), o->tau, job->options.alpha) >
                o->minimum)
                low = middle;
            else
                high = middle;
        }
        worst = fmax(worst, exp(high));
    }
    return worst;
}

/* Units a day, of the days of the last week that have any data. */
static double pace(const struct job *job)
{
    const struct wn_abtest *t = job->test;
    const struct wn_abtest_stat *all = t->metrics[0].cumulative;
    if (job->options.units_per_day > 0)
        return job->options.units_per_day;
    if (!t->days || t->n_looks < 2)
        return 0;
    size_t last = t->n_looks - 1, from = last > 7 ? last - 7 : 0;
    double units = 0;
    for (size_t k = 0; k < t->n_arms; k++)
        units += all[last * t->n_arms + k].n - all[from * t->n_arms + k].n;
    return fmax(units, 0) / fmax(t->days[last] - t->days[from], 1);
}

static void set_rest(const struct job *job, struct wn_abtest_outcome *o)
{
    double n = 0, units_per_day = pace(job);
    for (size_t k = 0; k < job->test->n_arms; k++)
        n += o->arms[k].stat.n;
    o->n_left = ceil(fmin((growth_needed(job, o) - 1) * n, 1e18));
    o->has_days_left = units_per_day > 0 && n > 0;
    o->days_left = o->has_days_left ? fmin(ceil(o->n_left / units_per_day), 1e15) : 0;
}

/* p-values of all variants and metrics together. */
static wn_rc adjust_all(struct job *job)
{
    const struct wn_abtest *t = job->test;
    size_t n = t->n_metrics * (t->n_arms - 1), at = 0;
    double *p = WN_ARENA_ARRAY(&job->scratch, 2 * n, double);
    size_t *order = WN_ARENA_ARRAY(&job->scratch, n, size_t);
    if (!p || !order)
        return WN_MEMORY;
    for (size_t i = 0; i < t->n_metrics * t->n_arms; i++)
        if (i % t->n_arms != t->control)
            p[at++] = job->arms[i].p;
    wn_fdr_adjust(p, n, order, p + n);
    at = n;
    for (size_t i = 0; i < t->n_metrics * t->n_arms; i++) {
        job->arms[i].p_adjusted = 1;
        if (i % t->n_arms == t->control)
            continue;
        job->arms[i].p_adjusted = p[at++];
        job->arms[i].is_proven = job->arms[i].p_adjusted <= job->options.alpha;
    }
    return WN_OK;
}

static wn_rc analyse_metric(struct job *job, size_t m, struct wn_why *why)
{
    const struct wn_abtest *t = job->test;
    const struct wn_abtest_metric *metric = &t->metrics[m];
    struct wn_abtest_outcome *o = &job->metrics[m];
    struct wn_abtest_arm *arms = &job->arms[m * t->n_arms];
    o->name = metric->name;
    o->kind = metric->kind;
    o->is_lower_better = metric->is_lower_better;
    o->arms = arms;
    set_scales(job, metric, o);
    for (size_t k = 0; k < t->n_arms; k++)
        arms[k].stat = metric->cumulative[(t->n_looks - 1) * t->n_arms + k];
    wn_rc rc = WN_OK;
    for (size_t k = 0; k < t->n_arms && !rc; k++) {
        if (k == t->control)
            continue;
        rc = follow_arm(job, metric, o->tau, k, &arms[k], why);
        set_relative(&arms[t->control], &arms[k]);
    }
    if (!rc)
        rc = believe(job, metric, o, arms, why);
    for (size_t k = 0; k < t->n_arms && !rc; k++)
        if (arms[k].belief.p_best > arms[o->best].belief.p_best)
            o->best = k;
    set_rest(job, o);
    return rc;
}

/* The variant of a verdict that is likeliest to be best; n_arms when there is none. */
static size_t find_verdict(const struct job *job, wn_abtest_verdict verdict)
{
    const struct wn_abtest *t = job->test;
    size_t found = t->n_arms;
    for (size_t k = 0; k < t->n_arms; k++)
        if (k != t->control && job->arms[k].verdict == verdict &&
            (found == t->n_arms || job->arms[k].belief.p_best > job->arms[found].belief.p_best))
            found = k;
    return found;
}

static void decide(struct job *job)
{
    static const wn_abtest_verdict order[] = {
        WN_ABTEST_BLOCKED,   WN_ABTEST_SHIP,   WN_ABTEST_LOW_RISK, WN_ABTEST_KEEP_GOING,
        WN_ABTEST_TOO_EARLY, WN_ABTEST_FUTILE, WN_ABTEST_WORSE};
    struct wn_abtest_result *out = &job->out;
    size_t n_arms = job->test->n_arms, found = n_arms;
    for (size_t i = 0; i < WN_COUNT(order) && found == n_arms; i++) {
        found = find_verdict(job, order[i]);
        out->verdict = order[i];
    }
    bool moves = out->verdict == WN_ABTEST_SHIP || out->verdict == WN_ABTEST_LOW_RISK;
    out->arm = moves ? found : job->test->control;
    out->is_safe_to_stop = out->verdict == WN_ABTEST_SHIP || out->verdict == WN_ABTEST_FUTILE ||
                           out->verdict == WN_ABTEST_WORSE;
}

static wn_rc work(struct job *job, struct wn_why *why)
{
    const struct wn_abtest *t = job->test;
    job->metrics = WN_ARENA_ARRAY(job->a, t->n_metrics, struct wn_abtest_outcome);
    job->arms = WN_ARENA_ARRAY(job->a, t->n_metrics * t->n_arms, struct wn_abtest_arm);
    if (!job->metrics || !job->arms)
        return WN_MEMORY;
    wn_rc rc = check_split(job, why);
    for (size_t m = 0; m < t->n_metrics && !rc; m++)
        rc = analyse_metric(job, m, why);
    if (!rc)
        rc = adjust_all(job);
    for (size_t i = 0; i < t->n_metrics * t->n_arms && !rc; i++)
        if (i % t->n_arms != t->control)
            rc = judge(job, &t->metrics[i / t->n_arms], &job->metrics[i / t->n_arms], &job->arms[i],
                       why);
    if (rc)
        return rc;
    job->out.alpha = job->options.alpha;
    job->out.metrics = job->metrics;
    job->out.n_metrics = t->n_metrics;
    decide(job);
    return wn_abtest_say(job->a, t, &job->options, &job->out, why);
}

wn_rc wn_abtest_analyse(struct wn_arena *a, const struct wn_abtest *test,
                        const struct wn_abtest_options *options, struct wn_abtest_result *out,
                        struct wn_why *why)
{
    struct job job = {.a = a, .test = test};
    wn_rc rc = check_test(test, why);
    if (!rc)
        rc = take_options(options, &job, why);
    if (rc)
        return rc;
    wn_arena_init(&job.scratch, a->max_bytes);
    rc = work(&job, why);
    wn_arena_deinit(&job.scratch);
    if (rc == WN_MEMORY)
        return no_memory(why);
    if (!rc)
        *out = job.out;
    return rc;
}
