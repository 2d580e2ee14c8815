/* Measures attribution: credits on the public data of ChannelAttribution beside the independent
 * solution, and what many paths cost.
 *
 *     bench_learn_attribute [DATA]      DATA holds channel_attribution/Data.csv */
#include "attribution.h"
#include "learn/attribute_csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 5, MANY = 1000000, MANY_CHANNELS = 20, FILE_BYTES_MAX = 1 << 22 };

/* Time of this process, so that other programs on the machine do not count. */
static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void must(wn_rc rc, const struct wn_why *why)
{
    if (rc) {
        fprintf(stderr, "bench: %s: %s\n", wn_rc_name(rc), why->text);
        exit(1);
    }
}

static void read_paths(struct wn_str text, struct wn_arena *a, struct wn_path_csv *out)
{
    struct wn_path_csv_reader *r = NULL;
    struct wn_why why = {0};
    must(wn_path_csv_new(&r, &why), &why);
    must(wn_path_csv_push(r, text, &why), &why);
    must(wn_path_csv_finish(r, NULL, a, out, &why), &why);
    wn_path_csv_free(r);
}

static struct wn_attribution attribute(struct wn_arena *a, const struct wn_paths *paths,
                                       struct wn_attribute_options o)
{
    struct wn_attribution out;
    struct wn_rand r;
    struct wn_why why = {0};
    wn_rand_init(&r, 1);
    must(wn_attribute(a, paths, &o, &r, &out, &why), &why);
    return out;
}

/* The best of some rounds, in ms of processor time. */
static double time_of(const struct wn_paths *paths, struct wn_attribute_options o, int rounds)
{
    double best = INFINITY;
    for (int k = 0; k < rounds; k++) {
        struct wn_arena a;
        wn_arena_init(&a, 0);
        double start = now_ms();
        (void)attribute(&a, paths, o);
        best = fmin(best, now_ms() - start);
        wn_arena_deinit(&a);
    }
    return best;
}

/* ---- the public data ---------------------------------------------------------------------------
 */

static void compare(const struct wn_path_csv *data, struct wn_arena *a)
{
    struct wn_attribution one = attribute(a, &data->paths, (struct wn_attribute_options){0});
    struct wn_attribution two =
        attribute(a, &data->paths,
                  (struct wn_attribute_options){.models = 1u << WN_ATTRIBUTE_MARKOV, .order = 2});
    static const wn_attribute_model models[] = {WN_ATTRIBUTE_FIRST, WN_ATTRIBUTE_LAST,
                                                WN_ATTRIBUTE_LINEAR, WN_ATTRIBUTE_POSITION,
                                                WN_ATTRIBUTE_SHAPLEY};
    double worst[5] = {0}, worst_markov[2] = {0}, worst_removal = 0;
    printf("channel     markov k=1    reference   removal  reference    markov k=2    reference\n");
    for (size_t i = 0; i < REFERENCE_CHANNELS; i++) {
        const struct reference *ref = &reference[i];
        const double known[] = {ref->first, ref->last, ref->linear, ref->position, ref->shapley};
        size_t c = 0;
        while (!wn_str_eq(data->channels[c], wn_str_of(ref->channel)))
            c++;
        double k1 = one.credits[WN_ATTRIBUTE_MARKOV][c].conversions;
        double k2 = two.credits[WN_ATTRIBUTE_MARKOV][c].conversions;
        printf("%-10s %11.3f %12.3f %9.6f %10.6f %13.2f %12.2f\n", ref->channel, k1, ref->markov1,
               one.removal[c], ref->removal, k2, ref->markov2);
        for (size_t m = 0; m < 5; m++)
            worst[m] = fmax(worst[m], fabs(one.credits[models[m]][c].conversions - known[m]));
        worst_markov[0] = fmax(worst_markov[0], fabs(k1 - ref->markov1) / ref->markov1);
        worst_markov[1] = fmax(worst_markov[1], fabs(k2 - ref->markov2) / ref->markov2);
        worst_removal = fmax(worst_removal, fabs(one.removal[c] - ref->removal));
    }
    for (size_t m = 0; m < 5; m++)
        printf("largest difference, %-10s %.5f conversions\n", wn_attribute_model_name(models[m]),
               worst[m]);
    printf("largest difference, markov     %.5f %% (order 1), %.5f %% (order 2); removal %.7f\n",
           100 * worst_markov[0], 100 * worst_markov[1], worst_removal);
    double sum_error = 0;
    for (size_t m = 0; m < WN_ATTRIBUTE_MODELS; m++) {
        double sum = 0;
        for (size_t c = 0; c < one.n_channels; c++)
            sum += one.credits[m][c].conversions;
        sum_error = fmax(sum_error, fabs(sum / one.conversions - 1));
    }
    printf("sum of credits against conversions, worst model: %.1e\n", sum_error);
}

static void run_data(const char *dir)
{
    static char text[FILE_BYTES_MAX];
    char path[4096];
    struct wn_arena a;
    struct wn_path_csv data;
    snprintf(path, sizeof path, "%s/channel_attribution/Data.csv", dir);
    FILE *file = fopen(path, "rb");
    if (!file) {
        printf("skipped: %s is not there\n", path);
        return;
    }
    size_t n = fread(text, 1, sizeof text, file);
    fclose(file);
    wn_arena_init(&a, 0);
    double start = now_ms();
    read_paths((struct wn_str){text, n}, &a, &data);
    double reading = now_ms() - start;
    compare(&data, &a);
    printf("reading 10,000 paths: %.1f ms; all 9 models: %.1f ms; with 200 bootstraps: %.0f ms\n",
           reading, time_of(&data.paths, (struct wn_attribute_options){0}, ROUNDS),
           time_of(&data.paths, (struct wn_attribute_options){.n_bootstraps = 200}, 2));
    for (uint32_t k = 1; k <= 4; k++)
        printf(
            "markov alone, order %u: %.1f ms\n", k,
            time_of(&data.paths,
                    (struct wn_attribute_options){.models = 1u << WN_ATTRIBUTE_MARKOV, .order = k},
                    2));
    wn_arena_deinit(&a);
}

/* ---- many paths -----------------------------------------------------------------------------------
 */

/* Paths of 1 to 30 touches, 4 on average, channels of very different size, one in 20 converts. */
static void generate(struct wn_arena *a, struct wn_paths *out)
{
    struct wn_rand r;
    wn_rand_init(&r, 1);
    size_t *starts = WN_ARENA_ARRAY(a, MANY + 1, size_t);
    uint16_t *touches = WN_ARENA_ARRAY(a, (size_t)MANY * 30, uint16_t);
    double *x = WN_ARENA_ARRAY(a, 3 * (size_t)MANY, double);
    if (!starts || !touches || !x)
        exit(1);
    for (size_t p = 0, at = 0; p < MANY; p++) {
        size_t from = at;
        do {
            double u = wn_rand_uniform(&r);
            touches[at++] = (uint16_t)(u * u * MANY_CHANNELS);
        } while (at - from < 30 && wn_rand_uniform(&r) < .75);
        starts[p + 1] = at;
        x[p] = wn_rand_uniform(&r) < .05;
        x[MANY + p] = x[p] > 0 ? 20 + 80 * wn_rand_uniform(&r) : 0;
        x[2 * MANY + p] = 1 - x[p];
    }
    *out = (struct wn_paths){.n_channels = MANY_CHANNELS,
                             .n = MANY,
                             .starts = starts,
                             .touches = touches,
                             .conversions = x,
                             .values = x + MANY,
                             .nulls = x + 2 * (size_t)MANY};
}

static void run_many(void)
{
    struct wn_arena a;
    struct wn_paths paths;
    wn_arena_init(&a, 0);
    generate(&a, &paths);
    printf("1,000,000 paths, %d channels, %.1f million touches:\n", MANY_CHANNELS,
           (double)paths.starts[MANY] / 1e6);
    printf("all 9 models: %.0f ms (goal: 1000)\n",
           time_of(&paths, (struct wn_attribute_options){0}, 3));
    for (int m = WN_ATTRIBUTE_MARKOV; m < WN_ATTRIBUTE_MODELS; m++)
        printf("%s alone: %.0f ms\n", wn_attribute_model_name((wn_attribute_model)m),
               time_of(&paths, (struct wn_attribute_options){.models = 1u << m}, 2));
    printf("choosing the order of the chain beside it: %.0f ms\n",
           time_of(&paths,
                   (struct wn_attribute_options){.models = 1u << WN_ATTRIBUTE_MARKOV,
                                                 .order_auto = true},
                   1));
    printf("each of 20 bootstraps: %.0f ms\n",
           time_of(&paths, (struct wn_attribute_options){.n_bootstraps = 20}, 1) / 20);
    wn_arena_deinit(&a);
}

int main(int argc, char **argv)
{
    run_data(argc > 1 ? argv[1] : "../shared/data");
    run_many();
    return 0;
}
