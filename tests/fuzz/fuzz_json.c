/* Protects the JSON reader: any bytes are read or refused without harm, and what was read, printed
 * and read again is the same. */
#include "core/json.h"

static void write_tree(struct wn_json_writer *w, const struct wn_json *v)
{
    switch (v->kind) {
    case WN_JSON_NULL:
        wn_json_null(w);
        return;
    case WN_JSON_BOOL:
        wn_json_bool(w, v->boolean);
        return;
    case WN_JSON_INT:
        wn_json_i64(w, v->integer);
        return;
    case WN_JSON_REAL:
        wn_json_f64(w, v->real);
        return;
    case WN_JSON_TEXT:
        wn_json_text(w, v->text);
        return;
    case WN_JSON_ARRAY:
        wn_json_begin_array(w);
        break;
    case WN_JSON_OBJECT:
        wn_json_begin_object(w);
        break;
    }
    for (size_t i = 0; i < v->n_items; i++) {
        if (v->kind == WN_JSON_OBJECT)
            wn_json_key_str(w, v->items[i].key);
        write_tree(w, &v->items[i]);
    }
    wn_json_end(w);
}

static void print(const struct wn_json *v, struct wn_buf *out)
{
    struct wn_json_writer w;
    wn_buf_init(out, (size_t)1 << 26);
    wn_json_write_init(&w, out, 0);
    write_tree(&w, v);
    WN_ASSERT(!out->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wn_arena arena;
    struct wn_json *tree = NULL, *again = NULL;
    struct wn_why why = {0};
    wn_arena_init(&arena, (size_t)1 << 28);
    wn_rc rc = wn_json_parse(&arena, (struct wn_str){(const char *)data, size}, &tree, &why);
    WN_ASSERT((rc == WN_OK) == (tree != NULL) && (rc == WN_OK) == (why.text[0] == 0));
    if (rc == WN_OK) {
        struct wn_buf first, second;
        print(tree, &first);
        /* -0 is read as the whole number 0, but "-0.0" prints as -0: the second print decides. */
        WN_ASSERT(wn_json_parse(&arena, wn_buf_str(&first), &again, &why) == WN_OK);
        print(again, &second);
        struct wn_json *last = NULL;
        struct wn_buf third;
        WN_ASSERT(wn_json_parse(&arena, wn_buf_str(&second), &last, &why) == WN_OK);
        print(last, &third);
        WN_ASSERT(wn_str_eq(wn_buf_str(&second), wn_buf_str(&third)));
        wn_buf_deinit(&first);
        wn_buf_deinit(&second);
        wn_buf_deinit(&third);
    }
    wn_arena_deinit(&arena);
    return 0;
}
