/* Measures the allocation: time and distance from the dual bound for many entities.
 *
 *     bench_learn_allocate [DATA]      DATA is not needed */
#include "winnow/allocate.h"

#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N = 10000, POINTS = 200, DAYS = 90, ROUNDS = 7 };

/* Time of this process, so that other programs on the machine do not count. */
static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double seconds_since(int64_t start_ns)
{
    return (double)(now_ns() - start_ns) / 1e9;
}

static void must(wn_rc rc, const struct wn_why *why)
{
    if (rc) {
        fprintf(stderr, "bench: %s: %s\n", wn_rc_name(rc), why->text);
        exit(1);
    }
}

/* ---- the optimiser --------------------------------------------------------------------------------
 */

/* The dual of the log instance in closed form: min over prices of price * B + sum of each entity's
 * best against it, by bisection on where the spend meets the budget. Independent of the library. */
static double log_dual(const struct wn_respond *f, size_t n, double budget)
{
    double low = 0, high = 1e6, bound = INFINITY;
    for (int k = 0; k < 200; k++) {
        double price = .5 * (low + high), spend = 0, value = price * budget;
        for (size_t i = 0; i < n; i++) {
            double x = fmax(f[i].a / price - f[i].b, 0);
            spend += x;
            value += f[i].a * log1p(x / f[i].b) - price * x;
        }
        bound = fmin(bound, value);
        *(spend > budget ? &low : &high) = price;
    }
    return bound;
}

static double best_time(const struct wn_allocate_entity *e, size_t n,
                        const struct wn_allocate_options *o, struct wn_allocation *out,
                        struct wn_arena *a)
{
    double best = INFINITY;
    struct wn_why why = {0};
    for (int k = 0; k < ROUNDS; k++) {
        wn_arena_reset(a);
        int64_t start = now_ns();
        must(wn_allocate(a, e, n, o, NULL, out, &why), &why);
        best = fmin(best, seconds_since(start));
    }
    return best;
}

static void report(const char *name, double seconds, const struct wn_allocation *out, double dual)
{
    printf("  %-34s %8.1f ms   below the dual bound: %.1e relative\n", name, seconds * 1e3,
           (dual - out->expected) / dual);
}

static void optimiser(struct wn_arena *keep)
{
    struct wn_rand r;
    struct wn_arena a;
    struct wn_allocation out;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    struct wn_respond *f = WN_ARENA_ARRAY(keep, N, struct wn_respond);
    struct wn_allocate_entity *e = WN_ARENA_ARRAY(keep, N, struct wn_allocate_entity);
    double *x = WN_ARENA_ARRAY(keep, POINTS, double), *y = WN_ARENA_ARRAY(keep, N * POINTS, double);
    if (!f || !e || !x || !y)
        exit(1);
    struct wn_allocate_options o = {.budget_micros = (int64_t)N * 100 * WN_MICROS};
    for (int k = 0; k < POINTS; k++)
        x[k] = 2000. * k * k / (POINTS - 1) / (POINTS - 1);
    for (int i = 0; i < N; i++) {
        f[i] = (struct wn_respond){200 * exp(wn_rand_normal(&r)), 100 * exp(wn_rand_normal(&r)), 0};
        for (int k = 0; k < POINTS; k++)
            y[i * POINTS + k] = f[i].a * log1p(x[k] / f[i].b);
        e[i] = (struct wn_allocate_entity){
            .x = x, .y = y + i * POINTS, .n_points = POINTS, .hi_micros = WN_NO_LIMIT};
    }
    printf("%d entities, %d points each, one core (best of %d)\n", N, POINTS, ROUNDS);
    double seconds = best_time(e, N, &o, &out, &a);
    report("concave curves by points", seconds, &out, out.bound);
    for (int i = 0; i < N; i++)
        e[i] = (struct wn_allocate_entity){
            .respond = wn_respond_log, .context = &f[i], .hi_micros = WN_NO_LIMIT};
    seconds = best_time(e, N, &o, &out, &a);
    report("concave curves by formula", seconds, &out, log_dual(f, N, N * 100.));
    for (int i = 0; i < N; i++) {
        f[i].s = .7 + 2 * wn_rand_uniform(&r);
        e[i].respond = wn_respond_hill;
    }
    seconds = best_time(e, N, &o, &out, &a);
    report("S-shaped curves by formula", seconds, &out, out.bound);
    wn_arena_deinit(&a);
}

/* ---- fitted curves --------------------------------------------------------------------------------
 */

static void fitted(struct wn_arena *keep)
{
    struct wn_rand r;
    struct wn_why why = {0};
    struct wn_curve *curves;
    wn_rand_init(&r, 2);
    struct wn_history *h = WN_ARENA_ARRAY(keep, N, struct wn_history);
    double *numbers = WN_ARENA_ARRAY(keep, 2 * N * DAYS, double);
    struct wn_allocate_entity *e = WN_ARENA_ARRAY(keep, N, struct wn_allocate_entity);
    int32_t *days = WN_ARENA_ARRAY(keep, DAYS, int32_t);
    if (!h || !numbers || !e || !days)
        exit(1);
    for (int i = 0; i < N; i++) {
        double *spend = numbers + 2 * i * DAYS, *revenue = spend + DAYS;
        double mean = exp(4 + wn_rand_normal(&r)), half = mean * 1.5 * exp(.8 * wn_rand_normal(&r));
        double gain = mean * exp(1.4 + .4 * wn_rand_normal(&r));
        for (int d = 0; d < DAYS; d++) {
            days[d] = d;
            spend[d] = mean * exp(.4 * wn_rand_normal(&r) - .08);
            revenue[d] = gain * spend[d] / (spend[d] + half) * exp(.2 * wn_rand_normal(&r));
        }
        h[i] = (struct wn_history){
            .days = days, .spend = spend, .revenue = revenue, .n = DAYS, .group = (uint32_t)i / 50};
    }
    must(wn_curves_fit(keep, h, N, NULL, &curves, &why), &why);
    struct wn_arena a;
    struct wn_allocation out;
    double now = 0;
    for (int i = 0; i < N; i++) {
        e[i] = (struct wn_allocate_entity){.curve = &curves[i], .hi_micros = WN_NO_LIMIT};
        now += curves[i].spend_now;
    }
    struct wn_allocate_options o = {.budget_micros = (int64_t)(now * 1e6)};
    wn_arena_init(&a, 0);
    double seconds = best_time(e, N, &o, &out, &a);
    report("fitted curves", seconds, &out, out.bound);
    wn_arena_deinit(&a);
}

int main(void)
{
    struct wn_arena keep;
    wn_arena_init(&keep, 0);
    optimiser(&keep);
    fitted(&keep);
    wn_arena_deinit(&keep);
    return 0;
}
