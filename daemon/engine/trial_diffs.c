/* Artifacts that are marked to be compared (IR, PTX, text), as unified diffs of the two sides. On
 * the worker pool, once, when a comparison ends; what it found is kept with the verdicts. The
 * differences are found by diff(1). */
#include "engine/trial_view.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "base/fsx.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "wire/json.h"

enum { DIFFS_MAX = 20, DIFF_BYTES_MAX = 64 << 10, SIDE_BYTES_MAX = 32 << 20 };

extern char **environ;

/* What the program prints into `out`, at most DIFF_BYTES_MAX; its exit code, -1 = it did not run.
 */
static int run(const char *const argv[], struct str *out)
{
    int pipes[2], status = -1;
    posix_spawn_file_actions_t actions;
    pid_t pid;
    if (pipe2(pipes, O_CLOEXEC))
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    int rc = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    char buf[4096];
    ssize_t n;
    while (!rc && out->len < DIFF_BYTES_MAX &&
           ((n = read(pipes[0], buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR)))
        str_add(out, buf, n > 0 ? (size_t)n : 0);
    close(pipes[0]); /* it ends by SIGPIPE when there is more */
    if (rc)
        return -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Whole lines, and a word about what was left out. */
static void cut(struct str *s)
{
    if (s->len < DIFF_BYTES_MAX)
        return;
    while (s->len && s->p[s->len - 1] != '\n')
        s->len--;
    str_adds(s, "... the rest is left out\n");
}

static const struct artifact *artifact_of(const struct job_record *rec, int64_t attempt,
                                          const char *name)
{
    for (size_t i = 0; i < rec->n_artifacts; i++)
        if (rec->artifact[i].attempt_id == attempt && strcmp(rec->artifact[i].name, name) == 0)
            return &rec->artifact[i];
    return NULL;
}

static char *path_of(const struct job_record *rec, int64_t attempt, const char *name)
{
    for (size_t i = 0; i < rec->n_attempts; i++)
        if (rec->attempt[i]->id == attempt)
            return mem_printf("%s/artifacts/%s", rec->attempt[i]->dir, name);
    return NULL;
}

static void add(struct comparison_view *v, const char *name, const char *base, const char *head,
                char *text)
{
    v->diff = mem_grow(v->diff, v->n_diffs + 1, sizeof *v->diff);
    v->diff[v->n_diffs++] = (struct trial_diff){.name = mem_strdup(name),
                                                .base_sha256 = mem_strdup(base),
                                                .head_sha256 = mem_strdup(head),
                                                .text = text};
}

static void compare(struct comparison_view *v, const struct artifact *b,
                    const struct job_record *brec, const struct artifact *h,
                    const struct job_record *hrec)
{
    CLEANUP(mem_freep) char *base = path_of(brec, b->attempt_id, b->name);
    CLEANUP(mem_freep) char *head = path_of(hrec, h->attempt_id, h->name);
    CLEANUP(mem_freep) char *base_label = mem_printf("base/%s", b->name);
    CLEANUP(mem_freep) char *head_label = mem_printf("head/%s", h->name);
    struct str s = STR_INIT;
    const char *const argv[] = {"diff",     "-u", "--label", base_label, "--label",
                                head_label, "--", base,      head,       NULL};
    bool small = b->bytes <= SIDE_BYTES_MAX && h->bytes <= SIDE_BYTES_MAX;
    int code = base && head && small ? run(argv, &s) : -1;
    if (code > 1)
        log_warn("diff of %s ended with %d", b->name, code);
    bool is_text = s.len && strncmp(s.p, "Binary files", 12) != 0;
    cut(&s);
    if (is_text && utf8_valid(s.p, s.len)) {
        add(v, b->name, b->sha256, h->sha256, str_take(&s));
        return;
    }
    str_done(&s);
    add(v, b->name, b->sha256, h->sha256, NULL);
}

static void compare_all(struct comparison_view *v, const struct job_record *brec, int64_t base,
                        const struct job_record *hrec, int64_t head)
{
    for (size_t i = 0; i < brec->n_artifacts && v->n_diffs < DIFFS_MAX; i++) {
        const struct artifact *b = &brec->artifact[i];
        if (b->attempt_id != base || !b->diff)
            continue;
        const struct artifact *h = artifact_of(hrec, head, b->name);
        if (!h)
            add(v, b->name, b->sha256, NULL, NULL);
        else if (strcmp(b->sha256, h->sha256) != 0)
            compare(v, b, brec, h, hrec);
    }
    for (size_t i = 0; i < hrec->n_artifacts && v->n_diffs < DIFFS_MAX; i++) {
        const struct artifact *h = &hrec->artifact[i];
        if (h->attempt_id == head && h->diff && !artifact_of(brec, base, h->name))
            add(v, h->name, NULL, h->sha256, NULL);
    }
}

static int64_t last_of(const struct job_record *rec)
{
    return rec->n_attempts ? rec->attempt[rec->n_attempts - 1]->id : 0;
}

void trial_diffs_find(struct comparison_view *v)
{
    size_t base, head;
    size_t n = v->rec.n_measurements;
    if (v->has_measure && trial_pair(v->taken, n, TRIAL_BATCH_MAIN, 0, &base, &head))
        compare_all(v, &v->measure, v->taken[base].attempt_id, &v->measure,
                    v->taken[head].attempt_id);
    if (v->has[0] && v->has[1] && v->rec.comparison->base_job != v->rec.comparison->head_job)
        compare_all(v, &v->prepared[0], last_of(&v->prepared[0]), &v->prepared[1],
                    last_of(&v->prepared[1]));
}

static char *text_at(const json_t *v, const char *key)
{
    return mem_strdup(json_string_value(json_object_get(v, key)));
}

void trial_diffs_read(struct comparison_view *v)
{
    CLEANUP(json_decrefp) json_t *judged = NULL;
    const char *text = v->rec.comparison->judged;
    size_t i;
    json_t *one;
    if (!text || json_read(text, strlen(text), &judged, NULL))
        return;
    json_array_foreach(json_object_get(judged, "diffs"), i, one) {
        v->diff = mem_grow(v->diff, v->n_diffs + 1, sizeof *v->diff);
        v->diff[v->n_diffs++] = (struct trial_diff){.name = text_at(one, "name"),
                                                    .base_sha256 = text_at(one, "base_sha256"),
                                                    .head_sha256 = text_at(one, "head_sha256"),
                                                    .text = text_at(one, "text")};
    }
}

void trial_diffs_done(struct comparison_view *v)
{
    for (size_t i = 0; i < v->n_diffs; i++) {
        free((char *)v->diff[i].name);
        free((char *)v->diff[i].base_sha256);
        free((char *)v->diff[i].head_sha256);
        free((char *)v->diff[i].text);
    }
    free(v->diff);
}
