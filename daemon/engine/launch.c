/* What a job is started with: its folders, argv and environment. A recipe's step gets a clean
 * environment; a command or script gets what its client sent over the same base. */
#include "engine/launch.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsx.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/profile.h"
#include "recipe/upstream.h"
#include "wire/job_spec.h"
#include "wire/json.h"

static const char *own(struct launch *l, char *text)
{
    BUG_ON(l->n_owned == ARRAY_LEN(l->owned));
    l->owned[l->n_owned++] = text;
    return text;
}

void launch_free(struct launch *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n_env; i++)
        free(l->env[i]);
    free(l->env);
    for (size_t i = 0; i < l->n_owned; i++)
        free(l->owned[i]);
    free(l->wrapped);
    launch_container_free(l);
    job_spec_done(&l->spec);
    free(l);
}

/* Attempts share folders of 1,000, so that no folder grows without end. */
char *attempt_dir(struct engine *e, const struct job *j, int32_t number)
{
    /* A measuring job's folders have names of equal length: a longer path moves the stack. */
    return mem_printf("%s/attempts/%lld/%lld-%0*d", e->config.state_dir, (long long)(j->id / 1000),
                      (long long)j->id, trial_of(e, j) ? 5 : 1, (int)number);
}

char *job_dir(struct engine *e, int64_t job_id)
{
    return mem_printf("%s/jobs/%lld", e->config.state_dir, (long long)job_id);
}

char *launch_build_root(struct engine *e, const struct job *j)
{
    struct job_spec spec;
    if (!strstr(j->spec, "\"build_root\"") || job_spec_read(j->spec, &spec, NULL))
        return mem_strdup(e->config.build_root);
    char *root = mem_strdup(spec.build_root ? spec.build_root : e->config.build_root);
    job_spec_done(&spec);
    return root;
}

void launch_step_needs(struct job *j)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    struct jpath at = {.len = 0};
    struct cail_err err;
    if (json_read(j->spec, strlen(j->spec), &v, &err))
        return;
    json_t *needs = json_array_get(json_object_get(v, "step_needs"), (size_t)j->step);
    struct needs n = {.cpus = 1};
    if (needs && !json_get_needs(needs, &at, &n, &err))
        needs_copy(&j->needs, &n);
    needs_done(&n);
}

/* --- environment: the later word wins --- */

static size_t key_len(const char *pair)
{
    return (size_t)(strchrnul(pair, '=') - pair);
}

void launch_put_pair(struct launch *l, char *pair)
{
    size_t len = key_len(pair);
    for (size_t i = 0; i < l->n_env; i++)
        if (key_len(l->env[i]) == len && strncmp(l->env[i], pair, len) == 0) {
            free(l->env[i]);
            l->env[i] = pair;
            return;
        }
    if (l->n_env + 2 > l->cap_env) {
        l->cap_env = l->cap_env ? 2 * l->cap_env : 32;
        l->env = mem_grow(l->env, l->cap_env, sizeof *l->env);
    }
    l->env[l->n_env++] = pair;
    l->env[l->n_env] = NULL;
}

void launch_put(struct launch *l, const char *key, const char *value)
{
    launch_put_pair(l, mem_printf("%s=%s", key, value));
}

static void put_int(struct launch *l, const char *key, int64_t value)
{
    launch_put_pair(l, mem_printf("%s=%lld", key, (long long)value));
}

static void put_base(struct launch *l)
{
    const char *home = getenv("HOME"), *user = getenv("USER"), *tmp = getenv("TMPDIR");
    launch_put(l, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    launch_put(l, "LANG", "C.UTF-8");
    launch_put(l, "HOME", home ? home : "/");
    launch_put(l, "USER", user ? user : "root");
    launch_put(l, "TMPDIR", tmp ? tmp : "/tmp");
}

static void put_gpus(struct launch *l, const struct run *r)
{
    CLEANUP(str_done) struct str uuids = STR_INIT;
    for (size_t i = 0; i < r->n_uuids; i++)
        str_addf(&uuids, "%s%s", i ? "," : "", r->uuids[i]);
    /* An empty list hides every card from a job that leased none. */
    launch_put(l, "CUDA_VISIBLE_DEVICES", uuids.p ? uuids.p : "");
    launch_put(l, "CUDA_DEVICE_ORDER", "PCI_BUS_ID");
    launch_put(l, "CAIL_GPU_UUIDS", uuids.p ? uuids.p : "");
}

static void put_ports(struct launch *l, const struct run *r)
{
    CLEANUP(str_done) struct str ports = STR_INIT;
    for (size_t i = 0; i < r->n_ports; i++)
        str_addf(&ports, "%s%u", i ? "," : "", r->port[i]);
    if (ports.len)
        launch_put(l, "CAIL_PORTS", ports.p);
}

static void put_job(struct engine *e, struct launch *l, const struct job *j, const struct run *r,
                    const char *build_root)
{
    const struct attempt *a = j->attempt;
    put_int(l, "CAIL_JOB_ID", j->id);
    put_int(l, "CAIL_ATTEMPT", a->number);
    launch_put(l, "CAIL_ATTEMPT_DIR", a->dir);
    launch_put_pair(l, mem_printf("CAIL_ARTIFACTS=%s/artifacts", a->dir));
    launch_put_pair(l, mem_printf("CAIL_RESULTS=%s/results", a->dir));
    launch_put(l, "CAIL_BUILD_ROOT", build_root);
    launch_put(l, "CAIL_URL", e->url ? e->url : "");
    put_int(l, "CAIL_CPUS", a->granted_cpus);
    put_gpus(l, r);
    put_ports(l, r);
}

/* "name min package optional" lines for the preflight of recipes/lib/step.sh. */
static char *requires_text(const struct recipe *r)
{
    struct str s = STR_INIT;
    for (size_t i = 0; i < r->n_tools; i++)
        str_addf(&s, "%s %s %s %s\n", r->tool[i].name, r->tool[i].min ? r->tool[i].min : "-",
                 r->tool[i].package ? r->tool[i].package : "-",
                 r->tool[i].optional ? "optional" : "required");
    return str_take(&s);
}

/* "setup-llvm" -> CAIL_USE_SETUP_LLVM=<folder of its build> */
void launch_put_use(struct launch *l, const char *recipe, const char *dir)
{
    char *pair = mem_printf("CAIL_USE_%s=%s", recipe, dir);
    for (char *c = pair + sizeof "CAIL_USE_" - 1; *c && *c != '='; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c == '-' ? '_' : *c);
    launch_put_pair(l, pair);
}

static int put_uses(struct launch *l, struct cail_err *err)
{
    for (size_t i = 0; i < l->spec.n_uses; i++) {
        const char *dir = l->spec.uses[i].dir;
        if (!dir || access(dir, F_OK))
            return err_set(err, E_NOT_FOUND,
                           "the build of \"%s\" that it uses (job %lld) is no longer there: submit "
                           "it again",
                           l->spec.uses[i].recipe, (long long)l->spec.uses[i].job);
        launch_put_use(l, l->spec.uses[i].recipe, dir);
    }
    return 0;
}

static void put_recipe(struct engine *e, struct launch *l, const struct job *j,
                       const struct recipe *r)
{
    CLEANUP(mem_freep) char *dir = job_dir(e, j->id);
    CLEANUP(mem_freep) char *requires = requires_text(r);
    CLEANUP(mem_freep) char *build = cache_dir(e, j);
    launch_put(l, "CAIL_RECIPE", r->name);
    launch_put(l, "CAIL_RECIPE_DIR", r->dir);
    launch_put(l, "CAIL_RECIPES", e->config.recipes_dir);
    launch_put_pair(l, mem_printf("CAIL_LIB=%s/lib", e->config.recipes_dir));
    launch_put(l, "CAIL_TOOLS", e->config.tools_dir ? e->config.tools_dir : "");
    launch_put(l, "CAIL_STEP", r->step[j->step].name);
    launch_put(l, "CAIL_JOB_DIR", dir);
    launch_put(l, "CAIL_REQUIRES", requires);
    put_int(l, "CAIL_DISK_MIB", r->disk_mib);
    if (build) /* also for a step behind a cached one, which may have been skipped */
        launch_put(l, "CAIL_BUILD_DIR", build);
    for (size_t i = 0; i < e->config.n_upstreams; i++) {
        char key[96];
        upstream_env_name(e->config.upstreams[i].name, key);
        launch_put(l, key, e->config.upstreams[i].url);
    }
    for (char **name = r->env_pass; name && *name; name++)
        if (getenv(*name))
            launch_put(l, *name, getenv(*name));
    char **params = recipe_env(l->spec.params);
    for (char **p = params; *p; p++)
        launch_put_pair(l, mem_strdup(*p));
    recipe_env_free(params);
    if (l->spec.worktree)
        launch_put(l, "CAIL_SOURCE_WORKTREE", l->spec.worktree);
}

/* The attempt's own folder; the one above it is made for the first of a thousand jobs. */
static int make_attempt_dir(const char *dir, struct cail_err *err)
{
    if (!mkdir(dir, 0700) || errno == EEXIST)
        return 0;
    if (errno == ENOENT)
        return fsx_mkdirs(dir, 0700, err);
    return err_set_errno(err, errno == ENOSPC ? E_DISK_FULL : E_IO, errno,
                         "cannot make the folder '%s'", dir);
}

static int make_folders(struct engine *e, const struct job *j, const char *build_root,
                        struct cail_err *err)
{
    static const char *const parts[] = {"artifacts", "results"};
    int rc = make_attempt_dir(j->attempt->dir, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        CLEANUP(mem_freep) char *dir = mem_printf("%s/%s", j->attempt->dir, parts[i]);
        if (!spare_take(e, dir) && mkdir(dir, 0700) && errno != EEXIST)
            return err_set_errno(err, errno == ENOSPC ? E_DISK_FULL : E_IO, errno,
                                 "cannot make the folder '%s'", dir);
    }
    if (!j->recipe)
        return 0;
    CLEANUP(mem_freep) char *dir = job_dir(e, j->id);
    CLEANUP(mem_freep) char *build = cache_dir(e, j);
    rc = fsx_mkdirs(dir, 0700, err);
    if (!rc)
        rc = fsx_mkdirs(build_root, 0755, err);
    if (!rc && build)
        rc = fsx_mkdirs(build, 0755, err);
    return rc;
}

/* A script is a file of the attempt, run by bash unless its first line names another interpreter.
 */
static int script_argv(struct launch *l, const struct job *j, struct cail_err *err)
{
    const char *script = l->spec.script;
    const char *path = own(l, mem_printf("%s/script", j->attempt->dir));
    int rc = fsx_write_atomic(path, script, strlen(script), 0700, false, err);
    if (rc)
        return rc;
    bool interpreter = strncmp(script, "#!", 2) == 0;
    size_t i = 0;
    if (!interpreter)
        l->argv[i++] = "/bin/bash";
    l->argv[i++] = path;
    l->argv[i] = NULL;
    return 0;
}

static void recipe_argv(struct engine *e, struct launch *l, const struct recipe *r, int32_t step)
{
    l->argv[0] = "/bin/bash";
    l->argv[1] = own(l, mem_printf("%s/lib/step.sh", e->config.recipes_dir));
    l->argv[2] = own(l, mem_printf("%s/%s", r->dir, r->step[step].run));
    l->argv[3] = NULL;
}

static int pick_argv(struct engine *e, struct launch *l, struct job *j, struct exec_spec *spec,
                     struct cail_err *err)
{
    spec->argv = l->argv;
    if (l->spec.argv) {
        spec->argv = (const char *const *)l->spec.argv;
        return 0;
    }
    if (l->spec.script)
        return script_argv(l, j, err);
    const struct recipe *r = catalogue_find(e->catalogue, j->recipe);
    if (!r || (size_t)j->step >= r->n_steps)
        return err_set(err, E_NOT_FOUND, "its recipe \"%s\" is gone", j->recipe);
    put_recipe(e, l, j, r);
    if (l->spec.prepare_only)
        l->argv[0] = "/bin/true";
    else
        recipe_argv(e, l, r, j->step);
    if (!strstr(j->spec, r->version))
        j->flags |= JOB_FLAG_RECIPE_CHANGED;
    int rc = put_uses(l, err);
    if (rc)
        return rc;
    if (r->step[j->step].timeout_s)
        spec->wall_ms = r->step[j->step].timeout_s * 1000;
    return 0;
}

/* The profiler's own call before the step's. */
static int wrap_argv(struct engine *e, struct launch *l, const struct job *j,
                     struct exec_spec *spec, struct cail_err *err)
{
    enum profile p = job_spec_profile(j->spec);
    const struct recipe *r = p && j->recipe ? catalogue_find(e->catalogue, j->recipe) : NULL;
    if (!p || !profile_wraps(r, j->step))
        return 0;
    CLEANUP(mem_freep) char *artifacts = mem_printf("%s/artifacts", j->attempt->dir);
    int rc = profile_argv(p, artifacts, spec->argv, &l->wrapped, err);
    if (!rc)
        spec->argv = l->wrapped;
    return rc;
}

/* argv and environment, of one side where j measures a comparison. */
static int fill(struct engine *e, struct job *j, struct launch *l, const struct trial *t,
                enum side side, struct exec_spec *spec, struct cail_err *err)
{
    int rc = job_spec_read(j->spec, &l->spec, err);
    if (rc)
        return rc;
    const char *root =
        own(l, mem_strdup(l->spec.build_root ? l->spec.build_root : e->config.build_root));
    if (!l->spec.container) /* an image has its own PATH and HOME */
        put_base(l);
    for (char **pair = l->spec.env; *pair; pair++)
        launch_put_pair(l, mem_strdup(*pair));
    struct run *r = run_find(e, j->attempt->id);
    rc = ports_lease(e, r, err);
    if (rc)
        return rc;
    put_job(e, l, j, r, root);
    rc = pick_argv(e, l, j, spec, err);
    if (rc || !t)
        return rc;
    launch_side(l, j, t, side);
    if (t->rq.side[side].argv)
        spec->argv = (const char *const *)t->rq.side[side].argv;
    return 0;
}

enum { PAD_MAX = 120 << 10 };

/* Both sides' stacks begin at the same place: the shorter one is filled up. */
static int pad(struct engine *e, struct job *j, struct launch *l, const struct trial *t,
               enum side side, const struct exec_spec *spec, struct cail_err *err)
{
    struct launch *other = mem_zalloc(sizeof *other);
    struct exec_spec other_spec = {0};
    enum side o = side == SIDE_BASE ? SIDE_HEAD : SIDE_BASE;
    int rc = fill(e, j, other, t, o, &other_spec, err);
    if (!rc) {
        size_t own_bytes = launch_stack_bytes(l, spec->argv);
        size_t bytes = launch_stack_bytes(other, other_spec.argv);
        CLEANUP(str_done) struct str x = STR_INIT;
        int digits = snprintf(NULL, 0, "%d", (int)j->attempt->number);
        size_t more = (bytes > own_bytes ? bytes - own_bytes : 0) + (size_t)(5 - digits);
        if (more > PAD_MAX) /* the kernel takes no longer string; sides so unlike stay so */
            more = PAD_MAX;
        for (size_t i = 0; i < more; i++)
            str_addc(&x, 'x');
        launch_put(l, "CAIL_PAD", x.p ? x.p : "");
    }
    launch_free(other);
    return rc;
}

int launch_prepare(struct engine *e, struct job *j, struct launch **ret, struct exec_spec *spec,
                   struct cail_err *err)
{
    struct launch *l = *ret = mem_zalloc(sizeof *l);
    struct attempt *a = j->attempt;
    const struct trial *t = trial_of(e, j);
    enum side side = t ? trial_slot_of(t)->side : SIDE_BASE;
    memset(spec, 0, sizeof *spec);
    CLEANUP(mem_freep) char *build_root = launch_build_root(e, j);
    int rc = make_folders(e, j, build_root, err);
    spec->wall_ms = j->timeout_s * 1000;
    if (!rc)
        rc = fill(e, j, l, t, side, spec, err);
    if (!rc)
        rc = wrap_argv(e, l, j, spec, err);
    if (!rc && t)
        rc = pad(e, j, l, t, side, spec, err);
    if (!rc && t)
        rc = launch_side_links(e, j, t, side, err);
    spec->attempt_id = a->id;
    spec->token = a->token;
    spec->boot_id = a->boot_id;
    spec->dir = a->dir;
    spec->env = (const char *const *)l->env;
    spec->cwd = l->spec.cwd ? l->spec.cwd : a->dir;
    spec->idle_ms = l->spec.idle_timeout_s * 1000;
    spec->grace_ms = JOB_GRACE_DEFAULT_MS;
    spec->log_cap_bytes = e->config.log_cap_bytes;
    spec->cpu_list = a->cpu_list;
    spec->memory_mib = j->needs.memory_mib;
    spec->counters = j->kind == KIND_BENCHMARK;
    if (!rc && l->spec.container)
        rc = launch_container(e, l, j, run_find(e, a->id), build_root, spec, err);
    return rc;
}
