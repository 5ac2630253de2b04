/* Deciding about an attempt. */
#include "exec/look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "attempt/files.h"
#include "base/clock.h"
#include "base/fsx.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

/* Without room for the record the spec goes instead: cail-run cannot start without it. */
static void write_void(int fd, const struct exec_ref *ref)
{
    CLEANUP(str_done) struct str line = STR_INIT;
    attempt_void_encode(ref->token, clock_wall_us(), &line);
    if (!fsx_write_all(fd, line.p, line.len))
        return;
    (void)!ftruncate(fd, 0);
    char path[CAIL_PATH_MAX];
    snprintf(path, sizeof path, "%s/" ATTEMPT_SPEC_FILE, ref->dir);
    if (unlink(path) && errno != ENOENT)
        log_error("attempt %lld cannot be made void in '%s': %s", (long long)ref->attempt_id,
                  ref->dir, strerror(errno));
}

static enum look_kind kind_of(const struct attempt_run *run, const struct exec_ref *ref,
                              const char *boot, bool locked)
{
    if (locked && run->state == ATTEMPT_RUN_ENDED)
        return LOOK_ENDED;
    if (strcmp(ref->boot_id, boot) != 0)
        return LOOK_OTHER_BOOT;
    if (!locked)
        return LOOK_HELD;
    switch (run->state) {
    case ATTEMPT_RUN_ABSENT:
        return LOOK_UNCLAIMED;
    case ATTEMPT_RUN_VOID:
        return LOOK_VOID;
    case ATTEMPT_RUN_TORN:
    case ATTEMPT_RUN_WRONG_TOKEN:
    case ATTEMPT_RUN_CLAIMED:
    case ATTEMPT_RUN_EXIT_TORN:
    case ATTEMPT_RUN_ENDED:
        break;
    }
    return LOOK_CLAIMED;
}

void exec_look(const struct exec_ref *ref, const char *boot, bool make_void, struct look *ret)
{
    ret->run.state = ATTEMPT_RUN_ABSENT;
    char path[CAIL_PATH_MAX];
    snprintf(path, sizeof path, "%s/" ATTEMPT_RUN_FILE, ref->dir);
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    CLEANUP(fsx_closep) int fd = open(path, make_void ? flags | O_CREAT : flags, 0600);
    if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
        ret->run.state = ATTEMPT_RUN_TORN; /* what cannot be read may be a claim */
    bool locked = fd < 0 || !flock(fd, LOCK_EX | LOCK_NB);
    if (fd >= 0 && attempt_run_read(fd, ref->token, &ret->run))
        ret->run.state = ATTEMPT_RUN_TORN;
    ret->has_claim = ret->run.state >= ATTEMPT_RUN_CLAIMED;
    ret->kind = kind_of(&ret->run, ref, boot, locked);
    if (ret->kind == LOOK_UNCLAIMED && make_void) {
        /* No folder: no spec either, so nobody can start. */
        if (fd >= 0)
            write_void(fd, ref);
        ret->kind = LOOK_VOID;
    }
    /* A child that is between fork and exec holds a copy of fd: closing alone would not do. */
    if (fd >= 0 && locked)
        flock(fd, LOCK_UN);
}

void exec_end_of(const struct attempt_record *r, struct attempt_end *ret)
{
    *ret = (struct attempt_end){
        .cause = (enum end_cause)r->cause,
        .exit_code = r->exit_code,
        .signal = r->signal,
        .exec_errno = r->exec_errno,
        .wall_us = r->wall_us,
        .user_us = r->user_us,
        .system_us = r->system_us,
        .max_rss_bytes = r->max_rss_bytes,
        .instructions = r->instructions,
        .cycles = r->cycles,
        .branch_misses = r->branch_misses,
        .log_bytes = r->log_bytes,
        .hole_from = r->hole_from,
        .hole_to = r->hole_to,
        .killed = r->killed,
        .unkillable = r->unkillable[0] ? mem_strdup(r->unkillable) : NULL,
    };
}
