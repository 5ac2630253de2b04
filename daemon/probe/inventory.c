/* Which cards there are. Opens the library, says hello, says it again when something changed, and
 * starts the library again when a card that was lost answers others: handles of a card that was
 * reset, and indexes, are only found anew so. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "probe/nvml_load.h"
#include "probe/probe.h"

enum { TEXT_LEN = 96, REASON_LEN = 400, HANG_US = 1000000 };

struct inventory {
    struct probe *p;
    bool started; /* the library is initialized */
    int64_t scan_at_us, dirty_at_us;
    struct scout scout;
    char driver[TEXT_LEN], nvml[TEXT_LEN];
    int cuda;                       /* -1 = not told */
    char reason[REASON_LEN];        /* why there is no card */
    unsigned most;                  /* cards that a hello ever had */
    struct str last;                /* the last hello or nothing */
    uint64_t told[PROBE_CARDS_MAX]; /* versions of the facts in the last hello */
};

/* The kernel's number for the first pid namespace (PROC_PID_INIT_INO). In another one, processes of
 * the host and of other containers are missing from the driver's lists, or are numbers that mean
 * nothing here. */
static bool sees_all_processes(void)
{
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == 0xEFFFFFFCu;
}

static void read_versions(struct inventory *v)
{
    if (NVML(SystemGetDriverVersion, v->driver, sizeof v->driver) != NV_OK)
        v->driver[0] = 0;
    if (NVML(SystemGetNVMLVersion, v->nvml, sizeof v->nvml) != NV_OK)
        v->nvml[0] = 0;
    if (NVML(SystemGetCudaDriverVersion_v2, &v->cuda) != NV_OK)
        v->cuda = -1;
}

/* The gate is closed and empty. */
static bool start_library(struct inventory *v)
{
    if (!nvml_load(v->p->nvml_path, v->reason, sizeof v->reason))
        return false;
    nvml_ret ret = NVML(Init_v2);
    if (ret != NV_OK) {
        snprintf(v->reason, sizeof v->reason, "%s (NVML error %d)", nvml_text(ret), ret);
        nvml_unload(); /* an upgraded driver brings another file */
        return false;
    }
    read_versions(v);
    return v->started = true;
}

/* Lock held. A card that hangs keeps the gate from emptying; the others must not wait for that. */
static bool hangs_inside(const struct probe *p)
{
    int64_t now_us = clock_mono_us();
    for (uint32_t i = 0; i < p->n_cards; i++) {
        if (p->card[i].inside_us && now_us - p->card[i].inside_us > HANG_US)
            return true;
    }
    return false;
}

/* false = somebody is inside and does not come out; the gate is open. */
static bool close_gate(struct probe *p)
{
    probe_lock(p);
    if (hangs_inside(p)) {
        probe_unlock(p);
        return false;
    }
    p->closed = true;
    int64_t until_us = clock_mono_us() + p->settle_us;
    while (p->inside && clock_mono_us() < until_us)
        probe_wait(p, until_us);
    bool empty = p->inside == 0;
    if (!empty) {
        p->closed = false;
        probe_wake(p);
    }
    probe_unlock(p);
    return empty;
}

static void open_gate(struct probe *p)
{
    probe_lock(p);
    p->closed = false;
    p->generation++;
    for (uint32_t i = 0; i < p->n_cards; i++)
        p->card[i].state = CARD_READING;
    p->dirty = true;
    probe_wake(p);
    probe_unlock(p);
}

static void start_worker(struct probe *p, struct card *c)
{
    c->has_thread = true;
    struct worker_arg *arg = mem_zalloc(sizeof *arg);
    *arg = (struct worker_arg){p, c};
    probe_start_thread(worker_run, arg);
}

/* Lock held: one worker an index; those beyond n rest. Everybody reads his facts again. */
static void set_count(struct probe *p, uint32_t n)
{
    n = n < PROBE_CARDS_MAX ? n : PROBE_CARDS_MAX;
    p->dirty |= n != p->n_cards || n == 0;
    p->n_cards = n;
    for (uint32_t i = 0; i < PROBE_CARDS_MAX; i++) {
        struct card *c = &p->card[i];
        if (i >= n)
            c->state = CARD_ABSENT;
        else if (c->state == CARD_ABSENT)
            c->state = CARD_READING;
        c->recheck = i < n;
        if (i < n && !c->has_thread)
            start_worker(p, c);
    }
}

static void count_cards(struct inventory *v)
{
    uint32_t n = 0;
    (void)!probe_enter(v->p, NULL, 0); /* nobody else starts the library */
    nvml_ret ret = NVML(DeviceGetCount_v2, &n);
    probe_leave(v->p, NULL);
    if (ret != NV_OK) {
        n = 0;
        snprintf(v->reason, sizeof v->reason, "%s (NVML error %d)", nvml_text(ret), ret);
    } else {
        snprintf(v->reason, sizeof v->reason, "the NVIDIA driver sees no card");
    }
    probe_lock(v->p);
    set_count(v->p, n);
    probe_wake(v->p);
    probe_unlock(v->p);
    v->scan_at_us = clock_mono_us() + v->p->scan_us;
}

static void start(struct inventory *v)
{
    while (!start_library(v)) {
        emit_none(v->reason);
        str_clear(&v->last);
        probe_lock(v->p);
        int64_t until_us = clock_mono_us() + v->p->retry_us;
        while (clock_mono_us() < until_us)
            probe_wait(v->p, until_us);
        probe_unlock(v->p);
    }
    open_gate(v->p);
    count_cards(v);
}

static void restart(struct inventory *v)
{
    if (!close_gate(v->p))
        return;
    if (v->started)
        (void)NVML(Shutdown);
    v->started = false;
    start(v);
}

/* Lock held. Does the line of the scout's answer name a card that is sampled here? */
static bool is_live(const struct probe *p, const char *uuid, size_t len)
{
    for (uint32_t i = 0; i < p->n_cards; i++) {
        const struct card *c = &p->card[i];
        const char *have = c->facts.unit[0].uuid;
        if ((c->state == CARD_LIVE || c->state == CARD_READY) && c->facts.n_units &&
            strlen(have) == len && !memcmp(have, uuid, len))
            return true;
    }
    return false;
}

static bool has_lost_one(struct inventory *v)
{
    unsigned live = 0;
    probe_lock(v->p);
    for (uint32_t i = 0; i < v->p->n_cards; i++)
        live += v->p->card[i].state == CARD_LIVE || v->p->card[i].state == CARD_READY;
    probe_unlock(v->p);
    return live < v->most || live == 0;
}

/* While a card is missing, see whether a fresh start of the library finds one that we do not. */
static bool would_restart_help(struct inventory *v)
{
    CLEANUP(str_done) struct str list = STR_INIT;
    scout_ask(&v->scout, v->p->nvml_path, v->p->settle_us, &list);
    bool unknown = false;
    probe_lock(v->p);
    for (const char *at = list.p, *end; at && (end = strchr(at, '\n')); at = end + 1)
        unknown |= end > at && !is_live(v->p, at, (size_t)(end - at));
    probe_unlock(v->p);
    return unknown;
}

static void open_hello(const struct inventory *v, struct jw *w, bool full)
{
    jw_open(w, '{');
    jw_kstr(w, "t", "hello");
    jw_kint(w, "v", 1);
    jw_kstr(w, "library", nvml_library());
    jw_kstr(w, "driver", v->driver[0] ? v->driver : NULL);
    jw_kstr(w, "nvml", v->nvml[0] ? v->nvml : NULL);
    tell_int(w, "cuda", v->cuda < 0 ? NV_NOTSUP : NV_OK, (uint64_t)v->cuda);
    jw_kstr(w, "visibility", full ? "full" : "partial");
    jw_key(w, "cards");
    jw_open(w, '[');
}

/* Lock held. The number of cards in it. */
static unsigned write_hello(struct inventory *v, struct str *line)
{
    struct probe *p = v->p;
    bool full = sees_all_processes();
    unsigned n = 0;
    for (uint32_t i = 0; i < p->n_cards; i++) {
        struct card *c = &p->card[i];
        v->told[i] = c->state == CARD_READY || c->state == CARD_LIVE ? c->version : 0;
        full &= !v->told[i] || c->facts.procs_told;
    }
    struct jw w = JW(line);
    open_hello(v, &w, full);
    for (uint32_t i = 0; i < p->n_cards; i++) {
        if (!v->told[i])
            continue;
        jw_raw(&w, p->card[i].facts.json.p, p->card[i].facts.json.len);
        n++;
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    str_addc(line, '\n');
    return n;
}

/* Lock held. In v->reason: why no card is told. */
static void explain_none(struct inventory *v)
{
    struct probe *p = v->p;
    if (p->n_cards)
        snprintf(v->reason, sizeof v->reason, "no card answers");
    for (uint32_t i = 0; i < p->n_cards; i++) {
        if (p->card[i].state == CARD_LOST)
            snprintf(v->reason, sizeof v->reason, "no card answers: %s",
                     nvml_text(p->card[i].error));
    }
}

/* Samples come after the hello that names their card. */
static void let_sample(struct inventory *v)
{
    struct probe *p = v->p;
    probe_lock(p);
    for (uint32_t i = 0; i < p->n_cards; i++) {
        struct card *c = &p->card[i];
        if (c->state == CARD_READY && c->version == v->told[i])
            c->state = CARD_LIVE;
    }
    probe_wake(p);
    probe_unlock(p);
}

static void say(struct inventory *v)
{
    CLEANUP(str_done) struct str line = STR_INIT;
    probe_lock(v->p);
    v->p->dirty = false;
    unsigned n = write_hello(v, &line);
    v->most = n > v->most ? n : v->most;
    if (!n)
        explain_none(v);
    probe_unlock(v->p);
    if (!n) {
        str_clear(&v->last);
        emit_none(v->reason);
        return;
    }
    if (line.len != v->last.len || memcmp(line.p, v->last.p, line.len)) {
        emit(&line);
        str_clear(&v->last);
        str_add(&v->last, line.p, line.len);
    }
    let_sample(v);
}

/* Lock held. Cards that still look for their facts are waited for, but not for ever: one that hangs
 * comes with a later hello. */
static bool is_settled(const struct inventory *v, int64_t now_us)
{
    if (now_us >= v->dirty_at_us + v->p->settle_us)
        return true;
    for (uint32_t i = 0; i < v->p->n_cards; i++) {
        if (v->p->card[i].state == CARD_READING)
            return false;
    }
    return true;
}

/* true = hello is due; false = a scan is. */
static bool wait_for_work(struct inventory *v)
{
    struct probe *p = v->p;
    probe_lock(p);
    v->dirty_at_us = 0;
    for (;;) {
        int64_t now_us = clock_mono_us(), until_us = v->scan_at_us;
        if (p->dirty && !v->dirty_at_us)
            v->dirty_at_us = now_us;
        if (p->dirty && is_settled(v, now_us)) {
            probe_unlock(p);
            return true;
        }
        if (p->dirty && v->dirty_at_us + p->settle_us < until_us)
            until_us = v->dirty_at_us + p->settle_us;
        if (now_us >= v->scan_at_us) {
            probe_unlock(p);
            return false;
        }
        probe_wait(p, until_us);
    }
}

void *inventory_run(void *arg)
{
    struct inventory v = {.p = arg, .cuda = -1, .last = STR_INIT};
    start(&v);
    for (;;) {
        if (wait_for_work(&v)) {
            say(&v);
            continue;
        }
        if (has_lost_one(&v) && would_restart_help(&v))
            restart(&v);
        else
            count_cards(&v);
    }
    return NULL;
}
