/* URLs and names that become words of a git command. What is not known to be harmless is refused.
 */
#ifndef CLI_GIT_URL_H
#define CLI_GIT_URL_H

#include <stdbool.h>

/* NULL = fine, else what is wrong with it, for "NAME: ..." (static). https, http, ssh, git, file,
 * an absolute path, USER@HOST:PATH. */
const char *git_url_wrong(const char *url);

/* Do both mean one repository? Scheme, user, port, case, ".git" and '/' at the end do not count:
 * two that look alike are taken for one, since what hangs on it is that nobody pushes to an
 * upstream. */
bool git_url_same(const char *a, const char *b);

/* The owner part of a fork's URL: "https://host/OWNER/repo.git". Caller frees; NULL = none. */
char *git_url_owner(const char *url);

/* A topic's name: [a-z0-9][a-z0-9._-]*, at most 64, a legal part of a ref. */
bool git_topic_name(const char *name);
/* A branch as a remote said it: a legal ref below refs/heads/, no leading '-'. */
bool git_branch_name(const char *name);

#endif
