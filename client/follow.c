/* cail_follow: three transfers in one curl multi handle, so that one thread serves the log, the
 * event feed and the caller's own fd.
 *
 *   JOB     GET /jobs/{id}: the truth. Fetched at the start, when an event says that something
 *           moved, after the log of an attempt ended, and after every reconnection.
 *   EVENTS  GET /events?job={id}: says when to look, and carries the progress. Without it (an old
 *           daemon, too many streams) JOB is fetched each second.
 *   LOG     GET /jobs/{id}/log?follow=1&attempt={n} from the byte we have. Its end alone proves
 *           nothing (a daemon that stops ends it too): it is over when JOB, fetched after it, says
 *           that the attempt has ended and that there is not one byte more. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "enums.def"
#include "internal.h"
#include "sse.h"

#define POLL_MS        1000  /* between two looks at JOB without an event feed */
#define LOOK_AGAIN_MS  15000 /* the same with one: an event that was missed costs no more */
#define BACKOFF_MIN_MS 150
#define BACKOFF_MAX_MS 2000
#define GIVE_UP_MS     300000
#define DEAD_FEED_S    50L /* the daemon says something at least each 15 s */
#define ERROR_BODY_MAX ((size_t)64 << 10)

enum { X_JOB, X_EVENTS, X_LOG, X_COUNT };

struct xfer {
    struct follow *fw;
    int what;
    CURL *easy; /* NULL = not under way */
    struct curl_slist *headers;
    struct cail_buf body; /* JSON, or what a refusal said */
    int64_t due_ms;       /* when to start it; 0 = not wanted */
    int fails;            /* in a row */
    bool begun;           /* the first byte of its body came */
};

struct follow {
    struct cail *c;
    const struct cail_follow *f;
    CURLM *multi;
    struct xfer x[X_COUNT];
    struct cail_sse sse;
    json_t *job;           /* the newest, NULL before the first */
    bool job_stale;        /* something moved after the last JOB was asked for */
    bool no_feed;          /* events are not to be had */
    int64_t attempt;       /* whose log is read; 0 = none so far */
    int64_t offset;        /* its next byte */
    int64_t asked_from;    /* offset when LOG was last asked for */
    int64_t skip;          /* bytes of this answer that were seen before */
    bool asked_after_end;  /* JOB had said that the attempt has ended when LOG was asked for */
    bool log_at_end;       /* the answer ended; JOB will say whether the attempt did */
    bool log_done;         /* no log is left to read */
    int64_t down_since_ms; /* 0 = the daemon answers */
    bool said_lost;
    bool stopped; /* by a callback */
    int rc;
};

static void notice(struct follow *fw, enum cail_notice what, int64_t value)
{
    if (fw->f->on_notice != NULL && fw->f->on_notice(fw->f->ctx, what, value) != 0)
        fw->stopped = true;
}

static void tell_job(struct follow *fw)
{
    if (fw->f->on_job != NULL && fw->f->on_job(fw->f->ctx, fw->job) != 0)
        fw->stopped = true;
}

static void daemon_answers(struct follow *fw, struct xfer *x)
{
    x->fails = 0;
    fw->down_since_ms = 0;
    if (fw->said_lost) {
        fw->said_lost = false;
        notice(fw, CAIL_BACK, 0);
    }
}

static void want(struct follow *fw, int what, int64_t in_ms)
{
    int64_t at = cail_i_now_ms() + in_ms;
    struct xfer *x = &fw->x[what];
    if (x->due_ms == 0 || at < x->due_ms)
        x->due_ms = at;
}

/* Something moved: look at the job, now or right after the look that is under way. */
static void job_moved(struct follow *fw)
{
    fw->job_stale = true;
    if (fw->x[X_JOB].easy == NULL)
        want(fw, X_JOB, 0);
}

static const char *state_of(const json_t *object)
{
    const char *word = json_string_value(json_object_get(object, "state"));
    return word != NULL ? word : "";
}

static bool attempt_ended(const json_t *attempt)
{
    static const struct {
        const char *word;
        bool ended;
    } states[] = {
#define X(sym, word, terminal) {word, terminal},
        CAIL_ATTEMPT_STATES(X)
#undef X
    };
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(state_of(attempt), states[i].word) == 0)
            return states[i].ended;
    return false;
}

static int64_t number_of(const json_t *attempt)
{
    return json_integer_value(json_object_get(attempt, "number"));
}

/* The attempt with that number; the lowest above `above`; or (newest) the highest. */
enum pick { PICK_NUMBER, PICK_ABOVE, PICK_NEWEST };
static const json_t *find_attempt(const struct follow *fw, enum pick how, int64_t number)
{
    const json_t *best = NULL, *attempts = json_object_get(fw->job, "attempts");
    for (size_t i = 0; i < json_array_size(attempts); i++) {
        const json_t *a = json_array_get(attempts, i);
        int64_t n = number_of(a);
        bool fits = how == PICK_NUMBER  ? n == number
                    : how == PICK_ABOVE ? n > number && (best == NULL || n < number_of(best))
                                        : best == NULL || n > number_of(best);
        if (fits)
            best = a;
    }
    return best;
}

/* --- what comes in --- */

static void on_event(void *ctx, const char *event, const char *data, size_t len)
{
    struct follow *fw = ctx;
    /* Before the first JOB is here its answer may already be older than this event. */
    if (strcmp(event, "resync") == 0 || fw->job == NULL)
        job_moved(fw);
    json_t *json = strcmp(event, "job") == 0 || strcmp(event, "attempt") == 0
                       ? json_loadb(data, len, 0, NULL)
                       : NULL;
    const char *key = event[0] == 'j' ? "id" : "job";
    if (fw->job == NULL || json_integer_value(json_object_get(json, key)) != fw->f->job) {
        json_decref(json);
        return;
    }
    if (event[0] == 'j') {
        bool waiting = fw->f->on_log != NULL && fw->x[X_LOG].easy == NULL;
        if (waiting || strcmp(state_of(json), state_of(fw->job)) != 0)
            job_moved(fw); /* a new attempt does not always change the job's state */
        json_object_update(fw->job, json); /* lists carry no attempts: those stay */
    } else {
        const json_t *known =
            find_attempt(fw, PICK_NUMBER, json_integer_value(json_object_get(json, "number")));
        if (known == NULL || strcmp(state_of(json), state_of(known)) != 0)
            job_moved(fw);
        if (json_object_get(json, "progress") != NULL)
            json_object_set(fw->job, "progress", json_object_get(json, "progress"));
    }
    json_decref(json);
    tell_job(fw);
}

/* False stops the transfer. */
static bool log_bytes(struct follow *fw, const char *data, size_t len)
{
    size_t drop = fw->skip < (int64_t)len ? (size_t)fw->skip : len;
    fw->skip -= (int64_t)drop;
    if (len == drop)
        return true;
    if (fw->f->on_log(fw->f->ctx, data + drop, len - drop) != 0) {
        fw->stopped = true;
        return false;
    }
    fw->offset += (int64_t)(len - drop);
    return true;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct xfer *x = ctx;
    struct follow *fw = x->fw;
    size_t len = size * n;
    long status = 0;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 && status != 206) {
        if (x->body.len + len <= ERROR_BODY_MAX)
            cail_buf_add(&x->body, data, len);
        return len;
    }
    if (!x->begun) {
        x->begun = true;
        daemon_answers(fw, x);
        if (x->what == X_LOG) /* 200 = the range was ignored: what we have comes again */
            fw->skip = status == 200 ? fw->offset : 0;
    }
    if (x->what == X_EVENTS) {
        cail_sse_feed(&fw->sse, data, len);
        return fw->stopped ? 0 : len;
    }
    if (x->what == X_LOG)
        return log_bytes(fw, data, len) ? len : 0;
    if (x->body.len + len > CAIL_REPLY_MAX)
        return 0;
    cail_buf_add(&x->body, data, len);
    return x->body.oom ? 0 : len;
}

/* The feed is up as soon as its headers are: only now is a look at JOB free of a gap. */
static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
    struct xfer *x = ctx;
    size_t len = size * n;
    if (x->what == X_EVENTS && len <= 2) { /* the empty line after the headers */
        long status = 0;
        curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status == 200 && line[0] == '\r') {
            daemon_answers(x->fw, x);
            job_moved(x->fw);
        }
    }
    return len;
}

/* --- what goes out --- */

static void stop_xfer(struct xfer *x)
{
    if (x->easy != NULL) {
        curl_multi_remove_handle(x->fw->multi, x->easy);
        curl_easy_cleanup(x->easy);
    }
    x->easy = NULL;
    curl_slist_free_all(x->headers);
    x->headers = NULL;
    cail_buf_done(&x->body);
    x->begun = false;
}

static char *path_of(const struct follow *fw, int what)
{
    long long id = (long long)fw->f->job;
    if (what == X_JOB)
        return cail_path("/jobs/%lld", id);
    if (what == X_EVENTS)
        return cail_path("/events?job=%lld", id);
    return cail_path("/jobs/%lld/log?follow=1&attempt=%lld", id, (long long)fw->attempt);
}

static void set_options(struct follow *fw, struct xfer *x)
{
    curl_easy_setopt(x->easy, CURLOPT_PRIVATE, x);
    curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(x->easy, CURLOPT_HEADERDATA, x);
    if (x->what == X_JOB) {
        curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, 30000L);
    } else if (x->what == X_EVENTS) {
        curl_easy_setopt(x->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(x->easy, CURLOPT_LOW_SPEED_TIME, DEAD_FEED_S);
    } else {
        curl_easy_setopt(x->easy, CURLOPT_TCP_KEEPALIVE, 1L);
        fw->asked_from = fw->offset;
        fw->asked_after_end = attempt_ended(find_attempt(fw, PICK_NUMBER, fw->attempt));
        fw->log_at_end = false;
        if (fw->offset > 0) {
            char range[32];
            snprintf(range, sizeof range, "%lld-", (long long)fw->offset);
            curl_easy_setopt(x->easy, CURLOPT_RANGE, range);
        }
    }
}

static void start_xfer(struct follow *fw, struct xfer *x)
{
    static const char *const accept[] = {"application/json", "text/event-stream",
                                         "text/plain, */*"};
    x->due_ms = 0;
    char *path = path_of(fw, x->what);
    x->easy = curl_easy_init();
    int rc = path == NULL || x->easy == NULL
                 ? cail_i_fail(fw->c, CAIL_ENOMEM, "out of memory")
                 : cail_i_prepare(fw->c, x->easy, "GET", path, accept[x->what], NULL, &x->headers);
    free(path);
    if (rc != CAIL_OK) {
        fw->rc = rc;
        return;
    }
    set_options(fw, x);
    if (x->what == X_JOB)
        fw->job_stale = false;
    if (x->what == X_EVENTS)
        cail_sse_reset(&fw->sse);
    if (curl_multi_add_handle(fw->multi, x->easy) != CURLM_OK)
        fw->rc = cail_i_fail(fw->c, CAIL_ENOMEM, "out of memory");
}

/* --- what a finished transfer means --- */

/* The daemon was not to be had. The first request of all may simply fail: nobody was there. */
static void try_again(struct follow *fw, struct xfer *x, CURLcode code, long status)
{
    int64_t now = cail_i_now_ms();
    if (x->what == X_JOB)
        fw->job_stale = true; /* what it was asked for is still not known */
    int64_t give_up = fw->f->give_up_ms > 0 ? fw->f->give_up_ms : GIVE_UP_MS;
    if (fw->down_since_ms == 0)
        fw->down_since_ms = now;
    if (fw->job == NULL || now - fw->down_since_ms > give_up) {
        fw->rc = status >= 400
                     ? cail_i_refused(fw->c, (int)status, x->body.p, x->body.len)
                     : cail_i_curl_failed(fw->c, code != CURLE_OK ? code : CURLE_GOT_NOTHING);
        return;
    }
    if (!fw->said_lost && code != CURLE_OK) {
        fw->said_lost = true;
        notice(fw, CAIL_LOST, 0);
    }
    int64_t pause = BACKOFF_MIN_MS;
    for (int i = 0; i < x->fails && pause < BACKOFF_MAX_MS; i++)
        pause *= 2;
    x->fails++;
    want(fw, x->what, pause < BACKOFF_MAX_MS ? pause : BACKOFF_MAX_MS);
}

static void got_job(struct follow *fw, struct xfer *x)
{
    json_t *job = json_loadb(x->body.p != NULL ? x->body.p : "", x->body.len, 0, NULL);
    if (!json_is_object(job)) {
        json_decref(job);
        fw->rc = cail_i_fail(fw->c, CAIL_EPROTOCOL, "the answer of %s is no job", fw->c->where);
        return;
    }
    json_decref(fw->job);
    fw->job = job;
    daemon_answers(fw, x);
    tell_job(fw);
    if (fw->job_stale)
        want(fw, X_JOB, 0);
    else
        want(fw, X_JOB, fw->no_feed ? POLL_MS : LOOK_AGAIN_MS);
}

static bool passing_trouble(long status)
{
    return status == 429 || status >= 500;
}

static void finished(struct follow *fw, struct xfer *x, CURLcode code)
{
    long status = 0;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    bool ok = code == CURLE_OK && (status == 200 || status == 206);
    if (x->what == X_JOB) {
        if (ok)
            got_job(fw, x);
        else if (code != CURLE_OK || passing_trouble(status))
            try_again(fw, x, code, status);
        else
            fw->rc = cail_i_refused(fw->c, (int)status, x->body.p, x->body.len);
    } else if (x->what == X_EVENTS) {
        if (code == CURLE_OK && !ok) {
            fw->no_feed = true;
            job_moved(fw);
        } else if (ok) {
            want(fw, X_EVENTS, POLL_MS); /* the daemon ended it in good order */
        } else {
            job_moved(fw);
            try_again(fw, x, code, 0);
        }
    } else if (ok || (code == CURLE_OK && (status == 416 || status == 404))) {
        fw->log_at_end = true; /* 404, 416: nothing there, or nothing more; JOB says for how long */
        job_moved(fw);
    } else if (code != CURLE_OK || passing_trouble(status)) {
        job_moved(fw);
        try_again(fw, x, code, status);
    } else {
        fw->rc = cail_i_refused(fw->c, (int)status, x->body.p, x->body.len);
    }
}

static void reap(struct follow *fw)
{
    int left;
    CURLMsg *msg;
    while (!fw->stopped && (msg = curl_multi_info_read(fw->multi, &left)) != NULL) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        char *private = NULL;
        CURLcode code = msg->data.result;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private);
        struct xfer *x = (struct xfer *)(void *)private;
        finished(fw, x, code);
        stop_xfer(x);
    }
}

/* --- what to read next --- */

static void read_attempt(struct follow *fw, const json_t *attempt, int64_t from)
{
    if (fw->attempt != 0)
        notice(fw, CAIL_ATTEMPT, number_of(attempt));
    fw->attempt = number_of(attempt);
    fw->offset = from;
    fw->log_at_end = false;
    want(fw, X_LOG, 0);
}

/* The log ended and JOB is newer than that end. */
static void after_log_end(struct follow *fw)
{
    const json_t *a = find_attempt(fw, PICK_NUMBER, fw->attempt);
    const json_t *bytes = json_object_get(a, "log_bytes");
    bool moved = fw->offset > fw->asked_from;
    if (a != NULL && !attempt_ended(a)) { /* cut short, or nothing written so far */
        int fails = moved ? 0 : fw->x[X_LOG].fails++;
        want(fw, X_LOG, moved ? 0 : fails < 3 ? BACKOFF_MIN_MS << fails : POLL_MS);
        return;
    }
    if (a != NULL && (moved || !fw->asked_after_end) && json_is_integer(bytes) &&
        json_integer_value(bytes) > fw->offset) {
        want(fw, X_LOG, 0);
        return;
    }
    const json_t *next = fw->f->attempt > 0 ? NULL : find_attempt(fw, PICK_ABOVE, fw->attempt);
    if (next != NULL)
        read_attempt(fw, next, 0);
    else
        fw->log_done = fw->f->attempt > 0 || cail_state_ended(state_of(fw->job));
}

/* JOB is up to date and LOG idle: what now? */
static void decide(struct follow *fw)
{
    const struct cail_follow *f = fw->f;
    bool ended = cail_state_ended(state_of(fw->job));
    if (f->on_log == NULL) {
        fw->log_done = ended;
    } else if (fw->attempt != 0) {
        if (fw->log_at_end)
            after_log_end(fw);
    } else {
        const json_t *a = f->attempt > 0  ? find_attempt(fw, PICK_NUMBER, f->attempt)
                          : f->from_first ? find_attempt(fw, PICK_ABOVE, 0)
                                          : find_attempt(fw, PICK_NEWEST, 0);
        if (a != NULL)
            read_attempt(fw, a, f->from);
        else
            fw->log_done = ended;
    }
}

/* Milliseconds until something is due. */
static int next_due(const struct follow *fw, int64_t now)
{
    int64_t wait = fw->f->tick_ms > 0 ? fw->f->tick_ms : 10000;
    for (int i = 0; i < X_COUNT; i++) {
        const struct xfer *x = &fw->x[i];
        if (x->easy == NULL && x->due_ms != 0 && x->due_ms - now < wait)
            wait = x->due_ms > now ? x->due_ms - now : 0;
    }
    return (int)wait;
}

static void turn(struct follow *fw)
{
    int running;
    curl_multi_perform(fw->multi, &running);
    reap(fw);
    int64_t now = cail_i_now_ms();
    bool settled = fw->job != NULL && !fw->job_stale && fw->x[X_JOB].easy == NULL &&
                   fw->x[X_LOG].easy == NULL && fw->x[X_LOG].due_ms == 0;
    if (settled && !fw->stopped && fw->rc == CAIL_OK)
        decide(fw);
    for (int i = 0; i < X_COUNT && !fw->log_done; i++)
        if (fw->rc == CAIL_OK && fw->x[i].easy == NULL && fw->x[i].due_ms != 0 &&
            fw->x[i].due_ms <= now)
            start_xfer(fw, &fw->x[i]);
}

static void wait_for_something(struct follow *fw, int64_t *tick_at)
{
    const struct cail_follow *f = fw->f;
    struct curl_waitfd extra = {.fd = f->wake_fd, .events = CURL_WAIT_POLLIN};
    int64_t now = cail_i_now_ms();
    curl_multi_poll(fw->multi, &extra, f->wake_fd >= 0 ? 1 : 0, next_due(fw, now), NULL);
    if (f->wake_fd >= 0 && f->on_wake != NULL) {
        struct pollfd p = {.fd = f->wake_fd, .events = POLLIN};
        if (poll(&p, 1, 0) == 1 && f->on_wake(f->ctx) != 0)
            fw->stopped = true;
    }
    now = cail_i_now_ms();
    if (f->tick_ms > 0 && f->on_tick != NULL && now >= *tick_at) {
        *tick_at = now + f->tick_ms;
        if (f->on_tick(f->ctx) != 0)
            fw->stopped = true;
    }
}

int cail_follow(struct cail *c, const struct cail_follow *f, json_t **ret_job)
{
    struct follow fw = {.c = c, .f = f, .multi = curl_multi_init()};
    *ret_job = NULL;
    if (fw.multi == NULL)
        return cail_i_fail(c, CAIL_ENOMEM, "out of memory");
    fw.sse = (struct cail_sse){.ctx = &fw, .on_event = on_event};
    for (int i = 0; i < X_COUNT; i++)
        fw.x[i] = (struct xfer){.fw = &fw, .what = i};
    int64_t tick_at = 0;
    want(&fw, X_EVENTS, 0); /* its headers ask for JOB */
    while (fw.rc == CAIL_OK && !fw.stopped && !fw.log_done) {
        turn(&fw);
        if (fw.rc == CAIL_OK && !fw.stopped && !fw.log_done)
            wait_for_something(&fw, &tick_at);
    }
    for (int i = 0; i < X_COUNT; i++)
        stop_xfer(&fw.x[i]);
    curl_multi_cleanup(fw.multi);
    cail_sse_done(&fw.sse);
    if (fw.stopped)
        fw.rc = cail_i_fail(c, CAIL_ESTOPPED, "stopped");
    if (fw.rc == CAIL_OK)
        *ret_job = fw.job;
    else
        json_decref(fw.job);
    return fw.rc;
}
