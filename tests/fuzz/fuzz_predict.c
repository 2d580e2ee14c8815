/* Protects predictions of clicks from any body: what is accepted is answered with JSON whose rates
 * lie between 0 and 1 and within their intervals; what is refused says why. The model is learnt once, from
 * a small workspace with names that need care. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/json.h"
#include "core/num.h"
#include "serve/clicks.h"
#include "serve/handlers.h"
#include "serve/models.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[64] = "/tmp/winnow-fuzz-XXXXXX";
static struct wn_app app = {.version = "0"};

static void must(wn_rc rc)
{
    if (rc)
        abort();
}

static void add_row(struct wn_facts_tx *tx, int day, int i, const int32_t *ids)
{
    struct wn_stat row = {.day = 20454 + day,
                          .account_id = ids[0],
                          .campaign_id = ids[1 + i % 2],
                          .age_id = ids[3],
                          .channel = (uint8_t)(1 + i % 2),
                          .device = (uint8_t)(i % 3),
                          .hour = (int8_t)(i % 24)};
    row.measures[WN_MEASURE_IMPRESSIONS] = (1000 + 10 * i) * WN_MICROS;
    row.measures[WN_MEASURE_CLICKS] = (10 + i) * WN_MICROS;
    must(wn_facts_tx_append(tx, &row, 1, NULL));
}

static int32_t add_name(struct wn_facts_tx *tx, wn_name_kind kind, int32_t parent, const char *key)
{
    int32_t id = 0;
    must(wn_facts_tx_name(tx, kind, parent, wn_str_of(key), wn_str_of(key), &id, NULL));
    return id;
}

static void write_facts(void)
{
    struct wn_facts_tx *tx = NULL;
    int32_t ids[4];
    must(wn_facts_begin(app.facts, WN_TENANT_DEFAULT, 1, 1000, &tx, NULL));
    ids[0] = add_name(tx, WN_NAME_ACCOUNT, 0, "shop");
    ids[1] = add_name(tx, WN_NAME_CAMPAIGN, ids[0], "Spring \"sale\" \xC3\xA9t\xC3\xA9");
    ids[2] = add_name(tx, WN_NAME_CAMPAIGN, ids[0], "12");
    ids[3] = add_name(tx, WN_NAME_AGE, 0, "25-34");
    for (int day = 0; day < 12; day++)
        for (int i = 0; i < 30; i++)
            add_row(tx, day, i, ids);
    must(wn_facts_commit(tx, NULL));
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *place)
{
    (void)s, (void)kind, (void)place;
    return remove(path);
}

static void end(void)
{
    wn_clicks_stop(app.clicks);
    wn_models_free(app.models);
    wn_facts_close(app.facts);
    wn_catalog_close(app.catalog);
    (void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    struct wn_arena a;
    struct wn_str note;
    struct wn_facts_options options = {.n_threads = 1, .n_readers_max = 1};
    struct wn_clicks_loan loan = {0};
    if (!mkdtemp(directory))
        abort();
    wn_arena_init(&a, 0);
    must(wn_facts_open(wn_arena_printf(&a, "duckdb:%s", directory), &options, &a, &note, &app.facts,
                       NULL));
    must(wn_catalog_open(wn_arena_printf(&a, "sqlite:%s/catalog.sqlite", directory), &app.catalog,
                         NULL));
    must(wn_models_new(&app.models, NULL));
    must(wn_clicks_start(&app, &app.clicks, NULL));
    write_facts();
    must(wn_clicks_borrow(app.clicks, WN_TENANT_DEFAULT, WN_CLICKS_CURRENT, &loan, NULL));
    wn_clicks_give_back(app.clicks, &loan);
    wn_arena_deinit(&a);
    return atexit(end);
}

static void check_rate(const struct wn_json *x)
{
    const struct wn_json *interval = wn_json_get(x, "interval");
    double ctr, low, high;
    must(wn_json_get_f64(x, "ctr", &ctr, NULL));
    must(wn_json_get_f64(interval, "low", &low, NULL));
    must(wn_json_get_f64(interval, "high", &high, NULL));
    if (!(low > 0 && low <= ctr && ctr <= high && high < 1))
        abort();
}

static void check_answer(struct wn_arena *a, struct wn_str body)
{
    struct wn_json *answer = NULL;
    must(wn_json_parse(a, body, &answer, NULL));
    const struct wn_json *many = wn_json_get(answer, "predictions");
    if (!many)
        check_rate(answer);
    for (size_t i = 0; many && i < many->n_items; i++)
        check_rate(&many->items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wn_http_request request = {.method = WN_POST, .body = {(const char *)data, size}};
    struct wn_http_response response = {0};
    struct wn_why why = {0};
    wn_arena_init(&request.arena, 64 << 20);
    struct wn_call call = {.app = &app,
                           .request = &request,
                           .response = &response,
                           .a = &request.arena,
                           .tenant_id = WN_TENANT_DEFAULT};
    wn_rc rc = wn_handle_ctr_predict(&call, &why);
    if (rc == WN_OK)
        check_answer(&request.arena, response.body);
    else if ((rc != WN_INVALID && rc != WN_LIMIT && rc != WN_MEMORY) || why.text[0] == '\0')
        abort();
    wn_arena_deinit(&request.arena);
    return 0;
}
