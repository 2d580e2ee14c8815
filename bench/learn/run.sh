#!/usr/bin/env bash
# Measures the decision core on real data beside published results and, where installable, beside
# peers on the same machine.
#   bench/learn/run.sh [JOB|all]     BUILD=build/release DATA=../shared/data PEERS=1
# PEERS=1 installs the peers of peers/JOB.txt with pip into build/peers-JOB and runs peers/JOB.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${BUILD:-build/release} data=${DATA:-../shared/data}
[ -f "$build/build.ninja" ] || { echo "build first: ./start.sh --build-only" >&2; exit 1; }

bench() { # JOB
    ninja -C "$build" --quiet "bench_learn_$1"
    "$build/bench/bench_learn_$1" "$data"
    [ "${PEERS:-0}" = 1 ] && [ -f "bench/learn/peers/$1.py" ] || return 0
    local venv=build/peers-$1
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    if "$venv/bin/pip" install --quiet -r "bench/learn/peers/$1.txt"; then
        "$venv/bin/python" "bench/learn/peers/$1.py" "$data" "$build/bin/winnow"
    else
        echo "$1: peers skipped, they could not be installed"
    fi
}

case ${1:-all} in
    all) for source in bench/learn/*.c; do bench "$(basename "$source" .c)"; done ;;
    *) [ -f "bench/learn/$1.c" ] || { echo "there is no bench '$1'" >&2; exit 2; }; bench "$1" ;;
esac
