# shellcheck shell=bash
# hlo_runner_main in $CAIL_BUILD_DIR/bin: a copy of the one named, or built by bazel. configure.py writes
# beside the sources, so it works on a copy of them; bazel's own tree lies in the build too, and a build
# that was stopped goes on from it.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/build.sh"

build_root_open
mkdir -p -- "$CAIL_BUILD_DIR/bin"
runner=$(param runner)
if [[ -n $runner ]]; then
    cp -L -- "$runner" "$CAIL_BUILD_DIR/bin/hlo_runner_main"
    exit 0
fi
source_kept
bazel=$(tool_path bazel)
build_jobs 4096 2048
target=//xla/tools/multihost_hlo_runner:hlo_runner_main
backend=$(param backend cpu)
tree=$CAIL_BUILD_DIR/tree
if [[ ! -d $tree ]]; then
    rm -rf -- "$tree.part"
    cp -a --reflink=auto -- "$SRC_DIR" "$tree.part"
    mv -T -- "$tree.part" "$tree"
fi
cd "$tree" || exit
python3 ./configure.py "--backend=${backend^^}"
began=$(now_us)
"$bazel" "--output_base=$CAIL_BUILD_DIR/bazel" build -c opt --jobs="$BUILD_JOBS" --curses=no --color=no \
    --spawn_strategy=sandboxed "$target"
built=$("$bazel" "--output_base=$CAIL_BUILD_DIR/bazel" info -c opt bazel-bin)
cp -L -- "$built/xla/tools/multihost_hlo_runner/hlo_runner_main" "$CAIL_BUILD_DIR/bin/"
"$bazel" "--output_base=$CAIL_BUILD_DIR/bazel" shutdown
link_newest "$CAIL_BUILD_DIR" "$CAIL_BUILD_ROOT/current/xla-hlo-bench"
say "built in $(us_to s $(($(now_us) - began))) s"
