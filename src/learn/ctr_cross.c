/* Which pairs of fields say more together than alone: each pair of values gets an effect on top of
 * the model's predictions, learned row after row, and is judged by how much better it foresees the
 * rows that follow. */
#include "learn/ctr_int.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 100000
#define PRECISION 10.0 /* prior of an effect: standard deviation 0.3 on the logit */
#define ERRORS_MIN 3.0 /* standard errors of the gain, of a single pair */
#define CANDIDATES 20  /* pairs that are looked at again after one has been added */

/* What one pair of values has shown so far: the effect is slope / (curve + PRECISION). */
struct cell {
    uint64_t hash;
    uint32_t round; /* of which pair it is; older ones are empty */
    float slope, curve;
};

struct pair {
    uint32_t a, b;
    double errors; /* gain in standard errors */
};

struct search {
    struct wn_ctr *m;
    size_t n, n_plain;
    uint64_t *value; /* [n][n_plain] hash of each row's first feature of a field; 0 = none */
    double *logit, *clicks, *views; /* [n] */
    double *tried;                  /* [n] the logit with the pair */
    struct cell *cells;
    size_t mask;
    uint32_t round;
    uint32_t *plain; /* [n_plain] fields */
    struct pair *pairs;
    size_t n_pairs;
    struct wn_arena a;
};

static struct cell *cell_of(struct search *s, uint64_t hash)
{
    for (size_t i = hash & s->mask;; i = (i + 1) & s->mask) {
        struct cell *c = &s->cells[i];
        if (c->round != s->round)
            *c = (struct cell){hash, s->round, 0, 0};
        if (c->hash == hash)
            return c;
    }
}

/* The gain of a pair over all rows, in its standard errors. */
static double try_pair(struct search *s, size_t a, size_t b)
{
    double sum = 0, squares = 0;
    s->round++;
    for (size_t i = 0; i < s->n; i++) {
        uint64_t x = s->value[i * s->n_plain + a], y = s->value[i * s->n_plain + b];
        s->tried[i] = s->logit[i];
        if (!x || !y)
            continue;
        struct cell *c = cell_of(s, ctr_hash_pair(x, y));
        s->tried[i] += (double)c->slope / ((double)c->curve + PRECISION);
        double p = wn_sigmoid(s->logit[i]);
        double gain = ctr_loss(s->logit[i], s->clicks[i], s->views[i]) -
                      ctr_loss(s->tried[i], s->clicks[i], s->views[i]);
        sum += gain;
        squares += gain * gain;
        c->slope += (float)(s->clicks[i] - s->views[i] * p);
        c->curve += (float)(s->views[i] * p * (1 - p));
    }
    double mean = sum / (double)s->n, spread = squares - mean * sum;
    return spread > 0 ? sum / sqrt(spread) : 0;
}

static wn_rc search_init(struct search *s, const struct wn_ctr_row *rows, size_t from, size_t n)
{
    const struct wn_ctr *m = s->m;
    s->plain = WN_ARENA_ARRAY(&s->a, m->n_fields, uint32_t);
    uint32_t *place = WN_ARENA_ARRAY(&s->a, m->n_fields, uint32_t); /* + 1 */
    if (!s->plain || !place)
        return WN_MEMORY;
    for (uint32_t f = 0; f < m->n_fields; f++)
        if (m->fields[f].a == WN_CTR_NONE) {
            s->plain[s->n_plain++] = f;
            place[f] = (uint32_t)s->n_plain;
        }
    s->value = WN_ARENA_ARRAY(&s->a, n * s->n_plain, uint64_t);
    s->logit = WN_ARENA_ARRAY(&s->a, n, double);
    s->tried = WN_ARENA_ARRAY(&s->a, n, double);
    s->clicks = WN_ARENA_ARRAY(&s->a, n, double);
    s->views = WN_ARENA_ARRAY(&s->a, n, double);
    s->pairs = WN_ARENA_ARRAY(&s->a, s->n_plain * s->n_plain / 2, struct pair);
    size_t n_cells = 64;
    while (n_cells < 2 * n)
        n_cells *= 2;
    s->cells = WN_ARENA_ARRAY(&s->a, n_cells, struct cell);
    s->mask = n_cells - 1;
    if (!s->value || !s->logit || !s->tried || !s->clicks || !s->views || !s->pairs || !s->cells)
        return WN_MEMORY;
    for (size_t i = from; i < from + n; i++) {
        if (isnan(m->honest[i]))
            continue;
        for (size_t k = rows[i].n_features; k-- > 0;) {
            const struct wn_ctr_feature *f = &rows[i].features[k];
            s->value[s->n * s->n_plain + place[f->field] - 1] = f->hash ? f->hash : 1;
        }
        s->logit[s->n] = (double)m->honest[i];
        s->clicks[s->n] = rows[i].clicks;
        s->views[s->n++] = ctr_views(m, &rows[i]);
    }
    return WN_OK;
}

static bool is_crossed(const struct wn_ctr *m, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < m->n_fields; i++)
        if (m->fields[i].a == a && m->fields[i].b == b)
            return true;
    return false;
}

static int by_errors(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->errors != y->errors)
        return x->errors > y->errors ? -1 : 1;
    return x->a != y->a ? (x->a < y->a ? -1 : 1) : x->b < y->b ? -1 : x->b > y->b;
}

/* Tries every pair, the best first afterwards. */
static wn_rc try_all(struct search *s)
{
    const struct wn_ctr_options *o = &s->m->options;
    for (size_t b = 1; b < s->n_plain; b++) {
        for (size_t a = 0; a < b; a++) {
            if (is_crossed(s->m, s->plain[a], s->plain[b]))
                continue;
            s->pairs[s->n_pairs++] = (struct pair){(uint32_t)a, (uint32_t)b, try_pair(s, a, b)};
        }
        if (o->on_progress && !o->on_progress(o->context, b, s->n_plain))
            return WN_CANCELLED;
    }
    qsort(s->pairs, s->n_pairs, sizeof *s->pairs, by_errors);
    return WN_OK;
}

/* Adds the best pair while it is good enough; the others are judged on top of it. */
static wn_rc add_best(struct search *s, size_t n_max, size_t *n_added, struct wn_why *why)
{
    /* As rare by chance among all pairs as ERRORS_MIN is for one. */
    double chance = wn_normal_upper(ERRORS_MIN) / fmax((double)s->n_pairs, 1);
    double least = -wn_normal_quantile(chance);
    size_t n = s->n_pairs < CANDIDATES ? s->n_pairs : CANDIDATES;
    while (*n_added < n_max && n && s->pairs[0].errors > least) {
        struct pair best = s->pairs[0];
        uint32_t field;
        wn_rc rc = wn_ctr_cross_add(s->m, s->plain[best.a], s->plain[best.b], &field, why);
        if (rc)
            return rc;
        ++*n_added;
        (void)try_pair(s, best.a, best.b);
        memcpy(s->logit, s->tried, s->n * sizeof *s->logit);
        memmove(s->pairs, s->pairs + 1, --n * sizeof *s->pairs);
        for (size_t i = 0; i < n; i++)
            s->pairs[i].errors = try_pair(s, s->pairs[i].a, s->pairs[i].b);
        qsort(s->pairs, n, sizeof *s->pairs, by_errors);
    }
    return WN_OK;
}

wn_rc wn_ctr_cross_search(struct wn_ctr *m, const struct wn_ctr_row *rows, size_t n, size_t n_max,
                          size_t *n_added, struct wn_why *why)
{
    *n_added = 0;
    if (!m->honest || m->n_honest != n)
        return wn_fail(why, WN_INVALID, "rows", "fit the model on these rows first");
    struct search s = {.m = m};
    size_t from = n > ROWS_MAX ? n - ROWS_MAX : 0;
    wn_arena_init(&s.a, 0);
    wn_rc rc = search_init(&s, rows, from, n - from);
    if (!rc && s.n)
        rc = try_all(&s);
    if (!rc && s.n)
        rc = add_best(&s, n_max, n_added, why);
    wn_arena_deinit(&s.a);
    return rc ? wn_fail(why, rc, NULL, "%s",
                        rc == WN_CANCELLED ? "the search was cancelled"
                                           : "there is no memory to search for crosses")
              : WN_OK;
}
