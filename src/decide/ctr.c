#include "decide/ctr_int.h"

#include <math.h>
#include <stdlib.h>

#include "learn/special.h"

static const char *const names[] = {
#define X(name, text, label) text,
    WN_CLICK_FIELD_MAP(X)
#undef X
};
static const char *const labels[] = {
#define X(name, text, label) label,
    WN_CLICK_FIELD_MAP(X)
#undef X
};

const char *wn_click_field_name(wn_click_field field)
{
    return names[field];
}

const char *wn_click_field_label(wn_click_field field)
{
    return labels[field];
}

const char *wn_click_method_name(wn_click_method method)
{
    static const char *const texts[] = {"none", "tree-shrinkage", "additive-effects"};
    return texts[method];
}

const struct wn_click_report *wn_click_report(const struct wn_click_model *m)
{
    return &m->report;
}

void wn_click_model_free(struct wn_click_model *m)
{
    if (!m)
        return;
    for (int f = 0; f < WN_CLICK_FIELDS; f++)
        wn_map_deinit(&m->index[f]);
    wn_arena_deinit(&m->a);
    free(m);
}

bool wn_click_value_is_possible(wn_click_field field, struct wn_str value)
{
    int32_t id;
    return (field != WN_CLICK_HOUR && field != WN_CLICK_WEEKDAY) || click_id_of(field, value, &id);
}

/* ---- the tree --------------------------------------------------------------------------------- */

static bool is_below(const struct wn_click_model *m, uint32_t v, uint32_t above)
{
    while (m->nodes[v].depth > m->nodes[above].depth)
        v = m->nodes[v].parent;
    return v == above;
}

/* The channel of a text, below the root. */
static uint32_t find_channel(const struct wn_click_model *m, struct wn_str value)
{
    int32_t id;
    if (!click_id_of(WN_CLICK_CHANNEL, value, &id))
        return 0;
    for (uint32_t v = 1; v < m->n_nodes; v++)
        if (m->nodes[v].depth == 1 && m->nodes[v].id == id)
            return v;
    return 0;
}

/* Among those that go by the text below `above`: own ids first, then the one seen most. 0 = none. */
static uint32_t find_named(const struct wn_click_model *m, wn_click_field field,
                           struct wn_str value, uint32_t above)
{
    char buffer[WN_CLICK_VALUE_BYTES_MAX];
    const struct click_alias *best = NULL;
    struct wn_str folded;
    const uint32_t *head =
        click_fold(value, buffer, &folded) ? wn_map_get(&m->index[field], folded) : NULL;
    for (uint32_t at = head ? *head : 0; at; at = m->aliases[at - 1].next) {
        const struct click_alias *x = &m->aliases[at - 1];
        if (!is_below(m, x->node, above))
            continue;
        if (!best || x->rank < best->rank ||
            (x->rank == best->rank &&
             m->nodes[x->node].impressions > m->nodes[best->node].impressions))
            best = x;
    }
    return best ? best->node : 0;
}

/* Where there is but one way on (a campaign has one ad group), not to say so says it; but an ad that
 * is not named is a new one. */
static uint32_t only_child(const struct wn_click_model *m, uint32_t v)
{
    const struct click_node *node = &m->nodes[v];
    return node->only_child && m->nodes[node->only_child].height > 0 ? node->only_child : v;
}

/* ---- answers ---------------------------------------------------------------------------------- */

struct answering {
    const struct wn_click_model *m;
    const struct wn_click_question *q;
    struct wn_click_answer *out;
    double eta, variance, z;
};

static void reason(struct answering *s, struct wn_click_reason r, struct wn_effect e)
{
    double half = s->z * sqrt(e.variance);
    r.odds = exp(e.mean);
    r.low = exp(e.mean - half);
    r.high = exp(e.mean + half);
    s->out->reasons[s->out->n_reasons++] = r;
}

/* What is not said is as the impressions below are on average; what is new is as a typical one of
 * those that it stands beside. Either may lie as far off as they differ. */
static void start_from(struct answering *s, uint32_t at, bool is_new)
{
    const struct click_node *node = &s->m->nodes[at];
    s->eta = is_new ? node->typical.mean : node->average.mean;
    s->variance = node->typical.variance;
    s->out->impressions = node->impressions;
    for (int depth = node->depth + 1; depth <= node->depth + node->height; depth++)
        s->variance += s->m->depth_variance[depth];
}

static void walk_tree(struct answering *s)
{
    const struct wn_click_model *m = s->m;
    uint32_t at = 0, path[WN_CLICK_DEPTHS + 1] = {0};
    unsigned unknown = 0;
    for (int depth = 1; depth <= WN_CLICK_DEPTHS; depth++) {
        wn_click_field field = (wn_click_field)(depth - 1);
        struct wn_str value = s->q->values[field];
        if (!value.p) {
            at = unknown ? at : only_child(m, at);
            continue;
        }
        uint32_t v = depth == 1 ? find_channel(m, value) : find_named(m, field, value, at);
        if (v)
            at = v;
        else
            unknown |= 1u << depth;
    }
    start_from(s, at, unknown != 0);
    for (uint32_t v = at; v; v = m->nodes[v].parent)
        path[m->nodes[v].depth] = v;
    struct wn_effect fresh = {m->nodes[at].typical.mean - m->nodes[at].average.mean, 0};
    for (int depth = 1; depth <= WN_CLICK_DEPTHS; depth++) {
        struct wn_click_reason r = {.field = (wn_click_field)(depth - 1),
                                    .is_given = s->q->values[depth - 1].p != NULL};
        const struct click_node *on = &m->nodes[path[depth]];
        if (unknown >> depth & 1) {
            r.value = s->q->values[depth - 1];
            fresh.variance = m->depth_variance[depth];
            reason(s, r, fresh);
            fresh.mean = 0; /* the first that is new tells it */
        } else if (path[depth] && (depth == 1 || on->id != 0)) {
            r.value = on->label;
            r.impressions = on->impressions;
            r.is_known = true;
            reason(s, r, on->step);
        }
    }
}

static const struct click_level *find_level(const struct wn_click_model *m, wn_click_field field,
                                            struct wn_str value)
{
    char buffer[WN_CLICK_VALUE_BYTES_MAX];
    const struct click_field *f = &m->others[field - WN_CLICK_DEPTHS];
    struct wn_str folded;
    int32_t id;
    if (click_is_closed(field)) {
        for (size_t l = 0; click_id_of(field, value, &id) && l < f->n; l++)
            if (f->levels[l].id == id && click_is_stated(field, id))
                return &f->levels[l];
        return NULL;
    }
    const uint32_t *at =
        click_fold(value, buffer, &folded) ? wn_map_get(&m->index[field], folded) : NULL;
    return at ? &f->levels[*at] : NULL;
}

static void ask_field(struct answering *s, wn_click_field field)
{
    struct wn_str value = s->q->values[field];
    int32_t id;
    if (!value.p ||
        (click_is_closed(field) && click_id_of(field, value, &id) && !click_is_stated(field, id)))
        return; /* "all" is not a value */
    const struct click_level *level = find_level(s->m, field, value);
    struct wn_effect e = {0, s->m->others[field - WN_CLICK_DEPTHS].variance};
    struct wn_click_reason r = {.field = field, .value = value, .is_given = true};
    if (level) {
        r.value = level->label;
        r.impressions = level->impressions;
        r.is_known = true;
        e = level->effect;
    }
    s->eta += e.mean;
    s->variance += e.variance;
    reason(s, r, e);
}

static int by_size(const void *x, const void *y)
{
    const struct wn_click_reason *p = x, *q = y;
    double a = fabs(log(p->odds)), b = fabs(log(q->odds));
    return a != b ? (a < b ? 1 : -1) : (p->field > q->field) - (p->field < q->field);
}

void wn_click_predict(const struct wn_click_model *m, const struct wn_click_question *question,
                      struct wn_click_answer *out)
{
    struct answering s = {
        .m = m, .q = question, .out = out, .z = wn_normal_quantile((1 + question->level) / 2)};
    *out = (struct wn_click_answer){.ctr = NAN, .low = NAN, .high = NAN, .base = NAN};
    if (m->n_nodes == 0)
        return;
    walk_tree(&s);
    for (int f = WN_CLICK_DEPTHS; f < WN_CLICK_FIELDS; f++)
        ask_field(&s, (wn_click_field)f);
    double half = s.z * sqrt(s.variance);
    out->base = wn_sigmoid(m->nodes[0].average.mean);
    out->ctr = wn_sigmoid(fmax(-30, fmin(30, s.eta)));
    out->low = wn_sigmoid(fmax(-36, fmin(30, s.eta - half)));
    out->high = wn_sigmoid(fmax(-30, fmin(36, s.eta + half)));
    qsort(out->reasons, out->n_reasons, sizeof *out->reasons, by_size);
}
