/* The forge's side of pull requests: asked and told from here, so that its token never reaches the
 * daemon. CAIL_GITHUB_API is the API's base, CAIL_GITHUB_TOKEN or GITHUB_TOKEN the token. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../web.h"
#include "fmt.h"
#include "pr.h"
#include "term.h"
#include "topic.h"

#define API_BASE  "https://api.github.com"
#define TEXT_MAX  400 /* bytes of a title that the daemon keeps */
#define STATE_MAX 1000

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *api_base(void)
{
    const char *said = env("CAIL_GITHUB_API");
    return said != NULL ? said : API_BASE;
}

static const char *token(void)
{
    const char *own = env("CAIL_GITHUB_TOKEN");
    return own != NULL ? own : env("GITHUB_TOKEN");
}

/* One clean line of at most TEXT_MAX bytes, cut between characters. */
static json_t *short_text(const char *text)
{
    char *clean = term_clean(text);
    size_t len = strlen(clean);
    if (len > TEXT_MAX)
        for (len = TEXT_MAX; len > 0 && ((unsigned char)clean[len] & 0xc0) == 0x80; len--)
            ;
    json_t *v = json_stringn(clean, len);
    free(clean);
    return v != NULL ? v : json_null();
}

static json_t *sha_of(const json_t *side)
{
    const char *sha = js_text(side, "sha");
    size_t n = strspn(sha, "0123456789abcdef");
    return n >= 7 && n <= 64 && sha[n] == '\0' ? json_string(sha) : json_null();
}

/* What the daemon is told of the forge's document. */
static json_t *change_of(const json_t *doc)
{
    const char *state = js_text(doc, "state");
    const json_t *head = json_object_get(doc, "head"), *base = json_object_get(doc, "base");
    bool merged = json_is_true(json_object_get(doc, "merged")) || !js_null(doc, "merged_at");
    return json_pack("{s:s,s:b,s:o,s:o,s:o,s:o,s:o,s:n}", "state",
                     merged                         ? "merged"
                     : strcmp(state, "closed") == 0 ? "closed"
                     : strcmp(state, "open") == 0   ? "open"
                                                    : "unknown",
                     "fetched", 1, "title", short_text(js_text(doc, "title")), "author",
                     short_text(js_text(json_object_get(doc, "user"), "login")), "head_sha",
                     sha_of(head), "base_sha", sha_of(base), "base_ref",
                     short_text(js_text(base, "ref")), "note");
}

/* The pattern with {number} filled in. Caller frees. */
static char *api_path(const json_t *row, const char *key, int64_t number)
{
    const char *pattern = js_text(json_object_get(row, "pull"), key);
    const char *mark = strstr(pattern, "{number}");
    return mark != NULL ? cail_path("%.*s%" PRId64 "%s", (int)(mark - pattern), pattern, number,
                                    mark + strlen("{number}"))
                        : NULL;
}

enum asked { ASKED_OK, ASKED_FAILED, ASKED_HOPELESS /* the others would fail as well */ };

static void say_kept(const json_t *pr, const char *why)
{
    char age[FMT_MAX];
    char *brief = term_clean(js_text(pr, "pr")), *clean = term_clean(why);
    if (js_null(pr, "fetched_at"))
        cli_say("%s: %s; its state was never asked", brief, clean);
    else
        cli_say("%s: %s; kept: %s, asked %s ago", brief, clean, js_text(pr, "state"),
                fmt_age(js_text(pr, "fetched_at"), age));
    free(brief);
    free(clean);
}

static enum asked failed(struct cli *cli, const json_t *pr, const struct web_reply *w)
{
    struct cail_reply r;
    char text[400], wait[FMT_MAX];
    if (w->status == 0)
        snprintf(text, sizeof text, "offline: %.120s: %.200s", api_base(), w->message);
    else if (w->is_rate_limit && w->wait_s >= 0)
        snprintf(text, sizeof text, "%.150s; try again in %s%s", w->message,
                 fmt_duration(w->wait_s * 1000, wait),
                 token() == NULL ? ", or set GITHUB_TOKEN for more of them" : "");
    else if (w->status == 404)
        snprintf(text, sizeof text, "not there%s",
                 token() == NULL ? "" : ", or the token may not see it");
    else
        snprintf(text, sizeof text, "%.200s", w->message);
    say_kept(pr, text);
    if (w->status == 404 &&
        cli_call(cli, "PATCH", cail_path("/prs/%" PRId64, js_int(pr, "id", 0)),
                 json_pack("{s:s}", "note", "the upstream has no such pull request"), &r) == 0)
        cail_reply_done(&r);
    return w->status == 0 || w->is_rate_limit || w->status == 401 ? ASKED_HOPELESS : ASKED_FAILED;
}

static enum asked ask(struct cli *cli, const json_t *pr, json_t *changed)
{
    struct web_reply w = {.wait_s = -1};
    struct cail_reply r;
    json_t *row;
    if (topic_row(cli, js_text(pr, "upstream"), &row) != 0)
        return ASKED_FAILED;
    char *path = api_path(row, "api", js_int(pr, "number", 0));
    json_decref(row);
    bool ok =
        path != NULL && web_call("GET", api_base(), path, token(), NULL, (int64_t)time(NULL), &w);
    free(path);
    enum asked result = ok ? ASKED_OK : failed(cli, pr, &w);
    if (ok && cli_call(cli, "PATCH", cail_path("/prs/%" PRId64, js_int(pr, "id", 0)),
                       cli_json(change_of(w.json)), &r) == 0) {
        json_array_append(changed, r.json);
        if (!cli->json) {
            char *brief = term_clean(js_text(r.json, "pr")),
                 *title = term_clean(js_text(r.json, "title"));
            struct cail_buf b = CAIL_BUF_INIT;
            cail_buf_addf(&b, "%s %s %s\n", brief, js_text(r.json, "state"), title);
            char *line = cli_take(&b);
            term_puts(STDOUT_FILENO, line);
            free(line);
            free(brief);
            free(title);
        }
        cail_reply_done(&r);
    } else if (ok) {
        result = ASKED_FAILED;
    }
    web_reply_done(&w);
    return result;
}

/* All that may still change: a merged one stays merged. */
static int all_open(struct cli *cli, json_t *list)
{
    struct cail_reply r;
    int code = cli_call(cli, "GET", cail_path("/prs?limit=%d", STATE_MAX), NULL, &r);
    if (code != 0)
        return code;
    const json_t *prs = json_object_get(r.json, "prs");
    for (size_t i = 0; i < json_array_size(prs); i++)
        if (strcmp(js_text(json_array_get(prs, i), "state"), "merged") != 0)
            json_array_append(list, json_array_get(prs, i));
    cail_reply_done(&r);
    return 0;
}

int pr_refresh(struct cli *cli)
{
    json_t *list = cli_json(json_array()), *changed = cli_json(json_array());
    int code = cli->args.n_words == 1 ? all_open(cli, list) : 0;
    for (size_t i = 1; code == 0 && i < cli->args.n_words; i++) {
        json_t *one = NULL;
        code = pr_find(cli, cli->args.word[i], &one);
        if (code == 0)
            json_array_append_new(list, one);
    }
    bool any_failed = false;
    for (size_t i = 0; code == 0 && i < json_array_size(list); i++) {
        enum asked a = ask(cli, json_array_get(list, i), changed);
        any_failed |= a != ASKED_OK;
        if (a == ASKED_HOPELESS) {
            if (i + 1 < json_array_size(list))
                cli_say("%zu more were not asked", json_array_size(list) - i - 1);
            break;
        }
    }
    if (code == 0 && cli->json) {
        json_t *root = cli_json(json_pack("{s:O}", "prs", changed));
        cli_print_doc(root, JSON_COMPACT);
        json_decref(root);
    }
    json_decref(list);
    json_decref(changed);
    return code != 0 ? code : any_failed ? EXIT_SOME_FAILED : 0;
}

/* --- comment --- */

/* A word typed at the terminal itself: no pipe and no script can say it. */
static bool person_says_yes(void)
{
    char answer[16] = "";
    FILE *tty = isatty(STDIN_FILENO) ? fopen("/dev/tty", "re") : NULL;
    if (tty == NULL) {
        cli_say("not posted: only a person at a terminal can say yes; --dry-run shows the text");
        return false;
    }
    term_puts(STDERR_FILENO, "post this under your name? Type yes: ");
    bool yes = fgets(answer, sizeof answer, tty) != NULL && strcmp(answer, "yes\n") == 0;
    fclose(tty);
    if (!yes)
        cli_say("not posted");
    return yes;
}

static int post(const json_t *row, const json_t *pr, const char *text)
{
    struct web_reply w = {.wait_s = -1};
    char *path = api_path(row, "comment_api", js_int(pr, "number", 0));
    json_t *body = json_pack("{s:s}", "body", text);
    bool ok = path != NULL && body != NULL &&
              web_call("POST", api_base(), path, token(), body, (int64_t)time(NULL), &w);
    free(path);
    json_decref(body);
    if (!ok) {
        char *why = term_clean(w.message);
        cli_say("not posted: %s", why);
        free(why);
    } else {
        char *url = term_clean(js_text(w.json, "html_url"));
        cli_say("posted: %s", url);
        free(url);
    }
    web_reply_done(&w);
    return ok ? 0 : EXIT_SOME_FAILED;
}

/* The text, the upstream's own rule about automated posting, and then a person's word. */
static int comment(struct cli *cli, const json_t *row, const json_t *pr, const char *text)
{
    char *rule = term_clean(topic_rule(row, "automation"));
    cli_put(text, strlen(text));
    cli_say("%s", rule);
    free(rule);
    if (args_flag(&cli->args, "dry-run")) {
        char *path = api_path(row, "comment_api", js_int(pr, "number", 0));
        cli_say("dry run: nothing was sent to %s%s", api_base(), path != NULL ? path : "");
        free(path);
        return 0;
    }
    if (token() == NULL) {
        cli_say("not posted: set GITHUB_TOKEN");
        return EXIT_REFUSED;
    }
    return person_says_yes() ? post(row, pr, text) : EXIT_REFUSED;
}

int pr_comment(struct cli *cli)
{
    json_t *found = NULL, *row = NULL;
    if (cli->args.n_words != 2)
        return cli_usage(cli, "comment wants a pull request: an id, NAME#N or its address");
    int code = pr_find(cli, cli->args.word[1], &found);
    if (code == 0)
        code = topic_row(cli, js_text(found, "upstream"), &row);
    char *text = code == 0 ? pr_report(cli, found, &code) : NULL;
    if (text != NULL)
        code = comment(cli, row, found, text);
    free(text);
    json_decref(row);
    json_decref(found);
    return code;
}
