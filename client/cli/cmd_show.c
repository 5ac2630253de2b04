/* cail show, why, repro. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fmt.h"
#include "gpu_words.h"
#include "job_line.h"
#include "results.h"
#include "table.h"
#include "term.h"
#include "verbs.h"

static const struct column pair_columns[] = {{"", false, 0, 0}, {"", false, 20, 0}};

static void add_pair(struct table *t, const char *key, const char *value)
{
    if (value[0] == '\0')
        return;
    table_add(t, key);
    table_colour(t, "2");
    table_add(t, value);
}

/* Any JSON in one line; strings bare. */
static void add_json(struct table *t, const char *key, const json_t *v)
{
    if (v == NULL || json_is_null(v) || (json_is_object(v) && json_object_size(v) == 0) ||
        (json_is_array(v) && json_array_size(v) == 0))
        return;
    char *text = json_is_string(v) ? strdup(json_string_value(v))
                                   : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    add_pair(t, key, text != NULL ? text : "");
    free(text);
}

/* {"a": "x", "n": 1} as "a=x n=1". */
static void add_object(struct table *t, const char *key, const json_t *object)
{
    struct cail_buf b = CAIL_BUF_INIT;
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)(const void *)object, name, v) {
        char *text =
            json_is_string(v) ? strdup(json_string_value(v)) : json_dumps(v, JSON_ENCODE_ANY);
        if (!json_is_null(v))
            cail_buf_addf(&b, "%s%s=%s", b.len > 0 ? " " : "", name, text != NULL ? text : "");
        free(text);
    }
    char *text = cli_take(&b);
    add_pair(t, key, text);
    free(text);
}

static void add_time(struct table *t, const char *key, const char *at)
{
    char age[FMT_MAX];
    struct cail_buf b = CAIL_BUF_INIT;
    if (at[0] == '\0')
        return;
    cail_buf_addf(&b, "%s (%s ago)", at, fmt_age(at, age));
    char *text = cli_take(&b);
    add_pair(t, key, text);
    free(text);
}

/* One row a flag: a row is cut at the terminal's edge. */
static void add_flags(struct table *t, const char *key, const json_t *flags)
{
    for (size_t i = 0; i < json_array_size(flags); i++) {
        const char *flag = json_string_value(json_array_get(flags, i));
        const char *sentence = flag != NULL ? job_flag_sentence(flag) : NULL;
        if (flag == NULL)
            continue;
        table_add(t, i == 0 ? key : "");
        table_colour(t, "2");
        table_addf(t, "%s%s%s", flag, sentence != NULL ? ": " : "",
                   sentence != NULL ? sentence : "");
        table_colour(t, "33");
    }
}

/* What a job has to do with cards: which, whether they were honest, what it is flagged with. */
static void add_gpus(const struct cli *cli, struct table *t, const json_t *job)
{
    char *uuids = job_gpus(job), *telemetry = job_telemetry(cli, job);
    add_pair(t, "gpus", uuids);
    add_pair(t, "telemetry", telemetry);
    add_flags(t, "flags", json_object_get(job, "flags"));
    free(uuids);
    free(telemetry);
}

/* "load 0.4 to 1.9, governor performance, beside jobs 11 12 and 3 more": what the newest attempt
 * shared the machine with. Nothing for a job that has not ended or left no provenance. */
static void add_machine(const struct cli *cli, struct table *t, const json_t *job)
{
    struct cail_reply r;
    struct cail_buf b = CAIL_BUF_INIT;
    char *path = js_null(job, "finished_at")
                     ? NULL
                     : cail_path("/jobs/%" PRId64 "/provenance", js_int(job, "id", 0));
    int rc = path != NULL ? cail_call(cli->c, "GET", path, NULL, &r) : CAIL_ENOMEM;
    free(path);
    if (rc != CAIL_OK)
        return;
    const json_t *attempts = json_object_get(r.json, "attempts");
    const json_t *p =
        json_object_get(json_array_get(attempts, json_array_size(attempts) - 1), "provenance");
    const json_t *from = json_object_get(p, "load_1m_at_start"),
                 *to = json_object_get(p, "load_1m_at_end"),
                 *others = json_object_get(p, "other_jobs");
    if (json_is_number(from))
        cail_buf_addf(&b, "load %.2f to ", json_number_value(from));
    else if (json_is_number(to))
        cail_buf_adds(&b, "load at the end ");
    if (json_is_number(to))
        cail_buf_addf(&b, "%.2f", json_number_value(to));
    if (js_text(p, "governor")[0] != '\0')
        cail_buf_addf(&b, ", governor %s", js_text(p, "governor"));
    for (size_t i = 0; i < json_array_size(others); i++)
        cail_buf_addf(&b, "%s%" JSON_INTEGER_FORMAT, i > 0 ? " " : ", beside jobs ",
                      json_integer_value(json_array_get(others, i)));
    int64_t more = js_int(p, "other_jobs_count", 0) - (int64_t)json_array_size(others);
    if (more > 0)
        cail_buf_addf(&b, " and %" PRId64 " more", more);
    cail_reply_done(&r);
    char *text = cli_take(&b);
    add_pair(t, "machine", text);
    free(text);
}

static void add_what(struct table *t, const json_t *job)
{
    const char *script = js_text(job, "script");
    add_pair(t, "recipe", js_text(job, "recipe"));
    add_object(t, "params", json_object_get(job, "params"));
    add_json(t, "command", json_object_get(job, "command"));
    if (script[0] != '\0') {
        struct cail_buf b = CAIL_BUF_INIT;
        cail_buf_addf(&b, "%zu bytes; cail show --json has its text", strlen(script));
        char *text = cli_take(&b);
        add_pair(t, "script", text);
        free(text);
    }
    add_pair(t, "cwd", js_text(job, "cwd"));
    add_json(t, "source", json_object_get(job, "source"));
    add_pair(t, "pr", js_text(job, "pr"));
    add_object(t, "labels", json_object_get(job, "labels"));
    add_object(t, "needs", json_object_get(job, "needs"));
    add_json(t, "after", json_object_get(job, "after"));
}

static void print_head(const struct cli *cli, const json_t *job)
{
    struct table t;
    char text[FMT_MAX];
    char *info = job_info(job);
    const char *state = js_text(job, "state");
    int64_t timeout_s = js_int(job, "timeout_s", 0), ran = job_ran_ms(job);
    table_init(&t, pair_columns, 2);
    table_add(&t, "job");
    table_colour(&t, "2");
    table_addf(&t, "%" PRId64 " %s", js_int(job, "id", 0), js_text(job, "name"));
    add_pair(&t, "state", state);
    table_colour(&t, fmt_state_colour(state));
    add_pair(&t, "info", info);
    add_pair(&t, "kind", js_text(job, "kind"));
    add_pair(&t, "queue", js_text(job, "queue"));
    add_json(&t, "priority", json_object_get(job, "priority"));
    if (!js_null(job, "group")) {
        table_add(&t, "group");
        table_colour(&t, "2");
        table_addf(&t, "g%" PRId64, js_int(job, "group", 0));
    }
    add_what(&t, job);
    add_gpus(cli, &t, job);
    add_machine(cli, &t, job);
    if (timeout_s > 0)
        add_pair(&t, "timeout", fmt_duration(timeout_s * 1000, text));
    add_pair(&t, "by", js_text(json_object_get(job, "submitter"), "user"));
    add_time(&t, "created", js_text(job, "created_at"));
    add_time(&t, "started", js_text(job, "started_at"));
    add_time(&t, "finished", js_text(job, "finished_at"));
    if (ran >= 0)
        add_pair(&t, "took", fmt_duration(ran, text));
    add_json(&t, "exit", json_object_get(job, "exit_status"));
    table_print(&t, STDOUT_FILENO, term_width(), term.colour, false);
    free(info);
}

static void print_attempts(const json_t *attempts)
{
    static const struct column columns[] = {
        {"ATTEMPT", true, 0, 0},  {"STEP", true, 0, 4}, {"STATE", false, 0, 0},
        {"END", false, 0, 0},     {"WALL", true, 0, 0}, {"USER", true, 0, 5},
        {"SYS", true, 0, 6},      {"PEAK", true, 0, 3}, {"LOG", true, 0, 2},
        {"FOLDER", false, 10, 1},
    };
    struct table t;
    char text[FMT_MAX];
    if (json_array_size(attempts) == 0)
        return;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_array_size(attempts); i++) {
        const json_t *a = json_array_get(attempts, i);
        int64_t rss = js_int(a, "max_rss_bytes", -1), log = js_int(a, "log_bytes", -1);
        table_addf(&t, "%" PRId64, js_int(a, "number", 0));
        table_addf(&t, "%" PRId64, js_int(a, "step", 0));
        table_add(&t, js_text(a, "state"));
        if (js_int(a, "signal", 0) > 0)
            table_addf(&t, "%s, signal %" PRId64, js_text(a, "cause"), js_int(a, "signal", 0));
        else if (js_int(a, "exit_code", -1) >= 0)
            table_addf(&t, "%s %" PRId64, js_text(a, "cause"), js_int(a, "exit_code", 0));
        else
            table_add(&t, js_text(a, "cause"));
        table_add(&t, fmt_duration(js_int(a, "wall_ms", -1), text));
        table_add(&t, fmt_duration(js_int(a, "user_ms", -1), text));
        table_add(&t, fmt_duration(js_int(a, "system_ms", -1), text));
        table_add(&t, rss >= 0 ? fmt_bytes(rss, text) : "-");
        table_add(&t, log >= 0 ? fmt_bytes(log, text) : "-");
        table_add(&t, js_text(a, "dir"));
    }
    term_puts(STDOUT_FILENO, "\n");
    table_print(&t, STDOUT_FILENO, term_width(), term.colour, true);
}

static int show_one(struct cli *cli, int64_t id)
{
    struct cail_reply r;
    bool done;
    int code = cli_get(cli, cail_path("/jobs/%" PRId64, id), &r, &done);
    if (done)
        return code;
    print_head(cli, r.json);
    print_attempts(json_object_get(r.json, "attempts"));
    if (json_array_size(json_object_get(r.json, "results")) > 0)
        term_puts(STDOUT_FILENO, "\n");
    results_print(json_object_get(r.json, "results"), RESULTS_SHOWN, STDOUT_FILENO, term_width());
    cail_reply_done(&r);
    return 0;
}

int cmd_show(struct cli *cli)
{
    struct target *targets;
    size_t n;
    int64_t id;
    int code;
    if (cli->args.n_words == 0) {
        code = cli_one_job(cli, &id);
        return code != 0 ? code : show_one(cli, id);
    }
    code = cli_targets(cli, 0, false, &targets, &n);
    for (size_t i = 0; code == 0 && i < n; i++) {
        if (i > 0 && !cli->json)
            term_puts(STDOUT_FILENO, "\n");
        code = targets[i].group ? cli_usage(cli, "a group: cail group g%" PRId64, targets[i].id)
                                : show_one(cli, targets[i].id);
    }
    free(targets);
    return code;
}

static void add_jobs(struct table *t, const json_t *jobs)
{
    struct cail_buf b = CAIL_BUF_INIT;
    for (size_t i = 0; i < json_array_size(jobs); i++)
        cail_buf_addf(&b, "%s%" JSON_INTEGER_FORMAT, i > 0 ? " " : "jobs ",
                      json_integer_value(json_array_get(jobs, i)));
    char *text = cli_take(&b);
    table_add(t, text);
    free(text);
}

/* The daemon's why is about waiting and ending; what the cards did stands with the job. */
static void print_gpus_of(const struct cli *cli, int64_t id)
{
    struct cail_reply r;
    struct table t;
    char *path = cail_path("/jobs/%" PRId64, id);
    int rc = path != NULL ? cail_call(cli->c, "GET", path, NULL, &r) : CAIL_ENOMEM;
    free(path);
    if (rc != CAIL_OK)
        return; /* why has answered: that counts */
    table_init(&t, pair_columns, 2);
    add_gpus(cli, &t, r.json);
    table_print(&t, STDOUT_FILENO, term_width(), term.colour, false);
    cail_reply_done(&r);
}

int cmd_why(struct cli *cli)
{
    static const struct column columns[] = {
        {"", false, 0, 0},
        {"", false, 0, 0},
        {"", false, 16, 0},
        {"", false, 6, 1},
    };
    struct cail_reply r;
    struct table t;
    bool done;
    int64_t id;
    int code = cli_one_job(cli, &id);
    if (code != 0)
        return code;
    code = cli_get(cli, cail_path("/jobs/%" PRId64 "/why", id), &r, &done);
    if (done)
        return code;
    struct cail_buf b = CAIL_BUF_INIT;
    char *state = term_clean(js_text(r.json, "state")),
         *why = term_clean(js_text(r.json, "summary"));
    cail_buf_addf(&b, "job %" PRId64 ": %s\n", id, why);
    if (js_int(r.json, "position", 0) > 0)
        cail_buf_addf(&b, "place %" PRId64 " in the queue\n", js_int(r.json, "position", 0));
    char *text = cli_take(&b);
    term_puts(STDOUT_FILENO, text);
    free(text);
    free(state);
    free(why);
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    const json_t *constraints = json_object_get(r.json, "constraints");
    for (size_t i = 0; i < json_array_size(constraints); i++) {
        const json_t *c = json_array_get(constraints, i);
        bool met = json_is_true(json_object_get(c, "met"));
        table_add(&t, met ? "  ok" : "  waits");
        table_colour(&t, met ? "32" : "33");
        table_add(&t, js_text(c, "name"));
        table_add(&t, js_text(c, "detail"));
        add_jobs(&t, json_object_get(c, "jobs"));
    }
    table_print(&t, STDOUT_FILENO, term_width(), term.colour, false);
    cail_reply_done(&r);
    print_gpus_of(cli, id);
    return 0;
}

int cmd_repro(struct cli *cli)
{
    struct cail_reply r;
    int64_t id;
    int code = cli_one_job(cli, &id);
    if (code == 0)
        code = cli_call(cli, "GET", cail_path("/jobs/%" PRId64 "/repro", id), NULL, &r);
    if (code != 0)
        return code;
    json_t *doc = cli->json ? cli_json(json_pack("{s:s%}", "script", r.text, r.len)) : NULL;
    char *text = doc != NULL ? json_dumps(doc, JSON_COMPACT) : NULL;
    cli_put(text != NULL ? text : r.text, text != NULL ? strlen(text) : r.len);
    cli_put("\n", text != NULL);
    free(text);
    json_decref(doc);
    cail_reply_done(&r);
    return 0;
}
