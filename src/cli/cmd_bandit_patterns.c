/* winnow bandit patterns: what makes creatives work, and what to try next. */
#include "cli/cmd_bandit_patterns.h"

#include "cli/cmd_bandit.h"
#include "cli/cmd_bandit_creatives.h"
#include "learn/special.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What two briefs that share all fields would lose against each other, on the logit. */
#define DIVERSITY 0.2
/* Arms whose new prior is told by name. */
#define TOLD_MAX 5
/* A fit of so many effects takes seconds, and is announced. */
#define MANY_EFFECTS 500

struct model {
    struct wn_arena arena;
    struct wn_bandit_creatives in;
    struct wn_str wanted[WN_PATTERN_FIELDS_MAX];
    struct wn_pattern_plan plan;
    size_t field_of[WN_PATTERN_FIELDS_MAX]; /* of the plan's fields, in in.fields */
    struct wn_creative *creatives;          /* [in.n_rows] */
    struct wn_pattern fit;
    bool lost_pairs; /* there were too many */
};

/* ---- the model ----------------------------------------------------------------------------------
 */

static wn_rc read_wanted(struct model *m, const struct wn_args *args, size_t *n_out,
                         struct wn_why *why)
{
    struct wn_str value, part;
    size_t n = 0;
    for (size_t k = 0; (value = wn_args_list(args, "fields", k)).p; k++)
        while (wn_str_cut(&value, ',', &part)) {
            if (n == WN_PATTERN_FIELDS_MAX)
                return wn_fail(why, WN_LIMIT, "fields", "--fields names more than %d columns",
                               WN_PATTERN_FIELDS_MAX);
            m->wanted[n++] = wn_str_trim(part);
        }
    *n_out = n;
    return WN_OK;
}

/* At most so many effects, and those of campaigns. */
static size_t count_effects(const struct model *m, bool with_pairs)
{
    const size_t *n_levels = m->plan.n_levels;
    size_t n = m->plan.n_campaigns;
    for (size_t f = 0; f < m->plan.n_fields; f++) {
        n += n_levels[f];
        for (size_t g = f + 1; with_pairs && g < m->plan.n_fields; g++) {
            size_t pairs = n_levels[f] * n_levels[g];
            n += pairs < m->in.n_rows ? pairs : m->in.n_rows;
        }
    }
    return n < WN_PATTERN_EFFECTS_MAX ? n : WN_PATTERN_EFFECTS_MAX;
}

/* With pairs where they are wanted and not too many. */
static wn_rc model_fit(struct model *m, bool with_pairs, struct wn_why *why)
{
    struct wn_why first = {0};
    m->plan.with_pairs = with_pairs && m->plan.n_fields > 1;
    size_t n = count_effects(m, m->plan.with_pairs);
    if (n > MANY_EFFECTS)
        fprintf(stderr, "Fitting up to %zu effects to %zu creatives: this takes a while%s.\n", n,
                m->in.n_rows, m->plan.with_pairs ? "; --no-pairs is faster" : "");
    wn_rc rc = wn_pattern_fit(&m->arena, m->creatives, m->in.n_rows, &m->plan, &m->fit, &first);
    if (rc == WN_LIMIT && m->plan.with_pairs && count_effects(m, false) < WN_PATTERN_EFFECTS_MAX) {
        m->lost_pairs = true;
        m->plan.with_pairs = false;
        return wn_pattern_fit(&m->arena, m->creatives, m->in.n_rows, &m->plan, &m->fit, why);
    }
    return rc ? wn_fail(why, rc, first.field, "%s", first.text) : WN_OK;
}

/* Fills m, which the caller releases in any case. option: whose file it is. */
static wn_rc model_read(struct model *m, const struct wn_args *args, const char *option,
                        struct wn_why *why)
{
    size_t n_wanted = 0;
    memset(m, 0, sizeof *m);
    wn_arena_init(&m->arena, 0);
    wn_rc rc = read_wanted(m, args, &n_wanted, why);
    wn_bandit_creatives_init(&m->in, &m->arena, m->wanted, n_wanted);
    if (!rc)
        rc = wn_bandit_read_csv(args, option, wn_bandit_creatives_record, &m->in, why);
    if (!rc)
        rc = wn_bandit_creatives_plan(&m->in, &m->plan, m->field_of, &m->creatives, why);
    return rc ? rc : model_fit(m, !wn_args_flag(args, "no-pairs"), why);
}

static void model_deinit(struct model *m)
{
    wn_bandit_creatives_deinit(&m->in);
    wn_arena_deinit(&m->arena);
}

static struct wn_str field_name(const struct model *m, uint32_t field)
{
    return field == WN_PATTERN_NONE ? (struct wn_str){0} : m->in.fields[m->field_of[field]].name;
}

static struct wn_str level_name(const struct model *m, uint32_t field, uint32_t level)
{
    return field == WN_PATTERN_NONE ? (struct wn_str){0}
                                    : m->in.fields[m->field_of[field]].levels[level];
}

/* ---- effects ------------------------------------------------------------------------------------
 */

/* Fields in order, the best level first; then pairs, the strongest first. */
static int by_field(const void *a, const void *b)
{
    const struct wn_pattern_effect *x = a, *y = b;
    bool x_pairs = x->field2 != WN_PATTERN_NONE, y_pairs = y->field2 != WN_PATTERN_NONE;
    double gain = x_pairs ? fabs(y->mean) - fabs(x->mean) : y->mean - x->mean;
    if (x_pairs != y_pairs)
        return x_pairs ? 1 : -1;
    if (!x_pairs && x->field != y->field)
        return x->field < y->field ? -1 : 1;
    if (gain != 0)
        return gain > 0 ? 1 : -1;
    return (x->field > y->field) - (x->field < y->field) +
           2 * ((x->level > y->level) - (x->level < y->level));
}

/* The effects to be shown, in front and sorted; returns their number. */
static size_t sort_effects(struct model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->fit.n_effects; i++)
        if (m->fit.effects[i].is_shown)
            m->fit.effects[n++] = m->fit.effects[i];
    qsort(m->fit.effects, n, sizeof *m->fit.effects, by_field);
    return n;
}

static void odds_limits(const struct wn_pattern_effect *e, double level, double *low, double *high)
{
    double reach = wn_normal_quantile(0.5 + level / 2) * e->sd;
    *low = exp(e->mean - reach);
    *high = exp(e->mean + reach);
}

static void print_effects(const struct model *m, size_t n, double level, struct wn_buf *out)
{
    wn_buf_printf(out, "field,level,field2,level2,odds,low%.0f,high%.0f,n_creatives\n", 100 * level,
                  100 * level);
    for (size_t i = 0; i < n; i++) {
        const struct wn_pattern_effect *e = &m->fit.effects[i];
        double low, high;
        odds_limits(e, level, &low, &high);
        wn_csv_write_field(out, field_name(m, e->field), true);
        wn_csv_write_field(out, level_name(m, e->field, e->level), false);
        wn_csv_write_field(out, field_name(m, e->field2), false);
        wn_csv_write_field(out, level_name(m, e->field2, e->level2), false);
        wn_bandit_put_short(out, e->odds);
        wn_bandit_put_short(out, low);
        wn_bandit_put_short(out, high);
        wn_buf_printf(out, ",%u\n", (unsigned)e->n_creatives);
    }
}

static void json_text(struct wn_json_writer *w, const char *key, struct wn_str text)
{
    wn_json_key(w, key);
    wn_json_text(w, text);
}

static void json_effect(struct wn_json_writer *w, const struct model *m,
                        const struct wn_pattern_effect *e, double level)
{
    double low, high;
    odds_limits(e, level, &low, &high);
    wn_json_begin_object(w);
    json_text(w, "field", field_name(m, e->field));
    json_text(w, "level", level_name(m, e->field, e->level));
    if (e->field2 != WN_PATTERN_NONE) {
        json_text(w, "field2", field_name(m, e->field2));
        json_text(w, "level2", level_name(m, e->field2, e->level2));
    }
    wn_bandit_json_number(w, "odds", e->odds);
    wn_bandit_json_number(w, "low", low);
    wn_bandit_json_number(w, "high", high);
    wn_json_key(w, "creatives");
    wn_json_i64(w, e->n_creatives);
    wn_json_end(w);
}

/* ---- briefs -------------------------------------------------------------------------------------
 */

struct briefs {
    struct wn_creative *items; /* arena [n] */
    struct wn_best *best;      /* arena [n] */
    size_t n;
};

static wn_rc find_briefs(struct model *m, size_t n_wanted, double level, struct wn_rand *r,
                         struct briefs *out, struct wn_why *why)
{
    const struct wn_best_options options = {.level = level};
    struct wn_belief *beliefs = WN_ARENA_ARRAY(&m->arena, n_wanted, struct wn_belief);
    struct wn_prior prior;
    out->items = WN_ARENA_ARRAY(&m->arena, n_wanted, struct wn_creative);
    out->best = WN_ARENA_ARRAY(&m->arena, n_wanted, struct wn_best);
    if (!beliefs || !out->items || !out->best)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu briefs", n_wanted);
    wn_rc rc = wn_pattern_briefs(&m->arena, &m->fit, m->creatives, m->in.n_rows, DIVERSITY, r,
                                 n_wanted, out->items, &out->n, why);
    for (size_t i = 0; i < out->n && !rc; i++) {
        rc = wn_pattern_prior(&m->arena, &m->fit, &out->items[i], NULL, NULL, &prior, why);
        if (!rc)
            rc = wn_bandit_belief(&(struct wn_arm){0, 0}, &prior, &beliefs[i], why);
    }
    if (rc || out->n == 0)
        return rc;
    return wn_bandit_best(&m->arena, beliefs, out->n, &options, r, out->best, why);
}

static bool has_effect(const struct wn_creative *c, const struct wn_pattern_effect *e)
{
    return c->level[e->field] == e->level &&
           (e->field2 == WN_PATTERN_NONE || c->level[e->field2] == e->level2);
}

/* "question x1.31 + joy x1.12 + question with joy x1.08" */
static void put_because(const struct model *m, size_t n_effects, const struct wn_creative *c,
                        struct wn_buf *out)
{
    bool any = false;
    for (size_t i = 0; i < n_effects; i++) {
        const struct wn_pattern_effect *e = &m->fit.effects[i];
        if (!has_effect(c, e))
            continue;
        wn_buf_printf(out, "%s%.*s", any ? " + " : "",
                      WN_STR_ARG(level_name(m, e->field, e->level)));
        if (e->field2 != WN_PATTERN_NONE)
            wn_buf_printf(out, " with %.*s", WN_STR_ARG(level_name(m, e->field2, e->level2)));
        wn_buf_printf(out, " x%.2f", e->odds);
        any = true;
    }
}

static wn_rc print_briefs(const struct model *m, size_t n_effects, const struct briefs *b,
                          double level, struct wn_buf *out, struct wn_why *why)
{
    struct wn_buf because;
    wn_buf_init(&because, (size_t)1 << 24);
    wn_csv_write_field(out, WN_STR("brief"), true);
    for (uint32_t f = 0; f < m->plan.n_fields; f++)
        wn_csv_write_field(out, field_name(m, f), false);
    wn_buf_printf(out, ",rate,low%.0f,high%.0f,p_best,because\n", 100 * level, 100 * level);
    for (size_t i = 0; i < b->n; i++) {
        wn_buf_reset(&because);
        put_because(m, n_effects, &b->items[i], &because);
        wn_buf_printf(out, "%zu", i + 1);
        for (uint32_t f = 0; f < m->plan.n_fields; f++)
            wn_csv_write_field(out, level_name(m, f, b->items[i].level[f]), false);
        wn_bandit_put_short(out, b->best[i].mean);
        wn_bandit_put_short(out, b->best[i].low);
        wn_bandit_put_short(out, b->best[i].high);
        wn_bandit_put_short(out, b->best[i].p_best);
        wn_csv_write_field(out, wn_buf_str(&because), false);
        wn_buf_append_char(out, '\n');
    }
    wn_rc rc = wn_buf_check(&because, why);
    wn_buf_deinit(&because);
    return rc;
}

static void json_brief(struct wn_json_writer *w, const struct model *m, size_t n_effects,
                       const struct wn_creative *c, const struct wn_best *best, double level)
{
    wn_json_begin_object(w);
    wn_json_key(w, "fields");
    wn_json_begin_object(w);
    for (uint32_t f = 0; f < m->plan.n_fields; f++) {
        wn_json_key_str(w, field_name(m, f));
        wn_json_text(w, level_name(m, f, c->level[f]));
    }
    wn_json_end(w);
    wn_bandit_json_number(w, "rate", best->mean);
    wn_bandit_json_number(w, "low", best->low);
    wn_bandit_json_number(w, "high", best->high);
    wn_bandit_json_number(w, "p_best", best->p_best);
    wn_json_key(w, "because");
    wn_json_begin_array(w);
    for (size_t i = 0; i < n_effects; i++)
        if (has_effect(c, &m->fit.effects[i]))
            json_effect(w, m, &m->fit.effects[i], level);
    wn_json_end(w);
    wn_json_end(w);
}

/* ---- the verb -----------------------------------------------------------------------------------
 */

static void print_json(const struct model *m, size_t n_effects, const struct briefs *b,
                       double level, struct wn_buf *out)
{
    struct wn_json_writer w;
    wn_json_write_init(&w, out, 2);
    wn_json_begin_object(&w);
    wn_json_key(&w, "creatives");
    wn_json_i64(&w, (int64_t)m->in.n_rows);
    json_text(&w, "successes", m->in.success_name);
    json_text(&w, "trials", m->in.trial_name);
    wn_bandit_json_number(&w, "level", level);
    wn_json_key(&w, "has_pairs");
    wn_json_bool(&w, m->plan.with_pairs);
    wn_json_key(&w, "is_converged");
    wn_json_bool(&w, m->fit.is_converged);
    wn_json_key(&w, "fields");
    wn_json_begin_array(&w);
    for (uint32_t f = 0; f < m->plan.n_fields; f++) {
        wn_json_begin_object(&w);
        json_text(&w, "field", field_name(m, f));
        wn_bandit_json_number(&w, "sd", m->fit.field_sd[f]);
        wn_json_end(&w);
    }
    wn_json_end(&w);
    wn_bandit_json_number(&w, "creative_sd", m->fit.creative_sd);
    wn_json_key(&w, "effects");
    wn_json_begin_array(&w);
    for (size_t i = 0; i < n_effects; i++)
        json_effect(&w, m, &m->fit.effects[i], level);
    wn_json_end(&w);
    wn_json_key(&w, "briefs");
    wn_json_begin_array(&w);
    for (size_t i = 0; i < b->n; i++)
        json_brief(&w, m, n_effects, &b->items[i], &b->best[i], level);
    wn_json_end(&w);
    wn_json_end(&w);
    wn_buf_append_char(out, '\n');
}

static void tell_input(const struct model *m)
{
    const struct wn_bandit_creatives *in = &m->in;
    fprintf(stderr, "%zu creatives, %.*s of %.*s; fields:", in->n_rows,
            WN_STR_ARG(in->success_name), WN_STR_ARG(in->trial_name));
    for (uint32_t f = 0; f < m->plan.n_fields; f++)
        fprintf(stderr, "%s %.*s", f ? "," : "", WN_STR_ARG(field_name(m, f)));
    fprintf(stderr, ".\n");
    for (size_t f = 0; f < in->n_fields; f++)
        if (in->fields[f].left_out)
            fprintf(stderr, "Left out: %.*s, which %s.\n", WN_STR_ARG(in->fields[f].name),
                    in->fields[f].left_out);
    if (m->lost_pairs)
        fprintf(stderr, "Pairs of levels are left out: with them there are more than %d effects.\n",
                WN_PATTERN_EFFECTS_MAX);
    if (!m->fit.is_converged)
        fprintf(stderr, "The spread of the effects had not quite settled: take them as rough.\n");
}

/* The levels whose interval leaves 1 out, best and worst. */
static void tell_effects(const struct model *m, size_t n_effects, double level)
{
    const struct wn_pattern_effect *best = NULL, *worst = NULL;
    for (size_t i = 0; i < n_effects; i++) {
        const struct wn_pattern_effect *e = &m->fit.effects[i];
        double low, high;
        odds_limits(e, level, &low, &high);
        if (e->field2 != WN_PATTERN_NONE)
            continue;
        if (low > 1 && (!best || e->mean > best->mean))
            best = e;
        if (high < 1 && (!worst || e->mean < worst->mean))
            worst = e;
    }
    if (best)
        fprintf(stderr, "Most helps %.*s %.*s: odds x%.2f.\n",
                WN_STR_ARG(field_name(m, best->field)),
                WN_STR_ARG(level_name(m, best->field, best->level)), best->odds);
    if (worst)
        fprintf(stderr, "Most harms %.*s %.*s: odds x%.2f.\n",
                WN_STR_ARG(field_name(m, worst->field)),
                WN_STR_ARG(level_name(m, worst->field, worst->level)), worst->odds);
    if (!best && !worst)
        fprintf(stderr, "No level is for certain better or worse than the average.\n");
}

static void tell_briefs(const struct briefs *b, size_t n_wanted)
{
    if (b->n == 0)
        fprintf(stderr, "Every combination of levels has been tried: there is no brief.\n");
    else if (b->n < n_wanted)
        fprintf(stderr, "Combinations not tried yet: %zu.\n", b->n);
    if (b->n)
        fprintf(stderr, "p_best compares the briefs with each other; rates are what choose "
                        "--patterns would begin with.\n");
}

static wn_rc patterns(struct model *m, const struct wn_args *args, struct wn_buf *out,
                      struct wn_why *why)
{
    bool wants_briefs = wn_args_text(args, "briefs").p != NULL;
    double level = wn_args_text(args, "level").p ? (double)wn_args_int(args, "level") / 100 : 0.8;
    struct briefs briefs = {0};
    struct wn_rand r;
    wn_rc rc = model_read(m, args, "input", why);
    if (rc)
        return rc;
    wn_rand_init(&r, wn_args_text(args, "seed").p ? (uint64_t)wn_args_int(args, "seed") : 1);
    if (wants_briefs)
        rc = find_briefs(m, (size_t)wn_args_int(args, "briefs"), level, &r, &briefs, why);
    if (rc)
        return rc;
    size_t n_effects = sort_effects(m);
    if (wn_args_flag(args, "json"))
        print_json(m, n_effects, &briefs, level, out);
    else if (wants_briefs)
        rc = print_briefs(m, n_effects, &briefs, level, out, why);
    else
        print_effects(m, n_effects, level, out);
    tell_input(m);
    tell_effects(m, n_effects, level);
    if (wants_briefs)
        tell_briefs(&briefs, (size_t)wn_args_int(args, "briefs"));
    return rc;
}

wn_rc wn_bandit_patterns_verb(const struct wn_args *args, struct wn_buf *out, struct wn_why *why)
{
    struct model m;
    wn_rc rc = patterns(&m, args, out, why);
    model_deinit(&m);
    return rc;
}

/* ---- priors of arms -----------------------------------------------------------------------------
 */

static void tell_prior(const struct wn_bandit_arm *arm, size_t n_told)
{
    double trials = (arm->prior.alpha + arm->prior.beta) * arm->prior.weight;
    fprintf(stderr, "%s%.*s %.3g (worth %.0f trials)",
            n_told ? ", " : "Prior rates by patterns: ", WN_STR_ARG(arm->name),
            arm->prior.alpha * arm->prior.weight / trials, trials);
}

/* Goes through the arms that wait for a prior. */
static wn_rc give_priors(struct model *m, struct wn_bandit_state *s, struct wn_why *why)
{
    size_t n_given = 0, n_strange = 0;
    struct wn_str stranger = {0};
    wn_rc rc = WN_OK;
    for (size_t i = 0; i < s->n_arms && !rc; i++) {
        struct wn_bandit_arm *arm = &s->arms[i];
        if (arm->since_ms >= 0 || arm->arm.trials > 0 || arm->arm.successes > 0)
            continue;
        const uint32_t *row = wn_map_get(&m->in.names, arm->name);
        if (!row && arm->prior.weight > 0)
            continue;
        if (!row) {
            stranger = arm->name;
            n_strange++;
            continue;
        }
        struct wn_creative c = m->creatives[*row];
        if (m->in.rows[*row].runs_elsewhere)
            c.campaign = WN_PATTERN_NONE;
        rc = wn_pattern_prior(&m->arena, &m->fit, &c, NULL, NULL, &arm->prior, why);
        if (!rc && n_given < TOLD_MAX)
            tell_prior(arm, n_given);
        n_given++;
    }
    if (n_given > TOLD_MAX)
        fprintf(stderr, ", and %zu more", n_given - TOLD_MAX);
    if (n_given)
        fprintf(stderr, ".\n");
    if (n_strange)
        fprintf(
            stderr,
            "New arms that the file of --patterns does not have, and which start with the prior "
            "of the state: %zu, such as %.*s.\n",
            n_strange, WN_STR_ARG(stranger));
    if (!n_given && !n_strange)
        fprintf(stderr, "No arm waits for a prior: name the new ones with --arms.\n");
    return rc;
}

wn_rc wn_bandit_patterns_priors(const struct wn_args *args, struct wn_bandit_state *s,
                                struct wn_why *why)
{
    struct model m;
    struct wn_why first = {0};
    if (!wn_args_text(args, "patterns").p) {
        if (wn_args_text(args, "fields").p || wn_args_flag(args, "no-pairs"))
            return wn_fail(why, WN_INVALID, "patterns",
                           "--fields and --no-pairs belong to --patterns FILE");
        return WN_OK;
    }
    if (strcmp(wn_args_z(args, "patterns"), "-") == 0 && wn_args_text(args, "input").p &&
        strcmp(wn_args_z(args, "input"), "-") == 0)
        return wn_fail(why, WN_INVALID, "patterns",
                       "--input and --patterns cannot both be standard input");
    wn_rc rc = model_read(&m, args, "patterns", &first);
    if (!rc) {
        tell_input(&m);
        rc = give_priors(&m, s, &first);
    }
    model_deinit(&m);
    if (!rc)
        return WN_OK;
    if (why) { /* there may be a second file: say which it is */
        why->line = first.line;
        why->column = first.column;
    }
    return wn_fail(why, rc, first.field, "--patterns: %s", first.text);
}
