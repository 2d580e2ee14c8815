/* winnow bandit evaluate: what another policy would have earned, by a log. */
#include "cli/cmd_bandit.h"
#include "cli/cmd_bandit_log.h"
#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct job {
    const struct wn_args *args;
    struct wn_arena arena;
    struct wn_bandit_log log;
    struct wn_log view;
    struct wn_log_context context;
    struct wn_offpolicy_options options;
    struct wn_offpolicy result;
    struct wn_rand rand;
};

static wn_rc read_contexts(struct job *job, struct wn_why *why)
{
    struct wn_str value, part;
    for (size_t k = 0; (value = wn_args_list(job->args, "context", k)).p; k++)
        while (wn_str_cut(&value, ',', &part)) {
            if (job->log.n_contexts == WN_BANDIT_LOG_CONTEXTS_MAX)
                return wn_fail(why, WN_LIMIT, "context", "more than %d columns",
                               WN_BANDIT_LOG_CONTEXTS_MAX);
            job->log.contexts[job->log.n_contexts++] = wn_str_trim(part);
        }
    return WN_OK;
}

/* The same probabilities in every row: all actions alike, or always one. */
static wn_rc fixed_policy(struct job *job, struct wn_str arm, struct wn_why *why)
{
    size_t n = job->view.n, k = job->view.n_actions, chosen = 0;
    if (k > WN_LOG_CELLS_MAX / n)
        return wn_fail(why, WN_LIMIT, "policy", "%zu rows of %zu actions are too many", n, k);
    if (arm.p) {
        const uint32_t *index = wn_map_get(&job->log.actions, arm);
        if (!index)
            return wn_fail(why, WN_NOT_FOUND, "policy", "the log has no action '%.*s'",
                           WN_STR_ARG(arm));
        chosen = *index;
    }
    double *p = WN_ARENA_ARRAY(&job->arena, n * k, double);
    if (!p)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu rows", n);
    for (size_t i = 0; i < n * k; i++)
        p[i] = !arm.p ? 1 / (double)k : (i % k == chosen ? 1 : 0);
    job->view.policy = p;
    return WN_OK;
}

static wn_rc read_policy(struct job *job, struct wn_why *why)
{
    struct wn_str name = wn_args_text(job->args, "policy");
    if (wn_args_list(job->args, "policy", 1).p)
        return wn_fail(why, WN_INVALID, "policy", "one policy is evaluated at a time");
    if (name.p && wn_str_eq(name, WN_STR("uniform")))
        return fixed_policy(job, (struct wn_str){0}, why);
    if (name.p && wn_str_starts(name, WN_STR("always:")))
        return fixed_policy(job, wn_str_slice(name, 7, name.n), why);
    if (name.p && !wn_str_eq(name, WN_STR("columns")))
        return wn_fail(why, WN_INVALID, "policy",
                       "--policy must be columns, uniform or always:ARM, not '%.*s'",
                       WN_STR_ARG(name));
    if (!job->view.policy && !job->view.policy_taken)
        return wn_fail(why, WN_INVALID, "policy",
                       "the log says nothing of a new policy: add the columns new_<action>, or new "
                       "(its probability of the action taken), or give --policy uniform or "
                       "--policy always:ARM");
    return WN_OK;
}

static wn_rc refuse(const struct job *job, struct wn_why *why)
{
    const struct wn_offpolicy *r = &job->result;
    return wn_fail(
        why, WN_INVALID, "input",
        "the effective sample size is %.1f of %zu rows, below %.0f: the log hardly shows "
        "what the new policy would do. Log more, or evaluate a policy nearer to the "
        "logged one",
        r->ess, job->view.n, WN_ESS_MIN);
}

static wn_rc evaluate(struct job *job, struct wn_why *why)
{
    double *q;
    wn_rc rc = read_contexts(job, why);
    if (!rc)
        rc = wn_bandit_read_csv(job->args, "input", wn_bandit_log_record, &job->log, why);
    if (!rc)
        rc = wn_bandit_log_view(&job->log, &job->view, &job->context, why);
    if (!rc)
        rc = read_policy(job, why);
    if (!rc && job->view.policy && !job->view.q) {
        rc = wn_offpolicy_fit(&job->arena, &job->view, &job->context, &job->rand, &q, why);
        job->view.q = rc ? NULL : q;
    }
    if (!rc)
        rc = wn_offpolicy_evaluate(&job->arena, &job->view, &job->options, &job->rand, &job->result,
                                   why);
    if (why->line && !why->column && strncmp(why->text, "row ", 4) == 0)
        why->line = 0; /* the library counts rows, which is said in its text */
    if (!rc && job->result.is_refused)
        rc = refuse(job, why);
    return rc;
}

static void print_csv(const struct job *job, struct wn_buf *out)
{
    int level = (int)(100 * job->options.level + 0.5);
    wn_buf_printf(out, "estimator,value,low%d,high%d\n", level, level);
    for (int e = -1; e < WN_ESTIMATOR_N; e++) {
        const struct wn_estimate *x = e < 0 ? &job->result.logged : &job->result.estimates[e];
        if (!x->is_known)
            continue;
        wn_buf_append_z(out, e < 0 ? "logged" : wn_estimator_name((wn_estimator)e));
        wn_bandit_put_short(out, x->value);
        wn_bandit_put_short(out, x->low);
        wn_bandit_put_short(out, x->high);
        wn_buf_append_char(out, '\n');
    }
}

static void print_json(const struct job *job, struct wn_buf *out)
{
    const struct wn_offpolicy *r = &job->result;
    struct wn_json_writer w;
    wn_json_write_init(&w, out, 2);
    wn_json_begin_object(&w);
    wn_json_key(&w, "rows");
    wn_json_i64(&w, (int64_t)job->view.n);
    wn_json_key(&w, "actions");
    wn_json_i64(&w, (int64_t)job->view.n_actions);
    wn_bandit_json_number(&w, "effective_sample_size", r->ess);
    wn_bandit_json_number(&w, "weight_mean", r->weight_mean);
    wn_bandit_json_number(&w, "weight_max", r->weight_max);
    wn_bandit_json_number(&w, "level", job->options.level);
    wn_json_key(&w, "estimates");
    wn_json_begin_object(&w);
    for (int e = -1; e < WN_ESTIMATOR_N; e++) {
        const struct wn_estimate *x = e < 0 ? &r->logged : &r->estimates[e];
        if (!x->is_known)
            continue;
        wn_json_key(&w, e < 0 ? "logged" : wn_estimator_name((wn_estimator)e));
        wn_json_begin_object(&w);
        wn_bandit_json_number(&w, "value", x->value);
        wn_bandit_json_number(&w, "low", x->low);
        wn_bandit_json_number(&w, "high", x->high);
        wn_json_end(&w);
    }
    wn_json_end(&w);
    wn_json_end(&w);
    wn_buf_append_char(out, '\n');
}

/* What the reader of the figures must know besides them. */
static void tell(const struct job *job)
{
    const struct wn_offpolicy *r = &job->result;
    fprintf(stderr, "%zu rows, effective sample size %.0f; the largest weight is %.3g.\n",
            job->view.n, r->ess, r->weight_max);
    if (fabs(r->weight_mean - 1) > 3 * sqrt(1 / r->ess))
        fprintf(stderr,
                "The weights average %.3g where 1 was to be expected: are these the "
                "probabilities the log was made with?\n",
                r->weight_mean);
    if (!job->view.policy)
        fprintf(stderr, "Without the columns new_<action> there is no dm and no dr.\n");
}

wn_rc wn_bandit_evaluate_verb(const struct wn_args *args, struct wn_buf *out, struct wn_why *why)
{
    struct job job = {.args = args};
    job.options.level =
        wn_args_text(args, "level").p ? (double)wn_args_int(args, "level") / 100 : 0.95;
    if (wn_str_eq(wn_args_text(args, "interval"), WN_STR("bernstein")))
        job.options.interval = WN_INTERVAL_BERNSTEIN;
    wn_rand_init(&job.rand, wn_args_text(args, "seed").p ? (uint64_t)wn_args_int(args, "seed") : 1);
    wn_arena_init(&job.arena, 0);
    wn_bandit_log_init(&job.log, &job.arena);
    wn_rc rc = wn_bandit_number(args, "tau", 0, 1e15, 0, &job.options.switch_tau, why);
    if (!rc)
        rc = evaluate(&job, why);
    if (!rc && wn_args_flag(args, "json"))
        print_json(&job, out);
    else if (!rc)
        print_csv(&job, out);
    if (!rc)
        tell(&job);
    wn_bandit_log_deinit(&job.log);
    wn_arena_deinit(&job.arena);
    return rc;
}
