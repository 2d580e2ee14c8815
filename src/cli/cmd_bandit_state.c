#include "cli/cmd_bandit_state.h"

#include "core/date.h"
#include "core/json.h"

#include <math.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)
#define SETTLED_RATIO 0.999
#define MOMENT_MAX_MS INT64_C(100000000000000) /* the year 5138 */

void wn_bandit_state_init(struct wn_bandit_state *s, struct wn_arena *a)
{
    *s = (struct wn_bandit_state){.seed = 1,
                                  .at_ms = -1,
                                  .prior = WN_PRIOR_OWN,
                                  .keep_daily = 1,
                                  .width = WN_WIDTH_EARN,
                                  .a = a};
    wn_map_init(&s->names, WN_ARMS_MAX);
}

void wn_bandit_state_deinit(struct wn_bandit_state *s)
{
    wn_map_deinit(&s->names);
}

void *wn_bandit_grow(struct wn_arena *a, void *old, size_t n, size_t *max, size_t item_bytes)
{
    if (n < *max)
        return old;
    size_t more = *max ? 2 * *max : 64;
    void *p = wn_arena_array(a, more, item_bytes);
    if (!p)
        return NULL;
    if (n)
        memcpy(p, old, n * item_bytes);
    *max = more;
    return p;
}

wn_rc wn_bandit_state_arm(struct wn_bandit_state *s, struct wn_str name, uint32_t *out,
                          struct wn_why *why)
{
    uint32_t *index;
    bool added;
    name = wn_str_trim(name);
    if (name.n == 0)
        return wn_fail(why, WN_INVALID, "arm", "an arm needs a name");
    struct wn_bandit_arm *arms =
        wn_bandit_grow(s->a, s->arms, s->n_arms, &s->n_arms_max, sizeof *s->arms);
    if (!arms)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for more arms");
    s->arms = arms;
    wn_rc rc = wn_map_put(&s->names, name, (uint32_t)s->n_arms, &index, &added);
    if (rc)
        return wn_fail(why, rc, "arm", "there can be at most %d arms", WN_ARMS_MAX);
    if (added) {
        struct wn_str kept = wn_arena_dup(s->a, name);
        if (!kept.p)
            return wn_fail(why, WN_MEMORY, NULL, "no memory for more arms");
        s->arms[s->n_arms++] =
            (struct wn_bandit_arm){.name = kept, .share = -1, .since_ms = -1, .is_live = true};
    }
    *out = *index;
    return WN_OK;
}

/* ---- time and rewards ---------------------------------------------------------------------------
 */

static double keep_of(const struct wn_bandit_state *s, const struct wn_bandit_arm *arm)
{
    return arm->is_fatigued ? fmin(s->keep_daily, WN_FATIGUED_KEEP_DAILY) : s->keep_daily;
}

static void settle(struct wn_bandit_state *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_pending; i++) {
        const struct wn_bandit_pending *p = &s->pending[i];
        if (wn_delay_known(&s->delay, (double)(s->at_ms - p->at_ms)) >= SETTLED_RATIO)
            s->arms[p->arm].arm.trials += p->trials;
        else
            s->pending[n++] = *p;
    }
    s->n_pending = n;
}

void wn_bandit_state_advance(struct wn_bandit_state *s, int64_t to_ms)
{
    if (s->at_ms >= 0 && to_ms > s->at_ms) {
        double days = (double)(to_ms - s->at_ms) / WN_DAY_MS;
        for (size_t i = 0; i < s->n_arms; i++)
            wn_arm_fade(&s->arms[i].arm, keep_of(s, &s->arms[i]), days);
        for (size_t i = 0; i < s->n_pending; i++)
            s->pending[i].trials *= pow(keep_of(s, &s->arms[s->pending[i].arm]), days);
    }
    s->at_ms = to_ms > s->at_ms ? to_ms : s->at_ms;
    settle(s);
}

static wn_rc add_pending(struct wn_bandit_state *s, uint32_t arm, int64_t at_ms, double trials,
                         struct wn_why *why)
{
    at_ms -= at_ms % HOUR_MS;
    for (size_t i = s->n_pending; i > 0; i--) { /* rows come in order, as a rule */
        struct wn_bandit_pending *p = &s->pending[i - 1];
        if (p->arm == arm && p->at_ms == at_ms) {
            p->trials += trials;
            return WN_OK;
        }
        if (s->n_pending - i > 4 * s->n_arms)
            break;
    }
    if (s->n_pending == WN_BANDIT_PENDING_MAX)
        return wn_fail(why, WN_LIMIT, "delay",
                       "more than %d hours of arms are waiting for late conversions",
                       WN_BANDIT_PENDING_MAX);
    struct wn_bandit_pending *room =
        wn_bandit_grow(s->a, s->pending, s->n_pending, &s->n_pending_max, sizeof *s->pending);
    if (!room)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for late conversions");
    s->pending = room;
    s->pending[s->n_pending++] = (struct wn_bandit_pending){arm, at_ms, trials};
    return WN_OK;
}

wn_rc wn_bandit_state_add(struct wn_bandit_state *s, uint32_t arm, int64_t at_ms, double successes,
                          double trials, struct wn_why *why)
{
    struct wn_bandit_arm *it = &s->arms[arm];
    if (!(successes >= 0 && successes <= WN_TRIALS_MAX && trials >= 0 && trials <= WN_TRIALS_MAX))
        return wn_fail(why, WN_INVALID, "trials",
                       "%g successes in %g trials; both must be within 0 and 1e15", successes,
                       trials);
    if (successes > trials && s->delay.n == 0)
        return wn_fail(why, WN_INVALID, "successes",
                       "%g successes in %g trials; more successes than trials are possible only "
                       "where conversions come late (--delay)",
                       successes, trials);
    if (at_ms < 0 || at_ms > MOMENT_MAX_MS)
        return wn_fail(why, WN_INVALID, "time", "a time before 1970 or far in the future");
    if (at_ms > s->at_ms)
        wn_bandit_state_advance(s, at_ms);
    double keep = pow(keep_of(s, it), (double)(s->at_ms - at_ms) / WN_DAY_MS);
    if (it->arm.successes + successes > WN_TRIALS_MAX || it->arm.trials + trials > WN_TRIALS_MAX)
        return wn_fail(why, WN_LIMIT, "trials", "arm %.*s has more than 1e15 trials",
                       WN_STR_ARG(it->name));
    if (trials > 0 && (it->since_ms < 0 || at_ms < it->since_ms))
        it->since_ms = at_ms;
    it->arm.successes += successes * keep;
    if (s->delay.n == 0 || trials == 0) {
        it->arm.trials += trials * keep;
        return WN_OK;
    }
    return add_pending(s, arm, at_ms, trials * keep, why);
}

void wn_bandit_state_counts(const struct wn_bandit_state *s, struct wn_arm *out)
{
    for (size_t i = 0; i < s->n_arms; i++)
        out[i] = s->arms[i].arm;
    for (size_t i = 0; i < s->n_pending; i++) {
        const struct wn_bandit_pending *p = &s->pending[i];
        out[p->arm].trials += p->trials * wn_delay_known(&s->delay, (double)(s->at_ms - p->at_ms));
    }
    for (size_t i = 0; i < s->n_arms; i++)
        out[i].trials = fmin(out[i].trials, WN_TRIALS_MAX);
}

wn_rc wn_bandit_state_prior(const struct wn_bandit_state *s, const struct wn_arm *counts,
                            struct wn_prior *out, struct wn_why *why)
{
    *out = s->prior;
    if (!s->fits_prior || s->n_arms == 0)
        return WN_OK;
    return wn_prior_fit(s->a, counts, s->n_arms, out, why);
}

/* ---- context ------------------------------------------------------------------------------------
 */

wn_rc wn_bandit_state_features(struct wn_bandit_state *s, const struct wn_str *names, size_t n,
                               struct wn_why *why)
{
    bool same = n == s->n_features;
    for (size_t i = 0; same && i < n; i++)
        same = wn_str_eq(names[i], s->features[i]);
    if (same)
        return WN_OK;
    if (s->n_features)
        return wn_fail(why, WN_CONFLICT, "context",
                       "the state has learned from other context columns, beginning with '%.*s'",
                       WN_STR_ARG(s->features[0]));
    if (n > WN_CONTEXT_FEATURES_MAX)
        return wn_fail(why, WN_LIMIT, "context", "more than %d context columns",
                       WN_CONTEXT_FEATURES_MAX);
    s->features = WN_ARENA_ARRAY(s->a, n, struct wn_str);
    s->mean = WN_ARENA_ARRAY(s->a, n + 1, double);
    s->precision = WN_ARENA_ARRAY(s->a, n + 1, double);
    if (!s->features || !s->mean || !s->precision)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the context");
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            if (wn_str_eq(names[i], names[k]))
                return wn_fail(why, WN_INVALID, "context", "'%.*s' is named twice",
                               WN_STR_ARG(names[i]));
        s->features[i] = wn_arena_dup(s->a, names[i]);
        if (names[i].n == 0 || !s->features[i].p)
            return wn_fail(why, names[i].n ? WN_MEMORY : WN_INVALID, "context",
                           "a context column needs a name");
    }
    for (size_t i = 0; i <= n; i++)
        s->precision[i] = WN_BANDIT_PRECISION;
    s->n_features = n;
    return WN_OK;
}

wn_rc wn_bandit_state_context(const struct wn_bandit_state *s, struct wn_arena *a,
                              struct wn_context_bandit *out, struct wn_why *why)
{
    size_t d = 1 + s->n_features;
    wn_rc rc = wn_context_init(a, s->n_arms, s->n_features, WN_BANDIT_PRECISION, out, why);
    if (rc)
        return rc;
    memcpy(out->mean, s->mean, d * sizeof *out->mean);
    memcpy(out->precision, s->precision, d * sizeof *out->precision);
    for (size_t i = 0; i < s->n_arms; i++) {
        const struct wn_bandit_arm *arm = &s->arms[i];
        if (!arm->mean)
            continue;
        memcpy(out->mean + (1 + i) * d, arm->mean, d * sizeof *out->mean);
        memcpy(out->precision + (1 + i) * d, arm->precision, d * sizeof *out->precision);
    }
    return WN_OK;
}

wn_rc wn_bandit_state_learned(struct wn_bandit_state *s, const struct wn_context_bandit *b,
                              struct wn_why *why)
{
    size_t d = 1 + s->n_features;
    double *kept = WN_ARENA_ARRAY(s->a, 2 * (1 + b->n_arms) * d, double);
    if (!kept)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the context");
    memcpy(kept, b->mean, (1 + b->n_arms) * d * sizeof *kept);
    double *precision = kept + (1 + b->n_arms) * d;
    memcpy(precision, b->precision, (1 + b->n_arms) * d * sizeof *kept);
    s->mean = kept;
    s->precision = precision;
    for (size_t i = 0; i < b->n_arms; i++) {
        s->arms[i].mean = kept + (1 + i) * d;
        s->arms[i].precision = precision + (1 + i) * d;
    }
    return WN_OK;
}

/* ---- reading ------------------------------------------------------------------------------------
 */

/* A number that may be absent. */
static wn_rc get_number(const struct wn_json *v, const char *key, double low, double high,
                        double *out, struct wn_why *why)
{
    double x;
    wn_rc rc = wn_json_get_f64(v, key, &x, why);
    if (rc == WN_NOT_FOUND)
        return WN_OK;
    if (!rc && !(x >= low && x <= high))
        rc = wn_fail(why, WN_INVALID, key, "the state's \"%s\" is %g, not within %g and %g", key, x,
                     low, high);
    if (!rc)
        *out = x;
    return rc;
}

static wn_rc get_whole(const struct wn_json *v, const char *key, int64_t high, int64_t *out,
                       struct wn_why *why)
{
    int64_t x;
    wn_rc rc = wn_json_get_i64(v, key, &x, why);
    if (rc == WN_NOT_FOUND)
        return WN_OK;
    if (!rc && (x < 0 || x > high))
        rc = wn_fail(why, WN_INVALID, key, "the state's \"%s\" is out of range", key);
    if (!rc)
        *out = x;
    return rc;
}

static wn_rc get_flag(const struct wn_json *v, const char *key, bool *out, struct wn_why *why)
{
    wn_rc rc = wn_json_get_bool(v, key, out, why);
    return rc == WN_NOT_FOUND ? WN_OK : rc;
}

static wn_rc get_list(const struct wn_json *v, const char *key, const struct wn_json **out,
                      struct wn_why *why)
{
    static const struct wn_json none = {.kind = WN_JSON_ARRAY};
    const struct wn_json *list = wn_json_get(v, key);
    *out = list ? list : &none;
    if ((*out)->kind != WN_JSON_ARRAY)
        return wn_fail(why, WN_INVALID, key, "the state's \"%s\" must be a list", key);
    for (size_t i = 0; i < (*out)->n_items; i++)
        if ((*out)->items[i].kind != WN_JSON_OBJECT)
            return wn_fail(why, WN_INVALID, key, "the state's \"%s\" must hold objects", key);
    return WN_OK;
}

static wn_rc parse_format(const struct wn_json *v, struct wn_why *why)
{
    struct wn_str format = {0};
    int64_t version = 0;
    wn_rc rc = wn_json_get_text(v, "format", &format, why);
    if (rc || !wn_str_eq(format, WN_STR("winnow bandit")))
        return wn_fail(why, WN_UNSUPPORTED, "format",
                       "this is no state of winnow bandit: \"format\" must be \"winnow bandit\"");
    rc = wn_json_get_i64(v, "version", &version, why);
    if (rc || version < 1)
        return wn_fail(why, WN_INVALID, "version", "the state has no version");
    if (version > 1)
        return wn_fail(why, WN_NEWER, "version",
                       "the state is of version %lld; this winnow reads 1", (long long)version);
    return WN_OK;
}

static wn_rc parse_prior(const struct wn_json *v, struct wn_prior *out, struct wn_why *why)
{
    struct wn_belief ignored;
    wn_rc rc = get_number(v, "alpha", 1e-6, 1e15, &out->alpha, why);
    if (!rc)
        rc = get_number(v, "beta", 1e-6, 1e15, &out->beta, why);
    if (!rc)
        rc = get_number(v, "weight", 1e-6, 1e15, &out->weight, why);
    return rc ? rc : wn_bandit_belief(&(struct wn_arm){0, 0}, out, &ignored, why);
}

static wn_rc parse_settings(struct wn_bandit_state *s, const struct wn_json *v, struct wn_why *why)
{
    const struct wn_json *prior = wn_json_get(v, "prior"), *delay;
    int64_t seed = 1, choices = 0;
    wn_rc rc = get_whole(v, "seed", INT64_MAX, &seed, why);
    if (!rc)
        rc = get_whole(v, "choices", INT64_MAX - 1, &choices, why);
    if (!rc)
        rc = get_whole(v, "at_ms", MOMENT_MAX_MS, &s->at_ms, why);
    if (!rc)
        rc = get_number(v, "keep_daily", 1e-6, 1, &s->keep_daily, why);
    if (!rc)
        rc = get_number(v, "width", 0.1, 10, &s->width, why);
    if (!rc)
        rc = get_flag(v, "fit_prior", &s->fits_prior, why);
    if (!rc && prior)
        rc = parse_prior(prior, &s->prior, why);
    if (!rc)
        rc = get_list(v, "delay", &delay, why);
    if (rc)
        return rc;
    s->seed = (uint64_t)seed;
    s->n_choices = (uint64_t)choices;
    if (delay->n_items > WN_DELAY_PARTS_MAX)
        return wn_fail(why, WN_INVALID, "delay", "a delay has at most %d parts",
                       WN_DELAY_PARTS_MAX);
    s->delay.n = delay->n_items;
    for (size_t i = 0; i < delay->n_items && !rc; i++) {
        s->delay.weight[i] = 1;
        rc = get_number(&delay->items[i], "weight", 0, 1e15, &s->delay.weight[i], why);
        if (!rc)
            rc = get_number(&delay->items[i], "mean_ms", 0, 1e15, &s->delay.mean_ms[i], why);
    }
    return rc ? rc : wn_delay_check(&s->delay, why);
}

/* "mean" and "precision" of a model, each [1 + n_features]. */
static wn_rc parse_weights(const struct wn_bandit_state *s, const struct wn_json *v,
                           double **mean_out, double **precision_out, struct wn_why *why)
{
    const struct wn_json *lists[2] = {wn_json_get(v, "mean"), wn_json_get(v, "precision")};
    size_t d = 1 + s->n_features;
    double *arrays[2];
    for (int k = 0; k < 2; k++) {
        arrays[k] = WN_ARENA_ARRAY(s->a, d, double);
        if (!arrays[k])
            return wn_fail(why, WN_MEMORY, NULL, "no memory for the context");
        bool good = lists[k] && lists[k]->kind == WN_JSON_ARRAY && lists[k]->n_items == d;
        for (size_t i = 0; good && i < d; i++) {
            const struct wn_json *x = &lists[k]->items[i];
            good = (x->kind == WN_JSON_INT || x->kind == WN_JSON_REAL) &&
                   (k ? x->real >= 1e-6 && x->real <= 1e300 : fabs(x->real) <= 1e6);
            arrays[k][i] = x->real;
        }
        if (!good)
            return wn_fail(why, WN_INVALID, "weights",
                           "the weights of the state's context must be %zu numbers within -1e6 and "
                           "1e6, their precisions above 0",
                           d);
    }
    *mean_out = arrays[0];
    *precision_out = arrays[1];
    return WN_OK;
}

static wn_rc parse_context(struct wn_bandit_state *s, const struct wn_json *v, struct wn_why *why)
{
    struct wn_str names[WN_CONTEXT_FEATURES_MAX];
    const struct wn_json *list = wn_json_get(v, "features");
    if (!list || list->kind != WN_JSON_ARRAY || list->n_items == 0 ||
        list->n_items > WN_CONTEXT_FEATURES_MAX)
        return wn_fail(why, WN_INVALID, "features",
                       "the state's context must name 1 to %d features", WN_CONTEXT_FEATURES_MAX);
    for (size_t i = 0; i < list->n_items; i++)
        names[i] = list->items[i].kind == WN_JSON_TEXT ? list->items[i].text : (struct wn_str){0};
    wn_rc rc = wn_bandit_state_features(s, names, list->n_items, why);
    return rc ? rc : parse_weights(s, v, &s->mean, &s->precision, why);
}

static wn_rc parse_arm(struct wn_bandit_state *s, const struct wn_json *v, size_t i,
                       struct wn_why *why)
{
    struct wn_str name = {0};
    uint32_t index = 0;
    wn_rc rc = wn_json_get_text(v, "name", &name, why);
    if (!rc)
        rc = wn_bandit_state_arm(s, name, &index, why);
    if (rc || index != i)
        return wn_fail(why, rc && rc != WN_NOT_FOUND ? rc : WN_INVALID, "name",
                       "arm %zu of the state has no name of its own", i + 1);
    struct wn_bandit_arm *arm = &s->arms[index];
    rc = get_number(v, "successes", 0, WN_TRIALS_MAX, &arm->arm.successes, why);
    if (!rc)
        rc = get_number(v, "trials", 0, WN_TRIALS_MAX, &arm->arm.trials, why);
    if (!rc)
        rc = get_number(v, "share", 0, 1, &arm->share, why);
    if (!rc)
        rc = get_whole(v, "since_ms", MOMENT_MAX_MS, &arm->since_ms, why);
    if (!rc)
        rc = get_flag(v, "live", &arm->is_live, why);
    if (!rc)
        rc = get_flag(v, "fatigued", &arm->is_fatigued, why);
    const struct wn_json *prior = wn_json_get(v, "prior");
    const struct wn_json *weights = wn_json_get(v, "weights");
    if (!rc && prior) {
        arm->prior = WN_PRIOR_OWN;
        rc = parse_prior(prior, &arm->prior, why);
    }
    if (!rc && weights && s->n_features)
        rc = parse_weights(s, weights, &arm->mean, &arm->precision, why);
    return rc;
}

static wn_rc parse_pending(struct wn_bandit_state *s, const struct wn_json *v, struct wn_why *why)
{
    int64_t arm = -1, at_ms = -1;
    double trials = 0;
    wn_rc rc = get_whole(v, "arm", (int64_t)s->n_arms - 1, &arm, why);
    if (!rc)
        rc = get_whole(v, "at_ms", MOMENT_MAX_MS, &at_ms, why);
    if (!rc)
        rc = get_number(v, "trials", 0, WN_TRIALS_MAX, &trials, why);
    if (!rc && (arm < 0 || at_ms < 0 || at_ms > s->at_ms || s->delay.n == 0))
        rc = wn_fail(why, WN_INVALID, "pending",
                     "a pending row of the state lacks arm or at_ms, is later than the state, or "
                     "waits without a delay");
    return rc ? rc : add_pending(s, (uint32_t)arm, at_ms, trials, why);
}

wn_rc wn_bandit_state_parse(struct wn_bandit_state *s, struct wn_str text, struct wn_why *why)
{
    struct wn_json *v;
    const struct wn_json *arms, *pending, *context = NULL;
    wn_rc rc = wn_json_parse(s->a, text, &v, why);
    if (!rc)
        rc = parse_format(v, why);
    if (!rc)
        rc = parse_settings(s, v, why);
    if (!rc)
        context = wn_json_get(v, "context");
    if (context)
        rc = parse_context(s, context, why);
    if (!rc)
        rc = get_list(v, "arms", &arms, why);
    for (size_t i = 0; !rc && i < arms->n_items; i++)
        rc = parse_arm(s, &arms->items[i], i, why);
    if (!rc)
        rc = get_list(v, "pending", &pending, why);
    for (size_t i = 0; !rc && i < pending->n_items; i++)
        rc = parse_pending(s, &pending->items[i], why);
    return rc;
}

/* ---- writing ------------------------------------------------------------------------------------
 */

static void number(struct wn_json_writer *w, const char *key, double x)
{
    wn_json_key(w, key);
    wn_json_f64(w, x);
}

static void whole(struct wn_json_writer *w, const char *key, int64_t x)
{
    wn_json_key(w, key);
    wn_json_i64(w, x);
}

static void print_weights(struct wn_json_writer *w, const double *mean, const double *precision,
                          size_t n)
{
    const double *arrays[2] = {mean, precision};
    for (int k = 0; k < 2; k++) {
        wn_json_key(w, k ? "precision" : "mean");
        wn_json_begin_array(w);
        for (size_t i = 0; i < n; i++)
            wn_json_f64(w, arrays[k][i]);
        wn_json_end(w);
    }
}

static void print_context(struct wn_json_writer *w, const struct wn_bandit_state *s)
{
    wn_json_key(w, "context");
    wn_json_begin_object(w);
    wn_json_key(w, "features");
    wn_json_begin_array(w);
    for (size_t i = 0; i < s->n_features; i++)
        wn_json_text(w, s->features[i]);
    wn_json_end(w);
    print_weights(w, s->mean, s->precision, 1 + s->n_features);
    wn_json_end(w);
}

static void print_prior(struct wn_json_writer *w, const struct wn_prior *prior)
{
    wn_json_key(w, "prior");
    wn_json_begin_object(w);
    number(w, "alpha", prior->alpha);
    number(w, "beta", prior->beta);
    number(w, "weight", prior->weight);
    wn_json_end(w);
}

static void print_arm(struct wn_json_writer *w, const struct wn_bandit_arm *arm, size_t n_features)
{
    wn_json_begin_object(w);
    wn_json_key(w, "name");
    wn_json_text(w, arm->name);
    number(w, "successes", arm->arm.successes);
    number(w, "trials", arm->arm.trials);
    if (arm->share >= 0)
        number(w, "share", arm->share);
    if (arm->since_ms >= 0)
        whole(w, "since_ms", arm->since_ms);
    wn_json_key(w, "live");
    wn_json_bool(w, arm->is_live);
    wn_json_key(w, "fatigued");
    wn_json_bool(w, arm->is_fatigued);
    if (arm->prior.weight > 0)
        print_prior(w, &arm->prior);
    if (arm->mean) {
        wn_json_key(w, "weights");
        wn_json_begin_object(w);
        print_weights(w, arm->mean, arm->precision, 1 + n_features);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void print_settings(struct wn_json_writer *w, const struct wn_bandit_state *s)
{
    wn_json_key(w, "format");
    wn_json_text_z(w, "winnow bandit");
    whole(w, "version", 1);
    whole(w, "seed", (int64_t)s->seed);
    whole(w, "choices", (int64_t)s->n_choices);
    if (s->at_ms >= 0)
        whole(w, "at_ms", s->at_ms);
    print_prior(w, &s->prior);
    wn_json_key(w, "fit_prior");
    wn_json_bool(w, s->fits_prior);
    number(w, "keep_daily", s->keep_daily);
    number(w, "width", s->width);
    wn_json_key(w, "delay");
    wn_json_begin_array(w);
    for (size_t i = 0; i < s->delay.n; i++) {
        wn_json_begin_object(w);
        number(w, "weight", s->delay.weight[i]);
        number(w, "mean_ms", s->delay.mean_ms[i]);
        wn_json_end(w);
    }
    wn_json_end(w);
}

void wn_bandit_state_print(const struct wn_bandit_state *s, struct wn_buf *out)
{
    struct wn_json_writer w;
    wn_json_write_init(&w, out, 2);
    wn_json_begin_object(&w);
    print_settings(&w, s);
    if (s->n_features)
        print_context(&w, s);
    wn_json_key(&w, "arms");
    wn_json_begin_array(&w);
    for (size_t i = 0; i < s->n_arms; i++)
        print_arm(&w, &s->arms[i], s->n_features);
    wn_json_end(&w);
    wn_json_key(&w, "pending");
    wn_json_begin_array(&w);
    for (size_t i = 0; i < s->n_pending; i++) {
        wn_json_begin_object(&w);
        whole(&w, "arm", s->pending[i].arm);
        whole(&w, "at_ms", s->pending[i].at_ms);
        number(&w, "trials", s->pending[i].trials);
        wn_json_end(&w);
    }
    wn_json_end(&w);
    wn_json_end(&w);
    wn_buf_append_char(out, '\n');
}
