/* Random days in the lab, from a seed. After each event the decisions are judged by rules written
 * a second time, in world.h and here; then the recorded events are replayed and must give the same
 * decisions. CAIL_SIM_SEED=n tries one seed, CAIL_SIM_DAYS=n so many days. */
#include "world.h"

uint64_t world_seed;

enum { DAYS_DEFAULT = 40, EVENTS_MAX = 900, SUBMITS_MAX = 350, LIVE_MAX = 45, DECISIONS = 64 };

/* --- dice --- */

static uint64_t mix(uint64_t x) /* splitmix64 */
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t dice_at;

static int dice(int n)
{
    return (int)(mix(dice_at++) % (uint64_t)n);
}

static bool one_in(int n)
{
    return dice(n) == 0;
}

/* --- who is first in line, and when could it start? --- */

static int64_t end_us(const struct wjob *x)
{
    return x->started_us + x->j->timeout_s * S;
}

/* Earliest time at which the running jobs' timeouts make room; `without`: as if the jobs that
 * this event started behind `j` had not. INT64_MAX = never. */
static int64_t room_at(const struct world *w, const struct job *j, bool without)
{
    struct rest r = rest_idle();
    bool counts[W_JOBS] = {false}, reached[W_JOBS] = {false};
    int64_t at = w->now_us, last = INT64_MIN;
    int cpus = w_cpus(w, j);
    w_reach(w, j->id, reached);
    for (int i = 1; i <= w->n; i++) {
        const struct wjob *x = &w->job[i];
        counts[i] = x->running && !(without && w_passed(w, x, j));
        if (counts[i])
            rest_book(&r, x, 1);
        if (counts[i] && !reached[i] && end_us(x) > last)
            last = end_us(x);
    }
    if (w_is_quiet(j))
        return last > at ? last : at;
    while (!rest_fits(w, &r, j, cpus)) {
        int next = 0;
        for (int i = 1; i <= w->n; i++)
            if (counts[i] && (!next || end_us(&w->job[i]) < end_us(&w->job[next])))
                next = i;
        if (!next)
            return INT64_MAX;
        if (end_us(&w->job[next]) > at)
            at = end_us(&w->job[next]);
        counts[next] = false;
        rest_book(&r, &w->job[next], -1);
    }
    return at;
}

static bool could_be_alone(const struct world *w, const struct job *j)
{
    struct rest r = rest_idle();
    bool reached[W_JOBS] = {false};
    w_reach(w, j->id, reached);
    for (int i = 1; i <= w->n; i++)
        if (reached[i])
            rest_book(&r, &w->job[i], 1);
    return rest_fits(w, &r, j, w_cpus(w, j));
}

static const struct job *first_in_line(const struct world *w)
{
    const struct rest idle = rest_idle();
    const struct job *first = NULL, *quiet = NULL;
    for (int i = 1; i <= w->n; i++) {
        const struct job *j = w->job[i].j;
        if (!w_eligible(w, j))
            continue;
        if (w_is_quiet(j)) {
            if (!w_limited(w, j, BEFORE) && (!quiet || j->priority > quiet->priority) &&
                could_be_alone(w, j))
                quiet = j;
        } else if (!w_limited(w, j, ITS_TURN) && rest_fits(w, &idle, j, w_cpus(w, j)) &&
                   (!first || w_before(j, first))) {
            first = j;
        }
    }
    if (quiet && w_limited(w, quiet, ITS_TURN))
        quiet = NULL;
    return quiet && (!first || w_before(quiet, first)) ? quiet : first;
}

static bool strangers_run(const struct world *w, const struct job *j)
{
    bool reached[W_JOBS] = {false};
    w_reach(w, j->id, reached);
    for (int i = 1; i <= w->n; i++)
        if (w->job[i].running && !reached[i])
            return true;
    return false;
}

/* The place of the first in line is never put off by those behind it: not in one decide, and not
 * from one to the next while what it was promised on still stands. */
static void judge_line(struct world *w, bool one_round, bool disturbed)
{
    const struct job *head = w->paused || w_quiet_runs(w) ? NULL : first_in_line(w);
    int64_t at = head ? room_at(w, head, false) : 0;
    for (int i = 1; head && i <= w->n; i++)
        if (w->job[i].running && w->job[i].started_in == w->event && w_before(w->job[i].j, head))
            disturbed = true;
    if (head && !w_limited(w, head, NOW)) { /* then it was not for want of a start */
        struct rest r = w_rest(w);
        CHECK(w_is_quiet(head) ? strangers_run(w, head) : !rest_fits(w, &r, head, w_cpus(w, head)));
    }
    if (head && one_round)
        CHECK(at <= room_at(w, head, true));
    if (head && head->id == w->head && one_round && !disturbed)
        CHECK(at <= w->promise_us);
    w->head = head ? head->id : 0;
    w->promise_us = at;
}

/* --- one event and what follows --- */

struct sample {
    struct job *j;
    bool met;
};

static bool all_met(struct world *w, struct job *j)
{
    struct sched_constraint row[SCHED_CONSTRAINTS_MAX];
    size_t n = sched_why(w->s, j, w->now_us, row);
    bool met = true;
    CHECK(n > 0);
    for (size_t i = 0; i < n; i++) {
        met = met && row[i].met;
        CHECK(row[i].detail[0] && row[i].n_jobs <= 8);
    }
    return met;
}

static int take_sample(struct world *w, struct sample out[4])
{
    int n = 0;
    for (int tries = 0; w->n && n < 4 && tries < 12; tries++) {
        struct job *j = w->job[1 + (int)(mix((uint64_t)(w->now_us + w->n_said) + (uint64_t)tries) %
                                         (uint64_t)w->n)]
                            .j;
        if (j->sched && (j->state == JOB_QUEUED || j->state == JOB_HELD))
            out[n++] = (struct sample){j, false};
    }
    for (int i = 0; i < n; i++)
        out[i].met = all_met(w, out[i].j);
    return n;
}

static bool started_by(const struct sched_decision *d, size_t n, const struct job *j)
{
    for (size_t i = 0; i < n; i++)
        if (d[i].job == j && d[i].verdict == SCHED_START)
            return true;
    return false;
}

static void decide_all(struct world *w)
{
    struct sched_decision d[DECISIONS];
    struct sample sample[4];
    int n_sample = take_sample(w, sample);
    w->rounds = 0;
    for (size_t n; (n = sched_decide(w->s, w->now_us, d, DECISIONS)); w->rounds++) {
        CHECK(n < DECISIONS);
        for (int i = 0; w->rounds == 0 && i < n_sample; i++)
            CHECK(started_by(d, n, sample[i].j) == sample[i].met);
        for (size_t i = 0; i < n; i++)
            w_apply(w, &d[i]);
    }
    for (int i = 0; w->rounds == 0 && i < n_sample; i++)
        CHECK(!sample[i].met);
}

static void run_event(struct world *w, const struct event *e)
{
    bool disturbed = e->what == CARDS || e->what == EDIT || e->what == QUEUE || e->what == GROUP ||
                     e->what == PAUSE || e->what == HOLD;
    int said = w->n_said;
    w_event(w, e);
    decide_all(w);
    sched_check(w->s);
    bool only_starts = true;
    for (int i = said; i < w->n_said; i++)
        only_starts = only_starts && w->said[i].verdict == SCHED_START;
    judge_line(w, w->rounds <= 1 && only_starts, disturbed);
}

/* --- a random event --- */

static int pick_job(const struct world *w, bool (*is)(const struct wjob *x))
{
    for (int tries = 0; w->n && tries < 30; tries++) {
        int id = 1 + dice(w->n);
        if (is(&w->job[id]))
            return id;
    }
    return 0;
}

static bool is_queued(const struct wjob *x)
{
    return x->j->state == JOB_QUEUED;
}

static bool is_held(const struct wjob *x)
{
    return x->j->state == JOB_HELD;
}

static bool is_over(const struct wjob *x)
{
    return job_state_is_terminal(x->j->state);
}

static bool is_live(const struct wjob *x)
{
    return !is_over(x);
}

static int live(const struct world *w)
{
    int n = 0;
    for (int i = 1; i <= w->n; i++)
        n += is_live(&w->job[i]);
    return n;
}

static void dice_needs(const struct world *w, struct event *e)
{
    memset(&e->spec, 0, sizeof e->spec);
    e->spec.cpus = one_in(12) ? CPUS_ALL : one_in(4) ? 1 + dice(W_CPUS) : 1 + dice(2);
    e->spec.memory = one_in(3) ? dice(W_MEMORY) : 0;
    e->spec.ports = one_in(8) ? dice(W_PORTS) : 0;
    if (one_in(3)) {
        e->spec.model = dice(3);
        e->spec.gpus = 1 + (e->spec.model == 1 ? 0 : dice(3));
        e->spec.gpu_memory = one_in(2) ? dice(240) : 0;
        e->spec.share = one_in(2);
        if (e->spec.gpus == 1 && one_in(3)) {
            e->spec.card = 1 + dice(W_CARDS);
            e->spec.model = e->spec.gpu_memory = 0; /* which that card may not have */
        }
    }
    e->spec.priority = one_in(3) ? dice(41) - 20 : 0;
    e->spec.queue = one_in(3) ? dice(W_QUEUES) : 0;
    e->spec.timeout_s = one_in(4) ? 100 + dice(20000) : 60 * (1 + dice(10));
    e->spec.exclusive = one_in(12) ? EXCLUSIVE_QUIET : one_in(12) ? EXCLUSIVE_GPU : EXCLUSIVE_NONE;
    e->spec.not_before_us = one_in(10) ? w->now_us + dice(3000) * S : 0;
}

static void dice_submit(const struct world *w, struct event *e)
{
    dice_needs(w, e);
    e->what = SUBMIT;
    e->spec.kind = (enum job_kind)dice(KIND_COUNT);
    if (e->spec.kind == KIND_SERVICE && one_in(2))
        e->spec.kind = KIND_CHECK;
    e->spec.held = one_in(15);
    e->spec.max_wait_s = e->spec.exclusive == EXCLUSIVE_QUIET || one_in(20) ? 60 + dice(9000) : 0;
    e->spec.group = one_in(3) ? 1 + w->n / 8 : 0;
    for (int i = 0; w->n && i < 3 && one_in(3); i++) {
        e->spec.after[i] = w->n - dice(w->n < 12 ? w->n : 12);
        bool service = w->job[e->spec.after[i]].j->kind == KIND_SERVICE;
        e->spec.when[i] = service && !one_in(4) ? AFTER_READY : (enum after_when)dice(3);
        if (service && one_in(3))
            e->spec.exclusive = EXCLUSIVE_QUIET;
    }
}

static void dice_switch(struct event *e, const struct world *w)
{
    switch (dice(4)) {
    case 0:
        e->what = CARDS;
        e->a = one_in(2) ? 15 : dice(16);
        break;
    case 1:
        e->what = PAUSE;
        e->a = !w->paused && one_in(3);
        break;
    case 2:
        e->what = QUEUE;
        e->id = dice(W_QUEUES);
        e->a = one_in(2) ? 1 + dice(3) : 0;
        e->b = one_in(4);
        break;
    default:
        e->what = GROUP;
        e->id = 1 + w->n / 8;
        e->a = one_in(2) ? 1 + dice(3) : 0;
        e->b = one_in(2);
        break;
    }
}

static struct event dice_event(const struct world *w)
{
    struct event e = {.what = TICK, .now_us = w->now_us};
    int what = dice(24);
    if (what < 13 && w->n < SUBMITS_MAX && live(w) < LIVE_MAX) {
        dice_submit(w, &e);
    } else if (what < 15 && (e.id = pick_job(w, is_live))) {
        e.what = CANCEL;
    } else if (what == 15 && (e.id = pick_job(w, is_queued))) {
        e.what = HOLD;
    } else if (what < 18 && (e.id = pick_job(w, is_held))) {
        e.what = RELEASE;
    } else if (what < 20 && (e.id = pick_job(w, is_queued))) {
        dice_needs(w, &e);
        e.what = EDIT;
    } else if (what == 20 && live(w) < LIVE_MAX && (e.id = pick_job(w, is_over))) {
        e.what = RETRY;
    } else if (what > 21) {
        dice_switch(&e, w);
    }
    return e;
}

/* --- what happens by itself: ends, readiness, retries --- */

static uint64_t fate(const struct wjob *x, uint64_t salt)
{
    return mix(world_seed ^ mix((uint64_t)x->j->id * 64 + (uint64_t)x->tries) ^ salt);
}

static int64_t natural_end_us(const struct wjob *x)
{
    uint64_t part = fate(x, 1) % 16; /* most end early, some run into their timeout */
    return part < 2 ? end_us(x) : x->started_us + (int64_t)part * x->j->timeout_s * S / 20 + S;
}

static int64_t ready_us(const struct wjob *x)
{
    return x->started_us + x->j->timeout_s * S / 30;
}

static struct event end_event(const struct wjob *x)
{
    struct event e = {.what = END, .id = x->j->id, .now_us = natural_end_us(x)};
    uint64_t how = fate(x, 2) % 20;
    if (fate(x, 1) % 16 < 2)
        e.state = JOB_TIMED_OUT;
    else
        e.state = how < 14 ? JOB_SUCCEEDED : how < 18 ? JOB_FAILED : JOB_LOST;
    if (how % 5 == 4 && x->tries < 3) {
        e.what = NEXT_STEP; /* or a retry, with its backoff */
        e.a = how == 4 ? 0 : 30;
    }
    return e;
}

/* The next of these at or before `until`; false = none. */
static bool next_natural(const struct world *w, int64_t until_us, struct event *ret)
{
    int64_t best = until_us + 1;
    for (int i = 1; i <= w->n; i++) {
        const struct wjob *x = &w->job[i];
        if (!x->running)
            continue;
        if (x->j->kind == KIND_SERVICE && !x->j->ready && ready_us(x) < best) {
            best = ready_us(x);
            *ret = (struct event){.what = READY, .id = i};
        }
        if (natural_end_us(x) < best) {
            best = natural_end_us(x);
            *ret = end_event(x);
        }
    }
    int64_t wake = sched_wake_at_us(w->s, w->now_us);
    if (wake < best) {
        best = wake;
        *ret = (struct event){.what = TICK};
    }
    ret->now_us = best < w->now_us ? w->now_us : best;
    return best <= until_us;
}

/* --- a day --- */

static struct event day[8 * EVENTS_MAX];
static int n_day;

static void happen(struct world *w, const struct event *e)
{
    CHECK(n_day < (int)ARRAY_LEN(day));
    day[n_day++] = *e;
    run_event(w, e);
}

static void pass_time(struct world *w, int64_t until_us)
{
    struct event e;
    while (next_natural(w, until_us, &e))
        happen(w, &e);
    w->now_us = until_us;
}

/* Nobody waits for ever: with every door open and nothing new, all come to an end. */
static void evening(struct world *w)
{
    struct event e = {.what = PAUSE, .now_us = w->now_us};
    happen(w, &e);
    e = (struct event){.what = CARDS, .now_us = w->now_us, .a = 15};
    happen(w, &e);
    for (int q = 0; q < W_QUEUES; q++) {
        e = (struct event){.what = QUEUE, .id = q, .now_us = w->now_us};
        happen(w, &e);
    }
    for (int i = 1; i <= w->n; i++)
        if (w->job[i].j->state == JOB_HELD) {
            e = (struct event){.what = RELEASE, .id = i, .now_us = w->now_us};
            happen(w, &e);
        }
    int64_t limit = w->now_us + (int64_t)live(w) * 4 * 21000 * S;
    while (next_natural(w, limit, &e))
        happen(w, &e);
    for (int i = 1; i <= w->n; i++) {
        const struct job *j = w->job[i].j;
        bool waits_for_waiter = false; /* a retry can close a ring of `after` */
        for (int k = 0; k < j->n_after; k++)
            waits_for_waiter |= is_live(&w->job[j->after[k].job]);
        CHECK(is_over(&w->job[i]) || waits_for_waiter);
    }
}

static void replay(const struct world *first)
{
    struct world *w = world_open();
    for (int i = 0; i < n_day; i++)
        run_event(w, &day[i]);
    CHECK(w->n_said == first->n_said);
    for (int i = 0; i < w->n_said; i++)
        CHECK(memcmp(&w->said[i], &first->said[i], sizeof w->said[i]) == 0);
    world_close(w);
}

static long env(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : otherwise;
}

static void random_days(void **state)
{
    long days = env("CAIL_SIM_DAYS", DAYS_DEFAULT), seed = env("CAIL_SIM_SEED", 1);
    long starts = 0;
    (void)state;
    for (long i = 0; i < days; i++) {
        world_seed = (uint64_t)(seed + i);
        dice_at = mix(world_seed) << 20;
        n_day = 0;
        struct world *w = world_open();
        int pace = 20 + dice(600);
        for (int k = 0; k < EVENTS_MAX; k++) {
            pass_time(w, w->now_us + (one_in(3) ? 0 : dice(pace) * S));
            struct event e = dice_event(w);
            happen(w, &e);
        }
        evening(w);
        replay(w);
        starts += w->n_said;
        world_close(w);
    }
    print_message("%ld days from seed %ld, %ld decisions\n", days, seed, starts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_days)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
