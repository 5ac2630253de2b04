#include "opts_compare.h"

const struct opt opts_compare[] = {
    {"recipe", 'r', "RECIPE", "what measures both sides", COMPLETE_RECIPE},
    {"param", 'p', "NAME=VALUE", "a parameter of the recipe, for both sides", COMPLETE_NONE},
    {"base-param", 0, "NAME=VALUE", "one for the base alone", COMPLETE_NONE},
    {"head-param", 0, "NAME=VALUE", "one for the head alone", COMPLETE_NONE},
    {"base-env", 0, "NAME=VALUE", "a variable for the base alone", COMPLETE_NONE},
    {"head-env", 0, "NAME=VALUE", "a variable for the head alone", COMPLETE_NONE},
    {"command", 0, "CMD", "compare two commands, by bash: once for the base, once for the head",
     COMPLETE_NONE},
    {"job", 'j', "ID", "compare two ended jobs by what they measured (unpaired)", COMPLETE_JOB},
    {"aa", 0, NULL, "the base against itself: how much identical code differs here", COMPLETE_NONE},
    {"rounds", 0, "N", "pairs of processes, at least 6; of checks 1 (else 10, or as many as it takes)",
     COMPLETE_NONE},
    {"looks", 0, "N", "add rounds while it is inconclusive, judged so many times (default 1)",
     COMPLETE_NONE},
    {"add-rounds", 0, "N", "the same as --looks", COMPLETE_NONE},
    {"repeats", 0, "N", "most rounds that are measured again when a card was throttled or shared",
     COMPLETE_NONE},
    {"alpha", 0, "P", "how often a difference may be claimed where there is none (default 0.05)",
     COMPLETE_NONE},
    {"seed", 0, "N", "of the order of the sides; the same seed is the same order", COMPLETE_NONE},
    {"metric", 0, "GLOB", "only this decides: METRIC or BENCHMARK/METRIC; may come several times",
     COMPLETE_NONE},
    {"min-effect", 0, "PCT", "what counts: 2 is 2 %; or time=2,count=0.1 by kind", COMPLETE_NONE},
    {"fail-on", 0, "VERDICTS", "exit not 0 on these (default regression,failed,missing)",
     COMPLETE_NONE},
    {"no-confirm", 0, NULL, "do not measure a regression again in a fresh batch", COMPLETE_NONE},
    {"pr", 0, "PR", "the upstream pull request it belongs to", COMPLETE_NONE},
    {"detach", 'd', NULL, "do not wait: print the id", COMPLETE_NONE},
    {"wait", 'w', NULL, "wait without a word on how far it is", COMPLETE_NONE},
    {"report", 0, "FILE", "write the report as Markdown; - is standard output", COMPLETE_FILE},
    {"junit", 0, "FILE", "write the verdicts as JUnit XML", COMPLETE_FILE},
    {"github", 0, "FILE", "write the summary of a GitHub check", COMPLETE_FILE},
    {"rows", 0, NULL, "the table with those that are the same, and those that decide nothing",
     COMPLETE_NONE},
    {0},
};

const struct opt opts_compare_needs[] = {
    {"name", 'n', "TEXT", "what lists call it", COMPLETE_NONE},
    {"gpus", 'g', "N", "GPUs, of the measuring alone", COMPLETE_NONE},
    {"gpu-model", 0, "GLOB", "only such cards, as in '*H100*'", COMPLETE_NONE},
    {"gpu-uuid", 0, "UUID", "this card alone", COMPLETE_GPU},
    {"gpu-memory", 0, "SIZE", "least memory of each card", COMPLETE_NONE},
    {"cpus", 'c', "N", "cpus", COMPLETE_NONE},
    {"memory", 'm', "SIZE", "memory: 4G, 512M; a plain number is MiB", COMPLETE_NONE},
    {"exclusive", 0, "WHAT", "none, gpu, or quiet (nothing else runs meanwhile)", COMPLETE_NONE},
    {"timeout", 't', "TIME", "end a process of the measuring after 30s, 2h", COMPLETE_NONE},
    {"priority", 0, "N", "-100..100, higher runs first", COMPLETE_NONE},
    {"queue", 'q', "NAME", "the queue", COMPLETE_NONE},
    {"env", 'e', "KEY[=VALUE]", "set a variable on both sides, or send the shell's own",
     COMPLETE_NONE},
    {"clean-env", 0, NULL, "send nothing else of the shell's environment", COMPLETE_NONE},
    {"cwd", 0, "DIR", "where commands run (default: here)", COMPLETE_FILE},
    {"build-root", 0, "DIR", "where builds are kept", COMPLETE_FILE},
    {0},
};

const char help_compare[] =
    "  (nothing)       in a checkout of an upstream: where HEAD left the upstream's branch, "
    "against\n"
    "                  the working tree as it is, untracked files included. git sees no change.\n"
    "  BASE HEAD       each one of: a branch, tag or commit; pull/N; merge-base; a folder (./dir:\n"
    "                  a checkout, or programs); job:N. One alone: against its merge-base\n"
    "  --command A --command B     two commands, here, with this shell's environment\n"
    "  --job A --job B             what two jobs measured: unpaired, drift is not controlled\n"
    "  --aa REF | --aa --command A\n"
    "  show [ID] | follow [ID] | report [ID] | cancel ID | ls\n"
    "\n"
    "  cail compare\n"
    "  cail compare main topic/x --recipe mlir-opt-bench --rounds 12\n"
    "  cail compare merge-base pull/4711 --recipe mlir-opt-bench --pr llvm#4711\n"
    "  cail compare main main --recipe setup-llvm --head-param build_type=RelWithDebInfo\n"
    "  cail compare ./build-a/bin ./build-b/bin --recipe mlir-opt-bench\n"
    "  cail compare --command './sort old' --command './sort new' --metric wall_time\n"
    "\n"
    "Both sides are built without a card, then measured in turns under one lease. Ctrl-C leaves\n"
    "it running. Exits with 0 nothing of --fail-on, 1 regression, 2 inconclusive (if --fail-on\n"
    "names it), 3 failed or missing, 4 not comparable; 66 canceled, 130 left running.\n"
    "The guide is docs/COMPARING.md.";

const struct opt opts_bisect[] = {
    {"recipe", 'r', "RECIPE", "what measures each commit", COMPLETE_RECIPE},
    {"param", 'p', "NAME=VALUE", "a parameter of the recipe", COMPLETE_NONE},
    {"metric", 0, "GLOB", "only this metric decides", COMPLETE_NONE},
    {"benchmark", 'b', "GLOB", "only this benchmark decides", COMPLETE_NONE},
    {"path", 0, "PATH", "only commits that touch it", COMPLETE_FILE},
    {"rounds", 0, "N", "pairs of processes of a comparison (default 10 or as many as it takes, at least 6)",
     COMPLETE_NONE},
    {"alpha", 0, "P", "how often a difference may be claimed where there is none (default 0.05)",
     COMPLETE_NONE},
    {"min-effect", 0, "PCT", "what counts: 2 is 2 %; or time=2,count=0.1 by kind", COMPLETE_NONE},
    {"no-confirm", 0, NULL, "do not measure a regression again in a fresh batch", COMPLETE_NONE},
    {"pr", 0, "PR", "the upstream pull request it belongs to", COMPLETE_NONE},
    {"limit", 0, "N", "ls: so many (default 25)", COMPLETE_NONE},
    {"detach", 'd', NULL, "do not wait: print the id", COMPLETE_NONE},
    {0},
};

const char help_bisect[] =
    "  GOOD BAD       commits, tags or branches of the recipe's upstream; GOOD comes before BAD\n"
    "  show ID | follow ID | cancel ID | ls\n"
    "\n"
    "  cail bisect v21 main --recipe mlir-opt-bench --metric wall_time\n"
    "  cail bisect 1a2b3c4 5d6e7f8 -r mlir-opt-bench -b canonicalize --path mlir/lib/Transforms\n"
    "\n"
    "Compares the two ends, then the last good commit with the middle, and last the one that is\n"
    "found with its own neighbour. What stays inconclusive with twice the rounds ends it with a\n"
    "range; what cannot be built is passed by. Commits are first parents, from the clone we stand\n"
    "in or the lab's mirror. Exits with 0 found, 1 a range or nothing, 3 failed, 66 canceled,\n"
    "130 left running.";

const struct opt opts_comparisons[] = {
    {"pr", 0, "PR", "only of this pull request", COMPLETE_NONE},
    {"recipe", 'r', "RECIPE", "only of this recipe", COMPLETE_RECIPE},
    {"limit", 0, "N", "so many (default 25)", COMPLETE_NONE},
    {0},
};
