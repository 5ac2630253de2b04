/* THE table of verbs. A new verb is one row in verbs.c, one function in a cmd_*.c file, and its
 * paragraph in man/cail.1 (a test compares them). Help, completion, aliases and "did you mean" come
 * from the row. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "args.h"
#include "cli.h"

struct verb {
    const char *name;
    const char *aliases;                       /* separated by blanks, "" = none */
    const char *usage;                         /* what follows "cail NAME" */
    const char *summary;                       /* one line, for the list of verbs */
    int (*exec)(struct cli *cli);              /* returns the exit code */
    enum complete complete;                    /* of its words */
    const char *words; /* that may come first, beside what `complete` offers; NULL = none */
    const struct opt *options[OPT_TABLES_MAX]; /* beside the common ones */
    const char *help;                          /* further lines for --help, NULL = none */
    bool offline;                              /* wants no struct cail */
};

extern const struct verb verbs[];      /* ends with name NULL */
extern const struct opt opts_common[]; /* --json --url --help: every verb's */

const struct verb *verb_find(const char *name); /* by name or alias; NULL = none */
void verb_help(const struct verb *v);           /* to stdout */
void verbs_help(void);
/* All option tables of a verb, the common one last. */
void verb_tables(const struct verb *v, const struct opt *ret[OPT_TABLES_MAX + 1]);

/* cmd_run.c */
int cmd_run(struct cli *cli);
int cmd_submit(struct cli *cli);
/* cmd_ls.c */
int cmd_ls(struct cli *cli);
/* cmd_show.c */
int cmd_show(struct cli *cli);
int cmd_why(struct cli *cli);
int cmd_repro(struct cli *cli);
/* cmd_log.c */
int cmd_log(struct cli *cli);
int cmd_follow(struct cli *cli);
int cmd_wait(struct cli *cli);
/* cmd_act.c */
int cmd_cancel(struct cli *cli);
int cmd_retry(struct cli *cli);
int cmd_hold(struct cli *cli);
int cmd_release(struct cli *cli);
int cmd_edit(struct cli *cli);
/* cmd_act.c */
int cmd_group(struct cli *cli);
/* cmd_lab.c */
int cmd_env(struct cli *cli);
int cmd_recipes(struct cli *cli);
int cmd_queue(struct cli *cli);
int cmd_cache(struct cli *cli);
int cmd_version(struct cli *cli);
/* cmd_upstreams.c, cmd_topic.c, cmd_pr.c */
int cmd_upstreams(struct cli *cli);
int cmd_topic(struct cli *cli);
int cmd_pr(struct cli *cli);
/* cmd_gpus.c */
int cmd_gpus(struct cli *cli);
/* cmd_gpu.c */
int cmd_gpu(struct cli *cli);
/* cmd_compare.c */
int cmd_compare(struct cli *cli);
int cmd_comparisons(struct cli *cli);
/* cmd_bisect.c, cmd_noise.c */
int cmd_bisect(struct cli *cli);
int cmd_noise(struct cli *cli);
/* cmd_results.c */
int cmd_results(struct cli *cli);
/* cmd_history.c */
int cmd_history(struct cli *cli);
int cmd_benchmarks(struct cli *cli);
/* cmd_marks.c */
int cmd_baseline(struct cli *cli);
int cmd_annotate(struct cli *cli);
/* cmd_doctor.c */
int cmd_doctor(struct cli *cli);
/* completion.c */
int cmd_completion(struct cli *cli);
/* help.c */
int cmd_help(struct cli *cli);

#endif
