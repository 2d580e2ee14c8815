/* The detector as bytes, and back: what is read is checked to be something a detector can hold, so
 * that no index leaves its array and no number is not finite. */
#include "winnow/detect.h"

#include "core/date.h"
#include "core/hash.h"
#include "learn/detect_int.h"

#include <math.h>
#include <string.h>

#define VERSION 3u
#define HEADER 24

static const uint8_t magic[8] = {'W', 'N', 'D', 'E', 'T', 'E', 'C', 'T'};

static void put(uint8_t *at, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *at, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint64_t)at[i] << (8 * i);
    return v;
}

size_t wn_detect_state_bytes(void)
{
    return HEADER + sizeof(struct wn_detector);
}

void wn_detect_save(const struct wn_detector *d, uint8_t *out)
{
    struct wn_str body = {(const char *)out + HEADER, sizeof *d};
    memcpy(out, magic, sizeof magic);
    put(out + 8, VERSION, 4);
    put(out + 12, sizeof *d, 4);
    memcpy(out + HEADER, d, sizeof *d);
    put(out + 16, wn_hash(body, VERSION), 8);
}

/* Finite and within what pushes can leave behind. */
static bool all_floats(const float *v, size_t n)
{
    bool good = true;
    for (size_t i = 0; i < n; i++)
        good &= fabsf(v[i]) <= 1e31f;
    return good;
}

static bool all_doubles(const double *v, size_t n)
{
    bool good = true;
    for (size_t i = 0; i < n; i++)
        good &= fabs(v[i]) <= 1e36;
    return good;
}

static bool all_below(const uint8_t *v, size_t n, uint8_t limit)
{
    bool good = true;
    for (size_t i = 0; i < n; i++)
        good &= v[i] < limit;
    return good;
}

static bool sketch_check(struct wn_sketch *s)
{
    uint64_t n = 0;
    for (int b = 0; b < WN_SKETCH_BUCKETS; b++)
        n += s->count[b];
    if (n > 2 * WN_SKETCH_N_MAX || s->n != n)
        return false;
    struct wn_sketch again = *s;
    wn_sketch_recount(&again);
    /* The followed places are where counting puts them; the sum of values is not in the counts. */
    if (again.at[0] != s->at[0] || again.at[1] != s->at[1] || again.above[0] != s->above[0] ||
        again.above[1] != s->above[1])
        return false;
    return fabsf(s->sum_above) <= 1e9f;
}

static bool clock_check(const struct wn_detect_state *s)
{
    const int64_t limit = INT64_C(1) << 61;
    if (s->last_ts_ms < -limit || s->last_ts_ms > limit || s->n_deltas > 15)
        return false;
    if (s->step_ms == 0)
        return s->n_slots == 0 && s->cycle_ms == 0 && s->n_deltas < 15;
    return s->step_ms > 0 && s->n_slots <= WN_DETECT_SLOTS &&
           (s->cycle_ms == WN_DAY_MS || s->cycle_ms == 7 * WN_DAY_MS);
}

static bool places_check(const struct wn_detect_state *s)
{
    bool good = s->slot < WN_DETECT_SLOTS && s->hour < WN_DETECT_HOURS &&
                s->n_pending <= WN_DETECT_PENDING && s->n_seen < (UINT64_C(1) << 62) &&
                s->n_rest <= UINT32_MAX && s->n_learn_less <= 2 * (uint64_t)UINT32_MAX &&
                s->n_alert_age <= UINT32_MAX && s->n_shapes <= 6000 && s->is_odd <= 1;
    for (int k = 0; k < 3; k++)
        good &= s->window_n[k] <= WN_DETECT_WINDOW && s->window_next[k] < WN_DETECT_WINDOW;
    for (int i = 0; i < WN_DETECT_PENDING; i++)
        good &= s->pending_slot[i] < WN_DETECT_SLOTS;
    for (int i = 0; i < WN_DETECT_SHAPE_DELAY; i++)
        for (int t = 0; t < WN_DETECT_TABLES; t++)
            good &= s->shape_cell[i][t] < WN_DETECT_CELLS;
    for (int t = 0; t < WN_DETECT_TABLES; t++)
        for (int i = 0; i < WN_DETECT_CELLS; i++)
            good &= s->shape_count[t][i] <= 6001;
    return good && all_below(s->slot_n, WN_DETECT_SLOTS, WN_DETECT_CYCLES + 1) &&
           all_below(s->slot_next, WN_DETECT_SLOTS, WN_DETECT_CYCLES) &&
           all_below(s->hour_n, WN_DETECT_HOURS, WN_DETECT_WEEKS + 1) &&
           all_below(s->hour_next, WN_DETECT_HOURS, WN_DETECT_WEEKS);
}

static bool odd_check(const struct wn_detect_odd *o)
{
    const double numbers[] = {o->low,        o->high,           o->excess, o->level_fast,
                              o->level_slow, o->residual_scale, o->memory, o->envelope_smooth};
    return all_doubles(numbers, WN_COUNT(numbers)) &&
           all_doubles(o->expert_error, WN_DETECT_EXPERTS) && o->residual_scale >= 0 &&
           o->memory >= 0 && fabs(o->envelope_smooth) <= 1e5;
}

static bool numbers_check(const struct wn_detect_state *s)
{
    return all_doubles(s->sums, WN_DETECT_SUMS) && all_doubles(s->moves, WN_DETECT_MOVES) &&
           all_doubles(s->expert_error, WN_DETECT_EXPERTS) && isfinite(s->offset) &&
           all_doubles(&s->level_fast, 1) && all_doubles(&s->level_slow, 1) &&
           all_doubles(&s->residual_scale, 1) && s->residual_scale >= 0 &&
           all_doubles(&s->memory, 1) && s->memory >= 0 && all_doubles(&s->slot_sum, 1) &&
           all_doubles(&s->hour_sum, 1) && odd_check(&s->odd) &&
           fabsf(s->envelope_smooth) <= 1e5f && all_floats(s->pending_value, WN_DETECT_PENDING) &&
           all_floats(&s->ring[0][0], 3 * WN_DETECT_WINDOW) &&
           all_floats(s->past, WN_DETECT_PAST) &&
           all_floats(&s->slot_value[0][0], WN_DETECT_SLOTS * WN_DETECT_CYCLES) &&
           all_floats(s->slot_lo, WN_DETECT_SLOTS) && all_floats(s->slot_hi, WN_DETECT_SLOTS) &&
           all_floats(s->slot_mean, WN_DETECT_SLOTS) &&
           all_floats(&s->hour_value[0][0], WN_DETECT_HOURS * WN_DETECT_WEEKS);
}

bool wn_detect_state_check(struct wn_detect_state *s)
{
    if (!clock_check(s) || !places_check(s) || !numbers_check(s))
        return false;
    for (int i = 0; i < WN_VIEWS; i++)
        if (!sketch_check(&s->view[i]))
            return false;
    if (!sketch_check(&s->residual[0]) || !sketch_check(&s->residual[1]))
        return false;
    for (int k = 0; k < 3; k++) {
        struct wn_quantile_window w = {.ring = s->ring[k],
                                       .sorted = s->sorted[k],
                                       .n_max = WN_DETECT_WINDOW,
                                       .n = s->window_n[k],
                                       .next = s->window_next[k]};
        wn_quantile_window_rebuild(&w);
    }
    return true;
}

static bool is_little_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

wn_rc wn_detect_load(struct wn_arena *a, const uint8_t *bytes, size_t n, struct wn_detector **out,
                     struct wn_why *why)
{
    if (!is_little_endian())
        return wn_fail(why, WN_UNSUPPORTED, NULL, "states are little-endian; this machine is not");
    if (n < HEADER || memcmp(bytes, magic, sizeof magic) != 0)
        return wn_fail(why, WN_CORRUPT, NULL, "these bytes are not the state of a detector");
    uint64_t version = get(bytes + 8, 4);
    if (version != VERSION)
        return version > VERSION
                   ? wn_fail(why, WN_NEWER, NULL, "the state was written by a newer version")
                   : wn_fail(why, WN_UNSUPPORTED, NULL,
                             "the state was written by an older version");
    struct wn_detector *d;
    struct wn_str body = {(const char *)bytes + HEADER, n - HEADER};
    if (n != HEADER + sizeof *d || get(bytes + 12, 4) != sizeof *d ||
        get(bytes + 16, 8) != wn_hash(body, VERSION))
        return wn_fail(why, WN_CORRUPT, NULL, "the state fails its check");
    d = WN_ARENA_NEW(a, struct wn_detector);
    if (!d)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for a detector");
    memcpy(d, bytes + HEADER, sizeof *d);
    if (!(d->options.sensitivity >= 0.05 && d->options.sensitivity <= 20) ||
        !(d->options.risk >= 1e-9 && d->options.risk <= 0.1) || d->options.by_band > 1 ||
        d->options.rest_rows > UINT32_MAX || !wn_detect_state_check(&d->state))
        return wn_fail(why, WN_CORRUPT, NULL, "the state holds what no detector can hold");
    *out = d;
    return WN_OK;
}
