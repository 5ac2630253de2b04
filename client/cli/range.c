#include "range.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fmt.h"
#include "git.h"
#include "term.h"

int range_open(struct range *r, struct cli *cli, const char *recipe)
{
    *r = (struct range){0};
    int code = compare_place_open(&r->place, cli, recipe);
    if (code != 0)
        return code;
    const char *upstream = js_text(r->place.upstream, "name");
    if (r->place.top != NULL) {
        r->repo = cail_path("%s", r->place.top);
    } else if (upstream[0] != '\0') {
        r->repo = cail_path("%s/mirrors/%s.git", r->place.build_root, upstream);
        if (access(r->repo, R_OK | X_OK) != 0) {
            cli_say("the commits of %s are not known here: stand in a clone of it, or run %s once",
                    upstream, recipe);
            return EXIT_REFUSED;
        }
    } else {
        cli_say("%s builds no upstream, so it has no commits", recipe);
        return EXIT_REFUSED;
    }
    return 0;
}

void range_close(struct range *r)
{
    compare_place_done(&r->place);
    free(r->repo);
    r->repo = NULL;
}

static char *verify(const struct range *r, const char *prefix, const char *word)
{
    char *name = cail_path("%s%s^{commit}", prefix, word);
    char *sha = GIT_LINE(r->repo, "rev-parse", "-q", "--verify", "--end-of-options", name);
    free(name);
    return sha;
}

int range_commit(const struct range *r, const char *word, char **ret)
{
    *ret = NULL;
    if (word[0] != '\0' && word[0] != '-' && word[0] != '^') {
        /* The upstream's own branch, not what this clone made of it; HEAD is where we stand. */
        if (r->place.remote != NULL && strncmp(word, "HEAD", 4) != 0) {
            char *there = cail_path("refs/remotes/%s/", r->place.remote);
            *ret = verify(r, there, word);
            free(there);
        }
        if (*ret == NULL)
            *ret = verify(r, "", word);
    }
    if (*ret != NULL)
        return 0;
    char *clean = term_clean(word);
    cli_say("%s is no commit of %s", clean, r->repo);
    free(clean);
    return EXIT_REFUSED;
}

/* The lines of a git command as an array of strings. */
static int lines_of(const struct range *r, const char *const argv[], json_t **ret)
{
    struct cail_buf out = CAIL_BUF_INIT;
    int code = git_run(r->repo, GIT_SHOW, &out, argv);
    char *text = cli_take(&out);
    *ret = cli_json(json_array());
    for (char *p = text; code == 0 && *p != '\0';) {
        size_t len = strcspn(p, "\n");
        json_array_append_new(*ret, json_stringn(p, len));
        p += len + (p[len] == '\n');
    }
    free(text);
    return code == 0 ? 0 : EXIT_REFUSED;
}

int range_list(const struct range *r, const char *from, const char *to, const char *path,
               json_t **ret)
{
    char *between = cail_path("%s..%s", from, to);
    const char *const argv[] = {"rev-list", "--first-parent", "--reverse", between, "--", path,
                                NULL};
    *ret = NULL;
    int code = GIT_TRY(r->repo, "merge-base", "--is-ancestor", from, to);
    if (code != 0) {
        cli_say("%.12s does not come before %.12s", from, to);
        code = EXIT_REFUSED;
    } else {
        code = lines_of(r, argv, ret);
    }
    free(between);
    if (code == 0 && json_array_size(*ret) == 0) {
        cli_say("no commit between them%s", path != NULL ? " touches that path" : "");
        code = EXIT_REFUSED;
    }
    if (code == 0)
        json_array_insert_new(*ret, 0, json_string(from));
    else
        json_decref(*ret);
    return code;
}

int range_offer(const struct range *r, const char *sha)
{
    char *taken = NULL;
    if (r->place.top == NULL || !compare_can_take(&r->place))
        return 0;
    int code = compare_take(&r->place, r->place.top, sha, &taken);
    free(taken);
    return code;
}

int range_print(const struct range *r, const char *from, const char *to, const char *path,
                size_t *ret_n)
{
    char *between = cail_path("%s..%s", from, to);
    const char *const argv[] = {"log",
                                "--first-parent",
                                "--no-show-signature",
                                "--no-color",
                                "--date=short",
                                "--format=%h%x09%ad%x09%an%x09%s",
                                "--abbrev=12",
                                between,
                                "--",
                                path,
                                NULL};
    json_t *list = NULL, *line;
    size_t i;
    int code = lines_of(r, argv, &list);
    free(between);
    *ret_n = json_array_size(list);
    json_array_foreach(list, i, line) {
        char *clean = term_clean(json_string_value(line) != NULL ? json_string_value(line) : "");
        cli_put("  ", 2);
        cli_put(clean, strlen(clean));
        cli_put("\n", 1);
        free(clean);
    }
    json_decref(list);
    return code;
}

char *range_words(const struct range *r, const char *sha)
{
    char *line = GIT_LINE(r->repo, "log", "-1", "--no-show-signature", "--format=%an: %s", sha);
    char *clean = line != NULL ? term_clean(line) : NULL;
    free(line);
    return clean;
}

int range_words_of(const struct cli *cli, const char *text, char **ret_from, char **ret_to)
{
    const char *dots = strstr(text, "..");
    size_t len = dots != NULL ? (size_t)(dots - text) : 0;
    if (dots == NULL || len == 0 || dots[2] == '\0' || dots[2] == '.')
        return cli_usage(cli, "a range is FROM..TO: v19..v22");
    *ret_from = cail_path("%.*s", (int)len, text);
    *ret_to = cail_path("%s", dots + 2);
    return 0;
}

json_t *range_spread(const json_t *list, size_t steps)
{
    size_t n = json_array_size(list), last = (size_t)-1;
    json_t *ret = cli_json(json_array());
    steps = steps < n ? steps : n;
    for (size_t i = 0; i < steps; i++) {
        size_t at = steps > 1 ? (i * (n - 1) + (steps - 1) / 2) / (steps - 1) : n - 1;
        if (at != last)
            json_array_append(ret, json_array_get(list, at));
        last = at;
    }
    return ret;
}

/* --- cail run RECIPE --range A..B --steps N --- */

enum { STEPS_DEFAULT = 10, STEPS_MAX = 1000 };

static int spread_between(struct range *r, const struct cli *cli, const char *words, size_t steps,
                          json_t **ret)
{
    char *from = NULL, *to = NULL, *first = NULL, *last = NULL;
    json_t *all = NULL;
    int code = range_words_of(cli, words, &from, &to);
    if (code == 0)
        code = range_commit(r, from, &first);
    if (code == 0)
        code = range_commit(r, to, &last);
    if (code == 0)
        code = range_list(r, first, last, args_value(&cli->args, "path"), &all);
    if (code == 0)
        code = range_offer(r, last);
    if (code == 0)
        *ret = range_spread(all, steps);
    json_decref(all);
    free(from);
    free(to);
    free(first);
    free(last);
    return code;
}

int range_axis(struct cli *cli, json_t *body)
{
    const char *words = args_value(&cli->args, "range"), *recipe = js_text(body, "recipe");
    const char *steps = args_value(&cli->args, "steps");
    struct range r;
    json_t *list = NULL, *matrix = json_object_get(body, "matrix");
    int64_t n = STEPS_DEFAULT;
    if (words == NULL)
        return steps != NULL ? cli_usage(cli, "--steps belongs to a --range") : 0;
    if (recipe[0] == '\0')
        return cli_usage(cli, "--range needs a recipe, which builds each commit");
    if (steps != NULL && !fmt_read_int(steps, 1, STEPS_MAX, &n))
        return cli_usage(cli, "--steps: 1 to %d", STEPS_MAX);
    int code = range_open(&r, cli, recipe);
    if (code == 0)
        code = spread_between(&r, cli, words, (size_t)n, &list);
    range_close(&r);
    if (code != 0)
        return code;
    if (matrix == NULL)
        json_object_set_new(body, "matrix", matrix = cli_json(json_object()));
    cli_say("%zu commits of %s", json_array_size(list), words);
    json_object_set_new(matrix, "params.ref", list);
    return 0;
}
