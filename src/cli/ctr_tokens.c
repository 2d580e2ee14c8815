/* Click data as tokens: libsvm, libffm and Vowpal Wabbit text. */
#include "cli/ctr_input_int.h"
#include "core/num.h"

#include <math.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The next word of *rest; false at its end. */
static bool next_word(struct wn_str *rest, struct wn_str *word)
{
    size_t i = 0, from;
    while (i < rest->n && is_blank(rest->p[i]))
        i++;
    for (from = i; i < rest->n && !is_blank(rest->p[i]); i++)
        ;
    *word = wn_str_slice(*rest, from, i);
    *rest = wn_str_slice(*rest, i, rest->n);
    return word->n > 0;
}

/* "a:b" into both; without colon *value is empty (p = NULL). */
static struct wn_str cut_value(struct wn_str word, struct wn_str *value)
{
    size_t colon = word.n;
    while (colon > 0 && word.p[colon - 1] != ':')
        colon--;
    *value = colon ? wn_str_slice(word, colon, word.n) : (struct wn_str){0};
    return colon ? wn_str_slice(word, 0, colon - 1) : word;
}

/* ---- formats ----------------------------------------------------------------------------------
 */

static bool is_number(struct wn_str s)
{
    double x;
    return wn_parse_f64(s, &x);
}

wn_ctr_format ctr_tokens_look(struct wn_str line)
{
    struct wn_str rest = line, label, word, value;
    size_t bar = wn_str_find_char(line, '|');
    if (bar < line.n && (bar == 0 || is_blank(line.p[bar - 1]) || line.p[0] == '\'')) {
        struct wn_str head = wn_str_slice(line, 0, bar);
        if (!next_word(&head, &label) || is_number(label) || label.p[0] == '\'')
            return WN_CTR_VW;
    }
    if (!next_word(&rest, &label) || !is_number(label))
        return WN_CTR_AUTO;
    if (!next_word(&rest, &word))
        return WN_CTR_AUTO;
    word = cut_value(word, &value);
    if (!value.p || !is_number(value))
        return WN_CTR_AUTO;
    return wn_str_find_char(word, ':') < word.n ? WN_CTR_LIBFFM : WN_CTR_LIBSVM;
}

/* ---- fields -----------------------------------------------------------------------------------
 */

/* The field of a name; WN_CTR_NONE when the model does not know it. */
static wn_rc field_of(struct ctr_reader *r, struct wn_str name, uint32_t *out, struct wn_why *why)
{
    uint32_t *known = wn_map_get(&r->fields, name), field = WN_CTR_NONE;
    if (known) {
        *out = *known - 1;
        return WN_OK;
    }
    if (!r->o->is_training)
        field = wn_ctr_field_find(r->m, name);
    else {
        wn_rc rc = wn_ctr_field_add(r->m, name, &field, why);
        if (rc) {
            if (why)
                why->line = r->line;
            return rc;
        }
    }
    wn_rc rc = wn_map_put(&r->fields, name, field + 1, &known, NULL);
    if (rc)
        return ctr_complain(r, rc, (struct wn_str){0}, why, "too many different fields");
    *out = field;
    return WN_OK;
}

static wn_rc add(struct ctr_reader *r, struct ctr_parsed *p, uint32_t field, struct wn_str name,
                 double x, struct wn_why *why)
{
    if (field == WN_CTR_NONE || x == 0)
        return WN_OK;
    if (!(fabs(x) <= 1000))
        return ctr_complain(r, WN_INVALID, name, why,
                            "the value of the feature '%.*s' is beyond 1000: scale it, or give "
                            "numbers as columns of a CSV file with --numeric",
                            WN_STR_ARG(name));
    struct wn_ctr_feature f = wn_ctr_feature_text(r->m, field, name);
    f.x = (float)x;
    return ctr_row_add(r, p, f, name, why);
}

static wn_rc read_label(struct ctr_reader *r, struct ctr_parsed *p, struct wn_str s,
                        struct wn_why *why)
{
    double label;
    if (!wn_parse_f64(s, &label) || !(label == -1 || (label >= 0 && label <= 1)))
        return ctr_complain(r, WN_INVALID, WN_STR("label"), why,
                            "the label '%.*s' is not 0, 1 or -1", WN_STR_ARG(s));
    p->line.has_label = true;
    p->line.row.clicks = label > 0 ? label : 0;
    return WN_OK;
}

/* ---- libsvm and libffm ------------------------------------------------------------------------
 */

static wn_rc svm_word(struct ctr_reader *r, struct ctr_parsed *p, struct wn_str word,
                      struct wn_why *why)
{
    bool has_fields = r->told->format == WN_CTR_LIBFFM;
    struct wn_str value, name = cut_value(word, &value), field_name = WN_STR("features");
    double x;
    uint32_t field = WN_CTR_NONE;
    if (wn_str_eq(name, WN_STR("qid")))
        return WN_OK;
    if (!value.p || !wn_parse_f64(value, &x))
        return ctr_complain(r, WN_INVALID, (struct wn_str){0}, why, "'%.*s' is not %sindex:value",
                            WN_STR_ARG(word), has_fields ? "field:" : "");
    if (has_fields) {
        size_t colon = wn_str_find_char(name, ':');
        if (colon == 0 || colon == name.n)
            return ctr_complain(r, WN_INVALID, (struct wn_str){0}, why,
                                "'%.*s' is not field:index:value", WN_STR_ARG(word));
        field_name = wn_str_slice(name, 0, colon);
        name = wn_str_slice(name, colon + 1, name.n);
    }
    wn_rc rc = field_of(r, field_name, &field, why);
    return rc ? rc : add(r, p, field, name, x, why);
}

static wn_rc svm_line(struct ctr_reader *r, struct ctr_parsed *p, struct wn_str line,
                      struct wn_why *why)
{
    struct wn_str word;
    line = wn_str_slice(line, 0, wn_str_find_char(line, '#'));
    (void)next_word(&line, &word);
    wn_rc rc = read_label(r, p, word, why);
    while (!rc && next_word(&line, &word))
        rc = svm_word(r, p, word, why);
    return rc;
}

/* ---- Vowpal Wabbit ----------------------------------------------------------------------------
 */

/* "label importance base 'tag", each but the label optional, the label as well. */
static wn_rc vw_head(struct ctr_reader *r, struct ctr_parsed *p, struct wn_str head,
                     struct wn_why *why)
{
    struct wn_str word;
    double weight;
    size_t n = 0;
    for (; next_word(&head, &word); n++) {
        if (word.p[0] == '\'') {
            p->line.id = wn_str_slice(word, 1, word.n);
            continue;
        }
        if (n == 0) {
            wn_rc rc = read_label(r, p, word, why);
            if (rc)
                return rc;
            continue;
        }
        double *to = n == 1 ? &weight : &p->line.row.offset;
        if (!wn_parse_f64(word, to) || n > 2 || (n == 1 && !(weight >= 0)))
            return ctr_complain(r, WN_INVALID, (struct wn_str){0}, why,
                                "'%.*s' before the first | is neither importance, base nor 'tag",
                                WN_STR_ARG(word));
        if (n == 1) {
            p->line.row.views = weight;
            p->line.row.clicks *= weight;
        }
    }
    return WN_OK;
}

static wn_rc vw_namespace(struct ctr_reader *r, struct ctr_parsed *p, struct wn_str text,
                          struct wn_why *why)
{
    struct wn_str name = WN_STR("features"), word, value;
    double scale = 1, x;
    uint32_t field = WN_CTR_NONE;
    if (text.n && !is_blank(text.p[0])) {
        (void)next_word(&text, &word);
        name = cut_value(word, &value);
        if (value.p && !wn_parse_f64(value, &scale))
            return ctr_complain(r, WN_INVALID, name, why, "the scale of '|%.*s' is no number",
                                WN_STR_ARG(word));
        if (name.n == 0)
            name = WN_STR("features");
    }
    wn_rc rc = field_of(r, name, &field, why);
    while (!rc && next_word(&text, &word)) {
        struct wn_str feature = cut_value(word, &value);
        x = 1;
        if (value.p && !wn_parse_f64(value, &x))
            return ctr_complain(r, WN_INVALID, feature, why,
                                "the value of the feature '%.*s' is no number", WN_STR_ARG(word));
        rc = add(r, p, field, feature, x * scale, why);
    }
    return rc;
}

static wn_rc vw_line(struct ctr_reader *r, struct ctr_parsed *p, struct wn_str line,
                     struct wn_why *why)
{
    struct wn_str part;
    if (!wn_str_cut(&line, '|', &part))
        return WN_OK;
    wn_rc rc = vw_head(r, p, part, why);
    while (!rc && line.p && wn_str_cut(&line, '|', &part))
        rc = vw_namespace(r, p, part, why);
    return rc;
}

wn_rc ctr_tokens_line(struct ctr_reader *r, struct wn_str line, struct wn_why *why)
{
    struct ctr_parsed *p;
    line = wn_str_trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return WN_OK;
    wn_rc rc = ctr_row_begin(r, &p, why);
    if (!rc)
        rc = r->told->format == WN_CTR_VW ? vw_line(r, p, line, why) : svm_line(r, p, line, why);
    if (rc)
        return rc;
    if (r->o->wants_label && !p->line.has_label)
        return ctr_complain(r, WN_INVALID, WN_STR("label"), why, "the line has no label");
    ctr_row_end(r, p);
    return WN_OK;
}
