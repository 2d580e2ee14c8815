#include "learn/linalg.h"

#include <math.h>
#include <string.h>

enum { JITTER_TRIES = 9 };

double wn_dot(const double *x, const double *y, size_t n)
{
    /* Four sums, so that additions do not wait for each other; the order is fixed, and with it the
     * result. */
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        s0 += x[i] * y[i];
        s1 += x[i + 1] * y[i + 1];
        s2 += x[i + 2] * y[i + 2];
        s3 += x[i + 3] * y[i + 3];
    }
    for (; i < n; i++)
        s0 += x[i] * y[i];
    return (s0 + s1) + (s2 + s3);
}

/* One try; false when a pivot is not safely positive. */
static bool factor_once(double *a, size_t n, double pivot_min)
{
    for (size_t i = 0; i < n; i++) {
        double *row = a + wn_packed_at(i, 0);
        for (size_t j = 0; j < i; j++) {
            const double *other = a + wn_packed_at(j, 0);
            row[j] = (row[j] - wn_dot(row, other, j)) / other[j];
        }
        double pivot = row[i] - wn_dot(row, row, i);
        if (!(pivot > pivot_min))
            return false;
        row[i] = sqrt(pivot);
    }
    return true;
}

wn_rc wn_chol_factor(double *a, size_t n, double *saved, double *jitter_out)
{
    double largest = 0;
    for (size_t i = 0; i < wn_packed_size(n); i++)
        if (!isfinite(a[i]))
            return WN_INVALID;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(a[wn_packed_at(i, i)]));
    if (n)
        memcpy(saved, a, wn_packed_size(n) * sizeof *a);
    double jitter = 0;
    for (int attempt = 0; attempt <= JITTER_TRIES; attempt++) {
        if (factor_once(a, n, 1e-12 * largest)) {
            if (jitter_out)
                *jitter_out = jitter;
            return WN_OK;
        }
        jitter = attempt == 0 ? 1e-10 * (largest > 0 ? largest : 1) : jitter * 10;
        memcpy(a, saved, wn_packed_size(n) * sizeof *a);
        for (size_t i = 0; i < n; i++)
            a[wn_packed_at(i, i)] += jitter;
    }
    return WN_INVALID;
}

void wn_chol_forward(const double *l, size_t n, double *b)
{
    for (size_t i = 0; i < n; i++) {
        const double *row = l + wn_packed_at(i, 0);
        b[i] = (b[i] - wn_dot(row, b, i)) / row[i];
    }
}

void wn_chol_backward(const double *l, size_t n, double *y)
{
    for (size_t i = n; i-- > 0;) {
        const double *row = l + wn_packed_at(i, 0);
        y[i] /= row[i];
        for (size_t j = 0; j < i; j++)
            y[j] -= row[j] * y[i];
    }
}

void wn_chol_solve(const double *l, size_t n, double *b)
{
    wn_chol_forward(l, n, b);
    wn_chol_backward(l, n, b);
}

double wn_chol_log_det(const double *l, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += log(l[wn_packed_at(i, i)]);
    return 2 * sum;
}

void wn_chol_mul(const double *l, size_t n, double *z)
{
    for (size_t i = n; i-- > 0;)
        z[i] = wn_dot(l + wn_packed_at(i, 0), z, i + 1);
}

void wn_packed_mul_vec(const double *a, size_t n, const double *x, double *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = 0;
    for (size_t i = 0; i < n; i++) {
        const double *row = a + wn_packed_at(i, 0);
        y[i] += wn_dot(row, x, i + 1);
        for (size_t j = 0; j < i; j++)
            y[j] += row[j] * x[i];
    }
}

void wn_packed_add_outer(double *a, size_t n, double weight, const double *x)
{
    for (size_t i = 0; i < n; i++) {
        double *row = a + wn_packed_at(i, 0);
        double scaled = weight * x[i];
        for (size_t j = 0; j <= i; j++)
            row[j] += scaled * x[j];
    }
}
