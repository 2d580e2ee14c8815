/* The detector: one row in, one answer out. The looks are in detect_view.c, the bytes in
 * detect_state.c, the counts in detect_count.c. */
#include "winnow/detect.h"

#include "learn/detect_int.h"

#include <math.h>
#include <string.h>

_Static_assert(WN_DETECT_VIEWS == WN_VIEWS, "the public number of views");

#define VALUE_MAX 1e30
#define TIME_MAX (INT64_C(1) << 61) /* differences of times must not overflow */
#define WARMUP_FULL 750.0           /* rows after which a series is no longer young */

/* The mean of four random walks over one half of a public benchmark (every other series in the
 * order of their names) and simulated series; the threshold was raised from 2.05 afterwards, for a
 * third fewer alerts on clean simulated streams. bench/learn/detect.c tells how, what the other half
 * was and was not used for, and does it again. */
const struct wn_detect_weights wn_detect_weights_default = {
    .view = {0.30f, 0.66f, 0.40f, 0.89f, 0.56f, 0.90f, 0.18f, 0.17f, 0.28f, 0.53f, 0.36f, 0.90f,
             0.51f, 0.97f, 0.48f, 1.50f, 1.09f, 1.04f, 0.98f},
    .mix = 0.30f,
    .cap = 6,
    .memory = 0.91f,
    .fast = 0.90f,
    .threshold = 2.15f,
    .spike = 6.90f,
    .growth = 1.15f,
    .rest = 0.11f,
};

const char *wn_severity_name(wn_severity s)
{
    static const char *const names[] = {"none", "low", "medium", "high", "critical"};
    return (unsigned)s < WN_COUNT(names) ? names[s] : "none";
}

const char *wn_detect_view_name(uint8_t view)
{
    static const char *const names[WN_VIEWS] = {
        "far from the median of the last 400 rows",
        "far from the median of the last 1,500 rows",
        "far from the median of the last 6,000 rows",
        "a jump from the row before",
        "the mean of 4 rows is far off",
        "the mean of 12 rows is far off",
        "the mean of 48 rows is far off",
        "the mean of 144 rows is far off",
        "it moves much more, or much less, than usual over 12 rows",
        "it moves much more, or much less, than usual over 48 rows",
        "it moves much more, or much less, than usual over 6 rows",
        "outside what this time of day has held",
        "outside what this time of day has held, for a while",
        "unlike the same hour of the last weeks",
        "a step from the rows before",
        "a shape not seen before",
        "a smooth shape not seen before",
        "a local shape not seen before",
        "far from what was expected",
    };
    return view < WN_VIEWS ? names[view] : "";
}

static double clip(double x, double lo, double hi)
{
    return x > lo ? (x < hi ? x : hi) : lo;
}

static wn_rc check_options(const struct wn_detect_options *o, struct wn_why *why)
{
    if (!(o->sensitivity >= 0.05 && o->sensitivity <= 20))
        return wn_fail(why, WN_INVALID, "sensitivity", "the sensitivity must lie in 0.05 .. 20");
    if (!(o->risk >= 1e-9 && o->risk <= 0.1))
        return wn_fail(why, WN_INVALID, "risk", "the risk must lie in 1e-9 .. 0.1");
    if (o->rest_rows > UINT32_MAX)
        return wn_fail(why, WN_INVALID, "rest_rows", "the rest period is too long");
    return WN_OK;
}

wn_rc wn_detect_init(struct wn_arena *a, const struct wn_detect_options *options,
                     struct wn_detector **out, struct wn_why *why)
{
    wn_rc rc = check_options(options, why);
    if (rc)
        return rc;
    struct wn_detector *d = WN_ARENA_NEW(a, struct wn_detector);
    if (!d)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for a detector");
    d->options.sensitivity = options->sensitivity;
    d->options.risk = options->risk;
    d->options.by_band = options->by_band;
    d->options.rest_rows = options->rest_rows;
    d->state.n_alert_age = UINT32_MAX;
    *out = d;
    return WN_OK;
}

/* The mean excess over the edge of the bucket that holds the 98 % quantile: an exponential tail has
 * the same over the quantile itself, and all values beyond the edge are in the sum. */
static float mean_excess(const struct wn_sketch *k, float u, float u90)
{
    float above = (float)k->above[1], prior = 0.5f * (u - 0.4f * u90);
    float sum = k->sum_above - above * wn_sketch_edge(k->at[1] + 1u);
    return ((sum > 0 ? sum : 0) + (prior > 0 ? prior : 0)) / (above + 1) + 1e-6f;
}

/* The band by peaks over threshold on each side of what was expected, in units of the usual
 * error. While there is no past to speak of: four usual errors. */
static void see_band(const struct wn_detect_state *s, double risk, struct wn_detect_look *look)
{
    double unit = s->residual_scale + 0.02 * (double)look->sd;
    double reach[2];
    for (int side = 0; side < 2; side++) {
        const struct wn_sketch *k = &s->residual[side];
        reach[side] = 4;
        if (k->n < 32)
            continue;
        float u90 = wn_sketch_quantile(k, 0), u = wn_sketch_quantile(k, 1);
        double q = risk / 2;
        reach[side] = (double)u;
        if (q < 0.02)
            reach[side] += (double)mean_excess(k, u, u90) * log(0.02 / q);
        else
            reach[side] = (double)u90 + (double)(u - u90) * (0.1 - q) / 0.08;
    }
    look->high = look->expected + reach[0] * unit;
    look->low = look->expected - reach[1] * unit;
}

static void publish_band(const struct wn_detect_state *s, const struct wn_detect_look *look,
                         struct wn_detect_result *out)
{
    out->has_band = s->n_seen > 0;
    out->expected = clip(s->offset + look->expected, -1.7e308, 1.7e308);
    out->low = clip(s->offset + look->low, -1.7e308, out->expected);
    out->high = clip(s->offset + look->high, out->expected, 1.7e308);
}

void wn_detect_expect(const struct wn_detector *d, int64_t ts_ms, struct wn_detect_result *out)
{
    struct wn_detect_look look;
    WN_ASSERT(d);
    memset(out, 0, sizeof *out);
    wn_detect_see(&d->state, ts_ms, (float)d->state.level_fast, &look);
    see_band(&d->state, d->options.risk, &look);
    publish_band(&d->state, &look, out);
}

double wn_detect_evidence(double m, uint64_t n_seen, const struct wn_detect_weights *w,
                          double *memory)
{
    *memory += (m - *memory) * (1 - (double)w->memory);
    double n = (double)n_seen;
    double asked = (double)w->growth * log10((clip(n, 400, 20000) + 100) / 1000);
    double slow = (m + (*memory - m) * (double)w->fast - asked) / (double)w->threshold;
    double fast = (m - asked) / (double)w->spike;
    double e = fast > slow ? fast : slow;
    /* What is rare among a few dozen rows is not known yet. */
    return e > 0 ? e * clip(n / 150, 0, 1) : 0;
}

static wn_severity severity_of(double ratio)
{
    return ratio < 1.5 ? WN_SEVERITY_LOW
                       : (ratio < 2.5 ? WN_SEVERITY_MEDIUM
                                      : (ratio < 4 ? WN_SEVERITY_HIGH : WN_SEVERITY_CRITICAL));
}

static uint64_t rest_of(const struct wn_detector *d)
{
    if (d->options.rest_rows)
        return d->options.rest_rows;
    double n = clip((double)d->state.n_seen, 0, WARMUP_FULL);
    return (uint64_t)(n * (double)wn_detect_weights_default.rest) + 1;
}

/* Decides on the alert and moves the rest period on. */
static void decide(struct wn_detector *d, const struct wn_detect_look *look, float x,
                   struct wn_detect_result *out)
{
    struct wn_detect_state *s = &d->state;
    double need = 1 / d->options.sensitivity, have = out->evidence;
    if (d->options.by_band) {
        /* How far outside, in widths of the band's side. */
        double v = (double)x,
               side = v > look->expected ? look->high - look->expected : look->expected - look->low;
        need = 1;
        have = fabs(v - look->expected) / (side > 1e-30 ? side : 1e-30);
        have = have < 1e6 ? have : 1e6;
        out->evidence = have;
        have = have > 1 ? have : have * 0.999999; /* on the edge is inside */
    }
    if (s->n_rest > 0) {
        s->n_rest--;
        out->is_resting = true;
        out->score = out->evidence * 0.1;
    } else {
        out->score = out->evidence;
        out->is_anomaly = s->n_seen >= WN_DETECT_WARMUP_ROWS && have >= need;
    }
    if (s->n_alert_age < UINT32_MAX)
        s->n_alert_age++;
    if (out->is_anomaly) {
        out->severity = severity_of(have / need);
        s->n_rest = rest_of(d);
        s->n_learn_less = 2 * s->n_rest;
        s->n_alert_age = 0;
    }
}

static uint8_t top_of(const struct wn_detect_look *look, const struct wn_detect_weights *w)
{
    int top = 0;
    float best = -1;
    for (int i = 0; i < WN_VIEWS; i++)
        if (look->rarity[i] * w->view[i] > best) {
            best = look->rarity[i] * w->view[i];
            top = i;
        }
    return (uint8_t)top;
}

/* How far the row lay from what was expected, on its side, for the band. */
static void learn_residual(struct wn_detect_state *s, const struct wn_detect_look *look, float x)
{
    double unit = s->residual_scale + 0.02 * (double)look->sd;
    double r = unit > 1e-30 ? ((double)x - look->expected) / unit : 0;
    r = clip(r, -4e3, 4e3);
    wn_sketch_add(&s->residual[0], r > 0 ? (float)r : 0);
    wn_sketch_add(&s->residual[1], r < 0 ? (float)-r : 0);
}

/* Keeps what is needed to forget a row that lies outside the band. memory: before it. */
static void note_odd(struct wn_detect_state *s, const struct wn_detect_look *look, float x,
                     double memory)
{
    s->odd = (struct wn_detect_odd){.low = look->low,
                                    .high = look->high,
                                    .excess = (double)x - look->expected,
                                    .memory = memory,
                                    .level_fast = s->level_fast,
                                    .level_slow = s->level_slow,
                                    .residual_scale = s->residual_scale,
                                    .envelope_smooth = (double)s->envelope_smooth};
    memcpy(s->odd.expert_error, s->expert_error, sizeof s->expert_error);
    s->is_odd = 1;
}

void wn_detect_push(struct wn_detector *d, int64_t ts_ms, double value,
                    struct wn_detect_result *out)
{
    const struct wn_detect_weights *w = &wn_detect_weights_default;
    WN_ASSERT(d);
    struct wn_detect_state *s = &d->state;
    struct wn_detect_look look;
    memset(out, 0, sizeof *out);
    if (!isfinite(value)) {
        wn_detect_expect(d, ts_ms, out);
        out->is_missing = true;
        s->n_rest -= s->n_rest > 0;
        return;
    }
    ts_ms = ts_ms < -TIME_MAX ? -TIME_MAX : (ts_ms > TIME_MAX ? TIME_MAX : ts_ms);
    if (s->n_seen == 0)
        s->offset = value;
    float x = (float)clip(value - s->offset, -VALUE_MAX, VALUE_MAX);
    out->is_disordered = s->n_seen > 0 && ts_ms <= s->last_ts_ms;
    if (s->is_odd && (double)x >= s->odd.low && (double)x <= s->odd.high)
        wn_detect_forget(s);
    s->is_odd = 0;
    double memory = s->memory;
    wn_detect_see(s, ts_ms, x, &look);
    see_band(s, d->options.risk, &look);
    out->evidence =
        wn_detect_evidence((double)wn_detect_mix(look.rarity, w), s->n_seen, w, &s->memory);
    publish_band(s, &look, out);
    if (s->n_seen == 0)
        out->expected = out->low = out->high = value;
    out->top_view = top_of(&look, w);
    decide(d, &look, x, out);
    /* A row that is part of an incident counts a fifth, so that the incident does not become
     * normal at once; after two rest periods a new level may. */
    bool odd = s->n_learn_less > 0 && out->evidence >= 1;
    s->n_learn_less -= s->n_learn_less > 0;
    bool fully = !odd || s->n_seen % 5 == 0;
    if ((double)x < look.low || (double)x > look.high)
        note_odd(s, &look, x, memory);
    /* A band that left out the rows outside it would narrow for ever. */
    if ((fully || d->options.by_band) && s->n_seen >= WN_DETECT_BLIND_ROWS)
        learn_residual(s, &look, x);
    wn_detect_learn(s, ts_ms, x, &look, fully);
}

wn_rc wn_detect_series(struct wn_arena *a, const struct wn_detect_options *options,
                       const int64_t *ts_ms, const double *value, size_t n,
                       struct wn_detect_result *out, struct wn_why *why)
{
    struct wn_detector *d = NULL;
    wn_rc rc = wn_detect_init(a, options, &d, why);
    for (size_t i = 0; !rc && i < n; i++)
        wn_detect_push(d, ts_ms[i], value[i], &out[i]);
    return rc;
}
