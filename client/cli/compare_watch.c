/* Waiting for a comparison: one live line on a terminal, plain lines elsewhere. */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "compare.h"
#include "fmt.h"
#include "group.h"
#include "progress.h"
#include "term.h"

#define LOOK_S           2
#define SECOND_CTRL_C_MS 2000

struct watch {
    const struct cli *cli;
    int64_t id;
    bool silent;
    struct progress bar;
    char *told;   /* the plain line that was printed last */
    char *reason; /* the remark that was printed last */
    bool canceled;
};

bool compare_ended(const json_t *doc)
{
    static const char *const ended[] = {"finished", "failed", "canceled"};
    for (size_t i = 0; i < sizeof ended / sizeof ended[0]; i++)
        if (strcmp(js_text(doc, "state"), ended[i]) == 0)
            return true;
    return false;
}

/* --- what it is at --- */

/* "base (job 12, 43 %)", "head cached". percent false: without what moves all the time. */
static void add_build(const struct watch *w, const json_t *doc, const char *side, bool percent,
                      struct cail_buf *b)
{
    struct cail_reply r;
    int64_t id = js_int(json_object_get(doc, "jobs"), side, 0);
    char *path = id > 0 ? cail_path("/jobs/%" PRId64, id) : NULL;
    if (path == NULL || cail_call(w->cli->c, "GET", path, NULL, &r) != CAIL_OK) {
        free(path);
        return;
    }
    free(path);
    const json_t *progress = json_object_get(r.json, "progress");
    int64_t done = js_int(progress, "done", 0), total = js_int(progress, "total", 0);
    char *state = term_clean(js_text(r.json, "state"));
    const char *word = strcmp(state, "succeeded") == 0 ? "ready" : state;
    cail_buf_adds(b, b->len > 0 ? ", " : "");
    if (json_is_true(json_object_get(r.json, "cached")))
        cail_buf_addf(b, "%s cached", side);
    else if (percent && strcmp(state, "running") == 0 && total > 0)
        cail_buf_addf(b, "%s (job %" PRId64 ", %" PRId64 " %%)", side, id, done * 100 / total);
    else
        cail_buf_addf(b, "%s (job %" PRId64 ", %s)", side, id, word);
    free(state);
    cail_reply_done(&r);
}

static void add_eta(const json_t *progress, struct cail_buf *b)
{
    int64_t s = js_int(progress, "eta_s", -1);
    if (s >= 5400)
        cail_buf_addf(b, ", %" PRId64 " h left", (s + 1800) / 3600);
    else if (s >= 90)
        cail_buf_addf(b, ", %" PRId64 " min left", (s + 30) / 60);
    else if (s >= 0)
        cail_buf_addf(b, ", %" PRId64 " s left", s);
}

static char *line_of(const struct watch *w, const json_t *doc, bool live)
{
    struct cail_buf b = CAIL_BUF_INIT, line = CAIL_BUF_INIT;
    const json_t *progress = json_object_get(doc, "progress");
    const char *state = js_text(doc, "state");
    if (strcmp(state, "preparing") == 0) {
        bool one = js_int(json_object_get(doc, "jobs"), "base", 0) ==
                   js_int(json_object_get(doc, "jobs"), "head", 0);
        add_build(w, doc, "base", live, &b);
        if (!one)
            add_build(w, doc, "head", live, &b);
    } else if (strcmp(state, "measuring") == 0) {
        char *text = term_clean(js_text(progress, "text"));
        cail_buf_adds(&b, text);
        free(text);
        if (live && b.len > 0)
            add_eta(progress, &b);
    }
    char *at = cli_take(&b), *clean = term_clean(state);
    if (strcmp(state, "measuring") == 0 && at[0] != '\0')
        cail_buf_adds(&line, at);
    else
        cail_buf_addf(&line, "%s%s%s", clean, at[0] != '\0' ? ": " : "", at);
    free(at);
    free(clean);
    return cli_take(&line);
}

/* What the daemon has to say before it is over: too few rounds for what they measure. */
static void tell_reason(struct watch *w, const json_t *doc)
{
    const char *reason = js_text(doc, "reason");
    if (reason[0] == '\0' || (w->reason != NULL && strcmp(w->reason, reason) == 0))
        return;
    free(w->reason);
    w->reason = cail_path("%s", reason);
    char *clean = term_clean(reason);
    progress_erase(&w->bar);
    cli_say("%s", clean);
    free(clean);
}

static void show(struct watch *w, const json_t *doc)
{
    if (w->silent)
        return;
    tell_reason(w, doc);
    char *line = line_of(w, doc, w->bar.on);
    if (w->bar.on) {
        progress_text(&w->bar, line);
        return;
    }
    if (w->told == NULL || strcmp(w->told, line) != 0) {
        free(w->told);
        w->told = line;
        cli_say("%s", line);
    } else {
        free(line);
    }
}

/* --- Ctrl-C --- */

/* The first one leaves it running, a second one soon after cancels. True = go on waiting. */
static bool interrupted(struct watch *w, int signals, int sig)
{
    struct pollfd p = {.fd = signals, .events = POLLIN};
    struct cail_reply r;
    progress_erase(&w->bar);
    cli_say("comparison %" PRId64 " goes on: cail compare follow %" PRId64
            ", cail compare cancel %" PRId64,
            w->id, w->id, w->id);
    if (sig != SIGINT || w->canceled || poll(&p, 1, SECOND_CTRL_C_MS) != 1 ||
        signal_from_fd(signals) != SIGINT)
        return false;
    cli_say("canceling comparison %" PRId64, w->id);
    if (cli_call(w->cli, "POST", cail_path("/comparisons/%" PRId64 "/cancel", w->id),
                 cli_json(json_object()), &r) != 0)
        return false;
    cail_reply_done(&r);
    w->canceled = true;
    return true;
}

int compare_watch(const struct cli *cli, int64_t id, bool silent, struct cail_reply *ret)
{
    struct watch w = {.cli = cli, .id = id, .silent = silent};
    int signals = signals_to_fd(), code = 0;
    progress_init(&w.bar);
    while (code == 0) {
        code = wait_get(cli, "comparisons", id, w.told == NULL && w.bar.text == NULL ? 0 : LOOK_S,
                        ret);
        if (code != 0 || compare_ended(ret->json))
            break;
        show(&w, ret->json);
        if (silent)
            w.told = w.told != NULL ? w.told : cail_path("-");
        int sig = signals >= 0 ? signal_from_fd(signals) : 0;
        if (sig != 0 && !interrupted(&w, signals, sig))
            code = sig == SIGINT ? EXIT_DETACHED : 128 + sig;
        cail_reply_done(ret);
    }
    progress_done(&w.bar);
    if (signals >= 0)
        close(signals);
    free(w.told);
    free(w.reason);
    return code;
}

int compare_exit(const json_t *doc)
{
    const char *state = js_text(doc, "state");
    int64_t code = js_int(doc, "exit_code", -1);
    if (strcmp(state, "canceled") == 0)
        return EXIT_NEVER_RAN;
    if (strcmp(state, "failed") == 0)
        return code > 0 && code <= 255 ? (int)code : 3;
    return code >= 0 && code <= 255 ? (int)code : EXIT_UNREACHABLE;
}
