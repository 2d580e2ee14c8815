/* Protects anomalies and budgets against memory running out, by making the n-th allocation of a whole
 * question fail for n = 1, 2, ...: an error comes back and nothing is leaked. */
#include "decide_case.h"

#include "decide/anomaly.h"
#include "decide/budget.h"

#include "failing_malloc.h"

enum { DAYS = 60, CAMPAIGNS = 4 };

static struct fixture *fixture;

static void fill(struct fixture *f)
{
    begin_rows(f);
    for (int k = 0; k < CAMPAIGNS; k++) {
        char key[32];
        (void)snprintf(key, sizeof key, "campaign %d", k);
        int32_t id = add_campaign(f, 0, key);
        for (int d = 0; d < DAYS; d++) {
            double spend = (50 + 10 * k) * noise(f, 0.2);
            double conversions = d == 50 ? 0 : floor(spend / 4 * noise(f, 0.1));
            add_row(f, (struct day_row){.campaign_id = id,
                                        .channel = WN_CHANNEL_FACEBOOK,
                                        .device = (uint8_t)(1 + d % 2),
                                        .day = d,
                                        .spend = spend,
                                        .revenue = 12 * conversions,
                                        .conversions = conversions,
                                        .clicks = floor(spend * 2)});
        }
    }
    end_rows(f);
}

static wn_rc run_anomalies(void)
{
    struct wn_arena a;
    struct wn_anomaly_report r = {0};
    const struct wn_anomaly_request request = {.metric = -1, .channel = -1, .with_causes = true};
    wn_arena_init(&a, 0);
    wn_rc rc = wn_anomaly_find(&fixture->book, &request, WN_STR("USD"), &a, &r, NULL);
    assert_true((r.n_found > 0) == (rc == WN_OK));
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_timeline(void)
{
    struct wn_arena a;
    struct wn_anomaly_report r = {0};
    const struct wn_daily_entity *e = NULL;
    struct wn_anomaly_point *points = NULL;
    const struct wn_anomaly_request request = {.metric = WN_ANOMALY_REVENUE, .channel = -1};
    wn_arena_init(&a, 0);
    wn_rc rc = wn_anomaly_timeline(&fixture->book, &request, WN_STR("total"), WN_STR("USD"), &a, &r,
                                   &e, &points, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_budget(void)
{
    struct wn_budget_curves *curves = NULL;
    const struct wn_budget_range range = {.by = WN_DAILY_CAMPAIGN};
    const struct wn_facts_version version = {0};
    wn_rc rc = wn_budget_fit(&fixture->book, &range, &version, &curves, NULL);
    assert_true((curves == NULL) == (rc != WN_OK));
    wn_budget_curves_free(curves);
    return rc;
}

static struct wn_budget_curves *fitted;

static wn_rc run_plan(void)
{
    struct wn_arena a;
    struct wn_budget_plan plan = {0};
    const struct wn_budget_request request = {
        .channel = -1, .has_total = true, .total_micros = 300 * WN_MICROS, .explore_ratio = .02};
    wn_arena_init(&a, 0);
    wn_rc rc = wn_budget_plan(fitted, &request, &a, &plan, NULL);
    assert_true((plan.n > 0) == (rc == WN_OK));
    wn_arena_deinit(&a);
    return rc;
}

static void anomalies(void **state)
{
    fixture = *state;
    fill(fixture);
    assert_int_equal(run_anomalies(), WN_OK); /* what the store keeps for the next question */
    fail_each_allocation(run_anomalies);
    fail_each_allocation(run_timeline);
}

static void budget(void **state)
{
    fixture = *state;
    fill(fixture);
    assert_int_equal(run_budget(), WN_OK);
    fail_each_allocation(run_budget);
    const struct wn_budget_range range = {.by = WN_DAILY_CAMPAIGN};
    const struct wn_facts_version version = {0};
    assert_int_equal(wn_budget_fit(&fixture->book, &range, &version, &fitted, NULL), WN_OK);
    fail_each_allocation(run_plan);
    wn_budget_curves_free(fitted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(anomalies, setup, teardown),
        cmocka_unit_test_setup_teardown(budget, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
