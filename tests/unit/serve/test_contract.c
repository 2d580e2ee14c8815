/* Protects the promise that api/openapi.yaml and the route table say the same: every path, method,
 * query parameter with its type and bounds, path parameter and kind of body, in both directions. */
#include "core/buf.h"
#include "io/file.h"
#include "serve/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The contract is written in a regular layout (two spaces a level, one parameter per item, schemas
 * of parameters on one line), so a scanner of lines is enough; what it does not understand it
 * counts as missing, and the test fails. */
enum { OPERATIONS_MAX = 200, PARAMS_MAX = 24, SHARED_MAX = 50, TEXT_MAX = 300 };

struct param {
    char name[64];
    char in[16];
    char schema[TEXT_MAX];
};
struct operation {
    char path[128];
    char method[16];
    char body[64]; /* media type of the request body; "" = none */
    struct param params[PARAMS_MAX];
    size_t n_params;
};
struct contract {
    struct operation operations[OPERATIONS_MAX];
    size_t n_operations;
    struct param shared[SHARED_MAX]; /* components/parameters; the key is the name */
    size_t n_shared;
};

static size_t indent_of(struct wn_str line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] == ' ')
        n++;
    return n;
}

static void copy(char *to, size_t size, struct wn_str s)
{
    assert_true(s.n < size);
    memcpy(to, s.p, s.n);
    to[s.n] = '\0';
}

/* "key: value" gives value; false for other keys. */
static bool value_of(struct wn_str line, const char *key, struct wn_str *value)
{
    line = wn_str_trim(line);
    struct wn_str k = wn_str_of(key);
    if (!wn_str_starts(line, k) || line.n <= k.n || line.p[k.n] != ':')
        return false;
    *value = wn_str_trim(wn_str_slice(line, k.n + 1, line.n));
    return true;
}

static void scan_param_line(struct param *p, struct wn_str line)
{
    struct wn_str v;
    if (value_of(line, "in", &v))
        copy(p->in, sizeof p->in, v);
    else if (value_of(line, "schema", &v))
        copy(p->schema, sizeof p->schema, v);
}

static void scan_operation_line(struct operation *o, struct wn_str line, bool *in_params,
                                bool *in_body)
{
    struct wn_str t = wn_str_trim(line), v;
    size_t indent = indent_of(line);
    if (indent == 6) {
        *in_params = wn_str_eq(t, WN_STR("parameters:"));
        *in_body = wn_str_eq(t, WN_STR("requestBody:"));
        return;
    }
    if (*in_body && indent == 10 && wn_str_ends(t, WN_STR(":")))
        copy(o->body, sizeof o->body, wn_str_slice(t, 0, t.n - 1));
    if (!*in_params)
        return;
    if (indent == 8 && wn_str_starts(t, WN_STR("- "))) {
        assert_true(o->n_params < PARAMS_MAX);
        struct param *p = &o->params[o->n_params++];
        struct wn_str item = wn_str_slice(t, 2, t.n);
        static const char prefix[] = "'#/components/parameters/";
        if (value_of(item, "name", &v)) {
            copy(p->name, sizeof p->name, v);
        } else if (value_of(item, "$ref", &v) &&
                   wn_str_starts(v, WN_STR("'#/components/parameters/"))) {
            copy(p->name, sizeof p->name, wn_str_slice(v, sizeof prefix - 1, v.n - 1));
            copy(p->in, sizeof p->in, WN_STR("$ref"));
        } else {
            fail_msg("cannot read the parameter: %.*s", WN_STR_ARG(t));
        }
    } else if (o->n_params > 0) {
        scan_param_line(&o->params[o->n_params - 1], line);
    }
}

static void scan_paths_line(struct contract *c, struct wn_str line, char path[128], bool *in_params,
                            bool *in_body)
{
    struct wn_str t = wn_str_trim(line);
    size_t indent = indent_of(line);
    if (indent == 2 && wn_str_starts(t, WN_STR("/"))) {
        copy(path, 128, wn_str_slice(t, 0, t.n - 1));
    } else if (indent == 4) {
        assert_true(c->n_operations < OPERATIONS_MAX);
        struct operation *o = &c->operations[c->n_operations++];
        copy(o->path, sizeof o->path, wn_str_of(path));
        copy(o->method, sizeof o->method, wn_str_slice(t, 0, t.n - 1));
        *in_params = *in_body = false;
    } else if (c->n_operations > 0) {
        scan_operation_line(&c->operations[c->n_operations - 1], line, in_params, in_body);
    }
}

static void scan_shared_line(struct contract *c, struct wn_str line)
{
    struct wn_str t = wn_str_trim(line), v;
    if (indent_of(line) == 4) {
        assert_true(c->n_shared < SHARED_MAX);
        c->n_shared++;
    } else if (c->n_shared > 0 && value_of(t, "name", &v)) {
        copy(c->shared[c->n_shared - 1].name, 64, v);
    } else if (c->n_shared > 0) {
        scan_param_line(&c->shared[c->n_shared - 1], line);
    }
}

static void resolve(struct contract *c)
{
    for (size_t i = 0; i < c->n_operations; i++)
        for (size_t k = 0; k < c->operations[i].n_params; k++) {
            struct param *p = &c->operations[i].params[k];
            bool found = strcmp(p->in, "$ref") != 0;
            for (size_t s = 0; !found && s < c->n_shared; s++)
                if (strcmp(c->shared[s].name, p->name) == 0) {
                    *p = c->shared[s];
                    found = true;
                }
            if (!found)
                fail_msg("%s: no shared parameter %s", c->operations[i].path, p->name);
        }
}

static struct contract *read_contract(void)
{
    char file[1024];
    const char *data = getenv("WN_TEST_DATA");
    struct wn_arena a;
    struct wn_str text, line;
    struct wn_why why = {0};
    char path[128] = "", section[64] = "", part[64] = "";
    bool in_params = false, in_body = false;
    struct contract *c = calloc(1, sizeof *c);
    assert_non_null(c);
    assert_non_null(data);
    snprintf(file, sizeof file, "%s/../../api/openapi.yaml", data);
    wn_arena_init(&a, 0);
    if (wn_file_read(file, 4 << 20, &a, &text, &why))
        fail_msg("%s: %s", file, why.text);
    while (wn_str_cut(&text, '\n', &line)) {
        struct wn_str t = wn_str_trim(line);
        if (!t.n || t.p[0] == '#')
            continue;
        if (indent_of(line) == 0)
            copy(section, sizeof section, wn_str_slice(t, 0, wn_str_find_char(t, ':')));
        else if (strcmp(section, "paths") == 0)
            scan_paths_line(c, line, path, &in_params, &in_body);
        else if (strcmp(section, "components") == 0 && indent_of(line) == 2)
            copy(part, sizeof part, wn_str_slice(t, 0, wn_str_find_char(t, ':')));
        else if (strcmp(section, "components") == 0 && strcmp(part, "parameters") == 0)
            scan_shared_line(c, line);
    }
    wn_arena_deinit(&a);
    resolve(c);
    return c;
}

static const struct operation *operation_of(const struct contract *c, const struct wn_route *r)
{
    for (size_t i = 0; i < c->n_operations; i++)
        if (strcmp(c->operations[i].path, r->path) == 0 &&
            strcasecmp(c->operations[i].method, wn_http_method_name(r->method)) == 0)
            return &c->operations[i];
    return NULL;
}

static const struct wn_route *route_of(const struct operation *o)
{
    for (size_t i = 0; i < wn_n_routes; i++)
        if (strcmp(o->path, wn_routes[i].path) == 0 &&
            strcasecmp(o->method, wn_http_method_name(wn_routes[i].method)) == 0)
            return &wn_routes[i];
    return NULL;
}

/* What the schema of a parameter must hold, as it is written in the contract. */
static void expected_schema(const struct wn_param *p, char out[TEXT_MAX])
{
    switch (p->kind) {
    case WN_PARAM_TEXT:
        snprintf(out, TEXT_MAX, "type: string }");
        return;
    case WN_PARAM_DAY:
        snprintf(out, TEXT_MAX, "type: string, format: date }");
        return;
    case WN_PARAM_INT:
        snprintf(out, TEXT_MAX, "type: integer, minimum: %lld, maximum: %lld", (long long)p->min,
                 (long long)p->max);
        return;
    case WN_PARAM_BOOL:
        snprintf(out, TEXT_MAX, "type: boolean");
        return;
    case WN_PARAM_ENUM: {
        struct wn_str rest = wn_str_of(p->values), v;
        int n = snprintf(out, TEXT_MAX, "enum: [");
        for (bool first = true; wn_str_cut(&rest, '|', &v); first = false)
            n +=
                snprintf(out + n, TEXT_MAX - (size_t)n, "%s%.*s", first ? "" : ", ", WN_STR_ARG(v));
        snprintf(out + n, TEXT_MAX - (size_t)n, "]");
        return;
    }
    }
}

static void every_route_is_in_the_contract(void **state)
{
    const struct contract *c = *state;
    for (size_t i = 0; i < wn_n_routes; i++)
        if (!operation_of(c, &wn_routes[i]))
            fail_msg("the contract lacks %s %s", wn_http_method_name(wn_routes[i].method),
                     wn_routes[i].path);
}

static void every_operation_has_a_route(void **state)
{
    const struct contract *c = *state;
    assert_true(c->n_operations >= 30);
    for (size_t i = 0; i < c->n_operations; i++)
        if (!route_of(&c->operations[i]))
            fail_msg("no route for %s %s", c->operations[i].method, c->operations[i].path);
    assert_int_equal(c->n_operations, wn_n_routes);
}

static void query_parameters_agree(void **state)
{
    const struct contract *c = *state;
    for (size_t i = 0; i < wn_n_routes; i++) {
        const struct operation *o = operation_of(c, &wn_routes[i]);
        assert_non_null(o);
        size_t n_known = 0, n_written = 0;
        for (const struct wn_param *p = wn_routes[i].params; p && p->name; p++, n_known++) {
            const struct param *found = NULL;
            char expected[TEXT_MAX];
            for (size_t k = 0; k < o->n_params; k++)
                if (strcmp(o->params[k].name, p->name) == 0 &&
                    strcmp(o->params[k].in, "query") == 0)
                    found = &o->params[k];
            if (!found)
                fail_msg("%s %s: the contract lacks the parameter %s", o->method, o->path, p->name);
            expected_schema(p, expected);
            if (!strstr(found->schema, expected))
                fail_msg("%s %s: %s should be written '%s', not '%s'", o->method, o->path, p->name,
                         expected, found->schema);
        }
        for (size_t k = 0; k < o->n_params; k++)
            n_written += strcmp(o->params[k].in, "query") == 0;
        if (n_written != n_known)
            fail_msg("%s %s: the contract has %zu query parameters, the table %zu", o->method,
                     o->path, n_written, n_known);
    }
}

static void path_parameters_agree(void **state)
{
    const struct contract *c = *state;
    for (size_t i = 0; i < c->n_operations; i++) {
        const struct operation *o = &c->operations[i];
        size_t n_braces = 0, n_written = 0;
        for (const char *p = o->path; (p = strchr(p, '{')); p++)
            n_braces++;
        for (size_t k = 0; k < o->n_params; k++) {
            char brace[80];
            if (strcmp(o->params[k].in, "path") != 0)
                continue;
            n_written++;
            snprintf(brace, sizeof brace, "{%s}", o->params[k].name);
            assert_non_null(strstr(o->path, brace));
        }
        assert_int_equal(n_braces, n_written);
    }
}

static void bodies_agree(void **state)
{
    static const char *const types[] = {"", "application/json", "multipart/form-data"};
    const struct contract *c = *state;
    for (size_t i = 0; i < wn_n_routes; i++) {
        const struct operation *o = operation_of(c, &wn_routes[i]);
        assert_non_null(o);
        if (strcmp(o->body, types[wn_routes[i].body]) != 0)
            fail_msg("%s %s: the contract says body '%s', the table '%s'", o->method, o->path,
                     o->body, types[wn_routes[i].body]);
    }
}

static int set_up(void **state)
{
    *state = read_contract();
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_in_the_contract),
        cmocka_unit_test(every_operation_has_a_route),
        cmocka_unit_test(query_parameters_agree),
        cmocka_unit_test(path_parameters_agree),
        cmocka_unit_test(bodies_agree),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
