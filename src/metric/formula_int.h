/* The tree behind a formula: shared by the parser, the printer and the two targets. */
#ifndef WN_METRIC_FORMULA_INT_H
#define WN_METRIC_FORMULA_INT_H

#include "metric/formula.h"

typedef enum wn_formula_op {
    WN_OP_NUMBER,
    WN_OP_SUM,
    WN_OP_NEGATE,
    WN_OP_NOT,
    WN_OP_ADD,
    WN_OP_SUBTRACT,
    WN_OP_MULTIPLY,
    WN_OP_DIVIDE,
    WN_OP_EQUAL,
    WN_OP_NOT_EQUAL,
    WN_OP_LESS,
    WN_OP_LESS_EQUAL,
    WN_OP_GREATER,
    WN_OP_GREATER_EQUAL,
    WN_OP_AND,
    WN_OP_OR,
    WN_OP_MIN,
    WN_OP_MAX,
    WN_OP_ABS,
    WN_OP_COALESCE,
    WN_OP_IF,
    WN_OP_N
} wn_formula_op;

#define WN_FORMULA_ARGS_MAX 16
/* SQL must repeat a divisor to test it for zero, so its size can double with each nesting; this
 * bounds it. Counted in nodes. */
#define WN_FORMULA_SQL_NODES_MAX 4096

/* A node; a formula is its root. Immutable, and shared where a metric is named more than once. */
struct wn_formula {
    wn_formula_op op;
    wn_measure measure; /* SUM */
    double number;      /* NUMBER: finite, not negative */
    const struct wn_formula *const *args;
    uint32_t n_args;
    uint32_t depth;       /* 1 for a leaf; at most WN_FORMULA_DEPTH_MAX */
    uint32_t n_nodes;     /* of the tree, shared parts counted each time */
    uint32_t n_sql_nodes; /* as n_nodes, but as often as the SQL repeats them */
    uint32_t measures;    /* bit set of the sums it needs */
};

/* How it is written; what binds tighter has the larger precedence. */
struct wn_formula_op_info {
    const char *text;
    int precedence;
};
enum {
    WN_PREC_OR = 1,
    WN_PREC_AND,
    WN_PREC_NOT,
    WN_PREC_COMPARE,
    WN_PREC_ADD,
    WN_PREC_MULTIPLY,
    WN_PREC_NEGATE,
    WN_PREC_PRIMARY
};
extern const struct wn_formula_op_info wn_formula_ops[WN_OP_N];

/* The same tree, number by number. */
bool wn_formula_equal(const struct wn_formula *a, const struct wn_formula *b);
/* As wn_formula_sql, with a sum in whole units (a DOUBLE: see wn_sums) written as before + name +
 * after. The result is finite or NULL. */
void wn_formula_sql_over(const struct wn_formula *f, const char *before, const char *after,
                         struct wn_buf *out);
/* [a-z][a-z0-9_]*, at most WN_METRIC_NAME_MAX. */
bool wn_metric_name_is_plain(struct wn_str name);
/* True when name is a word of the language and so cannot name a metric. */
bool wn_formula_is_word(struct wn_str name);

/* The candidate nearest to a word that is none of them: feed candidates, then ask. */
struct wn_nearest {
    struct wn_str word;
    struct wn_str best; /* p = NULL: none is near enough to be meant */
    size_t best_distance;
};
void wn_nearest_init(struct wn_nearest *n, struct wn_str word);
void wn_nearest_try(struct wn_nearest *n, struct wn_str candidate);
#define WN_NEAREST_TEXT_MAX 128
/* "; did you mean roas?" or "". */
const char *wn_nearest_text(const struct wn_nearest *n, char out[WN_NEAREST_TEXT_MAX]);

#endif
