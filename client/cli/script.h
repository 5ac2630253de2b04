/* A script to be queued: its text, and the options in its `#CAIL` lines. */
#ifndef CLI_SCRIPT_H
#define CLI_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

struct script {
    char *text; /* NUL-terminated, valid UTF-8; NULL for a program */
    size_t len;
    bool program; /* no shell script: a binary, or for another interpreter; run it by its path */
    char **words; /* of the `#CAIL` lines, like an argv */
    size_t n_words;
};

/* path "-" is standard input. args[n]: what the script gets as $1...; goes in as a `set --` line.
 * Returns NULL or a sentence on what is wrong (the caller's). */
char *script_read(struct script *s, const char *path, const char *const args[], size_t n);
void script_done(struct script *s);

/* Does this word name a script rather than a recipe: "-", or a file that exists and has a slash in
 * its name or may be executed. */
bool script_is_meant(const char *word);

#endif
