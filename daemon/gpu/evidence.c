/* The rules of "free". */
#include "gpu/evidence.h"

#include <stdio.h>
#include <string.h>

static bool is_stranger(const struct gpu_proc *p)
{
    return p->compute && !(p->known && p->ours && p->at_home);
}

static const struct gpu_proc *find_stranger(const struct gpu_card *c, bool known)
{
    for (size_t i = 0; i < c->n_procs; i++)
        if (is_stranger(&c->proc[i]) && c->proc[i].known == known)
            return &c->proc[i];
    return NULL;
}

bool evidence_foreign(const struct gpu_card *c)
{
    return find_stranger(c, true) != NULL;
}

bool evidence_display(const struct gpu_card *c)
{
    for (size_t i = 0; i < c->n_procs; i++)
        if (!c->proc[i].compute)
            return true;
    return c->display == 1;
}

static bool has_compute(const struct gpu_card *c)
{
    for (size_t i = 0; i < c->n_procs; i++)
        if (c->proc[i].compute)
            return true;
    return false;
}

/* Memory in use that no graphics process accounts for; -1 = cannot be said. */
static int32_t memory_used(const struct gpu_card *c)
{
    int64_t used = c->last.used_mib;
    for (size_t i = 0; i < c->n_procs && used >= 0; i++) {
        if (c->proc[i].compute)
            continue;
        if (c->proc[i].used_mib < 0)
            return -1;
        used = used > c->proc[i].used_mib ? used - c->proc[i].used_mib : 0;
    }
    return (int32_t)used;
}

int32_t evidence_baseline(const struct gpu_card *c, bool procs_more)
{
    int32_t used = memory_used(c);
    bool alone = c->partial ? c->last.util_pct == 0 : !procs_more && !has_compute(c);
    if (used < 0 || !alone)
        return c->baseline_mib;
    return c->baseline_mib < 0 || used < c->baseline_mib ? used : c->baseline_mib;
}

static void say_stranger(const struct gpu_proc *p, char *why, size_t size)
{
    char who[128];
    snprintf(who, sizeof who, "process %d%s%s%s%s%s", (int)p->pid, p->user[0] ? " of " : "",
             p->user, p->command[0] ? " (" : "", p->command, p->command[0] ? ")" : "");
    if (!p->known)
        snprintf(why, size, "process %d is being looked at", (int)p->pid);
    else if (p->ours)
        snprintf(why, size, "%s of another job of cail runs on it without a lease of it", who);
    else if (p->token[0])
        snprintf(why, size, "%s is left over from an attempt that has ended", who);
    else if (!p->command[0])
        snprintf(why, size, "%s uses it and cannot be seen from here", who);
    else
        snprintf(why, size, "%s uses it, started outside the queue", who);
}

static bool judge_use(const struct gpu_card *c, char *why, size_t size)
{
    int32_t used = memory_used(c), limit = evidence_display(c) ? EVIDENCE_DISPLAY_UTIL_PCT : 1;
    if (c->baseline_mib >= 0 && used > c->baseline_mib + EVIDENCE_MARGIN_MIB) {
        snprintf(why, size, "%d MiB of its memory are in use, %d MiB when idle", used,
                 c->baseline_mib);
        return false;
    }
    if (c->last.util_pct >= limit) {
        snprintf(why, size, "it is %d %% busy", c->last.util_pct);
        return false;
    }
    return true;
}

bool evidence_clean(const struct gpu_card *c, bool held, bool procs_more, char *why, size_t size)
{
    why[0] = 0;
    const struct gpu_proc *stranger = find_stranger(c, true);
    if (!stranger)
        stranger = find_stranger(c, false);
    if (stranger) {
        say_stranger(stranger, why, size);
        return false;
    }
    if (procs_more) {
        snprintf(why, size, "more than %d processes use it", GPU_PROCS_MAX);
        return false;
    }
    return held || judge_use(c, why, size);
}
