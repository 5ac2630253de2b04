# shellcheck shell=bash
# MLIR's tests with the tools of a distribution: lit's site configuration is the tree's own template,
# filled in. Source after llvm.sh.
# shellcheck source=/dev/null
. "$CAIL_LIB/testsuite.sh"

# installed_tools: TOOLS, the folder with mlir-opt that was asked for; UTILS, that of the newest LLVM with FileCheck
# and not, and with mlir-opt where none was asked for; LIT.
installed_tools() {
    local dir
    TOOLS=$(param tools)
    [[ -z $TOOLS || -x $TOOLS/mlir-opt ]] || refuse "$TOOLS has no mlir-opt"
    while IFS= read -r dir; do
        if [[ -x $dir/FileCheck && -x $dir/not && (-n $TOOLS || -x $dir/mlir-opt) ]]; then
            UTILS=$dir TOOLS=${TOOLS:-$dir}
            lit_find "$dir"
            return
        fi
    done < <(printf '%s\n' ${TOOLS:+"$TOOLS"} && printf '%s\n' /usr/lib/llvm-*/bin | sort -rV)
    refuse "no LLVM here has mlir-opt, FileCheck and not (Debian packages: mlir-19-tools and llvm-19-tools)"
}

installed_fetch() {
    build_root_open
    installed_tools
    source_get llvm "$(param ref)"
    say "llvm: ${SRC_REF:-HEAD} is $SRC_SHA, tools: $TOOLS ($("$TOOLS/mlir-opt" --version |
        sed -n 's/^ *\(.*version.*\)$/\1/p'))"
    printf '%s\n' "$SRC_SHA" >"$CAIL_JOB_DIR/sha"
    printf '%s\n%s\n%s\n' "$TOOLS" "$LIT" "$UTILS" >"$CAIL_JOB_DIR/tools"
    {
        printf 'sha %s\ntools %s %s\nutils %s\nlit %s\n' "$SRC_SHA" "$TOOLS" \
            "$("$TOOLS/mlir-opt" --version | paste -sd' ')" "$UTILS" "$LIT"
        printf 'script %s\n' "$(sha256sum <"$CAIL_LIB/mlirtools.sh")"
    } | key_write
}

# installed_configure: $CAIL_BUILD_DIR/test with lit.site.cfg.py.
installed_configure() {
    build_root_open
    source_get llvm "$(<"$CAIL_JOB_DIR/sha")"
    source_link "$SRC_DIR"
    { read -r TOOLS && read -r LIT && read -r UTILS; } <"$CAIL_JOB_DIR/tools"
    mkdir -p -- "$CAIL_BUILD_DIR/test"
    python3 -c "$SITE_CONFIG" "$CAIL_BUILD_DIR" "$TOOLS" "$UTILS" "$("$TOOLS/mlir-opt" --version)" \
        <"$SRC_DIR/mlir/test/lit.site.cfg.py.in" >"$CAIL_BUILD_DIR/test/lit.site.cfg.py"
}

# The template with what is known filled in; anything else is off: "" where it is quoted, else 0.
SITE_CONFIG='
import os, platform, re, sys
build, tools, utils, version = sys.argv[1:]
llvm = os.path.dirname(tools)
known = {
    "LIT_SITE_CFG_IN_HEADER": "import os\ndef path(p):\n    return os.path.abspath(p) if p else \"\"\n",
    "LLVM_TARGET_TRIPLE": platform.machine() + "-pc-linux-gnu", "LLVM_NATIVE_ARCH": "X86",
    "LLVM_SOURCE_DIR": build + "/source/llvm", "MLIR_SOURCE_DIR": build + "/source/mlir",
    "MLIR_BINARY_DIR": build, "LLVM_TOOLS_DIR": utils, "MLIR_TOOLS_DIR": tools,
    "SHLIBEXT": ".so", "SHLIBDIR": llvm + "/lib", "MLIR_LIB_DIR": llvm + "/lib",
    "Python3_EXECUTABLE": sys.executable, "HOST_OS": "Linux", "HOST_ARCH": platform.machine(),
    "ENABLE_ASSERTIONS": "1" if "with assertions" in version else "0",
    # What Debian builds its tools for.
    "LLVM_HAS_NVPTX_TARGET": "1", "MLIR_ENABLE_ROCM_CONVERSIONS": "0",
}
def fill(m):
    quoted = m.string[m.start() - 1] in "\"" + chr(39)
    return known.get(m[1], "" if quoted else "0")
sys.stdout.write(re.sub(r"@(\w+)@", fill, sys.stdin.read()))
'
