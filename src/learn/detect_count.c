/* Counts beside their forecast: exact tails of slots and of sums of slots, cumulative sums for slow
 * drifts, and the rules of silent failures. */
#include "winnow/detect.h"

#include "learn/special.h"
#include "learn/tail.h"

#include <math.h>
#include <string.h>

#define CUSUM_K 0.25
#define CUSUM_H 12.0
/* 2 sides of: one slot, 3 slots, 8 slots. */
#define N_LOOKS 6

static const double decay[2] = {0.8908987181403393, 0.9856636987960788}; /* 2^(-1/6), 2^(-1/48) */

static double clip(double x, double lo, double hi)
{
    return x > lo ? (x < hi ? x : hi) : lo;
}

wn_rc wn_count_init(struct wn_count_stream *s, const struct wn_count_options *options,
                    struct wn_why *why)
{
    if (!(options->size > 0) || !isfinite(options->size))
        return wn_fail(why, WN_INVALID, "size", "the size must be above 0");
    if (!(options->alpha > 0 && options->alpha < 0.5))
        return wn_fail(why, WN_INVALID, "alpha", "alpha must lie between 0 and 0.5");
    memset(s, 0, sizeof *s);
    s->options = *options;
    return WN_OK;
}

/* The tail of the sum of the last k slots. Sums of independent negative binomials have the
 * variance sum(m + m^2/size); one of the same mean and variance stands for them (exact for equal
 * means). False while there are fewer slots. */
static bool sum_tail(const struct wn_count_stream *s, uint32_t k, struct wn_tail *out)
{
    double x = 0, mean = 0, squares = 0;
    if (s->n < k)
        return false;
    for (uint32_t i = 1; i <= k; i++) {
        uint32_t at = (s->next + WN_COUNT_PAST - i) % WN_COUNT_PAST;
        x += s->observed[at];
        mean += s->mean[at];
        squares += s->mean[at] * s->mean[at];
    }
    double size = squares > 0 ? s->options.size * (mean / squares) * mean : s->options.size;
    wn_tail_nb(x, mean, size, out);
    return true;
}

/* Half of P(X = x) is left out: on discrete counts the plain tail is too careful. */
static double mid(double tail, double equal)
{
    return clip(tail - equal / 2, 1e-300, 1);
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

/* Moves the cumulative sums and the smoothed scores on; +-1 at an alarm. */
static int push_drift(struct wn_count_stream *s, double z)
{
    z = clip(z, -4, 4);
    s->up = clip(s->up + z - CUSUM_K, 0, 1e9);
    s->down = clip(s->down - z - CUSUM_K, 0, 1e9);
    int alarm = s->up > CUSUM_H ? 1 : (s->down > CUSUM_H ? -1 : 0);
    for (int i = 0; i < 2; i++) {
        double a = 1 - decay[i];
        s->slow[i] = decay[i] * s->slow[i] + a * z;
        s->slow_variance[i] = decay[i] * decay[i] * s->slow_variance[i] + a * a;
        double level = s->slow[i] / sqrt(s->slow_variance[i]);
        /* 4.5 standard deviations: neighbouring values are nearly the same look. The first slots
         * of a stream are too few for a level. */
        if (!alarm && fabs(level) > 4.5 && s->slow_variance[i] > 0 && s->n >= WN_COUNT_PAST)
            alarm = level > 0 ? 1 : -1;
    }
    return alarm;
}

static void start_anew(struct wn_count_stream *s)
{
    s->up = s->down = 0;
    memset(s->slow, 0, sizeof s->slow);
    memset(s->slow_variance, 0, sizeof s->slow_variance);
    s->n = 0;
    s->n_rest = s->options.rest_slots;
}

void wn_count_push(struct wn_count_stream *s, double observed, double mean, double known_part,
                   struct wn_count_result *out)
{
    struct wn_tail one, sum;
    memset(out, 0, sizeof *out);
    out->p = out->p_low3 = out->p_low8 = out->p_high3 = out->p_high8 = out->p_least = 1;
    if (!(observed >= 0) || !(mean >= 0) || !isfinite(observed) || !isfinite(mean) ||
        !(known_part > 0)) {
        out->is_missing = true;
        s->n_rest -= s->n_rest > 0;
        return;
    }
    mean = clip(mean, 0, 1e15) * (known_part < 1 ? known_part : 1);
    observed = clip(observed, 0, 1e15);
    s->observed[s->next] = observed;
    s->mean[s->next] = mean;
    s->next = (s->next + 1) % WN_COUNT_PAST;
    s->n += s->n < WN_COUNT_PAST;
    wn_tail_nb(observed, mean, s->options.size, &one);
    out->p = one.mid_p;
    wn_count_band(mean, s->options.size, s->options.alpha, &out->low, &out->high);
    if (sum_tail(s, 3, &sum)) {
        out->p_low3 = mid(sum.lower, sum.equal);
        out->p_high3 = mid(sum.upper, sum.equal);
    }
    if (sum_tail(s, 8, &sum)) {
        out->p_low8 = mid(sum.lower, sum.equal);
        out->p_high8 = mid(sum.upper, sum.equal);
    }
    double low = least(mid(one.lower, one.equal), least(out->p_low3, out->p_low8));
    double high = least(mid(one.upper, one.equal), least(out->p_high3, out->p_high8));
    out->p_least = clip(least(low, high) * N_LOOKS, 1e-300, 1);
    int drift = push_drift(s, wn_tail_score(&one));
    if (s->n_rest > 0) {
        s->n_rest--;
        return;
    }
    bool by_tail = out->p_least < s->options.alpha;
    out->is_anomaly = by_tail || drift;
    out->is_drift = drift && !by_tail;
    if (out->is_anomaly) {
        out->direction = by_tail ? (low < high ? -1 : 1) : drift;
        start_anew(s);
    }
}

/* Whether x lies above the edge of the band on its side: P(X > x) <= a for the high edge, P(X < x) > a
 * for the low one. False for small x, true for large ones. */
static bool is_above(double x, double mean, double size, double a, bool high)
{
    struct wn_tail t;
    wn_tail_nb(high ? x + 1 : x - 1, mean, size, &t);
    return high ? t.upper <= a : t.lower > a;
}

/* The first x above the edge. The search gallops from the cube-root normal quantile of the gamma of
 * the same mean and variance (Wilson and Hilferty, PNAS 17, 1931), which is mostly a few off. */
static double first_above(double mean, double size, double a, bool high)
{
    double variance = mean + mean * mean / size, shape = mean * mean / variance;
    double z = wn_normal_quantile(high ? 1 - a : a);
    double root = 1 - 1 / (9 * shape) + z / (3 * sqrt(shape));
    double guess = root > 0 && mean > 0 ? floor(mean * root * root * root) : 0;
    double step = fmax(1, floor(0.02 * sqrt(variance))), lo = -1, hi = guess;
    if (is_above(guess, mean, size, a, high)) {
        while (hi - step > -1 && is_above(hi - step, mean, size, a, high)) {
            hi -= step;
            step *= 2;
        }
        lo = fmax(hi - step, -1);
    } else {
        lo = guess;
        hi = guess + step;
        while (hi < 1e300 && !is_above(hi, mean, size, a, high)) {
            lo = hi;
            step *= 2;
            hi += step;
        }
    }
    while (hi - lo > 1) {
        double x = floor((lo + hi) / 2);
        if (x <= lo || x >= hi) /* whole numbers have run out of digits */
            break;
        if (is_above(x, mean, size, a, high))
            hi = x;
        else
            lo = x;
    }
    return hi;
}

void wn_count_band(double mean, double size, double alpha, double *low, double *high)
{
    mean = clip(mean, 0, 1e15);
    size = clip(size, 1e-3, 1e15);
    alpha = clip(alpha, 1e-12, 0.999);
    *low = first_above(mean, size, alpha / 2, false) - 1;
    *high = first_above(mean, size, alpha / 2, true);
}

double wn_rate_p(double x, double n, double p, double phi)
{
    struct wn_tail t;
    wn_tail_rate(x, n, p, phi, &t);
    return t.mid_p;
}

double wn_revenue_p(double revenue, double mean_orders, double size, double order_value, double cv)
{
    return wn_tail_revenue(revenue, mean_orders, size, order_value, cv);
}

/* ---- silent failures ---- */

static bool is_hundredfold(double usual, double now)
{
    if (!(usual > 0) || !(now > 0) || !isfinite(usual) || !isfinite(now))
        return false;
    double ratio = fabs(log10(now / usual));
    return fabs(ratio - 2) < 0.0607; /* log10(1.15) */
}

unsigned wn_silent_check(const struct wn_silent_input *in)
{
    unsigned rules = 0;
    if (in->expected_conversions >= 6 && isfinite(in->expected_conversions) &&
        fabs(in->conversions) < 1e-12)
        rules |= WN_SILENT_NO_CONVERSIONS;
    if (in->n_same_spend >= 4 && in->spend_slot > 0 && isfinite(in->spend_slot))
        rules |= WN_SILENT_SPEND_FLAT;
    if (in->daily_cap > 0 && in->spend_today > 1.3 * in->daily_cap && isfinite(in->spend_today))
        rules |= WN_SILENT_OVER_CAP;
    double hits = in->clicks * in->hit_part;
    if (hits >= 6 && isfinite(hits) && fabs(in->landing_hits) < 1e-12)
        rules |= WN_SILENT_TRACKING;
    if (in->n_ids > in->n_distinct_ids)
        rules |= WN_SILENT_DUPLICATES;
    if (is_hundredfold(in->usual_value, in->value))
        rules |= WN_SILENT_CURRENCY;
    return rules;
}

const char *wn_silent_text(unsigned rule)
{
    switch (rule) {
    case WN_SILENT_NO_CONVERSIONS:
        return "No conversion came, although six or more were expected.";
    case WN_SILENT_SPEND_FLAT:
        return "The spend has been exactly the same for four slots or more.";
    case WN_SILENT_OVER_CAP:
        return "The spend is above 1.3 times the daily cap.";
    case WN_SILENT_TRACKING:
        return "Clicks arrive, but none of them reaches the landing page's counter.";
    case WN_SILENT_DUPLICATES:
        return "Conversion ids came twice.";
    case WN_SILENT_CURRENCY:
        return "The amount jumped by a factor of a hundred: another currency or unit?";
    default:
        return "";
    }
}
