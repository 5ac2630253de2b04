/* What the actions on topics share. */
#include "topic.h"

#include <stdlib.h>
#include <string.h>

#include "git.h"
#include "git_url.h"
#include "term.h"

char *topic_root(void)
{
    const char *said = getenv("CAIL_TOPICS_DIR"), *home = getenv("HOME");
    if (said != NULL && said[0] == '/')
        return cail_path("%s", said);
    if (home != NULL && home[0] == '/')
        return cail_path("%s/.cail/topics", home);
    cli_say("set CAIL_TOPICS_DIR to the absolute path of a folder: HOME does not say where one is");
    return NULL;
}

int topic_row(struct cli *cli, const char *upstream, json_t **ret)
{
    struct cail_reply r;
    char *name = cail_encode(upstream);
    int code = cli_call(cli, "GET", cail_path("/upstreams/%s", name != NULL ? name : ""), NULL, &r);
    free(name);
    if (code != 0)
        return code;
    *ret = json_incref(r.json);
    cail_reply_done(&r);
    return 0;
}

const char *topic_rule(const json_t *row, const char *key)
{
    return js_text(json_object_get(row, "rules"), key);
}

static int by_words(struct cli *cli, size_t first, struct topic *ret)
{
    const char *upstream = cli->args.word[first], *name = cli->args.word[first + 1];
    if (!git_topic_name(name))
        return cli_usage(cli, "a topic's name has 1 to 64 of a-z, 0-9, '-', '_' and '.'");
    int code = topic_row(cli, upstream, &ret->row);
    char *root = code == 0 ? topic_root() : NULL;
    if (code != 0 || root == NULL)
        return code != 0 ? code : EXIT_USAGE;
    ret->upstream = cail_path("%s", js_text(ret->row, "name"));
    ret->name = cail_path("%s", name);
    ret->dir = cail_path("%s/%s/%s", root, ret->upstream, name);
    free(root);
    return 0;
}

static int by_folder(struct cli *cli, struct topic *ret)
{
    char *branch = GIT_LINE(NULL, "symbolic-ref", "-q", "--short", "HEAD");
    ret->dir = GIT_LINE(NULL, "rev-parse", "--show-toplevel");
    ret->upstream = GIT_LINE(NULL, "config", "--get", "cail.upstream");
    if (ret->dir == NULL || ret->upstream == NULL || branch == NULL ||
        strncmp(branch, TOPIC_BRANCH, strlen(TOPIC_BRANCH)) != 0 ||
        !git_topic_name(branch + strlen(TOPIC_BRANCH))) {
        free(branch);
        return cli_usage(cli, "this folder is no topic's worktree: go to one, or name UPSTREAM and "
                              "TOPIC; `cail topic status` lists them");
    }
    ret->name = cail_path("%s", branch + strlen(TOPIC_BRANCH));
    free(branch);
    return topic_row(cli, ret->upstream, &ret->row);
}

int topic_find(struct cli *cli, size_t first, struct topic *ret)
{
    size_t n = cli->args.n_words > first ? cli->args.n_words - first : 0;
    *ret = (struct topic){0};
    if (n != 0 && n != 2)
        return cli_usage(cli, "name an upstream and a topic, or neither inside a worktree");
    int code = n == 2 ? by_words(cli, first, ret) : by_folder(cli, ret);
    if (code != 0)
        return code;
    ret->branch = cail_path(TOPIC_BRANCH "%s", ret->name);
    ret->base_branch = GIT_LINE(ret->dir, "config", "--get", "cail.branch");
    if (ret->base_branch != NULL && git_branch_name(ret->base_branch))
        return 0;
    char *clean = term_clean(ret->dir);
    cli_say("%s is no worktree that `cail topic start` made", clean);
    free(clean);
    return EXIT_REFUSED;
}

void topic_done(struct topic *t)
{
    free(t->upstream);
    free(t->name);
    free(t->branch);
    free(t->dir);
    free(t->base_branch);
    json_decref(t->row);
    *t = (struct topic){0};
}

int topic_with(struct cli *cli, size_t first, int (*act)(struct cli *cli, struct topic *t))
{
    struct topic t;
    int code = topic_find(cli, first, &t);
    if (code == 0)
        code = act(cli, &t);
    topic_done(&t);
    return code;
}

char *topic_base(const struct topic *t)
{
    char *ref = cail_path("refs/remotes/upstream/%s", t->base_branch);
    char *base = GIT_LINE(t->dir, "merge-base", "HEAD", ref);
    free(ref);
    return base;
}

void topic_distance(const struct topic *t, int64_t *ret_ahead, int64_t *ret_behind)
{
    char *range = cail_path("refs/remotes/upstream/%s...HEAD", t->base_branch), *end;
    char *line = GIT_LINE(t->dir, "rev-list", "--left-right", "--count", range);
    *ret_ahead = *ret_behind = -1;
    if (line != NULL) {
        *ret_behind = strtoll(line, &end, 10);
        *ret_ahead = strtoll(end, NULL, 10);
    }
    free(line);
    free(range);
}

static void set_text(json_t *body, const char *key, char *text)
{
    if (text != NULL)
        json_object_set_new(body, key, json_string(text));
    free(text);
}

int topic_say(struct cli *cli, const struct topic *t, json_t *more, json_t **ret)
{
    struct cail_reply r;
    int64_t ahead, behind;
    json_t *body =
        cli_json(json_pack("{s:s,s:s,s:s,s:s,s:s}", "upstream", t->upstream, "name", t->name,
                           "branch", t->branch, "worktree", t->dir, "base_branch", t->base_branch));
    topic_distance(t, &ahead, &behind);
    if (ahead >= 0 && behind >= 0) {
        json_object_set_new(body, "ahead", json_integer(ahead));
        json_object_set_new(body, "behind", json_integer(behind));
    }
    set_text(body, "head_sha", GIT_LINE(t->dir, "rev-parse", "HEAD"));
    set_text(body, "base_sha", topic_base(t));
    set_text(body, "fork", topic_remote(t, "origin", false));
    if (more != NULL)
        json_object_update(body, more);
    json_decref(more);
    int code = cli_call(cli, "POST", cail_path("/topics"), body, &r);
    if (code != 0)
        return code;
    if (ret != NULL)
        *ret = json_incref(r.json);
    cail_reply_done(&r);
    return 0;
}

json_t *topic_known(struct cli *cli, const struct topic *t)
{
    struct cail_reply r;
    json_t *found = NULL;
    char *name = cail_encode(t->upstream);
    char *path = cail_path("/topics?closed=1&upstream=%s", name != NULL ? name : "");
    free(name);
    if (cli_call(cli, "GET", path, NULL, &r) != 0)
        return NULL;
    const json_t *list = json_object_get(r.json, "topics");
    for (size_t i = 0; i < json_array_size(list) && found == NULL; i++)
        if (strcmp(js_text(json_array_get(list, i), "name"), t->name) == 0)
            found = json_incref(json_array_get(list, i));
    cail_reply_done(&r);
    return found;
}

char *topic_remote(const struct topic *t, const char *remote, bool push)
{
    return push ? GIT_LINE(t->dir, "remote", "get-url", "--push", remote)
                : GIT_LINE(t->dir, "remote", "get-url", remote);
}

bool topic_is_upstream(const struct topic *t, const char *url)
{
    char *fetched = topic_remote(t, "upstream", false);
    const json_t *pull = json_object_get(t->row, "pull");
    /* The page of a pull request names the repository too, whatever mirror the URL was set to. */
    char *page = cail_path("%s", js_text(pull, "page"));
    char *cut = strstr(page, "/pull/");
    if (cut != NULL)
        *cut = '\0';
    bool same = git_url_same(url, js_text(t->row, "url")) || git_url_same(url, page) ||
                (fetched != NULL && git_url_same(url, fetched));
    free(page);
    free(fetched);
    return same;
}

char *topic_owner(const struct topic *t)
{
    char *url = topic_remote(t, "origin", true);
    char *owner = url != NULL ? git_url_owner(url) : NULL;
    free(url);
    return owner;
}
