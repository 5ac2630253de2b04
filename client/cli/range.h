/* Lines of commits of a recipe's upstream: from the clone of it that we stand in, else from the
 * lab's mirror. First parents alone, as history orders its points. */
#ifndef CLI_RANGE_H
#define CLI_RANGE_H

#include "compare.h"

struct range {
    struct compare_place place;
    char *repo; /* the clone or the mirror */
};

/* 0 or an exit code with the reason printed; range_close in every case. */
int range_open(struct range *r, struct cli *cli, const char *recipe);
void range_close(struct range *r);

/* A branch, tag or commit -> its full sha, or an exit code. *ret is the caller's. */
int range_commit(const struct range *r, const char *word, char **ret);
/* Shas from `from` (itself first) to `to`, oldest first, of those between that touch `path` (NULL =
 * all). *ret is the caller's array of strings. */
int range_list(const struct range *r, const char *from, const char *to, const char *path,
               json_t **ret);
/* Make commits that only the clone has known to the lab. 0 or an exit code. */
int range_offer(const struct range *r, const char *sha);
/* "1a2b3c4d5e6f  2026-01-02  Ada L  subject" lines behind `from` up to `to`, newest first, to
 * stdout through the terminal's filter. *ret_n: how many. */
int range_print(const struct range *r, const char *from, const char *to, const char *path,
                size_t *ret_n);
/* Author and subject of a commit, one line, cleaned; NULL = not known here. The caller's. */
char *range_words(const struct range *r, const char *sha);

/* "A..B" -> its two words. 0 or EXIT_USAGE. The caller's. */
int range_words_of(const struct cli *cli, const char *text, char **ret_from, char **ret_to);
/* `steps` of the list's members, evenly spaced, with both ends; the caller's. */
json_t *range_spread(const json_t *list, size_t steps);
/* --range and --steps of a request: its matrix goes along params.ref. 0 or an exit code; nothing
 * without --range. */
int range_axis(struct cli *cli, json_t *body);

#endif
