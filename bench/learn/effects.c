/* Measures the model of the server's click predictions (learn/effects.h) on sums of impressions and
 * clicks, as platforms report them, beside the mean rate, shrinkage along the tree of ads
 * (learn/shrink.h) and the general model of rows (winnow/ctr.h) with and without its factorization
 * machine: log loss on what none of them has seen.
 *
 *     bench_learn_effects [DATA]     DATA holds kag_facebook/; without it only the simulation runs
 *
 * Simulation: ten markets of 60 campaigns over 90 days; the last 13 days are the test, older ones
 * count half every 28 days. kag_facebook: a real export without days; every second ad is the test. */
#include "learn/effects.h"
#include "learn/shrink.h"
#include "learn/special.h"
#include "sandbox/market.h"
#include "winnow/ctr.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEPTHS = 4, FIELDS_MAX = 3, CELLS_MAX = 60000, NODES_MAX = 20000, WORLDS = 10, DAYS = 90 };
enum { TEST_DAYS = 13, CAMPAIGNS = 60, CHANNELS = 6, DEVICES = 3, WEEKDAYS = 7, FIRST_DAY = 20454 };
#define HALF_LIFE_DAYS 28.0

/* Sums in cells; the tree as parents; half 0 is learnt from, half 1 is the test. */
struct set {
    size_t n_cells, n_nodes, n_fields;
    double views[2][CELLS_MAX], clicks[2][CELLS_MAX];
    uint32_t node[CELLS_MAX], parent[NODES_MAX], level[CELLS_MAX][FIELDS_MAX];
    uint32_t n_levels[FIELDS_MAX];
    uint8_t depth[NODES_MAX];
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(wn_rc rc, const struct wn_why *why)
{
    if (rc) {
        (void)fprintf(stderr, "bench_learn_effects: %s %s\n", wn_rc_name(rc), why->text);
        exit(1);
    }
}

static uint32_t add_node(struct set *s, uint32_t parent)
{
    uint32_t v = (uint32_t)s->n_nodes++;
    if (v >= NODES_MAX)
        exit(1);
    s->parent[v] = parent;
    s->depth[v] = (uint8_t)(v ? s->depth[parent] + 1 : 0);
    return v;
}

/* ---- data ------------------------------------------------------------------------------------- */

static void draw_world(struct set *s, uint64_t seed)
{
    struct wn_why why = {0};
    struct wn_arena a;
    struct wn_market *m = NULL;
    struct wn_market_options o = {.seed = seed,
                                  .n_channels = CHANNELS,
                                  .n_campaigns = CAMPAIGNS,
                                  .n_ads_per_group_max = 4,
                                  .day_from = FIRST_DAY,
                                  .n_days = DAYS};
    uint32_t channel[CHANNELS], *first_ad = calloc(CAMPAIGNS, sizeof *first_ad);
    if (!first_ad)
        exit(1);
    must(wn_market_new(&o, &m, &why), &why);
    memset(s, 0, sizeof *s);
    (void)add_node(s, 0);
    for (int c = 0; c < CHANNELS; c++)
        channel[c] = add_node(s, 0);
    for (size_t k = 0; k < CAMPAIGNS; k++) {
        const struct wn_market_campaign *t = wn_market_campaign(m, k);
        uint32_t campaign = add_node(s, channel[t->channel]), group = (uint32_t)s->n_nodes;
        for (int g = 0; g < t->n_ad_groups; g++)
            (void)add_node(s, campaign);
        first_ad[k] = (uint32_t)s->n_nodes;
        for (int ad = 0; ad < t->n_ads; ad++)
            (void)add_node(s, group + (uint32_t)wn_market_ad_group_of(m, k, ad));
    }
    s->n_fields = 2;
    s->n_levels[0] = DEVICES;
    s->n_levels[1] = WEEKDAYS;
    s->n_cells = s->n_nodes * DEVICES * WEEKDAYS;
    if (s->n_cells > CELLS_MAX)
        exit(1);
    for (size_t i = 0; i < s->n_cells; i++) {
        s->node[i] = (uint32_t)(i / (DEVICES * WEEKDAYS));
        s->level[i][0] = (uint32_t)(i / WEEKDAYS % DEVICES);
        s->level[i][1] = (uint32_t)(i % WEEKDAYS);
    }
    wn_arena_init(&a, 0);
    struct wn_market_row *rows;
    size_t n;
    while (wn_market_next_day(m, NULL, &a, &rows, &n, &why) == WN_OK) {
        for (size_t i = 0; i < n; i++) {
            const struct wn_market_row *r = &rows[i];
            int day = r->day - FIRST_DAY, half = day >= DAYS - TEST_DAYS;
            double weight = half ? 1 : exp2((day - (DAYS - TEST_DAYS - 1)) / HALF_LIFE_DAYS);
            size_t at =
                ((first_ad[r->campaign] + (uint32_t)r->ad) * DEVICES + (uint32_t)(r->device - 1)) *
                    WEEKDAYS +
                (uint32_t)(r->day % WEEKDAYS);
            s->views[half][at] += weight * (double)r->impressions_micros / 1e6;
            s->clicks[half][at] += weight * (double)r->clicks_micros / 1e6;
        }
        wn_arena_reset(&a);
    }
    wn_arena_deinit(&a);
    wn_market_free(m);
    free(first_ad);
}

/* The number of a text among those seen, added at its end. */
static uint32_t number_of(char (*seen)[64], uint32_t *n, const char *text)
{
    for (uint32_t i = 0; i < *n; i++)
        if (strcmp(seen[i], text) == 0)
            return i;
    (void)snprintf(seen[*n], sizeof seen[*n], "%s", text);
    return (*n)++;
}

/* ad_id, xyz_campaign_id, fb_campaign_id, age, gender, interest, Impressions, Clicks, ... */
static bool read_kag(struct set *s, const char *dir)
{
    static char names[6][1200][64];
    static uint32_t nodes[2][1200];
    char path[4096], line[1024];
    uint32_t n_seen[6] = {0};
    (void)snprintf(path, sizeof path, "%s/kag_facebook/KAG_conversion_data.csv", dir);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    memset(s, 0, sizeof *s);
    (void)add_node(s, 0);
    s->n_fields = 3;
    for (int row = -1; fgets(line, sizeof line, f); row++) {
        char *cells[11], *p = line;
        for (int c = 0; c < 11; c++) {
            cells[c] = p;
            p += strcspn(p, ",\r\n");
            if (*p)
                *p++ = '\0';
        }
        if (row < 0)
            continue;
        size_t i = s->n_cells++;
        for (int depth = 0; depth < 2; depth++) {
            uint32_t before = n_seen[depth];
            uint32_t k = number_of(names[depth], &n_seen[depth], cells[1 + depth]);
            if (n_seen[depth] > before)
                nodes[depth][k] = add_node(s, depth ? s->node[i] : 0);
            s->node[i] = nodes[depth][k];
        }
        for (int fi = 0; fi < 3; fi++)
            s->level[i][fi] = number_of(names[2 + fi], &n_seen[2 + fi], cells[3 + fi]);
        s->views[row % 2][i] = strtod(cells[6], NULL);
        s->clicks[row % 2][i] = strtod(cells[7], NULL);
    }
    for (int fi = 0; fi < 3; fi++)
        s->n_levels[fi] = n_seen[2 + fi];
    (void)fclose(f);
    return true;
}

/* ---- models ----------------------------------------------------------------------------------- */

static double log_loss(const struct set *s, const double *p)
{
    double sum = 0, total = 0;
    for (size_t i = 0; i < s->n_cells; i++) {
        double n = s->views[1][i], k = s->clicks[1][i], q = fmin(fmax(p[i], 1e-9), 1 - 1e-9);
        sum -= k * log(q) + (n - k) * log1p(-q);
        total += n;
    }
    return sum / total;
}

static void by_mean(const struct set *s, double *p)
{
    double n = 0, k = 0;
    for (size_t i = 0; i < s->n_cells; i++) {
        n += s->views[0][i];
        k += s->clicks[0][i];
    }
    for (size_t i = 0; i < s->n_cells; i++)
        p[i] = k / n;
}

static void by_tree(const struct set *s, double *p)
{
    struct wn_why why = {0};
    struct wn_arena a;
    wn_arena_init(&a, 0);
    struct wn_shrink_node *nodes = WN_ARENA_ARRAY(&a, s->n_nodes, struct wn_shrink_node);
    struct wn_shrunk *out = WN_ARENA_ARRAY(&a, s->n_nodes, struct wn_shrunk);
    if (!nodes || !out)
        exit(1);
    for (size_t v = 0; v < s->n_nodes; v++)
        nodes[v].parent = s->parent[v];
    for (size_t i = 0; i < s->n_cells; i++) {
        nodes[s->node[i]].count += s->clicks[0][i];
        nodes[s->node[i]].exposure += s->views[0][i];
    }
    must(wn_shrink_rates(&a, nodes, s->n_nodes, 200, out, NULL, &why), &why);
    for (size_t i = 0; i < s->n_cells; i++)
        p[i] = out[s->node[i]].mean;
    wn_arena_deinit(&a);
}

static void by_effects(const struct set *s, double *p)
{
    struct wn_why why = {0};
    struct wn_arena a;
    struct wn_effects e;
    wn_arena_init(&a, 0);
    uint32_t *level = WN_ARENA_ARRAY(&a, s->n_cells * s->n_fields, uint32_t);
    if (!level)
        exit(1);
    for (size_t i = 0; i < s->n_cells; i++)
        memcpy(&level[i * s->n_fields], s->level[i], s->n_fields * sizeof *level);
    struct wn_effects_data d = {.n_cells = s->n_cells,
                                .trials = s->views[0],
                                .successes = s->clicks[0],
                                .node = s->node,
                                .parent = s->parent,
                                .n_nodes = s->n_nodes,
                                .n_fields = s->n_fields,
                                .level = level,
                                .n_levels = s->n_levels};
    must(wn_effects_fit(&d, &a, &e, &why), &why);
    for (size_t i = 0; i < s->n_cells; i++) {
        double eta = e.nodes[s->node[i]].mean;
        for (size_t f = 0; f < s->n_fields; f++)
            eta += e.fields[f][s->level[i][f]].mean;
        p[i] = wn_sigmoid(eta);
    }
    wn_arena_deinit(&a);
}

/* The features of a cell: the nodes of its path, one field a depth, and its levels. */
static size_t features_of(const struct set *s, const struct wn_ctr *m, size_t i,
                          struct wn_ctr_feature *out)
{
    size_t n = 0;
    char text[16];
    for (uint32_t v = s->node[i]; v; v = s->parent[v]) {
        (void)snprintf(text, sizeof text, "%u", v);
        out[n++] = wn_ctr_feature_text(m, (uint32_t)(s->depth[v] - 1), wn_str_of(text));
    }
    for (size_t f = 0; f < s->n_fields; f++) {
        (void)snprintf(text, sizeof text, "%u", s->level[i][f]);
        out[n++] = wn_ctr_feature_text(m, (uint32_t)(DEPTHS + f), wn_str_of(text));
    }
    return n;
}

static void by_rows(const struct set *s, bool has_machine, double *p)
{
    static const char *const names[] = {"channel", "campaign", "group", "ad", "f0", "f1", "f2"};
    enum { FEATURES = DEPTHS + FIELDS_MAX };
    struct wn_why why = {0};
    struct wn_ctr *m = NULL;
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    o.bits = 18;
    o.n_factors = has_machine ? o.n_factors : 0;
    must(wn_ctr_new(&o, &m, &why), &why);
    for (size_t f = 0; f < DEPTHS + s->n_fields; f++) {
        uint32_t at;
        must(wn_ctr_field_add(m, wn_str_of(names[f]), &at, &why), &why);
    }
    struct wn_ctr_feature *features = calloc(s->n_cells * FEATURES, sizeof *features);
    struct wn_ctr_row *rows = calloc(s->n_cells, sizeof *rows);
    if (!features || !rows)
        exit(1);
    size_t n = 0;
    for (size_t i = 0; i < s->n_cells; i++) {
        size_t n_features = features_of(s, m, i, &features[i * FEATURES]);
        if (s->views[0][i] > 0)
            rows[n++] = (struct wn_ctr_row){.features = &features[i * FEATURES],
                                            .n_features = n_features,
                                            .clicks = s->clicks[0][i],
                                            .views = s->views[0][i]};
    }
    must(wn_ctr_fit(m, rows, n, &why), &why);
    for (size_t i = 0; i < s->n_cells; i++) {
        struct wn_ctr_prediction x;
        struct wn_ctr_feature of_cell[FEATURES];
        size_t n_features = features_of(s, m, i, of_cell);
        wn_ctr_predict(m, of_cell, n_features, 0, &x);
        p[i] = x.p;
    }
    wn_ctr_free(m);
    free(rows);
    free(features);
}

/* ---- tables ----------------------------------------------------------------------------------- */

enum { MEAN, TREE, EFFECTS, ROWS, MACHINE, MODELS };
static const char *const model_names[MODELS] = {"mean rate", "tree shrinkage", "additive effects",
                                                "rows, linear", "rows, default"};

static void measure(const struct set *s, double *p, double *losses, double *times)
{
    for (int m = 0; m < MODELS; m++) {
        double begun = seconds();
        if (m == MEAN)
            by_mean(s, p);
        else if (m == TREE)
            by_tree(s, p);
        else if (m == EFFECTS)
            by_effects(s, p);
        else
            by_rows(s, m == MACHINE, p);
        times[m] += seconds() - begun;
        losses[m] += log_loss(s, p);
    }
}

static void print(const char *what, const double *losses, const double *times, double n)
{
    (void)printf("%s\n", what);
    for (int m = 0; m < MODELS; m++)
        (void)printf("  %-18s log loss %.6f   %5.2f %% below the mean rate   %.3f s\n",
                     model_names[m], losses[m] / n, 100 * (1 - losses[m] / losses[MEAN]),
                     times[m] / n);
}

int main(int argc, char **argv)
{
    struct set *s = calloc(1, sizeof *s);
    double *p = calloc(CELLS_MAX, sizeof *p), losses[MODELS] = {0}, times[MODELS] = {0};
    if (!s || !p)
        exit(1);
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        draw_world(s, seed);
        measure(s, p, losses, times);
    }
    print("ten simulated markets, the last 13 of 90 days (mean of ten)", losses, times, WORLDS);
    memset(losses, 0, sizeof losses);
    memset(times, 0, sizeof times);
    if (argc < 2 || !read_kag(s, argv[1])) {
        (void)printf("kag_facebook: skipped, there is no kag_facebook/ in the data directory\n");
    } else {
        measure(s, p, losses, times);
        print("kag_facebook, every second ad", losses, times, 1);
    }
    free(p);
    free(s);
    return 0;
}
