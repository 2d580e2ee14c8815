/* What a user would do instead, and the data to do it with. No part of the product.
 *
 *   bench_peer gen ROWS FILE           writes ad statistics as CSV, the same bytes every time
 *   bench_peer csv FILE DATABASE       loads it by DuckDB's own CSV reader; prints seconds and MB
 *   bench_peer sql DATABASE REPEATS    runs the statements of standard input (one a line); prints
 *                                      the median milliseconds of each, results fetched */
#include "core/date.h"
#include "core/num.h"
#include "core/rand.h"
#include "io/clock.h"
#include "store/facts/duckdb_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char *const channels[] = {"facebook", "instagram", "google_ads",
                                       "tiktok",   "linkedin",  "telegram"};
static const char *const devices[] = {"mobile", "desktop", "tablet"};
static const char *const countries[] = {"United States", "Germany", "Poland", "Brazil", "Japan"};

enum { DAYS = 365, CAMPAIGNS = 300, ADS = 12 };

static int generate(uint64_t n_rows, const char *path)
{
    FILE *f = fopen(path, "w");
    struct wn_rand r;
    int32_t first = 0;
    if (!f || !wn_parse_day(WN_STR("2025-01-01"), &first))
        return 1;
    wn_rand_init(&r, 7);
    fputs("date,channel,campaign,ad_group,ad,device,country,impressions,clicks,conversions,spend,"
          "revenue\n",
          f);
    for (uint64_t i = 0; i < n_rows; i++) {
        char day[WN_DAY_TEXT_MAX];
        /* In order of days, as exports are. */
        wn_print_day(first + (int32_t)(i * DAYS / n_rows), day);
        uint64_t campaign = wn_rand_below(&r, CAMPAIGNS), ad = wn_rand_below(&r, ADS);
        uint64_t impressions = 20 + wn_rand_below(&r, 5000);
        uint64_t clicks = wn_rand_below(&r, impressions / 10 + 1);
        uint64_t conversions = wn_rand_below(&r, clicks / 5 + 1);
        uint64_t spend_cents = impressions * (3 + wn_rand_below(&r, 10)) / 10;
        uint64_t revenue_cents = conversions * (500 + wn_rand_below(&r, 9000));
        fprintf(f,
                "%s,%s,Campaign %llu,Group %llu-%llu,Ad "
                "%llu-%llu,%s,%s,%llu,%llu,%llu,%llu.%02llu,%llu.%02llu\n",
                day, channels[campaign % WN_COUNT(channels)], (unsigned long long)campaign,
                (unsigned long long)campaign, (unsigned long long)(ad / 4),
                (unsigned long long)campaign, (unsigned long long)ad, devices[wn_rand_below(&r, 3)],
                countries[wn_rand_below(&r, 5)], (unsigned long long)impressions,
                (unsigned long long)clicks, (unsigned long long)conversions,
                (unsigned long long)(spend_cents / 100), (unsigned long long)(spend_cents % 100),
                (unsigned long long)(revenue_cents / 100),
                (unsigned long long)(revenue_cents % 100));
    }
    return fclose(f) == 0 ? 0 : 1;
}

static long peak_mb(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss / 1024;
}

static duckdb_connection open_database(const char *path, duckdb_database *db)
{
    duckdb_connection c = NULL;
    char *error = NULL;
    if (duckdb_open_ext(path, db, NULL, &error) == DuckDBError) {
        fprintf(stderr, "bench_peer: %s\n", error ? error : "cannot open");
        exit(1);
    }
    duckdb_connect(*db, &c);
    return c;
}

static void run(duckdb_connection c, const char *sql)
{
    duckdb_result result;
    if (duckdb_query(c, sql, &result) == DuckDBError) {
        fprintf(stderr, "bench_peer: %s\n", duckdb_result_error(&result));
        exit(1);
    }
    for (duckdb_data_chunk chunk; (chunk = duckdb_fetch_chunk(result)) != NULL;)
        duckdb_destroy_data_chunk(&chunk);
    duckdb_destroy_result(&result);
}

static int load_csv(const char *file, const char *database)
{
    static char sql[8192];
    duckdb_database db;
    int64_t started_ns = wn_clock_monotonic_ns();
    duckdb_connection c = open_database(database, &db);
    snprintf(sql, sizeof sql,
             "CREATE TABLE t AS SELECT * FROM read_csv('%s', header=true, columns={'date':'DATE',"
             "'channel':'VARCHAR','campaign':'VARCHAR','ad_group':'VARCHAR','ad':'VARCHAR',"
             "'device':'VARCHAR','country':'VARCHAR','impressions':'BIGINT','clicks':'BIGINT',"
             "'conversions':'DECIMAL(18,6)','spend':'DECIMAL(18,6)','revenue':'DECIMAL(18,6)'})",
             file);
    run(c, sql);
    run(c, "CHECKPOINT");
    duckdb_disconnect(&c);
    duckdb_close(&db);
    printf("%.3f %ld\n", (double)(wn_clock_monotonic_ns() - started_ns) / 1e9, peak_mb());
    return 0;
}

static int compare_f64(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int time_sql(const char *database, int repeats)
{
    static char line[65536];
    double times_ms[1000];
    duckdb_database db;
    duckdb_connection c = open_database(database, &db);
    if (repeats < 1 || repeats > 1000)
        return 1;
    while (fgets(line, sizeof line, stdin)) {
        run(c, line);
        for (int i = 0; i < repeats; i++) {
            int64_t started_ns = wn_clock_monotonic_ns();
            run(c, line);
            times_ms[i] = (double)(wn_clock_monotonic_ns() - started_ns) / 1e6;
        }
        qsort(times_ms, (size_t)repeats, sizeof times_ms[0], compare_f64);
        printf("%.3f\n", times_ms[repeats / 2]);
    }
    duckdb_disconnect(&c);
    duckdb_close(&db);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t n = 0;
    if (argc == 4 && strcmp(argv[1], "gen") == 0 && wn_parse_u64(wn_str_of(argv[2]), &n))
        return generate(n, argv[3]);
    if (argc == 4 && strcmp(argv[1], "csv") == 0)
        return load_csv(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "sql") == 0 && wn_parse_u64(wn_str_of(argv[3]), &n))
        return time_sql(argv[2], (int)n);
    fputs("usage: bench_peer gen ROWS FILE | csv FILE DATABASE | sql DATABASE REPEATS\n", stderr);
    return 2;
}
