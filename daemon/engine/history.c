#include "engine/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/jw.h"
#include "base/mem.h"
#include "stats/median.h"
#include "wire/json.h"

/* --- ids --- */

static int64_t id_of(const void *p, size_t len)
{
    char hex[DIGEST_LEN], first[17];
    digest_hex(p, len, hex);
    memcpy(first, hex, 16);
    first[16] = 0;
    return (int64_t)(strtoull(first, NULL, 16) & INT64_MAX);
}

int64_t history_fingerprint_id(const char *text)
{
    return id_of(text, strlen(text));
}

/* Each part with its NUL, so that no two lists of parts read the same. */
int64_t history_series_id(const struct result *r, int64_t fingerprint_id)
{
    const char *const part[] = {r->benchmark, r->metric, r->params, r->unit};
    CLEANUP(str_done) struct str key = STR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(part); i++)
        str_add(&key, part[i], strlen(part[i]) + 1);
    str_add_int(&key, fingerprint_id);
    return id_of(key.p, key.len);
}

void history_id_text(int64_t id, char out[HISTORY_ID_LEN])
{
    snprintf(out, HISTORY_ID_LEN, "%016llx", (unsigned long long)id);
}

bool history_id_read(const char *text, int64_t *ret)
{
    if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16 || text[0] > '7')
        return false;
    *ret = (int64_t)strtoull(text, NULL, 16);
    return true;
}

bool history_is_sha(const char *text)
{
    size_t n = strlen(text);
    return n >= 7 && n <= 64 && strspn(text, "0123456789abcdef") == n;
}

/* --- the machine --- */

static void copy_member(struct jw *w, const char *name, const json_t *from, const char *member)
{
    const json_t *v = json_object_get(from, member);
    if (json_is_string(v))
        jw_kstr(w, name, json_string_value(v));
    else if (json_is_integer(v))
        jw_kint(w, name, json_integer_value(v));
    else if (json_is_boolean(v))
        jw_kbool(w, name, json_is_true(v));
}

static void copy_cards(struct jw *w, const json_t *cards)
{
    static const char *const facts[] = {"ecc", "mig", "model", "power_limit_mw", "vbios"};
    jw_key(w, "gpus");
    jw_open(w, '[');
    for (size_t i = 0; i < json_array_size(cards); i++) {
        jw_open(w, '{');
        for (size_t k = 0; k < ARRAY_LEN(facts); k++)
            copy_member(w, facts[k], json_array_get(cards, i), facts[k]);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

/* Members in alphabetical order: this text is hashed. */
void history_fingerprint(const char *provenance, const char *machine, struct str *out)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    struct jw w = JW(out);
    jw_open(&w, '{');
    if (machine) {
        jw_kstr(&w, "host", machine);
        jw_kbool(&w, "imported", true);
    } else if (provenance && json_read(provenance, strlen(provenance), &v, NULL) == 0) {
        const json_t *cards = json_object_get(v, "cards");
        copy_member(&w, "cpu", v, "cpu");
        copy_member(&w, "cpus", v, "cpus_online");
        if (json_array_size(cards)) {
            copy_member(&w, "cuda", v, "cuda");
            copy_member(&w, "driver", v, "driver");
        }
        copy_member(&w, "governor", v, "governor");
        if (json_array_size(cards))
            copy_cards(&w, cards);
        copy_member(&w, "host", v, "host");
        copy_member(&w, "kernel", v, "kernel");
    }
    jw_close(&w, '}');
}

char *history_host(const char *provenance)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    if (!provenance || json_read(provenance, strlen(provenance), &v, NULL))
        return NULL;
    return mem_strdup(json_string_value(json_object_get(v, "host")));
}

/* --- the commit --- */

char *history_identity_sha(const char *p, size_t len)
{
    for (const char *end = p + len; p && p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t n = nl ? (size_t)(nl - p) : (size_t)(end - p);
        if (n > 4 && strncmp(p, "sha ", 4) == 0)
            return mem_strndup(p + 4, n - 4);
        p += n + 1;
    }
    return NULL;
}

static char *spec_sha(const char *spec)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    if (!strstr(spec, "\"source") || json_read(spec, strlen(spec), &v, NULL))
        return NULL;
    const char *sha = json_string_value(json_object_get(v, "source_sha"));
    if (!sha)
        sha = json_string_value(json_object_get(json_object_get(v, "source"), "ref"));
    return mem_strdup(sha);
}

char *history_sha(const char *spec, const char *identity, size_t identity_len)
{
    char *sha = identity ? history_identity_sha(identity, identity_len) : NULL;
    if (!sha)
        sha = spec_sha(spec);
    if (sha && !history_is_sha(sha)) {
        free(sha);
        sha = NULL;
    }
    return sha;
}

/* --- summaries --- */

static struct result_summary summary_of(const struct result *r, int64_t fingerprint_id)
{
    struct result_summary s = {history_series_id(r, fingerprint_id), r->value, NAN, NAN, NAN};
    size_t n = (size_t)r->n_samples;
    if (!n)
        return s;
    double *away = mem_array(n, sizeof *away);
    s.low = s.high = r->samples[0];
    for (size_t i = 0; i < n; i++) {
        s.low = fmin(s.low, r->samples[i]);
        s.high = fmax(s.high, r->samples[i]);
        away[i] = fabs(r->samples[i] - r->value);
    }
    s.mad = stats_median(away, n);
    free(away);
    return s;
}

struct history *history_prepare(const struct history_source *from, const struct result *r, size_t n)
{
    struct history *h = mem_zalloc(sizeof *h);
    struct str text = STR_INIT;
    history_fingerprint(from->provenance, from->machine, &text);
    h->origin.fingerprint = str_take(&text);
    h->origin.fingerprint_id = history_fingerprint_id(h->origin.fingerprint);
    h->origin.sha = mem_strdup(from->sha);
    h->origin.recipe_version = mem_strdup(from->recipe_version);
    h->committed_at_us = from->committed_at_us;
    h->summary = mem_zalloc((n + 1) * sizeof *h->summary);
    h->n = n;
    for (size_t i = 0; i < n; i++)
        if (!from->of_checks || strcmp(r[i].metric, "elapsed") != 0)
            h->summary[i] = summary_of(&r[i], h->origin.fingerprint_id);
    return h;
}

void history_free(struct history *h)
{
    if (!h)
        return;
    free((void *)(uintptr_t)h->origin.fingerprint);
    free((void *)(uintptr_t)h->origin.sha);
    free((void *)(uintptr_t)h->origin.recipe_version);
    free(h->summary);
    free(h);
}

size_t history_series(const struct history *h, int64_t *ret, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n && n < max; i++) {
        size_t k = 0;
        while (k < n && ret[k] != h->summary[i].series_id)
            k++;
        if (k == n && h->summary[i].series_id)
            ret[n++] = h->summary[i].series_id;
    }
    return n;
}

void history_put(struct store_batch *b, struct history *h, const struct result *r, int64_t at_us,
                 uint32_t flags, const char *recipe)
{
    h->origin.at_us = at_us;
    h->origin.flags = flags;
    h->origin.recipe = recipe;
    store_put_points(b, &h->origin, r, h->summary, h->n);
    if (h->origin.sha && h->committed_at_us) {
        struct commit_info c = {.sha = (char *)(uintptr_t)h->origin.sha,
                                .position = -1,
                                .committed_at_us = h->committed_at_us};
        store_put_commit(b, &c);
    }
}
