/* Reading JSON from strangers. */
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/utf8.h"

/* Depth without recursion and without understanding: brackets outside strings. */
static bool too_deep(const char *p, size_t len)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string) {
            if (p[i] == '\\')
                i++;
            else if (p[i] == '"')
                in_string = false;
            continue;
        }
        if (p[i] == '"')
            in_string = true;
        else if ((p[i] == '{' || p[i] == '[') && ++depth > JSON_DEPTH_MAX)
            return true;
        else if (p[i] == '}' || p[i] == ']')
            depth--;
    }
    return false;
}

int json_read(const char *p, size_t len, json_t **ret, struct cail_err *err)
{
    if (too_deep(p, len))
        return err_set(err, E_BAD_JSON, "JSON nested deeper than %d levels is not read",
                       JSON_DEPTH_MAX);
    json_error_t e;
    json_t *v = json_loadb(p, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!v)
        return err_set(err, E_BAD_JSON, "%s at line %d, column %d", e.text, e.line, e.column);
    *ret = v;
    return 0;
}

static void put_escaped(struct jpath *at, const char *key)
{
    for (const char *c = key; *c && at->len + 3 < sizeof at->text; c++) {
        if (*c == '~' || *c == '/') { /* RFC 6901 section 3 */
            at->text[at->len++] = '~';
            at->text[at->len++] = *c == '~' ? '0' : '1';
        } else {
            at->text[at->len++] = *c;
        }
    }
    at->text[at->len] = 0;
}

size_t jpath_push(struct jpath *at, const char *key)
{
    size_t before = at->len;
    if (at->len + 1 < sizeof at->text)
        at->text[at->len++] = '/';
    put_escaped(at, key);
    return before;
}

size_t jpath_push_index(struct jpath *at, size_t index)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", index);
    return jpath_push(at, text);
}

void jpath_pop(struct jpath *at, size_t len)
{
    at->len = len;
    at->text[len] = 0;
}

static const char *type_name(const json_t *v)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "an array", [JSON_STRING] = "a string",
        [JSON_INTEGER] = "an integer", [JSON_REAL] = "a number",  [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",        [JSON_NULL] = "null",
    };
    return names[json_typeof(v)];
}

int json_get_int(const json_t *v, const struct jpath *at, int64_t low, int64_t high, int64_t *ret,
                 struct cail_err *err)
{
    if (!json_is_integer(v))
        return err_set_at(err, E_BAD_FIELD, at->text, "wants an integer, got %s", type_name(v));
    int64_t n = json_integer_value(v);
    if (n < low || n > high)
        return err_set_at(err, E_BAD_FIELD, at->text, "%lld is not in %lld..%lld", (long long)n,
                          (long long)low, (long long)high);
    *ret = n;
    return 0;
}

int json_get_bool(const json_t *v, const struct jpath *at, bool *ret, struct cail_err *err)
{
    if (!json_is_boolean(v))
        return err_set_at(err, E_BAD_FIELD, at->text, "wants true or false, got %s", type_name(v));
    *ret = json_is_true(v);
    return 0;
}

int json_get_str(const json_t *v, const struct jpath *at, size_t max, const char *allowed,
                 const char **ret, struct cail_err *err)
{
    if (!json_is_string(v))
        return err_set_at(err, E_BAD_FIELD, at->text, "wants a string, got %s", type_name(v));
    size_t len = json_string_length(v);
    if (!len)
        return err_set_at(err, E_BAD_FIELD, at->text, "is empty");
    if (len > max)
        return err_set_at(err, E_BAD_FIELD, at->text, "has %zu bytes; at most %zu are taken", len,
                          max);
    if (!utf8_printable(json_string_value(v), len, allowed))
        return err_set_at(err, E_BAD_FIELD, at->text, "holds a control character");
    *ret = json_string_value(v);
    return 0;
}

int json_get_word(const json_t *v, const struct jpath *at, const char *const words[], int n,
                  int *ret, struct cail_err *err)
{
    const char *word;
    int rc = json_get_str(v, at, 100, "", &word, err);
    if (rc)
        return rc;
    int i = word_find(word, words, n);
    if (i >= 0) {
        *ret = i;
        return 0;
    }
    CLEANUP(str_done) struct str all = STR_INIT;
    for (int k = 0; k < n; k++)
        str_addf(&all, "%s%s", k ? ", " : "", words[k]);
    rc = err_set_at(err, E_BAD_FIELD, at->text, "\"%s\" is none of %s", word, all.p);
    const char *near = near_word(word, words, (size_t)n);
    if (near)
        err_hint(err, "did you mean \"%s\"?", near);
    return rc;
}

int json_unknown(const char *key, struct jpath *at, const char *const known[], size_t n,
                 struct cail_err *err)
{
    size_t mark = jpath_push(at, key);
    int rc = err_set_at(err, E_UNKNOWN_FIELD, at->text, "\"%.80s\" is not known here", key);
    const char *near = near_word(key, known, n);
    if (near)
        err_hint(err, "did you mean \"%s\"?", near);
    jpath_pop(at, mark);
    return rc;
}

static int get_cpus(json_t *v, const struct jpath *at, struct needs *needs, struct cail_err *err)
{
    if (json_is_string(v) && strcmp(json_string_value(v), "all") == 0) {
        needs->cpus = CPUS_ALL;
        return 0;
    }
    int64_t n = 0;
    int rc = json_get_int(v, at, 1, 4096, &n, err);
    if (!rc)
        needs->cpus = (int32_t)n;
    return rc;
}

static int get_i32(json_t *v, const struct jpath *at, int64_t high, int32_t *ret,
                   struct cail_err *err)
{
    int64_t n = 0;
    int rc = json_get_int(v, at, 0, high, &n, err);
    if (!rc)
        *ret = (int32_t)n;
    return rc;
}

/* One UUID or its beginning after those that *out has. Its characters are what the driver and what
 * CUDA_VISIBLE_DEVICES use. */
static int add_uuid(const char *text, size_t len, const struct jpath *at, struct str *out,
                    struct cail_err *err)
{
    bool ok = len >= 4 && len < 64;
    for (size_t i = 0; i < len; i++)
        ok &= (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'z') ||
              (text[i] >= 'A' && text[i] <= 'Z') || text[i] == '-' || text[i] == '/';
    if (!ok)
        return err_set_at(
            err, E_BAD_FIELD, at->text,
            "\"%.*s\" is neither a card's UUID as GET /gpus shows it nor its beginning",
            (int)(len < 80 ? len : 80), text);
    str_addf(out, "%s%.*s", out->len ? "," : "", (int)len, text);
    return 0;
}

/* "GPU-a,GPU-b" or an array of such; an empty array = any card. */
static int get_uuids(json_t *v, const struct jpath *at, struct needs *needs, struct cail_err *err)
{
    CLEANUP(str_done) struct str all = STR_INIT;
    bool is_list = json_is_array(v);
    size_t n = is_list ? json_array_size(v) : 1;
    if (n > JOB_GPUS_MAX)
        return err_set_at(err, E_BAD_FIELD, at->text, "names %zu cards; at most %d are taken", n,
                          JOB_GPUS_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *text;
        int rc =
            json_get_str(is_list ? json_array_get(v, i) : v, at, 64 * JOB_GPUS_MAX, "", &text, err);
        for (; !rc; text += strcspn(text, ",") + 1) {
            rc = add_uuid(text, strcspn(text, ","), at, &all, err);
            if (!text[strcspn(text, ",")])
                break;
        }
        if (rc)
            return rc;
    }
    free(needs->gpu_uuid);
    needs->gpu_uuid = all.len ? str_take(&all) : NULL;
    return 0;
}

/* Who names cards says with it how many. */
static int count_uuids(const json_t *v, struct jpath *at, struct needs *needs, struct cail_err *err)
{
    int32_t n = 1;
    if (!needs->gpu_uuid)
        return 0;
    for (const char *c = needs->gpu_uuid; *c; c++)
        n += *c == ',';
    const json_t *said = json_object_get(v, "gpus");
    if (said && !json_is_null(said) && needs->gpus != n) {
        size_t mark = jpath_push(at, "gpus");
        int rc = err_set_at(err, E_BAD_FIELD, at->text, "is %d, but gpu_uuid names %d card%s",
                            needs->gpus, n, n == 1 ? "" : "s");
        jpath_pop(at, mark);
        return rc;
    }
    needs->gpus = n;
    return 0;
}

static int get_need(const char *key, json_t *v, struct jpath *at, struct needs *needs,
                    struct cail_err *err)
{
    static const char *const known[] = {"cpus",           "gpus",       "gpu_model",
                                        "gpu_uuid",       "memory_mib", "exclusive",
                                        "gpu_memory_mib", "ports",      "share"};
    size_t mark = jpath_push(at, key);
    int rc = 0, word;
    const char *text;
    if (strcmp(key, "cpus") == 0) {
        rc = get_cpus(v, at, needs, err);
    } else if (strcmp(key, "gpus") == 0) {
        rc = get_i32(v, at, JOB_GPUS_MAX, &needs->gpus, err);
    } else if (strcmp(key, "ports") == 0) {
        rc = get_i32(v, at, JOB_PORTS_MAX, &needs->ports, err);
    } else if (strcmp(key, "memory_mib") == 0) {
        rc = json_get_int(v, at, 0, INT64_C(1) << 30, &needs->memory_mib, err);
    } else if (strcmp(key, "gpu_memory_mib") == 0) {
        rc = json_get_int(v, at, 0, INT64_C(1) << 30, &needs->gpu_memory_mib, err);
    } else if (strcmp(key, "share") == 0) {
        rc = json_get_bool(v, at, &needs->share, err);
    } else if (strcmp(key, "gpu_model") == 0) {
        rc = json_get_str(v, at, 100, "", &text, err);
        if (!rc)
            model_set(&needs->gpu_model, text);
    } else if (strcmp(key, "gpu_uuid") == 0) {
        rc = get_uuids(v, at, needs, err);
    } else if (strcmp(key, "exclusive") == 0) {
        rc = json_get_word(v, at, exclusive_words, EXCLUSIVE_COUNT, &word, err);
        if (!rc)
            needs->exclusive = (enum exclusive)word;
    } else {
        jpath_pop(at, mark);
        return json_unknown(key, at, known, ARRAY_LEN(known), err);
    }
    jpath_pop(at, mark);
    return rc;
}

int json_get_needs(json_t *v, struct jpath *at, struct needs *needs, struct cail_err *err)
{
    if (!json_is_object(v))
        return err_set_at(err, E_BAD_FIELD, at->text, "wants an object, got %s", type_name(v));
    const char *key;
    json_t *member;
    json_object_foreach(v, key, member) {
        if (json_is_null(member))
            continue; /* null = not said */
        int rc = get_need(key, member, at, needs, err);
        if (rc)
            return rc;
    }
    return count_uuids(v, at, needs, err);
}

static bool env_name_ok(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    return *name && strchr(letters, *name) &&
           !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789")];
}

int json_check_env(json_t *v, struct jpath *at, struct cail_err *err)
{
    const char *key;
    json_t *m;
    if (!json_is_object(v))
        return err_set_at(err, E_BAD_FIELD, at->text, "wants an object of NAME: \"value\"");
    if (json_object_size(v) > JOB_ENV_MAX)
        return err_set_at(err, E_BAD_FIELD, at->text, "has more than %d variables", JOB_ENV_MAX);
    json_object_foreach(v, key, m) {
        size_t mark = jpath_push(at, key);
        if (!env_name_ok(key))
            return err_set_at(err, E_BAD_FIELD, at->text, "is no name of a variable");
        if (!json_is_string(m))
            return err_set_at(err, E_BAD_FIELD, at->text, "wants a string");
        if (strncmp(key, "CAIL_", 5) == 0)
            return err_set_at(err, E_BAD_FIELD, at->text,
                              "names beginning with CAIL_ are cail's own");
        jpath_pop(at, mark);
    }
    return 0;
}

void json_put(struct str *out, const json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return;
    str_adds(out, text);
    free(text);
}

char *json_text(const json_t *v)
{
    struct str s = STR_INIT;
    if (!v)
        return NULL;
    json_put(&s, v);
    return str_take(&s);
}

void json_put_pair(struct str *out, const char *key, const json_t *v)
{
    str_addf(out, "%s=", key);
    if (json_is_string(v))
        str_adds(out, json_string_value(v));
    else
        json_put(out, v);
}
