#include "job_line.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fmt.h"
#include "table.h"
#include "term.h"

int64_t job_ran_ms(const json_t *job)
{
    int64_t from = fmt_read_time_ms(js_text(job, "started_at"));
    int64_t to = fmt_read_time_ms(js_text(job, "finished_at"));
    if (from < 0)
        return -1;
    if (to < 0)
        to = fmt_now_ms();
    return to > from ? to - from : 0;
}

char *job_info(const json_t *job)
{
    struct cail_buf b = CAIL_BUF_INIT;
    const json_t *progress = json_object_get(job, "progress");
    const char *state = js_text(job, "state");
    char eta[FMT_MAX];
    int64_t total = js_int(progress, "total", 0), done = js_int(progress, "done", 0);
    if (strcmp(state, "running") == 0 && total > 0) {
        cail_buf_addf(&b, "%" PRId64 "/%" PRId64, done, total);
        if (js_int(progress, "eta_s", -1) >= 0)
            cail_buf_addf(&b, " ETA %s", fmt_duration(js_int(progress, "eta_s", 0) * 1000, eta));
    } else if (js_text(job, "reason")[0] != '\0') {
        cail_buf_adds(&b, js_text(job, "reason"));
    } else if (js_int(job, "signal", 0) > 0) {
        cail_buf_addf(&b, "signal %" PRId64, js_int(job, "signal", 0));
    } else if (js_int(job, "exit_code", 0) > 0) {
        cail_buf_addf(&b, "exit code %" PRId64, js_int(job, "exit_code", 0));
    } else if (json_is_true(json_object_get(job, "cached"))) {
        cail_buf_adds(&b, "from the build cache");
    }
    char *raw = cli_take(&b);
    char *clean = term_clean(raw);
    free(raw);
    return clean;
}

void job_table(const json_t *jobs, int fd, bool titles)
{
    static const struct column columns[] = {
        {"ID", true, 0, 0},    {"STATE", false, 0, 0}, {"NAME", false, 10, 0},
        {"KIND", false, 0, 5}, {"QUEUE", false, 6, 6}, {"PRIO", true, 0, 7},
        {"AGE", true, 0, 3},   {"TOOK", true, 0, 2},   {"INFO", false, 12, 1},
    };
    struct table t;
    char text[FMT_MAX];
    if (json_array_size(jobs) == 0)
        return;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < json_array_size(jobs); i++) {
        const json_t *job = json_array_get(jobs, i);
        const char *state = js_text(job, "state");
        char *info = job_info(job);
        int64_t ran = job_ran_ms(job);
        table_addf(&t, "%" PRId64, js_int(job, "id", 0));
        table_add(&t, state);
        table_colour(&t, fmt_state_colour(state));
        table_add(&t, js_text(job, "name"));
        table_add(&t, js_text(job, "kind"));
        table_add(&t, js_text(job, "queue"));
        table_addf(&t, "%" PRId64, js_int(job, "priority", 0));
        table_add(&t, fmt_age(js_text(job, "created_at"), text));
        table_add(&t, ran >= 0 ? fmt_duration(ran, text) : "-");
        table_add(&t, info);
        free(info);
    }
    table_print(&t, fd, term_width(), term.colour, titles);
}
