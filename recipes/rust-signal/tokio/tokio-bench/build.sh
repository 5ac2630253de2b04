# shellcheck shell=bash
# Builds the benchmark programs without running them and puts each in $CAIL_BUILD_DIR/bench, with a file
# NAME.harness beside it that says how it wants to be run: criterion, bencher or demo. Cargo writes
# beside its sources, so it works on a copy.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/build.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/rust.sh"

# crate_line NAME: the version the tree's own benchmarks want, or with vendored crates whichever is there.
crate_line() {
    local line=''
    [[ $(param tokio tree) != tree ]] || line=$(grep -m1 "^$1 = " "$SRC_DIR/benches/Cargo.toml" || true)
    printf '%s\n' "${line:-"$1 = \"*\""}"
}

# manifest TOKIO: a crate of ours with the benchmarks asked for, against this Tokio.
manifest() {
    local name
    printf '[package]\nname = "cail-benches"\nversion = "0.0.0"\nedition = "2021"\npublish = false\n'
    printf '[workspace]\n[dependencies]\ntokio = { %s, features = ["full"] }\n' "$1"
    for name in bencher criterion rand rand_chacha libc; do
        ! grep -qs "\\b$name::" benches/*.rs || crate_line "$name"
    done
    for name in "${benches[@]}"; do
        printf '[[bench]]\nname = "%s"\nharness = false\n' "$name"
    done
}

# crate_make: benches/ with the sources, Cargo.toml. A benchmark that this commit does not have is told.
crate_make() {
    local name
    mkdir -p -- benches src
    : >src/lib.rs
    for name in "${benches[@]}"; do
        if [[ $name == echo ]]; then
            cp -- "$CAIL_RECIPE_DIR/demo/echo.rs" benches/
        else
            [[ -f $SRC_DIR/benches/$name.rs ]] ||
                refuse "this commit of Tokio has no benches/$name.rs; it has:" \
                    "$(cd -- "$SRC_DIR/benches" && printf '%s ' *.rs)"
            cp -- "$SRC_DIR/benches/$name.rs" benches/
        fi
    done
}

# built FILE: "NAME PATH" of each program, from cargo's messages.
built() {
    python3 - "$1" <<'PY'
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    if line.startswith("{"):
        m = json.loads(line)
        if m.get("executable") and m["target"]["kind"] == ["bench"]:
            print(m["target"]["name"], m["executable"])
PY
}

harness() {
    case $(sed -n 's/^use \(bencher\|criterion\)::.*/\1/p' "benches/$1.rs" | sed -n 1p) in
    bencher) echo bencher ;;
    criterion) echo criterion ;;
    *) if [[ $1 == echo ]]; then echo demo; else echo criterion; fi ;;
    esac
}

build_root_open
source_kept
rust_find
sccache_begin
IFS=, read -ra benches <<<"$(param benches sync_mpsc)"
crate=$CAIL_BUILD_DIR/crate
rm -rf -- "$crate" "$CAIL_BUILD_DIR/bench" "$CAIL_BUILD_DIR/tree"
mkdir -p -- "$crate" "$CAIL_BUILD_DIR/bench"
cd "$crate" || exit
crate_make
if [[ $(param tokio tree) == tree ]]; then
    # A copy, whole: its own crates name each other by path.
    cp -a --reflink=auto -- "$SRC_DIR" "$CAIL_BUILD_DIR/tree"
    manifest 'path = "../tree/tokio"' >Cargo.toml
    printf '[patch.crates-io]\ntokio = { path = "../tree/tokio" }\n' >>Cargo.toml
    sed -i '/^\[dependencies\]/a tokio-util = { path = "../tree/tokio-util", features = ["full"] }\ntokio-stream = { path = "../tree/tokio-stream" }' Cargo.toml
else
    [[ -n $(param vendor) ]] || refuse "tokio=vendored needs -p vendor=/folder/of/crates"
    manifest 'version = "1"' >Cargo.toml
fi
vendor=$(param vendor)
[[ -z $vendor ]] || rust_vendor "$vendor"
export CARGO_TARGET_DIR=$CAIL_BUILD_DIR/target
messages=$CAIL_ATTEMPT_DIR/cargo-messages
began=$(now_us)
cargo_try bench --no-run --message-format=json-render-diagnostics -j "$(granted_cpus)" >"$messages"
while read -r name path; do
    cp -- "$path" "$CAIL_BUILD_DIR/bench/$name"
    harness "$name" >"$CAIL_BUILD_DIR/bench/$name.harness"
done < <(built "$messages")
cp -- Cargo.lock "$CAIL_ARTIFACTS/Cargo.lock.txt"
for name in "${benches[@]}"; do
    [[ -x $CAIL_BUILD_DIR/bench/$name ]] || die "cargo built no benchmark $name"
done
sccache_report tokio-bench
link_newest "$CAIL_BUILD_DIR" "$CAIL_BUILD_ROOT/current/tokio-bench"
say "built in $(us_to s $(($(now_us) - began))) s: $CAIL_BUILD_DIR/bench," \
    "tokio $(sed -n '/^name = "tokio"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)"
