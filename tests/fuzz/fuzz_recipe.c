/* Bytes as recipe.json, and as parameters of a recipe with one of each type. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "recipe/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char each_type[] =
    "{\"name\":\"x\",\"group\":\"tools\",\"summary\":\"s\",\"kind\":\"check\",\"steps\":[{\"name\":"
    "\"a\",\"run\":\"a.sh\"}],\"params\":{"
    "\"text\":{\"type\":\"string\",\"description\":\"d\",\"default\":\"\",\"pattern\":\"[a-z]+\"},"
    "\"n\":{\"type\":\"int\",\"description\":\"d\",\"default\":1},"
    "\"yes\":{\"type\":\"bool\",\"description\":\"d\",\"default\":true},"
    "\"one\":{\"type\":\"enum\",\"description\":\"d\",\"choices\":[\"a\",\"b\"],\"default\":\"a\"},"
    "\"ref\":{\"type\":\"ref\",\"description\":\"d\",\"default\":\"main\"},"
    "\"sha\":{\"type\":\"sha\",\"description\":\"d\",\"default\":\"\"},"
    "\"dir\":{\"type\":\"path\",\"description\":\"d\",\"default\":\"/\"}}}";

/* What was resolved resolves to itself, and no value of it looks like an option. */
static void params(const char *text)
{
    static struct recipe *r;
    if (!r)
        BUG_ON(recipe_parse(each_type, sizeof each_type - 1, &r, NULL));
    CLEANUP(mem_freep) char *first = NULL, *again = NULL;
    struct cail_err err = {.code = E_OK};
    int rc = recipe_resolve(r, text, &first, &err);
    BUG_ON(rc != (int)err.code || (rc == 0) != (first != NULL));
    if (rc)
        return;
    BUG_ON(recipe_resolve(r, first, &again, NULL));
    BUG_ON(strcmp(first, again) != 0);
    char **env = recipe_env(first);
    for (char **e = env; *e; e++)
        BUG_ON(!strchr(*e, '=') || strchr(*e, '=')[1] == '-' || strchr(*e, '\n'));
    recipe_env_free(env);
    char key[DIGEST_LEN];
    recipe_cache_key(r, first, text, strlen(text), key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(mem_freep) char *text = mem_strndup((const char *)data, size);
    struct recipe *r = NULL;
    struct cail_err err = {.code = E_OK};
    int rc = recipe_parse((const char *)data, size, &r, &err);
    BUG_ON(rc != (int)err.code || (rc == 0) != (r != NULL));
    if (r) {
        CLEANUP(str_done) struct str out = STR_INIT;
        recipe_json(r, &out);
        char *got = NULL;
        if (recipe_resolve(r, NULL, &got, NULL) == 0)
            free(got);
        recipe_free(r);
    }
    params(text);
    return 0;
}
