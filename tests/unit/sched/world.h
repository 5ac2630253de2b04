/* A small lab for the simulator: jobs, cards and time, told to the scheduler the way the engine
 * does it, with rules of its own to judge each decision by. Nothing here looks inside sched. */
#ifndef TEST_SCHED_WORLD_H
#define TEST_SCHED_WORLD_H

#include "bench.h"

enum {
    W_JOBS = 2048,
    W_CARDS = 4,
    W_CPUS = 8,
    W_MEMORY = 1000,
    W_PORTS = 4,
    W_QUEUES = 3,
    W_LOG = 16384
};
#define W_AGEING (60 * S)

extern uint64_t world_seed; /* named when something fails */

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            fail_msg("seed %llu: at %lld s: %s", (unsigned long long)world_seed,                   \
                     (long long)(w->now_us / S), #cond);                                           \
    } while (0)

struct wjob {
    struct job *j;
    struct sched_lease lease;
    int64_t started_us;
    int tries, started_in; /* the event */
    bool met[3];           /* its after[], judged here */
    bool running;
};

enum what {
    SUBMIT,
    CANCEL,
    HOLD,
    RELEASE,
    EDIT,
    END,
    NEXT_STEP,
    READY,
    CARDS,
    PAUSE,
    QUEUE,
    GROUP,
    RETRY,
    TICK
};

/* All an event needs, so that a log of them replays without the dice. */
struct event {
    enum what what;
    int64_t now_us, id;
    enum job_state state; /* END */
    int a, b;
    struct {
        int cpus, gpus, ports, memory, gpu_memory, model, card, priority, queue, timeout_s;
        int max_wait_s; /* card: 1 + the only one it may have, 0 = any */
        int64_t group, after[3], not_before_us;
        enum after_when when[3];
        enum job_kind kind;
        enum exclusive exclusive;
        bool share, held;
    } spec;
};

struct said {
    int verdict;
    int64_t id, by;
    struct sched_lease lease;
};

struct world {
    struct sched *s;
    int64_t now_us;
    struct wjob job[W_JOBS]; /* by id */
    int n;
    struct sched_gpu card[W_CARDS];
    bool paused;
    struct {
        int limit;
        bool paused;
    } queue[W_QUEUES];
    struct {
        int max_parallel;
        bool fail_fast;
    } group[W_JOBS];
    struct said *said;
    int n_said, rounds, event;
    /* What was promised to the first in line. */
    int64_t head, promise_us;
};

struct rest { /* what is free, counted by the world */
    int cpus, memory, ports;
    int users[W_CARDS], alone[W_CARDS];
    int64_t booked[W_CARDS];
};

/* world.h is included once; functions are static for that. */

static const char *const w_queue[W_QUEUES] = {"default", "gpu", "night"};
static const char *const w_model[] = {NULL, "*A100*", "*L4"};

static bool w_shares(const struct job *j)
{
    return j->needs.share && j->kind != KIND_BENCHMARK && j->needs.exclusive == EXCLUSIVE_NONE;
}

static int64_t w_key(const struct job *j)
{
    return j->queued_at_us - j->priority * W_AGEING;
}

static bool w_before(const struct job *a, const struct job *b)
{
    return w_key(a) != w_key(b) ? w_key(a) < w_key(b) : a->id < b->id;
}

static int w_queue_of(const struct job *j)
{
    for (int q = 0; q < W_QUEUES; q++)
        if (strcmp(j->queue, w_queue[q]) == 0)
            return q;
    return -1;
}

static void rest_book(struct rest *r, const struct wjob *x, int sign)
{
    r->cpus -= sign * x->lease.cpus;
    r->memory -= sign * (int)x->lease.memory_mib;
    r->ports -= sign * x->lease.ports;
    for (int i = 0; i < x->lease.n_gpus; i++) {
        int c = x->lease.gpu[i];
        r->users[c] += sign;
        r->alone[c] += w_shares(x->j) ? 0 : sign;
        r->booked[c] += sign * x->j->needs.gpu_memory_mib;
    }
}

static struct rest rest_idle(void)
{
    return (struct rest){.cpus = W_CPUS, .memory = W_MEMORY, .ports = W_PORTS};
}

static bool card_suits(const struct sched_gpu *g, const struct needs *d)
{
    if (!g->available || g->memory_mib < d->gpu_memory_mib)
        return false;
    if (d->gpu_uuid && strcmp(d->gpu_uuid, g->uuid) != 0)
        return false;
    return !d->gpu_model || strstr(g->model, d->gpu_model[1] == 'A' ? "A100" : "L4");
}

/* Services that id reaches through after: ready and that run, as bits in reached[]. */
static void w_reach(const struct world *w, int64_t id, bool reached[W_JOBS])
{
    int64_t todo[W_JOBS];
    int n = 0;
    todo[n++] = id;
    while (n) {
        const struct job *j = w->job[todo[--n]].j;
        for (int i = 0; i < j->n_after; i++) {
            int64_t on = j->after[i].job;
            const struct wjob *x = &w->job[on];
            if (j->after[i].when != AFTER_READY || reached[on] || !x->running ||
                x->j->kind != KIND_SERVICE)
                continue;
            reached[on] = true;
            todo[n++] = on;
        }
    }
}

static int w_cpus(const struct world *w, const struct job *j)
{
    int left = W_CPUS;
    if (j->needs.cpus != CPUS_ALL)
        return j->needs.cpus;
    bool reached[W_JOBS] = {false};
    w_reach(w, j->id, reached);
    for (int i = 1; i <= w->n; i++)
        left -= reached[i] ? w->job[i].lease.cpus : 0;
    return left < 1 ? 1 : left;
}

static bool rest_fits(const struct world *w, const struct rest *r, const struct job *j, int cpus)
{
    int cards = 0;
    const struct needs *d = &j->needs;
    for (int c = 0; c < W_CARDS; c++)
        cards += card_suits(&w->card[c], d) &&
                 (!r->users[c] || (w_shares(j) && !r->alone[c] &&
                                   r->booked[c] + d->gpu_memory_mib <= w->card[c].memory_mib));
    return cpus <= r->cpus && d->memory_mib <= r->memory && d->ports <= r->ports &&
           d->gpus <= cards;
}

static struct rest w_rest(const struct world *w)
{
    struct rest r = rest_idle();
    for (int i = 1; i <= w->n; i++)
        if (w->job[i].running)
            rest_book(&r, &w->job[i], 1);
    return r;
}

/* Started by this event although `j` comes first. */
static bool w_passed(const struct world *w, const struct wjob *x, const struct job *j)
{
    return x->started_in == w->event && w_before(j, x->j);
}

/* Whose starts count when limits are looked at: all, all but those that passed the job, none of
 * this event's. */
enum when { NOW, ITS_TURN, BEFORE };

static int w_running(const struct world *w, const struct job *like, bool by_group, enum when when)
{
    int n = 0;
    for (int i = 1; i <= w->n; i++) {
        const struct wjob *x = &w->job[i];
        if (!x->running || (when == ITS_TURN && w_passed(w, x, like)) ||
            (when == BEFORE && x->started_in == w->event))
            continue;
        n += by_group ? x->j->group == like->group : strcmp(x->j->queue, like->queue) == 0;
    }
    return n;
}

/* Kept back by anything but room? */
static bool w_limited(const struct world *w, const struct job *j, enum when when)
{
    int q = w_queue_of(j), limit = w->queue[q].limit;
    int most = j->group ? w->group[j->group].max_parallel : 0;
    return w->paused || w->queue[q].paused || (limit && w_running(w, j, false, when) >= limit) ||
           (most && w_running(w, j, true, when) >= most);
}

static bool w_eligible(const struct world *w, const struct job *j)
{
    if (j->state != JOB_QUEUED || j->not_before_us > w->now_us)
        return false;
    for (int i = 0; i < j->n_after; i++)
        if (!w->job[j->id].met[i])
            return false;
    return true;
}

static bool w_is_quiet(const struct job *j)
{
    return j->needs.exclusive == EXCLUSIVE_QUIET;
}

static bool w_quiet_runs(const struct world *w)
{
    for (int i = 1; i <= w->n; i++)
        if (w->job[i].running && w_is_quiet(w->job[i].j))
            return true;
    return false;
}

/* --- telling --- */

static bool w_satisfies(const struct job *on, enum after_when when)
{
    switch (when) {
    case AFTER_SUCCEEDED:
        return on->state == JOB_SUCCEEDED;
    case AFTER_FAILED:
        return on->state == JOB_FAILED || on->state == JOB_TIMED_OUT || on->state == JOB_LOST ||
               on->state == JOB_DEP_FAILED;
    case AFTER_FINISHED:
        return job_state_is_terminal(on->state);
    case AFTER_READY:
    case AFTER_WHEN_COUNT:
        break;
    }
    return on->state == JOB_RUNNING && on->ready;
}

/* Once met it stays so, but for a service that is gone again. */
static void w_look_after(struct wjob *x, const struct job *on)
{
    for (int i = 0; i < x->j->n_after; i++)
        if (x->j->after[i].job == on->id)
            x->met[i] = w_satisfies(on, x->j->after[i].when) ||
                        (x->met[i] && x->j->after[i].when != AFTER_READY);
}

static void w_tell_waiters(struct world *w, const struct job *on)
{
    for (int i = 1; i <= w->n; i++)
        if (w->job[i].j->state == JOB_QUEUED || w->job[i].j->state == JOB_HELD)
            w_look_after(&w->job[i], on);
}

static void w_settled(struct world *w, struct wjob *x, bool ready)
{
    w_tell_waiters(w, x->j);
    sched_settle(w->s, NULL, x->j->id, x->j->state, ready);
}

/* Tell what is known of the jobs it comes after. */
static void w_settle_mine(struct world *w, struct wjob *x)
{
    for (int i = 0; i < x->j->n_after; i++) {
        const struct job *on = w->job[x->j->after[i].job].j;
        if (job_state_is_terminal(on->state) || on->ready)
            w_look_after(x, on);
        if (job_state_is_terminal(on->state))
            sched_settle(w->s, x->j, on->id, on->state, false);
    }
}

static void w_finish(struct world *w, struct wjob *x, enum job_state state)
{
    x->j->ready = x->running = false;
    sched_remove(w->s, x->j);
    bench_move(x->j, state, w->now_us);
    w_settled(w, x, false);
}

static void w_judge_start(const struct world *w, const struct wjob *x)
{
    const struct job *j = x->j;
    bool reached[W_JOBS] = {false};
    CHECK(w_eligible(w, j));
    CHECK(!w_limited(w, j, NOW));
    CHECK(!w_quiet_runs(w));
    CHECK(x->lease.cpus == w_cpus(w, j) && x->lease.memory_mib == j->needs.memory_mib);
    CHECK(x->lease.n_gpus == j->needs.gpus && x->lease.quiet == w_is_quiet(j));
    for (int i = 0; i < x->lease.n_gpus; i++)
        CHECK(card_suits(&w->card[x->lease.gpu[i]], &j->needs));
    w_reach(w, j->id, reached);
    for (int i = 1; x->lease.quiet && i <= w->n; i++)
        CHECK(!w->job[i].running || reached[i]);
}

static void w_judge_rest(const struct world *w)
{
    struct rest r = w_rest(w);
    CHECK(r.cpus >= 0 && r.memory >= 0 && r.ports >= 0);
    for (int c = 0; c < W_CARDS; c++) {
        CHECK(!r.alone[c] || r.users[c] == 1);
        CHECK(r.users[c] < 2 || r.booked[c] <= w->card[c].memory_mib);
    }
}

/* One thing it waits for, on the job that is blamed, can no longer be. */
static void w_judge_dep_failed(const struct world *w, const struct job *j, int64_t blamed)
{
    const struct job *on = w->job[blamed].j;
    bool never = false;
    for (int i = 0; i < j->n_after; i++)
        never = never || (j->after[i].job == blamed && !w->job[j->id].met[i] &&
                          !w_satisfies(on, j->after[i].when));
    CHECK(never && job_state_is_terminal(on->state));
}

static void w_apply(struct world *w, const struct sched_decision *d)
{
    struct wjob *x = &w->job[d->job->id];
    CHECK(w->n_said < W_LOG);
    w->said[w->n_said++] = (struct said){(int)d->verdict, d->job->id, d->blocker, d->lease};
    switch (d->verdict) {
    case SCHED_START:
        x->lease = d->lease;
        w_judge_start(w, x);
        x->running = true;
        x->started_us = w->now_us;
        x->tries++;
        x->started_in = w->event;
        bench_move(x->j, JOB_RUNNING, w->now_us);
        sched_started(w->s, x->j, &d->lease, w->now_us);
        w_judge_rest(w);
        break;
    case SCHED_DEP_FAILED:
        w_judge_dep_failed(w, x->j, d->blocker);
        w_finish(w, x, JOB_DEP_FAILED);
        break;
    case SCHED_WAIT_TIMED_OUT:
        CHECK(x->j->max_wait_s);
        w_finish(w, x, JOB_TIMED_OUT);
        break;
    case SCHED_FAIL_FAST:
        CHECK(w->group[x->j->group].fail_fast);
        w_finish(w, x, JOB_CANCELED);
        break;
    }
}

/* --- events --- */

static void w_spec(struct world *w, struct job *j, const struct event *e)
{
    j->needs.cpus = e->spec.cpus;
    j->needs.gpus = e->spec.gpus;
    j->needs.ports = e->spec.ports;
    j->needs.memory_mib = e->spec.memory;
    j->needs.gpu_memory_mib = e->spec.gpu_memory;
    model_set(&j->needs.gpu_model, w_model[e->spec.model]);
    model_set(&j->needs.gpu_uuid, e->spec.card ? w->card[e->spec.card - 1].uuid : NULL);
    j->needs.share = e->spec.share;
    j->needs.exclusive = e->spec.exclusive;
    j->priority = e->spec.priority;
    j->timeout_s = e->spec.timeout_s;
    j->not_before_us = e->spec.not_before_us;
    model_set(&j->queue, w_queue[e->spec.queue]);
    (void)w;
}

static void w_submit(struct world *w, const struct event *e)
{
    struct job *j = job_new();
    struct wjob *x = &w->job[++w->n];
    x->j = j;
    j->id = w->n;
    j->name = mem_strdup("job");
    j->kind = e->spec.kind;
    j->state = e->spec.held ? JOB_HELD : JOB_QUEUED;
    j->queued_at_us = w->now_us;
    j->group = e->spec.group;
    j->max_wait_s = e->spec.max_wait_s;
    w_spec(w, j, e);
    for (int i = 0; i < 3; i++)
        if (e->spec.after[i])
            bench_after(j, e->spec.after[i], e->spec.when[i]);
    w_settle_mine(w, x);
    sched_add(w->s, j);
}

static void w_again(struct world *w, struct wjob *x, int64_t not_before_us)
{
    struct job *j = x->j;
    bench_move(j, JOB_QUEUED, w->now_us);
    j->queued_at_us = w->now_us;
    j->not_before_us = not_before_us;
    x->running = j->ready = false;
    w_tell_waiters(w, j);
    sched_add(w->s, j);
    w_settle_mine(w, x);
}

static void w_cards(struct world *w, int available)
{
    for (int c = 0; c < W_CARDS; c++)
        w->card[c].available = available & (1 << c);
    sched_set_gpus(w->s, w->card, W_CARDS);
}

static void w_switch(struct world *w, const struct event *e)
{
    if (e->what == CARDS) {
        w_cards(w, e->a);
    } else if (e->what == PAUSE) {
        w->paused = e->a;
        sched_set_paused(w->s, w->paused);
    } else if (e->what == QUEUE) {
        w->queue[e->id].limit = e->a;
        w->queue[e->id].paused = e->b;
        sched_set_queue(w->s, w_queue[e->id], e->a, e->b);
    } else if (e->what == GROUP) {
        w->group[e->id].max_parallel = e->a;
        w->group[e->id].fail_fast = e->b;
        sched_set_group(w->s, e->id, e->a, e->b);
    }
}

static void w_event(struct world *w, const struct event *e)
{
    struct wjob *x = &w->job[e->id];
    w->now_us = e->now_us;
    w->event++;
    switch (e->what) {
    case SUBMIT:
        w_submit(w, e);
        break;
    case CANCEL:
        w_finish(w, x, JOB_CANCELED);
        break;
    case HOLD:
    case RELEASE:
        bench_move(x->j, e->what == HOLD ? JOB_HELD : JOB_QUEUED, w->now_us);
        x->j->queued_at_us = w->now_us;
        sched_changed(w->s, x->j);
        break;
    case EDIT:
        w_spec(w, x->j, e);
        sched_changed(w->s, x->j);
        break;
    case END:
        w_finish(w, x, e->state);
        break;
    case NEXT_STEP:
        sched_ended(w->s, x->j);
        w_again(w, x, e->a ? w->now_us + e->a * S : 0);
        break;
    case READY:
        x->j->ready = true;
        w_settled(w, x, true);
        break;
    case RETRY:
        w_again(w, x, 0);
        break;
    case CARDS:
    case PAUSE:
    case QUEUE:
    case GROUP:
        w_switch(w, e);
        break;
    case TICK:
        break;
    }
}

static struct world *world_open(void)
{
    const struct sched_config c = {.cpus = W_CPUS,
                                   .memory_mib = W_MEMORY,
                                   .ports = W_PORTS,
                                   .ageing_us = W_AGEING,
                                   .backfill_depth = 1000};
    struct world *w = mem_zalloc(sizeof *w);
    w->said = mem_array(W_LOG, sizeof *w->said);
    w->s = sched_new(&c);
    w->now_us = 1000000 * S;
    for (int i = 0; i < W_CARDS; i++) {
        snprintf(w->card[i].uuid, sizeof w->card[i].uuid, "GPU-%d", i);
        snprintf(w->card[i].model, sizeof w->card[i].model, i ? "NVIDIA L4" : "NVIDIA A100 80GB");
        w->card[i].memory_mib = i ? 240 : 800;
    }
    w_cards(w, 15);
    return w;
}

static void world_close(struct world *w)
{
    sched_free(w->s);
    for (int i = 1; i <= w->n; i++)
        job_free(w->job[i].j);
    free(w->said);
    free(w);
}

#endif
