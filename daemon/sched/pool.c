/* What fits: counters for cpus, memory and ports, and one record a card. */
#include <string.h>

#include "sched/parts.h"

bool sched_is_share(const struct job *j)
{
    return j->needs.share && j->kind != KIND_BENCHMARK && j->needs.exclusive == EXCLUSIVE_NONE;
}

static int32_t cpus_of_services(struct sched *s, const struct node *n)
{
    int32_t sum = 0;
    sched_mark_services(s, n);
    for (const struct run *r = s->runs; r; r = r->hh.next)
        if (r->mark == s->mark)
            sum += r->hold.lease.cpus;
    return sum;
}

struct want sched_asked(const struct job *j)
{
    const struct needs *d = &j->needs;
    return (struct want){.cpus = d->cpus,
                         .ports = d->ports,
                         .gpus = d->gpus,
                         .memory_mib = d->memory_mib,
                         .gpu_memory_mib = d->gpu_memory_mib,
                         .gpu_model = d->gpu_model,
                         .gpu_uuid = d->gpu_uuid,
                         .share = sched_is_share(j)};
}

void sched_want(struct sched *s, const struct node *n, struct want *ret)
{
    *ret = sched_asked(n->job);
    if (ret->cpus != CPUS_ALL)
        return;
    ret->cpus = s->config.cpus - cpus_of_services(s, n);
    if (ret->cpus < 1)
        ret->cpus = 1;
}

bool sched_card_suits(const struct sched_gpu *g, const struct want *w)
{
    return g->memory_mib >= w->gpu_memory_mib &&
           (!w->gpu_model || sched_glob(w->gpu_model, g->model)) &&
           (!w->gpu_uuid || sched_is_named(w->gpu_uuid, g->uuid));
}

bool sched_card_free(const struct sched_gpu *g, const struct card *c, const struct want *w)
{
    if (!g->available || !sched_card_suits(g, w))
        return false;
    if (!c->users)
        return true;
    return w->share && !c->alone && c->booked_mib + w->gpu_memory_mib <= g->memory_mib;
}

/* Sharers fill a shared card first; else the smallest card that will do, so that large ones stay
 * for those who need them; ties go to the lower index. */
static bool better_card(const struct sched *s, const struct pool *p, int a, int b)
{
    bool used_a = p->card[a].users > 0, used_b = p->card[b].users > 0;
    if (used_a != used_b)
        return used_a;
    if (s->gpus[a].memory_mib != s->gpus[b].memory_mib)
        return s->gpus[a].memory_mib < s->gpus[b].memory_mib;
    return a < b;
}

static bool pick_cards(const struct sched *s, const struct pool *p, const struct want *w,
                       struct sched_lease *ret)
{
    int16_t order[SCHED_GPUS_MAX];
    int n = 0;
    for (int i = 0; i < s->n_gpus; i++) {
        if (!sched_card_free(&s->gpus[i], &p->card[i], w))
            continue;
        int at = n++;
        for (; at && better_card(s, p, i, order[at - 1]); at--)
            order[at] = order[at - 1];
        order[at] = (int16_t)i;
    }
    if (n < w->gpus || w->gpus > (int)ARRAY_LEN(ret->gpu))
        return false;
    for (int i = 0; i < w->gpus; i++)
        ret->gpu[i] = order[i];
    ret->n_gpus = w->gpus;
    return true;
}

bool sched_fits(const struct sched *s, const struct pool *p, const struct want *w,
                struct sched_lease *ret)
{
    memset(ret, 0, sizeof *ret);
    if (w->cpus > p->cpus || (w->memory_mib && w->memory_mib > p->memory_mib) ||
        (w->ports && w->ports > p->ports))
        return false;
    ret->cpus = w->cpus;
    ret->memory_mib = w->memory_mib;
    ret->ports = w->ports;
    return !w->gpus || pick_cards(s, p, w, ret);
}

void sched_pool_idle(const struct sched *s, struct pool *ret)
{
    ret->cpus = s->config.cpus;
    ret->memory_mib = s->config.memory_mib;
    ret->ports = s->config.ports;
    memset(ret->card, 0, (size_t)s->n_gpus * sizeof ret->card[0]);
}

void sched_pool_copy(const struct sched *s, struct pool *to, const struct pool *from)
{
    to->cpus = from->cpus;
    to->memory_mib = from->memory_mib;
    to->ports = from->ports;
    memcpy(to->card, from->card, (size_t)s->n_gpus * sizeof to->card[0]);
}

static void book(struct pool *p, const struct hold *h, int sign)
{
    p->cpus -= sign * h->lease.cpus;
    p->memory_mib -= sign * h->lease.memory_mib;
    p->ports -= sign * h->lease.ports;
    for (int32_t i = 0; i < h->lease.n_gpus; i++) {
        struct card *c = &p->card[h->lease.gpu[i]];
        c->users += sign;
        c->alone += h->share ? 0 : sign;
        c->booked_mib += sign * h->gpu_memory_mib;
    }
}

void sched_take(struct pool *p, const struct hold *h)
{
    book(p, h, 1);
}

void sched_give(struct pool *p, const struct hold *h)
{
    book(p, h, -1);
}
