/* Recipes: a folder with recipe.json and bash steps, turned into a checked value; parameters
 * checked against their types. PURE: bytes in, values out; lab/ reads the folders.
 *
 * Parameters reach the steps as environment (CAIL_PARAM_<NAME>), never by substitution into a shell
 * line. schema/json/recipe.json is the JSON Schema of the file; a test holds the two together. */
#ifndef RECIPE_RECIPE_H
#define RECIPE_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/str.h"
#include "model/job.h"

#define RECIPE_FILE_MAX   (256u << 10)
#define RECIPE_PARAMS_MAX 64
#define RECIPE_TOOLS_MAX  64
#define RECIPE_USES_MAX   8

struct recipe_param {
    char *name; /* [a-z][a-z0-9_]*, at most 40 */
    enum param_type type;
    char *description;
    char *dflt;       /* default in text form; NULL = required */
    int64_t min, max; /* PARAM_INT */
    char **choices;   /* PARAM_ENUM, NULL-terminated */
    char *pattern;    /* PARAM_STRING: POSIX extended, anchored; never matches a leading '-' */
    bool keys_cache;  /* true unless the file says false: its value changes what is built */
};

struct recipe_step {
    char *name;     /* [a-z][a-z0-9-]* */
    char *run;      /* file name in the recipe's folder, no '/' */
    bool has_needs; /* its own needs: a schedulable unit of its own */
    struct needs needs;
    int64_t timeout_s; /* 0 = the recipe's */
    bool keys_cache;   /* writes $CAIL_ATTEMPT_DIR/cache-key: what the build's content depends on */
    bool cached;       /* skipped when the cache has that key; runs with CAIL_BUILD_DIR */
};

struct recipe_tool {
    char *name;    /* "cmake" */
    char *min;     /* "3.20", NULL = any */
    char *package; /* Debian package that has it */
    bool optional;
};

struct recipe_result {
    char *parser; /* a name of parse/'s table; NULL = detect by content */
    char *file;   /* glob below $CAIL_RESULTS */
};

/* Another recipe's build that the steps find as CAIL_USE_<NAME>: queued with the job, which comes
 * after it; a build that is in the cache costs next to nothing. */
struct recipe_use {
    char *recipe;
    char *params; /* JSON object text; a value "$name" stands for this recipe's parameter `name` */
    char *when;   /* a parameter that must not be empty or false for it to count, NULL = always */
};

struct recipe {
    char *name, *group, *summary;
    char *upstream; /* NULL = none */
    enum job_kind kind;
    struct recipe_param *param;
    size_t n_params;
    struct recipe_step *step; /* >= 1 */
    size_t n_steps;
    struct needs needs;
    int64_t timeout_s, idle_timeout_s; /* 0 = default / none */
    struct recipe_tool *tool;
    size_t n_tools;
    int64_t disk_mib; /* free space below build_root it wants, 0 = none */
    char **env_pass;  /* names taken from the daemon's own environment, NULL-terminated or NULL */
    struct recipe_result *result;
    size_t n_results;
    struct recipe_use *use;
    size_t n_uses;
    char *compare; /* how comparisons judge it: "metrics", "min_effect", "diff"; NULL = says nothing */
    char **artifacts; /* globs below $CAIL_ARTIFACTS; NULL = all */
    int32_t max_tries, backoff_s;
    uint32_t retry_on;
    /* Set by whoever loaded it. */
    char *dir;                /* absolute folder */
    char version[DIGEST_LEN]; /* sha256 over the folder's files */
    bool has_notes;           /* README.md beside it */
};

/* Parse and check recipe.json. Unknown members are errors naming the nearest known one. The error's
 * pointer is a JSON Pointer into the file. *ret is owned by the caller. */
int recipe_parse(const char *json, size_t len, struct recipe **ret, struct cail_err *err) NODISCARD;
void recipe_free(struct recipe *r); /* NULL is fine */

/* Check params_json (an object's text; NULL or "" = none given; values may be strings, numbers or
 * booleans) against r and fill in defaults. *ret_params: the full canonical object text, keys
 * sorted, values in their own JSON type; owned by the caller. Error pointer: /params/<name>. */
int recipe_resolve(const struct recipe *r, const char *params_json, char **ret_params,
                   struct cail_err *err) NODISCARD;

/* "CAIL_PARAM_<NAME>=<value>" for each member of a canonical params text; NULL-terminated, freed
 * with recipe_env_free. */
char **recipe_env(const char *canonical_params);
void recipe_env_free(char **env);

/* Does this use count with these parameters; and what the used recipe is given then, owned by the
 * caller. PURE. */
bool recipe_use_counts(const struct recipe_use *u, const char *canonical_params);
char *recipe_use_params(const struct recipe_use *u, const char *canonical_params);

/* Content key of a build: sha256 over name, version, those canonical params that key the cache (not
 * a number of jobs, say), and the text of the step's cache-key file (lines; order does not matter,
 * duplicates do not either). */
void recipe_cache_key(const struct recipe *r, const char *canonical_params, const char *identity,
                      size_t identity_len, char out[DIGEST_LEN]);

/* The recipe as GET /recipes/{name} shows it, one JSON object. */
void recipe_json(const struct recipe *r, struct str *out);

#endif
