#include "cli/terminal.h"

#include "io/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void wn_print_grouped(struct wn_buf *out, double value, int decimals)
{
    char text[64];
    if (fabs(value) >= 1e18) {
        wn_buf_printf(out, "%.6g", value);
        return;
    }
    int n = snprintf(text, sizeof text, "%.*f", decimals, fabs(value));
    int whole = decimals > 0 ? n - decimals - 1 : n;
    if (value < 0 && strspn(text, "0.") != (size_t)n)
        wn_buf_append_char(out, '-');
    for (int i = 0; i < n; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0)
            wn_buf_append_char(out, ',');
        wn_buf_append_char(out, text[i]);
    }
}

void wn_print_unit(struct wn_buf *out, const char *unit, double value)
{
    if (unit && strcmp(unit, "ratio") == 0) {
        wn_print_grouped(out, value * 100, fabs(value) < 0.1 ? 2 : 1);
        wn_buf_append_z(out, " %");
    } else if (unit && (strcmp(unit, "money") == 0 || strcmp(unit, "factor") == 0)) {
        wn_print_grouped(out, value, 2);
    } else {
        wn_print_grouped(out, value, value == floor(value) ? 0 : 2);
    }
}

/* The code point at *at, and moves there behind it; text is valid UTF-8 or counts bytes. */
static uint32_t next_code_point(struct wn_str s, size_t *at)
{
    unsigned char lead = (unsigned char)s.p[(*at)++];
    size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    uint32_t c = more == 3 ? lead & 7u : more == 2 ? lead & 15u : more == 1 ? lead & 31u : lead;
    for (; more && *at < s.n; more--)
        c = (c << 6) | ((unsigned char)s.p[(*at)++] & 63u);
    return c;
}

size_t wn_text_width(struct wn_str s)
{
    size_t width = 0, at = 0;
    while (at < s.n) {
        uint32_t c = next_code_point(s, &at);
        bool combining = (c >= 0x300 && c <= 0x36F) || c == 0x200D || (c >= 0xFE00 && c <= 0xFE0F);
        bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
                    (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
                    (c >= 0xFF00 && c <= 0xFF60) || (c >= 0x1F300 && c <= 0x1FAFF);
        width += combining ? 0 : wide ? 2 : 1;
    }
    return width;
}

/* ---- query table ------------------------------------------------------------------------------ */

enum { CELL_WIDTH_MAX = 60 };

static struct wn_str cell_text(struct wn_arena *a, const char *unit, bool is_number,
                               const struct wn_json *cell)
{
    if (cell->kind == WN_JSON_TEXT)
        return cell->text;
    if (cell->kind != WN_JSON_INT && cell->kind != WN_JSON_REAL)
        return WN_STR("-");
    struct wn_buf b;
    wn_buf_init(&b, 128);
    if (is_number)
        wn_print_unit(&b, unit, cell->real);
    else
        wn_buf_printf(&b, "%lld", (long long)cell->integer);
    struct wn_str text = wn_arena_dup(a, wn_buf_str(&b));
    wn_buf_deinit(&b);
    return text;
}

static void put_cell(struct wn_buf *out, struct wn_str text, size_t width, bool right, bool last)
{
    size_t at = 0, used = 0, cut = 0;
    while (at < text.n && used < CELL_WIDTH_MAX) {
        cut = at;
        (void)next_code_point(text, &at);
        used++;
    }
    if (at < text.n)
        text.n = cut;
    size_t shown = wn_text_width(text);
    size_t padding = width > shown ? width - shown : 0;
    for (size_t i = 0; right && i < padding; i++)
        wn_buf_append_char(out, ' ');
    wn_buf_append(out, text);
    for (size_t i = 0; !right && !last && i < padding; i++)
        wn_buf_append_char(out, ' ');
}

wn_rc wn_print_query_table(struct wn_buf *out, const struct wn_json *reply, struct wn_why *why)
{
    const struct wn_json *columns = wn_json_get(reply, "columns");
    const struct wn_json *rows = wn_json_get(reply, "rows");
    if (!columns || columns->kind != WN_JSON_ARRAY || !rows || rows->kind != WN_JSON_ARRAY)
        return wn_fail(why, WN_INTERNAL, NULL, "the reply is not a query result");
    size_t n = columns->n_items;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    struct wn_str *cells = WN_ARENA_ARRAY(&a, (rows->n_items + 1) * n + 1, struct wn_str);
    size_t *widths = WN_ARENA_ARRAY(&a, n + 1, size_t);
    bool *right = WN_ARENA_ARRAY(&a, n + 1, bool);
    if (!cells || !widths || !right) {
        wn_arena_deinit(&a);
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    }
    for (size_t c = 0; c < n; c++) {
        struct wn_str kind = {0}, unit = {0}, name = {0};
        wn_rc rc = wn_json_get_text(&columns->items[c], "name", &name, NULL);
        if (!rc)
            rc = wn_json_get_text(&columns->items[c], "kind", &kind, NULL);
        (void)rc;
        const struct wn_json *unit_json = wn_json_get(&columns->items[c], "unit");
        if (unit_json && unit_json->kind == WN_JSON_TEXT)
            unit = unit_json->text;
        char unit_z[32];
        snprintf(unit_z, sizeof unit_z, "%.*s", WN_STR_ARG(unit));
        right[c] = wn_str_eq(kind, WN_STR("metric")) || wn_str_eq(kind, WN_STR("previous"));
        cells[c] = name;
        for (size_t r = 0; r < rows->n_items; r++)
            if (rows->items[r].kind == WN_JSON_ARRAY && c < rows->items[r].n_items)
                cells[(r + 1) * n + c] =
                    cell_text(&a, unit.n ? unit_z : NULL, right[c], &rows->items[r].items[c]);
        for (size_t r = 0; r <= rows->n_items; r++) {
            size_t width = wn_text_width(cells[r * n + c]);
            width = width < CELL_WIDTH_MAX ? width : CELL_WIDTH_MAX;
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (size_t r = 0; r <= rows->n_items; r++) {
        for (size_t c = 0; c < n; c++) {
            if (c)
                wn_buf_append_z(out, "  ");
            put_cell(out, cells[r * n + c], widths[c], right[c], c + 1 == n);
        }
        wn_buf_append_char(out, '\n');
        for (size_t c = 0; r == 0 && c < n; c++) {
            wn_buf_append_z(out, c ? "  " : "");
            for (size_t i = 0; i < widths[c]; i++)
                wn_buf_append_char(out, '-');
        }
        if (r == 0)
            wn_buf_append_char(out, '\n');
    }
    wn_arena_deinit(&a);
    return wn_buf_check(out, why);
}

/* ---- import summary --------------------------------------------------------------------------- */

static struct wn_str text_of(const struct wn_json *v, const char *key)
{
    const struct wn_json *member = wn_json_get(v, key);
    return member && member->kind == WN_JSON_TEXT ? member->text : (struct wn_str){"", 0};
}

static double number_of(const struct wn_json *v, const char *key)
{
    const struct wn_json *member = wn_json_get(v, key);
    return member && (member->kind == WN_JSON_INT || member->kind == WN_JSON_REAL) ? member->real
                                                                                   : 0;
}

static void print_totals(struct wn_buf *out, const struct wn_json *summary)
{
    const struct wn_json *totals = wn_json_get(summary, "totals");
    struct wn_str currency = text_of(summary, "currency");
    if (!totals || totals->kind != WN_JSON_OBJECT || totals->n_items == 0)
        return;
    wn_buf_append_z(out, " ");
    for (size_t i = 0; i < totals->n_items; i++) {
        const struct wn_json *total = &totals->items[i];
        bool money =
            wn_str_eq(total->key, WN_STR("spend")) || wn_str_eq(total->key, WN_STR("revenue"));
        wn_buf_append_z(out, i ? ", " : " ");
        wn_buf_append(out, total->key);
        wn_buf_append_char(out, ' ');
        wn_print_unit(out, money ? "money" : "count", total->real);
        if (money && currency.n) {
            wn_buf_append_char(out, ' ');
            wn_buf_append(out, currency);
        }
    }
    wn_buf_append_char(out, '\n');
}

enum { PROBLEMS_SHOWN = 10 };

static void print_problems(struct wn_buf *out, const struct wn_json *summary)
{
    const struct wn_json *problems = wn_json_get(summary, "problems");
    size_t n = problems && problems->kind == WN_JSON_ARRAY ? problems->n_items : 0;
    for (size_t i = 0; i < n && i < PROBLEMS_SHOWN; i++) {
        const struct wn_json *p = &problems->items[i];
        struct wn_str column = text_of(p, "column"), value = text_of(p, "value");
        const struct wn_json *is_error = wn_json_get(p, "is_error");
        wn_buf_append_z(out, is_error && is_error->boolean ? "  error: " : "  note:  ");
        if (number_of(p, "line") > 0)
            wn_buf_printf(out, "line %.0f: ", number_of(p, "line"));
        if (column.n)
            wn_buf_printf(out, "%.*s: ", WN_STR_ARG(column));
        if (value.n)
            wn_buf_printf(out, "'%.*s': ", WN_STR_ARG(value));
        wn_buf_append(out, text_of(p, "text"));
        wn_buf_append_char(out, '\n');
    }
    double all = number_of(summary, "errors") + number_of(summary, "remarks");
    if (all > (double)(n < PROBLEMS_SHOWN ? n : PROBLEMS_SHOWN))
        wn_buf_printf(out, "  ... %.0f more; --json lists them\n",
                      all - (double)(n < PROBLEMS_SHOWN ? n : PROBLEMS_SHOWN));
}

void wn_print_import_summary(struct wn_buf *out, const struct wn_json *summary)
{
    wn_buf_printf(out, "%.*s: %.*s", WN_STR_ARG(text_of(summary, "file_name")),
                  WN_STR_ARG(text_of(summary, "format_label")));
    struct wn_str from = text_of(summary, "day_from"), to = text_of(summary, "day_to");
    if (from.n)
        wn_buf_printf(out, ", %.*s to %.*s", WN_STR_ARG(from), WN_STR_ARG(to));
    wn_buf_printf(out, "\n  %.*s\n", WN_STR_ARG(text_of(summary, "message")));
    print_totals(out, summary);
    const struct wn_json *dry_run = wn_json_get(summary, "dry_run");
    const struct wn_json *columns = wn_json_get(summary, "columns");
    if (dry_run && dry_run->boolean && columns && columns->kind == WN_JSON_ARRAY)
        for (size_t i = 0; i < columns->n_items; i++) {
            struct wn_str field = text_of(&columns->items[i], "field");
            wn_buf_printf(out, "  column %zu '%.*s' -> %.*s\n", i + 1,
                          WN_STR_ARG(text_of(&columns->items[i], "header")), WN_STR_ARG(field));
        }
    print_problems(out, summary);
}

/* ---- progress --------------------------------------------------------------------------------- */

enum { BAR_WIDTH = 28 };

void wn_progress_init(struct wn_progress *p, const char *label)
{
    *p = (struct wn_progress){.is_terminal = isatty(STDERR_FILENO) == 1,
                              .started_ns = wn_clock_monotonic_ns(),
                              .label = label};
}

void wn_progress_draw(struct wn_progress *p, uint64_t done, uint64_t total, uint64_t n_rows)
{
    int64_t now_ns = wn_clock_monotonic_ns();
    if (!p->is_terminal || now_ns - p->drawn_ns < 80 * 1000000)
        return;
    p->drawn_ns = now_ns;
    double ratio = total ? (double)done / (double)total : 0;
    ratio = ratio > 1 ? 1 : ratio;
    int full = (int)(ratio * BAR_WIDTH);
    struct wn_buf line;
    wn_buf_init(&line, 1024);
    wn_buf_printf(&line, "\r\033[K%.40s [", p->label);
    for (int i = 0; i < BAR_WIDTH; i++)
        wn_buf_append_char(&line, i < full ? '#' : '.');
    wn_buf_printf(&line, "] %3.0f %%  ", ratio * 100);
    if (n_rows) {
        wn_print_grouped(&line, (double)n_rows, 0);
        wn_buf_append_z(&line, " rows  ");
    }
    wn_buf_printf(&line, "%.0f s", (double)(now_ns - p->started_ns) / 1e9);
    struct wn_str s = wn_buf_str(&line);
    fwrite(s.p, 1, s.n, stderr);
    fflush(stderr);
    wn_buf_deinit(&line);
}

void wn_progress_clear(struct wn_progress *p)
{
    if (p->is_terminal && p->drawn_ns)
        fputs("\r\033[K", stderr);
}
