/* What the catalog's engines and the wrappers of catalog.c share. The wrappers choose the engine
 * and check what comes in; each slot does what the function of the same name in catalog.h says. */
#ifndef WN_STORE_CATALOG_INT_H
#define WN_STORE_CATALOG_INT_H

#include "store/catalog.h"

struct wn_catalog_ops {
    const char *scheme; /* of the URL that selects it: "sqlite" */

    /* rest: the URL behind "scheme:"; borrowed. All slots are required. */
    wn_rc (*open)(struct wn_str rest, struct wn_catalog **out, struct wn_why *why);
    void (*close)(struct wn_catalog *c);
    const char *(*engine)(const struct wn_catalog *c);
    wn_rc (*check)(struct wn_catalog *c, struct wn_why *why);
    int (*schema_version)(const struct wn_catalog *c);

    wn_rc (*tenant)(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                    struct wn_tenant *out, struct wn_why *why);
    wn_rc (*set_currency)(struct wn_catalog *c, int32_t tenant_id, struct wn_str currency,
                          struct wn_why *why);
    wn_rc (*put_account)(struct wn_catalog *c, const struct wn_account *account,
                         struct wn_why *why);
    wn_rc (*accounts)(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                      struct wn_account **out, size_t *n_out, struct wn_why *why);
    wn_rc (*delete_account)(struct wn_catalog *c, int32_t tenant_id, int32_t account_id,
                            struct wn_why *why);
    wn_rc (*put_campaigns)(struct wn_catalog *c, const struct wn_campaign *campaigns, size_t n,
                           struct wn_why *why);
    wn_rc (*campaigns)(struct wn_catalog *c, int32_t tenant_id,
                       const struct wn_campaign_filter *filter, struct wn_arena *a,
                       struct wn_campaign **out, size_t *n_out, struct wn_why *why);
    wn_rc (*put_metric)(struct wn_catalog *c, int32_t tenant_id, const struct wn_metric_def *metric,
                        struct wn_why *why);
    wn_rc (*delete_metric)(struct wn_catalog *c, int32_t tenant_id, struct wn_str name,
                           struct wn_why *why);
    wn_rc (*metrics)(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                     struct wn_metric_def **out, size_t *n_out, struct wn_why *why);
    wn_rc (*add_import)(struct wn_catalog *c, const struct wn_import_record *record,
                        int64_t *out_id, struct wn_why *why);
    wn_rc (*finish_import)(struct wn_catalog *c, const struct wn_import_record *record,
                           struct wn_why *why);
    wn_rc (*import)(struct wn_catalog *c, int32_t tenant_id, int64_t import_id, struct wn_arena *a,
                    struct wn_import_record *out, struct wn_why *why);
    wn_rc (*imports)(struct wn_catalog *c, int32_t tenant_id, size_t limit, struct wn_arena *a,
                     struct wn_import_record **out, size_t *n_out, struct wn_why *why);
    wn_rc (*import_by_hash)(struct wn_catalog *c, int32_t tenant_id, struct wn_str content_hash,
                            struct wn_arena *a, struct wn_import_record *out, struct wn_why *why);
    wn_rc (*add_predictions)(struct wn_catalog *c, const struct wn_prediction *predictions,
                             size_t n, int64_t *out_ids, struct wn_why *why);
    wn_rc (*predictions)(struct wn_catalog *c, int32_t tenant_id,
                         const struct wn_prediction_filter *filter, struct wn_arena *a,
                         struct wn_prediction **out, size_t *n_out, struct wn_why *why);
    wn_rc (*get_setting)(struct wn_catalog *c, int32_t tenant_id, struct wn_str key,
                         struct wn_arena *a, struct wn_str *out, struct wn_why *why);
    wn_rc (*put_setting)(struct wn_catalog *c, int32_t tenant_id, struct wn_str key,
                         struct wn_str value, struct wn_why *why);
};

struct wn_catalog {
    const struct wn_catalog_ops *ops;
};

extern const struct wn_catalog_ops wn_catalog_sqlite;

#endif
