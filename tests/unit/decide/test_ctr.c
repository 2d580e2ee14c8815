/* Protects the model of click-through rates: that what was planted is found, that reasons multiply
 * up to the answer, that new and unknown things widen the interval, that scarce data fall back to
 * the tree, that the test is honest, and that odd input has defined answers. */
#include "decide_case.h"

#include "decide/ctr_int.h"
#include "learn/special.h"

enum { CHANNELS = 3, CAMPAIGNS = 6, ADS = 4, DEVICES = 3, AGES = 4, DAYS = 40 };

static const uint8_t channels[CHANNELS] = {WN_CHANNEL_FACEBOOK, WN_CHANNEL_TIKTOK,
                                           WN_CHANNEL_LINKEDIN};
static const char *const ages[AGES] = {"18-24", "25-34", "35-44", "45+"};

/* The hidden truth: log-odds. */
struct truth {
    double channel[CHANNELS], campaign[CHANNELS][CAMPAIGNS], ad[CHANNELS][CAMPAIGNS][ADS];
    double device[DEVICES], age[AGES];
};

static double truth_of(const struct truth *t, int c, int k, int ad, int device, int age)
{
    return wn_sigmoid(wn_logit(.02) + t->channel[c] + t->campaign[c][k] + t->ad[c][k][ad] +
                      t->device[device] + t->age[age]);
}

static void draw(struct fixture *f, struct truth *t)
{
    for (int c = 0; c < CHANNELS; c++) {
        t->channel[c] = .5 * (c - 1);
        for (int k = 0; k < CAMPAIGNS; k++) {
            t->campaign[c][k] = .3 * wn_rand_normal(&f->rand);
            for (int ad = 0; ad < ADS; ad++)
                t->ad[c][k][ad] = .15 * wn_rand_normal(&f->rand);
        }
    }
    for (int d = 0; d < DEVICES; d++)
        t->device[d] = .4 * (d - 1);
    for (int a = 0; a < AGES; a++)
        t->age[a] = .2 * (a - 1.5);
}

static void put(struct fixture *f, const struct wn_stat *ids, double impressions, double clicks)
{
    struct wn_why why = {0};
    struct wn_stat row = *ids;
    row.measures[WN_MEASURE_IMPRESSIONS] = (int64_t)impressions * WN_MICROS;
    row.measures[WN_MEASURE_CLICKS] = (int64_t)clicks * WN_MICROS;
    ok(wn_facts_tx_append(f->tx, &row, 1, &why), &why);
}

/* mean: impressions of a row. */
static void write_world(struct fixture *f, const struct truth *t, int n_days, double mean)
{
    int32_t age_ids[AGES];
    begin_rows(f);
    for (int a = 0; a < AGES; a++)
        age_ids[a] = add_name(f, WN_NAME_AGE, 0, ages[a]);
    for (int c = 0; c < CHANNELS; c++)
        for (int k = 0; k < CAMPAIGNS; k++) {
            char key[32];
            (void)snprintf(key, sizeof key, "camp-%d-%d", c, k);
            int32_t campaign = add_campaign(f, 0, key);
            int32_t group = add_name(f, WN_NAME_AD_GROUP, campaign, "Group");
            for (int ad = 0; ad < ADS; ad++) {
                char name[32];
                (void)snprintf(name, sizeof name, "Ad %d", ad);
                int32_t ad_id = add_name(f, WN_NAME_AD, group, name);
                for (int day = 0; day < n_days; day++)
                    for (int d = 0; d < DEVICES; d++)
                        for (int a = 0; a < AGES; a++) {
                            struct wn_stat ids = {.day = FIRST_DAY + day,
                                                  .account_id = f->accounts[0],
                                                  .campaign_id = campaign,
                                                  .ad_group_id = group,
                                                  .ad_id = ad_id,
                                                  .age_id = age_ids[a],
                                                  .channel = channels[c],
                                                  .device = (uint8_t)(d + 1),
                                                  .hour = WN_HOUR_NONE};
                            double n = (double)wn_rand_poisson(&f->rand, mean);
                            double p = truth_of(t, c, k, ad, d, a);
                            put(f, &ids, n, (double)wn_rand_binomial(&f->rand, (uint64_t)n, p));
                        }
            }
        }
    end_rows(f);
}

static struct wn_click_model *train(struct fixture *f)
{
    struct wn_why why = {0};
    struct wn_click_model *m = NULL;
    ok(wn_click_train(&f->book, &m, &why), &why);
    return m;
}

static struct wn_click_answer ask(const struct wn_click_model *m, const char *const *values)
{
    struct wn_click_question q = {.level = .8};
    struct wn_click_answer out;
    for (int f = 0; f < WN_CLICK_FIELDS; f++)
        if (values[f])
            q.values[f] = wn_str_of(values[f]);
    wn_click_predict(m, &q, &out);
    assert_true(isfinite(out.ctr) && out.low > 0 && out.low <= out.ctr && out.ctr <= out.high &&
                out.high < 1);
    /* The reasons multiply up. */
    double eta = wn_logit(out.base);
    for (size_t i = 0; i < out.n_reasons; i++) {
        eta += log(out.reasons[i].odds);
        assert_true(out.reasons[i].low <= out.reasons[i].odds &&
                    out.reasons[i].odds <= out.reasons[i].high);
    }
    assert_true(fabs(eta - wn_logit(out.ctr)) < 1e-9);
    return out;
}

static void test_nothing_stored(void **state)
{
    struct wn_click_model *m = train(*state);
    const struct wn_click_report *r = wn_click_report(m);
    assert_int_equal(r->method, WN_CLICK_NOTHING);
    assert_true(isnan(r->base_ratio) && isnan(r->test.log_loss) && r->n_drivers == 0);
    struct wn_click_question q = {.level = .8};
    struct wn_click_answer out;
    q.values[WN_CLICK_CHANNEL] = WN_STR("facebook");
    wn_click_predict(m, &q, &out);
    assert_true(isnan(out.ctr) && out.n_reasons == 0);
    wn_click_model_free(m);
    wn_click_model_free(NULL);
}

static void test_what_was_planted_is_found(void **state)
{
    struct fixture *f = *state;
    struct truth t;
    draw(f, &t);
    write_world(f, &t, DAYS, 400);
    struct wn_click_model *m = train(f);
    const struct wn_click_report *r = wn_click_report(m);
    assert_int_equal(r->method, WN_CLICK_EFFECTS);
    assert_int_equal(r->day_from, FIRST_DAY);
    assert_int_equal(r->day_to, FIRST_DAY + DAYS - 1);
    assert_int_equal(r->merged, 0);
    assert_true(r->dispersion < 1.2);

    /* Ten thousand cells' truth against the model, with the interval's coverage. */
    double covered = 0, n = 0, error = 0;
    for (int c = 0; c < CHANNELS; c++)
        for (int k = 0; k < CAMPAIGNS; k++)
            for (int ad = 0; ad < ADS; ad++)
                for (int d = 0; d < DEVICES; d++)
                    for (int a = 0; a < AGES; a++) {
                        char key[32], name[32];
                        const char *v[WN_CLICK_FIELDS] = {0};
                        (void)snprintf(key, sizeof key, "CAMP-%d-%d", c, k);
                        (void)snprintf(name, sizeof name, " ad %d ", ad);
                        v[WN_CLICK_CAMPAIGN] = key;
                        v[WN_CLICK_AD] = name;
                        v[WN_CLICK_DEVICE] = wn_devices[d + 1].label;
                        v[WN_CLICK_AGE] = ages[a];
                        struct wn_click_answer x = ask(m, v);
                        double p = truth_of(&t, c, k, ad, d, a);
                        covered += x.low <= p && p <= x.high;
                        error += fabs(log(x.ctr / p));
                        n += 1;
                    }
    assert_true(error / n < .08);
    assert_true(covered / n > .7 && covered / n < .9); /* ads share errors: not 864 draws */

    /* What is not stated is averaged over the impressions: nothing, and a channel alone. */
    const char *nothing[WN_CLICK_FIELDS] = {0}, *in[WN_CLICK_FIELDS] = {0};
    assert_true(fabs(log(ask(m, nothing).ctr / r->base_ratio)) < .03);
    for (size_t i = 0; i < r->n_drivers; i++)
        for (size_t l = 0; r->drivers[i].field == WN_CLICK_CHANNEL && l < CHANNELS; l++) {
            const struct wn_click_level *level = &r->drivers[i].levels[l];
            in[WN_CLICK_CHANNEL] = level->value.p;
            assert_true(fabs(log(ask(m, in).ctr / (level->clicks / level->impressions))) < .05);
        }

    /* Devices differ by e^0.4 and are found so; the strongest drivers stand first. */
    bool has_device = false;
    for (size_t i = 0; i < r->n_drivers; i++) {
        const struct wn_click_driver *x = &r->drivers[i];
        assert_true(i == 0 || x->importance <= r->drivers[i - 1].importance);
        if (x->field != WN_CLICK_DEVICE)
            continue;
        has_device = true;
        assert_int_equal(x->n_listed, DEVICES);
        for (size_t l = 0; l < x->n_listed; l++) {
            double planted =
                exp(.4 * (wn_code_by_name(wn_devices, wn_n_devices, x->levels[l].value)->code - 2));
            assert_true(fabs(log(x->levels[l].odds / planted)) < .12);
            assert_true(x->levels[l].low < x->levels[l].odds);
        }
    }
    assert_true(has_device);

    /* The newest days: better than the tree, that better than the mean; and calibrated. */
    const struct wn_click_test *test = &r->test;
    assert_int_equal(test->n_days, 6);
    assert_true(test->log_loss < test->log_loss_tree && test->log_loss_tree < test->log_loss_base);
    assert_true(fabs(test->ratio - 1) < .05 && test->ece < .003);
    assert_true(test->auc > .6 && test->auc < .9);
    assert_true(test->drift >= 0 && test->drift < .05);
    assert_int_equal(test->n_bins, WN_CLICK_BINS);
    double impressions = 0, clicks = 0;
    for (size_t b = 0; b < test->n_bins; b++) {
        assert_true(b == 0 || test->bins[b].predicted >= test->bins[b - 1].predicted);
        assert_true(test->bins[b].low <= test->bins[b].observed &&
                    test->bins[b].observed <= test->bins[b].high);
        impressions += test->bins[b].impressions;
        clicks += test->bins[b].clicks;
    }
    assert_true(fabs(impressions - test->impressions) < 1e-6 && fabs(clicks - test->clicks) < 1e-6);
    assert_string_equal(wn_click_badge(test, r->base_ratio), "good");

    wn_click_model_free(m);
}

static double width(const struct wn_click_answer *x)
{
    return log(x->high / x->low);
}

static void test_new_and_unknown_widen(void **state)
{
    struct fixture *f = *state;
    struct truth t;
    draw(f, &t);
    write_world(f, &t, 20, 300);
    struct wn_click_model *m = train(f);
    const char *known[WN_CLICK_FIELDS] = {[WN_CLICK_CAMPAIGN] = "camp-1-2", [WN_CLICK_AD] = "Ad 1"};
    const char *fresh[WN_CLICK_FIELDS] = {[WN_CLICK_CAMPAIGN] = "camp-1-2", [WN_CLICK_AD] = "Ad 9"};
    const char *new_campaign[WN_CLICK_FIELDS] = {
        [WN_CLICK_CHANNEL] = "TikTok", [WN_CLICK_CAMPAIGN] = "spring"};
    const char *elsewhere[WN_CLICK_FIELDS] = {
        [WN_CLICK_CHANNEL] = "tiktok", [WN_CLICK_CAMPAIGN] = "camp-0-0"};
    const char *device[WN_CLICK_FIELDS] = {[WN_CLICK_DEVICE] = "fridge"};
    const char *nothing[WN_CLICK_FIELDS] = {0};
    struct wn_click_answer a = ask(m, known), b = ask(m, fresh), c = ask(m, new_campaign);
    assert_true(width(&a) < width(&b) && width(&b) < width(&c));
    assert_int_equal(a.n_reasons, 4); /* channel and group follow */
    size_t n_given = 0;
    for (size_t i = 0; i < a.n_reasons; i++) {
        assert_true(a.reasons[i].is_known);
        n_given += a.reasons[i].is_given;
    }
    assert_int_equal(n_given, 2);
    for (size_t i = 0; i < b.n_reasons; i++)
        assert_int_equal(b.reasons[i].is_known, b.reasons[i].field != WN_CLICK_AD);
    struct wn_click_answer e = ask(m, elsewhere);
    assert_true(e.ctr == c.ctr && e.high == c.high); /* new to that channel */
    struct wn_click_answer none = ask(m, nothing), odd = ask(m, device);
    assert_true(none.ctr == none.base && odd.ctr == none.ctr && width(&odd) > width(&none));
    assert_int_equal(odd.n_reasons, 1);
    assert_false(odd.reasons[0].is_known);
    /* A wider level is a wider interval. */
    struct wn_click_question q = {.level = .95};
    struct wn_click_answer wide;
    wn_click_predict(m, &q, &wide);
    assert_true(wide.ctr == none.ctr && width(&wide) > width(&none));
    wn_click_model_free(m);
}

/* Of ads that do not exist yet: their truth is drawn as those were that were learnt from. */
static void test_the_interval_of_a_new_ad_holds(void **state)
{
    struct fixture *f = *state;
    struct truth t;
    draw(f, &t);
    write_world(f, &t, 20, 300);
    struct wn_click_model *m = train(f);
    double covered = 0, n = 0;
    for (int c = 0; c < CHANNELS; c++)
        for (int k = 0; k < CAMPAIGNS; k++) {
            char key[32];
            (void)snprintf(key, sizeof key, "camp-%d-%d", c, k);
            const char *v[WN_CLICK_FIELDS] = {
                [WN_CLICK_CAMPAIGN] = key, [WN_CLICK_DEVICE] = "mobile"};
            struct wn_click_answer x = ask(m, v);
            for (int i = 0; i < 50; i++) {
                double ad = .15 * wn_rand_normal(&f->rand), age = 0;
                for (int a = 0; a < AGES; a++)
                    age += t.age[a] / AGES; /* not stated: the average */
                double p = wn_sigmoid(wn_logit(.02) + t.channel[c] + t.campaign[c][k] + ad +
                                      t.device[1] + age);
                covered += x.low <= p && p <= x.high;
                n += 1;
            }
        }
    /* 80 %: the ads of 18 campaigns share their campaign's error. */
    assert_true(covered / n > .7 && covered / n < .9);
    wn_click_model_free(m);
}

/* One channel, one campaign, one group: not to name them names them, but not the ad. */
static void test_the_only_way_on_is_taken(void **state)
{
    struct fixture *f = *state;
    begin_rows(f);
    int32_t campaign = add_campaign(f, 0, "only");
    int32_t group = add_name(f, WN_NAME_AD_GROUP, campaign, "group");
    for (int ad = 0; ad < 8; ad++) {
        char name[16];
        (void)snprintf(name, sizeof name, "ad %d", ad);
        int32_t id = add_name(f, WN_NAME_AD, group, name);
        for (int day = 0; day < 10; day++) {
            struct wn_stat ids = {.day = FIRST_DAY + day,
                                  .account_id = f->accounts[0],
                                  .campaign_id = campaign,
                                  .ad_group_id = group,
                                  .ad_id = id,
                                  .channel = 1,
                                  .hour = WN_HOUR_NONE};
            put(f, &ids, 5000, 80 + 15 * ad);
        }
    }
    end_rows(f);
    struct wn_click_model *m = train(f);
    const char *nothing[WN_CLICK_FIELDS] = {0}, *in[WN_CLICK_FIELDS] = {0},
               *other[WN_CLICK_FIELDS] = {[WN_CLICK_CAMPAIGN] = "another"},
               *one[WN_CLICK_FIELDS] = {[WN_CLICK_AD] = "ad 3"};
    in[WN_CLICK_AD_GROUP] = "group";
    struct wn_click_answer a = ask(m, nothing), b = ask(m, in), c = ask(m, other), d = ask(m, one);
    assert_true(a.ctr == b.ctr && a.low == b.low && a.n_reasons == 3);
    assert_true(width(&d) < width(&a) && width(&a) < width(&c));
    for (size_t i = 0; i < c.n_reasons; i++)
        assert_int_equal(c.reasons[i].is_known, c.reasons[i].field != WN_CLICK_CAMPAIGN);
    wn_click_model_free(m);
}

static void test_ids_keys_and_names(void **state)
{
    struct fixture *f = *state;
    struct truth t;
    draw(f, &t);
    write_world(f, &t, 10, 200);
    struct wn_click_model *m = train(f);
    const struct wn_click_report *r = wn_click_report(m);
    for (size_t i = 0; i < r->n_drivers; i++)
        for (size_t l = 0; l < r->drivers[i].n_listed; l++) {
            /* What is listed can be asked with, and means itself. */
            const struct wn_click_level *level = &r->drivers[i].levels[l];
            struct wn_click_question q = {.level = .8};
            struct wn_click_answer x;
            bool found = false;
            q.values[r->drivers[i].field] = level->value;
            wn_click_predict(m, &q, &x);
            for (size_t k = 0; k < x.n_reasons; k++)
                if (x.reasons[k].field == r->drivers[i].field)
                    found =
                        x.reasons[k].is_known && fabs(x.reasons[k].odds / level->odds - 1) < 1e-12;
            assert_true(found);
        }
    /* What a platform calls a device is known; "all" is not stating it. */
    const char *app[WN_CLICK_FIELDS] = {[WN_CLICK_DEVICE] = "mobile_app"},
               *mobile[WN_CLICK_FIELDS] = {[WN_CLICK_DEVICE] = "Mobile"},
               *all[WN_CLICK_FIELDS] = {[WN_CLICK_GENDER] = "all"};
    assert_true(ask(m, app).ctr == ask(m, mobile).ctr && ask(m, all).n_reasons == 0);
    static const char *const mondays[] = {"monday", "MON", "1", " Monday "};
    struct wn_click_answer first = {0};
    for (size_t i = 0; i < WN_COUNT(mondays); i++) {
        const char *v[WN_CLICK_FIELDS] = {[WN_CLICK_WEEKDAY] = mondays[i]};
        struct wn_click_answer x = ask(m, v);
        assert_true(x.reasons[0].is_known && (i == 0 || x.ctr == first.ctr));
        first = x;
        assert_true(wn_click_value_is_possible(WN_CLICK_WEEKDAY, wn_str_of(mondays[i])));
    }
    assert_false(wn_click_value_is_possible(WN_CLICK_WEEKDAY, WN_STR("8")));
    assert_false(wn_click_value_is_possible(WN_CLICK_HOUR, WN_STR("24")));
    assert_true(wn_click_value_is_possible(WN_CLICK_HOUR, WN_STR("0")));
    wn_click_model_free(m);
}

static void test_scarce_data_use_the_tree(void **state)
{
    struct fixture *f = *state;
    begin_rows(f);
    int32_t a = add_campaign(f, 0, "a"), b = add_campaign(f, 0, "b");
    for (int day = 0; day < 10; day++)
        for (int d = 1; d <= 2; d++) {
            struct wn_stat ids = {.day = FIRST_DAY + day,
                                  .account_id = f->accounts[0],
                                  .campaign_id = day % 2 ? a : b,
                                  .channel = 1,
                                  .device = (uint8_t)d,
                                  .hour = WN_HOUR_NONE};
            put(f, &ids, 500, day % 2 ? 12 : 4);
        }
    end_rows(f);
    struct wn_click_model *m = train(f);
    const struct wn_click_report *r = wn_click_report(m);
    assert_true(r->is_scarce);
    assert_int_equal(r->method, WN_CLICK_TREE);
    assert_string_equal(wn_click_badge(&r->test, r->base_ratio), "untested");
    const char *in_a[WN_CLICK_FIELDS] = {[WN_CLICK_CAMPAIGN] = "a"},
               *in_b[WN_CLICK_FIELDS] = {[WN_CLICK_CAMPAIGN] = "b"};
    struct wn_click_answer x = ask(m, in_a), y = ask(m, in_b);
    assert_true(y.ctr > .008 && y.ctr < x.ctr && x.ctr < .024); /* between own rate and the mean */
    wn_click_model_free(m);
}

static void test_odd_rows(void **state)
{
    struct fixture *f = *state;
    begin_rows(f);
    const double counts[][2] = {{0, 0}, {0, 5}, {10, 20}, {1e9, 0}, {1e9, 1e9}, {1, 0}, {5e12, 1}};
    for (int day = 0; day < 30; day++)
        for (size_t i = 0; i < WN_COUNT(counts); i++) {
            struct wn_stat ids = {.day = FIRST_DAY + day,
                                  .account_id = f->accounts[0],
                                  .channel = (uint8_t)(200 + i), /* no channel of ours */
                                  .device = 99,
                                  .gender = 77,
                                  .hour = (int8_t)(i * 3)};
            put(f, &ids, counts[i][0], counts[i][1]);
        }
    end_rows(f);
    struct wn_click_model *m = train(f);
    const struct wn_click_report *r = wn_click_report(m);
    assert_int_not_equal(r->method, WN_CLICK_NOTHING);
    assert_true(isfinite(r->base_ratio) && isfinite(r->test.log_loss) && isfinite(r->test.ece));
    assert_true(isfinite(r->test.drift) && isfinite(r->test.ratio) && isfinite(r->dispersion));
    const char *v[WN_CLICK_FIELDS] = {[WN_CLICK_HOUR] = "6", [WN_CLICK_DEVICE] = "mobile"};
    (void)ask(m, v);
    wn_click_model_free(m);
}

/* Too many cells: fields are merged, and the sums stay. */
static void test_too_many_cells(void **state)
{
    struct fixture *f = *state;
    struct truth t;
    draw(f, &t);
    write_world(f, &t, 8, 100);
    struct click_days days = {FIRST_DAY, FIRST_DAY + 7, FIRST_DAY + 6, 2};
    double whole[2] = {0, 0};
    for (size_t n_max = 1 << 14; n_max >= 1; n_max /= 4) {
        struct wn_why why = {0};
        struct click_cells cells;
        double impressions = 0, clicks = 0;
        wn_rc rc = click_gather(&f->book, &days, n_max, &f->a, &cells, &why);
        if (n_max == 1) {
            assert_int_equal(rc, WN_LIMIT); /* three channels are never merged */
            break;
        }
        ok(rc, &why);
        assert_true(cells.n <= n_max && cells.n > 0);
        for (size_t i = 0; i < cells.n; i++) {
            impressions += cells.cells[i].impressions[0] + cells.cells[i].impressions[1];
            clicks += cells.cells[i].clicks[0] + cells.cells[i].clicks[1];
        }
        assert_true((cells.merged == 0) == (n_max == 1 << 14));
        assert_true(whole[0] == 0 || (impressions == whole[0] && clicks == whole[1]));
        whole[0] = impressions;
        whole[1] = clicks;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_planted_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_and_unknown_widen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_interval_of_a_new_ad_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_only_way_on_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ids_keys_and_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scarce_data_use_the_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_odd_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_cells, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
