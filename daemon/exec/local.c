/* The local executor: one cail-run per attempt on this machine, watched by its pidfd.
 *
 * A watch is an attempt that we owe an `ended`. It is ALIVE (a pidfd is polled), BLIND (somebody
 * holds the lock and is not known yet: looked at again every 20 ms), HUNTING (its survivors are
 * being killed on the worker pool) or DUE (its end is known and is told from the loop).
 * Whatever happens to the process, what became of the attempt is always decided by settle(). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uthash.h>

#include "attempt/control.h"
#include "attempt/files.h"
#include "base/clock.h"
#include "base/fsx.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "exec/exec.h"
#include "exec/look.h"
#include "exec/spawn.h"
#include "exec/survivors.h"

enum { BLIND_MS = 20 };

enum watch_state { WATCH_ALIVE, WATCH_BLIND, WATCH_HUNTING, WATCH_DUE };

struct watch {
    struct exec *x;
    struct exec_ref ref; /* owns its strings */
    enum watch_state state;
    int pidfd;        /* -1 = none */
    uv_poll_t *poll;  /* on pidfd; freed when uv has closed it */
    bool stop_wanted; /* sent again to a cail-run that turns out to be another one than ours */
    int64_t stop_grace_ms;
    bool told_started;
    bool owes_started;         /* its claim was seen by us, not told by its cail-run; flush tells */
    int64_t claimed_at_us;     /* 0 = no claim seen */
    enum exec_outcome outcome; /* DUE */
    struct attempt_end end;    /* DUE */
    struct watch *next_due;
    UT_hash_handle hh; /* by ref.attempt_id */
};

struct exec {
    uv_loop_t *loop;
    struct exec_events events;
    struct spawner spawner;
    char boot[BOOT_ID_LEN];
    int started_fd[2]; /* cail-runs write to [1] */
    uv_poll_t started_poll;
    uv_async_t later;      /* tells what is due */
    uv_timer_t blind;      /* runs while n_blind > 0 */
    int n_blind, n_owed;   /* watches that are blind; that owe `started` */
    struct watch *watches; /* hash */
    struct watch *due, **due_end;
    int refs; /* handles being closed and hunts; freed at 0 once closed */
    bool closed;
};

struct hunt {
    uv_work_t work;
    struct exec *x;
    int64_t attempt_id;
    char *token, *dir;
    char cgroup[ATTEMPT_CGROUP_MAX];
    struct survivors found;
};

static void settle(struct watch *w);

/* --- life of the executor and of a watch --- */

static void exec_unref(struct exec *x)
{
    if (--x->refs || !x->closed)
        return;
    spawner_done(&x->spawner);
    fsx_closep(&x->started_fd[0]);
    fsx_closep(&x->started_fd[1]);
    free(x);
}

static void on_part_closed(uv_handle_t *h)
{
    exec_unref(h->data);
}

static void close_part(struct exec *x, uv_handle_t *h)
{
    h->data = x;
    x->refs++;
    uv_close(h, on_part_closed);
}

static void on_poll_closed(uv_handle_t *h)
{
    struct exec *x = h->data;
    free(h);
    exec_unref(x);
}

/* uv stops polling at once, so the descriptor may go before the handle is closed. */
static void watch_unpoll(struct watch *w)
{
    if (w->poll) {
        uv_poll_stop(w->poll);
        w->poll->data = w->x;
        w->x->refs++;
        uv_close((uv_handle_t *)w->poll, on_poll_closed);
        w->poll = NULL;
    }
    fsx_closep(&w->pidfd);
}

static struct watch *watch_find(struct exec *x, int64_t id)
{
    struct watch *w = NULL;
    HASH_FIND(hh, x->watches, &id, sizeof id, w);
    return w;
}

static struct watch *watch_new(struct exec *x, const struct exec_ref *ref)
{
    BUG_ON(watch_find(x, ref->attempt_id));
    struct watch *w = mem_zalloc(sizeof *w);
    w->x = x;
    w->ref = (struct exec_ref){ref->attempt_id, mem_strdup(ref->token), mem_strdup(ref->boot_id),
                               mem_strdup(ref->dir)};
    w->pidfd = -1;
    attempt_end_init(&w->end);
    HASH_ADD(hh, x->watches, ref.attempt_id, sizeof w->ref.attempt_id, w);
    return w;
}

static void watch_set(struct watch *w, enum watch_state state)
{
    struct exec *x = w->x;
    bool was = w->state == WATCH_BLIND, is = state == WATCH_BLIND;
    x->n_blind += is - was;
    w->state = state;
    if (!x->n_blind)
        uv_timer_stop(&x->blind);
}

static void watch_owe(struct watch *w, bool owes)
{
    w->x->n_owed += owes - w->owes_started;
    w->owes_started = owes;
}

static void watch_free(struct watch *w)
{
    watch_set(w, WATCH_ALIVE);
    watch_owe(w, false);
    watch_unpoll(w);
    HASH_DEL(w->x->watches, w);
    free((char *)w->ref.token);
    free((char *)w->ref.boot_id);
    free((char *)w->ref.dir);
    free(w->end.unkillable);
    free(w);
}

/* --- telling --- */

static void tell_started(struct watch *w, int64_t at_us)
{
    watch_owe(w, false);
    if (w->told_started)
        return;
    w->told_started = true;
    w->x->events.started(w->x->events.arg, w->ref.attempt_id, at_us);
}

/* The end is known; it is told by flush, from the loop. */
static void watch_due(struct watch *w, enum exec_outcome outcome)
{
    watch_unpoll(w);
    watch_set(w, WATCH_DUE);
    w->outcome = outcome;
    w->next_due = NULL;
    *w->x->due_end = w;
    w->x->due_end = &w->next_due;
}

static void flush_started(struct exec *x)
{
    struct watch *w, *next;
    HASH_ITER(hh, x->watches, w, next) {
        if (w->owes_started)
            tell_started(w, w->claimed_at_us);
        if (x->closed || !x->n_owed)
            return; /* closed: next is freed */
    }
}

/* Callbacks may start, stop and adopt; closing us ends the round. */
static void flush(struct exec *x)
{
    x->refs++;
    if (x->n_owed)
        flush_started(x);
    while (!x->closed && x->due) {
        struct watch *w = x->due;
        x->due = w->next_due;
        if (!x->due)
            x->due_end = &x->due;
        int64_t id = w->ref.attempt_id;
        enum exec_outcome outcome = w->outcome;
        bool told = w->told_started || !w->claimed_at_us;
        int64_t at_us = w->claimed_at_us;
        struct attempt_end end = w->end;
        w->end.unkillable = NULL;
        watch_free(w);
        if (!told)
            x->events.started(x->events.arg, id, at_us);
        if (!x->closed)
            x->events.ended(x->events.arg, id, outcome, &end);
        free(end.unkillable);
    }
    exec_unref(x);
}

static void on_later(uv_async_t *h)
{
    flush(h->data);
}

static void on_started(uv_poll_t *h, int status, int events)
{
    (void)status;
    (void)events;
    struct exec *x = h->data;
    struct attempt_started batch[64];
    ssize_t n = read(x->started_fd[0], batch, sizeof batch);
    x->refs++;
    for (ssize_t i = 0; !x->closed && i < n / (ssize_t)sizeof batch[0]; i++) {
        struct watch *w = watch_find(x, batch[i].id);
        if (w)
            tell_started(w, batch[i].at_us);
    }
    exec_unref(x);
}

/* --- survivors --- */

static void hunt_work(uv_work_t *work)
{
    struct hunt *h = work->data;
    survivors_kill(h->token, h->cgroup, h->dir, &h->found);
}

static void hunt_done(uv_work_t *work, int status)
{
    (void)status;
    struct hunt *h = work->data;
    struct exec *x = h->x;
    struct watch *w = x->closed ? NULL : watch_find(x, h->attempt_id);
    if (w) {
        w->end.killed = h->found.killed;
        w->end.unkillable = h->found.unkillable;
        h->found.unkillable = NULL;
        watch_due(w, EXEC_LOST);
        flush(x);
    }
    free(h->found.unkillable);
    free(h->token);
    free(h->dir);
    free(h);
    exec_unref(x);
}

static void hunt(struct watch *w, const char *cgroup)
{
    struct hunt *h = mem_zalloc(sizeof *h);
    h->work.data = h;
    h->x = w->x;
    h->attempt_id = w->ref.attempt_id;
    h->token = mem_strdup(w->ref.token);
    h->dir = mem_strdup(w->ref.dir);
    snprintf(h->cgroup, sizeof h->cgroup, "%s", cgroup);
    watch_unpoll(w);
    watch_set(w, WATCH_HUNTING);
    w->x->refs++;
    if (uv_queue_work(w->x->loop, &h->work, hunt_work, hunt_done))
        log_bug(__FILE__, __LINE__, "uv_queue_work");
}

/* --- following a living cail-run --- */

static void send_stop(struct watch *w)
{
    char path[CAIL_PATH_MAX];
    CLEANUP(str_done) struct str text = STR_INIT;
    struct cail_err err;
    attempt_control_encode(w->ref.token, &(struct attempt_control){w->stop_grace_ms}, &text);
    snprintf(path, sizeof path, "%s/" ATTEMPT_CONTROL_FILE, w->ref.dir);
    int sig = SIGUSR1;
    if (fsx_write_atomic(path, text.p, text.len, 0600, false, &err)) {
        log_warn("attempt %lld: %s; it is stopped with the grace of its spec",
                 (long long)w->ref.attempt_id, err.text);
        sig = SIGTERM;
    }
    (void)pidfd_send_signal(w->pidfd, sig, NULL, 0); /* gone: its end is on its way */
}

static void on_pidfd(uv_poll_t *h, int status, int events)
{
    (void)status;
    (void)events;
    struct watch *w = h->data;
    struct exec *x = w->x;
    siginfo_t info = {0};
    /* ECHILD: adopted, init reaps it. */
    if (!waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED | WNOHANG) && !info.si_pid)
        return;
    if (info.si_code == CLD_EXITED && info.si_status && info.si_status != ATTEMPT_EXIT_CLAIMED)
        log_error("attempt %lld: cail-run failed with status %d", (long long)w->ref.attempt_id,
                  info.si_status);
    watch_unpoll(w);
    settle(w);
    flush(x);
}

static bool watch_poll(struct watch *w, int pidfd)
{
    uv_poll_t *poll = mem_zalloc(sizeof *poll);
    if (uv_poll_init(w->x->loop, poll, pidfd)) {
        free(poll);
        return false;
    }
    poll->data = w;
    w->pidfd = pidfd;
    w->poll = poll;
    watch_set(w, WATCH_ALIVE);
    if (uv_poll_start(poll, UV_READABLE, on_pidfd))
        log_bug(__FILE__, __LINE__, "uv_poll_start");
    if (w->stop_wanted)
        send_stop(w);
    return true;
}

/* Field 22 of /proc/PID/stat, -1 = no such process. */
static int64_t start_of(pid_t pid)
{
    char text[1024];
    snprintf(text, sizeof text, "/proc/%d/stat", (int)pid);
    CLEANUP(fsx_closep) int fd = open(text, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        return -1;
    text[n] = 0;
    char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoll(at, NULL, 10) : -1;
}

static void on_blind(uv_timer_t *h)
{
    struct exec *x = h->data;
    struct watch *w, *next;
    HASH_ITER(hh, x->watches, w, next) {
        if (w->state == WATCH_BLIND)
            settle(w);
    }
    flush(x);
}

static void go_blind(struct watch *w)
{
    uv_timer_t *timer = &w->x->blind;
    watch_set(w, WATCH_BLIND);
    if (!uv_is_active((uv_handle_t *)timer))
        uv_timer_start(timer, on_blind, BLIND_MS, BLIND_MS);
}

/* Somebody has the lock. Follow it when its claim names a living process; until then look again. */
static void follow(struct watch *w, const struct look *l)
{
    int pidfd = l->has_claim ? pidfd_open(l->run.claim.pid, 0) : -1;
    if (pidfd >= 0 && start_of(l->run.claim.pid) == l->run.claim.start && watch_poll(w, pidfd)) {
        watch_owe(w, !w->told_started);
        return;
    }
    fsx_closep(&pidfd);
    go_blind(w);
}

static int64_t log_bytes(const char *dir)
{
    char path[CAIL_PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, "%s/" ATTEMPT_LOG_FILE, dir);
    return lstat(path, &st) ? 0 : (int64_t)st.st_size;
}

static void lose(struct watch *w)
{
    w->end.cause = END_LOST;
    w->end.log_bytes = log_bytes(w->ref.dir);
}

/* What was seen becomes the watch's state; UNCLAIMED never gets here. */
static void apply(struct watch *w, const struct look *l)
{
    if (l->has_claim)
        w->claimed_at_us = l->run.claim.at_us;
    switch (l->kind) {
    case LOOK_ENDED:
        exec_end_of(&l->run.record, &w->end);
        watch_due(w, EXEC_EXITED);
        return;
    case LOOK_OTHER_BOOT:
        lose(w);
        watch_due(w, EXEC_LOST);
        return;
    case LOOK_HELD:
        follow(w, l);
        return;
    case LOOK_CLAIMED:
        lose(w);
        hunt(w, l->has_claim ? l->run.claim.cgroup : "");
        return;
    case LOOK_UNCLAIMED:
    case LOOK_VOID:
        w->end.cause = END_VOID;
        watch_due(w, EXEC_NEVER_STARTED);
        return;
    }
}

static void settle(struct watch *w)
{
    struct look l;
    exec_look(&w->ref, w->x->boot, true, &l);
    apply(w, &l);
}

/* --- the operations --- */

static int open_parts(struct exec *x, uv_loop_t *loop, const char *helper, struct cail_err *err)
{
    if (pipe2(x->started_fd, O_CLOEXEC | O_NONBLOCK))
        return err_set_errno(err, E_UNAVAILABLE, errno, "cannot make a pipe");
    int code = spawner_init(&x->spawner, helper, x->started_fd[1], err);
    if (code)
        return code;
    if (uv_async_init(loop, &x->later, on_later)) {
        spawner_done(&x->spawner);
        return err_set(err, E_UNAVAILABLE, "cannot watch for the ends of jobs");
    }
    BUG_ON(uv_timer_init(loop, &x->blind));
    BUG_ON(uv_poll_init(loop, &x->started_poll, x->started_fd[0]));
    x->later.data = x->blind.data = x->started_poll.data = x;
    BUG_ON(uv_poll_start(&x->started_poll, UV_READABLE, on_started));
    return 0;
}

static int local_open(struct exec **ret, uv_loop_t *loop, const struct exec_events *events,
                      const char *helper_path, struct cail_err *err)
{
    struct exec *x = mem_zalloc(sizeof *x);
    x->loop = loop;
    x->events = *events;
    x->started_fd[0] = x->started_fd[1] = -1;
    x->due_end = &x->due;
    clock_boot_id(x->boot);
    int code = open_parts(x, loop, helper_path, err);
    if (code) {
        fsx_closep(&x->started_fd[0]);
        fsx_closep(&x->started_fd[1]);
        free(x);
        return code;
    }
    *ret = x;
    return 0;
}

static void local_close(struct exec *x)
{
    struct watch *w, *next;
    x->refs++;
    x->closed = true;
    HASH_ITER(hh, x->watches, w, next) {
        watch_free(w);
    }
    x->due = NULL;
    close_part(x, (uv_handle_t *)&x->later);
    close_part(x, (uv_handle_t *)&x->blind);
    close_part(x, (uv_handle_t *)&x->started_poll);
    exec_unref(x);
}

/* Nothing was started. Somebody else may have (before a restart): then that is what runs. */
static int start_failed(struct exec *x, const struct exec_ref *ref, int code)
{
    struct look l;
    exec_look(ref, x->boot, true, &l);
    if (l.kind == LOOK_VOID)
        return code;
    apply(watch_new(x, ref), &l);
    uv_async_send(&x->later);
    return 0;
}

static int local_start(struct exec *x, const struct exec_spec *spec, struct cail_err *err)
{
    struct exec_ref ref = {spec->attempt_id, spec->token, spec->boot_id, spec->dir};
    pid_t pid;
    int code = spawner_prepare(spec, err);
    if (!code)
        code = spawner_start(&x->spawner, spec->dir, &pid, err);
    if (code)
        return start_failed(x, &ref, code);
    struct watch *w = watch_new(x, &ref);
    int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0 || !watch_poll(w, pidfd)) {
        /* It runs; without a descriptor (EMFILE) it is looked at by its lock. */
        fsx_closep(&pidfd);
        go_blind(w);
    }
    return 0;
}

static void local_stop(struct exec *x, int64_t attempt_id, int64_t grace_ms)
{
    struct watch *w = watch_find(x, attempt_id);
    if (!w)
        return;
    if (!w->stop_wanted || grace_ms < w->stop_grace_ms)
        w->stop_grace_ms = grace_ms;
    w->stop_wanted = true;
    if (w->state == WATCH_ALIVE)
        send_stop(w);
}

static enum exec_adopted local_adopt(struct exec *x, const struct exec_ref *ref)
{
    struct look l;
    exec_look(ref, x->boot, false, &l);
    if (l.kind == LOOK_UNCLAIMED)
        return EXEC_UNCLAIMED;
    struct watch *w = watch_new(x, ref);
    apply(w, &l);
    uv_async_send(&x->later);
    return w->state == WATCH_ALIVE || w->state == WATCH_BLIND ? EXEC_ADOPTED : EXEC_SETTLED;
}

static void local_set_void(struct exec *x, const struct exec_ref *ref)
{
    settle(watch_new(x, ref));
    uv_async_send(&x->later);
}

const struct exec_ops exec_local = {
    .name = "local",
    .open = local_open,
    .close = local_close,
    .start = local_start,
    .stop = local_stop,
    .adopt = local_adopt,
    .set_void = local_set_void,
};
