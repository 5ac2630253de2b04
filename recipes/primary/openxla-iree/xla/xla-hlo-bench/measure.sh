# shellcheck shell=bash
# Each module through hlo_runner_main, `rounds` processes of `repeats` executions. What it prints is the
# result: a line for each execution, whose first is a warm-up.
# shellcheck source=/dev/null
. "$CAIL_LIB/container.sh"

program hlo_runner_main "$CAIL_BUILD_DIR/bin" || die "$MEASURED was not built"
device=host
if [[ $(param backend cpu) == cuda ]]; then
    (($(granted_cards) > 0)) || refuse "no card was leased; ask for one: --gpus 1"
    device=gpu
fi
rounds=$(rounds 3) own=$(param hlo)
files=("$CAIL_RECIPE_DIR/inputs/$(param input all).hlo")
if [[ -n $own ]]; then
    [[ -r $own ]] || refuse "hlo: there is no readable file at $own"
    files=("$own")
elif [[ $(param input all) == all ]]; then
    files=("$CAIL_RECIPE_DIR"/inputs/*.hlo)
fi
done_rounds=0
for file in "${files[@]}"; do
    name=${file##*/} name=${name%.*}
    # Under its own name in a folder of ours: the name is the benchmark's.
    cp -- "$file" "$CAIL_ARTIFACTS/$name.hlo"
    for ((round = 1; round <= rounds; round++)); do
        out=$CAIL_ATTEMPT_DIR/out
        (cd -- "$CAIL_ARTIFACTS" && "$MEASURED" "--device_type=$device" "--num_repeats=$(param repeats 20)" \
            --profile_execution=true --hlo_argument_mode=use_random_inputs "$name.hlo") 2>&1 | tee "$out"
        grep -q '^## Execution time, file=' "$out" || die "$name: the runner printed no times"
        cp -- "$out" "$CAIL_ARTIFACTS/$name.$round.txt"
        mv -- "$out" "$CAIL_RESULTS/$name.$round.txt"
        done_rounds=$((done_rounds + 1))
        progress "$done_rounds" "$((rounds * ${#files[@]}))" "$name"
    done
done
