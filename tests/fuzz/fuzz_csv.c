/* Protects the CSV reader against any bytes: no crash, and the same records, lines and errors
 * however the bytes are cut into pieces. The first byte seeds the cuts. Cells are also read as
 * numbers and dates, which must not crash, and what the writer prints of a record reads back as it
 * was. */
#include "core/buf.h"
#include "core/csv.h"
#include "core/csv_value.h"
#include "core/hash.h"
#include "core/rand.h"

#include <stdlib.h>
#include <string.h>

struct seen {
    uint64_t hash;
    uint64_t n_records;
    uint64_t last_line;
};

static wn_rc hash_record(void *context, const struct wn_csv_record *r, struct wn_why *why)
{
    (void)why;
    struct seen *s = context;
    WN_ASSERT(r->line > s->last_line && r->n_fields > 0);
    s->last_line = r->line;
    s->n_records++;
    s->hash = s->hash * 31 + r->line;
    for (size_t f = 0; f < r->n_fields; f++) {
        s->hash = wn_hash(r->fields[f], s->hash);
        WN_ASSERT(wn_str_utf8_valid(r->fields[f], NULL));
    }
    return WN_OK;
}

static wn_rc compare_record(void *context, const struct wn_csv_record *r, struct wn_why *why)
{
    const struct wn_csv_record *expected = context;
    (void)why;
    WN_ASSERT(r->n_fields == expected->n_fields);
    for (size_t f = 0; f < r->n_fields; f++)
        WN_ASSERT(wn_str_eq(r->fields[f], expected->fields[f]));
    return WN_OK;
}

/* Prints the record and reads it back. Cells that the writer guards against spreadsheets change. */
static void read_back(const struct wn_csv_record *r)
{
    struct wn_buf b;
    struct wn_csv *csv = NULL;
    struct wn_why why = {0};
    wn_buf_init(&b, 4 << 20);
    for (size_t f = 0; f < r->n_fields; f++) {
        if (r->fields[f].n && memchr("=+-@\t\r", r->fields[f].p[0], 6)) {
            wn_buf_deinit(&b);
            return;
        }
        wn_csv_write_field(&b, r->fields[f], f == 0);
    }
    wn_buf_append_char(&b, '\n');
    struct wn_csv_options options = {',', compare_record, (void *)(uintptr_t)r};
    /* A text that starts with a mark of UTF-16 or with zero bytes is another text. */
    if (!b.failed && b.n < (1 << 19) && b.n > 4 && (unsigned char)b.p[0] < 0x80 &&
        wn_csv_new(&options, &csv, &why) == WN_OK) {
        wn_rc rc = wn_csv_push(csv, wn_buf_str(&b), &why);
        if (!rc)
            rc = wn_csv_finish(csv, &why);
        WN_ASSERT(rc == WN_OK);
    }
    wn_csv_free(csv);
    wn_buf_deinit(&b);
}

static wn_rc read_cells(void *context, const struct wn_csv_record *r, struct wn_why *why)
{
    int *n_records = context;
    (void)why;
    struct wn_decimal_look decimals = {0};
    struct wn_date_look dates = {0};
    for (size_t f = 0; f < r->n_fields; f++) {
        struct wn_number number;
        struct wn_date_text date;
        int hour;
        int32_t day, to;
        bool guessed;
        wn_decimal_look(&decimals, r->fields[f]);
        if (wn_number_read(r->fields[f], '.', &number) == WN_VALUE_GOOD)
            WN_ASSERT(number.currency[3] == 0);
        if (wn_number_read(r->fields[f], ',', &number) == WN_VALUE_GOOD)
            WN_ASSERT(number.currency[3] == 0);
        if (wn_hour_read(r->fields[f], &hour) == WN_VALUE_GOOD)
            WN_ASSERT(hour >= 0 && hour < 24);
        if (wn_date_range_read(r->fields[f], &day, &to))
            WN_ASSERT(day <= to && day >= WN_DAY_MIN && to <= WN_DAY_MAX);
        int64_t product;
        if (wn_micros_times_decimal(1234567, r->fields[f], true, &product))
            WN_ASSERT(product != INT64_MIN);
        if (wn_date_read(r->fields[f], &date) != WN_VALUE_GOOD)
            continue;
        wn_date_look(&dates, &date);
        if (date.kind == WN_DATE_OPEN && wn_date_settle(&dates, &date, &day, &guessed))
            WN_ASSERT(day == date.day_first || day == date.month_first);
    }
    if ((*n_records)++ < 2) /* a reader for each is slow */
        read_back(r);
    return WN_OK;
}

static wn_rc run(struct wn_str text, wn_csv_record_fn *on_record, void *context,
                 struct wn_rand *cuts, struct wn_why *why)
{
    struct wn_csv_options options = {0, on_record, context};
    struct wn_csv *csv = NULL;
    wn_rc rc = wn_csv_new(&options, &csv, why);
    for (size_t at = 0; at < text.n && !rc;) {
        size_t n = cuts ? 1 + (size_t)wn_rand_below(cuts, 9) : text.n;
        if (cuts && wn_rand_below(cuts, 8) == 0)
            n *= 1000;
        struct wn_str piece = wn_str_slice(text, at, at + n);
        rc = wn_csv_push(csv, piece, why);
        at += piece.n;
    }
    if (!rc)
        rc = wn_csv_finish(csv, why);
    wn_csv_free(csv);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct wn_str text = {(const char *)data + 1, size - 1};
    struct wn_rand cuts;
    struct seen whole = {0}, pieces = {0};
    struct wn_why why_whole = {0}, why_pieces = {0}, ignored = {0};
    wn_rand_init(&cuts, data[0]);
    wn_rc a = run(text, hash_record, &whole, NULL, &why_whole);
    wn_rc b = run(text, hash_record, &pieces, &cuts, &why_pieces);
    WN_ASSERT(a == b && whole.hash == pieces.hash && whole.n_records == pieces.n_records);
    WN_ASSERT(strcmp(why_whole.text, why_pieces.text) == 0);
    int n_records = 0;
    a = run(text, read_cells, &n_records, NULL, &ignored);
    (void)a;
    return 0;
}
