/* What the models of this process know: response curves kept between questions, and which fit was
 * the last of each model. Any thread; the lock is never held while something is fitted. */
#ifndef WN_SERVE_MODELS_H
#define WN_SERVE_MODELS_H

#include "decide/budget.h"

struct wn_models;
WN_MUST_USE wn_rc wn_models_new(struct wn_models **out, struct wn_why *why);
/* Accepts NULL. Nothing may be borrowed any more. */
void wn_models_free(struct wn_models *m);

#define WN_MODELS_CURVES_KEPT 8

/* Curves on loan: valid until given back. */
struct wn_models_loan {
    const struct wn_budget_curves *curves;
    void *slot;
};
/* The curves of a range on the present version of the facts: kept ones, or fitted now. Two that ask
 * at once for what is not there both fit; one of the fits is kept. a: scratch. */
WN_MUST_USE wn_rc wn_models_borrow_curves(struct wn_models *m, const struct wn_book *book,
                                          const struct wn_budget_range *range, int64_t now_ms,
                                          struct wn_arena *a, struct wn_models_loan *out,
                                          struct wn_why *why);
/* Accepts a zeroed loan. */
void wn_models_give_back(struct wn_models *m, struct wn_models_loan *loan);

typedef enum wn_model {
    WN_MODEL_FORECAST,
    WN_MODEL_ANOMALY,
    WN_MODEL_RESPONSE_CURVES,
    WN_MODEL_CLICKS,
    WN_MODELS_N
} wn_model;
const char *wn_model_name(wn_model model); /* "forecast", ..., "ctr" */

struct wn_model_fit {
    int64_t trained_at_ms; /* 0 = never since the start */
    int32_t tenant_id;
    struct wn_facts_version version;
    int64_t n_rows;          /* days of series that were learnt from */
    const char *metric_name; /* static; what metric is */
    double metric;           /* NaN = none was measured */
    const char *drift_name;  /* static; what drift is; NULL = it is not measured */
    double drift;            /* NaN = it could not be */
};
void wn_models_note(struct wn_models *m, wn_model model, const struct wn_model_fit *fit);
void wn_models_get(struct wn_models *m, wn_model model, struct wn_model_fit *out);

#endif
