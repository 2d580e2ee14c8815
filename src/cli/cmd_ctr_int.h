/* What the three actions of winnow ctr share. */
#ifndef WN_CLI_CMD_CTR_INT_H
#define WN_CLI_CMD_CTR_INT_H

#include "cli/commands.h"
#include "cli/ctr_input.h"
#include "cli/terminal.h"
#include "cli/wire.h"

#include <stdio.h>

WN_MUST_USE wn_rc wn_ctr_train(const struct wn_args *args, struct wn_why *why);
WN_MUST_USE wn_rc wn_ctr_predict_rows(const struct wn_args *args, struct wn_why *why);
WN_MUST_USE wn_rc wn_ctr_evaluate(const struct wn_args *args, struct wn_why *why);

WN_MUST_USE wn_rc wn_ctr_option_f64(const struct wn_args *args, const char *name, double *out,
                                    struct wn_why *why);
WN_MUST_USE wn_rc wn_ctr_input_options_read(const struct wn_args *args,
                                            struct wn_ctr_input_options *out, struct wn_why *why);
/* The columns' roles go with the model, so that predict need not be told again. */
WN_MUST_USE wn_rc wn_ctr_note_write(struct wn_ctr *m, const struct wn_ctr_told *told,
                                    struct wn_why *why);
void wn_ctr_note_read(const struct wn_ctr *m, struct wn_ctr_input_options *o);

WN_MUST_USE wn_rc wn_ctr_model_read(const char *path, struct wn_ctr **out, struct wn_why *why);
WN_MUST_USE wn_rc wn_ctr_model_write(const char *path, const struct wn_ctr *m, struct wn_why *why);

/* Scores as lines for a person, or as members of an open JSON object. */
void wn_ctr_scores_print(struct wn_buf *out, const struct wn_ctr_scores *s);
void wn_ctr_scores_json(struct wn_json_writer *w, const struct wn_ctr_scores *s);

#endif
