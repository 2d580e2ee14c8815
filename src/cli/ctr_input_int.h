/* What the readers of click data share: rows on their way to the caller. */
#ifndef WN_CLI_CTR_INPUT_INT_H
#define WN_CLI_CTR_INPUT_INT_H

#include "cli/ctr_input.h"
#include "core/hash.h"

#define CTR_LINE_BYTES_MAX ((size_t)1 << 20)
#define CTR_COLUMNS_MAX 1024
#define CTR_DEPTH 8 /* rows between reading and learning, while their slots come into the cache */

typedef enum ctr_column_kind {
    CTR_UNUSED,
    CTR_TARGET,
    CTR_VIEWS,
    CTR_ID,
    CTR_TIME,
    CTR_OFFSET,
    CTR_TEXT,
    CTR_NUMBER
} ctr_column_kind;

struct ctr_column {
    ctr_column_kind kind;
    uint32_t field;
    struct wn_str name; /* arena */
};

/* A row that has been read and not handed out. */
struct ctr_parsed {
    struct wn_ctr_feature *features; /* [WN_CTR_FEATURES_MAX] */
    struct wn_str *cells;            /* likewise, or NULL */
    struct wn_ctr_line line;
};

struct ctr_reader {
    const struct wn_ctr_input_options *o;
    struct wn_ctr *m;
    struct wn_arena *a;
    struct wn_ctr_told *told;
    wn_ctr_line_fn *on_line;
    void *context;
    struct ctr_parsed ring[CTR_DEPTH];
    size_t first, n_waiting;
    uint64_t line; /* of the record being read, 1-based */
    /* delimited text */
    char separator;
    struct ctr_column *columns; /* arena [n_columns] */
    size_t n_columns;
    uint32_t hour_field, weekday_field; /* of the time column; WN_CTR_NONE */
    bool header_is_due;
    /* the other formats */
    struct wn_map fields; /* name -> field + 1; 0 = the model does not know it */
};

/* The place for the next row, emptied; hands out the oldest one where there is no place. */
WN_MUST_USE wn_rc ctr_row_begin(struct ctr_reader *r, struct ctr_parsed **out, struct wn_why *why);
/* Fails: LIMIT when the row has too many features. */
WN_MUST_USE wn_rc ctr_row_add(struct ctr_reader *r, struct ctr_parsed *p,
                              struct wn_ctr_feature feature, struct wn_str cell,
                              struct wn_why *why);
/* The row is complete; its slots begin to be fetched. */
void ctr_row_end(struct ctr_reader *r, struct ctr_parsed *p);
/* Hands out what waits. */
WN_MUST_USE wn_rc ctr_rows_flush(struct ctr_reader *r, struct wn_why *why);
/* Sets line and field of why, and fails. */
WN_MUST_USE wn_rc ctr_complain(struct ctr_reader *r, wn_rc rc, struct wn_str field,
                               struct wn_why *why, const char *format, ...) WN_PRINTF(5, 6);

/* ---- ctr_columns.c: CSV and TSV ---- */

/* Looks at the start of the text and settles separator, header and columns. */
WN_MUST_USE wn_rc ctr_columns_find(struct ctr_reader *r, struct wn_str start, struct wn_why *why);
/* One record. */
WN_MUST_USE wn_rc ctr_columns_row(struct ctr_reader *r, const struct wn_str *cells, size_t n,
                                  struct wn_why *why);
/* One line without quotes. */
WN_MUST_USE wn_rc ctr_columns_line(struct ctr_reader *r, struct wn_str line, struct wn_why *why);

/* ---- ctr_tokens.c: libsvm, libffm, Vowpal Wabbit ---- */

/* One line; empty ones and comments are passed over. */
WN_MUST_USE wn_rc ctr_tokens_line(struct ctr_reader *r, struct wn_str line, struct wn_why *why);
/* The format that a line looks like; AUTO = none of these. */
wn_ctr_format ctr_tokens_look(struct wn_str line);

#endif
