/* A model as bytes, and back. Loading believes nothing: sizes are checked against the bytes that
 * are there before memory is taken, numbers against what a model can hold. */
#include "core/hash.h"
#include "learn/ctr_int.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC "WNCTR\r\n\x1a"
#define VERSION 1u
#define SUM_MAX 1e100 /* of any sum in a model; far from overflow */
enum { HEAD_BYTES = 32 };

static bool is_little_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void put(struct wn_buf *b, const void *p, size_t n)
{
    wn_buf_append(b, (struct wn_str){p, n});
}
static void put_u32(struct wn_buf *b, uint32_t x)
{
    put(b, &x, sizeof x);
}
static void put_u64(struct wn_buf *b, uint64_t x)
{
    put(b, &x, sizeof x);
}
static void put_f64(struct wn_buf *b, double x)
{
    put(b, &x, sizeof x);
}
static void put_f64s(struct wn_buf *b, const double *x, size_t n)
{
    put(b, x, n * sizeof *x);
}

static void put_options(struct wn_buf *b, const struct wn_ctr_options *o)
{
    put_u32(b, o->bits);
    put_u32(b, o->n_gate);
    put_u32(b, o->n_factors);
    put_u32(b, o->is_delayed);
    put_f64s(b, (const double[]){o->alpha, o->beta, o->l1, o->l2, o->level, o->keep_ratio}, 6);
    put_u64(b, o->n_rows_max);
}

static void put_fields(struct wn_buf *b, const struct wn_ctr *m)
{
    put_u32(b, m->n_fields);
    for (uint32_t i = 0; i < m->n_fields; i++) {
        const struct ctr_field *f = &m->fields[i];
        put_u32(b, f->n_name);
        put(b, f->name, f->n_name);
        put_u32(b, f->a);
        put_u32(b, f->b);
        put_f64s(b, (const double[]){f->variance, f->views, f->sum, f->sum_sq}, 4);
    }
}

static void put_tree(struct wn_buf *b, const struct ctr_tree *t)
{
    put_u32(b, t->n_levels);
    for (uint32_t i = 0; i < t->n_levels; i++)
        put_u32(b, t->fields[i]);
    put_f64s(b, t->strength, WN_COUNT(t->strength));
    put_u32(b, t->n);
    for (uint32_t i = 0; i < t->n; i++) {
        put_u64(b, t->nodes[i].hash);
        put_u32(b, t->nodes[i].parent);
        put_f64s(b, (const double[]){t->nodes[i].clicks, t->nodes[i].views}, 2);
    }
}

static void put_calibrator(struct wn_buf *b, const struct ctr_calibrator *c)
{
    put_u32(b, (uint32_t)c->kind);
    put_f64s(b, c->beta, 3);
    put_u32(b, c->n_knots);
    put_f64s(b, c->knot_logit, c->n_knots);
    put_f64s(b, c->knot_value, c->n_knots);
    put_u32(b, c->n_grid);
    put_f64s(b, c->grid_logit, c->n_grid);
    put_f64s(b, c->grid_low, c->n_grid);
    put_f64s(b, c->grid_high, c->n_grid);
}

static void put_scores(struct wn_buf *b, const struct wn_ctr_scores *s)
{
    put_f64s(b,
             (const double[]){s->views, s->clicks, s->log_loss, s->log_loss_base, s->auc, s->ratio,
                              s->ece, s->ece_chance},
             8);
    for (size_t i = 0; i < WN_CTR_BINS; i++)
        put_f64s(b, (const double[]){s->bins[i].views, s->bins[i].predicted, s->bins[i].observed},
                 3);
}

static void put_slots(struct wn_buf *b, const struct wn_ctr *m)
{
    put_u64(b, m->n_used);
    for (size_t i = 0; i < (size_t)1 << m->options.bits; i++)
        if (m->slots[i].tag) {
            put_u32(b, (uint32_t)i);
            put(b, &m->slots[i], sizeof m->slots[i]);
        }
    size_t n = 0;
    for (size_t i = 0; m->sketch && i <= m->sketch_mask; i++)
        n += m->sketch[i] != 0;
    put_u64(b, n);
    for (size_t i = 0; n && i <= m->sketch_mask; i++)
        if (m->sketch[i]) {
            put_u32(b, (uint32_t)i);
            put(b, &m->sketch[i], 1);
        }
}

static size_t machine_width(const struct ctr_machine *f)
{
    return f->n_factors + 3;
}

static bool is_row_used(const struct ctr_machine *f, size_t i)
{
    return f->rows[(i + 1) * machine_width(f) - 1] != 0;
}

static void put_machine(struct wn_buf *b, const struct ctr_machine *f)
{
    put_u32(b, f->n_factors);
    if (!f->n_factors)
        return;
    size_t n_pairs = (size_t)f->n_fields * f->n_fields, width = machine_width(f), n = 0;
    put_u32(b, f->n_fields);
    put_f64(b, f->w0);
    put_f64(b, f->w0_sq);
    put(b, f->pairs, n_pairs * sizeof *f->pairs);
    put(b, f->pairs_sq, n_pairs * sizeof *f->pairs_sq);
    for (size_t i = 0; i < (size_t)1 << f->bits; i++)
        n += is_row_used(f, i);
    put_u64(b, n);
    for (size_t i = 0; i < (size_t)1 << f->bits; i++)
        if (is_row_used(f, i)) {
            put_u32(b, (uint32_t)i);
            put(b, f->rows + i * width, width * sizeof *f->rows);
        }
}

static void put_body(struct wn_buf *b, const struct wn_ctr *m)
{
    put_options(b, &m->options);
    put_u32(b, (uint32_t)m->n_note);
    put(b, m->note, m->n_note);
    put_fields(b, m);
    put_tree(b, &m->tree);
    put_f64s(b, (const double[]){m->bias.z, m->bias.n, m->bias.q}, 3);
    put_f64s(b, m->blend, 3);
    put_calibrator(b, &m->calibrator);
    put_u32(b, m->is_fitted);
    put_u32(b, m->has_scores);
    put_scores(b, &m->scores);
    put_u64(b, m->n_rows);
    put_u64(b, m->n_forgotten);
    put_u64(b, m->dither);
    put_f64s(b,
             (const double[]){m->views, m->clicks, m->progressive_loss, m->progressive_views,
                              m->offset_views, m->offset_sum},
             6);
    put_slots(b, m);
    put_machine(b, &m->machine);
}

wn_rc wn_ctr_save(const struct wn_ctr *m, struct wn_buf *out, struct wn_why *why)
{
    if (!is_little_endian())
        return wn_fail(why, WN_UNSUPPORTED, NULL, "models cannot be saved on this machine");
    size_t start = out->n;
    char head[HEAD_BYTES] = MAGIC;
    wn_buf_append(out, (struct wn_str){head, sizeof head});
    put_body(out, m);
    wn_rc rc = wn_buf_check(out, why);
    if (rc)
        return rc;
    uint32_t version = VERSION;
    uint64_t size = out->n - start - HEAD_BYTES;
    uint64_t hash = wn_hash((struct wn_str){out->p + start + HEAD_BYTES, size}, VERSION);
    memcpy(out->p + start + 8, &version, sizeof version);
    memcpy(out->p + start + 16, &size, sizeof size);
    memcpy(out->p + start + 24, &hash, sizeof hash);
    return WN_OK;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* What is left to read; bad once something was missing or impossible. */
struct reading {
    const char *p;
    size_t n;
    bool is_bad;
};

static void get(struct reading *r, void *out, size_t n)
{
    if (r->is_bad || r->n < n) {
        r->is_bad = true;
        memset(out, 0, n);
        return;
    }
    memcpy(out, r->p, n);
    r->p += n;
    r->n -= n;
}
static uint32_t get_u32(struct reading *r)
{
    uint32_t x;
    get(r, &x, sizeof x);
    return x;
}
static uint64_t get_u64(struct reading *r)
{
    uint64_t x;
    get(r, &x, sizeof x);
    return x;
}
static bool get_bool(struct reading *r)
{
    uint32_t x = get_u32(r);
    r->is_bad |= x > 1;
    return x == 1;
}
/* Numbers within a limit. */
static void get_f64s(struct reading *r, double *x, size_t n, double low, double high)
{
    get(r, x, n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        if (!(x[i] >= low && x[i] <= high)) {
            r->is_bad = true;
            x[i] = fmax(low, 0);
        }
}
static double get_f64(struct reading *r, double low, double high)
{
    double x;
    get_f64s(r, &x, 1, low, high);
    return x;
}
static void get_floats(struct reading *r, float *x, size_t n)
{
    get(r, x, n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(x[i]) <= 1e37f))
            r->is_bad = true;
}
/* A count of things that each take so many bytes. */
static uint64_t get_count(struct reading *r, uint64_t n, size_t bytes)
{
    if (n > r->n / bytes)
        r->is_bad = true;
    return r->is_bad ? 0 : n;
}

static struct wn_ctr_options get_options(struct reading *r)
{
    struct wn_ctr_options o = {0};
    double x[6];
    o.bits = get_u32(r);
    o.n_gate = get_u32(r);
    o.n_factors = get_u32(r);
    o.is_delayed = get_bool(r);
    get_f64s(r, x, 6, 0, 1e6);
    o.alpha = x[0];
    o.beta = x[1];
    o.l1 = x[2];
    o.l2 = x[3];
    o.level = x[4];
    o.keep_ratio = x[5];
    o.n_rows_max = get_u64(r);
    return o;
}

static wn_rc get_fields(struct reading *r, struct wn_ctr *m)
{
    uint32_t n = get_u32(r);
    for (uint32_t i = 0; i < n && !r->is_bad; i++) {
        char name[2 * WN_CTR_NAME_MAX + 2] = {0};
        uint32_t n_name = get_u32(r), field;
        double x[4];
        if (n_name > sizeof name) {
            r->is_bad = true;
            break;
        }
        get(r, name, n_name);
        uint32_t a = get_u32(r), b = get_u32(r);
        wn_rc rc = a == WN_CTR_NONE
                       ? wn_ctr_field_add(m, (struct wn_str){name, n_name}, &field, NULL)
                       : wn_ctr_cross_add(m, a, b, &field, NULL);
        if (rc == WN_MEMORY)
            return rc;
        get_f64s(r, x, 4, -SUM_MAX, SUM_MAX);
        if (rc || field != i || x[0] <= 0 || x[1] < 0 || x[3] < 0) {
            r->is_bad = true;
            break;
        }
        struct ctr_field *f = &m->fields[i];
        f->variance = x[0];
        f->views = x[1];
        f->sum = x[2];
        f->sum_sq = x[3];
    }
    return WN_OK;
}

static wn_rc get_tree(struct reading *r, struct wn_ctr *m)
{
    struct ctr_tree *t = &m->tree;
    uint32_t fields[WN_CTR_TREE_MAX], n_levels = get_u32(r);
    for (uint32_t i = 0; i < n_levels && i < WN_CTR_TREE_MAX; i++)
        fields[i] = get_u32(r);
    if (r->is_bad || wn_ctr_tree_set(m, fields, n_levels, NULL))
        r->is_bad = true;
    get_f64s(r, t->strength, WN_COUNT(t->strength), 1e-9, 1e12);
    uint64_t n = get_count(r, get_u32(r), 28);
    r->is_bad |= n < 1;
    for (uint64_t i = 0; i < n && !r->is_bad; i++) {
        struct ctr_node node = {.hash = get_u64(r), .parent = get_u32(r)};
        uint32_t place;
        node.clicks = get_f64(r, 0, SUM_MAX);
        node.views = get_f64(r, 0, SUM_MAX);
        r->is_bad |= node.hash == 0 || (i && node.parent >= i) || (i == 0 && node.hash != 1);
        if (r->is_bad)
            break;
        node.level = i ? t->nodes[node.parent].level + 1 : 0;
        r->is_bad |= node.level > t->n_levels;
        if (i == 0) {
            t->nodes[0] = node;
        } else if (!r->is_bad) {
            wn_rc rc = ctr_tree_append(t, node, &place);
            if (rc)
                return rc;
        }
    }
    return WN_OK;
}

static void get_calibrator(struct reading *r, struct ctr_calibrator *c)
{
    uint32_t kind = get_u32(r);
    r->is_bad |= kind > WN_CTR_ISOTONIC;
    c->kind = r->is_bad ? WN_CTR_RAW : (wn_ctr_calibration)kind;
    get_f64s(r, c->beta, 3, -1e6, 1e6);
    c->n_knots = get_u32(r);
    r->is_bad |= c->n_knots > CTR_KNOTS_MAX || (kind == WN_CTR_ISOTONIC && c->n_knots < 2);
    if (!r->is_bad) {
        get_f64s(r, c->knot_logit, c->n_knots, -1e3, 1e3);
        get_f64s(r, c->knot_value, c->n_knots, -1e3, 1e3);
    }
    c->n_grid = get_u32(r);
    r->is_bad |= c->n_grid > CTR_GRID_MAX;
    if (!r->is_bad) {
        get_f64s(r, c->grid_logit, c->n_grid, -1e3, 1e3);
        get_f64s(r, c->grid_low, c->n_grid, 0, 1);
        get_f64s(r, c->grid_high, c->n_grid, 0, 1);
    }
}

static void get_scores(struct reading *r, struct wn_ctr_scores *s)
{
    double x[8], b[3];
    get_f64s(r, x, 8, 0, 1e300);
    *s = (struct wn_ctr_scores){.views = x[0],
                                .clicks = x[1],
                                .log_loss = x[2],
                                .log_loss_base = x[3],
                                .auc = x[4],
                                .ratio = x[5],
                                .ece = x[6],
                                .ece_chance = x[7]};
    for (size_t i = 0; i < WN_CTR_BINS; i++) {
        get_f64s(r, b, 3, 0, 1e300);
        s->bins[i] = (struct wn_ctr_bin){b[0], b[1], b[2]};
    }
}

static wn_rc get_slots(struct reading *r, struct wn_ctr *m)
{
    size_t n_slots = (size_t)1 << m->options.bits;
    uint64_t n = get_count(r, get_u64(r), 4 + sizeof(struct ctr_slot));
    for (uint64_t i = 0; i < n && !r->is_bad; i++) {
        struct ctr_slot slot;
        uint32_t place = get_u32(r);
        get_floats(r, &slot.z, 1);
        get_floats(r, &slot.n, 1);
        get_floats(r, &slot.q, 1);
        slot.tag = get_u32(r);
        r->is_bad |= place >= n_slots || slot.tag == 0 || slot.n < 0 || slot.q < 0;
        if (r->is_bad || m->slots[place].tag) {
            r->is_bad = true;
            break;
        }
        m->slots[place] = slot;
        m->n_used++;
    }
    n = get_count(r, get_u64(r), 5);
    if (n && !r->is_bad) {
        wn_rc rc = ctr_sketch_new(m);
        if (rc)
            return rc;
    }
    for (uint64_t i = 0; i < n && !r->is_bad; i++) {
        uint32_t place = get_u32(r);
        uint8_t seen;
        get(r, &seen, 1);
        r->is_bad |= place > m->sketch_mask;
        if (!r->is_bad)
            m->sketch[place] = seen;
    }
    return WN_OK;
}

static wn_rc get_machine(struct reading *r, struct wn_ctr *m)
{
    struct ctr_machine *f = &m->machine;
    uint32_t n_factors = get_u32(r);
    if (n_factors == 0 || r->is_bad)
        return WN_OK;
    uint32_t n_fields = get_u32(r);
    if (r->is_bad || n_fields > CTR_MACHINE_FIELDS_MAX || n_fields > m->n_fields) {
        r->is_bad = true;
        return WN_OK;
    }
    wn_rc rc = ctr_machine_init(f, &m->options, n_fields);
    if (rc)
        return rc;
    if (f->n_factors != n_factors) {
        r->is_bad = true;
        return WN_OK;
    }
    size_t n_pairs = (size_t)n_fields * n_fields, width = machine_width(f);
    f->w0 = get_f64(r, -1e6, 1e6);
    f->w0_sq = get_f64(r, 1, 1e300);
    get_floats(r, f->pairs, n_pairs);
    get_floats(r, f->pairs_sq, n_pairs);
    uint64_t n = get_count(r, get_u64(r), 4 + width * sizeof(float));
    for (uint64_t i = 0; i < n && !r->is_bad; i++) {
        uint32_t place = get_u32(r);
        r->is_bad |= place >= (uint64_t)1 << f->bits;
        if (r->is_bad)
            break;
        float *row = f->rows + place * width;
        get_floats(r, row, width);
        r->is_bad |= !(row[width - 1] >= 1 && row[width - 2] >= 1);
    }
    for (size_t i = 0; i < n_pairs; i++)
        r->is_bad |= !(f->pairs_sq[i] >= 1);
    return WN_OK;
}

static wn_rc get_note(struct reading *r, struct wn_ctr *m)
{
    size_t n = get_count(r, get_u32(r), 1);
    if (r->is_bad || n > WN_CTR_NOTE_MAX) {
        r->is_bad = true;
        return WN_OK;
    }
    wn_rc rc = wn_ctr_note_set(m, (struct wn_str){r->p, n}, NULL);
    r->p += n;
    r->n -= n;
    return rc;
}

static wn_rc get_body(struct reading *r, struct wn_ctr *m)
{
    wn_rc rc = get_note(r, m);
    if (!rc && !r->is_bad)
        rc = get_fields(r, m);
    if (!rc && !r->is_bad)
        rc = get_tree(r, m);
    if (rc || r->is_bad)
        return rc;
    double x[6];
    get_f64s(r, x, 3, -SUM_MAX, SUM_MAX);
    r->is_bad |= x[1] < 0 || x[2] < 0;
    m->bias = (struct ctr_bias){x[0], x[1], x[2]};
    get_f64s(r, m->blend, 3, -1e6, 1e6);
    r->is_bad |= m->blend[1] < 0 || m->blend[2] < 0;
    get_calibrator(r, &m->calibrator);
    m->is_fitted = get_bool(r);
    m->has_scores = get_bool(r);
    get_scores(r, &m->scores);
    m->n_rows = get_u64(r);
    m->n_forgotten = get_u64(r);
    m->dither = get_u64(r);
    r->is_bad |= m->dither == 0;
    get_f64s(r, x, 6, -SUM_MAX, SUM_MAX);
    r->is_bad |= x[0] < 0 || x[1] < 0 || x[3] < 0 || x[4] < 0;
    m->views = x[0];
    m->clicks = x[1];
    m->progressive_loss = x[2];
    m->progressive_views = x[3];
    m->offset_views = x[4];
    m->offset_sum = x[5];
    if (r->is_bad)
        return WN_OK;
    rc = get_slots(r, m);
    if (!rc && !r->is_bad)
        rc = get_machine(r, m);
    r->is_bad |= r->n != 0;
    return rc;
}

static wn_rc check_head(struct wn_str bytes, struct wn_why *why)
{
    uint32_t version;
    uint64_t size, hash;
    if (bytes.n < HEAD_BYTES || memcmp(bytes.p, MAGIC, 8) != 0)
        return wn_fail(why, WN_CORRUPT, "model",
                       "this is no click model: it does not begin with WNCTR");
    memcpy(&version, bytes.p + 8, sizeof version);
    memcpy(&size, bytes.p + 16, sizeof size);
    memcpy(&hash, bytes.p + 24, sizeof hash);
    if (version > VERSION)
        return wn_fail(why, WN_NEWER, "model", "the model has version %u, this program reads %u",
                       version, VERSION);
    if (version < VERSION)
        return wn_fail(why, WN_CORRUPT, "model", "there is no version %u of click models", version);
    if (size != bytes.n - HEAD_BYTES)
        return wn_fail(why, WN_CORRUPT, "model",
                       "the model is damaged: it should have %llu bytes behind its head, not %zu",
                       (unsigned long long)size, bytes.n - HEAD_BYTES);
    uint64_t found = wn_hash((struct wn_str){bytes.p + HEAD_BYTES, bytes.n - HEAD_BYTES}, VERSION);
    if (found != hash)
        return wn_fail(why, WN_CORRUPT, "model",
                       "the model is damaged: its checksum is %016llx, but it says %016llx",
                       (unsigned long long)found, (unsigned long long)hash);
    return WN_OK;
}

wn_rc wn_ctr_load(struct wn_str bytes, struct wn_ctr **out, struct wn_why *why)
{
    if (!is_little_endian())
        return wn_fail(why, WN_UNSUPPORTED, NULL, "models cannot be loaded on this machine");
    wn_rc rc = check_head(bytes, why);
    if (rc)
        return rc;
    struct reading r = {bytes.p + HEAD_BYTES, bytes.n - HEAD_BYTES, false};
    struct wn_ctr_options options = get_options(&r);
    struct wn_ctr *m = NULL;
    if (ctr_options_check(&options, NULL))
        r.is_bad = true;
    if (!r.is_bad)
        rc = wn_ctr_new(&options, &m, why);
    if (!r.is_bad && !rc)
        rc = get_body(&r, m);
    if (!rc && r.is_bad)
        rc = wn_fail(why, WN_CORRUPT, "model", "the model holds numbers that no model can hold");
    if (rc) {
        wn_ctr_free(m);
        return wn_fail(why, rc, NULL, "there is no memory for the model");
    }
    *out = m;
    return WN_OK;
}
