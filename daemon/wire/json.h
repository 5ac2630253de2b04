/* Reading JSON from strangers: bounded depth before jansson sees it (it needs up to 79 times the
 * input's size and recurses), duplicates refused, errors with line and column; and the small typed
 * getters every decoder uses. PURE. */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"
#include "model/job.h"

/* Parse exactly one JSON text of len bytes. *ret is owned by the caller: json_decref, or
 * CLEANUP(json_decrefp) on a local. E_BAD_JSON. */
int json_read(const char *p, size_t len, json_t **ret, struct cail_err *err) NODISCARD;

/* Where in the document a value stands: a JSON Pointer that is extended and cut back. */
struct jpath {
    char text[160];
    size_t len;
};
/* Append "/key" (escaped) or "/index"; returns the length to give back to jpath_pop. */
size_t jpath_push(struct jpath *at, const char *key);
size_t jpath_push_index(struct jpath *at, size_t index);
void jpath_pop(struct jpath *at, size_t len);

/* Typed getters: v must be of that type and in range, else E_BAD_FIELD at `at` saying what is
 * wanted and what came. */
int json_get_int(const json_t *v, const struct jpath *at, int64_t low, int64_t high, int64_t *ret,
                 struct cail_err *err) NODISCARD;
int json_get_bool(const json_t *v, const struct jpath *at, bool *ret,
                  struct cail_err *err) NODISCARD;
/* A string of 1..max bytes without control characters but those in `allowed` ("" = none). Borrowed
 * from v. */
int json_get_str(const json_t *v, const struct jpath *at, size_t max, const char *allowed,
                 const char **ret, struct cail_err *err) NODISCARD;
/* One of words[n]; the error names them and the nearest. */
int json_get_word(const json_t *v, const struct jpath *at, const char *const words[], int n,
                  int *ret, struct cail_err *err) NODISCARD;
/* E_UNKNOWN_FIELD for member `key`, naming the nearest of known[n]. */
int json_unknown(const char *key, struct jpath *at, const char *const known[], size_t n,
                 struct cail_err *err);

/* needs{} of API.md over what *needs already holds. */
int json_get_needs(json_t *v, struct jpath *at, struct needs *needs,
                   struct cail_err *err) NODISCARD;

/* An environment: an object of NAME: "value", none of them cail's own. */
int json_check_env(json_t *v, struct jpath *at, struct cail_err *err) NODISCARD;

/* v's compact text appended to out (keys as they came). */
void json_put(struct str *out, const json_t *v);
/* The same as a string of its own, which the caller frees; NULL stays NULL. */
char *json_text(const json_t *v);
/* "key=value" as a command line gives it: a string without its quotes, anything else as JSON. */
void json_put_pair(struct str *out, const char *key, const json_t *v);

#endif
