#include "learn/conformal.h"

#include "winnow/forecast.h"

#include <math.h>

static void swap(double *a, double *b)
{
    double t = *a;
    *a = *b;
    *b = t;
}

/* Hoare's selection with the middle of three as pivot. */
double wn_select(double *x, size_t n, size_t k)
{
    WN_ASSERT(k < n);
    size_t low = 0, high = n - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (x[middle] < x[low])
            swap(&x[middle], &x[low]);
        if (x[high] < x[low])
            swap(&x[high], &x[low]);
        if (x[high] < x[middle])
            swap(&x[high], &x[middle]);
        double pivot = x[middle];
        size_t i = low, j = high;
        for (;;) {
            while (x[i] < pivot)
                i++;
            while (x[j] > pivot)
                j--;
            if (i >= j)
                break;
            swap(&x[i++], &x[j--]);
        }
        /* x[low..i-1] <= pivot <= x[i..high] or x[j] is the pivot itself. */
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
    return x[k];
}

double wn_conformal_quantile(double *scores, size_t n, double level, bool *reached)
{
    if (reached)
        *reached = false;
    if (n == 0)
        return 0;
    double place = ceil(((double)n + 1) * level);
    bool fits = place <= (double)n;
    if (reached)
        *reached = fits;
    size_t k = fits ? (place >= 1 ? (size_t)place - 1 : 0) : n - 1;
    return wn_select(scores, n, k);
}

/* P(|T| <= t) for five degrees of freedom has a closed form (Abramowitz and Stegun 26.7.3). */
static double student5_within(double t)
{
    double angle = atan(t / sqrt(5));
    double c = cos(angle);
    return (2 / acos(-1)) * (angle + sin(angle) * c * (1 + (2.0 / 3) * c * c));
}

double wn_student5_halfwidth(double level)
{
    double low = 0, high = 1;
    while (student5_within(high) < level && high < 1e6)
        high *= 2;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        if (student5_within(middle) < level)
            low = middle;
        else
            high = middle;
    }
    return low / sqrt(5.0 / 3);
}

/* ---- live correction --------------------------------------------------------------------------
 */

void wn_conformal_init(struct wn_conformal *c, double level, double gamma)
{
    level = isfinite(level) ? fmin(fmax(level, 1e-4), 1 - 1e-4) : 0.95;
    gamma = gamma > 0 ? fmin(gamma, 1) : 0.02;
    *c = (struct wn_conformal){.level = level, .gamma = gamma, .alpha = 1 - level};
}

void wn_conformal_update(struct wn_conformal *c, double actual, double low, double high)
{
    if (!isfinite(actual))
        return;
    bool missed = !(actual >= low && actual <= high);
    c->n_seen++;
    c->n_missed += missed ? 1 : 0;
    c->alpha += c->gamma * (1 - c->level - (missed ? 1.0 : 0.0));
}

double wn_conformal_level(const struct wn_conformal *c)
{
    return fmin(fmax(1 - c->alpha, 1e-4), 1 - 1e-4);
}
