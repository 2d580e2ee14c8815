/* Protects the import of real exports: every file of the shared data set goes in, into the embedded
 * stores, with totals equal to the micro to those computed independently; the same file again
 * changes nothing. Skips where the data set is absent.
 *
 * The numbers of the table were computed by a program in another language, with exact decimal
 * arithmetic, from columns chosen by hand for each file: each cell (and each product of the
 * social media set) rounded half up to millionths, then added. */
#include "import_case.h"

#include "io/clock.h"
#include "io/file.h"

#include <math.h>
#include <unistd.h>

static const struct {
    const char *path;
    const char *day;
    uint64_t n_rows;
    /* impressions, reach, clicks, engagements, video views, conversions, spend, revenue; micros */
    int64_t totals[WN_MEASURE_N];
} expected[] = {
    /* clang-format off */
    {"meta_ads_manager_exports/ctlptopurchase/TTUG-bulan-ini-ad-creative.csv", NULL, 11, {INT64_C(117997000000), INT64_C(64235000000), INT64_C(3317000000), 0, 0, 33000000, INT64_C(1175511000000), 0}},
    {"meta_ads_manager_exports/ctlptopurchase/TTUG-bulan-ini-age-gender.csv", NULL, 18, {INT64_C(117997000000), INT64_C(57358000000), INT64_C(3317000000), 0, 0, 33000000, INT64_C(1175511000000), 0}},
    {"meta_ads_manager_exports/ctlptopurchase/TTUG-bulan-ini-objective.csv", NULL, 1, {INT64_C(117997000000), INT64_C(56401000000), INT64_C(3317000000), 0, 0, 33000000, INT64_C(1175511000000), 0}},
    {"meta_ads_manager_exports/ctlptopurchase/TTUG-bulan-ini-platform-placement.csv", NULL, 14, {INT64_C(117997000000), INT64_C(65322000000), INT64_C(3317000000), 0, 0, 33000000, INT64_C(1175511000000), 0}},
    {"meta_ads_manager_exports/ctlptopurchase/TTUG-bulan-ini-region.csv", NULL, 34, {INT64_C(117997000000), INT64_C(57715000000), INT64_C(3317000000), 0, 0, 0, INT64_C(1175511000000), 0}},
    {"meta_ads_manager_exports/ctlptopurchase/TTUG-bulan-lalu-ad-creative.csv", NULL, 0, {0, 0, 0, 0, 0, 0, 0, 0}},
    {"meta_ads_manager_exports/ctlptopurchase/TTUG-bulan-lalu-age-gender.csv", NULL, 0, {0, 0, 0, 0, 0, 0, 0, 0}},
    {"meta_ads_manager_exports/ctlptopurchase/TTUG-bulan-lalu-objective.csv", NULL, 0, {0, 0, 0, 0, 0, 0, 0, 0}},
    {"meta_ads_manager_exports/ctlptopurchase/TTUG-bulan-lalu-platform-placement.csv", NULL, 0, {0, 0, 0, 0, 0, 0, 0, 0}},
    {"meta_ads_manager_exports/ctlptopurchase/TTUG-bulan-lalu-region.csv", NULL, 0, {0, 0, 0, 0, 0, 0, 0, 0}},
    {"meta_ads_manager_exports/ctlptowa-last-month/otc-ctlp-to-wa-bulan-lalu-ad-creative.csv", NULL, 13, {INT64_C(83401000000), 0, 1815000000, 0, 0, 0, INT64_C(1549273000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-last-month/otc-ctlp-to-wa-bulan-lalu-age.csv", NULL, 7, {INT64_C(83401000000), 0, 1815000000, 0, 0, 0, INT64_C(1549273000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-last-month/otc-ctlp-to-wa-bulan-lalu-gender.csv", NULL, 3, {INT64_C(83401000000), 0, 1815000000, 0, 0, 0, INT64_C(1549273000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-last-month/otc-ctlp-to-wa-bulan-lalu-objective.csv", NULL, 1, {INT64_C(83401000000), 0, 1815000000, 0, 0, 0, INT64_C(1549273000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-last-month/otc-ctlp-to-wa-bulan-lalu-placement.csv", NULL, 9, {INT64_C(83401000000), 0, 1815000000, 0, 0, 0, INT64_C(1549273000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-last-month/otc-ctlp-to-wa-bulan-lalu-platform.csv", NULL, 3, {INT64_C(83401000000), 0, 1815000000, 0, 0, 0, INT64_C(1549273000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-last-month/otc-ctlp-to-wa-bulan-lalu-region.csv", NULL, 4, {INT64_C(83401000000), 0, 1815000000, 0, 0, 0, INT64_C(1549273000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-last-month/otc-ctlp-to-wa-bulan-lalu.csv", NULL, 1, {INT64_C(83401000000), INT64_C(37061000000), INT64_C(3872000000), 0, 0, 219000000, INT64_C(1549273000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-this-month/otc-ctlp-to-wa-bulan-ini-ad-creative.csv", NULL, 13, {INT64_C(55028000000), 0, 1343000000, 0, 0, 0, INT64_C(1517300000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-this-month/otc-ctlp-to-wa-bulan-ini-age.csv", NULL, 6, {INT64_C(55028000000), 0, 1343000000, 0, 0, 0, INT64_C(1517300000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-this-month/otc-ctlp-to-wa-bulan-ini-gender.csv", NULL, 3, {INT64_C(55028000000), 0, 1343000000, 0, 0, 0, INT64_C(1517300000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-this-month/otc-ctlp-to-wa-bulan-ini-objective.csv", NULL, 1, {INT64_C(55028000000), 0, 1343000000, 0, 0, 0, INT64_C(1517300000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-this-month/otc-ctlp-to-wa-bulan-ini-placement.csv", NULL, 8, {INT64_C(55028000000), 0, 1343000000, 0, 0, 0, INT64_C(1517300000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-this-month/otc-ctlp-to-wa-bulan-ini-platform.csv", NULL, 2, {INT64_C(55028000000), 0, 1343000000, 0, 0, 0, INT64_C(1517300000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-this-month/otc-ctlp-to-wa-bulan-ini-region.csv", NULL, 3, {INT64_C(55028000000), 0, 1343000000, 0, 0, 0, INT64_C(1517300000000), 0}},
    {"meta_ads_manager_exports/ctlptowa-this-month/otc-ctlp-to-wa-bulan-ini.csv", NULL, 1, {INT64_C(55028000000), INT64_C(19464000000), INT64_C(3034000000), 0, 0, 217000000, INT64_C(1517300000000), 0}},
    {"meta_ads_manager_exports/ctwa-last-week/rmoda-autospa-kelapa-gading-bulan-lalu-ad-creative.csv", NULL, 12, {INT64_C(87138000000), 0, 233000000, 0, 0, 164000000, INT64_C(2528984000000), 0}},
    {"meta_ads_manager_exports/ctwa-last-week/rmoda-autospa-kelapa-gading-bulan-lalu-age.csv", NULL, 7, {INT64_C(56377000000), 0, 110000000, 0, 0, 136000000, INT64_C(1295147000000), 0}},
    {"meta_ads_manager_exports/ctwa-last-week/rmoda-autospa-kelapa-gading-bulan-lalu-gender.csv", NULL, 3, {INT64_C(87138000000), 0, 233000000, 0, 0, 164000000, INT64_C(2528984000000), 0}},
    {"meta_ads_manager_exports/ctwa-last-week/rmoda-autospa-kelapa-gading-bulan-lalu-main-report.csv", NULL, 7, {INT64_C(87138000000), INT64_C(54529000000), 1739000000, 0, 0, 164000000, INT64_C(2528984000000), 0}},
    {"meta_ads_manager_exports/ctwa-last-week/rmoda-autospa-kelapa-gading-bulan-lalu-objective.csv", NULL, 1, {INT64_C(87138000000), 0, 233000000, 0, 0, 164000000, INT64_C(2528984000000), 0}},
    {"meta_ads_manager_exports/ctwa-last-week/rmoda-autospa-kelapa-gading-bulan-lalu-placement.csv", NULL, 12, {INT64_C(87138000000), 0, 233000000, 0, 0, 164000000, INT64_C(2528984000000), 0}},
    {"meta_ads_manager_exports/ctwa-last-week/rmoda-autospa-kelapa-gading-bulan-lalu-platform.csv", NULL, 3, {INT64_C(87138000000), 0, 233000000, 0, 0, 164000000, INT64_C(2528984000000), 0}},
    {"meta_ads_manager_exports/ctwa-last-week/rmoda-autospa-kelapa-gading-bulan-lalu-region.csv", NULL, 3, {INT64_C(87138000000), 0, 233000000, 0, 0, 0, INT64_C(2528984000000), 0}},
    {"meta_ads_manager_exports/ctwa-this-week/rmoda-autospa-kelapa-gading-bulan-ini-ad-creative.csv", NULL, 6, {INT64_C(56377000000), 0, 110000000, 0, 0, 136000000, INT64_C(1295147000000), 0}},
    {"meta_ads_manager_exports/ctwa-this-week/rmoda-autospa-kelapa-gading-bulan-ini-age.csv", NULL, 7, {INT64_C(87138000000), 0, 233000000, 0, 0, 164000000, INT64_C(2528984000000), 0}},
    {"meta_ads_manager_exports/ctwa-this-week/rmoda-autospa-kelapa-gading-bulan-ini-gender.csv", NULL, 3, {INT64_C(56377000000), 0, 110000000, 0, 0, 136000000, INT64_C(1295147000000), 0}},
    {"meta_ads_manager_exports/ctwa-this-week/rmoda-autospa-kelapa-gading-bulan-ini-main-report.csv", NULL, 4, {INT64_C(56377000000), INT64_C(38065000000), 1148000000, 0, 0, 136000000, INT64_C(1295147000000), 0}},
    {"meta_ads_manager_exports/ctwa-this-week/rmoda-autospa-kelapa-gading-bulan-ini-objective.csv", NULL, 1, {INT64_C(56377000000), 0, 110000000, 0, 0, 136000000, INT64_C(1295147000000), 0}},
    {"meta_ads_manager_exports/ctwa-this-week/rmoda-autospa-kelapa-gading-bulan-ini-placement.csv", NULL, 11, {INT64_C(56377000000), 0, 110000000, 0, 0, 136000000, INT64_C(1295147000000), 0}},
    {"meta_ads_manager_exports/ctwa-this-week/rmoda-autospa-kelapa-gading-bulan-ini-platform.csv", NULL, 3, {INT64_C(56377000000), 0, 110000000, 0, 0, 136000000, INT64_C(1295147000000), 0}},
    {"meta_ads_manager_exports/ctwa-this-week/rmoda-autospa-kelapa-gading-bulan-ini-region.csv", NULL, 3, {INT64_C(56377000000), 0, 110000000, 0, 0, 0, INT64_C(1295147000000), 0}},
    {"meta_ads_manager_exports/vnd_campaign_daily.csv", NULL, 1313, {INT64_C(1055455000000), INT64_C(920684000000), INT64_C(9571000000), 0, 0, 0, INT64_C(58370666000000), 0}},
    {"google_ads_exports/campaign_report_empty.csv", NULL, 0, {0, 0, 0, 0, 0, 0, 0, 0}},
    {"google_ads_exports/campaign_report_eur_utf8.csv", NULL, 3, {0, 0, 0, 0, 0, 0, 0, 0}},
    {"google_ads_exports/campaign_report_gbp_utf16le.tsv.csv", NULL, 1, {INT64_C(9380000000), 0, 264000000, 0, 0, 25000000, 365220000, 841230000}},
    {"google_ads_exports/overview_cards/Day_and_hour(Day_2026.02.05-2026.02.10).csv", NULL, 7, {299000000, 0, 0, 0, 0, 0, 0, 0}},
    {"google_ads_exports/overview_cards/Day_and_hour(Day_Hour_2026.02.05-2026.02.10).csv", NULL, 168, {299000000, 0, 0, 0, 0, 0, 0, 0}},
    {"google_ads_exports/overview_cards/Day_and_hour(Hour_2026.02.05-2026.02.10).csv", NULL, 24, {299000000, 0, 0, 0, 0, 0, 0, 0}},
    {"google_ads_exports/overview_cards/Demographics(Age_2026.02.05-2026.02.10).csv", NULL, 6, {49000000, 0, 0, 0, 0, 0, 0, 0}},
    {"google_ads_exports/overview_cards/Demographics(Gender_2026.02.05-2026.02.10).csv", NULL, 2, {49000000, 0, 0, 0, 0, 0, 0, 0}},
    {"google_ads_exports/overview_cards/Demographics(Gender_Age_2026.02.05-2026.02.10).csv", NULL, 12, {49000000, 0, 0, 0, 0, 0, 0, 0}},
    {"google_ads_exports/overview_cards/Devices(2026.02.05-2026.02.10).csv", NULL, 4, {299000000, 0, 91000000, 0, 0, 0, 139670000, 0}},
    {"google_ads_exports/overview_cards/Locations(Geographic_Report_2026.02.05-2026.02.10).csv", NULL, 192, {108000000, 0, 0, 0, 0, 0, 0, 0}},
    {"google_ads_exports/overview_cards/Locations(Targeting_2026.02.05-2026.02.10).csv", NULL, 1, {299000000, 0, 0, 0, 0, 0, 0, 0}},
    {"google_ads_exports/overview_cards/Networks(2026.02.05-2026.02.10).csv", NULL, 2, {0, 0, 91000000, 0, 0, 0, 139670000, 0}},
    {"google_ads_exports/overview_cards/Search_keywords(2026.02.05-2026.02.10).csv", NULL, 44, {0, 0, 91000000, 0, 0, 0, 139670000, 0}},
    {"google_ads_exports/overview_cards/Searches(Search_2026.02.05-2026.02.10).csv", NULL, 40, {64000000, 0, 7000000, 0, 0, 0, 9720000, 0}},
    {"google_ads_exports/overview_cards/Searches(Word_2026.02.05-2026.02.10).csv", NULL, 30, {226000000, 0, 22000000, 0, 0, 0, 31840000, 0}},
    {"google_ads_exports/overview_cards/Time_series(2026.02.05-2026.02.10).csv", NULL, 6, {299000000, 0, 91000000, 0, 0, 0, 139670000, 0}},
    {"google_ads_messy/GoogleAds_DataAnalytics_Sales_Uncleaned.csv", NULL, 2600, {INT64_C(11516273000000), 0, INT64_C(345725000000), 0, 0, INT64_C(16467000000), INT64_C(538375260000), INT64_C(3688173000000)}},
    {"kag_facebook/KAG_conversion_data.csv", "2017-08-17", 1143, {INT64_C(213434828000000), 0, INT64_C(38165000000), INT64_C(3264000000), 0, 1079000000, INT64_C(58705229966), 0}},
    {"social_media_advertising/sample_part1.csv.xz", NULL, 14000, {INT64_C(1004015026264000), 0, INT64_C(369826212849200), 0, 0, INT64_C(85446588440568), INT64_C(111664025000000), INT64_C(1533315862443979)}},
    {"ad_platform_seeds/facebook_ads/facebook_ads_basic_ad_data.csv", NULL, 10, {INT64_C(37275000000), 0, 149000000, 0, 0, 0, 643630000, 0}},
    {"ad_platform_seeds/facebook_ads/facebook_ads_demographics_country_data.csv", NULL, 10, {INT64_C(15800000000), INT64_C(10610000000), 1290000000, 0, 0, 0, 489970000, 0}},
    {"ad_platform_seeds/facebook_ads/facebook_ads_demographics_region_data.csv", NULL, 10, {INT64_C(15500000000), INT64_C(10970000000), 1137000000, 0, 0, 0, 462750000, 0}},
    {"ad_platform_seeds/google_ads/account_stats_data.csv", NULL, 19, {INT64_C(1050214000000), 0, INT64_C(9742000000), 0, 0, 176000000, 1632333323, 0}},
    {"ad_platform_seeds/google_ads/ad_group_stats_data.csv", NULL, 15, {INT64_C(4483000000), 0, 620000000, 0, 0, 14483334, INT64_C(3156840000), 0}},
    {"ad_platform_seeds/google_ads/campaign_stats_data.csv", NULL, 16, {1854000000, 0, 280000000, 0, 0, 0, 231330000, 0}},
    {"ad_platform_seeds/google_ads/keyword_stats_data.csv", NULL, 15, {751000000, 0, 129000000, 0, 0, 1000000, 203990000, 0}},
    {"ad_platform_seeds/google_ads/ad_stats_data.csv", NULL, 10, {10000000, 0, 0, 0, 0, 0, 0, 0}},
    {"ad_platform_seeds/google_ads/search_term_keyword_stats_data.csv", NULL, 10, {INT64_C(3900000000), 0, 290000000, 0, 0, 21500000, 1220000, 998200000}},
    {"ad_platform_seeds/linkedin_ads/linkedin_ad_analytics_by_campaign_data.csv", NULL, 20, {1359000000, 1328000000, 919000000, 940000000, 0, 0, 530620000, 0}},
    {"ad_platform_seeds/linkedin_ads/linkedin_ad_analytics_by_creative_data.csv", NULL, 100, {INT64_C(13265000000), INT64_C(13264000000), 389000000, 389000000, 0, 0, 0, 0}},
    {"ad_platform_seeds/linkedin_ads/linkedin_monthly_ad_analytics_by_member_country_data.csv", NULL, 10, {INT64_C(13010000000), 0, 1195000000, 0, 0, 40000000, 1843000000, 1577500000}},
    {"ad_platform_seeds/linkedin_ads/linkedin_monthly_ad_analytics_by_member_region_data.csv", NULL, 10, {INT64_C(13250000000), 0, 1250000000, 0, 0, 50000000, 1915750000, 1635750000}},
    {"ad_platform_seeds/tiktok_ads/tiktok_ad_report_hourly_data.csv", NULL, 4, {69000000, 0, 2000000, 0, 79000000, 2000000, 2660000, 0}},
    {"ad_platform_seeds/tiktok_ads/tiktok_adgroup_report_hourly_data.csv", NULL, 4, {INT64_C(6502000000), 333000000, 69000000, 0, INT64_C(3888000000), 2000000, 50150000, 0}},
    {"ad_platform_seeds/tiktok_ads/tiktok_campaign_report_hourly_data.csv", NULL, 4, {INT64_C(34470000000), INT64_C(22417000000), 244000000, 0, INT64_C(254563000000), 2000000, 444792000, 0}},
    {"ad_platform_seeds/tiktok_ads/tiktok_campaign_country_report_data.csv", NULL, 10, {INT64_C(98200000000), 0, 2065000000, 0, 0, 659000000, 1486100000, 0}},
    /* clang-format on */
};

/* Tables of the warehouses that hold no statistics. */
static const char *const refused[] = {
    /* clang-format off */
    "ad_platform_seeds/facebook_ads/facebook_ads_account_history_data.csv",
    "ad_platform_seeds/facebook_ads/facebook_ads_ad_history_data.csv",
    "ad_platform_seeds/facebook_ads/facebook_ads_ad_set_history_data.csv",
    "ad_platform_seeds/facebook_ads/facebook_ads_basic_ad_action_values_data.csv",
    "ad_platform_seeds/facebook_ads/facebook_ads_basic_ad_actions_data.csv",
    "ad_platform_seeds/facebook_ads/facebook_ads_campaign_history_data.csv",
    "ad_platform_seeds/facebook_ads/facebook_ads_demographics_country_actions_data.csv",
    "ad_platform_seeds/facebook_ads/facebook_ads_demographics_region_actions_data.csv",
    "ad_platform_seeds/google_ads/account_history_data.csv",
    "ad_platform_seeds/google_ads/ad_group_criterion_history_data.csv",
    "ad_platform_seeds/google_ads/ad_group_history_data.csv",
    "ad_platform_seeds/google_ads/ad_history_data.csv",
    "ad_platform_seeds/google_ads/campaign_history_data.csv",
    "ad_platform_seeds/linkedin_ads/linkedin_account_history_data.csv",
    "ad_platform_seeds/linkedin_ads/linkedin_campaign_group_history_data.csv",
    "ad_platform_seeds/linkedin_ads/linkedin_campaign_history_data.csv",
    "ad_platform_seeds/linkedin_ads/linkedin_geo_data.csv",
    "ad_platform_seeds/tiktok_ads/tiktok_ad_history_data.csv",
    "ad_platform_seeds/tiktok_ads/tiktok_adgroup_history_data.csv",
    "ad_platform_seeds/tiktok_ads/tiktok_advertiser_data.csv",
    "ad_platform_seeds/tiktok_ads/tiktok_campaign_history_data.csv",
    /* clang-format on */
};

static char directory[] = "/tmp/winnow-import-XXXXXX";

static const char *root(void)
{
    const char *dir = getenv("WN_SHARED_DATA");
    if (!dir || access(dir, R_OK) != 0) {
        print_message("skipped: the shared data set is not here (WN_SHARED_DATA)\n");
        return NULL;
    }
    return dir;
}

static int open_embedded(void **state)
{
    (void)state;
    char url[128];
    struct wn_str note;
    struct wn_facts_options options = {.n_threads = 1};
    if (!root())
        return 0;
    wn_arena_init(&arena, 0);
    stores = (struct wn_import_stores){.tenant_id = 1, .now_ms = 1767225600000};
    snprintf(directory, sizeof directory, "/tmp/winnow-import-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(url, sizeof url, "duckdb:%s", directory);
    if (wn_facts_open(wn_str_of(url), &options, &arena, &note, &stores.facts, &why))
        fail_msg("%s", why.text);
    snprintf(url, sizeof url, "sqlite:%s/catalog.db", directory);
    if (wn_catalog_open(wn_str_of(url), &stores.catalog, &why))
        fail_msg("%s", why.text);
    return 0;
}

static int close_embedded(void **state)
{
    char command[128];
    if (!root())
        return 0;
    close_stores(state);
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    return system(command) == 0 ? 0 : -1;
}

/* The bytes of a file of the set; xz is unpacked. */
static struct wn_str load(const char *path)
{
    char name[1024];
    struct wn_str text = {NULL, 0};
    snprintf(name, sizeof name, "%s/%s", root(), path);
    if (!wn_str_ends(wn_str_of(path), WN_STR(".xz"))) {
        if (wn_file_read(name, (size_t)64 << 20, &arena, &text, &why))
            fail_msg("%s", why.text);
        return text;
    }
    char command[1200];
    snprintf(command, sizeof command, "xz -dc '%s'", name);
    FILE *f = popen(command, "r");
    size_t room = (size_t)16 << 20;
    char *p = wn_arena_alloc(&arena, room);
    text = (struct wn_str){p, fread(p, 1, room, f)};
    if (pclose(f) != 0 || text.n == 0)
        fail_msg("xz could not unpack %s", path);
    return text;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void check_totals(size_t i)
{
    if (summary.n_rows_imported != expected[i].n_rows || summary.n_errors)
        fail_msg("%s: %llu rows, %llu errors", expected[i].path,
                 (unsigned long long)summary.n_rows_imported, (unsigned long long)summary.n_errors);
    for (size_t m = 0; m < WN_MEASURE_N; m++)
        if (summary.totals[m] != expected[i].totals[m])
            fail_msg("%s: %s is %lld, not %lld", expected[i].path, wn_measure_names[m],
                     (long long)summary.totals[m], (long long)expected[i].totals[m]);
}

/* What the store holds of the accounts and days of the last import is what it reported. */
static void check_stored(size_t i)
{
    static struct stored s;
    memset(&s, 0, sizeof s);
    for (size_t k = 0; k < summary.n_accounts; k++) {
        const struct wn_import_account_summary *account = &summary.accounts[k];
        struct wn_facts_range range = {account->account_id, account->day_from, account->day_to};
        assert_int_equal(wn_facts_scan(stores.facts, 1, &range, add_stored, &s, NULL), WN_OK);
    }
    /* The tables of one warehouse share their account: days between those of a file may hold rows
     * of another one. */
    if (wn_str_starts(wn_str_of(expected[i].path), WN_STR("ad_platform_seeds/")))
        return;
    assert_int_equal(s.n, expected[i].n_rows);
    for (size_t m = 0; m < WN_MEASURE_N; m++)
        assert_int_equal(s.sums[m], expected[i].totals[m]);
}

static void test_totals_to_the_micro(void **state)
{
    (void)state;
    if (!root())
        skip();
    for (size_t i = 0; i < WN_COUNT(expected); i++) {
        struct wn_str text = load(expected[i].path);
        for (int round = 0; round < 2; round++) {
            struct bytes b = {.text = text, .most = round ? 0 : 100000};
            struct wn_import_options options = {.file_name = wn_str_of(base_name(expected[i].path)),
                                                .day = wn_str_of(expected[i].day)};
            wn_rc rc = run_bytes(&b, &options);
            if (rc)
                fail_msg("%s: %s", expected[i].path, why.text);
            check_totals(i);
            check_stored(i);
            wn_import_state want =
                round && expected[i].n_rows ? WN_IMPORT_UNCHANGED : WN_IMPORT_DONE;
            if (summary.state != want)
                fail_msg("%s: round %d ends as %s", expected[i].path, round,
                         wn_import_state_name(summary.state));
        }
    }
}

static void test_tables_without_statistics(void **state)
{
    (void)state;
    if (!root())
        skip();
    for (size_t i = 0; i < WN_COUNT(refused); i++) {
        if (run_text(load(refused[i]), base_name(refused[i])) != WN_INVALID)
            fail_msg("%s was taken in", refused[i]);
        assert_non_null(strstr(why.text, "impressions, clicks"));
    }
    assert_int_equal(stored_rows().n, 0);
}

/* Dates of both orders in one file: all of them lie in November 2024. */
static void test_messy_dates(void **state)
{
    (void)state;
    if (!root())
        skip();
    imports(load("google_ads_messy/GoogleAds_DataAnalytics_Sales_Uncleaned.csv"), "messy.csv");
    assert_int_equal(summary.day_from, day_of_text("2024-11-01"));
    assert_int_equal(summary.day_to, day_of_text("2024-11-30"));
}

/* The ratios which the file states come back to their printed digits. */
static void test_stated_ratios(void **state)
{
    (void)state;
    if (!root())
        skip();
    imports(load("social_media_advertising/sample_part1.csv.xz"), "sample.csv");
    const struct wn_campaign_filter filter = {.channel = WN_CHANNEL_FACEBOOK,
                                              .key = WN_STR("972649")};
    struct wn_campaign *list = NULL;
    size_t n = 0;
    assert_int_equal(wn_catalog_campaigns(stores.catalog, 1, &filter, &arena, &list, &n, NULL),
                     WN_OK);
    assert_int_equal(n, 1);
    assert_true(list[0].reported_conversion_rate_ratio == 0.0465964045516625);
    assert_true(list[0].reported_roi_ratio == 22.1786275505468);
    assert_true(list[0].engagement_score == 27);
    assert_int_equal(list[0].duration_days, 23);
    assert_text(list[0].company, "Silicon Saga");
}

/* A real file cut anywhere either says so or brings only whole rows; it never half replaces. */
static void test_cut_files(void **state)
{
    (void)state;
    if (!root())
        skip();
    struct wn_str text = load("meta_ads_manager_exports/vnd_campaign_daily.csv");
    size_t n_refused = 0;
    imports(text, "vnd.csv");
    uint64_t n_whole = stored_rows().n;
    for (size_t n = text.n / 2; n < text.n / 2 + 60; n++) {
        struct bytes b = {.text = {text.p, n}};
        struct wn_import_source source = {read_bytes, &b, n};
        struct wn_import_options options = {.file_name = WN_STR("vnd.csv"), .dry_run = true};
        why = (struct wn_why){0};
        n_refused += wn_import_run(&stores, &source, &options, NULL, NULL, &arena, &summary,
                                   &why) == WN_INVALID;
    }
    assert_true(n_refused > 40);
    assert_int_equal(stored_rows().n, n_whole);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, open_embedded, close_embedded)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_totals_to_the_micro), CASE(test_tables_without_statistics),
        CASE(test_messy_dates),         CASE(test_stated_ratios),
        CASE(test_cut_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
