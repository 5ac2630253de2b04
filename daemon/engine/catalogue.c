/* Recipes on disk: every folder with a recipe.json below the recipes folder. Read again when a file
 * changed, looked at no more than every two seconds. A bad recipe is logged once and left out. */
#include "engine/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsx.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/near.h"

enum { RECIPES_MAX = 512, DEPTH_MAX = 5, FILES_MAX = 256 };
#define LOOK_EVERY_US INT64_C(2000000)

struct catalogue {
    char *dir;
    struct recipe *recipe[RECIPES_MAX];
    size_t n;
    int64_t looked_mono_us;
    uint64_t signature; /* of names, sizes and times below dir */
};

/* Order of names, so that versions do not depend on the file system. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int plain(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static int list(const char *dir, struct dirent ***ret)
{
    int n = scandir(dir, ret, plain, by_name);
    return n < 0 ? 0 : n;
}

static void list_free(struct dirent **entry, int n)
{
    for (int i = 0; i < n; i++)
        free(entry[i]);
    if (n)
        free(entry);
}

/* sha256 over the names and contents of a recipe's files. */
static void version_of(const char *dir, char out[DIGEST_LEN])
{
    CLEANUP(str_done) struct str all = STR_INIT;
    struct dirent **entry;
    int n = list(dir, &entry);
    for (int i = 0; i < n && i < FILES_MAX; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, entry[i]->d_name);
        CLEANUP(str_done) struct str text = STR_INIT;
        if (fsx_read(path, RECIPE_FILE_MAX, &text, NULL))
            continue; /* a folder, a link, a large sample */
        str_addf(&all, "%s %zu\n", entry[i]->d_name, text.len);
        str_add(&all, text.p, text.len);
    }
    list_free(entry, n);
    digest_hex(all.p ? all.p : "", all.len, out);
}

static void load_one(struct catalogue *c, const char *dir)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/recipe.json", dir);
    CLEANUP(str_done) struct str text = STR_INIT;
    struct cail_err err;
    struct recipe *r;
    if (fsx_read(path, RECIPE_FILE_MAX, &text, &err)) {
        if (err.code != E_NOT_FOUND)
            log_warn("%s", err.text);
        return;
    }
    if (recipe_parse(text.p ? text.p : "", text.len, &r, &err)) {
        log_warn("%s is left out: %s %s", path, err.pointer, err.text);
        return;
    }
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->recipe[i]->name, r->name) == 0) {
            log_warn("%s is left out: %s has that name too", path, c->recipe[i]->dir);
            recipe_free(r);
            return;
        }
    if (c->n == RECIPES_MAX) {
        recipe_free(r);
        return;
    }
    r->dir = mem_strdup(dir);
    version_of(dir, r->version);
    CLEANUP(mem_freep) char *notes = mem_printf("%s/README.md", dir);
    r->has_notes = access(notes, F_OK) == 0;
    c->recipe[c->n++] = r;
}

static void walk(struct catalogue *c, const char *dir, int depth, bool load, uint64_t *signature)
{
    struct stat st;
    if (depth > DEPTH_MAX || lstat(dir, &st) || !S_ISDIR(st.st_mode))
        return;
    if (load)
        load_one(c, dir);
    struct dirent **entry;
    int n = list(dir, &entry);
    for (int i = 0; i < n; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, entry[i]->d_name);
        if (lstat(path, &st))
            continue;
        *signature = *signature * 31 + (uint64_t)st.st_mtim.tv_sec * 1000003 +
                     (uint64_t)st.st_mtim.tv_nsec + (uint64_t)st.st_size * 7 + st.st_ino;
        if (S_ISDIR(st.st_mode))
            walk(c, path, depth + 1, load, signature);
    }
    list_free(entry, n);
}

static void clear(struct catalogue *c)
{
    for (size_t i = 0; i < c->n; i++)
        recipe_free(c->recipe[i]);
    c->n = 0;
}

static void refresh(struct catalogue *c)
{
    int64_t now = clock_mono_us();
    uint64_t signature = 0;
    if (c->looked_mono_us && now - c->looked_mono_us < LOOK_EVERY_US)
        return;
    c->looked_mono_us = now;
    walk(c, c->dir, 0, false, &signature);
    if (signature == c->signature)
        return;
    clear(c);
    c->signature = signature;
    walk(c, c->dir, 0, true, &signature);
}

struct catalogue *catalogue_open(const char *dir)
{
    struct catalogue *c = mem_zalloc(sizeof *c);
    c->dir = mem_strdup(dir);
    refresh(c);
    return c;
}

void catalogue_close(struct catalogue *c)
{
    if (!c)
        return;
    clear(c);
    free(c->dir);
    free(c);
}

const struct recipe *catalogue_find(struct catalogue *c, const char *name)
{
    refresh(c);
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->recipe[i]->name, name) == 0)
            return c->recipe[i];
    return NULL;
}

const char *catalogue_near(struct catalogue *c, const char *name)
{
    const char *names[RECIPES_MAX];
    for (size_t i = 0; i < c->n; i++)
        names[i] = c->recipe[i]->name;
    return near_word(name, names, c->n);
}

void catalogue_json(struct catalogue *c, struct str *out)
{
    refresh(c);
    str_adds(out, "{\"recipes\":[");
    for (size_t i = 0; i < c->n; i++) {
        if (i)
            str_addc(out, ',');
        recipe_json(c->recipe[i], out);
    }
    str_adds(out, "]}\n");
}

void engine_recipes_json(struct engine *e, struct str *out)
{
    catalogue_json(e->catalogue, out);
}

int engine_recipe_json(struct engine *e, const char *name, struct str *out, struct cail_err *err)
{
    const struct recipe *r = catalogue_find(e->catalogue, name);
    if (r) {
        recipe_json(r, out);
        str_addc(out, '\n');
        return 0;
    }
    const char *near = catalogue_near(e->catalogue, name);
    int rc = err_set(err, E_NOT_FOUND, "there is no recipe \"%.80s\"", name);
    if (near)
        err_hint(err, "did you mean \"%s\"?", near);
    return rc;
}
