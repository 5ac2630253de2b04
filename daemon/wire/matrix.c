/* A matrix: axes over params. and env., expanded to one request a combination.
 *
 *   "matrix": {"params.targets": ["FileCheck", "mlir-opt"], "env.CC": ["gcc", "clang"],
 *              "exclude": [{"env.CC": "gcc", "params.targets": "mlir-opt"}],
 *              "include": [{"params.targets": "opt", "env.CC": "clang"}],
 *              "max_parallel": 2, "fail_fast": true} */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "wire/decode.h"

enum { AXES_MAX = 8 };

struct axes {
    const char *name[AXES_MAX];
    json_t *values[AXES_MAX];
    size_t n;
};

static bool is_axis(const char *key)
{
    return (strncmp(key, "params.", 7) == 0 && key[7]) || (strncmp(key, "env.", 4) == 0 && key[4]);
}

/* Put value at "params.x" or "env.X" of request; env wants strings, so numbers become text. */
static void put_at(json_t *request, const char *axis, json_t *value)
{
    bool env = axis[0] == 'e';
    const char *folder = env ? "env" : "params";
    json_t *object = json_object_get(request, folder);
    if (!json_is_object(object)) {
        object = json_object();
        json_object_set_new(request, folder, object);
    }
    const char *name = axis + strlen(folder) + 1;
    if (!env || json_is_string(value)) {
        json_object_set(object, name, value);
        return;
    }
    CLEANUP(mem_freep) char *text = json_text(value);
    json_object_set_new(object, name, json_string(text));
}

static json_t *request_at(const json_t *request, json_t *coordinates)
{
    json_t *copy = json_deep_copy(request);
    const char *key;
    json_t *v;
    json_object_foreach(coordinates, key, v)
        put_at(copy, key, v);
    json_object_set(copy, MATRIX_COORDINATES, coordinates);
    return copy;
}

/* Does every member of pattern stand in point with the same value? */
static bool matches(const json_t *point, json_t *pattern)
{
    const char *key;
    json_t *v;
    json_object_foreach(pattern, key, v)
        if (!json_equal(json_object_get(point, key), v))
            return false;
    return true;
}

static bool is_excluded(const json_t *point, const json_t *exclude)
{
    size_t i;
    json_t *pattern;
    json_array_foreach(exclude, i, pattern)
        if (matches(point, pattern))
            return true;
    return false;
}

static int check_points(json_t *list, const char *key, struct jpath *at, struct cail_err *err)
{
    size_t mark = jpath_push(at, key), i;
    json_t *point, *v;
    const char *name;
    if (list && !json_is_array(list))
        return err_set_at(err, E_BAD_FIELD, at->text, "wants an array of objects");
    json_array_foreach(list, i, point) {
        size_t inner = jpath_push_index(at, i);
        if (!json_is_object(point) || !json_object_size(point))
            return err_set_at(err, E_BAD_FIELD, at->text, "wants an object of axes");
        json_object_foreach(point, name, v)
            if (!is_axis(name) || json_is_object(v) || json_is_array(v))
                return err_set_at(
                    err, E_BAD_FIELD, at->text,
                    "\"%.60s\" is no axis: params.NAME or env.NAME with a plain value", name);
        jpath_pop(at, inner);
    }
    jpath_pop(at, mark);
    return 0;
}

static int add_axis(struct axes *axes, const char *key, json_t *v, struct jpath *at,
                    struct cail_err *err)
{
    static const char *const known[] = {"include",   "exclude",     "max_parallel",
                                        "fail_fast", "params.NAME", "env.NAME"};
    if (!is_axis(key))
        return json_unknown(key, at, known, ARRAY_LEN(known), err);
    size_t mark = jpath_push(at, key), i;
    json_t *item;
    if (!json_is_array(v) || !json_array_size(v) || json_array_size(v) > MATRIX_JOBS_MAX)
        return err_set_at(err, E_BAD_FIELD, at->text, "wants an array of 1 to %d values",
                          MATRIX_JOBS_MAX);
    json_array_foreach(v, i, item)
        if (json_is_object(item) || json_is_array(item) || json_is_null(item))
            return err_set_at(err, E_BAD_FIELD, at->text, "wants strings, numbers or booleans");
    if (axes->n == AXES_MAX)
        return err_set_at(err, E_BAD_FIELD, at->text, "a matrix has at most %d axes", AXES_MAX);
    axes->name[axes->n] = key;
    axes->values[axes->n++] = v;
    jpath_pop(at, mark);
    return 0;
}

struct expansion {
    json_t *request;
    json_t **out;
    size_t n;
};

static int take_point(struct expansion *x, json_t *point, struct cail_err *err)
{
    if (x->n == MATRIX_JOBS_MAX)
        return err_set_at(err, E_BAD_FIELD, "/matrix", "the matrix has more than %d jobs",
                          MATRIX_JOBS_MAX);
    x->out[x->n++] = request_at(x->request, point);
    return 0;
}

/* Every combination, the last axis fastest, like an odometer. */
static int take_product(struct expansion *x, const struct axes *axes, const json_t *exclude,
                        struct cail_err *err)
{
    size_t wheel[AXES_MAX] = {0};
    for (bool done = !axes->n; !done;) {
        json_t *point = json_object();
        for (size_t i = 0; i < axes->n; i++)
            json_object_set(point, axes->name[i], json_array_get(axes->values[i], wheel[i]));
        int rc = is_excluded(point, exclude) ? 0 : take_point(x, point, err);
        json_decref(point);
        if (rc)
            return rc;
        size_t i = axes->n;
        while (i && ++wheel[i - 1] == json_array_size(axes->values[i - 1]))
            wheel[--i] = 0;
        done = !i;
    }
    return 0;
}

static int read_axes(json_t *matrix, struct axes *axes, int32_t *ret_max_parallel,
                     bool *ret_fail_fast, struct cail_err *err)
{
    struct jpath at = {.text = "/matrix", .len = 7};
    const char *key;
    json_t *v;
    if (!json_is_object(matrix))
        return err_set_at(err, E_BAD_FIELD, at.text, "wants an object of axes");
    json_object_foreach(matrix, key, v) {
        int rc = 0;
        int64_t n = 0;
        if (strcmp(key, "include") == 0 || strcmp(key, "exclude") == 0) {
            rc = check_points(v, key, &at, err);
        } else if (strcmp(key, "max_parallel") == 0) {
            size_t mark = jpath_push(&at, key);
            rc = json_get_int(v, &at, 1, MATRIX_JOBS_MAX, &n, err);
            *ret_max_parallel = (int32_t)n;
            jpath_pop(&at, mark);
        } else if (strcmp(key, "fail_fast") == 0) {
            size_t mark = jpath_push(&at, key);
            rc = json_get_bool(v, &at, ret_fail_fast, err);
            jpath_pop(&at, mark);
        } else {
            rc = add_axis(axes, key, v, &at, err);
        }
        if (rc)
            return rc;
    }
    return 0;
}

int matrix_expand(json_t *request, json_t ***ret, size_t *ret_n, int32_t *ret_max_parallel,
                  bool *ret_fail_fast, struct cail_err *err)
{
    json_t *matrix = json_incref(json_object_get(request, "matrix"));
    json_object_del(request, "matrix");
    struct axes axes = {0};
    struct expansion x = {.request = request};
    int rc = read_axes(matrix, &axes, ret_max_parallel, ret_fail_fast, err);
    if (!rc) {
        x.out = mem_array(MATRIX_JOBS_MAX, sizeof *x.out);
        rc = take_product(&x, &axes, json_object_get(matrix, "exclude"), err);
    }
    size_t i;
    json_t *point;
    json_array_foreach(json_object_get(matrix, "include"), i, point)
        if (!rc)
            rc = take_point(&x, point, err);
    if (!rc && !x.n)
        rc = err_set_at(err, E_BAD_FIELD, "/matrix",
                        "the matrix has no job: every combination is "
                        "excluded");
    json_decref(matrix);
    if (!rc) {
        *ret = x.out;
        *ret_n = x.n;
        return 0;
    }
    for (i = 0; i < x.n; i++)
        json_decref(x.out[i]);
    free(x.out);
    return rc;
}
