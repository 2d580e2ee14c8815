/* Protects the creatives that winnow bandit patterns reads against any bytes: what loads adds up,
 * agrees with its plan, and can be learned from with finite effects. The first byte says how many
 * bytes a piece of the text has. */
#include "../../src/cli/cmd_bandit_creatives.c"

#include <math.h>

enum { ROWS_FEW = 60, LEVELS_FEW = 60 };

static void check_rows(const struct wn_bandit_creatives *c)
{
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct wn_bandit_creative *row = &c->rows[i];
        WN_ASSERT(row->name.n > 0);
        WN_ASSERT(row->counts.successes >= 0 && row->counts.successes <= row->counts.trials);
        WN_ASSERT(row->counts.trials <= WN_TRIALS_MAX);
        WN_ASSERT(row->campaign == WN_PATTERN_NONE || row->campaign < c->campaigns.n);
        for (size_t f = 0; f < c->n_fields; f++)
            WN_ASSERT(row->level[f] == WN_PATTERN_NONE || row->level[f] < c->fields[f].n);
    }
}

static void learn(const struct wn_bandit_creatives *c, const struct wn_pattern_plan *plan,
                  const struct wn_creative *creatives)
{
    struct wn_pattern fit;
    struct wn_prior prior;
    size_t n_levels = plan->n_campaigns;
    for (size_t f = 0; f < plan->n_fields; f++)
        n_levels += plan->n_levels[f];
    if (c->n_rows > ROWS_FEW || n_levels > LEVELS_FEW ||
        wn_pattern_fit(c->a, creatives, c->n_rows, plan, &fit, NULL))
        return;
    for (size_t i = 0; i < fit.n_effects; i++)
        WN_ASSERT(isfinite(fit.effects[i].odds) && isfinite(fit.effects[i].odds_high));
    for (size_t i = 0; i < c->n_rows; i++) {
        WN_ASSERT(wn_pattern_prior(c->a, &fit, &creatives[i], NULL, NULL, &prior, NULL) == WN_OK);
        WN_ASSERT(isfinite(prior.alpha) && isfinite(prior.beta) && prior.alpha > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wn_arena a;
    struct wn_bandit_creatives c;
    struct wn_csv *csv = NULL;
    struct wn_pattern_plan plan;
    struct wn_creative *creatives;
    struct wn_why why = {0};
    size_t field_of[WN_PATTERN_FIELDS_MAX], piece = size ? 1 + (size_t)data[0] : 1;
    wn_arena_init(&a, (size_t)1 << 28);
    wn_bandit_creatives_init(&c, &a, NULL, 0);
    const struct wn_csv_options options = {.on_record = wn_bandit_creatives_record, .context = &c};
    wn_rc rc = wn_csv_new(&options, &csv, &why);
    for (size_t at = 1; at < size && !rc; at += piece)
        rc = wn_csv_push(
            csv, (struct wn_str){(const char *)data + at, piece < size - at ? piece : size - at},
            &why);
    if (!rc)
        rc = wn_csv_finish(csv, &why);
    if (!rc)
        check_rows(&c);
    if (!rc)
        rc = wn_bandit_creatives_plan(&c, &plan, field_of, &creatives, &why);
    WN_ASSERT(rc == WN_OK || why.text[0]);
    if (!rc)
        learn(&c, &plan, creatives);
    wn_csv_free(csv);
    wn_bandit_creatives_deinit(&c);
    wn_arena_deinit(&a);
    return 0;
}
