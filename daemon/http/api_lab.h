/* Shared by api_upstreams.c and api_prs.c: small bodies whose members go into a structure by a
 * table. */
#ifndef HTTP_API_LAB_H
#define HTTP_API_LAB_H

#include "http/api.h"
#include "wire/json.h"

enum { LAB_MEMBERS_MAX = 16 };

struct lab_member {
    const char *name;
    int (*read)(const json_t *v, struct jpath *at, const struct lab_member *m, void *to,
                struct cail_err *err);
    size_t at; /* offset of the target */
    int64_t max;
};

/* Absent members leave their targets as they are. Texts are the caller's to free, on errors too. */
int lab_body(const struct http_request *rq, const struct lab_member *members, size_t n, void *base,
             struct cail_err *err) NODISCARD;

/* char *, int64_t >= 0, int (as 0 or 1), char * of hex digits. */
int lab_member_text(const json_t *v, struct jpath *at, const struct lab_member *m, void *to,
                    struct cail_err *err);
int lab_member_int(const json_t *v, struct jpath *at, const struct lab_member *m, void *to,
                   struct cail_err *err);
int lab_member_bool(const json_t *v, struct jpath *at, const struct lab_member *m, void *to,
                    struct cail_err *err);
int lab_member_sha(const json_t *v, struct jpath *at, const struct lab_member *m, void *to,
                   struct cail_err *err);

/* May rows be added? E_DISK_FULL while the disk is full. */
int lab_room(struct api *api, struct cail_err *err) NODISCARD;

/* What a job or a comparison says of its pull request, *pr, becomes its one address; NAME#N of an
 * unknown upstream is an error at `pointer`, an address of another forge stays as it is. */
int api_pr_settle(struct api *api, char **pr, const char *pointer, struct cail_err *err) NODISCARD;
/* A pull request that something was queued for is known to the lab from then on. */
void api_pr_known(struct api *api, const char *pr);

#endif
