/* What a job left behind: results, artifacts, provenance and the script that runs it again. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fsx.h"
#include "base/limits.h"
#include "base/ftime.h"
#include "base/mem.h"
#include "cail_version.h"
#include "engine/history.h"
#include "engine/machine.h"
#include "http/api.h"
#include "http/file_reply.h"
#include "http/results_export.h"
#include "parse/parse.h"
#include "wire/job_spec.h"

/* The job's rows, whether it lives or not. */
static int find_rows(struct api *api, struct http_request *rq, struct found *ret,
                     struct cail_err *err)
{
    int rc = API_NO_QUERY(rq, err);
    return rc ? rc : job_find(api, rq, true, ret, err);
}

static const struct job_record *record_of(const struct found *f)
{
    static const struct job_record none;
    return f->rows->rc == 0 ? &f->rows->rec : &none; /* so young that it has no row yet */
}

/* --- results --- */

/* The last attempt says when and where; a retry's results stand behind the earlier ones. */
static void export_rows(struct job_loaded *l, const struct export_format *format)
{
    const struct job_record *rec = &l->rec;
    const struct attempt *last = rec->n_attempts ? rec->attempt[rec->n_attempts - 1] : NULL;
    struct str text = STR_INIT;
    CLEANUP(mem_freep) char *sha = history_sha(rec->job->spec, NULL, 0);
    CLEANUP(mem_freep) char *host = last ? history_host(last->provenance) : NULL;
    struct export_of x = {.job = rec->job,
                          .sha = sha,
                          .machine = host,
                          .started_at_us = last ? last->started_at_us : 0,
                          .ended_at_us = last ? last->ended_at_us : 0,
                          .result = rec->result,
                          .n = rec->n_results};
    format->write(&x, &text);
    l->text_len = text.len;
    l->text = str_take(&text);
}

/* With ?format= the text is made here: a large one takes a while. */
API_LOAD(load_results)
{
    const char *name = http_query_get(rq, "format");
    const struct export_format *format = name ? export_find(name) : NULL;
    int64_t id;
    int rc = http_part_id(rq, 0, &id, err);
    if (rc)
        return rc;
    struct job_loaded *l = job_loaded_new(reader, id, RESULTS_PER_JOB_MAX);
    if (l->rc == 0 && format)
        export_rows(l, format);
    *ret = l;
    return 0;
}

static void results_doc(const struct result *r, size_t n, struct http_reply *reply)
{
    struct jw w = JW(&reply->body);
    jw_open(&w, '{');
    jw_key(&w, "results");
    jw_open(&w, '[');
    for (size_t i = 0; i < n; i++)
        result_doc(&w, &r[i], true);
    jw_close(&w, ']');
    jw_close(&w, '}');
    api_json_end(reply);
}

API_SERVE(api_results)
{
    struct api *api = app;
    struct found f;
    const char *name = http_query_get(rq, "format");
    const struct export_format *format = name ? export_find(name) : NULL;
    (void)ret_wait_key;
    int rc = API_QUERY(rq, err, "format");
    if (rc == 0 && name && !format && strcmp(name, "json") != 0)
        rc = err_set(err, E_BAD_REQUEST,
                     "query argument \"format\" is json, lnt, bmf, benchstat, csv, junit or "
                     "markdown");
    if (rc == 0)
        rc = job_find(api, rq, true, &f, err);
    if (rc)
        return rc;
    if (format && f.rows->text) {
        str_add(&reply->body, f.rows->text, f.rows->text_len);
        reply->content_type = format->type;
    } else {
        results_doc(record_of(&f)->result, record_of(&f)->n_results, reply);
    }
    api_from_memory(api, reply);
    return 0;
}

/* A body that was parsed, and the job it is for. */
struct posted {
    struct job_loaded *job;
    struct parse_out out;
    struct history *history;
};

void posted_free(void *loaded)
{
    struct posted *p = loaded;
    if (!p)
        return;
    job_loaded_free(p->job);
    parse_out_done(&p->out);
    history_free(p->history);
    free(p);
}

static int parse_posted(const struct http_request *rq, struct posted *p, struct cail_err *err)
{
    const char *format = http_query_get(rq, "format");
    const struct parser *parser =
        format ? parse_find(format) : parse_detect(rq->body, rq->body_len);
    if (format && !parser)
        return err_set(err, E_BAD_REQUEST, "\"%.60s\" is no format of results that cail reads",
                       format);
    if (!parser) {
        err_set(err, E_BAD_REQUEST, "the body is in no format of results that cail recognises");
        err_hint(err, "say which one it is: ?format=NAME");
        return E_BAD_REQUEST;
    }
    const char *name = p->job->rc == 0 ? p->job->rec.job->name : "posted";
    return parser->parse(rq->body, rq->body_len, name, &p->out, err);
}

/* Of the newest attempt that has one; without any, of this machine as it is now. */
static char *provenance_of(const struct job_loaded *l)
{
    for (size_t i = l->rc == 0 ? l->rec.n_attempts : 0; i > 0; i--)
        if (l->rec.attempt[i - 1]->provenance)
            return mem_strdup(l->rec.attempt[i - 1]->provenance);
    struct str s = STR_INIT;
    struct jw w = JW(&s);
    jw_open(&w, '{');
    machine_facts(&w, NULL);
    jw_close(&w, '}');
    return str_take(&s);
}

static int prepare_posted(const struct http_request *rq, struct posted *p, struct cail_err *err)
{
    const char *commit = http_query_get(rq, "commit"), *at = http_query_get(rq, "committed_at");
    CLEANUP(mem_freep) char *provenance = provenance_of(p->job);
    CLEANUP(mem_freep)
    char *sha = p->job->rc == 0 ? history_sha(p->job->rec.job->spec, NULL, 0) : NULL;
    struct history_source from = {.provenance = provenance,
                                  .machine = http_query_get(rq, "machine"),
                                  .sha = commit ? commit : sha};
    if (commit && !history_is_sha(commit))
        return err_set(err, E_BAD_REQUEST,
                       "query argument \"commit\" is 7 to 64 lower-case hex digits");
    if (at && (!from.sha || ftime_parse(at, &from.committed_at_us) != 0))
        return err_set(err, E_BAD_REQUEST,
                       "query argument \"committed_at\" is a time such as "
                       "2026-11-22T17:08:13Z, of a commit that is known");
    if (from.machine && (!*from.machine || strlen(from.machine) > 200))
        return err_set(err, E_BAD_REQUEST,
                       "query argument \"machine\" is a name of 1 to 200 bytes");
    p->history = history_prepare(&from, p->out.result, p->out.n);
    return 0;
}

/* Parsing some megabytes takes a while, so it is done here and not on the loop. */
API_LOAD(load_results_post)
{
    struct posted *p = mem_zalloc(sizeof *p);
    int64_t id;
    int rc = API_QUERY(rq, err, "format", "commit", "committed_at", "machine");
    if (rc == 0)
        rc = http_part_id(rq, 0, &id, err);
    if (rc == 0) {
        p->job = job_loaded_new(reader, id, 0);
        rc = parse_posted(rq, p, err);
    }
    if (rc == 0)
        rc = prepare_posted(rq, p, err);
    if (rc)
        posted_free(p);
    else
        *ret = p;
    return rc;
}

API_SERVE(api_results_post)
{
    struct api *api = app;
    struct posted *p = rq->loaded;
    int64_t id;
    (void)ret_wait_key;
    int rc = http_part_id(rq, 0, &id, err);
    if (rc)
        return rc;
    struct found f = {engine_job(api->engine, id), p->job};
    if (!f.live && p->job->rc) {
        *err = p->job->err;
        return p->job->rc;
    }
    CLEANUP(mem_freep) struct attempt **attempts = NULL;
    size_t n = found_attempts(api, &f, &attempts);
    api_from_memory(api, reply);
    rc = engine_add_results(api->engine, found_job(&f), n ? attempts[n - 1]->id : 0, p->out.result,
                            p->history, err);
    if (rc)
        return rc;
    reply->status = 201;
    results_doc(p->out.result, p->out.n, reply);
    api_from_memory(api, reply);
    return 0;
}

/* --- artifacts --- */

/* The newest of that name; NULL = none. */
static const struct artifact *find_artifact(const struct job_record *rec, const char *name)
{
    const struct artifact *best = NULL;
    for (size_t i = 0; i < rec->n_artifacts; i++)
        if (strcmp(rec->artifact[i].name, name) == 0 &&
            (!best || rec->artifact[i].attempt_id > best->attempt_id))
            best = &rec->artifact[i];
    return best;
}

API_SERVE(api_artifacts)
{
    struct api *api = app;
    struct found f;
    (void)ret_wait_key;
    int rc = find_rows(api, rq, &f, err);
    if (rc)
        return rc;
    const struct job_record *rec = record_of(&f);
    struct jw w = JW(&reply->body);
    jw_open(&w, '{');
    jw_key(&w, "artifacts");
    jw_open(&w, '[');
    for (size_t i = 0; i < rec->n_artifacts; i++)
        if (find_artifact(rec, rec->artifact[i].name) == &rec->artifact[i])
            artifact_doc(&w, &rec->artifact[i]);
    jw_close(&w, ']');
    jw_close(&w, '}');
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}

static const struct attempt *attempt_of(const struct job_record *rec, int64_t id)
{
    for (size_t i = 0; i < rec->n_attempts; i++)
        if (rec->attempt[i]->id == id)
            return rec->attempt[i];
    return NULL;
}

/* <dir>/artifacts/<name>, where no step of the way may be a link: the job could have left any. */
static int open_artifact(const char *dir, const char *name, struct job_loaded *l)
{
    CLEANUP(mem_freep) char *folder = mem_printf("%s/artifacts", dir);
    CLEANUP(fsx_closep) int at = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct open_how how = {.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    long fd = at < 0 ? -1 : syscall(SYS_openat2, at, name, &how, sizeof how);
    struct stat st;
    if (fd < 0)
        return err_set_errno(&l->file_err, errno == ENOENT ? E_NOT_FOUND : E_IO, errno,
                             "cannot open the artifact");
    l->fd = (int)fd;
    if (fstat(l->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(&l->file_err, E_IO, "the artifact is not a regular file");
    l->size = (uint64_t)st.st_size;
    return 0;
}

API_LOAD(load_artifact)
{
    int rc = load_job(reader, rq, ret, err);
    struct job_loaded *l = *ret;
    if (rc || l->rc)
        return rc;
    const struct artifact *a = find_artifact(&l->rec, rq->part[1]);
    const struct attempt *from = a ? attempt_of(&l->rec, a->attempt_id) : NULL;
    if (!from)
        l->file_rc =
            err_set(&l->file_err, E_NOT_FOUND, "the job has no artifact \"%.100s\"", rq->part[1]);
    else if (from->files_gone)
        l->file_rc =
            err_set(&l->file_err, E_NOT_FOUND,
                    "the files of attempt %d have been removed to make room", (int)from->number);
    else
        l->file_rc = open_artifact(from->dir, a->name, l);
    return 0;
}

/* Types that say nothing a browser would act on; everything else is bytes. */
static const char *type_of(const char *name)
{
    static const char *const types[][2] = {
        {".txt", "text/plain; charset=utf-8"},  {".log", "text/plain; charset=utf-8"},
        {".mlir", "text/plain; charset=utf-8"}, {".ll", "text/plain; charset=utf-8"},
        {".s", "text/plain; charset=utf-8"},    {".ptx", "text/plain; charset=utf-8"},
        {".md", "text/plain; charset=utf-8"},   {".csv", "text/csv; charset=utf-8"},
        {".json", "application/json"},          {".gz", "application/gzip"},
        {".zst", "application/zstd"},           {".png", "image/png"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < ARRAY_LEN(types); i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

/* RFC 8187; the name's last part alone. */
static void add_disposition(struct http_reply *reply, const char *name)
{
    CLEANUP(str_done) struct str v = STR_INIT;
    const char *slash = strrchr(name, '/');
    str_adds(&v, "attachment; filename*=UTF-8''");
    for (const char *p = slash ? slash + 1 : name; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || strchr("._-", *p);
        str_addf(&v, plain ? "%c" : "%%%02X", plain ? *p : (unsigned char)*p);
    }
    http_reply_header(reply, "Content-Disposition", v.p);
}

API_SERVE(api_artifact)
{
    struct api *api = app;
    struct found f;
    (void)ret_wait_key;
    int rc = find_rows(api, rq, &f, err);
    if (rc == 0 && f.rows->rc) {
        *err = f.rows->err;
        rc = f.rows->rc;
    }
    if (rc == 0 && f.rows->file_rc) {
        *err = f.rows->file_err;
        rc = f.rows->file_rc;
    }
    if (rc)
        return rc;
    struct job_loaded *l = f.rows;
    const struct artifact *a = find_artifact(&l->rec, rq->part[1]);
    char etag[72];
    if (rq->if_none_match || (int64_t)l->size == a->bytes) {
        snprintf(etag, sizeof etag, "\"%s\"", a->sha256);
        http_reply_header(reply, "ETag", etag);
    }
    reply->content_type = type_of(a->name);
    http_reply_header(reply, "Accept-Ranges", "bytes");
    http_reply_header(reply, "Content-Security-Policy", "sandbox; default-src 'none'");
    add_disposition(reply, a->name);
    return file_reply(reply, &l->fd, 0, l->size, rq->range, err);
}

/* --- provenance and repro --- */

API_SERVE(api_provenance)
{
    struct api *api = app;
    struct found f;
    (void)ret_wait_key;
    int rc = find_rows(api, rq, &f, err);
    if (rc)
        return rc;
    CLEANUP(mem_freep) struct attempt **attempts = NULL;
    size_t n = found_attempts(api, &f, &attempts);
    struct jw w = JW(&reply->body);
    jw_open(&w, '{');
    jw_kint(&w, "job", found_job(&f)->id);
    jw_kstr(&w, "cail", CAIL_VERSION);
    jw_key(&w, "attempts");
    jw_open(&w, '[');
    for (size_t i = 0; i < n; i++) {
        const struct attempt *a = attempts[i];
        jw_open(&w, '{');
        jw_kint(&w, "id", a->id);
        jw_kint(&w, "number", a->number);
        jw_kint(&w, "step", a->step);
        jw_kstr(&w, "host", engine_host(api->engine));
        jw_kstr(&w, "boot_id", a->boot_id);
        jw_key(&w, "provenance");
        if (a->provenance)
            jw_raw(&w, a->provenance, strlen(a->provenance));
        else
            jw_null(&w);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    api_json_end(reply);
    api_from_memory(api, reply);
    return 0;
}

API_SERVE(api_repro)
{
    struct api *api = app;
    struct found f;
    struct job_spec spec;
    (void)ret_wait_key;
    int rc = find_rows(api, rq, &f, err);
    if (rc == 0)
        rc = job_spec_read(found_job(&f)->spec, &spec, err);
    if (rc)
        return rc;
    CLEANUP(mem_freep) struct attempt **attempts = NULL;
    size_t n = found_attempts(api, &f, &attempts);
    repro_script(found_job(&f), &spec, n ? attempts[n - 1] : NULL, engine_host(api->engine),
                 CAIL_VERSION, &reply->body);
    job_spec_done(&spec);
    reply->content_type = "text/x-shellscript; charset=utf-8";
    api_from_memory(api, reply);
    return 0;
}
