/* What a formula is: evaluation, canonical text, equality. */
#include "metric/formula.h"

#include <math.h>

#include "core/num.h"
#include "metric/formula_int.h"

const struct wn_formula_op_info wn_formula_ops[WN_OP_N] = {
    [WN_OP_NUMBER] = {"", WN_PREC_PRIMARY},     [WN_OP_SUM] = {"", WN_PREC_PRIMARY},
    [WN_OP_NEGATE] = {"-", WN_PREC_NEGATE},     [WN_OP_NOT] = {"not ", WN_PREC_NOT},
    [WN_OP_ADD] = {"+", WN_PREC_ADD},           [WN_OP_SUBTRACT] = {"-", WN_PREC_ADD},
    [WN_OP_MULTIPLY] = {"*", WN_PREC_MULTIPLY}, [WN_OP_DIVIDE] = {"/", WN_PREC_MULTIPLY},
    [WN_OP_EQUAL] = {"=", WN_PREC_COMPARE},     [WN_OP_NOT_EQUAL] = {"!=", WN_PREC_COMPARE},
    [WN_OP_LESS] = {"<", WN_PREC_COMPARE},      [WN_OP_LESS_EQUAL] = {"<=", WN_PREC_COMPARE},
    [WN_OP_GREATER] = {">", WN_PREC_COMPARE},   [WN_OP_GREATER_EQUAL] = {">=", WN_PREC_COMPARE},
    [WN_OP_AND] = {"and", WN_PREC_AND},         [WN_OP_OR] = {"or", WN_PREC_OR},
    [WN_OP_MIN] = {"min", WN_PREC_PRIMARY},     [WN_OP_MAX] = {"max", WN_PREC_PRIMARY},
    [WN_OP_ABS] = {"abs", WN_PREC_PRIMARY},     [WN_OP_COALESCE] = {"coalesce", WN_PREC_PRIMARY},
    [WN_OP_IF] = {"if", WN_PREC_PRIMARY},
};

/* ---- evaluation ------------------------------------------------------------------------------- */

/* The engine's order of doubles, so that both targets agree when something overflows on the way:
 * not-a-number equals itself and is above all. */
static int order(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) ? 1 : 0) - (isnan(b) ? 1 : 0);
    return (a > b) - (a < b);
}

static bool compare(wn_formula_op op, double a, double b)
{
    int o = order(a, b);
    switch (op) {
    case WN_OP_EQUAL:
        return o == 0;
    case WN_OP_NOT_EQUAL:
        return o != 0;
    case WN_OP_LESS:
        return o < 0;
    case WN_OP_LESS_EQUAL:
        return o <= 0;
    case WN_OP_GREATER:
        return o > 0;
    default:
        return o >= 0;
    }
}

static bool eval(const struct wn_formula *f, const struct wn_sums *sums, double *out);

static bool eval_coalesce(const struct wn_formula *f, const struct wn_sums *sums, double *out)
{
    for (uint32_t i = 0; i < f->n_args; i++)
        if (eval(f->args[i], sums, out))
            return true;
    return false;
}

/* Everything that has no value as soon as one operand has none. */
static bool eval_strict(const struct wn_formula *f, const struct wn_sums *sums, double *out)
{
    double v[WN_FORMULA_ARGS_MAX] = {0};
    for (uint32_t i = 0; i < f->n_args; i++)
        if (!eval(f->args[i], sums, &v[i]))
            return false;
    switch (f->op) {
    case WN_OP_NEGATE:
        *out = -v[0];
        return true;
    case WN_OP_NOT:
        *out = v[0] == 0;
        return true;
    case WN_OP_ADD:
        *out = v[0] + v[1];
        return true;
    case WN_OP_SUBTRACT:
        *out = v[0] - v[1];
        return true;
    case WN_OP_MULTIPLY:
        *out = v[0] * v[1];
        return true;
    case WN_OP_DIVIDE:
        if (v[1] == 0)
            return false;
        *out = v[0] / v[1];
        return true;
    case WN_OP_AND:
        *out = v[0] != 0 && v[1] != 0;
        return true;
    case WN_OP_OR:
        *out = v[0] != 0 || v[1] != 0;
        return true;
    case WN_OP_ABS:
        *out = fabs(v[0]);
        return true;
    case WN_OP_MIN:
    case WN_OP_MAX:
        *out = v[0];
        for (uint32_t i = 1; i < f->n_args; i++)
            if (f->op == WN_OP_MIN ? order(v[i], *out) < 0 : order(v[i], *out) > 0)
                *out = v[i];
        return true;
    default:
        *out = compare(f->op, v[0], v[1]);
        return true;
    }
}

static bool eval(const struct wn_formula *f, const struct wn_sums *sums, double *out)
{
    double condition;
    switch (f->op) {
    case WN_OP_NUMBER:
        *out = f->number;
        return true;
    case WN_OP_SUM:
        *out = sums->values[f->measure];
        return sums->has[f->measure];
    case WN_OP_COALESCE:
        return eval_coalesce(f, sums, out);
    case WN_OP_IF:
        if (!eval(f->args[0], sums, &condition))
            return false;
        return eval(f->args[condition != 0 ? 1 : 2], sums, out);
    default:
        return eval_strict(f, sums, out);
    }
}

bool wn_formula_eval(const struct wn_formula *f, const struct wn_sums *sums, double *out)
{
    double value;
    if (!eval(f, sums, &value) || !isfinite(value))
        return false;
    *out = value;
    return true;
}

/* ---- text ------------------------------------------------------------------------------------- */

static void print(const struct wn_formula *f, int precedence_min, struct wn_buf *out);

static void print_call(const struct wn_formula *f, struct wn_buf *out)
{
    wn_buf_append_z(out, wn_formula_ops[f->op].text);
    for (uint32_t i = 0; i < f->n_args; i++) {
        wn_buf_append_z(out, i ? ", " : "(");
        print(f->args[i], 0, out);
    }
    wn_buf_append_char(out, ')');
}

static void print_binary(const struct wn_formula *f, struct wn_buf *out)
{
    int precedence = wn_formula_ops[f->op].precedence;
    /* Operators group to the left; comparisons do not chain at all. */
    print(f->args[0], precedence == WN_PREC_COMPARE ? precedence + 1 : precedence, out);
    wn_buf_append_char(out, ' ');
    wn_buf_append_z(out, wn_formula_ops[f->op].text);
    wn_buf_append_char(out, ' ');
    print(f->args[1], precedence + 1, out);
}

static void print_node(const struct wn_formula *f, struct wn_buf *out)
{
    char text[WN_NUM_TEXT_MAX];
    if (f->op == WN_OP_NUMBER) {
        size_t n = wn_print_f64(f->number, text);
        wn_buf_append(out, (struct wn_str){text, n});
    } else if (f->op == WN_OP_SUM) {
        wn_buf_append_z(out, wn_measure_names[f->measure]);
    } else if (wn_formula_ops[f->op].precedence == WN_PREC_PRIMARY) {
        print_call(f, out);
    } else if (f->n_args == 1) {
        wn_buf_append_z(out, wn_formula_ops[f->op].text);
        print(f->args[0], wn_formula_ops[f->op].precedence, out);
    } else {
        print_binary(f, out);
    }
}

static void print(const struct wn_formula *f, int precedence_min, struct wn_buf *out)
{
    bool in_parentheses = wn_formula_ops[f->op].precedence < precedence_min;
    if (in_parentheses)
        wn_buf_append_char(out, '(');
    print_node(f, out);
    if (in_parentheses)
        wn_buf_append_char(out, ')');
}

void wn_formula_print(const struct wn_formula *f, struct wn_buf *out)
{
    print(f, 0, out);
}

bool wn_formula_equal(const struct wn_formula *a, const struct wn_formula *b)
{
    if (a->op != b->op || a->n_args != b->n_args)
        return false;
    if (a->op == WN_OP_NUMBER)
        return order(a->number, b->number) == 0;
    if (a->op == WN_OP_SUM)
        return a->measure == b->measure;
    for (uint32_t i = 0; i < a->n_args; i++)
        if (!wn_formula_equal(a->args[i], b->args[i]))
            return false;
    return true;
}
