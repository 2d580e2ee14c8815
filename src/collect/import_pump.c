#include "collect/import_int.h"

#include <stdlib.h>
#include <string.h>

#define READ_BYTES ((size_t)256 << 10)

/* Files that are often renamed to csv: what they are and what to do. */
static const struct {
    const char *start;
    size_t n;
    const char *text;
} foreign[] = {
    {"PK\x03\x04", 4, "a zip archive or an Excel workbook; unpack it, or save the sheet as CSV"},
    {"\x1F\x8B", 2, "compressed with gzip; unpack it first (gunzip)"},
    {"\xFD"
     "7zXZ",
     5, "compressed with xz; unpack it first (xz -d)"},
    {"BZh", 3, "compressed with bzip2; unpack it first (bunzip2)"},
    {"\x28\xB5\x2F\xFD", 4, "compressed with zstd; unpack it first (unzstd)"},
    {"7z\xBC\xAF", 4, "a 7z archive; unpack it first"},
    {"%PDF", 4, "a PDF document; export the report as CSV instead"},
    {"\xD0\xCF\x11\xE0", 4, "an old Excel workbook; save the sheet as CSV"},
    {"PAR1", 4, "a Parquet file; export it as CSV"},
    {"SQLite format 3", 15, "a SQLite database; export the table as CSV"},
    {"\x89PNG", 4, "an image"},
    {"\xFF\xD8\xFF", 3, "an image"},
    {"<!DOCTYPE", 9, "a web page, perhaps an error page of the download; export the report again"},
    {"<html", 5, "a web page, perhaps an error page of the download; export the report again"},
    {"<?xml", 5, "an XML file; export the report as CSV"},
    {"{\"", 2, "JSON, not a table; export the report as CSV"},
};

static wn_rc refuse_foreign(struct wn_str start, struct wn_why *why)
{
    for (size_t i = 0; i < WN_COUNT(foreign); i++)
        if (start.n >= foreign[i].n && memcmp(start.p, foreign[i].start, foreign[i].n) == 0)
            return wn_fail(why, WN_UNSUPPORTED, "file", "this is no CSV file: it is %s",
                           foreign[i].text);
    return WN_OK;
}

/* Fills the block unless the file ends, so that the hash does not depend on how a source reads. */
static wn_rc read_block(const struct wn_import_source *source, uint64_t offset, char *block,
                        size_t *n, struct wn_why *why)
{
    for (size_t got = 1; *n < READ_BYTES && got;) {
        got = 0;
        wn_rc rc =
            source->read(source->context, offset + *n, block + *n, READ_BYTES - *n, &got, why);
        if (rc)
            return rc;
        *n += got;
    }
    return WN_OK;
}

static wn_rc pump_bytes(struct pump *p, struct wn_csv *csv, char *block, struct wn_why *why)
{
    uint64_t done = 0;
    for (;;) {
        size_t n = 0;
        wn_rc rc = read_block(p->source, done, block, &n, why);
        if (rc)
            return rc;
        struct wn_str bytes = {block, n};
        if (n == 0)
            return wn_csv_finish(csv, why);
        if (done == 0 && (rc = refuse_foreign(bytes, why)))
            return rc;
        p->hash = wn_hash(bytes, p->hash);
        size_t last = n - 1 - (n > 1 && block[n - 1] == 0);
        p->ends_in_line_end = block[last] == '\n' || block[last] == '\r';
        rc = wn_csv_push(csv, bytes, why);
        if (rc)
            return rc;
        done += n;
        if (p->on_progress && !p->on_progress(p->progress_context, done, p->source->size_bytes,
                                              p->n_rows ? *p->n_rows : 0))
            return wn_fail(why, WN_CANCELLED, NULL, "the import was cancelled; nothing is stored");
    }
}

/* The reader's callback, with the sign to stop kept apart from real failures. */
struct pump_call {
    wn_csv_record_fn *on_record;
    void *context;
    bool stopped;
};

static wn_rc pump_record(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct pump_call *call = context;
    wn_rc rc = call->on_record(call->context, record, why);
    call->stopped = rc == PUMP_STOP && !(why && why->text[0]);
    return rc;
}

wn_rc pump_run(struct pump *p, wn_csv_record_fn *on_record, void *context, bool *stopped,
               struct wn_why *why)
{
    struct pump_call call = {on_record, context, false};
    struct wn_csv_options options = {p->separator, pump_record, &call};
    struct wn_csv *csv = NULL;
    struct wn_why local = {0};
    char *block = malloc(READ_BYTES);
    if (!block)
        return wn_fail(why, WN_MEMORY, NULL, "no memory to read the file");
    p->hash = 0;
    p->ends_in_line_end = true;
    wn_rc rc = wn_csv_new(&options, &csv, why);
    if (rc)
        goto out;
    rc = pump_bytes(p, csv, block, why ? why : &local);
    p->separator = wn_csv_separator(csv);
    const char *encoding = wn_csv_encoding(csv);
    memcpy(p->encoding, encoding, strlen(encoding) + 1);
    *stopped = call.stopped;
    if (call.stopped)
        rc = WN_OK;
out:
    wn_csv_free(csv);
    free(block);
    return rc;
}
