/* Learning from all rows: the matrix, the effects, the factorization machine, and the predictions
 * of rows by models that have not seen them, on which the rest stands. */
#include "learn/ctr_int.h"

#include <stdlib.h>
#include <string.h>

#define PARTS 5               /* blocks that are left out in turn */
#define ROWS_PARTS_MAX 200000 /* above it only the newest tenth is left out, once */
#define ROUNDS 25             /* of the fit on all rows */
#define ROUNDS_LARGE 12       /* above ROWS_PARTS_MAX */
#define ROUNDS_PART 12        /* with the variances of the fit on all rows */
#define SCALES 4              /* factors of all variances that are tried: 1, 4, 16, 64 */
#define EPOCHS_MAX 10         /* of the machine */
#define MACHINE_STEPS_MAX 2e6 /* rows * epochs * parts, about */
#define MACHINE_CLICKS_MIN 1000
#define MACHINE_SEEN_MIN 3    /* rows with a feature, to take part */
#define CENTRE_ROWS_MAX 50000 /* rows that the mean parts of fields are taken from */

/* ---- the matrix -------------------------------------------------------------------------------
 */

/* Columns by hash, open addressing. */
struct column_map {
    uint32_t *places; /* column + 1 */
    size_t n_places;
    size_t n_max; /* of hash, field, count */
    uint64_t *hash;
    uint32_t *field, *count;
    size_t n;
};

static wn_rc map_grow(struct column_map *c)
{
    size_t n_places = c->n_places ? 2 * c->n_places : 1024, n_max = n_places / 2;
    if (n_max > UINT32_MAX / 2)
        return WN_LIMIT;
    uint64_t *hash = realloc(c->hash, n_max * sizeof *hash);
    c->hash = hash ? hash : c->hash;
    uint32_t *field = realloc(c->field, n_max * sizeof *field);
    c->field = field ? field : c->field;
    uint32_t *count = realloc(c->count, n_max * sizeof *count);
    c->count = count ? count : c->count;
    uint32_t *places = calloc(n_places, sizeof *places);
    if (!hash || !field || !count || !places) {
        free(places);
        return WN_MEMORY;
    }
    for (size_t i = 0; i < c->n; i++) {
        size_t at = c->hash[i] & (n_places - 1);
        while (places[at])
            at = (at + 1) & (n_places - 1);
        places[at] = (uint32_t)(i + 1);
    }
    free(c->places);
    c->places = places;
    c->n_places = n_places;
    c->n_max = n_max;
    return WN_OK;
}

static wn_rc map_put(struct column_map *c, const struct wn_ctr_feature *f, uint32_t *out)
{
    if (c->n == c->n_max) {
        wn_rc rc = map_grow(c);
        if (rc)
            return rc;
    }
    size_t at = f->hash & (c->n_places - 1);
    while (c->places[at] && c->hash[c->places[at] - 1] != f->hash)
        at = (at + 1) & (c->n_places - 1);
    if (!c->places[at]) {
        c->hash[c->n] = f->hash;
        c->field[c->n] = f->field;
        c->count[c->n] = 0;
        c->places[at] = (uint32_t)++c->n;
    }
    *out = c->places[at] - 1;
    c->count[*out]++;
    return WN_OK;
}

/* column_of and the strengths by row, growing. */
struct entries {
    uint32_t *column;
    float *x;
    size_t n, n_max;
};

static wn_rc entries_reserve(struct entries *e, size_t n_more)
{
    if (e->n + n_more <= e->n_max)
        return WN_OK;
    size_t n_max = 2 * e->n_max > e->n + n_more ? 2 * e->n_max : e->n + n_more + 1024;
    uint32_t *column = realloc(e->column, n_max * sizeof *column);
    e->column = column ? column : e->column;
    float *x = realloc(e->x, n_max * sizeof *x);
    e->x = x ? x : e->x;
    e->n_max = column && x ? n_max : e->n_max;
    return column && x ? WN_OK : WN_MEMORY;
}

static wn_rc read_rows(const struct wn_ctr *m, const struct wn_ctr_row *rows, size_t n,
                       struct ctr_matrix *x, struct column_map *c, struct entries *e)
{
    struct ctr_expanded expanded;
    for (size_t i = 0; i < n; i++) {
        ctr_expand(m, rows[i].features, rows[i].n_features, &expanded);
        wn_rc rc = entries_reserve(e, expanded.n);
        for (size_t k = 0; k < expanded.n && !rc; k++) {
            e->x[e->n] = expanded.features[k].x;
            rc = map_put(c, &expanded.features[k], &e->column[e->n]);
            e->n += !rc;
        }
        if (rc)
            return rc;
        x->row_start[i + 1] = e->n;
        x->clicks[i] = rows[i].clicks;
        x->views[i] = ctr_views(m, &rows[i]);
        x->offset[i] = rows[i].offset;
        x->survival[i] = rows[i].survival;
    }
    return WN_OK;
}

static wn_rc transpose(struct ctr_matrix *x, const struct column_map *c, const struct entries *e,
                       struct wn_arena *a)
{
    x->n_columns = c->n;
    x->column_of = WN_ARENA_ARRAY(a, e->n, uint32_t);
    x->row_of = WN_ARENA_ARRAY(a, e->n, uint32_t);
    x->x = WN_ARENA_ARRAY(a, e->n, float);
    x->hash = WN_ARENA_ARRAY(a, c->n, uint64_t);
    x->field = WN_ARENA_ARRAY(a, c->n, uint32_t);
    x->column_start = WN_ARENA_ARRAY(a, c->n + 2, size_t);
    if (!x->column_of || !x->row_of || !x->x || !x->hash || !x->field || !x->column_start)
        return WN_MEMORY;
    if (c->n) {
        memcpy(x->column_of, e->column, e->n * sizeof *e->column);
        memcpy(x->hash, c->hash, c->n * sizeof *c->hash);
        memcpy(x->field, c->field, c->n * sizeof *c->field);
    }
    for (size_t j = 0; j < c->n; j++) /* one place further on, so that filling in ends right */
        x->column_start[j + 2] = x->column_start[j + 1] + c->count[j];
    if (!e->x)
        return WN_OK; /* no row has a feature */
    for (size_t i = 0; i < x->n_rows; i++)
        for (size_t k = x->row_start[i]; k < x->row_start[i + 1]; k++) {
            size_t at = x->column_start[x->column_of[k] + 1]++;
            x->row_of[at] = (uint32_t)i;
            x->x[at] = e->x[k];
        }
    return WN_OK;
}

wn_rc ctr_matrix_init(struct ctr_matrix *x, const struct wn_ctr *m, const struct wn_ctr_row *rows,
                      size_t n, struct wn_arena *a)
{
    struct column_map c = {0};
    struct entries e = {0};
    *x = (struct ctr_matrix){.n_rows = n};
    x->row_start = WN_ARENA_ARRAY(a, n + 1, size_t);
    x->clicks = WN_ARENA_ARRAY(a, n, double);
    x->views = WN_ARENA_ARRAY(a, n, double);
    x->offset = WN_ARENA_ARRAY(a, n, double);
    x->survival = WN_ARENA_ARRAY(a, n, double);
    wn_rc rc =
        x->row_start && x->clicks && x->views && x->offset && x->survival ? WN_OK : WN_MEMORY;
    if (!rc)
        rc = read_rows(m, rows, n, x, &c, &e);
    if (!rc)
        rc = transpose(x, &c, &e, a);
    free(c.places);
    free(c.hash);
    free(c.field);
    free(c.count);
    free(e.column);
    free(e.x);
    return rc;
}

/* ---- one fit in progress ----------------------------------------------------------------------
 */

struct job {
    struct wn_ctr *m;
    const struct wn_ctr_row *rows;
    struct ctr_matrix x;
    struct ctr_effects whole;
    uint8_t *part; /* [n_rows] */
    size_t n_parts;
    struct ctr_honest *honest; /* [n_rows] */
    float *by_epoch;           /* [EPOCHS_MAX][n_rows] logits of the machine */
    size_t n_epochs;
    size_t done, total; /* steps */
    struct wn_arena a;
};

static wn_rc tell(struct job *job)
{
    const struct wn_ctr_options *o = &job->m->options;
    job->done = job->done < job->total ? job->done + 1 : job->total;
    if (o->on_progress && !o->on_progress(o->context, job->done, job->total))
        return WN_CANCELLED;
    return WN_OK;
}

/* Blocks in the order of the rows: neighbours, which may be one visitor, stay together. */
static void make_parts(struct job *job)
{
    size_t n = job->x.n_rows;
    bool is_large = n > ROWS_PARTS_MAX;
    job->n_parts = is_large ? 1 : n < PARTS ? n : PARTS;
    for (size_t i = 0; i < n; i++)
        job->part[i] = (uint8_t)(!is_large        ? i * job->n_parts / n
                                 : i < n - n / 10 ? CTR_PART_NONE
                                                  : 0);
}

/* Each row starts from what the hierarchy knew from the rows before it. The first pass finds out
 * how much the levels' rates differ. */
static wn_rc add_offsets(struct job *job)
{
    struct ctr_tree *t = &job->m->tree;
    if (t->n_levels == 0)
        return WN_OK;
    for (int pass = 0; pass < 2; pass++) {
        double strength[WN_CTR_TREE_MAX + 1];
        memcpy(strength, t->strength, sizeof strength);
        ctr_tree_forget(t);
        if (pass)
            memcpy(t->strength, strength, sizeof strength);
        for (size_t i = 0; i < job->x.n_rows; i++) {
            const struct wn_ctr_row *r = &job->rows[i];
            if (pass)
                job->x.offset[i] += ctr_tree_offset(t, r->features, r->n_features);
            wn_rc rc = ctr_tree_add(t, r->features, r->n_features, r->clicks, job->x.views[i]);
            if (rc)
                return rc;
        }
        wn_rc rc = pass ? WN_OK : ctr_tree_estimate(t);
        if (rc)
            return rc;
    }
    return WN_OK;
}

/* ---- the machine ------------------------------------------------------------------------------
 */

/* The plain features of a row that enough rows have. */
static size_t frequent(const struct job *job, size_t row, struct wn_ctr_feature *out)
{
    const struct ctr_matrix *x = &job->x;
    const struct wn_ctr_row *r = &job->rows[row];
    size_t n = 0;
    for (size_t i = 0; i < r->n_features && n < CTR_MACHINE_FEATURES_MAX; i++) {
        uint32_t j = x->column_of[x->row_start[row] + i];
        if (x->column_start[j + 1] - x->column_start[j] >= MACHINE_SEEN_MIN)
            out[n++] = r->features[i];
    }
    return n;
}

static void machine_epoch(struct job *job, uint8_t left_out)
{
    struct wn_ctr_feature features[CTR_MACHINE_FEATURES_MAX];
    const struct ctr_matrix *x = &job->x;
    for (size_t i = 0; i < x->n_rows; i++) {
        if (job->part[i] == left_out)
            continue;
        size_t n = frequent(job, i, features);
        (void)ctr_machine_learn(&job->m->machine, features, n, x->offset[i], x->clicks[i],
                                x->views[i]);
    }
}

static wn_rc machine_part(struct job *job, uint8_t left_out)
{
    struct wn_ctr_feature features[CTR_MACHINE_FEATURES_MAX];
    ctr_machine_forget(&job->m->machine, job->whole.bias);
    for (size_t epoch = 0; epoch < job->n_epochs; epoch++) {
        machine_epoch(job, left_out);
        float *out = job->by_epoch + epoch * job->x.n_rows;
        for (size_t i = 0; i < job->x.n_rows; i++)
            if (job->part[i] == left_out)
                out[i] =
                    (float)(job->x.offset[i] + ctr_machine_logit(&job->m->machine, features,
                                                                 frequent(job, i, features), NULL));
        wn_rc rc = tell(job);
        if (rc)
            return rc;
    }
    return WN_OK;
}

/* How many epochs did best on the rows that were left out. */
static size_t best_epochs(struct job *job)
{
    double best = HUGE_VAL;
    size_t n = 0;
    for (size_t epoch = 0; epoch < job->n_epochs; epoch++) {
        const float *logit = job->by_epoch + epoch * job->x.n_rows;
        double loss = 0;
        for (size_t i = 0; i < job->x.n_rows; i++)
            if (job->part[i] != CTR_PART_NONE)
                loss += ctr_loss((double)logit[i], job->x.clicks[i], job->x.views[i]);
        if (loss < best) {
            best = loss;
            n = epoch + 1;
        }
    }
    return n;
}

static bool wants_machine(const struct job *job)
{
    double clicks = 0;
    for (size_t i = 0; i < job->x.n_rows; i++)
        clicks += job->x.clicks[i];
    return job->m->options.n_factors && clicks >= MACHINE_CLICKS_MIN &&
           job->m->n_fields <= CTR_MACHINE_FIELDS_MAX;
}

/* Honest logits of all parts, then the machine of all rows. */
static wn_rc fit_machine(struct job *job)
{
    wn_rc rc = ctr_machine_init(&job->m->machine, &job->m->options, job->m->n_fields);
    for (size_t k = 0; k < job->n_parts && !rc; k++)
        rc = machine_part(job, (uint8_t)k);
    if (rc)
        return rc;
    size_t n_epochs = best_epochs(job);
    for (size_t i = 0; i < job->x.n_rows; i++)
        job->honest[i].machine = job->by_epoch[(n_epochs - 1) * job->x.n_rows + i];
    ctr_machine_forget(&job->m->machine, job->whole.bias);
    for (size_t epoch = 0; epoch < n_epochs && !rc; epoch++) {
        machine_epoch(job, CTR_PART_NONE - 1);
        rc = tell(job);
    }
    return rc;
}

/* ---- the linear part --------------------------------------------------------------------------
 */

/* Logits of the rows that are left out, when all variances are multiplied by scale. */
static wn_rc try_scale(struct job *job, double scale, float *tried)
{
    uint32_t n_fields = job->m->n_fields;
    for (size_t k = 0; k < job->n_parts; k++) {
        struct wn_arena a;
        struct ctr_effects e = {0};
        wn_arena_init(&a, 0);
        wn_rc rc = ctr_effects_init(&e, &job->x, n_fields, &a);
        for (uint32_t f = 0; f < n_fields; f++)
            e.variance[f] = scale * job->whole.variance[f];
        if (!rc)
            rc = ctr_effects_fit(&e, &job->x, n_fields, job->part, (uint8_t)k, false, ROUNDS_PART);
        for (size_t i = 0; i < job->x.n_rows && !rc; i++)
            if (job->part[i] == k)
                tried[i] = (float)fmax(-1e3, fmin(e.logit[i], 1e3));
        wn_arena_deinit(&a);
        rc = rc ? rc : tell(job);
        if (rc)
            return rc;
    }
    return WN_OK;
}

/* Do the tried logits foresee the rows better than those in use, by a standard error? */
static bool is_better(const struct job *job, const float *tried)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < job->x.n_rows; i++) {
        if (job->part[i] == CTR_PART_NONE)
            continue;
        double gain = ctr_loss((double)job->honest[i].linear, job->x.clicks[i], job->x.views[i]) -
                      ctr_loss((double)tried[i], job->x.clicks[i], job->x.views[i]);
        sum += gain;
        squares += gain * gain;
    }
    return sum > 0 && sum * sum > squares;
}

/* The estimate of the variances takes effects for independent; where they are not, all variances
 * come out too small. One factor for all of them is found on the rows left out. */
static wn_rc find_scale(struct job *job, double *out)
{
    float *tried = WN_ARENA_ARRAY(&job->a, job->x.n_rows, float);
    if (!tried)
        return WN_MEMORY;
    for (int fold = 0; fold < SCALES; fold++) {
        double scale = ldexp(1, 2 * fold);
        wn_rc rc = try_scale(job, scale, tried);
        if (rc)
            return rc;
        if (fold && !is_better(job, tried))
            break;
        *out = scale;
        for (size_t i = 0; i < job->x.n_rows; i++)
            job->honest[i].linear = tried[i];
    }
    return WN_OK;
}

/* Labels that are not final become what the fit expects of them, for everything that follows. */
static void settle_labels(struct job *job)
{
    struct ctr_matrix *x = &job->x;
    for (size_t i = 0; i < x->n_rows; i++) {
        if (x->survival[i] > 0 && x->clicks[i] == 0)
            x->clicks[i] =
                x->views[i] * wn_ctr_soft_label(wn_sigmoid(job->whole.logit[i]), x->survival[i]);
        x->survival[i] = 0;
    }
}

static wn_rc fit_effects(struct job *job)
{
    uint32_t n_fields = job->m->n_fields;
    size_t n_rounds = job->x.n_rows > ROWS_PARTS_MAX ? ROUNDS_LARGE : ROUNDS;
    double scale = 1;
    wn_rc rc = ctr_effects_init(&job->whole, &job->x, n_fields, &job->a);
    if (!rc)
        rc = ctr_effects_fit(&job->whole, &job->x, n_fields, NULL, 0, true, n_rounds);
    if (!rc)
        rc = tell(job);
    if (!rc) {
        settle_labels(job);
        rc = find_scale(job, &scale);
    }
    if (rc || scale == 1)
        return rc;
    for (uint32_t f = 0; f < n_fields; f++)
        job->whole.variance[f] *= scale;
    return ctr_effects_fit(&job->whole, &job->x, n_fields, NULL, 0, false, ROUNDS_PART);
}

/* The effects become weights of slots, so that learning row by row can go on from them. */
static void store_effects(struct job *job)
{
    struct wn_ctr *m = job->m;
    const struct ctr_matrix *x = &job->x;
    const struct ctr_effects *e = &job->whole;
    for (size_t j = 0; j < x->n_columns; j++) {
        struct ctr_slot *s = ctr_slot_claim(m, x->hash[j], (float)fmin(e->q[j], 1e36));
        if (s)
            ctr_slot_set(&m->options, s, e->w[j], e->q[j]);
    }
    m->bias.n = m->bias.q = e->bias_q;
    m->bias.z = -e->bias * (m->options.beta + sqrt(m->bias.n)) / m->options.alpha;
    for (uint32_t f = 0; f < m->n_fields; f++)
        m->fields[f].variance = e->variance[f];
    for (size_t i = 0; i < x->n_rows; i++) {
        m->clicks += x->clicks[i];
        m->views += x->views[i];
    }
    m->n_rows = x->n_rows;
    m->is_fitted = true;
}

/* Blend, calibration and scores from the rows that were left out; their logits stay for a search
 * for crosses. */
static wn_rc settle(struct job *job)
{
    struct wn_ctr *m = job->m;
    size_t n = 0, n_rows = job->x.n_rows, n_parts = job->n_parts;
    struct ctr_honest *used = WN_ARENA_ARRAY(&job->a, n_rows, struct ctr_honest);
    uint8_t *part = WN_ARENA_ARRAY(&job->a, n_rows, uint8_t);
    m->honest = calloc(n_rows ? n_rows : 1, sizeof *m->honest);
    if (!used || !part || !m->honest)
        return WN_MEMORY;
    for (size_t i = 0; i < n_rows; i++) {
        job->honest[i].clicks = (float)job->x.clicks[i];
        job->honest[i].views = (float)job->x.views[i];
        if (job->part[i] == CTR_PART_NONE)
            continue;
        part[n] = job->part[i];
        used[n++] = job->honest[i];
    }
    if (n_parts == 1) { /* the newest tenth: one half calibrates the other */
        n_parts = 2;
        for (size_t i = 0; i < n; i++)
            part[i] = i >= n / 2;
    }
    wn_rc rc = ctr_settle_on(m, used, n, part, n_parts);
    for (size_t i = 0; i < n_rows; i++)
        m->honest[i] =
            job->part[i] == CTR_PART_NONE ? (float)NAN : (float)ctr_calibrated(m, &job->honest[i]);
    m->n_honest = n_rows;
    return rc;
}

static void count_parts(struct job *job)
{
    struct ctr_expanded e;
    size_t step = job->x.n_rows / CENTRE_ROWS_MAX + 1;
    for (size_t i = 0; i < job->x.n_rows; i += step) {
        const struct wn_ctr_row *r = &job->rows[i];
        ctr_expand(job->m, r->features, r->n_features, &e);
        ctr_parts_count(job->m, &e, r->features, r->n_features, r->offset, job->x.views[i]);
    }
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static wn_rc prepare(struct job *job, size_t n)
{
    wn_rc rc = ctr_matrix_init(&job->x, job->m, job->rows, n, &job->a);
    if (!rc)
        rc = add_offsets(job);
    if (rc)
        return rc;
    job->part = WN_ARENA_ARRAY(&job->a, n, uint8_t);
    job->honest = WN_ARENA_ARRAY(&job->a, n, struct ctr_honest);
    if (!job->part || !job->honest)
        return WN_MEMORY;
    make_parts(job);
    if (wants_machine(job)) {
        double share = MACHINE_STEPS_MAX / ((double)n * (double)job->n_parts);
        job->n_epochs = (size_t)fmax(2, fmin(share, EPOCHS_MAX));
        job->by_epoch = WN_ARENA_ARRAY(&job->a, job->n_epochs * n, float);
        if (!job->by_epoch)
            return WN_MEMORY;
    }
    job->total = 1 + 3 * job->n_parts + job->n_epochs * (job->n_parts + 1);
    return WN_OK;
}

wn_rc wn_ctr_fit(struct wn_ctr *m, const struct wn_ctr_row *rows, size_t n, struct wn_why *why)
{
    if (n > m->options.n_rows_max || n > UINT32_MAX - 1)
        return wn_fail(why, WN_LIMIT, "rows", "more than %zu rows to fit", m->options.n_rows_max);
    for (size_t i = 0; i < n; i++) {
        wn_rc rc = ctr_row_check(m, &rows[i], i + 1, why);
        if (rc)
            return rc;
    }
    struct job job = {.m = m, .rows = rows};
    wn_arena_init(&job.a, 0);
    ctr_forget(m);
    wn_rc rc = prepare(&job, n);
    if (!rc)
        rc = fit_effects(&job);
    if (!rc && job.n_epochs)
        rc = fit_machine(&job);
    if (!rc) {
        store_effects(&job);
        rc = settle(&job);
    }
    if (m->blend[2] == 0)
        ctr_machine_deinit(&m->machine);
    if (!rc)
        count_parts(&job);
    wn_arena_deinit(&job.a);
    if (rc) {
        ctr_forget(m);
        return wn_fail(why, rc, NULL, "%s",
                       rc == WN_CANCELLED ? "the fit was cancelled"
                                          : "there is no memory to fit so many rows");
    }
    return WN_OK;
}
