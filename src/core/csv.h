/* A streaming reader of delimited text as the world sends it.
 *
 * Push bytes in pieces of any size; whole records come out as borrowed fields. It takes a byte
 * order mark, UTF-8, UTF-16LE and UTF-16BE (found by mark or by zero bytes), CR, LF and CRLF,
 * quotes with doubled quotes and line breaks inside, and finds the separator (`,` `;` tab `|`) from
 * the start of the text when not told. It does not interpret: no header, no numbers (see
 * csv_value.h).
 *
 * Strict where data could be lost: a quote left open at the end, a NUL byte, bytes that are not
 * UTF-8, a record over the limit are errors that name line and column. */
#ifndef WN_CORE_CSV_H
#define WN_CORE_CSV_H

#include "core/error.h"
#include "core/str.h"

#define WN_CSV_RECORD_BYTES_MAX (1 << 20) /* one record, quotes included */
#define WN_CSV_FIELDS_MAX 4096

struct wn_csv_record {
    const struct wn_str *fields; /* [n_fields], unquoted, UTF-8; borrowed until the callback ends */
    size_t n_fields;
    uint64_t line; /* 1-based line where the record starts */
};

/* Called for every record that is not an empty line. Returning other than WN_OK stops the reader
 * with that error. */
typedef wn_rc wn_csv_record_fn(void *context, const struct wn_csv_record *record,
                               struct wn_why *why);

struct wn_csv;

struct wn_csv_options {
    char separator; /* 0 = find it */
    wn_csv_record_fn *on_record;
    void *context; /* kept: until close */
};

WN_MUST_USE wn_rc wn_csv_new(const struct wn_csv_options *options, struct wn_csv **out,
                             struct wn_why *why);
void wn_csv_free(struct wn_csv *csv);
/* Feeds the next bytes. Errors are final: the same one comes back from then on. Fails: INVALID
 * (why names line and column), LIMIT, MEMORY, or what on_record returned. */
WN_MUST_USE wn_rc wn_csv_push(struct wn_csv *csv, struct wn_str bytes, struct wn_why *why);
/* Tells that the text has ended: hands out the last record, complains about an open quote. */
WN_MUST_USE wn_rc wn_csv_finish(struct wn_csv *csv, struct wn_why *why);
/* The separator in use; 0 before it is known. */
char wn_csv_separator(const struct wn_csv *csv);
/* "utf-8", "utf-16le" or "utf-16be". */
const char *wn_csv_encoding(const struct wn_csv *csv);

/* Appends one field, quoted when it must be (RFC 4180), preceded by a comma unless first. A text
 * starting with = + - @ that is no number gets a leading apostrophe, so that no spreadsheet runs
 * it. */
struct wn_buf;
void wn_csv_write_field(struct wn_buf *out, struct wn_str field, bool first);

#endif
