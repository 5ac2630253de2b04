/* Text for terminals: the tables behind "Accept: text/plain" and the front page for curl. Pure: the
 * time comes as a value. */
#ifndef HTTP_TEXT_H
#define HTTP_TEXT_H

#include "base/str.h"
#include "model/job.h"
#include "sched/sched.h"

enum { TEXT_WIDTH = 100 };

void text_jobs(struct str *out, const struct job *const *jobs, size_t n, int64_t now_us);
void text_gpus(struct str *out, const struct sched_gpu *gpus, size_t n);
/* "2 of 4 cpus, 0 of 0 gpus in use; 3 queued, 1 running" */
void text_usage(struct str *out, const struct sched_usage *u);
/* How to queue something; url "http://localhost:8080". */
void text_how(struct str *out, const char *url);
/* "22ms", "12.3s", "4m05s", "3h07m", "2d04h" */
void text_duration(int64_t us, char out[24]);
/* What there is to say about it in one line: progress, reason or exit. */
void text_remark(const struct job *j, char out[160]);
/* Time it has waited or run, or ran. "" = it never did. */
void text_time(const struct job *j, int64_t now_us, char out[24]);

#endif
