/* Protects the reading of creatives against memory running out, by making the n-th allocation fail for
 * n = 1, 2, ...: an error comes back and nothing is leaked. */
#include "cli/cmd_bandit_creatives.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failing_malloc.h"

static char creatives[60000];
static size_t n_bytes;

static wn_rc run(void)
{
    struct wn_arena a;
    struct wn_bandit_creatives c;
    struct wn_csv *csv = NULL;
    struct wn_pattern_plan plan;
    struct wn_creative *out;
    size_t field_of[WN_PATTERN_FIELDS_MAX];
    wn_arena_init(&a, 0);
    wn_bandit_creatives_init(&c, &a, NULL, 0);
    const struct wn_csv_options options = {.on_record = wn_bandit_creatives_record, .context = &c};
    wn_rc rc = wn_csv_new(&options, &csv, NULL);
    if (!rc)
        rc = wn_csv_push(csv, (struct wn_str){creatives, n_bytes}, NULL);
    if (!rc)
        rc = wn_csv_finish(csv, NULL);
    if (!rc)
        rc = wn_bandit_creatives_plan(&c, &plan, field_of, &out, NULL);
    wn_csv_free(csv);
    wn_bandit_creatives_deinit(&c);
    wn_arena_deinit(&a);
    return rc;
}

static void of_creatives(void **state)
{
    (void)state;
    fail_each_allocation(run);
}

int main(void)
{
    size_t n = (size_t)snprintf(creatives, sizeof creatives,
                                "creative,campaign,views,clicks,hook,emotion,title\n");
    for (int i = 0; i < 1000; i++)
        n += (size_t)snprintf(creatives + n, sizeof creatives - n, "c%d,k%d,%d,%d,h%d,e%d,t%d\n",
                              i % 800, i % 5, 100 + i, i % 90, i % 100, i % 8, i % 800);
    n_bytes = n;
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_creatives)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
