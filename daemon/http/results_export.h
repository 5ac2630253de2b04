/* The results of one job in the formats of other tools. Pure: rows in, text out. */
#ifndef HTTP_RESULTS_EXPORT_H
#define HTTP_RESULTS_EXPORT_H

#include "base/str.h"
#include "model/job.h"

/* What a format may say of the whole. NULL = not known. */
struct export_of {
    const struct job *job;
    const char *sha, *machine;
    int64_t started_at_us, ended_at_us;
    const struct result *result;
    size_t n;
};

struct export_format {
    const char *name, *type; /* "lnt", "application/json" */
    void (*write)(const struct export_of *x, struct str *out);
};
/* LNT v2 JSON, Bencher BMF, benchstat text, CSV, JUnit XML, a Markdown table. */
extern const struct export_format export_formats[];
extern const size_t n_export_formats;
const struct export_format *export_find(const char *name); /* NULL = none */

#endif
