/* Random days of a machine with cards, from a seed: cards are lost and return, change their order,
 * hang, throttle, are used by strangers and by jobs that leave something behind, are drained, go
 * into MIG mode; attempts check, record, settle. After every step the room's words are held against
 * the truth, which is kept here a second time. CAIL_SIM_SEED=n tries one seed, CAIL_SIM_STEPS=n so
 * many steps. */
#include "probe_say.h"

#include "gpu/core.h"

#define MS 1000ll
#define S  1000000ll

enum { CARDS = 6, LEASES = 4, STEPS_DEFAULT = 10000, STEP_MS = 250 };

/* --- dice --- */

static uint64_t dice_at;

static uint64_t mix(uint64_t x) /* splitmix64 */
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static int dice(int n)
{
    return (int)(mix(dice_at++) % (uint64_t)n);
}

static bool one_in(int n)
{
    return dice(n) == 0;
}

/* --- the truth --- */

struct truth {
    char uuid[16];
    bool lost, hung, stranger, leak, mig, sick, drained, capped;
    int64_t cap_us;
    int holder; /* lease + 1, 0 = none */
    /* of what was said to the room */
    bool listed;
    int64_t said_us;
    int clean_in_a_row;
};

enum phase { IDLE, CHECKING, RUNNING, SETTLING };

struct lease {
    struct sim *sim;
    enum phase phase;
    int card, id;
    char token[RND_TOKEN_LEN];
    int64_t asked_us, end_us;
    bool stays, saw_stranger, saw_loss; /* its process outlives it; what was said while it ran */
    int asked, answered;
};

struct sim {
    struct core core;
    struct str line;
    int64_t now;
    struct truth card[CARDS];
    int order[CARDS]; /* as the driver lists them */
    struct lease lease[LEASES];
    int next_id, strangers_met, settled, quarantined, refused, tainted, clean;
    uint64_t digest;
};

/* pid 1000 + card: a stranger; 2000 + lease * 10: a lease's; tokens are made of the lease's id. */
static void who(void *arg, struct gpu_proc *p, int64_t now)
{
    struct sim *s = arg;
    (void)now;
    p->known = true;
    snprintf(p->user, sizeof p->user, "bob");
    snprintf(p->command, sizeof p->command, "train");
    p->token[0] = 0;
    if (p->pid >= 2000)
        snprintf(p->token, sizeof p->token, "%s", s->lease[(p->pid - 2000) / 10].token);
}

static bool is_ours(void *arg, const char *token)
{
    struct sim *s = arg;
    for (int i = 0; i < LEASES; i++)
        if (s->lease[i].phase == RUNNING && !strcmp(s->lease[i].token, token))
            return true;
    return false;
}

static bool job_is_on(const struct sim *s, int c)
{
    int h = s->card[c].holder;
    return h && (s->lease[h - 1].phase == RUNNING ||
                 (s->lease[h - 1].phase == SETTLING && s->lease[h - 1].stays));
}

/* --- what is said --- */

static void tell(struct sim *s)
{
    assert_true(core_line(&s->core, s->line.p, s->line.len, s->now) > 0);
}

static void say_all_cards(struct sim *s)
{
    say_hello_open(&s->line);
    for (int i = 0; i < CARDS; i++) {
        struct truth *t = &s->card[s->order[i]];
        if (t->lost && t->listed && s->lease[0].sim && t->holder)
            s->lease[t->holder - 1].saw_loss = true;
        if (!t->lost)
            say_card(&s->line, t->uuid, i, NULL, t->mig);
        if (t->lost || !t->listed)
            t->clean_in_a_row = 0;
        t->listed = !t->lost;
    }
    say_hello_close(&s->line);
    tell(s);
}

static void sample_card(struct sim *s, int c)
{
    struct truth *t = &s->card[c];
    bool job = job_is_on(s, c), running = job && s->lease[t->holder - 1].phase == RUNNING;
    char procs[200] = "[", *at = procs + 1;
    if (t->stranger)
        at += sprintf(at, "{\"pid\":%d,\"used_mib\":50,\"kind\":\"compute\"}", 1000 + c);
    if (job)
        at += sprintf(at, "%s{\"pid\":%d,\"used_mib\":9000,\"kind\":\"compute\"}",
                      t->stranger ? "," : "", 2000 + (t->holder - 1) * 10);
    sprintf(at, "]");
    if (t->capped && job)
        t->cap_us += STEP_MS * MS;
    say_sample(
        &s->line, t->uuid,
        &(struct say){.mono_us = s->now,
                      .util_pct = job ? 100 : 0,
                      .used_mib = (job ? 9000 : 0) + (t->stranger ? 50 : 0) + (t->leak ? 3000 : 0),
                      .sm_mhz = 1980,
                      .sw_power_cap_us = t->cap_us,
                      .procs = procs});
    tell(s);
    if (!t->listed)
        return;
    t->said_us = s->now;
    bool foreign = t->stranger || (job && !running);
    bool clean = !foreign && (running || !t->leak);
    t->clean_in_a_row = clean ? t->clean_in_a_row + 1 : 0;
    s->strangers_met += t->stranger;
    if (running && t->stranger)
        s->lease[t->holder - 1].saw_stranger = true;
}

/* --- leases --- */

static void answered(void *arg, bool ok, const char *reason)
{
    struct lease *l = arg;
    struct sim *s = l->sim;
    struct truth *t = &s->card[l->card];
    const struct gpu_card *c = &s->core.inv.card[inventory_find(&s->core.inv, t->uuid)];
    l->answered++;
    assert_int_equal(l->answered, l->asked); /* exactly once */
    assert_true(ok == !reason[0]);
    bool outsider = l->phase == SETTLING && t->stranger; /* excused: it is busy, not unclean */
    if (ok)
        assert_true(t->listed && (t->clean_in_a_row >= 2 || outsider));
    if (l->phase == CHECKING) {
        assert_true(s->now - l->asked_us <= CHECK_US + STEP_MS * MS);
        if (ok)
            assert_true(!t->drained);
        l->phase = ok ? RUNNING : IDLE;
        s->refused += !ok;
        if (!ok) {
            t->holder = 0;
            return;
        }
        const char *uuid[] = {t->uuid};
        l->saw_stranger = l->saw_loss = false;
        l->end_us = s->now + (1 + dice(20)) * S / 2;
        struct record *x =
            record_start(&s->core.records, l->id, l->token, uuid, 1, one_in(2), s->now, 0);
        record_seed(x, c);
        core_judge(&s->core, s->now);
        return;
    }
    assert_int_equal(l->phase, SETTLING);
    assert_true(ok || c->quarantine[0]); /* settled or in quarantine, nothing else */
    assert_true(ok || !c->free_twice);
    s->settled += ok;
    s->quarantined += !ok;
    l->phase = IDLE;
    l->stays = false;
    t->holder = 0;
}

static void ask(struct sim *s, struct lease *l, enum check_kind kind, int64_t patience_us)
{
    const char *uuid[] = {s->card[l->card].uuid};
    l->asked++;
    l->asked_us = s->now;
    checks_add(&s->core.checks, kind, uuid, 1, s->now, patience_us, answered, l);
}

/* The scheduler's part: only what the room calls free is leased. */
static void try_lease(struct sim *s, struct lease *l)
{
    int c = dice(CARDS);
    int at = inventory_find(&s->core.inv, s->card[c].uuid);
    if (at < 0 || s->card[c].holder || !s->core.inv.card[at].free_twice)
        return;
    l->card = c;
    l->id = s->next_id++;
    snprintf(l->token, sizeof l->token, "%032d", l->id);
    s->card[c].holder = (int)(l - s->lease) + 1;
    l->phase = CHECKING;
    s->card[c].stranger |= one_in(8); /* between the decision and the start */
    ask(s, l, CHECK_BEFORE, CHECK_US);
}

static void end_job(struct sim *s, struct lease *l)
{
    struct record *x = record_find(&s->core.records, l->id);
    struct gpu_verdict v;
    assert_non_null(x);
    record_verdict(x, s->now, &v);
    assert_true((strstr(v.reasons, "foreign_process") != NULL) == l->saw_stranger);
    if (l->saw_loss)
        assert_non_null(strstr(v.reasons, "gpu_lost"));
    assert_true(v.clean == !v.reasons[0]);
    assert_false(v.wrong_card);
    s->tainted += !v.clean;
    s->clean += v.clean;
    str_clear(&s->line);
    struct jw w = JW(&s->line);
    record_json(x, s->now, &w);
    assert_true(s->line.len > 100);
    record_free(&s->core.records, x);
    l->phase = SETTLING;
    l->stays = one_in(8);
    if (one_in(12))
        s->card[l->card].leak = true;
    core_judge(&s->core, s->now);
    ask(s, l, CHECK_SETTLE, 3 * S);
}

static void turn_lease(struct sim *s, struct lease *l)
{
    if (l->phase == IDLE)
        try_lease(s, l);
    else if (l->phase == RUNNING && s->now >= l->end_us)
        end_job(s, l);
    else if (l->phase == SETTLING && l->stays && one_in(20))
        l->stays = false; /* somebody killed what was left */
}

/* --- what happens --- */

static void lose_or_find(struct sim *s, struct truth *t)
{
    t->lost = !t->lost;
    if (t->lost && one_in(2)) { /* the probe says so at once; else the next hello shows it */
        str_clear(&s->line);
        str_addf(&s->line, "{\"t\":\"lost\",\"uuid\":\"%s\",\"error\":\"GPU is lost\"}", t->uuid);
        if (t->listed && t->holder)
            s->lease[t->holder - 1].saw_loss = true;
        tell(s);
        t->listed = false;
        t->clean_in_a_row = 0;
    } else {
        say_all_cards(s);
    }
}

static void xid(struct sim *s, struct truth *t)
{
    bool programs = one_in(2);
    str_clear(&s->line);
    str_addf(&s->line, "{\"t\":\"xid\",\"uuid\":\"%s\",\"xid\":%d,\"mono_us\":%lld}", t->uuid,
             programs ? 31 : 79, (long long)s->now);
    tell(s);
    if (!programs && inventory_find(&s->core.inv, t->uuid) >= 0) {
        t->sick = true;
    }
}

static void drain(struct sim *s, struct truth *t, bool on)
{
    int at = inventory_find(&s->core.inv, t->uuid);
    if (at < 0)
        return;
    t->drained = on;
    if (!on)
        t->sick = false;
    inventory_drain(&s->core.inv, (size_t)at, on, "test", s->now);
}

static void happen(struct sim *s)
{
    struct truth *t = &s->card[dice(CARDS)];
    int a = dice(CARDS), b = dice(CARDS), swap;
    switch (dice(60)) {
    case 0:
        lose_or_find(s, t);
        break;
    case 1:
        t->hung = true;
        break;
    case 2:
    case 3:
        t->hung = false;
        break;
    case 4:
        t->stranger = true;
        break;
    case 5:
    case 6:
        t->stranger = false;
        break;
    case 7:
        swap = s->order[a];
        s->order[a] = s->order[b];
        s->order[b] = swap;
        say_all_cards(s);
        break;
    case 8:
        if (one_in(4)) {
            t->mig = !t->mig;
            say_all_cards(s);
        }
        break;
    case 9:
        if (one_in(4))
            xid(s, t);
        break;
    case 10:
        drain(s, t, true);
        break;
    case 11:
    case 12:
        drain(s, t, false);
        break;
    case 13:
        t->capped = !t->capped;
        break;
    case 14:
    case 15:
    case 16:
        t->leak = false;
        break;
    default:
        break;
    }
}

/* --- what must hold --- */

static void hold_card(struct sim *s, const struct truth *t)
{
    int at = inventory_find(&s->core.inv, t->uuid);
    if (at < 0)
        return;
    const struct gpu_card *c = &s->core.inv.card[at];
    assert_true(c->free_twice == !c->reason[0]);
    if (c->free_twice) {
        assert_true(t->listed && !t->drained && !t->mig && !t->sick && !c->quarantine[0]);
        assert_true(t->clean_in_a_row >= 2 && !c->last.foreign);
        assert_true(s->now - t->said_us <= INVENTORY_STALE_US);
    }
    s->digest = mix(s->digest ^ (uint64_t)c->health ^ ((uint64_t)c->free_twice << 8) ^
                    ((uint64_t)c->reason[0] << 16) ^ ((uint64_t)at << 32));
}

static void step(struct sim *s)
{
    s->now += STEP_MS * MS;
    happen(s);
    for (int c = 0; c < CARDS; c++)
        if (!s->card[c].hung && !s->card[c].lost)
            sample_card(s, c);
    checks_tell(&s->core.checks);
    core_tick(&s->core, s->now);
    checks_tell(&s->core.checks);
    for (int i = 0; i < LEASES; i++)
        turn_lease(s, &s->lease[i]);
    for (int c = 0; c < CARDS; c++)
        hold_card(s, &s->card[c]);
    inventory_changed(&s->core.inv);
    int recording = 0, running = 0;
    for (const struct record *x = s->core.records.all; x; x = x->hh.next)
        recording++;
    for (int i = 0; i < LEASES; i++)
        running += s->lease[i].phase == RUNNING;
    assert_int_equal(recording, running); /* nothing is recorded for ever */
}

static uint64_t simulate(uint64_t seed, int steps, bool tell_it)
{
    struct sim *s = calloc(1, sizeof *s);
    assert_non_null(s);
    dice_at = seed * 1000003;
    s->now = 1000 * S;
    for (int i = 0; i < CARDS; i++) {
        snprintf(s->card[i].uuid, sizeof s->card[i].uuid, "GPU-%d", i);
        s->order[i] = i;
    }
    for (int i = 0; i < LEASES; i++)
        s->lease[i].sim = s;
    core_init(&s->core, &(struct core_config){who, is_ours, s});
    say_all_cards(s);
    for (int i = 0; i < steps; i++)
        step(s);
    if (tell_it) {
        print_message("seed %llu: %d leases, %d clean, %d tainted, %d refused, %d settled, "
                      "%d quarantined\n",
                      (unsigned long long)seed, s->next_id, s->clean, s->tainted, s->refused,
                      s->settled, s->quarantined);
        if (steps >= STEPS_DEFAULT) /* it all happened */
            assert_true(s->clean > 3 && s->tainted > 3 && s->refused > 0 && s->settled > 3 &&
                        s->quarantined > 3 && s->strangers_met > 100);
    }
    for (int i = 0; i < 200; i++) { /* no new leases: all come to their end */
        s->now += STEP_MS * MS;
        core_tick(&s->core, s->now);
        checks_tell(&s->core.checks);
        for (int k = 0; k < LEASES; k++)
            if (s->lease[k].phase == RUNNING)
                end_job(s, &s->lease[k]);
    }
    for (int k = 0; k < LEASES; k++)
        assert_int_equal(s->lease[k].phase, IDLE);
    assert_null(s->core.checks.first);
    assert_null(s->core.records.all);
    uint64_t digest = s->digest;
    core_done(&s->core);
    str_done(&s->line);
    free(s);
    return digest;
}

static int env_number(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text ? (int)strtol(text, NULL, 10) : otherwise;
}

static void test_days(void **state)
{
    (void)state;
    int steps = env_number("CAIL_SIM_STEPS", STEPS_DEFAULT), one = env_number("CAIL_SIM_SEED", 0);
    for (int seed = one ? one : 1; seed <= (one ? one : 3); seed++)
        simulate((uint64_t)seed, steps, true);
}

static void test_same_seed_same_days(void **state)
{
    (void)state;
    uint64_t first = simulate(7, 2000, false);
    assert_true(first == simulate(7, 2000, false));
    assert_true(first != simulate(8, 2000, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_same_seed_same_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
