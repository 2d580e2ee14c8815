/* Nodes and levels out of cells, their names, and the index from texts to them. */
#include "decide/ctr_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/num.h"
#include "domain/stat.h"

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "memory has run out while learning clicks");
}

/* ---- values ----------------------------------------------------------------------------------- */

static const char *const weekdays[] = {"monday", "tuesday",  "wednesday", "thursday",
                                       "friday", "saturday", "sunday"};
static const char *const weekday_labels[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                             "Friday", "Saturday", "Sunday"};

bool click_fold(struct wn_str s, char *buffer, struct wn_str *out)
{
    s = wn_str_trim(s);
    if (s.n > WN_CLICK_VALUE_BYTES_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        buffer[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + ('a' - 'A')) : s.p[i];
    *out = (struct wn_str){buffer, s.n};
    return true;
}

static bool weekday_of(struct wn_str value, int32_t *out)
{
    int64_t number;
    value = wn_str_trim(value);
    if (wn_parse_i64(value, &number) && number >= 1 && number <= 7) {
        *out = (int32_t)number - 1;
        return true;
    }
    for (int d = 0; d < 7; d++) {
        struct wn_str whole = wn_str_of(weekdays[d]), start = wn_str_slice(whole, 0, 3);
        if (wn_str_eq_nocase(value, whole) || wn_str_eq_nocase(value, start)) {
            *out = d;
            return true;
        }
    }
    return false;
}

bool click_is_closed(wn_click_field field)
{
    return field == WN_CLICK_CHANNEL || field == WN_CLICK_DEVICE || field == WN_CLICK_GENDER ||
           field == WN_CLICK_HOUR || field == WN_CLICK_WEEKDAY;
}

bool click_id_of(wn_click_field field, struct wn_str value, int32_t *out)
{
    int64_t number;
    uint8_t code = 0;
    bool found = false;
    value = wn_str_trim(value);
    switch (field) {
    case WN_CLICK_CHANNEL:
        found = wn_channel_by_word(value, &code);
        break;
    case WN_CLICK_DEVICE:
        found = wn_device_by_word(value, &code);
        break;
    case WN_CLICK_GENDER:
        found = wn_gender_by_word(value, &code);
        break;
    case WN_CLICK_WEEKDAY:
        return weekday_of(value, out);
    default:
        found =
            field == WN_CLICK_HOUR && wn_parse_i64(value, &number) && number >= 0 && number <= 23;
        code = found ? (uint8_t)number : 0;
    }
    if (found)
        *out = code;
    return found;
}

bool click_is_stated(wn_click_field field, int32_t id)
{
    if (field == WN_CLICK_HOUR)
        return id != WN_HOUR_NONE;
    return field == WN_CLICK_WEEKDAY || field == WN_CLICK_CHANNEL || id != 0;
}

/* ---- names of the facts ----------------------------------------------------------------------- */

static wn_rc names_of(const struct wn_book *book, wn_click_field field, struct wn_arena *scratch,
                      struct wn_name **names, size_t *n, struct wn_why *why)
{
    static const wn_name_kind kinds[WN_CLICK_FIELDS] = {
        [WN_CLICK_CAMPAIGN] = WN_NAME_CAMPAIGN,
        [WN_CLICK_AD_GROUP] = WN_NAME_AD_GROUP,
        [WN_CLICK_AD] = WN_NAME_AD,
        [WN_CLICK_PLACEMENT] = WN_NAME_PLACEMENT,
        [WN_CLICK_AGE] = WN_NAME_AGE,
        [WN_CLICK_COUNTRY] = WN_NAME_COUNTRY,
        [WN_CLICK_AUDIENCE] = WN_NAME_AUDIENCE,
    };
    *names = NULL;
    *n = 0;
    if (click_is_closed(field))
        return WN_OK;
    return wn_facts_names(book->facts, book->tenant_id, kinds[field], 0, scratch, names, n, why);
}

static int by_id(const void *x, const void *y)
{
    const struct wn_name *p = x, *q = y;
    return (p->id > q->id) - (p->id < q->id);
}

static const struct wn_name *name_of(const struct wn_name *names, size_t n, int32_t id)
{
    struct wn_name key = {.id = id};
    return n ? bsearch(&key, names, n, sizeof *names, by_id) : NULL;
}

static struct wn_str label_of(struct wn_arena *a, wn_click_field field, int32_t id,
                              const struct wn_name *name)
{
    const struct wn_code *code = NULL;
    if (!click_is_stated(field, id))
        return WN_STR("(not stated)");
    if (field == WN_CLICK_WEEKDAY)
        return wn_str_of(weekday_labels[id]);
    if (field == WN_CLICK_HOUR)
        return wn_arena_printf(a, "%02d:00", (int)id);
    if (field == WN_CLICK_CHANNEL)
        code = wn_code_by_number(wn_channels, wn_n_channels, (uint8_t)id);
    if (field == WN_CLICK_DEVICE)
        code = wn_code_by_number(wn_devices, wn_n_devices, (uint8_t)id);
    if (field == WN_CLICK_GENDER)
        code = wn_code_by_number(wn_genders, wn_n_genders, (uint8_t)id);
    if (code)
        return wn_str_of(code->label);
    if (name)
        return wn_arena_dup(a, name->name.n ? name->name : name->key);
    return wn_arena_printf(a, "%d", (int)id);
}

/* ---- the index -------------------------------------------------------------------------------- */

/* Another way to name a node. Texts that are too long to be asked with are left out. */
static wn_rc add_alias(struct wn_click_model *m, wn_click_field field, struct wn_str text,
                       uint32_t node, uint8_t rank, struct wn_why *why)
{
    char buffer[WN_CLICK_VALUE_BYTES_MAX];
    struct wn_str folded;
    uint32_t *head;
    if (!click_fold(text, buffer, &folded) || folded.n == 0)
        return WN_OK;
    if (wn_map_put(&m->index[field], folded, 0, &head, NULL))
        return no_memory(why);
    m->aliases[m->n_aliases++] = (struct click_alias){node, *head, rank};
    *head = (uint32_t)m->n_aliases;
    return WN_OK;
}

static wn_rc index_node(struct wn_click_model *m, wn_click_field field, uint32_t v,
                        const struct wn_name *name, struct wn_why *why)
{
    char number[16];
    (void)snprintf(number, sizeof number, "%d", (int)m->nodes[v].id);
    wn_rc rc = add_alias(m, field, wn_str_of(number), v, 0, why);
    if (!rc && name)
        rc = add_alias(m, field, name->key, v, 1, why);
    if (!rc && name && !wn_str_eq_nocase(name->key, name->name))
        rc = add_alias(m, field, name->name, v, 2, why);
    return rc;
}

static wn_rc name_nodes(const struct wn_book *book, struct wn_click_model *m, struct wn_why *why)
{
    for (int depth = 1; depth <= WN_CLICK_DEPTHS; depth++) {
        struct wn_arena scratch;
        struct wn_name *names;
        size_t n;
        wn_click_field field = (wn_click_field)(depth - 1);
        wn_arena_init(&scratch, 0);
        wn_rc rc = names_of(book, field, &scratch, &names, &n, why);
        for (size_t v = 1; !rc && v < m->n_nodes; v++) {
            struct click_node *node = &m->nodes[v];
            if (node->depth != depth)
                continue;
            const struct wn_name *name = name_of(names, n, node->id);
            node->label = label_of(&m->a, field, node->id, name);
            if (!node->label.p)
                rc = no_memory(why);
            else if (depth > 1 && node->id != 0)
                rc = index_node(m, field, (uint32_t)v, name, why);
        }
        wn_arena_deinit(&scratch);
        if (rc)
            return rc;
    }
    return WN_OK;
}

static wn_rc name_levels(const struct wn_book *book, struct wn_click_model *m, struct wn_why *why)
{
    for (int o = 0; o < CLICK_OTHERS; o++) {
        struct wn_arena scratch;
        struct wn_name *names;
        size_t n;
        wn_click_field field = (wn_click_field)(o + WN_CLICK_DEPTHS);
        wn_arena_init(&scratch, 0);
        wn_rc rc = names_of(book, field, &scratch, &names, &n, why);
        for (size_t l = 0; !rc && l < m->others[o].n; l++) {
            char buffer[WN_CLICK_VALUE_BYTES_MAX];
            struct wn_str text;
            uint32_t *at;
            struct click_level *level = &m->others[o].levels[l];
            const struct wn_name *name = name_of(names, n, level->id);
            level->label = label_of(&m->a, field, level->id, name);
            if (!level->label.p)
                rc = no_memory(why);
            else if (name && click_fold(name->key, buffer, &text) && text.n &&
                     wn_map_put(&m->index[field], text, (uint32_t)l, &at, NULL))
                rc = no_memory(why);
            else if (name && click_fold(name->name, buffer, &text) && text.n &&
                     wn_map_put(&m->index[field], text, (uint32_t)l, &at, NULL))
                rc = no_memory(why);
        }
        wn_arena_deinit(&scratch);
        if (rc)
            return rc;
    }
    return WN_OK;
}

/* ---- nodes ------------------------------------------------------------------------------------ */

/* How deep a cell is known: its last id that is stated. */
static int depth_of(const struct click_cell *c)
{
    for (int depth = WN_CLICK_DEPTHS; depth > 1; depth--)
        if (c->ids[depth - 1] != 0)
            return depth;
    return 1;
}

/* How many parts of the path a cell has in common with the one before it. */
static int shared_depth(const struct click_cells *cells, size_t i)
{
    if (i == 0)
        return 0;
    const struct click_cell *c = &cells->cells[i], *before = &cells->cells[i - 1];
    int depth = 0, a = depth_of(c), b = depth_of(before);
    while (depth < a && depth < b && c->ids[depth] == before->ids[depth])
        depth++;
    return depth;
}

static size_t count_nodes(const struct click_cells *cells)
{
    size_t n = 1;
    for (size_t i = 0; i < cells->n; i++)
        n += (size_t)(depth_of(&cells->cells[i]) - shared_depth(cells, i));
    return n;
}

/* Cells are sorted, so a node is new where a prefix of the ids is. */
static void make_nodes(const struct click_cells *cells, struct wn_click_model *m, uint32_t *node)
{
    uint32_t path[WN_CLICK_DEPTHS + 1] = {0}, n = 1;
    for (size_t i = 0; i < cells->n; i++) {
        const struct click_cell *c = &cells->cells[i];
        int deepest = depth_of(c);
        for (int depth = shared_depth(cells, i) + 1; depth <= deepest; depth++) {
            m->nodes[n] = (struct click_node){
                .parent = path[depth - 1], .depth = (uint8_t)depth, .id = c->ids[depth - 1]};
            path[depth] = n++;
        }
        node[i] = path[deepest];
        for (int k = 0; k <= deepest; k++) {
            m->nodes[path[k]].impressions += c->impressions[0] + c->impressions[1];
            m->nodes[path[k]].clicks += c->clicks[0] + c->clicks[1];
        }
    }
    for (size_t v = m->n_nodes; v-- > 1;) {
        struct click_node *up = &m->nodes[m->nodes[v].parent];
        up->only_child = up->height ? 0 : (uint32_t)v; /* height: it has had a child before */
        uint8_t height = (uint8_t)(m->nodes[v].height + 1);
        up->height = height > up->height ? height : up->height;
    }
}

static int by_number(const void *x, const void *y)
{
    int32_t p = *(const int32_t *)x, q = *(const int32_t *)y;
    return (p > q) - (p < q);
}

/* Levels of one field by id; level_of [n_cells], step CLICK_OTHERS. */
static wn_rc make_levels(const struct click_cells *cells, int other, struct wn_arena *scratch,
                         struct wn_click_model *m, uint32_t *level_of, struct wn_why *why)
{
    int at = other + WN_CLICK_DEPTHS;
    struct click_field *field = &m->others[other];
    int32_t *ids = WN_ARENA_ARRAY(scratch, cells->n, int32_t);
    size_t n = 0;
    if (!ids)
        return no_memory(why);
    for (size_t i = 0; i < cells->n; i++)
        ids[i] = cells->cells[i].ids[at];
    qsort(ids, cells->n, sizeof *ids, by_number);
    for (size_t i = 0; i < cells->n; i++)
        if (i == 0 || ids[i] != ids[n - 1])
            ids[n++] = ids[i];
    field->n = n;
    field->levels = WN_ARENA_ARRAY(&m->a, n, struct click_level);
    if (!field->levels)
        return no_memory(why);
    for (size_t l = 0; l < n; l++)
        field->levels[l].id = ids[l];
    for (size_t i = 0; i < cells->n; i++) {
        const struct click_cell *c = &cells->cells[i];
        const int32_t *found = bsearch(&c->ids[at], ids, n, sizeof *ids, by_number);
        size_t l = (size_t)(found - ids);
        level_of[i * CLICK_OTHERS] = (uint32_t)l;
        field->levels[l].impressions += c->impressions[0] + c->impressions[1];
        field->levels[l].clicks += c->clicks[0] + c->clicks[1];
    }
    return WN_OK;
}

wn_rc click_index(const struct wn_book *book, const struct click_cells *cells,
                  struct wn_arena *scratch, struct wn_click_model *m, struct wn_effects_data *data,
                  struct wn_why *why)
{
    size_t n = cells->n;
    m->n_nodes = count_nodes(cells);
    uint32_t *node = WN_ARENA_ARRAY(scratch, n, uint32_t);
    uint32_t *level = WN_ARENA_ARRAY(scratch, n * CLICK_OTHERS, uint32_t);
    uint32_t *parent = WN_ARENA_ARRAY(scratch, m->n_nodes, uint32_t);
    uint32_t *n_levels = WN_ARENA_ARRAY(scratch, CLICK_OTHERS, uint32_t);
    wn_rc rc = WN_OK;
    m->nodes = WN_ARENA_ARRAY(&m->a, m->n_nodes, struct click_node);
    m->aliases = WN_ARENA_ARRAY(&m->a, 3 * m->n_nodes, struct click_alias);
    if (!node || !level || !parent || !n_levels || !m->nodes || !m->aliases)
        return no_memory(why);
    make_nodes(cells, m, node);
    for (size_t v = 0; v < m->n_nodes; v++)
        parent[v] = m->nodes[v].parent;
    for (int o = 0; o < CLICK_OTHERS && !rc; o++) {
        rc = make_levels(cells, o, scratch, m, level + o, why);
        n_levels[o] = (uint32_t)m->others[o].n;
    }
    if (!rc)
        rc = name_nodes(book, m, why);
    if (!rc)
        rc = name_levels(book, m, why);
    *data = (struct wn_effects_data){.n_cells = n,
                                     .node = node,
                                     .parent = parent,
                                     .n_nodes = m->n_nodes,
                                     .n_fields = CLICK_OTHERS,
                                     .level = level,
                                     .n_levels = n_levels};
    return rc;
}
