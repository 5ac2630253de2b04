/* Options and words of a command line, by tables, so that help, completion and the manual's test
 * read the same rows as the parser. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

/* What a shell offers for a word. */
enum complete {
    COMPLETE_NONE,
    COMPLETE_JOB,
    COMPLETE_GROUP,
    COMPLETE_RECIPE,
    COMPLETE_GPU,
    COMPLETE_UPSTREAM,
    COMPLETE_PR,
    COMPLETE_RUNNABLE, /* a recipe or a file */
    COMPLETE_FILE,
    COMPLETE_VERB,
    COMPLETE_STATE,
    COMPLETE_WORDS, /* those of the verb's `words` alone */
};

struct opt {
    const char *name; /* without the dashes; NULL ends a table */
    char letter;      /* 0 = none */
    const char *arg;  /* what follows it, for help; NULL = nothing */
    const char *help;
    enum complete complete; /* of its value */
};

#define OPT_TABLES_MAX 4

struct given {
    const struct opt *opt;
    const char *value; /* "" for a flag */
};

/* Strings belong to argv, or to `owned`. */
struct args {
    struct given *given;
    size_t n_given, cap_given;
    const char **word;
    size_t n_words, cap_words;
    char **owned; /* words that are ours to free: a script's */
    size_t n_owned;
    const char **rest; /* behind `--`; NULL = there was none */
    size_t n_rest;
};

/* Add what argv[0..n) says. tables: up to OPT_TABLES_MAX, NULL-terminated. Returns NULL, or a
 * sentence on what is wrong (the caller's). May be called again: later values win. */
char *args_parse(struct args *a, const struct opt *const tables[], const char *const argv[],
                 size_t n);
/* Put the options of `later` behind those of `first`: they win. Words are not touched. */
void args_merge(struct args *first, const struct args *later);
void args_done(struct args *a);

/* The last value given for an option; NULL = not given. */
const char *args_value(const struct args *a, const char *name);
bool args_flag(const struct args *a, const char *name);
/* Each value of an option that may come several times: *at starts at 0; NULL = no more. */
const char *args_next(const struct args *a, const char *name, size_t *at);

#endif
