/* Protects the predictions: that a winner and a loser are told apart with a risk that fits, that
 * campaigns which are new or stopped are left out and counted, and that what is made can be kept. */
#include "decide_case.h"

#include "decide/prediction.h"

static struct wn_prediction_report make(struct fixture *f, int horizon)
{
    struct wn_why why = {0};
    struct wn_prediction_report r;
    ok(wn_prediction_make(&f->book, horizon, &f->a, &r, &why), &why);
    return r;
}

static void test_nothing_stored(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_prediction_report r = make(f, 30);
    assert_int_equal(r.n, 0);
    const int wrong[] = {0, -1, WN_PREDICTION_HORIZON_MAX + 1};
    for (size_t i = 0; i < WN_COUNT(wrong); i++)
        assert_int_equal(wn_prediction_make(&f->book, wrong[i], &f->a, &r, &why), WN_INVALID);
    assert_string_equal(why.field, "horizon_days");
}

static void test_winners_and_losers(void **state)
{
    struct fixture *f = *state;
    begin_rows(f);
    int32_t winner = add_campaign(f, 0, "winner"), loser = add_campaign(f, 0, "loser");
    int32_t fresh = add_campaign(f, 0, "fresh"), stopped = add_campaign(f, 0, "stopped");
    for (int d = 0; d < 100; d++) {
        add_row(f, (struct day_row){.campaign_id = winner,
                                    .channel = 1,
                                    .day = d,
                                    .spend = 50 * noise(f, 0.1),
                                    .revenue = 150 * noise(f, 0.2)});
        add_row(f, (struct day_row){.campaign_id = loser,
                                    .channel = 1,
                                    .day = d,
                                    .spend = 100 * noise(f, 0.1),
                                    .revenue = 40 * noise(f, 0.2)});
        if (d >= 90)
            add_row(f, (struct day_row){.campaign_id = fresh, .channel = 1, .day = d, .spend = 5});
        if (d < 80)
            add_row(f,
                    (struct day_row){.campaign_id = stopped, .channel = 1, .day = d, .spend = 5});
    }
    end_rows(f);
    struct wn_prediction_report r = make(f, 30);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.n_new, 1);
    assert_int_equal(r.n_stopped, 1);
    const struct wn_prediction *low = &r.predictions[0], *high = &r.predictions[1];
    assert_int_equal(low->campaign_id, loser); /* it spends more */
    assert_true(fabs(low->roi_ratio + 0.6) < 0.1 && low->risk == 2);
    assert_true(fabs(high->roi_ratio - 2) < 0.3 && high->risk == 0);
    for (size_t i = 0; i < r.n; i++) {
        const struct wn_prediction *p = &r.predictions[i];
        assert_true(p->roi_low_ratio < p->roi_ratio && p->roi_ratio < p->roi_high_ratio);
        assert_true(p->confidence_ratio > 0.9 && p->confidence_ratio <= 1);
        assert_int_equal(p->horizon_days, 30);
        assert_int_equal(p->day_to, FIRST_DAY + 99);
        assert_true(p->drivers_json.n > 2 && p->drivers_json.p[0] == '{');
    }
    /* Further ahead is not surer, and the same question has the same answer. */
    struct wn_prediction_report again = make(f, 30);
    assert_true(again.predictions[0].roi_ratio == low->roi_ratio);
    assert_true(again.predictions[1].roi_high_ratio == high->roi_high_ratio);
}

static void test_a_campaign_without_revenue(void **state)
{
    struct fixture *f = *state;
    begin_rows(f);
    int32_t a = add_campaign(f, 0, "a");
    for (int d = 0; d < 40; d++)
        add_row(f, (struct day_row){.campaign_id = a, .channel = 1, .day = d, .spend = 10});
    end_rows(f);
    struct wn_prediction_report r = make(f, 7);
    assert_int_equal(r.n, 1);
    assert_true(r.predictions[0].roi_ratio == -1);
    assert_true(isfinite(r.predictions[0].roi_high_ratio));
    assert_int_equal(r.predictions[0].risk, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(test_winners_and_losers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_campaign_without_revenue, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
