/* The scheduler's own parts; no other room includes this file.
 *
 * A `node` is what sched knows of one job. It sits in exactly one place (enum place). Jobs that
 * could run stand on a `shelf`: jobs of one lane (queue), one team (group) and one shape (needs and
 * timeout) are interchangeable to the placement, so when the first of a shelf does not fit none of
 * it does, and decide looks at shelves, not at jobs. A lane keeps its open shelves ordered by their
 * first job; the scheduler keeps its open lanes ordered by theirs. A lane that is paused or at its
 * limit leaves that tree, and so costs nothing however many jobs wait in it. */
#ifndef SCHED_PARTS_H
#define SCHED_PARTS_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "sched/sched.h"

enum place {
    PLACE_NEW,     /* settled before it was added; not scheduled */
    PLACE_HELD,    /* in s->parked */
    PLACE_AFTER,   /* in s->parked: a dependency is open */
    PLACE_TIME,    /* in s->timed */
    PLACE_READY,   /* on its shelf */
    PLACE_QUIET,   /* in s->quiet: eligible, wants the machine to itself */
    PLACE_DOOMED,  /* in s->doomed: a decision other than a start is due */
    PLACE_PICKED,  /* decide gave it a lease that the engine has not confirmed */
    PLACE_RUNNING,
};

struct node {
    struct job *job;
    int64_t id;
    int64_t key; /* lower goes first; see order_key */
    int64_t alt; /* PLACE_TIME: not_before; PLACE_QUIET: -priority */
    RB_ENTRY(node) by; /* the one tree it is in */
    LIST_ENTRY(node) in_team;
    struct shelf *shelf; /* PLACE_READY */
    struct lane *lane;
    struct team *team;   /* NULL = no group */
    struct edge *edges;  /* job->n_after of them, NULL = none */
    struct patience *patience; /* only with max_wait_s */
    struct run *run;     /* PICKED, RUNNING */
    int64_t doomed_by;
    int32_t unmet;       /* open dependencies */
    int32_t n_edges;
    uint8_t place;
    uint8_t verdict;     /* SCHED_START = not doomed */
};

/* "node waits for dep by after[index]"; dep NULL once it no longer does. */
struct edge {
    struct node *node;
    struct dep *dep;
    LIST_ENTRY(edge) in_dep;
    int32_t index;
};

struct dep {
    int64_t id;
    LIST_HEAD(, edge) edges;
    UT_hash_handle hh;
};

/* When an eligible job gives up. */
struct patience {
    struct node *node;
    int64_t since_us; /* INT64_MIN: the next decide says */
    int64_t at_us;
    RB_ENTRY(patience) by;
    bool in_tree;
};

/* A lease as it is booked. */
struct hold {
    struct sched_lease lease;
    bool share;
    int64_t gpu_memory_mib;
};

struct run {
    int64_t id;
    struct node *node;
    struct hold hold;
    int64_t end_us; /* start + timeout */
    uint64_t mark;  /* == s->mark: a service of the job that is being looked at */
    UT_hash_handle hh;
};

/* What a job asks of the machine, with "all" resolved. */
struct want {
    int32_t cpus, ports, gpus;
    int64_t memory_mib, gpu_memory_mib;
    const char *gpu_model, *gpu_uuid;
    bool share;
};

RB_HEAD(sched_by_order, node);
RB_HEAD(sched_by_id, node);
RB_HEAD(sched_by_alt, node);
RB_HEAD(sched_waits, patience);
RB_HEAD(sched_shelves, shelf); /* a lane's open ones, by first job */
RB_HEAD(sched_shapes, shelf);  /* all, by lane, team and shape */
RB_HEAD(sched_lanes, lane);    /* open ones, by first job */

struct shelf {
    struct lane *lane;
    struct team *team;
    struct want want; /* owns gpu_model, gpu_uuid; cpus may be CPUS_ALL */
    int64_t timeout_s;
    int64_t solo; /* job id when it may not share a shelf, else 0 */
    struct sched_by_order nodes;
    RB_ENTRY(shelf) in_lane, in_shapes;
    LIST_ENTRY(shelf) in_team;
    uint64_t pass; /* == s->pass: this decide has put it on its heap */
    bool open;     /* in lane->shelves */
    bool stuck;    /* cannot fit even an idle machine with the present cards */
};

struct lane {
    char *name;
    int32_t limit;
    bool paused;
    bool open; /* in s->lanes */
    int64_t queued, running, nodes; /* queued: not held */
    struct sched_shelves shelves;
    RB_ENTRY(lane) by;
    uint64_t pass;
    UT_hash_handle hh;
};

struct team {
    int64_t id;
    int32_t max_parallel;
    bool fail_fast, set;
    int64_t running;
    LIST_HEAD(, node) members; /* all nodes, running ones too */
    LIST_HEAD(, shelf) shelves;
    UT_hash_handle hh;
};

/* A member of a fail-fast group whose attempt ended before its state was known. */
struct ended {
    int64_t id, group;
    UT_hash_handle hh;
};

struct card {
    int64_t booked_mib;
    int32_t users, alone; /* alone: users that do not share */
};

/* Free resources at one moment; negative when more was adopted than is granted. */
struct pool {
    int32_t cpus, ports;
    int64_t memory_mib;
    struct card card[SCHED_GPUS_MAX];
};

struct spot { /* heap entry of a pass */
    int64_t key, id;
    struct shelf *shelf;
    bool frontier; /* popping it calls for the lane's next shelf */
};

struct sched {
    struct sched_config config;
    int64_t now_us; /* of the last decide */
    bool paused;
    struct sched_gpu *gpus;
    int32_t n_gpus; /* with leased cards that are no longer there */
    int32_t n_present;
    struct pool pool;
    struct lane *by_name;
    struct team *teams;
    struct dep *deps, *busy_dep;
    struct ended *ended;
    struct run *runs; /* uthash keeps the order they were added in */
    struct sched_lanes lanes;
    struct sched_shapes shapes;
    struct sched_by_id parked, doomed;
    struct sched_by_alt timed, quiet;
    struct sched_waits waits;
    struct spot *heap;
    size_t n_heap, cap_heap;
    uint64_t pass, mark;
    int64_t walk_key, walk_id; /* first job of the last lane on the heap */
    int64_t n_queued;
    int32_t n_quiet_runs;
};

/* The head-of-line reservation of one pass. */
struct reservation {
    const struct node *head; /* NULL = none */
    int64_t at_us;
    bool quiet;         /* nobody may run past at_us */
    struct want want;
    struct pool shadow; /* free at at_us, before the head takes its place */
};

RB_PROTOTYPE(sched_by_order, node, by, )
RB_PROTOTYPE(sched_by_id, node, by, )
RB_PROTOTYPE(sched_by_alt, node, by, )
RB_PROTOTYPE(sched_waits, patience, by, )
RB_PROTOTYPE(sched_shelves, shelf, in_lane, )
RB_PROTOTYPE(sched_shapes, shelf, in_shapes, )
RB_PROTOTYPE(sched_lanes, lane, by, )

/* order.c */
int sched_cmp_order(int64_t key_a, int64_t id_a, int64_t key_b, int64_t id_b);
struct node *sched_first_of_lane(struct lane *l);
void sched_shelve(struct sched *s, struct node *n);
void sched_unshelve(struct sched *s, struct node *n);
void sched_shelf_fresh(struct sched *s, struct shelf *sh); /* open or close it, by its rules */
void sched_lane_fresh(struct sched *s, struct lane *l);
void sched_team_fresh(struct sched *s, struct team *t);
bool sched_lane_blocked(const struct lane *l);
bool sched_team_full(const struct team *t);

/* walk.c: the open shelves of the open lanes by their first job. Between two calls only the shelf
 * given last may lose jobs; it is then put back with sched_walk_again unless it is empty, and so
 * freed. */
void sched_walk_begin(struct sched *s);
struct shelf *sched_walk_peek(struct sched *s); /* NULL = at the end */
struct shelf *sched_walk_next(struct sched *s);
void sched_walk_again(struct sched *s, struct shelf *sh);

/* pool.c */
struct want sched_asked(const struct job *j); /* in its own words: cpus may be CPUS_ALL */
void sched_want(struct sched *s, const struct node *n, struct want *ret);
bool sched_fits(const struct sched *s, const struct pool *p, const struct want *w,
                struct sched_lease *ret);
void sched_pool_idle(const struct sched *s, struct pool *ret);
void sched_pool_copy(const struct sched *s, struct pool *to, const struct pool *from);
void sched_take(struct pool *p, const struct hold *h);
void sched_give(struct pool *p, const struct hold *h);
bool sched_card_free(const struct sched_gpu *g, const struct card *c, const struct want *w);
/* Is the card one of "GPU-a,GPU-b"? */
bool sched_is_named(const char *names, const char *uuid);
bool sched_card_suits(const struct sched_gpu *g, const struct want *w);
bool sched_glob(const char *pattern, const char *text);

/* gpus.c: "needs 2 gpus like 'A100*' with 40960 MiB" */
void sched_describe_gpus(const struct want *w, char *out, size_t size);

/* after.c */
void sched_edges_add(struct sched *s, struct node *n);
void sched_edges_drop(struct sched *s, struct node *n);
void sched_not_ready(struct sched *s, int64_t id);
/* Mark (run->mark == s->mark) the running services that n reaches through after: ready. */
void sched_mark_services(struct sched *s, const struct node *n);

/* team.c */
struct lane *sched_lane_get(struct sched *s, const char *name);
struct lane *sched_lane_find(const struct sched *s, const char *name);
void sched_lane_drop(struct sched *s, struct lane *l); /* unless jobs or settings keep it */
struct team *sched_team_get(struct sched *s, int64_t id);
struct team *sched_team_find(const struct sched *s, int64_t id);
void sched_team_join(struct sched *s, struct node *n);
void sched_team_leave(struct sched *s, struct node *n);
void sched_team_saw(struct sched *s, int64_t id, enum job_state state);

/* sched.c */
void sched_place(struct sched *s, struct node *n);
void sched_unplace(struct sched *s, struct node *n);
void sched_doom(struct sched *s, struct node *n, enum sched_verdict verdict, int64_t by);
void sched_pick(struct sched *s, struct node *n, const struct sched_lease *lease, int64_t now_us);
void sched_unpick(struct sched *s, struct node *n);
struct node *sched_node_of(struct sched *s, struct job *j); /* made when unknown */
int64_t sched_end_us(const struct job *j, int64_t start_us);

/* decide.c */
struct trial {
    struct node *stop_at; /* dry run: stop once this one was picked */
    struct reservation *held;
    struct sched_decision *out; /* NULL in a dry run */
    size_t n, max;
    int64_t first[4]; /* the first jobs that were picked */
    bool dry;
};
void sched_prepare(struct sched *s, int64_t now_us); /* what time alone changes */
void sched_take_back(struct sched *s);               /* picks that nobody confirmed */
void sched_pass(struct sched *s, int64_t now_us, struct trial *t);
const struct node *sched_quiet_next(struct sched *s);
/* Latest end of what runs beside n's own services; INT64_MIN = nothing does. */
int64_t sched_quiet_at_us(struct sched *s, const struct node *n);

#endif
