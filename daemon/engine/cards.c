/* Cards: the scheduler's table of them, evidence before a start, telemetry during the run, settling
 * after it. The lease comes first (a row, committed), then the check, then the start, so nothing
 * can slip in between; a card that fails the check gives its job back to the queue.
 *
 * After an end the scheduler has the lease back at once, but the card stays unavailable until two
 * samples say that it is clean again, or is quarantined with the reason. */
#include "engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "wire/job_doc.h"

enum { SETTLE_MS = 10000, NOTES_MAX = 4 * GPU_CARDS_MAX, TABLE_MAX = 2 * GPU_CARDS_MAX };

/* A card that is being settled, or a lease from before the start, of which the probe need not have
 * shown the card (yet). Of a shared card there is one for each job. */
struct card_note {
    char uuid[64];
    int64_t job; /* settling: whose end; unseen: whose lease */
    bool settling;
};

/* Cards that are on their way to be clean. */
struct settling {
    struct engine *e;
    char **uuids;
    size_t n;
    int64_t job;
    struct settling *next;
};

struct cards {
    struct gpu *gpu;
    struct settling *settlings;
    struct card_note note[NOTES_MAX];
    size_t n_notes;
    struct {
        char uuid[64], note[128];
    } drain[GPU_CARDS_MAX]; /* to be drained once they are seen */
    size_t n_drains;
    bool closed;
};

static struct card_note *note_of(struct cards *c, const char *uuid, int64_t job)
{
    for (size_t i = 0; i < c->n_notes; i++)
        if (c->note[i].job == job && strcmp(c->note[i].uuid, uuid) == 0)
            return &c->note[i];
    return NULL;
}

static const struct card_note *note_settling(const struct cards *c, const char *uuid)
{
    for (size_t i = 0; i < c->n_notes; i++)
        if (c->note[i].settling && strcmp(c->note[i].uuid, uuid) == 0)
            return &c->note[i];
    return NULL;
}

static void note_add(struct cards *c, const char *uuid, int64_t job, bool settling)
{
    struct card_note *n = note_of(c, uuid, job);
    if (!n && c->n_notes < NOTES_MAX)
        n = &c->note[c->n_notes++];
    if (!n)
        return;
    snprintf(n->uuid, sizeof n->uuid, "%s", uuid);
    n->job = job;
    n->settling = settling;
}

static void note_drop(struct cards *c, const char *uuid, int64_t job)
{
    struct card_note *n = note_of(c, uuid, job);
    if (n)
        *n = c->note[--c->n_notes];
}

/* --- the scheduler's table --- */

static void describe(const struct cards *c, const struct gpu_card *card, struct sched_gpu *ret)
{
    const struct card_note *n = note_settling(c, card->uuid);
    memset(ret, 0, sizeof *ret);
    snprintf(ret->uuid, sizeof ret->uuid, "%s", card->uuid);
    snprintf(ret->model, sizeof ret->model, "%s", card->name);
    ret->memory_mib = card->memory_mib;
    ret->available = card->free_twice && !card->reason[0] && !n;
    if (card->reason[0])
        snprintf(ret->reason, sizeof ret->reason, "%s", card->reason);
    else if (n)
        snprintf(ret->reason, sizeof ret->reason, "settling after job %lld", (long long)n->job);
    else if (!card->free_twice)
        snprintf(ret->reason, sizeof ret->reason, "not yet seen free in two samples");
}

void cards_table(struct engine *e)
{
    struct cards *c = e->cards;
    static struct sched_gpu table[TABLE_MAX]; /* the loop thread's own */
    const struct gpu_card *cards;
    size_t n = c->gpu ? gpu_cards(c->gpu, &cards) : 0, rows = 0;
    for (size_t i = 0; i < n && rows < GPU_CARDS_MAX; i++)
        if (cards[i].mig != 1) /* a parent in MIG mode runs nothing itself */
            describe(c, &cards[i], &table[rows++]);
    for (size_t i = 0; i < c->n_notes && rows < TABLE_MAX; i++) {
        bool seen = false;
        for (size_t k = 0; k < rows; k++)
            seen |= strcmp(table[k].uuid, c->note[i].uuid) == 0;
        if (seen)
            continue;
        struct sched_gpu *g = &table[rows++];
        memset(g, 0, sizeof *g);
        snprintf(g->uuid, sizeof g->uuid, "%s", c->note[i].uuid);
        snprintf(g->reason, sizeof g->reason, "the driver does not show it");
    }
    sched_set_gpus(e->sched, table, rows);
    e->dirty = true;
}

static void publish(struct engine *e)
{
    if (!feed_has_readers(e->feed))
        return;
    struct str s = STR_INIT;
    engine_gpus_json(e, &s);
    size_t len = s.len && s.p[s.len - 1] == '\n' ? s.len - 1 : s.len;
    pump_publish(e, "gpu", 0, str_take(&s), len);
}

void cards_drained_loaded(struct engine *e, const char *uuid, const char *note)
{
    struct cards *c = e->cards;
    if (c->n_drains == GPU_CARDS_MAX)
        return;
    snprintf(c->drain[c->n_drains].uuid, sizeof c->drain[0].uuid, "%s", uuid);
    snprintf(c->drain[c->n_drains++].note, sizeof c->drain[0].note, "%s", note);
}

/* What was drained before the restart, as soon as it is seen. */
static void drain_loaded(struct cards *c)
{
    for (size_t i = c->n_drains; i-- > 0;)
        if (gpu_find(c->gpu, c->drain[i].uuid) &&
            !gpu_drain(c->gpu, c->drain[i].uuid, true, c->drain[i].note, NULL))
            c->drain[i] = c->drain[--c->n_drains];
}

static void changed(void *arg)
{
    struct engine *e = arg;
    if (e->cards->closed || e->loading || e->failed)
        return;
    drain_loaded(e->cards);
    cards_table(e);
    publish(e);
}

static bool is_ours(void *arg, const char *token)
{
    struct engine *e = arg;
    for (struct run *r = e->runs; r; r = r->hh.next)
        if (strcmp(r->job->attempt->token, token) == 0)
            return true;
    return false;
}

int cards_open(struct engine *e, struct cail_err *err)
{
    struct gpu_config config = {.probe = e->config.probe,
                                .nvml_path = e->config.nvml,
                                .is_ours = is_ours,
                                .changed = changed,
                                .arg = e};
    e->cards = mem_zalloc(sizeof *e->cards);
    return e->config.probe ? gpu_open(&e->cards->gpu, e->loop, &config, err) : 0;
}

static void settling_free(struct cards *c, struct settling *s)
{
    struct settling **at = &c->settlings;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    for (size_t i = 0; i < s->n; i++)
        free(s->uuids[i]);
    free(s->uuids);
    free(s);
}

static void gpu_closed(void *arg)
{
    *(bool *)arg = true;
}

void cards_close(struct engine *e)
{
    bool done = false;
    if (!e->cards)
        return;
    e->cards->closed = true;
    if (e->cards->gpu) {
        gpu_close(e->cards->gpu, gpu_closed, &done);
        while (!done)
            uv_run(e->loop, UV_RUN_ONCE);
    }
    while (e->cards->settlings)
        settling_free(e->cards, e->cards->settlings);
    free(e->cards);
    e->cards = NULL;
}

void cards_forget(struct engine *e)
{
    if (e->cards)
        e->cards->n_notes = 0;
}

/* --- of one run --- */

/* The uuids of a lease, by the scheduler's table as it stands. */
static size_t uuids_of(struct engine *e, const struct sched_lease *lease, const char *ret[64])
{
    const struct sched_gpu *gpus;
    size_t n = sched_gpus(e->sched, &gpus), found = 0;
    for (int32_t i = 0; i < lease->n_gpus; i++)
        if ((size_t)lease->gpu[i] < n)
            ret[found++] = gpus[lease->gpu[i]].uuid;
    return found;
}

void cards_named(struct run *r)
{
    CLEANUP(str_done) struct str all = STR_INIT;
    for (size_t i = 0; i < r->n_uuids; i++)
        str_addf(&all, "%s%s", i ? "," : "", r->uuids[i]);
    if (r->n_uuids)
        model_set(&r->job->attempt->gpus, all.p);
}

/* The table may be replaced while it runs, so a run keeps the names of its cards. */
void cards_taken(struct engine *e, struct run *r)
{
    const char *uuid[64];
    size_t n = uuids_of(e, &r->lease, uuid);
    r->uuids = mem_array(n + 1, sizeof *r->uuids);
    for (size_t i = 0; i < n; i++)
        r->uuids[r->n_uuids++] = mem_strdup(uuid[i]);
    cards_named(r);
}

void cards_run_free(struct run *r)
{
    for (size_t i = 0; i < r->n_uuids; i++)
        free(r->uuids[i]);
    free(r->uuids);
    free(r->telemetry);
    free(r->cards);
}

/* A lease that was open when the daemon stopped; before the runs are adopted. */
void cards_lease_loaded(struct engine *e, int64_t job, const char *uuid)
{
    note_add(e->cards, uuid, job, false);
}

void cards_lease_of(struct engine *e, int64_t job, struct sched_lease *lease)
{
    const struct sched_gpu *gpus;
    size_t n = sched_gpus(e->sched, &gpus);
    for (size_t i = 0; i < n && lease->n_gpus < 64; i++) {
        const struct card_note *note = note_of(e->cards, gpus[i].uuid, job);
        if (note && !note->settling)
            lease->gpu[lease->n_gpus++] = (int16_t)i;
    }
}

struct check {
    struct engine *e;
    int64_t attempt_id;
};

static void checked(void *arg, bool ok, const char *reason)
{
    struct check *check = arg;
    struct engine *e = check->e;
    struct run *r = run_find(e, check->attempt_id);
    free(check);
    if (!r || e->closing)
        return;
    r->checking = NULL;
    if (ok) {
        run_go(e, r);
        return;
    }
    log_info("job %lld goes back to the queue: %s", (long long)r->job->id, reason);
    run_give_back(e, r);
}

bool cards_check(struct engine *e, struct run *r)
{
    if (!r->n_uuids || !e->cards->gpu)
        return false;
    struct check *check = mem_zalloc(sizeof *check);
    check->e = e;
    check->attempt_id = r->attempt_id;
    r->checking = check;
    gpu_check(e->cards->gpu, (const char *const *)r->uuids, r->n_uuids, checked, check);
    return true;
}

void cards_check_drop(struct engine *e, struct run *r)
{
    if (!r->checking)
        return;
    gpu_check_cancel(e->cards->gpu, r->checking);
    free(r->checking);
    r->checking = NULL;
}

void cards_record(struct engine *e, struct run *r)
{
    if (r->n_uuids && e->cards->gpu)
        gpu_record_start(e->cards->gpu, r->attempt_id, r->job->attempt->token,
                         (const char *const *)r->uuids, r->n_uuids, r->job->kind == KIND_BENCHMARK);
}

static void settled(void *arg, bool ok, const char *reason)
{
    struct settling *s = arg;
    struct engine *e = s->e;
    if (e->cards->closed)
        return; /* cards_close frees them */
    for (size_t i = 0; i < s->n; i++)
        note_drop(e->cards, s->uuids[i], s->job);
    if (!ok)
        log_warn("a card is set aside: %s", reason);
    settling_free(e->cards, s);
    if (!e->failed && !e->loading)
        cards_table(e);
}

/* "driver", "cuda" and the cards as they are known, for the provenance. */
static char *card_facts(struct engine *e, const struct run *r)
{
    struct str s = STR_INIT;
    struct jw w = JW(&s);
    const char *driver;
    int32_t cuda;
    gpu_versions(e->cards->gpu, &driver, &cuda);
    jw_kstr(&w, "driver", driver);
    jw_kint(&w, "cuda", cuda);
    jw_key(&w, "cards");
    jw_open(&w, '[');
    for (size_t i = 0; i < r->n_uuids; i++) {
        const struct gpu_card *card = gpu_find(e->cards->gpu, r->uuids[i]);
        if (!card)
            continue;
        jw_open(&w, '{');
        gpu_facts_json(card, &w);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    return str_take(&s);
}

void cards_settle(struct engine *e, int64_t job, char *const *uuids, size_t n)
{
    if (!n || !e->cards->gpu)
        return;
    struct settling *s = mem_zalloc(sizeof *s);
    s->e = e;
    s->job = job;
    s->next = e->cards->settlings;
    e->cards->settlings = s;
    s->uuids = mem_array(n, sizeof *s->uuids);
    for (size_t i = 0; i < n; i++) {
        s->uuids[s->n++] = mem_strdup(uuids[i]);
        note_add(e->cards, uuids[i], job, true);
    }
    cards_table(e);
    gpu_settle(e->cards->gpu, (const char *const *)uuids, n, SETTLE_MS, settled, s);
}

/* The attempt is over: telemetry is closed, its cards must show that they are clean. */
void cards_ended(struct engine *e, struct run *r, bool keeps)
{
    struct job *j = r->job;
    if (!r->n_uuids || !e->cards->gpu)
        return;
    struct gpu_verdict v = {.clean = true};
    r->telemetry = gpu_record_end(e->cards->gpu, r->attempt_id, &v);
    r->cards = card_facts(e, r);
    r->tainted = !v.clean;
    if (!v.clean)
        j->flags |= JOB_FLAG_TAINTED;
    if (v.wrong_card)
        j->flags |= JOB_FLAG_WRONG_CARD;
    if (v.unused_card)
        j->flags |= JOB_FLAG_UNUSED_CARD;
    if (!keeps)
        cards_settle(e, j->id, r->uuids, r->n_uuids);
}

/* --- questions and commands --- */

size_t engine_cards(const struct engine *e, const struct gpu_card **ret)
{
    return e->cards->gpu ? gpu_cards(e->cards->gpu, ret) : 0;
}

bool cards_are_known(const struct engine *e)
{
    return !e->cards->gpu || gpu_is_known(e->cards->gpu);
}

static void lease_json(struct engine *e, const struct gpu_card *card, struct jw *w)
{
    const struct sched_gpu *gpus;
    size_t n = sched_gpus(e->sched, &gpus);
    int64_t holder = 0;
    const char *reason = card->reason;
    for (size_t i = 0; i < n; i++)
        if (strcmp(gpus[i].uuid, card->uuid) == 0) {
            holder = gpus[i].holder;
            if (!*reason) /* the card's own words are newer than the table's */
                reason = gpus[i].reason;
        }
    struct job *j = holder ? engine_job(e, holder) : NULL;
    bool settling = note_settling(e->cards, card->uuid) != NULL;
    jw_kstr(w, "state",
            holder                ? "leased"
            : card->drained       ? "drained"
            : settling            ? "settling"
            : card->quarantine[0] ? "quarantined"
            : card->reason[0]     ? "busy"
            : card->free_twice    ? "free"
                                  : "unknown");
    jw_kstr(w, "reason", *reason && !holder ? reason : NULL);
    jw_key(w, "lease");
    if (!j) {
        jw_null(w);
        return;
    }
    jw_open(w, '{');
    jw_kint(w, "job", j->id);
    jw_kstr(w, "name", j->name);
    jw_kstr(w, "user", j->user);
    jw_ktime(w, "since", j->attempt ? j->attempt->created_at_us : 0);
    jw_close(w, '}');
}

void engine_gpus_json(struct engine *e, struct str *out)
{
    struct jw w = JW(out);
    const struct gpu_card *cards = NULL;
    const char *driver = NULL;
    int32_t cuda = 0;
    size_t n = e->cards->gpu ? gpu_cards(e->cards->gpu, &cards) : 0;
    jw_open(&w, '{');
    if (n)
        gpu_versions(e->cards->gpu, &driver, &cuda);
    jw_kstr(&w, "driver", driver);
    jw_key(&w, "cuda");
    if (cuda)
        jw_int(&w, cuda);
    else
        jw_null(&w);
    jw_kstr(&w, "reason",
            n                ? NULL
            : !e->cards->gpu ? "GPUs are not looked for (gpu.probe is not set)"
                             : gpu_none_reason(e->cards->gpu));
    jw_key(&w, "gpus");
    jw_open(&w, '[');
    for (size_t i = 0; i < n; i++) {
        jw_open(&w, '{');
        gpu_card_json(&cards[i], &w);
        lease_json(e, &cards[i], &w);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    str_addc(out, '\n');
}

int engine_gpu_drain(struct engine *e, const char *uuid, bool on, const char *note,
                     struct cail_err *err)
{
    if (!e->cards->gpu)
        return err_set(err, E_NOT_FOUND, "GPUs are not looked for");
    int rc = gpu_drain(e->cards->gpu, uuid, on, note, err);
    if (rc)
        return rc;
    char key[80];
    snprintf(key, sizeof key, "drained %.64s", uuid);
    store_put_setting(pump_batch(e), key, on ? (note && *note ? note : "drained") : "");
    cards_table(e);
    publish(e);
    return 0;
}

bool engine_telemetry_json(struct engine *e, int64_t attempt_id, struct str *out)
{
    struct jw w = JW(out);
    return e->cards->gpu && gpu_record_json(e->cards->gpu, attempt_id, &w);
}
