/* winnow chart: a picture of one metric, drawn by the server or by one of our own. */
#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/wire.h"

#include <stdio.h>
#include <unistd.h>

const struct wn_option wn_chart_options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "Where the PNG goes; '-' or nothing: standard output, unless that is a terminal."},
    {.name = "metric",
     .letter = 'm',
     .kind = WN_OPTION_TEXT,
     .value_name = "METRIC",
     .fallback = "roi",
     .help = "The metric to draw: any that query knows."},
    {.name = "by",
     .letter = 'b',
     .kind = WN_OPTION_TEXT,
     .value_name = "LIST",
     .fallback = "day,channel",
     .help = "A time dimension (day, week, month) for the axis, another one for the series."},
    {.name = "kind",
     .kind = WN_OPTION_ENUM,
     .value_name = "KIND",
     .values = "line|bar",
     .help = "Without: lines over time, else bars."},
    {.name = "from", .kind = WN_OPTION_DAY, .value_name = "DATE", .help = "First day, inclusive."},
    {.name = "to", .kind = WN_OPTION_DAY, .value_name = "DATE", .help = "Last day, inclusive."},
    {.name = "filter",
     .letter = 'f',
     .kind = WN_OPTION_TEXT,
     .value_name = "CONDITIONS",
     .help = "Conditions separated by ';', as in query."},
    {.name = "title",
     .kind = WN_OPTION_TEXT,
     .value_name = "TEXT",
     .help = "The title; without: made from the metric."},
    {.name = "width",
     .kind = WN_OPTION_INT,
     .value_name = "PIXELS",
     .fallback = "1200",
     .min = 320,
     .max = 4000,
     .help = "Width of the picture."},
    {.name = "height",
     .kind = WN_OPTION_INT,
     .value_name = "PIXELS",
     .fallback = "630",
     .min = 320,
     .max = 4000,
     .help = "Height of the picture."},
    {.name = "dark", .kind = WN_OPTION_FLAG, .help = "Light text on a dark ground."},
    WN_OPTION_DATA,
    {0},
};

static const char *const passed_on[] = {"metric", "by",    "kind",  "from",  "to",
                                        "filter", "title", "width", "height"};

static wn_rc write_picture(const struct wn_args *args, struct wn_str png, struct wn_why *why)
{
    const char *path = wn_args_z(args, "output");
    if (path && path[0] && !(path[0] == '-' && path[1] == 0)) {
        wn_rc rc = wn_file_write(path, png, why);
        if (!rc)
            fprintf(stderr, "winnow: wrote %s (%zu bytes)\n", path, png.n);
        return rc;
    }
    if (fwrite(png.p, 1, png.n, stdout) != png.n || fflush(stdout) != 0)
        return wn_fail(why, WN_IO, NULL, "writing the picture failed");
    return WN_OK;
}

static wn_rc draw(const struct wn_args *args, uint16_t port, struct wn_arena *a, struct wn_why *why)
{
    struct wn_remote_reply reply = {0};
    struct wn_buf path;
    wn_buf_init(&path, 64 * 1024);
    wn_buf_append_z(&path, "/api/v1/analytics/chart");
    for (size_t i = 0; i < WN_COUNT(passed_on); i++)
        wn_remote_param(&path, passed_on[i], wn_args_text(args, passed_on[i]));
    if (wn_args_flag(args, "dark"))
        wn_remote_param(&path, "dark", WN_STR("true"));
    wn_buf_append_char(&path, 0);
    wn_rc rc = wn_buf_check(&path, why);
    if (!rc)
        rc = wn_remote_get(port, path.p, a, &reply, why);
    wn_buf_deinit(&path);
    if (!rc)
        rc = wn_remote_check(&reply, why);
    return rc ? rc : write_picture(args, reply.body, why);
}

int wn_cmd_chart(const struct wn_args *args)
{
    char dir[WN_PATH_MAX];
    struct wn_why why = {0};
    struct wn_reach reach;
    struct wn_arena a;
    wn_rc rc = WN_OK;
    if (!wn_args_text(args, "output").n && isatty(STDOUT_FILENO))
        rc = wn_fail(&why, WN_INVALID, "output",
                     "a picture is nothing for a terminal; name a file: winnow chart -o roi.png");
    if (!rc)
        rc = wn_data_dir(args, dir, &why);
    if (!rc)
        rc = wn_reach_open(dir, &reach, &why);
    if (rc)
        return wn_complain(rc, &why);
    wn_arena_init(&a, 0);
    rc = draw(args, reach.port, &a, &why);
    wn_reach_close(&reach);
    wn_arena_deinit(&a);
    return rc ? wn_complain(rc, &why) : 0;
}
