#include "io/http_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct thread_start {
    struct http_pool *pool;
    int nice_value;
};

static struct http_job *take_first(struct http_pool *p)
{
    struct http_job *job = p->head;
    if (!job)
        return NULL;
    p->head = job->next;
    if (!p->head)
        p->tail = NULL;
    job->next = NULL;
    p->n_waiting--;
    return job;
}

static void *run_thread(void *argument)
{
    struct thread_start start = *(struct thread_start *)argument;
    struct http_pool *p = start.pool;
    free(argument);
    /* On Linux the nice value belongs to the thread: slow work gives way to the I/O loops. */
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), start.nice_value);
    pthread_mutex_lock(&p->lock);
    for (;;) {
        struct http_job *job = take_first(p);
        if (!job && p->stopping)
            break;
        if (!job) {
            pthread_cond_wait(&p->wake, &p->lock);
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        job->run(job->state);
        http_loop_mail(job->state);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static int start_thread(struct http_pool *p, int nice_value)
{
    struct thread_start *start = malloc(sizeof *start);
    if (!start)
        return ENOMEM;
    *start = (struct thread_start){p, nice_value};
    int error = pthread_create(&p->threads[p->n_threads], NULL, run_thread, start);
    if (error)
        free(start);
    else
        p->n_threads++;
    return error;
}

wn_rc http_pool_start(struct http_pool *p, size_t n_threads, size_t n_waiting_max, int nice_value,
                      struct wn_why *why)
{
    p->threads = calloc(n_threads, sizeof *p->threads);
    if (!p->threads)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    p->n_waiting_max = n_waiting_max;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    while (p->n_threads < n_threads) {
        int error = start_thread(p, nice_value);
        if (error)
            return wn_fail(why, WN_IO, NULL, "cannot start a thread: %s", strerror(error));
    }
    return WN_OK;
}

bool http_pool_put(struct http_pool *p, struct http_job *job)
{
    pthread_mutex_lock(&p->lock);
    bool room = (p->n_waiting_max == 0 || p->n_waiting < p->n_waiting_max) && !p->stopping;
    if (room) {
        job->next = NULL;
        if (p->tail)
            p->tail->next = job;
        else
            p->head = job;
        p->tail = job;
        p->n_waiting++;
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->lock);
    return room;
}

bool http_pool_is_full(const struct http_pool *p)
{
    return p->n_waiting_max > 0 && atomic_load(&p->n_waiting) >= p->n_waiting_max;
}

void http_pool_drop_waiting(struct http_pool *p)
{
    pthread_mutex_lock(&p->lock);
    struct http_job *job = p->head;
    p->head = p->tail = NULL;
    p->n_waiting = 0;
    pthread_mutex_unlock(&p->lock);
    while (job) {
        struct http_job *next = job->next;
        job->next = NULL;
        job->dropped = true;
        http_loop_mail(job->state);
        job = next;
    }
}

void http_pool_stop(struct http_pool *p)
{
    if (!p->threads)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    p->threads = NULL;
}
