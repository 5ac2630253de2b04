/* Inside parse/: the two functions of each row of the table. */
#ifndef PARSE_FORMATS_H
#define PARSE_FORMATS_H

#include "parse/parse.h"

enum { PARSE_HEAD = 4096 }; /* detect sees no more of the input */

#define PARSE_FORMAT(name)                                                                         \
    bool name##_detect(const char *p, size_t len);                                                 \
    int name##_parse(const char *p, size_t len, const char *benchmark, struct parse_out *out,      \
                     struct cail_err *err)

PARSE_FORMAT(bmf);
PARSE_FORMAT(criterion);
PARSE_FORMAT(cutlass);
PARSE_FORMAT(firecracker);
PARSE_FORMAT(ftime_trace);
PARSE_FORMAT(gbench);
PARSE_FORMAT(genai_perf);
PARSE_FORMAT(github_benchmark);
PARSE_FORMAT(go_bench);
PARSE_FORMAT(hlo_runner);
PARSE_FORMAT(hyperfine);
PARSE_FORMAT(junit);
PARSE_FORMAT(libtest);
PARSE_FORMAT(lit);
PARSE_FORMAT(mlir_timing);
PARSE_FORMAT(nccl_tests);
PARSE_FORMAT(ninja_log);
PARSE_FORMAT(nvbench);
PARSE_FORMAT(perf_analyzer);
PARSE_FORMAT(perf_stat);
PARSE_FORMAT(plain);
PARSE_FORMAT(pytest_benchmark);
PARSE_FORMAT(time_passes);
PARSE_FORMAT(trtllm_bench);

#endif
