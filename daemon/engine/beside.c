/* What else ran while an attempt did, and how busy the machine was when it began: what a figure is
 * to be doubted by. Known since this daemon's start: an adopted attempt has no load of its start.
 */
#include "engine/internal.h"

#include <stdlib.h>
#include <sys/sysinfo.h>

static void add(struct run *r, int64_t job)
{
    r->n_beside_all++;
    if (r->n_beside < ARRAY_LEN(r->beside))
        r->beside[r->n_beside++] = job;
}

void beside_started(struct engine *e, struct run *r, bool adopted)
{
    struct sysinfo s;
    /* sysinfo(2) and not getloadavg: no file is opened at each start */
    r->load_at_start = adopted || sysinfo(&s) ? -1 : (double)s.loads[0] / (1 << SI_LOAD_SHIFT);
    for (struct run *x = e->runs; x; x = x->hh.next) {
        if (x == r || !x->launched || x->ended)
            continue;
        add(x, r->job->id);
        add(r, x->job->id);
    }
}

char *beside_members(const struct run *r)
{
    struct str s = STR_INIT;
    struct jw w = JW(&s);
    jw_key(&w, "load_1m_at_start");
    if (r->load_at_start >= 0)
        jw_real(&w, r->load_at_start);
    else
        jw_null(&w);
    jw_key(&w, "other_jobs");
    jw_open(&w, '[');
    for (size_t i = 0; i < r->n_beside; i++)
        jw_int(&w, r->beside[i]);
    jw_close(&w, ']');
    jw_kint(&w, "other_jobs_count", (int64_t)r->n_beside_all);
    return str_take(&s);
}
