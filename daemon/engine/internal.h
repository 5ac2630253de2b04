/* Private to engine/: the state that the loop thread owns, and who changes what.
 *
 *   pump.c       the open batch, its effects, when they leave
 *   commands.c   what clients ask of jobs, groups and queues
 *   submit.c     requests become jobs
 *   uses.c       the builds that recipes use of one another
 *   trials.c     comparisons: made, loaded, ended
 *   trial_run.c  comparisons: from one process to the next
 *   trial_case.c comparisons: rows become verdicts; on the reader thread
 *   trial_docs.c comparisons: verdicts become documents
 *   trial_diffs.c comparisons: artifacts side by side
 *   trial_gates.c comparisons: what decides
 *   bisect.c     bisections: from one comparison to the next
 *   noise.c      what identical code did
 *   run.c        decisions become attempts; launching
 *   launch.c     what a job is started with: argv, environment, folders
 *   launch_side.c  and what one side of a comparison adds
 *   ending.c     an attempt's end becomes the job's next state
 *   collect.c    worker pool: results, artifacts and provenance of an ended attempt
 *   commits.c    what is known of commits
 *   history.c    what makes results points of series
 *   marks.c      baselines, releases, annotations, triage of changes
 *   cards.c      GPUs: evidence before a start, telemetry, settling
 *   beside.c     what else ran meanwhile, load at the start
 *   profile.c    attempts under a profiler
 *   tail.c       progress and readiness from growing logs
 *   cache.c      the build cache
 *   catalogue.c  recipes on disk
 *   feed.c       live events
 *   keep.c       retention
 *   spare.c      empty folders, handed on
 *   load.c       rows become memory; adopting; loading anew after a failed commit
 *   loop.c       the hooks in the loop: turns and timers
 *   engine.c     opening, closing, small questions */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include <sched.h>

#include <uv.h>

#include "base/clock.h"
#include "base/limits.h"
#include "engine/engine.h"
#include "exec/exec.h"
#include "gpu/gpu.h"
#include "model/move.h"
#include "recipe/recipe.h"
#include "trial/plan.h"
#include "wire/comparison_request.h"
#include "wire/container.h"
#include "wire/job_request.h"

/* What leaves once a batch is durable, in the order in which it was added. */
enum effect_kind {
    EFFECT_LAUNCH,  /* id = job: start its attempt, or void it when it was canceled meanwhile */
    EFFECT_STOP,    /* id = attempt, arg = grace_ms */
    EFFECT_PUBLISH, /* text = event data, name, id = job */
    EFFECT_WAKE,    /* id = job */
    EFFECT_FORGET,  /* id = job: free it if it is finished */
    EFFECT_JUDGE,   /* id = comparison: its rows are stored */
    EFFECT_BISECT,  /* id = bisection: its next comparison */
    EFFECT_REMOVE,  /* text = folder, removed on the worker pool */
};

struct effect {
    enum effect_kind kind;
    int64_t id, arg;
    const char *name;
    char *text;
    size_t len;
    struct effect *next;
};

struct pending { /* a batch and what waits for it */
    struct store_batch *batch;
    uint64_t seq;
    struct effect *first, *last;
};

/* A live attempt. */
struct run {
    int64_t attempt_id;
    struct job *job;
    struct sched_lease lease;
    bool launched; /* exec knows it */
    bool ended;    /* being collected */
    bool goes_on;  /* the next process under a lease that is held: no new evidence */
    bool keeps;    /* ended: its lease stays for the next process */
    bool tainted;  /* ended: a card was throttled or shared */
    bool owes_row; /* that it runs is not in a batch yet */
    /* cards.c */
    char **uuids; /* its cards */
    size_t n_uuids;
    uint16_t *port; /* leased (ports.c); NULL until they are wanted */
    size_t n_ports;
    char *why;       /* it could not be started, or its container not: a sentence; NULL */
    void *checking;  /* evidence is being asked for */
    char *telemetry; /* JSON, once it is over; NULL = none */
    char *cards;     /* JSON members: driver and facts of its cards; with telemetry */
    /* beside.c */
    double load_at_start; /* 1 min average, -1 = not known */
    int64_t beside[32];   /* jobs that ran meanwhile, the first of them */
    size_t n_beside, n_beside_all;
    /* tail.c */
    int64_t log_at;                               /* bytes looked at */
    int64_t progress_from, progress_from_mono_us; /* first figure seen, for the ETA; -1 = none */
    UT_hash_handle hh;
};

struct idem {
    char *key; /* "<uid>:<key>" */
    char body_sha256[65];
    struct idem_made made;
    int64_t at_us;
    UT_hash_handle hh;
};

/* What the recipe says to comparisons of it. */
struct trial_words {
    char *compare; /* what gates, what is a diff: JSON object text, owned; NULL = nothing */
    bool tests;    /* "elapsed" is a test's, whose status counts */
};

struct collected;
/* A live comparison. Its measuring job runs one process after the other under one lease: between
 * two of them the lease is here. */
struct trial_prepared {
    char *params;    /* canonical; NULL = no recipe */
    char *build_dir; /* NULL = none */
    char *sha;       /* NULL = unknown */
    char *uses;      /* the prepared job's uses, JSON array text; NULL = none */
};
struct trial {
    struct comparison *c;
    struct comparison_request rq;
    struct trial_plan plan;
    struct trial_goal goal;
    struct trial_taken *taken;
    size_t n;
    int32_t lease; /* of the process that runs or ran last; counts from 0, -1 = none yet */
    struct trial_prepared side[SIDE_COUNT];
    struct trial_words words;
    bool judging;
    bool holds; /* the lease, while no process runs */
    struct sched_lease held;
    char **uuids;
    size_t n_uuids;
    char *cpu_list;
};

struct feed;
struct catalogue;
struct cards;

struct engine {
    uv_loop_t *loop;
    unsigned keep_ticks;         /* minutes of retention */
    struct engine_config config; /* strings owned */
    struct engine_listener listener;
    struct store *store;
    struct exec *exec;
    const struct exec_ops *exec_ops;
    struct sched *sched;
    struct catalogue *catalogue;
    struct feed *feed;
    struct cards *cards;
    struct job *jobs;
    struct group *groups;
    struct queue *queues;
    struct run *runs;  /* by attempt_id */
    size_t n_owing;    /* of them, with owes_row */
    int32_t next_port; /* ports.c: where it looks first, so that one is not used again at once */
    struct idem *idems;
    size_t n_idems;
    struct cache_entry *cache;
    struct comparison *comparisons; /* live ones */
    struct bisection *bisections;   /* live ones */
    struct store_ids ids;           /* largest used */
    char boot_id[BOOT_ID_LEN];
    char host[256];
    char *url;

    struct pending open, flying;
    bool is_flying;
    uint64_t durable;
    struct effect *free_effects;

    bool dirty; /* ask the scheduler */
    bool paused, draining, disk_full, failed, failed_once, closing, loading;
    struct cail_err failure; /* of the commit, while `failed` */
    int64_t n_live;
    int log_watchers;
    unsigned works; /* on the worker pool now */
    size_t n_spare; /* folders STATE_DIR/spare/0.. */
    bool tail_busy;
    bool looks_for_space;
    int64_t looked_mono_us;
    uint64_t pinned_cpus[CPU_SETSIZE / 64]; /* bit per cpu: held by a benchmark */

    uv_async_t store_wake;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t sched_timer, tail_timer, minute_timer;
    int handles; /* open uv handles, for close */

    struct engine_stats stats;
    int64_t poll_left_mono_us; /* when the loop came back from its poll */
};

/* pump.c */
struct store_batch *pump_batch(struct engine *e); /* the open one */
void pump_effect(struct engine *e, enum effect_kind kind, int64_t id, int64_t arg);
void pump_publish(struct engine *e, const char *name, int64_t job, char *text, size_t len);
void pump_remove(struct engine *e, const char *folder);
void pump_flush(struct engine *e); /* decide, then hand the batch over if the store is idle */
void pump_drop(struct engine *e, struct pending *p); /* after a failed commit */
void pump_start(struct engine *e);
void pump_disk_full(struct engine *e); /* until loop.c finds space again */

/* commands.c */
/* The only way a job's state changes here: move, counts, row, event. */
void job_to(struct engine *e, struct job *j, enum job_state to, const char *reason);
/* The live event alone. */
void job_announce(struct engine *e, const struct job *j);
/* Row and event, nothing else: something besides the state changed. */
void job_touched(struct engine *e, struct job *j);
/* job_to a terminal state and all that follows: dependants, group, waits, memory. */
void job_finish(struct engine *e, struct job *j, enum job_state to, const char *reason);
/* The queue of that name, made when it is new. */
struct queue *queue_named(struct engine *e, const char *name);
/* Tell the scheduler whether anything may start: paused, draining or a full disk say no. */
void queue_apply_pause(struct engine *e);
/* In and out of the table; a group leaves memory with its last member. */
void jobs_add(struct engine *e, struct job *j);
void jobs_drop(struct engine *e, struct job *j);
struct group *group_of(struct engine *e, const struct job *j);

/* submit.c: engine_submit in two halves, for those who submit more than a client asked for. */
int submit_check(struct engine *e, struct submission *sub, const struct engine_known_states *states,
                 struct engine_submitted *ret, struct cail_err *err) NODISCARD;
void submit_take(struct engine *e, struct submission *sub, uid_t uid,
                 const struct engine_known_states *states, struct engine_submitted *ret);

/* An Idempotency-Key ("<uid>:<key>") of a row that is there. */
void submit_key_loaded(struct engine *e, const char *key, const char *sha,
                       const struct idem_made *made, int64_t at_us);

/* uses.c */
struct uses;
/* What the jobs of a checked submission use, checked too. *ret may be NULL: nothing. */
int uses_check(struct engine *e, struct submission *sub, struct uses **ret,
               struct cail_err *err) NODISCARD;
/* Queue those builds, before the jobs that want them are taken. Frees u. */
void uses_take(struct engine *e, struct uses *u, uid_t uid);
void uses_free(struct uses *u);
/* A build has ended: who waits for it learns where it is. */
void uses_finished(struct engine *e, const struct job *builder);

/* trials.c */
/* The live comparison that this job measures, or NULL. */
struct trial *trial_of(struct engine *e, const struct job *j);
/* Is the job one of a live comparison's prepared sides? Its folder stays then. */
bool trial_needs(struct engine *e, const struct job *j);
/* Is the build at `path` one that a live comparison measures? *ret_id = which. */
bool trial_pins(struct engine *e, const char *path, int64_t *ret_id);
void trial_job_finished(struct engine *e, const struct job *j);
void trial_finish(struct engine *e, struct trial *t, enum comparison_state to, const char *reason);
/* Row and live event. */
void trial_touched(struct engine *e, struct trial *t);
void trial_loaded(struct engine *e, struct comparison *c, const struct measurement *m, size_t n);
/* All is loaded: stored runs that were being compared have no job that goes on with them. */
void trials_resume(struct engine *e);
void trials_drop_all(struct engine *e);
/* Its plan as kept: rounds, goal, seed, prepared sides, the recipe's word on what gates. */
bool trial_plan_read(const char *text, struct trial_plan *plan, struct trial_goal *goal,
                     struct trial_prepared side[SIDE_COUNT], struct trial_words *words);
void trial_prepared_done(struct trial_prepared *p);
void trial_let_go(struct engine *e, struct trial *t); /* of the lease that is held */

/* trial_run.c */
/* The scheduler would start its measuring job: true when nothing is to be started. */
bool trial_start(struct engine *e, struct job *j);
/* The job's attempt is being begun, under a new lease or (goes_on) the old one. */
void trial_began(struct engine *e, struct job *j, bool goes_on);
/* The lease stays for the next process. */
bool trial_keeps(struct engine *e, const struct run *r, enum exec_outcome outcome);
/* What run_end would do for another job: the next process, the verdict, or the end. */
void trial_settle(struct engine *e, struct trial *t, struct run *r, enum exec_outcome outcome,
                  struct attempt *a, const struct collected *c);
void trial_judge_now(struct engine *e, int64_t id); /* EFFECT_JUDGE */
/* trials.c: how many rounds the first look has; its plan or goal has changed. */
void trial_plan_rounds(struct trial *t, int32_t rounds);
void trial_replan(struct trial *t);

/* trial_gates.c: what decides. The recipe's words count where the request says nothing. */
void trial_take_words(struct comparison_request *rq, const char *compare);
struct trial_rule {
    const struct comparison_request *rq; /* with the recipe's words */
    const struct trial_plan *plan;
    bool tests; /* of struct trial_words */
    bool asked; /* the request names what decides: other tests are none of its business */
};
bool trial_is_check(const struct trial_rule *rule, const struct result *r);
/* by_itself: also where nobody names what decides. */
bool trial_gates(const struct trial_rule *rule, const struct result *r, bool by_itself);
/* It gates and has noise: one of so many that are tested at once. */
bool trial_is_timed(const struct trial_rule *rule, const struct result *r);

/* trial_case.c */
bool comparison_view_wants_look(const struct comparison_view *v);
/* Rounds of the batch that confirms; 0 = nothing is to be confirmed. */
int32_t comparison_view_confirms(const struct comparison_view *v);
void trial_diffs_find(struct comparison_view *v); /* trial_diffs.c; on the worker pool */
/* Verdict, exit code and rows into the comparison that is about to finish. */
void comparison_view_conclude(const struct comparison_view *v, struct comparison *c);
/* What identical code did, of an aa comparison. */
void comparison_view_put_aa(const struct comparison_view *v, struct store_batch *b);
/* The slot that runs now. */
const struct trial_taken *trial_slot_of(const struct trial *t);

/* run.c */
/* The next process of a measuring job, under the lease that t holds. */
void run_go_on(struct engine *e, struct job *j, struct trial *t);
void run_decide(struct engine *e); /* ask the scheduler and apply */
/* Its build is in the cache: go past the cached steps, holding nothing. */
void run_pass_cached(struct engine *e, struct job *j);
void run_launch(struct engine *e, int64_t job_id);
/* Its cards are free: start it. They are not: back to the queue. */
void run_go(struct engine *e, struct run *r);
void run_give_back(struct engine *e, struct run *r);
struct run *run_find(struct engine *e, int64_t attempt_id);
struct run *run_add(struct engine *e, struct job *j, const struct sched_lease *lease);
void run_drop(struct engine *e, struct run *r);
/* Adds the rows of attempts that run since the last batch to the open one. */
void run_put_owed(struct engine *e);
void run_pin(struct engine *e, struct job *j, struct attempt *a);
void run_unpin(struct engine *e, const struct attempt *a);
void run_repin(struct engine *e, const struct attempt *a); /* of an adopted attempt */

/* launch.c */
struct launch; /* owned strings behind an exec_spec */
int launch_prepare(struct engine *e, struct job *j, struct launch **ret, struct exec_spec *spec,
                   struct cail_err *err) NODISCARD;
void launch_free(struct launch *l);
/* needs of j->step, from the spec that was sealed at submit. */
void launch_step_needs(struct job *j);
/* Where the job's build goes: its own build_root, or the configured one. Caller frees. */
char *launch_build_root(struct engine *e, const struct job *j);
char *attempt_dir(struct engine *e, const struct job *j, int32_t number);
char *job_dir(struct engine *e, int64_t job_id);

/* ending.c */
void ending_started(void *engine, int64_t attempt_id, int64_t at_us);
void ending_ended(void *engine, int64_t attempt_id, enum exec_outcome outcome,
                  const struct attempt_end *end);
/* The attempt never ran because start failed. */
void ending_start_failed(struct engine *e, struct run *r, const struct cail_err *why);

/* collect.c */
struct history;
struct collected {
    struct result *result;
    size_t n_results;
    struct history *history; /* of the results, NULL = none */
    struct artifact *artifact;
    size_t n_artifacts;
    char *identity; /* the step's cache-key file, NULL = none */
    size_t identity_len;
    struct commits *commits; /* what that step said of them, NULL = nothing */
    char *provenance;
    uint32_t flags;      /* JOB_FLAG_* to set */
    char *note;          /* what was wrong with the results, NULL = nothing */
    char *why;           /* the container could not be started: a sentence, NULL */
    int64_t built_bytes; /* size of CAIL_BUILD_DIR after a cached step */
};
void collected_free(struct collected *c);
/* Collect on the worker pool, then done(e, attempt_id, outcome, collected) on the loop. */
typedef void (*collect_done)(struct engine *e, int64_t attempt_id, enum exec_outcome outcome,
                             struct collected *c);
void collect_start(struct engine *e, struct run *r, enum exec_outcome outcome, collect_done done);
/* Nothing to collect: no output, no files. Removes the empty folders. */
bool collect_is_needless(struct engine *e, struct run *r);

/* containers.c */
/* Path of the engine's program; E_IMPOSSIBLE says what to install. Caller frees. */
int containers_engine(enum container_engine want, char **ret, struct cail_err *err) NODISCARD;
/* May this be mounted? Looked at again at the start: a link may lead elsewhere by then. */
int containers_mount_check(const struct engine *e, const struct container_mount *m, size_t i,
                           struct cail_err *err) NODISCARD;
/* A request with a container{}: can it run here, with these mounts? Its ports go into its needs. */
int containers_check(struct engine *e, struct job_request *rq, struct cail_err *err) NODISCARD;

/* ports.c: as many of 127.0.0.1 as the job needs, which no other run of ours has and nobody
 * listens on. They stay the run's until its end, also over a restart. */
int ports_lease(struct engine *e, struct run *r, struct cail_err *err) NODISCARD;

/* submit.c: the source stands for the recipe's parameter `ref` where that is not given: its ref, or
 * HEAD for a working tree, so that "built from a ref" is also said of one. Caller frees; NULL stays
 * NULL. */
char *submit_params(const char *params, const char *ref, bool worktree, const struct recipe *r);
/* submit.c: the name of a user; valid until the next call. */
const char *submit_user(uid_t uid);

/* tail.c */
void tail_tick(struct engine *e);

/* cache.c */
enum cache_answer { CACHE_MISS, CACHE_HIT, CACHE_WAIT };
/* The job stands before a cached step: is its build there? On a hit the entry's use is recorded; on
 * CACHE_WAIT *ret_builder is the job that builds it now. */
enum cache_answer cache_look(struct engine *e, struct job *j, int64_t *ret_builder);
void cache_pinned_loaded(struct engine *e, const char *key, const char *pr); /* at start-up */
void cache_begin(struct engine *e, struct job *j); /* its cached step starts */
void cache_built(struct engine *e, struct job *j, int64_t bytes);
/* Its cached step failed: half-done files stay for a resume. */
void cache_abandon(struct engine *e, struct job *j);
/* Give the job its key after the step that keys the cache. */
void cache_set_key(struct engine *e, struct job *j, const char *identity, size_t len);
/* <build_root>/cache/<recipe>-<key16>; NULL when the job has no key. Caller frees. */
char *cache_dir(struct engine *e, const struct job *j);

/* catalogue.c */
struct catalogue *catalogue_open(const char *dir);
void catalogue_close(struct catalogue *c);
/* Reads the folders again when they changed, at most every 2 s. Borrowed until the next find. */
const struct recipe *catalogue_find(struct catalogue *c, const char *name);
const char *catalogue_near(struct catalogue *c, const char *name);
void catalogue_json(struct catalogue *c, struct str *out);

/* feed.c */
struct feed *feed_new(void);
void feed_free(struct feed *f);
bool feed_has_readers(const struct feed *f);
void feed_push(struct feed *f, const char *name, int64_t job, const char *data, size_t len);

/* load.c */
int load_open_store(struct engine *e, struct cail_err *err) NODISCARD;
/* Scheduler, executor and every row; adopts what runs. */
int load_all(struct engine *e, struct cail_err *err) NODISCARD;
void load_drop_all(struct engine *e);
/* A COMMIT failed: tell who waits, drop all, load from the file. A second time is fatal. */
void load_anew(struct engine *e);

/* loop.c */
void loop_init(struct engine *e); /* handles exist: completions of the store can wake the loop */
void loop_run(struct engine *e);  /* hooks and timers run */
void loop_close(struct engine *e);

/* spare.c: attempts of one user share empty folders, as they share that user's whole state folder.
 */
bool spare_take(struct engine *e, const char *path); /* false: make it */
bool spare_give(struct engine *e, const char *path); /* false: it is still there */

/* cards.c */
int cards_open(struct engine *e, struct cail_err *err) NODISCARD;
void cards_close(struct engine *e);
/* Memory is dropped: what leases said before goes too. */
void cards_forget(struct engine *e);
/* Give the scheduler its table of cards anew. */
void cards_table(struct engine *e);
/* Start-up: an open lease, before the runs are adopted; then the lease of an adopted run. */
void cards_lease_loaded(struct engine *e, int64_t job, const char *uuid);
void cards_lease_of(struct engine *e, int64_t job, struct sched_lease *lease);
void cards_drained_loaded(struct engine *e, const char *uuid, const char *note);
/* A run has its lease: remember which cards that means. */
void cards_taken(struct engine *e, struct run *r);
/* It has the names of its cards: the attempt shows them. */
void cards_named(struct run *r);
/* Ask for evidence that its cards are free; then run_go or run_give_back. false = it has no cards.
 */
bool cards_check(struct engine *e, struct run *r);
void cards_check_drop(struct engine *e, struct run *r);
void cards_record(struct engine *e, struct run *r);
/* keeps: its cards stay leased for the next process. */
void cards_ended(struct engine *e, struct run *r, bool keeps);
/* Cards whose lease ended must show that they are clean. */
void cards_settle(struct engine *e, int64_t job, char *const *uuids, size_t n);
void cards_run_free(struct run *r);
/* Has the probe said which cards there are (or that there are none)? */
bool cards_are_known(const struct engine *e);

/* beside.c */
/* It is about to start, or was adopted: note it with those that run, and them with it. */
void beside_started(struct engine *e, struct run *r, bool adopted);
/* Members of the provenance; caller frees. */
char *beside_members(const struct run *r);

/* keep.c */
void keep_tick(struct engine *e);

#endif
