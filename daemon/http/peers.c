/* Which runs a run is to be held against, and what is known of each. */
#include "http/peers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/peers_words.h"
#include "wire/job_spec.h"
#include "wire/json.h"

const char *const peer_causes[PEERS_CAUSES] = {"sw_power_cap",   "sw_thermal", "hw_thermal",
                                               "hw_power_brake", "sync_boost", "hw_slowdown"};

/* --- facts of one run --- */

static double number_of(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void text_of(const json_t *object, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text)
        snprintf(out, size, "%s", text);
}

/* Summed over the cards: of a job on two the slower one counts as much. */
static void read_telemetry(struct peer_facts *f, const json_t *telemetry)
{
    double mhz = 0, n = 0;
    size_t i;
    json_t *card;
    if (!json_is_object(telemetry))
        return;
    for (int c = 0; c < PEERS_CAUSES; c++)
        f->slowed_ms[c] = 0;
    json_array_foreach(json_object_get(telemetry, "cards"), i, card) {
        const json_t *s = json_object_get(card, "summary");
        const json_t *by = json_object_get(s, "throttled_by");
        for (int c = 0; c < PEERS_CAUSES; c++)
            f->slowed_ms[c] += json_integer_value(json_object_get(by, peer_causes[c]));
        f->foreign_ms += json_integer_value(json_object_get(s, "foreign_ms"));
        double busy = number_of(json_object_get(s, "sm_busy_mhz"), "mean");
        if (!isnan(busy)) {
            mhz += busy;
            n++;
        }
        text_of(card, "name", f->model, sizeof f->model);
    }
    if (n > 0)
        f->sm_mhz = mhz / n;
}

void peer_facts_read(struct peer_facts *f, const char *provenance, const char *telemetry)
{
    CLEANUP(json_decrefp) json_t *p = NULL;
    CLEANUP(json_decrefp) json_t *t = NULL;
    f->sm_mhz = f->load = NAN;
    f->others = f->slowed_ms[0] = -1;
    if (provenance && !json_read(provenance, strlen(provenance), &p, NULL)) {
        const json_t *others = json_object_get(p, "other_jobs_count");
        f->load = number_of(p, "load_1m_at_start");
        f->others = json_is_integer(others) ? json_integer_value(others) : -1;
        text_of(p, "driver", f->driver, sizeof f->driver);
        text_of(p, "kernel", f->kernel, sizeof f->kernel);
        text_of(p, "governor", f->governor, sizeof f->governor);
        read_telemetry(f, json_object_get(p, "gpus"));
    }
    if (telemetry && !json_read(telemetry, strlen(telemetry), &t, NULL))
        read_telemetry(f, t);
}

static void read_record(struct peer_facts *f, const struct job_record *rec)
{
    const struct attempt *a = rec->n_attempts ? rec->attempt[rec->n_attempts - 1] : NULL;
    peer_facts_read(f, a ? a->provenance : NULL, NULL);
    f->job = rec->job->id;
    f->wall_s = a ? (double)a->end.wall_us / 1e6 : 0;
}

/* --- the same again? --- */

/* What was asked for, as text: a recipe's parameters, or the command or script. Caller frees. */
static char *content_of(const struct job *j)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    static const char *const keys[] = {"params", "command", "script"};
    struct str s = STR_INIT;
    if (json_read(j->spec, strlen(j->spec), &v, NULL))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char *text = json_dumps(json_object_get(v, keys[i]),
                                JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        str_adds(&s, text ? text : "");
        free(text);
    }
    return str_take(&s);
}

static bool is_peer(const struct job *j, const char *content, const struct job *of)
{
    if (j->flags & JOB_FLAG_TAINTED || j->kind != of->kind || job_spec_profile(j->spec) ||
        !j->recipe != !of->recipe)
        return false;
    CLEANUP(mem_freep) char *its = content_of(j);
    return its && strcmp(its, content) == 0;
}

static void take(struct peers *p, struct job_record *rec)
{
    read_record(&p->other[p->n], rec);
    p->figure[p->n] = rec->result;
    p->n_figures[p->n++] = rec->n_results;
    rec->result = NULL;
    rec->n_results = 0;
    job_record_done(rec);
}

struct peers *peers_load(struct store_reader *r, const struct job_record *rec)
{
    const struct job *j = rec->job;
    struct job_filter filter = {.states = 1u << JOB_SUCCEEDED,
                                .kind = (int)j->kind,
                                .recipe = j->recipe,
                                .name_like = j->recipe ? NULL : j->name,
                                .before_id = j->id,
                                .limit = PEERS_SEEN_MAX};
    struct job_rows rows;
    struct cail_err err;
    if (!j->started_at_us || job_spec_profile(j->spec))
        return NULL;
    /* Without a recipe there is no index to go by: only as far back as people remember. */
    if (!j->recipe)
        filter.since_us = j->created_at_us - INT64_C(90) * 86400 * 1000000;
    if (store_read_jobs(r, &filter, &rows, &err))
        return NULL;
    CLEANUP(mem_freep) char *content = content_of(j);
    struct peers *p = mem_zalloc(sizeof *p);
    read_record(&p->mine, rec);
    for (size_t i = 0; content && i < rows.n && p->n < PEERS_MAX; i++) {
        struct job_record other;
        if (is_peer(rows.job[i], content, j) &&
            !store_read_job(r, rows.job[i]->id, PEERS_FIGURES_MAX, &other, &err))
            take(p, &other);
    }
    job_rows_done(&rows);
    return p;
}

void peers_free(struct peers *p)
{
    for (size_t i = 0; p && i < p->n; i++) {
        for (size_t k = 0; k < p->n_figures[i]; k++)
            result_done(&p->figure[i][k]);
        free(p->figure[i]);
    }
    free(p);
}
