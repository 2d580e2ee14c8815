/* What the tests of the import share: stores in memory, a source over bytes, short calls. */
#ifndef WN_TEST_IMPORT_CASE_H
#define WN_TEST_IMPORT_CASE_H

#include "collect/import.h"
#include "core/date.h"
#include "core/json.h"
#include "core/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct wn_arena arena;
static struct wn_import_stores stores;
static struct wn_import_summary summary;
static struct wn_why why;

static inline int open_stores(void **state)
{
    (void)state;
    struct wn_str note;
    wn_arena_init(&arena, 0);
    stores = (struct wn_import_stores){.tenant_id = 1, .now_ms = 1767225600000};
    assert_int_equal(wn_facts_open(WN_STR("memory:"), NULL, &arena, &note, &stores.facts, NULL),
                     WN_OK);
    assert_int_equal(wn_catalog_open(WN_STR("sqlite::memory:"), &stores.catalog, NULL), WN_OK);
    return 0;
}

static inline int close_stores(void **state)
{
    (void)state;
    wn_catalog_close(stores.catalog);
    wn_facts_close(stores.facts);
    wn_arena_deinit(&arena);
    return 0;
}

struct bytes {
    struct wn_str text;
    int fails_at; /* the n-th read fails; 0 = never */
    int n_reads;
    size_t most; /* bytes per read; 0 = as asked */
};

static wn_rc read_bytes(void *context, uint64_t offset, char *p, size_t size, size_t *n_read,
                        struct wn_why *w)
{
    struct bytes *b = context;
    if (++b->n_reads == b->fails_at)
        return wn_fail(w, WN_IO, NULL, "the disk does not answer");
    struct wn_str part = wn_str_slice(b->text, (size_t)offset, (size_t)offset + size);
    if (b->most && part.n > b->most)
        part.n = b->most;
    if (part.n)
        memcpy(p, part.p, part.n);
    *n_read = part.n;
    return WN_OK;
}

static wn_rc run_bytes(struct bytes *b, const struct wn_import_options *options)
{
    struct wn_import_source source = {read_bytes, b, b->text.n};
    why = (struct wn_why){0};
    return wn_import_run(&stores, &source, options, NULL, NULL, &arena, &summary, &why);
}

static inline wn_rc run_text(struct wn_str text, const char *file_name)
{
    struct bytes b = {.text = text};
    struct wn_import_options options = {.file_name = wn_str_of(file_name)};
    return run_bytes(&b, &options);
}

static inline void imports(struct wn_str text, const char *file_name)
{
    wn_rc rc = run_text(text, file_name);
    if (rc)
        fail_msg("%s: %s: %s", file_name, wn_rc_name(rc), why.text);
}

static inline void inspect(struct wn_str text, const struct wn_import_options *options)
{
    struct bytes b = {.text = text};
    struct wn_import_source source = {read_bytes, &b, text.n};
    why = (struct wn_why){0};
    wn_rc rc = wn_import_inspect(&source, options, &arena, &summary, &why);
    if (rc)
        fail_msg("%s: %s", wn_rc_name(rc), why.text);
}

/* Rows of the store, added up. */
struct stored {
    uint64_t n;
    int64_t sums[WN_MEASURE_N];
    struct wn_stat rows[64]; /* the first */
};

static wn_rc add_stored(void *context, const struct wn_stat *rows, size_t n_rows, struct wn_why *w)
{
    (void)w;
    struct stored *s = context;
    for (size_t i = 0; i < n_rows; i++) {
        if (s->n < WN_COUNT(s->rows))
            s->rows[s->n] = rows[i];
        s->n++;
        for (size_t m = 0; m < WN_MEASURE_N; m++)
            s->sums[m] += rows[i].measures[m];
    }
    return WN_OK;
}

static inline struct stored stored_rows(void)
{
    struct stored s = {0};
    struct wn_facts_range all = {0, WN_DAY_MIN, WN_DAY_MAX};
    assert_int_equal(wn_facts_scan(stores.facts, 1, &all, add_stored, &s, NULL), WN_OK);
    return s;
}

static inline const char *name_of_id(int32_t id)
{
    struct wn_name name;
    if (id == 0)
        return "";
    assert_int_equal(wn_facts_name(stores.facts, 1, id, &arena, &name, NULL), WN_OK);
    return wn_arena_dup(&arena, name.name).p;
}

static inline int32_t day_of_text(const char *iso)
{
    int32_t d = -1;
    assert_true(wn_parse_day(wn_str_of(iso), &d));
    return d;
}

static inline int64_t micros(const char *text)
{
    int64_t m = 0;
    if (!wn_parse_micros(wn_str_of(text), &m))
        fail_msg("bad test number %s", text);
    return m;
}

/* Some problem of the summary speaks of this. */
static inline bool has_problem(const char *words)
{
    for (size_t i = 0; i < summary.n_problems; i++)
        if (wn_str_find(summary.problems[i].text, wn_str_of(words)) < summary.problems[i].text.n)
            return true;
    return false;
}

#define assert_text(s, z) assert_string_equal(wn_arena_dup(&arena, (s)).p, (z))
#define assert_total(measure, text)                                                                \
    assert_int_equal(summary.totals[WN_MEASURE_##measure], micros(text))

#endif
