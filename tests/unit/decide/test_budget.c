/* Protects budgets: that money goes where the next unit returns more, adds up to the micro, stays
 * within the bounds that people set, names a bound that cannot be met, and is the same for the same
 * question. */
#include "decide_case.h"

#include "decide/budget.h"

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\nleak:libpango\n";
}

/* "steep" is far from saturated, "flat" is saturated; spends move, so that both are learnt. */
static void fill(struct fixture *f)
{
    begin_rows(f);
    int32_t steep = add_campaign(f, 0, "steep"), flat = add_campaign(f, 0, "flat");
    int32_t stopped = add_campaign(f, 0, "stopped");
    for (int d = 0; d < 120; d++) {
        double x = 100 * (1 + 0.5 * sin(d * 0.7)), y = 100 * (1 + 0.5 * cos(d * 0.9));
        add_row(f, (struct day_row){.campaign_id = steep,
                                    .channel = WN_CHANNEL_FACEBOOK,
                                    .day = d,
                                    .spend = x,
                                    .revenue = 4 * x * noise(f, 0.05),
                                    .conversions = 8,
                                    .clicks = 50});
        add_row(f, (struct day_row){.campaign_id = flat,
                                    .channel = WN_CHANNEL_TIKTOK,
                                    .day = d,
                                    .spend = y,
                                    .revenue = 260 * y / (y + 15) * noise(f, 0.05),
                                    .conversions = 5,
                                    .clicks = 50});
        if (d < 60)
            add_row(f, (struct day_row){.campaign_id = stopped,
                                        .channel = WN_CHANNEL_VK,
                                        .day = d,
                                        .spend = 30,
                                        .revenue = 30});
    }
    end_rows(f);
}

static struct wn_budget_curves *fit(struct fixture *f, wn_daily_by by)
{
    struct wn_why why = {0};
    struct wn_facts_version version;
    struct wn_budget_curves *c = NULL;
    struct wn_budget_range range = {.by = by};
    ok(wn_daily_version(&f->book, &f->a, &version, &why), &why);
    ok(wn_budget_fit(&f->book, &range, &version, &c, &why), &why);
    return c;
}

static const struct wn_budget_row *row_of(const struct wn_budget_plan *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (wn_str_eq(p->rows[i].entity->name, wn_str_of(name)))
            return &p->rows[i];
    fail_msg("no row of %s", name);
    return NULL;
}

static int64_t sum_of(const struct wn_budget_plan *p)
{
    int64_t sum = 0;
    for (size_t i = 0; i < p->n; i++)
        sum += p->rows[i].allocation.budget_micros;
    return sum;
}

static const struct wn_budget_request plain = {.channel = -1, .max_change_ratio = 0.3};

static void test_money_goes_where_it_returns_more(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_budget_plan p, again;
    fill(f);
    struct wn_budget_curves *c = fit(f, WN_DAILY_CAMPAIGN);
    assert_int_equal(c->daily.n, 3);
    assert_int_equal(c->completeness.n_immature_days, 0);
    ok(wn_budget_plan(c, &plain, &f->a, &p, &why), &why);
    assert_int_equal(p.n, 2); /* what spends nothing takes no part by itself */
    assert_int_equal(sum_of(&p), p.current_micros);
    const struct wn_allocate_row *steep = &row_of(&p, "steep")->allocation;
    const struct wn_allocate_row *flat = &row_of(&p, "flat")->allocation;
    assert_true(steep->budget_micros > steep->current_micros);
    assert_true(flat->budget_micros < flat->current_micros);
    assert_true((double)steep->budget_micros <= 1.3 * (double)steep->current_micros + 1);
    assert_true(p.allocation.expected > p.allocation.expected_now);
    assert_true(p.allocation.gain_mean > 0 && p.allocation.gain_probability > 0.7);
    assert_false(p.allocation.is_unchanged);
    ok(wn_budget_plan(c, &plain, &f->a, &again, &why), &why);
    assert_int_equal(again.rows[0].allocation.budget_micros, p.rows[0].allocation.budget_micros);
    assert_true(again.allocation.gain_mean == p.allocation.gain_mean);
    wn_budget_curves_free(c);
}

static void test_bounds_hold(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_budget_plan p;
    fill(f);
    struct wn_budget_curves *c = fit(f, WN_DAILY_CHANNEL);
    struct wn_budget_limit max = {WN_STR("facebook"), 110 * WN_MICROS, "/constraints/max/facebook"};
    struct wn_budget_limit fixed = {WN_STR("tiktok"), 80 * WN_MICROS, "/constraints/fixed/tiktok"};
    struct wn_budget_request r = plain;
    r.max = &max;
    r.n_max = 1;
    r.has_total = true;
    r.total_micros = 250 * WN_MICROS;
    ok(wn_budget_plan(c, &r, &f->a, &p, &why), &why);
    assert_true(row_of(&p, "Facebook")->allocation.budget_micros <= 110 * WN_MICROS);
    assert_true(sum_of(&p) <= 250 * WN_MICROS);
    r.fixed = &fixed;
    r.n_fixed = 1;
    ok(wn_budget_plan(c, &r, &f->a, &p, &why), &why);
    assert_int_equal(row_of(&p, "TikTok")->allocation.budget_micros, 80 * WN_MICROS);
    /* A change that nobody asked for gives way to the total. */
    r = plain;
    r.is_default_change = true;
    r.has_total = true;
    r.total_micros = 20 * WN_MICROS;
    ok(wn_budget_plan(c, &r, &f->a, &p, &why), &why);
    assert_true(sum_of(&p) <= 20 * WN_MICROS);
    wn_budget_curves_free(c);
}

static void refuse(struct fixture *f, const struct wn_budget_curves *c,
                   const struct wn_budget_request *r, const char *field)
{
    struct wn_why why = {0};
    struct wn_budget_plan p;
    assert_int_equal(wn_budget_plan(c, r, &f->a, &p, &why), WN_INVALID);
    assert_string_equal(why.field, field);
}

static void test_what_cannot_be_is_named(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct wn_budget_curves *c = fit(f, WN_DAILY_CAMPAIGN);
    struct wn_budget_choice choices[] = {{.id = WN_STR("steep")}, {.id = WN_STR("nobody")}};
    struct wn_budget_limit min = {WN_STR("nobody"), 1, "/constraints/min/nobody"};
    struct wn_budget_limit idle = {WN_STR("stopped"), 1, "/constraints/min/stopped"};
    struct wn_budget_request r = plain;
    r.choices = choices;
    r.n_choices = 2;
    refuse(f, c, &r, "/campaigns/1/campaign_id");
    choices[1].id = WN_STR("steep");
    refuse(f, c, &r, "/campaigns/1/campaign_id");
    r = plain;
    r.min = &min;
    r.n_min = 1;
    refuse(f, c, &r, "/constraints/min/nobody");
    r.min = &idle;
    refuse(f, c, &r, "/constraints/min/stopped");
    r = plain; /* asked for, so it stands, and the total is at fault */
    r.has_total = true;
    r.total_micros = 1;
    refuse(f, c, &r, "/total_budget");
    wn_budget_curves_free(c);
}

static void test_nothing_to_divide(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_budget_plan p;
    struct wn_buf png;
    struct wn_budget_picture picture = {.currency = WN_STR("USD")};
    struct wn_budget_curves *c = fit(f, WN_DAILY_CHANNEL);
    ok(wn_budget_plan(c, &plain, &f->a, &p, &why), &why);
    assert_int_equal(p.n, 0);
    assert_true(p.allocation.is_unchanged);
    assert_true(p.why.n > 0);
    wn_buf_init(&png, 1 << 24);
    ok(wn_budget_png(c, &p, &picture, &f->a, &png, &why), &why);
    assert_true(png.n > 1000);
    wn_buf_deinit(&png);
    wn_budget_curves_free(c);
}

static void test_a_spend_that_never_moved_is_said(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_budget_plan p;
    begin_rows(f);
    int32_t a = add_campaign(f, 0, "a"), b = add_campaign(f, 0, "b");
    for (int d = 0; d < 60; d++) {
        add_row(f, (struct day_row){.campaign_id = a,
                                    .channel = 1,
                                    .day = d,
                                    .spend = 50,
                                    .revenue = 100 * noise(f, 0.2)});
        add_row(f, (struct day_row){.campaign_id = b,
                                    .channel = 1,
                                    .day = d,
                                    .spend = 70,
                                    .revenue = 120 * noise(f, 0.2)});
    }
    end_rows(f);
    struct wn_budget_curves *c = fit(f, WN_DAILY_CAMPAIGN);
    ok(wn_budget_plan(c, &plain, &f->a, &p, &why), &why);
    assert_false(p.rows[0].curve->is_identified);
    assert_true(p.has_probe);
    assert_non_null(strstr(p.why.p, "hardly ever moved"));
    wn_budget_curves_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_money_goes_where_it_returns_more, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_to_divide, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_spend_that_never_moved_is_said, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
