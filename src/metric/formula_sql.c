/* The formula as SQL over DOUBLE, step for step what formula.c does in memory.
 *
 * Division by zero and overflow are the two places where the engine follows IEEE 754 and the
 * language does not: a divisor of zero is made NULL at once, anything not finite at the very end.
 * "and", "or", "min" and "max" are written so that one NULL operand makes the result NULL, which
 * SQL's own do not. */
#include "core/num.h"
#include "metric/formula_int.h"

struct target {
    const char *before, *after; /* around the name of a sum */
    struct wn_buf *out;
};

static void emit_number(const struct target *t, const struct wn_formula *f);

static bool is_condition(wn_formula_op op)
{
    return op == WN_OP_NOT || (op >= WN_OP_EQUAL && op <= WN_OP_OR);
}

static void put(const struct target *t, const char *z)
{
    wn_buf_append_z(t->out, z);
}

/* An expression of type BOOLEAN. */
static void emit_condition(const struct target *t, const struct wn_formula *f)
{
    if (!is_condition(f->op)) {
        put(t, "(");
        emit_number(t, f);
        put(t, " <> 0e0)");
    } else if (f->op == WN_OP_NOT) {
        put(t, "(NOT ");
        emit_condition(t, f->args[0]);
        put(t, ")");
    } else if (f->op == WN_OP_AND || f->op == WN_OP_OR) {
        put(t, "((CAST(");
        emit_condition(t, f->args[0]);
        put(t, f->op == WN_OP_AND ? " AS DOUBLE) * CAST(" : " AS DOUBLE) + CAST(");
        emit_condition(t, f->args[1]);
        put(t, " AS DOUBLE)) <> 0e0)");
    } else {
        put(t, "(");
        emit_number(t, f->args[0]);
        put(t, f->op == WN_OP_NOT_EQUAL ? " <> " : " ");
        if (f->op != WN_OP_NOT_EQUAL) {
            put(t, wn_formula_ops[f->op].text);
            put(t, " ");
        }
        emit_number(t, f->args[1]);
        put(t, ")");
    }
}

static void emit_literal(const struct target *t, double number)
{
    char text[WN_NUM_TEXT_MAX];
    struct wn_str s = {text, wn_print_f64(number, text)};
    wn_buf_append(t->out, s);
    /* Without an exponent the engine would read a DECIMAL. */
    if (wn_str_find_char(s, 'e') == s.n)
        put(t, "e0");
}

static void emit_list(const struct target *t, const struct wn_formula *f, const char *separator)
{
    put(t, "(");
    for (uint32_t i = 0; i < f->n_args; i++) {
        if (i)
            put(t, separator);
        emit_number(t, f->args[i]);
    }
    put(t, ")");
}

static void emit_divide(const struct target *t, const struct wn_formula *f)
{
    put(t, "(");
    emit_number(t, f->args[0]);
    put(t, " / CASE WHEN ");
    emit_number(t, f->args[1]);
    put(t, " = 0e0 THEN NULL ELSE ");
    emit_number(t, f->args[1]);
    put(t, " END)");
}

static void emit_if(const struct target *t, const struct wn_formula *f)
{
    put(t, "CASE WHEN ");
    emit_condition(t, f->args[0]);
    put(t, " THEN ");
    emit_number(t, f->args[1]);
    put(t, " WHEN NOT ");
    emit_condition(t, f->args[0]);
    put(t, " THEN ");
    emit_number(t, f->args[2]);
    put(t, " END");
}

/* An expression of type DOUBLE. */
static void emit_number(const struct target *t, const struct wn_formula *f)
{
    switch (f->op) {
    case WN_OP_NUMBER:
        emit_literal(t, f->number);
        break;
    case WN_OP_SUM:
        put(t, t->before);
        put(t, wn_measure_names[f->measure]);
        put(t, t->after);
        break;
    case WN_OP_NEGATE:
        put(t, "(- ");
        emit_number(t, f->args[0]);
        put(t, ")");
        break;
    case WN_OP_ADD:
        emit_list(t, f, " + ");
        break;
    case WN_OP_SUBTRACT:
        emit_list(t, f, " - ");
        break;
    case WN_OP_MULTIPLY:
        emit_list(t, f, " * ");
        break;
    case WN_OP_DIVIDE:
        emit_divide(t, f);
        break;
    case WN_OP_ABS:
        put(t, "abs");
        emit_list(t, f, "");
        break;
    case WN_OP_COALESCE:
        put(t, "coalesce");
        emit_list(t, f, ", ");
        break;
    case WN_OP_MIN:
    case WN_OP_MAX:
        put(t, "CASE WHEN ");
        emit_list(t, f, " + ");
        put(t, f->op == WN_OP_MIN ? " IS NULL THEN NULL ELSE least"
                                  : " IS NULL THEN NULL ELSE greatest");
        emit_list(t, f, ", ");
        put(t, " END");
        break;
    case WN_OP_IF:
        emit_if(t, f);
        break;
    default:
        put(t, "CAST(");
        emit_condition(t, f);
        put(t, " AS DOUBLE)");
        break;
    }
}

/* True when the value cannot but be finite: sums and numbers are, and so are conditions. */
static bool is_finite(const struct wn_formula *f)
{
    return f->op == WN_OP_SUM || f->op == WN_OP_NUMBER || is_condition(f->op);
}

void wn_formula_sql_over(const struct wn_formula *f, const char *before, const char *after,
                         struct wn_buf *out)
{
    struct target t = {before, after, out};
    if (is_finite(f)) {
        emit_number(&t, f);
        return;
    }
    put(&t, "CASE WHEN isfinite(");
    emit_number(&t, f);
    put(&t, ") THEN ");
    emit_number(&t, f);
    put(&t, " END");
}

void wn_formula_sql(const struct wn_formula *f, struct wn_buf *out)
{
    wn_formula_sql_over(f, "(CAST(sum(", "_micros) AS DOUBLE) / 1e6)", out);
}
