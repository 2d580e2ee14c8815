/* The creatives that winnow bandit learns patterns from: CSV with a header and a row for each
 * creative, or several (days, say), which are added up.
 *
 *     creative (ad, arm, creative_name, ad_name, variant, name)   which one
 *     trials (impressions, shown, views, n)                       how often it was shown
 *     successes (reward, conversions, clicks, wins)               how many of these succeeded
 *     campaign (campaign_name, campaign_id)                       where it ran; may be absent
 * and what it is made of: every other column that is no metric, date or id, or the columns asked
 * for. An empty cell there is a field that the creative lacks; both counts empty: never shown. */
#ifndef WN_CLI_CMD_BANDIT_CREATIVES_H
#define WN_CLI_CMD_BANDIT_CREATIVES_H

#include "core/csv.h"
#include "core/hash.h"
#include "winnow/bandit.h"

#define WN_BANDIT_CREATIVES_MAX 20000
#define WN_BANDIT_COLUMNS_MAX 32 /* that may be patterns, before some are left out */

struct wn_bandit_field {
    struct wn_str name; /* arena */
    int at;             /* its column */
    struct wn_map index;
    struct wn_str *levels; /* arena [n] */
    size_t n, n_max;
    size_t n_rows;        /* that have a level */
    const char *left_out; /* why it is no pattern, in words; NULL: it is one */
};

struct wn_bandit_creative {
    struct wn_str name; /* arena */
    uint64_t line;
    uint32_t level[WN_BANDIT_COLUMNS_MAX]; /* WN_PATTERN_NONE: lacking */
    uint32_t campaign;
    struct wn_arm counts;
    bool runs_elsewhere; /* another row has its name and another campaign */
};

struct wn_bandit_creatives {
    struct wn_arena *a;
    const struct wn_str
        *wanted; /* [n_wanted] columns asked for; borrowed. None: all that qualify */
    size_t n_wanted;
    bool knows_columns;
    int at_name, at_successes, at_trials; /* columns */
    struct wn_str success_name, trial_name;
    struct wn_bandit_field fields[WN_BANDIT_COLUMNS_MAX], campaigns;
    size_t n_fields;
    struct wn_bandit_creative *rows; /* arena [n_rows] */
    size_t n_rows, n_rows_max;
    struct wn_map names;  /* creative -> its first row */
    struct wn_map places; /* creative and campaign -> row */
};

/* wanted: see above; kept as long as c. */
void wn_bandit_creatives_init(struct wn_bandit_creatives *c, struct wn_arena *a,
                              const struct wn_str *wanted, size_t n_wanted);
void wn_bandit_creatives_deinit(struct wn_bandit_creatives *c);
/* context: the struct above. Fails: INVALID (why names line and column), LIMIT, MEMORY. */
wn_csv_record_fn wn_bandit_creatives_record;

/* The fields that can be patterns, and the creatives as wn_pattern_fit takes them, in the order of
 * the rows. Columns in which all creatives are alike, or of ten and more all differ, are left out
 * unless asked for. field_of_out [WN_PATTERN_FIELDS_MAX]: the place of each of the plan's fields in
 * c->fields. out: arena [n_rows]. Fails: INVALID (nothing to learn from), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_bandit_creatives_plan(struct wn_bandit_creatives *c,
                                           struct wn_pattern_plan *plan_out, size_t *field_of_out,
                                           struct wn_creative **out, struct wn_why *why);

#endif
