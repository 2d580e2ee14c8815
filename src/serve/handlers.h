/* The handlers, one file per resource in handlers/; the table that names them is routes.c. */
#ifndef WN_SERVE_HANDLERS_H
#define WN_SERVE_HANDLERS_H

#include "serve/route.h"

wn_handler_fn wn_handle_page, wn_handle_health, wn_handle_api, wn_handle_docs, wn_handle_openapi,
    wn_handle_metrics_text, wn_handle_ml_health;                /* system.c */
wn_handler_fn wn_handle_workspace;                              /* workspace.c */
wn_handler_fn wn_handle_sample_create, wn_handle_sample_delete; /* sample.c */
wn_handler_fn wn_handle_metrics_list, wn_handle_metrics_create, wn_handle_metrics_delete;
wn_handler_fn wn_handle_query;                                                  /* query.c */
wn_handler_fn wn_handle_chart, wn_handle_roi_chart, wn_handle_conversion_chart; /* charts.c */
wn_handler_fn wn_handle_excel;                                                  /* reports.c */
wn_handler_fn wn_handle_summary, wn_handle_channels, wn_handle_roi_trend;       /* analytics.c */
wn_handler_fn wn_handle_campaigns, wn_handle_campaigns_of_channel, wn_handle_campaign,
    wn_handle_campaign_channels, wn_handle_campaign_create; /* campaigns.c */
wn_handler_fn wn_handle_import_options, wn_handle_imports, wn_handle_import,
    wn_handle_import_create; /* imports.c */
wn_handler_fn wn_handle_outlook, wn_handle_outlook_image, wn_handle_roi_series,
    wn_handle_roi_series_image, wn_handle_reach_series,
    wn_handle_reach_series_image; /* forecast.c */
wn_handler_fn wn_handle_budget_optimise, wn_handle_budget_curves, wn_handle_budget_advice,
    wn_handle_budget_advice_image;                             /* budget.c */
wn_handler_fn wn_handle_anomalies, wn_handle_anomaly_timeline; /* anomalies.c */
wn_handler_fn wn_handle_ctr_predict, wn_handle_ctr_model;      /* ctr.c */
/* experiments.c */
wn_handler_fn wn_handle_experiments_analyse, wn_handle_experiments_plan;
wn_handler_fn wn_handle_predictions, wn_handle_predictions_latest,
    wn_handle_predictions_generate; /* predictions.c */

/* The largest upload of an import. */
#define WN_IMPORT_BYTES_MAX (UINT64_C(4) << 30)

/* ---- help that several resources share -------------------------------------------------------- */

struct wn_book;
struct wn_book wn_call_book(const struct wn_call *call);
/* True when sample accounts are among the accounts. a: scratch. */
WN_MUST_USE wn_rc wn_book_is_sample(const struct wn_book *book, struct wn_arena *a, bool *out,
                                    struct wn_why *why);
WN_MUST_USE wn_rc wn_call_is_sample(struct wn_call *call, bool *out, struct wn_why *why);
/* The parsed body, which must be an object with no other members than names ([n]). */
WN_MUST_USE wn_rc wn_call_body(struct wn_call *call, const char *const *names, size_t n,
                               const struct wn_json **out, struct wn_why *why);
/* A text member, "" when absent or null. INVALID beyond bytes_max. */
WN_MUST_USE wn_rc wn_body_text(const struct wn_json *body, const char *key, size_t bytes_max,
                               struct wn_str *out, struct wn_why *why);
/* 201 with a Location. */
void wn_call_created(struct wn_call *call, struct wn_str location);
/* Text, or null when it is empty. */
void wn_json_text_or_null(struct wn_json_writer *w, struct wn_str text);

/* ---- what every answer of a model says -------------------------------------------------------- */

struct wn_call_facts {
    struct wn_str currency;
    bool is_sample;
};
WN_MUST_USE wn_rc wn_call_get_facts(struct wn_call *call, struct wn_call_facts *out,
                                    struct wn_why *why);
/* Writes "method" (name and version), "data_from", "data_to" (null without data), "is_sample",
 * "currency". */
void wn_call_write_facts(struct wn_call *call, struct wn_json_writer *w,
                         const struct wn_call_facts *facts, const char *method, bool has_data,
                         int32_t day_from, int32_t day_to);
/* The code of the parameter "channel", -1 when it was not given. INVALID for an unknown name. */
WN_MUST_USE wn_rc wn_call_channel(const struct wn_call *call, int *out, struct wn_why *why);
WN_MUST_USE wn_rc wn_channel_by_text(struct wn_str name, const char *field, int *out,
                                     struct wn_why *why);
const char *wn_channel_text(int channel);
/* A day that was given as a parameter (it was checked before). */
bool wn_call_day(const struct wn_call *call, const char *name, int32_t *out);
/* True when the client asks for a picture by its Accept header. */
bool wn_call_wants_png(const struct wn_call *call);
#define WN_PNG_BYTES_MAX (UINT32_C(64) << 20)
/* The drawn picture as the answer; frees png. rc: of the drawing. */
WN_MUST_USE wn_rc wn_call_png(struct wn_call *call, wn_rc rc, struct wn_buf *png,
                              struct wn_why *why);
void wn_json_member_f64(struct wn_json_writer *w, const char *key, double value);
void wn_json_member_i64(struct wn_json_writer *w, const char *key, int64_t value);
void wn_json_member_text(struct wn_json_writer *w, const char *key, struct wn_str text);
/* The day, or null where there is none. */
void wn_json_member_day(struct wn_json_writer *w, const char *key, bool has, int32_t day);
void wn_json_member_bool(struct wn_json_writer *w, const char *key, bool value);
/* "completeness": what is known of the newest days. */
struct wn_daily_completeness;
void wn_json_completeness(struct wn_json_writer *w, const struct wn_daily_completeness *c);

/* Removes the sample accounts within tx and lists them (arena), with their number of rows. */
struct wn_facts_tx;
struct wn_account;
WN_MUST_USE wn_rc wn_sample_remove(struct wn_call *call, struct wn_facts_tx *tx,
                                   const struct wn_account **accounts, size_t *n_accounts,
                                   uint64_t *n_rows, struct wn_why *why);
/* The other half, after the commit: their entries in the catalog. */
WN_MUST_USE wn_rc wn_sample_forget(struct wn_call *call, const struct wn_account *accounts,
                                   size_t n_accounts, struct wn_why *why);

#endif
