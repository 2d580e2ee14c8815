/* Protects the learning of click-through rates against memory running out, by making the n-th
 * allocation of ours fail for n = 1, 2, ...: an error comes back and nothing is leaked. */
#include "decide_case.h"

#include "decide/ctr.h"

#include "failing_malloc.h"

static struct fixture *fixture;

static wn_rc run(void)
{
    struct wn_click_model *m = NULL;
    wn_rc rc = wn_click_train(&fixture->book, &m, NULL);
    wn_click_model_free(m);
    return rc;
}

static void each_allocation_may_fail(void **state)
{
    fixture = *state;
    begin_rows(fixture);
    int32_t campaign = add_campaign(fixture, 0, "a");
    int32_t age = add_name(fixture, WN_NAME_AGE, 0, "25-34");
    for (int day = 0; day < 12; day++)
        for (int k = 0; k < 6; k++) {
            struct wn_why why = {0};
            struct wn_stat row = {.day = FIRST_DAY + day,
                                  .account_id = fixture->accounts[0],
                                  .campaign_id = k % 2 ? campaign : 0,
                                  .age_id = k % 3 ? age : 0,
                                  .channel = (uint8_t)(1 + k % 2),
                                  .device = (uint8_t)(k % 4),
                                  .hour = WN_HOUR_NONE};
            row.measures[WN_MEASURE_IMPRESSIONS] = 1000 * WN_MICROS;
            row.measures[WN_MEASURE_CLICKS] = (10 + k) * WN_MICROS;
            ok(wn_facts_tx_append(fixture->tx, &row, 1, &why), &why);
        }
    end_rows(fixture);
    assert_int_equal(run(), WN_OK); /* the store opens its readers, and keeps them */
    fail_each_allocation(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_allocation_may_fail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
