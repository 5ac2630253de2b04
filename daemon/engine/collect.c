/* After an attempt, on the worker pool: results from its log and files, artifacts with their
 * hashes, provenance. Reads only regular files below the attempt's folder, bounded in number and
 * size, and follows no link. */
#include "engine/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/sha2.h>

#include "attempt/files.h"
#include "attempt/spec.h"
#include "base/fsx.h"
#include "base/jw.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/commits.h"
#include "engine/history.h"
#include "engine/machine.h"
#include "engine/profile.h"
#include "parse/parse.h"
#include "wire/job_spec.h"
#include "wire/json.h"

enum { ARTIFACT_FILES_MAX = 1000, FOLDER_DEPTH_MAX = 8 };

/* One declared result file: glob and parser. */
struct declared {
    char *file, *parser;
};

struct collection {
    struct engine *e;
    int64_t attempt_id;
    enum exec_outcome outcome;
    collect_done done;
    /* Copied for the worker: it must not look at the engine. */
    char *dir, *benchmark, *spec, *build_dir, *host, *recipe_version;
    char *compare;  /* the recipe's word to comparisons, NULL = none */
    bool of_checks; /* it is of a job of kind check */
    bool is_trial;  /* a process of a comparison: of the commit `sha`, NULL = of none */
    char *sha;
    bool keys_cache;
    enum profile profile;
    struct declared *declared;
    size_t n_declared;
    int64_t log_bytes;
    char *image;       /* of its container, NULL = none */
    char *engine_word; /* "podman" */
    int exit_code;
    char *telemetry; /* of its cards, NULL = none */
    char *cards;     /* members: driver and cards, NULL = none */
    char *beside;    /* members: load at the start, other jobs */
    struct collected *out;
    struct parse_out parsed;
};

void collected_free(struct collected *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_results; i++)
        result_done(&c->result[i]);
    for (size_t i = 0; i < c->n_artifacts; i++)
        artifact_done(&c->artifact[i]);
    free(c->result);
    free(c->artifact);
    free(c->identity);
    free(c->provenance);
    free(c->note);
    free(c->why);
    history_free(c->history);
    commits_free(c->commits);
    free(c);
}

static void note(struct collection *x, const char *where, const struct cail_err *err)
{
    x->out->flags |= JOB_FLAG_RESULTS_BAD;
    if (!x->out->note)
        x->out->note = mem_printf("results of %s: %s", where, err->text);
}

/* --- the log: ::cail lines, and the hash of what is kept of it --- */

/* The next bytes that are in the file. *at goes over the hole of a capped log: what a job wrote in
 * hours must not be read as zeros for hours. */
static ssize_t read_data(int fd, off_t *at, char *buf, size_t len, bool *ret_left_out)
{
    off_t data = lseek(fd, *at, SEEK_DATA);
    if (data < 0)
        return 0;
    off_t hole = lseek(fd, data, SEEK_HOLE);
    if (hole > data && (size_t)(hole - data) < len)
        len = (size_t)(hole - data);
    ssize_t n = pread(fd, buf, len, data);
    *ret_left_out = data > *at;
    *at = data + (n > 0 ? n : 0);
    return n;
}

static void sha_end(struct sha256_ctx *ctx, char out[DIGEST_LEN])
{
    uint8_t raw[SHA256_DIGEST_SIZE];
    sha256_digest(ctx, sizeof raw, raw);
    for (size_t i = 0; i < sizeof raw; i++)
        snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

/* Did the engine end instead of the job? Its last words tell. */
static void ask_why(struct collection *x, int fd)
{
    char tail[4096], why[512];
    struct stat st;
    if (fstat(fd, &st))
        return;
    off_t at = st.st_size > (off_t)sizeof tail ? st.st_size - (off_t)sizeof tail : 0;
    ssize_t n = pread(fd, tail, sizeof tail, at);
    if (n > 0 && container_refusal(x->exit_code, x->image, tail, (size_t)n, why, sizeof why))
        x->out->why = mem_strdup(why);
}

static void read_log(struct collection *x, char sha[DIGEST_LEN])
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/log", x->dir);
    CLEANUP(fsx_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct parse_lines *lines = mem_zalloc(sizeof *lines);
    struct sha256_ctx ctx;
    struct cail_err err;
    char *buf = mem_array(65536, 1);
    ssize_t n;
    off_t at = 0;
    bool left_out;
    int rc = 0;
    sha256_init(&ctx);
    while (fd >= 0 && (n = read_data(fd, &at, buf, 65536, &left_out)) > 0) {
        sha256_update(&ctx, (size_t)n, (const uint8_t *)buf);
        if (!rc && left_out) /* halves of two lines are not one */
            rc = parse_lines_feed(lines, "\n", 1, x->benchmark, &x->parsed, &err);
        if (!rc)
            rc = parse_lines_feed(lines, buf, (size_t)n, x->benchmark, &x->parsed, &err);
    }
    if (!rc)
        rc = parse_lines_end(lines, x->benchmark, &x->parsed, &err);
    if (!rc && lines->bad)
        rc = err_set(&err, E_BAD_FIELD, "%s", lines->first_bad);
    if (rc)
        note(x, "the log", &err);
    sha_end(&ctx, sha);
    if (x->image && fd >= 0)
        ask_why(x, fd);
    free(buf);
    free(lines);
}

/* --- walking a folder of the job's making --- */

typedef void (*file_fn)(struct collection *x, int fd, const char *name, const struct stat *st);

static void walk(struct collection *x, int parent, const char *folder, const char *prefix,
                 int depth, int *left, file_fn fn)
{
    int dfd = openat(parent, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = dfd < 0 ? NULL : fdopendir(dfd);
    if (!d) {
        fsx_closep(&dfd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(d)) && *left > 0;) {
        struct stat st;
        const char *leaf = entry->d_name;
        CLEANUP(mem_freep) char *name = mem_printf("%s%s", prefix, leaf);
        if (leaf[0] == '.' || strlen(name) > 255 || fstatat(dfd, leaf, &st, AT_SYMLINK_NOFOLLOW))
            continue;
        if (S_ISDIR(st.st_mode) && depth < FOLDER_DEPTH_MAX) {
            CLEANUP(mem_freep) char *inner = mem_printf("%s/", name);
            walk(x, dfd, leaf, inner, depth + 1, left, fn);
            continue;
        }
        CLEANUP(fsx_closep)
        int fd = openat(dfd, leaf, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
            --*left;
            fn(x, fd, name, &st);
        }
    }
    closedir(d);
}

/* --- results --- */

static const struct declared *declaration_of(const struct collection *x, const char *name)
{
    for (size_t i = 0; i < x->n_declared; i++)
        if (fnmatch(x->declared[i].file, name, FNM_PATHNAME) == 0)
            return &x->declared[i];
    return NULL;
}

/* A glob that begins with '*' says that each file is a benchmark of its own: its name up to the
 * first dot. Otherwise the job's name. Caller frees. */
static char *benchmark_of(const struct collection *x, const char *name, const struct declared *d)
{
    const char *leaf = strrchr(name, '/');
    leaf = leaf ? leaf + 1 : name;
    const char *glob = d ? strrchr(d->file, '/') : NULL;
    glob = glob ? glob + 1 : d ? d->file : "";
    if (*glob != '*' || *leaf == '.')
        return mem_strdup(x->benchmark);
    return mem_strndup(leaf, strcspn(leaf, "."));
}

static int read_fd(int fd, const struct stat *st, const char *name, struct str *out,
                   struct cail_err *err)
{
    if (st->st_size > (off_t)RESULT_FILE_MAX)
        return err_set(err, E_TOO_LARGE, "\"%s\" has %lld bytes; at most %llu are read", name,
                       (long long)st->st_size, RESULT_FILE_MAX);
    for (;;) {
        str_reserve(out, 65536);
        ssize_t n = read(fd, out->p + out->len, 65536);
        if (n < 0)
            return err_set_errno(err, E_IO, errno, "cannot read \"%s\"", name);
        if (!n || out->len + (size_t)n > RESULT_FILE_MAX)
            break;
        out->len += (size_t)n;
    }
    out->p[out->len] = 0;
    return 0;
}

static void take_result_file(struct collection *x, int fd, const char *name, const struct stat *st)
{
    CLEANUP(str_done) struct str text = STR_INIT;
    struct cail_err err;
    const struct declared *d = declaration_of(x, name);
    const char *wanted = d ? d->parser : NULL;
    CLEANUP(mem_freep) char *benchmark = benchmark_of(x, name, d);
    int rc = read_fd(fd, st, name, &text, &err);
    const struct parser *p = NULL;
    if (!rc) {
        p = wanted ? parse_find(wanted) : parse_detect(text.p, text.len);
        if (!p)
            rc = wanted ? err_set(&err, E_BAD_FIELD, "there is no parser \"%s\"", wanted)
                        : err_set(&err, E_BAD_FIELD, "no parser knows its format");
    }
    if (!rc)
        rc = p->parse(text.p, text.len, benchmark, &x->parsed, &err);
    if (rc)
        note(x, name, &err);
}

/* --- artifacts --- */

/* Among the recipe's globs of what is shown side by side? */
static bool recipe_shows_diff(const char *compare, const char *name)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    size_t i;
    json_t *glob;
    if (json_read(compare, strlen(compare), &v, NULL))
        return false;
    json_array_foreach(json_object_get(v, "diff"), i, glob)
        if (fnmatch(json_string_value(glob), name, FNM_PATHNAME) == 0)
            return true;
    return false;
}

static void take_artifact(struct collection *x, int fd, const char *name, const struct stat *st)
{
    struct collected *c = x->out;
    struct sha256_ctx ctx;
    char *buf = mem_array(65536, 1);
    ssize_t n;
    sha256_init(&ctx);
    while ((n = read(fd, buf, 65536)) > 0)
        sha256_update(&ctx, (size_t)n, (const uint8_t *)buf);
    free(buf);
    c->artifact = mem_grow(c->artifact, c->n_artifacts + 1, sizeof *c->artifact);
    struct artifact *a = &c->artifact[c->n_artifacts++];
    memset(a, 0, sizeof *a);
    a->name = mem_strdup(name);
    a->bytes = st->st_size;
    sha_end(&ctx, a->sha256);
    struct job_spec spec;
    a->diff = x->compare && recipe_shows_diff(x->compare, name);
    if (!strstr(x->spec, "\"artifacts\"") || job_spec_read(x->spec, &spec, NULL))
        return;
    for (size_t i = 0; i < spec.n_artifacts; i++)
        if (spec.artifacts[i].diff && fnmatch(spec.artifacts[i].path, name, FNM_PATHNAME) == 0)
            a->diff = true;
    job_spec_done(&spec);
}

/* --- provenance --- */

static void identity_doc(struct jw *w, const struct collected *c)
{
    jw_key(w, "identity");
    jw_open(w, '[');
    const char *p = c->identity, *end = p ? p + c->identity_len : NULL;
    while (p && p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t n = nl ? (size_t)(nl - p) : (size_t)(end - p);
        if (n)
            jw_strn(w, p, n);
        p += n + 1;
    }
    jw_close(w, ']');
}

/* The whole goes beside the log, the summary without its samples into the provenance. */
static void telemetry_doc(struct collection *x, struct jw *w)
{
    struct cail_err err;
    CLEANUP(json_decrefp) json_t *v = NULL;
    if (!x->telemetry)
        return;
    CLEANUP(mem_freep) char *path = mem_printf("%s/telemetry.json", x->dir);
    CLEANUP(mem_freep) char *whole = mem_printf("%s\n", x->telemetry);
    if (fsx_write_atomic(path, whole, strlen(whole), 0600, false, &err))
        log_warn("%s", err.text);
    if (json_read(x->telemetry, strlen(x->telemetry), &v, &err))
        return;
    size_t i;
    json_t *card;
    json_array_foreach(json_object_get(v, "cards"), i, card)
        json_object_del(card, "samples");
    CLEANUP(str_done) struct str text = STR_INIT;
    json_put(&text, v);
    jw_key(w, "gpus");
    jw_raw(w, text.p, text.len);
}

/* The image that ran, as its engine named it at the start. */
static void container_doc(const struct collection *x, struct jw *w)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/" ATTEMPT_IMAGE_FILE, x->dir);
    CLEANUP(str_done) struct str text = STR_INIT;
    struct cail_err err;
    if (!x->image)
        return;
    jw_key(w, "container");
    jw_open(w, '{');
    jw_kstr(w, "image", x->image);
    jw_kstr(w, "engine", x->engine_word);
    bool known = !fsx_read(path, 65536, &text, &err) && text.len;
    size_t n = known ? strcspn(text.p, " \n") : 0;
    CLEANUP(mem_freep)
    char *id = n ? mem_printf("%s%.*s", n == 64 ? "sha256:" : "", (int)n, text.p) : NULL;
    jw_kstr(w, "id", id);
    jw_key(w, "digests");
    jw_open(w, '[');
    for (const char *p = n ? text.p + n : ""; *(p += strspn(p, " \n")); p += strcspn(p, " \n"))
        jw_strn(w, p, strcspn(p, " \n"));
    jw_close(w, ']');
    jw_close(w, '}');
}

static void provenance(struct collection *x, const char *log_sha)
{
    struct str s = STR_INIT;
    struct jw w = JW(&s);
    double load[3] = {-1, -1, -1};
    jw_open(&w, '{');
    machine_facts(&w, x->host);
    if (getloadavg(load, 3) == 3)
        jw_kreal(&w, "load_1m_at_end", load[0]);
    jw_raw(&w, x->beside, strlen(x->beside));
    if (x->profile)
        jw_kstr(&w, "profile", profile_words[x->profile]);
    jw_kstr(&w, "log_sha256", log_sha);
    jw_kint(&w, "log_bytes", x->log_bytes);
    container_doc(x, &w);
    if (x->recipe_version)
        jw_kstr(&w, "recipe_version", x->recipe_version);
    identity_doc(&w, x->out);
    if (x->cards)
        jw_raw(&w, x->cards, strlen(x->cards));
    telemetry_doc(x, &w);
    jw_close(&w, '}');
    x->out->provenance = str_take(&s);
}

static void read_identity(struct collection *x)
{
    if (!x->keys_cache)
        return;
    CLEANUP(mem_freep) char *path = mem_printf("%s/cache-key", x->dir);
    CLEANUP(str_done) struct str text = STR_INIT;
    struct cail_err err;
    if (fsx_read(path, 65536, &text, &err)) {
        note(x, "cache-key", &err);
        return;
    }
    x->out->identity_len = text.len;
    x->out->identity = str_take(&text);
    x->out->commits = commits_read(x->dir);
}

/* --- the whole --- */

/* What ran under a profiler measured the profiler too: nothing of it becomes a row. */
static void drop_figures(struct collection *x)
{
    struct collected *c = x->out;
    bool left = false;
    parse_out_done(&x->parsed);
    memset(&x->parsed, 0, sizeof x->parsed);
    c->flags &= ~(uint32_t)JOB_FLAG_RESULTS_BAD;
    free(c->note);
    c->note = NULL;
    for (size_t i = 0; i < c->n_artifacts; i++)
        left |= strcmp(c->artifact[i].name, profile_trace(x->profile)) == 0;
    if (!left)
        c->note = mem_printf("%s left no %s", profile_words[x->profile], profile_trace(x->profile));
}

static void prepare_history(struct collection *x)
{
    struct collected *c = x->out;
    if (!c->n_results || (x->is_trial && !x->sha))
        return; /* a figure of no known commit says nothing over time */
    CLEANUP(mem_freep)
    char *sha =
        x->is_trial ? mem_strdup(x->sha) : history_sha(x->spec, c->identity, c->identity_len);
    struct history_source from = {.provenance = c->provenance,
                                  .sha = sha,
                                  .recipe_version = x->recipe_version,
                                  .of_checks = x->of_checks};
    c->history = history_prepare(&from, c->result, c->n_results);
}

static void collect_work(void *arg)
{
    struct collection *x = arg;
    char log_sha[DIGEST_LEN] = "";
    int left = ARTIFACT_FILES_MAX;
    CLEANUP(fsx_closep) int dir = open(x->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    x->out->built_bytes = -1;
    read_log(x, log_sha);
    if (dir >= 0) {
        walk(x, dir, "results", "", 0, &left, take_result_file);
        left = ARTIFACT_FILES_MAX;
        walk(x, dir, "artifacts", "", 0, &left, take_artifact);
    }
    if (x->profile)
        drop_figures(x);
    read_identity(x);
    provenance(x, log_sha);
    if (x->build_dir)
        x->out->built_bytes = fsx_tree_bytes(x->build_dir);
    x->out->result = x->parsed.result;
    x->out->n_results = x->parsed.n;
    x->parsed.result = NULL;
    x->parsed.n = 0;
    parse_out_done(&x->parsed);
    prepare_history(x);
}

static void collection_free(struct collection *x)
{
    for (size_t i = 0; i < x->n_declared; i++) {
        free(x->declared[i].file);
        free(x->declared[i].parser);
    }
    free(x->declared);
    free(x->dir);
    free(x->sha);
    free(x->benchmark);
    free(x->spec);
    free(x->build_dir);
    free(x->host);
    free(x->recipe_version);
    free(x->image);
    free(x->engine_word);
    free(x->compare);
    free(x->telemetry);
    free(x->cards);
    free(x->beside);
    free(x);
}

static void collect_finished(void *arg)
{
    struct collection *x = arg;
    x->done(x->e, x->attempt_id, x->outcome, x->out);
    collection_free(x);
}

static void declare(struct collection *x, const char *file, const char *parser)
{
    x->declared = mem_grow(x->declared, x->n_declared + 1, sizeof *x->declared);
    x->declared[x->n_declared].file = mem_strdup(file);
    x->declared[x->n_declared++].parser = mem_strdup(parser);
}

static void declare_all(struct collection *x, const struct job *j, const struct recipe *r)
{
    for (size_t i = 0; r && i < r->n_results; i++)
        declare(x, r->result[i].file, r->result[i].parser);
    struct job_spec spec;
    if (!strstr(j->spec, "\"results_spec\"") || job_spec_read(j->spec, &spec, NULL))
        return;
    for (size_t i = 0; i < spec.n_results; i++)
        declare(x, spec.results[i].file, spec.results[i].parser);
    job_spec_done(&spec);
}

/* Which engine it was stands in what cail-run was told. */
static void declare_container(struct collection *x)
{
    struct job_spec spec;
    struct attempt_spec told;
    struct cail_err err;
    CLEANUP(str_done) struct str bytes = STR_INIT;
    if (!strstr(x->spec, "\"container\":") || job_spec_read(x->spec, &spec, NULL))
        return;
    x->image = spec.container ? mem_strdup(spec.container->image) : NULL;
    job_spec_done(&spec);
    CLEANUP(mem_freep) char *path = mem_printf("%s/" ATTEMPT_SPEC_FILE, x->dir);
    if (!x->image || fsx_read(path, ATTEMPT_SPEC_MAX, &bytes, &err) ||
        attempt_spec_decode(bytes.p, bytes.len, &told, &err))
        return;
    if (told.engine)
        x->engine_word = mem_strdup(attempt_engine_is_podman(told.engine) ? "podman" : "docker");
    attempt_spec_done(&told);
}

void collect_start(struct engine *e, struct run *r, enum exec_outcome outcome, collect_done done)
{
    struct job *j = r->job;
    const struct recipe *recipe = j->recipe ? catalogue_find(e->catalogue, j->recipe) : NULL;
    bool has_step = recipe && (size_t)j->step < recipe->n_steps;
    struct collection *x = mem_zalloc(sizeof *x);
    x->e = e;
    x->attempt_id = r->attempt_id;
    x->outcome = outcome;
    x->done = done;
    x->dir = mem_strdup(j->attempt->dir);
    const struct trial *t = trial_of(e, j);
    x->of_checks = j->kind == KIND_CHECK;
    x->is_trial = t != NULL;
    x->sha = t ? mem_strdup(t->side[trial_slot_of(t)->side].sha) : NULL;
    /* Names of what a comparison measures must not hold the names of its sides. */
    x->benchmark = mem_strdup(!t             ? j->name
                              : t->rq.recipe ? t->rq.recipe
                              : t->rq.name   ? t->rq.name
                                             : "command");
    x->spec = mem_strdup(j->spec);
    x->host = mem_strdup(e->host);
    x->exit_code = j->attempt->end.exit_code;
    declare_container(x);
    x->log_bytes = j->attempt->end.log_bytes;
    x->telemetry = r->telemetry;
    r->telemetry = NULL;
    x->cards = r->cards;
    r->cards = NULL;
    x->beside = beside_members(r);
    x->recipe_version = recipe ? mem_strdup(recipe->version) : NULL;
    x->compare = recipe ? mem_strdup(recipe->compare) : NULL;
    x->keys_cache = has_step && recipe->step[j->step].keys_cache;
    if (has_step && recipe->step[j->step].cached)
        x->build_dir = cache_dir(e, j);
    x->profile =
        profile_wraps(has_step ? recipe : NULL, j->step) ? job_spec_profile(j->spec) : PROFILE_NONE;
    declare_all(x, j, recipe);
    x->out = mem_zalloc(sizeof *x->out);
    engine_work(e, collect_work, collect_finished, x);
}

/* rmdir of a folder that holds something fails. One that a survivor may still write to is not
 * handed on. */
static bool put_away(struct engine *e, const struct attempt *a, const char *name)
{
    CLEANUP(mem_freep) char *dir = mem_printf("%s/%s", a->dir, name);
    if (!a->end.killed && !a->end.unkillable && spare_give(e, dir))
        return true;
    return rmdir(dir) == 0 || errno == ENOENT;
}

bool collect_is_needless(struct engine *e, struct run *r)
{
    struct job *j = r->job;
    if (j->attempt->end.log_bytes || j->recipe || strstr(j->spec, "\"container\":") ||
        r->telemetry || job_spec_profile(j->spec))
        return false;
    bool none = put_away(e, j->attempt, "results");
    return put_away(e, j->attempt, "artifacts") && none;
}
