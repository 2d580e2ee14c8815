#include "decide/chart_int.h"

#include "core/date.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const month_names[12] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* ---- values ----------------------------------------------------------------------------------- */

static double nice_step(double rough)
{
    static const double heads[] = {1, 2, 2.5, 5, 10};
    double power = pow(10, floor(log10(rough)));
    for (size_t i = 0; i < WN_COUNT(heads); i++)
        if (heads[i] * power >= rough * (1 - 1e-9))
            return heads[i] * power;
    return 10 * power;
}

struct chart_scale chart_scale_of(double low, double high, int n_wanted, bool whole)
{
    if (!(high > low)) {
        double widen = low == 0 ? 1 : fabs(low) / 2;
        low = low > 0 ? 0 : low - widen;
        high += widen;
    }
    /* A range far below the precision of its ends has no ticks between them. */
    double span = fmax(high - low, fmax(fabs(low), fabs(high)) * 1e-9);
    double step = nice_step(span / n_wanted);
    if (whole && step < 1)
        step = 1;
    struct chart_scale s = {.step = step};
    s.low = floor(low / step + 1e-9) * step;
    s.high = ceil(high / step - 1e-9) * step;
    s.n = (int)lround((s.high - s.low) / step) + 1;
    if (s.n > CHART_TICKS_MAX)
        s.n = CHART_TICKS_MAX;
    return s;
}

static const struct {
    const char *code, *sign;
} signs[] = {
    {"USD", "$"},      {"EUR", "\u20ac"}, {"GBP", "\u00a3"}, {"JPY", "\u00a5"},
    {"RUB", "\u20bd"}, {"INR", "\u20b9"}, {"KRW", "\u20a9"}, {"TRY", "\u20ba"},
    {"UAH", "\u20b4"}, {"KZT", "\u20b8"}, {"BRL", "R$"},     {"CNY", "CN\u00a5"},
};

/* The currency as it stands before a number: a sign, or the code and a space. */
static void currency_prefix(struct wn_str currency, char out[16])
{
    out[0] = 0;
    for (size_t i = 0; i < WN_COUNT(signs); i++)
        if (wn_str_eq_nocase(currency, wn_str_of(signs[i].code))) {
            snprintf(out, 16, "%s", signs[i].sign);
            return;
        }
    if (currency.n)
        snprintf(out, 16, "%.*s\u00a0", currency.n > 8 ? 8 : (int)currency.n, currency.p);
}

static void compact(double magnitude, double *divisor, const char **letter)
{
    *divisor = magnitude >= 1e9 ? 1e9 : magnitude >= 1e6 ? 1e6 : magnitude >= 1e4 ? 1e3 : 1;
    *letter = *divisor >= 1e9 ? "B" : *divisor >= 1e6 ? "M" : *divisor >= 1e3 ? "k" : "";
}

struct chart_format chart_format_of(wn_metric_unit unit, struct wn_str currency,
                                    const struct chart_scale *scale)
{
    struct chart_format f = {.unit = unit, .currency = currency, .divisor = 1, .letter = ""};
    if (unit == WN_UNIT_COUNT || unit == WN_UNIT_MONEY)
        compact(fmax(fabs(scale->low), fabs(scale->high)), &f.divisor, &f.letter);
    double step = scale->step / f.divisor * (unit == WN_UNIT_RATIO ? 100 : 1);
    while (f.decimals < 6 &&
           fabs(step * pow(10, f.decimals) - round(step * pow(10, f.decimals))) > 1e-6)
        f.decimals++;
    return f;
}

/* 12345.6 with one decimal becomes "12,345.6". */
static void grouped(double magnitude, int decimals, char out[CHART_TEXT_MAX])
{
    char plain[CHART_TEXT_MAX];
    int n = snprintf(plain, sizeof plain, "%.*f", decimals, fmin(magnitude, 1e18));
    int n_whole = decimals ? n - decimals - 1 : n;
    size_t k = 0;
    for (int i = 0; i < n && k + 2 < CHART_TEXT_MAX; i++) {
        if (i > 0 && i < n_whole && (n_whole - i) % 3 == 0)
            out[k++] = ',';
        out[k++] = plain[i];
    }
    out[k] = 0;
}

void chart_format_tick(const struct chart_format *f, double value, char out[CHART_TEXT_MAX])
{
    char number[CHART_TEXT_MAX], prefix[16] = "";
    double shown = value / f->divisor * (f->unit == WN_UNIT_RATIO ? 100 : 1);
    double half = 0.5 * pow(10, -f->decimals);
    bool negative = shown < 0 && fabs(shown) >= half;
    bool zero = fabs(shown) < half;
    grouped(fabs(shown), zero ? 0 : f->decimals, number);
    if (f->unit == WN_UNIT_MONEY)
        currency_prefix(f->currency, prefix);
    const char *suffix = f->unit == WN_UNIT_RATIO    ? "%"
                         : f->unit == WN_UNIT_FACTOR ? "\u00d7"
                         : zero                      ? ""
                                                     : f->letter;
    snprintf(out, CHART_TEXT_MAX, "%s%.15s%.32s%s", negative ? "\u2212" : "", prefix, number,
             suffix);
}

void chart_format_value(wn_metric_unit unit, struct wn_str currency, double value,
                        char out[CHART_TEXT_MAX])
{
    struct chart_format f = {.unit = unit, .currency = currency, .divisor = 1, .letter = ""};
    if (unit == WN_UNIT_COUNT || unit == WN_UNIT_MONEY)
        compact(fabs(value), &f.divisor, &f.letter);
    double shown = fabs(value) / f.divisor * (unit == WN_UNIT_RATIO ? 100 : 1);
    bool whole = unit == WN_UNIT_COUNT && f.divisor == 1 && fabs(shown - round(shown)) < 0.005;
    f.decimals = whole || shown >= 100 ? 0 : shown >= 10 ? 1 : 2;
    chart_format_tick(&f, value, out);
}

/* ---- days ------------------------------------------------------------------------------------- */

bool chart_days_of(const struct wn_str *labels, size_t n, int32_t *out)
{
    for (size_t i = 0; i < n; i++)
        if (!wn_parse_day(labels[i], &out[i]) || (i > 0 && out[i] <= out[i - 1]))
            return false;
    return n > 0;
}

static int32_t month_later(int32_t day, int n_months)
{
    struct wn_date d = wn_date_of_day(day);
    int month = d.month - 1 + n_months;
    d = (struct wn_date){d.year + month / 12, month % 12 + 1, 1};
    int32_t next = day + 31 * n_months;
    return wn_day_of_date(d, &next) ? next : day + 31 * n_months;
}

static void tick_text(struct chart_day_tick *t, bool by_month, bool first, int previous_year)
{
    struct wn_date d = wn_date_of_day(t->day);
    bool year = first || d.year != previous_year;
    if (by_month && year)
        snprintf(t->text, sizeof t->text, "%s %d", month_names[d.month - 1], d.year);
    else if (by_month)
        snprintf(t->text, sizeof t->text, "%s", month_names[d.month - 1]);
    else
        snprintf(t->text, sizeof t->text, "%d %s", d.day, month_names[d.month - 1]);
}

int chart_day_ticks(int32_t first, int32_t last, int n_max,
                    struct chart_day_tick out[CHART_TICKS_MAX])
{
    if (n_max > CHART_TICKS_MAX)
        n_max = CHART_TICKS_MAX;
    if (n_max < 2)
        n_max = 2;
    int32_t span = last - first;
    static const int day_steps[] = {1, 2, 7, 14};
    static const int month_steps[] = {1, 2, 3, 6, 12, 24, 60, 120, 600};
    int step_days = 0, step_months = 0;
    for (size_t i = 0; i < WN_COUNT(day_steps) && !step_days; i++)
        if (span / day_steps[i] + 1 <= n_max)
            step_days = day_steps[i];
    if (!step_days)
        for (size_t i = 0; i < WN_COUNT(month_steps) && !step_months; i++)
            if (span / (month_steps[i] * 30) + 1 <= n_max)
                step_months = month_steps[i];
    if (!step_days && !step_months)
        step_months = 1200;
    /* Weeks are marked at their Mondays, months at their first day. */
    int32_t day = first;
    if (step_days >= 7 && wn_weekday_of_day(first) != 0)
        day = wn_week_start(first) + 7;
    if (step_months && wn_month_start(first) != first)
        day = month_later(wn_month_start(first), 1);
    int n = 0, previous_year = 0;
    while (day <= last && n < n_max) {
        out[n].day = day;
        tick_text(&out[n], step_months > 0, n == 0, previous_year);
        previous_year = wn_date_of_day(day).year;
        n++;
        day = step_days ? day + step_days : month_later(day, step_months);
    }
    return n;
}

void chart_print_range(int32_t first, int32_t last, char out[CHART_TEXT_MAX])
{
    struct wn_date a = wn_date_of_day(first), b = wn_date_of_day(last);
    char tail[24];
    snprintf(tail, sizeof tail, "%d %s %d", b.day, month_names[b.month - 1], b.year % 10000);
    if (first == last)
        snprintf(out, CHART_TEXT_MAX, "%s", tail);
    else if (a.year == b.year)
        snprintf(out, CHART_TEXT_MAX, "%d %s \u2013 %s", a.day, month_names[a.month - 1], tail);
    else
        snprintf(out, CHART_TEXT_MAX, "%d %s %d \u2013 %s", a.day, month_names[a.month - 1],
                 a.year % 10000, tail);
}
