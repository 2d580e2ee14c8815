/* What the verbs of winnow bandit share. */
#ifndef WN_CLI_CMD_BANDIT_H
#define WN_CLI_CMD_BANDIT_H

#include "cli/options.h"
#include "core/csv.h"
#include "core/json.h"
#include "winnow/bandit.h"

/* One verb: its answer goes into out. Fails as its library does. */
typedef wn_rc wn_bandit_verb(const struct wn_args *args, struct wn_buf *out, struct wn_why *why);
wn_bandit_verb wn_bandit_choose_verb, wn_bandit_update_verb, wn_bandit_patterns_verb,
    wn_bandit_simulate_verb, wn_bandit_evaluate_verb;

/* Streams the CSV that an option names ("input"; '-' is standard input) to on_record. Fails: INVALID
 * (no such option given, bad CSV), NOT_FOUND, IO, or what on_record returns. */
WN_MUST_USE wn_rc wn_bandit_read_csv(const struct wn_args *args, const char *option,
                                     wn_csv_record_fn *on_record, void *context,
                                     struct wn_why *why);
/* A number of an option: "0.2"; fallback where it is not given. Fails: INVALID. */
WN_MUST_USE wn_rc wn_bandit_number(const struct wn_args *args, const char *option, double low,
                                   double high, double fallback, double *out, struct wn_why *why);
/* own, market, fit, or ALPHA,BETA[,WEIGHT]. Fails: INVALID. */
WN_MUST_USE wn_rc wn_bandit_prior(struct wn_str text, struct wn_prior *out, bool *fits,
                                  struct wn_why *why);
/* As a CSV field: exact, or to six digits for a person. */
void wn_bandit_put_exact(struct wn_buf *out, double x, bool first);
void wn_bandit_put_short(struct wn_buf *out, double x);
void wn_bandit_json_number(struct wn_json_writer *w, const char *key, double x);

#endif
