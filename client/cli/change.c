#include "change.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "range.h"
#include "term.h"

/* The change among those of its series; *ret_series is the document, the caller's. */
static int find(struct cli *cli, const char *id, struct cail_reply *ret, const json_t **ret_series,
                const json_t **ret_change)
{
    size_t i;
    json_t *c;
    char *series = strndup(id, strcspn(id, "."));
    char *encoded = cail_encode(series != NULL ? series : "");
    int code = cli_call(cli, "GET", cail_path("/results?series=%s", encoded != NULL ? encoded : ""),
                        NULL, ret);
    free(encoded);
    free(series);
    if (code != 0)
        return code;
    *ret_series = json_array_get(json_object_get(ret->json, "series"), 0);
    json_array_foreach(json_object_get(*ret_series, "changes"), i, c)
        if (strcmp(js_text(c, "id"), id) == 0) {
            *ret_change = c;
            return 0;
        }
    cail_reply_done(ret);
    char *clean = term_clean(id);
    cli_say("there is no change %s; cail history lists them", clean);
    free(clean);
    return EXIT_REFUSED;
}

static int commits_of(struct cli *cli, const json_t *series, const json_t *change)
{
    const char *recipe = js_text(series, "recipe"), *path = args_value(&cli->args, "path");
    const char *before = js_text(json_object_get(change, "before"), "commit");
    const char *after = js_text(json_object_get(change, "after"), "commit");
    struct range r;
    size_t n = 0;
    char *from = NULL, *to = NULL;
    if (recipe[0] == '\0' || before[0] == '\0' || after[0] == '\0') {
        cli_say("it is not known which commits of which upstream these are");
        return EXIT_REFUSED;
    }
    int code = range_open(&r, cli, recipe);
    if (code == 0)
        code = range_commit(&r, before, &from);
    if (code == 0)
        code = range_commit(&r, after, &to);
    if (code == 0)
        code = range_print(&r, from, to, path, &n);
    if (code == 0 && n == 0)
        cli_say("no commit between them%s", path != NULL ? " touches that path" : "");
    if (code == 0 && n > 1)
        cli_say("which one: cail bisect %.12s %.12s --recipe %s --benchmark %s --metric %s", from,
                to, recipe, js_text(series, "benchmark"), js_text(series, "metric"));
    free(from);
    free(to);
    range_close(&r);
    return code;
}

int change_commits(struct cli *cli, const char *id)
{
    struct cail_reply r;
    const json_t *series = NULL, *change = NULL;
    int code = find(cli, id, &r, &series, &change);
    if (code != 0)
        return code;
    code = commits_of(cli, series, change);
    cail_reply_done(&r);
    return code;
}

int change_confirm(struct cli *cli, const char *id)
{
    struct cail_reply r;
    char *encoded = cail_encode(id);
    int code = cli_call(cli, "POST",
                        cail_path("/results/changes/%s/confirm", encoded != NULL ? encoded : ""),
                        cli_json(json_object()), &r);
    free(encoded);
    if (code != 0)
        return code;
    if (cli->json)
        cli_print_json(&r);
    else
        cli_say("comparison %" PRId64 " measures its two ends: cail compare follow %" PRId64,
                js_int(r.json, "id", 0), js_int(r.json, "id", 0));
    cail_reply_done(&r);
    return 0;
}

void change_check_words(const json_t *change, struct cail_buf *b)
{
    const json_t *c = json_object_get(change, "comparison");
    if (!json_is_object(c))
        return;
    const char *verdict = js_text(c, "verdict");
    bool judged = verdict[0] != '\0';
    cail_buf_addf(b, ", side by side: %s (comparison %" PRId64 ")",
                  judged ? verdict : js_text(c, "state"), js_int(c, "id", 0));
}
