/* git as a child process. Its arguments are words, never a shell line; names and URLs that came
 * from elsewhere are checked before they become words (git_url.h), stand behind "--" or inside a
 * full ref. Only file, git, http, https and ssh are spoken, hooks of the environment's own
 * repository are left out of the way. */
#ifndef CLI_GIT_H
#define CLI_GIT_H

#include <stdbool.h>

#include "../buf.h"

enum git_words {
    GIT_SHOW,  /* its messages go to stderr */
    GIT_QUIET, /* nobody hears them */
};

/* Once, before the first: a hook runs us with GIT_DIR and the like set, which would mean another
 * repository than the folder we name. */
void git_settle(void);

/* git [-C dir] argv...; argv ends with NULL and has at most 30 words. out: its stdout (at most
 * 16 MiB), NULL = stderr gets it. Returns its exit code, 127 when there is no git, 125 when it
 * could not be run or was killed. */
int git_run(const char *dir, enum git_words words, struct cail_buf *out, const char *const argv[]);

/* The one line it prints, without its end; NULL when it fails or prints nothing. Caller frees. */
char *git_line(const char *dir, const char *const argv[]);
#define GIT_LINE(dir, ...) git_line(dir, (const char *const[]){__VA_ARGS__, NULL})
/* git_run with the words listed and its messages shown. */
#define GIT(dir, ...)     git_run(dir, GIT_SHOW, NULL, (const char *const[]){__VA_ARGS__, NULL})
#define GIT_TRY(dir, ...) git_run(dir, GIT_QUIET, NULL, (const char *const[]){__VA_ARGS__, NULL})

#endif
