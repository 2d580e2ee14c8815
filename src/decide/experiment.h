/* A/B tests as they are asked and answered: JSON or CSV in, the analysis of winnow/experiment.h, one
 * document out. The command and the server say the same because both say it through this. */
#ifndef WN_DECIDE_EXPERIMENT_H
#define WN_DECIDE_EXPERIMENT_H

#include "core/json.h"
#include "learn/experiment_table.h"

#define WN_EXPERIMENT_METHOD "always-valid"
#define WN_EXPERIMENT_WINSOR .999 /* of values of units, unless told */
#define WN_EXPERIMENT_PAST_MAX 10000

struct wn_experiment_request {
    struct wn_abtest_finish finish;
    struct wn_abtest_options options;
    const double *past_effects, *past_errors; /* [n_past] relative: the prior is learnt from them */
    size_t n_past;
};
struct wn_experiment {
    struct wn_abtest_input input;
    struct wn_abtest_result result;
};

/* The members of a question: these, and exactly one of the four with the data. */
#define WN_EXPERIMENT_MEMBERS                                                                      \
    "control", "goal", "alpha", "tau", "minimum", "prior", "loss", "per_day", "winsor", "split",   \
        "past", "variants", "daily", "rows", "csv"

/* Reads options and data, and analyses. Data: "variants" (totals), "daily" (totals of days), "rows"
 * (units): lists of objects whose members are the columns of learn/experiment_table.h, named by the
 * first; or "csv": the same as text. Everything lives in a. Fails: INVALID with the JSON pointer in
 * why->field ("/rows/3/value"; of csv why->line), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_experiment_of_json(const struct wn_json *body, struct wn_arena *a,
                                        struct wn_experiment *out, struct wn_why *why);
/* The same of CSV, with options that are known. */
WN_MUST_USE wn_rc wn_experiment_of_csv(struct wn_str csv,
                                       const struct wn_experiment_request *request,
                                       struct wn_arena *a, struct wn_experiment *out,
                                       struct wn_why *why);
/* The analysis alone, of out->input. */
WN_MUST_USE wn_rc wn_experiment_run(const struct wn_experiment_request *request, struct wn_arena *a,
                                    struct wn_experiment *out, struct wn_why *why);
/* One object. */
void wn_experiment_write(struct wn_json_writer *w, const struct wn_experiment *e);

/* The members of a plan, and its question: "kind" (rate, mean), "mean", "sd", "effect", "alpha",
 * "power", "variants", "variance_ratio", "per_day". */
#define WN_EXPERIMENT_PLAN_MEMBERS                                                                 \
    "kind", "mean", "sd", "effect", "alpha", "power", "variants", "variance_ratio", "per_day"
WN_MUST_USE wn_rc wn_experiment_wish_of_json(const struct wn_json *body, struct wn_abtest_wish *out,
                                             struct wn_why *why);
void wn_experiment_write_plan(struct wn_json_writer *w, const struct wn_abtest_wish *wish,
                              const struct wn_abtest_plan *plan);

#endif
