/* The scoring rules of the Numenta Anomaly Benchmark, written from their description (Lavin and
 * Ahmad, "Evaluating Real-time Anomaly Detection Algorithms", ICMLA 2015), and a reader of its
 * files. For benches and tests only; a header because each bench is one program. */
#ifndef WN_BENCH_NAB_H
#define WN_BENCH_NAB_H

#include "core/arena.h"
#include "core/date.h"
#include "core/num.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAB_FILES_MAX 80
#define NAB_WINDOWS_MAX 16

struct nab_file {
    char name[128]; /* "realTweets/Twitter_volume_AAPL.csv" */
    int n;
    int64_t *ts_ms; /* [n], arena */
    double *value;  /* [n], arena */
    int n_windows;
    int from[NAB_WINDOWS_MAX], to[NAB_WINDOWS_MAX]; /* rows, both inside */
    int n_probation;                                /* the first rows are not scored */
};

struct nab_corpus {
    struct nab_file files[NAB_FILES_MAX];
    int n_files;
    int n_windows;
};

struct nab_profile {
    const char *name;
    double fp, fn; /* a hit weighs 1 */
};

static const struct nab_profile nab_profiles[3] = {
    {"standard", 0.11, 1}, {"reward_low_FP_rate", 0.22, 1}, {"reward_low_FN_rate", 0.11, 2}};

/* "2014-04-10 16:15:00[.000000]" as ms; -1 when it is none. */
static inline int64_t nab_time(const char *s, size_t n)
{
    int32_t day;
    if (n < 19 || !wn_parse_day((struct wn_str){s, 10}, &day))
        return -1;
    int64_t part[3];
    for (int i = 0; i < 3; i++)
        if (!wn_parse_i64((struct wn_str){s + 11 + 3 * i, 2}, &part[i]))
            return -1;
    return day * WN_DAY_MS + ((part[0] * 60 + part[1]) * 60 + part[2]) * 1000;
}

static inline struct wn_str nab_read(struct wn_arena *a, const char *path)
{
    struct wn_str s = {0};
    FILE *f = fopen(path, "rb");
    if (!f)
        return s;
    if (fseek(f, 0, SEEK_END) == 0) {
        long n = ftell(f);
        char *p = n >= 0 ? wn_arena_alloc(a, (size_t)n + 1) : NULL;
        rewind(f);
        if (p && fread(p, 1, (size_t)n, f) == (size_t)n)
            s = (struct wn_str){p, (size_t)n};
    }
    fclose(f);
    return s;
}

static inline bool nab_read_series(struct wn_arena *a, const char *path, struct nab_file *f)
{
    struct wn_str rest = nab_read(a, path), line;
    if (!rest.p)
        return false;
    int n = 0;
    for (size_t i = 0; i < rest.n; i++)
        n += rest.p[i] == '\n';
    f->ts_ms = WN_ARENA_ARRAY(a, (size_t)n + 1, int64_t);
    f->value = WN_ARENA_ARRAY(a, (size_t)n + 1, double);
    if (!f->ts_ms || !f->value)
        return false;
    f->n = 0;
    while (wn_str_cut(&rest, '\n', &line)) {
        line = wn_str_trim(line);
        size_t comma = wn_str_find_char(line, ',');
        int64_t ts = nab_time(line.p ? line.p : "", line.n);
        if (ts < 0 || !wn_parse_f64(wn_str_slice(line, comma + 1, line.n), &f->value[f->n]))
            continue; /* the header */
        f->ts_ms[f->n++] = ts;
    }
    f->n_probation = (int)(0.15 * f->n);
    if (f->n_probation > 750)
        f->n_probation = 750;
    return f->n > 0;
}

static inline int nab_row(const struct nab_file *f, int64_t ts, bool last)
{
    if (last) {
        for (int i = f->n - 1; i >= 0; i--)
            if (f->ts_ms[i] <= ts)
                return i;
    }
    for (int i = 0; i < f->n; i++)
        if (f->ts_ms[i] >= ts)
            return i;
    return f->n - 1;
}

static inline int nab_by_name(const void *a, const void *b)
{
    return strcmp(((const struct nab_file *)a)->name, ((const struct nab_file *)b)->name);
}

/* The next text in quotes of the labels, which hold nothing else that matters: names of files, each
 * followed by the first and last moment of its windows. */
static inline bool nab_next_text(struct wn_str *rest, struct wn_str *out)
{
    size_t from = wn_str_find_char(*rest, '"');
    struct wn_str tail = wn_str_slice(*rest, from + 1, rest->n);
    size_t to = wn_str_find_char(tail, '"');
    if (from >= rest->n || to >= tail.n)
        return false;
    *out = wn_str_slice(tail, 0, to);
    *rest = wn_str_slice(tail, to + 1, tail.n);
    return true;
}

/* Reads <dir>/labels/combined_windows.json and the series that are there. False: not there. */
static inline bool nab_load(struct wn_arena *a, const char *dir, struct nab_corpus *c)
{
    char path[2048];
    struct wn_str text, last;
    struct nab_file *f = NULL; /* the series whose windows come; NULL: it is not here */
    memset(c, 0, sizeof *c);
    snprintf(path, sizeof path, "%s/labels/combined_windows.json", dir);
    struct wn_str rest = nab_read(a, path);
    while (rest.p && nab_next_text(&rest, &text)) {
        if (wn_str_ends(text, WN_STR(".csv"))) {
            if (c->n_files == NAB_FILES_MAX)
                return false;
            f = &c->files[c->n_files];
            snprintf(f->name, sizeof f->name, "%.*s", WN_STR_ARG(text));
            snprintf(path, sizeof path, "%s/data/%s", dir, f->name);
            if (nab_read_series(a, path, f))
                c->n_files++;
            else
                f = NULL;
            continue;
        }
        if (!nab_next_text(&rest, &last))
            return false;
        if (!f || f->n_windows == NAB_WINDOWS_MAX)
            continue;
        f->from[f->n_windows] = nab_row(f, nab_time(text.p, text.n), false);
        f->to[f->n_windows++] = nab_row(f, nab_time(last.p, last.n), true);
        c->n_windows++;
    }
    qsort(c->files, (size_t)c->n_files, sizeof c->files[0], nab_by_name);
    return c->n_files > 0;
}

/* 1 well before, 0 at, -1 well past the right edge of a window; y in widths of the window. */
static inline double nab_sigmoid(double y)
{
    return y > 3 ? -1 : 2 / (1 + exp(5 * y)) - 1;
}

struct nab_count {
    int tp, fp, tn, fn; /* rows */
};

/* The raw score of one series: rows whose score reaches the threshold are its detections. count
 * may be NULL. */
static inline double nab_score(const struct nab_file *f, const double *score, double threshold,
                               const struct nab_profile *p, struct nab_count *count)
{
    double sum = 0, top = nab_sigmoid(-1);
    struct nab_count k = {0};
    int w = 0, row = 0;
    for (w = 0; w <= f->n_windows; w++) {
        int from = w < f->n_windows ? f->from[w] : f->n, to = w < f->n_windows ? f->to[w] : f->n;
        for (; row < from; row++) {
            if (row < f->n_probation)
                continue;
            bool hit = score[row] >= threshold;
            k.fp += hit;
            k.tn += !hit;
            if (!hit)
                continue;
            double y = -2;
            if (w > 0)
                y = (double)(row - f->to[w - 1]) / (double)(f->to[w - 1] - f->from[w - 1]);
            sum += p->fp * (y < -1 ? -1 : nab_sigmoid(y));
        }
        if (w == f->n_windows)
            break;
        double best = -p->fn;
        for (; row <= to; row++) {
            if (row < f->n_probation)
                continue;
            bool hit = score[row] >= threshold;
            k.tp += hit;
            k.fn += !hit;
            if (hit && best < 0)
                best = nab_sigmoid(-(double)(to - row + 1) / (double)(to - from + 1)) / top;
        }
        sum += best;
    }
    if (count)
        *count = k;
    return sum;
}

/* 100 * (raw - null) / (perfect - null). */
static inline double nab_normal(double raw, int n_windows, const struct nab_profile *p)
{
    return n_windows ? 100 * (raw + n_windows * p->fn) / (n_windows * (1 + p->fn)) : 0;
}

#endif
