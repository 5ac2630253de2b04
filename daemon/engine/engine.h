/* The engine: owns the loop's state and is the only decider. An event comes in (a command from
 * http, an attempt's end, a timer), memory changes, the change goes into the open batch, the batch
 * is committed, and only then do its effects leave: answers, launches, signals, live events.
 *
 * Loop thread only. A command answers 0 or an error code at once; what it changed is visible to
 * others when the batch engine_batch() named after the call is durable.
 *
 * Pointers to jobs are valid until control returns to the loop. Live jobs (held, queued, running)
 * are in memory; finished ones are rows that the reader thread fetches. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/str.h"
#include "model/comparison.h"
#include "model/job.h"
#include "sched/sched.h"
#include "store/store.h"
#include "wire/job_request.h"

struct engine;

struct engine_upstream {
    char name[64]; /* "llvm" */
    char url[500];
};

struct engine_config {
    const char *state_dir;   /* absolute, exists, 0700 */
    const char *build_root;  /* absolute; made when the first recipe runs */
    const char *recipes_dir; /* absolute; may be missing: no recipes then */
    const char *helper;      /* path of cail-run */
    const char *url;         /* CAIL_URL of jobs; may be set later by engine_set_url */
    int32_t cpus;            /* granted to jobs */
    int64_t memory_mib;
    int64_t cache_limit_bytes;
    int64_t keep_days, keep_bytes; /* retention of attempt folders */
    int64_t results_days;          /* of raw samples; their summaries stay */
    int64_t log_cap_bytes;
    int32_t jobs_live_max;
    const struct engine_upstream *upstreams; /* overrides */
    size_t n_upstreams;
    const char *tools_dir; /* holds env_check.sh */
    const char *probe;     /* path of cail-probe; NULL = GPUs are not looked for */
    const char *nvml;      /* libnvidia-ml.so.1 to load; NULL = the system's */
};

struct engine_listener {
    void *arg;
    void (*durable)(void *arg, uint64_t batch);
    /* Nothing newer than the last durable batch is known to be stored. */
    void (*failed)(void *arg, const struct cail_err *err);
    /* Something about this job (or HTTP_KEY_EVENTS = -1, the event feed) changed. */
    void (*wake)(void *arg, int64_t key);
    /* Results became points of these series, in the open batch; NULL = not wanted. */
    void (*measured)(void *arg, uid_t uid, const int64_t *series, size_t n);
    /* Rows that are not the engine's, as they are loaded; both NULL = not wanted. `forget` comes
     * before they are loaded again. */
    void (*pr)(void *arg, struct pr *p);
    void (*topic)(void *arg, struct topic *t);
    void (*forget)(void *arg);
    /* The store failed twice: the process should end with this text. */
    void (*fatal)(void *arg, const struct cail_err *err);
};

int engine_open(struct engine **ret, uv_loop_t *loop, const struct engine_config *config,
                const struct engine_listener *listener, struct cail_err *err) NODISCARD;
/* Commit what is pending, let go of the running jobs (they run on), close the store. */
void engine_close(struct engine *e);
void engine_set_url(struct engine *e, const char *url);

/* --- durability --- */
uint64_t
engine_batch(const struct engine *e); /* an answer built now may leave when this is durable */
uint64_t engine_durable(const struct engine *e);
/* The open batch, for rooms that keep rows of their own. Until control returns to the loop. */
struct store_batch *engine_open_batch(struct engine *e);
/* A live event of such a row, {"id": N}, that leaves when the open batch is durable. */
void engine_tell(struct engine *e, const char *name, int64_t id);
bool engine_is_ready(const struct engine *e, const char **ret_why_not);
bool engine_is_full(const struct engine *e); /* disk full: takes and starts nothing new */

/* --- commands --- */
struct engine_submitted {
    struct job **job; /* borrowed; array owned by the caller: free() */
    size_t n;
    struct group *group; /* NULL for a single job */
    bool needs_states; /* E_OK only: `after` names jobs not in memory: call again with their states
                        */
};
struct engine_known_states { /* for `after` on jobs that are only rows */
    const int64_t *id;
    const int *state; /* -1 = no such job */
    size_t n;
};
/* Takes the submission's jobs out of *sub on success (submission_done is still the caller's). All
 * or nothing. states NULL = not asked yet: when they are needed, nothing happens and
 * ret->needs_states is true. */
int engine_submit(struct engine *e, struct submission *sub, uid_t uid,
                  const struct engine_known_states *states, struct engine_submitted *ret,
                  struct cail_err *err) NODISCARD;

/* What an Idempotency-Key has made, perhaps no longer in memory; all 0 = it is new. Another body
 * under the same key is an error. */
int engine_key_seen(struct engine *e, uid_t uid, const char *key, const char *body_sha256,
                    struct idem_made *ret, struct cail_err *err) NODISCARD;
void engine_key_keep(struct engine *e, uid_t uid, const char *key, const char *body_sha256,
                     const struct idem_made *made);

struct job *engine_job(struct engine *e, int64_t id);     /* live, or NULL */
struct group *engine_group(struct engine *e, int64_t id); /* with a live member, or NULL */
size_t engine_group_jobs(struct engine *e, int64_t id,
                         struct job ***ret); /* live members; free() */
const struct attempt *engine_attempt(struct engine *e, const struct job *j); /* live one or NULL */
const char *engine_host(const struct engine *e);

int engine_cancel(struct engine *e, struct job *j, int64_t grace_ms,
                  struct cail_err *err) NODISCARD;
int engine_hold(struct engine *e, struct job *j, struct cail_err *err) NODISCARD;
int engine_release(struct engine *e, struct job *j, struct cail_err *err) NODISCARD;
int engine_patch(struct engine *e, struct job *j, const char *body, size_t len,
                 struct cail_err *err) NODISCARD;
/* A finished job, fetched by store_read_job, runs again as the same job. Takes *rec's job out.
 * group: the row of its group with counts, NULL when it has none. states: of its after[] jobs, as in
 * engine_submit. */
int engine_retry(struct engine *e, struct job_record *rec, const struct group *group,
                 const struct engine_known_states *states, struct job **ret, struct cail_err *err)
    NODISCARD;
/* Every finished member that did not succeed (only_failed) or every finished member. Takes jobs out
 * of *rec. *ret_n = how many run again. */
int engine_group_retry(struct engine *e, struct group_record *rec, bool only_failed, size_t *ret_n,
                       struct cail_err *err) NODISCARD;
/* Cancel every live member. */
void engine_group_cancel(struct engine *e, int64_t group, int64_t grace_ms);

/* --- comparisons --- */
struct comparison_request;
/* Takes *rq on success. body = its own text, kept. The comparison, live (unpaired ones too, until
 * they are judged). */
int engine_compare(struct engine *e, struct comparison_request *rq, const char *body, size_t len,
                   uid_t uid, struct comparison **ret, struct cail_err *err) NODISCARD;
struct comparison *engine_comparison(struct engine *e, int64_t id); /* live, or NULL */
int engine_comparison_cancel(struct engine *e, struct comparison *c, int64_t grace_ms,
                             struct cail_err *err) NODISCARD;

/* A comparison as its rows say, judged as far as it got. On the reader thread. */
struct comparison_view;
int comparison_view_read(struct store_reader *r, int64_t id, struct comparison_view **ret,
                         struct cail_err *err) NODISCARD;
/* The same for COMPARISON_JSON alone: of one that is over what was said at its end, without its
 * results being read and judged once more. */
int comparison_view_told(struct store_reader *r, int64_t id, struct comparison_view **ret,
                         struct cail_err *err) NODISCARD;
void comparison_view_free(struct comparison_view *v); /* NULL is fine */
const struct comparison *comparison_view_row(const struct comparison_view *v);
enum comparison_format {
    COMPARISON_JSON,     /* GET /comparisons/{id} */
    COMPARISON_MARKDOWN, /* the report */
    COMPARISON_JUNIT,
    COMPARISON_GITHUB, /* a check's summary */
};
/* url = the daemon's own, for links, NULL = none. */
void comparison_view_put(const struct comparison_view *v, enum comparison_format format,
                         const char *url, struct str *out);
/* {"machines":[...]}: what identical code did on each, from A/A comparisons. On the reader thread. */
int noise_read(struct store_reader *r, struct str *out, struct cail_err *err) NODISCARD;
/* As in lists and events: without rows. Of a live one on the loop thread alone. */
struct jw;
void comparison_summary(struct jw *w, const struct comparison *c);

/* Results that CI posts for a job: parsed already; stored with the job's newest attempt, and as
 * points of their series. */
struct history;
int engine_add_results(struct engine *e, const struct job *j, int64_t attempt_id,
                       struct result *r, struct history *h, struct cail_err *err) NODISCARD;

int engine_queue_set(struct engine *e, const char *name, int32_t limit /* -1 = as it is */,
                     int paused /* -1 = as it is */, struct cail_err *err) NODISCARD;
void engine_pause(struct engine *e, bool paused);
void engine_drain(struct engine *e, bool draining); /* pause + refuse submissions */

/* --- questions --- */
struct sched *engine_sched(struct engine *e);
const struct queue *engine_queues(struct engine *e); /* uthash list */
bool engine_is_draining(const struct engine *e);
/* Visit live jobs by id. */
void engine_each_job(struct engine *e, bool (*fn)(void *arg, struct job *j), void *arg);
/* Queue work for the reader thread (store.h). */
bool engine_read(struct engine *e, void (*run)(void *arg, struct store_reader *r),
                 void (*done)(void *arg), void *arg);
/* Run work on the worker pool, then done on the loop. */
void engine_work(struct engine *e, void (*work)(void *arg), void (*done)(void *arg), void *arg);

/* --- marks in the history of results: user, at_us and an annotation's id are set here, and user is
 * the caller's to free. A baseline's job and a change's series exist (the store refers to them). */
struct baseline;
struct release;
struct annotation;
struct change_state_row;
void engine_put_baseline(struct engine *e, struct baseline *x, uid_t uid);
void engine_put_release(struct engine *e, struct release *x, uid_t uid);
void engine_put_annotation(struct engine *e, struct annotation *x, uid_t uid);
void engine_put_change_state(struct engine *e, int64_t series_id, struct change_state_row *x,
                             uid_t uid);

/* --- GPUs --- */
/* {"driver","cuda","reason","gpus":[card + state + lease]} and a line break. */
void engine_gpus_json(struct engine *e, struct str *out);
/* A drained card finishes what it runs and gets nothing new, over restarts too. E_NOT_FOUND. */
int engine_gpu_drain(struct engine *e, const char *uuid, bool on, const char *note,
                     struct cail_err *err) NODISCARD;
/* The cards as the probe shows them. Borrowed until control returns to the loop. */
struct gpu_card;
size_t engine_cards(const struct engine *e, const struct gpu_card **ret);
/* Telemetry of a live attempt so far; false = it has no cards. */
bool engine_telemetry_json(struct engine *e, int64_t attempt_id, struct str *out);

/* --- recipes and the build cache --- */
void engine_recipes_json(struct engine *e, struct str *out); /* {"recipes":[...]} */
int engine_recipe_json(struct engine *e, const char *name, struct str *out, struct cail_err *err)
    NODISCARD; /* E_UNKNOWN_RECIPE -> with the nearest name */
void engine_cache_json(struct engine *e, struct str *out);
/* Remove least recently used entries until at most max_bytes are used (-1 = the limit), never what
 * a running job uses or a pr is linked to. The removed entries as
 * {"removed":[...],"freed_bytes":N}. Files go on the worker pool after the commit. */
void engine_cache_prune(struct engine *e, int64_t max_bytes, struct str *out);
const struct engine_config *engine_config(const struct engine *e);

/* --- live events (SSE) --- */
struct feed_event {
    uint64_t seq;
    const char *name; /* "job", "attempt", "queue"; static */
    int64_t job;      /* 0 = none */
    const char *data; /* one JSON text without line breaks */
    size_t len;
};
const char *engine_feed_epoch(const struct engine *e); /* 8 hex digits, new with each process */
uint64_t engine_feed_newest(const struct engine *e);
/* The first event after `seq`, for job (0 = any). 1 = *ret; 0 = none yet; -1 = seq was overrun or
 * is from the future: resync. Valid until control returns to the loop. */
int engine_feed_next(const struct engine *e, uint64_t seq, int64_t job, struct feed_event *ret);
/* Somebody follows a log: look at logs ten times a second instead of twice. Balanced calls. */
void engine_log_watch(struct engine *e, bool on);

/* --- figures --- */
struct engine_stats {
    uint64_t submitted, started, finished, succeeded, failed, lost, retried, cache_hits;
    int64_t live, running;
    uint64_t stall_us_max;    /* longest time the loop was away from its poll */
    uint64_t stall_bucket[8]; /* < 1, 2, 5, 10, 20, 50, 100 ms, more */
    struct store_stats store;
    int64_t started_at_us;
};
void engine_stats(struct engine *e, struct engine_stats *ret);

/* What a container{} job gets here, looked up now (a few access(2)). Paths NULL = not installed; owned:
 * engine_containers_done. */
struct engine_containers {
    char *docker, *podman;
    const char *engine; /* the one that `auto` takes: "docker", "podman"; NULL = none, see why */
    char why[400];
};
void engine_containers_look(struct engine_containers *ret);
void engine_containers_done(struct engine_containers *c);

#endif
