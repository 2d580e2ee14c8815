/* Protects the reading of purchases: columns by many names, dates and amounts as shops print them,
 * order of rows, channels, and errors that name line and column. */
#include "cli/transactions.h"

#include "core/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct wn_arena a;

static struct wn_transactions read_with(const char *text,
                                        const struct wn_transactions_columns *columns)
{
    struct wn_transactions t;
    struct wn_why why = {0};
    if (wn_transactions_read(&a, wn_str_of(text), columns, &t, &why))
        fail_msg("line %d: %s", (int)why.line, why.text);
    return t;
}

static struct wn_transactions read(const char *text)
{
    return read_with(text, NULL);
}

static int32_t day_of(const char *text)
{
    int32_t day = 0;
    assert_true(wn_parse_day(wn_str_of(text), &day));
    return day;
}

static void assert_row(const struct wn_transactions *t, size_t i, const char *customer,
                       const char *day, double amount)
{
    assert_true(i < t->n_rows);
    assert_true(wn_str_eq(t->customers[t->rows[i].customer], wn_str_of(customer)));
    assert_int_equal(t->rows[i].day, day_of(day));
    assert_true((double)t->rows[i].amount_micros == amount * 1e6);
}

static void by_customer_then_day(void **state)
{
    (void)state;
    struct wn_transactions t = read("customer,date,amount\n"
                                    "b,2026-02-01,3\na,2026-03-01,2\nb,2026-01-01,-1.5\n"
                                    "a,2026-01-05,0.000001\nb,2026-02-01,2\n");
    assert_int_equal(t.n_customers, 2);
    assert_int_equal(t.n_rows, 5);
    assert_row(&t, 0, "b", "2026-01-01", -1.5);
    assert_row(&t, 1, "b", "2026-02-01", 2);
    assert_row(&t, 2, "b", "2026-02-01", 3);
    assert_row(&t, 3, "a", "2026-01-05", .000001);
    assert_row(&t, 4, "a", "2026-03-01", 2);
    assert_true(t.first_row[0] == 0 && t.first_row[1] == 3 && t.first_row[2] == 5);
    assert_int_equal(t.first_day, day_of("2026-01-01"));
    assert_int_equal(t.last_day, day_of("2026-03-01"));
    assert_true(t.has_amounts && !t.has_channels && t.n_channels == 1 && t.channels[0].n == 0);
}

static void names_of_columns(void **state)
{
    (void)state;
    static const char *const headers[] = {"customer_id,date,amount", "User ID,Order-Date,Revenue",
                                          "CLIENT,timestamp,Total_Price",
                                          "email,created_at,order value"};
    for (size_t i = 0; i < WN_COUNT(headers); i++) {
        char text[100];
        snprintf(text, sizeof text, "%s\nx,2026-01-02,7\n", headers[i]);
        struct wn_transactions t = read(text);
        assert_row(&t, 0, "x", "2026-01-02", 7);
    }
    struct wn_transactions t = read("n,id,date,amount_micros\n1,x,2026-01-02,2500000\n");
    assert_row(&t, 0, "x", "2026-01-02", 2.5);
    t = read("x,2026-01-02,7\ny,2026-01-03,8\n"); /* no header */
    assert_int_equal(t.n_rows, 2);
    assert_row(&t, 1, "y", "2026-01-03", 8);
    t = read("x,2026-01-02\n"); /* no amounts */
    assert_true(!t.has_amounts && t.rows[0].amount_micros == 0);
    const struct wn_transactions_columns told = {.customer = WN_STR("kunde"),
                                                 .date = WN_STR("wann"),
                                                 .amount = WN_STR("wieviel"),
                                                 .channel = WN_STR("woher")};
    t = read_with("woher;wieviel;wann;kunde;date\nnetz;1,5;2026-01-02;x;nie\n", &told);
    assert_row(&t, 0, "x", "2026-01-02", 1.5);
    assert_true(t.has_channels && wn_str_eq(t.channels[0], WN_STR("netz")));
}

static void forms_of_cells(void **state)
{
    (void)state;
    struct wn_transactions t =
        read("customer;date;amount\na;03/04/2026;\"1.234,50 €\"\na;25/04/2026;12,5\n");
    assert_row(&t, 0, "a", "2026-04-03", 1234.5); /* the second row says: day first */
    assert_false(t.dates_guessed);
    t = read("customer,date,amount\na,03/04/2026,1\n");
    assert_true(t.dates_guessed);
    t = read("customer,date,amount\na,2010-12-01 08:26:00,(3)\na,20101202,4\n"
             "a,1291334400,5\na,1291420800000,6\n\"a\",\"Dec 5, 2010\",\"1,000\"\n");
    assert_row(&t, 0, "a", "2010-12-01", -3);
    assert_row(&t, 1, "a", "2010-12-02", 4);
    assert_row(&t, 2, "a", "2010-12-03", 5);
    assert_row(&t, 3, "a", "2010-12-04", 6);
    assert_row(&t, 4, "a", "2010-12-05", 1000);
    t = read("InvoiceNo,Quantity,InvoiceDate,UnitPrice,CustomerID\n1,-6,2010-12-01,2.55,7\n");
    assert_row(&t, 0, "7", "2010-12-01", -15.3);
}

static void channels_and_nobody(void **state)
{
    (void)state;
    struct wn_transactions t = read("customer,date,amount,channel\n"
                                    "a,2026-02-01,1,late\na,2026-01-01,1,early\n"
                                    ",2026-01-01,1,x\nNULL,2026-01-01,1,x\nb,2026-01-01,1,late\n");
    assert_int_equal(t.n_without_customer, 2);
    assert_int_equal(t.n_customers, 2);
    assert_true(wn_str_eq(t.channels[t.channel_of[0]], WN_STR("early")));
    assert_true(wn_str_eq(t.channels[t.channel_of[1]], WN_STR("late")));
}

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
        int line, column;
    } bad[] = {{"", "no rows", 0, 0},
               {"customer,date,amount\n", "no rows", 0, 0},
               {"customer,date,amount\n,2026-01-01,1\n", "no row names a customer", 0, 0},
               {"customer,amount\na,1\n", "missing: date", 1, 0},
               {"date,amount\n2026-01-01,1\n", "missing: customer", 1, 0},
               {"one\n", "neither a header", 1, 0},
               {"Ad,Name\n1,x\n", "neither a header", 1, 0},
               {"customer,date,amount\na,2026-02-30,1\n", "not a day", 2, 2},
               {"customer,date,amount\na,,1\n", "not a day", 2, 2},
               {"customer,date,amount\na,Sunday,1\n", "not a day", 2, 2},
               {"customer,date,amount\na,99999999999999,1\n", "not a day", 2, 2},
               {"customer,date,amount\na,2026-01-01,1\nb,2026-01-01,x\n", "not a number", 3, 3},
               {"customer,date,amount\na,2026-01-01,\n", "is missing", 2, 3},
               {"customer,date,amount\na,2026-01-01,5%\n", "not an amount", 2, 3},
               {"customer,date,amount\na,2026-01-01,1e300\n", "not a number", 2, 3},
               {"customer,date,amount\na,2026-01-01,nan\n", "is missing", 2, 3},
               {"customer,date,quantity,price\na,2026-01-01,9e12,9e12\n", "too large", 2, 4},
               {"customer,date,amount\n\"a,2026-01-01,1\n", "quote", 2, 1}};
    for (size_t i = 0; i < WN_COUNT(bad); i++) {
        struct wn_transactions t;
        struct wn_why why = {0};
        assert_int_equal(wn_transactions_read(&a, wn_str_of(bad[i].text), NULL, &t, &why),
                         WN_INVALID);
        if (!strstr(why.text, bad[i].says))
            fail_msg("'%s' does not say '%s'", why.text, bad[i].says);
        assert_int_equal(why.line, bad[i].line);
        assert_int_equal(why.column, bad[i].column);
    }
    struct wn_transactions t;
    struct wn_why why = {0};
    const struct wn_transactions_columns told = {.date = WN_STR("when")};
    assert_int_equal(
        wn_transactions_read(&a, WN_STR("customer,date\na,2026-01-01\n"), &told, &t, &why),
        WN_INVALID);
    assert_non_null(strstr(why.text, "no column 'when'"));
}

static bool header_has(const char *text, const char *names)
{
    bool answer = false;
    assert_int_equal(wn_csv_header_has(wn_str_of(text), names, &answer, NULL), WN_OK);
    return answer;
}

static void headers(void **state)
{
    (void)state;
    assert_true(header_has("ID;t_x;T\n1;2;3\n", "recency|tx"));
    assert_false(header_has("a,b\nrecency,tx\n", "recency|tx"));
    assert_false(header_has("", "recency"));
    assert_false(header_has("a,b", "recency"));
    assert_true(wn_column_is(WN_STR("Customer-ID"), WN_STR("customer_id")));
    assert_false(wn_column_is(WN_STR("customer ids"), WN_STR("customer_id")));
}

static void files(void **state)
{
    (void)state;
    struct wn_buf b;
    struct wn_why why = {0};
    wn_buf_init(&b, 1 << 20);
    assert_int_equal(wn_input_load("no/such/file.csv", &b, &why), WN_NOT_FOUND);
    assert_non_null(strstr(why.text, "no/such/file.csv"));
    assert_int_equal(wn_input_load("/", &b, NULL), WN_IO);
    wn_buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_customer_then_day),
        cmocka_unit_test(names_of_columns),
        cmocka_unit_test(forms_of_cells),
        cmocka_unit_test(channels_and_nobody),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(headers),
        cmocka_unit_test(files),
    };
    wn_arena_init(&a, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    wn_arena_deinit(&a);
    return failed;
}
