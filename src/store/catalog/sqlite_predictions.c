/* Predictions in SQLite. */
#include "core/buf.h"
#include "store/catalog/sqlite_int.h"

static wn_rc add_prediction_locked(struct sqlite_catalog *s, const struct wn_prediction *p,
                                   int64_t *out_id, struct wn_why *why)
{
    struct sqlite_asking q = wn_sqlite_ask_locked(
        s,
        "INSERT INTO predictions (tenant_id, campaign_id, made_at_ms, day_to,"
        " horizon_days, roi_ratio, roi_low_ratio, roi_high_ratio, confidence_ratio,"
        " risk, drivers_json, method) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        true, "store the prediction", why);
    wn_sqlite_put_int(&q, p->tenant_id);
    wn_sqlite_put_int(&q, p->campaign_id);
    wn_sqlite_put_int(&q, p->made_at_ms);
    wn_sqlite_put_int(&q, p->day_to);
    wn_sqlite_put_int(&q, p->horizon_days);
    wn_sqlite_put_real(&q, p->roi_ratio);
    wn_sqlite_put_real(&q, p->roi_low_ratio);
    wn_sqlite_put_real(&q, p->roi_high_ratio);
    wn_sqlite_put_real(&q, p->confidence_ratio);
    wn_sqlite_put_int(&q, p->risk);
    wn_sqlite_put_text(&q, p->drivers_json);
    wn_sqlite_put_text(&q, p->method);
    if (wn_sqlite_changes(&q))
        *out_id = sqlite3_last_insert_rowid(s->db);
    return wn_sqlite_done_locked(&q);
}

wn_rc wn_sqlite_add_predictions(struct wn_catalog *c, const struct wn_prediction *predictions,
                                size_t n, int64_t *out_ids, struct wn_why *why)
{
    wn_rc rc = wn_sqlite_begin(c, "store the predictions", why);
    if (rc)
        return rc;
    for (size_t i = 0; !rc && i < n; i++)
        rc = add_prediction_locked(wn_sqlite_self(c), &predictions[i], &out_ids[i], why);
    return wn_sqlite_end(c, rc, "store the predictions", why);
}

static void take_prediction(struct sqlite_asking *q, struct wn_arena *a, struct wn_prediction *x)
{
    x->tenant_id = (int32_t)wn_sqlite_take_int(q);
    x->prediction_id = wn_sqlite_take_int(q);
    x->campaign_id = (int32_t)wn_sqlite_take_int(q);
    x->made_at_ms = wn_sqlite_take_int(q);
    x->day_to = (int32_t)wn_sqlite_take_int(q);
    x->horizon_days = (int32_t)wn_sqlite_take_int(q);
    x->roi_ratio = wn_sqlite_take_real(q);
    x->roi_low_ratio = wn_sqlite_take_real(q);
    x->roi_high_ratio = wn_sqlite_take_real(q);
    x->confidence_ratio = wn_sqlite_take_real(q);
    x->risk = (uint8_t)wn_sqlite_take_int(q);
    x->drivers_json = wn_sqlite_take_text(q, a);
    x->method = wn_sqlite_take_text(q, a);
    x->campaign_key = wn_sqlite_take_text(q, a);
    x->campaign_name = wn_sqlite_take_text(q, a);
}

#define PREDICTION_COLUMNS                                                                         \
    "SELECT p.tenant_id, p.prediction_id, p.campaign_id, p.made_at_ms, p.day_to, p.horizon_days,"  \
    " p.roi_ratio, p.roi_low_ratio, p.roi_high_ratio, p.confidence_ratio, p.risk, p.drivers_json," \
    " p.method, c.key, c.name FROM predictions p JOIN campaigns c ON c.tenant_id = p.tenant_id"    \
    " AND c.campaign_id = p.campaign_id WHERE p.tenant_id = ? AND (? = 0 OR p.prediction_id < ?)"

wn_rc wn_sqlite_predictions(struct wn_catalog *c, int32_t tenant_id,
                            const struct wn_prediction_filter *filter, struct wn_arena *a,
                            struct wn_prediction **out, size_t *n_out, struct wn_why *why)
{
    const char *sql = filter->only_latest ? PREDICTION_COLUMNS
                          " AND NOT EXISTS (SELECT 1 FROM predictions n WHERE"
                          " n.tenant_id = p.tenant_id AND n.campaign_id = p.campaign_id AND"
                          " n.prediction_id > p.prediction_id)"
                          " ORDER BY p.prediction_id DESC LIMIT ?"
                                          : PREDICTION_COLUMNS
                          " ORDER BY p.prediction_id DESC LIMIT ?";
    struct sqlite_asking q = wn_sqlite_ask(c, sql, "read the predictions", why);
    struct wn_prediction *list = NULL;
    size_t n = 0;
    wn_sqlite_put_int(&q, tenant_id);
    wn_sqlite_put_int(&q, filter->before_id);
    wn_sqlite_put_int(&q, filter->before_id);
    wn_sqlite_put_int(&q, (int64_t)(filter->limit && filter->limit < SQLITE_ROWS_MAX
                                        ? filter->limit
                                        : SQLITE_ROWS_MAX));
    while (wn_sqlite_next_row(&q)) {
        list = wn_sqlite_room(&q, a, list, n, sizeof *list);
        if (!list)
            break;
        take_prediction(&q, a, &list[n++]);
    }
    if (!q.rc) {
        *out = list;
        *n_out = n;
    }
    return wn_sqlite_done(&q);
}
