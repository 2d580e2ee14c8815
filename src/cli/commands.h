/* The commands: one file each. */
#ifndef WN_CLI_COMMANDS_H
#define WN_CLI_COMMANDS_H

#include "cli/options.h"

extern const struct wn_option wn_serve_options[], wn_import_options[], wn_query_options[],
    wn_chart_options[], wn_forecast_options[], wn_detect_options[], wn_allocate_options[],
    wn_abtest_options[], wn_bandit_options[], wn_attribute_options[], wn_ltv_options[],
    wn_cohorts_options[], wn_ctr_options[], wn_doctor_options[];

int wn_cmd_serve(const struct wn_args *args);
int wn_cmd_import(const struct wn_args *args);
int wn_cmd_query(const struct wn_args *args);
int wn_cmd_chart(const struct wn_args *args);
int wn_cmd_forecast(const struct wn_args *args);
int wn_cmd_detect(const struct wn_args *args);
int wn_cmd_allocate(const struct wn_args *args);
int wn_cmd_abtest(const struct wn_args *args);
int wn_cmd_bandit(const struct wn_args *args);
int wn_cmd_attribute(const struct wn_args *args);
int wn_cmd_ltv(const struct wn_args *args);
int wn_cmd_cohorts(const struct wn_args *args);
int wn_cmd_ctr(const struct wn_args *args);
int wn_cmd_doctor(const struct wn_args *args);
int wn_cmd_help(const struct wn_args *args);
int wn_cmd_version(const struct wn_args *args);

#endif
