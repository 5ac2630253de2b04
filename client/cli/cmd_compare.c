/* cail compare, cail comparisons. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"
#include "fmt.h"
#include "query.h"
#include "term.h"
#include "verbs.h"

/* --- which one --- */

static int newest(struct cli *cli, int64_t *ret)
{
    struct cail_reply r;
    int code = cli_call(cli, "GET", cail_path("/comparisons?limit=1"), NULL, &r);
    if (code != 0)
        return code;
    *ret = js_int(json_array_get(json_object_get(r.json, "comparisons"), 0), "id", 0);
    cail_reply_done(&r);
    if (*ret > 0)
        return 0;
    cli_say("there is no comparison yet; cail compare --help says how to make one");
    return EXIT_REFUSED;
}

/* The word at `at`, "5" or "#5"; without one the newest, where that does no harm. */
static int which(struct cli *cli, size_t at, bool default_newest, int64_t *ret)
{
    if (cli->args.n_words > at + 1)
        return cli_usage(cli, "one comparison, please");
    if (cli->args.n_words <= at)
        return default_newest ? newest(cli, ret)
                              : cli_usage(cli, "which one? cail compare ls lists them");
    const char *word = cli->args.word[at];
    if (fmt_read_int(word + (word[0] == '#'), 1, INT64_MAX, ret))
        return 0;
    char *clean = term_clean(word);
    int code = cli_usage(cli, "%s is no id of a comparison; cail compare ls lists them", clean);
    free(clean);
    return code;
}

/* --- files --- */

static int write_file(const char *file, const char *text, size_t len)
{
    if (strcmp(file, "-") == 0) {
        cli_put(text, len);
        return 0;
    }
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool ok = fd >= 0;
    while (ok && len > 0) {
        ssize_t n = write(fd, text, len);
        ok = n >= 0 || errno == EINTR;
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    int why = errno;
    if (fd >= 0 && close(fd) != 0 && ok) {
        ok = false;
        why = errno;
    }
    if (!ok) {
        char *clean = term_clean(file);
        cli_say("cannot write %s: %s", clean, strerror(why));
        free(clean);
    }
    return ok ? 0 : EXIT_UNREACHABLE;
}

static int write_report(const struct cli *cli, int64_t id, const char *format, const char *file)
{
    struct cail_reply r;
    int code = cli_call(
        cli, "GET", cail_path("/comparisons/%" PRId64 "/report?format=%s", id, format), NULL, &r);
    if (code == 0) {
        code = write_file(file, r.text, r.len);
        cail_reply_done(&r);
    }
    return code;
}

/* --report, --junit, --github. *ret_stdout: one of them took standard output. */
static int write_reports(const struct cli *cli, int64_t id, bool *ret_stdout)
{
    static const struct {
        const char *option, *format;
    } kinds[] = {{"report", "markdown"}, {"junit", "junit"}, {"github", "github"}};
    int code = 0;
    *ret_stdout = false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && code == 0; i++) {
        const char *file = args_value(&cli->args, kinds[i].option);
        if (file == NULL)
            continue;
        *ret_stdout |= strcmp(file, "-") == 0;
        code = write_report(cli, id, kinds[i].format, file);
    }
    return code;
}

/* --- what is done with one --- */

/* The whole of what is known, and the exit code it stands for. */
static int print_doc(const struct cli *cli, const struct cail_reply *r)
{
    bool taken;
    int code = write_reports(cli, js_int(r->json, "id", 0), &taken);
    if (code != 0)
        return code;
    if (cli->json)
        cli_print_json(r);
    else if (!taken)
        compare_print(cli, r->json, args_flag(&cli->args, "rows"));
    return compare_exit(r->json);
}

static int follow(struct cli *cli, int64_t id)
{
    struct cail_reply r;
    bool silent = cli->json || args_flag(&cli->args, "wait");
    int code = compare_watch(cli, id, silent, &r);
    if (code != 0)
        return code;
    code = print_doc(cli, &r);
    cail_reply_done(&r);
    return code;
}

static int show(struct cli *cli, int64_t id)
{
    struct cail_reply r;
    int code = cli_call(cli, "GET", cail_path("/comparisons/%" PRId64, id), NULL, &r);
    if (code != 0)
        return code;
    int told = print_doc(cli, &r);
    /* One that is not over yet was shown, which is all that was asked. */
    code = compare_ended(r.json) ? told : 0;
    cail_reply_done(&r);
    return code;
}

static int report(struct cli *cli, int64_t id)
{
    bool taken;
    if (args_flag(&cli->args, "report") || args_flag(&cli->args, "junit") ||
        args_flag(&cli->args, "github"))
        return write_reports(cli, id, &taken);
    return write_report(cli, id, "markdown", "-");
}

static int cancel(struct cli *cli, int64_t id)
{
    int code =
        cli_send(cli, "POST", cail_path("/comparisons/%" PRId64 "/cancel", id), json_object());
    if (code == 0 && !cli->json)
        cli_say("comparison %" PRId64 " is canceled", id);
    return code;
}

static int list(struct cli *cli)
{
    static const char *const filters[] = {"pr", "recipe"};
    struct cail_buf path = CAIL_BUF_INIT;
    const char *limit = args_value(&cli->args, "limit");
    struct cail_reply r;
    bool done;
    cail_buf_adds(&path, "/comparisons");
    query_add(&path, "limit", limit != NULL ? limit : "25");
    query_add_args(&path, &cli->args, filters, sizeof filters / sizeof filters[0]);
    int code = cli_get(cli, cli_take(&path), &r, &done);
    if (done)
        return code;
    const json_t *rows = json_object_get(r.json, "comparisons");
    if (json_array_size(rows) == 0)
        cli_say("no comparison");
    else
        compare_list(rows, STDOUT_FILENO);
    cail_reply_done(&r);
    return 0;
}

/* --- a new one --- */

static int make(struct cli *cli)
{
    struct cail_reply r;
    json_t *body;
    int code = compare_request(cli, &body);
    if (code != 0 || body == NULL)
        return code;
    int rc = cail_post_once(cli->c, "/comparisons", body, NULL, &r);
    json_decref(body);
    if (rc != CAIL_OK)
        return cli_failed(cli);
    int64_t id = js_int(r.json, "id", 0);
    bool detach = args_flag(&cli->args, "detach");
    if (detach && cli->json) {
        cli_print_json(&r);
    } else if (detach) {
        term_printf("%" PRId64 "\n", id);
    } else if (!cli->json) {
        char *sides = compare_sides_words(r.json);
        cli_say("comparison %" PRId64 ": %s", id, sides);
        free(sides);
    }
    cail_reply_done(&r);
    return detach ? 0 : follow(cli, id);
}

int cmd_compare(struct cli *cli)
{
    static const struct {
        const char *word;
        bool default_newest;
        int (*exec)(struct cli *cli, int64_t id);
    } words[] = {
        {"show", true, show},
        {"follow", true, follow},
        {"report", true, report},
        {"cancel", false, cancel},
    };
    const char *first = cli->args.n_words > 0 ? cli->args.word[0] : "";
    if (cli->args.rest != NULL)
        return cli_usage(cli, "a command is given as --command 'CMD', twice");
    if (strcmp(first, "ls") == 0 && cli->args.n_words == 1)
        return list(cli);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        int64_t id;
        if (strcmp(first, words[i].word) != 0)
            continue;
        int code = which(cli, 1, words[i].default_newest, &id);
        return code != 0 ? code : words[i].exec(cli, id);
    }
    return make(cli);
}

int cmd_comparisons(struct cli *cli)
{
    int64_t id;
    if (cli->args.n_words == 0)
        return list(cli);
    int code = which(cli, 0, true, &id);
    return code != 0 ? code : show(cli, id);
}
