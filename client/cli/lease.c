#include "lease.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "fmt.h"
#include "foreground.h"
#include "gpu_words.h"
#include "progress.h"
#include "request.h"
#include "term.h"

#define FOR_S          3600 /* without --for */
#define GRACE_S        10   /* without --grace */
#define NAME_MAX_BYTES 120  /* the daemon takes 200 */
#define HEAD_MAX       4096 /* bytes of the log in which the two lines stand */
#define TOKEN_MAX      128
#define MACHINE_MAX    160
#define WHY_MS         1000
#define NOW_TICK_MS    200
#define NOW_MAX_MS     15000 /* a check of free cards takes the daemon up to 5 s */
#define CANCEL_MS      5000
#define LOST_MS        2000

/* What the holder runs; %ld: whose end ends it. */
#define HOLDER                                                                                     \
    "echo machine $(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"                              \
    " $(readlink /proc/self/ns/pid 2>/dev/null); "                                                 \
    "echo token $CAIL_ATTEMPT_TOKEN; exec tail --pid=%ld -f /dev/null"

struct lease {
    struct cli *cli;
    int64_t id; /* the holder job */
    int64_t for_s;
    bool now;       /* --now */
    bool running;   /* the job is */
    bool elsewhere; /* the daemon is not on this machine */
    char *uuids;    /* "GPU-a,GPU-b"; NULL = not known so far */
    char token[TOKEN_MAX + 1];
    char machine[MACHINE_MAX]; /* ours, "" = cannot be told */
    struct cail_buf head;      /* of its log */
    struct progress progress;
    struct foreground fg;
    char *said;               /* what it waits for, as last told */
    int64_t since_ms, why_ms; /* start of the wait; last look at why */
    int exit;                 /* of a wait that was broken off */
};

/* --- the request --- */

/* "exec: CMD ARGS", cut between characters. */
static char *exec_name(const struct args *a)
{
    struct cail_buf b = CAIL_BUF_INIT;
    cail_buf_adds(&b, "exec:");
    for (size_t i = 0; i < a->n_rest && b.len < NAME_MAX_BYTES; i++)
        cail_buf_addf(&b, " %s", a->rest[i]);
    char *raw = cli_take(&b);
    char *clean = term_clean(raw);
    free(raw);
    size_t len = strlen(clean);
    if (len > NAME_MAX_BYTES) {
        len = NAME_MAX_BYTES;
        while (len > 0 && ((unsigned char)clean[len] & 0xc0) == 0x80)
            len--;
        clean[len] = '\0';
    }
    return clean;
}

static json_t *holder_command(void)
{
    struct cail_buf b = CAIL_BUF_INIT;
    cail_buf_addf(&b, HOLDER, (long)getpid());
    char *script = cli_take(&b);
    json_t *v = cli_json(json_pack("[s,s,s]", "/bin/sh", "-c", script));
    free(script);
    return v;
}

static int build_request(struct lease *l, json_t **ret)
{
    struct cli *cli = l->cli;
    json_t *body = cli_json(json_object());
    int code = request_common(cli, body); /* name, priority, needs: options of the same names */
    if (code != 0) {
        json_decref(body);
        return code;
    }
    json_t *needs = json_object_get(body, "needs");
    if (needs == NULL)
        json_object_set_new(body, "needs", needs = cli_json(json_object()));
    if (json_object_get(needs, "gpus") == NULL && json_object_get(needs, "gpu_uuid") == NULL)
        json_object_set_new(needs, "gpus", cli_json(json_integer(1)));
    if (js_int(needs, "gpus", 1) < 1) {
        json_decref(body);
        return cli_usage(cli, "--gpus wants 1 or more");
    }
    if (json_object_get(body, "name") == NULL) {
        char *name = exec_name(&cli->args);
        json_object_set_new(body, "name", cli_json(json_string(name)));
        free(name);
    }
    json_object_set_new(body, "kind", cli_json(json_string("service")));
    json_object_set_new(body, "command", holder_command());
    json_object_set_new(body, "timeout_s", cli_json(json_integer(l->for_s)));
    json_object_set_new(body, "labels", cli_json(json_pack("{s:s}", "cail.exec", "1")));
    *ret = body;
    return 0;
}

/* --now: not even a request when it is plain that too few are free. Without any card it is the
 * daemon's to say that the request is impossible. */
static int check_now(const struct lease *l, int64_t want)
{
    struct cail_reply r;
    int64_t n_free = 0;
    int code = cli_call(l->cli, "GET", cail_path("/gpus"), NULL, &r);
    if (code != 0)
        return code;
    const json_t *cards = json_object_get(r.json, "gpus");
    for (size_t i = 0; i < json_array_size(cards); i++)
        n_free += strcmp(gpu_state(json_array_get(cards, i)), "free") == 0;
    if (json_array_size(cards) > 0 && n_free < want) {
        cli_say("%" PRId64 " of %zu GPUs %s free; %" PRId64 " wanted", n_free,
                json_array_size(cards), n_free == 1 ? "is" : "are", want);
        for (size_t i = 0; i < json_array_size(cards); i++) {
            const json_t *card = json_array_get(cards, i);
            char *raw = gpu_who(card), *who = term_clean(raw), *state = term_clean(gpu_state(card));
            cli_say("GPU %" PRId64 " %s%s%s", js_int(card, "index", 0), state,
                    who[0] != '\0' ? ": " : "", who);
            free(raw);
            free(who);
            free(state);
        }
        code = EXIT_NOT_NOW;
    }
    cail_reply_done(&r);
    return code;
}

/* --- its end --- */

/* Quietly: a holder that is not reached sees our end by itself. */
static void end_lease(const struct lease *l)
{
    struct cail_reply r;
    char *path = cail_path("/jobs/%" PRId64 "/cancel", l->id);
    json_t *body = cli_json(json_pack("{s:i}", "grace_s", 0));
    cail_set_timeout_ms(l->cli->c, CANCEL_MS);
    if (path != NULL && cail_call(l->cli->c, "POST", path, body, &r) == CAIL_OK)
        cail_reply_done(&r);
    cail_set_timeout_ms(l->cli->c, 0);
    json_decref(body);
    free(path);
}

/* --- waiting for the cards --- */

static bool is_token(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'z') ||
              (p[i] >= 'A' && p[i] <= 'Z') || p[i] == '-' || p[i] == '_'))
            return false;
    return len > 0 && len <= TOKEN_MAX;
}

/* Whole lines of the log's head. What the holder could not find out makes a shorter line, which is
 * not compared. */
static void read_head(struct lease *l)
{
    const char *line = l->head.p, *end;
    while (line != NULL && (end = strchr(line, '\n')) != NULL) {
        size_t len = (size_t)(end - line);
        if (len > 6 && strncmp(line, "token ", 6) == 0 && is_token(line + 6, len - 6)) {
            memcpy(l->token, line + 6, len - 6);
            l->token[len - 6] = '\0';
        } else if (l->machine[0] != '\0' && strncmp(line, "machine ", 8) == 0 &&
                   memchr(line, '[', len) != NULL && len > 40) {
            l->elsewhere =
                strlen(l->machine) != len - 8 || memcmp(l->machine, line + 8, len - 8) != 0;
        }
        line = end + 1;
    }
}

/* As the holder's first line says it: boot id and pid namespace. */
static void read_machine(struct lease *l)
{
    char boot[64], space[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, boot, sizeof boot - 1) : -1;
    ssize_t m = readlink("/proc/self/ns/pid", space, sizeof space - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0 || m <= 0)
        return;
    boot[n] = '\0';
    space[m] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
    snprintf(l->machine, sizeof l->machine, "%s %s", boot, space);
}

/* A UUID goes into the command's environment: letters, digits and what MIG's old names have. */
static bool are_uuids(const char *text)
{
    size_t n = strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-/,");
    return text[0] != '\0' && text[n] == '\0';
}

/* Of a daemon that does not tell them with the job. */
static char *uuids_by_lease(const struct lease *l)
{
    struct cail_buf b = CAIL_BUF_INIT;
    struct cail_reply r;
    if (cail_call(l->cli->c, "GET", "/gpus", NULL, &r) == CAIL_OK) {
        const json_t *cards = json_object_get(r.json, "gpus");
        for (size_t i = 0; i < json_array_size(cards); i++) {
            const json_t *card = json_array_get(cards, i);
            if (js_int(json_object_get(card, "lease"), "job", 0) == l->id)
                cail_buf_addf(&b, "%s%s", b.len > 0 ? "," : "", js_text(card, "uuid"));
        }
        cail_reply_done(&r);
    }
    return cli_take(&b);
}

/* 1 = everything is known, or nothing good will come: stop following. */
static int settled(struct lease *l)
{
    if (l->elsewhere)
        return 1;
    if (!l->running || l->token[0] == '\0')
        return 0;
    if (l->uuids == NULL) {
        char *found = uuids_by_lease(l);
        if (are_uuids(found))
            l->uuids = found;
        else
            free(found);
    }
    return l->uuids != NULL;
}

static int on_log(void *ctx, const char *data, size_t len)
{
    struct lease *l = ctx;
    if (l->head.len + len <= HEAD_MAX)
        cail_buf_add(&l->head, data, len);
    read_head(l);
    return settled(l);
}

static int on_job(void *ctx, const json_t *job)
{
    struct lease *l = ctx;
    l->running = strcmp(js_text(job, "state"), "running") == 0;
    char *found = job_gpus(job);
    if (are_uuids(found)) {
        free(l->uuids);
        l->uuids = found;
    } else {
        free(found);
    }
    return settled(l);
}

static int stop_wait(struct lease *l, int code)
{
    progress_erase(&l->progress);
    end_lease(l);
    l->exit = code;
    return 1;
}

static int on_wake(void *ctx)
{
    struct lease *l = ctx;
    int sig = foreground_signal(&l->fg);
    if (sig == 0 || sig == SIGCHLD)
        return 0;
    if (sig == SIGTSTP) {
        progress_erase(&l->progress);
        foreground_suspend();
        progress_draw(&l->progress);
        return 0;
    }
    progress_erase(&l->progress);
    cli_say("job %" PRId64 " is canceled", l->id);
    return stop_wait(l, 128 + sig);
}

/* One line at the foot of a terminal; elsewhere a line whenever it changed. */
static void tell_wait(struct lease *l, const char *summary)
{
    if (l->said != NULL && strcmp(l->said, summary) == 0)
        return;
    free(l->said);
    l->said = term_clean(summary);
    if (!l->progress.on) {
        cli_say("job %" PRId64 ": %s", l->id, l->said);
        return;
    }
    struct cail_buf b = CAIL_BUF_INIT;
    cail_buf_addf(&b, "job %" PRId64 ": %s", l->id, l->said);
    progress_text(&l->progress, cli_take(&b));
}

static bool has_unmet(const json_t *why)
{
    const json_t *list = json_object_get(why, "constraints");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_is_false(json_object_get(json_array_get(list, i), "met")))
            return true;
    return false;
}

/* A lease that is there already is only being checked: that is no "not now". */
static bool is_not_now(const struct lease *l, const json_t *why)
{
    return l->now && l->uuids == NULL && !l->running &&
           strcmp(js_text(why, "state"), "queued") == 0 &&
           (has_unmet(why) || fmt_now_ms() - l->since_ms > NOW_MAX_MS);
}

static int on_tick(void *ctx)
{
    struct lease *l = ctx;
    struct cail_reply r;
    int64_t now = fmt_now_ms();
    if (l->running || (!l->now && now - l->why_ms < WHY_MS))
        return 0;
    l->why_ms = now;
    char *path = cail_path("/jobs/%" PRId64 "/why", l->id);
    int rc = path != NULL ? cail_call(l->cli->c, "GET", path, NULL, &r) : CAIL_ENOMEM;
    free(path);
    if (rc != CAIL_OK)
        return 0; /* following says when the daemon is away */
    bool refused = is_not_now(l, r.json);
    char *summary = term_clean(js_text(r.json, "summary"));
    cail_reply_done(&r);
    if (refused) {
        progress_erase(&l->progress);
        cli_say("not now: %s", summary);
    } else if (summary[0] != '\0' && now - l->since_ms >= WHY_MS) {
        tell_wait(l, summary);
    }
    free(summary);
    return refused ? stop_wait(l, EXIT_NOT_NOW) : 0;
}

/* 0: the cards are ours. Else an exit code, with the reason told. */
static int wait_for_cards(struct lease *l)
{
    json_t *job;
    struct cail_follow f = {
        .job = l->id,
        .wake_fd = l->fg.signals,
        .tick_ms = l->now ? NOW_TICK_MS : WHY_MS / 2,
        .ctx = l,
        .on_log = on_log,
        .on_job = on_job,
        .on_wake = on_wake,
        .on_tick = on_tick,
    };
    progress_init(&l->progress);
    l->since_ms = fmt_now_ms();
    int rc = cail_follow(l->cli->c, &f, &job);
    progress_done(&l->progress);
    if (rc == CAIL_ESTOPPED && l->elsewhere) {
        end_lease(l);
        cli_say("cail-d runs on another machine, or in a container of its own: a command started "
                "here would not be on its cards");
        return EXIT_UNREACHABLE;
    }
    if (rc == CAIL_ESTOPPED)
        return l->exit;
    if (rc != CAIL_OK)
        return cli_failed(l->cli);
    job_summary(job); /* it has ended before we had the cards */
    int code = job_exit(job);
    json_decref(job);
    return code != 0 ? code : EXIT_UNREACHABLE;
}

/* --- the command --- */

static void set_environment(const struct lease *l)
{
    char id[32];
    snprintf(id, sizeof id, "%" PRId64, l->id);
    if (setenv("CUDA_VISIBLE_DEVICES", l->uuids, 1) != 0 ||
        setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 1) != 0 ||
        setenv("CAIL_GPU_UUIDS", l->uuids, 1) != 0 || setenv("CAIL_JOB_ID", id, 1) != 0 ||
        setenv("CAIL_ATTEMPT_TOKEN", l->token, 1) != 0)
        cli_json(NULL);
}

static int on_wake_run(void *ctx)
{
    struct lease *l = ctx;
    foreground_signals(&l->fg);
    return l->fg.ended;
}

static void say_lease_ended(const json_t *job)
{
    char *state = term_clean(js_text(job, "state")), *reason = term_clean(js_text(job, "reason"));
    bool more = reason[0] != '\0' && strcmp(reason, state) != 0;
    cli_say("the lease of job %" PRId64 " has ended (%s%s%s); ending the command",
            js_int(job, "id", 0), state, more ? ": " : "", more ? reason : "");
    free(state);
    free(reason);
}

/* Until the command or the lease ends. Nothing is printed meanwhile: the terminal is the
 * command's. A daemon that is away changes nothing: the holder runs on, and so does the command. */
static void run_command(struct lease *l, int64_t grace_ms)
{
    struct cail_follow f = {
        .job = l->id,
        .wake_fd = l->fg.signals,
        .give_up_ms = INT64_MAX / 2,
        .ctx = l,
        .on_wake = on_wake_run,
    };
    while (!l->fg.ended) {
        json_t *job;
        int rc = cail_follow(l->cli->c, &f, &job);
        if (rc == CAIL_OK) {
            if (!l->fg.ended) {
                say_lease_ended(job);
                foreground_end(&l->fg, grace_ms);
            }
            json_decref(job);
            return;
        }
        if (rc != CAIL_ESTOPPED) /* not reached at the first try */
            foreground_wait(&l->fg, LOST_MS);
        foreground_signals(&l->fg);
    }
}

static int run_leased(struct lease *l, int64_t grace_ms)
{
    char text[FMT_MAX];
    cli_say("job %" PRId64 " has %s for %s", l->id, l->uuids, fmt_duration(l->for_s * 1000, text));
    set_environment(l);
    if (!foreground_start(&l->fg, l->cli->args.rest)) {
        end_lease(l);
        cli_say("cannot start a process");
        return EXIT_UNREACHABLE;
    }
    run_command(l, grace_ms);
    end_lease(l);
    size_t left = foreground_left();
    if (left > 0)
        cli_say("%zu process%s left behind; a card that %s uses is not free for others", left,
                left == 1 ? " is" : "es are", left == 1 ? "it" : "one of them");
    if (!l->fg.ended) {
        cli_say("the command cannot be killed");
        return EXIT_UNREACHABLE;
    }
    return foreground_exit(&l->fg);
}

static int submit(struct lease *l, const json_t *body)
{
    struct cail_reply r;
    if (cail_submit(l->cli->c, body, NULL, &r) != CAIL_OK)
        return cli_failed(l->cli);
    l->id = js_int(r.json, "id", 0);
    cail_reply_done(&r);
    if (l->id > 0)
        return 0;
    cli_say("the answer of %s names no job", cail_where(l->cli->c));
    return EXIT_UNREACHABLE;
}

static int read_options(struct lease *l, int64_t *ret_grace_s)
{
    const struct args *a = &l->cli->args;
    const char *limit = args_value(a, "for"), *grace = args_value(a, "grace");
    if (a->n_rest == 0)
        return cli_usage(l->cli, "exec wants a command behind --, as in: cail gpu exec -- bash");
    if (a->n_words > 1)
        return cli_usage(l->cli, "exec takes a command behind -- and no other words");
    if (limit != NULL && (!fmt_read_duration(limit, &l->for_s) || l->for_s < 1))
        return cli_usage(l->cli, "--for wants a time such as 30m or 2h");
    if (grace != NULL && !fmt_read_duration(grace, ret_grace_s))
        return cli_usage(l->cli, "--grace wants a time such as 10s");
    return 0;
}

int lease_exec(struct cli *cli)
{
    struct lease l = {.cli = cli, .for_s = FOR_S, .head = CAIL_BUF_INIT};
    int64_t grace_s = GRACE_S;
    json_t *body = NULL;
    l.now = args_flag(&cli->args, "now");
    int code = read_options(&l, &grace_s);
    if (code == 0)
        code = build_request(&l, &body);
    if (code == 0 && l.now)
        code = check_now(&l, js_int(json_object_get(body, "needs"), "gpus", 1));
    if (code != 0) {
        json_decref(body);
        return code;
    }
    read_machine(&l);
    foreground_init(&l.fg);
    code = submit(&l, body);
    json_decref(body);
    if (code == 0)
        code = wait_for_cards(&l);
    if (code == 0)
        code = run_leased(&l, grace_s * 1000);
    foreground_done(&l.fg);
    cail_buf_done(&l.head);
    free(l.uuids);
    free(l.said);
    return code;
}
