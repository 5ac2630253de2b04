#include "gpu_words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fmt.h"

/* --- a card --- */

const char *gpu_short(const char *uuid, char ret[GPU_SHORT_MAX])
{
    const char *dash = strchr(uuid, '-');
    const char *from = dash != NULL && dash - uuid <= 4 ? dash + 1 : uuid;
    size_t n = strcspn(from, "-/");
    n = n < 8 ? n : 8;
    memcpy(ret, from, n);
    ret[n] = '\0';
    return ret;
}

const char *gpu_state(const json_t *card)
{
    const char *state = js_text(card, "state");
    return state[0] != '\0' ? state : "unknown";
}

const char *gpu_state_colour(const char *state)
{
    static const struct {
        const char *state, *sgr;
    } colours[] = {
        {"free", "32"},    {"leased", "36"},      {"settling", "33"}, {"busy", "33"},
        {"drained", "35"}, {"quarantined", "31"}, {"unknown", "31"},
    };
    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++)
        if (strcmp(colours[i].state, state) == 0)
            return colours[i].sgr;
    return NULL;
}

/* The reason names a process already where there is one; without a reason the list has to do. */
static void add_strangers(struct cail_buf *b, const json_t *card)
{
    const json_t *list = json_object_get(card, "processes");
    for (size_t i = 0; i < json_array_size(list) && b->len < 200; i++) {
        const json_t *p = json_array_get(list, i);
        if (json_is_true(json_object_get(p, "ours")) || strcmp(js_text(p, "kind"), "graphics") == 0)
            continue;
        cail_buf_addf(b, "%spid %" PRId64 " %s %s", b->len > 0 ? ", " : "", js_int(p, "pid", 0),
                      js_text(p, "user"), js_text(p, "command"));
    }
}

char *gpu_who(const json_t *card)
{
    struct cail_buf b = CAIL_BUF_INIT;
    char age[FMT_MAX];
    const json_t *lease = json_object_get(card, "lease");
    const char *reason = js_text(card, "reason"), *since = js_text(lease, "since");
    size_t n = strlen(gpu_state(card));
    if (strncmp(reason, gpu_state(card), n) == 0 && strncmp(reason + n, ": ", 2) == 0)
        reason += n + 2; /* the state stands beside it */
    if (json_is_object(lease)) {
        cail_buf_addf(&b, "job %" PRId64, js_int(lease, "job", 0));
        if (js_text(lease, "name")[0] != '\0')
            cail_buf_addf(&b, " %s", js_text(lease, "name"));
        if (js_text(lease, "user")[0] != '\0')
            cail_buf_addf(&b, " (%s)", js_text(lease, "user"));
        if (since[0] != '\0')
            cail_buf_addf(&b, " %s", fmt_age(since, age));
    }
    if (reason[0] != '\0')
        cail_buf_addf(&b, "%s%s", b.len > 0 ? "; " : "", reason);
    if (b.len == 0 && strcmp(gpu_state(card), "free") != 0)
        add_strangers(&b, card);
    return cli_take(&b);
}

const char *gpu_cause(const char *word)
{
    static const struct {
        const char *word, *said;
    } causes[] = {
        {"sw_power_cap", "power cap"},
        {"sw_thermal", "heat"},
        {"hw_thermal", "overheating"},
        {"hw_power_brake", "power brake"},
        {"hw_slowdown", "hardware slowdown"},
        {"sync_boost", "another card's boost"},
        {"app_clocks", "clocks set by hand"},
        {"display_clocks", "display"},
        {"low_clocks", "low clocks"},
        {"foreign_process", "foreign process"},
        {"xid", "driver error (Xid)"},
        {"ecc", "memory errors (ECC)"},
        {"gpu_lost", "card lost"},
        {"wrong_card", "wrong card"},
    };
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
        if (strcmp(causes[i].word, word) == 0)
            return causes[i].said;
    return word;
}

/* Words of an array of strings; skip: one that says nothing. */
static void add_causes(struct cail_buf *b, const json_t *words, const char *skip)
{
    const char *between = "";
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        if (word == NULL || strcmp(word, skip) == 0)
            continue;
        cail_buf_addf(b, "%s%s", between, gpu_cause(word));
        between = ", ";
    }
}

char *gpu_slowed(const json_t *card)
{
    struct cail_buf b = CAIL_BUF_INIT;
    add_causes(&b, json_object_get(json_object_get(card, "live"), "clock_reasons"), "idle");
    return cli_take(&b);
}

/* --- a job --- */

static void add_uuids(struct cail_buf *b, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *uuid = json_is_string(one) ? json_string_value(one) : js_text(one, "uuid");
        if (uuid[0] != '\0')
            cail_buf_addf(b, "%s%s", b->len > 0 ? "," : "", uuid);
    }
}

char *job_gpus(const json_t *job)
{
    struct cail_buf b = CAIL_BUF_INIT;
    const json_t *attempts = json_object_get(job, "attempts");
    size_t n = json_array_size(attempts);
    add_uuids(&b, json_object_get(job, "gpus"));
    if (b.len == 0 && n > 0)
        add_uuids(&b, json_object_get(json_array_get(attempts, n - 1), "gpus"));
    return cli_take(&b);
}

const char *job_flag_sentence(const char *flag)
{
    static const struct {
        const char *flag, *sentence;
    } flags[] = {
        {"tainted", "its card was disturbed or held back: no clean measurement"},
        {"wrong_card", "it ran on a card that it had not leased"},
        {"unused_card", "it never used a card that it had leased"},
        {"display", "its card drives a display"},
        {"metrics_maybe_missing", "its log was cut, so metrics may be missing"},
        {"leftovers_killed", "it left processes behind, which were killed"},
        {"unkillable", "it left processes that could not be killed"},
        {"recipe_changed", "its recipe changed between submit and start"},
        {"results_bad", "a result file could not be read"},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(flags[i].flag, flag) == 0)
            return flags[i].sentence;
    return NULL;
}

/* --- telemetry --- */

#define CAUSES_MAX 16

struct figures {
    int64_t duration_ms, throttled_ms;
    int64_t sm_mean, sm_max; /* of the card that was slowed most; -1 = not told */
    double energy_j;         /* of all cards; < 0 = not told */
    struct {
        const char *word;
        int64_t ms; /* of the card where it was longest */
    } cause[CAUSES_MAX];
    size_t n_causes;
};

static void add_cause(struct figures *f, const char *word, int64_t ms)
{
    size_t i = 0;
    while (i < f->n_causes && strcmp(f->cause[i].word, word) != 0)
        i++;
    if (i == CAUSES_MAX || ms <= 0)
        return;
    if (i == f->n_causes)
        f->cause[f->n_causes++].word = word;
    if (ms > f->cause[i].ms)
        f->cause[i].ms = ms;
}

static void add_card(struct figures *f, const json_t *summary)
{
    const char *word;
    json_t *v;
    const json_t *busy = json_object_get(summary, "sm_busy_mhz");
    int64_t ms = js_int(summary, "duration_ms", 0), throttled = js_int(summary, "throttled_ms", 0);
    double energy = js_real(summary, "energy_j", -1);
    f->duration_ms = ms > f->duration_ms ? ms : f->duration_ms;
    if (throttled > f->throttled_ms || f->sm_mean < 0) {
        f->sm_mean = js_int(busy, "mean", -1);
        f->sm_max = js_int(summary, "sm_max_mhz", -1);
    }
    f->throttled_ms = throttled > f->throttled_ms ? throttled : f->throttled_ms;
    if (energy >= 0)
        f->energy_j = (f->energy_j < 0 ? 0 : f->energy_j) + energy;
    json_object_foreach(json_object_get(summary, "throttled_by"), word, v)
        add_cause(f, word, json_integer_value(v));
}

static void add_figures(struct cail_buf *b, const struct figures *f)
{
    char text[FMT_MAX];
    if (f->throttled_ms > 0) {
        cail_buf_addf(b, "; clocks held down %s", fmt_duration(f->throttled_ms, text));
        if (f->duration_ms > 0)
            cail_buf_addf(b, " of %s", fmt_duration(f->duration_ms, text));
        for (size_t i = 0; i < f->n_causes; i++)
            cail_buf_addf(b, "%s%s %s", i == 0 ? " (" : ", ", gpu_cause(f->cause[i].word),
                          fmt_duration(f->cause[i].ms, text));
        cail_buf_adds(b, f->n_causes > 0 ? ")" : "");
    }
    if (f->sm_mean > 0 && f->sm_max > 0)
        cail_buf_addf(b, "; SM at %" PRId64 " of %" PRId64 " MHz", f->sm_mean, f->sm_max);
    if (f->energy_j >= 1e6)
        cail_buf_addf(b, "; %.2f MJ", f->energy_j / 1e6);
    else if (f->energy_j >= 1e3)
        cail_buf_addf(b, "; %.1f kJ", f->energy_j / 1e3);
    else if (f->energy_j >= 0)
        cail_buf_addf(b, "; %.0f J", f->energy_j);
}

static char *telemetry_line(const json_t *root)
{
    struct cail_buf b = CAIL_BUF_INIT;
    struct figures f = {.sm_mean = -1, .sm_max = -1, .energy_j = -1};
    const json_t *cards = json_object_get(root, "cards");
    const json_t *reasons = json_object_get(root, "reasons");
    const char *verdict = js_text(root, "verdict");
    if (verdict[0] == '\0')
        return cli_take(&b);
    for (size_t i = 0; i < json_array_size(cards); i++)
        add_card(&f, json_object_get(json_array_get(cards, i), "summary"));
    cail_buf_adds(&b, verdict);
    if (json_array_size(reasons) > 0)
        cail_buf_adds(&b, ": ");
    add_causes(&b, reasons, "");
    add_figures(&b, &f);
    return cli_take(&b);
}

char *job_telemetry(const struct cli *cli, const json_t *job)
{
    struct cail_buf none = CAIL_BUF_INIT;
    struct cail_reply r = {0};
    char *uuids = job_gpus(job);
    bool wants = uuids[0] != '\0' || js_int(json_object_get(job, "needs"), "gpus", 0) > 0;
    free(uuids);
    if (!wants || js_null(job, "started_at"))
        return cli_take(&none);
    char *path = cail_path("/jobs/%" PRId64 "/telemetry", js_int(job, "id", 0));
    int rc = path != NULL ? cail_call(cli->c, "GET", path, NULL, &r) : CAIL_ENOMEM;
    free(path);
    if (rc != CAIL_OK) /* 404 = nothing was recorded; it is one line among others in any case */
        return cli_take(&none);
    /* Of several attempts the newest stands last. */
    const json_t *attempts = json_object_get(r.json, "attempts");
    size_t n = json_array_size(attempts);
    char *line = telemetry_line(n > 0 ? json_array_get(attempts, n - 1) : r.json);
    cail_reply_done(&r);
    return line;
}
