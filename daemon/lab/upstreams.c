/* The table of upstreams: its files, the configuration's URLs over them, its documents. */
#include "lab/internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsx.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/near.h"

static int is_json(const struct dirent *d)
{
    size_t len = strlen(d->d_name);
    return d->d_name[0] != '.' && len > 5 && strcmp(d->d_name + len - 5, ".json") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Two rows that answer to one name would make "llvm#1" mean two things. */
static const char *taken(struct lab *lab, const struct upstream *u)
{
    if (upstream_find(lab->upstream, lab->n_upstreams, u->name))
        return u->name;
    for (char **s = u->aliases; s && *s; s++)
        if (upstream_find(lab->upstream, lab->n_upstreams, *s))
            return *s;
    return NULL;
}

static void load_one(struct lab *lab, const char *dir, const char *file)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, file);
    CLEANUP(str_done) struct str text = STR_INIT;
    struct upstream *u = NULL;
    struct cail_err err;
    const char *name = NULL;
    if (fsx_read(path, UPSTREAM_FILE_MAX, &text, &err) ||
        upstream_parse(text.p ? text.p : "", text.len, &u, &err)) {
        log_warn("%s is left out: %s %s", path, err.pointer, err.text);
        return;
    }
    if (strlen(file) != strlen(u->name) + 5 || strncmp(file, u->name, strlen(u->name)) != 0)
        log_warn("%s is left out: it says that its name is %s", path, u->name);
    else if ((name = taken(lab, u)))
        log_warn("%s is left out: another file has the name %s", path, name);
    else if (lab->n_upstreams == LAB_UPSTREAMS_MAX)
        log_warn("%s is left out: at most %d upstreams are kept", path, LAB_UPSTREAMS_MAX);
    else {
        lab->upstream[lab->n_upstreams++] = u;
        return;
    }
    upstream_free(u);
}

static void load_all(struct lab *lab, const char *recipes_dir)
{
    CLEANUP(mem_freep) char *dir = mem_printf("%s/upstreams", recipes_dir);
    struct dirent **entry = NULL;
    int n = scandir(dir, &entry, is_json, by_name);
    for (int i = 0; i < n; i++) {
        load_one(lab, dir, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
}

static int override(struct lab *lab, const struct lab_override *o, struct cail_err *err)
{
    for (size_t i = 0; i < lab->n_upstreams; i++) {
        struct upstream *u = lab->upstream[i];
        if (strcmp(u->name, o->name) != 0)
            continue;
        int rc = upstream_check_url(o->url, "", err);
        if (rc) {
            err_hint(err, "set [upstreams] %s.url or CAIL_UPSTREAM_..._URL to a URL for git",
                     o->name);
            return rc;
        }
        model_set(&u->url, o->url);
        u->is_overridden = true;
    }
    return 0;
}

int lab_open(struct lab **ret, const char *recipes_dir, const struct lab_override *o, size_t n,
             struct cail_err *err)
{
    struct lab *lab = mem_zalloc(sizeof *lab);
    int rc = 0;
    load_all(lab, recipes_dir);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = override(lab, &o[i], err);
    if (rc)
        lab_close(lab);
    else
        *ret = lab;
    return rc;
}

void lab_close(struct lab *lab)
{
    if (!lab)
        return;
    lab_forget(lab);
    for (size_t i = 0; i < lab->n_upstreams; i++)
        upstream_free(lab->upstream[i]);
    free(lab);
}

size_t lab_upstreams(const struct lab *lab, struct upstream *const **ret)
{
    *ret = lab->upstream;
    return lab->n_upstreams;
}

int lab_upstream(const struct lab *lab, const char *name, const struct upstream **ret,
                 struct cail_err *err)
{
    const char *names[LAB_UPSTREAMS_MAX];
    *ret = upstream_find(lab->upstream, lab->n_upstreams, name);
    if (*ret)
        return 0;
    for (size_t i = 0; i < lab->n_upstreams; i++)
        names[i] = lab->upstream[i]->name;
    const char *near = near_word(name, names, lab->n_upstreams);
    int rc = err_set(err, E_NOT_FOUND, "there is no upstream \"%.60s\"", name);
    if (near)
        err_hint(err, "did you mean \"%s\"? GET /upstreams (cail upstreams) lists them", near);
    else
        err_hint(err, "GET /upstreams (cail upstreams) lists them");
    return rc;
}

const char *lab_branch(const struct lab *lab, const char *upstream)
{
    for (size_t i = lab->n_topics; i > 0; i--) {
        const struct topic *t = lab->topic[i - 1];
        if (t->base_branch && strcmp(t->upstream, upstream) == 0)
            return t->base_branch;
    }
    return NULL;
}

void lab_upstreams_json(const struct lab *lab, struct str *out)
{
    struct jw w = JW(out);
    jw_open(&w, '{');
    jw_key(&w, "upstreams");
    jw_open(&w, '[');
    for (size_t i = 0; i < lab->n_upstreams; i++)
        upstream_doc(&w, lab->upstream[i], lab_branch(lab, lab->upstream[i]->name));
    jw_close(&w, ']');
    jw_close(&w, '}');
}

void lab_upstream_json(const struct lab *lab, const struct upstream *u, struct str *out)
{
    struct jw w = JW(out);
    upstream_doc(&w, u, lab_branch(lab, u->name));
}
