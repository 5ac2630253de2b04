#!/bin/bash
# What this machine has for compiler work, and what each recipe still lacks here. Needs no lab:
#   tools/env_check.sh           a table
#   tools/env_check.sh --json    the same as one JSON object (what GET /env embeds)
#   tools/env_check.sh --report DIR  the table, and DIR/env.json and DIR/counts beside it
# Exit code 0 whatever is missing; 64 for bad usage.
set -uo pipefail
export LC_ALL=C

here=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
recipes=${CAIL_RECIPES:-$here/../recipes}
if [[ ! -r $recipes/lib/tools.sh ]]; then
    echo "env_check: no recipes at $recipes (set CAIL_RECIPES)" >&2
    exit 64
fi
# shellcheck source=/dev/null
. "$recipes/lib/tools.sh"

usage() {
    sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

# Tool and the Debian package that has it. "-": not in Debian.
known_tools='git git
cmake cmake
ninja ninja-build
make make
gcc gcc
g++ g++
clang clang
lld lld
ccache ccache
python3 python3
jq jq
curl curl
shellcheck shellcheck
mlir-opt mlir-19-tools
mlir-translate mlir-19-tools
opt llvm-19
FileCheck llvm-19-tools
perf linux-perf
docker docker.io
podman podman
nvidia-smi nvidia-smi
nvcc nvidia-cuda-toolkit
cargo cargo
rustc rustc
bazel -'

declare -A tool_at tool_is tool_pkg
declare -a tool_order=()

# look NAME PACKAGE: once for each name, whoever asks.
look() {
    local name=$1 path
    [[ -z ${tool_pkg[$name]+x} ]] || return 0
    tool_order+=("$name")
    tool_pkg[$name]=$2
    tool_at[$name]='' tool_is[$name]=''
    if path=$(tool_path "$name"); then
        tool_at[$name]=$path
        tool_is[$name]=$(tool_version "$name" "$path")
    fi
}

# What recipes need, one line each: recipe TAB tool TAB min|- TAB package TAB required|optional. A
# recipe without needs gives one line with the tool "-".
read_with_python() {
    python3 - "$@" <<'PY'
import json, sys
for path in sys.argv[1:]:
    try:
        with open(path, encoding="utf-8") as f:
            r = json.load(f)
        tools = r.get("requires", {}).get("tools", []) or [{"name": "-"}]
        for t in tools:
            print(r["name"], t["name"], t.get("min", "-"), t.get("package", "-"),
                  "optional" if t.get("optional") else "required", sep="\t")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as e:
        print(f"env_check: {path}: {e}", file=sys.stderr)
PY
}

read_with_jq() {
    local file
    for file in "$@"; do
        jq -r '.name as $r | (.requires.tools // [{name: "-"}])[]
            | [$r, .name, .min // "-", .package // "-",
               (if .optional then "optional" else "required" end)] | @tsv' "$file" ||
            echo "env_check: $file: cannot be read" >&2
    done
}

declare -a recipe_order=()
declare -A recipe_lacks recipe_seen
recipes_note=''

read_recipes() {
    local -a files
    local recipe tool min package presence version need reader
    # <group>/<upstream>/<name>/, and a group may have two parts.
    mapfile -t files < <(find "$recipes" -mindepth 4 -maxdepth 5 -name recipe.json | LC_ALL=C sort)
    ((${#files[@]} > 0)) || return 0
    if command -v python3 >/dev/null; then
        reader=read_with_python
    elif command -v jq >/dev/null; then
        reader=read_with_jq
    else
        recipes_note='neither python3 nor jq is here: what recipes need was not compared'
        return 0
    fi
    while IFS=$'\t' read -r recipe tool min package presence; do
        if [[ -z ${recipe_seen[$recipe]+x} ]]; then
            recipe_seen[$recipe]=1
            recipe_order+=("$recipe")
            recipe_lacks[$recipe]=''
        fi
        [[ $tool != - ]] || continue
        look "$tool" "$package"
        [[ $presence == required ]] || continue
        version=${tool_is[$tool]}
        need=$min
        [[ $min != - ]] || need=any
        if [[ -z ${tool_at[$tool]} ]] ||
            { [[ $min != - ]] && { [[ -z $version ]] || ! version_ge "$version" "$min"; }; }; then
            recipe_lacks[$recipe]+="$tool"$'\t'"$need"$'\t'"${version:--}"$'\t'"$package"$'\n'
        fi
    done < <("$reader" "${files[@]}")
}

# docker: the client alone runs nothing, the daemon has to answer.
docker_version='' docker_usable=false docker_reason='not installed'
look_docker() {
    local said
    [[ -n ${tool_at[docker]} ]] || return 0
    docker_version=${tool_is[docker]}
    if said=$(timeout 10 docker info --format '{{.ServerVersion}}' 2>&1 </dev/null) &&
        [[ $said =~ ^[0-9] ]]; then
        docker_usable=true docker_reason=''
    else
        docker_reason=$(grep -m1 . <<<"$said" || echo 'its daemon does not answer')
    fi
}

json_string() {
    local s=$1
    if [[ -z $s ]]; then
        printf null
        return
    fi
    s=${s//\\/\\\\} s=${s//\"/\\\"} s=${s//$'\t'/ }
    s=$(LC_ALL=C tr -d '\000-\037\177-\377' <<<"$s")
    printf '"%s"' "$s"
}

os_name() {
    local name=''
    [[ ! -r /etc/os-release ]] || name=$(. /etc/os-release && printf '%s' "${PRETTY_NAME:-}")
    printf '%s' "${name:-$(uname -s)}"
}

memory_mib() { awk '/^MemTotal:/ { printf "%d", $2 / 1024 }' /proc/meminfo; }

print_json() {
    local name sep='' tool need found package lsep ready
    printf '{"host":%s,"kernel":%s,"os":%s,"cpus":%s,"memory_mib":%s,"tools":[' \
        "$(json_string "$(uname -n)")" "$(json_string "$(uname -r)")" \
        "$(json_string "$(os_name)")" "$(nproc)" "$(memory_mib)"
    for name in "${tool_order[@]}"; do
        package=${tool_pkg[$name]}
        printf '%s{"name":%s,"path":%s,"version":%s,"package":%s}' "$sep" \
            "$(json_string "$name")" "$(json_string "${tool_at[$name]}")" \
            "$(json_string "${tool_is[$name]}")" "$(json_string "${package#-}")"
        sep=,
    done
    printf '],"recipes":['
    sep=''
    for name in ${recipe_order[@]+"${recipe_order[@]}"}; do
        ready=true
        [[ -z ${recipe_lacks[$name]} ]] || ready=false
        printf '%s{"name":%s,"ready":%s,"missing":[' "$sep" "$(json_string "$name")" "$ready"
        lsep=''
        while IFS=$'\t' read -r tool need found package; do
            [[ -n $tool ]] || continue
            printf '%s{"tool":%s,"need":%s,"found":%s,"package":%s}' "$lsep" \
                "$(json_string "$tool")" "$(json_string "$need")" \
                "$(json_string "${found#-}")" "$(json_string "${package#-}")"
            lsep=,
        done <<<"${recipe_lacks[$name]}"
        printf ']}'
        sep=,
    done
    printf '],"driver":%s,"docker":{"version":%s,"usable":%s,"reason":%s}}\n' \
        "$(json_string "${tool_is[nvidia-smi]}")" "$(json_string "$docker_version")" \
        "$docker_usable" "$(json_string "$docker_reason")"
}

print_table() {
    local name tool need found package
    printf '%s  %s  %s  %s CPUs  %s MiB\n\n' "$(uname -n)" "$(uname -r)" "$(os_name)" "$(nproc)" \
        "$(memory_mib)"
    printf '%-15s %-10s %s\n' TOOL VERSION PATH
    for name in "${tool_order[@]}"; do
        if [[ -n ${tool_at[$name]} ]]; then
            printf '%-15s %-10s %s\n' "$name" "${tool_is[$name]:-?}" "${tool_at[$name]}"
        elif [[ ${tool_pkg[$name]} == - ]]; then
            printf '%-15s %-10s not here\n' "$name" -
        else
            printf '%-15s %-10s not here (Debian package: %s)\n' "$name" - "${tool_pkg[$name]}"
        fi
    done
    printf '\nGPU driver: %s\n' "${tool_is[nvidia-smi]:-none}"
    printf 'docker: %s\n' "${docker_reason:-$docker_version, its daemon answers}"
    if [[ -n $recipes_note ]]; then
        printf '\n%s\n' "$recipes_note"
        return 0
    fi
    printf '\n%-18s %s\n' RECIPE STATE
    for name in ${recipe_order[@]+"${recipe_order[@]}"}; do
        if [[ -z ${recipe_lacks[$name]} ]]; then
            printf '%-18s ready\n' "$name"
            continue
        fi
        while IFS=$'\t' read -r tool need found package; do
            [[ -n $tool ]] || continue
            [[ $need != any ]] || need='any version'
            [[ $found != - ]] || found=none
            printf '%-18s lacks %s: needs %s, found %s (Debian package: %s)\n' "$name" "$tool" \
                "$need" "$found" "$package"
        done <<<"${recipe_lacks[$name]}"
    done
}

print_counts() {
    local name have=0 lack=0 ready=0 not_ready=0
    for name in "${tool_order[@]}"; do
        if [[ -n ${tool_at[$name]} ]]; then have=$((have + 1)); else lack=$((lack + 1)); fi
    done
    for name in ${recipe_order[@]+"${recipe_order[@]}"}; do
        if [[ -z ${recipe_lacks[$name]} ]]; then
            ready=$((ready + 1))
        else
            not_ready=$((not_ready + 1))
        fi
    done
    printf 'tools_found %d\ntools_missing %d\nrecipes_ready %d\nrecipes_not_ready %d\n' \
        "$have" "$lack" "$ready" "$not_ready"
}

report_dir=''
form=table
case ${1-}:$# in
:0) ;;
--json:1) form=json ;;
--report:2)
    report_dir=$2
    if [[ ! -d $report_dir ]]; then
        echo "env_check: $report_dir is not a folder" >&2
        exit 64
    fi
    ;;
-h:1 | --help:1)
    usage
    exit 0
    ;;
*)
    usage >&2
    exit 64
    ;;
esac

while read -r name package; do
    look "$name" "$package"
done <<<"$known_tools"
read_recipes
look_docker
"print_$form"
if [[ -n $report_dir ]]; then
    print_json >"$report_dir/env.json"
    print_counts >"$report_dir/counts"
fi
