/* Reads the Open Bandit logs of the shared data (CSV in xz). For benches and tests; a header because
 * each of them is one program. */
#ifndef WN_BENCH_OPEN_BANDIT_H
#define WN_BENCH_OPEN_BANDIT_H

#include "core/csv.h"
#include "core/num.h"

#include <stdio.h>
#include <string.h>

enum { OB_ITEMS = 34, OB_POSITIONS = 3, OB_ROWS_MAX = 10000 };

struct ob_log {
    size_t n;
    bool header;
    uint32_t item[OB_ROWS_MAX], position[OB_ROWS_MAX];
    double click[OB_ROWS_MAX], propensity[OB_ROWS_MAX];
};

/* ,timestamp,item_id,position,click,propensity_score,... */
static inline wn_rc ob_row(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct ob_log *log = context;
    uint64_t item, position;
    if (!log->header) {
        log->header = true;
        return WN_OK;
    }
    if (log->n == OB_ROWS_MAX || record->n_fields < 6 || !wn_parse_u64(record->fields[2], &item) ||
        !wn_parse_u64(record->fields[3], &position) || item >= OB_ITEMS || position < 1 ||
        position > OB_POSITIONS || !wn_parse_f64(record->fields[4], &log->click[log->n]) ||
        !wn_parse_f64(record->fields[5], &log->propensity[log->n]))
        return wn_fail(why, WN_INVALID, NULL, "row %zu is not one of an Open Bandit log",
                       log->n + 1);
    log->item[log->n] = (uint32_t)item;
    log->position[log->n++] = (uint32_t)position - 1;
    return WN_OK;
}

/* policy: "random" or "bts". False when the file, or xz, is not there. */
static inline bool ob_read(const char *dir, const char *policy, struct ob_log *log)
{
    char command[1200];
    static char piece[1 << 16];
    size_t n;
    struct wn_csv *csv = NULL;
    snprintf(command, sizeof command, "xz -dc '%s/open_bandit/%s/men/men.csv.xz' 2>/dev/null", dir,
             policy);
    FILE *f = popen(command, "r");
    if (!f)
        return false;
    wn_rc rc =
        wn_csv_new(&(struct wn_csv_options){.on_record = ob_row, .context = log}, &csv, NULL);
    while (!rc && (n = fread(piece, 1, sizeof piece, f)) > 0)
        rc = wn_csv_push(csv, (struct wn_str){piece, n}, NULL);
    if (!rc)
        rc = wn_csv_finish(csv, NULL);
    wn_csv_free(csv);
    pclose(f);
    return !rc && log->n > 0;
}

static inline double ob_mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* What the policy of a log does: the mean propensity of each item at each position, scaled to sum 1. */
static inline void ob_policy(const struct ob_log *log, double p[OB_POSITIONS][OB_ITEMS])
{
    double n[OB_POSITIONS][OB_ITEMS] = {{0}};
    memset(p, 0, sizeof(double) * OB_POSITIONS * OB_ITEMS);
    for (size_t i = 0; i < log->n; i++) {
        p[log->position[i]][log->item[i]] += log->propensity[i];
        n[log->position[i]][log->item[i]]++;
    }
    for (size_t k = 0; k < OB_POSITIONS; k++) {
        double sum = 0;
        for (size_t a = 0; a < OB_ITEMS; a++)
            sum += p[k][a] = n[k][a] > 0 ? p[k][a] / n[k][a] : 0;
        for (size_t a = 0; a < OB_ITEMS; a++)
            p[k][a] /= sum;
    }
}

#endif
