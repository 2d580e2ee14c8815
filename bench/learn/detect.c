/* Anomaly detection on the series of the Numenta Anomaly Benchmark, by its own scoring rules, beside
 * the published detectors; and its speed.
 *
 *     bench_learn_detect DATA               scores, speed
 *     bench_learn_detect DATA --series      what each series cost
 *     bench_learn_detect DATA --search HALF SEED N
 *     bench_learn_detect DATA --score FILE  scores of another detector, by the same rules: for each
 *                                           series its name on a line, then one score a line
 *
 * How the weights were chosen. Every other series (in the order of their names) makes half A, the
 * rest half B. --search walks at random over weights, thresholds, growth and rest period. Its aim is
 * the mean of the standard score at 0.9, 1 and 1.12 times the threshold on ONE half (the score at
 * the very threshold is a peak that does not carry over), plus 0.4 times the score on simulated
 * series with and without events. The library has the mean of the four walks --search 0 1..4 1500,
 * rounded to two decimals, and the threshold that is best for that aim on A. Single walks were at
 * 73 to 75 on A and at 69 to 70 on B. Walks without the simulated series reached 75 to 76 on A and
 * 61 to 71 on B, and raised false alerts on clean noise: that is why they are there. All weights
 * equal: 68 on A, 70 on B.
 *
 * Later a spike on its own was made to be forgotten (wn_detect_forget), which took its echoes out:
 * with the same weights 73.0 on A and 73.3 on B, from 71.7 and 70.6. Three forms of the rule were
 * compared on both halves (after an alert, after much evidence, after any row outside the band) and
 * the last, simplest one was taken. Four new walks with that in place were at 73 to 76 on A and 68 to
 * 73 on B by the aim, and their mean no better than the old one: the old weights stayed. The
 * threshold went from 2.05 to 2.15, for clean streams (tests/unit/learn/test_detect.c), which get 22
 * alerts instead of 33. Five thresholds from 2.05 to 2.25 were looked at, with both halves printed; by
 * the aim on A alone 2.05 would have stayed (72.6 against 71.4).
 *
 * How far half B is held out. No walk and no threshold search read it. But its score was looked at
 * after every round, and three choices were made with it in view: to add the simulated series, to take
 * a mean of walks instead of the best one, and to take the mean of four (74 on A, 71 on B, by the
 * aim) instead of the mean of the best two (75 and 70). Walks in the other direction, searched on B
 * without the simulated series, were at 75 to 77 there and at 57 to 63 on A: A is the harder half. Which
 * views there are was decided with the whole corpus in view, as for every published detector. So
 * the figure of B is somewhat optimistic, and only series that are not here can tell by how much. */
#include "nab.h"

#include "core/rand.h"
#include "learn/detect_int.h"
#include "winnow/detect.h"

#include <time.h>

static struct nab_corpus corpus;

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the scorer beside published results ---- */

/* The windowed Gaussian of the benchmark: a detector simple enough to be rebuilt, so that the
 * scorer can be held against its published score of each series. */
static void windowed_gaussian(const struct nab_file *f, double *score, struct wn_arena *a)
{
    const int n_window = 6400, n_step = 100;
    double *window = WN_ARENA_ARRAY(a, (size_t)n_window + (size_t)n_step, double);
    int n = 0, n_pending = 0;
    double sum = 0, squares = 0, mean = 0, sd = 1;
    if (!window)
        exit(1);
    for (int i = 0; i < f->n; i++) {
        double x = f->value[i];
        score[i] = 0;
        if (n > 0) {
            double z = fabs(x - mean) / sd;
            /* The published run wrote scores with 12 digits and read them again. */
            score[i] = round((1 - 0.5 * erfc(z / 1.4142)) * 1e12) / 1e12;
        }
        bool moved = false;
        if (n < n_window) {
            window[n++] = x;
            moved = true;
        } else {
            window[n_window + n_pending++] = x;
            if (n_pending == n_step) {
                memmove(window, window + n_step, (size_t)n_window * sizeof *window);
                n_pending = 0;
                moved = true;
            }
        }
        if (!moved)
            continue;
        sum = squares = 0;
        for (int k = 0; k < n; k++)
            sum += window[k];
        mean = sum / n;
        for (int k = 0; k < n; k++)
            squares += (window[k] - mean) * (window[k] - mean);
        sd = sqrt(squares / n);
        sd = sd > 0 ? sd : 0.000001;
    }
}

/* Published rows: Detector,Profile,File,Threshold,Score,TP,TN,FP,FN,Total_Count. */
struct published {
    double threshold, score;
    int64_t tp, tn, fp, fn, total;
};

static bool read_published(struct wn_arena *a, const char *dir, const char *detector,
                           const char *profile, struct published *rows)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/nab/results/%s/%s_%s_scores.csv", dir, detector, detector,
             profile);
    struct wn_str rest = nab_read(a, path), line, cell;
    bool any = false;
    memset(rows, 0, sizeof *rows * NAB_FILES_MAX);
    while (rest.p && wn_str_cut(&rest, '\n', &line)) {
        struct wn_str cells[10] = {{0}};
        int n = 0;
        line = wn_str_trim(line);
        while (n < 10 && wn_str_cut(&line, ',', &cell))
            cells[n++] = cell;
        for (int i = 0; n == 10 && i < corpus.n_files; i++) {
            struct published *p = &rows[i];
            if (wn_str_eq(cells[2], wn_str_of(corpus.files[i].name)))
                any |= wn_parse_f64(cells[3], &p->threshold) && wn_parse_f64(cells[4], &p->score) &&
                       wn_parse_i64(cells[5], &p->tp) && wn_parse_i64(cells[6], &p->tn) &&
                       wn_parse_i64(cells[7], &p->fp) && wn_parse_i64(cells[8], &p->fn) &&
                       wn_parse_i64(cells[9], &p->total);
        }
    }
    return any;
}

static void check_scorer(struct wn_arena *a, const char *dir)
{
    static struct published rows[NAB_FILES_MAX];
    if (!read_published(a, dir, "windowedGaussian", "standard", rows)) {
        puts("scorer: the published results are not here: skipped");
        return;
    }
    int n_same = 0, n_counts = 0;
    double worst = 0;
    for (int i = 0; i < corpus.n_files; i++) {
        const struct nab_file *f = &corpus.files[i];
        struct nab_count k;
        double *score = WN_ARENA_ARRAY(a, (size_t)f->n, double);
        if (!score)
            exit(1);
        windowed_gaussian(f, score, a);
        double s = nab_score(f, score, rows[i].threshold, &nab_profiles[0], &k);
        n_same += fabs(s - rows[i].score) < 1e-6;
        worst = fmax(worst, fabs(s - rows[i].score));
        n_counts +=
            k.tp + k.fn == rows[i].tp + rows[i].fn && k.fp + k.tn == rows[i].fp + rows[i].tn;
    }
    printf("scorer: windowed Gaussian rebuilt: %d of %d series score as published (largest "
           "difference %.2g); rows in and out of windows agree in %d\n",
           n_same, corpus.n_files, worst, n_counts);
}

/* The published detectors on the series that are here: thresholds tuned by their authors. */
static void print_published(struct wn_arena *a, const char *dir)
{
    static const char *const names[] = {"ARTime",       "contextOSE",      "numenta",
                                        "knncad",       "relativeEntropy", "randomCutForest",
                                        "twitterADVec", "windowedGaussian"};
    static struct published rows[NAB_FILES_MAX];
    for (size_t d = 0; d < WN_COUNT(names); d++) {
        double total[3];
        for (int p = 0; p < 3; p++) {
            double sum = 0;
            if (!read_published(a, dir, names[d], nab_profiles[p].name, rows))
                return;
            for (int i = 0; i < corpus.n_files; i++)
                sum += rows[i].score;
            total[p] = nab_normal(sum, corpus.n_windows, &nab_profiles[p]);
        }
        printf("  %-18s %6.1f %6.1f %6.1f   published\n", names[d], total[0], total[1], total[2]);
    }
}

/* ---- ours ---- */

static void run(const struct nab_file *f, double sensitivity, double *score, struct wn_arena *a)
{
    struct wn_detect_options options = WN_DETECT_OPTIONS_DEFAULT;
    struct wn_detector *d;
    struct wn_detect_result r;
    options.sensitivity = sensitivity;
    if (wn_detect_init(a, &options, &d, NULL))
        exit(1);
    for (int i = 0; i < f->n; i++) {
        wn_detect_push(d, f->ts_ms[i], f->value[i], &r);
        score[i] = r.is_anomaly ? 1 : 0;
    }
}

/* Scores of the halves: -1 = all, 0 = A, 1 = B; by sensitivity. */
static void score_all(double sensitivity, const struct nab_profile *p, double out[3],
                      bool each_series)
{
    double sum[2] = {0, 0};
    int windows[2] = {0, 0};
    for (int i = 0; i < corpus.n_files; i++) {
        const struct nab_file *f = &corpus.files[i];
        struct wn_arena a;
        struct nab_count k;
        wn_arena_init(&a, 0);
        double *score = WN_ARENA_ARRAY(&a, (size_t)f->n, double);
        if (!score)
            exit(1);
        run(f, sensitivity, score, &a);
        double s = nab_score(f, score, 0.5, p, &k);
        if (each_series)
            printf("  %c %-58s windows %d  lost %5.2f  hits %d  false %d\n", i & 1 ? 'B' : 'A',
                   f->name, f->n_windows, f->n_windows - s, k.tp, k.fp);
        sum[i & 1] += s;
        windows[i & 1] += f->n_windows;
        wn_arena_deinit(&a);
    }
    out[0] = nab_normal(sum[0] + sum[1], windows[0] + windows[1], p);
    out[1] = nab_normal(sum[0], windows[0], p);
    out[2] = nab_normal(sum[1], windows[1], p);
}

static void print_speed(struct wn_arena *a)
{
    size_t n_points = 0, n_alerts = 0;
    double best = 1e9;
    for (int round = 0; round < 3; round++) {
        double started = cpu_seconds();
        n_points = 0;
        for (int i = 0; i < corpus.n_files; i++) {
            const struct nab_file *f = &corpus.files[i];
            struct wn_detect_options options = WN_DETECT_OPTIONS_DEFAULT;
            struct wn_detect_result r;
            struct wn_detector *d;
            if (wn_detect_init(a, &options, &d, NULL))
                exit(1);
            for (int k = 0; k < f->n; k++) {
                wn_detect_push(d, f->ts_ms[k], f->value[k], &r);
                n_alerts += r.is_anomaly;
            }
            n_points += (size_t)f->n;
        }
        best = fmin(best, cpu_seconds() - started);
    }
    printf("speed: %zu points in %.3f s on one core: %.2f million points/s, %.0f ns each; state "
           "%zu bytes; %zu alerts\n",
           n_points, best, (double)n_points / best / 1e6, best / (double)n_points * 1e9,
           wn_detect_state_bytes(), n_alerts / 3);
}

/* ---- the search for weights ---- */

/* What the views of a series say, seen once, by the detector as it is: what a walk changes is how
 * they are put together. */
struct views {
    float *rarity;      /* [n][WN_VIEWS] */
    bool *is_forgotten; /* [n]: at this row the one before was taken back */
};
static struct views views[NAB_FILES_MAX];

/* Simulated series, so that the search does not forget what the corpus does not ask: no alert on
 * clean noise soon after the start, and one at the very row of a spike. Noise, a day with noise, and
 * counts, hourly; every other one with a spike, a drop or zeros in it. */
#define SIMULATED 24
#define SIMULATED_ROWS 1400
static struct nab_file simulated[SIMULATED];
static struct views simulated_views[SIMULATED];

static double simulated_value(int kind, int row, struct wn_rand *r)
{
    double day = sin(row * 6.283185307179586 / 24);
    switch (kind) {
    case 0:
        return 100 + 10 * wn_rand_normal(r);
    case 1:
        return 100 + 40 * day + 5 * wn_rand_normal(r);
    case 2:
        return (double)wn_rand_poisson(r, 20 * (1 + 0.5 * day));
    default:
        return exp(3 + 0.5 * wn_rand_normal(r));
    }
}

static void simulate(struct wn_arena *a)
{
    struct wn_rand r;
    wn_rand_init(&r, 20);
    for (int i = 0; i < SIMULATED; i++) {
        struct nab_file *f = &simulated[i];
        int event = i % 2 ? 1 + i / 2 % 3 : 0;
        int at = 500 + (int)wn_rand_below(&r, 600);
        f->n = SIMULATED_ROWS;
        f->ts_ms = WN_ARENA_ARRAY(a, SIMULATED_ROWS, int64_t);
        f->value = WN_ARENA_ARRAY(a, SIMULATED_ROWS, double);
        if (!f->ts_ms || !f->value)
            exit(1);
        for (int k = 0; k < f->n; k++) {
            f->ts_ms[k] = k * INT64_C(3600000);
            f->value[k] = simulated_value(i / 2 % 4, k, &r);
            if ((event == 1 && k == at) || (event == 2 && k >= at && k < at + 24))
                f->value[k] *= event == 1 ? 3 : 0.4;
            if (event == 3 && k >= at && k < at + 12)
                f->value[k] = 0;
        }
        f->n_probation = 50;
        if (event) {
            f->n_windows = 1;
            f->from[0] = at;
            f->to[0] = at + 24;
        }
    }
}

static void see(const struct nab_file *f, struct views *out, struct wn_arena *a)
{
    struct wn_detect_options options = WN_DETECT_OPTIONS_DEFAULT;
    struct wn_detector *d;
    struct wn_detect_look look;
    struct wn_detect_result result;
    out->rarity = WN_ARENA_ARRAY(a, (size_t)f->n * WN_VIEWS, float);
    out->is_forgotten = WN_ARENA_ARRAY(a, (size_t)f->n, bool);
    if (!out->rarity || !out->is_forgotten || wn_detect_init(a, &options, &d, NULL))
        exit(1);
    d->state.offset = f->value[0];
    for (int k = 0; k < f->n; k++) {
        struct wn_detect_state *s = &d->state;
        float x = (float)(f->value[k] - s->offset);
        out->is_forgotten[k] = s->is_odd && (double)x >= s->odd.low && (double)x <= s->odd.high;
        if (out->is_forgotten[k])
            wn_detect_forget(s);
        s->is_odd = 0;
        wn_detect_see(s, f->ts_ms[k], x, &look);
        memcpy(out->rarity + (size_t)k * WN_VIEWS, look.rarity, sizeof look.rarity);
        wn_detect_push(d, f->ts_ms[k], f->value[k], &result);
    }
}

static void see_all(struct wn_arena *a)
{
    simulate(a);
    for (int i = 0; i < corpus.n_files; i++)
        see(&corpus.files[i], &views[i], a);
    for (int i = 0; i < SIMULATED; i++)
        see(&simulated[i], &simulated_views[i], a);
}

/* The score of one series by the search's copy of the rest period. */
static double search_score(const struct nab_file *f, const struct views *v,
                           const struct wn_detect_weights *w, double factor, double *score)
{
    double memory = 0, before = 0;
    int rest = 0;
    for (int k = 0; k < f->n; k++) {
        double m = (double)wn_detect_mix(v->rarity + (size_t)k * WN_VIEWS, w);
        memory = v->is_forgotten[k] ? before : memory;
        before = memory;
        double e = wn_detect_evidence(m, (uint64_t)k, w, &memory) / factor;
        bool alert = rest == 0 && e >= 1 && k >= WN_DETECT_WARMUP_ROWS;
        rest = alert ? (int)((k < 750 ? k : 750) * (double)w->rest) + 1 : rest - (rest > 0);
        score[k] = alert;
    }
    return nab_score(f, score, 0.5, &nab_profiles[0], NULL);
}

static double aim(const struct wn_detect_weights *w, int half, double *score)
{
    static const double factors[3] = {0.9, 1, 1.12};
    double total = 0;
    for (int t = 0; t < 3; t++) {
        double sum = 0;
        int windows = 0;
        for (int i = half; i < corpus.n_files; i += 2) {
            sum += search_score(&corpus.files[i], &views[i], w, factors[t], score);
            windows += corpus.files[i].n_windows;
        }
        total += nab_normal(sum, windows, &nab_profiles[0]) / 3;
    }
    return total;
}

static double simulated_aim(const struct wn_detect_weights *w, double *score)
{
    double sum = 0;
    for (int i = 0; i < SIMULATED; i++)
        sum += search_score(&simulated[i], &simulated_views[i], w, 1, score);
    return nab_normal(sum, SIMULATED / 2, &nab_profiles[0]);
}

static float within(float x, float lo, float hi)
{
    return x > lo ? (x < hi ? x : hi) : lo;
}

static void change(struct wn_detect_weights *w, struct wn_rand *r)
{
    int j = (int)wn_rand_below(r, WN_VIEWS + 8);
    float z = (float)wn_rand_normal(r);
    if (j < WN_VIEWS)
        w->view[j] = within(w->view[j] + 0.25f * z, 0, 1.5f);
    else if (j < WN_VIEWS + 2)
        w->threshold *= expf(0.15f * z);
    else if (j == WN_VIEWS + 2)
        w->mix = within(w->mix + 0.15f * z, 0, 1);
    else if (j == WN_VIEWS + 3)
        w->rest = within(w->rest * expf(0.25f * z), 0.05f, 0.6f);
    else if (j == WN_VIEWS + 4)
        w->fast = within(w->fast + 0.2f * z, 0, 1);
    else if (j == WN_VIEWS + 5)
        w->growth = within(w->growth + 0.25f * z, 0, 2);
    else if (j == WN_VIEWS + 6)
        w->spike = within(w->spike * expf(0.15f * z), 2, 14);
    else
        w->memory = within(w->memory + 0.15f * z, 0.1f, 0.95f);
}

static void search(int half, uint64_t seed, int n, struct wn_arena *a)
{
    struct wn_rand r;
    struct wn_detect_weights now = wn_detect_weights_default, best;
    for (int v = 0; v < WN_VIEWS; v++)
        now.view[v] = 0.8f;
    now.mix = 0.15f;
    now.memory = 0.9f;
    now.fast = 0.75f;
    now.threshold = 1.5f;
    now.spike = 8;
    now.rest = 0.1f;
    now.growth = 0.9f;
    double *score = WN_ARENA_ARRAY(a, 1 << 15, double);
    if (!score)
        exit(1);
    see_all(a);
    wn_rand_init(&r, seed);
    best = now;
    double have = aim(&now, half, score) + 0.4 * simulated_aim(&now, score), top = have;
    for (int i = 0; i < n; i++) {
        struct wn_detect_weights w = now;
        for (uint64_t k = wn_rand_below(&r, 3) + 1; k > 0; k--)
            change(&w, &r);
        double s = aim(&w, half, score) + 0.4 * simulated_aim(&w, score);
        if (s > have || wn_rand_uniform(&r) < exp((s - have) / (1 - i / (double)n + 1e-3))) {
            now = w;
            have = s;
        }
        if (s > top) {
            top = s;
            best = w;
        }
    }
    printf("half %c: aim %.2f there, %.2f on simulated series; %.2f on the other half\n.view = {",
           half ? 'B' : 'A', aim(&best, half, score), simulated_aim(&best, score),
           aim(&best, 1 - half, score));
    for (int v = 0; v < WN_VIEWS; v++)
        printf("%.2ff%s", (double)best.view[v], v + 1 < WN_VIEWS ? ", " : "},\n");
    printf(".mix = %.2ff, .memory = %.2ff, .fast = %.2ff, .threshold = %.2ff, .growth = %.2ff, "
           ".rest = %.2ff, .spike = %.2ff\n",
           (double)best.mix, (double)best.memory, (double)best.fast, (double)best.threshold,
           (double)best.growth, (double)best.rest, (double)best.spike);
}

/* ---- scores of others ---- */

static double *others[NAB_FILES_MAX]; /* [n], or NULL */

static void read_scores(const char *path, struct wn_arena *a)
{
    struct wn_str rest = nab_read(a, path), line;
    int at = -1, row = 0;
    while (rest.p && wn_str_cut(&rest, '\n', &line)) {
        line = wn_str_trim(line);
        if (wn_str_ends(line, WN_STR(".csv"))) {
            row = 0;
            for (at = corpus.n_files - 1; at >= 0; at--)
                if (wn_str_eq(line, wn_str_of(corpus.files[at].name)))
                    break;
            if (at >= 0)
                others[at] = WN_ARENA_ARRAY(a, (size_t)corpus.files[at].n, double);
            if (at >= 0 && !others[at])
                exit(1);
        } else if (at >= 0 && row < corpus.files[at].n && line.n &&
                   !wn_parse_f64(line, &others[at][row++])) {
            fprintf(stderr, "bench: not a score: %.*s\n", WN_STR_ARG(line));
            exit(1);
        }
    }
}

/* The score of all series at one threshold. rests: an alert is followed by the same rest as ours. */
static double score_others(double threshold, const struct nab_profile *p, bool rests,
                           double *buffer)
{
    double sum = 0;
    for (int i = 0; i < corpus.n_files; i++) {
        const struct nab_file *f = &corpus.files[i];
        int rest = 0;
        for (int k = 0; k < f->n; k++) {
            bool alert = rest == 0 && others[i] && others[i][k] >= threshold;
            rest = alert && rests
                       ? (int)((k < 750 ? k : 750) * (double)wn_detect_weights_default.rest) + 1
                       : rest - (rest > 0);
            buffer[k] = alert;
        }
        sum += nab_score(f, buffer, 0.5, p, NULL);
    }
    return nab_normal(sum, corpus.n_windows, p);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* For each profile the best of 200 thresholds, as the benchmark tunes its detectors. */
static void print_others(const char *path, struct wn_arena *a)
{
    enum { THRESHOLDS = 200 };
    size_t n = 0, most = 0;
    read_scores(path, a);
    for (int i = 0; i < corpus.n_files; i++)
        most += (size_t)corpus.files[i].n;
    double *all = WN_ARENA_ARRAY(a, most, double), *buffer = WN_ARENA_ARRAY(a, most, double);
    if (!all || !buffer)
        exit(1);
    for (int i = 0; i < corpus.n_files; i++)
        for (int k = 0; others[i] && k < corpus.files[i].n; k++)
            all[n++] = others[i][k];
    qsort(all, n, sizeof *all, by_value);
    for (int rests = 0; rests < 2; rests++) {
        double best[3] = {0, 0, 0};
        for (int t = 0; n && t < THRESHOLDS; t++) {
            /* From a fifth of the rows down to a hundred-thousandth. */
            double threshold =
                all[n - 1 - (size_t)(0.2 * pow(5e-5, t / (THRESHOLDS - 1.)) * (double)n)];
            for (int p = 0; p < 3; p++)
                best[p] = fmax(best[p], score_others(threshold, &nab_profiles[p], rests, buffer));
        }
        printf("%6.1f %6.1f %6.1f%s", best[0], best[1], best[2],
               rests ? "   with our rest period\n" : "   as it is; ");
    }
}

static void report(struct wn_arena *a, const char *dir, bool each_series)
{
    double s[3][3];
    printf("NAB, %d series, %d windows              standard  low FP  low FN\n", corpus.n_files,
           corpus.n_windows);
    print_published(a, dir);
    for (int p = 0; p < 3; p++)
        score_all(1, &nab_profiles[p], s[p], each_series && p == 0);
    printf("  %-18s %6.1f %6.1f %6.1f   one threshold for all series and profiles\n", "winnow",
           s[0][0], s[1][0], s[2][0]);
    printf("  %-18s %6.1f %6.1f %6.1f   the half its weights and threshold were chosen on\n",
           "  half A", s[0][1], s[1][1], s[2][1]);
    printf("  %-18s %6.1f %6.1f %6.1f   the half that was not searched\n", "  half B", s[0][2],
           s[1][2], s[2][2]);
    for (int k = -2; k <= 2; k++)
        if (k) {
            double sensitivity = pow(1.12, k), t[3];
            score_all(sensitivity, &nab_profiles[0], t, false);
            printf("  at sensitivity %.2f: %.1f (A %.1f, B %.1f) standard\n", sensitivity, t[0],
                   t[1], t[2]);
        }
}

int main(int argc, char **argv)
{
    char path[1024];
    struct wn_arena a;
    const char *dir = argc > 1 ? argv[1] : "../shared/data";
    wn_arena_init(&a, 0);
    snprintf(path, sizeof path, "%s/nab", dir);
    if (!nab_load(&a, path, &corpus)) {
        printf("detect: no NAB series in %s: skipped\n", path);
        return 0;
    }
    if (argc == 4 && strcmp(argv[2], "--score") == 0) {
        print_others(argv[3], &a);
    } else if (argc == 6 && strcmp(argv[2], "--search") == 0) {
        int64_t half = 0, seed = 1, n = 1000;
        if (wn_parse_i64(wn_str_of(argv[3]), &half) && wn_parse_i64(wn_str_of(argv[4]), &seed) &&
            wn_parse_i64(wn_str_of(argv[5]), &n))
            search((int)(half & 1), (uint64_t)seed, (int)n, &a);
    } else {
        check_scorer(&a, dir);
        report(&a, dir, argc > 2 && strcmp(argv[2], "--series") == 0);
        print_speed(&a);
    }
    wn_arena_deinit(&a);
    return 0;
}
