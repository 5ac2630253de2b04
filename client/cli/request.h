/* The body of POST /jobs, made from a command line. */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include "cli.h"

extern const struct opt opts_request[]; /* in verbs.c, with the other tables */

/* *ret is the caller's to release. 0, or EXIT_USAGE with the reason printed. Options from `#CAIL`
 * lines are put before cli->args' own, which therefore win. */
int request_build(struct cli *cli, json_t **ret);

/* The members that `edit` and a request share, from the options present: name, queue, priority,
 * timeout_s, labels, needs{...}. 0 or EXIT_USAGE. */
int request_common(struct cli *cli, json_t *body);

/* For another kind of request: the members of a job's that stand for options present, and, unless
 * is_recipe, where we are and the part of the environment that goes along. 0 or EXIT_USAGE. */
int request_rest(struct cli *cli, json_t *body, bool is_recipe);
/* Each "NAME=VALUE" of an option into an object. 0 or EXIT_USAGE. */
int request_pairs(struct cli *cli, const char *option, json_t *object);

#endif
