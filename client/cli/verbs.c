#include "verbs.h"

#include <string.h>

#include "opts_compare.h"
#include "opts_results.h"
#include "request.h"

const struct opt opts_common[] = {
    {"json", 0, NULL, "print what the daemon said, as JSON", COMPLETE_NONE},
    {"url", 0, "URL", "the daemon's address: http://HOST:PORT, https://... or unix:PATH",
     COMPLETE_NONE},
    {"help", 'h', NULL, "show this help", COMPLETE_NONE},
    {0},
};

/* What `run` and `submit` offer; `#CAIL` lines of a script are read by this table too. */
const struct opt opts_request[] = {
    {"param", 'p', "NAME=VALUE", "a parameter of the recipe", COMPLETE_NONE},
    {"name", 'n', "TEXT", "what lists call the job", COMPLETE_NONE},
    {"gpus", 'g', "N", "GPUs", COMPLETE_NONE},
    {"gpu-model", 0, "GLOB", "only such cards, as in '*H100*'", COMPLETE_NONE},
    {"gpu-uuid", 0, "UUID", "this card alone (its beginning will do; several with commas)",
     COMPLETE_GPU},
    {"gpu-memory", 0, "SIZE", "least memory of each card", COMPLETE_NONE},
    {"cpus", 'c', "N", "cpus; `all` = every cpu granted to jobs", COMPLETE_NONE},
    {"memory", 'm', "SIZE", "memory: 4G, 512M; a plain number is MiB", COMPLETE_NONE},
    {"exclusive", 0, "WHAT", "none, gpu, or quiet (nothing else runs meanwhile)", COMPLETE_NONE},
    {"timeout", 't', "TIME", "end an attempt after 30s, 2h, 1d (default: 24h)", COMPLETE_NONE},
    {"idle-timeout", 0, "TIME", "end an attempt that prints nothing for so long", COMPLETE_NONE},
    {"max-wait", 0, "TIME", "give up when it could not start for so long", COMPLETE_NONE},
    {"priority", 0, "N", "-100..100, higher runs first", COMPLETE_NONE},
    {"queue", 'q', "NAME", "the queue", COMPLETE_NONE},
    {"kind", 0, "KIND", "build, benchmark, check or service", COMPLETE_NONE},
    {"label", 'l', "KEY=VALUE", "a label", COMPLETE_NONE},
    {"after", 0, "ID[:WHEN]", "wait for a job: succeeded (default), failed, finished, ready",
     COMPLETE_JOB},
    {"not-before", 0, "TIME", "start no sooner: +2h, or 2030-01-31T08:00:00Z", COMPLETE_NONE},
    {"hold", 0, NULL, "queue it held; `cail release` lets it go", COMPLETE_NONE},
    {"retry", 0, "N", "try until it succeeds, N attempts in all", COMPLETE_NONE},
    {"retry-on", 0, "CAUSES", "after what: failed,timed_out,lost (default: all three)",
     COMPLETE_NONE},
    {"env", 'e', "KEY[=VALUE]", "set a variable, or send the shell's own", COMPLETE_NONE},
    {"clean-env", 0, NULL, "send nothing else of the shell's environment", COMPLETE_NONE},
    {"cwd", 0, "DIR", "where it runs (command and script: here)", COMPLETE_FILE},
    {"build-root", 0, "DIR", "where builds are kept", COMPLETE_FILE},
    {"ref", 0, "REF", "what to build: sha, branch, tag, pull/N", COMPLETE_NONE},
    {"pr", 0, "PR", "the upstream pull request it belongs to", COMPLETE_NONE},
    {"matrix", 0, "AXIS=A,B,C", "one job for each: AXIS is params.NAME or env.NAME", COMPLETE_NONE},
    {"range", 0, "A..B", "one job for each of some commits of the recipe's upstream, A to B",
     COMPLETE_NONE},
    {"steps", 0, "N", "of a range: so many commits, evenly spaced (default 10)", COMPLETE_NONE},
    {"max-parallel", 0, "N", "of a matrix or range: so many at once", COMPLETE_NONE},
    {"fail-fast", 0, NULL, "of a matrix: cancel the rest when one fails", COMPLETE_NONE},
    {"artifact", 0, "PATH[:diff]", "keep this file; :diff = compared between two jobs",
     COMPLETE_FILE},
    {"ports", 0, "N", "so many free TCP ports of 127.0.0.1, in CAIL_PORTS", COMPLETE_NONE},
    {"image", 0, "IMAGE", "run it in a container of this image (docker or podman)", COMPLETE_NONE},
    {"mount", 0, "DIR[:TARGET][:ro]", "with --image: this folder inside, too", COMPLETE_FILE},
    {"network", 0, "WHAT", "with --image: none (default), bridge or host", COMPLETE_NONE},
    {"publish", 0, "PORT", "with --image: its port, on one of 127.0.0.1 in CAIL_PORTS",
     COMPLETE_NONE},
    {"shm", 0, "SIZE", "with --image: size of its /dev/shm", COMPLETE_NONE},
    {"engine", 0, "WHICH", "with --image: docker, podman or auto", COMPLETE_NONE},
    {"idempotency-key", 0, "KEY", "the same key within 24 h is the same job", COMPLETE_NONE},
    {0},
};

static const struct opt opts_run[] = {
    {"detach", 'd', NULL, "do not follow: print the id", COMPLETE_NONE},
    {"profile", 0, "TOOL", "then the same again under perf, nsys or ncu, not measured",
     COMPLETE_NONE},
    {0},
};

static const struct opt opts_ls[] = {
    {"all", 'a', NULL, "every job, not just the newest", COMPLETE_NONE},
    {"state", 's', "STATES", "only these states: queued,running", COMPLETE_STATE},
    {"kind", 0, "KIND", "only this kind", COMPLETE_NONE},
    {"recipe", 'r', "RECIPE", "only this recipe", COMPLETE_RECIPE},
    {"label", 'l', "KEY=VALUE", "only jobs with this label", COMPLETE_NONE},
    {"queue", 'q', "NAME", "only this queue", COMPLETE_NONE},
    {"group", 0, "GROUP", "only this group: g5", COMPLETE_GROUP},
    {"since", 0, "TIME", "only jobs made since: 2h, or 2030-01-31T08:00:00Z", COMPLETE_NONE},
    {"limit", 0, "N", "so many (default 25)", COMPLETE_NONE},
    {0},
};

static const struct opt opts_log[] = {
    {"tail", 'n', "LINES", "only the last lines", COMPLETE_NONE},
    {"attempt", 0, "N", "of this attempt instead of the newest", COMPLETE_NONE},
    {"follow", 'f', NULL, "go on until the job ends", COMPLETE_NONE},
    {0},
};

static const struct opt opts_follow[] = {
    {"tail", 'n', "LINES", "begin with the last lines", COMPLETE_NONE},
    {"attempt", 0, "N", "only this attempt", COMPLETE_NONE},
    {0},
};

static const struct opt opts_wait[] = {
    {"timeout", 't', "TIME", "give up after so long, with exit code 124", COMPLETE_NONE},
    {0},
};

static const struct opt opts_cancel[] = {
    {"grace", 0, "TIME", "between TERM and KILL (default 10s)", COMPLETE_NONE},
    {0},
};

static const struct opt opts_retry[] = {
    {"failed", 0, NULL, "of a group: those that did not succeed", COMPLETE_NONE},
    {0},
};

static const struct opt opts_edit[] = {
    {"priority", 0, "N", "-100..100", COMPLETE_NONE},
    {"name", 'n', "TEXT", "what lists call it", COMPLETE_NONE},
    {"queue", 'q', "NAME", "move it to this queue", COMPLETE_NONE},
    {"timeout", 't', "TIME", "wall time of an attempt", COMPLETE_NONE},
    {"label", 'l', "KEY=VALUE", "a label; KEY= removes it", COMPLETE_NONE},
    {"cpus", 'c', "N", "cpus", COMPLETE_NONE},
    {"gpus", 'g', "N", "GPUs", COMPLETE_NONE},
    {"gpu-model", 0, "GLOB", "only such cards", COMPLETE_NONE},
    {"gpu-uuid", 0, "UUID", "this card alone", COMPLETE_GPU},
    {"gpu-memory", 0, "SIZE", "least memory of each card", COMPLETE_NONE},
    {"memory", 'm', "SIZE", "memory", COMPLETE_NONE},
    {"exclusive", 0, "WHAT", "none, gpu or quiet", COMPLETE_NONE},
    {0},
};

static const struct opt opts_cache[] = {
    {"max", 0, "SIZE", "prune down to this size instead of the configured one", COMPLETE_NONE},
    {0},
};

static const struct opt opts_gpus[] = {
    {"watch", 'w', NULL, "live, until Ctrl-C", COMPLETE_NONE},
    {0},
};

static const struct opt opts_gpu[] = {
    {"gpus", 'g', "N", "exec: so many cards (default 1)", COMPLETE_NONE},
    {"gpu-model", 0, "GLOB", "exec: only such cards, as in '*H100*'", COMPLETE_NONE},
    {"gpu-uuid", 0, "UUID", "exec: this card alone (its beginning will do)", COMPLETE_GPU},
    {"gpu-memory", 0, "SIZE", "exec: least memory of each card", COMPLETE_NONE},
    {"for", 0, "TIME", "exec: end the command after 30m, 2h (default 1h)", COMPLETE_NONE},
    {"grace", 0, "TIME", "exec: between TERM and KILL then (default 10s)", COMPLETE_NONE},
    {"priority", 0, "N", "exec: -100..100, higher is served first", COMPLETE_NONE},
    {"name", 'n', "TEXT", "exec: what lists call it", COMPLETE_NONE},
    {"now", 0, NULL, "exec: do not wait; 75 when no card is free", COMPLETE_NONE},
    {"note", 0, "TEXT", "drain: why", COMPLETE_NONE},
    {0},
};

static const struct opt opts_upstreams[] = {
    {"ask", 0, NULL, "of one: ask its repository for the default branch", COMPLETE_NONE},
    {0},
};

static const struct opt opts_topic[] = {
    {"fork", 0, "URL", "start, push: your fork of the upstream", COMPLETE_NONE},
    {"title", 0, "TEXT", "check: the pull request's title, if not the first commit's subject",
     COMPLETE_NONE},
    {"force", 0, NULL, "push: with a lease, where the upstream's rules allow it", COMPLETE_NONE},
    {"open", 0, NULL, "pr: open the page in a browser", COMPLETE_NONE},
    {"all", 'a', NULL, "status: closed topics too", COMPLETE_NONE},
    {"pre-push", 0, NULL, "check: as the hook calls it, with the remote and its URL",
     COMPLETE_NONE},
    {0},
};

static const struct opt opts_pr[] = {
    {"title", 0, "TEXT", "add: what lists call it", COMPLETE_NONE},
    {"note", 0, "TEXT", "add: a remark", COMPLETE_NONE},
    {"upstream", 0, "NAME", "ls: only of this upstream", COMPLETE_UPSTREAM},
    {"state", 's', "STATE", "ls: only unknown, open, merged or closed ones", COMPLETE_NONE},
    {"limit", 0, "N", "ls: so many (default 50)", COMPLETE_NONE},
    {"dry-run", 0, NULL, "comment: print what would be posted", COMPLETE_NONE},
    {0},
};

static const char help_topic[] =
    "  start UPSTREAM NAME    fork and upstream as remotes, branch topic/NAME in a worktree\n"
    "  check                  a job: titles, messages, sign-off, formatter, quick tests\n"
    "  message                a commit message in the upstream's form (git commit -t)\n"
    "  push                   to the fork, never to the upstream\n"
    "  pr                     the page that opens a pull request\n"
    "  link URL               this is its pull request\n"
    "  status [UPSTREAM]      all topics: ahead, behind, check, jobs, pull request\n"
    "  hook install           git push runs the check first; an own hook is never overwritten\n"
    "  close                  leave it out of lists; its files stay\n"
    "In a topic's worktree UPSTREAM and NAME need not be said; elsewhere they come last.\n"
    "Worktrees are in $CAIL_TOPICS_DIR (~/.cail/topics). The guide is docs/TOPICS.md.";
static const char help_pr[] =
    "  add URL            make it known; NAME#N is understood where an address is\n"
    "  ls                 pull requests, newest first\n"
    "  show PR            with its jobs, comparisons and topics\n"
    "  report PR          commands, numbers, verdicts, environment, links, as Markdown\n"
    "  refresh [PR...]    ask the forge how they stand (all that are not merged)\n"
    "  body PR            the description: the upstream's sections and what was measured\n"
    "  comment PR         post the report after a yes at the terminal; --dry-run prints it\n"
    "A PR is an id, NAME#N as in llvm#123, or an address. refresh and comment use GITHUB_TOKEN\n"
    "(or CAIL_GITHUB_TOKEN) and CAIL_GITHUB_API; neither reaches the daemon.";
static const char help_run[] =
    "  RECIPE         a recipe of `cail recipes`, with -p NAME=VALUE\n"
    "  ./script.sh    a file with a slash in its name, or an executable one; ARGs go to it\n"
    "  -              a script from standard input\n"
    "  -- CMD ARGS    a command, run here with this shell's PATH and virtual environment\n"
    "Lines `#CAIL --gpus 2 --timeout 2h` at the head of a script are options; the command line "
    "wins.\n"
    "Ctrl-C detaches: the job goes on. A second one within two seconds cancels it.\n"
    "Exits with the job's own code; 124 timed out, 125 daemon unreachable, 128+n signal n, 66 "
    "never\n"
    "ran, 69 lost, 75 queue full, 130 detached.";
static const char help_targets[] = "A job is 12; a group is g5 (or the two words: group 5).";
static const char help_last[] = "Without an ID: the newest job.";

const struct verb verbs[] = {
    {"run",
     "",
     "RECIPE | ./SCRIPT [ARG...] | - | -- CMD [ARG...]",
     "queue a job, follow it, exit with its code",
     cmd_run,
     COMPLETE_RUNNABLE,
     NULL,
     {opts_request, opts_run},
     help_run,
     false},
    {"submit",
     "add",
     "RECIPE | ./SCRIPT [ARG...] | - | -- CMD [ARG...]",
     "queue a job and print its id alone",
     cmd_submit,
     COMPLETE_RUNNABLE,
     NULL,
     {opts_request},
     help_run,
     false},
    {"ls",
     "status list",
     "",
     "list jobs, newest first",
     cmd_ls,
     COMPLETE_NONE,
     NULL,
     {opts_ls},
     NULL,
     false},
    {"show",
     "",
     "[ID...]",
     "everything about a job",
     cmd_show,
     COMPLETE_JOB,
     NULL,
     {NULL},
     help_last,
     false},
    {"why",
     "explain",
     "[ID]",
     "what a job waits for, or how it ended",
     cmd_why,
     COMPLETE_JOB,
     NULL,
     {NULL},
     help_last,
     false},
    {"repro",
     "",
     "[ID]",
     "a shell script that runs a job again",
     cmd_repro,
     COMPLETE_JOB,
     NULL,
     {NULL},
     help_last,
     false},
    {"log",
     "logs",
     "[ID]",
     "print a job's output",
     cmd_log,
     COMPLETE_JOB,
     NULL,
     {opts_log},
     help_last,
     false},
    {"follow",
     "tail",
     "[ID]",
     "follow a job's output until it ends, exit with its code",
     cmd_follow,
     COMPLETE_JOB,
     NULL,
     {opts_follow},
     help_last,
     false},
    {"wait",
     "",
     "ID...",
     "wait until jobs or groups have ended",
     cmd_wait,
     COMPLETE_JOB,
     NULL,
     {opts_wait},
     "Exits with the code of the one job; of several or a group: 0 if all succeeded, else 1.\n"
     "A job is 12; a group is g5 (or the two words: group 5).",
     false},
    {"cancel",
     "kill",
     "ID...",
     "end jobs or groups",
     cmd_cancel,
     COMPLETE_JOB,
     NULL,
     {opts_cancel},
     help_targets,
     false},
    {"retry",
     "restart",
     "ID... | --failed GROUP",
     "queue ended jobs again",
     cmd_retry,
     COMPLETE_JOB,
     NULL,
     {opts_retry},
     "A retry is a new attempt of the same job.\n"
     "A job is 12; a group is g5 (or the two words: group 5).",
     false},
    {"hold",
     "",
     "ID...",
     "keep queued jobs from starting",
     cmd_hold,
     COMPLETE_JOB,
     NULL,
     {NULL},
     NULL,
     false},
    {"release",
     "",
     "ID...",
     "let held jobs go",
     cmd_release,
     COMPLETE_JOB,
     NULL,
     {NULL},
     NULL,
     false},
    {"edit",
     "",
     "ID",
     "change a job that has not started",
     cmd_edit,
     COMPLETE_JOB,
     NULL,
     {opts_edit},
     NULL,
     false},
    {"group",
     "",
     "[show | cancel | retry] GROUP",
     "the jobs of an array or a matrix",
     cmd_group,
     COMPLETE_GROUP,
     NULL,
     {opts_retry},
     NULL,
     false},
    {"queue",
     "",
     "[show | pause [QUEUE] | resume [QUEUE] | drain [QUEUE] | limit QUEUE N]",
     "what runs and waits; stop and start queues",
     cmd_queue,
     COMPLETE_WORDS,
     "show pause resume drain limit",
     {NULL},
     "drain: what runs goes on, nothing new is taken. limit: so many jobs at once, 0 = no limit.",
     false},
    {"recipes",
     "",
     "[NAME]",
     "what can be run, or one recipe's parameters",
     cmd_recipes,
     COMPLETE_RECIPE,
     NULL,
     {NULL},
     NULL,
     false},
    {"upstreams",
     "",
     "[NAME]",
     "the projects whose rules and addresses the lab knows",
     cmd_upstreams,
     COMPLETE_UPSTREAM,
     NULL,
     {opts_upstreams},
     NULL,
     false},
    {"topic",
     "",
     "start | check | message | push | pr | link | status | hook install | close",
     "a branch on its way from a fork to a pull request",
     cmd_topic,
     COMPLETE_UPSTREAM,
     "start check message push pr link status hook close",
     {opts_topic},
     help_topic,
     false},
    {"pr",
     "",
     "add URL | ls | show PR | report PR | refresh [PR...] | body PR | comment PR",
     "pull requests at upstreams and what was run for them",
     cmd_pr,
     COMPLETE_PR,
     "add ls show report refresh body comment",
     {opts_pr},
     help_pr,
     false},
    {"gpus",
     "",
     "",
     "the cards: who has them, or why they are not free",
     cmd_gpus,
     COMPLETE_NONE,
     NULL,
     {opts_gpus},
     NULL,
     false},
    {"gpu",
     "",
     "drain CARD... | undrain CARD... | exec -- CMD [ARG...]",
     "take cards out of use, or lease them for a command in this terminal",
     cmd_gpu,
     COMPLETE_GPU,
     "drain undrain exec",
     {opts_gpu},
     "  drain CARD     no job starts on it any more; what runs on it goes on\n"
     "  undrain CARD   it takes jobs again\n"
     "  exec -- CMD    wait for cards, run CMD here with them, give them back when it ends\n"
     "A CARD is an index, a UUID or the beginning of one.\n"
     "exec exits with the command's code; 75 not now, 130 Ctrl-C before it began.",
     false},
    {"compare",
     "",
     "[BASE HEAD] [--recipe RECIPE] | show | follow | report | cancel | ls",
     "base against head, measured in turns, with a verdict",
     cmd_compare,
     COMPLETE_WORDS,
     "show follow report cancel ls merge-base",
     {opts_compare, opts_compare_needs},
     help_compare,
     false},
    {"comparisons",
     "",
     "[ID]",
     "list comparisons, or show one",
     cmd_comparisons,
     COMPLETE_NONE,
     NULL,
     {opts_comparisons},
     NULL,
     false},
    {"bisect",
     "",
     "GOOD BAD --recipe RECIPE | show ID | follow ID | cancel ID | ls",
     "which commit made a figure worse, by comparisons",
     cmd_bisect,
     COMPLETE_WORDS,
     "show follow cancel ls",
     {opts_bisect, opts_compare_needs},
     help_bisect,
     false},
    {"noise",
     "",
     "",
     "what identical code does here: floors, false alarms",
     cmd_noise,
     COMPLETE_NONE,
     NULL,
     {NULL},
     NULL,
     false},
    {"results",
     "",
     "[ID] | table | export [ID] | import FILE",
     "what a job measured, tables over many, other tools' formats",
     cmd_results,
     COMPLETE_JOB,
     "table export import",
     {opts_results},
     help_results,
     false},
    {"history",
     "",
     "[BENCHMARK [METRIC] | confirm CHANGE | --commits CHANGE | --say STATE CHANGE]",
     "series over commits: segments and changes",
     cmd_history,
     COMPLETE_NONE,
     NULL,
     {opts_history},
     help_history,
     false},
    {"benchmarks",
     "",
     "[TEXT]",
     "every series: what was measured, and the newest value",
     cmd_benchmarks,
     COMPLETE_NONE,
     NULL,
     {opts_benchmarks},
     NULL,
     false},
    {"baseline",
     "",
     "[ls | set NAME | release NAME]",
     "names for commits and jobs to compare with",
     cmd_baseline,
     COMPLETE_WORDS,
     "ls set release",
     {opts_baseline},
     help_baseline,
     false},
    {"annotate",
     "",
     "[TEXT]",
     "remark on a commit or a time, for all who look at the series",
     cmd_annotate,
     COMPLETE_NONE,
     NULL,
     {opts_annotate},
     help_annotate,
     false},
    {"cache",
     "",
     "[ls | prune]",
     "cached builds",
     cmd_cache,
     COMPLETE_WORDS,
     "ls prune",
     {opts_cache},
     NULL,
     false},
    {"env",
     "",
     "",
     "the machine, its tools, what a recipe lacks",
     cmd_env,
     COMPLETE_NONE,
     NULL,
     {NULL},
     NULL,
     false},
    {"doctor",
     "",
     "",
     "check the installation and say what to do",
     cmd_doctor,
     COMPLETE_NONE,
     NULL,
     {NULL},
     NULL,
     false},
    {"version",
     "",
     "",
     "versions of client and daemon",
     cmd_version,
     COMPLETE_NONE,
     NULL,
     {NULL},
     NULL,
     false},
    {"completion",
     "",
     "bash | zsh | fish",
     "print the shell's completion",
     cmd_completion,
     COMPLETE_WORDS,
     "bash zsh fish",
     {NULL},
     "bash:  eval \"$(cail completion bash)\"   in ~/.bashrc\n"
     "zsh:   cail completion zsh > ~/.zfunc/_cail   with ~/.zfunc in fpath before compinit\n"
     "fish:  cail completion fish > ~/.config/fish/completions/cail.fish",
     true},
    {"help",
     "",
     "[VERB]",
     "this list, or the help of one verb",
     cmd_help,
     COMPLETE_VERB,
     NULL,
     {NULL},
     NULL,
     true},
    {0},
};

static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = list; len > 0 && (p = strstr(p, word)) != NULL; p += len)
        if ((p == list || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
            return true;
    return false;
}

const struct verb *verb_find(const char *name)
{
    for (const struct verb *v = verbs; v->name != NULL; v++)
        if (strcmp(v->name, name) == 0 || has_word(v->aliases, name))
            return v;
    return NULL;
}

void verb_tables(const struct verb *v, const struct opt *ret[OPT_TABLES_MAX + 1])
{
    size_t n = 0;
    for (size_t i = 0; i < OPT_TABLES_MAX && v->options[i] != NULL && n + 1 < OPT_TABLES_MAX; i++)
        ret[n++] = v->options[i];
    ret[n++] = opts_common;
    ret[n] = NULL;
}
