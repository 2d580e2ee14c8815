/* The sentences about a plan: why each entity gets what it gets, and what the whole is worth. */
#include "learn/allocate_int.h"

#include "core/buf.h"
#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const bind_names[] = {
#define X(name, text) text,
    WN_BIND_MAP(X)
#undef X
};

const char *wn_bind_name(wn_bind b)
{
    return b < WN_BIND_N ? bind_names[b] : "";
}

struct money {
    char text[WN_NUM_TEXT_MAX];
};

static struct money money_of(double amount)
{
    struct money m;
    snprintf(m.text, sizeof m.text, fabs(amount) >= 1e15 ? "%.4g" : "%.2f", amount);
    return m;
}

/* For a sentence: two decimals, as money is read. The rows have the exact amount. */
static struct money micros_of(int64_t micros)
{
    return money_of((double)micros / WN_MICROS);
}

static struct money ratio_of(double x)
{
    struct money m;
    snprintf(m.text, sizeof m.text, "%.3g", x);
    return m;
}

/* Two ratios that are compared in one sentence, with as many digits as it takes to tell them apart. */
struct compared {
    struct money own, other;
    const char *relation; /* of own to other, where it is not above it */
};

static struct compared compare(double own, double other)
{
    struct compared c = {.relation = "less than"};
    for (int digits = 3; digits <= 12; digits++) {
        snprintf(c.own.text, sizeof c.own.text, "%.*g", digits, own);
        snprintf(c.other.text, sizeof c.other.text, "%.*g", digits, other);
        if (strcmp(c.own.text, c.other.text) != 0)
            return c;
    }
    c.own = c.other = ratio_of(own);
    c.relation = "no more than";
    return c;
}

static bool is_nothing(const struct plan *plan)
{
    return plan->spend * WN_MICROS < 1;
}

/* Whether no entity can return the target, so that it is what every unit is held against. */
static bool target_stops_all(const struct plan *plan)
{
    return plan->roas_binds && (!plan->roas_is_met || is_nothing(plan));
}

static struct wn_str sentence_of_target(struct wn_arena *a, const struct problem *p, size_t i,
                                        const struct wn_allocate_row *row)
{
    struct compared unit = compare(row->marginal, p->options->target_roas);
    const struct entity *e = &p->entities[i];
    const char *next = unit.own.text, *relation = unit.relation, *target = unit.other.text;
    struct money lo = micros_of(e->lo_micros);
    if (row->bind == WN_BIND_ZERO)
        return wn_arena_printf(a,
                               "Gets nothing: its first unit returns %s, %s the target ROAS of %s.",
                               next, relation, target);
    if (row->bind == WN_BIND_MIN)
        return wn_arena_printf(
            a, "Held at its minimum of %s: the last unit returns %s, %s the target ROAS of %s.",
            lo.text, next, relation, target);
    return wn_arena_printf(a,
                           "Lowered to %s, as far as the largest change allows: the last unit "
                           "returns %s, %s the target ROAS of %s.",
                           lo.text, next, relation, target);
}

struct wn_str plan_row_text(struct wn_arena *a, const struct problem *p, const struct plan *plan,
                            size_t i, const struct wn_allocate_row *row)
{
    if (row->bind == WN_BIND_PRICE) /* most of them: before the numbers of the others are printed */
        return wn_arena_printf(a,
                               "The next unit returns %.3g here as everywhere else that can move: "
                               "the budget is the limit.",
                               row->marginal);
    const struct entity *e = &p->entities[i];
    struct compared unit = compare(row->marginal, plan->price[i]);
    struct money lo = micros_of(e->lo_micros), hi = micros_of(e->hi_micros);
    struct money marginal = ratio_of(row->marginal);
    const char *next = marginal.text, *own = unit.own.text, *price = unit.other.text;
    struct compared beside = compare(row->marginal, p->options->target_roas);
    bool is_low =
        row->bind == WN_BIND_ZERO || row->bind == WN_BIND_MIN || row->bind == WN_BIND_CHANGE_DOWN;
    if (is_low && target_stops_all(plan) && row->marginal <= p->options->target_roas)
        return sentence_of_target(a, p, i, row);
    switch (row->bind) {
    case WN_BIND_ROAS:
        return wn_arena_printf(a,
                               "The next unit would return %s; buying more would pull the total "
                               "below the target ROAS of %s.",
                               beside.own.text, beside.other.text);
    case WN_BIND_MIN:
        return wn_arena_printf(a,
                               "Held at its minimum of %s: the last unit returns %s, %s the %s "
                               "it would earn elsewhere.",
                               lo.text, own, unit.relation, price);
    case WN_BIND_MAX:
        return wn_arena_printf(a,
                               "Held at its maximum of %s: the next unit would return %s, against "
                               "%s elsewhere.",
                               hi.text, own, price);
    case WN_BIND_FIXED:
        return wn_arena_printf(a, "Fixed at %s by request; the next unit would return %s.", lo.text,
                               next);
    case WN_BIND_CHANGE_DOWN:
        return wn_arena_printf(a,
                               "Lowered to %s, as far as the largest change allows: the last unit "
                               "returns %s, %s the %s it would earn elsewhere.",
                               lo.text, own, unit.relation, price);
    case WN_BIND_CHANGE_UP:
        return wn_arena_printf(a,
                               "Raised to %s, as far as the largest change allows: the next unit "
                               "would still return %s, against %s elsewhere.",
                               hi.text, own, price);
    case WN_BIND_EXPLORE:
        return wn_arena_printf(a,
                               "Kept at %s, the share that exploration asks for, so that its curve "
                               "stays known; the last unit returns %s.",
                               lo.text, next);
    case WN_BIND_GROUP_CAP:
        return wn_arena_printf(a,
                               "The cap of its group is the limit: the next unit would return %s, "
                               "against %s elsewhere.",
                               ratio_of(row->marginal).text, ratio_of(plan->common_price).text);
    case WN_BIND_EVIDENCE:
        return wn_arena_printf(a, "Held at %s, where the curve ends: nothing is known beyond.",
                               hi.text);
    case WN_BIND_NO_RETURN:
        return wn_arena_printf(a, "Saturated above %s: the next unit returns nothing.",
                               money_of((double)row->budget_micros / WN_MICROS).text);
    case WN_BIND_ZERO:
        return wn_arena_printf(a,
                               "Gets nothing: its first unit returns %s, %s the %s it would earn "
                               "elsewhere.",
                               own, unit.relation, price);
    case WN_BIND_START_UP:
        return wn_arena_printf(a,
                               row->budget_micros
                                   ? "Given enough to get through its start-up phase; less would "
                                     "be lost, and the next unit returns %s."
                                   : "Gets nothing: it returns little before its start-up phase "
                                     "is paid for, and that money earns more elsewhere.",
                               next);
    case WN_BIND_KEPT:
        return wn_arena_printf(a, "Not moved: the gain of the whole plan is too small or too "
                                  "uncertain to pay for the change.");
    case WN_BIND_PRICE:
    case WN_BIND_N:
        break;
    }
    return (struct wn_str){0};
}

/* The row whose bound costs most: where one more unit would earn most above the price. */
static size_t costliest(const struct plan *plan, const struct wn_allocation *out)
{
    size_t at = 0;
    double most = -INFINITY;
    for (size_t i = 0; i < out->n; i++) {
        double excess = fabs(out->rows[i].marginal - plan->common_price);
        if (out->rows[i].bind != WN_BIND_PRICE && excess > most) {
            most = excess;
            at = i;
        }
    }
    return at;
}

static void say_name(struct wn_buf *b, const struct problem *p, size_t i)
{
    struct wn_str name = p->entities[i].given->name;
    if (name.n)
        wn_buf_append(b, wn_str_slice(name, 0, 100));
    else
        wn_buf_printf(b, "entity %zu", i + 1);
}

static void say_unchanged(struct wn_buf *b, const struct problem *p, const struct plan *plan,
                          const struct wn_allocation *out, bool is_kept)
{
    size_t counts[WN_BIND_N] = {0};
    wn_buf_append_z(b, "Nothing to change: ");
    if (is_kept) {
        wn_buf_printf(
            b,
            "the best plan found would gain %s (80 %% interval %s to %s), better than now "
            "with probability %.2f; %s.",
            money_of(out->gain_mean).text, money_of(out->gain_low).text,
            money_of(out->gain_high).text, out->gain_probability,
            out->gain_probability <= p->options->keep_probability
                ? "that is too uncertain to move money"
                : "that does not pay for the change");
        return;
    }
    for (size_t i = 0; i < out->n; i++)
        counts[out->rows[i].bind]++;
    if (counts[WN_BIND_PRICE] == out->n) {
        wn_buf_append_z(b, "every entity already returns the same for its next unit; only the "
                           "budget binds.");
        return;
    }
    bool first = true;
    for (int k = 0; k < WN_BIND_N; k++)
        if (counts[k]) {
            wn_buf_printf(b, "%s%zu held by %s", first ? "" : ", ", counts[k], bind_names[k]);
            first = false;
        }
    size_t i = costliest(plan, out);
    wn_buf_append_z(b, "; the bound that costs most is ");
    wn_buf_append_z(b, bind_names[out->rows[i].bind]);
    wn_buf_append_z(b, " of ");
    say_name(b, p, i);
    wn_buf_printf(b, ", whose next unit returns %s against %s elsewhere.",
                  ratio_of(out->rows[i].marginal).text, ratio_of(plan->common_price).text);
}

/* The entity whose next unit returns the most. */
static size_t best_next(const struct wn_allocation *out)
{
    size_t at = 0;
    for (size_t i = 1; i < out->n; i++)
        if (out->rows[i].marginal > out->rows[at].marginal)
            at = i;
    return at;
}

/* Nobody gets anything, because no first unit returns the target. */
static void say_nothing_pays(struct wn_buf *b, const struct problem *p,
                             const struct wn_allocation *out)
{
    size_t i = best_next(out);
    struct compared unit = compare(out->rows[i].marginal, p->options->target_roas);
    wn_buf_append_z(b, "Nothing is to be spent: the best first unit, of ");
    say_name(b, p, i);
    wn_buf_printf(b, ", returns %s, %s the target ROAS of %s.", unit.own.text, unit.relation,
                  unit.other.text);
}

static void say_changed(struct wn_buf *b, const struct problem *p, const struct plan *plan,
                        const struct wn_allocation *out)
{
    struct money left = micros_of(out->budget_micros - out->spent_micros);
    wn_buf_printf(b, "%s is expected to return %s", micros_of(out->spent_micros).text,
                  money_of(out->expected).text);
    bool known = out->gain_high > out->gain_low;
    wn_buf_printf(b, ", %s %s than the present split of it", money_of(fabs(out->gain_mean)).text,
                  out->gain_mean < 0 ? "less" : "more");
    if (known)
        wn_buf_printf(b, " (80 %% interval %s to %s; better with probability %.2f)",
                      money_of(out->gain_low).text, money_of(out->gain_high).text,
                      out->gain_probability);
    if (plan->budget_binds)
        wn_buf_printf(b, ". The next 100 spent would return %s.",
                      money_of(100 * plan->common_price).text);
    else if (plan->roas_binds && plan->roas_is_met)
        wn_buf_printf(b, ". %s is left over: more would miss the target ROAS of %.9g.", left.text,
                      p->options->target_roas);
    else if (!plan->roas_binds)
        wn_buf_printf(b, ". %s is left over: no entity may, or gains by, taking it.", left.text);
    else
        wn_buf_printf(b, ". %s is left over.", left.text);
}

wn_rc plan_text(const struct problem *p, const struct plan *plan, bool is_kept, struct wn_arena *a,
                struct wn_allocation *out)
{
    struct wn_buf b;
    wn_buf_init(&b, 8192);
    if (target_stops_all(plan) && is_nothing(plan))
        say_nothing_pays(&b, p, out);
    else if (out->is_unchanged)
        say_unchanged(&b, p, plan, out, is_kept);
    else
        say_changed(&b, p, plan, out);
    if (!out->roas_is_met) {
        struct compared roas = compare(plan->value / plan->spend, p->options->target_roas);
        wn_buf_printf(&b,
                      " The target ROAS of %s cannot be met: the minimums alone return %s for each "
                      "unit.",
                      roas.other.text, roas.own.text);
    }
    wn_rc rc = wn_buf_check(&b, NULL);
    if (!rc) {
        out->why = wn_arena_dup(a, wn_buf_str(&b));
        rc = out->why.p ? WN_OK : WN_MEMORY;
    }
    wn_buf_deinit(&b);
    return rc;
}
