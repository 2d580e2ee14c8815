/* The set of metrics: the built-in ones and a tenant's own. */
#include <stdio.h>

#include "metric/formula_int.h"
#include "metric/query.h"

#define METRICS_MAX 1000

struct wn_metrics {
    struct wn_arena *a;
    struct wn_metric **items; /* [n], pointers so that adding moves nobody's metric */
    size_t n, size;
};

struct builtin {
    const char *name, *label, *text, *help;
    wn_metric_unit unit;
    int8_t better;
};

/* One more metric is one more row. A formula may name the rows above it. */
static const struct builtin builtins[] = {
    {"impressions", "Impressions", "impressions", "How often ads were shown.", WN_UNIT_COUNT, 1},
    {"reach", "Reach", "reach", "How many people saw an ad, as the platforms count them.",
     WN_UNIT_COUNT, 1},
    {"clicks", "Clicks", "clicks", "How often ads were clicked.", WN_UNIT_COUNT, 1},
    {"engagements", "Engagements", "engagements", "Reactions, comments, shares and the like.",
     WN_UNIT_COUNT, 1},
    {"video_views", "Video views", "video_views", "How often a video was watched.", WN_UNIT_COUNT,
     1},
    {"conversions", "Conversions", "conversions", "Orders, leads or other goals reached.",
     WN_UNIT_COUNT, 1},
    {"spend", "Spend", "spend", "What the ads cost.", WN_UNIT_MONEY, 0},
    {"revenue", "Revenue", "revenue", "The value of the conversions.", WN_UNIT_MONEY, 1},
    {"ctr", "CTR", "clicks / impressions", "Click-through rate: clicks per impression.",
     WN_UNIT_RATIO, 1},
    {"cpc", "CPC", "spend / clicks", "Cost per click.", WN_UNIT_MONEY, -1},
    {"cpm", "CPM", "1000 * spend / impressions", "Cost per thousand impressions.", WN_UNIT_MONEY,
     -1},
    {"cpa", "CPA", "spend / conversions", "Cost per conversion.", WN_UNIT_MONEY, -1},
    {"cvr", "Conversion rate", "conversions / clicks", "Conversions per click.", WN_UNIT_RATIO, 1},
    {"roas", "ROAS", "revenue / spend", "Return on ad spend: revenue per unit of spend.",
     WN_UNIT_FACTOR, 1},
    {"roi", "ROI", "(revenue - spend) / spend", "Return on investment: profit per unit of spend.",
     WN_UNIT_RATIO, 1},
    {"profit", "Profit", "revenue - spend", "Revenue less the cost of the ads.", WN_UNIT_MONEY, 1},
    {"margin", "Margin", "(revenue - spend) / revenue", "Share of revenue left after the ads.",
     WN_UNIT_RATIO, 1},
    {"acos", "ACOS", "spend / revenue", "Advertising cost of sales: spend per unit of revenue.",
     WN_UNIT_RATIO, -1},
    {"aov", "Order value", "revenue / conversions", "Average revenue of one conversion.",
     WN_UNIT_MONEY, 1},
    {"rpc", "Revenue per click", "revenue / clicks", "Average revenue of one click.", WN_UNIT_MONEY,
     1},
    {"rpm", "RPM", "1000 * revenue / impressions", "Revenue per thousand impressions.",
     WN_UNIT_MONEY, 1},
    {"frequency", "Frequency", "impressions / reach", "How often a person saw an ad, on average.",
     WN_UNIT_FACTOR, 0},
    {"engagement_rate", "Engagement rate", "engagements / impressions",
     "Engagements per impression.", WN_UNIT_RATIO, 1},
    {"cpe", "CPE", "spend / engagements", "Cost per engagement.", WN_UNIT_MONEY, -1},
    {"view_rate", "View rate", "video_views / impressions", "Video views per impression.",
     WN_UNIT_RATIO, 1},
    {"cpv", "CPV", "spend / video_views", "Cost per video view.", WN_UNIT_MONEY, -1},
};

static wn_rc append(struct wn_metrics *m, const struct wn_metric *metric, struct wn_why *why)
{
    if (m->n == METRICS_MAX)
        return wn_fail(why, WN_LIMIT, "name", "there are %d metrics already", METRICS_MAX);
    struct wn_metric *kept = WN_ARENA_NEW(m->a, struct wn_metric);
    if (kept && m->n == m->size) {
        size_t size = m->size ? 2 * m->size : 64;
        struct wn_metric **items = WN_ARENA_ARRAY(m->a, size, struct wn_metric *);
        for (size_t i = 0; items && i < m->n; i++)
            items[i] = m->items[i];
        m->size = items ? size : m->size;
        m->items = items ? items : m->items;
    }
    if (!kept || m->n == m->size)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    *kept = *metric;
    m->items[m->n++] = kept;
    return WN_OK;
}

wn_rc wn_metrics_new(struct wn_arena *a, struct wn_metrics **out, struct wn_why *why)
{
    struct wn_metrics *m = WN_ARENA_NEW(a, struct wn_metrics);
    if (!m)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    m->a = a;
    for (size_t i = 0; i < WN_COUNT(builtins); i++) {
        const struct builtin *b = &builtins[i];
        struct wn_formula *formula = NULL;
        wn_rc rc = wn_formula_parse(a, m, wn_str_of(b->text), &formula, why);
        if (rc)
            return rc;
        struct wn_metric metric = {.name = wn_str_of(b->name),
                                   .label = wn_str_of(b->label),
                                   .text = wn_str_of(b->text),
                                   .help = wn_str_of(b->help),
                                   .unit = b->unit,
                                   .better = b->better,
                                   .formula = formula};
        rc = append(m, &metric, why);
        if (rc)
            return rc;
    }
    *out = m;
    return WN_OK;
}

/* The unit that a formula's value is likely meant in: money stays money until it is divided by
 * money, and a count over a count is a ratio. */
static wn_metric_unit unit_of(const struct wn_formula *f)
{
    wn_metric_unit a, b;
    switch (f->op) {
    case WN_OP_SUM:
        return f->measure == WN_MEASURE_SPEND || f->measure == WN_MEASURE_REVENUE ? WN_UNIT_MONEY
                                                                                  : WN_UNIT_COUNT;
    case WN_OP_DIVIDE:
        a = unit_of(f->args[0]);
        b = unit_of(f->args[1]);
        if (f->args[1]->op == WN_OP_NUMBER || (a == WN_UNIT_MONEY && b != WN_UNIT_MONEY))
            return a;
        return a == WN_UNIT_COUNT && b == WN_UNIT_COUNT ? WN_UNIT_RATIO : WN_UNIT_FACTOR;
    case WN_OP_MULTIPLY:
        a = unit_of(f->args[0]);
        b = unit_of(f->args[1]);
        return a == WN_UNIT_MONEY || b == WN_UNIT_MONEY ? WN_UNIT_MONEY
               : f->args[0]->op == WN_OP_NUMBER         ? b
                                                        : a;
    case WN_OP_IF:
        return unit_of(f->args[f->args[1]->op == WN_OP_NUMBER ? 2 : 1]);
    case WN_OP_NEGATE:
    case WN_OP_ADD:
    case WN_OP_SUBTRACT:
    case WN_OP_MIN:
    case WN_OP_MAX:
    case WN_OP_ABS:
    case WN_OP_COALESCE:
        for (uint32_t i = 0; i < f->n_args; i++)
            if (f->args[i]->op != WN_OP_NUMBER)
                return unit_of(f->args[i]);
        return WN_UNIT_COUNT;
    default:
        return WN_UNIT_COUNT;
    }
}

/* A metric's name is a column of results, beside dimensions, their ids and earlier values. */
static wn_rc check_name(const struct wn_metrics *m, struct wn_str name, struct wn_why *why)
{
    wn_dimension dimension;
    struct wn_str stem = name;
    if (!wn_metric_name_is_plain(name))
        return wn_fail(why, WN_INVALID, "name",
                       "a metric's name is a letter a-z, then letters, digits and '_', at most %d",
                       WN_METRIC_NAME_MAX);
    if (wn_formula_is_word(name))
        return wn_fail(why, WN_INVALID, "name", "'%.*s' is a word of the language",
                       WN_STR_ARG(name));
    if (wn_str_ends(name, WN_STR("_previous")))
        return wn_fail(why, WN_INVALID, "name", "names that end in _previous are for comparisons");
    if (wn_str_ends(name, WN_STR("_id")))
        stem = wn_str_slice(name, 0, name.n - 3);
    if (wn_dimension_by_name(stem, &dimension))
        return wn_fail(why, WN_CONFLICT, "name", "'%.*s' is the name of a dimension",
                       WN_STR_ARG(name));
    if (wn_metrics_get(m, name))
        return wn_fail(why, WN_CONFLICT, "name", "there is a metric '%.*s' already",
                       WN_STR_ARG(name));
    return WN_OK;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Where text names the metric itself, or text.n. Since a formula may name only what is there
 * already, this is the one cycle that can be written. */
static size_t find_itself(struct wn_str text, struct wn_str name)
{
    for (size_t i = 0; i < text.n;) {
        size_t start = i;
        while (i < text.n && is_name_char(text.p[i]))
            i++;
        if (i > start && wn_str_eq_nocase(wn_str_slice(text, start, i), name))
            return start;
        if (i == start)
            i++;
    }
    return text.n;
}

wn_rc wn_metrics_add(struct wn_metrics *m, struct wn_str name, struct wn_str formula,
                     struct wn_str label, struct wn_why *why)
{
    struct wn_formula *parsed = NULL;
    wn_rc rc = check_name(m, name, why);
    if (rc)
        return rc;
    size_t at = find_itself(formula, name);
    if (at < formula.n) {
        rc = wn_fail(why, WN_INVALID, "formula", "'%.*s' cannot be defined by itself",
                     WN_STR_ARG(name));
        if (why)
            why->column = (uint32_t)(at + 1);
        return rc;
    }
    rc = wn_formula_parse(m->a, m, formula, &parsed, why);
    if (rc) {
        if (why && rc != WN_MEMORY)
            (void)snprintf(why->field, sizeof why->field, "formula");
        return rc;
    }
    struct wn_metric metric = {.name = wn_arena_dup(m->a, name),
                               .label = wn_arena_dup(m->a, label.n ? label : name),
                               .text = wn_arena_dup(m->a, formula),
                               .unit = unit_of(parsed),
                               .is_user_defined = true,
                               .formula = parsed};
    metric.help = wn_arena_printf(m->a, "Your own metric: %.*s.", WN_STR_ARG(metric.text));
    if (!metric.name.p || !metric.label.p || !metric.text.p || !metric.help.p)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    return append(m, &metric, why);
}

const struct wn_metric *wn_metrics_get(const struct wn_metrics *m, struct wn_str name)
{
    for (size_t i = 0; i < m->n; i++)
        if (wn_str_eq(m->items[i]->name, name))
            return m->items[i];
    return NULL;
}

size_t wn_metrics_count(const struct wn_metrics *m)
{
    return m->n;
}

const struct wn_metric *wn_metrics_at(const struct wn_metrics *m, size_t i)
{
    WN_ASSERT(i < m->n);
    return m->items[i];
}
