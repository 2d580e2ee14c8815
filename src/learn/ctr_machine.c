/* The field-weighted factorization machine: logit = w0 + sum w x + sum over pairs of features
 * R(field, field) <v, v> x x, learned by AdaGrad.
 *
 * Source: Pan et al., "Field-weighted Factorization Machines", WWW 2018; steps as in Juan et al.,
 * "Field-aware Factorization Machines for CTR Prediction", RecSys 2016. */
#include "learn/ctr_int.h"

#include <stdlib.h>
#include <string.h>

#define RATE 0.1f
#define RIDGE 1e-5f
#define START 0.1f /* spread of new factors */
#define LANES 8    /* factors come in groups that fill vector registers */

enum { W, SUM_W, SUM_V, EXTRA }; /* behind the factors of a row */

wn_rc ctr_machine_init(struct ctr_machine *f, const struct wn_ctr_options *o, uint32_t n_fields)
{
    uint32_t k = (o->n_factors + LANES - 1) / LANES * LANES;
    *f = (struct ctr_machine){.n_factors = k,
                              .bits =
                                  o->bits < CTR_MACHINE_BITS_MAX ? o->bits : CTR_MACHINE_BITS_MAX,
                              .n_fields = n_fields};
    f->rows = calloc((size_t)1 << f->bits, (k + EXTRA) * sizeof(float));
    f->pairs = calloc((size_t)n_fields * n_fields, sizeof(float));
    f->pairs_sq = calloc((size_t)n_fields * n_fields, sizeof(float));
    if (!f->rows || !f->pairs || !f->pairs_sq) {
        ctr_machine_deinit(f);
        return WN_MEMORY;
    }
    ctr_machine_forget(f, 0);
    return WN_OK;
}

void ctr_machine_deinit(struct ctr_machine *f)
{
    free(f->rows);
    free(f->pairs);
    free(f->pairs_sq);
    *f = (struct ctr_machine){0};
}

void ctr_machine_forget(struct ctr_machine *f, double w0)
{
    memset(f->rows, 0, ((size_t)(f->n_factors + EXTRA) * sizeof(float)) << f->bits);
    for (size_t i = 0; i < (size_t)f->n_fields * f->n_fields; i++)
        f->pairs[i] = f->pairs_sq[i] = 1;
    f->w0 = w0;
    f->w0_sq = 1;
}

/* The features of a row that take part. */
struct taking {
    float *rows[CTR_MACHINE_FEATURES_MAX];
    float x[CTR_MACHINE_FEATURES_MAX];
    uint32_t field[CTR_MACHINE_FEATURES_MAX];
    size_t n;
};

static float *row_of(const struct ctr_machine *f, uint64_t hash)
{
    uint64_t place = hash >> 20 & (((uint64_t)1 << f->bits) - 1);
    return f->rows + place * (f->n_factors + EXTRA);
}

static void take(const struct ctr_machine *f, const struct wn_ctr_feature *features, size_t n,
                 bool known_only, struct taking *t)
{
    t->n = 0;
    for (size_t i = 0; i < n && t->n < CTR_MACHINE_FEATURES_MAX; i++) {
        float *row = row_of(f, features[i].hash);
        if (features[i].field >= f->n_fields || (known_only && row[f->n_factors + SUM_V] == 0))
            continue;
        t->rows[t->n] = row;
        t->x[t->n] = features[i].x;
        t->field[t->n++] = features[i].field;
    }
}

static float dot(const float *a, const float *b, uint32_t k)
{
    float lanes[LANES] = {0};
    for (uint32_t j = 0; j < k; j += LANES)
        for (uint32_t l = 0; l < LANES; l++)
            lanes[l] += a[j + l] * b[j + l];
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
           ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

double ctr_machine_logit(const struct ctr_machine *f, const struct wn_ctr_feature *features,
                         size_t n, double *parts)
{
    struct taking t;
    uint32_t k = f->n_factors;
    take(f, features, n, true, &t);
    double sum = f->w0;
    for (size_t i = 0; i < t.n; i++) {
        double own = (double)(t.rows[i][k + W] * t.x[i]), pairs = 0;
        const float *strength = f->pairs + (size_t)t.field[i] * f->n_fields;
        for (size_t j = 0; j < i; j++) {
            double pair =
                (double)(strength[t.field[j]] * t.x[i] * t.x[j] * dot(t.rows[i], t.rows[j], k));
            pairs += pair;
            if (parts)
                parts[t.field[j]] += pair / 2;
        }
        if (parts)
            parts[t.field[i]] += own + pairs / 2;
        sum += own + pairs;
    }
    return isfinite(sum) ? fmax(-1e3, fmin(sum, 1e3)) : 0;
}

/* Small and different for each feature and factor, without a generator: bits of its hash. */
static void row_begin(float *row, uint32_t k, uint64_t hash)
{
    for (uint32_t j = 0; j < k; j++) {
        hash = ctr_hash_pair(hash, j);
        row[j] = START * ((float)(hash >> 40) * 0x1p-23f - 1);
    }
    row[k + SUM_W] = row[k + SUM_V] = 1;
}

/* u[i] = x_i * sum over the others of R x_j v_j: the gradient of the logit by v_i, and with v_i
 * twice the sum of the pairs. */
static double pull(const struct ctr_machine *f, const struct taking *t, size_t i, float *u)
{
    uint32_t k = f->n_factors;
    const float *strength = f->pairs + (size_t)t->field[i] * f->n_fields;
    memset(u, 0, k * sizeof *u);
    for (size_t j = 0; j < t->n; j++) {
        if (j == i)
            continue;
        float scale = strength[t->field[j]] * t->x[i] * t->x[j];
        const float *v = t->rows[j];
        for (uint32_t l = 0; l < k; l += LANES)
            for (uint32_t m = 0; m < LANES; m++)
                u[l + m] += scale * v[l + m];
    }
    return (double)dot(t->rows[i], u, k);
}

static float limited(float x)
{
    return ctr_most(-1e4f, ctr_least(x, 1e4f));
}

/* AdaGrad on the strength of every pair of fields in the row. */
static void step_pairs(struct ctr_machine *f, const struct taking *t, float g)
{
    uint32_t k = f->n_factors;
    for (size_t i = 0; i < t->n; i++)
        for (size_t j = 0; j < i; j++) {
            size_t at = (size_t)t->field[i] * f->n_fields + t->field[j];
            size_t mirror = (size_t)t->field[j] * f->n_fields + t->field[i];
            float slope = g * t->x[i] * t->x[j] * dot(t->rows[i], t->rows[j], k);
            f->pairs_sq[at] = ctr_least(f->pairs_sq[at] + slope * slope, 1e37f);
            f->pairs[at] = limited(f->pairs[at] - RATE * slope / sqrtf(f->pairs_sq[at]));
            f->pairs[mirror] = f->pairs[at];
            f->pairs_sq[mirror] = f->pairs_sq[at];
        }
}

static void step_row(struct ctr_machine *f, float *row, float x, const float *u, float g)
{
    uint32_t k = f->n_factors;
    float slope = g * x + RIDGE * row[k + W], sum = 0;
    row[k + SUM_W] = ctr_least(row[k + SUM_W] + slope * slope, 1e37f);
    row[k + W] = limited(row[k + W] - RATE * slope / sqrtf(row[k + SUM_W]));
    for (uint32_t j = 0; j < k; j++) {
        slope = g * u[j] + RIDGE * row[j];
        sum += slope * slope;
    }
    row[k + SUM_V] = ctr_least(row[k + SUM_V] + sum / (float)k, 1e37f);
    float rate = RATE / sqrtf(row[k + SUM_V]);
    for (uint32_t j = 0; j < k; j++)
        row[j] = limited(row[j] - rate * (g * u[j] + RIDGE * row[j]));
}

double ctr_machine_learn(struct ctr_machine *f, const struct wn_ctr_feature *features, size_t n,
                         double offset, double clicks, double views)
{
    struct taking t;
    float u[CTR_MACHINE_FEATURES_MAX][WN_CTR_FACTORS_MAX];
    uint32_t k = f->n_factors;
    take(f, features, n, false, &t);
    double sum = offset + f->w0, twice = 0;
    for (size_t i = 0, at = 0; i < n && at < t.n; i++)
        if (features[i].field < f->n_fields) {
            if (t.rows[at][k + SUM_V] == 0)
                row_begin(t.rows[at], k, features[i].hash);
            sum += (double)(t.rows[at][k + W] * t.x[at]);
            at++;
        }
    for (size_t i = 0; i < t.n; i++)
        twice += pull(f, &t, i, u[i]);
    sum += twice / 2;
    double logit = isfinite(sum) ? fmax(-1e3, fmin(sum, 1e3)) : 0;
    double p = wn_sigmoid(fmax(-30, fmin(logit, 30))), g = views * p - clicks;
    if (!(views > 0))
        return logit;
    /* The squares of g must fit into a float, times those of what it is multiplied by. */
    float slope = (float)fmax(-1e8, fmin(g, 1e8));
    step_pairs(f, &t, slope);
    for (size_t i = 0; i < t.n; i++)
        step_row(f, t.rows[i], t.x[i], u[i], slope);
    f->w0_sq += g * g;
    f->w0 -= (double)RATE * g / sqrt(f->w0_sq);
    return logit;
}
