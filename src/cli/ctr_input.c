#include "cli/ctr_input_int.h"

#include "core/csv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 20, SAMPLE_BYTES = 1 << 18 };

const char *wn_ctr_format_name(wn_ctr_format format)
{
    static const char *const names[] = {"auto", "csv", "tsv", "libsvm", "libffm", "vw"};
    return names[format];
}

/* ---- rows -------------------------------------------------------------------------------------
 */

wn_rc ctr_complain(struct ctr_reader *r, wn_rc rc, struct wn_str field, struct wn_why *why,
                   const char *format, ...)
{
    char text[WN_WHY_MAX], name[WN_WHY_FIELD_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(name, sizeof name, "%.*s", WN_STR_ARG(field));
    if (why && !why->text[0])
        why->line = r->line;
    return wn_fail(why, rc, name, "%s", text);
}

static wn_rc hand_out(struct ctr_reader *r, struct wn_why *why)
{
    struct ctr_parsed *p = &r->ring[r->first];
    r->first = (r->first + 1) % CTR_DEPTH;
    r->n_waiting--;
    r->told->n_rows++;
    wn_rc rc = r->on_line(r->context, &p->line, why);
    if (rc && why && !why->line)
        why->line = p->line.line;
    return rc;
}

wn_rc ctr_row_begin(struct ctr_reader *r, struct ctr_parsed **out, struct wn_why *why)
{
    if (r->n_waiting == CTR_DEPTH) {
        wn_rc rc = hand_out(r, why);
        if (rc)
            return rc;
    }
    struct ctr_parsed *p = &r->ring[(r->first + r->n_waiting) % CTR_DEPTH];
    p->line = (struct wn_ctr_line){
        .row = {.features = p->features, .views = 1}, .line = r->line, .cells = p->cells};
    *out = p;
    return WN_OK;
}

wn_rc ctr_row_add(struct ctr_reader *r, struct ctr_parsed *p, struct wn_ctr_feature feature,
                  struct wn_str cell, struct wn_why *why)
{
    size_t n = p->line.row.n_features;
    if (WN_UNLIKELY(n == WN_CTR_FEATURES_MAX))
        return ctr_complain(r, WN_LIMIT, (struct wn_str){0}, why,
                            "the row has more than %d features", WN_CTR_FEATURES_MAX);
    p->features[n] = feature;
    if (p->cells)
        p->cells[n] = cell;
    p->line.row.n_features = n + 1;
    return WN_OK;
}

void ctr_row_end(struct ctr_reader *r, struct ctr_parsed *p)
{
    wn_ctr_prefetch(r->m, p->features, p->line.row.n_features);
    r->n_waiting++;
}

wn_rc ctr_rows_flush(struct ctr_reader *r, struct wn_why *why)
{
    wn_rc rc = WN_OK;
    while (!rc && r->n_waiting)
        rc = hand_out(r, why);
    return rc;
}

static wn_rc rows_init(struct ctr_reader *r)
{
    for (size_t i = 0; i < CTR_DEPTH; i++) {
        struct ctr_parsed *p = &r->ring[i];
        p->features = WN_ARENA_ARRAY(r->a, WN_CTR_FEATURES_MAX, struct wn_ctr_feature);
        if (r->o->wants_cells)
            p->cells = WN_ARENA_ARRAY(r->a, WN_CTR_FEATURES_MAX, struct wn_str);
        if (!p->features || (r->o->wants_cells && !p->cells))
            return WN_MEMORY;
    }
    return WN_OK;
}

/* ---- text -------------------------------------------------------------------------------------
 */

/* The input, a chunk at a time; what is left of a line stands at the start of the next chunk. */
struct text {
    FILE *file;
    const char *path;
    char *p; /* [CHUNK_BYTES + CTR_LINE_BYTES_MAX] */
    size_t n;
    bool has_ended;
};

static wn_rc text_fill(struct text *t, struct ctr_reader *r, struct wn_why *why)
{
    size_t n = fread(t->p + t->n, 1, CHUNK_BYTES, t->file);
    t->n += n;
    r->told->size_bytes += n;
    t->has_ended = n == 0;
    if (ferror(t->file))
        return wn_fail(why, WN_IO, "input", "reading %s failed: %s", t->path, strerror(errno));
    return WN_OK;
}

static bool begins_with_mark(struct wn_str s)
{
    return s.n >= 2 && ((uint8_t)s.p[0] >= 0xEF || s.p[0] == 0 || s.p[1] == 0);
}

/* Can this piece be cut at separators and line ends, and nothing else? */
static bool is_regular(struct wn_str s)
{
    return !memchr(s.p, '"', s.n) && !memchr(s.p, 0, s.n);
}

static bool is_delimited(const struct ctr_reader *r)
{
    return r->told->format == WN_CTR_CSV || r->told->format == WN_CTR_TSV;
}

/* Whole lines of a piece; returns how many bytes they were. is_last: the rest is one as well. */
static wn_rc read_lines(struct ctr_reader *r, struct wn_str piece, bool is_last, size_t *used,
                        struct wn_why *why)
{
    size_t at = 0;
    wn_rc rc = WN_OK;
    while (!rc && at < piece.n) {
        const char *end = memchr(piece.p + at, '\n', piece.n - at);
        if (!end && !is_last)
            break;
        size_t next = end ? (size_t)(end - piece.p) : piece.n;
        struct wn_str line = {piece.p + at, next - at};
        at = next + (end != NULL);
        r->line++;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n == 0)
            continue;
        rc = is_delimited(r) ? ctr_columns_line(r, line, why) : ctr_tokens_line(r, line, why);
    }
    *used = at;
    return rc;
}

/* ---- what needs the full reader of delimited text: quotes, other encodings ---- */

struct quoted {
    struct ctr_reader *r;
    uint64_t lines_before;
};

static wn_rc on_record(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct quoted *q = context;
    q->r->line = q->lines_before + record->line;
    wn_rc rc = ctr_columns_row(q->r, record->fields, record->n_fields, why);
    /* Fields are gone after this call, so nothing may wait. */
    return rc ? rc : ctr_rows_flush(q->r, why);
}

/* Everything from here on. */
static wn_rc read_quoted(struct ctr_reader *r, struct text *t, size_t from, struct wn_why *why)
{
    struct quoted q = {r, r->line};
    struct wn_csv_options options = {r->separator, on_record, &q};
    struct wn_csv *csv = NULL;
    wn_rc rc = ctr_rows_flush(r, why);
    if (!rc)
        rc = wn_csv_new(&options, &csv, why);
    while (!rc) {
        rc = wn_csv_push(csv, (struct wn_str){t->p + from, t->n - from}, why);
        t->n = from = 0;
        if (!rc && t->has_ended)
            break;
        if (!rc)
            rc = text_fill(t, r, why);
    }
    if (!rc)
        rc = wn_csv_finish(csv, why);
    if (rc && why && why->line && !why->field[0]) /* its own complaints count from its start */
        why->line += q.lines_before;
    wn_csv_free(csv);
    return rc;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static wn_rc read_regular(struct ctr_reader *r, struct text *t, struct wn_why *why)
{
    wn_rc rc = WN_OK;
    bool has_mark = begins_with_mark((struct wn_str){t->p, t->n});
    while (!rc) {
        size_t used = 0;
        struct wn_str piece = {t->p, t->n};
        if (is_delimited(r) && (has_mark || !is_regular(piece)))
            return read_quoted(r, t, 0, why);
        rc = read_lines(r, piece, t->has_ended, &used, why);
        if (!rc)
            rc = ctr_rows_flush(r, why); /* before the bytes move */
        if (rc || t->has_ended)
            break;
        memmove(t->p, t->p + used, t->n - used);
        t->n -= used;
        if (t->n >= CTR_LINE_BYTES_MAX) {
            r->line++;
            return ctr_complain(r, WN_LIMIT, (struct wn_str){0}, why,
                                "the line is longer than %zu bytes", CTR_LINE_BYTES_MAX);
        }
        rc = text_fill(t, r, why);
    }
    return rc;
}

static void find_format(struct ctr_reader *r, struct wn_str start)
{
    struct wn_str rest = start, line;
    r->told->format = r->o->format;
    if (r->told->format != WN_CTR_AUTO)
        return;
    while (wn_str_cut(&rest, '\n', &line)) {
        line = wn_str_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        r->told->format = ctr_tokens_look(line);
        break;
    }
    if (r->told->format == WN_CTR_AUTO)
        r->told->format = WN_CTR_CSV;
}

static wn_rc run(struct ctr_reader *r, struct text *t, struct wn_why *why)
{
    wn_rc rc = rows_init(r);
    if (rc)
        return wn_fail(why, rc, NULL, "memory has run out");
    rc = text_fill(t, r, why);
    if (rc)
        return rc;
    if (t->n == 0)
        return wn_fail(why, WN_INVALID, "input", "%s is empty", t->path);
    struct wn_str start = {t->p, t->n < SAMPLE_BYTES ? t->n : SAMPLE_BYTES};
    find_format(r, start);
    if (is_delimited(r))
        rc = ctr_columns_find(r, start, why);
    if (!rc)
        rc = read_regular(r, t, why);
    if (!rc)
        rc = ctr_rows_flush(r, why);
    if (!rc && r->told->n_rows == 0)
        rc = wn_fail(why, WN_INVALID, "input", "%s has no rows", t->path);
    return rc;
}

wn_rc wn_ctr_input_run(const struct wn_ctr_input_options *options, struct wn_ctr *m,
                       struct wn_arena *a, wn_ctr_line_fn *on_line, void *context,
                       struct wn_ctr_told *told, struct wn_why *why)
{
    bool is_stdin = strcmp(options->path, "-") == 0;
    struct ctr_reader r = {.o = options,
                           .m = m,
                           .a = a,
                           .told = told,
                           .on_line = on_line,
                           .context = context,
                           .hour_field = WN_CTR_NONE,
                           .weekday_field = WN_CTR_NONE};
    struct text t = {.path = is_stdin ? "the input" : options->path};
    *told = (struct wn_ctr_told){0};
    t.file = is_stdin ? stdin : fopen(options->path, "rb");
    if (!t.file)
        return wn_fail(why, errno == ENOENT ? WN_NOT_FOUND : WN_IO, "input", "cannot open %s: %s",
                       options->path, strerror(errno));
    wn_map_init(&r.fields, WN_CTR_FIELDS_MAX * 4);
    t.p = malloc(CHUNK_BYTES + CTR_LINE_BYTES_MAX);
    wn_rc rc = t.p ? run(&r, &t, why) : wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    free(t.p);
    wn_map_deinit(&r.fields);
    if (!is_stdin)
        fclose(t.file);
    return rc;
}
