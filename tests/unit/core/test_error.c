/* Protects the table of errors: each has a name, a text and an HTTP status, and the first cause of
 * a failure is the one that is told. */
#include "core/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void every_code_is_complete(void **state)
{
    (void)state;
    for (int rc = 0; rc < WN_RC_N; rc++) {
        assert_true(strlen(wn_rc_name((wn_rc)rc)) > 1);
        assert_true(strlen(wn_rc_text((wn_rc)rc)) > 5);
        int http = wn_rc_http_status((wn_rc)rc);
        assert_true(rc == WN_OK ? http == 200 : http >= 400 && http < 600);
        for (int other = 0; other < rc; other++)
            assert_string_not_equal(wn_rc_name((wn_rc)rc), wn_rc_name((wn_rc)other));
    }
    assert_string_equal(wn_rc_name(WN_OK), "OK");
    assert_string_equal(wn_rc_name(WN_NOT_FOUND), "NOT_FOUND");
    assert_int_equal(wn_rc_http_status(WN_INVALID), 400);
    assert_int_equal(wn_rc_http_status(WN_LIMIT), 413);
    assert_true(wn_rc_retry_helps(WN_BUSY));
    assert_false(wn_rc_retry_helps(WN_INVALID));
    assert_string_equal(wn_rc_name((wn_rc)9999), "INTERNAL");
    assert_string_equal(wn_rc_name((wn_rc)-1), "INTERNAL");
}

static void the_first_cause_stays(void **state)
{
    (void)state;
    struct wn_why why = {0};
    assert_int_equal(wn_fail(&why, WN_INVALID, "from", "day %d", 7), WN_INVALID);
    assert_int_equal(wn_fail(&why, WN_IO, "to", "later"), WN_IO);
    assert_string_equal(why.text, "day 7");
    assert_string_equal(why.field, "from");
    assert_int_equal(wn_fail(NULL, WN_IO, "to", "nobody listens"), WN_IO);
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    struct wn_why why = {0};
    char long_text[2000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    assert_int_equal(wn_fail(&why, WN_LIMIT, long_text, "%s", long_text), WN_LIMIT);
    assert_int_equal(strlen(why.text), WN_WHY_MAX - 1);
    assert_int_equal(strlen(why.field), WN_WHY_FIELD_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_is_complete),
        cmocka_unit_test(the_first_cause_stays),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
