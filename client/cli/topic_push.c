/* cail topic push, pr, message: to the fork, to the page that opens a pull request. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "git.h"
#include "git_url.h"
#include "term.h"
#include "topic.h"

#define PAGE_MAX 6000 /* bytes of an address that every browser and forge takes */

static int refuse(const char *what, const char *why)
{
    char *clean = term_clean(what);
    cli_say("%s: %s", clean, why);
    free(clean);
    return EXIT_REFUSED;
}

/* --- push --- */

static int set_fork(const struct topic *t, const char *url)
{
    const char *wrong = git_url_wrong(url);
    if (wrong != NULL)
        return refuse(url, wrong);
    if (topic_is_upstream(t, url))
        return refuse(url, "that is the upstream itself; nothing was changed");
    return GIT(t->dir, "config", "--replace-all", "remote.origin.url", url) == 0
               ? 0
               : refuse(url, "it cannot be made the remote origin");
}

/* Every address that a push to origin would go to, insteadOf and pushurl applied. */
static int check_targets(const struct topic *t)
{
    struct cail_buf out = CAIL_BUF_INIT;
    const char *const argv[] = {"remote", "get-url", "--push", "--all", "origin", NULL};
    int code = git_run(t->dir, GIT_QUIET, &out, argv);
    char *text = cli_take(&out);
    int found = 0, bad = 0;
    for (char *url = text, *next; *url != '\0' && bad == 0; url = next) {
        size_t len = strcspn(url, "\n");
        next = url + len + (url[len] != '\0');
        url[len] = '\0';
        const char *wrong = git_url_wrong(url);
        found++;
        if (wrong != NULL)
            bad = refuse(url, wrong);
        else if (topic_is_upstream(t, url))
            bad = refuse(url, "not pushed: that is the upstream itself; a topic goes to a fork");
    }
    free(text);
    if (code == 0 && found > 0)
        return bad;
    cli_say("no fork is known: cail topic push --fork URL");
    return EXIT_REFUSED;
}

/* Once a pull request is open some upstreams lose their reviewers' place by a forced push. */
static int may_force(struct cli *cli, const struct topic *t)
{
    json_t *known = topic_known(cli, t);
    bool open = js_text(known, "pr")[0] != '\0';
    json_decref(known);
    if (!open || strcmp(topic_rule(t->row, "force_push"), "never") != 0)
        return 0;
    char *why = term_clean(topic_rule(t->row, "after_review"));
    cli_say("not forced, its pull request is open. %s: %s", t->upstream, why);
    free(why);
    return EXIT_REFUSED;
}

static int push(struct cli *cli, struct topic *t)
{
    const char *fork = args_value(&cli->args, "fork");
    bool force = args_flag(&cli->args, "force");
    int code = fork != NULL ? set_fork(t, fork) : 0;
    if (code == 0)
        code = check_targets(t);
    if (code == 0 && force)
        code = may_force(cli, t);
    if (code != 0)
        return code;
    char *spec = cail_path("refs/heads/%s:refs/heads/%s", t->branch, t->branch);
    code = force ? GIT(t->dir, "push", "--set-upstream", "--no-follow-tags",
                       "--recurse-submodules=no", "--force-with-lease", "origin", spec)
                 : GIT(t->dir, "push", "--set-upstream", "--no-follow-tags",
                       "--recurse-submodules=no", "origin", spec);
    free(spec);
    if (code != 0) {
        cli_say("git did not push (exit code %d)", code);
        return EXIT_SOME_FAILED;
    }
    code = topic_say(cli, t, NULL, NULL);
    if (code == 0)
        cli_say("%s is at the fork; cail topic pr shows the page that opens a pull request",
                t->branch);
    return code;
}

int topic_push(struct cli *cli)
{
    return topic_with(cli, 1, push);
}

/* --- pr --- */

/* Of the first commit: what becomes the pull request's title and body. */
static void first_message(const struct topic *t, char **ret_subject, char **ret_body)
{
    char *base = topic_base(t), *range = cail_path("%s..HEAD", base != NULL ? base : "HEAD");
    struct cail_buf shas = CAIL_BUF_INIT, body = CAIL_BUF_INIT;
    const char *const list[] = {"rev-list", "--reverse", "--max-count=500", range, NULL};
    git_run(t->dir, GIT_QUIET, &shas, list);
    char *first = cli_take(&shas);
    first[strcspn(first, "\n")] = '\0';
    *ret_subject = NULL;
    if (first[0] != '\0') {
        const char *const show[] = {"log", "-1", "--format=%b", first, NULL};
        *ret_subject = GIT_LINE(t->dir, "log", "-1", "--format=%s", first);
        git_run(t->dir, GIT_QUIET, &body, show);
    }
    *ret_body = cli_take(&body);
    for (size_t n = strlen(*ret_body); n > 0 && (*ret_body)[n - 1] == '\n'; n--)
        (*ret_body)[n - 1] = '\0';
    free(first);
    free(range);
    free(base);
}

/* One part of a path or of a query, '/' kept as it is. */
static void add_part(struct cail_buf *b, const char *text)
{
    for (size_t n; *text != '\0'; text += n) {
        n = strcspn(text, "/");
        char *part = strndup(text, n);
        if (part != NULL)
            cail_buf_encode(b, part);
        free(part);
        if (text[n] == '/') {
            cail_buf_addc(b, '/');
            n++;
        }
    }
}

/* The pattern with {base}, {fork} and {branch} filled in. */
static void fill(struct cail_buf *b, const char *pattern, const struct topic *t, const char *owner)
{
    while (*pattern != '\0') {
        if (strncmp(pattern, "{base}", 6) == 0) {
            add_part(b, t->base_branch);
            pattern += 6;
        } else if (strncmp(pattern, "{fork}", 6) == 0) {
            add_part(b, owner);
            pattern += 6;
        } else if (strncmp(pattern, "{branch}", 8) == 0) {
            add_part(b, t->branch);
            pattern += 8;
        } else {
            cail_buf_addc(b, *pattern++);
        }
    }
}

static char *compare_page(const struct topic *t, const char *owner)
{
    struct cail_buf b = CAIL_BUF_INIT;
    char *subject, *body;
    const char *pattern = js_text(json_object_get(t->row, "pull"), "compare");
    fill(&b, pattern, t, owner);
    first_message(t, &subject, &body);
    if (subject != NULL) {
        struct cail_buf more = CAIL_BUF_INIT;
        cail_buf_adds(&more, strchr(pattern, '?') != NULL ? "&title=" : "?title=");
        cail_buf_encode(&more, subject);
        if (body[0] != '\0') {
            cail_buf_adds(&more, "&body=");
            cail_buf_encode(&more, body);
        }
        char *text = cli_take(&more);
        if (b.len + strlen(text) < PAGE_MAX)
            cail_buf_adds(&b, text);
        free(text);
    }
    free(subject);
    free(body);
    return cli_take(&b);
}

/* The desktop's own way to open an address; what it prints is nobody's. */
static int open_page(const char *url)
{
    const char *browser = getenv("BROWSER");
    const char *program = browser != NULL && browser[0] != '\0' ? browser : "xdg-open";
    pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null >= 0)
            dup2(null, STDOUT_FILENO);
        execlp(program, program, url, (char *)NULL);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    cli_say("%s cannot open it; the address stands above", program);
    return EXIT_SOME_FAILED;
}

static int show_page(struct cli *cli, struct topic *t)
{
    char *owner = topic_owner(t);
    if (owner == NULL) {
        cli_say("no fork with an owner in its address is known: cail topic push --fork URL");
        return EXIT_REFUSED;
    }
    char *page = compare_page(t, owner), *after = term_clean(topic_rule(t->row, "after_review"));
    char *automation = term_clean(topic_rule(t->row, "automation"));
    term_puts(STDOUT_FILENO, page);
    term_puts(STDOUT_FILENO, "\n");
    cli_say("a person opens it and answers for it. %s", automation);
    cli_say("after review: %s", after);
    cli_say("when it is open: cail topic link URL");
    int code = args_flag(&cli->args, "open") ? open_page(page) : 0;
    free(page);
    free(after);
    free(automation);
    free(owner);
    return code;
}

int topic_pr(struct cli *cli)
{
    return topic_with(cli, 1, show_page);
}

/* --- message --- */

static void add_comment(struct cail_buf *b, const char *label, const char *text)
{
    char *clean = term_clean(text);
    if (clean[0] != '\0')
        cail_buf_addf(b, "# %s%s\n", label, clean);
    free(clean);
}

static int print_message(struct cli *cli, struct topic *t)
{
    struct cail_buf b = CAIL_BUF_INIT;
    (void)cli;
    const json_t *rules = json_object_get(t->row, "rules"),
                 *title = json_object_get(rules, "title");
    const json_t *message = json_object_get(rules, "message");
    const json_t *sections = json_object_get(message, "sections");
    cail_buf_addc(&b, '\n');
    cail_buf_addf(&b, "# At most %d characters. ", (int)js_int(title, "max", 72));
    char *say = term_clean(js_text(title, "say"));
    cail_buf_addf(&b, "%s\n", say);
    free(say);
    add_comment(&b, "As in: ", js_text(title, "example"));
    for (size_t i = 0; i < json_array_size(sections); i++) {
        char *text = term_clean(json_string_value(json_array_get(sections, i)));
        /* A heading stays in the message, advice is taken out by git. */
        bool heading = strncmp(text, "## ", 3) == 0 || text[strlen(text) - 1] == ':';
        cail_buf_addf(&b, "\n%s%s\n", heading ? "" : "# ", text);
        free(text);
    }
    if (js_int(message, "body_max", 0) > 0)
        cail_buf_addf(&b, "# Lines of at most %d characters.\n",
                      (int)js_int(message, "body_max", 0));
    if (json_is_true(json_object_get(rules, "sign_off"))) {
        char *name = GIT_LINE(t->dir, "config", "--get", "user.name");
        char *mail = GIT_LINE(t->dir, "config", "--get", "user.email");
        cail_buf_addf(&b, "\nSigned-off-by: %s <%s>\n", name != NULL ? name : "NAME",
                      mail != NULL ? mail : "ADDRESS");
        free(name);
        free(mail);
    }
    add_comment(&b, "CLA: ", js_text(rules, "cla"));
    char *text = cli_take(&b);
    cli_put(text, strlen(text));
    free(text);
    return 0;
}

int topic_message(struct cli *cli)
{
    return topic_with(cli, 1, print_message);
}
