/* winnow bandit choose and update: the two verbs that work on a state. */
#include "cli/cmd_bandit.h"
#include "cli/cmd_bandit_patterns.h"
#include "cli/cmd_bandit_rewards.h"
#include "cli/detect_cell.h"
#include "core/date.h"
#include "core/num.h"
#include "io/clock.h"
#include "io/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCK_WAIT_MS 5000
#define LOCK_STEP_MS 20

struct job {
    const struct wn_args *args;
    struct wn_arena arena;
    struct wn_lock lock;
    struct wn_bandit_state state;
    int64_t now_ms;
    struct wn_rand rand;
    double level;
    /* of the live arms */
    size_t n;
    uint32_t *live;          /* [n] their places in the state */
    struct wn_arm *counts;   /* [n] */
    struct wn_best *best;    /* [n] */
    double *share;           /* [n] the probability of being drawn */
    double *rates;           /* [n] in a context */
    struct wn_prior prior;   /* of those without their own */
    struct wn_prior *priors; /* [n] */
    wn_arm_verdict *verdict; /* [n] */
    struct wn_stop stop;
};

/* ---- options that the state keeps ---------------------------------------------------------------
 */

/* "20m", "20h", "7d", "30s". */
static bool read_span(struct wn_str text, double *out_ms)
{
    static const struct {
        char letter;
        double ms;
    } units[] = {{'s', 1e3}, {'m', 6e4}, {'h', 3.6e6}, {'d', 8.64e7}};
    double number;
    if (text.n < 2 || !wn_parse_f64(wn_str_slice(text, 0, text.n - 1), &number) ||
        !(number >= 0 && number <= 1e6))
        return false;
    for (size_t i = 0; i < WN_COUNT(units); i++)
        if (text.p[text.n - 1] == units[i].letter) {
            *out_ms = number * units[i].ms;
            return true;
        }
    return false;
}

static wn_rc read_delay(struct wn_str text, struct wn_delay *out, struct wn_why *why)
{
    struct wn_delay d = {0};
    struct wn_str rest = text, part;
    bool good = true;
    if (wn_str_eq(text, WN_STR("none"))) {
        *out = d;
        return WN_OK;
    }
    while (good && wn_str_cut(&rest, ',', &part)) {
        part = wn_str_trim(part);
        size_t colon = wn_str_find_char(part, ':');
        good = d.n < WN_DELAY_PARTS_MAX;
        if (!good)
            break;
        d.weight[d.n] = 1;
        if (colon < part.n) {
            good = wn_parse_f64(wn_str_slice(part, 0, colon), &d.weight[d.n]);
            part = wn_str_slice(part, colon + 1, part.n);
        }
        good = good && read_span(part, &d.mean_ms[d.n]);
        d.n++;
    }
    if (!good || wn_delay_check(&d, NULL))
        return wn_fail(
            why, WN_INVALID, "delay",
            "--delay must be like 2d or 0.36:20m,0.64:7d (at most %d parts; s, m, h, d), "
            "or none, not '%.*s'",
            WN_DELAY_PARTS_MAX, WN_STR_ARG(text));
    *out = d;
    return WN_OK;
}

typedef wn_rc name_fn(struct job *job, struct wn_str name, struct wn_why *why);

static wn_rc each_name(struct job *job, const char *option, name_fn *take, struct wn_why *why)
{
    wn_rc rc = WN_OK;
    struct wn_str value, part;
    for (size_t k = 0; !rc && (value = wn_args_list(job->args, option, k)).p; k++)
        while (!rc && wn_str_cut(&value, ',', &part))
            rc = take(job, wn_str_trim(part), why);
    return rc;
}

static wn_rc add_arm(struct job *job, struct wn_str name, struct wn_why *why)
{
    uint32_t index;
    wn_rc rc = wn_bandit_state_arm(&job->state, name, &index, why);
    if (!rc)
        job->state.arms[index].is_live = true;
    return rc;
}

static wn_rc no_arm(struct wn_str name, struct wn_why *why)
{
    return wn_fail(why, WN_NOT_FOUND, "arm", "the state has no arm '%.*s'", WN_STR_ARG(name));
}

static wn_rc retire_arm(struct job *job, struct wn_str name, struct wn_why *why)
{
    const uint32_t *index = wn_map_get(&job->state.names, name);
    if (!index)
        return no_arm(name, why);
    job->state.arms[*index].is_live = false;
    return WN_OK;
}

static wn_rc tire_arm(struct job *job, struct wn_str name, struct wn_why *why)
{
    const uint32_t *index = wn_map_get(&job->state.names, name);
    if (!index)
        return no_arm(name, why);
    job->state.arms[*index].is_fatigued = true;
    return WN_OK;
}

static wn_rc read_settings(struct job *job, struct wn_why *why)
{
    struct wn_bandit_state *s = &job->state;
    struct wn_str prior = wn_args_text(job->args, "prior");
    struct wn_str decay = wn_args_text(job->args, "decay");
    struct wn_str delay = wn_args_text(job->args, "delay");
    wn_rc rc = prior.p ? wn_bandit_prior(prior, &s->prior, &s->fits_prior, why) : WN_OK;
    if (!rc && delay.p)
        rc = read_delay(delay, &s->delay, why);
    if (!rc)
        rc = wn_bandit_number(job->args, "width", 0.1, 10, s->width, &s->width, why);
    if (!rc && !(decay.p && wn_str_eq(decay, WN_STR("auto"))))
        rc = wn_bandit_number(job->args, "decay", 1e-6, 1, s->keep_daily, &s->keep_daily, why);
    if (!rc)
        rc = each_name(job, "arms", add_arm, why);
    return rc ? rc : wn_bandit_patterns_priors(job->args, &job->state, why);
}

/* update --context hour,mobile: the features, kept in the state. */
static wn_rc read_features(struct job *job, struct wn_why *why)
{
    struct wn_str value, part, names[WN_CONTEXT_FEATURES_MAX];
    size_t n = 0;
    for (size_t k = 0; (value = wn_args_list(job->args, "context", k)).p; k++)
        while (wn_str_cut(&value, ',', &part)) {
            if (n == WN_CONTEXT_FEATURES_MAX)
                return wn_fail(why, WN_LIMIT, "context", "more than %d context columns",
                               WN_CONTEXT_FEATURES_MAX);
            names[n++] = wn_str_trim(part);
        }
    return n ? wn_bandit_state_features(&job->state, names, n, why) : WN_OK;
}

/* choose --context hour=0.5,mobile=1: a value for each feature. x [n_features]. */
static wn_rc read_values(struct job *job, double *x, struct wn_why *why)
{
    const struct wn_bandit_state *s = &job->state;
    bool seen[WN_CONTEXT_FEATURES_MAX] = {false};
    struct wn_str value, part;
    if (s->n_features == 0)
        return wn_fail(why, WN_INVALID, "context",
                       "the state has no context: update it with --context first");
    for (size_t k = 0; (value = wn_args_list(job->args, "context", k)).p; k++)
        while (wn_str_cut(&value, ',', &part)) {
            size_t at = 0, equals = wn_str_find_char(part, '=');
            struct wn_str name = wn_str_trim(wn_str_slice(part, 0, equals));
            while (at < s->n_features && !wn_str_eq(name, s->features[at]))
                at++;
            if (at == s->n_features || equals >= part.n ||
                !wn_parse_f64(wn_str_trim(wn_str_slice(part, equals + 1, part.n)), &x[at]))
                return wn_fail(why, WN_INVALID, "context",
                               "--context '%.*s' is not FEATURE=NUMBER of a feature of the state",
                               WN_STR_ARG(part));
            seen[at] = true;
        }
    for (size_t i = 0; i < s->n_features; i++)
        if (!seen[i])
            return wn_fail(why, WN_INVALID, "context", "--context lacks a value for '%.*s'",
                           WN_STR_ARG(s->features[i]));
    return WN_OK;
}

/* After the rows: they may name the arms. */
static wn_rc read_marks(struct job *job, struct wn_why *why)
{
    wn_rc rc = each_name(job, "retire", retire_arm, why);
    return rc ? rc : each_name(job, "fatigued", tire_arm, why);
}

/* ---- the state file -----------------------------------------------------------------------------
 */

/* One writer at a time: another waits for some seconds. */
static wn_rc take_lock(struct job *job, const char *path, struct wn_why *why)
{
    struct wn_str name = wn_arena_printf(&job->arena, "%s.lock", path);
    if (!name.p)
        return wn_fail(why, WN_MEMORY, NULL, "no memory");
    for (int waited = 0;; waited += LOCK_STEP_MS) {
        struct wn_why last = {0};
        wn_rc rc = wn_lock_take(name.p, &job->lock, &last);
        if (rc == WN_BUSY && waited < LOCK_WAIT_MS) {
            wn_clock_sleep_ms(LOCK_STEP_MS);
            continue;
        }
        if (rc == WN_BUSY)
            return wn_fail(why, rc, "state", "another winnow bandit works on %s", path);
        if (rc)
            return wn_fail(why, rc, "state", "%s", last.text);
        return WN_OK;
    }
}

static wn_rc open_state(struct job *job, struct wn_why *why)
{
    const char *path = wn_args_z(job->args, "state");
    struct wn_str text, now = wn_args_text(job->args, "now");
    if (!path)
        return wn_fail(why, WN_INVALID, "state",
                       "give --state FILE; it is made when it is not "
                       "there");
    job->now_ms = wn_clock_now_ms();
    if (now.p && (!wn_detect_read_moment(now, &job->now_ms) || job->now_ms < 0))
        return wn_fail(why, WN_INVALID, "now",
                       "--now must be a time like 2026-01-31T12:00:00Z, "
                       "not '%.*s'",
                       WN_STR_ARG(now));
    if (wn_args_text(job->args, "seed").p)
        job->state.seed = (uint64_t)wn_args_int(job->args, "seed");
    job->level =
        wn_args_text(job->args, "level").p ? (double)wn_args_int(job->args, "level") / 100 : 0.8;
    wn_rc rc = wn_args_flag(job->args, "dry-run") ? WN_OK : take_lock(job, path, why);
    if (rc || !wn_file_exists(path))
        return rc;
    rc = wn_file_read(path, WN_BANDIT_STATE_BYTES_MAX, &job->arena, &text, why);
    if (!rc)
        rc = wn_bandit_state_parse(&job->state, text, why);
    if (!rc && wn_args_text(job->args, "seed").p)
        rc = wn_fail(why, WN_INVALID, "seed", "--seed is for a new state; %s has its own", path);
    return rc;
}

static wn_rc save_state(struct job *job, struct wn_why *why)
{
    struct wn_buf b;
    if (wn_args_flag(job->args, "dry-run"))
        return WN_OK;
    wn_buf_init(&b, WN_BANDIT_STATE_BYTES_MAX);
    wn_bandit_state_print(&job->state, &b);
    wn_rc rc = wn_buf_check(&b, why);
    if (!rc)
        rc = wn_file_write(wn_args_z(job->args, "state"), wn_buf_str(&b), why);
    wn_buf_deinit(&b);
    return rc;
}

/* ---- what the arms are worth --------------------------------------------------------------------
 */

static wn_rc gather(struct job *job, struct wn_why *why)
{
    const struct wn_bandit_state *s = &job->state;
    struct wn_arm *all = WN_ARENA_ARRAY(&job->arena, s->n_arms, struct wn_arm);
    job->live = WN_ARENA_ARRAY(&job->arena, s->n_arms, uint32_t);
    job->counts = WN_ARENA_ARRAY(&job->arena, s->n_arms, struct wn_arm);
    job->best = WN_ARENA_ARRAY(&job->arena, s->n_arms, struct wn_best);
    job->share = WN_ARENA_ARRAY(&job->arena, s->n_arms, double);
    job->verdict = WN_ARENA_ARRAY(&job->arena, s->n_arms, wn_arm_verdict);
    job->priors = WN_ARENA_ARRAY(&job->arena, s->n_arms, struct wn_prior);
    if (!all || !job->live || !job->counts || !job->priors || !job->best || !job->share ||
        !job->verdict)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", s->n_arms);
    wn_bandit_state_counts(s, all);
    for (uint32_t i = 0; i < s->n_arms; i++) {
        if (!s->arms[i].is_live)
            continue;
        job->counts[job->n] = all[i];
        job->live[job->n++] = i;
    }
    if (job->n == 0)
        return wn_fail(why, WN_INVALID, "arms", "there is no arm to choose: give --arms A,B,...");
    wn_rc rc = wn_bandit_state_prior(s, all, &job->prior, why);
    for (size_t i = 0; i < job->n && !rc; i++) {
        const struct wn_prior *own = &s->arms[job->live[i]].prior;
        job->priors[i] = own->weight > 0 ? *own : job->prior;
    }
    return rc;
}

/* Who is best by the beliefs, and by narrower ones the probabilities to be drawn with. */
static wn_rc judge(struct job *job, struct wn_why *why)
{
    struct wn_best_options options = {.level = job->level};
    struct wn_belief *beliefs = WN_ARENA_ARRAY(&job->arena, job->n, struct wn_belief);
    struct wn_best *narrow = WN_ARENA_ARRAY(&job->arena, job->n, struct wn_best);
    if (!beliefs || !narrow)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", job->n);
    wn_rc rc = WN_OK;
    for (size_t i = 0; i < job->n && !rc; i++)
        rc = wn_bandit_belief(&job->counts[i], &job->priors[i], &beliefs[i], why);
    if (!rc)
        rc = wn_bandit_best(&job->arena, beliefs, job->n, &options, &job->rand, job->best, why);
    for (size_t i = 0; i < job->n; i++)
        beliefs[i] = wn_belief_reshape(&beliefs[i], job->state.width);
    if (!rc)
        rc = wn_bandit_best(&job->arena, beliefs, job->n, NULL, &job->rand, narrow, why);
    for (size_t i = 0; i < job->n && !rc; i++)
        job->share[i] = narrow[i].p_best;
    return rc;
}

static double days_shown(const struct job *job, size_t i)
{
    int64_t since = job->state.arms[job->live[i]].since_ms;
    return since < 0 || since > job->now_ms ? 0 : (double)(job->now_ms - since) / WN_DAY_MS;
}

static wn_rc judge_stop(struct job *job, struct wn_why *why)
{
    const struct wn_stop_options options = {.arm_priors = job->priors};
    double *days = WN_ARENA_ARRAY(&job->arena, job->n, double);
    if (!days)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", job->n);
    for (size_t i = 0; i < job->n; i++)
        days[i] = days_shown(job, i);
    return wn_bandit_stop(&job->arena, job->counts, &job->prior, job->best, days, job->n, &options,
                          &job->rand, job->verdict, &job->stop, why);
}

static struct wn_str name_of(const struct job *job, size_t i)
{
    return job->state.arms[job->live[i]].name;
}

static void print_outlook(const struct job *job, struct wn_buf *b)
{
    struct wn_str leader = name_of(job, job->stop.leader);
    if (job->stop.may_stop)
        wn_buf_printf(b, "%.*s leads; stopping now risks %.2g of its rate: you may stop",
                      WN_STR_ARG(leader), job->stop.loss_ratio);
    else if (job->stop.days_to_decision >= 0)
        wn_buf_printf(b, "%.*s leads; at this pace some %.0f days more decide it",
                      WN_STR_ARG(leader), ceil(job->stop.days_to_decision));
    else
        wn_buf_printf(b, "%.*s leads; it cannot be said yet when that is certain",
                      WN_STR_ARG(leader));
}

/* ---- choose -------------------------------------------------------------------------------------
 */

static wn_rc read_shares(struct job *job, bool batch, struct wn_why *why)
{
    struct wn_share_options o = batch ? WN_SHARE_OPTIONS_DEFAULT : WN_SHARE_OPTIONS_SINGLE;
    double *before = NULL;
    bool any = false;
    if (wn_str_eq(wn_args_text(job->args, "aim"), WN_STR("decide")))
        o.aim = WN_AIM_DECIDE;
    wn_rc rc = wn_bandit_number(job->args, "floor", 0, 1, 0.01, &o.floor_ratio, why);
    if (!rc && batch)
        rc = wn_bandit_number(job->args, "max-change", 0, 1e9, 2, &o.change_factor, why);
    if (!rc && o.change_factor > 0 && o.change_factor < 1)
        rc = wn_fail(why, WN_INVALID, "max-change", "--max-change must be at least 1, or 0");
    if (rc)
        return rc;
    for (size_t i = 0; batch && i < job->n; i++)
        any |= job->state.arms[job->live[i]].share >= 0;
    if (any) {
        before = WN_ARENA_ARRAY(&job->arena, job->n, double);
        if (!before)
            return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", job->n);
        for (size_t i = 0; i < job->n; i++)
            before[i] = job->state.arms[job->live[i]].share;
    }
    return wn_bandit_shares(job->share, before, job->n, &o, job->share, why);
}

static void print_batch_row(const struct job *job, size_t i, uint64_t n, struct wn_buf *out)
{
    const struct wn_best *best = &job->best[i];
    wn_csv_write_field(out, name_of(job, i), true);
    wn_bandit_put_exact(out, job->share[i], false);
    wn_buf_printf(out, ",%llu", (unsigned long long)n);
    wn_bandit_put_short(out, best->p_best);
    wn_bandit_put_short(out, best->expected_loss);
    wn_bandit_put_short(out, best->mean);
    wn_bandit_put_short(out, best->low);
    wn_bandit_put_short(out, best->high);
    wn_bandit_put_short(out, job->counts[i].trials);
    wn_csv_write_field(out, wn_str_of(wn_arm_verdict_name(job->verdict[i])), false);
    wn_buf_append_char(out, '\n');
}

static void json_prior(struct wn_json_writer *w, const struct wn_prior *prior)
{
    wn_json_key(w, "prior");
    wn_json_begin_object(w);
    wn_bandit_json_number(w, "alpha", prior->alpha * prior->weight);
    wn_bandit_json_number(w, "beta", prior->beta * prior->weight);
    wn_json_end(w);
}

static void json_arm(struct wn_json_writer *w, const struct job *job, size_t i)
{
    const struct wn_best *best = &job->best[i];
    wn_json_key(w, "arm");
    wn_json_text(w, name_of(job, i));
    wn_bandit_json_number(w, "share", job->share[i]);
    wn_bandit_json_number(w, "p_best", best->p_best);
    wn_bandit_json_number(w, "p_near", best->p_near);
    wn_bandit_json_number(w, "expected_loss", best->expected_loss);
    wn_bandit_json_number(w, "mean", best->mean);
    wn_bandit_json_number(w, "low", best->low);
    wn_bandit_json_number(w, "high", best->high);
    wn_bandit_json_number(w, "successes", job->counts[i].successes);
    wn_bandit_json_number(w, "trials", job->counts[i].trials);
    json_prior(w, &job->priors[i]);
    wn_json_key(w, "verdict");
    wn_json_text_z(w, wn_arm_verdict_name(job->verdict[i]));
}

static void json_stop(struct wn_json_writer *w, const struct job *job)
{
    wn_bandit_json_number(w, "level", job->level);
    wn_json_key(w, "leader");
    wn_json_text(w, name_of(job, job->stop.leader));
    wn_json_key(w, "may_stop");
    wn_json_bool(w, job->stop.may_stop);
    wn_bandit_json_number(w, "loss_ratio", job->stop.loss_ratio);
    wn_json_key(w, "days_to_decision");
    if (job->stop.days_to_decision >= 0)
        wn_json_f64(w, job->stop.days_to_decision);
    else
        wn_json_null(w);
}

/* counts [n]: impressions of a batch, or NULL. */
static void json_arms(struct wn_json_writer *w, const struct job *job, const uint64_t *counts)
{
    wn_json_key(w, "arms");
    wn_json_begin_array(w);
    for (size_t i = 0; i < job->n; i++) {
        wn_json_begin_object(w);
        json_arm(w, job, i);
        if (counts) {
            wn_json_key(w, "n");
            wn_json_i64(w, (int64_t)counts[i]);
        }
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void tell(const struct job *job)
{
    struct wn_buf b;
    wn_buf_init(&b, 4096);
    print_outlook(job, &b);
    fprintf(stderr, "%.*s.\n", WN_STR_ARG(wn_buf_str(&b)));
    wn_buf_deinit(&b);
}

static wn_rc choose_batch(struct job *job, struct wn_buf *out, struct wn_why *why)
{
    uint64_t *n = WN_ARENA_ARRAY(&job->arena, job->n, uint64_t);
    struct wn_json_writer w;
    if (!n)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", job->n);
    wn_bandit_split(job->share, job->n, (uint64_t)wn_args_int(job->args, "batch"), &job->rand, n);
    for (size_t i = 0; i < job->n; i++)
        job->state.arms[job->live[i]].share = job->share[i];
    if (wn_args_flag(job->args, "json")) {
        wn_json_write_init(&w, out, 2);
        wn_json_begin_object(&w);
        json_stop(&w, job);
        json_arms(&w, job, n);
        wn_json_end(&w);
        wn_buf_append_char(out, '\n');
        return WN_OK;
    }
    wn_buf_printf(out, "arm,share,n,p_best,expected_loss,mean,low%.0f,high%.0f,trials,verdict\n",
                  100 * job->level, 100 * job->level);
    for (size_t i = 0; i < job->n; i++)
        print_batch_row(job, i, n[i], out);
    tell(job);
    return WN_OK;
}

static void choose_single(struct job *job, struct wn_buf *out)
{
    int64_t n = wn_args_int(job->args, "n");
    bool json = wn_args_flag(job->args, "json");
    struct wn_json_writer w;
    if (json) {
        wn_json_write_init(&w, out, 2);
        wn_json_begin_object(&w);
        json_stop(&w, job);
        wn_json_key(&w, "choices");
        wn_json_begin_array(&w);
    } else {
        wn_buf_append_z(out, "choice,arm,propensity,p_best,expected_loss\n");
    }
    for (int64_t k = 0; k < n; k++) {
        size_t i = wn_bandit_pick(job->share, job->n, &job->rand);
        uint64_t choice = job->state.n_choices + (uint64_t)k + 1;
        if (json) {
            wn_json_begin_object(&w);
            wn_json_key(&w, "choice");
            wn_json_i64(&w, (int64_t)choice);
            wn_json_key(&w, "arm");
            wn_json_text(&w, name_of(job, i));
            wn_bandit_json_number(&w, "propensity", job->share[i]);
            wn_json_end(&w);
            continue;
        }
        wn_buf_printf(out, "%llu", (unsigned long long)choice);
        wn_csv_write_field(out, name_of(job, i), false);
        wn_bandit_put_exact(out, job->share[i], false);
        wn_bandit_put_short(out, job->best[i].p_best);
        wn_bandit_put_short(out, job->best[i].expected_loss);
        wn_buf_append_char(out, '\n');
    }
    if (json) {
        wn_json_end(&w);
        json_arms(&w, job, NULL);
        wn_json_end(&w);
        wn_buf_append_char(out, '\n');
    }
}

/* Shares of the live arms in a context, and their rates in the place of the mean. */
static wn_rc judge_context(struct job *job, struct wn_why *why)
{
    double x[WN_CONTEXT_FEATURES_MAX], floor_ratio, *rate;
    struct wn_context_bandit all, live;
    size_t d = 1 + job->state.n_features;
    wn_rc rc = read_values(job, x, why);
    if (!rc)
        rc = wn_bandit_number(job->args, "floor", 0, 1, 0.01, &floor_ratio, why);
    if (!rc)
        rc = wn_bandit_state_context(&job->state, &job->arena, &all, why);
    if (!rc)
        rc = wn_context_init(&job->arena, job->n, job->state.n_features, WN_BANDIT_PRECISION, &live,
                             why);
    if (rc)
        return rc;
    memcpy(live.mean, all.mean, d * sizeof *live.mean);
    memcpy(live.precision, all.precision, d * sizeof *live.precision);
    for (size_t i = 0; i < job->n; i++) {
        size_t from = (1 + job->live[i]) * d;
        memcpy(live.mean + (1 + i) * d, all.mean + from, d * sizeof *live.mean);
        memcpy(live.precision + (1 + i) * d, all.precision + from, d * sizeof *live.precision);
    }
    rate = WN_ARENA_ARRAY(&job->arena, job->n, double);
    if (!rate)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", job->n);
    job->rates = rate;
    return wn_context_shares(&job->arena, &live, x, job->state.width, floor_ratio, &job->rand,
                             job->share, rate, why);
}

static void print_context_choices(struct job *job, struct wn_buf *out)
{
    int64_t n = wn_args_int(job->args, "n");
    bool json = wn_args_flag(job->args, "json");
    struct wn_json_writer w;
    wn_json_write_init(&w, out, 2);
    if (json)
        wn_json_begin_array(&w);
    else
        wn_buf_append_z(out, "choice,arm,propensity,rate\n");
    for (int64_t k = 0; k < n; k++) {
        size_t i = wn_bandit_pick(job->share, job->n, &job->rand);
        int64_t choice = (int64_t)job->state.n_choices + k + 1;
        if (json) {
            wn_json_begin_object(&w);
            wn_json_key(&w, "choice");
            wn_json_i64(&w, choice);
            wn_json_key(&w, "arm");
            wn_json_text(&w, name_of(job, i));
            wn_bandit_json_number(&w, "propensity", job->share[i]);
            wn_bandit_json_number(&w, "rate", job->rates[i]);
            wn_json_end(&w);
            continue;
        }
        wn_buf_printf(out, "%lld", (long long)choice);
        wn_csv_write_field(out, name_of(job, i), false);
        wn_bandit_put_exact(out, job->share[i], false);
        wn_bandit_put_short(out, job->rates[i]);
        wn_buf_append_char(out, '\n');
    }
    if (json) {
        wn_json_end(&w);
        wn_buf_append_char(out, '\n');
    }
}

static wn_rc judge_all(struct job *job, bool batch, struct wn_why *why)
{
    wn_rc rc = judge(job, why);
    if (!rc)
        rc = judge_stop(job, why);
    return rc ? rc : read_shares(job, batch, why);
}

static wn_rc choose(struct job *job, struct wn_buf *out, struct wn_why *why)
{
    bool batch = wn_args_text(job->args, "batch").p != NULL;
    bool in_context = wn_args_text(job->args, "context").p != NULL;
    if (batch && in_context)
        return wn_fail(why, WN_INVALID, "context",
                       "a batch has no single context: choose one by one, or without --context");
    if (wn_str_eq(wn_args_text(job->args, "decay"), WN_STR("auto")))
        return wn_fail(why, WN_INVALID, "decay", "--decay auto is for update: it needs rows");
    wn_rc rc = open_state(job, why);
    if (!rc)
        rc = read_settings(job, why);
    if (!rc)
        rc = read_marks(job, why);
    if (rc)
        return rc;
    wn_bandit_state_advance(&job->state, job->now_ms);
    wn_rand_init(&job->rand, wn_rand_mix(job->state.seed, job->state.n_choices));
    rc = gather(job, why);
    if (!rc)
        rc = in_context ? judge_context(job, why) : judge_all(job, batch, why);
    if (!rc && in_context)
        print_context_choices(job, out);
    else if (!rc && batch)
        rc = choose_batch(job, out, why);
    else if (!rc)
        choose_single(job, out);
    job->state.n_choices += batch ? 1 : (uint64_t)wn_args_int(job->args, "n");
    return rc ? rc : save_state(job, why);
}

/* ---- update -------------------------------------------------------------------------------------
 */

static int by_day(const void *a, const void *b)
{
    const struct wn_arm_day *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->arm > y->arm) - (x->arm < y->arm);
}

/* One row for each arm and day, then the fading that would have foretold them best. */
static wn_rc fit_decay(struct job *job, struct wn_buf *rows, struct wn_why *why)
{
    struct wn_arm_day *days = (struct wn_arm_day *)(void *)rows->p;
    size_t n = rows->n / sizeof *days, n_days = 0;
    struct wn_prior prior = job->state.prior;
    if (n == 0)
        return wn_fail(why, WN_INVALID, "decay", "--decay auto needs rows");
    qsort(days, n, sizeof *days, by_day);
    for (size_t i = 0; i < n; i++) {
        if (n_days && by_day(&days[n_days - 1], &days[i]) == 0) {
            days[n_days - 1].successes += days[i].successes;
            days[n_days - 1].trials += days[i].trials;
        } else {
            days[n_days++] = days[i];
        }
    }
    return wn_fade_fit(&job->arena, days, n_days, job->state.n_arms, &prior, &job->state.keep_daily,
                       NULL, why);
}

/* The rows, once as they are; with --decay auto twice: first to find the fading. */
static wn_rc read_rewards(struct job *job, struct wn_bandit_rewards *r, struct wn_why *why)
{
    bool fits = wn_str_eq(wn_args_text(job->args, "decay"), WN_STR("auto"));
    const char *path = wn_args_z(job->args, "input");
    struct wn_buf days;
    wn_buf_init(&days, (size_t)1 << 30);
    if (fits && path && strcmp(path, "-") == 0)
        return wn_fail(why, WN_INVALID, "decay",
                       "--decay auto reads the rows twice: give a file as --input");
    wn_rc rc = WN_OK;
    if (fits) {
        struct job trial = {.args = job->args, .now_ms = job->now_ms};
        struct wn_bandit_rewards first = {
            .state = &trial.state, .now_ms = job->now_ms, .days = &days};
        wn_arena_init(&trial.arena, 0);
        wn_bandit_state_init(&trial.state, &trial.arena);
        trial.state.prior = job->state.prior;
        trial.state.delay = job->state.delay;
        rc = wn_bandit_read_csv(job->args, "input", wn_bandit_rewards_record, &first, why);
        if (!rc)
            rc = fit_decay(&trial, &days, why);
        job->state.keep_daily = trial.state.keep_daily;
        wn_bandit_state_deinit(&trial.state);
        wn_arena_deinit(&trial.arena);
    }
    if (!rc)
        rc = wn_bandit_read_csv(job->args, "input", wn_bandit_rewards_record, r, why);
    if (!rc && !r->knows_columns)
        rc = wn_fail(why, WN_INVALID, "input", "there are no rows in the input");
    wn_buf_deinit(&days);
    return rc;
}

/* The same rows, where there is a context, for its model. */
static wn_rc learn_context(struct job *job, struct wn_bandit_rewards *r, struct wn_why *why)
{
    struct wn_context_bandit b;
    struct wn_buf x, arms, wins;
    wn_buf_init(&x, (size_t)1 << 32);
    wn_buf_init(&arms, (size_t)1 << 32);
    wn_buf_init(&wins, (size_t)1 << 32);
    if (job->state.n_features) {
        r->x = &x;
        r->arms = &arms;
        r->wins = &wins;
    }
    wn_rc rc = read_rewards(job, r, why);
    if (!rc && r->x && r->n_rows) {
        rc = wn_bandit_state_context(&job->state, &job->arena, &b, why);
        if (!rc)
            rc = wn_context_update(&job->arena, &b, (const uint32_t *)(const void *)arms.p,
                                   (const double *)(const void *)x.p, (const uint8_t *)wins.p,
                                   r->n_rows, why);
        if (!rc)
            rc = wn_bandit_state_learned(&job->state, &b, why);
    }
    r->x = r->arms = r->wins = NULL;
    wn_buf_deinit(&x);
    wn_buf_deinit(&arms);
    wn_buf_deinit(&wins);
    return rc;
}

static void print_update(struct job *job, const struct wn_bandit_rewards *r, struct wn_buf *out)
{
    if (wn_args_flag(job->args, "json")) {
        struct wn_json_writer w;
        wn_json_write_init(&w, out, 2);
        wn_json_begin_object(&w);
        wn_json_key(&w, "rows");
        wn_json_i64(&w, (int64_t)r->n_rows);
        wn_bandit_json_number(&w, "successes", r->successes);
        wn_bandit_json_number(&w, "trials", r->trials);
        wn_bandit_json_number(&w, "keep_daily", job->state.keep_daily);
        json_stop(&w, job);
        json_arms(&w, job, NULL);
        wn_json_end(&w);
        wn_buf_append_char(out, '\n');
        return;
    }
    wn_buf_printf(out, "arm,successes,trials,p_best,expected_loss,mean,low%.0f,high%.0f,verdict\n",
                  100 * job->level, 100 * job->level);
    for (size_t i = 0; i < job->n; i++) {
        const struct wn_best *best = &job->best[i];
        wn_csv_write_field(out, name_of(job, i), true);
        wn_bandit_put_short(out, job->counts[i].successes);
        wn_bandit_put_short(out, job->counts[i].trials);
        wn_bandit_put_short(out, best->p_best);
        wn_bandit_put_short(out, best->expected_loss);
        wn_bandit_put_short(out, best->mean);
        wn_bandit_put_short(out, best->low);
        wn_bandit_put_short(out, best->high);
        wn_csv_write_field(out, wn_str_of(wn_arm_verdict_name(job->verdict[i])), false);
        wn_buf_append_char(out, '\n');
    }
    fprintf(stderr, "%llu rows: %.6g successes in %.6g trials; counts keep %.6g a day.\n",
            (unsigned long long)r->n_rows, r->successes, r->trials, job->state.keep_daily);
    tell(job);
}

static wn_rc update(struct job *job, struct wn_buf *out, struct wn_why *why)
{
    struct wn_bandit_rewards rewards = {.state = &job->state};
    wn_rc rc = open_state(job, why);
    if (!rc)
        rc = read_settings(job, why);
    rewards.now_ms = job->now_ms;
    if (!rc)
        rc = read_features(job, why);
    if (!rc)
        rc = learn_context(job, &rewards, why);
    if (!rc)
        rc = read_marks(job, why);
    if (rc)
        return rc;
    wn_bandit_state_advance(&job->state, job->now_ms);
    wn_rand_init(&job->rand, wn_rand_mix(job->state.seed, job->state.n_choices));
    rc = gather(job, why);
    if (!rc)
        rc = judge(job, why);
    if (!rc)
        rc = judge_stop(job, why);
    if (!rc)
        rc = save_state(job, why);
    if (!rc)
        print_update(job, &rewards, out);
    return rc;
}

/* ---- both ---------------------------------------------------------------------------------------
 */

typedef wn_rc work_fn(struct job *job, struct wn_buf *out, struct wn_why *why);

static wn_rc work(const struct wn_args *args, work_fn *fn, struct wn_buf *out, struct wn_why *why)
{
    struct job job = {.args = args, .lock = {-1}};
    wn_arena_init(&job.arena, 0);
    wn_bandit_state_init(&job.state, &job.arena);
    wn_rc rc = fn(&job, out, why);
    wn_lock_drop(&job.lock);
    wn_bandit_state_deinit(&job.state);
    wn_arena_deinit(&job.arena);
    return rc;
}

wn_rc wn_bandit_choose_verb(const struct wn_args *args, struct wn_buf *out, struct wn_why *why)
{
    return work(args, choose, out, why);
}

wn_rc wn_bandit_update_verb(const struct wn_args *args, struct wn_buf *out, struct wn_why *why)
{
    return work(args, update, out, why);
}
