/* The JSON reader: simdjson's tree walked once into our own, in the caller's arena. The only C++ of
 * the product. simdjson says that a document is wrong but not where; the place is searched again
 * by a slow scanner, only when there is an error to explain. */
#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

extern "C" {
#include "core/hash.h"
#include "core/json.h"
#include "core/num.h"
}

namespace
{

namespace dom = simdjson::dom;

/* Each level of ours is one of simdjson's, and the root takes one more. */
const size_t SIMDJSON_DEPTH_MAX = WN_JSON_DEPTH_MAX + 8;
const size_t SMALL_OBJECT_MAX = 16; /* members compared pair by pair; a table beyond */

/* ---- explaining a refusal ----------------------------------------------------------------------
 */

/* A strict scanner of RFC 8259 that stops at the first byte that cannot be right. */
struct scanner {
    wn_str text;
    size_t at;
    const char *problem;

    bool fail(const char *what)
    {
        if (!problem)
            problem = what;
        return false;
    }
    int peek() const
    {
        return at < text.n ? static_cast<unsigned char>(text.p[at]) : -1;
    }
    void space()
    {
        while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')
            at++;
    }
    bool word(const char *z)
    {
        for (; *z; z++, at++)
            if (peek() != *z)
                return fail("expected a value");
        return true;
    }
    static bool is_digit(int c)
    {
        return c >= '0' && c <= '9';
    }
    bool digits()
    {
        if (!is_digit(peek()))
            return fail("expected a digit");
        while (is_digit(peek()))
            at++;
        return true;
    }
    bool number()
    {
        size_t start = at;
        if (peek() == '-')
            at++;
        if (peek() == '0' && at + 1 < text.n && is_digit(text.p[at + 1]))
            return fail("a number must not begin with 0");
        if (!digits())
            return false;
        bool whole = true;
        if (peek() == '.') {
            whole = false;
            at++;
            if (!digits())
                return false;
        }
        if (peek() == 'e' || peek() == 'E') {
            whole = false;
            at++;
            if (peek() == '+' || peek() == '-')
                at++;
            if (!digits())
                return false;
        }
        wn_str token = {text.p + start, at - start};
        uint64_t u = 0;
        int64_t i = 0;
        double d = 0;
        bool fits =
            whole ? wn_parse_u64(token, &u) || wn_parse_i64(token, &i) : wn_parse_f64(token, &d);
        if (!fits) {
            at = start;
            return fail("the number is too large");
        }
        return true;
    }
    int hex4()
    {
        int value = 0;
        for (int k = 0; k < 4; k++, at++) {
            int c = peek();
            int v = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
            if (v < 0)
                return -1;
            value = value * 16 + v;
        }
        return value;
    }
    bool escape()
    {
        at++;
        int c = peek();
        if (c != 'u') {
            if (c < 0 || !std::strchr("\"\\/bfnrt", c))
                return fail("no such escape");
            at++;
            return true;
        }
        at++;
        int first = hex4();
        if (first < 0)
            return fail("\\u needs four hexadecimal digits");
        if (first >= 0xDC00 && first <= 0xDFFF)
            return fail("half of a surrogate pair");
        if (first < 0xD800 || first > 0xDBFF)
            return true;
        if (peek() != '\\' || at + 1 >= text.n || text.p[at + 1] != 'u')
            return fail("half of a surrogate pair");
        at += 2;
        int second = hex4();
        return second >= 0xDC00 && second <= 0xDFFF ? true : fail("half of a surrogate pair");
    }
    bool string()
    {
        at++;
        for (;;) {
            int c = peek();
            if (c < 0)
                return fail("a string is not closed");
            if (c < 0x20)
                return fail("a control character inside a string");
            if (c == '"') {
                at++;
                return true;
            }
            if (c == '\\') {
                if (!escape())
                    return false;
            } else {
                at++;
            }
        }
    }
    bool member_name()
    {
        space();
        if (peek() != '"')
            return fail("expected a member's name in quotes");
        if (!string())
            return false;
        space();
        if (peek() != ':')
            return fail("expected ':'");
        at++;
        return true;
    }
    bool container(size_t depth)
    {
        bool is_object = peek() == '{';
        const unsigned char closer = is_object ? '}' : ']';
        at++;
        space();
        if (peek() == closer) {
            at++;
            return true;
        }
        for (;;) {
            if (is_object && !member_name())
                return false;
            if (!value(depth + 1))
                return false;
            space();
            int c = peek();
            if (c != ',' && c != closer)
                return fail(c < 0       ? "the text ends too early"
                            : is_object ? "expected ',' or '}'"
                                        : "expected ',' or ']'");
            at++;
            if (c == closer)
                return true;
        }
    }
    bool value(size_t depth)
    {
        space();
        int c = peek();
        if (c == '{' || c == '[')
            return depth < SIMDJSON_DEPTH_MAX ? container(depth) : fail("it is nested too deeply");
        if (c == '"')
            return string();
        if (c == '-' || is_digit(c))
            return number();
        if (c < 0)
            return fail("the text ends too early");
        return word(c == 't' ? "true" : c == 'f' ? "false" : "null");
    }
    bool document()
    {
        if (!value(0))
            return false;
        space();
        return at == text.n ? true : fail("something follows the document");
    }
};

wn_rc refuse_at(wn_why *why, size_t at, const char *problem)
{
    if (why && !why->text[0])
        why->column = at < UINT32_MAX ? static_cast<uint32_t>(at + 1) : UINT32_MAX;
    return wn_fail(why, WN_INVALID, nullptr, "not valid JSON at byte %zu: %s", at + 1, problem);
}

wn_rc explain(wn_str text, simdjson::error_code error, wn_why *why)
{
    if (error == simdjson::MEMALLOC)
        return wn_fail(why, WN_MEMORY, nullptr, "memory has run out while reading JSON");
    if (error == simdjson::CAPACITY)
        return wn_fail(why, WN_LIMIT, nullptr, "the JSON text is larger than 4 GB");
    if (error == simdjson::DEPTH_ERROR)
        return wn_fail(why, WN_LIMIT, nullptr, "JSON nested deeper than %d levels",
                       WN_JSON_DEPTH_MAX);
    size_t at = 0;
    if (!wn_str_utf8_valid(text, &at))
        return refuse_at(why, at, "the bytes are not UTF-8");
    scanner s = {text, 0, nullptr};
    if (!s.document())
        return refuse_at(why, s.at, s.problem);
    return wn_fail(why, WN_INVALID, nullptr, "not valid JSON: %s", simdjson::error_message(error));
}

/* ---- walking ------------------------------------------------------------------------------------
 */

struct walker {
    wn_arena *arena;
    wn_why *why;
    /* All strings end up here, each with a NUL: a string of n bytes took at least n + 2 bytes of
     * the source, so as many bytes as the source has are enough. */
    char *strings;
    size_t n_nodes;
    struct {
        wn_str key; /* p == nullptr: an index */
        size_t index;
    } path[WN_JSON_DEPTH_MAX];

    wn_rc no_memory()
    {
        return wn_fail(why, WN_MEMORY, nullptr, "memory has run out while reading JSON");
    }

    wn_str copy(std::string_view s)
    {
        char *p = strings;
        if (!s.empty())
            std::memcpy(p, s.data(), s.size());
        p[s.size()] = 0;
        strings += s.size() + 1;
        return wn_str{p, s.size()};
    }

    void pointer(size_t depth, wn_str last, char *out, size_t size) const
    {
        size_t n = 0;
        out[0] = 0;
        for (size_t d = 0; d <= depth && n < size; d++) {
            wn_str key = d < depth ? path[d].key : last;
            int k = key.p ? std::snprintf(out + n, size - n, "/%.*s", WN_STR_ARG(key))
                          : std::snprintf(out + n, size - n, "/%zu", path[d].index);
            n += k > 0 ? static_cast<size_t>(k) : 0;
        }
    }

    wn_rc duplicate(size_t depth, wn_str key)
    {
        char field[WN_WHY_FIELD_MAX];
        pointer(depth, key, field, sizeof field);
        return wn_fail(why, WN_INVALID, field, "an object has the member \"%.*s\" twice",
                       WN_STR_ARG(key));
    }

    wn_rc check_names_small(const wn_json *object, size_t depth)
    {
        for (size_t i = 1; i < object->n_items; i++)
            for (size_t k = 0; k < i; k++)
                if (wn_str_eq(object->items[i].key, object->items[k].key))
                    return duplicate(depth, object->items[i].key);
        return WN_OK;
    }

    wn_rc check_names(const wn_json *object, size_t depth)
    {
        if (object->n_items <= SMALL_OBJECT_MAX)
            return check_names_small(object, depth);
        size_t n_slots = 64;
        while (n_slots < object->n_items * 2)
            n_slots *= 2;
        uint32_t *slots = static_cast<uint32_t *>(std::calloc(n_slots, sizeof *slots));
        if (!slots)
            return no_memory();
        wn_rc rc = WN_OK;
        /* Seeded by an address, so that nobody outside can prepare names that collide. */
        uint64_t seed = reinterpret_cast<uintptr_t>(slots);
        for (size_t i = 0; i < object->n_items && !rc; i++) {
            wn_str key = object->items[i].key;
            size_t at = wn_hash(key, seed) & (n_slots - 1);
            for (; slots[at]; at = (at + 1) & (n_slots - 1))
                if (wn_str_eq(object->items[slots[at] - 1].key, key)) {
                    rc = duplicate(depth, key);
                    break;
                }
            if (!rc)
                slots[at] = static_cast<uint32_t>(i + 1);
        }
        std::free(slots);
        return rc;
    }

    wn_rc begin_container(wn_json *out, size_t n, size_t depth)
    {
        if (depth >= WN_JSON_DEPTH_MAX)
            return wn_fail(why, WN_LIMIT, nullptr, "JSON nested deeper than %d levels",
                           WN_JSON_DEPTH_MAX);
        if (n > WN_JSON_NODES_MAX || n_nodes > WN_JSON_NODES_MAX - n)
            return wn_fail(why, WN_LIMIT, nullptr, "JSON with more than %d values",
                           WN_JSON_NODES_MAX);
        n_nodes += n;
        out->n_items = n;
        if (n == 0)
            return WN_OK;
        out->items = static_cast<wn_json *>(wn_arena_array(arena, n, sizeof(wn_json)));
        return out->items ? WN_OK : no_memory();
    }

    wn_rc array(const dom::array &from, wn_json *out, size_t depth)
    {
        out->kind = WN_JSON_ARRAY;
        wn_rc rc = begin_container(out, from.size(), depth);
        size_t i = 0;
        if (!rc)
            for (dom::element item : from) {
                path[depth] = {wn_str{nullptr, 0}, i};
                rc = value(item, &out->items[i++], depth + 1);
                if (rc)
                    break;
            }
        return rc;
    }

    wn_rc object(const dom::object &from, wn_json *out, size_t depth)
    {
        out->kind = WN_JSON_OBJECT;
        wn_rc rc = begin_container(out, from.size(), depth);
        size_t i = 0;
        if (rc)
            return rc;
        for (dom::key_value_pair member : from) {
            wn_json *item = &out->items[i++];
            item->key = copy(member.key);
            path[depth] = {item->key, 0};
            rc = value(member.value, item, depth + 1);
            if (rc)
                return rc;
        }
        return check_names(out, depth);
    }

    wn_rc value(const dom::element &from, wn_json *out, size_t depth)
    {
        switch (from.type()) {
        case dom::element_type::ARRAY:
            return array(from.get_array().value_unsafe(), out, depth);
        case dom::element_type::OBJECT:
            return object(from.get_object().value_unsafe(), out, depth);
        case dom::element_type::INT64:
            out->kind = WN_JSON_INT;
            out->integer = from.get_int64().value_unsafe();
            out->real = static_cast<double>(out->integer);
            return WN_OK;
        case dom::element_type::UINT64:
            out->kind = WN_JSON_REAL;
            out->real = static_cast<double>(from.get_uint64().value_unsafe());
            return WN_OK;
        case dom::element_type::DOUBLE:
            out->kind = WN_JSON_REAL;
            out->real = from.get_double().value_unsafe();
            return WN_OK;
        case dom::element_type::STRING:
            out->kind = WN_JSON_TEXT;
            out->text = copy(from.get_string().value_unsafe());
            return WN_OK;
        case dom::element_type::BOOL:
            out->kind = WN_JSON_BOOL;
            out->boolean = from.get_bool().value_unsafe();
            return WN_OK;
        case dom::element_type::NULL_VALUE:
            break;
        }
        out->kind = WN_JSON_NULL;
        return WN_OK;
    }
};

wn_rc parse(wn_arena *a, wn_str text, wn_json **out, wn_why *why)
{
    dom::parser parser;
    simdjson::error_code error = simdjson::SUCCESS;
    dom::element root;
    if (text.n == 0)
        return refuse_at(why, 0, "the text is empty");
    if (text.n <= UINT32_MAX - 64)
        error = parser.allocate(text.n < 256 ? 256 : text.n, SIMDJSON_DEPTH_MAX);
    else
        error = simdjson::CAPACITY;
    /* The parser copies the text into a padded buffer of its own: ours may end at a page's end. */
    if (!error)
        error = parser.parse(reinterpret_cast<const uint8_t *>(text.p), text.n, true).get(root);
    if (error)
        return explain(text, error, why);
    walker w = {};
    w.arena = a;
    w.why = why;
    w.n_nodes = 1;
    w.strings = static_cast<char *>(wn_arena_alloc(a, text.n));
    wn_json *tree = WN_ARENA_NEW(a, wn_json);
    if (!tree || !w.strings)
        return w.no_memory();
    wn_rc rc = w.value(root, tree, 0);
    if (!rc)
        *out = tree;
    return rc;
}

} // namespace

extern "C" wn_rc wn_json_parse(struct wn_arena *a, struct wn_str text, struct wn_json **out,
                               struct wn_why *why)
{
    try {
        return parse(a, text, out, why);
    } catch (...) {
        return wn_fail(why, WN_MEMORY, nullptr, "memory has run out while reading JSON");
    }
}
