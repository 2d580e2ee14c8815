/* Protects what winnow bandit reads against any bytes: the state file (what loads is usable, stays
 * finite as time passes, and prints to the same state again), the rewards of an update, and the log
 * of an evaluation. The first byte chooses which. */
#include "../../src/cli/cmd_bandit_log.c"
#include "../../src/cli/cmd_bandit_rewards.c"
#include "../../src/cli/cmd_bandit_state.c"
#include "../../src/cli/detect_cell.c"

enum { ARMS_FEW = 6, ROWS_FEW = 400, ACTIONS_FEW = 12 };

static void check_counts(const struct wn_bandit_state *s)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_prior prior;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    struct wn_arm *counts = WN_ARENA_ARRAY(&a, s->n_arms, struct wn_arm);
    struct wn_belief *beliefs = WN_ARENA_ARRAY(&a, s->n_arms, struct wn_belief);
    struct wn_best *best = WN_ARENA_ARRAY(&a, s->n_arms, struct wn_best);
    WN_ASSERT(counts && beliefs && best);
    wn_bandit_state_counts(s, counts);
    bool usable = s->n_arms > 0 && s->n_arms <= ARMS_FEW &&
                  wn_bandit_state_prior(s, counts, &prior, NULL) == WN_OK;
    for (size_t i = 0; i < s->n_arms; i++) {
        WN_ASSERT(isfinite(counts[i].successes) && isfinite(counts[i].trials));
        WN_ASSERT(counts[i].successes >= 0 && counts[i].trials >= 0);
        if (usable)
            usable = wn_bandit_belief(&counts[i], &prior, &beliefs[i], NULL) == WN_OK;
    }
    if (usable && wn_bandit_best(&a, beliefs, s->n_arms, NULL, &r, best, NULL) == WN_OK)
        for (size_t i = 0; i < s->n_arms; i++)
            WN_ASSERT(best[i].p_best >= 0 && best[i].p_best <= 1 && best[i].expected_loss >= 0 &&
                      best[i].low <= best[i].high);
    wn_arena_deinit(&a);
}

static void fuzz_state(struct wn_str text)
{
    struct wn_arena a;
    struct wn_bandit_state s, again;
    struct wn_why why = {0};
    struct wn_buf first, second;
    wn_arena_init(&a, (size_t)1 << 28);
    wn_bandit_state_init(&s, &a);
    wn_bandit_state_init(&again, &a);
    wn_buf_init(&first, 1 << 24);
    wn_buf_init(&second, 1 << 24);
    wn_rc rc = wn_bandit_state_parse(&s, text, &why);
    WN_ASSERT(rc == WN_OK || why.text[0]);
    if (!rc) {
        wn_bandit_state_print(&s, &first);
        WN_ASSERT(wn_bandit_state_parse(&again, wn_buf_str(&first), NULL) == WN_OK);
        wn_bandit_state_print(&again, &second);
        WN_ASSERT(wn_str_eq(wn_buf_str(&first), wn_buf_str(&second)));
        check_counts(&s);
        wn_bandit_state_advance(&s, INT64_C(1800000000000));
        check_counts(&s);
    }
    wn_buf_deinit(&first);
    wn_buf_deinit(&second);
    wn_bandit_state_deinit(&s);
    wn_bandit_state_deinit(&again);
    wn_arena_deinit(&a);
}

static wn_rc read_csv(struct wn_str text, wn_csv_record_fn *fn, void *context, struct wn_why *why)
{
    struct wn_csv *csv = NULL;
    const struct wn_csv_options options = {.on_record = fn, .context = context};
    wn_rc rc = wn_csv_new(&options, &csv, why);
    if (!rc)
        rc = wn_csv_push(csv, text, why);
    if (!rc)
        rc = wn_csv_finish(csv, why);
    wn_csv_free(csv);
    return rc;
}

static void learn(struct wn_bandit_state *s, const struct wn_bandit_rewards *r)
{
    struct wn_context_bandit b;
    WN_ASSERT(wn_bandit_state_context(s, s->a, &b, NULL) == WN_OK);
    WN_ASSERT(wn_context_update(s->a, &b, (const uint32_t *)(const void *)r->arms->p,
                                (const double *)(const void *)r->x->p, (const uint8_t *)r->wins->p,
                                r->n_rows, NULL) == WN_OK);
    for (size_t i = 0; i < 2 * (1 + b.n_arms); i++)
        WN_ASSERT(isfinite(b.mean[i]) && b.precision[i] > 0 && isfinite(b.precision[i]));
    WN_ASSERT(wn_bandit_state_learned(s, &b, NULL) == WN_OK);
}

static void fuzz_rewards(struct wn_str text, bool late, bool in_context)
{
    const struct wn_str hour = WN_STR("hour");
    struct wn_buf x, arms, wins;
    struct wn_arena a;
    struct wn_bandit_state s;
    struct wn_why why = {0};
    wn_arena_init(&a, (size_t)1 << 28);
    wn_bandit_state_init(&s, &a);
    s.keep_daily = .9;
    if (late)
        s.delay = (struct wn_delay){2, {1, 2}, {0, 1e8}};
    struct wn_bandit_rewards r = {.state = &s, .now_ms = INT64_C(1767225600000)};
    wn_buf_init(&x, 1 << 24);
    wn_buf_init(&arms, 1 << 24);
    wn_buf_init(&wins, 1 << 24);
    if (in_context) {
        WN_ASSERT(wn_bandit_state_features(&s, &hour, 1, NULL) == WN_OK);
        r.x = &x;
        r.arms = &arms;
        r.wins = &wins;
    }
    wn_rc rc = read_csv(text, wn_bandit_rewards_record, &r, &why);
    WN_ASSERT(rc == WN_OK || why.text[0]);
    if (!rc)
        check_counts(&s);
    if (!rc && in_context && r.n_rows > 0 && r.n_rows <= ROWS_FEW)
        learn(&s, &r);
    wn_buf_deinit(&x);
    wn_buf_deinit(&arms);
    wn_buf_deinit(&wins);
    wn_bandit_state_deinit(&s);
    wn_arena_deinit(&a);
}

static void fuzz_log(struct wn_str text)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_bandit_log log;
    struct wn_log view;
    struct wn_log_context context;
    struct wn_offpolicy out;
    struct wn_why why = {0};
    const struct wn_offpolicy_options options = {.n_resamples = 20};
    double *q;
    wn_arena_init(&a, (size_t)1 << 28);
    wn_rand_init(&r, 1);
    wn_bandit_log_init(&log, &a);
    log.contexts[log.n_contexts++] = WN_STR("hour");
    if (memmem(text.p, text.n, "device", 6))
        log.contexts[log.n_contexts++] = WN_STR("device");
    wn_rc rc = read_csv(text, wn_bandit_log_record, &log, &why);
    if (!rc)
        rc = wn_bandit_log_view(&log, &view, &context, &why);
    if (!rc && view.n <= ROWS_FEW && view.n_actions <= ACTIONS_FEW) {
        if (!view.q)
            rc = wn_offpolicy_fit(&a, &view, &context, &r, &q, &why);
        if (!rc && !view.q)
            view.q = q;
        if (!rc)
            rc = wn_offpolicy_evaluate(&a, &view, &options, &r, &out, &why);
        for (int e = 0; e < WN_ESTIMATOR_N && !rc; e++)
            WN_ASSERT(isfinite(out.estimates[e].value) && isfinite(out.estimates[e].low) &&
                      isfinite(out.estimates[e].high));
    }
    WN_ASSERT(rc == WN_OK || why.text[0]);
    wn_bandit_log_deinit(&log);
    wn_arena_deinit(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct wn_str text = {(const char *)data + 1, size - 1};
    switch (data[0] % 10) {
    case 0:
        fuzz_state(text);
        break;
    case 1:
    case 2:
        fuzz_rewards(text, data[0] % 10 == 2, false);
        break;
    case 3:
        fuzz_rewards(text, false, true);
        break;
    default:
        fuzz_log(text);
    }
    return 0;
}
