/* The spec of a stored job. It was checked when it was taken, so what is odd now is a damaged row.
 */
#include "wire/job_spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/word.h"
#include "wire/json.h"

static const char *text_at(const json_t *v, const char *key)
{
    return json_string_value(json_object_get(v, key));
}

static void read_argv(struct job_spec *s, const json_t *command)
{
    if (!command)
        return;
    size_t n = json_array_size(command);
    s->argv = mem_array(n + 1, sizeof *s->argv);
    for (size_t i = 0; i < n; i++)
        s->argv[i] = json_string_value(json_array_get(command, i));
}

static void read_env(struct job_spec *s, json_t *env)
{
    s->env = mem_array(json_object_size(env) + 1, sizeof *s->env);
    size_t n = 0;
    const char *key;
    json_t *v;
    json_object_foreach(env, key, v)
        s->env[n++] = mem_printf("%s=%s", key, json_string_value(v));
}

static void read_files(struct job_spec *s, const json_t *root)
{
    const json_t *results = json_object_get(root, "results_spec");
    const json_t *artifacts = json_object_get(root, "artifacts");
    s->n_results = json_array_size(results);
    s->results = mem_array(s->n_results, sizeof *s->results);
    for (size_t i = 0; i < s->n_results; i++) {
        s->results[i].file = text_at(json_array_get(results, i), "file");
        s->results[i].parser = text_at(json_array_get(results, i), "parser");
    }
    s->n_artifacts = json_array_size(artifacts);
    s->artifacts = mem_array(s->n_artifacts, sizeof *s->artifacts);
    for (size_t i = 0; i < s->n_artifacts; i++) {
        const json_t *one = json_array_get(artifacts, i);
        s->artifacts[i].path = text_at(one, "path");
        s->artifacts[i].diff = json_is_true(json_object_get(one, "diff"));
    }
}

static void read_uses(struct job_spec *s, const json_t *uses)
{
    s->n_uses = json_array_size(uses);
    s->uses = mem_array(s->n_uses, sizeof *s->uses);
    for (size_t i = 0; i < s->n_uses; i++) {
        const json_t *one = json_array_get(uses, i);
        s->uses[i].recipe = text_at(one, "recipe");
        s->uses[i].dir = text_at(one, "dir");
        s->uses[i].job = json_integer_value(json_object_get(one, "job"));
    }
}

int job_spec_read(const char *spec, struct job_spec *ret, struct cail_err *err)
{
    json_t *v = NULL;
    memset(ret, 0, sizeof *ret);
    int rc = json_read(spec, strlen(spec), &v, err);
    if (rc)
        return rc;
    struct job_spec *s = ret;
    s->json = v;
    s->recipe = text_at(v, "recipe");
    s->script = text_at(v, "script");
    s->cwd = text_at(v, "cwd");
    s->build_root = text_at(v, "build_root");
    s->source_ref = text_at(json_object_get(v, "source"), "ref");
    s->worktree = text_at(json_object_get(v, "source"), "worktree");
    s->idle_timeout_s = json_integer_value(json_object_get(v, "idle_timeout_s"));
    char *params = json_text(json_object_get(v, "params"));
    s->params = params ? params : mem_strdup("{}");
    read_argv(s, json_object_get(v, "command"));
    read_env(s, json_object_get(v, "env"));
    read_files(s, v);
    read_uses(s, json_object_get(v, "uses"));
    s->prepare_only = json_is_true(json_object_get(v, "prepare_only"));
    s->container = container_read(json_object_get(v, "container"));
    return 0;
}

void job_spec_done(struct job_spec *s)
{
    for (char **e = s->env; e && *e; e++)
        free(*e);
    free(s->env);
    free(s->argv);
    free(s->params);
    free(s->results);
    free(s->artifacts);
    free(s->uses);
    container_free(s->container);
    json_decref(s->json);
    memset(s, 0, sizeof *s);
}

enum profile job_spec_profile(const char *spec)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    if (!strstr(spec, "\"profile\":\"") || json_read(spec, strlen(spec), &v, NULL))
        return PROFILE_NONE;
    const char *word = text_at(v, "profile");
    int i = word ? word_find(word, profile_words, PROFILE_COUNT) : -1;
    return i < 0 ? PROFILE_NONE : (enum profile)i;
}

char *job_spec_gpu_uuid(const char *spec, int32_t step)
{
    CLEANUP(json_decrefp) json_t *v = NULL;
    struct jpath at = {.len = 0};
    struct needs n = {.cpus = 1};
    if (!strstr(spec, "\"gpu_uuid\":[") || json_read(spec, strlen(spec), &v, NULL))
        return NULL;
    json_t *needs = json_array_get(json_object_get(v, "step_needs"), (size_t)step);
    char *uuid = needs && !json_get_needs(needs, &at, &n, NULL) ? mem_strdup(n.gpu_uuid) : NULL;
    needs_done(&n);
    return uuid;
}

int64_t job_spec_comparison(const char *spec)
{
    static const char member[] = "\"comparison\":";
    const char *at = spec;
    while ((at = strstr(at, member)) &&
           !(at[sizeof member - 1] >= '1' && at[sizeof member - 1] <= '9'))
        at++; /* a label of that name has a string */
    return at ? strtoll(at + sizeof member - 1, NULL, 10) : 0;
}

/* The spec is our own text: the last "steps":["a","b"] in it is the member, whose names need no
 * escapes. */
bool job_spec_step_name(const char *spec, int32_t step, char out[64])
{
    static const char start[] = "\"steps\":[";
    const char *at = NULL;
    for (const char *p = spec; (p = strstr(p, start)); p++)
        at = p;
    if (!at)
        return false;
    at += sizeof start - 1;
    for (int32_t i = 0; *at == '"'; i++) {
        const char *end = strchr(at + 1, '"');
        if (!end)
            return false;
        size_t len = (size_t)(end - at - 1);
        if (i == step && len < 64) {
            memcpy(out, at + 1, len);
            out[len] = 0;
            return true;
        }
        at = end[1] == ',' ? end + 2 : end + 1;
    }
    return false;
}
