/* Standard output. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "base/jw.h"
#include "probe/nvml_load.h"
#include "probe/probe.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* A reader that is slow stops us here, and so the samples: old ones are of no use to it. */
void emit(const struct str *line)
{
    pthread_mutex_lock(&lock);
    for (size_t at = 0; at < line->len;) {
        ssize_t n = write(STDOUT_FILENO, line->p + at, line->len - at);
        if (n > 0)
            at += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, -1);
        else if (n < 0 && errno != EINTR)
            _exit(errno == EPIPE ? 0 : 1);
    }
    pthread_mutex_unlock(&lock);
}

static void emit_words(const char *type, const char *key1, const char *word1, const char *key2,
                       const char *word2)
{
    CLEANUP(str_done) struct str line = STR_INIT;
    struct jw w = JW(&line);
    jw_open(&w, '{');
    jw_kstr(&w, "t", type);
    jw_kstr(&w, key1, word1);
    if (key2)
        jw_kstr(&w, key2, word2);
    jw_close(&w, '}');
    str_addc(&line, '\n');
    emit(&line);
}

void emit_lost(const char *uuid, nvml_ret error)
{
    emit_words("lost", "uuid", uuid, "error", nvml_text(error));
}

void emit_none(const char *reason)
{
    emit_words("none", "reason", reason, NULL, NULL);
}
