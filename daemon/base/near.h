/* "did you mean": the known word nearest to a mistyped one. */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include <stddef.h>

/* The word of words[n] within an edit distance (Levenshtein, swaps count 2) of 1 + len/4, or NULL.
 * Ties go to the earlier word. word longer than 64 bytes: NULL. */
const char *near_word(const char *word, const char *const words[], size_t n);

#endif
