/* What the files of `cail pr` share. */
#ifndef CLI_PR_H
#define CLI_PR_H

#include "cli.h"

/* The pull request that a word of the command line means: an id, NAME#N or an address that the
 * daemon knows. *ret is the caller's. 0 or an exit code. */
int pr_find(struct cli *cli, const char *word, json_t **ret);

/* cail pr refresh: ask the forge's API here, tell the daemon. */
int pr_refresh(struct cli *cli);
/* cail pr comment: what would be posted; posted only after a person's yes at a terminal. */
int pr_comment(struct cli *cli);

/* Markdown of GET /prs/{id}/report; NULL = failed (said, *ret_code). Caller frees. */
char *pr_report(struct cli *cli, const json_t *pr, int *ret_code);

#endif
