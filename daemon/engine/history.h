/* What makes a result a point of a series: the fingerprint of the machine, the commit, a summary.
 * Prepared on a worker thread (hashes, medians), kept on the loop.
 *
 * A fingerprint is canonical JSON of what must be the same for two results to be compared over
 * time: host, cpu, cpus, kernel, governor, and of the attempt's cards their model, VBIOS, ECC, MIG
 * and power limit in order, driver and CUDA. Which card of a model it was, and the recipe's
 * version, are recorded and not part of it. Ids are the first 63 bits of a SHA-256: of the text,
 * and of benchmark, metric, parameters, unit and fingerprint for a series. */
#ifndef ENGINE_HISTORY_H
#define ENGINE_HISTORY_H

#include "base/str.h"
#include "store/series.h"

#define HISTORY_ID_LEN 17 /* 16 hex digits and the NUL */

/* Where results come from; strings are copied as needed and may be NULL. */
struct history_source {
    const char *provenance;  /* of the attempt */
    const char *machine;     /* they were measured elsewhere, on this machine */
    const char *sha;         /* the commit */
    int64_t committed_at_us; /* 0 = not known */
    const char *recipe_version;
    bool of_checks; /* "elapsed" is a test's, which is no benchmark: it is in no series */
};

/* One attempt's results on their way into series. */
struct history {
    struct result_origin origin; /* its strings belong to it, but for recipe */
    int64_t committed_at_us;
    struct result_summary *summary; /* one a result, in their order; series 0 = in none */
    size_t n;
};

/* Any thread. Never NULL. */
struct history *history_prepare(const struct history_source *from, const struct result *r,
                                size_t n);
void history_free(struct history *h); /* NULL is fine */
/* The rows of r[n] are in b already, with their ids. origin.at_us, flags and recipe are set here.
 */
void history_put(struct store_batch *b, struct history *h, const struct result *r, int64_t at_us,
                 uint32_t flags, const char *recipe);

/* The different series that it has points of, at most max; their number. */
size_t history_series(const struct history *h, int64_t *ret, size_t max);

/* The commit that a job built or measured, as far as it said: the line "sha X" of the step's
 * cache-key, else what an earlier step found, else source.ref where that is a sha. NULL = not said.
 * Caller frees. */
char *history_sha(const char *spec, const char *identity, size_t identity_len);
/* "sha X" among the lines of a cache-key file alone. NULL = not said; caller frees. */
char *history_identity_sha(const char *identity, size_t len);
/* 7 to 64 lower-case hex digits. */
bool history_is_sha(const char *text);

/* The canonical text of a machine. */
void history_fingerprint(const char *provenance, const char *machine, struct str *out);
char *history_host(const char *provenance); /* NULL = not said; caller frees */
int64_t history_fingerprint_id(const char *text);
int64_t history_series_id(const struct result *r, int64_t fingerprint_id);
/* Ids as people see them. */
void history_id_text(int64_t id, char out[HISTORY_ID_LEN]);
bool history_id_read(const char *text, int64_t *ret);

#endif
