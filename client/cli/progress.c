#include "progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "fmt.h"

void progress_init(struct progress *p)
{
    const char *kind = getenv("TERM");
    *p = (struct progress){.on = term.err_tty && (kind == NULL || strcmp(kind, "dumb") != 0)};
}

void progress_erase(struct progress *p)
{
    if (p->drawn)
        term_puts(STDERR_FILENO, "\r\033[K");
    p->drawn = false;
}

void progress_draw(struct progress *p)
{
    if (!p->on || p->mid_line || p->text == NULL)
        return;
    struct cail_buf b = CAIL_BUF_INIT;
    int columns = term_err_width() - 1; /* the last column would wrap on some terminals */
    size_t len = strlen(p->text);
    char *text = strdup(p->text);
    while (text != NULL && term_columns(text) > columns) {
        while (len > 1 && ((unsigned char)text[len - 1] & 0xc0) == 0x80)
            len--;
        text[--len] = '\0';
    }
    cail_buf_addf(&b, "\r\033[0m%s\033[K", text != NULL ? text : "");
    char *line = cli_take(&b);
    term_puts(STDERR_FILENO, line);
    free(line);
    free(text);
    p->drawn = true;
}

void progress_log(struct progress *p, const char *data, size_t len)
{
    struct cail_buf b = CAIL_BUF_INIT;
    if (!term.out_tty) {
        term_write(STDOUT_FILENO, data, len);
        return;
    }
    term_filter(&p->filter, data, len, &b);
    if (b.len > 0) {
        progress_erase(p);
        term_write(STDOUT_FILENO, b.p, b.len);
        p->mid_line = b.p[b.len - 1] != '\n';
        progress_draw(p);
    }
    cail_buf_done(&b);
}

char *progress_bar(int64_t done, int64_t total, int64_t eta_s, int columns)
{
    struct cail_buf b = CAIL_BUF_INIT;
    char eta[FMT_MAX];
    if (total <= 0)
        return cli_take(&b);
    done = done < 0 ? 0 : done > total ? total : done;
    int percent = (int)((double)done * 100 / (double)total);
    cail_buf_addf(&b, "%" PRId64 "/%" PRId64 " %3d%%", done, total, percent);
    if (eta_s >= 0 && done < total)
        cail_buf_addf(&b, "  ETA %s", fmt_duration(eta_s * 1000, eta));
    char *figures = cli_take(&b);
    int cells = columns - (int)strlen(figures) - 3;
    cells = cells > 30 ? 30 : cells;
    if (cells >= 5) {
        int full = (int)((double)done * cells / (double)total);
        cail_buf_addc(&b, '[');
        for (int i = 0; i < cells; i++)
            cail_buf_adds(&b, i < full    ? (term.utf8 ? "\xe2\x96\x88" : "#")
                              : term.utf8 ? " "
                                          : ".");
        cail_buf_adds(&b, "] ");
    }
    cail_buf_adds(&b, figures);
    free(figures);
    return cli_take(&b);
}

void progress_text(struct progress *p, char *text)
{
    free(p->text);
    p->text = text;
    progress_draw(p);
}

void progress_job(struct progress *p, const json_t *job)
{
    if (!p->on)
        return;
    struct cail_buf b = CAIL_BUF_INIT;
    const json_t *progress = json_object_get(job, "progress"), *step = json_object_get(job, "step");
    const char *state = js_text(job, "state");
    char *name = term_clean(js_text(job, "name")), *reason = term_clean(js_text(job, "reason"));
    char took[FMT_MAX];
    bool running = strcmp(state, "running") == 0;
    int64_t since = fmt_read_time_ms(js_text(job, running ? "started_at" : "created_at"));
    cail_buf_addf(&b, "job %" PRId64 " %s  %s", js_int(job, "id", 0), name, state);
    if (js_int(step, "count", 0) > 1)
        cail_buf_addf(&b, " %" PRId64 "/%" PRId64, js_int(step, "index", 0) + 1,
                      js_int(step, "count", 0));
    if (since >= 0)
        cail_buf_addf(&b, " %s", fmt_duration((fmt_now_ms() - since) / 1000 * 1000, took));
    if (running) {
        char *bar = progress_bar(js_int(progress, "done", 0), js_int(progress, "total", 0),
                                 js_int(progress, "eta_s", -1), term_err_width() - (int)b.len - 3);
        cail_buf_addf(&b, "  %s", bar);
        free(bar);
    } else if (reason[0] != '\0') {
        cail_buf_addf(&b, "  %s", reason);
    }
    free(name);
    free(reason);
    progress_text(p, cli_take(&b));
}

void progress_done(struct progress *p)
{
    progress_erase(p);
    if (p->mid_line)
        term_puts(STDOUT_FILENO, "\n");
    if (term.out_tty && term.colour)
        term_puts(STDOUT_FILENO, "\033[0m");
    free(p->text);
    p->text = NULL;
    p->mid_line = false;
}
