#include "learn/sums.h"

#include <math.h>

double wn_sum_of(const double *x, size_t n)
{
    struct wn_sum s = {0};
    for (size_t i = 0; i < n; i++)
        wn_sum_add(&s, x[i]);
    return wn_sum_value(&s);
}

void wn_moments_add(struct wn_moments *m, double x, double weight)
{
    if (!isfinite(x) || !isfinite(weight) || !(weight > 0))
        return;
    double total = m->weight + weight, delta = x - m->mean;
    if (!isfinite(total) || !isfinite(delta))
        return;
    m->mean += delta * (weight / total);
    m->spread += weight * delta * (x - m->mean);
    m->weight = total;
    m->weight_sq += weight * weight;
}

void wn_moments_decay(struct wn_moments *m, double keep)
{
    double k = keep >= 0 && keep <= 1 ? keep : keep > 1 ? 1 : 0;
    m->weight *= k;
    m->weight_sq *= k * k;
    m->spread *= k;
}

void wn_moments_merge(struct wn_moments *a, const struct wn_moments *b)
{
    if (!(b->weight > 0))
        return;
    double total = a->weight + b->weight, delta = b->mean - a->mean;
    a->spread += b->spread + delta * delta * (a->weight * (b->weight / total));
    a->mean += delta * (b->weight / total);
    a->weight = total;
    a->weight_sq += b->weight_sq;
}

double wn_moments_variance(const struct wn_moments *m)
{
    return m->weight > 0 ? fmax(m->spread / m->weight, 0) : 0;
}

double wn_moments_variance_unbiased(const struct wn_moments *m)
{
    double dof = m->weight > 0 ? m->weight - m->weight_sq / m->weight : 0;
    return dof > 0 ? fmax(m->spread / dof, 0) : 0;
}

double wn_moments_n_effective(const struct wn_moments *m)
{
    return m->weight_sq > 0 ? m->weight * (m->weight / m->weight_sq) : 0;
}
