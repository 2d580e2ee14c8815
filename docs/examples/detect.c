/* Watches a stream of hourly clicks: learns what is usual, and tells of the hour in which the
 * tracking broke. Then the same for counts that come with a forecast. */
#include "winnow/detect.h"

#include "core/rand.h"

#include <math.h>
#include <stdio.h>

#define HOUR_MS INT64_C(3600000)

int main(void)
{
    struct wn_arena arena;
    struct wn_rand random;
    struct wn_why why = {0};
    struct wn_detector *detector;
    struct wn_detect_result r;
    int n_alerts = 0, first_alert = -1;

    wn_arena_init(&arena, 0);
    wn_rand_init(&random, 1);
    if (wn_detect_init(&arena, &WN_DETECT_OPTIONS_DEFAULT, &detector, &why)) {
        fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    for (int hour = 0; hour < 24 * 45; hour++) {
        double usual = 300 + 200 * sin(hour * 6.283185307179586 / 24);
        double clicks = (double)wn_rand_poisson(&random, usual);
        if (hour >= 24 * 40 + 12 && hour < 24 * 40 + 18)
            clicks = 0; /* the landing page lost its counter */
        wn_detect_push(detector, hour * HOUR_MS, clicks, &r);
        if (!r.is_anomaly)
            continue;
        printf("hour %d: %.0f clicks, expected %.0f (%.0f to %.0f); score %.1f, %s: %s\n", hour,
               clicks, r.expected, r.low, r.high, r.score, wn_severity_name(r.severity),
               wn_detect_view_name(r.top_view));
        n_alerts++;
        if (first_alert < 0)
            first_alert = hour;
    }

    struct wn_count_stream sales;
    struct wn_count_result c;
    if (wn_count_init(&sales, &WN_COUNT_OPTIONS_DEFAULT, &why)) {
        fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    wn_count_push(&sales, 5, 20, 1, &c);
    printf("5 sales where 20 were forecast: p = %.3f, usual are %.0f to %.0f\n", c.p, c.low,
           c.high);
    wn_arena_deinit(&arena);
    return n_alerts >= 1 && first_alert >= 24 * 40 + 12 && first_alert < 24 * 40 + 18 ? 0 : 1;
}
