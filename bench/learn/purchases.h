/* Reads the purchases of the shared data: CDNOW (columns of blanks) and Online Retail (CSV). Only
 * for benches and tests. */
#ifndef WN_BENCH_LEARN_PURCHASES_H
#define WN_BENCH_LEARN_PURCHASES_H

#include "core/csv.h"
#include "core/csv_value.h"
#include "core/hash.h"
#include "core/num.h"
#include "winnow/ltv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_purchases {
    struct wn_ltv_purchase *rows; /* malloc'd: by customer, then by day */
    size_t n, max;
    size_t n_customers;
    int32_t last_day;
    struct wn_map ids;
};

static inline void bench_purchase_add(struct bench_purchases *p, struct wn_str id, int32_t day,
                                      int64_t micros)
{
    uint32_t *place;
    if (p->n == p->max) {
        p->max = p->max ? 2 * p->max : 4096;
        p->rows = realloc(p->rows, p->max * sizeof *p->rows);
    }
    if (!p->rows || wn_map_put(&p->ids, id, (uint32_t)p->ids.n, &place, NULL))
        abort();
    p->last_day = day > p->last_day ? day : p->last_day;
    p->rows[p->n++] = (struct wn_ltv_purchase){micros, *place, day};
}

static inline int bench_by_customer(const void *a, const void *b)
{
    const struct wn_ltv_purchase *x = a, *y = b;
    if (x->customer != y->customer)
        return x->customer < y->customer ? -1 : 1;
    return (x->day > y->day) - (x->day < y->day);
}

/* Opens a file, through xz where its name ends so; *packed tells how to close. */
static inline FILE *bench_open(const char *path, bool *packed)
{
    char command[1024];
    FILE *f = fopen(path, "rb");
    *packed = wn_str_ends(wn_str_of(path), WN_STR(".xz"));
    if (!f || !*packed)
        return f;
    fclose(f);
    snprintf(command, sizeof command, "xz -dc '%s'", path);
    return popen(command, "r");
}

static inline void bench_purchases_close(struct bench_purchases *p)
{
    wn_map_deinit(&p->ids);
    free(p->rows);
    *p = (struct bench_purchases){0};
}

static inline bool bench_purchases_sorted(struct bench_purchases *p)
{
    p->n_customers = p->ids.n;
    if (p->n)
        qsort(p->rows, p->n, sizeof *p->rows, bench_by_customer);
    return p->n > 0;
}

/* CDNOW_sample.txt (master id, id, day, CDs, dollars) or CDNOW_master.txt.xz (id, day, CDs,
 * dollars). False when the file is not there. */
static inline bool bench_read_cdnow(struct bench_purchases *p, const char *dir, const char *name)
{
    char path[900], line[200];
    bool packed;
    snprintf(path, sizeof path, "%s/cdnow/%s", dir, name);
    FILE *f = bench_open(path, &packed);
    *p = (struct bench_purchases){0};
    wn_map_init(&p->ids, 1000000);
    while (f && fgets(line, sizeof line, f)) {
        struct wn_str word[8], rest = wn_str_trim(wn_str_of(line)), part;
        size_t n = 0;
        int64_t micros;
        struct wn_date_text date;
        while (n < 8 && wn_str_cut(&rest, ' ', &part))
            if (part.n)
                word[n++] = part;
        if (n < 4 || wn_date_read(word[n - 3], &date) || !wn_parse_micros(word[n - 1], &micros))
            continue; /* the header */
        bench_purchase_add(p, word[n - 4], date.day, micros);
    }
    if (f)
        packed ? pclose(f) : fclose(f);
    return bench_purchases_sorted(p);
}

static inline wn_rc bench_retail_row(void *context, const struct wn_csv_record *r,
                                     struct wn_why *why)
{
    int64_t quantity, price, micros;
    struct wn_date_text date;
    (void)why;
    if (r->n_fields < 8 || r->fields[6].n == 0 || !wn_parse_i64(r->fields[3], &quantity) ||
        !wn_parse_micros(r->fields[5], &price) || wn_date_read(r->fields[4], &date) ||
        !wn_mul_i64(quantity, price, &micros))
        return WN_OK; /* the header, or nobody */
    bench_purchase_add(context, r->fields[6], date.day, micros);
    return WN_OK;
}

static inline bool bench_read_retail(struct bench_purchases *p, const char *dir)
{
    char path[900];
    static char buffer[65536];
    bool packed;
    size_t n;
    struct wn_csv_options options = {',', bench_retail_row, p};
    struct wn_csv *csv = NULL;
    snprintf(path, sizeof path, "%s/online_retail/online_retail_to_2011-08-31.csv.xz", dir);
    FILE *f = bench_open(path, &packed);
    *p = (struct bench_purchases){0};
    wn_map_init(&p->ids, 1000000);
    wn_rc rc = f ? wn_csv_new(&options, &csv, NULL) : WN_NOT_FOUND;
    while (!rc && (n = fread(buffer, 1, sizeof buffer, f)) > 0)
        rc = wn_csv_push(csv, (struct wn_str){buffer, n}, NULL);
    if (!rc)
        rc = wn_csv_finish(csv, NULL);
    wn_csv_free(csv);
    if (f)
        packed ? pclose(f) : fclose(f);
    return bench_purchases_sorted(p) && rc == WN_OK;
}

/* The published table of CDNOW: ID, x, t_x, T, mean value; at most max rows. 0 = not there. */
static inline size_t bench_read_summary(struct wn_ltv_customer *out, size_t max, const char *dir)
{
    char path[900], line[200];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/cdnow/cdnow_customers_summary_with_transactions.csv", dir);
    FILE *f = fopen(path, "rb");
    while (f && n < max && fgets(line, sizeof line, f)) {
        struct wn_str rest = wn_str_trim(wn_str_of(line)), part;
        double x[5];
        size_t k = 0;
        while (k < 5 && wn_str_cut(&rest, ',', &part) && wn_parse_f64(part, &x[k]))
            k++;
        if (k == 5)
            out[n++] = (struct wn_ltv_customer){x[1], x[2], x[3], x[4], 0};
    }
    if (f)
        fclose(f);
    return n;
}

#endif
