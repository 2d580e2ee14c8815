/* Learning row by row: FTRL-proximal per coordinate, the factorization machine beside it.
 *
 *   g = (views p - clicks) x,  sigma = (sqrt(n + g^2) - sqrt n) / alpha,
 *   z += g - sigma w,  n += g^2,  w = -(z - sgn(z) l1) / ((beta + sqrt n) / alpha + l2), 0 inside l1
 *
 * Source: McMahan et al., KDD 2013, algorithm 1. Beside it q, the information about each weight. */
#include "learn/ctr_int.h"

#include <stdlib.h>
#include <string.h>

#define SUM_MAX 1e37f         /* far from the end of floats */
#define SUM_EXACT_MAX 65536.0 /* above it small terms would be lost in a float's rounding */
#define VIEWS_MAX 1e15
#define OFFSET_MAX 1e3
#define X_MAX 1e3f

/* ---- sums in floats ---------------------------------------------------------------------------
 */

static uint64_t dither_next(struct wn_ctr *m)
{
    uint64_t x = m->dither; /* xorshift64 */
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return m->dither = x;
}

/* sum + term, rounded up or down by chance in proportion, so that terms below the last place add
 * up on average. */
static float sum_add(struct wn_ctr *m, float sum, float term)
{
    if (WN_LIKELY(sum < SUM_EXACT_MAX))
        return sum + term;
    uint32_t bits;
    float power;
    memcpy(&bits, &sum, sizeof bits);
    bits &= 0x7F800000u; /* the power of two below sum */
    memcpy(&power, &bits, sizeof power);
    double chance = (double)(dither_next(m) >> 40) * 0x1p-24 - 0.5;
    double exact = (double)sum + (double)term + chance * (double)power * 0x1p-23;
    return ctr_least((float)exact, SUM_MAX);
}

/* ---- one slot ---------------------------------------------------------------------------------
 */

void ctr_slot_set(const struct wn_ctr_options *o, struct ctr_slot *s, double w, double q)
{
    s->n = s->q = (float)fmin(q, 1e36);
    double scale = (o->beta + sqrt((double)s->n)) / o->alpha + o->l2;
    s->z = w == 0 ? 0 : (float)-(w * scale + copysign(o->l1, w));
}

/* w: the weight that s stands for; root: sqrt(n) as it is; g: gradient; q: information of the row. */
static inline void slot_step(struct wn_ctr *m, struct ctr_slot *s, float w, float root, float g,
                             float q)
{
    float g_sq = ctr_least(g * g, SUM_MAX), n = sum_add(m, s->n, g_sq), roots = root + sqrtf(n);
    float sigma = roots > 0 ? g_sq * m->rates.alpha_inverse / roots : 0;
    s->z = ctr_most(-SUM_MAX, ctr_least(s->z + (g - sigma * w), SUM_MAX));
    s->n = n;
    s->q = sum_add(m, s->q, q);
}

static void bias_step(struct wn_ctr *m, double w, double g, double q)
{
    struct ctr_bias *b = &m->bias;
    double sigma = (sqrt(b->n + g * g) - sqrt(b->n)) / m->options.alpha;
    b->z = fmax(-(double)SUM_MAX, fmin(b->z + (g - sigma * w), (double)SUM_MAX));
    b->n += g * g;
    b->q += q;
}

/* ---- checks -----------------------------------------------------------------------------------
 */

static wn_rc refuse(struct wn_why *why, size_t place, const char *field, const char *text)
{
    if (why)
        why->line = place;
    return wn_fail(why, WN_INVALID, field, "%s", text);
}

wn_rc ctr_row_check(const struct wn_ctr *m, const struct wn_ctr_row *row, size_t place,
                    struct wn_why *why)
{
    if (!(row->views >= 0 && row->views <= VIEWS_MAX))
        return refuse(why, place, "views", "views must be a number from 0 to 1e15");
    if (!(row->clicks >= 0 && row->clicks <= row->views))
        return refuse(why, place, "clicks", "clicks must be a number from 0 to the views");
    if (!(fabs(row->offset) <= OFFSET_MAX))
        return refuse(why, place, "offset", "an offset must be a number within 1000 of 0");
    if (!(row->survival >= 0 && row->survival <= 1))
        return refuse(why, place, "survival", "a survival must lie between 0 and 1");
    if (row->n_features > WN_CTR_FEATURES_MAX)
        return refuse(why, place, "features", "a row has at most 4096 features");
    for (size_t i = 0; i < row->n_features; i++) {
        const struct wn_ctr_feature *f = &row->features[i];
        if (f->field >= m->n_fields || m->fields[f->field].a != WN_CTR_NONE)
            return refuse(why, place, "field", "a feature names a field that is no plain field");
        if (!(fabsf(f->x) <= X_MAX))
            return refuse(why, place, "x", "the strength of a feature must be within 1000 of 0");
    }
    return WN_OK;
}

/* ---- memory that learning needs ---------------------------------------------------------------
 */

static wn_rc prepare(struct wn_ctr *m)
{
    if (m->options.n_gate > 1 && !m->sketch) {
        wn_rc rc = ctr_sketch_new(m);
        if (rc)
            return rc;
    }
    if (m->options.n_factors && !m->machine.n_factors && m->n_fields <= CTR_MACHINE_FIELDS_MAX &&
        !m->is_fitted) {
        wn_rc rc = ctr_machine_init(&m->machine, &m->options, m->n_fields);
        if (rc)
            return rc;
    }
    struct ctr_ring *r = &m->ring;
    if (r->n == r->n_max && r->n_max < CTR_RING_MAX) {
        size_t n_max = r->n_max ? 2 * r->n_max : 1024;
        struct ctr_honest *grown = realloc(r->p, n_max * sizeof *grown);
        if (!grown)
            return WN_MEMORY;
        r->p = grown;
        r->n_max = n_max;
        r->next = r->n;
    }
    return WN_OK;
}

static void remember(struct ctr_ring *r, struct ctr_honest h)
{
    r->p[r->next] = h;
    r->next = r->next + 1 == r->n_max ? 0 : r->next + 1;
    r->n += r->n < r->n_max;
}

/* ---- one row ----------------------------------------------------------------------------------
 */

/* A row in work: its slots, where they have one, and their weights. */
struct work {
    struct ctr_slot *slots[CTR_EXPANDED_MAX];
    float w[CTR_EXPANDED_MAX], root[CTR_EXPANDED_MAX];
};

/* Finds the slots, or makes those of features that pass the gate; returns the sum of weights. */
static double gather(struct wn_ctr *m, const struct ctr_expanded *e, struct work *work)
{
    double sum = 0;
    for (size_t i = 0; i < e->n; i++) {
        uint64_t hash = e->features[i].hash;
        struct ctr_slot *s = ctr_slot_get(m, hash);
        if (!s && (m->options.n_gate < 2 || ctr_gate_pass(m, hash)))
            s = ctr_slot_claim(m, hash, INFINITY);
        work->slots[i] = s;
        work->root[i] = s ? sqrtf(s->n) : 0;
        work->w[i] = s ? ctr_weight_of(&m->rates, s->z, work->root[i]) : 0;
        sum += (double)work->w[i] * (double)e->features[i].x;
    }
    return sum;
}

static void step(struct wn_ctr *m, const struct ctr_expanded *e, const struct work *work, double g,
                 double q)
{
    for (size_t i = 0; i < e->n; i++) {
        float x = e->features[i].x;
        if (work->slots[i])
            slot_step(m, work->slots[i], work->w[i], work->root[i], (float)g * x, (float)q * x * x);
    }
}

static double loss_of(double p, double clicks, double views)
{
    double loss = 0;
    if (clicks > 0)
        loss -= clicks * log(p);
    if (views > clicks)
        loss -= (views - clicks) * log1p(-p);
    return loss;
}

static void count(struct wn_ctr *m, const struct wn_ctr_row *row, double views, double p,
                  struct ctr_honest honest)
{
    m->n_rows++;
    m->views += views;
    m->clicks += row->clicks;
    m->progressive_loss += loss_of(p, row->clicks, views);
    m->progressive_views += views;
    remember(&m->ring, honest);
}

/* Clicks that come late were first seen as views without one; these weights undo it on average. */
static double delay_weight(const struct wn_ctr *m, const struct wn_ctr_row *row, double p)
{
    if (!m->options.is_delayed)
        return 1;
    return row->clicks > 0 ? 1 + p : (1 - p) * (1 + p);
}

wn_rc wn_ctr_learn(struct wn_ctr *m, const struct wn_ctr_row *row, double *p_before,
                   struct wn_why *why)
{
    struct ctr_expanded e;
    struct work work;
    wn_rc rc = ctr_row_check(m, row, 0, why);
    if (rc)
        return rc;
    rc = prepare(m);
    double views = ctr_views(m, row);
    double offset = row->offset + ctr_offset(m, row->features, row->n_features);
    if (!rc)
        rc = ctr_tree_add(&m->tree, row->features, row->n_features, row->clicks, views);
    if (rc)
        return wn_fail(why, rc, NULL, "there is no memory to learn more");
    free(m->honest);
    m->honest = NULL;
    ctr_expand(m, row->features, row->n_features, &e);
    for (size_t i = row->n_features; i < e.n; i++)
        WN_PREFETCH(ctr_bucket(m, e.features[i].hash));

    double bias = ctr_bias_weight(m), linear = offset + bias + gather(m, &e, &work);
    double p = wn_sigmoid(fmax(-30, fmin(linear, 30))), machine = 0;
    double weight = delay_weight(m, row, p), g = weight * (p * views - row->clicks);
    double q = views * p * (1 - p);
    if (views > 0) {
        step(m, &e, &work, g, q);
        bias_step(m, bias, g, q);
    }
    if (m->machine.n_factors)
        machine = ctr_machine_learn(&m->machine, row->features, row->n_features, offset,
                                    weight * row->clicks, weight * views);
    double blended = ctr_blend(m->blend, linear, machine);
    double told = wn_sigmoid(fmax(-30, fmin(ctr_calibrate(&m->calibrator, blended), 30)));
    if (p_before)
        *p_before = told;
    struct ctr_honest honest = {(float)fmax(-1e3, fmin(linear, 1e3)), (float)machine,
                                (float)row->clicks, (float)views};
    count(m, row, views, told, honest);
    if (m->n_rows % (m->n_rows < 100000 ? 16 : 64) == 0)
        ctr_parts_count(m, &e, row->features, row->n_features, row->offset, views);
    return WN_OK;
}

void wn_ctr_prefetch(const struct wn_ctr *m, const struct wn_ctr_feature *features, size_t n)
{
    for (size_t i = 0; i < n; i++)
        WN_PREFETCH(ctr_bucket(m, features[i].hash));
}

/* The newest tenth, but at least 20,000 rows where there are as many, and not the first half, in
 * which little was known. */
wn_rc wn_ctr_settle(struct wn_ctr *m, struct wn_why *why)
{
    struct ctr_ring *r = &m->ring;
    size_t tenth = (size_t)(m->n_rows / 10), half = (size_t)((m->n_rows + 1) / 2);
    size_t n = half < 20000 ? half : 20000;
    n = tenth > n ? tenth : n;
    n = n < r->n ? n : r->n;
    if (n == 0)
        return WN_OK;
    struct ctr_honest *newest = calloc(n, sizeof *newest);
    uint8_t *part = calloc(n, 1);
    wn_rc rc = newest && part ? WN_OK : WN_MEMORY;
    for (size_t i = 0; !rc && i < n; i++) {
        newest[i] = r->p[(r->next + r->n_max - n + i) % r->n_max];
        part[i] = i >= n / 2;
    }
    if (!rc)
        rc = ctr_tree_estimate(&m->tree);
    if (!rc)
        rc = ctr_settle_on(m, newest, n, part, 2);
    free(newest);
    free(part);
    return rc ? wn_fail(why, rc, NULL, "there is no memory to calibrate") : WN_OK;
}
