/* The views of the detector: what one point looks like from twenty sides, and what of it is
 * remembered. Everything is causal and costs O(1) but for the sorted windows. */
#include "learn/detect_int.h"

#include "core/date.h"

#include <math.h>

static const uint32_t sum_lengths[WN_DETECT_SUMS] = {4, 12, 16, 48, 64, 144};
static const uint32_t move_lengths[WN_DETECT_MOVES] = {6, 12, 48, 300, 600, 1500};
/* A sorted window holds 384 values: every one, every 4th, every 16th. */
static const uint64_t strides[3] = {1, 4, 16};

#define VALUE_MAX 1e30f

void wn_sketch_recount(struct wn_sketch *s)
{
    s->n = 0;
    for (uint32_t b = 0; b < WN_SKETCH_BUCKETS; b++)
        s->n += s->count[b];
    for (int k = 0; k < 2; k++) {
        uint32_t allowed = k ? s->n / 50 : s->n / 10, b = WN_SKETCH_BUCKETS - 1;
        s->above[k] = 0;
        if (k)
            s->sum_above = 0;
        for (; b > 0 && s->above[k] + s->count[b] <= allowed; b--) {
            s->above[k] += s->count[b];
            if (k)
                s->sum_above += s->count[b] * (wn_sketch_edge(b) + wn_sketch_edge(b + 1)) * 0.5f;
        }
        s->at[k] = (uint16_t)b;
    }
}

void wn_sketch_halve(struct wn_sketch *s)
{
    for (int b = 0; b < WN_SKETCH_BUCKETS; b++)
        s->count[b] = (uint16_t)((s->count[b] + 1) / 2);
    wn_sketch_recount(s);
}

/* ---- the clock ---- */

static int slot_of(const struct wn_detect_state *s, int64_t ts_ms)
{
    if (s->n_slots < 2)
        return -1;
    int64_t in_cycle = ts_ms % s->cycle_ms;
    if (in_cycle < 0)
        in_cycle += s->cycle_ms;
    return (int)((uint64_t)in_cycle * s->n_slots / (uint64_t)s->cycle_ms);
}

static int hour_of(const struct wn_detect_state *s, int64_t ts_ms)
{
    if (s->n_slots < 2 || s->cycle_ms != WN_DAY_MS)
        return -1;
    int64_t hour = ts_ms / 3600000 % WN_DETECT_HOURS;
    return (int)(hour < 0 ? hour + WN_DETECT_HOURS : hour);
}

/* The step is the median of the first 15 differences of time that are positive. */
static void learn_clock(struct wn_detect_state *s, int64_t ts_ms)
{
    int64_t delta = ts_ms - s->last_ts_ms;
    if (s->n_seen == 0 || s->step_ms != 0 || delta <= 0)
        return;
    uint32_t n = s->n_deltas, i = n;
    for (; i > 0 && s->first_deltas_ms[i - 1] > delta; i--)
        s->first_deltas_ms[i] = s->first_deltas_ms[i - 1];
    s->first_deltas_ms[i] = delta;
    if (++s->n_deltas < WN_COUNT(s->first_deltas_ms))
        return;
    s->step_ms = s->first_deltas_ms[WN_COUNT(s->first_deltas_ms) / 2];
    s->cycle_ms = s->step_ms < WN_DAY_MS / 2 ? WN_DAY_MS : 7 * WN_DAY_MS;
    int64_t slots = (s->cycle_ms + s->step_ms / 2) / s->step_ms;
    s->n_slots = (uint32_t)(slots > WN_DETECT_SLOTS ? WN_DETECT_SLOTS : slots);
}

/* ---- seasons ---- */

static void commit_slot(struct wn_detect_state *s, uint32_t slot, float value)
{
    float *v = s->slot_value[slot];
    v[s->slot_next[slot]] = value;
    s->slot_next[slot] = (uint8_t)((s->slot_next[slot] + 1) % WN_DETECT_CYCLES);
    if (s->slot_n[slot] < WN_DETECT_CYCLES)
        s->slot_n[slot]++;
    float lo = v[0], hi = v[0], sum = 0;
    for (int i = 0; i < s->slot_n[slot]; i++) {
        lo = v[i] < lo ? v[i] : lo;
        hi = v[i] > hi ? v[i] : hi;
        sum += v[i];
    }
    s->slot_lo[slot] = lo;
    s->slot_hi[slot] = hi;
    s->slot_mean[slot] = sum / (float)s->slot_n[slot];
}

/* The mean of a slot waits until the point has moved on by a few slots: today's own values must
 * not widen today's envelope. */
static void finish_slot(struct wn_detect_state *s)
{
    if (s->n_pending == WN_DETECT_PENDING) {
        commit_slot(s, s->pending_slot[0], s->pending_value[0]);
        s->n_pending--;
        memmove(s->pending_slot, s->pending_slot + 1, s->n_pending * sizeof s->pending_slot[0]);
        memmove(s->pending_value, s->pending_value + 1, s->n_pending * sizeof s->pending_value[0]);
    }
    s->pending_slot[s->n_pending] = s->slot;
    s->pending_value[s->n_pending++] = (float)(s->slot_sum / s->n_slot);
    s->n_slot = 0;
    s->slot_sum = 0;
}

static void finish_hour(struct wn_detect_state *s)
{
    uint32_t h = s->hour;
    s->hour_value[h][s->hour_next[h]] = (float)(s->hour_sum / s->n_hour);
    s->hour_next[h] = (uint8_t)((s->hour_next[h] + 1) % WN_DETECT_WEEKS);
    if (s->hour_n[h] < WN_DETECT_WEEKS)
        s->hour_n[h]++;
    s->n_hour = 0;
    s->hour_sum = 0;
}

static void learn_season(struct wn_detect_state *s, const struct wn_detect_look *look, float x)
{
    if (look->slot >= 0) {
        if (s->n_slot && s->slot != (uint32_t)look->slot)
            finish_slot(s);
        s->slot = (uint32_t)look->slot;
        s->slot_sum += (double)x;
        s->n_slot++;
    }
    if (look->hour >= 0) {
        if (s->n_hour && s->hour != (uint32_t)look->hour)
            finish_hour(s);
        s->hour = (uint32_t)look->hour;
        s->hour_sum += (double)x;
        s->n_hour++;
    }
}

/* How far x lies outside what the slots around it held in the last cycles; 0 inside or unknown. */
static float envelope_distance(const struct wn_detect_state *s, int slot, float x)
{
    float lo = VALUE_MAX, hi = -VALUE_MAX;
    int n = (int)s->n_slots, reach = n >= 24 ? 3 : 0, n_known = 0;
    for (int d = -reach; d <= reach; d++) {
        int k = slot + d;
        k = k < 0 ? k + n : (k >= n ? k - n : k);
        if (s->slot_n[k] < 2)
            continue;
        n_known++;
        lo = s->slot_lo[k] < lo ? s->slot_lo[k] : lo;
        hi = s->slot_hi[k] > hi ? s->slot_hi[k] : hi;
    }
    if (n_known == 0)
        return 0;
    return x > hi ? x - hi : (x < lo ? x - lo : 0);
}

/* ---- rolling means ---- */

static float past_at(const struct wn_detect_state *s, uint64_t age)
{
    return s->past[(s->n_seen - age) & (WN_DETECT_PAST - 1)];
}

/* Sums over the last n values: add the new, take off the leaving. Once a round of the ring they
 * are summed anew, so that rounding does not pile up. */
static void learn_sums(struct wn_detect_state *s, float x)
{
    double move = s->n_seen ? fabs((double)x - (double)past_at(s, 1)) : 0;
    for (int i = 0; i < WN_DETECT_SUMS; i++) {
        s->sums[i] += (double)x;
        if (s->n_seen >= sum_lengths[i])
            s->sums[i] -= (double)past_at(s, sum_lengths[i]);
    }
    for (int i = 0; i < WN_DETECT_MOVES; i++) {
        uint32_t n = move_lengths[i];
        s->moves[i] += move;
        if (s->n_seen > n)
            s->moves[i] -= fabs((double)past_at(s, n) - (double)past_at(s, n + 1));
    }
    s->past[s->n_seen & (WN_DETECT_PAST - 1)] = x;
    s->n_seen++;
    if ((s->n_seen & (WN_DETECT_PAST - 1)) != 0)
        return;
    for (int i = 0; i < WN_DETECT_SUMS; i++) {
        s->sums[i] = 0;
        for (uint32_t age = 1; age <= sum_lengths[i]; age++)
            s->sums[i] += (double)past_at(s, age);
    }
    for (int i = 0; i < WN_DETECT_MOVES; i++) {
        s->moves[i] = 0;
        for (uint32_t age = 1; age <= move_lengths[i]; age++)
            s->moves[i] += fabs((double)past_at(s, age) - (double)past_at(s, age + 1));
    }
}

/* ---- the look ---- */

struct scale {
    float median[3], sd[3];
};

static double quantile_of(const float *sorted, uint32_t n, double p)
{
    if (n == 0)
        return 0;
    double at = p * (n - 1);
    uint32_t i = (uint32_t)at, j = i + 1 < n ? i + 1 : i;
    return (double)sorted[i] + ((double)sorted[j] - (double)sorted[i]) * (at - i);
}

static void see_scale(const struct wn_detect_state *s, struct scale *c)
{
    for (int k = 0; k < 3; k++) {
        uint32_t n = s->window_n[k];
        double median = quantile_of(s->sorted[k], n, 0.5);
        double iqr = quantile_of(s->sorted[k], n, 0.75) - quantile_of(s->sorted[k], n, 0.25);
        double wide = quantile_of(s->sorted[k], n, 0.98) - quantile_of(s->sorted[k], n, 0.02);
        double floor = 1e-9 * (fabs(s->offset + median) + fabs(median)) + 1e-30;
        double sd = iqr / 1.349 + 0.05 * wide;
        c->median[k] = (float)median;
        c->sd[k] = (float)(sd > floor ? sd : floor);
    }
}

/* |ln| of the ratio of two mean absolute changes, over n_short and n_long points. */
static float burst(const struct wn_detect_state *s, int i_short, int i_long, float sd)
{
    uint32_t n_short = move_lengths[i_short], n_long = move_lengths[i_long];
    uint64_t n = s->n_seen > 1 ? s->n_seen - 1 : 1;
    if (n < 2 * n_short)
        return 0;
    double eps = 0.02 * (double)sd;
    double a = s->moves[i_short] / n_short + eps;
    double b = s->moves[i_long] / (double)(n < n_long ? n : n_long) + eps;
    return fabsf(logf((float)(a > 0 ? a / b : 1)));
}

/* Three features of eight for each table, mixed with its number. Cells are half to one robust
 * standard deviation wide; each table is shifted, so that an edge of one is the middle of
 * another (Sathe and Aggarwal, "Subspace outlier detection in linear time with randomized
 * hashing", ICDM 2016). */
static const uint8_t shape_features[WN_DETECT_TABLES][3] = {
    {0, 2, 5}, {1, 3, 4}, {0, 6, 7}, {2, 4, 6}, /* all */
    {1, 2, 3}, {2, 3, 6}, {1, 3, 6}, {1, 2, 5}, /* smooth */
    {0, 1, 4}, {0, 4, 7}, {0, 1, 7}, {1, 4, 7}, /* local */
};

static uint32_t cell_of(float f, float shift)
{
    f = f > 60 ? 60 : (f < -60 ? -60 : f);
    return (uint32_t)(int32_t)((f + shift) * 1.5f + 128.0f);
}

/* Sums of what was added and taken off again may end a rounding below 0. */
static float positive(float v)
{
    return v > 0 ? v : 0;
}

static void see_shape(const struct wn_detect_state *s, float x, const struct scale *c,
                      struct wn_detect_look *look)
{
    float inv = 1 / c->sd[1], med = c->median[1];
    float m4 = (float)(s->sums[0] / 4), m16 = (float)(s->sums[2] / 16);
    float m64 = (float)(s->sums[4] / 64), m12 = (float)(s->sums[1] / 12);
    float f[8] = {(x - med) * inv,
                  (m4 - med) * inv,
                  (m16 - med) * inv,
                  (m64 - med) * inv,
                  2 * logf(positive((float)(s->moves[0] / 6)) * inv + 0.1f),
                  2 * logf(positive((float)(s->moves[2] / 48)) * inv + 0.1f),
                  (m4 - m16) * inv,
                  (x - m12) * inv};
    /* The mean of -ln((count + 1) / (all + 1)) over the four tables of a view: one logarithm. */
    float all = s->n_shapes ? logf((float)s->n_shapes + 1) : 0;
    for (int k = 0; k < 3; k++) {
        float product = 1;
        for (int t = 4 * k; t < 4 * k + 4; t++) {
            uint32_t h = (uint32_t)t * 0x9e3779b1u;
            for (int j = 0; j < 3; j++)
                h = (h ^ cell_of(f[shape_features[t][j]], 0.17f * (float)(t & 3))) * 0x85ebca6bu;
            look->cell[t] = (uint16_t)((h >> 15) % WN_DETECT_CELLS);
            product *= (float)s->shape_count[t][look->cell[t]] + 1;
        }
        float novelty = s->n_shapes ? all - 0.25f * logf(product) : 0;
        look->value[15 + k] = novelty > 0 ? novelty : 0;
    }
}

static void learn_shape(struct wn_detect_state *s, const struct wn_detect_look *look)
{
    uint16_t *cell = s->shape_cell[s->n_seen % WN_DETECT_SHAPE_DELAY];
    if (s->n_seen >= WN_DETECT_SHAPE_DELAY) {
        for (int t = 0; t < WN_DETECT_TABLES; t++)
            s->shape_count[t][cell[t]]++;
        s->n_shapes++;
    }
    memcpy(cell, look->cell, sizeof look->cell);
    if (s->n_shapes < 6000)
        return;
    for (int t = 0; t < WN_DETECT_TABLES; t++)
        for (int i = 0; i < WN_DETECT_CELLS; i++)
            s->shape_count[t][i] = (uint16_t)(s->shape_count[t][i] / 2);
    s->n_shapes /= 2;
}

/* What the point should have been: the expert with the smallest error of late. */
static double see_expected(const struct wn_detect_state *s, const struct wn_detect_look *look,
                           const struct scale *c, double expert[WN_DETECT_EXPERTS])
{
    expert[0] = s->n_seen ? s->level_fast : 0;
    expert[1] = s->n_seen ? s->level_slow : 0;
    expert[2] = look->slot >= 0 && s->slot_n[look->slot] >= 2 ? (double)s->slot_mean[look->slot]
                                                              : (double)c->median[0];
    expert[3] = expert[2];
    if (look->hour >= 0 && s->hour_n[look->hour] >= 1) {
        double sum = 0;
        for (int i = 0; i < s->hour_n[look->hour]; i++)
            sum += (double)s->hour_value[look->hour][i];
        expert[3] = sum / s->hour_n[look->hour];
    }
    int best = 0;
    for (int i = 1; i < WN_DETECT_EXPERTS; i++)
        if (s->expert_error[i] < s->expert_error[best])
            best = i;
    return expert[best];
}

static void see_means(const struct wn_detect_state *s, const struct scale *c,
                      struct wn_detect_look *look, float x)
{
    static const int of[4] = {0, 1, 3, 5};
    for (int i = 0; i < 4; i++) {
        uint32_t n = sum_lengths[of[i]];
        double mean =
            (s->sums[of[i]] + (double)x - (s->n_seen >= n ? (double)past_at(s, n) : 0)) / n;
        int k = i < 2 ? 1 : 2;
        look->value[4 + i] = s->n_seen >= n ? fabsf((float)mean - c->median[k]) / c->sd[k] : 0;
    }
}

static float bound(float v)
{
    return v < 4e3f ? (v > 0 ? v : 0) : 4e3f;
}

void wn_detect_see(const struct wn_detect_state *s, int64_t ts_ms, float x,
                   struct wn_detect_look *look)
{
    struct scale c;
    double *expert = look->expert;
    float *v = look->value;
    memset(v, 0, sizeof look->value);
    see_scale(s, &c);
    look->sd = c.sd[1];
    look->slot = slot_of(s, ts_ms);
    look->hour = hour_of(s, ts_ms);
    for (int k = 0; k < 3; k++)
        v[k] = fabsf(x - c.median[k]) / c.sd[k];
    v[3] = s->n_seen ? fabsf(x - past_at(s, 1)) / c.sd[1] : 0;
    see_means(s, &c, look, x);
    v[8] = burst(s, 1, 4, c.sd[2]);
    v[9] = burst(s, 2, 5, c.sd[2]);
    v[10] = burst(s, 0, 3, c.sd[2]);
    if (look->slot >= 0) {
        float d = envelope_distance(s, look->slot, x) / c.sd[2];
        d = d > 1e4f ? 1e4f : (d < -1e4f ? -1e4f : d);
        v[11] = fabsf(d);
        v[12] = fabsf(s->envelope_smooth + (d - s->envelope_smooth) / 6);
    }
    look->expected = see_expected(s, look, &c, expert);
    if (look->hour >= 0 && s->hour_n[look->hour] >= 1)
        v[13] = fabsf(x - (float)expert[3]) / c.sd[2];
    see_shape(s, x, &c, look);
    if (s->n_seen >= 48) {
        double six = (s->sums[0] * 1.5), before = s->sums[3] - s->sums[0]; /* of 44 */
        v[14] = fabsf((float)(six / 6 - before / 44)) / c.sd[1];
    }
    v[18] = fabsf(x - (float)look->expected) / (float)(s->residual_scale + 0.02 * (double)c.sd[1]);
    for (int i = 0; i < WN_VIEWS; i++) {
        v[i] = bound(v[i]);
        look->rarity[i] = wn_sketch_rarity(&s->view[i], v[i]);
    }
}

static void learn_expected(struct wn_detect_state *s, const struct wn_detect_look *look, float x)
{
    for (int i = 0; i < WN_DETECT_EXPERTS; i++) {
        double e = fabs((double)x - look->expert[i]);
        s->expert_error[i] += (e - s->expert_error[i]) / 200;
    }
    double r = fabs((double)x - look->expected);
    double rate = s->n_seen < 300 ? 1.0 / (double)(s->n_seen + 1) : 1.0 / 300;
    s->residual_scale += (r - s->residual_scale) * rate;
    if (s->n_seen == 0)
        s->level_fast = s->level_slow = (double)x;
    s->level_fast += ((double)x - s->level_fast) * 0.4;
    s->level_slow += ((double)x - s->level_slow) * 0.08;
}

void wn_detect_learn(struct wn_detect_state *s, int64_t ts_ms, float x,
                     const struct wn_detect_look *look, bool fully)
{
    learn_clock(s, ts_ms);
    s->last_ts_ms = ts_ms;
    learn_expected(s, look, x);
    if (look->slot >= 0)
        s->envelope_smooth += (look->value[11] - s->envelope_smooth) / 6;
    if (fully) {
        for (int i = 0; i < WN_VIEWS && s->n_seen >= WN_DETECT_BLIND_ROWS; i++)
            wn_sketch_add(&s->view[i], look->value[i]);
        for (int k = 0; k < 3; k++) {
            if (s->n_seen % strides[k])
                continue;
            struct wn_quantile_window w = {.ring = s->ring[k],
                                           .sorted = s->sorted[k],
                                           .n_max = WN_DETECT_WINDOW,
                                           .n = s->window_n[k],
                                           .next = s->window_next[k]};
            wn_quantile_window_push(&w, x);
            s->window_n[k] = w.n;
            s->window_next[k] = w.next;
        }
    }
    learn_season(s, look, x);
    learn_shape(s, look);
    learn_sums(s, x);
}

void wn_detect_forget(struct wn_detect_state *s)
{
    const struct wn_detect_odd *o = &s->odd;
    float *last = &s->past[(s->n_seen - 1) & (WN_DETECT_PAST - 1)];
    float expected = (float)((double)*last - o->excess);
    if (s->n_seen > 1) {
        double before = (double)past_at(s, 2);
        double less = fabs((double)*last - before) - fabs((double)expected - before);
        for (int i = 0; i < WN_DETECT_MOVES; i++)
            s->moves[i] -= less;
    }
    for (int i = 0; i < WN_DETECT_SUMS; i++)
        s->sums[i] += (double)expected - (double)*last;
    /* Its slot and hour are still in progress. */
    s->slot_sum -= s->n_slot ? o->excess : 0;
    s->hour_sum -= s->n_hour ? o->excess : 0;
    *last = expected;
    s->memory = o->memory;
    s->level_fast = o->level_fast;
    s->level_slow = o->level_slow;
    s->residual_scale = o->residual_scale;
    s->envelope_smooth = (float)o->envelope_smooth;
    memcpy(s->expert_error, o->expert_error, sizeof s->expert_error);
}

float wn_detect_mix(const float rarity[WN_VIEWS], const struct wn_detect_weights *w)
{
    float top = 0, sum = 0;
    for (int i = 0; i < WN_VIEWS; i++) {
        float e = rarity[i] * w->view[i];
        e = e < w->cap ? e : w->cap;
        top = e > top ? e : top;
        sum += e > 1 ? e - 1 : 0;
    }
    return w->mix * top + (1 - w->mix) * 0.5f * sum;
}
