/* Shapley values: of any small game, and of the conversion rates of groups of channels. */
#include "learn/attribute_int.h"

#include "learn/shrink.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PLAYERS_MAX = 20, STRENGTH_USUAL = 50 };

wn_rc wn_shapley(const double *worth, size_t n, double *out, struct wn_why *why)
{
    double weight[PLAYERS_MAX]; /* of a coalition of s others: s! (n-1-s)! / n! */
    if (n == 0 || n > PLAYERS_MAX)
        return wn_fail(why, WN_INVALID, "n", "a game needs 1 to %d players", (int)PLAYERS_MAX);
    size_t n_sets = (size_t)1 << n;
    for (size_t s = 0; s < n_sets; s++)
        if (!isfinite(worth[s]))
            return wn_fail(why, WN_INVALID, "worth", "the worth of coalition %zu is not finite", s);
    weight[0] = 1 / (double)n;
    for (size_t s = 1; s < n; s++)
        weight[s] = weight[s - 1] * (double)s / (double)(n - s);
    for (size_t i = 0; i < n; i++) {
        size_t bit = (size_t)1 << i;
        double sum = 0;
        for (size_t s = 0; s < n_sets; s++)
            if (!(s & bit))
                sum += weight[__builtin_popcountll(s)] * (worth[s | bit] - worth[s]);
        out[i] = sum;
    }
    return WN_OK;
}

/* ---- groups of people that saw the same channels ------------------------------------------------
 */

static wn_rc find_groups(struct wn_rate_game *g, const struct wn_paths *paths)
{
    uint64_t key[WN_CHANNELS_MAX / 64];
    for (size_t p = 0; p < paths->n; p++) {
        g->group_of[p] = WN_NOT_A_STATE;
        if (paths->starts[p] == paths->starts[p + 1])
            continue;
        memset(key, 0, g->n_words * sizeof *key);
        for (size_t i = paths->starts[p]; i < paths->starts[p + 1]; i++)
            key[paths->touches[i] / 64] |= UINT64_C(1) << (paths->touches[i] % 64);
        wn_rc rc = wn_key_table_put(&g->groups, key, &g->group_of[p]);
        if (rc)
            return rc;
    }
    return WN_OK;
}

static size_t group_size(const struct wn_rate_game *g, size_t group)
{
    size_t size = 0;
    for (size_t k = 0; k < g->n_words; k++)
        size += (size_t)__builtin_popcountll(g->groups.keys[group * g->n_words + k]);
    return size;
}

static bool has_channel(const struct wn_rate_game *g, size_t group, size_t c)
{
    return g->groups.keys[group * g->n_words + c / 64] >> (c % 64) & 1;
}

static void weigh(struct wn_rate_game *g, const struct wn_paths *paths,
                  const struct wn_path_weights *w)
{
    memset(g->sums, 0, g->groups.n * 2 * sizeof *g->sums);
    memset(g->size_sums, 0, (g->n_channels + 1) * 2 * sizeof *g->size_sums);
    for (size_t p = 0; p < paths->n; p++) {
        if (g->group_of[p] == WN_NOT_A_STATE)
            continue;
        double *sums = g->sums + 2 * (size_t)g->group_of[p];
        sums[0] += w->conversions[p];
        sums[1] += w->conversions[p] + w->nulls[p];
    }
    memset(g->reach, 0, g->n_channels * sizeof *g->reach);
    for (size_t i = 0; i < g->groups.n; i++) {
        double *size_sums = g->size_sums + 2 * group_size(g, i);
        size_sums[0] += g->sums[2 * i];
        size_sums[1] += g->sums[2 * i + 1];
        for (size_t c = 0; c < g->n_channels; c++)
            if (has_channel(g, i, c))
                g->reach[c] += g->sums[2 * i + 1];
    }
    for (size_t i = 0; i < g->n_sets; i++) {
        g->sets[i].conversions = g->sums[2 * (size_t)g->sets[i].group];
        g->sets[i].people = g->sums[2 * (size_t)g->sets[i].group + 1];
    }
}

static int by_people(const void *a, const void *b)
{
    const struct wn_rate_set *x = a, *y = b;
    if (x->people != y->people)
        return x->people < y->people ? 1 : -1;
    return (x->group > y->group) - (x->group < y->group);
}

static int by_size(const void *a, const void *b)
{
    const struct wn_rate_set *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return (x->group > y->group) - (x->group < y->group);
}

/* Keeps the largest groups, smallest sets first. */
static wn_rc pick_sets(struct wn_rate_game *g)
{
    g->n_sets = g->groups.n;
    g->sets = WN_ARENA_ARRAY(g->memory, g->n_sets, struct wn_rate_set);
    if (!g->sets)
        return WN_MEMORY;
    for (size_t i = 0; i < g->n_sets; i++)
        g->sets[i] = (struct wn_rate_set){.group = (uint32_t)i,
                                          .size = (uint16_t)group_size(g, i),
                                          .conversions = g->sums[2 * i],
                                          .people = g->sums[2 * i + 1]};
    qsort(g->sets, g->n_sets, sizeof *g->sets, by_people);
    g->n_sets = g->n_sets < WN_RATE_SETS_MAX ? g->n_sets : WN_RATE_SETS_MAX;
    qsort(g->sets, g->n_sets, sizeof *g->sets, by_size);
    g->members = WN_ARENA_ARRAY(g->memory, g->n_sets * g->n_channels, uint16_t);
    if (!g->members)
        return WN_MEMORY;
    for (size_t i = 0; i < g->n_sets; i++) {
        uint16_t *members = g->members + i * g->n_channels;
        for (size_t c = 0; c < g->n_channels; c++)
            if (has_channel(g, g->sets[i].group, c))
                *members++ = (uint16_t)c;
    }
    return WN_OK;
}

/* How much the rates of sizes, and of sets within a size, are alike. */
static wn_rc find_strengths(struct wn_rate_game *g, struct wn_why *why)
{
    struct wn_arena scratch;
    double strength[WN_SHRINK_LEVELS_MAX] = {0};
    size_t n = 1 + g->n_channels + g->n_sets;
    wn_arena_init(&scratch, 0);
    struct wn_shrink_node *nodes = WN_ARENA_ARRAY(&scratch, n, struct wn_shrink_node);
    struct wn_shrunk *shrunk = WN_ARENA_ARRAY(&scratch, n, struct wn_shrunk);
    wn_rc rc = nodes && shrunk ? WN_OK : WN_MEMORY;
    if (!rc) {
        /* A size's own counts are those of the groups that are left out. */
        double people = 0;
        for (size_t size = 1; size <= g->n_channels; size++) {
            nodes[size].count = g->size_sums[2 * size];
            nodes[size].exposure = g->size_sums[2 * size + 1];
            people += nodes[size].exposure;
        }
        for (size_t i = 0; i < g->n_sets; i++) {
            const struct wn_rate_set *set = &g->sets[i];
            nodes[1 + g->n_channels + i] =
                (struct wn_shrink_node){set->size, set->conversions, set->people};
            nodes[set->size].exposure -= set->people;
            nodes[set->size].count -= set->conversions;
        }
        for (size_t i = 1; i < n; i++) { /* rounding, and more people than the toolbox takes */
            double scale = people > 1e15 ? 1e15 / people : 1;
            nodes[i].exposure = fmax(nodes[i].exposure * scale, 0);
            nodes[i].count = fmin(fmax(nodes[i].count * scale, 0), nodes[i].exposure);
        }
        rc = wn_shrink_rates(&scratch, nodes, n, STRENGTH_USUAL, shrunk, strength, why);
    }
    wn_arena_deinit(&scratch);
    g->strength_size = strength[1];
    g->strength_set = strength[2];
    return rc;
}

wn_rc wn_rate_game_init(struct wn_rate_game *g, const struct wn_paths *paths,
                        const struct wn_path_weights *weights, struct wn_rand *r,
                        struct wn_arena *memory, struct wn_why *why)
{
    size_t n = paths->n_channels;
    *g = (struct wn_rate_game){.n_channels = n, .n_words = (n + 63) / 64, .memory = memory};
    wn_key_table_init(&g->groups, g->n_words, UINT32_MAX - 1);
    g->group_of = WN_ARENA_ARRAY(memory, paths->n, uint32_t);
    g->size_sums = WN_ARENA_ARRAY(memory, 2 * (n + 1), double);
    g->reach = WN_ARENA_ARRAY(memory, n, double);
    wn_rc rc = g->group_of && g->size_sums && g->reach ? find_groups(g, paths) : WN_MEMORY;
    if (!rc) {
        g->sums = WN_ARENA_ARRAY(memory, 2 * g->groups.n, double);
        if (n <= WN_RATE_EXACT_MAX)
            g->worth = WN_ARENA_ARRAY(memory, (size_t)1 << n, double);
        rc = g->sums && (n > WN_RATE_EXACT_MAX || g->worth) ? WN_OK : WN_MEMORY;
    }
    if (!rc) {
        weigh(g, paths, weights);
        rc = pick_sets(g);
    }
    if (!rc)
        rc = find_strengths(g, why);
    if (!rc && n > WN_RATE_EXACT_MAX)
        wn_rand_init(&g->permuting, wn_rand_u64(r));
    if (rc)
        wn_rate_game_deinit(g);
    return rc;
}

void wn_rate_game_deinit(struct wn_rate_game *g)
{
    wn_key_table_deinit(&g->groups);
    *g = (struct wn_rate_game){0};
}

/* ---- play ----------------------------------------------------------------------------------------
 */

/* Rates shrunk to those of the size, and these to the whole. */
static void find_rates(struct wn_rate_game *g)
{
    double all = 0, people = 0;
    for (size_t size = 1; size <= g->n_channels; size++) {
        all += g->size_sums[2 * size];
        people += g->size_sums[2 * size + 1];
    }
    double base = people > 0 ? all / people : 0;
    for (size_t i = 0; i < g->n_sets; i++) {
        struct wn_rate_set *s = &g->sets[i];
        const double *sums = g->size_sums + 2 * (size_t)s->size;
        double of_size = (sums[0] + g->strength_size * base) / (sums[1] + g->strength_size);
        s->rate = (s->conversions + g->strength_set * of_size) / (s->people + g->strength_set);
        if (!(s->people > 0)) /* not seen in this bootstrap */
            s->rate = 0;
    }
}

static wn_rc play_exactly(struct wn_rate_game *g, double *shares, struct wn_why *why)
{
    size_t n_masks = (size_t)1 << g->n_channels;
    memset(g->worth, 0, n_masks * sizeof *g->worth);
    for (size_t i = 0; i < g->n_sets; i++)
        g->worth[g->groups.keys[g->sets[i].group]] = g->sets[i].rate;
    for (size_t mask = 1; mask < n_masks; mask++)
        for (size_t rest = mask; rest; rest &= rest - 1)
            g->worth[mask] = fmax(g->worth[mask], g->worth[mask ^ (rest & (0 - rest))]);
    return wn_shapley(g->worth, g->n_channels, shares, why);
}

/* The sets no subset of which has a rate as high: the others never decide. Returns how many. */
static size_t list_deciding(const struct wn_rate_game *g, uint32_t *deciding)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_sets; i++) {
        const uint64_t *key = g->groups.keys + (size_t)g->sets[i].group * g->n_words;
        bool decides = g->sets[i].rate > 0;
        for (size_t j = 0; j < n && decides; j++) {
            const struct wn_rate_set *other = &g->sets[deciding[j]];
            const uint64_t *sub = g->groups.keys + (size_t)other->group * g->n_words;
            bool inside = other->rate >= g->sets[i].rate;
            for (size_t k = 0; k < g->n_words && inside; k++)
                inside = !(sub[k] & ~key[k]);
            decides = !inside;
        }
        if (decides)
            deciding[n++] = (uint32_t)i;
    }
    return n;
}

struct dealing {
    uint32_t *deciding; /* [n_sets] */
    size_t n_deciding;
    uint16_t *order, *place;      /* [n_channels] a permutation, and its inverse */
    double *best, *best_reversed; /* [n_channels] the best set complete at a place */
    double *pair;                 /* [n_channels] mean of a permutation and its reverse */
};

/* What each channel adds in a permutation and in its reverse. */
static void play_pair(const struct wn_rate_game *g, struct dealing *d)
{
    size_t n = g->n_channels;
    for (size_t i = 0; i < n; i++) {
        d->place[d->order[i]] = (uint16_t)i;
        d->best[i] = d->best_reversed[i] = d->pair[i] = 0;
    }
    for (size_t i = 0; i < d->n_deciding; i++) {
        const struct wn_rate_set *set = &g->sets[d->deciding[i]];
        const uint16_t *members = g->members + (size_t)d->deciding[i] * n;
        size_t low = n, high = 0;
        for (size_t k = 0; k < set->size; k++) {
            size_t place = d->place[members[k]];
            low = place < low ? place : low;
            high = place > high ? place : high;
        }
        d->best[high] = fmax(d->best[high], set->rate);
        d->best_reversed[low] = fmax(d->best_reversed[low], set->rate);
    }
    double now = 0, now_reversed = 0;
    for (size_t i = 0; i < n; i++) {
        size_t back = n - 1 - i;
        double gain = fmax(d->best[i] - now, 0);
        double gain_reversed = fmax(d->best_reversed[back] - now_reversed, 0);
        d->pair[d->order[i]] += gain / 2;
        d->pair[d->order[back]] += gain_reversed / 2;
        now += gain;
        now_reversed += gain_reversed;
    }
}

static wn_rc play_permuted(struct wn_rate_game *g, size_t n_pairs, double *shares, double *se)
{
    size_t n = g->n_channels;
    struct wn_arena scratch;
    struct wn_rand r = g->permuting;
    wn_arena_init(&scratch, 0);
    struct dealing d = {.deciding = WN_ARENA_ARRAY(&scratch, g->n_sets, uint32_t),
                        .order = WN_ARENA_ARRAY(&scratch, n, uint16_t),
                        .place = WN_ARENA_ARRAY(&scratch, n, uint16_t),
                        .best = WN_ARENA_ARRAY(&scratch, n, double),
                        .best_reversed = WN_ARENA_ARRAY(&scratch, n, double),
                        .pair = WN_ARENA_ARRAY(&scratch, n, double)};
    double *squares = WN_ARENA_ARRAY(&scratch, n, double);
    bool ok = d.deciding && d.order && d.place && d.best && d.best_reversed && d.pair && squares;
    if (ok) {
        d.n_deciding = list_deciding(g, d.deciding);
        memset(shares, 0, n * sizeof *shares);
        for (size_t i = 0; i < n; i++)
            d.order[i] = (uint16_t)i;
        for (size_t k = 0; k < n_pairs; k++) {
            for (size_t i = n - 1; i > 0; i--) {
                size_t j = (size_t)wn_rand_below(&r, i + 1);
                uint16_t t = d.order[i];
                d.order[i] = d.order[j];
                d.order[j] = t;
            }
            play_pair(g, &d);
            for (size_t i = 0; i < n; i++) {
                double step = d.pair[i] - shares[i];
                shares[i] += step / (double)(k + 1);
                squares[i] += step * (d.pair[i] - shares[i]);
            }
        }
        for (size_t i = 0; i < n && se; i++)
            se[i] = n_pairs > 1 ? sqrt(squares[i] / (double)(n_pairs - 1) / (double)n_pairs) : 0;
    }
    wn_arena_deinit(&scratch);
    return ok ? WN_OK : WN_MEMORY;
}

wn_rc wn_rate_game_play(struct wn_rate_game *g, const struct wn_paths *paths,
                        const struct wn_path_weights *weights, size_t n_pairs, double *shares,
                        double *se, struct wn_why *why)
{
    weigh(g, paths, weights);
    find_rates(g);
    if (g->worth) {
        for (size_t i = 0; i < g->n_channels && se; i++)
            se[i] = 0;
        return play_exactly(g, shares, why);
    }
    return play_permuted(g, n_pairs, shares, se);
}
