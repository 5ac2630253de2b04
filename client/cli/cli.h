/* What the files of the command line share. One process runs one verb, so what was parsed and what
 * is on the other side of stdout live in one struct cli that every verb gets.
 *
 * Memory: a verb's small pieces live until the process ends unless a function says that the caller
 * frees; running out of it ends the process with 125. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../buf.h"
#include "args.h"
#include "cail/cail.h"

/* Exit codes of cail itself; a job's own are 0..255. */
enum {
    EXIT_SOME_FAILED = 1, /* wait on several, a group, doctor */
    EXIT_USAGE = 64,
    EXIT_REFUSED = 65,
    EXIT_NEVER_RAN = 66,
    EXIT_LOST = 69,
    EXIT_NOT_NOW = 75,
    EXIT_TIMED_OUT = 124,
    EXIT_UNREACHABLE = 125,
    EXIT_DETACHED = 130,
    EXIT_PIPE = 141,
};

struct verb;

struct cli {
    struct cail *c;
    const struct verb *verb;
    struct args args;
    bool json;
};

/* Print "cail VERB: ..." and where help is; returns EXIT_USAGE. */
int cli_usage(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One line on stderr, "cail: ..."; what came from outside has to be cleaned (term_clean). */
void cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Print the last failure of the library, its fields, its hint and what to do next; returns the exit
 * code. */
int cli_failed(const struct cli *cli);

/* One call, its failure printed. 0 or an exit code. body is released. */
int cli_call(const struct cli *cli, const char *method, char *path, json_t *body,
             struct cail_reply *ret);
/* As cli_call where the reply is of no other use than to be printed on --json. */
int cli_send(const struct cli *cli, const char *method, char *path, json_t *body);
/* As cli_call, and on --json the reply is printed and *ret_done set. */
int cli_get(const struct cli *cli, char *path, struct cail_reply *ret, bool *ret_done);
/* To stdout, through the terminal's filter if that is where it goes. */
void cli_put(const char *data, size_t len);
/* The reply's own bytes by cli_put, as one line. */
void cli_print_json(const struct cail_reply *r);

/* A document of our own in the same way; flags: json_dumps'. */
void cli_print_doc(const json_t *doc, size_t flags);
/* b as one line, cleaned; leaves b empty. */
void cli_put_line(struct cail_buf *b);

/* "12", "#12", "job 12" -> a job; "g5", "group 5" -> a group. Words separated by commas too. */
struct target {
    int64_t id;
    bool group;
};
/* All words of the command line from `first` on; *ret is the caller's. 0, or EXIT_USAGE with the
 * bad word named. plain_is_group: "5" names a group. */
int cli_targets(const struct cli *cli, size_t first, bool plain_is_group, struct target **ret,
                size_t *ret_n);
/* The one job named, or the newest of all if none was. */
int cli_one_job(const struct cli *cli, int64_t *ret_id);

/* Never NULL: the process ends when memory does. */
char *cli_take(struct cail_buf *b);
void *cli_alloc(size_t n, size_t size); /* zeroed */
json_t *cli_json(json_t *made);         /* passes it through, or ends the process on NULL */

/* Is a close to b, as a slip of the fingers is? */
bool cli_resembles(const char *a, const char *b);

/* JSON members with a default for what is absent, null or of another type. */
const char *js_text(const json_t *object, const char *key); /* "" */
int64_t js_int(const json_t *object, const char *key, int64_t dflt);
double js_real(const json_t *object, const char *key, double dflt);
bool js_null(const json_t *object, const char *key); /* absent or null */
/* {"m": 4096, "dtype": "f16"} as "m=4096 dtype=f16"; the caller frees. */
char *js_pairs(const json_t *object);

#endif
