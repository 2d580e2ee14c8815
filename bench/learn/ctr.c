/* Click prediction on the samples of Criteo, Avazu and iPinYou: log loss, area under the curve and
 * calibration on rows held out, with the time, learned from all rows at once and row by row.
 *
 *   bench_learn_ctr [DATA_DIR]     DATA_DIR holds criteo/, avazu/ and ipinyou/; without: skipped.
 *
 * Splits: Criteo and Avazu as they come (train, dev); iPinYou: the last fifth of the rows. Options
 * are the defaults for all three. peers/ctr.py fits its models on the same splits. */
#include "winnow/ctr.h"

#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { COLUMNS_MAX = 64, LINE_MAX_BYTES = 1 << 16 };

typedef enum column_kind { IGNORED, LABEL, TEXT, NUMBER } column_kind;

struct set {
    const char *name, *train, *test;
    char separator; /* ' ' = libsvm */
    size_t n_columns;
    column_kind kind[COLUMNS_MAX];
    bool has_header; /* the training file */
};

/* Rows of one set: features in one arena, a row's in a block of its own. */
struct rows {
    struct wn_ctr_row *row;
    size_t n, n_max;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static FILE *open_text(const char *dir, const char *name)
{
    char path[4096], command[4200];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (stat(path, &info) != 0)
        return NULL;
    if (!wn_str_ends(wn_str_of(path), WN_STR(".xz")))
        return fopen(path, "r");
    snprintf(command, sizeof command, "xz -dc '%s'", path);
    return popen(command, "r");
}

static void close_text(FILE *f, const char *name)
{
    if (wn_str_ends(wn_str_of(name), WN_STR(".xz")))
        pclose(f);
    else
        fclose(f);
}

static struct wn_ctr_row *new_row(struct rows *rows)
{
    if (rows->n == rows->n_max) {
        rows->n_max = rows->n_max ? 2 * rows->n_max : 1024;
        rows->row = realloc(rows->row, rows->n_max * sizeof *rows->row);
        if (!rows->row)
            abort();
    }
    rows->row[rows->n] = (struct wn_ctr_row){.views = 1};
    return &rows->row[rows->n++];
}

static void keep_features(struct wn_arena *a, struct wn_ctr_row *row,
                          const struct wn_ctr_feature *features, size_t n)
{
    struct wn_ctr_feature *copy = WN_ARENA_ARRAY(a, n, struct wn_ctr_feature);
    if (!copy)
        abort();
    memcpy(copy, features, n * sizeof *copy);
    row->features = copy;
    row->n_features = n;
}

static void read_columns(const struct set *set, const struct wn_ctr *m, struct wn_str line,
                         struct wn_arena *a, struct wn_ctr_row *row)
{
    struct wn_ctr_feature features[COLUMNS_MAX];
    struct wn_str cell;
    size_t n = 0;
    uint32_t field = 0;
    for (size_t i = 0; i < set->n_columns && wn_str_cut(&line, set->separator, &cell); i++) {
        double x = NAN;
        if (set->kind[i] == LABEL)
            row->clicks = wn_str_eq(cell, WN_STR("1"));
        else if (set->kind[i] == TEXT)
            features[n++] = wn_ctr_feature_text(m, field++, cell);
        else if (set->kind[i] == NUMBER)
            features[n++] = wn_ctr_feature_number(m, field++, wn_parse_f64(cell, &x) ? x : NAN);
    }
    keep_features(a, row, features, n);
}

/* "label place:value ...": one field for all places. */
static void read_svm(const struct wn_ctr *m, struct wn_str line, struct wn_arena *a,
                     struct wn_ctr_row *row)
{
    struct wn_ctr_feature features[COLUMNS_MAX];
    struct wn_str cell;
    size_t n = 0;
    (void)wn_str_cut(&line, ' ', &cell);
    row->clicks = wn_str_eq(cell, WN_STR("1"));
    while (n < COLUMNS_MAX && wn_str_cut(&line, ' ', &cell))
        if (cell.n)
            features[n++] =
                wn_ctr_feature_text(m, 0, wn_str_slice(cell, 0, wn_str_find_char(cell, ':')));
    keep_features(a, row, features, n);
}

static bool read_file(const struct set *set, const char *dir, const char *name, bool has_header,
                      const struct wn_ctr *m, struct wn_arena *a, struct rows *rows)
{
    static char text[LINE_MAX_BYTES];
    FILE *f = open_text(dir, name);
    if (!f)
        return false;
    for (bool is_first = true; fgets(text, sizeof text, f); is_first = false) {
        if (is_first && has_header)
            continue;
        struct wn_str line = {text, strcspn(text, "\r\n")};
        if (set->separator == ' ')
            read_svm(m, line, a, new_row(rows));
        else
            read_columns(set, m, line, a, new_row(rows));
    }
    close_text(f, name);
    return true;
}

static struct wn_ctr *new_model(const struct set *set)
{
    struct wn_ctr_options options = WN_CTR_OPTIONS_DEFAULT;
    struct wn_ctr *m = NULL;
    char name[32];
    if (wn_ctr_new(&options, &m, NULL))
        abort();
    uint32_t field;
    for (size_t i = 0; i < (set->separator == ' ' ? 1 : set->n_columns); i++)
        if (set->separator == ' ' || set->kind[i] >= TEXT) {
            snprintf(name, sizeof name, "column%zu", i + 1);
            if (wn_ctr_field_add(m, wn_str_of(name), &field, NULL))
                abort();
        }
    return m;
}

static void print_scores(const char *what, const struct wn_ctr *m, const struct wn_ctr_row *rows,
                         size_t n, double learned_s)
{
    double *p = calloc(n, sizeof *p), *clicks = calloc(n, sizeof *clicks);
    struct wn_ctr_scores s;
    struct wn_ctr_report r;
    if (!p || !clicks)
        abort();
    double start = seconds();
    for (size_t i = 0; i < n; i++) {
        struct wn_ctr_prediction prediction;
        wn_ctr_predict(m, rows[i].features, rows[i].n_features, 0, &prediction);
        p[i] = prediction.p;
        clicks[i] = rows[i].clicks;
    }
    double each_us = 1e6 * (seconds() - start) / (double)n;
    if (wn_ctr_score(p, clicks, NULL, n, &s, NULL))
        abort();
    wn_ctr_report(m, &r);
    printf("  %-12s log loss %.5f  AUC %.4f  ECE %.4f (chance %.4f)  predicted/observed %.3f\n"
           "  %-12s   %.2f s to learn, %.2f us a prediction; blend %.2f + %.2f, calibration %s\n",
           what, s.log_loss, s.auc, s.ece, s.ece_chance, s.ratio, "", learned_s, each_us,
           r.weight_linear, r.weight_machine, wn_ctr_calibration_name(r.calibration));
    if (r.has_scores)
        printf("  %-12s   on %.0f rows of its own, by models that had not seen them: log loss %.5f "
               "(base %.5f), AUC %.4f, ECE %.4f (chance %.4f)\n",
               "", r.scores.views, r.scores.log_loss, r.scores.log_loss_base, r.scores.auc,
               r.scores.ece, r.scores.ece_chance);
    free(p);
    free(clicks);
}

static void run_set(const struct set *set, const char *dir)
{
    struct wn_arena a;
    struct rows rows = {0};
    struct wn_why why = {0};
    wn_arena_init(&a, 0);
    struct wn_ctr *fitted = new_model(set), *streamed = new_model(set);
    bool found = read_file(set, dir, set->train, set->has_header, fitted, &a, &rows);
    size_t n_train = rows.n;
    if (found && set->test)
        found = read_file(set, dir, set->test, false, fitted, &a, &rows);
    else
        n_train = rows.n * 4 / 5;
    if (!found) {
        printf("%s: skipped, %s/%s is not there\n", set->name, dir, set->train);
    } else {
        printf("%s: %zu rows to learn from, %zu to predict\n", set->name, n_train,
               rows.n - n_train);
        double start = seconds();
        if (wn_ctr_fit(fitted, rows.row, n_train, &why))
            printf("  %s\n", why.text);
        print_scores("fit", fitted, rows.row + n_train, rows.n - n_train, seconds() - start);
        start = seconds();
        for (size_t i = 0; i < n_train; i++)
            if (wn_ctr_learn(streamed, &rows.row[i], NULL, &why))
                printf("  %s\n", why.text);
        if (wn_ctr_settle(streamed, &why))
            printf("  %s\n", why.text);
        print_scores("one pass", streamed, rows.row + n_train, rows.n - n_train, seconds() - start);
    }
    wn_ctr_free(fitted);
    wn_ctr_free(streamed);
    free(rows.row);
    wn_arena_deinit(&a);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "../shared/data";
    struct set criteo = {"Criteo", "criteo/train.tsv.xz", "criteo/dev.tsv", '\t', 40, {LABEL},
                         false};
    struct set avazu = {"Avazu", "avazu/train.csv.xz", "avazu/dev.csv", ',', 24, {IGNORED}, true};
    struct set ipinyou = {"iPinYou", "ipinyou/ctr_train.fm.svm.xz", NULL, ' ', 0, {IGNORED}, false};
    for (size_t i = 1; i < 40; i++)
        criteo.kind[i] = i < 14 ? NUMBER : TEXT;
    avazu.kind[1] = LABEL;
    for (size_t i = 3; i < 24; i++) /* not the hour: it is the same in all rows */
        avazu.kind[i] = TEXT;
    run_set(&criteo, dir);
    run_set(&avazu, dir);
    run_set(&ipinyou, dir);
    return 0;
}
