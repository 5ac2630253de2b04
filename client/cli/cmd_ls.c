/* cail ls. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fmt.h"
#include "job_line.h"
#include "table.h"
#include "term.h"
#include "verbs.h"

#define LIMIT    25
#define PAGE_MAX 1000 /* jobs that one request may bring */

static void add_query(struct cail_buf *b, const char *key, const char *value)
{
    cail_buf_addc(b, strchr(b->p, '?') == NULL ? '?' : '&');
    cail_buf_adds(b, key);
    cail_buf_addc(b, '=');
    cail_buf_encode(b, value);
}

/* People write both. */
static char *american(const char *states)
{
    struct cail_buf b = CAIL_BUF_INIT;
    for (const char *p = states; *p != '\0';) {
        if (strncmp(p, "cancelled", 9) == 0) {
            cail_buf_adds(&b, "canceled");
            p += 9;
        } else {
            cail_buf_addc(&b, *p++);
        }
    }
    return cli_take(&b);
}

static int add_filters(const struct cli *cli, struct cail_buf *b)
{
    static const char *const plain[] = {"kind", "recipe", "label", "queue"};
    const char *text;
    char at[FMT_MAX];
    int64_t n;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if ((text = args_value(&cli->args, plain[i])) != NULL)
            add_query(b, plain[i], text);
    if ((text = args_value(&cli->args, "state")) != NULL) {
        char *states = american(text);
        add_query(b, "state", states);
        free(states);
    }
    if ((text = args_value(&cli->args, "group")) != NULL) {
        if (!fmt_read_int(text + (text[0] == 'g'), 1, INT64_MAX, &n))
            return cli_usage(cli, "--group wants a group: g5");
        add_query(b, "group", text + (text[0] == 'g'));
    }
    if ((text = args_value(&cli->args, "since")) != NULL) {
        if (fmt_read_duration(text, &n))
            text = fmt_time(fmt_now_ms() - n * 1000, at);
        else if (fmt_read_time_ms(text) < 0)
            return cli_usage(cli, "--since wants 2h or a time such as 2030-01-31T08:00:00Z");
        add_query(b, "since", text);
    }
    return 0;
}

/* What goes out page by page: -a may bring a million jobs, of which only one page is held. */
static void print_page(const struct cli *cli, const json_t *jobs, int64_t printed)
{
    if (!cli->json) {
        job_table(jobs, STDOUT_FILENO, printed == 0);
        return;
    }
    struct cail_buf b = CAIL_BUF_INIT;
    if (printed == 0)
        cail_buf_adds(&b, "{\"jobs\":[");
    for (size_t i = 0; i < json_array_size(jobs); i++) {
        char *text = json_dumps(json_array_get(jobs, i), JSON_COMPACT | JSON_ENCODE_ANY);
        cail_buf_addf(&b, "%s%s", printed > 0 || i > 0 ? "," : "", text != NULL ? text : "null");
        free(text);
    }
    size_t len = b.len;
    char *text = cli_take(&b);
    cli_put(text, len);
    free(text);
}

/* Page after page until `want` jobs are out. */
static int list(const struct cli *cli, const char *query, int64_t want, int64_t *ret_n,
                bool *ret_more)
{
    char *cursor = NULL;
    int code = 0;
    *ret_n = 0;
    do {
        struct cail_reply r;
        struct cail_buf b = CAIL_BUF_INIT;
        char limit[32];
        int64_t left = want - *ret_n;
        snprintf(limit, sizeof limit, "%" PRId64, left < PAGE_MAX ? left : PAGE_MAX);
        cail_buf_adds(&b, query);
        add_query(&b, "limit", limit);
        if (cursor != NULL)
            add_query(&b, "cursor", cursor);
        free(cursor);
        cursor = NULL;
        code = cli_call(cli, "GET", cli_take(&b), NULL, &r);
        if (code != 0)
            break;
        const json_t *jobs = json_object_get(r.json, "jobs");
        print_page(cli, jobs, *ret_n);
        *ret_n += (int64_t)json_array_size(jobs);
        /* A page without jobs is the end, whatever its cursor says. */
        if (js_text(r.json, "next_cursor")[0] != '\0' && json_array_size(jobs) > 0)
            cursor = strdup(js_text(r.json, "next_cursor"));
        cail_reply_done(&r);
    } while (cursor != NULL && *ret_n < want);
    *ret_more = cursor != NULL;
    free(cursor);
    return code;
}

int cmd_ls(struct cli *cli)
{
    bool all = args_flag(&cli->args, "all"), more;
    const char *text = args_value(&cli->args, "limit");
    int64_t limit = LIMIT, n;
    if (cli->args.n_words > 0)
        return cli_usage(cli, "takes filters only; one job: cail show ID");
    if (text != NULL && !fmt_read_int(text, 1, INT32_MAX, &limit))
        return cli_usage(cli, "--limit wants a number of 1 or more");
    struct cail_buf b = CAIL_BUF_INIT;
    cail_buf_adds(&b, "/jobs");
    int code = add_filters(cli, &b);
    char *query = cli_take(&b);
    if (code == 0) {
        code = list(cli, query, all && text == NULL ? INT64_MAX : limit, &n, &more);
        if (code == 0 && cli->json)
            term_puts(STDOUT_FILENO, "]}\n");
        else if (code == 0 && n == 0)
            cli_say(strchr(query, '?') != NULL ? "no such job"
                                               : "no job yet: try cail run env-check");
        else if (code == 0 && more && term.out_tty)
            cli_say("there are more: cail ls --limit N, or -a for all");
    }
    free(query);
    return code;
}
