/* cail: find the verb, read its options, find the daemon, run it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term.h"
#include "verbs.h"

static int unknown_verb(const char *name)
{
    const struct cli none = {0};
    const char *near = NULL;
    for (const struct verb *v = verbs; v->name != NULL && near == NULL; v++)
        if (cli_resembles(name, v->name))
            near = v->name;
    char *clean = term_clean(name);
    int code = near != NULL ? cli_usage(&none, "there is no verb %s; did you mean %s?", clean, near)
                            : cli_usage(&none, "there is no verb %s", clean);
    free(clean);
    return code;
}

static int run_verb(struct cli *cli)
{
    if (cli->verb->offline)
        return cli->verb->exec(cli);
    struct cail_options options = {.url = args_value(&cli->args, "url")};
    int code = 0;
    if (cail_open(&cli->c, &options) != CAIL_OK)
        code = cli_failed(cli);
    else if (cail_warning(cli->c) != NULL)
        cli_say("%s", cail_warning(cli->c));
    if (code == 0)
        code = cli->verb->exec(cli);
    cail_close(cli->c);
    return code;
}

/* argv[0..n): what follows the verb, then what stood before it (--url, --json). */
static int with_args(const struct verb *v, const char *const argv[], size_t n,
                     const char *const before[], size_t n_before)
{
    struct cli cli = {.verb = v};
    const struct opt *tables[OPT_TABLES_MAX + 1];
    verb_tables(v, tables);
    char *wrong = args_parse(&cli.args, tables, before, n_before);
    if (wrong == NULL)
        wrong = args_parse(&cli.args, tables, argv, n);
    int code;
    if (wrong != NULL) {
        char *clean = term_clean(wrong);
        code = cli_usage(&cli, "%s", clean);
        free(clean);
        free(wrong);
    } else if (args_flag(&cli.args, "help")) {
        verb_help(v);
        code = 0;
    } else {
        cli.json = args_flag(&cli.args, "json");
        code = run_verb(&cli);
    }
    args_done(&cli.args);
    return code;
}

/* How many words before the verb: --json, --url X, --url=X. */
static size_t words_before_verb(const char *const argv[], size_t n)
{
    size_t i = 0;
    while (i < n && argv[i][0] == '-' && argv[i][1] != '\0') {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0 ||
            strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0)
            break;
        i += strcmp(argv[i], "--url") == 0 ? 2 : 1;
    }
    return i < n ? i : n;
}

int main(int argc, char **argv)
{
    const char *const *args = (const char *const *)(void *)(argv + 1);
    size_t n = argc > 0 ? (size_t)argc - 1 : 0;
    signal(SIGPIPE, SIG_IGN); /* term_write answers EPIPE; a socket's must not kill us */
    term_init();
    size_t before = words_before_verb(args, n);
    if (before == n) {
        verbs_help();
        return EXIT_USAGE;
    }
    const char *name = args[before];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    const struct verb *v = verb_find(name);
    if (v == NULL)
        return unknown_verb(name);
    return with_args(v, args + before + 1, n - before - 1, args, before);
}
