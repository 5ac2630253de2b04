/* Private to wire/: the state of decoding one job request, shared by the files that make requests
 * out of JSON, forms, scripts and matrices. */
#ifndef WIRE_DECODE_H
#define WIRE_DECODE_H

#include "wire/job_request.h"
#include "wire/json.h"

/* Member under which matrix.c hands a job its coordinates; not a name a client can use. */
#define MATRIX_COORDINATES "matrix coordinates"

struct decode {
    struct job_request *rq;
    struct jpath at;
    struct cail_err *err;
    int32_t index;    /* element of the array, 0 for a single one: "#n" must be below it */
    bool from_matrix; /* MATRIX_COORDINATES is allowed */
    bool has_command, has_script;
};

/* Fill d->rq (zeroed before) from one object. On error the caller calls job_request_done. */
int job_request_decode(struct decode *d, json_t *v) NODISCARD;
void job_request_done(struct job_request *rq);

/* labels{} -> two arrays of n owned strings. */
int labels_decode(json_t *v, struct jpath *at, char ***ret_keys, char ***ret_values, size_t *ret_n,
                  struct cail_err *err) NODISCARD;
void labels_free(char **keys, char **values, size_t n);

/* Options of "#CAIL" lines that `request` does not say itself, added to it. E_BAD_FIELD names the
 * line. */
int script_options(json_t *request, const char *script, struct cail_err *err) NODISCARD;

/* Expand request["matrix"] (removed from it) into requests[]; each is a new reference. */
int matrix_expand(json_t *request, json_t ***ret, size_t *ret_n, int32_t *ret_max_parallel,
                  bool *ret_fail_fast, struct cail_err *err) NODISCARD;

/* Decode a parsed document (array, object, object with a matrix). */
int submission_from_value(json_t *v, struct submission *ret, struct cail_err *err) NODISCARD;

#endif
