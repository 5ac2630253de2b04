/* Topics: a branch topic/NAME of an upstream in a worktree of its own, on its way from a fork to a
 * pull request. All topics of one upstream share one repository:
 *
 *     ~/.cail/topics/llvm/repo.git        remotes: upstream (never pushed to), origin (the fork)
 *     ~/.cail/topics/llvm/mlir-fix-cse    worktree of topic/mlir-fix-cse
 *
 * The repository's configuration says whose it is (cail.upstream) and what the upstream's default
 * branch was called when it was asked last (cail.branch); the daemon knows the rest. */
#ifndef CLI_TOPIC_H
#define CLI_TOPIC_H

#include "cli.h"

#define TOPIC_BRANCH "topic/"
/* No transport has this name, so a push there fails before anything is sent. */
#define TOPIC_NO_PUSH "no-push://never-push-to-an-upstream"

struct topic {
    char *upstream, *name;
    char *branch;      /* "topic/NAME" */
    char *dir;         /* of its worktree */
    char *base_branch; /* of the upstream */
    json_t *row;       /* GET /upstreams/{upstream} */
};

/* $CAIL_TOPICS_DIR, else ~/.cail/topics. Caller frees; NULL = neither is there (said). */
char *topic_root(void);

/* The row of an upstream. 0 or an exit code. */
int topic_row(struct cli *cli, const char *upstream, json_t **ret);
const char *topic_rule(const json_t *row, const char *key); /* a text of its rules, "" */

/* The topic of the words from `first` on (UPSTREAM NAME), or of the folder we are in. */
int topic_find(struct cli *cli, size_t first, struct topic *ret);
void topic_done(struct topic *t); /* also after a failed topic_find */
/* topic_find, then `act` on what it found. */
int topic_with(struct cli *cli, size_t first, int (*act)(struct cli *cli, struct topic *t));

/* The commit where the topic left its upstream's branch. Caller frees; NULL = it cannot be found.
 */
char *topic_base(const struct topic *t);
/* Commits that are only here and only there; -1 = unknown. */
void topic_distance(const struct topic *t, int64_t *ret_ahead, int64_t *ret_behind);

/* Tell the daemon where it stands, and `more` (taken; NULL = nothing). *ret (may be NULL) is its
 * document. */
int topic_say(struct cli *cli, const struct topic *t, json_t *more, json_t **ret);
/* What the daemon knows of it; NULL = nothing. Caller releases. */
json_t *topic_known(struct cli *cli, const struct topic *t);

/* The URL of a remote as git would use it, insteadOf applied. Caller frees; NULL = none. */
char *topic_remote(const struct topic *t, const char *remote, bool push);
/* Whose fork it is, for the page that opens a pull request. Caller frees. */
char *topic_owner(const struct topic *t);
/* Is this URL the upstream's, by the table, the configuration or the repository? */
bool topic_is_upstream(const struct topic *t, const char *url);

/* The actions, each with its words from index 1 on. */
int topic_start(struct cli *cli);
int topic_check(struct cli *cli);
int topic_message(struct cli *cli);
int topic_push(struct cli *cli);
int topic_pr(struct cli *cli);
int topic_link(struct cli *cli);
int topic_status(struct cli *cli);
int topic_hook(struct cli *cli);
int topic_close(struct cli *cli);

#endif
