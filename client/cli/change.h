/* What is done with one change point: `cail history --commits` and `cail history confirm`. */
#ifndef CLI_CHANGE_H
#define CLI_CHANGE_H

#include "cli.h"

/* id as the lists print it: SERIES.POINT. 0 or an exit code. */
int change_commits(struct cli *cli, const char *id);
int change_confirm(struct cli *cli, const char *id);
/* ", side by side: regression (comparison 7)" of a change's document; nothing where there is none.
 */
void change_check_words(const json_t *change, struct cail_buf *b);

#endif
