/* The metrics and dimensions that a query may name, and the workspace's own metrics. */
#include "serve/handlers.h"

#include "decide/overview.h"
#include "serve/serve_int.h"

#include <stdio.h>

enum { LABEL_BYTES_MAX = 200 };

static const char *unit_name(wn_metric_unit unit)
{
    static const char *const names[] = {"count", "money", "ratio", "factor"};
    return (size_t)unit < WN_COUNT(names) ? names[unit] : "count";
}

static void write_metric(struct wn_json_writer *w, const struct wn_metric *m)
{
    wn_json_begin_object(w);
    wn_json_key(w, "name");
    wn_json_text(w, m->name);
    wn_json_key(w, "label");
    wn_json_text(w, m->label);
    wn_json_key(w, "formula");
    wn_json_text(w, m->text);
    wn_json_key(w, "unit");
    wn_json_text_z(w, unit_name(m->unit));
    wn_json_key(w, "better");
    wn_json_i64(w, m->better);
    wn_json_key(w, "help");
    wn_json_text(w, m->help);
    wn_json_key(w, "user_defined");
    wn_json_bool(w, m->is_user_defined);
    wn_json_end(w);
}

wn_rc wn_handle_metrics_list(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_metrics *metrics = NULL;
    wn_rc rc = wn_book_metrics(&book, call->a, &metrics, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    wn_json_key(&json.w, "metrics");
    wn_json_begin_array(&json.w);
    for (size_t i = 0; i < wn_metrics_count(metrics); i++)
        write_metric(&json.w, wn_metrics_at(metrics, i));
    wn_json_end(&json.w);
    wn_json_key(&json.w, "dimensions");
    wn_json_begin_array(&json.w);
    for (int d = 0; d < WN_DIM_N; d++)
        wn_json_text_z(&json.w, wn_dimension_name((wn_dimension)d));
    wn_json_end(&json.w);
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}

/* Errors of the language name parts as a query does; here they are members of the body. */
static void point_into_body(struct wn_why *why)
{
    static const char *const members[] = {"name", "formula", "label"};
    for (size_t i = 0; i < WN_COUNT(members); i++)
        if (wn_str_eq(wn_str_of(why->field), wn_str_of(members[i]))) {
            char field[WN_WHY_FIELD_MAX];
            snprintf(field, sizeof field, "/%s", members[i]);
            snprintf(why->field, sizeof why->field, "%s", field);
            return;
        }
    if (!why->field[0])
        snprintf(why->field, sizeof why->field, "/formula");
}

static wn_rc read_metric(struct wn_call *call, struct wn_metric_def *def, struct wn_why *why)
{
    static const char *const names[] = {"name", "formula", "label"};
    const struct wn_json *body = NULL;
    wn_rc rc = wn_call_body(call, names, WN_COUNT(names), &body, why);
    if (!rc)
        rc = wn_body_text(body, "name", WN_METRIC_NAME_MAX, &def->name, why);
    if (!rc)
        rc = wn_body_text(body, "formula", WN_FORMULA_BYTES_MAX, &def->formula, why);
    if (!rc)
        rc = wn_body_text(body, "label", LABEL_BYTES_MAX, &def->label, why);
    if (rc)
        return rc;
    if (!def->name.n)
        return wn_fail(why, WN_INVALID, "/name", "name is missing");
    if (!def->formula.n)
        return wn_fail(why, WN_INVALID, "/formula", "formula is missing");
    if (!def->label.n)
        def->label = def->name;
    return WN_OK;
}

wn_rc wn_handle_metrics_create(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_metric_def def = {0};
    struct wn_metrics *metrics = NULL;
    wn_rc rc = read_metric(call, &def, why);
    if (!rc)
        rc = wn_book_metrics(&book, call->a, &metrics, why);
    if (rc)
        return rc;
    /* The language checks it against all others before it is kept. */
    rc = wn_metrics_add(metrics, def.name, def.formula, def.label, why);
    if (rc) {
        point_into_body(why);
        return rc;
    }
    rc = wn_catalog_put_metric(call->app->catalog, call->tenant_id, &def, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    write_metric(&json.w, wn_metrics_get(metrics, def.name));
    wn_call_created(call, wn_arena_printf(call->a, "/api/v1/metrics/%.*s", WN_STR_ARG(def.name)));
    return wn_call_json_end(call, &json, why);
}

/* The first of the workspace's own metrics that would lose its meaning without name, or n. */
static wn_rc find_user(struct wn_call *call, struct wn_str name, struct wn_str *user,
                       struct wn_why *why)
{
    struct wn_metric_def *defs = NULL;
    size_t n = 0;
    struct wn_metrics *rest = NULL;
    wn_rc rc = wn_catalog_metrics(call->app->catalog, call->tenant_id, call->a, &defs, &n, why);
    if (!rc)
        rc = wn_metrics_new(call->a, &rest, why);
    if (rc)
        return rc;
    bool found = false;
    size_t n_left = n;
    for (size_t i = 0; i < n; i++)
        if (wn_str_eq(defs[i].name, name)) {
            found = true;
            defs[i].name.n = 0; /* taken out */
            n_left--;
        }
    if (!found)
        return wn_fail(why, WN_NOT_FOUND, "name", "the workspace has no metric '%.*s' of its own",
                       WN_STR_ARG(name));
    /* One may build on another, in any order: add until nothing more can be added. */
    for (bool progress = true; progress && n_left > 0;) {
        progress = false;
        for (size_t i = 0; i < n; i++) {
            if (!defs[i].name.n ||
                wn_metrics_add(rest, defs[i].name, defs[i].formula, defs[i].label, NULL))
                continue;
            defs[i].name.n = 0;
            n_left--;
            progress = true;
        }
    }
    for (size_t i = 0; i < n; i++)
        if (defs[i].name.n)
            *user = defs[i].name;
    return WN_OK;
}

wn_rc wn_handle_metrics_delete(struct wn_call *call, struct wn_why *why)
{
    struct wn_str name = call->path_args[0], user = {0};
    wn_rc rc = find_user(call, name, &user, why);
    if (rc)
        return rc;
    if (user.n)
        return wn_fail(why, WN_CONFLICT, "name",
                       "the metric '%.*s' is made of it: remove that first", WN_STR_ARG(user));
    rc = wn_catalog_delete_metric(call->app->catalog, call->tenant_id, name, why);
    if (rc)
        return rc;
    call->response->status = 204;
    return WN_OK;
}
