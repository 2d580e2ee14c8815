/* The catalog: what people made. One interface; engines: sqlite (embedded default).
 *
 * Any thread may call; calls serialise on one connection inside. Texts handed in are borrowed for
 * the call, texts handed out live in the arena given. */
#ifndef WN_STORE_CATALOG_H
#define WN_STORE_CATALOG_H

#include "core/arena.h"
#include "core/error.h"
#include "domain/campaign.h"

struct wn_catalog;

/* url: "sqlite:PATH". Creates what is missing; runs numbered migrations inside a transaction;
 * refuses a newer schema (NEWER) by number. Fails: DISK, IO, CORRUPT, BUSY, NEWER, MEMORY. */
WN_MUST_USE wn_rc wn_catalog_open(struct wn_str url, struct wn_catalog **out, struct wn_why *why);
void wn_catalog_close(struct wn_catalog *c);               /* accepts NULL */
const char *wn_catalog_engine(const struct wn_catalog *c); /* "sqlite 3.40.1" */
WN_MUST_USE wn_rc wn_catalog_check(struct wn_catalog *c, struct wn_why *why);
int wn_catalog_schema_version(const struct wn_catalog *c);

/* Until accounts land there is one tenant, made by the first migration. */
#define WN_TENANT_DEFAULT 1

struct wn_tenant {
    int32_t tenant_id;
    struct wn_str name;
    struct wn_str currency; /* "USD" */
    struct wn_str time_zone;
};
WN_MUST_USE wn_rc wn_catalog_tenant(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                                    struct wn_tenant *out, struct wn_why *why);
/* Sets the tenant's currency (three capital letters). */
WN_MUST_USE wn_rc wn_catalog_set_currency(struct wn_catalog *c, int32_t tenant_id,
                                          struct wn_str currency, struct wn_why *why);

/* An ad account of one channel family; account_id is the id of its name in the facts. */
struct wn_account {
    int32_t tenant_id;
    int32_t account_id;
    struct wn_str name;
    struct wn_str format;   /* the import format it came by, or "sample" */
    struct wn_str currency; /* of its amounts */
    bool is_sample;
    int64_t created_at_ms;
};
WN_MUST_USE wn_rc wn_catalog_put_account(struct wn_catalog *c, const struct wn_account *account,
                                         struct wn_why *why);
WN_MUST_USE wn_rc wn_catalog_accounts(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                                      struct wn_account **out, size_t *n_out, struct wn_why *why);
/* With its campaigns. NOT_FOUND. */
WN_MUST_USE wn_rc wn_catalog_delete_account(struct wn_catalog *c, int32_t tenant_id,
                                            int32_t account_id, struct wn_why *why);

/* Inserts or replaces all of them in one transaction, by (tenant_id, campaign_id); created_at_ms of
 * an existing one stays. Empty texts and NaN keep what is there, reported ratios excepted: those
 * are always set as given. */
WN_MUST_USE wn_rc wn_catalog_put_campaigns(struct wn_catalog *c,
                                           const struct wn_campaign *campaigns, size_t n,
                                           struct wn_why *why);
struct wn_campaign_filter {
    const int32_t *campaign_ids; /* [n_ids]; NULL = any */
    size_t n_ids;
    int channel;        /* -1 = any */
    struct wn_str key;  /* empty = any */
    size_t skip, limit; /* limit 0 = 1000000; ordered by campaign_id */
};
WN_MUST_USE wn_rc wn_catalog_campaigns(struct wn_catalog *c, int32_t tenant_id,
                                       const struct wn_campaign_filter *filter, struct wn_arena *a,
                                       struct wn_campaign **out, size_t *n_out, struct wn_why *why);

/* User-defined metrics: name = formula. */
struct wn_metric_def {
    struct wn_str name;
    struct wn_str formula;
    struct wn_str label;
};
WN_MUST_USE wn_rc wn_catalog_put_metric(struct wn_catalog *c, int32_t tenant_id,
                                        const struct wn_metric_def *metric, struct wn_why *why);
WN_MUST_USE wn_rc wn_catalog_delete_metric(struct wn_catalog *c, int32_t tenant_id,
                                           struct wn_str name, struct wn_why *why);
WN_MUST_USE wn_rc wn_catalog_metrics(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                                     struct wn_metric_def **out, size_t *n_out, struct wn_why *why);

/* One import of one file. The id is also the source_id of its rows. */
typedef enum wn_import_state {
    WN_IMPORT_RUNNING = 0,
    WN_IMPORT_DONE = 1,
    WN_IMPORT_FAILED = 2,
    WN_IMPORT_UNCHANGED = 3 /* the same bytes with the same options were in already */
} wn_import_state;
const char *wn_import_state_name(wn_import_state state); /* "running", "done", ... */

struct wn_import_record {
    int32_t tenant_id;
    int64_t import_id;
    wn_import_state state;
    struct wn_str file_name;
    struct wn_str content_hash; /* hex of the bytes and options; empty while running */
    struct wn_str summary_json; /* the machine-readable summary; empty while running */
    int64_t created_at_ms;
    int64_t finished_at_ms; /* 0 while running */
};
/* Takes a new id. */
WN_MUST_USE wn_rc wn_catalog_add_import(struct wn_catalog *c, const struct wn_import_record *record,
                                        int64_t *out_id, struct wn_why *why);
WN_MUST_USE wn_rc wn_catalog_finish_import(struct wn_catalog *c,
                                           const struct wn_import_record *record,
                                           struct wn_why *why);
WN_MUST_USE wn_rc wn_catalog_import(struct wn_catalog *c, int32_t tenant_id, int64_t import_id,
                                    struct wn_arena *a, struct wn_import_record *out,
                                    struct wn_why *why);
/* The newest first. */
WN_MUST_USE wn_rc wn_catalog_imports(struct wn_catalog *c, int32_t tenant_id, size_t limit,
                                     struct wn_arena *a, struct wn_import_record **out,
                                     size_t *n_out, struct wn_why *why);
/* The newest DONE import of these bytes and options; NOT_FOUND. */
WN_MUST_USE wn_rc wn_catalog_import_by_hash(struct wn_catalog *c, int32_t tenant_id,
                                            struct wn_str content_hash, struct wn_arena *a,
                                            struct wn_import_record *out, struct wn_why *why);

/* What a campaign was predicted to return, as it was made: never changed, gone with its campaign. */
struct wn_prediction {
    int32_t tenant_id;
    int64_t prediction_id; /* given by the catalog, ascending */
    int32_t campaign_id;
    int64_t made_at_ms;
    int32_t day_to; /* the last day it was made from */
    int32_t horizon_days;
    double roi_ratio, roi_low_ratio, roi_high_ratio; /* with 80 % interval; finite */
    double confidence_ratio;                         /* 0..1 */
    uint8_t risk;                                    /* 0 low, 1 medium, 2 high */
    struct wn_str drivers_json;                      /* {"driver": share} */
    struct wn_str method;                            /* name and version of what made it */
    struct wn_str campaign_key, campaign_name;       /* read only: as the catalog has them */
};
/* Adds all of them in one transaction. out_ids [n]. NOT_FOUND: a campaign is not in the catalog. */
WN_MUST_USE wn_rc wn_catalog_add_predictions(struct wn_catalog *c,
                                             const struct wn_prediction *predictions, size_t n,
                                             int64_t *out_ids, struct wn_why *why);
struct wn_prediction_filter {
    bool only_latest;  /* the newest of each campaign */
    int64_t before_id; /* 0 = any: continues after that one */
    size_t limit;      /* 0 = 1000000 */
};
/* The newest first. */
WN_MUST_USE wn_rc wn_catalog_predictions(struct wn_catalog *c, int32_t tenant_id,
                                         const struct wn_prediction_filter *filter,
                                         struct wn_arena *a, struct wn_prediction **out,
                                         size_t *n_out, struct wn_why *why);

/* Small settings by key ("sample.seed" ...). NOT_FOUND. */
WN_MUST_USE wn_rc wn_catalog_get_setting(struct wn_catalog *c, int32_t tenant_id, struct wn_str key,
                                         struct wn_arena *a, struct wn_str *out,
                                         struct wn_why *why);
WN_MUST_USE wn_rc wn_catalog_put_setting(struct wn_catalog *c, int32_t tenant_id, struct wn_str key,
                                         struct wn_str value, struct wn_why *why);

#endif
