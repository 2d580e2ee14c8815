/* Protects the JSON reader: any bytes are read or refused without harm, and what was read, printed
 * and read again is the same. */
#include "core/json.h"

static void print(const struct wn_json *v, struct wn_buf *out)
{
    struct wn_json_writer w;
    wn_buf_init(out, (size_t)1 << 26);
    wn_json_write_init(&w, out, 0);
    wn_json_tree(&w, v);
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
