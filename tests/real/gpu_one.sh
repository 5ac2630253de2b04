#!/bin/bash
# One card: leases, evidence, telemetry and recipes of a real one, driven only through curl and cail.
# Needs the kit (gpu_kit.sh). OUT=FOLDER gets summary.txt, run.log, cail-d.log, documents.tar.gz.
#   tests/real/gpu_one.sh                    # about 6 minutes, ends itself after KIT_SECONDS (540)
#   tests/real/gpu_one.sh --judge FOLDER/doc # the table again over kept documents
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=gpu_lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/gpu_lib.sh"

# What a job sees; its own shell expands it.
# shellcheck disable=SC2016
look='echo "CUDA_VISIBLE_DEVICES=[$CUDA_VISIBLE_DEVICES]"
echo "CUDA_DEVICE_ORDER=[$CUDA_DEVICE_ORDER]"
echo "CAIL_GPU_UUIDS=[$CAIL_GPU_UUIDS]"'

sees_its_card() {
    submit env_check '{"recipe": "env-check"}'
    submit look "$(script "$look
$smi -L
$(hold 2)" '.needs.gpus = 1')"
    submit cpu "$(script "$look")"
    finish look 30
    finish cpu 20
    finish env_check 60
    submit unused "$(script 'sleep 3' '.needs.gpus = 1')"
    finish unused 30
    submit too_many "$(script true '.needs.gpus = 2')"
}

second_waits() {
    submit first "$(script "$(hold 10)" '.needs.gpus = 1 | .name = "first"')"
    reach first running 20
    sleep 2
    submit second "$(script "$(hold 1)" '.needs.gpus = 1')"
    sleep 1
    keep why_second "/jobs/${id[second]}/why"
    keep_text cail_why_second "$cail" why "${id[second]}"
    keep gpus_leased /gpus
    keep_text cail_gpus "$cail" gpus
    keep_text gpus_text curl -sS -H 'Accept: text/plain' "$CAIL_URL/gpus"
    finish first 30
    finish second 30
}

# A card by name: the beginning of its UUID; who waits for it is told by whom it is held.
named_card() {
    submit named "$(script "$look
$(hold 6)" ".needs.gpu_uuid = \"${card:0:12}\"")"
    reach named running 20
    submit named_waits "$(script "$(hold 1)" ".needs.gpu_uuid = \"$card\"")"
    sleep 1
    keep why_named "/jobs/${id[named_waits]}/why"
    keep_text cail_why_named "$cail" why "${id[named_waits]}"
    submit named_absent "$(script true '.needs.gpu_uuid = "GPU-00000000-dead"')"
    finish named 30
    finish named_waits 30
    # shellcheck disable=SC2016 # its own shell expands it
    keep_text exec_named "$cail" gpu exec --gpu-uuid "${card:0:12}" --for 1m -- \
        sh -c 'echo "CUDA_VISIBLE_DEVICES=[$CUDA_VISIBLE_DEVICES]"'
}

# The job, then the same under each tool: a trace as an artifact, or a word that says what is missing.
profiled() {
    local tool
    for tool in perf nsys ncu; do
        keep_text "profile_$tool" "$cail" run --profile "$tool" --gpus 1 --timeout 60 -- \
            env "LD_LIBRARY_PATH=$libs" "$kit/prebuilt/gpu_hold" 2 256
        keep "jobs_$tool" '/jobs?limit=2'
        note "profile $tool: $(jq -r '"\(.code) \(.text | split("\n") | map(select(. != "")) | last)"' \
            "$doc/profile_$tool.json")"
    done
}

# The same text each time; how often the GEMM is repeated stands in a file: some milliseconds, which no
# power cap sees, then seconds.
slow_beside_clean() {
    local text i bin=$work/builds/current/cutlass-gemm/gemm
    [[ -x $bin ]] || bin=$kit/prebuilt/gemm
    text="out=\$($bin --m=4096 --n=4096 --k=4096 --iterations=\$(cat $work/iterations))
printf '%s\\n' \"\$out\"
echo \"::cail metric name=gflops value=\$(sed -n 's/^ *GFLOPS: \\([0-9.e+-]*\\)\$/\\1/p' <<<\"\$out\") unit=GFLOP/s better=higher\"
sleep 1"
    for i in 1 2 3 4; do
        echo $((i == 4 ? 30000 : 20)) >"$work/iterations"
        submit "slow$i" "$(script "$text" '.kind = "benchmark" | .needs.gpus = 1 | .name = "gemm-4096"')"
        finish "slow$i" 60
    done
    keep why_slow "/jobs/${id[slow4]}/why"
    keep_text cail_why_slow "$cail" why "${id[slow4]}"
    keep_text cail_show_slow "$cail" show "${id[slow4]}"
    keep provenance_slow "/jobs/${id[slow4]}/provenance"
    note "$(jq -r .summary "$doc/why_slow.json")"
}

outside_the_queue() {
    outsider_start
    gpus_reach '.gpus[0].state == "busy"' 20
    keep gpus_busy /gpus
    submit after_outsider "$(script "$(hold 1)" '.needs.gpus = 1')"
    sleep 6
    keep job_beside_outsider "/jobs/${id[after_outsider]}"
    keep why_busy "/jobs/${id[after_outsider]}/why"
    keep_text cail_why_busy "$cail" why "${id[after_outsider]}"
    outsider_end
    finish after_outsider 30
}

drained() {
    api POST "/gpus/$card/drain" '{"note": "fan is being cleaned"}' >"$doc/drain.json"
    submit drained "$(script "$(hold 1)" '.needs.gpus = 1')"
    sleep 3
    keep gpus_drained /gpus
    keep job_while_drained "/jobs/${id[drained]}"
    keep why_drained "/jobs/${id[drained]}/why"
    api POST "/gpus/$card/undrain" '{}' >"$doc/undrain.json"
    finish drained 30
}

daemon_killed() {
    submit kept "$(script "$(hold 25)" '.needs.gpus = 1 | .kind = "benchmark"')"
    reach kept running 20
    sleep 4
    note "kill -9 of cail-d"
    daemon_kill9
    sleep 2
    daemon_start
    sleep 3
    keep job_kept_after_kill "/jobs/${id[kept]}"
    keep gpus_after_kill /gpus
    submit behind "$(script "$(hold 1)" '.needs.gpus = 1')"
    sleep 1
    keep why_behind "/jobs/${id[behind]}/why"
    keep job_behind_kept "/jobs/${id[behind]}"
    finish kept 60
    finish behind 30
}

run() {
    gpus_reach '.gpus | length == 1 and .[0].state == "free"' 20 ||
        keep_text probe "$kit/build/bin/cail-probe" --list
    keep gpus_idle /gpus
    keep env /env
    keep version /version
    keep_text nvidia_smi "$smi" -q
    card=$(jq -r '.gpus[0].uuid // ""' "$doc/gpus_idle.json")
    [[ -n $card ]] || { note "no card: $(jq -c . "$doc/gpus_idle.json")" && return; }
    sees_its_card
    second_waits
    named_card
    outside_the_queue
    gemm large 8192 6
    gemm small 512 3
    slow_beside_clean
    profiled
    nccl_tests nccl 1 268435456
    daemon_killed
    drained
}

# shellcheck disable=SC2016 # $k is jq's
table() {
    sed 's/^    //' <<'T'
    # what | document | jq
    the card that nvidia-smi names, by UUID | gpus_idle | ($k.cards | length == 1) and [.gpus[].uuid] == $k.cards
    it is free, by evidence | gpus_idle | .gpus[0] | .state == "free" and .evidence.free
    env-check runs | job_env_check | .state == "succeeded"
    a GPU job gets the full UUID | log_look | .text | contains("CUDA_VISIBLE_DEVICES=[\($k.cards[0])]")
    and PCI order | log_look | .text | contains("CUDA_DEVICE_ORDER=[PCI_BUS_ID]")
    CUDA sees exactly that card | log_look | [.text | scan("device [0-9]+: (GPU-[0-9a-f-]+)")[0]] | length == 1 and . == $k.cards
    a CPU job gets an empty list | log_cpu | .text | contains("CUDA_VISIBLE_DEVICES=[]")
    a job that used its card has no such flag | job_look | [.flags[] | select(test("_card"))] == []
    a job that never used its card is flagged | job_unused | .flags | index("unused_card") != null
    two cards are refused on a machine of one | submit_too_many | .status == 422
    the second job waits: why names the first | why_second | tostring | test("job \($k.ids.first)\\b")
    cail why names the first | cail_why_second | .text | test("job \($k.ids.first)\\b")
    GET /gpus names who leases | gpus_leased | .gpus[0] | .state == "leased" and .lease.job == $k.ids.first
    cail gpus names who leases | cail_gpus | .code == 0 and (.text | test("job \($k.ids.first)\\b"))
    the second ran after the first | job_second | .state == "succeeded"
    a card by the beginning of its UUID | job_named | .state == "succeeded" and .needs.gpu_uuid == $k.cards and .attempts[-1].gpus == $k.cards
    the next who names it waits: why names card and holder | why_named | .summary | contains("waits for \($k.cards[0]), held by job \($k.ids.named)")
    cail why too | cail_why_named | .text | contains("held by job \($k.ids.named)")
    then it ran on that card | job_named_waits | .state == "succeeded" and .attempts[-1].gpus == $k.cards
    a card that is not here is refused | submit_named_absent | .status == 422 and (tostring | test("no card GPU-00000000-dead"))
    cail gpu exec takes it by name | exec_named | .code == 0 and (.text | contains("CUDA_VISIBLE_DEVICES=[\($k.cards[0])]"))
    three short GEMMs are clean | job_slow3 | .state == "succeeded" and (.flags | index("tainted") | not)
    the long one of the same text is tainted | job_slow4 | .state == "succeeded" and (.flags | index("tainted") != null)
    why holds it against the clean ones | why_slow | .series | (.clean_jobs | sort) == ([$k.ids.slow1, $k.ids.slow2, $k.ids.slow3] | sort) and .ratio < 0.98
    and names the power cap with its time | why_slow | .series.differences | any(.what == "sw_power_cap" and .value > 1000)
    and the lower clock | why_slow | .series.differences | any(.what == "sm_clock" and .value < .usual)
    cail why says so in words | cail_why_slow | .text | test("[0-9]+ % below your median of 3 clean runs.*sw_power_cap [0-9]+")
    provenance: load, governor, other jobs | provenance_slow | .attempts[-1].provenance | (.load_1m_at_start | type) == "number" and has("governor") and .other_jobs == []
    cail show tells the load | cail_show_slow | .text | test("machine +load")
    perf: a trace, or a word what keeps it away | profile_perf | .code == 0 and (.text | test("open it: perf report")) or .code == 64 and (.text | test("perf (may not sample|is not installed)"))
    nsys: a trace, or a word | profile_nsys | .code == 0 and (.text | test("open it: nsys stats")) or .code == 64 and (.text | test("nsys is not installed"))
    ncu: a trace, or a word | profile_ncu | .code == 0 and (.text | test("open it: ncu --import")) or (.text | test("ncu (is not installed|may not read)|left no trace"))
    a process outside the queue makes the card busy | gpus_busy | .gpus[0].state == "busy"
    it is named in /gpus by pid and user | gpus_busy | .gpus[0] | [.reason, .evidence.reason, .processes] | tostring | contains($k.outsider) and contains($k.user)
    a job waits meanwhile | job_beside_outsider | .state == "queued" or .state == "running" and .attempts[-1].started_at == null
    why names its pid and user | why_busy | tostring | contains($k.outsider) and contains($k.user)
    cail why names its pid | cail_why_busy | .text | contains($k.outsider)
    the job ran when it had ended | job_after_outsider | .state == "succeeded" and .finished_at > $k.outsider_ended
    cutlass-gemm 8192: its own recipe built and ran it | job_large | .state == "succeeded" and .recipe == "cutlass-gemm"
    it is tainted | job_large | .flags | index("tainted") != null
    by the power cap, with throttled ms | telemetry_large | [.. | objects | select(.verdict? == "tainted" and (.reasons | index("sw_power_cap")) and .throttled_ms > 0)] | length > 0
    its speed is a metric | results_large | [.results[] | select(.metric == "gflops" and .value > 200000)] | length > 0
    cail why tells the power cap | cail_why_large | .text | test("power")
    cutlass-gemm 512: ran | job_small | .state == "succeeded" and .recipe == "cutlass-gemm"
    from the cached build | job_small | .cached
    it is not tainted | job_small | .flags | index("tainted") == null
    its verdict is clean | telemetry_small | [.. | objects | select(has("verdict")) | .verdict] | length > 0 and all(. == "clean")
    sampled at 10 Hz | telemetry_large | [.. | objects | select(has("hz")) | .hz] | index(10) != null
    provenance: card, driver, kernel | provenance_large | tostring | contains($k.cards[0]) and contains($k.driver) and contains($k.kernel)
    provenance: the verdict | provenance_large | tostring | test("tainted") and test("sw_power_cap")
    the daemon died, the job did not | job_kept_after_kill | .state == "running" and (.attempts | length) == 1
    its lease is kept | gpus_after_kill | .gpus[0].lease.job == $k.ids.kept
    the next job waits for it | why_behind | tostring | test("job \($k.ids.kept)\\b")
    the kept job succeeded, to its last line | log_kept | .text | contains("end of gpu_hold")
    once | job_kept | .state == "succeeded" and (.attempts | length) == 1
    its telemetry goes on after the adoption | telemetry_kept | [.. | objects | select(has("verdict"))] | length > 0
    then the next | job_behind | .state == "succeeded"
    a drained card is told | gpus_drained | .gpus[0] | .state == "drained" and .drained
    a job waits meanwhile, why says drained | why_drained | tostring | test("drained")
    it did not start | job_while_drained | .state == "queued"
    undrained, it ran | job_drained | .state == "succeeded"
    nccl-tests: its own recipe built and ran it | job_nccl | .state == "succeeded" and .recipe == "nccl-tests"
    its build held no card | gpus_while_nccl_builds | .gpus[0] | .uuid != null and .lease == null
    while it built | job_nccl_while_it_builds | .step.name == "build"
    its figures are metrics | results_nccl | [.results[] | select(.metric == "algbw" and .value > 0)] | length > 5
    at the largest size too | results_nccl | [.results[] | select(.metric == "algbw_largest")] | length == 1
    no secret of the environment is kept | results_nccl | (.results | length > 0) and (tostring | test("TOKEN") | not)
    metrics tell of the card | metrics | .text | contains($k.cards[0])
    at the end the card is free | gpus_last | .gpus[0] | .uuid != null and .lease == null and .quarantine == null
T
}

kit_main "$@"
