/* Shared by the api_*.c files: the handlers named in routes.c and the few things they all do.
 *
 * Where an answer comes from. A live job (held, queued, running) is in memory; everything else is
 * rows, which `load` fetches on the reader thread. Most routes are HTTP_LOAD_LAZY: serve looks into
 * memory and asks for rows by api_reload only when it needs them. What a load finds wrong is kept
 * in what it returns: whether it matters is known to serve alone (a live job need not have a row
 * yet). */
#ifndef HTTP_API_H
#define HTTP_API_H

#include "base/digest.h"
#include "base/jw.h"
#include "http/routes.h"
#include "wire/job_doc.h"

/* Kept in rq->scratch over the calls of one request; the first member of any larger one. */
struct api_scratch {
    int n_loads;
    bool fresh; /* rq->loaded was asked for by the call just before */
};
/* rq's scratch, made zeroed with `size` bytes on first use. */
void *api_scratch(struct http_request *rq, size_t size);
/* Return this from serve: rows, please. The next call finds them by api_loaded. */
int api_reload(struct http_request *rq);
/* What the reload brought; NULL when this call was not asked for by api_reload. */
void *api_loaded(struct http_request *rq);
enum { API_SMALL_BODY = 64 << 10 };    /* body_max of actions */
#define API_ENDING_US INT64_C(5000000) /* longest wait for a job that is ending to be durable */
enum { API_LOADS_MAX = 20 };           /* after so many, rows are taken as they are */

/* Does Accept name `type` ("text/html") itself, with a quality above 0? Wildcards do not count:
 * they get JSON. */
bool api_accepts(const struct http_request *rq, const char *type);
/* Is rq's Content-Type (or the request's default "") the media type `type`? */
bool api_is_type(const struct http_request *rq, const char *type);
/* No query argument but these. */
#define API_QUERY(rq, err, ...)                                                                    \
    http_query_only((rq), (const char *const[]){__VA_ARGS__},                                      \
                    ARRAY_LEN(((const char *const[]){__VA_ARGS__})), (err))
#define API_NO_QUERY(rq, err) http_query_only((rq), NULL, 0, (err))
/* The answer is what memory says now: let it leave when that is durable. */
void api_from_memory(struct api *api, struct http_reply *reply);
/* Serve `body` (static or asset) as text/plain. */
void api_text(struct http_reply *reply);
/* Where the thing is: /folder/id. */
void api_location(struct http_reply *reply, const char *folder, int64_t id);
/* {"id":id,"state":"being canceled"}, or "canceled" where that is over already. */
void api_canceled(struct api *api, struct http_reply *reply, int64_t id, bool over);
/* The JSON body is finished: end it with one line break. */
void api_json_end(struct http_reply *reply);
/* Seconds of ?wait=, 0 = none; another query is refused. Sets the deadline on the first call. */
int api_wait_query(struct http_request *rq, int64_t *ret_wait_s, struct cail_err *err) NODISCARD;

/* The request's Idempotency-Key: what it made before, all 0 = it is new or there is none. Kept for
 * what is made now. */
int api_key_seen(struct api *api, const struct http_request *rq, char sha256[DIGEST_LEN],
                 struct idem_made *ret, struct cail_err *err) NODISCARD;
void api_key_keep(struct api *api, const struct http_request *rq, const char *sha256,
                  const struct idem_made *made);

/* --- one job --- */

struct group_loaded;
/* Rows of a job, as load_job and its relatives bring them. */
struct job_loaded {
    int rc; /* of store_read_job */
    struct cail_err err;
    struct job_record rec;
    struct engine_known_states states; /* of its after[]; for a retry */
    struct group_loaded *group; /* its group's rows, for a retry; NULL = none */
    int64_t *state_ids;
    int *state_of;
    int fd; /* a file of it that was opened, -1 = none */
    int file_rc;
    struct cail_err file_err;
    uint64_t size, from; /* of fd: its size; where the wanted tail begins */
    uint64_t hole_from, hole_to;
    struct peers *peers; /* why: runs to hold it against, NULL = none */
    char *text;          /* a tail of its log */
    size_t text_len;
};
struct job_loaded *job_loaded_new(void *reader, int64_t id, size_t max_results);
void job_loaded_free(void *loaded);
/* load of most job routes: the record, with at most 1000 results. */
int load_job(void *reader, const struct http_request *rq, void **ret, struct cail_err *err);
enum { API_RESULTS_SHOWN = 1000 }; /* in a job document; GET .../results has them all */

struct found {
    struct job *live;        /* in memory, NULL = not */
    struct job_loaded *rows; /* NULL = not loaded */
};
/* Find the job of part 0. 0, HTTP_RELOAD or an error. need_rows: even for a live one. */
int job_find(struct api *api, struct http_request *rq, bool need_rows, struct found *ret,
             struct cail_err *err) NODISCARD;
/* Of the two, the one to show. */
const struct job *found_job(const struct found *f);
/* Its attempts by number, the live one in the place of its row; free() the array. */
size_t found_attempts(struct api *api, const struct found *f, struct attempt ***ret);
/* The whole job document into reply, at the newest batch. */
void job_reply(struct api *api, const struct found *f, struct http_reply *reply);

/* One sentence on why a job does not run, or how it ended. Pure. */
void why_summary(const struct job *j, const struct sched_constraint *c, size_t n, struct str *out);

/* The queue as a text table of at most max jobs. */
void queue_text(struct api *api, size_t max, struct str *out);
/* A bash script that runs the job again. Pure. spec is the job's, read. */
struct job_spec;
void repro_script(const struct job *j, const struct job_spec *spec, const struct attempt *last,
                  const char *host, const char *version, struct str *out);

/* --- lists --- */
#define CURSOR_LEN 32
/* An id as an opaque token and back. */
void cursor_make(int64_t id, char out[CURSOR_LEN]);
bool cursor_read(const char *text, int64_t *ret);
/* The id of ?cursor=; without one *ret stays. */
int cursor_query(const struct http_request *rq, int64_t *ret, struct cail_err *err) NODISCARD;
/* jobs of the query, see api_list.c */
struct list_loaded {
    struct job_filter filter; /* its strings are the request's */
    struct job_rows rows;
    char label[JOB_LABEL_KEY_MAX + JOB_LABEL_VALUE_MAX + 2];
};
int load_list(void *reader, const struct http_request *rq, void **ret, struct cail_err *err);
void list_loaded_free(void *loaded);
/* Is a row live that memory no longer has? It ended while the rows were read: load again. */
bool list_is_stale(struct api *api, const struct http_request *rq, const struct list_loaded *l);
/* The job to show for a row: the live one where there is one. NULL = it no longer fits the filter.
 */
const struct job *list_pick(struct api *api, const struct list_loaded *l, size_t i);

/* --- groups --- */
struct group_loaded {
    int rc;
    struct cail_err err;
    struct group_record rec;
};
struct group_loaded *group_loaded_new(void *reader, int64_t id);
void group_loaded_free(void *loaded);
/* All members by index: memory where it has them, else rows; free() the array. Rows that failed to
 * load: the group is younger than its rows, all of it is in memory. */
size_t group_members(struct api *api, int64_t id, const struct group_loaded *rows,
                     struct job ***ret);

/* --- handlers, one a route --- */
#define API_SERVE(name)                                                                            \
    int name(void *app, struct http_request *rq, struct http_reply *reply, int64_t *ret_wait_key,  \
             struct cail_err *err)
#define API_LOAD(name)                                                                             \
    int name(void *reader, const struct http_request *rq, void **ret, struct cail_err *err)

API_SERVE(api_submit);
API_LOAD(load_submit);
void submit_loaded_free(void *loaded);
API_SERVE(api_job);
API_SERVE(api_log);
API_LOAD(load_log);
API_SERVE(api_list);
API_SERVE(api_cancel);
API_SERVE(api_hold);
API_SERVE(api_release);
API_SERVE(api_patch);
API_SERVE(api_retry);
API_LOAD(load_retry);
API_LOAD(load_why);
API_SERVE(api_why);
API_SERVE(api_group);
API_SERVE(api_compare);
API_LOAD(load_compared);
API_SERVE(api_comparison);
API_LOAD(load_comparison);
API_LOAD(load_comparison_report);
void comparison_loaded_free(void *loaded);
API_SERVE(api_comparison_report);
API_SERVE(api_comparison_cancel);
API_LOAD(load_noise);
API_LOAD(load_comparisons);
API_SERVE(api_group_cancel);
API_SERVE(api_group_retry);
API_LOAD(load_group);
API_SERVE(api_results);
API_LOAD(load_results);
API_SERVE(api_results_post);
API_LOAD(load_results_post);
void posted_free(void *loaded);
API_SERVE(api_artifacts);
API_SERVE(api_artifact);
API_LOAD(load_artifact);
API_SERVE(api_repro);
API_SERVE(api_provenance);
API_SERVE(api_upstreams);
API_SERVE(api_upstream);
API_SERVE(api_topics);
API_LOAD(load_topics);
API_SERVE(api_topics_post);
API_SERVE(api_prs);
API_SERVE(api_prs_post);
API_SERVE(api_pr);
API_LOAD(load_pr);
void pr_loaded_free(void *loaded);
API_SERVE(api_pr_patch);
API_SERVE(api_pr_report);
API_LOAD(load_pr_report);
API_SERVE(api_queue);
API_SERVE(api_queue_pause);
API_SERVE(api_queue_resume);
API_SERVE(api_queue_drain);
API_SERVE(api_gpus);
API_SERVE(api_gpu_drain);
API_SERVE(api_gpu_undrain);
API_SERVE(api_telemetry);
API_LOAD(load_telemetry);
API_SERVE(api_executors);
API_SERVE(api_recipes);
API_SERVE(api_recipe);
API_SERVE(api_cache);
API_SERVE(api_cache_prune);
API_SERVE(api_env);
API_SERVE(api_events);
API_SERVE(api_front);
API_LOAD(load_front);
void front_loaded_free(void *loaded);
API_LOAD(load_job_page);
API_SERVE(api_style);
API_SERVE(api_asset);
API_SERVE(api_dashboard);
API_SERVE(api_healthz);
API_SERVE(api_readyz);
API_SERVE(api_metrics);
API_SERVE(api_version);
API_SERVE(api_openapi);

#endif
