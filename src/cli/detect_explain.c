#include "cli/detect_explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_RATE (1.0 / 14)

void wn_explain_open(struct wn_explain *e, const char *const *names, size_t n_dimensions)
{
    memset(e, 0, sizeof *e);
    e->n_dimensions = n_dimensions;
    for (size_t d = 0; d < n_dimensions; d++) {
        e->names[d] = names[d];
        wn_map_init(&e->values[d], WN_EXPLAIN_LEAVES_MAX);
    }
    wn_map_init(&e->leaves, WN_EXPLAIN_LEAVES_MAX);
    wn_arena_init(&e->texts, 0);
}

void wn_explain_close(struct wn_explain *e)
{
    for (size_t d = 0; d < e->n_dimensions; d++) {
        wn_map_deinit(&e->values[d]);
        free(e->value_names[d]);
    }
    for (size_t i = 0; i < WN_EXPLAIN_DAYS; i++)
        free(e->days[i].values);
    if (e->n_dimensions) {
        wn_map_deinit(&e->leaves);
        wn_arena_deinit(&e->texts);
    }
    free(e->ids);
    free(e->now);
    free(e->usual);
    memset(e, 0, sizeof *e);
}

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "no memory for the values of the dimensions");
}

static wn_rc id_of(struct wn_explain *e, size_t d, struct wn_str text, uint32_t *out,
                   struct wn_why *why)
{
    bool added;
    uint32_t *id;
    uint32_t n = e->n_values[d];
    wn_rc rc = wn_map_put(&e->values[d], text, n, &id, &added);
    if (rc)
        return wn_fail(why, rc, e->names[d], "the dimension %s has too many values (at most %d)",
                       e->names[d], WN_EXPLAIN_LEAVES_MAX);
    *out = *id;
    if (!added)
        return WN_OK;
    if ((n & (n - 1)) == 0) { /* 0, 1, 2, 4, 8 ...: time to grow */
        size_t size = n ? (size_t)n * 2 : 1;
        struct wn_str *grown = realloc(e->value_names[d], size * sizeof *grown);
        if (!grown)
            return no_memory(why);
        e->value_names[d] = grown;
    }
    struct wn_str copy = wn_arena_dup(&e->texts, text);
    if (!copy.p)
        return no_memory(why);
    e->value_names[d][n] = copy;
    e->n_values[d]++;
    return WN_OK;
}

static wn_rc grow_leaves(struct wn_explain *e, struct wn_why *why)
{
    if (e->n_leaves < e->leaves_size)
        return WN_OK;
    WN_ASSERT(e->n_dimensions >= 1);
    uint32_t size = e->leaves_size ? e->leaves_size * 2 : 64;
    uint32_t *ids = realloc(e->ids, sizeof *ids * size * e->n_dimensions);
    if (ids)
        e->ids = ids;
    double *now = realloc(e->now, sizeof *now * size);
    if (now)
        e->now = now;
    double *usual = realloc(e->usual, sizeof *usual * size);
    if (usual)
        e->usual = usual;
    if (!ids || !now || !usual)
        return no_memory(why);
    e->leaves_size = size;
    return WN_OK;
}

wn_rc wn_explain_add(struct wn_explain *e, const struct wn_str *values, double value,
                     struct wn_why *why)
{
    uint32_t ids[WN_EXPLAIN_DIMENSIONS_MAX] = {0}, *leaf;
    bool added;
    for (size_t d = 0; d < e->n_dimensions; d++) {
        wn_rc rc = id_of(e, d, values[d], &ids[d], why);
        if (rc)
            return rc;
    }
    wn_rc rc = grow_leaves(e, why);
    if (rc)
        return rc;
    struct wn_str key = {(const char *)ids, e->n_dimensions * sizeof ids[0]};
    rc = wn_map_put(&e->leaves, key, e->n_leaves, &leaf, &added);
    if (rc)
        return wn_fail(why, rc, NULL,
                       "the dimensions have too many combinations of values (at most %d)",
                       WN_EXPLAIN_LEAVES_MAX);
    if (added) {
        memcpy(e->ids + (size_t)e->n_leaves * e->n_dimensions, ids, key.n);
        e->now[e->n_leaves] = 0;
        e->usual[e->n_leaves] = 0;
        e->n_leaves++;
    }
    if (isfinite(value))
        e->now[*leaf] += value;
    return WN_OK;
}

double wn_explain_total(const struct wn_explain *e)
{
    double sum = 0;
    for (uint32_t i = 0; i < e->n_leaves; i++)
        sum += e->now[i];
    return sum;
}

/* Shares the expected total out as the leaves usually are. */
static void share_out(const struct wn_explain *e, double expected, double *forecast)
{
    double sum = 0;
    for (uint32_t i = 0; i < e->n_leaves; i++)
        sum += e->usual[i];
    for (uint32_t i = 0; i < e->n_leaves; i++)
        forecast[i] = fabs(sum) > 1e-300 ? e->usual[i] / sum * expected : 0;
}

wn_rc wn_explain_causes(struct wn_explain *e, double expected, struct wn_arena *a,
                        struct wn_cause_report *out, struct wn_why *why)
{
    struct wn_cause_options options = WN_CAUSE_OPTIONS_DEFAULT;
    struct wn_cause_input days[WN_EXPLAIN_DAYS] = {{0}};
    double *forecast = WN_ARENA_ARRAY(a, e->n_leaves, double);
    if (!forecast)
        return no_memory(why);
    share_out(e, expected, forecast);
    struct wn_cause_input in = {.n_rows = e->n_leaves,
                                .n_dimensions = e->n_dimensions,
                                .ids = e->ids,
                                .n_elements = e->n_values,
                                .forecast = forecast,
                                .actual = e->now};
    for (uint32_t i = 0; i < e->n_days; i++) {
        days[i] = in;
        days[i].n_rows = e->days[i].n;
        days[i].forecast = e->days[i].values;
        days[i].actual = e->days[i].values + e->days[i].n;
    }
    return wn_cause_explain_against(&in, days, e->n_days, &options, a, out, why);
}

struct wn_str wn_explain_value(const struct wn_explain *e, uint32_t dimension, uint32_t id)
{
    return e->value_names[dimension][id];
}

wn_rc wn_explain_end(struct wn_explain *e, double expected, bool is_normal, struct wn_why *why)
{
    struct wn_explain_day *day = &e->days[e->next_day];
    if (is_normal && e->n_moments > 0) {
        double *values = realloc(day->values, sizeof *values * 2 * (e->n_leaves + 1));
        if (!values)
            return no_memory(why);
        day->values = values;
        day->n = e->n_leaves;
        share_out(e, expected, values);
        memcpy(values + day->n, e->now, sizeof *values * day->n);
        e->next_day = (e->next_day + 1) % WN_EXPLAIN_DAYS;
        e->n_days += e->n_days < WN_EXPLAIN_DAYS;
    }
    double rate = e->n_moments < 13 ? 1 / ((double)e->n_moments + 1) : USUAL_RATE;
    for (uint32_t i = 0; i < e->n_leaves; i++) {
        if (is_normal)
            e->usual[i] += (e->now[i] - e->usual[i]) * rate;
        e->now[i] = 0;
    }
    e->n_moments += is_normal;
    return WN_OK;
}
