/* The build cache: a finished build is found again by the content it was made of. The key goes into
 * the job's spec once its keying step has told the identity of its sources and tools; builds live
 * in <build_root>/cache/<recipe>-<key16>, made in place (cmake's folders cannot be moved), and
 * count only once their row says ready. */
#include "engine/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jw.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/history.h"
#include "wire/job_doc.h"
#include "wire/job_spec.h"

static const char member[] = "\"cache_key\":\"";

/* The key, always the spec's first member (a client's words stand behind it), or false. */
static bool key_of(const struct job *j, char out[DIGEST_LEN])
{
    const char *at = j->spec + 1;
    if (!j->recipe || strncmp(at, member, sizeof member - 1) != 0 ||
        strlen(at) < sizeof member - 1 + DIGEST_LEN - 1)
        return false;
    memcpy(out, at + sizeof member - 1, DIGEST_LEN - 1);
    out[DIGEST_LEN - 1] = 0;
    return true;
}

static struct cache_entry *entry_of(struct engine *e, const char *key)
{
    struct cache_entry *c;
    HASH_FIND(hh, e->cache, key, strlen(key), c);
    return c;
}

char *cache_dir(struct engine *e, const struct job *j)
{
    char key[DIGEST_LEN];
    if (!key_of(j, key))
        return NULL;
    CLEANUP(mem_freep) char *root = launch_build_root(e, j);
    return mem_printf("%s/cache/%s-%.16s", root, j->recipe, key);
}

/* The spec's members behind the key and the commit, which are always its first two. */
static const char *members_behind_key(const struct job *j)
{
    static const char sha[] = "\"source_sha\":";
    char key[DIGEST_LEN];
    if (!key_of(j, key))
        return j->spec + 1;
    const char *at = strstr(j->spec, sha);
    at = at ? strchr(at + sizeof sha - 1, ',') : NULL;
    return at ? at + 1 : j->spec + 1;
}

void cache_set_key(struct engine *e, struct job *j, const char *identity, size_t len)
{
    const struct recipe *r = catalogue_find(e->catalogue, j->recipe);
    struct job_spec spec;
    char key[DIGEST_LEN];
    if (!r || job_spec_read(j->spec, &spec, NULL))
        return;
    recipe_cache_key(r, spec.params, identity, len, key);
    CLEANUP(mem_freep) char *sha = history_identity_sha(identity, len);
    struct str s = STR_INIT;
    struct jw w = JW(&s);
    jw_open(&w, '{');
    str_addf(&s, "%s%s\",", member, key);
    jw_kstr(&w, "source_sha", sha);
    str_addc(&s, ',');
    str_adds(&s, members_behind_key(j));
    free(j->spec);
    j->spec = str_take(&s);
    job_spec_done(&spec);
}

static void record(struct engine *e, const struct cache_entry *c)
{
    store_put_cache(pump_batch(e), c);
}

/* What a pull request links to must stay to be looked at again: kept over restarts. */
static void pin(struct engine *e, struct cache_entry *c, const struct job *j)
{
    if (!j->pr || c->pr)
        return;
    char key[DIGEST_LEN + 8];
    model_set(&c->pr, j->pr);
    snprintf(key, sizeof key, "pinned %s", c->key);
    store_put_setting(pump_batch(e), key, j->pr);
}

void cache_pinned_loaded(struct engine *e, const char *key, const char *pr)
{
    struct cache_entry *c = entry_of(e, key);
    if (c)
        model_set(&c->pr, pr);
}

enum cache_answer cache_look(struct engine *e, struct job *j, int64_t *ret_builder)
{
    char key[DIGEST_LEN];
    struct cache_entry *c = key_of(j, key) ? entry_of(e, key) : NULL;
    if (!c)
        return CACHE_MISS;
    if (c->state == CACHE_READY && access(c->path, F_OK) == 0) {
        c->uses++;
        c->last_used_at_us = clock_wall_us();
        record(e, c);
        pin(e, c, j);
        return CACHE_HIT;
    }
    struct job *builder = engine_job(e, c->job_id);
    if (c->state == CACHE_BUILDING && builder && builder != j && builder->attempt) {
        *ret_builder = builder->id;
        return CACHE_WAIT;
    }
    return CACHE_MISS;
}

void cache_begin(struct engine *e, struct job *j)
{
    char key[DIGEST_LEN];
    if (!key_of(j, key))
        return;
    struct cache_entry *c = entry_of(e, key);
    if (!c) {
        struct job_spec spec;
        if (job_spec_read(j->spec, &spec, NULL))
            return;
        c = mem_zalloc(sizeof *c);
        c->key = mem_strdup(key);
        c->recipe = mem_strdup(j->recipe);
        c->params = mem_strdup(spec.params);
        c->path = cache_dir(e, j);
        job_spec_done(&spec);
        HASH_ADD_KEYPTR(hh, e->cache, c->key, strlen(c->key), c);
        c->created_at_us = clock_wall_us();
        static const char sha[] = "\",\"source_sha\":\"";
        const char *at = j->spec + 1 + sizeof member - 1 + DIGEST_LEN - 1;
        if (strncmp(at, sha, sizeof sha - 1) == 0)
            c->sha = mem_strndup(at + sizeof sha - 1, strcspn(at + sizeof sha - 1, "\""));
    }
    c->state = CACHE_BUILDING;
    c->job_id = j->id;
    c->last_used_at_us = clock_wall_us();
    record(e, c);
}

static struct cache_entry *built_by(struct engine *e, const struct job *j)
{
    char key[DIGEST_LEN];
    struct cache_entry *c = key_of(j, key) ? entry_of(e, key) : NULL;
    return c && c->state == CACHE_BUILDING && c->job_id == j->id ? c : NULL;
}

void cache_built(struct engine *e, struct job *j, int64_t bytes)
{
    struct cache_entry *c = built_by(e, j);
    if (!c)
        return;
    c->state = CACHE_READY;
    c->bytes = bytes;
    c->last_used_at_us = clock_wall_us();
    record(e, c);
    pin(e, c, j);
    CLEANUP(str_done) struct str removed = STR_INIT;
    engine_cache_prune(e, -1, &removed);
}

void cache_abandon(struct engine *e, struct job *j)
{
    struct cache_entry *c = built_by(e, j);
    if (!c || !j->attempt)
        return;
    c->job_id = 0; /* nobody builds it; what is there may be resumed, and may be evicted */
    record(e, c);
}

/* --- what is there, and what goes --- */

/* Why an entry must stay, or NULL. Written to buf. */
static const char *pinned_by(struct engine *e, const struct cache_entry *c, char *buf, size_t len)
{
    struct job *j, *tmp;
    char key[DIGEST_LEN];
    if (c->pr) {
        snprintf(buf, len, "%.90s", c->pr);
        return buf;
    }
    HASH_ITER(hh, e->jobs, j, tmp) {
        bool has = key_of(j, key) && strcmp(key, c->key) == 0;
        bool uses = j->recipe && strstr(j->spec, "\"uses\":[") && strstr(j->spec, c->path);
        if (!has && !uses)
            continue;
        snprintf(buf, len, "job %lld", (long long)j->id);
        return buf;
    }
    int64_t comparison;
    if (trial_pins(e, c->path, &comparison)) {
        snprintf(buf, len, "comparison %lld", (long long)comparison);
        return buf;
    }
    j = engine_job(e, c->job_id);
    if (c->state == CACHE_BUILDING && j && j->attempt) {
        snprintf(buf, len, "job %lld builds it", (long long)j->id);
        return buf;
    }
    return NULL;
}

static int64_t used_bytes(struct engine *e)
{
    int64_t sum = 0;
    for (struct cache_entry *c = e->cache; c; c = c->hh.next)
        sum += c->bytes;
    return sum;
}

static int by_last_use(const struct cache_entry *a, const struct cache_entry *b)
{
    return (a->last_used_at_us > b->last_used_at_us) - (a->last_used_at_us < b->last_used_at_us);
}

void engine_cache_json(struct engine *e, struct str *out)
{
    struct jw w = JW(out);
    char buf[100];
    int64_t used = used_bytes(e), left = used;
    HASH_SRT(hh, e->cache, by_last_use);
    jw_open(&w, '{');
    jw_key(&w, "root");
    CLEANUP(mem_freep) char *root = mem_printf("%s/cache", e->config.build_root);
    jw_str(&w, root);
    jw_kint(&w, "limit_bytes", e->config.cache_limit_bytes);
    jw_kint(&w, "used_bytes", used);
    jw_key(&w, "entries");
    jw_open(&w, '[');
    for (struct cache_entry *c = e->cache; c; c = c->hh.next) {
        const char *pin = pinned_by(e, c, buf, sizeof buf);
        bool evict = !pin && left > e->config.cache_limit_bytes;
        if (evict)
            left -= c->bytes;
        cache_doc(&w, c, pin, evict);
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    str_addc(out, '\n');
}

void engine_cache_prune(struct engine *e, int64_t max_bytes, struct str *out)
{
    struct jw w = JW(out);
    char buf[100];
    int64_t used = used_bytes(e), freed = 0;
    int64_t limit = max_bytes < 0 ? e->config.cache_limit_bytes : max_bytes;
    struct cache_entry *c, *tmp;
    HASH_SRT(hh, e->cache, by_last_use);
    jw_open(&w, '{');
    jw_key(&w, "removed");
    jw_open(&w, '[');
    HASH_ITER(hh, e->cache, c, tmp) {
        bool half_done = c->state == CACHE_BUILDING && max_bytes >= 0;
        if ((used - freed <= limit && !half_done) || pinned_by(e, c, buf, sizeof buf))
            continue;
        cache_doc(&w, c, NULL, true);
        freed += c->bytes;
        store_drop_cache(pump_batch(e), c->key);
        pump_remove(e, c->path);
        HASH_DEL(e->cache, c);
        cache_entry_free(c);
    }
    jw_close(&w, ']');
    jw_kint(&w, "freed_bytes", freed);
    jw_close(&w, '}');
    str_addc(out, '\n');
}
