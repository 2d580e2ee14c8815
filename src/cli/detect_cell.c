#include "cli/detect_cell.h"

#include "core/csv_value.h"
#include "core/date.h"
#include "core/num.h"

#include <math.h>

static bool two_digits(const char *p, int64_t *out)
{
    return wn_parse_i64((struct wn_str){p, 2}, out) && p[0] != '-' && p[0] != '+';
}

/* "HH:MM[:SS[.fff]][Z|+HH[:]MM]" as ms. */
static bool read_clock(struct wn_str s, int64_t *out_ms)
{
    int64_t h, m, sec = 0, ms = 0;
    if (s.n < 5 || !two_digits(s.p, &h) || s.p[2] != ':' || !two_digits(s.p + 3, &m))
        return false;
    size_t at = 5;
    if (s.n >= 8 && s.p[5] == ':') {
        if (!two_digits(s.p + 6, &sec))
            return false;
        at = 8;
        if (at < s.n && (s.p[at] == '.' || s.p[at] == ',')) {
            int64_t unit = 100;
            for (at++; at < s.n && s.p[at] >= '0' && s.p[at] <= '9'; at++, unit /= 10)
                ms += unit * (s.p[at] - '0');
        }
    }
    struct wn_str zone = wn_str_trim(wn_str_slice(s, at, s.n));
    int64_t zone_h = 0, zone_m = 0;
    if (zone.n >= 3 && (zone.p[0] == '+' || zone.p[0] == '-')) {
        size_t minutes = zone.n >= 4 && zone.p[3] == ':' ? 4 : 3;
        if (!two_digits(zone.p + 1, &zone_h) ||
            (zone.n >= minutes + 2 && !two_digits(zone.p + minutes, &zone_m)))
            return false;
        if (zone.p[0] == '-') {
            zone_h = -zone_h;
            zone_m = -zone_m;
        }
    } else if (zone.n && !wn_str_eq_nocase(zone, WN_STR("z")) &&
               !wn_str_eq_nocase(zone, WN_STR("utc"))) {
        return false;
    }
    if (h > 24 || m > 59 || sec > 60)
        return false;
    *out_ms = (((h - zone_h) * 60 + m - zone_m) * 60 + sec) * 1000 + ms;
    return true;
}

bool wn_detect_read_moment(struct wn_str s, int64_t *out_ms)
{
    int32_t day;
    int64_t clock_ms = 0, number;
    s = wn_str_trim(s);
    if (s.n >= 10 && wn_parse_day(wn_str_slice(s, 0, 10), &day)) {
        if (s.n > 10 && (s.p[10] == 'T' || s.p[10] == ' ')) {
            if (!read_clock(wn_str_slice(s, 11, s.n), &clock_ms))
                return false;
        } else if (s.n > 10) {
            return false;
        }
        *out_ms = day * WN_DAY_MS + clock_ms;
        return true;
    }
    if (wn_parse_i64(s, &number) && (s.n != 8 || number < 19000000)) {
        bool is_seconds = number > -INT64_C(100000000000) && number < INT64_C(100000000000);
        *out_ms = is_seconds ? number * 1000 : number;
        return true;
    }
    double seconds;
    if (wn_parse_f64(s, &seconds) && fabs(seconds) < 1e11) {
        *out_ms = (int64_t)(seconds * 1000);
        return true;
    }
    struct wn_date_text d;
    if (wn_date_read(s, &d) != WN_VALUE_GOOD || d.kind != WN_DATE_DAY)
        return false;
    *out_ms = d.day * WN_DAY_MS + (d.hour > 0 ? d.hour : 0) * INT64_C(3600000);
    return true;
}

bool wn_detect_read_value(struct wn_str s, double *out)
{
    struct wn_number number;
    s = wn_str_trim(s);
    if (wn_parse_f64(s, out))
        return true;
    if (wn_value_is_absent(s)) {
        *out = NAN;
        return true;
    }
    if (wn_number_read(s, '.', &number) != WN_VALUE_GOOD)
        return false;
    *out = (double)number.micros / 1e6;
    return true;
}
