/* Levenshtein distance over one row (Wagner and Fischer, 1974). */
#include "base/near.h"

#include <string.h>

enum { WORD_MAX = 64 };

static size_t distance(const char *a, size_t an, const char *b, size_t bn)
{
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= bn; j++)
        row[j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[bn];
}

const char *near_word(const char *word, const char *const words[], size_t n)
{
    size_t len = strlen(word);
    if (len > WORD_MAX)
        return NULL;
    const char *best = NULL;
    size_t best_distance = 2 + len / 4;
    for (size_t i = 0; i < n; i++) {
        size_t m = strlen(words[i]);
        if (m > WORD_MAX)
            continue;
        size_t d = distance(word, len, words[i], m);
        if (d < best_distance) {
            best = words[i];
            best_distance = d;
        }
    }
    return best;
}
