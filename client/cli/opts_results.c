#include "opts_results.h"

const struct opt opts_results[] = {
    {"rows", 0, "NAMES", "table: what goes down: benchmark, machine or parameters (m,n,k)",
     COMPLETE_NONE},
    {"cols", 0, "NAMES", "table: what goes across", COMPLETE_NONE},
    {"value", 0, "METRIC", "table: what is in the cells", COMPLETE_NONE},
    {"csv", 0, NULL, "table: as CSV", COMPLETE_NONE},
    {"markdown", 0, NULL, "table: as Markdown", COMPLETE_NONE},
    {"group", 0, "N", "table: only of the jobs of a group", COMPLETE_NONE},
    {"param", 'p', "NAME=VALUE,...", "table: only with these parameters", COMPLETE_NONE},
    {"recipe", 'r', "RECIPE", "table: only of this recipe", COMPLETE_RECIPE},
    {"since", 0, "TIME", "table: only series measured since: 2h, 2030-01-31T08:00:00Z",
     COMPLETE_NONE},
    {"format", 0, "FORMAT",
     "export: lnt, bmf, benchstat, csv, junit, markdown, json; import: of the file", COMPLETE_NONE},
    {"job", 'j', "ID", "import: the job they belong to; table: only of this job", COMPLETE_JOB},
    {"benchmark", 'b', "NAME", "import: make a job of this name; table: only this one",
     COMPLETE_NONE},
    {"commit", 0, "SHA", "import: what was measured; table: only of this commit", COMPLETE_NONE},
    {"on", 0, "TIME", "import: when the commit was made", COMPLETE_NONE},
    {"machine", 0, "NAME", "import: measured elsewhere, a series of its own", COMPLETE_NONE},
    {0},
};

const char help_results[] =
    "  [ID]                 what a job measured (without an ID: the newest job)\n"
    "  table                a pivot of the newest results: --rows m,n,k --cols dtype --value "
    "gflops\n"
    "  export [ID]          a job's results for another tool: --format benchstat\n"
    "  import FILE          results of CI or another tool; - is standard input";

const struct opt opts_history[] = {
    {"param", 'p', "NAME=VALUE,...", "only series with these parameters", COMPLETE_NONE},
    {"since", 0, "TIME", "only what was measured since: 30d, 2030-01-31T08:00:00Z", COMPLETE_NONE},
    {"limit", 0, "N", "read so many results of a series, the newest (default 2000)", COMPLETE_NONE},
    {"fingerprint", 0, "ID", "only on this machine", COMPLETE_NONE},
    {"otava", 0, NULL, "cut as Apache Otava does", COMPLETE_NONE},
    {"state", 's', "STATE", "without a BENCHMARK: changes that are open, ignored ... or all",
     COMPLETE_NONE},
    {"commits", 0, "CHANGE", "the commits between its two points: author and subject",
     COMPLETE_NONE},
    {"path", 0, "PATH", "with --commits: only those that touch it", COMPLETE_FILE},
    {"say", 0, "STATE", "of the change named: acknowledged, ignored, fixed or open", COMPLETE_NONE},
    {"note", 0, "TEXT", "with --say: why", COMPLETE_NONE},
    {"link", 0, "URL", "with --say: where it is discussed", COMPLETE_NONE},
    {0},
};

const char help_history[] =
    "  (nothing)             the changes of all series that nobody has ignored or fixed\n"
    "  BENCHMARK [METRIC]    its series: every commit, segments, changes; * and ? are understood\n"
    "  --commits CHANGE      what lies between its two points; CHANGE as the lists print it\n"
    "  confirm CHANGE        measure its two ends in turns: queues a comparison, prints its id\n"
    "  --say ignored CHANGE  what a change is\n"
    "A change lies between two commits that were measured, not at one of them. A tentative one "
    "has\n"
    "too few points behind it to be sure.";

const struct opt opts_benchmarks[] = {
    {"recipe", 'r', "RECIPE", "only of this recipe", COMPLETE_RECIPE},
    {"since", 0, "TIME", "only measured since: 2h, 2030-01-31T08:00:00Z", COMPLETE_NONE},
    {"limit", 0, "N", "so many (default 200)", COMPLETE_NONE},
    {0},
};

const struct opt opts_baseline[] = {
    {"commit", 0, "SHA", "set, release: the commit", COMPLETE_NONE},
    {"job", 'j', "ID", "set: a job instead", COMPLETE_JOB},
    {"note", 0, "TEXT", "set: a remark", COMPLETE_NONE},
    {0},
};

const char help_baseline[] = "  ls              baselines and releases\n"
                             "  set NAME        name a commit or a job to compare with\n"
                             "  release NAME    name a commit as a release";

const struct opt opts_annotate[] = {
    {"benchmark", 'b', "NAME", "on this benchmark alone", COMPLETE_NONE},
    {"commit", 0, "SHA", "at a commit", COMPLETE_NONE},
    {"on", 0, "TIME", "at a time; without either: now", COMPLETE_NONE},
    {"link", 0, "URL", "where more is said", COMPLETE_NONE},
    {0},
};

const char help_annotate[] = "The TEXT stands in every series it concerns. Without TEXT: the list.";
