/* Upstreams: one JSON file each (recipes/upstreams/NAME.json) with the address of a project, the
 * pages of its pull requests and its rules for contributions; and what people write for a pull
 * request ("llvm#123", an address) turned into its one address. PURE: lab/ reads the folder.
 *
 * The rules are data that `cail topic check` interprets; here they are only carried through.
 * schema/json/upstream.json is the JSON Schema of the file. */
#ifndef RECIPE_UPSTREAM_H
#define RECIPE_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/jw.h"
#include "base/str.h"

#define UPSTREAM_FILE_MAX (64u << 10)
#define UPSTREAM_URL_MAX  500
#define UPSTREAM_PR_MAX   400 /* bytes of what stands for a pull request */

struct upstream {
    char *name;     /* [a-z][a-z0-9-]*: "nccl-tests" */
    char *title;    /* "LLVM / MLIR" */
    char **aliases; /* NULL-terminated, names too */
    char *group;    /* folder of its recipes, below recipes/ */
    char *url;      /* what git clones; the configuration may have replaced it */
    bool is_overridden;
    char *branch_hint; /* of its default branch; only the remote knows: ask it */
    char *page;        /* of a pull request: "https://github.com/llvm/llvm-project/pull/{number}" */
    char *compare;     /* with {base}, {fork}, {branch} */
    char *api;         /* path below the API's base: "/repos/llvm/llvm-project/pulls/{number}" */
    char *comment_api;
    char *fork;    /* with {owner} */
    char *recipes; /* JSON: {"build":[names],"test":[...],"benchmark":[...]} */
    char *rules;   /* JSON object */
};

/* *ret is the caller's to free with upstream_free. Errors point into the document. */
int upstream_parse(const char *p, size_t len, struct upstream **ret,
                   struct cail_err *err) NODISCARD;
void upstream_free(struct upstream *u); /* NULL is fine */

/* A URL that git may be given: https, http, ssh, git, file, an absolute path, or HOST:PATH of ssh.
 * No white space, no leading '-', no "ext::" and the like, no password. */
int upstream_check_url(const char *url, const char *pointer, struct cail_err *err) NODISCARD;

/* "CAIL_UPSTREAM_NCCL_TESTS_URL" into out. */
void upstream_env_name(const char *name, char out[96]);

/* By name or alias; NULL = none. */
const struct upstream *upstream_find(struct upstream *const *list, size_t n, const char *name);

/* The document of GET /upstreams/{name}. branch: what a remote said last, NULL = not asked yet. */
void upstream_doc(struct jw *w, const struct upstream *u, const char *branch);

struct upstream_pr {
    const struct upstream *upstream; /* of the list */
    int64_t number;
    char url[UPSTREAM_URL_MAX]; /* its one address */
    char brief[96];             /* "llvm#123" */
};

/* Which pull request of a known upstream does `text` mean? An address (of the page, with what may
 * follow it: /files, ?query, #fragment), NAME#123, OWNER/REPO#123, or a number where `of` (may be
 * NULL) says whose. E_BAD_FIELD with what would do. */
int upstream_pr_read(struct upstream *const *list, size_t n, const char *text, const char *of,
                     struct upstream_pr *ret, struct cail_err *err) NODISCARD;

#endif
