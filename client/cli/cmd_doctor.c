/* cail doctor: each check says what it found and, if that is not well, what to do next. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cail_version.h"
#include "fmt.h"
#include "term.h"
#include "verbs.h"

#define LOW_DISK_BYTES (INT64_C(20) << 30) /* a release build of LLVM takes about this much */

enum verdict { FINE, NOTE, WARNING, FAILURE };

struct doctor {
    struct cli *cli;
    json_t *checks; /* for --json */
    bool failed;
};

/* next NULL = nothing to do. */
static void report(struct doctor *d, enum verdict v, const char *check, const char *next,
                   const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void report(struct doctor *d, enum verdict v, const char *check, const char *next,
                   const char *fmt, ...)
{
    static const char *const words[] = {"ok", "note", "warning", "failed"};
    static const char *const colours[] = {"32", "36", "33", "31"};
    va_list ap;
    char *raw = NULL;
    va_start(ap, fmt);
    if (vasprintf(&raw, fmt, ap) < 0)
        abort();
    va_end(ap);
    char *text = term_clean(raw);
    free(raw);
    d->failed = d->failed || v == FAILURE;
    json_array_append_new(d->checks,
                          cli_json(json_pack("{s:s,s:s,s:s,s:s?}", "check", check, "verdict",
                                             words[v], "detail", text, "next", next)));
    if (!d->cli->json) {
        struct cail_buf b = CAIL_BUF_INIT;
        if (term.colour)
            cail_buf_addf(&b, "\033[%sm%-8s\033[0m", colours[v], words[v]);
        else
            cail_buf_addf(&b, "%-8s", words[v]);
        cail_buf_addf(&b, "%-10s %s\n", check, text);
        if (next != NULL)
            cail_buf_addf(&b, "%-8s%-10s -> %s\n", "", "", next);
        char *line = cli_take(&b);
        term_puts(STDOUT_FILENO, line);
        free(line);
    }
    free(text);
}

/* False: nothing else can be asked. */
static bool check_reach(struct doctor *d, struct cail_reply *version)
{
    const char *where = cail_where(d->cli->c);
    if (cail_call(d->cli->c, "GET", "/version", NULL, version) != CAIL_OK) {
        report(d, FAILURE, "reach", "start it with ./lab up; or name it with --url, CAIL_URL", "%s",
               cail_message(d->cli->c));
        return false;
    }
    const char *theirs = js_text(version->json, "version");
    report(d, FINE, "reach", NULL, "cail-d answers at %s, pid %" PRId64, where,
           js_int(version->json, "pid", 0));
    if (strcmp(theirs, CAIL_VERSION) == 0)
        report(d, FINE, "version", NULL, "client and daemon are both %s", theirs);
    else
        report(d, WARNING, "version",
               "./lab up restarts the daemon with what was built; jobs go on",
               "client %s, daemon %s", CAIL_VERSION, theirs);
    return true;
}

static void check_identity(struct doctor *d)
{
    struct cail_reply r;
    if (cail_call(d->cli->c, "GET", "/jobs?limit=1", NULL, &r) == CAIL_OK) {
        report(d, FINE, "identity", NULL, "uid %u may use it", (unsigned)geteuid());
        cail_reply_done(&r);
    } else {
        report(d, FAILURE, "identity",
               "run it as the user that started cail-d, or set CAIL_TOKEN to a token", "uid %u: %s",
               (unsigned)geteuid(), cail_message(d->cli->c));
    }
    if (cail_warning(d->cli->c) != NULL)
        report(d, WARNING, "token", "chmod 600 ~/.config/cail/token", "%s",
               cail_warning(d->cli->c));
}

/* Fixed in 3.51.3, and on the branches 3.44.6 and 3.50.7. */
static bool sqlite_has_reset_bug(const char *version)
{
    int major = 0, minor = 0, patch = 0;
    if (sscanf(version, "%d.%d.%d", &major, &minor, &patch) != 3 || major != 3)
        return false;
    return !(minor > 51 || (minor == 51 && patch >= 3) || (minor == 50 && patch >= 7) ||
             (minor == 44 && patch >= 6));
}

static void check_sqlite(struct doctor *d, const json_t *version)
{
    const char *sqlite = js_text(version, "sqlite");
    if (sqlite_has_reset_bug(sqlite))
        report(d, NOTE, "sqlite", NULL,
               "%s has the WAL-reset bug of 3.7 to 3.51.2; cail-d writes and checkpoints by one "
               "connection only, which it cannot strike: let no other program write to its file",
               sqlite);
    else
        report(d, sqlite[0] != '\0' ? FINE : NOTE, "sqlite", NULL, "%s",
               sqlite[0] != '\0' ? sqlite : "the daemon does not say its version");
}

static bool disk_is_low(const json_t *env)
{
    int64_t free_bytes = js_int(env, "free_disk_bytes", -1);
    return free_bytes >= 0 && free_bytes < LOW_DISK_BYTES;
}

static void check_tools(struct doctor *d, const json_t *env)
{
    const json_t *tools = json_object_get(env, "tools"), *recipes = json_object_get(env, "recipes");
    struct cail_buf missing = CAIL_BUF_INIT, packages = CAIL_BUF_INIT;
    size_t ready = 0;
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *t = json_array_get(tools, i);
        if (!js_null(t, "path"))
            continue;
        cail_buf_addf(&missing, " %s", js_text(t, "name"));
        if (js_text(t, "package")[0] != '\0')
            cail_buf_addf(&packages, " %s", js_text(t, "package"));
    }
    for (size_t i = 0; i < json_array_size(recipes); i++)
        ready += json_is_true(json_object_get(json_array_get(recipes, i), "ready"));
    char *names = cli_take(&missing), *raw = cli_take(&packages), *from = term_clean(raw);
    struct cail_buf next = CAIL_BUF_INIT;
    cail_buf_addf(&next, "packages that have them:%s; cail env says which recipe needs what", from);
    char *what = cli_take(&next);
    bool all_ready = ready == json_array_size(recipes);
    if (names[0] == '\0')
        report(d, FINE, "tools", NULL, "all found");
    else
        report(d, all_ready ? NOTE : WARNING, "tools", what, "missing:%s", names);
    report(d, all_ready ? FINE : WARNING, "recipes",
           all_ready ? NULL : "cail env says what they lack", "%zu of %zu are ready to run", ready,
           json_array_size(recipes));
    free(what);
    free(from);
    free(raw);
    free(names);
}

static void check_containers(struct doctor *d, const json_t *c)
{
    if (c == NULL) /* a daemon of before they were run */
        return;
    if (js_null(c, "engine"))
        report(d, NOTE, "containers", "only jobs with an --image want it", "%s",
               js_text(c, "reason"));
    else
        report(d, FINE, "containers", NULL, "%s runs them", js_text(c, "engine"));
}

static void check_env(struct doctor *d)
{
    struct cail_reply r;
    char size[FMT_MAX];
    if (cail_call(d->cli->c, "GET", "/env", NULL, &r) != CAIL_OK) {
        const char *hint = cail_problem(d->cli->c).hint;
        report(d, FAILURE, "env", hint[0] != '\0' ? hint : "the daemon's own log says more", "%s",
               cail_message(d->cli->c));
        return;
    }
    bool low = disk_is_low(r.json);
    report(d, low ? WARNING : FINE, "disk",
           low ? "cail cache prune --max SIZE frees cached builds; a big build wants 20 GiB" : NULL,
           "%s free at %s", fmt_bytes(js_int(r.json, "free_disk_bytes", 0), size),
           js_text(r.json, "build_root"));
    check_tools(d, r.json);
    check_containers(d, json_object_get(r.json, "containers"));
    cail_reply_done(&r);
}

/* The cgroup v2 folder of a process; false = none. */
static bool cgroup_of(int64_t pid, char *path, size_t size)
{
    char name[64], line[4096];
    bool found = false;
    snprintf(name, sizeof name, "/proc/%" PRId64 "/cgroup", pid);
    FILE *f = fopen(name, "re");
    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        found = strncmp(line, "0::", 3) == 0;
    }
    if (f != NULL)
        fclose(f);
    return found && snprintf(path, size, "/sys/fs/cgroup%s", line + 3) < (int)size;
}

static void check_cgroup(struct doctor *d, const json_t *version)
{
    static const char use_unit[] = "start cail-d by its systemd unit (Delegate=yes); without it a "
                                   "job's memory is booked, not enforced";
    char path[4096 + 64], kill_file[4096 + 128];
    if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) != 0) {
        report(d, NOTE, "cgroup", NULL,
               "no cgroup v2 here: job trees are ended process by process");
        return;
    }
    if (!cgroup_of(js_int(version, "pid", 0), path, sizeof path)) {
        report(d, NOTE, "cgroup", NULL, "the daemon's cgroup cannot be seen from here");
        return;
    }
    snprintf(kill_file, sizeof kill_file, "%s/cgroup.subtree_control", path);
    if (access(kill_file, W_OK) == 0)
        report(d, FINE, "cgroup", NULL, "delegated: %s", path);
    else
        report(d, NOTE, "cgroup", use_unit, "not delegated: %s", path);
}

int cmd_doctor(struct cli *cli)
{
    struct doctor d = {.cli = cli, .checks = cli_json(json_array())};
    struct cail_reply version;
    bool reached = check_reach(&d, &version);
    if (reached) {
        check_identity(&d);
        check_env(&d);
        check_sqlite(&d, version.json);
        check_cgroup(&d, version.json);
        cail_reply_done(&version);
    }
    if (cli->json) {
        json_t *root = cli_json(json_pack("{s:O}", "checks", d.checks));
        cli_print_doc(root, JSON_COMPACT);
        json_decref(root);
    }
    json_decref(d.checks);
    return !reached ? EXIT_UNREACHABLE : d.failed ? EXIT_SOME_FAILED : 0;
}
