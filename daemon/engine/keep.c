/* Retention: folders of ended attempts go after keep_days, or earlier, oldest first, when together
 * they are larger than keep_bytes; never those a pull request is linked to. Rows stay. Raw samples
 * go after results_days, where no pull request, comparison or baseline needs them; their summaries
 * stay. */
#include "engine/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/fsx.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/series.h"

enum { AT_ONCE = 200, THIN_AT_ONCE = 20000, THIN_TICKS = 60 };

struct sweep {
    struct engine *e;
    int64_t before_us;  /* everything older goes */
    int64_t keep_bytes; /* then oldest first down to this */
    char *root;
    struct attempt **attempt;
    size_t n;
    bool *gone;
    bool failed;
};

static void sweep_read(void *arg, struct store_reader *r)
{
    struct sweep *s = arg;
    struct cail_err err;
    s->failed = store_read_old_attempts(r, INT64_MAX, AT_ONCE, &s->attempt, &s->n, &err) != 0;
    if (s->failed)
        log_warn("retention: %s", err.text);
}

static void sweep_work(void *arg)
{
    struct sweep *s = arg;
    int64_t used = fsx_tree_bytes(s->root);
    s->gone = mem_array(s->n, sizeof *s->gone);
    for (size_t i = 0; i < s->n; i++) {
        const struct attempt *a = s->attempt[i];
        if (a->ended_at_us >= s->before_us && used <= s->keep_bytes)
            continue;
        int64_t bytes = fsx_tree_bytes(a->dir);
        struct cail_err err;
        if (fsx_remove_tree(a->dir, &err)) {
            log_warn("retention: %s", err.text);
            continue;
        }
        used -= bytes;
        s->gone[i] = true;
    }
}

static void sweep_free(struct sweep *s)
{
    for (size_t i = 0; i < s->n; i++)
        attempt_free(s->attempt[i]);
    free(s->attempt);
    free(s->gone);
    free(s->root);
    free(s);
}

static void sweep_done(void *arg)
{
    struct sweep *s = arg;
    for (size_t i = 0; i < s->n; i++)
        if (s->gone[i]) {
            s->attempt[i]->files_gone = true;
            store_put_attempt(pump_batch(s->e), s->attempt[i], false);
        }
    sweep_free(s);
}

static void sweep_loaded(void *arg)
{
    struct sweep *s = arg;
    if (s->failed || !s->n)
        sweep_free(s);
    else
        engine_work(s->e, sweep_work, sweep_done, s);
}

void keep_tick(struct engine *e)
{
    if (e->keep_ticks++ % THIN_TICKS == 0)
        store_thin_results(pump_batch(e),
                           clock_wall_us() - e->config.results_days * INT64_C(86400000000),
                           THIN_AT_ONCE);
    struct sweep *s = mem_zalloc(sizeof *s);
    s->e = e;
    s->before_us = clock_wall_us() - e->config.keep_days * INT64_C(86400000000);
    s->keep_bytes = e->config.keep_bytes;
    s->root = mem_printf("%s/attempts", e->config.state_dir);
    if (!store_read(e->store, sweep_read, sweep_loaded, s))
        sweep_free(s);
}
