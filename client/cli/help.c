/* Help texts, made from the table of verbs. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term.h"
#include "verbs.h"

static void print(struct cail_buf *b)
{
    char *text = cli_take(b);
    term_puts(STDOUT_FILENO, text);
    free(text);
}

static void add_options(struct cail_buf *b, const struct opt *table)
{
    for (const struct opt *o = table; o->name != NULL; o++) {
        struct cail_buf left = CAIL_BUF_INIT;
        if (o->letter != 0)
            cail_buf_addf(&left, "-%c, ", o->letter);
        else
            cail_buf_adds(&left, "    ");
        cail_buf_addf(&left, "--%s%s%s", o->name, o->arg != NULL ? " " : "",
                      o->arg != NULL ? o->arg : "");
        char *text = cli_take(&left);
        cail_buf_addf(b, "  %-30s %s\n", text, o->help);
        free(text);
    }
}

void verb_help(const struct verb *v)
{
    const struct opt *tables[OPT_TABLES_MAX + 1];
    struct cail_buf b = CAIL_BUF_INIT;
    cail_buf_addf(&b, "usage: cail %s%s%s [options]\n\n%s\n", v->name,
                  v->usage[0] != '\0' ? " " : "", v->usage, v->summary);
    if (v->help != NULL)
        cail_buf_addf(&b, "\n%s\n", v->help);
    if (v->aliases[0] != '\0')
        cail_buf_addf(&b, "\nalso called: %s\n", v->aliases);
    cail_buf_adds(&b, "\noptions:\n");
    verb_tables(v, tables);
    for (size_t i = 0; tables[i] != NULL; i++)
        add_options(&b, tables[i]);
    print(&b);
}

void verbs_help(void)
{
    struct cail_buf b = CAIL_BUF_INIT;
    cail_buf_adds(&b, "usage: cail VERB [options]\n\n");
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        cail_buf_addf(&b, "  %-11s %s", v->name, v->summary);
        if (v->aliases[0] != '\0')
            cail_buf_addf(&b, " (also: %s)", v->aliases);
        cail_buf_addc(&b, '\n');
    }
    cail_buf_adds(&b, "\ncail VERB --help says more; the manual is cail(1).\n"
                      "First steps: cail run env-check;  cail recipes;  cail run -- make -j4\n");
    print(&b);
}

/* The table itself, for the test of the manual and for whoever builds on it. */
static void verbs_json(void)
{
    json_t *list = cli_json(json_array());
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        const struct opt *tables[OPT_TABLES_MAX + 1];
        json_t *options = cli_json(json_array());
        verb_tables(v, tables);
        for (size_t i = 0; tables[i] != NULL; i++)
            for (const struct opt *o = tables[i]; o->name != NULL; o++) {
                const char letter[] = {o->letter, '\0'};
                json_array_append_new(
                    options, cli_json(json_pack("{s:s,s:s,s:s?,s:s}", "name", o->name, "letter",
                                                letter, "arg", o->arg, "help", o->help)));
            }
        json_array_append_new(list, cli_json(json_pack("{s:s,s:s,s:s,s:s,s:o}", "name", v->name,
                                                       "aliases", v->aliases, "usage", v->usage,
                                                       "summary", v->summary, "options", options)));
    }
    json_t *root = cli_json(json_pack("{s:o}", "verbs", list));
    cli_print_doc(root, JSON_INDENT(2));
    json_decref(root);
}

int cmd_help(struct cli *cli)
{
    if (cli->json) {
        verbs_json();
        return 0;
    }
    if (cli->args.n_words == 0) {
        verbs_help();
        return 0;
    }
    const struct verb *v = verb_find(cli->args.word[0]);
    if (v == NULL) {
        char *clean = term_clean(cli->args.word[0]);
        int code = cli_usage(cli, "there is no verb %s", clean);
        free(clean);
        return code;
    }
    verb_help(v);
    return 0;
}
