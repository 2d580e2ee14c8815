/* A model's birth and end, its fields, and what it tells of itself. */
#include "learn/ctr_int.h"

#include <stdlib.h>
#include <string.h>

/* ---- options ----------------------------------------------------------------------------------
 */

static bool is_within(double x, double low, double high)
{
    return x >= low && x <= high; /* false for NaN */
}

wn_rc ctr_options_check(const struct wn_ctr_options *o, struct wn_why *why)
{
    if (o->bits < 8 || o->bits > 28)
        return wn_fail(why, WN_INVALID, "bits", "bits must be 8 to 28, not %u", o->bits);
    if (o->n_gate < 1 || o->n_gate > 250)
        return wn_fail(why, WN_INVALID, "n_gate", "the gate must be 1 to 250 sightings, not %u",
                       o->n_gate);
    if (o->n_factors > WN_CTR_FACTORS_MAX)
        return wn_fail(why, WN_INVALID, "n_factors", "factors must be 0 to %d, not %u",
                       WN_CTR_FACTORS_MAX, o->n_factors);
    if (!is_within(o->alpha, 1e-6, 1e3))
        return wn_fail(why, WN_INVALID, "alpha", "alpha must be 1e-6 to 1000");
    if (!is_within(o->beta, 0, 1e6))
        return wn_fail(why, WN_INVALID, "beta", "beta must be 0 to 1e6");
    if (!is_within(o->l1, 0, 1e6))
        return wn_fail(why, WN_INVALID, "l1", "l1 must be 0 to 1e6");
    if (!is_within(o->l2, 1e-6, 1e6))
        return wn_fail(why, WN_INVALID, "l2", "l2 must be 1e-6 to 1e6");
    if (!is_within(o->level, 1e-3, 1 - 1e-9))
        return wn_fail(why, WN_INVALID, "level", "the level must lie between 0 and 1");
    if (!is_within(o->keep_ratio, 1e-9, 1))
        return wn_fail(why, WN_INVALID, "keep_ratio",
                       "the kept share must be above 0 and at most 1");
    return WN_OK;
}

/* ---- birth and end ----------------------------------------------------------------------------
 */

static wn_rc slots_new(struct wn_ctr *m)
{
    size_t n = (size_t)1 << m->options.bits, line = CTR_BUCKET * sizeof(struct ctr_slot);
    m->slots_memory = calloc(n * sizeof(struct ctr_slot) + line, 1);
    if (!m->slots_memory)
        return WN_MEMORY;
    uintptr_t at = (uintptr_t)m->slots_memory;
    m->slots = (struct ctr_slot *)((char *)m->slots_memory + (line - at % line) % line);
    m->bucket_mask = (n - 1) & ~(uint64_t)(CTR_BUCKET - 1);
    return WN_OK;
}

wn_rc wn_ctr_new(const struct wn_ctr_options *options, struct wn_ctr **out, struct wn_why *why)
{
    wn_rc rc = ctr_options_check(options, why);
    if (rc)
        return rc;
    struct wn_ctr *m = calloc(1, sizeof *m);
    if (!m)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    m->options = *options;
    m->rates = (struct ctr_rates){(float)(1 / options->alpha), (float)options->beta,
                                  (float)options->l1, (float)options->l2};
    for (size_t x = 1; x < WN_COUNT(m->whole_bucket); x++)
        m->whole_bucket[x] = (uint16_t)(log((double)x) * log((double)x));
    rc = slots_new(m);
    if (!rc)
        rc = ctr_tree_init(&m->tree);
    if (rc) {
        wn_ctr_free(m);
        return wn_fail(why, rc, NULL, "memory has run out: the table needs %zu bytes",
                       sizeof(struct ctr_slot) << options->bits);
    }
    ctr_forget(m);
    *out = m;
    return WN_OK;
}

void wn_ctr_free(struct wn_ctr *m)
{
    if (!m)
        return;
    ctr_machine_deinit(&m->machine);
    ctr_tree_deinit(&m->tree);
    free(m->ring.p);
    free(m->sketch);
    free(m->slots_memory);
    free(m->fields);
    free(m->note);
    free(m->honest);
    free(m);
}

void ctr_forget(struct wn_ctr *m)
{
    memset(m->slots, 0, sizeof(struct ctr_slot) << m->options.bits);
    if (m->sketch)
        memset(m->sketch, 0, m->sketch_mask + 1);
    m->n_used = m->n_forgotten = m->n_rows = 0;
    m->views = m->clicks = m->progressive_loss = m->progressive_views = 0;
    m->offset_views = m->offset_sum = 0;
    m->bias = (struct ctr_bias){0};
    m->blend[0] = m->blend[2] = 0;
    m->blend[1] = 1;
    m->calibrator = (struct ctr_calibrator){0};
    m->ring.n = m->ring.next = 0;
    m->is_fitted = m->has_scores = false;
    m->scores = (struct wn_ctr_scores){0};
    m->dither = 1;
    free(m->honest);
    m->honest = NULL;
    for (uint32_t i = 0; i < m->n_fields; i++) {
        struct ctr_field *f = &m->fields[i];
        f->variance = 1 / m->options.l2;
        f->views = f->sum = f->sum_sq = 0;
    }
    ctr_tree_forget(&m->tree);
    ctr_machine_deinit(&m->machine);
}

/* ---- fields -----------------------------------------------------------------------------------
 */

uint32_t wn_ctr_field_find(const struct wn_ctr *m, struct wn_str name)
{
    for (uint32_t i = 0; i < m->n_fields; i++)
        if (wn_str_eq(wn_ctr_field_name(m, i), name))
            return i;
    return WN_CTR_NONE;
}

/* The name is made of the parts a and "*b" (empty for a plain field). */
static wn_rc field_append(struct wn_ctr *m, struct wn_str name, uint32_t a, uint32_t b,
                          uint32_t *out, struct wn_why *why)
{
    uint32_t found = wn_ctr_field_find(m, name);
    if (found != WN_CTR_NONE) {
        *out = found;
        return WN_OK;
    }
    if (m->n_fields == WN_CTR_FIELDS_MAX)
        return wn_fail(why, WN_LIMIT, "fields", "more than %d fields, crosses included",
                       WN_CTR_FIELDS_MAX);
    if (m->n_fields == m->fields_size) {
        uint32_t size = m->fields_size ? 2 * m->fields_size : 16;
        struct ctr_field *grown = realloc(m->fields, size * sizeof *grown);
        if (!grown)
            return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
        m->fields = grown;
        m->fields_size = size;
    }
    struct ctr_field *f = &m->fields[m->n_fields];
    *f = (struct ctr_field){.a = a, .b = b, .variance = 1 / m->options.l2};
    memcpy(f->name, name.p, name.n);
    f->n_name = (uint32_t)name.n;
    f->salt = ctr_hash_bytes(f->name, f->n_name, 0);
    m->n_crosses += a != WN_CTR_NONE;
    *out = m->n_fields++;
    return WN_OK;
}

wn_rc wn_ctr_field_add(struct wn_ctr *m, struct wn_str name, uint32_t *out, struct wn_why *why)
{
    if (name.n < 1 || name.n > WN_CTR_NAME_MAX)
        return wn_fail(why, WN_INVALID, "field", "a field's name must have 1 to %d bytes, not %zu",
                       WN_CTR_NAME_MAX, name.n);
    return field_append(m, name, WN_CTR_NONE, WN_CTR_NONE, out, why);
}

static bool is_plain(const struct wn_ctr *m, uint32_t field)
{
    return field < m->n_fields && m->fields[field].a == WN_CTR_NONE;
}

wn_rc wn_ctr_cross_add(struct wn_ctr *m, uint32_t a, uint32_t b, uint32_t *out, struct wn_why *why)
{
    if (!is_plain(m, a) || !is_plain(m, b) || a == b)
        return wn_fail(why, WN_INVALID, "cross", "a cross needs two different plain fields");
    if (a > b) { /* one cross, however it is written */
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    char name[2 * WN_CTR_NAME_MAX + 2];
    struct wn_str x = wn_ctr_field_name(m, a), y = wn_ctr_field_name(m, b);
    memcpy(name, x.p, x.n);
    name[x.n] = '*';
    memcpy(name + x.n + 1, y.p, y.n);
    return field_append(m, (struct wn_str){name, x.n + 1 + y.n}, a, b, out, why);
}

wn_rc wn_ctr_tree_set(struct wn_ctr *m, const uint32_t *fields, size_t n, struct wn_why *why)
{
    if (n > WN_CTR_TREE_MAX)
        return wn_fail(why, WN_INVALID, "tree", "a hierarchy has at most %d levels",
                       WN_CTR_TREE_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!is_plain(m, fields[i]))
            return wn_fail(why, WN_INVALID, "tree", "a level of the hierarchy is no plain field");
        for (size_t j = 0; j < i; j++)
            if (fields[i] == fields[j])
                return wn_fail(why, WN_INVALID, "tree", "two levels of the hierarchy are the same");
    }
    ctr_tree_forget(&m->tree);
    for (size_t i = 0; i < n; i++)
        m->tree.fields[i] = fields[i];
    m->tree.n_levels = (uint32_t)n;
    return WN_OK;
}

uint32_t wn_ctr_n_fields(const struct wn_ctr *m)
{
    return m->n_fields;
}

struct wn_str wn_ctr_field_name(const struct wn_ctr *m, uint32_t field)
{
    WN_ASSERT(field < m->n_fields);
    return (struct wn_str){m->fields[field].name, m->fields[field].n_name};
}

bool wn_ctr_field_cross(const struct wn_ctr *m, uint32_t field, uint32_t *a, uint32_t *b)
{
    WN_ASSERT(field < m->n_fields);
    if (is_plain(m, field))
        return false;
    *a = m->fields[field].a;
    *b = m->fields[field].b;
    return true;
}

wn_rc wn_ctr_note_set(struct wn_ctr *m, struct wn_str note, struct wn_why *why)
{
    if (note.n > WN_CTR_NOTE_MAX)
        return wn_fail(why, WN_LIMIT, "note", "a note has at most %d bytes", WN_CTR_NOTE_MAX);
    char *copy = malloc(note.n + 1);
    if (!copy)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    if (note.n)
        memcpy(copy, note.p, note.n);
    free(m->note);
    m->note = copy;
    m->n_note = note.n;
    return WN_OK;
}

struct wn_str wn_ctr_note(const struct wn_ctr *m)
{
    return (struct wn_str){m->note, m->n_note};
}

/* ---- reports ----------------------------------------------------------------------------------
 */

const char *wn_ctr_calibration_name(wn_ctr_calibration c)
{
    static const char *const names[] = {
        [WN_CTR_RAW] = "none", [WN_CTR_BETA] = "beta", [WN_CTR_ISOTONIC] = "isotonic"};
    return names[c];
}

static size_t size_of(const struct wn_ctr *m)
{
    const struct ctr_machine *f = &m->machine;
    size_t size = sizeof *m + m->fields_size * sizeof *m->fields +
                  (sizeof(struct ctr_slot) << m->options.bits) + m->ring.n_max * sizeof *m->ring.p +
                  (m->sketch ? m->sketch_mask + 1 : 0) +
                  (size_t)m->tree.n_max * sizeof *m->tree.nodes +
                  (size_t)m->tree.n_index * sizeof *m->tree.index;
    if (f->n_factors)
        size += ((size_t)(f->n_factors + 3) * sizeof(float) << f->bits) +
                2 * sizeof(float) * f->n_fields * f->n_fields;
    return size;
}

void wn_ctr_report(const struct wn_ctr *m, struct wn_ctr_report *out)
{
    *out = (struct wn_ctr_report){
        .n_rows = m->n_rows,
        .views = m->views,
        .clicks = m->clicks,
        .n_slots_used = m->n_used,
        .n_forgotten = m->n_forgotten,
        .size_bytes = size_of(m),
        .is_fitted = m->is_fitted,
        .has_scores = m->has_scores,
        .scores = m->scores,
        .weight_linear = m->blend[1],
        .weight_machine = m->blend[2],
        .calibration = m->calibrator.kind,
        .progressive_views = m->progressive_views,
    };
    if (m->progressive_views > 0)
        out->progressive_log_loss = m->progressive_loss / m->progressive_views;
}

void wn_ctr_field_report(const struct wn_ctr *m, uint32_t field, struct wn_ctr_field_report *out)
{
    WN_ASSERT(field < m->n_fields);
    const struct ctr_field *f = &m->fields[field];
    *out = (struct wn_ctr_field_report){.variance = f->variance};
    if (f->views > 0) {
        double mean = f->sum / f->views;
        out->importance = sqrt(fmax(0, f->sum_sq / f->views - mean * mean));
    }
}
