/* Protects the simulated market: that it can be replayed, that its numbers are consistent with each
 * other and with the truth it was drawn from, and that what it promises to contain (weeks, delay,
 * saturation) is in the rows. */
#include "sandbox/market.h"

#include "sandbox/market_int.h"

#include "core/date.h"
#include "core/num.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct wn_market_options usual = {.seed = 42,
                                               .n_channels = 6,
                                               .n_campaigns = 60,
                                               .n_ads_per_group_max = 3,
                                               .day_from = 20680,
                                               .n_days = 90};

struct totals {
    double impressions, clicks, conversions, spend, revenue;
};

struct run {
    struct wn_market *m;
    struct wn_arena a;
    struct wn_market_row *rows; /* of all days, one after the other */
    size_t n_rows;
};

/* budgets: [n_campaigns], the same every day, or NULL. */
static struct run run_market(const struct wn_market_options *o, const double *budgets)
{
    struct run run = {0};
    struct wn_why why = {0};
    wn_arena_init(&run.a, 0);
    assert_int_equal(wn_market_new(o, &run.m, &why), WN_OK);
    size_t max = 2000000;
    run.rows = WN_ARENA_ARRAY(&run.a, max, struct wn_market_row);
    assert_non_null(run.rows);
    for (int d = 0; d < o->n_days; d++) {
        struct wn_arena a;
        struct wn_market_row *rows;
        size_t n;
        wn_arena_init(&a, 0);
        assert_int_equal(wn_market_next_day(run.m, budgets, &a, &rows, &n, &why), WN_OK);
        assert_true(run.n_rows + n <= max);
        if (n)
            memcpy(run.rows + run.n_rows, rows, n * sizeof *rows);
        run.n_rows += n;
        wn_arena_deinit(&a);
    }
    struct wn_market_row *rows;
    size_t n;
    assert_int_equal(wn_market_next_day(run.m, budgets, &run.a, &rows, &n, NULL), WN_NOT_FOUND);
    return run;
}

static void end_run(struct run *run)
{
    wn_market_free(run->m);
    wn_arena_deinit(&run->a);
}

static void add(struct totals *t, const struct wn_market_row *r)
{
    t->impressions += (double)r->impressions_micros / 1e6;
    t->clicks += (double)r->clicks_micros / 1e6;
    t->conversions += (double)r->conversions_micros / 1e6;
    t->spend += (double)r->spend_micros / 1e6;
    t->revenue += (double)r->revenue_micros / 1e6;
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    struct run a = run_market(&usual, NULL), b = run_market(&usual, NULL);
    struct wn_market_options other = usual;
    other.seed = 43;
    struct run c = run_market(&other, NULL);
    assert_int_equal(a.n_rows, b.n_rows);
    assert_memory_equal(a.rows, b.rows, a.n_rows * sizeof *a.rows);
    assert_true(a.n_rows != c.n_rows || memcmp(a.rows, c.rows, a.n_rows * sizeof *a.rows) != 0);
    end_run(&a);
    end_run(&b);
    end_run(&c);
}

static void size_of_the_sample(void **state)
{
    (void)state;
    struct run run = run_market(&usual, NULL);
    assert_in_range(run.n_rows, 15000, 45000);
    bool seen[8] = {false};
    for (size_t i = 0; i < wn_market_n_campaigns(run.m); i++)
        seen[wn_market_campaign(run.m, i)->channel] = true;
    for (int c = 0; c < 6; c++)
        assert_true(seen[c]);
    assert_false(seen[6]);
    end_run(&run);
}

static void rows_agree_with_themselves(void **state)
{
    (void)state;
    struct run run = run_market(&usual, NULL);
    for (size_t i = 0; i < run.n_rows; i++) {
        const struct wn_market_row *r = &run.rows[i];
        const struct wn_market_campaign *t = wn_market_campaign(run.m, r->campaign);
        int offset = r->day - usual.day_from;
        assert_true(offset >= t->start_day_offset && offset <= t->end_day_offset);
        assert_in_range(r->ad, 0, t->n_ads - 1);
        assert_in_range(wn_market_ad_group_of(run.m, r->campaign, r->ad), 0, t->n_ad_groups - 1);
        assert_in_range(r->device, 1, 3);
        assert_true(r->spend_micros > 0 && r->spend_micros % 10000 == 0);
        assert_true(r->revenue_micros >= 0 && r->revenue_micros % 10000 == 0);
        assert_true(r->impressions_micros >= WN_MICROS && r->impressions_micros % WN_MICROS == 0);
        assert_true(r->clicks_micros % WN_MICROS == 0 && r->reach_micros % WN_MICROS == 0);
        assert_true(r->reach_micros > 0 && r->reach_micros <= r->impressions_micros);
        assert_true(r->clicks_micros >= 0 && r->clicks_micros <= r->impressions_micros);
        assert_true(r->engagements_micros >= r->clicks_micros);
        assert_true(r->engagements_micros <= r->impressions_micros);
        assert_true(r->video_views_micros >= 0 && r->video_views_micros <= r->impressions_micros);
        assert_true(r->conversions_micros >= 0 && r->conversions_micros <= r->clicks_micros);
        assert_true(r->revenue_micros == 0 || r->conversions_micros > 0);
    }
    end_run(&run);
}

static void names_are_there_and_unique(void **state)
{
    (void)state;
    struct wn_market_options o = usual;
    o.n_campaigns = 400;
    struct wn_market *m;
    assert_int_equal(wn_market_new(&o, &m, NULL), WN_OK);
    for (size_t i = 0; i < wn_market_n_campaigns(m); i++) {
        const struct wn_market_campaign *a = wn_market_campaign(m, i);
        assert_true(a->name.n > 0 && wn_str_utf8_valid(a->name, NULL));
        for (size_t k = 0; k < i; k++) {
            const struct wn_market_campaign *b = wn_market_campaign(m, k);
            assert_false(a->channel == b->channel && wn_str_eq(a->name, b->name));
        }
        for (int k = 0; k < a->n_ads; k++) {
            assert_true(wn_market_ad_name(m, i, k).n > 0);
            for (int j = 0; j < k; j++)
                assert_false(wn_str_eq(wn_market_ad_name(m, i, k), wn_market_ad_name(m, i, j)));
        }
        for (int g = 0; g < a->n_ad_groups; g++)
            assert_true(wn_market_ad_group_name(m, i, g).n > 0);
    }
    wn_market_free(m);
}

/* Rates fall and rise with seasons, fatigue and price, but around what was drawn. */
static void measured_rates_are_near_the_drawn_ones(void **state)
{
    (void)state;
    struct wn_market_options o = usual;
    o.n_days = 365;
    struct run run = run_market(&o, NULL);
    struct totals sums[60] = {{0}};
    for (size_t i = 0; i < run.n_rows; i++)
        if (run.rows[i].day < o.day_from + 300) /* what came later is not complete */
            add(&sums[run.rows[i].campaign], &run.rows[i]);
    double ctr = 0, cvr = 0, cpm = 0;
    int n = 0;
    for (size_t i = 0; i < 60; i++) {
        const struct wn_market_campaign *t = wn_market_campaign(run.m, i);
        const struct totals *s = &sums[i];
        if (s->conversions < 400)
            continue;
        n++;
        double r_ctr = s->clicks / s->impressions / t->ctr_ratio;
        double r_cvr = s->conversions / s->clicks / t->cvr_ratio;
        double r_cpm = s->spend / s->impressions * 1000 / t->cpm;
        assert_true(r_ctr > .65 && r_ctr < 1.5);
        assert_true(r_cvr > .5 && r_cvr < 1.7);
        assert_true(r_cpm > .8 && r_cpm < 1.6);
        ctr += log(r_ctr);
        cvr += log(r_cvr);
        cpm += log(r_cpm);
    }
    assert_true(n >= 30);
    /* Over many campaigns fatigue, quality and devices cancel out; competitors only add to prices.
     */
    assert_true(fabs(ctr / n) < .06);
    assert_true(fabs(cvr / n) < .15);
    assert_true(cpm / n > -.03 && cpm / n < .25);
    end_run(&run);
}

static void channels_keep_their_ranges(void **state)
{
    (void)state;
    struct run run = run_market(&usual, NULL);
    struct totals sums[8] = {{0}}, all = {0}, per_campaign[60] = {{0}};
    for (size_t i = 0; i < run.n_rows; i++) {
        add(&sums[wn_market_campaign(run.m, run.rows[i].campaign)->channel], &run.rows[i]);
        add(&all, &run.rows[i]);
        add(&per_campaign[run.rows[i].campaign], &run.rows[i]);
    }
    for (int c = 0; c < 6; c++) {
        double ctr = sums[c].clicks / sums[c].impressions;
        double cpm = sums[c].spend / sums[c].impressions * 1000;
        assert_true(ctr > market_channels[c].ctr_ratio / 2.5 &&
                    ctr < market_channels[c].ctr_ratio * 2.5);
        assert_true(cpm > market_channels[c].cpm / 2 && cpm < market_channels[c].cpm * 2);
    }
    double roas = all.revenue / all.spend;
    assert_true(roas > 1.1 && roas < 3);
    double low = INFINITY, high = 0;
    for (int i = 0; i < 60; i++) {
        double r = per_campaign[i].revenue / per_campaign[i].spend;
        low = fmin(low, r);
        high = fmax(high, r);
        assert_true(r < 8);
    }
    assert_true(low < 1 && high > 2.5); /* there is something to decide */
    end_run(&run);
}

static void budget_is_kept_to_the_cent(void **state)
{
    (void)state;
    double budgets[60];
    for (int i = 0; i < 60; i++)
        budgets[i] = 7.77 * (i + 1);
    struct run run = run_market(&usual, budgets);
    static int64_t spent[60][90];
    memset(spent, 0, sizeof spent);
    for (size_t i = 0; i < run.n_rows; i++)
        spent[run.rows[i].campaign][run.rows[i].day - usual.day_from] += run.rows[i].spend_micros;
    for (int i = 0; i < 60; i++) {
        const struct wn_market_campaign *t = wn_market_campaign(run.m, (size_t)i);
        for (int d = 0; d < 90; d++) {
            int64_t micros;
            assert_true(wn_micros_from_f64(budgets[i], &micros));
            assert_true(spent[i][d] <= micros);
            if (d >= t->start_day_offset && d <= t->end_day_offset)
                assert_true(spent[i][d] > micros * 8 / 10);
            else
                assert_int_equal(spent[i][d], 0);
        }
    }
    end_run(&run);
}

static void no_budget_no_rows(void **state)
{
    (void)state;
    double budgets[60] = {0};
    struct run run = run_market(&usual, budgets);
    assert_int_equal(run.n_rows, 0);
    end_run(&run);
}

static void bad_budgets_and_options_are_named(void **state)
{
    (void)state;
    struct wn_market *m;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    assert_int_equal(wn_market_new(&usual, &m, NULL), WN_OK);
    const double bad[] = {-1, NAN, INFINITY};
    for (size_t i = 0; i < WN_COUNT(bad); i++) {
        double budgets[60] = {0};
        budgets[7] = bad[i];
        struct wn_market_row *rows = NULL;
        size_t n = 99;
        struct wn_why why = {0};
        assert_int_equal(wn_market_next_day(m, budgets, &a, &rows, &n, &why), WN_INVALID);
        assert_string_equal(why.field, "budgets");
        assert_non_null(strstr(why.text, "7"));
        assert_int_equal(n, 99);
    }
    wn_market_free(m);
    wn_arena_deinit(&a);

    struct wn_market_options options[5] = {usual, usual, usual, usual, usual};
    const char *const fields[] = {"n_channels", "n_campaigns", "n_ads_per_group_max", "n_days",
                                  "day_from"};
    options[0].n_channels = 9;
    options[1].n_campaigns = 0;
    options[2].n_ads_per_group_max = 0;
    options[3].n_days = -5;
    options[4].day_from = WN_DAY_MAX;
    for (size_t i = 0; i < WN_COUNT(options); i++) {
        struct wn_why why = {0};
        assert_int_equal(wn_market_new(&options[i], &m, &why), WN_INVALID);
        assert_string_equal(why.field, fields[i]);
    }
}

/* Other budgets for one campaign leave the others as they are: policies can be compared in pairs.
 */
static void campaigns_do_not_disturb_each_other(void **state)
{
    (void)state;
    double budgets[60];
    for (int i = 0; i < 60; i++)
        budgets[i] = 100;
    struct run a = run_market(&usual, budgets);
    budgets[3] = 350;
    struct run b = run_market(&usual, budgets);
    size_t k = 0, n_same = 0;
    for (size_t i = 0; i < a.n_rows; i++) {
        if (a.rows[i].campaign == 3)
            continue;
        while (k < b.n_rows && b.rows[k].campaign == 3)
            k++;
        assert_true(k < b.n_rows);
        assert_memory_equal(&a.rows[i], &b.rows[k], sizeof a.rows[i]);
        k++;
        n_same++;
    }
    assert_true(n_same > 1000);
    end_run(&a);
    end_run(&b);
}

static void returns_diminish(void **state)
{
    (void)state;
    struct wn_market_options o = usual;
    o.n_campaigns = 300;
    struct wn_market *m;
    assert_int_equal(wn_market_new(&o, &m, NULL), WN_OK);
    int curves[3] = {0};
    for (size_t i = 0; i < wn_market_n_campaigns(m); i++) {
        const struct wn_market_campaign *t = wn_market_campaign(m, i);
        curves[t->curve]++;
        double b = t->daily_budget, before = 0, slope_before = INFINITY;
        assert_true(wn_market_true_response(m, i, 0) == 0);
        for (int k = 1; k <= 60; k++) {
            double x = b * k / 10, y = wn_market_true_response(m, i, x);
            double slope = (y - before) / (b / 10);
            assert_true(isfinite(y) && y >= before); /* more money never earns less */
            bool concave = t->curve != WN_CURVE_HILL || t->hill_slope <= 1;
            if (concave)
                assert_true(slope <= slope_before * (1 + 1e-9));
            slope_before = slope;
            before = y;
        }
        double usual_return = wn_market_true_response(m, i, b) / b;
        double large_return = wn_market_true_response(m, i, 20 * b) / (20 * b);
        if (t->curve == WN_CURVE_LINEAR)
            assert_true(fabs(large_return / usual_return - 1) < 1e-9);
        else
            assert_true(large_return < .6 * usual_return);
        /* At its own budget a campaign earns what its rates say. */
        double roas = t->order_value * t->cvr_ratio * t->ctr_ratio * 1000 / t->cpm;
        assert_true(fabs(usual_return / (roas * t->incremental_ratio) - 1) < 1e-9);
    }
    /* Half, 30 % and 20 % of 300, within four standard errors. */
    assert_in_range(curves[WN_CURVE_AUDIENCE], 115, 185);
    assert_in_range(curves[WN_CURVE_HILL], 58, 122);
    assert_in_range(curves[WN_CURVE_LINEAR], 32, 88);
    wn_market_free(m);
}

/* What the simulation pays at a constant budget is what wn_market_true_response says. */
static void truth_is_what_the_rows_earn(void **state)
{
    (void)state;
    const double scales[] = {.5, 1, 2};
    double earned[3] = {0}, promised[3] = {0};
    for (size_t k = 0; k < WN_COUNT(scales); k++) {
        struct wn_market_options o = usual;
        o.n_days = 425; /* a year, and sixty days for orders to arrive */
        double budgets[60];
        struct wn_market *m;
        assert_int_equal(wn_market_new(&o, &m, NULL), WN_OK);
        for (size_t i = 0; i < 60; i++)
            budgets[i] = scales[k] * wn_market_campaign(m, i)->daily_budget;
        wn_market_free(m);
        struct run run = run_market(&o, budgets);
        for (size_t i = 0; i < run.n_rows; i++) {
            const struct wn_market_row *r = &run.rows[i];
            if (r->day < o.day_from + 365)
                earned[k] += (double)r->revenue_micros / 1e6 *
                             wn_market_campaign(run.m, r->campaign)->incremental_ratio;
        }
        for (size_t i = 0; i < 60; i++) {
            const struct wn_market_campaign *t = wn_market_campaign(run.m, i);
            int last = t->end_day_offset < 364 ? t->end_day_offset : 364;
            int n = last - t->start_day_offset + 1;
            promised[k] += (n > 0 ? n : 0) * wn_market_true_response(run.m, i, budgets[i]);
        }
        end_run(&run);
        /* Competitors' jumps, unspent pennies and outages cost about a tenth on average. */
        assert_true(earned[k] / promised[k] > .75 && earned[k] / promised[k] < 1.1);
    }
    /* The shape is the same: doubling the money pays what the curve says it does. */
    double measured = earned[2] / earned[0], expected = promised[2] / promised[0];
    assert_true(fabs(measured / expected - 1) < .05);
    assert_true(expected < 3.6); /* four times the money earns clearly less than four times */
}

/* The quantiles that the delay was drawn for, computed here by adding up the hours of the day. */
static void delay_has_its_quantiles(void **state)
{
    (void)state;
    assert_true(market_arrived_ratio(1000, 1) > .999999);
    double before = 0;
    for (int age = 0; age < 120; age++) {
        double now = market_arrived_ratio(age, 1);
        assert_true(now >= before && now <= 1);
        double sum = 0; /* clicks spread evenly over the day that ended `age` days ago */
        for (int k = 0; k < 2400; k++) {
            double t = age + (k + .5) / 2400;
            sum += 1 - .36 * exp(-t * 72) - .15 * exp(-t * 1.2) - .36 * exp(-t / 7) -
                   .13 * exp(-t / 25);
        }
        assert_true(fabs(now - sum / 2400) < 1e-4);
        before = now;
    }
    assert_true(market_arrived_ratio(0, 1) > .38 && market_arrived_ratio(0, 1) < .50);
    assert_true(1 - market_arrived_ratio(13.5, 1) > .08 && 1 - market_arrived_ratio(13.5, 1) < .14);
}

static void recent_days_are_incomplete(void **state)
{
    (void)state;
    struct wn_market_options o = usual;
    o.n_campaigns = 300;
    struct run run = run_market(&o, NULL);
    struct totals early = {0}, late = {0};
    for (size_t i = 0; i < run.n_rows; i++) {
        int offset = run.rows[i].day - o.day_from;
        if (offset >= 40 && offset < 54)
            add(&early, &run.rows[i]);
        else if (offset >= 87)
            add(&late, &run.rows[i]);
    }
    double ratio = (late.conversions / late.clicks) / (early.conversions / early.clicks);
    assert_true(ratio > .4 && ratio < .85);
    end_run(&run);
}

static void weeks_are_visible(void **state)
{
    (void)state;
    struct wn_market_options o = usual;
    o.n_days = 364;
    o.n_campaigns = 120;
    struct run run = run_market(&o, NULL);
    double spend[8][7] = {{0}};
    for (size_t i = 0; i < run.n_rows; i++)
        spend[wn_market_campaign(run.m, run.rows[i].campaign)->channel]
             [wn_weekday_of_day(run.rows[i].day)] += (double)run.rows[i].spend_micros / 1e6;
    int linkedin = 4;
    assert_string_equal(wn_market_channel_name(linkedin), "linkedin");
    for (int c = 0; c < 6; c++) {
        double low = INFINITY, high = 0;
        for (int d = 0; d < 7; d++) {
            low = fmin(low, spend[c][d]);
            high = fmax(high, spend[c][d]);
        }
        assert_true(high / low > 1.03); /* 52 weeks of each day: noise is far below one percent */
    }
    double working = 0, weekend = (spend[linkedin][5] + spend[linkedin][6]) / 2;
    for (int d = 0; d < 5; d++)
        working += spend[linkedin][d] / 5;
    assert_true(weekend < .8 * working);
    end_run(&run);
}

/* Creatives tire: what an ad earns in clicks falls between two renewals. */
static void creatives_tire(void **state)
{
    (void)state;
    struct wn_market *m;
    assert_int_equal(wn_market_new(&usual, &m, NULL), WN_OK);
    double log_median = 0;
    for (size_t i = 0; i < 60; i++) {
        const struct wn_market_campaign *t = wn_market_campaign(m, i);
        assert_true(t->fatigue_half_life_days >= 4 && t->fatigue_half_life_days <= 90);
        log_median += log(t->fatigue_half_life_days) / 60;
    }
    assert_true(exp(log_median) > 9 && exp(log_median) < 22); /* drawn around 14 */
    wn_market_free(m);

    struct run run = run_market(&usual, NULL);
    struct totals young = {0}, old = {0};
    for (size_t i = 0; i < run.n_rows; i++) {
        const struct wn_market_row *r = &run.rows[i];
        const struct market_ad *ad = &run.m->campaigns[r->campaign].ads[r->ad];
        int age = (r->day - usual.day_from - ad->start_day + ad->phase_days) % ad->refresh_days;
        if (age * 3 < ad->refresh_days)
            add(&young, r);
        else if (age * 3 >= ad->refresh_days * 2)
            add(&old, r);
    }
    /* Renewed after 0.8 to 1.8 half-lives: two thirds of that apart, 0.5 ^ (2/3 * 1.3) = 0.55. */
    double ratio = (old.clicks / old.impressions) / (young.clicks / young.impressions);
    assert_true(ratio > .4 && ratio < .75);
    end_run(&run);
}

static void many_sizes_work(void **state)
{
    (void)state;
    const struct wn_market_options sizes[] = {
        {.seed = 0,
         .n_channels = 1,
         .n_campaigns = 1,
         .n_ads_per_group_max = 1,
         .day_from = 56,
         .n_days = 1},
        {.seed = UINT64_MAX,
         .n_channels = 8,
         .n_campaigns = 3,
         .n_ads_per_group_max = 20,
         .day_from = 20000,
         .n_days = 2},
        {.seed = 5,
         .n_channels = 8,
         .n_campaigns = 2000,
         .n_ads_per_group_max = 2,
         .day_from = 20000,
         .n_days = 3},
    };
    for (size_t i = 0; i < WN_COUNT(sizes); i++) {
        struct run run = run_market(&sizes[i], NULL);
        assert_true(run.n_rows > 0);
        end_run(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(size_of_the_sample),
        cmocka_unit_test(rows_agree_with_themselves),
        cmocka_unit_test(names_are_there_and_unique),
        cmocka_unit_test(measured_rates_are_near_the_drawn_ones),
        cmocka_unit_test(channels_keep_their_ranges),
        cmocka_unit_test(budget_is_kept_to_the_cent),
        cmocka_unit_test(no_budget_no_rows),
        cmocka_unit_test(bad_budgets_and_options_are_named),
        cmocka_unit_test(campaigns_do_not_disturb_each_other),
        cmocka_unit_test(returns_diminish),
        cmocka_unit_test(truth_is_what_the_rows_earn),
        cmocka_unit_test(delay_has_its_quantiles),
        cmocka_unit_test(recent_days_are_incomplete),
        cmocka_unit_test(weeks_are_visible),
        cmocka_unit_test(creatives_tire),
        cmocka_unit_test(many_sizes_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
