/* The result as a person would say it: what to do, and why. */
#include "core/buf.h"
#include "learn/experiment_int.h"

#include <math.h>
#include <stdio.h>

enum { SENTENCE_MAX = 4096 };

/* 12345 as "12,345". */
static void add_count(struct wn_buf *b, double n)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%.0f", n);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            wn_buf_append_char(b, ',');
        wn_buf_append_char(b, text[i]);
    }
}

/* An effect: in percent of the control's mean where that is not 0, else as it is. Digits follow
 * the width of the interval. */
static void add_effect(struct wn_buf *b, const struct wn_abtest_arm *arm, double value,
                       double relative)
{
    if (arm->has_relative)
        wn_buf_printf(b, "%+.*f %%", arm->relative_high - arm->relative_low < .05 ? 2 : 1,
                      100 * relative);
    else
        wn_buf_printf(b, "%+.4g", value);
}

static void add_interval(struct wn_buf *b, const struct wn_abtest_arm *arm, double alpha)
{
    add_effect(b, arm, arm->effect, arm->relative);
    if (!arm->method)
        return;
    wn_buf_printf(b, " (always-valid %g %% interval ", 100 * (1 - alpha));
    add_effect(b, arm, arm->low, arm->relative_low);
    wn_buf_append_z(b, " to ");
    add_effect(b, arm, arm->high, arm->relative_high);
    wn_buf_append_char(b, ')');
}

static void say_split(struct wn_buf *b, const struct wn_abtest *t, const struct wn_abtest_result *r)
{
    const struct wn_abtest_outcome *m = r->metrics;
    const struct wn_abtest_part *part = NULL;
    for (size_t i = 0; i < r->n_parts && !part; i++)
        if (r->parts[i].p_adjusted < WN_ABTEST_SRM_P)
            part = &r->parts[i];
    wn_buf_append_z(b, "Do not use this result: the split is broken");
    if (r->srm.p < WN_ABTEST_SRM_P) {
        wn_buf_append_z(b, ". The variants got ");
        for (size_t k = 0; k < t->n_arms; k++) {
            wn_buf_append_z(b, k == 0 ? "" : k + 1 < t->n_arms ? ", " : " and ");
            add_count(b, m->arms[k].stat.n);
        }
        wn_buf_printf(b, " units, which happens by chance with p = %.2g.", r->srm.p);
    } else if (part) {
        wn_buf_printf(b, " in %.*s (p = %.2g after correction for looking at %zu parts).",
                      WN_STR_ARG(part->name), part->p_adjusted, r->n_parts);
    }
    wn_buf_append_z(b, " Look for units lost or counted twice in one variant (redirects, bots, a "
                       "late first exposure), mend it and start again.");
}

static void say_rest(struct wn_buf *b, const struct wn_abtest_outcome *m)
{
    if (m->n_left >= 1e15) {
        wn_buf_append_z(b, " At this noise the test would take forever: choose a larger smallest "
                           "effect.");
        return;
    }
    if (!(m->n_left > 0))
        return;
    wn_buf_append_z(b, " The answer is due after about ");
    add_count(b, m->n_left);
    wn_buf_append_z(b, " more units");
    if (m->has_days_left && m->days_left < 1e6)
        wn_buf_printf(b, ", %.0f day%s at the present pace", m->days_left,
                      m->days_left == 1 ? "" : "s");
    wn_buf_append_char(b, '.');
}

/* The variant to speak of: the one decided on, or the likeliest to be best, control aside. */
static size_t subject(const struct wn_abtest *t, const struct wn_abtest_result *r)
{
    const struct wn_abtest_arm *arms = r->metrics->arms;
    size_t best = t->control == 0 ? 1 : 0;
    if (r->arm != t->control)
        return r->arm;
    for (size_t k = 0; k < t->n_arms; k++)
        if (k != t->control && arms[k].belief.p_best > arms[best].belief.p_best)
            best = k;
    return best;
}

static void say(struct wn_buf *b, const struct wn_abtest *t, const struct wn_abtest_options *o,
                const struct wn_abtest_result *r)
{
    const struct wn_abtest_outcome *m = r->metrics;
    size_t who = subject(t, r);
    double sign = m->is_lower_better ? -1 : 1;
    const struct wn_abtest_arm *arm = &m->arms[who];
    struct wn_str name = t->arms[who], control = t->arms[t->control], metric = m->name;
    switch (r->verdict) {
    case WN_ABTEST_BLOCKED:
        say_split(b, t, r);
        return;
    case WN_ABTEST_SHIP:
        wn_buf_printf(b, "Ship %.*s: its %.*s against %.*s is ", WN_STR_ARG(name),
                      WN_STR_ARG(metric), WN_STR_ARG(control));
        add_interval(b, arm, r->alpha);
        wn_buf_append_z(b, ". It is safe to stop now.");
        return;
    case WN_ABTEST_LOW_RISK:
        wn_buf_printf(b,
                      "Not proven, but %.*s is a good bet: it is better with probability %.1f %%, "
                      "and choosing it costs %.2g %% of the mean on average if that is wrong.",
                      WN_STR_ARG(name), 100 * arm->belief.p_above, 100 * arm->loss_ratio);
        say_rest(b, m);
        return;
    case WN_ABTEST_KEEP_GOING:
        wn_buf_printf(b, "Keep going: %.*s of %.*s against %.*s is ", WN_STR_ARG(metric),
                      WN_STR_ARG(name), WN_STR_ARG(control));
        add_interval(b, arm, r->alpha);
        wn_buf_append_z(b, ", which leaves the answer open.");
        say_rest(b, m);
        return;
    case WN_ABTEST_TOO_EARLY:
        wn_buf_printf(b, "Too early: an interval needs %.0f events in each variant.",
                      o->events_min);
        return;
    case WN_ABTEST_WORSE:
        wn_buf_printf(b, "Stop and keep %.*s: %.*s of %.*s against it is ", WN_STR_ARG(control),
                      WN_STR_ARG(metric), WN_STR_ARG(name));
        add_interval(b, arm, r->alpha);
        wn_buf_append_z(b, t->n_arms > 2 ? ", and no other variant is better." : ".");
        return;
    case WN_ABTEST_FUTILE:
        wn_buf_printf(b, "Stop and keep %.*s: %.*s of %.*s against it is ", WN_STR_ARG(control),
                      WN_STR_ARG(metric), WN_STR_ARG(name));
        add_interval(b, arm, r->alpha);
        wn_buf_append_z(b, "; a gain of ");
        add_effect(b, arm, sign * m->minimum,
                   sign * m->minimum / fmax(fabs(m->arms[t->control].stat.mean), 1e-300));
        wn_buf_append_z(b, " or more, the smallest that matters, is out of the question.");
        return;
    case WN_ABTEST_VERDICT_N:
        return;
    }
}

wn_rc wn_abtest_say(struct wn_arena *a, const struct wn_abtest *test,
                    const struct wn_abtest_options *options, struct wn_abtest_result *result,
                    struct wn_why *why)
{
    struct wn_buf b;
    wn_buf_init(&b, SENTENCE_MAX + WN_ABTEST_ARMS_MAX * 64);
    say(&b, test, options, result);
    wn_rc rc = wn_buf_check(&b, why);
    if (!rc)
        result->why = wn_arena_dup(a, wn_buf_str(&b));
    wn_buf_deinit(&b);
    return rc ? rc : result->why.p ? WN_OK : WN_MEMORY;
}
