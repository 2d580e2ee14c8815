#include "decide/report_int.h"

#include "core/date.h"
#include "decide/chart_int.h"

#include <stdio.h>
#include <string.h>
#include <xlsxwriter.h>

enum { CELL_CHARS_MAX = 32000, CAMPAIGNS_IN_CHART = 10, HEADER_ROW_SUMMARY = 5 };
#define BLUE 0x0072B2
#define ORANGE 0xC24A00

/* A workbook in the making; the first error of the library is kept. */
struct book {
    lxw_workbook *wb;
    struct wn_arena *a;
    const struct report_data *data;
    lxw_error failed;
    bool no_memory;
    lxw_format *title, *muted, *header, *header_right, *text, *date, *label;
    lxw_format *units[4], *change, *change_good, *change_bad;
};

static void keep(struct book *b, lxw_error error)
{
    if (b->failed == LXW_NO_ERROR)
        b->failed = error;
}

/* ---- cells ------------------------------------------------------------------------------------ */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Excel reads _x0041_ in a text as the character 0x41. */
static bool looks_escaped(struct wn_str s, size_t i)
{
    return i + 7 <= s.n && s.p[i] == '_' && s.p[i + 1] == 'x' && is_hex(s.p[i + 2]) &&
           is_hex(s.p[i + 3]) && is_hex(s.p[i + 4]) && is_hex(s.p[i + 5]) && s.p[i + 6] == '_';
}

const char *report_cell_text(struct wn_arena *a, struct wn_str s)
{
    struct wn_buf b;
    wn_buf_init(&b, (size_t)CELL_CHARS_MAX * 16);
    size_t bad = s.n, n_chars = 0;
    bool valid = wn_str_utf8_valid(s, &bad);
    for (size_t i = 0; i < s.n && n_chars < CELL_CHARS_MAX; i++) {
        if (!valid && i == bad) {
            wn_buf_append_z(&b, "\xEF\xBF\xBD");
            n_chars++;
            size_t next = 0;
            struct wn_str rest = wn_str_slice(s, i + 1, s.n);
            valid = wn_str_utf8_valid(rest, &next);
            bad = i + 1 + next;
            continue;
        }
        if (s.p[i] == 0)
            continue;
        if (looks_escaped(s, i)) {
            wn_buf_append_z(&b, "_x005F");
            n_chars += 6;
        }
        wn_buf_append_char(&b, s.p[i]);
        /* A sequence is never cut: its bytes count once, at the first. */
        while (i + 1 < s.n && ((unsigned char)s.p[i + 1] & 0xC0) == 0x80 &&
               (valid || i + 1 < bad)) {
            wn_buf_append_char(&b, s.p[++i]);
        }
        n_chars += 2; /* a character beyond U+FFFF counts as two */
    }
    struct wn_str done = wn_arena_dup(a, wn_buf_str(&b));
    bool failed = b.failed != WN_OK;
    wn_buf_deinit(&b);
    return failed ? NULL : done.p;
}

static void put_text(struct book *b, lxw_worksheet *ws, uint32_t row, uint16_t col,
                     struct wn_str text, lxw_format *format)
{
    const char *z = report_cell_text(b->a, text);
    if (!z) {
        b->no_memory = true;
        return;
    }
    keep(b, worksheet_write_string(ws, row, col, z, format));
}

static void put_number(struct book *b, lxw_worksheet *ws, uint32_t row, uint16_t col,
                       const struct wn_value *v, lxw_format *format)
{
    if (v && v->kind == WN_VALUE_REAL)
        keep(b, worksheet_write_number(ws, row, col, v->real, format));
    else if (v && v->kind == WN_VALUE_INT)
        keep(b, worksheet_write_number(ws, row, col, (double)v->integer, format));
}

static void put_day(struct book *b, lxw_worksheet *ws, uint32_t row, uint16_t col,
                    struct wn_str text)
{
    int32_t day;
    if (!wn_parse_day(text, &day)) {
        put_text(b, ws, row, col, text, b->text);
        return;
    }
    struct wn_date d = wn_date_of_day(day);
    lxw_datetime when = {.year = d.year, .month = d.month, .day = d.day};
    keep(b, worksheet_write_datetime(ws, row, col, &when, b->date));
}

/* ---- tables ----------------------------------------------------------------------------------- */

static size_t column_of(const struct wn_table *t, struct wn_str name)
{
    for (size_t i = 0; i < t->n_columns; i++)
        if (wn_str_eq(t->columns[i], name))
            return i;
    return SIZE_MAX;
}

static const struct wn_value *cell(const struct wn_table *t, size_t row, size_t column)
{
    return column == SIZE_MAX || row >= t->n_rows ? NULL : wn_table_at(t, row, column);
}

static const struct wn_value *metric_cell(const struct wn_table *t, size_t row,
                                          const struct wn_metric *m, const char *suffix)
{
    char name[WN_METRIC_NAME_MAX + 16];
    snprintf(name, sizeof name, "%.*s%s", WN_STR_ARG(m->name), suffix);
    return cell(t, row, column_of(t, wn_str_of(name)));
}

static struct wn_str channel_label(struct wn_str name)
{
    const struct wn_code *code = wn_code_by_name(wn_channels, wn_n_channels, name);
    return code ? wn_str_of(code->label) : name;
}

static struct wn_str metric_header(struct book *b, const struct wn_metric *m)
{
    struct wn_str label = m->label.n ? m->label : m->name;
    if (m->unit != WN_UNIT_MONEY || !b->data->currency.n)
        return label;
    struct wn_str with =
        wn_arena_printf(b->a, "%.*s, %.*s", WN_STR_ARG(label), WN_STR_ARG(b->data->currency));
    b->no_memory |= with.p == NULL;
    return with;
}

static lxw_worksheet *add_sheet(struct book *b, const char *name)
{
    lxw_worksheet *ws = workbook_add_worksheet(b->wb, name);
    if (!ws) {
        b->no_memory = true;
        return NULL;
    }
    worksheet_gridlines(ws, LXW_HIDE_ALL_GRIDLINES);
    worksheet_set_landscape(ws);
    worksheet_fit_to_pages(ws, 1, 0);
    if (b->data->has_sample)
        worksheet_set_header(ws, "&LWinnow &A&RSample data");
    return ws;
}

struct dimension {
    const char *column; /* of the table */
    const char *header;
    double width;
};

/* A sheet with one table: header, frozen and filtered, then a row per row. Returns the sheet. */
static lxw_worksheet *table_sheet(struct book *b, const char *name, const struct wn_table *t,
                                  const struct dimension *dims, uint16_t n_dims)
{
    const struct report_data *data = b->data;
    lxw_worksheet *ws = add_sheet(b, name);
    if (!ws)
        return NULL;
    for (uint16_t d = 0; d < n_dims; d++) {
        keep(b, worksheet_set_column(ws, d, d, dims[d].width, NULL));
        put_text(b, ws, 0, d, wn_str_of(dims[d].header), b->header);
    }
    uint16_t n_metrics = (uint16_t)data->n_metrics;
    if (n_metrics)
        keep(b, worksheet_set_column(ws, n_dims, (uint16_t)(n_dims + n_metrics - 1), 15, NULL));
    for (uint16_t m = 0; m < n_metrics; m++)
        put_text(b, ws, 0, (uint16_t)(n_dims + m), metric_header(b, data->metrics[m]),
                 b->header_right);
    for (size_t r = 0; r < t->n_rows; r++) {
        uint32_t row = (uint32_t)r + 1;
        for (uint16_t d = 0; d < n_dims; d++) {
            const struct wn_value *v = cell(t, r, column_of(t, wn_str_of(dims[d].column)));
            if (!v || v->kind != WN_VALUE_TEXT)
                continue;
            if (strcmp(dims[d].column, "day") == 0)
                put_day(b, ws, row, d, v->text);
            else if (strcmp(dims[d].column, "channel") == 0)
                put_text(b, ws, row, d, channel_label(v->text), b->text);
            else
                put_text(b, ws, row, d, v->text, b->text);
        }
        for (uint16_t m = 0; m < n_metrics; m++)
            put_number(b, ws, row, (uint16_t)(n_dims + m), metric_cell(t, r, data->metrics[m], ""),
                       b->units[data->metrics[m]->unit]);
    }
    worksheet_freeze_panes(ws, 1, n_dims);
    keep(b,
         worksheet_autofilter(ws, 0, 0, (uint32_t)t->n_rows, (uint16_t)(n_dims + n_metrics - 1)));
    return ws;
}

/* ---- charts ----------------------------------------------------------------------------------- */

struct chart_plan {
    uint8_t type; /* LXW_CHART_... */
    const char *title;
    const char *sheet; /* where the table is */
    const struct wn_table *table;
    uint16_t category_col, n_dims;
    size_t n_rows;          /* 0 = all rows of the table */
    const char *metrics[2]; /* series, by name; those not there are left out */
};

static int metric_index(const struct report_data *data, const char *name)
{
    for (size_t m = 0; name && m < data->n_metrics; m++)
        if (wn_str_eq(data->metrics[m]->name, wn_str_of(name)))
            return (int)m;
    return -1;
}

/* The library takes texts that it could change; it does not. */
static char *axis_format(wn_metric_unit unit)
{
    static char formats[][8] = {"#,##0", "#,##0", "0%", "0.0"};
    return formats[unit];
}

enum { SLICES_MAX = 32 };

/* Slices have the colours that their channels have everywhere. */
static void color_slices(struct book *b, lxw_chart_series *series, const struct wn_table *t)
{
    lxw_chart_fill fills[SLICES_MAX];
    lxw_chart_point points[SLICES_MAX], *list[SLICES_MAX + 1];
    size_t n = t->n_rows < SLICES_MAX ? t->n_rows : SLICES_MAX;
    for (size_t r = 0; r < n; r++) {
        const struct wn_value *v = cell(t, r, column_of(t, WN_STR("channel")));
        const struct wn_code *code = NULL;
        if (v && v->kind == WN_VALUE_TEXT)
            code = wn_code_by_name(wn_channels, wn_n_channels, v->text);
        fills[r] = (lxw_chart_fill){.color = chart_channel_color(code ? code->code : 0)};
        points[r] = (lxw_chart_point){.fill = &fills[r]};
        list[r] = &points[r];
    }
    list[n] = NULL;
    keep(b, chart_series_set_points(series, list));
}

static void add_series(struct book *b, lxw_chart *chart, const struct chart_plan *plan, int i)
{
    static const lxw_color_t colors[2] = {BLUE, ORANGE};
    int m = metric_index(b->data, plan->metrics[i]);
    if (m < 0)
        return;
    size_t n =
        plan->n_rows && plan->n_rows < plan->table->n_rows ? plan->n_rows : plan->table->n_rows;
    uint16_t col = (uint16_t)(plan->n_dims + m);
    lxw_chart_series *series = chart_add_series(chart, NULL, NULL);
    if (!series) {
        b->no_memory = true;
        return;
    }
    chart_series_set_categories(series, plan->sheet, 1, plan->category_col, (uint32_t)n,
                                plan->category_col);
    chart_series_set_values(series, plan->sheet, 1, col, (uint32_t)n, col);
    chart_series_set_name_range(series, plan->sheet, 0, col);
    if (plan->type == LXW_CHART_LINE) {
        lxw_chart_line line = {.color = colors[i], .width = 2.25};
        chart_series_set_line(series, &line);
    } else if (plan->type == LXW_CHART_DOUGHNUT) {
        color_slices(b, series, plan->table);
    } else {
        lxw_chart_fill fill = {.color = colors[i]};
        chart_series_set_fill(series, &fill);
    }
}

static void add_chart(struct book *b, lxw_worksheet *ws, uint32_t row, uint16_t col,
                      const struct chart_plan *plan)
{
    if (!ws || plan->table->n_rows == 0 || metric_index(b->data, plan->metrics[0]) < 0)
        return;
    lxw_chart *chart = workbook_add_chart(b->wb, plan->type);
    if (!chart) {
        b->no_memory = true;
        return;
    }
    for (int i = 0; i < 2; i++)
        add_series(b, chart, plan, i);
    chart_title_set_name(chart, plan->title);
    lxw_chart_font font = {.size = 13, .bold = LXW_TRUE};
    chart_title_set_name_font(chart, &font);
    chart_legend_set_position(chart, LXW_CHART_LEGEND_BOTTOM);
    if (plan->type != LXW_CHART_DOUGHNUT) {
        wn_metric_unit unit = b->data->metrics[metric_index(b->data, plan->metrics[0])]->unit;
        lxw_chart_line grid = {.color = 0xE0E4E8, .width = 0.75};
        chart_axis_set_num_format(chart->y_axis, axis_format(unit));
        chart_axis_major_gridlines_set_line(chart->y_axis, &grid);
        if (strcmp(plan->sheet, "Daily") == 0) {
            chart_axis_set_num_format(chart->x_axis, "d mmm");
            chart_axis_set_interval_unit(chart->x_axis, 7);
            chart_axis_set_interval_tick(chart->x_axis, 7);
        }
        if (plan->type == LXW_CHART_BAR)
            chart_axis_set_reverse(chart->y_axis); /* the first row on top */
        if (metric_index(b->data, plan->metrics[1]) < 0)
            chart_legend_set_position(chart, LXW_CHART_LEGEND_NONE);
    }
    lxw_chart_options options = {.x_scale = 1.35, .y_scale = 1.2, .object_position = 3};
    keep(b, worksheet_insert_chart_opt(ws, row, col, chart, &options));
}

/* ---- sheets ----------------------------------------------------------------------------------- */

static void formats_init(struct book *b)
{
    static const char *const by_unit[4] = {"#,##0", "#,##0.00", "0.00%", "0.00"};
    lxw_format **all[] = {&b->title,    &b->muted,  &b->header,      &b->header_right, &b->text,
                          &b->date,     &b->label,  &b->units[0],    &b->units[1],     &b->units[2],
                          &b->units[3], &b->change, &b->change_good, &b->change_bad};
    for (size_t i = 0; i < WN_COUNT(all); i++) {
        *all[i] = workbook_add_format(b->wb);
        if (!*all[i]) {
            b->no_memory = true;
            return;
        }
    }
    format_set_bold(b->title);
    format_set_font_size(b->title, 18);
    format_set_font_color(b->muted, 0x5A6472);
    format_set_bold(b->label);
    lxw_format *headers[] = {b->header, b->header_right};
    for (size_t i = 0; i < 2; i++) {
        format_set_bold(headers[i]);
        format_set_bg_color(headers[i], 0xEEF1F4);
        format_set_bottom(headers[i], LXW_BORDER_THIN);
        format_set_text_wrap(headers[i]);
        format_set_align(headers[i], LXW_ALIGN_VERTICAL_CENTER);
    }
    format_set_align(b->header_right, LXW_ALIGN_RIGHT);
    format_set_num_format(b->date, "yyyy-mm-dd");
    format_set_align(b->date, LXW_ALIGN_LEFT);
    for (size_t i = 0; i < 4; i++)
        format_set_num_format(b->units[i], by_unit[i]);
    lxw_format *changes[] = {b->change, b->change_good, b->change_bad};
    for (size_t i = 0; i < 3; i++)
        format_set_num_format(changes[i], "+0.0%;-0.0%;0.0%");
    format_set_font_color(b->change_good, 0x00734F);
    format_set_font_color(b->change_bad, 0xB3261E);
}

static bool number_of(const struct wn_value *v, double *out)
{
    if (!v || (v->kind != WN_VALUE_REAL && v->kind != WN_VALUE_INT))
        return false;
    *out = v->kind == WN_VALUE_REAL ? v->real : (double)v->integer;
    return true;
}

static void put_change(struct book *b, lxw_worksheet *ws, uint32_t row, uint16_t col, int8_t better,
                       const struct wn_value *now, const struct wn_value *previous)
{
    double x, y;
    if (!number_of(now, &x) || !number_of(previous, &y) || y == 0)
        return;
    double change = (x - y) / (y < 0 ? -y : y);
    lxw_format *format = b->change;
    if (better != 0 && change != 0)
        format = (change > 0) == (better > 0) ? b->change_good : b->change_bad;
    keep(b, worksheet_write_number(ws, row, col, change, format));
}

static void summary_head(struct book *b, lxw_worksheet *ws)
{
    const struct report_data *data = b->data;
    char range[CHART_TEXT_MAX], line[CHART_TEXT_MAX + 64];
    put_text(b, ws, 0, 0, WN_STR("Advertising report"), b->title);
    chart_print_range(data->day_from, data->day_to, range);
    put_text(b, ws, 1, 0, wn_str_of(range), b->label);
    chart_print_range(data->previous_from, data->previous_to, range);
    snprintf(line, sizeof line, "Compared with %s", range);
    put_text(b, ws, 2, 0, wn_str_of(line), b->muted);
    snprintf(line, sizeof line, "%s%s%.*s",
             data->has_sample ? "Sample data: made by the market simulator" : "",
             data->has_sample && data->currency.n ? ". Amounts in "
             : data->currency.n                   ? "Amounts in "
                                                  : "",
             data->currency.n > 8 ? 8 : (int)data->currency.n,
             data->currency.n ? data->currency.p : "");
    put_text(b, ws, 3, 0, wn_str_of(line), data->has_sample ? b->label : b->muted);
}

static lxw_worksheet *summary_sheet(struct book *b)
{
    const struct report_data *data = b->data;
    static const struct {
        const char *text;
        double width;
    } headers[] = {{"Metric", 24}, {"This period", 18}, {"Previous period", 18}, {"Change", 12}};
    lxw_worksheet *ws = add_sheet(b, "Summary");
    if (!ws)
        return NULL;
    summary_head(b, ws);
    uint32_t row = HEADER_ROW_SUMMARY;
    for (uint16_t i = 0; i < (uint16_t)WN_COUNT(headers); i++) {
        keep(b, worksheet_set_column(ws, i, i, headers[i].width, NULL));
        put_text(b, ws, row, i, wn_str_of(headers[i].text), i ? b->header_right : b->header);
    }
    for (size_t m = 0; m < data->n_metrics; m++) {
        const struct wn_metric *metric = data->metrics[m];
        const struct wn_value *now = metric_cell(data->totals, 0, metric, "");
        const struct wn_value *previous = metric_cell(data->totals, 0, metric, "_previous");
        row++;
        put_text(b, ws, row, 0, metric_header(b, metric), b->text);
        put_number(b, ws, row, 1, now, b->units[metric->unit]);
        put_number(b, ws, row, 2, previous, b->units[metric->unit]);
        put_change(b, ws, row, 3, metric->better, now, previous);
    }
    worksheet_freeze_panes(ws, HEADER_ROW_SUMMARY + 1, 0);
    keep(b, worksheet_autofilter(ws, HEADER_ROW_SUMMARY, 0, row, 3));
    if (data->daily->n_rows == 0)
        put_text(b, ws, row + 2, 0, WN_STR("There is no data in this range."), b->label);
    return ws;
}

static void write_sheets(struct book *b)
{
    const struct report_data *data = b->data;
    static const struct dimension channel[] = {{"channel", "Channel", 20}};
    static const struct dimension campaign[] = {
        {"campaign", "Campaign", 44}, {"channel", "Channel", 18}, {"account", "Account", 22}};
    static const struct dimension day[] = {{"day", "Day", 13}};
    uint16_t n_metrics = (uint16_t)data->n_metrics;

    lxw_worksheet *summary = summary_sheet(b);
    lxw_worksheet *channels = table_sheet(b, "Channels", data->channels, channel, 1);
    lxw_worksheet *campaigns = table_sheet(b, "Campaigns", data->campaigns, campaign, 3);
    lxw_worksheet *daily = table_sheet(b, "Daily", data->daily, day, 1);
    if (campaigns && data->campaigns_cut)
        put_text(b, campaigns, (uint32_t)data->campaigns->n_rows + 2, 0,
                 WN_STR("Only the campaigns that spent most are listed."), b->muted);

    struct chart_plan over_time = {
        LXW_CHART_LINE,      "Spend and revenue by day", "Daily", data->daily, 0, 1, 0,
        {"spend", "revenue"}};
    struct chart_plan share = {
        LXW_CHART_DOUGHNUT, "Share of spend", "Channels", data->channels, 0, 1, 0, {"spend", NULL}};
    struct chart_plan money = {
        LXW_CHART_COLUMN,    "Spend and revenue by channel", "Channels", data->channels, 0, 1, 0,
        {"spend", "revenue"}};
    struct chart_plan roas = {
        LXW_CHART_COLUMN, "ROAS by channel", "Channels", data->channels, 0, 1, 0, {"roas", NULL}};
    struct chart_plan top = {
        LXW_CHART_BAR,      "Campaigns that spent most", "Campaigns", data->campaigns, 0, 3,
        CAMPAIGNS_IN_CHART, {"spend", "revenue"}};
    struct chart_plan roas_daily = {LXW_CHART_LINE, "ROAS by day", "Daily", data->daily, 0, 1, 0,
                                    {"roas", NULL}};
    uint32_t below = (uint32_t)data->channels->n_rows + 2;
    add_chart(b, summary, 5, 5, &over_time);
    add_chart(b, summary, 25, 5, &share);
    add_chart(b, channels, below, 0, &money);
    add_chart(b, channels, below, 6, &roas);
    add_chart(b, campaigns, 1, (uint16_t)(n_metrics + 4), &top);
    add_chart(b, daily, 1, (uint16_t)(n_metrics + 2), &over_time);
    add_chart(b, daily, 21, (uint16_t)(n_metrics + 2), &roas_daily);
}

/* ---- the file --------------------------------------------------------------------------------- */

static wn_rc read_all(FILE *file, struct wn_buf *out, struct wn_why *why)
{
    rewind(file);
    for (;;) {
        char *room = wn_buf_room(out, 1 << 16);
        if (!room)
            return wn_buf_check(out, why);
        size_t n = fread(room, 1, 1 << 16, file);
        wn_buf_used(out, n);
        if (n == 0)
            return ferror(file) ? wn_fail(why, WN_IO, NULL, "the workbook cannot be read back")
                                : WN_OK;
    }
}

static wn_rc explain(const struct book *b, lxw_error closed, struct wn_why *why)
{
    lxw_error error = b->failed ? b->failed : closed;
    if (b->no_memory || error == LXW_ERROR_MEMORY_MALLOC_FAILED)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the workbook");
    if (error == LXW_NO_ERROR)
        return WN_OK;
    return wn_fail(why, error == LXW_ERROR_CREATING_TMPFILE ? WN_DISK : WN_IO, NULL,
                   "the workbook cannot be written: %s", lxw_strerror(error));
}

/* The library writes to a path only: it gets that of a temporary file which has no name in any
 * directory, so that nothing is left behind, whatever happens. */
wn_rc report_write(const struct report_data *data, struct wn_arena *a, struct wn_buf *out,
                   struct wn_why *why)
{
    static char title[] = "Advertising report", author[] = "Winnow", sample[] = "Sample data",
                none[] = "";
    char path[64];
    FILE *file = tmpfile();
    if (!file)
        return wn_fail(why, WN_DISK, NULL, "no temporary file can be made for the workbook");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(file));
    struct book b = {.wb = workbook_new(path), .a = a, .data = data};
    if (!b.wb) {
        fclose(file);
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the workbook");
    }
    lxw_doc_properties properties = {
        .title = title,
        .author = author,
        .comments = data->has_sample ? sample : none,
        .created = (time_t)(data->day_to * (WN_DAY_MS / 1000)), /* the same data, the same file */
    };
    keep(&b, workbook_set_properties(b.wb, &properties));
    formats_init(&b);
    if (!b.no_memory)
        write_sheets(&b);
    lxw_error closed = workbook_close(b.wb);
    wn_rc rc = explain(&b, closed, why);
    if (!rc)
        rc = read_all(file, out, why);
    fclose(file);
    return rc;
}
