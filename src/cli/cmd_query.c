/* winnow query: one question to the facts, answered by the server or by one of our own. */
#include "cli/commands.h"
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
    {.name = "from",
     .kind = WN_OPTION_DAY,
     .value_name = "DATE",
     .help = "First day, inclusive; without: the first day that has data."},
    {.name = "to",
     .kind = WN_OPTION_DAY,
     .value_name = "DATE",
     .help = "Last day, inclusive; without: the last day that has data."},
    {.name = "filter",
     .letter = 'f',
     .kind = WN_OPTION_TEXT,
     .value_name = "CONDITIONS",
     .help = "Conditions separated by ';'; all must hold."},
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
        fwrite(out.p, 1, out.n, stdout);
    const struct wn_json *is_sample = wn_json_get(json, "is_sample");
    if (!rc && is_sample && is_sample->boolean)
        fputs("(sample data)\n", stderr);
    wn_buf_deinit(&out);
    return rc;
}

static wn_rc ask(const struct wn_args *args, uint16_t port, struct wn_arena *a, struct wn_why *why)
{
    struct wn_str format = wn_args_text(args, "format");
    struct wn_remote_reply reply = {0};
    struct wn_buf path;
    wn_buf_init(&path, 64 * 1024);
    wn_buf_append_z(&path, "/api/v1/analytics/query");
    for (size_t i = 0; i < WN_COUNT(passed_on); i++)
        wn_remote_param(&path, passed_on[i], wn_args_text(args, passed_on[i]));
    wn_remote_param(&path, "format", wn_str_eq(format, WN_STR("csv")) ? format : WN_STR("json"));
    wn_buf_append_char(&path, 0);
    wn_rc rc = wn_buf_check(&path, why);
    if (!rc)
        rc = wn_remote_get(port, path.p, a, &reply, why);
    wn_buf_deinit(&path);
    if (!rc)
        rc = wn_remote_check(&reply, why);
    if (!rc && wn_str_eq(format, WN_STR("table")))
        rc = print_table(a, reply.body, why);
    else if (!rc) {
        fwrite(reply.body.p, 1, reply.body.n, stdout);
        if (reply.body.n && reply.body.p[reply.body.n - 1] != '\n')
            fputc('\n', stdout);
    }
    return rc;
}

int wn_cmd_query(const struct wn_args *args)
{
    char dir[WN_PATH_MAX];
    struct wn_why why = {0};
    struct wn_reach reach;
    struct wn_arena a;
    wn_rc rc = wn_data_dir(args, dir, &why);
    if (!rc)
        rc = wn_reach_open(dir, &reach, &why);
    if (rc)
        return wn_complain(rc, &why);
    wn_arena_init(&a, 0);
    rc = ask(args, reach.port, &a, &why);
    wn_reach_close(&reach);
    wn_arena_deinit(&a);
    return rc ? wn_complain(rc, &why) : 0;
}
