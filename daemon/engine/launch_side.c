/* One side of a comparison. Both sides' processes see paths, arguments and an environment of equal
 * length, because where the stack begins moves what is measured (Mytkowicz et al., "Producing wrong
 * data without doing anything obviously wrong", ASPLOS 2009). Folders of a side are reached through
 * links in the attempt's own folder, whose name is as long in every attempt. */
#include "engine/launch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/mem.h"
#include "wire/json.h"

static void put_env(struct launch *l, const char *object)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    const char *key;
    json_t *m;
    if (!object || json_read(object, strlen(object), &v, NULL))
        return;
    json_object_foreach(v, key, m)
        launch_put_pair(l, mem_printf("%s=%s", key, json_string_value(m)));
}

static void put_uses(struct launch *l, const char *uses)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    size_t i;
    json_t *one;
    if (!uses || json_read(uses, strlen(uses), &v, NULL))
        return;
    json_array_foreach(v, i, one) {
        const char *recipe = json_string_value(json_object_get(one, "recipe"));
        const char *dir = json_string_value(json_object_get(one, "dir"));
        if (recipe && dir)
            launch_put_use(l, recipe, dir);
    }
}

static void put_params(struct launch *l, const char *params)
{
    char **env = recipe_env(params);
    for (char **p = env; *p; p++)
        launch_put_pair(l, mem_strdup(*p));
    recipe_env_free(env);
}

static const char *path_of(const struct launch *l)
{
    for (size_t i = 0; i < l->n_env; i++)
        if (strncmp(l->env[i], "PATH=", 5) == 0)
            return l->env[i] + 5;
    return "/usr/bin:/bin";
}

void launch_side(struct launch *l, const struct job *j, const struct trial *t, enum side side)
{
    const struct comparison_side *s = &t->rq.side[side];
    const struct trial_prepared *p = &t->side[side];
    const char *dir = j->attempt->dir;
    put_env(l, t->rq.env);
    put_env(l, s->env);
    launch_put(l, "CAIL_ROUNDS", "1");
    launch_put(l, "CAIL_FIRST", trial_slot_of(t)->round == 0 ? "1" : "0");
    if (p->params)
        put_params(l, p->params);
    put_uses(l, p->uses);
    if (p->build_dir)
        launch_put(l, "CAIL_BUILD_DIR", p->build_dir);
    else if (s->bin_dir) /* which stands for a build */
        launch_put_pair(l, mem_printf("CAIL_BUILD_DIR=%s/bin", dir));
    if (t->c->base_job || t->c->head_job)
        launch_put_pair(l, mem_printf("CAIL_JOB_DIR=%s/job", dir));
    if (t->rq.side[SIDE_BASE].bin_dir || t->rq.side[SIDE_HEAD].bin_dir) {
        launch_put_pair(l, mem_printf("CAIL_BIN_DIR=%s/bin", dir));
        launch_put_pair(l, mem_printf("PATH=%s/bin:%s", dir, path_of(l)));
    }
}

static int link_to(const char *target, const char *dir, const char *name, struct cail_err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, name);
    if (!symlink(target, path) || errno == EEXIST)
        return 0;
    return err_set_errno(err, E_IO, errno, "cannot make the link '%s'", path);
}

int launch_side_links(struct engine *e, const struct job *j, const struct trial *t, enum side side,
                      struct cail_err *err)
{
    const char *bin = t->rq.side[side].bin_dir, *dir = j->attempt->dir;
    int64_t prepared = side == SIDE_BASE ? t->c->base_job : t->c->head_job;
    int rc = 0;
    if (prepared) {
        CLEANUP(mem_freep) char *folder = job_dir(e, prepared);
        rc = link_to(folder, dir, "job", err);
    }
    if (!rc && bin)
        rc = link_to(bin, dir, "bin", err);
    return rc;
}

size_t launch_stack_bytes(const struct launch *l, const char *const *argv)
{
    size_t bytes = 0;
    for (const char *const *a = argv; *a; a++)
        bytes += strlen(*a) + 1 + sizeof(char *);
    for (size_t i = 0; i < l->n_env; i++)
        bytes += strlen(l->env[i]) + 1 + sizeof(char *);
    return bytes;
}
