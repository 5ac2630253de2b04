#include "http/text.h"

#include <stdio.h>
#include <string.h>

#include "http/table.h"

void text_duration(int64_t us, char out[24])
{
    int64_t s = us / 1000000;
    if (us < 0)
        s = us = 0;
    if (s < 1)
        snprintf(out, 24, "%dms", (int)(us / 1000));
    else if (s < 60)
        snprintf(out, 24, "%d.%ds", (int)s, (int)(us % 1000000 / 100000));
    else if (s < 3600)
        snprintf(out, 24, "%dm%02ds", (int)(s / 60), (int)(s % 60));
    else if (s < 86400)
        snprintf(out, 24, "%dh%02dm", (int)(s / 3600), (int)(s % 3600 / 60));
    else
        snprintf(out, 24, "%lldd%02dh", (long long)(s / 86400), (int)(s % 86400 / 3600));
}

void text_time(const struct job *j, int64_t now_us, char out[24])
{
    int64_t from = j->started_at_us, to = j->finished_at_us ? j->finished_at_us : now_us;
    *out = 0;
    if (j->state == JOB_HELD || j->state == JOB_QUEUED)
        from = j->queued_at_us ? j->queued_at_us : j->created_at_us;
    if (from)
        text_duration(to - from, out);
}

void text_remark(const struct job *j, char out[160])
{
    *out = 0;
    if (j->state == JOB_RUNNING && j->progress.total > 0) {
        int n = snprintf(out, 160, "%lld/%lld %s", (long long)j->progress.done,
                         (long long)j->progress.total, j->progress.label);
        char eta[24];
        if (j->progress.eta_s >= 0 && n < 120) {
            text_duration(j->progress.eta_s * 1000000, eta);
            snprintf(out + n, 160 - (size_t)n, ", %s left", eta);
        }
    } else if (j->reason) {
        snprintf(out, 160, "%s", j->reason);
    } else if (j->exit_code > 0) {
        snprintf(out, 160, "exit code %d", (int)j->exit_code);
    } else if (j->signal) {
        snprintf(out, 160, "signal %d", (int)j->signal);
    } else if (j->cached) {
        snprintf(out, 160, "from the build cache");
    }
}

static const struct table_column job_columns[] = {
    {"ID", true, 0},     {"STATE", false, 0}, {"KIND", false, 0},    {"NAME", false, 16},
    {"QUEUE", false, 7}, {"TIME", true, 0},   {"REMARK", false, 10},
};

void text_jobs(struct str *out, const struct job *const *jobs, size_t n, int64_t now_us)
{
    struct table t = TABLE(job_columns);
    char text[160];
    for (size_t i = 0; i < n; i++) {
        const struct job *j = jobs[i];
        table_cellf(&t, "%lld", (long long)j->id);
        table_cell(&t, job_state_words[j->state]);
        table_cell(&t, job_kind_words[j->kind]);
        table_cell(&t, j->name);
        table_cell(&t, j->queue);
        text_time(j, now_us, text);
        table_cell(&t, text);
        text_remark(j, text);
        table_cell(&t, text);
    }
    if (n)
        table_print(&t, TEXT_WIDTH, out);
    table_done(&t);
}

static const struct table_column gpu_columns[] = {
    {"GPU", true, 0},    {"UUID", false, 12},  {"MODEL", false, 10},
    {"MEMORY", true, 0}, {"STATE", false, 10},
};

void text_gpus(struct str *out, const struct sched_gpu *gpus, size_t n)
{
    struct table t = TABLE(gpu_columns);
    for (size_t i = 0; i < n; i++) {
        table_cellf(&t, "%zu", i);
        table_cell(&t, gpus[i].uuid);
        table_cell(&t, gpus[i].model);
        table_cellf(&t, "%lld MiB", (long long)gpus[i].memory_mib);
        if (gpus[i].holder)
            table_cellf(&t, "job %lld", (long long)gpus[i].holder);
        else
            table_cell(&t, gpus[i].available ? "free" : gpus[i].reason);
    }
    if (n)
        table_print(&t, TEXT_WIDTH, out);
    else
        str_adds(out, "no gpus on this machine\n");
    table_done(&t);
}

void text_usage(struct str *out, const struct sched_usage *u)
{
    str_addf(
        out,
        "%lld running, %lld queued; in use: %d of %d cpus, %lld of %lld MiB, %d of %d gpus%s%s\n",
        (long long)u->running, (long long)u->queued, (int)u->cpus_used, (int)u->cpus_total,
        (long long)u->memory_used_mib, (long long)u->memory_total_mib, (int)u->gpus_used,
        (int)u->gpus_total, u->paused ? "; paused: nothing starts" : "",
        u->quiet ? "; a job has the machine to itself" : "");
}

void text_how(struct str *out, const char *url)
{
    str_addf(out,
             "Queue a build:    curl %s/jobs -d recipe=setup-llvm -d params.targets=FileCheck\n"
             "Queue a script:   curl %s/jobs --data-binary @nightly.sh \\\n"
             "                       -H 'Content-Type: text/x-shellscript'\n"
             "Wait for its end: curl '%s/jobs/1?wait=300'\n"
             "Read its log:     curl '%s/jobs/1/log?follow=1'\n"
             "All there is:     curl %s/openapi.json\n",
             url, url, url, url, url);
}
