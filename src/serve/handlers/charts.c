/* Charts as PNG. */
#include "serve/handlers.h"

#include "decide/report.h"

#define PNG_BYTES_MAX (UINT32_C(64) << 20)

static wn_rc answer(struct wn_call *call, struct wn_chart_request *request, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    request->query.from = wn_call_text(call, "from");
    request->query.to = wn_call_text(call, "to");
    request->width_px = (int)wn_call_int(call, "width", 0);
    request->height_px = (int)wn_call_int(call, "height", 0);
    request->dark = wn_call_bool(call, "dark", false);
    struct wn_buf png;
    wn_buf_init(&png, PNG_BYTES_MAX);
    wn_rc rc = wn_chart_metric(&book, request, call->a, &png, why);
    struct wn_str body = rc ? (struct wn_str){0} : wn_arena_dup(call->a, wn_buf_str(&png));
    wn_buf_deinit(&png);
    if (rc)
        return rc;
    if (!body.p)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while drawing the chart");
    wn_call_bytes(call, "image/png", body, NULL);
    return WN_OK;
}

wn_rc wn_handle_chart(struct wn_call *call, struct wn_why *why)
{
    struct wn_chart_request request = {
        .query = {.metrics = wn_call_text(call, "metric"),
                  .by = wn_call_text(call, "by"),
                  .filter = wn_call_text(call, "filter")},
        .kind = wn_call_text(call, "kind"),
        .title = wn_call_text(call, "title"),
    };
    wn_rc rc = answer(call, &request, why);
    /* The list of the language is one name here. */
    if (rc && why && wn_str_eq(wn_str_of(why->field), WN_STR("metrics")))
        why->field[sizeof "metric" - 1] = '\0';
    return rc;
}

wn_rc wn_handle_roi_chart(struct wn_call *call, struct wn_why *why)
{
    struct wn_chart_request request = wn_chart_request_roi();
    return answer(call, &request, why);
}

wn_rc wn_handle_conversion_chart(struct wn_call *call, struct wn_why *why)
{
    struct wn_chart_request request = wn_chart_request_conversions();
    return answer(call, &request, why);
}
