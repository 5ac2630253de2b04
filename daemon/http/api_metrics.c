/* GET /metrics: Prometheus text format 0.0.4. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fsx.h"
#include "cail_version.h"
#include "gpu/gpu.h"
#include "http/api.h"

static void head(struct str *out, const char *name, const char *type, const char *help)
{
    str_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct str *out, const char *name, const char *type, const char *help, uint64_t v)
{
    head(out, name, type, help);
    str_addf(out, "%s %" PRIu64 "\n", name, v);
}

static void seconds(struct str *out, const char *name, const char *help, uint64_t us)
{
    head(out, name, "gauge", help);
    str_addf(out, "%s %" PRIu64 ".%06" PRIu64 "\n", name, us / 1000000, us % 1000000);
}

static bool count(void *arg, struct job *j)
{
    uint64_t *n = arg;
    n[j->state]++;
    return true;
}

static void jobs(struct api *api, const struct engine_stats *s, struct str *out)
{
    uint64_t n[JOB_STATE_COUNT] = {0};
    engine_each_job(api->engine, count, n);
    head(out, "cail_jobs", "gauge", "Live jobs by state.");
    for (int i = 0; i < JOB_STATE_COUNT; i++)
        if (!job_state_is_terminal((enum job_state)i))
            str_addf(out, "cail_jobs{state=\"%s\"} %" PRIu64 "\n", job_state_words[i], n[i]);
    one(out, "cail_jobs_submitted_total", "counter", "Jobs taken since the start.", s->submitted);
    one(out, "cail_attempts_started_total", "counter", "Attempts started since the start.",
        s->started);
    one(out, "cail_jobs_finished_total", "counter", "Jobs ended since the start.", s->finished);
    one(out, "cail_jobs_succeeded_total", "counter", "Of these, succeeded.", s->succeeded);
    one(out, "cail_jobs_failed_total", "counter", "Of these, failed.", s->failed);
    one(out, "cail_jobs_lost_total", "counter", "Of these, with an end that nobody saw.", s->lost);
    one(out, "cail_jobs_retried_total", "counter", "Attempts after a first one.", s->retried);
    one(out, "cail_cache_hits_total", "counter", "Builds answered from the build cache.",
        s->cache_hits);
}

static void capacity(struct str *out, const char *what, int64_t total, int64_t used)
{
    str_addf(out, "cail_capacity{what=\"%s\"} %" PRId64 "\n", what, total);
    str_addf(out, "cail_capacity_used{what=\"%s\"} %" PRId64 "\n", what, used);
}

static void queue(struct api *api, struct str *out)
{
    struct sched_usage u;
    sched_usage(engine_sched(api->engine), &u);
    head(out, "cail_capacity", "gauge", "What is granted to jobs.");
    head(out, "cail_capacity_used", "gauge", "What running jobs hold of it.");
    capacity(out, "cpus", u.cpus_total, u.cpus_used);
    capacity(out, "memory_mib", u.memory_total_mib, u.memory_used_mib);
    capacity(out, "gpus", u.gpus_total, u.gpus_used);
    one(out, "cail_queue_paused", "gauge", "1 while nothing is started.", u.paused);
}

/* A figure that a card does not tell (-1) has no line. */
static void cards_gauge(const struct gpu_card *card, size_t n, struct str *out, const char *name,
                        const char *help, int32_t (*value)(const struct gpu_card *c))
{
    head(out, name, "gauge", help);
    for (size_t i = 0; i < n; i++)
        if (card[i].last.mono_us && value(&card[i]) >= 0)
            str_addf(out, "%s{uuid=\"%s\"} %d\n", name, card[i].uuid, (int)value(&card[i]));
}

#define CARD_VALUE(fn, field)                                                                      \
    static int32_t fn(const struct gpu_card *c)                                                    \
    {                                                                                              \
        return c->field;                                                                           \
    }
CARD_VALUE(card_util, last.util_pct)
CARD_VALUE(card_used, last.used_mib)
CARD_VALUE(card_power, last.power_mw)
CARD_VALUE(card_temp, last.temp_c)
CARD_VALUE(card_sm, last.sm_mhz)
CARD_VALUE(card_free, free_twice)

static void cards(struct api *api, struct str *out)
{
    const struct gpu_card *card = NULL;
    size_t n = engine_cards(api->engine, &card);
    if (!n)
        return;
    cards_gauge(card, n, out, "cail_gpu_utilization_percent", "Time a kernel ran.", card_util);
    cards_gauge(card, n, out, "cail_gpu_memory_used_mib", "Memory in use.", card_used);
    cards_gauge(card, n, out, "cail_gpu_power_milliwatts", "Power drawn.", card_power);
    cards_gauge(card, n, out, "cail_gpu_temperature_celsius", "Temperature.", card_temp);
    cards_gauge(card, n, out, "cail_gpu_sm_clock_megahertz", "Clock of the SMs.", card_sm);
    cards_gauge(card, n, out, "cail_gpu_free", "1 when by its evidence nobody uses it.", card_free);
}

static void store(const struct store_stats *s, struct str *out)
{
    one(out, "cail_store_commits_total", "counter", "Batches committed.", s->batches);
    one(out, "cail_store_rows_total", "counter", "Rows written.", s->ops);
    one(out, "cail_store_failed_commits_total", "counter", "Commits with an unknown outcome.",
        s->failed);
    seconds(out, "cail_store_last_commit_seconds", "How long the last commit took.",
            s->last_commit_us);
    seconds(out, "cail_store_slowest_commit_seconds", "How long the slowest commit took.",
            s->max_commit_us);
    one(out, "cail_store_wal_bytes", "gauge", "Size of the write-ahead log.", s->wal_bytes);
    one(out, "cail_store_checkpoints_total", "counter", "Checkpoints done.", s->checkpoints);
}

static void stalls(const struct engine_stats *s, struct str *out)
{
    static const char *const upto[] = {"0.001", "0.002", "0.005", "0.01",
                                       "0.02",  "0.05",  "0.1",   "+Inf"};
    uint64_t sum = 0;
    head(out, "cail_loop_stalls_total", "counter",
         "Turns of the event loop by how long they kept it from answering.");
    for (size_t i = 0; i < ARRAY_LEN(upto); i++) {
        sum += s->stall_bucket[i];
        str_addf(out, "cail_loop_stalls_total{le=\"%s\"} %" PRIu64 "\n", upto[i], sum);
    }
    seconds(out, "cail_loop_stall_max_seconds", "The longest one.", s->stall_us_max);
}

static void http(struct api *api, struct str *out)
{
    struct http_stats s = {0};
    if (api->server)
        http_server_stats(api->server, &s);
    one(out, "cail_http_requests_total", "counter", "Requests.", s.requests);
    one(out, "cail_http_refused_total", "counter", "Requests refused at the gate.", s.refused);
    one(out, "cail_http_client_errors_total", "counter", "Answers 4xx.", s.client_errors);
    one(out, "cail_http_server_errors_total", "counter", "Answers 5xx.", s.server_errors);
    one(out, "cail_http_sent_bytes_total", "counter", "Bytes of bodies sent.", s.bytes_out);
    one(out, "cail_http_connections", "gauge", "Open connections.", s.connections);
    one(out, "cail_http_streams", "gauge", "Open streams.", s.streams);
    one(out, "cail_http_waiting", "gauge", "Requests that wait for something.", s.waiting);
}

/* /proc answers from memory, it does not block. */
static void memory(struct str *out)
{
    char text[64] = "";
    CLEANUP(fsx_closep) int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
        return;
    char *at;
    (void)strtoull(text, &at, 10);
    uint64_t pages = strtoull(at, NULL, 10);
    one(out, "process_resident_memory_bytes", "gauge", "Resident memory of cail-d.",
        pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

API_SERVE(api_metrics)
{
    struct api *api = app;
    struct engine_stats s;
    struct str *out = &reply->body;
    (void)ret_wait_key;
    int rc = API_NO_QUERY(rq, err);
    if (rc)
        return rc;
    engine_stats(api->engine, &s);
    head(out, "cail_build_info", "gauge", "Always 1; the version is in the label.");
    str_addf(out, "cail_build_info{version=\"%s\"} 1\n", CAIL_VERSION);
    seconds(out, "process_start_time_seconds", "Start of cail-d, in seconds since 1970.",
            (uint64_t)s.started_at_us);
    jobs(api, &s, out);
    queue(api, out);
    cards(api, out);
    store(&s.store, out);
    stalls(&s, out);
    http(api, out);
    memory(out);
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return 0;
}
