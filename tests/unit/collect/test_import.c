/* Protects the import's rules: what a file says goes in to the micro, what it does not say is asked
 * for, and a file that is damaged or a run that fails leaves nothing behind. */
#include "import_case.h"

#include <math.h>

static struct wn_str data_file(const char *name)
{
    char path[1024];
    const char *dir = getenv("WN_TEST_DATA");
    snprintf(path, sizeof path, "%s/import/%s", dir ? dir : "tests/data", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    char *p = wn_arena_alloc(&arena, 1 << 16);
    size_t n = fread(p, 1, 1 << 16, f);
    fclose(f);
    return (struct wn_str){p, n};
}

static void import_file(const char *name)
{
    imports(data_file(name), name);
}

static struct wn_campaign *campaigns(size_t *n)
{
    struct wn_campaign *list = NULL;
    struct wn_campaign_filter any = {.channel = -1};
    assert_int_equal(wn_catalog_campaigns(stores.catalog, 1, &any, &arena, &list, n, NULL), WN_OK);
    return list;
}

static size_t n_accounts(void)
{
    struct wn_account *list = NULL;
    size_t n = 0;
    assert_int_equal(wn_catalog_accounts(stores.catalog, 1, &arena, &list, &n, NULL), WN_OK);
    return n;
}

/* ---- formats ---------------------------------------------------------------------------------- */

static void test_meta(void **state)
{
    (void)state;
    import_file("meta_campaigns.csv");
    assert_text(summary.format, "meta");
    assert_text(summary.currency, "EUR");
    assert_int_equal(summary.n_rows_read, 4);
    assert_int_equal(summary.n_rows_skipped, 1); /* the totals line without a name */
    assert_int_equal(summary.n_rows_imported, 3);
    assert_total(IMPRESSIONS, "3500");
    assert_total(CLICKS, "90");     /* all clicks before link clicks */
    assert_total(CONVERSIONS, "5"); /* purchases before results */
    assert_total(REVENUE, "250.5");
    assert_total(SPEND, "45.75");
    assert_total(REACH, "300");
    struct stored s = stored_rows();
    assert_int_equal(s.n, 3);
    for (size_t m = 0; m < WN_MEASURE_N; m++)
        assert_int_equal(s.sums[m], summary.totals[m]);
    size_t n_instagram = 0;
    for (size_t i = 0; i < s.n; i++) {
        n_instagram += s.rows[i].channel == WN_CHANNEL_INSTAGRAM;
        assert_int_equal(s.rows[i].hour, WN_HOUR_NONE);
    }
    assert_int_equal(n_instagram, 1);
    size_t n;
    struct wn_campaign *c = campaigns(&n);
    assert_int_equal(n, 2);
    assert_text(c[0].name, "Spring, sale");
    assert_text(c[1].status, "inactive");
    struct wn_tenant tenant;
    assert_int_equal(wn_catalog_tenant(stores.catalog, 1, &arena, &tenant, NULL), WN_OK);
    assert_text(tenant.currency, "EUR"); /* the first data decides */
}

static void test_meta_summary_is_data(void **state)
{
    (void)state;
    import_file("meta_summary.csv");
    assert_int_equal(summary.n_rows_imported, 1);
    assert_total(CONVERSIONS, "70");
    assert_true(has_problem("several days"));
    struct stored s = stored_rows();
    assert_int_equal(s.rows[0].day, day_of_text("2026-01-01"));
    assert_int_equal(s.rows[0].campaign_id, 0);
}

static void test_google(void **state)
{
    (void)state;
    import_file("google_campaigns.csv");
    assert_text(summary.format, "google_ads");
    assert_int_equal(summary.header_line, 3);
    assert_int_equal(summary.n_rows_skipped, 1);
    assert_total(IMPRESSIONS, "12445");
    assert_total(SPEND, "1239.56");
    assert_total(REVENUE, "9.99");
    assert_total(CONVERSIONS, "3.75");
    assert_int_equal(summary.day_from, day_of_text("2026-03-01"));
    assert_int_equal(summary.day_to, day_of_text("2026-03-01"));
    assert_true(has_problem("several days"));
    assert_int_equal(stored_rows().rows[0].channel, WN_CHANNEL_GOOGLE_ADS);
}

static void test_google_utf16(void **state)
{
    (void)state;
    struct wn_str ascii = data_file("google_campaigns.csv");
    char *wide = wn_arena_alloc(&arena, 2 * ascii.n + 2);
    memcpy(wide, "\xFF\xFE", 2);
    for (size_t i = 0; i < ascii.n; i++)
        wide[2 + 2 * i] = ascii.p[i];
    imports((struct wn_str){wide, 2 * ascii.n + 2}, "google.csv");
    assert_text(summary.encoding, "utf-16le");
    assert_total(SPEND, "1239.56");
}

static void test_google_card(void **state)
{
    (void)state;
    import_file("Devices(2026.02.05-2026.02.10).csv");
    assert_text(summary.format, "google_ads");
    assert_text(summary.currency, "USD");
    assert_total(SPEND, "1139.19");
    struct stored s = stored_rows();
    assert_int_equal(s.n, 3);
    assert_int_equal(s.rows[0].day, day_of_text("2026-02-05"));
    unsigned devices = 0;
    for (size_t i = 0; i < s.n; i++)
        devices |= 1u << s.rows[i].device;
    assert_int_equal(devices,
                     1u << WN_DEVICE_DESKTOP | 1u << WN_DEVICE_MOBILE | 1u << WN_DEVICE_TV);
}

static void test_weekdays_find_their_day(void **state)
{
    (void)state;
    struct wn_str text =
        WN_STR("Day,Start Hour,Impressions\nSunday,07,3\nTuesday,08,4\nWednesday,09,0\n");
    imports(text, "Day_and_hour(Day_Hour_2026.02.05-2026.02.10).csv");
    struct stored s = stored_rows();
    for (size_t i = 0; i < s.n; i++) {
        const char *day = s.rows[i].hour == 7   ? "2026-02-08"
                          : s.rows[i].hour == 8 ? "2026-02-10"
                                                : "2026-02-05";
        assert_int_equal(s.rows[i].day, day_of_text(day));
    }
    /* Without a range a weekday is no date. */
    assert_int_equal(run_text(text, "week.csv"), WN_INVALID);
    assert_string_equal(why.field, "day");
}

static void test_tiktok_hours(void **state)
{
    (void)state;
    import_file("tiktok_hourly.csv");
    assert_text(summary.format, "tiktok");
    assert_total(SPEND, "3.75");
    assert_total(VIDEO_VIEWS, "141");
    struct stored s = stored_rows();
    unsigned hours = 0;
    for (size_t i = 0; i < s.n; i++)
        hours |= 1u << s.rows[i].hour;
    assert_int_equal(hours, 1u << 5 | 1u << 17 | 1u << 0);
    assert_int_equal(s.rows[0].channel, WN_CHANNEL_TIKTOK);
}

static void test_linkedin_months(void **state)
{
    (void)state;
    import_file("linkedin.csv");
    assert_text(summary.format, "linkedin");
    assert_total(SPEND, "200.25"); /* the local currency, not both */
    assert_total(REVENUE, "120.5");
    assert_true(has_problem("several days"));
    assert_int_equal(summary.day_to, day_of_text("2026-02-01"));
    /* A later file by day replaces the whole month that the first row stood for. */
    imports(WN_STR("campaign_id,day,clicks,impressions,cost_in_local_currency\n"
                   "11,2026-01-20 00:00:00,5,50,10\n"),
            "linkedin.csv");
    struct stored s = stored_rows();
    assert_int_equal(s.sums[WN_MEASURE_SPEND], micros("210.25"));
    imports(WN_STR("campaign_id,month,clicks,impressions,cost_in_local_currency\n"
                   "11,2026-01,5,50,70\n"),
            "linkedin.csv");
    s = stored_rows();
    assert_int_equal(s.sums[WN_MEASURE_SPEND], micros("120.25"));
}

static void test_social(void **state)
{
    (void)state;
    import_file("social.csv");
    assert_text(summary.format, "kaggle_social");
    assert_total(SPEND, "1800");
    /* 500 * 6.79 + 1000 * 1.25 + 200 * 0.5 + 100 * 0.5 */
    assert_total(REVENUE, "4795");
    /* 506.5 * 0.15 + 100 * 0.1 + 33 * 0.05 + 50 * 0.06 */
    assert_total(CONVERSIONS, "90.625");
    size_t n;
    struct wn_campaign *c = campaigns(&n);
    assert_int_equal(n, 3); /* 500 on two channels is two campaigns */
    assert_text(c[0].key, "500");
    assert_text(c[1].key, "500");
    assert_int_equal(c[0].channel, WN_CHANNEL_FACEBOOK);
    assert_int_equal(c[1].channel, WN_CHANNEL_INSTAGRAM);
    assert_true(c[0].reported_roi_ratio == 5.79);
    assert_true(c[0].reported_conversion_rate_ratio == 0.15);
    assert_int_equal(c[0].duration_days, 15);
    assert_text(c[0].goal, "Brand Awareness");
    assert_text(c[0].target_audience, "Men 35-44");
    assert_text(c[0].location, "Miami");
    assert_text(c[0].company, "Aura");
    assert_true(c[0].engagement_score == 7);
    assert_int_equal(c[2].channel, WN_CHANNEL_TWITTER);
    assert_true(c[2].reported_roi_ratio == -0.5);
    assert_true(isnan(c[2].reported_conversion_rate_ratio)); /* its rows disagree */
}

static void test_kag_needs_a_day(void **state)
{
    (void)state;
    struct wn_str text = data_file("kag.csv");
    struct wn_import_options options = {.file_name = WN_STR("kag.csv")};
    inspect(text, &options);
    assert_true(summary.needs_day);
    assert_text(summary.format, "kaggle_kag");
    assert_int_equal(run_text(text, "kag.csv"), WN_INVALID);
    assert_string_equal(why.field, "day");
    assert_non_null(strstr(why.text, "--day"));
    assert_int_equal(n_accounts(), 0);
    struct bytes b = {.text = text};
    options.day = WN_STR("2017-08-17");
    assert_int_equal(run_bytes(&b, &options), WN_OK);
    assert_total(SPEND, "3.25");
    assert_total(CONVERSIONS, "1");
    assert_total(ENGAGEMENTS, "5");
    assert_int_equal(summary.day_from, day_of_text("2017-08-17"));
    struct stored s = stored_rows();
    assert_string_equal(name_of_id(s.rows[0].age_id)[0] == '3' ? "3" : "", "3");
    assert_int_equal(s.rows[0].channel, WN_CHANNEL_FACEBOOK);
    options.day = WN_STR("2017-8-17");
    assert_int_equal(run_bytes(&b, &options), WN_INVALID);
    assert_string_equal(why.field, "day");
}

static void test_german(void **state)
{
    (void)state;
    struct bytes b = {.text = data_file("german.csv")};
    struct wn_import_options options = {
        .file_name = WN_STR("german.csv"),
        .map = WN_STR("Kampagne=campaign,Datum=date,#3=impressions,Klicks=clicks,#5=spend")};
    assert_int_equal(run_bytes(&b, &options), WN_OK);
    assert_int_equal(summary.separator, ';');
    assert_total(IMPRESSIONS, "2233");
    assert_total(SPEND, "1235.25");
    assert_int_equal(summary.day_from, day_of_text("2026-01-05"));
}

/* ---- rules ------------------------------------------------------------------------------------ */

static void test_same_file_twice_changes_nothing(void **state)
{
    (void)state;
    import_file("meta_campaigns.csv");
    assert_int_equal(summary.state, WN_IMPORT_DONE);
    import_file("meta_campaigns.csv");
    assert_int_equal(summary.state, WN_IMPORT_UNCHANGED);
    assert_int_equal(summary.accounts[0].n_rows_replaced, 3);
    assert_int_equal(stored_rows().n, 3);
    struct wn_import_record *list = NULL;
    size_t n = 0;
    assert_int_equal(wn_catalog_imports(stores.catalog, 1, 10, &arena, &list, &n, NULL), WN_OK);
    assert_int_equal(n, 2);
    assert_int_equal(list[0].state, WN_IMPORT_UNCHANGED);
    assert_int_equal(list[1].state, WN_IMPORT_DONE);
    struct wn_json *json = NULL;
    assert_int_equal(wn_json_parse(&arena, list[1].summary_json, &json, NULL), WN_OK);
    int64_t rows = 0;
    assert_int_equal(wn_json_get_i64(json, "rows_imported", &rows, NULL), WN_OK);
    assert_int_equal(rows, 3);
}

static void test_days_are_replaced(void **state)
{
    (void)state;
    imports(WN_STR("date,campaign,clicks\n2026-01-01,A,1\n2026-01-02,A,2\n2026-01-03,A,4\n"),
            "a.csv");
    imports(WN_STR("date,campaign,clicks\n2026-01-01,A,8\n2026-01-03,B,16\n"), "a.csv");
    assert_int_equal(summary.accounts[0].n_rows_replaced, 2);
    struct stored s = stored_rows(); /* the second of January was not in the new file */
    assert_int_equal(s.n, 3);
    assert_int_equal(s.sums[WN_MEASURE_CLICKS], micros("26"));
    imports(WN_STR("date,campaign,clicks\n2026-01-01,A,8\n2026-01-03,B,16\n"), "other.csv");
    assert_int_equal(stored_rows().n, 5); /* another account */
}

static void test_accounts_by_column(void **state)
{
    (void)state;
    imports(WN_STR("account_id,account_name,date,campaign,clicks\n1,North,2026-01-01,A,1\n"
                   "2,South,2026-01-02,A,2\n1,North,2026-01-03,A,4\n"),
            "two.csv");
    assert_int_equal(summary.n_accounts, 2);
    assert_text(summary.accounts[0].name, "North");
    assert_int_equal(summary.accounts[0].n_rows, 2);
    size_t n;
    campaigns(&n);
    assert_int_equal(n, 2); /* A of the north is not A of the south */
    struct bytes b = {.text = WN_STR("account,date,clicks\nx,2026-01-01,1\ny,2026-01-01,1\n")};
    struct wn_import_options options = {.file_name = WN_STR("f.csv"), .account = WN_STR("Mine")};
    assert_int_equal(run_bytes(&b, &options), WN_OK);
    assert_int_equal(summary.n_accounts, 1);
    assert_text(summary.accounts[0].name, "Mine");
}

static void test_double_import_is_told(void **state)
{
    (void)state;
    import_file("meta_campaigns.csv");
    imports(data_file("meta_campaigns.csv"), "meta_campaigns (1).csv");
    assert_true(has_problem("count them twice"));
    assert_true(has_problem("--account"));
    assert_int_equal(summary.state, WN_IMPORT_DONE);
}

static void test_bad_rows_are_listed(void **state)
{
    (void)state;
    imports(WN_STR("date,campaign,impressions,clicks,device\n"
                   "2026-01-01,A,100,1,mobile\n"
                   "2026-02-30,A,100,1,mobile\n"
                   "2026-01-02,A,many,few,mobile\n"
                   "2026-01-03,A,100\n"
                   "2026-01-04,A,100,1,mobile,extra\n"
                   ",A,100,1,mobile\n"
                   "2026-01-05,A,-5,1,mobile\n"
                   "2026-01-06,A,--,1,toaster\n"
                   "\n"
                   "2026-01-07,A,100,1,mobile,,\n"),
            "bad.csv");
    assert_int_equal(summary.n_rows_read, 9);
    assert_int_equal(summary.n_rows_imported, 3);
    assert_int_equal(summary.n_errors, 6);
    assert_int_equal(summary.n_remarks, 1);
    assert_int_equal(summary.n_problems, 8); /* one row has two wrong cells */
    assert_int_equal(summary.problems[0].line, 3);
    assert_text(summary.problems[0].column, "date");
    assert_text(summary.problems[0].value, "2026-02-30");
    assert_int_equal(summary.problems[1].line, 4);
    assert_text(summary.problems[2].column, "clicks");
    assert_total(CLICKS, "3");
    assert_total(IMPRESSIONS, "200");
    assert_true(has_problem("device"));
    assert_non_null(strstr(summary.message.p, "CAUTION")); /* more than half */
}

static void test_nothing_understood(void **state)
{
    (void)state;
    assert_int_equal(run_text(WN_STR("date,clicks\nsoon,1\nlater,2\n"), "x.csv"), WN_INVALID);
    assert_non_null(strstr(why.text, "line 2"));
    assert_int_equal(n_accounts(), 0);
}

static void test_mixed_order_of_dates(void **state)
{
    (void)state;
    imports(WN_STR("date,clicks\n11/16/2024,1\n20/11/2024,1\n11/5/2024,1\n5/11/2024,1\n"), "m.csv");
    assert_int_equal(summary.day_from, day_of_text("2024-11-05"));
    assert_int_equal(summary.day_to, day_of_text("2024-11-20"));
    assert_true(has_problem("day/month and month/day"));
    assert_int_equal(summary.n_remarks, 1);
    imports(WN_STR("date,clicks\n1/16/2024,1\n20/11/2024,1\n5/6/2024,1\n"), "u.csv");
    assert_int_equal(summary.n_errors, 1);
    assert_true(has_problem("day and month"));
    imports(WN_STR("date,clicks\n3/4/2024,1\n"), "g.csv");
    assert_true(has_problem("month/day"));
}

/* What only shows behind the first 1000 rows still decides for all rows. */
static void test_late_evidence(void **state)
{
    (void)state;
    struct wn_buf b;
    wn_buf_init(&b, 1 << 20);
    wn_buf_append_z(&b, "date;campaign;clicks;spend\n");
    for (int i = 0; i < 3000; i++)
        wn_buf_printf(&b, "2026-01-01;C%d;1;1.234\n", i);
    wn_buf_append_z(&b, "2026-01-01;last;1;1.234,5\n");
    imports(wn_buf_str(&b), "late.csv");
    assert_total(SPEND, "3703234.5");
    assert_int_equal(summary.n_errors, 0);
    wn_buf_reset(&b);
    wn_buf_append_z(&b, "date,clicks\n");
    for (int i = 0; i < 2000; i++)
        wn_buf_printf(&b, "%d/%d/2026,1\n", 1 + i % 9, 1 + i % 12);
    wn_buf_append_z(&b, "25/12/2026,1\n");
    imports(wn_buf_str(&b), "dates.csv");
    assert_int_equal(summary.n_errors, 0);
    assert_int_equal(summary.day_from, day_of_text("2026-01-01"));
    assert_int_equal(summary.day_to, day_of_text("2026-12-25"));
    wn_buf_deinit(&b);
}

static void test_several_columns_for_one_field(void **state)
{
    (void)state;
    imports(WN_STR("date,clicks,clicks,Link clicks,Impr.\n2026-01-01,1,2,3,10\n"), "dup.csv");
    assert_total(CLICKS, "1");
    assert_text(summary.columns[1].field, "clicks");
    assert_text(summary.columns[2].field, "ignore");
    assert_true(has_problem("several columns have this header; column 2 is used"));
    struct bytes b = {.text = WN_STR("date,clicks,clicks\n2026-01-01,1,2\n")};
    struct wn_import_options options = {.file_name = WN_STR("d.csv"), .map = WN_STR("#3=clicks")};
    assert_int_equal(run_bytes(&b, &options), WN_OK);
    assert_total(CLICKS, "2");
    assert_int_equal(summary.n_remarks, 0);
    b.text = WN_STR("date,a,b\n2026-01-01,1,2\n");
    options.map = WN_STR("a=clicks,b=clicks");
    assert_int_equal(run_bytes(&b, &options), WN_OK);
    assert_total(CLICKS, "2");
    assert_true(has_problem("gives this column's field to a later one"));
    options.map = WN_STR("a=clicks,b=spend,#2=impressions,#3=clicks");
    assert_int_equal(run_bytes(&b, &options), WN_OK);
}

static void test_account_name_is_bounded(void **state)
{
    (void)state;
    static char name[1001];
    memset(name, 'x', sizeof name);
    struct bytes b = {.text = WN_STR("date,clicks\n2026-01-01,1\n")};
    struct wn_import_options options = {.account = {name, sizeof name}};
    assert_int_equal(run_bytes(&b, &options), WN_INVALID);
    assert_string_equal(why.field, "account");
    assert_non_null(strstr(why.text, "1000 bytes"));
    options.account.n = 1000;
    assert_int_equal(run_bytes(&b, &options), WN_OK);
}

static void test_dates_out_of_range(void **state)
{
    (void)state;
    imports(WN_STR("date,clicks\n1900-01-01,1\n2999-12-31,1\n2199-12-31,1\n1970-01-01,1\n"),
            "d.csv");
    assert_int_equal(summary.n_errors, 2);
    assert_int_equal(summary.n_rows_imported, 2);
    assert_true(has_problem("no date from 1970 to 2199"));
}

static void test_map_is_checked(void **state)
{
    (void)state;
    const struct {
        const char *map, *words;
    } cases[] = {
        {"nothere=clicks", "no column"},
        {"clicks=klicks", "no field"},
        {"clicks", "column=field"},
        {"#9=clicks", "no column"},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        struct bytes b = {.text = WN_STR("date,clicks\n2026-01-01,1\n")};
        struct wn_import_options options = {.map = wn_str_of(cases[i].map)};
        assert_int_equal(run_bytes(&b, &options), WN_INVALID);
        assert_string_equal(why.field, "map");
        assert_non_null(strstr(why.text, cases[i].words));
    }
    struct bytes b = {.text = WN_STR("date,clicks\n2026-01-01,1\n")};
    struct wn_import_options options = {.format = WN_STR("excel")};
    assert_int_equal(run_bytes(&b, &options), WN_INVALID);
    assert_string_equal(why.field, "format");
    options = (struct wn_import_options){.currency = WN_STR("euro")};
    assert_int_equal(run_bytes(&b, &options), WN_INVALID);
    assert_string_equal(why.field, "currency");
}

static void test_no_rows(void **state)
{
    (void)state;
    imports(WN_STR("Campaign name,Impressions,Amount spent (EUR)\n"), "empty.csv");
    assert_int_equal(summary.n_rows_read, 0);
    assert_non_null(strstr(summary.message.p, "no rows"));
    imports(WN_STR("Campaign report\nAll time\nCampaign status,Campaign,Budget name\n"), "e.csv");
    assert_int_equal(summary.n_rows_read, 0);
    assert_int_equal(n_accounts(), 0);
    assert_int_equal(stored_rows().n, 0);
}

static void test_no_measure(void **state)
{
    (void)state;
    struct wn_str text = WN_STR("id,name,updated_at\n1,x,2026-01-01\n");
    assert_int_equal(run_text(text, "history.csv"), WN_INVALID);
    assert_non_null(strstr(why.text, "no statistics columns"));
    assert_int_equal(
        run_text(WN_STR("ad_id,date,action_type,value\n1,2026-01-01,lead,2\n"), "a.csv"),
        WN_INVALID);
    assert_non_null(strstr(why.text, "action type"));
    struct wn_import_options options = {.file_name = WN_STR("history.csv")};
    inspect(text, &options); /* a person may map the columns */
    assert_int_equal(summary.n_columns, 3);
}

/* ---- damage and failure ----------------------------------------------------------------------- */

static void refuses(struct wn_str text, wn_rc rc, const char *words)
{
    assert_int_equal(run_text(text, "damaged.csv"), rc);
    if (!strstr(why.text, words))
        fail_msg("\"%s\" does not speak of \"%s\"", why.text, words);
    assert_int_equal(stored_rows().n, 0);
    assert_int_equal(n_accounts(), 0);
}

static void test_damaged_files(void **state)
{
    (void)state;
    refuses((struct wn_str){"PK\x03\x04\x14\0\0\0", 8}, WN_UNSUPPORTED, "zip");
    refuses(WN_STR("\x1F\x8B\x08xxxx"), WN_UNSUPPORTED, "gzip");
    refuses(WN_STR("%PDF-1.7\n"), WN_UNSUPPORTED, "PDF");
    refuses(WN_STR(""), WN_INVALID, "empty");
    refuses(WN_STR("date,clicks\n2026-01-01,1\n2026-01-02,\"2\n2026-01-03,4\n"), WN_INVALID,
            "quote");
    refuses(WN_STR("date,clicks\n2026-01-01,1\nK\xF6ln,1\n"), WN_INVALID, "UTF-8");
    refuses((struct wn_str){"date,clicks\n2026-01-01,\0\n", 24}, WN_INVALID, "NUL");
    refuses(WN_STR("date,campaign,clicks\n2026-01-01,A,1\n2026-01-0"), WN_INVALID, "cut off");
    refuses(WN_STR("1,2\n3,4\n"), WN_INVALID, "header");
    /* The same last line with its line end is a bad row of a file that is whole. */
    imports(WN_STR("date,campaign,clicks\n2026-01-01,A,1\n2026-01-0\n"), "short.csv");
    assert_int_equal(summary.n_errors, 1);
}

static void test_endless_line(void **state)
{
    (void)state;
    struct wn_buf b;
    wn_buf_init(&b, 8 << 20);
    wn_buf_append_z(&b, "date,clicks\n2026-01-01,1\n");
    while (b.n < (4 << 20))
        wn_buf_append_z(&b, "abcdefghijklmnopqrstuvwxyz012345");
    struct bytes source = {.text = wn_buf_str(&b)};
    struct wn_import_options options = {.file_name = WN_STR("long.csv")};
    assert_int_equal(run_bytes(&source, &options), WN_LIMIT);
    assert_int_equal(why.line, 3);
    assert_true(source.n_reads < 8); /* long before the end */
    wn_buf_deinit(&b);
}

static void test_failing_reads(void **state)
{
    (void)state;
    struct wn_buf text;
    wn_buf_init(&text, 4 << 20);
    wn_buf_append_z(&text, "date,campaign,clicks\n");
    for (int i = 0; i < 20000; i++)
        wn_buf_printf(&text, "2026-01-%02d,Campaign %d,1\n", 1 + i % 28, i % 100);
    struct wn_import_options options = {.file_name = WN_STR("f.csv")};
    int n = 1;
    for (;; n++) {
        struct bytes b = {.text = wn_buf_str(&text), .fails_at = n, .most = 50000};
        wn_rc rc = run_bytes(&b, &options);
        if (rc == WN_OK)
            break;
        assert_int_equal(rc, WN_IO);
        assert_string_equal(why.text, "the disk does not answer");
        assert_int_equal(stored_rows().n, 0);
        assert_int_equal(n_accounts(), 0);
    }
    assert_true(n > 10);
    assert_int_equal(stored_rows().n, 20000);
    wn_buf_deinit(&text);
}

static bool refuse_progress(void *context, uint64_t done, uint64_t total, uint64_t n_rows)
{
    int *n = context;
    (void)n_rows;
    assert_true(done <= total);
    return ++*n < 3;
}

static void test_cancel(void **state)
{
    (void)state;
    struct wn_buf text;
    wn_buf_init(&text, 4 << 20);
    wn_buf_append_z(&text, "date,campaign,clicks\n");
    for (int i = 0; i < 60000; i++)
        wn_buf_append_z(&text, "2026-01-01,Campaign,1\n");
    struct bytes b = {.text = wn_buf_str(&text)};
    struct wn_import_source source = {read_bytes, &b, b.text.n};
    struct wn_import_options options = {.file_name = WN_STR("c.csv")};
    int n = 0;
    why = (struct wn_why){0};
    assert_int_equal(
        wn_import_run(&stores, &source, &options, refuse_progress, &n, &arena, &summary, &why),
        WN_CANCELLED);
    assert_int_equal(stored_rows().n, 0);
    struct wn_import_record *list = NULL;
    size_t n_list = 0;
    assert_int_equal(wn_catalog_imports(stores.catalog, 1, 10, &arena, &list, &n_list, NULL),
                     WN_OK);
    assert_int_equal(n_list, 1);
    assert_int_equal(list[0].state, WN_IMPORT_FAILED);
    wn_buf_deinit(&text);
}

static void test_dry_run(void **state)
{
    (void)state;
    struct bytes b = {.text = data_file("meta_campaigns.csv")};
    struct wn_import_source source = {read_bytes, &b, b.text.n};
    struct wn_import_options options = {.file_name = WN_STR("d.csv"), .dry_run = true};
    struct wn_import_stores none = {.tenant_id = 1};
    assert_int_equal(wn_import_run(&none, &source, &options, NULL, NULL, &arena, &summary, &why),
                     WN_OK);
    assert_true(summary.dry_run);
    assert_int_equal(summary.import_id, 0);
    assert_total(SPEND, "45.75");
    assert_int_equal(stored_rows().n, 0);
}

static void test_inspect(void **state)
{
    (void)state;
    struct wn_import_options options = {.file_name = WN_STR("m.csv")};
    inspect(data_file("meta_campaigns.csv"), &options);
    assert_int_equal(summary.n_columns, 13);
    assert_text(summary.columns[0].header, "Campaign name");
    assert_text(summary.columns[0].field, "campaign");
    assert_text(summary.columns[0].samples[0], "Spring, sale");
    assert_int_equal(summary.n_preview_rows, 4);
    assert_text(summary.preview[13], "Spring, sale");
    assert_false(summary.needs_day);
    assert_total(SPEND, "45.75");
    struct wn_buf json;
    struct wn_json_writer w;
    wn_buf_init(&json, 1 << 20);
    wn_json_write_init(&w, &json, 0);
    wn_import_summary_json(&w, &summary);
    struct wn_json *parsed = NULL;
    assert_int_equal(wn_json_parse(&arena, wn_buf_str(&json), &parsed, &why), WN_OK);
    static const char *const keys[] = {
        "import_id",    "state",        "dry_run",  "needs_day", "file_name",
        "format",       "format_label", "encoding", "separator", "header_line",
        "currency",     "columns",      "preview",  "rows_read", "rows_imported",
        "rows_skipped", "errors",       "remarks",  "problems",  "day_from",
        "day_to",       "totals",       "accounts", "message",   "duration_ms"};
    for (size_t i = 0; i < WN_COUNT(keys); i++)
        if (!wn_json_get(parsed, keys[i]))
            fail_msg("the summary lacks %s", keys[i]);
    double spend = 0;
    assert_int_equal(wn_json_get_f64(wn_json_get(parsed, "totals"), "spend", &spend, NULL), WN_OK);
    assert_true(spend == 45.75);
    wn_buf_deinit(&json);
}

static void test_first_data_removes_the_sample(void **state)
{
    (void)state;
    struct wn_facts_tx *tx = NULL;
    struct wn_stat row = {.day = 20000, .channel = WN_CHANNEL_FACEBOOK, .hour = WN_HOUR_NONE};
    assert_int_equal(wn_facts_begin(stores.facts, 1, 0, 0, &tx, NULL), WN_OK);
    assert_int_equal(wn_facts_tx_name(tx, WN_NAME_ACCOUNT, 0, WN_STR("meta_campaigns"), WN_STR(""),
                                      &row.account_id, NULL),
                     WN_OK);
    assert_int_equal(wn_facts_tx_append(tx, &row, 1, NULL), WN_OK);
    assert_int_equal(wn_facts_commit(tx, NULL), WN_OK);
    struct wn_account account = {.tenant_id = 1,
                                 .account_id = row.account_id,
                                 .name = WN_STR("meta_campaigns"),
                                 .format = WN_STR("sample"),
                                 .currency = WN_STR("USD"),
                                 .is_sample = true};
    assert_int_equal(wn_catalog_put_account(stores.catalog, &account, NULL), WN_OK);
    /* A file that brings no rows leaves the sample alone; so does one that fails. */
    imports(WN_STR("date,clicks\n"), "none.csv");
    assert_int_equal(run_text(WN_STR("date,clicks\n2026-01-01,\"1\n"), "bad.csv"), WN_INVALID);
    assert_int_equal(stored_rows().n, 1);
    import_file("meta_campaigns.csv"); /* an account of the very same name */
    assert_non_null(strstr(summary.message.p, "sample"));
    assert_int_equal(stored_rows().n, 3);
    struct wn_account *list = NULL;
    size_t n = 0;
    assert_int_equal(wn_catalog_accounts(stores.catalog, 1, &arena, &list, &n, NULL), WN_OK);
    assert_int_equal(n, 1);
    assert_false(list[0].is_sample);
}

static void test_callers_record_is_finished(void **state)
{
    (void)state;
    struct wn_import_record record = {.tenant_id = 1, .file_name = WN_STR("r.csv")}, back;
    struct wn_import_options options = {.file_name = WN_STR("r.csv")};
    static const char *const texts[] = {"date,clicks\n2026-01-01,1\n",
                                        "date,clicks\n2026-01-01,\"1", "", "date,clicks\n"};
    static const wn_import_state states[] = {WN_IMPORT_DONE, WN_IMPORT_FAILED, WN_IMPORT_FAILED,
                                             WN_IMPORT_DONE};
    for (size_t i = 0; i < WN_COUNT(texts); i++) {
        assert_int_equal(wn_catalog_add_import(stores.catalog, &record, &options.import_id, NULL),
                         WN_OK);
        struct bytes b = {.text = wn_str_of(texts[i])};
        wn_rc rc = run_bytes(&b, &options);
        assert_int_equal(rc == WN_OK, states[i] == WN_IMPORT_DONE);
        assert_int_equal(
            wn_catalog_import(stores.catalog, 1, options.import_id, &arena, &back, NULL), WN_OK);
        assert_int_equal(back.state, states[i]);
    }
}

static void test_currency_is_told(void **state)
{
    (void)state;
    import_file("meta_campaigns.csv");   /* EUR */
    import_file("google_campaigns.csv"); /* GBP */
    assert_true(has_problem("without conversion"));
    imports(WN_STR("date,clicks,Cost,Currency code\n2026-01-01,1,2,USD\n2026-01-02,1,2,EUR\n"),
            "m.csv");
    assert_true(has_problem("nothing was converted"));
}

/* What stands in a currency column need not be one: it must not become the workspace's. */
static void test_currency_column_may_hold_anything(void **state)
{
    (void)state;
    struct wn_tenant tenant;
    imports(WN_STR("date,clicks,Cost,Currency code\n2026-01-01,1,2,N/A\n2026-01-02,1,2,GBP\n"),
            "n.csv");
    assert_text(summary.currency, "GBP");
    assert_int_equal(summary.n_remarks, 0);
    assert_int_equal(wn_catalog_tenant(stores.catalog, 1, &arena, &tenant, NULL), WN_OK);
    assert_text(tenant.currency, "GBP");
}

/* The days an option names hold for files without dates only. */
static void test_dates_of_rows_win(void **state)
{
    (void)state;
    struct bytes b = {.text = WN_STR("date,clicks\n2026-01-01,1\n")};
    struct wn_import_options options = {.file_name = WN_STR("a.csv"), .day = WN_STR("2020-01-01")};
    assert_int_equal(run_bytes(&b, &options), WN_OK);
    assert_int_equal(summary.day_from, day_of_text("2026-01-01"));
    assert_true(has_problem("the day was not used"));
    inspect(b.text, &options);
    assert_true(has_problem("the day was not used"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, open_stores, close_stores)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_meta),
        CASE(test_meta_summary_is_data),
        CASE(test_google),
        CASE(test_google_utf16),
        CASE(test_google_card),
        CASE(test_weekdays_find_their_day),
        CASE(test_tiktok_hours),
        CASE(test_linkedin_months),
        CASE(test_social),
        CASE(test_kag_needs_a_day),
        CASE(test_german),
        CASE(test_same_file_twice_changes_nothing),
        CASE(test_days_are_replaced),
        CASE(test_accounts_by_column),
        CASE(test_double_import_is_told),
        CASE(test_bad_rows_are_listed),
        CASE(test_nothing_understood),
        CASE(test_mixed_order_of_dates),
        CASE(test_late_evidence),
        CASE(test_several_columns_for_one_field),
        CASE(test_account_name_is_bounded),
        CASE(test_dates_out_of_range),
        CASE(test_map_is_checked),
        CASE(test_no_rows),
        CASE(test_no_measure),
        CASE(test_damaged_files),
        CASE(test_endless_line),
        CASE(test_failing_reads),
        CASE(test_cancel),
        CASE(test_dry_run),
        CASE(test_inspect),
        CASE(test_first_data_removes_the_sample),
        CASE(test_callers_record_is_finished),
        CASE(test_currency_is_told),
        CASE(test_currency_column_may_hold_anything),
        CASE(test_dates_of_rows_win),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
