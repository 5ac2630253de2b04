/* --image and what belongs to it: the `container` of a job request. */
#ifndef CLI_CONTAINER_H
#define CLI_CONTAINER_H

#include "cli.h"

/* Adds body["container"] when there is an --image. 0 or EXIT_USAGE. */
int container_members(struct cli *cli, json_t *body);

#endif
