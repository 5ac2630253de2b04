/* Completion scripts out of the table of verbs. Ids and recipe names are asked of the daemon while
 * the user types, by the hidden words `cail completion jobs|groups|recipes|gpus`. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "enums.def"
#include "term.h"
#include "verbs.h"

#define CANDIDATES_TIMEOUT_MS                                                                      \
    2000 /* whoever presses TAB does not want to wait for a dead daemon                            \
          */

static const char states[] =
#define X(sym, word, terminal) word " "
    CAIL_JOB_STATES(X)
#undef X
    ;

/* A shell expression that prints the candidates; NULL = files. */
static const char *source(enum complete c)
{
    switch (c) {
    case COMPLETE_JOB:
        return "$(cail completion jobs 2>/dev/null)";
    case COMPLETE_GROUP:
        return "$(cail completion groups 2>/dev/null)";
    case COMPLETE_RECIPE:
    case COMPLETE_RUNNABLE:
        return "$(cail completion recipes 2>/dev/null)";
    case COMPLETE_GPU:
        return "$(cail completion gpus 2>/dev/null)";
    case COMPLETE_UPSTREAM:
        return "$(cail completion upstreams 2>/dev/null)";
    case COMPLETE_PR:
        return "$(cail completion prs 2>/dev/null)";
    case COMPLETE_STATE:
        return states;
    case COMPLETE_VERB:
        return "$_cail_verbs";
    case COMPLETE_FILE:
    case COMPLETE_NONE:
    case COMPLETE_WORDS:
        break;
    }
    return "";
}

static void add_verb_names(struct cail_buf *b)
{
    for (const struct verb *v = verbs; v->name != NULL; v++)
        cail_buf_addf(b, "%s%s", v == verbs ? "" : " ", v->name);
}

/* "run" or "submit|add" as a shell's case pattern. */
static void add_pattern(struct cail_buf *b, const struct verb *v)
{
    cail_buf_adds(b, v->name);
    if (v->aliases[0] != '\0')
        cail_buf_addc(b, '|');
    for (const char *p = v->aliases; *p != '\0'; p++)
        cail_buf_addc(b, *p == ' ' ? '|' : *p);
}

static void add_option_names(struct cail_buf *b, const struct verb *v)
{
    const struct opt *tables[OPT_TABLES_MAX + 1];
    verb_tables(v, tables);
    for (size_t i = 0; tables[i] != NULL; i++)
        for (const struct opt *o = tables[i]; o->name != NULL; o++)
            cail_buf_addf(b, " --%s", o->name);
}

/* What follows an option that wants a value: a case over "verb:--option". */
static void add_option_values(struct cail_buf *b, const struct verb *v)
{
    const struct opt *tables[OPT_TABLES_MAX + 1];
    verb_tables(v, tables);
    for (size_t i = 0; tables[i] != NULL; i++)
        for (const struct opt *o = tables[i]; o->name != NULL; o++) {
            if (o->arg == NULL)
                continue;
            cail_buf_addf(b, "        %s:--%s) ", v->name, o->name);
            if (o->complete == COMPLETE_FILE)
                cail_buf_adds(b, "files=1 ;;\n");
            else
                cail_buf_addf(b, "words=\"%s\" ;;\n", source(o->complete));
        }
}

/* bash, and zsh through its bashcompinit. */
static void bash(struct cail_buf *b)
{
    cail_buf_adds(b, "_cail_verbs=\"");
    add_verb_names(b);
    cail_buf_adds(
        b, "\"\n_cail() {\n"
           "    local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
           "    local verb=\"${COMP_WORDS[1]}\" words= options= files=\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        COMPREPLY=($(compgen -W \"$_cail_verbs --url --json --help\" -- \"$cur\"))\n"
           "        return\n    fi\n    case \"$verb\" in\n");
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        cail_buf_adds(b, "    ");
        add_pattern(b, v);
        cail_buf_addf(b, ")\n        verb=%s\n        options=\"", v->name);
        add_option_names(b, v);
        cail_buf_addf(b, "\"\n        words=\"%s %s\"%s ;;\n", v->words != NULL ? v->words : "",
                      source(v->complete), v->complete == COMPLETE_RUNNABLE ? "; files=1" : "");
    }
    cail_buf_adds(b, "    esac\n    case \"$prev\" in --*)\n        case \"$verb:$prev\" in\n");
    for (const struct verb *v = verbs; v->name != NULL; v++)
        add_option_values(b, v);
    cail_buf_adds(b, "        esac ;;\n    esac\n"
                     "    case \"$cur\" in -*) words=\"$options\" files= ;; esac\n"
                     "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                     "    [ -n \"$files\" ] && COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
                     "    return 0\n}\ncomplete -o filenames -F _cail cail\n");
}

static void zsh(struct cail_buf *b)
{
    cail_buf_adds(b, "#compdef cail\nautoload -U +X bashcompinit && bashcompinit\n");
    bash(b);
}

/* A text inside '...' of fish. */
static void add_quoted(struct cail_buf *b, const char *text)
{
    cail_buf_addc(b, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            cail_buf_addc(b, '\\');
        cail_buf_addc(b, *text);
    }
    cail_buf_addc(b, '\'');
}

static void fish_option(struct cail_buf *b, const struct verb *v, const struct opt *o)
{
    cail_buf_addf(b, "complete -c cail -n '__fish_seen_subcommand_from %s' -l %s", v->name,
                  o->name);
    if (o->letter != 0)
        cail_buf_addf(b, " -s %c", o->letter);
    if (o->arg != NULL)
        cail_buf_adds(b, o->complete == COMPLETE_FILE ? " -r -F" : " -x");
    const char *from = o->arg != NULL ? source(o->complete) : "";
    if (from[0] == '$')
        cail_buf_addf(b, " -a '%s'", from + 1); /* fish writes (command) */
    else if (from[0] != '\0')
        cail_buf_addf(b, " -a '%s'", from);
    cail_buf_adds(b, " -d ");
    add_quoted(b, o->help);
    cail_buf_addc(b, '\n');
}

static void fish(struct cail_buf *b)
{
    cail_buf_adds(b, "complete -c cail -f\n");
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        const struct opt *tables[OPT_TABLES_MAX + 1];
        const char *from = v->complete == COMPLETE_VERB ? "" : source(v->complete);
        cail_buf_addf(b, "complete -c cail -n __fish_use_subcommand -a %s -d ", v->name);
        add_quoted(b, v->summary);
        cail_buf_addc(b, '\n');
        if (v->words != NULL)
            cail_buf_addf(b, "complete -c cail -n '__fish_seen_subcommand_from %s' -a '%s'\n",
                          v->name, v->words);
        if (from[0] != '\0')
            cail_buf_addf(b, "complete -c cail -n '__fish_seen_subcommand_from %s' -a '%s'%s\n",
                          v->name, from[0] == '$' ? from + 1 : from,
                          v->complete == COMPLETE_RUNNABLE ? " -F" : "");
        verb_tables(v, tables);
        for (size_t i = 0; tables[i] != NULL; i++)
            for (const struct opt *o = tables[i]; o->name != NULL; o++)
                fish_option(b, v, o);
    }
}

/* One candidate a line; silent when there is no daemon. */
static int candidates(struct cli *cli, const char *path, const char *list, const char *member)
{
    struct cail_options options = {.url = args_value(&cli->args, "url")};
    struct cail_reply r;
    struct cail_buf b = CAIL_BUF_INIT;
    int64_t last = 0;
    if (cail_open(&cli->c, &options) == CAIL_OK) {
        cail_set_timeout_ms(cli->c, CANDIDATES_TIMEOUT_MS);
        if (cail_call(cli->c, "GET", path, NULL, &r) == CAIL_OK) {
            const json_t *rows = json_object_get(r.json, list);
            for (size_t i = 0; i < json_array_size(rows); i++) {
                const json_t *row = json_array_get(rows, i);
                int64_t id = js_int(row, member, 0);
                if (json_is_string(json_object_get(row, member)))
                    cail_buf_addf(&b, "%s\n", js_text(row, member));
                else if (id > 0 && id != last)
                    cail_buf_addf(&b, "%s%" PRId64 "\n", member[0] == 'g' ? "g" : "", id);
                last = id;
            }
            cail_reply_done(&r);
        }
    }
    cail_close(cli->c);
    cli->c = NULL;
    char *text = cli_take(&b);
    term_puts(STDOUT_FILENO, text);
    free(text);
    return 0;
}

int cmd_completion(struct cli *cli)
{
    const char *word = cli->args.n_words == 1 ? cli->args.word[0] : "";
    struct cail_buf b = CAIL_BUF_INIT;
    if (strcmp(word, "jobs") == 0)
        return candidates(cli, "/jobs?limit=50", "jobs", "id");
    if (strcmp(word, "groups") == 0)
        return candidates(cli, "/jobs?limit=200", "jobs", "group");
    if (strcmp(word, "recipes") == 0)
        return candidates(cli, "/recipes", "recipes", "name");
    if (strcmp(word, "upstreams") == 0)
        return candidates(cli, "/upstreams", "upstreams", "name");
    if (strcmp(word, "prs") == 0)
        return candidates(cli, "/prs", "prs", "pr");
    if (strcmp(word, "gpus") == 0)
        return candidates(cli, "/gpus", "gpus", "uuid");
    if (strcmp(word, "bash") == 0)
        bash(&b);
    else if (strcmp(word, "zsh") == 0)
        zsh(&b);
    else if (strcmp(word, "fish") == 0)
        fish(&b);
    else
        return cli_usage(cli, "bash, zsh or fish?");
    char *text = cli_take(&b);
    term_puts(STDOUT_FILENO, text);
    free(text);
    return 0;
}
