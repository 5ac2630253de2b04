/* libcail: talk to cail-d from C. This is the interface that the `cail` command itself uses.
 *
 *     struct cail *c;
 *     if (cail_open(&c, NULL) != CAIL_OK)
 *         ...cail_message(c)...
 *     json_t *body = json_pack("{s:s}", "recipe", "env-check");
 *     struct cail_reply reply;
 *     if (cail_submit(c, body, NULL, &reply) == CAIL_OK)
 *         ...json_object_get(reply.json, "id")...
 *
 * Everything returns CAIL_OK or a negative CAIL_E* and leaves a sentence in cail_message().
 * A struct cail belongs to one thread at a time; several may live beside each other.
 * Numbers, names and texts that come back were chosen by strangers (job names, log lines): a
 * program that shows them on a terminal has to remove control sequences first. */
#ifndef CAIL_CAIL_H
#define CAIL_CAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CAIL_OK = 0,
    CAIL_EUNREACHABLE = -1, /* nobody answers there, or the connection broke */
    CAIL_EREFUSED = -2,     /* cail-d answered with a problem: see cail_problem() */
    CAIL_EPROTOCOL = -3,    /* the answer is not what cail-d would say */
    CAIL_EARGUMENT = -4,    /* a bad address, or a token that must not travel there */
    CAIL_ENOMEM = -5,
    CAIL_ETIMEOUT = -6, /* the daemon is there but did not answer in time */
    CAIL_ESTOPPED = -7, /* a callback asked to stop */
    CAIL_ETOOBIG = -8,  /* the answer is larger than CAIL_REPLY_MAX */
};

#define CAIL_REPLY_MAX ((size_t)64 << 20) /* bytes; logs and artifacts are streamed, not replies   \
                                           */

struct cail;

/* All members may be NULL: the environment and the usual files decide.
 * url: "http://host:port", "https://..." or "unix:/path"; NULL = CAIL_URL, else the Unix socket
 * $XDG_RUNTIME_DIR/cail/cail.sock or $XDG_STATE_HOME/cail/cail.sock if it answers, else
 * http://localhost:8080. token: NULL = CAIL_TOKEN, else ~/.config/cail/token if only its owner can
 * read it. */
struct cail_options {
    const char *url;
    const char *token;
};

/* *ret is set unless CAIL_ENOMEM, so that cail_message() can be asked; close it in every case. Does
 * not connect, except to see whether a socket answers. */
int cail_open(struct cail **ret, const struct cail_options *options);
void cail_close(struct cail *c); /* NULL is fine */

const char *cail_where(const struct cail *c);   /* the address, for messages */
const char *cail_warning(const struct cail *c); /* of cail_open: NULL or a sentence */
const char *cail_message(const struct cail *c); /* of the last failure; never NULL */
/* What a command should exit with after the last failure: schema/enums.def's column. */
int cail_exit_code(const struct cail *c);

/* The problem of the last CAIL_EREFUSED. Strings are "" when absent; valid until the next call. */
struct cail_problem {
    int status; /* HTTP */
    const char *code, *title, *detail, *hint;
    const json_t *errors; /* array of {pointer, detail}, or NULL */
};
struct cail_problem cail_problem(const struct cail *c);

struct cail_reply {
    int status;   /* HTTP, 2xx */
    json_t *json; /* NULL when the reply was not JSON */
    char *text;   /* the bytes as they came, NUL-terminated */
    size_t len;
};
void cail_reply_done(struct cail_reply *r);

/* One request. path begins with '/' and is already encoded (cail_path); body NULL = none. */
int cail_call(struct cail *c, const char *method, const char *path, const json_t *body,
              struct cail_reply *ret);
/* POST of bytes as they are, such as a file of results. */
int cail_post(struct cail *c, const char *path, const void *data, size_t len,
              struct cail_reply *ret);
/* Milliseconds the next calls may take; 0 = the default of 60 s. */
void cail_set_timeout_ms(struct cail *c, long timeout_ms);
/* printf into a new string, for paths of ids and fixed words. Caller frees; NULL = no memory. */
char *cail_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* One path part or query value, %-encoded. Caller frees; NULL = no memory. */
char *cail_encode(const char *text);

/* POST /jobs with an Idempotency-Key (NULL = a random one): repeated up to twice when the
 * connection broke or the daemon does not know whether it was stored, so a job is queued once. */
int cail_submit(struct cail *c, const json_t *body, const char *key, struct cail_reply *ret);
/* The same for another route that honours the key: "/comparisons". */
int cail_post_once(struct cail *c, const char *path, const json_t *body, const char *key,
                   struct cail_reply *ret);

/* GET path as a stream of bytes from byte `from` on. sink returns 0 to go on. */
typedef int cail_sink(void *ctx, const char *data, size_t len);
int cail_stream(struct cail *c, const char *path, int64_t from, cail_sink *sink, void *ctx);
/* The last bytes of a job's log: at most max, whole. *ret_end is the offset behind them. */
int cail_log_end(struct cail *c, int64_t job, int64_t attempt, size_t max, char **ret_text,
                 size_t *ret_len, int64_t *ret_end);

/* Follow a job until it has ended and its log is read, through restarts of the daemon: the log is
 * taken up again at the byte where it broke. Callbacks return 0 to go on, anything else ends the
 * following with CAIL_ESTOPPED; any may be NULL. */
enum cail_notice { CAIL_LOST, CAIL_BACK, CAIL_ATTEMPT };
struct cail_follow {
    int64_t job;
    int64_t attempt;    /* only this one (its number); 0 = from the newest on */
    bool from_first;    /* with attempt 0: start at the first attempt instead */
    int64_t from;       /* first byte wanted of the attempt it starts with */
    int wake_fd;        /* on_wake is called when it becomes readable; -1 = none */
    int tick_ms;        /* 0 = no ticks */
    int64_t give_up_ms; /* how long an absent daemon is waited for; 0 = five minutes */
    void *ctx;
    cail_sink *on_log; /* NULL = the log is not wanted */
    int (*on_job)(void *ctx, const json_t *job);
    /* value: CAIL_ATTEMPT: number of the attempt whose log begins (never told for the first). */
    int (*on_notice)(void *ctx, enum cail_notice what, int64_t value);
    int (*on_wake)(void *ctx);
    int (*on_tick)(void *ctx);
};
/* *ret_job: the ended job, caller releases; NULL unless CAIL_OK. */
int cail_follow(struct cail *c, const struct cail_follow *f, json_t **ret_job);

/* Is this state word terminal (schema/enums.def)? Unknown words are not. */
bool cail_state_ended(const char *state);

#ifdef __cplusplus
}
#endif
#endif
