/* Text to tree: a lexer and a recursive-descent parser, one function per level of precedence. */
#include <math.h>
#include <stdio.h>

#include "core/num.h"
#include "metric/formula_int.h"

/* Parentheses and signs build no deep tree, yet recurse here. A printed formula needs at most two
 * such levels for each level of its tree. */
#define NEST_MAX (3 * WN_FORMULA_DEPTH_MAX)

typedef enum token_kind {
    TOKEN_END,
    TOKEN_NUMBER,
    TOKEN_NAME,
    TOKEN_PUNCTUATION /* one of + - * / ( ) , or a comparison, in op */
} token_kind;

struct token {
    token_kind kind;
    struct wn_str text;
    size_t at; /* byte offset */
    double number;
};

struct parser {
    struct wn_arena *a;
    const struct wn_metrics *metrics;
    struct wn_str text;
    size_t next;        /* where the token after this one starts */
    struct token token; /* the one to look at */
    uint32_t nest;
    wn_rc rc; /* the first failure; nothing more is built after it */
    struct wn_why *why;
};

static const struct wn_formula *parse_or(struct parser *p);

/* ---- failures --------------------------------------------------------------------------------- */

static const struct wn_formula *fail_at(struct parser *p, wn_rc rc, size_t at, const char *text)
{
    if (p->rc)
        return NULL;
    p->rc = wn_fail(p->why, rc, NULL, "%s", text);
    if (p->why)
        p->why->column = (uint32_t)(at + 1);
    return NULL;
}

static const struct wn_formula *fail_here(struct parser *p, const char *expected)
{
    char text[WN_WHY_MAX];
    if (p->token.kind == TOKEN_END)
        (void)snprintf(text, sizeof text, "the formula ends where %s is expected", expected);
    else
        (void)snprintf(text, sizeof text, "%s is expected, not '%.*s'", expected,
                       (int)(p->token.text.n > 60 ? 60 : p->token.text.n), p->token.text.p);
    return fail_at(p, WN_INVALID, p->token.at, text);
}

/* ---- tokens ----------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char peek(const struct parser *p, size_t at)
{
    return at < p->text.n ? p->text.p[at] : '\0';
}

static size_t skip_digits(const struct parser *p, size_t at)
{
    while (is_digit(peek(p, at)))
        at++;
    return at;
}

static void lex_number(struct parser *p, size_t at)
{
    size_t end = skip_digits(p, at);
    if (peek(p, end) == '.')
        end = skip_digits(p, end + 1);
    if (peek(p, end) == 'e' || peek(p, end) == 'E') {
        size_t sign = peek(p, end + 1) == '+' || peek(p, end + 1) == '-' ? 1 : 0;
        if (is_digit(peek(p, end + 1 + sign)))
            end = skip_digits(p, end + 1 + sign);
    }
    p->token.text = wn_str_slice(p->text, at, end);
    p->token.kind = TOKEN_NUMBER;
    if (is_letter(peek(p, end)) || !wn_parse_f64(p->token.text, &p->token.number))
        (void)fail_at(p, WN_INVALID, at, "this is not a number");
    p->next = end;
}

static bool is_sign(char c)
{
    struct wn_str signs = WN_STR("+-*/(),<>=");
    return wn_str_find_char(signs, c) < signs.n;
}

static void lex_punctuation(struct parser *p, size_t at)
{
    char c = p->text.p[at], d = peek(p, at + 1);
    size_t n = 1;
    if ((c == '<' || c == '>' || c == '!' || c == '=') && d == '=')
        n = 2;
    else if (c == '<' && d == '>')
        n = 2;
    else if (!is_sign(c))
        (void)fail_at(p, WN_INVALID, at, "this character means nothing in a formula");
    p->token.text = wn_str_slice(p->text, at, at + n);
    p->token.kind = TOKEN_PUNCTUATION;
    p->next = at + n;
}

static void advance(struct parser *p)
{
    size_t at = p->next;
    char c;
    while ((c = peek(p, at)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        at++;
    p->token = (struct token){.kind = TOKEN_END, .at = at};
    p->next = at;
    if (at >= p->text.n)
        return;
    if (is_digit(c)) {
        lex_number(p, at);
    } else if (is_letter(c)) {
        while (is_letter(peek(p, p->next)) || is_digit(peek(p, p->next)))
            p->next++;
        p->token.kind = TOKEN_NAME;
        p->token.text = wn_str_slice(p->text, at, p->next);
    } else {
        lex_punctuation(p, at);
    }
}

static bool at_sign(const struct parser *p, const char *z)
{
    return p->token.kind == TOKEN_PUNCTUATION && wn_str_eq(p->token.text, wn_str_of(z));
}

static bool at_word(const struct parser *p, const char *z)
{
    return p->token.kind == TOKEN_NAME && wn_str_eq_nocase(p->token.text, wn_str_of(z));
}

static bool take_sign(struct parser *p, const char *z)
{
    if (p->rc || !at_sign(p, z))
        return false;
    advance(p);
    return true;
}

static bool enter(struct parser *p)
{
    if (++p->nest > NEST_MAX)
        (void)fail_at(p, WN_LIMIT, p->token.at, "the formula is nested too deeply");
    return !p->rc;
}

/* ---- nodes ------------------------------------------------------------------------------------ */

/* How large the SQL of a node is, in nodes: see formula_sql.c for what is written twice. */
static uint64_t sql_nodes(wn_formula_op op, const struct wn_formula *const *args, uint32_t n)
{
    uint64_t total = 1;
    for (uint32_t i = 0; i < n; i++) {
        bool twice = (op == WN_OP_DIVIDE && i == 1) || (op == WN_OP_IF && i == 0) ||
                     op == WN_OP_MIN || op == WN_OP_MAX;
        total += (twice ? 2 : 1) * (uint64_t)args[i]->n_sql_nodes;
    }
    return total;
}

static const struct wn_formula *node(struct parser *p, wn_formula_op op, size_t at,
                                     const struct wn_formula *const *args, uint32_t n)
{
    if (p->rc)
        return NULL;
    uint32_t depth = 0, measures = 0;
    uint64_t n_nodes = 1;
    for (uint32_t i = 0; i < n; i++) {
        depth = args[i]->depth > depth ? args[i]->depth : depth;
        measures |= args[i]->measures;
        n_nodes += args[i]->n_nodes;
    }
    uint64_t n_sql_nodes = sql_nodes(op, args, n);
    if (depth + 1 > WN_FORMULA_DEPTH_MAX)
        return fail_at(p, WN_LIMIT, at, "the formula is nested too deeply");
    if (n_nodes > WN_FORMULA_BYTES_MAX || n_sql_nodes > WN_FORMULA_SQL_NODES_MAX)
        return fail_at(p, WN_LIMIT, at, "the formula is too large with its metrics written out");

    struct wn_formula *f = WN_ARENA_NEW(p->a, struct wn_formula);
    const struct wn_formula **kept = WN_ARENA_ARRAY(p->a, n, const struct wn_formula *);
    if (!f || !kept)
        return fail_at(p, WN_MEMORY, at, "memory has run out");
    for (uint32_t i = 0; i < n; i++)
        kept[i] = args[i];
    *f = (struct wn_formula){.op = op,
                             .args = kept,
                             .n_args = n,
                             .depth = depth + 1,
                             .n_nodes = (uint32_t)n_nodes,
                             .n_sql_nodes = (uint32_t)n_sql_nodes,
                             .measures = measures};
    return f;
}

static const struct wn_formula *number_node(struct parser *p, double number)
{
    const struct wn_formula *f = node(p, WN_OP_NUMBER, p->token.at, NULL, 0);
    if (!f)
        return NULL;
    ((struct wn_formula *)f)->number = number; /* ours until it is handed out */
    return f;
}

static const struct wn_formula *sum_node(struct parser *p, wn_measure measure)
{
    const struct wn_formula *f = node(p, WN_OP_SUM, p->token.at, NULL, 0);
    if (!f)
        return NULL;
    ((struct wn_formula *)f)->measure = measure;
    ((struct wn_formula *)f)->measures = 1u << measure;
    return f;
}

/* ---- names ------------------------------------------------------------------------------------ */

struct function {
    const char *name;
    wn_formula_op op;
    uint32_t args_min, args_max;
    const char *args;
};
static const struct function functions[] = {
    {"min", WN_OP_MIN, 2, WN_FORMULA_ARGS_MAX, "min(a, b, ...) takes 2 to 16 values"},
    {"max", WN_OP_MAX, 2, WN_FORMULA_ARGS_MAX, "max(a, b, ...) takes 2 to 16 values"},
    {"abs", WN_OP_ABS, 1, 1, "abs(a) takes one value"},
    {"coalesce", WN_OP_COALESCE, 2, WN_FORMULA_ARGS_MAX,
     "coalesce(a, b, ...) takes 2 to 16 values"},
    {"if", WN_OP_IF, 3, 3, "if(condition, a, b) takes a condition and two values"},
};

bool wn_formula_is_word(struct wn_str name)
{
    for (size_t i = 0; i < WN_COUNT(functions); i++)
        if (wn_str_eq_nocase(name, wn_str_of(functions[i].name)))
            return true;
    return wn_str_eq_nocase(name, WN_STR("and")) || wn_str_eq_nocase(name, WN_STR("or")) ||
           wn_str_eq_nocase(name, WN_STR("not"));
}

static const struct wn_formula *fail_unknown(struct parser *p, struct token name)
{
    struct wn_nearest nearest;
    char text[WN_WHY_MAX], suggestion[WN_NEAREST_TEXT_MAX];
    wn_nearest_init(&nearest, name.text);
    for (size_t i = 0; i < WN_MEASURE_N; i++)
        wn_nearest_try(&nearest, wn_str_of(wn_measure_names[i]));
    for (size_t i = 0; p->metrics && i < wn_metrics_count(p->metrics); i++)
        wn_nearest_try(&nearest, wn_metrics_at(p->metrics, i)->name);
    (void)snprintf(text, sizeof text, "there is no metric '%.*s'%s",
                   (int)(name.text.n > WN_METRIC_NAME_MAX ? WN_METRIC_NAME_MAX : name.text.n),
                   name.text.p, wn_nearest_text(&nearest, suggestion));
    return fail_at(p, WN_INVALID, name.at, text);
}

static const struct wn_formula *parse_name(struct parser *p)
{
    struct token name = p->token;
    char lower[WN_METRIC_NAME_MAX];
    if (name.text.n > sizeof lower)
        return fail_unknown(p, name);
    for (size_t i = 0; i < name.text.n; i++) {
        char c = name.text.p[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    struct wn_str key = {lower, name.text.n};
    const struct wn_formula *f = NULL;
    for (int m = 0; m < WN_MEASURE_N && !f && !p->rc; m++)
        if (wn_str_eq(key, wn_str_of(wn_measure_names[m])))
            f = sum_node(p, (wn_measure)m);
    if (!f && !p->rc && p->metrics) {
        const struct wn_metric *metric = wn_metrics_get(p->metrics, key);
        f = metric ? metric->formula : NULL;
    }
    if (!f)
        return fail_unknown(p, name); /* keeps an earlier failure */
    advance(p);
    return f;
}

static const struct wn_formula *parse_call(struct parser *p, const struct function *function,
                                           size_t at)
{
    const struct wn_formula *args[WN_FORMULA_ARGS_MAX];
    uint32_t n = 0;
    if (!take_sign(p, "("))
        return fail_here(p, "'('");
    do {
        const struct wn_formula *arg = parse_or(p);
        if (!arg)
            return NULL;
        if (n == function->args_max)
            return fail_at(p, WN_INVALID, at, function->args);
        args[n++] = arg;
    } while (take_sign(p, ","));
    if (!take_sign(p, ")"))
        return fail_here(p, "',' or ')'");
    if (n < function->args_min)
        return fail_at(p, WN_INVALID, at, function->args);
    return node(p, function->op, at, args, n);
}

/* ---- the grammar ------------------------------------------------------------------------------ */

static const struct wn_formula *parse_primary(struct parser *p)
{
    const struct wn_formula *f;
    size_t at = p->token.at;
    if (p->rc)
        return NULL;
    if (p->token.kind == TOKEN_NUMBER) {
        f = number_node(p, p->token.number);
        advance(p);
        return p->rc ? NULL : f;
    }
    if (take_sign(p, "(")) {
        if (!enter(p) || !(f = parse_or(p)))
            return NULL;
        p->nest--;
        return take_sign(p, ")") ? f : fail_here(p, "')'");
    }
    if (p->token.kind != TOKEN_NAME)
        return fail_here(p, "a metric, a number or '('");
    for (size_t i = 0; i < WN_COUNT(functions); i++) {
        if (!at_word(p, functions[i].name))
            continue;
        advance(p);
        if (!enter(p) || !(f = parse_call(p, &functions[i], at)))
            return NULL;
        p->nest--;
        return f;
    }
    if (wn_formula_is_word(p->token.text))
        return fail_here(p, "a metric, a number or '('");
    return parse_name(p);
}

static const struct wn_formula *parse_unary(struct parser *p)
{
    size_t at = p->token.at;
    if (!take_sign(p, "-"))
        return parse_primary(p);
    const struct wn_formula *f = NULL;
    if (!enter(p) || !(f = parse_unary(p)))
        return NULL;
    p->nest--;
    return node(p, WN_OP_NEGATE, at, &f, 1);
}

static const struct wn_formula *parse_multiply(struct parser *p)
{
    const struct wn_formula *args[2] = {parse_unary(p), NULL};
    while (args[0] && (at_sign(p, "*") || at_sign(p, "/"))) {
        wn_formula_op op = at_sign(p, "*") ? WN_OP_MULTIPLY : WN_OP_DIVIDE;
        size_t at = p->token.at;
        advance(p);
        if (!(args[1] = parse_unary(p)))
            return NULL;
        args[0] = node(p, op, at, args, 2);
    }
    return args[0];
}

static const struct wn_formula *parse_add(struct parser *p)
{
    const struct wn_formula *args[2] = {parse_multiply(p), NULL};
    while (args[0] && (at_sign(p, "+") || at_sign(p, "-"))) {
        wn_formula_op op = at_sign(p, "+") ? WN_OP_ADD : WN_OP_SUBTRACT;
        size_t at = p->token.at;
        advance(p);
        if (!(args[1] = parse_multiply(p)))
            return NULL;
        args[0] = node(p, op, at, args, 2);
    }
    return args[0];
}

/* The comparison that the token is, or WN_OP_N. */
static wn_formula_op comparison(const struct parser *p)
{
    for (int op = WN_OP_EQUAL; op <= WN_OP_GREATER_EQUAL; op++)
        if (at_sign(p, wn_formula_ops[op].text))
            return (wn_formula_op)op;
    if (at_sign(p, "=="))
        return WN_OP_EQUAL;
    return at_sign(p, "<>") ? WN_OP_NOT_EQUAL : WN_OP_N;
}

static const struct wn_formula *parse_compare(struct parser *p)
{
    const struct wn_formula *args[2] = {parse_add(p), NULL};
    wn_formula_op op = comparison(p);
    if (!args[0] || op == WN_OP_N)
        return args[0];
    size_t at = p->token.at;
    advance(p);
    if (!(args[1] = parse_add(p)))
        return NULL;
    if (comparison(p) != WN_OP_N)
        return fail_at(p, WN_INVALID, p->token.at, "comparisons do not chain: join two with 'and'");
    return node(p, op, at, args, 2);
}

static const struct wn_formula *parse_not(struct parser *p)
{
    size_t at = p->token.at;
    if (p->rc || !at_word(p, "not"))
        return parse_compare(p);
    advance(p);
    const struct wn_formula *f = NULL;
    if (!enter(p) || !(f = parse_not(p)))
        return NULL;
    p->nest--;
    return node(p, WN_OP_NOT, at, &f, 1);
}

static const struct wn_formula *parse_and(struct parser *p)
{
    const struct wn_formula *args[2] = {parse_not(p), NULL};
    while (args[0] && at_word(p, "and")) {
        size_t at = p->token.at;
        advance(p);
        if (!(args[1] = parse_not(p)))
            return NULL;
        args[0] = node(p, WN_OP_AND, at, args, 2);
    }
    return args[0];
}

static const struct wn_formula *parse_or(struct parser *p)
{
    const struct wn_formula *args[2] = {parse_and(p), NULL};
    while (args[0] && at_word(p, "or")) {
        size_t at = p->token.at;
        advance(p);
        if (!(args[1] = parse_and(p)))
            return NULL;
        args[0] = node(p, WN_OP_OR, at, args, 2);
    }
    return args[0];
}

/* What is accepted must also be accepted when printed. */
static void check_printed_size(struct parser *p, const struct wn_formula *f)
{
    struct wn_buf printed;
    wn_buf_init(&printed, WN_FORMULA_BYTES_MAX);
    wn_formula_print(f, &printed);
    if (printed.failed == WN_LIMIT)
        (void)fail_at(p, WN_LIMIT, 0, "the formula is too large with its metrics written out");
    else if (printed.failed)
        (void)fail_at(p, WN_MEMORY, 0, "memory has run out");
    wn_buf_deinit(&printed);
}

wn_rc wn_formula_parse(struct wn_arena *a, const struct wn_metrics *m, struct wn_str text,
                       struct wn_formula **out, struct wn_why *why)
{
    struct parser p = {.a = a, .metrics = m, .text = text, .why = why};
    if (text.n > WN_FORMULA_BYTES_MAX)
        return wn_fail(why, WN_LIMIT, NULL, "a formula has at most %d bytes", WN_FORMULA_BYTES_MAX);
    advance(&p);
    if (!p.rc && p.token.kind == TOKEN_END)
        (void)fail_at(&p, WN_INVALID, p.token.at, "the formula is empty");
    const struct wn_formula *f = parse_or(&p);
    if (f && !p.rc && p.token.kind != TOKEN_END)
        (void)fail_here(&p, "an operator or the end");
    if (f && !p.rc)
        check_printed_size(&p, f);
    if (p.rc)
        return p.rc;
    *out = (struct wn_formula *)f; /* immutable all the same: the type is opaque to callers */
    return WN_OK;
}
