#include "collect/import_int.h"
#include "core/json.h"

static void write_columns(struct wn_json_writer *w, const struct wn_import_summary *s)
{
    wn_json_key(w, "columns");
    wn_json_begin_array(w);
    for (size_t c = 0; c < s->n_columns; c++) {
        wn_json_begin_object(w);
        wn_json_key(w, "header");
        wn_json_text(w, s->columns[c].header);
        wn_json_key(w, "field");
        wn_json_text(w, s->columns[c].field);
        wn_json_key(w, "samples");
        wn_json_begin_array(w);
        for (size_t i = 0; i < WN_COUNT(s->columns[c].samples); i++)
            if (s->columns[c].samples[i].p)
                wn_json_text(w, s->columns[c].samples[i]);
        wn_json_end(w);
        wn_json_end(w);
    }
    wn_json_end(w);
    wn_json_key(w, "preview");
    wn_json_begin_array(w);
    for (size_t i = 0; i < s->n_preview_rows; i++) {
        wn_json_begin_array(w);
        for (size_t c = 0; c < s->n_columns; c++)
            wn_json_text(w, s->preview[i * s->n_columns + c]);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void write_problems(struct wn_json_writer *w, const struct wn_import_summary *s)
{
    wn_json_key(w, "problems");
    wn_json_begin_array(w);
    for (size_t i = 0; i < s->n_problems; i++) {
        const struct wn_import_problem *p = &s->problems[i];
        wn_json_begin_object(w);
        wn_json_key(w, "line");
        wn_json_i64(w, (int64_t)p->line);
        wn_json_key(w, "column");
        wn_json_text(w, p->column);
        wn_json_key(w, "value");
        wn_json_text(w, p->value);
        wn_json_key(w, "text");
        wn_json_text(w, p->text);
        wn_json_key(w, "is_error");
        wn_json_bool(w, p->is_error);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void write_days(struct wn_json_writer *w, int32_t from, int32_t to)
{
    wn_json_key(w, "day_from");
    if (from <= to)
        wn_json_day(w, from);
    else
        wn_json_null(w);
    wn_json_key(w, "day_to");
    if (from <= to)
        wn_json_day(w, to);
    else
        wn_json_null(w);
}

static void write_totals(struct wn_json_writer *w, const struct wn_import_summary *s)
{
    wn_json_key(w, "totals");
    wn_json_begin_object(w);
    for (size_t m = 0; m < WN_MEASURE_N; m++) {
        if (!s->has_measure[m])
            continue;
        wn_json_key(w, wn_measure_names[m]);
        wn_json_micros(w, s->totals[m]);
    }
    wn_json_end(w);
    wn_json_key(w, "accounts");
    wn_json_begin_array(w);
    for (size_t i = 0; i < s->n_accounts; i++) {
        const struct wn_import_account_summary *account = &s->accounts[i];
        wn_json_begin_object(w);
        wn_json_key(w, "account_id");
        wn_json_i64(w, account->account_id);
        wn_json_key(w, "name");
        wn_json_text(w, account->name);
        write_days(w, account->day_from, account->day_to);
        wn_json_key(w, "rows");
        wn_json_i64(w, (int64_t)account->n_rows);
        wn_json_key(w, "rows_replaced");
        wn_json_i64(w, (int64_t)account->n_rows_replaced);
        wn_json_end(w);
    }
    wn_json_end(w);
}

void wn_import_summary_json(struct wn_json_writer *w, const struct wn_import_summary *s)
{
    const struct {
        const char *key;
        struct wn_str text;
    } texts[] = {
        {"file_name", s->file_name}, {"format", s->format},     {"format_label", s->format_label},
        {"encoding", s->encoding},   {"currency", s->currency}, {"message", s->message},
    };
    const struct {
        const char *key;
        uint64_t n;
    } counts[] = {
        {"header_line", s->header_line},
        {"rows_read", s->n_rows_read},
        {"rows_imported", s->n_rows_imported},
        {"rows_skipped", s->n_rows_skipped},
        {"errors", s->n_errors},
        {"remarks", s->n_remarks},
    };
    wn_json_begin_object(w);
    wn_json_key(w, "import_id");
    wn_json_i64(w, s->import_id);
    wn_json_key(w, "state");
    wn_json_text_z(w, wn_import_state_name(s->state));
    wn_json_key(w, "dry_run");
    wn_json_bool(w, s->dry_run);
    wn_json_key(w, "needs_day");
    wn_json_bool(w, s->needs_day);
    wn_json_key(w, "separator");
    wn_json_text(w, (struct wn_str){&s->separator, s->separator != 0});
    for (size_t i = 0; i < WN_COUNT(texts); i++) {
        wn_json_key(w, texts[i].key);
        wn_json_text(w, texts[i].text);
    }
    for (size_t i = 0; i < WN_COUNT(counts); i++) {
        wn_json_key(w, counts[i].key);
        wn_json_i64(w, (int64_t)counts[i].n);
    }
    write_columns(w, s);
    write_problems(w, s);
    write_days(w, s->day_from, s->day_to);
    write_totals(w, s);
    wn_json_key(w, "duration_ms");
    wn_json_i64(w, s->duration_ms);
    wn_json_end(w);
}
