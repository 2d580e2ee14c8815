/* winnow ctr: rows of click data out of CSV, TSV, libsvm, libffm and Vowpal Wabbit text. */
#ifndef WN_CLI_CTR_INPUT_H
#define WN_CLI_CTR_INPUT_H

#include "winnow/ctr.h"

typedef enum wn_ctr_format {
    WN_CTR_AUTO,
    WN_CTR_CSV, /* separator , ; or | */
    WN_CTR_TSV,
    WN_CTR_LIBSVM, /* label index:value ..., all of one field named "features" */
    WN_CTR_LIBFFM, /* label field:index:value ... */
    WN_CTR_VW,     /* label [importance] ['tag]|namespace feature[:value] ... */
    WN_CTR_FORMATS
} wn_ctr_format;
/* "auto", "csv" ...; static text. */
const char *wn_ctr_format_name(wn_ctr_format format);

/* Names are of the header, or "c1", "c2" ... without one. Lists are separated by commas. Texts are
 * borrowed for the call; empty = not given. */
struct wn_ctr_input_options {
    const char *path; /* "-" = standard input */
    wn_ctr_format format;
    struct wn_str target; /* without: click, clicked, label, target, y ... or c1 */
    struct wn_str views;  /* the target counts clicks of so many views */
    struct wn_str id, time, offset;
    struct wn_str numeric, text, ignore;
    int header;       /* 1 yes, 0 no, -1 find out */
    bool wants_label; /* fail without a target column, or at a row without a label */
    bool is_training; /* columns become fields of the model; else only those that are */
    bool wants_cells;
    bool must_have_id; /* fail without the id column */
};

struct wn_ctr_line {
    struct wn_ctr_row row; /* clicks 0 and views 1 without a label */
    bool has_label, has_time;
    int64_t time_ms;
    uint64_t line;
    struct wn_str id;           /* the id column, or VW's tag; may be empty */
    const struct wn_str *cells; /* [row.n_features] what each feature was read from; NULL unless
                                   wanted */
};
/* Borrowed for the call. Returning other than WN_OK stops the reader with that error. */
typedef wn_rc wn_ctr_line_fn(void *context, const struct wn_ctr_line *line, struct wn_why *why);

/* What was found out; texts in the arena. */
struct wn_ctr_told {
    wn_ctr_format format;
    bool has_header;
    struct wn_str target, views, id, time, offset; /* column names in use; empty = none */
    struct wn_str numeric, text;                   /* lists of the columns read so */
    struct wn_str unused;                          /* columns that the model does not know */
    uint64_t n_rows, size_bytes;
};

/* Reads all of the input: on_line for every row, in order. told (in a) is complete from the first
 * call on. Fails: NOT_FOUND, IO, INVALID and LIMIT with line and column, MEMORY. */
WN_MUST_USE wn_rc wn_ctr_input_run(const struct wn_ctr_input_options *options, struct wn_ctr *m,
                                   struct wn_arena *a, wn_ctr_line_fn *on_line, void *context,
                                   struct wn_ctr_told *told, struct wn_why *why);

#endif
