/* The probe's threads and what they share.
 *
 *   main       reads commands, never calls the library, so end of input ends the probe whatever
 * hangs inventory  opens the library, counts cards, says hello or none, starts the library again
 * after a loss worker     one per card: its facts and samples; a call that hangs, hangs this card's
 * evidence alone events     waits for Xid errors
 *
 * One lock guards struct probe and every struct card; nobody calls the library or writes output
 * while holding it. Threads that call the library do so between probe_enter and probe_leave: that
 * is the gate which inventory closes, waits empty, and only then shuts the library down and starts
 * it again. A thread stuck inside keeps the gate from emptying; then nothing is started again until
 * it comes out. A hang of the whole library is seen by the parent as silence. */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "probe/card.h"

enum { PROBE_CARDS_MAX = 64, PROBE_RATES_MAX = 256, PROBE_HZ_MAX = 50 };

enum card_state {
    CARD_ABSENT,  /* no such index now */
    CARD_READING, /* asked who it is, no answer yet */
    CARD_READY,   /* facts known, not yet in a hello */
    CARD_LIVE,    /* sampled */
    CARD_LOST     /* answers that it is gone; asked again at each scan */
};

struct card {
    uint32_t index;
    bool has_thread;
    enum card_state state;
    nvml_ret error;          /* CARD_LOST: why */
    bool recheck;            /* inventory wants its facts read again */
    uint64_t generation;     /* of the library's start that the handles belong to */
    uint64_t version;        /* of facts */
    int64_t inside_us;       /* since when its worker is in the library, 0 = it is not */
    struct card_facts facts; /* the worker writes them under the lock; it may read them without */
};

struct rate {
    char uuid[CARD_UUID_LEN];
    int hz;
};

struct probe {
    /* Set before any thread starts. */
    const char *nvml_path;
    int64_t scan_us, retry_us, settle_us;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    bool closed;            /* the gate */
    unsigned inside;
    uint64_t generation; /* one more with each start of the library; 0 = never started */
    bool dirty;          /* what hello says has changed */
    unsigned n_cards;
    struct card card[PROBE_CARDS_MAX];
    int hz_all;
    struct rate rate[PROBE_RATES_MAX];
    unsigned n_rates;
};

void probe_init(struct probe *p);
/* Waits while the gate is closed. false = the library was started again since `generation` (0 = any
 * start will do): handles are stale, the caller is not inside. c: whose worker it is, or NULL. */
bool probe_enter(struct probe *p, struct card *c, uint64_t generation) NODISCARD;
void probe_leave(struct probe *p, struct card *c);
void probe_lock(struct probe *p);
void probe_unlock(struct probe *p);
void probe_wake(struct probe *p); /* lock held */
/* Lock held: until a wake or `until_us` of CLOCK_BOOTTIME. */
void probe_wait(struct probe *p, int64_t until_us);
int probe_hz(const struct probe *p, const char *uuid); /* lock held */
void probe_set_rate(struct probe *p, const char *uuid, int hz);
NORETURN void probe_die(const char *what);
void probe_start_thread(void *(*run)(void *), void *arg);

/* One line, whole, in one write(2); lines of several threads never mix. The reader gone = our end.
 */
void emit(const struct str *line);
void emit_lost(const char *uuid, nvml_ret error);
void emit_none(const char *reason);

/* Who answers in a fresh start of the library, asked in a process of its own: starting it anew in
 * this one costs every card a gap, and may hang on the one that is lost. Appends "UUID\n" of each
 * card; nothing when the scout came to no end in limit_us or an earlier one still hangs. */
struct scout {
    pid_t pid; /* of one that did not end; 0 = none */
};
void scout_ask(struct scout *s, const char *nvml_path, int64_t limit_us, struct str *out);
int scout_main(const char *nvml_path); /* the other side */

void *inventory_run(void *probe);
void *events_run(void *probe);
struct worker_arg {
    struct probe *probe;
    struct card *card;
};
void *worker_run(void *worker_arg); /* frees it */

#endif
