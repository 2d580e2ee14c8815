/* Paths out of events: who touched what before a conversion, and who went without. */
#include "winnow/attribute.h"

#include <math.h>
#include <stdlib.h>

#define DAY_MS 86400000.0

struct sorted_event {
    const struct wn_touch_event *event;
    size_t place; /* in the input */
};

static int by_person_and_time(const void *a, const void *b)
{
    const struct sorted_event *x = a, *y = b;
    const struct wn_touch_event *p = x->event, *q = y->event;
    bool p_converts = p->conversions > 0, q_converts = q->conversions > 0;
    if (p->person != q->person)
        return p->person < q->person ? -1 : 1;
    if (p->at_ms != q->at_ms)
        return p->at_ms < q->at_ms ? -1 : 1;
    if (p_converts != q_converts)
        return p_converts ? 1 : -1;
    return (x->place > y->place) - (x->place < y->place);
}

struct builder {
    const struct sorted_event *events;
    double click_ms, view_ms;
    size_t *starts;
    uint16_t *touches;
    float *ages_days;
    double *conversions, *values, *nulls;
    size_t n, n_touches;
};

static double age_ms(const struct wn_touch_event *e, int64_t end_ms)
{
    return (double)end_ms - (double)e->at_ms;
}

static void add_touch(struct builder *b, const struct wn_touch_event *e, int64_t end_ms)
{
    b->touches[b->n_touches] = e->channel;
    b->ages_days[b->n_touches++] = (float)(age_ms(e, end_ms) / DAY_MS);
}

static void end_path(struct builder *b, double conversions, double value, double nulls)
{
    b->conversions[b->n] = conversions;
    b->values[b->n] = value;
    b->nulls[b->n] = nulls;
    b->starts[++b->n] = b->n_touches;
}

static bool is_fresh(const struct builder *b, const struct wn_touch_event *e, int64_t end_ms)
{
    return age_ms(e, end_ms) <= (e->is_view ? b->view_ms : b->click_ms);
}

/* Touches among events [from, to) of one person that led to nothing. end_ms: of the conversion
 * behind them, for which they were too old; fresh ones belong to it. */
static void add_nulls(struct builder *b, size_t from, size_t to, bool has_end, int64_t end_ms)
{
    size_t begun_at = b->n_touches;
    int64_t last_ms = 0;
    for (size_t i = from; i < to; i++) {
        const struct wn_touch_event *e = b->events[i].event;
        if (e->channel == WN_NO_CHANNEL || (has_end && is_fresh(b, e, end_ms)))
            continue;
        if (b->n_touches > begun_at && age_ms(b->events[i].event, last_ms) < -b->click_ms) {
            end_path(b, 0, 0, 1);
            begun_at = b->n_touches;
        }
        add_touch(b, e, e->at_ms); /* nothing asks how old the touches of a null path are */
        last_ms = e->at_ms;
    }
    if (b->n_touches > begun_at)
        end_path(b, 0, 0, 1);
}

/* A conversion at event `end`, after events [from, end). */
static void add_conversion(struct builder *b, size_t from, size_t end)
{
    const struct wn_touch_event *last = b->events[end].event;
    add_nulls(b, from, end, true, last->at_ms);
    for (size_t i = from; i <= end; i++) {
        const struct wn_touch_event *e = b->events[i].event;
        if (e->channel != WN_NO_CHANNEL && is_fresh(b, e, last->at_ms))
            add_touch(b, e, last->at_ms);
    }
    end_path(b, last->conversions, last->value, 0);
}

static void build_all(struct builder *b, size_t n)
{
    for (size_t i = 0, person_end; i < n; i = person_end) {
        size_t from = i;
        for (person_end = i;
             person_end < n && b->events[person_end].event->person == b->events[i].event->person;
             person_end++)
            if (b->events[person_end].event->conversions > 0) {
                add_conversion(b, from, person_end);
                from = person_end + 1;
            }
        add_nulls(b, from, person_end, false, 0);
    }
}

static wn_rc check_event(const struct wn_touch_event *e, size_t i, size_t n_channels,
                         struct wn_why *why)
{
    const char *what = NULL;
    if (e->channel != WN_NO_CHANNEL && e->channel >= n_channels)
        what = "the channel is not known";
    else if (!(e->conversions >= 0 && e->conversions <= WN_PATH_COUNT_MAX))
        what = "conversions must be from 0 to 1e15";
    else if (!(e->value >= 0 && e->value <= WN_PATH_COUNT_MAX))
        what = "the value must be from 0 to 1e15 (net of refunds)";
    else if (e->value > 0 && !(e->conversions > 0))
        what = "there is a value but no conversion";
    if (!what)
        return WN_OK;
    if (why)
        why->line = i + 1;
    return wn_fail(why, WN_INVALID, "events", "event %zu: %s", i + 1, what);
}

wn_rc wn_paths_build(struct wn_arena *a, const struct wn_touch_event *events, size_t n,
                     size_t n_channels, const struct wn_look_back *look_back, struct wn_paths *out,
                     struct wn_why *why)
{
    double click_days = look_back && look_back->click_days != 0 ? look_back->click_days : 30;
    double view_days = look_back && look_back->view_days != 0 ? look_back->view_days : 1;
    if (n_channels > WN_CHANNELS_MAX)
        return wn_fail(why, WN_INVALID, "n_channels", "%zu channels; at most %d", n_channels,
                       WN_CHANNELS_MAX);
    if (!(click_days > 0 && click_days <= 1e5 && view_days > 0 && view_days <= 1e5))
        return wn_fail(why, WN_INVALID, "look_back", "the look-back must be above 0 days");
    for (size_t i = 0; i < n; i++) {
        wn_rc rc = check_event(&events[i], i, n_channels, why);
        if (rc)
            return rc;
    }
    struct wn_arena scratch;
    wn_arena_init(&scratch, a->max_bytes);
    struct sorted_event *sorted = WN_ARENA_ARRAY(&scratch, n, struct sorted_event);
    /* A path for each event at most: a null path needs a touch, the other an event of conversion
     * that is a touch of no other path or none at all. */
    struct builder b = {.events = sorted,
                        .click_ms = click_days * DAY_MS,
                        .view_ms = view_days * DAY_MS,
                        .starts = WN_ARENA_ARRAY(a, n + 1, size_t),
                        .touches = WN_ARENA_ARRAY(a, n, uint16_t),
                        .ages_days = WN_ARENA_ARRAY(a, n, float),
                        .conversions = WN_ARENA_ARRAY(a, n, double),
                        .values = WN_ARENA_ARRAY(a, n, double),
                        .nulls = WN_ARENA_ARRAY(a, n, double)};
    bool ok =
        sorted && b.starts && b.touches && b.ages_days && b.conversions && b.values && b.nulls;
    if (ok) {
        for (size_t i = 0; i < n; i++)
            sorted[i] = (struct sorted_event){&events[i], i};
        qsort(sorted, n, sizeof *sorted, by_person_and_time);
        build_all(&b, n);
        *out = (struct wn_paths){.n_channels = n_channels,
                                 .n = b.n,
                                 .starts = b.starts,
                                 .touches = b.touches,
                                 .ages_days = b.ages_days,
                                 .conversions = b.conversions,
                                 .values = b.values,
                                 .nulls = b.nulls};
    }
    wn_arena_deinit(&scratch);
    return ok ? WN_OK : wn_fail(why, WN_MEMORY, NULL, "there is no memory for the paths");
}
