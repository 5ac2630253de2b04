/* One line at the foot of the terminal that says how far a job is, with log lines passing above it.
 * It is drawn on stderr, and only while the log stands at the beginning of a line. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "term.h"

struct progress {
    bool on;       /* stderr is a terminal */
    bool drawn;    /* the line is on the screen */
    bool mid_line; /* the log's last byte on this terminal was no LF */
    struct term_filter filter;
    char *text; /* what the line says */
};

void progress_init(struct progress *p);
/* Bytes of the log to stdout: as they are, or filtered if that is a terminal. */
void progress_log(struct progress *p, const char *data, size_t len);
void progress_job(struct progress *p, const json_t *job);
void progress_text(struct progress *p, char *text); /* takes text, one clean line */
void progress_draw(struct progress *p);
/* Off the screen: before anything else is written to stderr. */
void progress_erase(struct progress *p);
void progress_done(struct progress *p);

/* "[#####.....] 31/167  18 %  ETA 42s", at most `columns` wide; total <= 0 gives "". Caller frees.
 */
char *progress_bar(int64_t done, int64_t total, int64_t eta_s, int columns);

#endif
