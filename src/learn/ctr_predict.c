/* Probabilities, their intervals, and why. */
#include "learn/ctr_int.h"

#include <string.h>

#define LOGIT_MAX 30.0        /* beyond it a probability cannot be told from 0 or 1 */
#define BIAS_INFORMATION 0.01 /* of the bias before any row: a standard deviation of 10 */

static double limited(double logit)
{
    return fmax(-LOGIT_MAX, fmin(logit, LOGIT_MAX));
}

double ctr_offset(const struct wn_ctr *m, const struct wn_ctr_feature *features, size_t n)
{
    if (m->tree.n_levels == 0 && m->is_fitted)
        return 0; /* the bias says it all */
    return ctr_tree_offset(&m->tree, features, n);
}

/* Features that predictions pass over: see wn_ctr_predict. */
static bool is_usable(const struct wn_ctr *m, const struct wn_ctr_feature *f)
{
    return f->field < m->n_fields && fabsf(f->x) <= 1e3f;
}

static double variance_of(const struct wn_ctr *m, const struct ctr_slot *s, uint32_t field)
{
    double prior = m->fields[field].variance;
    return prior / (1 + prior * (s ? (double)s->q : 0));
}

static double usable_offset(double offset)
{
    return isnan(offset) ? 0 : fmax(-1e3, fmin(offset, 1e3));
}

void ctr_logits_get(const struct wn_ctr *m, const struct ctr_expanded *e,
                    const struct wn_ctr_feature *plain, size_t n_plain, double offset,
                    struct ctr_logits *out)
{
    *out = (struct ctr_logits){.variance = 1 / (m->bias.q + BIAS_INFORMATION)};
    out->offset = usable_offset(offset) + ctr_offset(m, plain, n_plain);
    out->linear = out->offset + ctr_bias_weight(m);
    for (size_t i = 0; i < e->n; i++)
        WN_PREFETCH(ctr_bucket(m, e->features[i].hash));
    for (size_t i = 0; i < e->n; i++) {
        const struct wn_ctr_feature *f = &e->features[i];
        if (!is_usable(m, f))
            continue;
        const struct ctr_slot *s = ctr_slot_get(m, f->hash);
        double x = (double)f->x;
        out->n_new += !s && m->fields[f->field].a == WN_CTR_NONE;
        out->linear += s ? x * (double)ctr_weight(m, s) : 0;
        out->variance += x * x * variance_of(m, s, f->field);
    }
    if (m->machine.n_factors)
        out->machine = out->offset + ctr_machine_logit(&m->machine, plain, n_plain, NULL);
}

/* The blended logit of a row whose every field brings what it brings on average. */
static double base_logit(const struct wn_ctr *m)
{
    double sum = ctr_blend(m->blend, ctr_bias_weight(m), m->machine.w0);
    for (uint32_t i = 0; i < m->n_fields; i++)
        if (m->fields[i].views > 0)
            sum += m->fields[i].sum / m->fields[i].views;
    if (m->offset_views > 0)
        sum += m->offset_sum / m->offset_views;
    if (m->offset_views == 0 || m->tree.n_levels == 0)
        sum += (m->blend[1] + m->blend[2]) * ctr_offset(m, NULL, 0);
    return sum;
}

/* What the hierarchy and the given offset bring; the running rate belongs to every row alike. */
static double special_part(const struct wn_ctr *m, const struct wn_ctr_feature *plain,
                           size_t n_plain, double offset)
{
    double tree = m->tree.n_levels ? ctr_offset(m, plain, n_plain) : 0;
    return (m->blend[1] + m->blend[2]) * (usable_offset(offset) + tree);
}

static double probability(const struct wn_ctr *m, double blended)
{
    return wn_sigmoid(limited(ctr_calibrate(&m->calibrator, limited(blended))));
}

static double spread(const struct wn_ctr *m)
{
    return wn_normal_quantile(0.5 + m->options.level / 2);
}

void wn_ctr_predict(const struct wn_ctr *m, const struct wn_ctr_feature *features, size_t n,
                    double offset, struct wn_ctr_prediction *out)
{
    struct ctr_expanded e;
    struct ctr_logits l;
    double low, high;
    n = n < WN_CTR_FEATURES_MAX ? n : WN_CTR_FEATURES_MAX;
    ctr_expand(m, features, n, &e);
    ctr_logits_get(m, &e, features, n, offset, &l);
    double blended = ctr_blend(m->blend, l.linear, l.machine);
    double reach = spread(m) * sqrt(l.variance) * (m->blend[1] + m->blend[2]);
    out->p = probability(m, blended);
    out->low = fmin(out->p, probability(m, blended - reach));
    out->high = fmax(out->p, probability(m, blended + reach));
    if (ctr_bracket(&m->calibrator, limited(blended), &low, &high)) {
        out->low = fmin(out->low, low);
        out->high = fmax(out->high, high);
    }
    out->p_base = probability(m, base_logit(m));
    out->n_new = l.n_new;
}

/* ---- parts of fields --------------------------------------------------------------------------
 */

struct parts {
    double sum[WN_CTR_FIELDS_MAX]; /* of the blended logit */
    double variance[WN_CTR_FIELDS_MAX];
    bool is_present[WN_CTR_FIELDS_MAX], has_known[WN_CTR_FIELDS_MAX];
};

static void parts_get(const struct wn_ctr *m, const struct ctr_expanded *e,
                      const struct wn_ctr_feature *plain, size_t n_plain, struct parts *p)
{
    memset(p->sum, 0, m->n_fields * sizeof p->sum[0]);
    memset(p->variance, 0, m->n_fields * sizeof p->variance[0]);
    memset(p->is_present, 0, m->n_fields);
    memset(p->has_known, 0, m->n_fields);
    if (m->machine.n_factors && m->blend[2] > 0) {
        (void)ctr_machine_logit(&m->machine, plain, n_plain, p->sum);
        for (uint32_t i = 0; i < m->n_fields; i++)
            p->sum[i] *= m->blend[2];
    }
    for (size_t i = 0; i < e->n; i++) {
        const struct wn_ctr_feature *f = &e->features[i];
        if (!is_usable(m, f))
            continue;
        const struct ctr_slot *s = ctr_slot_get(m, f->hash);
        double x = (double)f->x;
        p->is_present[f->field] = true;
        p->has_known[f->field] |= s != NULL;
        p->sum[f->field] += m->blend[1] * (s ? x * (double)ctr_weight(m, s) : 0);
        p->variance[f->field] += x * x * variance_of(m, s, f->field);
    }
}

void ctr_parts_count(struct wn_ctr *m, const struct ctr_expanded *e,
                     const struct wn_ctr_feature *plain, size_t n_plain, double offset,
                     double views)
{
    struct parts p;
    parts_get(m, e, plain, n_plain, &p);
    for (uint32_t i = 0; i < m->n_fields; i++) {
        struct ctr_field *f = &m->fields[i];
        f->views += views;
        f->sum += views * p.sum[i];
        f->sum_sq += views * p.sum[i] * p.sum[i];
    }
    m->offset_views += views;
    m->offset_sum += views * special_part(m, plain, n_plain, offset);
}

static double odds_of(double logit)
{
    return exp(limited(logit));
}

/* Keeps out[] sorted by how far the odds are from 1. */
static size_t insert(struct wn_ctr_reason *out, size_t n, size_t n_max, struct wn_ctr_reason reason)
{
    size_t at = n;
    while (at > 0 && fabs(log(out[at - 1].odds)) < fabs(log(reason.odds)))
        at--;
    if (at == n_max)
        return n;
    n = n < n_max ? n + 1 : n;
    memmove(out + at + 1, out + at, (n - at - 1) * sizeof *out);
    out[at] = reason;
    return n;
}

size_t wn_ctr_explain(const struct wn_ctr *m, const struct wn_ctr_feature *features, size_t n,
                      double offset, struct wn_ctr_reason *out, size_t n_max)
{
    struct ctr_expanded e;
    struct parts p;
    size_t n_out = 0;
    n = n < WN_CTR_FEATURES_MAX ? n : WN_CTR_FEATURES_MAX;
    ctr_expand(m, features, n, &e);
    parts_get(m, &e, features, n, &p);
    double z = spread(m) * (m->blend[1] + m->blend[2]);
    for (uint32_t i = 0; i < m->n_fields; i++) {
        const struct ctr_field *f = &m->fields[i];
        double part = p.sum[i] - (f->views > 0 ? f->sum / f->views : 0);
        double reach = z * sqrt(p.variance[i]);
        struct wn_ctr_reason reason = {i, odds_of(part), odds_of(part - reach),
                                       odds_of(part + reach), p.is_present[i] && !p.has_known[i]};
        if (p.is_present[i] || part != 0)
            n_out = insert(out, n_out, n_max, reason);
    }
    if (m->offset_views > 0) {
        double whole = special_part(m, features, n, offset);
        double odds = odds_of(whole - m->offset_sum / m->offset_views);
        if (odds != 1)
            n_out = insert(out, n_out, n_max,
                           (struct wn_ctr_reason){WN_CTR_NONE, odds, odds, odds, false});
    }
    return n_out;
}

void wn_ctr_feature_effect(const struct wn_ctr *m, struct wn_ctr_feature feature,
                           struct wn_ctr_effect *out)
{
    *out = (struct wn_ctr_effect){.odds = 1, .low = 1, .high = 1};
    if (!is_usable(m, &feature))
        return;
    const struct ctr_field *f = &m->fields[feature.field];
    const struct ctr_slot *s = ctr_slot_get(m, feature.hash);
    double x = (double)feature.x, centre = f->views > 0 ? f->sum / f->views : 0;
    double part = m->blend[1] * (s ? x * (double)ctr_weight(m, s) : 0) - centre;
    double reach = spread(m) * m->blend[1] * fabs(x) * sqrt(variance_of(m, s, feature.field));
    *out = (struct wn_ctr_effect){.is_known = s != NULL,
                                  .odds = odds_of(part),
                                  .low = odds_of(part - reach),
                                  .high = odds_of(part + reach),
                                  .n_seen = s ? (double)s->q : 0};
}
