#!/usr/bin/env bash
# Runs every fuzz target of build/fuzz, two at a time, from its kept corpus: those of the formats that
# everything is built on for the seconds given, each of the others for a quarter of that.
# A crash is printed with its input and kept in build/fuzz/crashes.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
mkdir -p build/fuzz/crashes build/fuzz/work
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
run_one() {
    local target=$1 seconds=$2 name
    name=$(basename "$target")
    case $name in fuzz_csv | fuzz_json | fuzz_formula | fuzz_query) ;; *) seconds=$(((seconds + 3) / 4)) ;; esac
    mkdir -p "build/fuzz/work/$name" "tests/fuzz/corpus/${name#fuzz_}"
    if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/crashes/$name-" "build/fuzz/work/$name" "tests/fuzz/corpus/${name#fuzz_}" \
        >"build/fuzz/work/$name.log" 2>&1; then
        echo "$name: $(grep -o 'stat::number_of_executed_units: *[0-9]*' "build/fuzz/work/$name.log" | grep -o '[0-9]*$') inputs, no crash"
    else
        echo "$name: FAILED"; tail -n 60 "build/fuzz/work/$name.log"
        return 1
    fi
}
export -f run_one
find build/fuzz/fuzz -name 'fuzz_*' -type f -executable | sort | xargs -P 2 -I{} bash -c 'run_one "$1" "$2"' _ {} "$seconds"
