/* What the files of winnow detect share: the job. */
#ifndef WN_CLI_DETECT_JOB_H
#define WN_CLI_DETECT_JOB_H

#include "cli/detect_explain.h"
#include "cli/terminal.h"
#include "core/csv.h"
#include "winnow/detect.h"

#include <stdio.h>

#define WN_DETECT_COLUMNS_MAX 64

struct detect_job {
    struct wn_detect_options options;
    bool follow, explain, json;
    FILE *out;
    bool out_is_ours, reader_left;
    struct wn_buf text;             /* what has not been written yet */
    struct wn_arena a;              /* detectors, header */
    struct wn_map series;           /* name -> index of detector */
    struct wn_detector **detectors; /* arena */
    size_t n_series;
    /* columns of the input; -1 = none */
    int n_columns, at_series, at_ts, at_value;
    struct wn_str names[WN_DETECT_COLUMNS_MAX]; /* arena */
    bool knows_columns;
    uint64_t line_offset; /* lines of earlier pieces, when following */
    uint64_t n_rows, n_anomalies, n_missing;
    /* explain */
    struct wn_explain why_moved;
    int at_dimension[WN_EXPLAIN_DIMENSIONS_MAX];
    bool has_moment;
    int64_t moment_ms;
    struct wn_str moment_text; /* in moment_buffer */
    char moment_buffer[64];
    struct wn_progress progress;
};

/* Learns the columns from the first record and prints the header. *is_data: it is a row itself.
 * Fails: INVALID, LIMIT, MEMORY. */
WN_MUST_USE wn_rc detect_learn_columns(struct detect_job *job, const struct wn_csv_record *r,
                                       bool *is_data, struct wn_why *why);

/* Append to job->text, as CSV or JSON. */
void detect_print_header(struct detect_job *job);
void detect_print_row(struct detect_job *job, const struct wn_csv_record *r,
                      const struct wn_detect_result *result, double value);
/* causes: at most three are told. */
void detect_print_moment(struct detect_job *job, double total, const struct wn_detect_result *r,
                         const struct wn_cause_report *causes);

#endif
