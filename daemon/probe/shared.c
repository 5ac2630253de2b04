/* The lock, the gate and the rates. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/probe.h"

NORETURN void probe_die(const char *what)
{
    dprintf(STDERR_FILENO, "cail-probe: %s\n", what);
    _exit(1);
}

void probe_init(struct probe *p)
{
    *p = (struct probe){
        .scan_us = 30000000, .retry_us = 30000000, .settle_us = 3000000, .hz_all = 1};
    pthread_condattr_t attr;
    if (pthread_mutex_init(&p->lock, NULL) || pthread_condattr_init(&attr) ||
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) || pthread_cond_init(&p->changed, &attr))
        probe_die("no lock can be made");
    pthread_condattr_destroy(&attr);
    p->closed = true;
    for (uint32_t i = 0; i < PROBE_CARDS_MAX; i++)
        p->card[i].index = i;
}

void probe_lock(struct probe *p)
{
    pthread_mutex_lock(&p->lock);
}

void probe_unlock(struct probe *p)
{
    pthread_mutex_unlock(&p->lock);
}

void probe_wake(struct probe *p)
{
    pthread_cond_broadcast(&p->changed);
}

/* Times are kept in CLOCK_BOOTTIME, which a condition cannot wait for. */
void probe_wait(struct probe *p, int64_t until_us)
{
    int64_t left_us = until_us - clock_mono_us();
    if (left_us <= 0)
        return;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t at_ns = t.tv_nsec + left_us % 1000000 * 1000;
    t.tv_sec += (time_t)(left_us / 1000000 + at_ns / 1000000000);
    t.tv_nsec = (long)(at_ns % 1000000000);
    pthread_cond_timedwait(&p->changed, &p->lock, &t);
}

bool probe_enter(struct probe *p, struct card *c, uint64_t generation)
{
    probe_lock(p);
    while (p->closed)
        pthread_cond_wait(&p->changed, &p->lock);
    bool in = !generation || generation == p->generation;
    p->inside += in;
    if (in && c)
        c->inside_us = clock_mono_us();
    probe_unlock(p);
    return in;
}

void probe_leave(struct probe *p, struct card *c)
{
    probe_lock(p);
    p->inside--;
    if (c)
        c->inside_us = 0;
    if (p->closed)
        probe_wake(p);
    probe_unlock(p);
}

int probe_hz(const struct probe *p, const char *uuid)
{
    for (unsigned i = 0; i < p->n_rates; i++) {
        if (!strcmp(p->rate[i].uuid, uuid))
            return p->rate[i].hz;
    }
    return p->hz_all;
}

/* The last word counts: "all" takes back what was said of single cards. */
void probe_set_rate(struct probe *p, const char *uuid, int hz)
{
    probe_lock(p);
    if (!strcmp(uuid, "all")) {
        p->hz_all = hz;
        p->n_rates = 0;
    } else {
        unsigned i = 0;
        while (i < p->n_rates && strcmp(p->rate[i].uuid, uuid))
            i++;
        if (i == PROBE_RATES_MAX)
            i = 0; /* uuids that come and go, as those of MIG devices: the oldest gives way */
        if (i == p->n_rates)
            p->n_rates++;
        snprintf(p->rate[i].uuid, sizeof p->rate[i].uuid, "%s", uuid);
        p->rate[i].hz = hz;
    }
    probe_wake(p);
    probe_unlock(p);
}

/* Threads are never joined: the probe ends by _exit, whatever hangs. */
void probe_start_thread(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) || pthread_attr_setstacksize(&attr, 512u << 10) ||
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) ||
        pthread_create(&thread, &attr, run, arg))
        probe_die("no thread can be started");
    pthread_attr_destroy(&attr);
}
