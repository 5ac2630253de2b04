/* cail gpus: the cards as a table, once or live. */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "fmt.h"
#include "foreground.h"
#include "gpu_words.h"
#include "table.h"
#include "term.h"
#include "verbs.h"

#define LOOK_MS    1000 /* the daemon's own figures are a second old at most */
#define TIMEOUT_MS 3000 /* Ctrl-C is not heard while a request is under way */

/* --- one table --- */

static const struct column columns[] = {
    {"GPU", true, 0, 0},   {"NAME", false, 8, 7}, {"UUID", false, 0, 8},   {"STATE", false, 0, 0},
    {"WHO", false, 14, 0}, {"UTIL", true, 0, 1},  {"MEMORY", true, 0, 3},  {"POWER", true, 0, 4},
    {"TEMP", true, 0, 6},  {"SM", true, 0, 5},    {"SLOWED", false, 9, 2},
};

static void add_number(struct table *t, const json_t *live, const char *key, const char *unit)
{
    int64_t v = js_int(live, key, -1);
    if (v < 0)
        table_add(t, "-");
    else
        table_addf(t, "%" PRId64 "%s", v, unit);
}

/* "70.1/79.6G"; a half that is not told is '-'. */
static void add_memory(struct table *t, const json_t *card, const json_t *live)
{
    int64_t used = js_int(live, "used_mib", -1), total = js_int(card, "memory_mib", -1);
    if (used < 0 && total < 0)
        table_add(t, "-");
    else if (used < 0)
        table_addf(t, "-/%.1fG", (double)total / 1024);
    else
        table_addf(t, "%.1f/%.1fG", (double)used / 1024, total < 0 ? 0. : (double)total / 1024);
}

static void add_power(struct table *t, const json_t *card, const json_t *live)
{
    int64_t now = js_int(live, "power_mw", -1), limit = js_int(card, "power_limit_mw", -1);
    if (now < 0)
        table_add(t, "-");
    else if (limit <= 0)
        table_addf(t, "%.0fW", (double)now / 1000);
    else
        table_addf(t, "%.0f/%.0fW", (double)now / 1000, (double)limit / 1000);
}

static void add_card(struct table *t, const json_t *card)
{
    const json_t *live = json_object_get(card, "live");
    const char *name = js_text(card, "model"), *state = gpu_state(card);
    char uuid[GPU_SHORT_MAX];
    char *who = gpu_who(card), *slowed = gpu_slowed(card);
    add_number(t, card, "index", "");
    table_add(t, strncmp(name, "NVIDIA ", 7) == 0 ? name + 7 : name);
    table_add(t, gpu_short(js_text(card, "uuid"), uuid));
    table_add(t, state);
    table_colour(t, gpu_state_colour(state));
    table_add(t, who);
    add_number(t, live, "util_pct", "%");
    add_memory(t, card, live);
    add_power(t, card, live);
    add_number(t, live, "temp_c", "C");
    add_number(t, live, "sm_mhz", "");
    table_add(t, slowed);
    table_colour(t, slowed[0] != '\0' ? "33" : NULL);
    free(who);
    free(slowed);
}

/* "no GPUs: REASON" is a whole answer too. */
static void add_table(struct cail_buf *b, const json_t *reply)
{
    struct table t;
    const json_t *cards = json_object_get(reply, "gpus");
    if (json_array_size(cards) == 0) {
        char *reason = term_clean(js_text(reply, "reason"));
        cail_buf_addf(b, "no GPUs%s%s\n", reason[0] != '\0' ? ": " : "", reason);
        free(reason);
        return;
    }
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_array_size(cards); i++)
        add_card(&t, json_array_get(cards, i));
    table_text(&t, b, term_width(), term.colour, true);
}

/* "driver 550.54.15  CUDA 12.4". NVML says 12040 for CUDA 12.4. */
static void add_versions(struct cail_buf *b, const json_t *reply)
{
    char *driver = term_clean(js_text(reply, "driver")), *cuda = term_clean(js_text(reply, "cuda"));
    int64_t n = js_int(reply, "cuda", 0);
    if (driver[0] != '\0')
        cail_buf_addf(b, "  driver %s", driver);
    if (n >= 1000)
        cail_buf_addf(b, "  CUDA %" PRId64 ".%" PRId64, n / 1000, n % 1000 / 10);
    else if (cuda[0] != '\0')
        cail_buf_addf(b, "  CUDA %s", cuda);
    free(driver);
    free(cuda);
}

/* --- live --- */

struct watch {
    const struct cli *cli;
    bool screen;          /* a terminal that can be drawn on */
    struct cail_reply r;  /* the newest that came */
    struct cail_buf text; /* trouble; empty = none */
    int signals;
};

static void enter(const struct watch *w)
{
    if (w->screen)
        term_puts(STDOUT_FILENO, "\033[?1049h\033[?25l");
}

/* The screen as it was before, cursor and all. */
static void leave(const struct watch *w)
{
    if (w->screen)
        term_puts(STDOUT_FILENO, "\033[?25h\033[?1049l");
}

/* text's lines over what stands there, at most `rows`; nothing of the old is left and nothing
 * flickers, as no line is erased before it is written. */
static void draw(const char *text, int rows)
{
    struct cail_buf b = CAIL_BUF_INIT;
    cail_buf_adds(&b, "\033[H");
    for (int row = 0; *text != '\0' && row < rows; row++) {
        size_t n = strcspn(text, "\n");
        cail_buf_add(&b, text, n);
        cail_buf_adds(&b, "\033[K");
        text += n + (text[n] == '\n');
        if (*text != '\0' && row + 1 < rows)
            cail_buf_adds(&b, "\r\n");
    }
    cail_buf_adds(&b, "\033[J");
    char *out = cli_take(&b);
    term_puts(STDOUT_FILENO, out);
    free(out);
}

/* Clock, versions and trouble, cut to the terminal's width. */
static void add_head(struct cail_buf *b, const struct watch *w)
{
    struct cail_buf head = CAIL_BUF_INIT;
    time_t now = time(NULL);
    struct tm tm;
    char clock[16];
    localtime_r(&now, &tm);
    strftime(clock, sizeof clock, "%H:%M:%S", &tm);
    cail_buf_addf(&head, "%s", clock);
    add_versions(&head, w->r.json);
    if (w->text.len > 0)
        cail_buf_addf(&head, "  %s", w->text.p);
    char *line = cli_take(&head);
    size_t len = strlen(line);
    while (len > 0 && term_columns(line) > term_width()) {
        while (len > 1 && ((unsigned char)line[len - 1] & 0xc0) == 0x80)
            len--;
        line[--len] = '\0';
    }
    cail_buf_addf(b, term.colour ? "\033[2m%s\033[0m\n" : "%s\n", line);
    free(line);
}

static void show(struct watch *w)
{
    struct cail_buf b = CAIL_BUF_INIT;
    if (w->cli->json) {
        cli_print_json(&w->r);
        return;
    }
    if (w->screen)
        add_head(&b, w);
    add_table(&b, w->r.json);
    if (!w->screen)
        cail_buf_addc(&b, '\n');
    char *text = cli_take(&b);
    if (w->screen)
        draw(text, term_height());
    else
        term_puts(STDOUT_FILENO, text);
    free(text);
}

/* The newest answer, or what is wrong; only the first look of all may fail for good. */
static int look(struct watch *w)
{
    struct cail_reply r;
    bool first = w->r.json == NULL;
    cail_buf_clear(&w->text);
    if (cail_call(w->cli->c, "GET", "/gpus", NULL, &r) == CAIL_OK) {
        cail_reply_done(&w->r);
        w->r = r;
        return 0;
    }
    if (first)
        return cli_failed(w->cli);
    char *clean = term_clean(cail_message(w->cli->c));
    cail_buf_adds(&w->text, clean);
    free(clean);
    return 0;
}

/* Ctrl-Z: the shell gets its own screen. */
static void suspend(const struct watch *w)
{
    leave(w);
    foreground_suspend();
    enter(w);
}

/* Until it is time to look again or a signal ends it; returns that signal or 0. */
static int rest(struct watch *w)
{
    struct pollfd p = {.fd = w->signals, .events = POLLIN};
    if (poll(&p, 1, LOOK_MS) != 1)
        return 0;
    int sig = signal_from_fd(w->signals);
    if (sig == SIGTSTP)
        suspend(w);
    return sig == SIGTSTP || sig == SIGWINCH ? 0 : sig;
}

static int signals_of_watch(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int watch(const struct cli *cli)
{
    const char *kind = getenv("TERM");
    struct watch w = {.cli = cli, .text = CAIL_BUF_INIT};
    w.screen =
        term.out_tty && !cli->json && kind != NULL && kind[0] != '\0' && strcmp(kind, "dumb") != 0;
    cail_set_timeout_ms(cli->c, TIMEOUT_MS);
    int code = look(&w), sig = 0;
    if (code != 0)
        return code;
    if (json_array_size(json_object_get(w.r.json, "gpus")) == 0) {
        w.screen = false;
        show(&w);
        cail_reply_done(&w.r);
        return 0;
    }
    w.signals = signals_of_watch();
    enter(&w);
    while (sig == 0) {
        show(&w);
        sig = rest(&w);
        if (sig == 0)
            code = look(&w);
    }
    leave(&w);
    if (w.signals >= 0)
        close(w.signals);
    cail_reply_done(&w.r);
    cail_buf_done(&w.text);
    return sig == SIGINT ? 0 : 128 + sig; /* Ctrl-C is how one leaves */
}

int cmd_gpus(struct cli *cli)
{
    struct cail_reply r;
    bool done;
    if (cli->args.n_words > 0)
        return cli_usage(cli, "takes no words; cail gpu drain, undrain and exec act on cards");
    if (args_flag(&cli->args, "watch"))
        return watch(cli);
    int code = cli_get(cli, cail_path("/gpus"), &r, &done);
    if (done)
        return code;
    struct cail_buf b = CAIL_BUF_INIT;
    add_table(&b, r.json);
    char *text = cli_take(&b);
    term_puts(STDOUT_FILENO, text);
    free(text);
    cail_reply_done(&r);
    return 0;
}
