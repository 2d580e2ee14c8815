#include "learn/optimise.h"

#include "learn/linalg.h"

#include <math.h>
#include <string.h>

/* ---- downhill simplex ----------------------------------------------------------------------------
 */

struct simplex {
    wn_many_fn *f;
    void *context;
    size_t n;
    bool is_log;
    double x[WN_SIMPLEX_MAX + 1][WN_SIMPLEX_MAX];
    double value[WN_SIMPLEX_MAX + 1];
    uint32_t n_calls, max_calls;
};

static double value_at(struct simplex *s, const double *x)
{
    double real[WN_SIMPLEX_MAX];
    s->n_calls++;
    for (size_t i = 0; i < s->n; i++) {
        real[i] = s->is_log ? exp(x[i]) : x[i];
        if (!isfinite(real[i]) || (s->is_log && real[i] <= 0))
            return INFINITY;
    }
    double y = s->f(s->context, real, s->n);
    return isfinite(y) ? y : INFINITY;
}

static void sort(struct simplex *s)
{
    for (size_t i = 1; i <= s->n; i++) {
        double x[WN_SIMPLEX_MAX], value = s->value[i];
        size_t k = i;
        memcpy(x, s->x[i], sizeof x);
        for (; k > 0 && s->value[k - 1] > value; k--) {
            memcpy(s->x[k], s->x[k - 1], sizeof x);
            s->value[k] = s->value[k - 1];
        }
        memcpy(s->x[k], x, sizeof x);
        s->value[k] = value;
    }
}

/* centre + t * (worst - centre), tried in place of the worst when better than `than`. */
static bool try_at(struct simplex *s, const double *centre, const double *worst, double t,
                   double than, double *value)
{
    double x[WN_SIMPLEX_MAX] = {0};
    for (size_t i = 0; i < s->n; i++)
        x[i] = centre[i] + t * (worst[i] - centre[i]);
    *value = value_at(s, x);
    if (!(*value < than))
        return false;
    memcpy(s->x[s->n], x, sizeof x);
    s->value[s->n] = *value;
    return true;
}

static void shrink(struct simplex *s, double factor)
{
    for (size_t k = 1; k <= s->n; k++) {
        for (size_t i = 0; i < s->n; i++)
            s->x[k][i] = s->x[0][i] + factor * (s->x[k][i] - s->x[0][i]);
        s->value[k] = value_at(s, s->x[k]);
    }
}

static void simplex_step(struct simplex *s)
{
    double n = (double)(s->n > 1 ? s->n : 2), centre[WN_SIMPLEX_MAX] = {0}, value, better;
    double worst[WN_SIMPLEX_MAX];
    double expand = 1 + 2 / n, contract = .75 - .5 / n;
    memcpy(worst, s->x[s->n], sizeof worst);
    for (size_t k = 0; k < s->n; k++)
        for (size_t i = 0; i < s->n; i++)
            centre[i] += s->x[k][i] / (double)s->n;
    double second = s->value[s->n - 1], last = s->value[s->n];
    if (try_at(s, centre, worst, -1, second, &value)) {
        if (value < s->value[0])
            (void)try_at(s, centre, worst, -expand, value, &better);
        return;
    }
    if (value < last ? try_at(s, centre, worst, -contract, value, &better)
                     : try_at(s, centre, worst, contract, last, &better))
        return;
    shrink(s, 1 - 1 / n);
}

static bool is_small(const struct simplex *s, double tol)
{
    double size = 0;
    for (size_t i = 0; i < s->n; i++)
        size = fmax(size, fabs(s->x[s->n][i] - s->x[0][i]) / (1 + fabs(s->x[0][i])));
    double spread = s->value[s->n] - s->value[0];
    return spread <= tol * (fabs(s->value[0]) + tol) && size <= sqrt(tol);
}

static bool simplex_run(struct simplex *s, const double *start, double step, double tol)
{
    for (size_t k = 0; k <= s->n; k++) {
        memcpy(s->x[k], start, s->n * sizeof *start);
        if (k > 0)
            s->x[k][k - 1] += s->is_log ? step : step * fmax(fabs(start[k - 1]), 1);
        s->value[k] = value_at(s, s->x[k]);
    }
    sort(s);
    while (!is_small(s, tol)) {
        if (s->n_calls >= s->max_calls)
            return false;
        simplex_step(s);
        sort(s);
    }
    return true;
}

wn_rc wn_minimise(wn_many_fn *f, void *context, double *x, size_t n, bool is_log, double step,
                  double tol, uint32_t max_calls, struct wn_minimum *out)
{
    struct simplex s = {.f = f, .context = context, .n = n, .is_log = is_log};
    double start[WN_SIMPLEX_MAX] = {0};
    if (n == 0 || n > WN_SIMPLEX_MAX)
        return WN_INVALID;
    s.max_calls = max_calls ? max_calls : (uint32_t)(1000 * n);
    step = step > 0 && isfinite(step) ? step : .5;
    tol = tol > 0 ? tol : 1e-10;
    for (size_t i = 0; i < n; i++) {
        start[i] = is_log ? log(x[i]) : x[i];
        if (!isfinite(start[i]) || (is_log && !(x[i] > 0)))
            return WN_INVALID;
    }
    if (!isfinite(value_at(&s, start)))
        return WN_INVALID;
    bool converged = simplex_run(&s, start, step, tol);
    memcpy(start, s.x[0], n * sizeof *start);
    if (converged)
        converged = simplex_run(&s, start, .1 * step, tol);
    for (size_t i = 0; i < n; i++)
        x[i] = is_log ? exp(s.x[0][i]) : s.x[0][i];
    *out = (struct wn_minimum){s.value[0], s.n_calls, converged};
    return WN_OK;
}

/* ---- one dimension -------------------------------------------------------------------------------
 */

static double call(wn_one_fn *f, void *context, double x, uint32_t *n_calls)
{
    double y = f(context, x);
    ++*n_calls;
    return isfinite(y) ? y : INFINITY;
}

/* The next step of Brent's method from x: the parabola through x, w, v where it can be trusted,
 * else golden section. The points are finite-valued, or the parabola is refused. */
static double next_step(double x, double w, double v, double fx, double fw, double fv, double a,
                        double b, double tol, double *before_last, double *last)
{
    double mid = .5 * (a + b), r = (x - w) * (fx - fv), q = (x - v) * (fx - fw);
    double p = (x - v) * q - (x - w) * r;
    q = 2 * (q - r);
    if (q > 0)
        p = -p;
    q = fabs(q);
    double previous = *before_last;
    *before_last = *last;
    if (isfinite(p) && isfinite(q) && fabs(previous) > tol && fabs(p) < fabs(.5 * q * previous) &&
        p > q * (a - x) && p < q * (b - x)) {
        double step = p / q, u = x + step;
        if (u - a < 2 * tol || b - u < 2 * tol)
            step = x < mid ? tol : -tol;
        return *last = step;
    }
    *before_last = x < mid ? b - x : a - x;
    return *last = .3819660112501051 * *before_last;
}

wn_rc wn_minimise_one(wn_one_fn *f, void *context, double a, double b, double tol, double *x_out,
                      struct wn_minimum *out)
{
    enum { STEPS_MAX = 200 };
    if (!isfinite(a) || !isfinite(b) || a > b)
        return WN_INVALID;
    tol = tol > 1e-8 ? tol : 1e-8;
    uint32_t n_calls = 0;
    double x = a + .3819660112501051 * (b - a), w = x, v = x, last = 0, before_last = 0;
    double fx = call(f, context, x, &n_calls), fw = fx, fv = fx;
    bool converged = false;
    for (int i = 0; i < STEPS_MAX && !converged; i++) {
        double width = tol * fabs(x) + 1e-12, mid = .5 * (a + b);
        if (fabs(x - mid) <= 2 * width - .5 * (b - a)) {
            converged = true;
            break;
        }
        double step = next_step(x, w, v, fx, fw, fv, a, b, width, &before_last, &last);
        double u = x + (fabs(step) >= width ? step : step > 0 ? width : -width);
        double fu = call(f, context, u, &n_calls);
        if (fu <= fx) {
            *(u < x ? &b : &a) = x;
            v = w;
            fv = fw;
            w = x;
            fw = fx;
            x = u;
            fx = fu;
            continue;
        }
        *(u < x ? &a : &b) = u;
        if (fu <= fw || w == x) {
            v = w;
            fv = fw;
            w = u;
            fw = fu;
        } else if (fu <= fv || v == x || v == w) {
            v = u;
            fv = fu;
        }
    }
    *x_out = x;
    *out = (struct wn_minimum){isfinite(fx) ? fx : 1e308, n_calls, converged && isfinite(fx)};
    return WN_OK;
}

wn_rc wn_find_zero(wn_one_fn *f, void *context, double a, double b, double *x_out)
{
    if (!isfinite(a) || !isfinite(b))
        return WN_INVALID;
    double fa = f(context, a), fb = f(context, b);
    if (!isfinite(fa) || !isfinite(fb) || (fa > 0 && fb > 0) || (fa < 0 && fb < 0))
        return WN_INVALID;
    if (fa == 0 || fb == 0) {
        *x_out = fa == 0 ? a : b;
        return WN_OK;
    }
    for (;;) {
        double mid = a + .5 * (b - a);
        if (!(mid != a && mid != b))
            break;
        double fm = f(context, mid);
        if (!isfinite(fm))
            return WN_INVALID;
        if ((fm > 0) == (fa > 0) && fm != 0)
            a = mid;
        else
            b = mid;
    }
    *x_out = b;
    return WN_OK;
}

/* ---- Newton --------------------------------------------------------------------------------------
 */

struct newton {
    double *gradient, *step, *tried, *hessian, *saved;
};

static bool is_finite(double value, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return isfinite(value);
}

/* Halves the step until the value falls; x and value move. The Hessian at the new x is left in
 * w->hessian, the gradient in w->gradient. */
static bool walk(wn_newton_fn *f, void *context, double *x, size_t n, struct newton *w,
                 double *value, uint32_t *n_calls)
{
    for (int halving = 0; halving < 40; halving++) {
        double t = ldexp(1, -halving);
        for (size_t i = 0; i < n; i++)
            w->tried[i] = x[i] - t * w->step[i];
        if (!is_finite(0, w->tried, n))
            continue;
        double y = f(context, w->tried, n, w->gradient, w->hessian);
        ++*n_calls;
        if (is_finite(y, w->gradient, n) && y <= *value) {
            memcpy(x, w->tried, n * sizeof *x);
            *value = y;
            return true;
        }
    }
    return false;
}

/* One full step, unless it is worse by more than rounding. */
static void last_step(wn_newton_fn *f, void *context, double *x, size_t n, struct newton *w,
                      double *value, double rounding)
{
    for (size_t i = 0; i < n; i++)
        w->tried[i] = x[i] - w->step[i];
    double y = f(context, w->tried, n, w->gradient, w->hessian);
    if (!is_finite(y, w->tried, n) || y > *value + rounding * (1 + fabs(*value)))
        return;
    memcpy(x, w->tried, n * sizeof *x);
    *value = y;
}

static bool is_flat(const double *gradient, size_t n, double tol, double value)
{
    for (size_t i = 0; i < n; i++)
        if (fabs(gradient[i]) > tol * (1 + fabs(value)))
            return false;
    return true;
}

wn_rc wn_newton(wn_newton_fn *f, void *context, double *x, size_t n, double ridge, double tol,
                uint32_t max_steps, double *scratch, struct wn_minimum *out)
{
    size_t packed = wn_packed_size(n);
    struct newton w = {scratch, scratch + n, scratch + 2 * n, scratch + 3 * n,
                       scratch + 3 * n + packed};
    const double rounding = 1e-14;
    uint32_t n_calls = 1;
    tol = tol > 0 ? tol : 1e-9;
    double value = f(context, x, n, w.gradient, w.hessian), extra = fmax(ridge, 0);
    if (!is_finite(value, w.gradient, n) || !is_finite(0, x, n))
        return WN_INVALID;
    bool flat = is_flat(w.gradient, n, tol, value);
    for (uint32_t step = 0; step < max_steps && !flat; step++) {
        for (size_t i = 0; i < n; i++)
            w.hessian[wn_packed_at(i, i)] += extra;
        memcpy(w.step, w.gradient, n * sizeof *w.step);
        bool moved = wn_chol_factor(w.hessian, n, w.saved, NULL) == WN_OK;
        if (moved) {
            wn_chol_solve(w.hessian, n, w.step);
            double gain = .5 * wn_dot(w.gradient, w.step, n);
            if (extra <= fmax(ridge, 0) && gain >= 0 && gain <= rounding * (1 + fabs(value))) {
                /* Sums of many terms are no more exact: no halving could tell better from worse. */
                last_step(f, context, x, n, &w, &value, rounding);
                n_calls++;
                flat = true;
                break;
            }
            moved = walk(f, context, x, n, &w, &value, &n_calls);
        }
        if (!moved) { /* back to x with more ridge: towards the gradient's direction */
            if (extra > 1e12)
                break;
            extra = fmax(extra * 10, 1e-6);
            (void)f(context, x, n, w.gradient, w.hessian);
            n_calls++;
        } else {
            extra = fmax(extra * .1 > 1e-7 ? extra * .1 : 0, ridge);
        }
        flat = is_flat(w.gradient, n, tol, value);
    }
    *out = (struct wn_minimum){value, n_calls, flat};
    return WN_OK;
}
