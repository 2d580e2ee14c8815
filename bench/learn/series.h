/* Reads the forecasting sets of the shared data: M4 (wide, .xz) and M1. Only for benches. */
#ifndef WN_BENCH_LEARN_SERIES_H
#define WN_BENCH_LEARN_SERIES_H

#include "core/arena.h"
#include "core/csv.h"
#include "core/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_series {
    struct wn_str id;
    double *train, *test;
    size_t n, h;
    char period; /* M1: 'Y', 'Q', 'M' */
};

struct bench_set {
    struct wn_arena *a;
    struct bench_series *series;
    size_t n;
    size_t max;
    bool is_test; /* M4: the file being read holds the test rows */
    bool failed;
};

static inline double *bench_numbers(struct wn_arena *a, const struct wn_str *fields, size_t n,
                                    size_t *out_n)
{
    double *x = WN_ARENA_ARRAY(a, n + 1, double);
    size_t k = 0;
    while (x && k < n && fields[k].n && wn_parse_f64(wn_str_trim(fields[k]), &x[k]))
        k++;
    *out_n = k;
    return x;
}

static inline wn_rc bench_m4_row(void *context, const struct wn_csv_record *r, struct wn_why *why)
{
    struct bench_set *set = context;
    (void)why;
    if (r->line == 1)
        return WN_OK;
    size_t at = set->is_test ? 0 : set->n;
    if (set->is_test)
        while (at < set->n && !wn_str_eq(set->series[at].id, r->fields[0]))
            at++;
    if (at >= set->max || (set->is_test && at >= set->n))
        return WN_LIMIT;
    struct bench_series *s = &set->series[at];
    if (set->is_test) {
        s->test = bench_numbers(set->a, r->fields + 1, r->n_fields - 1, &s->h);
    } else {
        s->id = wn_arena_dup(set->a, r->fields[0]);
        s->train = bench_numbers(set->a, r->fields + 1, r->n_fields - 1, &s->n);
        set->n++;
    }
    return WN_OK;
}

static inline double *bench_words(struct wn_arena *a, struct wn_str text, size_t *out_n)
{
    struct wn_str *words = WN_ARENA_ARRAY(a, 4096, struct wn_str), rest = text, part;
    size_t n = 0;
    while (words && n < 4096 && wn_str_cut(&rest, ' ', &part))
        if (part.n)
            words[n++] = part;
    return bench_numbers(a, words, n, out_n);
}

static inline wn_rc bench_m1_row(void *context, const struct wn_csv_record *r, struct wn_why *why)
{
    struct bench_set *set = context;
    (void)why;
    if (r->line == 1)
        return WN_OK;
    if (set->n >= set->max || r->n_fields < 8)
        return WN_LIMIT;
    struct bench_series *s = &set->series[set->n++];
    s->id = wn_arena_dup(set->a, r->fields[0]);
    s->period = r->fields[1].p[0];
    s->train = bench_words(set->a, r->fields[6], &s->n);
    s->test = bench_words(set->a, r->fields[7], &s->h);
    return WN_OK;
}

static inline bool bench_read_file(struct bench_set *set, const char *path,
                                   wn_csv_record_fn *on_record)
{
    char command[1024], buffer[65536];
    bool packed = wn_str_ends(wn_str_of(path), WN_STR(".xz"));
    FILE *probe = fopen(path, "rb");
    if (!probe)
        return false;
    FILE *f = probe;
    if (packed) {
        fclose(probe);
        snprintf(command, sizeof command, "xz -dc '%s'", path);
        f = popen(command, "r");
        if (!f)
            return false;
    }
    struct wn_csv_options options = {',', on_record, set};
    struct wn_csv *csv = NULL;
    wn_rc rc = wn_csv_new(&options, &csv, NULL);
    size_t n;
    while (!rc && (n = fread(buffer, 1, sizeof buffer, f)) > 0)
        rc = wn_csv_push(csv, (struct wn_str){buffer, n}, NULL);
    if (!rc)
        rc = wn_csv_finish(csv, NULL);
    wn_csv_free(csv);
    if (packed)
        pclose(f);
    else
        fclose(f);
    return rc == WN_OK;
}

/* False when the files are not there. */
static inline bool bench_read_m4(struct bench_set *set, struct wn_arena *a, const char *dir,
                                 const char *name)
{
    char path[900];
    *set = (struct bench_set){.a = a, .max = 5000};
    set->series = WN_ARENA_ARRAY(a, set->max, struct bench_series);
    snprintf(path, sizeof path, "%s/m4/%s-train.csv.xz", dir, name);
    if (!set->series || !bench_read_file(set, path, bench_m4_row))
        return false;
    set->is_test = true;
    snprintf(path, sizeof path, "%s/m4/%s-test.csv", dir, name);
    return bench_read_file(set, path, bench_m4_row);
}

static inline bool bench_read_m1(struct bench_set *set, struct wn_arena *a, const char *dir)
{
    char path[900];
    *set = (struct bench_set){.a = a, .max = 5000};
    set->series = WN_ARENA_ARRAY(a, set->max, struct bench_series);
    snprintf(path, sizeof path, "%s/m1/M1.csv", dir);
    return set->series && bench_read_file(set, path, bench_m1_row);
}

#endif
