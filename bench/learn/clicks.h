/* Reads the click samples of the shared data (Criteo, Avazu, iPinYou) as rows of features. For the
 * bench and its test. */
#ifndef WN_BENCH_CLICKS_H
#define WN_BENCH_CLICKS_H

#include "winnow/ctr.h"

#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { COLUMNS_MAX = 64, LINE_MAX_BYTES = 1 << 16 };

typedef enum column_kind { IGNORED, LABEL, TEXT, NUMBER } column_kind;

struct click_set {
    const char *name, *train, *test;
    char separator; /* ' ' = libsvm */
    size_t n_columns;
    column_kind kind[COLUMNS_MAX];
    bool has_header; /* the training file */
};

/* Rows of one set: features in one arena, a row's in a block of its own. */
struct click_rows {
    struct wn_ctr_row *row;
    size_t n, n_max;
};

static inline FILE *open_text(const char *dir, const char *name)
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

static inline void close_text(FILE *f, const char *name)
{
    if (wn_str_ends(wn_str_of(name), WN_STR(".xz")))
        pclose(f);
    else
        fclose(f);
}

static inline struct wn_ctr_row *new_row(struct click_rows *rows)
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

static inline void keep_features(struct wn_arena *a, struct wn_ctr_row *row,
                                 const struct wn_ctr_feature *features, size_t n)
{
    struct wn_ctr_feature *copy = WN_ARENA_ARRAY(a, n, struct wn_ctr_feature);
    if (!copy)
        abort();
    memcpy(copy, features, n * sizeof *copy);
    row->features = copy;
    row->n_features = n;
}

static inline void read_columns(const struct click_set *set, const struct wn_ctr *m,
                                struct wn_str line, struct wn_arena *a, struct wn_ctr_row *row)
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
static inline void read_svm(const struct wn_ctr *m, struct wn_str line, struct wn_arena *a,
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

static inline bool read_file(const struct click_set *set, const char *dir, const char *name,
                             bool has_header, const struct wn_ctr *m, struct wn_arena *a,
                             struct click_rows *rows)
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

static inline struct wn_ctr *new_model(const struct click_set *set)
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

/* Learning rows, then those to predict; *n_train: how many of the first. False: not there. */
static inline bool read_set(const struct click_set *set, const char *dir, const struct wn_ctr *m,
                            struct wn_arena *a, struct click_rows *rows, size_t *n_train)
{
    bool found = read_file(set, dir, set->train, set->has_header, m, a, rows);
    *n_train = set->test ? rows->n : rows->n * 4 / 5;
    return found && (!set->test || read_file(set, dir, set->test, false, m, a, rows));
}

/* Criteo, Avazu, iPinYou. */
static inline void click_sets(struct click_set out[3])
{
    out[0] = (struct click_set){
        "Criteo", "criteo/train.tsv.xz", "criteo/dev.tsv", '\t', 40, {LABEL}, false};
    out[1] = (struct click_set){"Avazu", "avazu/train.csv.xz", "avazu/dev.csv", ',', 24, {IGNORED},
                                true};
    out[2] = (struct click_set){"iPinYou", "ipinyou/ctr_train.fm.svm.xz", NULL, ' ', 0, {IGNORED},
                                false};
    for (size_t i = 1; i < 40; i++)
        out[0].kind[i] = i < 14 ? NUMBER : TEXT;
    out[1].kind[1] = LABEL;
    for (size_t i = 3; i < 24; i++) /* not the hour: it is the same in all rows */
        out[1].kind[i] = TEXT;
}

#endif
