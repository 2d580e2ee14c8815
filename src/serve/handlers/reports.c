/* The Excel workbook. */
#include "serve/handlers.h"

#include "core/date.h"
#include "decide/report.h"

#define XLSX_TYPE "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

wn_rc wn_handle_excel(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    char from_text[WN_DAY_TEXT_MAX], to_text[WN_DAY_TEXT_MAX];
    int32_t from = 0, to = 0;
    bool has_data = false;
    wn_rc rc = wn_call_range(call, &from, &to, &has_data, why);
    if (rc)
        return rc;
    if (from > to) /* nothing is there: a workbook that says so */
        from = to = (int32_t)(call->now_ms / WN_DAY_MS);
    struct wn_buf out;
    wn_buf_init(&out, WN_REPORT_BYTES_MAX);
    rc = wn_report_xlsx(&book, from, to, call->a, &out, why);
    struct wn_str body = rc ? (struct wn_str){0} : wn_arena_dup(call->a, wn_buf_str(&out));
    wn_buf_deinit(&out);
    if (rc)
        return rc;
    wn_print_day(from, from_text);
    wn_print_day(to, to_text);
    struct wn_str name = wn_arena_printf(call->a, "winnow-%s-%s.xlsx", from_text, to_text);
    if (!body.p || !name.p)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while writing the workbook");
    wn_call_bytes(call, XLSX_TYPE, body, name.p);
    return WN_OK;
}
