/* Opening, closing, and the small questions. */
#include "engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* --- open and close --- */

static void copy_config(struct engine *e, const struct engine_config *c)
{
    e->config = *c;
    e->config.state_dir = mem_strdup(c->state_dir);
    e->config.build_root = mem_strdup(c->build_root);
    e->config.recipes_dir = mem_strdup(c->recipes_dir);
    e->config.helper = mem_strdup(c->helper);
    e->config.tools_dir = mem_strdup(c->tools_dir);
    e->config.probe = mem_strdup(c->probe);
    e->config.nvml = mem_strdup(c->nvml);
    struct engine_upstream *copy = mem_array(c->n_upstreams, sizeof *copy);
    if (c->n_upstreams)
        memcpy(copy, c->upstreams, c->n_upstreams * sizeof *copy);
    e->config.upstreams = copy;
    e->url = mem_strdup(c->url);
}

int engine_open(struct engine **ret, uv_loop_t *loop, const struct engine_config *config,
                const struct engine_listener *listener, struct cail_err *err)
{
    struct engine *e = mem_zalloc(sizeof *e);
    e->loop = loop;
    e->listener = *listener;
    copy_config(e, config);
    clock_boot_id(e->boot_id);
    if (gethostname(e->host, sizeof e->host - 1))
        snprintf(e->host, sizeof e->host, "localhost");
    e->exec_ops = &exec_local;
    e->feed = feed_new();
    e->catalogue = catalogue_open(config->recipes_dir);
    e->stats.started_at_us = clock_wall_us();
    loop_init(e);
    e->loading = true;
    int rc = cards_open(e, err);
    if (!rc)
        rc = load_open_store(e, err);
    if (!rc)
        rc = load_all(e, err);
    if (rc) {
        engine_close(e);
        return rc;
    }
    loop_run(e);
    log_info("%lld live jobs, %u running; the newest job is %lld", (long long)e->n_live,
             HASH_COUNT(e->runs), (long long)e->ids.job);
    *ret = e;
    return 0;
}

void engine_close(struct engine *e)
{
    e->closing = true;
    while (!e->loading && !e->failed && e->store &&
           (e->is_flying || !store_batch_is_empty(e->open.batch))) {
        pump_flush(e);
        uv_run(e->loop, UV_RUN_ONCE);
    }
    while (e->works)
        uv_run(e->loop, UV_RUN_ONCE);
    load_drop_all(e);
    cards_close(e);
    store_close(e->store);
    loop_close(e);
    while (e->free_effects) {
        struct effect *next = e->free_effects->next;
        free(e->free_effects);
        e->free_effects = next;
    }
    feed_free(e->feed);
    catalogue_close(e->catalogue);
    free((void *)e->config.state_dir);
    free((void *)e->config.build_root);
    free((void *)e->config.recipes_dir);
    free((void *)e->config.helper);
    free((void *)e->config.tools_dir);
    free((void *)e->config.probe);
    free((void *)e->config.nvml);
    free((void *)e->config.upstreams);
    free(e->url);
    free(e);
}

/* --- small questions --- */

void engine_set_url(struct engine *e, const char *url)
{
    model_set(&e->url, url);
}

bool engine_is_ready(const struct engine *e, const char **ret_why_not)
{
    *ret_why_not = e->failed      ? "the store is being opened anew"
                   : e->loading   ? "loading"
                   : e->disk_full ? "the disk is full"
                   : e->closing   ? "shutting down"
                                  : NULL;
    return !*ret_why_not;
}

bool engine_is_full(const struct engine *e)
{
    return e->disk_full;
}

bool engine_is_draining(const struct engine *e)
{
    return e->draining;
}

struct sched *engine_sched(struct engine *e)
{
    return e->sched;
}

const struct queue *engine_queues(struct engine *e)
{
    return e->queues;
}

const char *engine_host(const struct engine *e)
{
    return e->host;
}

const struct engine_config *engine_config(const struct engine *e)
{
    return &e->config;
}

void engine_each_job(struct engine *e, bool (*fn)(void *arg, struct job *j), void *arg)
{
    struct job *j, *tmp;
    HASH_ITER(hh, e->jobs, j, tmp)
        if (!fn(arg, j))
            return;
}

bool engine_read(struct engine *e, void (*run)(void *arg, struct store_reader *r),
                 void (*done)(void *arg), void *arg)
{
    return e->store && !e->failed && store_read(e->store, run, done, arg);
}

struct work {
    uv_work_t req;
    struct engine *e;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

static void work_run(uv_work_t *req)
{
    struct work *w = req->data;
    w->work(w->arg);
}

static void work_done(uv_work_t *req, int status)
{
    struct work *w = req->data;
    (void)status; /* works are never canceled: close waits for them */
    w->e->works--;
    w->done(w->arg);
    free(w);
}

void engine_work(struct engine *e, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    struct work *w = mem_zalloc(sizeof *w);
    *w = (struct work){.e = e, .work = work, .done = done, .arg = arg};
    w->req.data = w;
    e->works++;
    BUG_ON(uv_queue_work(e->loop, &w->req, work_run, work_done));
}

void engine_stats(struct engine *e, struct engine_stats *ret)
{
    e->stats.live = e->n_live;
    e->stats.running = HASH_COUNT(e->runs);
    if (e->store)
        store_stats(e->store, &e->stats.store);
    *ret = e->stats;
}
