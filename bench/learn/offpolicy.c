/* Off-policy evaluation on the Open Bandit logs (men): each policy judged by the log of the other,
 * beside what it really earned; coverage of the intervals on simulated logs; speed. */
#include "open_bandit.h"

#include "core/rand.h"
#include "winnow/offpolicy.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

static struct ob_log uniform_log, thompson_log;

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(wn_rc rc, const struct wn_why *why)
{
    if (!rc)
        return;
    fprintf(stderr, "offpolicy: %s\n", why->text);
    exit(1);
}

static void judge(const char *name, const struct ob_log *log, double p[OB_POSITIONS][OB_ITEMS],
                  double truth)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_why why = {0};
    struct wn_offpolicy o;
    double *q;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    double *policy = WN_ARENA_ARRAY(&a, log->n * OB_ITEMS, double);
    for (size_t i = 0; policy && i < log->n; i++)
        memcpy(policy + i * OB_ITEMS, p[log->position[i]], sizeof p[0]);
    struct wn_log view = {log->n,          OB_ITEMS, log->item, log->click,
                          log->propensity, policy,   NULL,      NULL};
    const struct wn_log_context context = {log->position, OB_POSITIONS, NULL, 0};
    double started = cpu_seconds();
    check(wn_offpolicy_fit(&a, &view, &context, &r, &q, &why), &why);
    view.q = q;
    check(wn_offpolicy_evaluate(&a, &view, NULL, &r, &o, &why), &why);
    printf(
        "%s: really %.3f %%; effective sample size %.0f of %zu, largest weight %.0f; %.2f s with "
        "2000 resamples\n",
        name, 100 * truth, o.ess, log->n, o.weight_max, cpu_seconds() - started);
    for (int e = 0; e <= WN_ESTIMATOR_DR; e++) {
        const struct wn_estimate *x = &o.estimates[e];
        printf("  %-10s %.3f %% (%.3f to %.3f)  %s\n", wn_estimator_name((wn_estimator)e),
               100 * x->value, 100 * x->low, 100 * x->high,
               x->low <= truth && truth <= x->high ? "holds it" : "misses it");
    }
    wn_arena_deinit(&a);
}

/* ---- simulated logs ---------------------------------------------------------------------------- */

enum { ROWS = 1000, ARMS = 5 };

static double rate_of(double x, size_t arm)
{
    return 1 / (1 + exp(1.5 - .3 * (double)arm - .5 * x + .2 * x * ((double)arm - 2)));
}

static void softmax(double x, double slope, double lift, double p[ARMS])
{
    double sum = 0;
    for (size_t a = 0; a < ARMS; a++)
        sum += p[a] = exp(slope * x * ((double)a - 2) + lift * (double)a);
    for (size_t a = 0; a < ARMS; a++)
        p[a] /= sum;
}

static double truth_of(double slope)
{
    double sum = 0, weight = 0, p[ARMS];
    for (double x = -8; x <= 8; x += .001) {
        double w = exp(-.5 * x * x);
        softmax(x, slope, .3, p);
        weight += w;
        for (size_t a = 0; a < ARMS; a++)
            sum += w * p[a] * rate_of(x, a);
    }
    return sum / weight;
}

/* Coverage of the 95 % intervals on 1000 logs of 1000 rows; the model is a straight line. */
static void coverage(double logged, double slope)
{
    static uint32_t action[ROWS];
    static double reward[ROWS], propensity[ROWS], policy[ROWS * ARMS], x[ROWS];
    double truth = truth_of(slope), covered[WN_ESTIMATOR_N] = {0}, bias[WN_ESTIMATOR_N] = {0};
    double squares[WN_ESTIMATOR_N] = {0}, ess = 0;
    const int n_logs = 1000;
    int n_judged = 0;
    for (int k = 0; k < n_logs; k++) {
        struct wn_arena a;
        struct wn_rand r;
        struct wn_why why = {0};
        struct wn_offpolicy o;
        double *q;
        wn_arena_init(&a, 0);
        wn_rand_init(&r, (uint64_t)k);
        for (size_t i = 0; i < ROWS; i++) {
            double p[ARMS], at = 0;
            uint32_t arm = 0;
            x[i] = wn_rand_normal(&r);
            softmax(x[i], logged, 0, p);
            double u = wn_rand_uniform(&r);
            while (arm < ARMS - 1 && u >= (at += p[arm]))
                arm++;
            action[i] = arm;
            propensity[i] = p[arm];
            reward[i] = wn_rand_uniform(&r) < rate_of(x[i], arm);
            softmax(x[i], slope, .3, policy + i * ARMS);
        }
        struct wn_log log = {ROWS, ARMS, action, reward, propensity, policy, NULL, NULL};
        const struct wn_log_context context = {.x = x, .n_features = 1};
        const struct wn_offpolicy_options options = {.n_resamples = 1000};
        check(wn_offpolicy_fit(&a, &log, &context, &r, &q, &why), &why);
        log.q = q;
        check(wn_offpolicy_evaluate(&a, &log, &options, &r, &o, &why), &why);
        ess += o.ess / n_logs;
        n_judged += !o.is_refused;
        for (int e = 0; e <= WN_ESTIMATOR_DR && !o.is_refused; e++) {
            const struct wn_estimate *v = &o.estimates[e];
            covered[e] += v->low <= truth && truth <= v->high;
            bias[e] += v->value - truth;
            squares[e] += (v->value - truth) * (v->value - truth);
        }
        wn_arena_deinit(&a);
    }
    printf("simulated, %d logs of 1000 rows, %d of them refused; effective sample size %.0f, truth "
           "%.4f\n",
           n_logs, n_logs - n_judged, ess, truth);
    for (int e = 0; e <= WN_ESTIMATOR_DR; e++)
        printf("  %-10s covers %.1f %%, bias %+.4f, root mean square error %.4f\n",
               wn_estimator_name((wn_estimator)e), 100 * covered[e] / n_judged, bias[e] / n_judged,
               sqrt(squares[e] / n_judged));
}

int main(int argc, char **argv)
{
    const char *data = argc > 1 ? argv[1] : "../shared/data";
    double p[OB_POSITIONS][OB_ITEMS];
    if (ob_read(data, "random", &uniform_log) && ob_read(data, "bts", &thompson_log)) {
        ob_policy(&thompson_log, p);
        judge("Bernoulli Thompson sampling, by the log of uniform choice", &uniform_log, p,
              ob_mean(thompson_log.click, thompson_log.n));
        for (size_t k = 0; k < OB_POSITIONS; k++)
            for (size_t a = 0; a < OB_ITEMS; a++)
                p[k][a] = 1.0 / OB_ITEMS;
        judge("uniform choice, by the log of Bernoulli Thompson sampling", &thompson_log, p,
              ob_mean(uniform_log.click, uniform_log.n));
    } else {
        puts("open_bandit is not there (or xz is missing): skipped");
    }
    coverage(.3, -.1);
    coverage(.3, .5);
    coverage(.5, -.3); /* wild weights */
    return 0;
}
