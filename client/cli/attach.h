/* Follow a job on this terminal: its log on stdout, the bar and the end on stderr. */
#ifndef CLI_ATTACH_H
#define CLI_ATTACH_H

#include "cli.h"

struct attach {
    int64_t job;
    int64_t attempt; /* 0 = from the newest on */
    bool from_first; /* all attempts */
    int64_t from;    /* first byte */
    bool quiet;      /* no log: --json */
};

/* Returns the exit code: the job's own, EXIT_DETACHED, or a failure's (printed). */
int attach(const struct cli *cli, const struct attach *what);

/* What a client exits with for an ended job (the daemon says so; else it is worked out). */
int job_exit(const json_t *job);
/* "job 12 setup-llvm succeeded in 1m02s" and its metrics, on stderr. */
void job_summary(const json_t *job);

/* Ctrl-C (and TERM, HUP) as a readable fd instead of a death; -1 = not to be had. */
int signals_to_fd(void);
/* What signal is waiting in it; 0 = none. */
int signal_from_fd(int fd);

#endif
