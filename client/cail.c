/* The handle, and what needs no network. */
#include "cail/cail.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enums.def"
#include "internal.h"

#define EXIT_UNREACHABLE 125
#define EXIT_USAGE       64

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

int cail_open(struct cail **ret, const struct cail_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    struct cail *c = calloc(1, sizeof *c);
    *ret = c;
    if (c == NULL)
        return CAIL_ENOMEM;
    int rc = cail_i_find(c, options);
    if (rc != CAIL_OK)
        return rc;
    c->easy = curl_easy_init();
    return c->easy != NULL ? CAIL_OK : cail_i_fail(c, CAIL_ENOMEM, "out of memory");
}

void cail_close(struct cail *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->easy);
    json_decref(c->problem);
    free(c->base);
    curl_slist_free_all(c->resolve);
    free(c->socket);
    free(c->where);
    if (c->token != NULL)
        explicit_bzero(c->token, strlen(c->token));
    free(c->token);
    free(c);
}

const char *cail_where(const struct cail *c)
{
    return c != NULL && c->where != NULL ? c->where : "(nowhere)";
}

const char *cail_warning(const struct cail *c)
{
    return c != NULL && c->warning[0] != '\0' ? c->warning : NULL;
}

const char *cail_message(const struct cail *c)
{
    return c != NULL ? c->message : "out of memory";
}

/* A status whose code this version does not know (a newer daemon, a proxy in between). */
static int exit_of_status(int status)
{
    if (status == 401 || status == 403)
        return 77;
    if (status == 429)
        return 75;
    return status >= 500 || status < 400 ? EXIT_UNREACHABLE : 65;
}

int cail_exit_code(const struct cail *c)
{
    static const struct {
        const char *code;
        int exit;
    } known[] = {
#define X(sym, code, status, exit, title) {code, exit},
        CAIL_ERRORS(X)
#undef X
    };
    if (c == NULL)
        return EXIT_UNREACHABLE;
    if (c->rc == CAIL_EARGUMENT)
        return EXIT_USAGE;
    if (c->rc != CAIL_EREFUSED)
        return EXIT_UNREACHABLE;
    const char *code = cail_problem(c).code;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(code, known[i].code) == 0)
            return known[i].exit;
    return exit_of_status(c->status);
}

bool cail_state_ended(const char *state)
{
    static const struct {
        const char *word;
        bool ended;
    } states[] = {
#define X(sym, word, terminal) {word, terminal},
        CAIL_JOB_STATES(X)
#undef X
    };
    for (size_t i = 0; state != NULL && i < sizeof states / sizeof states[0]; i++)
        if (strcmp(state, states[i].word) == 0)
            return states[i].ended;
    return false;
}

void cail_reply_done(struct cail_reply *r)
{
    json_decref(r->json);
    free(r->text);
    *r = (struct cail_reply){0};
}

void cail_set_timeout_ms(struct cail *c, long timeout_ms)
{
    c->timeout_ms = timeout_ms;
}

char *cail_path(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = NULL;
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    return n < 0 ? NULL : text;
}

char *cail_encode(const char *text)
{
    struct cail_buf b = CAIL_BUF_INIT;
    cail_buf_encode(&b, text);
    return cail_buf_take(&b);
}
