/* winnow bandit simulate: regret curves of policies in a world of given rates, or what they would
 * have won on a table of all rewards. */
#include "cli/cmd_bandit.h"
#include "cli/terminal.h"
#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define POLICIES_MAX 16
#define REPLAY_CELLS_MAX ((size_t)1 << 30)

struct job {
    const struct wn_args *args;
    struct wn_arena arena;
    uint64_t seed;
    uint32_t n_runs;
    struct wn_policy policies[POLICIES_MAX];
    size_t n_policies;
    struct wn_progress progress;
};

/* ---- options ------------------------------------------------------------------------------------
 */

static wn_rc add_policy(struct job *job, struct wn_str name, const struct wn_policy *like,
                        struct wn_why *why)
{
    if (job->n_policies == POLICIES_MAX)
        return wn_fail(why, WN_LIMIT, "policy", "more than %d policies", POLICIES_MAX);
    for (int k = 0; k < WN_POLICY_N; k++) {
        if (!wn_str_eq(name, wn_str_of(wn_policy_name((wn_policy_kind)k))))
            continue;
        struct wn_policy *p = &job->policies[job->n_policies++];
        *p = *like;
        p->kind = (wn_policy_kind)k;
        return WN_OK;
    }
    return wn_fail(why, WN_INVALID, "policy",
                   "--policy must be thompson, top-two, ucb1, epsilon, greedy or random, not "
                   "'%.*s'",
                   WN_STR_ARG(name));
}

static wn_rc read_policies(struct job *job, struct wn_why *why)
{
    struct wn_policy like = {.prior = WN_PRIOR_OWN};
    struct wn_str prior = wn_args_text(job->args, "prior"), value, part;
    wn_rc rc = prior.p ? wn_bandit_prior(prior, &like.prior, &like.fits_prior, why) : WN_OK;
    if (!rc)
        rc = wn_bandit_number(job->args, "width", 0.1, 10, WN_WIDTH_EARN, &like.width, why);
    for (size_t k = 0; !rc && (value = wn_args_list(job->args, "policy", k)).p; k++)
        while (!rc && wn_str_cut(&value, ',', &part))
            rc = add_policy(job, wn_str_trim(part), &like, why);
    for (int k = 0; !rc && k < WN_POLICY_N && !wn_args_text(job->args, "policy").p; k++)
        rc = add_policy(job, wn_str_of(wn_policy_name((wn_policy_kind)k)), &like, why);
    return rc;
}

static wn_rc read_rates(struct job *job, double **out, size_t *n_out, struct wn_why *why)
{
    struct wn_str value, part;
    size_t n = 0, n_max = 0;
    for (size_t k = 0; (value = wn_args_list(job->args, "rates", k)).p; k++)
        n_max += value.n / 2 + 1;
    double *rates = WN_ARENA_ARRAY(&job->arena, n_max, double);
    if (!rates)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the rates");
    for (size_t k = 0; (value = wn_args_list(job->args, "rates", k)).p; k++)
        while (wn_str_cut(&value, ',', &part))
            if (n == n_max || !wn_parse_f64(wn_str_trim(part), &rates[n]) || rates[n] < 0 ||
                rates[n++] > 1)
                return wn_fail(why, WN_INVALID, "rates",
                               "--rates must be numbers from 0 to 1, not '%.*s'", WN_STR_ARG(part));
    *out = rates;
    *n_out = n;
    return WN_OK;
}

/* ---- worlds -------------------------------------------------------------------------------------
 */

static void print_curve(wn_policy_kind kind, const struct wn_regret *g, struct wn_buf *out)
{
    for (size_t i = 0; i < g->n_points; i++) {
        wn_buf_printf(out, "%s,%llu", wn_policy_name(kind), (unsigned long long)g->round[i]);
        wn_bandit_put_short(out, g->mean[i]);
        wn_bandit_put_short(out, g->se[i]);
        wn_buf_append_char(out, '\n');
    }
}

static void json_curve(struct wn_json_writer *w, wn_policy_kind kind, const struct wn_regret *g)
{
    wn_json_begin_object(w);
    wn_json_key(w, "policy");
    wn_json_text_z(w, wn_policy_name(kind));
    wn_bandit_json_number(w, "successes", g->successes);
    wn_bandit_json_number(w, "median", g->median);
    wn_bandit_json_number(w, "low80", g->low);
    wn_bandit_json_number(w, "high80", g->high);
    wn_json_key(w, "curve");
    wn_json_begin_array(w);
    for (size_t i = 0; i < g->n_points; i++) {
        wn_json_begin_object(w);
        wn_json_key(w, "round");
        wn_json_i64(w, (int64_t)g->round[i]);
        wn_bandit_json_number(w, "regret", g->mean[i]);
        wn_bandit_json_number(w, "se", g->se[i]);
        wn_json_end(w);
    }
    wn_json_end(w);
    wn_json_end(w);
}

static wn_rc read_world(struct job *job, struct wn_world *out, struct wn_why *why)
{
    double *rates = NULL;
    struct wn_world w = {.n_rounds = (uint64_t)wn_args_int(job->args, "rounds"),
                         .batch = (uint64_t)wn_args_int(job->args, "every")};
    wn_rc rc = read_rates(job, &rates, &w.n_arms, why);
    if (!rc)
        rc = wn_bandit_number(job->args, "late", 0, 1, 0, &w.late_ratio, why);
    if (!rc)
        rc = wn_bandit_number(job->args, "late-mean", 1e-3, 1e15, 1000, &w.late_mean, why);
    if (rc)
        return rc;
    w.rates = rates;
    *out = w;
    return WN_OK;
}

static wn_rc simulate(struct job *job, struct wn_buf *out, struct wn_why *why)
{
    bool json = wn_args_flag(job->args, "json");
    struct wn_json_writer w;
    struct wn_world world;
    wn_rc rc = read_world(job, &world, why);
    if (rc)
        return rc;
    if (json) {
        wn_json_write_init(&w, out, 2);
        wn_json_begin_object(&w);
        wn_json_key(&w, "policies");
        wn_json_begin_array(&w);
    } else {
        wn_buf_append_z(out, "policy,round,regret,se\n");
    }
    for (size_t i = 0; i < job->n_policies && !rc; i++) {
        struct wn_regret regret;
        struct wn_arena scratch;
        struct wn_rand rand;
        wn_progress_draw(&job->progress, i, job->n_policies, 0);
        wn_arena_init(&scratch, 0);
        wn_rand_init(&rand, job->seed); /* the same luck for each */
        rc = wn_bandit_simulate(&scratch, &world, &job->policies[i], job->n_runs, &rand, &regret,
                                why);
        if (!rc && json)
            json_curve(&w, job->policies[i].kind, &regret);
        else if (!rc)
            print_curve(job->policies[i].kind, &regret, out);
        wn_arena_deinit(&scratch);
    }
    if (rc)
        return rc;
    if (json) {
        wn_json_end(&w);
        wn_json_end(&w);
        wn_buf_append_char(out, '\n');
    }
    return WN_OK;
}

/* ---- replays ------------------------------------------------------------------------------------
 */

struct table {
    struct wn_buf cells; /* one byte each */
    size_t n_arms;
    uint64_t n_rounds;
    uint64_t wins[256]; /* by arm */
};

static bool is_header(const struct wn_csv_record *record)
{
    double x;
    return !wn_parse_f64(wn_str_trim(record->fields[0]), &x);
}

static wn_rc take_row(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct table *t = context;
    if (t->n_arms == 0) {
        t->n_arms = record->n_fields;
        if (t->n_arms > WN_COUNT(t->wins))
            return wn_fail(why, WN_LIMIT, "input", "more than %zu columns", WN_COUNT(t->wins));
        if (is_header(record))
            return WN_OK;
    }
    if (record->n_fields != t->n_arms) {
        if (why)
            why->line = record->line;
        return wn_fail(why, WN_INVALID, "input", "%zu fields where the first line has %zu",
                       record->n_fields, t->n_arms);
    }
    for (size_t i = 0; i < t->n_arms; i++) {
        struct wn_str cell = wn_str_trim(record->fields[i]);
        bool one = wn_str_eq(cell, WN_STR("1"));
        if (!one && !wn_str_eq(cell, WN_STR("0"))) {
            if (why) {
                why->line = record->line;
                why->column = (uint32_t)i + 1;
            }
            return wn_fail(why, WN_INVALID, "input",
                           "'%.*s' is neither 0 nor 1: a replay needs each arm's reward of each "
                           "round",
                           WN_STR_ARG(cell));
        }
        wn_buf_append_char(&t->cells, one ? 1 : 0);
        t->wins[i] += one;
    }
    t->n_rounds++;
    return wn_buf_check(&t->cells, why);
}

struct replayed {
    double mean, se;
};

static wn_rc replay_policy(struct job *job, const struct table *t, size_t at, struct replayed *out,
                           struct wn_why *why)
{
    double sum = 0, squares = 0, n = job->n_runs;
    wn_rc rc = WN_OK;
    for (uint32_t k = 0; k < job->n_runs && !rc; k++) {
        struct wn_arena scratch;
        struct wn_rand rand;
        uint64_t won = 0;
        wn_progress_draw(&job->progress, at * job->n_runs + k,
                         (uint64_t)job->n_policies * job->n_runs, 0);
        wn_arena_init(&scratch, 0);
        wn_rand_init(&rand, wn_rand_mix(job->seed, k));
        rc = wn_bandit_replay(&scratch, (const uint8_t *)t->cells.p, t->n_rounds, t->n_arms,
                              &job->policies[at], &rand, &won, why);
        wn_arena_deinit(&scratch);
        sum += (double)won;
        squares += (double)won * (double)won;
    }
    double variance = n > 1 ? fmax(squares - sum * sum / n, 0) / (n - 1) : 0;
    *out = (struct replayed){sum / n, sqrt(variance / n)};
    return rc;
}

static void print_replay(struct job *job, const struct table *t, const struct replayed *results,
                         struct wn_buf *out)
{
    uint64_t best = 0, all = 0;
    struct wn_json_writer w;
    for (size_t i = 0; i < t->n_arms; i++) {
        best = t->wins[i] > best ? t->wins[i] : best;
        all += t->wins[i];
    }
    if (!wn_args_flag(job->args, "json")) {
        wn_buf_append_z(out, "policy,successes,se,best_arm\n");
        for (size_t i = 0; i < job->n_policies; i++) {
            wn_buf_append_z(out, wn_policy_name(job->policies[i].kind));
            wn_bandit_put_short(out, results[i].mean);
            wn_bandit_put_short(out, results[i].se);
            wn_buf_printf(out, ",%llu\n", (unsigned long long)best);
        }
        return;
    }
    wn_json_write_init(&w, out, 2);
    wn_json_begin_object(&w);
    wn_json_key(&w, "rounds");
    wn_json_i64(&w, (int64_t)t->n_rounds);
    wn_json_key(&w, "best_arm");
    wn_json_i64(&w, (int64_t)best);
    wn_bandit_json_number(&w, "any_arm", (double)all / (double)t->n_arms);
    wn_json_key(&w, "policies");
    wn_json_begin_array(&w);
    for (size_t i = 0; i < job->n_policies; i++) {
        wn_json_begin_object(&w);
        wn_json_key(&w, "policy");
        wn_json_text_z(&w, wn_policy_name(job->policies[i].kind));
        wn_bandit_json_number(&w, "successes", results[i].mean);
        wn_bandit_json_number(&w, "se", results[i].se);
        wn_json_end(&w);
    }
    wn_json_end(&w);
    wn_json_end(&w);
    wn_buf_append_char(out, '\n');
}

static wn_rc replay(struct job *job, struct wn_buf *out, struct wn_why *why)
{
    struct table t = {0};
    struct replayed results[POLICIES_MAX];
    wn_buf_init(&t.cells, REPLAY_CELLS_MAX);
    wn_rc rc = wn_bandit_read_csv(job->args, "input", take_row, &t, why);
    if (!rc && t.n_rounds == 0)
        rc = wn_fail(why, WN_INVALID, "input", "there are no rows in the input");
    for (size_t i = 0; i < job->n_policies && !rc; i++)
        rc = replay_policy(job, &t, i, &results[i], why);
    if (!rc)
        print_replay(job, &t, results, out);
    wn_buf_deinit(&t.cells);
    return rc;
}

wn_rc wn_bandit_simulate_verb(const struct wn_args *args, struct wn_buf *out, struct wn_why *why)
{
    struct job job = {.args = args, .n_runs = (uint32_t)wn_args_int(args, "runs")};
    bool has_rates = wn_args_text(args, "rates").p, has_input = wn_args_text(args, "input").p;
    if (has_rates == has_input)
        return wn_fail(why, WN_INVALID, "rates",
                       "give --rates P,P,... to simulate, or --input FILE to replay a table of "
                       "rewards (a column for each arm, 0 or 1)");
    job.seed = wn_args_text(args, "seed").p ? (uint64_t)wn_args_int(args, "seed") : 1;
    wn_arena_init(&job.arena, 0);
    wn_progress_init(&job.progress, has_rates ? "simulating" : "replaying");
    wn_rc rc = read_policies(&job, why);
    if (!rc)
        rc = has_rates ? simulate(&job, out, why) : replay(&job, out, why);
    wn_progress_clear(&job.progress);
    wn_arena_deinit(&job.arena);
    return rc;
}
