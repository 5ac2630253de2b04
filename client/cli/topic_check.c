/* cail topic check: the job that reads the upstream's rules; and the hook that asks for it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach.h"
#include "git.h"
#include "git_url.h"
#include "term.h"
#include "topic.h"

#define HOOK_MARK "cail topic check --pre-push"

static json_t *check_body(struct cli *cli, const struct topic *t, const char *base)
{
    const char *title = args_value(&cli->args, "title");
    json_t *known = topic_known(cli, t);
    char *name = cail_path("check %s/%s", t->upstream, t->name);
    char *label = cail_path("%s/%s", t->upstream, t->name);
    json_t *body =
        json_pack("{s:s,s:s,s:{s:s},s:{s:s,s:s,s:s,s:s}}", "recipe", "topic-check", "name", name,
                  "labels", "topic", label, "params", "worktree", t->dir, "upstream", t->upstream,
                  "base", base, "title", title != NULL ? title : "");
    if (js_text(known, "pr")[0] != '\0')
        json_object_set(cli_json(body), "pr", json_object_get(known, "pr"));
    json_decref(known);
    free(name);
    free(label);
    if (body == NULL)
        cli_usage(cli, "the title or the worktree's path is not UTF-8 text");
    return body;
}

static int run_check(struct cli *cli, struct topic *t)
{
    struct cail_reply r;
    char *base = topic_base(t);
    if (base == NULL) {
        cli_say("%s has no commit in common with %s of its upstream", t->branch, t->base_branch);
        return EXIT_REFUSED;
    }
    json_t *body = check_body(cli, t, base);
    free(base);
    if (body == NULL)
        return EXIT_USAGE;
    int rc = cail_submit(cli->c, body, NULL, &r);
    json_decref(body);
    if (rc != CAIL_OK)
        return cli_failed(cli);
    int64_t job = js_int(r.json, "id", 0);
    cail_reply_done(&r);
    char *head = GIT_LINE(t->dir, "rev-parse", "HEAD");
    int code = topic_say(
        cli, t,
        json_pack("{s:I,s:s}", "check_job", (json_int_t)job, "check_sha", head != NULL ? head : ""),
        NULL);
    free(head);
    if (code != 0)
        return code;
    const struct attach what = {.job = job, .from_first = true, .quiet = cli->json};
    return attach(cli, &what);
}

/* From the hook: the URL of a `git push`. */
static int check_push(struct cli *cli, struct topic *t)
{
    if (topic_is_upstream(t, cli->args.word[2])) {
        cli_say("not pushed: that is the upstream itself; push to your fork (cail topic push)");
        return EXIT_REFUSED;
    }
    int code = run_check(cli, t);
    if (code != 0)
        cli_say("not pushed: the check ended with %d; git push --no-verify leaves it out", code);
    return code;
}

/* A branch that is no topic's is not ours to judge. */
static bool on_topic(void)
{
    char *branch = GIT_LINE(NULL, "symbolic-ref", "-q", "--short", "HEAD");
    bool ours = branch != NULL && strncmp(branch, TOPIC_BRANCH, strlen(TOPIC_BRANCH)) == 0;
    free(branch);
    return ours;
}

int topic_check(struct cli *cli)
{
    if (!args_flag(&cli->args, "pre-push"))
        return topic_with(cli, 1, run_check);
    if (cli->args.n_words != 3)
        return cli_usage(cli, "--pre-push wants the remote and its URL, as git gives them to a "
                              "hook");
    return on_topic() ? topic_with(cli, 3, check_push) : 0;
}

/* --- the hook --- */

/* A word of a shell script in single quotes. */
static void add_quoted(struct cail_buf *b, const char *text)
{
    cail_buf_addc(b, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            cail_buf_adds(b, "'\\''");
        else
            cail_buf_addc(b, *text);
    }
    cail_buf_addc(b, '\'');
}

static char *hook_text(void)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    struct cail_buf b = CAIL_BUF_INIT;
    self[n > 0 ? n : 0] = '\0';
    cail_buf_adds(&b, "#!/bin/sh\n# " HOOK_MARK ": made by `cail topic hook install`.\n"
                      "# An upstream is never pushed to; a topic goes when its check passes.\n"
                      "exec ");
    add_quoted(&b, n > 0 ? self : "cail");
    cail_buf_adds(&b, " topic check --pre-push \"$1\" \"$2\"\n");
    return cli_take(&b);
}

/* The folder of hooks, if it is the repository's own: a shared one is other repositories' too. */
static char *hooks_folder(const struct topic *t)
{
    char real_hooks[PATH_MAX], real_common[PATH_MAX];
    char *hooks = GIT_LINE(t->dir, "rev-parse", "--path-format=absolute", "--git-path", "hooks");
    char *common = GIT_LINE(t->dir, "rev-parse", "--path-format=absolute", "--git-common-dir");
    if (hooks != NULL)
        (void)mkdir(hooks, 0755); /* there already, or the open below says why not */
    bool own = hooks != NULL && common != NULL && realpath(hooks, real_hooks) != NULL &&
               realpath(common, real_common) != NULL &&
               strncmp(real_hooks, real_common, strlen(real_common)) == 0 &&
               real_hooks[strlen(real_common)] == '/';
    free(common);
    if (own)
        return hooks;
    free(hooks);
    cli_say("core.hooksPath leads out of this topic's repository, to hooks of others: nothing was "
            "changed; call `" HOOK_MARK " \"$1\" \"$2\"` from your pre-push hook there");
    return NULL;
}

static bool is_ours(const char *path)
{
    char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return strstr(text, HOOK_MARK) != NULL;
}

static int write_hook(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0755);
    if (fd < 0 && errno == EEXIST) {
        cli_say("%s is there already and stays as it is%s", path,
                is_ours(path) ? " (it is ours)"
                              : "; add this line to it: " HOOK_MARK " \"$1\" \"$2\"");
        return is_ours(path) ? 0 : EXIT_REFUSED;
    }
    char *text = hook_text();
    size_t len = strlen(text);
    bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len;
    int why = errno;
    free(text);
    if (fd >= 0 && close(fd) != 0)
        ok = false;
    if (!ok) {
        cli_say("cannot write %s: %s", path, strerror(why));
        if (fd >= 0)
            unlink(path);
        return EXIT_UNREACHABLE;
    }
    cli_say("%s asks for a check before every push of this upstream's topics", path);
    return 0;
}

static int install(struct cli *cli, struct topic *t)
{
    char *folder = hooks_folder(t);
    (void)cli;
    if (folder == NULL)
        return EXIT_REFUSED;
    char *path = cail_path("%s/pre-push", folder);
    free(folder);
    int code = write_hook(path);
    free(path);
    return code;
}

int topic_hook(struct cli *cli)
{
    if (cli->args.n_words < 2 || strcmp(cli->args.word[1], "install") != 0)
        return cli_usage(cli, "hook install [UPSTREAM TOPIC]");
    return topic_with(cli, 2, install);
}
