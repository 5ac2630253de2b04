/* What a recipe and its resolved parameters become: environment, content key, JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/jw.h"
#include "base/mem.h"
#include "recipe/recipe.h"
#include "recipe/read.h"
#include "recipe/value.h"

static char *env_one(const char *name, const json_t *v)
{
    CLEANUP(str_done) struct str s = STR_INIT;
    str_adds(&s, "CAIL_PARAM_");
    for (; *name; name++)
        str_addc(&s, (char)(*name >= 'a' && *name <= 'z' ? *name - ('a' - 'A') : *name));
    str_addc(&s, '=');
    if (json_is_string(v))
        str_adds(&s, json_string_value(v));
    else if (json_is_integer(v))
        str_add_int(&s, json_integer_value(v));
    else
        str_adds(&s, json_is_true(v) ? "true" : "false");
    return str_take(&s);
}

char **recipe_env(const char *canonical_params)
{
    const char *text = canonical_params && *canonical_params ? canonical_params : "{}";
    json_t *doc = NULL;
    if (json_read(text, strlen(text), &doc, NULL))
        doc = NULL; /* not a text that recipe_resolve made: no parameters */
    char **env = mem_array(json_object_size(doc) + 1, sizeof *env);
    size_t n = 0;
    const char *name;
    json_t *v;
    json_object_foreach(doc, name, v)
        env[n++] = env_one(name, v);
    json_decref(doc);
    return env;
}

void recipe_env_free(char **env)
{
    recipe_texts_free(env);
}

struct line {
    const char *p;
    size_t len;
};

static int line_order(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    size_t least = x->len < y->len ? x->len : y->len;
    int d = memcmp(x->p, y->p, least);
    return d ? d : (x->len > y->len) - (x->len < y->len);
}

/* The lines of p[len] in out[], without line ends; empty ones are left out. */
static size_t split(const char *p, size_t len, struct line *out)
{
    size_t n = 0;
    for (const char *end = p + len; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        const char *stop = nl ? nl : end;
        size_t l = (size_t)(stop - p);
        if (l && p[l - 1] == '\r')
            l--;
        if (l)
            out[n++] = (struct line){p, l};
        p = nl ? nl + 1 : end;
    }
    return n;
}

static void add_framed(struct str *s, const char *p, size_t len)
{
    str_addf(s, "%zu:", len); /* the length first: no two sets of parts read alike */
    str_add(s, p, len);
    str_addc(s, '\n');
}

/* canonical_params without those that do not key the cache. */
static void add_params(struct str *s, const struct recipe *r, const char *canonical_params)
{
    const char *text = canonical_params && *canonical_params ? canonical_params : "{}";
    json_t *doc = NULL;
    if (json_read(text, strlen(text), &doc, NULL))
        doc = NULL;
    for (size_t i = 0; i < r->n_params; i++)
        if (!r->param[i].keys_cache)
            json_object_del(doc, r->param[i].name);
    char *left = doc ? json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(doc);
    add_framed(s, left ? left : text, strlen(left ? left : text));
    free(left);
}

void recipe_cache_key(const struct recipe *r, const char *canonical_params, const char *identity,
                      size_t identity_len, char out[DIGEST_LEN])
{
    CLEANUP(str_done) struct str s = STR_INIT;
    add_framed(&s, r->name, strlen(r->name));
    add_framed(&s, r->version, strlen(r->version));
    add_params(&s, r, canonical_params);
    size_t most = 1;
    for (size_t i = 0; i < identity_len; i++)
        most += identity[i] == '\n';
    struct line *lines = mem_array(most, sizeof *lines);
    size_t n = identity_len ? split(identity, identity_len, lines) : 0;
    qsort(lines, n, sizeof *lines, line_order);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || line_order(&lines[i - 1], &lines[i]) != 0)
            add_framed(&s, lines[i].p, lines[i].len);
    free(lines);
    digest_hex(s.p, s.len, out);
}

static void put_texts(struct jw *w, const char *key, char *const *list)
{
    if (!list)
        return;
    jw_key(w, key);
    jw_open(w, '[');
    for (; *list; list++)
        jw_str(w, *list);
    jw_close(w, ']');
}

static void put_needs(struct jw *w, const struct needs *n)
{
    jw_key(w, "needs");
    jw_open(w, '{');
    if (n->cpus == CPUS_ALL)
        jw_kstr(w, "cpus", "all");
    else
        jw_kint(w, "cpus", n->cpus);
    jw_kint(w, "gpus", n->gpus);
    if (n->gpu_model)
        jw_kstr(w, "gpu_model", n->gpu_model);
    if (n->gpu_memory_mib)
        jw_kint(w, "gpu_memory_mib", n->gpu_memory_mib);
    if (n->memory_mib)
        jw_kint(w, "memory_mib", n->memory_mib);
    if (n->ports)
        jw_kint(w, "ports", n->ports);
    if (n->share)
        jw_kbool(w, "share", true);
    jw_kstr(w, "exclusive", exclusive_words[n->exclusive]);
    jw_close(w, '}');
}

/* The default in the parameter's own JSON type. */
static void put_default(struct jw *w, const struct recipe_param *p)
{
    char why[RECIPE_WHY_LEN];
    json_t *v = p->dflt ? recipe_value(p, p->dflt, why) : NULL;
    if (!v)
        return;
    jw_key(w, "default");
    if (json_is_string(v))
        jw_str(w, json_string_value(v));
    else if (json_is_integer(v))
        jw_int(w, json_integer_value(v));
    else
        jw_bool(w, json_is_true(v));
    json_decref(v);
}

static void put_param(struct jw *w, const struct recipe_param *p)
{
    jw_key(w, p->name);
    jw_open(w, '{');
    jw_kstr(w, "type", param_type_words[p->type]);
    jw_kstr(w, "description", p->description);
    jw_kbool(w, "required", !p->dflt);
    put_default(w, p);
    if (p->type == PARAM_INT) {
        jw_kint(w, "min", p->min);
        if (p->max != INT64_MAX)
            jw_kint(w, "max", p->max);
    }
    put_texts(w, "choices", p->choices);
    if (p->pattern)
        jw_kstr(w, "pattern", p->pattern);
    if (!p->keys_cache)
        jw_kbool(w, "keys_cache", false);
    jw_close(w, '}');
}

static void put_steps(struct jw *w, const struct recipe *r)
{
    jw_key(w, "steps");
    jw_open(w, '[');
    for (size_t i = 0; i < r->n_steps; i++) {
        const struct recipe_step *s = &r->step[i];
        jw_open(w, '{');
        jw_kstr(w, "name", s->name);
        jw_kstr(w, "run", s->run);
        if (s->has_needs)
            put_needs(w, &s->needs);
        if (s->timeout_s)
            jw_kint(w, "timeout_s", s->timeout_s);
        jw_kbool(w, "keys_cache", s->keys_cache);
        jw_kbool(w, "cached", s->cached);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void put_requires(struct jw *w, const struct recipe *r)
{
    jw_key(w, "requires");
    jw_open(w, '{');
    jw_key(w, "tools");
    jw_open(w, '[');
    for (size_t i = 0; i < r->n_tools; i++) {
        const struct recipe_tool *t = &r->tool[i];
        jw_open(w, '{');
        jw_kstr(w, "name", t->name);
        if (t->min)
            jw_kstr(w, "min", t->min);
        jw_kstr(w, "package", t->package);
        jw_kbool(w, "optional", t->optional);
        jw_close(w, '}');
    }
    jw_close(w, ']');
    jw_kint(w, "disk_mib", r->disk_mib);
    jw_close(w, '}');
}

static void put_results(struct jw *w, const struct recipe *r)
{
    jw_key(w, "results");
    jw_open(w, '[');
    for (size_t i = 0; i < r->n_results; i++) {
        jw_open(w, '{');
        if (r->result[i].parser)
            jw_kstr(w, "parser", r->result[i].parser);
        jw_kstr(w, "file", r->result[i].file);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void put_uses(struct jw *w, const struct recipe *r)
{
    jw_key(w, "uses");
    jw_open(w, '[');
    for (size_t i = 0; i < r->n_uses; i++) {
        jw_open(w, '{');
        jw_kstr(w, "recipe", r->use[i].recipe);
        jw_key(w, "params");
        jw_raw(w, r->use[i].params, strlen(r->use[i].params));
        if (r->use[i].when)
            jw_kstr(w, "when", r->use[i].when);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static void put_retry(struct jw *w, const struct recipe *r)
{
    jw_key(w, "retry");
    jw_open(w, '{');
    jw_kint(w, "max_attempts", r->max_tries);
    jw_key(w, "on");
    jw_open(w, '[');
    for (int i = 0; i < RETRY_CAUSE_COUNT; i++)
        if (r->retry_on & (1u << i))
            jw_str(w, retry_cause_words[i]);
    jw_close(w, ']');
    jw_kint(w, "backoff_s", r->backoff_s);
    jw_close(w, '}');
}

void recipe_json(const struct recipe *r, struct str *out)
{
    struct jw w = JW(out);
    jw_open(&w, '{');
    jw_kstr(&w, "name", r->name);
    jw_kstr(&w, "group", r->group);
    jw_kstr(&w, "summary", r->summary);
    jw_kstr(&w, "upstream", r->upstream);
    jw_kstr(&w, "kind", job_kind_words[r->kind]);
    jw_key(&w, "params");
    jw_open(&w, '{');
    for (size_t i = 0; i < r->n_params; i++)
        put_param(&w, &r->param[i]);
    jw_close(&w, '}');
    put_steps(&w, r);
    put_needs(&w, &r->needs);
    if (r->timeout_s)
        jw_kint(&w, "timeout_s", r->timeout_s);
    if (r->idle_timeout_s)
        jw_kint(&w, "idle_timeout_s", r->idle_timeout_s);
    put_requires(&w, r);
    put_texts(&w, "env_pass", r->env_pass);
    put_results(&w, r);
    put_uses(&w, r);
    if (r->compare) {
        jw_key(&w, "compare");
        jw_raw(&w, r->compare, strlen(r->compare));
    }
    put_texts(&w, "artifacts", r->artifacts);
    if (r->max_tries > 1)
        put_retry(&w, r);
    if (r->version[0])
        jw_kstr(&w, "version", r->version);
    if (r->dir)
        jw_kstr(&w, "dir", r->dir);
    jw_kbool(&w, "has_notes", r->has_notes);
    jw_close(&w, '}');
}
