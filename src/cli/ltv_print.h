/* What winnow ltv has found out, and how it is said. Private to the command. */
#ifndef WN_CLI_LTV_PRINT_H
#define WN_CLI_LTV_PRINT_H

#include "cli/ltv_input.h"
#include "cli/options.h"
#include "cli/terminal.h"

/* What one model says. */
struct wn_ltv_verdict {
    struct wn_ltv_model model;
    struct wn_ltv_prediction *predictions; /* [n] */
    struct wn_ltv_total *totals;           /* [n_channels + 1] */
    struct wn_ltv_check check;             /* with --holdout */
};

struct wn_ltv_job {
    const struct wn_args *args;
    struct wn_arena arena;
    struct wn_ltv_input input;
    struct wn_ltv_options options;
    struct wn_ltv_plan plan;
    wn_ltv_kind kinds[WN_LTV_KINDS];
    size_t n_kinds;
    struct wn_ltv_verdict verdicts[WN_LTV_KINDS];
    const struct wn_ltv_customer *customers; /* [n] */
    const struct wn_str *names;              /* [n] */
    size_t n;
    int32_t last_day;
    int64_t holdout_weeks; /* 0 = none */
    struct wn_progress progress;
};

/* A row a customer and model; a row a channel and model, and one for all. */
void wn_ltv_print_customers(const struct wn_ltv_job *job, struct wn_buf *b);
void wn_ltv_print_totals(const struct wn_ltv_job *job, struct wn_buf *b);
/* Everything; customers only without --summary. */
void wn_ltv_print_json(const struct wn_ltv_job *job, struct wn_buf *b);
/* What is not a row goes to standard error, so that CSV stays CSV. */
void wn_ltv_tell(const struct wn_ltv_job *job);

#endif
