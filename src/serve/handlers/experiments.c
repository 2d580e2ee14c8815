/* A/B tests: a result is sent, the analysis comes back; nothing is kept. */
#include "serve/handlers.h"

#include "core/num.h"
#include "decide/experiment.h"

/* Plans are simulated with one seed, so that the same question gets the same answer. */
enum { PLAN_SEED = 1 };

/* A number above 0 of the query, as text there; absent leaves *out alone. */
static wn_rc read_number(const struct wn_call *call, const char *name, double most, double *out,
                         struct wn_why *why)
{
    struct wn_str text = wn_call_text(call, name);
    double value;
    if (!text.p)
        return WN_OK;
    if (!wn_parse_f64(text, &value) || !(value > 0 && value <= most))
        return wn_fail(why, WN_INVALID, name, "%s is a number above 0, at most %g", name, most);
    *out = value;
    return WN_OK;
}

/* A body of CSV: what JSON would say in members is in the query. */
static wn_rc analyse_csv(struct wn_call *call, struct wn_experiment *out, struct wn_why *why)
{
    struct wn_experiment_request request = {
        .finish = {.control = wn_call_text(call, "control"),
                   .is_lower_better = wn_str_eq(wn_call_text(call, "goal"), WN_STR("decrease")),
                   .winsor_ratio = WN_EXPERIMENT_WINSOR}};
    wn_rc rc = read_number(call, "alpha", .5, &request.options.alpha, why);
    if (!rc)
        rc = read_number(call, "minimum", 1e6, &request.options.minimum_ratio, why);
    return rc ? rc : wn_experiment_of_csv(call->request->body, &request, call->a, out, why);
}

static wn_rc analyse_json(struct wn_call *call, struct wn_experiment *out, struct wn_why *why)
{
    static const char *const names[] = {WN_EXPERIMENT_MEMBERS};
    static const char *const of_csv[] = {"control", "goal", "alpha", "minimum"};
    const struct wn_json *body = NULL;
    for (size_t i = 0; i < WN_COUNT(of_csv); i++)
        if (wn_call_text(call, of_csv[i]).p)
            return wn_fail(why, WN_INVALID, of_csv[i],
                           "%s belongs into the body; in the query it is for a body of CSV",
                           of_csv[i]);
    wn_rc rc = wn_call_body(call, names, WN_COUNT(names), &body, why);
    return rc ? rc : wn_experiment_of_json(body, call->a, out, why);
}

wn_rc wn_handle_experiments_analyse(struct wn_call *call, struct wn_why *why)
{
    struct wn_experiment experiment = {0};
    struct wn_str type = wn_http_header(call->request, "Content-Type");
    type = wn_str_trim(wn_str_slice(type, 0, wn_str_find_char(type, ';')));
    wn_rc rc = wn_str_eq_nocase(type, WN_STR("text/csv")) ? analyse_csv(call, &experiment, why)
                                                          : analyse_json(call, &experiment, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_experiment_write(&json.w, &experiment);
    return wn_call_json_end(call, &json, why);
}

wn_rc wn_handle_experiments_plan(struct wn_call *call, struct wn_why *why)
{
    static const char *const names[] = {WN_EXPERIMENT_PLAN_MEMBERS};
    const struct wn_json *body = NULL;
    struct wn_abtest_wish wish;
    struct wn_abtest_plan plan;
    struct wn_rand r;
    wn_rand_init(&r, PLAN_SEED);
    wn_rc rc = wn_call_body(call, names, WN_COUNT(names), &body, why);
    if (!rc)
        rc = wn_experiment_wish_of_json(body, &wish, why);
    if (!rc)
        rc = wn_abtest_plan(&wish, &r, &plan, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_experiment_write_plan(&json.w, &wish, &plan);
    return wn_call_json_end(call, &json, why);
}
