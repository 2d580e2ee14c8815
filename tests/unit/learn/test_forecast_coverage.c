/* Protects that intervals hold what they promise: over series of every length from four different
 * worlds, the 80 % and the 95 % interval cover within 2 points of it, and within 5 points in the
 * worst tenth of the series by length. */
#include "winnow/forecast.h"

#include "../../../bench/learn/score.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    N_SERIES = 6000,
    HORIZON = 12,
    SEASON = 12,
    POINTS_MIN = 20,
    POINTS_MAX = 500,
    N_WORLDS = 4
};

/* Noise with tails as of money: one draw in ten is three times as wide. */
static double noise(struct wn_rand *r)
{
    return wn_rand_normal(r) * (wn_rand_uniform(r) < 0.1 ? 3 : 1);
}

/* Fills x [n] with sales of one world: a level that wanders; a season around a line; a level that
 * is pulled back; a level that wanders below a season. */
static void fill_series(struct wn_rand *r, size_t world, double *x, size_t n)
{
    double size = 0.02 + 0.2 * wn_rand_uniform(r), season = 0.1 + 0.4 * wn_rand_uniform(r);
    double slope = 0.01 * wn_rand_normal(r), pull = 0.3 + 0.5 * wn_rand_uniform(r), level = 0;
    double phase = 6.283185307179586 * wn_rand_uniform(r);
    for (size_t t = 0; t < n; t++) {
        double wave = season * sin(6.283185307179586 * (double)t / SEASON + phase);
        double e = size * noise(r), z = 0;
        switch (world) {
        case 0:
            z = level += e;
            break;
        case 1:
            z = slope * (double)t + wave + e;
            break;
        case 2:
            z = level = pull * level + e;
            break;
        default:
            level += 0.3 * e;
            z = level + wave + size * noise(r);
        }
        x[t] = 1000 * exp(z);
    }
}

static void intervals_cover_at_every_length(void **state)
{
    (void)state;
    static struct wn_forecast_series in[N_SERIES];
    static struct wn_forecast out[N_SERIES];
    static struct bench_covered covered[N_SERIES];
    static const double levels[BENCH_LEVELS] = {0.80, 0.95};
    struct bench_score score = {0};
    struct wn_rand r;
    struct wn_arena a;
    wn_rand_init(&r, 2);
    wn_arena_init(&a, 0);
    for (size_t i = 0; i < N_SERIES; i++) {
        double length = POINTS_MIN * pow((double)POINTS_MAX / POINTS_MIN, wn_rand_uniform(&r));
        double *x = WN_ARENA_ARRAY(&a, POINTS_MAX + HORIZON, double);
        covered[i].n_points = (size_t)length;
        fill_series(&r, i % N_WORLDS, x, covered[i].n_points + HORIZON);
        in[i] = (struct wn_forecast_series){.values = x, .n = covered[i].n_points};
    }
    struct wn_forecast_options o = {.horizon = HORIZON, .frequency = WN_FREQUENCY_MONTHLY};
    assert_int_equal(wn_forecast_batch(in, N_SERIES, &o, &a, out, NULL), WN_OK);
    for (size_t i = 0; i < N_SERIES; i++)
        bench_score_intervals(&score, in[i].values + in[i].n, &out[i], 1, &covered[i]);
    for (size_t l = 0; l < BENCH_LEVELS; l++) {
        double overall = score.covered[l] / N_SERIES;
        double worst = bench_worst_tenth(covered, N_SERIES, l, levels[l]);
        print_message("%.0f %%: covers %.1f %%, in the worst tenth %.1f %%\n", 100 * levels[l],
                      100 * overall, 100 * worst);
        assert_true(fabs(overall - levels[l]) <= 0.02);
        assert_true(fabs(worst - levels[l]) <= 0.05);
    }
    wn_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(intervals_cover_at_every_length)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
