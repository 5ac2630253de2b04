/* cail topic start: the repository, its remotes, the branch and its worktree. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "git.h"
#include "git_url.h"
#include "term.h"
#include "topic.h"

struct start {
    struct topic t;
    char *folder; /* of the upstream: ROOT/llvm */
    char *repo;   /* ROOT/llvm/repo.git */
    const char *url;
    char *fork; /* NULL = not known yet */
};

static int refuse(const char *what, const char *why)
{
    char *clean = term_clean(what);
    cli_say("%s: %s", clean, why);
    free(clean);
    return EXIT_REFUSED;
}

/* "ref: refs/heads/main<TAB>HEAD": the one place where a default branch comes from. */
static int ask_branch(struct start *s)
{
    static const char lead[] = "ref: refs/heads/";
    struct cail_buf out = CAIL_BUF_INIT;
    const char *const argv[] = {"ls-remote", "--symref", "--", s->url, "HEAD", NULL};
    int code = git_run(NULL, GIT_SHOW, &out, argv);
    char *text = cli_take(&out);
    char *at = strstr(text, lead), *end = at != NULL ? strchr(at, '\t') : NULL;
    if (code == 0 && end != NULL) {
        *end = '\0';
        s->t.base_branch = cail_path("%s", at + sizeof lead - 1);
    }
    free(text);
    if (code != 0)
        return refuse(s->url, "git cannot ask it for its default branch");
    if (s->t.base_branch == NULL || !git_branch_name(s->t.base_branch))
        return refuse(s->url, "its HEAD names no branch");
    return 0;
}

static int make_folders(const char *path)
{
    char *copy = cail_path("%s", path);
    int rc = 0;
    for (char *p = copy + 1; rc == 0; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char kept = *p;
        *p = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST)
            rc = errno;
        *p = kept;
        if (kept == '\0')
            break;
    }
    free(copy);
    return rc == 0 ? 0 : refuse(path, strerror(rc));
}

/* Beside others that start a topic of this upstream now. The kernel lets it go with the process. */
static int lock(const struct start *s)
{
    char *path = cail_path("%s/lock", s->folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    int code = fd >= 0 && flock(fd, LOCK_EX) == 0 ? 0 : refuse(path, strerror(errno));
    free(path);
    return code;
}

static bool set_config(const char *repo, const char *key, const char *value)
{
    return GIT(repo, "config", "--replace-all", key, value) == 0;
}

/* A repository that has its name is whole. */
static int make_repo(const struct start *s)
{
    struct stat st;
    if (stat(s->repo, &st) == 0)
        return 0;
    char *part = cail_path("%s.%d.part", s->repo, (int)getpid());
    bool ok = GIT(NULL, "init", "-q", "--bare", "--", part) == 0 &&
              set_config(part, "cail.upstream", s->t.upstream) &&
              set_config(part, "remote.pushDefault", "origin") &&
              set_config(part, "push.default", "current") && rename(part, s->repo) == 0;
    free(part);
    return ok ? 0 : refuse(s->repo, "the repository cannot be made");
}

/* The remote `upstream` is made so that a push to it ends before it begins. */
static int set_upstream(const struct start *s)
{
    char *spec =
        cail_path("+refs/heads/%s:refs/remotes/upstream/%s", s->t.base_branch, s->t.base_branch);
    bool ok = set_config(s->repo, "remote.upstream.url", s->url) &&
              set_config(s->repo, "remote.upstream.pushurl", TOPIC_NO_PUSH) &&
              set_config(s->repo, "remote.upstream.tagOpt", "--no-tags") &&
              set_config(s->repo, "remote.upstream.fetch", spec) &&
              set_config(s->repo, "cail.branch", s->t.base_branch);
    if (ok) {
        cli_say("fetching %s of %s", s->t.base_branch, s->t.upstream);
        ok = GIT(s->repo, "fetch", "--no-tags", "--filter=blob:none", "--recurse-submodules=no",
                 "upstream", spec) == 0;
    }
    free(spec);
    return ok ? 0 : refuse(s->url, "git cannot fetch from it");
}

/* --fork, else what the repository has, else the user's name at the forge that git knows. */
static int find_fork(struct cli *cli, struct start *s)
{
    const char *said = args_value(&cli->args, "fork");
    char *kept = GIT_LINE(s->repo, "config", "--get", "remote.origin.url");
    char *user = GIT_LINE(NULL, "config", "--get", "github.user");
    const char *pattern = js_text(json_object_get(s->t.row, "pull"), "fork");
    const char *mark = strstr(pattern, "{owner}");
    if (said != NULL)
        s->fork = cail_path("%s", said);
    else if (kept != NULL)
        s->fork = cail_path("%s", kept);
    else if (user != NULL && mark != NULL &&
             strspn(user, "abcdefghijklmnopqrstuvwxyz"
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == strlen(user) &&
             user[0] != '-')
        s->fork = cail_path("%.*s%s%s", (int)(mark - pattern), pattern, user, mark + 7);
    free(kept);
    free(user);
    if (s->fork == NULL)
        return 0;
    const char *wrong = git_url_wrong(s->fork);
    if (wrong != NULL)
        return refuse(s->fork, wrong);
    if (topic_is_upstream(&s->t, s->fork) || git_url_same(s->fork, s->url))
        return refuse(s->fork, "that is the upstream itself; a topic is pushed to a fork of yours");
    return 0;
}

static int set_fork(const struct start *s)
{
    if (s->fork == NULL)
        return 0;
    return set_config(s->repo, "remote.origin.url", s->fork) &&
                   set_config(s->repo, "remote.origin.fetch",
                              "+refs/heads/" TOPIC_BRANCH "*:refs/remotes/origin/" TOPIC_BRANCH
                              "*") &&
                   set_config(s->repo, "remote.origin.tagOpt", "--no-tags")
               ? 0
               : refuse(s->fork, "it cannot be made a remote");
}

static int add_worktree(const struct start *s)
{
    char *ref = cail_path("refs/heads/%s", s->t.branch);
    char *from = cail_path("refs/remotes/upstream/%s", s->t.base_branch);
    struct stat st;
    int code = 0;
    if (lstat(s->t.dir, &st) == 0)
        code = refuse(s->t.dir, "is there already; `cail topic status` lists the topics");
    else if (GIT_TRY(s->repo, "show-ref", "--verify", "--quiet", ref) == 0)
        code = refuse(s->t.branch, "that branch is there already: choose another name");
    else if (GIT_TRY(s->repo, "worktree", "prune") != 0 ||
             GIT(s->repo, "worktree", "add", "-q", "--no-track", "-b", s->t.branch, s->t.dir,
                 from) != 0)
        code = refuse(s->t.dir, "the worktree cannot be made");
    free(ref);
    free(from);
    return code;
}

static void tell(struct cli *cli, const struct start *s, const json_t *doc)
{
    struct cail_buf b = CAIL_BUF_INIT;
    if (cli->json) {
        char *text = json_dumps(doc, JSON_COMPACT);
        cli_json((json_t *)(void *)text);
        cail_buf_addf(&b, "%s\n", text);
        free(text);
    } else {
        cail_buf_addf(&b, "%s\n", s->t.dir);
    }
    char *out = cli_take(&b);
    term_puts(STDOUT_FILENO, out);
    free(out);
    if (cli->json)
        return;
    cli_say("branch %s from %s of %s; then: git commit, cail topic check, cail topic push",
            s->t.branch, s->t.base_branch, s->t.upstream);
    if (s->fork == NULL)
        cli_say("no fork is known yet: cail topic push --fork URL, or git config --global "
                "github.user NAME");
    if (topic_rule(s->t.row, "cla")[0] != '\0')
        cli_say("before the first pull request: %s", topic_rule(s->t.row, "cla"));
}

static int make(struct cli *cli, struct start *s)
{
    json_t *doc = NULL;
    const char *wrong = git_url_wrong(s->url);
    int code = wrong != NULL ? refuse(s->url, wrong) : 0;
    if (code != 0 || (code = ask_branch(s)) != 0 || (code = make_folders(s->folder)) != 0 ||
        (code = lock(s)) != 0 || (code = make_repo(s)) != 0 || (code = find_fork(cli, s)) != 0 ||
        (code = set_upstream(s)) != 0 || (code = set_fork(s)) != 0 || (code = add_worktree(s)) != 0)
        return code;
    code = topic_say(cli, &s->t, json_pack("{s:b}", "closed", 0), &doc);
    if (code == 0)
        tell(cli, s, doc);
    json_decref(doc);
    return code;
}

int topic_start(struct cli *cli)
{
    struct start s = {0};
    if (cli->args.n_words != 3)
        return cli_usage(cli, "start wants an upstream and a name: cail topic start llvm "
                              "mlir-fix-cse");
    const char *name = cli->args.word[2];
    if (!git_topic_name(name) || strcmp(name, "lock") == 0 || strncmp(name, "repo.git", 8) == 0)
        return cli_usage(cli, "a topic's name has 1 to 64 of a-z, 0-9, '-', '_' and '.'");
    char *root = topic_root();
    int code = root != NULL ? topic_row(cli, cli->args.word[1], &s.t.row) : EXIT_USAGE;
    if (code == 0) {
        s.t.upstream = cail_path("%s", js_text(s.t.row, "name"));
        s.t.name = cail_path("%s", name);
        s.t.branch = cail_path(TOPIC_BRANCH "%s", name);
        s.folder = cail_path("%s/%s", root, s.t.upstream);
        s.repo = cail_path("%s/repo.git", s.folder);
        s.t.dir = cail_path("%s/%s", s.folder, name);
        s.url = js_text(s.t.row, "url");
        code = make(cli, &s);
    }
    free(root);
    free(s.folder);
    free(s.repo);
    free(s.fork);
    topic_done(&s.t);
    return code;
}
