/* How long a test will take: sizes by formula, times by simulated paths. */
#include "learn/experiment_int.h"
#include "learn/special.h"

#include <math.h>

enum { LOOKS = 400, LENGTH = 8 /* of a path, in sizes of the fixed test */, PATHS_MAX = 100000 };

static wn_rc check(const struct wn_abtest_wish *w, struct wn_why *why)
{
    const char *field = NULL, *rule = "";
    if (w->kind != WN_ABTEST_RATE && w->kind != WN_ABTEST_MEAN)
        field = "kind", rule = "only rates and means can be planned";
    else if (w->kind == WN_ABTEST_RATE && !(w->mean > 0 && w->mean < 1))
        field = "mean", rule = "the rate of the control must lie between 0 and 1";
    else if (!(fabs(w->mean) <= WN_ABTEST_VALUE_MAX && fabs(w->mean) >= 1e-50))
        field = "mean", rule = "the mean of the control must be a number other than 0";
    else if (w->kind == WN_ABTEST_MEAN && !(w->sd > 0 && w->sd <= WN_ABTEST_VALUE_MAX))
        field = "sd", rule = "the standard deviation of one unit must be above 0";
    else if (!(w->effect_ratio > 0 && w->effect_ratio <= 1e6))
        field = "effect", rule = "the smallest effect that matters must be above 0";
    else if (w->kind == WN_ABTEST_RATE && !(w->mean * (1 + w->effect_ratio) < 1))
        field = "effect", rule = "the effect would lift the rate to 1 or above";
    else if (!(w->alpha >= 0 && w->alpha <= .5))
        field = "alpha", rule = "alpha must lie between 0 and 0.5";
    else if (!(w->power >= 0 && w->power <= .999))
        field = "power", rule = "the power must lie between 0 and 0.999";
    else if (w->n_arms == 1 || w->n_arms > WN_ABTEST_ARMS_MAX)
        field = "variants", rule = "a test has 2 to 64 variants";
    else if (!(w->variance_ratio >= 0 && w->variance_ratio <= 1))
        field = "variance_ratio", rule = "what is left of the variance must lie between 0 and 1";
    else if (!(w->units_per_day >= 0 && w->units_per_day <= WN_ABTEST_N_MAX))
        field = "per_day", rule = "the units per day must be at least 0";
    else if (w->n_paths > PATHS_MAX)
        field = "n_paths", rule = "at most 100,000 paths";
    return field ? wn_fail(why, WN_INVALID, field, "%s", rule) : WN_OK;
}

struct walk {
    double unit_variance; /* of the effect, with one unit in each variant */
    double effect, tau, alpha, n_end;
};

static double n_at(const struct walk *w, size_t look)
{
    return w->n_end * (double)(look + 1) / LOOKS;
}

/* Units per variant until the half-width is target. */
static double width_size(const struct walk *w, double target)
{
    double low = 0, high = log(1e30); /* ln of n */
    for (int i = 0; i < 80; i++) {
        double middle = (low + high) / 2;
        if (wn_abtest_half_width(w->unit_variance / exp(middle), w->tau, w->alpha) > target)
            low = middle;
        else
            high = middle;
    }
    return exp(high);
}

struct crossings {
    double *found; /* [n_paths] units per variant at which the effect is found; INFINITY = never */
    double *ended; /* [n_paths] without an effect: where it is found (falsely) or futile */
    size_t n;
};

/* One path of observed effects, once with the effect and once without. width and wide [LOOKS]:
 * half-widths at alpha and at the level of futility. */
static void follow(const struct walk *w, const double *width, const double *wide, struct wn_rand *r,
                   double *found, double *ended)
{
    double noise = 0, step = sqrt(w->unit_variance * (w->n_end / LOOKS));
    *found = *ended = INFINITY;
    for (size_t i = 0; i < LOOKS && (isinf(*found) || isinf(*ended)); i++) {
        noise += step * wn_rand_normal(r);
        double n = n_at(w, i), off = noise / n;
        if (isinf(*found) && w->effect + off > width[i])
            *found = n;
        if (isinf(*ended) && (fabs(off) > width[i] || off + wide[i] < w->effect))
            *ended = n;
    }
}

static wn_rc simulate(const struct walk *w, struct wn_arena *a, struct wn_rand *r,
                      struct crossings *c)
{
    double *width = WN_ARENA_ARRAY(a, 2 * LOOKS, double);
    c->found = WN_ARENA_ARRAY(a, 2 * c->n, double);
    if (!width || !c->found)
        return WN_MEMORY;
    double *wide = width + LOOKS;
    c->ended = c->found + c->n;
    for (size_t i = 0; i < LOOKS; i++) {
        double variance = w->unit_variance / n_at(w, i);
        width[i] = wn_abtest_half_width(variance, w->tau, w->alpha);
        wide[i] = wn_abtest_half_width(variance, w->tau, .1);
    }
    for (size_t i = 0; i < c->n; i++)
        follow(w, width, wide, r, &c->found[i], &c->ended[i]);
    return WN_OK;
}

static double share_within(const double *x, size_t n, double limit)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += x[i] <= limit;
    return (double)count / (double)n;
}

static double mean_until(const double *x, size_t n, double limit)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += fmin(x[i], limit) / (double)n;
    return sum;
}

static void conclude(const struct walk *w, const struct crossings *c, double power,
                     struct wn_abtest_plan *p)
{
    size_t look = 0;
    while (look + 1 < LOOKS && share_within(c->found, c->n, n_at(w, look)) < power)
        look++;
    p->n_max = ceil(n_at(w, look));
    p->n_effect = ceil(mean_until(c->found, c->n, n_at(w, look)));
    p->n_none = ceil(mean_until(c->ended, c->n, n_at(w, look)));
    p->power_at_fixed = share_within(c->found, c->n, p->n_fixed);
}

static double days_of(const struct wn_abtest_wish *w, double n, double n_arms)
{
    return w->units_per_day > 0 ? fmin(ceil(n * n_arms / w->units_per_day), 1e15) : 0;
}

wn_rc wn_abtest_plan(const struct wn_abtest_wish *wish, struct wn_rand *r,
                     struct wn_abtest_plan *out, struct wn_why *why)
{
    struct wn_arena scratch;
    struct wn_abtest_plan p = {0};
    wn_rc rc = check(wish, why);
    if (rc)
        return rc;
    double n_arms = wish->n_arms ? (double)wish->n_arms : 2;
    double power = wish->power > 0 ? wish->power : .8, left = wish->variance_ratio;
    double lifted = wish->mean * (1 + wish->effect_ratio);
    struct walk w = {.effect = fabs(wish->mean) * wish->effect_ratio,
                     .alpha = (wish->alpha > 0 ? wish->alpha : .05) / (n_arms - 1)};
    w.tau = w.effect;
    w.unit_variance = wish->kind == WN_ABTEST_RATE
                          ? wish->mean * (1 - wish->mean) + lifted * (1 - lifted)
                          : 2 * wish->sd * wish->sd;
    w.unit_variance *= left > 0 ? left : 1;
    double z = wn_normal_quantile(1 - w.alpha / 2) + wn_normal_quantile(power);
    p.n_fixed = ceil(w.unit_variance / w.effect * (z * z / w.effect));
    p.n_width = ceil(width_size(&w, w.effect));
    w.n_end = p.n_fixed * LENGTH;
    if (!(w.n_end <= WN_ABTEST_N_MAX))
        return wn_fail(why, WN_LIMIT, "effect",
                       "it would take more than %g units to see so small "
                       "an effect",
                       WN_ABTEST_N_MAX);
    wn_arena_init(&scratch, 0);
    struct crossings c = {.n = wish->n_paths ? wish->n_paths : 1000};
    rc = simulate(&w, &scratch, r, &c);
    if (!rc) {
        conclude(&w, &c, power, &p);
        p.days_fixed = days_of(wish, p.n_fixed, n_arms);
        p.days_max = days_of(wish, p.n_max, n_arms);
        p.days_effect = days_of(wish, p.n_effect, n_arms);
        p.days_none = days_of(wish, p.n_none, n_arms);
        *out = p;
    }
    wn_arena_deinit(&scratch);
    return rc ? wn_fail(why, rc, NULL, "there is no memory for the paths") : WN_OK;
}
