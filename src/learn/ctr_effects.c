/* Logistic regression whose effects have a normal prior with one variance for each field, the
 * variances estimated from the data (empirical Bayes).
 *
 *   maximise  sum clicks ln p + (views - clicks) ln(1 - p) - 1/2 sum w_j^2 / variance(field j)
 *
 * by Newton steps, each solved by three rounds of coordinate descent; between them
 *   variance(f) = sum w_j^2 / sum q_j / (q_j + 1 / variance(f)),
 * where q_j is the information about w_j (diagonal Laplace). A field whose values do not differ ends
 * with a variance near 0.
 *
 * Sources: MacKay, "Bayesian Interpolation", 1992; coordinate descent as in Friedman, Hastie,
 * Tibshirani, "Regularization Paths for Generalized Linear Models", J. Stat. Software 33, 2010. */
#include "learn/ctr_int.h"

#include <string.h>

#define SWEEPS 3
#define VARIANCE_MIN 1e-6
#define VARIANCE_MAX 25.0
/* A tenth of a value with this variance keeps fields of few values from the edges. Judgement. */
#define VARIANCE_PRIOR 0.1
#define VARIANCE_PRIOR_N 0.1
#define STEP_MAX 4.0 /* of one effect in one round */

static bool is_left_out(const uint8_t *part, uint8_t left_out, size_t i)
{
    return part && part[i] == left_out;
}

wn_rc ctr_effects_init(struct ctr_effects *e, const struct ctr_matrix *x, uint32_t n_fields,
                       struct wn_arena *a)
{
    e->w = WN_ARENA_ARRAY(a, x->n_columns, double);
    e->q = WN_ARENA_ARRAY(a, x->n_columns, double);
    e->logit = WN_ARENA_ARRAY(a, x->n_rows, double);
    if (!e->w || !e->q || !e->logit)
        return WN_MEMORY;
    double clicks = 0, views = 0;
    for (size_t i = 0; i < x->n_rows; i++) {
        clicks += x->clicks[i];
        views += x->views[i];
    }
    bool has_offset = false;
    for (size_t i = 0; i < x->n_rows; i++)
        has_offset |= x->offset[i] != 0;
    e->bias = has_offset ? 0 : wn_logit((clicks + 0.5) / (views + 1));
    e->bias_q = 0;
    for (size_t i = 0; i < x->n_rows; i++)
        e->logit[i] = e->bias + x->offset[i];
    for (uint32_t f = 0; f < n_fields; f++)
        e->variance[f] = VARIANCE_PRIOR;
    return WN_OK;
}

/* Scratch of one fit. */
struct work {
    double *label;    /* [n_rows] expected clicks */
    double *residual; /* [n_rows] of the quadratic approximation */
    double *curve;    /* [n_rows] views p (1 - p); 0 of left-out rows */
    double *move;     /* [n_rows] of the logit, by this step */
    double *step;     /* [n_columns] of the effects, by this step */
    double bias_step;
};

static wn_rc work_init(struct work *s, const struct ctr_matrix *x, struct wn_arena *a)
{
    s->label = WN_ARENA_ARRAY(a, x->n_rows, double);
    s->residual = WN_ARENA_ARRAY(a, x->n_rows, double);
    s->curve = WN_ARENA_ARRAY(a, x->n_rows, double);
    s->move = WN_ARENA_ARRAY(a, x->n_rows, double);
    s->step = WN_ARENA_ARRAY(a, x->n_columns, double);
    return s->label && s->residual && s->curve && s->move && s->step ? WN_OK : WN_MEMORY;
}

/* The quadratic approximation at the present logits; labels that are not final are expected ones
 * (one sweep of expectation and maximisation a round). */
static void approximate(const struct ctr_effects *e, const struct ctr_matrix *x,
                        const uint8_t *part, uint8_t left_out, struct work *s)
{
    for (size_t i = 0; i < x->n_rows; i++) {
        double p = wn_sigmoid(e->logit[i]), views = x->views[i];
        bool pending = x->survival[i] > 0 && x->clicks[i] == 0;
        s->label[i] = pending ? views * wn_ctr_soft_label(p, x->survival[i]) : x->clicks[i];
        bool out = is_left_out(part, left_out, i);
        s->residual[i] = out ? 0 : s->label[i] - views * p;
        s->curve[i] = out ? 0 : fmax(views * p * (1 - p), views * 1e-9);
        s->move[i] = 0;
    }
    memset(s->step, 0, x->n_columns * sizeof *s->step);
    s->bias_step = 0;
}

static void move_bias(struct ctr_effects *e, const struct ctr_matrix *x, struct work *s)
{
    /* One view with half a click beside the rows keeps the bias finite without clicks. */
    double half = wn_sigmoid(e->bias + s->bias_step), slope = 0.5 - half;
    double curve = half * (1 - half) + 1e-6;
    for (size_t i = 0; i < x->n_rows; i++) {
        slope += s->residual[i];
        curve += s->curve[i];
    }
    double step = fmax(-STEP_MAX, fmin(slope / curve, STEP_MAX));
    for (size_t i = 0; i < x->n_rows; i++)
        s->residual[i] -= s->curve[i] * step;
    s->bias_step += step;
    e->bias_q = curve;
}

static void sweep(struct ctr_effects *e, const struct ctr_matrix *x, struct work *s, bool is_first)
{
    for (size_t j = 0; j < x->n_columns; j++) {
        double slope = 0, precision = 1 / e->variance[x->field[j]];
        size_t from = x->column_start[j], to = x->column_start[j + 1];
        if (is_first) {
            e->q[j] = 0;
            for (size_t k = from; k < to; k++)
                e->q[j] += s->curve[x->row_of[k]] * (double)(x->x[k] * x->x[k]);
        }
        for (size_t k = from; k < to; k++)
            slope += s->residual[x->row_of[k]] * (double)x->x[k];
        double w = e->w[j] + s->step[j], step = (slope - precision * w) / (e->q[j] + precision);
        step = fmax(-STEP_MAX, fmin(step, STEP_MAX));
        if (step == 0)
            continue;
        s->step[j] += step;
        for (size_t k = from; k < to; k++)
            s->residual[x->row_of[k]] -= s->curve[x->row_of[k]] * step * (double)x->x[k];
    }
}

/* What is minimised, t steps on. */
static double objective(const struct ctr_effects *e, const struct ctr_matrix *x,
                        const uint8_t *part, uint8_t left_out, const struct work *s, double t)
{
    double sum = ctr_loss(e->bias + t * s->bias_step, 0.5, 1);
    for (size_t i = 0; i < x->n_rows; i++) {
        if (is_left_out(part, left_out, i))
            continue;
        double logit = e->logit[i] + t * s->move[i];
        sum += ctr_loss(logit, s->label[i], x->views[i]);
    }
    for (size_t j = 0; j < x->n_columns; j++) {
        double w = e->w[j] + t * s->step[j];
        sum += 0.5 * w * w / e->variance[x->field[j]];
    }
    return sum;
}

/* Takes the step, or the half, quarter ... of it that makes things better. Returns the gain. */
static double take_step(struct ctr_effects *e, const struct ctr_matrix *x, const uint8_t *part,
                        uint8_t left_out, struct work *s)
{
    for (size_t i = 0; i < x->n_rows; i++)
        s->move[i] = s->bias_step;
    for (size_t j = 0; j < x->n_columns; j++)
        if (s->step[j] != 0)
            for (size_t k = x->column_start[j]; k < x->column_start[j + 1]; k++)
                s->move[x->row_of[k]] += s->step[j] * (double)x->x[k];
    double before = objective(e, x, part, left_out, s, 0);
    for (int halving = 0; halving < 20; halving++) {
        double t = ldexp(1, -halving);
        double after = objective(e, x, part, left_out, s, t);
        if (!(after <= before))
            continue;
        for (size_t i = 0; i < x->n_rows; i++)
            e->logit[i] += t * s->move[i];
        for (size_t j = 0; j < x->n_columns; j++)
            e->w[j] += t * s->step[j];
        e->bias += t * s->bias_step;
        return (before - after) / (1 + fabs(before));
    }
    return 0;
}

/* Returns the largest relative change. */
static double update_variances(struct ctr_effects *e, const struct ctr_matrix *x, uint32_t n_fields)
{
    double size[WN_CTR_FIELDS_MAX] = {0}, known[WN_CTR_FIELDS_MAX] = {0}, change = 0;
    for (size_t j = 0; j < x->n_columns; j++) {
        uint32_t f = x->field[j];
        size[f] += e->w[j] * e->w[j];
        known[f] += e->q[j] / (e->q[j] + 1 / e->variance[f]);
    }
    for (uint32_t f = 0; f < n_fields; f++) {
        double v = (size[f] + VARIANCE_PRIOR_N * VARIANCE_PRIOR) / (known[f] + VARIANCE_PRIOR_N);
        v = fmax(VARIANCE_MIN, fmin(v, VARIANCE_MAX));
        change = fmax(change, fabs(log(v / e->variance[f])));
        e->variance[f] = v;
    }
    return change;
}

wn_rc ctr_effects_fit(struct ctr_effects *e, const struct ctr_matrix *x, uint32_t n_fields,
                      const uint8_t *part, uint8_t left_out, bool learns_variance, size_t n_rounds)
{
    struct wn_arena a;
    struct work s = {0};
    wn_arena_init(&a, 0);
    wn_rc rc = work_init(&s, x, &a);
    for (size_t round = 0; round < n_rounds && !rc; round++) {
        approximate(e, x, part, left_out, &s);
        for (int i = 0; i < SWEEPS; i++) {
            move_bias(e, x, &s);
            sweep(e, x, &s, i == 0);
        }
        double gain = take_step(e, x, part, left_out, &s);
        double change = learns_variance ? update_variances(e, x, n_fields) : 0;
        if (change < 0.02 && gain < 1e-9)
            break;
    }
    wn_arena_deinit(&a);
    return rc;
}
