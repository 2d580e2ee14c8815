#include "learn/attribute_int.h"

#include "learn/quantile.h"

#include <math.h>
#include <string.h>

enum { BOOTSTRAPS_MAX = 10000, PERMUTATIONS_MAX = 10000000, PAIR = 2 /* conversions, value */ };

const char *wn_attribute_model_name(wn_attribute_model m)
{
    static const char *const names[] = {
#define X(name, text, words) text,
        WN_ATTRIBUTE_MAP(X)
#undef X
    };
    WN_ASSERT(m < WN_ATTRIBUTE_MODELS);
    return names[m];
}

const char *wn_attribute_model_words(wn_attribute_model m)
{
    static const char *const all[] = {
#define X(name, text, words) words,
        WN_ATTRIBUTE_MAP(X)
#undef X
    };
    WN_ASSERT(m < WN_ATTRIBUTE_MODELS);
    return all[m];
}

/* ---- checks -----------------------------------------------------------------------------------
 */

static wn_rc bad_row(struct wn_why *why, size_t p, const char *field, const char *what)
{
    if (why)
        why->line = p + 1;
    return wn_fail(why, WN_INVALID, field, "path %zu: %s", p + 1, what);
}

static bool is_count(const double *x, size_t p)
{
    return !x || (x[p] >= 0 && x[p] <= WN_PATH_COUNT_MAX);
}

static wn_rc check_path(const struct wn_paths *paths, size_t p, struct wn_why *why)
{
    if (!is_count(paths->conversions, p))
        return bad_row(why, p, "conversions", "conversions must be from 0 to 1e15");
    if (!is_count(paths->nulls, p))
        return bad_row(why, p, "nulls", "nulls must be from 0 to 1e15");
    if (!is_count(paths->values, p))
        return bad_row(why, p, "values", "the value must be from 0 to 1e15 (net of refunds)");
    if (paths->values && paths->values[p] > 0 && !(paths->conversions[p] > 0))
        return bad_row(why, p, "values", "there is a value but no conversion");
    if (paths->starts[p + 1] < paths->starts[p])
        return bad_row(why, p, "starts", "starts must not fall");
    for (size_t i = paths->starts[p]; i < paths->starts[p + 1]; i++) {
        if (paths->touches[i] >= paths->n_channels)
            return bad_row(why, p, "touches", "a touch is of no known channel");
        if (paths->ages_days && !(paths->ages_days[i] >= 0 && isfinite(paths->ages_days[i])))
            return bad_row(why, p, "ages_days", "the age of a touch must be at least 0 days");
    }
    return WN_OK;
}

static wn_rc check_paths(const struct wn_paths *paths, struct wn_why *why)
{
    if (paths->n_channels > WN_CHANNELS_MAX)
        return wn_fail(why, WN_LIMIT, "n_channels", "%zu channels; at most %d: join small ones",
                       paths->n_channels, WN_CHANNELS_MAX);
    if (paths->n_channels == 0)
        return wn_fail(why, WN_INVALID, "n_channels", "there is no channel");
    if (paths->n > WN_PATHS_MAX)
        return wn_fail(why, WN_LIMIT, "n", "%zu paths; at most %zu", paths->n, WN_PATHS_MAX);
    if (paths->n && paths->starts[0] != 0)
        return wn_fail(why, WN_INVALID, "starts", "the first path must start at touch 0");
    wn_rc rc = WN_OK;
    for (size_t p = 0; p < paths->n && !rc; p++)
        rc = check_path(paths, p, why);
    return rc;
}

/* A number with a usual value in place of 0. */
static wn_rc settle(double *x, double usual, double low, double high, const char *field,
                    struct wn_why *why)
{
    if (*x == 0)
        *x = usual;
    if (!(*x > low && *x < high))
        return wn_fail(why, WN_INVALID, field, "%s must be between %g and %g", field, low, high);
    return WN_OK;
}

static wn_rc settle_options(struct wn_attribute_options *o, const struct wn_paths *paths,
                            const struct wn_rand *r, struct wn_why *why)
{
    o->models = o->models ? o->models : (1u << WN_ATTRIBUTE_MODELS) - 1;
    o->order = o->order ? o->order : 1;
    o->n_permutations = o->n_permutations ? o->n_permutations : 5000;
    if (o->models >> WN_ATTRIBUTE_MODELS)
        return wn_fail(why, WN_INVALID, "models", "models holds a bit of no model");
    if (o->order > WN_MARKOV_ORDER_MAX)
        return wn_fail(why, WN_INVALID, "order", "the order of the Markov chain is at most %d",
                       WN_MARKOV_ORDER_MAX);
    if (o->n_bootstraps > BOOTSTRAPS_MAX || o->n_permutations > PERMUTATIONS_MAX)
        return wn_fail(why, WN_LIMIT, "n_bootstraps", "at most %d bootstraps and %d permutations",
                       (int)BOOTSTRAPS_MAX, (int)PERMUTATIONS_MAX);
    if (o->has_direct && o->direct_channel >= paths->n_channels)
        return wn_fail(why, WN_INVALID, "direct_channel", "there is no such channel");
    bool permutes =
        o->models >> WN_ATTRIBUTE_SHAPLEY_RATE & 1 && paths->n_channels > WN_RATE_EXACT_MAX;
    if (!r && (o->n_bootstraps || permutes))
        return wn_fail(why, WN_INVALID, "r", "bootstraps and permutations need a generator");
    wn_rc rc = settle(&o->half_life_days, 7, 0, 1e6, "half_life_days", why);
    if (!rc)
        rc = settle(&o->half_life_touches, 2, 0, 1e6, "half_life_touches", why);
    return rc ? rc : settle(&o->level, .95, 0, 1, "level", why);
}

/* ---- rules that look at one path ----------------------------------------------------------------
 */

struct estimator {
    const struct wn_paths *paths;
    struct wn_attribute_options options;
    struct wn_path_weights weights; /* as the rows are */
    struct wn_arena scratch;
    struct wn_chain chain;
    struct wn_rate_game game;
    double *credits;    /* [WN_ATTRIBUTE_MODELS][n_channels][PAIR], of the last estimate */
    double *decay;      /* [longest path] weight by touches before the last */
    double *share;      /* [longest path] of the touches of one path */
    size_t *seen_in;    /* [n_channels] the last path that had it, + 1 */
    uint16_t *distinct; /* [n_channels] */
    double *removal, *removal_value, *shares, *se; /* [n_channels] */
    double *offset; /* [n_channels] rate game: all permutations less those of a bootstrap */
    double probability, worth; /* of conversion by the chain; of all channels in the rate game */
};

static bool wants(const struct estimator *e, wn_attribute_model m)
{
    return e->options.models >> m & 1;
}

static double *credits_of(const struct estimator *e, wn_attribute_model m)
{
    return e->credits + (size_t)m * e->paths->n_channels * PAIR;
}

static void give(const struct estimator *e, wn_attribute_model m, uint16_t channel,
                 double conversions, double value)
{
    double *credit = credits_of(e, m) + (size_t)channel * PAIR;
    credit[0] += conversions;
    credit[1] += value;
}

static uint16_t last_not_direct(const struct estimator *e, const uint16_t *touches, size_t n)
{
    for (size_t i = n; i-- > 0 && e->options.has_direct;)
        if (touches[i] != e->options.direct_channel)
            return touches[i];
    return touches[n - 1];
}

static void give_decayed(const struct estimator *e, size_t from, size_t n, double conversions,
                         double value)
{
    const float *ages = e->paths->ages_days ? e->paths->ages_days + from : NULL;
    double sum = 0, youngest = INFINITY;
    for (size_t i = 0; i < n && ages; i++)
        youngest = fmin(youngest, (double)ages[i]);
    for (size_t i = 0; i < n; i++) {
        e->share[i] = ages ? exp2((youngest - (double)ages[i]) / e->options.half_life_days)
                           : e->decay[n - 1 - i];
        sum += e->share[i]; /* at least 1: the youngest touch weighs 1 */
    }
    for (size_t i = 0; i < n; i++)
        give(e, WN_ATTRIBUTE_TIME_DECAY, e->paths->touches[from + i],
             conversions * e->share[i] / sum, value * e->share[i] / sum);
}

static void give_by_position(const struct estimator *e, const uint16_t *touches, size_t n,
                             double conversions, double value)
{
    double end = n == 1 ? 1 : n == 2 ? .5 : .4, middle = n > 2 ? .2 / (double)(n - 2) : 0;
    for (size_t i = 0; i < n; i++) {
        double share = i == 0 || i + 1 == n ? end : middle;
        give(e, WN_ATTRIBUTE_POSITION, touches[i], share * conversions, share * value);
    }
}

static void give_to_distinct(const struct estimator *e, size_t p, const uint16_t *touches, size_t n,
                             double conversions, double value)
{
    size_t n_distinct = 0;
    for (size_t i = 0; i < n; i++)
        if (e->seen_in[touches[i]] != p + 1) {
            e->seen_in[touches[i]] = p + 1;
            e->distinct[n_distinct++] = touches[i];
        }
    double share = 1 / (double)n_distinct;
    for (size_t i = 0; i < n_distinct; i++)
        give(e, WN_ATTRIBUTE_SHAPLEY, e->distinct[i], share * conversions, share * value);
}

static void give_path(const struct estimator *e, size_t p, double conversions, double value)
{
    size_t from = e->paths->starts[p], n = e->paths->starts[p + 1] - from;
    const uint16_t *touches = e->paths->touches + from;
    if (wants(e, WN_ATTRIBUTE_FIRST))
        give(e, WN_ATTRIBUTE_FIRST, touches[0], conversions, value);
    if (wants(e, WN_ATTRIBUTE_LAST))
        give(e, WN_ATTRIBUTE_LAST, touches[n - 1], conversions, value);
    if (wants(e, WN_ATTRIBUTE_LAST_NON_DIRECT))
        give(e, WN_ATTRIBUTE_LAST_NON_DIRECT, last_not_direct(e, touches, n), conversions, value);
    if (wants(e, WN_ATTRIBUTE_LINEAR))
        for (size_t i = 0; i < n; i++)
            give(e, WN_ATTRIBUTE_LINEAR, touches[i], conversions / (double)n, value / (double)n);
    if (wants(e, WN_ATTRIBUTE_TIME_DECAY))
        give_decayed(e, from, n, conversions, value);
    if (wants(e, WN_ATTRIBUTE_POSITION))
        give_by_position(e, touches, n, conversions, value);
    if (wants(e, WN_ATTRIBUTE_SHAPLEY))
        give_to_distinct(e, p, touches, n, conversions, value);
}

/* ---- one estimate -----------------------------------------------------------------------------
 */

/* Divides a total in proportion to shares >= 0; nothing where all are 0. */
static void divide(double total, const double *shares, size_t n, double *credits)
{
    double sum = 0;
    for (size_t c = 0; c < n; c++)
        sum += shares[c];
    for (size_t c = 0; c < n; c++)
        credits[c * PAIR] = sum > 0 ? total * (shares[c] / sum) : 0;
}

/* The rate game into e->shares: shares of the rate, times the people whose rate it is. */
static wn_rc play(struct estimator *e, const struct wn_path_weights *w, size_t n_pairs, double *se,
                  struct wn_why *why)
{
    wn_rc rc = wn_rate_game_play(&e->game, e->paths, w, n_pairs, e->shares, se, why);
    e->worth = 0;
    for (size_t c = 0; c < e->paths->n_channels && !rc; c++) {
        e->worth += e->shares[c];
        e->shares[c] *= e->game.reach[c];
        if (se)
            se[c] *= e->game.reach[c];
    }
    return rc;
}

/* All models on one weighing of the paths, into e->credits. */
static wn_rc estimate(struct estimator *e, const struct wn_path_weights *w, size_t n_pairs,
                      struct wn_why *why)
{
    const struct wn_paths *paths = e->paths;
    size_t n = paths->n_channels;
    double conversions = 0, total_value = 0;
    wn_rc rc = WN_OK;
    memset(e->credits, 0, WN_ATTRIBUTE_MODELS * n * PAIR * sizeof *e->credits);
    memset(e->seen_in, 0, n * sizeof *e->seen_in);
    for (size_t p = 0; p < paths->n; p++) {
        double value = w->values ? w->values[p] : 0;
        if (!(w->conversions[p] > 0) || paths->starts[p] == paths->starts[p + 1])
            continue;
        conversions += w->conversions[p];
        total_value += value;
        give_path(e, p, w->conversions[p], value);
    }
    if (wants(e, WN_ATTRIBUTE_MARKOV)) {
        rc =
            wn_chain_solve(&e->chain, paths, w, e->removal, e->removal_value, &e->probability, why);
        divide(conversions, e->removal, n, credits_of(e, WN_ATTRIBUTE_MARKOV));
        divide(total_value, e->removal_value, n, credits_of(e, WN_ATTRIBUTE_MARKOV) + 1);
    }
    if (!rc && wants(e, WN_ATTRIBUTE_SHAPLEY_RATE)) {
        rc = play(e, w, n_pairs, e->se, why);
        divide(conversions, e->shares, n, credits_of(e, WN_ATTRIBUTE_SHAPLEY_RATE));
        divide(total_value, e->shares, n, credits_of(e, WN_ATTRIBUTE_SHAPLEY_RATE) + 1);
    }
    return rc;
}

static wn_rc prepare(struct estimator *e, struct wn_rand *r, struct wn_attribution *out,
                     struct wn_why *why)
{
    const struct wn_paths *paths = e->paths;
    size_t n = paths->n_channels, longest = 0, order = e->options.order;
    for (size_t p = 0; p < paths->n; p++)
        longest = paths->starts[p + 1] - paths->starts[p] > longest
                      ? paths->starts[p + 1] - paths->starts[p]
                      : longest;
    double *none = WN_ARENA_ARRAY(&e->scratch, paths->nulls ? 0 : paths->n, double);
    e->weights = (struct wn_path_weights){paths->conversions, paths->nulls ? paths->nulls : none,
                                          paths->values};
    e->credits = WN_ARENA_ARRAY(&e->scratch, WN_ATTRIBUTE_MODELS * n * PAIR, double);
    e->decay = WN_ARENA_ARRAY(&e->scratch, longest, double);
    e->share = WN_ARENA_ARRAY(&e->scratch, longest, double);
    e->seen_in = WN_ARENA_ARRAY(&e->scratch, n, size_t);
    e->distinct = WN_ARENA_ARRAY(&e->scratch, n, uint16_t);
    e->removal = WN_ARENA_ARRAY(&e->scratch, 5 * n, double);
    if (!none || !e->credits || !e->decay || !e->share || !e->seen_in || !e->distinct ||
        !e->removal)
        return WN_MEMORY;
    e->removal_value = e->removal + n;
    e->shares = e->removal + 2 * n;
    e->se = e->removal + 3 * n;
    e->offset = e->removal + 4 * n;
    for (size_t i = 0; i < longest; i++)
        e->decay[i] = exp2(-(double)i / e->options.half_life_touches);
    wn_rc rc = WN_OK;
    if (wants(e, WN_ATTRIBUTE_MARKOV) && e->options.order_auto)
        rc = wn_chain_choose(paths, &e->weights, out->auc, &out->auc_se, &order);
    if (!rc && wants(e, WN_ATTRIBUTE_MARKOV)) {
        rc =
            wn_chain_init(&e->chain, paths, order, e->options.order_auto && order > 1 ? NULL : why);
        while (rc == WN_LIMIT && e->options.order_auto && order > 1) {
            order--;
            rc = wn_chain_init(&e->chain, paths, order, order > 1 ? NULL : why);
        }
        out->order = (uint32_t)order;
        out->n_states = e->chain.n_states;
    }
    if (!rc && wants(e, WN_ATTRIBUTE_SHAPLEY_RATE))
        rc = wn_rate_game_init(&e->game, paths, &e->weights, r, &e->scratch, why);
    return rc;
}

/* ---- intervals ----------------------------------------------------------------------------------
 */

struct resampled {
    double *conversions, *nulls, *values;
    struct wn_path_weights weights;
};

static wn_rc resampled_init(struct resampled *b, struct estimator *e)
{
    size_t n = e->paths->n;
    b->conversions = WN_ARENA_ARRAY(&e->scratch, n, double);
    b->nulls = WN_ARENA_ARRAY(&e->scratch, n, double);
    b->values = WN_ARENA_ARRAY(&e->scratch, e->paths->values ? n : 0, double);
    b->weights =
        (struct wn_path_weights){b->conversions, b->nulls, e->paths->values ? b->values : NULL};
    return b->conversions && b->nulls && b->values ? WN_OK : WN_MEMORY;
}

static void draw(struct resampled *b, const struct estimator *e, struct wn_rand *r)
{
    const struct wn_path_weights *w = &e->weights;
    for (size_t p = 0; p < e->paths->n; p++) {
        double k = w->conversions[p];
        b->conversions[p] = k > 0 ? (double)wn_rand_poisson(r, k) : 0;
        b->nulls[p] = w->nulls[p] > 0 ? (double)wn_rand_poisson(r, w->nulls[p]) : 0;
        if (w->values)
            b->values[p] = k > 0 ? w->values[p] * (b->conversions[p] / k) : 0;
    }
}

/* draws [n_bootstraps][all], overwritten column by column into sorted. */
static void read_interval(const struct estimator *e, const double *draws, size_t at, size_t all,
                          double *sorted, double point, double *low, double *high)
{
    size_t n = e->options.n_bootstraps;
    double tail = (1 - e->options.level) / 2;
    for (size_t b = 0; b < n; b++)
        sorted[b] = draws[b * all + at];
    wn_quantile_sort(sorted, n);
    *low = fmin(point, fmax(wn_quantile_sorted(sorted, n, tail), 0));
    *high = fmax(point, wn_quantile_sorted(sorted, n, 1 - tail));
}

/* A bootstrap plays fewer permutations than the estimate; what that alone changes is taken out. */
static wn_rc find_offset(struct estimator *e, struct wn_why *why)
{
    if (!wants(e, WN_ATTRIBUTE_SHAPLEY_RATE) || e->game.worth)
        return WN_OK;
    size_t n = e->paths->n_channels;
    memcpy(e->offset, e->shares, n * sizeof *e->offset);
    wn_rc rc = play(e, &e->weights, WN_RATE_BOOT_PAIRS, NULL, why);
    double all = 0, few = 0;
    for (size_t c = 0; c < n; c++) {
        all += e->offset[c];
        few += e->shares[c];
    }
    for (size_t c = 0; c < n && !rc; c++)
        e->offset[c] = all > 0 && few > 0 ? e->offset[c] / all - e->shares[c] / few : 0;
    return rc;
}

static void shift_rate_credits(const struct estimator *e)
{
    double *credits = credits_of(e, WN_ATTRIBUTE_SHAPLEY_RATE), total[PAIR] = {0};
    size_t n = e->paths->n_channels;
    for (size_t i = 0; i < n * PAIR; i++)
        total[i % PAIR] += credits[i];
    for (size_t i = 0; i < n * PAIR; i++)
        credits[i] += e->offset[i / PAIR] * total[i % PAIR];
}

static wn_rc bootstrap(struct estimator *e, struct wn_rand *r, struct wn_attribution *out,
                       struct wn_why *why)
{
    size_t n_boots = e->options.n_bootstraps, all = WN_ATTRIBUTE_MODELS * out->n_channels * PAIR;
    struct resampled b;
    double *draws = WN_ARENA_ARRAY(&e->scratch, n_boots * all, double);
    double *sorted = WN_ARENA_ARRAY(&e->scratch, n_boots, double);
    wn_rc rc = draws && sorted ? resampled_init(&b, e) : WN_MEMORY;
    if (!rc)
        rc = find_offset(e, why);
    for (size_t k = 0; k < n_boots && !rc; k++) {
        if (e->options.on_progress && !e->options.on_progress(e->options.context, k, n_boots))
            return wn_fail(why, WN_CANCELLED, NULL, "cancelled");
        draw(&b, e, r);
        rc = estimate(e, &b.weights, WN_RATE_BOOT_PAIRS, why);
        if (wants(e, WN_ATTRIBUTE_SHAPLEY_RATE))
            shift_rate_credits(e);
        memcpy(draws + k * all, e->credits, all * sizeof *draws);
    }
    for (size_t m = 0; m < WN_ATTRIBUTE_MODELS && !rc; m++)
        for (size_t c = 0; c < out->n_channels && out->credits[m]; c++) {
            struct wn_credit *credit = &out->credits[m][c];
            size_t at = (m * out->n_channels + c) * PAIR;
            read_interval(e, draws, at, all, sorted, credit->conversions, &credit->low,
                          &credit->high);
            read_interval(e, draws, at + 1, all, sorted, credit->value, &credit->value_low,
                          &credit->value_high);
        }
    return rc;
}

/* ---- the answer ---------------------------------------------------------------------------------
 */

static wn_rc make_results(struct wn_arena *a, struct wn_attribution *out)
{
    size_t n = out->n_channels;
    for (size_t m = 0; m < WN_ATTRIBUTE_MODELS; m++)
        if (out->models >> m & 1) {
            out->credits[m] = WN_ARENA_ARRAY(a, n, struct wn_credit);
            if (!out->credits[m])
                return WN_MEMORY;
        }
    out->disagreement = WN_ARENA_ARRAY(a, n, double);
    out->removal = WN_ARENA_ARRAY(a, n, double);
    out->removal_value = WN_ARENA_ARRAY(a, n, double);
    out->permutation_se = WN_ARENA_ARRAY(a, n, double);
    return out->disagreement && out->removal && out->removal_value && out->permutation_se
               ? WN_OK
               : WN_MEMORY;
}

static void count_totals(const struct wn_paths *paths, struct wn_attribution *out)
{
    for (size_t p = 0; p < paths->n; p++) {
        bool empty = paths->starts[p] == paths->starts[p + 1];
        *(empty ? &out->unattributed_conversions : &out->conversions) += paths->conversions[p];
        if (paths->values)
            *(empty ? &out->unattributed_value : &out->value) += paths->values[p];
        if (paths->nulls && !empty)
            out->nulls += paths->nulls[p];
    }
    out->has_nulls = out->nulls > 0;
}

static void read_estimate(const struct estimator *e, struct wn_attribution *out)
{
    size_t n = out->n_channels;
    double shares = 0;
    for (size_t c = 0; c < n; c++)
        shares += e->shares[c];
    out->rate_of_all = e->worth;
    out->rate_is_exact = e->game.worth != NULL;
    out->conversion_probability = e->probability;
    for (size_t c = 0; c < n; c++) {
        double least = INFINITY, most = 0;
        for (size_t m = 0; m < WN_ATTRIBUTE_MODELS; m++) {
            const double *pair = credits_of(e, (wn_attribute_model)m) + c * PAIR;
            if (!out->credits[m])
                continue;
            out->credits[m][c] = (struct wn_credit){.conversions = pair[0],
                                                    .value = pair[1],
                                                    .low = pair[0],
                                                    .high = pair[0],
                                                    .value_low = pair[1],
                                                    .value_high = pair[1]};
            least = fmin(least, pair[0]);
            most = fmax(most, pair[0]);
        }
        out->disagreement[c] = most > 0 ? (most - least) / most : 0;
        out->removal[c] = e->removal[c];
        out->removal_value[c] = e->removal_value[c];
        out->permutation_se[c] = shares > 0 ? e->se[c] / shares * out->conversions : 0;
    }
}

wn_rc wn_attribute(struct wn_arena *a, const struct wn_paths *paths,
                   const struct wn_attribute_options *options, struct wn_rand *r,
                   struct wn_attribution *out, struct wn_why *why)
{
    static const struct wn_attribute_options usual = {0};
    struct estimator e = {.paths = paths, .options = options ? *options : usual};
    wn_rc rc = check_paths(paths, why);
    if (!rc)
        rc = settle_options(&e.options, paths, r, why);
    if (rc)
        return rc;
    struct wn_attribution result = {.n_channels = paths->n_channels, .models = e.options.models};
    wn_arena_init(&e.scratch, a->max_bytes);
    count_totals(paths, &result);
    rc = make_results(a, &result);
    if (!rc)
        rc = prepare(&e, r, &result, why);
    if (!rc)
        rc = estimate(&e, &e.weights, (e.options.n_permutations + 1) / 2, why);
    if (!rc)
        read_estimate(&e, &result);
    if (!rc && e.options.n_bootstraps)
        rc = bootstrap(&e, r, &result, why);
    wn_chain_deinit(&e.chain);
    wn_rate_game_deinit(&e.game);
    wn_arena_deinit(&e.scratch);
    if (!rc)
        *out = result;
    return rc == WN_MEMORY ? wn_fail(why, rc, NULL, "there is no memory for the attribution") : rc;
}
