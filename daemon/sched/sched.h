/* The scheduler: which job starts next, on what, and why another does not. PURE: time arrives as a
 * value, resources as numbers; the same calls give the same decisions, so a day can be replayed.
 *
 * It borrows struct job values (owned by the engine) and reads their scheduling fields; it writes
 * after[].met and job->sched alone. The engine tells it what happened (added, changed, started,
 * ended, settled), then asks decide(). A field that the order or the placement reads may change
 * only together with sched_changed; kind and group never change.
 *
 * Order: effective priority = priority + waited/AGEING, so nothing starves: a job 10 points lower
 * overtakes after 10 ageing periods. All jobs age alike, so the order of two queued jobs never
 * changes while they wait and is kept as a static key; ties go to the lower id.
 *
 * Placement: the first job in order that does not fit gets a reservation at the earliest time the
 * running jobs' timeouts free enough; later jobs may start only if they do not delay it (EASY
 * backfill: Lifka 1995; Mu'alem and Feitelson 2001). A queue at its limit, a group at max_parallel,
 * a paused queue or a drain block their own jobs alone and hold no reservation; neither does a job
 * that not even the idle machine could hold today. Among cards the smallest that will do is taken.
 * A service counts as running until its timeout. "All cpus" (CPUS_ALL) leaves out what the job's
 * own services hold: those it reaches through `after: ready`, directly or through one another.
 *
 * Quiet jobs go among themselves by priority, then id. The first of them takes its turn in the line
 * at its own place in the order: jobs before it start first; then it starts if nothing but its own
 * services runs, else the machine is reserved for it at the latest end of what runs, and only jobs
 * whose timeout fits before that may start. One that would not fit beside its own services waits
 * without keeping anybody back.
 *
 * Dependencies: `succeeded` and `finished` say it. `failed` is met by failed, timed_out, lost and
 * dep_failed: what was wanted did not come about; not by canceled, which a person wanted. `ready`
 * is met while the service is ready and lost again when it ends before the waiter started. Whatever
 * a job's end makes impossible surfaces at once as SCHED_DEP_FAILED, for held jobs too. Once met,
 * the other three stay met, whatever is settled later.
 *
 * Cost, n jobs waiting: add, change, remove, end O(log n); decide O(log n) for each different shape
 * of job (needs and timeout) that stands before the one that starts, backfill_depth of them at
 * most; a blocked queue or group costs nothing. About 160 bytes a waiting job. */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/job.h"

struct sched;

enum { SCHED_GPUS_MAX = 256 }; /* cards and MIG instances of one machine */

/* A card as the scheduler sees it. */
struct sched_gpu {
    char uuid[64];
    char model[96];
    int64_t memory_mib;
    bool available;   /* not drained, healthy, no foreign process */
    char reason[160]; /* why not available */
    int64_t holder;   /* job that leases it, 0 = free; sched's */
};

struct sched_config {
    int32_t cpus;           /* granted to jobs, >= 1 */
    int64_t memory_mib;     /* granted to jobs */
    int32_t ports;          /* leasable ports */
    int64_t ageing_us;      /* waiting that is worth one priority point; default 60 s */
    int32_t backfill_depth; /* jobs looked at behind the reservation; default 1000 */
};

/* What a start gives the job; the engine passes it back in sched_started. */
struct sched_lease {
    int32_t cpus;
    int64_t memory_mib;
    int32_t ports;
    int32_t n_gpus;
    int16_t gpu[64]; /* indexes into the card table of sched_set_gpus */
    bool quiet;
};

enum sched_verdict {
    SCHED_START,
    SCHED_DEP_FAILED,     /* what it comes after can no longer be */
    SCHED_WAIT_TIMED_OUT, /* it could have run (not held, nothing open) for max_wait_s; any job's */
    SCHED_FAIL_FAST,      /* a member of its group failed, timed out or was lost while it waited;
                             said once, so a retry afterwards is free to run */
};

struct sched_decision {
    enum sched_verdict verdict;
    struct job *job;
    int64_t blocker;         /* SCHED_DEP_FAILED, SCHED_FAIL_FAST: the job that did it */
    struct sched_lease lease; /* SCHED_START */
};

struct sched *sched_new(const struct sched_config *config);
void sched_free(struct sched *s); /* NULL is fine; the jobs stay the engine's */

/* Queues exist once named by a job or set here; "default" always. */
void sched_set_queue(struct sched *s, const char *name, int32_t limit, bool paused);
void sched_set_group(struct sched *s, int64_t group, int32_t max_parallel, bool fail_fast);
void sched_forget_group(struct sched *s, int64_t group);
/* Fail-fast, said directly: a member failed while sched did not know it (found at start-up). */
void sched_group_failed(struct sched *s, int64_t group, int64_t id);
/* paused: nothing starts, submissions are taken. */
void sched_set_paused(struct sched *s, bool paused);
/* Replace the card table (SCHED_GPUS_MAX at most; what is beyond is left out). Leases stay with
 * their uuid: card i of the call is index i; a leased card that is not in it is kept behind them,
 * not available, until its lease has ended. */
void sched_set_gpus(struct sched *s, const struct sched_gpu *gpus, size_t n);
size_t sched_gpus(const struct sched *s, const struct sched_gpu **ret);

/* Write the cards that needs->gpu_uuid names in full: a beginning of a UUID (with or without its
 * "GPU-") that only one present card has becomes that UUID. E_IMPOSSIBLE at "/needs/gpu_uuid" when
 * there is no such card, several have that beginning, or two names mean the same one. */
int sched_name_cards(const struct sched *s, struct needs *needs, struct cail_err *err) NODISCARD;
/* May others be on its cards? Only when it asked for it, never a benchmark's. */
bool sched_is_share(const struct job *j);
/* Can this ever run here? E_IMPOSSIBLE with a pointer ("/needs/cpus") and a sentence with the
 * numbers ("needs 64 cpus; this machine grants 2"). Drained cards count: they come back. */
int sched_possible(const struct sched *s, const struct needs *needs,
                   struct cail_err *err) NODISCARD;

/* A job in state held or queued. What is known of the jobs in its after[] is told by sched_settle
 * with it as waiter, before this or right after; a service that runs here and is ready is seen by
 * itself. O(log n). */
void sched_add(struct sched *s, struct job *j);
/* Something the order or placement reads changed: priority, needs, queue, state held <-> queued,
 * not_before, queued_at. O(log n). */
void sched_changed(struct sched *s, struct job *j);
/* The job left (canceled while queued, or freed). Also allowed for unknown jobs. Running: as
 * sched_ended. Must come before the job is freed. */
void sched_remove(struct sched *s, struct job *j);
/* It runs under this lease since now (after a decision, or adopted at start-up, when the lease is
 * taken even if it does not fit: what runs, runs). */
void sched_started(struct sched *s, struct job *j, const struct sched_lease *lease, int64_t now_us);
/* Its attempt is over: everything it held is free. The job is then unknown to sched until it is
 * added again (next step, retry). A failure reaches its fail-fast group through job->state here, or
 * through sched_settle before or after: either order will do. */
void sched_ended(struct sched *s, struct job *j);
/* A job reached a terminal state, or a service became ready (state still running): settle whoever
 * comes after it. Also how dependencies on jobs finished long ago are settled, with `waiter` given;
 * waiter NULL = everyone who waits. Unmeetable ones surface as SCHED_DEP_FAILED in decide. */
void sched_settle(struct sched *s, struct job *waiter, int64_t id, enum job_state state,
                  bool ready);

/* Fill out[max] and return how many. Starts are decided one after the other against what the
 * earlier ones take; the engine must apply all of them (sched_started / its own move +
 * sched_remove) before the next call, or change or remove the job instead: what was not applied is
 * free again with the next call and is decided anew. Applying one may settle others; those show in
 * the next call. Call again while it returns max. */
size_t sched_decide(struct sched *s, int64_t now_us, struct sched_decision *out, size_t max);
/* When decide could say something new without an event (not_before, max_wait, quiet's time);
 * INT64_MAX = never. */
int64_t sched_wake_at_us(const struct sched *s, int64_t now_us);

/* Why a job that is held or queued does not run: one constraint a row. */
struct sched_constraint {
    const char *name; /* "after", "hold", "not_before", "queue", "paused", "cpus", "memory",
                         "gpus", "ports", "quiet", "group", "max_wait", "reservation" */
    bool met;
    char detail[240];  /* "needs 2 cpus, 1 of 2 is free" */
    int64_t jobs[8];   /* who blocks it */
    int32_t n_jobs;
};
enum { SCHED_CONSTRAINTS_MAX = 16 };
/* Rows that apply to it, 0 for a job that runs or is unknown. All met = the next decide starts it;
 * for the first in line, whose place is reserved, "reservation" is met and says by when. Costs a
 * decide, and like one takes back starts that were not applied. */
size_t sched_why(struct sched *s, const struct job *j, int64_t now_us,
                 struct sched_constraint out[SCHED_CONSTRAINTS_MAX]);
/* Place in the order among what could run, 1 = next; 0 = not in it. O(n). */
int64_t sched_position(const struct sched *s, const struct job *j);

struct sched_usage {
    int32_t cpus_total, cpus_used;
    int64_t memory_total_mib, memory_used_mib;
    int32_t gpus_total, gpus_used;
    int64_t queued, running;
    bool paused, quiet;
};
void sched_usage(const struct sched *s, struct sched_usage *ret);
/* Queued (eligible or not) and running jobs of a queue. */
void sched_queue_counts(const struct sched *s, const char *queue, int64_t *ret_queued,
                        int64_t *ret_running);
/* Visit the queued jobs in order, then the parked ones by id; stops when fn returns false. */
void sched_each_queued(const struct sched *s, bool (*fn)(void *arg, struct job *j), void *arg);

/* For tests: abort with a sentence when an invariant does not hold. O(n). */
void sched_check(const struct sched *s);

#endif
