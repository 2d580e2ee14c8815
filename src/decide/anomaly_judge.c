/* Is a day unlike the days before it? A robust level with weekday effects on logarithms, after
 * Gelper, Fried and Croux, "Robust forecasting with exponential and Holt-Winters smoothing", J. of
 * Forecasting 29, 2010: errors are clipped before anything learns from them, so that an incident
 * does not become the norm at once. */
#include <math.h>
#include <stdlib.h>

#include "decide/anomaly.h"
#include "learn/special.h"
#include "learn/tail.h"
#include "winnow/detect.h"

#define LEVEL_GAIN 0.15
#define WEEKDAY_GAIN 0.10
#define SCALE_GAIN 0.05
#define CLIP 2.0       /* of an error, in scales */
#define SCALE_MIN 0.02 /* days that never vary by 2 % do not make 3 % an incident */
#define FREEDOM 8.0    /* of Student's t: scales that are themselves learnt, tails that are heavy */
#define BAND_T 3.3554  /* its 99.5 % point */
#define FLOOR_RATIO 0.01 /* nothing counts as a hundredth of the level: it has a logarithm then */
#define SIZE_LEAST 2.0   /* of the negative binomial */
#define SIZE_MOST 1e4
#define ORDERS_MANY 500.0 /* beyond, their number adds nothing to the uncertainty of the amount */
#define ORDERS_SIZE 20.0  /* of the negative binomial, as where nothing is known */
#define ORDERS_CV 1.0     /* coefficient of variation of what an order is worth */
#define COUNT_ALPHA 0.01  /* counts outside the band, both sides */
#define COUNT_MAX 1e9     /* above, a count is judged as an amount */

struct follower {
    double level, weekday[7], scale; /* of logarithms */
    size_t n_seen;
};

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static double median_of(const double *values, size_t n, double *buffer)
{
    for (size_t i = 0; i < n; i++)
        buffer[i] = values[i];
    qsort(buffer, n, sizeof(*buffer), by_value);
    return n % 2 ? buffer[n / 2] : 0.5 * (buffer[n / 2 - 1] + buffer[n / 2]);
}

static double log_of(double value, double level)
{
    return log(fmax(value, FLOOR_RATIO * exp(level)));
}

static size_t weekday_of(int32_t day)
{
    return (size_t)(((day % 7) + 7) % 7);
}

/* From the first two weeks; false while they hold next to nothing. */
static bool begin(struct follower *f, const double *first, const int32_t *days)
{
    enum { N = WN_ANOMALY_WARMUP_DAYS };
    double buffer[N], logs[N], off[N];
    double middle = median_of(first, N, buffer);
    if (!(middle > 0))
        return false;
    *f = (struct follower){.level = log(middle), .n_seen = N};
    for (size_t i = 0; i < N; i++)
        logs[i] = log_of(first[i], f->level);
    f->level = median_of(logs, N, buffer);
    for (size_t i = 0; i < N; i++)
        f->weekday[weekday_of(days[i])] += 0.25 * (logs[i] - f->level);
    for (size_t i = 0; i < N; i++)
        off[i] = fabs(logs[i] - f->level - f->weekday[weekday_of(days[i])]);
    /* The weekday effects were taken from these very days: the scale is wider than it looks. */
    f->scale = fmax(1.4826 * 1.25 * median_of(off, N, buffer), SCALE_MIN);
    return true;
}

static void learn(struct follower *f, double error, size_t weekday)
{
    f->n_seen++;
    double z = error / f->scale, clipped = fmax(-CLIP, fmin(CLIP, z));
    /* 1.16: what clipping takes from the square of a normal error. */
    double square = 1.16 * clipped * clipped;
    double step = clipped * f->scale, mean = 0;
    f->level += LEVEL_GAIN * step;
    f->weekday[weekday] += WEEKDAY_GAIN * (1 - LEVEL_GAIN) * step;
    for (size_t i = 0; i < 7; i++)
        mean += f->weekday[i] / 7;
    for (size_t i = 0; i < 7; i++)
        f->weekday[i] -= mean;
    f->level += mean;
    f->scale = fmax(f->scale * sqrt(1 + SCALE_GAIN * (square - 1)), SCALE_MIN);
}

/* Weekday effects that two weeks taught are not known yet: errors are larger at first. */
static double scale_of(const struct follower *f)
{
    double young = WN_ANOMALY_WARMUP_DAYS / (double)(f->n_seen ? f->n_seen : 1);
    return f->scale * (1 + young * young);
}

/* Student's t, both tails. */
static double p_of_t(double t)
{
    return wn_beta_inc(FREEDOM / 2, 0.5, FREEDOM / (FREEDOM + t * t));
}

static void judge_amount(double scale, double centre, double arrived, double value,
                         struct wn_anomaly_point *p)
{
    double expected = exp(centre) * arrived;
    p->expected = expected;
    p->low = expected * exp(-BAND_T * scale);
    p->high = expected * exp(BAND_T * scale);
    p->p_value = p_of_t((log(fmax(value, FLOOR_RATIO * expected)) - log(expected)) / scale);
}

/* An amount made of few orders is as uncertain as their number, whatever it was of late. */
static void allow_for_orders(double orders, double value, bool with_band,
                             struct wn_anomaly_point *p)
{
    double low, high, each = p->expected / orders;
    if (!(orders > 0 && orders < ORDERS_MANY) || !(each > 0))
        return;
    double q = wn_revenue_p(value, orders, ORDERS_SIZE, each, ORDERS_CV);
    p->p_value = fmax(p->p_value, isfinite(q) ? q : 1);
    if (!with_band)
        return;
    wn_count_band(orders, ORDERS_SIZE, COUNT_ALPHA, &low, &high);
    p->low = fmin(p->low, low * each);
    p->high = fmax(p->high, high * each);
}

/* The variance of the logarithms is that of counting and that of the days; the library wants the
 * second as the size of a negative binomial. */
static void judge_count(double scale, double centre, double arrived, double value, bool with_band,
                        struct wn_anomaly_point *p)
{
    double mean = exp(centre);
    double extra = scale * scale - 1 / mean;
    double size = extra > 1 / SIZE_MOST ? fmax(1 / extra, SIZE_LEAST) : SIZE_MOST;
    struct wn_tail tail;
    if (mean * arrived > COUNT_MAX || value > COUNT_MAX) {
        judge_amount(scale, centre, arrived, value, p);
        return;
    }
    wn_tail_nb(round(value), mean * arrived, size, &tail);
    p->expected = p->low = p->high = mean * arrived;
    p->p_value = tail.mid_p;
    if (with_band) {
        wn_count_band(p->expected, size, COUNT_ALPHA, &p->low, &p->high);
        p->low = fmin(p->low, p->expected);
        p->high = fmax(p->high, p->expected);
    }
    /* The negative binomial has lighter tails than days have: the larger p decides. */
    double t =
        (log(fmax(value, 0.5)) - log(p->expected)) / sqrt(scale * scale + 1 / (mean * arrived));
    p->p_value = fmax(p->p_value, p_of_t(t));
}

static void nothing_expected(double value, struct wn_anomaly_point *p)
{
    *p = (struct wn_anomaly_point){
        .value = value, .expected = NAN, .low = NAN, .high = NAN, .p_value = 1, .q_value = 1};
}

void wn_anomaly_judge(const struct wn_anomaly_stream *s, struct wn_anomaly_point *out)
{
    struct follower f = {0};
    double first[WN_ANOMALY_WARMUP_DAYS];
    int32_t days[WN_ANOMALY_WARMUP_DAYS];
    size_t n_first = 0;
    bool is_following = false;
    for (size_t i = 0; i < s->n; i++) {
        double value = s->value[i], arrived = s->arrived ? s->arrived[i] : 1;
        int32_t day = s->day + (int32_t)i;
        nothing_expected(value, &out[i]);
        if (!isfinite(value) || (s->events && !(s->events[i] >= s->least_events)))
            continue;
        value = fmax(value, 0);
        if (!is_following) {
            if (n_first == WN_ANOMALY_WARMUP_DAYS) { /* nothing in them: move on by a day */
                for (size_t k = 1; k < n_first; k++) {
                    first[k - 1] = first[k];
                    days[k - 1] = days[k];
                }
                n_first--;
            }
            first[n_first] = value / arrived;
            days[n_first++] = day;
            is_following = n_first == WN_ANOMALY_WARMUP_DAYS && begin(&f, first, days);
            continue;
        }
        double centre = f.level + f.weekday[weekday_of(day)];
        if (s->is_count)
            judge_count(scale_of(&f), centre, arrived, value, s->with_band, &out[i]);
        else
            judge_amount(scale_of(&f), centre, arrived, value, &out[i]);
        if (s->orders)
            allow_for_orders(s->orders[i], value, s->with_band, &out[i]);
        out[i].p_value = fmin(fmax(out[i].p_value, 1e-300), 1);
        out[i].score = -log10(out[i].p_value);
        learn(&f, log_of(value / arrived, f.level) - centre, weekday_of(day));
    }
}
