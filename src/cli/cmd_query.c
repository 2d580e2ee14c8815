/* winnow query: one question to the facts, answered by the server or by one of our own. */
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/terminal.h"
#include "cli/wire.h"

#include <stdio.h>

const struct wn_option wn_query_options[] = {
    {.name = "metrics",
     .letter = 'm',
     .kind = WN_OPTION_TEXT,
     .value_name = "LIST",
     .fallback = "spend,revenue,roas",
     .help = "Metrics, separated by commas."},
    {.name = "by",
     .letter = 'b',
     .kind = WN_OPTION_TEXT,
     .value_name = "LIST",
     .help = "Dimensions, separated by commas; without: one row of totals."},
    WN_OPTIONS_SCOPE,
    {.name = "compare",
     .kind = WN_OPTION_ENUM,
     .value_name = "PERIOD",
     .fallback = "none",
     .values = "none|previous|year",
     .help = "Adds the same metrics of the equal period before, or of a year before."},
    {.name = "sort",
     .kind = WN_OPTION_TEXT,
     .value_name = "COLUMN",
     .help = "The column to sort by; with a minus in front: the largest first."},
    {.name = "limit",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .min = 1,
     .max = 100000,
     .help = "At most so many rows."},
    {.name = "offset",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .min = 0,
     .max = 100000000,
     .help = "Leave out the first rows."},
    {.name = "format",
     .kind = WN_OPTION_ENUM,
     .value_name = "FORMAT",
     .fallback = "table",
     .values = "table|csv|json",
     .help = "How to print the answer."},
    WN_OPTION_DATA,
    {0},
};

/* Parameters that go into the request under their own name. */
static const char *const passed_on[] = {"metrics", "by",   "from",  "to",    "filter",
                                        "compare", "sort", "limit", "offset"};

static wn_rc print_table(struct wn_arena *a, struct wn_str body, struct wn_why *why)
{
    struct wn_json *json;
    struct wn_buf out;
    wn_rc rc = wn_json_parse(a, body, &json, why);
    if (rc)
        return rc;
    wn_buf_init(&out, WN_REMOTE_REPLY_BYTES_MAX);
    rc = wn_print_query_table(&out, json, why);
    if (!rc)
        rc = wn_output_print(wn_buf_str(&out), why);
    const struct wn_json *is_sample = wn_json_get(json, "is_sample");
    if (!rc && is_sample && is_sample->boolean)
        fputs("(sample data)\n", stderr);
    wn_buf_deinit(&out);
    return rc;
}

static wn_rc answer(const struct wn_args *args, struct wn_arena *a, struct wn_why *why)
{
    struct wn_str format = wn_args_text(args, "format"), body;
    const char *path = wn_str_eq(format, WN_STR("csv")) ? "/api/v1/analytics/query?format=csv"
                                                        : "/api/v1/analytics/query?format=json";
    wn_rc rc = wn_remote_ask(args, path, passed_on, WN_COUNT(passed_on), a, &body, why);
    if (rc)
        return rc;
    if (wn_str_eq(format, WN_STR("table")))
        return print_table(a, body, why);
    rc = wn_output_print(body, why);
    if (!rc && body.n && body.p[body.n - 1] != '\n')
        rc = wn_output_print(WN_STR("\n"), why);
    return rc;
}

int wn_cmd_query(const struct wn_args *args)
{
    struct wn_why why = {0};
    struct wn_arena a;
    wn_arena_init(&a, 0);
    wn_rc rc = answer(args, &a, &why);
    wn_arena_deinit(&a);
    return rc ? wn_complain(rc, &why) : 0;
}
