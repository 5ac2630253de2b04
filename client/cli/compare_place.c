/* Which upstream is compared, where its clone and its mirror are. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare.h"
#include "git.h"
#include "git_url.h"
#include "term.h"

#define SHA_MAX 64

/* --- the daemon's words --- */

static int get(struct cli *cli, char *path, json_t **ret)
{
    struct cail_reply r;
    int code = cli_call(cli, "GET", path, NULL, &r);
    if (code == 0) {
        *ret = json_incref(r.json);
        cail_reply_done(&r);
    }
    return code;
}

static int get_named(struct cli *cli, const char *list, const char *name, json_t **ret)
{
    char *encoded = cail_encode(name);
    int code = get(cli, cail_path("/%s/%s", list, encoded != NULL ? encoded : ""), ret);
    free(encoded);
    return code;
}

/* Above the recipe's folder stands the one with lib/. */
static char *find_library(const char *dir)
{
    char *at = cail_path("%s", dir), *slash;
    while (at != NULL && (slash = strrchr(at, '/')) != NULL && slash != at) {
        *slash = '\0';
        char *script = cail_path("%s/lib/snapshot.sh", at);
        bool found = script != NULL && access(script, R_OK) == 0;
        free(script);
        if (!found)
            continue;
        char *library = cail_path("%s/lib", at);
        free(at);
        return library;
    }
    free(at);
    return NULL;
}

/* --- the clone --- */

/* Is `url` a fork's, by the upstream's pattern "https://host/{owner}/name.git"? */
static bool is_fork(const json_t *upstream, const char *url)
{
    const char *pattern = js_text(json_object_get(upstream, "pull"), "fork");
    const char *mark = strstr(pattern, "{owner}");
    char *owner = mark != NULL ? git_url_owner(url) : NULL;
    bool same = false;
    if (owner != NULL) {
        char *fork = cail_path("%.*s%s%s", (int)(mark - pattern), pattern, owner, mark + 7);
        same = fork != NULL && git_url_same(fork, url);
        free(fork);
    }
    free(owner);
    return same;
}

/* 2 = the upstream itself, 1 = a fork of it, 0 = something else. */
static int likeness(const json_t *upstream, const char *url)
{
    if (git_url_same(js_text(upstream, "url"), url))
        return 2;
    return is_fork(upstream, url) ? 1 : 0;
}

/* The remote in `remotes` ("remote.NAME.url URL" lines) that is most like the upstream. */
static int best_remote(char *remotes, const json_t *upstream, char **ret)
{
    int best = 0;
    for (char *line = remotes; line != NULL && *line != '\0';) {
        size_t len = strcspn(line, "\n"), key = strcspn(line, " ");
        if (key < len && key > 11) {
            char *url = strndup(line + key + 1, len - key - 1);
            int like = url != NULL ? likeness(upstream, url) : 0;
            free(url);
            if (like > best) {
                best = like;
                free(*ret);
                *ret = strndup(line + 7, key - 11); /* between "remote." and ".url" */
            }
        }
        line += line[len] == '\n' ? len + 1 : len;
    }
    return best;
}

static char *remotes_of(const char *dir)
{
    struct cail_buf out = CAIL_BUF_INIT;
    const char *const argv[] = {"config", "--get-regexp", "^remote\\..*\\.url$", NULL};
    git_run(dir, GIT_QUIET, &out, argv);
    return cli_take(&out);
}

/* The upstream's branch as this clone has it: the remote's HEAD, else the branch by its name. */
static char *find_trunk(const struct compare_place *p)
{
    char *head = cail_path("refs/remotes/%s/HEAD", p->remote);
    char *trunk = GIT_LINE(p->top, "symbolic-ref", "-q", head);
    free(head);
    static const char *const keys[] = {"default_branch", "branch_hint"};
    for (size_t i = 0; trunk == NULL && i < sizeof keys / sizeof keys[0]; i++) {
        const char *branch = js_text(p->upstream, keys[i]);
        if (branch[0] == '\0' || !git_branch_name(branch))
            continue;
        char *ref = cail_path("refs/remotes/%s/%s", p->remote, branch);
        if (GIT_TRY(p->top, "show-ref", "--verify", "--quiet", ref) == 0)
            trunk = ref;
        else
            free(ref);
    }
    return trunk;
}

/* Of the upstreams in `list` the one whose clone this is. */
static void match_clone(struct compare_place *p, const json_t *list, char *remotes)
{
    int best = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *row = json_array_get(list, i);
        char *remote = NULL;
        int like = best_remote(remotes, row, &remote);
        if (like > best) {
            best = like;
            json_decref(p->upstream);
            p->upstream = json_incref(row);
            free(p->remote);
            p->remote = remote;
            remote = NULL;
        }
        free(remote);
    }
}

static const char no_clone[] =
    "this is no checkout of an upstream that the lab knows (cail upstreams lists them); name both "
    "sides: cail compare BASE HEAD --recipe RECIPE";

static int open_here(struct compare_place *p)
{
    json_t *list = NULL;
    char *remotes = remotes_of(p->top);
    int code = get(p->cli, cail_path("/upstreams"), &list);
    if (code == 0)
        match_clone(p, json_object_get(list, "upstreams"), remotes);
    free(remotes);
    json_decref(list);
    if (code == 0 && p->upstream == NULL) {
        cli_say("%s", no_clone);
        code = EXIT_USAGE;
    }
    if (code != 0)
        return code;
    const json_t *kinds = json_object_get(p->upstream, "recipes");
    const char *name = json_string_value(json_array_get(json_object_get(kinds, "benchmark"), 0));
    if (name == NULL)
        return cli_usage(p->cli, "%s has no benchmark of its own: name one with --recipe",
                         js_text(p->upstream, "name"));
    code = get_named(p->cli, "recipes", name, &p->recipe);
    const char *builds = js_text(p->recipe, "upstream");
    if (code == 0 && strcmp(builds, js_text(p->upstream, "name")) != 0) {
        cli_say("%s, the benchmark of %s, does not build it from a checkout: name another with "
                "--recipe",
                name, js_text(p->upstream, "name"));
        code = EXIT_REFUSED;
    }
    return code;
}

static int open_recipe(struct compare_place *p, const char *recipe)
{
    int code = get_named(p->cli, "recipes", recipe, &p->recipe);
    const char *name = js_text(p->recipe, "upstream");
    if (code != 0 || name[0] == '\0')
        return code;
    code = get_named(p->cli, "upstreams", name, &p->upstream);
    if (code == 0 && p->top != NULL) {
        char *remotes = remotes_of(p->top);
        best_remote(remotes, p->upstream, &p->remote);
        free(remotes);
    }
    return code;
}

int compare_place_open(struct compare_place *p, struct cli *cli, const char *recipe)
{
    json_t *version = NULL;
    *p = (struct compare_place){.cli = cli};
    git_settle();
    p->top = GIT_LINE(NULL, "rev-parse", "--show-toplevel");
    if (p->top == NULL && recipe == NULL) {
        cli_say("%s", no_clone);
        return EXIT_USAGE;
    }
    int code = recipe != NULL ? open_recipe(p, recipe) : open_here(p);
    if (code == 0)
        code = get(cli, cail_path("/version"), &version);
    if (code != 0)
        return code;
    const char *root = args_value(&cli->args, "build-root");
    p->build_root = cail_path("%s", root != NULL ? root : js_text(version, "build_root"));
    p->library = find_library(js_text(p->recipe, "dir"));
    json_decref(version);
    if (p->remote == NULL) {
        free(p->top);
        p->top = NULL;
    } else {
        p->trunk = find_trunk(p);
    }
    return 0;
}

void compare_place_done(struct compare_place *p)
{
    json_decref(p->recipe);
    json_decref(p->upstream);
    free(p->library);
    free(p->build_root);
    free(p->top);
    free(p->remote);
    free(p->trunk);
    *p = (struct compare_place){0};
}

/* --- snapshots --- */

bool compare_can_take(const struct compare_place *p)
{
    return p->library != NULL && p->upstream != NULL && p->build_root != NULL &&
           (access(p->build_root, W_OK) == 0 || errno == ENOENT);
}

static _Noreturn void become_script(const char *const argv[], int out)
{
    dup2(out, STDOUT_FILENO);
    execvp("bash", (char *const *)(uintptr_t)(const void *)argv);
    _exit(errno == ENOENT ? 127 : 126);
}

/* The first line that the script prints; its words go to stderr. */
static int run_script(const char *const argv[], char line[SHA_MAX + 2])
{
    int fd[2], status = 0;
    size_t len = 0;
    ssize_t n = 0;
    if (pipe(fd) != 0)
        return EXIT_UNREACHABLE;
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        become_script(argv, fd[1]);
    }
    close(fd[1]);
    while (pid > 0 && len < SHA_MAX + 1 && (n = read(fd[0], line + len, SHA_MAX + 1 - len)) != 0) {
        if (n < 0 && errno != EINTR)
            break;
        len += n > 0 ? (size_t)n : 0;
    }
    close(fd[0]);
    line[len] = '\0';
    line[strcspn(line, "\n")] = '\0';
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_UNREACHABLE;
}

int compare_take(const struct compare_place *p, const char *dir, const char *what, char **ret)
{
    char line[SHA_MAX + 2], key[128];
    const char *name = js_text(p->upstream, "name");
    if (p->upstream == NULL) {
        cli_say("%s builds no upstream, so it has nothing to do with a checkout",
                js_text(p->recipe, "name"));
        return EXIT_REFUSED;
    }
    if (p->library == NULL) {
        cli_say("the files of cail-d at %s are not on this machine: what only this checkout has "
                "cannot be compared there; push it and name the branch",
                cail_where(p->cli->c));
        return EXIT_REFUSED;
    }
    snprintf(key, sizeof key, "CAIL_UPSTREAM_%s_URL", name);
    for (char *c = key; *c != '\0'; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c == '-' ? '_' : *c);
    setenv(key, js_text(p->upstream, "url"), 1);
    char *script = cail_path("%s/snapshot.sh", p->library);
    char *mirror = cail_path("%s/mirrors/%s.git", p->build_root, name);
    const char *const argv[] = {"bash", script, dir, mirror, what, NULL};
    int code = run_script(argv, line);
    free(script);
    free(mirror);
    if (code == 0 && strspn(line, "0123456789abcdef") < 40)
        code = EXIT_UNREACHABLE;
    if (code == 0)
        *ret = cail_path("%s", line);
    else
        cli_say("no snapshot could be taken of %s", dir);
    return code == 0 ? 0 : EXIT_REFUSED;
}
