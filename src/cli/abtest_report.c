#include "cli/abtest_report.h"

#include "cli/terminal.h"
#include "core/date.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    NAME_MAX = 22,   /* columns of a variant's name; longer ones are cut */
    BAND_WIDTH = 57, /* characters of the drawing */
    BAND_LINES = 24, /* days drawn; more are thinned */
    TEXT_WIDTH = 100,
    CELL = 64
};

/* ---- numbers ----------------------------------------------------------------------------------
 */

static void print_count(char out[CELL], double n)
{
    struct wn_buf b;
    wn_buf_init(&b, CELL);
    wn_print_grouped(&b, n, 0);
    (void)snprintf(out, CELL, "%.*s", WN_STR_ARG(wn_buf_str(&b)));
    wn_buf_deinit(&b);
}

/* A mean of a metric: rates as percent. */
static void print_mean(char out[CELL], wn_abtest_kind kind, double value)
{
    if (kind == WN_ABTEST_RATE)
        (void)snprintf(out, CELL, "%.2f %%", 100 * value);
    else
        (void)snprintf(out, CELL, "%.5g", value);
}

/* An effect in percent of the control; where that is 0, as it is. */
static void print_effect(char out[CELL], const struct wn_abtest_arm *arm, double value,
                         double relative)
{
    if (arm->has_relative && fabs(relative) < 1e6)
        (void)snprintf(out, CELL, "%+.*f %%", arm->relative_high - arm->relative_low < .05 ? 2 : 1,
                       100 * relative);
    else
        (void)snprintf(out, CELL, "%+.4g", arm->has_relative ? relative : value);
}

/* Words into lines. */
static void print_paragraph(struct wn_buf *out, struct wn_str text)
{
    size_t column = 0;
    struct wn_str word;
    while (wn_str_cut(&text, ' ', &word)) {
        size_t width = wn_text_width(word);
        if (column && column + 1 + width > TEXT_WIDTH) {
            wn_buf_append_char(out, '\n');
            column = 0;
        }
        if (column)
            wn_buf_append_char(out, ' ');
        wn_buf_append(out, word);
        column += width + (column > 0);
    }
    wn_buf_append_char(out, '\n');
}

static struct wn_str label(struct wn_str name, bool is_control, char out[256])
{
    int n = snprintf(out, 256, "%.*s%s", (int)(name.n < 200 ? name.n : 200), name.p,
                     is_control ? " (control)" : "");
    struct wn_str s = {out, (size_t)n};
    while (wn_text_width(s) > NAME_MAX) {
        s.n--;
        while (s.n && ((unsigned char)s.p[s.n] & 0xC0) == 0x80)
            s.n--; /* not in the middle of a character */
    }
    return s;
}

static size_t name_width(const struct wn_abtest *t)
{
    char text[256];
    size_t width = wn_text_width(WN_STR("variant"));
    for (size_t k = 0; k < t->n_arms; k++) {
        size_t w = wn_text_width(label(t->arms[k], k == t->control, text));
        width = w > width ? w : width;
    }
    return width;
}

/* A name, cut and padded to the width of all. */
static void print_name(struct wn_buf *out, const struct wn_abtest *t, size_t k)
{
    char text[256];
    struct wn_str s = label(t->arms[k], k == t->control, text);
    wn_buf_append_z(out, "  ");
    wn_buf_append(out, s);
    for (size_t i = wn_text_width(s); i < name_width(t); i++)
        wn_buf_append_char(out, ' ');
}

/* ---- the split --------------------------------------------------------------------------------
 */

static void print_split(struct wn_buf *out, const struct wn_experiment *e)
{
    const struct wn_abtest_result *r = &e->result;
    wn_buf_printf(out, "\nSplit: %s (p = %.3g; broken below %g)\n",
                  r->is_split_good ? "good" : "BROKEN", r->srm.p, WN_ABTEST_SRM_P);
    if (r->n_parts)
        wn_buf_printf(out,
                      "  checked in %zu days and segments; the worst is %.*s with p = %.3g "
                      "(corrected %.3g)\n",
                      r->n_parts, WN_STR_ARG(r->parts[0].name), r->parts[0].srm.p,
                      r->parts[0].p_adjusted);
    if (e->input.has_units && e->input.n_crossed) {
        char count[CELL];
        print_count(count, (double)e->input.n_crossed);
        wn_buf_printf(out, "  %s units were seen in two variants and are left out\n", count);
    }
}

/* ---- metrics ----------------------------------------------------------------------------------
 */

static void print_arm(struct wn_buf *out, const struct wn_abtest *t,
                      const struct wn_abtest_outcome *m, size_t k)
{
    const struct wn_abtest_arm *arm = &m->arms[k];
    char units[CELL], mean[CELL], effect[CELL], low[CELL], high[CELL], p[CELL] = "";
    char interval[2 * CELL + 8] = "";
    print_count(units, arm->stat.n);
    print_mean(mean, m->kind, arm->stat.mean);
    print_name(out, t, k);
    if (k == t->control) {
        wn_buf_printf(out, "%11s %9s %9s %22s %9s %6.1f %% %6.2f %%\n", units, mean, "", "", "",
                      100 * arm->belief.p_best, 100 * arm->loss_ratio);
        return;
    }
    print_effect(effect, arm, arm->effect, arm->relative);
    print_effect(low, arm, arm->low, arm->relative_low);
    print_effect(high, arm, arm->high, arm->relative_high);
    (void)snprintf(interval, sizeof interval, "%s to %s", low, high);
    (void)snprintf(p, sizeof p, "%.3g", arm->p_adjusted);
    wn_buf_printf(out, "%11s %9s %9s %22s %9s %6.1f %% %6.2f %%  %s\n", units, mean, effect,
                  arm->method ? interval : "none yet", p, 100 * arm->belief.p_best,
                  100 * arm->loss_ratio, wn_abtest_verdict_name(arm->verdict));
}

static void print_believed(struct wn_buf *out, const struct wn_abtest *t,
                           const struct wn_abtest_outcome *m)
{
    for (size_t k = 0; k < t->n_arms; k++) {
        const struct wn_abtest_arm *arm = &m->arms[k];
        const struct wn_abtest_belief *b = &arm->belief;
        char effect[CELL], low[CELL], high[CELL];
        double base = arm->has_relative ? fabs(m->arms[t->control].stat.mean) : 1;
        if (k == t->control)
            continue;
        print_effect(effect, arm, b->effect, b->effect / base);
        print_effect(low, arm, b->low, b->low / base);
        print_effect(high, arm, b->high, b->high / base);
        print_name(out, t, k);
        wn_buf_printf(out,
                      "  shrunk: %s (95 %%: %s to %s); P(better) %.1f %%, P(it matters) %.1f "
                      "%%\n",
                      effect, low, high, 100 * b->p_above, 100 * b->p_minimum);
    }
}

static void print_metric(struct wn_buf *out, const struct wn_experiment *e,
                         const struct wn_abtest_outcome *m)
{
    const struct wn_abtest *t = &e->input.test;
    const char *exact = "";
    char interval[32];
    for (size_t k = 0; k < t->n_arms; k++)
        if (m->arms[k].method == WN_ABTEST_EXACT)
            exact = "  intervals are exact until every variant has enough events\n";
    wn_buf_printf(out, "\n%.*s%s (%s)\n", WN_STR_ARG(m->name),
                  m == e->result.metrics && e->result.n_metrics > 1 ? ", which decides" : "",
                  m->is_lower_better ? "lower is better" : "higher is better");
    (void)snprintf(interval, sizeof interval, "always-valid %g %%", 100 * (1 - e->result.alpha));
    wn_buf_printf(out, "  %-*s%11s %9s %9s %22s %9s %8s %8s  %s\n", (int)name_width(t), "variant",
                  "units", "mean", "effect", interval, "p", "P(best)", "loss", "verdict");
    for (size_t k = 0; k < t->n_arms; k++)
        print_arm(out, t, m, k);
    print_believed(out, t, m);
    wn_buf_append_z(out, exact);
}

static void print_units(struct wn_buf *out, const struct wn_experiment *e)
{
    const struct wn_abtest_adjustment *adj = &e->input.adjustment;
    char count[CELL];
    if (!e->input.has_units)
        return;
    if (adj->variance_ratio < 1)
        wn_buf_printf(out,
                      "  the past explains %.0f %% of the variance, which is taken out "
                      "(CUPED)\n",
                      100 * (1 - adj->variance_ratio));
    if (adj->n_capped) {
        print_count(count, (double)adj->n_capped);
        wn_buf_printf(out, "  %s values were cut to %.5g (see --winsor)\n", count, adj->cap_high);
    }
    if (e->input.n_repeated) {
        print_count(count, (double)e->input.n_repeated);
        wn_buf_printf(out, "  %s rows were further ones of a known unit and were added to it\n",
                      count);
    }
}

/* ---- the band ---------------------------------------------------------------------------------
 */

static int column_of(double value, double low, double high)
{
    double part = (value - low) / (high - low);
    return (int)floor(fmin(fmax(part, 0), 1) * (BAND_WIDTH - 1) + .5);
}

static void draw_look(struct wn_buf *out, const struct wn_abtest_look *l, double low, double high)
{
    char line[BAND_WIDTH + 1];
    memset(line, ' ', BAND_WIDTH);
    line[BAND_WIDTH] = 0;
    line[column_of(0, low, high)] = ':';
    if (l->method) {
        int from = column_of(l->low, low, high), to = column_of(l->high, low, high);
        for (int i = from; i <= to; i++)
            if (line[i] == ' ')
                line[i] = '-';
        line[from] = l->low < low ? '<' : '|';
        line[to] = l->high > high ? '>' : '|';
        line[column_of(l->effect, low, high)] = '*';
    }
    wn_buf_printf(out, "%s", line);
}

/* Wide first intervals would squeeze the later ones: the frame is three times the last one, and
 * what is wider runs over its edge. */
static void draw_arm(struct wn_buf *out, const struct wn_experiment *e,
                     const struct wn_abtest_outcome *m, size_t k)
{
    const struct wn_abtest *t = &e->input.test;
    const struct wn_abtest_arm *arm = &m->arms[k];
    double reach = 3 * fmax(fabs(arm->low), fabs(arm->high));
    double scale = arm->has_relative ? 100 / fabs(m->arms[t->control].stat.mean) : 1;
    const char *unit = arm->has_relative ? " %" : "";
    size_t step = (t->n_looks + BAND_LINES - 1) / BAND_LINES;
    if (!arm->method || !(reach > 0))
        return;
    wn_buf_printf(out, "\nThe band over time: %.*s of %.*s against %.*s, %+.3g%s to %+.3g%s\n",
                  WN_STR_ARG(m->name), WN_STR_ARG(t->arms[k]), WN_STR_ARG(t->arms[t->control]),
                  -reach * scale, unit, reach * scale, unit);
    for (size_t i = (t->n_looks - 1) % step; i < t->n_looks; i += step) {
        char day[WN_DAY_TEXT_MAX];
        (void)wn_print_day(t->days[i], day);
        wn_buf_printf(out, "  %s  ", day);
        draw_look(out, &arm->looks[i], -reach, reach);
        wn_buf_printf(out, "  p = %.3g\n", arm->looks[i].p);
    }
}

void wn_abtest_print(struct wn_buf *out, const struct wn_experiment *e)
{
    const struct wn_abtest *t = &e->input.test;
    print_paragraph(out, e->result.why);
    print_split(out, e);
    for (size_t m = 0; m < e->result.n_metrics; m++)
        print_metric(out, e, &e->result.metrics[m]);
    print_units(out, e);
    if (t->days && t->n_looks > 1)
        for (size_t k = 0; k < t->n_arms; k++)
            if (k != t->control)
                draw_arm(out, e, e->result.metrics, k);
}

/* ---- the plan ---------------------------------------------------------------------------------
 */

static void print_size(struct wn_buf *out, const char *what, double n, double days)
{
    char count[CELL];
    print_count(count, n);
    wn_buf_printf(out, "  %-58s %14s", what, count);
    if (days > 0) {
        print_count(count, days);
        wn_buf_printf(out, "  %8s days", count);
    }
    wn_buf_append_char(out, '\n');
}

void wn_abtest_print_plan(struct wn_buf *out, const struct wn_abtest_wish *w,
                          const struct wn_abtest_plan *p)
{
    double power = w->power > 0 ? w->power : .8, alpha = w->alpha > 0 ? w->alpha : .05;
    char mean[CELL], count[CELL];
    print_mean(mean, w->kind, w->mean);
    print_count(count, p->n_max);
    wn_buf_printf(
        out,
        "Plan for %s units in each variant: an effect of %+.3g %% on %s is then found "
        "with a\nprobability of %g %%, and a test without an effect cries wolf in at most "
        "%g %%, however often you look.\n\nUnits in each of %zu variants\n",
        count, 100 * w->effect_ratio, mean, 100 * power, 100 * alpha, w->n_arms ? w->n_arms : 2);
    print_size(out, "at most", p->n_max, p->days_max);
    print_size(out, "on average, if the effect is there", p->n_effect, p->days_effect);
    print_size(out, "on average, if there is none (stopped for futility)", p->n_none, p->days_none);
    print_size(out, "a test that may be looked at only once, at its end", p->n_fixed,
               p->days_fixed);
}
