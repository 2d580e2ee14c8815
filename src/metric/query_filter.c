/* A filter on a dimension, brought into the form that both targets use. */
#include "core/date.h"
#include "core/num.h"
#include "metric/query_int.h"

static wn_rc fail_value(struct wn_why *why, wn_dimension d, struct wn_str text, const char *rule)
{
    return wn_fail(why, WN_INVALID, "filter", "%s '%.*s': %s", wn_dimension_name(d),
                   (int)(text.n > 60 ? 60 : text.n), text.p, rule);
}

static bool is_date_prefix(struct wn_str text, int32_t *day)
{
    char full[10] = {0};
    if (text.n != 7)
        return false;
    for (size_t i = 0; i < 10; i++)
        full[i] = i < 7 ? text.p[i] : "-01"[i - 7];
    return wn_parse_day((struct wn_str){full, 10}, day);
}

static wn_rc number_of_date(wn_dimension d, struct wn_str text, int32_t *out, struct wn_why *why)
{
    int32_t day;
    if (!wn_parse_day(text, &day) && !(d == WN_DIM_MONTH && is_date_prefix(text, &day)))
        return fail_value(why, d, text, "a date is YYYY-MM-DD");
    *out = wn_date_start(d, day);
    return WN_OK;
}

static wn_rc number_of_code(wn_dimension d, struct wn_str text, int32_t *out, struct wn_why *why)
{
    struct wn_code_set set = wn_dimension_codes(d);
    const struct wn_code *code = wn_code_by_name(set.codes, set.n, text);
    if (code) {
        *out = code->code;
        return WN_OK;
    }
    struct wn_nearest nearest;
    char suggestion[WN_NEAREST_TEXT_MAX];
    wn_nearest_init(&nearest, text);
    for (size_t i = 0; i < set.n; i++)
        wn_nearest_try(&nearest, wn_str_of(set.codes[i].name));
    return wn_fail(why, WN_INVALID, "filter", "there is no %s '%.*s'%s", wn_dimension_name(d),
                   (int)(text.n > 60 ? 60 : text.n), text.p, wn_nearest_text(&nearest, suggestion));
}

static wn_rc number_of_small(wn_dimension d, struct wn_str text, int32_t *out, struct wn_why *why)
{
    int64_t number;
    bool is_hour = d == WN_DIM_HOUR;
    if (is_hour && wn_str_eq_nocase(text, WN_STR(WN_NAME_NONE_TEXT))) {
        *out = WN_HOUR_NONE;
        return WN_OK;
    }
    if (!wn_parse_i64(text, &number) || number < 0 || number > (is_hour ? 23 : 6))
        return fail_value(why, d, text, is_hour ? "an hour is 0 to 23" : "0 (Monday) to 6");
    *out = (int32_t)number;
    return WN_OK;
}

static wn_rc number_of(wn_dimension d, struct wn_str text, int32_t *out, struct wn_why *why)
{
    switch (wn_dimension_infos[d].shape) {
    case WN_SHAPE_CODE:
        return number_of_code(d, text, out, why);
    case WN_SHAPE_DATE:
        return number_of_date(d, text, out, why);
    default:
        return number_of_small(d, text, out, why);
    }
}

struct wn_str wn_lower(struct wn_arena *a, struct wn_str text)
{
    struct wn_str copy = wn_arena_dup(a, text);
    char *p = (char *)copy.p; /* ours: just made */
    for (size_t i = 0; p && i < copy.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] + ('a' - 'A'));
    return copy;
}

/* The codes whose name contains one of the texts. */
static wn_rc codes_containing(const struct wn_filter *filter, struct wn_arena *a,
                              struct wn_filter_plan *plan, struct wn_why *why)
{
    struct wn_code_set set = wn_dimension_codes(filter->dimension);
    int32_t *numbers = WN_ARENA_ARRAY(a, set.n, int32_t);
    if (!numbers)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    for (size_t i = 0; i < set.n; i++) {
        bool found = false;
        for (size_t j = 0; j < filter->n && !found; j++) {
            struct wn_str name = wn_str_of(set.codes[i].name), part = wn_lower(a, filter->texts[j]);
            if (!part.p)
                return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
            found = part.n == 0 || wn_str_find(name, part) < name.n;
        }
        if (found)
            numbers[plan->n_numbers++] = set.codes[i].code;
    }
    plan->by_number = true;
    plan->numbers = numbers;
    return WN_OK;
}

static wn_rc plan_names(const struct wn_filter *filter, struct wn_arena *a,
                        struct wn_filter_plan *plan, struct wn_why *why)
{
    struct wn_str none = WN_STR(WN_NAME_NONE_TEXT);
    struct wn_str *texts = WN_ARENA_ARRAY(a, filter->n, struct wn_str);
    if (!texts)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    for (size_t i = 0; i < filter->n; i++) {
        texts[i] = filter->texts[i];
        if (filter->op == WN_FILTER_CONTAINS) {
            texts[i] = wn_lower(a, filter->texts[i]);
            if (!texts[i].p)
                return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
            plan->matches_none |= texts[i].n == 0 || wn_str_find(none, texts[i]) < none.n;
        } else {
            plan->matches_none |= wn_str_eq(none, texts[i]);
        }
    }
    plan->texts = texts;
    plan->n_texts = filter->n;
    return WN_OK;
}

static wn_rc plan_numbers(const struct wn_filter *filter, struct wn_arena *a,
                          struct wn_filter_plan *plan, struct wn_why *why)
{
    int32_t *numbers = WN_ARENA_ARRAY(a, filter->n, int32_t);
    if (!numbers)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    for (size_t i = 0; i < filter->n; i++) {
        wn_rc rc = number_of(filter->dimension, filter->texts[i], &numbers[i], why);
        if (rc)
            return rc;
    }
    plan->by_number = true;
    plan->numbers = numbers;
    plan->n_numbers = filter->n;
    return WN_OK;
}

wn_rc wn_filter_plan_make(const struct wn_filter *filter, struct wn_arena *a,
                          struct wn_filter_plan *out, struct wn_why *why)
{
    const struct wn_dimension_info *info = &wn_dimension_infos[filter->dimension];
    struct wn_filter_plan plan = {.filter = filter};
    wn_rc rc = WN_OK;
    if (filter->by_id) {
        if (!info->has_id || filter->op == WN_FILTER_CONTAINS)
            return wn_fail(why, WN_INVALID, "filter", "%s is not compared by id",
                           wn_dimension_name(filter->dimension));
        plan.by_number = true;
        plan.numbers = filter->ids;
        plan.n_numbers = filter->n;
    } else if (info->shape == WN_SHAPE_NAME) {
        rc = plan_names(filter, a, &plan, why);
    } else if (filter->op != WN_FILTER_CONTAINS) {
        rc = plan_numbers(filter, a, &plan, why);
    } else if (info->shape == WN_SHAPE_CODE) {
        rc = codes_containing(filter, a, &plan, why);
    } else {
        rc = wn_fail(why, WN_INVALID, "filter",
                     "%s has no text to search: use = or !=", wn_dimension_name(filter->dimension));
    }
    if (!rc)
        *out = plan;
    return rc;
}

wn_rc wn_query_prepare(const struct wn_query *q, struct wn_arena *a, struct wn_filter_plan **plans,
                       size_t *n_plans, uint32_t *measures, struct wn_why *why)
{
    struct wn_filter_plan *made = WN_ARENA_ARRAY(a, q->n_filters, struct wn_filter_plan);
    if (!made)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    size_t n = 0;
    uint32_t needed = 0;
    for (size_t i = 0; i < q->n_metrics; i++)
        needed |= q->metrics[i]->formula->measures;
    for (size_t i = 0; i < q->n_filters; i++) {
        if (q->filters[i].op == WN_FILTER_HAVING) {
            needed |= q->filters[i].condition->measures;
            continue;
        }
        wn_rc rc = wn_filter_plan_make(&q->filters[i], a, &made[n++], why);
        if (rc)
            return rc;
    }
    *plans = made;
    *n_plans = n;
    *measures = needed ? needed : 1u; /* a query of constants still needs a column to group */
    return WN_OK;
}
