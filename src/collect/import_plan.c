#include "collect/import_int.h"

#include <stdio.h>
#include <string.h>

/* ---- the head of the file --------------------------------------------------------------------- */

struct head {
    struct wn_arena *a;
    struct head_record *records; /* [TITLE_LINES_MAX + HEAD_ROWS_MAX + 1] */
    size_t n_records;
    size_t n_bytes;
};

static wn_rc keep_record(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct head *h = context;
    if (h->n_records == TITLE_LINES_MAX + HEAD_ROWS_MAX + 1 || h->n_bytes > HEAD_BYTES_MAX)
        return PUMP_STOP;
    struct head_record *r = &h->records[h->n_records];
    r->line = record->line;
    r->n_fields = record->n_fields;
    r->fields = WN_ARENA_ARRAY(h->a, record->n_fields, struct wn_str);
    if (!r->fields)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the first rows");
    for (size_t i = 0; i < record->n_fields; i++) {
        r->fields[i] = wn_arena_dup(h->a, record->fields[i]);
        if (!r->fields[i].p)
            return wn_fail(why, WN_MEMORY, NULL, "no memory for the first rows");
        h->n_bytes += record->fields[i].n + sizeof(struct wn_str);
    }
    h->n_records++;
    return WN_OK;
}

static bool named_in_map(struct wn_str map, struct wn_str header)
{
    struct wn_str part;
    while (header.n && wn_str_cut(&map, ',', &part)) {
        size_t eq = wn_str_find_char(part, '=');
        if (wn_str_eq_nocase(wn_str_trim(wn_str_slice(part, 0, eq)), wn_str_trim(header)))
            return true;
    }
    return false;
}

/* The header is the first record in which at least two cells are names of columns; failing that,
 * the first with one such cell among several; failing that, the first with several texts and no
 * number. */
static bool find_header(const struct head *h, struct wn_str map, size_t *out)
{
    size_t n = h->n_records < TITLE_LINES_MAX + 1 ? h->n_records : TITLE_LINES_MAX + 1;
    size_t one = SIZE_MAX, texts = SIZE_MAX, lone = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        size_t n_known = 0, n_full = 0, n_numbers = 0;
        for (size_t c = 0; c < h->records[i].n_fields; c++) {
            struct wn_str cell = h->records[i].fields[c];
            struct wn_number number;
            n_known += header_is_known(cell) || named_in_map(map, cell);
            n_full += wn_str_trim(cell).n > 0;
            n_numbers += wn_number_read(cell, '.', &number) == WN_VALUE_GOOD;
        }
        if (n_known >= 2) {
            *out = i;
            return true;
        }
        if (n_known == 1 && one == SIZE_MAX && n_full > 1)
            one = i;
        if (n_known == 1 && lone == SIZE_MAX)
            lone = i;
        if (n_full > 1 && n_numbers == 0 && texts == SIZE_MAX)
            texts = i;
    }
    *out = one != SIZE_MAX ? one : texts != SIZE_MAX ? texts : lone;
    return *out != SIZE_MAX;
}

/* ---- columns ---------------------------------------------------------------------------------- */

static bool has_header(const struct import_plan *plan, const char *normal)
{
    char text[HEADER_TEXT_MAX], currency[4];
    for (size_t c = 0; c < plan->n_columns; c++) {
        normalise_header(plan->headers[c], text, currency);
        if (strcmp(text, normal) == 0)
            return true;
    }
    return false;
}

static void take_column(struct import_plan *plan, size_t c, import_field field)
{
    int before = plan->column_of[field];
    if (before >= 0)
        plan->fields[before] = FIELD_IGNORE;
    plan->fields[c] = field;
    if (field != FIELD_IGNORE)
        plan->column_of[field] = (int)c;
}

static void map_columns(struct import_plan *plan)
{
    int ranks[FIELD_N];
    for (size_t i = 0; i < FIELD_N; i++)
        ranks[i] = 256;
    for (size_t c = 0; c < plan->n_columns; c++) {
        char text[HEADER_TEXT_MAX], currency[4];
        normalise_header(plan->headers[c], text, currency);
        const struct import_alias *alias = format_alias(plan->format, text, NULL);
        while (alias && alias->needs && !has_header(plan, alias->needs))
            alias = format_alias(plan->format, text, alias);
        if (!alias || alias->field == FIELD_IGNORE || alias->rank >= ranks[alias->field])
            continue;
        ranks[alias->field] = alias->rank;
        take_column(plan, c, alias->field);
        if ((alias->field == FIELD_SPEND || alias->field == FIELD_REVENUE) && currency[0] &&
            !plan->currency[0])
            memcpy(plan->currency, currency, 4);
    }
}

static size_t column_named(const struct import_plan *plan, struct wn_str name)
{
    uint64_t number;
    if (name.n > 1 && name.p[0] == '#' && wn_parse_u64(wn_str_slice(name, 1, name.n), &number))
        return number >= 1 && number <= plan->n_columns ? (size_t)number - 1 : SIZE_MAX;
    for (size_t c = 0; c < plan->n_columns; c++)
        if (wn_str_eq_nocase(wn_str_trim(plan->headers[c]), name))
            return c;
    return SIZE_MAX;
}

static wn_rc apply_map(struct import_plan *plan, struct wn_str map, struct wn_why *why)
{
    struct wn_str part;
    map = wn_str_trim(map);
    while (map.n && wn_str_cut(&map, ',', &part)) {
        size_t eq = part.n;
        while (eq > 0 && part.p[eq - 1] != '=')
            eq--;
        if (eq == 0)
            return wn_fail(why, WN_INVALID, "map", "\"%.*s\" is not of the form column=field",
                           WN_STR_ARG(part));
        struct wn_str name = wn_str_trim(wn_str_slice(part, 0, eq - 1));
        struct wn_str field_name = wn_str_trim(wn_str_slice(part, eq, part.n));
        import_field field = field_by_name(field_name);
        if (field == FIELD_N)
            return wn_fail(why, WN_INVALID, "map",
                           "\"%.*s\" is no field; known are date, campaign, impressions, clicks, "
                           "spend, revenue, conversions, ignore and others (see the help)",
                           WN_STR_ARG(field_name));
        size_t c = column_named(plan, name);
        if (c == SIZE_MAX)
            return wn_fail(
                why, WN_INVALID, "map",
                "the file has no column \"%.*s\"; name it by its header or as #1 to #%zu",
                WN_STR_ARG(name), plan->n_columns);
        if (plan->fields[c] != FIELD_IGNORE)
            plan->column_of[plan->fields[c]] = -1;
        if (field != FIELD_IGNORE) {
            int *given = &plan->map_given[field];
            if (*given && *given != (int)c + 1)
                plan->map_lost = *given;
            *given = (int)c + 1;
        }
        take_column(plan, c, field);
    }
    return WN_OK;
}

bool text_is_currency(struct wn_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return s.n == 3;
}

/* The first column whose header stands again over a column that is not used; -1: none. */
static int column_with_twin(const struct import_plan *plan)
{
    for (size_t c = 0; c < plan->n_columns; c++)
        for (size_t k = 0; plan->fields[c] != FIELD_IGNORE && k < plan->n_columns; k++)
            if (k != c && plan->fields[k] == FIELD_IGNORE &&
                wn_str_eq_nocase(plan->headers[k], plan->headers[c]))
                return (int)c;
    return -1;
}

void plan_remark(const struct import_plan *plan, struct import_job *job)
{
    bool has_date = plan->column_of[FIELD_DATE] >= 0 || plan->column_of[FIELD_DATE_TIME] >= 0;
    if (plan->range_from_option && has_date && !plan->only_weekdays)
        job_problem(job, false, 0, -1, job->options->day,
                    "the rows have dates of their own: the day was not used");
    if (plan->map_lost)
        job_problem(job, false, plan->header_line, plan->map_lost - 1, WN_STR(""),
                    "the map gives this column's field to a later one as well; this column is "
                    "not used");
    int twin = job->options->map.n ? -1 : column_with_twin(plan);
    if (twin >= 0)
        job_problem(job, false, plan->header_line, twin, WN_STR(""),
                    "several columns have this header; column %d is used (name another with "
                    "--map #number=field)",
                    twin + 1);
}

static bool is_number_field(import_field f)
{
    return f >= FIELD_IMPRESSIONS && f <= FIELD_SPEND_MICROS;
}

/* ---- looks ------------------------------------------------------------------------------------ */

bool row_is_blank(const struct wn_str *fields, size_t n_fields)
{
    for (size_t i = 0; i < n_fields; i++)
        if (fields[i].n && wn_str_trim(fields[i]).n)
            return false;
    return true;
}

static bool says_total(struct wn_str s)
{
    s = wn_str_trim(s);
    if (s.n == 0 || ((s.p[0] | 0x20) != 't' && (s.p[0] | 0x20) != 'g'))
        return false;
    static const char *const words[] = {"total", "totals", "grand total", "grand totals"};
    for (size_t i = 0; i < WN_COUNT(words); i++)
        if (wn_str_eq_nocase(s, wn_str_of(words[i])))
            return true;
    return wn_str_eq_nocase(wn_str_slice(s, 0, 6), WN_STR("total:"));
}

bool row_is_total(const struct import_plan *plan, const struct wn_str *fields, size_t n_fields)
{
    int date = plan->column_of[FIELD_DATE];
    return says_total(fields[0]) ||
           (date > 0 && (size_t)date < n_fields && says_total(fields[date]));
}

static const import_field naming[] = {
    FIELD_CAMPAIGN, FIELD_CAMPAIGN_ID, FIELD_AD_GROUP, FIELD_AD_GROUP_ID, FIELD_AD,
    FIELD_AD_ID,    FIELD_CHANNEL,     FIELD_DEVICE,   FIELD_COUNTRY,     FIELD_AGE,
    FIELD_GENDER,   FIELD_PLACEMENT,   FIELD_AUDIENCE, FIELD_GOAL,        FIELD_HOUR,
};

bool row_is_nameless(const struct import_plan *plan, const struct wn_str *fields, size_t n_fields)
{
    for (size_t i = 0; i < WN_COUNT(naming); i++) {
        int c = plan->column_of[naming[i]];
        if (c >= 0 && (size_t)c < n_fields && fields[c].n && wn_str_trim(fields[c]).n)
            return false;
    }
    return true;
}

void plan_look(struct import_plan *plan, const struct wn_str *fields, size_t n_fields)
{
    if (row_is_total(plan, fields, n_fields))
        return;
    for (size_t c = 0; c < plan->n_columns && c < n_fields; c++) {
        import_field f = plan->fields[c];
        struct wn_date_text d;
        if (is_number_field(f))
            wn_decimal_look(&plan->decimal_looks[c], fields[c]);
        else if ((f == FIELD_DATE || f == FIELD_DATE_TIME || f == FIELD_DATE_END) &&
                 wn_date_read(fields[c], &d) == WN_VALUE_GOOD)
            wn_date_look(&plan->dates, &d);
    }
}

void plan_settle(struct import_plan *plan)
{
    struct wn_decimal_look file = {0};
    for (size_t c = 0; c < plan->n_columns; c++) {
        file.n_point += plan->decimal_looks[c].n_point;
        file.n_comma += plan->decimal_looks[c].n_comma;
    }
    for (size_t c = 0; c < plan->n_columns; c++)
        plan->decimals[c] = wn_decimal_choose(&plan->decimal_looks[c], &file);
}

static void look_at_head(struct import_plan *plan)
{
    bool open = false, weekdays = false;
    for (size_t i = 0; i < plan->n_head; i++) {
        const struct head_record *r = &plan->head[i];
        if (row_is_blank(r->fields, r->n_fields) || row_is_total(plan, r->fields, r->n_fields))
            continue;
        plan_look(plan, r->fields, r->n_fields);
        plan->has_names |= !row_is_nameless(plan, r->fields, r->n_fields);
        for (size_t c = 0; c < plan->n_columns && c < r->n_fields; c++) {
            struct wn_number number;
            struct wn_date_text d;
            import_field f = plan->fields[c];
            if (is_number_field(f))
                open |= wn_decimal_matters(r->fields[c]);
            if (f == FIELD_CURRENCY && !plan->currency[0] &&
                text_is_currency(wn_str_trim(r->fields[c])))
                memcpy(plan->currency, wn_str_trim(r->fields[c]).p, 3);
            if ((f == FIELD_SPEND || f == FIELD_REVENUE) && !plan->currency[0] &&
                wn_number_read(r->fields[c], plan->decimals[c], &number) == WN_VALUE_GOOD)
                memcpy(plan->currency, number.currency, 4);
            if ((f == FIELD_DATE || f == FIELD_DATE_TIME) &&
                wn_date_read(r->fields[c], &d) == WN_VALUE_GOOD) {
                plan->takes_hour |= d.hour >= 0 && (f == FIELD_DATE_TIME || !d.is_midnight);
                weekdays |= d.kind == WN_DATE_WEEKDAY;
            }
        }
    }
    plan->only_weekdays = weekdays && plan->dates.n_open + plan->dates.n_sure == 0;
    open |= plan->dates.n_open || plan->dates.n_day_first || plan->dates.n_month_first;
    plan->looked = plan->whole_file_in_head;
    plan->is_open = open && !plan->looked;
}

/* ---- what the file says of its days ----------------------------------------------------------- */

static void range_of_titles(struct import_plan *plan, const struct head *h, size_t header,
                            struct wn_arena *a)
{
    for (size_t i = 0; i < header && plan->range_from > plan->range_to; i++) {
        /* An unquoted "March 27, 2026 - April 23, 2026" has been split at its commas. */
        struct wn_buf line;
        wn_buf_init(&line, 4096);
        for (size_t c = 0; c < h->records[i].n_fields; c++) {
            if (c)
                wn_buf_append_char(&line, ',');
            wn_buf_append(&line, h->records[i].fields[c]);
        }
        struct wn_str text = wn_str_trim(wn_buf_str(&line));
        struct wn_date_text d;
        if (!line.failed && !wn_date_range_read(text, &plan->range_from, &plan->range_to) &&
            text.n && wn_date_read(text, &d) == WN_VALUE_GOOD && d.kind == WN_DATE_DAY)
            plan->range_from = plan->range_to = d.day;
        wn_buf_deinit(&line);
    }
    (void)a;
}

/* A range in parentheses or behind the last '_': "Devices(2026.02.05-2026.02.10).csv". */
static void range_of_file_name(struct import_plan *plan, struct wn_str name)
{
    for (size_t i = 0; i + 21 <= name.n; i++) {
        struct wn_str piece = wn_str_slice(name, i, i + 21);
        if (piece.p[0] >= '1' && piece.p[0] <= '2' &&
            wn_date_range_read(piece, &plan->range_from, &plan->range_to))
            return;
    }
}

static wn_rc find_range(struct import_plan *plan, const struct head *h, size_t header,
                        const struct wn_import_options *options, struct wn_arena *a,
                        struct wn_why *why)
{
    plan->range_from = 1;
    plan->range_to = 0;
    if (options->day.n) {
        int32_t day;
        if (!wn_parse_day(options->day, &day))
            return wn_fail(why, WN_INVALID, "day", "the day must be a date such as 2026-02-05");
        plan->range_from = plan->range_to = day;
        plan->range_from_option = true;
        return WN_OK;
    }
    range_of_titles(plan, h, header, a);
    if (plan->range_from > plan->range_to)
        range_of_file_name(plan, options->file_name);
    return WN_OK;
}

/* ---- the summary of it ------------------------------------------------------------------------ */

struct wn_str text_cut(struct wn_arena *a, struct wn_str s, size_t n)
{
    if (s.n > n) {
        while (n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
            n--;
        s.n = n;
    }
    return wn_arena_dup(a, s);
}

static wn_rc describe(const struct import_plan *plan, const struct pump *pump, struct wn_arena *a,
                      struct wn_import_summary *out, struct wn_why *why)
{
    out->format = wn_str_of(plan->format->shown.name);
    out->format_label = wn_str_of(plan->format->shown.label);
    out->encoding = wn_arena_dup(a, wn_str_of(pump->encoding));
    out->separator = pump->separator;
    out->header_line = plan->header_line;
    out->n_columns = plan->n_columns;
    out->columns = WN_ARENA_ARRAY(a, plan->n_columns, struct wn_import_column);
    size_t n_preview = plan->n_head < PREVIEW_ROWS_MAX ? plan->n_head : PREVIEW_ROWS_MAX;
    out->preview = WN_ARENA_ARRAY(a, n_preview * plan->n_columns, struct wn_str);
    if (!out->columns || !out->preview || !out->encoding.p)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the summary");
    out->n_preview_rows = n_preview;
    for (size_t c = 0; c < plan->n_columns; c++) {
        struct wn_import_column *column = &out->columns[c];
        column->header = plan->headers[c];
        column->field = wn_str_of(wn_import_fields[plan->fields[c]].name);
        size_t n = 0;
        for (size_t i = 0; i < plan->n_head; i++) {
            struct wn_str cell = c < plan->head[i].n_fields ? plan->head[i].fields[c] : WN_STR("");
            if (i < n_preview)
                out->preview[i * plan->n_columns + c] = text_cut(a, cell, 200);
            if (n < 3 && cell.n)
                column->samples[n++] = text_cut(a, cell, 80);
        }
    }
    for (size_t f = FIELD_IMPRESSIONS; f <= FIELD_REVENUE; f++)
        out->has_measure[f - FIELD_IMPRESSIONS] = plan->column_of[f] >= 0;
    return WN_OK;
}

_Static_assert(FIELD_REVENUE - FIELD_IMPRESSIONS == WN_MEASURE_REVENUE - WN_MEASURE_IMPRESSIONS &&
                   FIELD_SPEND - FIELD_IMPRESSIONS == (int)WN_MEASURE_SPEND,
               "the measure fields stand in the order of wn_measure");

static void derive_measures(const struct import_plan *plan, bool has[WN_MEASURE_N])
{
    if (plan->column_of[FIELD_SPEND_MICROS] >= 0)
        has[WN_MEASURE_SPEND] = true;
    if (plan->column_of[FIELD_CONVERSION_RATE] >= 0 && has[WN_MEASURE_CLICKS])
        has[WN_MEASURE_CONVERSIONS] = true;
    if (plan->column_of[FIELD_ROI] >= 0 && has[WN_MEASURE_SPEND])
        has[WN_MEASURE_REVENUE] = true;
}

static wn_rc take_header(struct import_plan *plan, const struct head *h, size_t header,
                         const struct wn_import_options *options, struct wn_arena *a,
                         struct wn_why *why)
{
    const struct head_record *r = &h->records[header];
    plan->headers = r->fields;
    plan->n_columns = r->n_fields;
    plan->header_line = r->line;
    plan->head = h->records + header + 1;
    plan->n_head = h->n_records - header - 1;
    if (plan->n_head > HEAD_ROWS_MAX) {
        plan->n_head = HEAD_ROWS_MAX;
        plan->whole_file_in_head = false;
    }
    for (size_t c = 0; c < plan->n_columns; c++)
        plan->headers[c] = wn_str_trim(plan->headers[c]);
    plan->fields = WN_ARENA_ARRAY(a, plan->n_columns, import_field);
    plan->decimals = WN_ARENA_ARRAY(a, plan->n_columns, char);
    plan->decimal_looks = WN_ARENA_ARRAY(a, plan->n_columns, struct wn_decimal_look);
    if (!plan->fields || !plan->decimals || !plan->decimal_looks)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the columns");
    for (size_t f = 0; f < FIELD_N; f++)
        plan->column_of[f] = -1;
    plan->format = format_guess(plan->headers, plan->n_columns, options->file_name);
    if (options->format.n && !wn_str_eq_nocase(options->format, WN_STR("auto"))) {
        plan->format = format_by_name(options->format);
        if (!plan->format)
            return wn_fail(why, WN_INVALID, "format",
                           "\"%.*s\" is no format; known are auto, meta, google_ads, tiktok, "
                           "linkedin, kaggle_social, kaggle_kag, generic",
                           WN_STR_ARG(options->format));
    }
    map_columns(plan);
    return apply_map(plan, options->map, why);
}

wn_rc plan_make(const struct wn_import_source *source, const struct wn_import_options *options,
                struct wn_arena *a, struct import_plan *plan, struct wn_import_summary *out,
                struct wn_why *why)
{
    *plan = (struct import_plan){0};
    struct head h = {.a = a};
    h.records = WN_ARENA_ARRAY(a, TITLE_LINES_MAX + HEAD_ROWS_MAX + 2, struct head_record);
    if (!h.records)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the first rows");
    struct pump pump = {.source = source};
    bool stopped = false;
    wn_rc rc = pump_run(&pump, keep_record, &h, &stopped, why);
    if (rc)
        return rc;
    plan->whole_file_in_head = !stopped;
    size_t header;
    if (h.n_records == 0)
        return wn_fail(why, WN_INVALID, "file", "the file is empty");
    if (!find_header(&h, options->map, &header))
        return wn_fail(why, WN_INVALID, "file",
                       "no header line found in the first %d lines: is this a table with the names "
                       "of its columns on top?",
                       TITLE_LINES_MAX);
    rc = take_header(plan, &h, header, options, a, why);
    if (rc)
        return rc;
    rc = find_range(plan, &h, header, options, a, why);
    if (rc)
        return rc;
    for (size_t c = 0; c < plan->n_columns; c++)
        plan->decimals[c] = '.';
    look_at_head(plan);
    plan_settle(plan);
    if (options->currency.n) {
        if (!text_is_currency(options->currency))
            return wn_fail(why, WN_INVALID, "currency",
                           "a currency is three capital letters such as USD");
        memcpy(plan->currency, options->currency.p, 3);
    }
    rc = describe(plan, &pump, a, out, why);
    if (rc)
        return rc;
    derive_measures(plan, out->has_measure);
    for (size_t m = 0; m < WN_MEASURE_N; m++)
        plan->has_measure |= out->has_measure[m];
    out->currency = wn_arena_dup(a, wn_str_of(plan->currency));
    bool has_date = plan->column_of[FIELD_DATE] >= 0 || plan->column_of[FIELD_DATE_TIME] >= 0;
    out->needs_day = (!has_date || plan->only_weekdays) && plan->range_from > plan->range_to;
    return out->currency.p ? WN_OK : wn_fail(why, WN_MEMORY, NULL, "no memory for the summary");
}
