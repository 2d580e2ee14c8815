/* Measures the joint fit of media mixes: on simulated mixes whose truth is known (contribution
 * error and coverage), on the public example of PyMC-Marketing, whose generator is published, and
 * the fit of the public Robyn and Meridian examples, whose truth is not in the files.
 *
 *     bench_learn_mmm [DATA]     DATA holds mmm/; without it only our own simulation runs */
#include "winnow/allocate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STEPS_MAX = 400, COLUMNS_MAX = 32, CHANNELS_MAX = 8, CONTROLS_MAX = 16 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- files ----------------------------------------------------------------------------------------
 */

struct table {
    char names[COLUMNS_MAX][64];
    double cells[COLUMNS_MAX][STEPS_MAX]; /* texts count as 0 */
    int n_columns, n_rows;
};

/* Plain files without quoted commas; quotes around names are dropped. */
static bool read_table(const char *dir, const char *name, struct table *t)
{
    char path[4096], line[8192];
    snprintf(path, sizeof path, "%s/mmm/%s", dir, name);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    t->n_columns = t->n_rows = 0;
    for (int row = -1; fgets(line, sizeof line, f) && row < STEPS_MAX; row++) {
        int c = 0;
        for (char *p = line; c < COLUMNS_MAX; c++) {
            size_t n = strcspn(p, ",\r\n");
            if (row < 0)
                snprintf(t->names[c], sizeof t->names[c], "%.*s",
                         (int)(n > 2 && *p == '"' ? n - 2 : n), *p == '"' ? p + 1 : p);
            else
                t->cells[c][row] = strtod(p, NULL);
            if (p[n] != ',') {
                c++;
                break;
            }
            p += n + 1;
        }
        if (row < 0)
            t->n_columns = c;
        t->n_rows = row + 1;
    }
    fclose(f);
    return true;
}

static const double *column(const struct table *t, const char *name)
{
    for (int c = 0; c < t->n_columns; c++)
        if (strcmp(t->names[c], name) == 0)
            return t->cells[c];
    fprintf(stderr, "bench: no column %s\n", name);
    exit(1);
}

/* ---- a fit ------------------------------------------------------------------------------------------
 */

struct mix {
    const char *names[CHANNELS_MAX];
    double spend[CHANNELS_MAX * STEPS_MAX], revenue[STEPS_MAX], controls[CONTROLS_MAX * STEPS_MAX];
    int n_channels, n_steps, n_controls;
    double found[CHANNELS_MAX][3], total, seconds;
};

static void add_control(struct mix *m, const double *x)
{
    memcpy(m->controls + m->n_controls++ * m->n_steps, x, (size_t)m->n_steps * sizeof *x);
}

static void add_trend_and_season(struct mix *m, double period)
{
    double x[STEPS_MAX];
    for (int k = 0; k < 5; k++) {
        for (int t = 0; t < m->n_steps; t++)
            x[t] =
                k == 0 ? t : (k % 2 ? sin : cos)(2 * 3.14159265358979 * ((k + 1) / 2) * t / period);
        add_control(m, x);
    }
}

static void add_channel(struct mix *m, const char *name, const double *x)
{
    m->names[m->n_channels] = name;
    memcpy(m->spend + m->n_channels++ * m->n_steps, x, (size_t)m->n_steps * sizeof *x);
}

static void fit(struct mix *m, uint64_t seed)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_why why = {0};
    struct wn_curve *curves;
    double *found;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, seed);
    double start = seconds();
    wn_rc rc =
        wn_curves_fit_joint(&a, m->spend, (size_t)m->n_channels, m->revenue, (size_t)m->n_steps,
                            m->controls, (size_t)m->n_controls, 0, &r, &curves, &found, &why);
    m->seconds = seconds() - start;
    if (rc) {
        fprintf(stderr, "bench: %s\n", why.text);
        exit(1);
    }
    m->total = 0;
    for (int t = 0; t < m->n_steps; t++)
        m->total += m->revenue[t];
    for (int c = 0; c < m->n_channels; c++)
        memcpy(m->found[c], found + 3 * c, sizeof m->found[c]);
    wn_arena_deinit(&a);
}

static void print_shares(const struct mix *m)
{
    for (int c = 0; c < m->n_channels; c++)
        printf("    %-16s %5.1f %% of revenue (80 %% interval %.1f to %.1f)\n", m->names[c],
               100 * m->found[c][0] / m->total, 100 * m->found[c][1] / m->total,
               100 * m->found[c][2] / m->total);
}

/* ---- truth known --------------------------------------------------------------------------------------
 */

/* Weekly mixes with trend, season, controls and three to five channels that move together in part;
 * logistic or Hill saturation, so that half of the worlds are not of our family. */
static void simulated(int n_worlds)
{
    struct wn_rand r;
    static struct mix m;
    double error = 0, covered = 0, n = 0, time = 0;
    wn_rand_init(&r, 77);
    for (int w = 0; w < n_worlds; w++) {
        double truth[CHANNELS_MAX] = {0}, common[STEPS_MAX];
        m = (struct mix){.n_steps = 130};
        int channels = 3 + (int)wn_rand_below(&r, 3);
        for (int t = 0; t < m.n_steps; t++) {
            common[t] = wn_rand_normal(&r);
            m.revenue[t] =
                1000 + 2 * t + 80 * sin(2 * 3.14159265358979 * t / 52) + 40 * wn_rand_normal(&r);
        }
        for (int c = 0; c < channels; c++) {
            double x[STEPS_MAX], stock = 1, carry = .7 * wn_rand_uniform(&r);
            double size = 50 + 200 * wn_rand_uniform(&r), k = .5 + 2 * wn_rand_uniform(&r);
            double s = .8 + wn_rand_uniform(&r);
            for (int t = 0; t < m.n_steps; t++) {
                double u = exp(.5 * wn_rand_normal(&r) + .3 * common[t] - .17);
                x[t] = 100 * (c + 1) * u;
                stock = carry * stock + (1 - carry) * u;
                double h = w % 2 ? tanh(stock / k / 2) : 1 / (1 + pow(k / stock, s));
                double at_one = w % 2 ? tanh(.5 / k) : 1 / (1 + pow(k, s));
                m.revenue[t] += size * h / at_one;
                truth[c] += size * h / at_one;
            }
            add_channel(&m, "", x);
        }
        add_trend_and_season(&m, 52);
        fit(&m, (uint64_t)w + 1);
        time += m.seconds;
        for (int c = 0; c < channels; c++) {
            error += fabs(m.found[c][0] / truth[c] - 1);
            covered += m.found[c][1] <= truth[c] && truth[c] <= m.found[c][2];
            n++;
        }
    }
    printf("  %d simulated mixes (130 weeks, 3 to 5 channels): mean contribution error %.3f, "
           "coverage of the 80 %% interval %.3f, %.2f s a fit\n",
           n_worlds, error / n, covered / n, time / n_worlds);
}

/* The public example: y = 1000-fold of intercept 2, trend, season, events, and two channels with
 * geometric adstock (alpha .4, .2; 8 lags, normalised) and logistic saturation (lambda 4, 3; beta
 * 3, 2), as its authors' notebook publishes. */
static void pymc(const struct table *t)
{
    static struct mix m;
    static const double alpha[] = {.4, .2}, lambda[] = {4, 3}, beta[] = {3, 2};
    const double *x[] = {column(t, "x1"), column(t, "x2")};
    const double *y = column(t, "y");
    double truth[2] = {0};
    m = (struct mix){.n_steps = t->n_rows};
    for (int c = 0; c < 2; c++)
        for (int i = 0; i < m.n_steps; i++) {
            double stock = 0, weights = 0;
            for (int l = 0; l < 8; l++) {
                stock += i >= l ? pow(alpha[c], l) * x[c][i - l] : 0;
                weights += pow(alpha[c], l);
            }
            double e = exp(-lambda[c] * stock / weights);
            truth[c] += 1000 * beta[c] * (1 - e) / (1 + e);
        }
    memcpy(m.revenue, y, (size_t)m.n_steps * sizeof *y);
    add_channel(&m, "x1", x[0]);
    add_channel(&m, "x2", x[1]);
    add_control(&m, column(t, "event_1"));
    add_control(&m, column(t, "event_2"));
    add_trend_and_season(&m, 365.5 / 7);
    fit(&m, 1);
    printf("  PyMC-Marketing example (%d weeks), %.2f s\n", m.n_steps, m.seconds);
    for (int c = 0; c < 2; c++)
        printf(
            "    %s: contribution %.0f (80 %% interval %.0f to %.0f), published truth %.0f: error "
            "%.1f %%\n",
            m.names[c], m.found[c][0], m.found[c][1], m.found[c][2], truth[c],
            100 * fabs(m.found[c][0] / truth[c] - 1));
}

static void robyn(const struct table *t)
{
    static struct mix m;
    static const char *const channels[] = {"tv_S", "ooh_S", "print_S", "search_S", "facebook_S"};
    m = (struct mix){.n_steps = t->n_rows};
    memcpy(m.revenue, column(t, "revenue"), (size_t)m.n_steps * sizeof *m.revenue);
    for (int c = 0; c < 5; c++)
        add_channel(&m, channels[c], column(t, channels[c]));
    add_control(&m, column(t, "competitor_sales_B"));
    add_control(&m, column(t, "newsletter"));
    add_trend_and_season(&m, 52.18);
    fit(&m, 1);
    printf("  Robyn example (%d weeks), %.2f s; the truth is not published\n", m.n_steps,
           m.seconds);
    print_shares(&m);
}

static void meridian(const struct table *t)
{
    static struct mix m;
    static const char *const channels[] = {"Channel0_spend", "Channel1_spend", "Channel2_spend",
                                           "Channel3_spend", "Channel4_spend"};
    m = (struct mix){.n_steps = t->n_rows};
    const double *n = column(t, "conversions"), *value = column(t, "revenue_per_conversion");
    for (int i = 0; i < m.n_steps; i++)
        m.revenue[i] = n[i] * value[i];
    for (int c = 0; c < 5; c++)
        add_channel(&m, channels[c], column(t, channels[c]));
    add_control(&m, column(t, "competitor_sales_control"));
    add_control(&m, column(t, "sentiment_score_control"));
    add_control(&m, column(t, "Promo"));
    add_control(&m, column(t, "Organic_channel0_impression"));
    add_trend_and_season(&m, 52.18);
    fit(&m, 1);
    printf("  Meridian national example (%d weeks), %.2f s; the truth is not published\n",
           m.n_steps, m.seconds);
    print_shares(&m);
}

int main(int argc, char **argv)
{
    static struct table t;
    const char *dir = argc > 1 ? argv[1] : "";
    printf("media mix, joint fit\n");
    simulated(24);
    static const struct {
        const char *file;
        void (*run)(const struct table *);
    } sets[] = {{"pymc_mmm_example.csv", pymc},
                {"robyn_dt_simulated_weekly.csv", robyn},
                {"meridian_national_all_channels.csv", meridian}};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if (read_table(dir, sets[i].file, &t))
            sets[i].run(&t);
        else
            printf("  skipped: no mmm/%s\n", sets[i].file);
    }
    return 0;
}
