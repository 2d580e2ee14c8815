/* winnow chart: a picture of one metric, drawn by the server or by one of our own. */
#include "cli/commands.h"
#include "cli/output.h"
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
    WN_OPTIONS_SCOPE,
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
    return wn_output_print(png, why);
}

int wn_cmd_chart(const struct wn_args *args)
{
    struct wn_why why = {0};
    struct wn_arena a;
    struct wn_str png;
    const char *path = wn_args_flag(args, "dark") ? "/api/v1/analytics/chart?dark=true"
                                                  : "/api/v1/analytics/chart";
    wn_rc rc = WN_OK;
    wn_arena_init(&a, 0);
    if (!wn_args_text(args, "output").n && isatty(STDOUT_FILENO))
        rc = wn_fail(&why, WN_INVALID, "output",
                     "a picture is nothing for a terminal; name a file: winnow chart -o roi.png");
    if (!rc)
        rc = wn_remote_ask(args, path, passed_on, WN_COUNT(passed_on), &a, &png, &why);
    if (!rc)
        rc = write_picture(args, png, &why);
    wn_arena_deinit(&a);
    return rc ? wn_complain(rc, &why) : 0;
}
