/* What became of an attempt, decided from its folder while holding the flock on `run`. Blocking,
 * but only on a few hundred bytes that were written a moment ago. */
#ifndef EXEC_LOOK_H
#define EXEC_LOOK_H

#include <stdbool.h>

#include "attempt/run_file.h"
#include "exec/exec.h"

enum look_kind {
    LOOK_ENDED,      /* a whole exit record */
    LOOK_OTHER_BOOT, /* nothing of another boot is alive */
    LOOK_HELD,       /* somebody has the lock, so cail-run is alive */
    LOOK_CLAIMED,    /* claimed, nobody alive, no exit record */
    LOOK_UNCLAIMED,  /* nobody claimed it, somebody still may */
    LOOK_VOID,       /* nobody did and nobody can any more */
};

struct look {
    enum look_kind kind;
    bool has_claim; /* claim is known */
    struct attempt_run run;
};

/* boot: this boot's id. make_void: turn UNCLAIMED into VOID, under the same lock. */
void exec_look(const struct exec_ref *ref, const char *boot, bool make_void, struct look *ret);
/* The model's form of a record; owns its copy of unkillable. */
void exec_end_of(const struct attempt_record *r, struct attempt_end *ret);

#endif
