/* Markov chains over the last k touches: counting, solving, and the choice of k. */
#include "learn/attribute_int.h"

#include "core/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONVERTED,
    ENDED,
    VALUE,
    EXITS,
    DENSE_MAX = 128,      /* states up to which elimination is the quicker way */
    INVERSE_MIN = 40,     /* states of order 1 from which one inverse beats many eliminations */
    DENSE_LAST_MAX = 1000 /* ... and up to which it is done where sweeps do not settle */
};
#define SWEEP_STEPS_MAX ((size_t)4000000000) /* multiplications before sweeps are given up */

/* ---- states -----------------------------------------------------------------------------------
 */

/* A state's key: its last touches as digits, 0 for none, the latest last. */
struct digits {
    uint64_t base, keep; /* keep = base^(order - 1) */
};

static struct digits digits_of(size_t n_channels, size_t order)
{
    struct digits d = {n_channels + 1, 1};
    for (size_t k = 1; k < order; k++)
        d.keep *= d.base;
    return d;
}

static uint64_t step_key(struct digits d, uint64_t key, uint16_t channel)
{
    return key % d.keep * d.base + channel + 1;
}

struct growing {
    struct wn_key_table keys;
    size_t room;
};

static wn_rc add_state(struct wn_chain *m, struct growing *g, uint64_t key, uint16_t channel,
                       uint32_t *out)
{
    size_t n_before = g->keys.n;
    wn_rc rc = wn_key_table_put(&g->keys, &key, out);
    if (rc || g->keys.n == n_before)
        return rc;
    if (g->keys.n * m->n_channels > WN_MARKOV_CELLS_MAX)
        return WN_LIMIT;
    if (n_before == g->room) {
        size_t room = g->room ? 2 * g->room : 16;
        uint32_t *next = realloc(m->next, room * m->n_channels * sizeof *next);
        if (next)
            m->next = next;
        uint16_t *last = realloc(m->last, room * sizeof *last);
        if (last)
            m->last = last;
        if (!next || !last)
            return WN_MEMORY;
        g->room = room;
    }
    m->last[*out] = channel;
    for (size_t c = 0; c < m->n_channels; c++)
        m->next[n_before * m->n_channels + c] = WN_NOT_A_STATE;
    m->n_states = g->keys.n;
    return WN_OK;
}

static wn_rc walk_all(struct wn_chain *m, struct growing *g, const struct wn_paths *paths)
{
    struct digits d = digits_of(m->n_channels, m->order);
    uint32_t start;
    wn_rc rc = add_state(m, g, 0, WN_NO_CHANNEL, &start);
    for (size_t p = 0; p < paths->n && !rc; p++) {
        uint32_t state = start;
        for (size_t i = paths->starts[p]; i < paths->starts[p + 1] && !rc; i++) {
            uint16_t channel = paths->touches[i];
            size_t cell = state * m->n_channels + channel;
            uint32_t to = m->next[cell];
            if (to == WN_NOT_A_STATE) {
                rc = add_state(m, g, step_key(d, g->keys.keys[state], channel), channel, &to);
                if (!rc)
                    m->next[cell] = to;
            }
            state = to;
        }
    }
    return rc;
}

static size_t columns_of(const struct wn_chain *m)
{
    return (m->n_channels + 1) * (m->has_values ? 2 : 1);
}

static wn_rc make_arrays(struct wn_chain *m)
{
    size_t n = m->n_states;
    m->count = WN_ARENA_ARRAY(&m->memory, n * m->n_channels, double);
    m->exits = WN_ARENA_ARRAY(&m->memory, n * EXITS, double);
    if (n <= DENSE_MAX || m->order == 1)
        m->dense = WN_ARENA_ARRAY(&m->memory, n * (n + EXITS), double);
    else
        m->solution = WN_ARENA_ARRAY(&m->memory, n * columns_of(m), double);
    return m->count && m->exits && (m->dense || m->solution) ? WN_OK : WN_MEMORY;
}

wn_rc wn_chain_init(struct wn_chain *m, const struct wn_paths *paths, size_t order,
                    struct wn_why *why)
{
    struct growing g = {0};
    *m = (struct wn_chain){
        .n_channels = paths->n_channels, .order = order, .has_values = paths->values != NULL};
    wn_arena_init(&m->memory, 0);
    wn_key_table_init(&g.keys, 1, WN_MARKOV_STATES_MAX);
    wn_rc rc = walk_all(m, &g, paths);
    wn_key_table_deinit(&g.keys);
    if (!rc)
        rc = make_arrays(m);
    if (rc == WN_LIMIT)
        rc = wn_fail(why, rc, "order",
                     "a Markov chain of order %zu over %zu channels has too many states: choose a "
                     "lower order, or join channels",
                     order, m->n_channels);
    if (rc)
        wn_chain_deinit(m);
    return rc;
}

void wn_chain_deinit(struct wn_chain *m)
{
    free(m->next);
    free(m->last);
    wn_arena_deinit(&m->memory);
    *m = (struct wn_chain){0};
}

static void count_all(struct wn_chain *m, const struct wn_paths *paths,
                      const struct wn_path_weights *w)
{
    double conversions = 0, value = 0;
    memset(m->count, 0, m->n_states * m->n_channels * sizeof *m->count);
    memset(m->exits, 0, m->n_states * EXITS * sizeof *m->exits);
    for (size_t p = 0; p < paths->n; p++) {
        double weight = w->conversions[p] + w->nulls[p];
        size_t state = 0;
        if (!(weight > 0) || paths->starts[p] == paths->starts[p + 1])
            continue;
        for (size_t i = paths->starts[p]; i < paths->starts[p + 1]; i++) {
            size_t cell = state * m->n_channels + paths->touches[i];
            m->count[cell] += weight;
            state = m->next[cell];
        }
        double *exits = m->exits + state * EXITS;
        exits[CONVERTED] += w->conversions[p];
        exits[ENDED] += w->nulls[p];
        exits[VALUE] += w->values ? w->values[p] : 0;
        conversions += w->conversions[p];
        value += w->values ? w->values[p] : 0;
    }
    /* Values near the size of conversions, so that one tolerance serves both. */
    for (size_t s = 0; s < m->n_states && value > 0; s++)
        m->exits[s * EXITS + VALUE] *= conversions / value;
}

/* ---- elimination ------------------------------------------------------------------------------
 */

/* The chance of conversion and the value per path from the start, when every step into `without`
 * ends the path (WN_NO_CHANNEL: none does). States are eliminated one by one, their flow handed on
 * to the others; all numbers are sums and products of counts that are not negative. dense
 * [n_states][n_states + EXITS]. */
static void eliminate(const struct wn_chain *m, double *dense, uint16_t without, double *chance,
                      double *value)
{
    size_t n = m->n_states, width = n + EXITS;
    memset(dense, 0, n * width * sizeof *dense);
    for (size_t s = 0; s < n; s++) {
        double *row = dense + s * width;
        for (size_t e = 0; e < EXITS; e++)
            row[n + e] = m->exits[s * EXITS + e];
        for (size_t c = 0; c < m->n_channels; c++) {
            double count = m->count[s * m->n_channels + c];
            if (count > 0)
                row[c == without ? n + ENDED : m->next[s * m->n_channels + c]] += count;
        }
    }
    for (size_t k = n; k-- > 1;) {
        const double *gone = dense + k * width;
        double flow = gone[n + CONVERTED] + gone[n + ENDED];
        for (size_t j = 0; j < k; j++)
            flow += gone[j];
        for (size_t i = 0; i < k && flow > 0; i++) {
            double *row = dense + i * width, factor = row[k] / flow;
            if (!(factor > 0))
                continue;
            for (size_t j = 0; j < k; j++)
                row[j] += factor * gone[j];
            for (size_t e = n; e < width; e++)
                row[e] += factor * gone[e];
        }
    }
    double out = dense[n + CONVERTED] + dense[n + ENDED];
    *chance = out > 0 ? dense[n + CONVERTED] / out : 0;
    *value = out > 0 ? dense[n + VALUE] / out : 0;
}

/* ---- the inverse, order 1 -----------------------------------------------------------------------
 */

/* Gauss and Jordan, in place; the matrix is dominated by its diagonal, so nothing is exchanged. False
 * where rounding has eaten the diagonal. a: n rows of width. */
static bool invert(double *a, size_t n, size_t width)
{
    for (size_t k = 0; k < n; k++) {
        double *pivot = a + k * width, diagonal = pivot[k];
        if (!(diagonal > 0))
            return false;
        pivot[k] = 1;
        for (size_t j = 0; j < n; j++)
            pivot[j] /= diagonal;
        for (size_t i = 0; i < n; i++) {
            double *row = a + i * width, factor = row[k];
            if (i == k || factor == 0)
                continue;
            row[k] = 0;
            for (size_t j = 0; j < n; j++)
                row[j] -= factor * pivot[j];
        }
    }
    return true;
}

/* The inverse holds how often each state is visited from each other, so that the chance to come to c
 * at all is (start, c) / (c, c); what is lost without c is that times what c is worth. False where
 * rounding forbids it. */
static bool solve_by_inverse(const struct wn_chain *m, double *dense, double *removal,
                             double *removal_value, double *probability)
{
    size_t n = m->n_states, width = n + EXITS;
    memset(dense, 0, n * width * sizeof *dense);
    for (size_t s = 0; s < n; s++) {
        double *row = dense + s * width, flow = 0;
        for (size_t c = 0; c < m->n_channels; c++) {
            double count = m->count[s * m->n_channels + c];
            size_t to = count > 0 ? m->next[s * m->n_channels + c] : s;
            flow += to == s ? 0 : count;
            row[to] -= to == s ? 0 : count;
        }
        flow += m->exits[s * EXITS + CONVERTED] + m->exits[s * EXITS + ENDED];
        row[s] = flow > 0 ? flow : 1;
    }
    if (!invert(dense, n, width))
        return false;
    for (size_t s = 0; s < n; s++) { /* worth of each state, behind its row */
        double *row = dense + s * width;
        for (size_t j = 0; j < n; j++) {
            row[n + CONVERTED] += row[j] * m->exits[j * EXITS + CONVERTED];
            row[n + VALUE] += row[j] * m->exits[j * EXITS + VALUE];
        }
    }
    double chance = dense[n + CONVERTED], value = dense[n + VALUE];
    memset(removal, 0, m->n_channels * sizeof *removal);
    memset(removal_value, 0, m->n_channels * sizeof *removal_value);
    for (size_t s = 1; s < n; s++) {
        const double *row = dense + s * width;
        double reached = fmin(fmax(dense[s] / row[s], 0), 1);
        if (chance > 0)
            removal[m->last[s]] = fmin(fmax(reached * row[n + CONVERTED] / chance, 0), 1);
        if (value > 0)
            removal_value[m->last[s]] = fmin(fmax(reached * row[n + VALUE] / value, 0), 1);
    }
    *probability = fmin(fmax(chance, 0), 1);
    return true;
}

/* ---- sweeps -----------------------------------------------------------------------------------
 */

struct edges {
    size_t *starts;    /* [n_states + 1] */
    uint32_t *to;      /* states */
    uint16_t *channel; /* of the step */
    double *count;
};

static wn_rc list_edges(const struct wn_chain *m, struct wn_arena *a, struct edges *out)
{
    size_t n = 0, cells = m->n_states * m->n_channels;
    for (size_t i = 0; i < cells; i++)
        n += m->count[i] > 0;
    out->starts = WN_ARENA_ARRAY(a, m->n_states + 1, size_t);
    out->to = WN_ARENA_ARRAY(a, n, uint32_t);
    out->channel = WN_ARENA_ARRAY(a, n, uint16_t);
    out->count = WN_ARENA_ARRAY(a, n, double);
    if (!out->starts || !out->to || !out->channel || !out->count)
        return WN_MEMORY;
    n = 0;
    for (size_t i = 0; i < cells; i++) {
        if (m->count[i] > 0) {
            out->to[n] = m->next[i];
            out->channel[n] = (uint16_t)(i % m->n_channels);
            out->count[n++] = m->count[i];
        }
        if ((i + 1) % m->n_channels == 0)
            out->starts[i / m->n_channels + 1] = n;
    }
    return WN_OK;
}

/* One state's row of the solution out of the others': column 0 nothing removed, column 1 + c
 * without c, then the same for value. Returns the largest change. */
static double sweep_state(const struct wn_chain *m, const struct edges *e, size_t s, double *sum)
{
    size_t n_columns = columns_of(m), half = m->n_channels + 1;
    const double *exits = m->exits + s * EXITS;
    double flow = exits[CONVERTED] + exits[ENDED], loop = 0, change = 0;
    size_t loop_column = 0;
    for (size_t k = 0; k < n_columns; k++)
        sum[k] = exits[k < half ? CONVERTED : VALUE];
    for (size_t i = e->starts[s]; i < e->starts[s + 1]; i++) {
        size_t column = 1 + (size_t)e->channel[i];
        if (e->to[i] == s) { /* a step to itself is solved for, not swept */
            loop = e->count[i];
            loop_column = column;
            continue;
        }
        const double *there = m->solution + (size_t)e->to[i] * n_columns;
        double kept = sum[column], kept_value = m->has_values ? sum[half + column] : 0;
        for (size_t k = 0; k < n_columns; k++)
            sum[k] += e->count[i] * there[k];
        sum[column] = kept;
        if (m->has_values)
            sum[half + column] = kept_value;
        flow += e->count[i];
    }
    double *row = m->solution + s * n_columns;
    for (size_t k = 0; k < n_columns; k++) {
        size_t column = k < half ? k : k - half;
        double all = loop > 0 && column == loop_column ? flow + loop : flow;
        double x = all > 0 ? sum[k] / all : 0;
        change = fmax(change, fabs(x - row[k]));
        row[k] = x;
    }
    return change;
}

/* Sweeps until what is still to come is below 1e-13 of the largest entry; *settled tells. */
static wn_rc sweep(struct wn_chain *m, bool *settled)
{
    struct wn_arena scratch;
    struct edges e = {0};
    size_t n_columns = columns_of(m);
    wn_arena_init(&scratch, 0);
    double *sum = WN_ARENA_ARRAY(&scratch, n_columns, double);
    wn_rc rc = sum ? list_edges(m, &scratch, &e) : WN_MEMORY;
    if (rc) {
        wn_arena_deinit(&scratch);
        return rc;
    }
    size_t work = n_columns * (e.starts[m->n_states] + m->n_states);
    size_t n_sweeps = work < SWEEP_STEPS_MAX / 100 ? SWEEP_STEPS_MAX / work : 100;
    double before = INFINITY;
    *settled = false;
    for (size_t k = 0; k < n_sweeps && !*settled; k++) {
        double change = 0, largest = 0;
        for (size_t s = m->n_states; s-- > 0;) /* later states lie nearer to the ends of paths */
            change = fmax(change, sweep_state(m, &e, s, sum));
        for (size_t s = 0; s < m->n_states; s++)
            largest = fmax(largest, m->solution[s * n_columns]);
        double rate = change < before ? change / before : 1;
        bool has_rate = k > 0 && rate < 1;
        *settled = change == 0 || (has_rate && change * rate / (1 - rate) <= 1e-13 * largest);
        before = change;
    }
    wn_arena_deinit(&scratch);
    return WN_OK;
}

/* ---- solving ----------------------------------------------------------------------------------
 */

static double lost_share(double all, double without)
{
    return all > 0 ? fmin(fmax(1 - without / all, 0), 1) : 0;
}

static void solve_by_elimination(const struct wn_chain *m, double *dense, double *removal,
                                 double *removal_value, double *probability)
{
    double chance, value, chance_without, value_without;
    eliminate(m, dense, WN_NO_CHANNEL, &chance, &value);
    *probability = chance;
    for (size_t c = 0; c < m->n_channels; c++) {
        eliminate(m, dense, (uint16_t)c, &chance_without, &value_without);
        removal[c] = lost_share(chance, chance_without);
        removal_value[c] = lost_share(value, value_without);
    }
}

static void read_solution(const struct wn_chain *m, double *removal, double *removal_value,
                          double *probability)
{
    const double *x = m->solution; /* the start's row */
    size_t half = m->n_channels + 1;
    *probability = x[0];
    for (size_t c = 0; c < m->n_channels; c++) {
        removal[c] = lost_share(x[0], x[1 + c]);
        removal_value[c] = m->has_values ? lost_share(x[half], x[half + 1 + c]) : 0;
    }
}

wn_rc wn_chain_solve(struct wn_chain *m, const struct wn_paths *paths,
                     const struct wn_path_weights *weights, double *removal, double *removal_value,
                     double *probability, struct wn_why *why)
{
    bool settled = false;
    count_all(m, paths, weights);
    if (m->order == 1 && m->n_states >= INVERSE_MIN &&
        solve_by_inverse(m, m->dense, removal, removal_value, probability))
        return WN_OK;
    if (!m->dense) {
        wn_rc rc = sweep(m, &settled);
        if (rc)
            return rc;
        if (settled) {
            read_solution(m, removal, removal_value, probability);
            return WN_OK;
        }
        if (m->n_states > DENSE_LAST_MAX)
            return wn_fail(why, WN_LIMIT, "order",
                           "paths are too long to solve a Markov chain of order %zu with %zu "
                           "states: choose a lower order",
                           m->order, m->n_states);
        m->dense = WN_ARENA_ARRAY(&m->memory, m->n_states * (m->n_states + EXITS), double);
        if (!m->dense)
            return WN_MEMORY;
    }
    solve_by_elimination(m, m->dense, removal, removal_value, probability);
    return WN_OK;
}

/* ---- the choice of the order ------------------------------------------------------------------
 */

enum { FOLDS = 5 };
#define BACK_OFF 10.0 /* paths' worth of the next lower order */

/* Ends of paths: the last k touches, and how paths ended behind them. */
struct ends {
    struct wn_key_table keys;
    uint32_t *shorter; /* malloc'd: [n] the same without its first touch, in the order below */
    double (*sums)[FOLDS][2]; /* malloc'd: [n] conversions, nulls of each fold */
    double (*scores)[FOLDS];  /* malloc'd: [n] */
    size_t room;
};

static void ends_deinit(struct ends *e)
{
    wn_key_table_deinit(&e->keys);
    free(e->shorter);
    free(e->sums);
    free(e->scores);
    *e = (struct ends){0};
}

static wn_rc ends_grow(struct ends *e)
{
    if (e->keys.n < e->room)
        return WN_OK;
    size_t room = e->room ? 2 * e->room : 64;
    uint32_t *shorter = realloc(e->shorter, room * sizeof *shorter);
    if (shorter)
        e->shorter = shorter;
    double(*sums)[FOLDS][2] = realloc(e->sums, room * sizeof *sums);
    if (sums)
        e->sums = sums;
    if (!shorter || !sums)
        return WN_MEMORY;
    e->room = room;
    return WN_OK;
}

/* Deals people out to the folds, whole ones where counts are whole. */
static void deal(double sums[FOLDS][2], int kind, double count, size_t first)
{
    double each = floor(count / FOLDS), rest = count - each * FOLDS;
    for (size_t f = 0; f < FOLDS; f++) {
        double one = fmin(fmax(rest - (double)f, 0), 1);
        sums[(first + f) % FOLDS][kind] += each + one;
    }
}

static uint64_t end_key(const struct wn_paths *paths, size_t p, size_t order)
{
    size_t from = paths->starts[p], to = paths->starts[p + 1];
    uint64_t key = 0;
    for (size_t i = to - from > order ? to - order : from; i < to; i++)
        key = key * (paths->n_channels + 1) + paths->touches[i] + 1;
    return key;
}

static wn_rc ends_count(struct ends *e, const struct wn_paths *paths,
                        const struct wn_path_weights *w, size_t order, struct ends *below)
{
    wn_key_table_init(&e->keys, 1, WN_MARKOV_STATES_MAX);
    for (size_t p = 0; p < paths->n; p++) {
        uint32_t group;
        if (paths->starts[p] == paths->starts[p + 1] || w->conversions[p] + w->nulls[p] <= 0)
            continue;
        uint64_t key = end_key(paths, p, order), key_below = end_key(paths, p, order - 1);
        size_t n_before = e->keys.n;
        wn_rc rc = ends_grow(e);
        if (!rc)
            rc = wn_key_table_put(&e->keys, &key, &group);
        if (!rc && e->keys.n > n_before) {
            e->shorter[group] = 0;
            memset(e->sums[group], 0, sizeof e->sums[group]);
            if (below)
                rc = wn_key_table_put(&below->keys, &key_below, &e->shorter[group]);
        }
        if (rc)
            return rc;
        size_t first = (size_t)(wn_rand_mix(p, 1) % FOLDS);
        deal(e->sums[group], 0, w->conversions[p], first);
        deal(e->sums[group], 1, w->nulls[p], (first + 2) % FOLDS);
    }
    return WN_OK;
}

static wn_rc ends_score(struct ends *e, const struct ends *below)
{
    double all[FOLDS][2] = {{0}};
    e->scores = malloc((e->keys.n ? e->keys.n : 1) * sizeof *e->scores);
    if (!e->scores)
        return WN_MEMORY;
    for (size_t i = 0; i < e->keys.n && !below; i++)
        for (size_t f = 0; f < FOLDS * FOLDS; f++)
            for (size_t k = 0; k < 2 && f / FOLDS != f % FOLDS; k++)
                all[f / FOLDS][k] += e->sums[i][f % FOLDS][k];
    for (size_t i = 0; i < e->keys.n; i++)
        for (size_t f = 0; f < FOLDS; f++) {
            double k = 0, n = 0, total = all[f][0] + all[f][1];
            double prior = below       ? below->scores[e->shorter[i]][f]
                           : total > 0 ? all[f][0] / total
                                       : 0;
            for (size_t g = 0; g < FOLDS; g++)
                if (g != f) {
                    k += e->sums[i][g][0];
                    n += e->sums[i][g][0] + e->sums[i][g][1];
                }
            e->scores[i][f] = (k + BACK_OFF * prior) / (n + BACK_OFF);
        }
    return WN_OK;
}

struct scored {
    double score, conversions, nulls;
};

static int by_score(const void *a, const void *b)
{
    double x = ((const struct scored *)a)->score, y = ((const struct scored *)b)->score;
    return (x > y) - (x < y);
}

/* The chance that a path that converted has a higher score than one that did not, in the fold that
 * the scores have not seen, ties counting half; the mean of the folds. */
static wn_rc auc_of(const struct ends *e, double *out)
{
    struct scored *s = malloc((e->keys.n ? e->keys.n : 1) * sizeof *s);
    double weight = 0, sum = 0;
    if (!s)
        return WN_MEMORY;
    for (size_t f = 0; f < FOLDS; f++) {
        double below = 0, won = 0, conversions = 0, nulls = 0;
        for (size_t i = 0; i < e->keys.n; i++)
            s[i] = (struct scored){e->scores[i][f], e->sums[i][f][0], e->sums[i][f][1]};
        qsort(s, e->keys.n, sizeof *s, by_score);
        for (size_t i = 0, j; i < e->keys.n; i = j) {
            double tied = 0, tied_nulls = 0;
            for (j = i; j < e->keys.n && s[j].score == s[i].score; j++) {
                tied += s[j].conversions;
                tied_nulls += s[j].nulls;
            }
            won += tied * (below + tied_nulls / 2);
            below += tied_nulls;
            conversions += tied;
        }
        nulls = below;
        if (conversions > 0 && nulls > 0) {
            sum += won / conversions / nulls * conversions;
            weight += conversions;
        }
    }
    free(s);
    *out = weight > 0 ? sum / weight : .5;
    return WN_OK;
}

static double auc_error(double auc, double n_converted, double n_ended)
{
    double q1 = auc / (2 - auc), q2 = 2 * auc * auc / (1 + auc);
    double n1 = fmax(n_converted, 1), n2 = fmax(n_ended, 1);
    double variance = auc * (1 - auc) + (n1 - 1) * (q1 - auc * auc) + (n2 - 1) * (q2 - auc * auc);
    return sqrt(fmax(variance, 0) / n1 / n2);
}

wn_rc wn_chain_choose(const struct wn_paths *paths, const struct wn_path_weights *weights,
                      double auc[WN_MARKOV_ORDER_AUTO + 1], double *auc_se, size_t *out)
{
    struct ends ends[WN_MARKOV_ORDER_AUTO + 1] = {{.room = 0}};
    double conversions = 0, nulls = 0;
    size_t best = 1, n_tried = 0;
    wn_rc rc = WN_OK;
    for (size_t p = 0; p < paths->n; p++)
        if (paths->starts[p] < paths->starts[p + 1]) {
            conversions += weights->conversions[p];
            nulls += weights->nulls[p];
        }
    for (size_t k = 1; k <= WN_MARKOV_ORDER_AUTO && !rc; k++) {
        rc = ends_count(&ends[k], paths, weights, k, k > 1 ? &ends[k - 1] : NULL);
        if (!rc)
            rc = ends_score(&ends[k], k > 1 ? &ends[k - 1] : NULL);
        if (!rc)
            rc = auc_of(&ends[k], &auc[k]);
        if (!rc && (n_tried = k) && auc[k] > auc[best])
            best = k;
    }
    for (size_t k = 0; k <= WN_MARKOV_ORDER_AUTO; k++)
        ends_deinit(&ends[k]);
    if (rc && rc != WN_LIMIT) /* too many states is no failure: lower orders are there */
        return rc;
    *auc_se = auc_error(auc[best], conversions, nulls);
    *out = 1;
    while (*out < n_tried && auc[*out] < auc[best] - *auc_se)
        ++*out;
    return WN_OK;
}
