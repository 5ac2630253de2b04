/* cail compare: the request from words and options, the wait, the table. Files: compare_place.c
 * (which upstream and repository), compare_sides.c (what a word means), compare_request.c (the
 * body), compare_watch.c (until it has ended), compare_table.c (what is printed). */
#ifndef CLI_COMPARE_H
#define CLI_COMPARE_H

#include "cli.h"

/* --- where we are --- */

/* The recipe's upstream, and the repository we stand in when it is a clone of that. Texts are "" or
 * NULL when there is none. */
struct compare_place {
    struct cli *cli;
    json_t *recipe;   /* GET /recipes/NAME */
    json_t *upstream; /* GET /upstreams/NAME; NULL: the recipe has none */
    char *library;    /* .../recipes/lib; NULL: not on this machine */
    char *build_root; /* of the daemon */
    char *top;        /* the checkout's root; NULL: no clone of the upstream here */
    char *remote;     /* its remote whose address is the upstream's, or a fork's */
    char *trunk;      /* refs/remotes/REMOTE/BRANCH; NULL: never fetched */
};

/* recipe NULL: the upstream is the one whose clone we stand in, the recipe its benchmark. 0 or an
 * exit code; compare_place_done in every case. */
int compare_place_open(struct compare_place *p, struct cli *cli, const char *recipe);
void compare_place_done(struct compare_place *p);

/* Commit `what` of the repository at dir, or its working tree (what NULL), becomes a commit of the
 * upstream's mirror. *ret is the caller's. 0 or an exit code. */
int compare_take(const struct compare_place *p, const char *dir, const char *what, char **ret);
/* May we write to the mirror? Else only the daemon can take a snapshot. */
bool compare_can_take(const struct compare_place *p);

/* --- sides --- */

/* base may be NULL: the head's merge-base. *ret_base and *ret_head are SIDE objects, the caller's.
 */
int compare_sides(const struct compare_place *p, const char *base, const char *head,
                  json_t **ret_base, json_t **ret_head);
int compare_side(const struct compare_place *p, const char *word, json_t **ret);
/* Merge-base and working tree of the repository we stand in. *ret_same: they are one commit. */
int compare_here(const struct compare_place *p, json_t **ret_base, json_t **ret_head,
                 bool *ret_same);

/* --- the request --- */

/* *ret is the body of POST /comparisons, or NULL with 0 when there is nothing to compare. */
int compare_request(struct cli *cli, json_t **ret);
/* Its members that are plain options: rounds, alpha, min_effect ... 0 or EXIT_USAGE. */
int compare_options(struct cli *cli, json_t *body);

/* --- afterwards --- */

/* Wait for the end; ret is the document, released by the caller when 0 is returned. Else an exit
 * code, EXIT_DETACHED for Ctrl-C. */
int compare_watch(const struct cli *cli, int64_t id, bool silent, struct cail_reply *ret);
/* What it exits with: the document's word. */
int compare_exit(const json_t *doc);
bool compare_ended(const json_t *doc);
/* The table, to stdout. all: rows that are the same or decide nothing too. */
void compare_print(const struct cli *cli, const json_t *doc, bool all);
/* One line each, newest first. */
void compare_list(const json_t *list, int fd);
/* "main 1a2b3c4d5e6f against topic/x": cleaned, the caller's. */
char *compare_sides_words(const json_t *doc);

#endif
