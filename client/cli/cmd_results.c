/* cail results: of one job, as a table over many, in and out. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fmt.h"
#include "query.h"
#include "results.h"
#include "table.h"
#include "term.h"
#include "verbs.h"

#define FILE_MAX ((size_t)16 << 20) /* what cail-d takes of one file */

/* --- of a job --- */

/* The job of word `at`, or the newest. 0 or an exit code. */
static int job_word(const struct cli *cli, size_t at, int64_t *ret)
{
    struct target *t;
    size_t n;
    if (cli->args.n_words <= at)
        return cli_one_job(cli, ret);
    int code = cli_targets(cli, at, false, &t, &n);
    if (code != 0)
        return code;
    bool one = n == 1 && !t[0].group;
    *ret = t[0].id;
    free(t);
    return one ? 0 : cli_usage(cli, "names one job");
}

static int results_show(struct cli *cli)
{
    struct cail_reply r;
    int64_t id;
    bool done;
    int code = job_word(cli, 0, &id);
    if (code == 0)
        code = cli_get(cli, cail_path("/jobs/%" PRId64 "/results", id), &r, &done);
    if (code != 0 || done)
        return code;
    const json_t *rows = json_object_get(r.json, "results");
    if (json_array_size(rows) == 0)
        cli_say("job %" PRId64 " has no results", id);
    results_print(rows, SIZE_MAX, STDOUT_FILENO, term_width());
    cail_reply_done(&r);
    return 0;
}

static int results_export(struct cli *cli)
{
    const char *format = args_value(&cli->args, "format");
    struct cail_reply r;
    int64_t id;
    if (format == NULL)
        return cli_usage(cli, "--format lnt, bmf, benchstat, csv, junit, markdown or json");
    int code = job_word(cli, 1, &id);
    if (code != 0)
        return code;
    char *value = cail_encode(format);
    code = cli_call(
        cli, "GET",
        cail_path("/jobs/%" PRId64 "/results?format=%s", id, value != NULL ? value : ""), NULL, &r);
    free(value);
    if (code != 0)
        return code;
    cli_put(r.text, r.len);
    cail_reply_done(&r);
    return 0;
}

/* --- a table over many --- */

static void print_pivot(const json_t *r)
{
    const json_t *rows = json_object_get(r, "rows"), *columns = json_object_get(r, "columns");
    size_t n_rows = json_array_size(rows), n_cols = json_array_size(columns), i, k;
    struct column *column = cli_alloc(n_rows + n_cols + 1, sizeof *column);
    char **title = cli_alloc(n_cols + 1, sizeof *title);
    json_t *line, *v;
    struct table t;
    char number[FMT_MAX];
    for (i = 0; i < n_rows; i++)
        column[i].title = json_string_value(json_array_get(rows, i));
    for (i = 0; i < n_cols; i++) {
        struct cail_buf b = CAIL_BUF_INIT;
        json_array_foreach(json_array_get(columns, i), k, v)
            cail_buf_addf(&b, "%s%s", k > 0 ? " " : "", json_string_value(v));
        title[i] = cli_take(&b);
        column[n_rows + i] =
            (struct column){title[i][0] != '\0' ? title[i] : js_text(r, "value"), true, 0, 0};
    }
    table_init(&t, column, n_rows + n_cols);
    json_array_foreach(json_object_get(r, "table"), i, line) {
        json_array_foreach(json_object_get(line, "row"), k, v)
            table_add(&t, json_string_value(v));
        json_array_foreach(json_object_get(line, "cells"), k, v)
            table_add(&t, json_is_number(v) ? fmt_number(json_number_value(v), number) : "");
    }
    table_show(&t, "there are no such results");
    for (i = 0; i < n_cols; i++)
        free(title[i]);
    free(title);
    free(column);
}

static int results_table(struct cli *cli)
{
    static const char *const passed[] = {"rows",  "cols",   "value",  "job",
                                         "group", "commit", "recipe", "benchmark"};
    const struct args *a = &cli->args;
    struct cail_buf path = CAIL_BUF_INIT;
    struct cail_reply r;
    bool markdown = args_flag(a, "markdown"), csv = args_flag(a, "csv");
    if (args_value(a, "rows") == NULL || args_value(a, "value") == NULL)
        return cli_usage(cli, "--rows m,n,k --cols dtype --value gflops");
    cail_buf_adds(&path, "/results/table");
    query_add_args(&path, a, passed, sizeof passed / sizeof passed[0]);
    query_add(&path, "params", args_value(a, "param"));
    if (!query_add_since(&path, a))
        return cli_usage(cli, "--since wants 2h or a time such as 2030-01-31T08:00:00Z");
    query_add(&path, "format", markdown ? "markdown" : csv ? "csv" : NULL);
    int code = cli_call(cli, "GET", cli_take(&path), NULL, &r);
    if (code != 0)
        return code;
    if (markdown || csv)
        cli_put(r.text, r.len);
    else if (cli->json)
        cli_print_json(&r);
    else
        print_pivot(r.json);
    cail_reply_done(&r);
    return 0;
}

/* --- import --- */

/* All of a file, or of standard input for "-". 0 or an exit code. */
static int read_file(const struct cli *cli, const char *name, struct cail_buf *out)
{
    FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    char piece[65536];
    size_t n;
    if (f == NULL)
        return cli_usage(cli, "cannot read %s: %s", name, strerror(errno));
    while (out->len <= FILE_MAX && (n = fread(piece, 1, sizeof piece, f)) > 0)
        cail_buf_add(out, piece, n);
    bool bad = ferror(f) != 0;
    if (f != stdin)
        fclose(f);
    if (bad)
        return cli_usage(cli, "cannot read %s", name);
    if (out->len == 0 || out->len > FILE_MAX)
        return cli_usage(cli, "%s is %s", name,
                         out->len == 0 ? "empty" : "larger than 16 MiB, which cail-d refuses");
    return 0;
}

/* Results belong to a job: one that does nothing, by the benchmark's name. */
static int job_for(const struct cli *cli, const char *benchmark, const char *commit, int64_t *ret)
{
    struct cail_reply r;
    json_t *body = cli_json(json_pack("{s:s,s:s,s:[s],s:{s:i}}", "name", benchmark, "kind",
                                      "benchmark", "command", "true", "needs", "cpus", 1));
    if (commit != NULL)
        json_object_set_new(body, "source", cli_json(json_pack("{s:s}", "ref", commit)));
    int rc = cail_submit(cli->c, body, NULL, &r);
    json_decref(body);
    if (rc != CAIL_OK)
        return cli_failed(cli);
    *ret = js_int(r.json, "id", 0);
    cail_reply_done(&r);
    cail_set_timeout_ms(cli->c, 90000);
    int code = cli_call(cli, "GET", cail_path("/jobs/%" PRId64 "?wait=60", *ret), NULL, &r);
    if (code == 0)
        cail_reply_done(&r);
    return code;
}

static int post_file(struct cli *cli, int64_t job, const struct cail_buf *file)
{
    static const char *const passed[] = {"format", "commit", "machine"};
    struct cail_buf path = CAIL_BUF_INIT;
    struct cail_reply r;
    cail_buf_addf(&path, "/jobs/%" PRId64 "/results", job);
    query_add_args(&path, &cli->args, passed, sizeof passed / sizeof passed[0]);
    query_add(&path, "committed_at", args_value(&cli->args, "on"));
    char *text = cli_take(&path);
    int rc = cail_post(cli->c, text, file->p, file->len, &r);
    free(text);
    if (rc != CAIL_OK)
        return cli_failed(cli);
    if (cli->json) {
        cli_print_json(&r);
    } else {
        const json_t *rows = json_object_get(r.json, "results");
        results_print(rows, 20, STDOUT_FILENO, term_width());
        cli_say("%zu results are with job %" PRId64, json_array_size(rows), job);
    }
    cail_reply_done(&r);
    return 0;
}

static int results_import(struct cli *cli)
{
    const struct args *a = &cli->args;
    const char *job = args_value(a, "job"), *benchmark = args_value(a, "benchmark");
    struct cail_buf file = CAIL_BUF_INIT;
    int64_t id = 0;
    if (a->n_words != 2 || (job == NULL) == (benchmark == NULL))
        return cli_usage(cli, "import FILE --job ID, or import FILE --benchmark NAME");
    if (job != NULL && !fmt_read_int(job, 1, INT64_MAX, &id))
        return cli_usage(cli, "--job wants the number of a job");
    int code = read_file(cli, a->word[1], &file);
    if (code == 0 && benchmark != NULL)
        code = job_for(cli, benchmark, args_value(a, "commit"), &id);
    if (code == 0)
        code = post_file(cli, id, &file);
    cail_buf_done(&file);
    return code;
}

int cmd_results(struct cli *cli)
{
    const char *word = cli->args.n_words > 0 ? cli->args.word[0] : "";
    if (strcmp(word, "table") == 0)
        return results_table(cli);
    if (strcmp(word, "export") == 0)
        return results_export(cli);
    if (strcmp(word, "import") == 0)
        return results_import(cli);
    return results_show(cli);
}
