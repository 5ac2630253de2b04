/* Xid errors as the driver reports them. Waits in a thread of its own; a driver without events
 * costs nothing but these lines. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/jw.h"
#include "probe/probe.h"

enum { WAIT_MS = 500, REST_US = 1000000 };

struct events {
    struct probe *p;
    nvml_set set;
    uint64_t key; /* of the cards that the set was made for */
    unsigned n;
    struct {
        nvml_dev handle;
        char uuid[CARD_UUID_LEN];
    } card[PROBE_CARDS_MAX];
};

/* Lock held. Changes whenever a card's handle may have. */
static uint64_t key_of(const struct probe *p)
{
    uint64_t key = p->generation << 32;
    for (uint32_t i = 0; i < p->n_cards; i++)
        key += p->card[i].version;
    return key;
}

/* Lock held. */
static void note_cards(struct events *e, uint64_t key)
{
    e->key = key;
    e->n = 0;
    for (uint32_t i = 0; i < e->p->n_cards; i++) {
        const struct card *c = &e->p->card[i];
        if (c->state != CARD_LIVE || c->generation != e->p->generation)
            continue;
        e->card[e->n].handle = c->facts.unit[0].handle;
        memcpy(e->card[e->n].uuid, c->facts.unit[0].uuid, CARD_UUID_LEN);
        e->n++;
    }
}

/* Inside the gate. Cards without events are left out. */
static nvml_ret make_set(struct events *e)
{
    nvml_ret ret = NVML(EventSetCreate, &e->set);
    if (ret != NV_OK) {
        e->set = NULL;
        return ret;
    }
    unsigned registered = 0;
    for (unsigned i = 0; i < e->n; i++)
        registered += NVML(DeviceRegisterEvents, e->card[i].handle, NV_EVENT_XID, e->set) == NV_OK;
    return registered ? NV_OK : NV_NOTSUP;
}

static void say_xid(const struct events *e, const struct nvml_event *event)
{
    const char *uuid = NULL;
    for (unsigned i = 0; i < e->n; i++) {
        if (e->card[i].handle == event->device)
            uuid = e->card[i].uuid;
    }
    if (!uuid || !(event->type & NV_EVENT_XID))
        return;
    CLEANUP(str_done) struct str line = STR_INIT;
    struct jw w = JW(&line);
    jw_open(&w, '{');
    jw_kstr(&w, "t", "xid");
    jw_kstr(&w, "uuid", uuid);
    tell_int(&w, "xid", NV_OK, event->data);
    jw_kint(&w, "mono_us", clock_mono_us());
    jw_close(&w, '}');
    str_addc(&line, '\n');
    emit(&line);
}

/* Lock held. Not before hello has named them. */
static bool take_new_cards(struct events *e)
{
    uint64_t key = key_of(e->p);
    if (key == e->key)
        return false;
    for (uint32_t i = 0; i < e->p->n_cards; i++) {
        if (e->p->card[i].state == CARD_READY || e->p->card[i].state == CARD_READING)
            return false;
    }
    note_cards(e, key);
    return true;
}

/* Are there other cards than in the set? With `rest` waits for them, at most REST_US. */
static bool has_new_cards(struct events *e, bool rest)
{
    probe_lock(e->p);
    int64_t until_us = clock_mono_us() + REST_US;
    bool changed = take_new_cards(e);
    while (!changed && rest && clock_mono_us() < until_us) {
        probe_wait(e->p, until_us);
        changed = take_new_cards(e);
    }
    probe_unlock(e->p);
    return changed;
}

static nvml_ret renew_set(struct events *e)
{
    if (e->set)
        (void)NVML(EventSetFree, e->set);
    e->set = NULL;
    return e->n ? make_set(e) : NV_NOTFOUND;
}

void *events_run(void *arg)
{
    struct events e = {.p = arg};
    for (nvml_ret ret = NV_NOFUNC;;) {
        uint64_t before = e.key >> 32;
        bool changed = has_new_cards(&e, ret != NV_OK && ret != NV_TIMEOUT);
        if (e.key >> 32 != before)
            e.set = NULL; /* it went with the library's last start */
        if (!probe_enter(e.p, NULL, e.key >> 32)) {
            ret = NV_UNINIT;
            continue;
        }
        struct nvml_event event = {0};
        if (changed)
            ret = renew_set(&e);
        if (ret == NV_OK || ret == NV_TIMEOUT)
            ret = NVML(EventSetWait_v2, e.set, &event, WAIT_MS);
        probe_leave(e.p, NULL);
        if (ret == NV_OK)
            say_xid(&e, &event);
    }
    return NULL;
}
