#include "io/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIMEOUT_MS_DEFAULT = 30000, CONNECT_TIMEOUT_MS = 3000, URL_BYTES_MAX = 16 * 1024 };

struct wn_http_client {
    CURL *curl;
    char *base_url;
    long timeout_ms;
};

/* One call's state, for libcurl's callbacks. */
struct transfer {
    CURL *curl;
    struct wn_buf *reply;
    FILE *file; /* where an answer of 200 goes; NULL = into reply */
    bool file_failed;
    const struct wn_http_upload *upload;
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void init_library(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

wn_rc wn_http_client_open(const char *base_url, int timeout_ms, struct wn_http_client **out,
                          struct wn_why *why)
{
    struct wn_str url = wn_str_of(base_url);
    if (!wn_str_starts(url, WN_STR("http://")) && !wn_str_starts(url, WN_STR("https://")))
        return wn_fail(why, WN_INVALID, "url", "the server's address must begin with http://");
    pthread_once(&library_once, init_library);
    struct wn_http_client *c = calloc(1, sizeof *c);
    if (c) {
        c->curl = curl_easy_init();
        c->base_url = strdup(base_url);
        c->timeout_ms = timeout_ms > 0 ? timeout_ms : TIMEOUT_MS_DEFAULT;
    }
    if (!c || !c->curl || !c->base_url) {
        wn_http_client_close(c);
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    }
    size_t n = strlen(c->base_url);
    while (n > 0 && c->base_url[n - 1] == '/')
        c->base_url[--n] = 0;
    *out = c;
    return WN_OK;
}

void wn_http_client_close(struct wn_http_client *c)
{
    if (!c)
        return;
    if (c->curl)
        curl_easy_cleanup(c->curl);
    free(c->base_url);
    free(c);
}

static size_t on_bytes(char *p, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    long status = 0;
    size_t n = size * count;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (t->file && status == 200) {
        t->file_failed = fwrite(p, 1, n, t->file) != n;
        return t->file_failed ? 0 : n;
    }
    wn_buf_append(t->reply, (struct wn_str){p, n});
    return t->reply->failed ? 0 : n; /* less than n ends the transfer */
}

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct transfer *t = context;
    (void)down_total;
    (void)down;
    if (!t->upload || !t->upload->progress || up_total <= 0)
        return 0;
    return !t->upload->progress(t->upload->progress_context, (uint64_t)up, (uint64_t)up_total);
}

/* The text of the failure; code is not CURLE_OK. */
static wn_rc explain(const struct wn_http_client *c, const struct transfer *t, CURLcode code,
                     struct wn_why *why)
{
    if (t->file_failed)
        return wn_fail(why, WN_DISK, NULL, "the file cannot be written: %s", strerror(errno));
    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return wn_fail(why, WN_IO, NULL, "no server answers at %s", c->base_url);
    case CURLE_OPERATION_TIMEDOUT:
        return wn_fail(why, WN_TIMEOUT, NULL, "the server at %s did not answer in time",
                       c->base_url);
    case CURLE_ABORTED_BY_CALLBACK:
        return wn_fail(why, WN_CANCELLED, NULL, "the upload was cancelled");
    case CURLE_READ_ERROR:
        return wn_fail(why, WN_NOT_FOUND, "file", "the file %s cannot be read",
                       t->upload ? t->upload->path : "");
    case CURLE_OUT_OF_MEMORY:
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    case CURLE_WRITE_ERROR:
        if (t->reply->failed)
            return wn_buf_check(t->reply, why);
        break;
    case CURLE_URL_MALFORMAT:
        return wn_fail(why, WN_INVALID, "url", "%s is not a URL", c->base_url);
    default:
        break;
    }
    return wn_fail(why, WN_IO, NULL, "talking to the server at %s failed: %s", c->base_url,
                   curl_easy_strerror(code));
}

/* Sets what all calls share. patient: the timeout is about progress, not about the whole. */
static wn_rc prepare(struct wn_http_client *c, struct transfer *t, const char *target, bool patient,
                     struct wn_why *why)
{
    struct wn_buf url;
    wn_buf_reset(t->reply);
    wn_buf_init(&url, URL_BYTES_MAX);
    wn_buf_append_z(&url, c->base_url);
    wn_buf_append_z(&url, target);
    wn_buf_append_char(&url, 0);
    wn_rc rc = wn_buf_check(&url, why);
    curl_easy_reset(c->curl);
    if (!rc && curl_easy_setopt(c->curl, CURLOPT_URL, url.p) != CURLE_OK)
        rc = wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    wn_buf_deinit(&url);
    if (rc)
        return rc;
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, t);
    curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
    if (patient) {
        curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME, (c->timeout_ms + 999) / 1000);
    } else {
        curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, c->timeout_ms);
    }
    return WN_OK;
}

static wn_rc perform(struct wn_http_client *c, struct transfer *t, int *status, struct wn_why *why)
{
    long code = 0;
    CURLcode result = curl_easy_perform(c->curl);
    /* A refusal that came before the whole upload was sent is an answer like any other. */
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &code);
    bool refused_early = t->upload && result == CURLE_SEND_ERROR && code >= 400;
    if (result != CURLE_OK && !refused_early)
        return explain(c, t, result, why);
    *status = (int)code;
    return WN_OK;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[512];
    int n = snprintf(line, sizeof line, "%s: %s", name, value);
    if (n < 0 || (size_t)n >= sizeof line)
        return false;
    struct curl_slist *more = curl_slist_append(*list, line);
    if (!more)
        return false;
    *list = more;
    return true;
}

wn_rc wn_http_client_call(struct wn_http_client *c, wn_http_method method, const char *target,
                          const char *content_type, struct wn_str body, int *status,
                          struct wn_buf *reply, struct wn_why *why)
{
    struct transfer t = {.curl = c->curl, .reply = reply};
    struct curl_slist *headers = NULL;
    wn_rc rc = prepare(c, &t, target, false, why);
    if (rc)
        return rc;
    if (content_type) {
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body.p ? body.p : "");
    } else if (method == WN_POST || method == WN_PUT || method == WN_PATCH) {
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, "");
    }
    if (method == WN_HEAD)
        curl_easy_setopt(c->curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, wn_http_method_name(method));
    bool added = add_header(&headers, "Accept", "application/json, */*;q=0.5") &&
                 (!content_type || add_header(&headers, "Content-Type", content_type));
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    rc = added ? perform(c, &t, status, why) : wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    curl_slist_free_all(headers);
    return rc;
}

static bool add_part(curl_mime *form, const struct wn_http_param *field)
{
    curl_mimepart *part = curl_mime_addpart(form);
    char name[256];
    if (!part || field->name.n >= sizeof name)
        return false;
    memcpy(name, field->name.p, field->name.n);
    name[field->name.n] = 0;
    return curl_mime_name(part, name) == CURLE_OK &&
           curl_mime_data(part, field->value.p ? field->value.p : "", field->value.n) == CURLE_OK;
}

static wn_rc make_form(struct wn_http_client *c, const struct wn_http_upload *u, curl_mime **out,
                       struct wn_why *why)
{
    curl_mime *form = curl_mime_init(c->curl);
    *out = form;
    bool made = form != NULL;
    for (size_t i = 0; i < u->n_fields && made; i++)
        made = add_part(form, &u->fields[i]);
    curl_mimepart *part = made ? curl_mime_addpart(form) : NULL;
    if (!part || curl_mime_name(part, u->field ? u->field : "file") != CURLE_OK)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    CURLcode code = curl_mime_filedata(part, u->path);
    if (code == CURLE_OUT_OF_MEMORY)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    if (code != CURLE_OK || access(u->path, R_OK) != 0)
        return wn_fail(why, WN_NOT_FOUND, "file", "the file %s cannot be read", u->path);
    if (u->file_name && curl_mime_filename(part, u->file_name) != CURLE_OK)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    return WN_OK;
}

wn_rc wn_http_client_upload(struct wn_http_client *c, const char *target,
                            const struct wn_http_upload *upload, int *status, struct wn_buf *reply,
                            struct wn_why *why)
{
    struct transfer t = {.curl = c->curl, .reply = reply, .upload = upload};
    curl_mime *form = NULL;
    wn_rc rc = prepare(c, &t, target, true, why);
    if (!rc)
        rc = make_form(c, upload, &form, why);
    if (!rc) {
        curl_easy_setopt(c->curl, CURLOPT_MIMEPOST, form);
        rc = perform(c, &t, status, why);
    }
    /* The handle must not keep the form beyond its life. */
    curl_easy_reset(c->curl);
    curl_mime_free(form);
    return rc;
}

wn_rc wn_http_client_save(struct wn_http_client *c, const char *target, const char *path,
                          int *status, struct wn_buf *reply, struct wn_why *why)
{
    char part[4096];
    int n = snprintf(part, sizeof part, "%s.part-%d", path, (int)getpid());
    if (n < 0 || (size_t)n >= sizeof part)
        return wn_fail(why, WN_INVALID, NULL, "the path is too long");
    struct transfer t = {.curl = c->curl, .reply = reply};
    wn_rc rc = prepare(c, &t, target, true, why);
    if (rc)
        return rc;
    t.file = fopen(part, "wbe");
    if (!t.file)
        return wn_fail(why, WN_DISK, NULL, "cannot write %s: %s", path, strerror(errno));
    rc = perform(c, &t, status, why);
    if (fclose(t.file) != 0 && !rc)
        rc = wn_fail(why, WN_DISK, NULL, "cannot write %s: %s", path, strerror(errno));
    bool keep = !rc && *status == 200;
    if (keep && rename(part, path) != 0)
        rc = wn_fail(why, WN_DISK, NULL, "cannot write %s: %s", path, strerror(errno));
    if (!keep || rc)
        unlink(part);
    return rc;
}
