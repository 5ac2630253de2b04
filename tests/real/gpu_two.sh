#!/bin/bash
# Two cards: jobs side by side on different ones, a job over both, a stranger on one, the daemon killed
# while both are leased. As gpu_one.sh otherwise.
#   tests/real/gpu_two.sh
#   tests/real/gpu_two.sh --judge FOLDER/doc
set -uo pipefail
# Multicast over NVLink is shared with others on some hosts; whoever may use it says so.
export NCCL_NVLS_ENABLE=${NCCL_NVLS_ENABLE:-0}
# shellcheck source-path=SCRIPTDIR source=gpu_lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/gpu_lib.sh"

side_by_side() {
    submit left "$(script "$(hold 12)" '.needs.gpus = 1')"
    submit right "$(script "$(hold 12)" '.needs.gpus = 1')"
    reach left running 20
    reach right running 20
    sleep 3
    keep gpus_side_by_side /gpus
    submit third "$(script "$(hold 1)" '.needs.gpus = 1')"
    submit pair "$(script "$(hold 3)" '.needs.gpus = 2')"
    sleep 1
    keep why_third "/jobs/${id[third]}/why"
    keep why_pair "/jobs/${id[pair]}/why"
    for name in left right third pair; do finish "$name" 40; done
}

stranger_on_one() {
    export CUDA_VISIBLE_DEVICES=$card
    outsider_start
    unset CUDA_VISIBLE_DEVICES
    gpus_reach "[.gpus[] | select(.state == \"busy\")] | length == 1" 20
    keep gpus_busy /gpus
    submit beside "$(script "$(hold 2)" '.needs.gpus = 1')"
    submit both "$(script "$(hold 2)" '.needs.gpus = 2')"
    finish beside 30
    keep why_both "/jobs/${id[both]}/why"
    outsider_end
    finish both 30
}

drained_one() {
    api POST "/gpus/$card/drain" '{"note": "kept for a person"}' >"$doc/drain.json"
    submit other "$(script "$(hold 2)" '.needs.gpus = 1')"
    finish other 30
    api POST "/gpus/$card/undrain" '{}' >"$doc/undrain.json"
}

daemon_killed() {
    submit kept "$(script "$(hold 20)" '.needs.gpus = 2')"
    reach kept running 20
    sleep 3
    note "kill -9 of cail-d"
    daemon_kill9
    sleep 2
    daemon_start
    sleep 3
    keep gpus_after_kill /gpus
    keep job_kept_after_kill "/jobs/${id[kept]}"
    finish kept 60
}

run() {
    gpus_reach '.gpus | length == 2 and all(.state == "free")' 20 ||
        keep_text probe "$kit/build/bin/cail-probe" --list
    keep gpus_idle /gpus
    keep_text nvidia_smi "$smi" -q
    keep_text topology "$smi" topo -m
    card=$(jq -r '.gpus[0].uuid // ""' "$doc/gpus_idle.json")
    [[ -n $card ]] || { note "no card: $(jq -c . "$doc/gpus_idle.json")" && return; }
    submit no_such_model "$(script true '.needs.gpus = 1 | .needs.gpu_model = "*No Such Card*"')"
    side_by_side
    nccl_tests nccl 2 1073741824
    keep provenance_nccl "/jobs/${id[nccl]}/provenance"
    stranger_on_one
    daemon_killed
    drained_one
}

# shellcheck disable=SC2016 # $k is jq's
table() {
    sed 's/^    //' <<'T'
    # what | document | jq
    both cards, by UUID | gpus_idle | [.gpus[].uuid] | sort == ($k.cards | sort)
    both free, by evidence | gpus_idle | .gpus | length == 2 and all(.state == "free" and .evidence.free)
    a model that is not here is refused | submit_no_such_model | .status == 422
    two jobs of one card run side by side | gpus_side_by_side | [.gpus[].lease.job] | sort == ([$k.ids.left, $k.ids.right] | sort)
    the one sees one card | log_left | [.text | scan("device [0-9]+: (GPU-[0-9a-f-]+)")] | length == 1
    the other one too | log_right | [.text | scan("device [0-9]+: (GPU-[0-9a-f-]+)")] | length == 1
    both ended well | job_left | .state == "succeeded" and .flags == []
    both | job_right | .state == "succeeded" and .flags == []
    a third waits and why names both | why_third | tostring | test("\($k.ids.left)") and test("\($k.ids.right)")
    a job over two waits for both | why_pair | tostring | test("\($k.ids.left)") and test("\($k.ids.right)")
    the job over two sees two | log_pair | [.text | scan("device [0-9]+: (GPU-[0-9a-f-]+)")[0]] | sort == ($k.cards | sort)
    nccl-tests over two: its own recipe built and ran it | job_nccl | .state == "succeeded" and .recipe == "nccl-tests"
    its build held no card | gpus_while_nccl_builds | .gpus | length == 2 and all(.lease == null)
    while it built | job_nccl_while_it_builds | .step.name == "build"
    busbw of each size is a metric | results_nccl | [.results[] | select(.metric == "busbw" and .value > 0)] | length > 5
    busbw at the largest size | results_nccl | [.results[] | select(.metric == "busbw_largest" and .value > 10)] | length == 1
    without multicast | log_nccl | .text | test("NCCL_NVLS_ENABLE=0")
    its telemetry has both cards | telemetry_nccl | [[.. | objects | select(has("samples") and has("uuid")) | .uuid] | unique[]] | sort == ($k.cards | sort)
    its provenance too | provenance_nccl | tostring | contains($k.cards[0]) and contains($k.cards[1])
    a stranger makes one card busy, not the other | gpus_busy | [.gpus[] | select(.state == "busy")] | length == 1
    it is named | gpus_busy | tostring | contains($k.outsider)
    a job of one card goes to the other | job_beside | .state == "succeeded" and .finished_at < $k.outsider_ended
    there | log_beside | .text | test($k.cards[1]) and (test($k.cards[0]) | not)
    a job over both waits and names the stranger | why_both | tostring | contains($k.outsider)
    and runs when it has ended | job_both | .state == "succeeded" and .finished_at > $k.outsider_ended
    the daemon died, the job over both did not | job_kept_after_kill | .state == "running" and (.attempts | length) == 1
    both leases are kept | gpus_after_kill | .gpus | length == 2 and all(.lease.job == $k.ids.kept)
    it succeeded, to its last line | log_kept | .text | contains("end of gpu_hold")
    with one card drained a job goes to the other | log_other | .text | test($k.cards[1]) and (test($k.cards[0]) | not)
    at the end both are free | gpus_last | .gpus | length == 2 and all(.lease == null and .quarantine == null)
T
}

kit_main "$@"
