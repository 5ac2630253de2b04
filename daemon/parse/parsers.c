/* The table of parsers. Order is the order of detection: the most telling first. */
#include <string.h>

#include "parse/formats.h"
#include "parse/parse.h"

const struct parser parsers[] = {
    {"mlir-timing", "mlir-opt -mlir-timing: text and JSON, list and tree", mlir_timing_detect,
     mlir_timing_parse},
    {"gbench", "Google Benchmark and iree-benchmark-module: JSON and console", gbench_detect,
     gbench_parse},
    {"nccl-tests", "nccl-tests: console and -J JSON, whose env is dropped", nccl_tests_detect,
     nccl_tests_parse},
    {"cutlass", "cutlass_profiler: CSV and console", cutlass_detect, cutlass_parse},
    {"lit", "LLVM lit -o, --resultdb-output, --time-trace-output and console; llvm-test-suite",
     lit_detect, lit_parse},
    {"hyperfine", "hyperfine --export-json and --export-csv", hyperfine_detect, hyperfine_parse},
    {"ninja-log", ".ninja_log: wall time, sum and each edge", ninja_log_detect, ninja_log_parse},
    {"ftime-trace", "clang -ftime-trace: the Total events", ftime_trace_detect, ftime_trace_parse},
    {"time-passes", "opt -time-passes and clang -ftime-report", time_passes_detect,
     time_passes_parse},
    {"criterion", "Criterion.rs: estimates.json, sample.json and console", criterion_detect,
     criterion_parse},
    {"libtest", "cargo test, cargo bench and bencher lines", libtest_detect, libtest_parse},
    {"pytest-benchmark", "pytest-benchmark JSON", pytest_benchmark_detect, pytest_benchmark_parse},
    {"nvbench", "nvbench --json", nvbench_detect, nvbench_parse},
    {"perf-stat", "perf stat -j and -x", perf_stat_detect, perf_stat_parse},
    {"go-bench", "go test -bench and -v", go_bench_detect, go_bench_parse},
    {"firecracker", "Firecracker metrics.json", firecracker_detect, firecracker_parse},
    {"github-benchmark", "github-action-benchmark: custom JSON and data.js",
     github_benchmark_detect, github_benchmark_parse},
    {"bmf", "Bencher Metric Format", bmf_detect, bmf_parse},
    {"perf-analyzer", "Triton perf_analyzer: CSV, profile export and console", perf_analyzer_detect,
     perf_analyzer_parse},
    {"genai-perf", "genai-perf and AIPerf: JSON and CSV", genai_perf_detect, genai_perf_parse},
    {"trtllm-bench", "trtllm-bench: --report_json and console", trtllm_bench_detect,
     trtllm_bench_parse},
    {"hlo-runner", "XLA hlo_runner_main and run_hlo_module", hlo_runner_detect, hlo_runner_parse},
    {"junit", "JUnit XML: pytest, lit, ctest, gtest, nextest", junit_detect, junit_parse},
    {"plain", "{name, unit, value or samples, better}: one object, an array or one a line",
     plain_detect, plain_parse},
};
const size_t n_parsers = ARRAY_LEN(parsers);

const struct parser *parse_find(const char *name)
{
    for (size_t i = 0; i < n_parsers; i++)
        if (strcmp(parsers[i].name, name) == 0)
            return &parsers[i];
    return NULL;
}

bool parse_has_tests(const char *name)
{
    static const char *const with[] = {"lit", "libtest", "go-bench", "hlo-runner", "junit"};
    for (size_t i = 0; i < ARRAY_LEN(with); i++)
        if (strcmp(with[i], name) == 0)
            return true;
    return false;
}

const struct parser *parse_detect(const char *p, size_t len)
{
    size_t head = len < PARSE_HEAD ? len : PARSE_HEAD;
    for (size_t i = 0; i < n_parsers; i++)
        if (parsers[i].detect(p, head))
            return &parsers[i];
    return NULL;
}
